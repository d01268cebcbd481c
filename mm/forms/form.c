/*
 * Forms of page tables: what they have in common.
 *
 * Purpose. A translation says which frame a page of a space has. Every machine must find it, and there are
 * two families of ways. Either the page number is an index, into one table (linear), into a table for each
 * segment of the space (hybrid), or digit by digit into a tree of tables (two-level, three-level); then each
 * space has a form of its own, and its size follows the space. Or the page number is searched for: it is
 * hashed to an anchor, from which a chain leads to elements that say whose they are (inverted, hashed,
 * clustered); then one form serves all spaces, and its size follows the machine's memory. An index costs a
 * number of reads that is known beforehand, a search costs as many as its chain is long.
 *
 *                accesses of a walk         memory
 *   linear       1                          an entry for every page of the space, used or not
 *   hybrid       1, or 0 beyond a limit     an entry for every page between the limits of its segment
 *   two-level    2, or 1                    the directory, and a table for every 4 MiB that has a page
 *   three-level  3, or less                 the root, and smaller tables for smaller stretches
 *   inverted     1 + elements               anchors, and an element for every frame and for every alias
 *   hashed       1 + elements               anchors, and an element for every translation
 *   clustered    2 + elements, or less      anchors, and an element for every block with a translation
 *
 * An access is one read of an entry, an anchor or an element. Registers (the root, the limits of segments)
 * cost nothing, as in the processors that had these forms. What insertion and removal cost is counted in the
 * same way; what they write is not counted.
 *
 * Data. A form owns its tables, which lie in memory that its creator supplies: see struct form_memory. The
 * laboratory builds forms over spaces that live (kernel/procfs), hosted tests over the host's memory, and
 * `translate` over the memory that a textbook prints. Locking: who owns a form works with it between two
 * sleeps.
 *
 * INV-FORM-1  a form has no more bytes than its memory has given, and the memory no more than its limit and
 *             its highest mark
 * INV-FORM-2  a form has no more translations than its kind can have in its bytes; what it has at worst is
 *             not less than what it has
 *
 * Fails: -ENOMEM, when memory has no more or its limit is reached; then nothing has changed.
 *
 * Source: Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", chapters 18 and 20; Jacob and Mudge,
 * "Virtual memory in contemporary microprocessors", 1998.
 */
#include "mm/forms/form_parts.h"

static const struct form_type *const types[FORM_KINDS] = {
    [FORM_LINEAR] = &form_linear,       [FORM_HYBRID] = &form_hybrid,
    [FORM_TWO_LEVEL] = &form_two_level, [FORM_THREE_LEVEL] = &form_three_level,
    [FORM_INVERTED] = &form_inverted,   [FORM_HASHED] = &form_hashed,
    [FORM_CLUSTERED] = &form_clustered,
};

const char *form_kind_name(enum form_kind kind)
{
    return types[kind]->name;
}

enum form_kind form_kind_by_name(const char *name)
{
    enum form_kind kind = 0;

    while (kind < FORM_KINDS && strcmp(form_kind_name(kind), name))
        kind++;
    return kind;
}

bool form_is_shared(enum form_kind kind)
{
    return types[kind]->is_shared;
}

/* Elements have 16 bytes and anchors 4, so with an anchor for each frame chains are short at a quarter of the
 * cost. */
static uint32_t power_of_two_from(uint32_t n)
{
    uint32_t p = 1;

    while (p < n && p < 1u << 31)
        p <<= 1;
    return p;
}

#define CLUSTER_BITS 4u

void form_shape_of(enum form_kind kind, uint32_t pages, pfn_t first_frame, uint32_t frames,
                   struct form_shape *shape)
{
    *shape = (struct form_shape){.address_bits = 32, .page_bits = PAGE_SHIFT, .entry_bytes = 4};
    shape->pages = pages;
    shape->first_frame = first_frame;
    switch (kind) {
    case FORM_LINEAR:
        shape->levels = 1;
        shape->level_bits[0] = 20;
        break;
    case FORM_HYBRID:
        shape->levels = 1;
        shape->level_bits[0] = 4; /* sixteen segments of 256 MiB, as the PowerPC has */
        break;
    case FORM_TWO_LEVEL:
        shape->levels = 2;
        shape->level_bits[0] = shape->level_bits[1] = 10; /* this processor's */
        break;
    case FORM_THREE_LEVEL:
        shape->levels = 3;
        shape->level_bits[0] = 8; /* those of the SPARC Reference MMU */
        shape->level_bits[1] = shape->level_bits[2] = 6;
        break;
    case FORM_INVERTED:
        shape->frames = frames;
        shape->anchors = power_of_two_from(frames);
        break;
    case FORM_HASHED:
        shape->anchors = power_of_two_from(frames);
        break;
    case FORM_CLUSTERED:
        shape->cluster_bits = CLUSTER_BITS;
        shape->anchors = power_of_two_from(frames >> CLUSTER_BITS);
        break;
    case FORM_KINDS:
        break;
    }
}

