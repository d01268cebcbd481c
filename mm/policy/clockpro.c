/*
 * CLOCK-Pro: how soon a page is used again decides, not how long ago it was used.
 *
 * Purpose. A page that is used again after a short while is worth more than one that was used just now for
 * the first time. Pages are hot or cold. Cold ones go. A cold page that came to the head of the clock has a
 * test period: if it is used again in it, sooner than some hot page was, the two change places. Pages that
 * go in their test period are remembered as ghosts, so the period goes on while they are not in memory. So
 * loops that are longer than memory keep most of it, and a scan passes through the few cold frames.
 *
 * Three hands go round one clock in the paper. Here the clock is three queues, oldest first: cold pages, hot
 * pages, and ghosts. A page has its position, which is how many cold pages had come to the head of the clock
 * when it did, and positions say what stands before what in different queues. The hands are the heads:
 *
 *   cold   takes the oldest cold page: not used, it goes; used in its test period, it may rise; else it
 *          comes to the head of the clock and its test period begins anew
 *   hot    takes the oldest hot page: used, it comes to the head; else it becomes cold, without a test.
 *          What it passes has its test period behind it
 *   test   takes the oldest ghost when there are as many as frames, or when the hot hand has passed it
 *
 * A page rises if there are fewer hot pages than there should be, or in exchange: the hot hand goes on until
 * it finds a hot page that was not used; if it comes to the place of the page that wants to rise before, that
 * page's test is over. How many pages should be cold follows what happens: a ghost that comes back wants one
 * more, one whose test ends wants one less.
 *
 * The access for which a page was loaded sets its bit too. So the first use that is found is the loading's:
 * it does not let the page rise. A page that comes back while it is a ghost needs no look.
 *
 * Data: list 1 cold, list 2 hot; of a frame, the policy's byte has the marks below, and with the number
 * (used) its position: 21 bits, in units that let a 16th of them be all of memory. Ghosts are remembered with
 * their positions; their clock is the position at the head. level: how many should be cold; lowest: 1 when a
 * page has gone, before which all enter as hot ones; turn: pages that entered since one was looked for, above
 * all of which positions stand still, so that the oldest cannot be overtaken. Locking: policy.h.
 *
 * INV-CLOCKPRO-1  all frames are on the two lists
 * INV-CLOCKPRO-2  no hot page is older than one before it
 * INV-CLOCKPRO-3  hot pages have no marks, and cold ones that may rise no others
 * INV-CLOCKPRO-4  level and turn are at most the frames that there can be
 *
 * Source: Jiang, Chen and Zhang, "CLOCK-Pro: an effective improvement of the CLOCK replacement", USENIX 2005;
 * that only ghosts change the share of cold pages is from Jiang's own simulator of the same year.
 */
#include "mm/policy.h"

enum { COLD = 1, HOT = 2 };

/* Marks of a cold page, below the high bits of its position. */
#define TEST  1u /* its test period began when it came to the head */
#define FRESH 2u /* it was not looked at since it was loaded */
#define RISES 4u /* it was used in its test period */
#define MARKS 7u

#define HIGH_SHIFT    3u
#define POSITION_BITS 21u
#define POSITIONS     ((1u << POSITION_BITS) - 1)

/* Cold frames at least, and at first: one in ... The paper's hundredth is less than reclaim takes at once; on
 * real programs an eighth misses less than that, a quarter or a half. */
#define COLD_PART 8u

/* Bits of a position that count all frames once. */
#define ROUND_BITS (POSITION_BITS - 4)
/* A hot page as old as this is looked at, lest its position looks new. */
#define STALE (1u << (POSITION_BITS - 1))

/* Ghosts that the hot hand drops in one step. */
#define DROPS 8u

static unsigned unit(const struct policy_state *s)
{
    unsigned bits = 32u - (unsigned)__builtin_clz(s->pool->end - s->pool->start);

    return bits > ROUND_BITS ? bits - ROUND_BITS : 0;
}

static unsigned marks_of(const struct frame *f)
{
    return f->order & MARKS;
}

static void set_place(struct policy_state *s, struct frame *f, unsigned marks, uint32_t age)
{
    uint32_t position = ((s->ghosts.clock - age) >> unit(s)) & POSITIONS;

    f->used = (uint16_t)position;
    f->order = (uint8_t)(position >> 16 << HIGH_SHIFT | marks);
}

/* How many cold pages came to the head since it did. */
static uint32_t age_of(const struct policy_state *s, const struct frame *f)
{
    uint32_t position = (uint32_t)f->order >> HIGH_SHIFT << 16 | f->used;

    return (((s->ghosts.clock >> unit(s)) - position) & POSITIONS) << unit(s);
}

/* Whether the hot hand has not come to the place of a page of that age yet. */
static bool in_test(const struct policy_state *s, uint32_t age)
{
    const struct frame *h = policy_head(s, HOT);

    return (!h || age < age_of(s, h)) && age >> unit(s) < STALE;
}

static uint32_t cold_least(const struct policy_state *s)
{
    return policy_count(s) / COLD_PART + 1;
}

static uint32_t hot_most(const struct policy_state *s)
{
    uint32_t all = policy_count(s);

    return s->level < all ? all - s->level : 0;
}

static void want_cold(struct policy_state *s, bool more, uint32_t n)
{
    uint32_t all = policy_count(s), least = cold_least(s);

    if (!s->lowest)
        return;
    if (more)
        s->level = s->level + n + least < all ? s->level + n : all > 2 * least ? all - least : least;
    else
        s->level = s->level > least + n ? s->level - n : least;
}

/* To the head of the clock. */
static void to_head(struct policy_state *s, struct frame *f, unsigned list, unsigned marks)
{
    policy_take(s, f);
    policy_push(s, list, f);
    s->ghosts.clock += list == COLD;
    set_place(s, f, marks, 0);
}

