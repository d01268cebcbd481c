/* Random operations on spaces against a naive model. See vmmodel.h. */
#include "tests/vmmodel.h"
#include "mm/errno.h"
#include "mm/softtlb.h"

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

/* A private page begins anew. */
static void forget(struct model_page *p)
{
    if (p->shared)
        return;
    p->own = p->lazy = false;
    p->value = 0;
}

/* What a child gets. */
static void inherit(struct model_page *child, const struct model_page *parent)
{
    for (unsigned i = 0; i < MODEL_PAGES; i++) {
        if (parent[i].nofork)
            memset(&child[i], 0, sizeof child[i]);
        else
            child[i] = parent[i];
        child[i].locked = false;
        if (child[i].wipe)
            forget(&child[i]);
    }
}

/* A space with which an actor begins. If the disk fails, calls could be refused for want of a table, and only
 * in part; so its tables stay in memory then. */
static void take_up(struct model_actor *a, unsigned s)
{
    a->space[s]->tables_kept += a->world->ever_bad_read != NULL;
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
        if (a->space[0])
            take_up(a, 0);
        return a->space[0];
    }
    unsigned s = 0;

    while (!ancestor->space[s])
        s++;
    inherit(a->page[0], ancestor->page[s]);
    if (space_fork(ancestor->space[s], &a->space[0]))
        return false;
    take_up(a, 0);
    return true;
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

/* --- the disk fails --- */

/* A page of the disk that is needed: for reading, one that is out; for writing, one that will be used. */
static uint32_t useful_page(struct model_world *w, bool write)
{
    struct vm *vm = &w->vt->vm;
    struct swap_area *a = vm->swap.area[0];
    struct kt *kt = w->vt->kt;
    uint32_t page;

    if (write)
        return 1 + (a->hint + kt_below(kt, 2 * SWAP_CLUSTER)) % (a->pages - 1);
    for (unsigned i = 0; i < 20; i++) {
        page = 1 + kt_below(kt, a->pages - 1);
        if (swap_valid(vm, page) && !swap_cached(vm, page))
            break;
    }
    return page;
}

void model_change_errors(struct model_world *w)
{
    enum { SECTORS = PAGE_SIZE / BLOCK_SECTOR, MOST = 30 };
    const struct swap *sw = &w->vt->vm.swap;
    struct testdisk *d = &w->vt->disk;
    struct kt *kt = w->vt->kt;
    uint32_t i = kt_below(kt, TESTDISK_FAULTS), sector = kt_below(kt, SECTORS), page;

    if (!sw->area[0])
        return; /* it is off for the moment */
    switch (kt_below(kt, 6)) {
    case 0:
        memset(d->bad_read, 0, sizeof d->bad_read);
        memset(d->bad_write, 0, sizeof d->bad_write);
        break;
    case 1:
        /* A page that cannot be written stays in memory, so there may not be many. */
        if (sw->write_errors < MOST)
            d->bad_write[i] = (uint64_t)useful_page(w, true) * SECTORS + sector;
        break;
    default:
        page = useful_page(w, false);
        if (sw->read_errors < 10 * MOST) {
            d->bad_read[i] = (uint64_t)page * SECTORS + sector;
            w->ever_bad_read[page] = true;
        }
    }
}

/* The page is in a slot that is retired, and lay on a sector that could not be read; or that was so when the
 * disk was taken off. */
static bool bus_is_right(struct model_world *w, struct space *s, vaddr_t va)
{
    struct vm *vm = &w->vt->vm;
    struct region *g = region_find(&s->regions, va);
    pte_t *e = pt_resident_entry(&s->pt, va);
    uintptr_t word = 0;
    slot_t slot;

    if (e && pte_is_swap(*e))
        word = OBJECT_ENTRY_SLOT(pte_slot(*e));
    else if (g && g->object)
        word = radix_get(&g->object->index, g->offset + ((va - g->start) >> PAGE_SHIFT));
    if (!OBJECT_IS_SLOT(word))
        return false;
    slot = OBJECT_ENTRY_VALUE(word);
    if (slot == SLOT_LOST)
        return vm->swap.pages_lost;
    return swap_is_lost(vm, slot) && w->ever_bad_read[slot & (SWAP_AREA_PAGES - 1)];
}

/* A page that the disk lost stays lost until it is unmapped, also without the disk, so its value need not be
 * remembered. */
