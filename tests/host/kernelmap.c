/*
 * The kernel half of the page tables on the host: pt_kernel_map() and pt_kernel_unmap() record what
 * would be mapped, with the same rules as the real ones: a span's table is a frame of the pool, there
 * while the span has an entry; a page is mapped once only; flags are remembered for nobody.
 */
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/pt.h"

#define PAGES ((KVA_END - KVA_START) >> PAGE_SHIFT)
#define SPANS (((KVA_END - KVA_START) >> PT_SPAN_SHIFT) + 1)

static pfn_t mapped[PAGES];
static struct {
    struct frame_pool *pool;
    struct frame *table;
} span[SPANS];

static uint32_t page_of(vaddr_t va)
{
    mm_assert(va >= KVA_START && va < KVA_END && !(va & PAGE_MASK), "address %x", va);
    return (va - KVA_START) >> PAGE_SHIFT;
}

int pt_kernel_map(struct frame_pool *pool, vaddr_t va, pfn_t pfn, unsigned flags)
{
    uint32_t page = page_of(va), s = (va - KVA_START) >> PT_SPAN_SHIFT;

    (void)flags;
    mm_assert(nosleep_depth() > 0, "mapping %x outside a nosleep section", va);
    mm_assert(!mapped[page], "%x is mapped to frame %u", va, mapped[page]);
    if (!span[s].table) {
        span[s].table = frame_alloc(pool, FRAME_TABLE, FRAME_LOW_ONLY);
        if (!span[s].table)
            return -ENOMEM;
        span[s].pool = pool;
    }
    span[s].table->used++;
    mapped[page] = pfn;
    return 0;
}

pfn_t pt_kernel_unmap(vaddr_t va)
{
    uint32_t page = page_of(va), s = (va - KVA_START) >> PT_SPAN_SHIFT;
    pfn_t pfn = mapped[page];

    mm_assert(nosleep_depth() > 0, "unmapping %x outside a nosleep section", va);
    if (!pfn)
        return PFN_NONE;
    mapped[page] = PFN_NONE;
    if (--span[s].table->used == 0) {
        frame_free(span[s].pool, span[s].table);
        span[s].table = NULL;
    }
    return pfn;
}

bool pt_kernel_mapped(vaddr_t va)
{
    return mapped[page_of(va)] != PFN_NONE;
}
