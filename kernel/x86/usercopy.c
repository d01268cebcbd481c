/*
 * Access to user memory. Ranges are checked here, the accesses are in usercopy_access.asm, where every
 * instruction that touches user memory stands in the exception table (trap.h). Check and table are both
 * needed: the check, since the kernel's own addresses would not fault; the table, since only the access
 * itself tells whether a user address is good.
 *
 * With SMAP, user memory is open only between cpu_user_begin() and cpu_user_end().
 */
#include "kernel/x86/usercopy.h"
#include "kernel/x86/cpu_task.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

/* usercopy_access.asm. 0 or -EFAULT; no checks. */
int usercopy_in(void *dst, vaddr_t src, size_t n);
int usercopy_out(vaddr_t dst, const void *src, size_t n);
int usercopy_clear(vaddr_t dst, size_t n);
int usercopy_read32(uint32_t *dst, vaddr_t src);
int usercopy_write32(vaddr_t dst, uint32_t value);
int usercopy_exchange32(vaddr_t dst, uint32_t old, uint32_t value, uint32_t *was);
/* Length, -EFAULT, or max when there is no 0 in max bytes. */
int usercopy_string(char *dst, vaddr_t src, size_t max);

bool usercopy_is_lent(vaddr_t va, size_t n)
{
    const struct cpu_task *t = cpu_task_current();

    return va >= t->lent && va < t->lent_end && n <= t->lent_end - va;
}

static __attribute__((noinline, cold)) void before_slow(vaddr_t va, size_t n)
{
    usercopy_torture(va, n);
    might_sleep();
}

/* Whether the range may be touched. */
static inline bool begin(vaddr_t va, size_t n)
{
    if (unlikely(os_nosleep))
        before_slow(va, n);
    return likely(user_half_has(va, n)) || usercopy_is_lent(va, n);
}

/* The end of an access: its last byte may have been brought in from disk, so others may have run. */
static inline int end(int err)
{
    might_sleep();
    return err;
}

vaddr_t usercopy_lend(void *buf, size_t n)
{
    struct cpu_task *t = cpu_task_current();

    mm_assert(!t->lent, "the task has lent %x", t->lent);
    t->lent = (vaddr_t)buf;
    t->lent_end = (vaddr_t)buf + n;
    return t->lent;
}

void usercopy_unlend(void)
{
    struct cpu_task *t = cpu_task_current();

    t->lent = t->lent_end = 0;
}

int user_copy_in_atomic(void *dst, vaddr_t src, size_t n)
{
    if (!user_half_has(src, n) && !usercopy_is_lent(src, n))
        return -EFAULT;
    nosleep_enter("what the caller holds: a fault goes to the exception table");
    cpu_user_begin();
    int err = usercopy_in(dst, src, n);
    cpu_user_end();
    nosleep_exit();
    return err;
}

int user_copy_out_atomic(vaddr_t dst, const void *src, size_t n)
{
    if (!user_half_has(dst, n) && !usercopy_is_lent(dst, n))
        return -EFAULT;
    nosleep_enter("what the caller holds: a fault goes to the exception table");
    cpu_user_begin();
    int err = usercopy_out(dst, src, n);
    cpu_user_end();
    nosleep_exit();
    return err;
}

int user_copy_in(void *dst, vaddr_t src, size_t n)
{
    if (n == 0)
        return 0;
    if (!begin(src, n))
        return -EFAULT;
    cpu_user_begin();
    int err = usercopy_in(dst, src, n);
    cpu_user_end();
    return end(err);
}

int user_copy_out(vaddr_t dst, const void *src, size_t n)
{
    if (n == 0)
        return 0;
    if (!begin(dst, n))
        return -EFAULT;
    cpu_user_begin();
    int err = usercopy_out(dst, src, n);
    cpu_user_end();
    return end(err);
}

int user_clear(vaddr_t dst, size_t n)
{
    if (n == 0)
        return 0;
    if (!begin(dst, n))
        return -EFAULT;
    cpu_user_begin();
    int err = usercopy_clear(dst, n);
    cpu_user_end();
    return end(err);
}

int user_read32(uint32_t *dst, vaddr_t src)
{
    if (!begin(src, sizeof *dst))
        return -EFAULT;
    cpu_user_begin();
    int err = usercopy_read32(dst, src);
    cpu_user_end();
    return end(err);
}

int user_write32(vaddr_t dst, uint32_t value)
{
    if (!begin(dst, sizeof value))
        return -EFAULT;
    cpu_user_begin();
    int err = usercopy_write32(dst, value);
    cpu_user_end();
    return end(err);
}

int user_exchange32(vaddr_t dst, uint32_t old, uint32_t value, uint32_t *was)
{
    if (!begin(dst, sizeof value))
        return -EFAULT;
    cpu_user_begin();
    int err = usercopy_exchange32(dst, old, value, was);
    cpu_user_end();
    return end(err);
}

int user_copy_string(char *dst, vaddr_t src, size_t max)
{
    if (!begin(src, 1))
        return -EFAULT;

    if (src >= USER_END) /* lent memory is for data */
        return -EFAULT;

    size_t room = USER_END - src;
    size_t limit = max < room ? max : room;

    cpu_user_begin();
    int n = usercopy_string(dst, src, limit);
    cpu_user_end();
    might_sleep();
    if (n != (int)limit)
        return n;
    return limit == max ? -E2BIG : -EFAULT; /* it would go on at a kernel address */
}
