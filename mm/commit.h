/*
 * Committed memory: what programs have been promised, and could come to need all at once. See commit.c.
 *
 * A page counts when it can become private memory or is part of shared memory: private writable regions
 * (REGION_CHARGED) and objects that were charged (object_charge()).
 */
#ifndef MM_COMMIT_H
#define MM_COMMIT_H

#include "mm/types.h"

struct vm;
struct object;

/* Linux's vm.overcommit_memory. */
enum commit_mode {
    COMMIT_HEURISTIC, /* refuse only what exceeds memory and swap by itself */
    COMMIT_ALWAYS,
    COMMIT_STRICT, /* never promise more than commit_limit() */
};

/* Promise pages. 0 or -ENOMEM. */
static inline int commit_charge(struct vm *vm, uint32_t pages);
/* Whether commit_charge() would agree. */
static inline bool commit_allows(const struct vm *vm, uint32_t pages);
/* For the last, in the other modes than the heuristic one. */
bool commit_allows_otherwise(const struct vm *vm, uint32_t pages);
static inline void commit_release(struct vm *vm, uint32_t pages);
/* Pages that may be promised under COMMIT_STRICT: swap, and overcommit_kib, or overcommit_ratio percent of
 * memory. */
uint32_t commit_limit(const struct vm *vm);
/* Charge an object's whole size, until it dies or is charged anew. 0 or -ENOMEM. */
int object_charge(struct object *o);
/* Charge each page of an object as it becomes precious, until it is discarded. Before there are any. */
void object_charge_each(struct object *o);
/* Charge new shared memory in one of these ways: for its whole size, or, if no reserve is wanted and
 * overcommit is not strict, page by page. 0 or -ENOMEM. */
int object_charge_shared(struct object *o, bool noreserve);
/* INV-COMMIT-1; reads only. */
bool commit_verify(struct vm *vm);

#endif
