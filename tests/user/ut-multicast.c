/* Groups of UDP on the loopback interface: who is in them, what they get, and the options. */
#include "tests/user/inet.h"
#include <net/if.h>
#include <sys/uio.h>

#ifndef IP_MULTICAST_ALL
#define IP_MULTICAST_ALL 49
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

static unsigned lo;

static int made(int family)
{
    return socket(family, SOCK_DGRAM, 0);
}

static int member(const char *ip, int port)
{
    int s = made(strchr(ip, ':') ? AF_INET6 : AF_INET);

    inet_set(s, SOL_SOCKET, SO_REUSEADDR, 1);
    if (inet_bind_to(s, ip, port))
        ut_say("cannot bind %s: %s", ip, ut_errno(errno));
    return s;
}

static int join(int s, int option, const char *group, const char *by, int index)
{
    struct ip_mreqn r = {.imr_ifindex = index};

    inet_pton(AF_INET, group, &r.imr_multiaddr);
    inet_pton(AF_INET, by, &r.imr_address);
    return setsockopt(s, IPPROTO_IP, option, &r, sizeof r);
}

static int join6(int s, int option, const char *group, unsigned index)
{
    struct ipv6_mreq r = {.ipv6mr_interface = index};

    inet_pton(AF_INET6, group, &r.ipv6mr_multiaddr);
    return setsockopt(s, IPPROTO_IPV6, option, &r, sizeof r);
}

static int join_any(int s, int level, int option, const char *group, unsigned index)
{
    struct group_req r = {.gr_interface = index};
    struct inet_any a = inet_make(group, 0);

    memcpy(&r.gr_group, &a.any, a.size);
    return setsockopt(s, level, option, &r, sizeof r);
}

static int put(int s, const char *text, const char *ip, int port)
{
    struct inet_any a = inet_make(ip, port);

    return (int)sendto(s, text, strlen(text), 0, &a.any, a.size);
}

static void got(const char *who, int s)
{
    char buf[100] = "";
    ssize_t n;

    usleep(5000);
    while ((n = recv(s, buf, sizeof buf - 1, MSG_DONTWAIT)) >= 0)
        ut_say("  %s got %.*s", who, (int)n, buf);
    if (errno != EAGAIN)
        ut_say("  %s: %s", who, ut_errno(errno));
}

