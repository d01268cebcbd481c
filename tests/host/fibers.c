/*
 * Fibres on ucontext. The code that calls fibers_run() is the scheduler; fibres switch to it and it to them.
 * ASan is told of each switch, so that it knows which stack is in use.
 *
 * A switch outside a sleep would be a switch in the middle of a section that must not be interrupted, so each
 * one checks nosleep_depth().
 */
#include "tests/host/fibers.h"
#include "kernel/sched/waitq.h"
#include "tests/kt.h"

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define MAX_FIBERS 96u /* at once */
#define STACK_SIZE ((size_t)256 << 10)
#define SWITCH_NS  1000u /* what a switch takes of the virtual time */
/* One event in so many switches, so that requests stay in flight for a while. */
#define EVENT_ONE_IN 3u
/* A possible sleep (might_sleep()) is one once in so many times. */
#define SLEEP_ONE_IN 3u

enum state { FIBER_NONE, FIBER_RUNNABLE, FIBER_SLEEPING, FIBER_ENDED };

struct fiber {
    const char *name;
    bool serves; /* the others, and nobody waits for its end */
    void *task;  /* what os_current is while it runs: itself, or the caller's */
    void (*fn)(void *arg);
    void *arg;
    enum state state;
    struct waiter waiter; /* its own, since a fibre sleeps in one queue at a time */
    bool interruptible;
    bool woken;
    uint64_t deadline;
    const struct mutex *mutex;
    const void *from;
    uint8_t *stack;
    void *fake_stack; /* ASan's, while it does not run */
    ucontext_t context;
};

static struct fiber fiber[MAX_FIBERS];
static unsigned count; /* of those that were ever used */
static struct fiber *current;
static bool running;
static struct kt *draws; /* whose generator decides */
static bool (*event_fn)(void *arg);
static void *event_arg;
static uint64_t now_ns, switches, wakes;

static ucontext_t scheduler;
static void *scheduler_fake_stack;
static const void *scheduler_stack;
static size_t scheduler_size;

static void entry(void);

/* Stacks of fibres that have ended, for the next ones. */
static void *spare_stack[MAX_FIBERS];
static unsigned spare_stacks;

static void *stack_get(void)
{
    void *stack = spare_stacks ? spare_stack[--spare_stacks] : malloc(STACK_SIZE);

    if (!stack)
        abort();
    return stack;
}

static void stack_put(void *stack)
{
    ASAN_UNPOISON_MEMORY_REGION(stack, STACK_SIZE);
    spare_stack[spare_stacks++] = stack;
}

static void prepare(struct fiber *f)
{
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&f->context, entry, 0);
}

static struct fiber *unused(void)
{
    for (unsigned i = 0; i < count; i++)
        if (fiber[i].state == FIBER_NONE)
            return &fiber[i];
    mm_assert(count < MAX_FIBERS, "more than %u fibres", MAX_FIBERS);
    return &fiber[count++];
}

static struct fiber *start(const char *name, void (*fn)(void *arg), void *arg, void *task)
{
    struct fiber *f = unused();

    *f = (struct fiber){.name = name,
                        .task = task ? task : f,
                        .fn = fn,
                        .arg = arg,
                        .state = FIBER_RUNNABLE,
                        .stack = stack_get()};
    prepare(f);
    return f;
}

void fiber_start_as(const char *name, void (*fn)(void *arg), void *arg, void *task)
{
    start(name, fn, arg, task);
}

void fiber_start(const char *name, void (*fn)(void *arg), void *arg)
{
    start(name, fn, arg, NULL);
}

void fiber_serve(const char *name, void (*fn)(void *arg), void *arg, void *task)
{
    start(name, fn, arg, task)->serves = true;
}

void fibers_event(bool (*event)(void *arg), void *arg)
{
    event_fn = event;
    event_arg = arg;
}

bool fibers_running(void)
{
    return running;
}

uint64_t fibers_now(void)
{
    return now_ns;
}

