/*
 * The table of two, three or more levels: a tree of tables, in which the page number is looked up digit by
 * digit.
 *
 *     page number   | digit 0 | digit 1 | digit 2 |
 *                        |         |         |
 *     root ->  [.....*.......]     |         |
 *                    `->  [........*....]    |
 *                                  `->  [....*....] -> frame
 *
 * Purpose. Where a space has nothing, one empty entry of a directory stands for a whole table. So memory
 * follows what is used, stretch by stretch, at the price of one access a level. More levels with smaller
 * tables take less for scattered pages, and more accesses for all of them.
 *
 * Data. A table of level l has 2^level_bits[l] entries; those of the last level are translations, those above
 * name tables of the level below. The root is always there. A table comes with its first entry and goes with
 * its last: who removes an entry looks for another one in the same table, from the next entry on, and these
 * reads count as accesses. (A kernel that keeps the number with the frame of the table is spared them: see
 * mm/x86/pt.c.)
 *
 * INV-TREE-1  each table but the root has a valid entry
 * INV-TREE-2  the form's count is the number of valid entries of the last level
 * INV-TREE-3  tables[l] is the number of tables of level l, and the bytes are those of all tables
 * INV-TREE-4  no entry for a page from form_pages() on is valid
 *
 * Fails: insertion with -ENOMEM, if one of the tables that it needs cannot be had, or has a name that an
 * entry cannot hold; all of them are taken before the first is linked.
 *
 * Source: IBM System/370's segment and page tables; the Intel 386 for two levels, the SPARC Reference MMU for
 * three.
 */
#include "mm/forms/form_parts.h"

static bool tree_fits(const struct form_shape *s)
{
    uint32_t bits = 0;

    for (uint32_t l = 0; l < s->levels; l++) {
        if (!s->level_bits[l] || s->level_bits[l] > 24)
            return false;
        bits += s->level_bits[l];
    }
    return bits == form_page_bits(s);
}

static bool two_fits(const struct form_shape *s)
{
    return s->levels == 2 && tree_fits(s);
}

static bool three_fits(const struct form_shape *s)
{
    return s->levels == 3 && tree_fits(s);
}

static uint32_t entries_of(const struct form_shape *s, uint32_t level)
{
    return 1u << s->level_bits[level];
}

static uint32_t bytes_of(const struct form_shape *s, uint32_t level)
{
    return entries_of(s, level) * s->entry_bytes;
}

/* The bits of a page number below the digit of a level. */
static uint32_t shift_of(const struct form_shape *s, uint32_t level)
{
    uint32_t shift = 0;

    while (++level < s->levels)
        shift += s->level_bits[level];
    return shift;
}

/* The digit of a level, which is the number of an entry. */
static uint32_t digit(const struct form_shape *s, uint32_t page, uint32_t level)
{
    return page >> shift_of(s, level) & (entries_of(s, level) - 1);
}

static void *take_level(struct form *f, uint32_t level, uint32_t *name)
{
    void *table = form_take(f, bytes_of(&f->shape, level), name);

    if (table)
        f->tables[level]++;
    return table;
}

static void give_level(struct form *f, uint32_t level, uint32_t name)
{
    f->tables[level]--;
    form_give(f, name, bytes_of(&f->shape, level));
}

static int tree_start(struct form *f)
{
    return take_level(f, 0, &f->root) ? 0 : -ENOMEM;
}

/* Give back all below a directory. */
static void drop_below(struct form *f, uint32_t level, uint32_t name)
{
    void *table = form_at(f, name);

    if (level + 1 == f->shape.levels) {
        f->count -= form_valid_in(&f->shape, table, 0, entries_of(&f->shape, level));
        return;
    }
    for (uint32_t i = 0; i < entries_of(&f->shape, level); i++) {
        uint32_t entry = form_get(&f->shape, table, i);

        if (!entry)
            continue;
        drop_below(f, level + 1, entry & FORM_VALUE);
        give_level(f, level + 1, entry & FORM_VALUE);
    }
}

static void tree_remove_all(struct form *f, uint32_t space __attribute__((unused)))
{
    drop_below(f, 0, f->root);
    memset(form_at(f, f->root), 0, bytes_of(&f->shape, 0));
}

static void tree_end(struct form *f)
{
    tree_remove_all(f, 0);
    give_level(f, 0, f->root);
}

static uint32_t tree_walk(const struct form *f, uint32_t space __attribute__((unused)), uint32_t page,
                          struct form_walk *w)
{
    const struct form_shape *s = &f->shape;
    uint32_t shift = form_page_bits(s), name = f->root;

    for (uint32_t level = 0;; level++) {
        uint32_t bits = s->level_bits[level], entry;

        shift -= bits;
        entry = form_read(s, form_at(f, name), page >> shift & ((1u << bits) - 1), w);
        if (!entry || level + 1 == s->levels)
            return entry;
        name = entry & FORM_VALUE;
    }
}

static int tree_insert(struct form *f, uint32_t space __attribute__((unused)), uint32_t page, uint32_t value,
                       struct form_walk *w)
{
    const struct form_shape *s = &f->shape;
    uint32_t fresh[FORM_LEVELS], name = f->root, level = 0, missing, last = s->levels - 1u, entry;

