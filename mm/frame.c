/*
 * The pool of frames: who owns every physical page.
 *
 * Purpose: hand out single frames fast and blocks when they must be contiguous, know the use of every
 * frame at any time, and keep back what is needed to get memory back.
 *
 * Data: one record per frame (frame.h), two zones. Low frames are direct mapped; high ones are not, so
 * whoever can use either is given high frames first. Each zone is a buddy allocator with a hot list in
 * front: single frames, last freed first, since they are likely still in the processor's cache, and with
 * no merging and splitting in between. The list takes and gives back HOT_BATCH frames at a time. Its
 * frames are free, and a block allocation that fails empties the list and tries again. A frame whose last
 * user leaves nothing but zeros in it, as a page table is when all its entries are gone, is worth the
 * clearing that the next page table would need: a few of them are kept apart, and are the last of the hot
 * list that others are given (the constructed state of Bonwick's slab allocator).
 *
 * How much is kept back. Let n be the frames that are managed.
 *
 *   marks.min   sqrt(n) / 2. What reclaim needs to free memory (a table to split, a slab for an I/O
 *               request, allocations of whoever is in the middle of something) grows with the number of
 *               tasks and tables, far slower than memory itself. The root gives 22 frames of 8 MiB
 *               (1.1 %), 64 of 64 MiB (0.4 %), 478 of 3.5 GiB (0.05 %).
 *   marks.low   2 min, and marks.high 3 min. The daemon is woken while min frames are still to be had
 *               without waiting, and each run of it frees at least min frames: on the smallest machine
 *               that is more than one cluster of writes (SWAP_CLUSTER, 16 pages). Both are measured by
 *               what most allocations can have (frame_free_common()): with high memory, they end while
 *               low_kept frames are free, and the daemon would never run.
 *   low_min     the low zone's share of min by its size, so that FRAME_RESERVE | FRAME_LOW_ONLY finds
 *               something too when everything free is high. Tables and slabs must be low, and low frames
 *               can run out alone: the daemon is also woken below 2 low_min, and evicts low pages until
 *               3 low_min are free.
 *   low_kept    low_min and high / 32, the latter at most a quarter of the low zone. Each high frame
 *               costs low memory to be used: 1/1024 frame for the entry of each table that maps it, up to
 *               as much for the object index and the slot map, and the tasks that use it have stacks and
 *               slabs. 1/32 is room for some twenty mappings of everything and the rest; Linux's
 *               lowmem_reserve_ratio for this pair of zones is 32 also. Without a high zone nothing more
 *               is kept: then evicting user pages always yields low frames.
 *
 * Locking: each function here is one nosleep section (a spin lock per pool on a multiprocessor, with the
 * hot lists per processor). Not from interrupts.
 *
 * Invariants, checked by frame_audit():
 *   INV-FRAME-1  used[u] is the number of records with use u; they add up to end - start
 *   INV-FRAME-2  every record has a valid use, and an order only if it heads a block in its zone; of a
 *                pageable frame the field is the policy's
 *   INV-FRAME-3  a hot list, with those that are clean, has as many frames as it says, all FREE, FRAME_F_HOT
 *                and of its zone
 *   INV-FRAME-4  FRAME_F_HOT is on listed frames only, FRAME_F_BUDDY and FRAME_F_HOT on free frames only
 *   INV-FRAME-5  each free frame is in exactly one free block or hot list: blocks hold FREE frames that
 *                are not hot, and zone[].free + hot[].count add up to used[FRAME_FREE]
 *   INV-FRAME-6  a free frame has no maps and no pins
 *   INV-FRAME-7  min <= low <= high, and slow_below sends to the slow path what belongs there
 *   INV-FRAME-8  as many as cleans says are clean, at most FRAME_CLEAN_MAX: low frames with zeros in them
 *
 * Failure: NULL, and the low hook was called. Freeing what is not allocated, or is mapped, pinned, listed
 * or in I/O, is a bug of the caller and panics with the record.
 *
 * Fault injection makes every allocation take the slow path, so the fast path does not know of it.
 */
