/*
 * Taking an area out of swap.
 *
 * swap_off() takes the area out of the sums, so that nothing more is put there, and then looks through all
 * spaces and objects for names of its slots: each page is brought in and put where its names are. Frames that
 * still keep a slot lose it. What appears behind its back (a fork copies a table) is found by the next pass;
 * there are passes until every slot is free. Nobody keeps a slot number over a sleep but swap_in(), which is
 * counted (swap_area.readers).
 *
 * A page that cannot be read does not keep the area on. It is lost: what named its slot names SLOT_LOST from
 * now on, which belongs to no area, and whoever touches it gets a bus error, as before. (Linux's swapoff
 * leaves such a marker behind, too: PTE_MARKER_POISONED.)
 *
 * A table that is out (table.c) may lie in the area, and may name its slots wherever it lies. So every table
 * that is out is read; it is brought in if it has to do with the area. One that cannot be read is lost with
 * all of its pages. A slot that such a table named has a count, but nobody shows a name. When a pass has
 * found nothing, and no name can have moved behind its back, that is what the rest of the slots is, and they
 * are given back.
 *
 * Who is short of memory meanwhile, this task or another, and finds nothing that could be freed, puts the
 * area on again (swap_give_way(), called by reclaim and before a program would be ended), so that pages
 * can go there at once. The task here finds that out when it looks next, and fails. So it is never a
 * program that has to go because an area is taken away. Once the area is empty there is no way back: its
 * pages have found room.
 *
 * Data. struct swap_area, of which swap.c is the owner. Its states:
 *
 *     on --swap_off()--> leaving, off --empty--> leaving, off, gone --nobody reads--> freed
 *      ^                   |       |
 *      |        swap_give_way()    +--error--> on
 *      |                   v
 *      +--swap_off() fails-- leaving, on
 *
 * Locking. Nosleep sections; after each page everything is looked up again.
 *
 * Failure. No memory, or a signal: the area stays, and so do the pages that have not come back yet.
 */
#include "mm/errno.h"
#include "mm/space.h"
#include "mm/swap_parts.h"
#include "mm/table.h"

#define LEAVE_CHECK_NS 1000000u /* how long swap_off() sleeps before it looks again for who has not let go */

/* The next entry that names a slot of a: where the search goes on, and what it found. */
struct search {
    uint32_t id; /* of the space; 0: begin with the first */
    vaddr_t va;
    struct space *s;
    slot_t slot;
    bool out; /* it is the directory entry of a table that is out, maybe in another area */
};

/* Tables that are searched before others may run. */
#define TABLES_A_STEP 64u

enum found { FOUND_END, FOUND_NOTHING_YET, FOUND_ENTRY };

/* Whether e names a slot of a. */
static inline bool names_area(const struct swap_area *a, pte_t e)
{
    return pte_is_swap(e) && pte_slot(e) >> SWAP_AREA_SHIFT == a->index;
}

/* From f->va on in the space, in so many tables at most, which it counts down; f->va: where it is, or where
 * to go on. */
static bool find_in_space(const struct swap_area *a, struct search *f, unsigned *tables)
{
    vaddr_t va = f->va;

    for (vaddr_t span; (span = pt_next_span(&f->s->pt, va, SPACE_HI)) < SPACE_HI; va = span + PT_SPAN) {
        if (va < span)
            va = span;
        if (!*tables) {
            f->va = va;
            return false;
        }
        --*tables;
        f->out = pt_span(&f->s->pt, va) == PT_OUT;
        if (f->out) {
            f->va = va;
            f->slot = pt_out_slot(&f->s->pt, va);
            return true;
        }
        for (const pte_t *e = pt_resident_entry(&f->s->pt, va); va < span + PT_SPAN; va += PAGE_SIZE, e++)
            if (names_area(a, *e)) {
                f->va = va;
                f->slot = pte_slot(*e);
                return true;
            }
    }
    f->va = SPACE_HI;
    return false;
}

/* From the last place on, in one step. The list of spaces may have changed since. */
static enum found find_entry(struct vm *vm, const struct swap_area *a, struct search *f)
{
    unsigned tables = TABLES_A_STEP;

    f->s = vm->spaces;
    while (f->id && f->s && f->s->id != f->id)
        f->s = f->s->all_next;
    if (f->id && !f->s) { /* it has gone, so the search begins again */
        f->s = vm->spaces;
        f->va = 0;
    }
    for (; f->s; f->s = f->s->all_next, f->va = 0) {
        f->id = f->s->id;
        if (find_in_space(a, f, &tables))
            return FOUND_ENTRY;
        if (!tables)
            return FOUND_NOTHING_YET;
    }
    return FOUND_END;
}

/* Whether the area must not be emptied any longer: 0, -ENOMEM (somebody needs it) or -EINTR. */
static int must_stop(const struct vm *vm, const struct swap_area *a, bool (*stop)(void))
{
    if (!a->off)
        return -ENOMEM;
    return vm_dying(vm) || (stop && stop()) ? -EINTR : 0;
}

