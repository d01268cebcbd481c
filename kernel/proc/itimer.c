/*
 * Interval timers: setitimer(2), alarm(2), and RLIMIT_CPU.
 *
 * The real-time ones are watched by a task of their own, which sleeps until the next one expires. So signals
 * are only ever sent by tasks, never by the clock's interrupt. The other two count processor time; the same
 * task looks at them in every tick as long as any is armed.
 *
 * Data. The times lie in struct process; they belong to tasks, between sleeps.
 */
#include "kernel/proc/itimer.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptimer.h"
#include "kernel/sched/time.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

#define SECOND 1000000000ull
#define NEVER  (~0ull)
#define TICK   (SECOND / TIME_HZ)

static struct waitq watch;
static bool changed; /* a timer was armed: look again */

/* Time on the clock of a timer. */
static uint64_t clock_of(const struct process *p, unsigned which)
{
    uint64_t user, system;

    if (which == ITIMER_REAL)
        return os_now_ns();
    process_times(p, &user, &system);
    return which == ITIMER_PROF ? user + system : user;
}

/* Send what is due, and say when to look again. */
static uint64_t expire(struct process *p, unsigned which)
{
    static const uint8_t signals[ITIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
    struct itimer *t = &p->itimer[which];
    uint64_t now = clock_of(p, which);

    if (t->deadline_ns <= now) {
        t->deadline_ns = t->interval_ns ? t->deadline_ns + t->interval_ns : 0;
        if (t->deadline_ns && t->deadline_ns <= now)
            t->deadline_ns = now + t->interval_ns - (now - t->deadline_ns) % t->interval_ns;
        signal_raise(p, signals[which]);
    }
    if (!t->deadline_ns)
        return NEVER;
    return which == ITIMER_REAL ? t->deadline_ns : os_now_ns() + TICK;
}

/*
 * RLIMIT_CPU: SIGXCPU at the soft limit and, since that is moved each time, in every second from then on;
 * SIGKILL at the hard one. With one processor, no process uses more of its time than passes: so there is
 * nothing to see before what is left to it has passed.
 */
static uint64_t expire_limit(struct process *p)
{
    struct rlimit *l = &p->rlimit[RLIMIT_CPU];
    uint64_t used, next;

    if (l->soft == RLIM_INFINITY)
        return NEVER;
    used = clock_of(p, ITIMER_PROF);
    if (l->hard != RLIM_INFINITY && used / SECOND >= l->hard) {
        signal_raise(p, SIGKILL);
        return NEVER;
    }
    if (used / SECOND >= l->soft) {
        signal_raise(p, SIGXCPU);
        l->soft++;
    }
    next = l->soft < l->hard ? l->soft : l->hard;
    if (next > (NEVER - os_now_ns()) / SECOND)
        return NEVER;
    next = next * SECOND;
    return os_now_ns() + (next > used + TICK ? next - used : TICK);
}

static uint64_t expire_all(void)
{
    uint64_t next = NEVER;

    for (struct process *p = process_all; p; p = p->all_next) {
        uint64_t at;

        if (p->state != PROCESS_ALIVE)
            continue;
        for (unsigned which = 0; which < ITIMERS; which++)
            if (p->itimer[which].deadline_ns) {
                at = expire(p, which);
                next = at < next ? at : next;
            }
        at = ptimer_expire(p);
        next = at < next ? at : next;
        at = expire_limit(p);
        next = at < next ? at : next;
    }
    return next;
}

static void itimer_task(void *arg)
{
    (void)arg;
    for (;;) {
        changed = false;

        uint64_t next = expire_all();
        uint32_t irq = os_irq_save();

        while (!changed && os_now_ns() < next) {
            if (next == NEVER)
                os_sleep(&watch);
            else
                os_sleep_until(&watch, next);
        }
        os_irq_restore(irq);
    }
}

bool itimer_init(void)
{
    return task_create("itimer", itimer_task, NULL) != NULL;
}

void itimer_look_again(void)
{
    changed = true;
    os_wake_all(&watch);
}

/* What is left, and the interval. An armed timer never shows 0. */
static struct itimer left(const struct process *p, unsigned which)
{
    struct itimer t = p->itimer[which];

    if (t.deadline_ns) {
        uint64_t now = clock_of(p, which);

        t.deadline_ns = t.deadline_ns > now ? t.deadline_ns - now : 1000;
    }
    return t;
}

static void arm(struct process *p, unsigned which, uint64_t after_ns, uint64_t interval_ns)
{
    p->itimer[which].interval_ns = after_ns ? interval_ns : 0;
    p->itimer[which].deadline_ns = after_ns ? clock_of(p, which) + after_ns : 0;
    itimer_look_again();
}

/* struct itimerval: the interval, then what is left, each in seconds and microseconds. */
static int store(vaddr_t va, const struct itimer *t)
{
    uint32_t v[4] = {
        (uint32_t)(t->interval_ns / SECOND),
        (uint32_t)(t->interval_ns % SECOND / 1000),
        (uint32_t)(t->deadline_ns / SECOND),
        (uint32_t)(t->deadline_ns % SECOND / 1000),
    };

    return user_copy_out(va, v, sizeof v);
}

int itimer_get(uint32_t which, vaddr_t value)
{
    if (which >= ITIMERS)
        return -EINVAL;

    struct itimer t = left(process_current(), which);

    return store(value, &t);
}

int itimer_set(uint32_t which, vaddr_t value, vaddr_t old)
{
    struct process *p = process_current();
    uint32_t v[4] = {0};

    /* Without a new value the timer is disarmed, as Linux does. */
    if (value && user_copy_in(v, value, sizeof v) != 0)
        return -EFAULT;
    if (which >= ITIMERS || (int32_t)v[0] < 0 || (int32_t)v[2] < 0 || v[1] >= 1000000 || v[3] >= 1000000)
        return -EINVAL;

    struct itimer before = left(p, which);

    arm(p, which, v[2] * SECOND + v[3] * 1000ull, v[0] * SECOND + v[1] * 1000ull);
    return old ? store(old, &before) : 0;
}

int32_t itimer_alarm(uint32_t seconds)
{
    struct process *p = process_current();
    uint64_t before = left(p, ITIMER_REAL).deadline_ns;
    uint32_t was = (uint32_t)((before + SECOND / 2) / SECOND);

    arm(p, ITIMER_REAL, (seconds < INT32_MAX ? seconds : INT32_MAX) * SECOND, 0);
    return (int32_t)(before && !was ? 1 : was);
}
