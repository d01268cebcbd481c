/* What happens to files: inotify. Each thing that programs do, and what is told of it, in order. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>

static int in; /* the descriptor */
static uint32_t cookies[16];
static unsigned cookies_seen;

static const char *mask_text(uint32_t mask)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } bit[] = {
        {IN_ACCESS, "ACCESS"},
        {IN_MODIFY, "MODIFY"},
        {IN_ATTRIB, "ATTRIB"},
        {IN_CLOSE_WRITE, "CLOSE_WRITE"},
        {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"},
        {IN_OPEN, "OPEN"},
        {IN_MOVED_FROM, "MOVED_FROM"},
        {IN_MOVED_TO, "MOVED_TO"},
        {IN_CREATE, "CREATE"},
        {IN_DELETE, "DELETE"},
        {IN_DELETE_SELF, "DELETE_SELF"},
        {IN_MOVE_SELF, "MOVE_SELF"},
        {IN_UNMOUNT, "UNMOUNT"},
        {IN_Q_OVERFLOW, "Q_OVERFLOW"},
        {IN_IGNORED, "IGNORED"},
        {IN_ISDIR, "ISDIR"},
    };
    static char text[200];

    text[0] = '\0';
    for (unsigned i = 0; i < sizeof bit / sizeof *bit; i++)
        if (mask & bit[i].bit) {
            strcat(text, text[0] ? "|" : "");
            strcat(text, bit[i].name);
            mask &= ~bit[i].bit;
        }
    if (mask)
        snprintf(text + strlen(text), 20, "+%x", mask);
    return text;
}

/* Which of those that were seen, in order. */
static unsigned cookie_number(uint32_t cookie)
{
    for (unsigned i = 0; i < cookies_seen; i++)
        if (cookies[i] == cookie)
            return i + 1;
    if (cookies_seen < 16)
        cookies[cookies_seen++] = cookie;
    return cookies_seen;
}

/* Take and say all news of a descriptor. */
static void news_of(int fd, const char *what)
{
    char buf[8192] __attribute__((aligned(8)));
    ssize_t n;

    ut_say("%s", what);
    while ((n = read(fd, buf, sizeof buf)) > 0)
        for (char *at = buf; at < buf + n;) {
            const struct inotify_event *e = (const struct inotify_event *)at;

            ut_say("  wd %d %s%s%s%s, %u", e->wd, mask_text(e->mask), e->len ? " '" : "",
                   e->len ? e->name : "", e->len ? "'" : "", e->len);
            if (e->cookie)
                ut_say("    cookie %u", cookie_number(e->cookie));
            at += sizeof *e + e->len;
        }
    if (n < 0 && errno != EAGAIN)
        ut_result("read", n);
}

#define NEWS(what) news_of(in, what)
#define DO(call)                                                                                             \
    do {                                                                                                     \
        TRY(call);                                                                                           \
        NEWS(" told:");                                                                                      \
    } while (0)

/* Whether there is a descriptor, whose number says nothing. */
static int opened(int *fd, int got)
{
    *fd = got;
    return got < 0 ? got : 0;
}

static int make(const char *name)
{
    return open(name, O_RDWR | O_CREAT, 0644);
}

