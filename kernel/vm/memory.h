/* The machine's memory: from the loader's map to the frame pool, kmalloc and the kernel address arena. */
#ifndef KERNEL_VM_MEMORY_H
#define KERNEL_VM_MEMORY_H

#include "kernel/vm/bootinfo.h"
#include "mm/frame.h"

/* A machine that has less RAM beside the kernel image and the modules is refused. Of 8 MiB about 7 are left.
 */
#define MEMORY_MIN_KIB 5120u

extern struct frame_pool frame_pool_sys;

/* Whether the image's self-tests (tests/, kernel/selftest/) are in memory. Set by memory_init(). */
extern bool memory_has_selftest;

/*
 * Apply mem= and lowmem=, build the kernel's page tables, the frame pool over all RAM, kmalloc
 * and the kernel address arena (kva_map_sys). Stops the machine, with one line, when there is too little RAM.
 * Modules that mem= cuts off are dropped from b. The self-tests' frames are free afterwards unless ktest=,
 * bench or the absence of a module asks for them.
 */
void memory_init(struct bootinfo *b);
/* Print the map, the layout and the uses of all frames. */
void memory_report(const struct bootinfo *b);

#endif
