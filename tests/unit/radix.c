/* The radix tree against a table of (index, word) pairs. */
#include "mm/radix.h"
#include "tests/kt.h"

#define ENTRIES 512u

struct model {
    struct radix tree;
    struct cache nodes;
    uint32_t index[ENTRIES]; /* ascending */
    uintptr_t word[ENTRIES];
    uint32_t n;
};

static struct model *model_new(struct kt *kt, struct frame_pool *pool, uint32_t flags)
{
    struct model *m = kt_alloc(sizeof *m);

    if (!m) {
        kt_skip(kt, "no memory for the model");
        return NULL;
    }
    memset(m, 0, sizeof *m);
    cache_init(&m->nodes, pool, "radix", radix_node_size(), 0, NULL, flags);
    radix_init(&m->tree, &m->nodes);
    return m;
}

static void model_done(struct kt *kt, struct model *m)
{
    uint32_t index = 0;

    while (radix_next(&m->tree, &index))
        radix_clear(&m->tree, index);
    EXPECT(m->tree.height == 0 && !m->tree.root, "height %u when empty", m->tree.height);
    EXPECT(cache_in_use(&m->nodes) == 0, "%u nodes leaked", cache_in_use(&m->nodes));
    cache_destroy(&m->nodes);
    kt_release(m);
}