static void arguments(void)
{
    int fd, p[2], file = make("plain");
    char path[64], to[64] = "", tiny[15];

    PART("arguments");
    TRY(inotify_init1(1));
    TRY(inotify_init1(0x80000001));
    fd = inotify_init();
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    close(fd);
    fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, to, sizeof to - 1);
    ut_say("%s", to);
    TRY(inotify_add_watch(fd, ".", 0));
    TRY(inotify_add_watch(fd, ".", 0x1000));
    TRY(inotify_add_watch(fd, ".", 0x00010000 | IN_MODIFY));
    TRY(inotify_add_watch(-1, ".", IN_MODIFY));
    TRY(inotify_add_watch(99, ".", 0));
    TRY(inotify_add_watch(file, ".", IN_MODIFY));
    TRY(inotify_add_watch(file, ".", IN_MODIFY | IN_MASK_ADD | IN_MASK_CREATE));
    TRY(inotify_add_watch(fd, ".", IN_MODIFY | IN_MASK_ADD | IN_MASK_CREATE));
    TRY(inotify_add_watch(fd, "missing", IN_MODIFY));
    TRY(inotify_add_watch(fd, "", IN_MODIFY));
    TRY(inotify_add_watch(fd, "plain", IN_MODIFY | IN_ONLYDIR));
    TRY(inotify_add_watch(fd, "plain/below", IN_MODIFY));
    TRY(inotify_add_watch(fd, NULL, IN_MODIFY));
    TRY(inotify_rm_watch(fd, 1));
    TRY(inotify_rm_watch(fd, 0));
    TRY(inotify_rm_watch(fd, -1));
    TRY(inotify_rm_watch(file, 1));
    TRY(inotify_rm_watch(-1, 1));
    TRY(inotify_rm_watch(open(".", O_PATH), 1));
    TRY(read(fd, to, sizeof to));
    TRY(read(fd, tiny, 0));
    TRY(write(fd, to, 4));
    TRY(lseek(fd, 4, SEEK_SET));
    TRY(ftruncate(fd, 0));
    TRY(ioctl(fd, TCGETS, to));
    TRY(pread(fd, to, sizeof to, 0));
    pipe(p);
    TRY(splice(fd, NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK));
    TRY(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    PART("numbers");
    TRY(inotify_add_watch(fd, "plain", IN_MODIFY));
    TRY(inotify_add_watch(fd, ".", IN_ONLYDIR | IN_CREATE));
    TRY(inotify_add_watch(fd, "./plain", IN_ACCESS));
    TRY(inotify_add_watch(fd, "plain", IN_ACCESS | IN_MASK_CREATE));
    TRY(inotify_rm_watch(fd, 1));
    TRY(inotify_rm_watch(fd, 1));
    news_of(fd, "told:");
    TRY(inotify_add_watch(fd, "plain", IN_ACCESS | IN_MASK_CREATE));
    TRY(inotify_add_watch(fd, ".", IN_ISDIR));
    TRY(inotify_add_watch(fd, ".", IN_UNMOUNT | IN_IGNORED | IN_Q_OVERFLOW));
    close(fd);
    close(file);
    close(p[0]);
    close(p[1]);
    unlink("plain");
}

static void file_watched(void)
{
    struct iovec v[2];
    char c[16] = "bytes";
    int f, other, p[2];

    PART("a file");
    in = inotify_init1(IN_NONBLOCK);
    close(make("f"));
    TRY(inotify_add_watch(in, "f", IN_ALL_EVENTS));
    DO(opened(&f, open("f", O_RDWR)));
    DO(write(f, c, 5));
    DO(write(f, c, 5));
    DO(write(f, c, 0));
    DO(pread(f, c, 5, 0));
    DO(pread(f, c, 5, 100));
    v[0] = v[1] = (struct iovec){c, 4};
    DO(writev(f, v, 2));
    DO(preadv(f, v, 2, 0));
    DO(ftruncate(f, 3));
    DO(ftruncate(f, 3));
    DO(truncate("f", 5));
    DO(fallocate(f, 0, 0, 100));
    DO(fallocate(f, 0x7000, 0, 100));
    DO(fchmod(f, 0600));
    DO(chmod("f", 0600));
    DO(chown("f", -1, -1));
    DO(chown("f", getuid(), -1));
    DO(utimensat(AT_FDCWD, "f", NULL, 0));
    DO(utimensat(AT_FDCWD, "f", (struct timespec[]){{5, 0}, {0, UTIME_OMIT}}, 0));
    DO(utimensat(AT_FDCWD, "f", (struct timespec[]){{0, UTIME_OMIT}, {5, 0}}, 0));
    DO(utimensat(AT_FDCWD, "f", (struct timespec[]){{0, UTIME_OMIT}, {0, UTIME_OMIT}}, 0));
    DO(fsync(f));
    DO(lseek(f, 0, SEEK_SET));
    DO(access("f", R_OK));
    pipe(p);
    DO(sendfile(p[1], f, NULL, 3));
    DO(opened(&other, dup(f)));
    DO(close(other));
    DO(close(f));
    DO(close(open("f", O_RDONLY)));
    DO(close(open("f", O_WRONLY | O_TRUNC)));
    DO(close(open("f", O_RDWR | O_CREAT, 0600)));
    DO(open("f", O_RDWR | O_CREAT | O_EXCL, 0600));
    DO(link("f", "g"));
    DO(unlink("g"));
    DO(rename("f", "h"));
    DO(rename("h", "h"));
    DO(symlink("h", "s"));
    DO(close(open("s", O_RDONLY)));
    DO(unlink("s"));
    close(make("over"));
    DO(rename("over", "h"));
    NEWS("later:");
    DO(inotify_rm_watch(in, 1));
    close(p[0]);
    close(p[1]);
    unlink("h");
    close(in);
}

