/* Files that have no name: what they are called, and how many links they have. */
#include "tests/user/ut.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/* A path without what differs from run to run: the work directory, and numbers after # and [. */
static const char *plain(char *path)
{
    static char text[512];
    const char *from = path;
    size_t n = 0;

    if (strncmp(from, "/tmp/ut-", 8) == 0 && strlen(from) >= 14) {
        n = (size_t)sprintf(text, "WORK");
        from += 14;
    }
    while (*from && n + 4 < sizeof text) {
        text[n++] = *from++;
        if ((text[n - 1] == '#' || text[n - 1] == '[') && *from >= '0' && *from <= '9') {
            text[n++] = 'N';
            while (*from >= '0' && *from <= '9')
                from++;
        }
    }
    text[n] = '\0';
    return text;
}

static void show_link(const char *what, int fd)
{
    char name[64], path[512];
    struct stat st;
    ssize_t n;

    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    n = readlink(name, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    fstat(fd, &st);
    ut_say("%s: %s, mode %o, %u links, size %lld", what, n < 0 ? ut_errno(errno) : plain(path), st.st_mode,
           (unsigned)st.st_nlink, (long long)st.st_size);
}

/* What maps says is mapped at p. */
static void show_map(const char *what, const void *p)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];

    while (f && fgets(line, sizeof line, f)) {
        unsigned long start, end;
        int at = 0;

        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &at) < 2 || start != (unsigned long)p)
            continue;
        line[strcspn(line, "\n")] = '\0';
        ut_say("%s: '%s'", what, at ? plain(line + at) : "");
    }
    if (f)
        fclose(f);
}

static void show_both(const char *what, int fd)
{
    void *p, *q;

    show_link(what, fd);
    if (ftruncate(fd, PAGE) != 0)
        ut_say("%s", ut_errno(errno));
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    show_map("shared", p);
    q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    show_map("private", q);
    munmap(p, PAGE);
    munmap(q, PAGE);
}

static void memory(void)
{
    char name[300];
    int fd;

    PART("memfd_create");
    fd = memfd_create("x", 0);
    show_both("memfd", fd);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    close(open(name, O_RDONLY));
    int again = open(name, O_RDONLY);
    show_link("opened again", again);
    close(again);
    close(fd);
    fd = memfd_create("", 0);
    show_both("of no name", fd);
    close(fd);
    fd = memfd_create("a b/c\nd\\e", MFD_ALLOW_SEALING);
    show_both("odd", fd);
    close(fd);
    memset(name, 'n', sizeof name);
    name[249] = '\0';
    fd = memfd_create(name, 0);
    show_both("long", fd);
    close(fd);
    name[249] = 'n';
    name[250] = '\0';
    TRY(memfd_create(name, 0));
}

static void temporary(void)
{
    char name[64];
    int fd;

    PART("O_TMPFILE");
    fd = open(".", O_RDWR | O_TMPFILE, 0640);
    show_both("temporary", fd);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    TRY(linkat(AT_FDCWD, name, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW));
    int again = open("linked", O_RDONLY);
    show_link("by its name", again);
    unlink("linked");
    show_link("and without", again);
    close(again);
    close(fd);
    mkdir("d", 0700);
    fd = open("d", O_RDWR | O_TMPFILE | O_EXCL, 0600);
    show_both("in a directory", fd);
    close(fd);
    rmdir("d");
}

static void removed(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0600), dir;

    PART("removed");
    unlink("f");
    show_both("a file", fd);
    close(fd);
    mkdir("dir", 0700);
    dir = open("dir", O_RDONLY);
    show_link("a directory", dir);
    rmdir("dir");
    show_link("that is gone", dir);
    close(dir);
}

static void anonymous(void)
{
    sigset_t set;
    int fds[2], id;
    void *p;

    PART("what no directory has");
    sigemptyset(&set);
    show_link("eventfd", fds[0] = eventfd(0, 0));
    close(fds[0]);
    show_link("epoll", fds[0] = epoll_create1(0));
    close(fds[0]);
    show_link("timerfd", fds[0] = timerfd_create(CLOCK_MONOTONIC, 0));
    close(fds[0]);
    show_link("signalfd", fds[0] = signalfd(-1, &set, 0));
    close(fds[0]);
    show_link("pidfd", fds[0] = (int)syscall(SYS_pidfd_open, getpid(), 0));
    close(fds[0]);
    if (pipe(fds) == 0) {
        show_link("pipe", fds[0]);
        show_link("pipe", fds[1]);
        close(fds[0]);
        close(fds[1]);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) {
        show_link("socket", fds[0]);
        close(fds[0]);
        close(fds[1]);
    }
    show_link("socket", fds[0] = socket(AF_INET, SOCK_DGRAM, 0));
    close(fds[0]);
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    show_map("shared memory", p);
    munmap(p, PAGE);
    id = shmget(0x1234abcd, PAGE, IPC_CREAT | 0600);
    p = shmat(id, NULL, SHM_RDONLY);
    show_map("a segment with a key", p);
    shmctl(id, IPC_RMID, NULL);
    show_map("removed", p);
    shmdt(p);
    id = shmget(IPC_PRIVATE, PAGE, 0600);
    p = shmat(id, NULL, SHM_RDONLY);
    show_map("one without", p);
    shmctl(id, IPC_RMID, NULL);
    shmdt(p);
}

UT_PROGRAM(unnamed)
{
    ut_workdir();
    umask(0);
    memory();
    temporary();
    removed();
    anonymous();
}
