/*
 * Where a tracee stops, and how it goes on.
 *
 * Purpose. A tracee stops only by itself, in stand_until_told(): on its way back to ring 3 before it takes a
 * signal or because of its process's stop, before and after a system call, and at events within one. It
 * leaves in struct ptrace what wait4() is to tell and where it stands, and sleeps. thread.halt says so to
 * everybody: requests of its tracer, /proc, and who chooses a thread for a signal. The tracer clears it, and
 * so does whoever ends the tie or the tracee: a thread that is to end does not stop, and one that is stopped
 * goes on to end. Only one that is told to its tracer as it ends (PTRACE_EVENT_EXIT) waits though it is
 * ending, but not if SIGKILL ends it.
 *
 * Other things that make a thread look on its way to ring 3 are bits of sig.traps, taken back by the stop
 * that they lead to.
 *
 * System calls of a tracee that stops for them come in by a stub of their own, which context_set_special()
 * puts in place for that thread alone: nobody else's calls ask. What is to be done after the call is a bit
 * of the work that every way back to ring 3 asks for (TASK_WORK_TRACE).
 *
 * Steps. The trap flag in the tracee's frame makes the processor stop it after one instruction. If the
 * program has set it itself it stays when the stepping ends (forced_step). A system call is a step too, and
 * so is the way into a handler.
 *
 * Locking: between sleeps. Fails: never.
 *
 * Source: ptrace(2), "Stopped states"; order and contents are those of Linux 6.1.
 */
#include "kernel/proc/ptrace.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/signal_parts.h"
#include "kernel/x86/context.h"
#include "mm/errno.h"
#include "mm/x86/cpu.h"

/* What a tracer may set. */
#define EFLAGS_TRACER (EFLAGS_PROGRAM | EFLAGS_RF)

/* --- stopping --- */

static void tell_tracer(const struct thread *t, int why)
{
    const struct ptrace *g = t->ptrace;
    const struct process *p = t->process;
    struct process *to = g->tracer->process;
    const struct signal_action *a;
    uint64_t user, system;
    struct siginfo info = {
        .signo = SIGCHLD,
        .code = why,
        .pid = t->tid,
        .uid = (int)t->cred->uid,
        .status = why == CLD_TRAPPED ? g->code & 0x7F
                  : p->stopped       ? p->stopped_by & 0x7F
                                     : 0,
    };

    if (to->state != PROCESS_ALIVE || !to->actions)
        return;
    a = &to->actions->action[SIGCHLD - 1];
    thread_times(t, &user, &system);
    info.utime = (int32_t)(user / 10000000);
    info.stime = (int32_t)(system / 10000000);
    if (a->handler != SIG_IGN && !(a->flags & SA_NOCLDSTOP))
        signal_send(to, &info);
    os_wake_all(&to->child_wait);
}

/* Sleep until the tracer lets it go on. The signal that it said. A thread that is to end does not stop. */
static int stand_until_told(enum ptrace_place place, int code, int why, struct siginfo *info,
                            uint32_t message)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    struct ptrace *g = self->ptrace;
    uint32_t irq;

    if (!g || (self->exiting && place != PTRACE_AT_END)) {
        self->sig.traps = 0;
        return 0;
    }
    g->place = place;
    g->code = code;
    g->info = info;
    g->message = message;
    g->settles = false;
    self->sig.traps &= (uint8_t) ~(TRAP_STOP | TRAP_GROUP);
    if (place == PTRACE_AT_TRAP)
        self->sig.traps &= (uint8_t)~TRAP_NOTIFY;
    self->resumed_with = 0;
    self->halt = HALT_TRACER;
    tell_tracer(self, why);
    irq = os_irq_save();
    while (self->halt >= HALT_TRACER)
        if (place == PTRACE_AT_END)
            os_sleep(&p->stop_wait);
        else if (thread_sleep_killable(&p->stop_wait))
            self->halt = HALT_NONE;
    os_irq_restore(irq);
    g = self->ptrace; /* it may be gone */
    if (g) {
        g->place = PTRACE_NOWHERE;
        g->code = 0;
        g->info = NULL;
    }
    signal_set_blocked(self->sig.blocked); /* what is pending may be to be taken, or not any more */
    return self->resumed_with;
}

/* A stop that is no signal's, which siginfo tells by its code. */
static int notify(enum ptrace_place place, int signo, int code, int why, uint32_t message)
{
    const struct thread *self = thread_current();
    struct siginfo info = {.signo = signo, .code = code, .pid = self->tid, .uid = (int)self->cred->uid};

    return stand_until_told(place, code, why, &info, message);
}

