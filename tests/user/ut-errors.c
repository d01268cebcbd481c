/* What calls say that are given the wrong thing. */
#include "tests/user/ut.h"
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

#ifndef CLOCK_TAI
#define CLOCK_TAI 11
#endif

static int fds[2];

static void attributes(void)
{
    int fd = ut_file("file", 100);
    char value[16];

    PART("extended attributes");
    TRY(getxattr("file", "system.posix_acl_access", value, sizeof value));
    TRY(getxattr("none", "user.x", value, sizeof value));
    TRY(listxattr("none", value, sizeof value));
    TRY(setxattr("file", "nonsense", "1", 1, 0));
    TRY(getxattr("file", "nonsense", value, sizeof value));
    TRY(removexattr("file", "nonsense"));
    TRY(setxattr("file", "", "1", 1, 0));
    TRY(setxattr("file", NULL, "1", 1, 0));
    TRY(setxattr(NULL, "user.x", "1", 1, 0));
    TRY(setxattr("file", "user.x", "1", 1, 8));
    TRY(fgetxattr(-1, "user.x", value, sizeof value));
    TRY(flistxattr(-1, value, sizeof value));
    TRY(fgetxattr(fd, "nonsense", value, sizeof value));
    TRY(fsetxattr(fd, "nonsense", "1", 1, 0));
    TRY(fremovexattr(fd, "nonsense"));
    TRY(lgetxattr("file", "nonsense", value, sizeof value));
    TRY(lsetxattr("file", "nonsense", "1", 1, 0));
    TRY(lremovexattr("file", "nonsense"));
    TRY(llistxattr("none", value, sizeof value));
    close(fd);
}

/* What comes first of two errors. */
static void firsts(void)
{
    int fd = ut_file("file", 100);
    struct sockaddr a = {.sa_family = AF_UNIX};

    PART("an address for no socket");
    TRY(connect(fd, (void *)8, 16));
    TRY(connect(fd, &a, 200));
    TRY(connect(fd, &a, (socklen_t)-1));
    TRY(connect(fd, &a, 0));
    TRY(connect(-1, (void *)8, 16));
    TRY(bind(fd, (void *)8, 16));
    TRY(sendto(fd, "x", 1, 0, (void *)8, 16));
    close(fd);
}

