/* System calls: nice values, and priorities at the disk, which are only remembered and shown. */
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_sched.h"
#include "kernel/sys/syscall.h"
#include "mm/errno.h"

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

/* Call fn for each thread of p, the first one too if it has ended, of one user or (ID_NONE) any. Returns how
 * many. */
static uint32_t each_of(struct process *p, uint32_t uid, void (*fn)(const struct sharer *s, void *arg),
                        void *arg)
{
    uint32_t n = 0;
    bool first = false;

    for (struct thread *t = p->threads; t; t = t->next) {
        first |= t->tid == p->pid;
        if (uid != ID_NONE && t->cred->uid != uid)
            continue;
        fn(&(struct sharer){.process = p, .thread = t, .how = &t->task->how}, arg);
        n++;
    }
    if (!first && (uid == ID_NONE || cred_of_process(p)->uid == uid)) {
        fn(&(struct sharer){.process = p, .how = &p->how}, arg);
        n++;
    }
    return n;
}

/* Call fn for each thread that is meant: of a number, of a group, of a user. Returns how many there are. fn
 * must not sleep. */
static uint32_t each_sharer(uint32_t which, uint32_t who, void (*fn)(const struct sharer *s, void *arg),
                            void *arg)
{
    struct sharer s;
    uint32_t n = 0;

    if (which == PRIO_PROCESS) {
        if (!sharer_find(who, &s))
            return 0;
        fn(&s, arg);
        return 1;
    }
    if (which == PRIO_USER && who == ID_NONE) /* nobody */
        return 0;
    if (which == PRIO_PGRP && who == 0)
        who = (uint32_t)process_current()->pgid;
    for (struct process *p = process_all; p; p = p->all_next)
        if (which == PRIO_USER || (uint32_t)p->pgid == who)
            n += each_of(p, which == PRIO_USER ? who : ID_NONE, fn, arg);
    return n;
}

/* User 0 is whoever asks, except for ioprio_set(), where it is root: so Linux has it. */
static uint32_t whose(uint32_t which, uint32_t who)
{
    return which == PRIO_USER && who == 0 ? thread_current()->cred->uid : who;
}

static void least_nice(const struct sharer *s, void *arg)
{
    int *least = arg;

    if (s->how->nice < *least)
        *least = s->how->nice;
}

/* As the call counts, nice 19 is 1 and nice -20 is 40. */
int32_t sys_getpriority(SYSCALL_2_ARGS(which, who))
{
    int least = NICE_MOST;

    if (which > PRIO_USER)
        return -EINVAL;
    if (!each_sharer(which, whose(which, who), least_nice, &least))
        return -ESRCH;
    return NICE_MOST + 1 - least;
}

struct renice {
    int nice, err;
};

static void renice(const struct sharer *s, void *arg)
{
    struct renice *r = arg;
    struct sched_how how = *s->how;

    if (!sharer_is_own(s)) {
        r->err = -EPERM;
        return;
    }
    if (r->nice < how.nice && !sharer_may_be_nice(s, r->nice) && !capable(CAP_SYS_NICE)) {
        r->err = -EACCES;
        return;
    }
    how.nice = (int8_t)r->nice;
    sharer_set(s, &how);
}

int32_t sys_setpriority(SYSCALL_3_ARGS(which, who, value))
{
    struct renice r = {.nice = nice_within((int)value)};

    if (which > PRIO_USER)
        return -EINVAL;
    return each_sharer(which, whose(which, who), renice, &r) ? r.err : -ESRCH;
}

int32_t sys_nice(SYSCALL_1_ARG(more))
{
    enum { MOST = NICE_MOST + 1 - NICE_LEAST };
    struct sched_how how;
    struct sharer s;

    sharer_find(0, &s);
    how = *s.how;
    how.nice = (int8_t)nice_within((int)more < -MOST  ? -MOST
                                   : (int)more > MOST ? MOST
                                                      : how.nice + (int)more);
    if ((int)more < 0 && !sharer_may_be_nice(&s, how.nice) && !capable(CAP_SYS_NICE))
        return -EPERM;
    sharer_set(&s, &how);
    return 0;
}

/* --- the disk --- */

enum {
    IOPRIO_PROCESS = 1,
    IOPRIO_USER = 3,
    IOPRIO_CLASS_SHIFT = 13,
    IOPRIO_CLASSES = 8, /* as many as there are numbers for */
    IOPRIO_LEVEL = 7,   /* the bits from there to the class are hints to the device: kept, and told */
};
enum { IOPRIO_NONE, IOPRIO_REALTIME, IOPRIO_BEST_EFFORT, IOPRIO_IDLE };

static unsigned ioprio_of(const struct sharer *s)
{
    return s->thread ? s->thread->ioprio : IOPRIO_NONE;
}

/* Of one that has none, what its policy and its nice value make of that. */
static unsigned effective(const struct sharer *s)
{
    unsigned class = s->how->priority               ? IOPRIO_REALTIME
                     : s->how->policy == SCHED_IDLE ? IOPRIO_IDLE
                                                    : IOPRIO_BEST_EFFORT;
    unsigned level = (unsigned)(s->how->nice - NICE_LEAST) / 5;

    return ioprio_of(s) ? ioprio_of(s) : class << IOPRIO_CLASS_SHIFT | level;
}

static void best_ioprio(const struct sharer *s, void *arg)
{
    unsigned *best = arg;

    if (effective(s) < *best)
        *best = effective(s);
}

/* One alone is told as it was set. */
static void raw_ioprio(const struct sharer *s, void *arg)
{
    *(unsigned *)arg = ioprio_of(s);
}

int32_t sys_ioprio_get(SYSCALL_2_ARGS(which, who))
{
    unsigned found = UINT32_MAX;

    if (which < IOPRIO_PROCESS || which > IOPRIO_USER)
        return -EINVAL;
    if (!each_sharer(which - IOPRIO_PROCESS, whose(which - IOPRIO_PROCESS, who),
                     which == IOPRIO_PROCESS ? raw_ioprio : best_ioprio, &found))
        return -ESRCH;
    return (int32_t)found;
}

struct ioprio {
    uint16_t value;
    int err;
};

static void set_ioprio(const struct sharer *s, void *arg)
{
    struct ioprio *set = arg;

    if (!cred_is_owner(sharer_cred(s), CAP_SYS_NICE))
        set->err = -EPERM;
    else if (s->thread)
        s->thread->ioprio = set->value;
}

/* Requests to the disk are served in order, whoever asks; this is remembered, inherited and told. */
int32_t sys_ioprio_set(SYSCALL_3_ARGS(which, who, priority))
{
    uint32_t class = priority >> IOPRIO_CLASS_SHIFT & (IOPRIO_CLASSES - 1);
    struct ioprio set = {.value = (uint16_t)priority};

    if (class > IOPRIO_IDLE || (class == IOPRIO_NONE && priority & IOPRIO_LEVEL))
        return -EINVAL;
    if (class == IOPRIO_REALTIME && !capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
        return -EPERM;
    if (which < IOPRIO_PROCESS || which > IOPRIO_USER)
        return -EINVAL;
    return each_sharer(which - IOPRIO_PROCESS, who, set_ioprio, &set) ? set.err : -ESRCH;
}
