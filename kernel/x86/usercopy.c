/*
 * Access to user memory. Ranges are checked here, the accesses are in usercopy_access.asm, where every
 * instruction that touches user memory stands in the exception table (trap.h). Check and table are both
 * needed: the check, since the kernel's own addresses would not fault; the table, since only the access
 * itself tells whether a user address is good.
 *
 * With SMAP, user memory is open only between cpu_user_begin() and cpu_user_end().
 *
 * Large pieces go by SSE where that was found to be faster at start-up. The registers of SSE are the
 * program's, or, while a task of the kernel runs, those of the program that ran last; a switch saves them for
 * nobody else. So no task may run while such a copy has them: it is a nosleep section, in which a fault is
 * not resolved but ends the copy. Plain moves then go through the place where that was, which brings the
 * page, and SSE goes on behind it.
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
/* By SSE, n at least USERCOPY_ROUND. What is left: less than a round, or all from the round on that met a
 * fault. */
size_t usercopy_in_large(void *dst, vaddr_t src, size_t n);
size_t usercopy_out_large(vaddr_t dst, const void *src, size_t n);
size_t usercopy_clear_large(vaddr_t dst, size_t n);

#define ROUNDS 6 /* timings of each way, the best counts: the first warms caches and the translator */

struct usercopy_way usercopy_ways[] = {{.name = "moves"}, {.name = "movups", .is_large = true}};
const unsigned usercopy_ways_count = ARRAY_LEN(usercopy_ways);

static size_t large_from = SIZE_MAX; /* bytes from which on a piece is large */

enum access { COPY_IN, COPY_OUT, CLEAR, COPY_IN_ATOMIC, COPY_OUT_ATOMIC };

/* --- large pieces --- */

/* own: the other end, in the kernel; of no use to CLEAR. 0 or -EFAULT. */
static int by_moves(enum access how, vaddr_t user, vaddr_t own, size_t n)
{
    switch (how) {
    case COPY_IN:
        return usercopy_in((void *)own, user, n);
    case COPY_OUT:
        return usercopy_out(user, (const void *)own, n);
    default:
        return usercopy_clear(user, n);
    }
}

/* The same; what is left. */
static size_t by_sse(enum access how, vaddr_t user, vaddr_t own, size_t n)
{
    size_t left;

    nosleep_enter("the SSE registers of the program");
    if (how == COPY_IN)
        left = usercopy_in_large((void *)own, user, n);
    else if (how == COPY_OUT)
        left = usercopy_out_large(user, (const void *)own, n);
    else
        left = usercopy_clear_large(user, n);
    nosleep_exit();
    return left;
}

static __attribute__((noinline)) int access_large(enum access how, vaddr_t user, vaddr_t own, size_t n)
{
    while (n >= USERCOPY_ROUND) {
        size_t left = by_sse(how, user, own, n);

        user += n - left;
        own += n - left;
        n = left;
        if (n < USERCOPY_ROUND)
            break;
        if (by_moves(how, user, own, USERCOPY_ROUND))
            return -EFAULT;
        user += USERCOPY_ROUND;
        own += USERCOPY_ROUND;
        n -= USERCOPY_ROUND;
    }
    return n ? by_moves(how, user, own, n) : 0;
}

static uint32_t time_once(const struct usercopy_way *w, void *a, void *b)
{
    uint32_t irq = os_irq_save();
    uint64_t start = cpu_rdtsc();

    if (w->is_large)
        usercopy_out_large((vaddr_t)a, b, PAGE_SIZE);
    else
        usercopy_out((vaddr_t)a, b, PAGE_SIZE);
    uint64_t end = cpu_rdtsc();

    os_irq_restore(irq);
    return (uint32_t)(end - start);
}

void usercopy_use(const struct usercopy_way *w)
{
    for (unsigned i = 0; i < usercopy_ways_count; i++)
        usercopy_ways[i].chosen = &usercopy_ways[i] == w;
    large_from = w->is_large ? USERCOPY_ROUND : SIZE_MAX;
}

void usercopy_select(void *scratch_a, void *scratch_b)
{
    const struct usercopy_way *best = NULL;

    for (unsigned i = 0; i < usercopy_ways_count; i++) {
        struct usercopy_way *w = &usercopy_ways[i];

        w->usable = !w->is_large || cpu_features.sse;
        for (unsigned k = 0; w->usable && cpu_features.tsc && k < ROUNDS; k++) {
            uint32_t t = time_once(w, scratch_a, scratch_b);

            if (k == 0 || t < w->cycles)
                w->cycles = t;
        }
        if (w->usable && (!best || w->cycles < best->cycles))
            best = w;
    }
    usercopy_use(best);
}

/* --- lending --- */

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

/* Whether the range is the program's, and may be touched. */
static inline bool begin(vaddr_t va, size_t n)
{
    if (unlikely(os_nosleep) && n)
        before_slow(va, n);
    return likely(user_half_has(va, n));
}

/* The end of an access: its last byte may have been brought in from disk, so others may have run. */
static inline int end(int err)
{
    might_sleep();
    return err;
}

static vaddr_t lend(vaddr_t va, size_t n, struct lent_vector *v)
{
    struct cpu_task *t = cpu_task_current();

    mm_assert(!t->lent, "the task has lent %x", t->lent);
    t->lent = va;
    t->lent_end = va + n;
    t->lent_vector = v;
    return va;
}

vaddr_t usercopy_lend(void *buf, size_t n)
{
    return lend((vaddr_t)buf, n, NULL);
}

