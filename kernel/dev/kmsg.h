/* The kernel's log for those who read it: files, and syslog(2). See kmsg.c. */
#ifndef KERNEL_DEV_KMSG_H
#define KERNEL_DEV_KMSG_H

#include "kernel/fs/vfs.h"

/* /dev/kmsg, and /proc/kmsg. */
extern const struct file_ops kmsg_ops, kmsg_proc_ops;

/* Know when lines are written. Once, at start-up. */
void kmsg_init(void);
/* Give the program n bytes at most of what nobody has taken yet. Waits for some, if asked to. Bytes, -EAGAIN,
 * -ERESTARTSYS, -ENOMEM or -EFAULT. Sleeps. */
int kmsg_take(vaddr_t va, uint32_t n, bool wait);
/* Bytes that nobody has taken yet. */
uint32_t kmsg_untaken(void);
/* Give the program the newest lines, n bytes at most, that are not cleared. Clear: those count as cleared
 * then. Bytes, -ENOMEM or -EFAULT. Sleeps. */
int kmsg_show(vaddr_t va, uint32_t n, bool clear);
/* What was written up to now is not to be shown any more. */
void kmsg_clear(void);

#endif
