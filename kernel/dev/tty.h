/* The terminal: the console as programs see it. See tty.c. */
#ifndef KERNEL_DEV_TTY_H
#define KERNEL_DEV_TTY_H

#include "mm/types.h"

struct tty;

/* Start taking input, and register /dev/console, /dev/tty and /dev/ttyS0. After vfs and sched. 0 or
 * -ENOMEM. Sleeps. */
int tty_init(void);
/* The device number and foreground group for /proc/PID/stat: tty_nr and tpgid. */
uint32_t tty_device(const struct tty *t);
int tty_foreground(const struct tty *t);
/* The session whose controlling terminal it is, or 0. */
int tty_session(void);

#endif
