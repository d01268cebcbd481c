/* The run queue against a table: who is where and in which order, and the parts that levels get. */
#include "kernel/sched/runq.h"
#include "tests/kt.h"

#define NODES 48u

struct model {
    struct runq queue;
    struct run_node node[NODES];
    uint8_t order[RUN_LEVELS][NODES]; /* who is in a level, by number */
    uint8_t count[RUN_LEVELS];
    uint8_t urgent[RUN_LEVELS]; /* how many of them come first */
};

/* The first of a level by the table; NODES: none. */
static uint32_t first_of(const struct model *m, unsigned level)
{
    return m->count[level] ? m->order[level][0] : NODES;
}

static void model_put(struct model *m, uint32_t i, unsigned place)
{
    unsigned level = m->node[i].level;
    uint8_t *o = m->order[level];

    memmove(&o[place + 1], &o[place], m->count[level] - place);
    o[place] = (uint8_t)i;
    m->count[level]++;
}

static void model_remove(struct model *m, uint32_t i)
{
    unsigned level = m->node[i].level, place = 0;
    uint8_t *o = m->order[level];

    while (o[place] != i)
        place++;
    m->count[level]--;
    memmove(&o[place], &o[place + 1], m->count[level] - place);
    m->urgent[level] -= place < m->urgent[level];
}

static void put(struct model *m, uint32_t i, unsigned how)
{
    struct run_node *node = &m->node[i];
    uint8_t *urgent = &m->urgent[node->level];

    switch (how) {
    case 0: /* at the front, so before those who are urgent, if there are any */
        model_put(m, i, 0);
        *urgent += *urgent > 0;
        runq_put(&m->queue, node, true);
        break;
    case 1:
        model_put(m, i, (*urgent)++);
        runq_put_urgent(&m->queue, node);
        break;
    case 2:
        model_put(m, i, *urgent);
        runq_put_next(&m->queue, node);
        break;
    default:
        model_put(m, i, m->count[node->level]);
        runq_put(&m->queue, node, false);
    }
}

/* Of levels that are as far, RUN_NORMAL is first, then the lower. */
static bool before(const uint64_t pass[], unsigned l, unsigned best)
{
    return pass[l] < pass[best] || (pass[l] == pass[best] && l == RUN_NORMAL);
}

/* The level that comes first by the table. */
static unsigned choice(const struct model *m, bool fair)
{
    unsigned best = RUN_LEVELS;
    uint64_t pass[RUN_LEVELS];

    for (unsigned l = 0; l < RUN_LEVELS; l++)
        pass[l] = m->queue.level[l].pass;
    if (pass[RUN_NORMAL] < m->queue.pass)
        pass[RUN_NORMAL] = m->queue.pass;
    for (unsigned l = 0; l < RUN_LEVELS; l++) {
        if (first_of(m, l) == NODES)
            continue;
        if (best == RUN_LEVELS)
            best = l;
        else if (run_realtime(best) ? fair && !run_realtime(l) : before(pass, l, best))
            best = l;
    }
    return best;
}

static void step(struct kt *kt, struct model *m, uint32_t n)
{
    static const unsigned levels[] = {0, 1, 31, 32, 98, 99, 100, RUN_NORMAL, RUN_NORMAL + 5, 138, RUN_IDLE};
    uint32_t i = kt_below(kt, NODES);
    struct run_node *node = &m->node[i];
    bool fair = kt_below(kt, 3) == 0;

    if (!node->queued && kt_below(kt, 2)) {
        node->level = (uint8_t)levels[kt_below(kt, ARRAY_LEN(levels))];
        put(m, i, kt_below(kt, 6));
    } else if (node->queued && kt_below(kt, 4) == 0) {
        model_remove(m, i);
        runq_remove(&m->queue, node);
    } else if (!runq_empty(&m->queue)) {
        unsigned want = choice(m, fair), level = runq_choose(&m->queue, fair);
        uint32_t who = level == want ? first_of(m, level) : NODES;
        struct run_node *got;

        EXPECT(level == want, "operation %u: level %u, not %u", n, level, want);
        if (who < NODES)
            model_remove(m, who);
        got = runq_take(&m->queue, level);
        EXPECT(who < NODES && got == &m->node[who], "operation %u: the wrong one of level %u", n, level);
        runq_charge(&m->queue, got, kt_below(kt, 20000000));
    }
}

TEST(runq, random_against_table)
{
    uint32_t rounds = kt_rounds(kt, 100000);
    struct model *m = kt_alloc(sizeof *m);

    if (!m) {
        kt_skip(kt, "no memory for the model");
        return;
    }
    memset(m, 0, sizeof *m);
    runq_init(&m->queue);
    for (uint32_t n = 0; n < rounds && kt->failures == 0; n++) {
        step(kt, m, n);
        if (n % 64 == 0)
            EXPECT(runq_verify(&m->queue), "after operation %u", n);
    }
    kt_release(m);
}

/* Who shares, and what of ten thousand parts it gets when all want the processor all the time. */
struct share {
    unsigned level, nodes;
    uint32_t part;
};

