/*
 * A census of pageable memory.
 *
 * Purpose: figures for people (/proc/meminfo) that nothing else needs, without a counter in any path that is
 * run for every page: one pass over the frame records when somebody asks. The records are in order in memory,
 * so a gigabyte of frames takes a few milliseconds, in which others may run after each step. So the parts
 * belong to the time of the walk, but the sums to the moment of its end, since the pool and the objects
 * know them; and a part is cut if the sum that it belongs to has become smaller.
 *
 * Data: none. Locking: between sleeps.
 *
 * INV-CENSUS-1  anon is the pool's frames in use ANON, file and shmem together those in use OBJECT, so that
 *               shmem alone is no more
 *
 * Fails: never.
 */
#include "mm/census.h"
#include "mm/object.h"
#include "mm/rmap.h"

/* Frames that are looked at before others may run when each may have to be looked up by its entries. */
#define LOCKED_A_STEP 256u

static inline uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void count_object_page(const struct frame *f, struct census *c)
{
    const struct object *o = f->owner; /* NULL: the page is on its way into one */
    bool mapped = f->maps;

    if (o && object_is_shmem(o)) {
        c->shmem_mapped += mapped;
    } else {
        c->file_mapped += mapped;
        c->dirty += !!(f->flags & FRAME_F_DIRTY);
    }
}

static void count_locked(struct vm *vm, struct frame *f, struct census *c)
{
    if (!f->maps || !f->owner || !rmap_locked(vm, f))
        return;
    if (f->use == FRAME_OBJECT && !object_is_shmem(f->owner))
        c->locked_file++;
    else
        c->locked_anon++;
}

void census_take(struct vm *vm, struct census *c)
{
    const struct frame_pool *p = vm->pool;
    uint32_t swap_cached = 0;

    *c = (struct census){0};
    for (pfn_t pfn = p->start; pfn < p->end; pfn++) {
        struct frame *f = pfn_frame(p, pfn);

        if (pfn % (unlikely(vm->locked_regions) ? LOCKED_A_STEP : VM_FRAMES_A_STEP) == 0)
            might_sleep();
        if (f->use == FRAME_ANON) {
            c->anon_mapped += f->maps > 0;
            swap_cached += f->slot != SLOT_NONE;
        } else if (f->use == FRAME_OBJECT) {
            count_object_page(f, c);
        } else {
            continue;
        }
        c->writeback += !!(f->flags & FRAME_F_WRITEBACK);
        if (unlikely(vm->locked_regions))
            count_locked(vm, f, c);
    }
    c->anon = p->used[FRAME_ANON];
    c->shmem = census_shmem(vm);
    mm_assert(c->shmem <= p->used[FRAME_OBJECT], "%u shmem of %u (INV-CENSUS-1)", c->shmem,
              p->used[FRAME_OBJECT]);
    c->file = p->used[FRAME_OBJECT] - c->shmem;
    c->anon_mapped = least(c->anon_mapped, c->anon);
    c->swap_cached = least(swap_cached, c->anon);
    c->shmem_mapped = least(c->shmem_mapped, c->shmem);
    c->file_mapped = least(c->file_mapped, c->file);
    c->dirty = least(c->dirty, c->file);
    c->locked_anon = least(c->locked_anon, c->anon_mapped + c->shmem_mapped);
    c->locked_file = least(c->locked_file, c->file_mapped);
}

uint32_t census_shmem(const struct vm *vm)
{
    uint32_t n = 0;

    for (const struct object *o = vm->objects; o; o = o->next)
        if (object_is_shmem(o))
            n += o->resident;
    return n;
}

uint32_t census_zone_free(const struct frame_pool *p, enum frame_zone zone)
{
    return p->zone[zone].free + p->hot[zone].count;
}
