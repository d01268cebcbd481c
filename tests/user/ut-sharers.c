/* Who shares the processor how: also those who have ended and are still there, and who has no right to. */
#include "tests/user/ut.h"
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#ifndef RLIMIT_NICE
#define RLIMIT_NICE 13
#endif

enum { IO_PROCESS = 1, IO_GROUP, IO_SHIFT = 13 };

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t least_use, most_use;
};

/* Fields 18, 19, 40 and 41 of /proc/PID/stat. */
static void show(const char *what, pid_t pid)
{
    char name[64], text[1024];
    long field[42] = {0};
    ssize_t got;
    char *at;
    int fd;

    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    fd = open(name, O_RDONLY);
    got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    at = strrchr(text, ')');
    for (int i = 2; at && i < 42; i++, at = strchr(at + 1, ' '))
        field[i] = strtol(at + 1, NULL, 10);
    ut_say("%s: priority %ld, nice %ld, real-time %ld, policy %ld", what, field[17], field[18], field[39],
           field[40]);
}

static long get_nice(int which, int who)
{
    errno = 0;
    return syscall(SYS_getpriority, which, who);
}

static long set_policy(pid_t pid, int policy, int priority)
{
    return syscall(SYS_sched_setscheduler, pid, policy, &(struct sched_param){priority});
}

static void drop(unsigned capability)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];

    syscall(SYS_capget, &header, data);
    data[capability / 32].effective &= ~(1u << capability % 32);
    data[capability / 32].permitted &= ~(1u << capability % 32);
    ut_result("a right less", syscall(SYS_capset, &header, data));
}

/* All that can be asked of one, and be set. */
static void ask_all(pid_t pid)
{
    struct attr a = {0};
    struct sched_param p = {-1};
    struct timespec t;
    unsigned long mask = 1;

    show("found", pid);
    ut_result("nice", get_nice(PRIO_PROCESS, pid));
    ut_result("set", setpriority(PRIO_PROCESS, (id_t)pid, 9));
    ut_result("nice", get_nice(PRIO_PROCESS, pid));
    ut_result("policy", syscall(SYS_sched_getscheduler, pid));
    ut_result("round robin", set_policy(pid, SCHED_RR, 4));
    ut_result("policy", syscall(SYS_sched_getscheduler, pid));
    ut_result("parameter", syscall(SYS_sched_getparam, pid, &p));
    SHOW(p.sched_priority);
    ut_result("attributes", syscall(SYS_sched_getattr, pid, &a, sizeof a, 0));
    SHOW(a.policy);
    SHOW(a.priority);
    ut_result("slice", sched_rr_get_interval(pid, &t));
    show("real time", pid);
    a = (struct attr){.size = 48, .nice = 3};
    ut_result("attributes", syscall(SYS_sched_setattr, pid, &a, 0));
    show("ordinary", pid);
    ut_result("processors", syscall(SYS_sched_getaffinity, pid, sizeof mask, &mask));
    ut_result("set", syscall(SYS_sched_setaffinity, pid, sizeof mask, &mask));
    ut_result("at the disk", syscall(SYS_ioprio_set, IO_PROCESS, pid, 2 << IO_SHIFT | 3));
    ut_result("set", syscall(SYS_ioprio_get, IO_PROCESS, pid));
}

static void zombies(void)
{
    pid_t child = fork();

    PART("a process that has ended");
    if (child == 0) {
        setpriority(PRIO_PROCESS, 0, 5);
        _exit(0);
    }
    ut_wait_state(child, 'Z');
    ask_all(child);
    waitpid(child, NULL, 0);
    ut_result("waited for", get_nice(PRIO_PROCESS, child));
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        setpriority(PRIO_PROCESS, 0, -8);
        _exit(0);
    }
    ut_wait_state(child, 'Z');
    ut_result("its group", get_nice(PRIO_PGRP, child));
    ut_result("set", setpriority(PRIO_PGRP, (id_t)child, 2));
    ut_result("its group", get_nice(PRIO_PGRP, child));
    waitpid(child, NULL, 0);
    ut_result("no group any more", get_nice(PRIO_PGRP, child));
    ut_result("set the user's", setpriority(PRIO_USER, 0, 6));
    child = fork();
    if (child == 0) {
        setpriority(PRIO_PROCESS, 0, -4);
        _exit(0);
    }
    ut_wait_state(child, 'Z');
    ut_result("the user's best", get_nice(PRIO_USER, 0));
    ut_result("this one's", get_nice(PRIO_PROCESS, 0));
    ut_result("the first program's", get_nice(PRIO_PROCESS, 1));
    waitpid(child, NULL, 0);
    ut_result("set the user's", setpriority(PRIO_USER, 0, 0));
    ut_result("the user's best", get_nice(PRIO_USER, 0));
}

