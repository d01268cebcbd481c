/*
 * Signals: sending, masks, actions. kernel/life/deliver.c has what happens on the way back to ring 3.
 *
 * Purpose. A signal is a bit in one of two sets: the thread's, or the process's, from which the first thread
 * that may have it takes it. Only the thread itself takes signals, in signal_deliver() on its way to ring 3;
 * whoever sends just leaves the bit, marks a thread (TASK_WORK_SIGNAL) and wakes it if its sleep is
 * interruptible. So a handler never runs while the kernel is in the middle of something for that thread.
 *
 * The signal of an exception (a page fault, a division by zero) does not go through the sets: it is about the
 * very instruction at which the thread stands, so it is noted in the thread and delivered first.
 *
 * TASK_WORK_SIGNAL says "look": it is set whenever there may be something to deliver, and only the thread
 * itself takes it back, in signal_deliver() or when it changes its mask. A system call that returns
 * -ERESTART* therefore always passes through signal_deliver(), even if another thread took the signal.
 *
 * Stopping. The thread that delivers a stop signal sets process.stopped and marks all threads; each goes to
 * sleep at its next signal_deliver(), and sleeps until SIGCONT clears it or the process is killed. A thread
 * that is traced stops for its tracer instead, once, and may be let go on though its process is stopped
 * (ptrace_stop.c).
 *
 * Data. Pending sets belong to their thread or process, actions are shared by CLONE_SIGHAND and counted.
 *
 * Locking: tasks only, between sleeps (one processor, mm/os.h); user_work is changed in one instruction,
 * since interrupts change it too.
 *
 * Fails: without memory for its record, a standard signal arrives without details; one that queues is refused
 * with -EAGAIN if the sender asked for queueing.
 *
 * Source: POSIX.1-2017, 2.4; the numbers, structures and corner cases are those of Linux on i386.
 */
#include "kernel/proc/signal.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/ptimer.h"
#include "kernel/proc/ptrace.h"
#include "kernel/proc/signal_parts.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"
#include "mm/x86/cpu.h"

TALLY(records, "queued signals");

static const uint8_t default_action[SIGNALS + 1] = {
    [SIGQUIT] = SIGNAL_DUMP,  [SIGILL] = SIGNAL_DUMP,     [SIGTRAP] = SIGNAL_DUMP,
    [SIGABRT] = SIGNAL_DUMP,  [SIGBUS] = SIGNAL_DUMP,     [SIGFPE] = SIGNAL_DUMP,
    [SIGSEGV] = SIGNAL_DUMP,  [SIGXCPU] = SIGNAL_DUMP,    [SIGXFSZ] = SIGNAL_DUMP,
    [SIGSYS] = SIGNAL_DUMP,   [SIGCHLD] = SIGNAL_IGNORE,  [SIGCONT] = SIGNAL_IGNORE,
    [SIGURG] = SIGNAL_IGNORE, [SIGWINCH] = SIGNAL_IGNORE, [SIGSTOP] = SIGNAL_STOP,
    [SIGTSTP] = SIGNAL_STOP,  [SIGTTIN] = SIGNAL_STOP,    [SIGTTOU] = SIGNAL_STOP,
};

#define STOPS (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
/* Taken before others: if the running code caused them, their handler should run where they happened. */
#define SYNCHRONOUS                                                                                          \
    (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS))

#define FAULT_VECTOR_IRET 32u /* what a handler is told of TRAP_IRET */

const char *signal_name(int signo)
{
    static const char *const names[] = {
        "SIG0",      "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
        "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
        "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
        "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
    };

    return signo >= 0 && signo < (int)ARRAY_LEN(names) ? names[signo] : "a real-time signal";
}

/* --- marks --- */

static void mark_and_wake(struct thread *t)
{
    signal_mark(t);
    thread_interrupt(t);
}

/* --- sets --- */

uint32_t signal_queued;

struct user *signal_count(struct user *u)
{
    signal_queued++;
    u->signals++;
    return user_get(u);
}

