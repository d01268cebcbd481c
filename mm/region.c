/*
 * Regions of a space, in address order.
 *
 * Purpose. Answer three questions in O(log n): which region holds this address,
 * where is room for so many pages, and what lies at or above this address.
 *
 * Data. An AVL tree (Adelson-Velsky and Landis 1962; Knuth, TAOCP vol. 3, 6.2.3) keyed by start. AVL rather
 * than red-black because lookups outnumber changes by far and its depth is at most 1.44 log2 n. `balance` is
 * the height of the subtree. The regions are also on a list in address order, so neighbours are one load
 * away. The gap of a region is the free range just below it, from the end of its predecessor (or the start of
 * the tree's range); `max_gap` is the largest gap of the subtree, in pages (the idea of Linux's
 * rb_subtree_gap, Lespinasse 2012). The range above the last region is no region's gap; it is looked at by
 * itself. A changed region changes two gaps, its own and its successor's, so every change ends with
 * repair() of both.
 *
 * Search for room, lowest first. Only the first region that starts at or above lo + size can have a gap that
 * lo cuts; it is tested by itself. From there on the gaps are whole, and the next one that is large enough is
 * found by max_gap. If it does not fit below hi, no later one does. Highest first is the mirror image.
 *
 * Owner and locking. The space; its lock guards everything here. Nothing sleeps, nothing allocates.
 *
 * Invariants.
 *   INV-REGION-1  regions are page aligned, not empty, ascending, disjoint, and within [lo, hi)
 *   INV-REGION-2  the list and the tree hold the same regions in the same order; links agree both ways
 *   INV-REGION-3  balance is the subtree's height, and the heights of two siblings differ by at most one
 *   INV-REGION-4  max_gap is the largest gap of the subtree
 *   INV-REGION-5  count, first and last are right; last_hit is NULL or in the tree
 *
 * Failure. Only region_gap() can fail, when there is no room. Overlaps are the caller's bug and panic.
 */
#include "mm/region.h"
#include "mm/errno.h"
#include "mm/os.h"

/* AVL depth for the 2^20 one-page regions that 32 bits can hold is below 30. */
#define DEPTH_MAX 32

static inline vaddr_t end_before(const struct region_tree *t, const struct region *r)
{
    return r->prev ? r->prev->end : t->lo;
}

static inline uint32_t gap_pages(const struct region_tree *t, const struct region *r)
{
    return (r->start - end_before(t, r)) >> PAGE_SHIFT;
}

static inline uint32_t pages_of(const struct region *r)
{
    return (r->end - r->start) >> PAGE_SHIFT;
}

static inline int32_t height(const struct region *n)
{
    return n ? n->balance : 0;
}

/* Height and largest gap of n's subtree from its children. */
static void update(const struct region_tree *t, struct region *n)
{
    const struct region *l = n->left, *r = n->right;
    uint32_t gap = gap_pages(t, n);

    if (l && l->max_gap > gap)
        gap = l->max_gap;
    if (r && r->max_gap > gap)
        gap = r->max_gap;
    n->max_gap = gap;
    n->balance = 1 + (height(l) > height(r) ? height(l) : height(r));
}

/* Let `by` stand where n stands below n's parent. by may be NULL. */
static void replace(struct region_tree *t, const struct region *n, struct region *by)
{
    if (!n->parent)
        t->root = by;
    else if (n->parent->left == n)
        n->parent->left = by;
    else
        n->parent->right = by;
    if (by)
        by->parent = n->parent;
}

static struct region *rotate_left(struct region_tree *t, struct region *n)
{
    struct region *up = n->right;

    replace(t, n, up);
    n->right = up->left;
    if (n->right)
        n->right->parent = n;
    up->left = n;
    n->parent = up;
    update(t, n);
    update(t, up);
    return up;
}

static struct region *rotate_right(struct region_tree *t, struct region *n)
{
    struct region *up = n->left;

