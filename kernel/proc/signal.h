/*
 * Signals with Linux's i386 numbers, structures and rules. See signal.c (sending, actions, masks), and
 * kernel/life/ for delivering them.
 */
#ifndef KERNEL_PROC_SIGNAL_H
#define KERNEL_PROC_SIGNAL_H

#include "mm/fault.h"
#include "mm/os.h"

/* Macros, as C libraries have them: static analysis takes some of them for granted. */
#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGBUS    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGUSR1   10
#define SIGSEGV   11
#define SIGUSR2   12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGSTKFLT 16
#define SIGCHLD   17
#define SIGCONT   18
#define SIGSTOP   19
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGURG    23
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGIO     29
#define SIGPWR    30
#define SIGSYS    31
#define SIGNALS   64

/* si_code values that the kernel makes. */
enum {
    SI_USER = 0,
    SI_KERNEL = 0x80,
    SI_QUEUE = -1,
    SI_TIMER = -2,
    SI_MESGQ = -3,
    SI_SIGIO = -5,
    SI_TKILL = -6,
    ILL_ILLOPN = 2,
    ILL_BADSTK = 8,
    FPE_INTDIV = 1,
    FPE_INTOVF = 2,
    FPE_FLTDIV = 3,
    FPE_FLTOVF = 4,
    FPE_FLTUND = 5,
    FPE_FLTRES = 6,
    FPE_FLTINV = 7,
    SEGV_MAPERR = 1,
    SEGV_ACCERR = 2,
    BUS_ADRALN = 1,
    BUS_ADRERR = 2,
    BUS_OBJERR = 3,
    POLL_IN = 1,
    POLL_OUT = 2,
    POLL_MSG = 3,
    POLL_ERR = 4,
    POLL_PRI = 5,
    POLL_HUP = 6,
    TRAP_BRKPT = 1,
    TRAP_TRACE = 2,
    TRAP_HWBKPT = 4,
    CLD_EXITED = 1,
    CLD_KILLED = 2,
    CLD_DUMPED = 3,
    CLD_TRAPPED = 4,
    CLD_STOPPED = 5,
    CLD_CONTINUED = 6
};

enum {
    SA_NOCLDSTOP = 1,
    SA_NOCLDWAIT = 2,
    SA_SIGINFO = 4,
    SA_RESTORER = 0x04000000,
    SA_ONSTACK = 0x08000000,
    SA_RESTART = 0x10000000,
    SA_NODEFER = 0x40000000,
};
#define SA_RESETHAND 0x80000000u
/* All, with SA_EXPOSE_TAGBITS, which is kept for processors that put tags into addresses. */
#define SA_KNOWN                                                                                             \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | 0x800 | SA_RESTORER | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
     SA_RESETHAND)

/* sigaltstack(2) */
enum { SS_ONSTACK = 1, SS_DISABLE = 2, ALT_STACK_MIN = 2048 };
#define SS_AUTODISARM 0x80000000u

/* trap_frame.error of a system call that is not to be restarted, whatever EAX says. */
#define TRAP_NO_CALL 0xFFFFFFFFu

#define SIG_DFL 0u
#define SIG_IGN 1u

struct thread;
struct process;
struct trap_frame;

typedef uint64_t sigset_t; /* bit n - 1 is signal n */
#define SIGBIT(n) (1ull << ((n)-1))
/* Actions and masks leave these two alone. */
#define SIGNALS_UNCAUGHT (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))

/* The first words of Linux's siginfo_t, in its order; the rest of it is zeroes. What a signal does not tell
 * is 0. */
/* What a wait status says of an end, as siginfo has it: CLD_*, and the exit status or the signal. */
static inline int signal_end_code(int status)
{
    if (!(status & 0x7F))
        return CLD_EXITED;
    return status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}
static inline int signal_end_status(int status)
{
    return status & 0x7F ? status & 0x7F : status >> 8;
}