/* Place of the first entry at or above index. */
static uint32_t place(const struct model *m, uint32_t index)
{
    uint32_t lo = 0, hi = m->n;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (m->index[mid] < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static uintptr_t model_get(const struct model *m, uint32_t index)
{
    uint32_t i = place(m, index);

    return i < m->n && m->index[i] == index ? m->word[i] : 0;
}

static void model_set(struct model *m, uint32_t index, uintptr_t word)
{
    uint32_t i = place(m, index);

    if (i == m->n || m->index[i] != index) {
        memmove(&m->index[i + 1], &m->index[i], (m->n - i) * sizeof m->index[0]);
        memmove(&m->word[i + 1], &m->word[i], (m->n - i) * sizeof m->word[0]);
        m->n++;
    }
    m->index[i] = index;
    m->word[i] = word;
}

static void model_clear(struct model *m, uint32_t index)
{
    uint32_t i = place(m, index);

    if (i == m->n || m->index[i] != index)
        return;
    m->n--;
    memmove(&m->index[i], &m->index[i + 1], (m->n - i) * sizeof m->index[0]);
    memmove(&m->word[i], &m->word[i + 1], (m->n - i) * sizeof m->word[0]);
}

static uint64_t model_gap(const struct model *m, uint32_t index)
{
    uint64_t gap = index;

    for (uint32_t i = place(m, index); i < m->n && m->index[i] == gap; i++)
        gap++;
    return gap;
}

/* Mostly small and clustered indices, some anywhere, some at the very end. */
static uint32_t random_index(struct kt *kt, const struct model *m)
{
    switch (kt_below(kt, 8)) {
    case 0:
        return kt_random(kt);
    case 1:
        return UINT32_MAX - kt_below(kt, 100);
    case 2:
        return kt_below(kt, 1u << (1 + kt_below(kt, 31)));
    case 3:
    case 4:
        return m->n ? m->index[kt_below(kt, m->n)] + kt_below(kt, 3) - 1 : 0;
    default:
        return kt_below(kt, 300);
    }
}

TEST(radix, random_against_table)
{
    struct frame_pool *pool = kt_pool(kt, 1024, 0);
    uint32_t rounds = kt_rounds(kt, 1000000), limit = ENTRIES;
    struct model *m;

    if (!pool)
        return;
    m = model_new(kt, pool, 0);
    if (!m) {
        kt_pool_done(kt, pool);
        return;
    }
    for (uint32_t i = 0; i < rounds && kt->failures == 0; i++) {
        uint32_t index = random_index(kt, m), from = index;
        uintptr_t word = kt_random(kt) | 1;

        if (i % 4096 == 0)
            limit = kt_below(kt, 4) ? kt_below(kt, ENTRIES) : 2;
        switch (kt_below(kt, 4)) {
        case 0:
            if (m->n >= limit && !model_get(m, index))
                break;
            if (radix_set(&m->tree, index, word) == 0)
                model_set(m, index, word);
            else
                EXPECT(!model_get(m, index) && frame_free_count(pool) < pool->marks.min + 16,
                       "set %u failed for no reason", index);
            break;
        case 1:
            /* Removal works off the surplus faster when the limit is low. */
            if (m->n > limit)
                index = m->index[kt_below(kt, m->n)];
            word = model_get(m, index);
            EXPECT(radix_clear(&m->tree, index) == word, "cleared %u", index);
            model_clear(m, index);
            break;
        case 2:
            EXPECT(radix_get(&m->tree, index) == model_get(m, index), "got %u", index);
            break;
        default:
            word = radix_next(&m->tree, &from);
            if (place(m, index) == m->n)
                EXPECT(word == 0, "next after %u is %u, model none", index, from);
            else
                EXPECT(word == m->word[place(m, index)] && from == m->index[place(m, index)],
                       "next after %u is %u, model %u", index, from, m->index[place(m, index)]);
            EXPECT(radix_next_gap(&m->tree, index) == model_gap(m, index), "gap after %u is %llu, model %llu",
                   index, (unsigned long long)radix_next_gap(&m->tree, index),
                   (unsigned long long)model_gap(m, index));
        }
        if (i % 512 == 0) {
            EXPECT(radix_verify(&m->tree), "after operation %u", i);
            EXPECT(m->tree.count == m->n, "count %u, model %u", m->tree.count, m->n);
        }
    }
    model_done(kt, m);
    kt_pool_done(kt, pool);
}

/* Runs of words about the borders of nodes, and up to the last index of all. */
TEST(radix, gaps)
{
    static const uint32_t first[] = {0, 1, 63, 64, 4000, 262143, UINT32_MAX - 299};
    struct frame_pool *pool = kt_pool(kt, 64, 0);
    struct model *m;

    if (!pool)
        return;
    m = model_new(kt, pool, 0);
    for (uint32_t i = 0; m && i < ARRAY_LEN(first); i++) {
        EXPECT(radix_next_gap(&m->tree, first[i]) == first[i], "a gap in an empty tree");
        for (uint32_t n = 0; n < 300; n++)
            radix_set(&m->tree, first[i] + n, 1);
        for (uint32_t n = 0; n < 300; n++)
            EXPECT(radix_next_gap(&m->tree, first[i] + n) == (uint64_t)first[i] + 300, "from %u + %u",
                   first[i], n);
        radix_clear(&m->tree, first[i] + 150);
        EXPECT(radix_next_gap(&m->tree, first[i]) == first[i] + 150, "the one that was cleared");
        EXPECT(radix_next_gap(&m->tree, first[i] + 151) == (uint64_t)first[i] + 300, "the one after that");
        for (uint32_t n = 0; n < 300; n++)
            radix_clear(&m->tree, first[i] + n);
    }
    if (m)
        model_done(kt, m);
    kt_pool_done(kt, pool);
}

TEST(radix, grows_and_shrinks)
{
    static const uint32_t last[] = {63, 4095, 262143, 16777215, 1073741823, UINT32_MAX};
    struct frame_pool *pool = kt_pool(kt, 64, 0);
    struct model *m;

    if (!pool)
        return;
    m = model_new(kt, pool, 0);
    if (!m) {
        kt_pool_done(kt, pool);
        return;
    }
    radix_set(&m->tree, 0, 1);
    for (uint32_t i = 0; i < ARRAY_LEN(last); i++) {
        uint32_t missing = radix_missing(&m->tree, last[i]), before = cache_in_use(&m->nodes);

        EXPECT(radix_set(&m->tree, last[i], last[i]) == 0, "index %u", last[i]);
        EXPECT(m->tree.height == i + 1, "height %u for index %u", m->tree.height, last[i]);
        EXPECT(cache_in_use(&m->nodes) - before == missing, "%u nodes, predicted %u",
               cache_in_use(&m->nodes) - before, missing);
        EXPECT(radix_missing(&m->tree, last[i]) == 0, "an entry that exists needs nothing");
    }
    for (uint32_t i = ARRAY_LEN(last); i-- > 0;) {
        EXPECT(radix_clear(&m->tree, last[i]) == last[i], "index %u", last[i]);
        EXPECT(m->tree.height == (i ? i : 1), "height %u without index %u", m->tree.height, last[i]);
        EXPECT(radix_verify(&m->tree), "without index %u", last[i]);
    }
    EXPECT(cache_in_use(&m->nodes) == 1, "%u nodes for one entry", cache_in_use(&m->nodes));
    model_done(kt, m);
    kt_pool_done(kt, pool);
}

/* Try to reach the far end with ever more memory. Returns how many tries it took, 0 when it never worked. */
static uint32_t set_with_failures(struct kt *kt, struct model *m, struct frame_pool *pool)
{
    for (uint32_t n = 1; n < 50; n++) {
        uint32_t nodes = cache_in_use(&m->nodes);
        int err;

        frame_fail_after(pool, n);
        err = radix_set(&m->tree, UINT32_MAX, 42);
        frame_fail_after(pool, 0);
        if (!err)
            return n;
        EXPECT(cache_in_use(&m->nodes) == nodes, "%u nodes, before %u", cache_in_use(&m->nodes), nodes);
        EXPECT(radix_get(&m->tree, 7) == 70 && m->tree.count == 1 && m->tree.height == 1, "the tree changed");
        EXPECT(radix_verify(&m->tree), "after failure %u", n);
        cache_reap(&m->nodes);
    }
    return 0;
}

/* Every allocation that radix_set() makes may fail: the tree is unchanged, nothing is lost. With some nodes
 * taken beforehand the end of a slab, and so the failure, comes after any number of nodes. */
TEST(radix, fails_whole)
{
    struct frame_pool *pool = kt_pool(kt, 64, 0);
    void *taken[24];
    struct model *m;
    uint32_t failures = 0;

    if (!pool)
        return;
    m = model_new(kt, pool, CACHE_NO_MAGAZINE);
    if (!m) {
        kt_pool_done(kt, pool);
        return;
    }
    for (uint32_t n = 0; n < ARRAY_LEN(taken); n++) {
        uint32_t tries;

        for (uint32_t i = 0; i < n; i++)
            taken[i] = cache_alloc(&m->nodes);
        EXPECT(radix_set(&m->tree, 7, 70) == 0, "the first entry");
        cache_reap(&m->nodes);
        tries = set_with_failures(kt, m, pool);
        EXPECT(tries > 0 && radix_get(&m->tree, UINT32_MAX) == 42 && radix_get(&m->tree, 7) == 70,
               "%u tries with %u nodes taken", tries, n);
        failures += tries - 1;
        radix_clear(&m->tree, UINT32_MAX);
        radix_clear(&m->tree, 7);
        for (uint32_t i = 0; i < n; i++)
            cache_free(&m->nodes, taken[i]);
    }
    EXPECT(failures > 10, "only %u failures", failures);
    model_done(kt, m);
    kt_pool_done(kt, pool);
}

#define EXPECT_BROKEN(id, word, value) KT_BREAK(radix_verify(&m->tree), id, word, value)

TEST(radix, verify_sees_corruption)
{
    struct frame_pool *pool = kt_pool(kt, 64, 0);
    struct model *m;
    uintptr_t *root;

    if (!pool)
        return;
    m = model_new(kt, pool, 0);
    if (!m) {
        kt_pool_done(kt, pool);
        return;
    }
    radix_set(&m->tree, 3, 30);
    radix_set(&m->tree, 3u << 30, 31);
    root = (uintptr_t *)m->tree.root;
    EXPECT(radix_verify(&m->tree), "before any change");
    EXPECT_BROKEN("INV-RADIX-1", root[2], root[1]); /* a second way to the first child: one entry too many */
    EXPECT_BROKEN("INV-RADIX-1", *(uint32_t *)root, 3);
    EXPECT_BROKEN("INV-RADIX-2", m->tree.height, 7);
    EXPECT_BROKEN("INV-RADIX-2", m->tree.height, 0);
    EXPECT_BROKEN("INV-RADIX-3", m->tree.count, 3);
    EXPECT_BROKEN("INV-RADIX-4", root[1 + 63], root[1]);
    EXPECT(radix_verify(&m->tree), "after all is back");
    model_done(kt, m);
    kt_pool_done(kt, pool);
}
