/*
 * Sets of files that are watched: epoll(7).
 *
 * Purpose. poll() asks every file each time. A set remembers the files, and each of them tells it when
 * something happens; so what a wake and a wait cost does not depend on how many are watched.
 *
 * Theory. For each file, by its descriptor, there is an item. When it is made, the file's poll operation
 * registers it in the file's queues, as it would a poller (poll.c), and there it stays: whoever wakes such a
 * queue calls item_wake(), which puts the item at the end of the set's list of those that may be ready, and
 * lets one thread run that waits for the set. That one takes items from the head of the list and asks each
 * file what holds. An item that has nothing to tell is dropped from the list: its file wakes it again. One
 * that has is told and
 *
 *     is put at the end again   if it is level-triggered: as long as it holds, it is told by each wait
 *     is dropped                if it is edge-triggered: the next wake brings it back
 *     rests                     if it is for once: its events are gone until EPOLL_CTL_MOD
 *
 * A scan ends at an item that it has told already. If something is left, the next thread that waits is let
 * run. What a file that is woken has to say about the event (sync_wake()) only spares asking: who decides is
 * the poll operation, and that is all that a kind of file needs to be watched.
 *
 * An item holds no reference to its file. It goes with the file, whose last reference may be another
 * descriptor, in another process; file_put() calls epoll_forget() before the file's own release.
 *
 * A set is a file too, and can be watched. Two things are refused so that neither a wake nor an answer can go
 * round or down for long: a set that would come to watch itself, or to lie too deep (-ELOOP), and a file
 * above which too many sets watch each other (-EINVAL). They are Linux's rules, and its limits. While they
 * are looked at, `nesting` is held, so that two calls do not make together what neither would alone.
 *
 * Data. struct epoll in file.data, a table of its items by file and descriptor, which doubles; the list
 * file.watches of a file's items.
 *
 * Locking. epoll.lock is held by scans and by changes, since telling copies to user memory, which sleeps:
 * while one sleeps, no item of the set comes or goes. The ready list and the queues are touched with
 * interrupts off, since wakes come from interrupts. nesting, then the lock of a set, then those of the sets
 * in it. Who asks a set whether it is ready (its poll operation) does not sleep and takes no lock: what a
 * scan is about to tell has left the list or is in it again by then.
 *
 *     INV-EPOLL-1  the items in a set's table are as many as it counts, each in its place by file and
 *                  descriptor, and each is in the list of its file
 *     INV-EPOLL-2  what is in a set's ready list is an item of it that is marked as ready, and no other is
 *     INV-EPOLL-3  an item is in as many queues as its file has registered, as somebody who wants to know
 *     INV-EPOLL-4  the list of a set's nested sets has just the items whose files are sets
 *     INV-EPOLL-5  the items of all sets are as many as are counted against epoll_max_watches
 *
 * Failure. -ENOMEM, or -ENOSPC beyond epoll_max_watches, and nothing has changed. A table that cannot grow
 * gets slower. What cannot be copied to the program is told again.
 *
 * Source. Banga, Mogul, Druschel, A scalable and explicit event delivery mechanism for UNIX (1999); the
 * behaviour is that of Linux 6.1.
 */
#include "kernel/fs/epoll.h"
#include "kernel/fs/epoll_parts.h"
#include "kernel/fs/file.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(sets, "sets of epoll");
TALLY(watches, "files that are watched");

#define PRIVATE      (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define ALWAYS       (POLLERR | POLLHUP)
#define EXCLUSIVE_OK (POLLIN | POLLOUT | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define BUCKETS_MIN  8u
#define BATCH        16u /* events are copied at once */
#define BREATH       64u /* others may run after so many steps */
#define INFO_MAX     1000u
#define NESTS_MAX    4u
/* Of how many ways up there may be from a file, by how many sets lie between it and the last. */
static const uint16_t paths_max[NESTS_MAX + 1] = {UINT16_MAX, 500, 100, 50, 10};

static struct cache item_cache;
static struct mutex nesting;
static uint32_t walks;
struct epoll *epoll_all;
uint32_t epoll_max_watches;

static const struct file_ops epoll_ops;

static bool is_set(const struct file *f)
{
    return f->ops == &epoll_ops;
}

