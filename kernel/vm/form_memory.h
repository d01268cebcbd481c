/* Kernel memory for forms of page tables (mm/forms). */
#ifndef KERNEL_VM_FORM_MEMORY_H
#define KERNEL_VM_FORM_MEMORY_H

#include "mm/forms/form.h"

/* Let m be a source of kernel memory, of which no more than limit bytes are taken at one time (0: as many as
 * there are). Takes none, and need not be undone. */
void form_memory_init(struct form_memory *m, uint32_t limit);

/* Reclaim until so many bytes can be taken by somebody who does not sleep before. Ends nobody. 0 or -ENOMEM.
 * Sleeps. */
int form_memory_room(uint32_t bytes);

#endif
