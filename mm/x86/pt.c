/*
 * Page tables of the 32-bit two-level format.
 *
 * A root (page directory) names up to 768 user tables, each of which maps a
 * span of 4 MiB with 1024 entries; the upper quarter is the kernel's half, the same
 * in every root (paging.c). Roots and tables are low frames of use FRAME_TABLE,
 * so that they are reached through the direct map.
 *
 * Fork does not copy tables: it lets a second root name them and clears the
 * write bit in both directory entries. The processor ANDs the
 * write bits of the directory and the table, so the first write in the span
 * faults, whatever the table's entry says. The record of the table's frame
 * counts the roots that name it. (Zhao, Gong, Fonseca: On-demand-fork, EuroSys 2021; this
 * kernel does it for every fork and for every reference count.)
 *
 * A shared table may only change in ways that are right for all sharers: a frame
 * goes to its swap slot, or comes back; it is parked, or put back; an object's page is forgotten; a page
 * ends for all of them, since its object was cut or they gave it up before they
 * parted. Anything else needs the table split first (fork.c).
 *
 * TLB: pt_set(), batches and whole-table verbs flush. Only the loaded root can
 * have translations; but a change made through another root matters too if that
 * root shares the table with the loaded one. A translation that was cached while
 * the table was shared is read-only, and splitting keeps the frame that each entry names, so
 * splitting only has to drop cached directory entries, which any invlpg does.
 *
 * Data: struct pt belongs to its space, pt_all and pt_loaded to this file.
 * Locking: nosleep sections.
 *
 * INV-PT-1  a user directory entry is 0 or names a FRAME_TABLE frame below low_end, user-accessible
 * INV-PT-2  used of a table is its number of non-empty entries
 * INV-PT-3  a table that several roots name has a read-only directory entry in each of them
 * INV-PT-4  a present entry is user-accessible, never global, not marked as parked, and it, a held one and
 *           a parked one name frames of the pool
 * INV-PT-7  an entry that is not present and names a frame is held, and then not writable, or parked
 * INV-PT-5  tables of a root counts its user directory entries, and spans has a bit for each
 * INV-PT-6  an entry that is not empty lies in a group whose bit is set in the table's index
 *
 * Source: Intel SDM vol. 3A, chapters 4.3, 4.6 and 4.10.
 */
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/machine.h"
#include "mm/pt.h"
#include "mm/x86/paging.h"
#include "mm/x86/tlb.h"

_Static_assert(PT_USER_SPANS == USER_END >> PT_SPAN_SHIFT, "the user half is whole spans");

#define PDE_USER (PT_PRESENT | PT_USER | PT_ACCESSED)

struct pt *pt_all;
struct pt *pt_loaded;

static pde_t *pde_of(const struct pt *pt, vaddr_t va)
{
    mm_assert(va < USER_END, "address %x is the kernel's", va);
    return &pt->top[va >> PT_SPAN_SHIFT];
}

/* Note that a span has a table now, or has none any more. */
static void mark_span(struct pt *pt, vaddr_t va)
{
    pt->spans[va >> (PT_SPAN_SHIFT + 5)] |= 1u << (va >> PT_SPAN_SHIFT & 31);
    pt->tables++;
}

static void unmark_span(struct pt *pt, vaddr_t va)
{
    pt->spans[va >> (PT_SPAN_SHIFT + 5)] &= ~(1u << (va >> PT_SPAN_SHIFT & 31));
    pt->tables--;
}

static struct frame *pde_table(const struct pt *pt, pde_t pde)
{
    return pfn_frame(pt->pool, pde >> PAGE_SHIFT);
}

int pt_create(struct pt *pt, struct frame_pool *pool)
{
    /* no reclaim: space_create() does it, and tries again */
    struct frame *f = frame_alloc_kernel(pool, FRAME_TABLE, FRAME_LOW_ONLY);

    if (!f)
        return -ENOMEM;
    f->maps = 1;
    *pt = (struct pt){.pool = pool, .root = frame_pfn(pool, f), .next = pt_all};
    pt->top = frame_ptr(pool, pt->root);
    pt_root_init(pt->top);
    if (pt_all)
        pt_all->prev = pt;
    pt_all = pt;
    return 0;
}

void pt_destroy(struct pt *pt)
{
    struct frame *f = pfn_frame(pt->pool, pt->root);

    mm_assert(pt->tables == 0, "root %u still names %u tables", pt->root, pt->tables);
    mm_assert(pt != pt_loaded, "root %u is loaded", pt->root);
    if (pt->prev)
        pt->prev->next = pt->next;
    else
        pt_all = pt->next;
    if (pt->next)
        pt->next->prev = pt->prev;
    f->maps = 0;
    frame_free(pt->pool, f);
    pt->top = NULL;
}

void pt_activate(struct pt *pt)
{
    if (pt == pt_loaded)
        return;
    pt_loaded = pt;
    tlb_load_root(pt ? pt->root : paging_kernel_root());
}

struct pt *pt_active(void)
{
    return pt_loaded;
}

