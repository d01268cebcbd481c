/*
 * Tables of base and bounds, and of two segments, that another program's simulator printed: each row is done
 * with a real descriptor and a real access.
 *
 * A "physical" address is a place in a window of memory, at which a descriptor's base points. The window is
 * laid so that the limit of the row ends at a page, behind which nobody may touch anything; of physical
 * memory it has what the row can touch, and no more.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "tests/program/rows.h"
#include "tests/user/quire/segments.h"

#define FAULT    UINT64_MAX
#define FARTHEST ((1ull << 40) - 1) /* what is said of physical memory */

/* Say why the row at hand cannot be done. */
static bool __attribute__((format(printf, 2, 3))) cannot(const struct rows *r, const char *fmt, ...)
{
    va_list ap;

    printf("  %s: line %u: ", rows_column(r, "id"), r->line);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    return false;
}

static bool value_of(const struct rows *r, const char *name, uint64_t most, uint64_t *out)
{
    const char *text = rows_column(r, name);

    if (!rows_size(text, out))
        return cannot(r, "%s is \"%s\", which is no number", name, text);
    return *out <= most || cannot(r, "%s is %s, which is too large", name, text);
}

static bool answer_of(const struct rows *r, uint64_t *out)
{
    const char *text = rows_column(r, "pa");

    *out = FAULT;
    return strcmp(text, "fault") == 0 || rows_size(text, out) ||
           cannot(r, "pa is \"%s\", neither a number nor fault", text);
}

/* --- the window --- */

