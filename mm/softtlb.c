/*
 * A translation cache that the kernel fills.
 *
 * Purpose. MIPS and its like have no page-table walker: the processor has a cache of translations (the TLB),
 * and what is not in it traps to the kernel, which looks into whatever page table it likes and puts an entry
 * in. This processor walks its own tables. A space in software TLB mode treats these as the TLB: at most N of
 * its pages have an entry that translates, and all others that have a frame are parked, as vms parks them. So
 * a use of any other page traps, and the handler puts its entry in and takes one out.
 *
 *     fault, no entry --> walk the page-table form, counted --> the page is there and allows it?
 *                            yes: refill. The entry translates; another one of its set is parked
 *                            no: a page fault as ever (fault.c); the entry that comes of it is put in
 *
 * One notion. Whoever makes an entry translate does so for the access of a fault, or for nobody. The first
 * kind is made in fault.c only, and there each fault ends with softtlb_admit(), in the same nosleep section,
 * so that nobody sees an entry more than there may be. The second kind (mapping ahead, mprotect, mremap,
 * swapoff) makes parked entries in this mode: softtlb_idle(), softtlb_drop().
 *
 * Who parked it. A parked entry only says that it does not translate. Whether the page is set aside is said
 * by its frame (FRAME_F_PARKED), which the policy sets and the fault clears. So a page may be parked by both,
 * and the fault does the same for both: it lets the entry translate, and tells the policy if the frame says
 * so. A refill is of a page that is not set aside; what the policy had set aside is a page fault, and counted
 * as one.
 *
 * Forms. A miss looks into the page-table form that was asked for (mm/forms), a mirror of the processor's
 * tables, which stay the truth. It is filled as the cache is: the entry that a fault ends with goes to both.
 * What loses its frame leaves it at once (pt.lost). So what the form has is right; what it does not have, for
 * instance after a fork or a move, is found in the processor's tables, and counted (unfound), as PowerPC's
 * hashed table is only a cache of Linux's tree. Without a form the walk is one of the processor's own tables.
 *
 * Places. Which entries translate is written down beside the tables (assoc.c). A place may be out of date: an
 * entry that was unmapped, evicted, held or parked by others does not translate any more though it has a
 * place. That is found out when the place's turn comes, and does no harm: there are never more entries that
 * translate than places. The other direction is the invariant.
 *
 * Shared tables. An entry in a table that several roots name would translate for all of them. So in this mode
 * tables are never shared: a fork makes a copy of each for the child at once, and who enters the mode makes
 * its tables its own first. Threads share their space's cache.
 *
 * Switches. Without identifiers (asid off) the entries of a space are worth nothing when other tables have
 * been loaded meanwhile, since the cache could not tell whose they are: they are parked when the space's
 * tables are loaded again, but the places remember the pages, so that it is known which misses a switch
 * costs. With identifiers they stay.
 *
 * The least size. An instruction that traps begins anew, so it ends only when all its pages translate at
 * once: SOFTTLB_LEAST says how many that can be. A real TLB does with fewer, since its processor needs an
 * entry only for the moment of the access.
 *
 * The record. It has a line for each entry that is put in: the string of misses. On request it has more: each
 * time one is put in, the accessed bits of all that translate are read and cleared, and those that the
 * processor has used since the line before get a line too. So it is known exactly which pages were used
 * between two misses, and only the order among these is not (docs/translation.md says what follows). The bits
 * are kept for the policy in the entry (pte_unmark()). What was used through an entry that somebody else
 * has changed meanwhile (munmap(), reclaim) is not seen.
 *
 * What programs see. Refills are not counted as faults of the program (getrusage()); mincore(), pagemap and
 * smaps count parked pages as what they are, resident ones.
 *
 * Data: space.tlb. Locking: nosleep sections; the space's lock to change the mode and to put entries in.
 *
 * INV-TLB-1  each entry of the space that translates has a place, and there are at most `entries` places
 * INV-TLB-2  no table of the space is shared, but while a fork or a change of the mode makes them own
 * INV-TLB-3  the places are sound (INV-ASSOC-*)
 * INV-TLB-4  what the form says of a page of the space is the frame that its entry names; a form that spaces
 *            share says nothing of other pages
 * INV-TLB-5  a form that spaces share exists as long as one of them does
 *
 * How it fails: -ENOMEM when the mode is entered or inherited, and nothing has changed.
 *
 * Source: Kane, MIPS RISC Architecture, 1988, chapter 4; Jacob and Mudge, "A look at several memory
 * management units, TLB-refill mechanisms, and page table organizations", ASPLOS 1998.
 */
