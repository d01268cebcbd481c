/*
 * The policies that only the host has, against their naive models; and changes of the policy while others
 * use the frames, in a seeded order.
 */
#include "tests/host/fibers.h"
#include "tests/policymodel.h"

#include <stdlib.h>

static int after(const struct pm_model *m, int i)
{
    unsigned place, q = pm_queue_of(m, i, &place);

    return place + 1 < m->len[q] ? m->queue[q][place + 1] : -1;
}

/* at: the frame at the hand. */
static void sieve_leave(struct pm_model *m, int i)
{
    if (m->at == i)
        m->at = after(m, i);
}

static int sieve_next(struct pm_model *m, uint32_t *steps)
{
    for (; m->len[0] && *steps; m->at = after(m, m->at)) {
        if (m->at < 0)
            m->at = m->queue[0][0];
        --*steps;
        if (!pm_take_uses(m, m->at))
            return m->at;
    }
    return -1;
}

static void sieve_pass(struct pm_model *m, int i, bool out)
{
    (void)out;
    m->at = after(m, i);
}

static void sieve_cold(struct pm_model *m, int i)
{
    pm_to_first(m, i);
    m->at = i;
}

static void clock2_enter(struct pm_model *m, int i)
{
    m->counter[i] = 0;
    pm_push(m, 0, i);
}

static int clock2_next(struct pm_model *m, uint32_t *steps)
{
    while (m->len[0] && *steps) {
        int i = m->queue[0][0];

        --*steps;
        m->counter[i] += pm_take_uses(m, i);
        if (!m->counter[i])
            return i;
        if (m->counter[i] > 3)
            m->counter[i] = 3;
        m->counter[i]--;
        pm_to_last(m, i);
    }
    return -1;
}

static void clock2_cold(struct pm_model *m, int i)
{
    m->counter[i] = 0;
    pm_to_first(m, i);
}

static int lru_next(struct pm_model *m, uint32_t *steps)
{
    if (!m->len[0] || !*steps)
        return -1;
    --*steps;
    return m->queue[0][0];
}

static int mru_next(struct pm_model *m, uint32_t *steps)
{
    if (!m->len[0] || !*steps)
        return -1;
    --*steps;
    return m->queue[0][m->len[0] - 1];
}

static void mru_pass(struct pm_model *m, int i, bool out)
{
    (void)out;
    pm_to_first(m, i);
}

/* Queue 0 is A1in, 1 is Am. at: the queue of who is cold. */
static void two_queue_enter(struct pm_model *m, int i)
{
    uint32_t age;

    pm_push(m, pm_recall(m, i, &age), i);
}

static void two_queue_used(struct pm_model *m, int i)
{
    unsigned place;

    if (pm_queue_of(m, i, &place) == 1)
        pm_to_last(m, i);
}

static int two_queue_next(struct pm_model *m, uint32_t *steps)
{
    unsigned all = m->len[0] + m->len[1], q = m->len[0] > all / 4 || !m->len[1] ? 0 : 1;

    if (!all || !*steps)
        return -1;
    --*steps;
    m->limit = all / 2 < m->most ? all / 2 : m->most;
    if (m->at >= 0 && m->len[m->at])
        q = (unsigned)m->at;
    return m->queue[q][0];
}

static void two_queue_pass(struct pm_model *m, int i, bool out)
{
    unsigned place, q = pm_queue_of(m, i, &place);

    if (out && q == 0)
        pm_remember(m, i);
    pm_to_last(m, i);
    m->at = out ? -1 : q ? 0 : 1;
}

static void two_queue_cold(struct pm_model *m, int i)
{
    unsigned place;

    pm_to_first(m, i);
    m->at = (int)pm_queue_of(m, i, &place);
}

/* Queue 0 small, 1 main; at: the queue that is looked through, or -1. */
static void s3fifo_enter(struct pm_model *m, int i)
{
    uint32_t age;

    m->counter[i] = 0;
    pm_push(m, pm_recall(m, i, &age), i);
}

static int s3fifo_next(struct pm_model *m, uint32_t *steps)
{
    while (*steps && m->len[0] + m->len[1]) {
        unsigned all = m->len[0] + m->len[1];
        int i;

        *steps -= 1;
        if (m->at < 0 || !m->len[m->at]) {
            m->limit = all * 9 / 10 < m->most ? all * 9 / 10 : m->most;
            m->at = m->len[1] > all - all / 10 || !m->len[0];
        }
        i = m->queue[m->at][0];
        m->counter[i] += pm_take_uses(m, i);
        if (m->at == 0) {
            if (m->counter[i] < 2)
                return i;
            m->counter[i] = 0;
            pm_take(m, i);
            pm_push(m, 1, i);
        } else {
            if (!m->counter[i])
                return i;
            m->counter[i] = (m->counter[i] > 3 ? 3 : m->counter[i]) - 1;
            pm_to_last(m, i);
        }
    }
    return -1;
}

