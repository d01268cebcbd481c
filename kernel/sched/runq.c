/*
 * The run queue.
 *
 * Purpose. Each who wants the processor stands in the list of its level, in order of arrival, so that those
 * of one level take turns. Real-time levels come first, the highest priority before all others. The rest
 * share what is left: over time a level gets a part in proportion to its weight times how many of it are
 * ready. Each step of the nice value is a factor of 1.25, so that nice 19 has a 69th of the weight of nice 0,
 * and two nice values that lie five apart share as 3 to 1. The last level weighs a 300th.
 *
 * Some are urgent, and stand before the others of their level, in order of arrival too. Who gave way to them
 * may stand next to them, so that it does not lose its turn.
 *
 * Data. A level has a pass: the time that its members have had, in units in which all levels that compete
 * advance alike: divided by weight and by the number of members. The level with the least pass is next
 * (stride scheduling). One that was empty begins where the queue is now, so nobody saves up time by not
 * wanting it, and nobody waits for longer than a round of those who were there. Which levels are not empty is
 * in a bit map, so a choice is a look at each of those. Nearly always all are of the level RUN_NORMAL. It
 * costs little, then: there is no choice, its bit and its pass are not kept, and it is brought up to where
 * the queue is by the next choice.
 *
 * Locking: the caller's; for the scheduler, interrupts off.
 *
 *     INV-RUNQ-1  a level's bit is set exactly when its list is not empty; RUN_NORMAL has none
 *     INV-RUNQ-2  a node is marked as queued, and is in the list of its level; counts add up; tails are last
 *     INV-RUNQ-3  no level that has members, RUN_NORMAL aside, is behind the queue's pass
 *     INV-RUNQ-4  a level's last urgent node is in its list
 *
 * Fails: never; it allocates nothing.
 *
 * Source: C. Waldspurger, W. Weihl, "Stride Scheduling: Deterministic Proportional-Share Resource
 * Management", MIT/LCS/TM-528, 1995; the weights' ratio is Linux's (sched(7)).
 */
#include "kernel/sched/runq.h"
#include "mm/os.h"

enum {
    SCALE_BITS = 16,
    ONE = 1 << SCALE_BITS, /* virtual time of a nanosecond at nice 0, in a fixed-point number */
    IDLE_FACTOR = 300,
};

/* ONE times 1.25 to the nice value. */
static uint32_t factor(unsigned level)
{
    uint64_t f = (uint64_t)ONE << 8;

    if (level == RUN_IDLE)
        return ONE * IDLE_FACTOR;
    for (unsigned i = RUN_NORMAL; i < level; i++)
        f += f / 4;
    for (unsigned i = level; i < RUN_NORMAL; i++)
        f = f * 4 / 5;
    return (uint32_t)(f >> 8);
}

uint64_t runq_virtual(unsigned level, uint64_t ns)
{
    static uint32_t factors[RUN_LEVELS]; /* 0: not computed yet */

    if (level == RUN_NORMAL)
        return ns;
    if (!factors[level])
        factors[level] = factor(level);
    return ns * factors[level] >> SCALE_BITS;
}

void runq_init(struct runq *q)
{
    *q = (struct runq){0};
}

static void mark(struct runq *q, unsigned level, bool there)
{
    uint32_t bit = 1u << level % 32;

    if (there)
        q->there[level / 32] |= bit;
    else
        q->there[level / 32] &= ~bit;
}

static bool is_marked(const struct runq *q, unsigned level)
{
    return q->there[level / 32] >> level % 32 & 1;
}

void runq_put_anywhere(struct runq *q, struct run_node *n, bool front)
{
    struct run_list *l = &q->level[n->level];

    n->queued = true;
    q->others += n->level != RUN_NORMAL;
    l->count++;
    if (!l->head) {
        n->next = NULL;
        l->head = l->tail = n;
        if (n->level == RUN_NORMAL)
            return;
        mark(q, n->level, true);
        if (l->pass < q->pass)
            l->pass = q->pass;
    } else if (front) {
        n->next = l->head;
        l->head = n;
    } else {
        n->next = NULL;
        l->tail->next = n;
        l->tail = n;
    }
}

/* Behind those who are urgent. */
static void put_behind_urgent(struct runq *q, struct run_node *n)
{
    struct run_list *l = &q->level[n->level];
    struct run_node *before = l->urgent;

    if (!before || before == l->tail) {
        runq_put_anywhere(q, n, !before);
        return;
    }
    n->queued = true;
    q->others += n->level != RUN_NORMAL;
    l->count++;
    n->next = before->next;
    before->next = n;
}

void runq_put_urgent(struct runq *q, struct run_node *n)
{
    put_behind_urgent(q, n);
    q->level[n->level].urgent = n;
}

void runq_put_next(struct runq *q, struct run_node *n)
{
    put_behind_urgent(q, n);
}

