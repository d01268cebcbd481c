/* Events: the ring by itself, and its records against the counters of a random run. */
#include "mm/event.h"
#include "mm/rmap.h"
#include "tests/vmmodel.h"
#include "tests/vtcheck.h"

/* A record of the ring's own making, as a program's page in a space. */
static void make(struct event_ring *r, uint32_t where)
{
    struct event_record *e = event_new(r);

    *e = (struct event_record){
        .time = e->time, .kind = EVENT_FAULT, .flags = EVENT_OF_SPACE, .who = 1, .where = where};
}

/* Of one test at a time. */
static struct event_record records[4096];

TEST(event, ring)
{
    static struct event_ring r;
    struct event_record e;
    uint32_t n = 0;

    event_ring_init(&r, true);
    EXPECT(event_first(&r) == 0 && event_last(&r) == 0 && !event_get(&r, 0, &e), "empty");
    for (; n < EVENT_LEAST + 5; n++)
        make(&r, n);
    EXPECT(event_last(&r) == n && event_first(&r) == 5, "[%u, %u)", (unsigned)event_first(&r),
           (unsigned)event_last(&r));
    EXPECT(!event_get(&r, 4, &e) && !event_get(&r, n, &e), "what is lost, and what is to come");
    for (uint32_t i = 5; i < n; i++)
        EXPECT(event_get(&r, i, &e) && e.where == i, "record %u is that of %u", i, e.where);
    EXPECT(event_verify(&r), "verification");

    /* A larger ring goes on with what there is, and numbers stay. */
    event_ring_use(&r, records, (EVENT_LEAST * 2) * sizeof *records);
    EXPECT(event_first(&r) == 5 && event_last(&r) == n, "moved: [%u, %u)", (unsigned)event_first(&r),
           (unsigned)event_last(&r));
    for (; n < EVENT_LEAST * 7; n++) {
        make(&r, n);
        EXPECT(event_get(&r, n, &e) && e.where == n, "record %u is that of %u", n, e.where);
    }
    for (uint64_t i = event_first(&r); i < n; i++)
        EXPECT(event_get(&r, i, &e) && e.where == i, "record %u is that of %u", (unsigned)i, e.where);
    EXPECT(event_last(&r) - event_first(&r) == EVENT_LEAST * 2, "full");
    EXPECT(event_verify(&r), "verification");
    KT_BREAK(event_verify(&r), "INV-EVENT-1", r.next, r.start - 1);
    KT_BREAK(event_verify(&r), "INV-EVENT-1", r.next, r.start + r.count + 1);
    KT_BREAK(event_verify(&r), "INV-EVENT-1", r.next, (struct event_record *)((char *)r.start + 8));
    KT_BREAK(event_verify(&r), "INV-EVENT-2", r.start[3].kind, EVENT_KINDS);
    KT_BREAK(event_verify(&r), "INV-EVENT-2", r.start[3].who, 0);
    KT_BREAK(event_verify(&r), "INV-EVENT-3", r.start[3].time, 0);
    KT_BREAK(event_verify(&r), "INV-EVENT-4", r.end, NULL);
    EXPECT(event_verify(&r), "whole again");

    /* Without the clock every record takes the slow way, and is numbered alike. */
    event_ring_init(&r, false);
    for (n = 0; n < EVENT_LEAST * 3 + 1; n++)
        make(&r, n);
    EXPECT(event_last(&r) == n && event_first(&r) == n - EVENT_LEAST && event_verify(&r), "[%u, %u)",
           (unsigned)event_first(&r), (unsigned)event_last(&r));
    EXPECT(event_get(&r, n - 1, &e) && e.where == n - 1, "the last");
}

/* --- against the counters --- */

enum worth { ONE, ARG, WHERE, COST };

/* A counter, and the records that it counts: of this kind, with value in what, or in flags, under a mask. */
struct rule {
    const char *counter;
    size_t at;
    enum event_kind kind;
    enum worth worth;
    uint8_t mask, value;   /* of what */
    uint8_t flag, flagged; /* of flags */
    bool of_nothing;       /* arg has to be 0 */
    const char *exempt;    /* why no record is made for it */
};

#define AT(field) .counter = #field, .at = offsetof(struct vm_stats, field)

