/* clone and clone3: what they take, descriptors of children, and children without handlers. */
#include "tests/user/ut.h"
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

struct args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup, later;
};

/* A child ends at once with the status of `end`, which may be NULL. */
static long start(const struct args *a, size_t size, int (*end)(void))
{
    long pid = syscall(SYS_clone3, a, size);

    if (pid == 0)
        _exit(end ? end() : 7);
    return pid;
}

static void try(const char *what, struct args a, size_t size)
{
    long pid = start(&a, size, NULL);
    int status;

    if (pid < 0) {
        ut_say("%s: %s", what, ut_errno(errno));
        return;
    }
    waitpid((pid_t)pid, &status, __WALL);
    ut_say("%s: a child, %s", what, ut_status(status));
}

#define GIVE(size, ...) try(#size ", " #__VA_ARGS__, (struct args){__VA_ARGS__}, size)

static void sizes(void)
{
    uint8_t *p = ut_map(2, PROT_READ | PROT_WRITE);
    struct args plain = {.exit_signal = SIGCHLD};

    PART("sizes");
    GIVE(0, .exit_signal = SIGCHLD);
    GIVE(63, .exit_signal = SIGCHLD);
    GIVE(64, .exit_signal = SIGCHLD);
    GIVE(65, .exit_signal = SIGCHLD);
    GIVE(64, .exit_signal = SIGCHLD, .set_tid = 8, .later = 1);
    GIVE(80, .exit_signal = SIGCHLD);
    GIVE(88, .exit_signal = SIGCHLD);
    GIVE(96, .exit_signal = SIGCHLD);
    GIVE(96, .exit_signal = SIGCHLD, .later = 1);
    GIVE(4097, .exit_signal = SIGCHLD);
    TRY(start(NULL, 64, NULL));
    TRY(start(NULL, 63, NULL));
    TRY(start((struct args *)8, 64, NULL));
    munmap(p + PAGE, PAGE);
    memcpy(p + PAGE - 64, &plain, 64);
    TRY(start((struct args *)(p + PAGE - 64), 64, NULL) > 0);
    TRY(start((struct args *)(p + PAGE - 64), 65, NULL));
    wait(NULL);
    munmap(p, PAGE);
}

static void refused(void)
{
    static const uint64_t flags[] = {1,
                                     SIGCHLD,
                                     CLONE_THREAD,
                                     CLONE_SIGHAND,
                                     CLONE_THREAD | CLONE_VM,
                                     CLONE_DETACHED,
                                     CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM,
                                     CLONE_PIDFD | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM,
                                     CLONE_PIDFD | CLONE_PARENT_SETTID,
                                     CLONE_INTO_CGROUP,
                                     CLONE_INTO_CGROUP << 1,
                                     1ull << 63,
                                     CLONE_UNTRACED,
                                     CLONE_IO,
                                     CLONE_FS | CLONE_FILES};

    PART("flags");
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
        char what[32];

        snprintf(what, sizeof what, "flags %llx", (unsigned long long)flags[i]);
        try(what, (struct args){.flags = flags[i], .exit_signal = SIGCHLD}, 80);
    }
    PART("signals");
    signal(SIGUSR2, SIG_IGN);
    signal(SIGRTMAX, SIG_IGN);
    GIVE(64, .exit_signal = 0);
    GIVE(64, .exit_signal = SIGUSR2);
    GIVE(64, .exit_signal = 64);
    GIVE(64, .exit_signal = 65);
    GIVE(64, .exit_signal = 256 + SIGCHLD);
    GIVE(64, .exit_signal = 1ull << 32);
    GIVE(64, .flags = CLONE_PARENT, .exit_signal = SIGCHLD);
    PART("stacks");
    GIVE(64, .stack = 0x10000000);
    GIVE(64, .stack_size = 4096);
    GIVE(64, .stack = 0xfffff000, .stack_size = 4096);
    GIVE(64, .stack = 1ull << 32, .stack_size = 4096);
    GIVE(64, .stack = 0x10000000, .stack_size = 0xc0000000);
    PART("numbers and groups");
    GIVE(80, .set_tid = 8);
    GIVE(80, .set_tid_size = 1);
    GIVE(80, .set_tid = 8, .set_tid_size = 33);
    GIVE(80, .flags = CLONE_INTO_CGROUP);
    GIVE(88, .flags = CLONE_INTO_CGROUP, .cgroup = 1ull << 31);
    GIVE(88, .flags = CLONE_INTO_CGROUP, .cgroup = 999);
}

