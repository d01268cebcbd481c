/*
 * Objects: pages by index behind a pager.
 *
 * Purpose. One place where the pages of a file or of shared memory live, whoever maps them; and one function,
 * object_page(), that makes a page resident, whatever it takes.
 *
 * Data. The index (a radix tree) is the truth: a word is empty (the pager makes the page), names a resident
 * frame, or names a swap slot. The index is one name of that slot and counts once. Page-table entries are
 * a cache of it. A resident frame is FRAME_OBJECT with owner and index set, and on the vm's pageable list
 * unless it is BUSY. It is not counted for being in the index: `maps` counts entries, `pins` short-term
 * users, and the frame lives as long as the index names it.
 *
 *     empty --pager get--> frame --object_page_to_slot--> slot
 *       ^                  |   ^                           |
 *       +--- drop (clean) -+   +--------- swap_in ---------+
 *
 * A page whose slot cannot be read stays there, and becomes SLOT_LOST when the slot's area is taken off. Then
 * only discarding it makes the word empty.
 *
 * A frame that came from a slot stays in the swap cache with count 0, as a clean copy that need not be
 * written again: then the frame's slot and the index word name each other through the frame.
 *
 * Filling. The frame enters the index BUSY with one pin, the filler's, before the pager is called, so that
 * whoever wants the page meanwhile finds it and sleeps (swap_pause()). Waiters hold no pin and look again
 * from the start when they wake: if the pager failed, the frame is gone.
 *
 * Locking. One processor: sections that do not sleep; after each call that may sleep (allocation, swap_in(),
 * the pager) the index is read again. Who has a reference keeps the object alive meanwhile.
 *
 * Invariants.
 *   INV-OBJECT-1  resident and swapped are the numbers of frame words and slot words in the index, SLOT_LOST
 *                 left out
 *   INV-OBJECT-2  a frame word names a frame of use OBJECT whose owner and index lead back here
 *   INV-OBJECT-3  that frame is BUSY with a pin, or on the pageable list
 *   INV-OBJECT-4  a slot word names a slot that is used and counted
 *   INV-OBJECT-5  no word lies at or beyond the size, unless object_resize() is just removing it
 *   INV-OBJECT-6  the regions on the list name this object, their links agree, and they are at most refs
 *   INV-OBJECT-7  if precious pages are charged one at a time, `charged` is the number of slot words, and of
 *                 frame words whose frame is marked PRECIOUS
 *   INV-RADIX-*   the index is sound
 *   INV-OBJECT-8  `writers` counts the regions on the list that are REGION_WRITER
 *
 * Failure. object_page(): -ERANGE beyond the size, -EIO from the pager or the disk, -ENOMEM. None leaves a
 * trace in the index. A word that has once been stored can be changed without memory, so eviction cannot
 * fail.
 *
 * Source. The pager contract is that of Mach's memory objects and SunOS's segments (Gingell, Moran and
 * Shannon 1987), reduced to a few calls, as in OpenBSD's uvm_pager.h; "precious" is Mach's word.
 */
#include "mm/object.h"
#include "mm/errno.h"
#include "mm/rmap.h"
#include "mm/space.h"
#include "mm/table.h"

#define IO_FLAGS (FRAME_F_BUSY | FRAME_F_WRITEBACK)
/* Pages, and entries of private copies, that are freed before others may run. */
#define PAGES_A_STEP  512u
#define COPIES_A_STEP 2048u
/* How long somebody sleeps who waits for a page, before he looks again whether a pin has ended. */
#define QUIET_CHECK_NS 1000000u

static inline void count_resident(struct object *o, int n)
{
    o->resident += (uint32_t)n;
    if (!object_is_shmem(o))
        o->vm->file_pages += (uint32_t)n;
}

static inline struct frame *word_frame(const struct object *o, uintptr_t word)
{
    return pfn_frame(o->vm->pool, OBJECT_ENTRY_VALUE(word));
}

static inline uintptr_t frame_word(const struct object *o, const struct frame *f)
{
    return OBJECT_ENTRY_FRAME(frame_pfn(o->vm->pool, f));
}

/* Replace a word that exists. */
static void overwrite(struct object *o, uint32_t index, uintptr_t word)
{
    int err = radix_set(&o->index, index, word);

    mm_assert(!err, "%s: page %u was not in the index", o->name, index);
}

static void wake_waiters(struct vm *vm, const struct frame *f)
{
    uint32_t s = os_irq_save();

    os_wake_all(vm_page_queue(vm, f));
    os_irq_restore(s);
}

