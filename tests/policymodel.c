#include "tests/policymodel.h"

/* --- queues --- */

unsigned pm_queue_of(const struct pm_model *m, int i, unsigned *place)
{
    for (unsigned q = 0; q < PM_QUEUES; q++)
        for (unsigned k = 0; k < m->len[q]; k++)
            if (m->queue[q][k] == i) {
                *place = k;
                return q;
            }
    mm_assert(false, "frame %d is in no queue of the model", i);
    return 0;
}

void pm_push(struct pm_model *m, unsigned q, int i)
{
    m->queue[q][m->len[q]++] = (uint16_t)i;
}

void pm_push_first(struct pm_model *m, unsigned q, int i)
{
    memmove(m->queue[q] + 1, m->queue[q], m->len[q]++ * sizeof m->queue[q][0]);
    m->queue[q][0] = (uint16_t)i;
}

void pm_take(struct pm_model *m, int i)
{
    unsigned place, q = pm_queue_of(m, i, &place);

    memmove(m->queue[q] + place, m->queue[q] + place + 1, (--m->len[q] - place) * sizeof m->queue[q][0]);
}

void pm_to_last(struct pm_model *m, int i)
{
    unsigned place, q = pm_queue_of(m, i, &place);

    pm_take(m, i);
    pm_push(m, q, i);
}

void pm_to_first(struct pm_model *m, int i)
{
    unsigned place, q = pm_queue_of(m, i, &place);

    pm_take(m, i);
    pm_push_first(m, q, i);
}

void pm_pass_to_last(struct pm_model *m, int i, bool out)
{
    (void)out;
    pm_to_last(m, i);
}

uint32_t pm_take_uses(struct pm_model *m, int i)
{
    uint32_t uses = m->uses[i];

    m->uses[i] = 0;
    return m->counts ? uses : uses != 0;
}

/* --- ghosts --- */

static void forget(struct pm_model *m, unsigned n)
{
    memmove(m->ghost + n, m->ghost + n + 1, (--m->ghosts - n) * sizeof m->ghost[0]);
}

static int find(const struct pm_model *m, struct pm_page p)
{
    for (unsigned n = 0; n < m->ghosts; n++)
        if (m->ghost[n].page.owner == p.owner && m->ghost[n].page.index == p.index)
            return (int)n;
    return -1;
}

void pm_forget_oldest(struct pm_model *m)
{
    forget(m, 0);
}

void pm_remember(struct pm_model *m, int i)
{
    m->remembered++;
    pm_remember_aged(m, i, 0);
}

void pm_remember_aged(struct pm_model *m, int i, uint32_t age)
{
    int n = find(m, m->page[i]);

    if (!m->limit)
        return;
    if (n >= 0)
        forget(m, (unsigned)n);
    while (m->ghosts > m->limit)
        forget(m, 0);
    m->ghost[m->ghosts].page = m->page[i];
    m->ghost[m->ghosts++].stamp = m->remembered - age;
}

bool pm_recall(struct pm_model *m, int i, uint32_t *age)
{
    int n = find(m, m->page[i]);

    if (n >= 0) {
        *age = m->remembered - m->ghost[n].stamp;
        forget(m, (unsigned)n);
    }
    while (m->ghosts > m->limit)
        forget(m, 0);
    return n >= 0;
}

/* --- rules --- */

static int fifo_next(struct pm_model *m, uint32_t *steps)
{
    if (!m->len[0] || !*steps)
        return -1;
    *steps -= 1;
    return m->queue[0][0];
}

static int clock_next(struct pm_model *m, uint32_t *steps)
{
    while (m->len[0] && *steps) {
        int i = m->queue[0][0];

        *steps -= 1;
        if (pm_take_uses(m, i) == 0)
            return i;
        pm_to_last(m, i);
    }
    return -1;
}

