/* sched_setattr(2) and sched_getattr(2): sizes, flags, and what is kept. */
#include "tests/user/ut.h"
#include <sched.h>
#include <sys/resource.h>

enum {
    RESET = 1,
    RECLAIM = 2,
    OVERRUN = 4,
    KEEP_POLICY = 8,
    KEEP_PARAMS = 0x10,
    CLAMP_MIN = 0x20,
    CLAMP_MAX = 0x40
};

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t least, most;
    uint32_t more[2000];
};

static void tell(void)
{
    struct attr a = {.size = 9};

    memset(&a, 0x55, sizeof a);
    if (syscall(SYS_sched_getattr, 0, &a, 56, 0))
        ut_say("  none: %s", ut_errno(errno));
    else
        ut_say("  size %u, policy %u, flags %llx, nice %d, priority %u", a.size, a.policy,
               (unsigned long long)a.flags, a.nice, a.priority);
}

static void set(const char *what, struct attr a)
{
    if (!a.size)
        a.size = 56;
    ut_result(what, syscall(SYS_sched_setattr, 0, &a, 0));
    tell();
}

static void sizes(void)
{
    static struct attr a;

    PART("sizes that are set");
    for (unsigned size = 0; size <= 8192; size = size < 64 ? size + 8 : size * 2) {
        memset(&a, 0, sizeof a);
        a.size = size;
        long rc = syscall(SYS_sched_setattr, 0, &a, 0);

        ut_say("%u: %s, then %u", size, rc ? ut_errno(errno) : "ok", a.size);
    }
    for (unsigned i = 0; i < 12; i++) {
        memset(&a, 0, sizeof a);
        a.size = 56 + 4 * i + 1;
        ((char *)&a)[56 + 4 * i] = 1;
        ut_say("a byte at %u: %s, then %u", 56 + 4 * i,
               syscall(SYS_sched_setattr, 0, &a, 0) ? ut_errno(errno) : "ok", a.size);
    }
    PART("sizes that are asked for");
    for (unsigned size = 0; size <= 8192; size = size < 64 ? size + 8 : size * 2) {
        memset(&a, 0x55, sizeof a);
        long rc = syscall(SYS_sched_getattr, 0, &a, size, 0);

        ut_say("%u: %s, %u, behind it %s", size, rc ? ut_errno(errno) : "ok", rc ? 0 : a.size,
               size >= 8000 || ((char *)&a)[size] == 0x55 ? "nothing" : "something");
        if (!rc && size > 56)
            ut_say("  the rest: %s", ut_all((uint8_t *)&a + 56, size - 56, 0x55) ? "untouched"
                                     : ut_all((uint8_t *)&a + 56, size - 56, 0)  ? "zeroes"
                                                                                 : "something");
    }
    TRY(syscall(SYS_sched_getattr, 0, &a, 56, 1));
    TRY(syscall(SYS_sched_getattr, 0, NULL, 56, 0));
    TRY(syscall(SYS_sched_getattr, 0, 8, 56, 0));
    TRY(syscall(SYS_sched_getattr, -1, &a, 56, 0));
    TRY(syscall(SYS_sched_setattr, 0, NULL, 0));
    TRY(syscall(SYS_sched_setattr, 0, 8, 0));
    memset(&a, 0, sizeof a);
    a.size = 56;
    a.policy = 0x80000000;
    TRY(syscall(SYS_sched_setattr, 0, &a, 0));
    a.policy = 7;
    TRY(syscall(SYS_sched_setattr, 0, &a, 0));
    a.policy = 0x40000000;
    TRY(syscall(SYS_sched_setattr, 0, &a, 0));
}