/* Forget every user translation, if this root can have any in the processor. */
static void flush_all(const struct pt *pt)
{
    if (pt == pt_loaded)
        tlb_load_root(pt->root);
}

void pt_stale(struct pt *pt, vaddr_t va, const struct frame *table)
{
    if (pt == pt_loaded || (table->maps > 1 && pt_loaded))
        tlb_flush_page(va);
}

struct frame *pt_table(const struct pt *pt, vaddr_t va)
{
    pde_t pde = *pde_of(pt, va);

    return pde & PT_PRESENT ? pde_table(pt, pde) : NULL;
}

pte_t *pt_table_entries(const struct frame_pool *pool, const struct frame *table)
{
    return frame_ptr(pool, frame_pfn(pool, table));
}

void pt_add_table(struct pt *pt, vaddr_t va, struct frame *table)
{
    pde_t *pde = pde_of(pt, va);
    pfn_t pfn = frame_pfn(pt->pool, table);

    mm_assert(*pde == 0, "span of %x has entry %x", va, *pde);
    table->maps = 1;
    table->used = 0;
    table->index = 0;
    *pde = pfn << PAGE_SHIFT | PDE_USER | PT_WRITE;
    mark_span(pt, va);
}

uint32_t pt_share_tables(struct pt *dst, struct pt *src)
{
    mm_assert(dst->tables == 0, "root %u has %u tables", dst->root, dst->tables);
    for (uint32_t k = 0; k < PT_USER_SPANS / 32; k++) {
        dst->spans[k] = src->spans[k];
        for (uint32_t left = src->spans[k]; left; left &= left - 1) {
            uint32_t i = k * 32 + (uint32_t)__builtin_ctz(left);
            pde_t pde = src->top[i] & ~(pde_t)PT_WRITE;

            src->top[i] = dst->top[i] = pde;
            pde_table(src, pde)->maps++;
        }
    }
    dst->tables = src->tables;
    flush_all(src);
    return dst->tables;
}

void pt_claim_table(struct pt *pt, vaddr_t va)
{
    pde_t *pde = pde_of(pt, va);

    mm_assert(*pde && pde_table(pt, *pde)->maps == 1, "span of %x, entry %x", va, *pde);
    *pde |= PT_WRITE; /* rights only grow, so no flush is needed */
}

void pt_split_table(struct pt *pt, vaddr_t va, struct frame *copy)
{
    pde_t *pde = pde_of(pt, va);
    struct frame *old = pde_table(pt, *pde);

    mm_assert(*pde && old->maps > 1, "span of %x, entry %x", va, *pde);
    old->maps--;
    copy->maps = 1;
    copy->used = old->used;
    copy->index = old->index;
    *pde = frame_pfn(pt->pool, copy) << PAGE_SHIFT | PDE_USER | PT_WRITE;
    if (pt == pt_loaded)
        tlb_flush_page(va);
}

struct frame *pt_drop_table(struct pt *pt, vaddr_t va)
{
    pde_t *pde = pde_of(pt, va);
    struct frame *table = pde_table(pt, *pde);

    mm_assert(*pde & PT_PRESENT, "span of %x has no table", va);
    *pde = 0;
    unmark_span(pt, va);
    flush_all(pt);
    return --table->maps == 0 ? table : NULL;
}

vaddr_t pt_next_table(const struct pt *pt, vaddr_t va, vaddr_t end)
{
    uint32_t i = va >> PT_SPAN_SHIFT, last = (end + PT_SPAN - 1) >> PT_SPAN_SHIFT;
    uint32_t word;

    if (i >= last)
        return end;
    word = pt->spans[i / 32] & ~0u << (i & 31);
    for (i &= ~31u; !word; word = pt->spans[i / 32]) {
        i += 32;
        if (i >= last)
            return end;
    }
    i += (uint32_t)__builtin_ctz(word);
    return i < last ? (vaddr_t)i << PT_SPAN_SHIFT : end;
}

bool pt_test_clear_accessed(struct pt *pt, vaddr_t va, pte_t *e)
{
    if (!pte_accessed(*e))
        return false;
    pt_set(pt, va, e, pte_old(*e)); /* without the flush the processor would not set the bit again */
    return true;
}

void pt_batch_begin(struct pt_batch *b, struct pt *pt)
{
    b->pt = pt;
    b->count = 0;
}

void pt_batch_set(struct pt_batch *b, vaddr_t va, pte_t *e, pte_t value)
{
    struct frame *table = pfn_frame(b->pt->pool, ptr_pfn(b->pt->pool, e));
    pte_t old = *e;

    *e = value;
    table->index |= pt_group(va);
    table->used = (uint16_t)(table->used + !pte_empty(value) - !pte_empty(old));
    if (!pte_present(old))
        return;
    if (b->count < PT_BATCH_PAGES)
        b->va[b->count] = va;
    b->count++;
}

