/* What each thread keeps for itself: its personality, with time-outs that stay as they are, and the slack of
 * its sleeps. */
#include "tests/user/ut.h"
#include <poll.h>
#include <pthread.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

static void show_file(const char *path)
{
    char text[64];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    ut_say("%s: %s", path[6] == 's' ? path : "of another", n < 0 ? ut_errno(errno) : text);
    close(fd);
}

static void show_of(int pid, int tid, const char *name)
{
    char path[64];

    if (tid)
        snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
    else
        snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    show_file(path);
}

/* --- personality --- */

static const char *release(void)
{
    struct utsname u;

    uname(&u);
    return strncmp(u.release, "2.6.", 4) == 0 ? "old" : "new";
}

static void *other(void *arg)
{
    uint8_t *p;

    ut_say("another thread begins with %x", personality(0xffffffff));
    SHOW(personality(READ_IMPLIES_EXEC | UNAME26) == -1);
    ut_say("and has %x, %s", personality(0xffffffff), release());
    show_of(getpid(), (int)syscall(SYS_gettid), "personality");
    p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ut_say("%s", ut_maps(p, PAGE));
    munmap(p, PAGE);
    if (fork() == 0) {
        ut_say("its child has %x", personality(0xffffffff));
        _exit(0);
    }
    wait(NULL);
    return arg;
}

static void each_thread(void)
{
    pthread_t t;
    uint8_t *p;

    PART("a personality of each thread");
    personality(ADDR_NO_RANDOMIZE);
    pthread_create(&t, NULL, other, NULL);
    pthread_join(t, NULL);
    ut_say("this one has %x, %s", personality(0xffffffff), release());
    show_file("/proc/self/personality");
    p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ut_say("%s", ut_maps(p, PAGE));
    personality(0);
}

/* --- time-outs that stay --- */

static void wake(int signo)
{
    (void)signo;
}

/* Whether a limit of 10 s was cut. */
static const char *cut(long sec)
{
    return sec == 10 ? "as it was" : "less";
}

static void limits(const char *what, int fd, bool interrupted)
{
    struct timeval tv = {10, 0};
    struct timespec ts = {10, 0}, rest = {10, 0};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct {
        const void *mask;
        size_t size;
    } none = {NULL, 8};
    long rc;
    fd_set set;

#define GIVE(call, left)                                                                                     \
    do {                                                                                                     \
        FD_ZERO(&set);                                                                                       \
        FD_SET(fd, &set);                                                                                    \
        rc = (long)(call);                                                                                   \
        ut_say("%s, " #call ": %ld %s, limit %s", what, rc, rc < 0 ? ut_errno(errno) : "", cut(left));       \
    } while (0)
    GIVE(syscall(SYS__newselect, fd + 1, &set, NULL, NULL, &tv), tv.tv_sec);
    GIVE(syscall(SYS_pselect6, fd + 1, &set, NULL, NULL, &ts, &none), ts.tv_sec);
    ts.tv_sec = 10;
    ts.tv_nsec = 0;
    GIVE(syscall(SYS_ppoll, &p, 1, &ts, NULL, 8), ts.tv_sec);
    if (interrupted)
        GIVE(syscall(SYS_nanosleep, &(struct timespec){8, 0}, &rest), rest.tv_sec);
}

static void in_rom(int fd)
{
    struct timeval *tv = (void *)ut_map(1, PROT_READ | PROT_WRITE);
    fd_set set;

    tv->tv_usec = 1000;
    mprotect(tv, PAGE, PROT_READ);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    TRY(syscall(SYS__newselect, fd + 1, &set, NULL, NULL, tv));
    munmap(tv, PAGE);
}

static void soon(void)
{
    struct itimerval it = {.it_value = {0, 30000}, .it_interval = {0, 30000}};

    setitimer(ITIMER_REAL, &it, NULL);
}

static void sticky(void)
{
    struct sigaction act = {.sa_handler = wake}, again = {.sa_handler = wake, .sa_flags = SA_RESTART};
    int fds[2];

    if (pipe(fds) != 0)
        return;
    PART("time-outs");
    for (unsigned i = 0; i < 2; i++) {
        SHOW(personality(i ? STICKY_TIMEOUTS : 0) >= 0);
        sigaction(SIGALRM, &act, NULL);
        soon();
        limits(i ? "sticky, interrupted" : "interrupted", fds[0], true);
        sigaction(SIGALRM, &again, NULL);
        soon();
        limits(i ? "sticky, SA_RESTART" : "SA_RESTART", fds[0], true);
        setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
        in_rom(fds[0]);
        write(fds[1], "x", 1);
        limits(i ? "sticky, ready" : "ready", fds[0], false);
        char c;
        read(fds[0], &c, 1);
    }
    /* What stops and goes on without a handler. */
    for (unsigned i = 0; i < 2; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            struct timeval tv = {0, 400000};
            fd_set set;
            long rc;

            personality(i ? STICKY_TIMEOUTS : 0);
            FD_ZERO(&set);
            FD_SET(fds[0], &set);
            rc = syscall(SYS__newselect, fds[0] + 1, &set, NULL, NULL, &tv);
            ut_say("stopped and continued: %s, limit %s",
                   rc < 0 ? ut_errno(errno)
                   : rc   ? "ready"
                          : "over",
                   tv.tv_usec == 400000 ? "as it was"
                   : tv.tv_usec         ? "less"
                                        : "0");
            _exit(0);
        }
        ut_wait_state(pid, 'S');
        kill(pid, SIGSTOP);
        ut_wait_state(pid, 'T');
        kill(pid, SIGCONT);
        waitpid(pid, NULL, 0);
    }
    personality(0);
    close(fds[0]);
    close(fds[1]);
}

