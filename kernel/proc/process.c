/*
 * Processes: numbers, the tree, ending and waiting.
 *
 * A process ends in this order. Every thread leaves its process (thread_exit()); the last one gives back what
 * the threads shared, hands the children to init, and makes the process a zombie, which is a number, a status
 * and some counts. The parent's wait4() takes these and forgets the zombie; if the parent does not care for
 * its children, the process forgets itself. The thread that runs all this cannot free its own kernel stack:
 * see task_vanish().
 *
 * Numbers of threads and processes come from one range, in turn. Until it wraps for the first time no number
 * can be in use; after that the tables are asked, groups and sessions included.
 *
 * Data and locking: everything here changes between sleeps.
 */
#include "kernel/proc/process.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pidfd.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/ptimer.h"
#include "kernel/sched/sched.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/slab.h"
#include "mm/vm.h"
#include "mm/x86/cpu.h"

#define HASH 256u

static struct cache process_cache, thread_cache, memory_cache;
static struct process *process_hash[HASH];
static struct thread *thread_hash[HASH];
static struct process *process_last;
static int last_pid;
static bool wrapped;
static struct waitq init_wait; /* kmain() waits here */
static int init_status;

struct process *process_all, *process_init;
unsigned process_count, thread_count, thread_total;
unsigned pid_max = PID_MAX_DEFAULT;
unsigned threads_max;

void process_start(void)
{
    struct frame_pool *pool = kmalloc_sys.pool;

    cache_init(&process_cache, pool, "process", sizeof(struct process), 0, NULL, slab_default_flags);
    cache_init(&thread_cache, pool, "thread", sizeof(struct thread), 0, NULL, slab_default_flags);
    cache_init(&memory_cache, pool, "memory", sizeof(struct memory), 0, NULL, slab_default_flags);
    fpu_init();
    signal_init();
    /* A thread takes about 4 frames of the kernel's; all of them together at most an eighth of memory. */
    threads_max = frame_free_count(pool) / 32;
}

/* --- numbers --- */

struct process *process_find(int pid)
{
    struct process *p = process_hash[(unsigned)pid % HASH];

    while (p && p->pid != pid)
        p = p->hash_next;
    return p;
}

struct thread *thread_find(int tid)
{
    struct thread *t = thread_hash[(unsigned)tid % HASH];

    while (t && t->tid != tid)
        t = t->hash_next;
    return t;
}

static bool pid_used(int pid)
{
    if (process_find(pid) || thread_find(pid))
        return true;
    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->pgid == pid || p->sid == pid)
            return true;
    return false;
}

int pid_last(void)
{
    return last_pid;
}

int pid_alloc(void)
{
    enum { FIRST_AGAIN = 300 }; /* as Linux: low numbers stay with those who started the system */

    if (thread_count >= threads_max)
        return -EAGAIN;
    for (unsigned tries = 0; tries < pid_max; tries++) {
        last_pid++;
        if ((unsigned)last_pid >= pid_max) {
            last_pid = pid_max > 2 * FIRST_AGAIN ? FIRST_AGAIN : 2;
            wrapped = true;
        }
        if (!wrapped || !pid_used(last_pid))
            return last_pid;
    }
    return -EAGAIN;
}

static void hash_thread(struct thread *t)
{
    struct thread **at = &thread_hash[(unsigned)t->tid % HASH];

    t->hash_next = *at;
    *at = t;
}

static void unhash_thread(struct thread *t)
{
    struct thread **at = &thread_hash[(unsigned)t->tid % HASH];

    while (*at != t)
        at = &(*at)->hash_next;
    *at = t->hash_next;
}

/* --- memory --- */

struct memory *memory_create(struct space *s)
{
    struct memory *m = vm_cache_alloc(&vm_sys, &memory_cache);

    if (m)
        *m = (struct memory){.refs = 1, .space = s};
    return m;
}

struct memory *memory_get(struct memory *m)
{
    m->refs++;
    return m;
}

void memory_put(struct memory *m)
{
    if (--m->refs)
        return;
    if (m->exe) {
        m->exe->executed--;
        inode_put(m->exe);
    }
    space_destroy(m->space);
    cache_free(&memory_cache, m);
}

