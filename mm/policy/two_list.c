/*
 * Two lists: pages have to show that they are used again before they count.
 *
 * Purpose. A scan reads much once. On one list it would push out what is used all the time; here new pages
 * stand on the inactive list, which goes first, and only what is used while it stands there becomes active.
 * The inactive list follows the active one, so a new page enters at the midpoint of both.
 *
 * If the inactive list is too short for a page to be used a second time in it, everything looks like a scan.
 * Then pages come back soon after they went. Their distance, in pages that went since, says how much longer
 * the list would have had to be: a page that would have stayed with the active list's frames becomes active
 * at once, and the active list gives up frames that are no longer used.
 *
 * A page that may not go now becomes active: if the inactive list had nothing else, active ones would never
 * be looked at.
 *
 * Data: list 0 inactive, list 1 active, oldest first; ghosts: pages that went, as many as there are frames.
 * Locking: policy.h.
 *
 * INV-TWO-LIST-1  there are no frames on other lists
 *
 * Source: the midpoint is that of OS/2 and of Linux 2.4's two lists (van Riel 2001); the refault distance is
 * Linux's mm/workingset.c (Weiner 2014).
 */
#include "mm/policy.h"

enum { INACTIVE, ACTIVE };

/* The inactive list is at least this part of all: one in ... */
#define INACTIVE_PART 3u

static void two_list_enter(struct policy_state *s, struct frame *f)
{
    uint32_t distance;

    if (policy_recall(s, f, &distance) && distance <= s->list[ACTIVE].count) {
        s->counts.promoted++;
        policy_push(s, ACTIVE, f);
    } else {
        policy_push(s, INACTIVE, f);
    }
}

static bool is_short(const struct policy_state *s)
{
    return s->list[INACTIVE].count < policy_count(s) / INACTIVE_PART;
}

static struct frame *two_list_next(struct policy_state *s, uint32_t *steps)
{
    struct frame *f;

    for (; *steps; --*steps) {
        if ((f = policy_head(s, ACTIVE)) != NULL && (is_short(s) || !s->list[INACTIVE].head)) {
            if (policy_take_uses(s, f)) {
                policy_to_tail(s, f);
            } else {
                policy_take(s, f);
                policy_push(s, INACTIVE, f);
                s->counts.demoted++;
            }
            continue;
        }
        f = policy_head(s, INACTIVE);
        if (!f)
            return NULL;
        if (!policy_take_uses(s, f)) {
            --*steps;
            return f;
        }
        policy_take(s, f);
        policy_push(s, ACTIVE, f);
        s->counts.promoted++;
    }
    return NULL;
}

static void two_list_pass(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    if (what == POLICY_OUT) {
        policy_remember(s, f);
        policy_to_tail(s, f);
    } else {
        policy_take(s, f);
        policy_push(s, ACTIVE, f);
    }
}

static void two_list_cold(struct policy_state *s, struct frame *f)
{
    if (policy_list_of(f) == ACTIVE) {
        policy_take(s, f);
        policy_push(s, INACTIVE, f);
    }
    policy_to_head(s, f);
}

static bool two_list_verify(const struct policy_state *s)
{
    bool ok = true;

    INV("INV-TWO-LIST-1", s->list[INACTIVE].count + s->list[ACTIVE].count == policy_count(s),
        "%u and %u of %u", s->list[INACTIVE].count, s->list[ACTIVE].count, policy_count(s));
    return ok;
}

const struct policy policy_two_list = {
    .name = "two-list",
    .lists = {"inactive", "active"},
    .turns = 4,
    .remembers = 100,
    .enter = two_list_enter,
    .next = two_list_next,
    .pass = two_list_pass,
    .cold = two_list_cold,
    .verify = two_list_verify,
};
