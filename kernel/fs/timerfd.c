/*
 * Timers that are files: timerfd_create(2) and its kin.
 *
 * A timer that expires counts once, wakes who waits, and does not run on. One that repeats goes on when
 * somebody looks: read() and timerfd_gettime() bring its deadline beyond now, and count what passed in
 * between. So a timer of a nanosecond costs no more than its program reads, and one that nobody reads
 * nothing. The task of expiry.c does what is due.
 *
 * The deadline is absolute: of the time of day, which may be set, or of the time since boot. A span of time
 * is of the latter, whatever the clock (POSIX), but for CLOCK_REALTIME_ALARM, as on Linux. Who asks for
 * TFD_TIMER_CANCEL_ON_SET learns from a read that the time of day was set, instead of what was counted.
 *
 * Data: struct timerfd, in file.data; those that setting the clock cancels are in a list. Locking: between
 * sleeps; the queue with interrupts off.
 */
#include "kernel/fs/timerfd.h"
#include "kernel/fs/file.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/itimer.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/dayclock.h"
#include "kernel/sched/sync.h"
#include "kernel/sched/usertime.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(timerfds, "timer descriptors");

enum { REALTIME = 0, MONOTONIC = 1, BOOTTIME = 7, REALTIME_ALARM = 8, BOOTTIME_ALARM = 9 };
enum { TIMER_ABSTIME = 1, TIMER_CANCEL_ON_SET = 2 };
#define SET_TICKS 0x40085400u /* TFD_IOC_SET_TICKS */
#define SECOND    1000000000u

struct timerfd {
    uint32_t clock;
    uint32_t flags;               /* it was set with these */
    bool of_day;                  /* deadline_ns is of the time of day */
    bool expired;                 /* and has not been looked at; a timer that repeats stands */
    uint64_t deadline_ns;         /* 0: off */
    uint64_t interval_ns;         /* 0: once */
    uint64_t ticks;               /* to be read */
    uint64_t sets;                /* how often the time of day had been set when that was last told */
    bool set;                     /* the time of day was set, and nobody was told */
    struct timerfd *next, **link; /* of those that setting the clock cancels; link NULL: it is none */
    struct waitq read;
    struct expiry expiry;
};

static struct timerfd *cancelled_by_setting;

static bool is_alarm(uint32_t clock)
{
    return clock == REALTIME_ALARM || clock == BOOTTIME_ALARM;
}

static uint64_t now_of(const struct timerfd *t)
{
    return t->of_day ? clock_realtime_ns() : os_now_ns();
}

static void expired(struct expiry *e)
{
    struct timerfd *t = container_of(e, struct timerfd, expiry);

    t->expired = true;
    t->ticks++;
    sync_wake(&t->read, POLLIN, SYNC_TASKS);
}

/* Whether its time has come, and the task of expiry.c not yet. */
static bool is_due(const struct timerfd *t)
{
    return t->expiry.armed && t->deadline_ns <= now_of(t);
}

/* Who looks need not wait for that. */
static void catch_up(struct timerfd *t)
{
    if (!is_due(t))
        return;
    expiry_stop(&t->expiry);
    expired(&t->expiry);
}

static void run(struct timerfd *t)
{
    t->expiry.fn = expired;
    expiry_arm(&t->expiry, t->deadline_ns, t->of_day);
}

/* Bring the deadline of one that repeats beyond now. How often it passed since it expired. */
static uint64_t forward(struct timerfd *t)
{
    uint64_t n = timer_missed(t->deadline_ns, t->interval_ns, now_of(t));

    t->deadline_ns += n * t->interval_ns;
    return n ? n - 1 : 0;
}

/* Somebody looks: one that has expired and repeats runs on. */
static void go_on(struct timerfd *t)
{
    catch_up(t);
    if (!t->expired || !t->interval_ns)
        return;
    t->expired = false;
    t->ticks += forward(t);
    run(t);
}

/* --- setting the clock --- */

