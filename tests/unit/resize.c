/* Objects that change their size while they are mapped: what is beyond the end is gone everywhere, also from
 * swap and from private copies; what comes back is zero. */
#include "mm/errno.h"
#include "tests/vt.h"

#define RW     (REGION_READ | REGION_WRITE)
#define PAGES  24u
#define SHARED 0x00400000u
#define COPIES 0x00C00000u /* private, in another table */

struct maps {
    struct object *o;
    struct space *s;
};

static vaddr_t page(vaddr_t base, uint32_t index)
{
    return base + (index << PAGE_SHIFT);
}

/* An object in a shared and in a private mapping. */
static bool begin(struct vt *t, struct kt *kt, struct maps *m)
{
    vaddr_t shared = SHARED, copies = COPIES;

    if (!vt_begin(t, kt, 256, 64, 128))
        return false;
    m->o = object_create(&t->vm, &pager_zero, PAGES, "resized");
    m->s = space_create(&t->vm);
    EXPECT(m->o && m->s, "no memory");
    EXPECT(space_map(m->s, &shared, PAGES * PAGE_SIZE, RW | REGION_SHARED | MAP_AT, m->o, 0) == 0, "shared");
    EXPECT(space_map(m->s, &copies, PAGES * PAGE_SIZE, RW | MAP_AT, m->o, 0) == 0, "private");
    return true;
}

static void end(struct vt *t, struct maps *m)
{
    vt_idle();
    space_destroy(m->s);
    object_put(m->o);
    vt_end(t);
}

static void expect_word(struct kt *kt, int line, struct space *s, vaddr_t va, uint32_t want)
{
    uint32_t got = 0xDEADBEEF;
    enum fault_verdict v = vt_read(s, va, &got);

    EXPECT(v == FAULT_RESUME && got == want, "line %d: %x: %s, %x, not %x", line, va, fault_verdict_name(v),
           got, want);
}

static void expect_bus(struct kt *kt, int line, struct space *s, vaddr_t va)
{
    uint32_t got;
    enum fault_verdict r = vt_read(s, va, &got), w = vt_write(s, va, 1);

    EXPECT(r == FAULT_BUS && w == FAULT_BUS, "line %d: %x: read %s, write %s", line, va,
           fault_verdict_name(r), fault_verdict_name(w));
}

#define WORD(s, va, want) expect_word(kt, __LINE__, s, va, want)
#define BUS(s, va)        expect_bus(kt, __LINE__, s, va)

TEST(resize, shrink_and_grow)
{
    struct vt t;
    struct maps m;

    if (!begin(&t, kt, &m))
        return;
    for (uint32_t i = 0; i < PAGES; i++) {
        EXPECT(vt_write(m.s, page(SHARED, i), 100 + i) == FAULT_RESUME, "write %u", i);
        if (i % 2)
            EXPECT(vt_write(m.s, page(COPIES, i), 200 + i) == FAULT_RESUME, "copy %u", i);
        else
            WORD(m.s, page(COPIES, i), 100 + i);
    }
    object_resize(m.o, 10);
    EXPECT(m.o->resident == 10 && vm_verify(&t.vm), "%u pages", m.o->resident);
    for (uint32_t i = 0; i < 10; i++) {
        WORD(m.s, page(SHARED, i), 100 + i);
        WORD(m.s, page(COPIES, i), i % 2 ? 200 + i : 100 + i);
    }
    for (uint32_t i = 10; i < PAGES; i++) {
        BUS(m.s, page(SHARED, i));
        BUS(m.s, page(COPIES, i));
    }
    object_resize(m.o, PAGES);
    for (uint32_t i = 10; i < PAGES; i++) {
        WORD(m.s, page(SHARED, i), 0);
        WORD(m.s, page(COPIES, i), 0);
    }
    object_resize(m.o, 0);
    BUS(m.s, SHARED);
    EXPECT(m.o->resident == 0, "%u pages", m.o->resident);
    end(&t, &m);
}

