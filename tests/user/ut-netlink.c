/* AF_NETLINK: who is asked which interfaces, addresses and routes there are. Only lo is told of, and of its
 * attributes those that no machine has otherwise. */
#include "tests/user/inet.h"
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netpacket/packet.h>
#include <unistd.h>

static int open_route(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

struct question {
    struct nlmsghdr head;
    union {
        struct rtgenmsg general;
        struct ifinfomsg link;
        struct rtmsg route;
        uint8_t bytes[64];
    };
};

static struct question ask(int type, int flags, int family)
{
    struct question q;

    memset(&q, 0, sizeof q);
    q.head.nlmsg_type = (uint16_t)type;
    q.head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    q.head.nlmsg_seq = 77;
    q.head.nlmsg_len = NLMSG_LENGTH(sizeof q.link);
    q.general.rtgen_family = (uint8_t)family;
    return q;
}

static void say_bytes(const char *what, const void *bytes, size_t n)
{
    char text[100] = "";

    for (size_t i = 0; i < n && i < 24; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %02x", ((const uint8_t *)bytes)[i]);
    ut_say("%s:%s", what, text);
}

/* The attribute of a kind among those from `a` on, or NULL. */
static struct rtattr *find(struct rtattr *a, int left, int type)
{
    for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
        if (a->rta_type == type)
            return a;
    return NULL;
}

static void say_attribute(const char *name, struct rtattr *a, int left, int type)
{
    struct rtattr *found = find(a, left, type);

    if (!found)
        ut_say("  %s: none", name);
    else
        say_bytes(name, RTA_DATA(found), RTA_PAYLOAD(found));
}

static void say_link(struct nlmsghdr *h)
{
    struct ifinfomsg *m = NLMSG_DATA(h);
    struct rtattr *a = IFLA_RTA(m);
    int left = (int)IFLA_PAYLOAD(h);

    if (m->ifi_index != 1)
        return;
    ut_say("link 1: family %d, type %d, flags %#x, change %#x", m->ifi_family, m->ifi_type, m->ifi_flags,
           m->ifi_change);
    say_attribute("name", a, left, IFLA_IFNAME);
    say_attribute("MTU", a, left, IFLA_MTU);
    say_attribute("queue", a, left, IFLA_TXQLEN);
    say_attribute("discipline", a, left, IFLA_QDISC);
    say_attribute("address", a, left, IFLA_ADDRESS);
    say_attribute("broadcast", a, left, IFLA_BROADCAST);
    say_attribute("state", a, left, IFLA_OPERSTATE);
    say_attribute("group", a, left, IFLA_GROUP);
}

static void say_address(struct nlmsghdr *h)
{
    struct ifaddrmsg *m = NLMSG_DATA(h);
    struct rtattr *a = IFA_RTA(m);
    int left = (int)IFA_PAYLOAD(h);

    if (m->ifa_index != 1)
        return;
    ut_say("address: family %d, prefix %d, flags %#x, scope %d", m->ifa_family, m->ifa_prefixlen,
           m->ifa_flags, m->ifa_scope);
    say_attribute("address", a, left, IFA_ADDRESS);
    say_attribute("own", a, left, IFA_LOCAL);
    say_attribute("label", a, left, IFA_LABEL);
    say_attribute("flags", a, left, IFA_FLAGS);
}

static void say_route(struct nlmsghdr *h)
{
    struct rtmsg *m = NLMSG_DATA(h);
    struct rtattr *a = RTM_RTA(m);
    int left = (int)RTM_PAYLOAD(h);
    struct rtattr *out = find(a, left, RTA_OIF);

    if (!out || *(int *)RTA_DATA(out) != 1 || !find(a, left, RTA_DST))
        return;
    ut_say("route: family %d, prefix %d, table %d, protocol %d, scope %d, type %d", m->rtm_family,
           m->rtm_dst_len, m->rtm_table, m->rtm_protocol, m->rtm_scope, m->rtm_type);
    say_attribute("to", a, left, RTA_DST);
    say_attribute("from", a, left, RTA_PREFSRC);
}

/* All answers to a question, until one says that it was all. */
static void answers(int s, const char *what)
{
    static uint8_t buf[65536] __attribute__((aligned(4)));
    struct sockaddr_nl from;
    socklen_t size = sizeof from;

    ut_say("%s", what);
    for (;;) {
        int n = (int)recvfrom(s, buf, sizeof buf, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
        struct nlmsghdr *h = (struct nlmsghdr *)buf;

        if (n < 0) {
            ut_say("recvfrom: %s", ut_errno(errno));
            return;
        }
        for (; NLMSG_OK(h, (unsigned)n); h = NLMSG_NEXT(h, n)) {
            struct nlmsgerr *e = NLMSG_DATA(h);

            if (h->nlmsg_seq != 77 || from.nl_pid || size != sizeof from)
                ut_say("seq %u, from %u, %u bytes", h->nlmsg_seq, from.nl_pid, size);
            if (h->nlmsg_type == NLMSG_ERROR) {
                ut_say("error %s, of type %d, flags %#x, %u bytes", e->error ? ut_errno(-e->error) : "none",
                       e->msg.nlmsg_type, h->nlmsg_flags, h->nlmsg_len);
                return;
            }
            if (h->nlmsg_type == NLMSG_DONE) {
                ut_say("done, flags %#x, %u bytes", h->nlmsg_flags, h->nlmsg_len);
                return;
            }
            if (h->nlmsg_type == RTM_NEWLINK)
                say_link(h);
            else if (h->nlmsg_type == RTM_NEWADDR)
                say_address(h);
            else if (h->nlmsg_type == RTM_NEWROUTE)
                say_route(h);
            else
                ut_say("type %d", h->nlmsg_type);
            if (!(h->nlmsg_flags & NLM_F_MULTI))
                return;
        }
    }
}

static void question(const char *what, struct question q)
{
    int s = open_route();

    ut_result(what, send(s, &q, q.head.nlmsg_len, 0) == (int)q.head.nlmsg_len ? 0 : -1);
    inet_events("answered", s);
    answers(s, what);
    close(s);
}

static void names(void)
{
    struct sockaddr_nl a = {.nl_family = AF_NETLINK}, b = {0};
    socklen_t size = sizeof b;
    int s, t;

    PART("making and naming");
    TRY(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
    TRY(socket(AF_NETLINK, SOCK_SEQPACKET, NETLINK_ROUTE));
    TRY(socket(AF_NETLINK, SOCK_RAW, 32));
    TRY(socket(AF_NETLINK, SOCK_RAW, -1));
    TRY(socketpair(AF_NETLINK, SOCK_RAW, 0, (int[2]){0, 0}));
    s = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
    TRY(send(s, "", 0, 0));
    TRY(write(s, "", 0));
    TRY(shutdown(s, 3));
    SHOW(inet_option(s, SOL_SOCKET, SO_DOMAIN));
    SHOW(inet_option(s, SOL_SOCKET, SO_TYPE));
    SHOW(inet_option(s, SOL_SOCKET, SO_PROTOCOL));
    inet_events("fresh", s);
    TRY(getsockname(s, (struct sockaddr *)&b, &size));
    SHOW(b.nl_pid);
    SHOW(size);
    TRY(bind(s, (struct sockaddr *)&a, 11));
    a.nl_family = AF_INET;
    TRY(bind(s, (struct sockaddr *)&a, sizeof a));
    a.nl_family = AF_NETLINK;
    a.nl_groups = 1;
    TRY(bind(s, (struct sockaddr *)&a, sizeof a));
    getsockname(s, (struct sockaddr *)&b, &size);
    SHOW(b.nl_pid == (unsigned)getpid());
    SHOW(b.nl_groups);
    TRY(bind(s, (struct sockaddr *)&a, sizeof a));
    a.nl_pid = (unsigned)getpid() + 1000000;
    TRY(bind(s, (struct sockaddr *)&a, sizeof a));
    t = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
    a.nl_pid = (unsigned)getpid();
    TRY(bind(t, (struct sockaddr *)&a, sizeof a));
    a.nl_pid = 0;
    TRY(bind(t, (struct sockaddr *)&a, sizeof a));
    getsockname(t, (struct sockaddr *)&b, &size);
    SHOW(b.nl_pid > 0x80000000u);
    TRY(getpeername(t, (struct sockaddr *)&b, &size));
    SHOW(b.nl_pid);
    TRY(connect(t, (struct sockaddr *)&a, 1));
    a.nl_groups = 0;
    TRY(connect(t, (struct sockaddr *)&a, sizeof a));
    TRY(listen(t, 1));
    TRY(accept(t, NULL, NULL));
    TRY(shutdown(t, SHUT_RDWR));
    TRY(send(t, "x", 1, MSG_OOB));
    TRY(send(t, "x", 1, 0));
    TRY(recv(t, &b, sizeof b, MSG_DONTWAIT));
    TRY(recv(t, &b, sizeof b, MSG_OOB));
    close(s);
    close(t);
}

static void options(void)
{
    int s = open_route();
    uint32_t groups[4] = {7, 7, 7, 7};
    socklen_t size = sizeof groups;

    PART("options");
    for (int o = NETLINK_PKTINFO; o <= NETLINK_NO_ENOBUFS; o++) {
        SHOW(inet_option(s, SOL_NETLINK, o));
        TRY(inet_set(s, SOL_NETLINK, o, 5));
        SHOW(inet_option(s, SOL_NETLINK, o));
    }
    TRY(inet_set(s, SOL_NETLINK, NETLINK_CAP_ACK, 1));
    TRY(inet_set(s, SOL_NETLINK, NETLINK_EXT_ACK, 1));
    TRY(inet_set(s, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1));
    SHOW(inet_option(s, SOL_NETLINK, NETLINK_GET_STRICT_CHK));
    TRY(inet_set(s, SOL_NETLINK, 99, 1));
    SHOW(inet_option(s, SOL_NETLINK, 99));
    TRY(inet_set(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 0));
    TRY(inet_set(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 5));
    TRY(inet_set(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 9000));
    TRY(getsockopt(s, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &size));
    SHOW(size);
    SHOW(groups[0]);
    TRY(inet_set(s, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, 5));
    getsockopt(s, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &size);
    SHOW(groups[0]);
    TRY(inet_set(s, IPPROTO_IP, 1, 1));
    close(s);
}

static void questions(void)
{
    struct question q;
    int s;

    PART("questions");
    question("links", ask(RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC));
    question("addresses", ask(RTM_GETADDR, NLM_F_DUMP, AF_UNSPEC));
    question("addresses of IPv4", ask(RTM_GETADDR, NLM_F_DUMP, AF_INET));
    question("addresses of IPv6", ask(RTM_GETADDR, NLM_F_DUMP, AF_INET6));
    question("routes", ask(RTM_GETROUTE, NLM_F_DUMP, AF_INET));
    q = ask(RTM_GETLINK, 0, AF_UNSPEC);
    question("no link is named", q);
    q.link.ifi_index = 1;
    question("link 1", q);
    q.head.nlmsg_flags |= NLM_F_ACK;
    s = open_route();
    TRY(send(s, &q, q.head.nlmsg_len, 0));
    answers(s, "with an acknowledgement");
    answers(s, "which comes then");
    close(s);
    q.link.ifi_index = 9999;
    question("link 9999", q);
    PART("what is none");
    q = ask(RTM_GETLINK, NLM_F_ACK, AF_UNSPEC);
    q.head.nlmsg_type = 1;
    question("a message of no kind", q);
    q = ask(RTM_GETLINK, NLM_F_ACK, AF_UNSPEC);
    q.head.nlmsg_type = 1000;
    question("a kind that is not known", q);
    q = ask(RTM_GETLINK, 0, AF_UNSPEC);
    q.head.nlmsg_flags = NLM_F_ACK;
    question("no request", q);
    s = open_route();
    q.head.nlmsg_len = 10;
    TRY(send(s, &q, sizeof q, 0));
    q.head.nlmsg_len = 1000;
    TRY(send(s, &q, sizeof q, 0));
    TRY(send(s, &q, 8, 0));
    answers(s, "too short, too long");
    TRY(send(s, (void *)16, 40, 0));
    close(s);
}

static void functions(void)
{
    struct if_nameindex *list;
    struct ifaddrs *all;
    char name[IF_NAMESIZE] = "";
    int found = 0;

    PART("what C libraries make of it");
    SHOW(if_nametoindex("lo"));
    ut_say("%s", if_indextoname(1, name) ? name : "none");
    list = if_nameindex();
    ut_say("%s", list ? list[0].if_name : ut_errno(errno));
    if (list)
        if_freenameindex(list);
    TRY(getifaddrs(&all));
    for (struct ifaddrs *a = all; a; a = a->ifa_next) {
        char text[64] = "";

        if (strcmp(a->ifa_name, "lo") != 0 || !a->ifa_addr)
            continue;
        found++;
        if (a->ifa_addr->sa_family == AF_INET)
            inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr, text, sizeof text);
        else if (a->ifa_addr->sa_family == AF_INET6)
            inet_ntop(AF_INET6, &((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr, text, sizeof text);
        else
            snprintf(text, sizeof text, "type %d", ((struct sockaddr_ll *)a->ifa_addr)->sll_hatype);
        ut_say("lo: family %d, flags %#x, %s", a->ifa_addr->sa_family, a->ifa_flags, text);
    }
    SHOW(found);
    freeifaddrs(all);
}

static void as_user(void)
{
    struct question q = ask(RTM_NEWADDR, NLM_F_ACK, AF_INET);
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = 1};
    int s = open_route();

    TRY(setuid(1000));
    TRY(send(s, &q, q.head.nlmsg_len, 0));
    answers(s, "not for everybody");
    TRY(connect(s, (struct sockaddr *)&a, sizeof a));
    TRY(sendto(s, &q, q.head.nlmsg_len, 0, (struct sockaddr *)&a, sizeof a));
    q = ask(RTM_GETADDR, NLM_F_DUMP, AF_INET);
    TRY(send(s, &q, q.head.nlmsg_len, 0));
    answers(s, "but to ask is");
}

UT_PROGRAM(netlink)
{
    inet_up();
    names();
    options();
    questions();
    functions();
    ut_child("a user", as_user);
}