    /* Down to the last table that there is. */
    while ((entry = form_read(s, form_at(f, name), digit(s, page, level), w)) != 0 && level < last) {
        name = entry & FORM_VALUE;
        level++;
    }
    for (missing = level + 1; missing <= last; missing++) {
        if (!take_level(f, missing, &fresh[missing]))
            break;
        if (fresh[missing] > form_value_mask(s)) {
            give_level(f, missing, fresh[missing]);
            break;
        }
    }
    if (missing <= last) {
        while (--missing > level)
            give_level(f, missing, fresh[missing]);
        return -ENOMEM;
    }
    for (; level < last; level++) {
        form_set(s, form_at(f, name), digit(s, page, level), FORM_VALID | fresh[level + 1]);
        name = fresh[level + 1];
    }
    if (!entry)
        f->count++;
    form_set(s, form_at(f, name), digit(s, page, last), FORM_VALID | value);
    return 0;
}

/* Whether another entry than i of a table is valid. */
static bool has_another(const struct form_shape *s, const void *table, uint32_t entries, uint32_t i,
                        struct form_walk *w)
{
    for (uint32_t n = 1; n < entries; n++)
        if (form_read(s, table, (i + n) & (entries - 1), w))
            return true;
    return false;
}

static uint32_t tree_remove(struct form *f, uint32_t space __attribute__((unused)), uint32_t page,
                            struct form_walk *w)
{
    const struct form_shape *s = &f->shape;
    uint32_t path[FORM_LEVELS], name = f->root, entry = 0, level;

    for (level = 0; level < s->levels; level++) {
        path[level] = name;
        entry = form_read(s, form_at(f, name), digit(s, page, level), w);
        if (!entry)
            return 0;
        name = entry & FORM_VALUE;
    }
    f->count--;
    while (level-- > 0) {
        void *table = form_at(f, path[level]);
        uint32_t i = digit(s, page, level);

        form_set(s, table, i, 0);
        if (!level || has_another(s, table, entries_of(s, level), i, w))
            break;
        give_level(f, level, path[level]);
    }
    return entry;
}

/* Translations that are as far from each other as can be have a table each, on every level that has so
 * many. */
static uint64_t tree_worst(const struct form *f, uint32_t translations)
{
    const struct form_shape *s = &f->shape;
    uint64_t bytes = bytes_of(s, 0);

    for (uint32_t l = 1; l < s->levels; l++) {
        uint64_t span = 1ull << shift_of(s, l - 1), tables = (form_pages(f) + span - 1) >> shift_of(s, l - 1);

        bytes += (tables < translations ? tables : translations) * bytes_of(s, l);
    }
    return bytes;
}

struct found {
    uint32_t tables[FORM_LEVELS], valid;
};

/* Check the table of a level whose first page is `first`; tells what was found. */
static bool verify_below(const struct form *f, uint32_t level, uint32_t name, uint64_t first,
                         struct found *found)
{
    const struct form_shape *s = &f->shape;
    const void *table = form_at(f, name);
    uint32_t valid = 0;
    bool ok = true, is_last = level + 1 == s->levels;

    found->tables[level]++;
    for (uint32_t i = 0; i < entries_of(s, level); i++) {
        uint32_t entry = form_get(s, table, i);
        uint64_t page = first + ((uint64_t)i << shift_of(s, level));

        if (!entry)
            continue;
        valid++;
        INV("INV-TREE-4", page < form_pages(f), "page %llx at level %u", (unsigned long long)page, level);
        if (!is_last && !verify_below(f, level + 1, entry & FORM_VALUE, page, found))
            ok = false;
    }
    if (is_last)
        found->valid += valid;
    INV("INV-TREE-1", valid || !level, "the table for page %llx at level %u is empty",
        (unsigned long long)first, level);
    return ok;
}

static bool tree_verify(const struct form *f)
{
    struct found found = {0};
    uint32_t bytes = 0;
    bool ok = verify_below(f, 0, f->root, 0, &found);

    INV("INV-TREE-2", found.valid == f->count, "%u valid entries, count %u", found.valid, f->count);
    for (uint32_t l = 0; l < f->shape.levels; l++) {
        INV("INV-TREE-3", found.tables[l] == f->tables[l], "%u tables of level %u, there are %u",
            f->tables[l], l, found.tables[l]);
        bytes += found.tables[l] * bytes_of(&f->shape, l);
    }
    INV("INV-TREE-3", bytes == f->bytes, "%u bytes, tables have %u", f->bytes, bytes);
    return ok;
}

#define TREE(name_, fits_)                                                                                   \
    {                                                                                                        \
        .name = name_, .fits_shape = fits_, .start_form = tree_start, .end_form = tree_end,                  \
        .insert_page = tree_insert, .remove_page = tree_remove, .walk_page = tree_walk,                      \
        .remove_all = tree_remove_all, .worst_bytes = tree_worst, .verify_form = tree_verify,                \
    }

const struct form_type form_two_level = TREE("two-level", two_fits);
const struct form_type form_three_level = TREE("three-level", three_fits);
