/* What /proc says about processes and threads. */
#include "kernel/dev/tty.h"
#include "kernel/fs/file.h"
#include "kernel/lib/format.h"
#include "kernel/lib/number.h"
#include "kernel/life/memory.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/oom.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptrace.h"
#include "kernel/proc/uts.h"
#include "kernel/procfs/procfs.h"
#include "kernel/vm/vm_sys.h"
#include "mm/space.h"

#define CENTISECOND 10000000u
#define NOBODY      0xFFFFFFFFu /* as unlimited or unknown, in 32 bits */

/* --- state --- */

static char task_state(const struct process *p, const struct thread *t)
{
    if (!t || p->state == PROCESS_ZOMBIE)
        return 'Z';
    if (t->task->state == TASK_RUNNABLE)
        return 'R';
    if (t->halt)
        return t->halt == HALT_PROCESS ? 'T' : 't';
    return t->task->interruptible ? 'S' : 'D';
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'S':
        return "sleeping";
    case 'T':
        return "stopped";
    case 't':
        return "tracing stop";
    case 'Z':
        return "zombie";
    default:
        return "disk sleep";
    }
}

/* The name, also of a process that has ended. */
static const char *comm_of(const struct process *p, const struct thread *t)
{
    return t ? t->comm : p->comm;
}

/* A name can hold anything; in stat only parentheses tell where it ends, in status it is escaped. */
static void put_escaped(struct text *t, const char *s)
{
    for (; *s; s++)
        if (*s == '\n')
            text_put(t, "\\n", 2);
        else if (*s == '\\')
            text_put(t, "\\\\", 2);
        else
            text_put(t, s, 1);
}

/* The mapped range of the program itself that may be executed. */
static void code_range(const struct memory *m, vaddr_t *start, vaddr_t *end)
{
    *start = *end = 0;
    for (const struct region *r = m->space->regions.first; r; r = r->next) {
        if (!(r->flags & REGION_EXEC) || !r->object || inode_of_object(r->object) != m->exe)
            continue;
        if (!*end)
            *start = r->start;
        *end = r->end;
    }
}

/* What the node names has ended and is there no more; a first thread is there as long as its process. */
static bool is_gone(const struct process *p, const struct proc_node *n, const struct thread *t)
{
    return !p || (n->tid && n->tid != p->pid && !t);
}

/* With the first one, which may have ended before the others. */
static uint32_t threads_of(const struct process *p)
{
    const struct thread *t = p->threads;

    while (t && t->tid != p->pid)
        t = t->next;
    return p->nthreads + !t;
}

/* --- stat, statm, status --- */

struct times {
    uint64_t user, system, minor, major;
};

static void times_of(const struct process *p, const struct thread *t, bool thread_only, struct times *out)
{
    if (thread_only && t)
        thread_times(t, &out->user, &out->system);
    else
        process_times(p, &out->user, &out->system);
    process_faults(p, &out->minor, &out->major);
}

static uint32_t ignored_low(const struct process *p, bool caught, uint64_t *all)
{
    *all = 0;
    for (unsigned n = 0; p->actions && n < SIGNALS; n++) {
        vaddr_t handler = p->actions->action[n].handler;

        if (caught ? handler > 1 : handler == 1)
            *all |= 1ull << n;
    }
    return (uint32_t)*all & INT32_MAX;
}

static void number(struct text *t, uint64_t v)
{
    text_print(t, " %llu", (unsigned long long)v);
}

/* The process, its pages counted. NULL: it has ended. Valid until the caller sleeps again. Sleeps. */
static struct process *counted(const struct proc_node *n)
{
    struct process *p = proc_process(n);

    if (p)
        memory_count(p);
    return proc_process(n);
}

/* Of pages in memory: all that a space shows. */
static uint32_t resident(const struct memory *m)
{
    return m->usage.anon + m->usage.file + m->usage.shmem;
}

/* As /proc/PID/stat counts: 20 and the nice value, or below 0 for real time. */
static int priority_of(const struct sched_how *how)
{
    return how->priority ? -1 - how->priority : 20 + how->nice;
}

