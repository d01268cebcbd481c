/* UDP on the loopback address. */
#include "tests/user/inet.h"

static void one(const char *ip)
{
    int family = strchr(ip, ':') ? AF_INET6 : AF_INET, s, c, port, n = -1;
    struct inet_any to, from;
    char buf[32] = "";

    ut_say("-- datagrams of %s", ip);
    s = socket(family, SOCK_DGRAM, 0);
    inet_events("fresh", s);
    inet_say_name("own", getsockname, s, 0);
    inet_say_name("peer", getpeername, s, 0);
    TRY(send(s, "x", 1, 0));
    TRY(recv(s, buf, 1, MSG_DONTWAIT));
    TRY(listen(s, 1));
    TRY(accept(s, NULL, NULL));
    TRY(inet_bind_to(s, ip, 0));
    port = inet_port(s);
    inet_say_name("own", getsockname, s, port);
    to = inet_make(ip, port);
    c = socket(family, SOCK_DGRAM, 0);
    TRY(sendto(c, "one", 3, 0, &to.any, to.size));
    inet_say_name("sender", getsockname, c, 0);
    TRY(sendto(c, "", 0, 0, &to.any, to.size));
    TRY(sendto(c, "three", 5, 0, &to.any, to.size));
    inet_events("they wait", s);
    TRY(ioctl(s, FIONREAD, &n));
    SHOW(n);
    TRY(ioctl(c, TIOCOUTQ, &n));
    SHOW(n);
    from.size = sizeof from.six;
    SHOW(recvfrom(s, buf, sizeof buf, MSG_PEEK, &from.any, &from.size));
    inet_say("from", &from, inet_port(c));
    SHOW(recvfrom(s, buf, 2, MSG_TRUNC, &from.any, &from.size));
    SHOW(recv(s, buf, sizeof buf, 0));
    struct iovec v = {buf, 2};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &from.any, .msg_namelen = sizeof from.six};

    SHOW(recvmsg(s, &m, 0));
    SHOW(m.msg_flags);
    SHOW(m.msg_namelen);
    SHOW(m.msg_controllen);
    TRY(recv(s, buf, 1, MSG_DONTWAIT));
    PART("connected");
    TRY(connect(c, &to.any, to.size));
    inet_say_name("own", getsockname, c, 0);
    inet_say_name("peer", getpeername, c, port);
    TRY(send(c, "yes", 3, 0));
    SHOW(recvfrom(s, buf, sizeof buf, 0, &from.any, &from.size));
    TRY(sendto(s, "answer", 6, 0, &from.any, from.size));
    SHOW(recv(c, buf, sizeof buf, 0));
    ut_say("%.6s", buf);
    int other = socket(family, SOCK_DGRAM, 0);

    TRY(sendto(other, "not for it", 10, 0, &from.any, from.size));
    TRY(recv(c, buf, 1, MSG_DONTWAIT));
    TRY(sendto(c, "elsewhere", 9, 0, &from.any, from.size));
    TRY(close(s));
    TRY(send(c, "nobody", 6, 0));
    inet_events("refused", c);
    TRY(send(c, "nobody", 6, 0));
    TRY(send(c, "nobody", 6, 0));
    SHOW(inet_option(c, SOL_SOCKET, SO_ERROR));
    TRY(send(c, "nobody", 6, 0));
    TRY(recv(c, buf, 1, MSG_DONTWAIT));
    TRY(recv(c, buf, 1, MSG_DONTWAIT));
    TRY(sendto(other, "nobody", 6, 0, &to.any, to.size));
    TRY(recv(other, buf, 1, MSG_DONTWAIT));
    TRY(shutdown(other, SHUT_RDWR));
    TRY(shutdown(c, SHUT_WR));
    TRY(send(c, "x", 1, 0));
    TRY(shutdown(c, SHUT_RD));
    inet_events("shut", c);
    TRY(recv(c, buf, 1, MSG_DONTWAIT));
    TRY(recv(c, buf, 1, 0));
    PART("connected no more");
    TRY(connect(c, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
    inet_say_name("own", getsockname, c, 0);
    inet_say_name("peer", getpeername, c, 0);
    TRY(connect(c, &to.any, 3));
    TRY(sendto(other, "x", 1, 0, &to.any, 3));
    to.any.sa_family = AF_UNIX;
    TRY(sendto(c, "x", 1, 0, &to.any, to.size));
    TRY(connect(c, &to.any, to.size));
    close(c);
    close(other);
}

/* More than the receiver has room for is lost; nobody waits. */
static void lost(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0), n = 0;
    static char big[70000];
    struct inet_any to;

    PART("lost");
    inet_bind_to(s, "127.0.0.1", 0);
    to = inet_make("127.0.0.1", inet_port(s));
    TRY(sendto(c, big, 65507, 0, &to.any, to.size));
    TRY(sendto(c, big, 65508, 0, &to.any, to.size));
    TRY(sendto(c, big, 70000, 0, &to.any, to.size));
    TRY(recv(s, big, sizeof big, 0));
    TRY(connect(c, &to.any, to.size));
    for (int i = 0; i < 2000; i++)
        n += send(c, big, 1000, MSG_DONTWAIT) == 1000;
    SHOW(n);
    inet_events("sender", c);
    for (n = 0; recv(s, big, sizeof big, MSG_DONTWAIT) == 1000; n++)
        continue;
    SHOW(n > 50 && n < 500);
    TRY(send(c, "x", 1, 0));
    TRY(recv(s, big, sizeof big, MSG_DONTWAIT));
    TRY(sendto(c, (void *)8, 8, 0, &to.any, to.size));
    TRY(send(c, "gone", 4, 0));
    TRY(recv(s, (void *)8, 8, 0));
    TRY(recv(s, big, 8, MSG_DONTWAIT));
    close(s);
    close(c);
}

