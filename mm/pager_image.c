/*
 * The pager of memory images: boot modules and what is built into the kernel.
 *
 * A page is a copy of the image's bytes, with zeroes beyond its end. The image is not changed: a page that
 * was written goes to swap, and object.c finds it there before it asks the pager. The image must stay mapped
 * while the object lives; it need not be aligned. Cannot fail, does not sleep.
 */
#include "mm/machine.h"
#include "mm/object.h"
#include "mm/vm.h"

static int image_get(struct object *o, uint32_t index, struct frame *f)
{
    size_t offset = (size_t)index << PAGE_SHIFT;
    size_t size = offset < o->image_size ? o->image_size - offset : 0;
    const uint8_t *from = (const uint8_t *)o->image + offset;
    const struct frame_pool *pool = o->vm->pool;
    uint8_t *page = window_open(pool, frame_pfn(pool, f));

    if (size >= PAGE_SIZE && ((uintptr_t)from & PAGE_MASK) == 0) {
        page_copy(page, from);
    } else {
        if (size > PAGE_SIZE)
            size = PAGE_SIZE;
        memcpy(page, from, size);
        memset(page + size, 0, PAGE_SIZE - size);
    }
    window_close(pool, page);
    return 0;
}

static bool image_has(struct object *o, uint32_t index)
{
    (void)o;
    (void)index;
    return true;
}

const struct pager pager_image = {.name = "image", .get = image_get, .has = image_has};
