/*
 * Thousands that wait for a time: timers of several processes, and threads that sleep.
 *
 *     timers [TIMERS [THREADS]]        10000 and 2000
 *
 * Each has to come, none too early, in the order of their times, and of one time in the order in which they
 * were armed; others are answered meanwhile; and what a sleep with a limit costs does not grow with those
 * that sleep. Setting the time of day cancels timers that are files, if they ask for it. Instructions have
 * to be counted (--icount): a nanosecond is one, and only so are the costs exact. Says "timers: ok: ..." or
 * "timers: FAILED: ..." for each thing, and exits with the number that failed.
 */
#include "tests/user/check.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 20u
#define ROUNDS    400u
#define STACK     16384u

/* A permutation of n that jumps about; place by place. */
static unsigned shuffled(unsigned i, unsigned n)
{
    unsigned step = 7919; /* a prime */

    return (unsigned)((uint64_t)i * step % n);
}

/* --- timers --- */

/* What one process found. */
struct found {
    unsigned made, came, early, disorder;
    int why;          /* the last timer_create() failed with that */
    uint64_t late_ns; /* the latest */
};

static int make(unsigned value, int *id)
{
    struct sigevent e = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = (int)value};

    return (int)syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, id);
}

/* `many` timers, two for each time. They begin when `begin` can be read, and end in order. */
static void live_by_timers(unsigned many, int begin, struct found *f)
{
    int *id = calloc(many, sizeof *id);
    uint64_t *due = calloc(many, sizeof *due), start;
    int64_t last = -1;
    sigset_t set;
    char c;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (f->made < many && make(f->made, &id[f->made]) == 0)
        f->made++;
    f->why = f->made < many ? errno : 0;
    if (read(begin, &c, 1) != 1)
        return;
    start = now_ns() + SECOND;
    for (unsigned i = 0; i < f->made; i++) {
        struct itimerspec t = {{0, 0}, {0, 0}};

        due[i] = start + shuffled(i, f->made) / 2 * 2 * MS / 10;
        t.it_value = spec(due[i]);
        syscall(SYS_timer_settime, id[i], TIMER_ABSTIME, &t, NULL);
    }
    for (; f->came < f->made; f->came++) {
        struct timespec limit = {20, 0};
        siginfo_t info;
        uint64_t at;

        if (sigtimedwait(&set, &info, &limit) != SIGRTMIN)
            return;
        at = now_ns();
        unsigned i = (unsigned)info.si_value.sival_int;

        f->early += at < due[i];
        if (at > due[i] && at - due[i] > f->late_ns)
            f->late_ns = at - due[i];
        if (last >= 0)
            f->disorder += due[last] > due[i] || (due[last] == due[i] && last > (int64_t)i);
        last = i;
    }
}

