/*
 * Random: any page goes.
 *
 * Purpose. The baseline without a pattern: it has no worst case that a program could meet, on loops that are
 * longer than memory it is far better than anything that looks at use, and elsewhere worse.
 *
 * A frame number is drawn from the pool until it is one of a pageable frame. Where few are, DRAWS in vain are
 * followed by the frame that has waited longest; and so is a whole turn of pages that may not go, so that the
 * few that may are found. The generator is seeded with a constant, so that a run can be repeated.
 *
 * Data: list 0, in the order in which pages came, for who is cold and for verification; random: the
 * generator's state; turn: pages that may not go since one went; level: a page is cold. Locking: policy.h. It
 * cannot fail.
 *
 * Source: Belady 1966; the generator is in policy.c.
 */
#include "mm/policy.h"

#define DRAWS 64u
#define SEED  0x853C49E6748FEA9Bu

static void random_start(struct policy_state *s)
{
    s->random = SEED;
}

static struct frame *random_next(struct policy_state *s, uint32_t *steps)
{
    const struct frame_pool *p = s->pool;

    if (s->level && *steps && s->list[0].head) { /* a page was said to be cold */
        s->level = 0;
        --*steps;
        return policy_head(s, 0);
    }
    for (unsigned draws = 0; *steps && s->list[0].head; draws++) {
        struct frame *f = pfn_frame(p, p->start + policy_draw(s, p->end - p->start));

        if (draws == DRAWS || s->turn >= s->list[0].count)
            f = policy_head(s, 0);
        if ((f->use != FRAME_ANON && f->use != FRAME_OBJECT) || !(f->flags & FRAME_F_LISTED) ||
            policy_number_of(f) != s->first)
            continue;
        --*steps;
        return f;
    }
    return NULL;
}

static void random_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    s->turn = what == POLICY_OUT ? 0 : s->turn + 1;
    policy_to_tail(s, f);
}

static void random_cold(struct policy_state *s, struct frame *f)
{
    policy_to_head(s, f);
    s->level = 1;
}

const struct policy policy_random = {
    .name = "random",
    .lists = {"by age"},
    .turns = 2,
    .start = random_start,
    .next = random_next,
    .pass = random_pass,
    .cold = random_cold,
};
