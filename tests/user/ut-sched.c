/* How programs share the processor: nice values, policies, priorities; and what of it is only remembered. */
#include "tests/user/ut.h"
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

static const pid_t nobody = 0x3fffffff;

/* A field of /proc/PID/stat, counted from 1. */
static long stat_field(pid_t pid, int n)
{
    char name[64], text[1024];
    int fd;
    ssize_t got;
    const char *at;

    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    fd = open(name, O_RDONLY);
    got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    close(fd);
    if (got < 0)
        return -9999;
    text[got] = '\0';
    at = strrchr(text, ')');
    for (int i = 2; at && i < n; i++)
        at = strchr(at + 1, ' ');
    return at ? strtol(at, NULL, 10) : -9999;
}

static void show(pid_t pid)
{
    ut_say("priority %ld, nice %ld, real-time %ld, policy %ld", stat_field(pid, 18), stat_field(pid, 19),
           stat_field(pid, 40), stat_field(pid, 41));
}

static long get_nice(int which, int who)
{
    long v;

    errno = 0;
    v = syscall(SYS_getpriority, which, who);
    return v;
}

/* In a child, so that each part begins with what this program began with. */
static void in_child(void (*fn)(void))
{
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        fn();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void nice_values(void)
{
    int status;

    PART("nice values");
    show(getpid());
    ut_result("getpriority", get_nice(PRIO_PROCESS, 0));
    ut_result("setpriority 5", setpriority(PRIO_PROCESS, 0, 5));
    ut_result("getpriority", get_nice(PRIO_PROCESS, 0));
    ut_result("by number", get_nice(PRIO_PROCESS, getpid()));
    ut_result("nice(3)", nice(3));
    show(getpid());
    if (fork() == 0)
        _exit((int)get_nice(PRIO_PROCESS, 0));
    wait(&status);
    ut_say("a child has %d", WEXITSTATUS(status));
    ut_result("setpriority 100", setpriority(PRIO_PROCESS, 0, 100));
    ut_result("getpriority", get_nice(PRIO_PROCESS, 0));
    ut_result("setpriority -100", setpriority(PRIO_PROCESS, 0, -100));
    ut_result("getpriority", get_nice(PRIO_PROCESS, 0));
    ut_result("nice(-5)", syscall(SYS_nice, -5));
    ut_result("nice(70)", syscall(SYS_nice, 70));
    ut_result("getpriority", get_nice(PRIO_PROCESS, 0));
    ut_result("nice(INT_MIN)", syscall(SYS_nice, -2147483647 - 1));
    ut_result("getpriority", get_nice(PRIO_PROCESS, 0));
}

static void wrong(void)
{
    PART("whom there is not");
    ut_result("get -1", get_nice(PRIO_PROCESS, -1));
    ut_result("set -1", setpriority(PRIO_PROCESS, -1, 1));
    ut_result("get nobody", get_nice(PRIO_PROCESS, nobody));
    ut_result("set nobody", setpriority(PRIO_PROCESS, nobody, 1));
    ut_result("group nobody", get_nice(PRIO_PGRP, nobody));
    ut_result("set group nobody", setpriority(PRIO_PGRP, nobody, 1));
    ut_result("user 12345", get_nice(PRIO_USER, 12345));
    ut_result("set user 12345", setpriority(PRIO_USER, 12345, 1));
    ut_result("which 3", get_nice(3, 0));
    ut_result("which -1", setpriority((__priority_which_t)-1, 0, 1));
}

static void groups(void)
{
    pid_t child, other;
    int to[2];
    char c;

    PART("groups");
    ut_result("pipe", pipe(to));
    ut_result("setpgid", setpgid(0, 0));
    child = fork();
    if (child == 0) {
        close(to[1]);
        read(to[0], &c, 1);
        _exit(0);
    }
    other = fork();
    if (other == 0) {
        close(to[1]);
        setpgid(0, 0);
        read(to[0], &c, 1);
        _exit(0);
    }
    setpgid(other, other);
    ut_result("setpriority of the group", setpriority(PRIO_PGRP, 0, 4));
    ut_result("the child", get_nice(PRIO_PROCESS, child));
    ut_result("the other", get_nice(PRIO_PROCESS, other));
    ut_result("the child alone", setpriority(PRIO_PROCESS, child, -3));
    ut_result("the group's best", get_nice(PRIO_PGRP, getpgrp()));
    ut_result("the other's group", get_nice(PRIO_PGRP, other));
    show(child);
    close(to[1]);
    waitpid(child, NULL, 0);
    waitpid(other, NULL, 0);
    TRY(setpriority(PRIO_USER, (id_t)-1, 0));
    TRY(syscall(SYS_getpriority, PRIO_USER, -1));
    TRY(syscall(SYS_ioprio_get, 3, -1));
}

static void set(const char *what, pid_t pid, int policy, int priority)
{
    struct sched_param p = {.sched_priority = priority};
    char text[80];

    snprintf(text, sizeof text, "%s: policy %x, priority %d", what, policy, priority);
    ut_result(text, syscall(SYS_sched_setscheduler, pid, policy, &p));
}

static void tell(const char *what)
{
    struct sched_param p = {-1};
    char text[80];

    snprintf(text, sizeof text, "%s: scheduler", what);
    ut_result(text, syscall(SYS_sched_getscheduler, 0));
    snprintf(text, sizeof text, "%s: param", what);
    ut_result(text, syscall(SYS_sched_getparam, 0, &p));
    ut_say("%s: priority %d", what, p.sched_priority);
}

enum { DEADLINE = 6, RESET = 0x40000000 };

static void policies(void)
{
    static const int all[] = {SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, 4, SCHED_IDLE, DEADLINE, 7, -1};
    struct sched_param p = {0};

    PART("policies");
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        ut_say("policy %d", all[i]);
        ut_result("most", sched_get_priority_max(all[i]));
        ut_result("least", sched_get_priority_min(all[i]));
    }
    tell("before");
    set("FIFO", 0, SCHED_FIFO, 7);
    tell("FIFO");
    show(getpid());
    ut_result("setparam 9", syscall(SYS_sched_setparam, 0, &(struct sched_param){9}));
    tell("setparam");
    ut_result("setparam 0", syscall(SYS_sched_setparam, 0, &(struct sched_param){0}));
    ut_result("setparam 100", syscall(SYS_sched_setparam, 0, &(struct sched_param){100}));
    set("RR", 0, SCHED_RR, 99);
    show(getpid());
    ut_result("nice 7", setpriority(PRIO_PROCESS, 0, 7));
    show(getpid());
    set("BATCH", 0, SCHED_BATCH, 0);
    show(getpid());
    set("IDLE", 0, SCHED_IDLE, 0);
    show(getpid());
    set("OTHER", 0, SCHED_OTHER, 0);
    show(getpid());
    set("OTHER", 0, SCHED_OTHER, 1);
    set("FIFO", 0, SCHED_FIFO, 0);
    set("FIFO", 0, SCHED_FIFO, 100);
    set("FIFO", 0, SCHED_FIFO, -1);
    set("unknown", 0, 4, 0);
    set("unknown", 0, 77, 0);
    set("negative", 0, -1, 0);
    set("of nobody", nobody, SCHED_OTHER, 0);
    set("of -1", -1, SCHED_OTHER, 0);
    ut_result("no parameter", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL));
    ut_result("a bad parameter", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, 8));
    ut_result("getparam into nothing", syscall(SYS_sched_getparam, 0, NULL));
    ut_result("getparam of -1", syscall(SYS_sched_getparam, -1, &p));
    ut_result("getparam of nobody", syscall(SYS_sched_getparam, nobody, &p));
    ut_result("getscheduler of -1", syscall(SYS_sched_getscheduler, -1));
    ut_result("getscheduler of nobody", syscall(SYS_sched_getscheduler, nobody));
}