static void flags(void)
{
    int status;

    PART("flags");
    for (unsigned bit = 0; bit < 64; bit++)
        if (bit < 5 || bit > 6) {
            struct attr a = {.size = 56, .flags = 1ull << bit};

            ut_say("bit %u: %s", bit, syscall(SYS_sched_setattr, 0, &a, 0) ? ut_errno(errno) : "ok");
        }
    set("clamped", (struct attr){.flags = CLAMP_MIN, .least = 10});
    set("clamped", (struct attr){.flags = CLAMP_MAX, .most = 2000});
    set("clamped, too short", (struct attr){.size = 48, .flags = CLAMP_MIN | CLAMP_MAX});
    set("clamped, with an unknown policy", (struct attr){.policy = 99, .flags = CLAMP_MIN});
    PART("what is kept");
    set("nice 5, not for children", (struct attr){.nice = 5, .flags = RESET});
    if (fork() == 0) {
        tell();
        _exit(0);
    }
    wait(&status);
    set("round robin", (struct attr){.policy = SCHED_RR, .priority = 30, .nice = 3});
    set("the policy is kept", (struct attr){.policy = SCHED_FIFO, .priority = 7, .flags = KEEP_POLICY});
    set("the policy is kept, and one without a meaning given",
        (struct attr){.policy = 77, .priority = 8, .flags = KEEP_POLICY});
    set("the policy is kept, with no priority", (struct attr){.flags = KEEP_POLICY});
    set("parameters are kept", (struct attr){.policy = SCHED_FIFO, .priority = 9, .flags = KEEP_PARAMS});
    set("parameters are kept, for one that has none",
        (struct attr){.policy = SCHED_BATCH, .flags = KEEP_PARAMS});
    set("all is kept",
        (struct attr){.policy = SCHED_IDLE, .priority = 9, .flags = KEEP_POLICY | KEEP_PARAMS});
    set("all is kept, not for children", (struct attr){.flags = KEEP_POLICY | KEEP_PARAMS | RESET});
    set("batch", (struct attr){.policy = SCHED_BATCH, .nice = -4});
    set("idle", (struct attr){.policy = SCHED_IDLE, .nice = 9});
    set("as others", (struct attr){.policy = SCHED_OTHER, .nice = 50});
    set("as others", (struct attr){.policy = SCHED_OTHER, .nice = -50});
    set("as others, with a priority", (struct attr){.policy = SCHED_OTHER, .priority = 1});
    set("first in, without a priority", (struct attr){.policy = SCHED_FIFO});
    set("first in, too high", (struct attr){.policy = SCHED_FIFO, .priority = 100});
    set("kept by one with none", (struct attr){.flags = KEEP_PARAMS, .priority = 101});
}

static void others(void)
{
    setrlimit(RLIMIT_NICE, &(struct rlimit){15, 15});
    setrlimit(RLIMIT_RTPRIO, &(struct rlimit){3, 3});
    set("not for children", (struct attr){.flags = RESET});
    if (setgid(65534) || setuid(65534))
        ut_say("still root: %s", ut_errno(errno));
    set("for children, too", (struct attr){.nice = 0});
    set("still not", (struct attr){.flags = RESET, .nice = 3});
    set("nicer", (struct attr){.flags = RESET, .nice = 19});
    set("by the limit", (struct attr){.flags = RESET, .nice = 5});
    set("beyond it", (struct attr){.flags = RESET, .nice = 4});
    set("real time", (struct attr){.flags = RESET, .policy = SCHED_RR, .priority = 3});
    set("beyond that limit", (struct attr){.flags = RESET, .policy = SCHED_RR, .priority = 4});
    set("lower", (struct attr){.flags = RESET | KEEP_POLICY, .priority = 1});
    set("clamped", (struct attr){.flags = RESET | KEEP_POLICY | KEEP_PARAMS | CLAMP_MIN});
    struct attr a = {.size = 56};
    TRY(syscall(SYS_sched_setattr, 1, &a, 0));
    TRY(syscall(SYS_sched_setattr, 0x3fffffff, &a, 0));
    TRY(syscall(SYS_sched_getattr, 1, &a, 56, 0));
}

UT_PROGRAM(schedattr)
{
    ut_child("sizes", sizes);
    ut_child("flags", flags);
    PART("who may");
    ut_child("others", others);
}
