/* Tasks, wait queues, deadlines and mutexes of the booted kernel. */
#include "kernel/sched/sched.h"
#include "kernel/sched/stat.h"
#include "kernel/sched/sync.h"
#include "kernel/sched/task.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"
#include "mm/x86/paging.h"
#include "tests/vt.h"

#define MS 1000000ull

/* What the tasks of one test share. */
struct shared {
    struct waitq q;
    struct mutex m;
    bool go;
    unsigned inside, worst, done, locked_twice;
    unsigned n; /* entries of order */
    unsigned order[64];
    uint64_t early; /* wake-ups before their time */
};

struct worker {
    struct shared *s;
    unsigned id, rounds;
    uint64_t sleep_ns;
    struct task *task;
};

static void note(struct shared *s, unsigned id)
{
    if (s->n < ARRAY_LEN(s->order))
        s->order[s->n++] = id;
}

/* Start n workers; a task that could not be made is a failure. */
static void start(struct kt *kt, struct worker *w, unsigned n, void (*fn)(void *))
{
    for (unsigned i = 0; i < n; i++) {
        w[i].id = i;
        w[i].task = task_create("worker", fn, &w[i]);
        EXPECT(w[i].task, "no memory for task %u", i);
    }
}

static void join(struct worker *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (w[i].task)
            task_join(w[i].task, NULL);
}

static void exit_with_id(void *arg)
{
    struct worker *w = arg;

    task_exit((int)w->id + 40);
}

TEST(sched, join_returns_exit_code)
{
    struct worker w[3] = {0};

    start(kt, w, 3, exit_with_id);
    for (unsigned i = 3; i-- > 0;) { /* some have ended before they are joined */
        int code = 0;

        REQUIRE(w[i].task, "no task %u", i);
        task_join(w[i].task, &code);
        EXPECT(code == (int)i + 40, "task %u ended with %d", i, code);
    }
}

static void take_turns(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < w->rounds; i++) {
        note(w->s, w->id);
        os_yield();
    }
}

TEST(sched, round_robin)
{
    struct shared s = {0};
    struct worker w[4];

    for (unsigned i = 0; i < 4; i++)
        w[i] = (struct worker){.s = &s, .rounds = 5};
    start(kt, w, 4, take_turns);
    join(w, 4);
    REQUIRE(s.n == 20, "%u turns", s.n);
    for (unsigned i = 0; i < 20; i++)
        EXPECT(s.order[i] == i % 4, "turn %u was task %u's", i, s.order[i]);
}

static void count_rounds(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < w->rounds; i++) {
        w->s->done++;
        os_yield();
    }
}

TEST(sched, many_tasks)
{
    enum { TASKS = 64 };
    struct shared s = {0};
    struct worker *w = kt_alloc(TASKS * sizeof *w);

    REQUIRE(w, "no memory");
    for (unsigned i = 0; i < TASKS; i++)
        w[i] = (struct worker){.s = &s, .rounds = 20};
    start(kt, w, TASKS, count_rounds);
    EXPECT(sched_verify(), "with %u tasks", TASKS);
    join(w, TASKS);
    EXPECT(s.done == TASKS * 20, "%u rounds", s.done);
    kt_release(w);
}

/* Many lives, few at a time: stacks and records are used again. */
TEST(sched, tasks_come_and_go)
{
    for (unsigned round = 0; round < 200; round++) {
        struct worker w[2] = {0};

        start(kt, w, 2, exit_with_id);
        join(w, 2);
        if (kt->failures)
            return;
    }
}

static void wait_for_go(void *arg)
{
    struct worker *w = arg;
    uint32_t irq = os_irq_save();

    while (!w->s->go)
        os_sleep(&w->s->q);
    os_irq_restore(irq);
    note(w->s, w->id);
}

static void wait_once(void *arg)
{
    struct worker *w = arg;
    uint32_t irq = os_irq_save();

    os_sleep(&w->s->q);
    os_irq_restore(irq);
    note(w->s, w->id);
}

TEST(sched, wake_one_is_in_order)
{
    struct shared s = {0};
    struct worker w[5];

    for (unsigned i = 0; i < 5; i++)
        w[i] = (struct worker){.s = &s};
    start(kt, w, 5, wait_once);
    os_yield(); /* all of them sleep now */
    EXPECT(sched_verify(), "with sleepers");
    for (unsigned i = 0; i < 5; i++) {
        EXPECT(s.n == i, "%u woke after %u wake-ups", s.n, i);
        os_wake_one(&s.q);
        os_yield();
        EXPECT(s.n == i + 1 && s.order[i] == i, "wake-up %u: %u woke, task %u", i, s.n, s.order[i]);
    }
    EXPECT(!s.q.head && !s.q.tail, "the queue is not empty");
    os_wake_one(&s.q); /* nobody is there: nothing happens, and nothing is remembered */
    join(w, 5);
}

