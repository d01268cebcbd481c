/*
 * How long things take that end at a time, on a machine that has nothing else to do.
 *
 *     sleeps [MOST]     interrupts in a second of sleep; 3
 *
 * Sleeps and limits of every kind of call end when they are over; nothing interrupts a machine that waits; a
 * child runs soon although its parent computes; who is interrupted for another does not lose his turn; load
 * averages are exact over times without a tick. Instructions have to be counted (--icount): else the host's
 * other work is in the times. Says "sleeps: ok: ..." or "sleeps: FAILED: ..." for each thing, and exits with
 * the number that failed.
 */
#include "tests/user/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct timeval val(uint64_t ns)
{
    return (struct timeval){(time_t)(ns / SECOND), (long)(ns % SECOND / US)};
}

/* --- the ways to wait; each for ns --- */

static void by_nanosleep(uint64_t ns)
{
    struct timespec t = spec(ns);

    nanosleep(&t, NULL);
}

static void by_clock(clockid_t clock, uint64_t ns)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t = spec((uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec + ns);
    clock_nanosleep(clock, TIMER_ABSTIME, &t, NULL);
}

static void by_monotonic(uint64_t ns)
{
    by_clock(CLOCK_MONOTONIC, ns);
}

static void by_realtime(uint64_t ns)
{
    by_clock(CLOCK_REALTIME, ns);
}

static void by_poll(uint64_t ns)
{
    poll(NULL, 0, (int)(ns / MS));
}

static void by_ppoll(uint64_t ns)
{
    struct timespec t = spec(ns);

    ppoll(NULL, 0, &t, NULL);
}

static void by_select(uint64_t ns)
{
    struct timeval t = val(ns);

    select(0, NULL, NULL, NULL, &t);
}

static void by_pselect(uint64_t ns)
{
    struct timespec t = spec(ns);

    pselect(0, NULL, NULL, NULL, &t, NULL);
}

static void by_futex(uint64_t ns)
{
    struct timespec t = spec(ns);
    uint32_t word = 0;

    syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0);
}

