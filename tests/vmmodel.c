/* Random operations on spaces against a naive model. See vmmodel.h. */
#include "tests/vmmodel.h"
#include "mm/errno.h"

#define RW (REGION_READ | REGION_WRITE)

/* The window crosses the border of two page tables. */
#define BASE ((vaddr_t)0x800000 - MODEL_PAGES / 3 * (vaddr_t)PAGE_SIZE)

#define IMAGE 2

static vaddr_t va_of(unsigned page)
{
    return BASE + page * (vaddr_t)PAGE_SIZE;
}

bool model_begin(struct model_world *w, struct vt *vt, unsigned actors)
{
    *w = (struct model_world){.vt = vt, .actors = actors};
    w->image = kt_alloc(MODEL_PAGES * PAGE_SIZE);
    if (!w->image)
        return false;
    for (uint32_t i = 0; i < MODEL_PAGES * PAGE_SIZE / 4; i++)
        w->image[i] = i * 2654435761u;
    w->object[0] = object_create(&vt->vm, &pager_zero, MODEL_PAGES, "model 0");
    w->object[1] = object_create(&vt->vm, &pager_zero, MODEL_PAGES, "model 1");
    w->object[IMAGE] = object_create_image(&vt->vm, w->image, MODEL_PAGES * PAGE_SIZE, "model image");
    return w->object[0] && w->object[1] && w->object[IMAGE];
}

void model_end(struct model_world *w)
{
    for (unsigned i = 0; i < MODEL_OBJECTS; i++)
        if (w->object[i])
            object_put(w->object[i]);
    kt_release(w->image);
}

bool model_actor_begin(struct model_actor *a, struct model_world *w, unsigned id,
                       struct model_actor *ancestor)
{
    *a = (struct model_actor){.kt = w->vt->kt, .world = w, .id = id};
    a->page = kt_alloc(MODEL_SPACES * sizeof *a->page);
    if (!a->page)
        return false;
    memset(a->page, 0, MODEL_SPACES * sizeof *a->page);
    if (!ancestor) {
        a->space[0] = space_create(&w->vt->vm);
        return a->space[0];
    }
    unsigned s = 0;

    while (!ancestor->space[s])
        s++;
    memcpy(a->page[0], ancestor->page[s], sizeof a->page[0]);
    return space_fork(ancestor->space[s], &a->space[0]) == 0;
}

static uint32_t expected(const struct model_actor *a, const struct model_page *p)
{
    if (p->object < 0 || p->own)
        return p->value;
    if (p->object == IMAGE)
        return a->world->image[p->index * (PAGE_SIZE / 4)];
    return a->world->shared_value[p->object][p->index];
}

/* Other actors may write pages of shared memory that are not ours, so their values are not checked. */
static bool known(const struct model_actor *a, const struct model_page *p)
{
    return p->object < 0 || p->object == IMAGE || p->own || p->index % a->world->actors == a->id;
}

static enum fault_verdict verdict_of(const struct model_page *p, bool write)
{
    if (!p->mapped)
        return FAULT_MAPERR;
    return p->prot & (write ? REGION_WRITE : REGION_PROT) ? FAULT_RESUME : FAULT_ACCERR;
}

/* A page that the disk lost stays lost until it is unmapped, so its value need not be remembered. */
static bool lost(struct model_actor *a, unsigned s, unsigned i, enum fault_verdict v)
{
    struct model_world *w = a->world;

    if (v != FAULT_BUS || !w->bus_is_right || !w->bus_is_right(w, a->space[s], va_of(i)))
        return false;
    w->bus_errors++;
    return true;
}

static void check_read(struct model_actor *a, unsigned s, unsigned i)
{
    struct kt *kt = a->kt;
    const struct model_page *p = &a->page[s][i];
    uint32_t got = 0;
    enum fault_verdict v = vt_read(a->space[s], va_of(i), &got);

    if (lost(a, s, i, v))
        return;
    EXPECT(v == verdict_of(p, false), "actor %u space %u reads page %u: %s, not %s", a->id, a->space[s]->id,
           i, fault_verdict_name(v), fault_verdict_name(verdict_of(p, false)));
    if (v == FAULT_RESUME && known(a, p))
        EXPECT(got == expected(a, p), "actor %u space %u page %u holds %x, not %x", a->id, a->space[s]->id, i,
               got, expected(a, p));
}

static void do_write(struct model_actor *a, unsigned s, unsigned i)
{
    struct kt *kt = a->kt;
    struct model_page *p = &a->page[s][i];
    uint32_t value = kt_random(kt);

    if (p->mapped && p->shared && !known(a, p))
        return;
    /* The model goes first: a read by another task that sees the value early would be right. */
    if (verdict_of(p, true) == FAULT_RESUME) {
        if (p->shared) {
            a->world->shared_value[p->object][p->index] = value;
        } else {
            p->own = true;
            p->value = value;
        }
    }
    enum fault_verdict v = vt_write(a->space[s], va_of(i), value);

    if (lost(a, s, i, v))
        return;
    EXPECT(v == verdict_of(p, true), "actor %u space %u writes page %u: %s, not %s", a->id, a->space[s]->id,
           i, fault_verdict_name(v), fault_verdict_name(verdict_of(p, true)));
}

