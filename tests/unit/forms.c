/* Forms of page tables against a list of translations. */
#include "mm/forms/form.h"
#include "tests/kt.h"

#define NAMES  4096u
#define PAGES  600u /* of the model: where they lie in the space differs from test to test */
#define SPACES 3u

/* Memory for tables from the test's own, by name: a test sees each use of what has been given back. */
struct source {
    struct form_memory m;
    void *at[NAMES];
    uint32_t last, taken;
    uint32_t fail_after; /* that many come, then none; 0: all come */
    bool is_hosted;
};

static void *source_take(struct form_memory *m, uint32_t bytes, uint32_t *name)
{
    struct source *s = container_of(m, struct source, m);
    void *p;

    if (s->taken + 1 >= NAMES || (s->fail_after && !--s->fail_after)) {
        s->fail_after = s->fail_after ? s->fail_after : 1;
        return NULL;
    }
    p = kt_alloc(bytes);
    if (!p)
        return NULL;
    memset(p, 0, bytes);
    do
        s->last = s->last + 1 < NAMES ? s->last + 1 : 1;
    while (s->at[s->last]);
    s->at[ *name = s->last] = p;
    s->taken++;
    return p;
}

static void source_give(struct form_memory *m, uint32_t name, uint32_t bytes __attribute__((unused)))
{
    struct source *s = container_of(m, struct source, m);

    kt_release(s->at[name]);
    s->at[name] = NULL;
    s->taken--;
}

static void *source_at(const struct form_memory *m, uint32_t name)
{
    return container_of(m, struct source, m)->at[name];
}

static struct source *source_new(struct kt *kt, uint32_t limit)
{
    struct source *s = kt_alloc(sizeof *s);

    if (!s) {
        kt_skip(kt, "no memory for the source");
        return NULL;
    }
    memset(s, 0, sizeof *s);
    s->m = (struct form_memory){source_take, source_give, source_at, .limit = limit};
    return s;
}

static void source_done(struct kt *kt, struct source *s)
{
    EXPECT(!s->taken && !s->m.used, "%u tables and %u bytes leaked", s->taken, s->m.used);
    kt_release(s);
}

struct model {
    struct form form;
    uint32_t entry[SPACES][PAGES]; /* 0: none */
    uint32_t count;
    uint32_t spaces;
};

/* Where page i of the model lies: a run at either end of the space, and single pages between. */
#define SPACE_PAGES 0xC000u
static uint32_t page_of(uint32_t i)
{
    return i < 200 ? 5 + i : i < 400 ? SPACE_PAGES - 400 + i : 300 + (i - 400) * 241;
}

/* A small machine, so that the linear table of it is small too: 256 MiB of addresses, 1,024 frames from 64
 * on. */
static void small_shape(enum form_kind kind, struct form_shape *s)
{
    form_shape_of(kind, SPACE_PAGES, 64, 1024, s);
    s->address_bits = 28;
    if (kind == FORM_TWO_LEVEL)
        s->level_bits[0] = s->level_bits[1] = 8;
    if (kind == FORM_THREE_LEVEL) {
        s->level_bits[0] = 6;
        s->level_bits[1] = s->level_bits[2] = 5;
    }
}

/* Of a form of one space the model has one, of the others three, whose numbers have nothing in common. */
static uint32_t space_of(uint32_t i)
{
    static const uint32_t space[SPACES] = {7, 0x8000, 0xFFFFFFFF};

    return space[i];
}

static struct model *model_new(struct kt *kt, enum form_kind kind, struct source *s)
{
    struct model *m = kt_alloc(sizeof *m);
    struct form_shape shape;

    if (!m) {
        kt_skip(kt, "no memory for the model");
        return NULL;
    }
    memset(m, 0, sizeof *m);
    m->spaces = form_is_shared(kind) ? SPACES : 1;
    small_shape(kind, &shape);
    if (form_create(&m->form, kind, &shape, &s->m) == 0)
        return m;
    kt_skip(kt, "no memory for the form");
    kt_release(m);
    return NULL;
}

static void check_all(struct kt *kt, struct model *m)
{
    struct form_walk w;

    for (uint32_t s = 0; s < m->spaces; s++)
        for (uint32_t i = 0; i < PAGES; i++)
            EXPECT(form_lookup(&m->form, space_of(s), page_of(i), &w) == m->entry[s][i],
                   "page %x of space %u is not %x", page_of(i), s, m->entry[s][i]);
    EXPECT(m->form.count == m->count, "count %u, model %u", m->form.count, m->count);
    EXPECT(form_verify(&m->form), "with %u translations", m->count);
}

