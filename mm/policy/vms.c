/*
 * VMS: each program has a share and its own queue; what it loses is set aside for a while.
 *
 * Purpose. Local replacement without bits of use. A program's pages are its set, first come, first replaced,
 * with a limit. What the set replaces is parked: its entries translate no longer, but the frame keeps the
 * contents and stands on one of two lists of the machine, clean or modified. A page that is touched again
 * while it stands there is salvaged: it goes back into a set by a fault that reads nothing. So the sets are a
 * FIFO, which costs nothing, and the lists after them make of it something near to LRU (Turner and Levy);
 * and a program that faults a lot replaces its own pages, not those of its neighbours.
 *
 *     fault --> set of the program --> parked --> clean list --> the next victim is its head
 *                  ^                    |           ^  |
 *                  |                    +--> modified list: written many at a time, then clean
 *                  +------------------------------+--+ salvaged by a fault
 *
 * Sets. A page that several programs map is in the set of the one that touched it when it was in none; when
 * that set replaces it, it is parked for all of them, and who touches it first takes it. What nobody maps
 * (pages read ahead, files read by calls) stands on the lists from the beginning; there a page that was used
 * by a call since it came goes round once more.
 *
 * Limits. A set begins with the operator's limit. When it is full and the program faults often, it grows
 * instead of replacing, as long as memory is free; never beyond what the program's own limit (RLIMIT_RSS)
 * says. When memory is short and the lists are short too, sets are trimmed in turn: an eager one gives up
 * little, a quiet one a quarter. Neither list is looked at for bits; only the order counts. A program that
 * replaces its own pages fills the lists by that, so nobody else would be trimmed. So there is a look at one
 * set after the other, too, and one that had no fault since long gives up a quarter at each look, until
 * its program touches something (VMS's dormant processes).
 *
 * Writing. The modified list is written when it is long, down to half of that, or when memory is short:
 * from its head, as many pages as a request takes; reclaim sorts them by owner and page, so that neighbours
 * lie together on the disk. The pages go to the end of the clean list when the write begins.
 *
 * If nothing is looked ahead (exact), limits stay, nothing is written before it has to go, and a set is
 * trimmed by one page and only when both lists are empty: clean head, else modified head, else the oldest
 * page of the first set. The simulator does the same.
 *
 * Data: list 0 clean, list 1 modified, oldest first; the lists of the sets, in a ring; turn: frames that
 * were offered and stayed since one went, by which those that may not go are passed; lowest: whether low
 * ones were looked for then; level: the modified list is being written down; looks: victims that were asked
 * for. A frame's byte and its `used` are the number of its set. Locking: policy.h.
 *
 * INV-VMS-1  a set's frames name it, are ANON or OBJECT, LISTED, with POLICY_IN_SET; its list's links agree
 * INV-VMS-2  in_sets is the sum over the ring, and only sets with frames are in it
 * INV-VMS-3  a frame that is marked PARKED stands on the clean or the modified list
 *
 * It cannot fail.
 *
 * Source: Levy and Lipman, "Virtual memory management in the VAX/VMS operating system", Computer 1982; Turner
 * and Levy, "Segmented FIFO page replacement", SIGMETRICS 1981.
 */
#include "mm/policy.h"

enum { CLEAN = 0, MODIFIED = 1 };

/* Fewer pages than one instruction may touch at once, and a program would never get beyond it. */
#define LEAST 16u

/* The lists together are to have this part of all: one in ... */
#define ASIDE_PART 4u
/* A modified list of this part is long. */
#define LONG_PART  8u
#define LONG_LEAST 32u
/* The clean list is short below so many, two requests for a disk; on a small machine below this part. */
#define SHORT      256u
#define SHORT_PART 8u

/* What an eager set, and one that is not, give up at a time: one page in ... */
#define EAGER_TRIM 32u
#define QUIET_TRIM 4u
/* Sets that are looked at each time. */
#define SETS_A_TURN 16u
/* A set grows by this part. */
#define GROW_PART 8u

/* A program faults often if so many faults take no longer than this. */
#define OFTEN_FAULTS 32u
#define OFTEN_NS     640000000u

/* Victims between two looks for a set whose program sleeps, and how long it had no fault then. */
#define DORMANT_LOOK 16u
#define DORMANT_NS   2000000000u

