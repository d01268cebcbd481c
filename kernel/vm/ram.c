#include "kernel/vm/ram.h"
#include "mm/os.h"

static void erase(struct ram_map *m, unsigned i, unsigned count)
{
    memmove(&m->range[i], &m->range[i + count], (m->n - i - count) * sizeof m->range[0]);
    m->n -= count;
}

static void insert(struct ram_map *m, unsigned i, pfn_t start, pfn_t end)
{
    memmove(&m->range[i + 1], &m->range[i], (m->n - i) * sizeof m->range[0]);
    m->range[i] = (struct ram_range){start, end};
    m->n++;
}

#define TOP_FRAME (1u << (32 - PAGE_SHIFT)) /* 4 GiB */

struct ram_range ram_frames(uint64_t addr, uint64_t len, bool whole)
{
    uint64_t end = len > UINT64_MAX - addr ? UINT64_MAX : addr + len;
    /* Not by adding a page first: that may wrap. */
    uint64_t first = (addr >> PAGE_SHIFT) + (whole && addr & PAGE_MASK);
    uint64_t last = (end >> PAGE_SHIFT) + (!whole && end & PAGE_MASK);

    if (len == 0)
        last = first;
    if (first > TOP_FRAME)
        first = TOP_FRAME;
    if (last > TOP_FRAME)
        last = TOP_FRAME;
    return (struct ram_range){(pfn_t)first, (pfn_t)last};
}

bool ram_add(struct ram_map *m, pfn_t start, pfn_t end)
{
    unsigned i = 0, j;

    if (start >= end)
        return true;
    while (i < m->n && m->range[i].end < start)
        i++;
    /* [i, j): the ranges that overlap or touch the new one; they become one. */
    for (j = i; j < m->n && m->range[j].start <= end; j++) {
        if (m->range[j].start < start)
            start = m->range[j].start;
        if (m->range[j].end > end)
            end = m->range[j].end;
    }
    if (i < j) {
        m->range[i] = (struct ram_range){start, end};
        erase(m, i + 1, j - i - 1);
        return true;
    }
    if (m->n == RAM_RANGES)
        return false;
    insert(m, i, start, end);
    return true;
}

bool ram_remove(struct ram_map *m, pfn_t start, pfn_t end)
{
    bool exact = true;
    unsigned i = 0;

    if (start >= end)
        return true;
    while (i < m->n && m->range[i].start < end) {
        struct ram_range *r = &m->range[i];
        bool before = r->start<start, after = r->end> end;

        if (r->end <= start) {
            i++;
        } else if (before && after) {
            if (m->n < RAM_RANGES)
                insert(m, i + 1, end, r->end);
            else
                exact = false;
            r->end = start;
            i += 2;
        } else if (before) {
            r->end = start;
            i++;
        } else if (after) {
            r->start = end;
            i++;
        } else {
            erase(m, i, 1);
        }
    }
    return exact;
}

bool ram_contains(const struct ram_map *m, pfn_t start, pfn_t end)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->range[i].start <= start && end <= m->range[i].end)
            return true;
    return start >= end;
}

pfn_t ram_count(const struct ram_map *m)
{
    pfn_t n = 0;

    for (unsigned i = 0; i < m->n; i++)
        n += m->range[i].end - m->range[i].start;
    return n;
}

pfn_t ram_top(const struct ram_map *m)
{
    return m->n ? m->range[m->n - 1].end : 0;
}

pfn_t ram_take(struct ram_map *m, pfn_t n, pfn_t limit)
{
    for (unsigned i = 0; i < m->n; i++) {
        pfn_t start = m->range[i].start ? m->range[i].start : 1;
        pfn_t end = m->range[i].end < limit ? m->range[i].end : limit;

        if (end > start && end - start >= n) {
            ram_remove(m, start, start + n);
            return start;
        }
    }
    return PFN_NONE;
}