void signal_uncount(struct user *u)
{
    signal_queued--;
    u->signals--;
    user_put(u);
}

static void record_free(struct signal_record *r)
{
    if (r->user)
        signal_uncount(r->user);
    records.count--;
    kfree(r);
}

/* A record for one more signal to p, or NULL: no memory, or too many wait. What the kernel says in a standard
 * signal has none too many, and a timer's is counted with the timer. */
static struct signal_record *record_alloc(const struct process *p, const struct siginfo *info, bool timer)
{
    struct user *user = cred_of_process(p)->user;
    bool always = timer || (info->signo < SIGRTMIN && info->code >= 0);
    struct signal_record *r = NULL;

    if (always || user->signals < p->rlimit[RLIMIT_SIGPENDING].soft)
        r = kmalloc(sizeof *r); /* no reclaim: signals are sent where nobody may sleep */
    if (!r)
        return NULL;
    *r = (struct signal_record){.user = timer ? NULL : signal_count(user), .info = *info};
    records.count++;
    return r;
}

void signal_set_clear(struct signal_set *s)
{
    for (struct signal_record *r = s->first, *next; r; r = next) {
        next = r->next;
        record_free(r);
    }
    *s = (struct signal_set){0};
}

bool signal_set_trim(struct signal_set *s)
{
    for (unsigned n = 0; s->first && n < RECORDS_A_STEP; n++) {
        struct signal_record *r = s->first;

        s->first = r->next;
        s->records--;
        record_free(r);
    }
    if (!s->first)
        s->last = NULL;
    return s->first;
}

/* Take numbers out, with their records, of which so many may be freed. Whether all are out. */
static bool set_remove(struct signal_set *s, sigset_t numbers, unsigned most)
{
    struct signal_record **link = &s->first, *last = NULL;

    if (!(s->set & numbers))
        return true;
    while (*link) {
        struct signal_record *r = *link;

        if (!(numbers & SIGBIT(r->info.signo))) {
            last = r;
            link = &r->next;
            continue;
        }
        if (!most--)
            return false;
        *link = r->next;
        s->records--;
        record_free(r);
    }
    s->last = last;
    s->set &= ~numbers;
    return true;
}

bool signal_forget(struct process *p, sigset_t set, unsigned most)
{
    bool all = set_remove(&p->pending, set, most);

    for (struct thread *t = p->threads; t && all; t = t->next)
        all = set_remove(&t->sig.pending, set, most);
    return all;
}

static void set_remove_timers(struct signal_set *s)
{
    struct signal_record **link = &s->first;
    sigset_t of_timers = 0, of_others = 0;

    s->last = NULL;
    while (*link) {
        struct signal_record *r = *link;

        if (r->info.code == SI_TIMER) {
            of_timers |= SIGBIT(r->info.signo);
            *link = r->next;
            s->records--;
            record_free(r);
        } else {
            of_others |= SIGBIT(r->info.signo);
            s->last = r;
            link = &r->next;
        }
    }
    s->set &= ~(of_timers & ~of_others);
}

void signal_forget_timers(struct process *p)
{
    set_remove_timers(&p->pending);
    for (struct thread *t = p->threads; t; t = t->next)
        set_remove_timers(&t->sig.pending);
}

/* Take the oldest of one number, which is pending. */
static void set_take(struct signal_set *s, int signo, struct siginfo *info)
{
    struct signal_record **link = &s->first, *before = NULL;
    bool more = false;

    *info = (struct siginfo){.signo = signo};
    while (*link && (*link)->info.signo != signo) {
        before = *link;
        link = &before->next;
    }
    if (*link) {
        struct signal_record *r = *link;

        *info = r->info;
        *link = r->next;
        if (s->last == r)
            s->last = before;
        s->records--;
        for (struct signal_record *after = r->next; after && !more; after = after->next)
            more = after->info.signo == signo;
        record_free(r);
    }
    if (!more)
        s->set &= ~SIGBIT(signo);
}

