/*
 * Timers that programs make: timer_create(2) and its kin.
 *
 * A timer that expires sends its signal and does not run on. One that repeats runs again when the signal is
 * taken, from its first time beyond then; what it missed in between is its overrun, which the signal tells
 * and then timer_getoverrun(). So a timer of a nanosecond costs no more than its program takes signals, and
 * one whose signal is blocked costs nothing. If its signal is ignored it runs on, once a tick at most.
 *
 * Times are absolute on the timer's clock. Those of real time and of time since boot are done by the task of
 * expiry.c; those of processor time, of a process or of one of its own process's threads, are looked at by
 * the thread that runs (itimer.c), which may be another process's. One that sends nothing (SIGEV_NONE) is
 * only asked.
 *
 * Data: struct process.ptimers, and a table by process and number; those that count another process's time
 * are in that process's list, too, until it is forgotten. Locking: between sleeps. How it fails: Linux's
 * errors.
 */
#include "kernel/proc/ptimer.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/process.h"
#include "kernel/proc/signal_parts.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/time.h"
#include "kernel/sched/usertime.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(timers, "timers");

#define BUCKETS 256u

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
enum { TIMER_ABSTIME = 1 };

enum base { BASE_REALTIME, BASE_BOOT, BASE_PROCESS, BASE_THREAD };

struct ptimer {
    struct process *process;
    struct user *user;           /* that it is counted for, referenced */
    struct ptimer *next, **link; /* of the process */
    struct ptimer *hash_next;
    struct expiry expiry;
    int id;
    enum base base,
        counts;     /* counts: what deadline_ns is of. A span of real time is not moved by setting it */
    bool user_only; /* of processor time, that in ring 3 */
    struct process *clock; /* BASE_PROCESS: whose time; NULL: it has been forgotten. If it is another's: */
    struct ptimer *clock_next, **clock_link; /* in its list */
    int clock_tid; /* BASE_THREAD: whose time; by number and serial, since it may be gone */
    uint32_t clock_serial;
    unsigned notify;
    int signo, tid; /* tid 0: to the process */
    uint32_t tid_serial;
    uint32_t value;
    uint64_t deadline_ns; /* 0: off */
    uint64_t interval_ns; /* 0: once */
    bool waits;           /* it has expired, and runs on when its signal is taken */
    uint32_t round;       /* of the signal that it waits for */
    uint64_t missed;      /* expirations since that was sent, the one that sent it included */
    uint32_t overrun;     /* of the last signal that was taken */
    bool sent;            /* a signal of it may be pending: else nobody looks for one among thousands */
};

static struct ptimer *buckets[BUCKETS];

static struct ptimer **bucket_of(const struct process *p, int id)
{
    return &buckets[((uint32_t)p->pid * 31 + (uint32_t)id) % BUCKETS];
}

static struct ptimer *find(const struct process *p, int id)
{
    struct ptimer *t = *bucket_of(p, id);

    while (t && (t->process != p || t->id != id))
        t = t->hash_next;
    return t;
}

/* A thread of p that is still the one that was meant. */
static struct thread *find_thread(const struct process *p, int tid, uint32_t serial)
{
    struct thread *t = thread_find(tid);

    return t && t->process == p && t->serial == serial ? t : NULL;
}

/* Whether there is what the timer's clock is of. */
static bool has_clock(const struct ptimer *t)
{
    return t->base == BASE_THREAD ? find_thread(t->process, t->clock_tid, t->clock_serial) != NULL
                                  : t->base != BASE_PROCESS || t->clock;
}

static uint64_t clock_of(const struct ptimer *t)
{
    const struct thread *thread;
    uint64_t user = 0, system = 0;

    switch (t->counts) {
    case BASE_REALTIME:
        return clock_realtime_ns();
    case BASE_BOOT:
        return os_now_ns();
    case BASE_PROCESS:
        if (t->clock)
            process_times(t->clock, &user, &system);
        break;
    default:
        thread = find_thread(t->process, t->clock_tid, t->clock_serial);
        if (thread)
            thread_times(thread, &user, &system);
    }
    return t->user_only ? user : user + system;
}