#include "mm/frame.h"
#include "mm/errno.h"

/* Half a list, so that alternating bursts of up to 32 stay inside it. */
#define HOT_BATCH 32u
#define HOT_ORDER 4u /* blocks that a refill takes, as long as there are any: neighbours suit disks */

/* The share of low memory that the kernel may take for what programs make it keep. The rest is for their
 * pages: without any they could not even end. */
#define KERNEL_SHARE 2u

static enum frame_zone zone_of(const struct frame_pool *p, pfn_t pfn)
{
    return pfn < p->low_end ? ZONE_LOW : ZONE_HIGH;
}

static uint32_t zone_free(const struct frame_pool *p, enum frame_zone z)
{
    return p->zone[z].free + p->hot[z].count;
}

static uint32_t slow_below(const struct frame_pool *p)
{
    return p->fail_after || p->capped ? UINT32_MAX : p->marks.low + 1;
}

static void update_slow_below(struct frame_pool *p)
{
    p->slow_below = slow_below(p);
}

void frame_pool_init(struct frame_pool *p, struct frame *frames, pfn_t start, pfn_t end, pfn_t low_end,
                     void *direct)
{
    mm_assert(start < end, "a pool over [%u, %u)", start, end);
    if (low_end > end)
        low_end = end;
    if (low_end < start)
        low_end = start;
    for (uint32_t i = 0; i < end - start; i++)
        frames[i] = (struct frame){.use = FRAME_RESERVED};
    *p = (struct frame_pool){.frames = frames - start,
                             .start = start,
                             .end = end,
                             .low_end = low_end,
                             .direct = direct,
                             .kernel_max = UINT32_MAX};
    buddy_init(&p->zone[ZONE_LOW], p->frames, start, low_end);
    buddy_init(&p->zone[ZONE_HIGH], p->frames, low_end, end);
    for (unsigned z = 0; z < FRAME_ZONES; z++)
        p->hot[z].zone = &p->zone[z];
    p->hot_any = &p->hot[ZONE_LOW];
    p->used[FRAME_RESERVED] = end - start;
    update_slow_below(p);
}

/* Frames [start, end) of one zone, as the largest blocks that fit. */
static void add_to_zone(struct frame_pool *p, enum frame_zone z, pfn_t start, pfn_t end)
{
    if (start >= end)
        return;
    p->managed[z] += end - start;
    while (start < end) {
        unsigned order = BUDDY_ORDERS - 1;

        while ((start & ((1u << order) - 1)) || end - start < 1u << order)
            order--;
        buddy_free(&p->zone[z], start, order);
        start += 1u << order;
    }
}

static void leave_reserved(struct frame_pool *p, pfn_t start, pfn_t end, enum frame_use use)
{
    mm_assert(start <= end && start >= p->start && end <= p->end, "frames [%u, %u), pool [%u, %u)", start,
              end, p->start, p->end);
    for (pfn_t pfn = start; pfn < end; pfn++) {
        struct frame *f = pfn_frame(p, pfn);

        mm_assert(f->use == FRAME_RESERVED, "frame %u is %s", pfn, frame_use_name(f->use));
        f->use = (uint8_t)use;
    }
    p->used[FRAME_RESERVED] -= end - start;
    p->used[use] += end - start;
}

void frame_add(struct frame_pool *p, pfn_t start, pfn_t end)
{
    mm_assert(start != PFN_NONE, "frame 0 ends lists");
    leave_reserved(p, start, end, FRAME_FREE);
    add_to_zone(p, ZONE_LOW, start, end < p->low_end ? end : p->low_end);
    add_to_zone(p, ZONE_HIGH, start > p->low_end ? start : p->low_end, end);
    if (p->managed[ZONE_HIGH])
        p->hot_any = &p->hot[ZONE_HIGH];
}

void frame_claim(struct frame_pool *p, pfn_t start, pfn_t end, enum frame_use use)
{
    mm_assert(use > FRAME_RESERVED && use < FRAME_USES, "use %u for frames [%u, %u)", use, start, end);
    leave_reserved(p, start, end, use);
    p->claimed += end - start;
}

