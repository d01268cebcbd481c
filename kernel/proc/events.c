/*
 * The machine's ring of page events: its memory, its lines, and what a panic says of it.
 *
 * Data: vm_sys.events. Locking: between two sleeps. How it fails: without memory at start-up the ring stays
 * the smallest, that of EVENT_LEAST records.
 */
#include "kernel/proc/events.h"
#include "kernel/lib/format.h"
#include "kernel/lib/param.h"
#include "kernel/sched/time.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/panic.h"
#include "mm/fault.h"

/* By default the ring has this part of the RAM, within limits. */
#define SHARE 512u
#define LEAST ((size_t)16 << 10)
#define MOST  ((size_t)1 << 20)

#define PANIC_LAST 16u /* events that a panic shows, and as many of what it is about */

/* How many bytes the ring is to have: a power of two pages. */
static unsigned order_of(size_t size)
{
    unsigned order = 0;

    while (order < BUDDY_ORDERS - 1 && PAGE_SIZE << order < size)
        order++;
    return order;
}

static size_t default_size(void)
{
    const struct frame_pool *p = &frame_pool_sys;
    uint64_t ram = (uint64_t)(p->end - p->start - p->used[FRAME_RESERVED]) << PAGE_SHIFT;
    size_t size = (size_t)(ram / SHARE);

    return size < LEAST ? LEAST : size > MOST ? MOST : size;
}

/* --- panics --- */

static void show(uint64_t number, const struct event_record *e)
{
    char line[EVENT_LINE];

    event_line(line, sizeof line, e, number, NULL);
    os_log("  %s", line);
}

/* Of the events but the last ones that were shown, those of a frame (or PFN_NONE) or of an address, the last
 * PANIC_LAST of them. */
static void show_about(pfn_t pfn, vaddr_t va)
{
    const struct event_ring *r = &vm_sys.events;
    uint64_t n = event_last(r), first;
    unsigned left = PANIC_LAST;
    struct event_record e;

    while (left && n > event_first(r))
        if (event_get(r, --n, &e) && (pfn ? e.frame == pfn : event_is_at(&e, va)))
            left--;
    first = n;
    if (pfn)
        os_log("events of frame %u:", pfn);
    else
        os_log("events of address %08x:", va);
    for (n = first; event_get(r, n, &e); n++)
        if (pfn ? e.frame == pfn : event_is_at(&e, va))
            show(n, &e);
}

static void report(void)
{
    const struct event_ring *r = &vm_sys.events;
    uint64_t last = event_last(r), n = last > PANIC_LAST ? last - PANIC_LAST : 0;
    struct event_record e;
    uint32_t pfn;
    vaddr_t va;

    if (!last)
        return;
    os_log("last events:");
    for (n = n > event_first(r) ? n : event_first(r); event_get(r, n, &e); n++)
        show(n, &e);
    if (panic_frame(&pfn))
        show_about(pfn, 0);
    if (panic_address(&va) && va < USER_END)
        show_about(PFN_NONE, va);
}

void events_init(void)
{
    size_t size = params.events == EVENTS_DEFAULT ? default_size() : (size_t)params.events;
    unsigned order = order_of(size);
    struct frame *f;

    panic_register(report);
    if (!size)
        return;
    f = frame_alloc_block(&frame_pool_sys, order, FRAME_KERNEL, FRAME_LOW_ONLY); /* no reclaim: start-up */
    if (!f) {
        os_log("events: no memory for %u KiB, so there are only the last %u",
               (unsigned)(PAGE_SIZE << order >> 10), EVENT_LEAST);
        return;
    }
    event_ring_use(&vm_sys.events, frame_ptr(&frame_pool_sys, frame_pfn(&frame_pool_sys, f)),
                   PAGE_SIZE << order);
}

/* --- lines --- */

uint64_t event_ns(const struct event_record *e)
{
    return vm_sys.events.has_cycles ? time_since_boot_ns(e->time) : e->time;
}

bool event_is_at(const struct event_record *e, vaddr_t va)
{
    vaddr_t start = (e->flags & EVENT_OF) == EVENT_OF_FAMILY ? e->where << PAGE_SHIFT : e->where;
    uint32_t pages = 1;

    if ((e->flags & EVENT_OF) != EVENT_OF_SPACE && (e->flags & EVENT_OF) != EVENT_OF_FAMILY)
        return false;
    if (e->kind < EVENT_KINDS && event_kinds[e->kind].has & EVENT_HAS_RANGE)
        pages = e->cost;
    return va >= start && (va - start) >> PAGE_SHIFT < pages;
}

struct line {
    char *buf;
    size_t size, n;
};

static __attribute__((format(printf, 2, 3))) void add(struct line *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (l->n < l->size)
        l->n += format_args(l->buf + l->n, l->size - l->n, fmt, ap);
    va_end(ap);
}

