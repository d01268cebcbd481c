/* Timers that programs make: timer_create(2) and its kin. See ptimer.c. */
#ifndef KERNEL_PROC_PTIMER_H
#define KERNEL_PROC_PTIMER_H

#include "mm/types.h"

struct process;
struct siginfo;

/* Send what is due for a process, and say when to look again (os_now_ns(); all ones: never). For the
 * task that watches. */
uint64_t ptimer_expire(struct process *p);
/* A signal of a timer was taken by the running process. */
void ptimer_told(const struct siginfo *info);
/* The process ends, or executes something else. */
void ptimer_delete_all(struct process *p);

#endif
