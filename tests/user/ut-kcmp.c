/* Whether two threads share something: kcmp(2). */
#include "tests/user/ut.h"
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/sem.h>

static const pid_t nobody = 0x3fffffff;

static const char *compared(pid_t a, pid_t b, int type, unsigned long i, unsigned long k)
{
    long rc = syscall(SYS_kcmp, a, b, type, i, k);

    return rc < 0 ? ut_errno(errno) : rc == 0 ? "the same" : rc <= 2 ? "another" : "an odd answer";
}

static void all_kinds(const char *what, pid_t a, pid_t b)
{
    static const char *const kind[] = {"",         "memory", "descriptors", "directories",
                                       "handlers", "disk",   "undo"};

    for (int type = KCMP_VM; type <= KCMP_SYSVSEM; type++)
        ut_say("%s: %s: %s", what, kind[type], compared(a, b, type, 0, 0));
}

static void files(void)
{
    int a = open("/dev/null", O_RDONLY), b = dup(a), c = open("/dev/null", O_RDONLY), status;
    pid_t self = getpid(), parent = self, pid;
    long ac, ca;

    PART("files");
    ut_say("itself: %s", compared(self, self, KCMP_FILE, (unsigned)a, (unsigned)a));
    ut_say("a duplicate: %s", compared(self, self, KCMP_FILE, (unsigned)a, (unsigned)b));
    ut_say("opened again: %s", compared(self, self, KCMP_FILE, (unsigned)a, (unsigned)c));
    ac = syscall(SYS_kcmp, self, self, KCMP_FILE, a, c);
    ca = syscall(SYS_kcmp, self, self, KCMP_FILE, c, a);
    ut_say("in order: %s", ac + ca == 3 ? "yes" : "no");
    ut_say("not open: %s", compared(self, self, KCMP_FILE, (unsigned)a, 77));
    ut_say("not open: %s", compared(self, self, KCMP_FILE, 77, (unsigned)a));
    ut_say("no number: %s", compared(self, self, KCMP_FILE, ~0ul, (unsigned)a));
    pid = fork();
    if (pid == 0) {
        ut_say("the parent's: %s", compared(getpid(), parent, KCMP_FILE, (unsigned)a, (unsigned)b));
        ut_say("another of the parent's: %s",
               compared(getpid(), parent, KCMP_FILE, (unsigned)a, (unsigned)c));
        _exit(0);
    }
    waitpid(pid, &status, 0);
    close(a);
    close(b);
    close(c);
}

static void wrong(void)
{
    pid_t self = getpid();

    PART("what is refused");
    ut_say("%s", compared(self, nobody, KCMP_VM, 0, 0));
    ut_say("%s", compared(nobody, self, KCMP_VM, 0, 0));
    ut_say("%s", compared(0, 0, KCMP_VM, 0, 0));
    ut_say("%s", compared(-1, self, KCMP_VM, 0, 0));
    ut_say("%s", compared(self, self, 8, 0, 0));
    ut_say("%s", compared(self, self, -1, 0, 0));
    ut_say("%s", compared(self, nobody, 8, 0, 0));
}

static volatile int stop;
static volatile pid_t thread_tid;

static void *wait_here(void *arg)
{
    thread_tid = (pid_t)syscall(SYS_gettid);
    while (!stop)
        usleep(1000);
    return arg;
}

static int child(void *arg)
{
    while (pause())
        continue;
    return arg != NULL;
}

static pid_t start(int flags)
{
    uint8_t *stack = ut_map(4, PROT_READ | PROT_WRITE);

    return clone(child, stack + 4 * PAGE, flags | SIGCHLD, NULL);
}