/* mark: 0 and 2 look for clean pages that were not used, 1 and 3 for any that was not, and take the bit. */
static int clock_dirty_next(struct pm_model *m, uint32_t *steps)
{
    while (m->len[0] && *steps) {
        int i = m->queue[0][0];
        bool used;

        if (m->left == 0) {
            m->left = m->len[0];
            m->mark = m->at < 0 || m->found ? 0 : (m->mark + 1) % 4;
            m->at = 0; /* not the first turn any more */
            m->found = false;
        }
        *steps -= 1;
        m->left -= 1;
        used = m->uses[i] != 0;
        if (m->mark == 1 || m->mark == 3)
            pm_take_uses(m, i);
        if (!used && (!m->dirty[i] || m->mark == 1 || m->mark == 3))
            return i;
        pm_to_last(m, i);
    }
    return -1;
}

static void clock_dirty_pass(struct pm_model *m, int i, bool out)
{
    m->found |= out;
    pm_to_last(m, i);
}

static void aging_enter(struct pm_model *m, int i)
{
    m->counter[i] = 128;
    pm_push(m, 0, i);
}

/* left of this turn; mark: what goes; low: the lowest that was passed over in it, 256 if nothing was. */
static int aging_next(struct pm_model *m, uint32_t *steps)
{
    while (m->len[0] && *steps) {
        int i = m->queue[0][0];

        if (m->left == 0) {
            m->left = m->len[0];
            if (m->low != 256)
                m->mark = m->low / 2;
            m->low = 256;
        }
        *steps -= 1;
        m->left -= 1;
        m->counter[i] /= 2;
        if (pm_take_uses(m, i))
            m->counter[i] += 128;
        if (m->counter[i] <= m->mark)
            return i;
        if (m->counter[i] < m->low)
            m->low = m->counter[i];
        pm_to_last(m, i);
    }
    return -1;
}

/* Queue 0 clean, 1 modified. No program has pages here: see tests/unit/vms.c. left: frames that stayed. */
static void vms_enter(struct pm_model *m, int i)
{
    pm_push(m, m->dirty[i], i);
}

static int vms_next(struct pm_model *m, uint32_t *steps)
{
    unsigned all = m->len[0] + m->len[1];

    if (m->left >= all)
        m->left = 0;
    if (!*steps || !all)
        return -1;
    *steps -= 1;
    return m->len[0] > m->left ? m->queue[0][0] : m->len[1] ? m->queue[1][0] : m->queue[0][0];
}

static void vms_pass(struct pm_model *m, int i, bool out)
{
    unsigned place, q = pm_queue_of(m, i, &place);

    m->left = out ? 0 : m->left + 1;
    pm_take(m, i);
    pm_push(m, out ? 0 : q, i);
}

static void vms_cold(struct pm_model *m, int i)
{
    m->left = 0;
    pm_to_first(m, i);
}

static void counter_cold(struct pm_model *m, int i)
{
    m->counter[i] = 0;
    pm_to_first(m, i);
}

/* Queue 0 inactive, 1 active. */
static void two_list_enter(struct pm_model *m, int i)
{
    uint32_t age;
    bool soon = pm_recall(m, i, &age) && age <= m->len[1];

    pm_push(m, soon, i);
}

static int two_list_next(struct pm_model *m, uint32_t *steps)
{
    while (*steps && m->len[0] + m->len[1]) {
        bool from_active = m->len[1] && (!m->len[0] || m->len[0] < (m->len[0] + m->len[1]) / 3);
        int i = m->queue[from_active][0];
        bool used = pm_take_uses(m, i) != 0;

        *steps -= 1;
        if (!from_active && !used)
            return i;
        pm_take(m, i);
        pm_push(m, used, i);
    }
    return -1;
}

static void two_list_pass(struct pm_model *m, int i, bool out)
{
    if (out)
        pm_remember(m, i);
    if (out) {
        pm_to_last(m, i);
    } else {
        pm_take(m, i);
        pm_push(m, 1, i);
    }
}

static void two_list_cold(struct pm_model *m, int i)
{
    pm_take(m, i);
    pm_push_first(m, 0, i);
}

/*
 * CLOCK-Pro. Queue 0 cold, 1 hot; counter: marks; stamp: what `remembered` was when the page came to the head
 * of the clock, of which 21 bits are kept. mark: how many should be cold; low: new pages that moved the
 * clock; found: a page has gone.
 */
