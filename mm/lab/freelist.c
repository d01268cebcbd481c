/*
 * The textbook's allocator: a free list in the memory that it hands out.
 *
 * Purpose: show and measure how variable-sized memory is managed, with each of the rules that textbooks name,
 * and find the mistakes that programs make with it.
 *
 *     offset 0       16        40             72         96
 *            +--------+---------+--------------+----------+----
 *            | header | what    | size   next  | header   | ...
 *            | size   | program | 32     200   | size     |
 *            | magic  | has     | (free)       | magic    |
 *            +--------+---------+--------------+----------+----
 *
 * A free block begins with a node: its size, and the offset of the next free block. The list costs no memory
 * of its own, but a block can be no smaller than a node, which is the unit of all sizes. A block that is
 * handed out begins with a header: the size that was asked for, and a magic number, which is mixed with the
 * block's offset so that a copy elsewhere is none. When a block is freed its node takes the header's place,
 * so no magic number is left behind.
 *
 * Allocation looks through the list from its first block (next fit: from where it was last), takes one that
 * is large enough and cuts off its front what it needs. The rest stays where it is in the list. Best and
 * worst fit look at all; of equal ones the first in the list is taken.
 *
 * A freed block is put at the front, at the back, or at the back and the list is sorted, stably: by
 * address, by size up or down. Splitting leaves a list by size unsorted until the next free. Coalescing is
 * one pass over the list that joins a block to the one before it in the list, if it starts where that ends
 * (by address only the new one's neighbours need a look). So only a list by address always finds both
 * neighbours; others leave pieces, which is what is to be seen.
 *
 * Bad frees have names. The quick way trusts a header with the right magic number; only if that is wrong, the
 * memory is walked from its beginning, header by header, to say what the address is.
 *
 * Data: the struct, and the memory that its owner gave. Nothing in the memory is trusted when it is walked: a
 * program can write to it. A list that is broken refuses to work.
 *
 * Locking: each function is one nosleep section.
 *
 * Invariants, checked by freelist_verify():
 *   INV-FREELIST-1  a node lies in the memory, in whole units; the list has `nodes` of them and ends
 *   INV-FREELIST-2  nodes and blocks cover the memory without gap or overlap (without headers: nodes do not
 *                   overlap)
 *   INV-FREELIST-3  free is the sum of the nodes, taken of the blocks, blocks their number; free and taken
 *                   make size
 *   INV-FREELIST-4  a list by address is in order
 *   INV-FREELIST-5  with coalescing and by address no two free blocks are neighbours
 *   INV-FREELIST-6  the rover is FREELIST_NONE or in the list
 *   INV-FREELIST-7  the bytes between what was asked for and the block's end are as they were laid
 *
 * Failure: NULL when nothing fits; a bad free is named and does nothing.
 *
 * Source: Arpaci-Dusseau, Operating Systems: Three Easy Pieces, "Free-Space Management"; Knuth, The Art of
 * Computer Programming 1, 2.5; Wilson and others, "Dynamic Storage Allocation: A Survey", 1995.
 */
#include "mm/lab/freelist.h"

#define MAGIC 0xB10C5EEDu
#define GUARD 0xFDu

struct node {
    uint32_t size, next;
};
struct header {
    uint32_t size; /* as asked for */
    uint32_t magic;
};
_Static_assert(sizeof(struct node) == FREELIST_UNIT && sizeof(struct header) == FREELIST_UNIT,
               "a header becomes a node");

static struct node *node_at(const struct freelist *l, uint32_t at)
{
    return (struct node *)(l->memory + at);
}

static struct header *header_at(const struct freelist *l, uint32_t at)
{
    return (struct header *)(l->memory + at);
}

static bool in_units(uint32_t n)
{
    return n % FREELIST_UNIT == 0;
}

/* Whether a free block can be at an offset. */
static bool is_sound(const struct freelist *l, uint32_t at)
{
    if (at >= l->size || !in_units(at))
        return false;
    uint32_t size = node_at(l, at)->size;
    return size && in_units(size) && size <= l->size - at;
}

static void link_after(struct freelist *l, uint32_t prev, uint32_t at)
{
    if (prev == FREELIST_NONE)
        l->first = at;
    else
        node_at(l, prev)->next = at;
}

uint32_t freelist_node(const struct freelist *l, uint32_t at, uint32_t *next)
{
    *next = node_at(l, at)->next;
    return node_at(l, at)->size;
}

