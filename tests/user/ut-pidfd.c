/* Descriptors that name a process. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/uio.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define RW (PROT_READ | PROT_WRITE)

static int pidfd_open_(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static long send(int fd, int signo, siginfo_t *info, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, signo, info, flags);
}

static int ready(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1 ? p.revents : 0;
}

static volatile sig_atomic_t told;

static void telling(int signo, siginfo_t *info, void *context)
{
    (void)context;
    told = signo + 1000 * info->si_value.sival_int + 100000 * (info->si_code == SI_USER);
}

static void opening(void)
{
    char path[64], to[64] = "";

    PART("opening");
    int fd = pidfd_open_(getpid(), 0);
    SHOW(fd >= 0);
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, to, sizeof to - 1);
    SHOW(strstr(to, "pid") != NULL); /* newer kernels have them in a filesystem */
    TRY(read(fd, path, 8));
    SHOW(ready(fd, 0));
    TRY(send(fd, 0, NULL, 0));
    close(fd);
    fd = pidfd_open_(getpid(), O_NONBLOCK);
    SHOW(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
    TRY(pidfd_open_(0, 0));
    TRY(pidfd_open_(-1, 0));
    TRY(pidfd_open_(4194303, 0));
    TRY(pidfd_open_(getpid(), 0x40000000));
    TRY(send(0, 0, NULL, 0));
    TRY(send(-1, 0, NULL, 0));
}

/* What a signal is told that is sent by a descriptor of a directory; and by which nothing else is done. */
static void by_directory(const char *path, int flags)
{
    siginfo_t ended = {0};
    struct iovec v = {NULL, 0};
    int fd = open(path, flags);

    told = 0;
    ut_say("%s %d", path, fd >= 0);
    TRY(send(fd, SIGUSR1, NULL, 0));
    SHOW(told);
    TRY(send(fd, 0, NULL, 0));
    TRY(waitid(P_PIDFD, (id_t)fd, &ended, WEXITED | WNOHANG));
    TRY(syscall(SYS_process_madvise, fd, &v, 1, MADV_COLD, 0));
    close(fd);
}

static void lives(void)
{
    struct sigaction act = {.sa_sigaction = telling, .sa_flags = SA_SIGINFO};
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    siginfo_t ended = {0};
    char path[32];
    pid_t pid;

    PART("signals");
    sigaction(SIGUSR1, &act, NULL);
    int fd = pidfd_open_(getpid(), 0);
    TRY(send(fd, SIGUSR1, NULL, 0));
    SHOW(told);
    info.si_value.sival_int = 7;
    TRY(send(fd, SIGUSR1, &info, 0));
    SHOW(told);
    TRY(send(fd, SIGUSR2, &info, 0));
    TRY(send(fd, SIGUSR1, &info, 5));
    TRY(send(fd, 99, NULL, 0));
    close(fd);
    PART("a directory of /proc");
    by_directory("/proc/self", O_RDONLY | O_DIRECTORY);
    by_directory("/proc/self", O_PATH);
    by_directory("/proc/self/task", O_RDONLY);
    by_directory("/proc/thread-self", O_RDONLY);
    by_directory("/proc/self/fd", O_RDONLY);
    by_directory("/proc/self/stat", O_RDONLY);
    by_directory("/proc", O_RDONLY);
    by_directory("/", O_RDONLY);
    PART("a child's life");
    pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(path, sizeof path, "/proc/%d", pid);
    int dir = open(path, O_RDONLY);
    fd = pidfd_open_(pid, O_NONBLOCK);
    SHOW(ready(fd, 0));
    TRY(waitid(P_PIDFD, (id_t)fd, &ended, WEXITED));
    TRY(waitid(P_PIDFD, (id_t)fd, &ended, WEXITED | WNOHANG));
    info.si_code = SI_USER;
    TRY(send(fd, SIGUSR1, &info, 0));
    TRY(send(fd, SIGKILL, NULL, 0));
    SHOW(ready(fd, 5000));
    TRY(send(fd, 0, NULL, 0));
    TRY(waitid(P_PIDFD, (id_t)fd, &ended, WEXITED));
    ut_say("%d %s", ended.si_pid == pid, ut_signal(ended.si_status));
    TRY(waitid(P_PIDFD, (id_t)fd, &ended, WEXITED));
    TRY(send(fd, 0, NULL, 0));
    TRY(send(dir, 0, NULL, 0));
    close(dir);
    SHOW(ready(fd, 0) & POLLIN);
    close(fd);
    TRY(waitid(P_PIDFD, 77, &ended, WEXITED));
    TRY(waitid(P_PIDFD, 0, &ended, WEXITED));
}

