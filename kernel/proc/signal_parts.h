/* What signal.c and kernel/life/deliver.c share. */
#ifndef KERNEL_PROC_SIGNAL_PARTS_H
#define KERNEL_PROC_SIGNAL_PARTS_H

#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"

/* What a signal does without a handler. */
enum signal_default { SIGNAL_DIE, SIGNAL_DUMP, SIGNAL_IGNORE, SIGNAL_STOP };
enum signal_default signal_default(int signo);
/* Whether nothing happens when a signal without a handler is sent to p. */
bool signal_ignored_by_default(const struct process *p, int signo);
/* p has stopped or goes on: tell its parent. Does not sleep. */
void signal_tell_parent(struct process *p, int code, int status);

/* Count one record more for a user, who is referenced by it; and one less. Do not sleep. */
struct user *signal_count(struct user *u);
void signal_uncount(struct user *u);

/* Have t look for signals on its way to ring 3; and the running thread not. */
static inline void signal_mark(struct thread *t)
{
    __atomic_fetch_or(&t->task->cpu.user_work, TASK_WORK_SIGNAL, __ATOMIC_RELAXED);
}

static inline void signal_unmark(struct thread *t)
{
    __atomic_fetch_and(&t->task->cpu.user_work, ~(uint32_t)TASK_WORK_SIGNAL, __ATOMIC_RELAXED);
}

/* What t could take at this moment. */
static inline sigset_t signal_takeable(const struct thread *t)
{
    return (t->sig.pending.set | t->process->pending.set) & ~t->sig.blocked;
}

/* Whether it is to stand: with its process, or, if it is traced, when that was asked of it. */
static inline __attribute__((always_inline)) bool signal_is_to_stop(const struct thread *t)
{
    return unlikely(t->process->stopped | t->sig.traps) && (t->sig.traps || !t->ptrace);
}

static inline __attribute__((always_inline)) bool signal_has_work(const struct thread *t)
{
    return t->sig.faulted || signal_takeable(t) || t->exiting || signal_is_to_stop(t);
}

#endif