static void many_timers(unsigned timers)
{
    struct found *f =
        mmap(NULL, PROCESSES * sizeof *f, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct rlimit limit, before;
    uint64_t began = now_ns(), longest = 0, late = 0;
    unsigned made = 0, came = 0, early = 0, disorder = 0, ended = 0;
    int begin[2], id;

    if (pipe(begin) != 0)
        exit(99);
    getrlimit(RLIMIT_SIGPENDING, &before);
    limit.rlim_cur = limit.rlim_max = timers;
    check(setrlimit(RLIMIT_SIGPENDING, &limit) == 0, "root may have more than the %lu it has",
          (unsigned long)before.rlim_cur);
    for (unsigned n = 0; n < PROCESSES; n++)
        if (fork() == 0) {
            live_by_timers(timers / PROCESSES, begin[0], &f[n]);
            _exit(0);
        }
    for (unsigned n = 0; n < PROCESSES; n++)
        for (unsigned wait = 0; wait < 1000 && f[n].made < timers / PROCESSES && !f[n].why; wait++)
            usleep(10000);
    bool refused = make(0, &id) != 0;

    check(refused && errno == EAGAIN, "one timer more than RLIMIT_SIGPENDING: %s", strerror(errno));
    for (unsigned n = 0; n < PROCESSES; n++)
        if (write(begin[1], "", 1) != 1)
            exit(99);
    printf("timers: made after %llu ms\n", (unsigned long long)((now_ns() - began) / MS));
    /* Is this process still answered? */
    while (ended < PROCESSES) {
        uint64_t t = now_ns();

        usleep(10000);
        t = now_ns() - t - 10 * MS;
        longest = t > longest ? t : longest;
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ended++;
    }
    for (unsigned n = 0; n < PROCESSES; n++) {
        made += f[n].made;
        came += f[n].came;
        early += f[n].early;
        disorder += f[n].disorder;
        late = f[n].late_ns > late ? f[n].late_ns : late;
    }
    check(made == timers, "%u timers of %u could be made", made, timers);
    check(came == timers, "%u timers came", came);
    check(early == 0 && disorder == 0, "%u too early, %u out of order; the latest %llu us late", early,
          disorder, (unsigned long long)(late / 1000));
    check(longest < SECOND / 2, "a sleep of 10 ms took %llu us more at most",
          (unsigned long long)(longest / 1000));
    setrlimit(RLIMIT_SIGPENDING, &before);
    munmap(f, PROCESSES * sizeof *f);
}

/* All expire while their signal is blocked, in one process. */
static void all_at_once(unsigned timers)
{
    const struct rlimit limit = {timers + 1, timers + 1};
    struct itimerspec t = {{0, 0}, {0, 1}};
    int *id = calloc(timers, sizeof *id);
    unsigned came = 0;
    uint64_t began;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    setrlimit(RLIMIT_SIGPENDING, &limit);
    for (unsigned i = 0; i < timers; i++)
        if (make(i, &id[i]) != 0)
            exit(98);
    t.it_value = spec(now_ns() + SECOND / 2);
    for (unsigned i = 0; i < timers; i++)
        syscall(SYS_timer_settime, id[i], TIMER_ABSTIME, &t, NULL);
    usleep((useconds_t)(SECOND / 1000)); /* all of them are pending then */
    began = now_ns();
    while (sigtimedwait(&set, NULL, &(struct timespec){0, 0}) == SIGRTMIN)
        came++;
    check(came == timers, "%u of %u that expired at once; taking one costs %llu ns", came, timers,
          (unsigned long long)((now_ns() - began) / timers));
    for (unsigned i = 0; i < timers; i++)
        syscall(SYS_timer_delete, id[i]);
}

/* --- sleepers --- */

struct sleeper {
    uint64_t due, woke;
};

static struct sleeper *sleepers;
static unsigned sleeping, awake, *order;

static void *sleep_until(void *arg)
{
    unsigned i = (unsigned)(uintptr_t)arg;
    struct timespec t = spec(sleepers[i].due);

    __atomic_fetch_add(&sleeping, 1, __ATOMIC_RELAXED);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
    order[__atomic_fetch_add(&awake, 1, __ATOMIC_RELAXED)] = i;
    sleepers[i].woke = now_ns();
    return NULL;
}

/* Two threads wake each other by turns, out of sleeps with a limit. */
static int turn;
static bool with_limit;

static void take_turns(int mine)
{
    const struct timespec limit = {5, 0};

    for (unsigned i = 0; i < ROUNDS; i++) {
        int t;

        while ((t = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine)
            syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, t, with_limit ? &limit : NULL, NULL, 0);
        __atomic_store_n(&turn, !mine, __ATOMIC_RELEASE);
        syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static void *other_turns(void *arg)
{
    take_turns(1);
    return arg;
}

/* Nanoseconds of a round trip. */
static uint64_t round_trip(bool limit)
{
    pthread_t other;
    uint64_t began;

    with_limit = limit;
    turn = 0;
    if (pthread_create(&other, NULL, other_turns, NULL) != 0)
        exit(97);
    usleep(1000);
    began = now_ns();
    take_turns(0);
    pthread_join(other, NULL);
    return (now_ns() - began) / ROUNDS;
}

static void many_sleepers(unsigned threads)
{
    uint64_t alone[2] = {round_trip(false), round_trip(true)}, among[2], start, late = 0;
    pthread_t *t = calloc(threads, sizeof *t);
    unsigned made = 0, early = 0, disorder = 0;
    FILE *f = fopen("/proc/sys/kernel/threads-max", "we");
    pthread_attr_t attr;

    if (!f || fprintf(f, "%u", 2 * threads) < 0 || fclose(f) != 0)
        exit(96);
    sleepers = calloc(threads, sizeof *sleepers);
    order = calloc(threads, sizeof *order);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    start = now_ns() + 2 * SECOND;
    for (; made < threads; made++) {
        sleepers[made].due = start + shuffled(made, threads) / 2 * MS;
        if (pthread_create(&t[made], &attr, sleep_until, (void *)(uintptr_t)made) != 0)
            break;
    }
    check(made == threads, "%u threads of %u", made, threads);
    while (__atomic_load_n(&sleeping, __ATOMIC_RELAXED) < made)
        usleep(1000);
    among[0] = round_trip(false);
    among[1] = round_trip(true);
    check(now_ns() < start, "all sleep, and there are %lld ms left",
          (long long)(start - now_ns()) / (long long)MS);
    for (unsigned i = 0; i < made; i++)
        pthread_join(t[i], NULL);
    for (unsigned i = 0; i < made; i++) {
        const struct sleeper *s = &sleepers[i];

        early += s->woke < s->due;
        late = s->woke > s->due && s->woke - s->due > late ? s->woke - s->due : late;
        /* One that has just woken may have to give way to those of the next tick. */
        if (i)
            disorder += sleepers[order[i - 1]].due > sleepers[order[i]].due;
    }
    check(awake == made && early == 0, "%u woke, %u too early; the latest %llu us late", awake, early,
          (unsigned long long)(late / 1000));
    check(disorder <= made / 50, "%u out of order", disorder);
    printf("timers: a round trip of two threads: %llu ns, among %u sleepers %llu; with a limit %llu, among "
           "them %llu\n",
           (unsigned long long)alone[0], made, (unsigned long long)among[0], (unsigned long long)alone[1],
           (unsigned long long)among[1]);
    check(among[1] < alone[1] + alone[1] / 2, "a sleep with a limit costs the same among %u sleepers", made);
}

/* --- setting the time of day --- */

static uint64_t of_day(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void set_day(uint64_t ns)
{
    struct timespec t = spec(ns);

    if (clock_settime(CLOCK_REALTIME, &t) != 0)
        check(false, "the time of day cannot be set");
}

static int timer_at(uint64_t ns, int flags)
{
    struct itimerspec t = {.it_value = spec(ns)};
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);

    timerfd_settime(fd, flags, &t, NULL);
    return fd;
}

/* What a read says: how often it expired, or -errno. */
static long long taken(int fd)
{
    uint64_t n;

    return read(fd, &n, sizeof n) == sizeof n ? (long long)n : -errno;
}

static void cancelled(void)
{
    uint64_t day = of_day(), begin = now_ns();
    int asks = timer_at(day + 100 * SECOND, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET),
        other = timer_at(day + 5 * SECOND, TFD_TIMER_ABSTIME), span = timer_at(5 * SECOND, 0);
    struct pollfd p = {.fd = asks, .events = POLLIN};
    struct itimerspec again = {.it_value = spec(day + 200 * SECOND)};

    check(poll(&p, 1, 0) == 0, "nothing is told before the clock is set");
    set_day(day + 20 * SECOND);
    check(poll(&p, 1, 1000) == 1 && taken(asks) == -ECANCELED, "who asked for it is told that it was set");
    check(taken(asks) == -EAGAIN && poll(&p, 1, 0) == 0, "once");
    usleep(1000);
    check(taken(other) == 1, "a time of day that has come by it is there");
    check(taken(span) == -EAGAIN, "a span of time is not over");
    set_day(day + 30 * SECOND);
    check(timerfd_settime(asks, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &again, NULL) == -1 &&
              errno == ECANCELED,
          "setting the timer tells it too");
    check(taken(asks) == -EAGAIN, "once");
    check(timerfd_settime(asks, TFD_TIMER_ABSTIME, &again, NULL) == 0, "a timer that does not ask any more");
    set_day(day + (now_ns() - begin));
    check(taken(asks) == -EAGAIN, "is not told");
    close(asks);
    close(other);
    close(span);
}

int main(int argc, char **argv)
{
    unsigned timers = argc > 1 ? (unsigned)atoi(argv[1]) : 10000,
             threads = argc > 2 ? (unsigned)atoi(argv[2]) : 2000;

    cancelled();
    many_timers(timers);
    all_at_once(timers);
    many_sleepers(threads);
    printf("timers: done, %u failed\n", failed);
    return failed > 99 ? 99 : (int)failed;
}
