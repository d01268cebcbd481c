/* Regions against an array with one cell for each page. */
#include "mm/errno.h"
#include "mm/region.h"
#include "tests/kt.h"

#define LO    0x00400000u
#define PAGES 1024u
#define HI    (LO + PAGES * (vaddr_t)PAGE_SIZE)

/* Naive: cell[i] is 0 for a free page, else 1 + the region's place in mem[]. */
struct model {
    struct region_tree t;
    uint16_t cell[PAGES];
    struct region mem[PAGES];
    uint16_t spare[PAGES];
    uint32_t spares;
};

static vaddr_t address(uint32_t page)
{
    return LO + page * (vaddr_t)PAGE_SIZE;
}

static struct model *model_new(struct kt *kt)
{
    struct model *m = kt_alloc(sizeof *m);

    if (!m) {
        kt_skip(kt, "no memory for the model");
        return NULL;
    }
    memset(m, 0, sizeof *m);
    region_tree_init(&m->t, LO, HI);
    for (uint32_t i = 0; i < PAGES; i++)
        m->spare[m->spares++] = (uint16_t)(PAGES - 1 - i);
    return m;
}

static struct region *model_take(struct model *m)
{
    struct region *r = &m->mem[m->spare[--m->spares]];

    memset(r, 0xA5, sizeof *r);
    return r;
}

static void model_give(struct model *m, struct region *r)
{
    m->spare[m->spares++] = (uint16_t)(r - m->mem);
    memset(r, 0x5A, sizeof *r);
}

static void model_mark(struct model *m, const struct region *r, bool on)
{
    for (vaddr_t va = r->start; va < r->end; va += PAGE_SIZE)
        m->cell[(va - LO) >> PAGE_SHIFT] = on ? (uint16_t)(1 + (r - m->mem)) : 0;
}

static struct region *model_at(struct model *m, uint32_t page)
{
    return m->cell[page] ? &m->mem[m->cell[page] - 1] : NULL;
}

/* Free pages from `page` on, up to `end`. */
static uint32_t model_run(const struct model *m, uint32_t page, uint32_t end)
{
    uint32_t n = 0;

    while (page + n < end && !m->cell[page + n])
        n++;
    return n;
}

static bool model_gap(const struct model *m, uint32_t size, uint32_t lo, uint32_t hi, bool top_down,
                      uint32_t *out)
{
    bool found = false;
    uint32_t run;

    for (uint32_t page = lo; page < hi; page += run ? run : 1) {
        run = model_run(m, page, hi);
        if (run < size)
            continue;
        *out = top_down ? page + run - size : page;
        found = true;
        if (!top_down)
            break;
    }
    return found;
}

static void add(struct model *m, uint32_t page, uint32_t size)
{
    struct region *r = model_take(m);

    memset(r, 0, sizeof *r);
    r->start = address(page);
    r->end = address(page + size);
    r->flags = REGION_READ;
    r->number = r->start >> PAGE_SHIFT;
    if (page % 3 == 0) {
        r->object = (struct object *)m; /* never looked into */
        r->offset = r->number;
    }
    region_insert(&m->t, r);
    model_mark(m, r, true);
}

static void try_insert(struct kt *kt, struct model *m)
{
    uint32_t page = kt_below(kt, PAGES), size = 1 + kt_below(kt, kt_below(kt, 8) ? 6 : 60);
    bool free = page + size <= PAGES && model_run(m, page, page + size) == size;

    EXPECT(region_is_free(&m->t, address(page), address(page + size)) == free, "pages [%u, %u)", page,
           page + size);
    if (free)
        add(m, page, size);
}

static void try_resize(struct kt *kt, struct model *m, struct region *r)
{
    vaddr_t floor = r->prev ? r->prev->end : LO, ceiling = r->next ? r->next->start : HI;
    vaddr_t start = floor + kt_below(kt, (r->end - floor) >> PAGE_SHIFT) * (vaddr_t)PAGE_SIZE;
    vaddr_t end = start + (1 + kt_below(kt, (ceiling - start) >> PAGE_SHIFT)) * (vaddr_t)PAGE_SIZE;

    model_mark(m, r, false);
    region_resize(&m->t, r, start, end);
    model_mark(m, r, true);
    EXPECT(r->number == start >> PAGE_SHIFT && r->offset == (r->object ? r->number : 0),
           "moved to %x: number %x, offset %x", start, r->number, r->offset);
}

static void try_split(struct kt *kt, struct model *m, struct region *r)
{
    uint32_t pages = (r->end - r->start) >> PAGE_SHIFT, lower;
    struct region *upper;

    if (pages < 2)
        return;
    lower = 1 + kt_below(kt, pages - 1);
    upper = model_take(m);
    region_split(&m->t, r, r->start + lower * (vaddr_t)PAGE_SIZE, upper);
    EXPECT(upper->number == r->number + lower && upper->offset == (r->object ? upper->number : 0),
           "number %u, offset %u after %u + %u", upper->number, upper->offset, r->number, lower);
    EXPECT(region_continues(r, upper), "the halves of a split do not continue each other");
    model_mark(m, upper, true);
}

