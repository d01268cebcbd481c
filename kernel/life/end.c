/*
 * The orderly end.
 *
 * Purpose: to stop the machine, and to notice before that what the programs, or the kernel for them, have
 * left.
 *
 * Theory. Everything is counted when the machine is up but has no partition, swap area, mount and program
 * (end_remember()), and again at the end, when the programs have ended and all of these are taken away. The
 * two have to be the same: frames by use, the objects of each slab cache, and what has a name: processes,
 * threads, tasks, spaces, objects, mounts, swap slots, and the tallies (kernel/lib/tally.h) of open files,
 * locks, pipes, timers and so on. Nothing is left out because it "stays by nature": the root's inodes go with
 * the root, like those of any other filesystem, and a filesystem goes only if nobody holds an inode of it
 * beyond its own names.
 *
 * Some things are on their way when the last program has ended: a task that vanishes, a page that is being
 * written. So the count is repeated for a while before the difference is a finding.
 *
 * Data and owner: the first count, written once.
 *
 *   INV-END-1  at the end there is what there was before the first swap area and mount
 *
 * Fails: a difference is logged by name, the audit has failed, and the machine ends with the status of a
 * failure.
 */
#include "kernel/life/end.h"
#include "drivers/power.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/swapdev.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/shm.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/sched/expiry.h"
#include "kernel/sched/sched.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/kva_map.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/x86/paging.h"

#define WAIT_NS  10000000u /* between two counts */
#define WAITS    500u
#define LIST_MAX 16u /* tasks and processes that are named */

static struct end_count first;

/* --- counting --- */

static void count_cache(struct cache *c, void *arg)
{
    struct end_count *n = arg;

    n->large -= c->slab_count << c->order;
    if (c->flags & CACHE_INTERNAL)
        return;
    mm_assert(n->caches < END_CACHES, "more than %u caches", END_CACHES);
    n->cache[n->caches].cache = c;
    n->cache[n->caches++].objects = cache_in_use(c);
}

static void count_task(const struct task *t, void *arg)
{
    struct end_count *n = arg;

    n->tasks++;
    if (t->id > n->last_task)
        n->last_task = t->id;
}

static void count_swap(struct end_count *n)
{
    const struct swap *sw = &vm_sys.swap;

    for (unsigned i = 0; i < SWAP_AREAS; i++)
        n->areas += sw->area[i] != NULL;
    n->slots = sw->total - sw->free;
}

void end_count(struct end_count *n)
{
    struct frame_pool *pool = &frame_pool_sys;

    *n = (struct end_count){0};
    task_reap();
    slab_reap_all(pool);
    frame_drain_hot(pool);
    for (unsigned u = 0; u < FRAME_USES; u++)
        n->frames[u] = pool->used[u];
    n->large = pool->used[FRAME_SLAB];
    slab_each(pool, count_cache, n);
    for (const struct tally *t = tallies_start; t < tallies_end; t++) {
        mm_assert(n->tallies < END_TALLIES, "more than %u tallies", END_TALLIES);
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
    n->session = (uint32_t)tty_session();
}

/* --- comparing --- */

static bool same(const char *what, uint32_t before, uint32_t now, bool report)
{
    if (report && before != now)
        os_log("audit: %s: %u, not %u", what, now, before);
    return before == now;
}

struct listing {
    const struct end_count *before;
    unsigned listed;
};

static void list_task(const struct task *t, void *arg)
{
    struct listing *l = arg;

    if (t->id > l->before->last_task && l->listed++ < LIST_MAX)
        os_log("audit: task %u (%s) is left", t->id, t->name);
}

static void list_tasks_and_processes(const struct end_count *before)
{
    struct listing l = {.before = before};
    unsigned listed = 0;

    task_each(list_task, &l);
    for (const struct process *p = process_all; p && listed < LIST_MAX; p = p->all_next, listed++)
        os_log("audit: process %d (%s) is left, %s, %u threads", p->pid,
               p->threads ? p->threads->comm : p->comm, p->state == PROCESS_ZOMBIE ? "a zombie" : "alive",
               p->nthreads);
}

static uint32_t objects_before(const struct end_count *before, const struct cache *c)
{
    for (unsigned i = 0; i < before->caches; i++)
        if (before->cache[i].cache == c)
            return before->cache[i].objects;
    return 0;
}

static bool same_caches(const struct end_count *before, const struct end_count *now, bool report)
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

static bool same_frames(const struct end_count *before, const struct end_count *now, bool report)
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

bool end_compare(const struct end_count *before, const struct end_count *now, bool report)
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

void end_remember(void)
{
    kfree(kmalloc(1)); /* what the slab allocator makes for itself at the first use stays */
    end_count(&first);
}

/* --- the end --- */

/* Whether everything is gone that has come since end_remember(). */
static bool nothing_left(void)
{
    static struct end_count now; /* large for the stack */

    shm_clear();
    for (unsigned i = 0;; i++) {
        bool last = i == WAITS;

        if (vfs_end(last) == 0 && vm_sys.swap.free == vm_sys.swap.total)
            swapdev_end();
        disk_end();
        end_count(&now);
        if (end_compare(&first, &now, last))
            return true;
        if (last)
            return false;
        task_sleep_ns(WAIT_NS);
    }
}

static bool all_sound(void)
{
    return vm_verify(&vm_sys) & slab_verify_all(&frame_pool_sys) & kmalloc_verify(&kmalloc_sys) &
           kva_map_verify(&kva_map_sys) & paging_verify() & window_verify() & sched_verify() &
           expiry_verify();
}

/* --- failing on purpose --- */

static void sleep_for_ever(void *arg)
{
    for (;;)
        task_sleep_ns(1000000000);
    (void)arg;
}

static void leak(enum leak_test test)
{
    struct file *reader, *writer;
    struct inode *i;
    struct object *o;
    struct process *p;

    switch (test) {
    case LEAK_NONE:
        return;
    case LEAK_PROCESS:
        p = process_create(9999);
        if (p)
            process_enter(p, NULL);
        return;
    case LEAK_TASK:
        task_create("leaked", sleep_for_ever, NULL);
        return;
    case LEAK_SPACE:
        space_create(&vm_sys);
        return;
    case LEAK_OBJECT:
        vm_shared_zeroes(PAGE_SIZE, 0, &o);
        return;
    case LEAK_PIPE:
        pipe_create(0, &reader, &writer);
        return;
    case LEAK_INODE:
        path_lookup(NULL, "/tmp", LOOKUP_DIRECTORY, &i);
        return;
    case LEAK_SLAB:
        (void)!kmalloc_any(100);
        return;
    case LEAK_BLOCK:
        (void)!kmalloc_any(5 * PAGE_SIZE);
        return;
    case LEAK_FRAME:
        frame_alloc(&frame_pool_sys, FRAME_KERNEL, 0);
        return;
    }
}

_Noreturn void machine_end(bool ok)
{
    bool sound;

    leak(params.leak_test);
    sound = nothing_left();
    sound &= all_sound();
    disk_flush_all();
    /* Also with quiet: its absence is an error. */
    os_log("the end: the audit %s", sound ? "is clean" : "FAILED");
    power_exit(ok && sound);
}
