/*
 * Pipes and FIFOs.
 *
 * Data. A pipe is a ring of bytes in pages, which are allocated when bytes come and freed when they are gone,
 * but for one, so that a small pipe that is written and read by turns allocates nothing. head and tail count
 * bytes ever written and read; their difference is what the pipe holds. A FIFO's inode points to the pipe as
 * long as anybody has it open; a pipe without a name has an inode of its own.
 *
 * Locking. pipe.lock is held while bytes are copied, since that may sleep. Between letting it go and sleeping
 * in a wait queue no other task runs, so no wake-up is lost. Readers wake writers when there is room again,
 * and writers wake readers when a pipe is no longer empty; each waiter looks again.
 *
 * A write of up to PIPE_BUF bytes is not divided: it waits until there is room for all of it.
 *
 * INV-PIPE-1  tail <= head <= tail + size; size is a power of two of whole pages
 * INV-PIPE-2  a page that holds bytes of [tail, head) is there
 *
 * Failure. -EPIPE and SIGPIPE without a reader, -EAGAIN instead of waiting, -EINTR (restart) by a signal,
 * -ENOMEM when a page cannot be had and nothing was written yet.
 */
#include "kernel/fs/pipe.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

struct pipe {
    struct mutex lock;
    uint32_t refs; /* files that have it open, and FIFO opens that wait */
    uint32_t readers, writers;
    uint32_t reader_opens, writer_opens; /* ever: for those who wait for the other end in open() */
    uint32_t size;
    uint32_t head, tail; /* wrap */
    void **page;         /* size / PAGE_SIZE */
    struct waitq can_read, can_write, opened;
};

static struct inode_ops inode_ops;
static const struct filesystem_type pipefs_type = {.name = "pipefs", .magic = 0x50495045};
static struct filesystem pipefs = {.type = &pipefs_type, .dev = 0xF0, .users = 1};

static struct pipe *pipe_of(const struct file *f)
{
    return f->inode->pipe;
}

static uint32_t used(const struct pipe *p)
{
    return p->head - p->tail;
}

static uint32_t room(const struct pipe *p)
{
    return p->size - used(p);
}

/* What all pipes could hold, in bytes. What they do hold belongs to no process that could be chosen when
 * memory is out, so there is a limit: new pipes are small when an eighth of memory is promised, and there are
 * none beyond a quarter. Linux's own limits come on top, for those who lay their capabilities down. */
static uint32_t promised;
TALLY(pipes, "pipes");

static uint32_t promise_limit(unsigned part)
{
    const struct frame_pool *pool = &frame_pool_sys;

    return (pool->managed[ZONE_LOW] + pool->managed[ZONE_HIGH]) / part * PAGE_SIZE;
}

uint32_t pipe_max_size = 1u << 20, pipe_pages_soft = 16 * 1024, pipe_pages_hard; /* as Linux begins */

/* Whether so many bytes are more than a limit in pages (0: none) that holds for the running thread. */
static bool beyond(uint32_t bytes, uint32_t pages)
{
    return pages && bytes / PAGE_SIZE > pages && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN);
}

/* 0 or -errno. */
static int pipe_alloc(struct pipe **out)
{
    uint32_t size = PIPE_SIZE;
    struct pipe *p;

    if (size > pipe_max_size && !capable(CAP_SYS_RESOURCE))
        size = pipe_max_size;
    if (promised + size > promise_limit(8) || beyond(promised + size, pipe_pages_soft))
        size = PIPE_SMALL;
    if (promised + size > promise_limit(4) || beyond(promised + size, pipe_pages_hard))
        return -ENFILE;
    p = vm_zalloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    p->size = size;
    p->page = vm_zalloc(size / PAGE_SIZE * sizeof *p->page);
    if (!p->page) {
        kfree(p);
        return -ENOMEM;
    }
    promised += size;
    pipes.count++;
    *out = p;
    return 0;
}

static void pipe_free(struct pipe *p)
{
    promised -= p->size;
    for (uint32_t n = 0; n < p->size / PAGE_SIZE; n++)
        kfree(p->page[n]);
    kfree(p->page);
    kfree(p);
    pipes.count--;
}

static void pipe_put(struct inode *i)
{
    struct pipe *p = i->pipe;

    if (--p->refs)
        return;
    i->pipe = NULL;
    pipe_free(p);
}

/* Sleep on q for a change of p, whose lock is held and held again afterwards. */
static int wait_on(struct pipe *p, struct waitq *q)
{
    uint32_t irq;
    int err;

    mutex_unlock(&p->lock);
    irq = os_irq_save();
    err = thread_sleep(q);
    os_irq_restore(irq);
    mutex_lock(&p->lock);
    return err ? -ERESTARTSYS : 0;
}

