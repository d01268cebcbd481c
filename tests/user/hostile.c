/*
 * Programs that ask for too much, each ended by an error or a signal, never by the kernel's end.
 *
 *     hostile NAME [ARGUMENT]
 *
 *     forks        fork until it fails, with a limit and without; every child is then ended and waited for
 *     hog          touch memory until there is none
 *     churn MIB    go through so much memory again and again, until killed: pressure for others
 *     deep         recursion until the stack ends
 *     elf FILE N   execute N damaged copies of an executable
 *     maps         as many mappings as there may be, and then none
 *     fds          as many descriptors, pipes that are full
 *     sockets      as many pairs of sockets, full of bytes and of each other
 *     ptys         as many pseudo-terminals, full in both directions
 *     sets         as many files watched by sets of epoll, deep, wide, and with many events
 *     tracees      memory of stopped processes, written and read by who traces them, until there is none
 *     news         as many watches of inotify, and as much to tell of, as there may be
 *     zombies      children that nobody waits for
 *     signals      signals to each other from several processes
 *     sleepers     SIGKILL to tasks in every kind of sleep
 *
 * The last line is "hostile: NAME: " and what came of it; exit status 0 means that it ended as it should.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u

static int verdict(const char *name, bool ok, const char *what, long number)
{
    printf("hostile: %s: %s%s, %ld\n", name, ok ? "" : "WRONG: ", what, number);
    return ok ? 0 : 1;
}

static uint32_t next(uint64_t *s)
{
    uint64_t z = (*s += 0x9e3779b97f4a7c15ull);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (uint32_t)(z ^ (z >> 31));
}

/* --- forks --- */

/* Children that sleep, in a group of their own; returns their number and why there are no more. */
static long fork_until_it_fails(pid_t *group, long most, int *why)
{
    long n = 0;

    *group = 0;
    *why = 0;
    while (n < most) {
        pid_t pid = fork();

        if (pid == 0) {
            for (;;)
                pause();
        }
        if (pid < 0) {
            *why = errno;
            break;
        }
        if (!*group)
            *group = pid;
        setpgid(pid, *group);
        n++;
    }
    return n;
}

static long reap(pid_t group)
{
    long n = 0;

    kill(-group, SIGKILL);
    while (waitpid(-group, NULL, 0) > 0)
        n++;
    return n;
}

static int forks(const char *arg)
{
    struct rlimit few = {40, 40}, before;
    pid_t group;
    int why;
    long made, reaped;

    (void)arg;
    made = fork_until_it_fails(&group, 3000, &why);
    reaped = reap(group);
    if (made != reaped || (made < 3000 && why != EAGAIN && why != ENOMEM))
        return verdict("forks", false, strerror(why), made);
    getrlimit(RLIMIT_NPROC, &before);
    setrlimit(RLIMIT_NPROC, &few);
    /* Another user's limit: root has none. */
    if (setuid(1000) == 0) {
        made = fork_until_it_fails(&group, 100, &why);
        reap(group);
    }
    return verdict("forks", true, why ? strerror(why) : "no limit", reaped);
}

/* --- memory --- */

static int hog(const char *arg)
{
    long pages = 0;
    int status;
    int count[2];
    pid_t pid;

    (void)arg;
    if (pipe(count) != 0)
        return 1;
    pid = fork();
    if (pid == 0) {
        for (;; pages++) {
            char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

            if (p == MAP_FAILED)
                _exit(errno == ENOMEM ? 0 : 1);
            for (unsigned i = 0; i < 64; i++)
                memset(p + i * PAGE, (int)pages | 1, PAGE);
            if (write(count[1], "x", 1) != 1)
                _exit(2);
        }
    }
    close(count[1]);
    for (char c; read(count[0], &c, 1) == 1;)
        pages += 64;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        return verdict("hog", WTERMSIG(status) == SIGKILL, strsignal(WTERMSIG(status)), pages);
    return verdict("hog", WEXITSTATUS(status) == 0, "ENOMEM", pages);
}

