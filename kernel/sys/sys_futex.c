/* futex(2) and futex_waitv(2), and their times. */
#include "kernel/proc/futex.h"
#include "kernel/sched/time.h"
#include "kernel/sched/usertime.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_time.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

static int timeout(uint32_t op, vaddr_t at, bool wide, uint64_t *deadline)
{
    bool absolute = (op & FUTEX_COMMAND) == FUTEX_WAIT_BITSET;
    uint64_t ns;
    int err;

    *deadline = 0;
    if (!at)
        return 0;
    err = usertime_read(at, USERTIME_SPEC(wide), &ns);
    if (err)
        return err;
    if (!absolute)
        *deadline = usertime_after(ns);
    else if (op & FUTEX_CLOCK_REALTIME)
        *deadline = usertime_until(ns);
    else
        *deadline = ns ? ns : 1;
    return 0;
}

static int32_t futex(uint32_t uaddr, uint32_t op, uint32_t value, uint32_t arg, uint32_t uaddr2,
                     uint32_t value3, bool wide)
{
    uint32_t command = op & FUTEX_COMMAND;
    uint64_t deadline = 0;

    if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) {
        int err = timeout(op, arg, wide, &deadline);

        if (err)
            return err;
    }
    if (op & FUTEX_CLOCK_REALTIME && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    return futex_call(uaddr, op, value, deadline, arg, uaddr2, value3);
}

int32_t sys_futex(uint32_t uaddr, uint32_t op, uint32_t value, uint32_t arg, uint32_t uaddr2, uint32_t value3)
{
    return futex(uaddr, op, value, arg, uaddr2, value3, false);
}

int32_t sys_futex_time64(uint32_t uaddr, uint32_t op, uint32_t value, uint32_t arg, uint32_t uaddr2,
                         uint32_t value3)
{
    return futex(uaddr, op, value, arg, uaddr2, value3, true);
}

/* --- several words --- */

/* struct futex_waitv. */
struct user_word {
    uint64_t value, uaddr;
    uint32_t flags, reserved;
};

#define WORD_32 2u /* the only size that there is */

static int read_words(struct futex_word *word, vaddr_t at, uint32_t n)
{
    struct user_word user;

    for (uint32_t i = 0; i < n; i++) {
        if (user_copy_in(&user, at + i * sizeof user, sizeof user))
            return -EFAULT;
        if (user.flags & ~(uint32_t)(WORD_32 | FUTEX_PRIVATE) || user.reserved || !(user.flags & WORD_32))
            return -EINVAL;
        word[i] = (struct futex_word){.uaddr = (vaddr_t)user.uaddr,
                                      .value = (uint32_t)user.value,
                                      .private = user.flags & FUTEX_PRIVATE};
    }
    return 0;
}

/* A limit is a time on a clock, and only with one does the clock matter. */
static int limit_of(vaddr_t at, uint32_t clock, uint64_t *deadline)
{
    uint32_t realtime = clock == CLOCK_REALTIME ? FUTEX_CLOCK_REALTIME : 0;

    *deadline = 0;
    if (at && clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return -EINVAL;
    return timeout(FUTEX_WAIT_BITSET | realtime, at, true, deadline);
}

int32_t sys_futex_waitv(SYSCALL_5_ARGS(words, n, flags, limit, clock))
{
    struct futex_word *word;
    uint64_t deadline;
    int32_t err;

    if (flags || !n || n > FUTEX_WORDS_MAX || !words)
        return -EINVAL;
    err = limit_of(limit, clock, &deadline);
    if (err)
        return err;
    word = vm_alloc(n * sizeof *word);
    if (!word)
        return -ENOMEM;
    err = read_words(word, words, n);
    if (!err)
        err = futex_wait_any(word, n, deadline);
    kfree(word);
    return err;
}
