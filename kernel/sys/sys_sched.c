/* System calls: how programs share the processor. One processor; priorities, policies and nice values are
 * kernel/sched/'s, what is remembered of the disk's priorities is only shown. */
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "mm/errno.h"

enum {
    SCHED_DEADLINE = 6, /* known by its limits only */
    SCHED_RESET_ON_FORK = 0x40000000,
    PRIORITY_MOST = RUN_PRIORITIES,
};

/* A thread by number, 0 being the caller; or NULL. */
static struct thread *find(uint32_t tid)
{
    return tid ? thread_find((int)tid) : thread_current();
}

/* A process that has ended is there until its parent has asked for it. */
static bool zombie(uint32_t pid)
{
    const struct process *p = process_find((int)pid);

    return p && !p->threads;
}

int32_t sys_sched_yield(SYSCALL_NO_ARGS)
{
    os_yield();
    return 0;
}

/* --- which processor: there is one --- */

int32_t sys_sched_getaffinity(SYSCALL_3_ARGS(pid, size, mask))
{
    static const uint32_t first = 1;

    if (size < sizeof first || size & 3)
        return -EINVAL;
    if (!find(pid))
        return -ESRCH;
    int err = user_copy_out(mask, &first, sizeof first);

    return err ? err : (int32_t)sizeof first;
}

int32_t sys_sched_setaffinity(SYSCALL_3_ARGS(pid, size, mask))
{
    uint8_t first = 0;
    int err = size ? user_copy_in(&first, mask, 1) : 0;

    if (err)
        return err;
    if (!find(pid))
        return -ESRCH;
    return first & 1 ? 0 : -EINVAL;
}

/* --- policies --- */