uint32_t freelist_block_size(const struct freelist *l, uint32_t size)
{
    uint32_t align = l->rules.align ? l->rules.align : FREELIST_UNIT;
    uint64_t whole = ((uint64_t)size + l->rules.guard + align - 1) / align * align;

    whole = (whole + FREELIST_UNIT - 1) / FREELIST_UNIT * FREELIST_UNIT + l->rules.header;
    return whole < FREELIST_MOST ? (uint32_t)whole : 0;
}

int freelist_init(struct freelist *l, void *memory, uint32_t size, const struct freelist_rules *rules)
{
    if ((uintptr_t)memory % FREELIST_UNIT || !in_units(size) || !size || size > FREELIST_MOST ||
        rules->fit >= FREELIST_FITS || rules->order >= FREELIST_ORDERS || !in_units(rules->header) ||
        rules->header > FREELIST_MOST || rules->align > FREELIST_MOST || rules->guard > FREELIST_MOST)
        return -EINVAL;
    *l = (struct freelist){
        .memory = memory, .rules = *rules, .size = size, .rover = FREELIST_NONE, .nodes = 1, .free = size};
    *node_at(l, 0) = (struct node){.size = size, .next = FREELIST_NONE};
    return 0;
}

/* --- allocation --- */

/* A free block and the one before it in the list. */
struct place {
    uint32_t at, prev;
};

static bool is_better(const struct freelist *l, uint32_t size, uint32_t than)
{
    return l->rules.fit == FREELIST_BEST ? size < than : size > than;
}

/* Look from one block of the list on, until another: improves *found. False: the list is damaged. */
static bool search(struct freelist *l, struct place from, uint32_t until, uint32_t size, struct place *found)
{
    bool takes_first = l->rules.fit == FREELIST_FIRST || l->rules.fit == FREELIST_NEXT;
    uint32_t seen = 0;

    for (struct place p = from; p.at != until && p.at != FREELIST_NONE;) {
        if (!is_sound(l, p.at) || seen++ == l->nodes)
            return false;
        const struct node *n = node_at(l, p.at);

        l->searched++;
        if (n->size >= size &&
            (found->at == FREELIST_NONE || is_better(l, n->size, node_at(l, found->at)->size))) {
            *found = p;
            if (takes_first)
                return true;
        }
        p = (struct place){.at = n->next, .prev = p.at};
    }
    return true;
}

/* The rover, and what is before it in the list. */
static struct place rover_place(const struct freelist *l)
{
    struct place p = {.at = l->first, .prev = FREELIST_NONE};

    for (uint32_t n = 0; p.at != l->rover && p.at != FREELIST_NONE && n < l->nodes && is_sound(l, p.at); n++)
        p = (struct place){.at = node_at(l, p.at)->next, .prev = p.at};
    return p;
}

static bool find(struct freelist *l, uint32_t size, struct place *found)
{
    struct place begin = {.at = l->first, .prev = FREELIST_NONE};
    uint32_t rover = l->rules.fit == FREELIST_NEXT ? l->rover : FREELIST_NONE;

    *found = (struct place){.at = FREELIST_NONE, .prev = FREELIST_NONE};
    if (rover == FREELIST_NONE)
        return search(l, begin, FREELIST_NONE, size, found);
    if (!search(l, rover_place(l), FREELIST_NONE, size, found))
        return false;
    return found->at != FREELIST_NONE || search(l, begin, rover, size, found);
}

/* Cut size bytes off the front of a free block. */
static void take(struct freelist *l, struct place p, uint32_t size)
{
    struct node n = *node_at(l, p.at);
    uint32_t rest = n.next;

    if (n.size > size) {
        rest = p.at + size;
        *node_at(l, rest) = (struct node){.size = n.size - size, .next = n.next};
    } else {
        l->nodes--;
    }
    link_after(l, p.prev, rest);
    l->rover = l->rules.fit == FREELIST_NEXT ? rest : FREELIST_NONE;
    l->free -= size;
    l->taken += size;
    l->blocks++;
}

void *freelist_alloc(struct freelist *l, uint32_t size)
{
    uint32_t whole = freelist_block_size(l, size);
    struct place p;

    if (!size || !whole || !find(l, whole, &p) || p.at == FREELIST_NONE)
        return NULL;
    take(l, p, whole);
    if (l->rules.header)
        *header_at(l, p.at) = (struct header){.size = size, .magic = MAGIC ^ p.at};

    uint8_t *block = l->memory + p.at + l->rules.header;

    memset(block + size, GUARD, whole - l->rules.header - size);
    return block;
}

/* --- freeing --- */