static struct epoll *set_of(const struct file *f)
{
    return f->data;
}

/* --- the ready list --- */

/* Interrupts off. */
static void ready_add(struct epoll *s, struct epoll_item *it)
{
    it->ready = true;
    it->ready_next = NULL;
    it->ready_prev = s->ready_last;
    if (s->ready_last)
        s->ready_last->ready_next = it;
    else
        s->ready_first = it;
    s->ready_last = it;
}

static void ready_drop(struct epoll *s, struct epoll_item *it)
{
    uint32_t irq = os_irq_save();

    if (it->ready) {
        if (it->ready_prev)
            it->ready_prev->ready_next = it->ready_next;
        else
            s->ready_first = it->ready_next;
        if (it->ready_next)
            it->ready_next->ready_prev = it->ready_prev;
        else
            s->ready_last = it->ready_prev;
        it->ready = false;
    }
    os_irq_restore(irq);
}

/* Something in the set may be ready: one thread that waits for it, and who watches it. Interrupts off. */
static void tell_ready(struct epoll *s)
{
    sync_wake(&s->wait, POLLIN, SYNC_ONE);
    sync_wake(&s->watch, POLLIN | POLLRDNORM, SYNC_TASKS);
}

static void make_ready(struct epoll_item *it)
{
    uint32_t irq = os_irq_save();

    if (!it->ready)
        ready_add(it->set, it);
    tell_ready(it->set);
    os_irq_restore(irq);
}

/* Whether a set that shares a file with others takes care of events: somebody waits for it, and for these. */
static bool takes(const struct epoll_item *it, uint32_t events)
{
    uint32_t what = events & (POLLIN | POLLOUT);

    if (!it->set->wait.head)
        return false;
    return !what || events == SYNC_ANYTHING || (what != (POLLIN | POLLOUT) && it->events & what);
}

static bool item_wake(struct waiter *w, uint32_t events)
{
    struct epoll_item *it = container_of(w, struct epoll_place, waiter)->item;
    bool taken;

    if (!(it->events & ~PRIVATE) || !(events & it->events))
        return false;
    taken = w->exclusive && takes(it, events);
    if (!it->ready)
        ready_add(it->set, it);
    tell_ready(it->set);
    return taken;
}

/* What holds, of what the item is for. A file that is about to go says nothing any more. */
static uint32_t item_poll(const struct epoll_item *it)
{
    return it->file->refs ? file_poll(it->file, NULL) & it->events : 0;
}

/* --- items --- */

static struct epoll_item **bucket_of(const struct epoll *s, const struct file *f, int fd)
{
    return &s->bucket[((uint32_t)(uintptr_t)f / 32 * 31 + (uint32_t)fd) & (s->buckets - 1)];
}

static struct epoll_item *find(const struct epoll *s, const struct file *f, int fd)
{
    struct epoll_item *it = *bucket_of(s, f, fd);

    while (it && (it->file != f || it->fd != fd))
        it = it->hash_next;
    return it;
}

/* Have a bucket for each item, if there is memory. Sleeps, the set being locked. */
static void grow(struct epoll *s)
{
    uint32_t old = s->buckets;
    struct epoll_item **table, **before = s->bucket;

    if (s->count < old)
        return;
    table = vm_table_alloc(old * 2, sizeof *table);
    if (!table)
        return;
    s->bucket = table;
    s->buckets = old * 2;
    for (uint32_t i = 0; i < old; i++)
        for (struct epoll_item *it = before[i], *next; it; it = next) {
            struct epoll_item **at = bucket_of(s, it->file, it->fd);

            next = it->hash_next;
            it->hash_next = *at;
            *at = it;
        }
    vm_table_free(before, old, sizeof *before);
}

static void link_item(struct epoll *s, struct epoll_item *it)
{
    struct epoll_item **at = bucket_of(s, it->file, it->fd);

    it->hash_next = *at;
    *at = it;
    s->count++;
    watches.count++;
    it->file_next = it->file->watches;
    if (it->file_next)
        it->file_next->file_link = &it->file_next;
    it->file_link = &it->file->watches;
    it->file->watches = it;
    if (is_set(it->file)) {
        it->nested_next = s->nested;
        if (it->nested_next)
            it->nested_next->nested_link = &it->nested_next;
        it->nested_link = &s->nested;
        s->nested = it;
    }
}