static void expect_shares(struct kt *kt, const struct share *s, unsigned n)
{
    enum { TURNS = 200000, TOLERANCE = 60 };
    struct runq *q = kt_alloc(sizeof *q);
    struct run_node node[8] = {{0}};
    uint32_t turns[RUN_LEVELS] = {0}, k = 0;

    if (!q) {
        kt_skip(kt, "no memory for the queue");
        return;
    }
    runq_init(q);
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < s[i].nodes; j++) {
            node[k].level = (uint8_t)s[i].level;
            runq_put(q, &node[k++], false);
        }
    for (uint32_t t = 0; t < TURNS; t++) {
        struct run_node *r = runq_take(q, runq_choose(q, false));

        turns[r->level]++;
        runq_put(q, r, false);
        runq_charge(q, r, 4000000);
    }
    for (unsigned i = 0; i < n; i++) {
        uint32_t part = turns[s[i].level] / (TURNS / 10000);

        EXPECT(part + TOLERANCE > s[i].part && part < s[i].part + TOLERANCE,
               "level %u gets %u of 10000, not %u", s[i].level, part, s[i].part);
    }
    EXPECT(runq_verify(q), "afterwards");
    kt_release(q);
}

TEST(runq, shares_by_weight)
{
    static const struct share five_apart[] = {{RUN_NORMAL, 1, 7532}, {RUN_NORMAL + 5, 1, 2468}};
    static const struct share two_of_one[] = {{RUN_NORMAL, 2, 8592}, {RUN_NORMAL + 5, 1, 1408}};
    static const struct share ends[] = {{RUN_NICE_LEAST, 1, 9886}, {RUN_NORMAL, 1, 114}};
    static const struct share idle[] = {{RUN_NORMAL, 1, 9967}, {RUN_IDLE, 1, 33}};

    expect_shares(kt, five_apart, ARRAY_LEN(five_apart));
    expect_shares(kt, two_of_one, ARRAY_LEN(two_of_one));
    expect_shares(kt, ends, ARRAY_LEN(ends));
    expect_shares(kt, idle, ARRAY_LEN(idle));
}

/* One real-time task and one other, who both want the processor all the time, on a machine whose ticks are so
 * far apart: thousandths that the other has. */
static uint32_t others_part(uint32_t tick_ms, uint32_t seconds)
{
    struct run_share s = {0};
    uint64_t now = 5000000, step = tick_ms * 1000000ull;
    uint32_t others_ms = 0;

    for (uint32_t ms = 0; ms < seconds * 1000; ms += tick_ms) {
        bool other = run_share_is_used(&s);

        now += step;
        if (other)
            others_ms += tick_ms;
        else
            run_share_count(&s, now, step);
        run_share_renew(&s, now);
    }
    return others_ms / seconds;
}

TEST(runq, others_have_a_twentieth_however_seldom_ticks_come)
{
    /* Whole ticks: of more than a second, the others have a second that pays for what comes after it, too. */
    static const struct {
        uint32_t ms, most;
    } tick[] = {{1, 52}, {4, 52}, {7, 55}, {40, 55}, {100, 60}, {333, 60}, {1500, 200}, {4000, 200}};

    for (unsigned i = 0; i < ARRAY_LEN(tick); i++) {
        uint32_t part = others_part(tick[i].ms, 1000);

        EXPECT(part >= 45 && part <= tick[i].most, "ticks of %u ms: others have %u thousandths", tick[i].ms,
               part);
    }
}

TEST(runq, a_second_pays_for_itself)
{
    struct run_share s = {0};

    run_share_count(&s, 1000000000, 900000000);
    run_share_renew(&s, 1000000000);
    EXPECT(!run_share_is_used(&s), "nine tenths");
    run_share_renew(&s, 1100000000);
    run_share_count(&s, 1104000000, 4000000);
    EXPECT(!run_share_is_used(&s) && s.used == 4000000, "a new second");
    run_share_count(&s, 2050000000, 946000000);
    EXPECT(run_share_is_used(&s), "all of it");
    run_share_renew(&s, 2099999999);
    EXPECT(run_share_is_used(&s), "until it is over");
    run_share_renew(&s, 2100000000);
    EXPECT(!run_share_is_used(&s), "and then not");
}

TEST(runq, broken_is_seen)
{
    struct run_node n[3] = {{.level = RUN_NORMAL}, {.level = RUN_NORMAL}, {.level = RUN_IDLE}};
    struct runq *q = kt_alloc(sizeof *q);

    if (!q) {
        kt_skip(kt, "no memory for the queue");
        return;
    }
    runq_init(q);
    for (unsigned i = 0; i < ARRAY_LEN(n); i++)
        runq_put(q, &n[i], false);
    EXPECT(runq_verify(q), "a queue of three");
    kt_capture_begin();
    q->there[RUN_IDLE / 32] = 0;
    EXPECT(!runq_verify(q) && kt_captured("broken INV-RUNQ-1:"), "a level that nobody looks at");
    q->there[RUN_IDLE / 32] = 1u << RUN_IDLE % 32;
    n[1].queued = false;
    EXPECT(!runq_verify(q) && kt_captured("broken INV-RUNQ-2:"), "one that does not know that it is queued");
    n[1].queued = true;
    q->pass = 5;
    EXPECT(!runq_verify(q) && kt_captured("broken INV-RUNQ-3:"), "levels that are behind");
    q->pass = 0;
    q->level[RUN_NORMAL].urgent = &n[2];
    EXPECT(!runq_verify(q) && kt_captured("broken INV-RUNQ-4:"), "an urgent one of another level");
    q->level[RUN_NORMAL].urgent = NULL;
    kt_capture_end();
    EXPECT(runq_verify(q), "mended");
    kt_release(q);
}
