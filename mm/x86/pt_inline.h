/*
 * The hot half of pt.h. Included by it.
 *
 * What guards a field, by the letter in its comment:
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_X86_PT_INLINE_H
#define MM_X86_PT_INLINE_H

#include "mm/layout.h"
#include "mm/x86/tlb.h"

/* The root that the processor uses; NULL: the kernel's. Written by pt_activate() and pt_switch(). */
extern struct pt *pt_loaded; /* (n) */

static inline struct pt *pt_active(void)
{
    return pt_loaded;
}

static inline void pt_switch(struct pt *pt)
{
    pt_loaded = pt;
    tlb_load_root(pt->root);
}

/* pt_set() found a stale translation: flush it if the processor can have it. */
void pt_stale(struct pt *pt, vaddr_t va, const struct frame *table);
/* An entry that named a slot, or names no frame any more, was changed: keep the count of slots, and see
 * whether the table is idle now. */
void pt_count_slot(struct pt *pt, struct frame *table, pte_t old, pte_t value);
/* The rest of pt_set() if the new value, which is stored already, names no frame. */
void pt_set_none(struct pt *pt, vaddr_t va, struct frame *table, pte_t old, pte_t value);

/* pt_next_span() where there is more than one span, and the first has no table. */
vaddr_t pt_next_span_slow(const struct pt *pt, vaddr_t va, vaddr_t end);
/* The next span whose table is out, or is not. */
vaddr_t pt_next_of_kind(const struct pt *pt, vaddr_t va, vaddr_t end, bool out);

static inline vaddr_t pt_next_span(const struct pt *pt, vaddr_t va, vaddr_t end)
{
    if (va < end && pt->top[va >> PT_SPAN_SHIFT])
        return PT_SPAN_DOWN(va);
    return va >> PT_SPAN_SHIFT == (end - 1) >> PT_SPAN_SHIFT ? end : pt_next_span_slow(pt, va, end);
}

static inline vaddr_t pt_next_resident(const struct pt *pt, vaddr_t va, vaddr_t end)
{
    return likely(!pt->out) ? pt_next_span(pt, va, end) : pt_next_of_kind(pt, va, end, false);
}

static inline struct frame *pt_resident_table(const struct pt *pt, vaddr_t va)
{
    mm_assert(va < USER_END, "address %x is the kernel's", va);

    pde_t pde = pt->top[va >> PT_SPAN_SHIFT];

    return pde & PT_PRESENT ? pfn_frame(pt->pool, pde >> PAGE_SHIFT) : NULL;
}

static inline pte_t *pt_table_entries(const struct frame_pool *pool, const struct frame *table)
{
    return frame_ptr(pool, frame_pfn(pool, table));
}

static inline pte_t *pt_resident_entry(const struct pt *pt, vaddr_t va)
{
    pde_t pde = pt->top[va >> PT_SPAN_SHIFT];

    if (unlikely(!(pde & PT_PRESENT)))
        return NULL;
    return (pte_t *)frame_ptr(pt->pool, pde >> PAGE_SHIFT) + (va >> PAGE_SHIFT & (PT_TABLE_ENTRIES - 1));
}

static inline enum pt_span pt_resident_span(const struct pt *pt, vaddr_t va)
{
    pde_t pde = pt->top[va >> PT_SPAN_SHIFT];

    if (pde & PT_WRITE) /* INV-PT-3 */
        return PT_OWN;
    return pfn_frame(pt->pool, pde >> PAGE_SHIFT)->maps > 1 ? PT_SHARED : PT_OWN;
}

static inline enum pt_span pt_span(const struct pt *pt, vaddr_t va)
{
    pde_t pde = pt->top[va >> PT_SPAN_SHIFT];

    if (unlikely(!(pde & PT_PRESENT)))
        return pde ? PT_OUT : PT_NONE;
    return pt_resident_span(pt, va);
}

static inline bool pt_is_out(const struct pt *pt, vaddr_t va)
{
    return unlikely(pt->out) && pt_span(pt, va) == PT_OUT;
}

static inline slot_t pt_out_slot(const struct pt *pt, vaddr_t va)
{
    return pde_slot(pt->top[va >> PT_SPAN_SHIFT]);
}

static inline pde_t pt_directory(const struct pt *pt, vaddr_t va)
{
    return pt->top[va >> PT_SPAN_SHIFT];
}

static inline bool pt_span_settled(const struct pt *pt, vaddr_t va)
{
    pde_t pde = pt->top[va >> PT_SPAN_SHIFT];

    return !pde || (pde & (PT_PRESENT | PT_WRITE)) == (PT_PRESENT | PT_WRITE);
}

static inline bool pt_span_readonly(const struct pt *pt, vaddr_t va)
{
    return (pt->top[va >> PT_SPAN_SHIFT] & (PT_PRESENT | PT_WRITE)) == PT_PRESENT;
}

