/*
 * Buddy allocator over one zone of frames.
 *
 * Purpose: blocks of 2^order frames, orders 0 to 10, in time that depends on the orders only, and free
 * blocks as large as they can be.
 *
 * A block of order k starts at a multiple of 2^k, so its buddy, the block with which it makes up one of
 * order k + 1, is found by flipping bit k of the frame number. A freed block is merged with its buddy for
 * as long as that is free and whole. A zone may start and end anywhere: a buddy that is not wholly inside
 * the zone is never free, so no block crosses the border. Holes need nothing special, since frames that
 * were never freed are not free.
 *
 * Data: the head of a free block carries FRAME_F_BUDDY and the order and is linked through next and prev
 * of its record. No other frame carries that flag. The records belong to the pool (frame.c); of them this
 * file writes flags, order, next and prev, and only of frames that are free.
 *
 * Locking: the caller's nosleep section (one lock per pool on a multiprocessor).
 *
 * Invariants:
 *   INV-BUDDY-1  a listed block is aligned to its order, lies in the zone, and its head has FRAME_F_BUDDY
 *                and that order
 *   INV-BUDDY-2  the links agree in both directions and lists are as long as blocks[] says
 *   INV-BUDDY-3  bit k of nonempty is set if and only if list k is not empty
 *   INV-BUDDY-4  free is the sum over the lists
 *   INV-BUDDY-5  no two buddies are both free: they would be one block
 *   INV-BUDDY-6  every FRAME_F_BUDDY in the zone heads a listed block, and none lies inside another free
 *                block
 *
 * Failure: buddy_alloc() returns PFN_NONE, which is expected. Freeing a block twice, misaligned or
 * outside the zone is a bug of the caller and panics.
 *
 * Source: Knowlton 1965; Knuth, The Art of Computer Programming 1, 2.5.
 */
#include "mm/buddy.h"
#include "mm/frame.h"

void buddy_init(struct buddy *b, struct frame *frames, pfn_t start, pfn_t end)
{
    *b = (struct buddy){.frames = frames, .start = start, .end = end};
}

static void list_push(struct buddy *b, pfn_t pfn, unsigned order)
{
    struct frame *f = &b->frames[pfn];
    pfn_t head = b->head[order];

    f->flags = FRAME_F_BUDDY;
    f->order = (uint8_t)order;
    f->prev = PFN_NONE;
    f->next = head;
    if (head)
        b->frames[head].prev = pfn;
    b->head[order] = pfn;
    b->blocks[order]++;
    b->nonempty |= 1u << order;
}

static void list_remove(struct buddy *b, pfn_t pfn, unsigned order)
{
    struct frame *f = &b->frames[pfn];

    if (f->prev)
        b->frames[f->prev].next = f->next;
    else
        b->head[order] = f->next;
    if (f->next)
        b->frames[f->next].prev = f->prev;
    f->flags = 0;
    if (--b->blocks[order] == 0)
        b->nonempty &= ~(1u << order);
}

static inline bool in_zone(const struct buddy *b, pfn_t pfn, unsigned order)
{
    return pfn >= b->start && pfn < b->end && b->end - pfn >= 1u << order;
}

/* Whether a block is free, as it is: not part of a larger one, not split. */
static inline bool heads_free(const struct buddy *b, pfn_t pfn, unsigned order)
{
    if (!in_zone(b, pfn, order))
        return false;
    const struct frame *f = &b->frames[pfn];
    return (f->flags & FRAME_F_BUDDY) && f->order == order;
}

pfn_t buddy_alloc(struct buddy *b, unsigned order)
{
    uint32_t fitting = b->nonempty >> order << order;

    if (!fitting)
        return PFN_NONE;
    unsigned k = (unsigned)__builtin_ctz(fitting);
    pfn_t pfn = b->head[k];

    list_remove(b, pfn, k);
    while (k > order) {
        k--;
        list_push(b, pfn + (1u << k), k);
    }
    b->free -= 1u << order;
    return pfn;
}