static void s3fifo_pass(struct pm_model *m, int i, bool out)
{
    unsigned place, q = pm_queue_of(m, i, &place);

    if (out && q == 0)
        pm_remember(m, i);
    pm_to_last(m, i);
    m->at = out ? -1 : q ? 0 : 1;
}

static void s3fifo_cold(struct pm_model *m, int i)
{
    unsigned place;

    clock2_cold(m, i);
    m->at = (int)pm_queue_of(m, i, &place);
}

/*
 * Generations. Generation n is queue n % 3. mark: the youngest, low: the oldest, at: the one that is looked
 * at, left: frames of it; found: a page is cold.
 */
static void gen_begin(struct pm_model *m)
{
    m->mark = 2;
    m->low = 0;
    m->at = 2;
}

static void gen_enter(struct pm_model *m, int i)
{
    uint32_t age, all = m->len[0] + m->len[1] + m->len[2];
    bool back = pm_recall(m, i, &age) && age <= all;

    pm_push(m, (back ? m->mark : m->mark - 1) % 3, i);
}

static void gen_young(struct pm_model *m, int i)
{
    pm_take(m, i);
    pm_push(m, m->mark % 3, i);
}

static int gen_next(struct pm_model *m, uint32_t *steps)
{
    while (*steps && m->len[0] + m->len[1] + m->len[2]) {
        *steps -= 1;
        if ((uint32_t)m->at != m->mark && !m->found) {
            unsigned q = (uint32_t)m->at % 3;

            if (m->len[q] && m->left) {
                int i = m->queue[q][0];

                m->left--;
                if (pm_take_uses(m, i))
                    gen_young(m, i);
                else
                    pm_to_last(m, i);
                if (m->left)
                    continue;
            }
            m->at++;
            m->left = (uint32_t)m->at == m->mark ? 0 : m->len[(uint32_t)m->at % 3];
            continue;
        }
        m->found = false;
        if (m->len[m->low % 3]) {
            int i = m->queue[m->low % 3][0];

            if (!pm_take_uses(m, i))
                return i;
            gen_young(m, i);
            continue;
        }
        m->low++;
        if (m->mark - m->low == 1) {
            m->mark++;
            m->at = (int)m->low;
            m->left = m->len[m->low % 3];
        }
    }
    return -1;
}

static void gen_pass(struct pm_model *m, int i, bool out)
{
    if (out) {
        pm_remember(m, i);
        pm_to_last(m, i);
    } else {
        gen_young(m, i);
    }
}

static void gen_cold(struct pm_model *m, int i)
{
    pm_take(m, i);
    pm_push_first(m, m->low % 3, i);
    m->found = true;
}

static const struct pm_rule rules[] = {
    {.policy = &policy_s3fifo,
     .list = {1, 2},
     .enter = s3fifo_enter,
     .next = s3fifo_next,
     .pass = s3fifo_pass,
     .cold = s3fifo_cold},
    {.policy = &policy_generations,
     .list = {0, 1, 2},
     .begin = gen_begin,
     .enter = gen_enter,
     .next = gen_next,
     .pass = gen_pass,
     .cold = gen_cold},
    {.policy = &policy_sieve,
     .list = {1, 1},
     .leave = sieve_leave,
     .next = sieve_next,
     .pass = sieve_pass,
     .cold = sieve_cold},
    {.policy = &policy_clock2,
     .list = {1, 1},
     .enter = clock2_enter,
     .next = clock2_next,
     .pass = pm_pass_to_last,
     .cold = clock2_cold},
    {.policy = &policy_lru,
     .next = lru_next,
     .pass = pm_pass_to_last,
     .cold = pm_to_first,
     .used = pm_to_last},
    {.policy = &policy_mru, .next = mru_next, .pass = mru_pass, .cold = pm_to_last, .used = pm_to_last},
    {.policy = &policy_two_queue,
     .list = {1, 2},
     .enter = two_queue_enter,
     .next = two_queue_next,
     .pass = two_queue_pass,
     .cold = two_queue_cold,
     .used = two_queue_used},
};

