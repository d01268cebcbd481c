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
 * A table that names no frame is idle: every page behind it is in a slot. Such tables stand on a list, where
 * reclaim finds them (table.c) and puts them into slots too. Only what makes a table idle lists it; what ends
 * that leaves it there, so that making an entry costs nothing, and reclaim finds out.
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
 * INV-PT-1  a user directory entry is 0, or says "out" and a slot, or names a FRAME_TABLE frame below
 *           low_end, user-accessible
 * INV-PT-2  used of a table is its number of non-empty entries, pins the number of those that name slots
 * INV-PT-3  a table that several roots name has a read-only directory entry in each of them
 * INV-PT-4  a present entry is user-accessible, never global, not marked as parked, and it, a held one and
 *           a parked one name frames of the pool
 * INV-PT-5  tables of a root counts its user directory entries, out those that say so, spans has a bit for
 *           each, and words one for each word of spans that is not 0
 * INV-PT-6  an entry that is not empty lies in a group whose bit is set in the table's index
 * INV-PT-7  an entry that is not present and names a frame is held, and then not writable, or parked
 * INV-PT-8  a table whose entries all name slots, of which there are some, is flagged as listed
 * INV-PT-9  a table's frame knows its span, and the owner of its roots
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
_Static_assert(PT_USER_SPANS / 32 <= 32, "a word has a bit for each word of spans");

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
    uint32_t word = va >> (PT_SPAN_SHIFT + 5);

    pt->spans[word] |= 1u << (va >> PT_SPAN_SHIFT & 31);
    pt->words |= 1u << word;
    pt->tables++;
}

