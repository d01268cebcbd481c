/*
 * Processes: numbers and the tree.
 *
 * Numbers of threads and processes come from one range, in turn. Until it wraps for the first time no number
 * can be in use; after that the tables are asked, groups and sessions included, and the claims of those who
 * have got a number and are still making its owner, which sleeps.
 *
 * Data and locking: everything here changes between sleeps.
 */
#include "kernel/proc/process.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/ptimer.h"
#include "kernel/proc/ptrace.h"
#include "kernel/vm/vm_sys.h"
#include "mm/layout.h"
#include "mm/slab.h"

#define HASH       256u
#define STACKS_MAX ((KVA_END - KVA_START) / 2 / ((TASK_STACK_PAGES + 2) * PAGE_SIZE))

#define ON_END 8u

static struct cache process_cache;
static struct process *process_hash[HASH];
static struct process *process_last;
static int last_pid;
static bool wrapped;
static struct pid_claim *claims; /* numbers of those that are being made */
static unsigned claim_count;
static void (*on_end[ON_END])(struct process *);
static unsigned on_ends;

struct process *process_all, *process_init;
unsigned process_count;
unsigned pid_max = PID_MAX_DEFAULT;
unsigned threads_max;
uint32_t dumpable_changed = DUMPABLE_NOBODY;

void process_start(void)
{
    struct frame_pool *pool = kmalloc_sys.pool;

    cache_init(&process_cache, pool, "process", sizeof(struct process), 0, NULL, slab_default_flags);
    thread_start();
    signal_init();
    /* A thread takes about 4 frames of the kernel's; all of them together at most an eighth of memory. And
     * their stacks, with guards, have half of the kernel's addresses. */
    threads_max = frame_free_count(pool) / 32;
    if (threads_max > STACKS_MAX)
        threads_max = STACKS_MAX;
}

/* --- numbers --- */

struct process *process_find(int pid)
{
    struct process *p = process_hash[(unsigned)pid % HASH];

    while (p && p->pid != pid)
        p = p->hash_next;
    return p;
}

bool pid_in_use(int pid)
{
    if (process_find(pid) || thread_find(pid) || ptrace_has_number(pid))
        return true;
    for (const struct pid_claim *c = claims; c; c = c->next)
        if (c->pid == pid)
            return true;
    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->pgid == pid || p->sid == pid)
            return true;
    return false;
}

unsigned thread_slots(void)
{
    return process_count + thread_siblings + ptrace_graves();
}

int pid_last(void)
{
    return last_pid;
}

void pid_begin(void)
{
    last_pid = 1;
}

int pid_alloc(struct pid_claim *c)
{
    enum { FIRST_AGAIN = 300 }; /* as Linux: low numbers stay with those who started the system */

    if (thread_slots() + claim_count >= threads_max)
        return -EAGAIN;
    for (unsigned tries = 0; tries < pid_max; tries++) {
        last_pid++;
        if ((unsigned)last_pid >= pid_max) {
            last_pid = pid_max > 2 * FIRST_AGAIN ? FIRST_AGAIN : 2;
            wrapped = true;
        }
        if (wrapped && pid_in_use(last_pid))
            continue;
        *c = (struct pid_claim){.pid = last_pid, .next = claims};
        if (claims)
            claims->prev = c;
        claims = c;
        claim_count++;
        return 0;
    }
    return -EAGAIN;
}

void pid_free(struct pid_claim *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        claims = c->next;
    if (c->next)
        c->next->prev = c->prev;
    claim_count--;
}

/* --- making --- */

#define CORE_FILTER_DEFAULT 0x33u /* Linux's: anonymous memory, headers of ELF, and private large pages */

struct process *process_create(int pid, const struct process *parent)
{
    struct process *p = vm_cache_alloc(&vm_sys, &process_cache);

