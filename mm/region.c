/*
 * Regions of a space, in address order.
 *
 * Purpose. Answer three questions in O(log n): which region holds this address,
 * where is room for so many pages, and what lies at or above this address.
 *
 * Data. A red-black tree (Guibas and Sedgewick 1978; Cormen et al., Introduction to Algorithms, chapter 13)
 * keyed by start. Red-black rather than AVL because what programs do most is to map and unmap, or to protect
 * and protect back, at one place: there a red-black tree recolours once and then stays as it is, while an AVL
 * tree's heights go up and down. The regions are also on a list in address order, so neighbours are one load
 * away, and who knows the neighbour inserts without a search.
 *
 * The gap of a region is the free range just below it, from the end of its predecessor (or the start of the
 * tree's range). `max_gap` bounds the gaps of the subtree, in pages (the idea of Linux's rb_subtree_gap,
 * Lespinasse 2012, but lazy): it may be too high. A gap that grows raises the bounds above it, as far as they
 * are lower; one that shrinks changes none. A search that trusts a bound and finds nothing lowers it to what
 * is true. Each change makes at most a path of bounds too high, so a search costs O(log n), amortised. The
 * range above the last region is no region's gap; it is looked at by itself.
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
 *   INV-REGION-3  the root is black, no red one has a red child, all ways down have as many black ones
 *   INV-REGION-4  no gap of the subtree is larger than max_gap
 *   INV-REGION-5  count, first and last are right; last_hit is NULL or in the tree
 *
 * Failure. Only region_find_gap() can fail, when there is no room. Overlaps are the caller's bug and panic.
 */
#include "mm/region.h"
#include "mm/errno.h"
#include "mm/os.h"

/* Twice log2 of the 2^20 one-page regions that 32 bits can hold, and the root. */
#define DEPTH_MAX 42

static inline vaddr_t end_before(const struct region_tree *t, const struct region *r)
{
    return r->prev ? r->prev->end : t->lo;
}

static inline uint32_t gap_pages(const struct region_tree *t, const struct region *r)
{
    return (r->start - end_before(t, r)) >> PAGE_SHIFT;
}

static inline bool is_red(const struct region *n)
{
    return n && n->red;
}

/* A gap of n's subtree may have grown to `gap`. */
static inline void raise_gap(struct region *n, uint32_t gap)
{
    for (; n && n->max_gap < gap; n = n->parent)
        n->max_gap = gap;
}