static void try_gap(struct kt *kt, struct model *m)
{
    uint32_t lo = kt_below(kt, PAGES), hi = lo + 1 + kt_below(kt, PAGES - lo), page = 0;
    uint32_t size = 1 + kt_below(kt, kt_below(kt, 2) ? 8 : 100);
    bool top_down = kt_below(kt, 2), expected;
    vaddr_t va = 0;
    int err;

    if (kt_below(kt, 3) == 0) {
        lo = 0;
        hi = PAGES;
    }
    expected = model_gap(m, size, lo, hi, top_down, &page);
    err = region_gap(&m->t, size * PAGE_SIZE, address(lo), address(hi), top_down, &va);
    EXPECT(err == (expected ? 0 : -ENOMEM), "%u pages in [%u, %u): %d, model %d", size, lo, hi, err,
           expected);
    if (!err && expected)
        EXPECT(va == address(page), "%u pages in [%u, %u), top down %d: page %u, model %u", size, lo, hi,
               top_down, (va - LO) >> PAGE_SHIFT, page);
}

static void try_find(struct kt *kt, struct model *m)
{
    uint32_t page = kt_below(kt, PAGES), above = page;
    vaddr_t va = address(page) + kt_below(kt, PAGE_SIZE);
    struct region *r = region_find(&m->t, va);

    EXPECT(r == model_at(m, page), "the region at %x", va);
    while (above < PAGES && !m->cell[above])
        above++;
    EXPECT(region_first_above(&m->t, va) == (above < PAGES ? model_at(m, above) : NULL), "above %x", va);
}

TEST(region, random_against_array)
{
    struct model *m = model_new(kt);
    uint32_t rounds = kt_rounds(kt, 1000000), fill = 50;

    if (!m)
        return;
    for (uint32_t i = 0; i < rounds && kt->failures == 0; i++) {
        uint32_t page = kt_below(kt, PAGES);
        struct region *r = model_at(m, page);

        /* Let the density wander, so that nearly empty and nearly full are both met. */
        if (i % 5000 == 0)
            fill = 5 + kt_below(kt, 90);
        switch (kt_below(kt, 8)) {
        case 0:
        case 1:
            if (kt_below(kt, 100) < fill)
                try_insert(kt, m);
            break;
        case 2:
            if (r && kt_below(kt, 100) >= fill) {
                model_mark(m, r, false);
                region_remove(&m->t, r);
                model_give(m, r);
            }
            break;
        case 3:
            if (r && kt_below(kt, 4) == 0)
                try_resize(kt, m, r);
            break;
        case 4:
            if (r)
                try_split(kt, m, r);
            break;
        case 5:
            if (r && r->next && region_continues(r, r->next)) {
                struct region *b = r->next;

                region_join(&m->t, r, b);
                model_give(m, b);
                model_mark(m, r, true);
            }
            break;
        case 6:
            try_gap(kt, m);
            break;
        default:
            try_find(kt, m);
        }
        if (i % 256 == 0)
            EXPECT(region_verify(&m->t), "after operation %u", i);
    }
    EXPECT(m->t.count == PAGES - m->spares, "%u regions, model %u", m->t.count, PAGES - m->spares);
    kt_release(m);
}

/* 1000 ascending insertions must not make a list, and removal from one end must keep the balance. */
TEST(region, depth_stays_logarithmic)
{
    struct model *m = model_new(kt);

    if (!m)
        return;
    for (uint32_t page = 0; page < PAGES; page += 2)
        add(m, page, 1);
    EXPECT(m->t.root->balance <= 13, "512 regions, height %d", m->t.root->balance);
    EXPECT(region_verify(&m->t), "after insertion");
    while (m->t.count > 4) {
        struct region *r = m->t.first;

        region_remove(&m->t, r);
        if (m->t.count % 16 == 0)
            EXPECT(region_verify(&m->t), "at %u regions", m->t.count);
    }
    EXPECT(m->t.root->balance <= 3, "4 regions, height %d", m->t.root->balance);
    kt_release(m);
}

/* Trees of every small size that are built at once are as good as those that grew. */
TEST(region, built_at_once)
{
    enum { MOST = 70 };
    struct model *m = model_new(kt);

    if (!m)
        return;
    for (uint32_t n = 0; n <= MOST; n++) {
        region_tree_init(&m->t, LO, HI);
        for (uint32_t i = 0; i < n; i++) {
            struct region *r = &m->mem[i];

            memset(r, 0, sizeof *r);
            r->start = address(3 * i + i % 2);
            r->end = address(3 * i + 2);
            region_append(&m->t, r);
        }
        region_build(&m->t);
        EXPECT(region_verify(&m->t) && m->t.count == n, "%u regions", n);
        EXPECT(!n || 1 << (m->t.root->balance - 1) <= (int32_t)n, "%u regions, height %d", n,
               m->t.root->balance);
        for (uint32_t i = 0; i < n; i++)
            EXPECT(region_find(&m->t, address(3 * i + 1)) == &m->mem[i], "region %u of %u", i, n);
        /* In an order that meets each once. */
        for (uint32_t i = 0; i < n && n % 7; i++) {
            region_remove(&m->t, &m->mem[(i * 7 + 3) % n]);
            EXPECT(region_verify(&m->t), "%u of %u are gone", i + 1, n);
        }
    }
    kt_release(m);
}

