/* Addresses for the tests of AF_INET and AF_INET6: ut-inet.c, ut-tcp.c, ut-udp.c. */
#ifndef TESTS_USER_INET_H
#define TESTS_USER_INET_H

#include "tests/user/ut.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* As text: "1.2.3.4:80", "[::1]:80". */
struct inet_any {
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    };
    socklen_t size;
};

static inline struct inet_any inet_make(const char *ip, int port)
{
    struct inet_any a;

    memset(&a, 0, sizeof a);
    a.four.sin_port = htons((uint16_t)port);
    if (strchr(ip, ':')) {
        a.six.sin6_family = AF_INET6;
        inet_pton(AF_INET6, ip, &a.six.sin6_addr);
        a.size = sizeof a.six;
    } else {
        a.four.sin_family = AF_INET;
        inet_pton(AF_INET, ip, &a.four.sin_addr);
        a.size = sizeof a.four;
    }
    return a;
}

static inline int inet_bind_to(int fd, const char *ip, int port)
{
    struct inet_any a = inet_make(ip, port);

    return bind(fd, &a.any, a.size);
}

static inline int inet_connect_to(int fd, const char *ip, int port)
{
    struct inet_any a = inet_make(ip, port);

    return connect(fd, &a.any, a.size);
}

/* The port that a socket has. */
static inline int inet_port(int fd)
{
    struct inet_any a;

    a.size = sizeof a.six;
    return getsockname(fd, &a.any, &a.size) ? -1 : ntohs(a.four.sin_port);
}

/* An address, its port as "same" if it is the one that is given, as "free" if it is of the range of free
 * ones. */
static inline void inet_say(const char *what, const struct inet_any *a, int port)
{
    int p = ntohs(a->four.sin_port);
    char text[64] = "?", number[16];

    if (a->four.sin_family == AF_INET)
        inet_ntop(AF_INET, &a->four.sin_addr, text, sizeof text);
    else if (a->four.sin_family == AF_INET6)
        inet_ntop(AF_INET6, &a->six.sin6_addr, text, sizeof text);
    snprintf(number, sizeof number, "%d", p);
    ut_say("%s: %u bytes, family %d, %s port %s", what, a->size, a->four.sin_family, text,
           p && p == port            ? "same"
           : p >= 32768 && p < 61000 ? "free"
                                     : number);
}

static inline void inet_say_name(const char *what, int (*call)(int, struct sockaddr *, socklen_t *), int fd,
                                 int port)
{
    struct inet_any a;

    memset(&a, 0x55, sizeof a);
    a.size = sizeof a.six;
    if (call(fd, &a.any, &a.size) != 0)
        ut_say("%s: %s", what, ut_errno(errno));
    else
        inet_say(what, &a, port);
}

static inline void inet_events(const char *what, int fd)
{
    struct pollfd p = {.fd = fd, .events = 0x3fff};

    usleep(20000); /* a busy Linux tells the other side later */
    if (poll(&p, 1, 0) < 0)
        ut_say("%s: %s", what, ut_errno(errno));
    else
        ut_say("%s: events %#x", what, p.revents);
}

static inline int inet_option(int fd, int level, int option)
{
    int value = -77;
    socklen_t n = sizeof value;

    return getsockopt(fd, level, option, &value, &n) ? -errno : value;
}

static inline int inet_set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* A socket that listens at a free port of an address. */
static inline int inet_listener(const char *ip, int backlog)
{
    int s = socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

    if (inet_bind_to(s, ip, 0) || listen(s, backlog))
        ut_say("cannot listen at %s: %s", ip, ut_errno(errno));
    return s;
}

/* Two connected streams of 127.0.0.1. */
static inline void inet_pair(int p[2])
{
    int s = inet_listener("127.0.0.1", 1);

    p[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (inet_connect_to(p[0], "127.0.0.1", inet_port(s)))
        ut_say("cannot connect: %s", ut_errno(errno));
    p[1] = accept(s, NULL, NULL);
    close(s);
}

/* The loopback interface is up on every machine that is used, and is not on one that just began. */
static inline void inet_up(void)
{
    struct ifreq r;
    int s = socket(AF_INET, SOCK_DGRAM, 0);

    memset(&r, 0, sizeof r);
    strcpy(r.ifr_name, "lo");
    ioctl(s, SIOCGIFFLAGS, &r);
    if (!(r.ifr_flags & IFF_UP)) {
        r.ifr_flags |= IFF_UP;
        ioctl(s, SIOCSIFFLAGS, &r);
    }
    close(s);
}

#endif
