/*
 * A leftist heap.
 *
 * Purpose. The next of many deadlines, where most are taken back before they come. No call takes more steps
 * than twice the logarithm of the number of nodes: it is made with interrupts off, and a heap whose cost is
 * low on average would let thousands wait in one of them.
 *
 * Data. A binary tree in which no child comes before its parent: by key, and of equal keys by arrival. A
 * node's rank is the number of nodes on the way down its right side, and its left side is never the shorter
 * one. So the right side is short, and two trees are merged along it. Nothing is allocated: the nodes belong
 * to the caller.
 *
 * Locking: the caller's.
 *
 *     INV-HEAP-1  a node does not come before its parent
 *     INV-HEAP-2  a child's link leads to its parent, the root's nowhere
 *     INV-HEAP-3  a node's rank is one more than its right child's, and that is not above its left child's
 *
 * Source: Crane, Linear Lists and Priority Queues as Balanced Binary Trees (1972); Knuth, The Art of Computer
 * Programming, volume 3, 5.2.3.
 */
#include "kernel/lib/heap.h"
#include "mm/os.h"

enum { LEFT, RIGHT };

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key < b->key || (a->key == b->key && a->arrival < b->arrival);
}

static uint32_t rank(const struct heap_node *n)
{
    return n ? n->rank : 0;
}

/* A child of n has changed: put n's own rank right. Whether that was another. */
static bool settle(struct heap_node *n)
{
    uint32_t was = n->rank;

    if (rank(n->child[LEFT]) < rank(n->child[RIGHT])) {
        struct heap_node *swap = n->child[LEFT];

        n->child[LEFT] = n->child[RIGHT];
        n->child[RIGHT] = swap;
    }
    n->rank = rank(n->child[RIGHT]) + 1;
    return n->rank != was;
}

/* One tree of two, each of which may be empty. Its root has no parent. */
static struct heap_node *merge(struct heap_node *a, struct heap_node *b)
{
    struct heap_node *root = NULL, *parent = NULL, **at = &root;

    while (a && b) {
        if (before(b, a)) {
            struct heap_node *swap = a;

            a = b;
            b = swap;
        }
        *at = a;
        a->parent = parent;
        parent = a;
        at = &a->child[RIGHT];
        a = *at;
    }
    *at = a ? a : b;
    if (*at)
        (*at)->parent = parent;
    for (; parent; parent = parent->parent)
        settle(parent);
    return root;
}

void heap_insert(struct heap *h, struct heap_node *n)
{
    n->child[LEFT] = n->child[RIGHT] = n->parent = NULL;
    n->rank = 1;
    n->arrival = h->arrivals++;
    h->root = merge(h->root, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    struct heap_node *parent = n->parent, *below = merge(n->child[LEFT], n->child[RIGHT]);

    if (below)
        below->parent = parent;
    if (!parent)
        h->root = below;
    else
        parent->child[parent->child[RIGHT] == n ? RIGHT : LEFT] = below;
    while (parent && settle(parent))
        parent = parent->parent;
}

/* The node after n, from the top down. */
static const struct heap_node *follow(const struct heap_node *n)
{
    const struct heap_node *last;

    if (n->child[LEFT])
        return n->child[LEFT];
    do {
        last = n;
        n = n->parent;
    } while (n && (n->child[RIGHT] == last || !n->child[RIGHT]));
    return n ? n->child[RIGHT] : NULL;
}

void heap_each(const struct heap *h, void (*fn)(const struct heap_node *n, void *arg), void *arg)
{
    for (const struct heap_node *n = h->root; n; n = follow(n))
        fn(n, arg);
}

bool heap_verify(const struct heap *h)
{
    bool ok = true;

    INV("INV-HEAP-2", !h->root || !h->root->parent, "the root has a parent");
    for (const struct heap_node *n = ok ? h->root : NULL; n && ok; n = follow(n)) {
        const struct heap_node *left = n->child[LEFT], *right = n->child[RIGHT];

        INV("INV-HEAP-3", rank(left) >= rank(right) && n->rank == rank(right) + 1, "%u above %u and %u",
            n->rank, rank(left), rank(right));
        for (unsigned i = 0; i < ARRAY_LEN(n->child); i++) {
            const struct heap_node *c = n->child[i];

            if (!c)
                continue;
            INV("INV-HEAP-1", before(n, c), "key %llu below %llu, or older", (unsigned long long)c->key,
                (unsigned long long)n->key);
            INV("INV-HEAP-2", c->parent == n, "node with key %llu", (unsigned long long)c->key);
        }
    }
    return ok;
}
