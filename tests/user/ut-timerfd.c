/* Timers that are files, through the system calls themselves. Setting the clock is in timers.c. */
#include "tests/user/ut.h"
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

#define MS        1000000l
#define SET_TICKS _IOW('T', 0, uint64_t)

static long settime(int fd, int flags, long value_ms, long interval_ms, struct itimerspec *old)
{
    struct itimerspec new = {.it_value = {value_ms / 1000, value_ms % 1000 * MS},
                             .it_interval = {interval_ms / 1000, interval_ms % 1000 * MS}};

    return syscall(SYS_timerfd_settime, fd, flags, &new, old);
}

static long set_raw(int fd, int flags, long sec, long ns, long interval_sec, long interval_ns)
{
    struct itimerspec new = {.it_value = {sec, ns}, .it_interval = {interval_sec, interval_ns}};

    return syscall(SYS_timerfd_settime, fd, flags, &new, NULL);
}

static void pause_ms(long ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * MS};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

static long long ms_of(const struct timespec *t)
{
    return t->tv_sec * 1000ll + t->tv_nsec / MS;
}

static long long now_ms(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return ms_of(&t);
}

/* What a read gives: a number, or the name of the error. */
static const char *taken(int fd)
{
    static char text[32];
    uint64_t value = 0;
    long n = read(fd, &value, sizeof value);

    if (n != sizeof value)
        return n < 0 ? ut_errno(errno) : "short";
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return text;
}

static unsigned long long number(int fd)
{
    uint64_t value = 0;

    return read(fd, &value, sizeof value) == sizeof value ? value : 0;
}

/* A read leaves nothing, unless the timer expires just then. */
static bool runs_empty(int fd)
{
    unsigned tries = 0;

    while (number(fd) && tries < 100)
        tries++;
    return tries < 100 && errno == EAGAIN;
}

static int events(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM};

    return poll(&p, 1, 0) >= 0 ? p.revents : -1;
}

static void made(void)
{
    static const int clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1, -6};
    char path[64], to[64] = "";
    int fd;

    PART("clocks");
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        fd = timerfd_create(clocks[i], 0);
        ut_say("clock %d: %s", clocks[i], fd < 0 ? ut_errno(errno) : "made");
        close(fd);
    }
    PART("flags");
    TRY(timerfd_create(CLOCK_MONOTONIC, 1));
    TRY(timerfd_create(CLOCK_MONOTONIC, ~(TFD_NONBLOCK | TFD_CLOEXEC)));
    fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, to, sizeof to - 1);
    ut_say("%s", to);
    TRY(open(path, O_RDWR));
    PART("what is no timer");
    TRY(settime(-1, 0, 1, 0, NULL));
    TRY(settime(0, 0, 1, 0, NULL));
    TRY(settime(1000000, 0, 1, 0, NULL));
    TRY(syscall(SYS_timerfd_gettime, -1, to));
    TRY(syscall(SYS_timerfd_gettime, 0, to));
    fd = open("/proc", O_PATH);
    TRY(settime(fd, 0, 1, 0, NULL));
    close(fd);
}

static void wrong(void)
{
    struct itimerspec was = {{7, 7}, {7, 7}};
    uint64_t value = 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    PART("what a call refuses, and in which order");
    TRY(set_raw(fd, 4, 1, 0, 0, 0));
    TRY(set_raw(fd, 8, 1, 0, 0, 0));
    TRY(set_raw(fd, 0, -1, 0, 0, 0));
    TRY(set_raw(fd, 0, 1, -1, 0, 0));
    TRY(set_raw(fd, 0, 1, 1000000000, 0, 0));
    TRY(set_raw(fd, 0, 1, 0, -1, 0));
    TRY(set_raw(fd, 0, 1, 0, 0, 1000000000));
    TRY(set_raw(-1, 0, 1, 1000000000, 0, 0));
    TRY(syscall(SYS_timerfd_settime, -1, 4, NULL, NULL));
    TRY(syscall(SYS_timerfd_settime, fd, 0, NULL, NULL));
    TRY(syscall(SYS_timerfd_settime, fd, 4, &was, NULL));
    TRY(syscall(SYS_timerfd_gettime, fd, NULL));
    TRY(read(fd, &value, 7));
    TRY(read(fd, &value, 0));
    TRY(read(fd, &value, 8));
    TRY(write(fd, &value, 8));
    TRY(lseek(fd, 5, SEEK_SET));
    TRY(pread(fd, &value, 8, 0));
    TRY(ftruncate(fd, 0));
    TRY(ioctl(fd, 0x5401, &value));
    SHOW(events(fd));
    close(fd);
}

