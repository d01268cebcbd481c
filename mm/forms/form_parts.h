/*
 * What the forms share behind form.h.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 */
#ifndef MM_FORMS_FORM_PARTS_H
#define MM_FORMS_FORM_PARTS_H

#include "mm/forms/form.h"

/*
 * A kind. What is given to these has been checked by form.c: pages are below form_pages(), values fit into an
 * entry, *w is zeroed. None of these sleeps.
 */
struct form_type {
    const char *name; /* (c) */
    bool is_shared;   /* (c) */
    /* Whether it can have this shape. */
    bool (*fits_shape)(const struct form_shape *s); /* (c) */
    /* Take what an empty form has. 0 or -ENOMEM, with nothing taken. */
    int (*start_form)(struct form *f); /* (c) */
    /* Give all back. */
    void (*end_form)(struct form *f); /* (c) */
    int (*insert_page)(struct form *f, uint32_t space, uint32_t page, uint32_t value,
                       struct form_walk *w);                                                         /* (c) */
    uint32_t (*remove_page)(struct form *f, uint32_t space, uint32_t page, struct form_walk *w);     /* (c) */
    uint32_t (*walk_page)(const struct form *f, uint32_t space, uint32_t page, struct form_walk *w); /* (c) */
    /* Of a form of one space: all translations go. */
    void (*remove_all)(struct form *f, uint32_t space);                   /* (c) */
    uint64_t (*worst_bytes)(const struct form *f, uint32_t translations); /* (c) */
    bool (*verify_form)(const struct form *f);                            /* (c) */
};

extern const struct form_type form_linear, form_hybrid, form_two_level, form_three_level, form_inverted,
    form_hashed, form_clustered; /* (c) */

/* Memory for f, zeroed, and its name; NULL: there is none. f's bytes count it. Does not sleep. */
void *form_take(struct form *f, uint32_t bytes, uint32_t *name);
/* Does not sleep. */
void form_give(struct form *f, uint32_t name, uint32_t bytes);

static inline void *form_at(const struct form *f, uint32_t name)
{
    return f->memory->table_at(f->memory, name);
}

static inline uint32_t form_page_bits(const struct form_shape *s)
{
    return (uint32_t)s->address_bits - s->page_bits;
}

/* The largest value of an entry. */
static inline uint32_t form_value_mask(const struct form_shape *s)
{
    return (1u << (8u * s->entry_bytes - 1)) - 1;
}

/* The anchor of a key, of a power of two of them. Multiplication by the golden ratio spreads neighbours far
 * (Knuth, volume 3, 6.4). */
static inline uint32_t form_hash(uint32_t space, uint32_t page, uint32_t anchors)
{
    uint32_t h = (page + space * 0x85EBCA6Bu) * 0x9E3779B1u;

    return (uint32_t)((uint64_t)h * anchors >> 32);
}

/* One read of `bytes` bytes. */
static inline void form_note(struct form_walk *w, uint32_t bytes, uint32_t index, uint32_t entry)
{
    w->accesses++;
    w->bytes += bytes;
    if (w->steps < FORM_STEPS)
        w->step[w->steps++] = (struct form_step){index, entry};
}

/* Entry i of a table, as it lies there. */
static inline uint32_t form_raw(const struct form_shape *s, const void *table, uint32_t i)
{
    if (likely(s->entry_bytes == 4))
        return ((const uint32_t *)table)[i];
    return s->entry_bytes == 1 ? ((const uint8_t *)table)[i] : ((const uint16_t *)table)[i];
}

/* What it says: FORM_VALID and the value, or 0. */
static inline uint32_t form_entry(const struct form_shape *s, uint32_t raw)
{
    uint32_t mask;

    if (likely(s->entry_bytes == 4))
        return raw & FORM_VALID ? raw : 0;
    mask = form_value_mask(s);
    return raw & (mask + 1) ? FORM_VALID | (raw & mask) : 0;
}

static inline uint32_t form_get(const struct form_shape *s, const void *table, uint32_t i)
{
    return form_entry(s, form_raw(s, table, i));
}

/* The same, as a read that is counted. */
static inline uint32_t form_read(const struct form_shape *s, const void *table, uint32_t i,
                                 struct form_walk *w)
{
    uint32_t raw = form_raw(s, table, i);

    form_note(w, s->entry_bytes, i, raw);
    return form_entry(s, raw);
}

/* entry: FORM_VALID and a value that fits, or 0. */
static inline void form_set(const struct form_shape *s, void *table, uint32_t i, uint32_t entry)
{
    uint32_t mask = form_value_mask(s), raw = entry ? (mask + 1) | (entry & mask) : 0;

    if (likely(s->entry_bytes == 4))
        ((uint32_t *)table)[i] = entry;
    else if (s->entry_bytes == 1)
        ((uint8_t *)table)[i] = (uint8_t)raw;
    else
        ((uint16_t *)table)[i] = (uint16_t)raw;
}

/* Valid entries in [from, to). */
static inline uint32_t form_valid_in(const struct form_shape *s, const void *table, uint32_t from,
                                     uint32_t to)
{
    uint32_t n = 0;

    for (uint32_t i = from; i < to; i++)
        n += form_get(s, table, i) != 0;
    return n;
}

#endif
