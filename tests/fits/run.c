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
 *
 * A clock that counts time, not instructions, counts also what interrupts, other programs and the system do.
 * Then the heap's memory is touched before, and each run that is timed is done REPEATS times: of each stretch
 * between two samples the least counts. All runs do the same, so only what came between is lost.
 */
#include "tests/fits/run.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES 2048u
/* Invariants are checked so often: that of a list with n blocks takes as long as n * n. */
#define VERIFIES 64u
#define REPEATS  3u

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

/* What a measurement has done so far, of all that it does. */
struct measurement {
    struct fit_run run;
    const struct fit_setup *setup;
    uint64_t done, all; /* operations */
    unsigned percent;   /* that was told */
    uint64_t *least;    /* [stretches] ticks: of each; NULL: the sum is enough */
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

static void tell_progress(struct measurement *m, uint32_t done)
{
    unsigned percent = (unsigned)((m->done += done) * 100 / m->all);

    if (m->setup->progress && percent != m->percent) {
        m->percent = percent;
        m->setup->progress(m->setup->arg, percent);
    }
}

static uint32_t stretch_of(const struct fit_trace *t)
{
    return t->ops / SAMPLES + 1;
}

/* The whole trace. time: added to, by the clock; NULL: it is not timed. False: an invariant is broken. */
static bool run(struct measurement *m, struct sums *sums, uint64_t *time)
{
    struct fit_run *r = &m->run;
    uint32_t every = stretch_of(r->trace), verify = r->trace->ops / VERIFIES + 1, verified = 0;
    uint64_t from = 0, took;

    *sums = (struct sums){0};
    for (size_t stretch = 0; r->done < r->trace->ops; stretch++) {
        uint32_t until = r->done + every < r->trace->ops ? r->done + every : r->trace->ops, first = r->done;

        if (time)
            from = m->setup->clock();
        while (r->done < until) {
            fit_step(r);
            if (heap_needed(&r->heap) > sums->peak)
                sums->peak = heap_needed(&r->heap);
        }
        if (time) {
            took = m->setup->clock() - from;
            if (m->least && took < m->least[stretch])
                m->least[stretch] = took;
            *time += took;
        }
        sample(r, sums);
        tell_progress(m, until - first);
        if (m->setup->verify && r->done - verified >= verify) {
            if (!heap_verify(&r->heap))
                return false;
            verified = r->done;
        }
    }
    return true;
}

/* The least of all stretches, which begin anew. */
static uint64_t take_least(struct measurement *m)
{
    size_t n = (m->run.trace->ops + stretch_of(m->run.trace) - 1) / stretch_of(m->run.trace);
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += m->least[i];
        m->least[i] = UINT64_MAX;
    }
    return sum;
}

/* What the loop of run() costs alone: each operation comes to a block that nobody has. */
static uint64_t overhead(struct measurement *m, unsigned repeats)
{
    struct fit_trace idle = *m->run.trace;
    const struct fit_trace *trace = m->run.trace;
    uint64_t time = 0;
    struct sums sums;

    idle.op = malloc(idle.ops * sizeof *idle.op);
    if (!idle.op)
        return 0;
    for (uint32_t i = 0; i < idle.ops; i++)
        idle.op[i] = (struct fit_op){.block = trace->op[i].block, .what = FIT_FREE};
    m->run.trace = &idle;
    for (unsigned i = 0; i < repeats; i++) {
        m->run.done = 0;
        run(m, &sums, &time);
    }
    if (m->least)
        time = take_least(m);
    m->run.trace = trace;
    m->run.done = 0;
    free(idle.op);
    return time;
}

/* In a heap that grows. False: no memory; or an invariant is broken. */
static bool measure_growing(struct measurement *m, const struct fit_trace *t, const struct heap_kind *k,
                            const struct heap_setup *how, struct fit_result *out)
{
    unsigned repeats = m->least ? REPEATS : 1;
    uint64_t idle = 0, time = 0;
    struct sums sums;
    bool ok = true;

    for (unsigned i = 0; ok && i < repeats; i++) {
        if (fit_begin(&m->run, t, k, how) != 0)
            return true; /* out->ran is false */
        if (m->least)
            heap_warm(&m->run.heap);
        if (m->setup->clock && i == 0)
            idle = overhead(m, repeats);
        ok = run(m, &sums, m->setup->clock ? &time : NULL);
        out->ran = true;
        out->peak = sums.peak;
        out->mean = (size_t)(sums.needed / sums.samples);
        out->internal = (uint32_t)(sums.internal / sums.samples);
        out->refused = m->run.fails;
        out->moved = (uint32_t)m->run.heap.moved;
        out->searched = m->run.heap.allocs ? heap_searched(&m->run.heap) * 100 / m->run.heap.allocs : 0;
        fit_end(&m->run);
    }
    if (m->least && ok)
        time = take_least(m);
    out->time = time > idle ? time - idle : 0;
    out->operations = t->ops;
    return ok;
}

bool fit_measure(const struct fit_trace *t, const struct heap_kind *k, const struct fit_setup *s,
                 struct fit_result *out)
{
    unsigned n, repeats = s->clock && s->ticks ? REPEATS : 1;
    uint32_t *sizes = fit_sizes(t, &n);
    struct heap_setup how;
    struct measurement *m = malloc(sizeof *m);
    struct sums sums;
    bool ok = sizes && m;

    *out = (struct fit_result){0};
    if (!ok)
        goto out;
    *m = (struct measurement){.setup = s};
    m->all = (uint64_t)t->ops * (repeats * (s->clock ? 2 : 1) + 1);
    if (repeats > 1) {
        m->least = malloc((SAMPLES + 1) * sizeof *m->least);
        ok = m->least != NULL;
        for (unsigned i = 0; ok && i <= SAMPLES; i++)
            m->least[i] = UINT64_MAX;
    }
    how = fit_heap(t, s, sizes, n, true);
    ok = ok && measure_growing(m, t, k, &how, out);
    how = fit_heap(t, s, sizes, n, false);
    if (ok && out->ran && fit_begin(&m->run, t, k, &how) == 0) {
        ok = run(m, &sums, NULL);
        out->fails = m->run.fails;
        out->external = (uint32_t)(sums.external / sums.samples);
        fit_end(&m->run);
    } else {
        out->ran = false;
    }
    free(m->least);
out:
    free(sizes);
    free(m);
    return ok;
}
