/*
 * The way back to ring 3: the time slice is given up, signals are delivered, an interrupted call is ended or
 * started again; a thread that is to end ends here. kernel/proc/signal.c has the theory of signals.
 *
 * Locking: tasks only, between sleeps.
 */
#include "kernel/life/deliver.h"
#include "kernel/lib/printk.h"
#include "kernel/life/balance.h"
#include "kernel/life/core.h"
#include "kernel/life/exit.h"
#include "kernel/life/sigframe.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/ptrace.h"
#include "kernel/proc/signal_parts.h"
#include "kernel/sched/latency.h"
#include "kernel/sched/sched.h"
#include "mm/errno.h"

/* --- dying --- */

#define REPORTS         10u /* deaths of faults on the console in REPORT_EVERY_NS; the others are counted */
#define REPORT_EVERY_NS 5000000000ull

static bool may_report(void)
{
    static uint64_t since;
    static unsigned count, dropped;
    uint64_t now = os_now_ns();

    if (now - since >= REPORT_EVERY_NS) {
        if (dropped)
            printk(LOG_INFO, "%u more processes died of faults", dropped);
        since = now;
        count = dropped = 0;
    }
    if (count++ < REPORTS)
        return true;
    dropped++;
    return false;
}

static void report_region(struct process *p, const char *what, vaddr_t va)
{
    struct space *s = p->memory ? p->memory->space : NULL;
    struct region *r;

    if (!s)
        return;
    mutex_lock(&s->lock);
    r = region_first_above(&s->regions, va);
    if (r && r->start <= va)
        printk(LOG_INFO, "  %s %08x lies in %08x-%08x %c%c%c%c", what, va, r->start, r->end,
               r->flags & REGION_READ ? 'r' : '-', r->flags & REGION_WRITE ? 'w' : '-',
               r->flags & REGION_EXEC ? 'x' : '-', r->flags & REGION_SHARED ? 's' : 'p');
    else if (r)
        printk(LOG_INFO, "  %s %08x is not mapped; the next region is %08x-%08x", what, va, r->start, r->end);
    else
        printk(LOG_INFO, "  %s %08x is not mapped, nor is anything above", what, va);
    mutex_unlock(&s->lock);
}

/* A process dies of an exception: say where and why. */
static void report_death(const struct thread *t, const struct trap_frame *tf, const struct siginfo *info)
{
    const char *name = signal_name(info->signo), *did;
    /* A program with segments of its own counts from where they begin. */
    uint32_t code = context_segment_base(&t->context, (uint16_t)tf->cs);
    uint32_t stack = context_segment_base(&t->context, (uint16_t)tf->user_ss);

    if (!may_report())
        return;
    if (tf->vector == TRAP_PAGE_FAULT) {
        if (t->sig.fault_error & PF_FETCH)
            did = "execution at";
        else
            did = t->sig.fault_error & PF_WRITE ? "write to" : "read from";
        printk(LOG_INFO, "%s[%d] died of %s: %s %08x", t->comm, t->process->pid, name, did, t->sig.fault_va);
        report_region(t->process, "address", t->sig.fault_va);
    } else if (tf->vector < TRAP_EXCEPTIONS) {
        printk(LOG_INFO, "%s[%d] died of %s: exception %u, error code %x", t->comm, t->process->pid, name,
               tf->vector, tf->error);
    } else {
        printk(LOG_INFO, "%s[%d] died of %s: a signal's frame could not be stored or taken back", t->comm,
               t->process->pid, name);
    }
    report_region(t->process, "instruction", code + tf->eip);
    printk(LOG_INFO, "  eax %08x ebx %08x ecx %08x edx %08x esi %08x edi %08x", tf->eax, tf->ebx, tf->ecx,
           tf->edx, tf->esi, tf->edi);
    printk(LOG_INFO, "  ebp %08x esp %08x eip %08x eflags %08x", tf->ebp, tf->user_esp, tf->eip, tf->eflags);
    if ((uint16_t)tf->cs != SEL_USER_CODE || (uint16_t)tf->user_ss != SEL_USER_DATA)
        printk(LOG_INFO, "  cs %04x from %08x, ss %04x from %08x", tf->cs & 0xFFFF, code,
               tf->user_ss & 0xFFFF, stack);
}

