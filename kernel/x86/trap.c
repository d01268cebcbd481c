/*
 * Exceptions and interrupts, from the stubs of trap.asm to whoever handles them. No policy lives here: a page
 * fault is decoded into a struct fault and handed on, and what nobody resolves is a panic.
 */
#include "kernel/x86/trap.h"
#include "drivers/lapic.h"
#include "drivers/pic.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/cpu_task.h"
#include "kernel/x86/debugreg.h"
#include "kernel/x86/panic.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"

unsigned trap_irq_depth;
bool trap_irq_from_user;

_Static_assert(offsetof(struct trap_frame, eax) == 32 && offsetof(struct trap_frame, cs) == 48, "trap.asm");
_Static_assert(offsetof(struct cpu_task, user_work) == 4, "trap.asm");

_Static_assert(LAPIC_TIMER_VECTOR == IRQ_VECTOR + IRQ_COUNT && LAPIC_NOISE_VECTOR < IRQ_VECTOR + 32,
               "trap.asm");

static trap_fault_fn watcher;
static bool (*handlers[TRAP_EXCEPTIONS])(struct trap_frame *);

trap_fault_fn trap_watch_faults(trap_fault_fn fn)
{
    trap_fault_fn old = watcher;

    watcher = fn;
    return old;
}

void trap_set_handler(unsigned vector, bool (*fn)(struct trap_frame *))
{
    mm_assert(vector < TRAP_EXCEPTIONS && vector != TRAP_PAGE_FAULT, "vector %u", vector);
    handlers[vector] = fn;
}

static bool extable_has_selftest;

void extable_keep_selftest(void)
{
    extable_has_selftest = true;
}

static const struct extable_entry *extable_search(const struct extable_entry *e, uint32_t eip)
{
    for (; e->fault; e++)
        if (e->fault == eip)
            return e;
    return NULL;
}

/* Every fault that a user-copy routine takes is looked up, and most come from a few instructions: those that
 * were found last are kept by their address. */
#define RECENT 16u

uint32_t extable_find(uint32_t eip)
{
    static const struct extable_entry *recent[RECENT];
    const struct extable_entry **r = &recent[eip % RECENT], *e = *r;

    if (likely(e && e->fault == eip))
        return e->fixup;
    e = extable_search(extable, eip);
    if (!e && extable_has_selftest)
        e = extable_search(extable_selftest, eip);
    if (!e)
        return 0;
    *r = e;
    return e->fixup;
}

static bool fix_up(struct trap_frame *tf)
{
    uint32_t fixup = trap_from_user(tf) ? 0 : extable_find(tf->eip);

    if (!fixup)
        return false;
    tf->eip = fixup;
    return true;
}

/* Every error code, decoded ahead of time: the handler copies one word instead of testing bit by bit. */
#define DECODE(error)                                                                                        \
    {                                                                                                        \
        .access = (error)&PF_FETCH   ? ACCESS_EXEC                                                           \
                  : (error)&PF_WRITE ? ACCESS_WRITE                                                          \
                                     : ACCESS_READ,                                                          \
        .user = (error)&PF_USER, .present = (error)&PF_PRESENT, .reserved = (error)&PF_RESERVED,             \
    }
#define DECODE4(e)  DECODE(e), DECODE((e) + 1), DECODE((e) + 2), DECODE((e) + 3)
#define DECODE16(e) DECODE4(e), DECODE4((e) + 4), DECODE4((e) + 8), DECODE4((e) + 12)
#define DECODED     32u

static const struct fault decoded[DECODED] = {DECODE16(0), DECODE16(16)};

static __attribute__((noinline, cold)) void unresolved(struct trap_frame *tf, const struct fault *f)
{
    if (watcher && watcher(tf, f))
        return;
    if (!fix_up(tf))
        panic_trap(tf, f, "page fault that nobody resolves");
}

void trap_page_fault(struct trap_frame *tf)
{
    struct fault f = decoded[tf->error & (DECODED - 1)];

    f.va = cpu_read_cr2();
    if (unlikely(!page_fault(tf, &f)))
        unresolved(tf, &f);
}

static const char *exception_name(unsigned vector)
{
    static const char *const names[TRAP_EXCEPTIONS] = {
        [0] = "divide error",
        [1] = "debug",
        [2] = "non-maskable interrupt",
        [3] = "breakpoint",
        [4] = "overflow",
        [5] = "bound range exceeded",
        [6] = "invalid opcode",
        [7] = "device not available",
        [8] = "double fault",
        [9] = "coprocessor segment overrun",
        [10] = "invalid TSS",
        [11] = "segment not present",
        [12] = "stack-segment fault",
        [13] = "general protection",
        [14] = "page fault",
        [16] = "x87 floating-point error",
        [17] = "alignment check",
        [18] = "machine check",
        [19] = "SIMD floating-point error",
        [20] = "virtualization error",
        [21] = "control protection",
    };

    return vector < TRAP_EXCEPTIONS && names[vector] ? names[vector] : "unknown";
}

void trap_dispatch(struct trap_frame *tf)
{
    if ((trap_from_user(tf) || tf->vector == TRAP_IRET) && trap_program_exception(tf))
        return;
    if (tf->vector < TRAP_EXCEPTIONS && handlers[tf->vector] && handlers[tf->vector](tf))
        return;
    if (tf->vector == TRAP_DEBUG && debugreg_is_ignored())
        return;
    if (fix_up(tf))
        return;
    panic_trap(tf, NULL, "exception %u (%s), error code %x", tf->vector, exception_name(tf->vector),
               tf->error);
}

void trap_interrupt(struct trap_frame *tf)
{
    trap_irq_depth++;
    os_nosleep++;
    trap_irq_from_user = trap_from_user(tf);
    if (tf->vector < LAPIC_TIMER_VECTOR)
        irq_dispatch(tf->vector - IRQ_VECTOR);
    else
        lapic_dispatch(tf->vector);
    os_nosleep--;
    trap_irq_depth--;
}

/* Runs as a task of its own; the registers of the code that failed are in the main TSS. */
_Noreturn void trap_double_fault(void)
{
    const struct tss *t = &cpu_main_tss.tss;
    uint32_t va = cpu_read_cr2();
    struct trap_frame tf = {
        .ds = (uint16_t)t->ds,
        .es = (uint16_t)t->es,
        .edi = t->edi,
        .esi = t->esi,
        .ebp = t->ebp,
        .ebx = t->ebx,
        .edx = t->edx,
        .ecx = t->ecx,
        .eax = t->eax,
        .vector = 8,
        .eip = t->eip,
        .cs = t->cs,
        .eflags = t->eflags,
        .user_esp = t->esp,
        .user_ss = t->ss,
    };

    /* The first of the two faults was a page fault if CR2 is near the stack pointer in a page that is not
     * there: a push, a call or a large frame went below the stack. */
    if (!paging_mapped(va) && va - (t->esp - 2 * PAGE_SIZE) < 3 * PAGE_SIZE)
        panic_trap(&tf, NULL, "kernel stack overflow: stack pointer %08x, and nothing is mapped at %08x",
                   t->esp, va);
    panic_trap(&tf, NULL, "double fault, last page fault at %08x", va);
}
