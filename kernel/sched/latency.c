/*
 * The meter of time in the kernel without a chance for others.
 *
 * A task is preempted only where it sleeps, so what it does between two sleeps is what everybody else may
 * have to wait for. A stretch begins where the task comes into the kernel, where it gets the processor, and
 * where others had a chance; it ends at the next of these, or where it leaves the kernel. The longest stretch
 * is kept for each system call, for page faults, for the way back to ring 3, for interrupts, and for each
 * kernel task by its name. A stretch contains the interrupts that came in it.
 *
 * It costs nothing while it is off: the ways in that measure are other stubs (trap.asm), and to turn it on is
 * to let the interrupt table name these. What is left is a test of one word in a switch, in a yield and on
 * the way back to ring 3 with work to do.
 *
 * Data: since when the present stretch lasts, one number, as there is one processor; each task's label; the
 * records, which are allocated when it is first turned on. Locking: interrupts off.
 *
 * Fails: to turn it on, when there is no memory for the records.
 */
#include "kernel/sched/latency.h"
#include "kernel/sched/sched.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/trap.h"
#include "mm/errno.h"
#include "mm/slab.h"

#define KERNEL_TASKS 12u /* names that get a record of their own */

struct record {
    uint64_t worst_ns;
    uint32_t count;
};

bool latency_on;
static struct record *records; /* LATENCY_KINDS, then KERNEL_TASKS */
static char task_name[KERNEL_TASKS][16];
static uint64_t since;

#define RECORDS (LATENCY_KINDS + KERNEL_TASKS)

int latency_start(void)
{
    struct record *made = records ? NULL : vm_alloc(RECORDS * sizeof *records);
    uint32_t irq;

    if (!records && !made)
        return -ENOMEM;
    irq = os_irq_save();
    if (!records)
        records = made;
    memset(records, 0, RECORDS * sizeof *records);
    memset(task_name, 0, sizeof task_name);
    since = os_now_ns();
    latency_on = true;
    sched_watch |= SCHED_WATCH_LATENCY;
    os_nosleep |= OS_METERED;
    cpu_set_metered(true);
    os_irq_restore(irq);
    return 0;
}

void latency_stop(void)
{
    uint32_t irq = os_irq_save();

    latency_on = false;
    sched_watch &= ~SCHED_WATCH_LATENCY;
    os_nosleep &= ~OS_METERED;
    cpu_set_metered(false);
    os_irq_restore(irq);
}

void latency_fini(void)
{
    latency_stop();
    kfree(records);
    records = NULL;
}

/* The record of a kernel task; NULL when there are too many names. */
static struct record *record_of_task(const struct task *t)
{
    for (unsigned i = 0; i < KERNEL_TASKS; i++) {
        if (!task_name[i][0])
            memcpy(task_name[i], t->name, sizeof task_name[i]);
        if (strcmp(task_name[i], t->name) == 0)
            return &records[LATENCY_KINDS + i];
    }
    return NULL;
}

static void note(struct record *r, uint64_t ns)
{
    if (!r)
        return;
    r->count++;
    if (r->worst_ns < ns)
        r->worst_ns = ns;
}

/* The end of a stretch of t, and the beginning of another. Interrupts off. */
static void end_stretch(const struct task *t)
{
    uint64_t now = os_now_ns();

    if (t->metered)
        note(&records[t->metered - 1], now - since);
    else if (!t->thread && t->stack && !sched_idle())
        note(record_of_task(t), now - since);
    since = now;
}

void latency_switch(const struct task *from)
{
    end_stretch(from);
}

void latency_chance_slow(void)
{
    uint32_t irq = os_irq_save();

    end_stretch(os_current);
    os_irq_restore(irq);
}

void latency_enter(unsigned what)
{
    uint32_t irq = os_irq_save();

    task_current()->metered = what < LATENCY_KINDS ? what + 1 : 0;
    since = os_now_ns();
    os_irq_restore(irq);
}

void latency_leave(void)
{
    struct task *t = task_current();
    uint32_t irq = os_irq_save();

    if (t->metered && latency_on)
        end_stretch(t);
    t->metered = 0;
    os_irq_restore(irq);
}

/* From the stubs that measure: see trap.asm. */
void latency_page_fault(struct trap_frame *tf)
{
    bool from_user = trap_from_user(tf);

    if (from_user)
        latency_enter(LATENCY_FAULT);
    trap_page_fault(tf);
    if (from_user)
        latency_leave();
}

void latency_interrupt(struct trap_frame *tf)
{
    uint64_t begin = os_now_ns();

    trap_interrupt(tf);
    if (latency_on)
        note(&records[LATENCY_INTERRUPT], os_now_ns() - begin);
}

/* The order in which records are shown: the worst first. */
static bool comes_before(unsigned a, unsigned b)
{
    uint64_t x = records[a].worst_ns, y = records[b].worst_ns;

    return x == y ? a < b : x > y;
}

bool latency_next(struct latency_record *at)
{
    uint32_t irq = os_irq_save();
    unsigned best = RECORDS;

    for (unsigned i = 0; records && i < RECORDS; i++)
        if (records[i].count && (!at->count || comes_before(at->index, i)) &&
            (best == RECORDS || comes_before(i, best)))
            best = i;
    if (best < RECORDS) {
        *at = (struct latency_record){
            .index = best, .worst_ns = records[best].worst_ns, .count = records[best].count};
        if (best >= LATENCY_KINDS)
            memcpy(at->task, task_name[best - LATENCY_KINDS], sizeof at->task);
    }
    os_irq_restore(irq);
    return best < RECORDS;
}
