/*
 * The hybrid of segments and pages: a linear table for each segment of the space, with limits.
 *
 *     page number   | segment | page in the segment |
 *                        |
 *     segment register: table, first, count         first             first + count
 *                         `----------------------->  | entry | entry | ... |
 *
 * Purpose. A space has a few dense parts, far from each other: code and heap at the bottom, the stack at the
 * top. A table for each, which ends where the part ends, needs no entries for the emptiness between them, and
 * still takes one access. The limits are in registers, so a page beyond them takes none. Its weakness is a
 * sparse segment: from the first page that it uses to the last there is an entry for every one; and tables of
 * any length are harder to find memory for than tables of one size.
 *
 * The textbook's segment grows in one direction. Here a table has a limit on either side, so that a segment
 * may grow up, down, or both ways, as the one at the top does that has the stack and mappings below it.
 *
 * Data. Segments are the first level_bits[0] bits of the page number; their registers, struct form_segment,
 * are an array that is taken with the form. A table is taken with the first page of its segment and goes with
 * the last; in between its limits only move outwards. It grows by at least an eighth, so that a segment that
 * is filled page by page is copied a few times only, and to multiples of GRAIN entries, within the segment.
 *
 * INV-HYBRID-1  a segment has a table exactly if it has valid entries, used is their number, and the form's
 *               count is the sum
 * INV-HYBRID-2  the limits lie in the segment
 * INV-HYBRID-3  no entry for a page from form_pages() on is valid
 * INV-HYBRID-4  the bytes are those of the registers and all tables; tables[0] is the number of tables
 *
 * Fails: insertion with -ENOMEM, if a table has to grow and cannot: the old one is kept until the new one is
 * there.
 *
 * Source: Multics (Organick 1972); Arpaci-Dusseau, chapter 20.2.
 */
#include "mm/forms/form_parts.h"

#define GRAIN 16u

static bool hybrid_fits(const struct form_shape *s)
{
    return s->levels == 1 && s->level_bits[0] <= 8 && s->level_bits[0] < form_page_bits(s);
}

static uint32_t segments_of(const struct form *f)
{
    return 1u << f->shape.level_bits[0];
}

/* Pages of a segment. */
static uint32_t span_of(const struct form *f)
{
    return 1u << (form_page_bits(&f->shape) - f->shape.level_bits[0]);
}

static struct form_segment *segment_of(const struct form *f, uint32_t page)
{
    return (struct form_segment *)form_at(f, f->root) + page / span_of(f);
}

static uint32_t registers_bytes(const struct form *f)
{
    return segments_of(f) * (uint32_t)sizeof(struct form_segment);
}

static int hybrid_start(struct form *f)
{
    return form_take(f, registers_bytes(f), &f->root) ? 0 : -ENOMEM;
}

static void drop_table(struct form *f, struct form_segment *g)
{
    form_give(f, g->table, g->count * f->shape.entry_bytes);
    *g = (struct form_segment){0};
    f->tables[0]--;
}

static void hybrid_remove_all(struct form *f, uint32_t space __attribute__((unused)))
{
    struct form_segment *g = form_at(f, f->root);

    for (uint32_t i = 0; i < segments_of(f); i++)
        if (g[i].count)
            drop_table(f, &g[i]);
    f->count = 0;
}

static void hybrid_end(struct form *f)
{
    hybrid_remove_all(f, 0);
    form_give(f, f->root, registers_bytes(f));
}

static bool is_within(const struct form_segment *g, uint32_t at)
{
    return at >= g->first && at - g->first < g->count;
}

/* Let the limits of a segment enclose `at`. */
static int enclose(struct form *f, struct form_segment *g, uint32_t at)
{
    uint32_t span = span_of(f), step = g->count / 8 > GRAIN ? g->count / 8 : GRAIN,
             bytes = f->shape.entry_bytes;
    uint32_t first = g->first, end = g->first + g->count, name;
    uint8_t *table;

    if (!g->count) {
        first = at & ~(GRAIN - 1);
        end = first + GRAIN;
    } else if (at < first) {
        first = first - at < step ? (first < step ? 0 : first - step) : at;
        first &= ~(GRAIN - 1);
    } else {
        end = at + 1 - end < step ? end + step : at + 1;
        end = (end + GRAIN - 1) & ~(GRAIN - 1);
    }
    if (end > span)
        end = span;
    table = form_take(f, (end - first) * bytes, &name);
    if (!table)
        return -ENOMEM;
    if (g->count) {
        memcpy(table + (size_t)(g->first - first) * bytes, form_at(f, g->table), (size_t)g->count * bytes);
        form_give(f, g->table, g->count * bytes);
    } else {
        f->tables[0]++;
    }
    g->table = name;
    g->first = first;
    g->count = end - first;
    return 0;
}