static int is_closed(void)
{
    return fcntl(3, F_GETFD) == -1 && fcntl(4, F_GETFD) == -1 ? 0 : 1;
}

/* Children whose parent has a descriptor for them from the beginning. */
static void descriptors(void)
{
    int fd = -5, same;
    struct pollfd p = {.events = POLLIN};
    siginfo_t info = {0};
    struct rlimit room;
    struct args a = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD};
    long pid = start(&a, sizeof a, is_closed);

    PART("a descriptor of the child");
    SHOW(fd);
    SHOW(fcntl(fd, F_GETFD));
    p.fd = fd;
    SHOW(poll(&p, 1, 5000));
    TRY(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    SHOW(info.si_pid == pid);
    SHOW(info.si_status);
    TRY(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    close(fd);
    PART("the same of clone");
    fd = -5;
    pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
    if (pid == 0)
        _exit(is_closed());
    SHOW(fd);
    TRY(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    SHOW(info.si_pid == pid);
    SHOW(info.si_status);
    close(fd);
    TRY(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0));
    TRY(syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, &fd, 0, 0));
    PART("nowhere to tell it, and no room for it: there is no child");
    TRY(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0));
    a.pidfd = 8;
    TRY(start(&a, sizeof a, NULL));
    getrlimit(RLIMIT_NOFILE, &room);
    a.pidfd = (uintptr_t)&fd;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, room.rlim_max});
    TRY(start(&a, sizeof a, NULL));
    setrlimit(RLIMIT_NOFILE, &room);
    TRY(wait(NULL));
    same = dup(0);
    SHOW(same);
    close(same);
    a.pidfd = (uintptr_t)&same;
    a.parent_tid = (uintptr_t)&same;
    a.flags |= CLONE_PARENT_SETTID;
    TRY(start(&a, sizeof a, NULL));
    a.parent_tid = (uintptr_t)&fd;
    fd = 0;
    pid = start(&a, sizeof a, NULL);
    SHOW(fd == pid);
    SHOW(same);
    waitpid((pid_t)pid, NULL, 0);
    close(same);
}

static void caught(int signo)
{
    (void)signo;
}

static int what_is_left(void)
{
    struct sigaction a[3];
    sigset_t mask;

    sigaction(SIGUSR1, NULL, &a[0]);
    sigaction(SIGUSR2, NULL, &a[1]);
    sigaction(SIGHUP, NULL, &a[2]);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    ut_say("child: %s, %s, %s, flags %x, %s",
           a[0].sa_handler == SIG_DFL   ? "default"
           : a[0].sa_handler == SIG_IGN ? "ignored"
                                        : "caught",
           a[1].sa_handler == SIG_IGN ? "ignored" : "other", a[2].sa_handler == SIG_DFL ? "default" : "other",
           (unsigned)a[0].sa_flags & ~0x4000000u, sigismember(&mask, SIGTERM) ? "masked" : "not masked");
    return 0;
}

static void handlers(void)
{
    struct sigaction act = {.sa_handler = caught, .sa_flags = SA_NODEFER};
    struct args a = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    sigset_t mask;

    PART("handlers");
    sigaction(SIGUSR1, &act, NULL);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    if (start(&a, sizeof a, what_is_left) > 0)
        wait(NULL);
    a.flags = 0;
    if (start(&a, sizeof a, what_is_left) > 0)
        wait(NULL);
    what_is_left();
}

static void numbers(void)
{
    static volatile int told, *here;
    struct args a = {.flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
                     .parent_tid = (uintptr_t)&told,
                     .exit_signal = SIGCHLD};
    long pid;
    int status;

    PART("numbers that are told");
    here = (volatile int *)ut_map(1, PROT_READ | PROT_WRITE);
    a.child_tid = (uintptr_t)here;
    pid = syscall(SYS_clone3, &a, sizeof a);
    if (pid == 0)
        _exit(*here == getpid() ? 0 : 1);
    waitpid((pid_t)pid, &status, 0);
    ut_say("%s", ut_status(status));
    SHOW(told == pid);
    SHOW(*here);
}

UT_PROGRAM(clone)
{
    sizes();
    refused();
    descriptors();
    ut_child("handlers", handlers);
    numbers();
}
