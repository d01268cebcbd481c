/*
 * A trace through one allocator.
 *
 * Purpose: the numbers by which allocators are compared. There are two runs. In the first the heap grows as
 * it has to, which says how much memory an allocator needs, how much of that is lost inside blocks, how far
 * it searches and how long it takes. In the second the heap has a fixed size that is a little more than
 * what is live at most, which says what cannot be had although it is there.
 *
 * What is sampled (means) is looked at after each operation of a short trace, and at SAMPLES places of a long
 * one; the clock stands still meanwhile. It counts what this file does for each operation, too, which is the
 * same for all allocators: fit_measure() takes that off, by a run that allocates nothing.
 */
#include "tests/fits/run.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES 2048u
/* Invariants are checked so often: that of a list with n blocks takes as long as n * n. */
#define VERIFIES 64u

int fit_begin(struct fit_run *r, const struct fit_trace *t, const struct heap_kind *k,
              const struct heap_setup *how)
{
    int err = heap_begin(&r->heap, k, how);

    if (err)
        return err;
    r->trace = t;
    r->done = r->fails = 0;
    r->refused = false;
    r->block = calloc(t->blocks + 1, sizeof *r->block);
    r->live = calloc(t->blocks + 1, sizeof *r->live);
    if (r->block && r->live)
        return 0;
    fit_end(r);
    return -ENOMEM;
}

void fit_end(struct fit_run *r)
{
    heap_finish(&r->heap);
    free(r->block);
    free(r->live);
    r->block = NULL;
    r->live = NULL;
}

static bool do_operation(struct fit_run *r, const struct fit_op *op)
{
    bool *live = &r->live[op->block];
    struct heap_block *b = &r->block[op->block];

    switch (op->what) {
    case FIT_ALLOC:
        *live = heap_alloc(&r->heap, op->size, op->align, b);
        return *live;
    case FIT_RESIZE:
        /* One that was refused before is allocated now. */
        if (*live)
            return heap_resize(&r->heap, b, op->size);
        *live = heap_alloc(&r->heap, op->size, 0, b);
        return *live;
    default:
        if (*live)
            heap_free(&r->heap, b);
        *live = false;
        return true;
    }
}

void fit_step(struct fit_run *r)
{
    r->refused = !do_operation(r, &r->trace->op[r->done++]);
    r->fails += r->refused;
}

static void add_free(void *arg, size_t at, size_t size)
{
    struct fit_look *l = arg;

    (void)at;
    l->free += size;
    if (size > l->largest)
        l->largest = size;
}

void fit_look(const struct fit_run *r, struct fit_look *l)
{
    const struct heap *h = &r->heap;

    *l = (struct fit_look){.needed = heap_needed(h), .given = h->given, .asked = h->asked};
    heap_each_free(h, add_free, l);
}

uint32_t fit_external(const struct fit_run *r, const struct fit_look *l)
{
    const struct heap *h = &r->heap;
    bool of_frames = h->kind.family == HEAP_KMALLOC || h->kind.family == HEAP_SLAB;
    size_t total = (of_frames ? h->pool_size * PAGE_SIZE : h->size) - l->given;

    return total ? (uint32_t)(1000 - (uint64_t)l->largest * 1000 / total) : 0;
}

uint32_t fit_internal(const struct fit_look *l)
{
    return l->given ? (uint32_t)((uint64_t)(l->given - l->asked) * 1000 / l->given) : 0;
}

static size_t power_above(size_t n)
{
    size_t p = 8;

    while (p < n)
        p *= 2;
    return p;
}

struct heap_setup fit_heap(const struct fit_trace *t, const struct fit_setup *s, const uint32_t *sizes,
                           unsigned sizes_n, bool grows)
{
    struct heap_setup how = {.header = s->header ? s->header : FREELIST_UNIT,
                             .guard = s->guard,
                             .unit = s->unit,
                             .sizes = sizes,
                             .sizes_n = sizes_n};
    size_t live = t->peak ? t->peak : 1;

    if (!how.unit) {
        how.unit = 16;
        while ((size_t)how.unit << (BUDDY_ORDERS - 1) < t->largest)
            how.unit *= 2;
    }
    how.step = power_above(live / 64);
    if (how.step > PAGE_SIZE)
        how.step = PAGE_SIZE;
    if (how.step < 64)
        how.step = 64;
    if (grows) {
        how.start = how.step;
        how.most = 8 * live + (256u << 10);
        if (how.most > FREELIST_MOST / 2)
            how.most = FREELIST_MOST / 2;
    } else {
        how.most = s->heap ? s->heap : live + live / 4;
        how.start = how.most = (how.most + how.step - 1) / how.step * how.step;
    }
    return how;
}

