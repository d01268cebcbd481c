/*
 * A memory of some frames, one program, and a policy. Without a host: the command and a page in a browser
 * (tools/lab/player) share it.
 *
 * What a policy sees is what the MMU leaves: a use sets the page's accessed bit, a write the dirty bit.
 * With a translation buffer of K entries (least recently used goes) a use of a page whose translation is
 * there leaves nothing, until the bit was taken, which flushes the translation as the kernel does, or the
 * page was evicted. A policy that sets pages aside does so by taking the translation away; the next use is
 * no miss, but puts the page back. Without a buffer each use is counted, for policies that can tell two uses
 * from one. LRU, MRU, 2Q and the optimum see every use whatever the buffer hides; the optimum sees the future
 * too.
 */
#include "tests/host/replay/machine.h"

#include <stdlib.h>
#include <string.h>

static const struct policy *const host_policies[] = {
    &policy_sieve,     &policy_clock2, &policy_lru,         &policy_mru,
    &policy_two_queue, &policy_s3fifo, &policy_generations,
};

/* --- pages by number --- */

struct page *machine_page(struct machine *m, uint32_t number)
{
    uint32_t i = m->is_direct ? number : number * 0x9E3779B1u & (m->pages - 1);

    while (m->page[i].known && m->page[i].number != number)
        i = (i + 1) & (m->pages - 1);
    if (!m->page[i].known)
        m->page[i] = (struct page){.number = number, .known = true};
    return &m->page[i];
}

/* --- the translation buffer: pages, most recently used last --- */

/* Whether a use of the page in a frame reaches its entry. */
static bool tlb_miss(struct machine *m, uint32_t slot)
{
    uint32_t i = 0;

    if (!m->how->tlb)
        return true;
    if (m->tlb[slot]) {
        while (m->tlb_page[i] != slot)
            i++;
    } else if (m->tlb_count == m->how->tlb) {
        m->tlb[m->tlb_page[0]] = false;
    } else {
        i = m->tlb_count++;
    }
    memmove(m->tlb_page + i, m->tlb_page + i + 1, (m->tlb_count - i - 1) * sizeof *m->tlb_page);
    m->tlb_page[m->tlb_count - 1] = slot;
    if (m->tlb[slot])
        return false;
    m->tlb[slot] = true;
    return true;
}

static void tlb_flush(struct machine *m, uint32_t slot)
{
    uint32_t i = 0;

    if (!m->how->tlb || !m->tlb[slot])
        return;
    while (m->tlb_page[i] != slot)
        i++;
    memmove(m->tlb_page + i, m->tlb_page + i + 1, (--m->tlb_count - i) * sizeof *m->tlb_page);
    m->tlb[slot] = false;
}

/* --- what policies see --- */

static void tell(const struct machine *m, enum machine_look look, const struct frame *f, uint32_t answer)
{
    if (m->how->watch)
        m->how->watch->looked(m->how->watch->arg, look, f, answer);
}

static void moment(const struct machine *m, enum machine_moment what)
{
    if (m->how->watch)
        m->how->watch->moment(m->how->watch->arg, what);
}

static uint32_t take_uses(void *arg, struct frame *f)
{
    struct machine *m = arg;
    uint32_t slot = slot_of(m, f), uses = m->uses[slot];

    if (uses)
        tlb_flush(m, slot);
    m->uses[slot] = 0;
    uses = m->how->tlb ? uses != 0 : uses;
    tell(m, LOOK_TAKE_USES, f, uses);
    return uses;
}

static bool is_used(void *arg, struct frame *f)
{
    struct machine *m = arg;
    bool used = m->uses[slot_of(m, f)] != 0;

    tell(m, LOOK_IS_USED, f, used);
    return used;
}

static bool is_dirty(void *arg, struct frame *f)
{
    struct machine *m = arg;
    bool dirty = m->dirty[slot_of(m, f)];

    tell(m, LOOK_IS_DIRTY, f, dirty);
    return dirty;
}

static enum policy_parked park(void *arg, struct frame *f)
{
    struct machine *m = arg;
    bool dirty = m->dirty[slot_of(m, f)];

    tlb_flush(m, slot_of(m, f));
    tell(m, LOOK_PARK, f, dirty);
    return dirty ? PARKED_DIRTY : PARKED_CLEAN;
}

static const struct policy_eyes eyes = {
    .take_uses = take_uses, .is_used = is_used, .is_dirty = is_dirty, .park = park};

/* --- the optimum --- */

static bool is_optimum(const char *name)
{
    return strcmp(name, "opt") == 0 || strcmp(name, "unopt") == 0;
}

static void look_ahead(struct machine *m)
{
    const struct trace *t = m->trace;

    m->next = malloc((t->count + 1) * sizeof *m->next);
    if (!m->next)
        abort();
    for (size_t i = t->count; i-- > 0;) {
        struct page *p = machine_page(m, t->page[i]);

        m->next[i] = p->loaded ? p->next_use : NEVER;
        p->next_use = (uint32_t)i;
        p->loaded = 1; /* for the moment: seen */
    }
}

