/* The tour, allocators under load: frames and blocks, caches, and the kernel address arena by fit policy. */
#include "kernel/lib/format.h"
#include "kernel/selftest/tour_parts.h"
#include "kernel/vm/memory.h"
#include "mm/kva_map.h"
#include "mm/slab.h"

/* --- frames, blocks and kmalloc --- */

#define MAX_HOLDINGS  65536u
#define FREE_PER_ITEM 3u /* one request for so many free frames: the load takes most of them */
#define LOAD_ORDER    5u /* blocks of up to 32 frames */
#define LOAD_BYTES    8000u
#define LOAD_SCALES   10u /* each half as large as the one before: most requests are small */
#define CHURN         4u  /* times that the load is replaced, on average */
#define FINE_ORDER    4u  /* fragmentation: share of free memory in smaller blocks */

struct holding {
    enum { HOLD_NOTHING, HOLD_FRAME, HOLD_BLOCK, HOLD_BYTES, HOLD_KINDS } kind;
    void *what; /* struct frame, or memory whose first word names the holding */
};

struct load {
    struct holding *item;
    uint32_t items;
    uint32_t made[HOLD_KINDS], refused;
};

static bool hold(struct load *l, struct holding *h)
{
    struct frame_pool *p = &frame_pool_sys;
    unsigned kind = HOLD_FRAME + tour_below(HOLD_KINDS - HOLD_FRAME);

    if (kind == HOLD_FRAME)
        h->what = frame_alloc(p, FRAME_KERNEL, 0);
    else if (kind == HOLD_BLOCK)
        h->what = frame_alloc_block(p, 1 + tour_below(LOAD_ORDER), FRAME_KERNEL, 0);
    else
        h->what = kmalloc(sizeof h + tour_below(LOAD_BYTES >> tour_below(LOAD_SCALES)));
    if (!h->what) {
        l->refused++;
        return false;
    }
    h->kind = kind;
    l->made[kind]++;
    if (kind == HOLD_BYTES)
        *(struct holding **)h->what = h;
    else
        ((struct frame *)h->what)->owner = h;
    return true;
}

/* Give it back. False: somebody else has written to it. */
static bool release(struct holding *h)
{
    const void *owner = h->kind == HOLD_BYTES ? *(void **)h->what : ((struct frame *)h->what)->owner;

    if (h->kind == HOLD_FRAME)
        frame_free(&frame_pool_sys, h->what);
    else if (h->kind == HOLD_BLOCK)
        frame_free_block(&frame_pool_sys, h->what);
    else
        kfree(h->what);
    h->kind = HOLD_NOTHING;
    return owner == h;
}

/* Free blocks by order, in both zones. */
struct free_lists {
    uint32_t blocks[BUDDY_ORDERS];
};

static void look_at_lists(struct free_lists *l)
{
    frame_drain_hot(&frame_pool_sys);
    for (unsigned k = 0; k < BUDDY_ORDERS; k++)
        l->blocks[k] = frame_pool_sys.zone[ZONE_LOW].blocks[k] + frame_pool_sys.zone[ZONE_HIGH].blocks[k];
}

/* Free frames in blocks of less than 2^order frames. */
static uint32_t frames_below(const struct free_lists *l, unsigned order)
{
    uint32_t n = 0;

    for (unsigned k = 0; k < order; k++)
        n += l->blocks[k] << k;
    return n;
}

/* Percent of free memory in small blocks: what is of no use to who needs a large one. */
static uint32_t fine_share(const struct free_lists *l)
{
    uint32_t all = frames_below(l, BUDDY_ORDERS);

    return all ? (uint32_t)(frames_below(l, FINE_ORDER) * 100ull / all) : 0;
}

