/* Whom the calls about sharing the processor are about: threads, and first threads that have ended but are
 * still there. See sys_sched.c and sys_nice.c. */
#ifndef KERNEL_SYS_SYS_SCHED_H
#define KERNEL_SYS_SYS_SCHED_H

#include "kernel/sched/task.h"

struct cred;
struct process;
struct thread;

struct sharer {
    struct process *process;
    struct thread *thread; /* NULL: the first one, which has ended */
    struct sched_how *how; /* to be read; sharer_set() writes it */
};

static inline int nice_within(int nice)
{
    return nice < NICE_LEAST ? NICE_LEAST : nice > NICE_MOST ? NICE_MOST : nice;
}

/* By number, 0 being the running thread. False: nobody has it. What is found is valid until the caller
 * sleeps. */
bool sharer_find(uint32_t tid, struct sharer *s);
/* how is valid. */
void sharer_set(const struct sharer *s, const struct sched_how *how);
/* Whose it is. */
const struct cred *sharer_cred(const struct sharer *s);
/* Whether the running thread may decide about it: of its own user, or by CAP_SYS_NICE. */
bool sharer_is_own(const struct sharer *s);
/* Whether its RLIMIT_NICE allows a nice value: that counts from 1 for nice 19 to 40 for -20. */
bool sharer_may_be_nice(const struct sharer *s, int nice);

#endif