static void directory_watched(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "d/socket"};
    char buf[4096];
    int f, dir;

    PART("a directory");
    in = inotify_init1(IN_NONBLOCK);
    mkdir("d", 0755);
    mkdir("e", 0755);
    TRY(inotify_add_watch(in, "d", IN_ALL_EVENTS));
    DO(opened(&f, open("d/a", O_RDWR | O_CREAT | O_TRUNC, 0644)));
    DO(write(f, "x", 1));
    DO(read(f, buf, 1));
    DO(pread(f, buf, 1, 0));
    DO(fchmod(f, 0600));
    DO(close(f));
    DO(close(open("d/a", O_RDWR | O_TRUNC)));
    DO(mkdir("d/sub", 0755));
    DO(mknod("d/fifo", S_IFIFO | 0644, 0));
    DO(symlink("a", "d/link"));
    DO(link("d/a", "d/b"));
    DO(unlink("d/b"));
    f = socket(AF_UNIX, SOCK_STREAM, 0);
    DO(bind(f, (struct sockaddr *)&a, sizeof a));
    close(f);
    DO(unlink("d/socket"));
    DO(opened(&dir, open("d", O_RDONLY | O_DIRECTORY)));
    DO(syscall(SYS_getdents64, dir, buf, sizeof buf) > 0);
    DO(syscall(SYS_getdents64, dir, buf, sizeof buf));
    DO(close(dir));
    DO(opened(&dir, open("d/sub", O_RDONLY | O_DIRECTORY)));
    DO(fchmod(dir, 0700));
    DO(close(dir));
    DO(chmod("d", 0700));
    DO(access("d/a", F_OK));
    DO(rename("d/a", "d/name-of-sixteen"));
    DO(rename("d/name-of-sixteen", "e/a"));
    DO(rename("e/a", "d/a"));
    DO(rename("d/sub", "e/sub"));
    DO(rename("e/sub", "d/sub"));
    DO(syscall(SYS_renameat2, AT_FDCWD, "d/sub", AT_FDCWD, "d/a", 2));
    DO(syscall(SYS_renameat2, AT_FDCWD, "d/sub", AT_FDCWD, "d/a", 2));
    close(make("d/target"));
    NEWS("made:");
    DO(rename("d/a", "d/target"));
    DO(rename("d/target", "d/missing/x"));
    DO(mkdir("d/sub", 0755));
    DO(rmdir("d/sub"));
    DO(unlink("d/fifo"));
    DO(unlink("d/link"));
    DO(unlink("d/target"));
    DO(rename("d", "d2"));
    DO(rename("d2", "d"));
    TRY(inotify_add_watch(in, "e", IN_ALL_EVENTS));
    close(make("d/m"));
    NEWS("made:");
    DO(rename("d/m", "e/n"));
    DO(rename("e/n", "d/m"));
    DO(unlink("d/m"));
    DO(rmdir("d"));
    DO(rmdir("e"));
    close(in);
}

static void both_watched(void)
{
    int f;
    char c;

    PART("a file and its directory");
    in = inotify_init1(IN_NONBLOCK);
    mkdir("d", 0755);
    close(make("d/f"));
    TRY(inotify_add_watch(in, "d/f", IN_ALL_EVENTS));
    TRY(inotify_add_watch(in, "d", IN_ALL_EVENTS));
    DO(opened(&f, open("d/f", O_RDWR)));
    DO(write(f, "xy", 2));
    DO(pread(f, &c, 1, 0));
    DO(chmod("d/f", 0600));
    DO(rename("d/f", "d/g"));
    DO(close(f));
    DO(unlink("d/g"));
    close(make("d/f"));
    f = open("d/f", O_RDWR);
    NEWS("made:");
    TRY(inotify_add_watch(in, "d/f", IN_ALL_EVENTS));
    PART("a name goes while the file is open");
    TRY(inotify_rm_watch(in, 2));
    NEWS("told:");
    DO(unlink("d/f"));
    DO(write(f, "x", 1));
    DO(fchmod(f, 0600));
    DO(close(f));
    PART("a directory goes while somebody is in it");
    f = open("d", O_RDONLY);
    TRY(inotify_add_watch(in, "d", IN_ALL_EVENTS));
    TRY(inotify_add_watch(in, ".", (IN_ALL_EVENTS & ~IN_OPEN) | IN_EXCL_UNLINK));
    DO(rmdir("d"));
    DO(close(f));
    close(in);
}

