/* Fast user-space locks: sleep on a word of user memory until another thread wakes it. See futex.c. */
#ifndef KERNEL_PROC_FUTEX_H
#define KERNEL_PROC_FUTEX_H

#include "mm/types.h"

struct thread;

/* Wake one waiter of the word in the running process's memory, whether it waits privately or not. */
void futex_wake_at(vaddr_t uaddr);
/* The running thread ends: mark the robust futexes that it holds, and wake their waiters. */
void futex_thread_exit(struct thread *t);

#endif
