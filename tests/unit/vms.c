/*
 * The policy vms, with the sets of several programs, against a naive model: arrays in the order of the
 * queues, and each rule written down a second time. The policy and the model have to agree on every list, on
 * each victim, and on what was set aside and put back.
 */
#include "mm/policy.h"
#include "tests/kt.h"

#define FRAMES 96u
#define SETS   4u
#define LEAST  16u
#define KEPT   (2 + SETS) /* lists of the model: clean, modified, the sets, kept */
#define LISTS  (KEPT + 1)

struct queue {
    uint8_t at[FRAMES];
    unsigned n;
};

struct model {
    struct queue list[LISTS];
    uint8_t ring[SETS]; /* those that have frames; the first is the next */
    unsigned rings;
    uint32_t limit[SETS], most[SETS], faults[SETS];
    uint64_t since[SETS], looked[SETS];
    uint32_t seen[SETS], looks;
    bool eager[SETS];
    bool parked[FRAMES];
    unsigned stayed;
    bool low, writing;
    uint64_t parks, salvages[2], washes;
};

struct world {
    struct kt *kt;
    struct frame_pool *pool;
    struct pageable p;
    struct frame *frame[FRAMES], *root[SETS];
    struct policy_set set[SETS];
    bool dirty[FRAMES], busy[FRAMES], locked[FRAMES];
    bool ahead;     /* limits are adjusted */
    uint32_t spare; /* frames that are free */
    uint64_t now;
    uint32_t wakes;
    struct model m;
    uint32_t victims, trims, grown, dormant;
};

/* --- the model --- */

static int list_of(const struct model *m, unsigned i, unsigned *place)
{
    *place = 0;
    for (unsigned l = 0; l < LISTS; l++)
        for (unsigned k = 0; k < m->list[l].n; k++)
            if (m->list[l].at[k] == i) {
                *place = k;
                return (int)l;
            }
    return -1;
}

static void drop_ring(struct model *m, unsigned k)
{
    memmove(m->ring + k, m->ring + k + 1, --m->rings - k);
}

static int take(struct model *m, unsigned i)
{
    unsigned place;
    int l = list_of(m, i, &place);
    struct queue *q = &m->list[l];

    memmove(q->at + place, q->at + place + 1, --q->n - place);
    if (l >= 2 && l < (int)KEPT && q->n == 0)
        for (unsigned k = 0; k < m->rings; k++)
            if (m->ring[k] == l - 2)
                drop_ring(m, k--);
    return l;
}

static void put(struct model *m, unsigned l, unsigned i)
{
    if (l >= 2 && l < KEPT && m->list[l].n == 0)
        m->ring[m->rings++] = (uint8_t)(l - 2);
    m->list[l].at[m->list[l].n++] = (uint8_t)i;
}

static void put_first(struct model *m, unsigned l, unsigned i)
{
    memmove(m->list[l].at + 1, m->list[l].at, m->list[l].n++);
    m->list[l].at[0] = (uint8_t)i;
}

static unsigned in_all(const struct model *m)
{
    unsigned n = 0;

    for (unsigned l = 0; l < KEPT; l++)
        n += m->list[l].n;
    return n;
}

/* The first of a set leaves it. -1: it may not. */
static int set_aside(struct world *w, unsigned k)
{
    struct model *m = &w->m;
    unsigned i = m->list[2 + k].at[0];

    if (m->low && !frame_is_low(w->pool, frame_pfn(w->pool, w->frame[i]))) {
        struct queue *q = &m->list[2 + k];

        memmove(q->at, q->at + 1, q->n - 1);
        q->at[q->n - 1] = (uint8_t)i;
        return -1;
    }
    if (w->busy[i]) {
        struct queue *q = &m->list[2 + k];

        memmove(q->at, q->at + 1, q->n - 1);
        q->at[q->n - 1] = (uint8_t)i;
        return -1;
    }
    take(m, i);
    if (w->locked[i]) {
        put(m, KEPT, i);
        return -1;
    }
    put(m, w->dirty[i] ? 1 : 0, i);
    m->parked[i] = true;
    m->parks++;
    return (int)i;
}

