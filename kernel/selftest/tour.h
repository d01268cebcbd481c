/*
 * The guided tour: each mechanism of the memory subsystem runs for real, says what it is about to do, shows
 * what was observed, and checks it. What the kernel does when nothing else is asked for.
 */
#ifndef KERNEL_SELFTEST_TOUR_H
#define KERNEL_SELFTEST_TOUR_H

#include "kernel/vm/bootinfo.h"

/* Run all of it. True when every observation was what the tour says. Needs vm_sys_init(). Sleeps. */
bool tour_run(const struct bootinfo *boot);

#endif
