/*
 * Aging: LRU, as well as eight bits know it.
 *
 * Purpose. Each page has a counter of eight bits. When the hand comes by, it is shifted to the right and the
 * accessed bit enters at the left, so a larger number is a page that was used more lately, and among those
 * more often. The lowest goes. It tells pages apart that clock finds equal: one that is used in every turn
 * from one that was used in the last.
 *
 * The textbook shifts all counters at a tick and looks for the minimum. Here the hand's turn is the tick,
 * and the minimum is that of the last turn: a page goes if its counter is not above it, both shifted. Pages
 * that were offered do not count for it: they have gone, or may not go, and would keep all others.
 *
 * Data: list 1, the hand at its head; the frame's policy byte is the counter. turn: frames that are left of
 * this turn; level: what goes in it; lowest: the lowest counter that was passed over in it, NONE if no page
 * was. Locking: policy.h.
 *
 * INV-AGING-1  all frames are on list 1
 * INV-AGING-2  turn is at most the frames that there can be
 *
 * Source: Tanenbaum, "Modern Operating Systems", not frequently used with aging.
 */
#include "mm/policy.h"

#define AGED   1u
#define RECENT 0x80u
#define NONE   (UINT8_MAX + 1u)

static void aging_enter(struct policy_state *s, struct frame *f)
{
    f->order = RECENT;
    policy_push(s, AGED, f);
}

static struct frame *aging_next(struct policy_state *s, uint32_t *steps)
{
    while (*steps && s->list[AGED].head) {
        struct frame *f = policy_head(s, AGED);

        if (!s->turn) {
            s->turn = s->list[AGED].count;
            s->level = s->lowest == NONE ? s->level : s->lowest >> 1;
            s->lowest = NONE;
        }
        --*steps;
        s->turn--;
        f->order = (uint8_t)(f->order >> 1 | (policy_take_uses(s, f) ? RECENT : 0));
        if (f->order <= s->level)
            return f;
        if (f->order < s->lowest)
            s->lowest = f->order;
        policy_to_tail(s, f);
    }
    return NULL;
}

static void aging_cold(struct policy_state *s, struct frame *f)
{
    f->order = 0;
    policy_to_head(s, f);
}

static bool aging_verify(const struct policy_state *s)
{
    bool ok = true;

    INV("INV-AGING-1", s->list[AGED].count == policy_count(s), "%u of %u", s->list[AGED].count,
        policy_count(s));
    INV("INV-AGING-2", s->turn <= s->pool->end - s->pool->start && s->level <= UINT8_MAX, "%u left, level %x",
        s->turn, s->level);
    return ok;
}

const struct policy policy_aging = {
    .name = "aging",
    .lists = {[1] = "circle"},
    .turns = 9, /* then every counter is 0 */
    .enter = aging_enter,
    .next = aging_next,
    .pass = policy_pass_to_tail,
    .cold = aging_cold,
    .verify = aging_verify,
};
