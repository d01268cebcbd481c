/*
 * Processes and their threads. A process owns what its threads share: memory, open files, signal actions,
 * and a place in the tree of processes. See process.c (making, ending, waiting), exec.c, clone.c.
 *
 * A thread is a kernel task that has a ring-3 half: its task's stack holds the user registers as the trap
 * frame at its top. Kernel tasks have no thread.
 *
 * Locking: the tree, the lists and the states change between sleeps (one processor, see mm/os.h).
 */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include "kernel/itimer.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "kernel/trap.h"
#include "mm/space.h"

struct fd_table;   /* kernel/file.h */
struct fs_context; /* kernel/vfs.h: root, current directory, umask */
struct inode;
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

/* A process's memory. Shared by vfork and by clone with CLONE_VM; the last user destroys the space. */
struct memory {
    uint32_t refs;
    struct space *space;
    vaddr_t brk_start, brk; /* the heap is [brk_start, brk); an ordinary region, page aligned */
    vaddr_t arg_start, arg_end, env_start, env_end; /* for /proc */
    vaddr_t stack_top;
    struct inode *exe;
    unsigned lock_future; /* mlockall(MCL_FUTURE): REGION_LOCKED for new mappings, else 0 */
};

#define TLS_ENTRIES 3
#define TLS_FIRST   6 /* Linux's number of the first one in the GDT */

/* FXSAVE's area; 16-byte aligned. */
struct fpu_state {
    uint8_t bytes[512];
} __attribute__((aligned(16)));

struct thread {
    struct task *task;
    struct process *process;
    struct thread *next, *prev; /* of the process */
    int tid;                    /* the first thread's is the process's pid */
    char comm[16];
    uint64_t tls[TLS_ENTRIES]; /* descriptors as in the GDT */
    struct fpu_state *fpu;
    vaddr_t clear_child_tid; /* written 0 and woken when the thread ends, if not 0 */
    vaddr_t robust_list;
    struct thread_signals sig; /* kernel/signal.h */
    uint64_t min_faults, maj_faults, user_ns, system_ns;
    bool exiting;
};

enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE };

struct process {
    int pid, pgid, sid;
    enum process_state state;
    struct process *parent;
    struct process *children; /* through sibling_next */
    struct process *sibling_next, *sibling_prev;
    struct process *all_next, *all_prev; /* by creation */
    struct thread *threads;
    uint32_t nthreads;
    struct memory *memory; /* NULL once it is gone */
    struct fd_table *files;
    struct fs_context *fs;
    struct signal_actions *actions;
    struct signal_set pending; /* sent to the process, not to a thread */
    struct tty *tty;           /* controlling terminal */
    struct rlimit rlimit[RLIMITS];
    int exit_status;               /* as wait4() reports it: code << 8, or the signal (| 0x80: core) */
    int exit_signal;               /* to the parent, SIGCHLD or 0 */
    bool stopped;                  /* by SIGSTOP and the like */
    int stop_signal;               /* to be told by wait4() with WUNTRACED; 0: told, or none */
    bool continued;                /* to be told by wait4() with WCONTINUED */
    struct waitq stop_wait;        /* its threads sleep here while it is stopped */
    int death_signal;              /* PR_SET_PDEATHSIG */
    struct waitq child_wait;       /* wait4() sleeps here */
    struct waitq *vfork_wait;      /* the parent of a vfork child sleeps here until exec or exit */
    bool group_exit;               /* all threads are ending with exit_status */
    struct itimer itimer[ITIMERS]; /* kernel/itimer.h */
    uint64_t start_ns;
    uint64_t child_user_ns, child_system_ns, child_min_faults, child_maj_faults;
    uint64_t max_resident; /* pages */
    int oom_score_adj;
    bool dumpable;
};

/* The running thread and its process. Only in a task that has one. */
static inline struct thread *thread_current(void)
{
    return task_current()->thread;
}

static inline struct process *process_current(void)
{
    return thread_current()->process;
}

extern struct process *process_all;  /* through all_next */
extern struct process *process_init; /* pid 1 */

/* By number, or NULL. */
struct process *process_find(int pid);
struct thread *thread_find(int tid);
/* The user registers of a thread. */
static inline struct trap_frame *thread_frame(const struct thread *t)
{
    return (struct trap_frame *)((uint8_t *)t->task->stack + t->task->stack_pages * PAGE_SIZE) - 1;
}

/* Start pid 1: the program `path` with arguments, standard streams on the console. 0 or -errno. */
int process_start_init(const char *path, const char *const *argv, const char *const *envp);
/* Wait in the kernel until pid 1 has ended; its exit status. */
int process_wait_init(void);

/* End the running thread; the last one makes the process a zombie. */
_Noreturn void thread_exit(int code);
/* End the whole running process with a wait status. */
_Noreturn void process_exit_group(int status);

/* Memory: a reference more, one less (the last destroys the space; may sleep). */
struct memory *memory_get(struct memory *m);
void memory_put(struct memory *m);
struct memory *memory_create(struct space *s);

/*
 * Replace the program of the running process. path, argv, envp are in kernel memory, strings counted. 0: the
 * user registers are the new program's. -errno: the old one goes on, unless *fatal (then it must be killed).
 */
struct exec_args {
    char *path;
    char **argv, **envp;
    unsigned argc, envc;
    size_t bytes; /* of all strings with their zeroes */
};
int exec_program(struct exec_args *a, bool *fatal);

/* Interruptible sleep: like os_sleep(), but -EINTR when a signal is to be delivered (checked before sleeping
 * too). 0 when woken. */
int thread_sleep(struct waitq *q);
/* With a limit in absolute os_now_ns() time (0: none): 0 woken, -EINTR, -ETIMEDOUT. */
int thread_sleep_until(struct waitq *q, uint64_t deadline_ns);
/* Whether the running thread has something to deliver: the cheap test of every interruptible wait. */
static inline bool signal_pending(const struct thread *t)
{
    return t->task->user_work & TASK_WORK_SIGNAL;
}

/* Make t runnable if it sleeps interruptibly. Any context. */
void thread_interrupt(struct thread *t);

/* Called on the way back to ring 3, interrupts on: deliver signals, give way when the time slice is over. */
void thread_return_to_user(struct trap_frame *tf);

#endif
