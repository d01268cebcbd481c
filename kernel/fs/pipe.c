/*
 * Pipes and FIFOs.
 *
 * Data. A pipe is a ring of slots, each of a page and the bytes in it, filled at the head and emptied at the
 * tail. A slot gets its page when it is filled. When it is empty the page is kept for the next one, so that a
 * small pipe that is written and read by turns allocates nothing; beyond one, pages are freed. A FIFO's inode
 * points to the pipe as long as anybody has it open; a pipe without a name has an inode of its own.
 *
 * As on Linux, what a write leaves over beyond whole pages joins the newest bytes if there is room for all of
 * it in their page; the rest takes slots of its own. So small writes and reads of other sizes can fill a pipe
 * with less than its capacity, and a write of up to PIPE_BUF bytes is never divided: a slot is enough for it.
 * What was spliced, or written to a packet pipe (O_DIRECT), is joined by nothing.
 *
 * Locking. pipe.lock is held while bytes are copied, since that may sleep: a slot is entered when its bytes
 * are there. Between letting the lock go and sleeping in a wait queue no other task runs, so no wake-up is
 * lost. Readers wake all writers when a pipe is no longer full, and each write wakes one reader; each waiter
 * looks again, and a reader that has slept and leaves something wakes the next. As on Linux, these are also
 * the events of edges (epoll.c): every write is one, but of reads only one that finds the pipe full.
 *
 * INV-PIPE-1  tail <= head <= tail + slots, which are a power of two
 * INV-PIPE-2  a slot of [tail, head) has a page and at least one byte in it, and no other slot has a page
 * INV-PIPE-3  what is promised is the capacity of all pipes
 *
 * Failure. -EPIPE and SIGPIPE without a reader, -EAGAIN instead of waiting, -EINTR (restart) by a signal,
 * -ENOMEM when a page cannot be had and nothing was written yet.
 */
#include "kernel/fs/pipe.h"
#include "kernel/fs/async.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/pipe_parts.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

static struct inode_ops inode_ops;
static const struct filesystem_type pipefs_type = {.name = "pipefs", .magic = 0x50495045};
static struct filesystem pipefs = {.type = &pipefs_type, .dev = 0xF0, .users = 1};

static struct pipe *pipe_of(const struct file *f)
{
    return f->inode->pipe;
}

static bool is_empty(const struct pipe *p)
{
    return p->head == p->tail;
}

static bool is_full(const struct pipe *p)
{
    return p->head - p->tail == p->slots;
}

static struct pipe_slot *slot_of(const struct pipe *p, uint32_t at)
{
    return &p->slot[at & (p->slots - 1)];
}

static uint32_t capacity(const struct pipe *p)
{
    return p->slots * PAGE_SIZE;
}

/* What all pipes could hold, in bytes. What they do hold belongs to no process that could be chosen when
 * memory is out, so there is a limit: new pipes are small when an eighth of memory is promised, and there are
 * none beyond a quarter. Linux's own limits come on top, for those who lay their capabilities down. */
static uint32_t promised;
struct pipe *pipe_all;
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
    p->slots = size / PAGE_SIZE;
    p->slot = vm_zalloc(p->slots * sizeof *p->slot);
    if (!p->slot) {
        kfree(p);
        return -ENOMEM;
    }
    p->at = &pipe_all;
    p->next = pipe_all;
    if (p->next)
        p->next->at = &p->next;
    pipe_all = p;
    promised += size;
    pipes.count++;
    *out = p;
    return 0;
}

static void pipe_free(struct pipe *p)
{
    promised -= capacity(p);
    *p->at = p->next;
    if (p->next)
        p->next->at = p->at;
    for (; !is_empty(p); p->tail++)
        kfree(slot_of(p, p->tail)->page);
    kfree(p->spare);
    kfree(p->slot);
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
    return thread_wait(&p->lock, q) ? -ERESTARTSYS : 0;
}

/* A page for a slot, or NULL. Sleeps. */
static uint8_t *page_take(struct pipe *p)
{
    uint8_t *page = p->spare;

    if (unlikely(!page))
        return vm_alloc(PAGE_SIZE);
    p->spare = NULL;
    return page;
}

