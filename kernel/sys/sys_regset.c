/*
 * Sets of registers of a tracee, for ptrace(2).
 *
 * A set goes through a buffer of the kernel: it is made or taken between two sleeps, when the tracee has been
 * looked up.
 */
#include "kernel/sys/sys_ptrace.h"
#include "kernel/proc/ptrace.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

int32_t regset_get(int tid, enum regset set, uint32_t bytes, vaddr_t to, uint32_t *moved)
{
    uint32_t size = regset_size(set);
    void *buf = vm_zalloc(size ? size : 1);
    struct thread *t = ptrace_tracee(tid, true);
    int32_t err = !buf ? -ENOMEM : t ? regset_read(t, set, buf) : -ESRCH;

    if (bytes > size)
        bytes = size;
    if (!err)
        err = user_copy_out(to, buf, bytes);
    kfree(buf);
    if (moved)
        *moved = bytes;
    return err;
}

int32_t regset_set(int tid, enum regset set, uint32_t bytes, vaddr_t from, uint32_t *moved)
{
    uint32_t size = regset_size(set);
    uint8_t *buf = vm_zalloc(size ? size : 1), *now = vm_alloc(size ? size : 1);
    int32_t err = buf && now ? 0 : -ENOMEM;
    struct thread *t;

    if (bytes > size)
        bytes = size;
    if (!err)
        err = user_copy_in(buf, from, bytes);
    t = ptrace_tracee(tid, true);
    if (!err && !t)
        err = -ESRCH;
    if (!err && bytes < size) { /* the rest is as it is */
        err = regset_read(t, set, now);
        memcpy(buf + bytes, now + bytes, size - bytes);
    }
    if (!err)
        err = regset_write(t, set, buf, bytes);
    kfree(buf);
    kfree(now);
    if (moved)
        *moved = bytes;
    return err;
}

int32_t regset_by_type(int tid, uint32_t type, vaddr_t iovec, bool set)
{
    uint32_t part[2], moved; /* where, and how much */
    unsigned which = 0;
    int32_t err = user_copy_in(part, iovec, sizeof part);

    while (which < REGSETS && regset_note[which].type != type)
        which++;
    if (err)
        return err;
    if (which == REGSETS || part[1] % regset_note[which].unit)
        return -EINVAL;
    err = set ? regset_set(tid, (enum regset)which, part[1], part[0], &moved)
              : regset_get(tid, (enum regset)which, part[1], part[0], &moved);
    return err ? err : user_write32(iovec + 4, moved);
}
