/*
 * The inverted table: an entry for each frame, which says what page has it.
 *
 *     (space, page) -- hash --> anchor --> array:  frame 64 | space, page, value, next |
 *                                                  frame 65 | space, page, value, next | --,
 *                                                  frame 66 |        unused            |   |
 *                                                  frame 67 | space, page, value, next | <-'
 *
 * Purpose. There are only so many frames, however many spaces there are and however large. A table with an
 * entry for each frame has the size of the memory, a quarter to half of a percent of it, and no more; it is
 * the only form whose size is known when the machine is switched on. To find the entry of a page it is hashed
 * to an anchor, which names the first entry of a chain (IBM's System/38 and 801 did so); a translation is
 * found in one access to the anchor and one to each entry on the way.
 *
 * An inverted table says *one* page for a frame. But a frame that is shared, by copy-on-write, by libraries,
 * by the page of zeroes, has many. Machines with such tables did without aliases, and let a fault change the
 * one entry at each turn of those who share. Here the second and later translations of a frame, and those of
 * frames outside the array, have elements of their own, which are taken one by one and linked into the same
 * chains: `elements` counts them, and what they cost can be seen.
 *
 * Data. The anchors, 4 bytes each, and the array are taken with the form. What a link names is odd for the
 * array, 2 * i + 1, and else the name of an element, times two; 0 ends a chain. So names here are below 2^30.
 * An entry is used if its value has FORM_VALID. A new entry is the first of its chain.
 *
 * INV-INVERTED-1  each entry that is used is in one chain, that of its key, and no key is there twice
 * INV-INVERTED-2  an entry of the array has the frame that is its place
 * INV-INVERTED-3  the form's count is the number of entries that are used, elements that of those beside the
 *                 array
 * INV-INVERTED-4  the bytes are those of the anchors, the array and the elements
 * INV-INVERTED-5  no page from form_pages() on has an entry
 *
 * Fails: insertion with -ENOMEM, if it is an alias and there is no memory for an element.
 *
 * Source: Houdek and Mitchell, "Hash index helps manage large virtual memory", 1981 (System/38); Chang and
 * Mergen, "801 storage: architecture and programming", 1988.
 */
#include "mm/forms/form_parts.h"

struct element {
    uint32_t space, page; /* the key */
    uint32_t value;       /* FORM_VALID and the value; 0: the entry is not used */
    uint32_t next;        /* link */
};

static bool inverted_fits(const struct form_shape *s)
{
    return s->anchors && !(s->anchors & (s->anchors - 1)) && s->anchors <= 1u << 28 && s->entry_bytes == 4 &&
           s->frames && s->frames <= 1u << FORM_FRAME_BITS;
}

static uint32_t anchors_bytes(const struct form *f)
{
    return f->shape.anchors * 4;
}

static uint32_t array_bytes(const struct form *f)
{
    return f->shape.frames * (uint32_t)sizeof(struct element);
}

static int inverted_start(struct form *f)
{
    if (!form_take(f, anchors_bytes(f), &f->root))
        return -ENOMEM;
    if (form_take(f, array_bytes(f), &f->array))
        return 0;
    form_give(f, f->root, anchors_bytes(f));
    return -ENOMEM;
}

static struct element *element_at(const struct form *f, uint32_t link)
{
    return link & 1 ? (struct element *)form_at(f, f->array) + (link >> 1) : form_at(f, link >> 1);
}

/* The place in the array of the frame of a value; shape.frames: it has none. */
static uint32_t place_of(const struct form *f, uint32_t value)
{
    pfn_t frame = form_frame(value), first = f->shape.first_frame;

    return frame >= first && frame - first < f->shape.frames ? frame - first : f->shape.frames;
}

static uint32_t *anchor_of(const struct form *f, uint32_t space, uint32_t page)
{
    return (uint32_t *)form_at(f, f->root) + form_hash(space, page, f->shape.anchors);
}

/* The element of a key, or NULL; *at is the link that leads to it. */
static struct element *find(const struct form *f, uint32_t space, uint32_t page, uint32_t **at,
                            struct form_walk *w)
{
    uint32_t *link = anchor_of(f, space, page);

    form_note(w, 4, form_hash(space, page, f->shape.anchors), *link);
    while (*link) {
        struct element *e = element_at(f, *link);

        form_note(w, sizeof *e, *link, e->page);
        if (e->space == space && e->page == page) {
            *at = link;
            return e;
        }
        link = &e->next;
    }
    return NULL;
}

/* Take what a link leads to out of its chain, and empty it. */
static void drop(struct form *f, uint32_t *link)
{
    uint32_t was = *link;
    struct element *e = element_at(f, was);

    *link = e->next;
    f->count--;
    if (was & 1) {
        *e = (struct element){0};
    } else {
        form_give(f, was >> 1, sizeof *e);
        f->elements--;
    }
}