static uint32_t square_root(uint32_t n)
{
    uint32_t root = 0;

    for (uint32_t bit = 1u << 15; bit; bit >>= 1) {
        uint32_t t = root | bit;

        if (t * t <= n)
            root = t;
    }
    return root;
}

/* All marks from the lowest. */
static void set_marks(struct frame_pool *p, uint32_t min)
{
    uint32_t low = p->managed[ZONE_LOW], high = p->managed[ZONE_HIGH];

    p->marks = (struct frame_marks){.min = min, .low = FRAME_MARK_LOW * min, .high = FRAME_MARK_HIGH * min};
    p->low_min = low + high ? (uint32_t)((uint64_t)min * low / (low + high)) : 0;
    p->low_kept = p->low_min + (high / 32 < low / 4 ? high / 32 : low / 4);
    if (!high)
        p->low_kept = p->low_min;
    update_slow_below(p);
}

void frame_set_marks(struct frame_pool *p)
{
    set_marks(p, square_root(p->managed[ZONE_LOW] + p->managed[ZONE_HIGH]) / 2);
}

void frame_limit_kernel(struct frame_pool *p)
{
    p->kernel_max = frame_kernel_count(p) + p->managed[ZONE_LOW] / KERNEL_SHARE;
}

int frame_set_min(struct frame_pool *p, uint32_t frames)
{
    if (frames < FRAME_MIN_LEAST || frames > (p->managed[ZONE_LOW] + p->managed[ZONE_HIGH]) / 16)
        return -EINVAL;
    set_marks(p, frames);
    return 0;
}

void frame_fail_after(struct frame_pool *p, uint32_t n)
{
    p->fail_after = n;
    update_slow_below(p);
}

void frame_cap(struct frame_pool *p, bool on)
{
    p->capped = on;
    update_slow_below(p);
}

/* Whether n frames may be taken from a zone. */
static bool may_take(const struct frame_pool *p, enum frame_zone z, uint32_t n, unsigned flags)
{
    uint32_t floor = 0;

    if (!(flags & FRAME_RESERVE)) {
        if (p->used[FRAME_FREE] < n + p->marks.min)
            return false;
        if (z == ZONE_LOW)
            floor = flags & FRAME_LOW_ONLY ? p->low_min : p->low_kept;
    }
    return zone_free(p, z) >= n + floor;
}

/* Fill an empty hot list from the buddy lists. */
static void hot_refill(struct frame_pool *p, enum frame_zone z)
{
    struct frame_hot *hot = &p->hot[z];
    unsigned order = HOT_ORDER;

    while (hot->count < HOT_BATCH) {
        pfn_t pfn = buddy_alloc(&p->zone[z], order);

        if (!pfn) {
            if (order-- == 0)
                break;
            continue;
        }
        for (uint32_t i = 1u << order; i-- > 0;) {
            struct frame *f = pfn_frame(p, pfn + i);

            f->flags = FRAME_F_HOT;
            f->order = 0;
            f->next = hot->head;
            hot->head = pfn + i;
        }
        hot->count += 1u << order;
    }
}

/* Give back the frames of one of a hot list's two, from a link on. */
static void give_back_from(struct frame_pool *p, struct frame_hot *hot, pfn_t *link)
{
    for (pfn_t pfn = *link, next; pfn; pfn = next) {
        struct frame *f = pfn_frame(p, pfn);

        next = f->next;
        f->flags = 0;
        buddy_free(hot->zone, pfn, 0);
        hot->count--;
    }
    *link = PFN_NONE;
}

static void hot_give_back(struct frame_pool *p, struct frame_hot *hot)
{
    give_back_from(p, hot, &hot->head);
    give_back_from(p, hot, &hot->clean);
    hot->cleans = 0;
}

/* Give back all but the newest, and those that are clean. */
void frame_hot_trim(struct frame_pool *p, struct frame_hot *hot)
{
    pfn_t *link = &hot->head;

    for (uint32_t i = 0; i < FRAME_HOT_MAX - HOT_BATCH && *link; i++)
        link = &pfn_frame(p, *link)->next;
    give_back_from(p, hot, link);
}

