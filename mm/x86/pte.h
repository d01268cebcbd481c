/*
 * The bits of a 32-bit two-level entry (Intel SDM vol. 3A, 4.3). Only mm/x86/
 * and, through these functions, the users of pt.h see them.
 *
 *   P = 1                          present: a frame, with the hardware's bits
 *   P = 0, bit 2 set, bit 9 clear  held: a frame that its region lets nobody touch (PROT_NONE)
 *   P = 0, bit 2 set, bit 9 set    parked: a frame that is set aside, or whose next use somebody wants to see
 *   P = 0, bit 2 clear, != 0       a swap slot, in bits 3 to 31
 *   0                              empty
 *
 * Bit 2 is the hardware's "user", which every present entry of a space has. A parked entry keeps write,
 * accessed and dirty where the hardware has them, so it is put back with one OR; a held one has lost write.
 *
 * A directory entry of the user half with P = 0 that is not 0 says that its table is out, and names the slot
 * as a swap entry does.
 */
#ifndef MM_X86_PTE_H
#define MM_X86_PTE_H

#include "mm/types.h"

/* What pte_make() takes. They are the hardware's bits, so that making an entry is one OR. */
enum {
    PT_PRESENT = 1 << 0,
    PT_WRITE = 1 << 1,
    PT_USER = 1 << 2,
    PT_WRITE_THROUGH = 1 << 3,
    PT_UNCACHED = 1 << 4,
    PT_ACCESSED = 1 << 5,
    PT_DIRTY = 1 << 6,
    PT_LARGE = 1 << 7, /* in a directory: 4 MiB page */
    PT_GLOBAL = 1 << 8,
    PT_PARKED = 1 << 9,     /* free for software; never in a present entry */
    PT_USED_ONCE = 1 << 10, /* free for software: see below */
    PT_UNLOOKED = 1 << 11,  /* free for software: see below */
};

/*
 * Two read the accessed bit and take it away, each for itself: the policy, and who looks on (look.c). Who
 * takes it leaves word for the other: PT_USED_ONCE is a use that the policy has not seen yet, PT_UNLOOKED one
 * that who looks on has not. So a policy sees what it would see alone.
 */

#define PT_FRAME      PT_USER /* in an entry of a space: it names a frame */
#define PT_SLOT_SHIFT 3
#define PTE_NONE      ((pte_t){0})

/* An entry, from memory, so that no register has to hold it until it is used again. */
static inline pte_t pte_read(const pte_t *e)
{
    return (pte_t){READ_ONCE(e->raw)};
}

/* The bits, for people. */
static inline uint32_t pte_bits(pte_t e)
{
    return e.raw;
}

static inline bool pte_empty(pte_t e)
{
    return e.raw == 0;
}

static inline bool pte_present(pte_t e)
{
    return e.raw & PT_PRESENT;
}

/* Present, held or parked: its page is in memory. Of an entry of a space. */
static inline bool pte_has_frame(pte_t e)
{
    return e.raw & (PT_PRESENT | PT_FRAME);
}

static inline bool pte_held(pte_t e)
{
    return (e.raw & (PT_PRESENT | PT_FRAME | PT_PARKED)) == PT_FRAME;
}

static inline bool pte_parked(pte_t e)
{
    return (e.raw & (PT_PRESENT | PT_FRAME | PT_PARKED)) == (PT_FRAME | PT_PARKED);
}

static inline bool pte_is_swap(pte_t e)
{
    return e.raw && !pte_has_frame(e);
}

static inline pfn_t pte_pfn(pte_t e)
{
    return e.raw >> PAGE_SHIFT;
}

static inline slot_t pte_slot(pte_t e)
{
    return e.raw >> PT_SLOT_SHIFT;
}

/* Of a present entry or a parked one; false of all others. */
static inline bool pte_writable(pte_t e)
{
    return e.raw & PT_WRITE;
}