TEST(policyhost, random_against_the_models)
{
    for (unsigned i = 0; i < ARRAY_LEN(rules) && !kt->failures; i++)
        pm_run(kt, &rules[i], 160000);
}

TEST(policyhost, cold_pages_are_next)
{
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        pm_cold_is_next(kt, rules[i].policy);
}

TEST(policyhost, what_may_not_go_is_in_nobodys_way)
{
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        pm_others_go(kt, rules[i].policy);
}

TEST(policyhost, without_steps_or_frames_nothing_happens)
{
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        pm_nothing(kt, rules[i].policy);
}

TEST(policyhost, damage_is_named)
{
    struct pm_world *w = pm_begin(kt, &rules[0], false);
    struct policy_state *s;

    if (!w)
        return;
    pm_enter_some(w, 10);
    struct frame *f = w->frame[3];
    pfn_t hand;

#define TO(policy_) REQUIRE((s = pm_go_on(w, &policy_)) != NULL, "with " #policy_)
#define MOVE(list_) (policy_take(s, f), policy_push(s, list_, f))
    TO(policy_sieve);
    hand = s->hand;
    PM_BROKEN(w, "INV-SIEVE-1", s->hand = frame_pfn(w->pool, w->frame[30]), s->hand = hand);
    PM_BROKEN(w, "INV-SIEVE-1", MOVE(2), MOVE(1));
    TO(policy_clock2);
    PM_BROKEN(w, "INV-CLOCK2-1", MOVE(2), MOVE(1));
    TO(policy_two_queue);
    PM_BROKEN(w, "INV-2Q-1", MOVE(0), MOVE(2));
    uint32_t all = w->pool->end - w->pool->start, saved;

    TO(policy_s3fifo);
    PM_BROKEN(w, "INV-S3FIFO-1", MOVE(0), MOVE(2));
    TO(policy_generations);
    saved = s->hand;
    PM_BROKEN(w, "INV-GENERATIONS-1", s->hand = s->level + 1, s->hand = (pfn_t)saved);
    PM_BROKEN(w, "INV-GENERATIONS-1", s->level += 2, s->level -= 2);
    PM_BROKEN(w, "INV-GENERATIONS-1", s->lowest = s->level, s->lowest = s->level - 2);
    saved = s->turn;
    PM_BROKEN(w, "INV-GENERATIONS-2", s->turn = all + 1, s->turn = saved);
    pm_close(w);
}

/* --- changes while others use the frames --- */

enum { CROWD = 2400, CHANGES = 60 };

struct crowd {
    struct kt *kt;
    struct frame_pool *pool;
    struct pageable p;
    struct mutex lock; /* as reclaim's */
    struct frame *frame[CROWD];
    uint16_t *place; /* by frame number, from the pool's first */
    bool there[CROWD];
    uint32_t count, changes, meanwhile, victims, left_old, kept;
    bool changing, done;
};

static unsigned place_of(const struct crowd *c, const struct frame *f)
{
    return c->place[frame_pfn(c->pool, f) - c->pool->start];
}

static uint32_t no_use(void *arg, struct frame *f)
{
    (void)arg;
    return f->index % 3 == 0;
}

static bool is_no_use(void *arg, struct frame *f)
{
    return no_use(arg, f) != 0;
}

static const struct policy_eyes crowd_eyes = {
    .take_uses = no_use, .is_used = is_no_use, .is_dirty = is_no_use};

static const struct policy *any_policy(struct kt *kt)
{
    unsigned n = kt_below(kt, POLICIES + ARRAY_LEN(rules));

    return n < POLICIES ? policies[n] : rules[n - POLICIES].policy;
}

/* Each frame that is there is on one list once, and no other frame is. */
static void look(struct crowd *c)
{
    static uint8_t seen[CROWD];
    struct kt *kt = c->kt;

    memset(seen, 0, sizeof seen);
    EXPECT(pageable_verify(&c->p), "sound");
    for (unsigned half = 0; half < 2; half++)
        for (unsigned list = 0; list < POLICY_LISTS; list++)
            for (const struct frame *f = policy_head(&c->p.half[half], list); f;
                 f = policy_next_of(&c->p.half[half], f))
                seen[place_of(c, f)]++;
    for (unsigned i = 0; i < CROWD; i++)
        EXPECT(seen[i] == c->there[i], "frame %u is there %d times", i, seen[i]);
    EXPECT(pageable_count(&c->p) == c->count, "%u of %u", pageable_count(&c->p), c->count);
}

