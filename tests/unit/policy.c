/* Replacement policies: each against its naive model, changing between them, ghosts, and damage by number. */
#include "mm/errno.h"
#include "tests/policymodel.h"

#define ROUNDS 160000u /* for each policy */

TEST(policy, random_against_the_models)
{
    for (unsigned i = 0; pm_rules[i].policy && !kt->failures && !kt->skip; i++)
        pm_run(kt, &pm_rules[i], kt_rounds(kt, ROUNDS));
}

/* --- random --- */

static const struct pm_rule random_rule = {.policy = &policy_random};

static struct frame *draw(struct pm_world *w, enum policy_pass what)
{
    struct policy_state *s = pageable_now(&w->pageable);
    struct kt *kt = w->kt;
    uint32_t steps = 5;
    struct frame *f = s->policy->next(s, &steps);

    EXPECT(f && steps == 4, "%u steps", steps);
    if (f)
        s->policy->pass(s, f, what);
    return f;
}

TEST(policy, random_is_even)
{
    struct pm_world *w = pm_begin(kt, &random_rule, false);
    uint32_t each = kt->hosted ? 2500 : 100, times[PM_FRAMES] = {0};

    if (!w)
        return;
    pm_enter_some(w, PM_FRAMES);
    for (uint32_t i = 0; i < each * PM_FRAMES && !kt->failures; i++) {
        const struct frame *f = draw(w, i % 3 ? POLICY_OUT : POLICY_STAYS);

        if (f)
            times[pm_place(w, f)]++;
    }
    /* The standard deviation is the root of `each`: 10 or 50. */
    for (unsigned i = 0; i < PM_FRAMES; i++)
        EXPECT(times[i] > each - 6 * (kt->hosted ? 50 : 10) && times[i] < each + 6 * (kt->hosted ? 50 : 10),
               "frame %u: %u times, of about %u", i, times[i], each);
    EXPECT(pageable_verify(&w->pageable), "sound");
    pm_close(w);
}

TEST(policy, random_gives_one_that_is_there)
{
    struct pm_world *w = pm_begin(kt, &random_rule, false);
    uint32_t rounds = kt_rounds(kt, 100000);

    if (!w)
        return;
    for (uint32_t i = 0; i < rounds && !kt->failures; i++) {
        unsigned n = kt_below(kt, PM_FRAMES), k = kt_below(kt, 4) ? n % 5 : n; /* mostly few */
        struct policy_state *s = pageable_now(&w->pageable);
        struct frame *f = w->frame[k];
        uint32_t steps = kt_below(kt, 3), before = steps;

        if (!w->there[k]) {
            pageable_enter(&w->pageable, w->pool, f);
            w->in_memory++;
            w->there[k] = true;
        } else if (kt_below(kt, 3)) {
            pageable_leave(&w->pageable, f);
            w->in_memory--;
            w->there[k] = false;
        } else {
            s->policy->cold(s, f);
            steps = 0;
            EXPECT(!s->policy->next(s, &steps), "no steps, and a victim");
            steps = before = 1;
            EXPECT(s->policy->next(s, &steps) == f, "a cold page is not next");
            s->policy->pass(s, f, POLICY_STAYS);
            continue;
        }
        f = s->policy->next(s, &steps);
        EXPECT(!f == (!before || !w->in_memory) && steps == before - !!f, "%u of %u steps, %u frames", steps,
               before, w->in_memory);
        EXPECT(!f || (f->flags & FRAME_F_LISTED && f == w->frame[pm_place(w, f)] && w->there[pm_place(w, f)]),
               "the victim is there");
        if (f)
            s->policy->pass(s, f, POLICY_OUT);
        if (i % 64 == 0)
            EXPECT(pageable_verify(&w->pageable), "sound");
    }
    pm_close(w);
}

/* A run can be repeated. */
TEST(policy, random_begins_anew)
{
    uint16_t first[64] = {0};

    for (unsigned run = 0; run < 2; run++) {
        struct pm_world *w = pm_begin(kt, &random_rule, false);

        if (!w)
            return;
        pm_enter_some(w, PM_FRAMES);
        for (unsigned i = 0; i < ARRAY_LEN(first); i++) {
            const struct frame *f = draw(w, POLICY_OUT);
            uint16_t n = f ? (uint16_t)pm_place(w, f) : PM_FRAMES;

            EXPECT(!run || first[i] == n, "draw %u: %u, then %u", i, first[i], n);
            first[i] = n;
        }
        pm_close(w);
    }
}