/* What a walk may cost by its form; of the searched forms a bound by chains. */
static bool is_cost(enum form_kind kind, const struct form_walk *w, bool is_there)
{
    switch (kind) {
    case FORM_LINEAR:
        return w->accesses == 1 && w->bytes == 4;
    case FORM_HYBRID:
        return w->accesses <= 1 && w->accesses >= is_there && w->bytes == 4 * w->accesses;
    case FORM_TWO_LEVEL:
        return w->accesses <= 2 && w->accesses >= (is_there ? 2 : 1) && w->bytes == 4 * w->accesses;
    case FORM_THREE_LEVEL:
        return w->accesses <= 3 && w->accesses >= (is_there ? 3 : 1) && w->bytes == 4 * w->accesses;
    default:
        return w->accesses >= (is_there ? 2 : 1) && w->bytes >= 4 && w->accesses < 64;
    }
}

static void random_step(struct kt *kt, struct model *m, enum form_kind kind, struct source *source)
{
    uint32_t s = kt_below(kt, m->spaces), i = kt_below(kt, PAGES), space = space_of(s), page = page_of(i);
    uint32_t old = m->entry[s][i], bytes = m->form.bytes, value, got;
    struct form_walk w;

    switch (kt_below(kt, 5)) {
    case 0:
    case 1:
        value = form_value(kt_below(kt, 1400), kt_below(kt, 2048));
        source->fail_after = kt_below(kt, 8) ? 0 : 1 + kt_below(kt, 3);
        got = (uint32_t)-form_insert(&m->form, space, page, value, &w);
        source->fail_after = 0;
        EXPECT(got == 0 || got == ENOMEM, "insertion of page %x: error %u", page, got);
        if (got == 0) {
            m->entry[s][i] = FORM_VALID | value;
            m->count += !old;
        } else {
            EXPECT(m->form.bytes == bytes, "%u bytes, before it failed %u", m->form.bytes, bytes);
            EXPECT(form_lookup(&m->form, space, page, &w) == old, "page %x after a failure", page);
        }
        break;
    case 2:
        got = form_remove(&m->form, space, page, &w);
        EXPECT(got == old, "removed page %x: %x, model %x", page, got, old);
        m->entry[s][i] = 0;
        m->count -= old != 0;
        break;
    case 3:
        got = form_lookup(&m->form, space, page, &w);
        EXPECT(got == old, "page %x: %x, model %x", page, got, old);
        EXPECT(is_cost(kind, &w, old != 0), "page %x: %u accesses, %u bytes", page, w.accesses, w.bytes);
        break;
    default:
        /* A page that the model does not have. */
        page = 205 + kt_below(kt, 95);
        EXPECT(form_lookup(&m->form, space, page, &w) == 0, "page %x is not absent", page);
        EXPECT(is_cost(kind, &w, false), "page %x: %u accesses, %u bytes", page, w.accesses, w.bytes);
    }
    EXPECT(m->form.count == m->count, "count %u, model %u", m->form.count, m->count);
}

static void random_against_model(struct kt *kt, enum form_kind kind)
{
    uint32_t rounds = kt_rounds(kt, 1000000);
    struct source *source = source_new(kt, 0);
    struct model *m = source ? model_new(kt, kind, source) : NULL;

    for (uint32_t i = 0; m && i < rounds && !kt->failures; i++) {
        random_step(kt, m, kind, source);
        if (i % 16384 == 0)
            check_all(kt, m);
        if (i % 50000 == 49999) {
            uint32_t s = kt_below(kt, m->spaces), there = 0;

            for (uint32_t p = 0; p < PAGES; p++) {
                there += m->entry[s][p] != 0;
                m->entry[s][p] = 0;
            }
            EXPECT(form_remove_space(&m->form, space_of(s)) == there, "a space of %u", there);
            m->count -= there;
            check_all(kt, m);
        }
    }
    if (m) {
        check_all(kt, m);
        form_destroy(&m->form);
        kt_release(m);
    }
    if (source)
        source_done(kt, source);
}

TEST(forms, linear)
{
    random_against_model(kt, FORM_LINEAR);
}

TEST(forms, two_level)
{
    random_against_model(kt, FORM_TWO_LEVEL);
}

TEST(forms, three_level)
{
    random_against_model(kt, FORM_THREE_LEVEL);
}

TEST(forms, hybrid)
{
    random_against_model(kt, FORM_HYBRID);
}

TEST(forms, inverted)
{
    random_against_model(kt, FORM_INVERTED);
}

TEST(forms, hashed)
{
    random_against_model(kt, FORM_HASHED);
}

TEST(forms, clustered)
{
    random_against_model(kt, FORM_CLUSTERED);
}
