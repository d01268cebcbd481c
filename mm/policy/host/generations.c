/*
 * Generations: what is used becomes young again, all at once and seldom.
 *
 * Purpose. Pages are grouped by when they were last seen to be used. The oldest generation goes. When only
 * two are left a new one is made: all pages are looked at, and those that were used since become the
 * youngest. So a page that is used all the time is looked at once a generation, and what was not used in two
 * turns goes before what was not used in one. A page of the oldest generation that was used since is found
 * when it is looked at for the last time, and becomes young.
 *
 * A page that was loaded for the first time is young too, but not the youngest: it has been used once. One
 * that comes back while it is remembered would have been used in time if the generations were longer, so it
 * is of the youngest.
 *
 * In Linux the look at all pages walks page tables, which is cheaper a page; here it asks for each frame, as
 * the other policies do. Tiers, which tell pages that are read by descriptor once from those that are read
 * often, are left out: such a read sets a bit here that is taken like that of an entry.
 *
 * Data: generation n is list n % 3, at its tail what came last. level: number of the youngest, lowest: of
 * the oldest; hand: number of the generation that is looked at to make a new youngest, which is level when
 * none is; turn: frames of it that are left; random: 1 if a page was said to be cold, which is next then.
 * Locking: policy.h.
 *
 * INV-GENERATIONS-1  there are two or three generations, and the one that is looked at is one of them
 * INV-GENERATIONS-2  turn is at most the frames that there can be
 *
 * Source: Zhao, the multi-gen LRU of Linux 6.1, Documentation/mm/multigen_lru.rst and mm/vmscan.c.
 */
#include "mm/policy.h"

#define LEAST 2u
#define MOST  POLICY_KEPT

static unsigned list_of(uint32_t generation)
{
    return generation % MOST;
}

static void generations_start(struct policy_state *s)
{
    s->level = s->hand = 2;
}

static void generations_enter(struct policy_state *s, struct frame *f)
{
    uint32_t age;
    bool back = policy_recall(s, f, &age) && age <= policy_count(s);

    s->counts.promoted += back;
    policy_push(s, list_of(back ? s->level : s->level - 1), f);
}

static void become_young(struct policy_state *s, struct frame *f)
{
    policy_take(s, f);
    policy_push(s, list_of(s->level), f);
}

/* One step of the look at all pages. */
static void look(struct policy_state *s)
{
    struct frame *f = policy_head(s, list_of(s->hand));

    if (f && s->turn) {
        s->turn--;
        if (policy_take_uses(s, f))
            become_young(s, f);
        else
            policy_to_tail(s, f);
    }
    if (!f || !s->turn)
        s->turn = ++s->hand == s->level ? 0 : s->list[list_of(s->hand)].count;
}

/* The oldest generation's oldest, if it goes. */
static struct frame *from_oldest(struct policy_state *s)
{
    struct frame *f = policy_head(s, list_of(s->lowest));

    if (!policy_take_uses(s, f))
        return f;
    become_young(s, f);
    s->counts.promoted++;
    return NULL;
}

static struct frame *generations_next(struct policy_state *s, uint32_t *steps)
{
    while (*steps && policy_count(s)) {
        struct frame *f = NULL;

        --*steps;
        if (s->hand != s->level && !s->random) {
            look(s);
        } else if (s->list[list_of(s->lowest)].count) {
            s->random = 0;
            f = from_oldest(s);
        } else {
            s->random = 0;
            if (++s->lowest + LEAST > s->level) {
                s->level++;
                s->hand = s->lowest;
                s->turn = s->list[list_of(s->hand)].count;
            }
        }
        if (f)
            return f;
    }
    return NULL;
}

static void generations_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    if (what == POLICY_OUT) {
        policy_remember(s, f);
        policy_to_tail(s, f);
    } else {
        become_young(s, f);
    }
}

static void generations_cold(struct policy_state *s, struct frame *f)
{
    policy_take(s, f);
    policy_push(s, list_of(s->lowest), f);
    policy_to_head(s, f);
    s->random = 1;
}

static bool generations_verify(const struct policy_state *s)
{
    bool ok = true;

    INV("INV-GENERATIONS-1",
        s->level - s->lowest + 1 >= LEAST && s->level - s->lowest + 1 <= MOST && s->hand >= s->lowest &&
            s->hand <= s->level,
        "%u to %u, looking at %u", s->lowest, s->level, s->hand);
    INV("INV-GENERATIONS-2", s->turn <= s->pool->end - s->pool->start, "%u left", s->turn);
    return ok;
}

const struct policy policy_generations = {
    .name = "generations",
    .turns = 6,
    .remembers = 100,
    .start = generations_start,
    .enter = generations_enter,
    .next = generations_next,
    .pass = generations_pass,
    .cold = generations_cold,
    .verify = generations_verify,
};
