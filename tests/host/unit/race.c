/*
 * Several tasks on one virtual memory system, switched wherever one of them sleeps, with disk requests that
 * complete whenever they like: every value is checked against a model, and the whole system is verified while
 * others are in the middle of something.
 */
#include "mm/errno.h"
#include "mm/machine.h"
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
    bool errors; /* inject them */
    bool ever_bad_read[SWAP_PAGES];
};

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
        reclaim_daemon_turn(vm);
        os_yield();
    }
}

static void task_ends(struct race *r)
{
    if (--r->tasks == 0)
        os_wake_all(&r->t.vm.daemon_wait);
}

static void actor_task(void *arg)
{
    struct model_actor *a = arg;
    struct race *r = container_of(a->world, struct race, world);
    struct kt *kt = r->t.kt;

    for (uint32_t i = 0; i < r->rounds && !kt->failures; i++) {
        model_step(a);
        if (kt_below(kt, 3) == 0)
            os_yield();
        if (r->errors && kt_below(kt, 40) == 0)
            model_change_errors(&r->world);
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
        kt_note(kt,
                "%u read errors, %u write errors met; %u accesses got a bus error; %u pages lost by swapoff",
                (unsigned)vm->swap.read_errors, (unsigned)vm->swap.write_errors, r->world.bus_errors,
                (unsigned)vm->swap.pages_lost);
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

enum { ERRORS = 1, BY_HAND = 2, CYCLES = 4, SETS = 8 };

static void run_actors(struct kt *kt, unsigned actors, uint32_t rounds, uint32_t frames, uint32_t swap,
                       unsigned flags)
{
    static const char *const names[MODEL_ACTORS] = {"actor 0", "actor 1", "actor 2", "actor 3"};
    static struct race race; /* its parts are large */
    struct race *r = &race;
    struct vm *vm = &r->t.vm;

    memset(r, 0, sizeof *r);
    if (!vt_begin(&r->t, kt, frames, frames * 2 / 5, swap))
        return;
    r->rounds = rounds / actors;
    r->errors = flags & ERRORS;
    if (flags & SETS) {
        vm->rss_limit = 24;
        REQUIRE(reclaim_set_policy(vm, &policy_vms) == 0, "no memory");
    }
    REQUIRE(model_begin(&r->world, &r->t, actors), "no memory");
    r->world.pressed = !(flags & BY_HAND);
    r->world.cycles = flags & CYCLES;
    if (r->errors)
        r->world.ever_bad_read = r->ever_bad_read;
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
    EXPECT(vm->stats.tables_split && vm->swap.pages_in && vm->swap.readahead_hits && r->world.moves,
           "something was never reached");
    EXPECT(flags & CYCLES ? r->world.swapoffs : vm->stats.daemon_rounds, "something was never reached");
    EXPECT(r->t.disk.torn == 0, "%u pages changed on their way to the disk", r->t.disk.torn);
    if (flags & SETS) {
        struct policy_counts c = pageable_counts(&vm->pageable);

        kt_note(kt, "%u set aside, %u and %u put back, %u written and kept", (unsigned)c.parked,
                (unsigned)c.salvaged_clean, (unsigned)c.salvaged_dirty, (unsigned)c.washed);
        EXPECT(c.salvaged_clean && c.salvaged_dirty && c.washed, "something was never reached");
    }
    if (r->errors)
        EXPECT(vm->swap.read_errors && vm->swap.write_errors && r->world.bus_errors, "no errors were met");
    if (r->errors && flags & CYCLES)
        EXPECT(vm->swap.pages_lost, "no page was lost");
    model_end(&r->world);
    vt_end(&r->t);
}

TEST(race, four_actors)
{
    run_actors(kt, 4, 150000, 160, SWAP_PAGES, 0);
}

/* Swap so small that slots are taken from resident pages. */
TEST(race, swap_is_scarce)
{
    run_actors(kt, 3, 50000, 192, 200, 0);
}

TEST(race, evicting_by_hand)
{
    run_actors(kt, 4, 50000, 160, SWAP_PAGES, BY_HAND);
}

/* Everything fits into memory, and the disk is taken away and given back while others use it. */
TEST(race, swap_comes_and_goes)
{
    run_actors(kt, 4, 100000, 3000, SWAP_PAGES, BY_HAND | CYCLES);
}

/* The same, and what the disk cannot read does not keep it on. */
TEST(race, swap_comes_and_goes_and_fails)
{
    run_actors(kt, 4, 100000, 3000, SWAP_PAGES, BY_HAND | CYCLES | ERRORS);
}

/* Each program has a share that is too small, and pages are written while they are set aside. */
TEST(race, pages_are_set_aside)
{
    run_actors(kt, 4, 100000, 200, SWAP_PAGES, SETS);
}

TEST(race, pages_are_set_aside_and_the_disk_fails)
{
    run_actors(kt, 4, 100000, 224, 700, SETS | ERRORS);
}

TEST(race, disk_errors)
{
    run_actors(kt, 4, 100000, 224, 700, ERRORS);
}

/* --- several tasks in one space --- */

#define THREADS      4u
#define COMMON_PAGES 48u
#define COMMON       ((vaddr_t)0x800000 - COMMON_PAGES / 3 * (vaddr_t)PAGE_SIZE) /* across two tables */
#define OWN_PAGES    8u
#define OWN_AT(id)   (COMMON + (COMMON_PAGES + (id)*2 * OWN_PAGES) * (vaddr_t)PAGE_SIZE)

#define STACK_PAGES   24u
#define STACK_TOP(id) ((vaddr_t)0x10000000 + (id)*2 * SPACE_STACK_GAP)

struct thread {
    struct race *r;
    struct threads *all;
    unsigned id;
    uint32_t common[COMMON_PAGES]; /* what its words hold */
    uint32_t own[OWN_PAGES];
    bool stack;
    enum { OWN_NONE, OWN_PRIVATE, OWN_OBJECT, OWN_FRESH } mapped;
};

struct threads {
    struct space *s;
    struct object *object[THREADS];
    struct thread thread[THREADS];
    unsigned limits;   /* times that rights were taken away */
    bool limited;      /* they are now */
    uint64_t refusals; /* accesses that met that */
};

static vaddr_t common_word(const struct thread *me, unsigned page)
{
    return COMMON + page * PAGE_SIZE + me->id * 256;
}

/* Whether an access was refused as it may be, since another thread takes rights away for a while. */
static bool refused(struct thread *me, enum fault_verdict v, bool limited, unsigned limits)
{
    struct threads *all = me->all;

    if (v != FAULT_ACCERR || !(limited || all->limited || all->limits != limits))
        return false;
    all->refusals++;
    return true;
}

static void thread_read(struct thread *me, unsigned page)
{
    struct threads *all = me->all;
    struct kt *kt = me->r->t.kt;
    bool limited = all->limited;
    unsigned limits = all->limits;
    uint32_t got = 0;
    enum fault_verdict v = vt_read(all->s, common_word(me, page), &got);

    if (refused(me, v, limited, limits))
        return;
    EXPECT(v == FAULT_RESUME && got == me->common[page], "thread %u reads page %u: %s, %x, not %x", me->id,
           page, fault_verdict_name(v), got, me->common[page]);
}

static void thread_write(struct thread *me, unsigned page)
{
    struct threads *all = me->all;
    struct kt *kt = me->r->t.kt;
    bool limited = all->limited;
    unsigned limits = all->limits;
    uint32_t value = kt_random(kt);
    enum fault_verdict v = vt_write(all->s, common_word(me, page), value);

    if (refused(me, v, limited, limits))
        return;
    EXPECT(v == FAULT_RESUME, "thread %u writes page %u: %s", me->id, page, fault_verdict_name(v));
    me->common[page] = value;
}

static void thread_limit(struct thread *me, unsigned page, unsigned n)
{
    struct threads *all = me->all;
    struct kt *kt = me->r->t.kt;
    vaddr_t va = COMMON + page * PAGE_SIZE;
    int err;

    if (all->limited)
        return;
    all->limited = true;
    all->limits++;
    err = space_protect(all->s, va, n * PAGE_SIZE, kt_below(kt, 2) ? REGION_READ : 0);
    EXPECT(err == 0, "protect %d", err);
    for (unsigned i = kt_below(kt, 8); i > 0; i--)
        os_yield();
    err = space_protect(all->s, va, n * PAGE_SIZE, RW);
    EXPECT(err == 0, "protect %d", err);
    all->limited = false;
}

/* My words cannot change while I fork; the child has them, and keeps them. */
static void thread_fork(struct thread *me)
{
    struct threads *all = me->all;
    struct kt *kt = me->r->t.kt;
    struct space *child;
    int err = space_fork(all->s, &child);

    EXPECT(err == 0, "fork %d", err);
    if (err)
        return;
    EXPECT(space_verify(child), "the child of thread %u", me->id);
    for (unsigned i = 0; i < 12; i++) {
        unsigned page = kt_below(kt, COMMON_PAGES);
        uint32_t got = 0;
        enum fault_verdict v = vt_read(child, common_word(me, page), &got);

        EXPECT(v == FAULT_ACCERR || (v == FAULT_RESUME && got == me->common[page]),
               "child of thread %u reads page %u: %s, %x, not %x", me->id, page, fault_verdict_name(v), got,
               me->common[page]);
        v = vt_write(child, common_word(me, page) + 4, got);
        EXPECT(v == FAULT_RESUME || v == FAULT_ACCERR, "child writes: %s", fault_verdict_name(v));
        if (kt_below(kt, 2))
            os_yield();
    }
    space_destroy(child);
}

static int zero_get(struct object *o, uint32_t index, struct frame *f)
{
    (void)index;
    frame_clear(o->vm->pool, frame_pfn(o->vm->pool, f));
    return 0;
}

static bool zero_has(struct object *o, uint32_t index)
{
    (void)o;
    (void)index;
    return true;
}

static void end_slowly(struct object *o)
{
    (void)o;
    for (unsigned i = 0; i < 6; i++)
        os_yield();
}

static const struct pager pager_ends_slowly = {
    .name = "ends slowly", .get = zero_get, .has = zero_has, .destroy = end_slowly};

/* Objects that nobody else has, side by side: replacing or unmapping them ends them, one after the other. */
static void map_fresh(struct thread *me)
{
    struct threads *all = me->all;
    struct kt *kt = me->r->t.kt;

    for (unsigned i = 0; i < OWN_PAGES; i += 2) {
        struct object *o = object_create(&me->r->t.vm, &pager_ends_slowly, 2, "fresh");
        vaddr_t va = OWN_AT(me->id) + i * PAGE_SIZE;
        int err = o ? space_map(all->s, &va, 2 * PAGE_SIZE, MAP_AT | RW | REGION_SHARED, o, 0) : -ENOMEM;

        EXPECT(err == 0, "mapping a fresh object: %d", err);
        if (o)
            object_put(o);
    }
}

/* Mappings of its own in the common space: other threads' faults meet a tree that changes. */
static void thread_map(struct thread *me)
{
    struct threads *all = me->all;
    struct kt *kt = me->r->t.kt;
    vaddr_t va = OWN_AT(me->id);
    int err = 0;

    me->mapped = me->mapped == OWN_FRESH || kt_below(kt, 2) ? kt_below(kt, OWN_FRESH) : OWN_FRESH;
    if (me->mapped == OWN_NONE)
        err = space_unmap(all->s, va, OWN_PAGES * PAGE_SIZE);
    else if (me->mapped == OWN_FRESH)
        map_fresh(me);
    else if (me->mapped == OWN_OBJECT)
        err = space_map(all->s, &va, OWN_PAGES * PAGE_SIZE, MAP_AT | RW | REGION_SHARED, all->object[me->id],
                        0);
    else
        err = space_map(all->s, &va, OWN_PAGES * PAGE_SIZE, MAP_AT | RW, NULL, 0);
    EXPECT(err == 0, "mapping %u: %d", me->mapped, err);
    for (unsigned i = 0; i < OWN_PAGES; i++) {
        uint32_t got = 0, want = me->mapped == OWN_OBJECT ? me->own[i] : 0;

        if (kt_below(kt, 4) == 0)
            os_yield(); /* a fault of another thread meets the mapping that it did not begin with */
        enum fault_verdict v = vt_read(all->s, va + i * PAGE_SIZE, &got);

        if (me->mapped == OWN_NONE) {
            EXPECT(v == FAULT_MAPERR, "thread %u, nothing mapped: %s", me->id, fault_verdict_name(v));
            continue;
        }
        EXPECT(v == FAULT_RESUME && got == want, "thread %u, mapping %u, page %u: %s, %x, not %x", me->id,
               me->mapped, i, fault_verdict_name(v), got, want);
        v = vt_write(all->s, va + i * PAGE_SIZE, got + 1);
        EXPECT(v == FAULT_RESUME, "thread %u writes: %s", me->id, fault_verdict_name(v));
        if (me->mapped == OWN_OBJECT)
            me->own[i]++;
    }
}

/* A stack that grows while others fork. */
static void thread_stack(struct thread *me)
{
    struct threads *all = me->all;
    struct kt *kt = me->r->t.kt;
    vaddr_t top = STACK_TOP(me->id), va = top - PAGE_SIZE;
    uint32_t value = kt_random(kt), got = 0;

    if (!me->stack || kt_below(kt, 8) == 0) {
        int err = space_unmap(all->s, top - STACK_PAGES * PAGE_SIZE, STACK_PAGES * PAGE_SIZE);

        EXPECT(err == 0, "unmap %d", err);
        err = space_map(all->s, &va, PAGE_SIZE, MAP_AT | RW | REGION_GROWSDOWN, NULL, 0);
        EXPECT(err == 0, "map %d", err);
        me->stack = true;
    }
    va = top - (1 + kt_below(kt, STACK_PAGES)) * PAGE_SIZE;
    enum fault_verdict v = vt_write(all->s, va, value);

    EXPECT(v == FAULT_RESUME, "thread %u pushes: %s", me->id, fault_verdict_name(v));
    v = vt_read(all->s, va, &got);
    EXPECT(v == FAULT_RESUME && got == value, "thread %u pops: %s, %x, not %x", me->id, fault_verdict_name(v),
           got, value);
}

/* Look at what another thread maps and unmaps meanwhile. */
static void thread_peek(struct thread *me)
{
    struct kt *kt = me->r->t.kt;
    unsigned other = kt_below(kt, THREADS);

    for (unsigned i = 0; i < OWN_PAGES; i += 2) {
        uint32_t value;
        enum fault_verdict v = vt_read(me->all->s, OWN_AT(other) + (i + kt_below(kt, 2)) * PAGE_SIZE, &value);

        EXPECT(v == FAULT_RESUME || v == FAULT_MAPERR, "thread %u peeks: %s", me->id, fault_verdict_name(v));
    }
}

static void thread_task(void *arg)
{
    struct thread *me = arg;
    struct race *r = me->r;
    struct kt *kt = r->t.kt;

    for (uint32_t i = 0; i < r->rounds && !kt->failures; i++) {
        unsigned op = kt_below(kt, 200), page = kt_below(kt, COMMON_PAGES);

        if (op < 80)
            thread_read(me, page);
        else if (op < 160)
            thread_write(me, page);
        else if (op < 166)
            thread_limit(me, page, 1 + kt_below(kt, COMMON_PAGES - page));
        else if (op < 170)
            thread_fork(me);
        else if (op < 176)
            thread_map(me);
        else if (op < 180)
            thread_stack(me);
        else if (op < 196)
            thread_peek(me);
        else
            reclaim_run(&r->t.vm, 1 + kt_below(kt, 40));
        if (kt_below(kt, 3) == 0)
            os_yield();
        if (kt_below(kt, 2000) == 0)
            EXPECT(vm_verify(&r->t.vm), "verification by thread %u in round %u", me->id, i);
    }
    task_ends(r);
}

TEST(race, threads_of_one_space)
{
    static const char *const names[THREADS] = {"thread 0", "thread 1", "thread 2", "thread 3"};
    static struct race race;
    static struct threads all;
    vaddr_t va = COMMON;

    memset(&race, 0, sizeof race);
    memset(&all, 0, sizeof all);
    if (!vt_begin(&race.t, kt, 112, 40, 600))
        return;
    race.rounds = 60000;
    race.tasks = THREADS;
    all.s = space_create(&race.t.vm);
    REQUIRE(all.s && space_map(all.s, &va, COMMON_PAGES * PAGE_SIZE, RW | MAP_AT, NULL, 0) == 0, "no memory");
    for (unsigned i = 0; i < THREADS; i++) {
        all.object[i] = object_create(&race.t.vm, &pager_zero, OWN_PAGES, "own");
        REQUIRE(all.object[i], "no memory");
        all.thread[i] = (struct thread){.r = &race, .all = &all, .id = i};
        fiber_start(names[i], thread_task, &all.thread[i]);
    }
    REQUIRE(run(&race), "a deadlock");
    report(&race);
    kt_note(kt, "%u accesses refused while rights were taken away", (unsigned)all.refusals);
    EXPECT(all.refusals && race.t.vm.stats.tables_split && race.t.vm.swap.pages_in &&
               race.t.vm.stats.daemon_rounds,
           "something was never reached");
    EXPECT(race.t.disk.torn == 0, "%u pages changed on their way to the disk", race.t.disk.torn);
    for (unsigned i = 0; i < THREADS && !kt->failures; i++)
        for (unsigned page = 0; page < COMMON_PAGES; page++)
            thread_read(&all.thread[i], page);
    space_destroy(all.s);
    for (unsigned i = 0; i < THREADS; i++)
        object_put(all.object[i]);
    vt_end(&race.t);
}

/* --- objects and spaces that end while their pages are on the way --- */

#define LIFE_PAGES 20u

struct life {
    struct race *r;
    unsigned id;
};

static void life_task(void *arg)
{
    struct life *me = arg;
    struct race *r = me->r;
    struct vm *vm = &r->t.vm;
    struct kt *kt = r->t.kt;

    for (uint32_t round = 0; round < r->rounds && !kt->failures; round++) {
        struct object *o = object_create(vm, &pager_zero, LIFE_PAGES, "life");
        struct space *s = space_create(vm), *t = NULL;
        vaddr_t va = 0x400000, vp = 0x480000;
        uint32_t base = kt_random(kt), got = 0;

        REQUIRE(o && s, "no memory");
        EXPECT(space_map(s, &va, LIFE_PAGES * PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
        EXPECT(space_map(s, &vp, LIFE_PAGES * PAGE_SIZE, RW | MAP_AT, NULL, 0) == 0, "map");
        object_put(o);
        for (unsigned i = 0; i < LIFE_PAGES; i++) {
            EXPECT(vt_write(s, va + i * PAGE_SIZE, base + i) == FAULT_RESUME, "write");
            EXPECT(vt_write(s, vp + i * PAGE_SIZE, base - i) == FAULT_RESUME, "write");
        }
        EXPECT(space_fork(s, &t) == 0, "fork");
        for (unsigned i = kt_below(kt, 2 * LIFE_PAGES); i > 0; i--) {
            unsigned page = kt_below(kt, LIFE_PAGES);
            struct space *x = kt_below(kt, 2) && t ? t : s;

            EXPECT(vt_read(x, va + page * PAGE_SIZE, &got) == FAULT_RESUME && got == base + page,
                   "shared page %u is %x, not %x", page, got, base + page);
            EXPECT(vt_read(x, vp + page * PAGE_SIZE, &got) == FAULT_RESUME && got == base - page,
                   "private page %u is %x, not %x", page, got, base - page);
            if (kt_below(kt, 4) == 0)
                os_yield();
        }
        /* In the middle of writes that nobody waits for. */
        space_destroy(s);
        if (t)
            space_destroy(t);
        if (kt_below(kt, 300) == 0)
            EXPECT(vm_verify(vm), "verification by %u in round %u", me->id, round);
    }
    task_ends(r);
}

TEST(race, lives_end_during_io)
{
    static struct race race;
    struct life life[3];

    memset(&race, 0, sizeof race);
    if (!vt_begin(&race.t, kt, 96, 48, 600))
        return;
    race.rounds = 1500;
    race.tasks = ARRAY_LEN(life);
    for (unsigned i = 0; i < ARRAY_LEN(life); i++) {
        life[i] = (struct life){.r = &race, .id = i};
        fiber_start("life", life_task, &life[i]);
    }
    REQUIRE(run(&race), "a deadlock");
    report(&race);
    EXPECT(race.t.disk.torn == 0, "%u pages changed on their way to the disk", race.t.disk.torn);
    EXPECT(race.t.vm.swap.pages_in && race.t.vm.stats.daemon_rounds, "something was never reached");
    vt_end(&race.t);
}

/* --- waiting for one page --- */

struct reader {
    struct kt *kt;
    struct space *s;
    vaddr_t va;
    uint32_t want;
};

static void reader_task(void *arg)
{
    struct reader *me = arg;
    struct kt *kt = me->kt;
    uint32_t got = 0;
    enum fault_verdict v = vt_read(me->s, me->va, &got);

    EXPECT(v == FAULT_RESUME && got == me->want, "space %u: %s, %u", me->s->id, fault_verdict_name(v), got);
}

/* A pager that takes its time, but does no I/O. */
static int slow_get(struct object *o, uint32_t index, struct frame *f)
{
    struct frame_pool *pool = o->vm->pool;
    uint32_t *page;

    for (unsigned i = 0; i < 10; i++)
        os_yield();
    frame_clear(pool, frame_pfn(pool, f));
    page = window_open(pool, frame_pfn(pool, f));
    page[0] = 33 + index;
    window_close(pool, page);
    return 0;
}

static const struct pager pager_slow = {.name = "slow", .get = slow_get, .has = zero_has};

/* Several tasks want the same page, and no other I/O ends and wakes those that were forgotten. */
TEST(race, all_who_wait_are_woken)
{
    static struct race race;
    struct reader reader[4];
    vaddr_t kind[3] = {0x400000, 0x800000, 0xC00000};
    const uint32_t want[3] = {11, 22, 33};
    struct vm *vm = &race.t.vm;
    struct object *o, *slow;

    memset(&race, 0, sizeof race);
    if (!vt_begin(&race.t, kt, 128, 32, 64))
        return;
    o = object_create(vm, &pager_zero, 1, "shared");
    slow = object_create(vm, &pager_slow, 1, "slow");
    reader[0].s = space_create(vm);
    REQUIRE(o && slow && reader[0].s, "no memory");
    EXPECT(space_map(reader[0].s, &kind[0], PAGE_SIZE, RW | MAP_AT, NULL, 0) == 0, "map");
    EXPECT(space_map(reader[0].s, &kind[1], PAGE_SIZE, RW | REGION_SHARED | MAP_AT, o, 0) == 0, "map");
    EXPECT(space_map(reader[0].s, &kind[2], PAGE_SIZE, REGION_READ | REGION_SHARED | MAP_AT, slow, 0) == 0,
           "map");
    EXPECT(vt_write(reader[0].s, kind[0], 11) == FAULT_RESUME &&
               vt_write(reader[0].s, kind[1], 22) == FAULT_RESUME,
           "write");
    for (unsigned i = 1; i < ARRAY_LEN(reader); i++)
        REQUIRE(space_fork(reader[0].s, &reader[i].s) == 0, "no memory");
    for (unsigned round = 0; round < 150 && !kt->failures; round++) {
        vaddr_t va = kind[round % 3];

        race.t.disk.delayed = false;
        for (unsigned i = 0; i < ARRAY_LEN(reader); i++) {
            pte_t *e = pt_resident_entry(&reader[i].s->pt, va);

            if (e && pte_has_frame(*e))
                EXPECT(reclaim_evict(vm, pfn_frame(race.t.pool, pte_pfn(*e))) == 0, "evict");
        }
        race.t.disk.delayed = true;
        for (unsigned i = 0; i < ARRAY_LEN(reader); i++) {
            reader[i].kt = kt;
            reader[i].va = va;
            reader[i].want = want[round % 3];
            fiber_start("reader", reader_task, &reader[i]);
        }
        fibers_event(disk_event, &race);
        EXPECT(fibers_run(kt), "a deadlock in round %u", round);
    }
    for (unsigned i = 0; i < ARRAY_LEN(reader); i++)
        space_destroy(reader[i].s);
    object_put(slow);
    object_put(o);
    EXPECT(vm->swap.pages_in >= 100, "%u pages came in", (unsigned)vm->swap.pages_in);
    vt_end(&race.t);
}

/* --- several who take the same page away --- */

struct removal {
    struct kt *kt;
    struct object *o;
    unsigned done, of;
};

static void remover_task(void *arg)
{
    struct removal *r = arg;

    object_discard(r->o, 0, 2);
    r->done++;
}

/* Works with page 0 when the others come, and lets it go later. */
static void user_task(void *arg)
{
    struct removal *r = arg;
    struct kt *kt = r->kt;
    struct waitq nobody = {0};
    struct frame *f;

    REQUIRE(object_page(r->o, 0, &f) == 0, "no memory");
    for (unsigned i = 0; i < r->of; i++)
        fiber_serve("remover", remover_task, r, NULL);
    os_sleep_until(&nobody, os_now_ns() + 10000000);
    EXPECT(r->done == 0 && object_resident(r->o, 0) == f, "%u have taken away a pinned page", r->done);
    frame_unpin(f);
    os_sleep_until(&nobody, os_now_ns() + 100000000);
    EXPECT(r->done == r->of, "%u of %u have taken it away", r->done, r->of);
}

TEST(race, who_waits_for_a_page_does_not_wait_for_others_who_do)
{
    static struct race race;
    struct removal r = {.kt = kt, .of = 3};

    memset(&race, 0, sizeof race);
    if (!vt_begin(&race.t, kt, 128, 32, 64))
        return;
    r.o = object_create(&race.t.vm, &pager_zero, 2, "shared");
    REQUIRE(r.o, "no memory");
    fiber_start("user", user_task, &r);
    fibers_event(disk_event, &race);
    REQUIRE(fibers_run(kt) && r.done == r.of, "they wait for each other");
    EXPECT(!radix_get(&r.o->index, 0) && vm_verify(&race.t.vm), "nothing is left");
    object_put(r.o);
    vt_end(&race.t);
}
