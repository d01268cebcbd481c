/*
 * Objects: pages by index behind a pager. Boot modules, shared anonymous memory, System V
 * segments and the contents of files are objects, whoever maps them. Page-table entries for object
 * pages are a cache and may be dropped at any time. See object.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_OBJECT_H
#define MM_OBJECT_H

#include "mm/os.h"
#include "mm/radix.h"
#include "mm/region.h"

struct vm;
struct object;

/* Where an object's pages come from; those that are precious go to swap. Called with the object unlocked and
 * the frame BUSY and pinned. */
struct pager { /* (c) */
    const char *name;
    /* Fill the frame with page index. 0 or -EIO. Sleeps. */
    int (*get)(struct object *o, uint32_t index, struct frame *f);
    bool reads; /* get() waits for a disk: a fault for which it is called is a major one */
    /* Whether get() can bring the page back if a clean copy is dropped. Does not sleep. */
    bool (*has)(struct object *o, uint32_t index);
    /* The page is about to become precious: see object_make_precious(). 0 or -ENOSPC. It does not sleep.
     * NULL: every page may. */
    int (*take)(struct object *o, uint32_t index);
    /* A precious page, in memory or in a slot, is gone for good, by truncation or with the object. May be
     * NULL. */
    void (*drop)(struct object *o, uint32_t index);
    /* Make pages [first, end), which lie within the size, read as zeroes. Sleeps. NULL: object_discard() does
     * it. */
    int (*punch)(struct object *o, uint32_t first, uint32_t end);
    /* The object dies. May be NULL. */
    void (*destroy)(struct object *o);
    /* Whether its life is that of the regions that map it, so that it cannot be mapped anew once the last
     * one is gone, whoever still has a reference. Does not sleep. NULL: no. */
    bool (*ends_unmapped)(const struct object *o);
};

extern const struct pager
    pager_zero; /* pages begin as zeroes; dirty ones go to swap: shared anonymous memory */
extern const struct pager
    pager_image; /* pages are copied from a memory image, zero beyond its end; dirty ones go to swap */

/* A word of an object's index: a resident frame, or the slot that holds the page, SLOT_LOST if that was lost.
 * 0: neither. */
#define OBJECT_ENTRY_FRAME(pfn) ((uintptr_t)(pfn) << 2 | 1)
#define OBJECT_ENTRY_SLOT(slot) ((uintptr_t)(slot) << 2 | 2)
#define OBJECT_IS_FRAME(e)      (((e)&3) == 1)
#define OBJECT_IS_SLOT(e)       (((e)&3) == 2)
#define OBJECT_ENTRY_VALUE(e)   ((uint32_t)((e) >> 2))

struct object {
    struct vm *vm;              /* (c) */
    const struct pager *pager;  /* (c) */
    const void *image;          /* (n) pager_image: the bytes; image_high: their physical address */
    size_t image_size;          /* (n) */
    void *pager_data;           /* (c) of other pagers */
    uint32_t refs;              /* (n) regions and others that have one */
    uint32_t pages;             /* (n) size; a touch at or beyond it is SIGBUS */
    uint32_t charged;           /* (n) pages of committed memory (commit.h) */
    bool charge_each;           /* (c) these are the precious pages, charged one at a time */
    bool image_high;            /* (n) the image is not mapped */
    struct radix index;         /* (n) */
    uint32_t resident, swapped; /* (n) what is lost is neither */
    bool locked;                /* (n) its pages are not evicted */
    bool sealed; /* (n) no shared region that may be written, now or later, can be made of it any more */
    struct region *regions;     /* (n) that map it, linked through object_next */
    uint32_t writers;           /* (n) those of them that are REGION_WRITER, and one that is being replaced */
    struct object *next, *prev; /* (n) all objects of the vm */
    const char *name;           /* (c) */
    uint32_t id;                /* (c) from 1, for people */
};

/* Whether its pages count as shared memory, which can only go to swap, rather than as a file's, which come
 * from an image that stays. The image is set before there are pages. */
static inline bool object_is_shmem(const struct object *o)
{
    return !o->image;
}

/* pages: size. The caller gets the one reference. NULL when out of memory. Sleep. */
struct object *object_create(struct vm *vm, const struct pager *pager, uint32_t pages, const char *name);
struct object *object_create_image(struct vm *vm, const void *image, size_t size, const char *name);
/* Let the contents of a new object be the bytes of an image, as the two fields have it. The size in pages is
 * the caller's business. */