static const struct rule rules[] = {
    {AT(faults), .kind = EVENT_FAULT, .flag = EVENT_IS_TOUCH},
    {AT(tables_shared), .kind = EVENT_SHARED, .worth = ARG},
    {AT(tables_split), .kind = EVENT_SPLIT},
    {AT(tables_claimed), .kind = EVENT_CLAIMED},
    {AT(evicted), .kind = EVENT_EVICTED, .mask = EVENT_WAY_UNMAPPED, .value = EVENT_WAY_UNMAPPED},
    {AT(evicted_clean), .kind = EVENT_EVICTED, .mask = EVENT_WAY_CLEAN, .value = EVENT_WAY_CLEAN},
    {AT(lazy_freed), .kind = EVENT_EVICTED, .mask = EVENT_WAY_GIVEN_UP, .value = EVENT_WAY_GIVEN_UP},
    {AT(scanned), .kind = EVENT_LOOKED, .worth = ARG},
    {AT(scanned_direct), .kind = EVENT_RECLAIMED, .worth = WHERE, .mask = 1, .value = 1},
    {AT(evicted_direct), .kind = EVENT_RECLAIMED, .worth = COST, .mask = 1, .value = 1},
    {AT(reclaim_failures), .kind = EVENT_RECLAIMED, .of_nothing = true},
    {AT(reactivated), .kind = EVENT_REACTIVATED, .worth = ARG},
    {AT(tables_out), .kind = EVENT_TABLE_OUT},
    {AT(tables_in), .kind = EVENT_TABLE_IN},
    {AT(tables_emptied), .kind = EVENT_TABLE_EMPTIED},
    {AT(tables_lost), .kind = EVENT_TABLE_LOST},
    {AT(moves), .kind = EVENT_MOVED},
    {AT(mapped_ahead), .kind = EVENT_MAPPED_AHEAD, .worth = COST},
    {AT(major), .kind = EVENT_FAULT, .flag = EVENT_IS_MAJOR, .flagged = EVENT_IS_MAJOR},
    {AT(direct_reclaims),
     .exempt = "counts allocations that had to wait: each leads to runs, which are recorded"},
    {AT(daemon_rounds), .exempt = "counts rounds, each of one or two runs, which are recorded"},
    {AT(oom_kills), .kind = EVENT_KILLED, .exempt = "is counted and recorded above mm/"},
    {AT(cache_drops), .exempt = "counts wishes of the operator, not pages"},
    {AT(slab_drops), .exempt = "counts wishes of the operator, not pages"},
};

/* Of struct swap. */
static const struct rule swap_rules[] = {
    {.counter = "pages_in", .at = offsetof(struct swap, pages_in), .kind = EVENT_READ, .mask = 1},
    {.counter = "pages_out", .at = offsetof(struct swap, pages_out), .kind = EVENT_WRITE_ENDED, .mask = 1},
    {.counter = "readahead", .at = offsetof(struct swap, readahead), .kind = EVENT_READ_AHEAD},
    {.counter = "readahead_hits", .at = offsetof(struct swap, readahead_hits), .kind = EVENT_AHEAD_USED},
    {.counter = "stolen", .at = offsetof(struct swap, stolen), .kind = EVENT_STOLEN},
    {.counter = "pages_lost", .at = offsetof(struct swap, pages_lost), .kind = EVENT_PAGE_LOST},
};

struct counted {
    uint64_t by_rule[ARRAY_LEN(rules)], by_swap_rule[ARRAY_LEN(swap_rules)];
    uint64_t by_action[FAULT_ACTIONS], parked, salvaged[2];
    uint64_t next; /* number of the record that is counted next */
    uint64_t lost;
};

static uint64_t worth_of(const struct rule *r, const struct event_record *e)
{
    if (r->exempt || e->kind != r->kind || (e->what & r->mask) != r->value ||
        (e->flags & r->flag) != r->flagged || (r->of_nothing && e->arg))
        return 0;
    return r->worth == ARG ? e->arg : r->worth == WHERE ? e->where : r->worth == COST ? e->cost : 1;
}