static inline struct pt_view pt_view(const struct pt *pt, vaddr_t va)
{
    pde_t pde = pt->top[va >> PT_SPAN_SHIFT];
    struct pt_view v = {NULL, PT_OWN, false};

    if (unlikely(!(pde & PT_PRESENT))) {
        v.span = pde ? PT_OUT : PT_NONE;
        return v;
    }
    v.entry = (pte_t *)frame_ptr(pt->pool, pde >> PAGE_SHIFT) + (va >> PAGE_SHIFT & (PT_TABLE_ENTRIES - 1));
    if (unlikely(!(pde & PT_WRITE))) { /* INV-PT-3 */
        v.is_readonly = true;
        v.span = pfn_frame(pt->pool, pde >> PAGE_SHIFT)->maps > 1 ? PT_SHARED : PT_OWN;
    }
    return v;
}

/* The bit of an entry's group in its table's frame. */
static inline uint32_t pt_group(vaddr_t va)
{
    return 1u << (va >> (PAGE_SHIFT + PT_GROUP_SHIFT) & 31);
}

static inline void pt_set(struct pt *pt, vaddr_t va, pte_t *e, pte_t value)
{
    struct frame *table = pfn_frame(pt->pool, ptr_pfn(pt->pool, e));
    pte_t old = *e;

    *e = value;
    if (unlikely(!pte_has_frame(value))) {
        pt_set_none(pt, va, table, old, value);
    } else if (pte_empty(old)) {
        table->index |= pt_group(va);
        table->used++;
    } else if (!pte_present(old)) {
        if (pte_is_swap(old))
            pt_count_slot(pt, table, old, value);
    } else if ((old.raw & ~value.raw) || (old.raw ^ value.raw) >> PAGE_SHIFT) {
        /* One that only gained rights needs no flush: the processor walks again before it faults. */
        pt_stale(pt, va, table);
    }
}

static inline void pt_filled(struct pt *pt, vaddr_t va, uint32_t n, uint32_t filled)
{
    struct frame *table = pt_resident_table(pt, va);

    table->index |= pt_group(va) | pt_group(va + (vaddr_t)((n - 1) << PAGE_SHIFT));
    table->used = (uint16_t)(table->used + filled);
}

/* A root has maps and no entries that are counted, a table of the kernel's half no maps. */
static inline bool pt_may_look(const struct frame *f)
{
    return f->use == FRAME_TABLE && f->maps && f->used;
}

static inline uint32_t pt_next_entry(const struct frame *table, const pte_t *e, uint32_t i)
{
    for (; i < PT_TABLE_ENTRIES; i++) {
        if (!(i & ((1u << PT_GROUP_SHIFT) - 1))) {
            uint32_t groups = table->index >> (i >> PT_GROUP_SHIFT);

            if (!groups)
                return PT_TABLE_ENTRIES;
            i += (uint32_t)__builtin_ctz(groups) << PT_GROUP_SHIFT;
        }
        if (e[i].raw)
            return i;
    }
    return i;
}

static inline __attribute__((always_inline)) uint32_t
pt_each_entry(const struct frame *table, pte_t *entries, void (*fn)(pte_t *e, void *arg), void *arg)
{
    uint32_t n = 0;

    for (uint32_t groups = table->index; groups; groups &= groups - 1) {
        pte_t *e = entries + ((uint32_t)__builtin_ctz(groups) << PT_GROUP_SHIFT);

        for (const pte_t *stop = e + (1u << PT_GROUP_SHIFT); e < stop; e += 4) {
            if (!(e[0].raw | e[1].raw | e[2].raw | e[3].raw))
                continue;
#pragma GCC unroll 4
            for (unsigned k = 0; k < 4; k++) {
                if (!e[k].raw)
                    continue;
                fn(e + k, arg);
                n++;
            }
        }
    }
    return n;
}

static inline __attribute__((always_inline)) void pt_each_pair(const struct frame *table, pte_t *entries,
                                                               pte_t *others,
                                                               void (*fn)(pte_t *e, pte_t *other, void *arg),
                                                               void *arg)
{
    enum { GROUP = 1 << PT_GROUP_SHIFT };

    for (uint32_t groups = table->index; groups; groups >>= 1) {
        unsigned skip = (unsigned)__builtin_ctz(groups);

        groups >>= skip;
        entries += skip * GROUP;
        others += skip * GROUP;
#pragma GCC unroll 8
        for (unsigned i = 0; i < GROUP; i += 4) {
            if (!(entries[i].raw | entries[i + 1].raw | entries[i + 2].raw | entries[i + 3].raw))
                continue;
#pragma GCC unroll 4
            for (unsigned k = i; k < i + 4; k++)
                fn(entries + k, others + k, arg);
        }
        entries += GROUP;
        others += GROUP;
    }
}

#endif
