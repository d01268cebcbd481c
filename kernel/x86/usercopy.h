/*
 * The only way to user memory from the kernel. Every address that a program hands in goes through here.
 *
 * A page that is not there yet, is swapped out or is shared copy-on-write is brought in by the fault handler
 * as if the program had touched it. So copies sleep, but for those that are called atomic; they are not for
 * interrupts or nosleep sections. An address that the program may not use gives -EFAULT: then a part of
 * the range (any part from its start) may have been copied, nothing more is promised.
 */
#ifndef KERNEL_X86_USERCOPY_H
#define KERNEL_X86_USERCOPY_H

#include "mm/layout.h"
#include "mm/types.h"

/* Whether [va, va + n) lies in the programs' half. */
static inline bool user_half_has(vaddr_t va, size_t n)
{
    vaddr_t end;

    return !__builtin_add_overflow(va, n, &end) && end <= USER_END;
}

/* Whether [va, va + n) was lent by usercopy_lend(). */
bool usercopy_is_lent(vaddr_t va, size_t n);
/* Whether a buffer lies where a program's can, whatever is mapped there. Also of 0 bytes. */
static inline bool user_range_ok(vaddr_t va, size_t n)
{
    return likely(user_half_has(va, n)) || usercopy_is_lent(va, n);
}

/* 0 or -EFAULT. n = 0 succeeds at any address. Sleep. */
int user_copy_in(void *dst, vaddr_t src, size_t n);
int user_copy_out(vaddr_t dst, const void *src, size_t n);
int user_clear(vaddr_t dst, size_t n);
int user_read32(uint32_t *dst, vaddr_t src);
int user_write32(vaddr_t dst, uint32_t value);
/* If the word at dst is old, make it value, in one step; *was is what it was. Sleeps. */
int user_exchange32(vaddr_t dst, uint32_t old, uint32_t value, uint32_t *was);
/*
 * A string with its terminating 0, at most max bytes in all. Returns its length without the 0, -EFAULT, or
 * -E2BIG when there is no 0 in the first max bytes (dst then holds those, without a 0). Sleeps.
 */
int user_copy_string(char *dst, vaddr_t src, size_t max);

static inline size_t user_page_part(vaddr_t va, size_t n)
{
    size_t left = PAGE_SIZE - (va & PAGE_MASK);

    return n < left ? n : left;
}

/* The same as user_part() for an address that may be lent. */
size_t usercopy_lent_part(vaddr_t va, size_t n);
/* How much of [va, va + n) lies in the first page of the program's memory. What cannot be copied whole is
 * copied as far as it goes by pages, since that is how memory ends. */
static inline size_t user_part(vaddr_t va, size_t n)
{
    return likely(va < USER_END) ? user_page_part(va, n) : usercopy_lent_part(va, n);
}

/*
 * The same where one may not sleep, with a high frame's window open for example: -EFAULT also if the page
 * just is not there now.
 */
int user_copy_in_atomic(void *dst, vaddr_t src, size_t n);
int user_copy_out_atomic(vaddr_t dst, const void *src, size_t n);

/* Ways to copy large pieces. */
#define USERCOPY_ROUND 256u /* bytes in a step of the ways for large pieces; usercopy_access.asm knows it */
struct usercopy_way {
    const char *name;
    bool is_large;   /* it serves pieces of a round and more only; smaller ones are moved */
    bool usable;     /* the processor has what it needs */
    bool chosen;     /* by usercopy_use() */
    uint32_t cycles; /* for a page, best of several runs at start-up; 0: the processor has no counter */
};
extern struct usercopy_way usercopy_ways[];
extern const unsigned usercopy_ways_count;
/* Time every usable way on two scratch pages and choose the fastest. */
void usercopy_select(void *scratch_a, void *scratch_b);
/* Choose one that is usable. For tests too. */
void usercopy_use(const struct usercopy_way *w);

/* Called here when sleeps are provoked, before each access: maybe make a page of the range go away, as it
 * could at any time. Sleeps. Defined in kernel/sched/torture.c. */
void usercopy_torture(vaddr_t va, size_t n);

/*
 * Let the functions above take [buf, buf + n) in the kernel for memory of the running task's program, so that
 * the kernel itself can read and write files whose operations take user addresses. Until usercopy_unlend();
 * does not nest. Nothing that comes from the program may be used as an address meanwhile.
 */
vaddr_t usercopy_lend(void *buf, size_t n);
void usercopy_unlend(void);

/* A buffer of a program, as vectors of them have it. */
struct iovec {
    vaddr_t base;
    uint32_t size;
};
/* Several buffers that are taken for one. Begins as {.part = ...}; the rest is usercopy.c's. */
struct lent_vector {
    const struct iovec *part; /* in the programs' half; may be empty */
    uint32_t index;           /* a part, and where it begins in the whole: a hint */
    size_t start;
    size_t from;
};
#define LENT_VECTOR_MAX 0x3FFFF000u
/*
 * The same for bytes [from, from + n) of the program's buffers, one after the other: they appear at the
 * addresses from the result on, too. So one operation of a file moves them all, as one step under its locks.
 * n: LENT_VECTOR_MAX at most. Until usercopy_unlend(); v is the caller's. Does not nest.
 */
vaddr_t usercopy_lend_vector(struct lent_vector *v, size_t from, size_t n);

/*
 * Read a structure that grows from one version of Linux to the next: `given` bytes of it, into one of `size`
 * bytes. What was not given is 0. 0, -EFAULT; -E2BIG: something is said in what is not known here, or it has
 * more than a page. Sleeps.
 */
int user_copy_struct(void *to, size_t size, vaddr_t user, size_t given);

#endif
