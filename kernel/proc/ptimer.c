/*
 * Timers that programs make: timer_create(2) and its kin.
 *
 * The task of itimer.c watches them. A timer that expires sends its signal, unless that is still pending from
 * the last time: then it only counts in the record that waits (the overrun). When the signal is taken,
 * what it says of overruns is what timer_getoverrun() tells.
 *
 * Times are absolute on the timer's clock: real time, time since boot, or the processor time of the
 * process or of one of its threads, which is looked at in every tick while such a timer runs.
 *
 * Data: struct process.ptimers, by number. Locking: between sleeps. How it fails: Linux's errors.
 */
#include "kernel/proc/ptimer.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/process.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/time.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(timers, "timers");

#define SECOND 1000000000ull
#define NEVER  (~0ull)
#define TICK   (SECOND / TIME_HZ)

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
enum { TIMER_ABSTIME = 1 };

enum base { BASE_REALTIME, BASE_BOOT, BASE_PROCESS, BASE_THREAD };

struct ptimer {
    struct ptimer *next;
    int id;
    enum base base;
    int clock_tid; /* BASE_THREAD: whose time */
    unsigned notify;
    int signo, tid; /* tid 0: to the process */
    uint32_t value;
    uint64_t deadline_ns; /* 0: off */
    uint64_t interval_ns; /* 0: once */
    uint32_t overrun;     /* of the last signal that was taken */
};

static uint64_t clock_of(const struct process *p, const struct ptimer *t)
{
    const struct thread *thread;
    uint64_t user = 0, system = 0;

    switch (t->base) {
    case BASE_REALTIME:
        return clock_realtime_ns();
    case BASE_BOOT:
        return os_now_ns();
    case BASE_PROCESS:
        process_times(p, &user, &system);
        break;
    default:
        thread = thread_find(t->clock_tid);
        if (thread && thread->process == p)
            thread_times(thread, &user, &system);
    }
    return user + system;
}

/* --- expiry --- */

/* Tell of so many expirations. */
static void notify(struct process *p, const struct ptimer *t, uint64_t times)
{
    struct thread *thread = t->tid ? thread_find(t->tid) : NULL;
    uint32_t n = times < INT32_MAX ? (uint32_t)times : INT32_MAX;
    struct siginfo *waiting;
    struct siginfo info = {
        .signo = t->signo, .code = SI_TIMER, .pid = t->id, .uid = (int)n - 1, .value = t->value};

    if (t->notify == SIGEV_NONE || (t->tid && (!thread || thread->process != p)))
        return;
    waiting = signal_pending_timer(p, thread, t->signo, t->id);
    if (waiting)
        waiting->uid += (int)n < INT32_MAX - waiting->uid ? (int)n : INT32_MAX - waiting->uid;
    else if (thread)
        signal_send_thread(thread, &info);
    else
        signal_send(p, &info);
}

static uint64_t expire(struct process *p, struct ptimer *t)
{
    uint64_t now = clock_of(p, t), times = 1;

    if (t->deadline_ns <= now) {
        if (t->interval_ns)
            times += (now - t->deadline_ns) / t->interval_ns;
        t->deadline_ns = t->interval_ns ? t->deadline_ns + times * t->interval_ns : 0;
        notify(p, t, times);
    }
    if (!t->deadline_ns)
        return NEVER;
    if (t->base > BASE_BOOT)
        return os_now_ns() + TICK;
    return os_now_ns() + (t->deadline_ns - now);
}

uint64_t ptimer_expire(struct process *p)
{
    uint64_t next = NEVER;

    for (struct ptimer *t = p->ptimers; t; t = t->next)
        if (t->deadline_ns) {
            uint64_t at = expire(p, t);

            next = at < next ? at : next;
        }
    return next;
}

/* --- the timers of a process --- */

static struct ptimer *find(const struct process *p, int id)
{
    struct ptimer *t = p->ptimers;

    while (t && t->id != id)
        t = t->next;
    return t;
}

void ptimer_told(const struct siginfo *info)
{
    struct ptimer *t = find(process_current(), info->pid);

    if (t)
        t->overrun = (uint32_t)info->uid;
}

static void timer_free(struct process *p, struct ptimer *t)
{
    p->ptimer_count--;
    signal_queued--;
    timers.count--;
    kfree(t);
}

size_t ptimer_bytes(const struct process *p)
{
    return p->ptimer_count * sizeof(struct ptimer);
}

void ptimer_delete_all(struct process *p)
{
    while (p->ptimers) {
        struct ptimer *t = p->ptimers;

        p->ptimers = t->next;
        timer_free(p, t);
    }
}

/* --- calls --- */

/* Which time a clock shows. */
static int choose_clock(int clock, struct ptimer *t)
{
    enum {
        REALTIME = 0,
        MONOTONIC = 1,
        PROCESS = 2,
        THREAD = 3,
        COARSE = 6,
        BOOTTIME = 7,
        ALARM = 9,
        TAI = 11,
    };

    switch (clock) {
    case REALTIME:
    case TAI:
        t->base = BASE_REALTIME;
        return 0;
    case MONOTONIC:
    case BOOTTIME:
        t->base = BASE_BOOT;
        return 0;
    case PROCESS:
        t->base = BASE_PROCESS;
        return 0;
    case THREAD:
        t->base = BASE_THREAD;
        t->clock_tid = thread_current()->tid;
        return 0;
    default:
        return clock >= 0 && clock <= ALARM ? -EOPNOTSUPP : -EINVAL;
    }
}

