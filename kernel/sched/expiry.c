/*
 * What is to be done at a time, by a task: timers that send signals.
 *
 * Two heaps, by time since boot and by time of day, say what comes first. The tick looks at those two and
 * wakes the task, which does what is due and sleeps again; so arming costs no switch, and ten thousand that
 * wait cost nothing.
 *
 * A pass does what was due when it began, so whatever is armed meanwhile waits for the next tick, however
 * short its time: others run between. Of many that are due at once, the task gives way after some.
 *
 * Locking: interrupts off for the heaps, since the tick looks at them.
 *
 *     INV-EXPIRY-1  what is in a heap is armed, and for that heap's clock
 */
#include "kernel/sched/expiry.h"
#include "kernel/sched/task.h"
#include "kernel/sched/time.h"
#include "mm/os.h"

#define AT_ONCE 64u /* before others get the processor */

static struct heap by_boot, by_date;
static struct waitq watch;

static struct expiry *expiry_of(struct heap_node *n)
{
    return container_of(n, struct expiry, node);
}

/* The first that is due at `now`, or NULL. */
static struct expiry *due(uint64_t now)
{
    if (by_boot.root && by_boot.root->key <= now)
        return expiry_of(by_boot.root);
    if (by_date.root && by_date.root->key <= now + time_realtime_offset)
        return expiry_of(by_date.root);
    return NULL;
}

static void tick(void)
{
    if ((by_boot.root || by_date.root) && due(os_now_ns()))
        os_wake_all(&watch);
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
        /* The next pass begins with a tick. What became due in this one waits for it too. */
        irq = os_irq_save();
        os_sleep(&watch);
        os_irq_restore(irq);
    }
}

bool expiry_init(void)
{
    time_register_tick(tick);
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
