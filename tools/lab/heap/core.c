/*
 * The harness of allocators (tests/fits) as a page in a browser calls it.
 *
 * Purpose: one instance runs one allocator over one trace. To go back the page makes another one and runs it
 * again, so nothing is ever given back.
 *
 * Data: one trace, one run, and buffers that the page reads.
 *
 * It fails by a trap, after it has said why: the browser has no memory, or an invariant is broken.
 */
#include "tests/fits/run.h"
#include "tools/lab/player/libc/stdlib.h"
#include "tools/lab/player/libc/string.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

/* Ranges that the page can draw. */
#define DRAWN_MAX 20000u

/* 16 words, for the page. */
struct state {
    uint32_t done, refused, fails, live;
    uint32_t needed, given, asked, free;
    uint32_t largest, external, internal, searched;
    uint32_t allocs, moved, free_count, block_count;
};

static struct fit_trace trace;
static struct fit_run run;
static struct fit_setup setup;
static struct state state;
static uint32_t bad;
/* Free ranges in their order: at, size; and live blocks: at, given, asked, number. */
static uint32_t free_range[2 * DRAWN_MAX], block[4 * DRAWN_MAX];
static char *text;
static size_t text_size, text_room;

void *EXPORT(heap_room)(uint32_t size)
{
    return malloc(size ? size : 1);
}

/* NULL: there are not so many. */
const char *EXPORT(heap_name)(uint32_t i)
{
    static struct heap_kind k;

    return heap_kind(i, &k) ? k.name : NULL;
}

/* Operations; 0: heap_bad() is the line that cannot be. */
uint32_t EXPORT(heap_trace)(const char *from, uint32_t size, uint32_t large)
{
    return fit_parse(&trace, from, size, large, &bad) ? trace.ops : 0;
}

uint32_t EXPORT(heap_bad)(void)
{
    return bad;
}

/* [heap_trace()] of four words: block, size, alignment, what. */
const struct fit_op *EXPORT(heap_ops)(void)
{
    return trace.op;
}

uint32_t EXPORT(heap_peak)(void)
{
    return trace.peak;
}

/* --- random traces --- */

static void put(void *arg, const char *from, size_t size)
{
    (void)arg;
    if (text_size + size > text_room) {
        text_room = 2 * (text_size + size) + 4096;
        text = realloc(text, text_room);
        if (!text)
            abort();
    }
    memcpy(text + text_size, from, size);
    text_size += size;
}

/* The text; NULL: there are no such sizes. */
const char *EXPORT(heap_random)(uint32_t seed, const char *sizes, uint32_t ops, uint32_t live)
{
    text_size = 0;
    return fit_random(seed, sizes, ops, live, put, NULL) ? text : NULL;
}

uint32_t EXPORT(heap_random_size)(void)
{
    return (uint32_t)text_size;
}

/* --- the run --- */

/* For all that follows. heap 0: of 5/4 of what is live at most, where it does not grow. */
void EXPORT(heap_rules)(uint32_t heap, uint32_t header, uint32_t guard)
{
    setup = (struct fit_setup){.heap = heap, .header = header, .guard = guard};
}

bool EXPORT(heap_start)(uint32_t kind, bool grows)
{
    struct heap_kind k;
    unsigned n;
    uint32_t *sizes = fit_sizes(&trace, &n);
    struct heap_setup how = fit_heap(&trace, &setup, sizes, n, grows);

    return sizes && heap_kind(kind, &k) && fit_begin(&run, &trace, &k, &how) == 0;
}

uint32_t EXPORT(heap_go)(uint32_t to)
{
    while (run.done < to && run.done < trace.ops)
        fit_step(&run);
    return run.done;
}

static void add_free(void *arg, size_t at, size_t size)
{
    (void)arg;
    if (state.free_count == DRAWN_MAX)
        return;
    free_range[2 * state.free_count] = (uint32_t)at;
    free_range[2 * state.free_count++ + 1] = (uint32_t)size;
}

const struct state *EXPORT(heap_state)(void)
{
    struct fit_look l;

    fit_look(&run, &l);
    state = (struct state){.done = run.done,
                           .refused = run.refused,
                           .fails = run.fails,
                           .needed = (uint32_t)l.needed,
                           .given = (uint32_t)l.given,
                           .asked = (uint32_t)l.asked,
                           .free = (uint32_t)l.free,
                           .largest = (uint32_t)l.largest,
                           .external = fit_external(&run, &l),
                           .internal = fit_internal(&l),
                           .searched = (uint32_t)heap_searched(&run.heap),
                           .allocs = (uint32_t)run.heap.allocs,
                           .moved = (uint32_t)run.heap.moved};
    heap_each_free(&run.heap, add_free, NULL);
    for (uint32_t i = 0; i < trace.blocks; i++) {
        const struct heap_block *b = &run.block[i];
        uint32_t *at = block + 4 * state.block_count;

        if (!run.live[i])
            continue;
        state.live++;
        if (state.block_count == DRAWN_MAX)
            continue;
        at[0] = (uint32_t)b->at;
        at[1] = b->given;
        at[2] = b->asked;
        at[3] = i;
        state.block_count++;
    }
    return &state;
}

const uint32_t *EXPORT(heap_free_ranges)(void)
{
    return free_range;
}

const uint32_t *EXPORT(heap_blocks)(void)
{
    return block;
}

bool EXPORT(heap_sound)(void)
{
    return heap_verify(&run.heap);
}

/* All of the trace, in both heaps: fails, external, peak, mean, internal, searched. NULL: no memory, or an
 * invariant is broken. */
const uint32_t *EXPORT(heap_measure)(uint32_t kind)
{
    static uint32_t out[6];
    struct fit_result r;
    struct heap_kind k;

    if (!heap_kind(kind, &k) || !fit_measure(&trace, &k, &setup, &r) || !r.ran)
        return NULL;
    out[0] = r.fails;
    out[1] = r.external;
    out[2] = (uint32_t)r.peak;
    out[3] = (uint32_t)r.mean;
    out[4] = r.internal;
    out[5] = (uint32_t)r.searched;
    return out;
}