/* A name as one word: blanks become dashes. */
static void add_word(struct line *l, const char *name)
{
    size_t from = l->n + 1;

    if (!*name)
        return;
    add(l, " %s", name);
    for (; from < l->n && from < l->size; from++)
        if (l->buf[from] == ' ')
            l->buf[from] = '-';
}

static void add_space(struct line *l, const char *name, const char *pid_name, uint32_t space,
                      int (*pid_of)(uint32_t space))
{
    int pid = pid_of ? pid_of(space) : -1;

    add(l, " %s=%u", name, space);
    if (pid >= 0)
        add(l, " %s=%d", pid_name, pid);
    else
        add(l, " %s=-", pid_name);
}

static void add_who(struct line *l, const struct event_record *e, int (*pid_of)(uint32_t space))
{
    switch (e->flags & EVENT_OF) {
    case EVENT_OF_SPACE:
        add_space(l, "space", "pid", e->who, pid_of);
        add(l, " at=%08x", e->where);
        break;
    case EVENT_OF_FAMILY:
        add(l, " family=%u page=%08x", e->who, e->where << PAGE_SHIFT);
        break;
    case EVENT_OF_OBJECT:
        add(l, " object=%u index=%u", e->who, e->where);
        break;
    default:
        add(l, " -");
    }
}

static void add_fault(struct line *l, const struct event_record *e)
{
    add_word(l, e->flags & EVENT_IS_WRITE ? "write" : e->flags & EVENT_IS_EXEC ? "exec" : "read");
    if (e->flags & EVENT_IS_TOUCH)
        add_word(l, "kernel");
    if (e->flags & EVENT_IS_MAJOR)
        add_word(l, "major");
    if (e->flags & EVENT_HAD_TABLE)
        add_word(l, "table-owned");
}

/* What else happened, but for the ends of a fault: its line has when it began. */
static void add_parts(struct line *l, const struct event_record *e)
{
    unsigned parts = event_parts(e);

    for (unsigned p = EVENT_ZEROED; p < EVENT_PARTS; p++)
        if (parts & 1u << p)
            add_word(l, event_part_name(p));
}

static void add_bits(struct line *l, unsigned bits)
{
    static const char *const names[] = {"used", "dirty", "has-slot", "lazy"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (bits & 1u << i)
            add_word(l, names[i]);
    add(l, " list=%u", (bits & EVENT_BIT_LIST) >> EVENT_BIT_LIST_SHIFT);
}

size_t event_line(char *buf, size_t size, const struct event_record *e, uint64_t number,
                  int (*pid_of)(uint32_t space))
{
    unsigned kind = e->kind < EVENT_KINDS ? e->kind : EVENT_NOTHING, has = event_kinds[kind].has;
    uint64_t ns = event_ns(e);
    struct line l = {.buf = buf, .size = size};

    add(&l, "%llu %llu.%03u %s", (unsigned long long)number, (unsigned long long)(ns / 1000),
        (unsigned)(ns % 1000), event_kinds[kind].name);
    if (has & EVENT_HAS_FRAME && e->frame != PFN_NONE)
        add(&l, " frame=%u", e->frame);
    else
        add(&l, " frame=-");
    add_who(&l, e, pid_of);
    add_word(&l, event_what_name(e));
    if (kind == EVENT_FAULT || kind == EVENT_STEP || kind == EVENT_WAIT)
        add_fault(&l, e);
    if (kind != EVENT_MAPPED_AHEAD)
        add_parts(&l, e);
    if (kind == EVENT_VICTIM)
        add_bits(&l, e->what);
    if (*event_why_name(e)) {
        add(&l, " by");
        add_word(&l, event_why_name(e));
    }
    if (has & EVENT_HAS_SLOT && e->arg != SLOT_NONE)
        add(&l, " slot=%u:%u", e->arg >> SWAP_AREA_SHIFT, e->arg & ((1u << SWAP_AREA_SHIFT) - 1));
    if (has & EVENT_HAS_COUNT)
        add(&l, " count=%u", e->arg);
    if (has & EVENT_HAS_PID)
        add(&l, " pid=%u", e->arg);
    if (has & EVENT_HAS_RANGE)
        add(&l, " range=%u", e->cost);
    if (kind == EVENT_MOVED)
        add(&l, " to=%08x", e->arg << PAGE_SHIFT);
    if (kind == EVENT_SHARED)
        add_space(&l, "child", "child-pid", e->cost, pid_of);
    if (kind == EVENT_RECLAIMED)
        add(&l, " looked=%u evicted=%u", e->where, e->cost);
    if (has & EVENT_HAS_COST && vm_sys.events.has_cycles) {
        uint64_t took = time_of_cycles_ns(e->cost), began = ns > took ? ns - took : 0;

        add(&l, " began=%llu.%03u", (unsigned long long)(began / 1000), (unsigned)(began % 1000));
        add(&l, " took=%llu.%03u", (unsigned long long)(took / 1000), (unsigned)(took % 1000));
        add(&l, " cycles=%u", e->cost);
    }
    return l.n < size ? l.n : size - 1;
}
