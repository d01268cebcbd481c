/*
 * Who traces whom.
 *
 * Purpose. A thread is traced by at most one other, of another process, which began it (PTRACE_ATTACH,
 * PTRACE_SEIZE), was asked for it (PTRACE_TRACEME), or got it from a tracee that it traces (clone). struct
 * ptrace is the tie between the two: thread.ptrace of the tracee, in the list thread.tracees of the tracer.
 * A tie ends when the tracer lets go or ends.
 *
 * Graves. When a tracee ends, the tie stays as a grave until its tracer has waited for it. While its other
 * threads have graves an ended process is not told to anybody (process.graves), and while its first one
 * has, only to the tracer (process.grave); then to its parent. So wait4() of the tracer sees each thread
 * once, the first one last, and the parent of a process what it always sees.
 *
 * Memory. A tie is made when tracing begins, so nothing has to be made when a thread ends. Graves are counted
 * as threads are, for the system and for their user.
 *
 * exec. Rights that a program gets by its set-id bits are computed with what its tracer may do, and become
 * the thread's some sleeps later. Who wants to attach meanwhile waits (process.execs).
 *
 * Locking: between sleeps. Fails: -ENOMEM, before anything has changed.
 *
 * Source: ptrace(2); who may, and which error comes first, is as on Linux 6.1.
 */
#include "kernel/proc/ptrace.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/signal_parts.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/context.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(ties, "tracees");

static unsigned graves;
static struct waitq exec_ended; /* who wants to attach to a process that executes something */

/* --- making and ending --- */

static struct ptrace *tie_create(void)
{
    struct ptrace *g = vm_zalloc(sizeof *g);

    if (g)
        ties.count++;
    return g;
}

void ptrace_discard(struct ptrace *g)
{
    if (!g)
        return;
    ties.count--;
    kfree(g);
}

static void link_tracer(struct ptrace *g, struct thread *tracer)
{
    g->tracer = tracer;
    g->next = tracer->tracees;
    if (g->next)
        g->next->prev = g;
    tracer->tracees = g;
}

static void unlink_tracer(struct ptrace *g)
{
    if (g->prev)
        g->prev->next = g->next;
    else
        g->tracer->tracees = g->next;
    if (g->next)
        g->next->prev = g->prev;
}

static void tie(struct ptrace *g, struct thread *tracee, struct thread *tracer)
{
    g->tracee = tracee;
    g->process = tracee->process;
    g->tid = tracee->tid;
    tracee->ptrace = g;
    link_tracer(g, tracer);
}

/* --- beginning --- */

/* The parent's thread that forked p, or the first that is left; NULL: the parent is ending. */
static struct thread *forker_of(const struct process *p)
{
    struct thread *first = p->parent ? p->parent->threads : NULL;

    for (struct thread *t = first; t; t = t->next)
        if (t->serial == p->forker)
            return t;
    return first;
}

int ptrace_traceme(void)
{
    struct thread *self = thread_current(), *parent;
    struct ptrace *g = tie_create();
    int err = g ? 0 : -ENOMEM;

    parent = forker_of(self->process);
    if (self->ptrace || !self->process->parent)
        err = -EPERM;
    else if (parent && self->cred->permitted & ~parent->cred->permitted &&
             !(parent->cred->effective & CAP_BIT(CAP_SYS_PTRACE)))
        err = -EPERM;
    if (err || !parent) {
        ptrace_discard(g);
        return err;
    }
    g->capable = self->cred->effective & CAP_BIT(CAP_SYS_PTRACE);
    tie(g, self, parent);
    return 0;
}

/* Wait until nobody of p's threads executes something. p is gone afterwards, maybe. 0 or -ERESTARTNOINTR. */
static int wait_for_exec(const struct process *p)
{
    uint32_t irq = os_irq_save();
    int err = p->execs ? thread_sleep(&exec_ended) : 0;

    os_irq_restore(irq);
    return err ? -ERESTARTNOINTR : 0;
}

/* Whether the running thread may trace t of process p. 0, or -errno. */
static int may_attach(const struct process *p, const struct thread *t)
{
    if (cred_may_trace(p, t ? t->cred : cred_of_process(p), false))
        return -EPERM;
    return t && p->state == PROCESS_ALIVE && !t->ptrace ? 0 : -EPERM;
}

/* A thread that sleeps with its process goes over to its tracer's stop, and the tracer waits for that. */
static void settle(struct thread *t)
{
    const struct thread *self = thread_current();
    const struct ptrace *g = t->ptrace;
    int tid = t->tid;
    uint32_t irq;

    t->sig.traps |= TRAP_STOP;
    t->ptrace->settles = true;
    signal_mark(t);
    os_wake_all(&t->process->stop_wait);
    irq = os_irq_save();
    while (t && t->ptrace == g && g->settles && !t->exiting &&
           !thread_sleep_killable(&self->process->child_wait))
        t = thread_find(tid);
    os_irq_restore(irq);
}

