/* Pseudo-terminals. See pty.c. */
#ifndef KERNEL_DEV_PTY_H
#define KERNEL_DEV_PTY_H

#include "mm/types.h"

/* Pairs that are open, and how many may be, with so many for the first devpts that others cannot have:
 * /proc/sys/kernel/pty. */
extern uint32_t pty_count, pty_max, pty_reserve;

/* Register /dev/ptmx and the type "devpts". After devices_init(). */
void pty_init(void);
bool pty_verify(void); /* INV-PTY-*, INV-FIFO-1 and INV-LDISC-* of all pairs */

#endif
