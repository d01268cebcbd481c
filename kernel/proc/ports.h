/* Ports that a thread may reach itself: see ports.c. */
#ifndef KERNEL_PROC_PORTS_H
#define KERNEL_PROC_PORTS_H

#include "kernel/proc/thread.h"
#include "kernel/x86/trap.h"

#define PORTS_LEVEL 3u /* the highest of iopl(2), which opens all */

/* ioperm(2) and iopl(2) by the running thread. 0, -EINVAL, -EPERM, -ENOMEM. ports_permit() sleeps. */
int ports_permit(uint32_t from, uint32_t count, bool on);
int ports_set_level(uint32_t level);
/* A thread that does not run yet may reach what another one may. */
void ports_inherit_slow(struct thread *t, const struct thread *from);
static inline void ports_inherit(struct thread *t, const struct thread *from)
{
    if (unlikely(from->context.ports || from->port_level))
        ports_inherit_slow(t, from);
}
/* Of a thread that will not run again. */
void ports_end_slow(struct thread *t);
static inline void ports_end(struct thread *t)
{
    if (unlikely(t->context.ports))
        ports_end_slow(t);
}
/* What a thread's share of its map takes. */
size_t ports_bytes(const struct thread *t);
/* INV-PORTS. */
bool ports_verify(void);
/* Pass over an instruction by which a program with all ports would turn interrupts off or on, and which was
 * refused. False: it is none. */
bool ports_pass_over(struct trap_frame *tf);

#endif
