/* The processor's tables: GDT, TSS, IDT, and the task that takes double faults. */
#ifndef KERNEL_X86_CPU_H
#define KERNEL_X86_CPU_H

#include "kernel/x86/ports.h"
#include "mm/types.h"

/* Selectors. The kernel runs with DS = ES = SEL_USER_DATA, which ring 0 may use as well: a trap then has
 * nothing to load unless the program changed them. trap.asm knows these numbers. */
enum {
    SEL_KERNEL_CODE = 0x08,
    SEL_KERNEL_DATA = 0x10, /* SS */
    SEL_USER_CODE = 0x1B,
    SEL_USER_DATA = 0x23,
    SEL_TSS = 0x28,
    SEL_TLS = 0x33, /* the first of CPU_TLS that the running thread fills; Linux's numbers */
    SEL_DOUBLE_FAULT = 0x48,
    SEL_ESPFIX = 0x50, /* SS for the last step of a return to a 16-bit stack: see trap.asm */
    SEL_LDT = 0x88,    /* the local table of the loaded context, if it has one; Linux's number */
};

#define CPU_TLS 3u

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
/* What the processor has in use. After a double fault: the registers of the code that caused it. */
struct main_tss {
    struct tss tss;
    uint8_t closed[PORTS_BYTES + 1]; /* ports; the last byte is all ones, as the processor wants it */
};
extern struct main_tss cpu_main_tss;
/* Where the processor puts the stack when it leaves ring 3. */
static inline void cpu_set_kernel_stack(uintptr_t top)
{
    cpu_main_tss.tss.esp0 = top;
}
/* Put a thread's own descriptors into the GDT. A segment register that holds one of their selectors has to be
 * loaded again. */
void cpu_set_tls(const uint64_t tls[CPU_TLS]);
/* Have the processor find local descriptors here; count 0: there are none. A segment register keeps what it
 * was loaded with. */
void cpu_set_ldt(const uint64_t *entries, uint32_t count);
/* FS and GS are the program's; the kernel leaves them alone. Loading a bad selector loads 0. */
uint16_t cpu_fs(void);
uint16_t cpu_gs(void);
void cpu_set_fs(uint16_t selector);
void cpu_set_gs(uint16_t selector);
/* Have the processor ask cpu_main_tss.closed for ports, or close all of them. */
void cpu_use_port_map(bool on);
/* Let system calls, page faults and interrupts come in through the stubs that measure, or no more. */
void cpu_set_metered(bool on);
/* Let the system calls of whoever is loaded come in through the stub that tells a tracer, which does not
 * measure, or no more. Interrupts off. */
void cpu_set_watched(bool on);

#endif
