/* The textbook's allocator against a naive model, its bad frees, and damage to it. */
#include "mm/lab/freelist.h"
#include "tests/kt.h"

#define HEAP 8192u

struct fixture {
    uint8_t memory[HEAP] __attribute__((aligned(16)));
    struct freelist l;
};

static struct fixture *setup(struct kt *kt, uint32_t size, struct freelist_rules rules)
{
    struct fixture *f = kt_alloc(sizeof *f);

    if (!f) {
        kt_skip(kt, "no memory");
        return NULL;
    }
    EXPECT(freelist_init(&f->l, f->memory, size, &rules) == 0, "init");
    return f;
}

static struct freelist_rules rules_of(enum freelist_fit fit, enum freelist_order order, bool coalesce)
{
    return (struct freelist_rules){.fit = fit, .order = order, .coalesce = coalesce, .header = 8};
}

/* Where a block was put: offset of its header; -1: nowhere. */
static int place(struct fixture *f, uint32_t size)
{
    uint8_t *p = freelist_alloc(&f->l, size);

    return p ? (int)(p - f->memory - f->l.rules.header) : -1;
}

static enum freelist_bad drop(struct fixture *f, int at)
{
    return freelist_free(&f->l, f->memory + at + f->l.rules.header);
}

TEST(freelist, refuses_bad_rules)
{
    struct fixture *f = setup(kt, 64, rules_of(FREELIST_BEST, FREELIST_ADDRESS, true));
    struct freelist_rules good = rules_of(FREELIST_BEST, FREELIST_ADDRESS, true), bad;
    struct freelist l;

    if (!f)
        return;
    EXPECT(freelist_init(&l, f->memory + 4, 64, &good) == -EINVAL, "misaligned memory");
    EXPECT(freelist_init(&l, f->memory, 60, &good) == -EINVAL &&
               freelist_init(&l, f->memory, 0, &good) == -EINVAL,
           "no units");
    bad = good;
    bad.fit = FREELIST_FITS;
    EXPECT(freelist_init(&l, f->memory, 64, &bad) == -EINVAL, "fit");
    bad = good;
    bad.order = FREELIST_ORDERS;
    EXPECT(freelist_init(&l, f->memory, 64, &bad) == -EINVAL, "order");
    bad = good;
    bad.header = 4;
    EXPECT(freelist_init(&l, f->memory, 64, &bad) == -EINVAL, "header");
    EXPECT(!freelist_alloc(&f->l, 0) && !freelist_alloc(&f->l, UINT32_MAX) && !freelist_alloc(&f->l, 57),
           "sizes that cannot be");
    EXPECT(place(f, 56) == 0 && f->l.first == FREELIST_NONE && f->l.nodes == 0, "all of it");
    EXPECT(place(f, 1) == -1 && freelist_verify(&f->l), "and then nothing");
    EXPECT(freelist_grow(&f->l, 12) == -EINVAL && freelist_grow(&f->l, 0) == -EINVAL, "growth in units");
    EXPECT(freelist_grow(&f->l, 64) == 0 && place(f, 56) == 64 && freelist_verify(&f->l), "more");
    EXPECT(drop(f, 0) == FREELIST_GOOD && drop(f, 64) == FREELIST_GOOD && f->l.nodes == 1, "one piece again");
    EXPECT(freelist_free(&f->l, NULL) == FREELIST_GOOD, "NULL");
    kt_release(f);
}

TEST(freelist, splits_and_coalesces)
{
    struct fixture *f = setup(kt, 256, rules_of(FREELIST_FIRST, FREELIST_ADDRESS, true));

    if (!f)
        return;
    EXPECT(place(f, 20) == 0 && place(f, 24) == 32 && place(f, 1) == 64, "header and round-up");
    EXPECT(f->l.first == 80 && f->l.nodes == 1 && f->l.free == 176, "the rest is one block");
    EXPECT(drop(f, 0) == FREELIST_GOOD && f->l.nodes == 2, "a hole");
    EXPECT(drop(f, 64) == FREELIST_GOOD && f->l.nodes == 2, "joined to what follows");
    EXPECT(drop(f, 32) == FREELIST_GOOD && f->l.nodes == 1 && f->l.free == 256, "joined to both");
    EXPECT(freelist_verify(&f->l), "in the end");
    kt_release(f);
}

