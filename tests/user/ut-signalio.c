/* Signals that tell of sockets and pseudo-terminals (O_ASYNC), and whom; and which processor one runs on. */
#include "tests/user/inet.h"
#include <pthread.h>
#include <sys/mount.h>
#include <termios.h>

static int fd_told;

/* Signals that this thread or process was sent, all of which are blocked. */
static void taken(const char *what)
{
    char text[400] = "";
    sigset_t all;
    siginfo_t i;

    sigfillset(&all);
    usleep(2000);
    while (sigtimedwait(&all, &i, &(struct timespec){0}) > 0) {
        size_t used = strlen(text);

        if (i.si_signo == SIGCHLD)
            continue;
        if (i.si_code == SI_KERNEL || i.si_signo == SIGPIPE || i.si_signo == SIGURG)
            snprintf(text + used, sizeof text - used, " %s", ut_signal(i.si_signo));
        else
            snprintf(text + used, sizeof text - used, " %d/%lx/%s", i.si_code, i.si_band & 0xffff,
                     i.si_fd == fd_told ? "fd" : "another");
    }
    ut_say("%s:%s", what, text);
}

static void watch(int fd, int signo)
{
    fd_told = fd;
    if (fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETSIG, signo) ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC))
        ut_say("not watched: %s", ut_errno(errno));
}

static void pair_of(int type, const char *name)
{
    char buf[100];
    int p[2];

    PART(name);
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, p))
        return;
    watch(p[0], 0);
    TRY(send(p[1], "abc", 3, 0));
    taken("SIGIO");
    watch(p[0], SIGRTMIN + 1);
    TRY(send(p[1], "abc", 3, 0));
    TRY(send(p[1], "abc", 3, 0));
    taken("sent twice");
    TRY(recv(p[0], buf, 3, 0));
    taken("received");
    TRY(recv(p[0], buf, sizeof buf, 0) > 0);
    TRY(recv(p[0], buf, sizeof buf, 0));
    taken("until nothing is left");
    TRY(send(p[0], "abc", 3, 0));
    taken("its own");
    TRY(recv(p[1], buf, 3, 0));
    taken("the other has received");
    if (type == SOCK_STREAM) {
        TRY(shutdown(p[1], SHUT_WR));
        taken("no more comes");
    }
    close(p[1]);
    taken("the other is closed");
    close(p[0]);
    taken("itself");
}

static void tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), here = socket(AF_INET, SOCK_STREAM, 0), there;
    char buf[100];

    PART("a connection");
    bind(door, (struct sockaddr *)&a, sizeof a);
    getsockname(door, (struct sockaddr *)&a, &size);
    watch(door, SIGRTMIN + 1);
    taken("before listen");
    TRY(listen(door, 5));
    taken("listen");
    TRY(connect(here, (struct sockaddr *)&a, sizeof a));
    taken("at the door");
    there = accept(door, NULL, NULL);
    SHOW(there >= 0);
    SHOW(fcntl(there, F_GETFL) & O_ASYNC);
    SHOW(fcntl(there, F_GETOWN));
    taken("accepted");
    watch(there, SIGRTMIN + 1);
    TRY(send(here, "abc", 3, 0));
    taken("sent");
    TRY(recv(there, buf, sizeof buf, 0));
    taken("received");
    TRY(shutdown(here, SHUT_WR));
    taken("no more comes");
    close(here);
    close(there);
    close(door);
    taken("closed");
}

static void udp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int here = socket(AF_INET, SOCK_DGRAM, 0), there = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char buf[100];

    PART("datagrams");
    bind(there, (struct sockaddr *)&a, sizeof a);
    getsockname(there, (struct sockaddr *)&a, &size);
    watch(there, SIGRTMIN + 1);
    TRY(sendto(here, "abc", 3, 0, (struct sockaddr *)&a, sizeof a));
    taken("one");
    TRY(sendto(here, "abc", 3, 0, (struct sockaddr *)&a, sizeof a));
    taken("and another");
    TRY(recv(there, buf, sizeof buf, 0));
    taken("received");
    close(here);
    close(there);
}

