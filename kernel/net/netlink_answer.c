/*
 * What a socket of AF_NETLINK says of the network (netlink.c): one interface, its two addresses, and the
 * routes to them. Messages are as rtnetlink(7) has them; of the attributes of an interface those are there
 * that say something.
 */
#include "kernel/net/interface.h"
#include "kernel/net/netlink.h"
#include "kernel/net/inet.h"
#include "kernel/proc/capability.h"

/* Questions come in fours for each kind of thing: new, delete, get, set. */
enum {
    RTM_NEWLINK = 16,
    RTM_GETLINK = 18,
    RTM_SETLINK,
    RTM_NEWADDR = 20,
    RTM_GETADDR = 22,
    RTM_NEWROUTE = 24,
    RTM_GETROUTE = 26,
    RTM_GETNEIGH = 30,
    RTM_GETRULE = 34,
    RTM_LAST = 123
};
#define KIND(type) ((type)&3)
enum { KIND_GET = 2 };

enum { IFLA_ADDRESS = 1, IFLA_BROADCAST, IFLA_IFNAME, IFLA_MTU, IFLA_QDISC = 6, IFLA_STATS };
enum { IFLA_TXQLEN = 13, IFLA_OPERSTATE = 16, IFLA_LINKMODE, IFLA_STATS64 = 23, IFLA_GROUP = 27 };
enum { IFLA_ALT_IFNAME = 53 };
enum { IFA_ADDRESS = 1, IFA_LOCAL, IFA_LABEL, IFA_CACHEINFO = 6, IFA_FLAGS = 8 };
enum { RTA_DST = 1, RTA_OIF = 4, RTA_PRIORITY = 6, RTA_PREFSRC = 7, RTA_TABLE = 15 };
enum { SCOPE_GLOBAL = 0, SCOPE_LINK = 253, SCOPE_HOST = 254 };
enum { TABLE_MAIN = 254, TABLE_LOCAL = 255, PROTO_KERNEL = 2 };
enum { ROUTE_UNICAST = 1, ROUTE_LOCAL, ROUTE_BROADCAST };
enum { ADDRESS_PERMANENT = 0x80 };

struct link_body { /* struct ifinfomsg */
    uint8_t family, zero;
    uint16_t type;
    int32_t index;
    uint32_t flags, change;
};
struct address_body { /* struct ifaddrmsg */
    uint8_t family, prefix, flags, scope;
    uint32_t index;
};
struct route_body { /* struct rtmsg */
    uint8_t family, prefix, source_prefix, tos, table, protocol, scope, type;
    uint32_t flags;
};

static const uint8_t loopback4[4] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1};

/* --- building --- */

/* A message begins, with its body; where it does. */
static uint32_t begin(struct netlink_answer *a, const struct netlink_question *q, uint32_t number,
                      uint16_t type, uint16_t flags, const void *body, uint32_t size)
{
    const struct netlink_head head = {
        .type = type, .flags = flags, .sequence = q->head.sequence, .number = number};
    uint32_t at = a->size;

    memcpy(a->bytes + at, &head, sizeof head);
    memcpy(a->bytes + at + sizeof head, body, size);
    a->size += (uint32_t)sizeof head + NETLINK_ALIGN(size);
    return at;
}

/* An attribute: struct rtattr, its bytes, and 0 up to a multiple of 4. */
static void put(struct netlink_answer *a, uint16_t type, const void *bytes, uint32_t size)
{
    const uint16_t head[2] = {(uint16_t)(sizeof head + size), type};

    mm_assert(a->size + sizeof head + NETLINK_ALIGN(size) <= sizeof a->bytes, "attribute %u", type);
    memcpy(a->bytes + a->size, head, sizeof head);
    memset(a->bytes + a->size + sizeof head, 0, NETLINK_ALIGN(size));
    if (bytes)
        memcpy(a->bytes + a->size + sizeof head, bytes, size);
    a->size += (uint32_t)sizeof head + NETLINK_ALIGN(size);
}

static void put32(struct netlink_answer *a, uint16_t type, uint32_t value)
{
    put(a, type, &value, sizeof value);
}

static void end(struct netlink_answer *a, uint32_t at)
{
    const uint32_t size = a->size - at;

    memcpy(a->bytes + at, &size, sizeof size);
}

/* --- what there is --- */