/* Shorter runs go to the hot list, where the next allocation finds them. */
#define RUN_MIN 4u

void frame_batch_flush(struct frame_batch *b)
{
    struct frame_pool *p = b->pool;
    pfn_t pfn = b->start, end = b->end;

    p->used[b->use] -= end - pfn;
    p->used[FRAME_FREE] += end - pfn;
    if (end - pfn < RUN_MIN) {
        for (; pfn < end; pfn++) {
            struct frame_hot *hot = &p->hot[zone_of(p, pfn)];
            struct frame *f = pfn_frame(p, pfn);

            f->flags = FRAME_F_HOT;
            f->next = hot->head;
            hot->head = pfn;
            if (++hot->count > FRAME_HOT_MAX)
                frame_hot_trim(p, hot);
        }
        return;
    }
    while (pfn < end) {
        enum frame_zone z = zone_of(p, pfn);
        pfn_t limit = z == ZONE_LOW && end > p->low_end ? p->low_end : end;
        unsigned order = (unsigned)__builtin_ctz(pfn | 1u << (BUDDY_ORDERS - 1));

        while (limit - pfn < 1u << order)
            order--;
        buddy_free(&p->zone[z], pfn, order);
        pfn += 1u << order;
    }
}

void frame_drain_hot(struct frame_pool *p)
{
    for (unsigned z = 0; z < FRAME_ZONES; z++)
        hot_give_back(p, &p->hot[z]);
}

/* One that is clean only if there is no other. */
static pfn_t hot_pop(struct frame_pool *p, struct frame_hot *hot)
{
    pfn_t *list = hot->head ? &hot->head : &hot->clean, pfn = *list;

    if (pfn) {
        *list = pfn_frame(p, pfn)->next;
        hot->count--;
        hot->cleans -= list == &hot->clean;
    }
    return pfn;
}

/* A block of one zone, still FREE. */
static pfn_t take(struct frame_pool *p, enum frame_zone z, unsigned order, unsigned flags)
{
    if (!may_take(p, z, 1u << order, flags))
        return PFN_NONE;
    if (order == 0) {
        if (!p->hot[z].head)
            hot_refill(p, z);
        return hot_pop(p, &p->hot[z]);
    }
    pfn_t pfn = buddy_alloc(&p->zone[z], order);

    if (!pfn && p->hot[z].count) {
        hot_give_back(p, &p->hot[z]);
        pfn = buddy_alloc(&p->zone[z], order);
    }
    return pfn;
}

/* An allocation with everything that frame_alloc() leaves out when memory is plentiful. */
static struct frame *alloc_block(struct frame_pool *p, unsigned order, enum frame_use use, unsigned flags)
{
    struct frame *f = NULL;
    pfn_t pfn = PFN_NONE;

    if (flags & FRAME_FIRST && p->capped)
        return NULL;
    if (p->fail_after == 1) {
        p->fails++;
        return NULL;
    }
    if (p->fail_after)
        p->fail_after--;

    if (!(flags & FRAME_LOW_ONLY))
        pfn = take(p, ZONE_HIGH, order, flags);
    if (!pfn)
        pfn = take(p, ZONE_LOW, order, flags);
    if (pfn) {
        f = pfn_frame(p, pfn);
        for (uint32_t i = 0; i < 1u << order; i++)
            f[i] = (struct frame){.use = (uint8_t)use};
        f->order = (uint8_t)order;
        p->used[FRAME_FREE] -= 1u << order;
        p->used[use] += 1u << order;
        p->allocs += 1u << order;
    } else {
        p->fails++;
    }
    if (p->low_hook && (frame_free_common(p) < p->marks.low ||
                        (flags & FRAME_LOW_ONLY && frame_low_lacks(p, FRAME_MARK_LOW))))
        p->low_hook(p);
    return f;
}

struct frame *frame_alloc_slow(struct frame_pool *p, enum frame_use use, unsigned flags)
{
    return alloc_block(p, 0, use, flags);
}

