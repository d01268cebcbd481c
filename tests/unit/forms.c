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
        return w->accesses <= 1 && w->accesses >= (is_there ? 1 : 0) && w->bytes == 4 * w->accesses;
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

/* A form with the pages 5 and 6 of the first space, and page 0xBFFF. */
static struct model *small_form(struct kt *kt, enum form_kind kind, struct source **source)
{
    struct model *m;

    *source = source_new(kt, 0);
    m = *source ? model_new(kt, kind, *source) : NULL;
    if (!m) {
        if (*source)
            source_done(kt, *source);
        return NULL;
    }
    EXPECT(form_insert(&m->form, 7, 5, form_value(100, 1), NULL) == 0, "page 5");
    EXPECT(form_insert(&m->form, 7, 6, form_value(101, 1), NULL) == 0, "page 6");
    EXPECT(form_insert(&m->form, 7, SPACE_PAGES - 1, form_value(100, 3), NULL) == 0, "the last page");
    EXPECT(form_verify(&m->form), "before any change");
    return m;
}

static void small_done(struct kt *kt, struct model *m, struct source *source)
{
    EXPECT(form_verify(&m->form) && form_lookup(&m->form, 7, 6, NULL) == (FORM_VALID | form_value(101, 1)),
           "after all is back");
    form_destroy(&m->form);
    kt_release(m);
    source_done(kt, source);
}

#define BROKEN(id, word, value) KT_BREAK(form_verify(f), id, word, value)

/* What every form says of its memory. */
static void break_common(struct kt *kt, struct form *f, struct source *s)
{
    BROKEN("INV-FORM-1", s->m.used, 0);
    BROKEN("INV-FORM-1", s->m.limit, 8);
    BROKEN("INV-FORM-2", f->bytes, UINT32_MAX);
}

TEST(forms, linear_verify_sees_corruption)
{
    struct source *s;
    struct model *m = small_form(kt, FORM_LINEAR, &s);
    struct form *f = &m->form;

    if (!m)
        return;
    break_common(kt, f, s);
    BROKEN("INV-LINEAR-1", ((uint32_t *)source_at(&s->m, f->root))[9], FORM_VALID);
    BROKEN("INV-LINEAR-1", f->count, 2);
    BROKEN("INV-LINEAR-2", f->bytes, 4);
    small_done(kt, m, s);
}

TEST(forms, hybrid_verify_sees_corruption)
{
    struct source *s;
    struct model *m = small_form(kt, FORM_HYBRID, &s);
    struct form *f = &m->form;
    struct form_segment *g;

    if (!m)
        return;
    g = source_at(&s->m, f->root);
    break_common(kt, f, s);
    BROKEN("INV-HYBRID-1", g->used, 3);
    BROKEN("INV-HYBRID-1", ((uint32_t *)source_at(&s->m, g->table))[9], FORM_VALID);
    BROKEN("INV-HYBRID-1", f->count, 2);
    BROKEN("INV-HYBRID-2", g->first, 0x10000);
    BROKEN("INV-HYBRID-3", f->shape.pages, SPACE_PAGES - 1);
    BROKEN("INV-HYBRID-4", f->tables[0], 3);
    small_done(kt, m, s);
}

static void break_tree(struct kt *kt, enum form_kind kind)
{
    struct source *s;
    struct model *m = small_form(kt, kind, &s);
    struct form *f = &m->form;
    uint32_t *root, *last;

    if (!m)
        return;
    root = source_at(&s->m, f->root);
    last = source_at(&s->m, root[(SPACE_PAGES - 1) >> (kind == FORM_TWO_LEVEL ? 8 : 10)] & FORM_VALUE);
    break_common(kt, f, s);
    BROKEN("INV-TREE-1", last[kind == FORM_TWO_LEVEL ? 255 : 31], 0);
    BROKEN("INV-TREE-2", f->count, 2);
    BROKEN("INV-TREE-3", f->tables[1], 3);
    BROKEN("INV-TREE-3", root[1], root[0]);
    BROKEN("INV-TREE-4", f->shape.pages, SPACE_PAGES - 1);
    small_done(kt, m, s);
}

TEST(forms, tree_verify_sees_corruption)
{
    break_tree(kt, FORM_TWO_LEVEL);
    break_tree(kt, FORM_THREE_LEVEL);
}

/* The anchor in use with the least number. */
static uint32_t *first_anchor(struct form *f, struct source *s)
{
    uint32_t *anchor = source_at(&s->m, f->root);

    while (!*anchor)
        anchor++;
    return anchor;
}

TEST(forms, inverted_verify_sees_corruption)
{
    struct source *s;
    struct model *m = small_form(kt, FORM_INVERTED, &s);
    struct form *f = &m->form;
    uint32_t *array, *anchor;

    if (!m)
        return;
    array = source_at(&s->m, f->array);
    anchor = first_anchor(f, s);
    break_common(kt, f, s);
    EXPECT(f->elements == 1, "page 0xBFFF has the frame of page 5, and so an element; there are %u",
           f->elements);
    /* Frame 101 is at place 37: space, page, value, next. */
    BROKEN("INV-INVERTED-1", *anchor, 0);
    BROKEN("INV-INVERTED-1", array[37 * 4], 8);
    BROKEN("INV-INVERTED-1", array[37 * 4 + 2], 0);
    BROKEN("INV-INVERTED-1", array[37 * 4 + 3], 37 * 2 + 1);
    BROKEN("INV-INVERTED-2", array[37 * 4 + 2], FORM_VALID | form_value(102, 1));
    BROKEN("INV-INVERTED-3", f->count, 4);
    BROKEN("INV-INVERTED-3", f->elements, 0);
    BROKEN("INV-INVERTED-4", f->bytes, f->bytes - 16);
    BROKEN("INV-INVERTED-5", f->shape.pages, SPACE_PAGES - 1);
    small_done(kt, m, s);
}