/* Holes of 32, 16, 48 and 24 bytes, with blocks between them, and nothing behind. */
static struct fixture *picture(struct kt *kt, enum freelist_fit fit)
{
    static const struct {
        int at;
        uint32_t size;
    } hole[] = {{0, 32}, {48, 16}, {80, 48}, {144, 24}};
    struct fixture *f = setup(kt, 184, rules_of(fit, FREELIST_ADDRESS, true));

    if (!f)
        return NULL;
    for (unsigned i = 0; i < ARRAY_LEN(hole); i++) {
        EXPECT(place(f, hole[i].size - 8) == hole[i].at, "hole %u", i);
        EXPECT(place(f, 8) == hole[i].at + (int)hole[i].size, "wall %u", i);
    }
    for (unsigned i = 0; i < ARRAY_LEN(hole); i++)
        EXPECT(drop(f, hole[i].at) == FREELIST_GOOD, "hole %u", i);
    EXPECT(f->l.nodes == 4 && freelist_verify(&f->l), "the picture");
    return f;
}

TEST(freelist, fits)
{
    static const struct {
        enum freelist_fit fit;
        int first, second;
        uint32_t searched;
    } want[] = {{FREELIST_BEST, 144, 0, 7},
                {FREELIST_WORST, 80, 0, 8},
                {FREELIST_FIRST, 0, 80, 4},
                {FREELIST_NEXT, 0, 80, 4}};

    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        struct fixture *f = picture(kt, want[i].fit);
        uint64_t before = f ? f->l.searched : 0;

        if (!f)
            return;
        /* Two blocks of 24: best fits exactly and then has to take the smaller one that is left. */
        EXPECT(place(f, 16) == want[i].first, "%s: first", freelist_fit_name(want[i].fit));
        EXPECT(place(f, 16) == want[i].second, "%s: second", freelist_fit_name(want[i].fit));
        EXPECT(f->l.searched - before == want[i].searched, "%u searched", (unsigned)(f->l.searched - before));
        EXPECT(freelist_verify(&f->l), "%s", freelist_fit_name(want[i].fit));
        kt_release(f);
    }
}

TEST(freelist, bad_frees_are_named)
{
    struct freelist_rules rules = rules_of(FREELIST_FIRST, FREELIST_ADDRESS, true);
    struct fixture *f;
    uint8_t *a, *b, *c;
    uint32_t *header, copy[2];

    rules.guard = 4;
    f = setup(kt, 512, rules);
    if (!f)
        return;
    a = freelist_alloc(&f->l, 20);
    b = freelist_alloc(&f->l, 24);
    c = freelist_alloc(&f->l, 28);
    REQUIRE(a && b && c, "blocks");
#define BAD(p, what)                                                                                         \
    EXPECT(freelist_check(&f->l, p) == (what) && freelist_free(&f->l, p) == (what), "%s, not %s",            \
           freelist_bad_name(freelist_check(&f->l, p)), freelist_bad_name(what))
    BAD(a + 1, FREELIST_NO_BLOCK);
    BAD(a + 8, FREELIST_NO_BLOCK);
    BAD(f->memory, FREELIST_NO_BLOCK);
    BAD((void *)((uintptr_t)f->memory - 8), FREELIST_NO_BLOCK);
    BAD(f->memory + 512, FREELIST_NO_BLOCK);
    BAD(f->memory + 256, FREELIST_TWICE);
    /* A copy of a header is none, since the offset is in it; one that a program has made up with care is
     * believed by freelist_free() alone. */
    memcpy(copy, b - 8, sizeof copy);
    memcpy(b + 8, copy, sizeof copy);
    BAD(b + 16, FREELIST_NO_BLOCK);
    copy[0] = 4;
    copy[1] ^= (uint32_t)(b - 8 - f->memory) ^ (uint32_t)(b + 8 - f->memory);
    memcpy(b + 8, copy, sizeof copy);
    EXPECT(freelist_check(&f->l, b + 16) == FREELIST_NO_BLOCK, "a header inside a block");
    EXPECT(freelist_free(&f->l, b) == FREELIST_GOOD, "the first time");
    BAD(b, FREELIST_TWICE);
    EXPECT(freelist_free(&f->l, c) == FREELIST_GOOD, "the block behind it");
    BAD(b, FREELIST_TWICE);
    BAD(c, FREELIST_TWICE);
    b = freelist_alloc(&f->l, 24);
    c = freelist_alloc(&f->l, 28);
    REQUIRE(b && c, "blocks");
    b[24] = 0;
    BAD(b, FREELIST_OVERRUN);
    b[24] = 0xFD;
    header = (uint32_t *)(c - 8);
    header[1] ^= 1;
    BAD(c, FREELIST_WRONG_MAGIC);
    /* Without guards, a block that ran over into this header is the one to blame. */
    EXPECT(freelist_check(&f->l, b) == FREELIST_OVERRUN, "the one before");
    header[1] ^= 1;
    header[0] = 0;
    BAD(c, FREELIST_WRONG_MAGIC);
    header[0] = 28;
    header = (uint32_t *)(f->memory + f->l.first);
    header[0] += 4;
    EXPECT(!freelist_alloc(&f->l, 8), "a list that is broken gives nothing");
    EXPECT(freelist_check(&f->l, b) == FREELIST_DAMAGED, "nor says anything");
    header[0] -= 4;
    EXPECT(freelist_free(&f->l, a) == FREELIST_GOOD && freelist_free(&f->l, b) == FREELIST_GOOD &&
               freelist_free(&f->l, c) == FREELIST_GOOD && f->l.nodes == 1 && freelist_verify(&f->l),
           "all is well");
    kt_release(f);
}