/* Whether b has to stand before a, which is before it now. */
static bool is_before(const struct freelist *l, uint32_t b, uint32_t a)
{
    uint32_t sa = node_at(l, a)->size, sb = node_at(l, b)->size;

    switch (l->rules.order) {
    case FREELIST_ADDRESS:
        return b < a;
    case FREELIST_SIZE_UP:
        return sb < sa;
    default:
        return sb > sa;
    }
}

/* Take the sorted run at the start of a list off it. What is left. */
static uint32_t cut_run(struct freelist *l, uint32_t at)
{
    uint32_t next;

    while ((next = node_at(l, at)->next) != FREELIST_NONE && !is_before(l, next, at)) {
        at = next;
        l->walked++;
    }
    node_at(l, at)->next = FREELIST_NONE;
    return next;
}

/* Join two sorted runs behind a block; of equal ones those of a come first. The last block. */
static uint32_t merge(struct freelist *l, uint32_t last, uint32_t a, uint32_t b)
{
    while (a != FREELIST_NONE || b != FREELIST_NONE) {
        bool takes_b = a == FREELIST_NONE || (b != FREELIST_NONE && is_before(l, b, a));
        uint32_t at = takes_b ? b : a;

        if (takes_b)
            b = node_at(l, at)->next;
        else
            a = node_at(l, at)->next;
        link_after(l, last, at);
        last = at;
        l->walked++;
    }
    return last;
}

/* Sort the list, stably: runs that are in order are merged in pairs until there is one. */
static void sort(struct freelist *l)
{
    uint32_t runs;

    do {
        uint32_t rest = l->first, last = FREELIST_NONE;

        for (runs = 0; rest != FREELIST_NONE; runs++) {
            uint32_t a = rest, b = cut_run(l, a);

            rest = b == FREELIST_NONE ? b : cut_run(l, b);
            last = merge(l, last, a, b);
        }
    } while (runs > 1);
}

/* The block of the list after which a freed one comes first: the last one, by address the last before it;
 * FREELIST_NONE: at the front. False: the list is damaged. */
static bool find_place(struct freelist *l, uint32_t at, uint32_t *prev)
{
    uint32_t limit = l->rules.order == FREELIST_ADDRESS ? at : FREELIST_NONE, seen = 0;

    *prev = FREELIST_NONE;
    if (l->rules.order == FREELIST_FRONT)
        return true;
    for (uint32_t i = l->first; i != FREELIST_NONE && i < limit; i = node_at(l, i)->next) {
        if (!is_sound(l, i) || seen++ == l->nodes)
            return false;
        *prev = i;
        l->walked++;
    }
    return true;
}

/* One pass over the list from one of its blocks on: one that starts where the block before it in the list
 * ends is joined to that. It ends at the first block behind an offset, or where the list is damaged. */
static void coalesce(struct freelist *l, uint32_t from, uint32_t until)
{
    for (uint32_t at = from, seen = 0; at != FREELIST_NONE && seen <= l->nodes;) {
        struct node *a = node_at(l, at);
        uint32_t next = a->next;

        l->walked++;
        if (next == FREELIST_NONE || !is_sound(l, next))
            return;
        if (next != at + a->size) {
            if (at >= until)
                return;
            at = next;
            seen++;
            continue;
        }
        a->size += node_at(l, next)->size;
        a->next = node_at(l, next)->next;
        l->nodes--;
        if (l->rover == next)
            l->rover = at;
    }
}

/* Bytes become a free block, where the order wants it. False: the list is damaged, and nothing was done. */
static bool release(struct freelist *l, uint32_t at, uint32_t size)
{
    bool by_address = l->rules.order == FREELIST_ADDRESS;
    uint32_t prev;

    if (!find_place(l, at, &prev))
        return false;
    *node_at(l, at) =
        (struct node){.size = size, .next = prev == FREELIST_NONE ? l->first : node_at(l, prev)->next};
    link_after(l, prev, at);
    l->nodes++;
    l->free += size;
    if (l->rules.order == FREELIST_SIZE_UP || l->rules.order == FREELIST_SIZE_DOWN)
        sort(l);
    /* By address all but the new one were joined when they came. */
    if (l->rules.coalesce && by_address)
        coalesce(l, prev == FREELIST_NONE ? at : prev, at);
    else if (l->rules.coalesce)
        coalesce(l, l->first, FREELIST_NONE);
    return true;
}