static bool lost(struct model_actor *a, unsigned s, unsigned i, enum fault_verdict v)
{
    struct model_world *w = a->world;

    if (v != FAULT_BUS || !w->ever_bad_read || !bus_is_right(w, a->space[s], va_of(i)))
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
    if (p->lazy && v == FAULT_RESUME && got == 0 && p->value) {
        a->page[s][i].value = 0; /* it is gone, and stays so */
        a->world->given_up++;
    }
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
            p->lazy = false;
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

/* The mapping of pages [i, i + n) goes to [j, j + m). */
static void do_remap(struct model_actor *a, unsigned s, unsigned i, unsigned n)
{
    struct kt *kt = a->kt;
    struct model_page *page = a->page[s], moved[MODEL_PAGES];
    unsigned j = kt_below(kt, MODEL_PAGES), m = kt_below(kt, 3) ? n : 1 + kt_below(kt, 2 * n);
    bool keep = m == n && kt_below(kt, 4) == 0;
    unsigned flags = REMAP_MAYMOVE | REMAP_FIXED | (keep ? REMAP_DONTUNMAP : 0);
    const struct region *r = region_find(&a->space[s]->regions, va_of(i));
    int want = 0;
    vaddr_t at = va_of(i);

    if (m > MODEL_PAGES - j)
        m = n = 1;
    if (m > n && page[i].mapped && page[i].object >= 0 && page[i].index + m > MODEL_PAGES)
        return; /* beyond the object */
    if (j == i || (i < j + m && j < i + n))
        want = j == i || !r ? 1 : -EINVAL;
    else if (!r || r->end < va_of(i + (n < m ? n : m)))
        want = -EFAULT;
    if (want > 0 || (!r && want))
        want = 1; /* more than one thing is wrong with it */
    int err = space_remap(a->space[s], &at, n * PAGE_SIZE, m * PAGE_SIZE, flags, va_of(j));

    if (want == 1)
        EXPECT(err == -EINVAL || err == -EFAULT, "space_remap %d", err);
    else
        EXPECT(err == want, "space_remap of %u at %u to %u at %u: %d, not %d", n, i, m, j, err, want);
    if (err)
        return;
    EXPECT(at == va_of(j), "moved to %x", at);
    a->world->moves++;
    for (unsigned k = 0; k < m; k++) {
        moved[k] = page[i + (k < n ? k : 0)];
        if (k >= n) {
            forget(&moved[k]);
            moved[k].index = (uint16_t)(page[i].index + k);
        }
    }
    for (unsigned k = 0; k < n; k++)
        if (keep) {
            forget(&page[i + k]);
            page[i + k].locked = false;
        } else {
            page[i + k] = (struct model_page){0};
        }
    memcpy(&page[j], moved, m * sizeof *moved);
}

/* What an advice does to one page: 0, or the error that ends it there. */
static int advise_page(struct model_page *p, int advice)
{
    switch (advice) {
    case ADVISE_DONTNEED:
        if (p->locked)
            return -EINVAL;
        forget(p);
        return 0;
    case ADVISE_FREE:
        if (p->locked || p->object >= 0)
            return -EINVAL;
        p->lazy = true;
        return 0;
    case ADVISE_COLD:
    case ADVISE_PAGEOUT:
        return p->locked ? -EINVAL : 0;
    case ADVISE_WIPEONFORK:
        if (p->object >= 0)
            return -EINVAL;
        p->wipe = true;
        return 0;
    case ADVISE_KEEPONFORK:
        p->wipe = false;
        return 0;
    case ADVISE_DONTFORK:
    case ADVISE_DOFORK:
        p->nofork = advice == ADVISE_DONTFORK;
        return 0;
    default:
        return 0;
    }
}

static void do_advise(struct model_actor *a, unsigned s, unsigned i, unsigned n)
{
    static const uint8_t advices[] = {ADVISE_DONTNEED, ADVISE_DONTNEED, ADVISE_FREE,      ADVISE_FREE,
                                      ADVISE_WILLNEED, ADVISE_COLD,     ADVISE_PAGEOUT,   ADVISE_WIPEONFORK,
                                      ADVISE_DONTFORK, ADVISE_DOFORK,   ADVISE_KEEPONFORK};
    struct kt *kt = a->kt;
    int advice = advices[kt_below(kt, ARRAY_LEN(advices))], want = 0;
    bool hole = false;

    for (unsigned k = i; k < i + n && !want; k++) {
        if (a->page[s][k].mapped)
            want = advise_page(&a->page[s][k], advice);
        else
            hole = true;
    }
    if (!want && hole)
        want = -ENOMEM;
    int err = space_advise(a->space[s], va_of(i), n * PAGE_SIZE, advice);

    EXPECT(err == want, "space_advise %d: %d, not %d", advice, err, want);
}

/* Lock or unlock; few pages at a time, since locked ones are out of reclaim's reach. */
static void do_lock(struct model_actor *a, unsigned s, unsigned i, unsigned n)
{
    struct kt *kt = a->kt;
    struct model_page *page = a->page[s];
    unsigned done = 0;
    bool lock = kt_below(kt, 3) == 0, barred = false;
    uint8_t core[2];

    if (lock && n > 2)
        n = 2;
    while (done < n && page[i + done].mapped) {
        page[i + done].locked = lock;
        barred |= lock && !page[i + done].prot;
        done++;
    }
    int err = space_lock(a->space[s], va_of(i), n * PAGE_SIZE, lock ? REGION_LOCKED : 0);

    EXPECT(err == (done < n || barred ? -ENOMEM : 0) || (err == -ENOMEM && a->world->ever_bad_read),
           "space_lock %d, %u of %u pages", err, done, n);
    if (err || !lock)
        return;
    err = space_mincore(a->space[s], va_of(i), n, core);
    EXPECT(err == 0 && core[0] && core[n - 1], "space_mincore of locked pages: %d, %u %u", err, core[0],
           core[n - 1]);
}

static void do_mincore(struct model_actor *a, unsigned s, unsigned i, unsigned n)
{
    struct kt *kt = a->kt;
    uint8_t core[MODEL_PAGES];
    bool hole = false;

    for (unsigned k = 0; k < n; k++)
        hole |= !a->page[s][i + k].mapped;
    int err = space_mincore(a->space[s], va_of(i), n, core);

    EXPECT(err == (hole ? -ENOMEM : 0), "space_mincore %d, hole %d", err, hole);
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

/* Take the disk off and put it on again. */
static void do_swapoff(struct model_actor *a)
{
    struct model_world *w = a->world;
    struct kt *kt = a->kt;
    int err;

    if (!w->cycles || w->off)
        return;
    w->off = true;
    err = swap_off(&w->vt->vm, &w->vt->disk.dev, NULL);
    EXPECT(err == 0 || err == -ENOMEM, "swap_off %d", err);
    if (!err) {
        w->swapoffs++;
        err = swap_on(&w->vt->vm, &w->vt->disk.dev);
        /* What came back from the disk may have taken the last frames, also those that the area needs. A
         * fault would find none either, so room is made first. */
        for (unsigned s = 0; err == -ENOMEM && s < MODEL_SPACES; s++)
            if (a->space[s]) {
                do_destroy(a, s);
                err = swap_on(&w->vt->vm, &w->vt->disk.dev);
            }
        EXPECT(err == 0, "swap_on %d", err);
    }
    w->off = false;
}

static void do_fork(struct model_actor *a, unsigned s)
{
    struct kt *kt = a->kt;

    for (unsigned c = 0; c < MODEL_SPACES; c++)
        if (!a->space[c]) {
            int err = space_fork(a->space[s], &a->space[c]);

            EXPECT(err == 0, "space_fork %d", err);
            if (err)
                return;
            take_up(a, c);
            inherit(a->page[c], a->page[s]);
            return;
        }
}

/* Most pages of a space leave it, and the tables that name none any more go too. */
static void put_tables_out(struct model_actor *a, unsigned s)
{
    space_advise(a->space[s], va_of(0), MODEL_PAGES * PAGE_SIZE, ADVISE_PAGEOUT);
    reclaim_tables(&a->world->vt->vm, 1 + kt_below(a->kt, 4));
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

/* Let some pages not translate until they are touched. */
static void park_something(struct model_actor *a)
{
    struct vm *vm = &a->world->vt->vm;
    pfn_t pfn = vm->pool->start + kt_below(a->kt, vm->pool->end - vm->pool->start);

    for (unsigned i = 0; i < 16 && pfn < vm->pool->end; i++, pfn++) {
        struct frame *f = pfn_frame(vm->pool, pfn);

        if (f->use == FRAME_ANON && f->maps)
            rmap_park(vm, f);
    }
}

/* Another translation cache, or none. */
static void do_softtlb(struct model_actor *a, unsigned s)
{
    struct kt *kt = a->kt;
    struct softtlb_config c = {.form = FORM_KINDS};
    int err;

    if (kt_below(kt, 4)) {
        c.ways = SOFTTLB_LEAST + kt_below(kt, 4);
        c.entries = c.ways * (1 + kt_below(kt, 3));
        c.policy = (enum assoc_policy)kt_below(kt, ASSOC_POLICIES);
        c.asid = kt_below(kt, 2);
    }
    err = softtlb_set(a->space[s], &c);
    EXPECT(err == 0 || err == -ENOMEM || err == -EIO, "error %d", -err);
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
    } else if (op < 90) {
        do_destroy(a, s);
    } else if (op < 92) {
        do_remap(a, s, i, n);
    } else if (op < 94) {
        do_advise(a, s, i, n);
    } else if (op < 95) {
        switch (kt_below(kt, 13)) {
        case 8:
        case 9:
        case 10:
        case 11:
            park_something(a);
            break;
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
            do_lock(a, s, i, n);
            break;
        case 5:
        case 6:
            do_mincore(a, s, i, n);
            break;
        case 12:
            if (a->world->caches && kt_below(kt, 4) == 0)
                do_softtlb(a, s);
            break;
        default:
            if (kt_below(kt, 16) == 0)
                do_swapoff(a);
        }
    } else if (a->world->pressed && kt_below(kt, 16)) {
        do_write(a, s, i);
    } else if (op < 98) {
        if (kt_below(kt, 8))
            evict_something(a);
        else
            put_tables_out(a, s);
    } else if (!a->world->off || kt_below(kt, 64) == 0) { /* if it finds nothing, a disk is not taken off */
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