/* Free memory of just a header's size, with a block behind it: where that block's header lies would be what a
 * block at that hole had. */
TEST(freelist, no_block_behind_a_small_hole)
{
    struct fixture *f = setup(kt, 40, rules_of(FREELIST_FIRST, FREELIST_ADDRESS, true));

    if (!f)
        return;
    REQUIRE(place(f, 16) == 0 && place(f, 8) == 24 && drop(f, 0) == FREELIST_GOOD && place(f, 8) == 0,
            "a hole of 8 at 16, a block behind it");
    BAD(f->memory + 24, FREELIST_NO_BLOCK);
    EXPECT(freelist_verify(&f->l) && f->l.nodes == 1 && f->l.blocks == 2, "nothing was done");
    kt_release(f);
}

TEST(freelist, bad_frees_without_headers)
{
    struct freelist_rules rules = rules_of(FREELIST_FIRST, FREELIST_BACK, true);
    struct fixture *f;
    uint8_t *a, *b;

    rules.header = 0;
    f = setup(kt, 128, rules);
    if (!f)
        return;
    a = freelist_alloc(&f->l, 20);
    b = freelist_alloc(&f->l, 8);
    REQUIRE(a == f->memory && b == f->memory + 24, "no headers");
    EXPECT(freelist_free_sized(&f->l, b, 120) == FREELIST_NO_BLOCK, "beyond the end");
    EXPECT(freelist_free_sized(&f->l, b, 16) == FREELIST_TWICE, "into what is free");
    a[20] = 1;
    EXPECT(freelist_free_sized(&f->l, a, 20) == FREELIST_OVERRUN, "overrun");
    a[20] = 0xFD;
    EXPECT(freelist_free_sized(&f->l, a, 20) == FREELIST_GOOD, "good");
    EXPECT(freelist_free_sized(&f->l, a, 20) == FREELIST_TWICE, "twice");
    EXPECT(freelist_free_sized(&f->l, b, 8) == FREELIST_GOOD && freelist_verify(&f->l), "good");
    /* The rest stands first in the list, so that its neighbours before it in memory are behind it there. */
    EXPECT(f->l.nodes == 2, "%u pieces", f->l.nodes);
    kt_release(f);
}

/* --- random use against a model: the list as an array --- */

enum { NODES = HEAP / FREELIST_UNIT + 2, HELD = 200 };

struct model {
    struct freelist_rules rules;
    uint32_t at[NODES], size[NODES], n;
    uint32_t rover; /* its offset */
    struct {
        uint32_t at, whole;
        uint32_t asked;
    } held[HELD];
    uint32_t holds;
};

static uint32_t model_index(const struct model *m, uint32_t at)
{
    uint32_t i = 0;

    while (i < m->n && m->at[i] != at)
        i++;
    return i;
}