static void *after_the_first(void *arg)
{
    ut_wait_state(getpid(), 'Z');
    ask_all(getpid());
    ut_result("this thread's", get_nice(PRIO_PROCESS, 0));
    ut_result("the group's best", get_nice(PRIO_PGRP, 0));
    _exit(0);
    return arg;
}

static void first_threads(void)
{
    pthread_t t;

    PART("a first thread that has ended");
    setpgid(0, 0);
    pthread_create(&t, NULL, after_the_first, NULL);
    setpriority(PRIO_PROCESS, 0, 4);
    syscall(SYS_exit, 0);
}

static void rights(void)
{
    struct attr a = {.size = 48, .nice = -10};

    PART("without the right");
    setpgid(0, 0);
    setpriority(PRIO_PROCESS, 0, 5);
    drop(CAP_SYS_NICE);
    ut_result("better", setpriority(PRIO_PROCESS, 0, 4));
    ut_result("the same", setpriority(PRIO_PROCESS, 0, 5));
    ut_result("worse", setpriority(PRIO_PROCESS, 0, 6));
    ut_result("nice(0)", syscall(SYS_nice, 0));
    ut_result("nice(-1)", syscall(SYS_nice, -1));
    setrlimit(RLIMIT_NICE, &(struct rlimit){25, 25});
    ut_result("as far as the limit", setpriority(PRIO_PROCESS, 0, -5));
    ut_result("beyond", setpriority(PRIO_PROCESS, 0, -6));
    ut_result("nice(-1)", syscall(SYS_nice, -1));
    ut_result("attributes beyond", syscall(SYS_sched_setattr, 0, &a, 0));
    ut_result("real time", set_policy(0, SCHED_FIFO, 1));
    setrlimit(RLIMIT_RTPRIO, &(struct rlimit){10, 10});
    ut_result("real time within the limit", set_policy(0, SCHED_FIFO, 10));
    ut_result("beyond", set_policy(0, SCHED_FIFO, 11));
    ut_result("lower", set_policy(0, SCHED_FIFO, 2));
    setrlimit(RLIMIT_RTPRIO, &(struct rlimit){0, 10});
    ut_result("the limit is gone", set_policy(0, SCHED_FIFO, 1));
    ut_result("another policy", set_policy(0, SCHED_RR, 1));
    ut_result("ordinary", set_policy(0, SCHED_OTHER, 0));
    ut_result("idle", set_policy(0, SCHED_IDLE, 0));
    ut_result("and back, within the limit of niceness", set_policy(0, SCHED_OTHER, 0));
    ut_result("idle", set_policy(0, SCHED_IDLE, 0));
    setrlimit(RLIMIT_NICE, &(struct rlimit){0, 25});
    ut_result("and back, beyond", set_policy(0, SCHED_OTHER, 0));
    ut_result("batch", set_policy(0, SCHED_BATCH, 0));
    ut_result("idle again", set_policy(0, SCHED_IDLE, 0));
    a = (struct attr){.size = 48, .policy = SCHED_IDLE, .flags = 1};
    ut_result("not for children", syscall(SYS_sched_setattr, 0, &a, 0));
    a.flags = 0;
    ut_result("for children", syscall(SYS_sched_setattr, 0, &a, 0));
    ut_result("first at the disk", syscall(SYS_ioprio_set, IO_PROCESS, 0, 1 << IO_SHIFT | 3));
}

static void set_attr(const char *what, struct attr a)
{
    ut_result(what, syscall(SYS_sched_setattr, 0, &a, 0));
    memset(&a, 0x55, sizeof a);
    ut_result("now", syscall(SYS_sched_getattr, 0, &a, sizeof a, 0));
    ut_say("size %u, policy %u, flags %llx, nice %d, priority %u, use %u to %u", a.size, a.policy,
           (unsigned long long)a.flags, a.nice, a.priority, a.least_use, a.most_use);
    show("shown", getpid());
}

