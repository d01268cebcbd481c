/*
 * Tracing: one thread stops another one, looks at it and lets it go on, as ptrace(2) has it. See ptrace.c
 * (who traces whom) and ptrace_stop.c (where a thread stops); kernel/life/deliver.c, clone.c, exec.c and
 * exit.c say when. What each request does is in kernel/sys/sys_ptrace.c, and who waits in sys_wait.c there.
 *
 * Locking: changes between sleeps (one processor, see mm/os.h). Only the tracer itself resumes and lets go
 * of a tracee; but one that has ended may be forgotten by any thread of the tracer's process that waits. So
 * after each sleep a tracee is looked up again.
 */
#ifndef KERNEL_PROC_PTRACE_H
#define KERNEL_PROC_PTRACE_H

#include "kernel/proc/process.h"

/* Events, each with a bit of the same number in the options. */
enum ptrace_event {
    PTRACE_EVENT_FORK = 1,
    PTRACE_EVENT_VFORK = 2,
    PTRACE_EVENT_CLONE = 3,
    PTRACE_EVENT_EXEC = 4,
    PTRACE_EVENT_VFORK_DONE = 5,
    PTRACE_EVENT_EXIT = 6,
    PTRACE_EVENT_STOP = 128, /* always on, for PTRACE_SEIZE */
};

/* Options. */
enum {
    PTRACE_O_SYSGOOD = 1 << 0,
    PTRACE_O_EXITKILL = 1 << 20,
    PTRACE_O_SUSPEND_SECCOMP = 1 << 21,
    PTRACE_O_ALL = 0xFF | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP,
};

/* What GETEVENTMSG tells at a system call. */
enum { PTRACE_MESSAGE_ENTRY = 1, PTRACE_MESSAGE_EXIT = 2 };

/* Where a thread stands that its tracer stopped. */
enum ptrace_place {
    PTRACE_NOWHERE, /* it runs */
    PTRACE_AT_SIGNAL,
    PTRACE_AT_GROUP_STOP, /* with its process, not seized */
    PTRACE_AT_TRAP,       /* PTRACE_EVENT_STOP */
    PTRACE_AT_ENTRY,      /* of a system call */
    PTRACE_AT_EXIT,       /* of one */
    PTRACE_AT_EVENT,      /* in one */
    PTRACE_AT_END,        /* of itself */
};

/* thread.halt */
enum {
    HALT_NONE,
    HALT_PROCESS, /* it sleeps since its process is stopped */
    HALT_TRACER,  /* it sleeps until its tracer lets it go on */
    HALT_LISTEN,  /* the same, and looks again when its process stops or goes on */
};

/* thread.sig.traps: what a tracee is to stop for as soon as it would go back to ring 3 */
enum {
    TRAP_STOP = 1 << 0,   /* once */
    TRAP_NOTIFY = 1 << 1, /* its process stopped or went on */
    TRAP_GROUP = 1 << 2,  /* its process stopped; SIGCONT takes it back */
};

/* How it goes on. */
struct ptrace_mode {
    bool calls;       /* it stops before and after the next system call */
    bool emulates;    /* it stops before it, and the call is not made */
    bool steps;       /* one instruction, */
    bool takes_flags; /* which is one of those that ptrace_takes_flags() knows */
};

/* That a thread is traced. Or, after its end, what its tracer has still to be told: a grave. */
struct ptrace {
    struct thread *tracer;
    struct thread *tracee;      /* NULL: it has ended */
    struct process *process;    /* the tracee's; it is there as long as there are graves of it */
    struct ptrace *next, *prev; /* of the tracer's */
    int tid;
    int status;        /* of a grave: as wait4() has it, unless the whole process ended with another */
    struct user *user; /* of a grave, referenced: whose it is, and counted for him as a thread */
    uint32_t options;
    bool seized;
    bool capable; /* whoever began it had CAP_SYS_PTRACE then */
    bool settles; /* it was asleep with its process, and is on its way to its tracer's stop */
    struct ptrace_mode mode;
    bool forced_step; /* the trap flag is ours, and not the program's */
    /* The stop that it is in. */
    enum ptrace_place place;
    int code; /* as wait4() has it, without the low byte; 0: told */
    uint32_t message;
    struct siginfo *info; /* on the stack of the tracee; NULL: none, or it runs */
    bool stop_is_due;     /* at a stop signal: no SIGCONT came since */
};

/* --- who traces whom: ptrace.c --- */

/* Have the parent trace the running thread. 0, -EPERM, -ENOMEM. Sleeps. */
int ptrace_traceme(void);
/* Trace a thread. seize: without stopping it, with these options, which are valid. 0, -ESRCH, -EPERM,
 * -ENOMEM, -ERESTARTNOINTR. Sleeps. */
int ptrace_attach(int tid, bool seize, uint32_t options);
/* The running thread's tracee; stopped: if it is in a stop that requests may act upon. NULL: there is no such
 * thread. Valid until the caller sleeps. */