/* Out of everything, and free it. The set is locked. */
static void item_free(struct epoll_item *it)
{
    struct epoll *s = it->set;
    struct epoll_item **at = bucket_of(s, it->file, it->fd);
    uint32_t irq = os_irq_save();

    for (unsigned i = 0; i < it->places; i++)
        sync_leave(&it->place[i].waiter);
    os_irq_restore(irq);
    ready_drop(s, it);
    while (*at != it)
        at = &(*at)->hash_next;
    *at = it->hash_next;
    s->count--;
    *it->file_link = it->file_next;
    if (it->file_next)
        it->file_next->file_link = it->file_link;
    if (is_set(it->file)) {
        *it->nested_link = it->nested_next;
        if (it->nested_next)
            it->nested_next->nested_link = it->nested_link;
    }
    cache_free(&item_cache, it);
    watches.count--;
}

int epoll_watched(const struct file *f, int fd, uint32_t nth, const struct file **out)
{
    const struct epoll *s = set_of(f);

    if (!is_set(f))
        return -EINVAL;
    for (uint32_t i = 0; i < s->buckets; i++)
        for (const struct epoll_item *it = s->bucket[i]; it; it = it->hash_next)
            if (it->fd == fd && nth-- == 0) {
                *out = it->file;
                return 0;
            }
    return -ENOENT;
}

/* --- sets in sets --- */

#define TOO_DEEP (NESTS_MAX + 1)

/* Collect the sets that are in s, by way of `found`. How many there are below one another, TOO_DEEP at most:
 * also if `avoid` is among them. Does not sleep. */
static uint32_t collect(struct epoll *s, const struct epoll *avoid, struct epoll **found)
{
    if (s->visited == walks)
        return s->depth;
    s->visited = walks;
    s->depth = 0;
    s->found = *found;
    *found = s;
    for (const struct epoll_item *it = s->nested; it && s->depth < TOO_DEEP; it = it->nested_next) {
        struct epoll *inner = set_of(it->file);
        uint32_t depth = inner == avoid ? NESTS_MAX : collect(inner, avoid, found);

        if (s->depth < depth + 1)
            s->depth = depth + 1;
    }
    return s->depth;
}

/* How many sets there are above one another that s is in. Does not sleep. */
static uint32_t depth_above(struct epoll *s)
{
    if (s->visited == walks)
        return s->depth;
    s->visited = walks;
    s->depth = 0;
    for (const struct epoll_item *it = s->file->watches; it; it = it->file_next) {
        uint32_t depth = depth_above(it->set);

        if (s->depth < depth + 1)
            s->depth = depth + 1;
    }
    return s->depth;
}

/* Count the ways up from a file that somebody watches. Whether they are few and short enough. */
static bool paths_fit(const struct file *f, unsigned depth, uint16_t count[NESTS_MAX + 1])
{
    if (depth > NESTS_MAX)
        return false;
    for (const struct epoll_item *it = f->watches; it; it = it->file_next) {
        const struct file *above = it->set->file;

        if (above->watches ? !paths_fit(above, depth + 1, count)
                           : depth > 0 && ++count[depth] > paths_max[depth])
            return false;
    }
    return true;
}

static bool file_fits(const struct file *f)
{
    uint16_t count[NESTS_MAX + 1] = {0};

    return paths_fit(f, 0, count);
}

/* The same for all files in a set. Sleeps. */
static bool files_fit(struct epoll *s)
{
    bool ok = true;

    mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->buckets && ok; i++) {
        if (i % BREATH == BREATH - 1)
            might_sleep();
        for (const struct epoll_item *it = s->bucket[i]; it && ok; it = it->hash_next)
            ok = is_set(it->file) || file_fits(it->file);
    }
    mutex_unlock(&s->lock);
    return ok;
}

static void set_put(struct epoll *s)
{
    if (--s->refs)
        return;
    vm_table_free(s->bucket, s->buckets, sizeof *s->bucket);
    kfree(s);
    sets.count--;
}

/* The file has just been put into a set, which is locked, and either may be in between others: whether the
 * ways up are still few. `found`: the sets that collect() found, if the file is one. Sleeps. */
