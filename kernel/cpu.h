/* The processor's tables: GDT, TSS, IDT, and the task that takes double faults. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "mm/types.h"

/* Selectors. The kernel runs with DS = ES = SEL_USER_DATA, which ring 0 may use as well: a trap then has
 * nothing to load unless the program changed them. trap.asm knows these numbers. */
enum {
    SEL_KERNEL_CODE = 0x08,
    SEL_KERNEL_DATA = 0x10, /* SS */
    SEL_USER_CODE = 0x1B,
    SEL_USER_DATA = 0x23,
    SEL_TSS = 0x28,
    SEL_DOUBLE_FAULT = 0x30,
};

/* The hardware's task state segment (SDM vol. 3A, 8.2.1). */
struct tss {
    uint32_t link;
    uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
    uint32_t cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, iomap;
};

/* Load our GDT, TSS and IDT; from here on every exception is reported. After cpu_detect(), and before the
 * code is made read-only. */
void cpu_init(void);
/* The double-fault task runs on this root; called when the kernel's own root is ready. */
void cpu_set_root(paddr_t root);
/* Where the processor puts the stack when it leaves ring 3. */
void cpu_set_kernel_stack(uintptr_t top);
/* After a double fault: the registers of the code that caused it. */
const struct tss *cpu_main_tss(void);

#endif