/* --- making --- */

struct process *process_create(int pid)
{
    struct process *p = vm_cache_alloc(&vm_sys, &process_cache);

    if (!p)
        return NULL;
    memset(p, 0, sizeof *p);
    p->pid = pid;
    p->exit_signal = SIGCHLD;
    p->dumpable = true;
    p->start_ns = os_now_ns();
    return p;
}

/* What threads share. NULL members are not there yet. May sleep. */
static void give_up_shared(struct process *p)
{
    struct memory *memory = p->memory;

    if (p->files)
        fd_table_put(p->files);
    p->files = NULL;
    if (p->fs)
        fs_context_put(p->fs);
    p->fs = NULL;
    if (p->actions)
        signal_actions_put(p->actions);
    p->actions = NULL;
    signal_set_clear(&p->pending);
    ptimer_delete_all(p);
    p->memory = NULL;
    if (memory)
        memory_put(memory);
}

void process_discard(struct process *p)
{
    give_up_shared(p);
    cache_free(&process_cache, p);
}

void process_enter(struct process *p, struct process *parent)
{
    struct process **at = &process_hash[(unsigned)p->pid % HASH];

    p->hash_next = *at;
    *at = p;
    p->all_prev = process_last;
    if (process_last)
        process_last->all_next = p;
    else
        process_all = p;
    process_last = p;
    process_count++;
    p->parent = parent;
    if (!parent)
        return;
    p->sibling_next = parent->children;
    if (p->sibling_next)
        p->sibling_next->sibling_prev = p;
    parent->children = p;
}

static void leave_siblings(struct process *p)
{
    if (p->sibling_prev)
        p->sibling_prev->sibling_next = p->sibling_next;
    else if (p->parent)
        p->parent->children = p->sibling_next;
    if (p->sibling_next)
        p->sibling_next->sibling_prev = p->sibling_prev;
    p->sibling_next = p->sibling_prev = NULL;
}

void process_reap(struct process *p)
{
    struct process **at = &process_hash[(unsigned)p->pid % HASH];

    mm_assert(p->state == PROCESS_ZOMBIE && !p->threads, "process %d", p->pid);
    while (*at != p)
        at = &(*at)->hash_next;
    *at = p->hash_next;
    leave_siblings(p);
    if (p->all_prev)
        p->all_prev->all_next = p->all_next;
    else
        process_all = p->all_next;
    if (p->all_next)
        p->all_next->all_prev = p->all_prev;
    else
        process_last = p->all_prev;
    process_count--;
    cache_free(&process_cache, p);
}

struct thread *thread_create(struct process *p, int tid, void (*fn)(void *), void *arg)
{
    struct thread *t = vm_cache_alloc(&vm_sys, &thread_cache);

    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    t->process = p;
    t->tid = tid;
    t->fpu = fpu_alloc();
    if (t->fpu)
        t->task = task_create_thread(t, fn, arg);
    if (t->task)
        return t;
    fpu_free(t->fpu);
    cache_free(&thread_cache, t);
    return NULL;
}

static void thread_free(struct thread *t)
{
    signal_set_clear(&t->sig.pending);
    fpu_free(t->fpu);
    cache_free(&thread_cache, t);
}

void thread_discard(struct thread *t)
{
    task_discard(t->task);
    thread_free(t);
}

void thread_launch(struct thread *t)
{
    struct process *p = t->process;
    struct thread *last = p->threads;

    hash_thread(t);
    /* At the end, so that the first is the oldest. */
    while (last && last->next)
        last = last->next;
    t->prev = last;
    if (last)
        last->next = t;
    else
        p->threads = t;
    p->nthreads++;
    thread_count++;
    thread_total++;
    t->task->space = p->memory ? p->memory->space : NULL;
    task_start(t->task);
}

void thread_take_pid(struct thread *t)
{
    if (t->tid == t->process->pid)
        return;
    unhash_thread(t);
    t->tid = t->process->pid;
    hash_thread(t);
}

/* --- times --- */

