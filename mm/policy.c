/*
 * The seam between reclaim and the replacement policies.
 *
 * Purpose. Pageable frames stand on the lists of one policy (mm/policy/NAME.c), which says in what order they
 * are looked at. Who lets a page become pageable, frees it, gives it up or looks for one to evict calls the
 * functions of policy.h and does not know which policy that is.
 *
 * Lists. The number of a frame's list stands in its flags, so that it is taken off without a question. List 0
 * belongs to nobody: what frees pages by the hundred (space.c) takes a frame off it with one comparison.
 *
 * Changing. There are two halves of list numbers. The new policy begins in the half that is empty; pages
 * enter there at once, and those of the other half move over in steps, head first, list by list, while
 * programs run. A frame that is freed meanwhile leaves the half that it is in. When the old half is empty
 * its memory goes.
 *
 * Sets. A policy may keep the pages of each program apart: whoever makes an entry that translates tells it
 * (pageable_mapped()), whoever ends a program says so. A page that such a policy has set aside is marked
 * PARKED; none of its entries translates, and its next use is a fault that tells the policy. When the policy
 * changes, what is parked simply stays so until that fault.
 *
 * Locked frames. Reclaim takes what it finds locked off the policy's lists, so that it is not offered again
 * and again, and puts all of it back when a lock ended or when it has found nothing else.
 *
 * Ghosts. Some policies want to know of a page that comes back how long ago it went. A table remembers
 * numbers of pages (a hash of owner and index; two pages with the same one are rare and harmless), linked
 * by age and found by chains. It forgets the oldest when it is full, but only once the page that came
 * meanwhile was looked for: the page for which another one went may be the one that is to be forgotten. The
 * table is one block of frames; if that is not to be had in full, it is smaller and the policy remembers
 * less.
 *
 * Data: struct pageable of each vm. Locking: nosleep sections; a change has reclaim's lock, so that no
 * victim is chosen meanwhile.
 *
 * INV-POLICY-1  each frame on a list is ANON or OBJECT and LISTED, and its flags name that list
 * INV-POLICY-2  the links of a list agree, and there are as many as it says
 * INV-POLICY-3  a half without a policy has no frames
 * INV-POLICY-4  only frames of lists that the policy is told about have a policy's byte or number
 * INV-POLICY-5  each ghost is on the list by age once and on the chain of its number, the others are unused
 *
 * How it fails: -ENOMEM before anything has changed.
 */
#include "mm/policy.h"
#include "mm/errno.h"

/* Frames that move in one step of a change. */
#define MOVES_A_STEP 512u
/* The same when the entries of each are looked up. */
#define RELEASES_A_STEP 64u

struct policy_ghost {
    uint32_t key;
    uint32_t stamp;               /* of the clock, when it was remembered */
    uint32_t older, newer, chain; /* entry + 1; 0: none */
};

/* --- ghosts --- */

static uint32_t key_of(const struct frame *f)
{
    return f->index * 0x9E3779B1u ^ (uint32_t)((uintptr_t)f->owner >> 4);
}

static uint32_t *chain_of(const struct policy_ghosts *g, uint32_t key)
{
    return &g->chain[(key * 0x85EBCA6Bu >> 8) & (g->chains - 1)];
}

static void unlink_ghost(struct policy_ghosts *g, uint32_t n)
{
    struct policy_ghost *e = &g->entry[n - 1];
    uint32_t *at = chain_of(g, e->key);

    while (*at != n)
        at = &g->entry[*at - 1].chain;
    *at = e->chain;
    *(e->older ? &g->entry[e->older - 1].newer : &g->oldest) = e->newer;
    *(e->newer ? &g->entry[e->newer - 1].older : &g->newest) = e->older;
    e->newer = g->unused;
    g->unused = n;
    g->count--;
}

static uint32_t find_ghost(const struct policy_ghosts *g, uint32_t key)
{
    uint32_t n = g->count ? *chain_of(g, key) : 0;

    while (n && g->entry[n - 1].key != key)
        n = g->entry[n - 1].chain;
    return n;
}

static void trim(struct policy_ghosts *g)
{
    while (g->count > g->limit)
        unlink_ghost(g, g->oldest);
}

void policy_remember_aged(struct policy_state *s, const struct frame *f, uint32_t age)
{
    struct policy_ghosts *g = &s->ghosts;
    uint32_t key = key_of(f), n, *chain;
    struct policy_ghost *e;

    if (!g->limit || !f->owner)
        return;
    n = find_ghost(g, key);
    if (n)
        unlink_ghost(g, n);
    trim(g);
    n = g->unused;
    e = &g->entry[n - 1];
    g->unused = e->newer;
    chain = chain_of(g, key);
    *e = (struct policy_ghost){.key = key, .stamp = g->clock - age, .older = g->newest, .chain = *chain};
    *chain = n;
    *(g->newest ? &g->entry[g->newest - 1].newer : &g->oldest) = n;
    g->newest = n;
    g->count++;
}

