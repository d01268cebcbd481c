/* What a program is told of the exceptions that it causes. Page faults are in page_fault.c. */
#include "kernel/proc/ports.h"
#include "kernel/proc/signal.h"
#include "kernel/proc/thread.h"
#include "kernel/x86/fpu.h"
#include "kernel/x86/trap.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

/* What a program gets for each exception that it causes; signo 0: it cannot. As Linux has it. */
static const struct {
    uint8_t signo;
    uint8_t code;
    bool here; /* the address is the instruction's */
} program_exceptions[TRAP_SIMD + 1] = {
    [0] = {SIGFPE, FPE_INTDIV, true},  [1] = {SIGTRAP, TRAP_BRKPT, true},  [3] = {SIGTRAP, SI_KERNEL, false},
    [4] = {SIGSEGV, SI_KERNEL, false}, [5] = {SIGSEGV, SI_KERNEL, false},  [6] = {SIGILL, ILL_ILLOPN, true},
    [7] = {SIGSEGV, SI_KERNEL, false}, [9] = {SIGFPE, SI_KERNEL, false},   [10] = {SIGSEGV, SI_KERNEL, false},
    [11] = {SIGBUS, SI_KERNEL, false}, [12] = {SIGBUS, SI_KERNEL, false},  [13] = {SIGSEGV, SI_KERNEL, false},
    [16] = {SIGFPE, SI_KERNEL, true},  [17] = {SIGBUS, BUS_ADRALN, false}, [19] = {SIGFPE, SI_KERNEL, true},
};

/* The registers that a program left for its return from a signal cannot be loaded. */
static void bad_return(struct trap_frame *tf)
{
    static const struct siginfo info = {.signo = SIGILL, .code = ILL_BADSTK};

    cpu_irq_on();
    signal_force(tf, &info);
}

/* si_code of a debug exception, or 0: it means nothing to the program. Interrupts off. */
static int debug_code(struct trap_frame *tf)
{
    struct context *c = &thread_current()->context;
    bool by_instruction; /* INT1, which the registers do not tell */
    uint32_t status = debugreg_take(c->debug, &by_instruction);

    c->debug_status = status;
    if (debugreg_before(c->debug, status))
        tf->eflags |= EFLAGS_RF;
    if (status & DEBUGREG_STEP)
        return TRAP_TRACE;
    if (status)
        return TRAP_HWBKPT;
    return by_instruction ? TRAP_BRKPT : 0;
}

bool trap_program_exception(struct trap_frame *tf)
{
    if (tf->vector == TRAP_IRET) {
        bad_return(tf);
        return true;
    }
    if (tf->vector >= ARRAY_LEN(program_exceptions) || !program_exceptions[tf->vector].signo)
        return false;

    struct siginfo info = {
        .signo = program_exceptions[tf->vector].signo,
        .code = program_exceptions[tf->vector].code,
        .addr = program_exceptions[tf->vector].here ? tf->eip : 0,
    };

    if (tf->vector == TRAP_DEBUG) {
        info.code = debug_code(tf);
        if (!info.code)
            return true;
    }
    cpu_irq_on(); /* the gates of debug exceptions have them off */
    if (tf->vector == TRAP_GENERAL && ports_pass_over(tf))
        return true;
    if (tf->vector == TRAP_FPU || tf->vector == TRAP_SIMD)
        info.code = fpu_signal_code(tf->vector == TRAP_SIMD);
    signal_force(tf, &info);
    return true;
}