static void unmark_span(struct pt *pt, vaddr_t va)
{
    uint32_t word = va >> (PT_SPAN_SHIFT + 5);

    pt->spans[word] &= ~(1u << (va >> PT_SPAN_SHIFT & 31));
    if (!pt->spans[word])
        pt->words &= ~(1u << word);
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

/* What `to` says of spans is true already: it has no tables. */
void pt_hand_over(struct pt *from, struct pt *to)
{
    mm_assert(from->tables == 0, "root %u still names %u tables", from->root, from->tables);
    mm_assert(from != pt_loaded, "root %u is loaded", from->root);
    to->pool = from->pool;
    to->top = from->top;
    to->root = from->root;
    to->next = from->next;
    to->prev = from->prev;
    if (to->prev)
        to->prev->next = to;
    else
        pt_all = to;
    if (to->next)
        to->next->prev = to;
    from->top = NULL;
}

void pt_activate(struct pt *pt)
{
    if (pt == pt_loaded)
        return;
    if (pt) {
        pt_switch(pt);
    } else {
        pt_loaded = NULL;
        tlb_load_root(paging_kernel_root());
    }
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

static inline void name_table(const struct pt *pt, vaddr_t va, struct frame *table)
{
    table->slot = va >> PT_SPAN_SHIFT;
    table->owner = pt->owner;
}

void pt_list_idle(struct pt *pt, struct frame *table)
{
    if (!pt->idle || table->flags & FRAME_F_IDLE)
        return;
    table->flags |= FRAME_F_IDLE;
    frame_list_push_tail(pt->pool, pt->idle, table);
}

void pt_unlist(struct pt *pt, struct frame *table)
{
    if (!(table->flags & FRAME_F_IDLE))
        return;
    table->flags &= (uint16_t)~FRAME_F_IDLE;
    frame_list_remove(pt->pool, pt->idle, table);
}

void pt_count_slot(struct pt *pt, struct frame *table, pte_t old, pte_t value)
{
    table->pins = (uint16_t)(table->pins + pte_is_swap(value) - pte_is_swap(old));
    if (pt_idle(table))
        pt_list_idle(pt, table);
}

void pt_set_none(struct pt *pt, vaddr_t va, struct frame *table, pte_t old, pte_t value)
{
    if (unlikely(pt->lost))
        pt->lost(pt, va, 1);
    table->index |= pt_group(va);
    table->used = (uint16_t)(table->used + !pte_empty(value) - !pte_empty(old));
    pt_count_slot(pt, table, old, value);
    if (pte_present(old))
        pt_stale(pt, va, table);
}

void pt_count_table(const struct pt *pt, vaddr_t va, struct frame *table)
{
    const pte_t *e = pt_table_entries(pt->pool, table);
    uint32_t used = 0, slots = 0, groups = 0;

    for (uint32_t i = 0; i < PT_TABLE_ENTRIES; i++) {
        if (pte_empty(e[i]))
            continue;
        used++;
        slots += pte_is_swap(e[i]);
        groups |= 1u << (i >> PT_GROUP_SHIFT);
    }
    table->used = (uint16_t)used;
    table->pins = (uint16_t)slots;
    table->index = groups;
    name_table(pt, va, table);
}

void pt_add_table(struct pt *pt, vaddr_t va, struct frame *table)
{
    pde_t *pde = pde_of(pt, va);
    pfn_t pfn = frame_pfn(pt->pool, table);

    mm_assert(*pde == 0, "span of %x has entry %x", va, *pde);
    table->maps = 1;
    table->used = table->pins = 0;
    table->index = 0;
    name_table(pt, va, table);
    *pde = pfn << PAGE_SHIFT | PDE_USER | PT_WRITE;
    mark_span(pt, va);
}

uint32_t pt_share_tables(struct pt *dst, struct pt *src)
{
    mm_assert(dst->tables == 0, "root %u has %u tables", dst->root, dst->tables);
    for (uint32_t words = src->words; words; words &= words - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(words);

        dst->spans[k] = src->spans[k];
        for (uint32_t left = src->spans[k]; left; left &= left - 1) {
            uint32_t i = k * 32 + (uint32_t)__builtin_ctz(left);
            pde_t pde = src->top[i];

            if (likely(pde & PT_PRESENT)) {
                pde &= ~(pde_t)PT_WRITE;
                src->top[i] = pde;
                pde_table(src, pde)->maps++;
            }
            dst->top[i] = pde;
        }
    }
    dst->words = src->words;
    dst->tables = src->tables;
    dst->out = src->out;
    flush_all(src);
    return dst->tables;
}

void pt_claim_table(struct pt *pt, vaddr_t va)
{
    pde_t *pde = pde_of(pt, va);

    mm_assert(*pde & PT_PRESENT && pde_table(pt, *pde)->maps == 1, "span of %x, entry %x", va, *pde);
    *pde |= PT_WRITE; /* rights only grow, so no flush is needed */
}

void pt_split_table(struct pt *pt, vaddr_t va, struct frame *copy)
{
    pde_t *pde = pde_of(pt, va);
    struct frame *old = pde_table(pt, *pde);

    mm_assert(*pde & PT_PRESENT && old->maps > 1, "span of %x, entry %x", va, *pde);
    old->maps--;
    copy->maps = 1;
    copy->used = old->used;
    copy->pins = old->pins;
    copy->index = old->index;
    name_table(pt, va, copy);
    if (pt_idle(copy))
        pt_list_idle(pt, copy);
    *pde = frame_pfn(pt->pool, copy) << PAGE_SHIFT | PDE_USER | PT_WRITE;
    if (pt == pt_loaded)
        tlb_flush_page(va);
}

struct frame *pt_drop_table(struct pt *pt, vaddr_t va)
{
    pde_t *pde = pde_of(pt, va);
    struct frame *table = pde_table(pt, *pde);

    mm_assert(*pde & PT_PRESENT, "span of %x has no table", va);
    if (unlikely(pt->lost))
        pt->lost(pt, PT_SPAN_DOWN(va), PT_TABLE_ENTRIES);
    *pde = 0;
    unmark_span(pt, va);
    flush_all(pt);
    return --table->maps == 0 ? table : NULL;
}

void pt_put_out(struct pt *pt, vaddr_t va, slot_t slot)
{
    pde_t *pde = pde_of(pt, va);

    mm_assert(*pde & PT_PRESENT, "span of %x has no table", va);
    pde_table(pt, *pde)->maps--;
    *pde = pde_make_out(slot);
    pt->out++;
    if (pt == pt_loaded)
        tlb_flush_page(va); /* it names no frame, so only the directory entry can be cached */
}

void pt_bring_in(struct pt *pt, vaddr_t va, struct frame *table, bool readonly)
{
    pde_t *pde = pde_of(pt, va);

    mm_assert(pde_is_out(*pde), "span of %x has entry %x", va, *pde);
    table->maps++;
    *pde = frame_pfn(pt->pool, table) << PAGE_SHIFT | PDE_USER | (readonly ? 0u : (unsigned)PT_WRITE);
    pt->out--;
}

void pt_drop_out(struct pt *pt, vaddr_t va)
{
    pde_t *pde = pde_of(pt, va);

    mm_assert(pde_is_out(*pde), "span of %x has entry %x", va, *pde);
    *pde = 0;
    pt->out--;
    unmark_span(pt, va);
}

vaddr_t pt_next_span_slow(const struct pt *pt, vaddr_t va, vaddr_t end)
{
    uint32_t i = va >> PT_SPAN_SHIFT, last = (end + PT_SPAN - 1) >> PT_SPAN_SHIFT;
    uint32_t word;

    if (i >= last)
        return end;
    word = pt->spans[i / 32] & ~0u << (i & 31);
    i /= 32;
    while (!word) {
        uint32_t words = pt->words & ~1u << i;

        if (!words)
            return end;
        i = (uint32_t)__builtin_ctz(words);
        word = pt->spans[i];
    }
    i = i * 32 + (uint32_t)__builtin_ctz(word);
    return i < last ? (vaddr_t)i << PT_SPAN_SHIFT : end;
}

vaddr_t pt_next_of_kind(const struct pt *pt, vaddr_t va, vaddr_t end, bool out)
{
    vaddr_t span = va;

    while ((span = pt_next_span(pt, span, end)) < end && (pt_span(pt, span) == PT_OUT) != out)
        span += PT_SPAN;
    return span < end ? span : end;
}

vaddr_t pt_next_out(const struct pt *pt, vaddr_t va, vaddr_t end)
{
    return likely(!pt->out) ? end : pt_next_of_kind(pt, va, end, true);
}

bool pt_test_clear_accessed(struct pt *pt, vaddr_t va, pte_t *e)
{
    if (!pte_accessed(*e))
        return false;
    pt_set(pt, va, e, pte_old(*e)); /* without the flush the processor would not set the bit again */
    return true;
}

unsigned pt_look(const struct frame_pool *pool, const struct frame *table, uint8_t *seen)
{
    pte_t *entries = pt_table_entries(pool, table);
    unsigned n = 0;

    for (uint32_t groups = table->index; groups; groups &= groups - 1) {
        pte_t *e = entries + ((uint32_t)__builtin_ctz(groups) << PT_GROUP_SHIFT);
        const pte_t *stop = e + (1u << PT_GROUP_SHIFT);

        for (; e < stop; e++) {
            if (!pte_unlooked(*e) || !pte_has_frame(*e))
                continue;
            seen[pte_pfn(*e) - pool->start] = 0xFF;
            *e = pte_looked(*e);
            n++;
        }
    }
    return n;
}

void pt_look_end(void)
{
    if (pt_loaded)
        flush_all(pt_loaded); /* without it the processor would not set the bits again */
}

void pt_batch_begin(struct pt_batch *b, struct pt *pt)
{
    b->pt = pt;
    b->count = 0;
}

void pt_batch_set(struct pt_batch *b, vaddr_t va, pte_t *e, pte_t value)
{
    pte_t old = *e;

    *e = value;
    if (!pte_has_frame(old) || !pte_has_frame(value)) {
        struct frame *table = pfn_frame(b->pt->pool, ptr_pfn(b->pt->pool, e));

        table->index |= pt_group(va);
        table->used = (uint16_t)(table->used + !pte_empty(value) - !pte_empty(old));
        pt_count_slot(b->pt, table, old, value);
        if (unlikely(b->pt->lost) && !pte_has_frame(value))
            b->pt->lost(b->pt, va, 1);
    }
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

    pte_t *e = pt_resident_entry(pt, *va), *first = e;
    const pte_t *stop = e + ((end - *va) >> PAGE_SHIFT);
    struct frame *table = pfn_frame(pt->pool, ptr_pfn(pt->pool, e));
    vaddr_t stale[PT_BATCH_PAGES];
    uint32_t present = 0, slots = 0;
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
        } else {
            slots += pte_is_swap(was);
        }
        e++;
    }
    table->used = (uint16_t)(table->used - n);
    table->pins = (uint16_t)(table->pins - slots);
    if (unlikely(pt_idle(table)) && table->used)
        pt_list_idle(pt, table);
    if (unlikely(pt->lost))
        pt->lost(pt, *va, (uint32_t)(e - first));
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

    mm_assert((pde_is_out(*src) || (*src & PT_PRESENT && pde_table(pt, *src)->maps == 1)) && !*dst,
              "from %x to %x: entries %x and %x", from, to, *src, *dst);
    if (unlikely(pt->lost))
        pt->lost(pt, from, PT_TABLE_ENTRIES);
    if (*src & PT_PRESENT)
        name_table(pt, to, pde_table(pt, *src));
    *dst = *src;
    *src = 0;
    mark_span(pt, to);
    unmark_span(pt, from);
    flush_all(pt);
}