#include "mm/softtlb.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/space.h"

static inline uint32_t page_of(vaddr_t va)
{
    return va >> PAGE_SHIFT;
}

static inline vaddr_t address_of(uint32_t page)
{
    return page << PAGE_SHIFT;
}

struct softtlb_config softtlb_config(const struct space *s)
{
    return s->tlb ? s->tlb->config : (struct softtlb_config){.form = FORM_KINDS};
}

/* --- page-table forms --- */

static inline struct space *space_of(struct pt *pt)
{
    return (struct space *)((char *)pt - offsetof(struct space, pt));
}

/* Pages lost their frames, so the form loses their translations. */
static void lose(struct pt *pt, vaddr_t va, uint32_t n)
{
    struct space *s = space_of(pt);

    for (uint32_t page = page_of(va); n; n--, page++)
        form_remove(s->tlb->form, s->id, page, NULL);
}

static int start_form(struct vm *vm, struct form *f, enum form_kind kind)
{
    const struct frame_pool *p = vm->pool;
    struct form_shape shape;

    form_shape_of(kind, page_of(USER_END), p->start, p->end - p->start, &shape);
    return form_create(f, kind, &shape, vm->softtlb.memory);
}

/* Have the form of a config. 0; -EINVAL; -ENOMEM. */
static int get_form(struct vm *vm, struct softtlb *t)
{
    struct vm_softtlb *all = &vm->softtlb;
    enum form_kind kind = t->config.form;
    int err = 0;

    if (kind >= FORM_KINDS)
        return 0;
    if (!all->memory)
        return -EINVAL;
    t->form = form_is_shared(kind) ? &all->shared[kind] : &t->own;
    if (t->form == &t->own || !all->users[kind])
        err = start_form(vm, t->form, kind);
    if (!err && t->form != &t->own)
        all->users[kind]++;
    return err;
}

static void put_form(struct vm *vm, struct softtlb *t, uint32_t id)
{
    struct vm_softtlb *all = &vm->softtlb;

    if (!t->form)
        return;
    if (t->form != &t->own) {
        if (--all->users[t->config.form]) {
            form_remove_space(t->form, id);
            return;
        }
    }
    form_destroy(t->form);
}

/* Let the form say what the entry says, which translates. What it cannot hold it does not have: the handler
 * finds it by the page fault's way. */
static void note_translation(struct space *s, uint32_t page, pte_t e)
{
    struct softtlb *t = s->tlb;

    if (t->form && form_insert(t->form, s->id, page, form_value(pte_pfn(e), 0), NULL) == -ENOMEM) {
        form_remove(t->form, s->id, page, NULL);
        t->n.unheld++;
    }
}

/* What the handler of a machine with such a TLB does first. False: it finds nothing. */
static bool walk(struct space *s, uint32_t page)
{
    struct softtlb *t = s->tlb;
    const pte_t *e = pt_resident_entry(&s->pt, address_of(page));
    struct form_walk w = {.accesses = e ? 2 : 1};
    bool found = e && pte_has_frame(*e);

    if (t->form)
        found = form_lookup(t->form, s->id, page, &w);
    t->n.walks++;
    t->n.accesses += w.accesses;
    if (w.accesses > t->longest)
        t->longest = w.accesses;
    return found;
}

