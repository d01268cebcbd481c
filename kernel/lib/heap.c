/*
 * A pairing heap.
 *
 * Purpose. The next of many deadlines, where most are taken back before they come. A node enters in one step;
 * taking one out costs the logarithm of their number, averaged over a run.
 *
 * Data. A tree in which no child's key is below its parent's. A node knows its first child, and siblings are
 * a list. Nothing is allocated: the nodes belong to the caller.
 *
 * Locking: the caller's.
 *
 *     INV-HEAP-1  a node's key is not below its parent's
 *     INV-HEAP-2  the links of siblings agree, and the first one's leads to the parent
 *
 * Source: Fredman, Sedgewick, Sleator and Tarjan, The Pairing Heap (1986).
 */
#include "kernel/lib/heap.h"
#include "mm/os.h"

/* Of two roots, the one with the greater key becomes the other's first child. */
static struct heap_node *merge(struct heap_node *a, struct heap_node *b)
{
    if (b->key < a->key) {
        struct heap_node *swap = a;

        a = b;
        b = swap;
    }
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    a->next = a->prev = NULL;
    return a;
}

/* One tree of a list of siblings: in pairs from the left, then all of those from the right. NULL if there are
 * none. */
static struct heap_node *merge_all(struct heap_node *first)
{
    struct heap_node *pairs = NULL, *all = NULL;

    while (first) {
        struct heap_node *a = first, *b = a->next;

        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            a = merge(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct heap_node *rest = pairs->next;

        pairs->next = NULL;
        all = all ? merge(all, pairs) : pairs;
        pairs = rest;
    }
    return all;
}

void heap_insert(struct heap *h, struct heap_node *n)
{
    n->child = n->next = n->prev = NULL;
    h->root = h->root ? merge(h->root, n) : n;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    struct heap_node *below = merge_all(n->child);

    if (n == h->root) {
        h->root = below;
    } else {
        if (n->prev->child == n)
            n->prev->child = n->next;
        else
            n->prev->next = n->next;
        if (n->next)
            n->next->prev = n->prev;
        if (below)
            h->root = merge(h->root, below);
    }
    n->child = n->next = n->prev = NULL;
}

/* The node after n, from the top down. */
static const struct heap_node *follow(const struct heap_node *n)
{
    if (n->child)
        return n->child;
    while (!n->next) {
        while (n->prev && n->prev->child != n)
            n = n->prev;
        n = n->prev;
        if (!n)
            return NULL;
    }
    return n->next;
}

bool heap_verify(const struct heap *h)
{
    bool ok = true;

    INV("INV-HEAP-2", !h->root || (!h->root->next && !h->root->prev), "the root has siblings");
    for (const struct heap_node *n = ok ? h->root : NULL; n && ok; n = follow(n))
        for (const struct heap_node *c = n->child, *before = n; c; before = c, c = c->next) {
            INV("INV-HEAP-1", c->key >= n->key, "key %llu below %llu", (unsigned long long)c->key,
                (unsigned long long)n->key);
            INV("INV-HEAP-2", c->prev == before, "node with key %llu", (unsigned long long)c->key);
        }
    return ok;
}
