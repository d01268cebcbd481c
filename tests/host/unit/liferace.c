/*
 * Threads of many processes in kernel/proc, kernel/life and the calls above them, at random and in a
 * seeded order: beginning, executing, ending, waiting, signals, numbers, futexes, timers. ASan sees what
 * is used after its end; the audit sees what is left; what must hold beside that is compared with a
 * model that knows only what the calls said: who has been ended, who was waited for, who was sent what.
 */
#include "kernel/fs/file.h"
#include "kernel/life/clone.h"
#include "kernel/proc/futex.h"
#include "kernel/sys/sys.h"
#include "mm/errno.h"
#include "tests/host/rooms/life.h"

#define CALLS(C)                                                                                             \
    C(restart_syscall)                                                                                       \
    C(clone)                                                                                                 \
    C(close)                                                                                                 \
    C(close_range)                                                                                           \
    C(dup)                                                                                                   \
    C(dup3)                                                                                                  \
    C(execve)                                                                                                \
    C(exit)                                                                                                  \
    C(exit_group)                                                                                            \
    C(futex)                                                                                                 \
    C(getpgid)                                                                                               \
    C(getrusage)                                                                                             \
    C(kill)                                                                                                  \
    C(pidfd_open)                                                                                            \
    C(pidfd_send_signal)                                                                                     \
    C(pipe2)                                                                                                 \
    C(prctl)                                                                                                 \
    C(prlimit64)                                                                                             \
    C(read)                                                                                                  \
    C(rt_sigaction)                                                                                          \
    C(rt_sigpending)                                                                                         \
    C(rt_sigprocmask)                                                                                        \
    C(rt_sigqueueinfo)                                                                                       \
    C(rt_sigreturn)                                                                                          \
    C(rt_sigsuspend)                                                                                         \
    C(rt_sigtimedwait)                                                                                       \
    C(rt_tgsigqueueinfo)                                                                                     \
    C(sched_yield)                                                                                           \
    C(set_robust_list)                                                                                       \
    C(setitimer)                                                                                             \
    C(setpgid)                                                                                               \
    C(setsid)                                                                                                \
    C(shmat)                                                                                                 \
    C(shmctl)                                                                                                \
    C(shmdt)                                                                                                 \
    C(shmget)                                                                                                \
    C(tgkill)                                                                                                \
    C(timer_create)                                                                                          \
    C(timer_delete)                                                                                          \
    C(timer_settime)                                                                                         \
    C(wait4)                                                                                                 \
    C(waitid)                                                                                                \
    C(write)

#define NUMBER(name) CALL_##name,
#define ENTRY(name)  [CALL_##name] = sys_##name,
enum { CALLS(NUMBER) };
static const life_fn calls[] = {CALLS(ENTRY)};