/* --- making one --- */

void softtlb_add_counts(struct vm_tlb_counts *to, const struct vm_tlb_counts *from)
{
    uint64_t *sum = &to->misses[0];
    const uint64_t *n = &from->misses[0];

    for (size_t i = 0; i < sizeof *to / sizeof *sum; i++)
        sum[i] += n[i];
}

static void destroy(struct vm *vm, struct softtlb *t, uint32_t id)
{
    struct frame *f;

    if (!t)
        return;
    softtlb_add_counts(&vm->softtlb.ended, &t->n);
    put_form(vm, t, id);
    f = pfn_frame(vm->pool, ptr_pfn(vm->pool, t));
    if (t->order)
        frame_free_block(vm->pool, f);
    else
        frame_free(vm->pool, f);
}

/* For the space with this identifier. 0; -EINVAL; -ENOMEM. Sleeps. */
static int create(struct vm *vm, const struct softtlb_config *c, struct softtlb **out)
{
    size_t size = sizeof(struct softtlb) + c->entries * sizeof(struct assoc_slot);
    struct softtlb *t;
    struct frame *f;
    unsigned order = 0;
    int err;

    while (PAGE_SIZE << order < size)
        order++;
    /* no reclaim: it would not bring several frames together */
    f = order ? frame_alloc_block(vm->pool, order, FRAME_KERNEL, FRAME_LOW_ONLY)
              : vm_frame_request(vm, FRAME_KERNEL, FRAME_LOW_ONLY);
    if (!f)
        return -ENOMEM;
    t = frame_ptr(vm->pool, frame_pfn(vm->pool, f));
    *t = (struct softtlb){.config = *c, .order = order};
    assoc_init(&t->assoc, t->slots, c->entries / c->ways, c->ways, c->policy, 1);
    nosleep_enter("the forms that spaces share");
    err = get_form(vm, t);
    nosleep_exit();
    if (err) {
        t->form = NULL;
        destroy(vm, t, 0);
        return err;
    }
    *out = t;
    return 0;
}

static void set_tlb(struct space *s, struct softtlb *t)
{
    s->tlb = t;
    s->plain_below = t ? 0 : USER_END;
    s->pt.lost = t && t->form ? lose : NULL;
}

/* --- entries that go --- */

static void record(struct space *s, uint32_t page, uint32_t kind, uint32_t out)
{
    struct vm_softtlb *all = &s->vm->softtlb;

    if (all->misses < all->room)
        all->miss[all->misses++] = (struct vm_miss){.space = s->id, .page = page, .out = out, .kind = kind};
    else
        all->lost++;
}

/* Record which of the entries that translate the processor has used since it was last asked. */
static void record_uses(struct space *s)
{
    struct softtlb *t = s->tlb;
    struct pt_batch batch;

    pt_batch_begin(&batch, &s->pt);
    for (const struct assoc_slot *p = t->slots; p < t->slots + t->config.entries; p++) {
        pte_t *e = p->used ? pt_resident_entry(&s->pt, address_of(p->page)) : NULL;

        if (!e || !pte_present(*e) || !pte_marked(*e))
            continue;
        record(s, p->page, VM_MISS_USE, ASSOC_NONE);
        pt_batch_set(&batch, address_of(p->page), e, pte_unmark(*e));
    }
    pt_batch_end(&batch);
}

/* The entry of a page that had a place translates no more. False: it did not. */
static bool park(struct space *s, uint32_t page, struct pt_batch *batch)
{
    pte_t *e = pt_resident_entry(&s->pt, address_of(page));

    if (!e || !pte_present(*e))
        return false;
    if (batch)
        pt_batch_set(batch, address_of(page), e, pte_park(*e));
    else
        pt_set(&s->pt, address_of(page), e, pte_park(*e));
    return true;
}

