/* Regions that are found by the numbers of their pages: against a list, and that many of them cost little. */
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/moved.h"
#include "tests/vtcheck.h"

#define REGIONS 200u

static bool touches(const struct region *r, uint32_t lo, uint32_t hi)
{
    return r->number < hi && r->number + region_pages(r) > lo;
}

/* All of the tree that touch [lo, hi) are found, in order, and no others. */
static void compare(struct kt *kt, struct region *root, const struct region *all, const bool *in, uint32_t lo,
                    uint32_t hi)
{
    uint32_t expected = 0, found = 0, last = 0;

    for (unsigned i = 0; i < REGIONS; i++)
        expected += in[i] && touches(&all[i], lo, hi);
    for (struct region *r = moved_first(root, lo, hi); r && found <= REGIONS; r = moved_next(r, lo, hi)) {
        EXPECT(touches(r, lo, hi) && r->number >= last, "number %x, %u pages, for %x to %x", r->number,
               region_pages(r), lo, hi);
        last = r->number;
        found++;
    }
    EXPECT(found == expected, "%u found of %u", found, expected);
    EXPECT(moved_count(root, lo, hi, 3) == (expected < 3 ? expected : 3), "counted to three");
}

TEST(moved, random_against_a_list)
{
    struct region *all = kt_alloc(REGIONS * sizeof *all), *root = NULL;
    bool in[REGIONS] = {false};
    uint32_t n = 0, count;

    if (!all) {
        kt_skip(kt, "no memory");
        return;
    }
    for (uint32_t round = 0; round < kt_rounds(kt, 100000) && !kt->failures; round++) {
        unsigned i = kt_below(kt, REGIONS);
        uint32_t lo = kt_below(kt, 1000);

        if (in[i]) {
            moved_remove(&root, &all[i]);
            n--;
        } else {
            vaddr_t start = 0x100000 + i * 0x100000;

            all[i] = (struct region){.start = start,
                                     .end = start + (1 + kt_below(kt, kt_below(kt, 8) ? 4 : 200)) * PAGE_SIZE,
                                     .number = kt_below(kt, 1000)};
            moved_insert(&root, &all[i]);
            n++;
        }
        in[i] = !in[i];
        compare(kt, root, all, in, lo, lo + 1 + kt_below(kt, 5));
        if (round % 64 == 0)
            EXPECT(moved_verify(root, REGIONS, &count) && count == n, "%u, counted %u", n, count);
    }
    kt_release(all);
}

static unsigned depth_of(const struct region *r)
{
    unsigned depth = 0;

    for (; r; r = r->moved_parent)
        depth++;
    return depth;
}

/* A program that moves page after page away from one place: the tree stays flat, and only so many have the
 * same numbers that all of them can be looked at. */
TEST(moved, a_great_many)
{
    uint32_t regions = kt->hosted ? 20000 : 100, same, count;
    unsigned depth = 0;
    struct vt t;

    if (!vt_begin(&t, kt, kt->hosted ? 26000 : 400, 0, kt->hosted ? 64 : 0))
        return;
    struct space *s = space_create(&t.vm);
    vaddr_t from = 0x400000;

    for (uint32_t i = 0; i < regions && !kt->failures; i++) {
        vaddr_t at = from;
        int err;

        map_at(kt, s, from, 1, RW);
        WRITE(s, from, i);
        err = space_remap(s, &at, PAGE_SIZE, PAGE_SIZE, REMAP_MAYMOVE | REMAP_FIXED,
                          0x10000000 + i * 2 * (vaddr_t)PAGE_SIZE);
        EXPECT(err == 0, "region %u: %d", i, err);
    }
    for (const struct region *r = s->regions.first; r; r = r->next)
        if (depth_of(r) > depth)
            depth = depth_of(r);
    same = moved_count(s->moved, from >> PAGE_SHIFT, (from >> PAGE_SHIFT) + 1, UINT32_MAX);
    kt_note(kt, "%u regions, %u deep, %u with the number of one address", s->regions.count, depth, same);
    EXPECT(s->regions.count >= regions && depth <= 64 && same <= 32, "%u deep, %u alike", depth, same);
    EXPECT(moved_verify(s->moved, s->regions.count, &count), "verification");
    for (uint32_t i = 0; i < regions; i += regions / 50) {
        vaddr_t va = 0x10000000 + i * 2 * (vaddr_t)PAGE_SIZE;

        if (kt->hosted)
            evict_at(kt, s, va);
        READ(s, va, i);
    }
    space_destroy(s);
    vt_end(&t);
}

#define EXPECT_BROKEN(id, word, value) KT_BREAK(moved_verify(root, 3, &count), id, word, value)

TEST(moved, verify_sees_corruption)
{
    struct region r[3], *root = NULL;
    uint32_t count;

    for (uint32_t i = 0; i < 3; i++) {
        r[i] = (struct region){
            .start = 0x10000 * (i + 1), .end = 0x10000 * (i + 1) + PAGE_SIZE, .number = 50 + 5 * i};
        moved_insert(&root, &r[i]);
    }
    struct region *child = root->moved_left ? root->moved_left : root->moved_right;

    EXPECT(moved_verify(root, 3, &count) && count == 3, "before any change");
    EXPECT_BROKEN("INV-MOVED-1", root->number,
                  child == root->moved_left ? child->number - 1 : child->number + 1);
    EXPECT_BROKEN("INV-MOVED-1", child->moved_parent, NULL);
    EXPECT_BROKEN("INV-MOVED-1", root->moved_parent, root);
    EXPECT_BROKEN("INV-MOVED-2", root->moved_end, 99u);
}