const char *pt_bit_name(unsigned bit)
{
    static const char *const name[] = {"present",  "write", "user",  "write-through", "uncached",
                                       "accessed", "dirty", "large", "global",        "parked"};

    return bit < ARRAY_LEN(name) ? name[bit] : NULL;
}

bool pt_verify(const struct pt *pt)
{
    const struct frame_pool *p = pt->pool;
    bool ok = true;
    uint32_t tables = 0, out = 0;

    for (uint32_t i = 0; i < PT_USER_SPANS; i++) {
        pde_t pde = pt->top[i];
        pfn_t pfn = pde >> PAGE_SHIFT;

        INV("INV-PT-5", !pde == !(pt->spans[i / 32] >> (i & 31) & 1), "root %u span %u entry %x, bits %x",
            pt->root, i, pde, pt->spans[i / 32]);
        INV("INV-PT-5", !pt->spans[i / 32] == !(pt->words >> (i / 32) & 1), "root %u word %u is %x, bits %x",
            pt->root, i / 32, pt->spans[i / 32], pt->words);
        if (!pde)
            continue;
        tables++;
        if (pde_is_out(pde)) {
            INV("INV-PT-1", pde_slot(pde) != SLOT_NONE && pde == pde_make_out(pde_slot(pde)),
                "root %u span %u entry %x", pt->root, i, pde);
            out++;
            continue;
        }
        INV("INV-PT-1",
            (pde & (PT_PRESENT | PT_USER | PT_LARGE)) == (PT_PRESENT | PT_USER) && pfn >= p->start &&
                pfn < p->low_end && pfn_frame(p, pfn)->use == FRAME_TABLE,
            "root %u span %u entry %x", pt->root, i, pde);
        if (!ok)
            continue;

        const struct frame *table = pfn_frame(p, pfn);
        const pte_t *e = frame_ptr(p, pfn);
        uint32_t used = 0, slots = 0;

        INV("INV-PT-3", table->maps == 1 || !(pde & PT_WRITE), "root %u span %u entry %x, %u roots", pt->root,
            i, pde, table->maps);
        for (uint32_t k = 0; k < PT_TABLE_ENTRIES; k++) {
            used += !pte_empty(e[k]);
            slots += pte_is_swap(e[k]);
            INV("INV-PT-6", pte_empty(e[k]) || table->index >> (k >> PT_GROUP_SHIFT) & 1,
                "root %u span %u entry %u, groups %x", pt->root, i, k, table->index);
            INV("INV-PT-4", !pte_present(e[k]) || (e[k].raw & (PT_USER | PT_GLOBAL | PT_PARKED)) == PT_USER,
                "root %u span %u entry %u is %x", pt->root, i, k, e[k].raw);
            INV("INV-PT-4", !pte_has_frame(e[k]) || (pte_pfn(e[k]) >= p->start && pte_pfn(e[k]) < p->end),
                "root %u span %u entry %u is %x", pt->root, i, k, e[k].raw);
            INV("INV-PT-7", !pte_held(e[k]) || !pte_writable(e[k]), "root %u span %u entry %u is %x",
                pt->root, i, k, e[k].raw);
        }
        INV("INV-PT-2", used == table->used && slots == table->pins,
            "root %u span %u table %u: counted %u, %u slots, says %u, %u", pt->root, i, pfn, used, slots,
            table->used, table->pins);
        INV("INV-PT-9", table->slot == i && table->owner == pt->owner,
            "root %u span %u table %u: span %u, owner %p", pt->root, i, pfn, table->slot, table->owner);
        INV("INV-PT-8", !pt->idle || !used || used != slots || table->flags & FRAME_F_IDLE,
            "root %u span %u table %u is idle, flags %x", pt->root, i, pfn, table->flags);
    }
    INV("INV-PT-5", tables == pt->tables && out == pt->out, "root %u: counted %u, %u out, says %u, %u",
        pt->root, tables, out, pt->tables, pt->out);
    return ok;
}
