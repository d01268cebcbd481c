/*
 * The pager of memory images: boot modules and what is built into the kernel.
 *
 * A page is a copy of the image's bytes, with zeroes beyond its end. The image is not changed: a page that
 * was written goes to swap, and object.c finds it there before it asks the pager. The image must stay where
 * it is while the object lives; it need not be aligned. One that is not mapped, since it lies in high frames,
 * is read through windows, a page at a time. Cannot fail, does not sleep.
 */
#include "mm/machine.h"
#include "mm/object.h"
#include "mm/vm.h"

void image_copy(const struct frame_pool *p, const void *image, bool high, size_t from, void *to, size_t n)
{
    uintptr_t at = (uintptr_t)image + from;

    if (likely(!high)) {
        memcpy(to, (const void *)at, n);
        return;
    }
    while (n) {
        size_t offset = at & PAGE_MASK, part = PAGE_SIZE - offset < n ? PAGE_SIZE - offset : n;
        const uint8_t *page = window_open(p, (pfn_t)(at >> PAGE_SHIFT));

        memcpy(to, page + offset, part);
        window_close(p, (void *)page);
        to = (uint8_t *)to + part;
        at += part;
        n -= part;
    }
}

static int image_get(struct object *o, uint32_t index, struct frame *f)
{
    size_t offset = (size_t)index << PAGE_SHIFT;
    size_t size = offset < o->image_size ? o->image_size - offset : 0;
    const uint8_t *from = (const uint8_t *)o->image + offset;
    const struct frame_pool *pool = o->vm->pool;
    uint8_t *page = window_open(pool, frame_pfn(pool, f));

    if (size >= PAGE_SIZE && ((uintptr_t)from & PAGE_MASK) == 0 && !o->image_high) {
        page_copy(page, from);
    } else {
        if (size > PAGE_SIZE)
            size = PAGE_SIZE;
        image_copy(pool, o->image, o->image_high, offset, page, size);
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