void buddy_free(struct buddy *b, pfn_t pfn, unsigned order)
{
    mm_assert(order < BUDDY_ORDERS, "block at frame %u has order %u", pfn, order);
    mm_assert((pfn & ((1u << order) - 1)) == 0, "block at frame %u of order %u is misaligned", pfn, order);
    mm_assert(in_zone(b, pfn, order), "block at frame %u of order %u, zone [%u, %u)", pfn, order, b->start,
              b->end);
    mm_assert(!(b->frames[pfn].flags & FRAME_F_BUDDY), "frame %u, order %u, is free already", pfn, order);

    b->free += 1u << order;
    while (order < BUDDY_ORDERS - 1 && heads_free(b, pfn ^ (1u << order), order)) {
        list_remove(b, pfn ^ (1u << order), order);
        pfn &= ~(1u << order);
        order++;
    }
    /* Inside a free block there is no free buddy to merge with, so a second free of a part of it ends here.
     */
    for (uint32_t above = b->nonempty >> order >> 1 << 1 << order; above; above &= above - 1) {
        unsigned k = (unsigned)__builtin_ctz(above);
        pfn_t head = pfn >> k << k;
        const struct frame *f = &b->frames[head];

        mm_assert(head < b->start || !(f->flags & FRAME_F_BUDDY) || f->order != k,
                  "frame %u, order %u, is free already, in order %u", pfn, order, k);
    }
    list_push(b, pfn, order);
}

/* One list; adds what it holds to *free. */
static bool verify_list(const struct buddy *b, unsigned order, uint32_t *free)
{
    bool ok = true;
    pfn_t prev = PFN_NONE;
    uint32_t n = 0;

    for (pfn_t pfn = b->head[order]; pfn && n <= b->blocks[order]; n++) {
        INV("INV-BUDDY-1", in_zone(b, pfn, order) && (pfn & ((1u << order) - 1)) == 0,
            "frame %u in list %u, zone [%u, %u)", pfn, order, b->start, b->end);
        if (!ok)
            return false;
        const struct frame *f = &b->frames[pfn];
        INV("INV-BUDDY-1", (f->flags & FRAME_F_BUDDY) && f->order == order,
            "frame %u in list %u: flags %x, order %u", pfn, order, f->flags, f->order);
        INV("INV-BUDDY-2", f->prev == prev, "frame %u in list %u: prev is %u, came from %u", pfn, order,
            f->prev, prev);
        INV("INV-BUDDY-5", order == BUDDY_ORDERS - 1 || !heads_free(b, pfn ^ (1u << order), order),
            "frames %u and %u, order %u", pfn, pfn ^ (1u << order), order);
        *free += 1u << order;
        prev = pfn;
        pfn = f->next;
    }
    INV("INV-BUDDY-2", n == b->blocks[order], "list %u holds %u or more, blocks[] says %u", order, n,
        b->blocks[order]);
    INV("INV-BUDDY-3", (b->head[order] != PFN_NONE) == (b->nonempty >> order & 1),
        "list %u: head %u, nonempty %x", order, b->head[order], b->nonempty);
    return ok;
}

bool buddy_verify(const struct buddy *b)
{
    bool ok = true;
    uint32_t free = 0, found[BUDDY_ORDERS] = {0};
    pfn_t head = PFN_NONE, head_end = PFN_NONE; /* the last free block that the scan met */

    for (unsigned k = 0; k < BUDDY_ORDERS; k++)
        ok &= verify_list(b, k, &free);
    INV("INV-BUDDY-4", b->free == free, "free is %u, the lists hold %u", b->free, free);

    for (pfn_t pfn = b->start; pfn < b->end; pfn++) {
        const struct frame *f = &b->frames[pfn];

        if (!(f->flags & FRAME_F_BUDDY))
            continue;
        INV("INV-BUDDY-6", pfn >= head_end, "frame %u heads a block inside the free block at %u", pfn, head);
        if (f->order >= BUDDY_ORDERS)
            continue; /* it is in no list, which the count shows */
        found[f->order]++;
        head = pfn;
        head_end = pfn + (1u << f->order);
    }
    for (unsigned k = 0; k < BUDDY_ORDERS; k++)
        INV("INV-BUDDY-6", found[k] == b->blocks[k], "%u frames head a block of order %u, listed are %u",
            found[k], k, b->blocks[k]);
    return ok;
}
