/* Fast user-space locks: sleep on a word of user memory until another thread wakes it. See futex.c. */
#ifndef KERNEL_PROC_FUTEX_H
#define KERNEL_PROC_FUTEX_H

#include "mm/types.h"

struct thread;

/* Operations of futex(2). */
enum {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_PRIVATE = 128,
    FUTEX_CLOCK_REALTIME = 256,
    FUTEX_COMMAND = 127,
};

/* futex(2), but the limit of a wait is a deadline in os_now_ns() (0: none), and n2 the number that stands in
 * its place for others. What it returns. Sleeps. */
int32_t futex_call(vaddr_t uaddr, uint32_t op, uint32_t value, uint64_t deadline, uint32_t n2, vaddr_t uaddr2,
                   uint32_t value3);

/* Wake one waiter of the word in the running process's memory, whether it waits privately or not. Sleeps. */
void futex_wake_at(vaddr_t uaddr);
/* The running thread ends: mark the robust futexes that it holds, and wake their waiters. Sleeps. */
void futex_thread_exit(struct thread *t);

#endif
