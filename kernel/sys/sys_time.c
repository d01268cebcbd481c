/*
 * System calls about time: clocks and sleeping.
 *
 * All clocks but the two of processor time are os_now_ns() or, for the time of day, that and an offset. The
 * COARSE ones are no cheaper here, and give what the others give; their resolution says what it would be on
 * Linux with this tick.
 *
 * A relative sleep that a signal interrupts goes on through restart_syscall(2) when no handler runs, until
 * the time that was meant at first. A sleep until a time of day looks again when somebody sets the clock.
 */
#include "kernel/fs/timerfd.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptimer.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/dayclock.h"
#include "kernel/sched/time.h"
#include "kernel/sched/usertime.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_time.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

#define SECOND 1000000000ull

enum { TIMER_ABSTIME = 1 };

/* Absolute sleeps on the time of day wait here too, so that setting the clock wakes them. */
static struct waitq clock_set_wait;

/* --- clocks --- */

/* The process or thread of a negative clock number, and what its clock shows. */
static int cpu_clock_of(int clock, uint64_t *ns)
{
    int id = cpuclock_id(clock), kind = clock & CPUCLOCK_KIND;
    uint64_t user, system;

    if (clock & CPUCLOCK_THREAD) {
        const struct thread *t = id ? thread_find(id) : thread_current();

        if (!t || t->process != process_current())
            return -EINVAL;
        thread_times(t, &user, &system);
    } else {
        const struct process *p = id ? process_find(id) : process_current();

        if (!p)
            return -EINVAL;
        process_times(p, &user, &system);
    }
    if (kind > CPUCLOCK_SCHED)
        return -EINVAL;
    *ns = kind == CPUCLOCK_VIRT ? user : user + system;
    return 0;
}

/* How much international atomic time is ahead of the time of day, as somebody has said. */
static uint64_t tai_offset(void)
{
    return (uint64_t)dayclock.tai * SECOND;
}

static int clock_now(int clock, uint64_t *ns)
{
    uint64_t user, system;

    if (clock < 0)
        return cpu_clock_of(clock, ns);
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
        *ns = clock_realtime_ns();
        return 0;
    case CLOCK_TAI:
        *ns = clock_realtime_ns() + tai_offset();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *ns = os_now_ns();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        process_times(process_current(), &user, &system);
        break;
    case CLOCK_THREAD_CPUTIME_ID:
        thread_times(thread_current(), &user, &system);
        break;
    default:
        return -EINVAL;
    }
    *ns = user + system;
    return 0;
}

int time_of_day_set(uint64_t ns)
{
    if (ns < os_now_ns() || ns >= USERTIME_FOREVER)
        return -EINVAL;
    clock_set_realtime(ns);
    time_of_day_changed();
    timerfd_clock_set();
    return 0;
}

void time_of_day_changed(void)
{
    os_wake_all(&clock_set_wait);
}

static int32_t gettime(uint32_t clock, vaddr_t va, bool wide)
{
    uint64_t ns;
    int err = clock_now((int)clock, &ns);

    return err ? err : usertime_write(va, USERTIME_SPEC(wide), ns);
}

static int32_t settime(uint32_t clock, vaddr_t va, bool wide)
{
    struct usertime t;
    uint64_t ns;
    int err;

    if (clock != CLOCK_REALTIME && (int)clock >= 0)
        return -EINVAL;
    if ((int)clock < 0) { /* nobody sets how much of the processor somebody had */
        err = usertime_fetch(va, USERTIME_SPEC(wide), &t);
        if (!err)
            err = clock_now((int)clock, &ns);
        return err ? err : -EPERM;
    }
    err = usertime_read(va, USERTIME_SPEC(wide), &ns);
    if (err)
        return err;
    return capable(CAP_SYS_TIME) ? time_of_day_set(ns) : -EPERM;
}

/* Linux counts time in user mode, and all of it for profiles, by ticks. */
static bool is_coarse(int clock)
{
    if (clock < 0)
        return (clock & CPUCLOCK_KIND) != CPUCLOCK_SCHED;
    return clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
}

static int32_t getres(uint32_t clock, vaddr_t va, bool wide)
{
    uint64_t ns;
    int err = clock_now((int)clock, &ns);

    if (err || !va)
        return err;
    return usertime_write(va, USERTIME_SPEC(wide), is_coarse((int)clock) ? SECOND / TIME_HZ : 1);
}

int32_t sys_clock_gettime(SYSCALL_2_ARGS(clock, va))
{
    return gettime(clock, va, false);
}

int32_t sys_clock_gettime64(SYSCALL_2_ARGS(clock, va))
{
    return gettime(clock, va, true);
}

