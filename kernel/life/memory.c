/*
 * A process's memory: its space, and what goes with it. Shared by vfork and by clone with CLONE_VM, and
 * counted.
 */
#include "kernel/life/memory.h"
#include "kernel/fs/vfs.h"
#include "kernel/life/balance.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/oom.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

static struct cache cache;

void memory_start(void)
{
    cache_init(&cache, kmalloc_sys.pool, "memory", sizeof(struct memory), 0, NULL, slab_default_flags);
    oom_count_with(memory_count);
}

struct memory *memory_create(struct space *s)
{
    struct memory *m = vm_cache_alloc(&vm_sys, &cache);

    if (m)
        *m = (struct memory){.refs = 1, .space = s};
    return m;
}

struct memory *memory_copy(const struct memory *from, struct space *s)
{
    struct memory *m = vm_cache_alloc(&vm_sys, &cache);

    if (!m)
        return NULL;
    /* A word of it costs an instruction, so what would be cleared is not copied. */
    __builtin_memcpy(m, from, offsetof(struct memory, usage));
    m->refs = 1;
    m->space = s;
    m->lock = (struct mutex){0};
    m->usage = (struct space_usage){0};
    m->counted = 0;
    m->ldt = NULL;
    m->balance = (struct balance){0};
    if (m->exe)
        inode_get(m->exe)->executed++;
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
    balance_forget(m);
    if (m->exe) {
        m->exe->executed--;
        inode_put(m->exe);
    }
    ldt_destroy(m->ldt);
    space_destroy(m->space);
    cache_free(&cache, m);
}

void memory_count(struct process *p)
{
    struct memory *m = p->memory ? memory_get(p->memory) : NULL;
    struct space_usage usage;

    if (!m)
        return;
    space_count_usage(m->space, &usage);
    m->usage = usage;
    memory_put(m);
}

static uint32_t whole_pages(uint64_t limit)
{
    uint64_t pages = limit >> PAGE_SHIFT;

    return pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
}

static uint32_t limit_pages(const struct process *p, unsigned which)
{
    return whole_pages(p->rlimit[which].soft);
}

/* Pages of data. A soft limit of 0 stops only brk(2), as on Linux. */
static uint32_t data_pages(const struct process *p)
{
    const struct rlimit *data = &p->rlimit[RLIMIT_DATA];

    return whole_pages(data->soft ? data->soft : data->hard);
}

void memory_set_limits(struct process *p)
{
    p->memory->space->limit = (struct space_limits){
        .total = limit_pages(p, RLIMIT_AS),
        .data = data_pages(p),
    };
    cred_limit_locks(p);
    space_set_resident(p->memory->space, limit_pages(p, RLIMIT_RSS));
}
