/* Signals that tell of files: owners, O_ASYNC of pipes and the terminal, what comes with the signal. */
#include "tests/user/ut.h"
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <termios.h>

static int fd_told;

/* Signals that were sent to this thread or process, all of which are blocked. */
static void taken(const char *what)
{
    char text[400] = "";
    sigset_t all;
    siginfo_t i;

    sigfillset(&all);
    while (sigtimedwait(&all, &i, &(struct timespec){0}) > 0) {
        size_t used = strlen(text);
        const char *name = i.si_signo == SIGRTMIN + 1 ? "SIGRT1" : ut_signal(i.si_signo);

        if (i.si_code == SI_KERNEL)
            snprintf(text + used, sizeof text - used, " %s/kernel", name);
        else if (i.si_signo == SIGPIPE || (i.si_signo == SIGCHLD && i.si_code > 0))
            snprintf(text + used, sizeof text - used, " %s", name);
        else
            snprintf(text + used, sizeof text - used, " %s/%d/%lx/%s", name, i.si_code, i.si_band & 0xffff,
                     i.si_fd == fd_told ? "fd" : "another");
    }
    ut_say("%s:%s", what, text);
}

static void say_owner(const char *what, int fd)
{
    struct f_owner_ex o = {9, 9};
    long rc = syscall(SYS_fcntl64, fd, F_GETOWN_EX, &o);

    ut_say("%s: %ld, %d %s", what, rc, o.type,
           o.pid == getpid()                     ? "this"
           : o.pid == 0                          ? "nobody"
           : o.pid == getppid()                  ? "parent"
           : o.pid == (pid_t)syscall(SYS_gettid) ? "thread"
                                                 : "another");
}

static int setown_ex(int fd, int type, int id)
{
    struct f_owner_ex o = {type, id};

    return (int)syscall(SYS_fcntl64, fd, F_SETOWN_EX, &o);
}

static void owners(void)
{
    int p[2], file = ut_file("f", 10), event = eventfd(0, 0);

    PART("owners");
    if (pipe(p))
        return;
    say_owner("none", p[0]);
    TRY(syscall(SYS_fcntl64, p[0], F_GETOWN, 0));
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN, getpid()));
    SHOW(syscall(SYS_fcntl64, p[0], F_GETOWN, 0) == getpid());
    say_owner("process", p[0]);
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN, -getpgrp()));
    say_owner("group", p[0]);
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN, 0x7ffffff0));
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN, -0x7ffffff0));
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN, (int)0x80000000));
    say_owner("as before", p[0]);
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN, 0));
    say_owner("none", p[0]);
    TRY(setown_ex(p[0], F_OWNER_TID, getpid()));
    say_owner("thread", p[0]);
    TRY(setown_ex(p[0], F_OWNER_PID, getpid()));
    TRY(setown_ex(p[0], F_OWNER_PGRP, getpgrp()));
    say_owner("group", p[0]);
    TRY(setown_ex(p[0], 3, getpid()));
    TRY(setown_ex(p[0], -1, getpid()));
    TRY(setown_ex(p[0], F_OWNER_PID, 0x7ffffff0));
    TRY(setown_ex(p[0], F_OWNER_PID, -5));
    TRY(setown_ex(p[0], F_OWNER_PGRP, 0));
    say_owner("nobody", p[0]);
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN_EX, 8));
    TRY(syscall(SYS_fcntl64, p[0], F_GETOWN_EX, 8));
    TRY(syscall(SYS_fcntl64, file, F_SETOWN, getpid()));
    say_owner("of a file", file);
    say_owner("of another", event);
    TRY(syscall(SYS_fcntl64, dup(file), F_SETSIG, 5));
    TRY(fcntl(file, F_GETSIG));
    TRY(fcntl(file, F_SETSIG, 65));
    TRY(fcntl(file, F_SETSIG, -1));
    TRY(fcntl(file, F_SETSIG, 64));
    TRY(fcntl(file, F_SETSIG, 0));
    TRY(fcntl(file, F_GETSIG));

    PART("an owner that has gone");
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        pause();
    }
    while (getpgid(pid) != pid)
        usleep(1000);
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN, pid));
    say_owner("a child", p[0]);
    TRY(syscall(SYS_fcntl64, p[1], F_SETOWN, -pid));
    say_owner("its group", p[1]);
    kill(pid, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    say_owner("a zombie", p[0]);
    say_owner("its group", p[1]);
    waitpid(pid, NULL, 0);
    say_owner("gone", p[0]);
    say_owner("its group", p[1]);
    close(p[0]);
    close(p[1]);

    PART("which files have O_ASYNC");
    TRY(fcntl(file, F_SETFL, O_ASYNC));
    SHOW(fcntl(file, F_GETFL) & O_ASYNC);
    TRY(fcntl(event, F_SETFL, O_ASYNC | O_NONBLOCK));
    SHOW(fcntl(event, F_GETFL) & (O_ASYNC | O_NONBLOCK));
    int on = 1, off = 0;
    TRY(ioctl(file, FIOASYNC, &on));
    TRY(ioctl(file, FIOASYNC, &off));
    TRY(ioctl(file, FIOASYNC, (void *)8));
    int opened = open("f", O_RDONLY | O_ASYNC);
    SHOW(fcntl(opened, F_GETFL) & O_ASYNC);
    TRY(ioctl(opened, FIOASYNC, &off));
    TRY(ioctl(opened, FIOASYNC, &on));
    TRY(fcntl(opened, F_SETFL, 0));
    SHOW(fcntl(opened, F_GETFL) & O_ASYNC);
    close(opened);
    opened = open("/dev/null", O_RDONLY);
    TRY(fcntl(opened, F_SETFL, O_ASYNC));
    SHOW(fcntl(opened, F_GETFL) & O_ASYNC);
    close(opened);
    opened = open("/dev/zero", O_RDONLY);
    TRY(ioctl(opened, FIOASYNC, &on));
    close(opened);
    opened = open("f", O_PATH);
    TRY(fcntl(opened, F_SETOWN, getpid()));
    TRY(fcntl(opened, F_GETSIG));
    TRY(ioctl(opened, FIOASYNC, &on));
    close(opened);
    close(file);
    close(event);
}

