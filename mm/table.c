/*
 * Page tables that go to disk.
 *
 * Purpose. A program that touched a page here and there and then sleeps has all its pages in swap, and keeps
 * a table of 4 KiB for each 4 MiB that it touched. VAX/VMS, whose page tables are pageable themselves, shows
 * the way out: a table that names no frame goes to a slot as a page does, and the directory entry says "out"
 * and names the slot.
 *
 * Which. A table is idle if none of its entries is present, held or parked, that is, if each names a slot:
 * its frame counts both kinds, so this is a comparison (pt.h). When the last page behind a table is evicted,
 * the table is put at the tail of the vm's list of idle tables; so reclaim finds it without a search. It
 * takes from the head, a few for each batch of pages that it evicts, so that a table waits for a while, and
 * more if there are no pages to be had. A table that came back from disk is passed over once. One that is
 * idle no more, or whose space keeps its tables for a moment, is passed over too. An idle table without
 * entries is freed. Nothing goes out in exact mode (vm.exact).
 *
 * Out. The table's frame becomes an anonymous page without an owner in the swap cache, and takes the way of
 * all such pages: it is written together with its neighbours, freed when it is written, found in the cache
 * by who comes meanwhile, and if it cannot be written, its slot is retired and it stays in memory until
 * it comes back. Of a slot that holds a table, the slot's record says how many entries the table has
 * (swap_slot.entries), and its count is the number of roots that name it.
 *
 * Shared tables. Roots that share a table are of one family and have it in the same span. They all say "out"
 * in one section, and when one of them needs the table, it comes in once and all of them name it again.
 *
 * In. The page is read into the swap cache, and becomes the table's frame itself if it is low and nobody else
 * works with it; else it is copied to one. The slot is given up: the fault that wanted the table is going to
 * change it. Readers, who change nothing, do not bring it in: they look at the page in the swap cache, which
 * then can go without a write (table_view_begin()). A table from the disk is not trusted: if its entries are
 * not as many names of slots in use as the record says, it counts as unreadable.
 *
 * Names on disk. Entries of a table that is out are names of slots and stay counted in these. The recount of
 * the whole system (vm_verify.c) cannot read a disk, so the vm keeps what it needs in 16 bytes: how many
 * entries there are in all tables that are out, and a sum of a mix of the slots they name. The sum is
 * computed from the entries when a table goes and once more from those that came back. So a table that comes
 * back with other names than it went with is found by the next recount.
 *
 * The end of a table that is out. As long as others name it, only its slot loses a name. The last one has to
 * know what the entries name: it reads the table, into a frame of the swap cache or, if there is no memory,
 * into one frame that the vm has set aside, so that a dying program always gets on; one table at a time. If
 * the table cannot be read, nobody knows which slots it named. They stay taken: they are counted as lost and
 * the log says how many. When their area is put off, everything that it holds is brought back by those who
 * name it; what is named then by nobody that can be found is what was lost, and is given back (swap_off.c).
 * If an area is put off before the last root ends, each root gets a table in memory in which all private
 * pages are lost, since any of them may have been one that the old table named (table_lose()).
 *
 * Who wants a table to stay in memory over a sleep says so with space.tables_kept.
 *
 * Data: vm->tables, but for the root that is ready for the next space, which is space.c's. Locking: nosleep
 * sections; vm->tables.lock for the frame that is set aside.
 *
 * INV-TABLE-1  a directory entry that says "out" names a slot that holds a table, and as many roots of the
 *              family say so in that span as the slot has names
 * INV-TABLE-2  vm->tables.out and .entries are the sums over the slots that hold tables
 * INV-TABLE-3  the list of idle tables has the frames that are flagged so, which are tables
 * INV-TABLE-4  a table that is out and in the swap cache has only entries that name slots, as many as the
 *              slot says
 *
 * How it fails: -ENOMEM, -EIO, and nothing has changed.
 *
 * Source: Levy and Lipman, "Virtual memory management in the VAX/VMS operating system", Computer 15(3), 1982.
 */
