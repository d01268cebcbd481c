/*
 * /proc/quire/counters, and /proc/quire/trial: what the memory subsystem counts, and its allocators at work
 * on memory of their own.
 *
 * A trial is run by whoever reads its file. It has a buddy zone, an arena or caches of its own, its requests
 * come from a generator that always begins alike, and all is given back; so it says the same on every machine
 * and at any time, and is in nobody's way.
 */
#include "kernel/lib/format.h"
#include "kernel/procfs/procfs.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/buddy.h"
#include "mm/errno.h"
#include "mm/fault.h"
#include "mm/kva.h"
#include "mm/slab.h"

/* --- counters --- */

static void put(struct text *t, const char *group, const char *name, uint64_t value)
{
    text_print(t, "%s.", group);
    for (; *name; name++)
        text_put(t, *name == ' ' ? "_" : name, 1);
    text_print(t, " %llu\n", (unsigned long long)value);
}

int proc_show_counters(struct text *t, const struct proc_node *n __attribute__((unused)))
{
    const struct vm_stats *s = &vm_sys.stats;
    const struct swap *sw = &vm_sys.swap;
    const struct frame_pool *p = vm_sys.pool;
    const struct {
        const char *group, *name;
        uint64_t value;
    } row[] = {
        {"fault", "all", s->faults},
        {"fault", "major", s->major},
        {"table", "shared", s->tables_shared},
        {"table", "split", s->tables_split},
        {"table", "claimed", s->tables_claimed},
        {"table", "out", s->tables_out},
        {"table", "in", s->tables_in},
        {"page", "evicted", s->evicted},
        {"page", "evicted_clean", s->evicted_clean},
        {"swap", "pages_out", sw->pages_out},
        {"swap", "writes", sw->writes},
        {"swap", "pages_in", sw->pages_in},
        {"swap", "reads", sw->reads},
        {"swap", "ahead", sw->readahead},
        {"swap", "ahead_used", sw->readahead_hits},
        {"swap", "free_slots", sw->free},
        {"daemon", "rounds", s->daemon_rounds},
        {"mark", "min", p->marks.min},
        {"mark", "low", p->marks.low},
        {"mark", "high", p->marks.high},
        {"frames", "all", p->end - p->start},
        {"frames", "record_bytes", sizeof(struct frame)},
    };

    for (unsigned i = 0; i < ARRAY_LEN(row); i++)
        put(t, row[i].group, row[i].name, row[i].value);
    for (unsigned a = 0; a < FAULT_ACTIONS; a++)
        put(t, "action", fault_action_name((enum fault_action)a), s->by_action[a]);
    for (unsigned u = 0; u < FRAME_USES; u++)
        put(t, "use", frame_use_name((enum frame_use)u), p->used[u]);
    return 0;
}

/* --- chance: the same in every trial --- */

static uint64_t seeded(void)
{
    return 20261120u;
}

/* xorshift64*: a number in [0, n), n > 0. */
static uint32_t below(uint64_t *random, uint32_t n)
{
    uint32_t word;

    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    word = (uint32_t)((*random * 0x2545F4914F6CDD1DULL) >> 32);
    return (uint32_t)(((uint64_t)word * n) >> 32);
}

/* --- buddy: a zone of records, behind which there is no memory --- */

#define ZONE_ORDER  8u
#define ZONE_FRAMES (1u << ZONE_ORDER)
#define ZONE_BEGIN  1024u /* 0 ends lists */
#define FINE_ORDER  4u    /* what is of no use to who needs a large block */

struct holding {
    pfn_t pfn; /* PFN_NONE: nothing */
    unsigned order;
};

struct zone_trial {
    struct buddy zone;
    struct frame record[ZONE_FRAMES];
    struct holding held[ZONE_FRAMES];
};

/* Free frames in blocks of less than 2^order. */
static uint32_t free_below(const struct buddy *b, unsigned order)
{
    uint32_t n = 0;

    for (unsigned k = 0; k < order && k < BUDDY_ORDERS; k++)
        n += b->blocks[k] << k;
    return n;
}

static void say_zone(struct text *t, const char *what, const struct buddy *b)
{
    uint32_t largest = 0;

    text_print(t, "%-18s", what);
    for (unsigned k = 0; k <= ZONE_ORDER; k++) {
        text_print(t, "%4u", b->blocks[k]);
        largest = b->blocks[k] ? 1u << k : largest;
    }
    text_print(t, "%6u%9u%5u%%\n", b->free, largest, b->free ? free_below(b, FINE_ORDER) * 100 / b->free : 0);
}

