/*
 * Purpose: find out what the processor has, once, and turn on what the kernel uses.
 * Data: cpu_features, written by cpu_detect() at start-up, constant afterwards.
 * Source: Intel SDM vol. 2A, CPUID; vol. 3A, 2.5 (control registers), 4.6 (SMEP, SMAP); vol. 1,
 * 13.2 and 13.3 (XSAVE).
 */
#include "mm/x86/cpu.h"
#include "mm/os.h"

struct cpu_features cpu_features;

enum {
    CPUID1_ECX_XSAVE = 1 << 26,
    CPUID1_ECX_AVX = 1 << 28,
    CPUID1_EDX_TSC = 1 << 4,
    CPUID1_EDX_MSR = 1 << 5,
    CPUID1_EDX_APIC = 1 << 9,
    CPUID1_EDX_FXSR = 1 << 24,
    CPUID1_EDX_SSE = 1 << 25,
    CPUID1_EDX_SSE2 = 1 << 26,
    CPUID7_EBX_SMEP = 1 << 7,
    CPUID7_EBX_SMAP = 1 << 20,
    CPUID7_ECX_UMIP = 1 << 2,
    LEAF_XSAVE = 0xD,
    MSR_APIC_BASE = 0x1B,
    APIC_BASE_ON = 1 << 11,
    APIC_BASE_X2 = 1 << 10, /* its registers are not in memory */
    XCR0_X87 = 1 << 0,
    XCR0_SSE = 1 << 1,
    XCR0_AVX = 1 << 2,
};

/* Programs do not all look at OSXSAVE before they use AVX: where CPUID shows it, it works. The components
 * that came later are left off; who uses those looks at XCR0.
 */
static void turn_on_xsave(struct cpu_features *c, bool avx)
{
    uint32_t r[4], components = XCR0_X87 | XCR0_SSE | (avx ? XCR0_AVX : 0);

    cpu_cpuid(LEAF_XSAVE, 0, r);
    components &= r[0];
    cpu_write_cr4(cpu_read_cr4() | CR4_OSXSAVE);
    __asm__ volatile("xsetbv" : : "a"(components), "d"(0), "c"(0));
    cpu_cpuid(LEAF_XSAVE, 0, r);
    c->xsave = true;
    c->xsave_size = r[1];
}

/* Where the local APIC's registers are, below 4 GiB. */
static uint32_t find_local_apic(void)
{
    uint64_t base = cpu_rdmsr(MSR_APIC_BASE);

    if (base >> 32 || (base & (APIC_BASE_ON | APIC_BASE_X2)) != APIC_BASE_ON)
        return 0;
    return (uint32_t)base & ~0xFFFu;
}

void cpu_detect(void)
{
    struct cpu_features *c = &cpu_features;
    uint32_t r[4], cr4 = cpu_read_cr4();

    cpu_cpuid(0, 0, r);
    uint32_t leaves = r[0];
    memcpy(c->vendor, &r[1], 4);
    memcpy(c->vendor + 4, &r[3], 4);
    memcpy(c->vendor + 8, &r[2], 4);

    cpu_cpuid(1, 0, r);
    c->stepping = r[0] & 15;
    c->model = (uint8_t)((r[0] >> 4 & 15) | (r[0] >> 12 & 0xF0));
    c->family = (uint8_t)((r[0] >> 8 & 15) == 15 ? 15 + (r[0] >> 20 & 255) : r[0] >> 8 & 15);
    c->tsc = r[3] & CPUID1_EDX_TSC;
    if (r[3] & CPUID1_EDX_APIC && r[3] & CPUID1_EDX_MSR)
        c->local_apic = find_local_apic();
    c->fxsr = r[3] & CPUID1_EDX_FXSR;
    c->sse = c->fxsr && (r[3] & CPUID1_EDX_SSE);
    c->sse2 = c->sse && (r[3] & CPUID1_EDX_SSE2);
    bool xsave = c->sse && (r[2] & CPUID1_ECX_XSAVE) && leaves >= LEAF_XSAVE, avx = r[2] & CPUID1_ECX_AVX;
    if (leaves >= 7) {
        cpu_cpuid(7, 0, r);
        c->smep = r[1] & CPUID7_EBX_SMEP;
        c->smap = r[1] & CPUID7_EBX_SMAP;
        c->umip = r[2] & CPUID7_ECX_UMIP;
    }

    cr4 |= CR4_PGE;
    /* There is no lazy switching and no emulation: x87 and SSE instructions just run, and errors are
     * exceptions. */
    cpu_write_cr0((cpu_read_cr0() & ~(uint32_t)(CR0_TS | CR0_EM)) | CR0_MP | CR0_NE);
    if (c->fxsr)
        cr4 |= CR4_OSFXSR;
    if (c->sse)
        cr4 |= CR4_OSXMMEXCPT;
    if (c->smep)
        cr4 |= CR4_SMEP;
    if (c->smap)
        cr4 |= CR4_SMAP;
    if (c->umip)
        cr4 |= CR4_UMIP;
    c->fxsave = c->sse && !xsave;
    cpu_write_cr4(cr4);
    if (xsave)
        turn_on_xsave(c, avx);
}

void cpu_let_tsc(bool on)
{
    uint32_t cr4 = cpu_read_cr4();

    cpu_write_cr4(on ? cr4 & ~(uint32_t)CR4_TSD : cr4 | CR4_TSD);
}