    if (!p)
        return NULL;
    memset(p, 0, offsetof(struct process, rlimit));
    if (parent)
        memcpy(p->rlimit, parent->rlimit, sizeof p->rlimit);
    else
        memset(p->rlimit, 0, sizeof p->rlimit);
    p->pid = pid;
    p->exit_signal = SIGCHLD;
    p->dumpable = DUMPABLE_USER;
    p->core_filter = CORE_FILTER_DEFAULT;
    p->login_uid = p->session = ID_NONE;
    return p;
}

void process_free(struct process *p)
{
    cred_end_of_process(p);
    cache_free(&process_cache, p);
}

void process_enter(struct process *p, struct process *parent)
{
    static uint64_t last_start;
    struct process **at = &process_hash[(unsigned)p->pid % HASH];
    uint64_t now = os_now_ns();

    last_start = p->start_ns = now > last_start ? now : last_start + 1;
    p->hash_next = *at;
    *at = p;
    p->all_prev = process_last;
    if (process_last)
        process_last->all_next = p;
    else
        process_all = p;
    process_last = p;
    process_count++;
    p->parent = parent;
    if (!parent)
        return;
    p->sibling_next = parent->children;
    if (p->sibling_next)
        p->sibling_next->sibling_prev = p;
    parent->children = p;
}

void process_leave_siblings(struct process *p)
{
    if (p->sibling_prev)
        p->sibling_prev->sibling_next = p->sibling_next;
    else if (p->parent)
        p->parent->children = p->sibling_next;
    if (p->sibling_next)
        p->sibling_next->sibling_prev = p->sibling_prev;
    p->sibling_next = p->sibling_prev = NULL;
}

void process_reap(struct process *p)
{
    struct process **at = &process_hash[(unsigned)p->pid % HASH];

    mm_assert(p->state == PROCESS_ZOMBIE && !p->threads, "process %d", p->pid);
    while (*at != p)
        at = &(*at)->hash_next;
    *at = p->hash_next;
    ptimer_forget_clock(p);
    process_leave_siblings(p);
    if (p->all_prev)
        p->all_prev->all_next = p->all_next;
    else
        process_all = p->all_next;
    if (p->all_next)
        p->all_next->all_prev = p->all_prev;
    else
        process_last = p->all_prev;
    process_count--;
    process_free(p);
}

/* --- times --- */

void process_times(const struct process *p, uint64_t *user_ns, uint64_t *system_ns)
{
    *user_ns = p->past_user_ns;
    *system_ns = p->past_system_ns;
    for (const struct thread *t = p->threads; t; t = t->next) {
        uint64_t user, system;

        thread_times(t, &user, &system);
        *user_ns += user;
        *system_ns += system;
    }
}

void process_faults(const struct process *p, uint64_t *minor, uint64_t *major)
{
    *minor = p->past_min_faults;
    *major = p->past_maj_faults;
    if (p->memory) {
        *minor += p->memory->space->faults - p->memory->space->major;
        *major += p->memory->space->major;
    }
}

void process_switches(const struct process *p, struct switches *s)
{
    *s = p->past_switches;
    for (const struct thread *t = p->threads; t; t = t->next) {
        struct switches of_thread;

        thread_switches(t, &of_thread);
        switches_add(s, &of_thread);
    }
}

uint32_t process_max_resident(const struct process *p)
{
    uint32_t now = p->memory ? space_most_resident(p->memory->space) : 0;

    return p->max_resident > now ? p->max_resident : now;
}

/* --- ending --- */

void process_kill(struct process *p, int status)
{
    if (p->group_exit || p->state == PROCESS_ZOMBIE)
        return;
    p->group_exit = true;
    p->exit_status = status;
    for (struct thread *t = p->threads; t; t = t->next) {
        t->exiting = true;
        thread_set_work(t, TASK_WORK_SIGNAL);
        thread_interrupt(t);
    }
    if ((status & 0x7F) == SIGKILL)
        ptrace_release(p);
}

void process_on_end(void (*fn)(struct process *))
{
    mm_assert(on_ends < ON_END, "more than %u want to know of ends", ON_END);
    on_end[on_ends++] = fn;
}

void process_tell_end(struct process *p)
{
    for (unsigned i = 0; i < on_ends; i++)
        on_end[i](p);
}