/* The index, m->n: none. *searched: how many were looked at. */
static uint32_t model_find(const struct model *m, uint32_t whole, uint32_t *searched)
{
    uint32_t best = m->n, from = 0;

    *searched = 0;
    if (m->rules.fit == FREELIST_NEXT)
        from = model_index(m, m->rover);
    for (uint32_t k = 0; k < m->n; k++) {
        uint32_t i = (from + k) % m->n;

        if (m->rules.fit == FREELIST_NEXT && from == m->n)
            i = k;
        ++*searched;
        if (m->size[i] < whole)
            continue;
        if (m->rules.fit == FREELIST_FIRST || m->rules.fit == FREELIST_NEXT)
            return i;
        if (best == m->n ||
            (m->rules.fit == FREELIST_BEST ? m->size[i] < m->size[best] : m->size[i] > m->size[best]))
            best = i;
    }
    return best;
}

static void model_remove(struct model *m, uint32_t i)
{
    for (m->n--; i < m->n; i++) {
        m->at[i] = m->at[i + 1];
        m->size[i] = m->size[i + 1];
    }
}

static void model_insert(struct model *m, uint32_t i, uint32_t at, uint32_t size)
{
    for (uint32_t k = m->n++; k > i; k--) {
        m->at[k] = m->at[k - 1];
        m->size[k] = m->size[k - 1];
    }
    m->at[i] = at;
    m->size[i] = size;
}

static uint32_t model_take(struct model *m, uint32_t i, uint32_t whole)
{
    uint32_t at = m->at[i];

    if (m->size[i] > whole) {
        m->at[i] += whole;
        m->size[i] -= whole;
        m->rover = m->at[i];
    } else {
        m->rover = i + 1 < m->n ? m->at[i + 1] : FREELIST_NONE;
        model_remove(m, i);
    }
    return at;
}

static bool model_before(const struct model *m, uint32_t b, uint32_t a)
{
    return m->rules.order == FREELIST_ADDRESS   ? m->at[b] < m->at[a]
           : m->rules.order == FREELIST_SIZE_UP ? m->size[b] < m->size[a]
                                                : m->size[b] > m->size[a];
}

static void model_free(struct model *m, uint32_t at, uint32_t whole)
{
    model_insert(m, m->rules.order == FREELIST_FRONT ? 0 : m->n, at, whole);
    /* Insertion sort, which is stable. */
    for (uint32_t i = 1; m->rules.order <= FREELIST_SIZE_DOWN && i < m->n; i++)
        for (uint32_t k = i; k && model_before(m, k, k - 1); k--) {
            uint32_t a = m->at[k], s = m->size[k];

            m->at[k] = m->at[k - 1];
            m->size[k] = m->size[k - 1];
            m->at[k - 1] = a;
            m->size[k - 1] = s;
        }
    for (uint32_t i = 0; m->rules.coalesce && i + 1 < m->n;) {
        if (m->at[i] + m->size[i] != m->at[i + 1]) {
            i++;
            continue;
        }
        if (m->rover == m->at[i + 1])
            m->rover = m->at[i];
        m->size[i] += m->size[i + 1];
        model_remove(m, i + 1);
    }
}

static bool same_list(const struct model *m, const struct freelist *l)
{
    uint32_t at = l->first, i = 0, next;

    for (; at != FREELIST_NONE && i < m->n; i++, at = next)
        if (m->at[i] != at || m->size[i] != freelist_node(l, at, &next))
            return false;
    return at == FREELIST_NONE && i == m->n && m->n == l->nodes;
}

