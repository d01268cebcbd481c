/*
 * Reading ahead on swap-in.
 *
 * Purpose. A disk's request costs much the same for one page as for thirty, and a program that waits for each
 * page has the disk and the processor take turns. So with a page that is wanted come those that will be, and
 * the next ones are on their way before they are asked for. What is brought in vain costs memory that others
 * have better use for; so how much is brought follows how much of it was used.
 *
 * What is known. Each page that comes from a slot is wanted by a fault, also if it was read ahead, since it
 * is not mapped before. So a space sees its wants in order, by address. Up to AHEAD_STREAMS runs are followed
 * at once: a want belongs to the run whose step it continues, passing over steps whose pages were never
 * swapped out. Two equal steps in turn, or one to the next page, make a run: forward, backward, or with any
 * stride. A run that has been confirmed is not given up because of wants between that do not fit; they begin
 * others, and the run that was not continued for longest makes place.
 *
 * A run. The window is a number of steps. The wanted page comes with a first window, whose first page is
 * marked. A want of a marked page begins to read the next window, so that there is always one on its way
 * while one is being used. Each time the window doubles if at least half of what the one before brought was
 * used, and halves if less than a quarter was. A page of the run that had been read and is gone again says
 * that memory is too short for the window, which halves.
 *
 * No run. Pages near a page that is wanted are likely to have gone with it, and to be wanted with it. Of its
 * aligned block of up to AROUND_MOST pages those are read that are neighbours by address and by slot, so that
 * they cost no request of their own. A score rises with each page that was used and falls with each that was
 * brought, half as much: the block is halved or doubled when it comes to an end, and may come down to the
 * page alone. Then wants close to each other open it again.
 *
 * How it is done. The window's slots are taken from the page tables or, of object's pages, from the object's
 * index, put in order, and read in as few requests as they allow (swap_read_ahead()): neighbours on disk are
 * mostly neighbours by address, since reclaim puts victims in that order. The requests belong to swap, not to
 * the fault, which waits for nothing but its page. Nothing is read ahead of memory that is short: frames stay
 * above the low mark, and the daemon is woken earlier and frees more than it would for others.
 *
 * Data: struct ahead of each space, which only faults of that space use. Locking: nosleep sections; the page
 * tables and indexes are only read.
 *
 * INV-AHEAD-1  windows, blocks and scores are within their limits, and only a run has a window
 * INV-AHEAD-2  no stream was wanted after now
 *
 * How it fails: nothing is read ahead.
 *
 * Source. The window that is doubled at a marked page is that of Linux's mm/readahead.c (Wu Fengguang, Linux
 * Symposium 2007), neighbours by address those of its swap_vma_readahead() (Huang Ying 2017); finding strides
 * in the last steps, as long as most agree, is Leap's idea (Al Maruf and Chowdhury, USENIX ATC 2020).
 */
#include "mm/ahead.h"
#include "mm/errno.h"
#include "mm/space.h"

#define FIRST_WINDOW 4u
#define AROUND_MOST  8u
/* Pages of a window that need a request each. */
#define APART_MOST  4u
#define CLOSED_MOST 3u /* halvings that leave the page alone */
/* A score that comes to an end. A used page counts two, one that is brought one the other way. */
#define SCORE_END  32
#define SCORE_USED 2
/* Two wants are near each other. */
#define NEAR 64
/* So near that reading around the first would have brought the second. */
#define CLOSE 4
/* Wants that confirm a run, and how many of them are remembered. */
#define RUN_SURE 2u
#define RUN_MOST 8u
/* What the daemon frees beyond the high mark: this share of memory, and no more than so many windows. */
#define EXTRA_SHARE 64u
#define EXTRA_MOST  (4 * AHEAD_MOST)

_Static_assert(AROUND_MOST >> CLOSED_MOST == 1, "closed means that only the page itself is read");

/* Pages whose reading is to begin. */
struct list {
    slot_t slot[AHEAD_MOST + 1];
    unsigned n;
};

static int32_t distance(uint32_t from, uint32_t to)
{
    return (int32_t)(to - from);
}

static uint32_t size_of(int32_t d)
{
    return (uint32_t)(d < 0 ? -d : d);
}

/* The slot of a page that is in none of the tables' or the index's frames, or SLOT_NONE. */
static slot_t slot_at(struct space *s, const struct region *r, vaddr_t va)
{
    const pte_t *e = pt_resident_entry(&s->pt, va);

    if (!e && pt_span(&s->pt, va) == PT_OUT)
        return SLOT_NONE; /* it is not known before the table is in */
    if (e && !pte_empty(*e))
        return pte_is_swap(*e) ? pte_slot(*e) : SLOT_NONE;
    return r->object ? object_slot(r->object, r->offset + ((va - r->start) >> PAGE_SHIFT)) : SLOT_NONE;
}

