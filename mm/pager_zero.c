/*
 * The pager of shared anonymous memory: a page begins as zeroes.
 *
 * It keeps nothing. A page that was never written can be made again at any time, so has() is always true and
 * a clean frame without a slot can be dropped; a page that was written goes to swap, and object.c finds it
 * there before it asks the pager. Cannot fail, does not sleep.
 */
#include "mm/machine.h"
#include "mm/object.h"
#include "mm/vm.h"

static int zero_get(struct object *o, uint32_t index, struct frame *f)
{
    (void)index;
    frame_clear(o->vm->pool, frame_pfn(o->vm->pool, f));
    return 0;
}

static bool zero_has(struct object *o, uint32_t index)
{
    (void)o;
    (void)index;
    return true;
}

const struct pager pager_zero = {.name = "zero", .get = zero_get, .has = zero_has};
