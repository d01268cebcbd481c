/* What a file with several names is called, what those who wait are told, and what calls say of odd files. */
#include "tests/user/ut.h"
#include <linux/netlink.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

/* --- a file with several names --- */

/* The last name in what a link says. */
static void say_link(const char *what, const char *link)
{
    char text[PATH_MAX];
    ssize_t n = readlink(link, text, sizeof text - 1);
    const char *name;

    if (n < 0) {
        ut_say("%s: %s", what, ut_errno(errno));
        return;
    }
    text[n] = '\0';
    name = strrchr(text, '/');
    ut_say("%s: %s", what, name ? name + 1 : text);
}

static void say_name(const char *what, int fd)
{
    char link[32];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    say_link(what, link);
}

static void say_events(const char *what, int fd)
{
    char buf[4096] __attribute__((aligned(8)));
    ssize_t n = read(fd, buf, sizeof buf);

    if (n < 0)
        ut_say("%s: %s", what, ut_errno(errno));
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(buf + at);

        ut_say("%s: %x %s", what, e->mask, e->len ? e->name : "");
        at += (ssize_t)(sizeof *e + e->len);
    }
}

static void several_names(void)
{
    int a = ut_file("a", 10), b, watch = inotify_init1(IN_NONBLOCK);

    PART("a file with several names");
    say_name("made", a);
    TRY(link("a", "b"));
    TRY(unlink("b"));
    say_name("another name came and went", a);
    TRY(mkdir("d", 0700));
    TRY(link("a", "d/b"));
    TRY(rename("d/b", "d/c"));
    TRY(unlink("d/c"));
    TRY(rmdir("d"));
    say_name("in another directory", a);
    SHOW(inotify_add_watch(watch, ".", IN_MODIFY) > 0);
    TRY(write(a, "x", 1));
    say_events("who watches the directory is told", watch);
    close(a);
    TRY(link("a", "b"));
    a = open("a", O_RDONLY);
    say_name("opened by the older", a);
    close(a);
    b = open("b", O_RDONLY);
    say_name("by the younger", b);
    TRY(unlink("a"));
    say_name("the older is gone", b);
    TRY(rename("b", "e"));
    say_name("renamed", b);
    TRY(unlink("e"));
    say_name("all are gone", b);
    close(b);
    close(watch);
}

static void long_links(void)
{
    char target[PATH_MAX], path[2 * PATH_MAX];

    PART("a link and the rest of a path, each as long as it may be");
    for (size_t i = 0; i < sizeof target; i += 2)
        memcpy(target + i, "./", 2);
    target[PATH_MAX - 1] = '\0';
    TRY(symlink(target, "long"));
    TRY(access("long", F_OK));
    TRY(access("long/", F_OK));
    snprintf(path, sizeof path, "long/%s", target);
    path[PATH_MAX - 6] = '\0';
    strcat(path, "long");
    TRY(access(path, F_OK));
    target[PATH_MAX - 6] = '\0';
    strcat(target, "long");
    TRY(symlink(target, "longer"));
    TRY(access("longer", F_OK));
    path[PATH_MAX - 8] = '\0';
    strcat(path, "longer");
    TRY(access(path, F_OK));
    TRY(symlink("itself", "itself"));
    TRY(access("itself", F_OK));
    PART("renamed into another filesystem, and what has no name there");
    TRY(rename("/proc/.", "x"));
    TRY(rename("long", "/proc/."));
    TRY(rename("long", "."));
    TRY(rename(".", "x"));
    TRY(unlink("long"));
    TRY(unlink("longer"));
    TRY(unlink("itself"));
}

/* --- who waits --- */

