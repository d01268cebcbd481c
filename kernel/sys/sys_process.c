/* System calls about processes: numbers, waiting, limits, thread-local storage, scheduling. */
#include "kernel/fs/file.h"
#include "kernel/fs/pidfd.h"
#include "kernel/life/clone.h"
#include "kernel/life/exec.h"
#include "kernel/life/exit.h"
#include "kernel/life/memory.h"
#include "kernel/life/unshare.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/ports.h"
#include "kernel/proc/process.h"
#include "kernel/sys/rusage.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_cred.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/context.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/space.h"

/* --- beginning --- */

int32_t sys_clone(SYSCALL_5_ARGS(flags, stack, parent_tid, tls, child_tid))
{
    struct clone c = {.flags = flags,
                      .stack = stack,
                      .parent_tid = parent_tid,
                      .tls = tls,
                      .child_tid = child_tid,
                      .pidfd = parent_tid};

    return clone(&c);
}

/* struct clone_args. */
struct clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup; /* of later versions */
};

#define CLONE_CLEAR_SIGHAND (1ull << 32)
#define CLONE_INTO_CGROUP   (1ull << 33)

/* Whether what clone3(2) is given makes sense; the rest is clone()'s question. Numbers that are chosen, and
 * control groups, are not there. */
static int check_clone(const struct clone_args *a, size_t size)
{
    enum { LEVELS_MAX = 32 };

    if (a->set_tid_size > LEVELS_MAX || !a->set_tid != !a->set_tid_size || a->exit_signal > SIGNALS)
        return -EINVAL;
    if (a->flags & CLONE_INTO_CGROUP && (a->cgroup > INT32_MAX || size < sizeof *a))
        return -EINVAL;
    if (a->flags & ~(CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP | UINT32_MAX) ||
        a->flags & (CLONE_DETACHED | CSIGNAL))
        return -EINVAL;
    if (!(~a->flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) ||
        (a->flags & (CLONE_THREAD | CLONE_PARENT) && a->exit_signal))
        return -EINVAL;
    if (!a->stack != !a->stack_size || a->stack_size > SPACE_HI || a->stack > SPACE_HI - a->stack_size)
        return -EINVAL;
    if (a->set_tid)
        return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    return a->flags & CLONE_INTO_CGROUP ? -EBADF : 0;
}

int32_t sys_clone3(SYSCALL_2_ARGS(args, size))
{
    enum { FIRST_SIZE = 64 };
    struct clone_args a;
    int err = size > PAGE_SIZE ? -E2BIG : size < FIRST_SIZE ? -EINVAL : 0;

    if (!err)
        err = user_copy_struct(&a, sizeof a, args, size);
    if (!err)
        err = check_clone(&a, size);
    if (err)
        return err;

    struct clone c = {.flags = (uint32_t)a.flags | (uint32_t)a.exit_signal,
                      .stack = (vaddr_t)(a.stack + a.stack_size),
                      .parent_tid = (vaddr_t)a.parent_tid,
                      .child_tid = (vaddr_t)a.child_tid,
                      .tls = (vaddr_t)a.tls,
                      .pidfd = (vaddr_t)a.pidfd,
                      .clear_handlers = a.flags & CLONE_CLEAR_SIGHAND};

    return clone(&c);
}

int32_t sys_fork(SYSCALL_NO_ARGS)
{
    struct clone c = {.flags = SIGCHLD};

    return clone(&c);
}

int32_t sys_vfork(SYSCALL_NO_ARGS)
{
    struct clone c = {.flags = CLONE_VFORK | CLONE_VM | SIGCHLD};

    return clone(&c);
}

int32_t sys_unshare(SYSCALL_1_ARG(flags))
{
    return unshare(flags);
}

int32_t sys_execve(SYSCALL_3_ARGS(path, argv, envp))
{
    return exec_user(AT_FDCWD, path, argv, envp, 0);
}

int32_t sys_execveat(SYSCALL_5_ARGS(dirfd, path, argv, envp, flags))
{
    return exec_user((int)dirfd, path, argv, envp, flags);
}

