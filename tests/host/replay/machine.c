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
    &policy_two_queue, &policy_s3fifo, &policy_generations, NULL};

/* --- pages by number --- */

struct page *machine_page(struct machine *m, uint32_t number)
{
    uint32_t i = number * 0x9E3779B1u & (m->pages - 1);

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

/* Farthest next use, of equal ones the one loaded last; the reverse for the worst. */
static struct page *choose_by_future(struct machine *m, const struct frame **frame)
{
    bool worst = strcmp(m->how->policy, "unopt") == 0;
    struct page *best = NULL;

    for (uint32_t i = 0; i < m->how->frames; i++) {
        const struct frame *f = pfn_frame(m->pool, POOL_FIRST + i);
        struct page *p = machine_page(m, f->index);
        bool better = best && (worst ? p->next_use < best->next_use : p->next_use > best->next_use);

        if (!best || better ||
            (p->next_use == best->next_use &&
             (worst ? p->loaded < best->loaded : p->loaded > best->loaded))) {
            best = p;
            *frame = f;
        }
    }
    return best;
}

/* --- the run --- */

bool policy_is_known(const char *name)
{
    for (unsigned i = 0; host_policies[i]; i++)
        if (strcmp(host_policies[i]->name, name) == 0)
            return true;
    return policy_find(name) || is_optimum(name);
}

static const struct policy *find(const char *name)
{
    for (unsigned i = 0; host_policies[i]; i++)
        if (strcmp(host_policies[i]->name, name) == 0)
            return host_policies[i];
    return is_optimum(name) ? policy_find("fifo") : policy_find(name);
}

void machine_begin(struct machine *m, const struct trace *t, const struct setup *how)
{
    /* Ghosts lie in frames of the same pool, behind those of the program. */
    uint32_t total = how->frames + how->frames / 64 + 2048, low = total;
    struct frame_pool *p = &m->host.pool;

    *m = (struct machine){.trace = t, .how = how, .pages = 64};
    while (m->pages < 2 * t->count && m->pages < 1u << 30)
        m->pages *= 2;
    m->page = calloc(m->pages, sizeof *m->page);
    m->host.low = aligned_alloc(PAGE_SIZE, (size_t)low << PAGE_SHIFT);
    m->host.records = malloc(total * sizeof *m->host.records);
    m->host.total = total;
    m->uses = calloc(how->frames, sizeof *m->uses);
    m->dirty = calloc(how->frames, sizeof *m->dirty);
    m->tlb = calloc(how->frames, sizeof *m->tlb);
    m->tlb_page = calloc(how->tlb + 1, sizeof *m->tlb_page);
    if (!m->page || !m->host.low || !m->host.records || !m->uses || !m->dirty || !m->tlb || !m->tlb_page)
        abort();
    m->pool = p;
    frame_pool_init(p, m->host.records, POOL_FIRST, POOL_FIRST + total, POOL_FIRST + total,
                    (uint8_t *)((uintptr_t)m->host.low - ((size_t)POOL_FIRST << PAGE_SHIFT)));
    frame_add(p, POOL_FIRST + how->frames, POOL_FIRST + total);
    p->managed[ZONE_LOW] = how->frames; /* what a policy is told of the machine's size */
    if (pageable_init(&m->pageable, p, find(how->policy), &eyes, m) != 0)
        abort();
    if (is_optimum(how->policy))
        look_ahead(m);
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
}

/* Make room: the frame of the victim. */
static struct frame *evict(struct machine *m, struct machine_step *did)
{
    struct policy_state *s = pageable_now(&m->pageable);
    uint32_t steps = UINT32_MAX;
    struct frame *f = NULL;
    struct page *p;

    moment(m, MOMENT_SEARCH);
    if (is_optimum(m->how->policy))
        p = choose_by_future(m, (const struct frame **)&f);
    else
        f = s->policy->next(s, &steps);
    mm_assert(f, "policy %s has no victim", m->how->policy);
    p = machine_page(m, f->index);
    did->evicts = true;
    did->victim = p->number;
    did->was_dirty = m->dirty[slot_of(m, f)];
    moment(m, MOMENT_FOUND);
    if (!is_optimum(m->how->policy))
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
    if (m->next)
        p->next_use = m->next[i];
    if (did->hit && policy->used)
        policy->used(pageable_now(&m->pageable), f);
    moment(m, MOMENT_USED);
}
