/* The only network interface, "lo", as programs ask about it. See interface.c. */
#ifndef KERNEL_NET_INTERFACE_H
#define KERNEL_NET_INTERFACE_H

#include "mm/types.h"

#define INTERFACE_NAME  "lo"
#define INTERFACE_INDEX 1
#define INTERFACE_MTU   65536u

/* ioctl(2) of a socket of any family that knows the command itself no more: 0 or -errno, -ENOTTY. Sleeps. */
int interface_ioctl(unsigned family, unsigned cmd, vaddr_t arg);

#endif
