/* Input and output ports that programs may reach themselves. */
#ifndef KERNEL_X86_PORTS_H
#define KERNEL_X86_PORTS_H

#include "mm/types.h"

#define PORTS       65536u
#define PORTS_BYTES (PORTS / 8)

/* What a thread may reach. Threads that inherited it share it; see kernel/proc/ports.c. */
struct port_map {
    uint32_t refs;   /* (n) */
    uint8_t *closed; /* (n) PORTS_BYTES; a bit that is set: the port causes a general protection */
};

/* Let the processor go by a map, which is copied if it is another one than the last; NULL: all ports are
 * open. Interrupts off. */
void ports_load(const struct port_map *map);
/* Close all. Interrupts off. */
void ports_unload(void);
/* A map was changed, or ends: what is loaded of it is no longer right. Interrupts off. */
void ports_forget(const struct port_map *map);

#endif
