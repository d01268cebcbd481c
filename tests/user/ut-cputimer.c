/* Timers on the processor time of other processes and threads, and the limit for real-time tasks that never
 * sleep. */
#include "tests/user/ut.h"
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#define MS 1000000l

/* --- timers on others' time --- */

enum { PROF, VIRT, SCHED, NONE, PER_THREAD };

static clockid_t clock_of(int id, int kind)
{
    return (clockid_t)(~(unsigned)id << 3 | (unsigned)kind);
}

static long create(clockid_t clock, int notify, int *id)
{
    struct sigevent e = {.sigev_notify = notify, .sigev_signo = SIGUSR1};

    return syscall(SYS_timer_create, clock, &e, id);
}

static long settime(int id, int flags, long value_ms, long interval_ms)
{
    struct itimerspec new = {.it_value = {value_ms / 1000, value_ms % 1000 * MS},
                             .it_interval = {interval_ms / 1000, interval_ms % 1000 * MS}};

    return syscall(SYS_timer_settime, id, flags, &new, NULL);
}

/* What is left in ms, rounded up; -1: an error. */
static long left(int id)
{
    struct itimerspec now;

    if (syscall(SYS_timer_gettime, id, &now) != 0)
        return -1;
    return now.it_value.tv_sec * 1000 + (now.it_value.tv_nsec + MS - 1) / MS;
}

