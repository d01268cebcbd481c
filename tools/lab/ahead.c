/*
 * The kernel's reading ahead, mm/ahead.c itself, over a reference string.
 *
 * mm/ahead.c is compiled here with a program that has one region, of all addresses, and no page tables: where
 * a page is, the caller says. The slot of a page is its number, which is how a program's pages lie on a disk
 * that had room for them; so neighbours by address are neighbours on disk, but for those that were never
 * written. There is as much free memory as the daemon leaves when it has worked for a machine of so many
 * frames.
 *
 * Data: one program at a time. Locking: none is needed. How it fails: it does not.
 */
#include "tools/lab/ahead.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/vm.h"

#include <stdlib.h>

static enum lab_place (*place_of)(void *arg, uint32_t page);
static lab_read_fn read_page;
static void *arg_of;
static struct ahead state;
static uint8_t *marked; /* [page]: its window's first */

#define PAGES (USER_END >> PAGE_SHIFT)

/* What mm/ahead.c asks the page tables, the index of an object and the allocator. */
static const pte_t *entry_of(vaddr_t va)
{
    static pte_t e;
    uint32_t page = va >> PAGE_SHIFT;

    switch (place_of(arg_of, page)) {
    case LAB_MAPPED:
        e = pte_make(1, PT_USER);
        break;
    case LAB_NOWHERE:
        e = PTE_NONE;
        break;
    default:
        e = pte_make_swap(page);
    }
    return &e;
}
#define pt_resident_entry(pt, va)  ((void)(pt), entry_of(va))
#define pt_span(pt, va)            ((void)(pt), (void)(va), PT_OWN)
#define object_slot(object, index) ((void)(object), (void)(index), SLOT_NONE)
#define cache_alloc(cache)         ((void)(cache), &state)
#define swap_may_read(vm, slot)    ((void)(vm), place_of(arg_of, slot) == LAB_ON_DISK)
#define swap_sort(slot, n)         ((void)(slot), (void)(n))
#define swap_read_ahead(vm, ...)   ((void)(vm), read_all(__VA_ARGS__))

static bool read_all(const slot_t *slot, unsigned n, slot_t wanted, slot_t mark)
{
    for (unsigned i = 0; i < n; i++) {
        if (slot[i] == wanted || place_of(arg_of, slot[i]) != LAB_ON_DISK)
            continue;
        read_page(arg_of, slot[i]);
        marked[slot[i]] = slot[i] == mark;
    }
    return true;
}

#include "mm/ahead.c"

static struct frame_pool pool;
static struct vm vm;
static struct space space;
static struct region region;

static uint32_t root_of(uint32_t n)
{
    uint32_t r = 0;

    while ((r + 1) * (r + 1) <= n)
        r++;
    return r;
}

void lab_ahead_begin(uint32_t frames, enum lab_place (*place)(void *arg, uint32_t page), lab_read_fn read,
                     void *arg)
{
    uint32_t min = root_of(frames) / 2; /* as frame_set_marks() has it */

    place_of = place;
    read_page = read;
    arg_of = arg;
    free(marked);
    marked = calloc(PAGES, sizeof *marked);
    if (!marked)
        abort();
    state = (struct ahead){0};
    pool = (struct frame_pool){
        .end = frames, .marks = {.min = min, .low = FRAME_MARK_LOW * min, .high = FRAME_MARK_HIGH * min}};
    pool.used[FRAME_FREE] = pool.zone[ZONE_LOW].free =
        pool.marks.high + (frames / EXTRA_SHARE < EXTRA_MOST ? frames / EXTRA_SHARE : EXTRA_MOST);
    vm = (struct vm){.pool = &pool};
    vm.swap.clustering = true;
    region = (struct region){.space = &space, .start = PAGE_SIZE, .end = USER_END};
    space = (struct space){.vm = &vm};
}

void lab_ahead_miss(uint32_t page)
{
    ahead_miss(&space, &region, page << PAGE_SHIFT, page);
}

void lab_ahead_touch(uint32_t page)
{
    struct frame f = {.use = FRAME_ANON,
                      .flags = (uint16_t)(FRAME_F_READAHEAD | (marked[page] ? FRAME_F_MARKED : 0))};

    marked[page] = 0;
    ahead_touch(&space, &region, page << PAGE_SHIFT, &f);
}