static int hybrid_insert(struct form *f, uint32_t space __attribute__((unused)), uint32_t page,
                         uint32_t value, struct form_walk *w)
{
    struct form_segment *g = segment_of(f, page);
    uint32_t at = page % span_of(f);
    void *table;

    if (!is_within(g, at) && enclose(f, g, at))
        return -ENOMEM;
    table = form_at(f, g->table);
    if (!form_read(&f->shape, table, at - g->first, w)) {
        g->used++;
        f->count++;
    }
    form_set(&f->shape, table, at - g->first, FORM_VALID | value);
    return 0;
}

static uint32_t hybrid_walk(const struct form *f, uint32_t space __attribute__((unused)), uint32_t page,
                            struct form_walk *w)
{
    const struct form_segment *g = segment_of(f, page);
    uint32_t at = page % span_of(f);

    return is_within(g, at) ? form_read(&f->shape, form_at(f, g->table), at - g->first, w) : 0;
}

static uint32_t hybrid_remove(struct form *f, uint32_t space, uint32_t page, struct form_walk *w)
{
    struct form_segment *g = segment_of(f, page);
    uint32_t entry = hybrid_walk(f, space, page, w);

    if (!entry)
        return 0;
    f->count--;
    form_set(&f->shape, form_at(f, g->table), page % span_of(f) - g->first, 0);
    if (!--g->used)
        drop_table(f, g);
    return entry;
}

/* One page in a segment may be what is left of a full one, so each may keep a whole table. */
static uint64_t hybrid_worst(const struct form *f, uint32_t translations)
{
    uint32_t with_pages = (form_pages(f) + span_of(f) - 1) / span_of(f);

    return registers_bytes(f) + (uint64_t)(translations < with_pages ? translations : with_pages) *
                                    span_of(f) * f->shape.entry_bytes;
}

static bool hybrid_verify(const struct form *f)
{
    const struct form_segment *g = form_at(f, f->root);
    uint32_t count = 0, tables = 0, span = span_of(f);
    uint64_t bytes = registers_bytes(f);
    bool ok = true;

    for (uint32_t i = 0; i < segments_of(f); i++, g++) {
        uint32_t valid = 0;
        bool is_sound = g->first <= span && g->count <= span - g->first;

        INV("INV-HYBRID-2", is_sound, "segment %u: pages from %x on, %x of them, of %x", i, g->first,
            g->count, span);
        if (is_sound && g->count) {
            uint32_t page = i * span + g->first, beyond = 0;

            valid = form_valid_in(&f->shape, form_at(f, g->table), 0, g->count);
            if (page + g->count > form_pages(f))
                beyond = page < form_pages(f) ? form_pages(f) - page : 0;
            INV("INV-HYBRID-3",
                page + g->count <= form_pages(f) ||
                    !form_valid_in(&f->shape, form_at(f, g->table), beyond, g->count),
                "segment %u: an entry beyond page %x", i, form_pages(f));
            bytes += (uint64_t)g->count * f->shape.entry_bytes;
            tables++;
        }
        INV("INV-HYBRID-1", valid == g->used && !g->count == !g->used,
            "segment %u: %u valid entries of %u, used %u", i, valid, g->count, g->used);
        count += valid;
    }
    INV("INV-HYBRID-1", count == f->count, "%u valid entries, count %u", count, f->count);
    INV("INV-HYBRID-4", bytes == f->bytes && tables == f->tables[0],
        "%u bytes in %u tables, there are %u in %u", f->bytes, f->tables[0], (uint32_t)bytes, tables);
    return ok;
}

const struct form_type form_hybrid = {
    .name = "hybrid",
    .fits_shape = hybrid_fits,
    .start_form = hybrid_start,
    .end_form = hybrid_end,
    .insert_page = hybrid_insert,
    .remove_page = hybrid_remove,
    .walk_page = hybrid_walk,
    .remove_all = hybrid_remove_all,
    .worst_bytes = hybrid_worst,
    .verify_form = hybrid_verify,
};