static void step(struct kt *kt, struct fixture *f, struct model *m)
{
    if (m->holds < HELD && kt_below(kt, 100) < 53) {
        uint32_t asked = kt_below(kt, 10) ? 1 + kt_below(kt, 60) : 1 + kt_below(kt, 500), searched, i;
        uint64_t before = f->l.searched;
        uint32_t align = m->rules.align ? m->rules.align : 8;
        uint32_t whole = ((asked + m->rules.guard + align - 1) / align * align + 7) / 8 * 8 + m->rules.header;
        uint8_t *p = freelist_alloc(&f->l, asked);

        i = model_find(m, whole, &searched);
        EXPECT(f->l.searched - before == searched, "%u searched, %u", (unsigned)(f->l.searched - before),
               searched);
        EXPECT(!p == (i == m->n), "%u bytes: %p", asked, (void *)p);
        if (!p || i == m->n)
            return;

        uint32_t at = model_take(m, i, whole);

        EXPECT(p == f->memory + at + m->rules.header, "at %lx, not %x", (unsigned long)(p - f->memory), at);
        memset(p, (int)(at & 255), asked);
        m->held[m->holds].at = at;
        m->held[m->holds].whole = whole;
        m->held[m->holds++].asked = asked;
    } else if (m->holds) {
        uint32_t i = kt_below(kt, m->holds), at = m->held[i].at, asked = m->held[i].asked;
        uint8_t *p = f->memory + at + m->rules.header;

        for (uint32_t k = 0; k < asked; k++)
            if (p[k] != (at & 255)) {
                EXPECT(false, "byte %u of the block at %x", k, at);
                break;
            }
        EXPECT(freelist_free_sized(&f->l, p, asked) == FREELIST_GOOD, "free");
        model_free(m, at, m->held[i].whole);
        m->held[i] = m->held[--m->holds];
    } else {
        return;
    }
}

/* Whether a block that is held has its header at an offset. */
static bool is_held(const struct model *m, uint32_t at)
{
    for (uint32_t i = 0; i < m->holds; i++)
        if (m->held[i].at == at)
            return true;
    return false;
}

/* What is held is a block and nothing else is: neither where a free block would have it, nor anywhere. */
static void ask_for_blocks(struct kt *kt, const struct fixture *f, const struct model *m)
{
    uint32_t node = m->n ? m->at[kt_below(kt, m->n)] : 0,
             any = kt_below(kt, HEAP / 2 / FREELIST_UNIT) * FREELIST_UNIT;

    for (unsigned k = 0; m->rules.header && k < 2; k++) {
        uint32_t at = k ? any : node;
        enum freelist_bad bad = freelist_check(&f->l, f->memory + at + m->rules.header);

        EXPECT((bad == FREELIST_GOOD) == is_held(m, at), "at %x: %s", at, freelist_bad_name(bad));
    }
}

static void race(struct kt *kt, struct model *m, struct freelist_rules rules, uint32_t rounds)
{
    struct fixture *f = setup(kt, HEAP / 2, rules);

    if (!f)
        return;
    memset(m, 0, sizeof *m);
    m->rules = rules;
    m->n = 1;
    m->size[0] = HEAP / 2;
    m->rover = FREELIST_NONE;
    for (uint32_t i = 0; i < rounds && kt->failures < 10; i++) {
        step(kt, f, m);
        if (i == rounds / 2) {
            EXPECT(freelist_grow(&f->l, HEAP / 2) == 0, "growth");
            model_free(m, HEAP / 2, HEAP / 2);
        }
        if (i % 16 == 0)
            EXPECT(same_list(m, &f->l), "%s, %s: round %u", freelist_fit_name(rules.fit),
                   freelist_order_name(rules.order), i);
        if (i % 16 == 8)
            ask_for_blocks(kt, f, m);
        if (i % 512 == 0)
            EXPECT(freelist_verify(&f->l), "round %u", i);
    }
    kt_release(f);
}

TEST(freelist, random_against_model)
{
    struct model *m = kt_alloc(sizeof *m);
    uint32_t rounds = kt_rounds(kt, 1000000) / (FREELIST_FITS * FREELIST_ORDERS * 2);
    struct freelist_rules rules;

    for (unsigned i = 0; m && i < FREELIST_FITS * FREELIST_ORDERS * 2; i++) {
        rules = rules_of(i % FREELIST_FITS, i / FREELIST_FITS % FREELIST_ORDERS,
                         i >= FREELIST_FITS * FREELIST_ORDERS);
        rules.header = kt_below(kt, 4) * 8;
        rules.align = kt_below(kt, 2) ? 0 : 1 + kt_below(kt, 40);
        rules.guard = kt_below(kt, 2) ? 0 : kt_below(kt, 20);
        race(kt, m, rules, rounds);
    }
    kt_release(m);
}