static void children(void)
{
    int status;

    PART("what children begin with");
    set("FIFO", 0, SCHED_FIFO, 3);
    if (fork() == 0)
        _exit(sched_getscheduler(0));
    wait(&status);
    ut_say("a child has policy %d", WEXITSTATUS(status));
    set("FIFO, not for children", 0, SCHED_FIFO | RESET, 3);
    tell("now");
    fflush(stdout);
    if (fork() == 0) {
        tell("the child");
        show(getpid());
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    set("OTHER, not for children", 0, SCHED_OTHER | RESET, 0);
    ut_result("nice -6", setpriority(PRIO_PROCESS, 0, -6));
    if (fork() == 0)
        _exit((int)get_nice(PRIO_PROCESS, 0));
    wait(&status);
    ut_say("a child has %d", WEXITSTATUS(status));
    ut_result("nice 6", setpriority(PRIO_PROCESS, 0, 6));
    if (fork() == 0)
        _exit((int)get_nice(PRIO_PROCESS, 0));
    wait(&status);
    ut_say("a child has %d", WEXITSTATUS(status));
}

static void intervals(void)
{
    struct timespec t = {-1, -1};

    PART("slices");
    set("RR", 0, SCHED_RR, 1);
    ut_result("interval", syscall(SYS_sched_rr_get_interval, 0, &t));
    ut_say("%ld s, %ld ns", (long)t.tv_sec, t.tv_nsec);
    set("FIFO", 0, SCHED_FIFO, 1);
    ut_result("interval", syscall(SYS_sched_rr_get_interval, 0, &t));
    ut_say("%ld s, %ld ns", (long)t.tv_sec, t.tv_nsec);
    ut_result("of -1", syscall(SYS_sched_rr_get_interval, -1, &t));
    ut_result("of nobody", syscall(SYS_sched_rr_get_interval, nobody, &t));
    ut_result("into nothing", syscall(SYS_sched_rr_get_interval, 0, 8));
}

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t more[8];
};