static void owners(void)
{
    struct f_owner_ex o = {7, 7};
    pid_t pid = getpid();
    int p[2];

    PART("owners of sockets");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, p))
        return;
    TRY(fcntl(p[0], F_GETOWN_EX, &o));
    ut_say("%d %d", o.type, o.pid);
    TRY(ioctl(p[0], FIOSETOWN, &pid));
    TRY(fcntl(p[0], F_GETOWN_EX, &o));
    ut_say("%d %s", o.type, o.pid == getpid() ? "this" : "another");
    pid = -getpgrp();
    TRY(ioctl(p[0], SIOCSPGRP, &pid));
    TRY(fcntl(p[0], F_GETOWN_EX, &o));
    ut_say("%d %s", o.type, o.pid == getpgrp() ? "this group" : "another");
    pid = 0;
    TRY(ioctl(p[0], SIOCGPGRP, &pid));
    ut_say("%s", pid == -getpgrp() ? "this group" : "another");
    o = (struct f_owner_ex){F_OWNER_TID, getpid()};
    TRY(fcntl(p[0], F_SETOWN_EX, &o));
    pid = 0;
    TRY(ioctl(p[0], FIOGETOWN, &pid));
    ut_say("%s", pid == getpid() ? "this" : pid == 0 ? "nobody" : "another");
    SHOW(fcntl(p[0], F_GETOWN) == getpid());
    pid = 0x3fffffff;
    TRY(ioctl(p[0], FIOSETOWN, &pid));
    pid = INT32_MIN;
    TRY(ioctl(p[0], FIOSETOWN, &pid));
    TRY(ioctl(p[0], FIOSETOWN, NULL));
    TRY(ioctl(p[0], FIOGETOWN, NULL));
    close(p[0]);
    close(p[1]);
}

static void pty(void)
{
    struct termios t;
    char buf[100];
    int master, zero = 0, slave;

    PART("a pseudo-terminal");
    mkdir("pts", 0755);
    TRY(mount("none", "pts", "devpts", 0, "ptmxmode=666"));
    master = open("pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    ioctl(master, TIOCSPTLCK, &zero);
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (slave < 0)
        return;
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    tcsetattr(slave, TCSANOW, &t);
    watch(slave, SIGRTMIN + 1);
    TRY(write(master, "abc", 3));
    taken("typed");
    TRY(read(slave, buf, sizeof buf));
    taken("read");
    fcntl(slave, F_SETFL, O_NONBLOCK);
    watch(master, SIGRTMIN + 1);
    TRY(write(slave, "abc", 3));
    taken("written");
    TRY(read(master, buf, sizeof buf));
    taken("read");
    close(slave);
    taken("the slave is closed");
    close(master);
    TRY(umount("pts"));
}

static void *on_thread(void *fd)
{
    struct f_owner_ex o = {F_OWNER_TID, (pid_t)syscall(SYS_gettid)};

    TRY(fcntl(*(int *)fd, F_SETOWN_EX, &o));
    TRY(send(((int *)fd)[1], "x", 1, 0));
    taken("the thread");
    return NULL;
}

static void to_thread(void)
{
    pthread_t t;
    int p[2];

    PART("to a thread");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, p))
        return;
    watch(p[0], SIGRTMIN + 1);
    pthread_create(&t, NULL, on_thread, p);
    pthread_join(t, NULL);
    taken("the process");
    TRY(send(p[1], "x", 1, 0));
    taken("the thread is gone");
    close(p[0]);
    close(p[1]);
}

static void processor(void)
{
    uint32_t cpu = 77, node = 77;

    PART("where it runs");
    TRY(syscall(SYS_getcpu, &cpu, &node, NULL));
    ut_say("%u %u", cpu, node);
    TRY(syscall(SYS_getcpu, NULL, NULL, NULL));
    TRY(syscall(SYS_getcpu, NULL, &node, 8));
    TRY(syscall(SYS_getcpu, 8, NULL, NULL));
    TRY(syscall(SYS_getcpu, NULL, 8, NULL));
}

UT_PROGRAM(signalio)
{
    sigset_t all;

    ut_workdir();
    inet_up();
    setpgid(0, 0);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    pair_of(SOCK_STREAM, "a pair of streams");
    pair_of(SOCK_DGRAM, "a pair for datagrams");
    pair_of(SOCK_SEQPACKET, "a pair for packets");
    tcp();
    udp();
    owners();
    pty();
    to_thread();
    processor();
}
