/*
 * Waiting for one of several files, for poll(), select() and their kin (kernel/sys/sys_poll.c).
 *
 * Whether a file is ready is one thing for all who wait for it, here and in epoll.c: its poll operation says
 * what holds, and registers who asks in the queues that are woken when that changes.
 *
 * A task sleeps in one queue; a poller wants to be woken by any of many. So in each queue that matters it
 * puts an entry that is nobody's sleep: whoever wakes it calls poll_wake(), which wakes the poller's own
 * queue (struct waiter in sync.h has a function for that). One round is: leave all queues, ask each file what
 * holds, which enters its queues, and if nothing holds and nothing was woken meanwhile, sleep.
 *
 * Each entry holds a reference to the file whose queue it is in, and the queue lives as long as the file.
 * Which files these are is asked anew in each round: another thread may close a descriptor, or give its
 * number to another file, whenever the poller sleeps.
 *
 * Locking: queues with interrupts off; the rest belongs to the polling task.
 *
 * Failure: if there is no memory for entries the poller looks again every few milliseconds.
 */
#include "kernel/fs/poll.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/thread.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

TALLY(entries, "places of pollers in queues");

#define MORE_ENTRIES 64u
#define LOOK_NS      10000000u /* how often without entries */
#define BREATH       256u      /* others may run after so many descriptors */
#define FILE_QUEUES  2u        /* that a file registers at most */

/* One place in a queue on a poller's behalf. */
struct poll_entry {
    struct waiter waiter;
    struct poller *poller;
    uint32_t events;   /* that end its wait */
    struct file *file; /* whose queue it is, referenced */
};

struct poll_more {
    struct poll_more *next;
    struct poll_entry entry[MORE_ENTRIES];
};

/* What a poller waits for; lives on its stack. */
struct poller {
    struct poll_table table;
    uint32_t events;                      /* that the file that is asked is asked for */
    struct waitq q;                       /* the poller sleeps here */
    bool woken;                           /* one of the queues was woken in this round */
    bool failed;                          /* no memory for an entry: look again soon */
    unsigned count;                       /* entries in use */
    struct poll_entry first[POLL_INLINE]; /* and then */
    struct poll_more *more, *last;        /* the chunk that is being filled */
    struct poll_more *spare;              /* the next one */
};

static bool poll_wake(struct waiter *w, uint32_t events)
{
    struct poll_entry *e = container_of(w, struct poll_entry, waiter);

    if (events & e->events) {
        e->poller->woken = true;
        os_wake_all(&e->poller->q);
    }
    return false;
}

/* Whether the nth entry is the first of a chunk. */
static bool begins_chunk(unsigned n)
{
    return n >= POLL_INLINE && (n - POLL_INLINE) % MORE_ENTRIES == 0;
}

/* Have entries for what one more file registers, if there is memory. Sleeps. */
static void have_entries(struct poller *t)
{
    for (unsigned i = 0; i < FILE_QUEUES && !t->spare; i++)
        if (unlikely(begins_chunk(t->count + i)))
            t->spare = vm_alloc(sizeof *t->spare);
}

/* The next free entry; NULL: no memory. */
static struct poll_entry *entry_alloc(struct poller *t)
{
    unsigned n = t->count - POLL_INLINE;

    if (t->count < POLL_INLINE)
        return &t->first[t->count];
    if (begins_chunk(t->count)) {
        struct poll_more *m = t->spare;

        if (!m)
            return NULL;
        t->spare = NULL;
        m->next = NULL;
        if (t->last)
            t->last->next = m;
        else
            t->more = m;
        t->last = m;
    }
    return &t->last->entry[n % MORE_ENTRIES];
}