/* --- sets --- */

static void set_put(struct policy_state *s, struct frame *f, struct policy_set *set)
{
    policy_set_list(s, f, POLICY_IN_SET);
    f->order = (uint8_t)(set->number >> 16);
    f->used = (uint16_t)set->number;
    frame_list_push_tail(s->pool, &set->list, f);
    s->in_sets++;
    if (set->next)
        return;
    if (s->sets) {
        set->next = s->sets;
        set->prev = s->sets->prev;
        set->prev->next = set->next->prev = set;
    } else {
        s->sets = set->next = set->prev = set;
    }
}

static void set_take(struct policy_state *s, struct frame *f)
{
    struct policy_set *set = policy_set_of(s, f);

    frame_list_remove(s->pool, &set->list, f);
    f->order = 0;
    f->used = 0;
    s->in_sets--;
    if (set->list.count)
        return;
    if (s->sets == set)
        s->sets = set->next == set ? NULL : set->next;
    set->prev->next = set->next;
    set->next->prev = set->prev;
    set->next = set->prev = NULL;
}

/* The set's oldest page goes to the lists. The frame, or NULL: it may not, and stands elsewhere now. */
static struct frame *replace(struct policy_state *s, struct policy_set *set)
{
    struct frame *f = pfn_frame(s->pool, set->list.head);
    enum policy_parked what;

    if (s->only_low && !frame_is_low(s->pool, set->list.head))
        what = PARKED_BUSY;
    else
        what = s->eyes->park(s->eyes_arg, f);
    if (what == PARKED_BUSY) {
        frame_list_remove(s->pool, &set->list, f);
        frame_list_push_tail(s->pool, &set->list, f);
        return NULL;
    }
    set_take(s, f);
    if (what == PARKED_LOCKED) {
        policy_push(s, POLICY_KEPT, f);
        return NULL;
    }
    f->flags = (uint16_t)((f->flags & ~FRAME_F_REFERENCED) | FRAME_F_PARKED);
    policy_push(s, what == PARKED_DIRTY ? MODIFIED : CLEAN, f);
    s->counts.parked++;
    return f;
}

/* Let a set have no more than n pages, as far as they may go: some of the first `looks`. */
static void shrink(struct policy_state *s, struct policy_set *set, uint32_t n, uint32_t looks,
                   uint32_t *steps)
{
    for (; set->list.count > n && looks && *steps; looks--, --*steps)
        replace(s, set);
}

static bool is_long(const struct policy_state *s)
{
    uint32_t most = policy_count(s) / LONG_PART;

    return s->list[MODIFIED].count > (most > LONG_LEAST ? most : LONG_LEAST);
}

static bool is_short_of_clean(const struct policy_state *s)
{
    uint32_t part = policy_count(s) / SHORT_PART;

    return s->list[CLEAN].count < (part < SHORT ? part : SHORT);
}

static bool looks_ahead(const struct policy_state *s)
{
    return s->eyes->looks_ahead && s->eyes->looks_ahead(s->eyes_arg);
}

static void note_fault(struct policy_state *s, struct policy_set *set)
{
    uint64_t now;

    if (++set->faults % OFTEN_FAULTS)
        return;
    now = s->eyes->now(s->eyes_arg);
    set->is_eager = now - set->since <= OFTEN_NS;
    set->since = now;
}

/* A set that is over its limit grows, or replaces; but not its last page, which has just come. */
static void settle(struct policy_state *s, struct policy_set *set)
{
    uint32_t limit = set->limit < set->most ? set->limit : set->most, grow = set->limit / GROW_PART + LEAST,
             steps = UINT32_MAX;

    if (likely(set->list.count <= limit))
        return;
    if (limit < set->most && set->is_eager && looks_ahead(s) && s->eyes->spare(s->eyes_arg) > grow) {
        set->limit += grow;
        return;
    }
    shrink(s, set, limit, set->list.count - 1, &steps);
    if (is_long(s) && looks_ahead(s))
        s->eyes->wash_soon(s->eyes_arg);
}

/* --- the policy --- */

static void vms_enter(struct policy_state *s, struct frame *f)
{
    f->order = 0;
    policy_push(s, s->eyes->is_dirty(s->eyes_arg, f) ? MODIFIED : CLEAN, f);
}

