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
    struct region_gap gap = {0};
    int err;

    if (kt_below(kt, 3) == 0) {
        lo = 0;
        hi = PAGES;
    }
    expected = model_gap(m, size, lo, hi, top_down, &page);
    err = region_find_gap(&m->t, size * PAGE_SIZE, address(lo), address(hi), top_down, &gap);
    EXPECT(err == (expected ? 0 : -ENOMEM), "%u pages in [%u, %u): %d, model %d", size, lo, hi, err,
           expected);
    if (err || !expected)
        return;
    EXPECT(gap.start == address(page), "%u pages in [%u, %u), top down %d: page %u, model %u", size, lo, hi,
           top_down, (gap.start - LO) >> PAGE_SHIFT, page);
    EXPECT(gap.above == region_first_above(&m->t, gap.start), "what is above page %u", page);
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
            if (r && r->next) {
                struct region *b = r->next;
                bool continues = region_continues(r, b);

                EXPECT(region_join(&m->t, r, b) == continues, "joined, or not");
                if (!continues)
                    break;
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

/* Levels of the tree, which has no more than 64. */
static unsigned height(const struct region *n)
{
    unsigned l = n ? height(n->left) : 0, r = n ? height(n->right) : 0;

    return n ? 1 + (l > r ? l : r) : 0;
}

/* Many ascending insertions must not make a list, and removal from one end must keep the balance. */
TEST(region, depth_stays_logarithmic)
{
    struct model *m = model_new(kt);

    if (!m)
        return;
    for (uint32_t page = 0; page < PAGES; page += 2)
        add(m, page, 1);
    EXPECT(height(m->t.root) <= 18, "512 regions, height %u", height(m->t.root));
    EXPECT(region_verify(&m->t), "after insertion");
    while (m->t.count > 4) {
        struct region *r = m->t.first;

        region_remove(&m->t, r);
        if (m->t.count % 16 == 0)
            EXPECT(region_verify(&m->t), "at %u regions", m->t.count);
    }
    EXPECT(height(m->t.root) <= 4, "4 regions, height %u", height(m->t.root));
    kt_release(m);
}

/* Every order of removal from a small tree, as far as a step by 7 is one. */
TEST(region, small_trees)
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
            region_insert_below(&m->t, r, NULL);
        }
        EXPECT(region_verify(&m->t) && m->t.count == n, "%u regions", n);
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

/* A copy has the model's shape and is a tree of its own. */
TEST(region, copied_shape)
{
    enum { MOST = 100 };
    struct model *m = model_new(kt);
    struct region_tree t;

    if (!m)
        return;
    for (uint32_t n = 0; n <= MOST; n++) {
        uint32_t copies = 0;

        region_tree_init(&t, LO, HI);
        for (const struct region *r = m->t.first; r; r = r->next) {
            struct region *copy = &m->mem[PAGES / 2 + copies++];

            *copy = *r;
            region_append(&t, copy);
        }
        EXPECT(region_find(&t, LO) == NULL, "found before there is a tree");
        region_copy_shape(&t, &m->t);
        EXPECT(region_verify(&t) && t.count == n, "%u regions", n);
        for (struct region *r = m->t.first, *copy = t.first; r; r = r->next, copy = copy->next)
            EXPECT(region_find(&t, r->start) == copy && copy != r, "the copy of %x", r->start);
        while (t.first)
            region_remove(&t, t.root);
        EXPECT(region_verify(&m->t), "the model, after its copy of %u is gone", n);
        add(m, (n * 37 + 11) % (PAGES / 2) * 2, 1);
    }
    kt_release(m);
}

/* A bound that is too high is believed once: a search that fails brings it down. */
TEST(region, bounds_are_lowered_by_searches)
{
    struct model *m = model_new(kt);
    struct region_gap gap;

    if (!m)
        return;
    for (uint32_t page = 10; page < PAGES; page += 11)
        add(m, page, 1);
    for (uint32_t page = 4; page < PAGES; page += 11)
        add(m, page, 1); /* no gap of more than 5 is left */
    EXPECT(m->t.root->max_gap >= 6, "insertion lowered the bound to %u", m->t.root->max_gap);
    EXPECT(region_find_gap(&m->t, 6 * PAGE_SIZE, LO, HI, true, &gap) == -ENOMEM, "6 pages at %x", gap.start);
    EXPECT(region_find_gap(&m->t, 6 * PAGE_SIZE, LO, HI, false, &gap) == -ENOMEM, "6 pages at %x", gap.start);
    EXPECT(!m->t.root->left || m->t.root->left->max_gap <= 5, "left bound %u", m->t.root->left->max_gap);
    EXPECT(!m->t.root->right || m->t.root->right->max_gap <= 5, "right bound %u", m->t.root->right->max_gap);
    EXPECT(region_verify(&m->t), "after the searches");
    kt_release(m);
}

TEST(region, gap_edges)
{
    struct region_tree t;
    struct region a = {.start = 0x1000, .end = 0x3000}, b = {.start = 0xFFFF0000u, .end = 0xFFFFF000u};
    struct region_gap g;

    region_tree_init(&t, 0x1000, 0xFFFFF000u);
    EXPECT(region_find_gap(&t, 0xFFFFE000u, 0, 0xFFFFFFFFu, true, &g) == 0 && g.start == 0x1000, "all of it");
    EXPECT(region_find_gap(&t, 0xFFFFF000u, 0, 0xFFFFFFFFu, true, &g) == -ENOMEM, "more than all of it");
    EXPECT(region_find_gap(&t, PAGE_SIZE, 0x5000, 0x5000, false, &g) == -ENOMEM, "an empty range");
    EXPECT(region_find_gap(&t, PAGE_SIZE, 0x5001, 0x6FFF, false, &g) == -ENOMEM,
           "no whole page in the range");
    region_insert(&t, &a);
    region_insert(&t, &b);
    EXPECT(region_find_gap(&t, PAGE_SIZE, 0, 0xFFFFFFFFu, false, &g) == 0 && g.start == 0x3000, "%x",
           g.start);
    EXPECT(region_find_gap(&t, PAGE_SIZE, 0, 0xFFFFFFFFu, true, &g) == 0 && g.start == 0xFFFEF000u, "%x",
           g.start);
    EXPECT(region_find_gap(&t, PAGE_SIZE, 0xFFFF0000u, 0xFFFFFFFFu, true, &g) == -ENOMEM, "above the last");
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

#define EXPECT_BROKEN(id, word, value) KT_BREAK(region_verify(&m->t), id, word, value)

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
    EXPECT_BROKEN("INV-REGION-3", root->red, true);
    EXPECT_BROKEN("INV-REGION-3", m->t.first->red, !m->t.first->red);
    EXPECT_BROKEN("INV-REGION-4", r->max_gap, 1);
    EXPECT_BROKEN("INV-REGION-4", root->max_gap, root->max_gap - 1);
    EXPECT_BROKEN("INV-REGION-5", m->t.count, m->t.count + 1);
    EXPECT_BROKEN("INV-REGION-5", m->t.last_hit, &m->mem[PAGES - 1]);
    EXPECT_BROKEN("INV-REGION-5", m->t.last, r);
    EXPECT(region_verify(&m->t), "after all is back");
    kt_release(m);
}