/* The link of an unused entry for a value: in the array, if its place is free; 0: there is no memory. */
static uint32_t take_entry(struct form *f, uint32_t value)
{
    uint32_t place = place_of(f, value), name;

    if (place < f->shape.frames && !element_at(f, place << 1 | 1)->value)
        return place << 1 | 1;
    if (!form_take(f, sizeof(struct element), &name))
        return 0;
    if (name >> 30) {
        form_give(f, name, sizeof(struct element));
        return 0;
    }
    f->elements++;
    return name << 1;
}

static uint32_t inverted_walk(const struct form *f, uint32_t space, uint32_t page, struct form_walk *w)
{
    uint32_t *link;
    const struct element *e = find(f, space, page, &link, w);

    return e ? e->value : 0;
}

static int inverted_insert(struct form *f, uint32_t space, uint32_t page, uint32_t value, struct form_walk *w)
{
    uint32_t *old, *anchor, link;
    struct element *e = find(f, space, page, &old, w);

    if (e && form_frame(e->value) == form_frame(value)) {
        e->value = FORM_VALID | value;
        return 0;
    }
    link = take_entry(f, value);
    if (!link)
        return -ENOMEM;
    if (e)
        drop(f, old);
    anchor = anchor_of(f, space, page);
    *element_at(f, link) = (struct element){space, page, FORM_VALID | value, *anchor};
    *anchor = link;
    f->count++;
    return 0;
}

static uint32_t inverted_remove(struct form *f, uint32_t space, uint32_t page, struct form_walk *w)
{
    uint32_t *link, entry;
    const struct element *e = find(f, space, page, &link, w);

    if (!e)
        return 0;
    entry = e->value;
    drop(f, link);
    return entry;
}

/* Take away the entries of a space, or all of them. */
static void drop_entries(struct form *f, uint32_t space, bool all)
{
    for (uint32_t i = 0; i < f->shape.anchors && f->count; i++) {
        uint32_t *link = (uint32_t *)form_at(f, f->root) + i;

        while (*link) {
            struct element *e = element_at(f, *link);

            if (all || e->space == space)
                drop(f, link);
            else
                link = &e->next;
        }
    }
}

static void inverted_remove_all(struct form *f, uint32_t space)
{
    drop_entries(f, space, false);
}

static void inverted_end(struct form *f)
{
    drop_entries(f, 0, true);
    form_give(f, f->array, array_bytes(f));
    form_give(f, f->root, anchors_bytes(f));
}

/* All translations of frames outside the array, or of one inside when it came last. */
static uint64_t inverted_worst(const struct form *f, uint32_t translations)
{
    return anchors_bytes(f) + array_bytes(f) + (uint64_t)translations * sizeof(struct element);
}

/* Whether a key comes again after an element, in a chain of no more than `most`. */
static bool comes_again(const struct form *f, const struct element *e, uint32_t most)
{
    for (uint32_t link = e->next; link && most--;) {
        const struct element *other = element_at(f, link);

        if (other->space == e->space && other->page == e->page)
            return true;
        link = other->next;
    }
    return false;
}

static bool inverted_verify(const struct form *f)
{
    const uint32_t *anchor = form_at(f, f->root);
    const struct element *array = form_at(f, f->array);
    uint32_t count = 0, elements = 0, in_array = 0, used = 0;
    bool ok = true;

    for (uint32_t i = 0; i < f->shape.frames; i++)
        used += array[i].value != 0;
    for (uint32_t i = 0; i < f->shape.anchors; i++)
        for (uint32_t link = anchor[i]; link && count <= f->count;) {
            const struct element *e = element_at(f, link);

            count++;
            INV("INV-INVERTED-1",
                e->value && anchor_of(f, e->space, e->page) == anchor + i && !comes_again(f, e, f->count),
                "page %x of space %x in chain %u", e->page, e->space, i);
            INV("INV-INVERTED-5", e->page < form_pages(f), "page %x of space %x", e->page, e->space);
            if (link & 1) {
                in_array++;
                INV("INV-INVERTED-2", place_of(f, e->value) == link >> 1, "frame %x at place %u",
                    form_frame(e->value), link >> 1);
            } else {
                elements++;
            }
            link = e->next;
        }
    INV("INV-INVERTED-1", in_array == used, "%u entries of the array are used, %u in chains", used, in_array);
    INV("INV-INVERTED-3", count == f->count && elements == f->elements,
        "%u translations, %u beside the array; there are %u and %u", f->count, f->elements, count, elements);
    INV("INV-INVERTED-4",
        f->bytes == anchors_bytes(f) + array_bytes(f) + f->elements * sizeof(struct element),
        "%u bytes, %u elements", f->bytes, f->elements);
    return ok;
}

const struct form_type form_inverted = {
    .name = "inverted",
    .is_shared = true,
    .fits_shape = inverted_fits,
    .start_form = inverted_start,
    .end_form = inverted_end,
    .insert_page = inverted_insert,
    .remove_page = inverted_remove,
    .walk_page = inverted_walk,
    .remove_all = inverted_remove_all,
    .worst_bytes = inverted_worst,
    .verify_form = inverted_verify,
};
