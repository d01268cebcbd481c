/*
 * Waiting for one of several files, for poll(), select() and their kin (kernel/sys/sys_poll.c).
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

struct poll_more {
    struct poll_more *next;
    struct poll_entry entry[MORE_ENTRIES];
};

static void poll_wake(struct waiter *w)
{
    struct poll_table *t = container_of(w, struct poll_entry, waiter)->table;

    t->woken = true;
    os_wake_all(&t->q);
}

/* Whether the nth entry is the first of a chunk. */
static bool begins_chunk(unsigned n)
{
    return n >= POLL_INLINE && (n - POLL_INLINE) % MORE_ENTRIES == 0;
}

/* Have entries for what one more file registers, if there is memory. Sleeps. */
static void have_entries(struct poll_table *t)
{
    for (unsigned i = 0; i < FILE_QUEUES && !t->spare; i++)
        if (unlikely(begins_chunk(t->count + i)))
            t->spare = vm_alloc(sizeof *t->spare);
}

/* The next free entry; NULL: no memory. */
static struct poll_entry *entry_alloc(struct poll_table *t)
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
static void each_entry(struct poll_table *t, void (*fn)(struct poll_entry *e))
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

void poll_register(struct poll_table *t, struct waitq *q)
{
    struct poll_entry *e;
    uint32_t irq;

    if (!t)
        return;
    e = entry_alloc(t);
    if (!e) {
        t->failed = true;
        return;
    }
    t->count++;
    entries.count++;
    *e = (struct poll_entry){.table = t, .file = file_get(t->file), .waiter = {.wake = poll_wake}};
    irq = os_irq_save();
    sync_enter(q, &e->waiter);
    os_irq_restore(irq);
}

void poll_begin(struct poll_table *t)
{
    t->woken = t->failed = false;
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

void poll_end(struct poll_table *t)
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

int poll_wait(struct poll_table *t, uint64_t deadline)
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
static int ask_all(struct pollfd *p, uint32_t n, struct poll_table *table)
{
    int ready = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct file *f;

        if (i % BREATH == BREATH - 1)
            might_sleep();
        p[i].revents = 0;
        if (p[i].fd < 0)
            continue;
        if (table)
            have_entries(table);
        f = fd_get(p[i].fd);
        if (f)
            p[i].revents = (int16_t)(file_poll(f, table) & ((uint16_t)p[i].events | ALWAYS));
        else
            p[i].revents = POLLNVAL;
        file_put(f);
        if (p[i].revents) {
            ready++;
            table = NULL; /* it will not sleep */
        }
    }
    return ready;
}

int poll_all(struct pollfd *p, uint32_t n, uint64_t deadline)
{
    struct poll_table table = {0};
    int ready, err = 0;

    if (deadline == 1)
        return ask_all(p, n, NULL);
    for (;;) {
        poll_begin(&table);
        ready = ask_all(p, n, &table);
        if (!ready)
            err = poll_wait(&table, deadline);
        poll_end(&table);
        if (ready || err)
            break;
    }
    return ready ? ready : err == -ETIMEDOUT ? 0 : err;
}
