/*
 * The hashed table, and the clustered one: chains of translations below hash anchors.
 *
 *     (space, block of the page) -- hash --> anchor -> | space, block, next, entries | -> | ... | -> 0
 *
 * Purpose. Memory follows the number of translations, wherever in however large a space they lie, and one
 * table serves all spaces. The price is a search, whose length is that of a chain, and a key of two words and
 * a link in each element: in the hashed table 12 bytes for 4 that are wanted. The clustered table spreads
 * them over a block of neighbouring pages, here sixteen: programs use pages next to each other, so most of a
 * block is used, and a translation takes not much more than its own entry; but a lonely page takes a whole
 * element.
 *
 * Both are the same code: the page number without its last cluster_bits is the key, and these bits choose the
 * entry in the element. The hashed table has cluster_bits 0.
 *
 * Data. The anchors are an array of 4-byte names, taken with the form: their number is fixed, since a table
 * that is full of translations of frames can be foreseen. Elements are taken one by one, and go with their
 * last entry. A new element is the first of its chain. A read of an element of the hashed table is one
 * access; of the clustered table each element that is looked at is one, and the entry in it one more.
 *
 * INV-HASHED-1  each element is in the chain of its key's anchor, and no key is there twice
 * INV-HASHED-2  each element has a valid entry, and used is their number
 * INV-HASHED-3  the form's count is the number of valid entries, elements that of elements
 * INV-HASHED-4  the bytes are those of the anchors and all elements
 * INV-HASHED-5  no entry for a page from form_pages() on is valid
 *
 * Fails: insertion with -ENOMEM, if there is no memory for a new element.
 *
 * Source: Hewlett-Packard's PA-RISC (Huck and Hays 1993) for the hashed table; Talluri, Hill and Khalidi, "A
 * new page table for 64-bit address spaces", 1995, for the clustered one.
 */
#include "mm/forms/form_parts.h"

struct element {
    uint32_t space, block; /* the key */
    uint32_t next;         /* name; 0: it is the last */
    uint32_t entry[];      /* [1 << cluster_bits] */
};

static bool hashed_fits(const struct form_shape *s)
{
    return s->anchors && !(s->anchors & (s->anchors - 1)) && s->anchors <= 1u << 28 && s->entry_bytes == 4 &&
           s->cluster_bits <= 8 && s->cluster_bits < form_page_bits(s);
}

static bool hashed_only_fits(const struct form_shape *s)
{
    return !s->cluster_bits && hashed_fits(s);
}

static bool clustered_fits(const struct form_shape *s)
{
    return s->cluster_bits && hashed_fits(s);
}

static uint32_t anchors_bytes(const struct form *f)
{
    return f->shape.anchors * 4;
}

static uint32_t entries_of(const struct form *f)
{
    return 1u << f->shape.cluster_bits;
}

static uint32_t element_bytes(const struct form *f)
{
    return (uint32_t)sizeof(struct element) + 4 * entries_of(f);
}

static uint32_t *anchor_of(const struct form *f, uint32_t space, uint32_t block)
{
    return (uint32_t *)form_at(f, f->root) + form_hash(space, block, f->shape.anchors);
}

static int hashed_start(struct form *f)
{
    return form_take(f, anchors_bytes(f), &f->root) ? 0 : -ENOMEM;
}

/* The element of a key, or NULL; *link is the word that names it, or the last one of the chain. */
static struct element *find(const struct form *f, uint32_t space, uint32_t block, uint32_t **link,
                            struct form_walk *w)
{
    uint32_t *at = anchor_of(f, space, block), name;
    /* The clustered table's entry is read apart. */
    uint32_t bytes = f->shape.cluster_bits ? sizeof(struct element) : element_bytes(f);

    form_note(w, 4, form_hash(space, block, f->shape.anchors), *at);
    for (; (name = *at) != 0; at = &((struct element *)form_at(f, name))->next) {
        struct element *e = form_at(f, name);

        form_note(w, bytes, name, e->block);
        if (e->space == space && e->block == block) {
            *link = at;
            return e;
        }
    }
    *link = at;
    return NULL;
}

static uint32_t *entry_of(const struct form *f, struct element *e, uint32_t page)
{
    return &e->entry[page & (entries_of(f) - 1)];
}

static uint32_t read_entry(const struct form *f, struct element *e, uint32_t page, struct form_walk *w)
{
    uint32_t entry = *entry_of(f, e, page);

    if (f->shape.cluster_bits)
        form_note(w, 4, page & (entries_of(f) - 1), entry);
    return entry;
}

static uint32_t hashed_walk(const struct form *f, uint32_t space, uint32_t page, struct form_walk *w)
{
    uint32_t *link;
    struct element *e = find(f, space, page >> f->shape.cluster_bits, &link, w);

    return e ? read_entry(f, e, page, w) : 0;
}

