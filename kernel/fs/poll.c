/*
 * Waiting for one of several files, for poll(), select() and their kin (kernel/sys/sys_poll.c).
 *
 * A task sleeps in one queue; a poller wants to be woken by any of many. So in each queue that matters it
 * puts an entry that is nobody's sleep: whoever wakes it calls poll_wake(), which wakes the poller's own
 * queue (struct waiter in sync.h has a function for that). One round is: leave all queues, ask each file what
 * holds, which enters its queues, and if nothing holds and nothing was woken meanwhile, sleep.
 *
 * A file that is polled is referenced for the whole round, and its queues live as long as it does.
 *
 * Locking: queues with interrupts off; the rest belongs to the polling task.
 *
 * Failure: if there is no memory for entries the poller looks again every few milliseconds.
 */
#include "kernel/fs/poll.h"
#include "kernel/proc/thread.h"
#include "kernel/vm/vm_sys.h"
#include "mm/slab.h"

#define MORE_ENTRIES 64u
#define LOOK_NS      10000000u /* how often without entries */

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

static struct poll_entry *entry_at(struct poll_table *t, unsigned n)
{
    struct poll_more *m = t->more;

    if (n < POLL_INLINE)
        return &t->first[n];
    n -= POLL_INLINE;
    for (unsigned skip = n / MORE_ENTRIES; m && skip; skip--)
        m = m->next;
    return m ? &m->entry[n % MORE_ENTRIES] : NULL;
}

void poll_register(struct poll_table *t, struct waitq *q)
{
    struct poll_entry *e;
    uint32_t irq;

    if (!t)
        return;
    e = entry_at(t, t->count);
    if (!e) {
        struct poll_more **end = &t->more, *m = kmalloc(sizeof *m);

        if (!m) {
            t->failed = true;
            return;
        }
        while (*end)
            end = &(*end)->next;
        m->next = NULL;
        *end = m;
        e = &m->entry[0];
    }
    t->count++;
    *e = (struct poll_entry){.table = t, .waiter = {.wake = poll_wake}};
    irq = os_irq_save();
    sync_enter(q, &e->waiter);
    os_irq_restore(irq);
}

void poll_begin(struct poll_table *t)
{
    t->woken = t->failed = false;
}

void poll_end(struct poll_table *t)
{
    uint32_t irq = os_irq_save();

    for (unsigned n = 0; n < t->count; n++)
        sync_leave(&entry_at(t, n)->waiter);
    os_irq_restore(irq);
    t->count = 0;
    while (t->more) {
        struct poll_more *m = t->more;

        t->more = m->next;
        kfree(m);
    }
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

/* Ask each of n descriptors; how many have something to tell. */
static int ask_all(struct pollfd *p, uint32_t n, struct poll_table *table)
{
    int ready = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct file *f;

        p[i].revents = 0;
        if (p[i].fd < 0)
            continue;
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

/* A descriptor that is closed by another thread must not take its queues along. */
static void hold_all(const struct pollfd *p, uint32_t n, struct file **held)
{
    for (uint32_t i = 0; i < n; i++)
        held[i] = p[i].fd < 0 ? NULL : fd_get(p[i].fd);
}

int poll_all(struct pollfd *p, uint32_t n, uint64_t deadline)
{
    struct poll_table table = {0};
    struct file *few[POLL_INLINE], **held = few;
    int ready, err = 0;

    if (deadline == 1)
        return ask_all(p, n, NULL);
    if (n > POLL_INLINE) {
        held = vm_alloc_array(n, sizeof(struct file *));
        if (!held)
            return -ENOMEM;
    }
    hold_all(p, n, held);
    for (;;) {
        poll_begin(&table);
        ready = ask_all(p, n, &table);
        if (!ready)
            err = poll_wait(&table, deadline);
        poll_end(&table);
        if (ready || err)
            break;
    }
    for (uint32_t i = 0; i < n; i++)
        file_put(held[i]);
    if (held != few)
        kfree(held);
    return ready ? ready : err == -ETIMEDOUT ? 0 : err;
}
