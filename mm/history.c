/*
 * What happened to a page.
 *
 * Purpose. The ring of events has everything that happened, in order; here those records are found that are
 * about one page of one space.
 *
 * A record names a page by what its writer knew: a fault by space and address, reclaim by the family and the
 * page's number there, objects by their own index, a disk only by slot and frame. So the page is followed
 * from record to record: a fault tells its frame, an eviction its slot, and what is recorded of that frame or
 * slot alone belongs to the page as long as it is there. A family's number is shared by the copies that its
 * spaces made of a page, and the frame tells them apart, once one is known.
 *
 * A page is older than its space if that was forked: before the fork its history is that of the parent's
 * page. Forks are records, too, so the line of parents is followed as far as the ring goes back.
 *
 * What can be wrong: at the beginning of the ring no frame is known yet, so that what is recorded of a
 * family's number is believed though it may have been another space's copy; and a slot that a page has given
 * up is the page's until a record says more.
 *
 * A ring may be long, so it is looked at in steps, between which others may run: records do not change, and
 * what is overwritten meanwhile is left out.
 *
 * Data: none of its own. Locking: each step is in a nosleep section, in which the ring does not move.
 *
 * How it fails: what was overwritten is gone; the number of the first record tells how far back it goes.
 */
#include "mm/history.h"

void history_begin(struct history *h, const struct description *d)
{
    const struct space *s = d->space;
    const struct object *o = d->region ? d->region->object : NULL;
    const struct event_ring *r = &s->vm->events;

    *h = (struct history){.ring = r,
                          .next = event_first(r),
                          .last = event_last(r),
                          .back = event_last(r),
                          .owner = {{.space = s->id, .until = UINT64_MAX}},
                          .owners = 1,
                          .va = d->va,
                          .family = s->family->id,
                          .number = d->region ? d->number : d->va >> PAGE_SHIFT,
                          .object = o ? o->id : 0,
                          .object_page = d->object_page,
                          .zero = s->vm->zero_pfn,
                          .frame = PFN_NONE,
                          .slot = SLOT_NONE};
    h->is_known = d->state != PAGE_NONE && (d->state != PAGE_OUT || d->table_slot.entries);
}

/* Go back through the forks that made the space, and those that it came from. False: no work is left. */
static bool find_owners(struct history *h, uint32_t *work)
{
    struct event_record e;

    for (; h->back > event_first(h->ring) && h->owners < HISTORY_PARENTS; --*work) {
        if (!*work)
            return false;
        if (!event_get(h->ring, --h->back, &e) || e.kind != EVENT_SHARED ||
            e.cost != h->owner[h->owners - 1].space)
            continue;
        h->owner[h->owners].space = e.who;
        h->owner[h->owners++].until = h->back;
    }
    h->has_owners = true;
    return true;
}

static uint32_t owner_at(const struct history *h, uint64_t number)
{
    unsigned i = h->owners - 1;

    while (i > 0 && number >= h->owner[i].until)
        i--;
    return h->owner[i].space;
}

static bool is_of_table(unsigned kind)
{
    return kind == EVENT_SPLIT || kind == EVENT_CLAIMED || kind == EVENT_TABLE_OUT ||
           kind == EVENT_TABLE_IN || kind == EVENT_TABLE_EMPTIED || kind == EVENT_TABLE_LOST;
}

/* Of many pages, whether they have anything or not. */
static bool is_of_all(unsigned kind)
{
    return is_of_table(kind) || kind == EVENT_SHARED;
}

static bool is_in(vaddr_t va, vaddr_t start, uint32_t pages)
{
    return va >= start && (va - start) >> PAGE_SHIFT < pages;
}

/* Of the space that has the page. */
static bool is_of_space(const struct history *h, const struct event_record *e)
{
    if (is_of_table(e->kind))
        return PT_SPAN_DOWN(e->where) == PT_SPAN_DOWN(h->va);
    if (e->kind == EVENT_SHARED)
        return true;
    if (e->kind == EVENT_MOVED)
        return is_in(h->va, e->where, e->cost) || is_in(h->va, e->arg << PAGE_SHIFT, e->cost);
    if (event_kinds[e->kind].has & EVENT_HAS_RANGE)
        return is_in(h->va, e->where, e->cost);
    return e->where == h->va;
}

/* Whether a record of nothing but a frame or a slot is about where the page is. */
static bool is_there(const struct history *h, const struct event_record *e)
{
    bool has_slot = event_kinds[e->kind].has & EVENT_HAS_SLOT && e->arg != SLOT_NONE;

    return (h->frame != PFN_NONE && e->frame == h->frame) ||
           (h->slot != SLOT_NONE && has_slot && e->arg == h->slot);
}

static bool concerns(const struct history *h, const struct event_record *e, uint64_t number)
{
    uint32_t owner = owner_at(h, number);

    switch (e->flags & EVENT_OF) {
    case EVENT_OF_SPACE:
        if (e->kind == EVENT_SHARED && e->cost == owner)
            return true;
        return e->who == owner && is_of_space(h, e);
    case EVENT_OF_FAMILY:
        if (e->who != h->family)
            return false;
        if (is_of_table(e->kind))
            return PT_SPAN_DOWN(e->where << PAGE_SHIFT) == PT_SPAN_DOWN(h->va);
        return e->where == h->number &&
               ((h->frame == PFN_NONE && h->slot == SLOT_NONE) || e->frame == PFN_NONE || is_there(h, e));
    case EVENT_OF_OBJECT:
        return h->object && e->who == h->object && e->where == h->object_page &&
               (h->frame == PFN_NONE || e->frame == h->frame);
    default:
        return is_there(h, e);
    }
}

/* Know where the page is after a record of it. */
static void follow(struct history *h, const struct event_record *e)
{
    unsigned has = event_kinds[e->kind].has;

    if (is_of_all(e->kind))
        return;
    h->is_known = true;
    if (has & EVENT_HAS_FRAME && e->frame != PFN_NONE)
        h->frame = e->frame == h->zero ? PFN_NONE : e->frame;
    if (has & EVENT_HAS_SLOT && e->arg != SLOT_NONE)
        h->slot = e->arg;
    switch (e->kind) {
    case EVENT_FREED:
        h->frame = PFN_NONE;
        break;
    case EVENT_STOLEN:
    case EVENT_PAGE_LOST:
        h->slot = SLOT_NONE;
        break;
    case EVENT_UNMAPPED:
        h->frame = PFN_NONE;
        h->slot = SLOT_NONE;
        break;
    case EVENT_FAULT:
        if (e->flags & EVENT_IS_WRITE)
            h->slot = SLOT_NONE;
        break;
    default:
        break;
    }
}

enum history_answer history_next(struct history *h, struct event_record *e, uint64_t *number)
{
    uint32_t work = HISTORY_STEP;

    if (!h->has_owners && !find_owners(h, &work))
        return HISTORY_MORE;
    if (h->next < event_first(h->ring))
        h->next = event_first(h->ring);
    for (; h->next < h->last; h->next++, work--) {
        if (!work)
            return HISTORY_MORE;
        if (!event_get(h->ring, h->next, e) || e->kind >= EVENT_KINDS || !concerns(h, e, h->next) ||
            (is_of_all(e->kind) && !h->is_known))
            continue;
        follow(h, e);
        *number = h->next++;
        return HISTORY_RECORD;
    }
    return HISTORY_NONE;
}