static int churn(const char *arg)
{
    size_t size = (arg ? strtoul(arg, NULL, 0) : 4) << 20;
    uint32_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return 1;
    for (uint32_t round = 1;; round++)
        for (size_t i = 0; i < size / 4; i += PAGE / 4) {
            if (p[i] != (round == 1 ? 0 : (round - 1) * 0x10001 + i))
                return verdict("churn", false, "another value", (long)round);
            p[i] = round * 0x10001 + i;
        }
}

static volatile int depth;

static int __attribute__((noinline, optimize("O0"))) recurse(int n)
{
    volatile char here[512];

    here[0] = (char)n;
    depth = n;
    return n < 0 ? 0 : recurse(n + 1) + here[0];
}

static int deep(const char *arg)
{
    int status;
    pid_t pid = fork();

    (void)arg;
    if (pid == 0)
        _exit(recurse(0));
    waitpid(pid, &status, 0);
    return verdict("deep",
                   WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGKILL),
                   WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit", 1);
}

/* --- damaged executables --- */

/* Damage the headers most of the time: that is what the kernel reads. */
static size_t damage(uint8_t *image, size_t size, uint64_t *s)
{
    static const uint32_t words[] = {0,          1,          0xffffffff, 0x7fffffff, 0x80000000, 0xc0000000,
                                     0xbfffffff, 0xfffff000, PAGE,       0x08048000, 0x1000000};
    unsigned n = 1 + next(s) % 4;

    for (unsigned i = 0; i < n; i++) {
        size_t limit = next(s) % 8 ? 52 + 32 * 10 : size, at = next(s) % (limit - 4);

        switch (next(s) % 4) {
        case 0:
            image[at] ^= (uint8_t)(1u << next(s) % 8);
            break;
        case 1:
            image[at] = (uint8_t)next(s);
            break;
        case 2:
            memcpy(image + (at & ~3u), &words[next(s) % (sizeof words / sizeof *words)], 4);
            break;
        case 3: {
            uint32_t w = next(s);

            memcpy(image + (at & ~3u), &w, 4);
            break;
        }
        }
    }
    return next(s) % 8 ? size : next(s) % 4 ? next(s) % 400 : next(s) % size;
}

/* What execve may say of a damaged file. */
static bool is_refusal(int err)
{
    static const int good[] = {ENOEXEC, ENOMEM,  EINVAL, EACCES, ENOENT, ENOTDIR,
                               EIO,     ELIBBAD, EFAULT, E2BIG,  EISDIR, ENAMETOOLONG};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (err == good[i])
            return true;
    return false;
}

enum { REFUSED = 200, FAILED }; /* exit statuses that the executable itself does not have */

