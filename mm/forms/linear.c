/*
 * The linear table: an entry for each page of the space, in the order of pages.
 *
 *     root ->  | page 0 | page 1 | page 2 | ...                        | last page |
 *
 * Purpose. The form that is easiest to understand, and takes one access whatever the space looks like. Its
 * price is memory: 3 GiB of pages of 4 KiB and entries of 4 bytes are 3 MiB for each space, most of which say
 * nothing. So no machine kept it for large spaces but in memory that is itself paged (VAX), or in parts
 * (hybrid.c, tree.c).
 *
 * Data: one table of form_pages() entries, taken when the form is created. Nothing is taken later, so
 * insertion cannot fail.
 *
 * INV-LINEAR-1  the form's count is the number of its valid entries
 * INV-LINEAR-2  its bytes are those of its table, whatever is in it
 *
 * Fails: creation with -ENOMEM.
 *
 * Source: Levy and Lipman, "Virtual memory management in the VAX/VMS operating system", 1982.
 */
#include "mm/forms/form_parts.h"

static bool linear_fits(const struct form_shape *s)
{
    return s->levels == 1;
}

static uint32_t table_bytes(const struct form *f)
{
    return form_pages(f) * f->shape.entry_bytes;
}

static int linear_start(struct form *f)
{
    if (!form_take(f, table_bytes(f), &f->root))
        return -ENOMEM;
    f->tables[0] = 1;
    return 0;
}

static void linear_end(struct form *f)
{
    form_give(f, f->root, table_bytes(f));
}

static int linear_insert(struct form *f, uint32_t space __attribute__((unused)), uint32_t page,
                         uint32_t value, struct form_walk *w)
{
    void *table = form_at(f, f->root);

    if (!form_read(&f->shape, table, page, w))
        f->count++;
    form_set(&f->shape, table, page, FORM_VALID | value);
    return 0;
}

static uint32_t linear_remove(struct form *f, uint32_t space __attribute__((unused)), uint32_t page,
                              struct form_walk *w)
{
    void *table = form_at(f, f->root);
    uint32_t entry = form_read(&f->shape, table, page, w);

    if (entry) {
        form_set(&f->shape, table, page, 0);
        f->count--;
    }
    return entry;
}

static uint32_t linear_walk(const struct form *f, uint32_t space __attribute__((unused)), uint32_t page,
                            struct form_walk *w)
{
    return form_read(&f->shape, form_at(f, f->root), page, w);
}

static void linear_remove_all(struct form *f, uint32_t space __attribute__((unused)))
{
    memset(form_at(f, f->root), 0, table_bytes(f));
    f->count = 0;
}

static uint64_t linear_worst(const struct form *f, uint32_t translations __attribute__((unused)))
{
    return table_bytes(f);
}

static bool linear_verify(const struct form *f)
{
    uint32_t valid = form_valid_in(&f->shape, form_at(f, f->root), 0, form_pages(f));
    bool ok = true;

    INV("INV-LINEAR-1", valid == f->count, "%u valid entries, count %u", valid, f->count);
    INV("INV-LINEAR-2", f->bytes == table_bytes(f), "%u bytes, the table has %u", f->bytes, table_bytes(f));
    return ok;
}

const struct form_type form_linear = {
    .name = "linear",
    .fits_shape = linear_fits,
    .start_form = linear_start,
    .end_form = linear_end,
    .insert_page = linear_insert,
    .remove_page = linear_remove,
    .walk_page = linear_walk,
    .remove_all = linear_remove_all,
    .worst_bytes = linear_worst,
    .verify_form = linear_verify,
};
