/* What comes first of many: a pairing heap, whose nodes lie in the objects that it orders. See heap.c. */
#ifndef KERNEL_LIB_HEAP_H
#define KERNEL_LIB_HEAP_H

#include "mm/types.h"

struct heap_node {
    uint64_t key;
    struct heap_node *child;       /* the first of them */
    struct heap_node *next, *prev; /* siblings; the first one's prev is the parent, the root's NULL */
};

struct heap {
    struct heap_node *root; /* with the least key; NULL: empty */
};

/* Put a node in that is in no heap; its key is set, and stays as it is until the node leaves. */
void heap_insert(struct heap *h, struct heap_node *n);
/* Take out a node that is in this heap. */
void heap_remove(struct heap *h, struct heap_node *n);
/* Whether every node has a key that is not below its parent's, and its links agree. Reads only. */
bool heap_verify(const struct heap *h); /* INV-HEAP-* */

#endif