static int elf(const char *arg)
{
    static const char path[] = "/tmp/damaged";
    long rounds = 1000, refused = 0, killed = 0, ran = 0, nothing = 0, other = 0;
    uint64_t s = 1;
    const char *comma = arg ? strchr(arg, ',') : NULL;
    char name[128];
    uint8_t *good, *bad;
    struct stat st;
    int fd;

    if (!arg)
        return 2;
    snprintf(name, sizeof name, "%.*s", comma ? (int)(comma - arg) : (int)strlen(arg), arg);
    if (comma)
        rounds = strtol(comma + 1, NULL, 0);
    fd = open(name, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < 1024)
        return verdict("elf", false, name, errno);
    good = malloc((size_t)st.st_size);
    bad = malloc((size_t)st.st_size);
    if (!good || !bad || read(fd, good, (size_t)st.st_size) != st.st_size)
        return verdict("elf", false, "no copy", errno);
    close(fd);
    for (long i = 0; i < rounds; i++) {
        size_t size;
        int status;
        pid_t pid;

        memcpy(bad, good, (size_t)st.st_size);
        size = damage(bad, (size_t)st.st_size, &s);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
        if (fd < 0 || write(fd, bad, size) != (ssize_t)size) {
            nothing++;
            close(fd);
            continue;
        }
        close(fd);
        pid = fork();
        if (pid == 0) {
            struct itimerval soon = {{0, 0}, {0, 200000}};
            int null = open("/dev/null", O_RDWR);

            /* It may have become an endless loop: the timer outlives the execve. */
            setitimer(ITIMER_REAL, &soon, NULL);
            dup2(null, 0);
            dup2(null, 1);
            dup2(null, 2);
            execl(path, path, (char *)NULL);
            _exit(is_refusal(errno) ? REFUSED : FAILED);
        }
        if (pid < 0) {
            nothing++;
            continue;
        }
        waitpid(pid, &status, 0);
        if (WIFSIGNALED(status))
            killed++;
        else if (WEXITSTATUS(status) == REFUSED)
            refused++;
        else if (WEXITSTATUS(status) == FAILED)
            other++;
        else
            ran++;
    }
    unlink(path);
    printf("hostile: elf: %ld refused, %ld died, %ld ran, %ld not tried\n", refused, killed, ran, nothing);
    return verdict("elf", other == 0 && refused > 0 && ran > 0 && killed > 0, "damaged files", rounds);
}

/* --- limits --- */

static int maps(const char *arg)
{
    long n = 0;
    int why;
    uint8_t *p = mmap(NULL, 140000ul * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)arg;
    if (p == MAP_FAILED)
        return verdict("maps", false, "no address space", errno);
    while (n < 70000 && mprotect(p + 2 * (size_t)n * PAGE, PAGE, PROT_READ) == 0)
        n++;
    why = errno;
    if (n == 70000)
        return verdict("maps", false, "no limit", n);
    /* Making a hole would need one more too; taking away whole mappings does not. */
    if (munmap(p, 140000ul * PAGE) != 0)
        return verdict("maps", false, "not unmapped", errno);
    return verdict("maps", why == ENOMEM, strerror(why), n);
}

static int fds(const char *arg)
{
    struct rlimit limit = {4096, 4096};
    char page[PAGE] = {0};
    long n = 0, bytes = 0;
    int p[2], why;

    (void)arg;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (pipe2(p, O_NONBLOCK) == 0) {
        ssize_t got;

        n += 2;
        while ((got = write(p[1], page, sizeof page)) > 0)
            bytes += got;
        if (got < 0 && errno != EAGAIN && errno != ENOMEM)
            return verdict("fds", false, strerror(errno), n);
    }
    why = errno;
    printf("hostile: fds: %ld KiB in pipes\n", bytes >> 10);
    return verdict("fds", why == EMFILE || why == ENFILE || why == ENOMEM, strerror(why), n);
}

static int zombies(const char *arg)
{
    long n = 0, reaped = 0;
    int why = 0;

    (void)arg;
    for (; n < 3000; n++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        if (pid < 0) {
            why = errno;
            break;
        }
    }
    while (waitpid(-1, NULL, 0) > 0)
        reaped++;
    if (reaped != n)
        printf("hostile: zombies: %ld of %ld collected, then: %s\n", reaped, n, strerror(errno));
    return verdict("zombies", reaped == n && n != 0, why ? strerror(why) : "all collected", n);
}

/* --- signals --- */

static volatile sig_atomic_t caught;

static void on_signal(int signo)
{
    (void)signo;
    caught++;
}