static int lowest(sigset_t set)
{
    if (set & SYNCHRONOUS)
        set &= SYNCHRONOUS;
    return __builtin_ctzll(set) + 1;
}

int signal_take(sigset_t from, struct siginfo *info)
{
    struct thread *self = thread_current();
    struct signal_set *s = &self->sig.pending;

    if (!(s->set & from))
        s = &self->process->pending;
    if (!(s->set & from))
        return 0;

    int signo = lowest(s->set & from);

    set_take(s, signo, info);
    if (info->code == SI_TIMER)
        ptimer_taken(info);
    if (signo == SIGALRM && s == &self->process->pending)
        itimer_taken(self->process);
    return signo;
}

struct siginfo *signal_pending_timer(struct process *p, struct thread *t, int signo, int timer)
{
    const struct signal_set *s = t ? &t->sig.pending : &p->pending;

    if (s->set & SIGBIT(signo))
        for (struct signal_record *r = s->first; r; r = r->next)
            if (r->info.signo == signo && r->info.code == SI_TIMER && r->info.pid == timer)
                return &r->info;
    return NULL;
}

sigset_t signal_pending_set(void)
{
    struct thread *self = thread_current();

    return self->sig.pending.set | self->process->pending.set;
}

/* --- actions --- */

/* A program touches few actions of the 64. So free objects are all zeroes, and only what was touched is
 * copied and cleared. */
static struct cache actions_cache;

static void construct_actions(void *a)
{
    memset(a, 0, sizeof(struct signal_actions));
}

void signal_init(void)
{
    cache_init(&actions_cache, kmalloc_sys.pool, "signal actions", sizeof(struct signal_actions), 0,
               construct_actions, slab_default_flags);
}

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *a = vm_cache_alloc(&vm_sys, &actions_cache);

    if (a)
        a->refs = 1;
    return a;
}

struct signal_actions *signal_actions_copy(const struct signal_actions *from)
{
    struct signal_actions *a = signal_actions_create();

    if (!a)
        return NULL;
    a->touched = from->touched;
    for (sigset_t left = from->touched; left; left &= left - 1)
        a->action[__builtin_ctzll(left)] = from->action[__builtin_ctzll(left)];
    return a;
}

void signal_actions_put(struct signal_actions *a)
{
    if (!a || --a->refs > 0)
        return;
    for (; a->touched; a->touched &= a->touched - 1)
        a->action[__builtin_ctzll(a->touched)] = (struct signal_action){0};
    cache_free(&actions_cache, a);
}

void signal_actions_clear(struct signal_actions *actions)
{
    for (sigset_t left = actions->touched; left; left &= left - 1) {
        struct signal_action *a = &actions->action[__builtin_ctzll(left)];

        *a = (struct signal_action){.handler = a->handler == SIG_IGN ? SIG_IGN : SIG_DFL};
    }
}

void signal_exec(struct process *p)
{
    struct thread *self = thread_current();

    signal_actions_clear(p->actions);
    self->sig.alt_stack = self->sig.alt_size = 0; /* the flags stay */
    self->sig.restart.fn = NULL;
}

enum signal_default signal_default(int signo)
{
    return default_action[signo];
}

/* Nothing that is sent ends or stops init: it gets what it has handlers for. */
bool signal_ignored_by_default(const struct process *p, int signo)
{
    return default_action[signo] == SIGNAL_IGNORE || p == process_init;
}

bool signal_ignored(const struct process *p, int signo)
{
    vaddr_t handler = p->actions->action[signo - 1].handler;

    return handler == SIG_IGN || (handler == SIG_DFL && signal_ignored_by_default(p, signo));
}

bool signal_ignores_children(const struct process *parent)
{
    const struct signal_action *a;

    if (!parent->actions)
        return true;
    a = &parent->actions->action[SIGCHLD - 1];
    return a->handler == SIG_IGN || (a->flags & SA_NOCLDWAIT);
}

/* --- sending --- */

static bool wants(const struct thread *t, sigset_t bit)
{
    return !t->exiting && (bit & (~t->sig.blocked | t->sig.waiting));
}

