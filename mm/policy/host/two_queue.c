/*
 * 2Q: a page has to come back before it enters the queue that is ordered by use.
 *
 * Purpose. New pages stand in A1in, a FIFO of a quarter of memory, where uses do not count: they are mostly
 * those of one loading. What goes from there is remembered in A1out, half as many as there are frames. What
 * comes back while it is remembered enters Am, which is LRU. Since Am needs every use it is for the host
 * only.
 *
 * Data: list 1 A1in, list 2 Am, oldest first; ghosts: A1out; turn: the queue of a page that is cold,
 * the other one after a page that may not go, or 0. Locking: policy.h.
 *
 * INV-2Q-1  all frames are on the two lists
 *
 * Source: Johnson and Shasha, "2Q: a low overhead high performance buffer management replacement algorithm",
 * VLDB 1994.
 */
#include "mm/policy.h"

enum { A1IN = 1, AM = 2 };

#define IN_PART  4u
#define OUT_PART 2u

static void two_queue_enter(struct policy_state *s, struct frame *f)
{
    uint32_t age;

    policy_push(s, policy_recall(s, f, &age) ? AM : A1IN, f);
}

static void two_queue_used(struct policy_state *s, struct frame *f)
{
    if (policy_list_of(f) == AM)
        policy_to_tail(s, f);
}

static struct frame *two_queue_next(struct policy_state *s, uint32_t *steps)
{
    uint32_t all = policy_count(s);

    if (!*steps || !all)
        return NULL;
    --*steps;
    s->ghosts.limit = all / OUT_PART < s->ghosts.max ? all / OUT_PART : s->ghosts.max - !!s->ghosts.max;
    if (s->turn && s->list[s->turn].count)
        return policy_head(s, s->turn);
    return policy_head(s, s->list[A1IN].count > all / IN_PART || !s->list[AM].count ? A1IN : AM);
}

static void two_queue_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    if (what == POLICY_OUT && policy_list_of(f) == A1IN)
        policy_remember(s, f);
    policy_to_tail(s, f);
    s->turn = what == POLICY_OUT ? 0 : A1IN + AM - policy_list_of(f);
}

static void two_queue_cold(struct policy_state *s, struct frame *f)
{
    policy_to_head(s, f);
    s->turn = policy_list_of(f);
}

static bool two_queue_verify(const struct policy_state *s)
{
    bool ok = true;

    INV("INV-2Q-1", s->list[A1IN].count + s->list[AM].count == policy_count(s), "%u and %u of %u",
        s->list[A1IN].count, s->list[AM].count, policy_count(s));
    return ok;
}

const struct policy policy_two_queue = {
    .name = "2q",
    .turns = 2, /* as many are offered of the other queue */
    .remembers = 50,
    .enter = two_queue_enter,
    .used = two_queue_used,
    .next = two_queue_next,
    .pass = two_queue_pass,
    .cold = two_queue_cold,
    .verify = two_queue_verify,
};
