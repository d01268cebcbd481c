/* Sets of files that are watched. */
#include "tests/user/ut.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

static void pause_ms(long ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static int ctl(int ep, int op, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = 0x100000000ull * (unsigned)fd + 7};

    return epoll_ctl(ep, op, fd, &e);
}

static int add(int ep, int fd, uint32_t events)
{
    return ctl(ep, EPOLL_CTL_ADD, fd, events);
}

/* A count of events of descriptors: names[] says which they are. */
static struct {
    int fd;
    const char *name;
} names[16];

static void name(int fd, const char *text)
{
    for (unsigned i = 0; i < 16; i++)
        if (!names[i].name || names[i].fd == fd) {
            names[i].fd = fd;
            names[i].name = text;
            return;
        }
}

static const char *name_of(uint64_t data)
{
    for (unsigned i = 0; i < 16 && names[i].name; i++)
        if (data == 0x100000000ull * (unsigned)names[i].fd + 7)
            return names[i].name;
    return "?";
}

/* Wait for up to max events, and say what there was, in order. */
static void tell(const char *what, int ep, int max, int ms)
{
    struct epoll_event e[16];
    char text[256] = "";
    int n = epoll_wait(ep, e, max, ms), at = 0;

    if (n < 0) {
        ut_say("%s: %s", what, ut_errno(errno));
        return;
    }
    for (int i = 0; i < n; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, " %s:%x", name_of(e[i].data.u64), e[i].events);
    ut_say("%s: %d%s", what, n, text);
}

static int events(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM};

    return poll(&p, 1, 0) >= 0 ? p.revents : -1;
}

static void put(int fd)
{
    uint64_t one = 1;

    write(fd, &one, sizeof one);
}

static void get(int fd)
{
    uint64_t value;

    read(fd, &value, sizeof value);
}

static int counter(const char *text, unsigned count)
{
    int fd = eventfd(count, EFD_NONBLOCK);

    name(fd, text);
    return fd;
}