/* Whether the signal comes within some seconds. */
static const char *wait_signal(long ms)
{
    static char text[64];
    struct timespec limit = {ms / 1000, ms % 1000 * MS};
    siginfo_t info;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (sigtimedwait(&set, &info, &limit) < 0)
        return ut_errno(errno);
    snprintf(text, sizeof text, "%s, code %d", ut_signal(info.si_signo), info.si_code);
    return text;
}

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static pid_t burner(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (volatile unsigned i = 0;; i++)
            ;
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void *wait_for_byte(void *arg)
{
    char c;

    *(int *)arg = (int)syscall(SYS_gettid);
    read(((int *)arg)[1], &c, 1);
    return NULL;
}

static void whose(void)
{
    int id, fds[2], thread[2] = {0};
    pid_t child = sleeper(), zombie = fork();
    pthread_t t;

    if (zombie == 0)
        _exit(0);
    if (pipe(fds) != 0)
        return;
    thread[1] = fds[0];
    PART("whose time may be told");
    for (int kind = PROF; kind <= NONE; kind++) {
        SHOW(kind);
        TRY(create(clock_of(0, kind), SIGEV_SIGNAL, &id));
        TRY(create(clock_of(getpid(), kind), SIGEV_SIGNAL, &id));
        TRY(create(clock_of(child, kind), SIGEV_SIGNAL, &id));
        TRY(create(clock_of(1, kind), SIGEV_SIGNAL, &id));
        TRY(create(clock_of(4000000, kind), SIGEV_SIGNAL, &id));
        TRY(create(clock_of(0, kind | PER_THREAD), SIGEV_SIGNAL, &id));
        TRY(create(clock_of(getpid(), kind | PER_THREAD), SIGEV_SIGNAL, &id));
        TRY(create(clock_of(child, kind | PER_THREAD), SIGEV_SIGNAL, &id));
        TRY(create(clock_of(4000000, kind | PER_THREAD), SIGEV_SIGNAL, &id));
    }
    ut_wait_state(zombie, 'Z');
    TRY(create(clock_of(zombie, SCHED), SIGEV_SIGNAL, &id));
    waitpid(zombie, NULL, 0);
    TRY(settime(id, 0, 100, 0));
    TRY(left(id));
    TRY(create(clock_of(zombie, SCHED), SIGEV_SIGNAL, &id));
    pthread_create(&t, NULL, wait_for_byte, thread);
    while (!((volatile int *)thread)[0])
        usleep(1000);
    TRY(create(clock_of(thread[0], SCHED), SIGEV_SIGNAL, &id));
    TRY(create(clock_of(thread[0], SCHED | PER_THREAD), SIGEV_SIGNAL, &id));
    TRY(settime(id, 0, 300, 0));
    SHOW(left(id));
    write(fds[1], "x", 1);
    pthread_join(t, NULL);
    usleep(100000);
    TRY(settime(id, 0, 100, 0));
    TRY(left(id));
    TRY(create(clock_of(thread[0], SCHED | PER_THREAD), SIGEV_SIGNAL, &id));
    close(fds[0]);
    close(fds[1]);
    end(child);
}

static void of_a_child(void)
{
    int id, again, virtual, quiet;
    pid_t child = sleeper();

    PART("of one that sleeps");
    ut_wait_state(child, 'S');
    TRY(create(clock_of(child, SCHED), SIGEV_SIGNAL, &id));
    TRY(settime(id, 0, 40, 0));
    SHOW(left(id));
    ut_say("%s", wait_signal(100));
    SHOW(left(id));
    end(child);
    TRY(left(id));
    TRY(settime(id, 0, 40, 0));
    TRY(syscall(SYS_timer_getoverrun, id));
    TRY(syscall(SYS_timer_delete, id));
    PART("of one that computes");
    child = burner();
    for (int kind = PROF; kind <= SCHED; kind++) {
        SHOW(kind);
        TRY(create(clock_of(child, kind), SIGEV_SIGNAL, &id));
        TRY(settime(id, 0, 60, 0));
        ut_say("%s", wait_signal(20000));
        SHOW(left(id));
        TRY(settime(id, TIMER_ABSTIME, 1, 0));
        ut_say("%s", wait_signal(20000));
        TRY(syscall(SYS_timer_delete, id));
    }
    TRY(create(clock_of(child, SCHED), SIGEV_SIGNAL, &again));
    TRY(settime(again, 0, 30, 20));
    for (unsigned i = 0; i < 3; i++)
        ut_say("again: %s", wait_signal(20000));
    TRY(create(clock_of(child, VIRT), SIGEV_SIGNAL, &virtual));
    TRY(create(clock_of(child, SCHED), SIGEV_NONE, &quiet));
    TRY(settime(again, 0, 0, 0));
    TRY(settime(quiet, 0, 30, 0));
    TRY(settime(virtual, 0, 60000, 0));
    usleep(300000);
    while (strcmp(wait_signal(0), "EAGAIN") != 0)
        ;
    SHOW(left(quiet) <= 30);
    SHOW(left(virtual) > 0 && left(virtual) < 60000);
    end(child);
    ut_say("after its end: %s", wait_signal(50));
    TRY(left(virtual));
    TRY(settime(virtual, 0, 40, 0));
    TRY(left(quiet));
    /* They go with who made them. */
    child = burner();
    TRY(create(clock_of(child, SCHED), SIGEV_SIGNAL, &id));
    TRY(settime(id, 0, 40, 40));
    pid_t pid = fork();
    if (pid == 0) {
        TRY(create(clock_of(child, SCHED), SIGEV_SIGNAL, &id));
        TRY(settime(id, 0, 40, 40));
        ut_say("another's: %s", wait_signal(20000));
        TRY(create(clock_of(getppid(), SCHED), SIGEV_SIGNAL, &id));
        TRY(settime(id, 0, 40000, 40));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ut_say("mine: %s", wait_signal(20000));
    end(child);
}

/* --- RLIMIT_RTTIME --- */

static volatile sig_atomic_t *told;

static void count(int signo)
{
    (void)signo;
    ++*told;
}

static void be_urgent(int policy, unsigned soft_ms, unsigned hard_ms)
{
    struct rlimit limit = {soft_ms * 1000, hard_ms ? hard_ms * 1000 : RLIM_INFINITY};
    struct sched_param one = {1};

    TRY(setrlimit(RLIMIT_RTTIME, &limit));
    TRY(sched_setscheduler(0, policy, &one));
}

/* Whether so much time has gone by. */
static bool is_over(const struct timespec *since, long ms)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / MS >= ms;
}

static void compute(long ms)
{
    struct timespec start;

    clock_gettime(CLOCK_MONOTONIC, &start);
    while (!is_over(&start, ms))
        ;
}

/* Without a call, which may sleep where the kernel sleeps on purpose; for 20 s at most. */
static void spin(void)
{
    alarm(20);
    for (volatile unsigned i = 0;; i++)
        ;
}

static void until_killed(void)
{
    signal(SIGXCPU, count);
    be_urgent(SCHED_FIFO, 200, 2000);
    spin();
}

static void by_default(void)
{
    be_urgent(SCHED_RR, 200, 0);
    spin();
}

static void told_once(void)
{
    struct rlimit now;

    signal(SIGXCPU, count);
    be_urgent(SCHED_RR, 200, 0);
    alarm(20);
    while (!*told)
        ;
    alarm(0);
    getrlimit(RLIMIT_RTTIME, &now);
    SHOW(now.rlim_cur);
    SHOW(now.rlim_max == RLIM_INFINITY);
}

static void sleeps(void)
{
    be_urgent(SCHED_FIFO, 1500, 1500);
    for (unsigned i = 0; i < 12; i++) {
        compute(200);
        usleep(1000);
    }
}

static void inherited(void)
{
    pid_t pid;

    be_urgent(SCHED_FIFO, 200, 0);
    pid = fork();
    if (pid == 0) {
        spin();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    ut_say("a child's child: %s", ut_status(status));
}

static void is_not_urgent(void)
{
    struct rlimit limit = {50000, 100000};

    TRY(setrlimit(RLIMIT_RTTIME, &limit));
    compute(500);
}

static void real_time(void)
{
    told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    PART("real-time tasks that do not sleep");
    ut_child("until it is killed", until_killed);
    SHOW(*told >= 1);
    *told = 0;
    ut_child("by default", by_default);
    ut_child("told", told_once);
    SHOW(*told);
    ut_child("one that sleeps", sleeps);
    ut_child("a child", inherited);
    ut_child("one that is not urgent", is_not_urgent);
}

UT_PROGRAM(cputimer)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    whose();
    of_a_child();
    real_time();
}