vaddr_t usercopy_lend_vector(struct lent_vector *v, size_t from, size_t n)
{
    mm_assert(n <= LENT_VECTOR_MAX, "%u bytes", n);
    v->from = from;
    return lend(USER_END, n, v);
}

void usercopy_unlend(void)
{
    struct cpu_task *t = cpu_task_current();

    t->lent = t->lent_end = 0;
    t->lent_vector = NULL;
}

/* Where a lent address is in the program's memory, and how many of n bytes from there are in one part. */
static size_t find_part(struct lent_vector *v, vaddr_t lent, size_t n, vaddr_t *user)
{
    size_t at = v->from + (lent - USER_END), left;

    while (at < v->start)
        v->start -= v->part[--v->index].size;
    while (at - v->start >= v->part[v->index].size)
        v->start += v->part[v->index++].size;
    *user = v->part[v->index].base + (at - v->start);
    left = v->part[v->index].size - (at - v->start);
    return n < left ? n : left;
}

size_t usercopy_lent_part(vaddr_t va, size_t n)
{
    struct lent_vector *v = cpu_task_current()->lent_vector;

    if (v && n && usercopy_is_lent(va, n))
        n = find_part(v, va, n, &va);
    return n && va < USER_END ? user_part(va, n) : user_page_part(va, n);
}

static int access_part(enum access how, vaddr_t user, void *own, size_t n)
{
    switch (how) {
    case COPY_IN:
        return user_copy_in(own, user, n);
    case COPY_OUT:
        return user_copy_out(user, own, n);
    case CLEAR:
        return user_clear(user, n);
    case COPY_IN_ATOMIC:
        return user_copy_in_atomic(own, user, n);
    case COPY_OUT_ATOMIC:
    default:
        return user_copy_out_atomic(user, own, n);
    }
}

static int access_kernel(enum access how, void *lent, void *own, size_t n)
{
    if (how == CLEAR)
        memset(lent, 0, n);
    else if (how == COPY_IN || how == COPY_IN_ATOMIC)
        memcpy(own, lent, n);
    else
        memcpy(lent, own, n);
    return 0;
}

/* An access that does not lie in the programs' half: to what was lent, to nothing at all, or a mistake. own:
 * the other end, in the kernel. */
static __attribute__((noinline)) int access_lent(enum access how, vaddr_t va, void *own, size_t n)
{
    struct lent_vector *v = cpu_task_current()->lent_vector;
    int err = 0;

    if (!n)
        return 0;
    if (!usercopy_is_lent(va, n))
        return -EFAULT;
    if (!v)
        return access_kernel(how, (void *)va, own, n);
    while (n && !err) {
        vaddr_t user;
        size_t part = find_part(v, va, n, &user);

        err = access_part(how, user, own, part);
        va += part;
        own = (uint8_t *)own + part;
        n -= part;
    }
    return err;
}

/* --- access --- */

static inline int copy_in(void *dst, vaddr_t src, size_t n)
{
    return likely(n < large_from) ? usercopy_in(dst, src, n) : access_large(COPY_IN, src, (vaddr_t)dst, n);
}

static inline int copy_out(vaddr_t dst, const void *src, size_t n)
{
    return likely(n < large_from) ? usercopy_out(dst, src, n) : access_large(COPY_OUT, dst, (vaddr_t)src, n);
}

int user_copy_in_atomic(void *dst, vaddr_t src, size_t n)
{
    if (!user_half_has(src, n))
        return access_lent(COPY_IN_ATOMIC, src, dst, n);
    nosleep_enter("what the caller holds: a fault goes to the exception table");
    cpu_user_begin();
    int err = copy_in(dst, src, n);
    cpu_user_end();
    nosleep_exit();
    return err;
}

int user_copy_out_atomic(vaddr_t dst, const void *src, size_t n)
{
    if (!user_half_has(dst, n))
        return access_lent(COPY_OUT_ATOMIC, dst, (void *)(uintptr_t)src, n);
    nosleep_enter("what the caller holds: a fault goes to the exception table");
    cpu_user_begin();
    int err = copy_out(dst, src, n);
    cpu_user_end();
    nosleep_exit();
    return err;
}

int user_copy_in(void *dst, vaddr_t src, size_t n)
{
    if (!begin(src, n))
        return access_lent(COPY_IN, src, dst, n);
    cpu_user_begin();
    int err = copy_in(dst, src, n);
    cpu_user_end();
    return end(err);
}

int user_copy_out(vaddr_t dst, const void *src, size_t n)
{
    if (!begin(dst, n))
        return access_lent(COPY_OUT, dst, (void *)(uintptr_t)src, n);
    cpu_user_begin();
    int err = copy_out(dst, src, n);
    cpu_user_end();
    return end(err);
}

int user_clear(vaddr_t dst, size_t n)
{
    if (!begin(dst, n))
        return access_lent(CLEAR, dst, NULL, n);
    cpu_user_begin();
    int err = likely(n < large_from) ? usercopy_clear(dst, n) : access_large(CLEAR, dst, 0, n);
    cpu_user_end();
    return end(err);
}

int user_read32(uint32_t *dst, vaddr_t src)
{
    if (!begin(src, sizeof *dst))
        return access_lent(COPY_IN, src, dst, sizeof *dst);
    cpu_user_begin();
    int err = usercopy_read32(dst, src);
    cpu_user_end();
    return end(err);
}

int user_write32(vaddr_t dst, uint32_t value)
{
    if (!begin(dst, sizeof value))
        return access_lent(COPY_OUT, dst, &value, sizeof value);
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
    if (!begin(src, 1)) /* lent memory is for data */
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