#define TICK_NS 10000000u /* Linux's USER_HZ is 100 */

/* --- ending --- */

int32_t sys_exit(SYSCALL_1_ARG(code))
{
    thread_exit((int)code);
}

int32_t sys_exit_group(SYSCALL_1_ARG(code))
{
    process_exit_group((int)(code & 0xFF) << 8);
}

/* --- numbers --- */

int32_t sys_getpid(SYSCALL_NO_ARGS)
{
    return process_current()->pid;
}

int32_t sys_getppid(SYSCALL_NO_ARGS)
{
    const struct process *parent = process_current()->parent;

    return parent ? parent->pid : 0;
}

int32_t sys_gettid(SYSCALL_NO_ARGS)
{
    return thread_current()->tid;
}

/* The process of a number, 0 being the caller's; or NULL. Zombies count. */
static struct process *find(uint32_t pid)
{
    const struct thread *t;
    struct process *p;

    if (pid == 0)
        return process_current();
    p = process_find((int)pid);
    if (p)
        return p;
    t = thread_find((int)pid);
    return t ? t->process : NULL;
}

int32_t sys_getpgrp(SYSCALL_NO_ARGS)
{
    return process_current()->pgid;
}

int32_t sys_getpgid(SYSCALL_1_ARG(pid))
{
    const struct process *p = find(pid);

    return p ? p->pgid : -ESRCH;
}

int32_t sys_getsid(SYSCALL_1_ARG(pid))
{
    const struct process *p = find(pid);

    return p ? p->sid : -ESRCH;
}

/* Whether the caller's session has a group of this number. */
static bool group_in_session(int pgid, int sid)
{
    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->pgid == pgid && p->sid == sid)
            return true;
    return false;
}

int32_t sys_setpgid(SYSCALL_2_ARGS(pid, pgid_arg))
{
    struct process *self = process_current();
    struct process *p = pid == 0 ? self : process_find((int)pid);
    int pgid = pgid_arg ? (int)pgid_arg : (int)pid;

    if (pgid < 0 || (pgid == 0 && (int)pid < 0))
        return -EINVAL;
    if (!p || (p != self && p->parent != self))
        return -ESRCH;
    if (pgid == 0)
        pgid = p->pid;
    if (p != self && p->sid != self->sid)
        return -EPERM;
    if (p != self && p->did_exec)
        return -EACCES;
    if (p->sid == p->pid) /* leads its session */
        return -EPERM;
    if (pgid != p->pid && !group_in_session(pgid, self->sid))
        return -EPERM;
    if (p->pgid != pgid) {
        signal_orphan_groups(p);
        p->pgid = pgid;
    }
    return 0;
}

int32_t sys_setsid(SYSCALL_NO_ARGS)
{
    struct process *self = process_current();

    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->pgid == self->pid)
            return -EPERM;
    self->pgid = self->sid = self->pid;
    self->tty = NULL;
    return self->pid;
}

/* --- resources --- */

enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1 };

int32_t sys_getrusage(SYSCALL_2_ARGS(who, to))
{
    struct process *p = process_current();
    uint64_t user, system, minor, major;
    struct switches switches;
    struct rusage r;

    switch ((int)who) {
    case RUSAGE_SELF:
    case RUSAGE_THREAD:
        if ((int)who == RUSAGE_SELF) {
            process_times(p, &user, &system);
            process_switches(p, &switches);
        } else {
            thread_times(thread_current(), &user, &system);
            thread_switches(thread_current(), &switches);
        }
        process_faults(p, &minor, &major);
        rusage_fill(&r, user, system, minor, major, &switches, process_max_resident(p));
        break;
    case RUSAGE_CHILDREN:
        rusage_fill(&r, p->child_user_ns, p->child_system_ns, p->child_min_faults, p->child_maj_faults,
                    &p->child_switches, p->child_max_resident);
        break;
    default:
        return -EINVAL;
    }
    return user_copy_out(to, &r, sizeof r);
}

