/* Looking on: classes, uses for several who look and for the policy, and that no policy notices. */
#include "mm/errno.h"
#include "mm/look.h"
#include "mm/object.h"
#include "mm/rmap.h"
#include "mm/space.h"
#include "tests/vt.h"

enum { BASE = 0x10000000, SHARED = 0x20000000, IMAGE = 0x30000000, PAGES = 24, FRAMES = 512, VIEWS = 3 };
#define RW (REGION_READ | REGION_WRITE)

/* A machine that can be looked at. */
struct world {
    struct vt t;
    uint8_t seen[2 * FRAMES], cell[VIEWS][2 * FRAMES];
    struct look_view view[VIEWS];
};

static struct world *world_make(struct kt *kt, uint32_t frames, uint32_t swap)
{
    struct world *w = kt_alloc(sizeof *w);

    if (!w) {
        kt_skip(kt, "no memory for the model");
        return NULL;
    }
    memset(w, 0, sizeof *w);
    if (!vt_begin(&w->t, kt, frames, 0, swap)) {
        kt_release(w);
        return NULL;
    }
    mm_assert(w->t.pool->end - w->t.pool->start <= sizeof w->seen, "more frames than that");
    w->t.vm.seen = w->seen;
    return w;
}

static void world_end(struct world *w)
{
    vt_end(&w->t);
    kt_release(w);
}

static pfn_t frame_at(struct space *s, unsigned page)
{
    const pte_t *e = pt_resident_entry(&s->pt, BASE + (page << PAGE_SHIFT));

    return e && pte_has_frame(*e) ? pte_pfn(*e) : PFN_NONE;
}

static bool used_at(const struct look_view *v, pfn_t pfn)
{
    return v->cell[look_cell_of(v, pfn)] & LOOK_USED;
}

static enum look_class class_at(const struct look_view *v, pfn_t pfn)
{
    return v->cell[look_cell_of(v, pfn)] & LOOK_CLASS;
}

TEST(look, every_class)
{
    static const uint8_t image[5 * 4096] = {1};
    struct world *w = world_make(kt, FRAMES, 64);
    struct object *shared, *file;
    struct space *s;
    vaddr_t at[3] = {BASE, SHARED, IMAGE};
    uint32_t v, n[LOOK_CLASSES] = {0};

    if (!w)
        return;
    const uint32_t *use = w->t.pool->used;
    struct look_view *a = &w->view[0];
    struct frame *busy;

    s = space_create(&w->t.vm);
    shared = object_create(&w->t.vm, &pager_zero, 4, "shared");
    file = object_create_image(&w->t.vm, image, sizeof image, "file");
    REQUIRE(s && shared && file, "no memory");
    EXPECT(space_map(s, &at[0], 8 << PAGE_SHIFT, RW | MAP_AT, NULL, 0) == 0, "map");
    EXPECT(space_map(s, &at[1], 4 << PAGE_SHIFT, RW | REGION_SHARED | MAP_AT, shared, 0) == 0, "map");
    EXPECT(space_map(s, &at[2], 5 << PAGE_SHIFT, REGION_READ | MAP_AT, file, 0) == 0, "map");
    for (unsigned i = 0; i < 8; i++)
        EXPECT(vt_write(s, BASE + (i << PAGE_SHIFT), i) == FAULT_RESUME, "page %u", i);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(vt_write(s, SHARED + (i << PAGE_SHIFT), i) == FAULT_RESUME, "page %u", i);
    for (unsigned i = 0; i < 5; i++)
        EXPECT(vt_read(s, IMAGE + (i << PAGE_SHIFT), &v) == FAULT_RESUME, "page %u", i);
    EXPECT(look_begin(a, &w->t.vm, w->cell[0], sizeof w->cell[0]) == 0 && a->run == 1, "run of %u", a->run);
    busy = pfn_frame(w->t.pool, frame_at(s, 7));
    busy->flags |= FRAME_F_WRITEBACK;
    look_pass(a);
    busy->flags &= (uint16_t)~FRAME_F_WRITEBACK;
    EXPECT(a->count[LOOK_ANON] == 7 && a->count[LOOK_SHARED] == 3 && a->count[LOOK_FILE] == 5 &&
               a->count[LOOK_BUSY] == 1,
           "%u anon, %u shared, %u file, %u busy", a->count[LOOK_ANON], a->count[LOOK_SHARED],
           a->count[LOOK_FILE], a->count[LOOK_BUSY]);
    EXPECT(a->count[LOOK_FREE] == use[FRAME_FREE] && a->count[LOOK_SLAB] == use[FRAME_SLAB] &&
               a->count[LOOK_TABLE] == use[FRAME_TABLE] && a->count[LOOK_HOLE] == use[FRAME_RESERVED] &&
               a->count[LOOK_KERNEL] == use[FRAME_KERNEL] + use[FRAME_STACK],
           "%u free, %u slab, %u table", a->count[LOOK_FREE], a->count[LOOK_SLAB], a->count[LOOK_TABLE]);
    for (uint32_t i = 0; i < a->cells; i++)
        n[a->cell[i] & LOOK_CLASS]++;
    for (unsigned c = 0; c < LOOK_CLASSES; c++)
        EXPECT(n[c] == a->count[c], "%u cells are %s, counted %u", n[c], look_class_name(c), a->count[c]);
    EXPECT(class_at(a, frame_at(s, 0)) == LOOK_ANON && used_at(a, frame_at(s, 0)), "a page");

    EXPECT(look_verify(a), "a sound view");
    KT_BREAK(look_verify(a), "INV-LOOK-1", a->count[LOOK_FREE], a->count[LOOK_FREE] + 1);
    KT_BREAK(look_verify(a), "INV-LOOK-2", a->bit, 0x40);
    KT_BREAK(look_verify(a), "INV-LOOK-2", a->cells, a->cells + 1);
    look_end(a);
    vt_idle();
    object_put(shared);
    object_put(file);
    space_destroy(s);
    world_end(w);
}