/* Find a thread to take what was sent to the process: the running one does it soonest. */
static struct thread *choose(struct process *p, sigset_t bit)
{
    struct thread *self = thread_current(), *stands = NULL;

    if (self && self->process == p && wants(self, bit))
        return self;
    /* One that stands takes it only when somebody lets it go on. */
    for (struct thread *t = p->threads; t; t = t->next)
        if (wants(t, bit)) {
            if (!t->halt)
                return t;
            stands = stands ? stands : t;
        }
    return stands;
}

static void tell_of_child(struct process *parent, const struct process *p, int code, int status)
{
    const struct siginfo info = {
        .signo = SIGCHLD, .code = code, .pid = p->pid, .uid = (int)cred_of_process(p)->uid, .status = status};

    if (!parent || parent->state != PROCESS_ALIVE || !parent->actions)
        return;
    if (!(parent->actions->action[SIGCHLD - 1].flags & SA_NOCLDSTOP))
        signal_send(parent, &info);
    os_wake_all(&parent->child_wait);
}

void signal_tell_parent(struct process *p, int code, int status)
{
    tell_of_child(p->parent, p, code, status);
}

/* Stopping and going on cancel each other, whatever becomes of the signal itself. */
static void stop_or_continue(struct process *p, int signo)
{
    const struct ptrace *tracing;

    if (SIGBIT(signo) & STOPS)
        signal_forget(p, SIGBIT(SIGCONT), UINT32_MAX);
    if (signo != SIGCONT)
        return;
    signal_forget(p, STOPS, UINT32_MAX);
    for (struct thread *t = p->threads; t; t = t->next)
        if (unlikely(t->ptrace))
            ptrace_process_continues(t);
    if (!p->stopped)
        return;
    p->stopped = false;
    p->stop_signal = 0;
    p->continued = true;
    os_wake_all(&p->stop_wait);
    signal_tell_parent(p, CLD_CONTINUED, SIGCONT);
    tracing = ptrace_of_first(p);
    if (unlikely(tracing) && tracing->tracer->process != p->parent)
        tell_of_child(tracing->tracer->process, p, CLD_CONTINUED, SIGCONT);
}

/* Those that p is making get it too, without details. */
static void send_to_forks(struct process *p, int signo)
{
    sigset_t bit = SIGBIT(signo), cancelled = signo == SIGCONT ? STOPS : bit & STOPS ? SIGBIT(SIGCONT) : 0;

    for (struct signal_fork *f = p->forks; f; f = f->next)
        f->set = (f->set & ~cancelled) | bit;
}

/* Who sends: to one, to several at once, or a timer, whose signal has a record of its own or is not sent. */
enum sender { SENDER_ONE, SENDER_MANY, SENDER_TIMER };

/* What send() says of a signal that nobody will take. */
enum { NOT_SENT = 1 };

/* thread NULL: any of the process's. 0, NOT_SENT, -EAGAIN. */
static int send(struct process *p, struct thread *thread, const struct siginfo *info, enum sender sender)
{
    int signo = info->signo;
    sigset_t bit = SIGBIT(signo);
    struct signal_set *s = thread ? &thread->sig.pending : &p->pending;
    const struct thread *asked = thread ? thread : p->threads;

    if (p->state != PROCESS_ALIVE || p->group_exit || !asked || !p->actions) {
        if (signo == SIGKILL)
            ptrace_release(p);
        return NOT_SENT;
    }
    stop_or_continue(p, signo);
    if (signal_ignored(p, signo) && !(bit & (asked->sig.blocked | asked->sig.waiting)) &&
        !(asked->ptrace && signo != SIGKILL))
        return NOT_SENT;
    if (signo == SIGKILL) {
        process_kill(p, SIGKILL); /* at once, so that sleeps which only its end may cut short know of it */
        return 0;
    }
    if (sender == SENDER_MANY)
        send_to_forks(p, signo);
    if ((s->set & bit) && signo < SIGRTMIN && sender != SENDER_TIMER)
        return 0;

    struct signal_record *r = record_alloc(p, info, sender == SENDER_TIMER);

    if (r) {
        if (s->last)
            s->last->next = r;
        else
            s->first = r;
        s->last = r;
        s->records++;
    } else if (sender == SENDER_TIMER) {
        return NOT_SENT;
    } else if (signo >= SIGRTMIN && info->code != SI_USER && info->code != SI_KERNEL) {
        return -EAGAIN;
    }
    s->set |= bit;
    sync_wake(&p->signal_watch, SYNC_ANYTHING, SYNC_TASKS);
    if (!thread)
        thread = choose(p, bit);
    if (thread && wants(thread, bit))
        mark_and_wake(thread);
    return 0;
}