int freelist_grow(struct freelist *l, uint32_t size)
{
    uint32_t at = l->size;

    if (!size || !in_units(size) || size > FREELIST_MOST - l->size)
        return -EINVAL;
    l->size += size;
    if (release(l, at, size))
        return 0;
    l->size = at;
    return -EINVAL;
}

/* Whether the bytes behind what was asked for are as they were laid. */
static bool guard_is_whole(const struct freelist *l, uint32_t at, uint32_t size)
{
    uint32_t end = at + freelist_block_size(l, size);

    for (uint32_t i = at + l->rules.header + size; i < end; i++)
        if (l->memory[i] != GUARD)
            return false;
    return true;
}

/* Whether a header at an offset, which lies in the memory, is one. */
static bool is_header(const struct freelist *l, uint32_t at)
{
    const struct header *h = header_at(l, at);

    if (h->magic != (MAGIC ^ at) || !h->size)
        return false;
    uint32_t whole = freelist_block_size(l, h->size);
    return whole && whole <= l->size - at;
}

/* The offset of the block that a program calls p; FREELIST_NONE: none can be there. */
static uint32_t offset_of(const struct freelist *l, const void *p)
{
    uintptr_t offset = (uintptr_t)p - (uintptr_t)l->memory;

    if (offset < l->rules.header || offset >= l->size)
        return FREELIST_NONE;
    offset -= l->rules.header;
    return in_units((uint32_t)offset) ? (uint32_t)offset : FREELIST_NONE;
}

static enum freelist_bad release_block(struct freelist *l, uint32_t at, uint32_t size)
{
    uint32_t whole = freelist_block_size(l, size);

    if (!guard_is_whole(l, at, size))
        return FREELIST_OVERRUN;
    if (!release(l, at, whole))
        return FREELIST_DAMAGED;
    l->taken -= whole;
    l->blocks--;
    return FREELIST_GOOD;
}

enum freelist_bad freelist_free(struct freelist *l, void *p)
{
    uint32_t at = offset_of(l, p);

    if (!p)
        return FREELIST_GOOD;
    if (at == FREELIST_NONE || !l->rules.header || !is_header(l, at))
        return freelist_check(l, p);
    return release_block(l, at, header_at(l, at)->size);
}

/* Whether the list can be followed. */
static bool list_is_sound(const struct freelist *l)
{
    uint32_t n = 0;

    for (uint32_t at = l->first; at != FREELIST_NONE; at = node_at(l, at)->next)
        if (n++ == l->nodes || !is_sound(l, at))
            return false;
    return n == l->nodes;
}

/* Whether one of these bytes is free. */
static bool touches_free(const struct freelist *l, uint32_t start, uint32_t end)
{
    for (uint32_t at = l->first; at != FREELIST_NONE; at = node_at(l, at)->next)
        if (at < end && start < at + node_at(l, at)->size)
            return true;
    return false;
}

enum freelist_bad freelist_free_sized(struct freelist *l, void *p, uint32_t size)
{
    uint32_t at = offset_of(l, p), whole = freelist_block_size(l, size);

    if (!p)
        return FREELIST_GOOD;
    if (l->rules.header)
        return freelist_free(l, p);
    if (!list_is_sound(l))
        return FREELIST_DAMAGED;
    if (at == FREELIST_NONE || !size || !whole || whole > l->size - at)
        return FREELIST_NO_BLOCK;
    if (touches_free(l, at, at + whole))
        return FREELIST_TWICE;
    return release_block(l, at, size);
}

/* --- checks --- */

static bool is_listed(const struct freelist *l, uint32_t at)
{
    uint32_t n = 0;

    for (uint32_t i = l->first; i != FREELIST_NONE && n < l->nodes && is_sound(l, i); n++) {
        if (i == at)
            return true;
        i = node_at(l, i)->next;
    }
    return false;
}

/* What follows the block or node at an offset; FREELIST_NONE: it is neither. */
static uint32_t end_of(const struct freelist *l, uint32_t at)
{
    if (is_listed(l, at))
        return at + node_at(l, at)->size;
    return is_header(l, at) ? at + freelist_block_size(l, header_at(l, at)->size) : FREELIST_NONE;
}

enum freelist_bad freelist_check(const struct freelist *l, const void *p)
{
    uint32_t at = offset_of(l, p), i = 0, end;