/* Physical byte 0 would lie at `zero`; only linear [open_from, open_to) can be touched. */
struct window {
    uint8_t *reserved;
    size_t size;
    uint32_t zero, open_from, open_to;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Lay it so that the byte `edge` begins a page, open [from, to), and keep everybody else away from what an
 * access could touch, which may be below the first byte. False: there is no room. */
static bool open_window(struct window *w, int64_t edge, int64_t from, int64_t to, int64_t access)
{
    int64_t low = least(least(from, edge), access), size = most(most(to, edge), access + 1) - low;

    if (size > 3ll << 30)
        return false;
    w->size = (size_t)(size + 4 * PAGE) / PAGE * PAGE;
    w->reserved = mmap(NULL, w->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (w->reserved == MAP_FAILED)
        return false;
    w->zero = number(w->reserved) + PAGE - (uint32_t)low;
    w->zero += PAGE - (w->zero + (uint32_t)edge) % PAGE;
    w->open_from = (w->zero + (uint32_t)from) / PAGE * PAGE;
    w->open_to = (w->zero + (uint32_t)to + PAGE - 1) / PAGE * PAGE;
    return from == to ||
           mprotect((void *)(uintptr_t)w->open_from, w->open_to - w->open_from, PROT_READ | PROT_WRITE) == 0;
}

static void close_window(struct window *w)
{
    munmap(w->reserved, w->size);
}

/* A segment of `limit` bytes that begins at linear address `base`. What has none is not present. */
static void set_up(unsigned n, uint32_t base, uint32_t limit)
{
    if (limit == 0)
        define(n, base, 0, SEG_32BIT | SEG_ABSENT);
    else if (limit <= 1u << 20)
        define(n, base, limit - 1, SEG_32BIT);
    else
        define(n, base, (limit - 1) / PAGE, SEG_32BIT | SEG_PAGES);
}

/* One that ends below linear address `end` and grows down to `limit` bytes; returns the offset of its end. */
static uint32_t set_down(unsigned n, uint32_t end, uint32_t limit)
{
    if (limit == 0) {
        define(n, end, 0, SEG_32BIT | SEG_DOWN | SEG_ABSENT);
        return 0;
    }
    if (limit < 0xFFFF) { /* 16 bits: its offsets end at 0xFFFF */
        define(n, end - 0x10000, 0xFFFF - limit, SEG_DOWN);
        return 0x10000;
    }
    /* 32 bits: they end at 0xFFFFFFFF; the limit is in pages. */
    define(n, end, 0xFFFFF - (limit + PAGE - 1) / PAGE, SEG_32BIT | SEG_DOWN | SEG_PAGES);
    return 0;
}

/*
 * One access: what it touches must be the byte at `want` of the window, by reading what lies there and by
 * writing what is then found there; or, FAULT, it must be refused.
 */
static bool access_is(const struct window *w, unsigned n, uint32_t offset, uint64_t want)
{
    uint32_t at = w->zero + (uint32_t)want;
    volatile uint8_t *byte = (volatile uint8_t *)(uintptr_t)at;
    struct touched t;

    if (want == FAULT)
        return segment_read(SEG(n), offset).signo && segment_write(SEG(n), offset, 1).signo;
    if (at < w->open_from || at >= w->open_to)
        return false; /* not in the segment */
    for (unsigned v = 0; v < 2; v++) {
        *byte = (uint8_t)(0xA5 ^ (v * 0xFF));
        t = segment_read(SEG(n), offset);
        if (t.signo || t.value != *byte)
            return false;
        t = segment_write(SEG(n), offset, (uint8_t)(0x3C + v));
        if (t.signo || *byte != 0x3C + v)
            return false;
    }
    return true;
}

/* --- rows --- */

enum outcome { EQUAL, DIFFERS, IMPOSSIBLE };

static enum outcome relocation_row(const struct rows *r)
{
    uint64_t aspace, physmem, base, limit, va, want;
    struct window w;
    bool equal;

    if (!value_of(r, "aspace", FARTHEST, &aspace) || !value_of(r, "physmem", FARTHEST, &physmem) ||
        !value_of(r, "base", FARTHEST, &base) || !value_of(r, "limit", UINT32_MAX, &limit) ||
        !value_of(r, "va", UINT32_MAX, &va) || !answer_of(r, &want))
        return IMPOSSIBLE;
    if (!open_window(&w, (int64_t)(base + limit), (int64_t)base, (int64_t)(base + limit),
                     (int64_t)(base + va))) {
        cannot(r, "no room for what lies between base and va");
        return IMPOSSIBLE;
    }
    set_up(DATA, w.zero + (uint32_t)base, (uint32_t)limit);
    equal = access_is(&w, DATA, (uint32_t)va, want);
    close_window(&w);
    return equal ? EQUAL : DIFFERS;
}

/* Segment 1 ends at base1 and grows down; its last byte is the last one of the address space. */
static enum outcome segmentation_row(const struct rows *r)
{
    uint64_t aspace, physmem, base[2], limit[2], va, segment, want;
    int64_t from, to;
    struct window w;
    bool equal;

    if (!value_of(r, "aspace", UINT32_MAX, &aspace) || !value_of(r, "physmem", FARTHEST, &physmem) ||
        !value_of(r, "base0", FARTHEST, &base[0]) || !value_of(r, "limit0", UINT32_MAX, &limit[0]) ||
        !value_of(r, "base1", FARTHEST, &base[1]) || !value_of(r, "limit1", UINT32_MAX, &limit[1]) ||
        !value_of(r, "va", UINT32_MAX, &va) || !value_of(r, "segment", 1, &segment) || !answer_of(r, &want))
        return IMPOSSIBLE;
    if (va >= aspace || limit[1] > base[1]) {
        cannot(r, va >= aspace ? "va is not below aspace" : "limit1 is more than base1");
        return IMPOSSIBLE;
    }
    if (segment !=
        (uint64_t)(2 * va >= aspace)) /* the upper half: of an odd space, without its middle byte */
        return DIFFERS;
    from = (int64_t)(segment ? base[1] - limit[1] : base[0]);
    to = from + (int64_t)limit[segment];
    if (!open_window(&w, segment ? from : to, from, to,
                     segment ? to - (int64_t)(aspace - va) : from + (int64_t)va)) {
        cannot(r, "no room for what lies between the segment and va");
        return IMPOSSIBLE;
    }
    if (segment) {
        uint32_t end = set_down(STACK, w.zero + (uint32_t)base[1], (uint32_t)limit[1]);

        equal = access_is(&w, STACK, end - (uint32_t)(aspace - va), want);
    } else {
        set_up(DATA, w.zero + (uint32_t)base[0], (uint32_t)limit[0]);
        equal = access_is(&w, DATA, (uint32_t)va, want);
    }
    close_window(&w);
    return equal ? EQUAL : DIFFERS;
}

int segments_table(const char *path)
{
    enum outcome (*row)(const struct rows *r) = NULL;
    unsigned rows = 0, equal = 0;
    struct rows r;

    if (!rows_open(&r, path)) {
        fprintf(stderr, "segments: %s: %s\n", path, strerror(errno));
        return 2;
    }
    if (rows_have(&r, "id aspace physmem base limit va pa"))
        row = relocation_row;
    else if (rows_have(&r, "id aspace physmem base0 limit0 base1 limit1 va segment pa"))
        row = segmentation_row;
    else
        fprintf(stderr, "segments: %s: no format that is known\n", path);
    if (row)
        about_limits();
    for (; row && rows_next(&r); rows++) {
        enum outcome outcome = IMPOSSIBLE;

        if (r.values == r.columns)
            outcome = row(&r);
        else
            cannot(&r, "not %u columns", r.columns);
        equal += outcome == EQUAL;
        if (outcome == DIFFERS)
            printf("  %s: line %u: differs\n", rows_column(&r, "id"), r.line);
    }
    if (row && !rows) {
        fprintf(stderr, "segments: %s: there are no rows\n", path);
        row = NULL;
    }
    rows_close(&r);
    if (!row)
        return 2;
    printf("%u rows, %u equal\n", rows, equal);
    return rows == equal ? 0 : 1;
}
