/*
 * What is in a regular file of the filesystem in memory, and its size.
 *
 * Purpose. A file's contents are an object's pages, so read(), write() and mmap() see the same memory and
 * reclaim can send it to swap.
 *
 * Data. Pages below object->image_size come from the archive until they are written; others begin as zeroes.
 * Precious pages (see object.h), which are those others and what was written, count for the
 * filesystem's limit and as committed memory until they are dropped by truncation or punching; what can be
 * had from the archive again costs nothing. object.pager_data is the inode.
 *
 * Locking. inode.lock holds while the size changes, and while pages are given or taken back.
 *
 *   INV-RAMFS-4  object->pages covers the size
 *   INV-RAMFS-5  filesystem.image_pages is the sum of what its files have in the archive
 *
 * Failure. -errno as Linux. Allocating asks for the room of all pages before it takes the first, and gives
 * back what it has taken if it fails all the same.
 */
#include "kernel/fs/ramfs_file.h"
#include "kernel/fs/attributes.h"
#include "kernel/fs/seals.h"
#include "kernel/fs/ramfs.h"
#include "kernel/fs/regular.h"
#include "kernel/lib/format.h"
#include "kernel/proc/thread.h"
#include "kernel/vm/vm_sys.h"
#include "mm/machine.h"

/* --- contents --- */

static bool from_image(const struct object *o, uint32_t index)
{
    return (uint64_t)index << PAGE_SHIFT < o->image_size;
}

static int contents_get(struct object *o, uint32_t index, struct frame *f)
{
    return (from_image(o, index) ? &pager_image : &pager_zero)->get(o, index, f);
}

static bool contents_has(struct object *o, uint32_t index)
{
    return from_image(o, index);
}

/* What all files in memory may take of it beside swap, and their indices of low memory: no process's end
 * gives that back. */
#define PAGES_PARTS   4u
#define PAGES_SHARE   3u
#define INDICES_SHARE 16u

static uint64_t pages_of_all;

/* Whether a filesystem has room for more pages. */
static bool has_room(const struct filesystem *fs, uint64_t pages)
{
    const struct frame_pool *pool = vm_sys.pool;
    uint64_t managed = (uint64_t)pool->managed[ZONE_LOW] + pool->managed[ZONE_HIGH];
    const struct cache *c = &vm_sys.radix_cache;

    if (pages_of_all + pages > managed / PAGES_PARTS * PAGES_SHARE + vm_sys.swap.total ||
        c->slab_count << c->order > pool->managed[ZONE_LOW] / INDICES_SHARE)
        return false;
    return !fs->max_pages || fs->pages + pages <= fs->max_pages;
}

static void count_bytes(struct filesystem *fs, uint64_t bytes)
{
    uint64_t more = PAGES_OF(bytes) - PAGES_OF(fs->bytes); /* less: it wraps back */

    fs->bytes = bytes;
    fs->pages += more;
    pages_of_all += more;
}

int ramfs_take_bytes(struct filesystem *fs, uint32_t bytes)
{
    if (!has_room(fs, PAGES_OF(fs->bytes + bytes) - PAGES_OF(fs->bytes)))
        return -ENOSPC;
    count_bytes(fs, fs->bytes + bytes);
    return 0;
}

void ramfs_give_bytes(struct filesystem *fs, uint32_t bytes)
{
    count_bytes(fs, fs->bytes - bytes);
}

static int contents_take(struct object *o, uint32_t index)
{
    struct filesystem *fs = ((struct inode *)o->pager_data)->fs;

    (void)index;
    if (!has_room(fs, 1))
        return -ENOSPC;
    fs->pages++;
    pages_of_all++;
    return 0;
}

static void contents_drop(struct object *o, uint32_t index)
{
    (void)index;
    ((struct inode *)o->pager_data)->fs->pages--;
    pages_of_all--;
}

static int punch(struct inode *i, uint64_t start, uint64_t end);
static void cut_image(struct object *o, uint64_t size);

static int contents_punch(struct object *o, uint32_t first, uint32_t end)
{
    struct inode *i = o->pager_data;
    int err;

    if (is_fixed(i))
        return -EPERM;
    mutex_lock(&i->lock);
    err = punch(i, (uint64_t)first << PAGE_SHIFT, (uint64_t)end << PAGE_SHIFT);
    mutex_unlock(&i->lock);
    return err;
}

static void contents_destroy(struct object *o)
{
    cut_image(o, 0);
    ramfs_node_free(o->pager_data);
}

static const struct pager contents = {.name = "file",
                                      .get = contents_get,
                                      .has = contents_has,
                                      .take = contents_take,
                                      .drop = contents_drop,
                                      .punch = contents_punch,
                                      .destroy = contents_destroy};

