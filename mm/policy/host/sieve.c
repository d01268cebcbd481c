/*
 * SIEVE: a clock whose hand leaves what it spares where it is.
 *
 * Purpose. New pages enter at one end, the hand walks from the oldest to the newest. What was used keeps its
 * place behind the hand, so new pages that are not used again go soon, before older ones that are: quick
 * demotion for the price of a clock. On strings of requests to a cache it beats most others. A kernel does
 * not see such a string: the use that a page had when it was loaded and the ones that the translation
 * buffer hides make new pages look alike, and loops make it throw out what comes next. Measure before you
 * use it.
 *
 * Data: list 1, oldest first; hand: the frame that is looked at next, or none: the oldest. Locking: policy.h.
 *
 * INV-SIEVE-1  all frames are on list 1, and the hand is one of them
 *
 * Source: Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is simpler than LRU", NSDI 2024.
 */
#include "mm/policy.h"

#define SIFTED 1u

static void sieve_enter(struct policy_state *s, struct frame *f)
{
    policy_push(s, SIFTED, f);
}

static void sieve_leave(struct policy_state *s, struct frame *f)
{
    if (s->hand == frame_pfn(s->pool, f))
        s->hand = f->next;
}

static struct frame *sieve_next(struct policy_state *s, uint32_t *steps)
{
    while (*steps && s->list[SIFTED].head) {
        struct frame *f = s->hand ? pfn_frame(s->pool, s->hand) : policy_head(s, SIFTED);

        --*steps;
        s->hand = frame_pfn(s->pool, f);
        if (!policy_take_uses(s, f))
            return f;
        s->hand = f->next;
    }
    return NULL;
}

static void sieve_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    (void)what;
    s->hand = f->next;
}

static void sieve_cold(struct policy_state *s, struct frame *f)
{
    policy_to_head(s, f);
    s->hand = frame_pfn(s->pool, f);
}

static bool sieve_verify(const struct policy_state *s)
{
    const struct frame *f = s->hand ? pfn_frame(s->pool, s->hand) : NULL;
    bool ok = true;

    INV("INV-SIEVE-1",
        s->list[SIFTED].count == policy_count(s) &&
            (!f || (f->flags & FRAME_F_LISTED && policy_number_of(f) == s->first + SIFTED)),
        "%u of %u, hand at %u", s->list[SIFTED].count, policy_count(s), s->hand);
    return ok;
}

const struct policy policy_sieve = {
    .name = "sieve",
    .turns = 2,
    .enter = sieve_enter,
    .leave = sieve_leave,
    .next = sieve_next,
    .pass = sieve_pass,
    .cold = sieve_cold,
    .verify = sieve_verify,
};
