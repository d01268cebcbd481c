/*
 * Options of TCP, UDP-Lite, IP and IPv6. Without packets most of them change nothing: they are remembered,
 * with Linux's limits, for who asks. One table says all that is a number; groups are in multicast.c.
 */
#include "kernel/net/inet_option.h"
#include "kernel/net/interface.h"
#include "kernel/net/multicast.h"
#include "kernel/x86/usercopy.h"

enum {
    TCP_MAXSEG = 2,
    TCP_LINGER2 = 8,
    TCP_DEFER_ACCEPT,
    TCP_INFO = 11,
    TCP_CONGESTION = 13,
    TCP_FASTOPEN = 23,
    TCP_ULP = 31,
    UDP_CORK = 1,
    IP_TOS = 1,
    IP_TTL,
    IP_MTU = 14,
    IP_RECVERR = 11,
    IP_MULTICAST_IF = 32,
    IPV6_UNICAST_HOPS = 16,
    IPV6_MULTICAST_IF = 17,
    IPV6_MTU = 24,
    IPV6_RECVERR = 25,
    IPV6_V6ONLY = 26,
    IPV6_TCLASS = 67
};

enum {
    ON_OFF = 1,   /* whatever is not 0 is 1 */
    PACKETS = 4,  /* only set of datagrams */
    FRESH = 8,    /* only while it has no port */
    USUAL = 16,   /* -1 means what it was in the beginning, or `usual` */
    LATER = 32,   /* only once it is connected; cannot be set */
    COVERED = 64, /* 0, or what is beyond the limits becomes the limit; only set of UDP-Lite */
    EMPTY = 128,  /* set without bytes it is 0 */
    OR_ZERO = 256 /* 0 is good, too */
};

/* An option that is a number. Its place in the table is its place in inet_socket.value. */
struct option {
    uint8_t level, option;
    uint16_t flags;
    int32_t min, max, initial;
    int32_t usual; /* told for -1 */
};