static void refused(void)
{
    struct epoll_event e = {.events = EPOLLIN}, many[4];
    char path[64], to[64] = "";
    int ep = epoll_create1(EPOLL_CLOEXEC), fd = eventfd(0, 0), file, other;

    PART("making a set");
    TRY(epoll_create(0));
    TRY(epoll_create(-1));
    TRY(epoll_create1(1));
    TRY(epoll_create1(O_NONBLOCK));
    SHOW(fcntl(ep, F_GETFD));
    SHOW(fcntl(ep, F_GETFL) & ~O_LARGEFILE);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ep);
    readlink(path, to, sizeof to - 1);
    ut_say("%s", to);
    TRY(read(ep, to, 8));
    TRY(write(ep, to, 8));
    TRY(lseek(ep, 4, SEEK_SET));
    TRY(ftruncate(ep, 0));
    SHOW(events(ep));
    other = epoll_create(1);
    SHOW(fcntl(other, F_GETFD));
    close(other);
    PART("what a change refuses, and in which order");
    TRY(epoll_ctl(-1, EPOLL_CTL_ADD, -1, &e));
    TRY(epoll_ctl(ep, EPOLL_CTL_ADD, -1, &e));
    TRY(epoll_ctl(ep, EPOLL_CTL_ADD, 1000000, &e));
    TRY(epoll_ctl(-1, EPOLL_CTL_ADD, -1, NULL));
    TRY(epoll_ctl(-1, EPOLL_CTL_DEL, -1, NULL));
    TRY(epoll_ctl(-1, 77, -1, NULL));
    TRY(epoll_ctl(fd, EPOLL_CTL_ADD, fd, &e));
    TRY(epoll_ctl(fd, EPOLL_CTL_ADD, ep, &e));
    TRY(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e));
    TRY(epoll_ctl(ep, 0, fd, &e));
    TRY(epoll_ctl(ep, 4, fd, &e));
    TRY(epoll_ctl(ep, 77, fd, NULL));
    TRY(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
    TRY(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e));
    TRY(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
    TRY(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
    TRY(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
    TRY(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
    file = open("a-file", O_CREAT | O_RDWR, 0600);
    TRY(add(ep, file, EPOLLIN));
    TRY(add(fd, file, EPOLLIN));
    TRY(ctl(ep, EPOLL_CTL_DEL, file, EPOLLIN));
    close(file);
    file = open(".", O_RDONLY);
    TRY(add(ep, file, EPOLLIN));
    close(file);
    file = open(".", O_PATH);
    TRY(add(ep, file, EPOLLIN));
    TRY(add(file, fd, EPOLLIN));
    TRY(epoll_wait(file, many, 4, 0));
    close(file);
    file = open("/dev/null", O_RDWR);
    TRY(add(ep, file, EPOLLIN));
    close(file);
    file = open("/dev/zero", O_RDWR);
    TRY(add(ep, file, EPOLLIN));
    close(file);
    PART("what a wait refuses");
    TRY(epoll_wait(ep, many, 0, 0));
    TRY(epoll_wait(ep, many, -1, 0));
    TRY(epoll_wait(-1, many, 0, 0));
    TRY(epoll_wait(ep, many, 0x7fffffff, 0));
    TRY(epoll_wait(-1, many, 4, 0));
    TRY(epoll_wait(fd, many, 4, 0));
    TRY(epoll_wait(ep, NULL, 4, 0));
    TRY(epoll_wait(ep, (void *)0xfffff000, 4, 0));
    TRY(epoll_wait(-1, (void *)0xfffff000, 4, 0));
    close(ep);
    close(fd);
}

static void level(void)
{
    int ep = epoll_create1(0), a = counter("a", 0), b = counter("b", 1), c = counter("c", 0);

    PART("level");
    TRY(add(ep, a, EPOLLIN));
    TRY(add(ep, b, EPOLLIN));
    TRY(add(ep, c, EPOLLIN | EPOLLOUT));
    SHOW(events(ep));
    tell("at first", ep, 8, 0);
    put(a);
    tell("after a", ep, 8, 0);
    tell("one", ep, 1, 0);
    tell("one more", ep, 1, 0);
    tell("and one more", ep, 1, 0);
    tell("and one more", ep, 1, 0);
    get(b);
    get(a);
    tell("taken", ep, 8, 0);
    TRY(ctl(ep, EPOLL_CTL_MOD, c, EPOLLIN));
    tell("changed", ep, 8, 0);
    SHOW(events(ep));
    TRY(ctl(ep, EPOLL_CTL_MOD, a, 0));
    put(a);
    tell("nothing is asked for", ep, 8, 0);
    TRY(ctl(ep, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLWAKEUP));
    tell("again", ep, 8, 0);
    TRY(ctl(ep, EPOLL_CTL_DEL, a, 0));
    tell("gone", ep, 8, 0);
    close(ep);
    close(a);
    close(b);
    close(c);
}

static void edge(void)
{
    int ep = epoll_create1(0), a = counter("a", 0), fd[2], status;
    char bytes[4096] = "";

    PART("edges of a counter");
    TRY(add(ep, a, EPOLLIN | EPOLLET));
    tell("nothing", ep, 8, 0);
    put(a);
    tell("once", ep, 8, 0);
    tell("not twice", ep, 8, 0);
    put(a);
    put(a);
    tell("again", ep, 8, 0);
    get(a);
    tell("read", ep, 8, 0);
    TRY(ctl(ep, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLOUT | EPOLLET));
    tell("changed", ep, 8, 0);
    get(a);
    tell("a read that finds nothing", ep, 8, 0);
    put(a);
    get(a);
    tell("written and read", ep, 8, 0);
    TRY(ctl(ep, EPOLL_CTL_MOD, a, EPOLLOUT | EPOLLET));
    tell("changed", ep, 8, 0);
    put(a);
    tell("an event that is not asked for", ep, 8, 0);
    get(a);
    tell("and one that is", ep, 8, 0);
    close(a);
    PART("edges of a pipe");
    pipe2(fd, O_NONBLOCK);
    name(fd[0], "reader");
    name(fd[1], "writer");
    TRY(add(ep, fd[0], EPOLLIN | EPOLLET));
    TRY(add(ep, fd[1], EPOLLOUT | EPOLLET));
    tell("at first", ep, 8, 0);
    write(fd[1], "abc", 3);
    tell("written", ep, 8, 0);
    read(fd[0], bytes, 1);
    tell("read a part", ep, 8, 0);
    write(fd[1], "d", 1);
    tell("written more", ep, 8, 0);
    read(fd[0], bytes, 3);
    tell("read all", ep, 8, 0);
    while (write(fd[1], bytes, sizeof bytes) > 0)
        ;
    tell("filled", ep, 8, 0);
    read(fd[0], bytes, sizeof bytes);
    tell("room again", ep, 8, 0);
    read(fd[0], bytes, sizeof bytes);
    tell("more room", ep, 8, 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, &status, 0);
    tell("a child that had both has ended", ep, 8, 0);
    close(fd[1]);
    tell("closed", ep, 8, 0);
    tell("told", ep, 8, 0);
    close(fd[0]);
    PART("edges of a pipe whose reader goes");
    pipe2(fd, O_NONBLOCK);
    name(fd[1], "writer");
    TRY(add(ep, fd[1], EPOLLOUT | EPOLLET));
    tell("at first", ep, 8, 0);
    close(fd[0]);
    tell("closed", ep, 8, 0);
    close(fd[1]);
    close(ep);
}

static void once(void)
{
    int ep = epoll_create1(0), a = counter("a", 1);

    PART("once");
    TRY(add(ep, a, EPOLLIN | EPOLLONESHOT));
    tell("told", ep, 8, 0);
    tell("rests", ep, 8, 0);
    put(a);
    tell("rests", ep, 8, 0);
    SHOW(events(ep));
    TRY(add(ep, a, EPOLLIN));
    TRY(ctl(ep, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLONESHOT | EPOLLET));
    SHOW(events(ep));
    tell("changed", ep, 8, 0);
    get(a);
    put(a);
    tell("rests", ep, 8, 0);
    PART("where it cannot be told");
    TRY(ctl(ep, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLONESHOT));
    TRY(epoll_wait(ep, NULL, 4, 0));
    tell("afterwards", ep, 8, 0);
    TRY(ctl(ep, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLET));
    TRY(epoll_wait(ep, NULL, 4, 0));
    tell("afterwards", ep, 8, 0);
    close(ep);
    close(a);
}

/* Of several events only so many find room before memory that is not there. */
static void halves(void)
{
    int ep = epoll_create1(0), fd[5];
    uint8_t *p = ut_map(2, PROT_READ | PROT_WRITE);
    static const char *const texts[5] = {"a", "b", "c", "d", "e"};

    PART("memory that ends between events");
    mprotect(p + PAGE, PAGE, PROT_NONE);
    for (unsigned i = 0; i < 5; i++) {
        fd[i] = counter(texts[i], 1);
        add(ep, fd[i], EPOLLIN | EPOLLET);
    }
    TRY(epoll_wait(ep, (void *)(p + PAGE - 2 * sizeof(struct epoll_event)), 5, 0));
    tell("the rest", ep, 8, 0);
    for (unsigned i = 0; i < 5; i++)
        close(fd[i]);
    close(ep);
    munmap(p, 2 * PAGE);
}

static void lives(void)
{
    int ep = epoll_create1(0), a = counter("a", 1), copy, other, fd[2], status;

    PART("a descriptor that is closed");
    TRY(add(ep, a, EPOLLIN));
    close(a);
    tell("the last", ep, 8, 0);
    a = counter("a", 1);
    TRY(add(ep, a, EPOLLIN));
    copy = dup(a);
    close(a);
    tell("not the last", ep, 8, 0);
    TRY(ctl(ep, EPOLL_CTL_DEL, a, 0));
    TRY(ctl(ep, EPOLL_CTL_MOD, copy, EPOLLIN));
    name(copy, "copy");
    TRY(add(ep, copy, EPOLLIN));
    tell("twice", ep, 8, 0);
    other = counter("other", 1);
    SHOW(other == a);
    TRY(add(ep, other, EPOLLIN));
    tell("the number is another's", ep, 8, 0);
    TRY(ctl(ep, EPOLL_CTL_DEL, other, 0));
    tell("without that", ep, 8, 0);
    close(copy);
    tell("all closed", ep, 8, 0);
    close(other);
    PART("one that a child keeps");
    pipe(fd);
    a = counter("a", 1);
    TRY(add(ep, a, EPOLLIN));
    pid_t pid = fork();
    if (pid == 0) {
        char c;

        close(fd[1]);
        read(fd[0], &c, 1);
        _exit(0);
    }
    close(fd[0]);
    close(a);
    tell("kept", ep, 8, 0);
    close(fd[1]);
    waitpid(pid, &status, 0);
    tell("ended", ep, 8, 0);
    PART("a set that a child shares");
    a = counter("a", 0);
    pid = fork();
    if (pid == 0)
        _exit(add(ep, a, EPOLLIN));
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    put(a);
    tell("put in by the child", ep, 8, 0);
    TRY(add(ep, a, EPOLLIN));
    close(a);
    close(ep);
}

static void nested(void)
{
    int a = counter("a", 0), ep[9], outer, inner;
    fd_set set;
    struct timeval none = {0, 0};

    PART("a set in a set");
    outer = epoll_create1(0);
    inner = epoll_create1(0);
    name(inner, "inner");
    TRY(add(inner, a, EPOLLIN));
    TRY(add(outer, inner, EPOLLIN));
    tell("nothing", outer, 8, 0);
    put(a);
    tell("outer", outer, 8, 0);
    tell("outer", outer, 8, 0);
    SHOW(events(outer));
    FD_ZERO(&set);
    FD_SET(outer, &set);
    TRY(select(outer + 1, &set, NULL, NULL, &none));
    get(a);
    tell("outer", outer, 8, 0);
    SHOW(events(inner));
    TRY(ctl(outer, EPOLL_CTL_MOD, inner, EPOLLIN | EPOLLET));
    put(a);
    tell("edge", outer, 8, 0);
    tell("edge", outer, 8, 0);
    tell("inner", inner, 8, 0);
    tell("edge", outer, 8, 0);
    put(a);
    tell("edge", outer, 8, 0);
    TRY(add(inner, outer, EPOLLIN));
    TRY(ctl(outer, EPOLL_CTL_ADD, outer, EPOLLIN));
    close(inner);
    tell("closed", outer, 8, 0);
    close(outer);
    PART("loops, and how deep");
    for (unsigned i = 0; i < 9; i++)
        ep[i] = epoll_create1(0);
    TRY(add(ep[0], ep[1], EPOLLIN));
    TRY(add(ep[1], ep[2], EPOLLIN));
    TRY(add(ep[2], ep[0], EPOLLIN));
    TRY(add(ep[1], ep[0], EPOLLIN));
    TRY(add(ep[2], ep[1], EPOLLIN));
    TRY(ctl(ep[1], EPOLL_CTL_DEL, ep[2], 0));
    TRY(add(ep[2], ep[0], EPOLLIN));
    TRY(add(ep[1], ep[2], EPOLLIN));
    for (unsigned i = 0; i < 9; i++) {
        close(ep[i]);
        ep[i] = epoll_create1(0);
    }
    TRY(add(ep[0], a, EPOLLIN));
    for (unsigned i = 1; i < 9; i++)
        ut_say("set %u watches the one below: %s", i,
               add(ep[i], ep[i - 1], EPOLLIN) == 0 ? "ok" : ut_errno(errno));
    get(a);
    put(a);
    for (unsigned i = 0; i < 9; i++)
        SHOW(events(ep[i]));
    for (unsigned i = 0; i < 9; i++)
        close(ep[i]);
    close(a);
}

/* How many sets there may be above a file. */
static void paths(void)
{
    int a = counter("a", 0), top = epoll_create1(0), middle[600];
    unsigned n = 0, refused_at = 0;

    PART("ways up");
    for (; n < 520; n++) {
        middle[n] = epoll_create1(0);
        if (middle[n] < 0)
            break;
        if (add(top, middle[n], EPOLLIN) != 0)
            refused_at = n;
        else if (add(middle[n], a, EPOLLIN) != 0 && !refused_at)
            refused_at = n;
    }
    SHOW(n);
    SHOW(refused_at);
    put(a);
    TRY(epoll_wait(top, (struct epoll_event[8]){{0}}, 8, 0));
    for (unsigned i = 0; i < n; i++)
        close(middle[i]);
    close(top);
    close(a);
}

static void kinds(void)
{
    struct itimerspec soon = {.it_value = {0, 1000000}};
    sigset_t mask;
    int ep = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), signals, process,
        status;
    pid_t pid;

    PART("kinds of files");
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signals = signalfd(-1, &mask, SFD_NONBLOCK);
    name(timer, "timer");
    name(signals, "signals");
    TRY(add(ep, timer, EPOLLIN));
    TRY(add(ep, signals, EPOLLIN));
    timerfd_settime(timer, 0, &soon, NULL);
    tell("timer", ep, 8, 5000);
    get(timer);
    raise(SIGUSR1);
    tell("signal", ep, 8, 5000);
    struct signalfd_siginfo info;
    read(signals, &info, sizeof info);
    tell("nothing", ep, 8, 0);
    pid = fork();
    if (pid == 0) {
        pause_ms(30);
        _exit(kill(getppid(), SIGUSR1));
    }
    process = (int)syscall(SYS_pidfd_open, pid, 0);
    name(process, "process");
    tell("a signal comes", ep, 8, 5000);
    read(signals, &info, sizeof info);
    TRY(add(ep, process, EPOLLIN));
    tell("it ends", ep, 8, 5000);
    waitpid(pid, &status, 0);
    tell("still", ep, 8, 0);
    close(process);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    close(timer);
    close(signals);
    close(ep);
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void *put_soon(void *arg)
{
    pause_ms(40);
    put(*(int *)arg);
    return NULL;
}

static void waits(void)
{
    struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    int ep = epoll_create1(0), a = counter("a", 0);
    struct epoll_event e[4];
    int64_t wide[2] = {0, 30000000}, wide_bad[2] = {0, 1000000000}, zero[2] = {0, 0};
    uint64_t none = 0, usr2 = 1u << (SIGUSR2 - 1);
    long long begin = now_ms();
    pthread_t thread;

    PART("a wait");
    TRY(add(ep, a, EPOLLIN));
    TRY(epoll_wait(ep, e, 4, 50));
    SHOW(now_ms() - begin >= 50 && now_ms() - begin < 3000);
    pthread_create(&thread, NULL, put_soon, &a);
    tell("for ever", ep, 4, -1);
    pthread_join(thread, NULL);
    get(a);
    PART("interrupted");
    sigaction(SIGALRM, &act, NULL);
    ualarm(30000, 0);
    TRY(epoll_wait(ep, e, 4, -1));
    ualarm(30000, 0);
    TRY(epoll_wait(ep, e, 4, 5000));
    PART("with a mask");
    TRY(syscall(SYS_epoll_pwait, ep, e, 4, 0, &none, 4));
    TRY(syscall(SYS_epoll_pwait, ep, e, 4, 0, (void *)1, 8));
    TRY(syscall(SYS_epoll_pwait, ep, e, 4, 0, NULL, 4));
    TRY(syscall(SYS_epoll_pwait, -1, e, 0, 0, &none, 4));
    sigaction(SIGUSR2, &act, NULL);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr2, NULL, 8);
    raise(SIGUSR2);
    TRY(syscall(SYS_epoll_pwait, ep, e, 4, 5000, &none, 8));
    raise(SIGUSR2);
    put(a);
    TRY(syscall(SYS_epoll_pwait, ep, e, 4, 5000, &none, 8));
    get(a);
    TRY(syscall(SYS_epoll_pwait, ep, e, 4, 5000, &none, 8));
    PART("with a limit in nanoseconds");
    begin = now_ms();
    TRY(syscall(SYS_epoll_pwait2, ep, e, 4, wide, NULL, 0));
    SHOW(now_ms() - begin >= 30 && now_ms() - begin < 3000);
    TRY(syscall(SYS_epoll_pwait2, ep, e, 4, zero, NULL, 0));
    TRY(syscall(SYS_epoll_pwait2, ep, e, 4, wide_bad, NULL, 0));
    TRY(syscall(SYS_epoll_pwait2, ep, e, 0, wide_bad, &none, 4));
    TRY(syscall(SYS_epoll_pwait2, ep, e, 4, (void *)1, NULL, 0));
    put(a);
    TRY(syscall(SYS_epoll_pwait2, ep, e, 4, NULL, NULL, 0));
    syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &usr2, NULL, 8);
    close(ep);
    close(a);
}

/* --- threads --- */

#define THREADS 4u

static struct {
    int ep, fd, stop;
    uint32_t events;
    volatile unsigned told;
    pthread_mutex_t lock;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *waits_once(void *arg)
{
    struct epoll_event e[4];
    int n = epoll_wait(*(int *)arg, e, 4, 300);

    return (void *)(intptr_t)n;
}

/* Threads that wait, each for its set or all for one; how many are told of one event. */
static unsigned told_of_one(const int *ep, int fd)
{
    pthread_t thread[THREADS];
    unsigned sum = 0;

    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, waits_once, (void *)&ep[i]);
    pause_ms(60);
    put(fd);
    for (unsigned i = 0; i < THREADS; i++) {
        void *n;

        pthread_join(thread[i], &n);
        sum += (intptr_t)n > 0;
    }
    get(fd);
    return sum;
}

/* Takes events and gives back what it has taken, as long as there are some. */
static void *worker(void *arg)
{
    struct epoll_event e[2];

    (void)arg;
    for (;;) {
        int n = epoll_wait(shared.ep, e, 2, 2000);

        for (int i = 0; i < n; i++) {
            uint64_t value;
            int fd = (int)(e[i].data.u64 >> 32);

            if (fd == shared.stop)
                return NULL;
            if (read(fd, &value, sizeof value) == sizeof value && fd == shared.fd) {
                pthread_mutex_lock(&shared.lock);
                shared.told += (unsigned)value;
                pthread_mutex_unlock(&shared.lock);
            }
            ctl(shared.ep, EPOLL_CTL_MOD, fd, shared.events);
        }
        if (n <= 0)
            return NULL;
    }
}

static void *changes(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 300; i++)
        ctl(shared.ep, EPOLL_CTL_MOD, shared.fd, shared.events);
    return NULL;
}

