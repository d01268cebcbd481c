/* Sets of registers of a thread that does not run, as ptrace(2) and core files have them. */
#include "kernel/proc/regset.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/ptrace.h"
#include "kernel/x86/fpu_forms.h"
#include "mm/errno.h"

const struct regset_note regset_note[REGSETS] = {
    [REGSET_GENERAL] = {1, 4, "CORE"},       [REGSET_FP] = {2, 4, "CORE"},
    [REGSET_XFP] = {0x46E62B7F, 4, "LINUX"}, [REGSET_XSTATE] = {0x202, 8, "LINUX"},
    [REGSET_TLS] = {0x200, 16, "LINUX"},
};

uint32_t regset_size(enum regset set)
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

int regset_read(struct thread *t, enum regset set, void *buf)
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

int regset_write(struct thread *t, enum regset set, const void *buf, uint32_t bytes)
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
        if (bytes != FNSAVE_SIZE)
            return -EINVAL;
        fpu_from_old(fpu, buf);
        return 0;
    case REGSET_XFP:
        return bytes == FX_SIZE ? fpu_from_fx(fpu, buf) : -EINVAL;
    case REGSET_XSTATE:
        return bytes == regset_size(set) ? fpu_from_xsave(fpu, buf) : -EFAULT;
    default:
        for (unsigned i = 0; i < bytes / sizeof(struct user_desc); i++)
            if (!tls_is_valid((const struct user_desc *)buf + i))
                return -EINVAL;
        for (unsigned i = 0; i < bytes / sizeof(struct user_desc); i++)
            tls_write_entry(t, i, (const struct user_desc *)buf + i);
        return 0;
    }
}
