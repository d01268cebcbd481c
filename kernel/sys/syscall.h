/*
 * System calls: int 0x80 with Linux's i386 numbers. syscall.c has the table; the calls are grouped in the
 * files sys_*.c. Each is a function of up to six words; it returns a result or -errno.
 */
#ifndef KERNEL_SYS_SYSCALL_H
#define KERNEL_SYS_SYSCALL_H

#include "kernel/x86/trap.h"
#include "kernel/x86/usercopy.h"

typedef int32_t (*syscall_fn)(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);

struct syscall {
    syscall_fn fn;    /* NULL: unknown, or known by name and not implemented. fn may sleep */
    const char *name; /* NULL: no such call */
};
/* How many elements a vector of buffers may have, whichever call it is for. */
#define IOVECS_MAX 1024u
/* One that was read, once, and checked. */
#define IOVECS_SMALL 8u
struct io_vector {
    struct iovec *part; /* few, or kmalloc */
    uint32_t count;
    uint32_t total; /* the sum of the sizes; of another's buffers RW_MAX at most, whatever the sum is */
    struct iovec few[IOVECS_SMALL];
};
/*
 * Read a vector of `count` parts. own: they are buffers of the running program, so they have to lie where its
 * memory can, and together they are cut to RW_MAX. 0, -EINVAL (too many, or a size is negative), -EFAULT,
 * -ENOMEM. To be given to io_vector_put() unless this fails. io_vector_get() sleeps. sys_file.c.
 */
int io_vector_get(struct io_vector *v, vaddr_t user, uint32_t count, bool own);
void io_vector_put(struct io_vector *v);

/* The parameters of a call that takes fewer than six. */
#define UNUSED __attribute__((unused))
#define SYSCALL_NO_ARGS                                                                                      \
    uint32_t a_ UNUSED, uint32_t b_ UNUSED, uint32_t c_ UNUSED, uint32_t d_ UNUSED, uint32_t e_ UNUSED,      \
        uint32_t f_ UNUSED
#define SYSCALL_1_ARG(a)                                                                                     \
    uint32_t a, uint32_t b_ UNUSED, uint32_t c_ UNUSED, uint32_t d_ UNUSED, uint32_t e_ UNUSED,              \
        uint32_t f_ UNUSED
#define SYSCALL_2_ARGS(a, b)                                                                                 \
    uint32_t a, uint32_t b, uint32_t c_ UNUSED, uint32_t d_ UNUSED, uint32_t e_ UNUSED, uint32_t f_ UNUSED
#define SYSCALL_3_ARGS(a, b, c)                                                                              \
    uint32_t a, uint32_t b, uint32_t c, uint32_t d_ UNUSED, uint32_t e_ UNUSED, uint32_t f_ UNUSED
#define SYSCALL_4_ARGS(a, b, c, d)                                                                           \
    uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e_ UNUSED, uint32_t f_ UNUSED
#define SYSCALL_5_ARGS(a, b, c, d, e)                                                                        \
    uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f_ UNUSED

#define SYSCALL_6_ARGS(a, b, c, d, e, f)                                                                     \
    uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f

#define SYSCALLS 451u /* trap.asm knows it */
extern const struct syscall syscall_table[SYSCALLS];

/* From the stub that measures: make the call that the frame asks for. Sleeps. */
struct trap_frame;
void syscall_metered(struct trap_frame *tf);
/* From the stub: a call without a function. Logged once; -ENOSYS. */
int32_t syscall_unknown(uint32_t nr);

#endif
