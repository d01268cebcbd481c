/* Local sockets: pairs, names, connections, streams and their ends. Datagrams are in ut-unixdgram.c, what
 * goes along in ut-unixrights.c. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static socklen_t address(struct sockaddr_un *a, const char *path)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    if (path[0] == '@') {
        memcpy(a->sun_path + 1, path + 1, strlen(path) - 1);
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    }
    strcpy(a->sun_path, path);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static int bind_to(int fd, const char *path)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, path);

    return bind(fd, (struct sockaddr *)&a, n);
}

static int connect_to(int fd, const char *path)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, path);

    return connect(fd, (struct sockaddr *)&a, n);
}

static void say_name(const char *what, int (*call)(int, struct sockaddr *, socklen_t *), int fd)
{
    struct sockaddr_un a;
    socklen_t n = sizeof a;

    memset(&a, 0x55, sizeof a);
    if (call(fd, (struct sockaddr *)&a, &n) != 0)
        ut_say("%s: %s", what, ut_errno(errno));
    else if (n > 3 && !a.sun_path[0])
        ut_say("%s: %u bytes, @%.*s", what, n, (int)n - 3, a.sun_path + 1);
    else
        ut_say("%s: %u bytes, family %d, %s", what, n, a.sun_family, n > 2 ? a.sun_path : "no name");
}

static void say_events(const char *what, int fd)
{
    struct pollfd p = {.fd = fd, .events = 0x3fff};

    TRY(poll(&p, 1, 0) >= 0);
    ut_say("%s: events %#x", what, p.revents);
}

static int number_option(int fd, int option)
{
    int value = -77;
    socklen_t n = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &n) ? -errno : value;
}

static void a_pair(void)
{
    char buf[64];
    int p[2], n;
    struct stat st;

    PART("a pair of streams");
    TRY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p));
    SHOW(fcntl(p[0], F_GETFD));
    SHOW(fcntl(p[0], F_GETFL) & ~O_LARGEFILE);
    SHOW(fstat(p[0], &st));
    SHOW(st.st_mode);
    SHOW(st.st_size);
    SHOW(st.st_nlink);
    say_name("own", getsockname, p[0]);
    say_name("peer", getpeername, p[0]);
    say_events("fresh", p[0]);
    TRY(write(p[0], "hello", 5));
    say_events("bytes wait", p[1]);
    SHOW(ioctl(p[1], FIONREAD, &n));
    SHOW(n);
    TRY(send(p[0], " you", 4, 0));
    SHOW(ioctl(p[1], FIONREAD, &n));
    SHOW(n);
    memset(buf, 0, sizeof buf);
    TRY(recv(p[1], buf, 3, MSG_PEEK));
    ut_say("%s", buf);
    TRY(recv(p[1], buf, sizeof buf, MSG_PEEK));
    ut_say("%s", buf);
    memset(buf, 0, sizeof buf);
    TRY(read(p[1], buf, 2));
    ut_say("%s", buf);
    memset(buf, 0, sizeof buf);
    TRY(read(p[1], buf, sizeof buf));
    ut_say("%s", buf);
    TRY(recv(p[1], buf, 1, MSG_DONTWAIT));
    TRY(read(p[1], buf, 0));
    TRY(recv(p[1], buf, 0, MSG_DONTWAIT));
    TRY(write(p[1], buf, 0));
    TRY(recv(p[0], buf, 1, MSG_DONTWAIT));
    TRY(recv(p[0], buf, 1, MSG_OOB));
    TRY(lseek(p[0], 0, SEEK_SET));
    TRY(pread(p[0], buf, 1, 0));
    TRY(ftruncate(p[0], 0));
    TRY(ioctl(p[0], 0x1234, 0));
    TRY(sendto(p[0], "x", 1, 0, (struct sockaddr *)&st, 8));
    TRY(connect_to(p[0], "nowhere"));
    TRY(listen(p[0], 1));
    TRY(accept(p[0], NULL, NULL));
    TRY(fcntl(p[0], F_SETFL, O_NONBLOCK));
    TRY(read(p[0], buf, 1));
    TRY(fcntl(p[0], F_SETFL, 0));
    PART("vectors");
    struct iovec out[3] = {{(void *)"ab", 2}, {NULL, 0}, {(void *)"cde", 3}},
                 in[2] = {{buf, 1}, {buf + 8, 30}};

    memset(buf, 0, sizeof buf);
    TRY(writev(p[0], out, 3));
    TRY(readv(p[1], in, 2));
    ut_say("%s, %s", buf, buf + 8);
    TRY(write(p[0], (void *)8, 8));
    TRY(write(p[0], "x", 1));
    TRY(read(p[1], (void *)8, 8));
    TRY(read(p[1], buf, 8));
    PART("its ends");
    TRY(write(p[0], "rest", 4));
    TRY(close(p[0]));
    say_events("closed, bytes wait", p[1]);
    TRY(read(p[1], buf, 2));
    TRY(read(p[1], buf, sizeof buf));
    TRY(read(p[1], buf, sizeof buf));
    TRY(send(p[1], "x", 1, MSG_NOSIGNAL));
    say_name("peer", getpeername, p[1]);
    TRY(close(p[1]));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    TRY(write(p[0], "lost", 4));
    TRY(close(p[1]));
    say_events("closed, bytes were not read", p[0]);
    TRY(send(p[0], "x", 1, MSG_NOSIGNAL));
    SHOW(number_option(p[0], SO_ERROR));
    TRY(read(p[0], buf, 1));
    TRY(close(p[0]));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    TRY(write(p[0], "lost", 4));
    TRY(close(p[1]));
    TRY(read(p[0], buf, 1));
    TRY(read(p[0], buf, 1));
    close(p[0]);
}

static void broken(void)
{
    int p[2];

    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    close(p[0]);
    write(p[1], "x", 1);
    _exit(0);
}

static void shutting(void)
{
    char buf[8];
    int p[2];

    PART("shutdown");
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    TRY(shutdown(p[0], 3));
    TRY(write(p[0], "abc", 3));
    TRY(shutdown(p[0], SHUT_WR));
    say_events("it", p[0]);
    say_events("the other", p[1]);
    TRY(send(p[0], "x", 1, MSG_NOSIGNAL));
    TRY(read(p[1], buf, 8));
    TRY(read(p[1], buf, 8));
    TRY(write(p[1], "de", 2));
    TRY(read(p[0], buf, 8));
    TRY(shutdown(p[0], SHUT_RD));
    say_events("it", p[0]);
    say_events("the other", p[1]);
    TRY(send(p[1], "x", 1, MSG_NOSIGNAL));
    TRY(read(p[0], buf, 8));
    close(p[0]);
    close(p[1]);
    ut_child("a write to nobody", broken);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    TRY(shutdown(s, SHUT_RDWR));
    say_events("never connected, shut down", s);
    close(s);
}

static void making(void)
{
    int p[2], fd;

    PART("making");
    TRY(socket(AF_UNIX, SOCK_STREAM, 1));
    TRY(socket(AF_UNIX, SOCK_STREAM, 2));
    TRY(socket(AF_UNIX, 4, 0));
    TRY(socket(AF_UNIX, 77, 0));
    TRY(socket(AF_UNIX, SOCK_STREAM | 0x40, 0));
    TRY(socket(99, SOCK_STREAM, 0));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8));
    TRY(socketpair(AF_UNIX, 77, 0, p));
    TRY(socketpair(99, SOCK_STREAM, 0, p));
    fd = open("/dev/null", O_RDWR);
    TRY(send(fd, "x", 1, 0));
    TRY(send(-1, "x", 1, 0));
    TRY(listen(fd, 1));
    TRY(accept4(fd, NULL, NULL, 0));
    TRY(accept4(fd, NULL, NULL, 1));
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    say_events("fresh", fd);
    TRY(send(fd, "x", 1, 0));
    TRY(recv(fd, p, 1, 0));
    TRY(accept(fd, NULL, NULL));
    TRY(listen(fd, 1));
    say_name("own", getsockname, fd);
    say_name("peer", getpeername, fd);
    SHOW(number_option(fd, SO_TYPE));
    SHOW(number_option(fd, SO_DOMAIN));
    SHOW(number_option(fd, SO_PROTOCOL));
    SHOW(number_option(fd, SO_ACCEPTCONN));
    SHOW(number_option(fd, SO_ERROR));
    SHOW(number_option(fd, SO_SNDBUF));
    SHOW(number_option(fd, SO_RCVBUF));
    SHOW(number_option(fd, SO_PASSCRED));
    SHOW(number_option(fd, SO_RCVLOWAT));
    SHOW(number_option(fd, SO_SNDLOWAT));
    SHOW(number_option(fd, SO_LINGER));
    SHOW(number_option(fd, SO_PEERNAME));
    SHOW(number_option(fd, SO_PEEK_OFF));
    SHOW(number_option(fd, SO_RCVTIMEO));
    SHOW(number_option(fd, 200));
    close(fd);
}

static int set_number(int fd, int option, int value)
{
    return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

static void options(void)
{
    struct timeval t = {1, 500000}, got;
    struct linger l = {1, 5};
    struct ucred c;
    socklen_t n;
    int p[2];
    char buf[4];

    PART("options");
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    TRY(set_number(p[0], SO_SNDBUF, 10000));
    SHOW(number_option(p[0], SO_SNDBUF));
    TRY(set_number(p[0], SO_SNDBUF, 1));
    SHOW(number_option(p[0], SO_SNDBUF));
    TRY(set_number(p[0], SO_RCVBUF, 1));
    SHOW(number_option(p[0], SO_RCVBUF));
    TRY(set_number(p[0], SO_SNDBUF, 100000000));
    SHOW(number_option(p[0], SO_SNDBUF));
    TRY(set_number(p[0], SO_TYPE, 1));
    TRY(set_number(p[0], SO_ERROR, 1));
    TRY(set_number(p[0], SO_ACCEPTCONN, 1));
    TRY(set_number(p[0], SO_SNDLOWAT, 1));
    TRY(set_number(p[0], SO_PEERCRED, 1));
    TRY(set_number(p[0], SO_REUSEADDR, 5));
    SHOW(number_option(p[0], SO_REUSEADDR));
    TRY(set_number(p[0], SO_KEEPALIVE, 1));
    SHOW(number_option(p[0], SO_KEEPALIVE));
    TRY(set_number(p[0], SO_PASSCRED, 1));
    SHOW(number_option(p[0], SO_PASSCRED));
    TRY(set_number(p[0], SO_PASSCRED, 0));
    TRY(set_number(p[0], SO_RCVLOWAT, 0));
    SHOW(number_option(p[0], SO_RCVLOWAT));
    TRY(set_number(p[0], 200, 0));
    TRY(setsockopt(p[0], SOL_SOCKET, SO_PASSCRED, &n, 2));
    TRY(setsockopt(p[0], SOL_SOCKET, SO_PASSCRED, (void *)8, 4));
    TRY(setsockopt(p[0], SOL_SOCKET, SO_PASSCRED, &n, (socklen_t)-1));
    TRY(setsockopt(p[0], 6, 1, &n, 4));
    n = 4;
    TRY(getsockopt(p[0], 6, 1, buf, &n));
    TRY(setsockopt(p[0], SOL_SOCKET, SO_LINGER, &l, sizeof l));
    n = sizeof l;
    memset(&l, 0, sizeof l);
    TRY(getsockopt(p[0], SOL_SOCKET, SO_LINGER, &l, &n));
    ut_say("%d %d in %u", l.l_onoff, l.l_linger, n);
    n = 2;
    TRY(getsockopt(p[0], SOL_SOCKET, SO_TYPE, buf, &n));
    SHOW(n);
    n = (socklen_t)-1;
    TRY(getsockopt(p[0], SOL_SOCKET, SO_TYPE, buf, &n));
    n = sizeof c;
    TRY(getsockopt(p[0], SOL_SOCKET, SO_PEERCRED, &c, &n));
    ut_say("%s, %u bytes", c.pid == getpid() && c.uid == geteuid() ? "this process" : "another", n);
    PART("limits of time");
    TRY(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    n = sizeof got;
    TRY(getsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &got, &n));
    ut_say("%ld.%06ld in %u", (long)got.tv_sec, (long)got.tv_usec, n);
    t.tv_usec = 1000000;
    TRY(setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t));
    t = (struct timeval){0, 20000};
    TRY(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    TRY(read(p[0], buf, 1));
    TRY(setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t));
    static char much[200000];

    ut_say("a large write is %s", write(p[0], much, sizeof much) < (int)sizeof much ? "cut" : "whole");
    ut_say("the next is %s", write(p[0], much, sizeof much) < (int)sizeof much ? "cut" : "whole");
    TRY(write(p[0], much, sizeof much));
    close(p[0]);
    close(p[1]);
}

static void looking(int type)
{
    int p[2], at;
    char buf[8];

    ut_say("-- looked at from an offset on, type %d", type);
    TRY(socketpair(AF_UNIX, type, 0, p));
    TRY(set_number(p[1], SO_PEEK_OFF, 1));
    TRY(write(p[0], "abc", 3));
    TRY(write(p[0], "defg", 4));
    for (unsigned i = 0; i < 5; i++) {
        memset(buf, 0, sizeof buf);
        at = (int)recv(p[1], buf, 3, MSG_PEEK | MSG_DONTWAIT);
        ut_say("%d %s, then %d", at, buf, number_option(p[1], SO_PEEK_OFF));
    }
    memset(buf, 0, sizeof buf);
    TRY(read(p[1], buf, 2));
    SHOW(number_option(p[1], SO_PEEK_OFF));
    TRY(recv(p[1], buf, 3, MSG_PEEK | MSG_DONTWAIT));
    ut_say("%s", buf);
    TRY(set_number(p[1], SO_PEEK_OFF, -1));
    TRY(recv(p[1], buf, 3, MSG_PEEK | MSG_DONTWAIT));
    ut_say("%s", buf);
    close(p[0]);
    close(p[1]);
}

/* Sizes of addresses that are none. */
static void sizes(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    socklen_t n = (socklen_t)-1;
    struct stat st;
    char buf[4];
    int p[2], s;

    PART("sizes of addresses");
    socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
    TRY(getsockname(p[0], (struct sockaddr *)&a, &n));
    TRY(getpeername(p[0], (struct sockaddr *)&a, &n));
    TRY(getsockname(p[0], NULL, &n));
    TRY(sendto(p[0], "none", 4, 0, (struct sockaddr *)&a, 0));
    TRY(recvfrom(p[1], buf, sizeof buf, 0, (struct sockaddr *)&a, &n));
    TRY(recv(p[1], buf, sizeof buf, MSG_DONTWAIT));
    TRY(set_number(p[0], SO_REUSEPORT, 1));
    TRY(set_number(p[0], SO_REUSEPORT, 0));
    TRY(set_number(p[0], SO_DETACH_FILTER, 0));
    close(p[0]);
    close(p[1]);
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(sendto(s, "x", 1, 0, (struct sockaddr *)&a, 0));
    PART("the mode of a socket is that of its name");
    umask(022);
    TRY(fchmod(s, 0620));
    TRY(bind_to(s, "moded"));
    stat("moded", &st);
    ut_say("%o", st.st_mode);
    unlink("moded");
    close(s);
}