#include "mm/table.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/space.h"
#include "mm/swap_parts.h"

/* Idle tables that reclaim looks at before others may run. */
#define LOOKS 128u

int table_begin(struct vm *vm)
{
    vm->tables.page = frame_alloc(vm->pool, FRAME_KERNEL, FRAME_LOW_ONLY); /* no reclaim: nothing is mapped */
    if (!vm->tables.page)
        return -ENOMEM;
    if (pt_create(&vm->tables.root, vm->pool) == 0)
        return 0;
    frame_free(vm->pool, vm->tables.page);
    vm->tables.page = NULL;
    return -ENOMEM;
}

void table_end(struct vm *vm)
{
    frame_free(vm->pool, vm->tables.page);
    vm->tables.page = NULL;
    if (vm->tables.root.top)
        pt_destroy(&vm->tables.root);
}

struct frame *table_alloc(struct vm *vm)
{
    struct frame *f;

    might_sleep();
    f = table_try(vm);
    if (likely(f))
        return f;
    f = vm_frame_alloc(vm, FRAME_TABLE, FRAME_LOW_ONLY);
    if (f)
        page_clear(pt_table_entries(vm->pool, f));
    return f;
}

/* The sum of the names that entries are. */
static uint64_t sum_of(const pte_t *e)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < PT_TABLE_ENTRIES; i++)
        if (!pte_empty(e[i]))
            sum += table_mix(pte_slot(e[i]));
    return sum;
}

/* A table with these entries is out now, or no longer. */
static void note_out(struct vm *vm, slot_t slot, uint32_t entries, uint64_t sum)
{
    swap_set_entries(vm, slot, entries);
    vm->tables.out++;
    vm->tables.entries += entries;
    vm->tables.names += sum;
}

static void note_in(struct vm *vm, slot_t slot, uint64_t sum)
{
    vm->tables.entries -= swap_entries(vm, slot);
    vm->tables.out--;
    vm->tables.names -= sum;
    swap_set_entries(vm, slot, 0);
}

/* --- out --- */

static inline vaddr_t span_of(const struct frame *table)
{
    return (vaddr_t)table->slot << PT_SPAN_SHIFT;
}

/* The next space of the family, from s on, that names the table. */
static struct space *next_naming(struct space *s, vaddr_t va, const struct frame *table)
{
    while (s && pt_resident_table(&s->pt, va) != table)
        s = s->family_next;
    return s;
}

/* Whether a space that names the table wants it to stay. */
static bool is_kept(const struct frame *table, vaddr_t va)
{
    const struct family *family = table->owner;
    uint32_t left = table->maps;
    struct space *s = family->spaces;

    for (; left && (s = next_naming(s, va, table)) != NULL; s = s->family_next, left--)
        if (s->tables_kept)
            return true;
    return false;
}

/* Something happened to a table of a family. */
static void note_table(struct vm *vm, enum event_kind kind, const struct family *family, vaddr_t va,
                       const struct frame *table, slot_t slot)
{
    struct event_record *e = event_plain(vm, kind);

    e->flags = EVENT_OF_FAMILY;
    e->who = family->id;
    e->where = va >> PAGE_SHIFT;
    e->frame = table ? frame_pfn(vm->pool, table) : PFN_NONE;
    e->arg = slot;
}

/* Drop a table that has no entries from all its roots. */
static void free_empty(struct vm *vm, struct frame *table)
{
    const struct family *family = table->owner;
    vaddr_t va = span_of(table);
    uint32_t left = table->maps;

    note_table(vm, EVENT_TABLE_EMPTIED, family, va, table, SLOT_NONE);
    for (struct space *s = family->spaces, *next; left && (s = next_naming(s, va, table)) != NULL; s = next) {
        next = s->family_next;
        left--;
        if (pt_drop_table(&s->pt, va))
            frame_free_clean(vm->pool, table);
    }
    vm->stats.tables_emptied++;
}

