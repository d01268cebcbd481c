/*
 * Ending.
 *
 * A process ends in this order. Every thread leaves its process (thread_exit()); the last one gives back what
 * the threads shared, hands the children to init, and makes the process a zombie, which is a number, a status
 * and some counts. The parent's wait4() takes these and forgets the zombie; if the parent does not care for
 * its children, the process forgets itself. The thread that runs all this cannot free its own kernel stack:
 * see task_vanish().
 *
 * Of a process that is traced the tracer waits for each thread, the first one last, before the parent is
 * told: process_announce() goes on from there.
 *
 * Who keeps something about processes is told of an end by process_on_end().
 *
 * Locking: between sleeps; thread_exit() says where it does not sleep any more.
 */
#include "kernel/life/exit.h"
#include "kernel/fs/file.h"
#include "kernel/ipc/sem.h"
#include "kernel/life/memory.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/ptimer.h"
#include "kernel/proc/ptrace.h"
#include "kernel/x86/context.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

/* What threads share. NULL members are not there yet. May sleep. */
static void give_up_shared(struct process *p)
{
    struct memory *memory;
    struct fs_context *fs = p->fs;

    itimer_stop_all(p);
    ptimer_delete_all(p);
    while (signal_set_trim(&p->pending))
        might_sleep();
    memory = p->memory;
    p->fs = NULL; /* before the sleep: /proc may be asked for it */
    if (fs)
        fs_context_put(fs);
    if (p->actions)
        signal_actions_put(p->actions);
    p->actions = NULL;
    signal_set_clear(&p->pending);
    p->memory = NULL;
    if (memory)
        memory_put(memory);
}

void thread_give_up_files(struct thread *t)
{
    struct fd_table *files = t->files;

    t->files = NULL; /* before the sleep: /proc may be asked for it */
    if (files)
        fd_table_put(files);
}

void process_discard(struct process *p)
{
    give_up_shared(p);
    process_free(p);
}

/* Have all other threads end, and wait until only so many are there that are held. */
static int end_others(struct thread *self)
{
    struct process *p = self->process;
    uint32_t irq;
    int err = 0;

    for (struct thread *t = p->threads; t; t = t->next)
        if (t != self) {
            t->exiting = true;
            thread_set_work(t, TASK_WORK_SIGNAL);
            thread_interrupt(t);
        }
    irq = os_irq_save();
    while (p->nthreads - 1 > p->held && !err)
        err = thread_sleep_killable(&p->thread_wait);
    os_irq_restore(irq);
    return self->exiting ? -EINTR : err;
}

int process_single(void)
{
    struct thread *self = thread_current();

    /* Else another thread came first, or the process ends. */
    return self->exiting ? -EINTR : end_others(self);
}

int process_hold(void)
{
    struct thread *self = thread_current();

    if (self->exiting)
        return -EINTR;
    self->process->holding = true;
    return end_others(self);
}

void process_let_go(void)
{
    struct process *p = process_current();

    p->holding = false;
    os_wake_all(&p->thread_wait);
}

/* A thread that is to end waits until whoever holds it lets it go. */
static void be_held(struct process *p)
{
    uint32_t irq = os_irq_save();

    p->held++;
    os_wake_all(&p->thread_wait);
    while (p->holding)
        os_sleep(&p->thread_wait);
    p->held--;
    os_irq_restore(irq);
}

void process_vfork_done(struct process *p)
{
    struct waitq *q = p->vfork_wait;

    p->vfork_wait = NULL;
    if (q)
        os_wake_all(q);
}

/* Whether p's parent wants to wait for it, having told it. */
static bool tell_parent(struct process *p)
{
    struct process *parent = p->parent;

    if (!parent)
        return false;
    if (!parent->actions)
        return true; /* it is ending itself, and will leave p to init */

    bool cares = p->exit_signal != SIGCHLD || !signal_ignores_children(parent);

    if (p->exit_signal) {
        uint64_t user, system;
        struct siginfo info = {
            .signo = p->exit_signal,
            .code = signal_end_code(p->exit_status),
            .pid = p->pid,
            .uid = (int)cred_of_process(p)->uid,
            .status = signal_end_status(p->exit_status),
        };

        process_times(p, &user, &system);
        info.utime = (int32_t)(user / 10000000);
        info.stime = (int32_t)(system / 10000000);
        signal_send(parent, &info);
    }
    os_wake_all(&parent->child_wait);
    return cares;
}