/* Flags of calls that look at a file or change its times. */
/* A socket tells what its protocol is called. */
static void attribute_of_socket(void)
{
    static const struct {
        int family, type, protocol;
    } of[] = {{AF_UNIX, SOCK_STREAM, 0}, {AF_UNIX, SOCK_DGRAM, 0},   {AF_UNIX, SOCK_SEQPACKET, 0},
              {AF_INET, SOCK_STREAM, 0}, {AF_INET, SOCK_DGRAM, 0},   {AF_INET6, SOCK_STREAM, 0},
              {AF_INET6, SOCK_DGRAM, 0}, {AF_INET, SOCK_DGRAM, 136}, {AF_INET6, SOCK_DGRAM, 136},
              {AF_NETLINK, SOCK_RAW, 0}};
    static const char name[] = "system.sockprotoname";
    char value[32] = "";

    PART("the attribute of a socket");
    for (unsigned i = 0; i < sizeof of / sizeof *of; i++) {
        int fd = socket(of[i].family, of[i].type, of[i].protocol);

        TRY(flistxattr(fd, value, sizeof value));
        ut_say("%s", value);
        TRY(fgetxattr(fd, name, value, sizeof value));
        ut_say("%s", value);
        close(fd);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(flistxattr(fd, NULL, 0));
    TRY(flistxattr(fd, value, 20));
    TRY(flistxattr(fd, value, 21));
    TRY(flistxattr(fd, (char *)16, 21));
    TRY(fgetxattr(fd, name, NULL, 0));
    TRY(fgetxattr(fd, name, value, 3));
    TRY(fgetxattr(fd, "system.other", value, 3));
    TRY(fgetxattr(fd, "user.other", value, 3));
    TRY(fgetxattr(fd, "system.sockprotoname.", value, 3));
    TRY(fsetxattr(fd, name, "x", 1, 0));
    TRY(fremovexattr(fd, name));
    TRY(fsetxattr(fd, "user.other", "x", 1, 0));
    TRY(fsetxattr(fd, "security.other", "x", 1, 0));
    close(fd);
}

static void flags_at(void)
{
    int fd = ut_file("file", 100);
    struct statx x;
    struct stat64 st;

    PART("flags for one file");
    for (unsigned bit = 0; bit < 32; bit++) {
        ut_say("bit %u", bit);
        TRY(syscall(SYS_fstatat64, AT_FDCWD, "file", &st, 1u << bit));
        TRY(syscall(SYS_utimensat, AT_FDCWD, "file", NULL, 1u << bit));
        TRY(syscall(SYS_utimensat, fd, NULL, NULL, 1u << bit));
    }
    TRY(syscall(SYS_fstatat64, AT_FDCWD, "file", &st, 0x6000));
    TRY(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
    TRY(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, AT_EMPTY_PATH));
    TRY(statx(AT_FDCWD, "file", 0, STATX_ALL, &x));
    ut_say("attributes %#llx of %#llx", (unsigned long long)x.stx_attributes,
           (unsigned long long)x.stx_attributes_mask & ~0x70ull);
    close(fd);
}

static void sleeping(void)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME,
                                       CLOCK_MONOTONIC,
                                       CLOCK_PROCESS_CPUTIME_ID,
                                       CLOCK_THREAD_CPUTIME_ID,
                                       CLOCK_MONOTONIC_RAW,
                                       CLOCK_REALTIME_COARSE,
                                       CLOCK_MONOTONIC_COARSE,
                                       CLOCK_BOOTTIME,
                                       CLOCK_TAI,
                                       10,
                                       12,
                                       100,
                                       -1};
    struct timespec bad[] = {{-1, 0}, {0, -1}, {0, 1000000000}, {-1, -1}}, none = {0, 0}, left;

    PART("clock_nanosleep");
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        ut_say("clock %d", clocks[i]);
        if (clocks[i] != CLOCK_PROCESS_CPUTIME_ID) {
            TRY(syscall(SYS_clock_nanosleep, clocks[i], 0, &none, NULL));
            TRY(syscall(SYS_clock_nanosleep, clocks[i], TIMER_ABSTIME, &none, NULL));
        }
        TRY(syscall(SYS_clock_nanosleep, clocks[i], 0, &bad[1], NULL));
        TRY(syscall(SYS_clock_nanosleep, clocks[i], 0, NULL, NULL));
    }
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad[i], NULL));
        TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &bad[i], NULL));
        TRY(nanosleep(&bad[i], NULL));
    }
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 2, &none, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (void *)1, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &none, &left));
}

static void groups(void)
{
    gid_t list[64];

    PART("groups");
    TRY(getgroups(-1, list));
    SHOW(getgroups(0, NULL) == getgroups(64, list));
    TRY(syscall(SYS_setgroups, 65537, list));
    TRY(syscall(SYS_setgroups, -1, list));
}

