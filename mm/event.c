/*
 * Events: a ring of records of what happens to pages.
 *
 * Purpose. Somebody asks what happened to a page, and why. The counters of struct vm_stats say how often, the
 * records say when, to which frame, and whose page it was. Whatever counts in vm_stats and concerns a page
 * leaves records, so that the two can be compared (tests/unit/event.c).
 *
 * What it costs. A record is a few plain stores at a place that moves on: the path of a fault must not get
 * longer by more than 3 %. So the record is filled in where the event is, inline; fields are whole words,
 * since to pack them would cost more instructions than to store them; how long a fault took is worked out by
 * who reads, from when it began and when the record was made; the only test is whether the ring is
 * at its end, and everything rare hides behind it: beginning again at the start, a processor that has no
 * counter, a ring that is off. Nobody is woken: readers look again after a while (kernel/procfs).
 *
 * A fault is one record when it ends, with what it did and how long it took: so it says when the fault began,
 * and whether a frame was zeroed and mapped, and event_parts() tells readers so. Steps on its way are records
 * too, as is the beginning of each wait, so that a fault that never ends has left something. What happens to
 * a whole range at once, munmap(), exit() or fork(), is one record that says how many; so is what a policy
 * has seen of frames that it left where they are.
 *
 * Who. A record names a page by numbers and never by pointers, since what they pointed at may be gone when it
 * is read. A space has its id; a family has that of the space it began with; objects are numbered too. Disks
 * know slots only: the record of a read has no name of the page, but that of the fault that wanted it has.
 *
 * Numbers. The first record since boot is number 0. The ring knows the number of the record at its start,
 * and the rest follows from the place, so that recording counts nothing. A reader asks by number, and one
 * that is too late finds that the first that is left has a higher one: it knows how many it has lost.
 *
 * Data: struct event_ring in struct vm; the memory is its owner's. Locking: between two sleeps, in tasks
 * only. No record is made by an interrupt: a task finishes what a disk has completed.
 *
 * Invariants, checked by event_verify():
 *   INV-EVENT-1  next lies in [start, start + count], on a record
 *   INV-EVENT-2  each record that can be read is of a kind, and its flags and frame fit it
 *   INV-EVENT-3  time does not go back from one record to the next
 *   INV-EVENT-4  end is start + count if the processor has the clock, else NULL
 *
 * How it fails: it does not; the oldest record is overwritten.
 *
 * Source: the idea of a ring that is always on is Bonwick's and Cantrill's, "Dynamic Instrumentation of
 * Production Systems", USENIX 2004, 3.3 (ring buffers, lost records are counted).
 */
#include "mm/event.h"
#include "mm/space.h"

#define FRAME EVENT_HAS_FRAME
#define SLOT  EVENT_HAS_SLOT
#define COUNT EVENT_HAS_COUNT
#define PID   EVENT_HAS_PID
#define COST  EVENT_HAS_COST
#define RANGE EVENT_HAS_RANGE
#define TO    EVENT_HAS_TO
#define CHILD EVENT_HAS_CHILD
#define RUN   EVENT_HAS_RUN

const struct event_kind_info event_kinds[EVENT_KINDS] = {
    [EVENT_NOTHING] = {"nothing", 0},
    [EVENT_FAULT] = {"fault", FRAME | COST},
    [EVENT_STEP] = {"step", FRAME | COST},
    [EVENT_WAIT] = {"wait", SLOT},
    [EVENT_MAPPED_AHEAD] = {"mapped-ahead", RANGE},
    [EVENT_SHARED] = {"shared", COUNT | CHILD},
    [EVENT_SPLIT] = {"split", FRAME},
    [EVENT_CLAIMED] = {"claimed", FRAME},
    [EVENT_TABLE_OUT] = {"table-out", FRAME | SLOT},
    [EVENT_TABLE_IN] = {"table-in", FRAME | SLOT},
    [EVENT_TABLE_EMPTIED] = {"table-emptied", FRAME},
    [EVENT_TABLE_LOST] = {"table-lost", SLOT},
    [EVENT_LOOKED] = {"looked", COUNT},
    [EVENT_REACTIVATED] = {"reactivated", COUNT},
    [EVENT_VICTIM] = {"victim", FRAME},
    [EVENT_EVICTED] = {"evicted", FRAME | SLOT},
    [EVENT_RECLAIMED] = {"reclaimed", COUNT | RUN},
    [EVENT_PARKED] = {"parked", FRAME},
    [EVENT_SALVAGED] = {"salvaged", FRAME},
    [EVENT_WRITTEN] = {"written", FRAME | SLOT},
    [EVENT_WRITE_ENDED] = {"write-ended", FRAME | SLOT},
    [EVENT_READ] = {"read", FRAME | SLOT},
    [EVENT_READ_AHEAD] = {"read-ahead", FRAME | SLOT},
    [EVENT_AHEAD_USED] = {"ahead-used", FRAME | SLOT},
    [EVENT_STOLEN] = {"stolen", FRAME | SLOT},
    [EVENT_PAGE_LOST] = {"page-lost", SLOT},
    [EVENT_FREED] = {"freed", FRAME},
    [EVENT_UNMAPPED] = {"unmapped", COUNT | RANGE},
    [EVENT_GIVEN_UP] = {"given-up", RANGE},
    [EVENT_MOVED] = {"moved", RANGE | TO},
    [EVENT_KILLED] = {"killed", PID},
    [EVENT_SUSPENDED] = {"suspended", PID},
    [EVENT_RESUMED] = {"resumed", PID},
};