/* --- signals and the process's stops --- */

bool ptrace_at_signal(struct siginfo *info)
{
    struct thread *self = thread_current();
    int signo;

    self->ptrace->stop_is_due = true;
    signo = stand_until_told(PTRACE_AT_SIGNAL, info->signo, CLD_TRAPPED, info, 0);
    if (!signo)
        return false;
    if (signo != info->signo) {
        const struct thread *tracer = self->ptrace ? self->ptrace->tracer : NULL;
        const struct process *parent = self->process->parent;

        *info = (struct siginfo){.signo = signo, .code = SI_USER};
        if (tracer) {
            info->pid = tracer->tid;
            info->uid = (int)tracer->cred->uid;
        } else if (parent) {
            info->pid = parent->pid;
            info->uid = (int)cred_of_process(parent)->uid;
        }
    }
    if (self->sig.blocked & SIGBIT(signo)) {
        signal_send_thread(self, info);
        return false;
    }
    return true;
}

void ptrace_at_trap(void)
{
    const struct thread *self = thread_current();
    const struct process *p = self->process;
    int signo = p->stopped_by ? p->stopped_by : SIGSTOP;

    if (!self->ptrace->seized) {
        stand_until_told(PTRACE_AT_GROUP_STOP, signo, CLD_STOPPED, NULL, 0);
        return;
    }
    if (!p->stopped)
        signo = SIGTRAP;
    notify(PTRACE_AT_TRAP, signo, signo | PTRACE_EVENT_STOP << 8, CLD_STOPPED, 0);
}

static void wake(struct thread *t)
{
    t->halt = HALT_NONE;
    os_wake_all(&t->process->stop_wait);
}

/* Have it stop for this; if it stands and listens it stops anew. */
static void trap(struct thread *t, unsigned traps)
{
    t->sig.traps |= (uint8_t)traps;
    signal_mark(t);
    if (t->halt == HALT_LISTEN)
        wake(t);
    else
        thread_interrupt(t);
}

void ptrace_process_stops(struct thread *t)
{
    trap(t, t->ptrace->seized ? TRAP_GROUP | TRAP_NOTIFY : TRAP_GROUP);
}

void ptrace_process_continues(struct thread *t)
{
    t->sig.traps &= (uint8_t)~TRAP_GROUP;
    t->ptrace->stop_is_due = false;
    if (t->ptrace->seized)
        trap(t, TRAP_NOTIFY);
}

int ptrace_interrupt(struct thread *t)
{
    if (!t->ptrace->seized)
        return -EIO;
    trap(t, TRAP_STOP);
    return 0;
}

int ptrace_listen(struct thread *t)
{
    if (!t->ptrace->seized || t->ptrace->place != PTRACE_AT_TRAP)
        return -EIO;
    t->halt = HALT_LISTEN;
    if (t->sig.traps & TRAP_NOTIFY)
        wake(t);
    return 0;
}

void ptrace_release(struct process *p)
{
    for (struct thread *t = p->threads; t; t = t->next)
        if (t->halt >= HALT_TRACER)
            wake(t);
}

/* --- system calls --- */

/* Whether the call is to go on. */
static bool at_call(enum ptrace_place place, uint32_t message)
{
    struct thread *self = thread_current();
    int good = self->ptrace->options & PTRACE_O_SYSGOOD ? 0x80 : 0;
    int signo = notify(place, SIGTRAP, SIGTRAP | good, CLD_TRAPPED, message);

    if (signo) {
        const struct siginfo info = {.signo = signo, .code = SI_KERNEL};

        signal_send_thread(self, &info);
    }
    return !self->exiting;
}

bool ptrace_at_call(struct trap_frame *tf)
{
    struct thread *self = thread_current();
    const struct ptrace_mode mode = self->ptrace ? self->ptrace->mode : (struct ptrace_mode){0};

    tf->eax = (uint32_t)-ENOSYS;
    if (mode.calls || mode.emulates) {
        if (!at_call(PTRACE_AT_ENTRY, PTRACE_MESSAGE_ENTRY))
            return false;
    } else if (mode.steps) {
        thread_set_work(self, TASK_WORK_TRACE);
    }
    return !mode.emulates && tf->error != TRAP_NO_CALL;
}

