/*
 * Committed memory.
 *
 * Purpose: tell a program at mmap(), fork() or mprotect() that there will not be enough memory, rather than
 * at some later touch, as far as the operator wants that. Pages that may become private are charged when they
 * are promised, whether or not they are ever touched, and released when the promise ends.
 *
 *   mode        refuses
 *   heuristic   a single promise that exceeds all memory and swap
 *   always      nothing
 *   strict      what brings the sum above commit_limit()
 *
 * Data: vm.committed, changed between sleeps. Who is charged: regions with REGION_CHARGED, page by page, and
 * objects (object.charged): shared memory for its whole size when it is made; files in memory, whose size
 * promises nothing, and shared memory with MAP_NORESERVE for each page that becomes precious (object.h).
 *
 * INV-COMMIT-1  vm.committed is not less than the sum over the charged regions and objects; what is more was
 *               promised to a call that is under way (vm_fini() finds what was not released)
 *
 * How it fails: -ENOMEM, and nothing was charged. Source: Linux's Documentation/mm/overcommit-accounting.
 */
#include "mm/commit.h"
#include "mm/errno.h"
#include "mm/space.h"

uint32_t commit_limit(const struct vm *vm)
{
    uint64_t pages = (uint64_t)vm_memory_pages(vm) * vm->overcommit_ratio / 100;

    if (vm->overcommit_kib)
        pages = vm->overcommit_kib >> (PAGE_SHIFT - 10);
    pages += vm->swap.total;
    return pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
}

bool commit_allows_otherwise(const struct vm *vm, uint32_t pages)
{
    return vm->overcommit == COMMIT_ALWAYS || vm->committed + pages <= commit_limit(vm);
}

int object_charge(struct object *o)
{
    if (o->pages > o->charged) {
        int err = commit_charge(o->vm, o->pages - o->charged);

        if (err)
            return err;
    } else {
        commit_release(o->vm, o->charged - o->pages);
    }
    o->charged = o->pages;
    return 0;
}

void object_charge_each(struct object *o)
{
    mm_assert(!o->charged && !o->resident && !o->swapped, "%s: %u pages charged", o->name, o->charged);
    o->charge_each = true;
}

int object_charge_shared(struct object *o, bool noreserve)
{
    if (!noreserve || o->vm->overcommit == COMMIT_STRICT)
        return object_charge(o);
    object_charge_each(o);
    return 0;
}

bool commit_verify(struct vm *vm)
{
    uint64_t sum = 0;
    bool ok = true;

    for (const struct space *s = vm->spaces; s; s = s->all_next)
        for (const struct region *r = s->regions.first; r; r = r->next)
            if (r->flags & REGION_CHARGED)
                sum += region_pages(r);
    for (const struct object *o = vm->objects; o; o = o->next)
        sum += o->charged;
    INV("INV-COMMIT-1", sum <= vm->committed, "counted %llu, says %llu", (unsigned long long)sum,
        (unsigned long long)vm->committed);
    return ok;
}
