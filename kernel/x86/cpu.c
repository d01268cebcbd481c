#include "kernel/x86/cpu.h"
#include "drivers/pic.h"
#include "kernel/x86/segment.h"
#include "kernel/x86/trap.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

#define GDT_ENTRIES 18u
#define VECTORS     256u
#define DF_STACK    4096u

struct descriptor {
    uint32_t low, high;
};

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint32_t base;
};

_Static_assert(sizeof(struct descriptor) == 8, "SDM vol. 3A, 3.4.5");
_Static_assert(sizeof(struct table_pointer) == 6, "SDM vol. 3A, 2.4");
_Static_assert(sizeof(struct tss) == 104, "SDM vol. 3A, 8.2.1");
_Static_assert(offsetof(struct tss, iomap) == 102, "SDM vol. 3A, 8.2.1");

/* Types and flags of descriptors, in bits 8 to 15 and 20 to 23 of the high word. */
enum {
    DESC_CODE = 0xC09A00, /* present, ring 0, code, readable; 32-bit, limit in pages */
    DESC_DATA = 0xC09200,
    DESC_RING3 = 3 << 13,
    DESC_TSS = 0x008900, /* present, available 32-bit TSS; limit in bytes */
    DESC_LDT = 0x008200, /* present; limit in bytes */
    GATE_INTERRUPT = 0x8E00,
    GATE_TRAP = 0x8F00,
    GATE_TASK = 0x8500,
};

enum { VECTOR_DEBUG = 1, VECTOR_NMI = 2, VECTOR_DOUBLE_FAULT = 8, VECTOR_EXCEPTIONS = 32 };

static struct descriptor gdt[GDT_ENTRIES] __attribute__((aligned(8)));
/* For trap.asm, which puts the base in. */
struct descriptor *const cpu_espfix = &gdt[SEL_ESPFIX / 8];
static struct descriptor idt[VECTORS] __attribute__((aligned(8)));
struct main_tss cpu_main_tss;
static struct tss df_tss;
static uint8_t df_stack[DF_STACK] __attribute__((aligned(16)));

static void set_segment(unsigned selector, uint32_t base, uint32_t limit, uint32_t flags)
{
    gdt[selector / 8] = (struct descriptor){
        .low = base << 16 | (limit & 0xFFFF),
        .high = (base & 0xFF000000) | (limit & 0xF0000) | flags | (base >> 16 & 0xFF),
    };
}

static void set_gate(unsigned vector, uint32_t selector, uint32_t offset, uint32_t flags)
{
    idt[vector] = (struct descriptor){
        .low = selector << 16 | (offset & 0xFFFF),
        .high = (offset & 0xFFFF0000) | flags,
    };
}

static void load_gdt(void)
{
    struct table_pointer p = {sizeof gdt - 1, (uint32_t)gdt};

    set_segment(SEL_KERNEL_CODE, 0, 0xFFFFF, DESC_CODE);
    set_segment(SEL_KERNEL_DATA, 0, 0xFFFFF, DESC_DATA);
    set_segment(SEL_USER_CODE, 0, 0xFFFFF, DESC_CODE | DESC_RING3);
    set_segment(SEL_USER_DATA, 0, 0xFFFFF, DESC_DATA | DESC_RING3);
    set_segment(SEL_ESPFIX, 0, 0xFFFFF, DESC_DATA);
    set_segment(SEL_TSS, (uint32_t)&cpu_main_tss, sizeof cpu_main_tss - 1, DESC_TSS);
    set_segment(SEL_DOUBLE_FAULT, (uint32_t)&df_tss, sizeof df_tss - 1, DESC_TSS);
    __asm__ volatile("lgdt %0\n\t"
                     "ljmp %1, $1f\n"
                     "1:\n\t"
                     "mov %2, %%ss\n\t"
                     "mov %3, %%ds\n\t"
                     "mov %3, %%es\n\t"
                     "mov %4, %%fs\n\t"
                     "mov %4, %%gs"
                     :
                     : "m"(p), "i"(SEL_KERNEL_CODE), "r"(SEL_KERNEL_DATA), "r"(SEL_USER_DATA), "r"(0)
                     : "memory");
}

void cpu_set_ldt(const uint64_t *entries, uint32_t count)
{
    if (count)
        set_segment(SEL_LDT, (uint32_t)entries, count * sizeof *entries - 1, DESC_LDT);
    __asm__ volatile("lldt %0" : : "r"((uint16_t)(count ? SEL_LDT : 0)) : "memory");
}

void cpu_use_port_map(bool on)
{
    cpu_main_tss.tss.iomap = on ? offsetof(struct main_tss, closed) : sizeof cpu_main_tss;
}