static int show_stat(struct text *t, const struct proc_node *n)
{
    const struct sched_how *how;
    const struct process *p = counted(n);
    const struct thread *th = proc_thread(n);
    const struct memory *m = proc_memory(n);
    struct times times;
    vaddr_t code = 0, code_end = 0;
    uint64_t all;

    if (is_gone(p, n, th))
        return -ESRCH;
    how = th ? &th->task->how : &p->how;
    times_of(p, th, n->tid, &times);
    if (m)
        code_range(m, &code, &code_end);
    text_print(t, "%d (%s) %c %d %d %d %d %d", n->tid ? n->tid : p->pid, comm_of(p, th), task_state(p, th),
               p->parent ? p->parent->pid : 0, p->pgid, p->sid, p->tty ? (int)tty_device(p->tty) : 0,
               p->tty ? tty_foreground(p->tty) : -1);
    number(t, p->did_exec ? 0x400000 : 0x400040); /* PF_RANDOMIZE, PF_FORKNOEXEC */
    number(t, times.minor);
    number(t, p->child_min_faults);
    number(t, times.major);
    number(t, p->child_maj_faults);
    number(t, times.user / CENTISECOND);
    number(t, times.system / CENTISECOND);
    number(t, p->child_user_ns / CENTISECOND);
    number(t, p->child_system_ns / CENTISECOND);
    text_print(t, " %d %d %u 0", priority_of(how), how->nice, threads_of(p));
    number(t, p->start_ns / CENTISECOND);
    number(t, m ? (uint64_t)m->space->pages.total << PAGE_SHIFT : 0);
    number(t, m ? resident(m) : 0);
    number(t, p->rlimit[RLIMIT_RSS].soft < NOBODY ? p->rlimit[RLIMIT_RSS].soft : NOBODY);
    number(t, code);
    number(t, code_end);
    number(t, m ? m->arg_start : 0);
    text_print(t, " 0 0"); /* esp, eip: told only to debuggers */
    number(t, (uint32_t)((th ? th->sig.pending.set : 0) | p->pending.set) & INT32_MAX);
    number(t, th ? (uint32_t)th->sig.blocked & INT32_MAX : 0);
    number(t, ignored_low(p, false, &all));
    number(t, ignored_low(p, true, &all));
    text_print(t, " %d 0 0 %d 0 %u %u 0 0 0", th && th->task->state != TASK_RUNNABLE, p->exit_signal,
               how->priority, how->policy);
    number(t, m ? code_end : 0); /* data begins where code ends */
    number(t, m ? m->brk_start : 0);
    number(t, m ? m->brk_start : 0);
    number(t, m ? m->arg_start : 0);
    number(t, m ? m->arg_end : 0);
    number(t, m ? m->env_start : 0);
    number(t, m ? m->env_end : 0);
    text_print(t, " %d\n", p->state == PROCESS_ZOMBIE ? p->exit_status : 0);
    return 0;
}

static int show_statm(struct text *t, const struct proc_node *n)
{
    const struct process *p = counted(n);
    const struct memory *m = proc_memory(n);
    vaddr_t code, code_end;

    if (!p)
        return -ESRCH;
    if (!m) {
        text_print(t, "0 0 0 0 0 0 0\n");
        return 0;
    }
    code_range(m, &code, &code_end);
    text_print(t, "%u %u %u %u 0 %u 0\n", m->space->pages.total, resident(m), m->usage.file + m->usage.shmem,
               (code_end - code) >> PAGE_SHIFT, m->space->pages.data + m->space->pages.stack);
    return 0;
}

static void vm_line(struct text *t, const char *name, uint32_t pages)
{
    text_print(t, "%s:\t%8llu kB\n", name, (unsigned long long)KIB(pages));
}

static void status_memory(struct text *t, const struct memory *m)
{
    const struct space_pages *pages = &m->space->pages;
    const struct space_usage *u = &m->usage;
    uint32_t peak = m->space->pages_peak, rss = resident(m), text;
    uint32_t most = space_most_resident(m->space);
    vaddr_t code, code_end;

    code_range(m, &code, &code_end);
    text = (code_end - code) >> PAGE_SHIFT;
    text = text < pages->exec ? text : pages->exec;
    vm_line(t, "VmPeak", peak);
    vm_line(t, "VmSize", pages->total);
    vm_line(t, "VmLck", pages->locked);
    vm_line(t, "VmPin", 0);
    vm_line(t, "VmHWM", most > rss ? most : rss);
    vm_line(t, "VmRSS", rss);
    vm_line(t, "RssAnon", u->anon);
    vm_line(t, "RssFile", u->file);
    vm_line(t, "RssShmem", u->shmem);
    vm_line(t, "VmData", pages->data);
    vm_line(t, "VmStk", pages->stack);
    vm_line(t, "VmExe", text);
    vm_line(t, "VmLib", pages->exec - text);
    vm_line(t, "VmPTE", m->space->pt.tables - m->space->pt.out + 1);
    vm_line(t, "VmSwap", u->swapped);
    vm_line(t, "HugetlbPages", 0);
    text_print(t, "CoreDumping:\t0\nTHP_enabled:\t0\n");
}

