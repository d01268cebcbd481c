/*
 * FIFO: the page that was loaded first goes first.
 *
 * Purpose. The baseline: no bit is looked at, so it costs least, and a page that is used all the time goes as
 * soon as one that is not. With more frames it may even fault more often (Belady, Nelson and Shedler 1969).
 *
 * Data: list 0, oldest first. Locking: policy.h.
 *
 * There are no invariants beyond those of the lists. It cannot fail.
 *
 * Source: Belady, "A study of replacement algorithms for virtual-storage computers", 1966.
 */
#include "mm/policy.h"

static struct frame *fifo_next(struct policy_state *s, uint32_t *steps)
{
    if (!*steps || !s->list[0].head)
        return NULL;
    --*steps;
    return policy_head(s, 0);
}

const struct policy policy_fifo = {
    .name = "fifo",
    .lists = {"queue"},
    .turns = 1,
    .next = fifo_next,
    .pass = policy_pass_to_tail,
    .cold = policy_to_head,
};
