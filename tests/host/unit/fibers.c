/* The fibres themselves: what the other tests rely on. */
#include "tests/host/fibers.h"
#include "tests/kt.h"

static struct mutex first, second;
static struct waitq queue;
static unsigned order[64], n;
static uint64_t woke_at;

static void note(unsigned id)
{
    if (n < ARRAY_LEN(order))
        order[n++] = id;
}

static void reset(void)
{
    first = second = (struct mutex){0};
    queue = (struct waitq){0};
    n = 0;
}

static void take_turns(void *arg)
{
    for (unsigned i = 0; i < 8; i++) {
        note(*(unsigned *)arg);
        os_yield();
    }
}

TEST(fibers, the_seed_gives_the_order)
{
    static unsigned id[3] = {0, 1, 2};
    unsigned before[ARRAY_LEN(order)], same = 0;
    uint64_t seed = kt->random;

    for (unsigned round = 0; round < 3; round++) {
        memcpy(before, order, sizeof before);
        reset();
        if (round == 1)
            kt->random = seed;
        for (unsigned i = 0; i < 3; i++)
            fiber_start("turn", take_turns, &id[i]);
        EXPECT(fibers_run(kt) && n == 24, "%u turns", n);
        same = memcmp(before, order, sizeof before) == 0;
        EXPECT(round == 0 || same == (round == 1), "round %u has the order of the one before: %u", round,
               same);
    }
}

static void wait_in_queue(void *arg)
{
    os_sleep(&queue);
    note(*(unsigned *)arg);
}

static void wait_for_time(void *arg)
{
    uint64_t until = os_now_ns() + *(unsigned *)arg * 1000000u;

    note(os_sleep_until(&queue, until) ? 99 : *(unsigned *)arg);
    woke_at = os_now_ns() - until;
}

TEST(fibers, deadlines)
{
    static unsigned id[3] = {30, 10, 20};

    reset();
    for (unsigned i = 0; i < 3; i++)
        fiber_start("timer", wait_for_time, &id[i]);
    EXPECT(fibers_run(kt), "time passes when nobody can run");
    EXPECT(n == 3 && order[0] == 10 && order[1] == 20 && order[2] == 30, "%u %u %u", order[0], order[1],
           order[2]);
    EXPECT(woke_at < 100000, "woke %u ns late", (unsigned)woke_at);
    EXPECT(!queue.head && !queue.tail, "still queued");
}

static void lock_both(void *arg)
{
    struct mutex *a = *(unsigned *)arg ? &second : &first, *b = *(unsigned *)arg ? &first : &second;

    mutex_lock(a);
    os_yield();
    while (!first.owner || !second.owner)
        os_yield();
    mutex_lock(b);
}

TEST(fibers, a_deadlock_is_reported)
{
    static unsigned id[2] = {0, 1};

    reset();
    fiber_start("left", lock_both, &id[0]);
    fiber_start("right", lock_both, &id[1]);
    fiber_start("third", wait_in_queue, &id[0]);
    kt_capture_begin();
    EXPECT(!fibers_run(kt), "ended");
    EXPECT(kt_captured("fibre left waits for mutex"), "who");
    EXPECT(kt_captured("of right, in lock_both"), "for whom, and where");
    EXPECT(kt_captured("fibre third sleeps in queue") && kt_captured("in wait_in_queue"), "and who else");
    kt_capture_end();
}

static unsigned inside, worst;

static void lock_and_yield(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 50; i++) {
        mutex_lock(&first);
        if (++inside > worst)
            worst = inside;
        os_yield();
        inside--;
        if (!mutex_is_mine(&first))
            worst = 99;
        mutex_unlock(&first);
    }
}

TEST(fibers, mutex_excludes)
{
    reset();
    inside = worst = 0;
    for (unsigned i = 0; i < 6; i++)
        fiber_start("locker", lock_and_yield, NULL);
    EXPECT(fibers_run(kt), "a deadlock");
    EXPECT(worst == 1, "%u at once", worst);
    EXPECT(!first.owner && !first.waiters.head, "still held");
}

static bool wake_event(void *arg)
{
    struct waitq *q = arg;

    if (!q->head)
        return false;
    os_wake_one(q);
    return true;
}

TEST(fibers, events_wake)
{
    static unsigned id = 7;

    reset();
    fiber_start("sleeper", wait_in_queue, &id);
    fibers_event(wake_event, &queue);
    EXPECT(fibers_run(kt) && n == 1 && order[0] == 7, "%u woke", n);
}
