/* A process's memory (struct memory in kernel/proc/process.h). See memory.c. */
#ifndef KERNEL_LIFE_MEMORY_H
#define KERNEL_LIFE_MEMORY_H

#include "kernel/proc/process.h"

/* For life_start(). */
void memory_start(void);
/* A reference more, and one less: the last destroys the space. memory_put() sleeps. */
struct memory *memory_get(struct memory *m);
void memory_put(struct memory *m);
/* Count what p's memory holds, if p has any: p->memory->usage. Sleeps, so that p may have gone. */
void memory_count(struct process *p);
/* With one reference, which is the caller's, and owning the space. NULL: out of memory. Sleeps. */
struct memory *memory_create(struct space *s);
/* The same with what from, which is locked, says of the space that s is a copy of. Sleeps. */
struct memory *memory_copy(const struct memory *from, struct space *s);
/* p's resource limits changed, or its memory is new: let its space know them. */
void memory_set_limits(struct process *p);

#endif
