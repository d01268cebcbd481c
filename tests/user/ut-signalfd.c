/* Signals that are read from a descriptor. */
#include "tests/user/ut.h"
#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <time.h>

static sigset_t set_of(int a, int b, int c)
{
    const int signals[] = {a, b, c};
    sigset_t set;

    sigemptyset(&set);
    for (unsigned i = 0; i < 3; i++)
        if (signals[i])
            sigaddset(&set, signals[i]);
    return set;
}

static void block(int how, int a, int b, int c)
{
    sigset_t set = set_of(a, b, c);

    pthread_sigmask(how, &set, NULL);
}

/* The system call itself, so that the C library changes nothing. */
static long make(int fd, int a, int b, int c, int flags)
{
    sigset_t set = set_of(a, b, c);

    return syscall(SYS_signalfd4, fd, &set, 8, flags);
}

static int events(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM};

    return poll(&p, 1, 0) >= 0 ? p.revents : -1;
}

static void say_info(const char *what, const struct signalfd_siginfo *i)
{
    static const struct signalfd_siginfo zero;

    ut_say("%s: %u %d %d, pid %s, uid %d, fd %d, tid %d, band %d, overrun %d, trap %d, status %d, int %d",
           what, i->ssi_signo >= (unsigned)SIGRTMIN ? i->ssi_signo - (unsigned)SIGRTMIN + 100 : i->ssi_signo,
           i->ssi_errno, i->ssi_code,
           !i->ssi_pid                         ? "none"
           : i->ssi_pid == (uint32_t)getpid()  ? "mine"
           : i->ssi_pid == (uint32_t)getppid() ? "parent's"
                                               : "another",
           (int)i->ssi_uid, i->ssi_fd, (int)i->ssi_tid, (int)i->ssi_band, (int)i->ssi_overrun,
           (int)i->ssi_trapno, i->ssi_status, i->ssi_int);
    ut_say("  ptr %llx, addr %llx, %d, call %d %llx %x, rest %s", (unsigned long long)i->ssi_ptr,
           (unsigned long long)i->ssi_addr, i->ssi_addr_lsb, i->ssi_syscall,
           (unsigned long long)i->ssi_call_addr, i->ssi_arch,
           memcmp(i->__pad, zero.__pad, sizeof i->__pad) ? "not zero" : "zero");
}

/* Read up to n signals, and say what came. */
static void take(int fd, unsigned n)
{
    struct signalfd_siginfo info[8];
    long got;

    memset(info, 0xee, sizeof info);
    got = read(fd, info, n * sizeof *info);
    ut_say("read %u: %s %ld", n, got < 0 ? ut_errno(errno) : "bytes", got < 0 ? 0 : got);
    for (long i = 0; i < got / (long)sizeof *info; i++)
        say_info("  signal", &info[i]);
}

static void send_value(int signo, int value)
{
    union sigval v = {.sival_int = value};

    sigqueue(getpid(), signo, v);
}

static void made(void)
{
    char path[64], to[128] = "";
    sigset_t set = set_of(SIGUSR1, 0, 0);
    int fd;

    PART("what a call refuses");
    TRY(syscall(SYS_signalfd4, -1, &set, 4, 0));
    TRY(syscall(SYS_signalfd4, -1, &set, 16, 0));
    TRY(syscall(SYS_signalfd4, -1, &set, 8, 1));
    TRY(syscall(SYS_signalfd4, -1, NULL, 8, 1));
    TRY(syscall(SYS_signalfd4, -1, NULL, 4, 0));
    TRY(syscall(SYS_signalfd4, -2, &set, 8, 0));
    TRY(syscall(SYS_signalfd4, 0, &set, 8, 0));
    TRY(syscall(SYS_signalfd4, 1000000, &set, 8, 0));
    TRY(syscall(SYS_signalfd4, 0, &set, 8, 1));
    fd = open("/proc", O_PATH);
    TRY(syscall(SYS_signalfd4, fd, &set, 8, 0));
    close(fd);
    PART("a descriptor");
    fd = (int)make(-1, SIGUSR1, 0, 0, SFD_NONBLOCK | SFD_CLOEXEC);
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, to, sizeof to - 1);
    ut_say("%s", to);
    TRY(write(fd, to, 64));
    TRY(lseek(fd, 3, SEEK_END));
    TRY(ftruncate(fd, 0));
    TRY(pread(fd, to, 64, 0));
    TRY(read(fd, to, 64));
    TRY(read(fd, to, 127));
    SHOW(events(fd));
    take(fd, 1);
    SHOW((int)make(fd, SIGUSR2, 0, 0, SFD_NONBLOCK | SFD_CLOEXEC) == fd);
    TRY(make(fd, SIGUSR2, 0, 0, 2));
    close(fd);
    fd = (int)syscall(SYS_signalfd, -1, &set, 8);
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    close(fd);
}