enum { TEST_BEGAN = 1, NOT_SEEN = 2, RISES = 4, OLD = 1 << 20 };

static uint32_t pro_marks(const struct pm_model *m, int i)
{
    return m->counter[i] & 7;
}

static void pro_place(struct pm_model *m, int i, uint32_t marks, uint32_t stamp)
{
    m->counter[i] = marks | (stamp >> 16 & 31) << 3;
    m->stamp[i] = stamp;
}

static uint32_t pro_age(const struct pm_model *m, int i)
{
    return m->remembered - m->stamp[i];
}

static bool pro_in_test(const struct pm_model *m, uint32_t age)
{
    return age < OLD && (m->len[1] == 0 || age < pro_age(m, m->queue[1][0]));
}

static void pro_want(struct pm_model *m, int change)
{
    int all = (int)(m->len[0] + m->len[1]), least = all / 8 + 1, most = all > 2 * least ? all - least : least;
    int cold = (int)m->mark + change;

    if (!m->found)
        return;
    if (change > 0)
        m->mark = (uint32_t)(cold < all - least ? cold : most);
    else
        m->mark = (uint32_t)(cold > least ? cold : least);
}

static unsigned pro_hot(const struct pm_model *m)
{
    unsigned all = m->len[0] + m->len[1];

    return all > m->mark ? all - m->mark : 0;
}

static void pro_head(struct pm_model *m, int i, unsigned queue, uint32_t marks)
{
    pm_take(m, i);
    pm_push(m, queue, i);
    m->remembered += queue == 0;
    pro_place(m, i, marks, m->remembered);
}

static void pro_enter(struct pm_model *m, int i)
{
    unsigned before = m->ghosts;
    uint32_t age = 0;
    bool back = pm_recall(m, i, &age);

    pro_want(m, -(int)(before - m->ghosts - back));
    if (m->low < m->len[0] + m->len[1]) {
        m->low++;
        m->remembered++;
    }
    if (!m->found) {
        pro_place(m, i, 0, m->remembered);
        pm_push(m, 1, i);
    } else if (back && pro_in_test(m, age)) {
        pro_want(m, 1);
        pro_place(m, i, RISES, m->remembered - age);
        pm_push_first(m, 0, i);
    } else {
        pro_place(m, i, TEST_BEGAN | NOT_SEEN, m->remembered);
        pm_push(m, 0, i);
    }
}

static void pro_leave(struct pm_model *m, int i)
{
    m->stamp[i] = 0;
}

static bool pro_hand_hot(struct pm_model *m)
{
    int h = m->queue[1][0];
    unsigned dropped = 0;

    while (dropped < 8 && m->ghosts && m->remembered - m->ghost[0].stamp >= pro_age(m, h)) {
        pm_forget_oldest(m);
        dropped++;
    }
    pro_want(m, -(int)dropped);
    if (pm_take_uses(m, h)) {
        pro_head(m, h, 1, 0);
        return false;
    }
    pro_head(m, h, 0, 0);
    return true;
}

static int pro_next(struct pm_model *m, uint32_t *steps)
{
    unsigned all = m->len[0] + m->len[1];

    if (!*steps || !all)
        return -1;
    m->limit = all < m->most ? all : m->most;
    m->low = 0;
    pro_want(m, 0);
    while (*steps) {
        int f = m->len[0] ? m->queue[0][0] : -1;

        *steps -= 1;
        if (m->len[1] && (f < 0 || m->len[1] > pro_hot(m) || pro_age(m, m->queue[1][0]) >= OLD)) {
            pro_hand_hot(m);
        } else if (pro_marks(m, f) == RISES) {
            if (m->len[1] < pro_hot(m))
                pro_head(m, f, 1, 0);
            else if (!m->len[1] || pro_age(m, m->queue[1][0]) <= pro_age(m, f))
                pro_head(m, f, 0, TEST_BEGAN);
            else if (pro_hand_hot(m))
                pro_head(m, f, 1, 0);
        } else if (!pm_take_uses(m, f)) {
            return f;
        } else if (pro_marks(m, f) == TEST_BEGAN && pro_in_test(m, pro_age(m, f))) {
            pro_place(m, f, RISES, m->stamp[f]);
        } else {
            pro_head(m, f, 0, TEST_BEGAN);
        }
    }
    return -1;
}

