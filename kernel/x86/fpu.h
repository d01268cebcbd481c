/* The programs' floating-point and SSE registers. See fpu.c. */
#ifndef KERNEL_X86_FPU_H
#define KERNEL_X86_FPU_H

#include "mm/types.h"

/* FXSAVE's area; 16-byte aligned. Without FXSR, FNSAVE's 108 bytes lie in it. */
struct fpu_state {
    uint8_t bytes[512];
} __attribute__((aligned(16)));

/* After cpu_detect(). */
void fpu_init(void);
/* What a program begins with. */
void fpu_reset(struct fpu_state *s);
/* The processor's registers into an area, keeping them, and back. A state that a program made up may be
 * loaded: what the processor would refuse is taken out of it. */
void fpu_save(struct fpu_state *s);
void fpu_load(struct fpu_state *s);
/* si_code of the floating-point exception that the registers show. */
int fpu_signal_code(bool simd);

#endif
