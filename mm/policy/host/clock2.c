/*
 * Clock with a counter: a page gets as many chances as it was used, three at most.
 *
 * Data: list 1, the hand at its head; the frame's policy byte counts uses. Locking: policy.h.
 *
 * INV-CLOCK2-1  all frames are on list 1
 *
 * Source: Smith, "Sequentiality and prefetching in database systems", 1978, as generalized clock.
 */
#include "mm/policy.h"

#define COUNTED  1u
#define USES_MAX 3u

static void clock2_enter(struct policy_state *s, struct frame *f)
{
    f->order = 0;
    policy_push(s, COUNTED, f);
}

static struct frame *clock2_next(struct policy_state *s, uint32_t *steps)
{
    while (*steps && s->list[COUNTED].head) {
        struct frame *f = policy_head(s, COUNTED);

        --*steps;
        if (!policy_spend_use(s, f, USES_MAX))
            return f;
        policy_to_tail(s, f);
    }
    return NULL;
}

static void clock2_cold(struct policy_state *s, struct frame *f)
{
    f->order = 0;
    policy_to_head(s, f);
}

static bool clock2_verify(const struct policy_state *s)
{
    bool ok = true;

    INV("INV-CLOCK2-1", s->list[COUNTED].count == policy_count(s), "%u of %u", s->list[COUNTED].count,
        policy_count(s));
    return ok;
}

const struct policy policy_clock2 = {
    .name = "clock2",
    .turns = 5,
    .enter = clock2_enter,
    .next = clock2_next,
    .pass = policy_pass_to_tail,
    .cold = clock2_cold,
    .verify = clock2_verify,
};