static void cut(struct world *w, unsigned k, unsigned n, unsigned looks, uint32_t *steps)
{
    for (; w->m.list[2 + k].n > n && looks-- && *steps; --*steps)
        set_aside(w, k);
}

static bool long_list(const struct model *m)
{
    unsigned most = in_all(m) / 8;

    return m->list[1].n > (most < 32 ? 32 : most);
}

static void model_mapped(struct world *w, unsigned i, unsigned k)
{
    struct model *m = &w->m;
    unsigned place;
    int l = list_of(m, i, &place);
    uint32_t steps = UINT32_MAX, limit;

    if (l < 0 || l > 1)
        return;
    if (m->parked[i])
        m->salvages[l]++;
    m->parked[i] = false;
    take(m, i);
    put(m, 2 + k, i);
    if (w->ahead && ++m->faults[k] % 32 == 0) {
        m->eager[k] = w->now - m->since[k] <= 640000000;
        m->since[k] = w->now;
    }
    limit = m->limit[k] < m->most[k] ? m->limit[k] : m->most[k];
    if (m->list[2 + k].n <= limit)
        return;
    if (w->ahead && m->limit[k] < m->most[k] && m->eager[k] && w->spare > m->limit[k] / 8 + LEAST) {
        m->limit[k] += m->limit[k] / 8 + LEAST;
        w->grown++;
        return;
    }
    cut(w, k, limit, m->list[2 + k].n - 1, &steps);
}

static void model_trim(struct world *w, uint32_t *steps)
{
    struct model *m = &w->m;
    unsigned want = in_all(m) / 4;

    for (unsigned n = 0; n < 16 && *steps && m->rings && m->list[0].n + m->list[1].n < want; n++) {
        unsigned k = m->ring[0], have = m->list[2 + k].n, less = have / (m->eager[k] ? 32 : 4) + 1;

        drop_ring(m, 0);
        m->ring[m->rings++] = (uint8_t)k;
        m->limit[k] = have > less + LEAST ? have - less : LEAST;
        m->eager[k] = false;
        w->trims += have > m->limit[k];
        cut(w, k, m->limit[k], have, steps);
    }
}

static void model_dormant(struct world *w, uint32_t *steps)
{
    struct model *m = &w->m;
    unsigned k = m->ring[0], have = m->list[2 + k].n;

    if (!m->rings || ++m->looks % 16)
        return;
    drop_ring(m, 0);
    m->ring[m->rings++] = (uint8_t)k;
    if (m->faults[k] != m->seen[k]) {
        m->seen[k] = m->faults[k];
        m->looked[k] = w->now;
    } else if (w->now - m->looked[k] >= 2000000000) {
        w->dormant++;
        cut(w, k, have - have / 4 - 1, have, steps);
    }
}

/* -1: none. */
static int model_next(struct world *w, bool low, uint32_t *steps)
{
    struct model *m = &w->m;
    int found = -1;

    if (m->stayed >= in_all(m) || m->low != low)
        m->stayed = 0;
    m->low = low;
    if (w->ahead) {
        model_dormant(w, steps);
        model_trim(w, steps);
    }
    while (*steps && m->list[0].n > m->stayed) {
        unsigned i = m->list[0].at[0];
        struct frame *f = w->frame[i];

        if (f->flags & FRAME_F_WRITEBACK)
            return -1;
        --*steps;
        if (f->flags & FRAME_F_DIRTY && !(f->flags & FRAME_F_LAZY)) {
            take(m, i);
            put(m, 1, i);
        } else {
            return (int)i;
        }
    }
    if (!*steps)
        return -1;
    if (m->list[1].n && m->list[0].n + m->list[1].n > m->stayed) {
        --*steps;
        return m->list[1].at[0];
    }
    for (unsigned looks = 0, most = in_all(m) - m->list[0].n - m->list[1].n;
         found < 0 && looks < most && m->rings && *steps; looks++, --*steps) {
        unsigned k = m->ring[0];

        drop_ring(m, 0);
        m->ring[m->rings++] = (uint8_t)k;
        found = set_aside(w, k);
    }
    if (found < 0 && *steps)
        m->stayed = 0;
    return found;
}