static void load_tss(void)
{
    cpu_main_tss.tss.ss0 = SEL_KERNEL_DATA;
    cpu_main_tss.closed[PORTS_BYTES] = 0xFF;
    cpu_use_port_map(false);
    df_tss = (struct tss){
        .cr3 = cpu_read_cr3(),
        .eip = (uint32_t)trap_double_fault,
        .eflags = 2, /* the bit that is always set; interrupts off */
        .esp = (uint32_t)(df_stack + DF_STACK),
        .cs = SEL_KERNEL_CODE,
        .ss = SEL_KERNEL_DATA,
        .ds = SEL_USER_DATA,
        .es = SEL_USER_DATA,
        .iomap = sizeof df_tss,
    };
    __asm__ volatile("ltr %0" : : "r"((uint16_t)SEL_TSS) : "memory");
    /* None, rather than the one of 64 KiB at address 0 that the processor begins with. */
    cpu_set_ldt(NULL, 0);
}

static void load_idt(void)
{
    struct table_pointer p = {sizeof idt - 1, (uint32_t)idt};

    /* Exceptions leave interrupts as they were: a page fault may sleep. The page fault's address stays valid,
     * since nothing that an interrupt runs may fault. */
    for (unsigned v = 0; v < VECTORS; v++)
        set_gate(v, SEL_KERNEL_CODE, trap_stubs[v],
                 (v < VECTOR_EXCEPTIONS && v != VECTOR_DEBUG && v != VECTOR_NMI) || v == TRAP_SYSCALL
                     ? GATE_TRAP
                     : GATE_INTERRUPT);
    /* What programs may ask for by instruction. */
    static const uint8_t open[] = {TRAP_BREAKPOINT, TRAP_OVERFLOW, TRAP_SYSCALL};

    for (unsigned i = 0; i < ARRAY_LEN(open); i++)
        set_gate(open[i], SEL_KERNEL_CODE, trap_stubs[open[i]], GATE_TRAP | DESC_RING3);
    /* A double fault means that the stack cannot be trusted: switch tasks, to a stack that can. */
    set_gate(VECTOR_DOUBLE_FAULT, SEL_DOUBLE_FAULT, 0, GATE_TASK);
    __asm__ volatile("lidt %0" : : "m"(p) : "memory");
}

#define IRQS 32u /* trap.asm */

static bool metered, watched;

static void set_call_gate(void)
{
    uint32_t stub = metered ? trap_metered_call : trap_stubs[TRAP_SYSCALL];

    set_gate(TRAP_SYSCALL, SEL_KERNEL_CODE, watched ? trap_watched_call : stub, GATE_TRAP | DESC_RING3);
}

void cpu_set_watched(bool on)
{
    watched = on;
    set_call_gate();
}

void cpu_set_metered(bool on)
{
    uint32_t irq = cpu_irq_save();

    metered = on;
    set_call_gate();
    set_gate(TRAP_PAGE_FAULT, SEL_KERNEL_CODE, on ? trap_metered_page_fault : trap_stubs[TRAP_PAGE_FAULT],
             GATE_TRAP);
    for (unsigned i = 0; i < IRQS; i++)
        set_gate(IRQ_VECTOR + i, SEL_KERNEL_CODE, on ? trap_metered_irqs[i] : trap_stubs[IRQ_VECTOR + i],
                 GATE_INTERRUPT);
    cpu_irq_restore(irq);
}

/* The stubs hold a no-op where a processor with SMAP needs CLAC. The code is still writable. */
static void patch_clac(void)
{
    static const uint8_t clac[3] = {0x0F, 0x01, 0xCA};

    for (const uint32_t *site = trap_clac_sites; cpu_features.smap && *site; site++)
        memcpy((void *)*site, clac, sizeof clac);
}

void cpu_init(void)
{
    patch_clac();
    load_gdt();
    load_tss();
    load_idt();
}

void cpu_set_root(paddr_t root)
{
    df_tss.cr3 = root;
}

_Static_assert(SEL_TLS / 8 + CPU_TLS == SEL_DOUBLE_FAULT / 8, "the descriptors lie side by side");

void cpu_set_tls(const uint64_t tls[CPU_TLS])
{
    const struct descriptor *d = (const void *)tls;

    _Static_assert(CPU_TLS == 3, "each is set by itself: a task switch waits for it");
    gdt[SEL_TLS / 8] = d[0];
    gdt[SEL_TLS / 8 + 1] = d[1];
    gdt[SEL_TLS / 8 + 2] = d[2];
}

uint16_t cpu_fs(void)
{
    return segment_fs();
}

uint16_t cpu_gs(void)
{
    return segment_gs();
}

void cpu_set_fs(uint16_t selector)
{
    segment_set_fs(selector);
}

void cpu_set_gs(uint16_t selector)
{
    segment_set_gs(selector);
}