static void once(clockid_t clock, const char *name)
{
    struct itimerspec left;
    int fd = timerfd_create(clock, TFD_NONBLOCK);
    long long begin = now_ms(CLOCK_MONOTONIC), passed;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    PART("once");
    ut_say("%s", name);
    TRY(timerfd_gettime(fd, &left));
    SHOW(ms_of(&left.it_value) + ms_of(&left.it_interval));
    TRY(settime(fd, 0, 60, 0, &left));
    SHOW(ms_of(&left.it_value) + ms_of(&left.it_interval));
    ut_say("%s", taken(fd));
    SHOW(events(fd));
    timerfd_gettime(fd, &left);
    SHOW(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 60 * MS);
    TRY(poll(&p, 1, 5000));
    SHOW(p.revents);
    passed = now_ms(CLOCK_MONOTONIC) - begin;
    SHOW(passed >= 59 && passed < 3000);
    SHOW(events(fd));
    timerfd_gettime(fd, &left);
    SHOW(left.it_value.tv_sec + left.it_value.tv_nsec);
    SHOW(events(fd));
    ut_say("%s", taken(fd));
    ut_say("%s", taken(fd));
    SHOW(events(fd));
    close(fd);
}

static void absolute(clockid_t clock, const char *name)
{
    struct itimerspec left;
    long long now = now_ms(clock);
    int fd = timerfd_create(clock, 0);

    PART("at a time");
    ut_say("%s", name);
    TRY(settime(fd, TFD_TIMER_ABSTIME, (long)(now % 1000000000) + 60, 0, NULL)); /* long ago, or soon */
    set_raw(fd, TFD_TIMER_ABSTIME, (long)(now / 1000), 60 * MS, 0, 0);
    set_raw(fd, TFD_TIMER_ABSTIME, (long)((now + 60) / 1000), (long)((now + 60) % 1000 * MS), 0, 0);
    ut_say("%s", taken(fd));
    now = now_ms(clock) - now;
    SHOW(now >= 60 && now < 3000);
    TRY(set_raw(fd, TFD_TIMER_ABSTIME, 0, 1, 0, 0)); /* long ago */
    ut_say("%s", taken(fd));
    TRY(set_raw(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, 0, 1, 0, 0));
    ut_say("%s", taken(fd));
    TRY(set_raw(fd, TFD_TIMER_CANCEL_ON_SET, 0, 1, 0, 0));
    ut_say("%s", taken(fd));
    TRY(set_raw(fd, TFD_TIMER_ABSTIME, 0x7fffffff, 0, 0x7fffffff, 999999999));
    SHOW(events(fd));
    timerfd_gettime(fd, &left);
    SHOW(left.it_interval.tv_sec);
    SHOW(left.it_interval.tv_nsec);
    close(fd);
}

