/*
 * Windows
 *
 * Purpose: short-lived mappings of frames that the direct map does not reach.
 *
 * Theory: one page table, made at start-up, of which the first WINDOW_COUNT entries are a stack of windows.
 * Opening takes the next entry, closing gives back the last one and drops its translation; so an entry that
 * is not in use is never in the TLB and opening needs no flush. A low frame's window is its place in the
 * direct map.
 *
 * Locking: none is needed. An interrupt that opens windows closes them before it returns, and the depth is
 * raised before the entry is written, so it works above ours. No window is open across a sleep: an open
 * window is a nosleep section.
 *
 *   INV-WINDOW-1  entries at the depth and above are empty, those below are present
 *
 * Fails: too many nested windows is a bug of ours, and asserted.
 */
#include "mm/layout.h"
#include "mm/machine.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"

static volatile unsigned depth;

static void *window_at(unsigned i)
{
    return (void *)(uintptr_t)(WINDOW_START + (i << PAGE_SHIFT));
}

static void *open_high(pfn_t pfn)
{
    unsigned i = depth;

    mm_assert(i < WINDOW_COUNT, "%u windows are open", i);
    nosleep_enter("the open window");
    depth = i + 1;
    WRITE_ONCE(paging_window_table[i].raw, pte_make(pfn, PT_WRITE).raw);
    return window_at(i);
}

static void close_high(void *ptr)
{
    unsigned i = depth - 1;

    mm_assert(ptr == window_at(i), "window %p closed at depth %u", ptr, depth);
    WRITE_ONCE(paging_window_table[i].raw, 0);
    cpu_invlpg((uint32_t)(uintptr_t)ptr);
    depth = i;
    nosleep_exit();
}

void *window_open(const struct frame_pool *p, pfn_t pfn)
{
    return likely(frame_is_low(p, pfn)) ? frame_ptr(p, pfn) : open_high(pfn);
}

void window_close(const struct frame_pool *p __attribute__((unused)), void *ptr)
{
    if (unlikely((uintptr_t)ptr >= WINDOW_START))
        close_high(ptr);
}

void frame_clear(const struct frame_pool *p, pfn_t pfn)
{
    void *v = window_open(p, pfn);

    page_clear(v);
    window_close(p, v);
}

void frame_copy(const struct frame_pool *p, pfn_t dst, pfn_t src)
{
    void *d = window_open(p, dst), *s = window_open(p, src);

    page_copy(d, s);
    window_close(p, s);
    window_close(p, d);
}

bool window_verify(void)
{
    bool ok = true;

    for (unsigned i = 0; i < PT_TABLE_ENTRIES; i++)
        INV("INV-WINDOW-1",
            i < depth ? pte_present(paging_window_table[i]) : pte_empty(paging_window_table[i]),
            "entry %u is %x at depth %u", i, paging_window_table[i].raw, depth);
    return ok;
}
