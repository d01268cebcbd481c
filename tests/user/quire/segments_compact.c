/* Blocks behind segments are moved together. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "tests/user/quire/segments.h"

#define HEAP_SIZE 65536u
#define BLOCKS    40u
#define FIRST_SEG 32u /* in the table */

struct block {
    uint32_t start, size; /* size 0: free */
};
static struct block blocks[BLOCKS];
static uint8_t *ground;

static uint8_t mark(unsigned n, uint32_t i)
{
    return (uint8_t)(n * 37 + i * 11 + i / 251);
}

/* In order of address. */
static unsigned in_order(unsigned order[BLOCKS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < BLOCKS; i++) {
        unsigned k = n;

        if (!blocks[i].size)
            continue;
        for (; k > 0 && blocks[order[k - 1]].start > blocks[i].start; k--)
            order[k] = order[k - 1];
        order[k] = i;
        n++;
    }
    return n;
}

struct holes {
    uint32_t n, total, largest, first; /* first: where one of the wanted size is; UINT32_MAX: nowhere */
};

static struct holes find_holes(uint32_t wanted)
{
    unsigned order[BLOCKS], n = in_order(order);
    struct holes h = {0, 0, 0, UINT32_MAX};
    uint32_t at = 0;

    for (unsigned k = 0; k <= n; k++) {
        uint32_t end = k < n ? blocks[order[k]].start : HEAP_SIZE, size = end - at;

        if (size) {
            h.n++;
            h.total += size;
            h.largest = size > h.largest ? size : h.largest;
            if (size >= wanted && h.first == UINT32_MAX)
                h.first = at;
        }
        if (k < n)
            at = end + blocks[order[k]].size;
    }
    return h;
}

static void place(unsigned n, uint32_t start, uint32_t size)
{
    blocks[n] = (struct block){start, size};
    define(FIRST_SEG + n, number(ground) + start, size - 1, SEG_32BIT);
}

/* Take a block by first fit, and write to it through its segment. */
static bool take(unsigned n, uint32_t size)
{
    struct holes h = find_holes(size);

    if (h.first == UINT32_MAX)
        return false;
    place(n, h.first, size);
    for (uint32_t i = 0; i < size; i += 61)
        check(!segment_write(SEG(FIRST_SEG + n), i, mark(n, i)).signo, "block %u, byte %u", n, i);
    return true;
}

/* Whether all blocks hold what they held, read through their segments, at the byte that base and offset say.
 */
static bool all_as_they_were(void)
{
    bool same = true;

    for (unsigned n = 0; n < BLOCKS; n++)
        for (uint32_t i = 0; i < blocks[n].size; i += 61) {
            struct touched t = segment_read(SEG(FIRST_SEG + n), i);

            same &= !t.signo && t.value == mark(n, i) && ground[blocks[n].start + i] == t.value;
        }
    return same;
}

static void picture(const char *what, uint32_t wanted)
{
    char bar[65];
    struct holes h = find_holes(wanted);

    for (unsigned i = 0; i < 64; i++) {
        uint32_t at = i * (HEAP_SIZE / 64), used = 0;

        for (unsigned n = 0; n < BLOCKS; n++) {
            uint32_t lo = blocks[n].start > at ? blocks[n].start : at;
            uint32_t hi =
                blocks[n].start + blocks[n].size < at + 1024 ? blocks[n].start + blocks[n].size : at + 1024;

            used += blocks[n].size && hi > lo ? hi - lo : 0;
        }
        bar[i] = used == 0 ? '.' : used < 1024 ? '+' : '#';
    }
    bar[64] = '\0';
    printf("  %-10s %5u %8u %8u %5u.%u%%\n  |%s|\n", what, h.n, h.total, h.largest,
           h.total ? (h.total - h.largest) * 100 / h.total : 0,
           h.total ? (uint32_t)((uint64_t)(h.total - h.largest) * 1000 / h.total % 10) : 0, bar);
}

int segments_compact(void)
{
    const uint32_t wanted = 12000;
    unsigned before = segments_failed, order[BLOCKS], n, moved = 0, largest_index = 0;
    uint32_t seed = 7, at = 0, bytes = 0;
    struct holes h;

    puts("\n-- Compaction: blocks behind segments are moved together");
    ground = map_pages(HEAP_SIZE / PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(blocks, 0, sizeof blocks);
    for (n = 0; n < BLOCKS - 1; n++) {
        seed = seed * 1103515245u + 12345;
        if (!take(n, 500 + (seed >> 16) % 4500))
            break;
    }
    puts("  Each block is a segment. '#': used, '+': in part, '.': free.");
    puts("  state      holes     free  largest  fragmentation (1 - largest/free)");
    picture("full", wanted);
    for (unsigned i = 0; i < n; i += 2) {
        blocks[i].size = 0;
        segment_clear(FIRST_SEG + i);
    }
    h = find_holes(wanted);
    picture("each 2nd", wanted);
    check(h.total >= wanted && h.largest < wanted, "enough is free, and not in one piece");
    check(!take(BLOCKS - 1, wanted), "a block of %u is refused", wanted);
    sentence("A block of %u bytes: refused, though %u are free. External fragmentation.", wanted, h.total);
    largest_index = in_order(order);
    for (unsigned k = 0; k < largest_index; k++) {
        struct block *b = &blocks[order[k]];

        if (b->start != at) {
            memmove(ground + at, ground + b->start, b->size);
            bytes += b->size;
            moved++;
            place(order[k], at, b->size); /* the selector stays: who holds it notices nothing */
            check(all_as_they_were(), "all blocks hold what they held after move %u", moved);
            if (moved % 3 == 0) {
                char what[16];

                snprintf(what, sizeof what, "move %u", moved);
                picture(what, wanted);
            }
        }
        at += b->size;
    }
    picture("compacted", wanted);
    h = find_holes(wanted);
    check(h.n == 1 && h.total == h.largest, "one hole is left");
    sentence("%u blocks moved, %u bytes; %u bases changed, no selector, and no pointer of any program.",
             moved, bytes, moved);
    check(take(BLOCKS - 1, wanted), "now there is room");
    sentence("A block of %u bytes: at %u, base 0x%08x.", wanted, blocks[BLOCKS - 1].start,
             number(ground) + blocks[BLOCKS - 1].start);
    check(all_as_they_were(), "all blocks hold what they held");
    picture("and then", wanted);
    for (unsigned i = 0; i < BLOCKS; i++)
        segment_clear(FIRST_SEG + i);
    munmap(ground, HEAP_SIZE);
    return (int)(segments_failed - before);
}