static void pro_pass(struct pm_model *m, int i, bool out)
{
    unsigned before = m->ghosts;

    if (out && !m->found) {
        m->found = true;
        m->mark = (m->len[0] + m->len[1]) / 8 + 1;
    }
    if (out && pro_marks(m, i) & TEST_BEGAN && pro_in_test(m, pro_age(m, i))) {
        pm_remember_aged(m, i, pro_age(m, i));
        pro_want(m, -(int)(before + 1 - m->ghosts));
    }
    pro_head(m, i, !out, 0);
}

static void pro_cold(struct pm_model *m, int i)
{
    uint32_t age = m->len[0] ? pro_age(m, m->queue[0][0]) : 0;

    pro_head(m, i, 0, 0);
    pm_to_first(m, i);
    pro_place(m, i, 0, m->remembered - age);
}

const struct pm_rule pm_rules[] = {
    {.policy = &policy_fifo, .next = fifo_next, .pass = pm_pass_to_last, .cold = pm_to_first},
    {.policy = &policy_clock, .next = clock_next, .pass = pm_pass_to_last, .cold = pm_to_first},
    {.policy = &policy_clock_dirty, .next = clock_dirty_next, .pass = clock_dirty_pass, .cold = pm_to_first},
    {.policy = &policy_aging,
     .list = {1, 1},
     .enter = aging_enter,
     .next = aging_next,
     .pass = pm_pass_to_last,
     .cold = counter_cold},
    {.policy = &policy_two_list,
     .list = {0, 1},
     .enter = two_list_enter,
     .next = two_list_next,
     .pass = two_list_pass,
     .cold = two_list_cold},
    {.policy = &policy_clockpro,
     .list = {1, 2, 1},
     .enter = pro_enter,
     .leave = pro_leave,
     .next = pro_next,
     .pass = pro_pass,
     .cold = pro_cold},
    {.policy = &policy_vms,
     .list = {0, 1},
     .enter = vms_enter,
     .next = vms_next,
     .pass = vms_pass,
     .cold = vms_cold},
    {0},
};

/* --- what the policy sees --- */

static uint32_t take_uses(void *arg, struct frame *f)
{
    struct pm_world *w = arg;
    uint32_t uses = w->uses[pm_place(w, f)];

    w->uses[pm_place(w, f)] = 0;
    return w->m.counts ? uses : uses != 0;
}

static bool is_used(void *arg, struct frame *f)
{
    struct pm_world *w = arg;

    return w->uses[pm_place(w, f)] != 0;
}

static bool is_dirty(void *arg, struct frame *f)
{
    struct pm_world *w = arg;

    return w->m.dirty[pm_place(w, f)];
}

static enum policy_parked park(void *arg, struct frame *f)
{
    struct pm_world *w = arg;

    return w->m.dirty[pm_place(w, f)] ? PARKED_DIRTY : PARKED_CLEAN;
}

static const struct policy_eyes eyes = {
    .take_uses = take_uses, .is_used = is_used, .is_dirty = is_dirty, .park = park};

/* --- the world --- */

int pm_place(const struct pm_world *w, const struct frame *f)
{
    return w->place[frame_pfn(w->pool, f) - w->pool->start];
}

void *pm_owner(unsigned n)
{
    return (void *)(uintptr_t)(0x1000u + 0x7310u * n);
}

static void model_begin(struct pm_world *w)
{
    struct pm_model *m = &w->m;

    memset(m->len, 0, sizeof m->len);
    memset(m->counter, 0, sizeof m->counter);
    memset(m->stamp, 0, sizeof m->stamp);
    m->most = (w->pool->managed[ZONE_LOW] + w->pool->managed[ZONE_HIGH]) * w->rule->policy->remembers / 100;
    mm_assert(m->most < PM_GHOSTS, "%u ghosts", m->most);
    m->limit = m->most;
    m->ghosts = 0;
    m->remembered = 0;
    m->left = m->mark = m->low = 0;
    m->found = false;
    m->at = -1;
    if (w->rule->begin)
        w->rule->begin(m);
}

