/*
 * Clock with four classes: what can be forgotten goes before what must be written.
 *
 * Purpose. Enhanced second chance. A page is (used, dirty); the hand looks in turns:
 *
 *   turn 0, 2   for (no, no), and leaves the bits alone
 *   turn 1, 3   for (no, yes) too, and takes the accessed bit from what it passes
 *
 * So a clean page that was not used goes first, then a dirty one; of those that were used again a clean one
 * first. On a disk where a write costs as much as a read this halves the traffic; a program that writes to
 * much of what it has loses its text for it.
 *
 * A turn is begun once for many victims, not again for each as the textbook says: after a victim the hand
 * goes on in the same turn, since what it has passed cannot have become better than what is ahead, but by
 * new pages.
 *
 * Data: list 0, the hand at its head; level: the turn; turn: frames that are left of it; lowest: 0 if a
 * page went in it, so that turn 0 comes next. Locking: policy.h.
 *
 * INV-CLOCK-DIRTY-1  level is a turn, and turn at most the frames that there were when it began
 *
 * Source: Goldman, "A virtual memory implementation for the Macintosh" as "not recently used" in
 * Silberschatz, Galvin and Gagne, and Tanenbaum.
 */
#include "mm/policy.h"

#define TURNS 4u

static struct frame *clock_dirty_next(struct policy_state *s, uint32_t *steps)
{
    while (*steps && s->list[0].head) {
        struct frame *f = policy_head(s, 0);
        bool used;

        if (!s->turn) {
            s->turn = s->list[0].count;
            s->level = s->lowest ? (s->level + 1) % TURNS : 0;
            s->lowest = 1;
        }
        --*steps;
        s->turn--;
        used = s->level & 1 ? policy_take_uses(s, f) != 0 : policy_is_used(s, f);
        if (!used && (s->level & 1 || !policy_is_dirty(s, f)))
            return f;
        policy_to_tail(s, f);
    }
    return NULL;
}

static void clock_dirty_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    if (what == POLICY_OUT)
        s->lowest = 0;
    policy_to_tail(s, f);
}

static bool clock_dirty_verify(const struct policy_state *s)
{
    bool ok = true;

    INV("INV-CLOCK-DIRTY-1", s->level < TURNS && s->turn <= s->pool->end - s->pool->start, "turn %u, %u left",
        s->level, s->turn);
    return ok;
}

const struct policy policy_clock_dirty = {
    .name = "clock-dirty",
    .lists = {"circle"},
    .turns = 5,
    .next = clock_dirty_next,
    .pass = clock_dirty_pass,
    .cold = policy_to_head,
    .verify = clock_dirty_verify,
};