#define SECONDS_MAX 32767
#define WAIT_MAX    120 /* seconds, between two times that a segment is sent */
static const struct option table[] = {
    {IPPROTO_IPV6, IPV6_V6ONLY, ON_OFF | FRESH, INT32_MIN, INT32_MAX, 0, 0}, /* first: inet_v6only() */
    {IPPROTO_IP, IP_RECVERR, ON_OFF | EMPTY, INT32_MIN, INT32_MAX, 0, 0},    /* inet_wants_errors() */
    {IPPROTO_IPV6, IPV6_RECVERR, ON_OFF, INT32_MIN, INT32_MAX, 0, 0},        /* the same */
    /* inet_option_number(), in its order */
    {IPPROTO_IP, IP_TOS, EMPTY, INT32_MIN, INT32_MAX, 0, 0},
    {IPPROTO_IP, IP_TTL, USUAL, 1, 255, -1, 64},
    {IPPROTO_IPV6, IPV6_TCLASS, USUAL, 0, 255, 0, 0},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, USUAL, 0, 255, -1, 64},
    {IPPROTO_IP, 8, ON_OFF | EMPTY, INT32_MIN, INT32_MAX, 0, 0},         /* PKTINFO */
    {IPPROTO_IP, 12, ON_OFF | EMPTY, INT32_MIN, INT32_MAX, 0, 0},        /* RECVTTL */
    {IPPROTO_IP, 13, ON_OFF | EMPTY, INT32_MIN, INT32_MAX, 0, 0},        /* RECVTOS */
    {IPPROTO_IPV6, 49, ON_OFF, INT32_MIN, INT32_MAX, 0, 0},              /* RECVPKTINFO */
    {IPPROTO_IPV6, 51, ON_OFF, INT32_MIN, INT32_MAX, 0, 0},              /* RECVHOPLIMIT */
    {IPPROTO_IPV6, 66, ON_OFF, INT32_MIN, INT32_MAX, 0, 0},              /* RECVTCLASS */
    {IPPROTO_UDPLITE, 10, COVERED | USUAL, UDP_HEAD, UINT16_MAX, -1, 0}, /* SEND_CSCOV */
    {IPPROTO_UDPLITE, 11, COVERED | USUAL, UDP_HEAD, UINT16_MAX, -1, 0}, /* RECV_CSCOV */
    {IPPROTO_UDPLITE, UDP_CORK, ON_OFF, INT32_MIN, INT32_MAX, 0, 0},
    {IPPROTO_IP, 33, PACKETS | USUAL, 0, 255, 1, 1},      /* MULTICAST_TTL */
    {IPPROTO_IP, 49, ON_OFF, 0, 1, 1, 0},                 /* MULTICAST_ALL */
    {IPPROTO_TCP, 7, 0, 1, 127, 6, 0},                    /* SYNCNT */
    {IPPROTO_TCP, 1, ON_OFF, INT32_MIN, INT32_MAX, 0, 0}, /* NODELAY */
    {IPPROTO_TCP, TCP_MAXSEG, OR_ZERO, 88, 32767, 0, 0},
    {IPPROTO_TCP, 3, ON_OFF, INT32_MIN, INT32_MAX, 0, 0}, /* CORK */
    {IPPROTO_TCP, 4, 0, 1, SECONDS_MAX, 7200, 0},         /* KEEPIDLE */
    {IPPROTO_TCP, 5, 0, 1, SECONDS_MAX, 75, 0},           /* KEEPINTVL */
    {IPPROTO_TCP, 6, 0, 1, 127, 9, 0},                    /* KEEPCNT */
    {IPPROTO_TCP, TCP_LINGER2, 0, INT32_MIN, INT32_MAX, 60, 0},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, INT32_MIN, INT32_MAX, 0, 0},
    {IPPROTO_TCP, 12, ON_OFF, INT32_MIN, INT32_MAX, 1, 0}, /* QUICKACK */
    {IPPROTO_TCP, 18, 0, 0, INT32_MAX, 0, 0},              /* USER_TIMEOUT */
    {IPPROTO_TCP, TCP_FASTOPEN, 0, 0, INT32_MAX, 0, 0},
    {IPPROTO_TCP, 25, 0, INT32_MIN, INT32_MAX, 0, 0},            /* NOTSENT_LOWAT */
    {IPPROTO_IP, 6, ON_OFF | EMPTY, INT32_MIN, INT32_MAX, 0, 0}, /* RECVOPTS */
    {IPPROTO_IP, 10, EMPTY, 0, 5, 1, 0},                         /* MTU_DISCOVER */
    {IPPROTO_IP, IP_MTU, LATER, 0, 0, INTERFACE_MTU, 0},
    {IPPROTO_IP, 15, ON_OFF, INT32_MIN, INT32_MAX, 0, 0},         /* FREEBIND */
    {IPPROTO_IP, 24, ON_OFF | EMPTY, INT32_MIN, INT32_MAX, 0, 0}, /* BIND_ADDRESS_NO_PORT */
    {IPPROTO_IP, 34, ON_OFF, INT32_MIN, INT32_MAX, 1, 0},         /* MULTICAST_LOOP */
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, PACKETS, 0, INTERFACE_INDEX, 0, 0},
    {IPPROTO_IPV6, 29, ON_OFF, INT32_MIN, INT32_MAX, 1, 0}, /* MULTICAST_ALL */
    {IPPROTO_IPV6, 18, PACKETS | USUAL, 0, 255, 1, 1},      /* MULTICAST_HOPS */
    {IPPROTO_IPV6, 19, ON_OFF, 0, 1, 1, 0},                 /* MULTICAST_LOOP */
    {IPPROTO_IPV6, 23, 0, 0, 5, 1, 0},                      /* MTU_DISCOVER */
    {IPPROTO_IPV6, IPV6_MTU, LATER, 0, 0, INTERFACE_MTU, 0},
};
_Static_assert(ARRAY_LEN(table) <= INET_VALUES, "each option has a place");
enum { V6ONLY, RECVERR4, RECVERR6, NUMBERS };

/* The only congestion control: there is no congestion. */
#define CONGESTION "cubic"

bool inet_v6only(const struct inet_socket *i)
{
    return i->value[V6ONLY];
}

bool inet_wants_errors(const struct inet_socket *i, bool six)
{
    return i->value[six ? RECVERR6 : RECVERR4];
}

int32_t inet_option_number(const struct inet_socket *i, enum inet_number what)
{
    unsigned k = NUMBERS + what;

    return table[k].flags & USUAL && i->value[k] == -1 ? table[k].usual : i->value[k];
}

bool inet_option_is_set(const struct inet_socket *i, enum inet_number what)
{
    return i->value[NUMBERS + what] != table[NUMBERS + what].initial;
}

void inet_option_init(struct inet_socket *i)
{
    for (unsigned k = 0; k < ARRAY_LEN(table); k++)
        i->value[k] = table[k].initial;
}

static bool has_level(const struct inet_socket *i, int level)
{
    return level == IPPROTO_IP || (level == IPPROTO_TCP && i->s.type == SOCK_STREAM) ||
           (level == IPPROTO_IPV6 && i->s.family == AF_INET6) ||
           (level == IPPROTO_UDPLITE && i->s.type == SOCK_DGRAM);
}