static void model_enter(struct pm_world *w, int i)
{
    if (w->rule->enter)
        w->rule->enter(&w->m, i);
    else
        pm_push(&w->m, 0, i);
}

struct pm_world *pm_begin(struct kt *kt, const struct pm_rule *rule, bool counts)
{
    struct frame_pool *pool;
    struct pm_world *w = kt_world(kt, 80, 24, sizeof *w, &pool);

    if (!w)
        return NULL;
    w->kt = kt;
    w->pool = pool;
    w->rule = rule;
    w->m.counts = counts;
    if (pageable_init(&w->pageable, pool, rule->policy, &eyes, w) != 0)
        kt_fail(kt, __FILE__, __LINE__, "a policy begins", "%s", rule->policy->name);
    model_begin(w);
    for (unsigned i = 0; i < PM_FRAMES; i++) {
        w->frame[i] = frame_alloc(pool, FRAME_ANON, 0);
        mm_assert(w->frame[i] && pool->end - pool->start <= PM_POOL, "a pool of %u frames has no %u",
                  pool->end - pool->start, i);
        w->place[frame_pfn(pool, w->frame[i]) - pool->start] = (uint8_t)i;
    }
    return w;
}

void pm_enter(struct pm_world *w, int i, unsigned owner, unsigned index)
{
    struct frame *f = w->frame[i];

    f->owner = pm_owner(owner);
    f->index = index;
    f->use = owner ? FRAME_ANON : FRAME_OBJECT;
    w->m.page[i] = (struct pm_page){(uint16_t)owner, (uint16_t)index};
    w->m.dirty[i] = false;
    w->uses[i] = w->m.uses[i] = 0;
    w->there[i] = true;
    w->in_memory++;
    pageable_enter(&w->pageable, w->pool, f);
    model_enter(w, i);
}

void pm_leave(struct pm_world *w, int i)
{
    struct frame *f = w->frame[i];
    struct kt *kt = w->kt;

    pageable_leave(&w->pageable, f);
    EXPECT(!f->order && !f->used && !f->next && !f->prev && !(f->flags & (FRAME_F_LISTED | FRAME_F_LIST)),
           "%s: frame %d has byte %x, flags %x when it left", w->rule->policy->name, i, f->order, f->flags);
    f->use = FRAME_ANON;
    w->there[i] = false;
    if (w->kept[i]) {
        w->kept[i] = false;
        w->kept_count--;
        return;
    }
    if (w->rule->leave)
        w->rule->leave(&w->m, i);
    pm_take(&w->m, i);
    w->in_memory--;
}

static void keep(struct pm_world *w, int i)
{
    pageable_keep(&w->pageable, w->frame[i]);
    if (w->rule->leave)
        w->rule->leave(&w->m, i);
    pm_take(&w->m, i);
    w->kept[i] = true;
    w->kept_count++;
    w->in_memory--;
}

/* Every third is locked still. */
static bool is_locked(void *arg, struct frame *f)
{
    (void)arg;
    return f->index % 3 == 0;
}

static void release(struct pm_world *w)
{
    const struct policy_state *s = pageable_now(&w->pageable);
    int order[PM_FRAMES];
    unsigned n = 0;

    for (const struct frame *f = policy_head(s, POLICY_KEPT); f; f = policy_next_of(s, f))
        order[n++] = pm_place(w, f);
    pageable_release(&w->pageable, is_locked, w);
    for (unsigned k = 0; k < n; k++) {
        if (is_locked(w, w->frame[order[k]]))
            continue;
        w->kept[order[k]] = false;
        w->kept_count--;
        w->in_memory++;
        w->releases++;
        model_enter(w, order[k]);
    }
}

/* A page that is not in memory. */
static struct pm_page draw_page(struct pm_world *w)
{
    for (;;) {
        struct pm_page p = {(uint16_t)kt_below(w->kt, PM_OWNERS), (uint16_t)kt_below(w->kt, PM_PAGES)};
        bool is_there = false;

        for (unsigned i = 0; i < PM_FRAMES; i++)
            is_there |= w->there[i] && w->m.page[i].owner == p.owner && w->m.page[i].index == p.index;
        if (!is_there)
            return p;
    }
}