static void count(struct counted *c, const struct event_ring *ring)
{
    struct event_record e;

    if (c->next < event_first(ring)) {
        c->lost += event_first(ring) - c->next;
        c->next = event_first(ring);
    }
    for (; event_get(ring, c->next, &e); c->next++) {
        for (size_t i = 0; i < ARRAY_LEN(rules); i++)
            c->by_rule[i] += worth_of(&rules[i], &e);
        for (size_t i = 0; i < ARRAY_LEN(swap_rules); i++)
            c->by_swap_rule[i] += worth_of(&swap_rules[i], &e);
        if ((e.kind == EVENT_FAULT || e.kind == EVENT_STEP) && e.what < FAULT_ACTIONS)
            c->by_action[e.what]++;
        c->by_action[FAULT_OWN_TABLE] += e.kind == EVENT_FAULT && e.flags & EVENT_HAD_TABLE;
        c->parked += e.kind == EVENT_PARKED;
        if (e.kind == EVENT_SALVAGED)
            c->salvaged[e.what & 1]++;
    }
}

static void compare(struct kt *kt, const struct rule *r, const void *stats, uint64_t counted)
{
    uint64_t said;

    memcpy(&said, (const char *)stats + r->at, sizeof said);
    EXPECT(r->exempt || said == counted, "%s: the counter says %llu, the events %llu", r->counter,
           (unsigned long long)said, (unsigned long long)counted);
}

/* Each counter of struct vm_stats has a rule. */
TEST(event, rules_are_complete)
{
    bool has_rule[sizeof(struct vm_stats) / sizeof(uint64_t)] = {false};

    for (size_t a = 0; a < VM_ACTIONS; a++)
        has_rule[offsetof(struct vm_stats, by_action) / sizeof(uint64_t) + a] = true;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        has_rule[rules[i].at / sizeof(uint64_t)] = true;
    for (size_t i = 0; i < ARRAY_LEN(has_rule); i++)
        EXPECT(has_rule[i], "counter %u of struct vm_stats", (unsigned)i);
}

/* Random operations, with pages set aside in every second stretch; what happens in one step fits the ring. */
TEST(event, equal_the_counters)
{
    static struct counted c;
    struct vt t;
    struct model_world w;
    struct model_actor a;
    struct policy_counts p;
    uint32_t rounds = kt_rounds(kt, 200000);

    if (!vt_begin(&t, kt, 224, 96, 700))
        return;
    event_ring_use(&t.vm.events, records, 4096 * sizeof *records);
    c = (struct counted){0};

    bool begun = model_begin(&w, &t, 1);

    w.cycles = w.caches = true;
    t.vm.rss_limit = 24;
    vt_own_time(&t);
    if (begun && model_actor_begin(&a, &w, 0, NULL)) {
        for (uint32_t i = 0; i < rounds && !kt->failures; i++) {
            vt_pass(i / 512 % 2 ? 100000000 : 1000000);
            model_step(&a);
            count(&c, &t.vm.events);
            t.vm.low_rest_until = 0;
            if (i % 64 == 0)
                reclaim_daemon_round(&t.vm);
            count(&c, &t.vm.events);
            if (i % 500 == 0) {
                reclaim_set_policy(&t.vm, i % 1000 ? policies[0] : &policy_vms);
                EXPECT(event_verify(&t.vm.events), "verification in round %u", i);
            }
            count(&c, &t.vm.events);
        }
        model_actor_end(&a);
    }
    count(&c, &t.vm.events);
    model_end(&w);
    swap_quiet(&t.vm);
    count(&c, &t.vm.events);
    EXPECT(!c.lost, "%llu records were lost", (unsigned long long)c.lost);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        compare(kt, &rules[i], &t.vm.stats, c.by_rule[i]);
    for (size_t i = 0; i < ARRAY_LEN(swap_rules); i++)
        compare(kt, &swap_rules[i], &t.vm.swap, c.by_swap_rule[i]);
    for (unsigned x = 0; x < FAULT_ACTIONS; x++)
        EXPECT(t.vm.stats.by_action[x] == c.by_action[x], "%s: the counter says %llu, the events %llu",
               fault_action_name(x), (unsigned long long)t.vm.stats.by_action[x],
               (unsigned long long)c.by_action[x]);
    p = pageable_counts(&t.vm.pageable);
    EXPECT(p.parked == c.parked && p.salvaged_clean == c.salvaged[0] && p.salvaged_dirty == c.salvaged[1],
           "parked %u, says %u; salvaged %u and %u, says %u and %u", (unsigned)c.parked, (unsigned)p.parked,
           (unsigned)c.salvaged[0], (unsigned)c.salvaged[1], (unsigned)p.salvaged_clean,
           (unsigned)p.salvaged_dirty);
    kt_note(kt, "%u rounds, %llu records: %u faults, %u out, %u in, %u tables out, %u set aside", rounds,
            (unsigned long long)c.next, (unsigned)t.vm.stats.faults, (unsigned)t.vm.swap.pages_out,
            (unsigned)t.vm.swap.pages_in, (unsigned)t.vm.stats.tables_out, (unsigned)p.parked);
    EXPECT(t.vm.swap.pages_in && t.vm.stats.tables_in && p.parked && t.vm.stats.major &&
               (t.vm.softtlb.ended.refills || rounds < 20000),
           "reached everything");
    vt_end(&t);
}