static void in_and_out(void)
{
    int s = made(AF_INET), t = socket(AF_INET, SOCK_STREAM, 0);
    struct ip_mreq two = {0};

    PART("in and out");
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.3", "0.0.0.0", (int)lo));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.4", "0.0.0.0", (int)lo));
    TRY(join(s, IP_DROP_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join(s, IP_DROP_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join(s, IP_DROP_MEMBERSHIP, "224.1.2.4", "0.0.0.0", 0));
    TRY(join(s, IP_DROP_MEMBERSHIP, "224.1.2.4", "0.0.0.0", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.3", "0.0.0.0", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.2", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.5", "10.1.2.3", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.5", "127.0.0.1", 77));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.5", "10.1.2.3", (int)lo));
    TRY(join(s, IP_ADD_MEMBERSHIP, "1.2.3.4", "127.0.0.1", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, "240.0.0.1", "127.0.0.1", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.0.0.1", "127.0.0.1", 0));
    TRY(join(s, IP_DROP_MEMBERSHIP, "1.2.3.4", "127.0.0.1", 0));
    TRY(join(s, IP_DROP_MEMBERSHIP, "224.9.9.9", "10.1.2.3", 0));
    TRY(join(s, IP_DROP_MEMBERSHIP, "224.9.9.9", "0.0.0.0", 77));
    inet_pton(AF_INET, "224.1.2.6", &two.imr_multiaddr);
    inet_pton(AF_INET, "127.0.0.1", &two.imr_interface);
    TRY(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &two, sizeof two));
    TRY(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &two, 7));
    TRY(setsockopt(s, IPPROTO_IP, IP_DROP_MEMBERSHIP, &two, sizeof two));
    TRY(setsockopt(s, IPPROTO_IP, IP_DROP_MEMBERSHIP, &two, 7));
    TRY(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, (void *)1, sizeof two));
    TRY(inet_option(s, IPPROTO_IP, IP_ADD_MEMBERSHIP));
    TRY(join(t, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join(t, IP_DROP_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(setsockopt(t, IPPROTO_IP, IP_ADD_MEMBERSHIP, &two, 7));
    close(t);
    close(s);
}

static void limited(void)
{
    int s = made(AF_INET), n = 0;
    char ip[30];

    PART("how many");
    for (; n < 100; n++) {
        snprintf(ip, sizeof ip, "225.0.0.%d", n);
        if (join(s, IP_ADD_MEMBERSHIP, ip, "127.0.0.1", 0))
            break;
    }
    ut_say("%d, then %s", n, ut_errno(errno));
    TRY(join(s, IP_DROP_MEMBERSHIP, "225.0.0.0", "127.0.0.1", 0));
    TRY(join(s, IP_ADD_MEMBERSHIP, ip, "127.0.0.1", 0));
    close(s);
    s = made(AF_INET6);
    for (n = 0; n < 400; n++) {
        snprintf(ip, sizeof ip, "ff02::99:%x", n);
        if (join6(s, IPV6_JOIN_GROUP, ip, lo))
            break;
    }
    ut_say("%d of IPv6, then %s", n, ut_errno(errno));
    close(s);
}

static void delivered(void)
{
    int a = member("0.0.0.0", 0), port = inet_port(a), b = member("224.1.2.3", port),
        c = member("127.0.0.1", port), d = member("0.0.0.0", port), s = made(AF_INET);
    char buf[100] = "";

    PART("delivered");
    TRY(join(a, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(put(s, "before", "224.1.2.3", port));
    TRY(join(s, IP_MULTICAST_IF, "0.0.0.0", "127.0.0.1", 0));
    TRY(put(s, "one", "224.1.2.3", port));
    got("a member", a);
    got("one at the group", b);
    got("one at an address", c);
    got("one at any", d);
    TRY(inet_set(d, IPPROTO_IP, IP_MULTICAST_ALL, 0));
    TRY(put(s, "two", "224.1.2.3", port));
    got("a member", a);
    got("one at the group", b);
    got("one at any", d);
    TRY(join(b, IP_ADD_MEMBERSHIP, "224.1.2.4", "127.0.0.1", 0));
    TRY(join(d, IP_ADD_MEMBERSHIP, "224.1.2.4", "127.0.0.1", 0));
    TRY(put(s, "three", "224.1.2.4", port));
    got("not a member, at any", a);
    got("one at another group", b);
    got("a member", d);
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_LOOP, 0));
    TRY(put(s, "four", "224.1.2.3", port));
    got("a member", a);
    got("one at the group", b);
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_LOOP, 1));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_TTL, 0));
    TRY(put(s, "five", "224.1.2.3", port));
    got("a member", a);
    PART("who sends");
    struct inet_any from;
    from.size = sizeof from.six;
    TRY(put(s, "six", "224.1.2.3", port));
    TRY(recvfrom(a, buf, sizeof buf, MSG_DONTWAIT, &from.any, &from.size));
    inet_say("from", &from, inet_port(s));
    TRY(inet_set(a, IPPROTO_IP, IP_PKTINFO, 1));
    TRY(inet_set(a, IPPROTO_IP, IP_RECVTTL, 1));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_TTL, 7));
    TRY(put(s, "seven", "224.1.2.3", port));
    usleep(5000);
    char control[200];
    struct iovec v = {buf, sizeof buf};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    TRY(recvmsg(a, &m, MSG_DONTWAIT));
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        int ttl;
        if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *p = (void *)CMSG_DATA(h);
            char own[30], to[30];
            inet_ntop(AF_INET, &p->ipi_spec_dst, own, sizeof own);
            inet_ntop(AF_INET, &p->ipi_addr, to, sizeof to);
            ut_say("pktinfo: lo %d, %s, %s", p->ipi_ifindex == (int)lo, own, to);
        } else if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_TTL) {
            memcpy(&ttl, CMSG_DATA(h), sizeof ttl);
            ut_say("ttl: %d", ttl);
        }
    }
    got("one at the group", b);
    PART("left");
    TRY(join(a, IP_DROP_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(put(s, "eight", "224.1.2.3", port));
    got("not a member any more", a);
    got("one at the group", b);
    TRY(join(a, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(put(s, "nine", "224.1.2.3", port));
    got("a member", a);
    close(a);
    TRY(put(s, "ten", "224.1.2.3", port));
    got("one at the group", b);
    close(b);
    close(c);
    close(d);
    close(s);
}

static void connected(void)
{
    int a = member("0.0.0.0", 0), port = inet_port(a), b = member("0.0.0.0", port), s = made(AF_INET);

    PART("connected");
    TRY(join(a, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join(s, IP_MULTICAST_IF, "0.0.0.0", "127.0.0.1", 0));
    TRY(inet_connect_to(s, "224.1.2.3", port));
    inet_say_name("own", getsockname, s, 0);
    inet_say_name("peer", getpeername, s, port);
    TRY(send(s, "one", 3, 0));
    got("a member", a);
    TRY(inet_connect_to(b, "127.0.0.1", inet_port(s)));
    TRY(send(s, "two", 3, 0));
    got("a member", a);
    got("one that is connected to the sender", b);
    TRY(inet_connect_to(b, "127.0.0.1", inet_port(s) ^ 1));
    TRY(send(s, "three", 5, 0));
    got("a member", a);
    got("one that is connected to another", b);
    TRY(inet_set(a, SOL_SOCKET, SO_RCVBUF, 0));
    for (int i = 0; i < 10; i++)
        send(s, "four", 4, 0);
    SHOW(inet_option(s, SOL_SOCKET, SO_ERROR));
    close(b);
    close(a);
    TRY(send(s, "to nobody", 9, 0));
    TRY(send(s, "to nobody", 9, 0));
    SHOW(inet_option(s, SOL_SOCKET, SO_ERROR));
    close(s);
    s = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_connect_to(s, "224.1.2.3", port));
    close(s);
    s = made(AF_INET);
    TRY(inet_bind_to(s, "127.0.0.1", 0));
    TRY(put(s, "bound", "224.1.2.3", port));
    TRY(inet_connect_to(s, "224.1.2.3", port));
    close(s);
    s = made(AF_INET);
    TRY(inet_bind_to(s, "224.1.2.3", 0));
    inet_say_name("own", getsockname, s, 0);
    TRY(put(s, "from a group", "127.0.0.1", port));
    TRY(put(s, "from a group", "224.1.2.3", port));
    TRY(inet_connect_to(s, "127.0.0.1", port));
    inet_say_name("own", getsockname, s, 0);
    close(s);
    s = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_bind_to(s, "224.1.2.3", 0));
    close(s);
    s = made(AF_INET);
    TRY(inet_bind_to(s, "127.0.0.2", 0));
    TRY(join(s, IP_MULTICAST_IF, "0.0.0.0", "127.0.0.1", 0));
    a = member("0.0.0.0", 0);
    TRY(join(a, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(put(s, "bound", "224.1.2.3", inet_port(a)));
    struct inet_any from;
    char buf[20];
    from.size = sizeof from.six;
    usleep(5000);
    TRY(recvfrom(a, buf, sizeof buf, MSG_DONTWAIT, &from.any, &from.size));
    inet_say("from", &from, 0);
    close(a);
    close(s);
}

static void options(void)
{
    int s = made(AF_INET), t = socket(AF_INET, SOCK_STREAM, 0);
    struct in_addr address;
    struct ip_mreqn r = {.imr_ifindex = (int)lo};
    socklen_t size = sizeof address;
    uint8_t byte = 3;

    PART("options");
    SHOW(inet_option(s, IPPROTO_IP, IP_MULTICAST_TTL));
    SHOW(inet_option(s, IPPROTO_IP, IP_MULTICAST_LOOP));
    SHOW(inet_option(s, IPPROTO_IP, IP_MULTICAST_ALL));
    SHOW(inet_option(s, IPPROTO_IP, IP_MULTICAST_IF));
    r.imr_ifindex = (int)lo;
    inet_pton(AF_INET, "10.1.2.3", &r.imr_address);
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &r, sizeof r));
    TRY(put(s, "from elsewhere", "224.0.0.1", 9));
    TRY(inet_connect_to(s, "224.0.0.1", 9));
    r.imr_address.s_addr = 0;
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &r, 8));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_TTL, 256));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_TTL, -1));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_TTL, -2));
    SHOW(inet_option(s, IPPROTO_IP, IP_MULTICAST_TTL));
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_TTL, &byte, 1));
    SHOW(inet_option(s, IPPROTO_IP, IP_MULTICAST_TTL));
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_TTL, &byte, 0));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_LOOP, 2));
    SHOW(inet_option(s, IPPROTO_IP, IP_MULTICAST_LOOP));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_ALL, 2));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_ALL, 0));
    SHOW(inet_option(s, IPPROTO_IP, IP_MULTICAST_ALL));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_ALL, 1));
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_ALL, &byte, 0));
    inet_pton(AF_INET, "127.0.0.1", &address);
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address));
    TRY(getsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &address, &size));
    ut_say("%s", inet_ntoa(address));
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &r, sizeof r));
    TRY(getsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &address, &size));
    ut_say("%s", inet_ntoa(address));
    r.imr_ifindex = 77;
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &r, sizeof r));
    inet_pton(AF_INET, "10.1.2.3", &address);
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address));
    inet_pton(AF_INET, "127.0.0.9", &address);
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address));
    address.s_addr = 0;
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address));
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &address, 3));
    TRY(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, (void *)1, 4));
    PART("options of a stream");
    TRY(inet_set(t, IPPROTO_IP, IP_MULTICAST_TTL, 3));
    TRY(inet_set(t, IPPROTO_IP, IP_MULTICAST_LOOP, 1));
    TRY(inet_set(t, IPPROTO_IP, IP_MULTICAST_ALL, 1));
    TRY(setsockopt(t, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address));
    SHOW(inet_option(t, IPPROTO_IP, IP_MULTICAST_TTL));
    SHOW(inet_option(t, IPPROTO_IP, IP_MULTICAST_ALL));
    TRY(join_any(t, IPPROTO_IP, MCAST_JOIN_GROUP, "224.1.2.3", lo));
    close(s);
    close(t);
}