static void tell_attr(const char *what)
{
    struct attr a = {0};

    ut_result(what, syscall(SYS_sched_getattr, 0, &a, 48, 0));
    ut_say("size %u, policy %u, flags %llx, nice %d, priority %u", a.size, a.policy,
           (unsigned long long)a.flags, a.nice, a.priority);
}

static void attributes(void)
{
    struct attr a = {.size = 48, .policy = SCHED_OTHER, .nice = 11};

    PART("attributes");
    tell_attr("before");
    ut_result("nice 11", syscall(SYS_sched_setattr, 0, &a, 0));
    tell_attr("nice 11");
    a = (struct attr){.size = 48, .policy = SCHED_RR, .priority = 12, .flags = 1};
    ut_result("RR", syscall(SYS_sched_setattr, 0, &a, 0));
    tell_attr("RR");
    a.flags = 0x80;
    ut_result("an unknown flag", syscall(SYS_sched_setattr, 0, &a, 0));
    a.flags = 0;
    ut_result("flags of the call", syscall(SYS_sched_setattr, 0, &a, 1));
    a.size = 4;
    ut_result("too short", syscall(SYS_sched_setattr, 0, &a, 0));
    ut_say("size %u or more: %s", 48, a.size >= 48 ? "yes" : "no");
    a.size = sizeof a;
    a.more[7] = 1;
    ut_result("more than is known", syscall(SYS_sched_setattr, 0, &a, 0));
    a.size = sizeof a;
    a.more[7] = 0;
    ut_result("more, and all 0", syscall(SYS_sched_setattr, 0, &a, 0));
    ut_result("into too little", syscall(SYS_sched_getattr, 0, &a, 40, 0));
    ut_result("of nobody", syscall(SYS_sched_getattr, nobody, &a, 48, 0));
    ut_result("of -1", syscall(SYS_sched_setattr, -1, &a, 0));
}

static void disk(void)
{
    /* A class, a level from 0 to 7, and between them hints that are kept. */
    static const unsigned values[] = {
        1 << 13 | 7, 1 << 13 | 9, 2 << 13 | 8, 2 << 13 | 0x1fff, 3 << 13 | 9, 0,        1,
        8,           0x1ff8,      7 << 13,     6 << 13 | 1,      0x14003,     1u << 31, 2 << 13,
    };
    int status;

    PART("priorities at the disk");
    ut_result("best effort 2", syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 2));
    ut_result("get", syscall(SYS_ioprio_get, 1, 0));
    if (fork() == 0)
        _exit(syscall(SYS_ioprio_get, 1, 0) == (2 << 13 | 2));
    wait(&status);
    ut_say("a child has it: %d", WEXITSTATUS(status));
    ut_result("idle", syscall(SYS_ioprio_set, 1, getpid(), 3 << 13));
    ut_result("get", syscall(SYS_ioprio_get, 1, getpid()));
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        ut_result("set", syscall(SYS_ioprio_set, 1, 0, values[i]));
        ut_say("%#x: %#lx", values[i], syscall(SYS_ioprio_get, 1, 0));
    }
    ut_result("class 4", syscall(SYS_ioprio_set, 1, 0, 4 << 13));
    ut_result("whose 0", syscall(SYS_ioprio_set, 0, 0, 2 << 13));
    ut_result("whose 4", syscall(SYS_ioprio_get, 4, 0));
    ut_result("nobody's", syscall(SYS_ioprio_set, 1, nobody, 2 << 13));
    ut_result("nobody's", syscall(SYS_ioprio_get, 1, nobody));
    ut_result("the group's", syscall(SYS_ioprio_set, 2, 0, 2 << 13 | 1));
    ut_result("get", syscall(SYS_ioprio_get, 1, 0));
    ut_result("no group's", syscall(SYS_ioprio_get, 2, nobody));
}