static void break_hashed(struct kt *kt, enum form_kind kind)
{
    struct source *s;
    struct model *m = small_form(kt, kind, &s);
    struct form *f = &m->form;
    uint32_t *element;

    if (!m)
        return;
    element = source_at(&s->m, *first_anchor(f, s));
    break_common(kt, f, s);
    BROKEN("INV-HASHED-1", element[0], 8);
    BROKEN("INV-HASHED-1", element[2], *first_anchor(f, s));
    if (kind == FORM_HASHED)
        BROKEN("INV-HASHED-2", element[3], 0);
    else
        BROKEN("INV-HASHED-3", element[3 + (element[1] ? 15 : 5)], 0);
    BROKEN("INV-HASHED-3", f->count, 4);
    BROKEN("INV-HASHED-3", f->elements, f->elements + 1);
    BROKEN("INV-HASHED-4", f->bytes, f->bytes - 4);
    BROKEN("INV-HASHED-5", f->shape.pages, SPACE_PAGES - 1);
    small_done(kt, m, s);
}

TEST(forms, hashed_verify_sees_corruption)
{
    break_hashed(kt, FORM_HASHED);
    break_hashed(kt, FORM_CLUSTERED);
}

/* Creation and insertion with a limit of memory that grows until they succeed; nothing is lost on the way. */
TEST(forms, fail_whole)
{
    for (enum form_kind kind = 0; kind < FORM_KINDS; kind++) {
        struct source *s = source_new(kt, 0);
        struct form_shape shape;
        struct form f;
        uint32_t failures = 0;

        if (!s)
            return;
        small_shape(kind, &shape);
        for (;; failures++) {
            s->fail_after = 1 + failures;
            if (form_create(&f, kind, &shape, &s->m) == 0)
                break;
            EXPECT(!s->taken && !s->m.used, "%s: creation failed, %u tables", form_kind_name(kind), s->taken);
            if (failures > 4)
                break;
        }
        s->fail_after = 0;
        EXPECT(failures == (kind == FORM_INVERTED ? 2u : 1u), "%s: %u failures", form_kind_name(kind),
               failures);
        s->m.limit = s->m.used + 4;
        EXPECT(form_insert(&f, 1, 3, form_value(2000, 0), NULL) == (kind == FORM_LINEAR ? 0 : -ENOMEM),
               "%s: beyond the limit", form_kind_name(kind));
        EXPECT(form_verify(&f), "%s: beyond the limit", form_kind_name(kind));
        EXPECT(form_insert(&f, 1, SPACE_PAGES, 0, NULL) == -EINVAL &&
                   form_insert(&f, 1, 0, FORM_VALID, NULL) == -EINVAL &&
                   form_lookup(&f, 1, SPACE_PAGES, NULL) == 0 && form_remove(&f, 1, SPACE_PAGES, NULL) == 0,
               "%s: too large", form_kind_name(kind));
        form_destroy(&f);
        source_done(kt, s);
    }
}

/* A full space has the bytes that the form says are the most, and scattered pages too. */
TEST(forms, worst)
{
    for (enum form_kind kind = 0; kind < FORM_KINDS; kind++) {
        struct source *s = source_new(kt, 0);
        struct form_shape shape;
        struct form f;
        uint32_t n = 0, step = kind == FORM_CLUSTERED ? 16 : kind == FORM_THREE_LEVEL ? 32 : 256;

        if (!s)
            return;
        small_shape(kind, &shape);
        if (form_create(&f, kind, &shape, &s->m) == 0) {
            /* Frame 2000 has no place in the array, so each translation takes as much as one can. */
            for (uint32_t page = 0; page < SPACE_PAGES; page += step, n++)
                EXPECT(form_insert(&f, 1, page, form_value(2000, 0), NULL) == 0, "page %x", page);
            if (kind == FORM_HYBRID)
                for (uint32_t page = 4095; page < SPACE_PAGES; page += 4096, n++)
                    EXPECT(form_insert(&f, 1, page, form_value(2000, 0), NULL) == 0, "page %x", page);
            EXPECT(f.bytes == form_bytes_worst(&f, n), "%s: %u bytes for %u pages, at worst %u",
                   form_kind_name(kind), f.bytes, n, (uint32_t)form_bytes_worst(&f, n));
            EXPECT(form_kind_by_name(form_kind_name(kind)) == kind, "%s", form_kind_name(kind));
            form_destroy(&f);
        }
        source_done(kt, s);
    }
    EXPECT(form_kind_by_name("inverse") == FORM_KINDS, "a form that there is not");
}