/* Call fn for each entry in use. Sleeps. */
static void each_entry(struct poller *t, void (*fn)(struct poll_entry *e))
{
    struct poll_more *m = t->more;

    for (unsigned n = 0; n < t->count; n++) {
        unsigned at = n - POLL_INLINE;

        if (n % BREATH == BREATH - 1)
            might_sleep();
        if (n < POLL_INLINE) {
            fn(&t->first[n]);
            continue;
        }
        fn(&m->entry[at % MORE_ENTRIES]);
        if (at % MORE_ENTRIES == MORE_ENTRIES - 1)
            m = m->next;
    }
}

/* Of struct poll_table: enter the queue. */
static void poll_enter(struct poll_table *table, struct waitq *q)
{
    struct poller *t = container_of(table, struct poller, table);
    struct poll_entry *e = entry_alloc(t);
    uint32_t irq;

    if (!e) {
        t->failed = true;
        return;
    }
    t->count++;
    entries.count++;
    *e = (struct poll_entry){
        .poller = t, .events = t->events, .file = file_get(table->file), .waiter = {.wake = poll_wake}};
    irq = os_irq_save();
    sync_enter(q, &e->waiter);
    os_irq_restore(irq);
}

void poll_register(struct poll_table *t, struct waitq *q)
{
    if (t)
        t->enter(t, q);
}

static void leave_queue(struct poll_entry *e)
{
    uint32_t irq = os_irq_save();

    sync_leave(&e->waiter);
    os_irq_restore(irq);
}

static void let_go(struct poll_entry *e)
{
    file_put(e->file);
}

/* Leave all queues, and let their files go. Sleeps. */
static void poll_end(struct poller *t)
{
    each_entry(t, leave_queue);
    each_entry(t, let_go);
    entries.count -= t->count;
    t->count = 0;
    t->last = NULL;
    while (t->more) {
        struct poll_more *m = t->more;

        t->more = m->next;
        kfree(m);
    }
    kfree(t->spare);
    t->spare = NULL;
}

/* Sleep until a registered queue is woken or the deadline (0: none) passes. 0, -EINTR, -ETIMEDOUT. */
static int poll_wait(struct poller *t, uint64_t deadline)
{
    uint64_t soon = t->failed ? os_now_ns() + LOOK_NS : 0;
    uint32_t irq = os_irq_save();
    int err = 0;

    if (!t->woken)
        err = thread_sleep_until(&t->q, soon && (!deadline || soon < deadline) ? soon : deadline);
    os_irq_restore(irq);
    return err == -ETIMEDOUT && soon && (!deadline || os_now_ns() < deadline) ? 0 : err;
}

/* --- poll --- */

#define ALWAYS (POLLERR | POLLHUP | POLLNVAL)

/* Ask each of n descriptors; how many have something to tell. Sleeps. */
static int ask_all(struct pollfd *p, uint32_t n, struct poller *poller)
{
    int ready = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t wanted = (uint16_t)p[i].events | ALWAYS;
        struct file *f;

        if (i % BREATH == BREATH - 1)
            might_sleep();
        p[i].revents = 0;
        if (p[i].fd < 0)
            continue;
        if (poller) {
            have_entries(poller);
            poller->events = wanted;
        }
        f = fd_get(p[i].fd);
        if (f)
            p[i].revents = (int16_t)(file_poll(f, poller ? &poller->table : NULL) & wanted);
        else
            p[i].revents = POLLNVAL;
        file_put(f);
        if (p[i].revents) {
            ready++;
            poller = NULL; /* it will not sleep */
        }
    }
    return ready;
}

int poll_all(struct pollfd *p, uint32_t n, uint64_t deadline)
{
    struct poller poller;
    int ready, err = 0;

    if (deadline == 1)
        return ask_all(p, n, NULL);
    poller = (struct poller){.table = {.enter = poll_enter}};
    for (;;) {
        poller.woken = poller.failed = false;
        ready = ask_all(p, n, &poller);
        if (!ready)
            err = poll_wait(&poller, deadline);
        poll_end(&poller);
        if (ready || err)
            break;
    }
    return ready ? ready : err == -ETIMEDOUT ? 0 : err;
}