static void *comes_and_goes(void *arg)
{
    for (unsigned i = 0; i < 200; i++) {
        int fd = eventfd(1, EFD_NONBLOCK);

        add(shared.ep, fd, EPOLLIN);
        if (i % 2)
            ctl(shared.ep, EPOLL_CTL_DEL, fd, 0);
        close(fd);
    }
    return arg;
}

static void work(const char *what, uint32_t flags)
{
    pthread_t thread[THREADS], changer, closer;

    shared.ep = epoll_create1(0);
    shared.fd = eventfd(0, EFD_NONBLOCK);
    shared.stop = eventfd(0, EFD_NONBLOCK);
    shared.events = EPOLLIN | flags;
    shared.told = 0;
    add(shared.ep, shared.fd, shared.events);
    add(shared.ep, shared.stop, EPOLLIN);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, worker, NULL);
    pthread_create(&changer, NULL, changes, NULL);
    pthread_create(&closer, NULL, comes_and_goes, NULL);
    for (unsigned i = 0; i < 500; i++)
        put(shared.fd);
    pthread_join(changer, NULL);
    pthread_join(closer, NULL);
    for (unsigned i = 0; i < 200 && shared.told < 500; i++)
        pause_ms(10);
    put(shared.stop);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    ut_say("%s: %u", what, shared.told);
    close(shared.ep);
    close(shared.fd);
    close(shared.stop);
}