struct inode *inode_of_object(const struct object *o)
{
    return o->pager == &contents ? o->pager_data : NULL;
}

const char *object_path(const struct object *o)
{
    static char path[PATH_MAX];
    struct inode *i = inode_of_object(o);

    if (!i)
        return o->pager == &pager_zero ? "/dev/zero (deleted)" : o->name;
    if (path_of(i, path, sizeof path) < 0)
        format(path, sizeof path, "/%s (deleted)", o->name);
    return path;
}

int ramfs_file_init(struct inode *i)
{
    struct object *o = object_create(&vm_sys, &contents, 0, "file");

    if (!o)
        return -ENOMEM;
    object_charge_each(o);
    o->pager_data = i;
    i->object = o;
    i->file_ops = &regular_ops;
    i->seals = SEAL_TAKER | SEAL_SEAL;
    return 0;
}

void ramfs_set_image(struct inode *i, const void *image, bool high, size_t size)
{
    struct object *o = i->object;

    object_set_image(o, image, high, size);
    o->pages = (uint32_t)PAGES_OF((uint64_t)size);
    i->fs->image_pages += o->pages;
    i->size = size;
}

/* Have no more than so many bytes of the image. */
static void cut_image(struct object *o, uint64_t size)
{
    struct filesystem *fs = ((struct inode *)o->pager_data)->fs;

    if (o->image_size <= size)
        return;
    fs->image_pages -= PAGES_OF((uint64_t)o->image_size) - PAGES_OF(size);
    o->image_size = (size_t)size;
}

/* --- size --- */

static bool is_precious(struct object *o, uint32_t index)
{
    uintptr_t word = radix_get(&o->index, index);

    return OBJECT_IS_SLOT(word) ||
           (word && pfn_frame(o->vm->pool, OBJECT_ENTRY_VALUE(word))->flags & FRAME_F_PRECIOUS);
}

/* Zero [from, to) of one page, unless it is a hole. */
static int clear_part(struct inode *i, uint64_t from, uint64_t to)
{
    struct object *o = i->object;
    uint32_t index = (uint32_t)(from >> PAGE_SHIFT);
    struct frame *f;
    int err;

    if (from == to || (!radix_get(&o->index, index) && !from_image(o, index)))
        return 0;
    err = object_page(o, index, &f);
    if (err)
        return err;
    err = regular_begin_write(o, f);
    if (!err) {
        uint8_t *page = window_open(o->vm->pool, frame_pfn(o->vm->pool, f));

        memset(page + (from & PAGE_MASK), 0, (size_t)(to - from));
        window_close(o->vm->pool, page);
    }
    frame_unpin(f);
    return err;
}

int ramfs_truncate(struct inode *i, uint64_t size)
{
    struct object *o = i->object;
    uint64_t old = i->size;
    int err = 0;

    if (size > FILE_SIZE_MAX)
        return -EFBIG;
    err = seals_allow_size(i, size);
    if (err)
        return err;
    if (size < old) {
        uint64_t page_end = PAGE_UP(size);

        uint32_t last = (uint32_t)(size >> PAGE_SHIFT);
        bool cut = size & PAGE_MASK, precious = is_precious(o, last);

        /* A page that is in memory or swap keeps its bytes beyond the new end otherwise. */
        if (cut && precious)
            err = clear_part(i, size, page_end);
        if (err)
            return err;
        i->size = size;
        cut_image(o, size);
        object_resize(o, (uint32_t)(page_end >> PAGE_SHIFT));
        /* The archive has it up to there, unless a program wrote to it through a mapping meanwhile. */
        if (cut && !precious && !is_precious(o, last))
            object_discard(o, last, last + 1);
        else if (cut && !precious)
            err = clear_part(i, size, page_end);
    } else if (size > old) {
        object_resize(o, (uint32_t)(PAGE_UP(size) >> PAGE_SHIFT));
        i->size = size;
    }
    i->mtime_ns = i->ctime_ns = inode_now();
    return err;
}

enum { FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2, FALLOC_ZERO_RANGE = 16 };

/* Make [start, end) read as zeroes. */
static int punch(struct inode *i, uint64_t start, uint64_t end)
{
    struct object *o = i->object;
    uint64_t first, last, limit = PAGE_UP(i->size);
    int err = 0;

    if (end > limit)
        end = limit;
    if (start >= end)
        return 0;
    first = PAGE_UP(start);
    last = PAGE_DOWN(end);
    if (first > last) /* within one page */
        return clear_part(i, start, end);
    err = clear_part(i, start, first);
    if (!err)
        err = clear_part(i, last, end);
    /* Pages of the image would come back as they were. */
    for (; !err && first < last && from_image(o, (uint32_t)(first >> PAGE_SHIFT)); first += PAGE_SIZE)
        err = clear_part(i, first, first + PAGE_SIZE);
    if (!err && first < last)
        object_discard(o, (uint32_t)(first >> PAGE_SHIFT), (uint32_t)(last >> PAGE_SHIFT));
    return err;
}