static void wait_for_ends(void)
{
    siginfo_t info;
    pid_t pid = fork();

    if (!pid)
        _exit(3);
    PART("one that has ended has nothing else to tell");
    TRY(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    TRY(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG));
    TRY(waitid(P_PID, (id_t)pid, &info, WSTOPPED));
    TRY(waitid(P_ALL, 0, &info, WCONTINUED));
    TRY(waitid(P_PGID, 0, &info, WSTOPPED | WCONTINUED | WNOWAIT));
    TRY(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    SHOW(info.si_status);
    TRY(waitpid(pid, NULL, 0) == pid);
}

static void gone_process(void)
{
    char path[64];
    siginfo_t info;
    struct stat st;
    int dir, stat_fd;
    pid_t pid = fork();

    if (!pid)
        _exit(0);
    PART("the directory of a process that is gone");
    TRY(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    snprintf(path, sizeof path, "/proc/%d/mounts", pid);
    TRY(open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/mountinfo", pid);
    TRY(open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d", pid);
    dir = open(path, O_RDONLY);
    stat_fd = openat(dir, "stat", O_RDONLY);
    SHOW(dir >= 0 && stat_fd >= 0);
    waitpid(pid, NULL, 0);
    TRY(openat(dir, "stat", O_RDONLY));
    TRY(openat(dir, "fd", O_RDONLY));
    TRY(openat(dir, "nothing", O_RDONLY));
    TRY(fstatat(dir, "stat", &st, 0));
    TRY(faccessat(dir, "status", R_OK, 0));
    TRY(read(stat_fd, path, 1));
    TRY(open(path, O_RDONLY));
    close(stat_fd);
    close(dir);
}

/* --- what is mounted, watched --- */

static void mounts_watched(void)
{
    struct pollfd p = {.events = POLLIN | POLLPRI};
    struct epoll_event wanted = {.events = EPOLLPRI}, got = {0};
    int set = epoll_create1(0), fds[2];

    PART("what is mounted can be watched");
    p.fd = open("/proc/self/mounts", O_RDONLY);
    TRY(epoll_ctl(set, EPOLL_CTL_ADD, p.fd, &wanted));
    TRY(poll(&p, 1, 0));
    SHOW(p.revents);
    TRY(epoll_wait(set, &got, 1, 0));
    TRY(pipe(fds));
    SHOW(splice(p.fd, NULL, fds[1], NULL, 10, 0) == 10);
    close(fds[0]);
    close(fds[1]);
    close(set);
    close(p.fd);
}

/* --- odd calls --- */

static void append_once(void)
{
    char text[8] = "abc";
    struct iovec v[2] = {{text, 2}, {text + 2, 1}};
    struct stat st;
    int fd = ut_file("file", 100), fds[2];

    PART("RWF_APPEND");
    TRY(lseek(fd, 10, SEEK_SET));
    TRY(pwritev64v2(fd, v, 2, 5, RWF_APPEND));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(pwritev64v2(fd, v, 1, -1, RWF_APPEND));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(fstat(fd, &st));
    SHOW(st.st_size);
    TRY(pread(fd, text, 5, 100));
    ut_say("%.5s", text);
    TRY(pwritev64v2(fd, v, 1, -2, RWF_APPEND));
    TRY(pwrite64(fd, text, 1, LLONG_MAX - 0x7FFFF000));
    TRY(pwritev64v2(fd, v, 1, -1, RWF_APPEND | 0x400));
    TRY(fstat(fd, &st));
    SHOW(st.st_size);
    close(fd);
    TRY(pipe(fds));
    TRY(pwritev64v2(fds[1], v, 2, -1, RWF_APPEND));
    TRY(read(fds[0], text, sizeof text));
    close(fds[0]);
    close(fds[1]);
}

static void say_birth(const char *what, int fd)
{
    struct statx s;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &s) != 0)
        ut_say("%s: %s", what, ut_errno(errno));
    else
        ut_say("%s: %s", what, s.stx_mask & STATX_BTIME ? "was born" : "was not born");
    close(fd);
}

static void births(void)
{
    int fds[2];

    PART("who was born");
    say_birth("a file", ut_file("file", 1));
    say_birth("a file in memory", memfd_create("m", 0));
    say_birth("an event", eventfd(0, 0));
    say_birth("a socket", socket(AF_UNIX, SOCK_STREAM, 0));
    say_birth("/proc", open("/proc", O_RDONLY));
    TRY(pipe(fds));
    say_birth("a pipe", fds[0]);
    close(fds[1]);
    mkfifo("fifo", 0600);
    say_birth("one with a name", open("fifo", O_RDWR));
}

static void no_text(const char *path)
{
    int fd = open(path, O_RDONLY);

    ut_address(path, mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    close(fd);
}

static void mappings(void)
{
    off_t far = (off_t)UINT32_MAX + 1;
    int zero = open("/dev/zero", O_RDWR), dir = open(".", O_RDONLY), event = eventfd(0, 0),
        file = ut_file("file", 1);

    PART("mapped from where no position is");
    TRY_AT(mmap64(NULL, PAGE, PROT_READ, MAP_SHARED, zero, far));
    TRY_AT(mmap64(NULL, PAGE, PROT_READ, MAP_PRIVATE, zero, far - PAGE));
    TRY_AT(mmap64(NULL, PAGE, PROT_READ, MAP_PRIVATE, zero, far - 2 * PAGE));
    TRY_AT(mmap64(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, far));
    TRY_AT(mmap64(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0));
    TRY_AT(mmap64(NULL, PAGE, PROT_READ, MAP_SHARED, event, far));
    TRY_AT(mmap64(NULL, PAGE, PROT_READ, MAP_SHARED, file, far));
    PART("what cannot be executed");
    no_text("/proc/self/status");
    no_text("/proc/version");
    no_text("/proc/self/maps");
    no_text("/proc/sys/vm/swappiness");
    close(zero);
    close(dir);
    close(event);
    close(file);
}

static void odd(void)
{
    struct timespec none = {0};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct sockaddr_in any = {.sin_family = AF_INET};
    char byte;
    int fd = ut_file("file", 1), netlink = socket(AF_NETLINK, SOCK_RAW, 0),
        tcp = socket(AF_INET, SOCK_STREAM, 0);

    PART("leases: there are none");
    TRY(fcntl(fd, F_GETLEASE));
    TRY(fcntl(fd, F_SETLEASE, F_UNLCK));
    TRY(fcntl(tcp, F_GETLEASE));
    TRY(fcntl(tcp, F_SETLEASE, F_UNLCK));
    TRY(fcntl(fd, F_SETLEASE, 9));
    PART("messages that cannot be read");
    TRY(sendto(netlink, NULL, 3, 0, (struct sockaddr *)&kernel, sizeof kernel));
    TRY(write(netlink, (void *)-1, 3));
    TRY(write(netlink, "abc", 3));
    PART("errors of one that listens");
    TRY(bind(tcp, (struct sockaddr *)&any, sizeof any));
    TRY(listen(tcp, 1));
    TRY(recv(tcp, &byte, 1, MSG_DONTWAIT | MSG_ERRQUEUE));
    TRY(recv(tcp, &byte, 1, MSG_DONTWAIT));
    PART("flags of clock_nanosleep");
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, 2, &none, NULL));
    SHOW(clock_nanosleep(CLOCK_BOOTTIME, 2, &none, NULL));
    close(fd);
    close(netlink);
    close(tcp);
}

UT_PROGRAM(small)
{
    ut_workdir();
    several_names();
    long_links();
    wait_for_ends();
    gone_process();
    mounts_watched();
    append_once();
    births();
    mappings();
    odd();
}
