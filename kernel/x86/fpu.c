/*
 * Floating-point and SSE registers belong to programs; the kernel only moves them. They are switched at once
 * with the program that owns them (context_load()), not on first use: nearly every C library touches SSE
 * before main(), and a trap costs more than the two instructions. A switch to a kernel task leaves them
 * alone.
 *
 * Where the processor has XSAVE, it is used for all components that are on (x87, SSE, AVX), else FXSAVE, else
 * FNSAVE. A state that was never in the registers has a header of 0, and is what a program begins with.
 *
 * Source: Intel SDM vol. 1, 8.1 (x87), 10.5 (FXSAVE), 13 (XSAVE); vol. 3A, 13.
 */
#include "kernel/x86/fpu.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

enum {
    FX_MXCSR = 24, /* offsets in the area */
    FX_MXCSR_MASK = 28,
    FX_RESERVED = 32, /* what is not control registers begins here */
    MXCSR_DEFAULT = 0x1F80,
    MXCSR_MASK_DEFAULT = 0xFFBF, /* where the processor leaves the mask 0 */
};

struct fpu_state fpu_clean;
static uint32_t size;
uint32_t fpu_frame_bytes;
static uint32_t mxcsr_mask;
static uint32_t components; /* XCR0; there are none above its low word */

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
    uint32_t high;

    size = cpu_features.xsave ? cpu_features.xsave_size : FX_SIZE;
    fpu_frame_bytes = cpu_features.xsave ? size + sizeof(uint32_t) : FX_SIZE;
    mm_assert(size <= FPU_STATE_MAX, "an FPU state of %u bytes", (unsigned)size);
    __asm__ volatile("fninit");
    fpu_save(&fpu_clean);
    if (!cpu_features.fxsr)
        return;
    mxcsr_mask = get(&fpu_clean, FX_MXCSR_MASK);
    if (!mxcsr_mask)
        mxcsr_mask = MXCSR_MASK_DEFAULT;
    /* Registers that the loader left something in. With XSAVE, a header of 0 says that all is as after reset,
     * but for MXCSR. */
    memset(fpu_clean.bytes + FX_RESERVED, 0, sizeof fpu_clean.bytes - FX_RESERVED);
    put(&fpu_clean, FX_MXCSR, MXCSR_DEFAULT);
    if (cpu_features.xsave)
        __asm__ volatile("xgetbv" : "=a"(components), "=d"(high) : "c"(0));
}

uint32_t fpu_state_size(void)
{
    return size;
}

uint32_t fpu_components(void)
{
    return components;
}

uint32_t fpu_mxcsr_mask(void)
{
    return mxcsr_mask;
}

void fpu_save_otherwise(struct fpu_state *s)
{
    if (cpu_features.xsave)
        __asm__ volatile("xsave %0" : "+m"(*s) : "a"(~0), "d"(~0));
    else if (cpu_features.fxsr)
        __asm__ volatile("fxsave %0" : "=m"(*s));
    else
        __asm__ volatile("fnsave %0; frstor %0" : "+m"(*s));
}

void fpu_load_otherwise(const struct fpu_state *s)
{
    if (cpu_features.xsave)
        __asm__ volatile("xrstor %0" : : "m"(*s), "a"(~0), "d"(~0));
    else if (cpu_features.fxsr)
        __asm__ volatile("fxrstor %0" : : "m"(*s));
    else
        /* FRSTOR faults when the state before it, which is another program's, has an exception pending. */
        __asm__ volatile("fnclex; frstor %0" : : "m"(*s));
}

void fpu_reset(struct fpu_state *s)
{
    memcpy(s, &fpu_clean, size);
}

bool fpu_admit(struct fpu_state *s, uint32_t bytes)
{
    uint32_t mxcsr = get(s, FX_MXCSR);

    if (bytes == FX_SIZE) {
        put(s, FX_MXCSR, mxcsr & mxcsr_mask);
        memset(s->bytes + XSAVE_HEADER, 0, XSAVE_HEADER_SIZE);
        put(s, XSAVE_HEADER, XSAVE_X87_SSE);
        return true;
    }
    for (unsigned i = 4; i < XSAVE_HEADER_SIZE; i += 4)
        if (get(s, XSAVE_HEADER + i))
            return false;
    return !(get(s, XSAVE_HEADER) & ~components) && !(mxcsr & ~mxcsr_mask);
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