static void mask(struct text *t, const char *name, uint64_t set)
{
    text_print(t, "%s:\t%016llx\n", name, (unsigned long long)set);
}

static void status_signals(struct text *t, const struct process *p, const struct thread *th)
{
    uint64_t ignored, caught;
    const struct cred *c = th ? th->cred : cred_of_process(p);

    ignored_low(p, false, &ignored);
    ignored_low(p, true, &caught);
    text_print(t, "Threads:\t%u\n", threads_of(p));
    text_print(t, "SigQ:\t%u/%llu\n", c->user->signals,
               (unsigned long long)p->rlimit[RLIMIT_SIGPENDING].soft);
    mask(t, "SigPnd", th ? th->sig.pending.set : 0);
    mask(t, "ShdPnd", p->pending.set);
    mask(t, "SigBlk", th ? th->sig.blocked : 0);
    mask(t, "SigIgn", ignored);
    mask(t, "SigCgt", caught);
    mask(t, "CapInh", c->inheritable);
    mask(t, "CapPrm", c->permitted);
    mask(t, "CapEff", c->effective);
    mask(t, "CapBnd", c->bounding);
    mask(t, "CapAmb", c->ambient);
}

static void status_ids(struct text *t, const struct cred *c, uint32_t descriptors)
{
    text_print(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t", c->uid, c->euid,
               c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid, descriptors);
    for (uint32_t i = 0; c->groups && i < c->groups->n; i++)
        text_print(t, "%s%u", i ? " " : "", c->groups->gid[i]);
    text_print(t, " \n");
}

/* The number of the thread that traces what the node names, or 0. */
static int tracer_of(const struct process *p, const struct proc_node *n, const struct thread *th)
{
    const struct ptrace *g = th ? th->ptrace : !n->tid || n->tid == p->pid ? p->grave : NULL;

    return g ? g->tracer->tid : 0;
}