static void pipes(void)
{
    char buf[100];
    int p[2], on = 1, off = 0;

    PART("pipes");
    if (pipe(p))
        return;
    TRY(write(p[1], "x", 1));
    taken("without O_ASYNC");
    TRY(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    SHOW(fcntl(p[0], F_GETFL) & O_ASYNC);
    TRY(write(p[1], "x", 1));
    taken("without an owner");
    TRY(fcntl(p[0], F_SETOWN, getpid()));
    TRY(write(p[1], "x", 1));
    taken("written");
    TRY(write(p[1], "x", 1));
    TRY(write(p[1], "x", 1));
    taken("twice");
    TRY(read(p[0], buf, 1));
    taken("read");
    TRY(fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
    SHOW(fcntl(p[0], F_GETSIG) - SIGRTMIN);
    fd_told = p[0];
    TRY(write(p[1], "x", 1));
    TRY(write(p[1], "x", 1));
    taken("queued");
    TRY(fcntl(p[0], F_SETSIG, SIGIO));
    TRY(write(p[1], "x", 1));
    taken("SIGIO by name");
    TRY(fcntl(p[0], F_SETSIG, SIGCHLD));
    TRY(write(p[1], "x", 1));
    taken("with codes of its own");
    TRY(fcntl(p[0], F_SETSIG, SIGUSR1));
    TRY(write(p[1], "x", 1));
    taken("with none");

    PART("the other end");
    TRY(fcntl(p[0], F_SETFL, O_NONBLOCK));
    TRY(fcntl(p[1], F_SETOWN, getpid()));
    TRY(fcntl(p[1], F_SETSIG, SIGRTMIN + 1));
    TRY(ioctl(p[1], FIOASYNC, &on));
    fd_told = p[1];
    taken("set");
    TRY(write(p[1], "x", 1));
    taken("written");
    TRY(read(p[0], buf, 1));
    TRY(read(p[0], buf, 100));
    taken("read");
    TRY(read(p[0], buf, 100));
    taken("nothing read");
    TRY(read(p[0], buf, 0));
    taken("nothing asked");
    TRY(write(p[1], "abc", 3));
    TRY(vmsplice(p[0], &(struct iovec){buf, 2}, 1, 0));
    taken("vmsplice");
    TRY(vmsplice(p[1], &(struct iovec){buf, 2}, 1, 0));
    taken("and in");
    int null = open("/dev/null", O_WRONLY);
    TRY(splice(p[0], NULL, null, NULL, 100, 0));
    taken("splice");
    TRY(splice(p[0], NULL, null, NULL, 100, SPLICE_F_NONBLOCK));
    taken("splice of nothing");
    close(null);
    TRY(ioctl(p[1], FIOASYNC, &off));
    TRY(write(p[1], "abc", 3));
    TRY(read(p[0], buf, 100));
    taken("off");
    TRY(fcntl(p[0], F_SETFL, O_ASYNC));
    TRY(fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
    TRY(fcntl(p[1], F_SETFL, O_ASYNC | O_NONBLOCK));
    int copy = dup(p[1]);
    TRY(close(p[1]));
    taken("one of two closed");
    fd_told = p[0];
    TRY(close(copy));
    taken("the last writer closed");
    TRY(close(p[0]));
    taken("all");

    PART("full, and without a reader");
    if (pipe2(p, O_NONBLOCK))
        return;
    fd_told = p[0];
    TRY(fcntl(p[0], F_SETOWN, getpid()));
    TRY(fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
    TRY(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    while (write(p[1], buf, sizeof buf) > 0)
        taken("more");
    taken("no place");
    TRY(fcntl(p[1], F_SETOWN, getpid()));
    TRY(fcntl(p[1], F_SETFL, O_ASYNC | O_NONBLOCK));
    TRY(close(p[0]));
    taken("the reader closed");
    TRY(write(p[1], buf, 1));
    taken("nobody reads");
    close(p[1]);

    PART("a named pipe, both ways");
    TRY(mkfifo("fifo", 0600));
    int fd = open("fifo", O_RDWR);
    fd_told = fd;
    TRY(fcntl(fd, F_SETOWN, getpid()));
    TRY(fcntl(fd, F_SETSIG, SIGRTMIN + 1));
    TRY(fcntl(fd, F_SETFL, O_ASYNC));
    TRY(write(fd, "abc", 3));
    taken("written");
    TRY(read(fd, buf, 100));
    taken("read");
    close(fd);
}

static int thread_pipe[2];

static void *own_thread(void *arg)
{
    TRY(setown_ex(thread_pipe[0], F_OWNER_TID, (int)syscall(SYS_gettid)));
    say_owner("the thread", thread_pipe[0]);
    TRY(write(thread_pipe[1], "x", 1));
    taken("to the thread");
    return arg;
}

/* What is told to the group reaches a child that stays in it, and not one that has left it before. */
static void told_to_group(int out, bool leaves)
{
    int placed[2], written[2];

    if (pipe(placed) || pipe(written))
        return;
    pid_t pid = fork();
    if (pid == 0) {
        close(written[1]);
        if (leaves)
            setpgid(0, 0);
        close(placed[0]);
        close(placed[1]);
        (void)!read(written[0], &(char){0}, 1);
        taken(leaves ? "the child, in a group of its own" : "the child, in the same group");
        _exit(0);
    }
    close(placed[1]);
    (void)!read(placed[0], &(char){0}, 1);
    close(placed[0]);
    TRY(write(out, "x", 1));
    taken("the parent");
    close(written[1]);
    waitpid(pid, NULL, 0);
    close(written[0]);
    taken("its end");
}

static void to_others(void)
{
    pthread_t t;
    int *p = thread_pipe;

    PART("to a thread");
    if (pipe(p))
        return;
    fd_told = p[0];
    TRY(fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
    TRY(fcntl(p[0], F_SETFL, O_ASYNC));
    pthread_create(&t, NULL, own_thread, NULL);
    pthread_join(t, NULL);
    TRY(write(p[1], "x", 1));
    taken("to nobody");

    PART("to a group");
    TRY(syscall(SYS_fcntl64, p[0], F_SETOWN, -getpgrp()));
    told_to_group(p[1], false);
    told_to_group(p[1], true);
    close(p[0]);
    close(p[1]);

    PART("more than may queue");
    if (pipe(p))
        return;
    fd_told = p[0];
    TRY(fcntl(p[0], F_SETOWN, getpid()));
    TRY(fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
    TRY(fcntl(p[0], F_SETFL, O_ASYNC));
    struct {
        unsigned long soft, hard;
    } none = {0, 0}, was;
    syscall(SYS_ugetrlimit, 11, &was);
    none.hard = was.hard;
    TRY(syscall(SYS_setrlimit, 11, &none));
    TRY(write(p[1], "x", 1));
    TRY(write(p[1], "x", 1));
    taken("SIGIO instead");
    TRY(syscall(SYS_setrlimit, 11, &was));
    close(p[0]);
    close(p[1]);
}

static void type(int fd, const char *text)
{
    while (*text)
        ioctl(fd, TIOCSTI, text++);
    usleep(20000);
}

/* In a session of one's own, whose terminal it is. */
static void terminal(void)
{
    struct termios lines, raw;
    char buf[100];

    setsid();
    int fd = open("/dev/ttyS0", O_RDWR | O_NONBLOCK);
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 1) || tcgetattr(fd, &lines))
        return;
    raw = lines;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    lines.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSANOW, &lines);
    while (read(fd, buf, sizeof buf) > 0)
        ;
    fd_told = fd;
    TRY(fcntl(fd, F_SETSIG, SIGRTMIN + 1));
    TRY(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
    say_owner("of the terminal", fd);
    type(fd, "ab");
    taken("half a line");
    type(fd, "c\n");
    taken("a line");
    type(fd, "c");
    taken("and half a line");
    TRY(read(fd, buf, sizeof buf));
    type(fd, "\n");
    TRY(read(fd, buf, sizeof buf));
    taken("its rest");
    type(fd, "\004");
    taken("the end");
    TRY(read(fd, buf, sizeof buf));
    tcsetattr(fd, TCSANOW, &raw);
    taken("raw");
    type(fd, "x");
    taken("a character");
    TRY(read(fd, buf, sizeof buf));
    TRY(write(fd, "", 1));
    taken("read and written");
    TRY(fcntl(fd, F_SETOWN, getpid()));
    TRY(fcntl(fd, F_SETFL, O_NONBLOCK));
    TRY(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
    say_owner("named before", fd);
    tcsetattr(fd, TCSANOW, &lines);
    close(fd);
}

/* By which ids the owner of a file's signals was named. */
static void owner_ids(void)
{
    enum { GETOWNER_UIDS = 17 };
    uint32_t ids[2] = {77, 77};
    int p[2];

    PART("ids");
    pipe(p);
    TRY(syscall(SYS_fcntl64, p[0], GETOWNER_UIDS, ids));
    ut_say("%u %u", ids[0], ids[1]);
    setresuid(0, 1000, 0);
    TRY(fcntl(p[0], F_SETOWN, getpid()));
    setresuid(5, 0, 0);
    TRY(syscall(SYS_fcntl64, p[0], GETOWNER_UIDS, ids));
    ut_say("%u %u", ids[0], ids[1]);
    TRY(fcntl(p[0], F_SETOWN, 0));
    TRY(syscall(SYS_fcntl64, p[0], GETOWNER_UIDS, ids));
    ut_say("%u %u", ids[0], ids[1]);
    TRY(syscall(SYS_fcntl64, p[0], GETOWNER_UIDS, 8));
    TRY(syscall(SYS_fcntl64, 77, GETOWNER_UIDS, ids));
}

UT_PROGRAM(async)
{
    sigset_t all;

    setpgid(0, 0);
    ut_workdir();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    owners();
    pipes();
    to_others();
    PART("the terminal");
    ut_child("a session", terminal);
    ut_child("who named an owner", owner_ids);
}