static void flags(void)
{
    int f;

    PART("flags");
    in = inotify_init1(IN_NONBLOCK);
    mkdir("d", 0755);
    close(make("d/f"));
    symlink("d", "s");
    TRY(inotify_add_watch(in, "d/f", IN_OPEN | IN_ONESHOT));
    DO(close(open("d/f", O_RDONLY)));
    DO(close(open("d/f", O_RDONLY)));
    TRY(inotify_add_watch(in, "d/f", IN_OPEN));
    TRY(inotify_add_watch(in, "d/f", IN_CLOSE | IN_MASK_ADD));
    DO(close(open("d/f", O_RDONLY)));
    TRY(inotify_add_watch(in, "d/f", IN_CLOSE));
    DO(close(open("d/f", O_RDONLY)));
    TRY(inotify_add_watch(in, "d/f", IN_OPEN | IN_MASK_ADD | IN_ONESHOT));
    DO(close(open("d/f", O_RDONLY)));
    TRY(inotify_add_watch(in, "s", IN_DONT_FOLLOW | IN_ATTRIB));
    TRY(inotify_add_watch(in, "s", IN_DONT_FOLLOW | IN_ATTRIB | IN_ONLYDIR));
    DO(lchown("s", getuid(), -1));
    TRY(inotify_add_watch(in, "s", IN_ONLYDIR | IN_CREATE));
    DO(close(make("d/g")));
    TRY(inotify_add_watch(in, "d", IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_ONESHOT));
    DO(mkdir("s/h", 0755));
    DO(rmdir("s/h"));
    TRY(inotify_add_watch(in, "d", IN_MODIFY | IN_EXCL_UNLINK));
    f = open("d/g", O_RDWR);
    DO(write(f, "x", 1));
    DO(unlink("d/g"));
    DO(write(f, "x", 1));
    DO(close(f));
    unlink("d/f");
    unlink("s");
    NEWS("links gone:");
    rmdir("d");
    NEWS("gone:");
    close(in);
}

static int waiting(int fd)
{
    int n = -1;

    ioctl(fd, FIONREAD, &n);
    return n;
}

static void queue(void)
{
    char buf[64] __attribute__((aligned(8)));
    struct pollfd p;
    struct epoll_event e = {.events = EPOLLIN | EPOLLET};
    int set = epoll_create1(0), f, sum = 0;

    PART("the queue");
    in = inotify_init1(IN_NONBLOCK);
    mkdir("d", 0755);
    TRY(inotify_add_watch(in, "d", IN_CREATE | IN_MODIFY | IN_OPEN));
    p = (struct pollfd){.fd = in, .events = POLLIN | POLLOUT | POLLRDNORM};
    SHOW(poll(&p, 1, 0));
    TRY(epoll_ctl(set, EPOLL_CTL_ADD, in, &e));
    SHOW(epoll_wait(set, &e, 1, 0));
    SHOW(waiting(in));
    f = make("d/f");
    SHOW(waiting(in));
    SHOW(poll(&p, 1, 0));
    SHOW(p.revents);
    SHOW(epoll_wait(set, &e, 1, 0));
    SHOW(epoll_wait(set, &e, 1, 0));
    TRY(read(in, buf, 15));
    TRY(read(in, buf, 31));
    TRY(read(in, buf, 32));
    SHOW(waiting(in));
    TRY(read(in, buf, 47));
    SHOW(waiting(in));
    for (unsigned i = 0; i < 5; i++)
        sum += (int)write(f, "x", 1);
    SHOW(sum);
    SHOW(waiting(in));
    TRY(read(in, NULL, 100));
    SHOW(waiting(in));
    PART("a reader that waits");
    TRY(fcntl(in, F_SETFL, 0));
    if (fork() == 0) {
        usleep(30000);
        if (write(f, "x", 1) != 1)
            _exit(1);
        _exit(0);
    }
    TRY(read(in, buf, sizeof buf));
    wait(NULL);
    PART("news that are the same");
    TRY(fcntl(in, F_SETFL, O_NONBLOCK));
    sum = (int)(write(f, "x", 1) + write(f, "x", 1));
    close(make("d/g"));
    sum += (int)(write(f, "x", 1) + write(f, "x", 1));
    SHOW(sum);
    NEWS("told:");
    close(f);
    close(set);
    unlink("d/f");
    unlink("d/g");
    PART("two descriptors");
    {
        int other = inotify_init1(IN_NONBLOCK);

        TRY(inotify_add_watch(other, "d", IN_ALL_EVENTS));
        close(make("d/h"));
        NEWS("one:");
        news_of(other, "other:");
        TRY(fcntl(other, F_GETFL) & O_ASYNC);
        close(other);
    }
    unlink("d/h");
    rmdir("d");
    NEWS("gone:");
    close(in);
}