static void by_any(void)
{
    int s = made(AF_INET), six = made(AF_INET6);
    struct group_source_req gs = {.gsr_interface = lo};
    struct ip_mreq_source ms = {0};
    struct inet_any a = inet_make("224.1.2.7", 0), b = inet_make("127.0.0.1", 0);

    PART("of any family");
    TRY(join_any(s, IPPROTO_IP, MCAST_JOIN_GROUP, "224.1.2.3", lo));
    TRY(join_any(s, IPPROTO_IP, MCAST_JOIN_GROUP, "224.1.2.3", lo));
    TRY(join_any(s, IPPROTO_IP, MCAST_JOIN_GROUP, "224.1.2.3", 77));
    TRY(join_any(s, IPPROTO_IP, MCAST_JOIN_GROUP, "1.2.3.4", lo));
    TRY(join_any(s, IPPROTO_IP, MCAST_JOIN_GROUP, "ff02::1234", lo));
    TRY(join_any(s, IPPROTO_IP, MCAST_LEAVE_GROUP, "224.1.2.4", lo));
    TRY(join_any(s, IPPROTO_IP, MCAST_LEAVE_GROUP, "224.1.2.3", 77));
    TRY(join_any(s, IPPROTO_IP, MCAST_LEAVE_GROUP, "224.1.2.3", lo));
    TRY(join_any(s, IPPROTO_IP, MCAST_LEAVE_GROUP, "224.1.2.3", lo));
    TRY(join_any(s, IPPROTO_IP, MCAST_LEAVE_GROUP, "ff02::1234", lo));
    TRY(setsockopt(s, IPPROTO_IP, MCAST_JOIN_GROUP, &gs, 20));
    TRY(join_any(six, IPPROTO_IPV6, MCAST_JOIN_GROUP, "ff02::1234", lo));
    TRY(join_any(six, IPPROTO_IPV6, MCAST_JOIN_GROUP, "ff02::1234", lo));
    TRY(join_any(six, IPPROTO_IPV6, MCAST_JOIN_GROUP, "ff02::1234", 77));
    TRY(join_any(six, IPPROTO_IPV6, MCAST_JOIN_GROUP, "224.1.2.3", lo));
    TRY(join_any(six, IPPROTO_IPV6, MCAST_JOIN_GROUP, "::1", lo));
    TRY(join_any(six, IPPROTO_IPV6, MCAST_LEAVE_GROUP, "ff02::1234", lo));
    TRY(join_any(six, IPPROTO_IPV6, MCAST_LEAVE_GROUP, "ff02::1234", lo));
    TRY(join_any(six, IPPROTO_IP, MCAST_JOIN_GROUP, "224.1.2.3", lo));
    close(six);
    PART("of one sender");
    memcpy(&gs.gsr_group, &a.any, a.size);
    memcpy(&gs.gsr_source, &b.any, b.size);
    TRY(setsockopt(s, IPPROTO_IP, MCAST_BLOCK_SOURCE, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IP, MCAST_LEAVE_SOURCE_GROUP, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IP, MCAST_BLOCK_SOURCE, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IP, MCAST_LEAVE_SOURCE_GROUP, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IP, MCAST_LEAVE_SOURCE_GROUP, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &gs, 20));
    inet_pton(AF_INET, "224.1.2.8", &ms.imr_multiaddr);
    inet_pton(AF_INET, "127.0.0.1", &ms.imr_interface);
    inet_pton(AF_INET, "127.0.0.5", &ms.imr_sourceaddr);
    TRY(setsockopt(s, IPPROTO_IP, IP_BLOCK_SOURCE, &ms, sizeof ms));
    TRY(setsockopt(s, IPPROTO_IP, IP_UNBLOCK_SOURCE, &ms, sizeof ms));
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.8", "127.0.0.1", 0));
    TRY(setsockopt(s, IPPROTO_IP, IP_UNBLOCK_SOURCE, &ms, sizeof ms));
    TRY(setsockopt(s, IPPROTO_IP, IP_BLOCK_SOURCE, &ms, sizeof ms));
    TRY(setsockopt(s, IPPROTO_IP, IP_BLOCK_SOURCE, &ms, sizeof ms));
    TRY(setsockopt(s, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &ms, sizeof ms));
    TRY(setsockopt(s, IPPROTO_IP, IP_UNBLOCK_SOURCE, &ms, sizeof ms));
    TRY(setsockopt(s, IPPROTO_IP, IP_UNBLOCK_SOURCE, &ms, sizeof ms));
    TRY(setsockopt(s, IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, &ms, sizeof ms));
    TRY(setsockopt(s, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &ms, 11));
    close(s);
}