static void vms_leave(struct policy_state *s, struct frame *f)
{
    if (policy_list_of(f) == POLICY_IN_SET) {
        set_take(s, f);
        policy_push(s, POLICY_IN_SET, f);
    }
}

static void vms_mapped(struct policy_state *s, struct frame *f, struct policy_set *set)
{
    if (policy_list_of(f) == POLICY_IN_SET)
        return;
    if (f->flags & FRAME_F_PARKED) {
        f->flags &= (uint16_t)~FRAME_F_PARKED;
        *(policy_list_of(f) == MODIFIED ? &s->counts.salvaged_dirty : &s->counts.salvaged_clean) += 1;
    }
    policy_take(s, f);
    set_put(s, f, set);
    if (looks_ahead(s))
        note_fault(s, set);
    settle(s, set);
}

/* Memory is short: fill the lists up, so that what goes has had its time there. */
static void trim(struct policy_state *s, uint32_t *steps)
{
    uint32_t want = policy_count(s) / ASIDE_PART;

    for (uint32_t sets = 0;
         sets < SETS_A_TURN && *steps && s->sets && s->list[CLEAN].count + s->list[MODIFIED].count < want;
         sets++) {
        struct policy_set *set = s->sets;
        uint32_t have = set->list.count, less = have / (set->is_eager ? EAGER_TRIM : QUIET_TRIM) + 1;

        s->sets = set->next;
        set->limit = have - less > LEAST && have > less ? have - less : LEAST;
        shrink(s, set, set->limit, have, steps);
        set->is_eager = false; /* until it shows again that it is */
    }
}

/* Memory is short: the next set gives up some of its pages if its program seems to sleep. */
static void trim_dormant(struct policy_state *s, uint32_t *steps)
{
    struct policy_set *set = s->sets;
    uint64_t now;

    if (!set || ++s->looks % DORMANT_LOOK)
        return;
    now = s->eyes->now(s->eyes_arg);
    s->sets = set->next;
    if (set->faults != set->seen) {
        set->seen = set->faults;
        set->looked = now;
    } else if (now - set->looked >= DORMANT_NS) {
        uint32_t have = set->list.count;

        shrink(s, set, have - have / QUIET_TRIM - 1, have, steps);
    }
}

/* A page of a set, the lists having nothing; it is parked. */
static struct frame *oldest_of_sets(struct policy_state *s, uint32_t *steps)
{
    struct frame *f = NULL;

    for (uint32_t looks = s->in_sets; !f && looks && s->sets && *steps; looks--, --*steps) {
        struct policy_set *set = s->sets;

        s->sets = set->next;
        f = replace(s, set);
    }
    return f;
}

/* The first of the clean list that may be looked at. NULL: there is none. */
static struct frame *first_clean(struct policy_state *s, uint32_t *steps)
{
    while (*steps && s->list[CLEAN].count > s->turn) {
        struct frame *f = policy_head(s, CLEAN);

        if (f->flags & FRAME_F_WRITEBACK)
            return f;
        --*steps;
        /* Written to by a call, or its write has failed. What was given up goes unwritten. */
        if ((f->flags & (FRAME_F_DIRTY | FRAME_F_LAZY)) == FRAME_F_DIRTY) {
            policy_take(s, f);
            policy_push(s, MODIFIED, f);
        } else if (f->flags & FRAME_F_REFERENCED) {
            f->flags &= (uint16_t)~FRAME_F_REFERENCED;
            policy_to_tail(s, f);
        } else {
            return f;
        }
    }
    return NULL;
}

static struct frame *vms_next(struct policy_state *s, uint32_t *steps)
{
    struct frame *f;

    if (s->turn >= policy_count(s) || s->lowest != s->only_low)
        s->turn = 0;
    s->lowest = s->only_low;
    if (looks_ahead(s)) {
        trim_dormant(s, steps);
        trim(s, steps);
    }
    f = first_clean(s, steps);
    if (f)
        return f->flags & FRAME_F_WRITEBACK ? NULL : f; /* the disk is about to let it go */
    if (!*steps)
        return NULL;
    if (s->list[MODIFIED].head && s->list[CLEAN].count + s->list[MODIFIED].count > s->turn) {
        --*steps;
        return policy_head(s, MODIFIED);
    }
    f = oldest_of_sets(s, steps);
    if (!f && *steps)
        s->turn = 0; /* all stay for now, and may go the next time */
    return f;
}

