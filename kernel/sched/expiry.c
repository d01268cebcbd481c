/*
 * What is to be done at a time, by a task: timers that send signals.
 *
 * Two heaps, by time since boot and by time of day, say what comes first. The timer's interrupt looks at
 * those two and wakes the task, which does what is due and sleeps again; so arming costs no switch, and ten
 * thousand that wait cost nothing.
 *
 * A pass does what was due when it began, and the next one does not begin before some time has gone: so
 * whatever is armed meanwhile waits for that one, however short its time, and others run between. Of many
 * that are due at once, the task gives way after some.
 *
 * Locking: interrupts off for the heaps, since the interrupt looks at them.
 *
 *     INV-EXPIRY-1  what is in a heap is armed, and for that heap's clock
 */
#include "kernel/sched/expiry.h"
#include "kernel/sched/dayclock.h"
#include "kernel/sched/task.h"
#include "kernel/sched/time.h"
#include "mm/os.h"

#define AT_ONCE 64u     /* before others get the processor */
#define REST_NS 100000u /* between two passes */

static struct heap by_boot, by_date;
static struct waitq watch;
static bool passing;        /* a pass goes on, or its task is awake for one */
static uint64_t rest_until; /* no pass begins before */

static struct expiry *expiry_of(struct heap_node *n)
{
    return container_of(n, struct expiry, node);
}

/* The first that is due at `now`, or NULL. */
static struct expiry *due(uint64_t now)
{
    if (by_boot.root && by_boot.root->key <= now)
        return expiry_of(by_boot.root);
    if (by_date.root && by_date.root->key <= dayclock_at(&dayclock, now))
        return expiry_of(by_date.root);
    return NULL;
}

static void wake(uint64_t now)
{
    if (passing || now < rest_until || !due(now))
        return;
    passing = true;
    os_wake_all(&watch);
}

/* When the next pass is to begin. */
static uint64_t next_pass(void)
{
    uint64_t at = by_boot.root ? by_boot.root->key : TIME_NEVER;

    if (passing)
        return TIME_NEVER;
    if (by_date.root) {
        uint64_t when = dayclock_when(&dayclock, os_now_ns(), by_date.root->key),
                 steady = dayclock_steady_until(&dayclock);

        if (when > steady) /* it goes at another rate from then on */
            when = steady;
        if (when < at)
            at = when;
    }
    return at > rest_until ? at : rest_until;
}

void expiry_stop(struct expiry *e)
{
    uint32_t irq = os_irq_save();

    if (e->armed)
        heap_remove(e->realtime ? &by_date : &by_boot, &e->node);
    e->armed = false;
    os_irq_restore(irq);
}

void expiry_arm(struct expiry *e, uint64_t at_ns, bool realtime)
{
    uint32_t irq = os_irq_save();

    expiry_stop(e);
    e->node.key = at_ns;
    e->realtime = realtime;
    e->armed = true;
    heap_insert(realtime ? &by_date : &by_boot, &e->node);
    time_alarm(next_pass());
    os_irq_restore(irq);
}

/* Take out the first that is due, or NULL. */
static struct expiry *take(uint64_t now)
{
    uint32_t irq = os_irq_save();
    struct expiry *e = due(now);

    if (e)
        expiry_stop(e);
    os_irq_restore(irq);
    return e;
}

static void expiry_task(void *arg)
{
    (void)arg;
    for (;;) {
        uint64_t now = os_now_ns();
        unsigned done = 0;
        uint32_t irq;

        for (struct expiry *e; (e = take(now));) {
            e->fn(e);
            if (++done % AT_ONCE == 0)
                os_yield();
        }
        irq = os_irq_save();
        rest_until = os_now_ns() + REST_NS;
        passing = false;
        time_alarm(next_pass());
        os_sleep(&watch);
        os_irq_restore(irq);
    }
}

bool expiry_init(void)
{
    static const struct time_hook hook = {.due = wake, .next = next_pass};

    passing = true; /* the task begins with one */
    time_register(&hook);
    return task_create("itimer", expiry_task, NULL) != NULL;
}

/* Nodes are looked at from the top down, as heap_verify() does. */
static bool heap_holds(const struct heap *h, bool realtime)
{
    bool ok = heap_verify(h);

    if (ok && h->root)
        INV("INV-EXPIRY-1", expiry_of(h->root)->armed && expiry_of(h->root)->realtime == realtime,
            "the first of a heap, time %llu", (unsigned long long)h->root->key);
    return ok;
}

bool expiry_verify(void)
{
    uint32_t irq = os_irq_save();
    bool ok = heap_holds(&by_boot, false) & heap_holds(&by_date, true);

    os_irq_restore(irq);
    return ok;
}