static void filtered(void)
{
    int a = member("0.0.0.0", 0), port = inet_port(a), s[2] = {made(AF_INET), made(AF_INET)};
    struct ip_mreq_source ms = {0};

    PART("filtered");
    for (int i = 0; i < 2; i++) {
        inet_bind_to(s[i], i ? "127.0.0.6" : "127.0.0.5", 0);
        join(s[i], IP_MULTICAST_IF, "0.0.0.0", "127.0.0.1", 0);
    }
    inet_pton(AF_INET, "224.1.2.8", &ms.imr_multiaddr);
    inet_pton(AF_INET, "127.0.0.1", &ms.imr_interface);
    inet_pton(AF_INET, "127.0.0.5", &ms.imr_sourceaddr);
    TRY(setsockopt(a, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &ms, sizeof ms));
    TRY(put(s[0], "from 5", "224.1.2.8", port));
    TRY(put(s[1], "from 6", "224.1.2.8", port));
    got("who wants 5", a);
    inet_pton(AF_INET, "127.0.0.6", &ms.imr_sourceaddr);
    TRY(setsockopt(a, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &ms, sizeof ms));
    TRY(put(s[0], "from 5", "224.1.2.8", port));
    TRY(put(s[1], "from 6", "224.1.2.8", port));
    got("who wants 5 and 6", a);
    TRY(setsockopt(a, IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, &ms, sizeof ms));
    TRY(put(s[1], "from 6", "224.1.2.8", port));
    got("who wants 5", a);
    TRY(join(a, IP_ADD_MEMBERSHIP, "224.1.2.8", "127.0.0.1", 0));
    TRY(join(a, IP_DROP_MEMBERSHIP, "224.1.2.8", "127.0.0.1", 0));
    TRY(join(a, IP_ADD_MEMBERSHIP, "224.1.2.8", "127.0.0.1", 0));
    TRY(setsockopt(a, IPPROTO_IP, IP_BLOCK_SOURCE, &ms, sizeof ms));
    TRY(put(s[0], "from 5", "224.1.2.8", port));
    TRY(put(s[1], "from 6", "224.1.2.8", port));
    got("who does not want 6", a);
    TRY(setsockopt(a, IPPROTO_IP, IP_UNBLOCK_SOURCE, &ms, sizeof ms));
    TRY(put(s[1], "from 6", "224.1.2.8", port));
    got("who wants all", a);
    close(a);
    close(s[0]);
    close(s[1]);
}