static void put_link(struct netlink_answer *a, const struct netlink_question *q, uint32_t number,
                     uint16_t flags)
{
    const struct link_body body = {
        .type = INTERFACE_HARDWARE, .index = INTERFACE_INDEX, .flags = INTERFACE_FLAGS | INTERFACE_LOWER_UP};
    uint32_t at = begin(a, q, number, RTM_NEWLINK, flags, &body, sizeof body);
    const uint8_t zero = 0;

    put(a, IFLA_IFNAME, INTERFACE_NAME, sizeof INTERFACE_NAME);
    put32(a, IFLA_TXQLEN, INTERFACE_QUEUE);
    put(a, IFLA_OPERSTATE, &zero, 1);
    put(a, IFLA_LINKMODE, &zero, 1);
    put32(a, IFLA_MTU, INTERFACE_MTU);
    put32(a, IFLA_GROUP, 0);
    put(a, IFLA_QDISC, "noqueue", sizeof "noqueue");
    put(a, IFLA_ADDRESS, NULL, 6);
    put(a, IFLA_BROADCAST, NULL, 6);
    put(a, IFLA_STATS64, NULL, 25 * sizeof(uint64_t)); /* there are no packets */
    put(a, IFLA_STATS, NULL, 24 * sizeof(uint32_t));
    end(a, at);
}

static void put_address(struct netlink_answer *a, const struct netlink_question *q, uint32_t number, bool six)
{
    const struct address_body body = {.family = six ? AF_INET6 : AF_INET,
                                      .prefix = six ? 128 : 8,
                                      .flags = ADDRESS_PERMANENT,
                                      .scope = SCOPE_HOST,
                                      .index = INTERFACE_INDEX};
    const uint32_t cache[4] = {UINT32_MAX, UINT32_MAX}; /* for ever; since the beginning */
    uint32_t at = begin(a, q, number, RTM_NEWADDR, NLM_F_MULTI, &body, sizeof body);

    if (six) {
        put(a, IFA_ADDRESS, loopback6, sizeof loopback6);
    } else {
        put(a, IFA_ADDRESS, loopback4, sizeof loopback4);
        put(a, IFA_LOCAL, loopback4, sizeof loopback4);
        put(a, IFA_LABEL, INTERFACE_NAME, sizeof INTERFACE_NAME);
    }
    if (six)
        put(a, IFA_CACHEINFO, cache, sizeof cache);
    put32(a, IFA_FLAGS, ADDRESS_PERMANENT);
    if (!six)
        put(a, IFA_CACHEINFO, cache, sizeof cache);
    end(a, at);
}

static void put_route4(struct netlink_answer *a, const struct netlink_question *q, uint32_t number,
                       uint8_t type, uint8_t prefix, uint32_t to)
{
    const struct route_body body = {.family = AF_INET,
                                    .prefix = prefix,
                                    .table = TABLE_LOCAL,
                                    .protocol = PROTO_KERNEL,
                                    .scope = type == ROUTE_LOCAL ? SCOPE_HOST : SCOPE_LINK,
                                    .type = type};
    uint32_t at = begin(a, q, number, RTM_NEWROUTE, NLM_F_MULTI, &body, sizeof body);
    uint8_t ip[4];

    inet_write_ip4(ip, to);
    put32(a, RTA_TABLE, TABLE_LOCAL);
    put(a, RTA_DST, ip, sizeof ip);
    put(a, RTA_PREFSRC, loopback4, sizeof loopback4);
    put32(a, RTA_OIF, INTERFACE_INDEX);
    end(a, at);
}

static void put_route6(struct netlink_answer *a, const struct netlink_question *q, uint32_t number,
                       uint8_t type)
{
    const uint8_t table = type == ROUTE_LOCAL ? TABLE_LOCAL : TABLE_MAIN;
    const struct route_body body = {.family = AF_INET6,
                                    .prefix = 128,
                                    .table = table,
                                    .protocol = PROTO_KERNEL,
                                    .scope = SCOPE_GLOBAL,
                                    .type = type};
    uint32_t at = begin(a, q, number, RTM_NEWROUTE, NLM_F_MULTI, &body, sizeof body);

    put32(a, RTA_TABLE, table);
    put(a, RTA_DST, loopback6, sizeof loopback6);
    put32(a, RTA_PRIORITY, type == ROUTE_LOCAL ? 0 : 256);
    put32(a, RTA_OIF, INTERFACE_INDEX);
    end(a, at);
}

static void put_routes(struct netlink_answer *a, const struct netlink_question *q, uint32_t number, bool six)
{
    if (six) {
        put_route6(a, q, number, ROUTE_UNICAST);
        put_route6(a, q, number, ROUTE_LOCAL);
        return;
    }
    put_route4(a, q, number, ROUTE_LOCAL, 8, 0x7F000000);
    put_route4(a, q, number, ROUTE_LOCAL, 32, 0x7F000001);
    put_route4(a, q, number, ROUTE_BROADCAST, 32, 0x7FFFFFFF);
}

/* --- questions --- */