struct frame *frame_alloc_block(struct frame_pool *p, unsigned order, enum frame_use use, unsigned flags)
{
    if (order >= BUDDY_ORDERS)
        return NULL;
    return alloc_block(p, order, use, flags);
}

void frame_not_freeable(const struct frame_pool *p, const struct frame *f)
{
    os_panic(__FILE__, __LINE__,
             "freed frame %u, pool [%u, %u), is %s with order %u, flags %x, %u maps, %u pins",
             frame_pfn(p, f), p->start, p->end, frame_use_name(f->use), f->order, f->flags, f->maps, f->pins);
}

void frame_free_block(struct frame_pool *p, struct frame *head)
{
    unsigned order = head->order;
    enum frame_use use = head->use;
    pfn_t pfn = frame_pfn(p, head);

    if (order == 0) {
        frame_free(p, head);
        return;
    }
    mm_assert(order < BUDDY_ORDERS, "freed frame %u, %s, has order %u", pfn, frame_use_name(use), order);
    for (uint32_t i = 0; i < 1u << order; i++) {
        struct frame *f = &head[i];

        if (f->use <= FRAME_RESERVED || f->use != use || f->order != (i ? 0 : order) ||
            (f->flags & FRAME_F_NOT_FREEABLE) || f->maps || f->pins)
            frame_not_freeable(p, f);
        f->use = FRAME_FREE;
        f->flags = 0;
    }
    p->used[use] -= 1u << order;
    p->used[FRAME_FREE] += 1u << order;
    buddy_free(&p->zone[zone_of(p, pfn)], pfn, order);
}

void frame_retype(struct frame_pool *p, struct frame *f, enum frame_use use)
{
    mm_assert(f->use > FRAME_RESERVED && use > FRAME_RESERVED && use < FRAME_USES, "frame %u from %s to %s",
              frame_pfn(p, f), frame_use_name(f->use), frame_use_name(use));
    p->used[f->use]--;
    p->used[use]++;
    f->use = (uint8_t)use;
}

const char *frame_use_name(enum frame_use use)
{
    static const char *const name[FRAME_USES] = {"free",  "reserved", "kernel", "slab",
                                                 "table", "stack",    "anon",   "object"};

    return use < FRAME_USES ? name[use] : "invalid";
}

/* One of a hot list's two, with at most so many frames that are still to be accounted for. *n: how many. */
static bool audit_list(const struct frame_pool *p, enum frame_zone z, pfn_t pfn, uint32_t most, uint32_t *n)
{
    bool ok = true;

    for (*n = 0; pfn && *n <= most; ++*n) {
        INV("INV-FRAME-3", pfn >= p->start && pfn < p->end && zone_of(p, pfn) == z,
            "frame %u in the hot list of zone %u", pfn, z);
        if (!ok)
            return false;
        const struct frame *f = pfn_frame(p, pfn);
        INV("INV-FRAME-3", f->use == FRAME_FREE && (f->flags & FRAME_F_HOT),
            "frame %u in the hot list of zone %u: %s, flags %x", pfn, z, frame_use_name(f->use), f->flags);
        pfn = f->next;
    }
    return ok;
}

static bool audit_clean(const struct frame_pool *p, pfn_t pfn)
{
    const uint32_t *word = frame_ptr(p, pfn);
    bool ok = true;

    for (unsigned i = 0; ok && i < PAGE_SIZE / sizeof *word; i++)
        INV("INV-FRAME-8", word[i] == 0, "frame %u is clean, but at %x it has %x", pfn,
            (unsigned)(i * sizeof *word), word[i]);
    return ok;
}

static bool audit_hot(const struct frame_pool *p, enum frame_zone z)
{
    const struct frame_hot *hot = &p->hot[z];
    uint32_t n, cleans;
    bool ok = audit_list(p, z, hot->head, hot->count, &n);

    ok = audit_list(p, z, hot->clean, hot->count, &cleans) && ok;
    INV("INV-FRAME-3", n + cleans == hot->count, "zone %u: %u or more, count is %u", z, n + cleans,
        hot->count);
    INV("INV-FRAME-8", cleans == hot->cleans && cleans <= (z == ZONE_LOW ? FRAME_CLEAN_MAX : 0),
        "zone %u: %u or more are clean, says %u", z, cleans, hot->cleans);
    for (pfn_t pfn = hot->clean; ok && pfn; pfn = pfn_frame(p, pfn)->next)
        ok = audit_clean(p, pfn);
    return ok;
}

