/* Several threads do what they like with the same few sockets: groups, urgent bytes, connections that begin
 * and end. What comes of it differs from run to run; that it ends, and that the kernel's counts are right
 * then, does not. */
#include "tests/user/inet.h"
#include <pthread.h>
#include <sys/uio.h>

enum { SOCKETS = 12, THREADS = 4, STEPS = 1500 };

static int fds[SOCKETS];
static int port;

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void make(int k, uint32_t r)
{
    int pair[2], one = 1, fd;
    struct linger none = {1, 0};

    if (r % 4 == 0) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
            return;
        dup2(pair[0], fds[k]);
        dup2(pair[1], fds[(k + 1) % SOCKETS]);
        close(pair[0]);
        close(pair[1]);
        return;
    }
    fd = socket(AF_INET, (r % 4 == 1 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (r % 3 == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    inet_bind_to(fd, r % 5 ? "0.0.0.0" : "127.0.0.1", port + (int)(r % 3));
    if (r % 4 == 2)
        listen(fd, (int)(r % 2));
    dup2(fd, fds[k]);
    close(fd);
}

static void join_or_leave(int fd, uint32_t r)
{
    struct ip_mreq_source q = {.imr_interface.s_addr = htonl(INADDR_LOOPBACK),
                               .imr_multiaddr.s_addr = htonl(0xE0010200 + r % 3),
                               .imr_sourceaddr.s_addr = htonl(INADDR_LOOPBACK + r % 13)};

    /* ADD, DROP: without a source, whose place is that of nothing then */
    setsockopt(fd, IPPROTO_IP, 35 + (int)(r / 16 % 6), &q, r / 16 % 6 < 2 ? 8 : sizeof q);
}

static void step(uint32_t *seed)
{
    uint32_t r = next(seed), what = next(seed) % 12;
    int k = (int)(next(seed) % SOCKETS), fd = fds[k];
    struct in_addr lo = {htonl(INADDR_LOOPBACK)};
    char buf[300] = "";
    struct inet_any a = inet_make("127.0.0.1", port + (int)(r % 3)),
                    group = inet_make("224.1.2.0", port + (int)(r % 3));

    group.four.sin_addr.s_addr = htonl(0xE0010200 + r % 3);
    if (what == 0)
        make(k, r);
    else if (what == 1)
        connect(fd, &a.any, a.size);
    else if (what == 2)
        close(accept4(fd, NULL, NULL, SOCK_NONBLOCK));
    else if (what == 3)
        dup2(accept4(fd, NULL, NULL, SOCK_NONBLOCK), fds[(k + 1) % SOCKETS]);
    else if (what == 4)
        shutdown(fd, (int)(r % 3));
    else if (what == 5)
        send(fd, buf, r % sizeof buf, MSG_NOSIGNAL | MSG_OOB);
    else if (what == 6)
        send(fd, buf, r % sizeof buf, MSG_NOSIGNAL);
    else if (what == 7)
        recv(fd, buf, r % sizeof buf, r & (MSG_OOB | MSG_PEEK));
    else if (what == 8)
        recv(fd, buf, r % sizeof buf, r & MSG_PEEK);
    else if (what == 9)
        join_or_leave(fd, r);
    else if (what == 10 && !setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo))
        sendto(fd, buf, r % sizeof buf, 0, &group.any, group.size);
    else if (what == 11 && r % 4 == 0)
        connect(fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
    else
        inet_set(fd, SOL_SOCKET, SO_OOBINLINE, (int)(r % 2));
}

static void *act(void *arg)
{
    uint32_t seed = *(uint32_t *)arg;

    for (int i = 0; i < STEPS; i++)
        step(&seed);
    return NULL;
}

UT_PROGRAM(netrace)
{
    pthread_t t[THREADS];
    uint32_t seeds[THREADS];
    int s;

    signal(SIGPIPE, SIG_IGN); /* whoever writes may find the other end closed */
    inet_up();
    s = inet_listener("127.0.0.1", 0);
    port = inet_port(s);
    close(s);
    for (int k = 0; k < SOCKETS; k++)
        fds[k] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    for (unsigned n = 0; n < THREADS; n++) {
        seeds[n] = n * 77 + 1;
        pthread_create(&t[n], NULL, act, &seeds[n]);
    }
    for (unsigned n = 0; n < THREADS; n++)
        pthread_join(t[n], NULL);
    for (int k = 0; k < SOCKETS; k++)
        close(fds[k]);
    ut_say("it ends");
}
