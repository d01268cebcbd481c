/*
 * clone, fork, vfork: new threads and processes.
 *
 * Everything that a child needs is made first, which sleeps. Then the call looks once more whether it may go
 * on, and puts the child together and into the tables in one step: a process that ends, or a thread that
 * wants to be the only one, has marked all threads by then, or finds the child. Only then its number is told,
 * and then it runs. A call that fails leaves nothing behind.
 *
 * The child begins on the way back to ring 3, with a copy of its parent's registers and 0 as result.
 */
#include "kernel/life/clone.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pidfd.h"
#include "kernel/ipc/sem.h"
#include "kernel/life/exit.h"
#include "kernel/life/memory.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/ports.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptrace.h"
#include "kernel/sched/sched.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/space.h"

enum {
    CLONE_KNOWN = CSIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PIDFD | CLONE_VFORK |
                  CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                  CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO |
                  CLONE_PTRACE,
};

static int check(const struct clone *c)
{
    if (c->flags & ~(uint32_t)CLONE_KNOWN)
        return -EINVAL;
    if (c->flags & CLONE_THREAD && !(c->flags & CLONE_SIGHAND))
        return -EINVAL;
    if (c->flags & CLONE_SIGHAND && !(c->flags & CLONE_VM))
        return -EINVAL;
    if ((c->flags & CSIGNAL) > SIGNALS)
        return -EINVAL;
    if (c->flags & CLONE_PIDFD && (c->flags & (CLONE_DETACHED | CLONE_THREAD) ||
                                   (c->flags & CLONE_PARENT_SETTID && c->pidfd == c->parent_tid)))
        return -EINVAL;
    if (c->flags & CLONE_PARENT && process_current() == process_init)
        return -EINVAL; /* it has no parent */
    return 0;
}

static int copy_memory(struct process *child, const struct process *parent, uint32_t flags)
{
    struct memory *old = parent->memory;
    struct space *space;
    int err;

    if (flags & CLONE_VM) {
        child->memory = memory_get(old);
        return 0;
    }
    mutex_lock(&old->lock); /* the copy's heap ends where the copied region does */
    err = space_fork(old->space, &space);
    if (err)
        goto out;
    child->memory = memory_copy(old, space);
    if (!child->memory) {
        space_destroy(space);
        err = -ENOMEM;
    }
out:
    mutex_unlock(&old->lock);
    if (!err && old->ldt)
        err = ldt_copy(child->memory, old);
    return err;
}

static void inherit(struct process *child, const struct process *parent)
{
    child->pgid = parent->pgid;
    child->sid = parent->sid;
    child->tty = parent->tty;
    child->oom_score_adj = parent->oom_score_adj;
    child->oom_score_adj_min = parent->oom_score_adj_min;
    child->no_huge = parent->no_huge;
    child->dumpable = parent->dumpable;
    child->core_filter = parent->core_filter;
    child->login_uid = parent->login_uid;
    child->session = parent->session;
}

/* What threads share, for a new process. On an error process_discard() undoes what was done. */
static int copy_shared(struct process *child, const struct process *parent, const struct clone *c)
{
    int err = copy_memory(child, parent, c->flags);

    if (err)
        return err;
    child->fs = c->flags & CLONE_FS ? fs_context_get(parent->fs) : fs_context_copy(parent->fs);
    if (c->flags & CLONE_SIGHAND) {
        child->actions = parent->actions;
        child->actions->refs++;
    } else {
        child->actions = signal_actions_copy(parent->actions);
        if (child->actions && c->clear_handlers)
            signal_actions_clear(child->actions);
    }
    return child->fs && child->actions ? 0 : -ENOMEM;
}

