/* Datagrams that are put together from what several calls send: MSG_MORE, UDP_CORK; and streams with it. */
#include "tests/user/inet.h"

#define UDP_CORK 1

static char big[70000];

static int make(const char *ip, int protocol)
{
    return socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, protocol);
}

/* What has arrived, without waiting for more. */
static void arrived(int s)
{
    static char buf[70000];
    struct inet_any from;
    ssize_t n;

    from.size = sizeof from.six;
    usleep(10000);
    n = recvfrom(s, buf, sizeof buf, MSG_DONTWAIT, &from.any, &from.size);
    if (n < 0)
        ut_say("arrived: %s", ut_errno(errno));
    else
        ut_say("arrived: %zd \"%.*s\"", n, n < 40 ? (int)n : 40, buf);
}

static void more(const char *ip, int protocol)
{
    int s = make(ip, protocol), c = make(ip, protocol), other = make(ip, protocol);
    struct inet_any to, to_other, bad;

    ut_say("-- protocol %d, %s", protocol, ip);
    inet_bind_to(s, ip, 0);
    inet_bind_to(other, ip, 0);
    to = inet_make(ip, inet_port(s));
    to_other = inet_make(ip, inet_port(other));
    bad = to;
    bad.any.sa_family = 77;
    TRY(sendto(c, "one ", 4, MSG_MORE, &to.any, to.size));
    arrived(s);
    SHOW(inet_port(c) > 0);
    TRY(sendto(c, "two ", 4, MSG_MORE, &to_other.any, to_other.size));
    TRY(send(c, "three ", 6, MSG_MORE));
    TRY(sendto(c, "bad", 3, MSG_MORE, &bad.any, bad.size));
    TRY(sendto(c, "short", 5, MSG_MORE, &to.any, 1));
    TRY(send(c, "", 0, MSG_MORE));
    TRY(send(c, "four", 4, MSG_OOB));
    TRY(sendto(c, "end", 3, 0, &to_other.any, to_other.size));
    arrived(s);
    arrived(other);
    TRY(send(c, "nowhere", 7, MSG_MORE));
    TRY(send(c, "nowhere", 7, 0));
    PART("no bytes");
    TRY(sendto(c, "", 0, MSG_MORE, &to.any, to.size));
    arrived(s);
    TRY(send(c, "", 0, 0));
    arrived(s);
    PART("too many");
    TRY(sendto(c, big, 40000, MSG_MORE, &to.any, to.size));
    TRY(send(c, big, 25400, MSG_MORE));
    TRY(send(c, "x", 1, MSG_MORE));
    TRY(send(c, big, 200, MSG_MORE));
    arrived(s);
    TRY(send(c, "x", 1, 0));
    TRY(sendto(c, big, 65507, MSG_MORE, &to.any, to.size));
    TRY(send(c, "x", 1, 0) == 1 || errno == EMSGSIZE);
    TRY(sendto(c, big, 70000, MSG_MORE, &to.any, to.size));
    TRY(sendto(c, "kept", 4, MSG_MORE, &to.any, to.size));
    TRY(send(c, big, 70000, 0));
    TRY(sendto(c, "kept", 4, 0, &to.any, to.size));
    while (recv(s, big, sizeof big, MSG_DONTWAIT) > 0)
        continue;
    PART("nothing there");
    TRY(sendto(c, (void *)8, 4, MSG_MORE, &to.any, to.size));
    TRY(sendto(c, "good", 4, MSG_MORE, &to.any, to.size));
    TRY(send(c, (void *)8, 4, MSG_MORE));
    TRY(send(c, "more", 4, 0));
    arrived(s);
    PART("connected");
    TRY(connect(c, &to.any, to.size));
    TRY(send(c, "first ", 6, MSG_MORE));
    TRY(connect(c, &to_other.any, to_other.size));
    TRY(write(c, "second", 6));
    arrived(s);
    arrived(other);
    TRY(send(c, "first ", 6, MSG_MORE));
    to.any.sa_family = AF_UNSPEC;
    TRY(connect(c, &to.any, to.size));
    TRY(write(c, "second", 6));
    arrived(other);
    PART("one that is closed");
    to.any.sa_family = to_other.any.sa_family;
    TRY(sendto(c, "lost", 4, MSG_MORE, &to.any, to.size));
    close(c);
    arrived(s);
    close(s);
    close(other);
}

