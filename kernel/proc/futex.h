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

/* One of several words that are waited for. */
struct futex_word {
    vaddr_t uaddr;
    uint32_t value; /* that it is expected to have */
    bool private;
};
#define FUTEX_WORDS_MAX 128u
/* Wait until one of n words, which are all as expected, is woken: its number, or the last one's if several
 * are. deadline as above. -EAGAIN, -EFAULT, -EINVAL, -ENOMEM, -ETIMEDOUT, -ERESTARTSYS. Sleeps. */
int32_t futex_wait_any(const struct futex_word *word, uint32_t n, uint64_t deadline);

/* Wake one waiter of the word in the running process's memory, of those that do not wait privately.
 * Sleeps. */
void futex_wake_at(vaddr_t uaddr);
/* The running thread ends: mark the robust futexes that it holds, and wake their waiters. Sleeps. */
void futex_thread_exit(struct thread *t);

#endif
