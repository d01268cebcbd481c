/* The programs' floating-point and SSE registers. See fpu.c. */
#ifndef KERNEL_X86_FPU_H
#define KERNEL_X86_FPU_H

#include "mm/os.h"
#include "mm/types.h"
#include "mm/x86/cpu.h"

/* Offsets and sizes in the area. */
enum {
    FX_SIZE = 512,      /* what FXSAVE stores */
    XSAVE_HEADER = 512, /* behind it, with XSAVE: which components are in the area, and 56 bytes of 0 */
    XSAVE_HEADER_SIZE = 64,
    FPU_STATE_MAX = 832, /* x87, SSE and AVX */
    FPU_STATE_ALIGN = 64,
    XSAVE_X87_SSE = 3, /* components, as in XCR0 */
};

/* XSAVE's area, or FXSAVE's, which is the beginning of it. Without FXSR, FNSAVE's 108 bytes lie in it. Only
 * the first fpu_state_size() bytes of one that is allocated are there. */
struct fpu_state {
    uint8_t bytes[FPU_STATE_MAX];
} __attribute__((aligned(FPU_STATE_ALIGN)));

/* After cpu_detect(). */
void fpu_init(void);
/* Bytes that a state needs on this processor, at FPU_STATE_ALIGN. After fpu_init(). */
uint32_t fpu_state_size(void);
/* Bytes of a signal frame's floating-point state behind its older form: what is stored, and with XSAVE one
 * word more. */
extern uint32_t fpu_frame_bytes; /* constant after fpu_init() */
/* XCR0: the components that XSAVE stores; 0 without XSAVE. */
uint32_t fpu_components(void);
/* The bits of MXCSR that it knows. */
uint32_t fpu_mxcsr_mask(void);
/* What a program begins with. */
void fpu_reset(struct fpu_state *s);
extern struct fpu_state fpu_clean; /* what a program begins with; constant after fpu_init() */

void fpu_save_otherwise(struct fpu_state *s);
void fpu_load_otherwise(const struct fpu_state *s);
/* The processor's registers into an area, keeping them, and back. */
static inline void fpu_save(struct fpu_state *s)
{
    if (likely(cpu_features.fxsave))
        __asm__ volatile("fxsave %0" : "=m"(*s));
    else
        fpu_save_otherwise(s);
}

static inline void fpu_load(const struct fpu_state *s)
{
    if (likely(cpu_features.fxsave))
        __asm__ volatile("fxrstor %0" : : "m"(*s));
    else
        fpu_load_otherwise(s);
}

/* What a program begins with, into the registers. */
static inline void fpu_begin(void)
{
    fpu_load(&fpu_clean);
}

/* Make a state that a program made up one that fpu_load() takes. bytes: how much of it there is, FX_SIZE or
 * fpu_state_size(). Of the shorter one, bits of MXCSR that the processor does not know are cleared, and what
 * it lacks is as a program begins with it. False: the longer one has such bits, or a header that is not
 * valid. */
bool fpu_admit(struct fpu_state *s, uint32_t bytes);
/* si_code of the floating-point exception that the registers show. */
int fpu_signal_code(bool simd);

#endif
