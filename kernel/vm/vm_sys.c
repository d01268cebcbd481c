/* The machine's struct vm: its start, and allocations that reclaim for it. */
#include "kernel/vm/vm_sys.h"
#include "kernel/vm/form_memory.h"
#include "kernel/lib/param.h"
#include "kernel/vm/memory.h"
#include "kernel/x86/panic.h"
#include "mm/kva_map.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/x86/paging.h"

struct vm vm_sys;

void vm_sys_init(void)
{
    static struct form_memory forms;

    if (vm_init(&vm_sys, &frame_pool_sys) != 0)
        panic_unfit("too little memory: no room for the virtual memory system");
    vm_sys.rss_limit = params.rss_limit;
    form_memory_init(&forms, 0);
    vm_sys.softtlb.memory = &forms;
    vm_sys.seen =
        vm_table_alloc(frame_pool_sys.end - frame_pool_sys.start, 1); /* without it nobody looks on */
    if (pageable_switch(&vm_sys.pageable, policies[params.policy]) != 0)
        panic_unfit("too little memory: no room for what the policy remembers");
}

/* Reclaim that succeeds but whose frames others take first is tried this often. */
#define ALLOC_TRIES 16u

/* Larger allocations fail rather than end somebody. */
#define COSTLY_PAGES 8u

/* The part of the kernel's addresses that tables may have; stacks and devices need some too. */
#define TABLES_SHARE 2u

struct tries {
    unsigned n, rooms;
    bool last;
};

/* Whether to try once more to have pages for the kernel, after it failed. */
static bool try_again(struct tries *t, unsigned pages)
{
    struct vm *vm = &vm_sys;

    if (!vm->pool) /* the first tasks are older */
        return false;
    if (t->last)
        return pages <= COSTLY_PAGES && vm_make_room(vm, t->rooms++);
    t->last =
        ++t->n == ALLOC_TRIES ||
        !(frame_kernel_full(vm->pool) ? slab_reap_all(vm->pool) : reclaim_run(vm, pages + 2 * SWAP_CLUSTER));
    return true;
}

/* The first try has failed. */
static __attribute__((noinline, cold)) void *alloc_again(size_t size)
{
    struct tries t = {0};
    void *p = NULL;

    while (!p && size && try_again(&t, (unsigned)PAGES_OF(size)))
        p = kmalloc(size);
    return p;
}

void *vm_alloc(size_t size)
{
    void *p;

    might_sleep();
    p = kmalloc(size);
    return likely(p) ? p : alloc_again(size);
}

void *vm_stack_alloc(unsigned pages)
{
    struct tries t = {0};
    void *p;

    might_sleep();
    do
        p = kva_stack_alloc(&kva_map_sys, pages);
    while (!p && try_again(&t, pages));
    return p;
}

void *vm_table_alloc(size_t n, size_t size)
{
    const struct kva_map *m = &kva_map_sys;
    struct tries t = {0};
    size_t bytes;
    void *p;

    might_sleep();
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    if (bytes <= PAGE_SIZE)
        return vm_zalloc(bytes);
    if (bytes > (m->arena.end - m->arena.start) / TABLES_SHARE - ((size_t)m->table_pages << PAGE_SHIFT) ||
        frame_kernel_count(m->pool) + PAGES_OF(bytes) > m->pool->kernel_max)
        return NULL; /* no use to look for memory */
    do
        p = kva_table_alloc(&kva_map_sys, bytes);
    while (!p && try_again(&t, (unsigned)PAGES_OF(bytes)));
    return p;
}

void vm_table_free(void *table, size_t n, size_t size)
{
    if (n * size <= PAGE_SIZE)
        kfree(table);
    else if (table)
        kva_table_free(&kva_map_sys, table, n * size);
}

void *vm_zalloc(size_t size)
{
    void *p = vm_alloc(size);

    if (p)
        memset(p, 0, size);
    return p;
}

int vm_shared_zeroes(size_t size, unsigned region_flags, struct object **out)
{
    struct object *o = object_create(&vm_sys, &pager_zero, (uint32_t)PAGES_OF(size), "/dev/zero (deleted)");

    if (!o)
        return -ENOMEM;
    if (object_charge_shared(o, region_flags & REGION_NORESERVE)) {
        object_put(o);
        return -ENOMEM;
    }
    *out = o;
    return 0;
}
