/*
 * Several tasks on one virtual memory system, switched wherever one of them sleeps, with disk requests that
 * complete whenever they like: every value is checked against a model, and the whole system is verified while
 * others are in the middle of something.
 */
#include "mm/errno.h"
#include "tests/host/fibers.h"
#include "tests/vmmodel.h"

#define RW         (REGION_READ | REGION_WRITE)
#define SWAP_PAGES 2400u

struct race {
    struct vt t;
    struct model_world world;
    struct model_actor actor[MODEL_ACTORS];
    unsigned tasks; /* that have not ended */
    uint32_t rounds;
    bool errors;                    /* inject them */
    bool ever_bad_read[SWAP_PAGES]; /* pages of the disk */
};

static struct race *of_kt; /* the race that runs, for the callbacks of the model */

static bool disk_event(void *arg)
{
    struct race *r = arg;
    struct kt *kt = r->t.kt;

    r->t.disk.early = kt_below(kt, 2);
    return testdisk_complete(&r->t.disk);
}

static void daemon(void *arg)
{
    struct race *r = arg;
    struct vm *vm = &r->t.vm;

    while (r->tasks) {
        if (!vm->daemon_kicked) {
            os_sleep(&vm->daemon_wait);
            continue;
        }
        vm->daemon_kicked = false;
        reclaim_daemon_round(vm);
        os_yield();
    }
}

static void task_ends(struct race *r)
{
    if (--r->tasks == 0)
        os_wake_all(&r->t.vm.daemon_wait);
}

/* A page of the disk that is needed: for reading, one that is out; for writing, one that is about to be used. */
static uint32_t useful_page(struct race *r, bool write)
{
    struct vm *vm = &r->t.vm;
    struct swap_area *a = vm->swap.area[0];
    struct kt *kt = r->t.kt;
    uint32_t page;

    if (write)
        return 1 + (a->hint + kt_below(kt, 2 * SWAP_CLUSTER)) % (a->pages - 1);
    for (unsigned i = 0; i < 20; i++) {
        page = 1 + kt_below(kt, a->pages - 1);
        if (swap_valid(vm, page) && !swap_cached(vm, page))
            break;
    }
    return page;
}

/* Let a sector go bad, or all be good again. */
static void change_errors(struct race *r)
{
    enum { SECTORS = PAGE_SIZE / BLOCK_SECTOR, MOST = 30 };
    struct testdisk *d = &r->t.disk;
    struct kt *kt = r->t.kt;
    uint32_t i = kt_below(kt, TESTDISK_FAULTS), sector = kt_below(kt, SECTORS), page;

    switch (kt_below(kt, 6)) {
    case 0:
        memset(d->bad_read, 0, sizeof d->bad_read);
        memset(d->bad_write, 0, sizeof d->bad_write);
        break;
    case 1:
        /* A page that cannot be written stays in memory, so there may not be many. */
        if (r->t.vm.swap.write_errors < MOST)
            d->bad_write[i] = (uint64_t)useful_page(r, true) * SECTORS + sector;
        break;
    default:
        page = useful_page(r, false);
        if (r->t.vm.swap.read_errors < 10 * MOST) {
            d->bad_read[i] = (uint64_t)page * SECTORS + sector;
            r->ever_bad_read[page] = true;
        }
    }
}

/* The page is in a slot that is retired, and lay on a sector that could not be read. */
static bool bus_is_right(struct model_world *w, struct space *s, vaddr_t va)
{
    struct vm *vm = &w->vt->vm;
    struct region *g = region_find(&s->regions, va);
    pte_t *e = pt_entry(&s->pt, va);
    uintptr_t word = 0;
    slot_t slot;

    if (e && pte_is_swap(*e))
        word = OBJECT_ENTRY_SLOT(pte_slot(*e));
    else if (g && g->object)
        word = radix_get(&g->object->index, g->offset + ((va - g->start) >> PAGE_SHIFT));
    if (!OBJECT_IS_SLOT(word))
        return false;
    slot = OBJECT_ENTRY_VALUE(word);
    return swap_bad(vm, slot) && !swap_cached(vm, slot) && of_kt->ever_bad_read[slot & (SWAP_AREA_PAGES - 1)];
}