/* A search found less than the bound of n promised: the lowest bound that n and its children know of. */
static void lower_gap(const struct region_tree *t, struct region *n)
{
    uint32_t gap = gap_pages(t, n);

    if (n->left && n->left->max_gap > gap)
        gap = n->left->max_gap;
    if (n->right && n->right->max_gap > gap)
        gap = n->right->max_gap;
    n->max_gap = gap;
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

/* n goes down, to the left or to the right, and its other child takes its place, with a bound for all. */
static void rotate(struct region_tree *t, struct region *n, bool left)
{
    struct region *up = left ? n->right : n->left;

    replace(t, n, up);
    if (left) {
        n->right = up->left;
        if (n->right)
            n->right->parent = n;
        up->left = n;
    } else {
        n->left = up->right;
        if (n->left)
            n->left->parent = n;
        up->right = n;
    }
    n->parent = up;
    up->max_gap = n->max_gap;
}

/* The red n may have a red parent. */
static void balance_inserted(struct region_tree *t, struct region *n)
{
    struct region *p;

    while ((p = n->parent) && p->red) {
        struct region *above = p->parent; /* p is not the root, which is black */
        bool left = above->left == p;
        struct region *uncle = left ? above->right : above->left;

        if (is_red(uncle)) {
            p->red = uncle->red = false;
            above->red = true;
            n = above;
            continue;
        }
        if ((left ? p->right : p->left) == n) {
            rotate(t, p, left);
            p = n;
        }
        rotate(t, above, !left);
        p->red = false;
        above->red = true;
        break;
    }
    t->root->red = false;
}

/* The ways down through n, a child of p or the root and maybe NULL, have one black node too few. */
static void balance_removed(struct region_tree *t, struct region *n, struct region *p)
{
    while (p && !is_red(n)) {
        bool left = p->left == n;
        struct region *s = left ? p->right : p->left; /* it exists, since its side has more black nodes */
        struct region *near, *far;

        if (s->red) {
            s->red = false;
            p->red = true;
            rotate(t, p, left);
            s = left ? p->right : p->left;
        }
        near = left ? s->left : s->right;
        far = left ? s->right : s->left;
        if (!is_red(near) && !is_red(far)) {
            s->red = true;
            n = p;
            p = n->parent;
            continue;
        }
        if (!is_red(far)) {
            s->red = true;
            rotate(t, s, !left);
            far = s;
            s = near;
        }
        s->red = p->red;
        p->red = far->red = false;
        rotate(t, p, left);
        return;
    }
    if (n)
        n->red = false;
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

struct region *region_first_above_slow(struct region_tree *t, vaddr_t va)
{
    struct region *n = t->last_hit, *best = NULL;

    /* What is just behind the last one is asked for more often than anything else. */
    if (n && va >= n->end && (!n->next || va < n->next->end)) {
        if (n->next && va >= n->next->start)
            t->last_hit = n->next;
        return n->next;
    }
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

/* The lowest region of the subtree of `top` with a gap of at least `pages`, or NULL. */
static struct region *lowest_gap(const struct region_tree *t, struct region *top, uint32_t pages)
{
    struct region *n = top;

    for (;;) {
        while (n->left && n->left->max_gap >= pages)
            n = n->left;
        for (;;) {
            if (gap_pages(t, n) >= pages)
                return n;
            if (n->right && n->right->max_gap >= pages)
                break;
            /* n's subtree has nothing; nor has its parent's, if n is to the right. */
            lower_gap(t, n);
            for (; n != top && n->parent->right == n; lower_gap(t, n))
                n = n->parent;
            if (n == top)
                return NULL;
            n = n->parent;
        }
        n = n->right;
    }
}

static struct region *highest_gap(const struct region_tree *t, struct region *top, uint32_t pages)
{
    struct region *n = top;

    for (;;) {
        while (n->right && n->right->max_gap >= pages)
            n = n->right;
        for (;;) {
            if (gap_pages(t, n) >= pages)
                return n;
            if (n->left && n->left->max_gap >= pages)
                break;
            lower_gap(t, n);
            for (; n != top && n->parent->left == n; lower_gap(t, n))
                n = n->parent;
            if (n == top)
                return NULL;
            n = n->parent;
        }
        n = n->left;
    }
}

/* The next region after r with a gap of at least `pages`, or NULL. */
static struct region *next_gap(const struct region_tree *t, struct region *r, uint32_t pages)
{
    struct region *found;

    for (;;) {
        if (r->right && r->right->max_gap >= pages && (found = lowest_gap(t, r->right, pages)) != NULL)
            return found;
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
    struct region *found;

    for (;;) {
        if (r->left && r->left->max_gap >= pages && (found = highest_gap(t, r->left, pages)) != NULL)
            return found;
        while (r->parent && r->parent->left == r)
            r = r->parent;
        r = r->parent;
        if (!r || gap_pages(t, r) >= pages)
            return r;
    }
}

static int gap_lowest(const struct region_tree *t, vaddr_t size, vaddr_t lo, vaddr_t limit,
                      struct region_gap *gap)
{
    struct region *first = NULL;
    vaddr_t begin = t->last ? t->last->end : t->lo;

    gap->above = NULL;
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

        if (first->start - cut >= size) {
            gap->above = first;
            begin = cut;
        } else if ((gap->above = next_gap(t, first, size >> PAGE_SHIFT)) != NULL) {
            begin = end_before(t, gap->above);
        }
    }
    if (begin < lo)
        begin = lo;
    if (begin > limit)
        return -ENOMEM;
    gap->start = begin;
    return 0;
}

static int gap_highest(const struct region_tree *t, vaddr_t size, vaddr_t lo, vaddr_t hi,
                       struct region_gap *gap)
{
    struct region *below = NULL, *r;
    vaddr_t limit = hi - size; /* the highest start that fits */

    if (!t->last || t->last->end <= limit) {
        *gap = (struct region_gap){.start = limit};
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
    gap->start = top - size;
    gap->above = r;
    return 0;
}

int region_find_gap(const struct region_tree *t, size_t size, vaddr_t lo, vaddr_t hi, bool top_down,
                    struct region_gap *gap)
{
    mm_assert(size > 0 && !(size & PAGE_MASK), "size %lx", (unsigned long)size);
    if (lo < t->lo)
        lo = t->lo;
    if (hi > t->hi)
        hi = t->hi;
    if (unlikely((lo | hi) & PAGE_MASK) && lo < hi) { /* else it could wrap */
        lo = PAGE_UP(lo);
        hi = PAGE_DOWN(hi);
    }
    if (lo >= hi || size > hi - lo)
        return -ENOMEM;
    if (top_down)
        return gap_highest(t, (vaddr_t)size, lo, hi, gap);
    return gap_lowest(t, (vaddr_t)size, lo, hi - (vaddr_t)size, gap);
}

bool region_is_free(struct region_tree *t, vaddr_t start, vaddr_t end)
{
    const struct region *r;

    if (start >= end || start < t->lo || end > t->hi)
        return false;
    r = region_first_above(t, start);
    return !r || r->start >= end;
}

/* Put r, whose range is set, into the list and the tree, just below next (NULL: above all). */
static inline __attribute__((always_inline)) void link_below(struct region_tree *t, struct region *r,
                                                             struct region *next)
{
    struct region *prev = next ? next->prev : t->last, *parent;
    uint32_t gap = (r->start - (prev ? prev->end : t->lo)) >> PAGE_SHIFT;

    r->left = r->right = NULL;
    r->red = true;
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

    r->max_gap = gap;
    if (next && !next->left) {
        parent = next;
        next->left = r;
    } else if (prev) {
        /* prev is the highest to the left of next, or in the whole tree, and has none to its right. */
        parent = prev;
        prev->right = r;
    } else {
        parent = NULL;
        t->root = r;
    }
    r->parent = parent;
    raise_gap(parent, gap);
    balance_inserted(t, r);
}

void region_insert_below(struct region_tree *t, struct region *r, struct region *next)
{
    const struct region *prev = next ? next->prev : t->last;
    vaddr_t lo = prev ? prev->end : t->lo, hi = next ? next->start : t->hi;

    mm_assert(r->start < r->end && !((r->start | r->end) & PAGE_MASK) && r->start >= lo && r->end <= hi,
              "region [%x, %x) in the gap [%x, %x)", r->start, r->end, lo, hi);
    link_below(t, r, next);
    t->last_hit = r; /* what was just mapped is touched, or unmapped, next */
}

void region_insert(struct region_tree *t, struct region *r)
{
    region_insert_below(t, r, region_first_above(t, r->start));
}

/* The subtree that `like` is the model of, from the next regions of the list, which are copies of its own but
 * for their links in the list; *at moves behind them. */
static struct region *copy_shape(const struct region *like, struct region **at);

/* Half of all have nothing below them. Their copies say so already. */
static inline __attribute__((always_inline)) struct region *copy_below(const struct region *like,
                                                                       struct region **at)
{
    struct region *r = *at;

    if (!like)
        return NULL;
    if (like->left || like->right)
        return copy_shape(like, at);
    *at = r->next;
    return r;
}

static struct region *copy_shape(const struct region *like, struct region **at)
{
    struct region *left = copy_below(like->left, at), *r = *at, *right;

    *at = r->next;
    right = copy_below(like->right, at);
    r->left = left;
    if (left)
        left->parent = r;
    r->right = right;
    if (right)
        right->parent = r;
    return r;
}

void region_copy_shape(struct region_tree *t, const struct region_tree *model)
{
    struct region *at = t->first;

    mm_assert(!t->root && t->count == model->count, "%u regions, the model has %u", t->count, model->count);
    if (!at)
        return;
    t->root = copy_shape(model->root, &at);
    t->root->parent = NULL;
}

static inline __attribute__((always_inline)) void take_out(struct region_tree *t, struct region *r)
{
    struct region *next = r->next, *from, *child;
    bool black;

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
        child = r->left ? r->left : r->right;
        from = r->parent;
        black = !r->red;
        replace(t, r, child);
    } else {
        /* The successor has no left child. It takes r's place, and what it leaves behind is where to begin.
         * */
        child = next->right;
        from = next->parent == r ? next : next->parent;
        black = !next->red;
        if (next->parent != r) {
            replace(t, next, child);
            next->right = r->right;
            next->right->parent = next;
        }
        next->left = r->left;
        next->left->parent = next;
        replace(t, r, next);
        next->red = r->red;
        next->max_gap = r->max_gap;
    }
    if (black)
        balance_removed(t, child, from);
    if (next)
        raise_gap(next, gap_pages(t, next));
}

void region_remove(struct region_tree *t, struct region *r)
{
    take_out(t, r);
}

void region_resize(struct region_tree *t, struct region *r, vaddr_t start, vaddr_t end)
{
    mm_assert(start < end && !((start | end) & PAGE_MASK) && start >= end_before(t, r) &&
                  end <= (r->next ? r->next->start : t->hi),
              "[%x, %x) to [%x, %x)", r->start, r->end, start, end);
    uint32_t moved = (start >> PAGE_SHIFT) - (r->start >> PAGE_SHIFT); /* it wraps when start moves down */

    if (r->object)
        r->offset += moved;
    r->number += moved;
    r->start = start;
    r->end = end;
    raise_gap(r, gap_pages(t, r));
    if (r->next)
        raise_gap(r->next, gap_pages(t, r->next));
}

void region_split(struct region_tree *t, struct region *r, vaddr_t va, struct region *upper)
{
    mm_assert(va > r->start && va < r->end && !(va & PAGE_MASK), "split [%x, %x) at %x", r->start, r->end,
              va);
    upper->start = va;
    upper->end = r->end;
    r->end = va;
    upper->flags = r->flags;
    upper->space = r->space;
    upper->object = r->object;
    upper->offset = r->object ? r->offset + region_pages(r) : r->offset;
    upper->number = r->number + region_pages(r);

    link_below(t, upper, r->next);
}

void region_take_in(struct region_tree *t, struct region *a, struct region *b)
{
    mm_assert(a->end == b->start, "[%x, %x) and [%x, %x)", a->start, a->end, b->start, b->end);
    a->end = b->end; /* this comes first, so that the gap after b stays as it is */
    if (t->last_hit == b)
        t->last_hit = a;
    take_out(t, b);
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

/* INV-REGION-4 for one node, what concerns it of INV-REGION-3, and its children's parent links. */
static bool verify_node(const struct region_tree *t, const struct region *r)
{
    const struct region *child[2] = {r->left, r->right};
    uint32_t gap = gap_pages(t, r);
    bool ok = true;

    for (int i = 0; i < 2; i++) {
        if (!child[i])
            continue;
        INV("INV-REGION-2", child[i]->parent == r, "child at %x of the region at %x", child[i]->start,
            r->start);
        INV("INV-REGION-3", !r->red || !child[i]->red, "red at %x below red at %x", child[i]->start,
            r->start);
        if (child[i]->max_gap > gap)
            gap = child[i]->max_gap;
    }
    INV("INV-REGION-4", r->max_gap >= gap, "largest gap %u, found %u, at %x", r->max_gap, gap, r->start);
    return ok;
}

/* Black nodes from the root to a region without two children, whose missing child ends a way down. */
static unsigned black_above(const struct region *r)
{
    unsigned n = 0;

    for (unsigned steps = 0; r && steps <= DEPTH_MAX; r = r->parent, steps++)
        n += !r->red;
    return n;
}

bool region_verify(const struct region_tree *t)
{
    const struct region *prev = NULL;
    bool ok = true, hit = t->last_hit == NULL;
    unsigned black = t->first ? black_above(t->first) : 0; /* the first has no left child */
    uint32_t n = 0;

    INV("INV-REGION-2", !t->root || !t->root->parent, "the root has a parent");
    INV("INV-REGION-3", !is_red(t->root), "the root is red");
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
        if (!r->left || !r->right)
            INV("INV-REGION-3", black_above(r) == black, "%u black down to %x, %u to the first",
                black_above(r), r->start, black);
    }
    INV("INV-REGION-5", n == t->count, "%u regions listed, count %u", n, t->count);
    INV("INV-REGION-5", t->last == prev, "last region");
    INV("INV-REGION-5", hit, "last_hit is not in the tree");
    INV("INV-REGION-2", !t->root == !t->first, "one of tree and list is empty");
    return ok;
}