void object_set_image(struct object *o, const void *image, bool high, size_t size);
/* Pages of it that have contents: in its image, in memory, or in swap. Does not sleep. */
uint32_t object_filled(const struct object *o);
/* Copy n bytes of an image to kernel memory, from byte `from` on. Does not sleep. */
void image_copy(const struct frame_pool *p, const void *image, bool high, size_t from, void *to, size_t n);
/* A reference more. */
struct object *object_get(struct object *o);
/* Drop a reference; the last one frees pages and slots, and waits for I/O on its pages. Sleeps. */
void object_put(struct object *o);
/*
 * Change the size. Pages beyond a smaller one are gone for good, also the private copies that mappings made
 * of them: a later touch there is beyond the object. Cannot fail. Sleeps, until nobody works with those
 * pages. The caller lets nobody else change the size meanwhile.
 */
void object_resize(struct object *o, uint32_t pages);
/* Link or unlink a region in the list of regions that map its object. Takes or drops no reference. */
void object_attach(struct object *o, struct region *r);
void object_detach(struct object *o, struct region *r);

/* The page that a word of the index names if it is resident and valid (not BUSY); NULL otherwise. */
static inline struct frame *object_word_frame(struct frame *frames, uintptr_t word)
{
    struct frame *f;

    if (!OBJECT_IS_FRAME(word))
        return NULL;
    f = frames + OBJECT_ENTRY_VALUE(word);
    return unlikely(f->flags & FRAME_F_BUSY) ? NULL : f;
}
/* Page index if it is resident and valid, without sleeping; NULL otherwise. Not pinned. */
struct frame *object_resident(struct object *o, uint32_t index);
/* The slot that has page index, or SLOT_NONE if none does. */
static inline slot_t object_slot(const struct object *o, uint32_t index)
{
    uintptr_t word = radix_get(&o->index, index);

    return OBJECT_IS_SLOT(word) ? (slot_t)OBJECT_ENTRY_VALUE(word) : SLOT_NONE;
}
/*
 * Make page index resident: from memory, from its slot, or from the pager. Sleeps. The frame comes pinned.
 * *read becomes true if this call read from a disk, also in vain, and else stays as it is.
 * 0; -ERANGE beyond the size; -EIO; -ENOMEM; -ENOSPC if it would be one precious page too many.
 */
int object_fetch(struct object *o, uint32_t index, struct frame **out, bool *read);
/* The same for those who do not count reads. Sleeps. */
static inline int object_page(struct object *o, uint32_t index, struct frame **out)
{
    bool read = false;

    return object_fetch(o, index, out, &read);
}
/*
 * Called with a valid page before anybody may write to it: it becomes precious, if it is not yet, that is,
 * nobody but the object has its contents, and eviction must send them to swap. A page that the pager cannot
 * bring (has()) is so from the beginning. A precious page counts until it is discarded:
 * it is charged if the object's pages are charged one at a time, and the pager may keep count. 0;
 * -ENOSPC, and nothing may be written. Does not sleep.
 */
int object_make_precious_slow(struct object *o, struct frame *f);
static inline int object_make_precious(struct object *o, struct frame *f)
{
    return likely(f->flags & FRAME_F_PRECIOUS) ? 0 : object_make_precious_slow(o, f);
}
static inline void frame_pin(struct frame *f)
{
    mm_assert(f->pins < UINT16_MAX, "frame of use %u, index %u", f->use, f->index);
    f->pins++;
}

static inline void frame_unpin(struct frame *f)
{
    mm_assert(f->pins > 0, "frame of use %u, index %u", f->use, f->index);
    f->pins--;
}

/*
 * Forget pages [first, end): entries, frames and slots; the next touch gets them from the pager again. For a
 * file that shrank, or memory that is punched out. Sleeps until nobody works with them.
 */
void object_discard(struct object *o, uint32_t first, uint32_t end);
/* Make pages [first, end) read as zeroes, wherever they come from. Sleeps, as object_discard() does. */
int object_punch(struct object *o, uint32_t first, uint32_t end);

/* The index names a slot whose page is lost: let it name SLOT_LOST, so that each touch fails until the page
 * is discarded. Nosleep. */
void object_lose_page(struct object *o, uint32_t index);
/*
 * Called by reclaim when f (use FRAME_OBJECT) has no entries left and no pins: whether it can be dropped at
 * once (clean, and the pager or a slot has it), and the dropping.
 */
bool object_can_drop(const struct frame *f);
void object_drop_page(struct object *o, struct frame *f);
/* The object's page went to f->slot: the index names the slot now (counted by one swap_ref), and f is only
 * swap cache: an anonymous frame without an owner. f has no entries and is not BUSY; it may be under
 * WRITEBACK. */
void object_page_to_slot(struct object *o, struct frame *f);

bool object_verify(const struct object *o); /* INV-OBJECT-* */

#endif