void process_times(const struct process *p, uint64_t *user_ns, uint64_t *system_ns)
{
    *user_ns = p->past_user_ns;
    *system_ns = p->past_system_ns;
    for (const struct thread *t = p->threads; t; t = t->next) {
        uint64_t user, system;

        thread_times(t, &user, &system);
        *user_ns += user;
        *system_ns += system;
    }
}

void process_faults(const struct process *p, uint64_t *minor, uint64_t *major)
{
    *minor = p->past_min_faults;
    *major = p->past_maj_faults;
    if (p->memory) {
        *minor += p->memory->space->faults - p->memory->space->major;
        *major += p->memory->space->major;
    }
}

/* The most that it ever had, as far as it was looked at: when somebody asks, and at the end. What entries
 * name in its tables counts, which takes a step for each table and no look at the entries. */
void process_note_resident(struct process *p)
{
    const struct pt *pt;
    uint64_t pages = 0;

    if (!p->memory)
        return;
    pt = &p->memory->space->pt;
    for (vaddr_t va = 0; (va = pt_next_table(pt, va, USER_END)) < USER_END; va += PT_SPAN)
        pages += pt_table(pt, va)->used;
    if (p->max_resident < pages)
        p->max_resident = pages;
}

/* --- ending --- */

void process_kill(struct process *p, int status)
{
    if (p->group_exit || p->state == PROCESS_ZOMBIE)
        return;
    p->group_exit = true;
    p->exit_status = status;
    for (struct thread *t = p->threads; t; t = t->next) {
        t->exiting = true;
        thread_set_work(t, TASK_WORK_SIGNAL);
        thread_interrupt(t);
    }
}

int process_single(void)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    int err = 0;

    for (struct thread *t = p->threads; t; t = t->next)
        if (t != self) {
            t->exiting = true;
            thread_set_work(t, TASK_WORK_SIGNAL);
            thread_interrupt(t);
        }
    uint32_t irq = os_irq_save();

    while (p->nthreads > 1 && !err)
        err = thread_sleep_killable(&p->thread_wait);
    os_irq_restore(irq);
    return self->exiting ? -EINTR : err;
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
        int low = p->exit_status & 0x7F;
        struct siginfo info = {
            .signo = p->exit_signal,
            .code = !low                    ? CLD_EXITED
                    : p->exit_status & 0x80 ? CLD_DUMPED
                                            : CLD_KILLED,
            .pid = p->pid,
            .status = low ? low : p->exit_status >> 8,
        };

        process_times(p, &user, &system);
        info.utime = (int32_t)(user / 10000000);
        info.stime = (int32_t)(system / 10000000);
        signal_send(parent, &info);
    }
    os_wake_all(&parent->child_wait);
    return cares;
}

/* The children's new parent is init. */
static void orphan_children(struct process *p)
{
    struct process *heir = p == process_init ? NULL : process_init;
    struct process *child;

    while ((child = p->children) != NULL) {
        leave_siblings(child);
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
        if (child->state == PROCESS_ZOMBIE && !tell_parent(child))
            process_reap(child);
    }
}

/* The last thread of p, the running one, has left it. */
static void process_end(struct process *p)
{
    struct task *task = task_current();

    process_faults(p, &p->past_min_faults, &p->past_maj_faults);
    process_note_resident(p);
    task->space = NULL;
    give_up_shared(p);
    process_vfork_done(p);
    tty_detach(p);
    signal_orphan_groups(p);
    orphan_children(p);
    p->state = PROCESS_ZOMBIE;
    if (p == process_init) {
        init_status = p->exit_status;
        process_init = NULL;
        os_wake_all(&init_wait);
    }
    pidfd_process_ended();
    if (!tell_parent(p))
        process_reap(p);
}

void thread_exit(int code)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    uint64_t user, system;

    self->exiting = true;
    futex_thread_exit(self);
    if (self->clear_child_tid && (p->nthreads > 1 || p->memory->refs > 1) &&
        user_write32(self->clear_child_tid, 0) == 0)
        futex_wake_at(self->clear_child_tid);

    /* From here to the end of the list nothing sleeps. */
    thread_times(self, &user, &system);
    p->past_user_ns += user;
    p->past_system_ns += system;
    if (self->prev)
        self->prev->next = self->next;
    else
        p->threads = self->next;
    if (self->next)
        self->next->prev = self->prev;
    unhash_thread(self);
    p->nthreads--;
    if (p->nthreads == 0)
        memcpy(p->comm, self->comm, sizeof p->comm);
    thread_count--;
    os_wake_all(&p->thread_wait);
    signal_thread_exit(self);
    if (p->nthreads == 0) {
        if (!p->group_exit) {
            p->group_exit = true;
            p->exit_status = (code & 0xFF) << 8;
        }
        process_end(p);
    }
    thread_unload(self);
    task_current()->thread = NULL;
    thread_free(self);
    task_current()->space = NULL;
    task_vanish();
}