/* --- what all of them promise --- */

TEST(policy, cold_pages_are_next)
{
    for (unsigned p = 0; p < POLICIES; p++)
        pm_cold_is_next(kt, policies[p]);
}

TEST(policy, what_may_not_go_is_in_nobodys_way)
{
    for (unsigned p = 0; p < POLICIES; p++)
        pm_others_go(kt, policies[p]);
}

TEST(policy, without_steps_or_frames_nothing_happens)
{
    for (unsigned p = 0; p < POLICIES; p++) {
        pm_nothing(kt, policies[p]);
        EXPECT(policy_find(policies[p]->name) == policies[p], "%s by name", policies[p]->name);
        EXPECT(strlen(policies[p]->name) <= POLICY_NAME, "%s is a short name", policies[p]->name);
    }
    EXPECT(!policy_find("") && !policy_find("cloc") && !policy_find("clock2"), "names that are not there");
}

/* --- changing --- */

TEST(policy, switching_keeps_the_order)
{
    unsigned rules = 0, pairs = 0;
    bool seen[16][16] = {{false}};

    while (pm_rules[rules].policy)
        rules++;
    unsigned now = kt_below(kt, rules);
    struct pm_world *w = pm_begin(kt, &pm_rules[now], true);
    uint32_t switches = kt->hosted ? 1500 : 60;

    if (!w)
        return;
    for (uint32_t i = 0; i < switches && !kt->failures; i++) {
        unsigned next = kt_below(kt, rules);

        for (uint32_t n = kt_below(kt, 150); n-- && !kt->failures;)
            pm_step(w);
        if (kt->failures)
            break;
        pm_compare(w);
        pm_switch(w, &pm_rules[next]);
        pairs += !seen[now][next];
        seen[now][next] = true;
        now = next;
    }
    if (kt->hosted)
        EXPECT(pairs == rules * rules, "%u of %u pairs", pairs, rules * rules);
    pm_end(w);
}

/* To each and from each, with every allocation failing once. */
TEST(policy, switch_without_memory)
{
    const struct pm_rule rule = {.policy = policies[0]};
    struct pm_world *w = pm_begin(kt, &rule, false);
    struct policy_counts counts;

    if (!w)
        return;
    pm_enter_some(w, PM_FRAMES);
    pageable_now(&w->pageable)->counts.promoted = 5;
    for (unsigned from = 0; from < POLICIES; from++) {
        for (unsigned to = 0; to < POLICIES; to++) {
            uint32_t n = 0, failed = 0, free;
            struct pageable before;
            int err;

            REQUIRE(pageable_switch(&w->pageable, policies[from]) == 0, "to %s", policies[from]->name);
            before = w->pageable;
            free = frame_free_count(w->pool);
            do {
                frame_fail_after(w->pool, ++n);
                err = pageable_switch(&w->pageable, policies[to]);
                frame_fail_after(w->pool, 0);
                failed += err != 0;
                EXPECT(err == 0 || (err == -ENOMEM && memcmp(&before, &w->pageable, sizeof before) == 0 &&
                                    frame_free_count(w->pool) == free),
                       "from %s to %s: error %d, and something has changed", policies[from]->name,
                       policies[to]->name, err);
            } while (err && n < 10);
            EXPECT(failed == !!policies[to]->remembers, "to %s: %u failures", policies[to]->name, failed);
            EXPECT(pageable_now(&w->pageable)->policy == policies[to] &&
                       pageable_count(&w->pageable) == PM_FRAMES && pageable_verify(&w->pageable),
                   "from %s to %s: %u frames", policies[from]->name, policies[to]->name,
                   pageable_count(&w->pageable));
        }
    }
    counts = pageable_counts(&w->pageable);
    EXPECT(counts.promoted == 5 && !counts.demoted && !counts.refaults_anon && !counts.refaults_object,
           "counts of policies before");
    pm_close(w);
}

