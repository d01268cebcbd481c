/* Event descriptors: counters that are read, written and waited for. */
#include "tests/user/ut.h"
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>

static const char *taken(int fd)
{
    static char text[32];
    uint64_t value = 0;

    if (read(fd, &value, sizeof value) != sizeof value)
        return ut_errno(errno);
    snprintf(text, sizeof text, "%llx", (unsigned long long)value);
    return text;
}

static long put(int fd, uint64_t value)
{
    return write(fd, &value, sizeof value);
}

static int events(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

    return poll(&p, 1, 0) >= 0 ? p.revents : -1;
}

static void alone(void)
{
    char path[64], to[64] = "", small[4];
    int fd = eventfd(5, EFD_NONBLOCK | EFD_CLOEXEC);

    PART("a counter");
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, to, sizeof to - 1);
    ut_say("%s", to);
    SHOW(events(fd));
    ut_say("%s", taken(fd));
    ut_say("%s", taken(fd));
    SHOW(events(fd));
    TRY(put(fd, 3));
    TRY(put(fd, 4));
    ut_say("%s", taken(fd));
    TRY(put(fd, ULLONG_MAX));
    TRY(put(fd, ULLONG_MAX - 1));
    SHOW(events(fd));
    TRY(put(fd, 0));
    TRY(put(fd, 1));
    ut_say("%s", taken(fd));
    TRY(read(fd, small, sizeof small));
    TRY(write(fd, small, sizeof small));
    TRY(write(fd, NULL, 8));
    TRY(put(fd, 1));
    TRY(read(fd, NULL, 8));
    ut_say("%s", taken(fd));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(ftruncate(fd, 0));
    close(fd);
    PART("a semaphore");
    fd = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
    for (unsigned i = 0; i < 3; i++)
        ut_say("%s", taken(fd));
    close(fd);
    TRY(eventfd(0, 0x40));
    TRY(syscall(SYS_eventfd, 1) >= 0 ? 0 : -1);
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void together(void)
{
    struct sigaction act = {.sa_handler = on_alarm};
    int fd = eventfd(0, 0), back = eventfd(0, 0), status;
    uint64_t sum = 0, value;

    PART("between processes");
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 1; i <= 100; i++) {
            put(fd, i);
            taken(back);
        }
        _exit(0);
    }
    for (unsigned i = 0; i < 100; i++) {
        if (read(fd, &value, sizeof value) == sizeof value)
            sum += value;
        put(back, 1);
    }
    waitpid(pid, &status, 0);
    ut_say("%s %llu", ut_status(status), (unsigned long long)sum);
    PART("a full one waits");
    put(fd, ULLONG_MAX - 1);
    pid = fork();
    if (pid == 0)
        _exit(put(fd, 7) == 8 ? 0 : 1);
    SHOW(ut_wait_state(pid, 'S'));
    ut_say("%s", taken(fd));
    waitpid(pid, &status, 0);
    ut_say("%s %s", ut_status(status), taken(fd));
    PART("interrupted");
    sigaction(SIGALRM, &act, NULL);
    ualarm(50000, 0);
    ut_say("%s", taken(fd));
    close(fd);
    close(back);
}

UT_PROGRAM(eventfd)
{
    alone();
    together();
}