/* User 0 is root for who sets, and whoever asks for who gets, as it is for nice values. */
static void disk_of_user(void)
{
    setuid(54321);
    ut_result("own", syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
    ut_result("user 0", syscall(SYS_ioprio_set, 3, 0, 2 << 13 | 7));
    ut_result("user 0", syscall(SYS_ioprio_get, 3, 0));
    ut_result("own", syscall(SYS_ioprio_get, 1, 0));
    ut_result("the user's", syscall(SYS_ioprio_set, 3, 54321, 2 << 13 | 5));
    ut_result("the user's", syscall(SYS_ioprio_get, 3, 54321));
    ut_result("nobody's", syscall(SYS_ioprio_set, 3, 54322, 2 << 13 | 5));
    ut_result("nice of the user", setpriority(PRIO_USER, 0, 7));
    ut_result("own", getpriority(PRIO_PROCESS, 0));
}

#define SHARE_LEAST_NS 1200000000ull
#define SHARE_MOST_NS  20000000000ull

/* Two that compute all the time. */
static uint64_t used_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t = {0, 0};

    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static pid_t burn(int nice_value, int policy)
{
    pid_t child = fork();

    if (child == 0) {
        struct sched_param p = {0};

        setpriority(PRIO_PROCESS, 0, nice_value);
        if (policy)
            sched_setscheduler(0, policy, &p);
        for (;;)
            ;
    }
    return child;
}

static void share(int nice_value, int policy, unsigned long long least, unsigned long long most)
{
    pid_t a = burn(0, 0), b = burn(nice_value, policy);
    uint64_t a0, b0, first, second, hundredths;

    usleep(50000);
    a0 = used_ns(a);
    b0 = used_ns(b);
    /* What a busy host takes of an emulator's time counts for whoever ran then, and is made up for later. So
     * 1.2 s are looked at, and more of it only if they are not as they should be. */
    do {
        usleep(37000); /* no multiple of anybody's slice */
        first = used_ns(a) - a0;
        second = used_ns(b) - b0;
        hundredths = first * 100 / (second ? second : 1);
    } while (first + second < SHARE_LEAST_NS ||
             (first + second < SHARE_MOST_NS && (hundredths < least || hundredths > most)));
    kill(a, SIGKILL);
    kill(b, SIGKILL);
    waitpid(a, NULL, 0);
    waitpid(b, NULL, 0);
    ut_say("nice %d, policy %d: %s", nice_value, policy,
           hundredths >= least && hundredths <= most ? "in proportion" : "not in proportion");
    if (hundredths < least || hundredths > most)
        ut_say("%llu hundredths", (unsigned long long)hundredths);
}

static void shares(void)
{
    PART("who computes shares by weight");
    share(0, 0, 60, 170);
    share(5, 0, 220, 420);
    share(19, 0, 1000, ~0ull);
    share(0, SCHED_IDLE, 1000, ~0ull);
}

static double milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void compute(uint32_t loops)
{
    for (volatile uint32_t i = 0; i < loops; i++)
        ;
}

/* A real-time program keeps the processor from this one while it computes. It makes no call meanwhile: a call
 * may sleep. */
static void real_time(void)
{
    volatile uint32_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sched_param p = {.sched_priority = 10};
    pid_t child;

    PART("real time");
    child = fork();
    if (child == 0) {
        uint32_t seen, loops = 1000;
        double began;

        do {
            loops *= 2;
            began = milliseconds();
            compute(loops);
        } while (milliseconds() - began < 100);
        sched_setscheduler(0, SCHED_FIFO, &p);
        seen = shared[0];
        compute(loops);
        shared[1] = shared[0] - seen;
        shared[2] = 1;
        _exit(0);
    }
    while (!shared[2])
        shared[0]++;
    waitpid(child, NULL, 0);
    ut_say("others ran meanwhile: %s", shared[1] ? "yes" : "no");
    /* Forever: others get a twentieth, and can end it. */
    child = fork();
    if (child == 0) {
        sched_setscheduler(0, SCHED_FIFO, &p);
        shared[3] = 1;
        for (;;)
            ;
    }
    while (!shared[3])
        usleep(1000);
    ut_result("kill", kill(child, SIGKILL));
    waitpid(child, NULL, 0);
    ut_say("it is gone");
}

UT_PROGRAM(sched)
{
    in_child(nice_values);
    in_child(wrong);
    in_child(groups);
    in_child(policies);
    in_child(children);
    in_child(intervals);
    in_child(attributes);
    in_child(disk);
    in_child(disk_of_user);
    in_child(shares);
    in_child(real_time);
}