static int hashed_insert(struct form *f, uint32_t space, uint32_t page, uint32_t value, struct form_walk *w)
{
    uint32_t block = page >> f->shape.cluster_bits, *link, name;
    struct element *e = find(f, space, block, &link, w);

    if (!e) {
        e = form_take(f, element_bytes(f), &name);
        if (!e)
            return -ENOMEM;
        link = anchor_of(f, space, block);
        e->space = space;
        e->block = block;
        e->next = *link;
        *link = name;
        f->elements++;
        f->count++;
    } else if (!read_entry(f, e, page, w)) {
        f->count++;
    }
    *entry_of(f, e, page) = FORM_VALID | value;
    return 0;
}

/* Valid entries of an element. */
static uint32_t valid_of(const struct form *f, const struct element *e)
{
    return form_valid_in(&f->shape, e->entry, 0, entries_of(f));
}

static void drop_element(struct form *f, uint32_t *link, const struct element *e)
{
    uint32_t name = *link;

    *link = e->next;
    form_give(f, name, element_bytes(f));
    f->elements--;
}

static uint32_t hashed_remove(struct form *f, uint32_t space, uint32_t page, struct form_walk *w)
{
    uint32_t *link, entry;
    struct element *e = find(f, space, page >> f->shape.cluster_bits, &link, w);

    entry = e ? read_entry(f, e, page, w) : 0;
    if (!entry)
        return 0;
    *entry_of(f, e, page) = 0;
    f->count--;
    if (!valid_of(f, e))
        drop_element(f, link, e);
    return entry;
}

/* Take away the elements of a space, or all of them. */
static void drop_elements(struct form *f, uint32_t space, bool all)
{
    for (uint32_t i = 0; i < f->shape.anchors && f->count; i++) {
        uint32_t *link = (uint32_t *)form_at(f, f->root) + i;

        while (*link) {
            struct element *e = form_at(f, *link);

            if (all || e->space == space) {
                f->count -= valid_of(f, e);
                drop_element(f, link, e);
            } else {
                link = &e->next;
            }
        }
    }
}

static void hashed_remove_all(struct form *f, uint32_t space)
{
    drop_elements(f, space, false);
}

static void hashed_end(struct form *f)
{
    drop_elements(f, 0, true);
    form_give(f, f->root, anchors_bytes(f));
}

/* Each translation in a block of its own, whichever space it is in. */
static uint64_t hashed_worst(const struct form *f, uint32_t translations)
{
    return anchors_bytes(f) + (uint64_t)translations * element_bytes(f);
}

/* Whether a key comes again after an element. */
static bool comes_again(const struct form *f, const struct element *e)
{
    for (uint32_t name = e->next; name;) {
        const struct element *other = form_at(f, name);

        if (other->space == e->space && other->block == e->block)
            return true;
        name = other->next;
    }
    return false;
}

static bool hashed_verify(const struct form *f)
{
    uint32_t count = 0, elements = 0;
    const uint32_t *anchor = form_at(f, f->root);
    bool ok = true;

    for (uint32_t i = 0; i < f->shape.anchors; i++)
        for (uint32_t name = anchor[i]; name;) {
            const struct element *e = form_at(f, name);
            uint32_t valid = valid_of(f, e), first = e->block << f->shape.cluster_bits;

            INV("INV-HASHED-1", anchor_of(f, e->space, e->block) == anchor + i && !comes_again(f, e),
                "block %x of space %x in chain %u", e->block, e->space, i);
            INV("INV-HASHED-2", valid, "block %x of space %x is empty", e->block, e->space);
            for (uint32_t p = 0; p < entries_of(f); p++)
                INV("INV-HASHED-5", first + p < form_pages(f) || !e->entry[p], "page %x of space %x",
                    first + p, e->space);
            count += valid;
            name = ++elements > f->elements ? 0 : e->next;
        }
    INV("INV-HASHED-3", count == f->count && elements == f->elements,
        "%u translations in %u elements, there are %u in %u", f->count, f->elements, count, elements);
    INV("INV-HASHED-4", f->bytes == anchors_bytes(f) + f->elements * element_bytes(f),
        "%u bytes, %u elements", f->bytes, f->elements);
    return ok;
}

#define CHAINS(name_, fits_)                                                                                 \
    {                                                                                                        \
        .name = name_, .is_shared = true, .fits_shape = fits_, .start_form = hashed_start,                   \
        .end_form = hashed_end, .insert_page = hashed_insert, .remove_page = hashed_remove,                  \
        .walk_page = hashed_walk, .remove_all = hashed_remove_all, .worst_bytes = hashed_worst,              \
        .verify_form = hashed_verify,                                                                        \
    }

const struct form_type form_hashed = CHAINS("hashed", hashed_only_fits);
const struct form_type form_clustered = CHAINS("clustered", clustered_fits);