/* --- both runs --- */

struct sums {
    uint64_t needed, external, internal;
    uint32_t samples;
    size_t peak;
};

static void sample(struct fit_run *r, struct sums *sums)
{
    struct fit_look l;

    fit_look(r, &l);
    sums->needed += l.needed;
    sums->external += fit_external(r, &l);
    sums->internal += fit_internal(&l);
    sums->samples++;
}

/* False: an invariant is broken. */
static bool run(struct fit_run *r, const struct fit_setup *s, struct sums *sums, uint64_t *time)
{
    uint32_t every = r->trace->ops / SAMPLES + 1, verify = r->trace->ops / VERIFIES + 1, verified = 0;
    uint64_t from = 0;

    *sums = (struct sums){0};
    while (r->done < r->trace->ops) {
        uint32_t until = r->done + every < r->trace->ops ? r->done + every : r->trace->ops;

        if (s->clock)
            from = s->clock();
        while (r->done < until) {
            fit_step(r);
            if (heap_needed(&r->heap) > sums->peak)
                sums->peak = heap_needed(&r->heap);
        }
        if (s->clock)
            *time += s->clock() - from;
        sample(r, sums);
        if (s->verify && r->done - verified >= verify) {
            if (!heap_verify(&r->heap))
                return false;
            verified = r->done;
        }
    }
    return true;
}

/* What the loop of run() costs alone: each operation comes to a block that nobody has. */
static uint64_t overhead(struct fit_run *r, const struct fit_setup *s)
{
    struct fit_trace idle = *r->trace;
    const struct fit_trace *trace = r->trace;
    uint64_t time = 0;
    struct sums sums;

    idle.op = malloc(idle.ops * sizeof *idle.op);
    if (!idle.op)
        return 0;
    for (uint32_t i = 0; i < idle.ops; i++)
        idle.op[i] = (struct fit_op){.block = trace->op[i].block, .what = FIT_FREE};
    r->trace = &idle;
    run(r, s, &sums, &time);
    r->trace = trace;
    r->done = 0;
    free(idle.op);
    return time;
}

bool fit_measure(const struct fit_trace *t, const struct heap_kind *k, const struct fit_setup *s,
                 struct fit_result *out)
{
    unsigned n;
    uint32_t *sizes = fit_sizes(t, &n);
    struct heap_setup how;
    struct fit_run *r = malloc(sizeof *r);
    struct sums sums;
    uint64_t idle;
    bool ok = sizes && r;

    *out = (struct fit_result){0};
    how = fit_heap(t, s, sizes, n, true);
    if (ok && fit_begin(r, t, k, &how) == 0) {
        idle = s->clock ? overhead(r, s) : 0;
        ok = run(r, s, &sums, &out->time);
        out->ran = true;
        out->time = out->time > idle ? out->time - idle : 0;
        out->operations = t->ops;
        out->peak = sums.peak;
        out->mean = (size_t)(sums.needed / sums.samples);
        out->internal = (uint32_t)(sums.internal / sums.samples);
        out->refused = r->fails;
        out->moved = (uint32_t)r->heap.moved;
        out->searched = r->heap.allocs ? heap_searched(&r->heap) * 100 / r->heap.allocs : 0;
        fit_end(r);
    }
    how = fit_heap(t, s, sizes, n, false);
    if (ok && out->ran && fit_begin(r, t, k, &how) == 0) {
        struct fit_setup no_clock = *s;

        no_clock.clock = NULL;
        ok = run(r, &no_clock, &sums, &idle);
        out->fails = r->fails;
        out->external = (uint32_t)(sums.external / sums.samples);
        fit_end(r);
    } else {
        out->ran = false;
    }
    free(sizes);
    free(r);
    return ok;
}