static inline bool pte_accessed(pte_t e)
{
    return e.raw & (PT_ACCESSED | PT_USED_ONCE);
}

/* The same for who looks on. */
static inline bool pte_unlooked(pte_t e)
{
    return e.raw & (PT_ACCESSED | PT_UNLOOKED);
}

static inline bool pte_dirty(pte_t e)
{
    return e.raw & PT_DIRTY;
}

static inline pte_t pte_make(pfn_t pfn, unsigned flags)
{
    return (pte_t){pfn << PAGE_SHIFT | flags | PT_PRESENT};
}

/* The same entry, with another frame. Of one that names frame 0. */
static inline pte_t pte_with_pfn(pte_t e, pfn_t pfn)
{
    return (pte_t){e.raw | pfn << PAGE_SHIFT};
}

static inline pte_t pte_make_swap(slot_t slot)
{
    return (pte_t){slot << PT_SLOT_SHIFT};
}

static inline pte_t pte_readonly(pte_t e)
{
    return (pte_t){e.raw & ~(uint32_t)PT_WRITE};
}

static inline pte_t pte_with_write(pte_t e)
{
    return (pte_t){e.raw | PT_WRITE | PT_ACCESSED | PT_DIRTY};
}

static inline pte_t pte_old(pte_t e)
{
    return (pte_t){(e.raw & ~(uint32_t)(PT_ACCESSED | PT_USED_ONCE)) |
                   (e.raw & PT_ACCESSED) * (PT_UNLOOKED / PT_ACCESSED)};
}

/* The same when who looks on has seen it. */
static inline pte_t pte_looked(pte_t e)
{
    return (pte_t){(e.raw & ~(uint32_t)(PT_ACCESSED | PT_UNLOOKED)) |
                   (e.raw & PT_ACCESSED) * (PT_USED_ONCE / PT_ACCESSED)};
}

static inline pte_t pte_clean(pte_t e)
{
    return (pte_t){e.raw & ~(uint32_t)PT_DIRTY};
}

/* Whether the processor has used a present entry since this bit was last cleared. */
static inline bool pte_marked(pte_t e)
{
    return e.raw & PT_ACCESSED;
}

/* The same entry with the bit clear; for the policy and for who looks on it stays one that was used. */
static inline pte_t pte_unmark(pte_t e)
{
    return (pte_t){(e.raw & ~(uint32_t)PT_ACCESSED) |
                   (e.raw & PT_ACCESSED) * ((PT_USED_ONCE | PT_UNLOOKED) / PT_ACCESSED)};
}

/* Of a present entry or a parked one. */
static inline pte_t pte_hold(pte_t e)
{
    return (pte_t){e.raw & ~(uint32_t)(PT_PRESENT | PT_WRITE | PT_PARKED)};
}

/* A directory entry: out, and the slot of its table. */
static inline bool pde_is_out(pde_t e)
{
    return e && !(e & PT_PRESENT);
}

static inline slot_t pde_slot(pde_t e)
{
    return e >> PT_SLOT_SHIFT;
}

static inline pde_t pde_make_out(slot_t slot)
{
    return slot << PT_SLOT_SHIFT;
}

/* Present and read-only again. */
static inline pte_t pte_unhold(pte_t e)
{
    return (pte_t){e.raw | PT_PRESENT};
}

/* Of a present entry: it keeps what it allows and what was done through it. */
static inline pte_t pte_park(pte_t e)
{
    return (pte_t){(e.raw & ~(uint32_t)PT_PRESENT) | PT_PARKED};
}

/* Present again, though nobody uses it now. */
static inline pte_t pte_unpark_idle(pte_t e)
{
    return (pte_t){(e.raw & ~(uint32_t)PT_PARKED) | PT_PRESENT};
}

/* Present again, and about to be used. */
static inline pte_t pte_unpark(pte_t e)
{
    return (pte_t){(e.raw & ~(uint32_t)PT_PARKED) | PT_PRESENT | PT_ACCESSED};
}

#endif