void ptrace_after_call(struct trap_frame *tf)
{
    struct thread *self = thread_current();
    const struct ptrace *g = self->ptrace;

    if (!g)
        return;
    if (g->mode.steps && !g->mode.emulates) {
        const struct siginfo info = {.signo = SIGTRAP, .code = TRAP_BRKPT, .addr = tf->eip};

        signal_force(tf, &info);
        self->sig.fault_vector = TRAP_DEBUG;
        self->sig.fault_error = 0;
    } else if (g->mode.calls) {
        at_call(PTRACE_AT_EXIT, PTRACE_MESSAGE_EXIT);
    }
}

void ptrace_tell_event(enum ptrace_event event, uint32_t message)
{
    struct thread *self = thread_current();
    const struct ptrace *g = self->ptrace;

    if (likely(!g))
        return;
    if (g->options & 1u << event) {
        notify(PTRACE_AT_EVENT, SIGTRAP, SIGTRAP | (int)event << 8, CLD_TRAPPED, message);
    } else if (event == PTRACE_EVENT_EXEC && !g->seized) {
        const struct siginfo info = {
            .signo = SIGTRAP, .code = SI_USER, .pid = self->process->pid, .uid = (int)self->cred->uid};

        signal_send_thread(self, &info);
    }
}

void ptrace_at_end(int status)
{
    const struct thread *self = thread_current();

    if (self->ptrace->options & 1u << PTRACE_EVENT_EXIT &&
        !(self->process->group_exit && (self->process->exit_status & 0x7F) == SIGKILL))
        notify(PTRACE_AT_END, SIGTRAP, SIGTRAP | PTRACE_EVENT_EXIT << 8, CLD_TRAPPED, (uint32_t)status);
}

/* --- steps --- */

bool ptrace_takes_flags(const uint8_t *code, size_t n)
{
    for (size_t i = 0; i < n; i++)
        switch (code[i]) {
        case 0x9D: /* POPF */
        case 0xCF: /* IRET */
            return true;
        case 0x26: /* prefixes */
        case 0x2E:
        case 0x36:
        case 0x3E:
        case 0x64:
        case 0x65:
        case 0x66:
        case 0x67:
        case 0xF0:
        case 0xF2:
        case 0xF3:
            continue;
        default:
            return false;
        }
    return false;
}

void ptrace_set_steps(struct thread *t, bool on, bool takes_flags)
{
    struct ptrace *g = t->ptrace;
    struct trap_frame *tf = thread_frame(t);
    bool had = tf->eflags & EFLAGS_TF;

    g->mode.steps = on;
    if (!on) {
        if (g->forced_step)
            tf->eflags &= ~EFLAGS_TF;
        g->forced_step = false;
        return;
    }
    tf->eflags |= EFLAGS_TF;
    if (takes_flags)
        g->forced_step = false;
    else if (!had)
        g->forced_step = true;
}

bool ptrace_ends_step(struct thread *t)
{
    bool steps = t->ptrace->mode.steps;

    if (steps)
        ptrace_set_steps(t, false, false);
    return steps;
}

void ptrace_at_handler(void)
{
    notify(PTRACE_AT_SIGNAL, SIGTRAP, SIGTRAP, CLD_TRAPPED, 0);
}

uint32_t ptrace_visible_flags(const struct thread *t)
{
    uint32_t flags = thread_frame(t)->eflags;

    return t->ptrace && t->ptrace->forced_step ? flags & ~EFLAGS_TF : flags;
}

void ptrace_set_flags(struct thread *t, uint32_t flags)
{
    struct trap_frame *tf = thread_frame(t);

    if (flags & EFLAGS_TF)
        t->ptrace->forced_step = false;
    else if (t->ptrace->forced_step)
        flags |= EFLAGS_TF;
    tf->eflags = (tf->eflags & ~EFLAGS_TRACER) | (flags & EFLAGS_TRACER);
}

/* --- going on --- */

void ptrace_resume(struct thread *t, const struct ptrace_mode *mode, int signo)
{
    struct ptrace *g = t->ptrace;
    uint32_t irq;

    ptrace_set_steps(t, mode->steps, mode->takes_flags);
    g->mode = *mode;
    /* It stands in a system call: what is to be done after that is decided now. */
    if ((g->place == PTRACE_AT_ENTRY || g->place == PTRACE_AT_EVENT) && (mode->calls || mode->steps))
        thread_set_work(t, TASK_WORK_TRACE);
    irq = os_irq_save();
    context_set_special(&t->context, CONTEXT_CALLS, mode->calls || mode->emulates || mode->steps);
    os_irq_restore(irq);
    t->resumed_with = signo;
    wake(t);
}