static void by_condition(uint64_t ns)
{
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t c = PTHREAD_COND_INITIALIZER;
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t = spec((uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec + ns);
    pthread_mutex_lock(&m);
    pthread_cond_timedwait(&c, &m, &t);
    pthread_mutex_unlock(&m);
}

static sigset_t alarms;

static void by_sigtimedwait(uint64_t ns)
{
    struct timespec t = spec(ns);

    sigtimedwait(&alarms, NULL, &t);
}

static void by_itimer(uint64_t ns)
{
    struct itimerval t = {.it_value = val(ns)};

    setitimer(ITIMER_REAL, &t, NULL);
    sigwaitinfo(&alarms, NULL);
}

static void by_timer(clockid_t clock, uint64_t ns)
{
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec t = {.it_value = spec(ns)};
    timer_t timer;

    if (timer_create(clock, &e, &timer))
        return;
    timer_settime(timer, 0, &t, NULL);
    sigwaitinfo(&alarms, NULL);
    timer_delete(timer);
}

static void by_timer_monotonic(uint64_t ns)
{
    by_timer(CLOCK_MONOTONIC, ns);
}

static void by_timer_realtime(uint64_t ns)
{
    by_timer(CLOCK_REALTIME, ns);
}

/* A sleep while timers of other times are armed, which must neither delay nor shorten it. */
static void by_sleep_among_timers(uint64_t ns)
{
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer[8];

    for (unsigned i = 0; i < 8; i++) {
        struct itimerspec t = {.it_value = spec(ns / 7 * (i + 1))};

        timer_create(CLOCK_MONOTONIC, &e, &timer[i]);
        timer_settime(timer[i], 0, &t, NULL);
    }
    by_nanosleep(ns); /* the signal is blocked */
    for (unsigned i = 0; i < 8; i++)
        timer_delete(timer[i]);
}

static void waits(void)
{
    static const struct {
        const char *name;
        void (*wait)(uint64_t ns);
        uint64_t unit;
    } way[] = {
        {"nanosleep", by_nanosleep, 1},
        {"clock_nanosleep of time since boot", by_monotonic, 1},
        {"clock_nanosleep of the time of day", by_realtime, 1},
        {"poll", by_poll, MS},
        {"ppoll", by_ppoll, 1},
        {"select", by_select, 1},
        {"pselect", by_pselect, 1},
        {"a futex", by_futex, 1},
        {"a condition", by_condition, 1},
        {"sigtimedwait", by_sigtimedwait, 1},
        {"setitimer", by_itimer, 1},
        {"a timer of time since boot", by_timer_monotonic, 1},
        {"a timer of the time of day", by_timer_realtime, 1},
        {"nanosleep among timers", by_sleep_among_timers, 1},
    };
    /* Around a tick, around what the timer of the PC can count to, and beyond. */
    static const uint64_t length[] = {100 * US, MS,      3900 * US, 4 * MS,   4100 * US, 50 * MS,
                                      54 * MS,  55 * MS, 56 * MS,   110 * MS, SECOND};

    for (unsigned w = 0; w < sizeof way / sizeof way[0]; w++) {
        uint64_t latest = 0, at_length = 0;
        unsigned early = 0;

        for (unsigned l = 0; l < sizeof length / sizeof length[0]; l++)
            for (unsigned n = length[l] <= MS ? 20 : 2; n; n--) {
                uint64_t start = now_ns(), took;

                if (length[l] % way[w].unit)
                    continue;
                way[w].wait(length[l]);
                took = now_ns() - start;
                if (took < length[l]) {
                    early++;
                } else if (took - length[l] > latest) {
                    latest = took - length[l];
                    at_length = length[l];
                }
            }
        check(!early && latest <= 300 * US, "%s: %u too early, the latest %llu us after %llu us", way[w].name,
              early, (unsigned long long)(latest / US), (unsigned long long)(at_length / US));
    }
}

/* --- interrupts --- */

/* All that there were since boot. */
static unsigned long long interrupts(void)
{
    static char text[16384];
    int fd = open("/proc/stat", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    const char *line;

    close(fd);
    text[n > 0 ? n : 0] = 0;
    line = strstr(text, "\nintr ");
    return line ? strtoull(line + 6, NULL, 10) : 0;
}

static void idle(unsigned most)
{
    for (unsigned i = 0; i < 3; i++) {
        unsigned long long before = interrupts(), came;

        by_nanosleep(SECOND);
        came = interrupts() - before;
        check(before && came >= 1 && came <= most, "a second of sleep: %llu interrupts", came);
    }
}

/* --- turns --- */

struct turns {
    volatile uint64_t began, work[3];
    volatile bool stop;
};

static struct turns *shared;

/* Who waits for a line of the kernel's log has it at once. */
static void log_latency(void)
{
    static char text[32768];
    volatile uint64_t *came = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = open("/dev/kmsg", O_WRONLY);
    uint64_t said;
    pid_t pid = fork();

    if (pid == 0) {
        while (klogctl(9, NULL, 0) > 0) /* what has not been read yet */
            klogctl(2, text, sizeof text);
        klogctl(2, text, sizeof text);
        *came = now_ns();
        _exit(0);
    }
    by_nanosleep(123 * MS);
    said = now_ns();
    if (write(fd, "a line for who waits\n", 21) != 21)
        kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    check(*came > said && *came - said < 2 * MS, "a line of the log is read %llu us after it was written",
          (unsigned long long)((*came - said) / US));
    munmap((void *)came, 4096);
    close(fd);
}

static void child_latency(void)
{
    uint64_t worst = 0;

    for (unsigned i = 0; i < 10; i++) {
        uint64_t start;
        pid_t pid;

        shared->began = 0;
        by_nanosleep(1700 * US); /* at another place between two ticks */
        start = now_ns();
        pid = fork();
        if (pid == 0) {
            shared->began = now_ns();
            _exit(0);
        }
        while (!shared->began && now_ns() - start < SECOND)
            ;
        if (!shared->began)
            shared->began = now_ns();
        if (shared->began - start > worst)
            worst = shared->began - start;
        waitpid(pid, NULL, 0);
    }
    check(worst <= 5 * MS, "a child runs %llu us after fork, while its parent computes",
          (unsigned long long)(worst / US));
}

/* Compute in a process of its own; which: whose work it is. */
static pid_t compute(unsigned which, uint64_t sleep_ns, uint64_t work)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    while (!shared->stop) {
        for (uint64_t i = 0; i < work; i++)
            shared->work[which]++;
        if (sleep_ns)
            by_nanosleep(sleep_ns);
    }
    _exit(0);
}

/*
 * Two compute, and a third sleeps again and again for short times: it takes what it needs from either, and
 * they share the rest.
 */
static void fairness(const char *what, uint64_t sleep_ns, uint64_t work)
{
    pid_t pid[3];
    uint64_t a, b;

    memset(shared, 0, sizeof *shared);
    pid[0] = compute(0, 0, 1000);
    pid[1] = compute(1, 0, 1000);
    pid[2] = compute(2, sleep_ns, work);
    by_nanosleep(1200 * MS);
    shared->stop = true;
    for (unsigned i = 0; i < 3; i++)
        waitpid(pid[i], NULL, 0);
    a = shared->work[0];
    b = shared->work[1];
    check(a < b + b / 6 && b < a + a / 6, "%s: two who compute did %llu and %llu, who sleeps %llu", what,
          (unsigned long long)a, (unsigned long long)b, (unsigned long long)shared->work[2]);
    check(shared->work[2] < (a + b) * 3 / 5, "%s: who sleeps gets no more than his third", what);
}

/* Sleeps end in time although others compute. */
static void among_busy(void)
{
    uint64_t latest = 0;
    pid_t pid[2];

    memset(shared, 0, sizeof *shared);
    pid[0] = compute(0, 0, 1000);
    pid[1] = compute(1, 0, 1000);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t start = now_ns(), took;

        by_nanosleep(MS);
        took = now_ns() - start - MS;
        if (took > latest)
            latest = took;
    }
    shared->stop = true;
    for (unsigned i = 0; i < 2; i++)
        waitpid(pid[i], NULL, 0);
    check(latest <= 300 * US, "a sleep of 1 ms while two compute: the latest %llu us",
          (unsigned long long)(latest / US));
}