struct object *object_create(struct vm *vm, const struct pager *pager, uint32_t pages, const char *name)
{
    struct object *o = vm_cache_alloc(vm, &vm->object_cache);

    if (!o)
        return NULL;
    *o = (struct object){
        .vm = vm, .pager = pager, .refs = 1, .pages = pages, .name = name, .id = ++vm->next_object_id};
    radix_init(&o->index, &vm->radix_cache);
    o->next = vm->objects;
    if (o->next)
        o->next->prev = o;
    vm->objects = o;
    return o;
}

struct object *object_create_image(struct vm *vm, const void *image, size_t size, const char *name)
{
    struct object *o = object_create(vm, &pager_image, (uint32_t)PAGES_OF(size), name);

    if (!o)
        return NULL;
    object_set_image(o, image, false, size);
    return o;
}

void object_set_image(struct object *o, const void *image, bool high, size_t size)
{
    o->image = image;
    o->image_high = high;
    o->image_size = size;
}

uint32_t object_filled(const struct object *o)
{
    uint32_t index = (uint32_t)PAGES_OF((uint64_t)o->image_size), n = index;

    if (!n)
        return o->resident + o->swapped;
    for (; index < o->pages && radix_next(&o->index, &index); index++)
        n++;
    return n;
}

struct object *object_get(struct object *o)
{
    mm_assert(o->refs > 0, "%s", o->name);
    o->refs++;
    return o;
}

/* Whether somebody works with f, or the disk does. */
static bool in_use(const struct frame *f)
{
    return f->pins || f->flags & IO_FLAGS;
}

/* Wait a while for whoever works with f: he is about to let it go. We have no pin, or several who wait here
 * would wait for each other. So f may be something else by now, and only the index says what is. */
static void wait_quiet(struct vm *vm, const struct frame *f)
{
    uint32_t s;

    might_sleep();
    swap_poll(vm, false);
    s = os_irq_save();
    if (in_use(f) && !vm->swap.io_done)
        os_sleep_until(vm_page_queue(vm, f), os_now_ns() + QUIET_CHECK_NS);
    os_irq_restore(s);
}

/* Count a page as precious. */
static int count_precious(struct object *o, uint32_t index)
{
    int err = 0;

    if (o->charge_each && commit_charge(o->vm, 1))
        return -ENOSPC;
    if (o->pager->take)
        err = o->pager->take(o, index);
    if (err && o->charge_each)
        commit_release(o->vm, 1);
    if (!err)
        o->charged += o->charge_each;
    return err;
}

static void uncount_precious(struct object *o, uint32_t index)
{
    if (o->charge_each) {
        commit_release(o->vm, 1);
        o->charged--;
    }
    if (o->pager->drop)
        o->pager->drop(o, index);
}

int object_make_precious_slow(struct object *o, struct frame *f)
{
    int err = count_precious(o, f->index);

    mm_assert(f->use == FRAME_OBJECT && f->owner == o, "%s: frame of use %u", o->name, f->use);
    if (!err)
        f->flags |= FRAME_F_PRECIOUS;
    return err;
}

/* Free what a word of the index names; if it is a frame, nobody works with it and no entry names it. Does
 * not sleep. */
static void discard(struct object *o, uint32_t index, uintptr_t word)
{
    struct vm *vm = o->vm;
    struct frame *f;

    if (OBJECT_IS_FRAME(word)) {
        f = word_frame(o, word);
        mm_assert(!f->maps, "%s: page %u (frame %u) still has %u entries", o->name, index,
                  OBJECT_ENTRY_VALUE(word), f->maps);
    }
    if (OBJECT_IS_SLOT(word) || word_frame(o, word)->flags & FRAME_F_PRECIOUS)
        uncount_precious(o, index);
    radix_clear(&o->index, index);
    if (OBJECT_IS_FRAME(word)) {
        count_resident(o, -1);
        if (f->slot != SLOT_NONE)
            swap_uncache(vm, f);
        vm_frame_release(vm, f);
    } else if (word) {
        o->swapped -= OBJECT_ENTRY_VALUE(word) != SLOT_LOST;
        swap_unref(vm, OBJECT_ENTRY_VALUE(word));
    }
}

void object_discard(struct object *o, uint32_t first, uint32_t end)
{
    struct vm *vm = o->vm;
    uint32_t index = first;
    uintptr_t word;

    might_sleep();
    while ((word = radix_next(&o->index, &index)) != 0 && index < end) {
        if (OBJECT_IS_FRAME(word)) {
            struct frame *f = word_frame(o, word);

            if (in_use(f)) {
                wait_quiet(vm, f);
                continue; /* it may have got entries meanwhile, or have gone */
            }
            nosleep_enter("the entries that name the page");
            rmap_unmap(vm, f);
            nosleep_exit();
        }
        discard(o, index, word);
        if (index % PAGES_A_STEP == 0)
            might_sleep();
        if (++index == 0)
            break;
    }
}