/* --- expiry --- */

/* Move the deadline beyond now, and count. */
static void forward(struct ptimer *t, uint64_t now)
{
    uint64_t n = timer_missed(t->deadline_ns, t->interval_ns, now);

    t->deadline_ns += n * t->interval_ns;
    t->missed += n;
}

/* Have it looked at when its time comes. */
static void run(struct ptimer *t);

/* Send the signal of a round (0: nothing waits for it). False: it is ignored, or there was no memory. */
static bool notify(struct ptimer *t, uint32_t round)
{
    struct process *p = t->process;
    struct thread *thread = t->tid ? find_thread(p, t->tid, t->tid_serial) : NULL;
    const struct siginfo info = {
        .signo = t->signo, .code = SI_TIMER, .pid = t->id, .value = t->value, .round = round};
    struct siginfo *waiting = NULL;

    if (t->tid && !thread)
        return true; /* nobody will take it */
    if (t->sent)
        waiting = signal_pending_timer(p, thread, t->signo, t->id);
    if (!waiting) {
        t->sent = signal_send_timer(p, thread, &info);
        return t->sent;
    }
    waiting->uid += waiting->uid < INT32_MAX;
    waiting->round = round;
    return true;
}

/* Its time has come. */
static void fire(struct ptimer *t)
{
    if (!t->interval_ns) {
        t->deadline_ns = 0;
        notify(t, 0);
        return;
    }
    t->round += t->round == UINT32_MAX ? 2 : 1; /* never 0 */
    t->missed = 0;
    t->waits = true;
    if (notify(t, t->round))
        return;
    /* Nobody takes it, so it goes on by itself, but not in the same tick. */
    t->waits = false;
    forward(t, clock_of(t) + (t->interval_ns < TIME_TICK_NS ? TIME_TICK_NS : 0));
    run(t);
}

static void expired(struct expiry *e)
{
    fire(container_of(e, struct ptimer, expiry));
}

static void run(struct ptimer *t)
{
    if (t->notify == SIGEV_NONE)
        return;
    if (t->counts > BASE_BOOT) {
        struct process *p = t->counts == BASE_PROCESS ? t->clock : t->process;

        if (p)
            p->cpu_timers = true;
        return;
    }
    t->expiry.fn = expired;
    expiry_arm(&t->expiry, t->deadline_ns, t->counts == BASE_REALTIME);
}

/* Let one of processor time expire if its time has come. Whether it runs on. */
static bool check_cpu(struct ptimer *t)
{
    if (!t->deadline_ns || t->waits || t->notify == SIGEV_NONE)
        return false;
    if (t->deadline_ns <= clock_of(t))
        fire(t);
    return t->deadline_ns && !t->waits;
}

bool ptimer_check_cpu(struct process *p)
{
    bool any = false;

    for (struct ptimer *t = p->ptimers; t; t = t->next)
        if (t->counts == BASE_THREAD || (t->counts == BASE_PROCESS && t->clock == p))
            any |= check_cpu(t);
    for (struct ptimer *t = p->watching; t; t = t->clock_next)
        any |= check_cpu(t);
    return any;
}

void ptimer_taken(struct siginfo *info)
{
    struct ptimer *t = find(process_current(), info->pid);
    uint32_t round = info->round;
    uint64_t told;

    info->round = 0;
    if (t)
        t->sent = false;
    if (!t || !round || !t->waits || t->round != round)
        return;
    forward(t, clock_of(t));
    told = t->missed - 1;
    t->overrun = told < INT32_MAX ? (uint32_t)told : INT32_MAX;
    told += (uint32_t)info->uid;
    info->uid = told < INT32_MAX ? (int)told : INT32_MAX;
    t->waits = false;
    run(t);
}

/* --- the timers of a process --- */

/* Count the time of another process from now on. */
static void watch(struct ptimer *t)
{
    t->clock_link = &t->clock->watching;
    t->clock_next = t->clock->watching;
    if (t->clock_next)
        t->clock_next->clock_link = &t->clock_next;
    t->clock->watching = t;
}

