/* New threads and processes. See clone.c. */
#ifndef KERNEL_LIFE_CLONE_H
#define KERNEL_LIFE_CLONE_H

#include "mm/types.h"

/* clone(2)'s flags; the lowest byte is the signal that tells of the child's end. */
enum {
    CSIGNAL = 0xFF,
    CLONE_VM = 0x100,
    CLONE_FS = 0x200,
    CLONE_FILES = 0x400,
    CLONE_SIGHAND = 0x800,
    CLONE_PIDFD = 0x1000,
    CLONE_PTRACE = 0x2000,
    CLONE_VFORK = 0x4000,
    CLONE_PARENT = 0x8000,
    CLONE_THREAD = 0x10000,
    CLONE_SYSVSEM = 0x40000,
    CLONE_SETTLS = 0x80000,
    CLONE_PARENT_SETTID = 0x100000,
    CLONE_CHILD_CLEARTID = 0x200000,
    CLONE_DETACHED = 0x400000,
    CLONE_UNTRACED = 0x800000,
    CLONE_CHILD_SETTID = 0x1000000,
    CLONE_IO = 0x80000000,
};

struct clone {
    uint32_t flags;
    vaddr_t stack; /* 0: the parent's */
    vaddr_t parent_tid, child_tid, tls;
    vaddr_t pidfd;       /* with CLONE_PIDFD: where its descriptor is told */
    bool clear_handlers; /* the child catches no signal: CLONE_CLEAR_SIGHAND */
};

/* A copy of the running thread, in a process of its own or, with CLONE_THREAD, in this one: its number, or
 * -errno. Sleeps. */
int clone(const struct clone *c);

#endif
