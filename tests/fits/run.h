/* A trace through one allocator: step by step, and what it came to. See run.c. */
#ifndef TESTS_FITS_RUN_H
#define TESTS_FITS_RUN_H

#include "tests/fits/heap.h"
#include "tests/fits/trace.h"

struct fit_run {
    struct heap heap;
    const struct fit_trace *trace;
    struct heap_block *block; /* [trace->blocks] */
    bool *live;               /* [trace->blocks] */
    uint32_t done;            /* operations */
    uint32_t fails;           /* allocations and resizes that were refused */
    bool refused;             /* the last one */
};

/* 0, -EINVAL or -ENOMEM. */
int fit_begin(struct fit_run *r, const struct fit_trace *t, const struct heap_kind *k,
              const struct heap_setup *how);
void fit_end(struct fit_run *r);
/* The next operation; there is one. */
void fit_step(struct fit_run *r);

/* What can be told of a heap at one moment, in bytes. */
struct fit_look {
    size_t needed;        /* it has of the system */
    size_t given, asked;  /* in blocks, and of that asked for */
    size_t free, largest; /* what it can hand out without more of the system, and the largest piece of that */
};
void fit_look(const struct fit_run *r, struct fit_look *l);
/* Thousandths of what is in no block that cannot be had in one piece: 1 - largest / total. Of an allocator
 * that keeps memory for some sizes only, that is in the total. */
uint32_t fit_external(const struct fit_run *r, const struct fit_look *l);
/* Thousandths of what is given that nobody asked for. */
uint32_t fit_internal(const struct fit_look *l);

/* A counter of something that time costs. */
typedef uint64_t (*fit_clock)(void);

struct fit_result {
    bool ran;            /* else there was no memory for the heap */
    uint32_t fails;      /* in a heap of the size that was said */
    uint32_t external;   /* mean, in that heap */
    uint32_t refused;    /* in one that may grow */
    size_t peak, mean;   /* bytes needed, there */
    uint32_t internal;   /* mean, there */
    uint64_t searched;   /* hundredths, an allocation */
    uint64_t time;       /* of the clock, all operations */
    uint32_t operations; /* that were timed */
    uint32_t moved;      /* blocks that changed their place with their size */
};

struct fit_setup {
    size_t heap;   /* bytes of the fixed heap; 0: 5/4 of what is live at most */
    uint32_t unit; /* of buddy; 0: 16, or what its largest block needs */
    uint32_t header, guard;
    fit_clock clock;                               /* NULL: nothing is timed */
    bool ticks;                                    /* it counts what others cost, too: see run.c */
    bool verify;                                   /* the invariants, now and then */
    void (*progress)(void *arg, unsigned percent); /* of a measurement; NULL: nobody asks */
    void *arg;
};

/* The setup of the heap that grows, or of the fixed one. sizes is used as long as the heap. */
struct heap_setup fit_heap(const struct fit_trace *t, const struct fit_setup *s, const uint32_t *sizes,
                           unsigned sizes_n, bool grows);
/* Both heaps. False: no memory; or an invariant is broken. */
bool fit_measure(const struct fit_trace *t, const struct heap_kind *k, const struct fit_setup *s,
                 struct fit_result *out);

#endif
