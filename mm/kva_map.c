/*
 * Kernel memory that is mapped page by page.
 *
 * Purpose: memory too large for physically contiguous blocks, memory whose overrun must fault, and
 * devices. Layout of an allocation in the arena, g being a page that is never mapped:
 *
 *   stack   g page .. page g     an overflow runs into the lower guard
 *   table     page .. page g     so do runs beyond a table's or a window's end;
 *   device    page .. page g     below it is the guard of the neighbour
 *
 * Data: a kva arena with a cache of segments, and the kernel half of the page tables, which says
 * which frame is where: nothing else remembers it. Frames are high ones if there are any.
 *
 * Locking: each function is one nosleep section, since pt_kernel_map() asks for that.
 *
 * Invariants, checked by kva_map_verify():
 *   INV-KVAMAP-1  every page of an allocation but its guards is mapped, the guards are not
 *   INV-KVAMAP-2  stack_pages, table_pages, device_pages and guard_pages add up to the arena's in_use
 *   INV-KVAMAP-3  stacks and tables are in frames of the pool: FRAME_STACK and FRAME_KERNEL count no fewer
 *
 * Failure: NULL, and everything that had been taken by then is given back: frames, mappings, addresses.
 */
#include "mm/kva_map.h"
#include "mm/machine.h"
#include "mm/pt.h"

struct kva_map kva_map_sys;

/* What lies around the pages of each kind. */
enum { STACK_GUARD = 1, END_GUARD = 1 };

static vaddr_t page_at(vaddr_t start, uint32_t page)
{
    return start + ((vaddr_t)page << PAGE_SHIFT);
}

static void *as_pointer(vaddr_t va)
{
    return (void *)(uintptr_t)va;
}

static vaddr_t as_address(const void *p)
{
    return (vaddr_t)(uintptr_t)p;
}

int kva_map_init(struct kva_map *m, struct frame_pool *pool, const char *name, vaddr_t start, size_t size,
                 enum kva_policy policy)
{
    *m = (struct kva_map){.pool = pool};

    int err = cache_init(&m->segs, pool, "kva-segment", kva_seg_size(), 0, NULL, 0);

    if (err)
        return err;
    err = kva_init(&m->arena, name, start, size, PAGE_SIZE, policy, &m->segs);
    if (err)
        cache_destroy(&m->segs);
    return err;
}

int kva_map_fini(struct kva_map *m)
{
    int err = kva_fini(&m->arena);

    if (err)
        return err;
    cache_destroy(&m->segs);
    return 0;
}

/* Unmap pages and free their frames. */
static void unmap_frames(struct kva_map *m, vaddr_t start, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++) {
        pfn_t pfn = pt_kernel_unmap(page_at(start, i));

        mm_assert(pfn, "INV-KVAMAP-1: page %u of %u at %x is not mapped", i, pages, start);
        frame_free(m->pool, pfn_frame(m->pool, pfn));
    }
}

/* Map fresh frames, cleared, at all pages or at none. Stacks are cleared too, since they are written in part:
 * see slab_create(). */
static bool map_frames(struct kva_map *m, vaddr_t start, uint32_t pages, enum frame_use use)
{
    for (uint32_t i = 0; i < pages; i++) {
        struct frame *f = frame_alloc_kernel(m->pool, use, 0);

        if (!f) {
            unmap_frames(m, start, i);
            return false;
        }
        frame_clear(m->pool, frame_pfn(m->pool, f));
        if (pt_kernel_map(m->pool, page_at(start, i), frame_pfn(m->pool, f), PT_WRITE | PT_GLOBAL)) {
            frame_free(m->pool, f);
            unmap_frames(m, start, i);
            return false;
        }
    }
    return true;
}

/* An address range for pages with guards below and above; *start is that of the first page. */
static bool range_alloc(struct kva_map *m, uint32_t below, uint32_t pages, vaddr_t *start)
{
    size_t at;

    if (pages == 0 || pages >= (m->arena.end - m->arena.start) >> PAGE_SHIFT)
        return false;
    if (kva_alloc(&m->arena, (size_t)(below + pages + END_GUARD) << PAGE_SHIFT, 0, &at))
        return false;
    *start = page_at((vaddr_t)at, below);
    m->guard_pages += below + END_GUARD;
    return true;
}

static void range_free(struct kva_map *m, uint32_t below, uint32_t pages, vaddr_t start)
{
    m->guard_pages -= below + END_GUARD;
    kva_free(&m->arena, start - ((size_t)below << PAGE_SHIFT),
             (size_t)(below + pages + END_GUARD) << PAGE_SHIFT);
}

static void *frames_alloc(struct kva_map *m, uint32_t below, uint32_t pages, enum frame_use use,
                          uint32_t *count)
{
    vaddr_t start;
    bool done = false;

    nosleep_enter("the arena and the kernel half");
    if (range_alloc(m, below, pages, &start)) {
        done = map_frames(m, start, pages, use);
        if (done)
            *count += pages;
        else
            range_free(m, below, pages, start);
    }
    nosleep_exit();
    return done ? as_pointer(start) : NULL;
}

