/*
 * Clock: a page that was used since the hand last came by gets a second chance.
 *
 * Purpose. The queue of FIFO with one look at the accessed bit: LRU's behaviour for hardly more than FIFO's
 * cost. All pages that were used since the last turn are equal to it, so that a scan that is longer than
 * memory washes everything out.
 *
 * Data: list 0; the hand is at its head, and what it passes goes to the tail. Locking: policy.h. It cannot
 * fail.
 *
 * Source: Corbato, "A paging experiment with the Multics system", 1968; as second chance in every textbook.
 */
#include "mm/policy.h"

static struct frame *clock_next(struct policy_state *s, uint32_t *steps)
{
    while (*steps && s->list[0].head) {
        struct frame *f = policy_head(s, 0);

        --*steps;
        if (!policy_take_uses(s, f))
            return f;
        policy_to_tail(s, f);
    }
    return NULL;
}

const struct policy policy_clock = {
    .name = "clock",
    .lists = {"circle"},
    .turns = 2,
    .next = clock_next,
    .pass = policy_pass_to_tail,
    .cold = policy_to_head,
};
