/*
 * Programs that take what the kernel keeps for them: each kind alone to its limit, then all at once.
 *
 *     bombs SECONDS [NAME ...]      for so long all at once, or only those that are named
 *     bombs limits                  the limits, one after the other
 *
 * A bomb takes until it gets an error, holds what it has for a moment, begins again. The one that started
 * them
 * answers all the time: it writes, reads, maps and unmaps, and says so. At the end all are killed, and what
 * needs memory works again. Whatever the kernel refuses or whomever it ends, it goes on.
 *
 * The last line is "bombs: done, N failed"; before, "bombs: FAILED: ..." says what.
 */
#include "tests/user/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define MIB  (1u << 20)

static uint64_t now_ms(void)
{
    return now_ns() / MS;
}

static void hold(void)
{
    usleep(200000);
}

/* --- bombs: each runs until it is killed --- */

static void bomb_fork(void)
{
    for (;;)
        if (fork() < 0)
            usleep(10000);
}

static int in_clone(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

static void bomb_clone(void)
{
    static char stack[PAGE];

    for (;;)
        if (clone(in_clone, stack + sizeof stack,
                  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL) < 0)
            usleep(10000);
}

static void bomb_zombie(void)
{
    for (;;) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        if (pid < 0)
            usleep(10000);
    }
}

static void bomb_region(void)
{
    enum { MANY = 140000 };

    for (;;) {
        char *p = mmap(NULL, MANY * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        for (unsigned i = 0; p != MAP_FAILED && i < MANY; i += 2)
            if (mprotect(p + i * PAGE, PAGE, PROT_READ) != 0)
                break;
        hold();
        if (p != MAP_FAILED)
            munmap(p, MANY * PAGE);
    }
}

/* Regions that are locked, or of several rights, each with a page. */
static void bomb_locked(void)
{
    for (;;) {
        char *first = NULL;
        unsigned n = 0;

        for (;; n++) {
            char *p = mmap(NULL, PAGE, n & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

            if (p == MAP_FAILED || mlock(p, PAGE) != 0)
                break;
            first = p;
        }
        hold();
        if (first)
            munmap(first, n * PAGE);
    }
}

static void bomb_table(void)
{
    for (;;) {
        size_t size = 1800u * MIB;
        char *p =
            mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED) {
            usleep(10000);
            continue;
        }
        for (size_t at = 0; at < size; at += 4 * MIB)
            p[at] = 1;
        hold();
        munmap(p, size);
    }
}

static void most_descriptors(void)
{
    struct rlimit r = {1 << 20, 1 << 20};

    setrlimit(RLIMIT_NOFILE, &r);
}

static void bomb_dup(void)
{
    int last = 0;

    most_descriptors();
    for (;;) {
        int fd = dup(0);

        if (fd >= 0) {
            last = fd;
            continue;
        }
        if (fork() == 0)
            continue;
        hold();
        for (int i = 3; i <= last; i++)
            close(i);
    }
}

/* The largest table at once, in many processes. */
static void bomb_dup2(void)
{
    most_descriptors();
    for (;;) {
        dup2(0, (1 << 20) - 1);
        if (fork() < 0)
            usleep(10000);
    }
}

static int make_pipe(void)
{
    static char block[65536];
    int end[2];

    if (pipe2(end, O_NONBLOCK) != 0)
        return -1;
    while (write(end[1], block, sizeof block) > 0)
        ;
    return 0;
}

static int make_eventfd(void)
{
    return eventfd(1, 0);
}

static int make_pidfd(void)
{
    return (int)syscall(SYS_pidfd_open, getpid(), 0);
}

static int make_memfd(void)
{
    int fd = memfd_create("a name that is not short, for a file that has little in it", 0);

    return fd >= 0 && write(fd, "x", 1) == 1 ? fd : -1;
}

static int make_open(void)
{
    return open("/proc/self/maps", O_RDONLY);
}

static void bomb_with(int (*make)(void))
{
    most_descriptors();
    for (;;) {
        int n = 0;

        while (make() >= 0)
            n++;
        hold();
        syscall(SYS_close_range, 3, ~0u, 0);
        if (n == 0)
            usleep(10000);
    }
}

static void bomb_pipe(void)
{
    bomb_with(make_pipe);
}
static void bomb_eventfd(void)
{
    bomb_with(make_eventfd);
}
static void bomb_pidfd(void)
{
    bomb_with(make_pidfd);
}
static void bomb_memfd(void)
{
    bomb_with(make_memfd);
}
static void bomb_open(void)
{
    bomb_with(make_open);
}

static void bomb_timer(void)
{
    struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

    setrlimit(RLIMIT_SIGPENDING, &r);
    for (;;) {
        struct sigevent e = {.sigev_notify = SIGEV_NONE};
        timer_t id;

        if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id) != 0)
            usleep(10000);
    }
}