struct siginfo {
    int signo, err, code;
    union {
        int pid;      /* SI_USER, SIGCHLD; SI_TIMER: the timer's number */
        int band;     /* POLL_*: what poll() would say */
        vaddr_t addr; /* faults */
    };
    int uid; /* SI_TIMER: overruns; POLL_*: the descriptor */
    union {
        int status;     /* SIGCHLD */
        uint32_t value; /* rt_sigqueueinfo */
    };
    union {
        int32_t utime;  /* SIGCHLD */
        uint32_t round; /* SI_TIMER: the timer's, until the signal is taken; no program sees it */
    };
    int32_t stime; /* SIGCHLD */
};
#define SIGINFO_SIZE 128u /* of siginfo_t */

/* One signal that waits, with what is to be told about it. */
struct signal_record {
    struct signal_record *next;
    struct user *user; /* that it is counted for, referenced; NULL: it is a timer's, counted with that */
    struct siginfo info;
};

/* Records that wait, and timers of timer_create(2), each of which may need one, of all users;
 * RLIMIT_SIGPENDING limits those of one: kernel/proc/cred.h. */
extern uint32_t signal_queued;

/*
 * Pending signals. A bit says that a number is pending; records, oldest first, tell more. Of a standard
 * signal there is at most one, and one more for each timer; those from SIGRTMIN on are queued. A number
 * without a record is told as SI_USER from nobody: memory was short when it was sent.
 */
struct signal_set {
    sigset_t set;
    struct signal_record *first, *last;
    uint32_t records;
};
#define SIGRTMIN 32

struct signal_action {
    vaddr_t handler; /* SIG_DFL, SIG_IGN or an address */
    uint32_t flags;  /* SA_* */
    vaddr_t restorer;
    sigset_t mask;
};

/* Shared by CLONE_SIGHAND. */
struct signal_actions {
    uint32_t refs;
    sigset_t touched; /* actions that sigaction(2) set at some time; the others are all zeroes: SIG_DFL */
    struct signal_action action[SIGNALS];
};

/* How restart_syscall(2) goes on with an interrupted call. */
struct restart_block {
    /* NULL: nothing to restart. Forgotten when it is called. Sleeps. */
    int32_t (*fn)(struct restart_block *);
    uint64_t deadline_ns;
    uint32_t arg[5];
};

struct thread_signals {
    sigset_t blocked;
    sigset_t saved; /* of sigsuspend and friends: the mask to go back to, if restore */
    bool restore;
    uint8_t traps;             /* TRAP_*: what it is to stop for, being traced; kernel/proc/ptrace.h */
    bool faulted;              /* the running fault's signal is in fault_info, and goes first */
    sigset_t waiting;          /* what rt_sigtimedwait() waits for, though it is blocked */
    struct signal_set pending; /* sent to this thread */
    vaddr_t alt_stack;
    uint32_t alt_size, alt_flags; /* size 0: none; flags as they were given */
    struct restart_block restart;
    struct siginfo fault_info;
    uint32_t fault_va, fault_vector, fault_error; /* of its last exception, for struct sigcontext */
};

/* Send to a process or a thread. Does not check permission. 0 or -EAGAIN (too many are queued, and the signal
 * is one that queues). Nothing happens to a process that has ended. Task context; does not sleep. */
int signal_send(struct process *p, const struct siginfo *info);
int signal_send_thread(struct thread *t, const struct siginfo *info);
/* A timer's signal, to a process or (t not NULL) one of its threads. Beside another one of the same number it
 * waits too. False: it will not be taken, since it is ignored, there was no memory, or the process ends. */
bool signal_send_timer(struct process *p, struct thread *t, const struct siginfo *info);
/* The same with no more than a number (SI_KERNEL). */
void signal_raise(struct process *p, int signo);
/* To every process of a group, also to those that are being forked from one; what a program sends, to those
 * that it may send it to. 0; -ESRCH: there is none; -EPERM: it may to none. */
int signal_group(int pgid, const struct siginfo *info);
/* To all processes but the first and the running one, likewise. 0; -ESRCH:
 * there is none. */
int signal_everybody(const struct siginfo *info);
/* For the running thread, which an exception stopped: not to be ignored. If the signal is blocked or ignored,
 * the process is killed. Delivered on the way back to ring 3. */
void signal_force(struct trap_frame *tf, const struct siginfo *info);
/* The verdict of a page fault from ring 3 (not FAULT_RESUME, not FAULT_NO_MEMORY), as a signal. */
void signal_fault(struct trap_frame *tf, const struct fault *f, enum fault_verdict v);

