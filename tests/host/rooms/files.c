/* What the rooms of files find beside and above them: programs' memory, processes and threads, signals. */
#include "kernel/fs/file.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/signal.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "tests/host/rooms/files.h"

#define FAULT_ONE_IN 64u /* user copies that meet an address that is not there */

static struct thread *threads[ROOMS_THREADS];
static unsigned made, ended;
static uint8_t user_memory[ROOMS_THREADS * ROOMS_USER_PAGE];

/* --- user memory --- */

static uint8_t *user_range(vaddr_t va, size_t n)
{
    if (va < ROOMS_USER || va - ROOMS_USER > sizeof user_memory || n > sizeof user_memory - (va - ROOMS_USER))
        return NULL;
    return user_memory + (va - ROOMS_USER);
}

static int copy(vaddr_t va, size_t n, void *to, const void *from)
{
    uint8_t *at = user_range(va, n);

    might_sleep();
    if (!n)
        return 0;
    if (!at || rooms_chance(FAULT_ONE_IN))
        return -EFAULT;
    if (to)
        memcpy(to, at, n);
    else if (from)
        memcpy(at, from, n);
    else
        memset(at, 0, n);
    might_sleep();
    return 0;
}

bool usercopy_is_lent(vaddr_t va, size_t n)
{
    (void)va;
    (void)n;
    return false;
}

size_t usercopy_lent_part(vaddr_t va, size_t n)
{
    return user_page_part(va, n);
}

int user_copy_in(void *dst, vaddr_t src, size_t n)
{
    return copy(src, n, dst, NULL);
}

int user_copy_out(vaddr_t dst, const void *src, size_t n)
{
    return copy(dst, n, NULL, src);
}

int user_clear(vaddr_t dst, size_t n)
{
    return copy(dst, n, NULL, NULL);
}

int user_copy_in_atomic(void *dst, vaddr_t src, size_t n)
{
    const uint8_t *at = user_range(src, n);

    if (!at || rooms_chance(4))
        return -EFAULT;
    memcpy(dst, at, n);
    return 0;
}

int user_copy_out_atomic(vaddr_t dst, const void *src, size_t n)
{
    uint8_t *at = user_range(dst, n);

    if (!at || rooms_chance(4))
        return -EFAULT;
    memcpy(at, src, n);
    return 0;
}

static unsigned number_of(const struct thread *t)
{
    unsigned n = 0;

    while (n < made && threads[n] != t)
        n++;
    return n;
}

vaddr_t rooms_user(void)
{
    return ROOMS_USER + number_of(thread_current()) * ROOMS_USER_PAGE;
}

void *rooms_memory(void)
{
    return user_range(rooms_user(), ROOMS_USER_PAGE);
}

/* --- time and signals --- */

int thread_sleep_until(struct waitq *q, uint64_t deadline_ns)
{
    might_sleep();
    if (signal_pending(thread_current()))
        return -EINTR;
    if (deadline_ns && deadline_ns <= os_now_ns())
        return -ETIMEDOUT;
    if (fibers_sleep_interruptibly(q, deadline_ns))
        return 0;
    return signal_pending(thread_current()) ? -EINTR : -ETIMEDOUT;
}

int thread_sleep(struct waitq *q)
{
    return thread_sleep_until(q, 0);
}

int thread_wait(struct mutex *m, struct waitq *q)
{
    uint32_t irq;
    int err;

    mutex_unlock(m);
    irq = os_irq_save();
    err = thread_sleep(q);
    os_irq_restore(irq);
    mutex_lock(m);
    return err;
}

bool thread_breathe(void)
{
    might_sleep();
    return signal_pending(thread_current());
}

void rooms_interrupt(struct thread *t)
{
    t->task->cpu.user_work |= TASK_WORK_SIGNAL;
    fibers_interrupt(t->task);
}

void rooms_forget(void)
{
    task_current()->cpu.user_work = 0;
}

int signal_send_thread(struct thread *t, const struct siginfo *info)
{
    (void)info;
    rooms_interrupt(t);
    return 0;
}

void signal_raise(struct process *p, int signo)
{
    (void)signo;
    rooms_interrupt(p->threads);
}

int signal_send(struct process *p, const struct siginfo *info)
{
    signal_raise(p, info->signo);
    return 0;
}

/* --- processes and threads --- */

/* None has a number, so that none can be named. */
struct process *process_all;

struct process *process_find(int pid)
{
    (void)pid;
    return NULL;
}

struct thread *thread_find(int tid)
{
    (void)tid;
    return NULL;
}

bool pid_in_use(int pid)
{
    (void)pid;
    return false;
}

/* Everything runs as root. */
struct cred cred_root = {.refs = 1, .permitted = CAPS_ALL, .effective = CAPS_ALL, .bounding = CAPS_ALL};

const struct cred *cred_of_process(const struct process *p)
{
    return p->threads->cred;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
    return gid == c->fsgid;
}

struct process *rooms_process(int pid)
{
    struct process *p = rooms_zeroes(sizeof *p);

    p->pid = pid;
    p->memory = rooms_zeroes(sizeof *p->memory);
    p->memory->space = space_create(&vm_sys);
    p->fs = fs_context_create();
    for (unsigned i = 0; i < RLIMITS; i++)
        p->rlimit[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    p->rlimit[RLIMIT_NOFILE] = (struct rlimit){64, 64};
    return p;
}

static void process_ends(struct process *p)
{
    space_destroy(p->memory->space);
    fs_context_put(p->fs);
    kt_release(p->memory);
    kt_release(p);
}

static void (*function[ROOMS_THREADS])(struct thread *t);

static void run(void *arg)
{
    struct thread *t = arg;
    struct process *p = t->process;
    struct fd_table *files;

    function[number_of(t)](t);
    rooms_forget();
    files = t->files;
    t->files = NULL;
    fd_table_put(files);
    if (--p->nthreads == 0)
        process_ends(p);
    ended++;
    t->exiting = true;
}

struct thread *rooms_thread(struct process *p, const char *name, void (*fn)(struct thread *t))
{
    struct thread *t = rooms_zeroes(sizeof *t);

    mm_assert(made < ROOMS_THREADS, "%u threads", made);
    t->task = rooms_zeroes(sizeof *t->task);
    t->task->thread = t;
    t->process = p;
    t->tid = (int)made + 1;
    t->cred = t->acting = &cred_root;
    t->files = p->threads ? fd_table_get(p->threads->files) : fd_table_create();
    if (!p->threads)
        p->threads = t;
    p->nthreads++;
    function[made] = fn;
    threads[made++] = t;
    fiber_start_as(name, run, t, t->task);
    return t;
}

bool rooms_alive(void)
{
    return ended < made;
}

struct thread *rooms_any_thread(struct kt *kt)
{
    for (;;) {
        struct thread *t = threads[kt_below(kt, made)];

        if (!t->exiting)
            return t;
    }
}

/* --- the beginning and the end --- */

void rooms_begin(struct kt *kt)
{
    rooms_set_up(kt);
    rooms_mount(kt, NULL, 0);
    made = ended = 0;
}

void rooms_end(struct kt *kt)
{
    for (unsigned i = 0; i < made; i++) {
        kt_release(threads[i]->task);
        kt_release(threads[i]);
    }
    rooms_unmount(kt);
    rooms_take_down(kt);
}
