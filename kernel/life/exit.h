/* How threads and processes end. See exit.c. */
#ifndef KERNEL_LIFE_EXIT_H
#define KERNEL_LIFE_EXIT_H

#include "kernel/proc/process.h"

/* End the running thread; the last one makes the process a zombie that has exited with code. */
_Noreturn void thread_exit(int code);
/* End the whole running process with a wait status; only this thread if another is ending it for exec. */
_Noreturn void process_exit_group(int status);
/* End all other threads of the running process and wait for that. 0, or -EINTR when this one is to end: of
 * several threads that call it at once the first goes on. Afterwards only this thread can make others.
 * Sleeps. */
int process_single(void);
/* The same, but what the other threads leave behind is still there: they stand where they begin to end, until
 * process_let_go(), also after -EINTR. process_hold() sleeps. */
int process_hold(void);
void process_let_go(void);
/* Tell of p, which has ended: first its tracer, if it has one, and when that has waited for all of it, its
 * parent. p may be forgotten then. Does not sleep. */
void process_announce(struct process *p);
/* The parent of a vfork child may go on. */
void process_vfork_done(struct process *p);
/* Drop a thread's reference to its table of descriptors. Sleeps. */
void thread_give_up_files(struct thread *t);
/* Free a process that was never in the tree, with what it has. Sleeps. */
void process_discard(struct process *p);

#endif