/*
 * A hundred compute. A round of them is not as many slices; who slept is not kept waiting for it, and no more
 * is who waits for another who slept.
 */
static void in_a_crowd(void)
{
    enum { CROWD = 100, TIMES = 3 };
    uint64_t gap = 0, late = 0, answer = 0, last, now, start;
    static pid_t pid[CROWD];
    pid_t echo;
    int go[2], ask[2], tell[2];
    char c;

    if (pipe(go) != 0 || pipe(ask) != 0 || pipe(tell) != 0)
        return;
    memset(shared, 0, sizeof *shared);
    echo = fork();
    if (echo == 0) {
        close(go[1]);
        while (read(ask[0], &c, 1) == 1 && write(tell[1], &c, 1) == 1)
            ;
        _exit(0);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            close(go[1]);
            if (read(go[0], &c, 1) == 0)
                for (;;) /* an emulator has most of a long way without a jump */
                    __asm__ volatile(".fill 200, 1, 0x90");
            _exit(1);
        }
    }
    by_nanosleep(50 * MS);
    close(go[1]);
    for (unsigned i = 0; i < TIMES; i++) {
        start = now_ns();
        by_nanosleep(20 * MS);
        now = now_ns() - start - 20 * MS;
        late = now > late ? now : late;
        start = now_ns();
        if (write(ask[1], "?", 1) != 1 || read(tell[0], &c, 1) != 1)
            break;
        now = now_ns() - start;
        answer = now > answer ? now : answer;
    }
    start = last = now_ns();
    do {
        now = now_ns();
        gap = now - last > gap ? now - last : gap;
        last = now;
    } while (now - start < 250 * MS);
    for (unsigned i = 0; i < CROWD; i++)
        kill(pid[i], SIGKILL);
    for (unsigned i = 0; i < CROWD; i++)
        waitpid(pid[i], NULL, 0);
    kill(echo, SIGKILL);
    waitpid(echo, NULL, 0);
    for (unsigned i = 0; i < 2; i++) {
        close(ask[i]);
        close(tell[i]);
    }
    close(go[0]);
    check(gap < CROWD * 4 * MS, "%u compute, and a turn comes after %llu us at the latest", (unsigned)CROWD,
          (unsigned long long)(gap / US));
    check(late < 10 * MS, "a sleep among them ends %llu us late at the latest",
          (unsigned long long)(late / US));
    check(answer < 10 * MS, "one who slept answers after %llu us at the latest",
          (unsigned long long)(answer / US));
}

