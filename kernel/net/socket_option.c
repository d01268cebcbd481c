/*
 * Options of sockets at the level that is common to all, SOL_SOCKET. As on Linux, a limit of memory is twice
 * what a program asks for, and most of the rest is only remembered.
 */
#include "kernel/net/socket.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/cred.h"
#include "kernel/sched/usertime.h"
#include "kernel/x86/usercopy.h"

/* Those that are on or off, and may be set by everybody. */
#define BIT(option) (1ull << (option))
#define BITS                                                                                                 \
    (BIT(SO_REUSEADDR) | BIT(SO_REUSEPORT) | BIT(SO_DONTROUTE) | BIT(SO_BROADCAST) | BIT(SO_KEEPALIVE) |     \
     BIT(SO_OOBINLINE) | BIT(SO_NO_CHECK) | BIT(SO_PASSCRED) | BIT(SO_PASSSEC) | BIT(SO_RXQ_OVFL))

struct linger {
    int32_t on, seconds;
};

static uint32_t limited(uint32_t value, uint32_t max, uint32_t min)
{
    if (value > max)
        value = max;
    if (value > INT32_MAX / 2)
        value = INT32_MAX / 2;
    return value * 2 < min ? min : value * 2;
}

static int set_timeout(uint64_t *timeout, enum usertime_form form, vaddr_t value, uint32_t size)
{
    struct usertime t;

    if (size < usertime_size(form))
        return -EINVAL;
    if (usertime_fetch(value, form, &t))
        return -EFAULT;
    if (t.part < 0 || t.part >= 1000000)
        return -EDOM;
    *timeout = t.sec < 0                  ? 1
               : t.sec >= INT32_MAX / 250 ? 0
                                          : (uint64_t)t.sec * 1000000000u + (uint32_t)t.part * 1000u;
    return 0;
}

static int set_linger(struct socket *s, vaddr_t value, uint32_t size)
{
    struct linger l;

    if (size < sizeof l)
        return -EINVAL;
    if (user_copy_in(&l, value, sizeof l))
        return -EFAULT;
    s->linger = !l.on ? -1 : l.seconds < 0 ? INT32_MAX : l.seconds;
    return 0;
}

/* Of the four options that tell times the last one counts, and each turns all of them off. */
static void set_timestamp(struct socket *s, int option, bool on)
{
    bool fine = option == SO_TIMESTAMPNS || option == SO_TIMESTAMPNS_NEW;

    s->options &= ~(BIT(SO_TIMESTAMP) | BIT(SO_TIMESTAMPNS) | BIT(SO_TIMESTAMP_NEW));
    if (!on)
        return;
    s->options |= fine ? BIT(SO_TIMESTAMPNS) : BIT(SO_TIMESTAMP);
    if (option >= SO_TIMESTAMP_NEW)
        s->options |= BIT(SO_TIMESTAMP_NEW);
}

static int set_number(struct socket *s, int option, int32_t value)
{
    switch (option) {
    case SO_DEBUG:
        if (value && !capable(CAP_NET_ADMIN))
            return -EACCES;
        break;
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
        if (option == SO_SNDBUFFORCE && !capable(CAP_NET_ADMIN))
            return -EPERM;
        s->sndbuf =
            limited((uint32_t)value, option == SO_SNDBUF ? socket_sndbuf_max : UINT32_MAX, SOCKET_SNDBUF_MIN);
        s->options |= BIT(SO_SNDBUF); /* that it was set */
        socket_wake_writers(s);
        return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        if (option == SO_RCVBUFFORCE && !capable(CAP_NET_ADMIN))
            return -EPERM;
        s->rcvbuf =
            limited((uint32_t)value, option == SO_RCVBUF ? socket_rcvbuf_max : UINT32_MAX, SOCKET_RCVBUF_MIN);
        return 0;
    case SO_PRIORITY:
        if ((value < 0 || value > 6) && !capable(CAP_NET_ADMIN))
            return -EPERM;
        s->priority = (uint32_t)value;
        return 0;
    case SO_MARK:
        if (!capable(CAP_NET_ADMIN))
            return -EPERM;
        s->mark = (uint32_t)value;
        return 0;
    case SO_RCVLOWAT:
        s->lowat = value < 0 ? INT32_MAX : value ? (uint32_t)value : 1;
        return 0;
    case SO_PEEK_OFF:
        if (s->family != AF_UNIX && s->type != SOCK_DGRAM)
            return -EOPNOTSUPP;
        s->peek_off = value;
        return 0;
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
    case SO_TIMESTAMP_NEW:
    case SO_TIMESTAMPNS_NEW:
        set_timestamp(s, option, value);
        return 0;
    case SO_BSDCOMPAT:
        return 0;
    case SO_DETACH_FILTER: /* none has one */
        return -ENOENT;
    case SO_REUSEPORT:
        if (value && s->family != AF_INET && s->family != AF_INET6)
            return -EOPNOTSUPP;
        break;
    default:
        if (option < 0 || option > 63 || !(BITS & BIT(option)))
            return -ENOPROTOOPT;
    }
    s->options = value ? s->options | BIT(option) : s->options & ~BIT(option);
    return 0;
}