/* Only single frames are free, so what is remembered has to fit one. */
TEST(policy, remembers_what_fits)
{
    struct frame_pool *pool = kt_pool(kt, 1024, 0);
    struct frame *kept = NULL, *other = NULL, *f;
    static const struct policy_eyes none = {0};
    struct pageable p;
    uint32_t n = 0;

    if (!pool)
        return;
    EXPECT(pageable_init(&p, pool, &policy_two_list, &none, NULL) == 0, "begins");
    EXPECT(pageable_now(&p)->ghosts.limit == pool->end - pool->start, "remembers %u of %u",
           pageable_now(&p)->ghosts.limit, pool->end - pool->start);
    EXPECT(pageable_switch(&p, &policy_fifo) == 0, "nothing to remember");
    while ((f = frame_alloc(pool, FRAME_ANON, FRAME_RESERVE)) != NULL) {
        struct frame **chain = frame_pfn(pool, f) & 1 ? &kept : &other;

        f->owner = *chain;
        *chain = f;
    }
    while ((f = other) != NULL) {
        other = f->owner;
        frame_free(pool, f);
    }
    EXPECT(pageable_switch(&p, &policy_two_list) == 0, "with little memory");
    struct policy_state *s = pageable_now(&p);

    EXPECT(s->ghosts.max && s->ghosts.limit == s->ghosts.max - 1, "limit %u of %u", s->ghosts.limit,
           s->ghosts.max);
    EXPECT(pool->end - pool->start < 512 || s->ghosts.limit < pool->end - pool->start,
           "remembers %u in a page", s->ghosts.limit);
    for (; n < 2 * s->ghosts.max; n++) {
        struct frame page = {.use = FRAME_ANON, .owner = pm_owner(0), .index = n};

        policy_remember(s, &page);
    }
    EXPECT(s->ghosts.count == s->ghosts.max && pageable_verify(&p), "%u ghosts", s->ghosts.count);
    pageable_fini(&p);
    while ((f = kept) != NULL) {
        kept = f->owner;
        frame_free(pool, f);
    }
    kt_pool_done(kt, pool);
}

/* --- ghosts --- */

struct naive_ghost {
    uint32_t index, stamp;
    unsigned owner;
};

static unsigned naive_find(const struct naive_ghost *g, unsigned n, unsigned owner, uint32_t index)
{
    unsigned i = 0;

    while (i < n && (g[i].owner != owner || g[i].index != index))
        i++;
    return i;
}

static void naive_forget(struct naive_ghost *g, unsigned *n, unsigned i)
{
    memmove(g + i, g + i + 1, (--*n - i) * sizeof *g);
}

TEST(policy, ghosts_against_a_list)
{
    const struct pm_rule rule = {.policy = &policy_two_list};
    struct pm_world *w = pm_begin(kt, &rule, false);
    struct naive_ghost g[PM_GHOSTS];
    uint32_t rounds = kt_rounds(kt, 200000), stamp = 0, backs[2] = {0}, most = 0;
    unsigned n = 0;

    if (!w)
        return;
    struct policy_state *s = pageable_now(&w->pageable);

    for (uint32_t i = 0; i < rounds && !kt->failures; i++) {
        /* The same numbers of several owners. */
        unsigned owner = kt_below(kt, 3), k;
        struct frame f = {.use = owner ? FRAME_ANON : FRAME_OBJECT,
                          .owner = pm_owner(owner),
                          .index = kt_below(kt, kt_below(kt, 2) ? 8 : 100)};
        uint32_t age = 12345;

        if (kt_below(kt, 500) == 0)
            s->ghosts.limit =
                kt_below(kt, 2) ? s->ghosts.max - 1 : kt_below(kt, kt_below(kt, 2) ? s->ghosts.max : 4);
        k = naive_find(g, n, owner, f.index);
        if (kt_below(kt, 3)) {
            policy_remember(s, &f);
            stamp++;
            if (s->ghosts.limit) {
                if (k < n)
                    naive_forget(g, &n, k);
                while (n > s->ghosts.limit)
                    naive_forget(g, &n, 0);
                g[n++] = (struct naive_ghost){f.index, stamp, owner};
            }
            EXPECT(n <= s->ghosts.limit + 1 || !s->ghosts.limit, "one more than the limit");
        } else {
            bool is = policy_recall(s, &f, &age);

            EXPECT(is == (k < n), "page %u of %u is remembered: %d", f.index, owner, is);
            EXPECT(!is || age == stamp - g[k].stamp, "page %u of %u is %u old, not %u", f.index, owner, age,
                   stamp - g[k].stamp);
            if (k < n) {
                naive_forget(g, &n, k);
                backs[owner == 0]++;
            }
            while (n > s->ghosts.limit)
                naive_forget(g, &n, 0);
        }
        EXPECT(s->ghosts.count == n, "%u ghosts of %u", s->ghosts.count, n);
        most = n > most ? n : most;
        if (i % 32 == 0)
            EXPECT(pageable_verify(&w->pageable), "sound in round %u", i);
    }
    EXPECT(s->counts.refaults_anon == backs[0] && s->counts.refaults_object == backs[1],
           "%u and %u came back", backs[0], backs[1]);
    EXPECT(backs[0] && backs[1] && (most == s->ghosts.max || !kt->hosted), "reached everything: %u of %u",
           most, s->ghosts.max);
    pm_close(w);
}