/* Programs write where they must not, at random: nothing is believed, and the walks end. */
TEST(freelist, random_damage_is_survived)
{
    uint32_t rounds = kt_rounds(kt, 20000), refused = 0;

    for (uint32_t round = 0; round < rounds / 40 && kt->failures < 10; round++) {
        struct fixture *f =
            setup(kt, 1024, rules_of(round % FREELIST_FITS, round / 4 % FREELIST_ORDERS, round & 1));
        void *block[16] = {0};

        if (!f)
            return;
        kt_capture_begin();
        for (unsigned i = 0; i < 40; i++) {
            unsigned k = kt_below(kt, 16);

            if (i > 20)
                memset(f->memory + kt_below(kt, 1024), (int)kt_below(kt, 256), 1);
            if (kt_below(kt, 2)) {
                refused += freelist_free(&f->l, block[k]) != FREELIST_GOOD;
                block[k] = NULL;
            } else if (!block[k]) {
                block[k] = freelist_alloc(&f->l, 1 + kt_below(kt, 60));
            }
            refused += freelist_check(&f->l, f->memory + kt_below(kt, 1100)) != FREELIST_GOOD;
            freelist_verify(&f->l);
        }
        kt_capture_end();
        kt_release(f);
    }
    EXPECT(refused > rounds / 100, "%u refused", refused);
}

#define BREAK(lvalue, value, id) KT_BREAK(freelist_verify(&f->l), id, lvalue, value)

TEST(freelist, verify_finds_corruption)
{
    struct freelist_rules rules = rules_of(FREELIST_NEXT, FREELIST_ADDRESS, true);
    struct fixture *f;
    uint32_t *first, *second, *block;
    uint8_t *a;

    rules.guard = 4;
    f = setup(kt, 256, rules);
    if (!f)
        return;
    /* 0: free, 24: a block, 48: free, 72: a block, 96: free */
    EXPECT(place(f, 12) == 0 && place(f, 12) == 24 && place(f, 12) == 48 && place(f, 12) == 72, "blocks");
    EXPECT(drop(f, 0) == FREELIST_GOOD && drop(f, 48) == FREELIST_GOOD && f->l.nodes == 3, "holes");
    first = (uint32_t *)f->memory;
    second = (uint32_t *)(f->memory + 48);
    block = (uint32_t *)(f->memory + 24);
    a = f->memory + 24;
    BREAK(first[1], 1000, "INV-FREELIST-1");
    BREAK(first[0], 12, "INV-FREELIST-1");
    BREAK(second[1], FREELIST_NONE, "INV-FREELIST-1");
    BREAK(second[1], 0, "INV-FREELIST-1");
    BREAK(f->l.nodes, 2, "INV-FREELIST-1");
    BREAK(first[0], 56, "INV-FREELIST-2");
    BREAK(block[1], 1, "INV-FREELIST-2");
    BREAK(block[0], 400, "INV-FREELIST-2");
    BREAK(f->l.free, 8, "INV-FREELIST-3");
    BREAK(f->l.taken, 8, "INV-FREELIST-3");
    BREAK(f->l.blocks, 3, "INV-FREELIST-3");
    BREAK(f->l.first, 48, "INV-FREELIST-1");
    BREAK(f->l.rover, 24, "INV-FREELIST-6");
    BREAK(a[8 + 12], 0, "INV-FREELIST-7");
    /* The first two change places in the list. */
    f->l.first = 48;
    first[1] = second[1];
    kt_capture_begin();
    EXPECT((second[1] = 0, !freelist_verify(&f->l)), "out of order");
    EXPECT(kt_captured("broken INV-FREELIST-4:"), "by its number");
    kt_capture_end();
    f->l.first = 0;
    second[1] = first[1];
    first[1] = 48;
    EXPECT(freelist_verify(&f->l), "mended");
    /* The last block is two. */
    uint32_t *last = (uint32_t *)(f->memory + 96), *half = (uint32_t *)(f->memory + 128);

    half[0] = last[0] - 32;
    half[1] = FREELIST_NONE;
    last[0] = 32;
    last[1] = 128;
    f->l.nodes++;
    kt_capture_begin();
    EXPECT(!freelist_verify(&f->l), "neighbours that are free");
    EXPECT(kt_captured("broken INV-FREELIST-5:"), "by its number");
    kt_capture_end();
    kt_release(f);
}
