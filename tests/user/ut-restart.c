/* Waits with a limit that a stop and a continue interrupt: the limit stays where it was. */
#include "tests/user/ut.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/select.h>
#include <time.h>

#define WAIT_MS 1000
#define STEP_MS 300 /* between two interruptions: less than the wait, and two are more than half of it */

static const struct timespec limit = {.tv_sec = WAIT_MS / 1000, .tv_nsec = WAIT_MS % 1000 * 1000000};

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static uint32_t word;

static long futex_wait(void)
{
    return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &limit, NULL, 0);
}

static long futex_wait_shared(void)
{
    uint32_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return syscall(SYS_futex, shared, FUTEX_WAIT, 0, &limit, NULL, 0);
}

static long futex_wait_bitset(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += limit.tv_sec;
    return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &at, NULL, 1);
}

static long poll_nothing(void)
{
    return poll(NULL, 0, WAIT_MS);
}

static long poll_pipe(void)
{
    int pipes[2];

    if (pipe(pipes) != 0)
        return -2;
    struct pollfd p[10];

    for (unsigned i = 0; i < 10; i++)
        p[i] = (struct pollfd){.fd = pipes[0], .events = POLLIN};
    return poll(p, 10, WAIT_MS);
}

static long ppoll_nothing(void)
{
    return ppoll(NULL, 0, &limit, NULL);
}

static long select_nothing(void)
{
    struct timeval t = {.tv_sec = limit.tv_sec};

    return select(0, NULL, NULL, NULL, &t);
}

static long pselect_nothing(void)
{
    return pselect(0, NULL, NULL, NULL, &limit, NULL);
}

static long sleeping(void)
{
    return nanosleep(&limit, NULL);
}

static long sleeping_until(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += limit.tv_sec;
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* A limit that cannot be written: it cannot be told what is left of it, so the call does not go on. */
static long select_read_only(void)
{
    struct timeval *t = (struct timeval *)ut_map(1, PROT_READ | PROT_WRITE);

    t->tv_sec = limit.tv_sec;
    mprotect(t, PAGE, PROT_READ);
    return syscall(SYS__newselect, 0, NULL, NULL, NULL, t);
}

static const struct wait {
    const char *name;
    long (*call)(void);
} waits[] = {
    {"futex wait", futex_wait},
    {"futex wait, shared", futex_wait_shared},
    {"futex wait bitset", futex_wait_bitset},
    {"poll", poll_nothing},
    {"poll of many", poll_pipe},
    {"ppoll", ppoll_nothing},
    {"select", select_nothing},
    {"pselect", pselect_nothing},
    {"nanosleep", sleeping},
    {"clock_nanosleep", sleeping_until},
    {"select, limit read-only", select_read_only},
};
#define WAITS (sizeof waits / sizeof waits[0])

struct outcome {
    long rc;
    int err;
    long long ms;
};

static void interrupted(bool with_handler)
{
    struct outcome *outcome = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid[WAITS];

    for (unsigned i = 0; i < WAITS; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            long long begun = now_ms();

            outcome[i].rc = waits[i].call();
            outcome[i].err = errno;
            outcome[i].ms = now_ms() - begun;
            _exit(0);
        }
    }
    for (unsigned i = 0; i < WAITS; i++)
        if (!ut_wait_state(pid[i], 'S'))
            ut_say("%s: does not wait", waits[i].name);
    for (unsigned n = 0; n < (with_handler ? 1 : 2); n++) {
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
        for (unsigned i = 0; i < WAITS; i++)
            kill(pid[i], with_handler ? SIGUSR1 : SIGSTOP);
        for (unsigned i = 0; i < WAITS && !with_handler; i++)
            kill(pid[i], SIGCONT);
    }
    for (unsigned i = 0; i < WAITS; i++) {
        const struct outcome *o = &outcome[i];
        int status;

        waitpid(pid[i], &status, 0);
        ut_say("%s: %s, %ld %s, %s", waits[i].name, ut_status(status), o->rc,
               o->rc < 0 ? ut_errno(o->err) : "",
               o->ms < WAIT_MS - 10                  ? "early"
               : o->ms < WAIT_MS + 2 * STEP_MS - 100 ? "in time"
                                                     : "late");
    }
    munmap(outcome, PAGE);
}

static void on_signal(int signo)
{
    (void)signo;
}

UT_PROGRAM(restart)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    PART("stopped and continued, twice");
    interrupted(false);
    PART("interrupted by a handler, with SA_RESTART");
    sigaction(SIGUSR1, &action, NULL);
    interrupted(true);
}
