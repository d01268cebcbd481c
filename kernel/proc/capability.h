/*
 * What a thread may do that not everybody may: Linux's capabilities. They are a part of its credentials:
 * root's programs begin with all of them, others with none, and a program can lay some down. Those that are
 * named here are asked for.
 */
#ifndef KERNEL_PROC_CAPABILITY_H
#define KERNEL_PROC_CAPABILITY_H

#include "kernel/proc/cred.h"

enum capability {
    CAP_CHOWN = 0,           /* give files away */
    CAP_DAC_OVERRIDE = 1,    /* pass over the permissions of files */
    CAP_DAC_READ_SEARCH = 2, /* and over those to read, and to search directories */
    CAP_FOWNER = 3,          /* do what is the owner's */
    CAP_FSETID = 4,          /* write to what is set-id, and leave it so */
    CAP_KILL = 5,            /* signal anybody */
    CAP_SETGID = 6,          /* be any group */
    CAP_SETUID = 7,          /* be any user */
    CAP_SETPCAP = 8,         /* inherit what it does not have; bounds */
    CAP_LINUX_IMMUTABLE = 9,
    CAP_NET_BIND_SERVICE = 10, /* low ports */
    CAP_NET_ADMIN = 12,
    CAP_IPC_LOCK = 14,  /* lock memory beyond the limit */
    CAP_IPC_OWNER = 15, /* pass over the permissions of System V's objects */
    CAP_SYS_RAWIO = 17, /* know where the blocks of a file are */
    CAP_SYS_CHROOT = 18,
    CAP_SYS_PTRACE = 19, /* look into any process */
    CAP_SYS_ADMIN = 21,  /* mount, swap, names; more files, pipes and processes; type for others */
    CAP_SYS_BOOT = 22,
    CAP_SYS_NICE = 23,     /* take more of the processor; decide about others */
    CAP_SYS_RESOURCE = 24, /* raise hard limits, others' limits; pipes */
    CAP_SYS_TIME = 25,     /* set the clock */
    CAP_SYS_TTY_CONFIG = 26,
    CAP_MKNOD = 27,         /* make nodes of devices */
    CAP_AUDIT_CONTROL = 30, /* say anew who came in */
    CAP_MAC_OVERRIDE = 32,
    CAP_SYSLOG = 34,     /* read the kernel's log */
    CAP_WAKE_ALARM = 35, /* timers that would wake a machine from its sleep */
    CAP_LAST = 40,       /* that Linux 6.1 knows */
};

#define CAPS_ALL (CAP_BIT(CAP_LAST + 1) - 1)
/* Those that are about files: they go by the id for files. */
#define CAPS_FILES                                                                                           \
    (CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) |   \
     CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_LINUX_IMMUTABLE) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_MAC_OVERRIDE))

/* Whether the running task has it. Tasks of the kernel have all. */
static inline bool capable(enum capability cap)
{
    return cred_current()->effective & CAP_BIT(cap);
}

#endif