void softtlb_drop(struct space *s, vaddr_t start, vaddr_t end)
{
    struct softtlb *t = s->tlb;
    struct pt_batch batch;

    if (likely(!t))
        return;
    if (unlikely(s->vm->softtlb.uses))
        record_uses(s);
    pt_batch_begin(&batch, &s->pt);
    for (struct assoc_slot *p = t->slots; p < t->slots + t->config.entries; p++) {
        if (!p->used || p->page < page_of(start) || p->page > page_of(end - 1))
            continue;
        park(s, p->page, &batch);
        assoc_drop(&t->assoc, p);
    }
    pt_batch_end(&batch);
}

void softtlb_switched(struct space *s)
{
    struct softtlb *t = s->tlb;
    struct pt_batch batch;

    t->n.switches++;
    if (t->config.asid)
        return;
    if (unlikely(s->vm->softtlb.uses))
        record_uses(s);
    pt_batch_begin(&batch, &s->pt);
    for (struct assoc_slot *p = t->slots; p < t->slots + t->config.entries; p++)
        if (p->used)
            t->n.flushed += park(s, p->page, &batch);
    assoc_flush(&t->assoc);
    pt_batch_end(&batch);
    t->n.flushes++;
}

/* --- entries that come --- */

/* Give the page, whose entry e translates, a place. fresh: it did not before. kind: for the record. */
static void place(struct space *s, uint32_t page, pte_t e, uint32_t kind, bool fresh)
{
    struct softtlb *t = s->tlb;
    struct assoc_slot *slot = assoc_find(&t->assoc, page);
    uint32_t out;

    note_translation(s, page, e);
    if (slot && slot->used && !fresh) {
        assoc_touch(&t->assoc, slot);
        return;
    }
    if (slot)
        assoc_drop(&t->assoc, slot);
    if (unlikely(s->vm->softtlb.uses))
        record_uses(s);
    out = assoc_put(&t->assoc, page);
    if (out != ASSOC_NONE)
        *(park(s, out, NULL) ? &t->n.evictions : &t->n.stale) += 1;
    if (unlikely(s->vm->softtlb.miss))
        record(s, page, kind, out);
}

/* What kind of access it was. This processor does not tell a fetch from a read; but if it finds no entry for
 * the page that holds the instruction, or the one after if it may reach into that, it was a fetch. */
static enum access kind_of(const struct space *s, vaddr_t va, enum access access)
{
    vaddr_t at;

    if (access != ACCESS_READ || !s->vm->softtlb.program_at)
        return access;
    at = s->vm->softtlb.program_at();
    return page_of(at) == page_of(va) || (page_of(at) + 1 == page_of(va) && PAGE_SIZE - (at & PAGE_MASK) < 15)
               ? ACCESS_EXEC
               : ACCESS_READ;
}

bool softtlb_miss(struct space *s, vaddr_t va, enum access access)
{
    struct softtlb *t = s->tlb;
    const struct assoc_slot *slot = assoc_find(&t->assoc, page_of(va));
    const struct region *r = region_find(&s->regions, va);
    pte_t *e = pt_resident_entry(&s->pt, va);
    struct frame *f;
    bool found;

    t->n.misses[kind_of(s, va, access)]++;
    t->n.after_switch += slot && !slot->used;
    found = walk(s, page_of(va));
    if (!e || !pte_parked(*e) || !r || !(r->flags & REGION_PROT))
        return false;
    if (access == ACCESS_WRITE &&
        (!(r->flags & REGION_WRITE) || !pte_writable(*e) || pt_span_readonly(&s->pt, va)))
        return false;
    f = pfn_frame(s->vm->pool, pte_pfn(*e));
    if (f->flags & FRAME_F_PARKED)
        return false;
    pt_set(&s->pt, va, e, pte_unpark(*e));
    vm_frame_mapped(s->vm, f, &s->set);
    place(s, page_of(va), *e, kind_of(s, va, access), true);
    t->n.refills++;
    t->n.unfound += !found;
    return true;
}