/* --- slack --- */

static const char *put(const char *path, const char *text)
{
    static char said[64];
    int fd = open(path, O_WRONLY);
    ssize_t n;

    if (fd < 0)
        return ut_errno(errno);
    n = write(fd, text, strlen(text));
    snprintf(said, sizeof said, n < 0 ? "%s" : "%.0s%zd", n < 0 ? ut_errno(errno) : "", n);
    close(fd);
    return said;
}

static void *has_slack(void *arg)
{
    char path[64];

    SHOW(prctl(PR_GET_TIMERSLACK));
    snprintf(path, sizeof path, "/proc/self/task/%d/timerslack_ns", (int)syscall(SYS_gettid));
    SHOW(access(path, F_OK));
    prctl(PR_SET_TIMERSLACK, 777);
    SHOW(prctl(PR_GET_TIMERSLACK));
    return arg;
}

static void slack(void)
{
    static const char *const text[] = {"1234",
                                       "0",
                                       "5\n",
                                       " 7",
                                       "-1",
                                       "x",
                                       "",
                                       "3000000000",
                                       "5000000000",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "0x10",
                                       "010",
                                       "1 2"};
    char path[64];
    struct stat st;
    pthread_t t;
    pid_t pid;

    PART("timerslack_ns");
    stat("/proc/self/timerslack_ns", &st);
    ut_say("mode %o", st.st_mode);
    show_file("/proc/self/timerslack_ns");
    for (unsigned i = 0; i < sizeof text / sizeof *text; i++) {
        ut_say("'%s': %s", text[i], put("/proc/self/timerslack_ns", text[i]));
        show_file("/proc/self/timerslack_ns");
        SHOW(prctl(PR_GET_TIMERSLACK));
    }
    prctl(PR_SET_TIMERSLACK, 4321);
    show_file("/proc/self/timerslack_ns");
    pthread_create(&t, NULL, has_slack, NULL);
    pthread_join(t, NULL);
    SHOW(prctl(PR_GET_TIMERSLACK));
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    show_of(pid, 0, "timerslack_ns");
    snprintf(path, sizeof path, "/proc/%d/timerslack_ns", pid);
    ut_say("another's: %s", put(path, "99"));
    show_file(path);
    ut_say("another's: %s", put(path, "0"));
    show_file(path);
    if (fork() == 0) {
        setgid(1000);
        setuid(1000);
        show_file("/proc/self/timerslack_ns");
        ut_say("a user's own: %s", put("/proc/self/timerslack_ns", "55"));
        show_file("/proc/self/timerslack_ns");
        SHOW(prctl(PR_GET_TIMERSLACK));
        prctl(PR_SET_DUMPABLE, 1);
        ut_say("a user's own: %s", put("/proc/self/timerslack_ns", "55"));
        show_file("/proc/self/timerslack_ns");
        show_file(path);
        ut_say("a user, another's: %s", put(path, "99"));
        show_file("/proc/1/timerslack_ns");
        ut_say("a user, root's: %s", put("/proc/1/timerslack_ns", "99"));
        _exit(0);
    }
    wait(NULL);
    kill(pid, SIGKILL);
    wait(NULL);
}

UT_PROGRAM(habits)
{
    ut_child("personality", each_thread);
    sticky();
    slack();
}
