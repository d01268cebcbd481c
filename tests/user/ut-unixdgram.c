/* Local sockets for datagrams and sequenced packets, and calls for several messages. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

static socklen_t name(struct sockaddr_un *a, const char *path)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    memcpy(a->sun_path + 1, path, strlen(path));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(path));
}

/* A socket with an abstract name. */
static int named(int type, const char *path)
{
    int fd = socket(AF_UNIX, type, 0);
    struct sockaddr_un a;
    socklen_t n = name(&a, path);

    if (bind(fd, (struct sockaddr *)&a, n) != 0)
        ut_say("bind: %s", ut_errno(errno));
    return fd;
}

static int connect_to(int fd, const char *path)
{
    struct sockaddr_un a;
    socklen_t n = name(&a, path);

    return connect(fd, (struct sockaddr *)&a, n);
}

static int send_to(int fd, const char *path, const char *text)
{
    struct sockaddr_un a;
    socklen_t n = name(&a, path);

    return (int)sendto(fd, text, strlen(text), MSG_DONTWAIT, (struct sockaddr *)&a, n);
}

static void receive(int fd, unsigned size, int flags)
{
    struct sockaddr_un a;
    socklen_t n = sizeof a;
    char buf[32] = "";
    int rc;

    memset(&a, 0, sizeof a);
    rc = (int)recvfrom(fd, buf, size, flags | MSG_DONTWAIT, (struct sockaddr *)&a, &n);
    if (rc < 0)
        ut_say("received: %s", ut_errno(errno));
    else
        ut_say("received: %d, %s, from %u bytes %s", rc, buf, n, a.sun_path + 1);
}

static void say_events(const char *what, int fd)
{
    struct pollfd p = {.fd = fd, .events = 0x3fff};

    poll(&p, 1, 0);
    ut_say("%s: events %#x", what, p.revents);
}

static int error_of(int fd)
{
    int value = -77;
    socklen_t n = sizeof value;

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &n);
    return value;
}

static void datagrams(void)
{
    int a = named(SOCK_DGRAM, "ut-a"), b = named(SOCK_DGRAM, "ut-b"), c = socket(AF_UNIX, SOCK_DGRAM, 0), n;
    struct sockaddr_un to;
    socklen_t size;
    char buf[8];

    PART("datagrams");
    say_events("fresh", a);
    TRY(send_to(a, "ut-b", "one"));
    TRY(send_to(c, "ut-b", "two, longer"));
    TRY(send_to(a, "ut-b", ""));
    say_events("they wait", b);
    SHOW(ioctl(b, FIONREAD, &n));
    SHOW(n);
    receive(b, 2, MSG_PEEK);
    receive(b, 2, MSG_PEEK | MSG_TRUNC);
    receive(b, 32, 0);
    receive(b, 3, 0);
    receive(b, 8, 0);
    receive(b, 8, 0);
    TRY(send_to(a, "ut-none", "x"));
    TRY(send(a, "x", 1, 0));
    TRY(write(a, "x", 1));
    TRY(send(a, "x", 1, MSG_OOB));
    size = name(&to, "ut-b");
    TRY(sendto(a, "x", 1, 0, (struct sockaddr *)&to, 2));
    TRY(sendto(a, "x", 1, 0, (struct sockaddr *)&to, 111));
    TRY(send_to(a, "ut-b", "three"));
    TRY(recvfrom(b, buf, 2, MSG_TRUNC, NULL, NULL));
    TRY(listen(a, 1));
    TRY(accept(a, NULL, NULL));
    PART("where a datagram goes by itself");
    TRY(connect_to(c, "ut-b"));
    TRY(send(c, "four", 4, 0));
    receive(b, 8, 0);
    TRY(send_to(c, "ut-a", "five"));
    receive(a, 8, 0);
    TRY(connect_to(b, "ut-a"));
    TRY(send_to(c, "ut-b", "x"));
    TRY(send(c, "x", 1, 0));
    TRY(connect_to(a, "ut-b"));
    TRY(send(a, "six", 3, 0));
    TRY(connect_to(c, "ut-a"));
    TRY(connect_to(b, "ut-b"));
    receive(b, 8, 0);
    SHOW(error_of(a));
    memset(&to, 0, sizeof to);
    TRY(connect(a, (struct sockaddr *)&to, 1));
    TRY(connect(a, (struct sockaddr *)&to, 2));
    TRY(send(a, "x", 1, 0));
    TRY(getpeername(a, (struct sockaddr *)&to, &size));
    PART("nobody is there any more");
    TRY(connect_to(a, "ut-b"));
    close(b);
    say_events("a", a);
    TRY(send(a, "x", 1, 0));
    TRY(send(a, "x", 1, 0));
    TRY(shutdown(a, SHUT_RD));
    TRY(recv(a, buf, 1, 0));
    TRY(recv(a, buf, 1, MSG_DONTWAIT));
    b = socket(AF_UNIX, SOCK_DGRAM, 0);
    TRY(send_to(b, "ut-a", "x"));
    close(a);
    close(b);
    close(c);
}

