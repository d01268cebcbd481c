/*
 * Several tasks at once, on the host only: they are switched wherever the code under test sleeps, in an order
 * that the seed decides, while the disk completes requests at any time, and sometimes fails.
 *
 * Some tasks run the random operations of vmmodel.h on spaces that share tables and objects; some ask for
 * pages of an object whose pager sleeps and fails; one is the reclaim daemon.
 */
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/reclaim.h"
#include "tests/host/host.h"
#include "tests/vmmodel.h"

#include <ucontext.h>

#define ACTORS     MODEL_ACTORS
#define READERS    3u
#define TASKS      (ACTORS + READERS + 1)
#define STACK_SIZE (256u * 1024)
#define PAGES      2500u /* of the slow object */

struct race;

struct task {
    ucontext_t context;
    void (*body)(struct race *r, unsigned n);
    struct race *race;
    unsigned n;
    bool ended;
    char *stack;
};

struct race {
    struct kt *kt;
    struct vt vt;
    struct model_world world;
    struct model_actor actor[ACTORS];
    struct task task[TASKS];
    struct task *running;
    ucontext_t scheduler;
    void *scheduler_id;
    unsigned working; /* tasks that end by themselves and have not */
    uint32_t rounds, switches;
    /* the slow object */
    struct object *slow;
    uint32_t value[PAGES];
    bool filling[PAGES];
    uint32_t fills, failed, waits;
};

static struct race *race; /* for the body of a new task, which makecontext() gives no pointer */

/* --- switching --- */

/* What the code under test does when it sleeps or yields. */
static bool switch_out(void *arg)
{
    struct race *r = arg;
    struct task *t = r->running;

    if (!t) /* not in a task: setting up or taking down */
        return testdisk_complete(&r->vt.disk);
    swapcontext(&t->context, &r->scheduler);
    return true;
}

static void task_start(void)
{
    struct task *t = race->running;

    t->body(t->race, t->n);
    t->ended = true;
    race->working--;
    for (;;)
        swapcontext(&t->context, &t->race->scheduler);
}

static void task_make(struct race *r, unsigned slot, void (*body)(struct race *, unsigned), unsigned n)
{
    struct task *t = &r->task[slot];

    *t = (struct task){.body = body, .race = r, .n = n, .stack = kt_alloc(STACK_SIZE)};
    getcontext(&t->context);
    t->context.uc_stack.ss_sp = t->stack;
    t->context.uc_stack.ss_size = STACK_SIZE;
    t->context.uc_link = NULL;
    makecontext(&t->context, task_start, 0);
}

/* Let other sectors fail to be written. Reading does not fail: the model has no word for a lost page. */
static void move_faults(struct race *r)
{
    const struct swap_area *a = r->vt.vm.swap.area[0];

    for (unsigned i = 0; i < TESTDISK_FAULTS; i++)
        r->vt.disk.bad_write[i] =
            a->bad < 200 ? (1 + kt_below(r->kt, a->pages - 1)) * (PAGE_SIZE / BLOCK_SECTOR) : 0;
}

/* Run tasks and the disk until all workers have ended. */
static void run(struct race *r)
{
    while (r->working && r->kt->failures < 5) {
        struct task *t = &r->task[kt_below(r->kt, TASKS)];

        if (kt_below(r->kt, 3) == 0)
            testdisk_complete(&r->vt.disk);
        if (t->ended)
            continue;
        r->running = t;
        os_current = t;
        if (r->switches++ % 1024 == 0)
            move_faults(r);
        swapcontext(&r->scheduler, &t->context);
        r->running = NULL;
        os_current = r->scheduler_id;
    }
}

/* --- the slow object --- */

static void stamp(struct race *r, struct frame *f, uint32_t value)
{
    uint32_t *p = window_open(r->vt.pool, frame_pfn(r->vt.pool, f));

    p[0] = value;
    p[PAGE_SIZE / 4 - 1] = ~value;
    window_close(r->vt.pool, p);
}

static bool stamped(struct race *r, struct frame *f, uint32_t value)
{
    uint32_t *p = window_open(r->vt.pool, frame_pfn(r->vt.pool, f));
    bool good = p[0] == value && p[PAGE_SIZE / 4 - 1] == ~value;

    window_close(r->vt.pool, p);
    return good;
}

static int slow_get(struct object *o, uint32_t index, struct frame *f)
{
    struct race *r = o->pager_data;
    struct kt *kt = r->kt;
    int err = 0;

    EXPECT(!r->filling[index], "page %u is filled by two tasks at once", index);
    EXPECT(f->flags & FRAME_F_BUSY && f->pins == 1 && !object_resident(o, index), "flags %x", f->flags);
    r->filling[index] = true;
    r->fills++;
    stamp(r, f, 0xDEAD);
    for (unsigned n = kt_below(kt, 6); n; n--)
        os_yield();
    if (kt_below(kt, 4) == 0) {
        r->failed++;
        err = -EIO;
    } else {
        stamp(r, f, index + 1);
    }
    r->filling[index] = false;
    return err;
}

static bool slow_has(struct object *o, uint32_t index)
{
    (void)o;
    (void)index;
    return true;
}