static _Noreturn void die(const struct siginfo *info)
{
    bool has_core = signal_default(info->signo) == SIGNAL_DUMP && core_write(info);

    process_exit_group(info->signo | (has_core ? 0x80 : 0));
}

/* --- on the way to ring 3 --- */

/* Sleep while the process is stopped, and nobody begins to trace the thread. */
static void stay_stopped(struct thread *self)
{
    struct process *p = self->process;
    uint32_t irq = os_irq_save();

    self->halt = HALT_PROCESS;
    while (p->stopped && !self->sig.traps && thread_sleep_killable(&p->stop_wait) == 0)
        ;
    self->halt = HALT_NONE;
    os_irq_restore(irq);
}

/* It is to stand, and does so as often as it is asked. Apart, since it is rare. */
static __attribute__((noinline, cold)) void stand(struct thread *self)
{
    while (signal_is_to_stop(self) && !self->exiting)
        if (self->ptrace)
            ptrace_at_trap();
        else
            stay_stopped(self);
}

static void stop(struct thread *self, int signo)
{
    struct process *p = self->process;
    bool again = p->stopped; /* one that is traced runs on in a process that is stopped */

    /* A terminal's stop makes no sense for a group that no shell can continue. */
    if (signo != SIGSTOP && signal_group_orphaned(p->pgid, 0))
        return;
    if (self->ptrace && !self->ptrace->stop_is_due)
        return;
    p->stopped = true;
    p->continued = false;
    p->stopped_by = signo;
    for (struct thread *t = p->threads; t; t = t->next)
        if (t->ptrace) {
            ptrace_process_stops(t);
        } else if (t != self) {
            signal_mark(t);
            thread_interrupt(t);
        }
    if (again)
        return;
    p->stop_signal = signo;
    if (!ptrace_by_parent(p))
        signal_tell_parent(p, CLD_STOPPED, signo);
}

/* An interrupted system call, when a handler is to run: it fails, or runs again afterwards. */
static void restart_after_handler(struct trap_frame *tf, const struct signal_action *a)
{
    if (tf->error == TRAP_NO_CALL)
        return;
    switch (-(int32_t)tf->eax) {
    case ERESTARTSYS:
        if (a->flags & SA_RESTART)
            break;
        __attribute__((fallthrough));
    case ERESTARTNOHAND:
    case ERESTART_RESTARTBLOCK:
        tf->eax = (uint32_t)-EINTR;
        return;
    case ERESTARTNOINTR:
        break;
    default:
        return;
    }
    tf->eax = tf->error;
    tf->eip -= 2; /* INT 0x80 */
}

/* The same when no handler runs: the call goes on as if nothing had been. */
static void restart_silently(struct trap_frame *tf)
{
    if (tf->vector != TRAP_SYSCALL || tf->error == TRAP_NO_CALL)
        return;
    switch (-(int32_t)tf->eax) {
    case ERESTARTSYS:
    case ERESTARTNOINTR:
    case ERESTARTNOHAND:
        tf->eax = tf->error;
        break;
    case ERESTART_RESTARTBLOCK:
        tf->eax = 0; /* restart_syscall(2) */
        break;
    default:
        return;
    }
    tf->eip -= 2;
}

