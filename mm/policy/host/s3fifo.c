/*
 * S3-FIFO: three queues, of which one only remembers.
 *
 * Purpose. Most pages of a scan are used once. A tenth of memory is the small queue, which new pages go
 * through; what was used at least twice in it goes on to the main queue, the rest goes out and is
 * remembered as a ghost. Who comes back while it is remembered enters the main queue. The main queue is a
 * clock with a counter of two bits.
 *
 * Data: list 1 small, list 2 main, oldest first; the frame's policy byte counts uses; ghosts: nine tenths
 * as many as there are frames; turn: the queue that is looked through for a victim, or 0; after a page that
 * may not go it is the other one, so that neither hides what may. Locking: policy.h.
 *
 * INV-S3FIFO-1  all frames are on the two lists
 *
 * Source: Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023.
 */
#include "mm/policy.h"

enum { SMALL = 1, MAIN = 2 };

#define SMALL_PART 10u
#define MAIN_USES  2u /* in the small queue, to go on */
#define USES_MAX   3u

static void s3fifo_enter(struct policy_state *s, struct frame *f)
{
    uint32_t age;
    bool back = policy_recall(s, f, &age);

    f->order = 0;
    policy_push(s, back ? MAIN : SMALL, f);
}

/* The small queue's oldest, if it goes. */
static struct frame *from_small(struct policy_state *s)
{
    struct frame *f = policy_head(s, SMALL);
    uint32_t uses = f->order + policy_take_uses(s, f);

    if (uses < MAIN_USES) {
        f->order = (uint8_t)uses;
        return f;
    }
    policy_take(s, f);
    f->order = 0;
    policy_push(s, MAIN, f);
    s->counts.promoted++;
    return NULL;
}

static struct frame *from_main(struct policy_state *s)
{
    struct frame *f = policy_head(s, MAIN);

    if (!policy_spend_use(s, f, USES_MAX))
        return f;
    policy_to_tail(s, f);
    return NULL;
}

/* Which queue the next victim comes from. */
static uint32_t choose_queue(struct policy_state *s)
{
    uint32_t all = policy_count(s), remembered = (uint32_t)((uint64_t)all * (SMALL_PART - 1) / SMALL_PART);

    s->ghosts.limit = remembered < s->ghosts.max ? remembered : s->ghosts.max - !!s->ghosts.max;
    return s->list[MAIN].count > all - all / SMALL_PART || !s->list[SMALL].count ? MAIN : SMALL;
}

static struct frame *s3fifo_next(struct policy_state *s, uint32_t *steps)
{
    while (*steps && policy_count(s)) {
        struct frame *f;

        --*steps;
        if (!s->turn || !s->list[s->turn].count)
            s->turn = choose_queue(s);
        f = s->turn == MAIN ? from_main(s) : from_small(s);
        if (f)
            return f;
    }
    return NULL;
}

static void s3fifo_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    if (what == POLICY_OUT && policy_list_of(f) == SMALL)
        policy_remember(s, f);
    policy_to_tail(s, f);
    s->turn = what == POLICY_OUT ? 0 : SMALL + MAIN - policy_list_of(f);
}

static void s3fifo_cold(struct policy_state *s, struct frame *f)
{
    f->order = 0;
    policy_to_head(s, f);
    s->turn = policy_list_of(f);
}

static bool s3fifo_verify(const struct policy_state *s)
{
    bool ok = true;

    INV("INV-S3FIFO-1", s->list[SMALL].count + s->list[MAIN].count == policy_count(s), "%u and %u of %u",
        s->list[SMALL].count, s->list[MAIN].count, policy_count(s));
    return ok;
}

const struct policy policy_s3fifo = {
    .name = "s3-fifo",
    .turns = 6,
    .remembers = 90,
    .enter = s3fifo_enter,
    .next = s3fifo_next,
    .pass = s3fifo_pass,
    .cold = s3fifo_cold,
    .verify = s3fifo_verify,
};