static void model_pass(struct world *w, unsigned i, enum policy_pass what)
{
    struct model *m = &w->m;
    struct frame *f = w->frame[i];
    int l = take(m, i);
    bool modified = l == 1;

    if (what == POLICY_CLEAN) {
        m->washes++;
        modified = false;
    } else if (what == POLICY_DIRTY) {
        modified = true;
    } else if (what == POLICY_OUT) {
        m->parked[i] = false;
        m->stayed = m->low ? m->stayed : 0;
        modified = false;
    } else {
        m->stayed++;
        modified |= f->flags & FRAME_F_DIRTY && !(f->flags & FRAME_F_LAZY);
    }
    put(m, modified, i);
}

static void model_cold(struct world *w, unsigned i)
{
    struct model *m = &w->m;
    unsigned place;
    int l = list_of(m, i, &place);

    if (l == (int)KEPT)
        return;
    if (l >= 2) {
        struct queue *q = &m->list[l];

        memmove(q->at + 1, q->at, place);
        q->at[0] = (uint8_t)i;
        if (set_aside(w, (unsigned)l - 2) < 0)
            return;
    }
    m->stayed = 0;
    l = take(m, i);
    put_first(m, (unsigned)l, i);
}

/* --- what the policy sees --- */

static uint32_t take_uses(void *arg, struct frame *f)
{
    (void)arg;
    (void)f;
    mm_assert(false, "vms looks at no bits of use");
    return 0;
}

static bool is_used(void *arg, struct frame *f)
{
    return take_uses(arg, f);
}

static bool is_dirty(void *arg, struct frame *f)
{
    return ((struct world *)arg)->dirty[f->slot];
}

static enum policy_parked park(void *arg, struct frame *f)
{
    struct world *w = arg;

    if (w->busy[f->slot])
        return PARKED_BUSY;
    if (w->locked[f->slot])
        return PARKED_LOCKED;
    return w->dirty[f->slot] ? PARKED_DIRTY : PARKED_CLEAN;
}

static uint32_t spare(void *arg)
{
    return ((struct world *)arg)->spare;
}

static bool looks_ahead(void *arg)
{
    return ((struct world *)arg)->ahead;
}

static uint64_t now(void *arg)
{
    return ((struct world *)arg)->now;
}

static void wash_soon(void *arg)
{
    ((struct world *)arg)->wakes++;
}

static const struct policy_eyes eyes = {
    .take_uses = take_uses,
    .is_used = is_used,
    .is_dirty = is_dirty,
    .park = park,
    .spare = spare,
    .looks_ahead = looks_ahead,
    .now = now,
    .wash_soon = wash_soon,
};

/* --- the world --- */

static struct world *begin(struct kt *kt)
{
    struct frame_pool *pool;
    struct world *w = kt_world(kt, 160, 40, sizeof *w, &pool);

    if (!w)
        return NULL;
    w->kt = kt;
    w->pool = pool;
    EXPECT(pageable_init(&w->p, pool, &policy_vms, &eyes, w) == 0, "begins");
    for (unsigned k = 0; k < SETS; k++) {
        w->root[k] = frame_alloc(pool, FRAME_TABLE, FRAME_LOW_ONLY);
        mm_assert(w->root[k], "a pool without frames");
        policy_set_init(&w->set[k], pool, frame_pfn(pool, w->root[k]), 4 + 8 * k);
        w->m.limit[k] = 4 + 8 * k;
        w->m.most[k] = UINT32_MAX;
        w->m.eager[k] = true;
    }
    for (unsigned i = 0; i < FRAMES; i++) {
        w->frame[i] = frame_alloc(pool, FRAME_ANON, 0);
        mm_assert(w->frame[i], "a pool without frames");
    }
    return w;
}

