/*
 * Regular files: read() and write() on the pages that mmap() maps.
 *
 * A page is pinned while its bytes are copied, since the copy may fault on the program's side and so sleep; a
 * pinned page is neither evicted nor dropped by truncation. A low frame is copied in place. A high frame
 * needs a window, with which one must not sleep: it is copied in one go if the program's page is there, else
 * by way of a small buffer.
 *
 * Reading what was never written needs no page: a hole gives zeroes, and a page of the boot archive that
 * nobody has touched is read from the archive, unless that is not mapped.
 *
 * Locking. Writers and truncate() hold inode.lock; readers do not, so a reader may see a part of a write, as
 * on Linux, but never another file's bytes or bytes beyond the end. Faults do not take inode.lock, so a
 * program may read a file into its own mapping.
 *
 * A write that grows the file gives the object each page before it is filled, and takes back what it could
 * not fill. Before that it looks at the program's bytes: they may be mapped from this file, behind its end.
 */
#include "kernel/fs/regular.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/seals.h"
#include "kernel/fs/file.h"
#include "kernel/proc/process.h"
#include "kernel/x86/usercopy.h"
#include "mm/machine.h"
#include "mm/vm.h"

#define BOUNCE 256u

int regular_begin_write(struct object *o, struct frame *f)
{
    int err;

    if (unlikely(f->flags & FRAME_F_WRITEBACK))
        swap_wait_frame(o->vm, f);
    err = object_make_precious(o, f);
    if (!err) {
        f->flags |= FRAME_F_DIRTY;
        vm_frame_touch(o->vm, f);
    }
    return err;
}

/* Through a buffer: the program's page is not there. */
static __attribute__((noinline)) int bounce(struct frame_pool *pool, pfn_t pfn, size_t offset, vaddr_t user,
                                            size_t n, bool to_user)
{
    uint8_t buf[BOUNCE];
    int err = 0;

    while (n && !err) {
        size_t part = n < BOUNCE ? n : BOUNCE;

        if (!to_user)
            err = user_copy_in(buf, user, part);
        if (!err) {
            uint8_t *page = window_open(pool, pfn);

            if (to_user)
                memcpy(buf, page + offset, part);
            else
                memcpy(page + offset, buf, part);
            window_close(pool, page);
        }
        if (to_user)
            err = user_copy_out(user, buf, part);
        offset += part;
        user += part;
        n -= part;
    }
    return err;
}

/* Copy between a pinned frame and the program. 0 or -EFAULT. */
static int copy(struct frame_pool *pool, const struct frame *f, size_t offset, vaddr_t user, size_t n,
                bool to_user)
{
    pfn_t pfn = frame_pfn(pool, f);
    int err;

    if (likely(frame_is_low(pool, pfn))) {
        uint8_t *at = (uint8_t *)frame_ptr(pool, pfn) + offset;

        return to_user ? user_copy_out(user, at, n) : user_copy_in(at, user, n);
    }
    uint8_t *page = window_open(pool, pfn);

    if (to_user)
        err = user_copy_out_atomic(user, page + offset, n);
    else
        err = user_copy_in_atomic(page + offset, user, n);
    window_close(pool, page);
    return err ? bounce(pool, pfn, offset, user, n, to_user) : 0;
}

/* Whether a page that nobody has lies where programs' bytes cannot be copied from. */
static bool needs_page(const struct object *o, uint32_t index)
{
    return unlikely(o->image_high) && (uint64_t)index << PAGE_SHIFT < o->image_size;
}

/* Bytes to the program of a page that nobody has: of the archive's, and zeroes behind them. */
static int read_missing(const struct object *o, uint32_t index, size_t offset, vaddr_t user, size_t n)
{
    uint64_t at = ((uint64_t)index << PAGE_SHIFT) + offset;
    size_t have = at < o->image_size ? o->image_size - (size_t)at : 0;
    int err;

    if (!have)
        return user_clear(user, n);
    if (have >= n)
        return user_copy_out(user, (const uint8_t *)o->image + (size_t)at, n);
    err = user_copy_out(user, (const uint8_t *)o->image + (size_t)at, have);
    return err ? err : user_clear(user + have, n - have);
}

/* Bytes of one page to the program. */
static int read_page(struct object *o, uint32_t index, size_t offset, vaddr_t user, size_t n)
{
    struct frame *f = object_resident(o, index);
    int err;

    if (likely(f)) {
        frame_pin(f);
        vm_frame_touch(o->vm, f);
    } else if (!radix_get(&o->index, index) && !needs_page(o, index)) {
        return read_missing(o, index, offset, user, n);
    } else {
        err = object_page(o, index, &f);
        if (err)
            return err;
    }
    err = copy(o->vm->pool, f, offset, user, n, true);
    frame_unpin(f);
    return err;
}

/* Between two pages: let others run. Whether the thread is to end, so that the rest has no use. Sleeps. */
static bool ends_early(void)
{
    const struct thread *t = thread_current();

    thread_breathe();
    return t && t->exiting;
}

static int regular_read(struct file *file, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct inode *i = file->inode;
    struct object *o = i->object;
    size_t done = 0;
    int err = 0;

    while (done < n && *pos < i->size) {
        size_t offset = *pos & PAGE_MASK, part = PAGE_SIZE - offset;

        if (part > n - done)
            part = n - done;
        if (part > i->size - *pos)
            part = (size_t)(i->size - *pos);
        err = read_page(o, (uint32_t)(*pos >> PAGE_SHIFT), offset, buf + done, part);
        if (err == -EFAULT && user_part(buf + done, part) < part) {
            part = user_part(buf + done, part);
            err = read_page(o, (uint32_t)(*pos >> PAGE_SHIFT), offset, buf + done, part);
        }
        if (err)
            break;
        done += part;
        *pos += part;
        if (done < n && ends_early())
            break;
    }
    file_accessed(file);
    if (err == -ERANGE) /* truncated meanwhile */
        err = 0;
    return done || !err ? (int)done : err;
}

