/* The FPU's state as debuggers have it. See fpu_forms.c. */
#ifndef KERNEL_X86_FPU_FORMS_H
#define KERNEL_X86_FPU_FORMS_H

#include "kernel/x86/fpu.h"

#define FNSAVE_SIZE 108u
struct fpu_old {
    uint32_t control, status, tags;
    uint32_t instruction, code_and_opcode; /* where it was executed: segment below, opcode above */
    uint32_t operand, operand_segment;
    uint8_t stack[8][10];
};

/* The x87 part of a state that is not loaded, in FNSAVE's form, and back. Whatever is in it the processor
 * takes. */
void fpu_to_old(const struct fpu_state *s, struct fpu_old *old);
void fpu_from_old(struct fpu_state *s, const struct fpu_old *old);
/* FXSAVE's form, FX_SIZE bytes. -ENODEV: the processor has it not; -EINVAL: bits of MXCSR that it does not
 * know. */
int fpu_to_fx(const struct fpu_state *s, void *fx);
int fpu_from_fx(struct fpu_state *s, const void *fx);
/* XSAVE's form, fpu_state_size() bytes; -ENODEV without XSAVE. -EINVAL: it has a header that is not valid. */
int fpu_to_xsave(const struct fpu_state *s, void *area);
int fpu_from_xsave(struct fpu_state *s, const void *area);

#endif