static int signals(const char *arg)
{
    enum { OF = 4, EACH = 3000 };
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    pid_t pid[OF], me = getpid();
    long ended = 0;
    int status;

    (void)arg;
    /* Not SA_NODEFER for real-time ones: they would nest without an end. */
    sigaction(SIGUSR1, &act, NULL);
    act.sa_flags = SA_RESTART;
    sigaction(SIGUSR2, &act, NULL);
    sigaction(SIGRTMIN, &act, NULL);
    sigaction(SIGCONT, &act, NULL);
    for (int i = 0; i < OF; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            static const int which[] = {0, 0, 0, SIGCONT};

            for (int k = 0; k < EACH; k++) {
                int signo = k % 4 == 0 ? SIGUSR2 : k % 4 == 1 ? SIGRTMIN : k % 4 == 2 ? SIGUSR1 : which[3];

                kill(me, signo);
                if (k % 8 == 0 && i > 0)
                    kill(pid[i - 1], signo == SIGUSR1 ? SIGUSR2 : signo);
                if (k % 64 == 0 && i > 0) {
                    kill(pid[i - 1], SIGSTOP);
                    kill(pid[i - 1], SIGCONT);
                }
            }
            _exit(0);
        }
    }
    while (ended < OF) {
        pid_t p = waitpid(-1, &status, 0);

        if (p > 0 && !WIFSTOPPED(status))
            ended++;
        else if (p < 0 && errno != EINTR)
            break;
    }
    return verdict("signals", ended == OF && caught > 0, "caught some", ended);
}

/* Receive from nobody, send to one that is full, accept nobody. */
static void sleep_in_socket(int how)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char page[PAGE] = {0};
    int p[2], fd;

    if (socketpair(AF_UNIX, how == 1 ? SOCK_DGRAM : SOCK_STREAM, 0, p) != 0)
        _exit(1);
    if (how == 0 && recv(p[0], page, 1, 0) < 0)
        _exit(1);
    while (how == 1 && send(p[0], page, sizeof page, 0) > 0)
        continue;
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&a, 2) < 0 || listen(fd, 1) < 0 || accept(fd, NULL, NULL) < 0)
        _exit(1);
}

/* Each sleeps in its own way; SIGKILL has to end it. */
static void wait_for_several(void)
{
    static uint32_t word[2];
    struct {
        uint64_t value, at;
        uint32_t flags, reserved;
    } list[] = {{0, (uintptr_t)&word[0], 2, 0}, {0, (uintptr_t)&word[1], 2 | 128, 0}};

    syscall(SYS_futex_waitv, list, 2, 0, NULL, 0);
}

static void fall_asleep(int how, const int *pipe_fd)
{
    struct pollfd pf = {pipe_fd[0], POLLIN, 0};
    struct timespec long_time = {1000, 0};
    static uint32_t word;
    char page[PAGE];
    sigset_t set;
    fd_set fdset;

    sigfillset(&set);
    switch (how) {
    case 0:
        pause();
        break;
    case 1:
        nanosleep(&long_time, NULL);
        break;
    case 2:
        if (read(pipe_fd[0], page, 1) < 0)
            _exit(1);
        break;
    case 3:
        while (write(pipe_fd[1], page, sizeof page) > 0)
            continue;
        break;
    case 4:
        poll(&pf, 1, -1);
        break;
    case 5:
        FD_ZERO(&fdset);
        FD_SET(pipe_fd[0], &fdset);
        select(pipe_fd[0] + 1, &fdset, NULL, NULL, NULL);
        break;
    case 6:
        syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
        break;
    case 7:
        if (fork() == 0)
            pause();
        wait(NULL);
        break;
    case 8:
        sigprocmask(SIG_SETMASK, &set, NULL), sigwaitinfo(&set, NULL);
        break;
    case 9:
        sigprocmask(SIG_SETMASK, &set, NULL), sigsuspend(&set);
        break;
    case 10:
        raise(SIGSTOP);
        break;
    case 11:
        if (vfork() == 0) {
            pause();
            _exit(0);
        }
        break;
    case 12:
        mkfifo("/tmp/hostile.fifo", 0600), open("/tmp/hostile.fifo", O_RDONLY);
        break;
    case 13: {
        struct epoll_event e = {.events = EPOLLIN};
        int ep = epoll_create1(0);

        epoll_ctl(ep, EPOLL_CTL_ADD, pipe_fd[0], &e);
        epoll_wait(ep, &e, 1, -1);
        break;
    }
    case 14:
        if (read(timerfd_create(CLOCK_MONOTONIC, 0), page, 8) < 0)
            _exit(1);
        break;
    case 15:
        sigprocmask(SIG_SETMASK, &set, NULL);
        if (read(signalfd(-1, &set, 0), page, sizeof page) < 0)
            _exit(1);
        break;
    case 16:
        if (read(eventfd(0, 0), page, 8) < 0)
            _exit(1);
        break;
    case 17:
        for (;;)
            sched_yield();
    case 18:
        for (;;)
            continue;
    case 19:
    case 20:
    case 21:
        sleep_in_socket(how - 19);
        break;
    case 22:
        wait_for_several();
        break;
    default:
        _exit(77);
    }
    _exit(1);
}

