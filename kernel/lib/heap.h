/* What comes first of many: a heap whose nodes lie in the objects that it orders. See heap.c. */
#ifndef KERNEL_LIB_HEAP_H
#define KERNEL_LIB_HEAP_H

#include "mm/types.h"

struct heap_node {
    uint64_t key;
    uint64_t arrival; /* of equal keys who came first is first */
    struct heap_node *child[2], *parent;
    uint32_t rank;
};

struct heap {
    struct heap_node *root; /* with the least key, of those the oldest; NULL: empty */
    uint64_t arrivals;      /* ever */
};

/* Put a node in that is in no heap; its key is set, and stays as it is until the node leaves. */
void heap_insert(struct heap *h, struct heap_node *n);
/* Take out a node that is in this heap. */
void heap_remove(struct heap *h, struct heap_node *n);
/* Visit every node, a parent before its children. fn changes nothing. */
void heap_each(const struct heap *h, void (*fn)(const struct heap_node *n, void *arg), void *arg);
/* Whether the order, the links and the ranks agree. Reads only. */
bool heap_verify(const struct heap *h); /* INV-HEAP-* */

#endif
