/*
 * Waiting for children and tracees: wait4(2), waitpid(2), waitid(2).
 *
 * A child tells that it ended, stopped or went on; a tracee, whoever's child it is, and thread by thread,
 * where it stands, and that it ended. A process whose first thread is traced by the caller's own process is
 * a tracee and no child; one that somebody else traces does not tell its end before that has waited for it.
 *
 * Locking: what there is to tell is looked for and taken between two sleeps.
 */
#include "kernel/fs/pidfd.h"
#include "kernel/life/exit.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptrace.h"
#include "kernel/sys/rusage.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

enum {
    WNOHANG = 1,
    WUNTRACED = 2,
    WEXITED = 4,
    WCONTINUED = 8,
    WNOWAIT = 0x01000000,
    W_NOTHREAD = 0x20000000,
    W_ALL = 0x40000000,
    W_CLONE = 0x80000000,
};
enum { P_ALL, P_PID, P_PGID, P_PIDFD };

/* What one that was waited for leaves to its parent. */
static void inherit_counts(struct process *parent, const struct process *p)
{
    uint64_t user, system, minor, major;
    uint32_t max = process_max_resident(p);
    struct switches switches;

    if (max < p->child_max_resident)
        max = p->child_max_resident;

    process_times(p, &user, &system);
    process_faults(p, &minor, &major);
    process_switches(p, &switches);
    switches_add(&parent->child_switches, &switches);
    switches_add(&parent->child_switches, &p->child_switches);
    parent->child_user_ns += user + p->child_user_ns;
    parent->child_system_ns += system + p->child_system_ns;
    parent->child_min_faults += minor + p->child_min_faults;
    parent->child_maj_faults += major + p->child_maj_faults;
    if (parent->child_max_resident < max)
        parent->child_max_resident = max;
}

struct event {
    int pid, code, status; /* as siginfo has them; pid 0: none */
    int wait_status;       /* as wait4() has it */
    int uid;               /* real */
    bool usage_wanted;     /* whether somebody wants to know rusage */
    struct rusage rusage;
};

/* tid: who tells it, p itself or one of its threads. */
static void note(struct event *e, const struct process *p, int tid, int code, int status, int wait_status)
{
    if (e->usage_wanted) {
        uint64_t user, system, minor, major;
        struct switches switches;

        process_times(p, &user, &system);
        process_faults(p, &minor, &major);
        process_switches(p, &switches);
        switches_add(&switches, &p->child_switches);
        rusage_fill(&e->rusage, user + p->child_user_ns, system + p->child_system_ns,
                    minor + p->child_min_faults, major + p->child_maj_faults, &switches,
                    process_max_resident(p));
    }
    e->pid = tid;
    e->uid = (int)cred_of_process(p)->uid;
    e->code = code;
    e->status = status;
    e->wait_status = wait_status;
}

static void note_end(struct event *e, const struct process *p, int tid, int status)
{
    note(e, p, tid, signal_end_code(status), signal_end_status(status), status);
}

static bool ask_continued(struct process *p, int tid, unsigned options, struct event *e)
{
    if (!(options & WCONTINUED) || !p->continued)
        return false;
    note(e, p, tid, CLD_CONTINUED, SIGCONT, 0xFFFF);
    if (!(options & WNOWAIT))
        p->continued = false;
    return true;
}

/* Whether the child may have something to tell, now or later: one that has ended has nothing else. */
static bool can_tell(const struct process *p, unsigned options)
{
    return options & WEXITED || p->state != PROCESS_ZOMBIE || p->grave || p->graves;
}

/* Whether the child has something to tell, and telling it. */
static bool ask(struct process *p, unsigned options, struct event *e)
{
    bool keep = options & WNOWAIT;

    if (p->state == PROCESS_ZOMBIE) {
        if (!(options & WEXITED) || p->grave || p->graves)
            return false;
        note_end(e, p, p->pid, p->exit_status);
        if (!keep) {
            inherit_counts(process_current(), p);
            process_reap(p);
        }
        return true;
    }
    if (options & WUNTRACED && p->stop_signal) {
        note(e, p, p->pid, CLD_STOPPED, p->stop_signal, p->stop_signal << 8 | 0x7F);
        if (!keep)
            p->stop_signal = 0;
        return true;
    }
    return ask_continued(p, p->pid, options, e);
}

/* A grave has told its end: it goes, and what waited for that is told. */
static void close_grave(struct ptrace *g)
{
    struct process *self = process_current(), *p = g->process;
    bool first = p->grave == g;

    ptrace_forget(g);
    if (p->state != PROCESS_ZOMBIE || p->graves)
        return;
    if (first && p->parent == self) {
        inherit_counts(self, p);
        process_reap(p);
    } else {
        process_announce(p);
    }
}

/* The same of a tracee. *any: it may have something to tell later. */
static bool ask_tracee(struct ptrace *g, unsigned options, struct event *e, bool *any)
{
    struct process *p = g->process;
    bool keep = options & WNOWAIT;

    if (g->tracee) {
        *any = true;
        if (g->tracee->halt != HALT_TRACER || !g->code)
            return ask_continued(p, g->tid, options, e);
        note(e, p, g->tid, CLD_TRAPPED, g->code, g->code << 8 | 0x7F);
        if (!keep)
            g->code = 0;
        return true;
    }
    if (p->grave == g && (p->state != PROCESS_ZOMBIE || p->graves)) {
        *any |= !!(options & (WEXITED | WCONTINUED));
        return false;
    }
    *any |= !!(options & WEXITED);
    if (!(options & WEXITED))
        return false;
    note_end(e, p, g->tid, p->group_exit ? p->exit_status : g->status);
    if (!keep)
        close_grave(g);
    return true;
}