static int sleepers(const char *arg)
{
    long ended = 0;
    int how;

    (void)arg;
    for (how = 0;; how++) {
        struct timespec moment = {0, 30000000};
        int p[2], status;
        pid_t pid;

        if (pipe(p) != 0)
            return 1;
        pid = fork();
        if (pid == 0) {
            setpgid(0, 0);
            fall_asleep(how, p);
        }
        nanosleep(&moment, NULL);
        printf("hostile: sleepers: %d\n", how);
        /* The one itself first; then the children that it may have. */
        kill(pid, SIGKILL);
        if (waitpid(pid, &status, 0) != pid)
            return verdict("sleepers", false, "lost", how);
        kill(-pid, SIGKILL);
        close(p[0]);
        close(p[1]);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            break;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            return verdict("sleepers", false, "did not sleep", how);
        ended++;
    }
    unlink("/tmp/hostile.fifo");
    return verdict("sleepers", ended == how, "kinds of sleep ended", ended);
}

/* Sets that watch everything that there is, each other too, until nothing more is to be had; then all of it
 * is woken at once, waited for, and closed. */
static int sets(const char *arg)
{
    struct rlimit limit = {4096, 4096};
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT}, some[64];
    int fd[4096], set[300], why;
    unsigned files = 0, made = 0;
    long watched = 0, told = 0;

    (void)arg;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (made < 300 && (set[made] = epoll_create1(0)) >= 0)
        made++;
    while (files < 4096 && (fd[files] = eventfd(1, EFD_NONBLOCK)) >= 0)
        files++;
    why = errno;
    for (unsigned i = 0; i < made && (i == 0 || why == EMFILE || why == ENFILE); i++) {
        for (unsigned k = 0; k < files; k++) {
            if (epoll_ctl(set[i], EPOLL_CTL_ADD, fd[k], &e) == 0) {
                watched++;
            } else if (errno != EINVAL) {
                why = errno;
                break;
            }
        }
        for (unsigned k = 0; k < made; k++)
            watched += epoll_ctl(set[i], EPOLL_CTL_ADD, set[k], &e) == 0;
    }
    for (unsigned k = 0; k < files; k++)
        if (write(fd[k], "12345678", 8) != 8)
            told--;
    for (unsigned i = 0; i < made; i++) {
        int n = epoll_wait(set[i], some, 64, 0);

        told += n > 0 ? n : 0;
    }
    for (unsigned k = 0; k < files; k += 2)
        close(fd[k]);
    for (unsigned i = 0; i < made; i++)
        close(set[i]);
    return verdict("sets", told > 0 && (why == ENOSPC || why == ENOMEM || why == EMFILE || why == ENFILE),
                   strerror(why), watched);
}

/* Send both ends of a pair into themselves, so that only a message holds them. */
static int bury(const int pair[2])
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = {.align = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec v = {(void *)"x", 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};

    memcpy(CMSG_DATA(&control.align), pair, 2 * sizeof *pair);
    return sendmsg(pair[0], &m, MSG_DONTWAIT) == 1 ? 0 : -1;
}