static void use(struct pm_world *w, int i)
{
    struct policy_state *s = pageable_now(&w->pageable);

    w->uses[i]++;
    w->m.uses[i]++;
    if (w->kept[i])
        return;
    if (s->policy->used)
        s->policy->used(s, w->frame[i]);
    if (w->rule->used)
        w->rule->used(&w->m, i);
}

static void ask(struct pm_world *w)
{
    struct policy_state *s = pageable_now(&w->pageable);
    const char *name = s->policy->name;
    uint32_t budget = kt_below(w->kt, kt_below(w->kt, 3) ? 8 : 400), steps = budget, theirs = budget;
    struct frame *f = s->policy->next(s, &steps);
    int i = w->rule->next(&w->m, &theirs);
    bool out = kt_below(w->kt, 4) != 0;
    struct kt *kt = w->kt;

    EXPECT((f ? pm_place(w, f) : -1) == i, "%s: victim %d, the model has %d", name, f ? pm_place(w, f) : -1,
           i);
    EXPECT(steps == theirs, "%s: %u steps of %u left, the model has %u", name, steps, budget, theirs);
    EXPECT(memcmp(w->uses, w->m.uses, sizeof w->uses) == 0, "%s: other bits were taken", name);
    EXPECT(f || !steps || !w->in_memory, "%s: none of %u", name, w->in_memory);
    if (kt->failures)
        return;
    w->waits += !f && w->in_memory && budget;
    w->nones += !f && !w->in_memory;
    if (!f)
        return;
    s->policy->pass(s, f, out ? POLICY_OUT : POLICY_STAYS);
    w->rule->pass(&w->m, i, out);
    w->victims += out;
    w->stays += !out;
    if (out && kt_below(w->kt, 4))
        pm_leave(w, i);
}

void pm_step(struct pm_world *w)
{
    int i = (int)kt_below(w->kt, PM_FRAMES);
    uint32_t draw = kt_below(w->kt, 32);

    if (draw < 12) {
        ask(w);
    } else if (!w->there[i]) {
        struct pm_page p = draw_page(w);

        if (draw < 14) /* memory is mostly full */
            return;
        w->backs += find(&w->m, p) >= 0;
        pm_enter(w, i, p.owner, p.index);
        if (kt_below(w->kt, 2))
            use(w, i);
    } else if (draw < 28) {
        use(w, i);
    } else if (draw < 30) {
        w->m.dirty[i] = !w->m.dirty[i];
    } else if (draw < 31) {
        pm_leave(w, i);
    } else if (kt_below(w->kt, 2)) {
        pageable_cold(&w->pageable, w->frame[i]);
        if (!w->kept[i])
            w->rule->cold(&w->m, i);
    } else if (kt_below(w->kt, 40) == 0) {
        release(w);
    } else if (!w->kept[i] && kt_below(w->kt, 4) == 0) {
        keep(w, i);
    }
}

static void compare_queue(struct pm_world *w, unsigned q)
{
    const struct policy_state *s = pageable_now(&w->pageable);
    const char *name = s->policy->name;
    const struct frame *f = policy_head(s, w->rule->list[q]);
    struct kt *kt = w->kt;

    for (unsigned k = 0; k < w->m.len[q]; k++, f = policy_next_of(s, f)) {
        int i = w->m.queue[q][k];

        REQUIRE(f, "%s: a list of %u frames has %u", name, w->m.len[q], k);
        EXPECT(pm_place(w, f) == i, "%s: list %u, place %u: frame %u, the model has %d", name,
               w->rule->list[q], k, pm_place(w, f), i);
        EXPECT(f->used == (uint16_t)w->m.stamp[i], "%s: frame %d has number %x, the model has %x", name, i,
               f->used, w->m.stamp[i]);
        EXPECT(!s->policy->enter || w->rule->list[q] == 0 || f->order == w->m.counter[i],
               "%s: frame %d has byte %x, the model has %x", name, i, f->order, w->m.counter[i]);
    }
    EXPECT(!f, "%s: list %u has more than %u frames", name, w->rule->list[q], w->m.len[q]);
}