TEST(sched, wake_all_wakes_all)
{
    struct shared s = {0};
    struct worker w[8];

    for (unsigned i = 0; i < 8; i++)
        w[i] = (struct worker){.s = &s};
    start(kt, w, 8, wait_for_go);
    os_yield();
    os_wake_all(&s.q); /* too early: they look at the condition and sleep again */
    os_yield();
    EXPECT(s.n == 0, "%u went on without the condition", s.n);
    s.go = true;
    os_wake_all(&s.q);
    join(w, 8);
    EXPECT(s.n == 8, "%u of 8 woke", s.n);
    for (unsigned i = 0; i < s.n; i++)
        EXPECT(s.order[i] == i, "place %u: task %u", i, s.order[i]);
}

static void sleep_then_note(void *arg)
{
    struct worker *w = arg;
    uint64_t until = os_now_ns() + w->sleep_ns;

    task_sleep_ns(w->sleep_ns);
    if (os_now_ns() < until)
        w->s->early++;
    note(w->s, w->id);
}

TEST(sched, sleepers_wake_by_deadline)
{
    enum { TASKS = 12 };
    struct shared s = {0};
    struct worker w[TASKS];

    /* 5 is prime to 12, so this is a permutation; 25 ms apart, so that ticks tell them apart. */
    for (unsigned i = 0; i < TASKS; i++)
        w[i] = (struct worker){.s = &s, .sleep_ns = (1 + i * 5 % TASKS) * 25 * MS};
    start(kt, w, TASKS, sleep_then_note);
    os_yield();
    EXPECT(sched_verify(), "with %u timers", TASKS);
    join(w, TASKS);
    REQUIRE(s.n == TASKS, "%u woke", s.n);
    EXPECT(s.early == 0, "%llu woke too early", (unsigned long long)s.early);
    for (unsigned i = 0; i < TASKS; i++)
        EXPECT(s.order[i] * 5 % TASKS == i, "place %u: task %u", i, s.order[i]);
}

static void sleep_until_then_note(void *arg)
{
    struct worker *w = arg;
    struct waitq nobody = {0};
    uint32_t irq = os_irq_save();

    os_sleep_until(&nobody, w->sleep_ns);
    os_irq_restore(irq);
    note(w->s, w->id);
}

/* Of one time, who slept first wakes first; and whoever goes in between disturbs nobody's order. */
TEST(sched, equal_deadlines_wake_in_order)
{
    enum { TASKS = 24 };
    struct shared s = {0};
    struct worker w[TASKS];
    uint64_t soon = os_now_ns() + 60 * MS;

    for (unsigned i = 0; i < TASKS; i++)
        w[i] = (struct worker){.s = &s, .sleep_ns = soon + i % 3 * 20 * MS};
    start(kt, w, TASKS, sleep_until_then_note);
    os_yield();
    EXPECT(sched_verify(), "with %u timers", TASKS);
    join(w, TASKS);
    REQUIRE(s.n == TASKS, "%u woke", s.n);
    for (unsigned i = 0; i < TASKS; i++)
        EXPECT(s.order[i] == i % 8 * 3 + i / 8, "place %u: task %u", i, s.order[i]);
}

TEST(sched, sleep_until_has_a_limit)
{
    struct waitq q = {0};
    uint64_t start_ns = os_now_ns();
    uint32_t irq = os_irq_save();
    bool past = os_sleep_until(&q, start_ns);
    bool woken = os_sleep_until(&q, start_ns + 30 * MS);

    os_irq_restore(irq);
    EXPECT(!past, "a deadline in the past counted as a wake-up");
    EXPECT(!woken, "nobody woke the queue");
    EXPECT(os_now_ns() >= start_ns + 30 * MS, "returned early");
    EXPECT(!q.head, "still queued");
}

static void wake_later(void *arg)
{
    struct worker *w = arg;

    task_sleep_ns(w->sleep_ns);
    os_wake_one(&w->s->q);
}

TEST(sched, sleep_until_can_be_woken)
{
    struct shared s = {0};
    struct worker w = {.s = &s, .sleep_ns = 20 * MS};
    uint64_t start_ns = os_now_ns();

    start(kt, &w, 1, wake_later);

    uint32_t irq = os_irq_save();
    bool woken = os_sleep_until(&s.q, start_ns + 60000 * MS);

    os_irq_restore(irq);
    EXPECT(woken, "the limit passed");
    EXPECT(os_now_ns() - start_ns < 30000 * MS, "slept to the limit");
    join(&w, 1);
}