static void again(void)
{
    struct itimerspec left, zero = {0};
    unsigned long long n, sum = 0;
    long long begin;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    PART("again and again");
    begin = now_ms(CLOCK_MONOTONIC);
    TRY(settime(fd, 0, 10, 10, NULL));
    pause_ms(205);
    SHOW(events(fd));
    n = number(fd);
    begin = now_ms(CLOCK_MONOTONIC) - begin;
    SHOW(n >= 20 && (long long)n <= begin / 10);
    SHOW(runs_empty(fd));
    pause_ms(35);
    timerfd_gettime(fd, &left); /* moves it on, and loses nothing */
    SHOW(left.it_interval.tv_nsec == 10 * MS && left.it_value.tv_nsec > 0 &&
         left.it_value.tv_nsec <= 10 * MS);
    SHOW(number(fd) >= 3);
    PART("the old value");
    TRY(settime(fd, 0, 50000, 7, &left));
    SHOW(left.it_interval.tv_nsec == 10 * MS && left.it_value.tv_nsec <= 10 * MS);
    TRY(settime(fd, 0, 0, 7, &left));
    SHOW(left.it_value.tv_sec);
    SHOW(left.it_interval.tv_nsec);
    timerfd_gettime(fd, &left);
    SHOW(left.it_value.tv_sec + left.it_value.tv_nsec);
    SHOW(left.it_interval.tv_nsec);
    PART("what has expired is forgotten by a new value");
    TRY(settime(fd, 0, 1, 1, NULL));
    pause_ms(30);
    SHOW(events(fd));
    TRY(settime(fd, 0, 100000, 0, &left));
    SHOW(left.it_value.tv_sec == 0 && left.it_value.tv_nsec <= 1 * MS);
    SHOW(events(fd));
    ut_say("%s", taken(fd));
    TRY(timerfd_settime(fd, 0, &zero, NULL));
    PART("a nanosecond");
    TRY(set_raw(fd, 0, 0, 1, 0, 1));
    for (unsigned i = 0; i < 10; i++) {
        pause_ms(1);
        sum += number(fd);
    }
    SHOW(sum > 10000000);
    SHOW(sum < 3000000000u);
    PART("counts that are given");
    uint64_t ticks = 0x100000005;
    TRY(timerfd_settime(fd, 0, &zero, NULL));
    TRY(ioctl(fd, SET_TICKS, &ticks));
    SHOW(events(fd));
    ut_say("%s", taken(fd));
    ticks = 0;
    TRY(ioctl(fd, SET_TICKS, &ticks));
    TRY(ioctl(fd, SET_TICKS, NULL));
    close(fd);
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void *set_soon(void *arg)
{
    pause_ms(50);
    settime(*(int *)arg, 0, 1, 0, NULL);
    return NULL;
}

static void waiting(void)
{
    struct sigaction act = {.sa_handler = on_alarm},
                     again_act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    uint64_t half[2] = {0, 0};
    struct iovec parts[2] = {{half, 4}, {(char *)half + 4, 4}};
    int fd = timerfd_create(CLOCK_BOOTTIME, 0), status;
    pthread_t thread;

    PART("a read waits for a timer that is set meanwhile");
    pthread_create(&thread, NULL, set_soon, &fd);
    ut_say("%s", taken(fd));
    pthread_join(thread, NULL);
    PART("and is interrupted");
    sigaction(SIGALRM, &act, NULL);
    ualarm(30000, 0);
    ut_say("%s", taken(fd));
    sigaction(SIGALRM, &again_act, NULL);
    settime(fd, 0, 150, 0, NULL);
    ualarm(30000, 0);
    ut_say("%s", taken(fd));
    PART("vectors");
    settime(fd, 0, 1, 0, NULL);
    TRY(readv(fd, parts, 2));
    SHOW(half[0]);
    PART("where it cannot be written");
    settime(fd, 0, 1, 0, NULL);
    TRY(read(fd, NULL, 8));
    SHOW(events(fd));
    PART("a child has the same timer");
    settime(fd, 0, 40, 0, NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(number(fd) == 1 ? 0 : 1);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    SHOW(events(fd));
    PART("two readers: one gets it");
    settime(fd, 0, 40, 0, NULL);
    for (unsigned i = 0; i < 2; i++)
        if (fork() == 0) {
            signal(SIGALRM, SIG_DFL);
            alarm(1);
            _exit(number(fd) == 1 ? 10 : 11);
        }
    unsigned sum = 0;
    while (wait(&status) > 0)
        sum += (unsigned)WEXITSTATUS(status);
    SHOW(sum);
    close(fd);
}

static void wide(void)
{
    struct {
        int64_t sec;
        int32_t ns, pad;
    } t[2] = {{3, 4, -1}, {0x300000000, 5, -1}}, was[2];
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);

    PART("64-bit seconds");
    TRY(syscall(SYS_timerfd_settime64, fd, 0, t, NULL));
    TRY(syscall(SYS_timerfd_gettime64, fd, was));
    SHOW(was[0].sec);
    SHOW(was[0].ns);
    SHOW(was[0].pad);
    SHOW(was[1].sec == 0x2ffffffff || was[1].sec == 0x300000000);
    t[1].sec = -1;
    TRY(syscall(SYS_timerfd_settime64, fd, 0, t, NULL));
    t[1].sec = INT64_MAX;
    TRY(syscall(SYS_timerfd_settime64, fd, 0, t, was));
    SHOW(was[1].sec == 0x2ffffffff || was[1].sec == 0x300000000);
    SHOW(events(fd));
    close(fd);
}

/* In a child: capabilities do not come back. */
static void without_capability(void)
{
    uint32_t head[2] = {0x20080522, 0}, data[6] = {0};
    int fd = timerfd_create(CLOCK_BOOTTIME_ALARM, 0);

    TRY(syscall(SYS_capset, head, data));
    TRY(timerfd_create(CLOCK_REALTIME_ALARM, 0));
    TRY(timerfd_create(CLOCK_BOOTTIME_ALARM, 0));
    TRY(timerfd_create(12, 0));
    TRY(settime(fd, 0, 1, 0, NULL));
    TRY(settime(-1, 0, 1, 0, NULL));
}

UT_PROGRAM(timerfd)
{
    made();
    wrong();
    once(CLOCK_MONOTONIC, "monotonic");
    once(CLOCK_REALTIME, "realtime");
    absolute(CLOCK_MONOTONIC, "monotonic");
    absolute(CLOCK_REALTIME, "realtime");
    absolute(CLOCK_BOOTTIME, "boottime");
    again();
    waiting();
    wide();
    PART("without CAP_WAKE_ALARM");
    ut_child("alarms", without_capability);
}
