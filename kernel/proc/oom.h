/* What to do when a program cannot get the memory that it touches. See oom.c. */
#ifndef KERNEL_PROC_OOM_H
#define KERNEL_PROC_OOM_H

#include "kernel/proc/process.h"

/* What the operator may turn (/proc/sys/vm): whoever asks for memory goes; the log lists candidates; the
 * machine stops. */
extern uint32_t oom_kills_asking, oom_lists_tasks, oom_panics;

/*
 * Make room for the running program: choose a process, say why, kill it, and wait until it is gone, but not
 * for ever. True: try again. False: the running thread is to end, maybe just because it was chosen. Sleeps;
 * no space's or reclaim's lock may be held.
 */
bool oom_kill(void);
/* Have system calls that find no memory for the kernel end somebody, too. */
void oom_start(void);
/* Have the score of a process include what bytes() says that the kernel keeps for it; for those who keep
 * something that process.h does not know. bytes() does not sleep. */
void oom_count_also(size_t (*bytes)(const struct process *p));
/* Who counts a process's pages: p->memory->usage. count may sleep. */
void oom_count_with(void (*count)(struct process *p));
/* Linux's badness of a process, 0 to 2000, for /proc/PID/oom_score, by the pages that were counted last.
 */
unsigned oom_score(const struct process *p);

#endif