/* The slot of a page of r if there is something to read, else SLOT_NONE. */
static slot_t slot_to_read(struct space *s, const struct region *r, uint32_t page)
{
    vaddr_t va = page << PAGE_SHIFT;
    slot_t slot;

    if (page >= USER_END >> PAGE_SHIFT || va < r->start || va >= r->end)
        return SLOT_NONE;
    slot = slot_at(s, r, va);
    return slot != SLOT_NONE && swap_may_read(s->vm, slot) ? slot : SLOT_NONE;
}

/* Frames that there are for reading ahead. The daemon begins before there are none, and frees more than it
 * would for others, or the windows of several runs would cut each other short. */
static uint32_t frames_ahead(struct vm *vm)
{
    struct frame_pool *p = vm->pool;
    uint32_t free = frame_free_common(p), low = p->marks.low, more = (p->end - p->start) / EXTRA_SHARE;

    if (more > EXTRA_MOST)
        more = EXTRA_MOST;
    if (free < (low + p->marks.high + more) / 2 && p->low_hook) {
        vm->ahead_wants = more;
        p->low_hook(p);
    }
    return free > low ? free - low : 0;
}

static bool begin(struct space *s, struct list *l, slot_t wanted, slot_t mark)
{
    if (!l->n)
        return false;
    swap_sort(l->slot, l->n);
    return swap_read_ahead(s->vm, l->slot, l->n, wanted, mark);
}

/* --- runs --- */

static bool fits(const struct ahead_stream *t, int32_t d)
{
    if (d == t->stride)
        return d;
    return t->stride && d && (d < 0) == (t->stride < 0) && size_of(d) <= size_of(t->stride) * AHEAD_MOST &&
           d % t->stride == 0;
}

/* The stream that a want continues; else one near it of which no more is known; else one that may begin. */
static struct ahead_stream *find(struct ahead *a, uint32_t page, bool *fitting)
{
    struct ahead_stream *near = NULL, *oldest = &a->stream[0], *recent = &a->stream[a->recent];

    *fitting = recent->stride && distance(recent->last, page) == recent->stride;
    if (likely(*fitting))
        return recent;
    for (struct ahead_stream *t = a->stream; t < a->stream + AHEAD_STREAMS; t++) {
        int32_t d = distance(t->last, page);

        if (t->last && (fits(t, d) || d == 0)) {
            *fitting = true;
            return t;
        }
        if (t->last && t->run < RUN_SURE && size_of(d) <= NEAR &&
            (!near || size_of(d) < size_of(distance(near->last, page))))
            near = t;
        if (t->stamp < oldest->stamp)
            oldest = t;
    }
    if (near)
        return near;
    *oldest = (struct ahead_stream){0};
    return oldest;
}

/* A page is wanted: by which stream. *close: it is close to the last one of it. */
static struct ahead_stream *follow(struct ahead *a, uint32_t page, bool *close)
{
    bool fitting;
    struct ahead_stream *t = find(a, page, &fitting);
    int32_t d = distance(t->last, page);

    *close = t->last && size_of(d) <= CLOSE;
    t->stamp = ++a->clock;
    a->recent = (uint8_t)(t - a->stream);
    if (!t->last || d == 0) {
        t->last = page;
        return t;
    }
    t->last = page;
    if (fitting) {
        t->run = (uint16_t)(t->run < RUN_MOST ? t->run + 1u : RUN_MOST);
        return t;
    }
    if (d == t->step || size_of(d) == 1) {
        bool sure = d == t->step;

        *t = (struct ahead_stream){.last = page, .stride = d, .run = sure ? RUN_SURE : 1, .stamp = t->stamp};
        t->next = page + (uint32_t)d;
        return t;
    }
    *t = (struct ahead_stream){.last = page, .step = d, .stamp = t->stamp};
    return t;
}

static void halve_window(struct ahead_stream *t)
{
    t->window = (uint16_t)(t->window > 1 ? t->window / 2 : 1);
    t->before = t->brought = t->used = 0;
}

/* The window as large as the use of the last ones says. */
static void fit_window(struct ahead_stream *t)
{
    if (!t->window)
        t->window = FIRST_WINDOW;
    else if (t->used * 2u >= t->before)
        t->window = (uint16_t)(t->window * 2u < AHEAD_MOST ? t->window * 2u : AHEAD_MOST);
    else if (t->used * 4u < t->before && t->window > 1)
        t->window /= 2;
    t->before = t->brought;
    t->used = 0;
}

/* Add the next window of a run, as far as there is memory for it. Returns the slot of its first page. */
static slot_t add_window(struct space *s, const struct region *r, struct ahead_stream *t, struct list *l)
{
    slot_t first = SLOT_NONE;
    unsigned before = l->n;
    uint32_t room = frames_ahead(s->vm);

    if (size_of(t->stride) > SWAP_HOLE + 1 && room > l->n + APART_MOST)
        room = l->n + APART_MOST;
    for (unsigned i = 0; i < t->window && l->n < room; i++, t->next += (uint32_t)t->stride) {
        slot_t slot = slot_to_read(s, r, t->next);

        if (slot == SLOT_NONE)
            continue;
        l->slot[l->n++] = slot;
        if (!first)
            first = slot;
    }
    t->brought = (uint16_t)(l->n - before);
    return first;
}