static void page_done(struct pipe *p, uint8_t *page)
{
    if (p->spare)
        kfree(page);
    else
        p->spare = page;
}

/* Take n bytes out of the oldest slot. */
static inline __attribute__((always_inline)) void consume(struct pipe *p, struct pipe_slot *s, uint32_t n)
{
    if (n < s->size) {
        s->from = (uint16_t)(s->from + n);
        s->size = (uint16_t)(s->size - n);
    } else {
        page_done(p, s->page);
        s->page = NULL;
        p->tail++;
    }
}

/* There is something to read; there is room to write. */
static inline void wake_reader(struct pipe *p)
{
    sync_wake(&p->can_read, POLLIN | POLLRDNORM, SYNC_ONE);
}

static inline void wake_writers(struct pipe *p)
{
    sync_wake(&p->can_write, POLLOUT | POLLWRNORM, SYNC_TASKS);
}

/* By signals, for those who want them: a read or a write was made, whatever came of it. */
static inline void tell_readers(const struct pipe *p)
{
    if (unlikely(p->async))
        async_tell(p->async, POLL_IN, ASYNC_READERS);
}

static inline void tell_writers(const struct pipe *p)
{
    if (unlikely(p->async))
        async_tell(p->async, POLL_OUT, ASYNC_WRITERS);
}

static int pipe_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct pipe *p = pipe_of(f);
    bool slept = false;
    size_t left = n;
    uint32_t first;
    int err = 0;

    (void)pos;
    if (n == 0)
        return 0;
    mutex_lock(&p->lock);
    while (is_empty(p)) {
        if (p->writers == 0)
            goto out;
        if (f->flags & O_NONBLOCK) {
            err = -EAGAIN;
            goto out;
        }
        slept = true;
        err = wait_on(p, &p->can_read);
        if (err)
            goto out;
    }
    first = p->tail;
    do {
        struct pipe_slot *s = slot_of(p, p->tail);
        uint32_t part = s->size < left ? s->size : (uint32_t)left;

        if (user_copy_out(buf, s->page + s->from, part)) {
            err = -EFAULT;
            break;
        }
        buf += part;
        left -= part;
        if (unlikely(s->packet)) {
            consume(p, s, s->size);
            break;
        }
        consume(p, s, part);
    } while (left && !is_empty(p));
    if (unlikely(p->head - first == p->slots) && left < n) /* it was full */
        wake_writers(p);
    if (unlikely(!is_empty(p)) && slept)
        wake_reader(p);
out:
    tell_writers(p);
    mutex_unlock(&p->lock);
    return left < n ? (int)(n - left) : err;
}

/* Let n bytes, less than a page, join the newest ones, if there is room for all of them. How many have done
 * so, or -EFAULT. */
static __attribute__((noinline)) int join(struct pipe *p, vaddr_t buf, size_t n)
{
    struct pipe_slot *s = slot_of(p, p->head - 1);

    if (!n || !s->joins || s->from + s->size + n > PAGE_SIZE)
        return 0;
    if (user_copy_in(s->page + s->from + s->size, buf, n))
        return -EFAULT;
    s->size = (uint16_t)(s->size + n);
    wake_reader(p);
    return (int)n;
}

/* Fill the next slot, which is free, with n bytes, a page at most. 0, -EFAULT or -ENOMEM. */
static inline __attribute__((always_inline)) int fill(struct pipe *p, vaddr_t buf, size_t n, bool joins,
                                                      bool packet)
{
    uint8_t *page = page_take(p);
    struct pipe_slot *s;

    if (!page)
        return -ENOMEM;
    if (user_copy_in(page, buf, n)) {
        page_done(p, page);
        return -EFAULT;
    }
    s = slot_of(p, p->head++);
    s->page = page;
    s->from = 0;
    s->size = (uint16_t)n;
    s->joins = joins;
    s->packet = packet;
    return 0;
}

static int no_reader(void)
{
    const struct thread *t = thread_current();
    const struct siginfo info = {
        .signo = SIGPIPE, .code = SI_USER, .pid = t ? t->process->pid : 0, .uid = (int)cred_current()->uid};

    if (t)
        signal_send_thread(thread_current(), &info);
    return -EPIPE;
}

