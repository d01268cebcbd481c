/*
 * LRU and MRU: the page goes that was used longest ago, or last.
 *
 * Purpose. What the kernel's policies are compared with. Both have to be told of every use when it happens,
 * which no processor does. MRU is right for loops that are longer than memory, and for little else.
 *
 * Data: list 0, least recently used first. Locking: policy.h. They cannot fail.
 *
 * Source: Belady 1966; Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies",
 * 1970.
 */
#include "mm/policy.h"

static struct frame *lru_next(struct policy_state *s, uint32_t *steps)
{
    if (!*steps || !s->list[0].head)
        return NULL;
    --*steps;
    return policy_head(s, 0);
}

static struct frame *mru_next(struct policy_state *s, uint32_t *steps)
{
    if (!*steps || !s->list[0].head)
        return NULL;
    --*steps;
    return pfn_frame(s->pool, s->list[0].tail);
}

static void mru_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    (void)what;
    policy_to_head(s, f);
}

const struct policy policy_lru = {
    .name = "lru",
    .turns = 1,
    .used = policy_to_tail,
    .next = lru_next,
    .pass = policy_pass_to_tail,
    .cold = policy_to_head,
};

const struct policy policy_mru = {
    .name = "mru",
    .turns = 1,
    .used = policy_to_tail,
    .next = mru_next,
    .pass = mru_pass,
    .cold = policy_to_tail,
};
