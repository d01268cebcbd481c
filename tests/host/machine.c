/* mm/machine.h on the host, but for page tables. High frames are reachable through windows only. */
#include "mm/machine.h"
#include "mm/x86/cycles.h"
#include "tests/host/pool.h"

#include <stdlib.h>
#include <string.h>

static unsigned windows;
static uint64_t cycles;

uint64_t cycles_now(void)
{
    return ++cycles;
}

void *window_open(const struct frame_pool *p, pfn_t pfn)
{
    const struct host_pool *hp = container_of(p, struct host_pool, pool);

    mm_assert(pfn >= p->start && pfn < p->end, "window on frame %u outside [%u, %u)", pfn, p->start, p->end);
    windows++;
    if (frame_is_low(p, pfn))
        return frame_ptr(p, pfn);
    return hp->high + ((size_t)(pfn - p->low_end) << PAGE_SHIFT);
}

void window_close(const struct frame_pool *p, void *ptr)
{
    (void)p;
    (void)ptr;
    mm_assert(windows > 0, "window closed that was not open");
    windows--;
}

static void clear(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

static void copy(void *dst, const void *src)
{
    memcpy(dst, src, PAGE_SIZE);
}

void (*page_clear)(void *) = clear;
void (*page_copy)(void *, const void *) = copy;

void frame_clear(const struct frame_pool *p, pfn_t pfn)
{
    void *v = window_open(p, pfn);

    page_clear(v);
    window_close(p, v);
}

void frame_copy(const struct frame_pool *p, pfn_t dst, pfn_t src)
{
    void *d = window_open(p, dst);
    void *s = window_open(p, src);

    page_copy(d, s);
    window_close(p, s);
    window_close(p, d);
}