static void frames_free(struct kva_map *m, uint32_t below, uint32_t pages, void *p, uint32_t *count)
{
    nosleep_enter("the arena and the kernel half");
    unmap_frames(m, as_address(p), pages);
    range_free(m, below, pages, as_address(p));
    *count -= pages;
    nosleep_exit();
}

void *kva_stack_alloc(struct kva_map *m, unsigned pages)
{
    return frames_alloc(m, STACK_GUARD, pages, FRAME_STACK, &m->stack_pages);
}

void kva_stack_free(struct kva_map *m, void *stack, unsigned pages)
{
    frames_free(m, STACK_GUARD, pages, stack, &m->stack_pages);
}

void *kva_table_alloc(struct kva_map *m, size_t size)
{
    if (size > m->arena.end - m->arena.start)
        return NULL;
    return frames_alloc(m, 0, (uint32_t)PAGES_OF(size), FRAME_KERNEL, &m->table_pages);
}

void kva_table_free(struct kva_map *m, void *table, size_t size)
{
    frames_free(m, 0, (uint32_t)PAGES_OF(size), table, &m->table_pages);
}

static void unmap_device(vaddr_t start, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        mm_assert(pt_kernel_unmap(page_at(start, i)), "INV-KVAMAP-1: page %u of %u at %x is not mapped", i,
                  pages, start);
}

static bool map_device(struct kva_map *m, vaddr_t start, uint32_t pages, pfn_t first)
{
    for (uint32_t i = 0; i < pages; i++)
        if (pt_kernel_map(m->pool, page_at(start, i), first + i, PT_WRITE | PT_UNCACHED | PT_GLOBAL)) {
            unmap_device(start, i);
            return false;
        }
    return true;
}

void *kva_device_map(struct kva_map *m, paddr_t paddr, size_t size)
{
    paddr_t offset = paddr & (paddr_t)PAGE_MASK;
    vaddr_t start;
    bool done = false;

    if (size == 0 || size > m->arena.end - m->arena.start || paddr + (paddr_t)size - 1 < paddr)
        return NULL;

    uint32_t pages = (uint32_t)PAGES_OF(offset + size);

    nosleep_enter("the arena and the kernel half");
    if (range_alloc(m, 0, pages, &start)) {
        done = map_device(m, start, pages, paddr >> PAGE_SHIFT);
        if (done)
            m->device_pages += pages;
        else
            range_free(m, 0, pages, start);
    }
    nosleep_exit();
    return done ? as_pointer(start + offset) : NULL;
}

void kva_device_unmap(struct kva_map *m, void *window, size_t size)
{
    vaddr_t start = PAGE_DOWN(as_address(window));
    uint32_t pages = (uint32_t)PAGES_OF((as_address(window) - start) + size);

    nosleep_enter("the arena and the kernel half");
    unmap_device(start, pages);
    range_free(m, 0, pages, start);
    m->device_pages -= pages;
    nosleep_exit();
}

/* Pages that are mapped in what is allocated. What is free is not looked at: it is large. */
static uint32_t count_mapped(const struct kva_map *m, bool *all)
{
    uint32_t mapped = 0;
    bool ok = true;

    for (const struct kva_seg *s = m->arena.all; s; s = s->next) {
        uint32_t pages = s->allocated ? (uint32_t)(s->size >> PAGE_SHIFT) : 0;

        for (uint32_t i = 0; i < pages; i++)
            mapped += pt_kernel_mapped(page_at((vaddr_t)s->start, i));
        INV("INV-KVAMAP-1", !pages || !pt_kernel_mapped(page_at((vaddr_t)s->start, pages - 1)),
            "arena %s: the guard at the end of %lx is mapped", m->arena.name, (unsigned long)s->start);
    }
    *all &= ok;
    return mapped;
}

bool kva_map_verify(const struct kva_map *m)
{
    bool ok = kva_verify(&m->arena);
    uint32_t mapped = ok ? count_mapped(m, &ok) : 0,
             meant = m->stack_pages + m->table_pages + m->device_pages;
    uint32_t pages = m->stack_pages + m->table_pages + m->device_pages + m->guard_pages;

    INV("INV-KVAMAP-2", (size_t)pages << PAGE_SHIFT == m->arena.in_use,
        "arena %s: %u pages of stacks, %u of tables, %u of devices, %u guards, but %lx bytes in use",
        m->arena.name, m->stack_pages, m->table_pages, m->device_pages, m->guard_pages,
        (unsigned long)m->arena.in_use);
    INV("INV-KVAMAP-1", !ok || mapped == meant, "arena %s: %u pages are mapped, %u should be", m->arena.name,
        mapped, meant);
    INV("INV-KVAMAP-3",
        m->stack_pages <= m->pool->used[FRAME_STACK] && m->table_pages <= m->pool->used[FRAME_KERNEL],
        "arena %s: %u pages of stacks and %u of tables, the pool has %u and %u", m->arena.name,
        m->stack_pages, m->table_pages, m->pool->used[FRAME_STACK], m->pool->used[FRAME_KERNEL]);
    return ok;
}
