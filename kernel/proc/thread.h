/*
 * Threads, and what everybody needs of the running one. See thread.c.
 *
 * A thread is a kernel task that has a ring-3 half: its task's stack holds the user registers as the trap
 * frame at its top. Kernel tasks have no thread.
 *
 * Locking: changes between sleeps (one processor, see mm/os.h).
 */
#ifndef KERNEL_PROC_THREAD_H
#define KERNEL_PROC_THREAD_H

#include "kernel/proc/signal.h"
#include "kernel/sched/task.h"
#include "kernel/x86/context.h"
#include "kernel/x86/trap.h"

struct cred; /* kernel/proc/cred.h */
struct fd_table;
struct process;       /* kernel/proc/process.h */
struct ptrace;        /* kernel/proc/ptrace.h */
struct sem_undo_list; /* kernel/ipc/sem_op.c */

#define THREAD_SLACK 50000u /* ns, of the first one */

struct thread {
    struct task *task;
    struct process *process;
    struct thread *next, *prev; /* of the process */
    int tid;                    /* the first thread's is the process's pid */
    uint32_t serial;            /* no other thread has it, though it may get the number */
    char comm[16];
    struct thread *hash_next; /* by tid */
    struct context context;   /* the processor's state beside the frame */
    vaddr_t set_child_tid;    /* where it writes its number before it begins, if not 0 */
    vaddr_t clear_child_tid;  /* written 0 and woken when the thread ends, if not 0 */
    vaddr_t robust_list;
    struct fd_table *files;     /* kernel/fs/file.h: a reference of its own; NULL once it is ending */
    struct sem_undo_list *undo; /* of semaphores, shared by a group of threads, referenced; NULL: none yet */
    struct thread_signals sig;
    /* Who it is, referenced; and whom it acts as, which is the same but in access(2). */
    struct cred *cred, *acting;
    struct ptrace *ptrace;  /* that it is traced; NULL: it is not */
    struct ptrace *tracees; /* whom it traces, and their graves */
    uint8_t halt;           /* HALT_*: that it stands, and why */
    uint8_t port_level;     /* of iopl(2): ports.c */
    int resumed_with;       /* the signal that its tracer let it go on with, or 0 */
    uint16_t ioprio;        /* class and level, as ioprio_set(2) has them */
    unsigned personality;   /* PERSONALITY_*: kernel/proc/process.h */
    /* What prctl(2) keeps for it: how late, in ns, its sleeps may end, now and as it began; promises. */
    uint64_t slack, slack_default;
    bool no_new_privs; /* its children's, and kept by exec() */
    bool beyond_limit; /* its user had too many threads when it became that: exec() looks */
    bool io_flusher;
    bool memory_error_own, memory_error_early; /* PR_MCE_KILL: it has said when; early */
    bool exiting; /* it ends as soon as it would go back to ring 3 or sleep interruptibly */
};

/* The running thread. Only in a task that has one. */
static inline struct thread *thread_current(void)
{
    return task_current()->thread;
}

extern unsigned thread_count, thread_total; /* that exist; that were ever made */
extern unsigned thread_siblings;            /* that exist beside their process's first */
/* By number, or NULL. */
struct thread *thread_find(int tid);
/* The user registers of a thread. */
static inline struct trap_frame *thread_frame(const struct thread *t)
{
    return (struct trap_frame *)t->task->stack_top - 1;
}

/* How often a thread has let go of the processor, by itself and since others were to have it. */
struct switches {
    uint64_t own, forced;
};
void thread_switches(const struct thread *t, struct switches *s);
static inline void switches_add(struct switches *to, const struct switches *more)
{
    to->own += more->own;
    to->forced += more->forced;
}
/* Processor time in ring 3 and in the kernel. */
void thread_times(const struct thread *t, uint64_t *user_ns, uint64_t *system_ns);
/* A program's or thread's name, cut to 15 characters. */
void thread_set_comm(struct thread *t, const char *name);

/* Interruptible sleep: like os_sleep(), interrupts off and the condition to be checked again, but -EINTR when
 * a signal is to be delivered or the thread is to end (checked before sleeping too). 0 when woken. Sleeps. */
int thread_sleep(struct waitq *q);
/* The same without a mutex that the caller has, and has again afterwards. What it guards is not changed by
 * interrupts: then no wake-up is lost. Sleeps. */
int thread_wait(struct mutex *m, struct waitq *q);
/* With a limit in absolute os_now_ns() time (0: none): 0 woken, -EINTR, -ETIMEDOUT. Sleeps. */
int thread_sleep_until(struct waitq *q, uint64_t deadline_ns);
/* The same, but only the end of the thread interrupts it. Sleeps. */
int thread_sleep_killable(struct waitq *q);
/* For loops of a call that a program can make as long as it likes: gives way when the time slice is over, and
 * says whether a signal waits, so that the call had better return. Sleeps. */
bool thread_breathe(void);
/* Have t look for signals (or its end) before it next goes back to ring 3. Any context. */
void thread_set_work(struct thread *t, uint32_t work);
/* Whether t, which runs, has something to deliver or is to end: the cheap test of every interruptible wait.
 */
static inline bool signal_pending(const struct thread *t)
{
    return t->task->cpu.user_work & TASK_WORK_SIGNAL;
}

/* Make t runnable if it sleeps interruptibly. Any context. */
void thread_interrupt(struct thread *t);

/* --- making them, for kernel/life/ --- */

/* Caches. For process_start(). */
void thread_start(void);
/* A thread of p with its kernel stack; see task_create_thread(). Not in any list. NULL: out of memory.
 * Sleeps. fn may sleep. */
struct thread *thread_create(struct process *p, int tid, void (*fn)(void *arg), void *arg);
/* Undo that. */
void thread_discard(struct thread *t);
/* Put it in its process, where it can be found and be ended; then let it run. Cannot fail; do not sleep. */
void thread_enter(struct thread *t);
void thread_launch(struct thread *t);
/* Take the running thread, which ends, out of its process. Does not sleep. */
void thread_leave(struct thread *t);
/* Free it afterwards; its task remains. */
void thread_free(struct thread *t);
/* The only thread of a process gets the process's number. */
void thread_take_pid(struct thread *t);
/* set_thread_area() for a thread from a struct user_desc in user memory; choose: an entry number of -1 picks
 * a free one and is written back. And get_thread_area(). 0 or -errno. Sleep. */
int tls_set(struct thread *t, vaddr_t desc, bool choose);
int tls_get(const struct thread *t, vaddr_t desc);

#endif
