/*
 * Instructions that C has no words for. Only mm/x86/ may use those that touch
 * CR0, CR3, CR4 or the TLB; the rest is for whoever needs it.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after cpu_detect()
 */
#ifndef MM_X86_CPU_H
#define MM_X86_CPU_H

#include "mm/types.h"

enum {
    CR0_TS = 1 << 3,
    CR0_EM = 1 << 2,
    CR0_MP = 1 << 1,
    CR0_NE = 1 << 5,
    CR0_WP = 1 << 16,
    CR4_TSD = 1 << 2,
    CR4_PSE = 1 << 4,
    CR4_PGE = 1 << 7,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10,
    CR4_UMIP = 1 << 11,
    CR4_OSXSAVE = 1 << 18,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
    EFLAGS_TF = 1 << 8,
    EFLAGS_IF = 1 << 9,
    EFLAGS_DF = 1 << 10,
    EFLAGS_RF = 1 << 16,
    EFLAGS_AC = 1 << 18,
    /* Those that are a program's to set: the status flags, TF, DF, OF and AC. */
    EFLAGS_PROGRAM = 0xD5 | EFLAGS_TF | EFLAGS_DF | 1 << 11 | EFLAGS_AC,
};

/* What this processor has beyond what entry.asm insists on. Filled by cpu_detect(). */
struct cpu_features { /* (c) */
    char vendor[13];
    uint8_t family, model, stepping;
    bool tsc, fxsr, sse, sse2, smep, smap, umip;
    bool fxsave;         /* what stores programs' registers is FXSAVE: there is SSE, and no XSAVE */
    bool xsave;          /* it is on, for the components in XCR0: x87, SSE and, where there is one, AVX */
    uint32_t xsave_size; /* bytes of the area for those; 0 without */
    uint32_t local_apic; /* physical address of its registers; 0: there is none, or it is off */
};
extern struct cpu_features cpu_features; /* (c) */

/* Read CPUID, and turn on what the processor has: SSE for the page routines, AVX for programs, SMEP, SMAP,
 * UMIP. */
void cpu_detect(void);
/* Whether programs may read the time-stamp counter; else RDTSC in ring 3 is a general protection fault. */
void cpu_let_tsc(bool on);

static inline void cpu_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

static inline uint32_t cpu_read_cr0(void)
{
    uint32_t v;

    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}

static inline void cpu_write_cr0(uint32_t v)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

/* The address of the last page fault. */
static inline uint32_t cpu_read_cr2(void)
{
    uint32_t v;

    __asm__ volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}

static inline uint32_t cpu_read_cr3(void)
{
    uint32_t v;

    __asm__ volatile("mov %%cr3, %0" : "=r"(v));
    return v;
}

/* Loads a root and drops every translation that is not global. */
static inline void cpu_write_cr3(uint32_t v)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}

static inline uint32_t cpu_read_cr4(void)
{
    uint32_t v;

    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}

static inline void cpu_write_cr4(uint32_t v)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

static inline void cpu_invlpg(uint32_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* In two halves, which need not go through memory to be stored. */
static inline uint64_t cpu_rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t cpu_rdmsr(uint32_t msr)
{
    uint64_t v;

    __asm__ volatile("rdmsr" : "=A"(v) : "c"(msr));
    return v;
}

static inline uint32_t cpu_eflags(void)
{
    uint32_t v;

    __asm__ volatile("pushf; pop %0" : "=r"(v));
    return v;
}

static inline uint32_t cpu_irq_save(void)
{
    uint32_t v;

    __asm__ volatile("pushf; pop %0; cli" : "=r"(v) : : "memory");
    return v;
}

static inline void cpu_irq_restore(uint32_t eflags)
{
    if (eflags & EFLAGS_IF)
        __asm__ volatile("sti" : : : "memory");
}

static inline void cpu_irq_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void cpu_irq_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/* Wait for an interrupt with interrupts on; none can slip in between. They are off again afterwards. */
static inline void cpu_wait(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

/*
 * With SMAP the kernel reaches user pages only between these. They are for the user-copy routines, and for
 * tests that stand in for a program.
 */
static inline void cpu_user_begin(void)
{
    if (cpu_features.smap)
        __asm__ volatile("stac" : : : "memory", "cc");
}

static inline void cpu_user_end(void)
{
    if (cpu_features.smap)
        __asm__ volatile("clac" : : : "memory", "cc");
}

#endif