static void enter(struct world *w, unsigned i)
{
    struct frame *f = w->frame[i];

    f->slot = i;
    f->flags = 0;
    f->use = w->kt && kt_below(w->kt, 2) ? FRAME_ANON : FRAME_OBJECT;
    w->busy[i] = w->locked[i] = false;
    w->dirty[i] = kt_below(w->kt, 2);
    pageable_enter(&w->p, w->pool, f);
    put(&w->m, w->dirty[i], i);
}

static void leave(struct world *w, unsigned i)
{
    struct frame *f = w->frame[i];
    struct kt *kt = w->kt;

    pageable_leave(&w->p, f);
    EXPECT(!f->order && !f->used && !f->next && !f->prev &&
               !(f->flags & (FRAME_F_LISTED | FRAME_F_LIST | FRAME_F_PARKED)),
           "frame %u: byte %x, %x, flags %x", i, f->order, f->used, f->flags);
    take(&w->m, i);
    w->m.parked[i] = false;
    f->flags = 0;
    f->use = FRAME_ANON;
}

static void end(struct world *w)
{
    unsigned place;

    for (unsigned i = 0; i < FRAMES; i++) {
        if (list_of(&w->m, i, &place) >= 0)
            leave(w, i);
        w->frame[i]->slot = SLOT_NONE;
        frame_free(w->pool, w->frame[i]);
    }
    pageable_fini(&w->p);
    for (unsigned k = 0; k < SETS; k++)
        frame_free(w->pool, w->root[k]);
    kt_pool_done(w->kt, w->pool);
    kt_release(w);
}

static void compare_list(struct world *w, unsigned l, const struct frame_list *list)
{
    const struct queue *q = &w->m.list[l];
    struct kt *kt = w->kt;
    pfn_t pfn = list->head;

    EXPECT(list->count == q->n, "list %u: %u frames, the model has %u", l, list->count, q->n);
    for (unsigned k = 0; k < q->n && pfn; k++, pfn = pfn_frame(w->pool, pfn)->next) {
        const struct frame *f = pfn_frame(w->pool, pfn);

        EXPECT(f->slot == q->at[k], "list %u, place %u: frame %u, the model has %u", l, k, f->slot, q->at[k]);
        EXPECT(!(f->flags & FRAME_F_PARKED) == !w->m.parked[f->slot], "frame %u: flags %x", f->slot,
               f->flags);
    }
}

static void compare(struct world *w)
{
    const struct policy_state *s = pageable_now(&w->p);
    struct policy_counts c = pageable_counts(&w->p);
    struct kt *kt = w->kt;

    EXPECT(pageable_verify(&w->p), "sound");
    compare_list(w, 0, &s->list[0]);
    compare_list(w, 1, &s->list[1]);
    compare_list(w, KEPT, &s->list[POLICY_KEPT]);
    for (unsigned k = 0; k < SETS; k++) {
        compare_list(w, 2 + k, &w->set[k].list);
        EXPECT(w->set[k].limit == w->m.limit[k], "set %u: limit %u, the model has %u", k, w->set[k].limit,
               w->m.limit[k]);
    }
    EXPECT(policy_count(s) == in_all(&w->m), "%u frames, the model has %u", policy_count(s), in_all(&w->m));
    EXPECT(c.parked == w->m.parks && c.salvaged_clean == w->m.salvages[0] &&
               c.salvaged_dirty == w->m.salvages[1] && c.washed == w->m.washes,
           "%u set aside, %u and %u put back, %u written", (unsigned)c.parked, (unsigned)c.salvaged_clean,
           (unsigned)c.salvaged_dirty, (unsigned)c.washed);
}