static void bomb_signal(void)
{
    struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    setrlimit(RLIMIT_SIGPENDING, &r);
    for (;;)
        if (sigqueue(getpid(), SIGRTMIN, (union sigval){0}) != 0)
            usleep(10000);
}

static void bomb_lock(void)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

    for (unsigned i = 0;; i++) {
        struct flock l = {.l_type = F_WRLCK, .l_start = (off_t)(2 * i), .l_len = 1};

        if (fd < 0 || fcntl(fd, F_SETLK, &l) != 0) {
            usleep(10000);
            l.l_start = l.l_len = 0;
            l.l_type = F_UNLCK;
            fcntl(fd, F_SETLK, &l);
        }
    }
}

static void name_it(char *name, const char *where, unsigned n)
{
    memset(name, 'n', 250);
    name[250] = '\0';
    memcpy(name, where, strlen(where));
    snprintf(name + strlen(where), 16, "%08x", n);
    name[strlen(where) + 8] = 'x';
}

static void bomb_files(void)
{
    char name[256], other[256], *target = malloc(PAGE);

    memset(target, 't', PAGE - 1);
    target[PAGE - 1] = '\0';
    for (unsigned i = (unsigned)getpid() << 20;; i++) {
        int err = 0;

        name_it(name, "/tmp/", i);
        switch (i % 4) {
        case 0: {
            int fd = open(name, O_CREAT | O_WRONLY, 0600);

            if (fd < 0 || write(fd, name, 1) != 1)
                err = 1;
            close(fd);
            break;
        }
        case 1:
            err = mkdir(name, 0700);
            break;
        case 2:
            err = symlink(target, name);
            break;
        default:
            name_it(other, "/tmp/", i - 3);
            err = link(other, name);
            break;
        }
        if (err)
            usleep(2000);
    }
}

static void bomb_mounts(void)
{
    char at[64];

    snprintf(at, sizeof at, "/tmp/m%d", (int)getpid());
    mkdir(at, 0700);
    for (;;)
        if (mount("none", at, "tmpfs", 0, "size=90%,nr_inodes=0") != 0)
            usleep(10000);
}

static void bomb_proc(void)
{
    static const char *const names[] = {"/proc/slabinfo", "/proc/self/smaps",  "/proc/self/maps",
                                        "/proc/meminfo",  "/proc/self/status", "/proc/mounts"};
    static char buf[65536];

    for (unsigned i = 0;; i++) {
        int fd = open(names[i % 6], O_RDONLY);

        while (fd >= 0 && read(fd, buf, sizeof buf) > 0)
            ;
        close(fd);
    }
}

static void bomb_shm(void)
{
    for (;;) {
        int id = shmget(IPC_PRIVATE, 64 * PAGE, IPC_CREAT | 0600);
        char *p;

        if (id < 0) {
            usleep(10000);
            continue;
        }
        p = shmat(id, NULL, 0);
        shmctl(id, IPC_RMID, NULL);
        if (p != (char *)-1)
            p[0] = 1;
    }
}

static void bomb_exec(void)
{
    enum { ARGS = 40 };
    char *argv[ARGS + 3] = {"bombs", "nothing"}, *text = malloc(100000);

    memset(text, 'a', 99999);
    text[99999] = '\0';
    for (int i = 2; i < ARGS; i++)
        argv[i] = text;
    for (;;) {
        pid_t pid = fork();

        if (pid == 0) {
            execv("/proc/self/exe", argv);
            _exit(1);
        }
        if (pid > 0)
            waitpid(pid, NULL, 0);
        else
            usleep(10000);
    }
}

static const struct bomb {
    const char *name;
    void (*run)(void);
} bombs[] = {
    {"fork", bomb_fork},     {"clone", bomb_clone},     {"zombie", bomb_zombie}, {"region", bomb_region},
    {"locked", bomb_locked}, {"table", bomb_table},     {"dup", bomb_dup},       {"dup2", bomb_dup2},
    {"pipe", bomb_pipe},     {"eventfd", bomb_eventfd}, {"pidfd", bomb_pidfd},   {"memfd", bomb_memfd},
    {"open", bomb_open},     {"timer", bomb_timer},     {"signal", bomb_signal}, {"lock", bomb_lock},
    {"files", bomb_files},   {"mounts", bomb_mounts},   {"proc", bomb_proc},     {"shm", bomb_shm},
    {"exec", bomb_exec},
};
#define BOMBS (sizeof bombs / sizeof bombs[0])

