/* Terminals, as the rest of the kernel sees them. See tty.c. */
#ifndef KERNEL_DEV_TTY_H
#define KERNEL_DEV_TTY_H

#include "mm/types.h"

struct tty;

/* Start taking input, and register /dev/console, /dev/tty, /dev/ttyS0, /dev/tty0 and /dev/tty1.
 * preferred: what /dev/console is, CONSOLE_SERIAL or CONSOLE_SCREEN; 0: the serial port if there is one.
 * After vfs and sched. 0 or -ENOMEM. Sleeps. */
int tty_init(unsigned preferred);
/* The device number and foreground group for /proc/PID/stat: tty_nr and tpgid. */
uint32_t tty_device(const struct tty *t);
int tty_foreground(const struct tty *t);
/* How many terminals of devices control a session. */
int tty_sessions(void);
/* vhangup(2) for the running process: 0 or -EPERM. */
int tty_vhangup(void);
/* INV-TTY-*. */
bool tty_verify(void);

#endif
