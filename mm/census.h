/*
 * What pageable memory holds, counted frame by frame. See census.c.
 *
 * What guards a field, by the letter in its comment:
 *   (o)  its owner only: it is the answer to one question
 */
#ifndef MM_CENSUS_H
#define MM_CENSUS_H

#include "mm/vm.h"

/* Of the frames in use ANON and OBJECT. All in frames. */
struct census {                        /* (o) */
    uint32_t anon, anon_mapped;        /* private pages; of these, ones that an entry names */
    uint32_t file, file_mapped;        /* pages of objects that come from an image */
    uint32_t shmem, shmem_mapped;      /* pages of objects that begin as zeroes and can only go to swap */
    uint32_t swap_cached;              /* of anon: in the swap cache, mapped or not */
    uint32_t dirty;                    /* of file: differ from the image */
    uint32_t writeback;                /* being written */
    uint32_t locked_anon, locked_file; /* that a locked region maps: private and shared memory, files */
};

/* Count. Sleeps. */
void census_take(struct vm *vm, struct census *c);
/* Resident pages of such objects. Costs a step for each object only. */
uint32_t census_shmem(const struct vm *vm);
uint32_t census_zone_free(const struct frame_pool *p, enum frame_zone zone);

#endif