/* --- what else a record tells (event_parts()), against counters and page tables --- */

#define PAGES 48u
#define BASE  ((vaddr_t)0x400000)

/* What entries say of a space's pages. */
struct shown {
    pfn_t pfn[PAGES]; /* PFN_NONE: the processor does not translate */
};

static struct shown shown_by(const struct space *s)
{
    struct shown shown;

    for (unsigned i = 0; i < PAGES; i++) {
        pte_t *e = pt_resident_entry(&s->pt, BASE + i * (vaddr_t)PAGE_SIZE);

        shown.pfn[i] = e && pte_present(*e) ? pte_pfn(*e) : PFN_NONE;
    }
    return shown;
}

/* What records from a number on tell. */
struct told {
    unsigned part[EVENT_PARTS];
    unsigned ahead; /* of those that were mapped: many at once, before they were touched */
    bool mapped[PAGES];
    uint64_t last; /* when the last of them ended */
    bool in_order; /* each fault began after the one before had ended */
    bool unknown;  /* a part of another page */
};

static struct told told_since(const struct event_ring *ring, uint64_t number, uint32_t space, uint64_t last)
{
    struct told t = {.last = last, .in_order = true};
    struct event_record e;

    for (; event_get(ring, number, &e); number++) {
        unsigned parts = event_parts(&e), first = (e.where - BASE) >> PAGE_SHIFT;
        unsigned n = e.kind == EVENT_MAPPED_AHEAD ? e.cost : 1;

        for (unsigned p = 0; p < EVENT_PARTS; p++)
            t.part[p] += parts >> p & 1;
        t.ahead += e.kind == EVENT_MAPPED_AHEAD;
        if (parts & 1u << EVENT_MAPPED) {
            t.unknown |= e.who != space || first + n > PAGES;
            for (unsigned i = first; i < first + n && i < PAGES; i++)
                t.mapped[i] = true;
        }
        if (parts & 1u << EVENT_BEGUN) {
            t.in_order &= e.time - e.cost >= t.last;
            t.last = e.time;
        }
    }
    return t;
}

static uint64_t done_since(const struct vm_stats *now, const struct vm_stats *before,
                           enum fault_action action)
{
    return now->by_action[action] - before->by_action[action];
}

/* One touch. What its records tell is what the counters count and what the entries have become. */
static void touch(struct kt *kt, struct space *s, unsigned page, bool write, uint64_t *last)
{
    struct vm *vm = s->vm;
    vaddr_t va = BASE + page * (vaddr_t)PAGE_SIZE;
    uint64_t number = event_last(&vm->events);
    struct vm_stats before = vm->stats;
    struct shown was = shown_by(s), is;
    uint32_t value;
    enum fault_verdict v = write ? vt_write(s, va, page) : vt_read(s, va, &value);
    struct told t = told_since(&vm->events, number, s->id, *last);
    uint64_t faults = vm->stats.faults - before.faults;
    uint64_t fills = done_since(&vm->stats, &before, FAULT_FILL_ZERO);
    uint64_t fresh =
        fills + done_since(&vm->stats, &before, FAULT_MAP_ZERO) + done_since(&vm->stats, &before, FAULT_COPY);
    /* However many steps it took to bring the page. */
    bool brought = done_since(&vm->stats, &before, FAULT_OBJECT_IN) ||
                   done_since(&vm->stats, &before, FAULT_SWAP_IN) ||
                   done_since(&vm->stats, &before, FAULT_UNPARK);

    *last = t.last;
    is = shown_by(s);
    EXPECT(v == FAULT_RESUME, "page %u: %s", page, fault_verdict_name(v));
    EXPECT(t.part[EVENT_BEGUN] == faults && t.part[EVENT_ENDED] == faults, "%u begun, %u ended, %u counted",
           t.part[EVENT_BEGUN], t.part[EVENT_ENDED], (unsigned)faults);
    EXPECT(t.part[EVENT_ZEROED] == fills, "%u zeroed, %u counted", t.part[EVENT_ZEROED], (unsigned)fills);
    EXPECT(t.part[EVENT_MAPPED] - t.ahead == fresh + brought,
           "%u mapped, %u fresh and %u brought are counted", t.part[EVENT_MAPPED] - t.ahead, (unsigned)fresh,
           brought);
    EXPECT(t.in_order, "a fault on page %u began before the last one ended", page);
    EXPECT(!t.unknown, "something else was mapped than page %u", page);
    for (unsigned i = 0; i < PAGES; i++) {
        bool mapped = is.pfn[i] != PFN_NONE && is.pfn[i] != was.pfn[i];

        EXPECT(t.mapped[i] == mapped,
               "%s of page %u: entry of page %u named %x and names %x, the records say %s",
               write ? "write" : "read", page, i, was.pfn[i], is.pfn[i], t.mapped[i] ? "mapped" : "not");
    }
}