static void kinds(void)
{
    static const struct {
        const char *name;
        int flags;
    } made[] = {{"fork", 0},
                {"memory", CLONE_VM},
                {"files", CLONE_FILES},
                {"fs", CLONE_FS},
                {"memory and handlers", CLONE_VM | CLONE_SIGHAND},
                {"undo", CLONE_SYSVSEM}};
    struct sembuf up = {0, 1, SEM_UNDO};
    int set = semget(IPC_PRIVATE, 1, 0600), status;
    pid_t self = getpid(), pid;
    pthread_t t;

    PART("what is shared");
    all_kinds("itself", self, self);
    TRY(semop(set, &up, 1));
    pthread_create(&t, NULL, wait_here, NULL);
    while (!thread_tid)
        usleep(1000);
    all_kinds("a thread", self, thread_tid);
    stop = 1;
    pthread_join(t, NULL);
    for (unsigned i = 0; i < sizeof made / sizeof *made; i++) {
        pid = start(made[i].flags);
        all_kinds(made[i].name, self, pid);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    semctl(set, 0, IPC_RMID);
    PART("a zombie");
    pid = fork();
    if (pid == 0)
        _exit(0);
    waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
    ut_say("memory: %s", compared(self, pid, KCMP_VM, 0, 0));
    ut_say("descriptors: %s", compared(self, pid, KCMP_FILES, 0, 0));
    ut_say("a file: %s", compared(self, pid, KCMP_FILE, 0, 0));
    waitpid(pid, &status, 0);
    ut_say("%s", compared(self, pid, KCMP_VM, 0, 0));
}

static void priorities(void)
{
    pid_t self = getpid(), pid;

    PART("priorities at the disk are each one's own");
    TRY(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3));
    pid = start(0);
    ut_say("%s", compared(self, pid, KCMP_IO, 0, 0));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

struct slot {
    uint32_t epfd, fd, nth;
};

static const char *watched(int file, int set, int fd, unsigned nth)
{
    struct slot s = {(uint32_t)set, (uint32_t)fd, nth};

    return compared(getpid(), getpid(), KCMP_EPOLL_TFD, (unsigned)file, (unsigned long)&s);
}

static void sets(void)
{
    struct epoll_event e = {.events = EPOLLIN};
    int set = epoll_create1(0), p[2], more[2], old;

    PART("what a set watches");
    pipe(p);
    pipe(more);
    epoll_ctl(set, EPOLL_CTL_ADD, p[0], &e);
    ut_say("watched: %s", watched(p[0], set, p[0], 0));
    ut_say("another: %s", watched(p[1], set, p[0], 0));
    ut_say("not watched: %s", watched(p[1], set, p[1], 0));
    ut_say("only once: %s", watched(p[0], set, p[0], 1));
    ut_say("no set: %s", watched(p[0], p[1], p[0], 0));
    ut_say("not open: %s", watched(77, set, p[0], 0));
    ut_say("not open: %s", watched(p[0], 77, p[0], 0));
    ut_say("nothing there: %s", compared(getpid(), getpid(), KCMP_EPOLL_TFD, (unsigned)p[0], 8));
    ut_say("of nobody: %s", compared(getpid(), nobody, KCMP_EPOLL_TFD, (unsigned)p[0], 8));
    /* Its number names another file now, and that is watched too. */
    old = dup(p[0]);
    dup2(more[0], p[0]);
    epoll_ctl(set, EPOLL_CTL_ADD, p[0], &e);
    bool first = strcmp(watched(old, set, p[0], 0), "the same") == 0;
    bool second = strcmp(watched(old, set, p[0], 1), "the same") == 0;

    ut_say("twice by one number: %s", first != second ? "yes" : "no");
    ut_say("not three times: %s", watched(old, set, p[0], 2));
    close(old);
    close(p[0]);
    close(p[1]);
    close(more[0]);
    close(more[1]);
    close(set);
}

static void others(void)
{
    PART("of others");
    if (setgid(65534) || setuid(65534))
        ut_say("still root: %s", ut_errno(errno));
    ut_say("%s", compared(getpid(), 1, KCMP_VM, 0, 0));
    ut_say("%s", compared(1, getpid(), 99, 0, 0));
    ut_say("%s", compared(1, nobody, KCMP_VM, 0, 0));
    ut_say("%s", compared(1, getpid(), KCMP_EPOLL_TFD, 0, 8));
}

UT_PROGRAM(kcmp)
{
    wrong();
    files();
    kinds();
    priorities();
    sets();
    ut_child("others", others);
}