int object_punch(struct object *o, uint32_t first, uint32_t end)
{
    if (end > o->pages)
        end = o->pages;
    if (first >= end)
        return 0;
    if (o->pager->punch)
        return o->pager->punch(o, first, end);
    object_discard(o, first, end);
    return 0;
}

void object_put(struct object *o)
{
    struct vm *vm = o->vm;
    uint32_t index = 0;
    uintptr_t word;

    mm_assert(o->refs > 0, "%s", o->name);
    if (--o->refs)
        return;
    might_sleep();
    mm_assert(!o->regions, "%s: a region still maps it", o->name);
    while ((word = radix_next(&o->index, &index)) != 0) {
        if (OBJECT_IS_FRAME(word) && in_use(word_frame(o, word))) {
            wait_quiet(vm, word_frame(o, word));
            continue; /* it may have gone to its slot meanwhile */
        }
        discard(o, index, word);
        if (index % PAGES_A_STEP == 0)
            might_sleep();
    }
    commit_release(vm, o->charged);
    o->charged = 0;
    if (o->pager->destroy)
        o->pager->destroy(o);
    if (o->prev)
        o->prev->next = o->next;
    else
        vm->objects = o->next;
    if (o->next)
        o->next->prev = o->prev;
    cache_free(&vm->object_cache, o);
}

/* Bring in the tables that may have entries of private copies of pages [first, end). What cannot be had,
 * since even the last frames are in use, keeps its entries. Sleeps; nothing sleeps after the last look. */
static void bring_copies(struct object *o, uint32_t first, uint32_t end)
{
    struct vm *vm = o->vm;
    struct space *s;
    vaddr_t va;

    while (rmap_copies_out(o, first, end, &s, &va)) {
        slot_t slot = pt_out_slot(&s->pt, va);
        struct table_fetched t;
        bool read = false;
        int err = table_fetch(vm, slot, true, &t, &read);

        if (err == -ENOMEM)
            return;
        if (err)
            continue;
        /* Others may have come first, or the mapping has gone. */
        if (!rmap_copies_out(o, first, end, &s, &va) || pt_out_slot(&s->pt, va) != slot)
            s = NULL;
        if (table_install(vm, s, va, &t) == -EIO)
            return;
    }
}

void object_resize(struct object *o, uint32_t pages)
{
    uint32_t end = o->pages;

    o->pages = pages;
    if (end <= pages)
        return;
    for (uint32_t first; o->regions && end > pages; end = first) {
        first = end - pages > COPIES_A_STEP ? end - COPIES_A_STEP : pages;
        bring_copies(o, first, end);
        nosleep_enter("the lists of regions and their tables");
        rmap_forget_copies(o, first, end);
        nosleep_exit();
        might_sleep();
    }
    object_discard(o, pages, UINT32_MAX);
}

void object_attach(struct object *o, struct region *r)
{
    mm_assert(r->object == o, "%s", o->name);
    r->object_prev = NULL;
    r->object_next = o->regions;
    if (r->object_next)
        r->object_next->object_prev = r;
    o->regions = r;
    o->writers += !!(r->flags & REGION_WRITER);
}

void object_detach(struct object *o, struct region *r)
{
    if (r->object_prev)
        r->object_prev->object_next = r->object_next;
    else
        o->regions = r->object_next;
    if (r->object_next)
        r->object_next->object_prev = r->object_prev;
    r->object_next = r->object_prev = NULL;
    o->writers -= !!(r->flags & REGION_WRITER);
}

struct frame *object_resident(struct object *o, uint32_t index)
{
    return unlikely(index >= o->pages) ? NULL
                                       : object_word_frame(o->vm->pool->frames, radix_get(&o->index, index));
}

/*
 * Let the cache have the nodes that an entry at index needs, waiting for memory if need be. They are there
 * until somebody else takes them, so the caller uses them before it sleeps. If memory is out, radix_set()
 * will say so.
 */
static void stock_nodes(struct object *o, uint32_t index)
{
    struct cache *nodes = &o->vm->radix_cache;
    struct stocked {
        struct stocked *next;
    } *chain = NULL, *n;
    uint32_t stocked = 0;

    while (stocked < radix_missing(&o->index, index)) {
        n = vm_cache_alloc(o->vm, nodes);
        if (!n)
            break;
        n->next = chain;
        chain = n;
        stocked++;
    }
    while ((n = chain) != NULL) {
        chain = n->next;
        cache_free(nodes, n);
    }
}