static void clockpro_enter(struct policy_state *s, struct frame *f)
{
    uint32_t ghosts = s->ghosts.count, age = 0;
    bool back = policy_recall(s, f, &age);

    want_cold(s, false, ghosts - s->ghosts.count - back);
    if (s->turn < policy_count(s)) {
        s->turn++;
        s->ghosts.clock++;
    }
    if (!s->lowest) {
        policy_push(s, HOT, f);
        set_place(s, f, 0, 0);
    } else if (back && in_test(s, age)) {
        want_cold(s, true, 1);
        policy_push(s, COLD, f);
        policy_to_head(s, f);
        set_place(s, f, RISES, age);
    } else {
        policy_push(s, COLD, f);
        set_place(s, f, TEST | FRESH, 0);
    }
}

static void clockpro_leave(struct policy_state *s, struct frame *f)
{
    (void)s;
    f->used = 0;
}

/* The hot hand takes one step. Whether the page became cold. */
static bool hand_hot(struct policy_state *s, struct frame *h)
{
    uint32_t dropped = 0;

    while (dropped < DROPS && s->ghosts.count && policy_oldest_age(s) >= age_of(s, h)) {
        policy_forget_oldest(s);
        dropped++;
    }
    want_cold(s, false, dropped);
    if (policy_take_uses(s, h)) {
        to_head(s, h, HOT, 0);
        return false;
    }
    to_head(s, h, COLD, 0);
    s->counts.demoted++;
    return true;
}

static void rise(struct policy_state *s, struct frame *f, struct frame *h)
{
    if (s->list[HOT].count >= hot_most(s)) {
        if (!h || age_of(s, h) <= age_of(s, f)) {
            to_head(s, f, COLD, TEST);
            return;
        }
        if (!hand_hot(s, h))
            return;
    }
    to_head(s, f, HOT, 0);
    s->counts.promoted++;
}

static void was_used(struct policy_state *s, struct frame *f)
{
    uint32_t age = age_of(s, f);

    if (marks_of(f) == TEST && in_test(s, age))
        set_place(s, f, RISES, age);
    else
        to_head(s, f, COLD, TEST);
}

static struct frame *clockpro_next(struct policy_state *s, uint32_t *steps)
{
    uint32_t all = policy_count(s);

    if (!*steps || !all)
        return NULL;
    s->ghosts.limit = all < s->ghosts.max ? all : s->ghosts.max - !!s->ghosts.max;
    s->turn = 0;
    want_cold(s, false, 0);
    for (; *steps; --*steps) {
        struct frame *f = policy_head(s, COLD), *h = policy_head(s, HOT);

        if (h && (!f || s->list[HOT].count > hot_most(s) || age_of(s, h) >> unit(s) >= STALE)) {
            hand_hot(s, h);
        } else if (marks_of(f) & RISES) {
            rise(s, f, h);
        } else if (policy_take_uses(s, f)) {
            was_used(s, f);
        } else {
            --*steps;
            return f;
        }
    }
    return NULL;
}

static void clockpro_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    uint32_t ghosts = s->ghosts.count;

    if (what == POLICY_OUT && !s->lowest) {
        s->lowest = 1;
        s->level = cold_least(s);
    }
    if (what == POLICY_OUT && f->owner && marks_of(f) & TEST && in_test(s, age_of(s, f))) {
        policy_remember_aged(s, f, age_of(s, f));
        want_cold(s, false, ghosts + 1 - s->ghosts.count);
    }
    /* One that may not go becomes hot, or the hot ones would never be looked at. */
    to_head(s, f, what == POLICY_OUT ? COLD : HOT, 0);
}

static void clockpro_cold(struct policy_state *s, struct frame *f)
{
    const struct frame *first = policy_head(s, COLD);
    uint32_t age = first ? age_of(s, first) : 0;

    to_head(s, f, COLD, 0);
    policy_to_head(s, f);
    set_place(s, f, 0, age);
}

static bool clockpro_verify(const struct policy_state *s)
{
    uint32_t all = s->pool->end - s->pool->start, before = UINT32_MAX;
    bool ok = true;

    INV("INV-CLOCKPRO-1", s->list[COLD].count + s->list[HOT].count == policy_count(s), "%u and %u of %u",
        s->list[COLD].count, s->list[HOT].count, policy_count(s));
    for (const struct frame *f = policy_head(s, HOT); f; before = age_of(s, f), f = policy_next_of(s, f)) {
        INV("INV-CLOCKPRO-2", age_of(s, f) <= before, "hot frame %u is %u old, the one before %u",
            frame_pfn(s->pool, f), age_of(s, f), before);
        INV("INV-CLOCKPRO-3", !marks_of(f), "hot frame %u has %x", frame_pfn(s->pool, f), marks_of(f));
    }
    for (const struct frame *f = policy_head(s, COLD); f; f = policy_next_of(s, f))
        INV("INV-CLOCKPRO-3", !(marks_of(f) & RISES) || marks_of(f) == RISES, "cold frame %u has %x",
            frame_pfn(s->pool, f), marks_of(f));
    INV("INV-CLOCKPRO-4", s->level <= all && s->turn <= all, "%u cold and %u new of %u", s->level, s->turn,
        all);
    return ok;
}

const struct policy policy_clockpro = {
    .name = "clock-pro",
    .lists = {[1] = "cold", [2] = "hot"},
    .turns = 6,
    .remembers = 100,
    .enter = clockpro_enter,
    .leave = clockpro_leave,
    .next = clockpro_next,
    .pass = clockpro_pass,
    .cold = clockpro_cold,
    .verify = clockpro_verify,
};