static void unwatch(struct ptimer *t)
{
    *t->clock_link = t->clock_next;
    if (t->clock_next)
        t->clock_next->clock_link = t->clock_link;
    t->clock_link = NULL;
    t->clock = NULL;
}

void ptimer_forget_clock(struct process *p)
{
    while (p->watching)
        unwatch(p->watching);
}

static void enter(struct process *p, struct ptimer *t)
{
    struct ptimer **bucket = bucket_of(p, t->id);

    t->process = p;
    t->hash_next = *bucket;
    *bucket = t;
    t->next = p->ptimers;
    if (t->next)
        t->next->link = &t->next;
    t->link = &p->ptimers;
    p->ptimers = t;
    p->ptimer_count++;
    if (t->clock && t->clock != p)
        watch(t);
    t->user = signal_count(thread_current()->cred->user);
    timers.count++;
}

static void delete (struct ptimer *t)
{
    struct process *p = t->process;
    struct ptimer **at = bucket_of(p, t->id);

    while (*at != t)
        at = &(*at)->hash_next;
    *at = t->hash_next;
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    if (t->clock_link)
        unwatch(t);
    p->ptimer_count--;
    signal_uncount(t->user);
    timers.count--;
    expiry_stop(&t->expiry);
    kfree(t);
}

size_t ptimer_bytes(const struct process *p)
{
    return p->ptimer_count * sizeof(struct ptimer);
}

void ptimer_delete_all(struct process *p)
{
    while (p->ptimers) {
        delete (p->ptimers);
        might_sleep();
    }
}

/* --- calls --- */

/* Whose processor time a clock shows, of whatever kind it is: a process's, or that of one of the running
 * process's threads. Others are left alone. Does not sleep, and the process is there until somebody does. */
static int choose_cpu_clock(int clock, struct ptimer *t)
{
    int id = clock < 0 ? cpuclock_id(clock) : 0;
    const struct thread *thread;

    if (t->base == BASE_PROCESS) {
        t->clock = id ? process_find(id) : process_current();
        return t->clock ? 0 : -EINVAL;
    }
    if (t->base != BASE_THREAD)
        return 0;
    thread = id ? thread_find(id) : thread_current();
    if (!thread || thread->process != process_current())
        return -EINVAL;
    t->clock_tid = thread->tid;
    t->clock_serial = thread->serial;
    return 0;
}

enum { REALTIME_ALARM = 8, BOOTTIME_ALARM = 9 };

/* What kind of time a clock shows. A machine that never sleeps need not be woken: alarms are like others. */
static int choose_clock(int clock, struct ptimer *t)
{
    enum { REALTIME = 0, MONOTONIC = 1, PROCESS = 2, THREAD = 3, BOOTTIME = 7, TAI = 11 };

    if (clock < 0) {
        unsigned kind = (unsigned)clock & CPUCLOCK_KIND;

        if (kind == CPUCLOCK_FD)
            return clock & CPUCLOCK_THREAD ? -EINVAL : -EOPNOTSUPP;
        t->base = clock & CPUCLOCK_THREAD ? BASE_THREAD : BASE_PROCESS;
        t->user_only = kind == CPUCLOCK_VIRT;
        return 0;
    }
    switch (clock) {
    case REALTIME:
    case REALTIME_ALARM:
    case TAI:
        t->base = BASE_REALTIME;
        return 0;
    case MONOTONIC:
    case BOOTTIME:
    case BOOTTIME_ALARM:
        t->base = BASE_BOOT;
        return 0;
    case PROCESS:
        t->base = BASE_PROCESS;
        return 0;
    case THREAD:
        t->base = BASE_THREAD;
        return 0;
    default:
        return clock <= BOOTTIME_ALARM ? -EOPNOTSUPP : -EINVAL;
    }
}

#define EVENT_WORDS 16u /* of struct sigevent: value, signal, kind, thread, and what is left free */