void policy_remember(struct policy_state *s, const struct frame *f)
{
    s->ghosts.clock++;
    policy_remember_aged(s, f, 0);
}

uint32_t policy_oldest_age(const struct policy_state *s)
{
    return s->ghosts.clock - s->ghosts.entry[s->ghosts.oldest - 1].stamp;
}

void policy_forget_oldest(struct policy_state *s)
{
    unlink_ghost(&s->ghosts, s->ghosts.oldest);
}

bool policy_recall(struct policy_state *s, const struct frame *f, uint32_t *age)
{
    struct policy_ghosts *g = &s->ghosts;
    uint32_t n = find_ghost(g, key_of(f));

    if (!f->owner)
        return false;
    if (n) {
        *age = g->clock - g->entry[n - 1].stamp;
        *(f->use == FRAME_OBJECT ? &s->counts.refaults_object : &s->counts.refaults_anon) += 1;
        unlink_ghost(g, n);
    }
    trim(g);
    return n != 0;
}

#ifdef QUIRE_HOSTED
bool policy_peek(const struct policy_state *s, const struct frame *f, uint32_t *age)
{
    uint32_t n = find_ghost(&s->ghosts, key_of(f));

    if (n)
        *age = s->ghosts.clock - s->ghosts.entry[n - 1].stamp;
    return n != 0;
}
#endif

/* A power of two that is at most n, which is not 0. */
static uint32_t power_below(uint32_t n)
{
    return 1u << (31 - __builtin_clz(n));
}

static int ghosts_start(struct policy_ghosts *g, struct frame_pool *pool, uint32_t want)
{
    const size_t each = sizeof(struct policy_ghost) + sizeof(uint32_t);
    unsigned order = 0;
    size_t size;

    *g = (struct policy_ghosts){0};
    if (!want)
        return 0;
    want++;
    while (order < BUDDY_ORDERS - 1 && ((size_t)PAGE_SIZE << order) / each < want)
        order++;
    /* no reclaim: what is had is enough, and reclaim_set_policy() reclaims if that is nothing */
    while (!(g->block = frame_alloc_block(pool, order, FRAME_KERNEL, FRAME_LOW_ONLY)))
        if (order-- == 0)
            return -ENOMEM;
    size = (size_t)PAGE_SIZE << order;
    g->entry = frame_ptr(pool, frame_pfn(pool, g->block));
    g->max = (uint32_t)(size / each) < want ? (uint32_t)(size / each) : want;
    g->limit = g->max - 1;
    g->chain = (uint32_t *)(g->entry + g->max);
    g->chains = power_below(g->max);
    memset(g->chain, 0, g->chains * sizeof *g->chain);
    for (uint32_t i = 0; i < g->max; i++)
        g->entry[i] = (struct policy_ghost){.newer = i + 1 < g->max ? i + 2 : 0};
    g->unused = 1;
    return 0;
}

static void ghosts_stop(struct policy_ghosts *g, struct frame_pool *pool)
{
    if (g->block)
        frame_free_block(pool, g->block);
    *g = (struct policy_ghosts){0};
}

static bool ghosts_verify(const struct policy_ghosts *g)
{
    uint32_t n = g->oldest, older = 0, walked = 0, unused = 0;
    bool ok = true;

    for (; n && walked <= g->max; older = n, n = g->entry[n - 1].newer, walked++) {
        INV("INV-POLICY-5", g->entry[n - 1].older == older && find_ghost(g, g->entry[n - 1].key) == n,
            "ghost %u of page %x", n, g->entry[n - 1].key);
        if (!ok)
            break;
    }
    for (n = g->unused; n && unused <= g->max; n = g->entry[n - 1].newer)
        unused++;
    INV("INV-POLICY-5", walked == g->count && older == g->newest && walked + unused == g->max,
        "%u ghosts and %u unused ones, says %u of %u", walked, unused, g->count, g->max);
    return ok;
}

/* --- drawing: PCG-XSH-RR (O'Neill 2014) --- */

uint32_t policy_draw(struct policy_state *s, uint32_t below)
{
    uint64_t old = s->random;
    uint32_t x = (uint32_t)(((old >> 18) ^ old) >> 27), turn = (uint32_t)(old >> 59);

    s->random = old * 6364136223846793005u + 1442695040888963407u;
    x = x >> turn | x << (-turn & 31);
    return (uint32_t)((uint64_t)x * below >> 32);
}

bool policy_spend_use(struct policy_state *s, struct frame *f, uint32_t most)
{
    uint32_t uses = f->order + policy_take_uses(s, f);

    f->order = (uint8_t)(uses ? (uses < most ? uses : most) - 1 : 0);
    return uses;
}

