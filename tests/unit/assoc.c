/* A set-associative array against a naive one: a list of pages for each set, oldest first. */
#include "mm/assoc.h"
#include "tests/kt.h"

#define MOST 24u

struct naive {
    uint32_t page[MOST][MOST], count[MOST]; /* of each set, the next to go first */
    uint32_t left[MOST][MOST], lefts[MOST]; /* that the last flush took, and nobody has replaced since */
};

static uint32_t index_of(const uint32_t *list, uint32_t n, uint32_t page)
{
    uint32_t i = 0;

    while (i < n && list[i] != page)
        i++;
    return i;
}

static void take_out(uint32_t *list, uint32_t *n, uint32_t i)
{
    (*n)--;
    for (; i < *n; i++)
        list[i] = list[i + 1];
}

/* A page comes in. Any page of the set may have left under random replacement, and is told. */
static uint32_t naive_put(struct naive *m, const struct assoc *a, uint32_t page, uint32_t out)
{
    uint32_t s = page % a->sets, *list = m->page[s], *n = &m->count[s], victim = ASSOC_NONE;

    if (*n == a->ways) {
        uint32_t i = a->policy == ASSOC_RANDOM ? index_of(list, *n, out) : 0;

        victim = i < *n ? list[i] : ASSOC_NONE;
        take_out(list, n, i < *n ? i : 0);
    }
    list[(*n)++] = page;
    return victim;
}

static void one_use(struct kt *kt, struct assoc *a, struct naive *m, uint32_t page)
{
    uint32_t s = page % a->sets, at = index_of(m->page[s], m->count[s], page);
    struct assoc_slot *slot = assoc_find(a, page);
    bool in = at < m->count[s], was = slot && !slot->used;
    uint32_t out, expected;

    EXPECT(in == (slot && slot->used), "page %x: in %d, place %p", page, in, (void *)slot);
    if (was)
        EXPECT(index_of(m->left[s], m->lefts[s], page) < m->lefts[s], "page %x was never flushed", page);
    if (in) {
        assoc_touch(a, slot);
        if (a->policy == ASSOC_LRU) {
            take_out(m->page[s], &m->count[s], at);
            m->page[s][m->count[s]++] = page;
        }
        return;
    }
    if (slot)
        assoc_drop(a, slot);
    out = assoc_put(a, page);
    expected = naive_put(m, a, page, out);
    EXPECT(out == expected, "for page %x page %x leaves, not %x", page, out, expected);
    EXPECT(assoc_find(a, page) && assoc_find(a, page)->used, "page %x has come in", page);
}

TEST(assoc, random_against_lists)
{
    struct assoc_slot *slot = kt_alloc(MOST * MOST * sizeof *slot);
    struct naive *m = kt_alloc(sizeof *m);
    struct assoc a;

    if (!slot || !m) {
        kt_release(slot);
        kt_release(m);
        kt_skip(kt, "no memory");
        return;
    }
    for (unsigned round = 0; round < kt_rounds(kt, 200) && !kt->failures; round++) {
        uint32_t sets = 1 + kt_below(kt, MOST), ways = 1 + kt_below(kt, MOST), pages = 1 + sets * ways * 2;

        *m = (struct naive){0};
        assoc_init(&a, slot, sets, ways, (enum assoc_policy)kt_below(kt, ASSOC_POLICIES), kt_below(kt, 5));
        if (kt_below(kt, 4) == 0)
            a.clock = UINT32_MAX - kt_below(kt, 50); /* it begins anew on the way */
        for (unsigned i = 0; i < 300 && !kt->failures; i++) {
            uint32_t page = kt_below(kt, pages), s = page % sets;

            if (kt_below(kt, 60) == 0) {
                uint32_t had = 0;

                for (uint32_t k = 0; k < sets; k++) {
                    had += m->count[k];
                    for (uint32_t j = 0; j < m->count[k]; j++)
                        m->left[k][j] = m->page[k][j];
                    m->lefts[k] = m->count[k];
                    m->count[k] = 0;
                }
                EXPECT(assoc_flush(&a) == had, "a flush of %u", had);
            } else if (kt_below(kt, 20) == 0 && assoc_find(&a, page)) {
                uint32_t at = index_of(m->page[s], m->count[s], page);

                assoc_drop(&a, assoc_find(&a, page));
                if (at < m->count[s])
                    take_out(m->page[s], &m->count[s], at);
                EXPECT(!assoc_find(&a, page), "page %x is gone", page);
            } else {
                one_use(kt, &a, m, page);
            }
            EXPECT(assoc_verify(&a), "sound");
        }
    }
    kt_release(slot);
    kt_release(m);
}

TEST(assoc, broken_ones_are_seen)
{
    struct assoc_slot slot[4];
    struct assoc a;

    assoc_init(&a, slot, 2, 2, ASSOC_LRU, 1);
    for (uint32_t page = 0; page < 4; page++)
        EXPECT(assoc_put(&a, page) == ASSOC_NONE, "page %u has room", page);
    EXPECT(assoc_verify(&a), "sound");
    KT_BREAK(assoc_verify(&a), "INV-ASSOC-1", slot[0].page, 1); /* the wrong set */
    KT_BREAK(assoc_verify(&a), "INV-ASSOC-1", slot[0].page, 2); /* in two places */
    KT_BREAK(assoc_verify(&a), "INV-ASSOC-2", a.count, 3);
    KT_BREAK(assoc_verify(&a), "INV-ASSOC-3", slot[0].used, a.clock + 1);
    KT_BREAK(assoc_verify(&a), "INV-ASSOC-3", slot[0].used, slot[1].used);
}