#define call0(name)          life_call(CALL_##name, 0, 0, 0, 0, 0)
#define call1(name, a)       life_call(CALL_##name, (uint32_t)(a), 0, 0, 0, 0)
#define call2(name, a, b)    life_call(CALL_##name, (uint32_t)(a), (uint32_t)(b), 0, 0, 0)
#define call3(name, a, b, c) life_call(CALL_##name, (uint32_t)(a), (uint32_t)(b), (uint32_t)(c), 0, 0)
#define call4(name, a, b, c, d)                                                                              \
    life_call(CALL_##name, (uint32_t)(a), (uint32_t)(b), (uint32_t)(c), (uint32_t)(d), 0)
#define call5(name, a, b, c, d, e)                                                                           \
    life_call(CALL_##name, (uint32_t)(a), (uint32_t)(b), (uint32_t)(c), (uint32_t)(d), (uint32_t)(e))

/* The programs. */
enum {
    INIT,
    TRUE,
    SEVEN,
    RACER,
    CHILD,
    THREAD,
    VFORKED,
    CLONER,
    BEGINNER,
    ENDER,
    LINGER,
    EXECUTER,
    WAITER,
    PLAYER
};

#define EXIT_NO_MEMORY 12 /* what a program ends with that cannot go on for want of memory */
#define EXIT_SEVEN     7

static struct kt *kt_now;

#define FAIL(what, ...) kt_fail(kt_now, __FILE__, __LINE__, what, __VA_ARGS__)

static unsigned draw(unsigned n)
{
    return kt_below(kt_now, n);
}

/* --- memory of a program: a page for each thread, of which the upper half is its stack --- */

#define SLOTS       24u
#define PAGE_OF(n)  (LIFE_DATA + (n)*PAGE_SIZE)
#define TAKEN(n)    (LIFE_DATA_END - PAGE_SIZE + 4 * (n)) /* not 0: a thread has the page */
#define WORDS       (LIFE_DATA_END - 2 * PAGE_SIZE)       /* for futexes */
#define FUTEX_WORDS 3u

static unsigned slot(void)
{
    vaddr_t sp = thread_frame(thread_current())->user_esp;

    /* A first thread has the stack that exec made, and page 0. */
    return sp - LIFE_DATA < SLOTS * PAGE_SIZE ? (sp - LIFE_DATA) / PAGE_SIZE : 0;
}

/* Where the running thread puts what it tells the kernel. */
static vaddr_t page(void)
{
    return PAGE_OF(slot());
}

/* A page for a new thread, or SLOTS if there is none. It is free again when the kernel clears the word. */
static unsigned take_slot(void)
{
    for (unsigned n = 1; n < SLOTS; n++)
        if (life_exchange(TAKEN(n), 0, 1))
            return n;
    return SLOTS;
}

/* A child that has its own copy of the memory has the others' pages too. */
static void own_memory(void)
{
    for (unsigned n = 1; n < SLOTS; n++)
        life_set_word(TAKEN(n), n == slot());
}

/* --- the model --- */

#define PERSONS 20000u
#define THREADS 20000u

/* A process, by what no two have in common. */
static struct person {
    uint64_t born, parent; /* parent: who it belonged to when it ended */
    int pid, status;
    bool ended, waited, end_ordered, nobody;
    unsigned generation; /* programs that it has executed */
    unsigned sent, got;  /* signals that were queued for it, and that it took */
} person[PERSONS];
static unsigned persons;

/* A thread, by its serial number. */
static struct {
    uint32_t serial;
    unsigned generation;
} seen[THREADS];
static unsigned seen_count;

static unsigned waits; /* calls that wait and have not returned */
static unsigned executed, threads_made, forks, waited, handled;

static void model_begin(struct kt *kt)
{
    kt_now = kt;
    persons = seen_count = waits = 0;
}

static struct person *person_of(const struct process *p)
{
    for (unsigned i = persons; i-- > 0;)
        if (person[i].born == p->start_ns)
            return &person[i];
    mm_assert(persons < PERSONS, "%u processes", persons);
    person[persons] = (struct person){.born = p->start_ns, .pid = p->pid};
    return &person[persons++];
}

static unsigned *generation_of(const struct thread *t, const struct person *p)
{
    for (unsigned i = seen_count; i-- > 0;)
        if (seen[i].serial == t->serial)
            return &seen[i].generation;
    mm_assert(seen_count < THREADS, "%u threads", seen_count);
    seen[seen_count].serial = t->serial;
    seen[seen_count].generation = p->generation;
    return &seen[seen_count++].generation;
}

/* Every number names one process, or thread. */
static void check_numbers(void)
{
    for (const struct process *p = process_all; p; p = p->all_next) {
        for (const struct process *o = p->all_next; o; o = o->all_next)
            if (o->pid == p->pid)
                FAIL("one process", "has the number %d", p->pid);
        for (const struct thread *t = p->threads; t; t = t->next)
            for (const struct process *o = process_all; o; o = o->all_next) {
                if (o != p && o->pid == t->tid)
                    FAIL("another number than a process's", "thread %d", t->tid);
                for (const struct thread *u = o->threads; u; u = u->next)
                    if (u != t && u->tid == t->tid)
                        FAIL("one thread", "has the number %d", t->tid);
            }
    }
}

/* Descriptors that are promised to somebody, of a table that nobody but the running thread has. */
static void check_table(const struct fd_table *t)
{
    for (uint32_t i = 0; t->refs == 1 && i < t->size; i++)
        if (t->fd[i].reserved)
            FAIL("no promised descriptor", "%u in a table of a thread that makes no call", i);
}

static void in_ring3(void)
{
    const struct thread *t = thread_current();
    const struct person *p = person_of(t->process);

    if (p->ended || p->end_ordered)
        FAIL("nobody in ring 3", "thread %d of process %d, which %s", t->tid, p->pid,
             p->ended ? "has ended" : "was ended");
    if (*generation_of(t, p) != p->generation)
        FAIL("nobody of the old program", "thread %d of process %d", t->tid, p->pid);
    if (process_count < 12 || draw(8) == 0)
        check_numbers();
    check_table(t->files);
}

static void on_executed(void)
{
    const struct thread *t = thread_current();
    struct person *p = person_of(t->process);

    if (t->process->nthreads != 1)
        FAIL("one thread", "process %d has %u after exec", p->pid, t->process->nthreads);
    *generation_of(t, p) = ++p->generation;
    executed++;
    life_set_word(TAKEN(0), 1);
}

static void on_end(struct process *p)
{
    struct person *q = person_of(p);

    if (q->ended)
        FAIL("one end", "of process %d", p->pid);
    q->ended = true;
    q->status = p->exit_status;
    q->parent = p->parent ? p->parent->start_ns : 0;
    q->nobody =
        !p->parent || (p->exit_signal == SIGCHLD && p->parent->actions && signal_ignores_children(p->parent));
}

/* Program number pid has been waited for by the running one, and had this status. */
static void was_waited_for(int pid, int status)
{
    const struct process *self = process_current();

    for (unsigned i = persons; i-- > 0;) {
        struct person *p = &person[i];

        if (p->pid != pid || !p->ended || p->waited || p->status != status)
            continue;
        if (p->parent != self->start_ns && self != process_init)
            continue;
        p->waited = true;
        waited++;
        return;
    }
    FAIL("a child that has ended", "process %d waits for %d, status %x", self->pid, pid, status);
}

static bool tells_an_end(uint32_t status)
{
    return (status & 0xFF) != 0x7F && status != 0xFFFF;
}

/* wait4(). The number, or an error. */
static int wait_for(int which, unsigned options, uint32_t *status)
{
    vaddr_t at = page();
    int pid;

    waits++;
    pid = call4(wait4, which, at, options, 0);
    if (pid > 0) {
        *status = life_word(at);
        if (tells_an_end(*status))
            was_waited_for(pid, (int)*status);
    }
    waits--;
    return pid;
}

/* waitid(). */
static void wait_id(unsigned kind, int id, unsigned options)
{
    enum { WNOWAIT = 0x01000000, EXITED = 1, KILLED = 2, DUMPED = 3 };
    vaddr_t at = page();
    int32_t info[6];

    waits++;
    if (call5(waitid, kind, id, at, options, 0) == 0) {
        life_load(info, at, sizeof info);
        if (info[3] && info[2] <= DUMPED && !(options & WNOWAIT))
            was_waited_for(info[3],
                           info[2] == EXITED ? info[5] << 8 : info[5] | (info[2] == DUMPED ? 0x80 : 0));
    }
    waits--;
}

/* At the end of a run. Calls that were cut short may have taken a child each. */
static void check_model(struct kt *kt)
{
    unsigned lost = 0;

    for (unsigned i = 0; i < persons; i++) {
        EXPECT(person[i].ended, "process %d has not ended", person[i].pid);
        lost += !person[i].waited && !person[i].nobody;
    }
    EXPECT(lost <= waits, "%u processes have vanished, and %u calls that wait did not return", lost, waits);
}

/* --- what programs do --- */

/* The process that has a number is being ended, by a call that the running thread makes now. */
static void end_is_ordered(int pid)
{
    const struct process *p = process_find(pid);
    const struct thread *t = p ? NULL : thread_find(pid);

    if (t)
        p = t->process;
    if (p && p->state == PROCESS_ALIVE && p != process_init)
        person_of(p)->end_ordered = true;
}

static void exit_group(int status)
{
    /* A thread that another one has ended, which goes on alone with a new program, has nothing to say. */
    if (!thread_current()->exiting)
        person_of(process_current())->end_ordered = true;
    call1(exit_group, status);
}

static void send(int pid, int signo)
{
    if (signo == SIGKILL && pid > 0)
        end_is_ordered(pid);
    call2(kill, pid, signo);
}

static void maybe_yield(unsigned most)
{
    for (unsigned n = draw(most + 1); n; n--)
        call0(sched_yield);
}

/* Whether there is one more. */
static bool make_thread(unsigned program)
{
    enum {
        FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_CHILD_CLEARTID |
                CLONE_PARENT_SETTID
    };
    unsigned n = take_slot();
    vaddr_t top = PAGE_OF(n + 1) - 16;

    if (n == SLOTS)
        return false;
    if (life_clone(CALL_clone, FLAGS | (draw(2) ? CLONE_CHILD_SETTID : 0), top, TAKEN(n), TAKEN(n), program) <
        0) {
        life_set_word(TAKEN(n), 0);
        return false;
    }
    threads_made++;
    return true;
}

/* fork(), or with flags more than that. The number, or an error. */
static int make_process(uint32_t flags, unsigned program)
{
    int pid = life_clone(CALL_clone, flags | SIGCHLD, 0, 0, 0, program);

    forks += pid > 0;
    return pid;
}

static void execute(unsigned program)
{
    int err = life_exec(CALL_execve, program, page());

    if (err != -ENOMEM)
        FAIL("exec() of a program", "error %d", -err);
}

static void true_program(void)
{
}

static void seven_program(void)
{
    exit_group(EXIT_SEVEN);
}

static void sleep_us(unsigned us)
{
    vaddr_t at = page() + 512;
    const uint32_t set[2] = {0}, time[2] = {0, us * 1000};

    life_store(at, set, sizeof set);
    life_store(at + 8, time, sizeof time);
    call4(rt_sigtimedwait, at, 0, at + 8, 8);
}

static void set_mask(unsigned how, sigset_t set)
{
    vaddr_t at = page() + 512;

    life_store(at, &set, sizeof set);
    call4(rt_sigprocmask, how, at, draw(2) ? at + 8 : 0, 8);
}

enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

static void set_action(int signo, vaddr_t handler, uint32_t flags, sigset_t mask)
{
    vaddr_t at = page() + 512;
    const uint32_t action[5] = {handler, flags, 0, (uint32_t)mask, (uint32_t)(mask >> 32)};

    life_store(at, action, sizeof action);
    call4(rt_sigaction, signo, at, draw(2) ? at + 32 : 0, 8);
}

/* --- handlers: the number says what the mask is to be --- */

enum { MASKS_USR2 = 1, MASKS_RT = 2, IS_NODEFER = 4, RESTARTS = 8 };
#define RT (SIGRTMIN + 2)

static sigset_t handler_mask(unsigned n)
{
    return (n & MASKS_USR2 ? SIGBIT(SIGUSR2) : 0) | (n & MASKS_RT ? SIGBIT(RT + 1) : 0);
}

static void set_handler(int signo, unsigned n)
{
    set_action(signo, LIFE_HANDLER(n),
               (n & IS_NODEFER ? SA_NODEFER : 0u) | (n & RESTARTS ? SA_RESTART : 0u) | SA_SIGINFO,
               handler_mask(n));
}

#define QUEUED 4000u

/* Signals with a value, by it. */
static struct {
    uint64_t to;
    unsigned got;
} queued[QUEUED];
static unsigned queued_count;

static void take_value(const struct siginfo *info)
{
    struct person *p = person_of(process_current());

    if (info->code != SI_QUEUE)
        return;
    if (info->value >= queued_count || queued[info->value].to != p->born)
        FAIL("its own signal", "process %d got value %u", p->pid, info->value);
    else if (queued[info->value].got++)
        FAIL("each signal once", "value %u, process %d", info->value, p->pid);
    p->got++;
}

static void on_signal(unsigned n, const struct siginfo *info, sigset_t before)
{
    sigset_t now = thread_current()->sig.blocked;
    sigset_t due =
        (before | handler_mask(n) | (n & IS_NODEFER ? 0 : SIGBIT(info->signo))) & ~SIGNALS_UNCAUGHT;

    /* A handler whose frame lies above another's runs later, with the mask that it had. */
    if (now != due)
        FAIL("the mask of the handler", "%u of signal %d: %llx, not %llx", n, info->signo,
             (unsigned long long)now, (unsigned long long)due);
    handled++;
    take_value(info);
    if (draw(4) == 0)
        call0(sched_yield);
}

/* --- any call --- */

static int any_pid(void)
{
    return 2 + (int)draw(pid_max - 2);
}

/* Somebody who is there, mostly. */
static int some_pid(void)
{
    unsigned n = draw(process_count + 1);

    for (const struct process *p = process_all; p; p = p->all_next)
        if (n-- == 0 && p != process_init)
            return p->pid;
    return any_pid();
}

static const struct thread *some_thread(void)
{
    const struct process *p = process_find(some_pid());
    unsigned n;

    if (!p || !p->threads)
        return NULL;
    n = draw(p->nthreads);
    for (const struct thread *t = p->threads; t; t = t->next)
        if (n-- == 0)
            return t;
    return NULL;
}

static int any_signal(void)
{
    static const uint8_t often[] = {SIGUSR1, SIGUSR2, SIGCONT, SIGSTOP, SIGCHLD,
                                    SIGTSTP, SIGALRM, RT,      RT + 1};

    return often[draw(sizeof often)];
}

static void any_send(void)
{
    const struct thread *t;
    vaddr_t at = page() + 512;
    uint32_t info[8] = {0, 0, (uint32_t)-7};
    int signo = draw(24) == 0 ? SIGKILL : draw(24) == 0 ? SIGTERM : any_signal();

    switch (draw(5)) {
    case 0:
        send(draw(8) ? some_pid() : any_pid(), signo);
        break;
    case 1:
        t = some_thread();
        if (t) {
            if (signo == SIGKILL)
                end_is_ordered(t->tid);
            call3(tgkill, t->process->pid, t->tid, signo);
        }
        break;
    case 2:
        if (signo == SIGKILL || signo == SIGTERM)
            signo = SIGUSR1;
        life_store(at, info, sizeof info);
        call3(rt_sigqueueinfo, some_pid(), signo, at);
        break;
    case 3:
        if (signo == SIGKILL)
            signo = SIGUSR2;
        call2(kill, draw(2) ? 0 : -some_pid(), signo);
        break;
    default: {
        int pid = some_pid(), fd = call2(pidfd_open, pid, 0);

        if (fd >= 0) {
            call4(pidfd_send_signal, fd, signo == SIGKILL ? SIGUSR1 : signo, 0, 0);
            if (draw(2))
                wait_id(3, fd, 4 | 1);
            call1(close, fd);
        }
    }
    }
}

static void any_mask(void)
{
    sigset_t set = SIGBIT(any_signal()) | SIGBIT(any_signal());
    int signo = any_signal();
    vaddr_t at = page() + 512;

    switch (draw(6)) {
    case 0:
    case 1:
        set_mask(draw(3), set);
        break;
    case 2:
        if (signo != SIGSTOP)
            set_action(signo, draw(3) ? SIG_IGN : SIG_DFL, draw(4) ? 0 : SA_NOCLDWAIT, 0);
        break;
    case 3:
        sleep_us(1 + draw(200));
        break;
    case 4:
        call2(rt_sigpending, at, 8);
        break;
    default:
        if (signo != SIGSTOP)
            set_handler(signo, draw(LIFE_HANDLERS));
    }
}

/* An address of shared or own words, and a time limit, so that nobody waits for ever. */
static void any_futex(unsigned *woken, unsigned *waited_for)
{
    vaddr_t a = WORDS + 4 * draw(FUTEX_WORDS), b = WORDS + 4 * draw(FUTEX_WORDS), time = page() + 512;
    const uint32_t limit[2] = {0, 1000 + draw(300000)};
    uint32_t private = draw(2) ? FUTEX_PRIVATE : 0;
    int n = 0, wakes;

    switch (draw(5)) {
    case 0:
    case 1:
        life_store(time, limit, sizeof limit);
        *waited_for += call4(futex, a, FUTEX_WAIT | private, life_word(a), time) == 0;
        break;
    case 2:
        n = call3(futex, a, FUTEX_WAKE | private, 1 + draw(2));
        break;
    case 3:
        wakes = (int)draw(2);
        n = call5(futex, a, FUTEX_REQUEUE | private, (uint32_t)wakes, draw(3), b);
        n = n < wakes ? n : wakes; /* it tells of those that it moved, too */
        break;
    default:
        life_set_word(a, draw(3));
    }
    if (n > 0)
        *woken += (unsigned)n;
}

static void any_descriptor(void)
{
    vaddr_t at = page() + 512;
    int fd = 3 + (int)draw(6);

    switch (draw(7)) {
    case 0:
        call2(pipe2, at, 04000);
        break;
    case 1:
        call1(dup, fd);
        break;
    case 2:
        call3(dup3, fd, 3 + draw(draw(4) ? 6 : 40), draw(2) ? 02000000 : 0);
        break;
    case 3:
        call1(close, fd);
        break;
    case 4:
        if (draw(3) == 0)
            call3(close_range, 3 + draw(6), draw(2) ? 0xFFFFFFFF : 6, draw(2) ? 2 : 4);
        break;
    case 5:
        call3(write, fd, at, 8);
        break;
    default:
        call3(read, draw(8) ? fd : 0, at, 8);
    }
}

static void any_timer(void)
{
    vaddr_t at = page() + 512;
    const uint32_t value[4] = {0, draw(2) ? 0 : 100 + draw(1000), 0, 100 + draw(1000)};
    const uint32_t event[4] = {0, SIGALRM, 0, 0};
    uint32_t id;

    life_store(at, value, sizeof value);
    if (draw(2)) {
        call3(setitimer, 0, at, draw(2) ? at + 32 : 0);
        return;
    }
    life_store(at + 64, event, sizeof event);
    if (call3(timer_create, 1, at + 64, at + 128) == 0) {
        id = life_word(at + 128);
        call4(timer_settime, id, 0, at, 0);
        if (draw(2))
            call1(timer_delete, id);
    }
}

static uint32_t last_segment;

static void any_segment(void)
{
    int id, at;

    switch (draw(4)) {
    case 0:
        id = call3(shmget, 1 + draw(2), PAGE_SIZE, 01600);
        if (id >= 0)
            last_segment = (uint32_t)id;
        break;
    case 1:
        call3(shmctl, last_segment, 0, 0);
        break;
    default:
        at = call3(shmat, last_segment, 0, 0);
        if (at > 0 && draw(2))
            call1(shmdt, at);
    }
}

static void any_relation(void)
{
    switch (draw(6)) {
    case 0:
        call2(setpgid, draw(2) ? 0 : some_pid(), draw(2) ? 0 : some_pid());
        break;
    case 1:
        call0(setsid);
        break;
    case 2:
        call1(getpgid, any_pid());
        break;
    case 3:
        call2(prctl, 1, draw(2) ? 0 : SIGUSR1);
        break;
    case 4:
        call4(prlimit64, draw(2) ? 0 : any_pid(), RLIMIT_NOFILE, 0, page() + 512);
        break;
    default:
        call2(getrusage, (int)draw(3) - 1, page() + 512);
    }
}

static void any_wait(void)
{
    uint32_t status;

    switch (draw(4)) {
    case 0:
        wait_for(draw(2) ? -1 : any_pid(), 1 | (draw(2) ? 10 : 0), &status);
        break;
    case 1:
        wait_for(draw(2) ? 0 : -1, draw(2) ? 2 : 0, &status);
        break;
    default:
        wait_id(draw(2) ? 0 : 1, any_pid(), 4 | 1 | (draw(2) ? 10 : 0) | (draw(4) ? 0 : 0x01000000));
    }
}

static void begin_something(void)
{
    switch (draw(6)) {
    case 0:
    case 1:
        make_thread(THREAD);
        break;
    case 2:
        make_process(CLONE_VM | CLONE_VFORK, VFORKED);
        break;
    case 3:
        make_process(draw(4) ? CLONE_FILES : CLONE_PARENT, CHILD);
        break;
    default:
        make_process(draw(3) ? 0 : CLONE_FS, CHILD);
    }
}

static void any_calls(unsigned n)
{
    unsigned ignored = 0;

    while (n--)
        switch (draw(16)) {
        case 0:
        case 1:
            begin_something();
            break;
        case 2:
            if (draw(4) == 0)
                execute(draw(3) ? TRUE : RACER);
            break;
        case 3:
        case 4:
            any_wait();
            break;
        case 5:
        case 6:
            any_send();
            break;
        case 7:
        case 8:
            any_mask();
            break;
        case 9:
        case 10:
            any_futex(&ignored, &ignored);
            break;
        case 11:
            any_timer();
            break;
        case 12:
            any_segment();
            break;
        case 13:
            any_relation();
            break;
        default:
            any_descriptor();
        }
}

static void racer(void)
{
    any_calls(20 + draw(30));
    if (draw(2))
        exit_group((int)draw(3));
}

static void child(void)
{
    own_memory();
    racer();
}

static void thread(void)
{
    any_calls(draw(25));
    if (draw(6) == 0)
        exit_group((int)draw(3));
    if (draw(12) == 0)
        execute(TRUE);
}

/* Shares the memory of a parent that waits, and its stack. */
static void vforked(void)
{
    maybe_yield(3);
    if (draw(2))
        execute(draw(2) ? TRUE : RACER);
    call1(exit, 1);
}

static void wait_for_all(void)
{
    uint32_t status;

    while (wait_for(-1, 0, &status) != -ECHILD)
        ;
}

static void init_any(void)
{
    uint32_t status;

    for (unsigned n = 0; n < 4; n++)
        make_process(0, RACER);
    for (unsigned n = 0; n < 60; n++) {
        sleep_us(1 + draw(100));
        wait_for(-1, 1, &status);
    }
    for (const struct process *p = process_all; p; p = p->all_next)
        end_is_ordered(p->pid);
    call2(kill, -1, SIGKILL);
    wait_for_all();
}

#define EVERY_TEST                                                                                           \
    .calls = calls, .sigreturn = CALL_rt_sigreturn, .exit = CALL_exit, .handler = on_signal,                 \
    .in_ring3 = in_ring3, .executed = on_executed, .ended = on_end

static void rounds(struct kt *kt, const struct life_test *test, unsigned n)
{
    for (unsigned round = 0; round < n && !kt->failures; round++) {
        model_begin(kt);
        queued_count = 0;
        life_begin(kt, test);
        life_run(kt);
        check_model(kt);
        life_end(kt);
    }
}

TEST(liferace, any)
{
    static const struct life_test test = {EVERY_TEST, .program = {[INIT] = init_any,
                                                                  [TRUE] = true_program,
                                                                  [RACER] = racer,
                                                                  [CHILD] = child,
                                                                  [THREAD] = thread,
                                                                  [VFORKED] = vforked}};

    executed = threads_made = forks = waited = handled = 0;
    rounds(kt, &test, 60);
    kt_note(kt, "%u programs, %u threads, %u forks, %u waited for, %u handlers", executed, threads_made,
            forks, waited, handled);
    EXPECT(executed > 100 && threads_made > 100 && forks > 100 && waited > 100 && handled > 20,
           "too little happened");
}

/* --- threads that begin while their process ends --- */

static void linger(void)
{
    vaddr_t at = page() + 512;
    const uint32_t set[2] = {0};

    life_store(at, set, sizeof set);
    for (;;)
        call2(rt_sigsuspend, at, 8);
}

static void begin_many(void)
{
    for (unsigned n = 0; n < 20; n++)
        if (draw(5))
            make_thread(draw(3) ? TRUE : LINGER);
        else
            make_process(0, TRUE);
    linger();
}

static void end_all(void)
{
    int self = process_current()->pid;

    maybe_yield(30);
    switch (draw(3)) {
    case 0:
        exit_group(EXIT_SEVEN);
        break;
    case 1:
        execute(SEVEN);
        exit_group(EXIT_SEVEN);
        break;
    default:
        end_is_ordered(self);
        call2(kill, self, SIGKILL);
    }
}

static void many_and_an_end(void)
{
    own_memory();
    make_thread(BEGINNER);
    make_thread(BEGINNER);
    if (!make_thread(ENDER))
        end_all();
    begin_many();
}

/* Wait for all. The children that are meant exit with 7, or as is also allowed; orphans come beside them, and
 * may have their numbers later. */
static void expect_seven(int *children, unsigned n, uint32_t also)
{
    uint32_t status = 0;
    int pid;

    while ((pid = wait_for(-1, 0, &status)) != -ECHILD) {
        unsigned i = 0;

        while (i < n && children[i] != pid)
            i++;
        if (i == n)
            continue;
        children[i] = -1;
        if (status != EXIT_SEVEN << 8 && status != also && status != EXIT_NO_MEMORY << 8)
            FAIL("status 7", "process %d has %x", pid, status);
    }
    for (unsigned i = 0; i < n; i++)
        if (children[i] > 0)
            FAIL("all are waited for", "process %d is not", children[i]);
}

static void init_end(void)
{
    int child[2];

    for (unsigned n = 0; n < 2; n++)
        child[n] = make_process(0, CLONER);
    expect_seven(child, 2, SIGKILL);
}

TEST(liferace, clone_and_the_end)
{
    static const struct life_test test = {EVERY_TEST, .program = {[INIT] = init_end,
                                                                  [TRUE] = true_program,
                                                                  [SEVEN] = seven_program,
                                                                  [CLONER] = many_and_an_end,
                                                                  [BEGINNER] = begin_many,
                                                                  [ENDER] = end_all,
                                                                  [LINGER] = linger}};

    rounds(kt, &test, 60);
}

/* --- several that execute something at once --- */

static void executer(void)
{
    maybe_yield(3);
    execute(SEVEN);
    exit_group(EXIT_NO_MEMORY);
}

static void executers(void)
{
    own_memory();
    make_thread(EXECUTER);
    make_thread(EXECUTER);
    executer();
}

static void init_exec(void)
{
    int child[3];

    for (unsigned n = 0; n < 3; n++)
        child[n] = make_process(draw(2) ? CLONE_FILES : 0, CLONER);
    /* One that cannot have descriptors of its own has ended its threads for nothing. */
    expect_seven(child, 3, SIGSEGV);
}

TEST(liferace, exec_and_exec)
{
    static const struct life_test test = {
        EVERY_TEST,
        .program = {
            [INIT] = init_exec, [SEVEN] = seven_program, [CLONER] = executers, [EXECUTER] = executer}};

    executed = 0;
    rounds(kt, &test, 60);
    EXPECT(executed > 150, "%u programs were executed", executed);
}

/* --- waiting --- */

static void short_life(void)
{
    maybe_yield(4);
    call1(exit, draw(100));
}

/* Children of all threads are there for each of them. */
static void waiter(void)
{
    uint32_t status;

    for (unsigned n = 0; n < 12; n++)
        switch (draw(5)) {
        case 0:
        case 1:
            make_process(draw(2) ? 0 : CLONE_VM | CLONE_VFORK, CHILD);
            break;
        case 2:
            wait_for(draw(2) ? -1 : 0, draw(2), &status);
            break;
        case 3:
            wait_for(any_pid(), draw(2), &status);
            break;
        default:
            wait_id(0, 0, 4 | draw(2));
        }
    wait_for_all();
}

static void waiters(void)
{
    own_memory();
    make_thread(WAITER);
    make_thread(WAITER);
    waiter();
}

static void init_wait(void)
{
    for (unsigned n = 0; n < 3; n++)
        make_process(0, CLONER);
    wait_for_all();
}

TEST(liferace, wait)
{
    static const struct life_test test = {
        EVERY_TEST,
        .program = {[INIT] = init_wait, [CLONER] = waiters, [WAITER] = waiter, [CHILD] = short_life}};

    waited = 0;
    rounds(kt, &test, 60);
    EXPECT(!waits || kt->failures, "%u calls did not return", waits);
    EXPECT(waited > 500, "%u were waited for", waited);
}

/* --- numbers, of which there are hardly enough --- */

static void use_numbers(void)
{
    for (unsigned n = 0; n < 20; n++)
        if (draw(3))
            make_process(0, CHILD);
        else
            make_thread(THREAD);
    wait_for_all();
}

static void own_and_use_numbers(void)
{
    own_memory();
    use_numbers();
}

static void init_numbers(void)
{
    make_process(0, CLONER);
    make_process(0, CLONER);
    wait_for_all();
}

TEST(liferace, numbers)
{
    static const struct life_test test = {EVERY_TEST,
                                          .program = {[INIT] = init_numbers,
                                                      [CLONER] = own_and_use_numbers,
                                                      [THREAD] = true_program,
                                                      [CHILD] = short_life},
                                          .threads = 7, .numbers = 8};

    forks = threads_made = 0;
    rounds(kt, &test, 120);
    EXPECT(forks > 300 && threads_made > 100, "%u processes and %u threads were made", forks, threads_made);
}

/* --- signals --- */

#define PLAYERS 2u
#define PLAYING (3u * PLAYERS) /* threads */

static struct process *player[PLAYERS];
static unsigned players, done_sending, playing;

static void queue_one(void)
{
    const struct process *to = player[draw(players)];
    vaddr_t at = page() + 512;
    unsigned value = queued_count, n = draw(to->nthreads);
    const uint32_t info[8] = {0, 0, (uint32_t)SI_QUEUE, 0, 0, value};
    const struct thread *t = to->threads;
    struct person *p = person_of(to);
    int signo = RT + (int)draw(2), err;

    if (value == QUEUED)
        return;
    queued_count++;
    queued[value].to = p->born;
    queued[value].got = 0;
    life_store(at, info, sizeof info);
    while (n--)
        t = t->next;
    if (draw(2))
        err = call3(rt_sigqueueinfo, to->pid, signo, at);
    else
        err = call4(rt_tgsigqueueinfo, to->pid, t->tid, signo, at);
    p->sent += err == 0;
    if (err && err != -EAGAIN)
        FAIL("a signal is sent", "error %d", -err);
}

static void take_one(void)
{
    vaddr_t at = page() + 512;
    const uint32_t time[2] = {0, draw(50000)};
    const sigset_t set = SIGBIT(RT) | SIGBIT(RT + 1);
    struct siginfo info;

    life_store(at, &set, sizeof set);
    life_store(at + 8, time, sizeof time);
    if (call4(rt_sigtimedwait, at, at + 64, at + 8, 8) > 0) {
        life_load(&info, at + 64, sizeof info);
        take_value(&info);
    }
}

static void any_handlers(void)
{
    set_handler(RT, draw(LIFE_HANDLERS));
    set_handler(RT + 1, draw(LIFE_HANDLERS));
    set_handler(SIGUSR1, draw(LIFE_HANDLERS));
    set_handler(SIGUSR2, draw(LIFE_HANDLERS));
}

static void play(void)
{
    const struct person *self = person_of(process_current());

    for (unsigned n = 0; n < 25; n++)
        switch (draw(6)) {
        case 0:
            any_handlers();
            break;
        case 1:
            set_mask(draw(3), SIGBIT(RT + draw(2)) | SIGBIT(SIGUSR2));
            break;
        case 2:
            take_one();
            break;
        case 3:
            call2(kill, player[draw(players)]->pid, draw(2) ? SIGUSR1 : SIGUSR2);
            break;
        default:
            queue_one();
        }
    set_mask(SIG_SETMASK, 0);
    done_sending++;
    for (unsigned n = 0; done_sending < playing || self->got != self->sent; n++) {
        sleep_us(100);
        if (n == 3000) {
            FAIL("every signal that was sent", "process %d got %u of %u", self->pid, self->got, self->sent);
            break;
        }
    }
    /* Others may look at the process to send something until all have done that. */
    exit_group(0);
}

static void begin_to_play(void)
{
    own_memory();
    any_handlers();
    make_thread(PLAYER);
    make_thread(PLAYER);
    playing += process_current()->nthreads;
    player[players++] = process_current();
    while (players < PLAYERS)
        call0(sched_yield);
    play();
}

static void wait_and_play(void)
{
    while (players < PLAYERS)
        call0(sched_yield);
    play();
}

static void init_signals(void)
{
    players = done_sending = playing = 0;
    for (unsigned n = 0; n < PLAYERS; n++)
        while (make_process(0, CLONER) < 0)
            ;
    wait_for_all();
}

TEST(liferace, signals)
{
    static const struct life_test test = {
        EVERY_TEST, .program = {[INIT] = init_signals, [CLONER] = begin_to_play, [PLAYER] = wait_and_play}};

    handled = 0;
    rounds(kt, &test, 60);
    EXPECT(handled > 1000, "%u handlers ran", handled);
}

/* --- futexes --- */

static unsigned woken, waited_for;

static void use_futexes(void)
{
    for (unsigned n = 0; n < 40; n++)
        any_futex(&woken, &waited_for);
}

static void many_futexes(void)
{
    own_memory();
    for (unsigned n = 0; n < 4; n++)
        make_thread(THREAD);
    use_futexes();
}

static void init_futexes(void)
{
    make_process(0, CLONER);
    make_process(0, CLONER);
    wait_for_all();
}

TEST(liferace, futexes)
{
    static const struct life_test test = {
        EVERY_TEST, .program = {[INIT] = init_futexes, [CLONER] = many_futexes, [THREAD] = use_futexes}};

    woken = waited_for = 0;
    rounds(kt, &test, 60);
    EXPECT(woken == waited_for, "%u were woken, and %u say that they were", woken, waited_for);
    EXPECT(woken > 200, "%u were woken", woken);
}

/* --- descriptors, whose tables are shared, copied and left --- */

static void use_descriptors(void)
{
    for (unsigned n = 0; n < 50; n++)
        if (draw(20))
            any_descriptor();
        else
            make_process(draw(2) ? CLONE_FILES : 0, TRUE);
}

static void many_descriptors(void)
{
    own_memory();
    for (unsigned n = 0; n < 3; n++)
        make_thread(THREAD);
    use_descriptors();
    if (draw(2))
        execute(TRUE);
}

TEST(liferace, descriptors)
{
    static const struct life_test test = {EVERY_TEST, .program = {[INIT] = init_futexes,
                                                                  [CLONER] = many_descriptors,
                                                                  [THREAD] = use_descriptors,
                                                                  [TRUE] = true_program}};

    rounds(kt, &test, 60);
}