/* Who is to be told what; w NULL: the program did not say. Does not sleep. */
static int choose_event(const uint32_t *w, struct ptimer *t)
{
    const struct thread *thread;

    if (!w) {
        t->signo = SIGALRM;
        t->value = (uint32_t)t->id;
        return 0;
    }
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
        t->tid_serial = thread->serial;
    } else if (t->notify != SIGEV_SIGNAL && t->notify != SIGEV_THREAD) {
        return -EINVAL;
    }
    return t->signo > 0 && t->signo <= SIGNALS ? 0 : -EINVAL;
}

int ptimer_create(uint32_t clock, vaddr_t event, vaddr_t id)
{
    struct process *p = process_current();
    uint32_t w[EVENT_WORDS];
    struct ptimer *t;
    int err;

    if (event && user_copy_in(w, event, sizeof w))
        return -EFAULT;
    t = vm_zalloc(sizeof *t);
    if (!t)
        return -EAGAIN;
    do {
        t->id = p->next_ptimer;
        p->next_ptimer = (p->next_ptimer + 1) & INT32_MAX;
    } while (find(p, t->id));
    err = choose_clock((int)clock, t);
    if (!err)
        err = choose_event(event ? w : NULL, t);
    if (!err)
        err = user_write32(id, (uint32_t)t->id);
    if (!err)
        err = choose_cpu_clock((int)clock, t);
    if (!err && (clock == REALTIME_ALARM || clock == BOOTTIME_ALARM) && !capable(CAP_WAKE_ALARM))
        err = -EPERM;
    /* A signal that it may have to wait with is counted already. */
    if (!err && thread_current()->cred->user->signals >= p->rlimit[RLIMIT_SIGPENDING].soft)
        err = -EAGAIN;
    if (err) {
        kfree(t);
        return err;
    }
    enter(p, t);
    return 0;
}

/* The interval, and what is left; 0 only of one that is off, or will not send anything. */
static void tell(struct ptimer *t, uint64_t ns[2])
{
    uint64_t now = clock_of(t);
    bool asked = t->notify == SIGEV_NONE;

    ns[0] = t->interval_ns;
    ns[1] = 0;
    if (!t->deadline_ns || !has_clock(t))
        return;
    if (t->interval_ns && (t->waits || asked))
        forward(t, now);
    ns[1] = t->deadline_ns > now ? t->deadline_ns - now : !asked;
}

int ptimer_set(uint32_t id, uint32_t flags, vaddr_t new, vaddr_t old, bool wide)
{
    uint64_t ns[2], was[2], now = 0;
    struct ptimer *t;
    int err = new ? usertime_read_pair(new, USERTIME_SPEC(wide), ns) : -EINVAL;

    if (err)
        return err;
    t = find(process_current(), (int)id);
    if (!t)
        return -EINVAL;
    if (!has_clock(t))
        return -ESRCH;
    tell(t, was);
    expiry_stop(&t->expiry);
    t->waits = false; /* a signal that is pending starts nothing */
    t->overrun = 0;
    t->interval_ns = ns[0];
    t->deadline_ns = 0;
    t->counts = t->base == BASE_REALTIME && !(flags & TIMER_ABSTIME) ? BASE_BOOT : t->base;
    if (ns[1]) {
        if (!(flags & TIMER_ABSTIME))
            now = clock_of(t);
        t->deadline_ns = ns[1] < USERTIME_FOREVER - now ? now + ns[1] : USERTIME_FOREVER;
        run(t);
    }
    return old ? usertime_write_pair(old, USERTIME_SPEC(wide), was) : 0;
}

int ptimer_get(uint32_t id, vaddr_t va, bool wide)
{
    struct ptimer *t = find(process_current(), (int)id);
    uint64_t ns[2];

    if (!t)
        return -EINVAL;
    tell(t, ns);
    return usertime_write_pair(va, USERTIME_SPEC(wide), ns);
}

int32_t ptimer_overruns(uint32_t id)
{
    const struct ptimer *t = find(process_current(), (int)id);

    return t ? (int32_t)t->overrun : -EINVAL;
}

int ptimer_delete(uint32_t id)
{
    struct ptimer *t = find(process_current(), (int)id);

    if (!t)
        return -EINVAL;
    delete (t);
    return 0;
}