static void leave_list(struct timerfd *t)
{
    if (!t->link)
        return;
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->link = NULL;
}

static void enter_list(struct timerfd *t)
{
    if (t->link)
        return;
    t->next = cancelled_by_setting;
    if (t->next)
        t->next->link = &t->next;
    t->link = &cancelled_by_setting;
    cancelled_by_setting = t;
}

void timerfd_clock_set(void)
{
    for (struct timerfd *t = cancelled_by_setting; t; t = t->next) {
        if (t->sets == dayclock.sets && !t->set)
            continue;
        t->set = true;
        t->ticks++;
        sync_wake(&t->read, POLLIN, SYNC_TASKS);
    }
}

/* Whether the clock was set, which is told once. */
static bool take_cancel(struct timerfd *t)
{
    if (!t->link || !t->set)
        return false;
    t->set = false;
    t->sets = dayclock.sets;
    return true;
}

/* --- as a file --- */

static int read_timer(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct timerfd *t = f->data;
    uint64_t ticks;
    int err = 0;

    (void)pos;
    if (n < sizeof ticks)
        return -EINVAL;
    catch_up(t);
    while (!t->ticks && !err) {
        uint32_t irq;

        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        irq = os_irq_save();
        err = thread_sleep(&t->read);
        os_irq_restore(irq);
    }
    if (take_cancel(t)) {
        t->ticks = 0;
        t->expired = false;
        return -ECANCELED;
    }
    if (!t->ticks)
        return -ERESTARTSYS;
    go_on(t);
    ticks = t->ticks;
    t->ticks = 0;
    t->expired = false;
    return user_copy_out(buf, &ticks, sizeof ticks) ? -EFAULT : (int)sizeof ticks;
}

static unsigned poll_timer(struct file *f, struct poll_table *table)
{
    struct timerfd *t = f->data;

    poll_register(table, &t->read);
    return t->ticks || is_due(t) ? POLLIN : 0;
}

static int ioctl_timer(struct file *f, unsigned cmd, vaddr_t arg)
{
    struct timerfd *t = f->data;
    uint64_t ticks;

    if (cmd != SET_TICKS)
        return -ENOTTY;
    if (user_copy_in(&ticks, arg, sizeof ticks))
        return -EFAULT;
    if (!ticks)
        return -EINVAL;
    if (take_cancel(t))
        return -ECANCELED;
    t->ticks = ticks;
    sync_wake(&t->read, POLLIN, SYNC_TASKS);
    return 0;
}

/* What is left, without looking at it as a program does. */
static uint64_t left(const struct timerfd *t)
{
    uint64_t now = now_of(t);

    return t->deadline_ns > now ? t->deadline_ns - now : 0;
}

static void info_timer(const struct file *f, file_print_fn *print, void *to)
{
    const struct timerfd *t = f->data;
    uint64_t value = left(t);

    print(to, "clockid: %u\nticks: %llu\nsettime flags: 0%o\nit_value: (%u, %u)\nit_interval: (%u, %u)\n",
          t->clock, (unsigned long long)t->ticks, t->flags, (uint32_t)(value / SECOND),
          (uint32_t)(value % SECOND), (uint32_t)(t->interval_ns / SECOND),
          (uint32_t)(t->interval_ns % SECOND));
}

static void release_timer(struct file *f)
{
    struct timerfd *t = f->data;

    leave_list(t);
    expiry_stop(&t->expiry);
    kfree(t);
    timerfds.count--;
}

static const struct file_ops timer_ops = {.read = read_timer,
                                          .poll = poll_timer,
                                          .ioctl = ioctl_timer,
                                          .seek = file_seek_nowhere,
                                          .info = info_timer,
                                          .in_messages = true,
                                          .reads_apart = true,
                                          .release = release_timer};

/* --- calls --- */

static bool is_clock(uint32_t clock)
{
    return clock == REALTIME || clock == MONOTONIC || clock == BOOTTIME || is_alarm(clock);
}