/* Let an idle table be a page in the swap cache, and its roots name its slot. False: swap is full. */
static bool put_out(struct vm *vm, struct frame *f)
{
    const struct family *family = f->owner;
    const pte_t *e = pt_table_entries(vm->pool, f);
    const struct frame table = *f;
    vaddr_t va = span_of(f);

    frame_retype(vm->pool, f, FRAME_ANON);
    f->owner = NULL;
    f->slot = SLOT_NONE;
    f->index = 0;
    f->used = 0;
    f->flags &= (uint16_t)~FRAME_F_REFERENCED;
    f->pins = 1;
    if (!swap_assign(vm, f)) {
        frame_retype(vm->pool, f, FRAME_TABLE);
        *f = table;
        return false;
    }
    for (struct space *s = family->spaces; f->maps && (s = next_naming(s, va, f)) != NULL;
         s = s->family_next) {
        pt_put_out(&s->pt, va, f->slot);
        swap_ref(vm, f->slot);
    }
    mm_assert(f->maps == 0, "table %u at %x has %u roots that nobody shows", frame_pfn(vm->pool, f), va,
              f->maps);
    note_out(vm, f->slot, table.used, sum_of(e));
    vm_frame_list(vm, f);
    vm->stats.tables_out++;
    note_table(vm, EVENT_TABLE_OUT, family, va, f, f->slot);
    return true;
}

unsigned table_put_out(struct vm *vm, struct frame **out, unsigned max, unsigned *freed)
{
    struct frame_list *idle = &vm->tables.idle;
    uint32_t looks = idle->count < LOOKS ? idle->count : LOOKS;
    unsigned n = 0;

    if (vm->exact)
        return 0;
    for (; looks && n < max; looks--) {
        struct frame *f = pfn_frame(vm->pool, idle->head);

        frame_list_remove(vm->pool, idle, f);
        f->flags &= (uint16_t)~FRAME_F_IDLE;
        if (!pt_idle(f))
            continue; /* it will be listed when it is idle again */
        if (!(f->flags & FRAME_F_REFERENCED) && !is_kept(f, span_of(f))) {
            if (!f->used) {
                free_empty(vm, f);
                ++*freed;
                continue;
            }
            if (put_out(vm, f)) {
                out[n++] = f;
                continue;
            }
            max = n; /* there is no slot for the next one either */
        }
        f->flags = (uint16_t)((f->flags & ~FRAME_F_REFERENCED) | FRAME_F_IDLE);
        frame_list_push_tail(vm->pool, idle, f);
    }
    return n;
}

void table_count_shared(struct vm *vm, const struct pt *pt)
{
    for (vaddr_t va = 0; (va = pt_next_out(pt, va, SPACE_HI)) < SPACE_HI; va += PT_SPAN)
        swap_ref(vm, pt_out_slot(pt, va));
}

/* --- in --- */

/* Whether entries can be those of the table that went to the slot. */
static bool is_sound(struct vm *vm, slot_t slot, const pte_t *e)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < PT_TABLE_ENTRIES; i++) {
        if (pte_empty(e[i]))
            continue;
        if (!pte_is_swap(e[i]) || !swap_valid(vm, pte_slot(e[i])) || !swap_count(vm, pte_slot(e[i])) ||
            swap_entries(vm, pte_slot(e[i])))
            return false;
        n++;
    }
    return n == swap_entries(vm, slot);
}

static bool span_is_out(const struct space *s, vaddr_t va, slot_t slot)
{
    return pt_span(&s->pt, va) == PT_OUT && pt_out_slot(&s->pt, va) == slot;
}

/* What came from the disk is not what was written. */
static int unsound(struct vm *vm, slot_t slot)
{
    if (!swap_bad(vm, slot))
        swap_slot_retire(&vm->swap, slot, "page table");
    return -EIO;
}

/* Whether a page in the swap cache can become the frame of a table. */
static bool can_become_table(const struct vm *vm, const struct frame *f)
{
    return f->use == FRAME_ANON && frame_is_low(vm->pool, frame_pfn(vm->pool, f)) && f->pins == 1 &&
           !(f->flags & SWAP_IO_FLAGS) && !frame_kernel_full(vm->pool);
}

