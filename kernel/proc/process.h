/*
 * Processes. A process owns what its threads share: memory, signal actions, and a place in the
 * tree of processes. See process.c (numbers, the tree), thread.h (threads), kernel/life/ (beginning and end).
 *
 * Locking: the tree, the lists and the states change between sleeps (one processor, see mm/os.h).
 */
#ifndef KERNEL_PROC_PROCESS_H
#define KERNEL_PROC_PROCESS_H

#include "kernel/proc/itimer.h"
#include "kernel/proc/signal.h"
#include "kernel/proc/thread.h"
#include "mm/load.h"
#include "mm/space.h"

struct cred;
struct fs_context; /* kernel/fs/vfs.h: root, current directory, umask */
struct inode;
struct ldt; /* kernel/proc/ldt.c */
struct tty;

#define RLIMITS 16
enum {
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME,
};
#define RLIM_INFINITY (~0ull)
struct rlimit {
    uint64_t soft, hard;
};

/* Load control of a memory: kernel/life/balance.c. */
struct balance {
    bool out;                   /* its threads sleep on their way to ring 3 */
    bool party;                 /* it takes turns with others */
    struct memory *next, *prev; /* of those that are out, the longest first */
    struct waitq wait;          /* its threads sleep here */
    struct load_set set;        /* what it had when it went out */
    uint32_t need;              /* pages that it needed then */
    uint64_t since;             /* when it went out or came in; 0: not looked at yet */
    uint32_t round;             /* the last look that saw it */
    uint64_t major;             /* faults that its space had read for then */
    uint32_t reads;             /* of these, since the look before; 0: it takes no part */
    bool weighed;               /* its need was looked at since then */
};

/* A process's memory. Shared by vfork and by clone with CLONE_VM; the last user destroys the space. */
#define AUXV_MAX 20
struct memory {
    uint32_t refs;
    struct space *space;
    struct mutex lock;      /* brk, and the regions behind it; taken before the space's */
    vaddr_t brk_start, brk; /* the heap is [brk_start, brk); an ordinary region */
    vaddr_t arg_start, arg_end, env_start, env_end; /* for /proc */
    vaddr_t stack_top;
    uint32_t auxv[AUXV_MAX][2]; /* as it lay on the first stack; AT_NULL ends it */
    struct inode *exe;
    uint32_t barriers; /* the barriers that programs in it may ask for: membarrier(2) */
    /* A copy has its own of all that follows. */
    struct space_usage usage; /* as memory_count() found it last */
    uint32_t counted;         /* the OOM killer's count that it was for; 0: none */
    struct ldt *ldt;          /* local descriptors; NULL: none */
    struct balance balance;   /* the last member */
};

#define PID_MAX_DEFAULT 32768

/* Who may look at a process, and at its core file: prctl(PR_SET_DUMPABLE), /proc/sys/fs/suid_dumpable. */
enum { DUMPABLE_NOBODY, DUMPABLE_USER, DUMPABLE_ROOT };
/* What a process is that has changed its user, or executed somebody else's program. */
extern uint32_t dumpable_changed;

enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE };

struct process {
    int pid, pgid, sid;
    char comm[16];        /* of its first thread, once that has ended, */
    struct sched_how how; /* and how that shared the processor */
    enum process_state state;
    struct process *parent;
    struct process *children; /* through sibling_next */
    struct process *sibling_next, *sibling_prev;
    struct process *all_next, *all_prev; /* by creation */
    struct process *hash_next;           /* by pid */
    struct thread *threads;
    uint32_t nthreads;
    struct memory *memory; /* NULL once it is gone */
    struct cred *cred;     /* of its first thread, once that has ended, referenced */
    struct fs_context *fs;
    struct signal_actions *actions;
    struct signal_set pending; /* sent to the process, not to a thread */
    struct waitq signal_watch; /* who reads its signals waits here: kernel/fs/signalfd.c */
    struct signal_fork *forks; /* calls under way that make a process of this one: kernel/proc/signal.h */
    struct tty *tty;           /* controlling terminal */
    int hung_group;            /* of a leader: in the foreground when that was hung up; 0: none */
    int exit_status;           /* as wait4() reports it: code << 8, or the signal (| 0x80: core) */
    int exit_signal;           /* to the parent, SIGCHLD or 0 */
    bool stopped;              /* by SIGSTOP and the like */
    int stopped_by;            /* the signal that stopped it last; 0: none */
    int stop_signal;           /* to be told by wait4() with WUNTRACED; 0: told, or none */
    bool continued;            /* to be told by wait4() with WCONTINUED */
    struct waitq stop_wait;    /* its threads sleep here while it, or a tracer, has them stand */
    uint32_t forker;           /* the serial of its parent's thread that made it */
    struct ptrace *grave;      /* of its first thread, whose tracer has not waited for it; or NULL */
    uint32_t graves;           /* of its other threads, likewise */
    uint32_t execs;            /* of its threads that execute something: kernel/proc/ptrace.c */
    int death_signal;          /* PR_SET_PDEATHSIG */
    struct waitq child_wait;   /* wait4() sleeps here */
    struct waitq *vfork_wait;  /* the parent of a vfork child sleeps here until exec or exit */
    struct waitq thread_wait;  /* whoever waits for threads to end, exec; and those that are held */
    uint32_t held;             /* threads that are to end, and stand since one is holding them: exit.c */
    bool holding;
    struct waitq end_watch;        /* pollers wait here for its end: kernel/fs/pidfd.c */
    bool group_exit;               /* all threads are ending with exit_status */
    bool did_exec;                 /* since it was forked: setpgid() by the parent is too late */
    struct itimer itimer[ITIMERS]; /* kernel/proc/itimer.h */
    struct ptimer *ptimers;        /* its own: kernel/proc/ptimer.c; not inherited by fork either */
    struct ptimer *watching;       /* timers of others that count its time: kernel/proc/ptimer.c */
    int next_ptimer;
    uint32_t ptimer_count;
    bool cpu_timers;   /* a timer of processor time may run: itimer_check_cpu() is to look after a tick */
    uint64_t start_ns; /* no two processes have the same: with the number it names one for good */
    uint64_t past_user_ns, past_system_ns;     /* of threads that have ended */
    uint64_t past_min_faults, past_maj_faults; /* in spaces that it has left */
    uint64_t child_user_ns, child_system_ns, child_min_faults, child_maj_faults;
    struct switches past_switches, child_switches; /* the same: of threads that have ended, and of children */
    uint32_t max_resident;                         /* pages: the most, in spaces that it has left */
    uint32_t child_max_resident;          /* the same of children that were waited for, and of theirs */
    int oom_score_adj, oom_score_adj_min; /* as was set last by who may take what he likes */
    unsigned personality;                 /* of its first thread, once that has ended */
    uint8_t dumpable;                     /* DUMPABLE_* */
    uint16_t core_filter;                 /* what of its memory a core file has: kernel/life/core.c */
    /* Who came in, as whoever let him in says, and in which session: inherited. ID_NONE: nobody said. */
    uint32_t login_uid, session;
    bool subreaper; /* what its descendants leave behind becomes its children; prctl(2) */
    bool no_huge;   /* it wants no large pages, and there are none; its children's, kept by exec() */
    struct rlimit rlimit[RLIMITS]; /* last: the parent's, where the rest begins with zeroes */
};