void softtlb_touch(struct space *s, vaddr_t va)
{
    const pte_t *e = pt_resident_entry(&s->pt, va);

    s->tlb->n.touched++;
    if (e && pte_present(*e))
        place(s, page_of(va), *e, VM_MISS_TOUCH, true);
}

void softtlb_admit(struct space *s, vaddr_t va, enum access access, bool missed)
{
    const pte_t *e = pt_resident_entry(&s->pt, va);

    if (e && pte_present(*e))
        place(s, page_of(va), *e, kind_of(s, va, access), missed);
}

struct vm_miss *softtlb_record(struct vm *vm, struct vm_miss *buf, uint32_t room, bool uses)
{
    struct vm_softtlb *all = &vm->softtlb;
    struct vm_miss *old = all->miss;

    all->miss = buf;
    all->room = buf ? room : 0;
    all->uses = buf && uses;
    all->misses = all->lost = 0;
    return old;
}

/* --- the mode --- */

/* Let all entries be parked, or, when the mode ends, let those translate that nobody has set aside. */
static void change_all(struct space *s, bool on)
{
    for (vaddr_t span = 0; (span = pt_next_resident(&s->pt, span, SPACE_HI)) < SPACE_HI; span += PT_SPAN) {
        const struct frame *table = pt_resident_table(&s->pt, span);
        pte_t *e = pt_table_entries(s->vm->pool, table);
        struct pt_batch batch;

        pt_batch_begin(&batch, &s->pt);
        for (uint32_t i = 0; (i = pt_next_entry(table, e, i)) < PT_TABLE_ENTRIES; i++) {
            vaddr_t va = span + (i << PAGE_SHIFT);

            if (on && pte_present(e[i]))
                pt_batch_set(&batch, va, &e[i], pte_park(e[i]));
            else if (!on && pte_parked(e[i]) &&
                     !(pfn_frame(s->vm->pool, pte_pfn(e[i]))->flags & FRAME_F_PARKED))
                pt_batch_set(&batch, va, &e[i], pte_unpark_idle(e[i]));
        }
        pt_batch_end(&batch);
    }
}

int softtlb_set(struct space *s, const struct softtlb_config *c)
{
    struct softtlb *t = NULL, *old;
    int err = softtlb_check(c);

    might_sleep();
    if (!err && c->entries)
        err = create(s->vm, c, &t);
    if (err)
        return err;
    mutex_lock(&s->lock);
    s->tables_kept++;
    if (t)
        err = space_own_tables(s, 0, SPACE_HI);
    nosleep_enter("the entries that translate, and their places");
    if (!err) {
        old = s->tlb;
        if (t || old)
            change_all(s, t);
        set_tlb(s, t);
        t = old;
    }
    destroy(s->vm, t, s->id);
    nosleep_exit();
    s->tables_kept--;
    mutex_unlock(&s->lock);
    return err;
}

int softtlb_inherit(struct space *child, const struct space *parent)
{
    struct softtlb *t = NULL;
    int err = parent->tlb ? create(child->vm, &parent->tlb->config, &t) : 0;

    set_tlb(child, t);
    return err;
}

void softtlb_free(struct space *s)
{
    nosleep_enter("the forms that spaces share");
    destroy(s->vm, s->tlb, s->id);
    set_tlb(s, NULL);
    nosleep_exit();
}

/* What the form says of an entry with a frame, or of none. Counts what it has. */
static bool form_entry_verify(const struct space *s, uint32_t page, pte_t e, uint32_t *count)
{
    const struct form *f = s->tlb->form;
    uint32_t found = f ? form_lookup(f, s->id, page, NULL) : 0;
    bool ok = true;

    if (!found)
        return true;
    ++*count;
    INV("INV-TLB-4", pte_has_frame(e) && form_frame(found) == pte_pfn(e),
        "space %u: page %x has entry %x, the form says frame %u", s->id, page, pte_bits(e),
        form_frame(found));
    return ok;
}