/* The name that a question about a link has, or NULL. */
static const char *asked_name(const struct netlink_question *q)
{
    uint32_t at = sizeof(struct link_body),
             size = q->head.size < sizeof *q ? q->head.size - (uint32_t)sizeof q->head : sizeof q->bytes;
    uint16_t head[2];

    for (; at + sizeof head <= size; at += NETLINK_ALIGN(head[0])) {
        memcpy(head, q->bytes + at, sizeof head);
        if (head[0] < sizeof head || at + head[0] > size)
            return NULL;
        if ((head[1] == IFLA_IFNAME || head[1] == IFLA_ALT_IFNAME) && head[0] > sizeof head &&
            !q->bytes[at + head[0] - 1])
            return (const char *)q->bytes + at + sizeof head;
    }
    return NULL;
}

/* Which link a question is about: 0 if it is the one that there is, -ENODEV, -EINVAL. */
static int check_link(const struct netlink_question *q, struct link_body *body)
{
    const char *name;

    if (q->head.size < sizeof q->head + sizeof *body)
        return -EINVAL;
    memcpy(body, q->bytes, sizeof *body);
    name = asked_name(q);
    if (body->index <= 0 && !name)
        return -EINVAL;
    if (body->index > 0)
        return body->index == INTERFACE_INDEX ? 0 : -ENODEV;
    return strcmp(name, INTERFACE_NAME) ? -ENODEV : 0;
}

/* Whether it wants the interface to be up, which it is, and nothing else. */
static bool puts_up(const struct netlink_question *q)
{
    struct link_body body;

    if ((q->head.type != RTM_NEWLINK && q->head.type != RTM_SETLINK) || check_link(q, &body))
        return false;
    return body.flags & IFF_UP && !(body.change & ~(uint32_t)IFF_UP) &&
           (body.index <= 0 || q->head.size == sizeof q->head + sizeof body);
}

int netlink_check(const struct netlink_question *q)
{
    if (q->head.type > RTM_LAST)
        return -EOPNOTSUPP;
    if (q->head.size <= sizeof q->head)
        return 0;
    if (KIND(q->head.type) != KIND_GET && !capable(CAP_NET_ADMIN))
        return -EPERM;
    if (puts_up(q))
        return 0;
    switch (q->head.type) {
    case RTM_GETLINK:
    case RTM_GETADDR:
    case RTM_GETROUTE:
    case RTM_GETNEIGH:
    case RTM_GETRULE:
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

bool netlink_is_list(const struct netlink_question *q)
{
    return q->head.flags & NLM_F_DUMP && KIND(q->head.type) == KIND_GET && q->head.size > sizeof q->head;
}

void netlink_list(struct netlink_answer *a, const struct netlink_question *q, unsigned part, uint32_t number)
{
    uint8_t family = q->bytes[0];
    bool six = part == 1;

    a->size = 0;
    if (q->head.type == RTM_GETLINK) {
        if (!part)
            put_link(a, q, number, NLM_F_MULTI);
        return;
    }
    if (family == (six ? AF_INET : AF_INET6))
        return;
    if (q->head.type == RTM_GETADDR)
        put_address(a, q, number, six);
    else if (q->head.type == RTM_GETROUTE)
        put_routes(a, q, number, six);
}

void netlink_done(struct netlink_answer *a, const struct netlink_question *q, uint32_t number)
{
    const int32_t none = 0;

    a->size = 0;
    end(a, begin(a, q, number, NLMSG_DONE, NLM_F_MULTI, &none, sizeof none));
}

int netlink_one(struct netlink_answer *a, const struct netlink_question *q, uint32_t number)
{
    struct link_body body;
    int err;

    a->size = 0;
    if (q->head.size <= sizeof q->head || KIND(q->head.type) != KIND_GET)
        return 0;
    if (q->head.type != RTM_GETLINK)
        return -EOPNOTSUPP;
    err = check_link(q, &body);
    if (!err)
        put_link(a, q, number, 0);
    return err;
}

void netlink_error(struct netlink_answer *a, const struct netlink_question *q, uint32_t number, int err,
                   bool whole)
{
    bool more = err && whole && q->head.size <= sizeof *q;
    struct {
        int32_t error;
        struct netlink_head head;
    } body = {.error = err, .head = q->head};
    uint32_t at, rest = more ? q->head.size - (uint32_t)sizeof q->head : 0;

    a->size = 0;
    at = begin(a, q, number, NLMSG_ERROR, more ? 0 : NLM_F_CAPPED, &body, sizeof body);
    memset(a->bytes + a->size, 0, NETLINK_ALIGN(rest));
    memcpy(a->bytes + a->size, q->bytes, rest);
    a->size += rest;
    end(a, at);
    a->size = NETLINK_ALIGN(a->size);
}