static void several(void)
{
    int fd = (int)make(-1, SIGUSR1, SIGRTMIN + 1, SIGHUP, SFD_NONBLOCK);

    PART("several signals");
    block(SIG_BLOCK, SIGUSR1, SIGRTMIN + 1, SIGHUP);
    raise(SIGUSR1);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGHUP);
    send_value(SIGRTMIN + 1, 7);
    send_value(SIGRTMIN + 1, -8);
    send_value(SIGUSR1, 9);
    SHOW(events(fd));
    take(fd, 1);
    SHOW(events(fd));
    take(fd, 8);
    SHOW(events(fd));
    take(fd, 8);
    PART("another mask");
    raise(SIGUSR1);
    raise(SIGHUP);
    SHOW((int)make(fd, SIGUSR2, 0, 0, 0) == fd);
    SHOW(events(fd));
    take(fd, 1);
    SHOW((int)make(fd, SIGHUP, SIGKILL, SIGSTOP, 0) == fd);
    SHOW(events(fd));
    take(fd, 8);
    SHOW((int)make(fd, SIGUSR1, 0, 0, 0) == fd);
    take(fd, 8);
    PART("a bad address takes the signal");
    raise(SIGUSR1);
    TRY(read(fd, NULL, 128));
    SHOW(events(fd));
    take(fd, 1);
    close(fd);
    block(SIG_UNBLOCK, SIGUSR1, SIGRTMIN + 1, SIGHUP);
}

static void kinds(void)
{
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec t = {.it_value = {0, 1000000}};
    siginfo_t own = {.si_signo = SIGUSR1, .si_code = -9, .si_errno = 5};
    struct pollfd p;
    timer_t timer;
    int fd = (int)make(-1, SIGUSR1, SIGCHLD, SIGSEGV, 0);

    PART("kinds of signals");
    block(SIG_BLOCK, SIGUSR1, SIGCHLD, SIGSEGV);
    p = (struct pollfd){.fd = fd, .events = POLLIN};
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    take(fd, 1);
    if (fork() == 0)
        _exit(kill(getppid(), SIGUSR1));
    wait(NULL);
    take(fd, 1);
    take(fd, 1);
    if (fork() == 0)
        _exit(35);
    TRY(poll(&p, 1, 5000));
    take(fd, 1);
    wait(NULL);
    if (fork() == 0)
        raise(SIGKILL);
    TRY(poll(&p, 1, 5000));
    take(fd, 1);
    wait(NULL);
    e.sigev_value.sival_ptr = (void *)0x80000001;
    timer_create(CLOCK_MONOTONIC, &e, &timer);
    timer_settime(timer, 0, &t, NULL);
    TRY(poll(&p, 1, 5000));
    take(fd, 1);
    timer_delete(timer);
    own.si_value.sival_ptr = (void *)0xfffffff0;
    own.si_pid = 1234567;
    own.si_uid = 77;
    TRY(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &own));
    take(fd, 1);
    own.si_code = SI_KERNEL;
    TRY(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &own));
    take(fd, 1);
    memset(&own, 0, sizeof own);
    own.si_code = 1;
    own.si_addr = (void *)0xfffff000;
    TRY(syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &own));
    take(fd, 1);
    own.si_pid = 3;
    own.si_uid = 4;
    own.si_status = 5;
    TRY(syscall(SYS_rt_sigqueueinfo, getpid(), SIGCHLD, &own));
    take(fd, 1);
    close(fd);
    block(SIG_UNBLOCK, SIGUSR1, SIGCHLD, SIGSEGV);
}