void pm_compare(struct pm_world *w)
{
    const struct policy_state *s = pageable_now(&w->pageable);
    struct kt *kt = w->kt;

    EXPECT(pageable_verify(&w->pageable), "%s is sound", s->policy->name);
    EXPECT(policy_count(s) == w->in_memory && pageable_kept(&w->pageable) == w->kept_count &&
               pageable_count(&w->pageable) == w->in_memory + w->kept_count,
           "%s: %u frames of %u, %u kept of %u", s->policy->name, policy_count(s), w->in_memory,
           pageable_kept(&w->pageable), w->kept_count);
    EXPECT(s->ghosts.count == w->m.ghosts, "%s: %u ghosts, the model has %u", s->policy->name,
           s->ghosts.count, w->m.ghosts);
    for (unsigned q = 0; q < PM_QUEUES; q++) {
        bool is_there = false;

        for (unsigned k = 0; k < q; k++)
            is_there |= w->rule->list[k] == w->rule->list[q];
        if (!is_there)
            compare_queue(w, q);
    }
}

void pm_switch(struct pm_world *w, const struct pm_rule *rule)
{
    uint16_t order[PM_FRAMES];
    unsigned n = 0;
    struct kt *kt = w->kt;

    for (unsigned q = 0; q < PM_QUEUES; q++)
        for (unsigned k = 0; k < w->m.len[q]; k++)
            order[n++] = w->m.queue[q][k];
    REQUIRE(pageable_switch(&w->pageable, rule->policy) == 0, "to %s", rule->policy->name);
    w->rule = rule;
    model_begin(w);
    for (unsigned k = 0; k < n; k++)
        model_enter(w, order[k]);
    pm_compare(w);
}

void pm_close(struct pm_world *w)
{
    for (unsigned i = 0; i < PM_FRAMES; i++) {
        if (w->there[i])
            pageable_leave(&w->pageable, w->frame[i]);
        w->frame[i]->use = FRAME_ANON;
        frame_free(w->pool, w->frame[i]);
    }
    pageable_fini(&w->pageable);
    kt_pool_done(w->kt, w->pool);
    kt_release(w);
}

void pm_end(struct pm_world *w)
{
    struct kt *kt = w->kt;

    for (uint32_t turns = 0; w->in_memory && !kt->failures; turns++) {
        ask(w);
        EXPECT(turns < 100000, "%s: %u frames do not go", w->rule->policy->name, w->in_memory);
    }
    if (!kt->failures)
        pm_compare(w);
    pm_close(w);
}

void pm_run(struct kt *kt, const struct pm_rule *rule, uint32_t rounds)
{
    for (unsigned counts = 0; counts < 2 && !kt->failures; counts++) {
        struct pm_world *w = pm_begin(kt, rule, counts);

        if (!w)
            return;
        for (uint32_t i = 0; i < rounds / 2 && !kt->failures; i++) {
            pm_step(w);
            if (i % 16 == 0)
                pm_compare(w);
        }
        kt_note(kt, "%s: %u went, %u stayed, %u times not found in time, %u pages came back",
                rule->policy->name, w->victims, w->stays, w->waits, w->backs);
        EXPECT(w->victims && w->stays && (w->releases || !kt->hosted), "reached everything");
        if (rule->policy->remembers)
            EXPECT(w->backs, "reached everything");
        pm_end(w);
    }
}

/* --- without the models --- */

void pm_enter_some(struct pm_world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct frame *f = w->frame[i];

        f->owner = pm_owner(1);
        f->index = i;
        w->there[i] = true;
        pageable_enter(&w->pageable, w->pool, f);
    }
}

struct policy_state *pm_go_on(struct pm_world *w, const struct policy *policy)
{
    struct policy_state *s;
    uint32_t steps = 3;

    if (pageable_switch(&w->pageable, policy) != 0)
        return NULL;
    s = pageable_now(&w->pageable);
    policy->next(s, &steps);
    return pageable_verify(&w->pageable) ? s : NULL;
}