/* Change the running thread's mask. */
void signal_set_blocked(sigset_t set);
/* For calls that run under another mask (pselect6, ppoll, sigsuspend): begin, and end; a call that ends with
 * a restart or -EINTR must not end the mask: delivering does. */
void signal_mask_begin(sigset_t set);
void signal_mask_end(bool interrupted);
/* Read a set from a program: 0, -EFAULT, or -EINVAL when size is not the kernel's. Sleeps. */
int signal_read_set(sigset_t *set, vaddr_t va, uint32_t size);

/* A new thread's: the mask is inherited, nothing is pending. from may be NULL. keep_alt: it has its own
 * memory (or its parent waits), so the alternate stack is still there. */
void signal_thread_init(struct thread *t, const struct thread *from, bool keep_alt);
/* A thread ends: what is pending for it is forgotten; what is pending for the process and it would have taken
 * goes to the others. */
void signal_thread_exit(struct thread *t);

/*
 * A sender to many means those too that are being forked meanwhile, but can find only their parents. So a
 * call that forks collects what its process is sent in this way, and the child begins with it. On the stack
 * of that call.
 */
struct signal_fork {
    sigset_t set;
    struct signal_fork *next;
};
void signal_fork_begin(struct process *parent, struct signal_fork *f);
/* child: is in no list yet; NULL: there will be none. */
void signal_fork_end(struct process *parent, struct signal_fork *f, struct process *child);
/* exec: caught signals go back to default, the alternate stack is gone. */
void signal_exec(struct process *p);
/* Whether a parent wants no zombies: SIGCHLD is ignored or SA_NOCLDWAIT is set. */
bool signal_ignores_children(const struct process *parent);
/* p ends, or leaves its group: groups that have lost their last link to the session and contain stopped
 * processes get SIGHUP and SIGCONT. */
void signal_orphan_groups(struct process *p);
/* Whether no member of a group has a parent in another group of the session. leaving: a process that does not
 * count any more, or 0. */
bool signal_group_orphaned(int pgid, int leaving);

/* Once, at start-up. */
void signal_init(void);
/* All defaults, and a copy. NULL when out of memory. Sleep. */
struct signal_actions *signal_actions_create(void);
struct signal_actions *signal_actions_copy(const struct signal_actions *a);
/* Nothing is caught any more; what is ignored stays so. Does not sleep. */
void signal_actions_clear(struct signal_actions *a);
/* A reference less. */
void signal_actions_put(struct signal_actions *a);
/* Records that are freed before others may run. */
#define RECORDS_A_STEP 512u
/* Drop all that is pending; and the oldest RECORDS_A_STEP records of what nobody will take any more:
 * whether there are others. */
void signal_set_clear(struct signal_set *s);
bool signal_set_trim(struct signal_set *s);
const char *signal_name(int signo);

/* --- for those who deliver and wait --- */

/* Take the lowest pending signal of `from` that the running thread may get. 0: none. */
int signal_take(sigset_t from, struct siginfo *info);
/* The record of a timer's signal that is pending for a process, or (t not NULL) one of its threads, or NULL.
 * It may be changed before anybody sleeps. */
struct siginfo *signal_pending_timer(struct process *p, struct thread *t, int signo, int timer);
/* What is pending for the running thread, blocked or not. */
sigset_t signal_pending_set(void);
/* Whether p's action for a signal, or the default, is to do nothing. */
bool signal_ignored(const struct process *p, int signo);
/* Drop signals of a set that are pending for a process or its threads: they are ignored from now on. Of
 * each set of pending ones so many records are freed at most; whether that were all. */
bool signal_forget(struct process *p, sigset_t set, unsigned most);
/* Drop what timers have sent: exec, which ends them. */
void signal_forget_timers(struct process *p);

/* What a system call returns when a signal interrupts it: the way back to ring 3 turns these into -EINTR or a
 * restart. */
#define ERESTARTSYS           512 /* restart if SA_RESTART (or no handler runs) */
#define ERESTARTNOINTR        513 /* restart always */
#define ERESTARTNOHAND        514 /* restart only if no handler runs */
#define ERESTART_RESTARTBLOCK 516 /* restart through restart_syscall(2) with the rest of the time */

#endif