TEST(region, gap_edges)
{
    struct region_tree t;
    struct region a = {.start = 0x1000, .end = 0x3000}, b = {.start = 0xFFFF0000u, .end = 0xFFFFF000u};
    vaddr_t va;

    region_tree_init(&t, 0x1000, 0xFFFFF000u);
    EXPECT(region_gap(&t, 0xFFFFE000u, 0, 0xFFFFFFFFu, true, &va) == 0 && va == 0x1000, "all of it");
    EXPECT(region_gap(&t, 0xFFFFF000u, 0, 0xFFFFFFFFu, true, &va) == -ENOMEM, "more than all of it");
    EXPECT(region_gap(&t, PAGE_SIZE, 0x5000, 0x5000, false, &va) == -ENOMEM, "an empty range");
    EXPECT(region_gap(&t, PAGE_SIZE, 0x5001, 0x6FFF, false, &va) == -ENOMEM, "no whole page in the range");
    region_insert(&t, &a);
    region_insert(&t, &b);
    EXPECT(region_gap(&t, PAGE_SIZE, 0, 0xFFFFFFFFu, false, &va) == 0 && va == 0x3000, "%x", va);
    EXPECT(region_gap(&t, PAGE_SIZE, 0, 0xFFFFFFFFu, true, &va) == 0 && va == 0xFFFEF000u, "%x", va);
    EXPECT(region_gap(&t, PAGE_SIZE, 0xFFFF0000u, 0xFFFFFFFFu, true, &va) == -ENOMEM, "above the last");
    EXPECT(!region_is_free(&t, 0x0, 0x1000), "below the tree's range");
    EXPECT(!region_is_free(&t, 0x2000, 0x4000), "half in a region");
    EXPECT(region_is_free(&t, 0x3000, 0xFFFF0000u), "exactly the gap");
}

TEST(region, continues_needs_everything_equal)
{
    char one, two;
    struct object *o = (struct object *)&one, *p = (struct object *)&two;
    const struct region a = {
        .start = 0x1000, .end = 0x3000, .flags = REGION_READ, .object = o, .offset = 5, .number = 1};
    const struct region good = {
        .start = 0x3000, .end = 0x4000, .flags = REGION_READ, .object = o, .offset = 7, .number = 3};
    struct region b = good;

    EXPECT(region_continues(&a, &b), "equal in all");
    b.flags |= REGION_WRITE;
    EXPECT(!region_continues(&a, &b), "other protection");
    b = good;
    b.offset = 6;
    EXPECT(!region_continues(&a, &b), "other offset");
    b = good;
    b.object = p;
    EXPECT(!region_continues(&a, &b), "other object");
    b = good;
    b.number = 4;
    EXPECT(!region_continues(&a, &b), "other page number");
    b = good;
    b.start = 0x4000;
    b.end = 0x5000;
    EXPECT(!region_continues(&a, &b), "a hole between");
}

/* Change one word, expect the invariant that it breaks, and put it back. */
#define EXPECT_BROKEN(id, word, value)                                                                       \
    do {                                                                                                     \
        __typeof__(word) saved_ = (word);                                                                    \
        (word) = (value);                                                                                    \
        kt_capture_begin();                                                                                  \
        bool sound_ = region_verify(&m->t);                                                                  \
        bool named_ = kt_captured("broken " id ":");                                                         \
        kt_capture_end();                                                                                    \
        (word) = saved_;                                                                                     \
        EXPECT(!sound_ && named_, id " not reported for " #word);                                            \
    } while (0)

TEST(region, verify_sees_corruption)
{
    struct model *m = model_new(kt);

    if (!m)
        return;
    for (uint32_t page = 1; page < 64; page += 4)
        add(m, page, 2);

    struct region *r = m->t.first->next->next, *root = m->t.root;

    region_find(&m->t, r->start);
    EXPECT(region_verify(&m->t), "before any change");
    EXPECT_BROKEN("INV-REGION-1", r->end, r->next->start + PAGE_SIZE);
    EXPECT_BROKEN("INV-REGION-1", r->end, r->end + 1);
    EXPECT_BROKEN("INV-REGION-1", m->t.hi, address(8));
    EXPECT_BROKEN("INV-REGION-2", r->prev, NULL);
    EXPECT_BROKEN("INV-REGION-2", root->left->parent, NULL);
    EXPECT_BROKEN("INV-REGION-3", root->balance, root->balance + 1);
    EXPECT_BROKEN("INV-REGION-4", r->max_gap, r->max_gap + 1);
    EXPECT_BROKEN("INV-REGION-5", m->t.count, m->t.count + 1);
    EXPECT_BROKEN("INV-REGION-5", m->t.last_hit, &m->mem[PAGES - 1]);
    EXPECT_BROKEN("INV-REGION-5", m->t.last, r);
    EXPECT(region_verify(&m->t), "after all is back");
    kt_release(m);
}
