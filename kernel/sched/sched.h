/* The scheduler: who runs next. See sched.c for the theory. */
#ifndef KERNEL_SCHED_SCHED_H
#define KERNEL_SCHED_SCHED_H

#include "kernel/sched/task.h"

/* Make the running context a task, and create the idle task. Needs kmalloc, kva and time. 0 or -ENOMEM.
 * Sleeps. */
int sched_init(void);

struct sched_stats {
    uint64_t switches;
    uint64_t space_loads; /* switches that loaded page tables */
    uint32_t tasks;       /* that exist, dead ones included */
};
extern struct sched_stats sched_stats;

/* Who watches each switch; 0: nobody, and it costs a test. Written with interrupts off. */
#define SCHED_WATCH_LATENCY 1u
#define SCHED_WATCH_TRACE   2u
extern uint32_t sched_watch;
/* For SCHED_WATCH_TRACE: next gets the processor, or another space. Called with interrupts off; never
 * sleeps. */
extern void (*sched_watcher)(const struct task *next);
/* Whether nobody wants the processor, and how long that has been so, all in all. */
bool sched_idle(void);
uint64_t sched_idle_ns(void);

/* --- for task.c and sync.c; all with interrupts off --- */

/* Share the processor in another way from now on; how is valid. Any context. */
void sched_set(struct task *t, const struct sched_how *how);
/* Of the running task, if it has a real-time policy: how long it has had the processor since it slept last;
 * else 0. */
uint64_t sched_unslept_ns(void);
/* A child that does not run yet shares as its parent does, or as that wants it for children. */
void sched_inherit_other(struct task *child, const struct task *parent);
static inline void sched_inherit(struct task *child, const struct task *parent)
{
    child->how = parent->how;
    if (unlikely(parent->how.reset || parent->run.level != RUN_NORMAL))
        sched_inherit_other(child, parent);
}
/* The slice of SCHED_RR, in whole ticks, until it is turned; and as it was set. */
#define SCHED_RR_MS 100u
extern uint32_t sched_rr_ms;
void sched_set_rr(uint32_t ms);
/* How long one of a policy keeps the processor while others of its kind wait; 0: as long as it likes. */
uint64_t sched_slice_ns(const struct sched_how *how);

/* Put a task that is in no queue into its level of the run queue: at the end, or, if it is urgent, before
 * those who are not. */
void sched_ready(struct task *t);
/* The running task's slice ends with the next tick, if it is a program's of no fixed share. */
void sched_cut_turn(void);
/* The same for the running task, which gives way. If it did not ask for this, it keeps its turn, until its
 * slice is over, if it is of no fixed share or gives way to those who are urgent only. */
void sched_ready_again(bool asked);
/* Let others run. The caller has queued the running task somewhere, or it is dead. Returns when it is picked
 * again. Sleeps. */
void sched_switch(void);
/* os_yield() of one who did not ask for it: a real-time task keeps its turn. Sleeps. */
void sched_step_aside(void);
/* Let others run if the running task had its share. Interrupts are as they are. Sleeps. */
void sched_make_way(void);
/* The running task, if it is a program's, is to give way at its next possible sleep. Any context. */
void sched_give_way(void);
/* Whether a task waits for the processor. */
bool sched_waiting(void);
/* Know a new task, and forget a dead one. */
void sched_add(struct task *t);
void sched_remove(struct task *t);
/* Wake t at t->timer.key unless sched_timer_stop() comes first. Of equal times who came first wakes first. */
void sched_timer_start(struct task *t);
void sched_timer_stop(struct task *t);

/* INV-SCHED-* and INV-PRESSURE-*: the queues and counts against the tasks' states. Reads only. */
bool sched_verify(void);

#endif
