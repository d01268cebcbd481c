/* Telling a recorder outside of the machine who runs: trace=on. See trace.c. */
#ifndef KERNEL_PROC_TRACE_H
#define KERNEL_PROC_TRACE_H

#include "mm/types.h"

struct thread;

extern bool trace_on;

/* Tell of every switch from now on. Any context. */
void trace_start(void);
/* Say whose space the processor has: a thread's that runs, or is about to. Interrupts off. */
void trace_tell(const struct thread *t);

#endif
