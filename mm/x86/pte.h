/*
 * The bits of a 32-bit two-level entry (Intel SDM vol. 3A, 4.3). Only mm/x86/
 * and, through these functions, the users of pt.h see them.
 *
 *   P = 1                      present: a frame, with the hardware's bits
 *   P = 0, bit 1 set           held: a frame that its region lets nobody touch (PROT_NONE)
 *   P = 0, bit 1 clear, != 0   a swap slot, in bits 2 to 31
 *   0                          empty
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
};

#define PT_HELD  PT_WRITE /* with P = 0 */
#define PTE_NONE ((pte_t){0})

static inline bool pte_empty(pte_t e)
{
    return e.raw == 0;
}

static inline bool pte_present(pte_t e)
{
    return e.raw & PT_PRESENT;
}

/* Present or held. */
static inline bool pte_has_frame(pte_t e)
{
    return e.raw & (PT_PRESENT | PT_HELD);
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
    return e.raw >> 2;
}

/* Of a present entry. */
static inline bool pte_writable(pte_t e)
{
    return e.raw & PT_WRITE;
}

static inline bool pte_accessed(pte_t e)
{
    return e.raw & PT_ACCESSED;
}

static inline bool pte_dirty(pte_t e)
{
    return e.raw & PT_DIRTY;
}

static inline pte_t pte_make(pfn_t pfn, unsigned flags)
{
    return (pte_t){pfn << PAGE_SHIFT | flags | PT_PRESENT};
}

static inline pte_t pte_make_swap(slot_t slot)
{
    return (pte_t){slot << 2};
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
    return (pte_t){e.raw & ~(uint32_t)PT_ACCESSED};
}

static inline pte_t pte_clean(pte_t e)
{
    return (pte_t){e.raw & ~(uint32_t)PT_DIRTY};
}

static inline pte_t pte_hold(pte_t e)
{
    return (pte_t){(e.raw & ~(uint32_t)PT_PRESENT) | PT_HELD};
}

/* Present and read-only again. */
static inline pte_t pte_unhold(pte_t e)
{
    return (pte_t){(e.raw & ~(uint32_t)PT_HELD) | PT_PRESENT};
}

#endif