static bool fits(const struct file *f, struct epoll *found)
{
    bool ok = is_set(f) || file_fits(f);

    for (struct epoll *s = found; s && ok; s = s->found)
        ok = files_fit(s);
    return ok;
}

static void put_found(struct epoll *found)
{
    for (struct epoll *s = found, *next; s; s = next) {
        next = s->found;
        set_put(s);
    }
}

/* --- changing a set --- */

struct registration {
    struct poll_table table;
    struct epoll_item *item;
};

static void enter_queue(struct poll_table *table, struct waitq *q)
{
    struct epoll_item *it = container_of(table, struct registration, table)->item;
    struct epoll_place *p = &it->place[it->places];
    uint32_t irq;

    mm_assert(it->places < EPOLL_PLACES, "a file has more than %u queues", EPOLL_PLACES);
    it->places++;
    *p = (struct epoll_place){.waiter = {.wake = item_wake, .exclusive = it->events & EPOLLEXCLUSIVE},
                              .item = it};
    irq = os_irq_save();
    sync_enter(q, &p->waiter);
    os_irq_restore(irq);
}

/* Watch f, which is not in the set yet. found: see fits(); whole: the ways up have to be looked at. */
static int add(struct epoll *s, struct file *f, int fd, const struct epoll_event *event, bool whole,
               struct epoll *found)
{
    struct registration r = {.table = {.enter = enter_queue}};
    struct epoll_item *it;

    it = vm_cache_alloc(&vm_sys, &item_cache);
    if (!it)
        return -ENOMEM;
    grow(s);
    if (watches.count >= epoll_max_watches) {
        cache_free(&item_cache, it);
        return -ENOSPC;
    }
    *it = (struct epoll_item){.set = s,
                              .file = f,
                              .fd = fd,
                              .events = event->events | ALWAYS,
                              .data = {event->data[0], event->data[1]}};
    link_item(s, it);
    if (whole && !fits(f, found)) {
        item_free(it);
        return -EINVAL;
    }
    r.item = it;
    if (file_poll(f, &r.table) & it->events)
        make_ready(it);
    return 0;
}

static int modify(struct epoll_item *it, const struct epoll_event *event)
{
    if (it->events & EPOLLEXCLUSIVE)
        return -EINVAL;
    it->events = event->events | ALWAYS;
    it->data[0] = event->data[0];
    it->data[1] = event->data[1];
    if (item_poll(it))
        make_ready(it);
    return 0;
}

static int change(struct epoll *s, uint32_t op, struct file *f, int fd, const struct epoll_event *event,
                  bool whole, struct epoll *found)
{
    struct epoll_item *it = find(s, f, fd);

    switch (op) {
    case EPOLL_CTL_ADD:
        return it ? -EEXIST : add(s, f, fd, event, whole, found);
    case EPOLL_CTL_MOD:
        return it ? modify(it, event) : -ENOENT;
    case EPOLL_CTL_DEL:
        if (!it)
            return -ENOENT;
        item_free(it);
        return 0;
    default:
        return -EINVAL;
    }
}

/* A file is put into a set, and one of them may be between others. Sleeps. */
static int add_nested(struct epoll *s, struct file *f, int fd, const struct epoll_event *event)
{
    struct epoll *found = NULL;
    int err = 0;

    mutex_lock(&nesting);
    walks++;
    if (is_set(f)) {
        if (collect(set_of(f), s, &found) >= NESTS_MAX || set_of(f)->depth + 1 + depth_above(s) > NESTS_MAX)
            err = -ELOOP;
        for (struct epoll *inner = found; inner; inner = inner->found)
            inner->refs++;
    }
    if (!err) {
        mutex_lock(&s->lock);
        err = change(s, EPOLL_CTL_ADD, f, fd, event, true, found);
        mutex_unlock(&s->lock);
    }
    put_found(found);
    mutex_unlock(&nesting);
    return err;
}

