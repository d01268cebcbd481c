/*
 * Floating-point and SSE registers belong to programs; the kernel only moves them. They are switched at once
 * with the program that owns them (context_load()), not on first use: nearly every C library touches SSE
 * before main(), and a trap costs more than the two instructions. A switch to a kernel task leaves them
 * alone.
 *
 * Source: Intel SDM vol. 1, 8.1 (x87), 10.5 (FXSAVE); vol. 3A, 13.
 */
#include "kernel/x86/fpu.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

enum {
    FX_MXCSR = 24, /* offsets in FXSAVE's area */
    FX_MXCSR_MASK = 28,
    MXCSR_DEFAULT = 0x1F80,
    MXCSR_MASK_DEFAULT = 0xFFBF, /* where the processor leaves the mask 0 */
};

static struct fpu_state clean;
static uint32_t mxcsr_mask;

static uint32_t get(const struct fpu_state *s, unsigned offset)
{
    uint32_t v;

    memcpy(&v, s->bytes + offset, sizeof v);
    return v;
}

static void put(struct fpu_state *s, unsigned offset, uint32_t v)
{
    memcpy(s->bytes + offset, &v, sizeof v);
}

void fpu_init(void)
{
    __asm__ volatile("fninit");
    fpu_save(&clean);
    if (!cpu_features.fxsr)
        return;
    mxcsr_mask = get(&clean, FX_MXCSR_MASK);
    if (!mxcsr_mask)
        mxcsr_mask = MXCSR_MASK_DEFAULT;
    /* Registers that the loader left something in. */
    memset(clean.bytes + 32, 0, sizeof clean.bytes - 32);
    put(&clean, FX_MXCSR, MXCSR_DEFAULT);
}

void fpu_reset(struct fpu_state *s)
{
    *s = clean;
}

void fpu_save(struct fpu_state *s)
{
    if (likely(cpu_features.fxsr))
        __asm__ volatile("fxsave %0" : "=m"(*s));
    else
        __asm__ volatile("fnsave %0; frstor %0" : "+m"(*s));
}

void fpu_load(struct fpu_state *s)
{
    if (unlikely(!cpu_features.fxsr)) {
        /* FRSTOR faults when the state before it, which is another program's, has an exception pending. */
        __asm__ volatile("fnclex; frstor %0" : : "m"(*s));
        return;
    }
    uint32_t mxcsr = get(s, FX_MXCSR);

    if (unlikely(mxcsr & ~mxcsr_mask))
        put(s, FX_MXCSR, mxcsr & mxcsr_mask);
    __asm__ volatile("fxrstor %0" : : "m"(*s));
}

int fpu_signal_code(bool simd)
{
    enum { FLTDIV = 3, FLTOVF, FLTUND, FLTRES, FLTINV };
    uint32_t raised;

    if (simd) {
        uint32_t mxcsr;

        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        raised = mxcsr & ~(mxcsr >> 7);
    } else {
        uint16_t control, status;

        __asm__ volatile("fnstcw %0; fnstsw %1" : "=m"(control), "=m"(status));
        raised = status & ~(uint32_t)control;
    }
    if (raised & 1)
        return FLTINV;
    if (raised & 4)
        return FLTDIV;
    if (raised & 8)
        return FLTOVF;
    if (raised & 0x12)
        return FLTUND;
    return raised & 0x20 ? FLTRES : 0x80;
}