    replace(t, n, up);
    n->left = up->right;
    if (n->left)
        n->left->parent = n;
    up->right = n;
    n->parent = up;
    update(t, n);
    update(t, up);
    return up;
}

/* n's subtrees differ by two levels. Returns what stands there afterwards. */
static __attribute__((noinline)) struct region *rebalance(struct region_tree *t, struct region *n)
{
    if (height(n->left) > height(n->right)) {
        if (height(n->left->left) < height(n->left->right))
            rotate_left(t, n->left);
        return rotate_right(t, n);
    }
    if (height(n->right->right) < height(n->right->left))
        rotate_right(t, n->right);
    return rotate_left(t, n);
}

/* A child or the gap of n changed: bring n and what is above it up to date, as far as it makes a difference.
 * Every change of the tree passes here, once a level, so this is update() with each field read once. */
static void repair(struct region_tree *t, struct region *n)
{
    while (n) {
        const struct region *l = n->left, *r = n->right;
        uint32_t old_gap = n->max_gap, gap = gap_pages(t, n);
        int32_t old_height = n->balance, left = 0, right = 0;

        if (l) {
            left = l->balance;
            gap = l->max_gap > gap ? l->max_gap : gap;
        }
        if (r) {
            right = r->balance;
            gap = r->max_gap > gap ? r->max_gap : gap;
        }
        if (unlikely((uint32_t)(left - right + 1) > 2)) {
            n = rebalance(t, n);
            gap = n->max_gap;
        } else {
            n->max_gap = gap;
            n->balance = 1 + (left > right ? left : right);
        }
        if (n->balance == old_height && gap == old_gap)
            return;
        n = n->parent;
    }
}

void region_tree_init(struct region_tree *t, vaddr_t lo, vaddr_t hi)
{
    mm_assert(lo <= hi && !(lo & PAGE_MASK) && !(hi & PAGE_MASK), "[%x, %x)", lo, hi);
    *t = (struct region_tree){.lo = lo, .hi = hi};
}

struct region *region_find_slow(struct region_tree *t, vaddr_t va)
{
    struct region *n = t->root;

    t->lookups++;
    while (n) {
        if (va < n->start)
            n = n->left;
        else if (va >= n->end)
            n = n->right;
        else
            return t->last_hit = n;
    }
    return NULL;
}

struct region *region_first_above(struct region_tree *t, vaddr_t va)
{
    struct region *n = t->last_hit, *best = NULL;