static int may_change(const struct file *set, const struct file *f, uint32_t op, uint32_t events)
{
    if (!f->ops->poll)
        return -EPERM;
    if (set == f || !is_set(set))
        return -EINVAL;
    if (op == EPOLL_CTL_DEL || !(events & EPOLLEXCLUSIVE))
        return 0;
    return op == EPOLL_CTL_MOD || (op == EPOLL_CTL_ADD && (is_set(f) || events & ~EXCLUSIVE_OK)) ? -EINVAL
                                                                                                 : 0;
}

static int control(struct file *set, uint32_t op, struct file *f, int fd, const struct epoll_event *event)
{
    struct epoll *s = set_of(set);
    int err = may_change(set, f, op, event->events);

    if (err)
        return err;
    if (op == EPOLL_CTL_ADD && is_set(f))
        return add_nested(s, f, fd, event);
    mutex_lock(&s->lock);
    if (op == EPOLL_CTL_ADD && set->watches) { /* as long as it is locked it is not put anywhere unseen */
        mutex_unlock(&s->lock);
        return add_nested(s, f, fd, event);
    }
    err = change(s, op, f, fd, event, false, NULL);
    mutex_unlock(&s->lock);
    return err;
}

int epoll_control(int epfd, uint32_t op, int fd, const struct epoll_event *event)
{
    struct file *set = fd_get_open(epfd), *f = set ? fd_get_open(fd) : NULL;
    int err = f ? control(set, op, f, fd, event) : -EBADF;

    file_put(f);
    file_put(set);
    return err;
}

void epoll_forget(struct file *f)
{
    while (f->watches) {
        struct epoll *s = f->watches->set;

        s->refs++;
        mutex_lock(&s->lock);
        if (f->watches && f->watches->set == s) /* or somebody else has taken it out meanwhile */
            item_free(f->watches);
        mutex_unlock(&s->lock);
        set_put(s);
    }
}

/* --- waiting --- */

/* What a scan is about to tell. */
struct batch {
    unsigned n;
    struct epoll_event event[BATCH];
    struct epoll_item *item[BATCH];
    uint32_t events[BATCH]; /* that the items were for */
};

static void take_item(struct batch *b, struct epoll_item *it, uint32_t events)
{
    struct epoll *s = it->set;

    b->event[b->n] = (struct epoll_event){events, {it->data[0], it->data[1]}};
    b->item[b->n] = it;
    b->events[b->n++] = it->events;
    it->round = s->round;
    if (it->events & EPOLLONESHOT) {
        it->events &= PRIVATE;
    } else if (!(it->events & EPOLLET)) {
        uint32_t irq = os_irq_save();

        if (!it->ready) /* nothing has woken it meanwhile */
            ready_add(s, it);
        os_irq_restore(irq);
    }
}

/* Take up to `most` items that have something to tell. False: there are no others. Sleeps, if many have
 * nothing. */
static bool gather(struct epoll *s, struct batch *b, uint32_t most)
{
    struct epoll_item *it;

    b->n = 0;
    for (unsigned steps = 1; b->n < most; steps++) {
        uint32_t events;

        it = s->ready_first;
        if (!it || it->round == s->round)
            return false;
        ready_drop(s, it);
        events = item_poll(it);
        if (events)
            take_item(b, it, events);
        if (steps % BREATH == 0)
            might_sleep();
    }
    return true;
}

/* Copy a batch to the program. How many events, fewer than there are if the memory is not there. Sleeps. */
static unsigned tell(vaddr_t user, const struct batch *b)
{
    unsigned n = 0;

    if (user_copy_out(user, b->event, b->n * sizeof *b->event) == 0)
        return b->n;
    while (n < b->n && user_copy_out(user + n * sizeof *b->event, &b->event[n], sizeof *b->event) == 0)
        n++;
    return n < b->n ? n : b->n;
}

/* These could not be told: as if nobody had looked. */
static void put_back(struct batch *b, unsigned from)
{
    for (unsigned i = from; i < b->n; i++) {
        struct epoll_item *it = b->item[i];
        uint32_t irq = os_irq_save();

        it->events = b->events[i];
        if (!it->ready)
            ready_add(it->set, it);
        os_irq_restore(irq);
    }
}