/* Whom to wait for. */
struct wanted {
    int kind;               /* P_ALL, ... */
    int id;                 /* a process or a group */
    struct pidfd_name name; /* P_PIDFD: whom the descriptor named when the call began */
    unsigned options;
};

static bool is_named(const struct process *p, int tid, const struct wanted *w)
{
    return !((w->kind == P_PID && tid != w->id) || (w->kind == P_PGID && p->pgid != w->id) ||
             (w->kind == P_PIDFD && (tid != p->pid || !pidfd_names(&w->name, p))));
}

static bool meant(const struct process *p, const struct wanted *w)
{
    return is_named(p, p->pid, w) &&
           (w->options & W_ALL || (p->exit_signal != SIGCHLD) == !!(w->options & W_CLONE));
}

/* Whether a child has something to tell, which stands in e. *any: there is one to wait for. */
static bool ask_children(const struct wanted *w, struct event *e, bool *any)
{
    struct process *self = process_current();

    for (struct process *p = self->children; p; p = p->sibling_next) {
        if (!meant(p, w) || unlikely(ptrace_by_parent(p)))
            continue;
        *any |= can_tell(p, w->options);
        if (ask(p, w->options, e))
            return true;
    }
    return false;
}

/* The same of tracees: all that threads of the process trace, or this one. */
static bool ask_tracees(const struct wanted *w, struct event *e, bool *any)
{
    struct thread *self = thread_current();

    for (struct thread *t = self->process->threads; t; t = t->next) {
        if (likely(!t->tracees) || (w->options & W_NOTHREAD && t != self))
            continue;
        for (struct ptrace *g = t->tracees; g; g = g->next)
            if (is_named(g->process, g->tid, w) && ask_tracee(g, w->options, e, any))
                return true;
    }
    return false;
}

/* Wait for an event. 0 with e->pid, or 0 in it with WNOHANG; -ECHILD, -ERESTARTSYS. */
static int wait_event(const struct wanted *w, struct event *e)
{
    struct process *self = process_current();
    int err = 0;

    e->pid = 0;
    while (!err) {
        bool any = false;

        if (ask_children(w, e, &any) || ask_tracees(w, e, &any))
            return 0;
        if (!any)
            return -ECHILD;
        if (w->options & WNOHANG)
            return 0;

        uint32_t irq = os_irq_save();

        err = thread_sleep(&self->child_wait);
        os_irq_restore(irq);
    }
    return -ERESTARTSYS;
}

static int32_t wait4(int pid, vaddr_t status, unsigned options, vaddr_t rusage)
{
    struct wanted w = {.kind = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID, .options = options | WEXITED};
    struct event e;
    int err;

    if (options & ~(unsigned)(WNOHANG | WUNTRACED | WCONTINUED | W_NOTHREAD | W_ALL | W_CLONE))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    w.id = pid > 0 ? pid : pid == 0 ? process_current()->pgid : -pid;
    e.usage_wanted = rusage;
    err = wait_event(&w, &e);
    if (err || !e.pid)
        return err;
    if (status)
        err = user_write32(status, (uint32_t)e.wait_status);
    if (!err && rusage)
        err = user_copy_out(rusage, &e.rusage, sizeof e.rusage);
    return err ? err : e.pid;
}

int32_t sys_wait4(SYSCALL_4_ARGS(pid, status, options, rusage))
{
    return wait4((int)pid, status, options, rusage);
}

int32_t sys_waitpid(SYSCALL_3_ARGS(pid, status, options))
{
    return wait4((int)pid, status, options, 0);
}

/* What waitid() finds: e, whose pid is 0 if that is nothing or an error. */
static int wait_id(uint32_t which, uint32_t id, uint32_t options, struct event *e)
{
    struct wanted w = {.kind = (int)which, .id = (int)id, .options = options};
    bool nonblock = false;
    int err;

    if (options & ~(unsigned)(WNOHANG | WNOWAIT | WEXITED | WUNTRACED | WCONTINUED | W_NOTHREAD | W_ALL |
                              W_CLONE) ||
        !(options & (WEXITED | WUNTRACED | WCONTINUED)))
        return -EINVAL;
    if (w.kind != P_ALL && w.kind != P_PID && w.kind != P_PGID && w.kind != P_PIDFD)
        return -EINVAL;
    if (w.kind == P_PGID && id == 0)
        w.id = process_current()->pgid;
    if (w.kind != P_ALL && (w.id < 0 || (w.id == 0 && w.kind != P_PIDFD)))
        return -EINVAL;
    err = w.kind == P_PIDFD ? pidfd_get_name(w.id, &w.name, &nonblock) : 0;
    if (err)
        return err;
    if (options & WNOHANG)
        nonblock = false;
    w.options |= nonblock ? WNOHANG : 0;
    err = wait_event(&w, e);
    if (err)
        return err;
    if (nonblock && !e->pid)
        return -EAGAIN;
    return 0;
}

int32_t sys_waitid(SYSCALL_5_ARGS(which, id, info, options, rusage))
{
    struct event e = {.usage_wanted = rusage};
    int err = wait_id(which, id, options, &e);

    if (!err && rusage && e.pid && user_copy_out(rusage, &e.rusage, sizeof e.rusage))
        return -EFAULT;
    if (info) { /* also of an error, which leaves zeroes */
        const bool found = !err && e.pid;
        const int32_t words[6] = {found ? SIGCHLD : 0, 0,
                                  found ? e.code : 0,  found ? e.pid : 0,
                                  found ? e.uid : 0,   found ? e.status : 0};

        if (user_copy_out(info, words, sizeof words))
            return -EFAULT;
    }
    return err;
}