static int show_status(struct text *t, const struct proc_node *n)
{
    struct process *p = counted(n);
    const struct thread *th = proc_thread(n);
    int id = n->tid ? n->tid : n->pid;
    struct switches switches = {0};
    uint32_t umask = 0;
    char state;

    if (is_gone(p, n, th))
        return -ESRCH;
    state = task_state(p, th);
    if (p->fs)
        umask = p->fs->umask;
    text_print(t, "Name:\t");
    put_escaped(t, comm_of(p, th));
    text_print(t, "\nUmask:\t%04o\nState:\t%c (%s)\n", umask, state, state_name(state));
    text_print(t, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", p->pid, id,
               p->parent ? p->parent->pid : 0, tracer_of(p, n, th));
    status_ids(t, th ? th->cred : cred_of_process(p), th && th->files ? th->files->size : 0);
    text_print(t, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", p->pid, id, p->pgid, p->sid);
    if (proc_memory(n))
        status_memory(t, proc_memory(n));
    status_signals(t, p, th);
    text_print(t, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", th && th->no_new_privs);
    text_print(t, "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    if (th)
        thread_switches(th, &switches);
    text_print(t, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
               (unsigned long long)switches.own, (unsigned long long)switches.forced);
    return 0;
}

/* --- small files --- */

static int show_comm(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);
    const struct thread *th = proc_thread(n);

    if (!p)
        return -ESRCH;
    text_print(t, "%s\n", comm_of(p, th));
    return 0;
}

static int store_comm(const struct proc_node *n, char *s)
{
    struct thread *th = proc_thread(n);

    if (!th)
        return -ESRCH;
    if (thread_current() && thread_current()->process != th->process)
        return -EINVAL;
    thread_set_comm(th, s);
    return 0;
}

/* Bytes [from, to) of a process's memory, as a file. */
static int read_memory(const struct proc_node *n, uint64_t pos, uint8_t *buf, size_t size, bool environment)
{
    struct memory *m = proc_memory(n);
    vaddr_t from, to;

    if (!m)
        return proc_process(n) ? 0 : -ESRCH;
    from = environment ? m->env_start : m->arg_start;
    to = environment ? m->env_end : m->arg_end;
    if (pos >= to - from)
        return 0;
    if (size > to - from - pos)
        size = (size_t)(to - from - pos);
    memory_get(m);
    size = space_read(m->space, from + (vaddr_t)pos, buf, size);
    memory_put(m);
    return (int)size;
}

static int read_cmdline(const struct proc_node *n, uint64_t pos, uint8_t *buf, size_t size)
{
    return read_memory(n, pos, buf, size, false);
}

static int read_environ(const struct proc_node *n, uint64_t pos, uint8_t *buf, size_t size)
{
    return read_memory(n, pos, buf, size, true);
}

static int show_limits(struct text *t, const struct proc_node *n)
{
    static const struct {
        const char *name, *unit;
        int limit;
    } row[] = {
        {"Max cpu time", "seconds", RLIMIT_CPU},
        {"Max file size", "bytes", RLIMIT_FSIZE},
        {"Max data size", "bytes", RLIMIT_DATA},
        {"Max stack size", "bytes", RLIMIT_STACK},
        {"Max core file size", "bytes", RLIMIT_CORE},
        {"Max resident set", "bytes", RLIMIT_RSS},
        {"Max processes", "processes", RLIMIT_NPROC},
        {"Max open files", "files", RLIMIT_NOFILE},
        {"Max locked memory", "bytes", RLIMIT_MEMLOCK},
        {"Max address space", "bytes", RLIMIT_AS},
        {"Max file locks", "locks", RLIMIT_LOCKS},
        {"Max pending signals", "signals", RLIMIT_SIGPENDING},
        {"Max msgqueue size", "bytes", RLIMIT_MSGQUEUE},
        {"Max nice priority", "", RLIMIT_NICE},
        {"Max realtime priority", "", RLIMIT_RTPRIO},
        {"Max realtime timeout", "us", RLIMIT_RTTIME},
    };
    const struct process *p = proc_process(n);

    if (!p)
        return -ESRCH;
    text_print(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
        uint64_t limit[2] = {p->rlimit[row[i].limit].soft, p->rlimit[row[i].limit].hard};

        text_print(t, "%-25s ", row[i].name);
        for (unsigned k = 0; k < 2; k++)
            if (limit[k] == RLIM_INFINITY)
                text_print(t, "%-20s ", "unlimited");
            else
                text_print(t, "%-20llu ", (unsigned long long)limit[k]);
        text_print(t, row[i].unit[0] ? "%-10s\n" : "%s\n", row[i].unit);
    }
    return 0;
}

/* Nothing counts bytes of files; the lines are there for those who parse them. */
static int show_io(struct text *t, const struct proc_node *n)
{
    static const char *const name[] = {
        "rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes"};

    if (!proc_process(n))
        return -ESRCH;
    for (unsigned i = 0; i < ARRAY_LEN(name); i++)
        text_print(t, "%s: 0\n", name[i]);
    return 0;
}

static int show_wchan(struct text *t, const struct proc_node *n)
{
    if (!proc_process(n))
        return -ESRCH;
    text_put(t, "0", 1);
    return 0;
}

/* The system call that it sleeps in, with its arguments, and where it was made. */
static int show_syscall(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);
    const struct thread *th = proc_thread(n);
    const struct trap_frame *tf = th ? thread_frame(th) : NULL;

    if (is_gone(p, n, th))
        return -ESRCH;
    if (!tf)
        text_print(t, "-1 0x0 0x0\n");
    else if (th->task->state == TASK_RUNNABLE)
        text_print(t, "running\n");
    else if (tf->vector != TRAP_SYSCALL || tf->error == TRAP_NO_CALL)
        text_print(t, "-1 0x%x 0x%x\n", tf->user_esp, tf->eip);
    else
        text_print(t, "%d 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x\n", (int)tf->error, tf->ebx, tf->ecx,
                   tf->edx, tf->esi, tf->edi, tf->ebp, tf->user_esp, tf->eip);
    return 0;
}

static int show_personality(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);
    const struct thread *th = proc_thread(n);

    if (is_gone(p, n, th))
        return -ESRCH;
    text_print(t, "%08x\n", th ? th->personality : p->personality);
    return 0;
}

/* --- how late its sleeps may end --- */

/* The first thread, if the running one may know and change its slack: that is nobody else's business. */
static int find_slack(const struct proc_node *n, struct thread **out)
{
    struct thread *t = proc_thread(n);

    if (!t)
        return -ESRCH;
    if (t != thread_current() && !capable(CAP_SYS_NICE))
        return -EPERM;
    *out = t;
    return 0;
}

static int show_slack(struct text *t, const struct proc_node *n)
{
    struct thread *th;
    int err = find_slack(n, &th);

    if (!err)
        text_print(t, "%llu\n", (unsigned long long)th->slack);
    return err;
}

static int store_slack(const struct proc_node *n, char *s)
{
    const char *end = s + (*s == '+');
    struct thread *t;
    uint64_t ns;
    int err;

    if (!number_digits(&end, 10, &ns))
        return *end >= '0' && *end <= '9' ? -ERANGE : -EINVAL;
    if (*end)
        return -EINVAL;
    err = find_slack(n, &t);
    if (!err)
        t->slack = ns ? ns : t->slack_default;
    return err;
}

/* --- who came in, and what a core would have: only kept and told --- */