/* Private pages, then as many of an object, touched in two spaces of a family, while pages go out, are set
 * aside, and are forgotten by one of the spaces. */
TEST(event, parts_of_faults)
{
    enum { PRIVATE = PAGES / 2 };
    struct vt t;
    uint32_t rounds = kt_rounds(kt, 40000);
    uint64_t last = 0;

    if (!vt_begin(&t, kt, 400, 40, 512))
        return;
    event_ring_use(&t.vm.events, records, 1024 * sizeof *records);

    struct space *s[2] = {space_create(&t.vm), NULL};
    struct object *o = object_create(&t.vm, &pager_zero, PRIVATE, "shared");
    vaddr_t at = BASE + PRIVATE * (vaddr_t)PAGE_SIZE;

    REQUIRE(s[0] && o, "no memory");
    map_at(kt, s[0], BASE, PRIVATE, RW);
    EXPECT(space_map(s[0], &at, PRIVATE << PAGE_SHIFT, RW | REGION_SHARED | MAP_AT, o, 0) == 0, "mapping");
    s[1] = fork_of(kt, s[0]);
    for (uint32_t i = 0; i < rounds && s[1] && !kt->failures; i++) {
        struct space *one = s[kt_below(kt, 2)];
        unsigned page = kt_below(kt, PAGES);
        vaddr_t va = BASE + page * (vaddr_t)PAGE_SIZE;
        struct frame *f = frame_at(one, va);

        switch (kt_below(kt, 8)) {
        case 0:
            if (f && f->use != FRAME_KERNEL)
                reclaim_evict(&t.vm, f);
            break;
        case 1:
            if (f && f->use == FRAME_ANON && f->flags & FRAME_F_LISTED)
                rmap_park(&t.vm, f);
            break;
        case 2:
            space_advise(one, va, PAGE_SIZE, ADVISE_DONTNEED);
            break;
        default:
            touch(kt, one, page, kt_below(kt, 2), &last);
        }
        if (i % 512 == 511) { /* tables are shared again */
            space_destroy(s[1]);
            s[1] = fork_of(kt, s[0]);
        }
    }
    for (unsigned a = FAULT_OWN_TABLE; a < FAULT_ACTIONS; a++)
        EXPECT(!kt->hosted || t.vm.stats.by_action[a], "%s was never done", fault_action_name(a));
    EXPECT(!kt->hosted || t.vm.stats.mapped_ahead, "nothing was mapped ahead");
    space_destroy(s[1]);
    space_destroy(s[0]);
    object_put(o);
    vt_end(&t);
}

/* --- one record a range --- */

/* Records of a kind from a number on, and what the first of them says. */
static unsigned records_of(const struct event_ring *ring, uint64_t number, enum event_kind kind,
                           struct event_record *first)
{
    struct event_record e;
    unsigned n = 0;

    for (; event_get(ring, number, &e); number++)
        if (e.kind == kind && n++ == 0)
            *first = e;
    return n;
}

/* Of records from a number on there is one of this kind, about [va, va + pages), with this arg; and none of
 * single frames. */