static void full(void)
{
    int a = named(SOCK_DGRAM, "ut-full"), b = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 0, sent = 0;
    int set = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLOUT | EPOLLET};
    static char large[300000];
    char buf[64];
    int p[2];

    PART("a full queue");
    TRY(connect_to(b, "ut-full"));
    while (send(b, "x", 1, 0) == 1)
        n++;
    SHOW(errno == EAGAIN);
    SHOW(n);
    say_events("b", b);
    TRY(epoll_ctl(set, EPOLL_CTL_ADD, b, &e));
    SHOW(epoll_wait(set, &e, 1, 0));
    receive(a, 8, 0);
    SHOW(epoll_wait(set, &e, 1, 0));
    say_events("b", b);
    receive(a, 8, 0);
    say_events("b", b);
    TRY(send(b, "y", 1, 0));
    fcntl(b, F_SETFL, 0);
    pid_t pid = fork();

    if (pid == 0)
        _exit(send(b, "z", 1, 0) == 1 && send(b, "z", 1, 0) == 1 ? 0 : 1);
    usleep(20000);
    while (recv(a, buf, 1, sent < n + 1 ? 0 : MSG_DONTWAIT) == 1)
        sent++;
    waitpid(pid, &n, 0);
    ut_say("who waited: %s", ut_status(n));
    receive(a, 8, 0);
    close(a);
    close(b);
    close(set);
    PART("large ones");
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    for (unsigned i = 0; i < sizeof large; i++)
        large[i] = (char)ut_pattern(i);
    TRY(send(p[0], large, sizeof large, 0));
    TRY(send(p[0], large, 180224 - 31, 0));
    TRY(send(p[0], large, 100000, 0));
    static char got[100001];

    TRY(recv(p[1], got, 5000, MSG_PEEK));
    SHOW(memcmp(got, large, 5000));
    struct iovec v[3] = {{got, 10}, {got + 10, 50000}, {got + 50010, 49990}};

    TRY(readv(p[1], v, 3));
    SHOW(memcmp(got, large, 100000));
    close(p[0]);
    close(p[1]);
}