uint32_t form_pages(const struct form *f)
{
    uint32_t all = 1u << form_page_bits(&f->shape);

    return f->shape.pages && f->shape.pages < all ? f->shape.pages : all;
}

static bool is_shape(const struct form_shape *s)
{
    return s->address_bits <= 32 && s->page_bits < s->address_bits && form_page_bits(s) < 31 &&
           (s->entry_bytes == 1 || s->entry_bytes == 2 || s->entry_bytes == 4) && s->levels <= FORM_LEVELS;
}

static int prepare(struct form *f, enum form_kind kind, const struct form_shape *shape, struct form_memory *m)
{
    if (kind >= FORM_KINDS || !is_shape(shape) || !types[kind]->fits_shape(shape))
        return -EINVAL;
    *f = (struct form){.type = types[kind], .memory = m, .shape = *shape};
    return 0;
}

int form_create(struct form *f, enum form_kind kind, const struct form_shape *shape, struct form_memory *m)
{
    int err = prepare(f, kind, shape, m);

    return err ? err : f->type->start_form(f);
}

int form_adopt(struct form *f, enum form_kind kind, const struct form_shape *shape, struct form_memory *m,
               uint32_t root)
{
    int err = prepare(f, kind, shape, m);

    if (!err && (kind == FORM_HYBRID || f->type->is_shared))
        err = -EINVAL;
    f->adopted = true;
    f->root = root;
    return err;
}

void form_destroy(struct form *f)
{
    if (!f->adopted) {
        f->type->end_form(f);
        mm_assert(!f->bytes, "a %s form has %u bytes left", f->type->name, f->bytes);
    }
    f->type = NULL;
}

/* What nobody wants to know. */
static struct form_walk nobody;

int form_insert(struct form *f, uint32_t space, uint32_t page, uint32_t value, struct form_walk *w)
{
    w = w ? w : &nobody;
    w->accesses = w->bytes = w->steps = 0;
    mm_assert(!f->adopted, "insertion into tables of somebody else's");
    if (page >= form_pages(f) || value > form_value_mask(&f->shape))
        return -EINVAL;
    return f->type->insert_page(f, space, page, value, w);
}

uint32_t form_remove(struct form *f, uint32_t space, uint32_t page, struct form_walk *w)
{
    w = w ? w : &nobody;
    w->accesses = w->bytes = w->steps = 0;
    mm_assert(!f->adopted, "removal from tables of somebody else's");
    return page < form_pages(f) ? f->type->remove_page(f, space, page, w) : 0;
}

uint32_t form_lookup(const struct form *f, uint32_t space, uint32_t page, struct form_walk *w)
{
    w = w ? w : &nobody;
    w->accesses = w->bytes = w->steps = 0;
    return page < form_pages(f) ? f->type->walk_page(f, space, page, w) : 0;
}

uint32_t form_remove_space(struct form *f, uint32_t space)
{
    uint32_t before = f->count;

    mm_assert(!f->adopted, "removal from tables of somebody else's");
    f->type->remove_all(f, space);
    return before - f->count;
}

uint64_t form_bytes_worst(const struct form *f, uint32_t translations)
{
    return f->type->worst_bytes(f, translations);
}

void *form_take(struct form *f, uint32_t bytes, uint32_t *name)
{
    struct form_memory *m = f->memory;
    void *p;

    m->refused = 0;
    if (m->limit && (bytes > m->limit || m->used > m->limit - bytes))
        return NULL;
    p = m->take_table(m, bytes, name);
    if (!p) {
        m->refused = bytes;
        return NULL;
    }
    mm_assert(*name && !(*name & FORM_VALID), "name %x", *name);
    f->bytes += bytes;
    m->used += bytes;
    m->most = m->most > m->used ? m->most : m->used;
    return p;
}

void form_give(struct form *f, uint32_t name, uint32_t bytes)
{
    struct form_memory *m = f->memory;

    mm_assert(f->bytes >= bytes && m->used >= bytes, "%u of %u bytes, memory %u", bytes, f->bytes, m->used);
    f->bytes -= bytes;
    m->used -= bytes;
    m->give_table(m, name, bytes);
}

bool form_verify(const struct form *f)
{
    const struct form_memory *m = f->memory;
    bool ok = true;

    if (f->adopted)
        return true;
    INV("INV-FORM-1", f->bytes <= m->used && m->used <= m->most && (!m->limit || m->used <= m->limit),
        "%s: %u bytes, memory %u of %u, most %u", f->type->name, f->bytes, m->used, m->limit, m->most);
    INV("INV-FORM-2", f->bytes <= form_bytes_worst(f, f->count),
        "%s: %u bytes for %u translations, at worst %u", f->type->name, f->bytes, f->count,
        (uint32_t)form_bytes_worst(f, f->count));
    return f->type->verify_form(f) && ok;
}