int signal_send(struct process *p, const struct siginfo *info)
{
    int err = send(p, NULL, info, SENDER_ONE);

    return err == NOT_SENT ? 0 : err;
}

int signal_send_thread(struct thread *t, const struct siginfo *info)
{
    int err = send(t->process, t, info, SENDER_ONE);

    return err == NOT_SENT ? 0 : err;
}

bool signal_send_timer(struct process *p, struct thread *t, const struct siginfo *info)
{
    return send(p, t, info, SENDER_TIMER) == 0;
}

void signal_raise(struct process *p, int signo)
{
    const struct siginfo info = {.signo = signo, .code = SI_KERNEL};

    signal_send(p, &info);
}

/* To one of many; what a program sends, if it may. 0 or -EPERM. */
static int send_each(struct process *p, const struct siginfo *info)
{
    int err = info->code <= 0 ? cred_may_kill(p, cred_of_process(p), info->signo) : 0;

    if (!err && info->signo)
        send(p, NULL, info, SENDER_MANY);
    return err;
}

int signal_group(int pgid, const struct siginfo *info)
{
    int result = -ESRCH;

    for (struct process *p = process_all; p; p = p->all_next)
        if (p->pgid == pgid) {
            int err = send_each(p, info);

            result = result == 0 ? 0 : err;
        }
    return result;
}

int signal_everybody(const struct siginfo *info)
{
    int result = -ESRCH;

    for (struct process *p = process_all; p; p = p->all_next)
        if (p != process_init && p != process_current()) {
            send_each(p, info);
            result = 0;
        }
    return result;
}

/* --- masks --- */

void signal_set_blocked(sigset_t set)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    sigset_t given_up;

    set &= ~SIGNALS_UNCAUGHT;
    given_up = set & ~self->sig.blocked & p->pending.set;
    self->sig.blocked = set;
    /* The process's signals that this thread was to take are for the others. */
    for (struct thread *t = p->threads; unlikely(given_up) && t; t = t->next)
        if (t != self && wants(t, given_up))
            mark_and_wake(t);
    if (signal_has_work(self))
        signal_mark(self);
    else
        signal_unmark(self);
}

void signal_mask_begin(sigset_t set)
{
    struct thread *self = thread_current();

    self->sig.saved = self->sig.blocked;
    self->sig.restore = true;
    signal_set_blocked(set);
}

void signal_mask_end(bool interrupted)
{
    struct thread *self = thread_current();

    if (interrupted || !self->sig.restore)
        return;
    self->sig.restore = false;
    signal_set_blocked(self->sig.saved);
}

int signal_read_set(sigset_t *set, vaddr_t va, uint32_t size)
{
    return size == sizeof *set ? user_copy_in(set, va, sizeof *set) : -EINVAL;
}

/* --- threads and groups --- */

void signal_thread_init(struct thread *t, const struct thread *from, bool keep_alt)
{
    t->sig = (struct thread_signals){.alt_flags = SS_DISABLE};
    if (!from)
        return;
    t->sig.blocked = from->sig.blocked;
    t->sig.fault_va = from->sig.fault_va;
    t->sig.fault_vector = from->sig.fault_vector;
    t->sig.fault_error = from->sig.fault_error;
    if (keep_alt) {
        t->sig.alt_stack = from->sig.alt_stack;
        t->sig.alt_size = from->sig.alt_size;
        t->sig.alt_flags = from->sig.alt_flags;
    }
}