int regular_check_room(const struct file *f, uint64_t pos, size_t *n)
{
    const struct thread *t = thread_current();
    uint64_t limit = t ? t->process->rlimit[RLIMIT_FSIZE].soft : RLIM_INFINITY;
    uint64_t most = f && !(f->flags & O_LARGEFILE) ? FILE_SIZE_OLD : FILE_SIZE_MAX;

    if (pos >= limit) {
        signal_raise(t->process, SIGXFSZ);
        return -EFBIG;
    }
    if (*n > limit - pos)
        *n = (size_t)(limit - pos);
    if (pos >= most)
        return -EFBIG;
    if (*n > most - pos)
        *n = (size_t)(most - pos);
    return 0;
}

int regular_check_size(uint64_t size)
{
    size_t last = 1;

    return size ? regular_check_room(NULL, size - 1, &last) : 0;
}

static int write_page(struct object *o, uint32_t index, size_t offset, vaddr_t user, size_t n)
{
    struct frame *f;
    int err = object_page(o, index, &f);

    if (err)
        return err;
    err = regular_begin_write(o, f);
    if (!err) {
        err = copy(o->vm->pool, f, offset, user, n, false);
        f->flags |= FRAME_F_DIRTY; /* the page may have been written out while the copy slept */
    }
    frame_unpin(f);
    return err;
}

/* How many of the program's n bytes, a page at most, can be read. */
static size_t readable(vaddr_t buf, size_t n)
{
    size_t at = 0;
    uint8_t byte;

    while (at < n && user_copy_in(&byte, buf + at, 1) == 0)
        at += user_part(buf + at, n - at);
    return at;
}

static int regular_write(struct file *file, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct inode *i = file->inode;
    struct object *o = i->object;
    size_t done = 0;
    int err = 0;

    if (n == 0)
        return 0;
    mutex_lock(&i->lock);
    if (file->flags & O_APPEND || *pos == FILE_END)
        *pos = i->size;
    err = seals_allow_write(i);
    if (!err)
        err = regular_check_room(file, *pos, &n);
    if (err)
        goto out;
    while (done < n) {
        size_t offset = *pos & PAGE_MASK, part = PAGE_SIZE - offset;

        if (part > n - done)
            part = n - done;
        if (*pos + part > i->size && seals_allow_size(i, *pos + part)) {
            err = -EPERM;
            break;
        }
        if (PAGES_OF(*pos + part) > o->pages) {
            part = readable(buf + done, part);
            if (!part) {
                err = -EFAULT;
                break;
            }
            object_resize(o, (uint32_t)PAGES_OF(*pos + part));
        }
        err = write_page(o, (uint32_t)(*pos >> PAGE_SHIFT), offset, buf + done, part);
        if (err == -EFAULT && user_part(buf + done, part) < part) {
            part = user_part(buf + done, part);
            err = write_page(o, (uint32_t)(*pos >> PAGE_SHIFT), offset, buf + done, part);
        }
        if (err)
            break;
        done += part;
        *pos += part;
        if (*pos > i->size)
            i->size = *pos;
        if (done < n && ends_early())
            break;
    }
    if (PAGES_OF(i->size) < o->pages)
        object_resize(o, (uint32_t)PAGES_OF(i->size));
    i->mtime_ns = i->ctime_ns = inode_now();
    /* Who writes is trusted with the contents, not with the identity of the owner: nor is who tries. */
    inode_changed(i);
out:
    mutex_unlock(&i->lock);
    if (err == -ENOMEM)
        err = -ENOSPC;
    return done || !err ? (int)done : err;
}

static int regular_mmap(struct file *file, uint32_t page, size_t size, unsigned region_flags,
                        struct object **out)
{
    (void)page;
    (void)size;
    (void)region_flags;
    file_accessed(file);
    *out = object_get(file->inode->object);
    return 0;
}

const struct file_ops regular_ops = {.read = regular_read, .write = regular_write, .mmap = regular_mmap};

int inode_read(struct inode *i, uint64_t pos, void *buf, size_t n)
{
    struct object *o = i->object;
    size_t done = 0;

    if (!o)
        return -EINVAL;
    while (done < n && pos < i->size) {
        size_t offset = pos & PAGE_MASK, part = PAGE_SIZE - offset;
        uint32_t index = (uint32_t)(pos >> PAGE_SHIFT);
        uint8_t *to = (uint8_t *)buf + done;
        struct frame *f;

        if (part > n - done)
            part = n - done;
        if (part > i->size - pos)
            part = (size_t)(i->size - pos);
        if (!radix_get(&o->index, index) && pos + part <= o->image_size) {
            image_copy(o->vm->pool, o->image, o->image_high, (size_t)pos, to, part);
        } else {
            int err = object_page(o, index, &f);

            if (err == -ERANGE)
                break;
            if (err)
                return err;
            uint8_t *from = window_open(o->vm->pool, frame_pfn(o->vm->pool, f));

            memcpy(to, from + offset, part);
            window_close(o->vm->pool, from);
            frame_unpin(f);
        }
        done += part;
        pos += part;
    }
    return (int)done;
}
