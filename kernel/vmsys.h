/* The machine's virtual memory system: what connects mm/ with traps, disks and tasks, and the orderly end. */
#ifndef KERNEL_VMSYS_H
#define KERNEL_VMSYS_H

#include "mm/vm.h"

extern struct vm vm_sys;

/* Set up vm_sys, take page faults, swap on every disk with a swap header, start the swap daemon. Sleeps. */
void vmsys_init(void);
/* Check all that can be checked, flush the disks and stop the machine: success if ok and all is sound. */
_Noreturn void vmsys_end(bool ok);

#endif
