/* Signals that tell when a file can be read or written: O_ASYNC, and fcntl(2)'s F_SETOWN and F_SETSIG. See
 * async.c. */
#ifndef KERNEL_FS_ASYNC_H
#define KERNEL_FS_ASYNC_H

#include "kernel/fs/file.h"

/* Whom the signals of an open file are for. The values are fcntl(2)'s. */
enum async_owner { ASYNC_THREAD, ASYNC_PROCESS, ASYNC_GROUP };

/* Name the owner by number; 0: nobody. fcntl(2)'s F_SETOWN_EX: 0, -EINVAL, -ESRCH, -ENOMEM. Sleeps. */
int async_set_owner(struct file *f, enum async_owner kind, int id);
/* The same unless somebody was named before: a terminal's foreground. Sleeps. */
int async_suggest_owner(struct file *f, enum async_owner kind, int id);
/* The number, 0 if nobody is there any more, and of which kind. */
int async_owner(const struct file *f, enum async_owner *kind);
/* The real and the effective id of who has named the owner; 0: nobody has. */
void async_owner_ids(const struct file *f, uint32_t ids[2]);
/* The same by one number, a group being a negative one: fcntl(2)'s F_SETOWN, F_GETOWN, and ioctls.
 * async_set_number() sleeps. */
int async_set_number(struct file *f, int id);
int async_number(const struct file *f);
/* Have a signal instead of SIGIO, which then says what happened; 0: SIGIO, which does not. 0, -EINVAL or
 * -ENOMEM. Sleeps. */
int async_set_signal(struct file *f, uint32_t signo);
/* Which one. */
int async_signal(const struct file *f);
/* Begin or end to send them (O_ASYNC), telling of descriptor fd. -ENOTTY: the file never tells; -ENOMEM.
 * Sleeps. */
int async_set(struct file *f, int fd, bool on);
/* End it for some of a list. */
void async_stop(struct async **list, bool (*ends)(const struct file *f));
/* The file goes. */
void async_drop(struct file *f);

/* Who tells whom. */
enum async_to { ASYNC_ALL, ASYNC_READERS, ASYNC_WRITERS };
/* Tell those in a list that it can be read (POLL_IN) or written (POLL_OUT), has something urgent (POLL_PRI),
 * an error (POLL_ERR) or nobody at its other end (POLL_HUP). Task context; does not sleep. */
void async_tell(struct async *list, int event, enum async_to to);
/* Tell the owner of one file, whether O_ASYNC is set or not, of an event of descriptor fd (POLL_MSG). Task
 * context; does not sleep. */
void async_tell_owner(const struct file *f, int fd, int event);
/* Send SIGURG to the owner of a file. Task context; does not sleep. */
void async_urgent(const struct file *f);

#endif