struct run_node *runq_take_other(struct runq *q, unsigned level)
{
    struct run_list *l = &q->level[level];
    struct run_node *n = l->head;

    l->head = n->next;
    if (!l->head) {
        l->tail = NULL;
        mark(q, level, false);
    }
    if (l->urgent == n)
        l->urgent = NULL;
    l->count--;
    q->others--;
    n->queued = false;
    return n;
}

void runq_remove(struct runq *q, struct run_node *n)
{
    struct run_list *l = &q->level[n->level];
    struct run_node *before = l->head;

    if (before == n) {
        runq_take(q, n->level);
        return;
    }
    while (before->next != n)
        before = before->next;
    before->next = n->next;
    if (l->tail == n)
        l->tail = before;
    if (l->urgent == n)
        l->urgent = before;
    l->count--;
    q->others -= n->level != RUN_NORMAL;
    n->queued = false;
}

void runq_bring_forward(struct runq *q, unsigned level, unsigned n)
{
    struct run_list *l = &q->level[level];
    struct run_node *before = NULL, *t = l->head;

    for (; n; n--) {
        before = t;
        t = t->next;
    }
    if (!before)
        return;
    before->next = t->next;
    if (l->tail == t)
        l->tail = before;
    if (l->urgent == t)
        l->urgent = before;
    t->next = l->head;
    l->head = t;
}

/* The first level from `from` on that has members; RUN_LEVELS: none. */
static unsigned next_level(const struct runq *q, unsigned from)
{
    for (unsigned w = from / 32; w < RUN_WORDS; w++) {
        uint32_t bits = q->there[w];

        if (w == from / 32)
            bits &= ~0u << from % 32;
        if (bits)
            return w * 32 + (unsigned)__builtin_ctz(bits);
    }
    return RUN_LEVELS;
}

unsigned runq_choose(struct runq *q, bool fair)
{
    struct run_list *normal = &q->level[RUN_NORMAL];
    unsigned first = next_level(q, 0), best, l;

    if (run_realtime(first) && !fair)
        return first;
    if (normal->pass < q->pass)
        normal->pass = q->pass;
    best = normal->head ? RUN_NORMAL : RUN_LEVELS;
    for (l = RUN_NICE_LEAST; (l = next_level(q, l)) < RUN_LEVELS; l++)
        if (best == RUN_LEVELS || q->level[l].pass < q->level[best].pass)
            best = l;
    if (best == RUN_LEVELS)
        return first;
    if (q->level[best].pass > q->pass)
        q->pass = q->level[best].pass;
    return best;
}

void runq_charge(struct runq *q, const struct run_node *n, uint64_t ns)
{
    struct run_list *l = &q->level[n->level];
    uint32_t members = l->count + !n->queued;
    uint64_t v;

    if (run_realtime(n->level))
        return;
    v = runq_virtual(n->level, ns);
    l->pass += members > 1 ? v / members : v;
}

uint32_t run_share_period_us = 1000000, run_share_us = 950000;

static uint64_t period_ns(void)
{
    return run_share_period_us * 1000ull;
}

static uint64_t share_ns(void)
{
    return run_share_us * 1000ull;
}

void run_share_count(struct run_share *s, uint64_t now, uint64_t ns)
{
    if (!s->used)
        s->new_at = now - ns + period_ns();
    s->used += ns;
}

void run_share_renew(struct run_share *s, uint64_t now)
{
    for (; s->used && now >= s->new_at; s->new_at += period_ns())
        s->used -= s->used < share_ns() ? s->used : share_ns();
}

bool run_share_is_used(const struct run_share *s)
{
    return s->used >= share_ns();
}

bool runq_verify(const struct runq *q)
{
    uint32_t others = 0;
    bool ok = true;

    for (unsigned l = 0; l < RUN_LEVELS; l++) {
        const struct run_list *list = &q->level[l];
        const struct run_node *last = NULL;
        uint32_t n = 0;
        bool urgent = !list->urgent;

        INV("INV-RUNQ-1", is_marked(q, l) == (list->head && l != RUN_NORMAL), "level %u", l);
        for (const struct run_node *r = list->head; r && n <= list->count; r = r->next, n++) {
            INV("INV-RUNQ-2", r->queued && r->level == l, "a node of level %u in level %u", r->level, l);
            last = r;
            urgent |= r == list->urgent;
        }
        INV("INV-RUNQ-4", urgent, "of level %u", l);
        INV("INV-RUNQ-2", n == list->count && last == list->tail, "level %u has %u of %u", l, n, list->count);
        if (l == RUN_NORMAL)
            continue;
        if (!run_realtime(l) && list->head)
            INV("INV-RUNQ-3", list->pass >= q->pass, "level %u is behind", l);
        others += n;
    }
    INV("INV-RUNQ-2", others == q->others, "%u of %u are in lists", others, q->others);
    return ok;
}