/* The page is nowhere: enter a fresh frame, and let the pager fill it. -EAGAIN: look again. */
static int fill(struct object *o, uint32_t index, struct frame **out, bool *read)
{
    struct vm *vm = o->vm;
    struct frame *f = vm_frame_alloc(vm, FRAME_OBJECT, 0);
    int err;

    if (!f)
        return -ENOMEM;
    stock_nodes(o, index);
    if (index >= o->pages || radix_get(&o->index, index)) {
        vm_frame_release(vm, f);
        return -EAGAIN;
    }
    err = radix_set(&o->index, index, frame_word(o, f));
    if (err) {
        vm_frame_release(vm, f);
        return err;
    }
    count_resident(o, 1);
    f->owner = o;
    f->index = index;
    f->flags |= FRAME_F_BUSY;
    f->pins = 1;

    err = o->pager->has(o, index) ? 0 : object_make_precious_slow(o, f);
    if (!err) {
        *read |= o->pager->reads;
        err = o->pager->get(o, index, f);
        if (err && f->flags & FRAME_F_PRECIOUS)
            uncount_precious(o, index);
    }
    f->flags &= (uint16_t)~FRAME_F_BUSY;
    if (err) {
        f->flags &= (uint16_t)~FRAME_F_PRECIOUS;
        mm_assert(f->pins == 1, "%s: page %u: %u pins while it was filled", o->name, index, f->pins);
        radix_clear(&o->index, index);
        count_resident(o, -1);
        f->pins = 0;
        vm_frame_release(vm, f);
    } else {
        vm_frame_list(vm, f);
        *out = f;
    }
    wake_waiters(vm, f);
    return err;
}

/* The page is in a slot: bring it in and let the index name the frame. -EAGAIN: look again. */
static int page_from_slot(struct object *o, uint32_t index, uintptr_t word, struct frame **out, bool *read)
{
    slot_t slot = OBJECT_ENTRY_VALUE(word);
    struct vm *vm = o->vm;
    struct frame *f;
    int err = swap_fetch(vm, slot, &f, read);

    /* We slept, so the slot may be another page's by now, and so may its error. */
    if (err != -ENOMEM && radix_get(&o->index, index) != word) {
        if (!err) {
            frame_unpin(f);
            vm_frame_drop(vm, f);
        }
        return -EAGAIN;
    }
    if (err)
        return err;
    /* The frame becomes ours before the name goes, since with the last name the slot keeps only a frame that
     * is in use. */
    frame_retype(vm->pool, f, FRAME_OBJECT);
    f->owner = o;
    f->index = index;
    f->flags |= FRAME_F_PRECIOUS;
    overwrite(o, index, frame_word(o, f));
    count_resident(o, 1);
    o->swapped--;
    swap_unref(vm, slot);
    *out = f;
    return 0;
}

int object_fetch(struct object *o, uint32_t index, struct frame **out, bool *read)
{
    might_sleep();
    for (;;) {
        uintptr_t word = radix_get(&o->index, index);
        int err;

        if (index >= o->pages)
            return -ERANGE;
        if (OBJECT_IS_FRAME(word)) {
            struct frame *f = word_frame(o, word);

            if (!(f->flags & FRAME_F_BUSY)) {
                frame_pin(f);
                vm_frame_touch(o->vm, f);
                *out = f;
                return 0;
            }
            os_memstall_enter(); /* another brings it: mostly from its slot */
            swap_pause(o->vm, f);
            os_memstall_leave();
            continue;
        }
        err = word ? page_from_slot(o, index, word, out, read) : fill(o, index, out, read);
        if (err != -EAGAIN)
            return err;
    }
}

bool object_can_drop(const struct frame *f)
{
    if (f->maps || f->pins || f->flags & (IO_FLAGS | FRAME_F_DIRTY))
        return false;
    return f->slot != SLOT_NONE || !(f->flags & FRAME_F_PRECIOUS);
}

void object_page_to_slot(struct object *o, struct frame *f)
{
    mm_assert(f->use == FRAME_OBJECT && f->owner == o && f->slot != SLOT_NONE && !f->maps &&
                  (f->flags & (FRAME_F_BUSY | FRAME_F_PRECIOUS)) == FRAME_F_PRECIOUS,
              "%s: page %u: use %u, slot %x, %u entries, flags %x", o->name, f->index, f->use, f->slot,
              f->maps, f->flags);
    swap_ref(o->vm, f->slot);
    overwrite(o, f->index, OBJECT_ENTRY_SLOT(f->slot));
    count_resident(o, -1);
    o->swapped++;
    frame_retype(o->vm->pool, f, FRAME_ANON);
    f->owner = NULL;
    f->index = 0;
    f->flags &= (uint16_t)~FRAME_F_PRECIOUS;
}