/* What only names a file does nothing with it, whatever the file is. */
static void names_only(int fd)
{
    struct iovec part = {&part, 1};
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    struct pollfd polled = {fd, POLLIN | POLLOUT, 0};
    char byte;

    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    TRY(read(fd, &byte, 1));
    TRY(write(fd, &byte, 1));
    TRY(pread(fd, &byte, 1, 0));
    TRY(pwrite(fd, &byte, 1, 0));
    TRY(readv(fd, &part, 1));
    TRY(preadv(fd, &part, 1, 0));
    TRY(vmsplice(fd, &part, 1, 0));
    TRY(splice(fd, NULL, fds[1], NULL, 1, 0));
    TRY(tee(fd, fds[1], 1, 0));
    TRY(copy_file_range(fd, NULL, fd, NULL, 1, 0));
    TRY(readahead(fd, 0, 10));
    TRY(sync_file_range(fd, 0, 10, 0));
    TRY(fsync(fd));
    TRY(fdatasync(fd));
    TRY(syncfs(fd));
    TRY(ftruncate(fd, 0));
    TRY(fallocate(fd, 0, 0, 1));
    TRY(posix_fadvise(fd, 0, 0, 0) == EBADF);
    TRY(fchmod(fd, 0600));
    TRY(fchown(fd, 0, 0));
    TRY(futimens(fd, NULL));
    TRY(fgetxattr(fd, "user.x", NULL, 0));
    TRY(flock(fd, LOCK_SH | LOCK_NB));
    TRY(ioctl(fd, FIONREAD, &byte));
    TRY(sendfile(fds[1], fd, NULL, 1));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(syscall(SYS_getdents64, fd, &byte, 1));
    TRY(accept(fd, NULL, NULL));
    TRY(listen(fd, 1));
    TRY(send(fd, &byte, 1, 0));
    TRY(epoll_ctl(fd, EPOLL_CTL_DEL, 0, NULL));
    TRY(inotify_rm_watch(fd, 1));
    TRY(signalfd(fd, &(sigset_t){0}, 0));
    TRY(timerfd_settime(fd, 0, &(struct itimerspec){0}, NULL));
    TRY(syscall(SYS_mq_notify, fd, &event));
    TRY(poll(&polled, 1, 0) == 1 && polled.revents == POLLNVAL);
    close(fd);
}

static void named(void)
{
    struct sockaddr_un address = {AF_UNIX, "socket"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0), queue = epoll_create1(0);
    char path[32];

    PART("a descriptor that only names a file");
    names_only(open("file", O_PATH));
    PART("or a directory");
    names_only(open(".", O_PATH));
    PART("or a pipe");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fds[0]);
    names_only(open(path, O_PATH));
    PART("or a device");
    names_only(open("/dev/zero", O_PATH));
    PART("or a symbolic link");
    TRY(symlink("file", "link"));
    names_only(open("link", O_PATH | O_NOFOLLOW));
    PART("or a socket");
    TRY(bind(s, (struct sockaddr *)&address, sizeof address));
    TRY(listen(s, 1));
    names_only(open("socket", O_PATH));
    snprintf(path, sizeof path, "/proc/self/fd/%d", s);
    names_only(open(path, O_PATH));
    PART("or an epoll set");
    snprintf(path, sizeof path, "/proc/self/fd/%d", queue);
    names_only(open(path, O_PATH));
    TRY(unlink("socket"));
    TRY(unlink("link"));
    close(s);
    close(queue);
}

static void wrong_kinds(void)
{
    int file = open("file", O_RDWR), dir = open(".", O_RDONLY), null = open("/dev/null", O_RDWR),
        only = open("file", O_WRONLY);
    int other = open("other", O_RDWR | O_CREAT | O_TRUNC, 0600), append = open("other", O_WRONLY | O_APPEND);
    struct {
        const char *name;
        int fd;
    } kind[] = {{"file", file},   {"directory", dir},           {"null", null},
                {"pipe", fds[0]}, {"pipe's other end", fds[1]}, {"write only", only},
                {"none", -1}};

    PART("wrong kinds");
    for (unsigned i = 0; i < sizeof kind / sizeof *kind; i++) {
        int fd = kind[i].fd;
        off_t at = 0, negative = -1;

        ut_say("%s", kind[i].name);
        TRY(readahead(fd, 0, 10));
        TRY(readahead(fd, -1, 10));
        TRY(sync_file_range(fd, 0, 10, 0));
        TRY(sync_file_range(fd, -1, 10, 0));
        TRY(sync_file_range(fd, 0, -1, 0));
        TRY(sync_file_range(fd, 0, 0, 8));
        TRY(sync_file_range(fd, 0, 0, 7));
        if (fd != fds[0]) {
            TRY(sendfile(other, fd, NULL, 1));
            TRY(sendfile(other, fd, &at, 1));
        }
        TRY(sendfile(other, fd, &negative, 1));
        TRY(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL));
        TRY(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL));
        TRY(posix_fadvise(fd, 0, 0, 77));
        TRY(fallocate(fd, 0, 0, 0));
        TRY(fallocate(fd, 0, -1, 1));
        TRY(fallocate(fd, 0x80, 0, 1));
        TRY(flock(fd, 99));
        TRY(fsync(fd));
        TRY(fdatasync(fd));
        TRY(syncfs(fd) == 0 || errno == EBADF);
        TRY(lseek(fd, 0, 99));
        TRY(lseek(fd, -1, SEEK_SET));
        TRY(ftruncate(fd, -1));
        TRY(fchdir(fd) == 0 ? fchdir(dir) : -1);
        TRY(syscall(SYS_getdents64, fd, kind, 0));
    }
    TRY(sendfile(append, file, NULL, 1));
    TRY(sendfile(dir, file, NULL, 1));
    TRY(sendfile(file, file, NULL, 0));
    TRY(sendfile(null, file, NULL, 5));
    close(file);
    close(dir);
    close(null);
    close(only);
    close(other);
    close(append);
}

