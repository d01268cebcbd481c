/*
 * Kernel memory for forms of page tables: small pieces by kmalloc(), larger ones mapped page by page, so that
 * no block of neighbouring frames is needed. The name of a piece is its address in units of 8 bytes, to which
 * all of them are aligned. What is counted as taken is what was asked for: the slab's rounding is not a
 * form's.
 */
#include "kernel/vm/form_memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/kva_map.h"

#define NAME_SHIFT 3u

/* So that what is reclaimed ends nobody, whatever is asked for (see vm_sys.c). */
#define ROOM_LEAST (16u * PAGE_SIZE)

static void *take_kernel_table(struct form_memory *m __attribute__((unused)), uint32_t bytes, uint32_t *name)
{
    /* no reclaim: who may sleep makes room before, or tries again */
    void *p = bytes > PAGE_SIZE ? kva_table_alloc(&kva_map_sys, bytes) : kzalloc(bytes);

    *name = (uint32_t)(uintptr_t)p >> NAME_SHIFT;
    return p;
}

static void *kernel_table_at(const struct form_memory *m __attribute__((unused)), uint32_t name)
{
    return (void *)((uintptr_t)name << NAME_SHIFT);
}

static void give_kernel_table(struct form_memory *m, uint32_t name, uint32_t bytes)
{
    void *p = kernel_table_at(m, name);

    if (bytes > PAGE_SIZE)
        kva_table_free(&kva_map_sys, p, bytes);
    else
        kfree(p);
}

void form_memory_init(struct form_memory *m, uint32_t limit)
{
    *m = (struct form_memory){.take_table = take_kernel_table,
                              .give_table = give_kernel_table,
                              .table_at = kernel_table_at,
                              .limit = limit};
}

int form_memory_room(uint32_t bytes)
{
    size_t size = bytes > ROOM_LEAST ? bytes : ROOM_LEAST;
    void *p = vm_table_alloc(1, size);

    vm_table_free(p, 1, size);
    return p ? 0 : -ENOMEM;
}