static void advice(void)
{
    uint8_t *p = ut_map(8, RW);
    int pipes[2], back[2];
    char c;

    PART("process_madvise");
    memset(p, 5, 8 * PAGE);
    if (pipe(pipes) != 0 || pipe(back) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        memset(p, 6, 8 * PAGE);
        write(back[1], "a", 1);
        read(pipes[0], &c, 1);
        _exit(ut_all(p, 8 * PAGE, 6) ? 0 : 1);
    }
    read(back[0], &c, 1);
    int fd = pidfd_open_(pid, 0), status;
    struct iovec v[3] = {{p, 2 * PAGE}, {p + 4 * PAGE, 3 * PAGE}, {p + 1, PAGE}};

    for (int i = 0; i < 3; i++) {
        static const int advices[] = {MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT};

        SHOW(syscall(SYS_process_madvise, fd, v, 2, advices[i], 0));
    }
    SHOW(syscall(SYS_process_madvise, fd, v, 3, MADV_COLD, 0));
    TRY(syscall(SYS_process_madvise, fd, v + 2, 1, MADV_COLD, 0));
    TRY(syscall(SYS_process_madvise, fd, v, 2, MADV_DONTNEED, 0));
    TRY(syscall(SYS_process_madvise, fd, v, 2, ~0, 0));
    TRY(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 1));
    TRY(syscall(SYS_process_madvise, fd, v, 0, MADV_COLD, 0));
    TRY(syscall(SYS_process_madvise, fd, v, 1025, MADV_COLD, 0));
    TRY(syscall(SYS_process_madvise, fd, NULL, 1, MADV_COLD, 0));
    TRY(syscall(SYS_process_madvise, -1, v, 2, MADV_COLD, 0));
    TRY(syscall(SYS_process_madvise, 0, v, 2, MADV_COLD, 0));
    write(pipes[1], "b", 1);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    TRY(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 0));
    SHOW(ut_all(p, 8 * PAGE, 5));
    close(fd);
}

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static int getfd(int fd, int theirs, unsigned flags)
{
    return (int)syscall(SYS_pidfd_getfd, fd, theirs, flags);
}

static void nobodys(void)
{
    int fd = pidfd_open_(getppid(), 0), own = pidfd_open_(getpid(), 0);

    if (setgid(65534) || setuid(65534))
        ut_say("still root: %s", ut_errno(errno));
    TRY(getfd(fd, 0, 0));
    TRY(getfd(fd, 77, 0));
    SHOW(getfd(own, fd, 0) >= 0);
}

static void taking(void)
{
    int go[2], done[2], status;
    char path[32], c;
    pid_t pid;

    PART("descriptors of others");
    if (pipe(go) || pipe(done))
        return;
    pid = fork();
    if (pid == 0) {
        int named = open("/", O_PATH);

        dup2(ut_file("taken", 100), 200);
        dup2(named, 201);
        dup2(pidfd_open_(getpid(), 0), 202);
        lseek(200, 10, SEEK_SET);
        close(go[1]);
        write(done[1], "a", 1);
        read(go[0], &c, 1);
        ut_say("the place in the file: %ld", (long)lseek(200, 0, SEEK_CUR));
        close(202);
        write(done[1], "b", 1);
        read(go[0], &c, 1);
        _exit(0);
    }
    read(done[0], &c, 1);
    int fd = pidfd_open_(pid, 0), self = pidfd_open_(getpid(), 0), file = getfd(fd, 200, 0);

    SHOW(file >= 0);
    SHOW(fcntl(file, F_GETFD));
    TRY(read(file, &c, 1));
    SHOW((uint8_t)c == ut_pattern(10));
    SHOW(file == getfd(fd, 200, 0) - 1);
    int named = getfd(fd, 201, 0);

    SHOW(named >= 0);
    SHOW(fcntl(named, F_GETFL) & O_PATH);
    TRY(read(named, &c, 1));
    SHOW(getfd(self, self, 0) >= 0);
    TRY(getfd(fd, 203, 0));
    TRY(getfd(fd, -1, 0));
    TRY(getfd(fd, 200, 1));
    TRY(getfd(-1, 200, 1));
    TRY(getfd(-1, 200, 0));
    TRY(getfd(77, 200, 0));
    TRY(getfd(go[0], 200, 0));
    TRY(getfd(named, 200, 0));
    snprintf(path, sizeof path, "/proc/%d", pid);
    int dir = open(path, O_RDONLY | O_DIRECTORY);

    TRY(getfd(dir, 200, 0));
    close(dir);
    ut_child("nobody", nobodys);
    struct rlimit was, low = {5, 0};

    getrlimit(RLIMIT_NOFILE, &was);
    low.rlim_max = was.rlim_max;
    setrlimit(RLIMIT_NOFILE, &low);
    TRY(getfd(fd, 200, 0));
    setrlimit(RLIMIT_NOFILE, &was);
    write(go[1], "c", 1);
    read(done[0], &c, 1);
    TRY(getfd(fd, 202, 0));
    write(go[1], "d", 1);
    waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
    PART("of a zombie, and of nobody");
    TRY(getfd(fd, 200, 0));
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    TRY(getfd(fd, 200, 0));
    TRY(getfd(fd, 200, 1));
    for (int i = 0; i < 64; i++)
        if (i > 2)
            close(i);
}

UT_PROGRAM(pidfd)
{
    ut_workdir();
    opening();
    lives();
    advice();
    taking();
}
