/*
 * Regions by the numbers of their pages.
 *
 * Purpose. A private page is found by its number in its family, which is its address unless its region was
 * moved. A program can move tens of thousands of regions, and each eviction asks which of them have a
 * number: in steps by the logarithm of how many there are.
 *
 * Data. A treap: ordered by number, and by rank from the root down, the rank being a hash of where the
 * region's record lies. So it is as deep as a tree that was filled in random order, whatever the program
 * does. Each region knows the highest end of its subtree, so that what ends too early is passed by.
 *
 * Several regions may have the same numbers: what was mapped where another one was moved away. A search
 * visits each of them. There are not many, since a new region gets numbers of its own where many have its
 * address (space.c).
 *
 * Owner and locking. The space; see moved.h.
 *
 * INV-MOVED-1  regions are in order of number and start, links agree both ways, and no rank is above its
 *              parent's
 * INV-MOVED-2  moved_end is the highest end of a region of the subtree
 *
 * Source. Seidel and Aragon, Randomized search trees, 1996; Cormen et al., chapter 14.3, for intervals.
 */
#include "mm/moved.h"
#include "mm/os.h"

static uint32_t rank(const struct region *r)
{
    uint32_t x = (uint32_t)((uintptr_t)r >> 3) * 0x9E3779B1u;

    return (x ^ x >> 15) * 0x85EBCA6Bu;
}

static uint32_t end_of(const struct region *r)
{
    return r->number + region_pages(r);
}

static bool comes_before(const struct region *a, const struct region *b)
{
    return a->number != b->number ? a->number < b->number : a->start < b->start;
}

static uint32_t highest_end(const struct region *n)
{
    uint32_t end = end_of(n);

    if (n->moved_left && n->moved_left->moved_end > end)
        end = n->moved_left->moved_end;
    if (n->moved_right && n->moved_right->moved_end > end)
        end = n->moved_right->moved_end;
    return end;
}

/* Let `by`, which may be NULL, stand below the parent of n in its place. */
static void replace(struct region **root, const struct region *n, struct region *by)
{
    struct region *up = n->moved_parent;

    if (!up)
        *root = by;
    else if (up->moved_left == n)
        up->moved_left = by;
    else
        up->moved_right = by;
    if (by)
        by->moved_parent = up;
}

/* n and its parent change places. */
static void rise(struct region **root, struct region *n)
{
    struct region *p = n->moved_parent, *between;

    replace(root, p, n);
    if (p->moved_left == n) {
        between = p->moved_left = n->moved_right;
        n->moved_right = p;
    } else {
        between = p->moved_right = n->moved_left;
        n->moved_left = p;
    }
    if (between)
        between->moved_parent = p;
    p->moved_parent = n;
    p->moved_end = highest_end(p);
    n->moved_end = highest_end(n);
}

void moved_insert(struct region **root, struct region *r)
{
    struct region **at = root, *up = NULL;
    uint32_t end = end_of(r);

    while (*at) {
        up = *at;
        if (up->moved_end < end)
            up->moved_end = end;
        at = comes_before(r, up) ? &up->moved_left : &up->moved_right;
    }
    *at = r;
    r->moved_left = r->moved_right = NULL;
    r->moved_parent = up;
    r->moved_end = end;
    while (r->moved_parent && rank(r) > rank(r->moved_parent))
        rise(root, r);
}

void moved_remove(struct region **root, struct region *r)
{
    struct region *left, *right;

    while ((left = r->moved_left, right = r->moved_right, left && right))
        rise(root, rank(left) > rank(right) ? left : right);
    replace(root, r, left ? left : right);
    for (struct region *up = r->moved_parent; up; up = up->moved_parent)
        up->moved_end = highest_end(up);
    r->moved_left = r->moved_right = r->moved_parent = NULL;
}

/* The first in a subtree. */
static struct region *first_below(struct region *n, uint32_t lo, uint32_t hi)
{
    while (n) {
        /* If the left has an end that is high enough, what follows it begins even later. */
        if (n->moved_left && n->moved_left->moved_end > lo) {
            n = n->moved_left;
            continue;
        }
        if (n->number >= hi)
            return NULL;
        if (end_of(n) > lo)
            return n;
        n = n->moved_right && n->moved_right->moved_end > lo ? n->moved_right : NULL;
    }
    return NULL;
}

struct region *moved_first(struct region *root, uint32_t lo, uint32_t hi)
{
    return first_below(root, lo, hi);
}

struct region *moved_next(struct region *r, uint32_t lo, uint32_t hi)
{
    for (;;) {
        const struct region *from;

        if (r->moved_right && r->moved_right->moved_end > lo)
            return first_below(r->moved_right, lo, hi);
        do {
            from = r;
            r = r->moved_parent;
            if (!r)
                return NULL;
        } while (r->moved_right == from);
        if (r->number >= hi)
            return NULL;
        if (end_of(r) > lo)
            return r;
    }
}

unsigned moved_count(struct region *root, uint32_t lo, uint32_t hi, unsigned most)
{
    unsigned n = 0;

    for (struct region *r = moved_first(root, lo, hi); r && n < most; r = moved_next(r, lo, hi))
        n++;
    return n;
}

/* The next in order by the links alone; the links are what is being checked. */
static const struct region *in_order_next(const struct region *n)
{
    const struct region *from;

    if (n->moved_right) {
        for (n = n->moved_right; n->moved_left && n->moved_left->moved_parent == n; n = n->moved_left)
            ;
        return n;
    }
    do {
        from = n;
        n = n->moved_parent;
    } while (n && n->moved_right == from);
    return n;
}

static bool verify_node(const struct region *n)
{
    const struct region *child[2] = {n->moved_left, n->moved_right};
    bool ok = true;

    for (unsigned i = 0; i < 2; i++) {
        if (!child[i])
            continue;
        INV("INV-MOVED-1", child[i]->moved_parent == n && rank(child[i]) <= rank(n),
            "region at %x below the one at %x", child[i]->start, n->start);
        INV("INV-MOVED-1", i ? !comes_before(child[i], n) : comes_before(child[i], n),
            "numbers %x and %x at %x and %x", child[i]->number, n->number, child[i]->start, n->start);
    }
    if (ok)
        INV("INV-MOVED-2", n->moved_end == highest_end(n), "region at %x: %x, found %x", n->start,
            n->moved_end, highest_end(n));
    return ok;
}

bool moved_verify(const struct region *root, uint32_t most, uint32_t *count)
{
    const struct region *n = root;
    bool ok = true;

    *count = 0;
    INV("INV-MOVED-1", !root || !root->moved_parent, "the root, at %x, has a parent", root ? root->start : 0);
    while (ok && n && n->moved_left && n->moved_left->moved_parent == n)
        n = n->moved_left;
    for (; ok && n && *count <= most; n = in_order_next(n), ++*count)
        ok = verify_node(n);
    return ok;
}