int timerfd_create(uint32_t clock, uint32_t flags)
{
    struct timerfd *t;
    struct file *f;
    int err;

    if (flags & ~(uint32_t)(O_NONBLOCK | O_CLOEXEC) || !is_clock(clock))
        return -EINVAL;
    if (is_alarm(clock) && !capable(CAP_WAKE_ALARM))
        return -EPERM;
    t = vm_zalloc(sizeof *t);
    if (!t)
        return -ENOMEM;
    t->clock = clock;
    t->sets = dayclock.sets;
    err = file_open_anonymous(&timer_ops, t, "anon_inode:[timerfd]", O_RDWR | (flags & O_NONBLOCK), &f);
    if (err) {
        kfree(t);
        return err;
    }
    timerfds.count++;
    err = fd_install(f, 0, flags & O_CLOEXEC);
    if (err < 0)
        file_put(f);
    return err;
}

/* The file of a timer's descriptor, referenced. 0, -EBADF, -EINVAL (another kind of file). */
static int find(int fd, struct file **out)
{
    struct file *f = fd_get_open(fd);

    if (!f)
        return -EBADF;
    if (f->ops != &timer_ops) {
        file_put(f);
        return -EINVAL;
    }
    *out = f;
    return 0;
}

/* The interval, and what is left. */
static void tell(const struct timerfd *t, uint64_t ns[2])
{
    ns[0] = t->interval_ns;
    ns[1] = left(t);
}

/* Begin anew with an interval and a first time. */
static void set(struct timerfd *t, uint32_t flags, const uint64_t ns[2])
{
    bool absolute = flags & TIMER_ABSTIME;
    uint64_t now = 0;

    if (t->clock == REALTIME || t->clock == REALTIME_ALARM)
        t->of_day = absolute || t->clock == REALTIME_ALARM;
    t->expired = false;
    t->ticks = 0;
    t->interval_ns = ns[0];
    t->deadline_ns = 0;
    if (!ns[1])
        return;
    if (!absolute)
        now = now_of(t);
    t->deadline_ns = ns[1] < USERTIME_FOREVER - now ? now + ns[1] : USERTIME_FOREVER;
    run(t);
}

static int set_timer(struct timerfd *t, uint32_t flags, const uint64_t new[2], uint64_t old[2])
{
    if (is_alarm(t->clock) && !capable(CAP_WAKE_ALARM))
        return -EPERM;
    if ((t->clock == REALTIME || t->clock == REALTIME_ALARM) && flags & TIMER_ABSTIME &&
        flags & TIMER_CANCEL_ON_SET)
        enter_list(t);
    else
        leave_list(t);
    catch_up(t);
    expiry_stop(&t->expiry);
    if (t->expired && t->interval_ns)
        forward(t);
    tell(t, old);
    set(t, flags, new);
    if (new[1] && take_cancel(t)) /* it runs all the same */
        return -ECANCELED;
    t->flags = flags;
    return 0;
}

int timerfd_set(int fd, uint32_t flags, vaddr_t new, vaddr_t old, bool wide)
{
    uint64_t ns[2], was[2];
    struct file *f;
    int err = usertime_read_pair(new, USERTIME_SPEC(wide), ns);

    if (!err && flags & ~(uint32_t)(TIMER_ABSTIME | TIMER_CANCEL_ON_SET))
        err = -EINVAL;
    if (!err)
        err = find(fd, &f);
    if (err)
        return err;
    err = set_timer(f->data, flags, ns, was);
    file_put(f);
    if (err || !old)
        return err;
    return usertime_write_pair(old, USERTIME_SPEC(wide), was);
}

int timerfd_get(int fd, vaddr_t va, bool wide)
{
    uint64_t ns[2];
    struct file *f;
    int err = find(fd, &f);

    if (err)
        return err;
    go_on(f->data);
    tell(f->data, ns);
    file_put(f);
    return usertime_write_pair(va, USERTIME_SPEC(wide), ns);
}