/* Of personality(2): which system's program it is, and what is done otherwise for it. */
#define PERSONALITY_KIND      0xFFu
#define PERSONALITY_UNAME26   0x0020000u /* uname(2) says 2.6.something, for programs that know no other */
#define PERSONALITY_READ_EXEC 0x0400000u /* what is mapped to be read may be executed, too */
#define PERSONALITY_STICKY    0x4000000u /* select(2) and its kin do not tell what is left of a limit */

/* The rights (REGION_READ and so on) of a mapping for which prot was asked. */
static inline unsigned personality_prot(unsigned personality, unsigned prot)
{
    return personality & PERSONALITY_READ_EXEC && prot & REGION_READ ? prot | REGION_EXEC : prot;
}

/* The running thread's process. Only in a task that has a thread. */
static inline struct process *process_current(void)
{
    return thread_current()->process;
}

extern struct process *process_all;  /* through all_next */
extern struct process *process_init; /* pid 1 */
extern unsigned process_count;
/* The number that was given last. */
int pid_last(void);
extern unsigned pid_max; /* numbers are below this */
/* Whether a thread, a process, a group or a session has the number, or is to get it. */
bool pid_in_use(int pid);
extern unsigned threads_max; /* more give -EAGAIN */
/* What is limited: threads, and processes whose last one has ended and that have not been waited for. */
unsigned thread_slots(void);

/* By number, or NULL. */
struct process *process_find(int pid);
/* Caches and tables. After sched_init(). */
void process_start(void);
/* End a process with a wait status: its threads end as soon as they would go back to ring 3 or sleep
 * interruptibly. Nothing if it is ending already. Any task context. */
void process_kill(struct process *p, int status);
/* Have fn told of every process that ends: its last thread has left it and given up what it had; the parent
 * does not know yet. fn must not sleep. At most 8, at start-up. */
void process_on_end(void (*fn)(struct process *p));
/* Tell them. For kernel/life/. */
void process_tell_end(struct process *p);
/* The rest of a process that nobody waits for any more: forget a zombie. */
void process_reap(struct process *p);

/* Processor time in ring 3 and in the kernel, of all threads, dead ones included. */
void process_times(const struct process *p, uint64_t *user_ns, uint64_t *system_ns);
void process_faults(const struct process *p, uint64_t *minor, uint64_t *major);
void process_switches(const struct process *p, struct switches *s);

/* The most pages that it ever had resident, in this space and in those that it has left. */
uint32_t process_max_resident(const struct process *p);

/* --- making them, for kernel/life/ --- */

/* A number for a thread and maybe a process that are being made. Nobody else gets it. */
struct pid_claim {
    int pid;
    struct pid_claim *next, *prev;
};
/* Choose a number and hold it. 0, or -EAGAIN when there is none, or too many threads. Does not sleep. */
int pid_alloc(struct pid_claim *c);
/* Let it go: the number stands in the tables by now, or is free again. */
void pid_free(struct pid_claim *c);
/* 1 is given. */
void pid_begin(void);
/* A process without threads, memory, files; in no list; with the limits of its parent, if there is one. NULL:
 * out of memory. Sleeps. */
struct process *process_create(int pid, const struct process *parent);
/* Forget one that was never in the tree, and has nothing to give up. */
void process_free(struct process *p);
/* Put it in the tree; and take it away from its siblings, so that it may get another parent. */
void process_enter(struct process *p, struct process *parent);
void process_leave_siblings(struct process *p);

#endif
