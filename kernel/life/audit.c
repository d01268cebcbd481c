/*
 * The audit: what programs can make, and the kernel for them, in numbers; and whether two counts are the
 * same. See end.c for what it is for.
 *
 * Some numbers are not compared: how many slabs the same objects are in is chance, and frames that are free
 * are the rest.
 */
#include "kernel/life/audit.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"
#include "mm/space.h"

#define LIST_MAX 16u /* tasks and processes that are named */

/* --- counting --- */

static void count_cache(struct cache *c, void *arg)
{
    struct audit_count *n = arg;

    n->large -= c->slab_count << c->order;
    if (c->flags & CACHE_INTERNAL)
        return;
    mm_assert(n->caches < AUDIT_CACHES, "more than %u caches", AUDIT_CACHES);
    n->cache[n->caches].cache = c;
    n->cache[n->caches++].objects = cache_in_use(c);
}

static void count_task(const struct task *t, void *arg)
{
    struct audit_count *n = arg;

    n->tasks++;
    if (t->id > n->last_task)
        n->last_task = t->id;
}

static void count_swap(struct audit_count *n)
{
    const struct swap *sw = &vm_sys.swap;

    for (unsigned i = 0; i < SWAP_AREAS; i++)
        n->areas += sw->area[i] != NULL;
    n->slots = sw->total - sw->free;
    n->frames[FRAME_KERNEL] -= swap_record_frames(&vm_sys); /* how many were ever in use is chance */
}

void audit_count(struct audit_count *n)
{
    struct frame_pool *pool = &frame_pool_sys;

    *n = (struct audit_count){0};
    task_reap();
    slab_reap_all(pool);
    frame_drain_hot(pool);
    for (unsigned u = 0; u < FRAME_USES; u++)
        n->frames[u] = pool->used[u];
    n->frames[FRAME_TABLE] -= vm_sys.tables.root.top != NULL; /* ready for the next space, or not: chance */
    n->large = pool->used[FRAME_SLAB];
    slab_each(pool, count_cache, n);
    for (const struct tally *t = tallies_start; t < tallies_end; t++) {
        mm_assert(n->tallies < AUDIT_TALLIES, "more than %u tallies", AUDIT_TALLIES);
        n->tally[n->tallies++] = t->count;
    }
    task_each(count_task, n);
    for (const struct process *p = process_all; p; p = p->all_next) {
        n->processes++;
        n->threads += p->nthreads;
    }
    for (const struct filesystem *fs = vfs_mounts; fs; fs = fs->next)
        n->mounts++;
    for (const struct space *s = vm_sys.spaces; s; s = s->all_next)
        n->spaces++;
    for (const struct object *o = vm_sys.objects; o; o = o->next)
        n->objects++;
    n->committed = (uint32_t)vm_sys.committed;
    count_swap(n);
    n->session = (uint32_t)tty_sessions();
}

/* --- comparing --- */

static bool same(const char *what, uint32_t before, uint32_t now, bool report)
{
    if (report && before != now)
        os_log("audit: %s: %u, not %u", what, now, before);
    return before == now;
}

struct listing {
    const struct audit_count *before;
    unsigned listed;
};

static void list_task(const struct task *t, void *arg)
{
    struct listing *l = arg;

    if (t->id > l->before->last_task && l->listed++ < LIST_MAX)
        os_log("audit: task %u (%s) is left", t->id, t->name);
}

static void list_tasks_and_processes(const struct audit_count *before)
{
    struct listing l = {.before = before};
    unsigned listed = 0;

    task_each(list_task, &l);
    for (const struct process *p = process_all; p && listed < LIST_MAX; p = p->all_next, listed++)
        os_log("audit: process %d (%s) is left, %s, %u threads", p->pid,
               p->threads ? p->threads->comm : p->comm, p->state == PROCESS_ZOMBIE ? "a zombie" : "alive",
               p->nthreads);
}

static uint32_t objects_before(const struct audit_count *before, const struct cache *c)
{
    for (unsigned i = 0; i < before->caches; i++)
        if (before->cache[i].cache == c)
            return before->cache[i].objects;
    return 0;
}

static bool same_caches(const struct audit_count *before, const struct audit_count *now, bool report)
{
    bool ok = same("slab caches", before->caches, now->caches, report);

    for (unsigned i = 0; i < now->caches; i++) {
        const struct cache *c = now->cache[i].cache;
        uint32_t was = objects_before(before, c);

        if (now->cache[i].objects == was)
            continue;
        ok = false;
        if (report)
            os_log("audit: slab objects of %s: %u, not %u", c->name, now->cache[i].objects, was);
    }
    return ok;
}

static bool same_frames(const struct audit_count *before, const struct audit_count *now, bool report)
{
    bool ok = same("frames of large kmalloc blocks", before->large, now->large, report);

    for (unsigned u = 0; u < FRAME_USES; u++) {
        /* How many slabs the same objects are in is chance, and what is free is the rest. */
        if (u == FRAME_FREE || u == FRAME_SLAB || before->frames[u] == now->frames[u])
            continue;
        ok = false;
        if (report)
            os_log("audit: frames, use %s: %u, not %u", frame_use_name(u), now->frames[u], before->frames[u]);
    }
    return ok;
}

bool audit_compare(const struct audit_count *before, const struct audit_count *now, bool report)
{
    const struct {
        const char *name;
        uint32_t before, now;
    } number[] = {
        {"processes", before->processes, now->processes},
        {"threads", before->threads, now->threads},
        {"tasks", before->tasks, now->tasks},
        {"mounts", before->mounts, now->mounts},
        {"address spaces", before->spaces, now->spaces},
        {"memory objects", before->objects, now->objects},
        {"pages promised", before->committed, now->committed},
        {"swap areas", before->areas, now->areas},
        {"swap slots in use", before->slots, now->slots},
        {"session of the terminal", before->session, now->session},
    };
    bool ok = true;

    for (unsigned i = 0; i < ARRAY_LEN(number); i++)
        ok &= same(number[i].name, number[i].before, number[i].now, report);
    if (report && (before->processes != now->processes || before->tasks != now->tasks))
        list_tasks_and_processes(before);
    for (unsigned i = 0; i < now->tallies; i++)
        ok &= same(tallies_start[i].name, before->tally[i], now->tally[i], report);
    ok &= same_caches(before, now, report);
    return same_frames(before, now, report) && ok;
}
