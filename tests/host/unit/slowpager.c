/*
 * A pager that sleeps and fails, on the host only: several tasks ask for the pages of its object, which are
 * evicted, written and brought back meanwhile, while others run the random operations of vmmodel.h on the
 * same virtual memory system, and sectors of the disk fail to be written.
 */
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/reclaim.h"
#include "tests/host/fibers.h"
#include "tests/vmmodel.h"

#define ACTORS  2u
#define READERS 3u
#define PAGES   2500u /* of the slow object */

struct race;

struct reader {
    struct race *race;
    unsigned n;
};

struct race {
    struct kt *kt;
    struct vt vt;
    struct model_world world;
    struct model_actor actor[ACTORS];
    struct reader reader[READERS];
    unsigned working; /* tasks that end by themselves and have not */
    uint32_t rounds;
    /* the slow object */
    struct object *slow;
    uint32_t value[PAGES];
    bool filling[PAGES];
    uint32_t fills, failed, waits;
};

static bool disk_event(void *arg)
{
    struct race *r = arg;

    return testdisk_complete(&r->vt.disk);
}

/* Let other sectors fail to be written. Reading does not fail: the model has no word for a lost page. */
static void move_faults(struct race *r)
{
    const struct swap_area *a = r->vt.vm.swap.area[0];

    for (unsigned i = 0; i < TESTDISK_FAULTS; i++)
        r->vt.disk.bad_write[i] =
            a->bad < 200 ? (1 + kt_below(r->kt, a->pages - 1)) * (PAGE_SIZE / BLOCK_SECTOR) : 0;
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

static void reader(void *arg)
{
    struct race *r = ((struct reader *)arg)->race;
    unsigned n = ((struct reader *)arg)->n;
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
        if (kt_below(kt, index < 40 ? 500 : 3) == 0 && object_make_precious(r->slow, f) == 0) {
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
    r->working--;
}

static void actor(void *arg)
{
    struct model_actor *a = arg;
    struct race *r = container_of(a->world, struct race, world);
    struct kt *kt = r->kt;

    for (uint32_t i = 0; i < r->rounds && kt->failures < 5; i++) {
        model_step(a);
        if (kt_below(kt, 4) == 0)
            os_yield();
        if (i % 256 == 0)
            move_faults(r);
        if (a->id == 0 && i % 1000 == 0)
            EXPECT(vm_verify(&r->vt.vm), "in round %u", i);
    }
    r->working--;
}

static void daemon(void *arg)
{
    struct race *r = arg;

    while (r->working) {
        reclaim_daemon_round(&r->vt.vm);
        swap_finish(&r->vt.vm, false, true);
        /* Slow at times, so that tasks run out of frames and reclaim by themselves. */
        for (unsigned i = kt_below(r->kt, 400); i; i--)
            os_yield();
    }
}

static bool begin(struct race *r, struct kt *kt)
{
    *r = (struct race){.kt = kt, .rounds = 60000, .working = ACTORS + READERS};
    if (!vt_begin(&r->vt, kt, 400, 140, 4000))
        return false;
    r->slow = object_create(&r->vt.vm, &pager_slow, PAGES, "slow");
    r->slow->pager_data = r;
    for (uint32_t i = 0; i < PAGES; i++)
        r->value[i] = i + 1;
    if (!model_begin(&r->world, &r->vt, ACTORS))
        return false;
    for (unsigned i = 0; i < ACTORS; i++) {
        /* The second descends from the first, so that they share tables. */
        if (!model_actor_begin(&r->actor[i], &r->world, i, i ? &r->actor[0] : NULL))
            return false;
        fiber_start("actor", actor, &r->actor[i]);
    }
    for (unsigned i = 0; i < READERS; i++) {
        r->reader[i] = (struct reader){r, i};
        fiber_start("reader", reader, &r->reader[i]);
    }
    fiber_start("daemon", daemon, r);
    fibers_event(disk_event, r);
    r->vt.disk.delayed = true;
    return true;
}

TEST(slowpager, tasks_disk_and_pagers)
{
    static struct race state;
    struct race *r = &state;

    REQUIRE(begin(r, kt), "set-up");
    kt_capture_begin(); /* swap logs each error */
    EXPECT(fibers_run(kt), "every task comes to its end");
    kt_capture_end();
    while (testdisk_complete(&r->vt.disk))
        ;
    r->vt.disk.delayed = false;
    swap_finish(&r->vt.vm, false, true);
    EXPECT(vm_verify(&r->vt.vm), "after the last task");
    kt_note(kt, "%u switches, %u fills, %u failed, %u waited for a filler", (unsigned)fibers_switches(),
            r->fills, r->failed, r->waits);
    kt_note(kt, "%u pages out, %u in, %u ahead, %u hits, %u slots bad, %u direct reclaims",
            (unsigned)r->vt.vm.swap.pages_out, (unsigned)r->vt.vm.swap.pages_in,
            (unsigned)r->vt.vm.swap.readahead, (unsigned)r->vt.vm.swap.readahead_hits,
            r->vt.vm.swap.area[0]->bad, (unsigned)r->vt.vm.stats.direct_reclaims);
    EXPECT(r->vt.vm.swap.write_errors && r->failed && r->waits && r->vt.vm.swap.pages_in &&
               r->vt.vm.swap.readahead_hits,
           "reached everything");
    if (kt->failures)
        return; /* the other tasks stand in the middle of something */
    for (unsigned i = 0; i < ACTORS; i++)
        model_actor_end(&r->actor[i]);
    model_end(&r->world);
    object_put(r->slow);
    vt_end(&r->vt);
}
