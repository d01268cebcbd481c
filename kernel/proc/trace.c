/*
 * Telling a recorder outside of the machine who runs.
 *
 * The plugin that records what programs touch (tools/lab/plugin.c) sees virtual addresses, and not whose they
 * are. With trace=on the kernel says so at each switch, without I/O: the plugin is told of stores and their
 * addresses, not of what is stored, so the address is the message. A store to trace_mailbox[b] says the byte
 * b, one to trace_mailbox[TRACE_END] that the message is complete:
 *
 *     4 bytes  the process's number, the lowest byte first
 *     4 bytes  the number of its address space, likewise
 *     then     the program's name, without a zero
 *
 * The number and the space tell a program from what the process ran before its exec and from what it will
 * run after: no two spaces have one number. The name is that of the process, which a thread's own does not
 * change. It is not known from the beginning: while exec fills a space its old program's is told, and one
 * that was started through /proc/self/exe gives itself a name when it runs. So who looks for a name has to
 * wait for the last one.
 *
 * It costs nothing while it is off: a switch tests one word for all who watch it (sched_watch).
 *
 * Data: none but the flag. Locking: interrupts off. Fails: never.
 */
#include "kernel/proc/trace.h"
#include "kernel/proc/process.h"
#include "kernel/proc/thread.h"
#include "kernel/sched/sched.h"
#include "mm/space.h"

#define TRACE_END 256u

bool trace_on;
/* The plugin is told where it and the function that stores there lie in the image, by their names. */
static uint8_t trace_mailbox[TRACE_END + 1];

static __attribute__((noinline, used)) void trace_say(uint32_t symbol)
{
    *(volatile uint8_t *)&trace_mailbox[symbol] = 0;
}

static void say_number(uint32_t n)
{
    for (unsigned i = 0; i < 4; i++)
        trace_say(n >> 8 * i & 0xFF);
}

void trace_tell(const struct thread *t)
{
    const struct process *p = t->process;
    const struct thread *first = p->threads ? p->threads : t;
    const struct space *s = t->task->space;

    if (!s)
        return;
    say_number((uint32_t)p->pid);
    say_number(s->id);
    for (const char *c = first->comm; *c && c < first->comm + sizeof first->comm; c++)
        trace_say((uint8_t)*c);
    trace_say(TRACE_END);
}

static void tell_switch(const struct task *next)
{
    if (next->thread && next->thread->process)
        trace_tell(next->thread);
}

void trace_start(void)
{
    uint32_t irq = os_irq_save();

    trace_on = true;
    sched_watcher = tell_switch;
    sched_watch |= SCHED_WATCH_TRACE;
    os_irq_restore(irq);
}