/* Tell what there is: how many events, or -EFAULT. Sleeps. */
static int harvest(struct epoll *s, vaddr_t user, uint32_t max)
{
    uint32_t told = 0;
    struct batch b;
    bool more = true;
    int err = 0;

    mutex_lock(&s->lock);
    s->round++;
    while (more && !err && told < max) {
        unsigned n;

        more = gather(s, &b, max - told < BATCH ? max - told : BATCH);
        if (!b.n)
            break;
        n = tell(user + told * sizeof(struct epoll_event), &b);
        if (n < b.n) {
            put_back(&b, n);
            err = -EFAULT;
        }
        told += n;
    }
    mutex_unlock(&s->lock);
    if (s->ready_first)
        os_wake_one(&s->wait);
    return told ? (int)told : err;
}

static int wait_for(struct epoll *s, vaddr_t user, uint32_t max, uint64_t deadline)
{
    int err = deadline == 1 ? -ETIMEDOUT : 0;

    for (;;) {
        int told = s->ready_first ? harvest(s, user, max) : 0;
        uint32_t irq;

        if (told || err)
            return told ? told : err == -ETIMEDOUT ? 0 : err;
        irq = os_irq_save();
        if (!s->ready_first)
            err = thread_sleep_until(&s->wait, deadline);
        os_irq_restore(irq);
        if (err == -EINTR) {
            if (s->ready_first) /* its turn to tell is another's */
                os_wake_one(&s->wait);
            return err;
        }
    }
}

int epoll_wait(int epfd, vaddr_t user, uint32_t max, uint64_t deadline)
{
    struct file *f;
    int err;

    if ((int32_t)max <= 0 || max > INT32_MAX / sizeof(struct epoll_event))
        return -EINVAL;
    if (!user_range_ok(user, max * sizeof(struct epoll_event)))
        return -EFAULT;
    f = fd_get_open(epfd);
    if (!f)
        return -EBADF;
    err = is_set(f) ? wait_for(set_of(f), user, max, deadline) : -EINVAL;
    file_put(f);
    return err;
}

/* --- as a file --- */

/* Whether one item at least has something to tell; those before it that have not are dropped. */
static bool any_ready(struct epoll *s)
{
    for (struct epoll_item *it; (it = s->ready_first);) {
        if (item_poll(it))
            return true;
        ready_drop(s, it);
    }
    return false;
}

static unsigned poll_set(struct file *f, struct poll_table *table)
{
    struct epoll *s = set_of(f);

    poll_register(table, &s->watch);
    return any_ready(s) ? POLLIN | POLLRDNORM : 0;
}

/* At most so many items: nobody else runs meanwhile. */
static void info_set(const struct file *f, file_print_fn *print, void *to)
{
    const struct epoll *s = set_of(f);
    unsigned left = INFO_MAX;

    for (uint32_t i = 0; i < s->buckets && left; i++)
        for (const struct epoll_item *it = s->bucket[i]; it && left; it = it->hash_next, left--)
            print(to, "tfd: %8d events: %8x data: %8x%08x  pos:%llu ino:%x sdev:%x\n", it->fd, it->events,
                  it->data[1], it->data[0], (unsigned long long)it->file->pos, it->file->inode->ino,
                  it->file->inode->fs->dev);
}

static size_t bytes_of_set(const struct file *f)
{
    const struct epoll *s = set_of(f);

    return sizeof *s + s->buckets * sizeof *s->bucket + s->count * sizeof(struct epoll_item);
}

static void release_set(struct file *f)
{
    struct epoll *s = set_of(f);

    mutex_lock(&s->lock);
    for (uint32_t i = 0, steps = 1; i < s->buckets; i++, steps++) {
        while (s->bucket[i]) {
            item_free(s->bucket[i]);
            if (steps++ % BREATH == 0)
                might_sleep();
        }
        if (steps % BREATH == 0)
            might_sleep();
    }
    mutex_unlock(&s->lock);
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    set_put(s);
}

static const struct file_ops epoll_ops = {.poll = poll_set,
                                          .seek = file_seek_nowhere,
                                          .info = info_set,
                                          .bytes = bytes_of_set,
                                          .in_messages = true,
                                          .release = release_set};