/* First pairs that are full until no more are to be had; then pairs that are lost in themselves, many times
 * more than there may be descriptors. */
static int sockets(const char *arg)
{
    struct rlimit limit = {2048, 2048};
    static char page[PAGE];
    long n = 0, bytes = 0, lost = 0;
    int p[2], why;

    (void)arg;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (socketpair(AF_UNIX, n % 4 ? SOCK_STREAM : SOCK_DGRAM, 0, p) == 0) {
        ssize_t got;

        n += 2;
        while ((got = send(p[1], page, sizeof page, MSG_DONTWAIT)) > 0)
            bytes += got;
        if (got < 0 && errno != EAGAIN && errno != ENOBUFS)
            return verdict("sockets", false, strerror(errno), n);
    }
    why = errno;
    printf("hostile: sockets: %ld KiB in %ld\n", bytes >> 10, n);
    for (int fd = 3; fd < 2048; fd++)
        close(fd);
    while (lost < 20000 && socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0) {
        if (bury(p) == 0)
            lost++;
        else if (errno != ENOBUFS && errno != ENOMEM)
            return verdict("sockets", false, strerror(errno), lost);
        close(p[0]);
        close(p[1]);
    }
    return verdict("sockets",
                   lost > 1000 && (why == EMFILE || why == ENFILE || why == ENOMEM || why == ENOBUFS),
                   strerror(why), n);
}

/* Write to fd until it takes no more. */
static long fill(int fd)
{
    static char page[PAGE];
    long bytes = 0;
    ssize_t got;

    for (unsigned i = 0; i < 64 && (got = write(fd, page, sizeof page)) > 0; i++)
        bytes += got;
    return bytes;
}

/* Pairs that are full until no more are to be had; then every other master goes before its slave. */
static int ptys(const char *arg)
{
    struct rlimit limit = {512, 512};
    long n = 0, bytes = 0;
    int fd, why;

    (void)arg;
    setrlimit(RLIMIT_NOFILE, &limit);
    while ((fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)) >= 0) {
        int zero = 0, slave = -1;
        struct termios t;

        n++;
        if (ioctl(fd, TIOCSPTLCK, &zero) == 0)
            slave = ioctl(fd, 0x5441 /* TIOCGPTPEER */, O_RDWR | O_NOCTTY | O_NONBLOCK);
        if (slave < 0)
            break;
        if (n % 2 && tcgetattr(slave, &t) == 0) {
            cfmakeraw(&t);
            tcsetattr(slave, TCSANOW, &t);
        }
        bytes += fill(fd) + fill(slave);
    }
    why = errno;
    printf("hostile: ptys: %ld KiB in %ld\n", bytes >> 10, n);
    for (fd = 3; fd < 512; fd += 4)
        close(fd);
    return verdict("ptys", why == EMFILE || why == ENFILE || why == ENOMEM || why == ENOSPC, strerror(why),
                   n);
}

/* A child that stands still, with pages that it never touches. */
static pid_t still(uint8_t *p, size_t n)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        mprotect(p, n / 2, PROT_READ);
        raise(SIGSTOP);
        _exit(0);
    }
    if (pid > 0 && (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)))
        return -1;
    return pid;
}

