/* Files that are no more than a descriptor, reached a second time through /proc/self/fd. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/vfs.h>

static char *path_of(int fd)
{
    static char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* 1 instead of the number of a descriptor, which is closed again. */
static int opens(int fd, int flags)
{
    int again = open(path_of(fd), flags, 0600);

    if (again < 0)
        return -1;
    close(again);
    return 1;
}

static void every_flag(int fd)
{
    TRY(opens(fd, O_RDONLY));
    TRY(opens(fd, O_WRONLY));
    TRY(opens(fd, O_RDWR));
    TRY(opens(fd, O_RDWR | O_NONBLOCK));
    TRY(opens(fd, O_RDWR | O_APPEND | O_CLOEXEC));
    TRY(opens(fd, O_RDWR | O_TRUNC));
    TRY(opens(fd, O_RDWR | O_CREAT));
    TRY(opens(fd, O_RDWR | O_CREAT | O_TRUNC));
    TRY(opens(fd, O_RDWR | O_CREAT | O_EXCL));
    TRY(opens(fd, O_RDONLY | O_DIRECTORY));
    TRY(opens(fd, O_RDWR | O_TMPFILE));
    TRY(opens(fd, O_RDONLY | O_NOFOLLOW));
    TRY(opens(fd, O_PATH));
    TRY(opens(fd, O_PATH | O_DIRECTORY));
}

/* What else can be done with a path or a descriptor. */
static void other_calls(int fd)
{
    char *argv[] = {path_of(fd), NULL};
    struct statfs fs = {0};
    struct stat st = {0};
    char byte = 'x';
    int named;

    TRY(stat(path_of(fd), &st));
    ut_say("mode %o, size %lld", st.st_mode, (long long)st.st_size);
    TRY(statfs(path_of(fd), &fs));
    ut_say("type %lx", (long)fs.f_type);
    TRY(truncate(path_of(fd), 0));
    TRY(ftruncate(fd, 0));
    TRY(ftruncate(fd, 1 << 20));
    TRY(access(path_of(fd), X_OK));
    TRY(execv(path_of(fd), argv));
    TRY(chdir(path_of(fd)));
    TRY(mount("none", path_of(fd), "tmpfs", 0, NULL));
    TRY(linkat(AT_FDCWD, path_of(fd), AT_FDCWD, "name", AT_SYMLINK_FOLLOW));
    TRY(rename(path_of(fd), "name"));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    TRY(posix_fallocate(fd, 0, 1));
    TRY(syscall(SYS_getdents64, fd, &st, sizeof st));
    TRY(ioctl(fd, 0x541B, &st));
    TRY(fsync(fd));
    TRY(fchdir(fd));
    named = open(path_of(fd), O_PATH);
    TRY(read(named, &byte, 1));
    TRY(write(named, &byte, 1));
    TRY(fstat(named, &st));
    ut_say("mode %o", st.st_mode);
    close(named);
}

static void events(void)
{
    uint64_t value = 0;
    int fd = eventfd(5, EFD_NONBLOCK);

    PART("an event descriptor");
    every_flag(fd);
    other_calls(fd);
    TRY(read(fd, &value, sizeof value));
    SHOW(value);
    close(fd);
}

static void processes(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    PART("a process's descriptor");
    TRY(opens(fd, O_RDONLY));
    TRY(opens(fd, O_RDWR | O_NONBLOCK));
    TRY(opens(fd, O_PATH));
    TRY(poll(&p, 1, 0));
    close(fd);
}

static void memory(void)
{
    int fd = (int)syscall(SYS_memfd_create, "anonymous", 0), again;
    char text[8] = "";
    struct stat st;

    PART("a file in memory has what it had");
    TRY(write(fd, "contents", 8));
    again = open(path_of(fd), O_RDONLY);
    TRY(read(again, text, 7));
    ut_say("%s", text);
    TRY(write(again, "x", 1));
    close(again);
    TRY(opens(fd, O_RDWR | O_TRUNC));
    fstat(fd, &st);
    SHOW(st.st_size);
    close(fd);
}

static void expired(int signo)
{
    (void)signo;
    ut_say("an open slept");
    _exit(1);
}

/* An end of a pipe opens at once, whoever is there. */
static void pipes(void)
{
    char text[8] = "";
    int p[2], fd;

    PART("a pipe without a writer");
    signal(SIGALRM, expired);
    signal(SIGPIPE, SIG_IGN);
    alarm(20);
    if (pipe(p) < 0)
        return;
    TRY(write(p[1], "hi", 2));
    close(p[1]);
    fd = open(path_of(p[0]), O_RDONLY);
    TRY(read(fd, text, 8));
    ut_say("%s", text);
    TRY(read(fd, text, 8));
    close(fd);
    close(p[0]);
    PART("a pipe without a reader");
    if (pipe(p) < 0)
        return;
    close(p[0]);
    fd = open(path_of(p[1]), O_WRONLY);
    TRY(write(fd, "x", 1));
    close(fd);
    TRY(opens(p[1], O_WRONLY | O_NONBLOCK));
    PART("a reader comes through the writer's end");
    fd = open(path_of(p[1]), O_RDONLY);
    TRY(write(p[1], "back", 4));
    TRY(read(fd, text, 8));
    ut_say("%s", text);
    close(fd);
    fd = open(path_of(p[1]), O_RDWR);
    TRY(write(fd, "both", 4));
    TRY(read(fd, text, 8));
    close(fd);
    close(p[1]);
    alarm(0);
}

UT_PROGRAM(anonymous)
{
    ut_workdir();
    events();
    processes();
    memory();
    pipes();
}