static void names(void)
{
    struct sockaddr_un a;
    struct stat st;
    int s, t;

    PART("names");
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    umask(022);
    TRY(bind_to(s, "here"));
    SHOW(stat("here", &st));
    SHOW(st.st_mode);
    say_name("own", getsockname, s);
    TRY(bind_to(s, "there"));
    TRY(access("there", F_OK));
    TRY(bind_to(s, "here"));
    TRY(open("here", O_RDWR));
    t = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(bind_to(t, "here"));
    TRY(bind_to(t, "none/here"));
    TRY(connect_to(t, "here"));
    TRY(connect_to(t, "none"));
    TRY(connect_to(t, "/dev/null"));
    TRY(connect_to(t, "."));
    TRY(connect_to(t, "@nobody"));
    a.sun_family = AF_INET;
    TRY(connect(t, (struct sockaddr *)&a, sizeof a));
    TRY(bind(t, (struct sockaddr *)&a, sizeof a));
    a.sun_family = AF_UNIX;
    TRY(connect(t, (struct sockaddr *)&a, 2));
    TRY(connect(t, (struct sockaddr *)&a, 1));
    TRY(connect(t, (struct sockaddr *)&a, 0));
    TRY(connect(t, (struct sockaddr *)&a, 111));
    TRY(connect(t, (struct sockaddr *)&a, 129));
    TRY(connect(t, (struct sockaddr *)8, 20));
    TRY(bind(t, (struct sockaddr *)8, 20));
    TRY(bind(t, (struct sockaddr *)&a, 1));
    TRY(bind(t, (struct sockaddr *)&a, 111));
    memset(a.sun_path, 'x', sizeof a.sun_path);
    TRY(bind(t, (struct sockaddr *)&a, sizeof a));
    socklen_t n = (socklen_t)-1;
    char big[300];

    TRY(getsockname(t, (struct sockaddr *)big, &n));
    n = 300;

    memset(big, 0, sizeof big);
    TRY(getsockname(t, (struct sockaddr *)big, &n));
    SHOW(n);
    SHOW(strlen(big + 2));
    close(t);
    t = socket(AF_UNIX, SOCK_DGRAM, 0);
    TRY(connect_to(t, "here"));
    close(t);
    TRY(rename("here", "moved"));
    t = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(connect_to(t, "here"));
    TRY(listen(s, 3));
    TRY(link("moved", "linked"));
    TRY(symlink("linked", "leads"));
    TRY(connect_to(t, "leads"));
    say_name("peer", getpeername, t);
    close(t);
    close(s);
    t = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(connect_to(t, "linked"));
    TRY(unlink("linked"));
    TRY(unlink("moved"));
    TRY(mknod("made", S_IFSOCK | 0600, 0));
    TRY(connect_to(t, "made"));
    close(t);
    PART("abstract names");
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    t = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(bind_to(s, "@ut-unix"));
    say_name("own", getsockname, s);
    TRY(bind_to(t, "@ut-unix"));
    TRY(bind_to(t, "@ut-unix "));
    int d = socket(AF_UNIX, SOCK_DGRAM, 0);

    TRY(bind_to(d, "@ut-unix"));
    close(d);
    close(t);
    close(s);
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(bind_to(s, "@ut-unix"));
    close(s);
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    a.sun_family = AF_UNIX;
    TRY(bind(s, (struct sockaddr *)&a, 2));
    n = sizeof a;
    TRY(getsockname(s, (struct sockaddr *)&a, &n));
    ut_say("%u bytes, %d", n, a.sun_path[0]);
    TRY(bind(s, (struct sockaddr *)&a, 2));
    close(s);
}

