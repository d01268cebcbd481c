/*
 * What goes along with a datagram of AF_INET or AF_INET6 beside its bytes: to which address it was sent, how
 * many hops and which class of traffic its head had. A receiver gets what it asked for by options
 * (inet_option.c), and a sender may say each for one datagram. Nothing goes by hops and classes here; they
 * arrive as they were sent.
 */
#include "kernel/net/inet.h"
#include "kernel/net/inet_option.h"
#include "kernel/net/interface.h"
#include "kernel/net/scm.h"

enum { IP_TOS = 1, IP_TTL = 2, IP_PKTINFO = 8 };
enum { IPV6_PKTINFO = 50, IPV6_HOPLIMIT = 52, IPV6_TCLASS = 67 };

/* As programs have them; addresses are big-endian. */
struct in_pktinfo {
    int32_t interface;
    uint8_t own[4], to[4];
};
struct in6_pktinfo {
    uint8_t to[16];
    int32_t interface;
};

/* --- sending --- */

static int read_own4(struct scm *scm, const void *data, uint32_t n)
{
    struct in_pktinfo info;
    struct inet_end own = {0};

    if (n != sizeof info)
        return -EINVAL;
    memcpy(&info, data, sizeof info);
    if (info.interface && info.interface != INTERFACE_INDEX)
        return -ENODEV;
    own.ip = inet_read_ip4(info.own);
    if (!inet_is_ours(&own))
        return -EINVAL;
    scm->packet.has_own = true;
    scm->packet.on_interface = info.interface;
    scm->packet.six = false;
    scm->packet.own = own.ip;
    return 0;
}

static int read_own6(struct scm *scm, const void *data, uint32_t n)
{
    struct in6_pktinfo info;
    struct inet_end own = {0};

    if (n < sizeof info)
        return -EINVAL;
    memcpy(&info, data, sizeof info);
    if (info.interface && info.interface != INTERFACE_INDEX)
        return -ENODEV;
    inet_read_ip6(info.to, info.interface, &own);
    if (!inet_is_ours(&own))
        return -EINVAL;
    scm->packet.has_own = true;
    scm->packet.six = own.six;
    scm->packet.own = own.ip;
    return 0;
}

/* An int, or a byte where that is allowed. */
static int read_number(const void *data, uint32_t n, bool byte, int32_t *out)
{
    if (n == sizeof *out)
        memcpy(out, data, sizeof *out);
    else if (byte && n == 1)
        *out = *(const uint8_t *)data;
    else
        return -EINVAL;
    return 0;
}

static int set_hops(struct scm *scm, int32_t hops, int32_t min)
{
    if (hops < min || hops > 255)
        return -EINVAL;
    scm->packet.has_hops = hops >= 0;
    scm->packet.hops = (uint8_t)hops;
    return 0;
}

static int set_tos(struct scm *scm, int32_t tos, int32_t min)
{
    if (tos < min || tos > 255)
        return -EINVAL;
    scm->packet.has_tos = tos >= 0;
    scm->packet.tos = (uint8_t)tos;
    return 0;
}

int inet_read_control(const struct socket *s, struct scm *scm, int level, int type, const void *data,
                      uint32_t n)
{
    int32_t number = 0;
    int err;

    if (level == IPPROTO_IP && s->family == AF_INET) {
        if (type == IP_PKTINFO)
            return read_own4(scm, data, n);
        if (type != IP_TTL && type != IP_TOS)
            return -EINVAL;
        err = read_number(data, n, type == IP_TOS, &number);
        if (err)
            return err;
        return type == IP_TTL ? set_hops(scm, number, 1) : set_tos(scm, number, 0);
    }
    if (level != IPPROTO_IPV6 || s->family != AF_INET6)
        return 0;
    if (type == IPV6_PKTINFO)
        return read_own6(scm, data, n);
    if (type != IPV6_HOPLIMIT && type != IPV6_TCLASS)
        return -EINVAL;
    err = read_number(data, n, false, &number);
    if (err)
        return err;
    return type == IPV6_HOPLIMIT ? set_hops(scm, number, -1) : set_tos(scm, number, -1);
}

/* --- receiving --- */

static int write_four(const struct inet_socket *i, const struct scm *scm, struct scm_output *o)
{
    struct in_pktinfo info = {.interface = INTERFACE_INDEX};
    const int32_t hops = scm->packet.hops;
    int err = 0;

    if (inet_option_number(i, INET_WANTS_OWN4)) {
        inet_write_ip4(info.to, scm->packet.own);
        inet_write_ip4(info.own, scm->packet.own >> 28 == 0xE ? IP4_LOOPBACK : scm->packet.own);
        err = scm_write_one(o, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (!err && inet_option_number(i, INET_WANTS_HOPS4))
        err = scm_write_one(o, IPPROTO_IP, IP_TTL, &hops, sizeof hops);
    if (!err && inet_option_number(i, INET_WANTS_TOS4))
        err = scm_write_one(o, IPPROTO_IP, IP_TOS, &scm->packet.tos, 1);
    return err;
}

int inet_write_control(const struct socket *s, const struct scm *scm, struct scm_output *o)
{
    const struct inet_socket *i = (const struct inet_socket *)s;
    const int32_t hops = scm->packet.hops, tos = scm->packet.tos;
    struct in6_pktinfo info = {.interface = INTERFACE_INDEX};
    int err = 0;

    if (!scm->packet.has_own)
        return 0;
    if (s->family == AF_INET)
        return write_four(i, scm, o);
    if (inet_option_number(i, INET_WANTS_OWN6)) {
        inet_write_ip6(info.to, &(struct inet_end){.ip = scm->packet.own, .six = scm->packet.six});
        err = scm_write_one(o, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
    if (!scm->packet.six)
        return err ? err : write_four(i, scm, o);
    if (!err && inet_option_number(i, INET_WANTS_HOPS6))
        err = scm_write_one(o, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops);
    if (!err && inet_option_number(i, INET_WANTS_TOS6))
        err = scm_write_one(o, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
    return err;
}
