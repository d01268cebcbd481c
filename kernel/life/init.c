/* The first process: from the kernel's task to its program, and the wait for its end. */
#include "kernel/life/init.h"
#include "kernel/fs/file.h"
#include "kernel/life/exec.h"
#include "kernel/life/exit.h"
#include "kernel/life/memory.h"
#include "kernel/proc/cred.h"
#include "kernel/sched/latency.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/slab.h"

static struct waitq init_wait; /* kmain() waits here */
static int init_status;

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

    if (err)
        return err;
    for (int fd = 0; !err && fd < 3; fd++) {
        int got = fd_install(file_get(f), fd, false);

        if (got < 0) {
            file_put(f);
            err = got;
        }
    }
    file_put(f);
    return err;
}

static const char *reason_of(int err)
{
    switch (err) {
    case -ENOENT:
        return "it is not there, or the interpreter that it names is not";
    case -EACCES:
        return "it is no file that may be executed";
    case -ENOEXEC:
        return "it is no program for an i386";
    case -ENOMEM:
        return "there is no memory for it";
    default:
        return "see errno(3)";
    }
}

/* The first file that can be executed; -ENOENT counts only if there is no other reason. Says of each why it
 * cannot be, but not of one of several that is not there. */
static int exec_first(const struct start *s)
{
    int err = -ENOENT;

    for (const char *const *path = s->paths; *path; path++) {
        s->argv[0] = *path;

        int e = exec_from_kernel(*path, s->argv, s->envp);

        if (!e)
            return 0;
        if (e != -ENOENT || !s->paths[1])
            os_log("init: %s cannot be run: %s (error %d)", *path, reason_of(e), -e);
        if (e != -ENOENT)
            err = e;
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
    latency_leave();
    trap_enter_user(thread_frame(thread_current()));
}

static void default_limits(struct rlimit *l)
{
    for (unsigned i = 0; i < RLIMITS; i++)
        l[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    l[RLIMIT_STACK].soft = SPACE_STACK_MAX;
    l[RLIMIT_CORE].soft = 0;
    l[RLIMIT_NPROC] = (struct rlimit){threads_max / 2, threads_max / 2};
    l[RLIMIT_MEMLOCK] = (struct rlimit){8 << 20, 8 << 20};
    l[RLIMIT_NOFILE] = (struct rlimit){1024, 4096};
    l[RLIMIT_SIGPENDING] = (struct rlimit){threads_max / 2, threads_max / 2};
    l[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
    l[RLIMIT_NICE] = l[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

static void note_end(struct process *p)
{
    if (p != process_init)
        return;
    init_status = p->exit_status;
    process_init = NULL;
    os_wake_all(&init_wait);
}

void life_start(void)
{
    memory_start();
    process_on_end(note_end);
}

int process_start_init(const char *const *paths, const char **argv, const char *const *envp)
{
    struct start s = {.paths = paths, .argv = argv, .envp = envp};
    struct process *p = process_create(1, NULL);
    struct thread *t = NULL;

    if (p) {
        p->fs = fs_context_create();
        p->actions = signal_actions_create();
        if (p->fs && p->actions)
            t = thread_create(p, 1, init_task, &s);
    }
    if (t)
        t->files = fd_table_create();
    if (!t || !t->files) {
        if (t)
            thread_discard(t);
        if (p)
            process_discard(p);
        os_log("init: there is no memory for a process");
        return -ENOMEM;
    }
    p->pgid = p->sid = 1;
    default_limits(p->rlimit);
    signal_thread_init(t, NULL, false);
    fpu_reset(t->context.fpu);
    cred_begin(t, cred_get(&cred_root));
    t->slack = t->slack_default = THREAD_SLACK;
    thread_set_comm(t, "init");
    pid_begin();
    process_init = p;
    process_enter(p, NULL);
    thread_enter(t);
    thread_launch(t);

    uint32_t irq = os_irq_save();

    while (!s.done)
        os_sleep(&s.q);
    os_irq_restore(irq);
    return s.err;
}

static bool end_ordered;

void process_end_all(void)
{
    end_ordered = true;
    for (struct process *p = process_all; p; p = p->all_next)
        process_kill(p, SIGKILL);
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
    return end_ordered ? 0 : init_status;
}