static void vms_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    unsigned list = CLEAN;

    switch (what) {
    case POLICY_CLEAN:
        s->counts.washed++;
        break;
    case POLICY_OUT:
        f->flags &= (uint16_t)~FRAME_F_PARKED;
        if (!s->only_low) /* those that stayed are mostly high, and would stay again */
            s->turn = 0;
        break;
    case POLICY_DIRTY:
        list = MODIFIED;
        break;
    case POLICY_STAYS:
        s->turn++;
        if (policy_list_of(f) == MODIFIED || (f->flags & (FRAME_F_DIRTY | FRAME_F_LAZY)) == FRAME_F_DIRTY)
            list = MODIFIED;
        break;
    }
    policy_take(s, f);
    policy_push(s, list, f);
}

static struct frame *vms_wash(struct policy_state *s, bool is_short)
{
    if (s->level && s->list[MODIFIED].count <= policy_count(s) / LONG_PART / 2)
        s->level = 0;
    if (is_long(s))
        s->level = 1;
    return s->level || (is_short && is_short_of_clean(s)) ? policy_head(s, MODIFIED) : NULL;
}

static void vms_cold(struct policy_state *s, struct frame *f)
{
    if (policy_list_of(f) == POLICY_IN_SET) {
        struct policy_set *set = policy_set_of(s, f);

        frame_list_remove(s->pool, &set->list, f);
        frame_list_push_head(s->pool, &set->list, f);
        if (replace(s, set) != f)
            return;
    }
    s->turn = 0;
    policy_to_head(s, f);
}

static bool set_verify(const struct policy_state *s, const struct policy_set *set)
{
    uint32_t walked = 0;
    pfn_t before = PFN_NONE;
    bool ok = true;

    for (pfn_t pfn = set->list.head; pfn && walked <= set->list.count;
         before = pfn, pfn = pfn_frame(s->pool, pfn)->next, walked++) {
        const struct frame *f = pfn_frame(s->pool, pfn);

        INV("INV-VMS-1",
            (f->use == FRAME_ANON || f->use == FRAME_OBJECT) && f->flags & FRAME_F_LISTED &&
                policy_number_of(f) == s->first + POLICY_IN_SET && f->prev == before &&
                ((pfn_t)f->order << 16 | f->used) == set->number,
            "frame %u of set %u: use %s, flags %x, %u is before, says %u, of set %u", pfn, set->number,
            frame_use_name(f->use), f->flags, before, f->prev, (pfn_t)f->order << 16 | f->used);
        INV("INV-VMS-3", !(f->flags & FRAME_F_PARKED), "frame %u of set %u is parked", pfn, set->number);
        if (!ok)
            return false;
    }
    INV("INV-VMS-1", walked == set->list.count && before == set->list.tail,
        "set %u: walked %u to %u, says %u to %u", set->number, walked, before, set->list.count,
        set->list.tail);
    return ok;
}

static bool vms_verify(const struct policy_state *s)
{
    const struct policy_set *set = s->sets;
    uint32_t sum = 0, sets = 0;
    bool ok = true;

    for (; set && sets <= s->in_sets; set = set->next) {
        INV("INV-VMS-2", set->list.count && set->next && set->next->prev == set, "set %u of %u frames",
            set->number, set->list.count);
        if (!ok || !set_verify(s, set))
            return false;
        sum += set->list.count;
        sets++;
        if (set->next == s->sets)
            break;
    }
    INV("INV-VMS-2", sum == s->in_sets && sets <= s->in_sets, "%u frames in %u sets, says %u", sum, sets,
        s->in_sets);
    return ok;
}

const struct policy policy_vms = {
    .name = "vms",
    .lists = {"clean", "modified", [POLICY_IN_SET] = "of a program"},
    .turns = 3,
    .enter = vms_enter,
    .leave = vms_leave,
    .next = vms_next,
    .pass = vms_pass,
    .cold = vms_cold,
    .verify = vms_verify,
    .mapped = vms_mapped,
    .wash = vms_wash,
};