void object_lose_page(struct object *o, uint32_t index)
{
    slot_t slot = object_slot(o, index);
    struct event_record *e = event_plain(o->vm, EVENT_PAGE_LOST);

    e->flags = EVENT_OF_OBJECT;
    e->who = o->id;
    e->where = index;
    e->arg = slot;
    overwrite(o, index, OBJECT_ENTRY_SLOT(SLOT_LOST));
    o->swapped--;
    swap_lose(o->vm, slot);
}

void object_drop_page(struct object *o, struct frame *f)
{
    mm_assert(object_can_drop(f), "%s: page %u: %u entries, %u pins, flags %x", o->name, f->index, f->maps,
              f->pins, f->flags);
    if (f->slot != SLOT_NONE) {
        object_page_to_slot(o, f);
        swap_uncache(o->vm, f);
    } else {
        radix_clear(&o->index, f->index);
        count_resident(o, -1);
    }
    vm_frame_release(o->vm, f);
}

static bool verify_word(const struct object *o, uint32_t index, uintptr_t word)
{
    struct frame_pool *pool = o->vm->pool;
    bool ok = true;

    INV("INV-OBJECT-5", index < o->pages, "%s: page %u of %u", o->name, index, o->pages);
    if (OBJECT_IS_FRAME(word)) {
        pfn_t pfn = OBJECT_ENTRY_VALUE(word);

        INV("INV-OBJECT-2", pfn >= pool->start && pfn < pool->end, "%s: page %u in frame %u", o->name, index,
            pfn);
        if (!ok)
            return false;

        const struct frame *f = pfn_frame(pool, pfn);

        INV("INV-OBJECT-2", f->use == FRAME_OBJECT && f->owner == o && f->index == index,
            "%s: page %u: frame %u has use %u, index %u", o->name, index, pfn, f->use, f->index);
        if (f->flags & FRAME_F_BUSY)
            INV("INV-OBJECT-3", f->pins > 0 && !(f->flags & FRAME_F_LISTED), "%s: page %u is busy, %u pins",
                o->name, index, f->pins);
        else
            INV("INV-OBJECT-3", f->flags & FRAME_F_LISTED, "%s: page %u is not pageable", o->name, index);
    } else {
        slot_t slot = OBJECT_ENTRY_VALUE(word);

        INV("INV-OBJECT-4", OBJECT_IS_SLOT(word) && swap_valid(o->vm, slot) && swap_count(o->vm, slot) > 0,
            "%s: page %u: word %lx", o->name, index, (unsigned long)word);
    }
    return ok;
}

bool object_verify(const struct object *o)
{
    uint32_t frames = 0, slots = 0, precious = 0, regions = 0, writers = 0, index = 0;
    const struct region *prev = NULL;
    bool ok = radix_verify(&o->index);
    uintptr_t word;

    while (ok && (word = radix_next(&o->index, &index)) != 0) {
        if (!verify_word(o, index, word))
            ok = false;
        if (OBJECT_IS_FRAME(word)) {
            frames++;
            precious += !!(word_frame(o, word)->flags & FRAME_F_PRECIOUS);
        } else {
            slots += OBJECT_ENTRY_VALUE(word) != SLOT_LOST;
            precious++;
        }
        if (++index == 0)
            break;
    }
    if (ok)
        INV("INV-OBJECT-1", frames == o->resident && slots == o->swapped,
            "%s: %u resident, counted %u; %u swapped, counted %u", o->name, frames, o->resident, slots,
            o->swapped);
    if (ok && o->charge_each)
        INV("INV-OBJECT-7", precious == o->charged, "%s: %u precious pages, %u charged", o->name, precious,
            o->charged);
    for (const struct region *r = o->regions; r && regions <= o->refs; prev = r, r = r->object_next) {
        regions++;
        writers += !!(r->flags & REGION_WRITER);
        INV("INV-OBJECT-6", r->object == o && r->object_prev == prev, "%s: region at %x", o->name, r->start);
    }
    INV("INV-OBJECT-8", writers <= o->writers, "%s: %u writers, counted %u", o->name, writers, o->writers);
    INV("INV-OBJECT-6", regions <= o->refs, "%s: %u regions, %u references", o->name, regions, o->refs);
    return ok;
}
