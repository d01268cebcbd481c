/* Sets of registers: see regset.c. */
#ifndef KERNEL_PROC_REGSET_H
#define KERNEL_PROC_REGSET_H

#include "kernel/proc/thread.h"

enum regset { REGSET_GENERAL, REGSET_FP, REGSET_XFP, REGSET_XSTATE, REGSET_TLS, REGSETS };

/* How a note in a core file is called that has one (elf.h), and what of it is moved whole. */
struct regset_note {
    uint32_t type;
    uint32_t unit; /* bytes */
    const char *owner;
};
extern const struct regset_note regset_note[REGSETS];

/* Bytes of a set; 0: the processor has none. */
uint32_t regset_size(enum regset set);
/* Copy a set of a thread whose context is stored, all of it to buf, or the first `bytes` from it. Between
 * sleeps. 0, -EIO, -EINVAL, -EFAULT, -ENODEV. */
int regset_read(struct thread *t, enum regset set, void *buf);
int regset_write(struct thread *t, enum regset set, const void *buf, uint32_t bytes);

#endif