    if (n && va >= n->start && va < n->end)
        return n;
    n = t->root;
    while (n) {
        if (n->end > va) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    if (best && best->start <= va)
        t->last_hit = best; /* a search for va itself often follows */
    return best;
}

/* The lowest region of n's subtree with a gap of at least `pages`; there is one. */
static struct region *lowest_gap(const struct region_tree *t, struct region *n, uint32_t pages)
{
    for (;;) {
        if (n->left && n->left->max_gap >= pages)
            n = n->left;
        else if (gap_pages(t, n) >= pages)
            return n;
        else
            n = n->right;
    }
}

static struct region *highest_gap(const struct region_tree *t, struct region *n, uint32_t pages)
{
    for (;;) {
        if (n->right && n->right->max_gap >= pages)
            n = n->right;
        else if (gap_pages(t, n) >= pages)
            return n;
        else
            n = n->left;
    }
}

/* The next region after r with a gap of at least `pages`, or NULL. */
static struct region *next_gap(const struct region_tree *t, struct region *r, uint32_t pages)
{
    for (;;) {
        if (r->right && r->right->max_gap >= pages)
            return lowest_gap(t, r->right, pages);
        while (r->parent && r->parent->right == r)
            r = r->parent;
        r = r->parent;
        if (!r || gap_pages(t, r) >= pages)
            return r;
    }
}

/* The last region before r with a gap of at least `pages`, or NULL. */
static struct region *prev_gap(const struct region_tree *t, struct region *r, uint32_t pages)
{
    for (;;) {
        if (r->left && r->left->max_gap >= pages)
            return highest_gap(t, r->left, pages);
        while (r->parent && r->parent->left == r)
            r = r->parent;
        r = r->parent;
        if (!r || gap_pages(t, r) >= pages)
            return r;
    }
}

static int gap_lowest(const struct region_tree *t, vaddr_t size, vaddr_t lo, vaddr_t limit, vaddr_t *out)
{
    struct region *first = NULL;
    vaddr_t begin = t->last ? t->last->end : t->lo;

    for (struct region *n = t->root; n;) {
        if (n->start >= lo + size) {
            first = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    if (first) {
        vaddr_t cut = end_before(t, first) > lo ? end_before(t, first) : lo;
        struct region *r;

        if (first->start - cut >= size)
            begin = cut;
        else if ((r = next_gap(t, first, size >> PAGE_SHIFT)) != NULL)
            begin = end_before(t, r);
    }
    if (begin < lo)
        begin = lo;
    if (begin > limit)
        return -ENOMEM;
    *out = begin;
    return 0;
}

static int gap_highest(const struct region_tree *t, vaddr_t size, vaddr_t lo, vaddr_t hi, vaddr_t *out)
{
    struct region *below = NULL, *r;
    vaddr_t limit = hi - size; /* the highest start that fits */

    if (!t->last || t->last->end <= limit) {
        *out = limit;
        return 0;
    }
    /* r has the highest gap that begins at or below the limit; there is one, since last does not. */
    for (struct region *n = t->root; n;) {
        if (n->end <= limit) {
            below = n;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    r = below ? below->next : t->first;

    vaddr_t cut = end_before(t, r) > lo ? end_before(t, r) : lo;
    vaddr_t top = r->start < hi ? r->start : hi;

    if (top < cut || top - cut < size) {
        r = prev_gap(t, r, size >> PAGE_SHIFT);
        if (!r || r->start - size < lo)
            return -ENOMEM;
        top = r->start;
    }
    *out = top - size;
    return 0;
}

int region_gap(const struct region_tree *t, size_t size, vaddr_t lo, vaddr_t hi, bool top_down, vaddr_t *out)
{
    mm_assert(size > 0 && !(size & PAGE_MASK), "size %lx", (unsigned long)size);
    if (lo < t->lo)
        lo = t->lo;
    if (hi > t->hi)
        hi = t->hi;
    if (lo >= hi)
        return -ENOMEM;
    lo = PAGE_UP(lo);
    hi = PAGE_DOWN(hi);
    if (lo >= hi || size > hi - lo)
        return -ENOMEM;
    if (top_down)
        return gap_highest(t, (vaddr_t)size, lo, hi, out);
    return gap_lowest(t, (vaddr_t)size, lo, hi - (vaddr_t)size, out);
}

bool region_is_free(struct region_tree *t, vaddr_t start, vaddr_t end)
{
    const struct region *r;

    if (start >= end || start < t->lo || end > t->hi)
        return false;
    r = region_first_above(t, start);
    return !r || r->start >= end;
}

void region_insert(struct region_tree *t, struct region *r)
{
    struct region **link = &t->root, *parent = NULL, *prev = NULL, *next = NULL;

    while (*link) {
        parent = *link;
        if (r->start < parent->start) {
            next = parent;
            link = &parent->left;
        } else {
            prev = parent;
            link = &parent->right;
        }
    }
    mm_assert(r->start < r->end && !((r->start | r->end) & PAGE_MASK) && r->start >= t->lo && r->end <= t->hi,
              "region [%x, %x) in [%x, %x)", r->start, r->end, t->lo, t->hi);
    mm_assert(!prev || prev->end <= r->start, "[%x, %x) overlaps [%x, %x)", r->start, r->end, prev->start,
              prev->end);
    mm_assert(!next || r->end <= next->start, "[%x, %x) overlaps [%x, %x)", r->start, r->end, next->start,
              next->end);

    *link = r;
    r->parent = parent;
    r->left = r->right = NULL;
    r->balance = 0;
    r->max_gap = 0;
    r->prev = prev;
    r->next = next;
    if (prev)
        prev->next = r;
    else
        t->first = r;
    if (next)
        next->prev = r;
    else
        t->last = r;
    t->count++;
    repair(t, r);
    repair(t, next);
}

void region_append(struct region_tree *t, struct region *r)
{
    mm_assert(!t->root && r->start < r->end && r->end <= t->hi &&
                  r->start >= (t->last ? t->last->end : t->lo),
              "region [%x, %x) behind one that ends at %x", r->start, r->end, t->last ? t->last->end : t->lo);
    r->left = r->right = r->parent = r->next = NULL;
    r->prev = t->last;
    if (t->last)
        t->last->next = r;
    else
        t->first = r;
    t->last = r;
    t->count++;
}

/* A balanced tree of the next n regions of the list; *at moves behind them. */
static struct region *build(const struct region_tree *t, struct region **at, uint32_t n)
{
    struct region *left, *r;

    if (n == 0)
        return NULL;
    left = build(t, at, n / 2);
    r = *at;
    *at = r->next;
    r->left = left;
    if (left)
        left->parent = r;
    r->right = build(t, at, n - n / 2 - 1);
    if (r->right)
        r->right->parent = r;
    update(t, r);
    return r;
}

void region_build(struct region_tree *t)
{
    struct region *at = t->first;

    t->root = build(t, &at, t->count);
}

void region_remove(struct region_tree *t, struct region *r)
{
    struct region *next = r->next, *from;

    if (r->prev)
        r->prev->next = next;
    else
        t->first = next;
    if (next)
        next->prev = r->prev;
    else
        t->last = r->prev;
    if (t->last_hit == r)
        t->last_hit = NULL;
    t->count--;

    if (!r->left || !r->right) {
        from = r->parent;
        replace(t, r, r->left ? r->left : r->right);
    } else {
        /* The successor has no left child. It takes r's place, and what it leaves behind is where to begin.
         */
        from = next->parent == r ? next : next->parent;
        if (next->parent != r) {
            replace(t, next, next->right);
            next->right = r->right;
            next->right->parent = next;
        }
        next->left = r->left;
        next->left->parent = next;
        replace(t, r, next);
        next->balance = r->balance;
        next->max_gap = r->max_gap;
    }
    repair(t, from);
    repair(t, next);
    r->left = r->right = r->parent = r->next = r->prev = NULL;
}

void region_resize(struct region_tree *t, struct region *r, vaddr_t start, vaddr_t end)
{
    mm_assert(start < end && !((start | end) & PAGE_MASK) && start >= end_before(t, r) &&
                  end <= (r->next ? r->next->start : t->hi),
              "[%x, %x) to [%x, %x)", r->start, r->end, start, end);
    uint32_t moved = (start >> PAGE_SHIFT) - (r->start >> PAGE_SHIFT); /* wraps when start moves down */
    bool end_moves = end != r->end;

    if (r->object)
        r->offset += moved;
    r->number += moved;
    r->start = start;
    r->end = end;
    if (moved)
        repair(t, r);
    if (end_moves)
        repair(t, r->next);
}

void region_split(struct region_tree *t, struct region *r, vaddr_t va, struct region *upper)
{
    mm_assert(va > r->start && va < r->end && !(va & PAGE_MASK), "split [%x, %x) at %x", r->start, r->end,
              va);
    *upper = *r;
    upper->object_next = upper->object_prev = NULL;
    upper->moved_next = upper->moved_prev = NULL;
    upper->start = va;
    r->end = va;
    if (r->object)
        upper->offset += pages_of(r);
    upper->number += pages_of(r);

    /* Its place is next to r, and no gap but its own changes. */
    upper->left = upper->right = NULL;
    upper->balance = 0;
    upper->max_gap = 0;
    if (!r->right) {
        r->right = upper;
        upper->parent = r;
    } else {
        r->next->left = upper; /* the lowest of r's right subtree */
        upper->parent = r->next;
    }
    upper->prev = r;
    if (r->next)
        r->next->prev = upper;
    else
        t->last = upper;
    r->next = upper;
    t->count++;
    repair(t, upper);
}

bool region_continues(const struct region *a, const struct region *b)
{
    return a->end == b->start && a->flags == b->flags && a->space == b->space && a->object == b->object &&
           (!a->object || a->offset + pages_of(a) == b->offset) && a->number + pages_of(a) == b->number;
}

void region_join(struct region_tree *t, struct region *a, struct region *b)
{
    mm_assert(region_continues(a, b), "[%x, %x) and [%x, %x)", a->start, a->end, b->start, b->end);
    a->end = b->end; /* first, so that the gap after b stays as it is */
    region_remove(t, b);
}

/* The successor by tree links alone; bounded, since the links are what is being checked. */
static const struct region *tree_next(const struct region *r)
{
    unsigned steps = 0;

    if (r->right) {
        for (r = r->right; r->left && steps < DEPTH_MAX; r = r->left)
            steps++;
        return r;
    }
    while (r->parent && r->parent->right == r && steps++ < DEPTH_MAX)
        r = r->parent;
    return r->parent;
}

/* INV-REGION-3 and -4 for one node, and its children's parent links. */
static bool verify_node(const struct region_tree *t, const struct region *r)
{
    const struct region *child[2] = {r->left, r->right};
    int32_t tall = 0;
    uint32_t gap = gap_pages(t, r);
    bool ok = true;

    for (int i = 0; i < 2; i++) {
        if (!child[i])
            continue;
        INV("INV-REGION-2", child[i]->parent == r, "child at %x of the region at %x", child[i]->start,
            r->start);
        if (child[i]->balance > tall)
            tall = child[i]->balance;
        if (child[i]->max_gap > gap)
            gap = child[i]->max_gap;
    }
    int32_t lean = height(r->left) - height(r->right);

    INV("INV-REGION-3", r->balance == tall + 1, "height %d, children %d, at %x", r->balance, tall, r->start);
    INV("INV-REGION-3", lean >= -1 && lean <= 1, "leans by %d at %x", lean, r->start);
    INV("INV-REGION-4", r->max_gap == gap, "largest gap %u, found %u, at %x", r->max_gap, gap, r->start);
    return ok;
}

bool region_verify(const struct region_tree *t)
{
    const struct region *prev = NULL;
    bool ok = true, hit = t->last_hit == NULL;
    uint32_t n = 0;

    INV("INV-REGION-2", !t->root || !t->root->parent, "the root has a parent");
    for (const struct region *r = t->first; r; prev = r, r = r->next) {
        if (++n > t->count)
            break;
        if (r == t->last_hit)
            hit = true;
        INV("INV-REGION-1",
            r->start < r->end && !((r->start | r->end) & PAGE_MASK) && r->start >= t->lo && r->end <= t->hi,
            "[%x, %x)", r->start, r->end);
        INV("INV-REGION-1", !prev || prev->end <= r->start, "[%x, %x) before [%x, %x)", prev->start,
            prev->end, r->start, r->end);
        INV("INV-REGION-2", r->prev == prev, "list link back from %x", r->start);
        INV("INV-REGION-2", tree_next(r) == r->next, "tree and list differ after %x", r->start);
        if (!verify_node(t, r))
            ok = false;
    }
    INV("INV-REGION-5", n == t->count, "%u regions listed, count %u", n, t->count);
    INV("INV-REGION-5", t->last == prev, "last region");
    INV("INV-REGION-5", hit, "last_hit is not in the tree");
    INV("INV-REGION-2", !t->root == !t->first, "one of tree and list is empty");
    return ok;
}
