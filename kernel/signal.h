/*
 * Signals with Linux's i386 numbers, structures and rules. See signal.c (sending, actions, masks) and
 * sigframe.c (the frames on the user's stack).
 */
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include "mm/fault.h"
#include "mm/os.h"

enum {
    SIGHUP = 1,
    SIGINT,
    SIGQUIT,
    SIGILL,
    SIGTRAP,
    SIGABRT,
    SIGBUS,
    SIGFPE,
    SIGKILL,
    SIGUSR1,
    SIGSEGV,
    SIGUSR2,
    SIGPIPE,
    SIGALRM,
    SIGTERM,
    SIGSTKFLT,
    SIGCHLD,
    SIGCONT,
    SIGSTOP,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGURG,
    SIGXCPU,
    SIGXFSZ,
    SIGVTALRM,
    SIGPROF,
    SIGWINCH,
    SIGIO,
    SIGPWR,
    SIGSYS,
    SIGNALS = 64,
};

/* si_code values that the kernel makes. */
enum {
    SI_USER = 0,
    SI_KERNEL = 0x80,
    SI_TKILL = -6,
    SEGV_MAPERR = 1,
    SEGV_ACCERR = 2,
    BUS_ADRALN = 1,
    BUS_ADRERR = 2,
    BUS_OBJERR = 3,
    CLD_EXITED = 1,
    CLD_KILLED = 2,
    CLD_DUMPED = 3,
    CLD_STOPPED = 5,
    CLD_CONTINUED = 6,
    FPE_INTDIV = 1,
    ILL_ILLOPN = 2,
    TRAP_BRKPT = 1
};

struct thread;
struct process;
struct trap_frame;

typedef uint64_t sigset_t; /* bit n - 1 is signal n */
#define SIGBIT(n) (1ull << ((n)-1))

struct siginfo {
    int signo, err, code;
    int pid, uid; /* SI_USER, SIGCHLD */
    int status;   /* SIGCHLD */
    int32_t utime, stime;
    vaddr_t addr;   /* faults */
    uint32_t value; /* rt_sigqueueinfo */
};

/* Pending signals: one record for each number (standard signals are not queued). */
struct signal_set {
    sigset_t set;
    struct siginfo *info[SIGNALS]; /* allocated when more than the number is to be told; may be NULL */
};

struct signal_action {
    vaddr_t handler; /* 0 SIG_DFL, 1 SIG_IGN */
    uint32_t flags;  /* SA_* */
    vaddr_t restorer;
    sigset_t mask;
};

/* Shared by CLONE_SIGHAND. */
struct signal_actions {
    uint32_t refs;
    struct signal_action action[SIGNALS];
};

struct thread_signals {
    sigset_t blocked;
    sigset_t saved; /* of sigsuspend and friends, restored after delivery if restore */
    bool restore;
    struct signal_set pending; /* sent to this thread */
    vaddr_t alt_stack;
    uint32_t alt_size, alt_flags;
    struct trap_frame *restart_frame;
};

/* Send to a process or a thread. Does not check permission. 0 or -EAGAIN. Any task context. */
int signal_send(struct process *p, const struct siginfo *info);
int signal_send_thread(struct thread *t, const struct siginfo *info);
/* The same with no more than a number (SI_KERNEL). */
void signal_raise(struct process *p, int signo);
/* To every process of a group. Number of processes. */
unsigned signal_group(int pgid, const struct siginfo *info);
/* A fault of the running thread that cannot be ignored: if it is blocked or ignored, the process is killed.
 */
void signal_force(struct trap_frame *tf, const struct siginfo *info);
/* The verdict of a page fault from ring 3, as a signal. */
void signal_fault(struct trap_frame *tf, const struct fault *f, enum fault_verdict v);
/* Whether the running thread has something to deliver: the cheap test on the way to ring 3 and in every
 * interruptible wait. */
bool signal_pending(const struct thread *t);
/* Deliver: run handlers' frames, stop, or die. */
void signal_deliver(struct trap_frame *tf);

struct signal_actions *signal_actions_create(void);
struct signal_actions *signal_actions_copy(const struct signal_actions *a);
void signal_actions_put(struct signal_actions *a);
/* exec: caught signals go back to default. */
void signal_actions_reset(struct signal_actions *a);
void signal_set_clear(struct signal_set *s);

/* What a system call returns when a signal interrupts it: the way back to ring 3 turns these into -EINTR or a
 * restart. */
#define ERESTARTSYS           512 /* restart if SA_RESTART (or no handler runs) */
#define ERESTARTNOHAND        514 /* restart only if no handler runs */
#define ERESTART_RESTARTBLOCK 516 /* restart through restart_syscall(2) with the rest of the time */

#endif