/* --- all at once --- */

static bool wanted(const char *name, char **names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return n == 0;
}

static pid_t groups[BOMBS];
static unsigned started;

/* Whether there was somebody. Of a group no member can be born while all are killed. */
static bool kill_all(void)
{
    bool any = false;

    for (unsigned i = 0; i < started; i++)
        any |= kill(-groups[i], SIGKILL) == 0;
    return any;
}

/* What a shell needs, without a process. */
static bool answers(void)
{
    char c = 'x', *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open("/dev/null", O_WRONLY);
    bool ok = p != MAP_FAILED && fd >= 0 && write(fd, &c, 1) == 1;

    if (p != MAP_FAILED) {
        memset(p, 1, 4 * PAGE);
        munmap(p, 4 * PAGE);
    }
    close(fd);
    return ok;
}

/* How soon this process is to be ended for want of memory. */
static void set_score(const char *adjust)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);

    if (fd < 0 || write(fd, adjust, strlen(adjust)) != (ssize_t)strlen(adjust))
        _exit(1);
    close(fd);
}

static bool forks(void)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(7);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static void all_at_once(unsigned seconds, char **names, int n)
{
    enum { LEAST = 3 }; /* times that it is asked, however slow the host is */
    uint64_t end, longest = 0, at;
    unsigned asked = 0, answered = 0, rounds = 0;
    bool again = false, left;

    set_score("-1000");
    for (unsigned i = 0; i < BOMBS; i++) {
        pid_t pid;

        if (!wanted(bombs[i].name, names, n))
            continue;
        pid = fork();
        if (pid == 0) {
            setpgid(0, 0);
            set_score("0");
            bombs[i].run();
        }
        if (pid > 0) {
            setpgid(pid, pid);
            groups[started++] = pid;
        }
    }
    printf("bombs: %u started\n", started);
    fflush(stdout);
    end = now_ms() + 1000ull * seconds;
    while ((at = now_ms()) < end || asked < LEAST) {
        uint64_t took;

        answered += answers();
        asked++;
        took = now_ms() - at;
        longest = took > longest ? took : longest;
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        usleep(100000);
    }
    printf("bombs: asked %u times, answered %u times, the slowest took %u ms\n", asked, answered,
           (unsigned)longest);
    check(answered > 0, "it answers");
    do {
        left = kill_all();
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        usleep(50000);
    } while (left && ++rounds < 400);
    check(!left, "all are gone");
    for (unsigned i = 0; i < 100 && !again; i++) {
        again = forks() && answers();
        usleep(20000);
    }
    check(again, "a process can be made again");
}

/* --- the limits, one after the other --- */

static long number_in(const char *file)
{
    char text[64] = "";
    int fd = open(file, O_RDONLY);

    if (fd < 0)
        return -1;
    if (read(fd, text, sizeof text - 1) < 0)
        text[0] = '\0';
    close(fd);
    return atol(text);
}

/* Children that end at once and are not waited for: as many as there may be threads. */
static void limit_zombies(void)
{
    long most = number_in("/proc/sys/kernel/threads-max"), n = 0;
    int why;
    pid_t pid;

    while ((pid = fork()) > 0)
        n++;
    if (pid == 0)
        _exit(0);
    why = errno;
    check(why == EAGAIN && n <= most && n > most / 2, "%ld zombies where %ld threads may be: %s", n, most,
          strerror(why));
    while (waitpid(-1, NULL, 0) > 0)
        n--;
    check(n == 0 && forks(), "all are waited for, and there is room");
}

static void remove_files(const char *where, unsigned n)
{
    char name[64];

    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%u", where, i);
        unlink(name);
        rmdir(name);
    }
}