/* A line with one number for each order. */
static void say_orders(const char *what, const struct free_lists *l)
{
    char line[TOUR_TEXT + 1];
    size_t n = format(line, sizeof line, "%-8s", what);

    for (unsigned k = 0; k < BUDDY_ORDERS; k++)
        n += format(line + n, sizeof line - n, "%6u", l ? l->blocks[k] : 1u << k);
    tour_say("%s", line);
}

static void say_cache(struct cache *c, void *arg)
{
    uint32_t frames = c->slab_count << c->order, in_use = cache_in_use(c);
    uint64_t bytes = (uint64_t)frames << PAGE_SHIFT;

    (void)arg;
    if (frames)
        tour_say("%-16s %6u %8u %6u %7u %5u %%", c->name, c->size, in_use, c->slab_count, frames,
                 (unsigned)(in_use * (uint64_t)c->size * 100 / bytes));
}

static uint32_t churn(struct load *l)
{
    uint32_t damaged = 0;

    for (uint32_t i = 0; i < 2 * CHURN * l->items; i++) {
        struct holding *h = &l->item[tour_below(l->items)];

        if (h->kind == HOLD_NOTHING)
            hold(l, h);
        else
            damaged += !release(h);
    }
    return damaged;
}

/* Release every nth that there is. */
static uint32_t release_each(struct load *l, uint32_t n)
{
    uint32_t damaged = 0;

    for (uint32_t i = 0; i < l->items; i += n)
        if (l->item[i].kind != HOLD_NOTHING)
            damaged += !release(&l->item[i]);
    return damaged;
}

/* Free blocks at a quiet moment: nothing that is free is kept in a cache. */
static void quiet(struct free_lists *l)
{
    slab_reap_all(&frame_pool_sys);
    look_at_lists(l);
}

static void bear_load(struct load *l)
{
    struct free_lists before, full, half, after;

    quiet(&before);
    uint32_t damaged = churn(l);

    look_at_lists(&full);
    tour_say("%u frames, %u blocks of 2 to %u frames, %u times kmalloc(); %u refused", l->made[HOLD_FRAME],
             l->made[HOLD_BLOCK], 1u << LOAD_ORDER, l->made[HOLD_BYTES], l->refused);
    tour_step("Caches under the load");
    tour_say("%-16s %6s %8s %6s %7s %7s", "cache", "size", "in use", "slabs", "frames", "used");
    slab_each(&frame_pool_sys, say_cache, NULL);

    damaged += release_each(l, 2);
    look_at_lists(&half);
    damaged += release_each(l, 1);
    quiet(&after);
    tour_step("Free blocks by size: before, loaded, half of it freed, all freed");
    tour_say("Freed neighbours join at once; what is held between them keeps them apart.");
    say_orders("frames", NULL);
    say_orders("before", &before);
    say_orders("loaded", &full);
    say_orders("half", &half);
    say_orders("after", &after);
    tour_say("free memory in blocks of less than %u frames: %u %%, %u %%, %u %%, %u %%", 1u << FINE_ORDER,
             fine_share(&before), fine_share(&full), fine_share(&half), fine_share(&after));
    tour_check(damaged == 0, "%u blocks were handed out twice", damaged);
    tour_check(memcmp(&before, &after, sizeof before) == 0, "the free blocks are not those of before");
    tour_check(frames_below(&half, FINE_ORDER) > frames_below(&before, FINE_ORDER),
               "the load broke nothing up");
}

void tour_frames_under_load(void)
{
    struct load l = {.items = frame_free_count(&frame_pool_sys) / FREE_PER_ITEM};

    tour_part("The allocators under load");
    tour_step("Random requests, freed in random order");
    tour_say("Frames and blocks come from the buddy lists, small objects from slabs.");
    if (l.items > MAX_HOLDINGS)
        l.items = MAX_HOLDINGS;
    l.item = kva_table_alloc(&kva_map_sys, l.items * sizeof *l.item);
    if (!tour_check(l.item, "no memory for the list of requests"))
        return;
    kfree(kmalloc(1)); /* what the slab allocator makes for itself at the first use stays */
    bear_load(&l);
    kva_table_free(&kva_map_sys, l.item, l.items * sizeof *l.item);
}