int socket_set_option(struct socket *s, int level, int option, vaddr_t value, uint32_t size)
{
    int32_t number;

    if ((int32_t)size < 0)
        return -EINVAL;
    if (level != SOL_SOCKET)
        return s->ops->set_option ? s->ops->set_option(s, level, option, value, size) : -EOPNOTSUPP;
    if (size < sizeof number)
        return -EINVAL;
    if (user_copy_in(&number, value, sizeof number))
        return -EFAULT;
    switch (option) {
    case SO_LINGER:
        return set_linger(s, value, size);
    case SO_RCVTIMEO:
        return set_timeout(&s->receive_timeout, USERTIME_VAL, value, size);
    case SO_SNDTIMEO:
        return set_timeout(&s->send_timeout, USERTIME_VAL, value, size);
    case SO_RCVTIMEO_NEW:
        return set_timeout(&s->receive_timeout, USERTIME_64, value, size);
    case SO_SNDTIMEO_NEW:
        return set_timeout(&s->send_timeout, USERTIME_64, value, size);
    default:
        return set_number(s, option, number);
    }
}

/* --- telling --- */

/* The value of an option that is a number. */
static int get_number(struct socket *s, int option, int32_t *value)
{
    switch (option) {
    case SO_TYPE:
        *value = s->type;
        return 0;
    case SO_ERROR:
        *value = -socket_error(s);
        return 0;
    case SO_SNDBUF:
        *value = (int32_t)s->sndbuf;
        return 0;
    case SO_RCVBUF:
        *value = (int32_t)s->rcvbuf;
        return 0;
    case SO_PRIORITY:
        *value = (int32_t)s->priority;
        return 0;
    case SO_MARK:
        *value = (int32_t)s->mark;
        return 0;
    case SO_RCVLOWAT:
        *value = (int32_t)s->lowat;
        return 0;
    case SO_SNDLOWAT:
        *value = 1;
        return 0;
    case SO_ACCEPTCONN:
        *value = s->state == SOCKET_LISTENING;
        return 0;
    case SO_PROTOCOL:
        *value = s->protocol;
        return 0;
    case SO_DOMAIN:
        *value = s->family;
        return 0;
    case SO_PEEK_OFF:
        if (s->family != AF_UNIX && s->type != SOCK_DGRAM)
            return -EOPNOTSUPP;
        *value = s->peek_off;
        return 0;
    case SO_BSDCOMPAT:
        *value = 0;
        return 0;
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
        *value = socket_has(s, (unsigned)option) && !socket_has(s, SO_TIMESTAMP_NEW);
        return 0;
    case SO_TIMESTAMPNS_NEW:
        *value = socket_has(s, SO_TIMESTAMPNS) && socket_has(s, SO_TIMESTAMP_NEW);
        return 0;
    case SO_TIMESTAMP_NEW: /* as on Linux, with the other one, too */
        *value = socket_has(s, SO_TIMESTAMP_NEW);
        return 0;
    default:
        if (option < 0 || option > 63 || !((BITS | BIT(SO_DEBUG)) & BIT(option)))
            return -ENOPROTOOPT;
        *value = socket_has(s, (unsigned)option);
        return 0;
    }
}