static void six(void)
{
    int a = member("::", 0), port = inet_port(a), b = member("::", port), s = made(AF_INET6),
        t = socket(AF_INET6, SOCK_STREAM, 0);
    struct inet_any to = inet_make("ff02::1234", port);
    struct ipv6_mreq r = {.ipv6mr_interface = lo};

    PART("IPv6");
    TRY(join6(a, IPV6_JOIN_GROUP, "ff02::1234", lo));
    TRY(join6(a, IPV6_JOIN_GROUP, "ff02::1234", lo));
    TRY(join6(a, IPV6_JOIN_GROUP, "ff02::1234", 77));
    TRY(join6(a, IPV6_JOIN_GROUP, "::1", lo));
    TRY(join6(a, IPV6_JOIN_GROUP, "fe80::1", lo));
    TRY(join6(a, IPV6_JOIN_GROUP, "::ffff:224.1.2.3", lo));
    TRY(join6(a, IPV6_LEAVE_GROUP, "ff02::1235", lo));
    TRY(join6(a, IPV6_LEAVE_GROUP, "ff02::1234", 77));
    TRY(join6(a, IPV6_LEAVE_GROUP, "::1", lo));
    TRY(setsockopt(a, IPPROTO_IPV6, IPV6_JOIN_GROUP, &r, 19));
    TRY(setsockopt(a, IPPROTO_IPV6, IPV6_JOIN_GROUP, (void *)1, sizeof r));
    TRY(join6(t, IPV6_JOIN_GROUP, "ff02::1234", lo));
    TRY(join6(t, IPV6_LEAVE_GROUP, "ff02::1234", lo));
    SHOW(inet_option(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS));
    SHOW(inet_option(s, IPPROTO_IPV6, IPV6_MULTICAST_LOOP));
    SHOW(inet_option(s, IPPROTO_IPV6, IPV6_MULTICAST_IF));
    SHOW(inet_option(s, IPPROTO_IPV6, IPV6_MULTICAST_ALL));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, 77));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, -1));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 256));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, -2));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, -1));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 2));
    TRY(inet_set(t, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)lo));
    TRY(inet_set(t, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3));
    TRY(inet_set(t, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1));
    TRY(inet_set(t, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 1));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 2));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)lo));
    SHOW(inet_option(s, IPPROTO_IPV6, IPV6_MULTICAST_IF) == (int)lo);
    TRY(sendto(s, "one", 3, 0, &to.any, to.size));
    got("one that is no member", b);
    TRY(inet_set(b, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0));
    TRY(sendto(s, "two", 3, 0, &to.any, to.size));
    got("a member", a);
    got("one that is no member", b);
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0));
    TRY(sendto(s, "three", 5, 0, &to.any, to.size));
    got("a member", a);
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 0));
    TRY(sendto(s, "four", 4, 0, &to.any, to.size));
    got("a member", a);
    to.six.sin6_scope_id = lo;
    TRY(sendto(t, "x", 1, MSG_NOSIGNAL, &to.any, to.size));
    close(s);
    s = made(AF_INET6);
    TRY(sendto(s, "five", 4, 0, &to.any, to.size));
    got("a member", a);
    to.six.sin6_scope_id = 77;
    TRY(sendto(s, "six", 3, 0, &to.any, to.size));
    to.six.sin6_scope_id = 0;
    TRY(sendto(s, "seven", 5, 0, &to.any, to.size));
    to.six.sin6_scope_id = lo;
    TRY(connect(s, &to.any, to.size));
    inet_say_name("own", getsockname, s, 0);
    inet_say_name("peer", getpeername, s, port);
    TRY(send(s, "eight", 5, 0));
    got("a member", a);
    TRY(join6(a, IPV6_LEAVE_GROUP, "ff02::1234", lo));
    TRY(send(s, "nine", 4, 0));
    got("not a member any more", a);
    TRY(join6(a, IPV6_JOIN_GROUP, "ff05::99", 0));
    TRY(join6(a, IPV6_JOIN_GROUP, "ff05::99", lo));
    TRY(join6(a, IPV6_LEAVE_GROUP, "ff05::99", 0));
    close(s);
    close(t);
    close(b);
    PART("IPv4 by IPv6");
    s = made(AF_INET);
    TRY(join(a, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join(s, IP_MULTICAST_IF, "0.0.0.0", "127.0.0.1", 0));
    TRY(put(s, "one", "224.1.2.3", port));
    got("a member", a);
    close(s);
    s = made(AF_INET6);
    TRY(put(s, "two", "::ffff:224.1.2.3", port));
    TRY(join(s, IP_MULTICAST_IF, "0.0.0.0", "127.0.0.1", 0));
    TRY(put(s, "two", "::ffff:224.1.2.3", port));
    got("a member", a);
    close(s);
    close(a);
}

