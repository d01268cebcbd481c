/* Sets of files that are watched: epoll(7). See epoll.c. */
#ifndef KERNEL_FS_EPOLL_H
#define KERNEL_FS_EPOLL_H

#include "mm/types.h"

struct file;

enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
/* Beside POLL*, which are the same for a set. */
#define EPOLLEXCLUSIVE (1u << 28) /* of several sets that watch the file it is enough to tell one */
#define EPOLLWAKEUP    (1u << 29) /* no machine sleeps here: accepted */
#define EPOLLONESHOT   (1u << 30) /* once told it rests, until it is changed */
#define EPOLLET        (1u << 31) /* told once for each time that it is woken */

/* As it lies in user memory. */
struct epoll_event {
    uint32_t events;
    uint32_t data[2]; /* the program's */
};

/* Once, at start-up. */
void epoll_init(void);
/* A descriptor of a new set, with epoll_create1(2)'s flags, or -errno. Sleeps. */
int epoll_create(uint32_t flags);
/* epoll_ctl(2) with what it has read: 0 or -errno. Sleeps. */
int epoll_control(int epfd, uint32_t op, int fd, const struct epoll_event *event);
/* epoll_wait(2): tell up to max events at a user address, until the deadline (0: none, 1: at once) passes or
 * a signal comes. How many or -errno. Sleeps. */
int epoll_wait(int epfd, vaddr_t user, uint32_t max, uint64_t deadline);
/* The last reference to a file that is watched is gone: no set watches it any more. Sleeps. */
void epoll_forget(struct file *f);
/* Files that may be watched, in all sets: /proc/sys/fs/epoll/max_user_watches. */
extern uint32_t epoll_max_watches;
/* Of the files that a set watches by this descriptor the nth, not referenced: -EINVAL: it is no set; -ENOENT:
 * there are not so many. For kcmp(2). Does not sleep. */
int epoll_watched(const struct file *set, int fd, uint32_t nth, const struct file **out);
bool epoll_verify(void); /* INV-EPOLL-* */

#endif