/* A page in memory, when it is used next, and when it was loaded. */
struct wish {
    uint32_t next_use, loaded, number;
};

/* Whether a goes before b: farthest next use, of equal ones what was loaded last; the reverse for worst. */
static bool goes_before(const struct machine *m, const struct wish *a, const struct wish *b)
{
    bool before = a->next_use != b->next_use ? a->next_use > b->next_use : a->loaded > b->loaded;

    return m->is_worst ? !before : before;
}

static bool is_true(struct machine *m, const struct wish *w)
{
    const struct page *p = machine_page(m, w->number);

    return p->pfn && p->next_use == w->next_use && p->loaded == w->loaded;
}

static void wish_down(struct machine *m, uint32_t i, struct wish w)
{
    for (uint32_t k; (k = 2 * i + 1) < m->wishes; i = k) {
        k += k + 1 < m->wishes && goes_before(m, &m->wish[k + 1], &m->wish[k]);
        if (!goes_before(m, &m->wish[k], &w))
            break;
        m->wish[i] = m->wish[k];
    }
    m->wish[i] = w;
}

/* Each use of a page makes a wish, and those that it had before are untrue from then on. */
static void wish_add(struct machine *m, const struct page *p)
{
    struct wish w = {p->next_use, p->loaded, p->number};
    uint32_t i;

    if (m->wishes == m->wishes_most) {
        uint32_t kept = 0;

        for (i = 0; i < m->wishes; i++)
            if (is_true(m, &m->wish[i]) && m->wish[i].number != p->number)
                m->wish[kept++] = m->wish[i];
        m->wishes = kept;
        for (i = kept / 2; i-- > 0;)
            wish_down(m, i, m->wish[i]);
    }
    for (i = m->wishes++; i && goes_before(m, &w, &m->wish[(i - 1) / 2]); i = (i - 1) / 2)
        m->wish[i] = m->wish[(i - 1) / 2];
    m->wish[i] = w;
}

/* The frame of the first wish that is true. */
static struct frame *choose_by_future(struct machine *m)
{
    for (;;) {
        mm_assert(m->wishes, "the optimum has no victim");

        struct wish first = m->wish[0];

        if (--m->wishes)
            wish_down(m, 0, m->wish[m->wishes]);
        if (is_true(m, &first))
            return pfn_frame(m->pool, machine_page(m, first.number)->pfn);
    }
}

/* --- the run --- */

const char *machine_policy(unsigned i)
{
    static const char *const by_future[] = {"opt", "unopt"};

    if (i < POLICIES)
        return policies[i]->name;
    i -= POLICIES;
    if (i < ARRAY_LEN(host_policies))
        return host_policies[i]->name;
    i -= ARRAY_LEN(host_policies);
    return i < ARRAY_LEN(by_future) ? by_future[i] : NULL;
}

bool policy_is_known(const char *name)
{
    const char *known;

    for (unsigned i = 0; (known = machine_policy(i)) != NULL; i++)
        if (strcmp(known, name) == 0)
            return true;
    return false;
}

static const struct policy *find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(host_policies); i++)
        if (strcmp(host_policies[i]->name, name) == 0)
            return host_policies[i];
    return is_optimum(name) ? policy_find("fifo") : policy_find(name);
}

void machine_begin(struct machine *m, const struct trace *t, const struct setup *how)
{
    /* Ghosts lie in frames of the same pool, behind those of the program. There are no others for policies
     * without ghosts, but that of the set: who draws from the pool is to meet the program's frames. */
    const struct policy *policy = find(how->policy);
    uint32_t total = how->frames + (policy->remembers ? how->frames / 64 + 2048 : 1), low = total;
    struct frame_pool *p = &m->host.pool;

    *m = (struct machine){.trace = t, .how = how, .pages = 64, .is_direct = 2 * t->count >= DIRECT_PAGES};
    for (size_t i = 0; i < t->count && m->is_direct; i++)
        m->is_direct = t->page[i] < DIRECT_PAGES;
    while (m->pages < 2 * t->count && m->pages < (m->is_direct ? DIRECT_PAGES : 1u << 30))
        m->pages *= 2;
    m->page = calloc(m->pages, sizeof *m->page);
    m->host.low = aligned_alloc(PAGE_SIZE, (size_t)low << PAGE_SHIFT);
    m->host.records = malloc(total * sizeof *m->host.records);
    m->host.total = total;
    m->uses = calloc(how->frames, sizeof *m->uses);
    m->dirty = calloc(how->frames, sizeof *m->dirty);
    m->tlb = calloc(how->frames, sizeof *m->tlb);
    m->tlb_page = calloc(how->tlb + 1, sizeof *m->tlb_page);
    mm_assert(m->page && m->host.low && m->host.records && m->uses && m->dirty && m->tlb && m->tlb_page,
              "there is no memory for %u frames and %zu references", how->frames, t->count);
    m->pool = p;
    frame_pool_init(p, m->host.records, POOL_FIRST, POOL_FIRST + total, POOL_FIRST + total,
                    (uint8_t *)((uintptr_t)m->host.low - ((size_t)POOL_FIRST << PAGE_SHIFT)));
    frame_add(p, POOL_FIRST + how->frames, POOL_FIRST + total);
    p->managed[ZONE_LOW] = how->frames; /* what a policy is told of the machine's size */
    if (pageable_init(&m->pageable, p, policy, &eyes, m) != 0)
        abort();
    if (is_optimum(how->policy)) {
        m->is_worst = strcmp(how->policy, "unopt") == 0;
        m->wishes_most = 2 * how->frames + 64;
        m->wish = malloc(m->wishes_most * sizeof *m->wish);
        if (!m->wish)
            abort();
        look_ahead(m);
    }
    /* The set's number is that of a frame that the program does not use. */
    policy_set_init(&m->set, p, POOL_FIRST + how->frames, how->rss ? how->rss : (how->frames * 3 + 3) / 4);
}

