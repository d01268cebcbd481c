/* Events: the ring by itself, and its records against the counters of a random run. */
#include "mm/event.h"
#include "tests/vmmodel.h"

/* A record of the ring's own making, as a program's page in a space. */
static void make(struct event_ring *r, uint32_t where)
{
    struct event_record *e = event_new(r);

    *e = (struct event_record){
        .time = e->time, .kind = EVENT_FAULT, .flags = EVENT_OF_SPACE, .who = 1, .where = where};
}

TEST(event, ring)
{
    static struct event_ring r;
    static struct event_record memory[EVENT_LEAST * 2];
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
    event_ring_use(&r, memory, sizeof memory);
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
    static struct event_record memory[4096];
    static struct counted c;
    struct vt t;
    struct model_world w;
    struct model_actor a;
    struct policy_counts p;
    uint32_t rounds = kt_rounds(kt, 200000);

    if (!vt_begin(&t, kt, 224, 96, 700))
        return;
    event_ring_use(&t.vm.events, memory, sizeof memory);
    c = (struct counted){0};

    bool begun = model_begin(&w, &t, 1);

    w.cycles = true;
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
    EXPECT(t.vm.swap.pages_in && t.vm.stats.tables_in && p.parked && t.vm.stats.major, "reached everything");
    vt_end(&t);
}
