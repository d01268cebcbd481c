/*
 * Interval timers: setitimer(2), alarm(2), and the limits RLIMIT_CPU and RLIMIT_RTTIME.
 *
 * The real-time one is done by the task of expiry.c. It sends SIGALRM and does not run on: it runs again when
 * the signal is taken, so a program whose interval is shorter than its handler still gets to something else,
 * and one that does not take the signal costs nothing. If the signal is ignored it stays where it is.
 *
 * The other two, and the limits, count processor time, which only passes while a thread of the process runs:
 * so it is the running thread that looks, on its way to ring 3 after a tick, as long as process.cpu_timers
 * says that there is something to look at.
 *
 * Data. The times lie in struct process; they belong to tasks, between sleeps.
 */
#include "kernel/proc/itimer.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptimer.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/usertime.h"
#include "mm/errno.h"

#define SECOND 1000000000ull

/* Time on the clock of a timer. */
static uint64_t clock_of(const struct process *p, unsigned which)
{
    uint64_t user, system;

    if (which == ITIMER_REAL)
        return os_now_ns();
    process_times(p, &user, &system);
    return which == ITIMER_PROF ? user + system : user;
}

/* --- real time --- */

static void expired(struct expiry *e)
{
    struct itimer *t = container_of(e, struct itimer, expiry);

    signal_raise(container_of(t, struct process, itimer[ITIMER_REAL]), SIGALRM);
}

static void start(struct itimer *t)
{
    t->expiry.fn = expired;
    expiry_arm(&t->expiry, t->deadline_ns, false);
}

void itimer_taken(struct process *p)
{
    struct itimer *t = &p->itimer[ITIMER_REAL];

    if (t->expiry.armed || !t->interval_ns)
        return;
    t->deadline_ns += timer_missed(t->deadline_ns, t->interval_ns, os_now_ns()) * t->interval_ns;
    start(t);
}

void itimer_stop_all(struct process *p)
{
    expiry_stop(&p->itimer[ITIMER_REAL].expiry);
    for (unsigned which = 0; which < ITIMERS; which++)
        p->itimer[which] = (struct itimer){0};
}

/* --- processor time --- */

/* Send what is due. Whether it runs on. */
static bool check(struct process *p, unsigned which)
{
    struct itimer *t = &p->itimer[which];
    uint64_t now;

    if (!t->deadline_ns)
        return false;
    now = clock_of(p, which);
    if (t->deadline_ns <= now) {
        if (t->interval_ns)
            t->deadline_ns += timer_missed(t->deadline_ns, t->interval_ns, now) * t->interval_ns;
        else
            t->deadline_ns = 0;
        signal_raise(p, which == ITIMER_PROF ? SIGPROF : SIGVTALRM);
    }
    return t->deadline_ns;
}

/*
 * RLIMIT_CPU: SIGXCPU at the soft limit and, since that is moved each time, in every second from then on;
 * SIGKILL at the hard one. Whether there is a limit.
 */
static bool check_limit(struct process *p)
{
    struct rlimit *l = &p->rlimit[RLIMIT_CPU];
    uint64_t used;

    if (l->soft == RLIM_INFINITY)
        return false;
    used = clock_of(p, ITIMER_PROF) / SECOND;
    if (l->hard != RLIM_INFINITY && used >= l->hard) {
        signal_raise(p, SIGKILL);
        return false;
    }
    if (used >= l->soft) {
        signal_raise(p, SIGXCPU);
        l->soft++;
    }
    return true;
}

/* RLIMIT_RTTIME, in microseconds, of each thread that has a real-time policy, since it slept last. */
static bool check_realtime_limit(struct process *p)
{
    struct rlimit *l = &p->rlimit[RLIMIT_RTTIME];
    uint64_t us;

    if (l->soft == RLIM_INFINITY)
        return false;
    us = sched_unslept_ns() / 1000;
    if (!us)
        return true;
    if (l->hard != RLIM_INFINITY && us >= l->hard) {
        signal_raise(p, SIGKILL);
    } else if (us >= l->soft) {
        signal_raise(p, SIGXCPU);
        l->soft += SECOND / 1000;
    }
    return true;
}

bool itimer_has_limit(const struct process *p)
{
    return p->rlimit[RLIMIT_CPU].soft != RLIM_INFINITY || p->rlimit[RLIMIT_RTTIME].soft != RLIM_INFINITY;
}

void itimer_check_cpu(void)
{
    struct process *p = process_current();

    p->cpu_timers = check(p, ITIMER_VIRTUAL) | check(p, ITIMER_PROF) | ptimer_check_cpu(p) | check_limit(p) |
                    check_realtime_limit(p);
}

/* --- calls --- */

/* What is left, and the interval. An armed timer never shows 0. */
static void left(const struct process *p, unsigned which, uint64_t *left_ns, uint64_t *interval_ns)
{
    const struct itimer *t = &p->itimer[which];

    *left_ns = 0;
    *interval_ns = t->interval_ns;
    if (which == ITIMER_REAL ? t->expiry.armed : t->deadline_ns != 0) {
        uint64_t now = clock_of(p, which);

        *left_ns = t->deadline_ns > now ? t->deadline_ns - now : 1000;
    }
}

static void arm(struct process *p, unsigned which, uint64_t after_ns, uint64_t interval_ns)
{
    struct itimer *t = &p->itimer[which];

    expiry_stop(&t->expiry);
    t->interval_ns = after_ns ? interval_ns : 0;
    t->deadline_ns = after_ns ? clock_of(p, which) + after_ns : 0;
    if (!after_ns)
        return;
    if (which == ITIMER_REAL)
        start(t);
    else
        p->cpu_timers = true;
}

/* struct itimerval: the interval, then what is left. */
static int store(vaddr_t va, uint64_t left_ns, uint64_t interval_ns)
{
    int err = usertime_write(va, USERTIME_VAL, interval_ns);

    return err ? err : usertime_write(va + usertime_size(USERTIME_VAL), USERTIME_VAL, left_ns);
}

int itimer_get(uint32_t which, vaddr_t value)
{
    uint64_t left_ns, interval_ns;

    if (which >= ITIMERS)
        return -EINVAL;
    left(process_current(), which, &left_ns, &interval_ns);
    return store(value, left_ns, interval_ns);
}

int itimer_set(uint32_t which, vaddr_t value, vaddr_t old)
{
    uint64_t interval_ns = 0, after_ns = 0, old_left, old_interval;
    struct process *p = process_current();
    struct usertime t[2];

    /* Without a new value the timer is disarmed, as Linux does. */
    if (value) {
        if (usertime_fetch(value, USERTIME_VAL, &t[0]) ||
            usertime_fetch(value + usertime_size(USERTIME_VAL), USERTIME_VAL, &t[1]))
            return -EFAULT;
        if (usertime_ns(&t[0], USERTIME_VAL, &interval_ns) || usertime_ns(&t[1], USERTIME_VAL, &after_ns))
            return -EINVAL;
    }
    if (which >= ITIMERS)
        return -EINVAL;
    left(p, which, &old_left, &old_interval);
    arm(p, which, after_ns, interval_ns);
    return old ? store(old, old_left, old_interval) : 0;
}

int32_t itimer_alarm(uint32_t seconds)
{
    struct process *p = process_current();
    uint64_t before, interval;
    uint32_t was;

    left(p, ITIMER_REAL, &before, &interval);
    was = (uint32_t)((before + SECOND / 2) / SECOND);
    arm(p, ITIMER_REAL, (seconds < INT32_MAX ? seconds : INT32_MAX) * SECOND, 0);
    return (int32_t)(before && !was ? 1 : was);
}