void process_exit_group(int status)
{
    process_kill(process_current(), status);
    thread_exit(0);
}

/* --- the first process --- */

/* What the first task of init is told, and tells. */
struct start {
    const char *const *paths, *const *envp;
    const char **argv;
    struct waitq q;
    bool done;
    int err;
};

static int open_console(void)
{
    struct file *f;
    int err = file_open(NULL, "/dev/console", O_RDWR, 0, &f);

    for (int fd = 0; !err && fd < 3; fd++) {
        int got = fd_install(file_get(f), fd, false);

        if (got < 0) {
            file_put(f);
            err = got;
        }
    }
    if (!err)
        file_put(f);
    return err;
}

/* The first file that can be executed; -ENOENT counts only if there is no other reason. */
static int exec_first(const struct start *s)
{
    int err = -ENOENT;

    for (const char *const *path = s->paths; *path; path++) {
        s->argv[0] = *path;

        int e = exec_from_kernel(*path, s->argv, s->envp);

        if (!e)
            return 0;
        if (e != -ENOENT) {
            os_log("init: %s cannot be executed, error %d", *path, -e);
            err = e;
        }
    }
    return err;
}

static void init_task(void *arg)
{
    struct start *s = arg;
    int err = open_console();

    if (err)
        os_log("init: /dev/console cannot be opened, error %d", -err);
    err = exec_first(s);
    s->err = err;
    s->done = true;
    os_wake_all(&s->q);
    if (err)
        thread_exit(1);
    cpu_irq_off();
    trap_enter_user(thread_frame(thread_current()));
}

static void default_limits(struct rlimit *l)
{
    for (unsigned i = 0; i < RLIMITS; i++)
        l[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    l[RLIMIT_STACK].soft = SPACE_STACK_MAX;
    l[RLIMIT_CORE].soft = 0;
    l[RLIMIT_NPROC] = (struct rlimit){threads_max / 2, threads_max / 2};
    l[RLIMIT_NOFILE] = (struct rlimit){1024, 4096};
    l[RLIMIT_SIGPENDING] = (struct rlimit){threads_max / 2, threads_max / 2};
    l[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
    l[RLIMIT_NICE] = l[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

int process_start_init(const char *const *paths, const char **argv, const char *const *envp)
{
    struct start s = {.paths = paths, .argv = argv, .envp = envp};
    struct process *p = process_create(1);
    struct thread *t = NULL;

    if (p) {
        p->files = fd_table_create();
        p->fs = fs_context_create();
        p->actions = signal_actions_create();
        if (p->files && p->fs && p->actions)
            t = thread_create(p, 1, init_task, &s);
    }
    if (!t) {
        if (p)
            process_discard(p);
        return -ENOMEM;
    }
    p->pgid = p->sid = 1;
    default_limits(p->rlimit);
    signal_thread_init(t, NULL, false);
    fpu_reset(t->fpu);
    thread_set_comm(t, "init");
    last_pid = 1;
    process_init = p;
    process_enter(p, NULL);
    thread_launch(t);

    uint32_t irq = os_irq_save();

    while (!s.done)
        os_sleep(&s.q);
    os_irq_restore(irq);
    return s.err;
}

int process_wait_init(void)
{
    uint32_t irq = os_irq_save();

    while (process_init)
        os_sleep(&init_wait);
    os_irq_restore(irq);
    for (struct process *p = process_all; p; p = p->all_next)
        process_kill(p, SIGKILL);
    for (unsigned tries = 0; process_all && tries < 500; tries++)
        task_sleep_ns(10000000);
    task_reap();
    return init_status;
}