/* As Linux's kstrtouint(). */
static int parse_uint(const char *s, bool any_base, uint32_t *out)
{
    uint64_t v;

    s += *s == '+';
    if (!(any_base ? number_any(&s, &v) : number_digits(&s, 10, &v)))
        return *s >= '0' && *s <= '9' ? -ERANGE : -EINVAL;
    if (*s)
        return -EINVAL;
    if (v > UINT32_MAX)
        return -ERANGE;
    *out = (uint32_t)v;
    return 0;
}

static int show_login(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);

    if (!p)
        return -ESRCH;
    text_print(t, "%u", p->login_uid);
    return 0;
}

/* A process says it of itself: who has said it once needs a capability to say something else. */
static int store_login(const struct proc_node *n, char *s)
{
    static uint32_t sessions;
    struct process *p = process_current();
    uint32_t uid;
    int err = parse_uint(s, false, &uid);

    if (proc_process(n) != p)
        return -EPERM;
    if (err)
        return err;
    if (p->login_uid != ID_NONE && !capable(CAP_AUDIT_CONTROL))
        return -EPERM;
    p->login_uid = uid;
    p->session = uid == ID_NONE ? ID_NONE : ++sessions;
    return 0;
}

static int show_session(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);

    if (!p)
        return -ESRCH;
    text_print(t, "%u", p->session);
    return 0;
}

#define CORE_FILTER_BITS 0x1FFu

static int show_core_filter(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);

    if (!p)
        return -ESRCH;
    if (p->memory)
        text_print(t, "%08x\n", p->core_filter);
    return 0;
}

static int store_core_filter(const struct proc_node *n, char *s)
{
    struct process *p = proc_process(n);
    uint32_t bits;
    int err = parse_uint(s, true, &bits);

    if (err)
        return err;
    if (!p || !p->memory)
        return -ESRCH;
    p->core_filter = bits & CORE_FILTER_BITS;
    return 0;
}

/* --- of namespaces there is one of each, and no control groups --- */

static int show_nothing(struct text *t, const struct proc_node *n)
{
    (void)t;
    return proc_process(n) ? 0 : -ESRCH;
}

static int show_id_map(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "%10u %10u %10u\n", 0, 0, UINT32_MAX);
    return 0;
}

static int refuse_id_map(const struct proc_node *n, char *s)
{
    (void)n;
    (void)s;
    return -EPERM;
}

static int show_setgroups(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "allow\n");
    return 0;
}

/* They are allowed, and stay so. */
static int store_setgroups(const struct proc_node *n, char *s)
{
    (void)n;
    if (strcmp(s, "allow") == 0)
        return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
    return strcmp(s, "deny") == 0 ? -EPERM : -EINVAL;
}

/* --- how likely the OOM killer takes it --- */

enum { OOM_ADJ_MAX = 1000, OOM_OLD_MIN = -17, OOM_OLD_MAX = 15, OOM_OLD_DISABLE = -17 };

static int show_oom_score_adj(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);

    if (!p)
        return -ESRCH;
    text_print(t, "%d\n", p->oom_score_adj);
    return 0;
}

static bool signed_number(const char *s, int *value)
{
    bool negative = *s == '-';

    if (!proc_number(s + negative, value))
        return false;
    if (negative)
        *value = -*value;
    return true;
}

static int store_oom_score_adj(const struct proc_node *n, char *s)
{
    struct process *p = proc_process(n);
    int v;

    if (!p)
        return -ESRCH;
    if (!signed_number(s, &v) || v < -OOM_ADJ_MAX || v > OOM_ADJ_MAX)
        return -EINVAL;
    if (v < p->oom_score_adj_min && !capable(CAP_SYS_RESOURCE))
        return -EACCES;
    p->oom_score_adj = v;
    if (capable(CAP_SYS_RESOURCE))
        p->oom_score_adj_min = v;
    return 0;
}

/* The scale of old: -17 (never) to 15. */
static int show_oom_adj(struct text *t, const struct proc_node *n)
{
    const struct process *p = proc_process(n);
    int adj;

    if (!p)
        return -ESRCH;
    adj = p->oom_score_adj;
    text_print(t, "%d\n", adj == OOM_ADJ_MAX ? OOM_OLD_MAX : adj * -OOM_OLD_DISABLE / OOM_ADJ_MAX);
    return 0;
}

