/* The terminal: the console as programs see it. See tty.c. */
#ifndef KERNEL_DEV_TTY_H
#define KERNEL_DEV_TTY_H

#include "mm/types.h"

struct process;
struct tty;

/* Start taking input, and register /dev/console, /dev/tty and /dev/ttyS0. After vfs and sched. 0 or
 * -ENOMEM. Sleeps. */
int tty_init(void);
/* A process leaves its controlling terminal. If it leads the session, all of the session does, and the
 * foreground is hung up: SIGHUP and SIGCONT. For exit; setsid() has nothing to leave. */
void tty_detach(struct process *p);
/* The device number and foreground group for /proc/PID/stat: tty_nr and tpgid. */
uint32_t tty_device(const struct tty *t);
int tty_foreground(const struct tty *t);
/* The session whose controlling terminal it is, or 0. */
int tty_session(void);

#endif
