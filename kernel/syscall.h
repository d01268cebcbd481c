/*
 * System calls: int 0x80 with Linux's i386 numbers. syscall.c has the table; the calls are grouped in
 * sys_mem.c, sys_file.c, sys_process.c, sys_signal.c, sys_time.c, sys_misc.c, futex.c, shm.c. Each is a
 * function of up to six words; it returns a result or -errno.
 */
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include "kernel/trap.h"

typedef int32_t (*syscall_fn)(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);

struct syscall {
    syscall_fn fn;    /* NULL: unknown, or known by name and not implemented */
    const char *name; /* NULL: no such call */
};
#define SYSCALLS 450u
extern const struct syscall syscall_table[SYSCALLS];

/* From the trap stub. */
void syscall_dispatch(struct trap_frame *tf) __attribute__((regparm(1)));
/* The registers of the running call, for those that need them (fork, clone, exec, sigreturn). */
struct trap_frame *syscall_frame(void);

#endif