void pm_cold_is_next(struct kt *kt, const struct policy *policy)
{
    const struct pm_rule rule = {.policy = policy};
    struct pm_world *w = pm_begin(kt, &rule, false);
    uint32_t rounds = kt->hosted ? 2000 : 200;

    if (!w)
        return;
    pm_enter_some(w, 20);
    for (uint32_t i = 0; i < rounds && !kt->failures; i++) {
        struct policy_state *s = pageable_now(&w->pageable);
        struct frame *f = w->frame[kt_below(kt, 20)], *other;
        uint32_t steps = 1 + kt_below(kt, 30);

        for (unsigned n = kt_below(kt, 20); n--;)
            w->uses[kt_below(kt, 20)]++;
        w->m.dirty[kt_below(kt, 20)] = kt_below(kt, 2);
        other = kt_below(kt, 2) ? policy->next(s, &steps) : NULL;
        if (other)
            policy->pass(s, other, POLICY_STAYS);
        w->uses[pm_place(w, f)] = 0;
        w->m.dirty[pm_place(w, f)] = false; /* there is a policy that lets clean ones go first */
        policy->cold(s, f);
        steps = 1000;
        EXPECT(policy->next(s, &steps) == f, "%s: round %u, a cold page is not next", policy->name, i);
        policy->pass(s, f, POLICY_STAYS);
    }
    EXPECT(pageable_verify(&w->pageable), "sound");
    pm_close(w);
}

void pm_nothing(struct kt *kt, const struct policy *policy)
{
    const struct pm_rule rule = {.policy = policy};
    struct pm_world *w = pm_begin(kt, &rule, false);
    uint32_t steps = 7;

    if (!w)
        return;
    struct policy_state *s = pageable_now(&w->pageable);

    EXPECT(!policy->next(s, &steps) && steps == 7, "%s: empty, %u steps", policy->name, steps);
    pm_enter_some(w, 3);
    steps = 0;
    EXPECT(!policy->next(s, &steps) && steps == 0, "%s: no steps", policy->name);
    pm_close(w);
}

void pm_others_go(struct kt *kt, const struct policy *policy)
{
    const struct pm_rule rule = {.policy = policy};
    uint32_t rounds = kt->hosted ? 10000 : 200, tries = 0, most;
    bool kept[PM_FRAMES] = {false};
    struct pm_world *w = pm_begin(kt, &rule, false);

    if (!w)
        return;
    pm_enter_some(w, PM_FRAMES);
    for (uint32_t i = 0; i < rounds; i++) {
        struct policy_state *s = pageable_now(&w->pageable);
        unsigned some = 1 + kt_below(kt, PM_FRAMES);
        struct frame *f = NULL;
        uint32_t steps;

        /* Which are locked stays the same for some rounds, so that the others are those that come and go. */
        if (i % 50 == 0 && (most = kt_below(kt, PM_FRAMES)) != 0)
            for (unsigned k = 0; k < PM_FRAMES; k++)
                kept[k] = k && kt_below(kt, PM_FRAMES) < most;
        for (unsigned k = 0; k < PM_FRAMES; k++) {
            w->uses[k] = kt_below(kt, PM_FRAMES) < some;
            w->m.dirty[k] = kt_below(kt, PM_FRAMES) < some;
        }
        steps = policy->turns * PM_FRAMES + 1;
        for (tries = 0; steps && (f = policy->next(s, &steps)) != NULL && kept[pm_place(w, f)]; tries++)
            policy->pass(s, f, POLICY_STAYS);
        EXPECT(f && !kept[pm_place(w, f)], "%s, round %u: %u were offered, all of them locked", policy->name,
               i, tries);
        if (!f || kept[pm_place(w, f)])
            break;
        policy->pass(s, f, POLICY_OUT);
        pageable_leave(&w->pageable, f);
        if (kt_below(kt, 2)) /* another page, or the same again */
            f->index = PM_FRAMES + i;
        pageable_enter(&w->pageable, w->pool, f);
    }
    EXPECT(pageable_verify(&w->pageable), "sound");
    pm_close(w);
}