/* What belongs to datagrams has two levels by name, which are one. */
static int level_of(int level)
{
    return level == IPPROTO_UDP ? IPPROTO_UDPLITE : level;
}

/* The place of a socket's option, or -1. */
static int find(const struct inet_socket *i, int level, int option)
{
    if (has_level(i, level))
        for (unsigned k = 0; k < ARRAY_LEN(table); k++)
            if (table[k].level == level && table[k].option == option)
                return (int)k;
    return -1;
}

/* --- setting --- */

/* A number as a program gives it: a byte is enough for IP, and for some of its options none; no address is 0
 * for IPv6. */
static int read_number(int level, unsigned flags, vaddr_t value, uint32_t size, int32_t *out)
{
    uint8_t byte;

    *out = 0;
    if (size >= sizeof *out)
        return (level != IPPROTO_IPV6 || value) && user_copy_in(out, value, sizeof *out) ? -EFAULT : 0;
    if (flags & EMPTY && !size)
        return 0;
    if (level != IPPROTO_IP || !size)
        return -EINVAL;
    if (user_copy_in(&byte, value, 1))
        return -EFAULT;
    *out = byte;
    return 0;
}

static int set_congestion(vaddr_t value, uint32_t size)
{
    char name[16] = "";

    if (!size)
        return -EINVAL;
    if (user_copy_in(name, value, size < sizeof name - 1 ? size : sizeof name - 1))
        return -EFAULT;
    return strcmp(name, CONGESTION) ? -ENOENT : 0;
}

/* IP_MULTICAST_IF: an address of the interface; or a group, which does not matter, an address, and maybe the
 * number of the interface, which decides if it is there. */
static int set_group_interface(struct inet_socket *i, vaddr_t value, uint32_t size)
{
    struct {
        uint8_t group[4], address[4];
        int32_t interface;
    } q = {.interface = 0};
    struct inet_end e = {0};

    if (size < sizeof q.address)
        return -EINVAL;
    if (size < sizeof q.group + sizeof q.address ? user_copy_in(q.address, value, sizeof q.address)
                                                 : user_copy_in(&q, value, size < sizeof q ? 8 : sizeof q))
        return -EFAULT;
    e.ip = inet_read_ip4(q.address);
    if (q.interface ? q.interface != INTERFACE_INDEX : !inet_is_ours(&e))
        return -EADDRNOTAVAIL;
    i->group_interface = q.interface || e.ip;
    i->group_source = e.ip;
    return 0;
}

/* What is no number, or does not exist here: 0, -errno, or 1: it is something else. */
static int set_other(struct inet_socket *i, int level, int option, vaddr_t value, uint32_t size)
{
    bool stream = i->s.type == SOCK_STREAM;

    if (level == IPPROTO_TCP && stream && option == TCP_CONGESTION)
        return set_congestion(value, size);
    if (level == IPPROTO_IP && option == IP_MULTICAST_IF)
        return stream ? -EINVAL : set_group_interface(i, value, size);
    return multicast_set_option(i, level, option, value, size);
}

/* How long it takes to send a segment again and again, waiting twice as long each time, until that is no less
 * than so many seconds, or it was sent 255 times. */
static int32_t whole_waits(int32_t seconds)
{
    int32_t all = 0;

    for (int32_t n = 0, wait = 1; all < seconds && n < 255; n++) {
        all += wait;
        wait = wait * 2 < WAIT_MAX ? wait * 2 : WAIT_MAX;
    }
    return all;
}

#define PLACE(level, option) ((level) << 8 | (option))

/* What is kept of a good number that is neither on nor off. */
static int32_t remembered(const struct inet_socket *i, unsigned k, int32_t v)
{
    switch (PLACE(table[k].level, table[k].option)) {
    case PLACE(IPPROTO_IP, IP_TOS):
    case PLACE(IPPROTO_IPV6, IPV6_TCLASS): /* the bits for congestion are a connection's own */
        v &= 0xFF;
        return i->s.type == SOCK_STREAM ? (v & ~3) | (i->value[k] & 3) : v;
    case PLACE(IPPROTO_TCP, TCP_LINGER2):
        return v < 0 ? -1 : !v ? table[k].initial : v < WAIT_MAX ? v : WAIT_MAX;
    case PLACE(IPPROTO_TCP, TCP_DEFER_ACCEPT):
        return whole_waits(v);
    case PLACE(IPPROTO_TCP, TCP_FASTOPEN):
        return (uint32_t)v < socket_backlog_max ? v : (int32_t)socket_backlog_max;
    default:
        return v;
    }
}