static void *page_at(const struct pipe *p, uint32_t at)
{
    return p->page[(at & (p->size - 1)) >> PAGE_SHIFT];
}

/* The page whose bytes end at `at`, the tail, was read to its end: free it, unless it is the only one, or the
 * head has come round to it. */
static void page_done(struct pipe *p, uint32_t at)
{
    if (p->head - at > p->size - PAGE_SIZE)
        return;

    uint32_t n = ((at - 1) & (p->size - 1)) >> PAGE_SHIFT, next = (at & (p->size - 1)) >> PAGE_SHIFT;

    if (!p->page[next]) { /* let it serve again */
        p->page[next] = p->page[n];
    } else {
        kfree(p->page[n]);
    }
    p->page[n] = NULL;
}

/* Bytes of one page were read. */
static inline __attribute__((always_inline)) void consume(struct pipe *p, uint32_t n)
{
    p->tail += n;
    if ((p->tail & PAGE_MASK) == 0) {
        page_done(p, p->tail);
    } else if (used(p) == 0) { /* begin a page again, not the next one */
        p->tail &= ~(uint32_t)PAGE_MASK;
        p->head = p->tail;
    }
}

static int pipe_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct pipe *p = pipe_of(f);
    size_t done = 0;
    int err = 0;

    (void)pos;
    if (n == 0)
        return 0;
    mutex_lock(&p->lock);
    while (used(p) == 0) {
        if (p->writers == 0)
            goto out;
        if (f->flags & O_NONBLOCK) {
            err = -EAGAIN;
            goto out;
        }
        err = wait_on(p, &p->can_read);
        if (err)
            goto out;
    }
    while (done < n && used(p)) {
        uint32_t offset = p->tail & PAGE_MASK, part = PAGE_SIZE - offset;

        if (part > used(p))
            part = used(p);
        if (part > n - done)
            part = (uint32_t)(n - done);
        if (user_copy_out(buf + done, (uint8_t *)page_at(p, p->tail) + offset, part)) {
            err = -EFAULT;
            break;
        }
        done += part;
        consume(p, part);
    }
    if (done)
        os_wake_all(&p->can_write);
    if (used(p))
        os_wake_one(&p->can_read);
out:
    mutex_unlock(&p->lock);
    return done ? (int)done : err;
}

/* Append as much as fits; bytes, or -errno if nothing. */
static inline __attribute__((always_inline)) int append(struct pipe *p, vaddr_t buf, size_t n)
{
    size_t done = 0;

    while (done < n && room(p)) {
        uint32_t offset = p->head & PAGE_MASK, part = PAGE_SIZE - offset;
        uint32_t index = (p->head & (p->size - 1)) >> PAGE_SHIFT;

        if (part > room(p))
            part = room(p);
        if (part > n - done)
            part = (uint32_t)(n - done);
        if (!p->page[index]) {
            p->page[index] = vm_alloc(PAGE_SIZE);
            if (!p->page[index])
                return done ? (int)done : -ENOMEM;
        }
        if (user_copy_in((uint8_t *)p->page[index] + offset, buf + done, part))
            return done ? (int)done : -EFAULT;
        done += part;
        p->head += part;
    }
    return (int)done;
}

static int no_reader(void)
{
    const struct thread *t = thread_current();
    const struct siginfo info = {.signo = SIGPIPE, .code = SI_USER, .pid = t ? t->process->pid : 0};

    if (t)
        signal_send_thread(thread_current(), &info);
    return -EPIPE;
}

static int pipe_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct pipe *p = pipe_of(f);
    size_t done = 0;
    int err = 0;

    (void)pos;
    if (n == 0)
        return 0;
    mutex_lock(&p->lock);
    while (done < n) {
        size_t whole = n - done <= PIPE_BUF && n <= PIPE_BUF ? n - done : 1;

        if (p->readers == 0) {
            err = no_reader();
            break;
        }
        if (room(p) < whole) {
            if (f->flags & O_NONBLOCK)
                err = -EAGAIN;
            else
                err = wait_on(p, &p->can_write);
            if (err)
                break;
            continue;
        }
        err = append(p, buf + done, n - done);
        os_wake_one(&p->can_read);
        if (err < 0)
            break;
        done += (size_t)err;
    }
    if (room(p) && p->writers > 1)
        os_wake_one(&p->can_write);
    mutex_unlock(&p->lock);
    return done ? (int)done : err;
}