static void connections(void)
{
    struct sockaddr_un a;
    struct ucred c;
    socklen_t n;
    char buf[16];
    int s, t, u, more[8];

    PART("connections");
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(bind_to(s, "door"));
    TRY(listen(s, 1));
    SHOW(number_option(s, SO_ACCEPTCONN));
    say_events("listening", s);
    TRY(send(s, "x", 1, MSG_NOSIGNAL));
    TRY(read(s, buf, 1));
    SHOW(ioctl(s, FIONREAD, &u) ? errno : 0);
    TRY(fcntl(s, F_SETFL, O_NONBLOCK));
    TRY(accept(s, NULL, NULL));
    t = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(connect_to(t, "door"));
    TRY(connect_to(t, "door"));
    say_events("somebody waits", s);
    say_events("connected", t);
    TRY(write(t, "early", 5));
    say_name("peer", getpeername, t);
    n = sizeof a;
    memset(&a, 0, sizeof a);
    u = accept4(s, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    SHOW(u >= 0);
    ut_say("%u bytes, family %d", n, a.sun_family);
    SHOW(fcntl(u, F_GETFL) & ~O_LARGEFILE);
    SHOW(fcntl(u, F_GETFD));
    say_name("own", getsockname, u);
    say_name("peer", getpeername, u);
    TRY(read(u, buf, sizeof buf));
    TRY(read(u, buf, sizeof buf));
    TRY(write(u, "answer", 6));
    TRY(read(t, buf, sizeof buf));
    n = sizeof c;
    TRY(getsockopt(t, SOL_SOCKET, SO_PEERCRED, &c, &n));
    SHOW(c.pid == getpid());
    n = sizeof c;
    TRY(getsockopt(u, SOL_SOCKET, SO_PEERCRED, &c, &n));
    SHOW(c.pid == getpid());
    close(t);
    TRY(read(u, buf, sizeof buf));
    close(u);
    PART("who waits is limited");
    for (unsigned i = 0; i < 4; i++) {
        more[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        TRY(connect_to(more[i], "door"));
    }
    TRY(write(more[0], "x", 1));
    close(s);
    say_events("nobody listens any more", more[0]);
    TRY(read(more[0], buf, 1));
    TRY(read(more[0], buf, 1));
    TRY(read(more[2], buf, 1));
    TRY(connect_to(more[3], "door"));
    for (unsigned i = 0; i < 4; i++)
        close(more[i]);
    PART("accept waits");
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink("door");
    TRY(bind_to(s, "door"));
    TRY(listen(s, 5));
    pid_t pid = fork();

    if (pid == 0) {
        t = socket(AF_UNIX, SOCK_STREAM, 0);
        usleep(20000);
        if (connect_to(t, "door") != 0 || read(t, buf, sizeof buf) != 3)
            _exit(1);
        _exit(write(t, "done", 4) == 4 ? 0 : 2);
    }
    u = accept(s, NULL, NULL);
    TRY(write(u, "now", 3));
    TRY(recv(u, buf, 4, MSG_WAITALL));
    int status;

    waitpid(pid, &status, 0);
    ut_say("the other: %s", ut_status(status));
    TRY(read(u, buf, 4));
    close(u);
    TRY(shutdown(s, SHUT_RD));
    say_events("shut down", s);
    TRY(accept(s, NULL, NULL));
    t = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(connect_to(t, "door"));
    close(t);
    close(s);
}

/* What /proc/net/unix says of the sockets whose names end like this: all but the number and the inode. */
static void say_listed(const char *end)
{
    char line[256];
    unsigned n[4], state;
    unsigned long inode;
    FILE *f = fopen("/proc/net/unix", "r");

    while (f && fgets(line, sizeof line, f)) {
        size_t len = strlen(line) - 1;
        int at = 0;

        line[len] = '\0';
        if (len < strlen(end) || strcmp(line + len - strlen(end), end) != 0)
            continue;
        if (sscanf(line, "%*[^:]: %x %x %x %x %x %lu%n", &n[0], &n[1], &n[2], &n[3], &state, &inode, &at) ==
            6)
            ut_say("%u references, protocol %x, flags %x, type %x, state %x,%s", n[0], n[1], n[2], n[3],
                   state, line + at);
    }
    if (f)
        fclose(f);
}

static void listed(void)
{
    char text[64] = "";
    int s, t, d;

    PART("/proc/net/unix");
    TRY(readlink("/proc/net", text, sizeof text - 1));
    ut_say("%s", text);
    s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    TRY(bind_to(s, "@a ut-listed"));
    TRY(listen(s, 1));
    t = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    TRY(connect_to(t, "@a ut-listed"));
    say_listed("@a ut-listed");
    d = socket(AF_UNIX, SOCK_DGRAM, 0);
    TRY(bind_to(d, "ut-listed.2"));
    say_listed("ut-listed.2");
    close(s);
    close(t);
    close(d);
}

/* Many bytes, so that both have to wait. */
static void much(void)
{
    static uint8_t out[300000], in[300000];
    size_t got = 0;
    int p[2], n;

    PART("more than fits");
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = ut_pattern(i);
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    pid_t pid = fork();

    if (pid == 0) {
        close(p[1]);
        _exit(write(p[0], out, sizeof out) == sizeof out ? 0 : 1);
    }
    close(p[0]);
    usleep(20000);
    while ((n = (int)read(p[1], in + got, 7777)) > 0)
        got += (size_t)n;
    SHOW(got);
    SHOW(memcmp(in, out, sizeof out));
    waitpid(pid, &n, 0);
    ut_say("the writer: %s", ut_status(n));
    close(p[1]);
    TRY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p));
    got = 0;
    while ((n = (int)write(p[0], out, 1000)) == 1000)
        got++;
    TRY(write(p[0], out, 1));
    SHOW(got > 50 && got < 200);
    say_events("full", p[0]);
    while (got > 0 && read(p[1], in, 1000) == 1000)
        got--;
    say_events("empty", p[0]);
    close(p[0]);
    close(p[1]);
}