/* Every byte is where it belongs, however the parts lie. */
static void whole(const char *ip)
{
    static const unsigned first[] = {0, 1, 4000, 5000}, parts[] = {1, 4000, 5000, 0, 3, 8188, 4092, 20000};
    int s = make(ip, 0), c = make(ip, 0);
    struct inet_any to;

    ut_say("-- all bytes, %s", ip);
    inet_bind_to(s, ip, 0);
    to = inet_make(ip, inet_port(s));
    for (unsigned k = 0; k < sizeof first / sizeof *first; k++) {
        unsigned n = first[k], i;

        for (i = 0; i < sizeof big; i++)
            big[i] = (char)ut_pattern(i);
        sendto(c, big, n, MSG_MORE, &to.any, to.size);
        for (i = 0; i < sizeof parts / sizeof *parts; n += parts[i++])
            if (send(c, big + n, parts[i], i + 1 < sizeof parts / sizeof *parts ? MSG_MORE : 0) !=
                (ssize_t)parts[i])
                ut_say("part %u: %s", i, ut_errno(errno));
        memset(big, 0, sizeof big);
        usleep(10000);
        ut_say("%zd of %u", recv(s, big, sizeof big, MSG_DONTWAIT), n);
        for (i = 0; i < n && (uint8_t)big[i] == ut_pattern(i); i++)
            continue;
        SHOW(i == n);
    }
    memset(big, 0, sizeof big);
    close(s);
    close(c);
}

static void corked(const char *ip, int protocol)
{
    int s = make(ip, protocol), c = make(ip, protocol);
    struct inet_any to;

    ut_say("-- corked: protocol %d, %s", protocol, ip);
    inet_bind_to(s, ip, 0);
    to = inet_make(ip, inet_port(s));
    SHOW(inet_option(c, protocol, UDP_CORK));
    TRY(inet_set(c, protocol, UDP_CORK, 0));
    TRY(inet_set(c, protocol, UDP_CORK, 5));
    SHOW(inet_option(c, protocol, UDP_CORK));
    SHOW(inet_option(c, protocol == 17 ? 136 : 17, UDP_CORK));
    TRY(sendto(c, "one ", 4, 0, &to.any, to.size));
    TRY(sendto(c, "two", 3, 0, &to.any, to.size));
    arrived(s);
    TRY(inet_set(c, protocol, UDP_CORK, 1));
    arrived(s);
    TRY(inet_set(c, protocol, UDP_CORK, 0));
    SHOW(inet_option(c, protocol, UDP_CORK));
    arrived(s);
    TRY(send(c, "x", 1, 0));
    TRY(setsockopt(c, protocol, UDP_CORK, "abc", 3));
    TRY(setsockopt(c, protocol, UDP_CORK, (void *)8, 4));
    TRY(sendto(c, "more ", 5, MSG_MORE, &to.any, to.size));
    TRY(inet_set(c, protocol, UDP_CORK, 0));
    arrived(s);
    PART("to nobody");
    connect(c, &to.any, to.size);
    close(s);
    TRY(send(c, "one", 3, MSG_MORE));
    TRY(send(c, "two", 3, MSG_MORE));
    TRY(inet_set(c, protocol, UDP_CORK, 0));
    usleep(10000);
    TRY(send(c, "three", 5, MSG_MORE));
    TRY(send(c, "three", 5, MSG_MORE));
    close(c);
}

static void shut(void)
{
    int s = make("127.0.0.1", 0), c = make("127.0.0.1", 0);

    PART("shut down");
    inet_bind_to(s, "127.0.0.1", 0);
    inet_connect_to(c, "127.0.0.1", inet_port(s));
    TRY(send(c, "one", 3, MSG_MORE));
    TRY(shutdown(c, SHUT_WR));
    signal(SIGPIPE, SIG_IGN);
    TRY(inet_set(c, IPPROTO_UDP, UDP_CORK, 0));
    arrived(s);
    TRY(send(c, "two", 3, MSG_MORE));
    close(s);
    close(c);
}

/* With what the first call said of it. */
static void control(void)
{
    int s = make("127.0.0.1", 0), c = make("127.0.0.1", 0), n = 33;
    struct inet_any to;
    char buf[64];
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } u;
    struct iovec v = {"first ", 6};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof u};

    PART("control data");
    inet_bind_to(s, "127.0.0.1", 0);
    to = inet_make("127.0.0.1", inet_port(s));
    inet_set(s, IPPROTO_IP, IP_RECVTTL, 1);
    m.msg_name = &to.any;
    m.msg_namelen = to.size;
    u.head = (struct cmsghdr){CMSG_LEN(sizeof(int)), IPPROTO_IP, IP_TTL};
    memcpy(CMSG_DATA(&u.head), &n, sizeof n);
    TRY(sendmsg(c, &m, MSG_MORE));
    inet_set(c, IPPROTO_IP, IP_TTL, 44);
    TRY(send(c, "last", 4, 0));
    usleep(10000);
    m = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof u};
    v = (struct iovec){buf, sizeof buf};
    TRY(recvmsg(s, &m, MSG_DONTWAIT));
    n = 0;
    memcpy(&n, CMSG_DATA(&u.head), sizeof n);
    SHOW(n);
    close(s);
    close(c);
}

UT_PROGRAM(cork)
{
    static const int protocols[] = {IPPROTO_UDP, IPPROTO_UDPLITE};

    inet_up();
    for (unsigned i = 0; i < 2; i++) {
        more("127.0.0.1", protocols[i]);
        more("::1", protocols[i]);
        corked("127.0.0.1", protocols[i]);
        corked("::1", protocols[i]);
    }
    whole("127.0.0.1");
    whole("::1");
    shut();
    control();
}
