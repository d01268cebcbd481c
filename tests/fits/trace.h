/*
 * A sequence of allocations and frees, as `fits` takes it: text, one operation a line. docs/freespace.md has
 * the format. Shared by the host, ring 3 and a page in a browser, so it needs no files.
 */
#ifndef TESTS_FITS_TRACE_H
#define TESTS_FITS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fit_what { FIT_ALLOC, FIT_FREE, FIT_RESIZE };

struct fit_op {
    uint32_t block; /* blocks are numbered as they come */
    uint32_t size;  /* of an allocation, or the new one */
    uint32_t align; /* of an allocation; 0: any */
    uint8_t what;
};

struct fit_trace {
    struct fit_op *op;
    uint32_t ops, blocks;
    uint32_t allocs, frees, resizes;
    uint32_t unknown;        /* frees of what was never allocated: a recording that began late */
    uint32_t large;          /* blocks that were left to mmap */
    uint32_t largest;        /* size of a block */
    uint32_t peak, peak_ops; /* bytes live, and after which operation for the first time */
    uint64_t asked;          /* sum of the sizes of all allocations */
};

/* Blocks of `large` bytes or more are left out (0: none is). False: *bad is the line that cannot be, from 1
 * on, or 0: there is no operation, or no memory. */
bool fit_parse(struct fit_trace *t, const char *text, size_t size, uint32_t large, uint32_t *bad);
void fit_trace_free(struct fit_trace *t);
/* Each size once, in order, rounded up to 8, for caches. To be freed. NULL: no memory. */
uint32_t *fit_sizes(const struct fit_trace *t, unsigned *n);

/*
 * Random operations as text. Two draws each with the same seed are the same everywhere. sizes:
 *   uniform:A-B     every size from A to B alike
 *   exp:M           small ones often: half of them below two thirds of the mean M or so
 *   power:A-B       powers of two, each alike
 *   two:A-B         nine in ten are A, one is B
 *   program         sizes as programs ask for them: many small ones of a few sizes, some of any
 * live: so many blocks are live in the long run. False: there are no such sizes.
 */
bool fit_random(uint32_t seed, const char *sizes, uint32_t ops, uint32_t live,
                void (*put)(void *arg, const char *text, size_t size), void *arg);

#endif