static void packets(void)
{
    int s = named(SOCK_SEQPACKET, "ut-packets"), c = socket(AF_UNIX, SOCK_SEQPACKET, 0), t, p[2];
    char buf[16];

    PART("sequenced packets");
    say_events("fresh", c);
    TRY(send(c, "x", 1, MSG_NOSIGNAL));
    TRY(recv(c, buf, 1, 0));
    TRY(connect_to(c, "ut-packets"));
    TRY(listen(s, 2));
    TRY(connect_to(c, "ut-packets"));
    TRY(send(c, "early", 5, 0));
    t = accept(s, NULL, NULL);
    say_events("accepted", t);
    receive(t, 3, 0);
    TRY(write(t, "ab", 2));
    TRY(write(t, "", 0));
    TRY(write(t, "cde", 3));
    receive(c, 16, 0);
    receive(c, 16, 0);
    receive(c, 16, 0);
    receive(c, 16, 0);
    TRY(send_to(c, "ut-nobody", "to whom"));
    receive(t, 16, 0);
    TRY(shutdown(t, SHUT_WR));
    say_events("c", c);
    TRY(recv(c, buf, 1, 0));
    TRY(send(t, "x", 1, MSG_NOSIGNAL));
    TRY(send(c, "x", 1, MSG_NOSIGNAL));
    close(t);
    say_events("c", c);
    TRY(recv(c, buf, 1, 0));
    TRY(recv(c, buf, 1, 0));
    TRY(send(c, "x", 1, MSG_NOSIGNAL));
    close(c);
    close(s);
    TRY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p));
    TRY(write(p[0], "abc", 3));
    close(p[0]);
    receive(p[1], 2, 0);
    receive(p[1], 2, 0);
    close(p[1]);
    TRY(socketpair(AF_UNIX, SOCK_RAW, 0, p));
    int type = 0;
    socklen_t n = sizeof type;

    TRY(getsockopt(p[0], SOL_SOCKET, SO_TYPE, &type, &n));
    SHOW(type);
    close(p[0]);
    close(p[1]);
}

static void several(void)
{
    char in[4][8];
    struct iovec out[4] = {{(void *)"a", 1}, {(void *)"bc", 2}, {(void *)"def", 3}, {(void *)"ghij", 4}},
                 to[4] = {{in[0], 8}, {in[1], 8}, {in[2], 2}, {in[3], 8}};
    struct mmsghdr m[4];
    struct timespec limit = {0, 20000000};
    int p[2];

    PART("several messages");
    memset(in, 0, sizeof in);
    memset(m, 0, sizeof m);
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    for (unsigned i = 0; i < 4; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
    TRY(sendmmsg(p[0], m, 3, 0));
    ut_say("%u %u %u", m[0].msg_len, m[1].msg_len, m[2].msg_len);
    TRY(sendmmsg(p[0], m, 0, 0));
    for (unsigned i = 0; i < 4; i++)
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &to[i], .msg_iovlen = 1}};
    TRY(recvmmsg(p[1], m, 4, MSG_WAITFORONE, NULL));
    ut_say("%u %s, %u %s, %u %s flags %#x", m[0].msg_len, in[0], m[1].msg_len, in[1], m[2].msg_len, in[2],
           m[2].msg_hdr.msg_flags);
    TRY(recvmmsg(p[1], m, 4, MSG_DONTWAIT, NULL));
    send(p[0], "k", 1, 0);
    TRY(recvmmsg(p[1], m, 4, MSG_DONTWAIT, &limit));
    SHOW(limit.tv_sec == 0 && limit.tv_nsec < 20000000);
    limit.tv_nsec = 1000000000;
    TRY(recvmmsg(p[1], m, 4, MSG_DONTWAIT, &limit));
    m[1].msg_hdr.msg_iovlen = 1025;
    send(p[0], "l", 1, 0);
    send(p[0], "m", 1, 0);
    TRY(recvmmsg(p[1], m, 4, MSG_DONTWAIT, NULL));
    SHOW(error_of(p[1]));
    TRY(recvmmsg(p[1], m, 1, MSG_DONTWAIT, NULL));
    TRY(recvmsg(p[1], &m[1].msg_hdr, MSG_DONTWAIT));
    close(p[0]);
    TRY(sendmmsg(p[1], m, 1, 0));
    close(p[1]);
}

/* Where bytes out of band are is asked of streams only. */
static void marks(void)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

    PART("marks");
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        int at = 7, ends[2];

        socketpair(AF_UNIX, types[i], 0, ends);
        TRY(ioctl(ends[0], SIOCATMARK, &at));
        TRY(ioctl(ends[0], SIOCATMARK, NULL));
        send(ends[1], "x", 1, 0);
        TRY(ioctl(ends[0], SIOCATMARK, &at));
        SHOW(at);
        close(ends[0]);
        close(ends[1]);
    }
}

UT_PROGRAM(unixdgram)
{
    ut_workdir();
    datagrams();
    full();
    packets();
    several();
    marks();
}