int32_t sys_clock_settime(SYSCALL_2_ARGS(clock, va))
{
    return settime(clock, va, false);
}

int32_t sys_clock_settime64(SYSCALL_2_ARGS(clock, va))
{
    return settime(clock, va, true);
}

int32_t sys_clock_getres(SYSCALL_2_ARGS(clock, va))
{
    return getres(clock, va, false);
}

int32_t sys_clock_getres_time64(SYSCALL_2_ARGS(clock, va))
{
    return getres(clock, va, true);
}

int32_t sys_time(SYSCALL_1_ARG(va))
{
    uint32_t now = (uint32_t)(clock_realtime_ns() / SECOND);

    return va && user_write32(va, now) ? -EFAULT : (int32_t)now;
}

int32_t sys_stime(SYSCALL_1_ARG(va))
{
    struct usertime t = {0};
    uint32_t sec;
    uint64_t ns;

    if (user_read32(&sec, va))
        return -EFAULT;
    if (!capable(CAP_SYS_TIME))
        return -EPERM;
    t.sec = (int32_t)sec;
    /* Linux does not tell that it did not set another. */
    if (usertime_ns(&t, USERTIME_32, &ns) == 0)
        (void)time_of_day_set(ns);
    return 0;
}

/* struct timezone: minutes west, and a number that nobody uses. Nothing here goes by it: the C library has
 * zones of its own. */
static int32_t zone_kept[2];

int32_t sys_gettimeofday(SYSCALL_2_ARGS(tv, tz))
{
    if (tv && usertime_write(tv, USERTIME_VAL, clock_realtime_ns()))
        return -EFAULT;
    return tz ? user_copy_out(tz, zone_kept, sizeof zone_kept) : 0;
}

#define MAX_ZONE (15 * 60) /* minutes */

int32_t sys_settimeofday(SYSCALL_2_ARGS(tv, tz))
{
    static bool was_set;
    int32_t zone[2] = {0, 0};
    struct usertime time = {0};
    uint64_t ns = 0;

    if (tv && usertime_fetch(tv, USERTIME_VAL, &time))
        return -EFAULT;
    if (tv && (time.part < 0 || time.part >= 1000000))
        return -EINVAL;
    if (tz && user_copy_in(zone, tz, sizeof zone))
        return -EFAULT;
    if (tv && usertime_ns(&time, USERTIME_VAL, &ns))
        return -EINVAL;
    if (!capable(CAP_SYS_TIME))
        return -EPERM;
    if (zone[0] > MAX_ZONE || zone[0] < -MAX_ZONE)
        return -EINVAL;
    if (tz) {
        memcpy(zone_kept, zone, sizeof zone);
        /* The first who tells only the zone says that the clock of the machine shows its time. */
        if (!was_set && !tv)
            (void)time_of_day_set(clock_realtime_ns() + (uint64_t)zone[0] * 60 * SECOND);
        was_set = true;
    }
    return tv ? time_of_day_set(ns) : 0;
}

/* --- sleeping --- */

/* Sleep until os_now_ns() shows deadline. 0 or -EINTR. */
static int sleep_until(uint64_t deadline)
{
    struct waitq q = {0};
    uint32_t irq = os_irq_save();
    int err;

    do
        err = thread_sleep_until(&q, deadline);
    while (err == 0);
    os_irq_restore(irq);
    return err == -ETIMEDOUT ? 0 : err;
}

/* The same until a time of day. */
static int sleep_until_realtime(uint64_t ns)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    while (err == 0 && clock_realtime_ns() < ns) {
        uint64_t when = dayclock_when(&dayclock, os_now_ns(), ns), steady = dayclock_steady_until(&dayclock);

        err = thread_sleep_until(&clock_set_wait, when < steady ? when : steady);
        if (err == -ETIMEDOUT)
            err = 0;
    }
    os_irq_restore(irq);
    return err;
}

enum { ARG_REM, ARG_WIDE, ARG_CLOCK }; /* in the restart block */

/* A relative sleep: the rest of it goes to rem (if not 0), and the call goes on later. */
static int32_t sleep_relative(uint64_t deadline, vaddr_t rem, bool wide);

static int32_t restart(struct restart_block *r)
{
    return sleep_relative(r->deadline_ns, r->arg[ARG_REM], r->arg[ARG_WIDE]);
}

static int32_t sleep_relative(uint64_t deadline, vaddr_t rem, bool wide)
{
    struct restart_block *r = &thread_current()->sig.restart;
    int err = sleep_until(deadline);
    uint64_t now = os_now_ns();

    if (err != -EINTR || now >= deadline)
        return 0;
    if (rem && usertime_write(rem, USERTIME_SPEC(wide), deadline - now))
        return -EFAULT;
    *r = (struct restart_block){
        .fn = restart, .deadline_ns = deadline, .arg = {[ARG_REM] = rem, [ARG_WIDE] = wide}};
    return -ERESTART_RESTARTBLOCK;
}