/* Who is to be told what: struct sigevent. */
static int choose_event(vaddr_t va, struct ptimer *t)
{
    uint32_t w[16]; /* struct sigevent: value, signal, kind, thread, and what is left free */
    const struct thread *thread;

    if (!va) {
        t->signo = SIGALRM;
        t->value = (uint32_t)t->id;
        return 0;
    }
    if (user_copy_in(w, va, sizeof w))
        return -EFAULT;
    t->value = w[0];
    t->signo = (int)w[1];
    t->notify = w[2];
    if (t->notify == SIGEV_NONE)
        return 0;
    if (t->notify == SIGEV_THREAD_ID) {
        thread = thread_find((int)w[3]);
        if (!thread || thread->process != process_current())
            return -EINVAL;
        t->tid = thread->tid;
    } else if (t->notify != SIGEV_SIGNAL && t->notify != SIGEV_THREAD) {
        return -EINVAL;
    }
    return t->signo > 0 && t->signo <= SIGNALS ? 0 : -EINVAL;
}

int ptimer_create(uint32_t clock, vaddr_t event, vaddr_t id)
{
    struct process *p = process_current();
    struct ptimer *t;
    int err;

    t = vm_zalloc(sizeof *t);
    if (!t)
        return -EAGAIN;
    /* A signal that it may have to wait with is counted already. */
    if (signal_queued >= p->rlimit[RLIMIT_SIGPENDING].soft) {
        kfree(t);
        return -EAGAIN;
    }
    p->ptimer_count++;
    signal_queued++;
    timers.count++;
    t->id = p->next_ptimer;
    p->next_ptimer = (p->next_ptimer + 1) & INT32_MAX;
    err = choose_clock((int)clock, t);
    if (!err)
        err = choose_event(event, t);
    if (!err)
        err = user_write32(id, (uint32_t)t->id);
    if (err) {
        timer_free(p, t);
        return err;
    }
    t->next = p->ptimers;
    p->ptimers = t;
    return 0;
}

/* struct itimerspec of 32-bit or 64-bit seconds: interval, value. */
static int read_spec(vaddr_t va, bool wide, uint64_t ns[2])
{
    for (unsigned i = 0; i < 2; i++) {
        int32_t w[4] = {0};
        int64_t sec;

        if (user_copy_in(w, va + i * (wide ? 16 : 8), wide ? 16 : 8))
            return -EFAULT;
        sec = wide ? (int64_t)((uint64_t)(uint32_t)w[1] << 32 | (uint32_t)w[0]) : w[0];
        int32_t nsec = wide ? w[2] : w[1];

        if (sec < 0 || nsec < 0 || nsec >= (int32_t)SECOND)
            return -EINVAL;
        ns[i] = (uint64_t)sec >= INT64_MAX / SECOND ? INT64_MAX : (uint64_t)sec * SECOND + (uint32_t)nsec;
    }
    return 0;
}

static int write_spec(vaddr_t va, bool wide, const uint64_t ns[2])
{
    for (unsigned i = 0; i < 2; i++) {
        uint32_t sec = (uint32_t)(ns[i] / SECOND), nsec = (uint32_t)(ns[i] % SECOND);
        const uint32_t w[4] = {sec, wide ? (uint32_t)(ns[i] / SECOND >> 32) : nsec, nsec, 0};

        if (user_copy_out(va + i * (wide ? 16 : 8), w, wide ? 16 : 8))
            return -EFAULT;
    }
    return 0;
}

/* The interval, and what is left; never 0 of a timer that runs. */
static void tell(const struct process *p, const struct ptimer *t, uint64_t ns[2])
{
    uint64_t now = clock_of(p, t);

    ns[0] = t->interval_ns;
    ns[1] = !t->deadline_ns ? 0 : t->deadline_ns > now ? t->deadline_ns - now : 1;
}

int ptimer_set(uint32_t id, uint32_t flags, vaddr_t new, vaddr_t old, bool wide)
{
    struct process *p = process_current();
    uint64_t ns[2], was[2];
    struct ptimer *t;
    int err = new ? read_spec(new, wide, ns) : -EINVAL;

    if (err)
        return err;
    t = find(p, (int)id);
    if (!t)
        return -EINVAL;
    tell(p, t, was);
    t->interval_ns = ns[0];
    t->overrun = 0;
    t->deadline_ns = 0;
    if (ns[1]) {
        uint64_t now = flags & TIMER_ABSTIME ? 0 : clock_of(p, t);

        t->deadline_ns = ns[1] < INT64_MAX - now ? now + ns[1] : INT64_MAX;
    }
    itimer_look_again();
    return old ? write_spec(old, wide, was) : 0;
}

int ptimer_get(uint32_t id, vaddr_t va, bool wide)
{
    const struct process *p = process_current();
    const struct ptimer *t = find(p, (int)id);
    uint64_t ns[2];

    if (!t)
        return -EINVAL;
    tell(p, t, ns);
    return write_spec(va, wide, ns);
}

int32_t ptimer_overruns(uint32_t id)
{
    const struct ptimer *t = find(process_current(), (int)id);

    return t ? (int32_t)t->overrun : -EINVAL;
}

int ptimer_delete(uint32_t id)
{
    struct ptimer **at = &process_current()->ptimers, *t;

    while (*at && (*at)->id != (int)id)
        at = &(*at)->next;
    t = *at;
    if (!t)
        return -EINVAL;
    *at = t->next;
    timer_free(process_current(), t);
    return 0;
}