static int store_oom_adj(const struct proc_node *n, char *s)
{
    struct process *p = proc_process(n);
    int v;

    if (!p)
        return -ESRCH;
    if (!signed_number(s, &v) || v < OOM_OLD_MIN || v > OOM_OLD_MAX)
        return -EINVAL;
    v = v == OOM_OLD_MAX ? OOM_ADJ_MAX : v * OOM_ADJ_MAX / -OOM_OLD_DISABLE;
    if (v < p->oom_score_adj && !capable(CAP_SYS_RESOURCE))
        return -EACCES;
    p->oom_score_adj = v;
    if (capable(CAP_SYS_RESOURCE))
        p->oom_score_adj_min = v;
    return 0;
}

static int show_oom_score(struct text *t, const struct proc_node *n)
{
    const struct process *p = counted(n);

    if (!p)
        return -ESRCH;
    text_print(t, "%u\n", oom_score(p));
    return 0;
}

/* --- links --- */

static int path_link(struct inode *i, char *buf, size_t size)
{
    char *path;
    int len;

    if (!i)
        return -ENOENT;
    path = vm_alloc(PATH_MAX);
    if (!path)
        return -ENOMEM;
    len = path_of(i, path, PATH_MAX);
    if (len == -ERANGE) {
        kfree(path);
        return -ENAMETOOLONG;
    }
    if (len < 0)
        len = (int)format(path, PATH_MAX, "inode:[%u] (deleted)", i->ino);
    if ((size_t)len > size)
        len = (int)size;
    memcpy(buf, path, (size_t)len);
    kfree(path);
    return len;
}

/* What the link leads to, referenced, or NULL. A thread that has ended has no such things any more. */
static struct inode *exe_of(const struct proc_node *n)
{
    const struct memory *m = proc_memory(n);

    return m && m->exe ? inode_get(m->exe) : NULL;
}

static const struct fs_context *context_of(const struct proc_node *n)
{
    const struct thread *t = proc_thread(n);

    return t ? t->process->fs : NULL;
}

static struct inode *cwd_of(const struct proc_node *n)
{
    const struct fs_context *c = context_of(n);

    return c ? inode_get(c->cwd) : NULL;
}

static struct inode *root_of(const struct proc_node *n)
{
    const struct fs_context *c = context_of(n);

    return c ? inode_get(c->root) : NULL;
}

typedef struct inode *(*inode_fn)(const struct proc_node *n);

static int link_inode(const struct proc_node *n, char *buf, size_t size)
{
    struct inode *i = (*(const inode_fn *)n->entry->arg)(n);
    int len = path_link(i, buf, size);

    inode_put(i);
    return len;
}

static int follow_inode(const struct proc_node *n, struct inode **out)
{
    *out = (*(const inode_fn *)n->entry->arg)(n);
    return *out ? 0 : -ENOENT;
}

/* --- descriptors --- */

/* Not referenced. */
static struct file *file_of(const struct proc_node *n)
{
    const struct thread *t = proc_thread(n);

    if (!t || !t->files || (uint32_t)n->fd >= t->files->size)
        return NULL;
    return t->files->fd[n->fd].file;
}

static int link_fd(const struct proc_node *n, char *buf, size_t size)
{
    struct file *f = file_of(n);
    char *path;
    int len;

    if (!f)
        return -ENOENT;
    file_get(f);
    path = vm_alloc(PATH_MAX);
    len = -ENOMEM;
    if (path) {
        len = file_path(f, path, PATH_MAX);
        if ((size_t)len > size)
            len = (int)size;
        memcpy(buf, path, (size_t)len);
    }
    kfree(path);
    file_put(f);
    return len;
}

static int follow_fd(const struct proc_node *n, struct inode **out)
{
    const struct file *f = file_of(n);

    if (!f)
        return -ENOENT;
    *out = inode_get(f->inode);
    return 0;
}

static int show_fdinfo(struct text *t, const struct proc_node *n)
{
    const struct file *f = file_of(n);

    if (!f)
        return -ENOENT;
    text_print(t, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%u\n", (unsigned long long)f->pos, f->flags,
               f->inode->fs->dev, f->inode->ino);
    if (f->ops->info)
        f->ops->info(f, text_print_to, t);
    return 0;
}

/* By what may be done with the file, as ls shows it. */
static const struct proc_entry fd_entry[4] = {
    [O_RDONLY] =
        {.name = "fd", .mode = S_IFLNK | 0500, .readlink = link_fd, .follow = follow_fd, .guarded = true},
    [O_WRONLY] =
        {.name = "fd", .mode = S_IFLNK | 0300, .readlink = link_fd, .follow = follow_fd, .guarded = true},
    [O_RDWR] =
        {.name = "fd", .mode = S_IFLNK | 0700, .readlink = link_fd, .follow = follow_fd, .guarded = true},
    [O_ACCMODE] =
        {.name = "fd", .mode = S_IFLNK | 0100, .readlink = link_fd, .follow = follow_fd, .guarded = true},
};
static const struct proc_entry fdinfo_entry = {
    .name = "fdinfo", .mode = S_IFREG | 0444, .show = show_fdinfo, .guarded = true};