    if (!p)
        return FREELIST_GOOD;
    if (!list_is_sound(l))
        return FREELIST_DAMAGED;
    if (at == FREELIST_NONE)
        return FREELIST_NO_BLOCK;
    if (touches_free(l, at + l->rules.header, at + l->rules.header + 1))
        return FREELIST_TWICE;
    if (!l->rules.header)
        return FREELIST_GOOD;
    while (i < at && (end = end_of(l, i)) != FREELIST_NONE)
        i = end;
    if (i < at)
        return FREELIST_DAMAGED;
    if (i > at || is_listed(l, at)) /* a free block of no more than a header's size: p lies behind it */
        return FREELIST_NO_BLOCK;
    end = end_of(l, at);
    if (end == FREELIST_NONE)
        return FREELIST_WRONG_MAGIC;
    if (!guard_is_whole(l, at, header_at(l, at)->size) || (end < l->size && end_of(l, end) == FREELIST_NONE))
        return FREELIST_OVERRUN;
    return FREELIST_GOOD;
}

/* The list alone. Adds up what it holds. */
static bool verify_list(const struct freelist *l, uint32_t *free)
{
    bool ok = true, rover = l->rover == FREELIST_NONE;
    uint32_t n = 0, prev = FREELIST_NONE;

    for (uint32_t at = l->first; at != FREELIST_NONE; at = node_at(l, at)->next) {
        INV("INV-FREELIST-1", n < l->nodes && is_sound(l, at), "block %u of %u is at %x of %x", n, l->nodes,
            at, l->size);
        if (!ok)
            return false;
        INV("INV-FREELIST-4", l->rules.order != FREELIST_ADDRESS || prev == FREELIST_NONE || prev < at,
            "%x follows %x", at, prev);
        INV("INV-FREELIST-5",
            !l->rules.coalesce || l->rules.order != FREELIST_ADDRESS || prev == FREELIST_NONE ||
                prev + node_at(l, prev)->size != at,
            "%x ends where %x starts", prev, at);
        rover |= l->rover == at;
        *free += node_at(l, at)->size;
        prev = at;
        n++;
    }
    INV("INV-FREELIST-1", n == l->nodes, "the list has %u blocks, counted %u", n, l->nodes);
    INV("INV-FREELIST-6", rover, "the rover is at %x, where no free block is", l->rover);
    return ok;
}

static bool verify_blocks(const struct freelist *l)
{
    bool ok = true;
    uint32_t taken = 0, blocks = 0, end;

    for (uint32_t at = 0; at < l->size; at = end) {
        end = end_of(l, at);
        INV("INV-FREELIST-2", end != FREELIST_NONE, "at %x there is no free block and no header: %x %x", at,
            header_at(l, at)->size, header_at(l, at)->magic);
        if (!ok)
            return false;
        if (is_listed(l, at))
            continue;
        blocks++;
        taken += end - at;
        INV("INV-FREELIST-7", guard_is_whole(l, at, header_at(l, at)->size), "the block at %x was overrun",
            at);
    }
    INV("INV-FREELIST-3", taken == l->taken && blocks == l->blocks, "%u blocks of %x bytes, counted %u of %x",
        blocks, taken, l->blocks, l->taken);
    return ok;
}

bool freelist_verify(const struct freelist *l)
{
    bool ok = true;
    uint32_t free = 0;

    if (!verify_list(l, &free))
        return false;
    for (uint32_t at = l->first; at != FREELIST_NONE; at = node_at(l, at)->next)
        for (uint32_t i = node_at(l, at)->next; i != FREELIST_NONE; i = node_at(l, i)->next)
            INV("INV-FREELIST-2", i + node_at(l, i)->size <= at || at + node_at(l, at)->size <= i,
                "%x and %x overlap", at, i);
    INV("INV-FREELIST-3", free == l->free && l->free + l->taken == l->size,
        "%x bytes are free, counted %x, and %x taken, of %x", free, l->free, l->taken, l->size);
    if (!ok || !l->rules.header)
        return ok;
    return verify_blocks(l);
}

const char *freelist_fit_name(enum freelist_fit fit)
{
    static const char *const names[FREELIST_FITS] = {"best", "worst", "first", "next"};

    return fit < FREELIST_FITS ? names[fit] : "unknown";
}

const char *freelist_order_name(enum freelist_order order)
{
    static const char *const names[FREELIST_ORDERS] = {"address", "size-up", "size-down", "front", "back"};

    return order < FREELIST_ORDERS ? names[order] : "unknown";
}

const char *freelist_bad_name(enum freelist_bad bad)
{
    static const char *const names[FREELIST_BADS] = {"good",        "not a block", "freed twice",
                                                     "wrong magic", "overrun",     "damaged memory"};

    return bad < FREELIST_BADS ? names[bad] : "unknown";
}