/* Descriptors, registers, TLS, FPU, mask: the child's are the parent's but for what was asked for. */
static int copy_thread(struct thread *child, struct thread *parent, const struct clone *c)
{
    struct trap_frame *tf = thread_frame(child);

    cred_begin(child, cred_get(parent->cred));
    child->files = c->flags & CLONE_FILES ? fd_table_get(parent->files) : fd_table_copy(parent->files);
    if (!child->files)
        return -ENOMEM;
    if (c->flags & CLONE_SYSVSEM && sem_share_undo(child, parent))
        return -ENOMEM;
    *tf = *thread_frame(parent);
    tf->eax = 0;
    if (unlikely(parent->ptrace))
        tf->eflags = ptrace_visible_flags(parent);
    if (c->stack)
        tf->user_esp = c->stack;
    memcpy(child->context.tls, parent->context.tls, sizeof child->context.tls);
    child->context.special = parent->context.special & CONTEXT_NO_TSC;
    /* It has no debug registers, but seems to have this one, as on Linux. */
    child->context.debug_control = parent->context.debug_control;
    child->context.debug_status = parent->context.debug_status;
    ports_inherit(child, parent);
    child->context.fs = cpu_fs();
    child->context.gs = cpu_gs();
    fpu_save(child->context.fpu);
    if (c->flags & CLONE_SETTLS) {
        int err = tls_set(child, c->tls, false);

        if (err)
            return err;
    }
    memcpy(child->comm, parent->comm, sizeof child->comm);
    child->ioprio = parent->ioprio;
    child->personality = parent->personality;
    child->slack = child->slack_default = parent->slack;
    child->no_new_privs = parent->no_new_privs;
    child->io_flusher = parent->io_flusher;
    child->memory_error_own = parent->memory_error_own;
    child->memory_error_early = parent->memory_error_early;
    sched_inherit(child->task, parent->task);
    signal_thread_init(child, parent, !(c->flags & CLONE_VM) || c->flags & CLONE_VFORK);
    if (c->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = c->child_tid;
    if (c->flags & CLONE_CHILD_SETTID)
        child->set_child_tid = c->child_tid;
    return 0;
}

/* The first steps of a child that is to find its number in its own memory. */
static void begin(void *arg __attribute__((unused)))
{
    struct thread *self = thread_current();

    user_write32(self->set_child_tid, (uint32_t)self->tid);
    trap_enter_user(thread_frame(self));
}

static void discard(struct thread *t, bool process)
{
    struct process *p = t->process;

    sem_undo_end(t);
    thread_give_up_files(t);
    thread_discard(t);
    if (process)
        process_discard(p);
}

/* Make all that a child needs. Sleeps. On an error nothing is left. */
static int make(const struct clone *c, int tid, struct thread **out)
{
    struct thread *self = thread_current(), *t;
    struct process *parent = self->process, *p = parent;
    bool process = !(c->flags & CLONE_THREAD);
    int err;

    if (process) {
        p = process_create(tid, parent);
        if (!p)
            return -ENOMEM;
        err = copy_shared(p, parent, c);
        if (err)
            goto no_thread;
    }
    err = -ENOMEM;
    t = thread_create(p, tid, c->flags & CLONE_CHILD_SETTID ? begin : NULL, NULL);
    if (!t)
        goto no_thread;
    err = copy_thread(t, self, c);
    if (!err) {
        *out = t;
        return 0;
    }
    discard(t, process);
    return err;
no_thread:
    if (process)
        process_discard(p);
    return err;
}

/* Sleep until the child has a space of its own, or is gone, or this thread is to end. False: the last. */
static bool wait_for_vfork(int pid, struct waitq *q)
{
    uint32_t irq = os_irq_save();
    bool done = true;

    for (;;) {
        struct process *child = process_find(pid);

        if (!child || child->vfork_wait != q)
            break;
        if (thread_sleep_killable(q) != 0) {
            child = process_find(pid);
            if (child && child->vfork_wait == q)
                child->vfork_wait = NULL;
            done = false;
            break;
        }
    }
    os_irq_restore(irq);
    return done;
}

/* The child is complete: from here on it can be found. Does not sleep. */
static void enter(const struct clone *c, struct thread *t, struct waitq *vfork, struct ptrace *tie)
{
    struct process *parent = process_current(), *p = t->process;

    if (p != parent) {
        inherit(p, parent);
        /* A sibling's parent hears what it hears of the caller: it did not ask for another signal. */
        p->exit_signal = c->flags & CLONE_PARENT ? parent->exit_signal : (int)(c->flags & CSIGNAL);
        if (c->flags & CLONE_VFORK)
            p->vfork_wait = vfork;
        p->forker = c->flags & CLONE_PARENT ? parent->forker : thread_current()->serial;
        process_enter(p, c->flags & CLONE_PARENT && parent->parent ? parent->parent : parent);
        p->cpu_timers = itimer_has_limit(p);
    }
    ptrace_inherit(t, tie);
    thread_enter(t);
}

/* What the tracer of the running thread is told of, or 0: it has none, or does not want to know. */
static unsigned event_of(const struct clone *c)
{
    const struct ptrace *g = thread_current()->ptrace;
    unsigned event = c->flags & CLONE_VFORK            ? PTRACE_EVENT_VFORK
                     : (c->flags & CSIGNAL) != SIGCHLD ? PTRACE_EVENT_CLONE
                                                       : PTRACE_EVENT_FORK;

    return g && !(c->flags & CLONE_UNTRACED) && g->options & 1u << event ? event : 0;
}

/* After the child was launched: tell a tracer, and wait if the child has this thread's memory for a while. */
static void follow(const struct clone *c, int tid, unsigned event, struct waitq *vfork)
{
    if (unlikely(event))
        ptrace_tell_event((enum ptrace_event)event, (uint32_t)tid);
    if (!(c->flags & CLONE_VFORK) || c->flags & CLONE_THREAD)
        return;
    if (wait_for_vfork(tid, vfork))
        ptrace_tell_event(PTRACE_EVENT_VFORK_DONE, (uint32_t)tid);
}

/* A descriptor of the parent's for the child; its number is told before the child is there. Sleeps. */
static int prepare_pidfd(const struct clone *c, int pid, struct file **out)
{
    int fd = fd_reserve(0, true), err;

    if (fd < 0)
        return fd;
    err = pidfd_prepare(pid, 0, out);
    if (!err && user_write32(c->pidfd, (uint32_t)fd)) {
        file_put(*out);
        err = -EFAULT;
    }
    if (!err)
        return fd;
    fd_unreserve(fd);
    *out = NULL;
    return err;
}

/* The child is there, or (NULL) it will never be. */
static void give_pidfd(int fd, struct file *f, const struct thread *child)
{
    if (!f)
        return;
    if (child) {
        pidfd_complete(f, child->process);
        fd_fill(fd, f);
    } else {
        fd_unreserve(fd);
        file_put(f);
    }
}

int clone(const struct clone *c)
{
    struct process *parent = process_current();
    struct user *user = thread_current()->cred->user;
    struct thread *t = NULL;
    bool process = !(c->flags & CLONE_THREAD);
    struct waitq vfork = {0};
    struct signal_fork sent;
    struct pid_claim claim;
    struct ptrace *tie = NULL;
    unsigned event = event_of(c);
    struct file *pidfd = NULL;
    int err = check(c), tid, fd = -1;

    if (!err)
        err = cred_may_have_thread();
    if (!err)
        err = pid_alloc(&claim);
    if (err)
        return err;
    tid = claim.pid;
    user->threads++; /* while it is made, which sleeps: nobody else takes its place */
    if (process)
        signal_fork_begin(parent, &sent);
    err = ptrace_prepare(event || (c->flags & CLONE_PTRACE && thread_current()->ptrace), &tie);
    if (!err)
        err = make(c, tid, &t);
    if (!err && c->flags & CLONE_PIDFD)
        err = fd = prepare_pidfd(c, tid, &pidfd);
    if (err >= 0 && thread_current()->exiting)
        err = -EINTR;
    if (err < 0 && t) {
        discard(t, process);
        t = NULL;
    }
    /* Nothing sleeps from the question whether this thread is to end until the child can be found. */
    if (process)
        signal_fork_end(parent, &sent, t ? t->process : NULL);
    if (t)
        enter(c, t, &vfork, tie);
    else
        ptrace_discard(tie);
    give_pidfd(fd, pidfd, t);
    pid_free(&claim);
    user->threads--;
    if (!t)
        return err;
    if (c->flags & CLONE_PARENT_SETTID)
        user_write32(c->parent_tid, (uint32_t)tid);
    thread_launch(t);
    follow(c, tid, event, &vfork);
    return tid;
}
