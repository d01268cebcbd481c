/* What goes along with datagrams of AF_INET and AF_INET6: addresses, hops and classes of traffic, asked for
 * by options and said with one datagram. */
#include "tests/user/inet.h"

#ifndef IPV6_TCLASS
#define IPV6_TCLASS 67
#endif

static void say_control(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        char text[120] = "";
        size_t n = c->cmsg_len > sizeof *c ? c->cmsg_len - sizeof *c : 0;

        for (size_t i = 0; i < n && i < 32; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), " %02x", CMSG_DATA(c)[i]);
        ut_say("  level %d, type %d, %u bytes:%s", c->cmsg_level, c->cmsg_type, (unsigned)c->cmsg_len, text);
    }
}

static void receive(const char *what, int s, size_t room)
{
    union {
        uint8_t bytes[256];
        struct cmsghdr aligned;
    } control;
    char buf[32];
    struct iovec v = {buf, sizeof buf};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = room};

    ut_result(what, recvmsg(s, &m, MSG_DONTWAIT));
    ut_say("  %u bytes of control data, flags %#x", (unsigned)m.msg_controllen, m.msg_flags);
    say_control(&m);
}

static void send_with(const char *what, int s, const struct inet_any *to, int level, int type,
                      const void *data, size_t n)
{
    union {
        uint8_t bytes[64];
        struct cmsghdr head;
    } control;
    struct iovec v = {(char[]){"abc"}, 3};
    struct msghdr m = {.msg_name = (void *)&to->any,
                       .msg_namelen = to->size,
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(n)};

    memset(&control, 0, sizeof control);
    control.head.cmsg_len = CMSG_LEN(n);
    control.head.cmsg_level = level;
    control.head.cmsg_type = type;
    memcpy(CMSG_DATA(&control.head), data, n);
    ut_result(what, sendmsg(s, &m, 0));
}

static void send_number(const char *what, int s, const struct inet_any *to, int level, int type, int number)
{
    send_with(what, s, to, level, type, &number, sizeof number);
}

static void four(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
    struct in_pktinfo info = {.ipi_ifindex = 1};
    struct inet_any to, from;
    char buf[8];

    PART("IPv4");
    inet_bind_to(s, "0.0.0.0", 0);
    to = inet_make("127.0.0.9", inet_port(s));
    sendto(c, "a", 1, 0, &to.any, to.size);
    receive("nothing is asked for", s, 256);
    TRY(inet_set(s, IPPROTO_IP, IP_PKTINFO, 1));
    TRY(inet_set(s, IPPROTO_IP, IP_RECVTTL, 1));
    TRY(inet_set(s, IPPROTO_IP, IP_RECVTOS, 1));
    sendto(c, "a", 1, 0, &to.any, to.size);
    receive("all", s, 256);
    TRY(inet_set(c, IPPROTO_IP, IP_TTL, 33));
    TRY(inet_set(c, IPPROTO_IP, IP_TOS, 0x48));
    sendto(c, "a", 1, 0, &to.any, to.size);
    receive("as the sender is set", s, 256);
    sendto(c, "a", 1, 0, &to.any, to.size);
    receive("little room", s, 50);
    sendto(c, "a", 1, 0, &to.any, to.size);
    receive("no room", s, 0);
    PART("IPv4, said by the sender");
    send_number("TTL 5", c, &to, IPPROTO_IP, IP_TTL, 5);
    receive("", s, 256);
    send_number("TTL 0", c, &to, IPPROTO_IP, IP_TTL, 0);
    send_number("TTL 256", c, &to, IPPROTO_IP, IP_TTL, 256);
    send_with("TTL of a byte", c, &to, IPPROTO_IP, IP_TTL, "\7", 1);
    send_with("TOS of a byte", c, &to, IPPROTO_IP, IP_TOS, "\10", 1);
    receive("", s, 256);
    send_number("TOS", c, &to, IPPROTO_IP, IP_TOS, 16);
    receive("", s, 256);
    send_number("TOS 300", c, &to, IPPROTO_IP, IP_TOS, 300);
    send_number("what is none", c, &to, IPPROTO_IP, 99, 1);
    send_number("of another level", c, &to, 99, 1, 1);
    receive("", s, 256);
    inet_pton(AF_INET, "127.0.0.77", &info.ipi_spec_dst);
    send_with("from an address", c, &to, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    from.size = sizeof from.six;
    TRY(recvfrom(s, buf, sizeof buf, MSG_DONTWAIT, &from.any, &from.size));
    inet_say("from", &from, inet_port(c));
    send_with("too short", c, &to, IPPROTO_IP, IP_PKTINFO, &info, 8);
    info.ipi_ifindex = 9999;
    send_with("from a link that is none", c, &to, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    receive("", s, 256);
    close(s);
    close(c);
}

static void six(void)
{
    int s = socket(AF_INET6, SOCK_DGRAM, 0), c = socket(AF_INET6, SOCK_DGRAM, 0);
    int d = socket(AF_INET, SOCK_DGRAM, 0);
    struct inet_any to, other;

    PART("IPv6");
    inet_bind_to(s, "::", 0);
    to = inet_make("::1", inet_port(s));
    other = inet_make("127.0.0.1", inet_port(s));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_RECVTCLASS, 1));
    sendto(c, "a", 1, 0, &to.any, to.size);
    receive("all", s, 256);
    sendto(d, "a", 1, 0, &other.any, other.size);
    receive("of IPv4", s, 256);
    TRY(inet_set(s, IPPROTO_IP, IP_RECVTTL, 1));
    sendto(d, "a", 1, 0, &other.any, other.size);
    receive("of IPv4, with its own", s, 256);
    TRY(inet_set(c, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 7));
    TRY(inet_set(c, IPPROTO_IPV6, IPV6_TCLASS, 0x30));
    sendto(c, "a", 1, 0, &to.any, to.size);
    receive("as the sender is set", s, 256);
    PART("IPv6, said by the sender");
    send_number("hops 5", c, &to, IPPROTO_IPV6, IPV6_HOPLIMIT, 5);
    receive("", s, 256);
    send_number("hops 0", c, &to, IPPROTO_IPV6, IPV6_HOPLIMIT, 0);
    receive("", s, 256);
    send_number("hops -1", c, &to, IPPROTO_IPV6, IPV6_HOPLIMIT, -1);
    receive("", s, 256);
    send_number("hops -2", c, &to, IPPROTO_IPV6, IPV6_HOPLIMIT, -2);
    send_number("hops 256", c, &to, IPPROTO_IPV6, IPV6_HOPLIMIT, 256);
    send_with("hops of a byte", c, &to, IPPROTO_IPV6, IPV6_HOPLIMIT, "\5", 1);
    send_number("class 9", c, &to, IPPROTO_IPV6, IPV6_TCLASS, 9);
    receive("", s, 256);
    send_number("class 300", c, &to, IPPROTO_IPV6, IPV6_TCLASS, 300);
    send_number("what is none", c, &to, IPPROTO_IPV6, 99, 1);
    send_number("of another level", c, &to, 99, 1, 1);
    receive("", s, 256);
    close(s);
    close(c);
    close(d);
}

UT_PROGRAM(inetcontrol)
{
    inet_up();
    four();
    six();
}