struct thread *ptrace_tracee(int tid, bool stopped);
/* Let a tracee go; signo: it gets this, or 0. Does not sleep. */
void ptrace_let_go(struct thread *t, int signo);
/* For clone: memory for a tracee to come, if the child of the running thread is to be traced as it is. NULL:
 * it is not. 0 or -ENOMEM. Sleeps. */
int ptrace_prepare(bool wanted, struct ptrace **out);
/* The child, which nobody can find yet, is traced as the running thread is, if that still is. Takes over new,
 * which may be NULL. Does not sleep. */
void ptrace_inherit(struct thread *child, struct ptrace *new);
/* It is not needed. NULL is fine. */
void ptrace_discard(struct ptrace *new);
/* The running thread has got another number. */
void ptrace_renumber(struct thread *t);
/* The running thread, which is traced, has left its process with this status: make a grave of it, and tell
 * its tracer unless others of its process come first. Does not sleep. */
void ptrace_bury(struct thread *t, int status);
/* A grave is not needed any more. Its process may have to be announced now: kernel/life/exit.h. */
void ptrace_forget(struct ptrace *g);
/* Tell the tracer of a first thread, whose process has ended. Does not sleep. */
void ptrace_tell_end(const struct process *p);
/* Whether p's first thread, alive or not, is traced; and whether by its parent itself. */
const struct ptrace *ptrace_of_first(const struct process *p);
bool ptrace_by_parent(const struct process *p);
/* exec: from here on until ptrace_end_exec() nobody begins to trace a thread of p. */
void ptrace_begin_exec(struct process *p);
void ptrace_end_exec(struct process *p);
/* Graves, each of which counts as a thread. */
unsigned ptrace_graves(void);
/* Whether a grave has the number. */
bool ptrace_has_number(int tid);

/* --- stops: ptrace_stop.c --- */

/* Its tracer lets a stopped tracee go on, with a signal or 0. Does not sleep. */
void ptrace_resume(struct thread *t, const struct ptrace_mode *mode, int signo);
/* PTRACE_INTERRUPT, PTRACE_LISTEN of one that is seized. Do not sleep. 0 or -EIO. */
int ptrace_interrupt(struct thread *t);
int ptrace_listen(struct thread *t);
/* The process of a tracee stops, or was sent SIGCONT. Do not sleep. */
void ptrace_process_stops(struct thread *t);
void ptrace_process_continues(struct thread *t);
/* SIGKILL came for a process that is ending: none of its threads waits for a tracer any more. */
void ptrace_release(struct process *p);

/* The running thread, which is traced, is to take a signal. False: it is not to take it. *info may become
 * another one. Sleeps. */
bool ptrace_at_signal(struct siginfo *info);
/* Stop for what sig.traps says, if the tracee is not to end. Sleeps. */
void ptrace_at_trap(void);
/* The running thread makes a system call, which is in tf. False: it is not to be made. Sleeps. */
bool ptrace_at_call(struct trap_frame *tf);
/* The call is over (TASK_WORK_TRACE). Sleeps. */
void ptrace_after_call(struct trap_frame *tf);
/* In a system call something has happened that the tracer may want to know of. Nothing if it is not traced.
 * Sleeps. */
void ptrace_tell_event(enum ptrace_event event, uint32_t message);
/* The running thread, which is traced, ends with this status. Sleeps. */
void ptrace_at_end(int status);
/* A handler of a thread that is traced begins: whether it was stepping, which ends; and stop for that.
 * ptrace_at_handler() sleeps. */
bool ptrace_ends_step(struct thread *t);
void ptrace_at_handler(void);

/* The trap flag of a tracee's registers, as its tracer sees them. */
uint32_t ptrace_visible_flags(const struct thread *t);
void ptrace_set_flags(struct thread *t, uint32_t flags);
/* Step on, or not: from ptrace_resume(), and when it is let go. */
void ptrace_set_steps(struct thread *t, bool on, bool takes_flags);
/* Whether the code, n bytes of it, begins with an instruction that takes the trap flag from memory. */
bool ptrace_takes_flags(const uint8_t *code, size_t n);

/* --- registers: ptrace_regs.c. Of one that is stopped; none sleeps. --- */

#define PTRACE_REGS      17u /* words of struct user_regs_struct */
#define PTRACE_USER_SIZE 284u
uint32_t ptrace_get_reg(struct thread *t, unsigned n);
/* 0 or -EIO. */
int ptrace_set_reg(struct thread *t, unsigned n, uint32_t value);
/* A word of struct user. 0, -EIO, -EINVAL. spare: all zeroes, to be freed if it is still there afterwards:
 * what the first debug register that is set needs. */
int ptrace_get_user(struct thread *t, uint32_t offset, uint32_t *value);
int ptrace_set_user(struct thread *t, uint32_t offset, uint32_t value, struct debugreg **spare);

#endif