/* Let the records go to [start, start + count), of which the first `used` are filled, the first of them
 * being number `first`. */
static void begin_at(struct event_ring *r, struct event_record *start, uint32_t count, uint32_t used,
                     uint64_t first)
{
    r->start = start;
    r->count = count;
    r->next = start + used;
    r->end = r->has_cycles ? start + count : NULL;
    r->before = r->oldest = first;
}

void event_ring_init(struct event_ring *r, bool has_cycles)
{
    r->has_cycles = has_cycles;
    r->is_on = false;
    begin_at(r, r->least, EVENT_LEAST, 0, 0);
}

/* Of [event_first(), event_last()). */
static const struct event_record *record_of(const struct event_ring *r, uint64_t number)
{
    return &r->start[number >= r->before ? number - r->before : number + r->count - r->before];
}

void event_ring_use(struct event_ring *r, void *memory, size_t bytes)
{
    uint64_t first = event_first(r), last = event_last(r);
    uint32_t count = (uint32_t)(bytes / sizeof(struct event_record)), used = 0;
    struct event_record *start = memory;

    mm_assert(count >= EVENT_LEAST && r->start == r->least, "%u records, %u until now", count, r->count);
    for (uint64_t n = first; n < last; n++)
        start[used++] = *record_of(r, n);
    r->is_on = true;
    begin_at(r, start, count, used, first);
}

struct event_record *event_new_slow(struct event_ring *r)
{
    struct event_record *e = r->next;

    if (e == r->start + r->count) {
        e = r->start;
        r->before += r->count;
    }
    r->next = e + 1;
    e->time = r->has_cycles ? cycles_now() : os_now_ns();
    return e;
}

struct event_record *event_plain(struct vm *vm, enum event_kind kind)
{
    struct event_record *e = event_new(&vm->events);

    *e = (struct event_record){.time = e->time, .kind = (uint8_t)kind};
    return e;
}

struct event_record *event_of_frame(struct vm *vm, enum event_kind kind, const struct frame *f)
{
    struct event_record *e = event_new(&vm->events);
    unsigned of = EVENT_OF_NOBODY;

    /* Without an owner it comes from a disk and is nobody's yet, or it is nobody's any more. */
    if (likely(f->use == FRAME_ANON && f->owner)) {
        of = EVENT_OF_FAMILY;
        e->who = ((const struct family *)f->owner)->id;
    } else if (f->use == FRAME_OBJECT && f->owner) {
        of = EVENT_OF_OBJECT;
        e->who = ((const struct object *)f->owner)->id;
    }
    e->kind = (uint8_t)kind;
    e->what = e->why = 0;
    e->flags = (uint8_t)of;
    e->frame = frame_pfn(vm->pool, f);
    e->where = f->index;
    e->arg = f->slot;
    return e;
}

struct event_record *event_of_space(struct space *s, enum event_kind kind, vaddr_t va)
{
    struct event_record *e = event_plain(s->vm, kind);

    e->flags = EVENT_OF_SPACE;
    e->who = s->id;
    e->where = va;
    return e;
}

uint64_t event_last(const struct event_ring *r)
{
    return r->before + (uint32_t)(r->next - r->start);
}

uint64_t event_first(const struct event_ring *r)
{
    uint64_t last = event_last(r);

    return last > r->oldest + r->count ? last - r->count : r->oldest;
}

/* What the kind does not have was left by an older record. */
static void clear_unused(struct event_record *e)
{
    unsigned has = e->kind < EVENT_KINDS ? event_kinds[e->kind].has : 0;

    if (!(has & FRAME))
        e->frame = PFN_NONE;
    if (!(e->flags & EVENT_OF) && !(has & RUN))
        e->who = e->where = 0;
    if (!(has & (SLOT | COUNT | PID | TO)))
        e->arg = 0;
    if (!(has & (COST | RANGE | CHILD | RUN)))
        e->cost = 0;
}

bool event_get(const struct event_ring *r, uint64_t number, struct event_record *out)
{
    if (number < event_first(r) || number >= event_last(r))
        return false;
    *out = *record_of(r, number);
    clear_unused(out);
    if (out->kind < EVENT_KINDS && event_kinds[out->kind].has & COST)
        out->cost = r->has_cycles ? (uint32_t)out->time - out->cost : 0;
    return true;
}

bool event_verify(const struct event_ring *r)
{
    uint64_t last = event_last(r), time = 0;
    size_t offset = (size_t)((const char *)r->next - (const char *)r->start);
    bool on_record = offset % sizeof(struct event_record) == 0;
    struct event_record e;
    bool ok = true;

    INV("INV-EVENT-1", r->next >= r->start && r->next <= r->start + r->count && on_record,
        "next %p, %u records from %p", (const void *)r->next, r->count, (const void *)r->start);
    INV("INV-EVENT-4", r->end == (r->has_cycles ? r->start + r->count : NULL), "end %p",
        (const void *)r->end);
    if (!ok)
        return false;
    for (uint64_t n = event_first(r); event_get(r, n, &e); n++) {
        bool fits = e.kind > EVENT_NOTHING && e.kind < EVENT_KINDS;

        INV("INV-EVENT-2", fits && (!(e.flags & EVENT_OF) || e.who), "%llu of %llu: kind %u, flags %x, of %u",
            (unsigned long long)n, (unsigned long long)last, e.kind, e.flags, e.who);
        INV("INV-EVENT-3", e.time >= time, "%llu: %llu after %llu", (unsigned long long)n,
            (unsigned long long)e.time, (unsigned long long)time);
        time = e.time;
    }
    return ok;
}