void machine_end(struct machine *m)
{
    for (uint32_t i = 0; i < m->in_memory; i++)
        pageable_leave(&m->pageable, pfn_frame(m->pool, POOL_FIRST + i));
    pageable_fini(&m->pageable);
    free(m->page);
    free(m->host.low);
    free(m->host.records);
    free(m->uses);
    free(m->dirty);
    free(m->tlb);
    free(m->tlb_page);
    free(m->next);
    free(m->wish);
}

/* Make room: the frame of the victim. */
static struct frame *evict(struct machine *m, struct machine_step *did)
{
    struct policy_state *s = pageable_now(&m->pageable);
    uint32_t steps = UINT32_MAX;
    struct frame *f = NULL;
    struct page *p;

    moment(m, MOMENT_SEARCH);
    if (m->next)
        f = choose_by_future(m);
    else
        f = s->policy->next(s, &steps);
    mm_assert(f, "policy %s has no victim", m->how->policy);
    p = machine_page(m, f->index);
    did->evicts = true;
    did->victim = p->number;
    did->was_dirty = m->dirty[slot_of(m, f)];
    moment(m, MOMENT_FOUND);
    if (!m->next)
        s->policy->pass(s, f, POLICY_OUT);
    pageable_leave(&m->pageable, f);
    tlb_flush(m, slot_of(m, f));
    p->pfn = 0;
    moment(m, MOMENT_GONE);
    return f;
}

static void load(struct machine *m, struct page *p, struct frame *f)
{
    *f = (struct frame){.use = FRAME_ANON, .index = p->number, .owner = m};
    p->pfn = frame_pfn(m->pool, f);
    p->loaded = ++m->loads;
    m->uses[slot_of(m, f)] = 0;
    m->dirty[slot_of(m, f)] = false;
    pageable_enter(&m->pageable, m->pool, f);
    moment(m, MOMENT_ENTERED);
    pageable_mapped(&m->pageable, f, &m->set);
    moment(m, MOMENT_MAPPED);
}

void machine_step(struct machine *m, struct machine_step *did)
{
    const struct policy *policy = pageable_now(&m->pageable)->policy;
    size_t i = m->done++;
    uint32_t number = m->trace->page[i];
    struct page *p = machine_page(m, number);
    struct frame *f;

    *did = (struct machine_step){.page = number, .hit = p->pfn != 0};
    if (!did->hit) {
        if (m->in_memory < m->how->frames)
            f = pfn_frame(m->pool, POOL_FIRST + m->in_memory++);
        else
            f = evict(m, did);
        load(m, p, f);
    }
    f = pfn_frame(m->pool, p->pfn);
    did->slot = slot_of(m, f);
    if (f->flags & FRAME_F_PARKED) {
        did->salvaged = true;
        pageable_mapped(&m->pageable, f, &m->set);
        moment(m, MOMENT_MAPPED);
    }
    if (tlb_miss(m, did->slot) && (did->hit || !m->how->load_is_no_use))
        m->uses[did->slot]++;
    m->dirty[did->slot] |= m->trace->write[i];
    if (m->next) {
        p->next_use = m->next[i];
        wish_add(m, p);
    }
    if (did->hit && policy->used)
        policy->used(pageable_now(&m->pageable), f);
    moment(m, MOMENT_USED);
}

void machine_memory(struct machine *m, uint32_t *page)
{
    const struct policy_state *s = pageable_now(&m->pageable);
    bool by_use = strcmp(m->how->policy, "lru") == 0 || strcmp(m->how->policy, "mru") == 0;

    if (by_use) {
        for (const struct frame *f = policy_head(s, 0); f; f = policy_next_of(s, f))
            *page++ = f->index;
        return;
    }
    for (uint32_t i = 0; i < m->in_memory; i++) {
        uint32_t number = pfn_frame(m->pool, POOL_FIRST + i)->index, k = i;
        uint32_t when = machine_page(m, number)->loaded;

        for (; k && machine_page(m, page[k - 1])->loaded > when; k--)
            page[k] = page[k - 1];
        page[k] = number;
    }
}
