/*
 * Processes and their threads. A process owns what its threads share: memory, open files, signal actions,
 * and a place in the tree of processes. See process.c (numbers, the tree, ending, waiting), thread.c (what
 * the scheduler and the way back to ring 3 need), clone.c, exec.c.
 *
 * A thread is a kernel task that has a ring-3 half: its task's stack holds the user registers as the trap
 * frame at its top. Kernel tasks have no thread.
 *
 * Locking: the tree, the lists and the states change between sleeps (one processor, see mm/os.h).
 */
#ifndef KERNEL_PROC_PROCESS_H
#define KERNEL_PROC_PROCESS_H

#include "kernel/proc/itimer.h"
#include "kernel/proc/signal.h"
#include "kernel/sched/task.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/fpu.h"
#include "kernel/x86/trap.h"
#include "mm/space.h"

struct fd_table;   /* kernel/fs/file.h */
struct fs_context; /* kernel/fs/vfs.h: root, current directory, umask */
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
#define AUXV_MAX 20
struct memory {
    uint32_t refs;
    struct space *space;
    vaddr_t brk_start, brk;                         /* the heap is [brk_start, brk); an ordinary region */
    vaddr_t arg_start, arg_end, env_start, env_end; /* for /proc */
    vaddr_t stack_top;
    uint32_t auxv[AUXV_MAX][2]; /* as it lay on the first stack; AT_NULL ends it */
    struct inode *exe;
    unsigned
        lock_future; /* mlockall(MCL_FUTURE): REGION_LOCKED, maybe with REGION_ONFAULT, for new mappings */
};

#define PID_MAX_DEFAULT 32768

struct thread {
    struct task *task;
    struct process *process;
    struct thread *next, *prev; /* of the process */
    int tid;                    /* the first thread's is the process's pid */
    char comm[16];
    struct thread *hash_next; /* by tid */
    /* The processor's state beside the frame; FS, GS and the FPU's are valid while another thread has it. */
    uint64_t tls[CPU_TLS]; /* descriptors as in the GDT */
    uint16_t fs, gs;
    struct fpu_state *fpu;
    vaddr_t clear_child_tid; /* written 0 and woken when the thread ends, if not 0 */
    vaddr_t robust_list;
    struct thread_signals sig;   /* kernel/proc/signal.h */
    uint64_t user_ns, system_ns; /* sampled by the tick; thread_times() scales them to the exact sum */
    bool exiting;                /* it ends as soon as it would go back to ring 3 or sleep interruptibly */
};

enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE };

struct process {
    int pid, pgid, sid;
    char comm[16]; /* of its last thread, once that has ended */
    enum process_state state;
    struct process *parent;
    struct process *children; /* through sibling_next */
    struct process *sibling_next, *sibling_prev;
    struct process *all_next, *all_prev; /* by creation */
    struct process *hash_next;           /* by pid */
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
    struct waitq thread_wait;      /* whoever waits for threads to end: exec */
    bool group_exit;               /* all threads are ending with exit_status */
    bool did_exec;                 /* since it was forked: setpgid() by the parent is too late */
    struct itimer itimer[ITIMERS]; /* kernel/proc/itimer.h */
    struct ptimer *ptimers;        /* kernel/proc/ptimer.c; not inherited by fork either */
    int next_ptimer;
    uint64_t start_ns;
    uint64_t past_user_ns, past_system_ns;     /* of threads that have ended */
    uint64_t past_min_faults, past_maj_faults; /* in spaces that it has left */
    uint64_t child_user_ns, child_system_ns, child_min_faults, child_maj_faults;
    uint64_t max_resident, child_max_resident; /* pages */
    int oom_score_adj;
    unsigned personality;
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
extern unsigned process_count, thread_count;
extern unsigned thread_total; /* threads that were ever made */
/* The number that was given last. */
int pid_last(void);
extern unsigned pid_max;     /* numbers are below this */
extern unsigned threads_max; /* more give -EAGAIN */

/* By number, or NULL. */
struct process *process_find(int pid);
struct thread *thread_find(int tid);
/* The user registers of a thread. */
static inline struct trap_frame *thread_frame(const struct thread *t)
{
    return (struct trap_frame *)((uint8_t *)t->task->stack + t->task->stack_pages * PAGE_SIZE) - 1;
}

/* Caches and tables. After sched_init(). */
void process_start(void);
/*
 * Start pid 1 with arguments (each list ends with NULL; argv[0] is replaced by the path): the first of the
 * paths that can be executed, standard streams on the console. Sleeps. 0 or -errno.
 */
int process_start_init(const char *const *paths, const char **argv, const char *const *envp);
/* Wait in the kernel until pid 1 has ended, and end everybody else; its wait status. */
int process_wait_init(void);

/* End the running thread; the last one makes the process a zombie that has exited with code. */
_Noreturn void thread_exit(int code);
/* End the whole running process with a wait status. */
_Noreturn void process_exit_group(int status);
/* The same for any process: its threads end as soon as they would go back to ring 3 or sleep interruptibly.
 * Nothing if it is ending already. Any task context. */
void process_kill(struct process *p, int status);
/* End all other threads of the running process and wait for that. 0, or -EINTR when this one is to end. */
int process_single(void);
/* The rest of a process that nobody waits for any more: forget a zombie. */
void process_reap(struct process *p);

/* Processor time in ring 3 and in the kernel; of a process: of all its threads, dead ones included. */
void thread_times(const struct thread *t, uint64_t *user_ns, uint64_t *system_ns);
void process_times(const struct process *p, uint64_t *user_ns, uint64_t *system_ns);
void process_faults(const struct process *p, uint64_t *minor, uint64_t *major);

/* Bring max_resident up to date. */
void process_note_resident(struct process *p);

/* --- making them, for clone.c and exec.c --- */

/* A number for a new thread, which is also a process's when `leader`. -EAGAIN when there is none. */
int pid_alloc(void);
/* A thread of p with its kernel stack; see task_create_thread(). Not in any list. NULL: out of memory. */
struct thread *thread_create(struct process *p, int tid, void (*fn)(void *arg), void *arg);
/* Undo that. */
void thread_discard(struct thread *t);
/* Put it in its process and let it run. Cannot fail. */
void thread_launch(struct thread *t);
/* A process without threads, memory, files; in no list. NULL: out of memory. */
struct process *process_create(int pid);
void process_discard(struct process *p);
/* Put it in the tree. */
void process_enter(struct process *p, struct process *parent);
/* The only thread of a process gets the process's number. */
void thread_take_pid(struct thread *t);
/* The parent of a vfork child may go on. */
void process_vfork_done(struct process *p);
/* set_thread_area() for a thread from a struct user_desc in user memory; choose: an entry number of -1 picks
 * a free one and is written back. */
int tls_set(struct thread *t, vaddr_t desc, bool choose);
/* A program's or thread's name, cut to 15 characters. */
void thread_set_comm(struct thread *t, const char *name);

/* Memory: a reference more, one less (the last destroys the space; may sleep). */
struct memory *memory_get(struct memory *m);
void memory_put(struct memory *m);
struct memory *memory_create(struct space *s);
/* p's resource limits changed, or its memory is new: let its space know them. */
void memory_set_limits(struct process *p);

/*
 * Replace the program of the running process. 0: the user registers are the new program's. -errno: the old
 * one goes on, nothing has changed.
 */
struct exec_args {
    char *path;
    char *strings; /* in kmalloc()ed memory: the arguments', then the environment's, each with its 0 */
    unsigned argc, envc;
    size_t arg_bytes, bytes; /* of the arguments; of all */
};
int exec_program(struct exec_args *a);
/* The same with what lies in user memory, as for execve(2). */
int exec_user(vaddr_t path, vaddr_t argv, vaddr_t envp);
/* The same with the kernel's own lists, which end with NULL; argv[0] is the program's name for itself. */
int exec_from_kernel(const char *path, const char *const *argv, const char *const *envp);
void exec_args_free(struct exec_args *a);

/* Interruptible sleep: like os_sleep(), interrupts off and the condition to be checked again, but -EINTR when
 * a signal is to be delivered or the thread is to end (checked before sleeping too). 0 when woken. */
int thread_sleep(struct waitq *q);
/* With a limit in absolute os_now_ns() time (0: none): 0 woken, -EINTR, -ETIMEDOUT. */
int thread_sleep_until(struct waitq *q, uint64_t deadline_ns);
/* The same, but only the end of the thread interrupts it. */
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
    return t->task->user_work & TASK_WORK_SIGNAL;
}

/* Make t runnable if it sleeps interruptibly. Any context. */
void thread_interrupt(struct thread *t);

/* For the scheduler. A tick came while t ran; t gets the processor (interrupts off): its TLS, FS, GS, FPU. */
void thread_tick(struct thread *t, bool from_user);
extern struct thread *thread_loaded; /* whose these are now, or NULL */
void thread_load_slow(struct thread *t);
static inline void thread_load(struct thread *t)
{
    if (t != thread_loaded)
        thread_load_slow(t);
}
/* Bring t's copies up to date, and forget what is loaded when t ends. */
void thread_store(struct thread *t);
void thread_unload(struct thread *t);
/* t->tls, fs, gs, fpu of the running thread were changed: load them. */
void thread_reload(struct thread *t);

/* Called on the way back to ring 3, interrupts on: deliver signals, give way when the time slice is over. */
void thread_return_to_user(struct trap_frame *tf);

#endif