static int lookup_number(const struct proc_node *dir, const char *name, struct proc_node *n)
{
    *n = (struct proc_node){.pid = dir->pid, .tid = dir->tid, .born = dir->born};
    if (!proc_number(name, &n->number))
        return -ENOENT;
    n->fd = n->number;
    return 0;
}

static int lookup_fd(const struct proc_node *dir, const char *name, struct proc_node *n)
{
    int err = lookup_number(dir, name, n);
    const struct file *f = err ? NULL : file_of(n);

    if (!f)
        return -ENOENT;
    n->entry = &fd_entry[f->flags & O_PATH ? O_ACCMODE : f->flags & O_ACCMODE];
    return 0;
}

static int lookup_fdinfo(const struct proc_node *dir, const char *name, struct proc_node *n)
{
    int err = lookup_number(dir, name, n);

    n->entry = &fdinfo_entry;
    return err || !file_of(n) ? -ENOENT : 0;
}

static int next_fd(const struct proc_node *dir, int from)
{
    const struct thread *t = proc_thread(dir);

    for (uint32_t fd = (uint32_t)from; t && t->files && fd < t->files->size; fd++)
        if (t->files->fd[fd].file)
            return (int)fd;
    return -1;
}

static const struct proc_names fds = {.lookup = lookup_fd, .next = next_fd};
static const struct proc_names fdinfos = {.lookup = lookup_fdinfo, .next = next_fd};

/* --- threads and processes --- */

static const struct proc_entry task_entries[];
static const struct proc_entry task_entry = {
    .name = "task", .mode = S_IFDIR | 0555, .children = task_entries};

static int lookup_task(const struct proc_node *dir, const char *name, struct proc_node *n)
{
    int err = lookup_number(dir, name, n);

    n->tid = n->number;
    n->fd = 0;
    n->entry = &task_entry;
    return err || !n->tid || is_gone(proc_process(n), n, proc_thread(n)) ? -ENOENT : 0;
}

static int next_task(const struct proc_node *dir, int from)
{
    const struct process *p = proc_process(dir);
    int next = p && p->pid >= from ? p->pid : -1;

    for (const struct thread *t = p ? p->threads : NULL; t; t = t->next)
        if (t->tid >= from && (next < 0 || t->tid < next))
            next = t->tid;
    return next;
}

static const struct proc_names tasks = {.lookup = lookup_task, .next = next_task};
static const struct proc_entry pid_entry = {
    .name = "pid", .mode = S_IFDIR | 0555, .children = proc_pid_entries};

/* The directory of a process. */
static void describe_process(const struct process *p, int number, struct proc_node *n)
{
    *n = (struct proc_node){.entry = &pid_entry, .pid = p->pid, .number = number, .born = p->start_ns};
}

/* A thread's number leads to its process too, but is not listed: as on Linux. */
static int lookup_pid(const struct proc_node *dir, const char *name, struct proc_node *n)
{
    const struct thread *t;
    const struct process *p;
    int number;

    (void)dir;
    if (!proc_number(name, &number))
        return -ENOENT;
    p = process_find(number);
    t = p ? NULL : thread_find(number);
    if (t)
        p = t->process;
    if (!p)
        return -ENOENT;
    describe_process(p, number, n);
    return 0;
}

int proc_lead_to_self(struct proc_node *to)
{
    if (!thread_current())
        return -ENOENT;
    describe_process(process_current(), process_current()->pid, to);
    return 0;
}

static int next_pid(const struct proc_node *dir, int from)
{
    int last = -1;

    (void)dir;
    for (const struct process *p = process_all; p; p = p->all_next)
        last = p->pid > last ? p->pid : last;
    for (int pid = from; pid <= last; pid++)
        if (process_find(pid))
            return pid;
    return -1;
}

const struct proc_names proc_pids = {.lookup = lookup_pid, .next = next_pid};

static const inode_fn exe_fn = exe_of, cwd_fn = cwd_of, root_fn = root_of;

#define FILE(name_, show_)                                                                                   \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_                                                 \
    }
#define COUNTING(name_, show_)                                                                               \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .count = show_                                                \
    }
#define RECORDS(name_, what_)                                                                                \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show_next = proc_next_##what_, .guarded = true               \
    }
#define CONTROL(name_, what_)                                                                                \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0644, .show = show_##what_, .store = store_##what_                  \
    }
#define SCORE(name_, what_)                                                                                  \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0644, .show = show_##what_, .store = store_##what_,                 \
        .counts_from_end = true                                                                              \
    }