/* --- no run --- */

static void count_score(struct ahead *a, int n)
{
    int score = a->score + n;

    if (score >= SCORE_END) {
        a->closed = (uint8_t)(a->closed ? a->closed - 1 : 0);
        score = 0;
    } else if (score <= -SCORE_END) {
        a->closed = (uint8_t)(a->closed < CLOSED_MOST ? a->closed + 1u : CLOSED_MOST);
        score = 0;
    }
    a->score = (int8_t)score;
}

/* Add the pages of the block around a page, whose slot is on the list, that lie beside it on disk too. */
static void add_around(struct space *s, const struct region *r, uint32_t page, struct list *l)
{
    uint32_t size = AROUND_MOST >> s->ahead->closed, base = page & ~(size - 1);
    slot_t slot = l->slot[0];

    if (size > 1 && frames_ahead(s->vm) < size)
        return;
    for (uint32_t i = 1; page + i < base + size && slot_to_read(s, r, page + i) == slot + i; i++)
        l->slot[l->n++] = slot + i;
    for (uint32_t i = 1; page - i + 1 > base && slot > i && slot_to_read(s, r, page - i) == slot - i; i++)
        l->slot[l->n++] = slot - i;
}

/* --- wants --- */

static bool is_off(const struct vm *vm)
{
    return vm->exact || vm->pageable_max || !vm->swap.clustering;
}

/* What is known of the space. NULL: there is no memory for it. */
static struct ahead *state_of(struct space *s)
{
    if (unlikely(!s->ahead)) {
        s->ahead =
            cache_alloc(&s->vm->ahead_cache); /* no reclaim: it is in a section, and can be done without */
        if (s->ahead)
            *s->ahead = (struct ahead){0};
    }
    return s->ahead;
}

bool ahead_miss(struct space *s, const struct region *r, vaddr_t va, slot_t slot)
{
    struct ahead *a;
    struct list l = {.slot = {slot}, .n = 1};
    uint32_t page = va >> PAGE_SHIFT;
    struct ahead_stream *t;
    slot_t mark = SLOT_NONE;
    bool close;

    if (is_off(s->vm) || !swap_may_read(s->vm, slot) || (a = state_of(s)) == NULL)
        return false;
    t = follow(a, page, &close);
    if (t->stride) {
        bool lost = t->window && (distance(page, t->next) > 0) == (t->stride > 0) && page != t->next;

        t->next = page + (uint32_t)t->stride;
        if (!lost)
            fit_window(t);
        else
            halve_window(t); /* what is wanted had been read, and went before it was used */
        if (!lost || t->window > 1)
            mark = add_window(s, r, t, &l);
    } else {
        if (close && a->closed == CLOSED_MOST)
            count_score(a, SCORE_USED);
        add_around(s, r, page, &l);
        count_score(a, 1 - (int)l.n);
    }
    return begin(s, &l, slot, mark);
}

void ahead_touch(struct space *s, const struct region *r, vaddr_t va, struct frame *f)
{
    struct ahead *a;
    struct list l = {.n = 0};
    struct ahead_stream *t;
    bool close;

    if (is_off(s->vm) || (a = state_of(s)) == NULL)
        return;
    t = follow(a, va >> PAGE_SHIFT, &close);
    if (f->flags & FRAME_F_READAHEAD) {
        if (t->stride)
            t->used++;
        else
            count_score(a, SCORE_USED);
    }
    if (likely(!(f->flags & FRAME_F_MARKED)))
        return;
    f->flags &= (uint16_t)~FRAME_F_MARKED;
    if (t->stride) {
        slot_t mark;

        fit_window(t);
        mark = add_window(s, r, t, &l);
        begin(s, &l, SLOT_NONE, mark);
    }
}

bool ahead_verify(const struct space *s)
{
    const struct ahead *a = s->ahead;
    bool ok = true;

    if (!a)
        return true;
    INV("INV-AHEAD-1", a->recent < AHEAD_STREAMS, "space %u: stream %u", s->id, a->recent);
    INV("INV-AHEAD-1", a->closed <= CLOSED_MOST && a->score < SCORE_END && a->score > -SCORE_END,
        "space %u: closed %u, score %d", s->id, a->closed, a->score);
    for (unsigned i = 0; i < AHEAD_STREAMS; i++) {
        const struct ahead_stream *t = &a->stream[i];

        INV("INV-AHEAD-1", t->window <= AHEAD_MOST && t->run <= RUN_MOST && (t->stride || !t->window),
            "space %u, stream %u: window %u, run %u, stride %d", s->id, i, t->window, t->run, t->stride);
        INV("INV-AHEAD-2", t->stamp <= a->clock, "space %u, stream %u: %u of %u", s->id, i, t->stamp,
            a->clock);
    }
    return ok;
}