/* Read the table into one of the last frames, without the swap cache. */
static int fetch_urgent(struct vm *vm, slot_t slot, struct table_fetched *t, bool *read)
{
    /* no reclaim: it has been tried */
    struct frame *f = frame_alloc(vm->pool, FRAME_TABLE, FRAME_LOW_ONLY | FRAME_RESERVE);
    int err;

    if (!f)
        return -ENOMEM;
    *read = true;
    t->page = t->table = f;
    t->ins = vm->stats.tables_in;
    err = swap_read(vm, slot, f);
    if (err)
        table_install(vm, NULL, 0, t);
    return err;
}

int table_fetch(struct vm *vm, slot_t slot, bool urgent, struct table_fetched *t, bool *read)
{
    int err;

    *t = (struct table_fetched){.slot = slot, .ins = vm->stats.tables_in};
    err = swap_fetch(vm, slot, &t->page, read);
    if (err == -ENOMEM && urgent)
        return fetch_urgent(vm, slot, t, read);
    if (err || can_become_table(vm, t->page))
        return err;
    t->table = vm_frame_alloc(vm, FRAME_TABLE, FRAME_LOW_ONLY);
    if (t->table)
        return 0;
    table_install(vm, NULL, 0, t);
    return -ENOMEM;
}

/* The page in the swap cache becomes a table's frame. Its slot has no names any more. */
static void become_table(struct vm *vm, struct frame *f)
{
    if (f->slot != SLOT_NONE)
        swap_uncache(vm, f);
    if (f->flags & FRAME_F_LISTED)
        vm_frame_unlist(vm, f);
    frame_retype(vm->pool, f, FRAME_TABLE);
    f->flags = 0;
    f->order = 0;
    f->pins = 0;
}

/* Whether what was fetched is the table that is out in its slot now. The table may have come in meanwhile,
 * changed, and gone to the same slot; but not past a page that we have pinned in the swap cache. */
static bool is_current(const struct vm *vm, const struct table_fetched *t)
{
    return t->page == t->table ? t->ins == vm->stats.tables_in : t->page->slot == t->slot;
}

/* All roots that say that the table of va's span is out in t->slot name it again. */
static int install(struct vm *vm, struct space *s, vaddr_t va, struct table_fetched *t)
{
    const struct family *family = s->family;
    uint32_t roots = swap_count(vm, t->slot);
    struct frame *table = t->table;
    pfn_t page = frame_pfn(vm->pool, t->page);
    pte_t *e = window_open(vm->pool, page);
    bool sound = is_sound(vm, t->slot, e);
    uint64_t sum = sum_of(e);

    window_close(vm->pool, e);
    if (!sound)
        return unsound(vm, t->slot);
    if (!table && !can_become_table(vm, t->page))
        return -EAGAIN;
    if (table && table != t->page)
        frame_copy(vm->pool, frame_pfn(vm->pool, table), page);
    note_in(vm, t->slot, sum);
    for (uint32_t i = 0; i < roots; i++)
        swap_unref(vm, t->slot);
    if (!table) {
        table = t->page;
        become_table(vm, table);
        t->page = NULL;
    } else if (table == t->page) {
        t->page = NULL;
    }
    t->table = NULL;
    pt_count_table(&s->pt, va, table);
    for (struct space *o = family->spaces; o; o = o->family_next)
        if (span_is_out(o, va, t->slot))
            pt_bring_in(&o->pt, va, table, roots > 1);
    mm_assert(table->maps == roots, "table at %x: %u roots of %u say that it is out", va, table->maps, roots);
    table->flags |= FRAME_F_REFERENCED;
    pt_list_idle(&s->pt, table);
    vm->stats.tables_in++;
    note_table(vm, EVENT_TABLE_IN, family, va, table, t->slot);
    return 0;
}