#define ID_MAP(name_)                                                                                        \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0644, .show = show_id_map, .store = refuse_id_map                   \
    }
#define OWN(name_, show_)                                                                                    \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0400, .show = show_, .guarded = true                                \
    }
#define RAW(name_, mode_, read_)                                                                             \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | mode_, .read = read_, .guarded = (mode_) == 0400                    \
    }
#define DIRECTORY(name_, names_)                                                                             \
    {                                                                                                        \
        .name = name_, .mode = S_IFDIR | 0555, .names = names_                                               \
    }
#define LINK(name_, fn_)                                                                                     \
    {                                                                                                        \
        .guarded = true, .name = name_, .mode = S_IFLNK | 0777, .readlink = link_inode,                      \
        .follow = follow_inode, .arg = &fn_                                                                  \
    }

/* A list of mounts, which can be watched. */
#define MOUNTS(entry_name, show_fn)                                                                          \
    {                                                                                                        \
        .name = entry_name, .mode = S_IFREG | 0444, .show = show_fn, .file_ops = &proc_mounts_ops            \
    }

/* What a process and each of its threads have. What is looked up most stands first. */
#define COMMON_ENTRIES                                                                                       \
    LINK("exe", exe_fn), RAW("auxv", 0400, proc_read_auxv),                                                  \
        {.name = "clear_refs", .mode = S_IFREG | 0200, .store = proc_store_clear_refs, .guarded = true},     \
        {.name = "mem", .mode = S_IFREG | 0600, .file_ops = &proc_mem_ops, .guarded = true},                 \
        FILE("cgroup", show_nothing), RAW("cmdline", 0444, read_cmdline), CONTROL("comm", comm),             \
        LINK("cwd", cwd_fn), RAW("environ", 0400, read_environ),                                             \
        {.name = "fd", .mode = S_IFDIR | 0500, .names = &fds},                                               \
        {.name = "fdinfo", .mode = S_IFDIR | 0555, .names = &fdinfos, .guarded = true}, OWN("io", show_io),  \
        ID_MAP("gid_map"), FILE("limits", show_limits),                                                      \
        {.name = "loginuid",                                                                                 \
         .mode = S_IFREG | 0644,                                                                             \
         .show = show_login,                                                                                 \
         .store = store_login,                                                                               \
         .begins_only = true,                                                                                \
         .counts_from_end = true},                                                                           \
        RECORDS("maps", maps), MOUNTS("mountinfo", proc_show_mountinfo), MOUNTS("mounts", proc_show_mounts), \
        SCORE("oom_adj", oom_adj), COUNTING("oom_score", show_oom_score),                                    \
        SCORE("oom_score_adj", oom_score_adj),                                                               \
        {.name = "pagemap",                                                                                  \
         .mode = S_IFREG | 0400,                                                                             \
         .read = proc_read_pagemap,                                                                          \
         .file_ops = &proc_pagemap_ops,                                                                      \
         .guarded = true},                                                                                   \
        OWN("personality", show_personality), ID_MAP("projid_map"), LINK("root", root_fn),                   \
        {.name = "sessionid", .mode = S_IFREG | 0444, .show = show_session, .counts_from_end = true},        \
        {.name = "setgroups",                                                                                \
         .mode = S_IFREG | 0644,                                                                             \
         .show = show_setgroups,                                                                             \
         .store = store_setgroups,                                                                           \
         .begins_only = true},                                                                               \
        {.name = "smaps", .mode = S_IFREG | 0444, .count_next = proc_next_smaps, .guarded = true},           \
        {.name = "smaps_rollup", .mode = S_IFREG | 0444, .count = proc_show_smaps_rollup, .guarded = true},  \
        COUNTING("stat", show_stat), COUNTING("statm", show_statm), COUNTING("status", show_status),         \
        OWN("syscall", show_syscall), ID_MAP("uid_map"), FILE("wchan", show_wchan)

#define NET_ENTRY                                                                                            \
    {                                                                                                        \
        .name = "net", .mode = S_IFDIR | 0555, .children = proc_net_entries                                  \
    }

static const struct proc_entry task_entries[] = {COMMON_ENTRIES, NET_ENTRY, {.name = NULL}};
const struct proc_entry proc_pid_entries[] = {
    COMMON_ENTRIES,
    SCORE("coredump_filter", core_filter),
    NET_ENTRY,
    {.name = "quire", .mode = S_IFDIR | 0555, .children = proc_pid_quire_entries, .guarded = true},
    DIRECTORY("task", &tasks),
    {.name = "timerslack_ns", .mode = S_IFREG | 0666, .show = show_slack, .store = store_slack},
    {.name = NULL}};