static bool realtime(uint32_t policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool known(uint32_t policy)
{
    return policy == SCHED_OTHER || realtime(policy) || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static bool valid(const struct sched_how *how)
{
    return known(how->policy) && (realtime(how->policy) ? how->priority >= 1 && how->priority <= PRIORITY_MOST
                                                        : how->priority == 0);
}

static uint64_t limit(const struct process *p, unsigned which)
{
    return p->rlimit[which].soft;
}

/* The smaller the nice value, the more it takes: RLIMIT_NICE counts from 1 for nice 19 to 40 for -20. */
static bool may_be_nice(const struct thread *t, int nice)
{
    return nice >= t->task->how.nice || (uint64_t)(NICE_MOST + 1 - nice) <= limit(t->process, RLIMIT_NICE) ||
           capable(CAP_SYS_NICE);
}

/* sched_setscheduler() and its like. 0, -EINVAL, -EPERM. */
static int set_how(struct thread *t, const struct sched_how *how)
{
    const struct sched_how *old = &t->task->how;

    if (!valid(how))
        return -EINVAL;
    if (!capable(CAP_SYS_NICE)) {
        if (realtime(how->policy)) {
            uint64_t most = limit(t->process, RLIMIT_RTPRIO);

            if ((how->policy != old->policy && !most) ||
                (how->priority > old->priority && how->priority > most))
                return -EPERM;
        } else if (!may_be_nice(t, how->nice)) {
            return -EPERM;
        }
        if (old->policy == SCHED_IDLE && how->policy != SCHED_IDLE && !may_be_nice(t, how->nice))
            return -EPERM;
        if (old->reset && !how->reset)
            return -EPERM;
    }
    sched_set(t->task, how);
    return 0;
}

/* policy UINT32_MAX: as it is. */
static int set_scheduler(uint32_t pid, uint32_t policy, vaddr_t param)
{
    uint32_t priority;
    struct sched_how how;
    struct thread *t;
    int err;

    if ((int)pid < 0 || !param)
        return -EINVAL;
    err = user_read32(&priority, param);
    if (err)
        return err;
    t = find(pid);
    if (!t)
        return -ESRCH;
    how = t->task->how;
    if (policy != UINT32_MAX) {
        if (!known(policy & ~(uint32_t)SCHED_RESET_ON_FORK))
            return -EINVAL;
        how.policy = (uint8_t)(policy & ~(uint32_t)SCHED_RESET_ON_FORK);
        how.reset = policy & SCHED_RESET_ON_FORK;
    }
    if (priority > PRIORITY_MOST)
        return -EINVAL;
    how.priority = (uint8_t)priority;
    return set_how(t, &how);
}

int32_t sys_sched_setscheduler(SYSCALL_3_ARGS(pid, policy, param))
{
    return (int)policy < 0 ? -EINVAL : set_scheduler(pid, policy, param);
}

int32_t sys_sched_setparam(SYSCALL_2_ARGS(pid, param))
{
    return set_scheduler(pid, UINT32_MAX, param);
}

int32_t sys_sched_getscheduler(SYSCALL_1_ARG(pid))
{
    const struct thread *t;

    if ((int)pid < 0)
        return -EINVAL;
    t = find(pid);
    if (!t)
        return -ESRCH;
    return t->task->how.policy | (t->task->how.reset ? SCHED_RESET_ON_FORK : 0);
}

int32_t sys_sched_getparam(SYSCALL_2_ARGS(pid, param))
{
    const struct thread *t;

    if ((int)pid < 0 || !param)
        return -EINVAL;
    t = find(pid);
    return t ? user_write32(param, t->task->how.priority) : -ESRCH;
}

int32_t sys_sched_get_priority_max(SYSCALL_1_ARG(policy))
{
    if (realtime(policy))
        return PRIORITY_MOST;
    return known(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

int32_t sys_sched_get_priority_min(SYSCALL_1_ARG(policy))
{
    if (realtime(policy))
        return 1;
    return known(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

/* 0, with the slice, or -errno. */
static int slice_of(uint32_t pid, uint64_t *ns)
{
    const struct thread *t;

    if ((int)pid < 0)
        return -EINVAL;
    t = find(pid);
    if (!t)
        return -ESRCH;
    *ns = sched_slice_ns(&t->task->how);
    return 0;
}

#define NS_A_SECOND 1000000000u

int32_t sys_sched_rr_get_interval(SYSCALL_2_ARGS(pid, at))
{
    uint64_t ns;
    int err = slice_of(pid, &ns);
    int32_t spec[2];

    if (err)
        return err;
    spec[0] = (int32_t)(ns / NS_A_SECOND);
    spec[1] = (int32_t)(ns % NS_A_SECOND);
    return user_copy_out(at, spec, sizeof spec);
}

int32_t sys_sched_rr_get_interval_time64(SYSCALL_2_ARGS(pid, at))
{
    uint64_t ns;
    int err = slice_of(pid, &ns);
    int64_t spec[2];

    if (err)
        return err;
    spec[0] = (int64_t)(ns / NS_A_SECOND);
    spec[1] = (int64_t)(ns % NS_A_SECOND);
    return user_copy_out(at, spec, sizeof spec);
}

/* --- nice --- */

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

/* Call fn for each thread that is meant: of a number, of a group, of a user. Returns how many there are. fn
 * must not sleep. */
static uint32_t each_thread(uint32_t which, uint32_t who, void (*fn)(struct thread *t, void *arg), void *arg)
{
    uint32_t n = 0;

    if (which == PRIO_PROCESS) {
        struct thread *t = find(who);

        if (t)
            fn(t, arg);
        return t || zombie(who);
    }
    /* There is no user but root. */
    if (which == PRIO_USER && who != 0)
        return 0;
    if (which == PRIO_PGRP && who == 0)
        who = (uint32_t)process_current()->pgid;
    for (struct process *p = process_all; p; p = p->all_next) {
        if (which == PRIO_PGRP && (uint32_t)p->pgid != who)
            continue;
        n++;
        for (struct thread *t = p->threads; t; t = t->next)
            fn(t, arg);
    }
    return n;
}

static void least_nice(struct thread *t, void *arg)
{
    int *least = arg;

    if (t->task->how.nice < *least)
        *least = t->task->how.nice;
}

/* As the call counts, nice 19 is 1 and nice -20 is 40. */
int32_t sys_getpriority(SYSCALL_2_ARGS(which, who))
{
    int least = NICE_MOST + 1;

    if (which > PRIO_USER)
        return -EINVAL;
    if (!each_thread(which, who, least_nice, &least))
        return -ESRCH;
    return least > NICE_MOST ? NICE_MOST + 1 : NICE_MOST + 1 - least;
}

struct renice {
    int nice, err;
};

static void renice(struct thread *t, void *arg)
{
    struct renice *r = arg;
    struct sched_how how = t->task->how;

    if (!may_be_nice(t, r->nice)) {
        r->err = -EACCES;
        return;
    }
    how.nice = (int8_t)r->nice;
    sched_set(t->task, &how);
}

static int between(int least, int v, int most)
{
    return v < least ? least : v > most ? most : v;
}

int32_t sys_setpriority(SYSCALL_3_ARGS(which, who, value))
{
    struct renice r = {.nice = between(NICE_LEAST, (int)value, NICE_MOST)};

    if (which > PRIO_USER)
        return -EINVAL;
    return each_thread(which, who, renice, &r) ? r.err : -ESRCH;
}

int32_t sys_nice(SYSCALL_1_ARG(more))
{
    enum { MOST = NICE_MOST + 1 - NICE_LEAST };
    struct thread *self = thread_current();
    struct renice r = {0};

    r.nice = between(NICE_LEAST, self->task->how.nice + between(-MOST, (int)more, MOST), NICE_MOST);
    renice(self, &r);
    return r.err ? -EPERM : 0;
}

/* --- the disk --- */

enum {
    IOPRIO_PROCESS = 1,
    IOPRIO_USER = 3,
    IOPRIO_CLASS_SHIFT = 13,
    IOPRIO_DATA = (1 << IOPRIO_CLASS_SHIFT) - 1,
    IOPRIO_LEVELS = 8,
};
enum { IOPRIO_NONE, IOPRIO_REALTIME, IOPRIO_BEST_EFFORT, IOPRIO_IDLE };

static void best_ioprio(struct thread *t, void *arg)
{
    unsigned *best = arg;

    if (t->ioprio < *best)
        *best = t->ioprio;
}

int32_t sys_ioprio_get(SYSCALL_2_ARGS(which, who))
{
    unsigned best = UINT32_MAX;

    if (which < IOPRIO_PROCESS || which > IOPRIO_USER)
        return -EINVAL;
    if (!each_thread(which - IOPRIO_PROCESS, who, best_ioprio, &best))
        return -ESRCH;
    return best == UINT32_MAX ? 0 : (int32_t)best;
}

static void set_ioprio(struct thread *t, void *arg)
{
    t->ioprio = *(const uint16_t *)arg;
}

/* Requests to the disk are served in order, whoever asks; this is remembered, inherited and told. */
int32_t sys_ioprio_set(SYSCALL_3_ARGS(which, who, priority))
{
    uint32_t class = priority >> IOPRIO_CLASS_SHIFT, data = priority & IOPRIO_DATA;
    uint16_t value = (uint16_t)priority;

    if (class > IOPRIO_IDLE || (class == IOPRIO_NONE && data) ||
        ((class == IOPRIO_REALTIME || class == IOPRIO_BEST_EFFORT) && data >= IOPRIO_LEVELS))
        return -EINVAL;
    if (class == IOPRIO_REALTIME && !capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
        return -EPERM;
    if (which < IOPRIO_PROCESS || which > IOPRIO_USER)
        return -EINVAL;
    return each_thread(which - IOPRIO_PROCESS, who, set_ioprio, &value) ? 0 : -ESRCH;
}

/* --- all of it in a structure --- */

struct sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t least_use, most_use;
};

enum {
    SCHED_ATTR_FIRST = 48, /* bytes of the first form */
    FLAG_RESET = 1 << 0,
    FLAG_KEEP_POLICY = 1 << 3,
    FLAG_KEEP_PARAMS = 1 << 4,
    FLAGS_ALL = 0x7F,
};

/* Copy in one of any length: what this kernel does not know has to be 0. */
static int read_attr(struct sched_attr *a, vaddr_t at)
{
    uint32_t size;
    int err = user_read32(&size, at);

    if (err)
        return err;
    if (!size)
        size = SCHED_ATTR_FIRST;
    if (size < SCHED_ATTR_FIRST || size > PAGE_SIZE)
        goto bad_size;
    memset(a, 0, sizeof *a);
    err = user_copy_in(a, at, size < sizeof *a ? size : sizeof *a);
    for (uint32_t i = sizeof *a; !err && i < size; i++) {
        uint8_t more;

        err = user_copy_in(&more, at + i, 1);
        if (!err && more)
            goto bad_size;
    }
    return err;
bad_size:
    err = user_write32(at, sizeof *a);
    return err ? err : -E2BIG;
}

int32_t sys_sched_setattr(SYSCALL_3_ARGS(pid, at, flags))
{
    struct sched_attr a;
    struct sched_how how;
    struct thread *t;
    int err;

    if (!at || (int)pid < 0 || flags)
        return -EINVAL;
    err = read_attr(&a, at);
    if (err)
        return err;
    if ((int)a.policy < 0 || a.flags & ~(uint64_t)FLAGS_ALL)
        return -EINVAL;
    t = find(pid);
    if (!t)
        return -ESRCH;
    how = t->task->how;
    if (!(a.flags & FLAG_KEEP_POLICY)) {
        if (!known(a.policy))
            return -EINVAL;
        how.policy = (uint8_t)a.policy;
    }
    if (!(a.flags & FLAG_KEEP_PARAMS)) {
        if (a.priority > PRIORITY_MOST)
            return -EINVAL;
        how.priority = (uint8_t)a.priority;
        if (!realtime(how.policy))
            how.nice = (int8_t)between(NICE_LEAST, a.nice, NICE_MOST);
    }
    how.reset = a.flags & FLAG_RESET;
    return set_how(t, &how);
}

int32_t sys_sched_getattr(SYSCALL_4_ARGS(pid, at, size, flags))
{
    struct sched_attr a = {0};
    const struct thread *t;

    if (!at || (int)pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_FIRST || flags)
        return -EINVAL;
    t = find(pid);
    if (!t)
        return -ESRCH;
    a.size = size < sizeof a ? size : sizeof a;
    a.policy = t->task->how.policy;
    a.flags = t->task->how.reset ? FLAG_RESET : 0;
    if (realtime(a.policy))
        a.priority = t->task->how.priority;
    else
        a.nice = t->task->how.nice;
    a.most_use = 1024;
    return user_copy_out(at, &a, a.size);
}