void process_announce(struct process *p)
{
    if (p->graves)
        return;
    if (p->grave)
        ptrace_tell_end(p);
    else if (!tell_parent(p))
        process_reap(p);
}

/* The running thread traces nobody any more. What its tracees stopped for is lost, but for a signal that
 * nobody was told of. */
static void let_tracees_go(struct thread *self)
{
    static const struct siginfo kill = {.signo = SIGKILL, .code = SI_KERNEL};
    struct ptrace *g;

    while ((g = self->tracees) != NULL) {
        struct process *p = g->process;

        if (!g->tracee) {
            ptrace_forget(g);
            if (p->state == PROCESS_ZOMBIE)
                process_announce(p);
            continue;
        }
        if (g->options & PTRACE_O_EXITKILL)
            signal_send(p, &kill);
        ptrace_let_go(g->tracee, g->place == PTRACE_AT_SIGNAL ? g->code : 0);
    }
}

/* Who gets the children: the nearest ancestor that asked for what its descendants leave behind, else init. */
static struct process *heir_of(const struct process *p)
{
    struct process *heir = p->parent;

    if (p == process_init)
        return NULL;
    while (heir && heir != process_init &&
           !(heir->subreaper && heir->state == PROCESS_ALIVE && heir->nthreads))
        heir = heir->parent;
    return heir ? heir : process_init;
}

/* The children get a new parent. */
static void orphan_children(struct process *p)
{
    struct process *heir = heir_of(p);
    struct process *child;

    while ((child = p->children) != NULL) {
        process_leave_siblings(child);
        child->parent = heir;
        child->exit_signal = SIGCHLD; /* the new parent never asked for another */
        if (heir) {
            child->sibling_next = heir->children;
            if (heir->children)
                heir->children->sibling_prev = child;
            heir->children = child;
        }
        if (child->death_signal)
            signal_raise(child, child->death_signal);
        if (child->state == PROCESS_ZOMBIE && !child->grave)
            process_announce(child);
    }
}

/* The last thread of p, the running one, has left it. */
static void process_end(struct process *p)
{
    struct task *task = task_current();

    process_faults(p, &p->past_min_faults, &p->past_maj_faults);
    p->max_resident = process_max_resident(p);
    task->space = NULL;
    give_up_shared(p);
    process_vfork_done(p);
    signal_orphan_groups(p);
    orphan_children(p);
    p->state = PROCESS_ZOMBIE;
    process_tell_end(p);
    process_announce(p);
}

void thread_exit(int code)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    struct switches switches;
    uint64_t user, system;

    if (unlikely(p->holding))
        be_held(p);
    if (unlikely(self->ptrace))
        ptrace_at_end(p->group_exit ? p->exit_status : (code & 0xFF) << 8);
    self->exiting = true;
    futex_thread_exit(self);
    if (self->clear_child_tid && (p->nthreads > 1 || p->memory->refs > 1) &&
        user_write32(self->clear_child_tid, 0) == 0)
        futex_wake_at(self->clear_child_tid);
    sem_undo_end(self);
    thread_give_up_files(self);
    while (signal_set_trim(&self->sig.pending))
        might_sleep();

    /* From here to the end of the list nothing sleeps. */
    thread_times(self, &user, &system);
    p->past_user_ns += user;
    p->past_system_ns += system;
    thread_switches(self, &switches);
    switches_add(&p->past_switches, &switches);
    if (unlikely(self->tracees))
        let_tracees_go(self);
    if (unlikely(self->ptrace))
        ptrace_bury(self, p->group_exit ? p->exit_status : (code & 0xFF) << 8);
    thread_leave(self);
    os_wake_all(&p->thread_wait);
    signal_thread_exit(self);
    if (p->nthreads == 0) {
        if (!p->group_exit) {
            p->group_exit = true;
            p->exit_status = (code & 0xFF) << 8;
        }
        process_end(p);
    }
    context_unload(&self->context);
    task_current()->thread = NULL;
    thread_free(self);
    task_current()->space = NULL;
    task_vanish();
}

void process_exit_group(int status)
{
    /* One that is to end anyway has nothing to say: the process ends already, or another thread of it goes on
     * alone with a new program. */
    if (!thread_current()->exiting)
        process_kill(process_current(), status);
    thread_exit(0);
}
