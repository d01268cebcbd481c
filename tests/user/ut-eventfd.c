/* Event descriptors: counters that are read, written and waited for. */
#include "tests/user/ut.h"
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

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

/* Parts of so many bytes, of 3 and 4. */
static void put_parts(int fd, const char *what, size_t first, size_t second)
{
    uint64_t values[2] = {3, 4};
    struct iovec part[2] = {{values, first}, {values + 1, second}};
    long result = writev(fd, part, 2);
    const char *said = result < 0 ? ut_errno(errno) : result == 16 ? "both" : "one";

    ut_say("writev of %s: %s, %s", what, said, taken(fd));
}

static void vectors(void)
{
    uint64_t value = 6;
    struct iovec half[2] = {{&value, 4}, {(char *)&value + 4, 4}};
    int fd = eventfd(0, EFD_NONBLOCK);

    PART("vectors: a write takes each part for itself, a read all of them together");
    put_parts(fd, "two", 8, 8);
    put_parts(fd, "halves", 4, 4);
    put_parts(fd, "one and a half", 8, 4);
    put_parts(fd, "nothing and one", 0, 8);
    put_parts(fd, "one and nothing", 8, 0);
    put_parts(fd, "two that are too long", 9, 9);
    put(fd, 0x100000002);
    TRY(readv(fd, half, 2));
    SHOW(value);
    close(fd);
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
    vectors();
    together();
}