/* Wait for room, of which there is none. 0 or -errno. */
static __attribute__((noinline)) int wait_write(const struct file *f, struct pipe *p)
{
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    tell_readers(p);
    return wait_on(p, &p->can_write);
}

static int pipe_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct pipe *p = pipe_of(f);
    size_t left = n;
    int err = 0;

    (void)pos;
    if (n == 0)
        return 0;
    mutex_lock(&p->lock);
    if (!is_empty(p) && p->readers) {
        err = join(p, buf, n & PAGE_MASK);
        if (err < 0)
            goto out;
        buf += (size_t)err;
        left -= (size_t)err;
        err = 0;
    }
    while (left) {
        size_t part = left < PAGE_SIZE ? left : PAGE_SIZE;
        bool packet = f->flags & O_DIRECT;

        if (unlikely(!p->readers)) {
            err = no_reader();
        } else if (unlikely(is_full(p))) {
            err = wait_write(f, p);
            part = 0;
        } else {
            err = fill(p, buf, part, !packet, packet);
            wake_reader(p);
        }
        if (err)
            break;
        buf += part;
        left -= part;
    }
out:
    tell_readers(p);
    mutex_unlock(&p->lock);
    return left < n ? (int)(n - left) : err;
}

static unsigned pipe_poll(struct file *f, struct poll_table *table)
{
    const struct pipe *p = pipe_of(f);
    unsigned mode = f->flags & O_ACCMODE, events = 0;

    if (mode != O_WRONLY) {
        poll_register(table, &pipe_of(f)->can_read);
        if (!is_empty(p))
            events |= POLLIN | POLLRDNORM;
        if (p->writers == 0 && p->writer_opens)
            events |= POLLHUP;
    }
    if (mode != O_RDONLY) {
        poll_register(table, &pipe_of(f)->can_write);
        if (!is_full(p))
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
    if (!p->readers != !p->writers) { /* one end is closed, and somebody is at the other */
        os_wake_all(&p->can_read);
        os_wake_all(&p->can_write);
        tell_readers(p);
        tell_writers(p);
    }
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
    inode_take_owner(i, NULL);
    i->ops = &inode_ops;
    format(name, sizeof name, "pipe:[%u]", i->ino);
    err = file_open_inode(i, O_RDONLY | (flags & O_NONBLOCK), name, reader);
    if (!err) {
        err = file_open_inode(i, O_WRONLY | (flags & O_NONBLOCK), name, writer);
        if (err)
            file_put(*reader);
        else
            (*writer)->flags |= flags & O_DIRECT; /* means packets, and cannot be asked of open() */
    }
    inode_put(i);
    return err;
}

/* --- fcntl and tee --- */

int pipe_get_size(const struct file *f)
{
    return f->ops == &pipe_ops ? (int)capacity(pipe_of(f)) : -EBADF;
}

/* Move what there is to a new ring, large enough. */
static void move_slots(struct pipe *p, struct pipe_slot *slot, uint32_t slots)
{
    for (uint32_t at = p->tail; at != p->head; at++)
        slot[at & (slots - 1)] = *slot_of(p, at);
    kfree(p->slot);
    promised += (slots - p->slots) * PAGE_SIZE;
    p->slot = slot;
    p->slots = slots;
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
    struct pipe_slot *slot;
    uint32_t bytes;
    int err;

    if (f->ops != &pipe_ops)
        return -EBADF;
    bytes = pipe_round(size);
    if (!bytes)
        return -EINVAL;
    if (bytes > capacity(p) && bytes > pipe_max_size && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    if (bytes > promise_limit(4))
        return -ENOMEM; /* before its table is */
    slot = vm_zalloc(bytes / PAGE_SIZE * sizeof *slot);
    if (!slot)
        return -ENOMEM;
    mutex_lock(&p->lock);
    err = p->head - p->tail > bytes / PAGE_SIZE ? -EBUSY : (int)bytes;
    if (bytes > capacity(p)) {
        uint32_t would = promised + bytes - capacity(p);

        if (would > promise_limit(4))
            err = -ENOMEM;
        if (beyond(would, pipe_pages_soft) || beyond(would, pipe_pages_hard))
            err = -EPERM;
    }
    if (err > 0) {
        move_slots(p, slot, bytes / PAGE_SIZE);
        slot = NULL;
        wake_writers(p);
    }
    mutex_unlock(&p->lock);
    kfree(slot);
    return err;
}

size_t pipe_bytes(const struct inode *i)
{
    const struct pipe *p = i->pipe;

    return p ? sizeof *i + sizeof *p + p->slots * sizeof *p->slot + (p->head - p->tail) * PAGE_SIZE : 0;
}

uint32_t pipe_fill(const struct file *f)
{
    const struct pipe *p = pipe_of(f);
    uint32_t bytes = 0;

    for (uint32_t at = p->tail; at != p->head; at++)
        bytes += slot_of(p, at)->size;
    return bytes;
}

/* Until there is room, or nobody reads. 0 or -errno. */
static int wait_room(struct pipe *p, bool nonblock)
{
    int err = 0;

    while (!err && p->readers && is_full(p))
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
        err = fill(p, buf, n, false, false);
        wake_reader(p);
        if (!err)
            tell_readers(p);
    }
    mutex_unlock(&p->lock);
    return err ? err : (int)n;
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
    bool slept = false, full;
    uint32_t tail;
    size_t done = 0;
    int err = 0;

    mutex_lock(&p->lock);
    tail = p->tail;
    while (!err && is_empty(p) && p->writers) {
        slept = true;
        err = nonblock ? -EAGAIN : wait_on(p, &p->can_read);
    }
    full = is_full(p);
    while (!err && done < n && !is_empty(p)) {
        struct pipe_slot *s = slot_of(p, p->tail);
        int got = move(arg, s->page + s->from, s->size < n - done ? s->size : n - done);

        if (got <= 0) {
            err = got;
            break;
        }
        done += (size_t)got;
        consume(p, s, (uint32_t)got);
        if (done < n && ends_early())
            break;
    }
    if (p->tail != tail) { /* a slot is free */
        if (full)
            wake_writers(p);
        tell_writers(p);
    }
    if (unlikely(!is_empty(p)) && slept)
        wake_reader(p);
    mutex_unlock(&p->lock);
    return done ? (int)done : err;
}

int pipe_move_in(struct file *f, size_t n, size_t first, bool nonblock, pipe_move_fn move, void *arg)
{
    struct pipe *p = pipe_of(f);
    size_t done = 0;
    int err;

    mutex_lock(&p->lock);
    err = wait_room(p, nonblock);
    while (!err && done < n && !is_full(p)) {
        size_t part = done ? PAGE_SIZE : first;
        uint8_t *page = page_take(p);
        int got = -ENOMEM;

        part = part < n - done ? part : n - done;
        if (page)
            got = move(arg, page, part);
        if (got <= 0) {
            if (page)
                page_done(p, page);
            err = got;
            break;
        }
        *slot_of(p, p->head++) = (struct pipe_slot){.page = page, .size = (uint16_t)got};
        done += (size_t)got;
        if ((size_t)got < part || (done < n && ends_early()))
            break;
    }
    if (done) {
        wake_reader(p);
        tell_readers(p);
    }
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

/* Until there are bytes in one pipe, or they have ended, and room in the other, both locked. *slept: it was
 * as a reader of the first that it slept last, whose next one it is to wake. 0 or -errno. */
static int wait_both(struct pipe *from, struct pipe *to, bool nonblock, bool *slept)
{
    for (*slept = false;;) {
        struct waitq *q;
        uint32_t irq;
        int err;

        if (is_empty(from) && from->writers)
            q = &from->can_read;
        else if (!to->readers)
            return no_reader();
        else if (is_full(to))
            q = &to->can_write;
        else
            return 0;
        if (nonblock)
            return -EAGAIN;
        if (*slept && !is_empty(from))
            wake_reader(from);
        *slept = q == &from->can_read;
        unlock_both(from, to);
        irq = os_irq_save();
        err = thread_sleep(q);
        os_irq_restore(irq);
        lock_both(from, to);
        if (err)
            return -ERESTARTSYS;
    }
}

/* Move the oldest slot as it is. */
static void move_slot(struct pipe *from, struct pipe *to)
{
    struct pipe_slot *s = slot_of(from, from->tail++);

    *slot_of(to, to->head++) = *s;
    s->page = NULL;
    if (to->spare) { /* a page for a page */
        page_done(from, to->spare);
        to->spare = NULL;
    }
}

/* Copy up to n bytes of a slot to a new one. How many, or -ENOMEM. */
static int copy_slot(const struct pipe_slot *s, struct pipe *to, size_t n)
{
    struct pipe_slot copy = {.page = page_take(to),
                             .packet = s->packet}; /* sleeps, and both pipes are ours */

    if (!copy.page)
        return -ENOMEM;
    copy.size = n < s->size ? (uint16_t)n : s->size;
    memcpy(copy.page, s->page + s->from, copy.size);
    *slot_of(to, to->head++) = copy;
    return copy.size;
}

int pipe_to_pipe(struct file *in, struct file *out, size_t n, bool nonblock, bool keep)
{
    struct pipe *from = pipe_of(in), *to = pipe_of(out);
    size_t done = 0;
    uint32_t at, tail;
    bool full, slept;
    int err;

    if (in->ops != &pipe_ops || out->ops != &pipe_ops || from == to)
        return -EINVAL;
    lock_both(from, to);
    err = wait_both(from, to, nonblock || (in->flags | out->flags) & O_NONBLOCK, &slept);
    full = is_full(from);
    at = tail = from->tail;
    while (!err && done < n && at != from->head && !is_full(to)) {
        struct pipe_slot *s = slot_of(from, at++);
        int got = s->size;

        if (!keep && s->size <= n - done) {
            move_slot(from, to);
        } else {
            got = copy_slot(s, to, n - done);
            if (!keep && got > 0)
                consume(from, s, (uint32_t)got);
        }
        if (got < 0)
            err = got;
        else
            done += (size_t)got;
    }
    if (done) {
        wake_reader(to);
        tell_readers(to);
    }
    if (from->tail != tail) {
        if (full)
            wake_writers(from);
        tell_writers(from);
    }
    if (slept && !is_empty(from))
        wake_reader(from);
    unlock_both(from, to);
    return done ? (int)done : err;
}

/* --- verification --- */

static bool slots_verify(const struct pipe *p)
{
    bool ok = true;

    for (uint32_t at = p->tail; at != p->tail + p->slots; at++) {
        const struct pipe_slot *s = slot_of(p, at);
        bool filled = at - p->tail < p->head - p->tail;

        INV("INV-PIPE-2", !s->page == !filled, "slot %u of pipe %p [%u, %u) has page %p", at, p, p->tail,
            p->head, s->page);
        INV("INV-PIPE-2", !filled || (s->size && s->from + s->size <= PAGE_SIZE),
            "slot %u of pipe %p has %u bytes from %u on", at, p, s->size, s->from);
    }
    return ok;
}

bool pipe_verify(void)
{
    uint32_t bytes = 0;
    bool ok = true, whole;

    for (const struct pipe *p = pipe_all; p; p = p->next) {
        whole = p->slots && !(p->slots & (p->slots - 1)) && p->head - p->tail <= p->slots;
        INV("INV-PIPE-1", whole, "pipe %p of %u slots is at %u and %u", p, p->slots, p->tail, p->head);
        if (whole)
            ok &= slots_verify(p);
        bytes += capacity(p);
    }
    INV("INV-PIPE-3", bytes == promised, "%u bytes are promised, the pipes hold %u", promised, bytes);
    return ok;
}

static struct async **pipe_async(struct file *f)
{
    return &pipe_of(f)->async;
}

const struct file_ops pipe_ops = {.open = pipe_open,
                                  .release = pipe_release,
                                  .read = pipe_read,
                                  .write = pipe_write,
                                  .poll = pipe_poll,
                                  .async = pipe_async};
