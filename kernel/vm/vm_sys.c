/* The machine's struct vm: its start, and allocations that reclaim for it. */
#include "kernel/vm/vm_sys.h"
#include "kernel/sched/sched.h"
#include "kernel/vm/memory.h"
#include "kernel/x86/panic.h"
#include "mm/kva_map.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/x86/paging.h"

struct vm vm_sys;

void vm_sys_init(void)
{
    if (vm_init(&vm_sys, &frame_pool_sys) != 0)
        panic_unfit("too little memory: no room for the virtual memory system");
}

/* Reclaim that succeeds but whose frames others take first is tried this often. */
#define ALLOC_TRIES 16u

void *vm_alloc(size_t size)
{
    bool last = false;

    might_sleep();
    for (unsigned i = 0;; i++) {
        void *p = kmalloc(size);

        if (p || last || size == 0)
            return p;
        last = !reclaim_run(&vm_sys, (unsigned)PAGES_OF(size) + 2 * SWAP_CLUSTER) || i + 1 == ALLOC_TRIES;
    }
}

void *vm_stack_alloc(unsigned pages)
{
    bool last = !vm_sys.pool; /* the first tasks are older than vm_sys */

    might_sleep();
    for (unsigned i = 0;; i++) {
        void *p = kva_stack_alloc(&kva_map_sys, pages);

        if (p || last)
            return p;
        last = !reclaim_run(&vm_sys, pages + 2 * SWAP_CLUSTER) || i + 1 == ALLOC_TRIES;
    }
}

void *vm_zalloc(size_t size)
{
    void *p = vm_alloc(size);

    if (p)
        memset(p, 0, size);
    return p;
}

void *vm_alloc_array(size_t n, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : vm_alloc(bytes);
}

void *vm_zalloc_array(size_t n, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : vm_zalloc(bytes);
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