/* Pages and copies that are in swap give their slots back. */
TEST(resize, swapped_out)
{
    struct vt t;
    struct maps m;

    if (!begin(&t, kt, &m))
        return;
    for (uint32_t i = 0; i < PAGES; i++)
        EXPECT(vt_write(m.s, page(SHARED, i), i + 1) == FAULT_RESUME &&
                   vt_write(m.s, page(COPIES, i), i + 50) == FAULT_RESUME,
               "write %u", i);
    vt_idle();
    for (unsigned tries = 0; tries < 8 && m.o->swapped < PAGES; tries++)
        reclaim_run(&t.vm, 4 * PAGES);
    EXPECT(m.o->swapped > 0, "nothing was swapped out");
    object_resize(m.o, 4);
    EXPECT(m.o->swapped + m.o->resident == 4, "%u pages", m.o->swapped + m.o->resident);
    EXPECT(vm_verify(&t.vm), "after the cut");
    for (uint32_t i = 0; i < PAGES; i++) {
        if (i < 4) {
            WORD(m.s, page(SHARED, i), i + 1);
            WORD(m.s, page(COPIES, i), i + 50);
        } else {
            BUS(m.s, page(SHARED, i));
            BUS(m.s, page(COPIES, i));
        }
    }
    end(&t, &m);
}

/* A child shares its parent's tables: both lose what was cut. */
TEST(resize, forked)
{
    struct vt t;
    struct maps m;
    struct space *child = NULL;

    if (!begin(&t, kt, &m))
        return;
    for (uint32_t i = 0; i < PAGES; i++)
        EXPECT(vt_write(m.s, page(COPIES, i), i + 1) == FAULT_RESUME, "write %u", i);
    EXPECT(space_fork(m.s, &child) == 0, "fork");
    object_resize(m.o, 5);
    EXPECT(vm_verify(&t.vm), "after the cut");
    for (uint32_t i = 0; i < PAGES; i++) {
        if (i < 5) {
            WORD(child, page(COPIES, i), i + 1);
            WORD(m.s, page(COPIES, i), i + 1);
        } else {
            BUS(child, page(COPIES, i));
            BUS(m.s, page(COPIES, i));
        }
    }
    vt_idle();
    space_destroy(child);
    end(&t, &m);
}

/* Against arrays of what each page holds: writes, sizes, evictions and punched holes by chance. */
TEST(resize, random)
{
    static const uint32_t none = UINT32_MAX; /* no private copy: shows the object's page */
    struct vt t;
    struct maps m;
    uint32_t model[PAGES] = {0}, copy[PAGES], size = PAGES;

    if (!begin(&t, kt, &m))
        return;
    memset(copy, 0xFF, sizeof copy);
    for (uint32_t round = 0; round < kt_rounds(kt, 200000); round++) {
        uint32_t i = kt_below(kt, PAGES), what = kt_below(kt, 64), value = kt_below(kt, 1u << 30);

        if (what < 20) {
            enum fault_verdict v = vt_write(m.s, page(SHARED, i), value);

            EXPECT(v == (i < size ? FAULT_RESUME : FAULT_BUS), "round %u: %s", round, fault_verdict_name(v));
            if (i < size)
                model[i] = value;
        } else if (what < 40) {
            enum fault_verdict v = vt_write(m.s, page(COPIES, i), value);

            EXPECT(v == (i < size ? FAULT_RESUME : FAULT_BUS), "round %u: %s", round, fault_verdict_name(v));
            if (i < size)
                copy[i] = value;
        } else if (what < 60) {
            if (i < size) {
                WORD(m.s, page(SHARED, i), model[i]);
                WORD(m.s, page(COPIES, i), copy[i] == none ? model[i] : copy[i]);
            } else {
                BUS(m.s, page(i % 2 ? SHARED : COPIES, i));
            }
        } else if (what < 62) {
            reclaim_run(&t.vm, kt_below(kt, 2 * PAGES));
        } else if (what < 63) {
            uint32_t to = kt_below(kt, PAGES + 1);

            object_resize(m.o, to);
            for (uint32_t k = to; k < size; k++) {
                model[k] = 0;
                copy[k] = none;
            }
            size = to;
        } else {
            uint32_t n = kt_below(kt, PAGES - i);

            object_discard(m.o, i, i + n);
            for (uint32_t k = i; k < i + n; k++)
                model[k] = 0;
        }
        if (kt->failures)
            break;
        if (round % 1000 == 0)
            EXPECT(vm_verify(&t.vm), "round %u", round);
    }
    end(&t, &m);
}