static void one_record(struct kt *kt, int line, const struct space *s, uint64_t number, enum event_kind kind,
                       vaddr_t va, uint32_t pages, uint32_t arg)
{
    const struct event_ring *ring = &s->vm->events;
    struct event_record e = {0};
    unsigned n = records_of(ring, number, kind, &e);

    EXPECT(n == 1, "line %d: %u records of %s", line, n, event_kinds[kind].name);
    EXPECT((e.flags & EVENT_OF) == EVENT_OF_SPACE && e.who == s->id && e.where == va && e.cost == pages &&
               e.arg == arg,
           "line %d: of %x, %u pages, %u", line, e.where, e.cost, e.arg);
    n = records_of(ring, number, EVENT_FREED, &e);
    EXPECT(n == 0, "line %d: %u frames were freed one by one", line, n);
}

TEST(event, one_record_a_range)
{
    enum { COUNT = 40, TOUCHED = 25 };
    struct vt t;
    uint32_t anon;
    uint64_t number;

    if (!vt_begin(&t, kt, 400, 40, 512))
        return;
    event_ring_use(&t.vm.events, records, 2048 * sizeof *records);

    struct space *s = space_create(&t.vm), *child;
    const struct event_ring *ring = &t.vm.events;
    struct event_record e;
    vaddr_t to = 0;

    REQUIRE(s, "no memory");
    /* Given up, with all that is in it; what is freed is what the record says. */
    map_at(kt, s, BASE, COUNT, RW);
    for (unsigned i = 0; i < TOUCHED; i++)
        WRITE(s, BASE + i * PAGE_SIZE, i);
    number = event_last(ring);
    anon = t.pool->used[FRAME_ANON];
    EXPECT(space_advise(s, BASE, 10 * PAGE_SIZE, ADVISE_DONTNEED) == 0, "advice");
    one_record(kt, __LINE__, s, number, EVENT_GIVEN_UP, BASE, 10, 0);
    one_record(kt, __LINE__, s, number, EVENT_UNMAPPED, BASE, 10, anon - t.pool->used[FRAME_ANON]);
    EXPECT(anon - t.pool->used[FRAME_ANON] == 10, "%u frames are free", anon - t.pool->used[FRAME_ANON]);

    /* A fork: how many tables, and who the child is. */
    number = event_last(ring);
    uint64_t shared = t.vm.stats.tables_shared;
    child = fork_of(kt, s);
    REQUIRE(child, "no memory");
    EXPECT(records_of(ring, number, EVENT_SHARED, &e) == 1 && e.who == s->id && e.cost == child->id &&
               e.arg == t.vm.stats.tables_shared - shared && e.arg == 1,
           "%u tables shared", e.arg);
    EXPECT(event_last(ring) == number + 1, "%u records of a fork", (unsigned)(event_last(ring) - number));
    space_destroy(child);

    /* A move. */
    number = event_last(ring);
    uint64_t moves = t.vm.stats.moves;
    to = BASE + 0x800000;
    EXPECT(space_remap(s, &(vaddr_t){BASE}, COUNT * PAGE_SIZE, COUNT * PAGE_SIZE, REMAP_MAYMOVE | REMAP_FIXED,
                       to) == 0,
           "moving");
    EXPECT(t.vm.stats.moves == moves + 1, "moves");
    one_record(kt, __LINE__, s, number, EVENT_MOVED, BASE, COUNT, to >> PAGE_SHIFT);

    /* munmap() of the middle, then of the rest with a hole in it. */
    number = event_last(ring);
    anon = t.pool->used[FRAME_ANON];
    EXPECT(space_unmap(s, to + 12 * PAGE_SIZE, 8 * PAGE_SIZE) == 0, "unmapping");
    one_record(kt, __LINE__, s, number, EVENT_UNMAPPED, to + 12 * PAGE_SIZE, 8,
               anon - t.pool->used[FRAME_ANON]);
    EXPECT(anon - t.pool->used[FRAME_ANON] == 8, "%u frames are free", anon - t.pool->used[FRAME_ANON]);

    /* The end of a space: all that was left. */
    uint32_t left = 0;

    for (unsigned i = 0; i < COUNT; i++)
        left += frame_at(s, to + i * PAGE_SIZE) != NULL;
    number = event_last(ring);
    anon = t.pool->used[FRAME_ANON];
    space_destroy(s);
    EXPECT(records_of(ring, number, EVENT_UNMAPPED, &e) == 1 && e.arg == left &&
               e.arg == anon - t.pool->used[FRAME_ANON] && left == TOUCHED - 10 - 8,
           "%u pages at the end, %u were there", e.arg, left);
    EXPECT(records_of(ring, number, EVENT_FREED, &e) == 0, "frames were freed one by one");
    vt_end(&t);
}