static void leave(struct crowd *c, struct frame *f)
{
    c->left_old += pageable_half_of(&c->p, f) != pageable_now(&c->p);
    pageable_leave(&c->p, f);
    c->there[place_of(c, f)] = false;
    c->count--;
}

static void change(void *arg)
{
    struct crowd *c = arg;
    struct kt *kt = c->kt;

    for (; c->changes < CHANGES && !kt->failures; c->changes++) {
        const struct policy *policy = any_policy(kt);

        mutex_lock(&c->lock);
        c->changing = true;
        EXPECT(pageable_switch(&c->p, policy) == 0, "to %s", policy->name);
        c->changing = false;
        EXPECT(pageable_now(&c->p)->policy == policy && !policy_count(&c->p.half[!c->p.now]) &&
                   !c->p.half[!c->p.now].policy,
               "a half is left");
        mutex_unlock(&c->lock);
        look(c);
        for (unsigned n = kt_below(kt, 40); n--;)
            might_sleep();
    }
    c->done = true;
}

static void reclaim(void *arg)
{
    struct crowd *c = arg;
    struct kt *kt = c->kt;

    while (!c->done && !kt->failures) {
        mutex_lock(&c->lock);
        EXPECT(!c->changing, "a victim is chosen meanwhile");
        for (unsigned n = kt_below(kt, 64); n--;) {
            struct policy_state *s = pageable_now(&c->p);
            uint32_t steps = kt_below(kt, 200);
            struct frame *f = s->policy->next(s, &steps);
            enum policy_pass what = kt_below(kt, 3) ? POLICY_OUT : POLICY_STAYS;

            if (!f)
                continue;
            if (kt_below(kt, 8) == 0) {
                pageable_keep(&c->p, f);
                continue;
            }
            s->policy->pass(s, f, what);
            if (what == POLICY_OUT)
                leave(c, f);
            c->victims++;
        }
        if (kt_below(kt, 4) == 0) {
            c->kept += pageable_kept(&c->p) != 0;
            pageable_release(&c->p, is_no_use, c);
        }
        mutex_unlock(&c->lock);
        might_sleep();
    }
}

static void program(void *arg)
{
    struct crowd *c = arg;
    struct kt *kt = c->kt;

    for (uint32_t i = 0; !c->done && !kt->failures; i++) {
        for (unsigned n = kt_below(kt, 60); n--;) {
            unsigned k = kt_below(kt, CROWD);
            struct frame *f = c->frame[k];

            if (!c->there[k]) {
                f->owner = pm_owner(k & 3);
                f->index = kt_below(kt, CROWD);
                pageable_enter(&c->p, c->pool, f);
                c->there[k] = true;
                c->count++;
            } else if (kt_below(kt, 8) == 0) {
                leave(c, f);
            } else if (kt_below(kt, 8) == 0) {
                pageable_cold(&c->p, f);
            }
            c->meanwhile += c->changing;
        }
        if (i % 32 == 0)
            look(c);
        might_sleep();
    }
}

TEST(policyhost, changes_while_others_use_the_frames)
{
    struct frame_pool *pool = kt_pool(kt, CROWD + 400, 800);
    struct crowd *c = calloc(1, sizeof *c);

    REQUIRE(pool && c, "memory");
    c->kt = kt;
    c->pool = pool;
    c->place = calloc(pool->end - pool->start, sizeof *c->place);
    REQUIRE(c->place, "memory");
    EXPECT(pageable_init(&c->p, pool, &policy_clock, &crowd_eyes, c) == 0, "begins");
    for (unsigned i = 0; i < CROWD; i++) {
        c->frame[i] = frame_alloc(pool, FRAME_ANON, 0);
        REQUIRE(c->frame[i], "frame %u", i);
        c->place[frame_pfn(pool, c->frame[i]) - pool->start] = (uint16_t)i;
    }
    fiber_start("change", change, c);
    fiber_start("reclaim", reclaim, c);
    fiber_start("program 1", program, c);
    fiber_start("program 2", program, c);
    EXPECT(fibers_run(kt), "all end");
    look(c);
    kt_note(kt, "%u changes; %u operations in between, %u frames left the old half, %u victims", c->changes,
            c->meanwhile, c->left_old, c->victims);
    EXPECT(c->meanwhile && c->left_old && c->victims && c->kept, "reached everything");
    for (unsigned i = 0; i < CROWD; i++) {
        if (c->there[i])
            leave(c, c->frame[i]);
        frame_free(pool, c->frame[i]);
    }
    pageable_fini(&c->p);
    free(c->place);
    free(c);
    kt_pool_done(kt, pool);
}