void policy_pass_to_tail(struct policy_state *s, struct frame *f, enum policy_pass what)
{
    (void)what;
    policy_to_tail(s, f);
}

/* --- the halves --- */

const struct policy *policy_find(const char *name)
{
    for (unsigned i = 0; i < POLICIES; i++)
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    return NULL;
}

static uint8_t number_of(const struct policy *policy)
{
    unsigned n = 0;

    while (n < POLICIES && policies[n] != policy)
        n++;
    return (uint8_t)n;
}

static int half_start(struct pageable *p, unsigned which, const struct policy *policy)
{
    struct policy_state *s = &p->half[which];
    uint32_t frames = s->pool->managed[ZONE_LOW] + s->pool->managed[ZONE_HIGH];
    struct policy_ghosts ghosts;
    int err = ghosts_start(&ghosts, s->pool, (uint32_t)((uint64_t)frames * policy->remembers / 100));

    if (err)
        return err;
    *s = (struct policy_state){
        .policy = policy,
        .number = number_of(policy),
        .pool = s->pool,
        .eyes = s->eyes,
        .eyes_arg = s->eyes_arg,
        .first = which * POLICY_LISTS,
        .ghosts = ghosts,
    };
    if (policy->start)
        policy->start(s);
    return 0;
}

/* Let pages enter a half. */
static void enter_half(struct pageable *p, unsigned which)
{
    struct policy_state *s = &p->half[which];

    p->now = which;
    p->is_told = s->policy->enter != NULL;
    p->keeps_sets = s->policy->mapped != NULL;
    p->plain = (uint16_t)(FRAME_F_LISTED | s->first << FRAME_F_LIST_SHIFT);
    p->plain_list = &s->list[0];
}

int pageable_init(struct pageable *p, struct frame_pool *pool, const struct policy *policy,
                  const struct policy_eyes *eyes, void *arg)
{
    int err;

    *p = (struct pageable){0};
    for (unsigned i = 0; i < 2; i++)
        p->half[i] =
            (struct policy_state){.pool = pool, .eyes = eyes, .eyes_arg = arg, .first = i * POLICY_LISTS};
    err = half_start(p, 0, policy);
    if (!err)
        enter_half(p, 0);
    return err;
}

static void add_counts(struct policy_counts *sum, const struct policy_counts *c)
{
    sum->refaults_anon += c->refaults_anon;
    sum->refaults_object += c->refaults_object;
    sum->promoted += c->promoted;
    sum->demoted += c->demoted;
    sum->parked += c->parked;
    sum->salvaged_clean += c->salvaged_clean;
    sum->salvaged_dirty += c->salvaged_dirty;
    sum->washed += c->washed;
}

struct policy_counts pageable_counts(const struct pageable *p)
{
    struct policy_counts sum = p->past;

    for (unsigned i = 0; i < 2; i++)
        if (p->half[i].policy)
            add_counts(&sum, &p->half[i].counts);
    return sum;
}

static void half_stop(struct policy_state *s)
{
    mm_assert(policy_count(s) + s->list[POLICY_KEPT].count == 0, "%u pageable frames are left",
              policy_count(s));
    ghosts_stop(&s->ghosts, s->pool);
    s->policy = NULL;
}

void pageable_fini(struct pageable *p)
{
    for (unsigned i = 0; i < 2; i++)
        if (p->half[i].policy)
            half_stop(&p->half[i]);
}

void pageable_keep(struct pageable *p, struct frame *f)
{
    struct policy_state *s = pageable_half_of(p, f);

    if (policy_list_of(f) && s->policy->leave)
        s->policy->leave(s, f);
    policy_take(s, f);
    f->order = 0;
    f->flags &= (uint16_t)~FRAME_F_PARKED;
    policy_push(s, POLICY_KEPT, f);
}

/* A frame enters that may be mapped already. */
static void enter_again(struct pageable *p, struct frame *f)
{
    struct policy_state *s = pageable_now(p);
    struct policy_set *set;

    pageable_enter(p, s->pool, f);
    if (!s->policy->mapped || !s->eyes->set_of)
        return;
    set = s->eyes->set_of(s->eyes_arg, f);
    if (set)
        s->policy->mapped(s, f, set);
}

void pageable_mapped_slow(struct pageable *p, struct frame *f, struct policy_set *set)
{
    struct policy_state *s = pageable_now(p);

    if (!(f->flags & FRAME_F_LISTED) || policy_list_of(f) == POLICY_KEPT)
        return;
    if (pageable_half_of(p, f) != s) {
        pageable_leave(p, f);
        pageable_enter(p, s->pool, f);
    }
    if (s->policy->mapped)
        s->policy->mapped(s, f, set);
}