/* What is large, in parts, said by control data, or at the group of all hosts. */
static void large(void)
{
    static char out[60000], in[60000];
    int a = member("0.0.0.0", 0), port = inet_port(a), b = member("0.0.0.0", port), s = made(AF_INET);
    struct inet_any to = inet_make("224.1.2.3", port), all = inet_make("224.0.0.1", port);
    struct iovec v = {out, 4};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control;
    struct in_pktinfo info = {.ipi_ifindex = (int)lo};
    struct msghdr m = {.msg_name = &to, .msg_namelen = to.size, .msg_iov = &v, .msg_iovlen = 1};

    PART("large");
    TRY(join(a, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join(s, IP_MULTICAST_IF, "0.0.0.0", "127.0.0.1", 0));
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (char)(i * 7 + i / 4096);
    TRY(sendto(s, out, sizeof out, 0, &to.any, to.size));
    usleep(5000);
    TRY(recv(a, in, sizeof in, MSG_DONTWAIT));
    SHOW(memcmp(in, out, sizeof in));
    memset(in, 0, sizeof in);
    TRY(recv(b, in, sizeof in, MSG_DONTWAIT));
    SHOW(memcmp(in, out, sizeof in));
    PART("in parts");
    TRY(sendto(s, out, 5000, MSG_MORE, &to.any, to.size));
    TRY(sendto(s, out + 5000, 3, MSG_MORE, &to.any, to.size));
    TRY(sendto(s, out + 5003, 9000, 0, &to.any, to.size));
    usleep(5000);
    TRY(recv(a, in, sizeof in, MSG_DONTWAIT));
    SHOW(memcmp(in, out, 14003));
    memset(in, 0, sizeof in);
    TRY(recv(b, in, sizeof in, MSG_DONTWAIT));
    SHOW(memcmp(in, out, 14003));
    close(s);
    PART("by an interface that the call says");
    s = made(AF_INET);
    m.msg_control = &control;
    m.msg_controllen = sizeof control;
    control.head.cmsg_level = IPPROTO_IP;
    control.head.cmsg_type = IP_PKTINFO;
    control.head.cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(&control.head), &info, sizeof info);
    TRY(sendmsg(s, &m, 0));
    usleep(5000);
    TRY(recv(a, in, sizeof in, MSG_DONTWAIT));
    inet_pton(AF_INET, "127.0.0.5", &info.ipi_spec_dst);
    info.ipi_ifindex = 0;
    memcpy(CMSG_DATA(&control.head), &info, sizeof info);
    TRY(sendmsg(s, &m, 0));
    usleep(5000);
    struct inet_any from;
    from.size = sizeof from.six;
    TRY(recvfrom(a, in, sizeof in, MSG_DONTWAIT, &from.any, &from.size));
    inet_say("from", &from, 0);
    close(a);
    PART("all hosts");
    TRY(join(s, IP_MULTICAST_IF, "0.0.0.0", "127.0.0.1", 0));
    got("one at any", b);
    TRY(sendto(s, "all", 3, 0, &all.any, all.size));
    got("one at any", b);
    TRY(inet_set(b, IPPROTO_IP, IP_MULTICAST_ALL, 0));
    TRY(sendto(s, "all", 3, 0, &all.any, all.size));
    got("one at any, but not of all groups", b);
    close(b);
    close(s);
}