void pt_batch_end(struct pt_batch *b)
{
    if (b->pt != pt_loaded)
        return;
    if (b->count > PT_BATCH_PAGES) {
        flush_all(b->pt);
        return;
    }
    for (uint32_t i = 0; i < b->count; i++)
        tlb_flush_page(b->va[i]);
}

/* The first entry of [e, stop) that is not empty, or stop. */
static inline pte_t *skip_empty(pte_t *e, const pte_t *stop)
{
    while (stop - e >= 4 && !(e[0].raw | e[1].raw | e[2].raw | e[3].raw))
        e += 4;
    while (e < stop && pte_empty(*e))
        e++;
    return e;
}

unsigned pt_take_entries(struct pt *pt, vaddr_t *va, vaddr_t end, pte_t *old, unsigned max)
{
    if (*va >= end)
        return 0;

    pte_t *e = pt_entry(pt, *va), *first = e;
    const pte_t *stop = e + ((end - *va) >> PAGE_SHIFT);
    struct frame *table = pfn_frame(pt->pool, ptr_pfn(pt->pool, e));
    vaddr_t stale[PT_BATCH_PAGES];
    uint32_t present = 0;
    unsigned n = 0;

    if (max > table->used)
        max = table->used;
    while (n < max) {
        if (e < stop && pte_empty(*e))
            e = skip_empty(e, stop);
        if (e == stop)
            break;

        pte_t was = *e;

        old[n++] = was;
        *e = PTE_NONE;
        if (pte_present(was)) {
            if (present < PT_BATCH_PAGES)
                stale[present] = *va + ((vaddr_t)(e - first) << PAGE_SHIFT);
            present++;
        }
        e++;
    }
    table->used = (uint16_t)(table->used - n);
    *va += (vaddr_t)(e - first) << PAGE_SHIFT;
    if (present && pt == pt_loaded) {
        if (present > PT_BATCH_PAGES)
            flush_all(pt);
        else
            while (present > 0)
                tlb_flush_page(stale[--present]);
    }
    return n;
}

void pt_move_table(struct pt *pt, vaddr_t from, vaddr_t to)
{
    pde_t *src = pde_of(pt, from), *dst = pde_of(pt, to);

    mm_assert(*src & PT_PRESENT && pde_table(pt, *src)->maps == 1 && !*dst,
              "from %x to %x: entries %x and %x", from, to, *src, *dst);
    *dst = *src;
    *src = 0;
    mark_span(pt, to);
    unmark_span(pt, from);
    flush_all(pt);
}

bool pt_verify(const struct pt *pt)
{
    const struct frame_pool *p = pt->pool;
    bool ok = true;
    uint32_t tables = 0;

    for (uint32_t i = 0; i < PT_USER_SPANS; i++) {
        pde_t pde = pt->top[i];
        pfn_t pfn = pde >> PAGE_SHIFT;

        INV("INV-PT-5", !pde == !(pt->spans[i / 32] >> (i & 31) & 1), "root %u span %u entry %x, bits %x",
            pt->root, i, pde, pt->spans[i / 32]);
        if (!pde)
            continue;
        tables++;
        INV("INV-PT-1",
            (pde & (PT_PRESENT | PT_USER | PT_LARGE)) == (PT_PRESENT | PT_USER) && pfn >= p->start &&
                pfn < p->low_end && pfn_frame(p, pfn)->use == FRAME_TABLE,
            "root %u span %u entry %x", pt->root, i, pde);
        if (!ok)
            continue;

        const struct frame *table = pfn_frame(p, pfn);
        const pte_t *e = frame_ptr(p, pfn);
        uint32_t used = 0;

        INV("INV-PT-3", table->maps == 1 || !(pde & PT_WRITE), "root %u span %u entry %x, %u roots", pt->root,
            i, pde, table->maps);
        for (uint32_t k = 0; k < PT_TABLE_ENTRIES; k++) {
            used += !pte_empty(e[k]);
            INV("INV-PT-6", pte_empty(e[k]) || table->index >> (k >> PT_GROUP_SHIFT) & 1,
                "root %u span %u entry %u, groups %x", pt->root, i, k, table->index);
            INV("INV-PT-4", !pte_present(e[k]) || (e[k].raw & (PT_USER | PT_GLOBAL | PT_PARKED)) == PT_USER,
                "root %u span %u entry %u is %x", pt->root, i, k, e[k].raw);
            INV("INV-PT-4", !pte_has_frame(e[k]) || (pte_pfn(e[k]) >= p->start && pte_pfn(e[k]) < p->end),
                "root %u span %u entry %u is %x", pt->root, i, k, e[k].raw);
            INV("INV-PT-7", !pte_held(e[k]) || !pte_writable(e[k]), "root %u span %u entry %u is %x",
                pt->root, i, k, e[k].raw);
        }
        INV("INV-PT-2", used == table->used, "root %u span %u table %u: counted %u, says %u", pt->root, i,
            pfn, used, table->used);
    }
    INV("INV-PT-5", tables == pt->tables, "root %u: counted %u, says %u", pt->root, tables, pt->tables);
    return ok;
}