/* A victim is asked for. */
static void ask(struct world *w)
{
    struct policy_state *s = pageable_now(&w->p);
    uint32_t steps = kt_below(w->kt, 3) ? UINT32_MAX : kt_below(w->kt, 6), theirs = steps, before = steps;
    enum policy_pass what = kt_below(w->kt, 4) ? POLICY_OUT : POLICY_STAYS;
    struct kt *kt = w->kt;
    struct frame *f;
    int i;

    s->only_low = kt_below(kt, 8) == 0;
    f = s->policy->next(s, &steps);
    i = model_next(w, s->only_low, &theirs);
    EXPECT((f ? (int)f->slot : -1) == i && steps == theirs,
           "frame %d, the model has %d; %u and %u of %u steps", f ? (int)f->slot : -1, i, before - steps,
           before - theirs, before);
    if (!f || i < 0)
        return;
    s->policy->pass(s, f, what);
    model_pass(w, (unsigned)i, what);
    w->victims += what == POLICY_OUT;
    if (what == POLICY_OUT && kt_below(kt, 8))
        leave(w, (unsigned)i);
}

/* Some are written. */
static void wash(struct world *w)
{
    struct policy_state *s = pageable_now(&w->p);
    struct model *m = &w->m;
    bool is_short = kt_below(w->kt, 2);
    struct kt *kt = w->kt;

    for (unsigned n = 1 + kt_below(kt, 8); n; n--) {
        struct frame *f = s->policy->wash(s, is_short);
        enum policy_pass what = kt_below(kt, 5) ? POLICY_CLEAN : POLICY_DIRTY;
        int i;

        if (m->writing && m->list[1].n <= in_all(m) / 16)
            m->writing = false;
        m->writing |= long_list(m);
        i = (m->writing || (is_short && m->list[0].n < in_all(m) / 8)) && m->list[1].n ? m->list[1].at[0]
                                                                                       : -1;
        EXPECT((f ? (int)f->slot : -1) == i, "frame %d is to be written, the model has %d",
               f ? (int)f->slot : -1, i);
        if (!f || i < 0)
            return;
        s->policy->pass(s, f, what);
        model_pass(w, (unsigned)i, what);
        if (what == POLICY_CLEAN) {
            w->dirty[i] = false;
            f->flags &= (uint16_t)~FRAME_F_DIRTY;
        }
    }
}

static void step(struct world *w)
{
    struct kt *kt = w->kt;
    unsigned i = kt_below(kt, FRAMES), op = kt_below(kt, 64), k = kt_below(kt, SETS), place;
    int l = list_of(&w->m, i, &place);

    /* Now and then some sleep, or all of them. */
    w->now += kt_below(kt, 2000) ? kt_below(kt, 1000000) : 3000000000;
    if (w->now >> 33 & 1)
        k %= SETS / 2;
    if (op < 9) {
        ask(w);
    } else if (op < 12) {
        wash(w);
    } else if (l < 0) {
        enter(w, i);
        if (kt_below(kt, 4)) {
            pageable_mapped(&w->p, w->frame[i], &w->set[k]);
            model_mapped(w, i, k);
        }
    } else if (op < 46) {
        pageable_mapped(&w->p, w->frame[i], &w->set[k]);
        model_mapped(w, i, k);
    } else if (op < 48) {
        leave(w, i);
    } else if (op < 52) {
        w->dirty[i] = !w->dirty[i];
    } else if (op < 54) {
        w->frame[i]->flags ^= l < 2 ? FRAME_F_DIRTY : 0;
    } else if (op < 55) {
        w->busy[i] = !w->busy[i];
    } else if (op < 56) {
        w->locked[i] = kt_below(kt, 4) == 0;
    } else if (op < 57) {
        w->frame[i]->flags ^= kt_below(kt, 4) ? FRAME_F_LAZY : 0;
    } else if (op < 58) {
        w->frame[i]->flags |= l == 0 && kt_below(kt, 4) == 0 ? FRAME_F_WRITEBACK : 0;
    } else if (op < 60) {
        for (unsigned n = 0; n < FRAMES; n++)
            w->frame[n]->flags &= (uint16_t)~FRAME_F_WRITEBACK;
    } else if (op < 61) {
        w->set[k].limit = w->m.limit[k] = 1 + kt_below(kt, 60);
        w->set[k].most = w->m.most[k] = kt_below(kt, 3) ? UINT32_MAX : 1 + kt_below(kt, 60);
    } else if (op < 62) {
        pageable_cold(&w->p, w->frame[i]);
        model_cold(w, i);
    } else if (op < 63) {
        w->spare = kt_below(kt, 60);
    }
}

