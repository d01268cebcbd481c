/* Positions: where one can stand in each kind of file, and moves of no bytes at all. */
#include "tests/user/ut.h"
#include <dirent.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#define EACH(list) (unsigned i = 0; i < sizeof list / sizeof *list; i++)

static void seeks(const char *name, int fd)
{
    static const struct {
        off64_t at;
        int whence;
    } to[] = {{0, SEEK_CUR},
              {0, SEEK_SET},
              {1, SEEK_SET},
              {-1, SEEK_SET},
              {2, SEEK_CUR},
              {-1, SEEK_CUR},
              {-5, SEEK_CUR},
              {0, SEEK_END},
              {-1, SEEK_END},
              {5, SEEK_END},
              {0, SEEK_DATA},
              {0, SEEK_HOLE},
              {3, SEEK_DATA},
              {3, SEEK_HOLE},
              {-1, SEEK_DATA},
              {100000, SEEK_DATA},
              {100000, SEEK_HOLE},
              {0, 5},
              {0, -1},
              {0x7fffffff, SEEK_SET},
              {1, SEEK_CUR},
              {0x80000000ll, SEEK_SET},
              {1ll << 40, SEEK_SET},
              {INT64_MAX, SEEK_SET},
              {1, SEEK_CUR},
              {INT64_MIN, SEEK_SET},
              {0, SEEK_SET}};

    ut_say("-- seeks: %s", name);
    for
        EACH(to)
        {
            off64_t got = lseek64(fd, to[i].at, to[i].whence);

            if (got == -1)
                ut_say("%lld from %d: %s", (long long)to[i].at, to[i].whence, ut_errno(errno));
            else
                ut_say("%lld from %d: %lld", (long long)to[i].at, to[i].whence, (long long)got);
        }
    TRY(lseek(fd, 0x7fffffff, SEEK_SET));
    TRY(lseek(fd, 1, SEEK_CUR));
    lseek(fd, 0, SEEK_SET);
}

static void of_nothing(const char *name, int fd)
{
    char text[8] = "";
    struct iovec none[2] = {{text, 0}, {(void *)16, 0}}, nowhere[2] = {{(void *)0xffffff00u, 0}, {text, 0}},
                 long_one[2] = {{text, 0x80000000u}, {text, 0}}, sum[2] = {{text, 0x7fffffff}, {text, 1}};

    ut_say("-- no bytes: %s", name);
    TRY(read(fd, text, 0));
    TRY(read(fd, (void *)16, 0));
    TRY(read(fd, (void *)0xffffff00u, 0));
    TRY(readv(fd, none, 0));
    TRY(readv(fd, NULL, 0));
    TRY(readv(fd, none, 1));
    TRY(readv(fd, none, 2));
    TRY(readv(fd, nowhere, 2));
    TRY(readv(fd, long_one, 2));
    TRY(readv(fd, (void *)16, 1));
    TRY(readv(fd, none, -1));
    TRY(readv(fd, none, 1025));
    TRY(pread(fd, text, 0, 0));
    TRY(pread(fd, text, 0, -1));
    TRY(preadv(fd, none, 2, 0));
    TRY(preadv(fd, none, 0, 0));
    TRY(preadv(fd, none, 2, -1));
    TRY(write(fd, text, 0));
    TRY(write(fd, (void *)16, 0));
    TRY(write(fd, (void *)0xffffff00u, 0));
    TRY(writev(fd, none, 0));
    TRY(writev(fd, NULL, 0));
    TRY(writev(fd, none, 1));
    TRY(writev(fd, none, 2));
    TRY(writev(fd, nowhere, 2));
    TRY(writev(fd, long_one, 2));
    TRY(writev(fd, (void *)16, 1));
    TRY(pwrite(fd, text, 0, 0));
    TRY(pwrite(fd, text, 0, -1));
    TRY(pwritev(fd, none, 2, 0));
    TRY(pwritev(fd, none, 0, 0));
    TRY(preadv2(fd, none, 2, -1, 0));
    TRY(pwritev2(fd, none, 2, -1, 0));
    TRY(preadv2(fd, none, 2, 0, 0x100));
    (void)sum;
}

static void listing(void)
{
    static char buf[512];
    int dir = open(".", O_RDONLY), n;
    off_t end;

    PART("a directory from where one stands");
    while ((n = (int)syscall(SYS_getdents64, dir, buf, sizeof buf)) > 0)
        ;
    SHOW(n);
    end = lseek(dir, 0, SEEK_CUR);
    SHOW(end > 2);
    TRY(lseek(dir, 0, SEEK_SET));
    SHOW(syscall(SYS_getdents64, dir, buf, sizeof buf) > 0);
    SHOW(strcmp(((struct dirent64 *)(void *)buf)->d_name, "."));
    TRY(lseek(dir, 1, SEEK_SET));
    SHOW(syscall(SYS_getdents64, dir, buf, sizeof buf) > 0);
    SHOW(strcmp(((struct dirent64 *)(void *)buf)->d_name, ".."));
    TRY(lseek(dir, 1000000, SEEK_SET));
    SHOW(syscall(SYS_getdents64, dir, buf, sizeof buf));
    close(dir);
}

UT_PROGRAM(seek)
{
    sigset_t set;
    int fds[2], pair[2], p[3];

    ut_workdir();
    sigemptyset(&set);
    if (pipe(fds) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return;
    p[0] = ut_file("file", 10000);
    close(p[0]);
    mkdir("sub", 0700);
    struct {
        const char *name;
        int fd;
    } kind[] = {
        {"file", open("file", O_RDWR)},
        {"read only", open("file", O_RDONLY)},
        {"write only", open("file", O_WRONLY)},
        {"appended", open("file", O_RDWR | O_APPEND)},
        {"path", open("file", O_PATH)},
        {"neither", open("file", 3)},
        {"directory", open(".", O_RDONLY)},
        {"empty directory", open("sub", O_RDONLY)},
        {"null", open("/dev/null", O_RDWR)},
        {"zero", open("/dev/zero", O_RDWR)},
        {"full", open("/dev/full", O_RDWR)},
        {"urandom", open("/dev/urandom", O_RDWR)},
        {"pipe", fds[0]},
        {"pipe's other end", fds[1]},
        {"socket", pair[0]},
        {"eventfd", eventfd(0, EFD_NONBLOCK)},
        {"epoll", epoll_create1(0)},
        {"timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)},
        {"signalfd", signalfd(-1, &set, SFD_NONBLOCK)},
        {"pidfd", (int)syscall(SYS_pidfd_open, getpid(), 0)},
        {"memfd", memfd_create("m", 0)},
        {"status", open("/proc/self/status", O_RDONLY)},
        {"/proc", open("/proc", O_RDONLY)},
        {"/dev", open("/dev", O_RDONLY)},
        {"none", -1},
    };

    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    for
        EACH(kind)
    seeks(kind[i].name, kind[i].fd);
    for
        EACH(kind)
    if (strcmp(kind[i].name, "status") != 0)
        of_nothing(kind[i].name, kind[i].fd);
    listing();
}
