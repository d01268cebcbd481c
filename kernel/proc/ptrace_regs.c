/*
 * A tracee's registers, word by word: struct user_regs_struct, and struct user, which begins with it.
 *
 * The general registers are in the frame at the top of its stack; FS and GS, the FPU's and the debug
 * registers in its context, which is stored: the tracer runs, and has the processor. The word "orig_eax" is
 * the number of the system call that it stands in or behind, or -1; writing it makes it be, or not be, in a
 * call that may have to be started again.
 *
 * Locking: between sleeps, of a thread that is stopped. Fails: -EIO and -EINVAL, and then nothing has
 * changed.
 *
 * Source: sys/user.h; which values are refused is as on Linux for i386.
 */
#include "kernel/proc/ptrace.h"
#include "kernel/x86/context.h"
#include "mm/errno.h"
#include "mm/slab.h"

/* struct user_regs_struct */
enum { EBX, ECX, EDX, ESI, EDI, EBP, EAX, DS, ES, FS, GS, ORIG_EAX, EIP, CS, EFL, UESP, SS };
_Static_assert(SS + 1 == PTRACE_REGS, "sys/user.h");

#define DEBUG_OFFSET  252u /* of u_debugreg in struct user */
#define DEBUG_STATUS  6u
#define DEBUG_CONTROL 7u

/* A register that the frame has as a word, or NULL. */
static uint32_t *word_of(struct trap_frame *tf, unsigned n)
{
    switch (n) {
    case EBX:
        return &tf->ebx;
    case ECX:
        return &tf->ecx;
    case EDX:
        return &tf->edx;
    case ESI:
        return &tf->esi;
    case EDI:
        return &tf->edi;
    case EBP:
        return &tf->ebp;
    case EAX:
        return &tf->eax;
    case EIP:
        return &tf->eip;
    case UESP:
        return &tf->user_esp;
    default:
        return NULL;
    }
}

uint32_t ptrace_get_reg(struct thread *t, unsigned n)
{
    struct trap_frame *tf = thread_frame(t);
    const uint32_t *word = word_of(tf, n);

    switch (n) {
    case DS:
        return tf->ds;
    case ES:
        return tf->es;
    case FS:
        return t->context.fs;
    case GS:
        return t->context.gs;
    case CS:
        return tf->cs & 0xFFFF;
    case SS:
        return tf->user_ss & 0xFFFF;
    case ORIG_EAX:
        return tf->vector == TRAP_SYSCALL ? tf->error : TRAP_NO_CALL;
    case EFL:
        return ptrace_visible_flags(t);
    default:
        return word ? *word : 0;
    }
}

static int set_selector(struct thread *t, unsigned n, uint16_t v)
{
    struct trap_frame *tf = thread_frame(t);

    /* One that would be the kernel's; and code and stack there has to be. */
    if ((v && (v & 3) != 3) || (!v && (n == CS || n == SS)))
        return -EIO;
    switch (n) {
    case CS:
        tf->cs = v;
        break;
    case SS:
        tf->user_ss = v;
        break;
    case DS:
        tf->ds = v;
        break;
    case ES:
        tf->es = v;
        break;
    case FS:
        t->context.fs = v;
        break;
    default:
        t->context.gs = v;
        break;
    }
    return 0;
}

int ptrace_set_reg(struct thread *t, unsigned n, uint32_t value)
{
    struct trap_frame *tf = thread_frame(t);
    uint32_t *word = word_of(tf, n);

    switch (n) {
    case DS:
    case ES:
    case FS:
    case GS:
    case CS:
    case SS:
        return set_selector(t, n, (uint16_t)value);
    case ORIG_EAX:
        if (tf->vector == TRAP_SYSCALL || value != TRAP_NO_CALL) {
            tf->vector = TRAP_SYSCALL;
            tf->error = value;
        }
        return 0;
    case EFL:
        ptrace_set_flags(t, value);
        return 0;
    default:
        if (word)
            *word = value;
        return 0;
    }
}

/* Whether a word of struct user is there. */
static bool is_word(uint32_t offset)
{
    return !(offset & 3) && offset < PTRACE_USER_SIZE;
}

int ptrace_get_user(struct thread *t, uint32_t offset, uint32_t *value)
{
    if (!is_word(offset))
        return -EIO;
    *value = 0;
    if (offset < PTRACE_REGS * 4) {
        *value = ptrace_get_reg(t, offset / 4);
    } else if (offset >= DEBUG_OFFSET) {
        unsigned n = (offset - DEBUG_OFFSET) / 4;

        if (n == DEBUG_STATUS)
            *value = t->context.debug_status ^ DEBUGREG_STATUS_FIXED;
        else if (n == DEBUG_CONTROL)
            *value = t->context.debug_control;
        else if (t->context.debug)
            *value = debugreg_get(t->context.debug, n);
    }
    return 0;
}

static int set_debug(struct thread *t, unsigned n, uint32_t value, struct debugreg **spare)
{
    struct context *c = &t->context;
    uint32_t irq;
    int err;

    if (n == DEBUG_STATUS) {
        c->debug_status = value ^ DEBUGREG_STATUS_FIXED;
        return 0;
    }
    if (!c->debug) {
        c->debug = *spare;
        *spare = NULL;
    }
    irq = os_irq_save();
    err = debugreg_set(c->debug, n, value);
    context_set_special(c, CONTEXT_DEBUG, c->debug->enabled);
    os_irq_restore(irq);
    if (!err && n == DEBUG_CONTROL)
        c->debug_control = value;
    return err;
}

int ptrace_set_user(struct thread *t, uint32_t offset, uint32_t value, struct debugreg **spare)
{
    if (!is_word(offset))
        return -EIO;
    if (offset < PTRACE_REGS * 4)
        return ptrace_set_reg(t, offset / 4, value);
    return offset >= DEBUG_OFFSET ? set_debug(t, (offset - DEBUG_OFFSET) / 4, value, spare) : -EIO;
}