static void run(struct kt *kt, bool ahead)
{
    struct world *w = begin(kt);
    uint32_t rounds = kt_rounds(kt, 1000000) / 2;

    if (!w)
        return;
    w->ahead = ahead;
    for (uint32_t i = 0; i < rounds && !kt->failures; i++) {
        step(w);
        if (i % 16 == 0)
            compare(w);
    }
    kt_note(kt,
            "%s: %u victims, %u set aside, %u and %u put back, %u written, %u trims, %u of those that sleep, "
            "%u times grown, %u wakes",
            ahead ? "adjusted" : "exact", w->victims, (unsigned)w->m.parks, (unsigned)w->m.salvages[0],
            (unsigned)w->m.salvages[1], (unsigned)w->m.washes, w->trims, w->dormant, w->grown, w->wakes);
    EXPECT(w->victims && w->m.salvages[0] && w->m.salvages[1] && w->m.washes, "reached everything");
    if (kt->hosted)
        EXPECT(!ahead || (w->trims && w->dormant && w->grown), "reached everything");
    end(w);
}

TEST(vms, exact_against_the_model)
{
    run(kt, false);
}

TEST(vms, adjusted_against_the_model)
{
    run(kt, true);
}

/* A program that is over its limit replaces its own oldest page, and gets it back without a victim. */
TEST(vms, one_set)
{
    struct world *w = begin(kt);
    struct policy_counts c;

    if (!w)
        return;
    for (unsigned i = 0; i < 6; i++) { /* the limit is 4 */
        enter(w, i);
        pageable_mapped(&w->p, w->frame[i], &w->set[0]);
        model_mapped(w, i, 0);
    }
    c = pageable_counts(&w->p);
    EXPECT(c.parked == 2 && w->set[0].list.count == 4, "%u set aside", (unsigned)c.parked);
    EXPECT(w->frame[0]->flags & FRAME_F_PARKED && w->frame[1]->flags & FRAME_F_PARKED, "the oldest ones");
    pageable_mapped(&w->p, w->frame[0], &w->set[1]);
    model_mapped(w, 0, 1);
    EXPECT(w->set[1].list.count == 1 && !(w->frame[0]->flags & FRAME_F_PARKED), "another program takes it");
    compare(w);
    end(w);
}

/* What stayed because it was in use goes when it is not any more, though sets have pages that cannot go: who
 * wants low frames is not told for ever that there are none. */
TEST(vms, what_stayed_may_go_later)
{
    struct world *w = begin(kt);
    uint32_t steps = UINT32_MAX;
    struct policy_state *s;
    struct frame *f;

    if (!w)
        return;
    s = pageable_now(&w->p);
    for (unsigned i = 0; i < 4; i++) {
        enter(w, i);
        pageable_mapped(&w->p, w->frame[i], &w->set[0]);
        model_mapped(w, i, 0);
        w->busy[i] = true; /* it cannot be set aside */
    }
    enter(w, 4);
    f = policy_vms.next(s, &steps);
    EXPECT(f == w->frame[4], "the only one on the lists");
    policy_vms.pass(s, f, POLICY_STAYS);
    EXPECT(!policy_vms.next(s, &steps), "it has been offered");
    EXPECT(policy_vms.next(s, &steps) == w->frame[4], "it is offered again");
    w->m.stayed = s->turn;
    end(w);
}