/* Cells of several frames, by a count of each. */
TEST(look, most_frames_decide)
{
    struct world *w = world_make(kt, FRAMES, 0);
    struct look_view *a;
    struct frame_pool *p;

    if (!w)
        return;
    a = &w->view[0];
    p = w->t.pool;
    for (uint32_t most = 1; most < 3 * FRAMES; most = most * 3 / 2 + 1) {
        uint32_t run, bad = 0;

        EXPECT(look_begin(a, &w->t.vm, w->cell[0], most) == 0, "begin");
        look_pass(a);
        run = a->run;
        EXPECT(a->cells <= most && (uint64_t)a->cells * run >= p->end - p->start, "%u cells of %u", a->cells,
               run);
        for (uint32_t i = 0; i < a->cells; i++) {
            uint32_t n[LOOK_CLASSES] = {0}, best = 0;

            for (pfn_t pfn = p->start + i * run; pfn < p->end && pfn < p->start + (i + 1) * run; pfn++)
                n[look_class_of(pfn_frame(p, pfn))]++;
            for (unsigned c = 0; c < LOOK_CLASSES; c++)
                best = n[c] > best ? n[c] : best;
            bad += n[a->cell[i] & LOOK_CLASS] != best;
        }
        EXPECT(!bad, "%u of %u cells are wrong", bad, a->cells);
        EXPECT(look_verify(a), "sound");
        look_end(a);
    }
    world_end(w);
}

/* Uses at random, against sets of those who have not seen them. */
TEST(look, each_sees_every_use)
{
    struct world *w = world_make(kt, FRAMES, 0);
    struct space *s, *child = NULL;
    vaddr_t base = BASE;
    bool unseen[VIEWS + 1][PAGES]; /* the last is the policy */
    uint32_t v;

    if (!w)
        return;
    s = space_create(&w->t.vm);
    REQUIRE(s && space_map(s, &base, PAGES << PAGE_SHIFT, RW | MAP_AT, NULL, 0) == 0, "no memory");
    for (unsigned i = 0; i < PAGES; i++)
        EXPECT(vt_write(s, BASE + (i << PAGE_SHIFT), i) == FAULT_RESUME, "page %u", i);
    for (unsigned k = 0; k < VIEWS; k++) {
        EXPECT(look_begin(&w->view[k], &w->t.vm, w->cell[k], sizeof w->cell[k]) == 0, "view %u", k);
        look_pass(&w->view[k]);
    }
    memset(unseen, 0, sizeof unseen);
    memset(unseen[VIEWS], 1, sizeof unseen[VIEWS]);
    for (uint32_t round = 0; round < kt_rounds(kt, 20000); round++) {
        unsigned page = kt_below(kt, PAGES), who = kt_below(kt, VIEWS + 1);
        struct frame *f = pfn_frame(w->t.pool, frame_at(s, page));
        bool was;

        switch (kt_below(kt, 5)) {
        case 0: /* a look by one of them */
            if (who == VIEWS)
                continue;
            look_pass(&w->view[who]);
            for (unsigned i = 0; i < PAGES; i++) {
                EXPECT(used_at(&w->view[who], frame_at(s, i)) == unseen[who][i], "round %u page %u", round,
                       i);
                unseen[who][i] = false;
            }
            EXPECT(look_verify(&w->view[who]), "sound");
            continue;
        case 1: /* the policy comes by */
            nosleep_enter("the frame's accessed bits");
            was = (f->flags & FRAME_F_REFERENCED) | rmap_test_clear_accessed(&w->t.vm, f);
            f->flags &= (uint16_t)~FRAME_F_REFERENCED;
            nosleep_exit();
            EXPECT(was == unseen[VIEWS][page], "round %u page %u: the policy sees %u", round, page, was);
            unseen[VIEWS][page] = false;
            continue;
        case 2: /* another space comes, and shares the table, or goes */
            if (child) {
                vt_idle();
                space_destroy(child);
                child = NULL;
            } else if (space_fork(s, &child)) {
                child = NULL;
            }
            continue;
        case 3: /* a use without an entry */
            vm_frame_touch(&w->t.vm, f);
            break;
        default:
            EXPECT(vt_read(child && who == 0 ? child : s, BASE + (page << PAGE_SHIFT), &v) == FAULT_RESUME &&
                       v == page,
                   "page %u is %u", page, v);
        }
        for (unsigned k = 0; k <= VIEWS; k++)
            unseen[k][page] = true;
    }
    for (unsigned k = 0; k < VIEWS; k++)
        look_end(&w->view[k]);
    EXPECT(!w->t.vm.lookers, "bits %x", w->t.vm.lookers);
    vt_idle();
    if (child)
        space_destroy(child);
    space_destroy(s);
    world_end(w);
}