static int32_t sleep_absolute(int clock, uint64_t ns)
{
    int err;

    if (clock == CLOCK_TAI)
        ns = ns > tai_offset() ? ns - tai_offset() : 0;
    err = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI
              ? sleep_until_realtime(ns)
              : sleep_until(ns ? ns : 1);

    return err == -EINTR ? -ERESTARTNOHAND : err;
}

/*
 * Until the clock of a process's time on the processor says end. It cannot go faster than time does, so
 * sleeping for what is left is never too long. 0, -EINTR, -EINVAL (no such clock, or the process is gone).
 */
static int sleep_until_cpu(int clock, uint64_t end)
{
    struct waitq nobody = {0};
    uint64_t now;
    int err;

    for (;;) {
        err = clock_now(clock, &now);
        if (err || now >= end)
            return err;

        uint32_t irq = os_irq_save();

        err = thread_sleep_until(&nobody, os_now_ns() + (end - now));
        os_irq_restore(irq);
        if (err == -EINTR)
            return err;
    }
}

static int32_t sleep_cpu_relative(int clock, uint64_t end, vaddr_t rem, bool wide);

static int32_t restart_cpu(struct restart_block *r)
{
    return sleep_cpu_relative((int)r->arg[ARG_CLOCK], r->deadline_ns, r->arg[ARG_REM], r->arg[ARG_WIDE]);
}

static int32_t sleep_cpu_relative(int clock, uint64_t end, vaddr_t rem, bool wide)
{
    int err = sleep_until_cpu(clock, end);
    uint64_t now;

    if (err != -EINTR || clock_now(clock, &now) || now >= end)
        return err == -EINTR ? 0 : err;
    if (rem && usertime_write(rem, USERTIME_SPEC(wide), end - now))
        return -EFAULT;
    thread_current()->sig.restart =
        (struct restart_block){.fn = restart_cpu,
                               .deadline_ns = end,
                               .arg = {[ARG_REM] = rem, [ARG_WIDE] = wide, [ARG_CLOCK] = (uint32_t)clock}};
    return -ERESTART_RESTARTBLOCK;
}

/* On the clock of a process, which has to be another's if it is negative and a thread's. */
static int32_t sleep_cpu(int clock, unsigned flags, uint64_t ns, vaddr_t rem, bool wide)
{
    uint64_t now;
    int err, who = cpuclock_id(clock);

    if (clock < 0 && clock & CPUCLOCK_THREAD && (!who || who == thread_current()->tid))
        return -EINVAL;
    err = clock_now(clock, &now);
    if (err)
        return err;
    if (!(flags & TIMER_ABSTIME))
        return sleep_cpu_relative(clock, ns > UINT64_MAX - now ? UINT64_MAX : now + ns, rem, wide);
    err = sleep_until_cpu(clock, ns);
    return err == -EINTR ? -ERESTARTNOHAND : err;
}

static int32_t nanosleep(int clock, unsigned flags, vaddr_t req, vaddr_t rem, bool wide)
{
    uint64_t ns;
    int err;

    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
    case CLOCK_TAI:
        break;
    default:
        if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID)
            break;
        return clock_now(clock, &ns) ? -EINVAL : -EOPNOTSUPP;
    }
    err = usertime_read(req, USERTIME_SPEC(wide), &ns);
    if (err)
        return err;
    if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID)
        return sleep_cpu(clock, flags, ns, rem, wide);
    if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) {
        if (flags & ~(unsigned)TIMER_ABSTIME) /* which other clocks do not look at */
            return -EINVAL;
        if (!capable(CAP_WAKE_ALARM))
            return -EPERM;
    }
    if (flags & TIMER_ABSTIME)
        return sleep_absolute(clock, ns);
    if (ns == 0)
        return 0;
    return sleep_relative(usertime_after(ns), rem, wide);
}

int32_t sys_nanosleep(SYSCALL_2_ARGS(req, rem))
{
    return nanosleep(CLOCK_MONOTONIC, 0, req, rem, false);
}

int32_t sys_clock_nanosleep(SYSCALL_4_ARGS(clock, flags, req, rem))
{
    return nanosleep((int)clock, flags, req, rem, false);
}

int32_t sys_clock_nanosleep_time64(SYSCALL_4_ARGS(clock, flags, req, rem))
{
    return nanosleep((int)clock, flags, req, rem, true);
}