TEST(vms, a_set_ends)
{
    struct world *w = begin(kt);
    struct policy_state *s;

    if (!w)
        return;
    s = pageable_now(&w->p);
    w->set[3].limit = 30;
    for (unsigned i = 0; i < 20; i++) {
        enter(w, i);
        pageable_mapped(&w->p, w->frame[i], &w->set[3]);
    }
    pageable_end_set(&w->p, &w->set[3]);
    EXPECT(w->set[3].list.count == 0 && !s->sets && s->list[0].count + s->list[1].count == 20,
           "%u are left, %u and %u on the lists", w->set[3].list.count, s->list[0].count, s->list[1].count);
    EXPECT(pageable_verify(&w->p), "sound");
    /* Another policy takes over what is set aside, and nothing stays marked. */
    for (unsigned i = 0; i < 10; i++)
        pageable_mapped(&w->p, w->frame[i], &w->set[0]);
    EXPECT(pageable_counts(&w->p).parked == 6, "set aside");
    EXPECT(pageable_switch(&w->p, &policy_fifo) == 0 && pageable_count(&w->p) == 20 && pageable_verify(&w->p),
           "%u frames", pageable_count(&w->p));
    for (unsigned i = 0; i < 20; i++) {
        EXPECT(!(w->frame[i]->flags & FRAME_F_PARKED) && !w->frame[i]->used, "frame %u: flags %x", i,
               w->frame[i]->flags);
        pageable_leave(&w->p, w->frame[i]);
        w->frame[i]->use = FRAME_ANON;
        w->frame[i]->flags = 0;
    }
    memset(&w->m, 0, sizeof w->m);
    end(w);
}

TEST(vms, damage_is_named)
{
    struct world *w = begin(kt);
    struct policy_state *s;
    struct frame *f;

    if (!w)
        return;
    s = pageable_now(&w->p);
    for (unsigned i = 0; i < 8; i++) {
        enter(w, i);
        pageable_mapped(&w->p, w->frame[i], &w->set[i % 2]);
        model_mapped(w, i, i % 2);
    }
    f = w->frame[4];

#define DAMAGED(id, damage, repair)                                                                          \
    do {                                                                                                     \
        damage;                                                                                              \
        kt_capture_begin();                                                                                  \
        bool ok_ = pageable_verify(&w->p), named_ = kt_captured("broken " id ":");                           \
        kt_capture_end();                                                                                    \
        repair;                                                                                              \
        EXPECT(!ok_ && named_, "damage to " id " was not seen");                                             \
    } while (0)
    DAMAGED("INV-VMS-1", f->used ^= 1, f->used ^= 1);
    DAMAGED("INV-VMS-1", f->order ^= 1, f->order ^= 1);
    DAMAGED("INV-VMS-1", f->flags ^= FRAME_F_LISTED, f->flags ^= FRAME_F_LISTED);
    DAMAGED("INV-VMS-1", f->flags ^= 1 << FRAME_F_LIST_SHIFT, f->flags ^= 1 << FRAME_F_LIST_SHIFT);
    DAMAGED("INV-VMS-1", f->prev++, f->prev--);
    DAMAGED("INV-VMS-1", w->set[0].list.count++, w->set[0].list.count--);
    DAMAGED("INV-VMS-1", w->set[1].list.tail++, w->set[1].list.tail--);
    DAMAGED("INV-VMS-2", s->in_sets++, s->in_sets--);
    DAMAGED("INV-VMS-2", w->set[0].next->prev = NULL, w->set[0].next->prev = &w->set[0]);
    DAMAGED("INV-VMS-3", f->flags |= FRAME_F_PARKED, f->flags &= (uint16_t)~FRAME_F_PARKED);
    EXPECT(pageable_verify(&w->p), "sound after");
    compare(w);
    end(w);
}
