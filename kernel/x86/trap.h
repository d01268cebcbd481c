/* Exceptions and interrupts. trap.asm has the stubs. */
#ifndef KERNEL_X86_TRAP_H
#define KERNEL_X86_TRAP_H

#include "mm/fault.h"

/* What the stubs leave on the stack. trap.asm knows this layout. */
struct trap_frame {
    uint16_t ds, es;
    uint32_t edi, esi, ebp, esp_ignored, ebx, edx, ecx, eax;
    uint32_t vector, error; /* of a system call, error is the number that was in eax */
    uint32_t eip, cs, eflags;
    uint32_t user_esp, user_ss; /* only from ring 3 */
};

enum {
    TRAP_DIVIDE = 0,
    TRAP_DEBUG = 1,
    TRAP_BREAKPOINT = 3,
    TRAP_OVERFLOW = 4,
    TRAP_INVALID_OPCODE = 6,
    TRAP_GENERAL = 13,
    TRAP_PAGE_FAULT = 14,
    TRAP_FPU = 16,
    TRAP_ALIGNMENT = 17,
    TRAP_SIMD = 19,
    TRAP_SYSCALL = 0x80,
    TRAP_IRET = 0x81, /* none of the processor's: the way back to ring 3 could not be gone */
};

#define TRAP_EXCEPTIONS 32u /* vectors below are exceptions */

/* Error code of a page fault (SDM vol. 3A, 4.7). */
enum { PF_PRESENT = 1 << 0, PF_WRITE = 1 << 1, PF_USER = 1 << 2, PF_RESERVED = 1 << 3, PF_FETCH = 1 << 4 };

static inline bool trap_from_user(const struct trap_frame *tf)
{
    return tf->cs & 3;
}

/* The stack pointer of the interrupted code. */
static inline uint32_t trap_esp(const struct trap_frame *tf)
{
    return trap_from_user(tf) ? tf->user_esp : (uint32_t)(uintptr_t)&tf->user_esp;
}

/* --- called here, defined in the rooms above: what traps mean --- */

/*
 * A page fault. True when the instruction can be tried again. Interrupts are as they were at the fault. When
 * it says false, a fault in the kernel goes to its entry in the exception table, and anything else is a
 * panic. kernel/proc/page_fault.c. Sleeps.
 */
bool page_fault(struct trap_frame *tf, const struct fault *f);
/* Another exception of a program, or TRAP_IRET: make it a signal. False when no program can cause it.
 * kernel/proc/exception.c. */
bool trap_program_exception(struct trap_frame *tf);
/* A system call of a program that a tracer watches: tell it, and make the call. kernel/sys/syscall.c.
 * Sleeps. */
void syscall_watched(struct trap_frame *tf);
/* The running thread goes back to ring 3 and has work to do first. Interrupts on. kernel/life/deliver.c.
 * Sleeps. */
void thread_return_to_user(struct trap_frame *tf);

/* --- for tests and measurements --- */

/*
 * Show fn every page fault that page_fault() does not resolve, before anything else is done about it; NULL:
 * nobody. When fn says true, the instruction is tried again. Returns who watched before.
 */
typedef bool (*trap_fault_fn)(struct trap_frame *, const struct fault *);
trap_fault_fn trap_watch_faults(trap_fault_fn fn);

/* Give exception `vector` (not 8, not 14) to fn; NULL takes it back. True means handled; false is a panic. */
void trap_set_handler(unsigned vector, bool (*fn)(struct trap_frame *));

/*
 * The exception table: pairs of addresses, in the section `extable`. When the instruction at `fault` in the
 * kernel faults and the fault is not resolved, execution goes on at `fixup`. An asm line for it:
 *
 *     ".pushsection extable, \"a\"; .long 1b, 2b; .popsection"
 */
struct extable_entry {
    uint32_t fault, fixup;
};
/* Collected by linker.ld: the kernel's, and the self-tests'. An entry of zeroes ends each. */
extern const struct extable_entry extable[], extable_selftest[];
/* Look in the self-tests' table too: they stay in memory. */
void extable_keep_selftest(void);
/* 0 when there is no entry. */
uint32_t extable_find(uint32_t eip);

/* > 0 while an interrupt handler runs. */
extern unsigned trap_irq_depth;
/* Whether the interrupt that is being handled came in ring 3. */
extern bool trap_irq_from_user;

/* Leave for ring 3 with the frame, which lies at the top of the running task's stack. */
_Noreturn void trap_enter_user(struct trap_frame *tf);
/* The first return address of a task that begins in ring 3. Sleeps. */
void trap_to_user(void);

/* For cpu.c: the entry points, and where the double-fault task begins. */
extern const uint32_t trap_stubs[256];
/* The way in that tells a tracer of system calls. */
extern const uint32_t trap_watched_call;
/* The ways in that measure: a page fault, a system call, IRQ by IRQ. */
extern const uint32_t trap_metered_page_fault, trap_metered_call, trap_metered_irqs[];
extern const uint32_t trap_clac_sites[]; /* places in the stubs for CLAC, 0 ends */
_Noreturn void trap_double_fault(void);

/* For trap.asm. trap_page_fault() sleeps. */
void trap_dispatch(struct trap_frame *tf);
void trap_interrupt(struct trap_frame *tf);
void trap_page_fault(struct trap_frame *tf);

#endif