static void signals(void)
{
    sigset_t set;
    siginfo_t i;
    int f;

    PART("signals");
    in = inotify_init1(IN_NONBLOCK);
    f = make("f");
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    TRY(inotify_add_watch(in, "f", IN_MODIFY));
    TRY(fcntl(in, F_SETOWN, getpid()));
    TRY(fcntl(in, F_SETSIG, SIGUSR1));
    TRY(fcntl(in, F_SETFL, O_ASYNC | O_NONBLOCK));
    SHOW(write(f, "x", 1));
    TRY(sigtimedwait(&set, &i, &(struct timespec){0}));
    ut_say("code %d, band %lx, fd %s", i.si_code, (long)i.si_band & 0xffff, i.si_fd == in ? "that" : "other");
    SHOW(write(f, "x", 1));
    TRY(sigtimedwait(&set, &i, &(struct timespec){0}));
    close(in);
    close(f);
    unlink("f");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* What /proc says of watches, without numbers that differ. */
static void fdinfo(void)
{
    char path[64], line[300];
    FILE *f;

    PART("fdinfo");
    in = inotify_init1(IN_NONBLOCK);
    close(make("f"));
    TRY(inotify_add_watch(in, "f", IN_MODIFY));
    TRY(inotify_add_watch(in, ".", IN_CREATE | IN_ONLYDIR | IN_EXCL_UNLINK | IN_ONESHOT));
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", in);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *mask = strstr(line, " mask:");

        if (strncmp(line, "inotify ", 8) == 0 && mask)
            ut_say("%.12s mask %lx", line, strtoul(mask + 6, NULL, 16));
    }
    if (f)
        fclose(f);
    close(in);
    unlink("f");
}

static void overflow(void)
{
    char was[32] = "";
    int fd = open("/proc/sys/fs/inotify/max_queued_events", O_RDWR), f[3];

    PART("overflow");
    if (fd < 0 || read(fd, was, sizeof was - 1) <= 0 || pwrite(fd, "4\n", 2, 0) != 2) {
        close(fd);
        ut_say("skipped");
        return;
    }
    in = inotify_init1(IN_NONBLOCK);
    if (pwrite(fd, was, strlen(was), 0) < 0)
        ut_say("not set back");
    close(fd);
    mkdir("d", 0755);
    TRY(inotify_add_watch(in, "d", IN_CREATE));
    for (unsigned i = 0; i < 3; i++)
        f[i] = make(i == 0 ? "d/1" : i == 1 ? "d/2" : "d/3");
    SHOW(waiting(in));
    close(make("d/4"));
    SHOW(waiting(in));
    close(make("d/5"));
    SHOW(waiting(in));
    close(make("d/6"));
    SHOW(waiting(in));
    {
        char buf[40] __attribute__((aligned(8)));

        TRY(read(in, buf, sizeof buf));
        TRY(read(in, buf, sizeof buf));
    }
    close(make("d/7"));
    close(make("d/8"));
    NEWS("told:");
    close(make("d/9"));
    NEWS("told:");
    for (unsigned i = 0; i < 3; i++)
        close(f[i]);
    for (char name[4] = "d/1"; name[2] <= '9'; name[2]++)
        unlink(name);
    rmdir("d");
    close(in);
}

UT_PROGRAM(inotify)
{
    ut_workdir();
    arguments();
    file_watched();
    directory_watched();
    both_watched();
    flags();
    queue();
    signals();
    fdinfo();
    overflow();
}
