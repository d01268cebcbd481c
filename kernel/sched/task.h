/*
 * Kernel tasks: a stack, a saved stack pointer and, maybe, an address space.
 * See sched.c for how they take turns.
 */
#ifndef KERNEL_SCHED_TASK_H
#define KERNEL_SCHED_TASK_H

#include "kernel/lib/heap.h"
#include "kernel/sched/runq.h"
#include "kernel/sched/stat.h"
#include "kernel/x86/cpu_task.h"
#include "mm/os.h"
#include "mm/types.h"

struct context;
struct space;
struct thread;
struct waiter;

#define TASK_STACK_PAGES 2u /* of an ordinary task; a guard page lies below */

enum task_state {
    TASK_RUNNABLE, /* runs, or is in the run queue */
    TASK_SLEEPING, /* in a wait queue, or waits for its deadline */
    TASK_DEAD,     /* waits for task_join() */
};

/* How a task shares the processor: sched(7). The values are Linux's. */
enum sched_policy { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5 };
enum { NICE_LEAST = -20, NICE_MOST = 19 };
struct sched_how {
    uint8_t policy;   /* enum sched_policy */
    uint8_t priority; /* of FIFO and RR: 1 to 99; else 0 */
    int8_t nice;      /* of the others; kept while the policy is one of those two */
    bool reset;       /* children begin with nice 0, or the least of theirs, and without priority */
};

/* Interrupts off guards what the scheduler touches; the rest belongs to the task itself. */
struct task {
    struct cpu_task cpu; /* the first part: os_current names it too */
    uint32_t id;
    char name[16];
    enum task_state state;
    struct run_node run;    /* run queue; its level follows from how */
    struct sched_how how;   /* how it shares the processor; see sched_set() */
    struct waiter *waiter;  /* what a sleeping task waits with */
    struct heap_node timer; /* of a timed sleep; key: its deadline. 0: none */
    struct task *all_next, *all_prev;
    struct space *space;     /* NULL: kernel addresses only */
    int last_fault;          /* enum fault_verdict of its last page fault */
    struct thread *thread;   /* its ring-3 half (kernel/proc/thread.h); NULL: a kernel task */
    struct context *context; /* what its ring-3 half has in the processor, or NULL */
    uint32_t metered;        /* what it is in the kernel for, plus 1: see latency.h; 0: not known */
    bool interruptible;      /* its sleep ends when a signal comes (kernel/proc/thread.h) */
    bool program;            /* it was made with a ring-3 half, which may have ended by now */
    bool useful;             /* it is a program's and stalls in nothing; see pressure.h */
    bool suspended;          /* it stalls since load control wants it to; see pressure.h */
    uint32_t stalls;         /* waits for memory that it is in, one inside the other */
    unsigned slice;          /* ticks that it has had the processor in its turn */
    uint64_t granted;        /* what was everybody's part when it was granted a turn, see has_credit(), */
    uint64_t granted_used;   /* and used then */
    void *stack;             /* lowest address; NULL for the task that booted */
    void *stack_top;         /* behind its last byte; NULL likewise */
    unsigned stack_pages;
    void (*fn)(void *arg);
    void *arg;
    int exit_code;
    struct waitq joiner;
    /* Of the processor, by time_stamp(), as the two above: how much it had up to the last switch, and when it
     * got it last. */
    uint64_t used, since;
    uint64_t urgent_from; /* what `used` was when it slept last, or got a real-time policy: for those */
    uint64_t switches;    /* how often it got the processor, */
    uint64_t put_off;     /* and how often it lost it though it could run */
    uint64_t user_ns, system_ns; /* as the tick found it; see thread_times() */
    struct stat_parts told;      /* what that said last */
    const bool *times;           /* if set, a tick that finds it running asks for TASK_WORK_TIMES */
};

/* For sched_init(). */
void task_init(void);
/* A task that runs fn(arg) on a stack of its own, with interrupts on. It runs when the caller sleeps. name is
 * cut to 15 characters. NULL when out of memory. Sleeps. fn may sleep. */
struct task *task_create(const char *name, void (*fn)(void *arg), void *arg);
/* The same with a stack of a given size. Sleeps. fn may sleep. */
struct task *task_create_sized(const char *name, void (*fn)(void *arg), void *arg, unsigned stack_pages);
/* End the running task. Returning from fn is task_exit(0). It must hold no mutex. */
_Noreturn void task_exit(int code);
/* The same when nobody will join it: whoever creates or ends a task next frees it. */
_Noreturn void task_vanish(void);
/* Wait until t has ended, store its code (if code is not NULL), and free it. Exactly one task joins a task.
 * Sleeps. */
void task_join(struct task *t, int *code);

/*
 * A task with a ring-3 half. It runs fn(arg) below the frame at the top of its stack; with fn NULL it goes to
 * ring 3 at once, with what the caller writes there (thread_frame()). It runs when task_start() was called.
 * Sleeps. fn may sleep.
 */
struct task *task_create_thread(struct thread *thread, struct context *context, const char *name,
                                void (*fn)(void *arg), void *arg);
/* Let it run. */
void task_start(struct task *t);
/* Undo task_create_thread() instead. */
void task_discard(struct task *t);

/* NULL before sched_init(). */
static inline struct task *task_current(void)
{
    return os_current;
}

/* Give it another name; cut to 15 characters. */
void task_rename(struct task *t, const char *name);
/* Free what is kept for the next task: stacks, and tasks that vanished. */
void task_reap(void);
/* Run in a space from now on (NULL: none), loading its page tables at once. */
void task_set_space(struct space *s);
/* Sleep for at least this long. */
void task_sleep_ns(uint64_t ns);
/* Processor time of a task up to now. */
uint64_t task_cpu_ns(const struct task *t);
/* Visit every task. fn must not sleep. */
void task_each(void (*fn)(const struct task *t, void *arg), void *arg);

#endif