void policy_set_init(struct policy_set *set, const struct frame_pool *pool, pfn_t number, uint32_t limit)
{
    set->number = number;
    set->limit = limit;
    set->most = UINT32_MAX;
    set->is_eager = true;
    pfn_frame(pool, number)->owner = set;
}

void pageable_end_set(struct pageable *p, struct policy_set *set)
{
    struct frame_pool *pool = p->half[0].pool;

    for (uint32_t n = 1; set->list.head; n++) {
        struct frame *f = pfn_frame(pool, set->list.head);

        pageable_leave(p, f);
        enter_again(p, f);
        if (n % RELEASES_A_STEP == 0)
            might_sleep();
    }
}

void pageable_release(struct pageable *p, bool (*is_locked)(void *arg, struct frame *f), void *arg)
{
    struct policy_state *s = pageable_now(p);

    /* Who is kept meanwhile goes behind those that are there. */
    for (uint32_t left = s->list[POLICY_KEPT].count; left; left--) {
        struct frame *f = policy_head(s, POLICY_KEPT);

        if (!f)
            break;
        if (is_locked(arg, f)) {
            policy_to_tail(s, f);
        } else {
            pageable_leave(p, f);
            enter_again(p, f);
        }
        if (left % RELEASES_A_STEP == 0)
            might_sleep();
    }
}

/* The frame of the old half that moves next. */
static struct frame *first_of(const struct policy_state *s)
{
    for (unsigned i = 0; i < POLICY_LISTS; i++)
        if (s->list[i].head)
            return policy_head(s, i);
    return s->sets ? pfn_frame(s->pool, s->sets->list.head) : NULL;
}

static void move_over(struct pageable *p, struct frame *f)
{
    struct policy_state *s = pageable_now(p);
    bool kept = policy_list_of(f) == POLICY_KEPT;

    pageable_leave(p, f);
    if (!kept) {
        enter_again(p, f);
        return;
    }
    f->flags |= FRAME_F_LISTED;
    policy_push(s, POLICY_KEPT, f);
}

int pageable_switch(struct pageable *p, const struct policy *policy)
{
    struct policy_state *old = pageable_now(p);
    unsigned n = 0, step;
    struct frame *f;
    int err = half_start(p, !p->now, policy);

    if (err)
        return err;
    step = policy->mapped ? RELEASES_A_STEP : MOVES_A_STEP;
    nosleep_enter("the half that pages enter");
    enter_half(p, !p->now);
    p->keeps_sets |= old->policy->mapped != NULL;
    while ((f = first_of(old)) != NULL) {
        move_over(p, f);
        if (++n % step == 0) {
            nosleep_exit();
            might_sleep();
            nosleep_enter("the half that pages enter");
        }
    }
    add_counts(&p->past, &old->counts);
    half_stop(old);
    p->keeps_sets = policy->mapped != NULL;
    nosleep_exit();
    return 0;
}

/* --- verification --- */

static bool list_verify(const struct policy_state *s, unsigned list)
{
    const struct frame_list *l = &s->list[list];
    uint32_t walked = 0;
    pfn_t before = PFN_NONE;
    bool ok = true;

    for (pfn_t pfn = l->head; pfn && walked <= l->count;
         before = pfn, pfn = pfn_frame(s->pool, pfn)->next, walked++) {
        const struct frame *f = pfn_frame(s->pool, pfn);

        INV("INV-POLICY-1", frame_is_listed(f) && policy_number_of(f) == s->first + list,
            "frame %u on list %u, use %s, flags %x", pfn, s->first + list, frame_use_name(f->use), f->flags);
        INV("INV-POLICY-2", f->prev == before, "frame %u on list %u: %u is before, says %u", pfn,
            s->first + list, before, f->prev);
        INV("INV-POLICY-4", list || !(f->order | f->used), "frame %u on list %u: byte %x, number %x", pfn,
            s->first, f->order, f->used);
        if (!ok)
            return false;
    }
    INV("INV-POLICY-2", walked == l->count && before == l->tail, "list %u: walked %u to %u, says %u to %u",
        s->first + list, walked, before, l->count, l->tail);
    return ok;
}

bool pageable_verify(const struct pageable *p)
{
    bool ok = true;

    for (unsigned i = 0; i < 2; i++) {
        const struct policy_state *s = &p->half[i];
        bool sound = true;

        INV("INV-POLICY-3", s->policy || !(policy_count(s) + s->list[POLICY_KEPT].count),
            "half %u has %u frames", i, policy_count(s) + s->list[POLICY_KEPT].count);
        for (unsigned k = 0; k < POLICY_LISTS; k++)
            sound &= list_verify(s, k);
        ok &= sound;
        if (sound && s->policy && s->policy->verify)
            ok &= s->policy->verify(s);
        if (s->ghosts.entry)
            ok &= ghosts_verify(&s->ghosts);
    }
    return ok;
}
