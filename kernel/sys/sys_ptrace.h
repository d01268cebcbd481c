/* What the two files of ptrace(2) share: sets of registers, in regset.c. */
#ifndef KERNEL_SYS_SYS_PTRACE_H
#define KERNEL_SYS_SYS_PTRACE_H

#include "kernel/proc/regset.h"

#define REGSET_WHOLE UINT32_MAX /* in place of bytes */

/* Copy a set of registers of a stopped tracee to user memory and back; bytes: of it, from its beginning on,
 * and *moved, if that is not NULL, is how many they were. 0, -ESRCH, -EFAULT, -EIO, -EINVAL, -ENODEV,
 * -ENOMEM. Sleep. */
int32_t regset_get(int tid, enum regset set, uint32_t bytes, vaddr_t to, uint32_t *moved);
int32_t regset_set(int tid, enum regset set, uint32_t bytes, vaddr_t from, uint32_t *moved);
/* The same by the number of a note in a core file, and a struct iovec in user memory. Sleeps. */
int32_t regset_by_type(int tid, uint32_t type, vaddr_t iovec, bool set);

#endif