/* --- fit policies --- */

#define ARENA_PAGES  4096u
#define ARENA_START  PAGE_SIZE /* 0 would do as well: nothing is mapped there */
#define RANGES       256u
#define RANGE_PAGES  30u
#define POLICY_STEPS 20000u

struct range {
    size_t start, size; /* size 0: none */
};

struct arena_state {
    uint32_t segments; /* free ones */
    size_t largest;
};

static struct arena_state look_at_arena(const struct kva_arena *a)
{
    struct arena_state st = {0};

    for (const struct kva_seg *s = a->all; s; s = s->next) {
        if (s->allocated)
            continue;
        st.segments++;
        if (s->size > st.largest)
            st.largest = s->size;
    }
    return st;
}

/* Take and give back at random; returns how many requests were refused. */
static uint32_t shuffle(struct kva_arena *a, struct range *r, uint32_t *allocs)
{
    uint32_t refused = 0;

    for (uint32_t i = 0; i < POLICY_STEPS; i++) {
        struct range *x = &r[tour_below(RANGES)];

        if (x->size) {
            kva_free(a, x->start, x->size);
            x->size = 0;
            continue;
        }
        x->size = (1 + tour_below(RANGE_PAGES)) << PAGE_SHIFT;
        ++*allocs;
        if (kva_alloc(a, x->size, 0, &x->start) != 0) {
            x->size = 0;
            refused++;
        }
    }
    return refused;
}

static void try_policy(enum kva_policy policy, struct cache *segs, struct range *r)
{
    struct kva_arena a;
    uint32_t allocs = 0;
    int err = kva_init(&a, "tour", ARENA_START, ARENA_PAGES << PAGE_SHIFT, PAGE_SIZE, policy, segs);

    if (!tour_check(err == 0, "kva_init says %d", err))
        return;
    tour_seed(); /* the same requests for each policy */
    memset(r, 0, RANGES * sizeof *r);
    uint32_t refused = shuffle(&a, r, &allocs);
    struct arena_state st = look_at_arena(&a);

    tour_say("%-8s %13u.%02u %10u %9u %8u %8u", kva_policy_name(policy), (unsigned)(a.scanned / allocs),
             (unsigned)(a.scanned * 100 / allocs % 100), st.segments, (unsigned)(st.largest >> PAGE_SHIFT),
             (unsigned)(a.in_use >> PAGE_SHIFT), refused);
    tour_check(kva_verify(&a), "the arena is not sound");
    for (unsigned i = 0; i < RANGES; i++)
        if (r[i].size)
            kva_free(&a, r[i].start, r[i].size);
    tour_check(look_at_arena(&a).largest == ARENA_PAGES << PAGE_SHIFT, "the free segments did not join");
    tour_check(kva_fini(&a) == 0, "something is left in the arena");
}

void tour_fit_policies(void)
{
    struct cache segs;
    struct range *r = kmalloc(RANGES * sizeof *r);

    tour_step("Kernel addresses, by five fit policies");
    tour_say("The same %u steps for each: ranges of 1 to %u pages, in an arena of %u.", POLICY_STEPS,
             RANGE_PAGES, ARENA_PAGES);
    tour_say("A good policy looks at few free segments, and leaves a large one.");
    int err = cache_init(&segs, &frame_pool_sys, "tour_segs", kva_seg_size(), 0, NULL, slab_default_flags);

    if (tour_check(err == 0 && r, "no memory for the arenas")) {
        tour_say("%-8s %16s %10s %9s %8s %8s", "policy", "looked at, each", "free segs", "largest", "in use",
                 "refused");
        for (unsigned p = 0; p < KVA_POLICIES; p++)
            try_policy(p, &segs, r);
    }
    if (!err)
        cache_destroy(&segs);
    kfree(r);
}
