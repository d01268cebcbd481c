/*
 * One face for every allocator that `fits` compares: mm/lab/freelist.c, mm/kva.c, mm/kmalloc.c, mm/slab.c and
 * mm/buddy.c, as they are, each over a heap of some bytes that may grow. See heap.c.
 */
#ifndef TESTS_FITS_HEAP_H
#define TESTS_FITS_HEAP_H

#include "mm/kva.h"
#include "mm/lab/freelist.h"
#include "mm/slab.h"

enum heap_family { HEAP_LIST, HEAP_ARENA, HEAP_KMALLOC, HEAP_SLAB, HEAP_BUDDY, HEAP_FAMILIES };

struct heap_kind {
    enum heap_family family;
    enum freelist_fit fit;
    enum freelist_order order;
    bool coalesce;
    enum kva_policy policy;
    char name[40];
};

/* The i-th of all; false: there are not so many. The first are the lists that coalesce, best fit by address
 * first. */
bool heap_kind(unsigned i, struct heap_kind *k);
/* By name; false: nothing is called so. */
bool heap_kind_by_name(const char *name, struct heap_kind *k);

struct heap_setup {
    size_t start, most; /* bytes: it begins with so many, and grows up to so many */
    size_t step;        /* by multiples of it, a power of two of 8 at least. kmalloc and slabs: by frames */
    uint32_t unit;      /* the smallest block of buddy, a power of two of 8 at least */
    uint32_t header;    /* of a list's blocks, 8 or more; and the guard behind them */
    uint32_t guard;
    const uint32_t *sizes; /* of all that will be asked for, rounded up to 8, in order: slab's caches */
    unsigned sizes_n;
};

struct heap_block {
    size_t at;             /* from the heap's start; a list's: of its header */
    uint32_t asked, given; /* with its header */
    uint32_t room;         /* bytes that may be used */
};

struct heap {
    struct heap_kind kind;
    struct heap_setup how;
    size_t size;                   /* what it has taken from the system so far */
    size_t given, asked;           /* now */
    uint64_t allocs, fails, moved; /* moved: blocks that a resize has copied */
    uint64_t looked;               /* buddy: lists and splits; kmalloc and slabs: objects taken */
    uint8_t *memory;               /* of lists, kmalloc and slabs */
    struct frame *records;
    struct frame_pool pool; /* of frames; for an arena, of its segments */
    struct freelist list;
    struct kva_arena arena;
    struct cache segs;
    struct kmalloc_system *kmalloc;
    struct cache *cache; /* one for each of how.sizes */
    struct buddy buddy;
    size_t chunk, chunks_given; /* of an arena, which grows by freeing them */
    size_t pool_size;
};

/* 0, -EINVAL, -ENOMEM: nothing is to be ended then. */
int heap_begin(struct heap *h, const struct heap_kind *k, const struct heap_setup *how);
/* Have all memory of it from the system, so that nobody waits for that later. */
void heap_warm(struct heap *h);
/* All of it, whatever is still allocated. */
void heap_finish(struct heap *h);
/* False: refused. align: a power of two, 0: none is asked for. */
bool heap_alloc(struct heap *h, uint32_t size, uint32_t align, struct heap_block *b);
void heap_free(struct heap *h, const struct heap_block *b);
/* Stays where it is if the new size fits into what was given; else it is another block, and the old one is
 * freed. False: refused, and it is as it was. */
bool heap_resize(struct heap *h, struct heap_block *b, uint32_t size);
/* Bytes that it has of the system now. */
size_t heap_needed(const struct heap *h);
/* Free blocks that allocations have looked at. */
uint64_t heap_searched(const struct heap *h);
/* Each free range that can be had in one piece; a list's in the order of the list. */
void heap_each_free(const struct heap *h, void (*fn)(void *arg, size_t at, size_t size), void *arg);
/* The allocator's own invariants. */
bool heap_verify(const struct heap *h);

#endif