static unsigned pipe_poll(struct file *f, struct poll_table *table)
{
    const struct pipe *p = pipe_of(f);
    unsigned mode = f->flags & O_ACCMODE, events = 0;

    if (mode != O_WRONLY) {
        poll_register(table, &pipe_of(f)->can_read);
        if (used(p))
            events |= POLLIN | POLLRDNORM;
        if (p->writers == 0 && p->writer_opens)
            events |= POLLHUP;
    }
    if (mode != O_RDONLY) {
        poll_register(table, &pipe_of(f)->can_write);
        if (room(p) >= PIPE_BUF)
            events |= POLLOUT | POLLWRNORM;
        if (p->readers == 0)
            events |= POLLERR;
    }
    return events;
}

/* --- opening and closing --- */

static void count_in(struct pipe *p, unsigned mode)
{
    if (mode != O_WRONLY) {
        p->readers++;
        p->reader_opens++;
    }
    if (mode != O_RDONLY) {
        p->writers++;
        p->writer_opens++;
    }
    os_wake_all(&p->opened);
}

static void count_out(struct pipe *p, unsigned mode)
{
    if (mode != O_WRONLY)
        p->readers--;
    if (mode != O_RDONLY)
        p->writers--;
    os_wake_all(&p->can_read);
    os_wake_all(&p->can_write);
}

/* Wait until the other end is opened once more than `seen` times. */
static int wait_other_end(struct pipe *p, const uint32_t *opens, const uint32_t *there)
{
    uint32_t seen = *opens, irq;
    int err = 0;

    irq = os_irq_save();
    while (!*there && *opens == seen && !err)
        err = thread_sleep(&p->opened);
    os_irq_restore(irq);
    return err ? -ERESTARTSYS : 0;
}

/* A FIFO: its opens wait for each other. An end of pipe() that is opened anew through /proc/PID/fd does not:
 * nobody might ever come. */
static bool is_named(const struct inode *i)
{
    return i->fs != &pipefs;
}

static int pipe_open(struct file *f)
{
    struct inode *i = f->inode;
    unsigned mode = f->flags & O_ACCMODE;
    struct pipe *p;
    int err = 0;

    if (mode == O_ACCMODE) /* neither an end to read from nor one to write to */
        return -EINVAL;
    if (!i->pipe) {
        err = pipe_alloc(&p);
        if (err)
            return is_named(i) ? -ENOMEM : err; /* as Linux tells who opens a FIFO */
        if (i->pipe) {                          /* somebody was faster */
            pipe_free(p);
        } else {
            i->pipe = p;
        }
    }
    p = i->pipe;
    p->refs++;
    if (!is_named(i)) {
        count_in(p, mode);
        return 0;
    }
    if (mode == O_WRONLY && f->flags & O_NONBLOCK && !p->readers) {
        pipe_put(i);
        return -ENXIO;
    }
    count_in(p, mode);
    if (mode == O_RDONLY && !(f->flags & O_NONBLOCK))
        err = wait_other_end(p, &p->writer_opens, &p->writers);
    else if (mode == O_WRONLY)
        err = wait_other_end(p, &p->reader_opens, &p->readers);
    if (err) {
        count_out(p, mode);
        pipe_put(i);
    }
    return err;
}

static void pipe_release(struct file *f)
{
    count_out(pipe_of(f), f->flags & O_ACCMODE);
    pipe_put(f->inode);
}

static void release_inode(struct inode *i)
{
    inode_fini(i);
    kfree(i);
}

static struct inode_ops inode_ops = {.release = release_inode};

int pipe_create(uint32_t flags, struct file **reader, struct file **writer)
{
    struct inode *i = vm_alloc(sizeof *i);
    char name[24];
    int err;

    if (!i)
        return -ENOMEM;
    inode_init(i, &pipefs, S_IFIFO | 0600);
    i->ops = &inode_ops;
    format(name, sizeof name, "pipe:[%u]", i->ino);
    err = file_open_inode(i, O_RDONLY | flags, name, reader);
    if (!err) {
        err = file_open_inode(i, O_WRONLY | flags, name, writer);
        if (err)
            file_put(*reader);
    }
    inode_put(i);
    return err;
}

/* --- fcntl and tee --- */

int pipe_get_size(const struct file *f)
{
    return f->ops == &pipe_ops ? (int)pipe_of(f)->size : -EBADF;
}

/* Move the pages to a new ring of `bytes`, large enough. *spare is used up if the oldest and the newest bytes
 * are in one page. */