enum { TIGHT = 96, MANY = 160, TOUCHES = 1500 };

/* A program that needs more than there is; which pages are in memory at its end, and what was evicted. */
static bool run_tight(struct kt *kt, const struct policy *policy, bool look, uint64_t seed, uint8_t *resident,
                      uint64_t *evicted)
{
    struct world *w = world_make(kt, TIGHT, 256);
    struct space *s;
    vaddr_t base = BASE;
    uint32_t v;

    if (!w)
        return false;
    w->t.vm.exact = true;
    s = space_create(&w->t.vm);
    if (!s || reclaim_set_policy(&w->t.vm, policy) ||
        space_map(s, &base, MANY << PAGE_SHIFT, RW | MAP_AT, NULL, 0) ||
        (look && look_begin(&w->view[0], &w->t.vm, w->cell[0], 7))) {
        kt_skip(kt, "no memory");
    } else {
        for (uint32_t i = 0; i < TOUCHES; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t page = (uint32_t)(seed >> 33) % (i % 3 ? MANY / 4 : MANY);

            if (seed >> 62)
                EXPECT(vt_read(s, BASE + (page << PAGE_SHIFT), &v) == FAULT_RESUME, "page %u", page);
            else
                EXPECT(vt_write(s, BASE + (page << PAGE_SHIFT), i) == FAULT_RESUME, "page %u", page);
            if (look && i % 5 == 0)
                look_step(&w->view[0]);
        }
        for (unsigned i = 0; i < MANY; i++)
            resident[i] = frame_at(s, i) != PFN_NONE;
        *evicted = w->t.vm.stats.evicted;
        if (look)
            look_end(&w->view[0]);
    }
    vt_idle();
    if (s)
        space_destroy(s);
    world_end(w);
    return !kt->skip;
}

TEST(look, no_policy_notices)
{
    uint8_t without[MANY], with[MANY];
    uint64_t evicted, evicted_with;

    for (unsigned i = 0; i < POLICIES; i++) {
        uint64_t seed = kt_random(kt);

        if (!run_tight(kt, policies[i], false, seed, without, &evicted) ||
            !run_tight(kt, policies[i], true, seed, with, &evicted_with))
            return;
        EXPECT(evicted && evicted == evicted_with && memcmp(without, with, MANY) == 0, "%s: %u evicted, %u",
               policies[i]->name, (unsigned)evicted, (unsigned)evicted_with);
    }
}

TEST(look, so_many_at_once)
{
    struct world *w = world_make(kt, FRAMES, 0);
    struct look_view v[LOOK_VIEWS], one_more;
    struct look_mark m[LOOK_MARKS];

    if (!w)
        return;
    for (unsigned i = 0; i < LOOK_VIEWS; i++)
        EXPECT(look_begin(&v[i], &w->t.vm, w->cell[0], 1) == 0 && v[i].bit == 1u << i, "view %u", i);
    EXPECT(look_begin(&one_more, &w->t.vm, w->cell[0], 1) == -EBUSY, "one too many");
    look_end(&v[3]);
    EXPECT(look_begin(&one_more, &w->t.vm, w->cell[0], 1) == 0 && one_more.bit == v[3].bit,
           "its bit is free again");
    v[3] = one_more;
    for (unsigned i = 0; i < LOOK_VIEWS; i++)
        look_end(&v[i]);
    EXPECT(look_marks(&w->t.vm, m) == 0, "lists are empty");
    w->t.vm.seen = NULL;
    EXPECT(look_begin(&one_more, &w->t.vm, w->cell[0], 1) == -ENODEV, "nobody can look");
    world_end(w);
}
