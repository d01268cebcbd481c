/* The orderly end of the machine, and the audit of what programs have left. See end.c. */
#ifndef KERNEL_LIFE_END_H
#define KERNEL_LIFE_END_H

#include "mm/types.h"

/*
 * Remember what there is, for the audit at the end: before swap areas, mounts and programs. What comes
 * later has to be gone at the end, and the end itself takes the mounts and the swap areas away.
 */
void end_remember(void);
/*
 * Wait for what is on its way, take mounts and swap areas away, check all that can be checked and that
 * nothing is left, flush the disks and stop the machine: success if ok and all is sound. For a kernel task,
 * when no program runs. Sleeps.
 */
_Noreturn void machine_end(bool ok);

#endif