/* Fill the memory of two such children, and look at it again, with the rest of it in swap or without any. */
static int tracees(const char *arg)
{
    enum { CHILDREN = 2, PAGES = 8192 };
    size_t n = (size_t)PAGES * PAGE;
    uint8_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    long wrong = 0, there = 0;
    pid_t pid[CHILDREN];
    int status;

    (void)arg;
    for (int k = 0; k < CHILDREN; k++)
        pid[k] = p == MAP_FAILED ? -1 : still(p, n);
    for (long i = 0; i < PAGES; i++)
        for (int k = 0; k < CHILDREN; k++)
            if (pid[k] > 0 && ptrace(PTRACE_POKEDATA, pid[k], p + i * PAGE, (void *)(i << 1 | k)) != 0) {
                kill(pid[k], SIGKILL); /* there is no more memory, or it was ended for that */
                waitpid(pid[k], &status, 0);
                pid[k] = -1;
                there += i;
            }
    for (long i = 0; i < PAGES; i++)
        for (int k = 0; k < CHILDREN; k++) {
            long word;

            if (pid[k] <= 0)
                continue;
            errno = 0;
            word = ptrace(PTRACE_PEEKDATA, pid[k], p + i * PAGE, NULL);
            wrong += !errno && word != (i << 1 | k);
            there += !errno;
        }
    for (int k = 0; k < CHILDREN; k++) {
        if (pid[k] <= 0)
            continue;
        if (k)
            kill(pid[k], SIGKILL);
        else
            ptrace(PTRACE_DETACH, pid[k], NULL, NULL);
        waitpid(pid[k], &status, 0);
    }
    return verdict("tracees", !wrong && there, "pages were written", there);
}

/* Descriptors that watch everything that is made here, and tell of it until they overflow; attributes until
 * no more are kept. */
static int news(const char *arg)
{
    struct rlimit limit = {2048, 2048};
    static char value[60000];
    long watched = 0, told = 0;
    int fd[300], why, file;
    unsigned made = 0;
    char name[64];

    (void)arg;
    setrlimit(RLIMIT_NOFILE, &limit);
    mkdir("/tmp/news", 0755);
    while (made < 300 && (fd[made] = inotify_init1(IN_NONBLOCK)) >= 0)
        made++;
    why = errno;
    for (unsigned i = 0; i < made; i++)
        watched += inotify_add_watch(fd[i], "/tmp/news", IN_ALL_EVENTS) > 0;
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "/tmp/news/a-name-that-takes-some-room-%u", i);
        file = open(name, O_RDWR | O_CREAT, 0600);
        if (file < 0)
            break;
        if (i % 8 == 0 && watched < 100000)
            watched += inotify_add_watch(fd[i / 8 % made], name, IN_ALL_EVENTS) > 0;
        if (i % 64 == 0)
            for (unsigned k = 0; k < 10; k++) {
                char attribute[32];

                snprintf(attribute, sizeof attribute, "user.%u", k);
                if (fsetxattr(file, attribute, value, sizeof value, 0) != 0)
                    break;
            }
        close(file);
        if (i % 16)
            unlink(name);
    }
    for (unsigned i = 0; i < made; i++) {
        int n = 0;

        ioctl(fd[i], FIONREAD, &n);
        told += n;
    }
    for (unsigned i = 0; i < made; i += 2)
        close(fd[i]);
    printf("hostile: news: %ld KiB\n", told >> 10);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "/tmp/news/a-name-that-takes-some-room-%u", i);
        unlink(name);
    }
    return verdict("news", told > 0 && (why == EMFILE || why == ENFILE || why == ENOMEM), strerror(why),
                   watched);
}

static const struct {
    const char *name;
    int (*run)(const char *arg);
} programs[] = {
    {"forks", forks}, {"hog", hog},   {"churn", churn},     {"deep", deep},       {"elf", elf},
    {"maps", maps},   {"fds", fds},   {"zombies", zombies}, {"signals", signals}, {"sleepers", sleepers},
    {"sets", sets},   {"ptys", ptys}, {"sockets", sockets}, {"news", news},       {"tracees", tracees},
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 512);
    for (size_t i = 0; argc > 1 && i < sizeof programs / sizeof *programs; i++)
        if (strcmp(argv[1], programs[i].name) == 0)
            return programs[i].run(argc > 2 ? argv[2] : NULL);
    fprintf(stderr, "hostile NAME [ARGUMENT]\n");
    return 2;
}