/* A time as a program has it, one that is none as 0. */
static uint32_t tell_timeout(uint64_t ns, bool wide, uint32_t *out)
{
    uint32_t sec = (uint32_t)(ns / 1000000000u), part = (uint32_t)(ns % 1000000000u) / 1000u;

    out[0] = sec;
    out[1] = wide ? 0 : part;
    out[2] = part;
    out[3] = 0;
    return wide ? 16 : 8;
}

/* The value at `value`, SOCKET_ADDRESS_MAX bytes, of which *size are wanted; its size, at most *size. */
static int get_value(struct socket *s, int option, void *value, uint32_t *size)
{
    const struct linger linger = {s->linger >= 0, s->linger >= 0 ? s->linger : 0};
    const uint64_t cookie = s->inode.ino;
    uint32_t time[4], full = sizeof(int32_t);
    struct socket_address peer;
    const void *from = value;
    int err = 0;

    switch (option) {
    case SO_LINGER:
        from = &linger;
        full = sizeof linger;
        break;
    case SO_RCVTIMEO:
    case SO_RCVTIMEO_NEW:
        full = tell_timeout(s->receive_timeout, option == SO_RCVTIMEO_NEW, time);
        from = time;
        break;
    case SO_SNDTIMEO:
    case SO_SNDTIMEO_NEW:
        full = tell_timeout(s->send_timeout, option == SO_SNDTIMEO_NEW, time);
        from = time;
        break;
    case SO_PEERCRED:
        from = &s->peer_cred;
        full = sizeof s->peer_cred;
        break;
    case SO_COOKIE:
        from = &cookie;
        full = sizeof cookie;
        break;
    case SO_PEERNAME:
        err = s->ops->address(s, SOCKET_PEER, &peer);
        if (err)
            return -ENOTCONN;
        if (peer.size < *size)
            return -EINVAL;
        from = peer.bytes;
        full = *size;
        break;
    default:
        err = get_number(s, option, value);
    }
    if (!err && *size > full)
        *size = full;
    if (!err && from != value)
        memcpy(value, from, *size);
    return err;
}

/* Supplementary groups of who is at the other end. */
static int get_groups(struct socket *s, vaddr_t value, vaddr_t user_size, uint32_t size)
{
    struct groups *g = s->peer_groups;
    uint32_t n = g ? g->n * (uint32_t)sizeof *g->gid : 0;
    int err = 0;

    if (s->peer_cred.uid == ID_NONE)
        return -ENODATA;
    if (size < n)
        return user_write32(user_size, n) ? -EFAULT : -ERANGE;
    if (n) {
        g = groups_get(g);
        err = user_copy_out(value, g->gid, n) ? -EFAULT : 0;
        groups_put(g);
    }
    return err || user_write32(user_size, n) ? -EFAULT : 0;
}

int socket_get_option(struct socket *s, int level, int option, vaddr_t value, vaddr_t user_size)
{
    uint8_t bytes[SOCKET_ADDRESS_MAX] __attribute__((aligned(4)));
    uint32_t size;
    int err;

    if (level != SOL_SOCKET)
        return s->ops->get_option ? s->ops->get_option(s, level, option, value, user_size) : -EOPNOTSUPP;
    if (user_read32(&size, user_size))
        return -EFAULT;
    if ((int32_t)size < 0)
        return -EINVAL;
    if (option == SO_PEERGROUPS)
        return get_groups(s, value, user_size, size);
    if (option == SO_COOKIE && size < sizeof(uint64_t))
        return -EINVAL;
    if (size > sizeof bytes)
        size = sizeof bytes;
    err = get_value(s, option, bytes, &size);
    if (err)
        return err;
    return user_copy_out(value, bytes, size) || user_write32(user_size, size) ? -EFAULT : 0;
}
