/* What the hosted rooms find below and above them. */
#include "tests/host/rooms/rooms.h"
#include "kernel/fs/file.h"
#include "kernel/fs/shm.h"
#include "kernel/proc/oom.h"
#include "kernel/sched/sync.h"
#include "kernel/sched/time.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

#define POOL_FRAMES  3000u
#define FAULT_ONE_IN 64u /* user copies that meet an address that is not there */
#define FAIL_ONE_IN  256u

struct vm vm_sys;
struct frame_pool frame_pool_sys;

static struct kt *test;
static struct frame_pool *pool;
static unsigned allocated, before;
static struct thread *threads[ROOMS_THREADS];
static unsigned made, ended;
static uint8_t user_memory[ROOMS_THREADS * ROOMS_USER_PAGE];
/* Outside fibres there is a task too. */
static struct task boot_task;
static void *task_before;

/* --- memory --- */

void *__wrap_kmalloc_any(size_t size);
void *__wrap_kzalloc(size_t size);
void __wrap_kfree(void *p);
size_t __wrap_kmalloc_usable(struct kmalloc_system *k, const void *p);
/* ASan's. */
size_t __sanitizer_get_allocated_size(const volatile void *p);
/* kmalloc() of a constant size calls it. */
void *__wrap_cache_alloc_slow(struct cache *c);
void *__real_cache_alloc_slow(struct cache *c);

static void *zeroes(size_t size)
{
    return memset(kt_alloc(size), 0, size);
}

void *__wrap_kmalloc_any(size_t size)
{
    allocated++;
    return kt_alloc(size);
}

void *__wrap_kzalloc(size_t size)
{
    allocated++;
    return zeroes(size);
}

void __wrap_kfree(void *p)
{
    allocated -= p != NULL;
    kt_release(p);
}

void *__wrap_cache_alloc_slow(struct cache *c)
{
    size_t size = KMALLOC_MAX_CLASS;

    if (c < kmalloc_sys.cls || c >= kmalloc_sys.cls + KMALLOC_CLASSES)
        return __real_cache_alloc_slow(c);
    while (kmalloc_sys.cls + kmalloc_class(size) != c)
        size--;
    return __wrap_kmalloc_any(size);
}

size_t __wrap_kmalloc_usable(struct kmalloc_system *k, const void *p)
{
    (void)k;
    return __sanitizer_get_allocated_size(p);
}

static bool fails(void)
{
    might_sleep();
    return fibers_running() && kt_below(test, FAIL_ONE_IN) == 0;
}

void *vm_alloc(size_t size)
{
    return fails() ? NULL : kmalloc_any(size);
}

void *vm_zalloc(size_t size)
{
    return fails() ? NULL : kzalloc(size);
}

void *vm_table_alloc(size_t n, size_t size)
{
    return vm_zalloc(n * size);
}

void vm_table_free(void *table, size_t n, size_t size)
{
    (void)n;
    (void)size;
    kfree(table);
}

unsigned rooms_allocated(void)
{
    return allocated;
}

/* Nobody has to end for want of memory here, so sizes are not asked for. */
void oom_count_also(size_t (*bytes)(const struct process *p))
{
    (void)bytes;
}

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
    if (!at || (fibers_running() && kt_below(test, FAULT_ONE_IN) == 0))
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

    if (!at || (fibers_running() && kt_below(test, 4) == 0))
        return -EFAULT;
    memcpy(dst, at, n);
    return 0;
}

int user_copy_out_atomic(vaddr_t dst, const void *src, size_t n)
{
    uint8_t *at = user_range(dst, n);

    if (!at || (fibers_running() && kt_below(test, 4) == 0))
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

uint64_t time_realtime_offset;

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

/* --- processes and threads --- */

struct process *rooms_process(int pid)
{
    struct process *p = zeroes(sizeof *p);

    p->pid = pid;
    p->memory = zeroes(sizeof *p->memory);
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
    struct thread *t = zeroes(sizeof *t);

    mm_assert(made < ROOMS_THREADS, "%u threads", made);
    t->task = zeroes(sizeof *t->task);
    t->task->thread = t;
    t->process = p;
    t->tid = (int)made + 1;
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

bool rooms_begin(struct kt *kt)
{
    const char *why;

    test = kt;
    task_before = os_current;
    os_current = &boot_task;
    before = allocated;
    pool = kt_pool(kt, POOL_FRAMES, 500);
    if (!pool || vm_init(&vm_sys, pool))
        return false;
    frame_pool_sys = *pool;
    vm_sys.overcommit = COMMIT_ALWAYS;
    EXPECT(vfs_init(NULL, 0, &why) == 0, "vfs_init");
    made = ended = 0;
    return true;
}

void rooms_end(struct kt *kt)
{
    for (unsigned i = 0; i < made; i++) {
        kt_release(threads[i]->task);
        kt_release(threads[i]);
    }
    shm_clear();
    EXPECT(!shm_segments, "a segment is left");
    EXPECT(vfs_end(true) == 0, "a filesystem is left in use");
    EXPECT(allocated == before, "%u objects are left", allocated - before);
    EXPECT(vm_verify(&vm_sys), "verification at the end");
    vm_fini(&vm_sys);
    kt_pool_done(kt, pool);
    os_current = task_before;
}