static void move_pages(struct pipe *p, void **page, uint32_t bytes, void **spare)
{
    uint32_t first = p->tail >> PAGE_SHIFT, last = (p->head + PAGE_MASK) >> PAGE_SHIFT;
    uint32_t old_mask = p->size / PAGE_SIZE - 1, mask = bytes / PAGE_SIZE - 1;

    if (last - first > p->size / PAGE_SIZE) {
        memcpy(*spare, p->page[--last & old_mask], p->head & PAGE_MASK);
        page[last & mask] = *spare;
        *spare = NULL;
    }
    for (uint32_t n = first; n != last; n++) {
        page[n & mask] = p->page[n & old_mask];
        p->page[n & old_mask] = NULL;
    }
    for (uint32_t n = 0; n <= old_mask; n++)
        kfree(p->page[n]);
    kfree(p->page);
    promised += bytes - p->size;
    p->page = page;
    p->size = bytes;
}

uint32_t pipe_round(uint32_t size)
{
    uint32_t bytes = PAGE_SIZE;

    if (size > 1u << 31)
        return 0;
    while (bytes < size)
        bytes *= 2;
    return bytes;
}

int pipe_set_size(struct file *f, uint32_t size)
{
    struct pipe *p = pipe_of(f);
    uint32_t bytes;
    void **page, *spare;
    int err = -ENOMEM;

    if (f->ops != &pipe_ops)
        return -EBADF;
    bytes = pipe_round(size);
    if (!bytes)
        return -EINVAL;
    if (bytes > p->size && bytes > pipe_max_size && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    if (bytes > promise_limit(4))
        return -ENOMEM; /* before its table is */
    page = vm_zalloc(bytes / PAGE_SIZE * sizeof *page);
    spare = vm_alloc(PAGE_SIZE);
    mutex_lock(&p->lock);
    if (page && spare) {
        uint32_t pages = ((p->head + PAGE_MASK) >> PAGE_SHIFT) - (p->tail >> PAGE_SHIFT);

        err = pages > bytes / PAGE_SIZE && bytes != p->size ? -EBUSY : (int)bytes;
        if (bytes > p->size) {
            uint32_t would = promised + bytes - p->size;

            if (would > promise_limit(4))
                err = -ENOMEM;
            if (beyond(would, pipe_pages_soft) || beyond(would, pipe_pages_hard))
                err = -EPERM;
        }
        if (err > 0 && bytes != p->size) {
            move_pages(p, page, bytes, &spare);
            page = NULL;
            os_wake_all(&p->can_write);
        }
    }
    mutex_unlock(&p->lock);
    kfree(page);
    kfree(spare);
    return err;
}

size_t pipe_bytes(const struct inode *i)
{
    const struct pipe *p = i->pipe;

    return p ? sizeof *i + sizeof *p + PAGE_UP(used(p)) : 0;
}

uint32_t pipe_fill(const struct file *f)
{
    return used(pipe_of(f));
}

/* Until there is room, or nobody reads. 0 or -errno. */
static int wait_room(struct pipe *p, bool nonblock)
{
    int err = 0;

    while (!err && p->readers && !room(p))
        err = nonblock ? -EAGAIN : wait_on(p, &p->can_write);
    return p->readers ? err : no_reader();
}

int pipe_give(struct file *f, vaddr_t buf, size_t n, bool nonblock)
{
    struct pipe *p = pipe_of(f);
    int err;

    mutex_lock(&p->lock);
    err = wait_room(p, nonblock);
    if (!err) {
        err = append(p, buf, n);
        os_wake_one(&p->can_read);
    }
    mutex_unlock(&p->lock);
    return err;
}

/* Let others run, the pipe being ours. Whether the thread is to end. */
static bool ends_early(void)
{
    const struct thread *t = thread_current();

    thread_breathe();
    return t && t->exiting;
}

int pipe_move_out(struct file *f, size_t n, bool nonblock, pipe_move_fn move, void *arg)
{
    struct pipe *p = pipe_of(f);
    size_t done = 0;
    int err = 0;

    mutex_lock(&p->lock);
    while (!err && !used(p) && p->writers)
        err = nonblock ? -EAGAIN : wait_on(p, &p->can_read);
    while (!err && done < n && used(p)) {
        uint32_t offset = p->tail & PAGE_MASK, part = PAGE_SIZE - offset;
        int got;

        part = part < used(p) ? part : used(p);
        part = part < n - done ? part : (uint32_t)(n - done);
        got = move(arg, (uint8_t *)page_at(p, p->tail) + offset, part);
        if (got <= 0) {
            err = got;
            break;
        }
        done += (size_t)got;
        consume(p, (uint32_t)got);
        if (done < n && ends_early())
            break;
    }
    if (done)
        os_wake_all(&p->can_write);
    if (used(p))
        os_wake_one(&p->can_read);
    mutex_unlock(&p->lock);
    return done ? (int)done : err;
}

int pipe_move_in(struct file *f, size_t n, bool nonblock, pipe_move_fn move, void *arg)
{
    struct pipe *p = pipe_of(f);
    size_t done = 0;
    int err;

    mutex_lock(&p->lock);
    err = wait_room(p, nonblock);
    while (!err && done < n && room(p)) {
        uint32_t offset = p->head & PAGE_MASK, part = PAGE_SIZE - offset;
        uint32_t index = (p->head & (p->size - 1)) >> PAGE_SHIFT;
        int got = -ENOMEM;

        part = part < room(p) ? part : room(p);
        part = part < n - done ? part : (uint32_t)(n - done);
        if (!p->page[index])
            p->page[index] = vm_alloc(PAGE_SIZE);
        if (p->page[index])
            got = move(arg, (uint8_t *)p->page[index] + offset, part);
        if (got <= 0) {
            err = got;
            break;
        }
        done += (size_t)got;
        p->head += (uint32_t)got;
        if ((uint32_t)got < part || (done < n && ends_early()))
            break;
    }
    if (done)
        os_wake_one(&p->can_read);
    if (room(p) && p->writers > 1)
        os_wake_one(&p->can_write);
    mutex_unlock(&p->lock);
    return done ? (int)done : err;
}

/* The locks of two pipes are always taken in the same order. Sleeps. */
static void lock_both(struct pipe *a, struct pipe *b)
{
    mutex_lock(a < b ? &a->lock : &b->lock);
    mutex_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct pipe *a, struct pipe *b)
{
    mutex_unlock(&a->lock);
    mutex_unlock(&b->lock);
}

/* Until there are bytes in one pipe and room in the other, both locked; or the first has ended. */
static int wait_both(struct pipe *from, struct pipe *to, bool nonblock)
{
    while (!used(from) || !room(to) || !to->readers) {
        struct waitq *q = used(from) ? &to->can_write : &from->can_read;
        uint32_t irq;
        int err;

        if (!to->readers)
            return no_reader();
        if (!used(from) && !from->writers)
            return 0;
        if (nonblock)
            return -EAGAIN;
        unlock_both(from, to);
        irq = os_irq_save();
        err = thread_sleep(q);
        os_irq_restore(irq);
        lock_both(from, to);
        if (err)
            return -ERESTARTSYS;
    }
    return 0;
}

/* Copy bytes from `skip` on, within one page of each pipe and at most n. How many, or -ENOMEM. */
static int copy_part(struct pipe *from, uint32_t skip, struct pipe *to, uint32_t n)
{
    uint32_t at = from->tail + skip, index = (to->head & (to->size - 1)) >> PAGE_SHIFT;
    const uint32_t limit[] = {used(from) - skip, room(to), PAGE_SIZE - (at & PAGE_MASK),
                              PAGE_SIZE - (to->head & PAGE_MASK)};

    for (unsigned i = 0; i < ARRAY_LEN(limit); i++)
        n = n < limit[i] ? n : limit[i];
    if (n && !to->page[index]) {
        to->page[index] = vm_alloc(PAGE_SIZE); /* sleeps, and both pipes are ours */
        if (!to->page[index])
            return -ENOMEM;
    }
    if (n)
        memcpy((uint8_t *)to->page[index] + (to->head & PAGE_MASK),
               (uint8_t *)page_at(from, at) + (at & PAGE_MASK), n);
    to->head += n;
    return (int)n;
}

int pipe_to_pipe(struct file *in, struct file *out, size_t n, bool nonblock, bool keep)
{
    struct pipe *from = pipe_of(in), *to = pipe_of(out);
    uint32_t done = 0;
    int err;

    if (in->ops != &pipe_ops || out->ops != &pipe_ops || from == to)
        return -EINVAL;
    lock_both(from, to);
    err = wait_both(from, to, nonblock || (in->flags | out->flags) & O_NONBLOCK);
    while (!err && done < n) {
        int got =
            copy_part(from, keep ? done : 0, to, n - done < INT32_MAX ? (uint32_t)(n - done) : INT32_MAX);

        if (got <= 0) {
            err = got;
            break;
        }
        done += (uint32_t)got;
        if (!keep)
            consume(from, (uint32_t)got);
    }
    if (done) {
        os_wake_one(&to->can_read);
        if (!keep)
            os_wake_all(&from->can_write);
    }
    if (used(from))
        os_wake_one(&from->can_read);
    unlock_both(from, to);
    return done ? (int)done : err;
}

const struct file_ops pipe_ops = {
    .open = pipe_open, .release = pipe_release, .read = pipe_read, .write = pipe_write, .poll = pipe_poll};