void signal_thread_exit(struct thread *t)
{
    sigset_t left = t->process->pending.set & ~t->sig.blocked;

    signal_set_clear(&t->sig.pending);
    for (struct thread *o = t->process->threads; left && o; o = o->next)
        if (o != t && wants(o, left))
            mark_and_wake(o);
}

void signal_fork_begin(struct process *parent, struct signal_fork *f)
{
    f->set = 0;
    f->next = parent->forks;
    parent->forks = f;
}

void signal_fork_end(struct process *parent, struct signal_fork *f, struct process *child)
{
    struct signal_fork **at = &parent->forks;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    if (child)
        child->pending.set = f->set;
}

/* Whether p is what keeps its group from being orphaned: its parent is in the session, but not in the group.
 */
static bool links_group(const struct process *p)
{
    return p->state == PROCESS_ALIVE && p->parent && p->parent->pgid != p->pgid && p->parent->sid == p->sid;
}

bool signal_group_orphaned(int pgid, int leaving)
{
    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->pgid == pgid && links_group(p) && p->pid != leaving && p->parent->pid != leaving)
            return false;
    return true;
}

static void orphan(int pgid, int leaving)
{
    static const struct siginfo hangup = {.signo = SIGHUP, .code = SI_KERNEL};
    static const struct siginfo go_on = {.signo = SIGCONT, .code = SI_KERNEL};
    bool stopped = false;

    for (const struct process *p = process_all; p && !stopped; p = p->all_next)
        stopped = p->pgid == pgid && p->pid != leaving && p->state == PROCESS_ALIVE && p->stopped;
    if (!stopped || !signal_group_orphaned(pgid, leaving))
        return;
    signal_group(pgid, &hangup);
    signal_group(pgid, &go_on);
}

void signal_orphan_groups(struct process *p)
{
    if (links_group(p))
        orphan(p->pgid, p->pid);
    for (const struct process *c = p->children; c; c = c->sibling_next)
        if (c->pgid != p->pgid && c->sid == p->sid)
            orphan(c->pgid, p->pid);
}

/* --- exceptions of ring 3 --- */

/* What signal_force() does when fault_info has been filled in. */
static inline void force(struct thread *self, const struct trap_frame *tf)
{
    int signo = self->sig.fault_info.signo;
    struct signal_action *a = &self->process->actions->action[signo - 1];

    if (tf->vector < TRAP_EXCEPTIONS) {
        self->sig.fault_vector = tf->vector;
        self->sig.fault_error = tf->error;
    } else if (tf->vector == TRAP_IRET) {
        self->sig.fault_vector = FAULT_VECTOR_IRET;
        self->sig.fault_error = 0;
    }
    if (unlikely(a->handler == SIG_IGN || (self->sig.blocked & SIGBIT(signo)))) {
        a->handler = SIG_DFL;
        self->sig.blocked &= ~SIGBIT(signo);
    }
    self->sig.faulted = true;
    signal_mark(self);
}

void signal_force(struct trap_frame *tf, const struct siginfo *info)
{
    struct thread *self = thread_current();

    self->sig.fault_info = *info;
    force(self, tf);
}

void signal_fault(struct trap_frame *tf, const struct fault *f, enum fault_verdict v)
{
    struct thread *self = thread_current();
    struct siginfo *info = &self->sig.fault_info;

    info->signo = v == FAULT_BUS ? SIGBUS : SIGSEGV;
    info->err = 0;
    info->code = v == FAULT_BUS ? BUS_ADRERR : v == FAULT_ACCERR ? SEGV_ACCERR : SEGV_MAPERR;
    info->addr = f->va;
    force(self, tf);
    self->sig.fault_va = f->va;
    /* A program does not learn what is mapped in the kernel's half. */
    if (f->va >= USER_END)
        self->sig.fault_error |= PF_PRESENT;
}