static volatile sig_atomic_t handled;

static void on_signal(int signo)
{
    handled = signo;
}

static void pause_ms(long ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

static pthread_t main_thread;

static void *sends(void *arg)
{
    pause_ms(40);
    if (arg)
        pthread_kill(main_thread, SIGUSR1);
    else
        kill(getpid(), SIGUSR1);
    return NULL;
}

static void *reads(void *arg)
{
    struct signalfd_siginfo info;

    return (void *)(uintptr_t)(read(*(int *)arg, &info, sizeof info) == sizeof info ? info.ssi_signo : 0);
}

static void threads(void)
{
    struct sigaction act = {.sa_handler = on_signal};
    int fd = (int)make(-1, SIGUSR1, 0, 0, 0), quick = (int)make(-1, SIGUSR1, 0, 0, SFD_NONBLOCK);
    pthread_t thread;
    void *got;

    block(SIG_BLOCK, SIGUSR1, 0, 0);
    main_thread = pthread_self();
    PART("a read waits");
    pthread_create(&thread, NULL, sends, NULL);
    take(fd, 2);
    pthread_join(thread, NULL);
    PART("for a signal to its thread");
    pthread_create(&thread, NULL, sends, &fd);
    take(fd, 2);
    pthread_join(thread, NULL);
    PART("a signal to another thread is not there");
    pthread_kill(main_thread, SIGUSR1);
    pthread_create(&thread, NULL, reads, &quick);
    pthread_join(thread, &got);
    SHOW((uintptr_t)got);
    take(quick, 1);
    PART("one to the process is there for any");
    kill(getpid(), SIGUSR1);
    pthread_create(&thread, NULL, reads, &quick);
    pthread_join(thread, &got);
    SHOW((uintptr_t)got);
    take(quick, 1);
    PART("interrupted");
    sigaction(SIGALRM, &act, NULL);
    ualarm(30000, 0);
    take(fd, 1);
    SHOW(handled == SIGALRM);
    PART("what is not blocked goes to its handler, or is read");
    block(SIG_UNBLOCK, SIGUSR1, 0, 0);
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    SHOW(handled == SIGUSR1);
    take(quick, 1);
    PART("what is ignored is not there");
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    take(quick, 1);
    block(SIG_BLOCK, SIGUSR1, 0, 0);
    raise(SIGUSR1);
    take(quick, 1);
    signal(SIGUSR1, SIG_DFL);
    close(fd);
    close(quick);
    block(SIG_UNBLOCK, SIGUSR1, 0, 0);
}

static void processes(void)
{
    int fd = (int)make(-1, SIGUSR1, 0, 0, SFD_NONBLOCK), status, ready[2];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct iovec parts[2];
    char bytes[160];
    pid_t pid;

    PART("a child reads its own signals");
    block(SIG_BLOCK, SIGUSR1, 0, 0);
    raise(SIGUSR1);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        SHOW(events(fd));
        take(fd, 1);
        raise(SIGUSR1);
        SHOW(events(fd));
        take(fd, 1);
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    SHOW(events(fd));
    PART("a poll that waits");
    take(fd, 1);
    if (pipe(ready) != 0)
        return;
    pid = fork();
    if (pid == 0) {
        write(ready[1], "x", 1);
        int n = poll(&p, 1, 5000);
        _exit(n * 10 + (p.revents == POLLIN));
    }
    read(ready[0], bytes, 1);
    ut_wait_state(pid, 'S');
    kill(getpid(), SIGUSR1); /* not the child's */
    pause_ms(20);
    TRY(waitpid(pid, &status, WNOHANG));
    kill(pid, SIGUSR1);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    PART("vectors");
    parts[0] = (struct iovec){bytes, 100};
    parts[1] = (struct iovec){bytes + 100, 60};
    memset(bytes, 0x55, sizeof bytes);
    TRY(readv(fd, parts, 2));
    SHOW(bytes[0]);
    SHOW(bytes[127]);
    SHOW(bytes[128]);
    close(fd);
    block(SIG_UNBLOCK, SIGUSR1, 0, 0);
}

UT_PROGRAM(signalfd)
{
    made();
    several();
    kinds();
    threads();
    processes();
}