uint64_t fibers_wakes(void)
{
    return wakes;
}

uint64_t fibers_switches(void)
{
    return switches;
}

/* Not swapcontext(): ASan does not know what that does, and clears what it knows of the stack. */
static void switch_context(ucontext_t *from, ucontext_t *to)
{
    volatile bool back = false;

    getcontext(from);
    if (!back) {
        back = true;
        setcontext(to);
    }
}

/* From a fibre to the scheduler. */
static void leave(struct fiber *f)
{
    bool ends = f->state == FIBER_ENDED;

    mm_assert(nosleep_depth() == 0, "fibre %s switches in a nosleep section that protects %s", f->name,
              os_nosleep_why);
    __sanitizer_start_switch_fiber(ends ? NULL : &f->fake_stack, scheduler_stack, scheduler_size);
    switch_context(&f->context, &scheduler);
    __sanitizer_finish_switch_fiber(f->fake_stack, &scheduler_stack, &scheduler_size);
}

void fiber_exit(void)
{
    current->state = FIBER_ENDED;
    leave(current);
    abort();
}

static void entry(void)
{
    struct fiber *f = current;

    __sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_size);
    f->fn(f->arg);
    fiber_exit();
}

static void drop(struct fiber *f)
{
    stack_put(f->stack);
    f->state = FIBER_NONE;
}

/* From the scheduler to a fibre, and back when that sleeps or ends. */
static void enter(struct fiber *f)
{
    void *caller = os_current;

    current = f;
    os_current = f->task;
    __sanitizer_start_switch_fiber(&scheduler_fake_stack, f->stack, STACK_SIZE);
    switch_context(&scheduler, &f->context);
    __sanitizer_finish_switch_fiber(scheduler_fake_stack, NULL, NULL);
    os_current = caller;
    current = NULL;
    switches++;
    now_ns += SWITCH_NS;
    if (f->state == FIBER_ENDED)
        drop(f);
}

static void ready(struct fiber *f, bool woken)
{
    sync_leave(&f->waiter);
    f->woken = woken;
    f->state = FIBER_RUNNABLE;
}

bool fibers_sleep(struct waitq *q, uint64_t deadline, const struct mutex *mutex, const void *from)
{
    struct fiber *f = current;

    f->waiter = (struct waiter){0};
    sync_enter(q, &f->waiter);
    f->deadline = deadline;
    f->mutex = mutex;
    f->from = from;
    f->state = FIBER_SLEEPING;
    leave(f);
    return f->woken;
}

bool fibers_sleep_interruptibly(struct waitq *q, uint64_t deadline)
{
    current->interruptible = true;
    fibers_sleep(q, deadline, NULL, __builtin_return_address(0));
    current->interruptible = false;
    return current->woken;
}

void fibers_interrupt(const void *task)
{
    for (unsigned i = 0; i < count; i++)
        if (fiber[i].task == task && fiber[i].state == FIBER_SLEEPING && fiber[i].interruptible)
            ready(&fiber[i], false);
}

static void release(struct waiter *w, bool woken)
{
    wakes++;
    ready(container_of(w, struct fiber, waiter), woken);
}

void sync_enter(struct waitq *q, struct waiter *w)
{
    waitq_enter(q, w);
}

void sync_leave(struct waiter *w)
{
    waitq_leave(w);
}

void sync_wake_one(struct waitq *q, uint32_t events)
{
    waitq_wake(q, events, SYNC_ONE, release);
}

void sync_wake_more(struct waitq *q, uint32_t events, enum sync_whom whom)
{
    waitq_wake(q, events, whom, release);
}

void sync_close(struct waitq *q)
{
    waitq_close(q, release);
}

void os_wake_one(struct waitq *q)
{
    sync_wake(q, SYNC_ANYTHING, SYNC_ONE);
}

void os_wake_all(struct waitq *q)
{
    sync_wake(q, SYNC_ANYTHING, SYNC_EVERYBODY);
}