int ptrace_attach(int tid, bool seize, uint32_t options)
{
    static const struct siginfo stop = {.signo = SIGSTOP, .code = SI_KERNEL};
    struct thread *self = thread_current(), *t;
    struct ptrace *g = NULL;
    int err;

    for (;;) {
        const struct process *p;

        t = thread_find(tid);
        p = t ? t->process : process_find(tid);
        err = !p ? -ESRCH : p == self->process ? -EPERM : 0;
        if (!err && p->execs) {
            err = wait_for_exec(p);
            if (!err)
                continue;
        }
        if (!err)
            err = may_attach(p, t);
        if (err || g)
            break;
        g = tie_create();
        if (!g)
            return -ENOMEM;
    }
    if (err) {
        ptrace_discard(g);
        return err;
    }
    g->seized = seize;
    g->options = options;
    g->capable = capable(CAP_SYS_PTRACE);
    tie(g, t, self);
    if (!seize)
        signal_send_thread(t, &stop);
    if (t->halt == HALT_PROCESS)
        settle(t);
    return 0;
}

struct thread *ptrace_tracee(int tid, bool stopped)
{
    struct thread *t = thread_find(tid);

    if (!t || !t->ptrace || t->ptrace->tracer != thread_current())
        return NULL;
    if (stopped && (t->halt != HALT_TRACER || (t->exiting && t->ptrace->place != PTRACE_AT_END)))
        return NULL;
    return t;
}

int ptrace_prepare(bool wanted, struct ptrace **out)
{
    *out = NULL;
    if (likely(!wanted))
        return 0;
    *out = tie_create();
    return *out ? 0 : -ENOMEM;
}

void ptrace_inherit(struct thread *child, struct ptrace *new)
{
    const struct ptrace *from = thread_current()->ptrace;

    if (!new || !from) {
        ptrace_discard(new);
        return;
    }
    new->seized = from->seized;
    new->options = from->options;
    new->capable = from->capable;
    tie(new, child, from->tracer);
    if (new->seized)
        child->sig.traps |= TRAP_STOP;
    else
        child->sig.pending.set |= SIGBIT(SIGSTOP);
}

void ptrace_renumber(struct thread *t)
{
    if (t->ptrace)
        t->ptrace->tid = t->tid;
}

/* --- ending --- */

void ptrace_let_go(struct thread *t, int signo)
{
    struct ptrace *g = t->ptrace;
    uint32_t irq;

    ptrace_set_steps(t, false, false);
    irq = os_irq_save();
    context_set_special(&t->context, CONTEXT_CALLS, false);
    os_irq_restore(irq);
    unlink_tracer(g);
    t->ptrace = NULL;
    ptrace_discard(g);
    t->sig.traps = 0;
    if (t->halt >= HALT_TRACER) {
        t->resumed_with = signo;
        t->halt = HALT_NONE;
        os_wake_all(&t->process->stop_wait);
    }
    signal_mark(t); /* its process may be stopped, and what is ignored not be a signal any more */
}

unsigned ptrace_graves(void)
{
    return graves;
}

static void tell(const struct ptrace *g, int signo, int status, int uid)
{
    struct process *to = g->tracer->process;
    const struct siginfo info = {
        .signo = signo,
        .code = signal_end_code(status),
        .pid = g->tid,
        .uid = uid,
        .status = signal_end_status(status),
    };

    if (signo)
        signal_send(to, &info);
    os_wake_all(&to->child_wait);
}

void ptrace_bury(struct thread *t, int status)
{
    struct ptrace *g = t->ptrace;

    t->ptrace = NULL;
    g->tracee = NULL;
    g->info = NULL;
    g->code = 0;
    g->settles = false;
    g->status = status;
    g->user = user_get(t->cred->user);
    g->user->threads++;
    graves++;
    if (g->tid == g->process->pid) {
        g->process->grave = g; /* told when the process has ended */
        os_wake_all(&g->tracer->process->child_wait);
        return;
    }
    g->process->graves++;
    tell(g, SIGCHLD, status, (int)t->cred->uid);
}

void ptrace_tell_end(const struct process *p)
{
    tell(p->grave, ptrace_by_parent(p) ? p->exit_signal : SIGCHLD, p->exit_status,
         (int)cred_of_process(p)->uid);
}

void ptrace_forget(struct ptrace *g)
{
    if (g->process->grave == g)
        g->process->grave = NULL;
    else
        g->process->graves--;
    unlink_tracer(g);
    g->user->threads--;
    user_put(g->user);
    graves--;
    ptrace_discard(g);
}

/* --- questions --- */

const struct ptrace *ptrace_of_first(const struct process *p)
{
    const struct thread *t = p->threads;

    if (p->grave)
        return p->grave;
    while (t && t->tid != p->pid)
        t = t->next;
    return t ? t->ptrace : NULL;
}

bool ptrace_by_parent(const struct process *p)
{
    const struct ptrace *g = ptrace_of_first(p);

    return g && g->tracer->process == p->parent;
}

bool ptrace_has_number(int tid)
{
    if (likely(!graves))
        return false;
    for (const struct process *p = process_all; p; p = p->all_next)
        for (const struct thread *t = p->threads; t; t = t->next)
            for (const struct ptrace *g = t->tracees; g; g = g->next)
                if (!g->tracee && g->tid == tid)
                    return true;
    return false;
}

/* --- exec --- */

void ptrace_begin_exec(struct process *p)
{
    p->execs++;
}

void ptrace_end_exec(struct process *p)
{
    if (!--p->execs)
        os_wake_all(&exec_ended);
}