static void six_sources(void)
{
    int s = made(AF_INET6);
    struct group_source_req gs = {.gsr_interface = lo};
    struct inet_any a = inet_make("ff02::77", 0), b = inet_make("::1", 0), c = inet_make("::2", 0);

    PART("senders of IPv6");
    memcpy(&gs.gsr_group, &a.any, a.size);
    memcpy(&gs.gsr_source, &b.any, b.size);
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_BLOCK_SOURCE, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, &gs, sizeof gs));
    memcpy(&gs.gsr_source, &c.any, c.size);
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_UNBLOCK_SOURCE, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_LEAVE_SOURCE_GROUP, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_LEAVE_SOURCE_GROUP, &gs, sizeof gs));
    TRY(join6(s, IPV6_LEAVE_GROUP, "ff02::77", 0));
    TRY(join6(s, IPV6_JOIN_GROUP, "ff02::77", lo));
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_BLOCK_SOURCE, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_UNBLOCK_SOURCE, &gs, sizeof gs));
    gs.gsr_interface = 77;
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_BLOCK_SOURCE, &gs, sizeof gs));
    gs.gsr_source.ss_family = AF_INET;
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_BLOCK_SOURCE, &gs, sizeof gs));
    TRY(setsockopt(s, IPPROTO_IPV6, MCAST_BLOCK_SOURCE, &gs, 200));
    close(s);
}