/* Run a handler: its frame, its mask. a: as it was when the signal was taken; writing the frame sleeps. */
static void handle(struct thread *self, struct trap_frame *tf, const struct siginfo *info,
                   const struct signal_action *a)
{
    uint32_t flags = a->flags;
    int signo = info->signo;
    sigset_t back_to = self->sig.restore ? self->sig.saved : self->sig.blocked;
    bool stepping = unlikely(self->ptrace) && ptrace_ends_step(self);

    if (tf->vector == TRAP_SYSCALL) {
        restart_after_handler(tf, a);
        tf->error = TRAP_NO_CALL; /* the call is over: a second signal finds nothing to restart */
    }
    if (unlikely(!sigframe_setup(tf, signo, info, a, back_to))) {
        static const struct siginfo segv = {.signo = SIGSEGV, .code = SI_KERNEL};

        if (signo == SIGSEGV)
            self->process->actions->action[signo - 1].handler = SIG_DFL;
        signal_force(tf, &segv);
        return;
    }
    self->sig.restore = false;
    self->sig.blocked |= (a->mask | (flags & SA_NODEFER ? 0 : SIGBIT(signo))) & ~SIGNALS_UNCAUGHT;
    if (self->sig.alt_flags & SS_AUTODISARM) {
        self->sig.alt_stack = self->sig.alt_size = 0;
        self->sig.alt_flags = SS_DISABLE;
    }
    if (unlikely(stepping))
        ptrace_at_handler();
}

void signal_deliver(struct trap_frame *tf)
{
    struct thread *self = thread_current();
    struct process *p = self->process;

    do {
        struct siginfo taken, *info = &taken;
        bool fault = self->sig.faulted;
        struct signal_action *a, action;

        signal_unmark(self);
        if (unlikely(signal_is_to_stop(self)))
            stand(self);
        if (unlikely(self->exiting))
            thread_exit(0);
        if (likely(fault)) {
            self->sig.faulted = false;
            info = &self->sig.fault_info;
        } else {
            might_sleep(); /* as writing its frame does */
            if (!signal_take(~self->sig.blocked, info))
                continue;
        }
        if (unlikely(self->ptrace)) {
            int signo = info->signo;

            if (!ptrace_at_signal(info))
                continue;
            fault = fault && info->signo == signo;
        }
        a = &p->actions->action[info->signo - 1];
        if (likely(a->handler > SIG_IGN)) {
            action = *a;
            if (action.flags & SA_RESETHAND)
                a->handler = SIG_DFL;
            handle(self, tf, info, &action);
        } else if (a->handler == SIG_IGN || (!fault && signal_ignored_by_default(p, info->signo))) {
            continue;
        } else if (signal_default(info->signo) == SIGNAL_STOP) {
            stop(self, info->signo);
        } else {
            if (fault)
                report_death(self, tf, info);
            die(info);
        }
    } while (signal_has_work(self));
    restart_silently(tf);
    if (self->sig.restore) {
        self->sig.restore = false;
        signal_set_blocked(self->sig.saved);
    }
}

void thread_return_to_user(struct trap_frame *tf)
{
    struct thread *self = thread_current();
    uint32_t irq = os_irq_save();
    uint32_t work = self->task->cpu.user_work;

    self->task->cpu.user_work = work & TASK_HAS_LDT;
    os_nosleep &= ~OS_WANTED;
    os_irq_restore(irq);
    if (unlikely(latency_on))
        latency_enter(LATENCY_RETURN);
    if (unlikely(work & (TASK_WORK_BALANCE | TASK_WORK_TRACE))) {
        if (work & TASK_WORK_TRACE)
            ptrace_after_call(tf);
        if (work & TASK_WORK_BALANCE)
            balance_wait();
    }
    if (self->exiting)
        thread_exit(0);
    if (unlikely(work & (TASK_WORK_TIMES | TASK_WORK_YIELD))) {
        if (work & TASK_WORK_TIMES)
            itimer_check_cpu();
        if (work & TASK_WORK_YIELD)
            sched_step_aside();
    }
    if (work & TASK_WORK_SIGNAL)
        signal_deliver(tf);
    if (unlikely(latency_on))
        latency_leave();
}