static const struct pager pager_slow = {.name = "slow", .get = slow_get, .has = slow_has};

static void reader(struct race *r, unsigned n)
{
    struct kt *kt = r->kt;

    for (uint32_t i = 0; i < r->rounds && kt->failures < 5; i++) {
        uint32_t index = kt_below(kt, kt_below(kt, 4) ? 40 : PAGES);
        struct frame *f;
        int err;

        if (r->filling[index])
            r->waits++;
        err = object_page(r->slow, index, &f);
        if (err) {
            EXPECT(err == -EIO || err == -ENOMEM, "page %u: %d", index, err);
            continue;
        }
        EXPECT(!(f->flags & FRAME_F_BUSY) && f->owner == r->slow && f->index == index, "page %u: flags %x",
               index, f->flags);
        EXPECT(stamped(r, f, r->value[index]), "page %u is not %x", index, r->value[index]);
        if (kt_below(kt, index < 40 ? 500 : 3) == 0) {
            r->value[index] = kt_random(kt) | 1;
            stamp(r, f, r->value[index]);
            f->flags |= FRAME_F_DIRTY;
        }
        /* Hold on to it for a while: it must stay the page. */
        if (kt_below(kt, 4) == 0)
            os_yield();
        EXPECT(object_resident(r->slow, index) == f, "page %u moved under a pin", index);
        frame_unpin(f);
        if (n == 0 && kt_below(kt, 4) == 0 && !f->pins)
            reclaim_evict(&r->vt.vm, f);
    }
}

static void actor(struct race *r, unsigned n)
{
    for (uint32_t i = 0; i < r->rounds && r->kt->failures < 5; i++) {
        model_step(&r->actor[n]);
        if (kt_below(r->kt, 4) == 0)
            os_yield();
        if (n == 0 && i % 1000 == 0) {
            struct kt *kt = r->kt;

            EXPECT(vm_verify(&r->vt.vm), "in round %u", i);
        }
    }
}

static void daemon(struct race *r, unsigned n)
{
    (void)n;
    while (r->working > 1) {
        reclaim_daemon_round(&r->vt.vm);
        swap_finish(&r->vt.vm, false, true);
        /* Slow at times, so that tasks run out of frames and reclaim by themselves. */
        for (unsigned i = kt_below(r->kt, 400); i; i--)
            os_yield();
    }
}

static bool begin(struct race *r, struct kt *kt)
{
    *r = (struct race){.kt = kt, .rounds = 60000, .scheduler_id = os_current};
    race = r;
    if (!vt_begin(&r->vt, kt, 400, 140, 4000))
        return false;
    host_idle_arg = r;
    host_idle = switch_out;
    r->slow = object_create(&r->vt.vm, &pager_slow, PAGES, "slow");
    r->slow->pager_data = r;
    for (uint32_t i = 0; i < PAGES; i++)
        r->value[i] = i + 1;
    if (!model_begin(&r->world, &r->vt, ACTORS))
        return false;
    for (unsigned i = 0; i < ACTORS; i++) {
        /* Every second one descends from the first, so that they share tables. */
        if (!model_actor_begin(&r->actor[i], &r->world, i, i % 2 ? &r->actor[0] : NULL))
            return false;
        task_make(r, i, actor, i);
    }
    for (unsigned i = 0; i < READERS; i++)
        task_make(r, ACTORS + i, reader, i);
    task_make(r, ACTORS + READERS, daemon, 0);
    r->working = TASKS;
    r->vt.disk.delayed = true;
    return true;
}

TEST(slowpager, tasks_disk_and_pagers)
{
    static struct race state;
    struct race *r = &state;

    REQUIRE(begin(r, kt), "set-up");
    kt_capture_begin(); /* swap logs each error */
    run(r);
    while (testdisk_complete(&r->vt.disk))
        ;
    r->vt.disk.delayed = false;
    swap_finish(&r->vt.vm, false, true);
    EXPECT(vm_verify(&r->vt.vm), "after the last task");
    kt_note(kt,
            "%u switches, %u fills, %u failed, %u waited for a filler, %u pages out, %u in, %u ahead, %u "
            "hits, %u bad, "
            "%u direct reclaims",
            r->switches, r->fills, r->failed, r->waits, (unsigned)r->vt.vm.swap.pages_out,
            (unsigned)r->vt.vm.swap.pages_in, (unsigned)r->vt.vm.swap.readahead,
            (unsigned)r->vt.vm.swap.readahead_hits, r->vt.vm.swap.area[0]->bad,
            (unsigned)r->vt.vm.stats.direct_reclaims);
    EXPECT(r->vt.vm.swap.write_errors && r->failed && r->waits && r->vt.vm.swap.pages_in &&
               r->vt.vm.swap.readahead_hits,
           "reached everything");
    if (kt->failures)
        return; /* the other tasks stand in the middle of something */
    for (unsigned i = 0; i < ACTORS; i++)
        model_actor_end(&r->actor[i]);
    model_end(&r->world);
    object_put(r->slow);
    for (unsigned i = 0; i < TASKS; i++)
        kt_release(r->task[i].stack);
    vt_end(&r->vt);
}
