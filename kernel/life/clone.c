/*
 * clone, fork, vfork: new threads and processes.
 *
 * Everything that a child needs is made first and put together last, so that a call that fails leaves nothing
 * behind. The child begins on the way back to ring 3, with a copy of its parent's registers and 0 as result.
 */
#include "kernel/life/clone.h"
#include "kernel/fs/file.h"
#include "kernel/life/exit.h"
#include "kernel/life/memory.h"
#include "kernel/proc/process.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/space.h"

enum {
    CLONE_KNOWN = CSIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT |
                  CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |
                  CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO,
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
    err = space_fork(old->space, &space);
    if (err)
        return err;
    child->memory = memory_create(space);
    if (!child->memory) {
        space_destroy(space);
        return -ENOMEM;
    }
    *child->memory = *old;
    child->memory->refs = 1;
    child->memory->space = space;
    child->memory->lock_future = 0;
    if (child->memory->exe)
        inode_get(child->memory->exe)->executed++;
    return 0;
}

static void inherit(struct process *child, const struct process *parent)
{
    child->pgid = parent->pgid;
    child->sid = parent->sid;
    child->tty = parent->tty;
    memcpy(child->rlimit, parent->rlimit, sizeof child->rlimit);
    child->oom_score_adj = parent->oom_score_adj;
    child->personality = parent->personality;
    child->dumpable = parent->dumpable;
    child->max_resident = parent->max_resident;
}

/* What threads share, for a new process. On an error process_discard() undoes what was done. */
static int copy_shared(struct process *child, const struct process *parent, uint32_t flags)
{
    int err = copy_memory(child, parent, flags);

    if (err)
        return err;
    child->fs = flags & CLONE_FS ? fs_context_get(parent->fs) : fs_context_copy(parent->fs);
    if (flags & CLONE_SIGHAND) {
        child->actions = parent->actions;
        child->actions->refs++;
    } else {
        child->actions = signal_actions_copy(parent->actions);
    }
    return child->fs && child->actions ? 0 : -ENOMEM;
}

/* Descriptors, registers, TLS, FPU, mask: the child's are the parent's but for what was asked for. */
static int copy_thread(struct thread *child, struct thread *parent, const struct clone *c)
{
    struct trap_frame *tf = thread_frame(child);

    child->files = c->flags & CLONE_FILES ? fd_table_get(parent->files) : fd_table_copy(parent->files);
    if (!child->files)
        return -ENOMEM;
    *tf = *thread_frame(parent);
    tf->eax = 0;
    if (c->stack)
        tf->user_esp = c->stack;
    memcpy(child->context.tls, parent->context.tls, sizeof child->context.tls);
    child->context.fs = cpu_fs();
    child->context.gs = cpu_gs();
    fpu_save(child->context.fpu);
    if (c->flags & CLONE_SETTLS) {
        int err = tls_set(child, c->tls, false);

        if (err)
            return err;
    }
    memcpy(child->comm, parent->comm, sizeof child->comm);
    signal_thread_init(child, parent, !(c->flags & CLONE_VM) || c->flags & CLONE_VFORK);
    if (c->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = c->child_tid;
    return 0;
}

/* Write the child's number where the child will look for it: into its own memory, before it runs. */
static void tell_child(struct process *p, vaddr_t at, int tid)
{
    struct space *mine = task_current()->space;

    if (p->memory->space == mine) {
        user_write32(at, (uint32_t)tid);
        return;
    }
    task_set_space(p->memory->space);
    user_write32(at, (uint32_t)tid);
    task_set_space(mine);
}

/* Sleep until the child has a space of its own, or is gone, or this thread is to end. */
static void wait_for_vfork(int pid, struct waitq *q)
{
    uint32_t irq = os_irq_save();

    for (;;) {
        struct process *child = process_find(pid);

        if (!child || child->vfork_wait != q)
            break;
        if (thread_sleep_killable(q) != 0) {
            child = process_find(pid);
            if (child && child->vfork_wait == q)
                child->vfork_wait = NULL;
            break;
        }
    }
    os_irq_restore(irq);
}

int clone(const struct clone *c)
{
    struct thread *self = thread_current(), *t;
    struct process *parent = self->process, *p = parent;
    bool process = !(c->flags & CLONE_THREAD);
    struct waitq vfork = {0};
    int err = check(c), tid;

    if (err)
        return err;
    tid = pid_alloc();
    if (tid < 0)
        return tid;
    if (process) {
        p = process_create(tid);
        if (!p)
            return -ENOMEM;
        inherit(p, parent);
        err = copy_shared(p, parent, c->flags);
        if (err)
            goto no_process;
    }
    err = -ENOMEM;
    t = thread_create(p, tid, NULL, NULL);
    if (!t)
        goto no_process;
    err = copy_thread(t, self, c);
    if (err)
        goto no_thread;
    /* Making it may have slept, and this thread may have to end by now; then no new one may appear. */
    err = -EAGAIN;
    if (self->exiting)
        goto no_thread;

    if (c->flags & CLONE_CHILD_SETTID)
        tell_child(p, c->child_tid, tid);
    if (c->flags & CLONE_PARENT_SETTID)
        user_write32(c->parent_tid, (uint32_t)tid);
    if (process) {
        /* A sibling's parent hears what it hears of the caller: it did not ask for another signal. */
        p->exit_signal = c->flags & CLONE_PARENT ? parent->exit_signal : (int)(c->flags & CSIGNAL);
        if (c->flags & CLONE_VFORK)
            p->vfork_wait = &vfork;
        process_enter(p, c->flags & CLONE_PARENT && parent->parent ? parent->parent : parent);
    }
    thread_launch(t);
    if (process && c->flags & CLONE_VFORK)
        wait_for_vfork(tid, &vfork);
    return tid;

no_thread:
    thread_give_up_files(t);
    thread_discard(t);
no_process:
    if (process)
        process_discard(p);
    return err;
}
