/* Core files: see core.c. */
#ifndef KERNEL_LIFE_CORE_H
#define KERNEL_LIFE_CORE_H

#include "kernel/life/core_name.h"
#include "kernel/proc/signal.h"

/* How they are called, and whether ".PID" is put behind a name without %p: /proc/sys/kernel. */
extern char core_pattern[CORE_PATTERN_MAX + 1];
extern uint32_t core_uses_pid;

/*
 * The running process dies of a signal that leaves a core file: write it, if its limit and its owner allow
 * it. All other threads are to end afterwards. Whether one was begun. Sleeps.
 */
bool core_write(const struct siginfo *info);

#endif