/* Take the lock and sleep in it; whoever else gets in is seen. */
static void lock_and_sleep(void *arg)
{
    struct worker *w = arg;
    struct shared *s = w->s;

    for (unsigned i = 0; i < w->rounds; i++) {
        mutex_lock(&s->m);
        if (!mutex_is_mine(&s->m))
            s->locked_twice++;
        if (++s->inside > s->worst)
            s->worst = s->inside;
        if (i % 3 == 0)
            task_sleep_ns(MS);
        else
            os_yield();
        s->inside--;
        s->done++;
        mutex_unlock(&s->m);
        if (i % 2)
            os_yield();
    }
}

TEST(sched, mutex_excludes)
{
    enum { TASKS = 12, ROUNDS = 6 };
    struct shared s = {0};
    struct worker w[TASKS];

    for (unsigned i = 0; i < TASKS; i++)
        w[i] = (struct worker){.s = &s, .rounds = ROUNDS};
    start(kt, w, TASKS, lock_and_sleep);
    join(w, TASKS);
    EXPECT(s.worst == 1, "%u tasks held the mutex at once", s.worst);
    EXPECT(s.locked_twice == 0, "%u times the owner was another", s.locked_twice);
    EXPECT(s.done == TASKS * ROUNDS, "%u of %u rounds", s.done, TASKS * ROUNDS);
    EXPECT(!s.m.owner && !s.m.waiters.head, "the mutex is still held");
}

static void lock_and_note(void *arg)
{
    struct worker *w = arg;

    mutex_lock(&w->s->m);
    note(w->s, w->id);
    mutex_unlock(&w->s->m);
}

TEST(sched, mutex_is_handed_over_in_order)
{
    struct shared s = {0};
    struct worker w[6];

    for (unsigned i = 0; i < 6; i++)
        w[i] = (struct worker){.s = &s};
    mutex_lock(&s.m);
    start(kt, w, 6, lock_and_note);
    os_yield();
    EXPECT(s.n == 0, "%u passed a locked mutex", s.n);
    mutex_unlock(&s.m);
    EXPECT(!mutex_trylock(&s.m), "got in before the task that waited first");
    mutex_lock(&s.m); /* queues up behind all of them */
    EXPECT(s.n == 6, "%u went before", s.n);
    mutex_unlock(&s.m);
    join(w, 6);
    for (unsigned i = 0; i < s.n; i++)
        EXPECT(s.order[i] == i, "place %u: task %u", i, s.order[i]);
}

static void look_at_stack(void *arg)
{
    struct worker *w = arg;
    const struct task *self = task_current();
    uintptr_t lowest = (uintptr_t)self->stack, top = lowest + self->stack_pages * PAGE_SIZE,
              here = (uintptr_t)&w;

    w->s->go = here > lowest && here < top;
    for (uintptr_t page = lowest; page < top; page += PAGE_SIZE)
        w->s->done += paging_writable(page);
    w->s->inside = paging_mapped(lowest - 1);
}

TEST(sched, stack_has_a_guard_page)
{
    struct shared s = {0};
    struct worker w = {.s = &s};

    w.task = task_create_sized("worker", look_at_stack, &w, 3);
    REQUIRE(w.task, "no memory");
    join(&w, 1);
    EXPECT(s.go, "the task does not run on its own stack");
    EXPECT(s.done == 3, "%u pages of 3 are mapped", s.done);
    EXPECT(s.inside == 0, "the page below the stack is mapped");
}

TEST(sched, out_of_memory)
{
    struct frame_pool *pool = kmalloc_sys.pool;
    unsigned refused = 0;

    for (uint32_t n = 1;; n++) {
        struct worker w = {0};

        REQUIRE(n < 100, "never succeeds");
        slab_reap_all(pool); /* so that every layer below has to ask for memory */
        frame_fail_after(pool, n);
        w.task = task_create("worker", exit_with_id, &w);
        frame_fail_after(pool, 0);
        if (w.task) {
            join(&w, 1);
            break;
        }
        refused++;
    }
    EXPECT(refused >= TASK_STACK_PAGES, "only %u allocations could fail", refused);
}

static void use_processor(void *arg)
{
    struct worker *w = arg;
    uint64_t until = os_now_ns() + w->sleep_ns;

    while (os_now_ns() < until)
        ;
    w->s->early = task_cpu_ns(task_current());
}

TEST(sched, processor_time)
{
    struct shared s = {0};
    struct worker w = {.s = &s, .sleep_ns = 20 * MS};
    uint64_t mine = task_cpu_ns(task_current()), began = os_now_ns(), took;

    start(kt, &w, 1, use_processor);
    join(&w, 1);
    took = os_now_ns() - began;
    EXPECT(s.early >= 20 * MS && s.early <= took, "used %llu ns of %llu", (unsigned long long)s.early,
           (unsigned long long)took);
    EXPECT(task_cpu_ns(task_current()) - mine < 20 * MS, "the sleeper was charged for it");
}