static void zone_load(struct zone_trial *z)
{
    uint64_t random = seeded();
    unsigned refused = 0;

    for (unsigned i = 0; i < ZONE_FRAMES && refused < 8; i++) {
        unsigned order = below(&random, 4);

        z->held[i] = (struct holding){buddy_alloc(&z->zone, order), order};
        refused += z->held[i].pfn == PFN_NONE;
    }
}

static void zone_free_each(struct zone_trial *z, unsigned n)
{
    for (unsigned i = 0; i < ZONE_FRAMES; i += n) {
        if (z->held[i].pfn != PFN_NONE)
            buddy_free(&z->zone, z->held[i].pfn, z->held[i].order);
        z->held[i].pfn = PFN_NONE;
    }
}

static int show_buddy(struct text *t, const struct proc_node *n __attribute__((unused)))
{
    struct zone_trial *z = kzalloc(sizeof *z); /* no reclaim: a trial is not worth it */
    pfn_t one, large;

    if (!z)
        return -ENOMEM;
    for (unsigned i = 0; i < ZONE_FRAMES; i++)
        z->held[i].pfn = PFN_NONE;
    buddy_init(&z->zone, (struct frame *)((uintptr_t)z->record - ZONE_BEGIN * sizeof(struct frame)),
               ZONE_BEGIN, ZONE_BEGIN + ZONE_FRAMES);
    buddy_free(&z->zone, ZONE_BEGIN, ZONE_ORDER);

    text_print(t, "%-18s", "free blocks of");
    for (unsigned k = 0; k <= ZONE_ORDER; k++)
        text_print(t, "%4u", 1u << k);
    text_print(t, "  free  largest fine\n");
    say_zone(t, "whole", &z->zone);
    one = buddy_alloc(&z->zone, 0);
    say_zone(t, "one frame taken", &z->zone);
    buddy_free(&z->zone, one, 0);
    say_zone(t, "and given back", &z->zone);
    zone_load(z);
    say_zone(t, "loaded", &z->zone);
    zone_free_each(z, 2);
    say_zone(t, "each second freed", &z->zone);
    large = buddy_alloc(&z->zone, ZONE_ORDER - 2);
    text_print(t, "a block of %u: %s, of %u free\n", ZONE_FRAMES / 4,
               large == PFN_NONE ? "refused" : "granted", z->zone.free);
    if (large != PFN_NONE)
        buddy_free(&z->zone, large, ZONE_ORDER - 2);
    zone_free_each(z, 1);
    say_zone(t, "all freed", &z->zone);
    text_print(t, "sound %s\n", buddy_verify(&z->zone) ? "yes" : "no");
    kfree(z);
    return 0;
}

/* --- slab: caches of some sizes, and what size classes lose --- */

#define OBJECTS  100u
#define REQUESTS 2000u
#define LARGEST  4000u

static int try_cache(struct text *t, size_t size, void **object)
{
    uint32_t bytes;
    struct cache c;
    unsigned n = 0;
    int err = cache_init(&c, vm_sys.pool, "trial", size, 0, NULL, slab_default_flags);

    if (err)
        return err;
    while (n < OBJECTS && (object[n] = cache_alloc(&c)) != NULL) /* no reclaim: a trial is not worth it */
        n++;
    bytes = (c.slab_count << c.order) * PAGE_SIZE;
    if (n < OBJECTS)
        err = -ENOMEM;
    else
        text_print(t, "%6u%8u%8u%8u%8u%7u%%\n", (unsigned)size, n, c.per_slab, c.slab_count,
                   c.slab_count << c.order, bytes ? (unsigned)(100 - n * (uint64_t)size * 100 / bytes) : 0);
    while (n)
        cache_free(&c, object[--n]);
    cache_destroy(&c);
    return err;
}

