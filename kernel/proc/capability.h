/*
 * What a thread may do that not everybody may: Linux's capabilities. There is no user but root, who begins
 * with all of them and gets them back by exec(); a program can lay some down with capset(2). Those that are
 * named here are asked for; who lacks another one may do as before.
 */
#ifndef KERNEL_PROC_CAPABILITY_H
#define KERNEL_PROC_CAPABILITY_H

#include "kernel/proc/thread.h"

enum capability {
    CAP_FSETID = 4,        /* write to what is set-id, and leave it so */
    CAP_SETPCAP = 8,       /* inherit what it does not have */
    CAP_SYS_ADMIN = 21,    /* open files beyond /proc/sys/fs/file-max, pipes beyond theirs; type for others */
    CAP_SYS_NICE = 23,     /* take more of the processor */
    CAP_SYS_RESOURCE = 24, /* raise hard limits; pipes */
    CAP_WAKE_ALARM = 35,   /* timers that would wake a machine from its sleep: timerfd */
    CAP_LAST = 40,         /* that Linux 6.1 knows */
};

#define CAPS_ALL ((2ull << CAP_LAST) - 1)

/* Whether the running task has it. Tasks of the kernel have all. */
static inline bool capable(enum capability cap)
{
    const struct thread *t = thread_current();

    return !t || t->caps.effective >> cap & 1;
}

/* Begin a program: root has everything. */
static inline void caps_begin(struct thread *t)
{
    t->caps.effective = t->caps.permitted = CAPS_ALL;
}

/* capset(2) for the running thread: 0, or -EPERM for what it may not give itself. */
int caps_set(const struct caps *new);

#endif