static void actor_task(void *arg)
{
    struct model_actor *a = arg;
    struct race *r = of_kt;
    struct kt *kt = r->t.kt;

    for (uint32_t i = 0; i < r->rounds && !kt->failures; i++) {
        model_step(a);
        if (kt_below(kt, 3) == 0)
            os_yield();
        if (r->errors && kt_below(kt, 40) == 0)
            change_errors(r);
        if (kt_below(kt, 2000) == 0)
            EXPECT(vm_verify(&r->t.vm), "verification by actor %u in round %u", a->id, i);
    }
    model_actor_end(a);
    task_ends(r);
}

static void report(struct race *r)
{
    struct kt *kt = r->t.kt;
    struct vm *vm = &r->t.vm;

    kt_note(kt,
            "%u switches; %u faults, %u tables shared, %u split; pages %u out, %u in, %u read ahead of use; "
            "%u daemon rounds, %u direct reclaims; %u slots stolen",
            (unsigned)fibers_switches(), (unsigned)vm->stats.faults, (unsigned)vm->stats.tables_shared,
            (unsigned)vm->stats.tables_split, (unsigned)vm->swap.pages_out, (unsigned)vm->swap.pages_in,
            (unsigned)vm->swap.readahead_hits, (unsigned)vm->stats.daemon_rounds,
            (unsigned)vm->stats.direct_reclaims, (unsigned)vm->swap.stolen);
    if (r->errors)
        kt_note(kt, "%u read errors, %u write errors met; %u accesses got a bus error",
                (unsigned)vm->swap.read_errors, (unsigned)vm->swap.write_errors, r->world.bus_errors);
}

/* Let the fibres that were started run. */
static bool run(struct race *r)
{
    bool alive;

    fiber_start("daemon", daemon, r);
    r->t.disk.delayed = true;
    fibers_event(disk_event, r);
    alive = fibers_run(r->t.kt);
    r->t.disk.delayed = false;
    while (testdisk_complete(&r->t.disk)) /* writes that nobody waited for */
        ;
    return alive;
}

enum { ERRORS = 1, BY_HAND = 2 };

static void run_actors(struct kt *kt, unsigned actors, uint32_t rounds, uint32_t frames, uint32_t swap,
                       unsigned flags)
{
    static const char *const names[MODEL_ACTORS] = {"actor 0", "actor 1", "actor 2", "actor 3"};
    static struct race race; /* its parts are large */
    struct race *r = &race;
    struct vm *vm = &r->t.vm;

    memset(r, 0, sizeof *r);
    of_kt = r;
    if (!vt_begin(&r->t, kt, frames, frames * 2 / 5, swap))
        return;
    r->rounds = rounds / actors;
    r->errors = flags & ERRORS;
    REQUIRE(model_begin(&r->world, &r->t, actors), "no memory");
    r->world.pressed = !(flags & BY_HAND);
    if (r->errors)
        r->world.bus_is_right = bus_is_right;
    REQUIRE(model_actor_begin(&r->actor[0], &r->world, 0, NULL), "no memory");
    for (unsigned i = 0; i < 300; i++)
        model_step(&r->actor[0]);
    for (unsigned i = 1; i < actors; i++)
        REQUIRE(model_actor_begin(&r->actor[i], &r->world, i, &r->actor[0]), "no memory");
    r->tasks = actors;
    for (unsigned i = 0; i < actors; i++)
        fiber_start(names[i], actor_task, &r->actor[i]);
    REQUIRE(run(r), "a deadlock");
    report(r);
    EXPECT(vm->stats.tables_split && vm->swap.pages_in && vm->swap.readahead_hits && vm->stats.daemon_rounds,
           "something was never reached");
    EXPECT(r->t.disk.torn == 0, "%u pages changed on their way to the disk", r->t.disk.torn);
    if (r->errors)
        EXPECT(vm->swap.read_errors && vm->swap.write_errors && r->world.bus_errors, "no errors were met");
    model_end(&r->world);
    vt_end(&r->t);
}

TEST(race, four_actors)
{
    run_actors(kt, 4, 300000, 160, SWAP_PAGES, 0);
}

/* Swap so small that slots are taken from resident pages. */
TEST(race, swap_is_scarce)
{
    run_actors(kt, 3, 100000, 192, 200, 0);
}

TEST(race, evicting_by_hand)
{
    run_actors(kt, 4, 100000, 160, SWAP_PAGES, BY_HAND);
}

TEST(race, disk_errors)
{
    run_actors(kt, 4, 200000, 224, 700, ERRORS);
}
