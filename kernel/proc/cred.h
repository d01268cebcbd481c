/*
 * Credentials: who a thread is and what it may do, as credentials(7) and capabilities(7) have it. See cred.c.
 *
 * A set of credentials is shared by reference and never changes once a thread has it; a change is a copy that
 * takes its place. What files, sockets and queues remember of who made them is numbers, not credentials.
 *
 * Locking: changes between sleeps (one processor, see mm/os.h). Only a thread itself changes which it has, so
 * what it looked at in its own it may act upon after a sleep.
 */
#ifndef KERNEL_PROC_CRED_H
#define KERNEL_PROC_CRED_H

#include "kernel/proc/thread.h"

struct process;

#define GROUPS_MAX   65536u     /* supplementary */
#define ID_NONE      UINT32_MAX /* no user and no group: "as it is" in calls */
#define ID_OVERFLOW  65534u     /* what does not fit into 16 bits, as Linux tells it */
#define CAP_BIT(cap) (1ull << (cap))

/* What is counted for a user; one for each real id that credentials have. */
struct user {
    uint32_t uid;
    uint32_t refs;    /* of credentials, and of what is counted */
    uint32_t threads; /* and zombies, which exist or are being made: RLIMIT_NPROC */
    uint32_t signals; /* with records in queues: RLIMIT_SIGPENDING */
    uint32_t flights; /* open files that are in messages of sockets: RLIMIT_NOFILE */
    uint32_t inotify_instances, inotify_watches;
    uint64_t queues; /* bytes that its POSIX message queues may hold: RLIMIT_MSGQUEUE */
    struct user *next;
};

/* Supplementary groups, in rising order. */
struct groups {
    uint32_t refs, n;
    uint32_t *gid;
};

/* Of securebits; the bit above each locks it. */
enum securebit {
    SECURE_NOROOT = 1 << 0,          /* executing as root gives nothing */
    SECURE_NO_SETUID_FIXUP = 1 << 2, /* changing ids changes no capabilities */
    SECURE_KEEP_CAPS = 1 << 4,       /* what is permitted stays when the last id that is root goes */
    SECURE_NO_AMBIENT_RAISE = 1 << 6,
    SECURE_BITS = 0x55,
    SECURE_LOCKS = 0xAA,
};

struct cred {
    uint32_t refs;
    uint32_t uid, gid;     /* real: who started it */
    uint32_t euid, egid;   /* effective: in whose name it acts */
    uint32_t suid, sgid;   /* saved: what effective may become again */
    uint32_t fsuid, fsgid; /* for files */
    uint32_t securebits;
    /* Sets of capabilities: see capability.h. */
    uint64_t inheritable, permitted, effective, bounding, ambient;
    struct user *user;     /* of uid, referenced */
    struct groups *groups; /* referenced; NULL: none */
};

/* Root with everything: kernel tasks have it, and init begins with it. */
extern struct cred cred_root;

/* What the running task acts with; only access(2) makes it another than what others see of it. */
static inline const struct cred *cred_current(void)
{
    const struct thread *t = thread_current();

    return t ? t->acting : &cred_root;
}

static inline struct cred *cred_get(struct cred *c)
{
    c->refs++;
    return c;
}

/* Does not sleep. NULL is fine. */
void cred_put(struct cred *c);
/* A copy of the running thread's, to be changed; cred_commit() or cred_put() it. NULL: out of memory.
 * Sleeps. */
struct cred *cred_prepare(void);
/* Have the running thread act with others, made by cred_prepare(), whose reference moves; and with its own
 * again, also if it did all the time. Do not sleep. */
void cred_act(struct cred *as);
void cred_act_again(void);
/* Another real user: what is counted for users goes with it. 0 or -EAGAIN (no memory). Sleeps. */
int cred_set_uid(struct cred *new, uint32_t uid);
/* The running thread's from now on. Takes over the reference. Who has become somebody else, or may do more
 * than before, is nobody's to look at: it dumps no core and hears nothing of its parent's end. Does not
 * sleep. */
void cred_commit(struct cred *new);
/* How much the process may lock in memory, by its limit and who it is. Does not sleep. */
void cred_limit_locks(struct process *p);
/* What a change of user ids does to capabilities. old: what it was before. */
void cred_fix_caps(struct cred *new, const struct cred *old);
/* The same when only the id for files changes. */
void cred_fix_fs_caps(struct cred *new, const struct cred *old);
/* capset(2) for the running thread: 0, -EPERM for what it may not give itself, -ENOMEM. Sleeps. */
int cred_set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable);

/* Give a new thread its credentials, and count it. Takes over the reference. */
void cred_begin(struct thread *t, struct cred *c);
/* A thread is gone: count it no more. Nothing if it has none. Does not sleep. */
void cred_end(struct thread *t);
/* The first thread of a process leaves it, which goes on as who that was; and that is over, too. Do not
 * sleep. */
void cred_leave_to_process(struct thread *t);
void cred_end_of_process(struct process *p);
/* Whether the running thread's user may have one thread more: 0 or -EAGAIN. */
int cred_may_have_thread(void);
/* Whether it has too many, as may be when it became that user. */
bool cred_is_beyond_limit(void);

/* Who a process is: its first thread, alive or not. Not referenced. */
const struct cred *cred_of_process(const struct process *p);

/* Memory for n groups, to be filled and sorted; references. NULL: out of memory. groups_create() sleeps. */
struct groups *groups_create(uint32_t n);
void groups_sort(struct groups *g);
struct groups *groups_get(struct groups *g);
void groups_put(struct groups *g); /* NULL is fine. Does not sleep. */
/* Whether who acts with c is in a group, as files see it. */
bool cred_in_group(const struct cred *c, uint32_t gid);

/* Whether the running thread may send a signal to one with the credentials of `to` in process p: kill(2). 0
 * or -EPERM. */
int cred_may_kill(const struct process *p, const struct cred *to, int signo);
/*
 * Whether the running thread may look into a process: ptrace(2), "Ptrace access mode checking". to: of the
 * thread that is looked at. for_files: /proc and what else goes by the ids for files. Everybody may look into
 * his own process. 0 or -EPERM.
 */
int cred_may_trace(const struct process *p, const struct cred *to, bool for_files);
/* Whether the running thread acts as a user that another one is or acts as, or may treat him so by cap. */
bool cred_is_owner(const struct cred *to, unsigned cap);

/* Users by number, for what else is counted; NULL: out of memory. user_find() sleeps. */
struct user *user_find(uint32_t uid);
struct user *user_get(struct user *u);
void user_put(struct user *u); /* does not sleep */

/* INV-CRED-n; see cred.c. */
bool cred_verify(void);

/* Between the ids of old calls, of 16 bits, and ids. */
static inline uint32_t cred_widen(uint32_t id)
{
    return (uint16_t)id == UINT16_MAX ? ID_NONE : (uint16_t)id;
}

static inline uint32_t cred_narrow(uint32_t id)
{
    return id > UINT16_MAX ? ID_OVERFLOW : id;
}

#endif