int32_t sys_times(SYSCALL_1_ARG(to))
{
    const struct process *p = process_current();
    uint64_t user, system;

    if (to) {
        process_times(p, &user, &system);

        const int32_t ticks[4] = {(int32_t)(user / TICK_NS), (int32_t)(system / TICK_NS),
                                  (int32_t)(p->child_user_ns / TICK_NS),
                                  (int32_t)(p->child_system_ns / TICK_NS)};
        int err = user_copy_out(to, ticks, sizeof ticks);

        if (err)
            return err;
    }
    return (int32_t)(os_now_ns() / TICK_NS & INT32_MAX);
}

static int set_limit(struct process *p, unsigned which, const struct rlimit *new)
{
    if (new->soft > new->hard)
        return -EINVAL;
    if (which == RLIMIT_NOFILE && new->hard > fd_nr_open)
        return -EPERM;
    if (new->hard > p->rlimit[which].hard && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    p->rlimit[which] = *new;
    if (which == RLIMIT_CPU || which == RLIMIT_RTTIME)
        p->cpu_timers = true;
    if (!p->memory)
        return 0;
    memory_set_limits(p);
    if (which == RLIMIT_STACK)
        p->memory->space->stack_max = new->soft > SPACE_HI ? SPACE_HI : PAGE_DOWN((size_t) new->soft);
    return 0;
}

/* Whether the running thread may see and change a process's limits: 0 or -EPERM. */
static int may_limit(const struct process *p)
{
    const struct cred *self = thread_current()->cred, *c = cred_of_process(p);

    if (p == process_current() || capable(CAP_SYS_RESOURCE))
        return 0;
    return self->uid == c->uid && self->uid == c->euid && self->uid == c->suid && self->gid == c->gid &&
                   self->gid == c->egid && self->gid == c->sgid
               ? 0
               : -EPERM;
}

int32_t sys_prlimit64(SYSCALL_4_ARGS(pid, which, new, old))
{
    struct rlimit limit, before;
    struct process *p;
    int err = 0;

    if (new &&user_copy_in(&limit, new, sizeof limit))
        return -EFAULT;
    p = find(pid);
    if (!p)
        return -ESRCH;
    err = may_limit(p);
    if (err)
        return err;
    if (which >= RLIMITS)
        return -EINVAL;
    before = p->rlimit[which];
    if (new)
        err = set_limit(p, which, &limit);
    if (!err && old)
        err = user_copy_out(old, &before, sizeof before);
    return err;
}

/* The calls with 32-bit limits: what does not fit is no limit. max is what getrlimit reports for that. */
static int32_t get_limit32(uint32_t which, vaddr_t to, uint32_t max)
{
    const struct rlimit *l;

    if (which >= RLIMITS)
        return -EINVAL;
    l = &process_current()->rlimit[which];

    const uint32_t words[2] = {l->soft > max ? max : (uint32_t)l->soft,
                               l->hard > max ? max : (uint32_t)l->hard};

    return user_copy_out(to, words, sizeof words);
}

int32_t sys_getrlimit(SYSCALL_2_ARGS(which, to))
{
    return get_limit32(which, to, INT32_MAX);
}

int32_t sys_ugetrlimit(SYSCALL_2_ARGS(which, to))
{
    return get_limit32(which, to, UINT32_MAX);
}

int32_t sys_setrlimit(SYSCALL_2_ARGS(which, from))
{
    uint32_t words[2];
    int err = user_copy_in(words, from, sizeof words);

    if (err)
        return err;
    if (which >= RLIMITS)
        return -EINVAL;

    const struct rlimit l = {.soft = words[0] == UINT32_MAX ? RLIM_INFINITY : words[0],
                             .hard = words[1] == UINT32_MAX ? RLIM_INFINITY : words[1]};

    return set_limit(process_current(), which, &l);
}

/* --- thread-local storage --- */

int32_t sys_set_thread_area(SYSCALL_1_ARG(at))
{
    struct thread *self = thread_current();
    int err = tls_set(self, at, true);

    if (err)
        return err;
    context_store(&self->context);
    context_reload(&self->context);
    return 0;
}

int32_t sys_get_thread_area(SYSCALL_1_ARG(at))
{
    return tls_get(thread_current(), at);
}

int32_t sys_modify_ldt(SYSCALL_3_ARGS(func, at, size))
{
    enum { READ = 0, WRITE_OLD = 1, READ_DEFAULT = 2, WRITE = 0x11 };

    switch (func) {
    case READ:
        return ldt_read(at, size);
    case READ_DEFAULT:
        return ldt_read_default(at, size);
    case WRITE_OLD:
    case WRITE:
        return ldt_write(at, size, func == WRITE_OLD);
    default:
        return -ENOSYS;
    }
}

int32_t sys_ioperm(SYSCALL_3_ARGS(port, count, on))
{
    return ports_permit(port, count, on != 0);
}

int32_t sys_iopl(SYSCALL_1_ARG(level))
{
    return ports_set_level(level);
}

int32_t sys_set_tid_address(SYSCALL_1_ARG(at))
{
    thread_current()->clear_child_tid = at;
    return thread_current()->tid;
}

enum { ROBUST_HEAD = 12 };

int32_t sys_set_robust_list(SYSCALL_2_ARGS(head, size))
{
    if (size != ROBUST_HEAD)
        return -EINVAL;
    thread_current()->robust_list = head;
    return 0;
}

int32_t sys_get_robust_list(SYSCALL_3_ARGS(tid, head, size))
{
    const struct thread *t = tid ? thread_find((int)tid) : thread_current();
    const struct process *p = t ? t->process : process_find((int)tid);
    uint32_t list;
    int err;

    if (!p)
        return -ESRCH;
    err = cred_may_trace(p, t ? t->cred : cred_of_process(p), false);
    if (err)
        return err;
    list = t ? t->robust_list : 0; /* a first thread that has ended is still there */
    err = user_write32(size, ROBUST_HEAD);
    return err ? err : user_write32(head, list);
}

/* --- the program's own settings --- */

enum {
    PR_SET_PDEATHSIG = 1,
    PR_GET_PDEATHSIG = 2,
    PR_GET_DUMPABLE = 3,
    PR_SET_DUMPABLE = 4,
    PR_GET_TIMING = 13,
    PR_SET_TIMING = 14,
    PR_SET_NAME = 15,
    PR_GET_NAME = 16,
    PR_GET_SECCOMP = 21,
    PR_GET_TSC = 25,
    PR_SET_TSC = 26,
    PR_SET_TIMERSLACK = 29,
    PR_GET_TIMERSLACK = 30,
    PR_TASK_PERF_EVENTS_DISABLE = 31,
    PR_TASK_PERF_EVENTS_ENABLE = 32,
    PR_MCE_KILL = 33,
    PR_MCE_KILL_GET = 34,
    PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER = 37,
    PR_SET_NO_NEW_PRIVS = 38,
    PR_GET_NO_NEW_PRIVS = 39,
    PR_GET_TID_ADDRESS = 40,
    PR_SET_THP_DISABLE = 41,
    PR_GET_THP_DISABLE = 42,
    PR_GET_SPECULATION_CTRL = 52,
    PR_SET_SPECULATION_CTRL = 53,
    PR_SET_IO_FLUSHER = 57,
    PR_GET_IO_FLUSHER = 58,
};
#define COMM_MAX 16u

static int32_t set_name(vaddr_t from)
{
    char name[COMM_MAX];
    int n = user_copy_string(name, from, sizeof name);

    if (n == -EFAULT)
        return n;
    name[sizeof name - 1] = '\0';
    thread_set_comm(thread_current(), name);
    return 0;
}

/* When a thread is told of a page that its memory has lost. None ever is: it is kept for who asks. What is no
 * word is -EINVAL, and brings back the one that the thread had before, as on Linux. */
enum { MEMORY_ERROR_CLEAR, MEMORY_ERROR_SET };
enum { MEMORY_ERROR_LATE, MEMORY_ERROR_EARLY, MEMORY_ERROR_DEFAULT };

static int32_t set_memory_error(uint32_t what, uint32_t when)
{
    struct thread *t = thread_current();

    if (what > MEMORY_ERROR_SET || (what == MEMORY_ERROR_CLEAR && when))
        return -EINVAL;
    t->memory_error_own = what == MEMORY_ERROR_SET && when != MEMORY_ERROR_DEFAULT;
    if (what == MEMORY_ERROR_SET && when <= MEMORY_ERROR_DEFAULT)
        t->memory_error_early = when == MEMORY_ERROR_EARLY;
    return when <= MEMORY_ERROR_DEFAULT ? 0 : -EINVAL;
}

/* What a processor may guess on behalf of a program: all, and nothing can be done about it. Of three things
 * the last, emptying a cache, cannot be had at all. */
enum { SPEC_STORES, SPEC_BRANCHES, SPEC_CACHE, SPECS };
enum { SPEC_ENABLE = 2, SPEC_DISABLE = 4, SPEC_FORCE_DISABLE = 8 };

static int32_t get_speculation(uint32_t what)
{
    return what >= SPECS ? -ENODEV : what == SPEC_CACHE ? SPEC_FORCE_DISABLE : SPEC_ENABLE;
}

static int32_t set_speculation(uint32_t what, uint32_t how)
{
    switch (what) {
    case SPEC_STORES:
        return -ENXIO;
    case SPEC_BRANCHES:
        return how == SPEC_ENABLE ? 0 : how == SPEC_DISABLE || how == SPEC_FORCE_DISABLE ? -EPERM : -ERANGE;
    case SPEC_CACHE:
        return -EPERM;
    default:
        return -ENODEV;
    }
}

/* What asks for a value, which is the result. None of it has more arguments. -EINVAL: another option. */
static int32_t prctl_get(uint32_t option, uint32_t arg)
{
    const struct process *p = process_current();
    const struct thread *t = thread_current();

    switch (option) {
    case PR_GET_NO_NEW_PRIVS:
        return arg ? -EINVAL : t->no_new_privs;
    case PR_GET_THP_DISABLE:
        return arg ? -EINVAL : p->no_huge;
    case PR_MCE_KILL_GET:
        return arg ? -EINVAL : t->memory_error_own ? t->memory_error_early : MEMORY_ERROR_DEFAULT;
    case PR_GET_IO_FLUSHER:
        return !capable(CAP_SYS_RESOURCE) ? -EPERM : arg ? -EINVAL : t->io_flusher;
    default:
        return -EINVAL;
    }
}

/* What sets a flag that nobody but its owner can ask for. */
static int32_t prctl_set(uint32_t option, uint32_t arg)
{
    struct process *p = process_current();
    struct thread *t = thread_current();

    switch (option) {
    case PR_SET_NO_NEW_PRIVS:
        if (arg != 1)
            return -EINVAL;
        t->no_new_privs = true;
        return 0;
    case PR_SET_THP_DISABLE:
        p->no_huge = arg;
        return 0;
    case PR_SET_IO_FLUSHER:
        if (!capable(CAP_SYS_RESOURCE))
            return -EPERM;
        if (arg > 1)
            return -EINVAL;
        t->io_flusher = arg;
        return 0;
    default:
        return -EINVAL;
    }
}

enum { TSC_ENABLE = 1, TSC_SIGSEGV = 2 };

static int32_t set_tsc(uint32_t how)
{
    uint32_t irq;

    if ((how != TSC_ENABLE && how != TSC_SIGSEGV) || !cpu_features.tsc)
        return -EINVAL;
    irq = os_irq_save();
    context_set_special(&thread_current()->context, CONTEXT_NO_TSC, how == TSC_SIGSEGV);
    os_irq_restore(irq);
    return 0;
}

int32_t sys_prctl(SYSCALL_5_ARGS(option, arg, c, d, e))
{
    struct process *p = process_current();
    struct thread *t = thread_current();

    switch (option) {
    case PR_SET_PDEATHSIG:
        if (arg > SIGNALS)
            return -EINVAL;
        p->death_signal = (int)arg;
        return 0;
    case PR_GET_PDEATHSIG:
        return user_write32(arg, (uint32_t)p->death_signal);
    case PR_GET_DUMPABLE:
        return p->dumpable;
    case PR_SET_DUMPABLE:
        if (arg > 1)
            return -EINVAL;
        p->dumpable = (uint8_t)arg;
        return 0;
    case PR_SET_NAME:
        return set_name(arg);
    case PR_GET_NAME:
        return user_copy_out(arg, t->comm, COMM_MAX);
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_GET_SECUREBITS:
    case PR_SET_SECUREBITS:
    case PR_CAP_AMBIENT:
        return cred_prctl(option, arg, c, d, e);
    case PR_GET_TIMING:  /* statistical */
    case PR_GET_SECCOMP: /* none */
    case PR_TASK_PERF_EVENTS_DISABLE:
    case PR_TASK_PERF_EVENTS_ENABLE: /* it has none */
        return 0;
    case PR_SET_TIMING:
        return arg ? -EINVAL : 0;
    case PR_GET_TSC:
        return user_write32(arg, t->context.special & CONTEXT_NO_TSC ? TSC_SIGSEGV : TSC_ENABLE);
    case PR_SET_TSC:
        return set_tsc(arg);
    case PR_SET_TIMERSLACK:
        t->slack = arg ? arg : t->slack_default;
        return 0;
    case PR_GET_TIMERSLACK:
        return (int32_t)(t->slack < UINT32_MAX ? t->slack : UINT32_MAX);
    case PR_SET_CHILD_SUBREAPER:
        p->subreaper = arg;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        return user_write32(arg, p->subreaper);
    case PR_GET_TID_ADDRESS:
        return user_write32(arg, t->clear_child_tid);
    case PR_MCE_KILL:
        return d || e ? -EINVAL : set_memory_error(arg, c);
    case PR_GET_SPECULATION_CTRL:
        return c || d || e ? -EINVAL : get_speculation(arg);
    case PR_SET_SPECULATION_CTRL:
        return d || e ? -EINVAL : set_speculation(arg, c);
    case PR_GET_NO_NEW_PRIVS:
    case PR_GET_THP_DISABLE:
    case PR_MCE_KILL_GET:
    case PR_GET_IO_FLUSHER:
        return c || d || e ? -EINVAL : prctl_get(option, arg);
    case PR_SET_NO_NEW_PRIVS:
    case PR_SET_THP_DISABLE:
    case PR_SET_IO_FLUSHER:
        return c || d || e ? -EINVAL : prctl_set(option, arg);
    default:
        return -EINVAL;
    }
}

int32_t sys_personality(SYSCALL_1_ARG(new))
{
    struct thread *t = thread_current();
    unsigned old = t->personality;

    if (new != UINT32_MAX)
        t->personality = new;
    return (int32_t)old;
}

/* A descriptor for what another process has by one. */
int32_t sys_pidfd_getfd(SYSCALL_3_ARGS(fd, theirs, flags))
{
    struct pidfd_name name;
    const struct process *p;
    const struct thread *t;
    struct file *f;
    int err = flags ? -EINVAL : pidfd_get_name((int)fd, &name, NULL);

    if (err)
        return err;
    p = pidfd_find(&name);
    if (!p)
        return -ESRCH;
    if (cred_may_trace(p, cred_of_process(p), false))
        return -EPERM;
    t = thread_find(p->pid);
    if (!t || !t->files)
        return -ESRCH; /* it is ending */
    f = fd_table_file(t->files, theirs);
    if (!f)
        return -EBADF;
    err = fd_install(file_get(f), 0, true);
    if (err < 0)
        file_put(f);
    return err;
}

int32_t sys_pidfd_open(SYSCALL_2_ARGS(pid, flags))
{
    return pidfd_open(pid, flags);
}