int table_install(struct vm *vm, struct space *s, vaddr_t va, struct table_fetched *t)
{
    int err = 0;

    nosleep_enter("the directory entries that say that the table is out");
    if (s && span_is_out(s, va, t->slot))
        err = is_current(vm, t) ? install(vm, s, va, t) : -EAGAIN;
    if (t->page && t->page != t->table) {
        t->page->pins--;
        vm_frame_drop(vm, t->page);
    }
    if (t->table)
        frame_free(vm->pool, t->table);
    *t = (struct table_fetched){0};
    nosleep_exit();
    return err;
}

int table_in(struct space *s, vaddr_t va, bool *read)
{
    might_sleep();
    while (pt_span(&s->pt, va) == PT_OUT) {
        slot_t slot = pt_out_slot(&s->pt, va);
        struct table_fetched t;
        int err = table_fetch(s->vm, slot, false, &t, read);

        if (!err)
            err = table_install(s->vm, s, va, &t);
        if (err == -ENOMEM || (err && err != -EAGAIN && span_is_out(s, va, slot)))
            return err;
    }
    return 0;
}

int table_names_area(struct vm *vm, slot_t slot, uint32_t area)
{
    struct frame *page;
    int names = swap_in(vm, slot, &page);
    pte_t *e;

    if (names)
        return names;
    nosleep_enter("the entries that are looked at");
    e = window_open(vm->pool, frame_pfn(vm->pool, page));
    if (!swap_entries(vm, slot))
        names = -EAGAIN;
    else if (!is_sound(vm, slot, e))
        names = unsound(vm, slot);
    for (uint32_t i = 0; i < PT_TABLE_ENTRIES && !names; i++)
        names = pte_is_swap(e[i]) && pte_slot(e[i]) >> SWAP_AREA_SHIFT == area;
    window_close(vm->pool, e);
    page->pins--;
    vm_frame_drop(vm, page);
    nosleep_exit();
    return names;
}

/* --- the end --- */

/* Take away the names that the entries are, and the last name of the table's slot. */
static int forget(struct vm *vm, struct space *s, vaddr_t va, slot_t slot, const struct frame *page)
{
    pte_t *e = window_open(vm->pool, frame_pfn(vm->pool, page));
    bool sound = is_sound(vm, slot, e);

    if (sound) {
        note_in(vm, slot, sum_of(e));
        for (uint32_t i = 0; i < PT_TABLE_ENTRIES; i++)
            if (!pte_empty(e[i]))
                swap_unref(vm, pte_slot(e[i]));
    }
    window_close(vm->pool, e);
    if (!sound)
        return unsound(vm, slot);
    pt_drop_out(&s->pt, va);
    swap_unref(vm, slot);
    return 0;
}

/* Stop naming a table that others name too, or that cannot be read. In the end nobody can tell what such a
 * table named. */
static void let_go(struct vm *vm, struct space *s, vaddr_t va, slot_t slot)
{
    if (swap_count(vm, slot) == 1) {
        uint32_t n = swap_entries(vm, slot);

        os_log(
            "swap: the page table of %x in space %u cannot be read: %u names of slots stay until their areas "
            "are put off",
            va, s->id, n);
        vm->tables.entries -= n;
        vm->tables.lost += n;
        vm->tables.out--;
        vm->stats.tables_lost++;
        note_table(vm, EVENT_TABLE_LOST, s->family, va, NULL, slot);
        swap_set_entries(vm, slot, 0);
    }
    pt_drop_out(&s->pt, va);
    swap_unref(vm, slot);
}

/* Without another frame. */
static int forget_reading(struct vm *vm, struct space *s, vaddr_t va, slot_t slot)
{
    uint64_t ins;
    int err = 0;

    mutex_lock(&vm->tables.lock);
    ins = vm->stats.tables_in;
    if (span_is_out(s, va, slot) && swap_count(vm, slot) == 1 && !swap_cached(vm, slot) &&
        !swap_bad(vm, slot)) {
        err = swap_read(vm, slot, vm->tables.page);
        nosleep_enter("the directory entry, and what the table names");
        if (!err && span_is_out(s, va, slot) && swap_count(vm, slot) == 1 && vm->stats.tables_in == ins)
            err = forget(vm, s, va, slot, vm->tables.page);
        nosleep_exit();
    }
    mutex_unlock(&vm->tables.lock);
    return err;
}

