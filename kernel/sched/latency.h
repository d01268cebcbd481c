/* How long tasks keep the processor in the kernel. See latency.c. */
#ifndef KERNEL_SCHED_LATENCY_H
#define KERNEL_SCHED_LATENCY_H

#include "mm/types.h"

/* What has the processor: the number of a system call, or one of these. */
enum {
    LATENCY_FAULT = 500, /* a page fault of a program */
    LATENCY_RETURN,      /* the way back to ring 3: signals, the end of a thread that was killed */
    LATENCY_INTERRUPT,
    LATENCY_KINDS,
};

extern bool latency_on;

/* Measure from now on, with empty records, or stop; what was found stays until the next start. 0 or
 * -ENOMEM. latency_start() sleeps. */
int latency_start(void);
void latency_stop(void);
/* At the end: stop and free the records. */
void latency_fini(void);

struct latency_record {
    unsigned index; /* what it is about, as above; a kernel task's is LATENCY_KINDS or more */
    char task[16];  /* a kernel task's name */
    uint64_t worst_ns;
    uint32_t count; /* 0: none */
};
/* The record that follows *at, the worst first; from the beginning if at->count is 0. False: no more. */
bool latency_next(struct latency_record *at);

/* The running task comes into the kernel for what, and leaves it. */
void latency_enter(unsigned what);
/* The scheduler takes the processor from a task. Interrupts off. */
struct task;
void latency_switch(const struct task *from);
void latency_leave(void);
/* From the stubs that measure. latency_page_fault() sleeps. */
struct trap_frame;
void latency_page_fault(struct trap_frame *tf);
void latency_interrupt(struct trap_frame *tf);
/* Others could run here if they wanted to. */
void latency_chance_slow(void);
static inline void latency_chance(void)
{
    if (unlikely(latency_on))
        latency_chance_slow();
}

#endif
