/* The only network interface, "lo", as programs ask about it. See interface.c. */
#ifndef KERNEL_NET_INTERFACE_H
#define KERNEL_NET_INTERFACE_H

#include "mm/types.h"

#define INTERFACE_NAME  "lo"
#define INTERFACE_INDEX 1
#define INTERFACE_MTU   65536u
#define INTERFACE_QUEUE 1000u
enum { INTERFACE_HARDWARE = 772 }; /* ARPHRD_LOOPBACK */
enum {
    IFF_UP = 1,
    IFF_LOOPBACK = 8,
    IFF_RUNNING = 64,
    INTERFACE_FLAGS = IFF_UP | IFF_LOOPBACK | IFF_RUNNING
};
enum { INTERFACE_LOWER_UP = 0x10000 }; /* told beside them where flags have 32 bits */

/* ioctl(2) of a socket of any family that knows the command itself no more: 0 or -errno, -ENOTTY. Sleeps. */
int interface_ioctl(unsigned family, unsigned cmd, vaddr_t arg);

#endif
