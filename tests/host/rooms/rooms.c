/* What all hosted rooms find below them: memory. */
#include "tests/host/rooms/rooms.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/file.h"
#include "kernel/ipc/shm.h"
#include "kernel/proc/oom.h"
#include "kernel/sched/time.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"
#include "tests/host/pool.h"

#define POOL_FRAMES 3000u
#define FAIL_ONE_IN 256u

struct vm vm_sys;
/* Its first part is the machine's pool: the Makefile has the linker call that frame_pool_sys. */
extern struct host_pool rooms_pool;
struct host_pool rooms_pool;

static struct kt *test;
static unsigned allocated, before;
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
void __wrap_cache_free_slow(struct cache *c, void *obj);
void __real_cache_free_slow(struct cache *c, void *obj);

void *rooms_zeroes(size_t size)
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
    return rooms_zeroes(size);
}

void __wrap_kfree(void *p)
{
    allocated -= p != NULL;
    kt_release(p);
}

/* Caches of mm/ have real slabs, in the pool. Others have no magazines, so each object of theirs comes
 * here. */
static bool is_ours(const struct cache *c)
{
    return (uintptr_t)c - (uintptr_t)&vm_sys >= sizeof vm_sys && !(c->flags & CACHE_INTERNAL);
}

void *__wrap_cache_alloc_slow(struct cache *c)
{
    size_t size = KMALLOC_MAX_CLASS;
    void *obj;

    if (!is_ours(c))
        return __real_cache_alloc_slow(c);
    if (c < kmalloc_sys.cls || c >= kmalloc_sys.cls + KMALLOC_CLASSES) {
        allocated++;
        c->live++;
        obj = kt_alloc(c->size);
        if (c->ctor)
            c->ctor(obj);
        return obj;
    }
    while (kmalloc_sys.cls + kmalloc_class(size) != c)
        size--;
    return __wrap_kmalloc_any(size);
}

void __wrap_cache_free_slow(struct cache *c, void *obj)
{
    if (!is_ours(c)) {
        __real_cache_free_slow(c, obj);
        return;
    }
    allocated--;
    c->live--;
    kt_release(obj);
}

size_t __wrap_kmalloc_usable(struct kmalloc_system *k, const void *p)
{
    (void)k;
    return __sanitizer_get_allocated_size(p);
}

static bool fails(void)
{
    might_sleep();
    return rooms_chance(FAIL_ONE_IN);
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

void oom_count_with(void (*count)(struct process *p))
{
    (void)count;
}

/* --- the beginning and the end --- */

bool rooms_chance(unsigned one_in)
{
    return fibers_running() && kt_below(test, one_in) == 0;
}

void rooms_set_up(struct kt *kt)
{
    test = kt;
    task_before = os_current;
    os_current = &boot_task;
    before = allocated;
    host_pool_begin(&rooms_pool, POOL_FRAMES, 500);
    kmalloc_init(&kmalloc_sys, &rooms_pool.pool);
    EXPECT(vm_init(&vm_sys, &rooms_pool.pool) == 0, "vm_init");
    vm_sys.overcommit = COMMIT_ALWAYS;
    epoll_init();
}

void rooms_mount(struct kt *kt, const void *archive, size_t size)
{
    const char *why;

    EXPECT(vfs_init(archive, false, size, &why) == 0, "vfs_init");
}

void rooms_unmount(struct kt *kt)
{
    shm_clear();
    EXPECT(!shm_ids.used, "a segment is left");
    EXPECT(vfs_end(true) == 0, "a filesystem is left in use");
}

static struct cache *first_cache(void)
{
    struct cache *c = rooms_pool.pool.caches;

    while (c && c->flags & CACHE_INTERNAL)
        c = c->next_cache;
    return c;
}

void rooms_take_down(struct kt *kt)
{
    struct cache *c;

    EXPECT(allocated == before, "%u objects are left", allocated - before);
    EXPECT(vm_verify(&vm_sys) & epoll_verify(), "verification at the end");
    vm_fini(&vm_sys);
    while ((c = first_cache()) && cache_destroy(c) == 0)
        ;
    EXPECT(!c, "a cache is left");
    host_pool_end(kt, &rooms_pool);
    os_current = task_before;
}