/* Signals of a file that has O_ASYNC, all of which are blocked; -1: none. */
static void signalled(const char *what)
{
    siginfo_t i;
    sigset_t all;
    char text[100] = "";

    sigfillset(&all);
    while (sigtimedwait(&all, &i, &(struct timespec){0}) > 0)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %d/%lx", i.si_code,
                 (unsigned long)i.si_band & 0xffff);
    ut_say("%s:%s", what, text);
}

static void told(void)
{
    static char bytes[300000];
    sigset_t set;
    int p[2], q[2], owner = 0;

    PART("signals");
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    TRY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p));
    owner = getpid();
    TRY(ioctl(p[0], 0x8901, &owner));
    owner = 0;
    TRY(ioctl(p[0], 0x8903, &owner));
    SHOW(owner == getpid());
    owner = INT32_MIN;
    TRY(ioctl(p[0], 0x8902, &owner));
    TRY(ioctl(p[0], 0x8904, (void *)8));
    TRY(fcntl(p[0], F_SETSIG, SIGRTMIN));
    TRY(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    TRY(write(p[1], "x", 1));
    signalled("bytes came");
    TRY(write(p[0], "x", 1));
    TRY(read(p[1], bytes, 1));
    signalled("they were read");
    while (write(p[0], bytes, 10000) > 0)
        ;
    signalled("full");
    while (read(p[1], bytes, sizeof bytes) > 0)
        ;
    signalled("room");
    TRY(shutdown(p[1], SHUT_WR));
    signalled("no more bytes");
    TRY(shutdown(p[1], SHUT_RDWR));
    signalled("shut down");
    close(p[1]);
    signalled("closed");
    close(p[0]);
    TRY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, q));
    fcntl(q[0], F_SETOWN, getpid());
    fcntl(q[0], F_SETSIG, SIGRTMIN);
    fcntl(q[0], F_SETFL, O_ASYNC);
    close(q[1]);
    signalled("closed");
    close(q[0]);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void on_signal(int signo)
{
    (void)signo;
}