static void threads(void)
{
    int ep[THREADS], a = counter("a", 0);
    pthread_t thread;
    void *n;

    PART("one event and several threads");
    ep[0] = epoll_create1(0);
    for (unsigned i = 1; i < THREADS; i++)
        ep[i] = ep[0];
    add(ep[0], a, EPOLLIN | EPOLLET);
    SHOW(told_of_one(ep, a));
    ctl(ep[0], EPOLL_CTL_MOD, a, EPOLLIN | EPOLLONESHOT);
    SHOW(told_of_one(ep, a));
    ctl(ep[0], EPOLL_CTL_MOD, a, EPOLLIN);
    SHOW(told_of_one(ep, a));
    close(ep[0]);
    PART("and several sets");
    for (unsigned i = 0; i < THREADS; i++) {
        ep[i] = epoll_create1(0);
        add(ep[i], a, EPOLLIN | EPOLLET);
    }
    SHOW(told_of_one(ep, a));
    for (unsigned i = 0; i < THREADS; i++) {
        ctl(ep[i], EPOLL_CTL_DEL, a, 0);
        add(ep[i], a, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
    }
    SHOW(told_of_one(ep, a));
    PART("what goes with exclusive");
    TRY(ctl(ep[0], EPOLL_CTL_MOD, a, EPOLLIN));
    TRY(ctl(ep[0], EPOLL_CTL_MOD, a, EPOLLIN | EPOLLEXCLUSIVE));
    TRY(ctl(ep[0], EPOLL_CTL_DEL, a, EPOLLEXCLUSIVE));
    TRY(add(ep[0], ep[1], EPOLLIN | EPOLLEXCLUSIVE));
    TRY(add(ep[0], a, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
    TRY(add(ep[0], a, EPOLLPRI | EPOLLEXCLUSIVE));
    TRY(add(ep[0], a, EPOLLRDHUP | EPOLLEXCLUSIVE));
    TRY(add(ep[0], a, EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE));
    for (unsigned i = 0; i < THREADS; i++)
        close(ep[i]);
    PART("closed while another waits");
    ep[0] = epoll_create1(0);
    ep[1] = dup(ep[0]);
    add(ep[0], a, EPOLLIN);
    pthread_create(&thread, NULL, waits_once, &ep[0]);
    pause_ms(40);
    close(ep[0]);
    close(ep[1]);
    put(a);
    pthread_join(thread, &n);
    SHOW((intptr_t)n);
    get(a);
    PART("put in while another waits");
    ep[0] = epoll_create1(0);
    pthread_create(&thread, NULL, waits_once, &ep[0]);
    pause_ms(40);
    put(a);
    add(ep[0], a, EPOLLIN);
    pthread_join(thread, &n);
    SHOW((intptr_t)n);
    close(ep[0]);
    close(a);
    PART("workers");
    work("level", 0);
    work("edges", EPOLLET);
    work("once", EPOLLONESHOT);
    work("once, edges", EPOLLONESHOT | EPOLLET);
}

static void info(void)
{
    int ep = epoll_create1(0), a = counter("a", 0), file, n = 0;
    char path[64], text[512] = "", *line, *at = text;
    unsigned long long data = 0;
    unsigned told = 0;

    PART("fdinfo");
    add(ep, a, EPOLLIN | EPOLLET);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", ep);
    file = open(path, O_RDONLY);
    read(file, text, sizeof text - 1);
    close(file);
    while ((line = strsep(&at, "\n")))
        if (sscanf(line, "tfd: %d events: %x data: %llx ", &n, &told, &data) == 3)
            ut_say("%s %x %s", n == a ? "a" : "?", told, name_of(data));
    close(ep);
    close(a);
}

/* A thousand files: each is told, and only those that are ready. */
static void many(void)
{
    struct rlimit limit = {3000, 3000};
    int ep = epoll_create1(0), *fd = calloc(1000, sizeof *fd), n;
    struct epoll_event e[64];
    uint64_t sum = 0;
    long count = 0;

    PART("many");
    setrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned i = 0; i < 1000; i++) {
        fd[i] = eventfd(i % 10 == 3, EFD_NONBLOCK);
        if (fd[i] >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd[i],
                                    &(struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u64 = i}) == 0)
            count++;
    }
    SHOW(count);
    for (count = 0; (n = epoll_wait(ep, e, 64, 0)) > 0; count += n)
        for (int i = 0; i < n; i++)
            sum += e[i].data.u64;
    SHOW(count);
    SHOW(sum);
    for (unsigned i = 0; i < 1000; i++)
        close(fd[i]);
    TRY(epoll_wait(ep, e, 64, 0));
    close(ep);
    free(fd);
}

UT_PROGRAM(epoll)
{
    ut_workdir();
    refused();
    level();
    edge();
    once();
    halves();
    lives();
    nested();
    paths();
    kinds();
    waits();
    threads();
    info();
    many();
}