/* What can be said of a record by itself. */
static bool audit_record(const struct frame_pool *p, pfn_t pfn)
{
    bool ok = true;
    const struct frame *f = pfn_frame(p, pfn);
    const struct buddy *zone = &p->zone[zone_of(p, pfn)];

    if (f->use == FRAME_FREE) {
        INV("INV-FRAME-6", !f->maps && !f->pins, "frame %u: %u maps, %u pins", pfn, f->maps, f->pins);
        return ok;
    }
    INV("INV-FRAME-2",
        f->order == 0 || f->flags & FRAME_F_LISTED ||
            (f->order < BUDDY_ORDERS && (pfn & ((1u << f->order) - 1)) == 0 &&
             zone->end - pfn >= 1u << f->order),
        "frame %u, %s: order %u", pfn, frame_use_name(f->use), f->order);
    INV("INV-FRAME-4", !(f->flags & (FRAME_F_BUDDY | FRAME_F_HOT)), "frame %u, %s: flags %x", pfn,
        frame_use_name(f->use), f->flags);
    return ok;
}

bool frame_audit(const struct frame_pool *p)
{
    bool ok = true;
    uint32_t counted[FRAME_USES] = {0}, hot = 0, sum = 0, listed = 0;
    pfn_t block_end = PFN_NONE; /* of the last free block met */

    for (unsigned z = 0; z < FRAME_ZONES; z++) {
        ok &= buddy_verify(&p->zone[z]);
        ok &= audit_hot(p, z);
        listed += p->hot[z].count;
    }
    for (pfn_t pfn = p->start; pfn < p->end; pfn++) {
        const struct frame *f = pfn_frame(p, pfn);

        INV("INV-FRAME-2", f->use < FRAME_USES, "frame %u has use %u", pfn, f->use);
        if (f->use >= FRAME_USES)
            continue;
        counted[f->use]++;
        ok &= audit_record(p, pfn);
        if (f->flags & FRAME_F_HOT)
            hot++;
        if ((f->flags & FRAME_F_BUDDY) && f->order < BUDDY_ORDERS)
            block_end = pfn + (1u << f->order);
        if (pfn < block_end)
            INV("INV-FRAME-5", f->use == FRAME_FREE && !(f->flags & FRAME_F_HOT),
                "frame %u in a free block: %s, flags %x", pfn, frame_use_name(f->use), f->flags);
    }
    INV("INV-FRAME-4", hot == listed, "%u frames are flagged hot, %u listed", hot, listed);
    INV("INV-FRAME-5", p->zone[ZONE_LOW].free + p->zone[ZONE_HIGH].free + listed == p->used[FRAME_FREE],
        "zones %u + %u, hot %u, used says %u", p->zone[ZONE_LOW].free, p->zone[ZONE_HIGH].free, listed,
        p->used[FRAME_FREE]);
    for (unsigned u = 0; u < FRAME_USES; u++) {
        INV("INV-FRAME-1", counted[u] == p->used[u], "%s: counted %u, used says %u", frame_use_name(u),
            counted[u], p->used[u]);
        sum += p->used[u];
    }
    INV("INV-FRAME-1", sum == p->end - p->start, "uses add up to %u, frames are %u", sum, p->end - p->start);
    INV("INV-FRAME-7", p->marks.min <= p->marks.low && p->marks.low <= p->marks.high,
        "min %u, low %u, high %u", p->marks.min, p->marks.low, p->marks.high);
    INV("INV-FRAME-7", p->slow_below == slow_below(p), "slow_below %u, fail_after %u, low %u", p->slow_below,
        p->fail_after, p->marks.low);
    return ok;
}