static int show_slab(struct text *t, const struct proc_node *n __attribute__((unused)))
{
    static const uint16_t size[] = {24, 40, 100, 200, 700, 1500, 3000};
    uint64_t random = seeded(), asked = 0, given = 0;
    void **object = kzalloc(OBJECTS * sizeof *object); /* no reclaim: a trial is not worth it */
    int err = object ? 0 : -ENOMEM;

    text_print(t, "  size objects perslab   slabs  frames   lost\n");
    for (unsigned i = 0; !err && i < ARRAY_LEN(size); i++)
        err = try_cache(t, size[i], object);
    for (unsigned i = 0; !err && i < REQUESTS; i++) {
        uint32_t want = 1 + below(&random, LARGEST);
        void *p = kmalloc(want); /* no reclaim: a trial is not worth it */

        asked += want;
        given += p ? kmalloc_usable(&kmalloc_sys, p) : want;
        kfree(p);
    }
    if (!err)
        text_print(t, "kmalloc: %u requests of 1 to %u bytes, %llu asked for, %llu given, %u%% lost inside\n",
                   REQUESTS, LARGEST, (unsigned long long)asked, (unsigned long long)given,
                   (unsigned)((given - asked) * 100 / given));
    kfree(object);
    return err;
}

/* --- fit: an arena of addresses, behind which there is no memory either --- */

#define ARENA_PAGES 4096u
#define RANGES      256u
#define RANGE_PAGES 30u
#define STEPS       4000u

struct range {
    size_t start, size; /* size 0: none */
};

static void say_arena(struct text *t, const struct kva_arena *a, uint32_t allocs, uint32_t refused)
{
    uint32_t pieces = 0;
    size_t largest = 0;

    for (const struct kva_seg *s = a->all; s; s = s->next) {
        if (s->allocated)
            continue;
        pieces++;
        largest = s->size > largest ? s->size : largest;
    }
    text_print(t, "%-8s%11u.%02u%11u%9u%8u%9u\n", kva_policy_name(a->policy), (unsigned)(a->scanned / allocs),
               (unsigned)(a->scanned * 100 / allocs % 100), pieces, (unsigned)(largest >> PAGE_SHIFT),
               (unsigned)(a->in_use >> PAGE_SHIFT), refused);
}

/* Take and give back at random; then all is given back, and has to be one piece again. */
static int try_fit(struct text *t, enum kva_policy policy, struct cache *segs, struct range *r)
{
    uint32_t allocs = 0, refused = 0;
    uint64_t random = seeded();
    struct kva_arena a;
    int err = kva_init(&a, "trial", PAGE_SIZE, ARENA_PAGES << PAGE_SHIFT, PAGE_SIZE, policy, segs);

    if (err)
        return err;
    memset(r, 0, RANGES * sizeof *r);
    for (uint32_t i = 0; i < STEPS; i++) {
        struct range *x = &r[below(&random, RANGES)];

        if (x->size) {
            kva_free(&a, x->start, x->size);
            x->size = 0;
            continue;
        }
        x->size = (1 + below(&random, RANGE_PAGES)) << PAGE_SHIFT;
        allocs++;
        if (kva_alloc(&a, x->size, 0, &x->start) != 0) {
            x->size = 0;
            refused++;
        }
    }
    say_arena(t, &a, allocs, refused);
    for (unsigned i = 0; i < RANGES; i++)
        if (r[i].size)
            kva_free(&a, r[i].start, r[i].size);
    err = kva_verify(&a) && a.all && !a.all->next ? 0 : -EIO;
    return kva_fini(&a) ? -EIO : err;
}

static int show_fit(struct text *t, const struct proc_node *n __attribute__((unused)))
{
    struct range *r = kmalloc(RANGES * sizeof *r); /* no reclaim: a trial is not worth it */
    struct cache segs;
    int err = r ? cache_init(&segs, vm_sys.pool, "trial_segs", kva_seg_size(), 0, NULL, slab_default_flags)
                : -ENOMEM;

    if (!err) {
        text_print(t, "policy  looked at each  free pieces  largest  in use  refused\n");
        for (unsigned p = 0; !err && p < KVA_POLICIES; p++)
            err = try_fit(t, (enum kva_policy)p, &segs, r);
        cache_destroy(&segs);
    }
    kfree(r);
    return err;
}

const struct proc_entry proc_trial_entries[] = {
    {.name = "buddy", .mode = S_IFREG | 0400, .show = show_buddy},
    {.name = "slab", .mode = S_IFREG | 0400, .show = show_slab},
    {.name = "fit", .mode = S_IFREG | 0400, .show = show_fit},
    {.name = NULL},
};