static void interrupted(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct timeval t = {10, 0};
    char buf[4];
    int p[2], status;

    PART("interrupted");
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    for (unsigned how = 0; how < 3; how++) {
        pid_t parent = getpid(), pid;

        action.sa_flags = how == 1 ? 0 : SA_RESTART;
        sigaction(SIGUSR1, &action, NULL);
        if (how == 2)
            TRY(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
        pid = fork();
        if (pid == 0) {
            usleep(30000);
            kill(parent, SIGUSR1);
            usleep(30000);
            _exit(how == 0 && write(p[1], "x", 1) != 1);
        }
        TRY(recv(p[0], buf, 4, 0));
        waitpid(pid, &status, 0);
    }
    close(p[0]);
    close(p[1]);
}

static void moved(void)
{
    int file = ut_file("data", 9000), p[2], q[2];
    static uint8_t in[9000];

    PART("to and from other files");
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    TRY(pipe(q));
    lseek(file, 0, SEEK_SET);
    TRY(syscall(SYS_sendfile, p[0], file, NULL, 9000));
    TRY(recv(p[1], in, 5000, MSG_WAITALL));
    ut_say("%s", in[4999] == ut_pattern(4999) ? "as it was" : "otherwise");
    TRY(splice(p[1], NULL, q[1], NULL, 3000, 0) > 0);
    TRY(read(q[0], in, 10));
    ut_say("%s", in[9] == ut_pattern(5009) ? "as it was" : "otherwise");
    TRY(write(q[1], "pipe", 4));
    TRY(splice(q[0], NULL, p[0], NULL, 100, 0) > 0);
    TRY(splice(p[0], NULL, p[1], NULL, 100, 0));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_SHARED, p[0], 0) == MAP_FAILED ? -1 : 0);
    close(file);
    for (unsigned i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
}

UT_PROGRAM(unix)
{
    ut_workdir();
    a_pair();
    shutting();
    making();
    options();
    looking(SOCK_STREAM);
    looking(SOCK_DGRAM);
    names();
    sizes();
    connections();
    listed();
    much();
    told();
    interrupted();
    moved();
}
