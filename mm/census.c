/*
 * A census of pageable memory.
 *
 * Purpose: figures for people (/proc/meminfo) that nothing else needs, without a counter in any path that is
 * run for every page: one pass over the frame records when somebody asks. The records are in order in memory,
 * so a gigabyte of frames takes about a millisecond.
 *
 * Data: none. Locking: one nosleep section, so the figures belong to one moment, and add up to
 * those of the pool:
 *
 * INV-CENSUS-1  anon is the pool's frames in use ANON, file and shmem together those in use OBJECT
 *
 * Fails: never.
 */
#include "mm/census.h"
#include "mm/object.h"
#include "mm/rmap.h"

static void count_object_page(const struct frame *f, struct census *c)
{
    const struct object *o = f->owner; /* NULL: the page is on its way into one */
    bool mapped = f->maps;

    if (o && object_is_shmem(o)) {
        c->shmem++;
        c->shmem_mapped += mapped;
    } else {
        c->file++;
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

    *c = (struct census){0};
    nosleep_enter("the counts against the frames' uses");
    for (pfn_t pfn = p->start; pfn < p->end; pfn++) {
        struct frame *f = pfn_frame(p, pfn);

        if (f->use == FRAME_ANON) {
            c->anon++;
            c->anon_mapped += f->maps > 0;
            c->swap_cached += f->slot != SLOT_NONE;
        } else if (f->use == FRAME_OBJECT) {
            count_object_page(f, c);
        } else {
            continue;
        }
        c->writeback += !!(f->flags & FRAME_F_WRITEBACK);
        if (unlikely(vm->locked_regions))
            count_locked(vm, f, c);
    }
    mm_assert(c->anon == p->used[FRAME_ANON] && c->file + c->shmem == p->used[FRAME_OBJECT],
              "%u anon of %u, %u file and %u shmem of %u (INV-CENSUS-1)", c->anon, p->used[FRAME_ANON],
              c->file, c->shmem, p->used[FRAME_OBJECT]);
    nosleep_exit();
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