/* As many senders as one may want. */
static void many_sources(void)
{
    int s = made(AF_INET), n = 1;
    struct ip_mreq_source ms = {0};
    char ip[30];

    PART("how many senders");
    inet_pton(AF_INET, "224.1.2.8", &ms.imr_multiaddr);
    inet_pton(AF_INET, "127.0.0.1", &ms.imr_interface);
    for (; n < 100; n++) {
        snprintf(ip, sizeof ip, "10.0.0.%d", n);
        inet_pton(AF_INET, ip, &ms.imr_sourceaddr);
        if (setsockopt(s, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &ms, sizeof ms))
            break;
    }
    ut_say("%d, then %s", n, ut_errno(errno));
    close(s);
}

/* A listening one is in a group; those that are accepted are not. */
static void accepted(void)
{
    int s = inet_listener("127.0.0.1", 1), c = socket(AF_INET, SOCK_STREAM, 0), a;

    PART("accepted");
    TRY(join_any(s, IPPROTO_IP, MCAST_JOIN_GROUP, "224.1.2.3", lo));
    TRY(inet_connect_to(c, "127.0.0.1", inet_port(s)));
    a = accept(s, NULL, NULL);
    TRY(join_any(a, IPPROTO_IP, MCAST_LEAVE_GROUP, "224.1.2.3", lo));
    TRY(join_any(s, IPPROTO_IP, MCAST_LEAVE_GROUP, "224.1.2.3", lo));
    close(a);
    close(c);
    close(s);
}

static void shown(const char *path, const char *what)
{
    char line[200];
    FILE *f = fopen(path, "r");

    ut_say("%s: %s", path, f ? "yes" : ut_errno(errno));
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (strstr(line, what))
            ut_say("%s", line);
    }
    if (f)
        fclose(f);
}

static void looked_at(void)
{
    int s = made(AF_INET), t = made(AF_INET6);

    PART("/proc");
    TRY(join(s, IP_ADD_MEMBERSHIP, "224.1.2.3", "127.0.0.1", 0));
    TRY(join6(t, IPV6_JOIN_GROUP, "ff02::1234", lo));
    shown("/proc/net/igmp", "");
    shown("/proc/net/igmp6", " lo ");
    shown("/proc/sys/net/ipv4/igmp_max_memberships", "");
    shown("/proc/sys/net/ipv4/igmp_max_msf", "");
    close(s);
    close(t);
    shown("/proc/net/igmp", "");
}

UT_PROGRAM(multicast)
{
    inet_up();
    lo = if_nametoindex("lo");
    in_and_out();
    limited();
    delivered();
    connected();
    options();
    by_any();
    filtered();
    six();
    large();
    six_sources();
    many_sources();
    accepted();
    looked_at();
}