/* Inodes and names: as many as statfs says, and nr_inodes= says how many. */
static void limit_inodes(void)
{
    enum { MANY = 100 };
    struct statfs s;
    char name[64], other[64];
    unsigned n = 0;
    int why, fd;

    mkdir("/tmp/d", 0700);
    check(mount("none", "/tmp/d", "tmpfs", 0, "nr_inodes=100") == 0 && statfs("/tmp/d", &s) == 0 &&
              s.f_files == MANY && s.f_ffree == MANY - 1,
          "a hundred inodes, one for the root");
    for (why = 0; !why; n += !why) {
        snprintf(name, sizeof name, "/tmp/d/%u", n);
        snprintf(other, sizeof other, "/tmp/d/%u", n - 1);
        why = 0;
        if (n % 4 == 0   ? close(open(name, O_CREAT | O_WRONLY, 0600)) != 0 && (errno = ENOSPC)
            : n % 4 == 1 ? link(other, name) != 0
            : n % 4 == 2 ? symlink("x", name) != 0
                         : mkdir(name, 0700) != 0)
            why = errno;
    }
    statfs("/tmp/d", &s);
    check(why == ENOSPC && n == MANY - 1 && s.f_ffree == 0, "%u files, names, links and directories: %s", n,
          strerror(why));
    check(rename("/tmp/d/0", "/tmp/d/a name that is longer") == 0 &&
              rename("/tmp/d/a name that is longer", "/tmp/d/0") == 0,
          "a file can have another name");
    fd = open("/tmp/d", O_TMPFILE | O_RDWR, 0600);
    check(fd < 0 && errno == ENOSPC, "not even a file without a name");
    check(mount("none", "/tmp/d", "tmpfs", MS_REMOUNT, "nr_inodes=99") != 0 && errno == EINVAL,
          "not fewer than there are");
    check(mount("none", "/tmp/d", "tmpfs", MS_REMOUNT, "nr_inodes=1k") == 0 && statfs("/tmp/d", &s) == 0 &&
              s.f_files == 1024 && s.f_ffree == 1024 - MANY,
          "but more");
    remove_files("/tmp/d", n);
    statfs("/tmp/d", &s);
    check(s.f_ffree == 1023, "all are given back, %ld are free", (long)s.f_ffree);
    check(umount("/tmp/d") == 0, "and the mount is gone");
}

/* Whatever a mount may have: what names take of the kernel's memory ends with ENOSPC, and comes back. */
static void limit_names(void)
{
    char name[256], *target = malloc(PAGE);
    unsigned n = 0;
    int why = 0;

    memset(target, 't', PAGE - 1);
    target[PAGE - 1] = '\0';
    mount("none", "/tmp/d", "tmpfs", 0, "nr_inodes=0");
    for (; !why && n < 100000; n += !why) {
        name_it(name, "/tmp/d/", n);
        why = symlink(target, name) != 0 ? errno : 0;
    }
    check(why == ENOSPC && n > 100, "%u long names and targets: %s", n, strerror(why));
    check(forks() && answers(), "others have memory");
    check(umount("/tmp/d") == 0, "and the mount is gone");
    free(target);
}

/* Each is found through those below it, so there are not many where memory is large. */
static void limit_mounts(void)
{
    enum { MANY = 3000 };
    unsigned n = 0;

    while (n < MANY && mount("none", "/tmp/d", "tmpfs", 0, "size=4k") == 0)
        n++;
    check(n == MANY || errno == ENOSPC, "%u mounts: %s", n, strerror(errno));
    for (; n && umount("/tmp/d") == 0; n--)
        ;
    check(n == 0, "all are gone");
    rmdir("/tmp/d");
}

/* A table for a million descriptors does not drive everybody's pages out, whether it can be had or not. */
static void limit_descriptors(void)
{
    char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char there[MIB / PAGE];
    unsigned resident = 0;
    pid_t pid;
    int status;

    memset(p, 1, MIB);
    pid = fork();
    if (pid == 0) {
        most_descriptors();
        _exit(dup2(0, (1 << 20) - 1) >= 0 ? 0 : errno);
    }
    waitpid(pid, &status, 0);
    mincore(p, MIB, there);
    for (unsigned i = 0; i < MIB / PAGE; i++)
        resident += there[i] & 1;
    check(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == ENOMEM),
          "descriptor 1048575: status %x", status);
    check(resident == MIB / PAGE, "%u pages of %u are still there", resident, MIB / PAGE);
    munmap(p, MIB);
}