void table_drop_out(struct space *s, vaddr_t va)
{
    struct vm *vm = s->vm;
    bool gone = false;

    while (!gone) {
        struct frame *page = NULL;
        slot_t slot;
        int err = 0;

        might_sleep();
        if (pt_span(&s->pt, va) != PT_OUT)
            return;
        slot = pt_out_slot(&s->pt, va);
        if (swap_count(vm, slot) == 1) {
            err = swap_in(vm, slot, &page);
            if (err == -ENOMEM)
                err = forget_reading(vm, s, va, slot);
        }
        nosleep_enter("the directory entry, and what the table names");
        if (!err && page && page->slot == slot && span_is_out(s, va, slot) && swap_count(vm, slot) == 1)
            err = forget(vm, s, va, slot, page);
        if (page) {
            page->pins--;
            vm_frame_drop(vm, page);
        }
        if (span_is_out(s, va, slot) && (swap_count(vm, slot) > 1 || err == -EIO))
            let_go(vm, s, va, slot);
        gone = pt_span(&s->pt, va) != PT_OUT;
        nosleep_exit();
    }
}

void table_lose(struct vm *vm, struct space *s, vaddr_t va, slot_t slot, struct frame *table)
{
    pte_t *e = pt_table_entries(vm->pool, table);
    vaddr_t span = PT_SPAN_DOWN(va), end = span + PT_SPAN;
    uint32_t n = 0;

    for (const struct region *r = region_first_above(&s->regions, span); r && r->start < end; r = r->next) {
        vaddr_t stop = r->end < end ? r->end : end;

        if (r->flags & REGION_SHARED)
            continue; /* its object knows */
        for (vaddr_t at = r->start > span ? r->start : span; at < stop; at += PAGE_SIZE, n++)
            e[(at - span) >> PAGE_SHIFT] = pte_make_swap(SLOT_LOST);
    }
    swap_lose_unknown(vm, n);
    let_go(vm, s, span, slot);
    pt_add_table(&s->pt, span, table);
    pt_count_table(&s->pt, span, table);
    pt_list_idle(&s->pt, table);
}

/* --- looking --- */

int table_view_begin(struct table_view *v, struct space *s, vaddr_t va)
{
    int err = 0;

    *v = (struct table_view){.vm = s->vm};
    might_sleep();
    for (;;) {
        slot_t slot;

        nosleep_enter("the table that is looked at");
        switch (pt_span(&s->pt, va)) {
        case PT_NONE:
            return 0;
        case PT_OWN:
        case PT_SHARED:
            v->entries = pt_table_entries(v->vm->pool, pt_resident_table(&s->pt, va));
            v->roots = pt_resident_table(&s->pt, va)->maps;
            return 0;
        case PT_OUT:
            break;
        }
        if (err)
            return err;
        slot = pt_out_slot(&s->pt, va);
        if (v->page && v->page->slot == slot) {
            v->window = window_open(v->vm->pool, frame_pfn(v->vm->pool, v->page));
            if (!is_sound(v->vm, slot, v->window))
                return unsound(v->vm, slot);
            v->entries = v->window;
            v->roots = swap_count(v->vm, slot);
            v->out = true;
            return 0;
        }
        if (v->page) {
            v->page->pins--;
            vm_frame_drop(v->vm, v->page);
            v->page = NULL;
        }
        nosleep_exit();
        err = swap_in(v->vm, slot, &v->page);
        if (err == -EAGAIN)
            err = 0;
    }
}

void table_view_end(struct table_view *v)
{
    if (v->window)
        window_close(v->vm->pool, v->window);
    if (v->page) {
        v->page->pins--;
        vm_frame_drop(v->vm, v->page);
    }
    nosleep_exit();
}