int epoll_create(uint32_t flags)
{
    struct epoll *s;
    struct file *f;
    int err;

    if (flags & ~(uint32_t)O_CLOEXEC)
        return -EINVAL;
    s = vm_zalloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    s->refs = 1;
    s->buckets = BUCKETS_MIN;
    s->bucket = vm_table_alloc(s->buckets, sizeof *s->bucket);
    sets.count++;
    err = s->bucket ? file_open_anonymous(&epoll_ops, s, "anon_inode:[eventpoll]", O_RDWR, &f) : -ENOMEM;
    if (err) {
        set_put(s);
        return err;
    }
    s->file = f;
    s->next = epoll_all;
    if (s->next)
        s->next->link = &s->next;
    s->link = &epoll_all;
    epoll_all = s;
    err = fd_install(f, 0, flags & O_CLOEXEC);
    if (err < 0)
        file_put(f);
    return err;
}

void epoll_init(void)
{
    enum { SHARE = 25 }; /* Linux's: a twenty-fifth of low memory */

    cache_init(&item_cache, kmalloc_sys.pool, "epoll item", sizeof(struct epoll_item), 0, NULL,
               slab_default_flags);
    epoll_max_watches = kmalloc_sys.pool->managed[ZONE_LOW] / SHARE * PAGE_SIZE / sizeof(struct epoll_item);
}

/* --- verifying --- */

static bool in_list_of_file(const struct epoll_item *it)
{
    const struct epoll_item *other = it->file->watches;

    while (other && other != it)
        other = other->file_next;
    return other && *it->file_link == it;
}

static bool item_verify(const struct epoll *s, const struct epoll_item *it, uint32_t bucket)
{
    bool ok = true;

    INV("INV-EPOLL-1", it->set == s && bucket_of(s, it->file, it->fd) == &s->bucket[bucket],
        "descriptor %d in bucket %u", it->fd, bucket);
    INV("INV-EPOLL-1", in_list_of_file(it), "descriptor %d is not in the list of its file", it->fd);
    for (unsigned i = 0; i < it->places && i < EPOLL_PLACES; i++)
        INV("INV-EPOLL-3", it->place[i].item == it && it->place[i].waiter.wake == item_wake,
            "place %u of descriptor %d", i, it->fd);
    INV("INV-EPOLL-3", it->places <= EPOLL_PLACES, "descriptor %d has %u places", it->fd, it->places);
    return ok;
}

/* Items of the set that are marked as ready, and that are sets. */
struct marked {
    uint32_t items, ready, nested;
};

static bool table_verify(const struct epoll *s, struct marked *m)
{
    bool ok = true;

    for (uint32_t i = 0; i < s->buckets; i++)
        for (const struct epoll_item *it = s->bucket[i]; it; it = it->hash_next) {
            ok &= item_verify(s, it, i);
            m->items++;
            m->ready += it->ready;
            m->nested += is_set(it->file);
        }
    INV("INV-EPOLL-1", m->items == s->count, "%u items, counted %u", m->items, s->count);
    return ok;
}

static bool lists_verify(const struct epoll *s, const struct marked *m)
{
    const struct epoll_item *before = NULL;
    uint32_t n = 0;
    bool ok = true;

    for (const struct epoll_item *it = s->ready_first; it && n <= m->ready; it = it->ready_next, n++) {
        INV("INV-EPOLL-2", it->set == s && it->ready && it->ready_prev == before, "descriptor %d", it->fd);
        before = it;
    }
    INV("INV-EPOLL-2", n == m->ready && before == s->ready_last, "%u in the list, %u marked", n, m->ready);
    n = 0;
    for (const struct epoll_item *it = s->nested; it && n <= m->nested; it = it->nested_next, n++)
        INV("INV-EPOLL-4", it->set == s && is_set(it->file), "descriptor %d", it->fd);
    INV("INV-EPOLL-4", n == m->nested, "%u in the list, %u sets", n, m->nested);
    return ok;
}

bool epoll_verify(void)
{
    uint32_t irq = os_irq_save(), items = 0;
    bool ok = true;

    for (const struct epoll *s = epoll_all; s; s = s->next) {
        struct marked m = {0};

        ok &= table_verify(s, &m);
        ok &= lists_verify(s, &m);
        items += m.items;
    }
    INV("INV-EPOLL-5", items == watches.count, "%u items, counted %u", items, watches.count);
    os_irq_restore(irq);
    return ok;
}