/* Which of several sockets at one port is given a datagram. */
static void choosing(void)
{
    int any = socket(AF_INET, SOCK_DGRAM, 0), one = socket(AF_INET, SOCK_DGRAM, 0),
        c = socket(AF_INET, SOCK_DGRAM, 0), port;
    struct inet_any to;
    char byte;

    PART("several at a port");
    inet_set(any, SOL_SOCKET, SO_REUSEADDR, 1);
    inet_set(one, SOL_SOCKET, SO_REUSEADDR, 1);
    TRY(inet_bind_to(any, "0.0.0.0", 0));
    port = inet_port(any);
    TRY(inet_bind_to(c, "127.0.0.1", port));
    TRY(inet_bind_to(one, "127.0.0.2", port));
    to = inet_make("127.0.0.2", port);
    TRY(sendto(c, "2", 1, 0, &to.any, to.size));
    to = inet_make("127.0.0.3", port);
    TRY(sendto(c, "3", 1, 0, &to.any, to.size));
    to = inet_make("0.0.0.0", port);
    TRY(sendto(c, "0", 1, 0, &to.any, to.size));
    TRY(recv(one, &byte, 1, MSG_DONTWAIT));
    ut_say("%c", byte);
    TRY(recv(one, &byte, 1, MSG_DONTWAIT));
    TRY(recv(any, &byte, 1, MSG_DONTWAIT));
    ut_say("%c", byte);
    TRY(recv(any, &byte, 1, MSG_DONTWAIT));
    ut_say("%c", byte);
    PART("elsewhere");
    to = inet_make("192.0.2.1", 9);
    TRY(sendto(c, "x", 1, 0, &to.any, to.size));
    TRY(connect(c, &to.any, to.size));
    to = inet_make("255.255.255.255", 9);
    TRY(sendto(c, "x", 1, 0, &to.any, to.size));
    to = inet_make("127.255.255.255", 9);
    TRY(sendto(c, "x", 1, 0, &to.any, to.size));
    TRY(connect(c, &to.any, to.size));
    to = inet_make("224.0.0.1", 9);
    TRY(sendto(c, "x", 1, 0, &to.any, to.size));
    to = inet_make("127.0.0.1", 0);
    TRY(sendto(c, "x", 1, 0, &to.any, to.size));
    TRY(sendto(c, "x", 1, MSG_OOB, &to.any, to.size));
    close(any);
    close(one);
    close(c);
}

#define MSG_PROBE_ 0x10 /* which C libraries call by an older name */

/* What a socket of AF_INET6 makes of addresses that are of other families, or none. */
static void families(void)
{
    int s = socket(AF_INET6, SOCK_DGRAM, 0), c = socket(AF_INET6, SOCK_DGRAM, 0);
    struct inet_any six = inet_make("::1", 0), four = inet_make("127.0.0.1", 0), none = {0};
    char buf[8];

    PART("other families");
    TRY(bind(s, &four.any, four.size));
    TRY(bind(s, &four.any, six.size));
    TRY(bind(s, &none.any, six.size));
    TRY(bind(s, &six.any, six.size));
    TRY(sendto(c, "x", 1, 0, &none.any, sizeof none.any));
    TRY(sendto(c, "x", 1, 0, &none.any, 1));
    TRY(sendto(c, "x", 1, 0, &none.any, 0));
    TRY(inet_connect_to(c, "::1", inet_port(s)));
    TRY(sendto(c, "none", 4, 0, &none.any, sizeof none.any));
    TRY(recv(s, buf, sizeof buf, MSG_DONTWAIT));
    PART("only asked whether it would be sent");
    TRY(send(c, "probe", 5, MSG_PROBE_));
    TRY(recv(s, buf, sizeof buf, MSG_DONTWAIT));
    close(s);
    close(c);
}

UT_PROGRAM(udp)
{
    inet_up();
    one("127.0.0.1");
    one("::1");
    lost();
    choosing();
    families();
}
