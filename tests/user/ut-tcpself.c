/* TCP connections of a socket with itself, and of two that connect to each other at once; and who is not let
 * in. */
#include "tests/user/inet.h"
#include <time.h>

static int bound(const char *ip, int port, int flags)
{
    int s = socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | flags, 0);

    inet_set(s, SOL_SOCKET, SO_REUSEADDR, 1);
    if (inet_bind_to(s, ip, port))
        ut_say("cannot bind: %s", ut_errno(errno));
    return s;
}

static void itself(const char *ip, int flags)
{
    char buf[20] = "";
    struct linger none = {1, 0};
    int s = bound(ip, 0, flags), port = inet_port(s), value = -1;

    ut_say("-- itself, %s%s", ip, flags ? ", not waiting" : "");
    TRY(inet_connect_to(s, ip, port));
    inet_events("connected", s);
    SHOW(inet_option(s, SOL_SOCKET, SO_ERROR));
    inet_say_name("own", getsockname, s, port);
    inet_say_name("peer", getpeername, s, port);
    if (flags)
        TRY(inet_connect_to(s, ip, port));
    TRY(inet_connect_to(s, ip, port));
    TRY(send(s, "hello", 5, 0));
    usleep(20000);
    TRY(ioctl(s, FIONREAD, &value));
    SHOW(value);
    inet_events("sent", s);
    TRY(recv(s, buf, 2, 0));
    TRY(recv(s, buf + 2, 17, MSG_DONTWAIT));
    ut_say("%s", buf);
    TRY(recv(s, buf, 9, MSG_DONTWAIT));
    TRY(send(s, "X", 1, MSG_OOB));
    usleep(20000);
    inet_events("urgent", s);
    TRY(recv(s, buf, 1, MSG_OOB));
    TRY(send(s, "abc", 3, 0));
    TRY(shutdown(s, SHUT_WR));
    inet_events("shut down", s);
    TRY(recv(s, buf, 20, MSG_DONTWAIT));
    TRY(recv(s, buf, 20, MSG_DONTWAIT));
    TRY(send(s, "x", 1, MSG_NOSIGNAL));
    inet_say_name("peer", getpeername, s, port);
    struct tcp_info info;
    socklen_t size = sizeof info;
    TRY(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &size));
    SHOW(info.tcpi_state);
    inet_events("in the end", s);
    TRY(setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    TRY(close(s));
    s = bound(ip, port, 0);
    TRY(inet_connect_to(s, ip, port));
    TRY(send(s, "not read", 8, 0));
    TRY(shutdown(s, SHUT_RD));
    inet_events("shut down for reading", s);
    TRY(recv(s, buf, 20, MSG_DONTWAIT));
    TRY(setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    TRY(close(s));
    s = bound(ip, port, 0);
    TRY(inet_connect_to(s, ip, port));
    TRY(connect(s, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
    inet_say_name("own", getsockname, s, port);
    inet_say_name("peer", getpeername, s, port);
    inet_events("disconnected", s);
    SHOW(inet_option(s, SOL_SOCKET, SO_ERROR));
    TRY(listen(s, 1));
    TRY(close(s));
    s = bound(ip, port, 0);
    TRY(inet_connect_to(s, ip, port));
    TRY(setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    TRY(close(s));
}

/* Not to itself: another address of the same port, and any. */
static void others(void)
{
    int s = bound("127.0.0.1", 0, 0), port = inet_port(s);
    struct linger none = {1, 0};

    PART("not itself");
    TRY(inet_connect_to(s, "127.0.0.2", port));
    close(s);
    s = bound("0.0.0.0", port, 0);
    TRY(inet_connect_to(s, "127.0.0.1", port));
    inet_say_name("own", getsockname, s, port);
    inet_say_name("peer", getpeername, s, port);
    TRY(setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    close(s);
    s = bound("0.0.0.0", port, 0);
    TRY(inet_connect_to(s, "0.0.0.0", port));
    inet_say_name("own", getsockname, s, port);
    inet_say_name("peer", getpeername, s, port);
    TRY(setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    close(s);
    s = bound("::", port, 0);
    TRY(inet_connect_to(s, "::ffff:127.0.0.1", port));
    inet_say_name("own", getsockname, s, port);
    inet_say_name("peer", getpeername, s, port);
    TRY(setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    close(s);
    PART("who listens is not asked");
    int door = bound("0.0.0.0", port, 0);
    s = bound("127.0.0.1", port, 0);
    TRY(listen(door, 1));
    TRY(inet_connect_to(s, "127.0.0.1", port));
    TRY(fcntl(door, F_SETFL, O_NONBLOCK));
    int a = accept(door, NULL, NULL);
    ut_say("accepted: %s", a < 0 ? ut_errno(errno) : "yes");
    TRY(setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    close(s);
    close(a);
    close(door);
}

/* Nobody is there when the first one asks. */
static void each_other(void)
{
    int a = bound("127.0.0.1", 0, SOCK_NONBLOCK), b = bound("127.0.0.1", 0, SOCK_NONBLOCK);
    int pa = inet_port(a), pb = inet_port(b);

    PART("one after the other");
    TRY(inet_connect_to(a, "127.0.0.1", pb));
    TRY(inet_connect_to(b, "127.0.0.1", pa));
    inet_events("one", a);
    inet_events("other", b);
    SHOW(inet_option(a, SOL_SOCKET, SO_ERROR));
    SHOW(inet_option(b, SOL_SOCKET, SO_ERROR));
    close(a);
    close(b);
}

/* One that waits at a full one is found by who connects to it from there. */
static void at_once(void)
{
    int door = socket(AF_INET, SOCK_STREAM, 0), port, first, a, b;
    char buf[20] = "";

    PART("at once");
    inet_set(door, SOL_SOCKET, SO_REUSEPORT, 1);
    inet_bind_to(door, "127.0.0.1", 0);
    port = inet_port(door);
    TRY(listen(door, 0));
    first = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_connect_to(first, "127.0.0.1", port));
    a = bound("127.0.0.1", 0, SOCK_NONBLOCK);
    TRY(inet_connect_to(a, "127.0.0.1", port));
    inet_events("waits", a);
    b = bound("127.0.0.1", 0, SOCK_NONBLOCK);
    TRY(inet_connect_to(b, "127.0.0.1", inet_port(a)));
    inet_events("from another port", b);
    SHOW(inet_option(b, SOL_SOCKET, SO_ERROR));
    inet_events("waits", a);
    SHOW(inet_option(a, SOL_SOCKET, SO_ERROR));
    close(b);
    b = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    inet_set(b, SOL_SOCKET, SO_REUSEPORT, 1);
    TRY(inet_bind_to(b, "127.0.0.1", port));
    TRY(inet_connect_to(b, "127.0.0.1", inet_port(a)));
    inet_events("one", a);
    inet_events("other", b);
    SHOW(inet_option(a, SOL_SOCKET, SO_ERROR));
    SHOW(inet_option(b, SOL_SOCKET, SO_ERROR));
    TRY(inet_connect_to(a, "127.0.0.1", port));
    TRY(inet_connect_to(a, "127.0.0.1", port));
    TRY(send(a, "hello", 5, 0));
    usleep(20000);
    TRY(recv(b, buf, 9, MSG_DONTWAIT));
    ut_say("%s", buf);
    TRY(send(b, "other", 5, 0));
    usleep(20000);
    TRY(recv(a, buf, 9, MSG_DONTWAIT));
    ut_say("%s", buf);
    TRY(close(a));
    inet_events("one is closed", b);
    TRY(recv(b, buf, 9, MSG_DONTWAIT));
    close(b);
    int c = accept(door, NULL, NULL);
    SHOW(c >= 0);
    TRY(fcntl(door, F_SETFL, O_NONBLOCK));
    TRY(accept(door, NULL, NULL));
    close(c);
    close(first);
    close(door);
}

/* Who waits at a full one gives up after some time: as if its first packet was sent twice, 3 seconds. */
static void gives_up(void)
{
    int door = inet_listener("127.0.0.1", 0), port = inet_port(door), first, a, b;
    struct timespec begun, now;
    struct pollfd p = {.events = POLLOUT};

    PART("giving up");
    first = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_connect_to(first, "127.0.0.1", port));
    a = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    b = socket(AF_INET, SOCK_STREAM, 0);
    inet_set(a, IPPROTO_TCP, TCP_SYNCNT, 1);
    inet_set(b, IPPROTO_TCP, TCP_SYNCNT, 1);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    TRY(inet_connect_to(a, "127.0.0.1", port));
    TRY(inet_connect_to(b, "127.0.0.1", port));
    clock_gettime(CLOCK_MONOTONIC, &now);
    SHOW(now.tv_sec - begun.tv_sec >= 2 && now.tv_sec - begun.tv_sec < 20);
    p.fd = a;
    TRY(poll(&p, 1, 5000));
    inet_events("gave up", a);
    inet_say_name("peer", getpeername, a, port);
    TRY(inet_connect_to(a, "127.0.0.1", port));
    SHOW(inet_option(a, SOL_SOCKET, SO_ERROR));
    inet_events("told", a);
    TRY(inet_connect_to(a, "127.0.0.1", port));
    SHOW(accept(door, NULL, NULL) >= 0);
    p.fd = a;
    TRY(poll(&p, 1, 5000));
    inet_events("let in", a);
    TRY(inet_connect_to(b, "127.0.0.1", port));
    close(a);
    close(b);
    a = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    inet_set(a, IPPROTO_TCP, TCP_SYNCNT, 1);
    TRY(inet_connect_to(a, "127.0.0.1", port));
    usleep(4000000);
    SHOW(inet_option(a, SOL_SOCKET, SO_ERROR));
    SHOW(inet_option(a, SOL_SOCKET, SO_ERROR));
    TRY(send(a, "x", 1, MSG_NOSIGNAL));
    TRY(inet_connect_to(a, "127.0.0.1", port));
    close(a);
    close(first);
    close(door);
}

UT_PROGRAM(tcpself)
{
    inet_up();
    itself("127.0.0.1", 0);
    itself("127.0.0.1", SOCK_NONBLOCK);
    itself("::1", 0);
    others();
    each_other();
    at_once();
    gives_up();
}