static void do_map(struct model_actor *a, unsigned s, unsigned i, unsigned n)
{
    static const uint8_t prots[] = {RW, RW, RW, REGION_READ, 0};
    struct kt *kt = a->kt;
    vaddr_t va = va_of(i);
    int object = (int)kt_below(kt, MODEL_OBJECTS + 3) - 3;
    uint8_t prot = prots[kt_below(kt, ARRAY_LEN(prots))];
    uint32_t offset = kt_below(kt, MODEL_PAGES - n + 1);
    unsigned flags = MAP_AT | prot;

    if (object < 0)
        object = -1;
    if (object == 0 || object == 1)
        flags |= REGION_SHARED;
    int err = space_map(a->space[s], &va, n * PAGE_SIZE, flags, object < 0 ? NULL : a->world->object[object],
                        offset);

    EXPECT(err == 0, "space_map %d", err);
    for (unsigned k = 0; !err && k < n; k++)
        a->page[s][i + k] = (struct model_page){
            .mapped = true,
            .shared = flags & REGION_SHARED,
            .prot = prot,
            .object = (int8_t)object,
            .index = (uint16_t)(offset + k),
        };
}

static void do_protect(struct model_actor *a, unsigned s, unsigned i, unsigned n)
{
    static const uint8_t prots[] = {RW, REGION_READ, 0};
    struct kt *kt = a->kt;
    uint8_t prot = prots[kt_below(kt, ARRAY_LEN(prots))];
    unsigned done = 0;

    while (done < n && a->page[s][i + done].mapped)
        done++;
    int err = space_protect(a->space[s], va_of(i), n * PAGE_SIZE, prot);

    EXPECT(err == (done < n ? -ENOMEM : 0), "space_protect %d, %u of %u pages", err, done, n);
    for (unsigned k = 0; k < done; k++)
        a->page[s][i + k].prot = prot;
}

static void do_fork(struct model_actor *a, unsigned s)
{
    struct kt *kt = a->kt;

    for (unsigned c = 0; c < MODEL_SPACES; c++)
        if (!a->space[c]) {
            int err = space_fork(a->space[s], &a->space[c]);

            EXPECT(err == 0, "space_fork %d", err);
            memcpy(a->page[c], a->page[s], sizeof a->page[c]);
            return;
        }
}

static void do_destroy(struct model_actor *a, unsigned s)
{
    unsigned live = 0;

    for (unsigned i = 0; i < MODEL_SPACES; i++)
        live += !!a->space[i];
    if (live < 2)
        return;
    space_destroy(a->space[s]);
    a->space[s] = NULL;
    memset(a->page[s], 0, sizeof a->page[s]);
}

static void evict_something(struct model_actor *a)
{
    struct vm *vm = &a->world->vt->vm;
    pfn_t pfn = vm->pool->start + kt_below(a->kt, vm->pool->end - vm->pool->start);

    for (unsigned i = 0; i < 64 && pfn < vm->pool->end; i++, pfn++) {
        struct frame *f = pfn_frame(vm->pool, pfn);

        if (f->use == FRAME_ANON || f->use == FRAME_OBJECT) {
            reclaim_evict(vm, f);
            return;
        }
    }
}

void model_step(struct model_actor *a)
{
    struct kt *kt = a->kt;
    unsigned s = kt_below(kt, MODEL_SPACES), op = kt_below(kt, 100);
    unsigned i = kt_below(kt, MODEL_PAGES), n = 1 + kt_below(kt, kt_below(kt, 8) ? 6 : MODEL_PAGES);

    if (n > MODEL_PAGES - i)
        n = MODEL_PAGES - i;
    while (!a->space[s])
        s = (s + 1) % MODEL_SPACES;
    if (op < 36) {
        check_read(a, s, i);
    } else if (op < 72) {
        do_write(a, s, i);
    } else if (op < 79) {
        do_map(a, s, i, n);
    } else if (op < 82) {
        int err = space_unmap(a->space[s], va_of(i), n * PAGE_SIZE);

        EXPECT(err == 0, "space_unmap %d", err);
        memset(&a->page[s][i], 0, n * sizeof a->page[s][i]);
    } else if (op < 86) {
        do_protect(a, s, i, n);
    } else if (op < 89) {
        do_fork(a, s);
    } else if (op < 91) {
        do_destroy(a, s);
    } else if (a->world->pressed && kt_below(kt, 16)) {
        do_write(a, s, i);
    } else if (op < 98) {
        evict_something(a);
    } else {
        reclaim_run(&a->world->vt->vm, 1 + kt_below(kt, 20));
    }
}

void model_actor_end(struct model_actor *a)
{
    for (unsigned s = 0; s < MODEL_SPACES; s++) {
        if (!a->space[s])
            continue;
        for (unsigned i = 0; i < MODEL_PAGES; i++)
            check_read(a, s, i);
        space_destroy(a->space[s]);
    }
    kt_release(a->page);
}
