/*
 * Sets of registers of a tracee, as ptrace(2) and core files have them.
 *
 * A set goes through a buffer of the kernel: it is made or taken between two sleeps, when the tracee has been
 * looked up.
 */
#include "kernel/sys/sys_ptrace.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/ptrace.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/fpu_forms.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

/* Notes of elf.h. */
static const struct {
    uint32_t type;
    uint32_t unit; /* bytes of its parts, which are moved whole */
} about[REGSETS] = {
    [REGSET_GENERAL] = {1, 4},    [REGSET_FP] = {2, 4},       [REGSET_XFP] = {0x46E62B7F, 4},
    [REGSET_XSTATE] = {0x202, 8}, [REGSET_TLS] = {0x200, 16},
};

static uint32_t size_of(enum regset set)
{
    switch (set) {
    case REGSET_GENERAL:
        return PTRACE_REGS * 4;
    case REGSET_FP:
        return FNSAVE_SIZE;
    case REGSET_XFP:
        return FX_SIZE;
    case REGSET_XSTATE:
        return cpu_features.xsave ? fpu_state_size() : 0;
    default:
        return CPU_TLS * sizeof(struct user_desc);
    }
}

static int read_set(struct thread *t, enum regset set, void *buf)
{
    const struct fpu_state *fpu = t->context.fpu;
    uint32_t *word = buf;

    switch (set) {
    case REGSET_GENERAL:
        for (unsigned i = 0; i < PTRACE_REGS; i++)
            word[i] = ptrace_get_reg(t, i);
        return 0;
    case REGSET_FP:
        fpu_to_old(fpu, buf);
        return 0;
    case REGSET_XFP:
        return fpu_to_fx(fpu, buf);
    case REGSET_XSTATE:
        return fpu_to_xsave(fpu, buf);
    default:
        for (unsigned i = 0; i < CPU_TLS; i++)
            tls_read_entry(t, i, (struct user_desc *)buf + i);
        return 0;
    }
}

/* bytes: of what is in buf; the rest is as it was. */
static int write_set(struct thread *t, enum regset set, const void *buf, uint32_t bytes)
{
    struct fpu_state *fpu = t->context.fpu;
    const uint32_t *word = buf;
    int err = 0;

    switch (set) {
    case REGSET_GENERAL:
        for (unsigned i = 0; i < bytes / 4 && !err; i++)
            err = ptrace_set_reg(t, i, word[i]);
        return err;
    case REGSET_FP:
        fpu_from_old(fpu, buf);
        return 0;
    case REGSET_XFP:
        return bytes == FX_SIZE ? fpu_from_fx(fpu, buf) : -EINVAL;
    case REGSET_XSTATE:
        return bytes == size_of(set) ? fpu_from_xsave(fpu, buf) : -EFAULT;
    default:
        for (unsigned i = 0; i < bytes / sizeof(struct user_desc); i++)
            if (!tls_is_valid((const struct user_desc *)buf + i))
                return -EINVAL;
        for (unsigned i = 0; i < bytes / sizeof(struct user_desc); i++)
            tls_write_entry(t, i, (const struct user_desc *)buf + i);
        return 0;
    }
}

int32_t regset_get(int tid, enum regset set, uint32_t bytes, vaddr_t to, uint32_t *moved)
{
    uint32_t size = size_of(set);
    void *buf = vm_zalloc(size ? size : 1);
    struct thread *t = ptrace_tracee(tid, true);
    int32_t err = !buf ? -ENOMEM : t ? read_set(t, set, buf) : -ESRCH;

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
    uint32_t size = size_of(set);
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
        err = read_set(t, set, now);
        memcpy(buf + bytes, now + bytes, size - bytes);
    }
    if (!err)
        err = write_set(t, set, buf, bytes);
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

    while (which < REGSETS && about[which].type != type)
        which++;
    if (err)
        return err;
    if (which == REGSETS || part[1] % about[which].unit)
        return -EINVAL;
    err = set ? regset_set(tid, (enum regset)which, part[1], part[0], &moved)
              : regset_get(tid, (enum regset)which, part[1], part[0], &moved);
    return err ? err : user_write32(iovec + 4, moved);
}