/* The checker sees each kind of damage, by number. */
TEST(sched, verify_sees_damage)
{
    struct shared s = {0};
    struct worker w[2] = {{.s = &s, .sleep_ns = 400 * MS}, {.s = &s, .sleep_ns = 500 * MS}};

    start(kt, w, 2, sleep_then_note);
    os_yield();
    REQUIRE(w[0].task && w[1].task, "no tasks");
    EXPECT(sched_verify(), "before the damage");

    struct task *t = w[0].task;
    uint64_t deadline = t->timer.key;
    struct waiter *waiter = t->waiter;
    uint32_t irq = os_irq_save(); /* no tick may meet the damage */

    kt_capture_begin();
    t->timer.key += 1000000 * MS;
    EXPECT(!sched_verify() && kt_captured("INV-HEAP-1"), "timers out of order");
    t->timer.key = deadline;
    sched_timer_stop(t);
    EXPECT(!sched_verify() && kt_captured("INV-SCHED-2"), "a deadline that nobody looks at");
    sched_timer_start(t);
    t->waiter = NULL;
    EXPECT(!sched_verify() && kt_captured("INV-SCHED-3"), "a sleeper without a waiter");
    t->waiter = waiter;
    t->state = TASK_RUNNABLE;
    EXPECT(!sched_verify() && kt_captured("INV-SCHED-4"), "runnable, and in no queue");
    t->state = TASK_SLEEPING;
    sched_ready(t);
    t->state = TASK_SLEEPING;
    EXPECT(!sched_verify() && kt_captured("INV-SCHED-1"), "a sleeper in the run queue");
    kt_capture_end();
    t->state = TASK_RUNNABLE; /* it is queued for real now, so let it run: as if the clock had woken it */
    sched_timer_stop(t);
    t->timer.key = 0;
    t->waiter = NULL;
    os_irq_restore(irq);
    join(w, 2);
}

#define USER_VA 0x00400000u

/* However the samples divide a time, its parts add up to it and none falls. */
TEST(sched, told_times_never_fall)
{
    static const struct {
        uint64_t total, user, told;
    } step[] = {{10, 4, 4}, {12, 2, 4}, {14, 14, 6}, {14, 0, 6}, {20, 12, 12}, {20, 12, 12}, {30, 0, 12}};
    struct stat_parts told = {0};

    for (unsigned i = 0; i < sizeof step / sizeof step[0]; i++) {
        stat_divide(&told, step[i].total, step[i].user);
        EXPECT(told.user_ns == step[i].told, "step %u", i);
        EXPECT(told.user_ns + told.system_ns == step[i].total, "step %u", i);
    }
}

struct tenant {
    struct shared *s;
    struct space *space; /* NULL: a task of the kernel */
    uint32_t id, wrong;
    struct task *task;
};

static void live_in_space(void *arg)
{
    struct tenant *t = arg;
    uint32_t v = 0;

    task_set_space(t->space);
    for (uint32_t i = 0; i < 20; i++) {
        int err = t->space ? user_write32(USER_VA, t->id + i) : 0;

        os_yield();
        if (t->space && (err || user_read32(&v, USER_VA) || v != t->id + i))
            t->wrong++;
    }
    task_set_space(NULL);
}

/* The same address in several spaces, and tasks without one in between. */
TEST(sched, each_task_in_its_space)
{
    enum { TASKS = 5 };
    struct tenant tenant[TASKS] = {0};
    uint64_t loads;
    struct vt t;

    if (!vt_begin(&t, kt, 128, 0, 0))
        return;
    for (unsigned i = 0; i < TASKS; i++) {
        vaddr_t va = USER_VA;

        tenant[i].id = i * 1000;
        if (i % 2 == 0)
            tenant[i].space = space_create(&t.vm);
        if (tenant[i].space)
            EXPECT(space_map(tenant[i].space, &va, PAGE_SIZE, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) ==
                       0,
                   "map %u", i);
    }
    loads = sched_stats.space_loads;
    for (unsigned i = 0; i < TASKS; i++)
        tenant[i].task = task_create("tenant", live_in_space, &tenant[i]);
    for (unsigned i = 0; i < TASKS; i++) {
        EXPECT(tenant[i].task, "no memory for task %u", i);
        if (tenant[i].task)
            task_join(tenant[i].task, NULL);
        EXPECT(tenant[i].wrong == 0, "task %u was in another's space %u times", i, tenant[i].wrong);
        if (tenant[i].space)
            space_destroy(tenant[i].space);
    }
    loads = sched_stats.space_loads - loads;
    EXPECT(loads >= 40 && loads <= 3 * 21, "%u loads of page tables for 3 spaces and 20 rounds",
           (unsigned)loads);
    vt_end(&t);
}
