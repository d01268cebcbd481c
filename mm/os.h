/*
 * What mm/ asks of the system around it. To put mm/ into another kernel,
 * implement this header (kernel/sched/sync.c and kernel/lib/printk.c do it here,
 * tests/host/os.c on the host).
 *
 * Model: one processor. A task is preempted only where it sleeps, so code
 * between two sleeping calls is atomic with respect to other tasks; what an
 * interrupt also touches is guarded with os_irq_save(). nosleep_enter() and
 * nosleep_exit() mark the sections that rely on this. On a multiprocessor they
 * become spin locks, which is why every such section names what it protects.
 * A function that may sleep calls might_sleep() first, and says "Sleeps." in its
 * contract.
 *
 * What guards a field, by the letter in its comment:
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (i)  interrupts off: interrupts change it too
 *   (o)  the running code only: an interrupt leaves it as it found it
 */
#ifndef MM_OS_H
#define MM_OS_H

#include "mm/types.h"

/* Log one line (no newline needed) for the operator. Any context. printf subset: %d %u %x %lx %llu %p %s %c
 * %%, widths, 0 and - flags. */
void os_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Stop the system: prints file, line and the message, then does not return. */
_Noreturn void os_panic(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * An assertion says what was found. It is for broken invariants of this code,
 * never for bad input, and it is always compiled in.
 */
#define mm_assert(cond, ...)                                                                                 \
    do {                                                                                                     \
        if (unlikely(!(cond)))                                                                               \
            os_panic(__FILE__, __LINE__, "expected " #cond "; " __VA_ARGS__);                                \
    } while (0)

/*
 * For the verify functions: report a broken invariant by number and go on. The
 * function has a local `bool ok`.
 */
#define INV(id, cond, ...)                                                                                   \
    do {                                                                                                     \
        if (unlikely(!(cond))) {                                                                             \
            os_log("broken " id ": expected " #cond "; " __VA_ARGS__);                                       \
            ok = false;                                                                                      \
        }                                                                                                    \
    } while (0)

/* Nanoseconds since boot; monotonic. */
uint64_t os_now_ns(void);

/* Interrupts off; returns the previous state for os_irq_restore(). Nest freely. */
uint32_t os_irq_save(void);
void os_irq_restore(uint32_t state);

/* The running task, opaque to mm/. Written by the scheduler only. NULL before tasking starts. */
extern void *os_current; /* (i) */

/*
 * What code that may sleep has to look at first, in one word so that the usual answer, 0, costs one test: how
 * many nosleep sections are open, and the OS_ bits. An interrupt counts as a section.
 */
extern uint32_t os_nosleep;   /* (o) */
#define OS_TORTURE (1u << 31) /* sleeps are provoked */
#define OS_WANTED  (1u << 30) /* the running task had its share, and others wait; set by interrupts */
#define OS_METERED (1u << 29) /* somebody measures how long others have no chance */
#define OS_DEPTH   0xFFFFu
/* What the section that was entered last protects. */
extern const char *os_nosleep_why; /* (o) */

static inline uint32_t nosleep_depth(void)
{
    return os_nosleep & OS_DEPTH;
}

/* From here to nosleep_exit() the code relies on not being preempted. Sections nest. protects: the data that
 * may not change meanwhile, for the panic of who sleeps nevertheless. */
static inline void nosleep_enter(const char *protects)
{
    os_nosleep_why = protects;
    os_nosleep++;
}

static inline void nosleep_exit(void)
{
    os_nosleep--;
}

/* Sleeps. */
void might_sleep_slow(void);

/*
 * Stands at the start of every function that may sleep, also where it mostly does not, and in loops that can
 * be long: it panics in a nosleep section, and others run here if they are OS_WANTED, or under OS_TORTURE.
 * Sleeps. Interrupts are on.
 */
static inline void might_sleep(void)
{
    if (unlikely(os_nosleep))
        might_sleep_slow();
}

/* Tasks that wait for one kind of event, oldest first. Zero-filled is valid and empty. Touched with
 * interrupts off. */
struct waitq {
    struct waiter *head, *tail; /* (i) */
};

/*
 * Sleep until somebody wakes the queue. Call with interrupts off (returns with
 * them off) and re-check the condition in a loop:
 *
 *     uint32_t s = os_irq_save();
 *     while (!done)
 *         os_sleep(&q);
 *     os_irq_restore(s);
 *
 * Sleeps: must not be called in an interrupt or inside nosleep_enter().
 */
void os_sleep(struct waitq *q);
/* The same with a limit in absolute os_now_ns() time. False when the limit passed without a wake-up. Sleeps.
 */
bool os_sleep_until(struct waitq *q, uint64_t deadline_ns);
/* Make the oldest waiter, or all of them, runnable. Any context. */
void os_wake_one(struct waitq *q);
void os_wake_all(struct waitq *q);
/* Those whom the running program's task has woken do not wait until its turn is over: it gives way at its
 * next possible sleep, or on its way back to its program. Any context. */
void os_give_way(void);
/* Give another runnable task the processor, if there is one. Sleeps. */
void os_yield(void);

/*
 * The running task waits for what more memory would spare it: a page that had to go and comes back, a frame
 * that has to be freed first. Until the leave that belongs to it; they nest. What lies between may run,
 * sleep, and be sections. Neither sleeps.
 */
void os_memstall_enter(void);
void os_memstall_leave(void);

/* A sleeping lock. Zero-filled is valid and unlocked. Not recursive; unlocked by its owner. */
struct mutex {
    void *owner; /* (n) task, NULL when free */
    struct waitq waiters;
};

/* mutex_lock_slow() sleeps. */
void mutex_lock_slow(struct mutex *m);
void mutex_unlock_slow(struct mutex *m);

/* Sleeps, also if it is free. */
static inline void mutex_lock(struct mutex *m)
{
    might_sleep();
    if (likely(!m->owner))
        m->owner = os_current;
    else
        mutex_lock_slow(m);
}

/* Does not sleep. */
static inline bool mutex_trylock(struct mutex *m)
{
    if (m->owner)
        return false;
    m->owner = os_current;
    return true;
}

static inline void mutex_unlock(struct mutex *m)
{
    if (likely(!m->waiters.head))
        m->owner = NULL;
    else
        mutex_unlock_slow(m);
}

static inline bool mutex_is_mine(const struct mutex *m)
{
    return m->owner && m->owner == os_current;
}

/* What the C library provides on the host and kernel/lib/string.c in the kernel. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

#ifndef QUIRE_HOSTED
void *memcpy_call(void *restrict dst, const void *restrict src, size_t n) __asm__("memcpy");

/* A few words, whose number is known, are moved without a call. This is no definition: who has the function
 * has that in a file of his. */
extern inline __attribute__((always_inline, gnu_inline)) void *memcpy(void *restrict dst,
                                                                      const void *restrict src, size_t n)
{
    return __builtin_constant_p(n) && n <= 64 ? __builtin_memcpy(dst, src, n) : memcpy_call(dst, src, n);
}
#endif

#endif