/* --- processor time --- */

static volatile unsigned signals;

static void count_signal(int sig)
{
    (void)sig;
    signals++;
}

static void cpu_timers(void)
{
    struct itimerval t = {.it_value = val(50 * MS), .it_interval = val(50 * MS)};
    struct timespec used;

    signals = 0;
    signal(SIGPROF, count_signal);
    setitimer(ITIMER_PROF, &t, NULL);
    by_nanosleep(SECOND); /* uses none */
    check(signals == 0, "sleep uses no processor time: %u signals", signals);
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (signals < 4 && used.tv_sec < 5);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    setitimer(ITIMER_PROF, &(struct itimerval){0}, NULL);
    check(signals == 4, "a timer of processor time: %u signals", signals);
}

/* --- load averages --- */

/* Of the last minute, in hundredths. */
static int load(void)
{
    char text[64];
    int fd = open("/proc/loadavg", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);

    close(fd);
    text[n > 0 ? n : 0] = 0;
    return (int)(strtod(text, NULL) * 100 + 0.5);
}

/* Run when the kernel looks, every five seconds since boot, so often. */
static void be_seen(unsigned times)
{
    uint64_t at = (now_ns() / (5 * SECOND) + 2) * 5 * SECOND;

    for (; times--; at += 5 * SECOND) {
        by_nanosleep(at - 5 * MS - now_ns());
        while (now_ns() < at + 5 * MS)
            ;
    }
}

static void load_averages(void)
{
    int first, loaded, rested;

    by_nanosleep(400 * SECOND);
    first = load();
    be_seen(12);
    loaded = load();
    by_nanosleep(60 * SECOND);
    rested = load();
    /* 1 - 1/e, and that by e; a step more or less */
    check(first <= 2 && loaded >= 58 && loaded <= 68 && rested >= 20 && rested <= 27,
          "load: %d hundredths, %d after a minute in which one runs, %d a minute later", first, loaded,
          rested);
}

int main(int argc, char **argv)
{
    unsigned most = argc > 1 ? (unsigned)atoi(argv[1]) : 3;

    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarms, NULL);
    sigset_t other;
    sigemptyset(&other);
    sigaddset(&other, SIGUSR1);
    sigprocmask(SIG_BLOCK, &other, NULL);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    waits();
    idle(most);
    child_latency();
    log_latency();
    among_busy();
    in_a_crowd();
    fairness("short sleeps", MS / 2, 20000);
    fairness("long sleeps", 30 * MS, 2000000);
    cpu_timers();
    load_averages();
    printf("sleeps: done, %u failed\n", failed);
    return (int)failed;
}