int inet_set_option(struct socket *s, int level, int option, vaddr_t value, uint32_t size)
{
    struct inet_socket *i = inet_of(s);
    const struct option *o;
    int32_t number;
    int k, err;

    level = level_of(level);
    err = set_other(i, level, option, value, size);
    if (err <= 0)
        return err;
    k = find(i, level, option);
    if (k < 0) {
        err = has_level(i, level) && level != IPPROTO_IP && level != IPPROTO_IPV6
                  ? read_number(level, 0, value, size, &number)
                  : 0;
        return err ? err : -ENOPROTOOPT;
    }
    o = &table[k];
    if (o->flags & LATER)
        return -ENOPROTOOPT;
    if (o->flags & PACKETS && s->type == SOCK_STREAM)
        return level == IPPROTO_IP ? -EINVAL : -ENOPROTOOPT;
    err = read_number(level, o->flags, value, size, &number);
    if (err)
        return err;
    if (o->flags & FRESH && i->in_ports)
        return -EINVAL;
    if (o->flags & COVERED && s->protocol != IPPROTO_UDPLITE)
        return -ENOPROTOOPT;
    if (o->flags & COVERED)
        number = !number ? 0 : number < o->min ? o->min : number > o->max ? o->max : number;
    else if (o->flags & USUAL && number == -1)
        number = o->initial;
    else if ((number < o->min || number > o->max) && (number || !(o->flags & OR_ZERO)))
        return level == IPPROTO_IPV6 && option == IPV6_MULTICAST_IF ? -ENODEV : -EINVAL;
    i->value[k] = o->flags & ON_OFF ? number != 0 : remembered(i, (unsigned)k, number);
    if (level == IPPROTO_UDPLITE && option == UDP_CORK && !number)
        udp_push(i);
    return 0;
}

/* --- telling --- */

/* The beginning of struct tcp_info. */
struct tcp_info {
    uint8_t state, congestion, retransmits, probes, backoff, options, scale, limits;
    uint32_t rest[24];
};

static int get_bytes(const void *from, uint32_t full, vaddr_t value, vaddr_t user_size, uint32_t size)
{
    if (size > full)
        size = full;
    if (user_write32(user_size, size) || user_copy_out(value, from, size))
        return -EFAULT;
    return 0;
}

/* What the kernel knows better than the table. */
static int32_t value_of(const struct inet_socket *i, unsigned k)
{
    const struct option *o = &table[k];
    int32_t v = i->value[k];

    if (o->flags & USUAL && v == -1)
        return o->usual;
    if (o->level == IPPROTO_TCP && o->option == TCP_MAXSEG) {
        if (i->tcp == TCP_CLOSE || i->tcp == TCP_LISTEN)
            return v ? v : 536;
        return i->own.six ? 65464 : 65483;
    }
    return v;
}

int inet_get_option(struct socket *s, int level, int option, vaddr_t value, vaddr_t user_size)
{
    static const char congestion[16] = CONGESTION;
    struct inet_socket *i = inet_of(s);
    struct tcp_info info = {.state = (uint8_t)i->tcp};
    uint8_t address[4];
    uint32_t size;
    int32_t number;
    int k;

    if (user_read32(&size, user_size))
        return -EFAULT;
    if ((int32_t)size < 0 && level != IPPROTO_IPV6)
        return -EINVAL;
    if (level == IPPROTO_TCP && s->type == SOCK_STREAM && option == TCP_INFO)
        return get_bytes(&info, sizeof info, value, user_size, size);
    if (level == IPPROTO_TCP && s->type == SOCK_STREAM && option == TCP_CONGESTION)
        return get_bytes(congestion, sizeof congestion, value, user_size, size);
    level = level_of(level);
    if (level == IPPROTO_IP && option == IP_MULTICAST_IF) {
        inet_write_ip4(address, i->group_source);
        return get_bytes(address, sizeof address, value, user_size, size);
    }
    if (!has_level(i, level))
        return s->family == AF_INET ? -EOPNOTSUPP : -ENOPROTOOPT;
    k = find(i, level, option);
    if (k < 0)
        return -ENOPROTOOPT;
    if (table[k].flags & LATER && !i->linked)
        return -ENOTCONN;
    number = value_of(i, (unsigned)k);
    if (level == IPPROTO_IP && size > 0 && size < sizeof number && number >= 0 && number <= 255)
        return get_bytes(&number, 1, value, user_size, size);
    return get_bytes(&number, sizeof number, value, user_size, size);
}