/* A working directory that is deeper than a page is long. */
static void deep(void)
{
    static char buf[3 * PAGE], name[201];
    int depth = 0, home = open(".", O_RDONLY);

    PART("far down");
    memset(name, 'd', 200);
    while (depth < 25 && mkdir(name, 0700) == 0 && chdir(name) == 0)
        depth++;
    SHOW(depth);
    TRY(syscall(SYS_getcwd, buf, sizeof buf) > 0 ? 0 : -1);
    TRY(syscall(SYS_getcwd, buf, 10));
    TRY(syscall(SYS_getcwd, buf, 0));
    TRY(readlink("/proc/self/cwd", buf, sizeof buf) > 0 ? 0 : -1);
    for (; depth; depth--) {
        chdir("..");
        rmdir(name);
    }
    fchdir(home);
    TRY(syscall(SYS_getcwd, buf, 2));
    TRY(syscall(SYS_getcwd, NULL, 100));
    close(home);
}

/* Who stands where something is mounted stays below it. */
static void covered(void)
{
    char buf[64];
    int dir, fd;

    PART("mounted over who stands there");
    mkdir("over", 0700);
    close(open("over/below", O_RDWR | O_CREAT, 0600));
    dir = open("over", O_RDONLY);
    chdir("over");
    TRY(mount("none", ".", "tmpfs", 0, NULL));
    TRY(access("below", F_OK));
    TRY(access("./below", F_OK));
    TRY(access("../over/below", F_OK));
    fd = open("new", O_RDWR | O_CREAT, 0600);
    SHOW(fd >= 0);
    close(fd);
    TRY(faccessat(dir, "new", F_OK, 0));
    TRY(access("../over/new", F_OK));
    TRY(umount("../over"));
    TRY(access("new", F_OK));
    TRY(access("../over/new", F_OK));
    chdir("..");
    TRY(readlink("/proc/self/cwd", buf, sizeof buf) > 0 ? 0 : -1);
    close(dir);
    pid_t pid = fork();
    if (pid == 0) {
        /* The root of a process, too. */
        TRY(chroot("over"));
        TRY(chdir("/"));
        TRY(access("/below", F_OK));
        mkdir("/proc", 0700);
        TRY(mount("none", "/", "tmpfs", 0, NULL));
        TRY(access("/below", F_OK));
        TRY(access("/new", F_OK));
        TRY(umount("/"));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    umount("over");
    TRY(access("over/below", F_OK));
}

static void space(void)
{
    struct statfs before, after;
    static char page[64 * PAGE];
    int fd = open("large", O_RDWR | O_CREAT, 0600);

    PART("used pages of a filesystem");
    fstatfs(fd, &before);
    memset(page, 1, sizeof page);
    SHOW(write(fd, page, sizeof page));
    fstatfs(fd, &after);
    SHOW(before.f_bfree - after.f_bfree);
    ftruncate(fd, 0);
    fstatfs(fd, &after);
    SHOW(before.f_bfree - after.f_bfree);
    SHOW(before.f_blocks >= before.f_bfree);
    close(fd);
    unlink("large");
}

UT_PROGRAM(errors)
{
    ut_workdir();
    TRY(pipe(fds));
    attributes();
    attribute_of_socket();
    flags_at();
    firsts();
    sleeping();
    groups();
    named();
    wrong_kinds();
    deep();
    covered();
    space();
}