/* Let go of a frame that was brought back: of its slot too, as soon as that can be. */
static void let_go(struct vm *vm, struct frame *f, slot_t slot)
{
    if (f->slot == slot && !swap_count(vm, slot) && !(f->flags & SWAP_IO_FLAGS))
        swap_uncache(vm, f);
    f->pins--;
    vm_frame_drop(vm, f);
}

/* Whether what was found before a sleep is still there, and the same. Nosleep. */
static bool find_again(struct vm *vm, const struct swap_area *a, struct search *at)
{
    struct search was = *at;

    return find_entry(vm, a, at) == FOUND_ENTRY && at->id == was.id && at->slot == was.slot &&
           at->out == was.out;
}

/* The table that is out cannot be read: its space gets another, whose pages are lost. */
static int lose_table(struct vm *vm, const struct swap_area *a, struct search *at)
{
    slot_t slot = at->slot;
    struct frame *table = table_alloc(vm);

    if (!table)
        return -ENOMEM;
    nosleep_enter("the directory entry that names the slot");
    if (find_again(vm, a, at) && swap_bad(vm, slot)) {
        table_lose(vm, at->s, at->va, slot, table);
        table = NULL;
    }
    nosleep_exit();
    if (table)
        frame_free_clean(vm->pool, table);
    return 0;
}

/* A table that is out: bring it in if it has to do with the area. found: it has. */
static int see_table(struct vm *vm, const struct swap_area *a, struct search *at, bool *found)
{
    slot_t slot = at->slot;
    bool read = false;
    int err = slot >> SWAP_AREA_SHIFT == a->index ? 1 : table_names_area(vm, slot, a->index);
    struct table_fetched t;

    if (err == 0) {
        at->va = PT_SPAN_DOWN(at->va) + PT_SPAN;
        return 0;
    }
    *found = true;
    if (err == 1)
        err = table_fetch(vm, slot, false, &t, &read);
    /* The question is asked again, since its answer may have become another while we slept. */
    if (!err) {
        struct space *s = find_again(vm, a, at) ? at->s : NULL;

        err = table_install(vm, s, at->va, &t);
    }
    return err == -EIO ? lose_table(vm, a, at) : err;
}

/* The page of the slot that an entry names cannot be read. */
static void lose_entry(struct vm *vm, const struct swap_area *a, struct search *at)
{
    slot_t slot = at->slot;

    nosleep_enter("the entry that names the slot");
    if (find_again(vm, a, at) && swap_is_lost(vm, slot))
        rmap_lose(at->s, at->va);
    nosleep_exit();
}

/* Put back what entries name. */
static int empty_spaces(struct vm *vm, struct swap_area *a, bool (*stop)(void), bool *found)
{
    struct search at = {0};
    enum found what;

    while ((what = find_entry(vm, a, &at)) != FOUND_END) {
        struct frame *f;
        int err = must_stop(vm, a, stop);
        slot_t slot;

        if (err)
            return err;
        might_sleep();
        if (what == FOUND_NOTHING_YET)
            continue;
        if (at.out) {
            err = see_table(vm, a, &at, found);
            if (err && err != -EAGAIN)
                return err;
            continue;
        }
        *found = true;
        slot = at.slot;
        err = swap_in(vm, slot, &f);
        if (err == -EIO)
            lose_entry(vm, a, &at);
        else if (err && err != -EAGAIN)
            return err;
        if (err)
            continue;
        nosleep_enter("the entry that names the slot");
        /* The question is asked again, since its answer may have become another while we slept. */
        if (f->slot == slot && find_again(vm, a, &at))
            rmap_restore(vm, at.s, at.va, f);
        let_go(vm, f, slot);
        nosleep_exit();
    }
    return 0;
}

static int empty_object(struct object *o, const struct swap_area *a, bool (*stop)(void), bool *found)
{
    uint32_t index = 0;
    uintptr_t word;

    for (; (word = radix_next(&o->index, &index)) != 0 && index < o->pages; index++) {
        struct frame *f;
        slot_t slot = OBJECT_ENTRY_VALUE(word);
        int err;

        if (!OBJECT_IS_SLOT(word) || slot >> SWAP_AREA_SHIFT != a->index)
            continue;
        *found = true;
        err = must_stop(o->vm, a, stop);
        if (err)
            return err;
        err = object_page(o, index, &f);
        if (err == -ERANGE)
            break;
        if (err == -EIO && object_slot(o, index) == slot && swap_is_lost(o->vm, slot)) {
            object_lose_page(o, index);
            continue;
        }
        if (err == -EIO)
            continue;
        if (err)
            return err;
        nosleep_enter("the frame's slot");
        let_go(o->vm, f, slot);
        nosleep_exit();
    }
    return 0;
}

/* The first object from o on that is not about to die, referenced. */
static struct object *first_live(struct object *o)
{
    while (o && !o->refs)
        o = o->next;
    return o ? object_get(o) : NULL;
}

static int empty_objects(struct vm *vm, const struct swap_area *a, bool (*stop)(void), bool *found)
{
    struct object *o = first_live(vm->objects), *next;
    int err = 0;

    for (; o; o = next) {
        if (!err)
            err = empty_object(o, a, stop, found);
        next = err ? NULL : first_live(o->next);
        object_put(o);
    }
    return err;
}