/* As many timers and signals, of all processes together, as RLIMIT_SIGPENDING says. */
static void limit_signals(void)
{
    struct rlimit r = {50, 50}, before;
    struct sigevent e = {.sigev_notify = SIGEV_NONE};
    sigset_t set, old;
    unsigned timers = 0, signals = 0;
    timer_t id[60];

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, &old);
    getrlimit(RLIMIT_SIGPENDING, &before);
    setrlimit(RLIMIT_SIGPENDING, &r);
    while (timers < 30 && syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id[timers]) == 0)
        timers++;
    while (signals < 60 && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0)
        signals++;
    check(timers == 30 && signals == 20 && errno == EAGAIN, "%u timers and %u signals where 50 may be: %s",
          timers, signals, strerror(errno));
    check(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id[timers]) != 0 && errno == EAGAIN,
          "and no timer more");
    while (timers)
        syscall(SYS_timer_delete, id[--timers]);
    while (sigtimedwait(&set, NULL, &(struct timespec){0, 0}) > 0)
        signals--;
    check(signals == 0, "all signals come");
    before.rlim_cur = before.rlim_max;
    setrlimit(RLIMIT_SIGPENDING, &before);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* Locks: ENOLCK at some number, also for a lock that is to be cut in two. */
static void limit_locks(void)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600), why = 0;
    unsigned n = 0;
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        for (; n < 1000000; n++) {
            struct flock l = {.l_type = F_WRLCK, .l_start = (off_t)(2 * n), .l_len = 1};

            if (fcntl(fd, F_SETLK, &l) != 0)
                break;
        }
        why = errno;
        printf("bombs: %u locks: %s\n", n, strerror(why));
        fflush(stdout);
        _exit(n < 1000000 && why == ENOLCK ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    check(status == 0, "locks have a limit");
    check(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK}) == 0, "and are gone with their process");
    close(fd);
}

/* Regions of many processes, who keep what they have: some are refused or ended, the others go on. */
static void limit_regions(void)
{
    enum { CHILDREN = 6, MANY = 140000 };
    unsigned got[CHILDREN], n = 0;
    int p[2];

    if (pipe(p) != 0)
        return;
    for (unsigned k = 0; k < CHILDREN; k++)
        if (fork() == 0) {
            char *m = mmap(NULL, MANY * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            unsigned regions = 0;

            set_score("0");
            while (m != MAP_FAILED && regions < 65000 && !mprotect(m + regions * PAGE, PAGE, PROT_READ))
                regions += 2;
            if (write(p[1], &regions, sizeof regions) != sizeof regions)
                _exit(1);
            close(p[1]);
            pause();
        }
    close(p[1]);
    alarm(40);
    while (n < CHILDREN && read(p[0], &got[n], sizeof got[n]) == sizeof got[n])
        n++;
    alarm(0);
    printf("bombs: %u of %u children have their regions\n", n, (unsigned)CHILDREN);
    check(forks() && answers(), "others have memory");
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    signal(SIGTERM, SIG_DFL);
    close(p[0]);
}

/* RLIMIT_CPU: SIGXCPU at the soft limit and in each second from then on, SIGKILL at the hard one. */
static volatile int warned;

static void warn(int signo)
{
    (void)signo;
    warned++;
}

static void limit_time(void)
{
    pid_t pid = fork();
    struct rusage u;
    int status, told = -1, p[2];

    if (pid == 0) {
        struct rlimit r = {1, 3};

        setrlimit(RLIMIT_CPU, &r);
        for (;;)
            ;
    }
    wait4(pid, &status, 0, &u);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU && u.ru_utime.tv_sec + u.ru_stime.tv_sec <= 2,
          "a second: %s", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "goes on");
    if (pipe(p) != 0)
        return;
    pid = fork();
    if (pid == 0) {
        struct rlimit r = {1, 3};

        signal(SIGXCPU, warn);
        setrlimit(RLIMIT_CPU, &r);
        for (int seen = 0;;)
            if (warned != seen) {
                seen = warned;
                if (write(p[1], &seen, sizeof seen) != sizeof seen)
                    _exit(1);
            }
    }
    close(p[1]);
    while (read(p[0], &told, sizeof told) == sizeof told)
        ;
    close(p[0]);
    waitpid(pid, &status, 0);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && told == 2,
          "three seconds: %d warnings, then %s", told,
          WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it goes on");
}

static void limits(void)
{
    setpgid(0, 0); /* so that what is killed are this one's children */
    set_score("-1000");
    limit_zombies();
    limit_inodes();
    limit_names();
    limit_mounts();
    limit_descriptors();
    limit_signals();
    limit_locks();
    limit_regions();
    limit_time();
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "nothing") == 0)
        return 0;
    if (argc > 1 && strcmp(argv[1], "limits") == 0)
        limits();
    else
        all_at_once(argc > 1 ? (unsigned)atoi(argv[1]) : 5, argv + 2, argc > 2 ? argc - 2 : 0);
    printf("bombs: done, %u failed\n", failed);
    return failed;
}