enum { RESET = 1, RECLAIM = 2, OVERRUN = 4, KEEP_POLICY = 8, KEEP_PARAMS = 16, LEAST = 32, MOST = 64 };

static void attributes(void)
{
    PART("attributes");
    set_attr("nice 7", (struct attr){.size = 48, .policy = SCHED_BATCH, .nice = 7});
    set_attr("idle", (struct attr){.size = 48, .policy = SCHED_IDLE, .nice = 7});
    set_attr("a priority", (struct attr){.size = 48, .policy = SCHED_OTHER, .priority = 1});
    set_attr("a real-time one", (struct attr){.size = 48, .policy = SCHED_FIFO, .priority = 7, .nice = 9});
    set_attr("keep the policy", (struct attr){.size = 48, .priority = 8, .flags = KEEP_POLICY});
    set_attr("keep the parameters",
             (struct attr){.size = 48, .policy = SCHED_RR, .priority = 9, .flags = KEEP_PARAMS | RESET});
    set_attr("these do not fit", (struct attr){.size = 48, .policy = SCHED_OTHER, .flags = KEEP_PARAMS});
    set_attr("keep all", (struct attr){.size = 48, .flags = KEEP_POLICY | KEEP_PARAMS});
    set_attr("without one", (struct attr){.size = 48, .policy = 99, .flags = KEEP_POLICY | KEEP_PARAMS});
    set_attr("reset", (struct attr){.size = 48, .nice = 1, .flags = RESET});
    set_attr("keep that", (struct attr){.size = 48, .nice = 2, .flags = KEEP_POLICY});
    set_attr("no more", (struct attr){.size = 48, .nice = 1});
    set_attr("others' flags", (struct attr){.size = 48, .nice = 1, .flags = RECLAIM | OVERRUN});
    set_attr("use, and no room for it", (struct attr){.size = 48, .nice = 1, .flags = LEAST});
    set_attr("use", (struct attr){.size = 56, .nice = 3, .flags = LEAST | MOST, .most_use = 200});
    set_attr("no size", (struct attr){.nice = 2});
}

static void disk(void)
{
    pid_t child;

    PART("priorities at the disk");
    setpgid(0, 0);
    ut_result("more bits", syscall(SYS_ioprio_set, IO_PROCESS, 0, 0x10000 | 2 << IO_SHIFT | 1));
    ut_result("kept", syscall(SYS_ioprio_get, IO_PROCESS, 0));
    ut_result("none", syscall(SYS_ioprio_set, IO_PROCESS, 0, 0));
    for (int nice_value = -20; nice_value < 20; nice_value += 13) {
        setpriority(PRIO_PROCESS, 0, nice_value);
        ut_result("alone", syscall(SYS_ioprio_get, IO_GROUP, 0));
    }
    set_policy(0, SCHED_FIFO, 5);
    ut_result("real time", syscall(SYS_ioprio_get, IO_GROUP, 0));
    set_policy(0, SCHED_IDLE, 0);
    ut_result("idle", syscall(SYS_ioprio_get, IO_GROUP, 0));
    set_policy(0, SCHED_OTHER, 0);
    setpriority(PRIO_PROCESS, 0, 0);
    child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    ut_result("both none", syscall(SYS_ioprio_get, IO_GROUP, 0));
    syscall(SYS_ioprio_set, IO_PROCESS, child, 1 << IO_SHIFT | 2);
    ut_result("one first", syscall(SYS_ioprio_get, IO_GROUP, 0));
    syscall(SYS_ioprio_set, IO_PROCESS, child, 3 << IO_SHIFT);
    ut_result("one idle", syscall(SYS_ioprio_get, IO_GROUP, 0));
    syscall(SYS_ioprio_set, IO_PROCESS, 0, 3 << IO_SHIFT | 2);
    ut_result("both idle", syscall(SYS_ioprio_get, IO_GROUP, 0));
    kill(child, SIGKILL);
    ut_wait_state(child, 'Z');
    ut_result("one ended", syscall(SYS_ioprio_get, IO_GROUP, 0));
    waitpid(child, NULL, 0);
}

UT_PROGRAM(sharers)
{
    ut_child("zombies", zombies);
    ut_child("first threads", first_threads);
    ut_child("rights", rights);
    ut_child("attributes", attributes);
    ut_child("disk", disk);
}