/* The number that a page is remembered by; two pages of a machine have the same one now and then. */
static uint32_t number_of(const struct frame *f)
{
    return f->index * 0x9E3779B1u ^ (uint32_t)((uintptr_t)f->owner >> 4);
}

TEST(policy, pages_without_a_name_are_not_remembered)
{
    const struct pm_rule rule = {.policy = &policy_two_list};
    struct pm_world *w = pm_begin(kt, &rule, false);
    struct frame f = {.use = FRAME_ANON, .index = 7};
    uint32_t age;

    if (!w)
        return;
    struct policy_state *s = pageable_now(&w->pageable);

    policy_remember(s, &f);
    EXPECT(s->ghosts.count == 0 && !policy_recall(s, &f, &age), "%u ghosts", s->ghosts.count);
    f.owner = pm_owner(0);
    policy_remember(s, &f);
    EXPECT(s->ghosts.count == 1 && policy_recall(s, &f, &age) && age == 0, "%u ghosts", s->ghosts.count);
    pm_close(w);
}

TEST(policy, pages_with_the_same_number_are_harmless)
{
    const struct pm_rule rule = {.policy = &policy_two_list};
    struct pm_world *w = pm_begin(kt, &rule, false);
    struct frame a = {.use = FRAME_ANON, .owner = pm_owner(0), .index = 7}, b = a, c = a;
    uint32_t age = 0;

    if (!w)
        return;
    struct policy_state *s = pageable_now(&w->pageable);

    /* An owner that is an address everywhere: its number has 28 bits. */
    do {
        b.index++;
        b.owner = (void *)((uintptr_t)(number_of(&a) ^ b.index * 0x9E3779B1u) << 4);
    } while (number_of(&b) != number_of(&a));
    c.owner = pm_owner(1);
    policy_remember(s, &a);
    policy_remember(s, &c);
    policy_remember(s, &b);
    EXPECT(s->ghosts.count == 2 && pageable_verify(&w->pageable), "%u ghosts", s->ghosts.count);
    EXPECT(policy_recall(s, &a, &age) && age == 0, "age %u", age);
    EXPECT(!policy_recall(s, &b, &age), "once only");
    EXPECT(policy_recall(s, &c, &age) && age == 1, "age %u", age);
    EXPECT(s->ghosts.count == 0 && pageable_verify(&w->pageable), "%u ghosts", s->ghosts.count);
    pm_close(w);
}

/* --- damage --- */