/* Translations that a form has of pages of a space that its tables in memory have an entry for. */
static uint32_t translations_of(const struct space *s, const struct form *f)
{
    uint32_t n = 0;

    for (vaddr_t span = 0; (span = pt_next_resident(&s->pt, span, SPACE_HI)) < SPACE_HI; span += PT_SPAN) {
        const struct frame *table = pt_resident_table(&s->pt, span);
        const pte_t *e = pt_table_entries(s->vm->pool, table);

        for (uint32_t i = 0; (i = pt_next_entry(table, e, i)) < PT_TABLE_ENTRIES; i++)
            n += form_lookup(f, s->id, page_of(span) + i, NULL) != 0;
    }
    return n;
}

bool softtlb_verify_shared(const struct vm *vm)
{
    bool ok = true;

    for (unsigned kind = 0; kind < FORM_KINDS; kind++) {
        const struct form *f = &vm->softtlb.shared[kind];
        uint32_t users = 0, count = 0;

        for (const struct space *s = vm->spaces; s; s = s->all_next)
            if (s->tlb && s->tlb->form == f) {
                users++;
                count += translations_of(s, f);
            }
        INV("INV-TLB-5", users <= vm->softtlb.users[kind], "form %s: %u spaces use it, says %u",
            form_kind_name((enum form_kind)kind), users, vm->softtlb.users[kind]);
        if (!users || !vm->softtlb.users[kind])
            continue;
        INV("INV-TLB-4", count == f->count, "form %s has %u translations, %u of them of pages",
            form_kind_name((enum form_kind)kind), f->count, count);
        ok &= form_verify(f);
    }
    return ok;
}

bool softtlb_verify(struct space *s)
{
    const struct softtlb *t = s->tlb;
    uint32_t present = 0, held = 0;
    bool ok = true;

    if (!t)
        return true;
    ok = assoc_verify(&t->assoc);
    INV("INV-TLB-1", !s->plain_below, "space %u: faults below %x pass the software TLB", s->id,
        s->plain_below);
    INV("INV-TLB-3", t->assoc.slot == t->slots && t->assoc.sets * t->assoc.ways == t->config.entries,
        "space %u: %u sets of %u ways for %u entries", s->id, t->assoc.sets, t->assoc.ways,
        t->config.entries);
    for (vaddr_t span = 0; (span = pt_next_resident(&s->pt, span, SPACE_HI)) < SPACE_HI; span += PT_SPAN) {
        const struct frame *table = pt_resident_table(&s->pt, span);
        const pte_t *e = pt_table_entries(s->vm->pool, table);

        INV("INV-TLB-2", table->maps == 1 || s->tables_kept, "space %u: %u roots name the table at %x", s->id,
            table->maps, span);
        for (uint32_t i = 0; (i = pt_next_entry(table, e, i)) < PT_TABLE_ENTRIES; i++) {
            uint32_t page = page_of(span) + i;
            const struct assoc_slot *slot;

            ok &= form_entry_verify(s, page, e[i], &held);
            if (!pte_present(e[i]) ||
                table->maps > 1) /* the fork has failed, and the child is about to end */
                continue;
            present++;
            slot = assoc_find(&t->assoc, page);
            INV("INV-TLB-1", slot && slot->used, "space %u: the entry of page %x translates without a place",
                s->id, page);
        }
    }
    INV("INV-TLB-1", present <= t->config.entries, "space %u: %u entries translate, %u may", s->id, present,
        t->config.entries);
    INV("INV-TLB-4", t->form != &t->own || held == t->own.count,
        "space %u: the form has %u translations, %u of them of pages", s->id, t->own.count, held);
    return ok && (t->form != &t->own || form_verify(t->form));
}