/* Take the slots away from frames that merely keep them. */
static int empty_cache(struct vm *vm, struct swap_area *a, bool (*stop)(void))
{
    for (uint32_t page = 1; page < swap_area_end(a); page++) {
        const struct swap_slot *s = swap_area_slot(a, page);

        while (s->frame != PFN_NONE && !s->count) {
            struct frame *f = pfn_frame(vm->pool, s->frame);
            int err = must_stop(vm, a, stop);

            if (err)
                return err;
            if (f->flags & SWAP_IO_FLAGS) {
                swap_finish(vm, false, false);
                uint32_t irq = os_irq_save();

                if (s->frame != PFN_NONE && f->flags & SWAP_IO_FLAGS && !vm->swap.io_done)
                    os_sleep(&vm->swap.io_wait);
                os_irq_restore(irq);
                continue;
            }
            nosleep_enter("the frame's slot");
            swap_uncache(vm, f);
            vm_frame_drop(vm, f);
            nosleep_exit();
        }
    }
    return 0;
}

/* A number that changes when names of slots may have moved from one place to another, in memory or out. */
static uint64_t moves(const struct vm *vm)
{
    return vm->stats.tables_out + vm->stats.tables_in + vm->stats.tables_split + vm->stats.moves;
}

/* Nobody shows the names that slots of the area still have: give back what tables named that were lost. */
static void give_lost(struct vm *vm, struct swap_area *a)
{
    for (const struct object *o = vm->objects; o; o = o->next)
        if (!o->refs)
            return; /* its end is not done, and it may be what has the names */
    for (uint32_t page = 1; page < swap_area_end(a); page++)
        while (swap_area_slot(a, page)->count && vm->tables.lost) {
            vm->tables.lost--;
            vm->tables.names -= table_mix(swap_slot_number(a, page));
            swap_unref(vm, swap_slot_number(a, page));
        }
}

/* Take the area in or out of the sums. */
static void area_set_off(struct swap *sw, struct swap_area *a, bool off)
{
    uint32_t good = a->pages - 1 - a->bad;

    sw->free += off ? 0u - a->free : a->free;
    sw->total += off ? 0u - good : good;
    a->off = off;
}

bool swap_give_way(struct vm *vm)
{
    bool any = false;

    for (uint32_t i = 0; i < SWAP_AREAS; i++) {
        struct swap_area *a = vm->swap.area[i];

        if (!a || !a->off || a->gone)
            continue;
        os_log("swap: %s: stays on, since memory is needed", a->dev->name);
        area_set_off(&vm->swap, a, false);
        any = true;
    }
    return any;
}

/* Sleep until somebody may have let go of the area. */
static void wait_a_moment(struct swap *sw)
{
    uint32_t irq = os_irq_save();

    os_sleep_until(&sw->io_wait, os_now_ns() + LEAVE_CHECK_NS);
    os_irq_restore(irq);
}

/* Until it is empty, or that cannot be. */
static int empty_area(struct vm *vm, struct swap_area *a, bool (*stop)(void))
{
    int err = 0;

    while (!err && !swap_area_is_empty(a)) {
        uint64_t before = moves(vm);
        bool found = false; /* something that names the area */

        err = empty_spaces(vm, a, stop, &found);
        if (!err)
            err = empty_objects(vm, a, stop, &found);
        if (!err)
            err = empty_cache(vm, a, stop);
        if (!err)
            err = must_stop(vm, a, stop);
        if (!err && !found && !swap_area_is_empty(a) && moves(vm) == before && vm->tables.lost)
            give_lost(vm, a);
        if (!err && !found && !swap_area_is_empty(a))
            wait_a_moment(&vm->swap); /* somebody is about to let go of the rest */
    }
    /* Nothing is put there if it has been off up to now. */
    return err || a->off ? err : -ENOMEM;
}

int swap_off(struct vm *vm, struct block_device *dev, bool (*stop)(void))
{
    struct swap *sw = &vm->swap;
    struct swap_area *a = NULL;
    int err;

    might_sleep();
    for (uint32_t i = 0; i < SWAP_AREAS; i++)
        if (sw->area[i] && sw->area[i]->dev == dev && !sw->area[i]->leaving)
            a = sw->area[i];
    if (!a)
        return -EINVAL;
    a->leaving = true;
    area_set_off(sw, a, true);
    if (vm->overcommit == COMMIT_STRICT && vm->committed > commit_limit(vm))
        err = -ENOMEM;
    else
        err = empty_area(vm, a, stop);
    if (err) {
        if (a->off)
            area_set_off(sw, a, false);
        a->leaving = false;
        return err;
    }
    a->gone = true;
    while (a->readers)
        wait_a_moment(sw);
    if (a->lost)
        os_log("swap: %s: off; %u names of its pages are lost, which could not be read", dev->name, a->lost);
    else
        os_log("swap: %s: off", dev->name);
    sw->area[a->index] = NULL;
    swap_area_free(vm->pool, a);
    return 0;
}