/* Pages of [start, end) that are not precious yet. */
static uint32_t count_missing(struct object *o, uint64_t start, uint64_t end)
{
    uint32_t index = (uint32_t)(start >> PAGE_SHIFT), last = (uint32_t)PAGES_OF(end);
    uint32_t missing = last - index;

    for (; radix_next(&o->index, &index) && index < last; index++)
        missing -= is_precious(o, index);
    return missing;
}

/* Give a page back that was nothing but allocated: nobody can have written to it. What has gone to swap since
 * stays, as nobody can tell. */
static void take_back(struct object *o, uint32_t index)
{
    uintptr_t word = radix_get(&o->index, index);
    const struct frame *f;

    if (!OBJECT_IS_FRAME(word))
        return;
    f = pfn_frame(o->vm->pool, OBJECT_ENTRY_VALUE(word));
    /* If nobody works with it there is no sleep before it is gone. */
    if (!f->maps && !f->pins && !(f->flags & (FRAME_F_DIRTY | FRAME_F_BUSY | FRAME_F_WRITEBACK)))
        object_discard(o, index, index + 1);
}

/* Have pages [first, end), and note in a map, a bit a page, which were holes. 0 or -errno. */
static int allocate_each(struct object *o, uint32_t first, uint32_t end, uint32_t *holes)
{
    const struct thread *t = thread_current();
    int err = 0;

    for (uint32_t index = first; index < end && !err; index++) {
        uintptr_t word = radix_get(&o->index, index);
        struct frame *f;

        if (OBJECT_IS_SLOT(word))
            continue;
        err = t && signal_pending(t) ? -EINTR : object_page(o, index, &f);
        if (err)
            break;
        if (!word)
            holes[(index - first) / 32] |= 1u << (index - first) % 32;
        err = object_make_precious(o, f);
        frame_unpin(f);
    }
    return err;
}

/* Have pages [start, end), and room for what will be written there; or nothing but what there was. */
static int allocate(struct inode *i, uint64_t start, uint64_t end)
{
    struct object *o = i->object;
    uint32_t first = (uint32_t)(start >> PAGE_SHIFT), last = (uint32_t)PAGES_OF(end);
    uint32_t words = (last - first + 31) / 32, *holes = vm_table_alloc(words, sizeof *holes), missing;
    int err = -ENOSPC;

    if (!holes)
        return -ENOSPC;
    missing = count_missing(o, start, end);
    if (has_room(i->fs, missing) && commit_allows(o->vm, missing))
        err = allocate_each(o, first, last, holes);
    for (uint32_t n = 0; err && n < last - first; n++) {
        if (holes[n / 32] >> n % 32 & 1)
            take_back(o, first + n);
        if (n % 1024 == 1023)
            might_sleep();
    }
    vm_table_free(holes, words, sizeof *holes);
    return err == -ENOMEM ? -ENOSPC : err;
}

int ramfs_fallocate(struct inode *i, unsigned mode, uint64_t start, uint64_t size)
{
    struct object *o = i->object;
    uint64_t end = start + size, old = i->size;
    int err = 0;

    if (mode & ~(unsigned)(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE))
        return -EOPNOTSUPP;
    if (mode & FALLOC_PUNCH_HOLE)
        return !(mode & FALLOC_KEEP_SIZE) ? -EOPNOTSUPP
               : seals_allow_write(i)     ? -EPERM
                                          : punch(i, start, end);
    if (end > FILE_SIZE_MAX)
        return -EFBIG;
    if (end > old)
        err = regular_check_size(end); /* also with KEEP_SIZE */
    if (!err && end > old)
        err = seals_allow_size(i, end);
    if (err)
        return err;
    if (PAGE_UP(end) > PAGE_UP(old))
        object_resize(o, (uint32_t)(PAGE_UP(end) >> PAGE_SHIFT));
    err = allocate(i, start, end);
    if (!err && end > old && !(mode & FALLOC_KEEP_SIZE))
        i->size = end;
    if (PAGE_UP(i->size) >> PAGE_SHIFT < o->pages)
        object_resize(o, (uint32_t)(PAGE_UP(i->size) >> PAGE_SHIFT));
    i->ctime_ns = inode_now();
    return err;
}