/* Whether a page of the space's own belongs to an entry. */
static bool is_private(const struct vm *vm, pte_t e)
{
    if (pte_empty(e))
        return false;
    return pte_is_swap(e) ||
           (pte_pfn(e) != vm->zero_pfn && pfn_frame(vm->pool, pte_pfn(e))->use != FRAME_OBJECT);
}

vaddr_t table_next_private(struct space *s, vaddr_t va, vaddr_t end)
{
    bool found = false;

    while (!found && va < end) {
        vaddr_t span = pt_next_span(&s->pt, va, end), stop;
        struct table_view view;
        const pte_t *e;

        if (span >= end)
            return end;
        va = span > va ? span : va;
        stop = end - PT_SPAN_DOWN(va) < PT_SPAN ? end : PT_SPAN_DOWN(va) + PT_SPAN;
        table_view_begin(&view, s, va);
        e = table_view_entry(&view, va);
        while (e && va < stop && !is_private(s->vm, *e)) {
            va += PAGE_SIZE;
            e++;
        }
        found = e && va < stop;
        table_view_end(&view);
        va = found ? va : stop;
    }
    return va;
}

/* --- checks --- */

static bool out_verify(struct space *s, vaddr_t va)
{
    struct vm *vm = s->vm;
    slot_t slot = pt_out_slot(&s->pt, va);
    const struct frame *page;
    uint32_t roots = 0;
    bool ok = true;

    INV("INV-TABLE-1", swap_valid(vm, slot) && swap_entries(vm, slot), "space %u at %x: slot %x", s->id, va,
        slot);
    if (!ok)
        return false;
    for (const struct space *o = s->family->spaces; o; o = o->family_next)
        roots += span_is_out(o, va, slot);
    INV("INV-TABLE-1", roots == swap_count(vm, slot), "space %u at %x: slot %x, %u roots say so, count is %u",
        s->id, va, slot, roots, swap_count(vm, slot));
    page = swap_cached(vm, slot);
    if (page && !(page->flags & FRAME_F_BUSY)) {
        pte_t *e = window_open(vm->pool, frame_pfn(vm->pool, page));

        INV("INV-TABLE-4", is_sound(vm, slot, e) || swap_bad(vm, slot), "space %u at %x: slot %x in frame %u",
            s->id, va, slot, frame_pfn(vm->pool, page));
        window_close(vm->pool, e);
    }
    return ok;
}

struct held {
    struct vm *vm;
    uint32_t tables, entries;
};

static void add_slot(slot_t slot, uint32_t count, void *arg)
{
    struct held *h = arg;
    uint32_t n = swap_entries(h->vm, slot);

    (void)count;
    h->tables += !!n;
    h->entries += n;
}

bool table_verify(struct vm *vm)
{
    const struct frame_pool *p = vm->pool;
    struct held h = {.vm = vm};
    uint32_t flagged = 0, listed = 0;
    bool ok = true;

    for (struct space *s = vm->spaces; s; s = s->all_next)
        for (vaddr_t va = 0; (va = pt_next_out(&s->pt, va, SPACE_HI)) < SPACE_HI; va += PT_SPAN)
            ok &= out_verify(s, va);
    swap_each_named(vm, add_slot, &h);
    INV("INV-TABLE-2", h.tables == vm->tables.out && h.entries == vm->tables.entries,
        "%u tables with %u entries are out, says %u, %u", h.tables, h.entries, vm->tables.out,
        vm->tables.entries);
    for (pfn_t pfn = p->start; pfn < p->end; pfn++) {
        const struct frame *f = pfn_frame(p, pfn);

        flagged += f->use == FRAME_TABLE && f->flags & FRAME_F_IDLE;
    }
    for (pfn_t pfn = vm->tables.idle.head; pfn && listed <= flagged; pfn = pfn_frame(p, pfn)->next)
        listed += pfn_frame(p, pfn)->use == FRAME_TABLE && pfn_frame(p, pfn)->flags & FRAME_F_IDLE;
    INV("INV-TABLE-3", flagged == listed && listed == vm->tables.idle.count,
        "%u tables are flagged as idle, %u or more listed, says %u", flagged, listed, vm->tables.idle.count);
    return ok;
}