TEST(policy, damage_to_lists_is_named)
{
    const struct pm_rule rule = {.policy = &policy_two_list};
    struct pm_world *w = pm_begin(kt, &rule, false);
    static uint32_t no_chain[PM_GHOSTS];

    if (!w)
        return;
    struct policy_state *s = pageable_now(&w->pageable), *unused = &w->pageable.half[1];
    struct frame *f = w->frame[3];

    pm_enter_some(w, 10);
    for (unsigned i = 20; i < 25; i++) {
        w->frame[i]->owner = pm_owner(0);
        w->frame[i]->index = i;
        policy_remember(s, w->frame[i]);
    }
    REQUIRE(pageable_verify(&w->pageable) && s->ghosts.count == 5, "sound before");
    PM_BROKEN(w, "INV-POLICY-1", f->flags ^= FRAME_F_LISTED, f->flags ^= FRAME_F_LISTED);
    PM_BROKEN(w, "INV-POLICY-1", f->use = FRAME_KERNEL, f->use = FRAME_ANON);
    PM_BROKEN(w, "INV-POLICY-1", policy_set_list(s, f, 1), policy_set_list(s, f, 0));
    PM_BROKEN(w, "INV-POLICY-1", policy_set_list(unused, f, 0), policy_set_list(s, f, 0));
    PM_BROKEN(w, "INV-POLICY-2", f->prev++, f->prev--);
    PM_BROKEN(w, "INV-POLICY-2", s->list[0].count++, s->list[0].count--);
    PM_BROKEN(w, "INV-POLICY-2", s->list[0].count--, s->list[0].count++);
    PM_BROKEN(w, "INV-POLICY-2", s->list[0].tail--, s->list[0].tail++);
    PM_BROKEN(w, "INV-POLICY-2", s->list[3].count++, s->list[3].count--);
    PM_BROKEN(w, "INV-POLICY-3", unused->list[0].count++, unused->list[0].count--);
    PM_BROKEN(w, "INV-POLICY-3", unused->list[POLICY_KEPT].count++, unused->list[POLICY_KEPT].count--);
    PM_BROKEN(w, "INV-POLICY-4", f->order = 1, f->order = 0);
    PM_BROKEN(w, "INV-POLICY-4", f->used = 1, f->used = 0);

    uint32_t newest = s->ghosts.newest, free = s->ghosts.unused, *chain = s->ghosts.chain;

    PM_BROKEN(w, "INV-POLICY-5", s->ghosts.count++, s->ghosts.count--);
    PM_BROKEN(w, "INV-POLICY-5", s->ghosts.newest = s->ghosts.oldest, s->ghosts.newest = newest);
    PM_BROKEN(w, "INV-POLICY-5", s->ghosts.unused = 0, s->ghosts.unused = free);
    PM_BROKEN(w, "INV-POLICY-5", s->ghosts.chain = no_chain, s->ghosts.chain = chain);
    pm_close(w);
}

TEST(policy, damage_to_a_policy_is_named)
{
    const struct pm_rule rule = {.policy = &policy_clock_dirty};
    struct pm_world *w = pm_begin(kt, &rule, false);
    struct policy_state *s;

    if (!w)
        return;
    pm_enter_some(w, 10);
    uint32_t all = w->pool->end - w->pool->start, saved;
    struct frame *f = w->frame[3];

#define TO(policy_) REQUIRE((s = pm_go_on(w, &policy_)) != NULL, "with " #policy_)
#define MOVE(list_) (policy_take(s, f), policy_push(s, list_, f))
    TO(policy_clock_dirty);
    saved = s->turn;
    PM_BROKEN(w, "INV-CLOCK-DIRTY-1", s->level += 4, s->level -= 4);
    PM_BROKEN(w, "INV-CLOCK-DIRTY-1", s->turn = all + 1, s->turn = saved);
    TO(policy_aging);
    saved = s->turn;
    PM_BROKEN(w, "INV-AGING-2", s->turn = all + 1, s->turn = saved);
    PM_BROKEN(w, "INV-AGING-2", s->level += 256, s->level -= 256);
    PM_BROKEN(w, "INV-AGING-1", MOVE(2), MOVE(1));
    TO(policy_two_list);
    PM_BROKEN(w, "INV-TWO-LIST-1", MOVE(2), MOVE(0));
    TO(policy_clockpro);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t steps = 1000;

        f = s->policy->next(s, &steps);
        REQUIRE(f, "a victim");
        s->policy->pass(s, f, POLICY_OUT);
    }
    saved = s->level;
    PM_BROKEN(w, "INV-CLOCKPRO-4", s->level = all + 1, s->level = saved);
    saved = s->turn;
    PM_BROKEN(w, "INV-CLOCKPRO-4", s->turn = all + 1, s->turn = saved);
    f = policy_head(s, 1);
    REQUIRE(f && s->list[2].tail, "cold and hot frames");
    PM_BROKEN(w, "INV-CLOCKPRO-3", f->order |= 7, f->order &= 0xf8);
    f = pfn_frame(w->pool, s->list[2].tail);

    uint16_t number = f->used;
    uint8_t byte = f->order;

    /* Frames of list 0 have no byte and no number. */
    PM_BROKEN(w, "INV-CLOCKPRO-1", (MOVE(0), f->used = 0, f->order = 0),
              (MOVE(2), f->used = number, f->order = byte));
    PM_BROKEN(w, "INV-CLOCKPRO-2", f->order ^= 0x80, f->order = byte);
    PM_BROKEN(w, "INV-CLOCKPRO-3", f->order |= 1, f->order = byte);
    pm_close(w);
}