void *fibers_oldest(const struct waitq *q)
{
    return container_of(q->head, struct fiber, waiter)->task;
}

void fibers_yield(void)
{
    leave(current);
}

void fibers_maybe_yield(void)
{
    if (current && kt_below(draws, SLEEP_ONE_IN) == 0)
        leave(current);
}

/* The function that a return address lies in; of functions inlined into it, nothing is said. */
static const char *function_of(const void *from, char *buf, size_t size)
{
    const char *name = buf;

    memset(buf, 0, size);
    __sanitizer_symbolize_pc((char *)from - 1, "%f", buf, size - 2);
    for (const char *next = buf; *next; next += strlen(next) + 1)
        name = next;
    return name;
}

static const char *name_of(const void *task)
{
    for (unsigned i = 0; i < count; i++)
        if (fiber[i].state != FIBER_NONE && fiber[i].task == task)
            return fiber[i].name;
    return "nobody";
}

static void report(const struct fiber *f)
{
    char buf[512];

    if (f->state == FIBER_NONE || f->serves)
        return;
    if (f->state != FIBER_SLEEPING)
        os_log("fibre %s can run", f->name);
    else if (f->mutex)
        os_log("fibre %s waits for mutex %p of %s, in %s", f->name, (const void *)f->mutex,
               name_of(f->mutex->owner), function_of(f->from, buf, sizeof buf));
    else
        os_log("fibre %s sleeps in queue %p, in %s", f->name, (void *)f->waiter.q,
               function_of(f->from, buf, sizeof buf));
}

void fibers_report(void)
{
    for (unsigned i = 0; i < count; i++)
        if (&fiber[i] != current)
            report(&fiber[i]);
}

/* Nobody can run: go on to the next deadline. False if there is none. */
static bool pass_time(void)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < count; i++)
        if (fiber[i].state == FIBER_SLEEPING && fiber[i].deadline && fiber[i].deadline < next)
            next = fiber[i].deadline;
    if (next == UINT64_MAX)
        return false;
    if (now_ns < next)
        now_ns = next;
    return true;
}

static void expire(void)
{
    for (unsigned i = 0; i < count; i++)
        if (fiber[i].state == FIBER_SLEEPING && fiber[i].deadline && fiber[i].deadline <= now_ns)
            ready(&fiber[i], false);
}

/* A fibre that can run, at random; NULL if there is none. */
static struct fiber *choose(struct kt *kt, unsigned *live)
{
    struct fiber *can[MAX_FIBERS];
    unsigned n = 0;

    *live = 0;
    for (unsigned i = 0; i < count; i++) {
        *live += fiber[i].state != FIBER_NONE && !fiber[i].serves;
        if (fiber[i].state == FIBER_RUNNABLE)
            can[n++] = &fiber[i];
    }
    return n ? can[kt_below(kt, n)] : NULL;
}

bool fibers_run(struct kt *kt)
{
    unsigned live = count;
    bool dead = false;

    running = true;
    draws = kt;
    os_nosleep |= OS_TORTURE;
    switches = 0;
    while (!dead) {
        struct fiber *f;

        if (event_fn && kt_below(kt, EVENT_ONE_IN) == 0)
            event_fn(event_arg);
        expire();
        f = choose(kt, &live);
        if (!live)
            break;
        if (f)
            enter(f);
        else
            dead = !(event_fn && event_fn(event_arg)) && !pass_time();
    }
    if (dead) {
        os_log("a deadlock: %u fibres sleep, and no event or deadline is left", live);
        fibers_report();
    }
    running = false;
    os_nosleep &= ~OS_TORTURE;
    for (unsigned i = 0; i < count; i++) /* queues may lie on stacks */
        sync_leave(&fiber[i].waiter);
    for (unsigned i = 0; i < count; i++)
        if (fiber[i].state != FIBER_NONE)
            drop(&fiber[i]);
    while (spare_stacks)
        free(spare_stack[--spare_stacks]);
    count = 0;
    event_fn = NULL;
    return !dead;
}
