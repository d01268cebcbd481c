/* /proc/net: sockets of TCP, UDP and UDP-Lite, interfaces and routes, as Linux has them. */
#include "kernel/net/inet.h"
#include "kernel/net/interface.h"
#include "kernel/net/multicast.h"
#include "kernel/net/queue.h"
#include "kernel/net/tcp_wait.h"
#include "kernel/procfs/procfs.h"

/* Linux fills the lines of IPv4 with blanks up to here. */
#define TCP_WIDTH   149u
#define UDP_WIDTH   127u
#define ROUTE_WIDTH 127u
#define TICK_NS     4000000u /* Debian's */

/* An address as a number of the order of bytes of the network, in words of the processor's. */
static void show_end(struct text *t, unsigned family, const struct inet_end *e)
{
    uint32_t ip = __builtin_bswap32(e->ip);

    if (family == AF_INET)
        text_print(t, " %08X:%04X", ip, e->port);
    else
        text_print(t, " %08X%08X%08X%08X:%04X", 0, 0, e->six ? 0 : 0xFFFF0000u, ip, e->port);
}

static void show_socket(struct text *t, const struct inet_socket *i, unsigned number)
{
    static const struct inet_end none, none_six = {.six = true};
    const struct socket *s = &i->s;
    bool stream = s->type == SOCK_STREAM;
    uint32_t waits = !stream ? s->kept : i->tcp == TCP_LISTEN ? s->pending : message_bytes(s);

    text_print(t, stream ? "%4u:" : "%5u:", number);
    show_end(t, s->family, &i->own);
    show_end(t, s->family, i->linked ? &i->other : i->own.six ? &none_six : &none);
    text_print(t, " %02X %08X:%08X %02X:%08X %08X %5u %8d %u %u %08X", i->tcp, 0, waits, 0, 0, 0,
               s->inode.uid, 0, s->inode.ino, s->refs, 0);
    if (!stream)
        text_print(t, " %u", 0);
    else
        text_print(t, i->tcp == TCP_LISTEN ? " 100 0 0 10 0" : " 20 4 0 10 -1");
    if (s->family == AF_INET)
        text_column(t, stream ? TCP_WIDTH : UDP_WIDTH);
    text_print(t, "\n");
}

/* An end that keeps its ports without a socket; the timer says when it ends, in Linux's ticks. */
static void show_wait(struct text *t, const struct tcp_wait *w, unsigned number)
{
    uint64_t now = os_now_ns();

    text_print(t, "%4u:", number);
    show_end(t, w->family, &w->own);
    show_end(t, w->family, &w->other);
    text_print(t, " %02X %08X:%08X %02X:%08X %08X %5u %8d %u %u %08X", w->whole ? 6 : TCP_FIN_WAIT, 0, 0, 3,
               w->until > now ? (uint32_t)((w->until - now) / TICK_NS) : 0, 0, 0, 0, 0, 3, 0);
    if (w->family == AF_INET)
        text_column(t, TCP_WIDTH);
    text_print(t, "\n");
}

/* Which sockets a file has. */
struct kind {
    uint16_t family, protocol;
    const char *head;
    size_t width;
};
#define TAIL  " st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
#define HEAD4 "local_address rem_address  " TAIL
#define HEAD6 "local_address                         remote_address                       " TAIL
#define MORE  " ref pointer drops"
static const struct kind tcp4 = {AF_INET, IPPROTO_TCP, "  sl  " HEAD4, TCP_WIDTH},
                         tcp6 = {AF_INET6, IPPROTO_TCP, "  sl  " HEAD6, 0},
                         udp4 = {AF_INET, IPPROTO_UDP, "   sl  " HEAD4 MORE, UDP_WIDTH},
                         udp6 = {AF_INET6, IPPROTO_UDP, "  sl  " HEAD6 MORE, 0},
                         udplite4 = {AF_INET, IPPROTO_UDPLITE, "   sl  " HEAD4 MORE, UDP_WIDTH},
                         udplite6 = {AF_INET6, IPPROTO_UDPLITE, "  sl  " HEAD6 MORE, 0};

static int show_sockets(struct text *t, const struct proc_node *n)
{
    const struct kind *k = n->entry->arg;
    unsigned number = 0;

    text_print(t, "%s", k->head);
    text_column(t, k->width);
    text_print(t, "\n");
    for (struct socket *s = socket_all; s; s = s->all_next) {
        const struct inet_socket *i = inet_of(s);

        if (s->family != k->family || s->protocol != k->protocol || s->dead || !i->in_ports)
            continue;
        if (s->type == SOCK_DGRAM || i->tcp != TCP_CLOSE)
            show_socket(t, i, number++);
    }
    for (const struct tcp_wait *w = tcp_wait_first; w; w = w->next)
        if (k->protocol == IPPROTO_TCP && w->family == k->family)
            show_wait(t, w, number++);
    return 0;
}

static int show_dev(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "Inter-|   Receive                                                |  Transmit\n"
                  " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
                  "drop fifo colls carrier compressed\n");
    text_print(t, "%6s: %7u %7u %4u %4u %4u %5u %10u %9u %8u %7u %4u %4u %4u %5u %7u %10u\n", INTERFACE_NAME,
               0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    return 0;
}

/* That of the loopback addresses is not in this table, as on Linux. */
static int show_route(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
    text_column(t, ROUTE_WIDTH);
    text_print(t, "\n");
    return 0;
}

/* Address, index, length of its prefix, scope, flags. */
static int show_if_inet6(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "%024X%08X %02x %02x %02x %02x %8s\n", 0, 1, INTERFACE_INDEX, 128, 16, 128, INTERFACE_NAME);
    return 0;
}

/* Groups of IPv4. That of all hosts is the interface's own. */
static int show_igmp(struct text *t, const struct proc_node *n)
{
    uint32_t count = 1;

    (void)n;
    for (const struct group *g = multicast_next(NULL); g; g = multicast_next(g))
        count += !g->six;
    text_print(t, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n%d\t%-10s: %5u %7s\n",
               INTERFACE_INDEX, INTERFACE_NAME, count, "V3");
    for (const struct group *g = multicast_next(NULL); g; g = multicast_next(g))
        if (!g->six)
            text_print(t, "\t\t\t\t%08X %5u 0:00000000\t\t0\n", __builtin_bswap32(inet_read_ip4(g->address)),
                       g->users);
    text_print(t, "\t\t\t\t%08X     1 0:00000000\t\t0\n", __builtin_bswap32(IP4_ALL_HOSTS));
    return 0;
}

static int show_igmp6(struct text *t, const struct proc_node *n)
{
    (void)n;
    for (const struct group *g = multicast_next(NULL); g; g = multicast_next(g)) {
        if (!g->six)
            continue;
        text_print(t, "%-4d %-15s ", INTERFACE_INDEX, INTERFACE_NAME);
        for (unsigned k = 0; k < sizeof g->address; k++)
            text_print(t, "%02x", g->address[k]);
        text_print(t, " %5u 00000004 0\n", g->users);
    }
    text_print(t, "%-4d %-15s ff020000000000000000000000000001     1 0000000C 0\n", INTERFACE_INDEX,
               INTERFACE_NAME);
    text_print(t, "%-4d %-15s ff010000000000000000000000000001     1 00000008 0\n", INTERFACE_INDEX,
               INTERFACE_NAME);
    return 0;
}

/* --- counts --- */

struct counts {
    uint32_t used;                       /* of all families, those that wait to be accepted too */
    uint32_t allocated;                  /* of TCP, with an other end or a port or without */
    uint32_t orphans;                    /* of TCP, closed by their programs, and not at their end yet */
    uint32_t connected;                  /* of TCP */
    uint32_t tcp[2], udp[2], udplite[2]; /* that can be reached: of IPv4, of IPv6 */
};

static void count_sockets(struct counts *c)
{
    memset(c, 0, sizeof *c);
    for (struct socket *s = socket_all; s; s = s->all_next) {
        const struct inet_socket *i = inet_of(s);
        bool six = s->family == AF_INET6;

        c->used += !s->dead;
        if (s->family != AF_INET && !six)
            continue;
        if (s->type == SOCK_DGRAM && !s->dead && i->in_ports)
            ++*(s->protocol == IPPROTO_UDPLITE ? &c->udplite[six] : &c->udp[six]);
        if (s->type != SOCK_STREAM)
            continue;
        c->allocated += !s->dead || i->tcp != TCP_CLOSE;
        c->orphans += s->dead && i->tcp != TCP_CLOSE;
        c->tcp[six] += i->tcp != TCP_CLOSE;
        c->connected += i->tcp == TCP_ESTABLISHED || i->tcp == TCP_CLOSE_WAIT;
    }
}

/* Memory of theirs is not counted by protocols, and there are neither raw sockets nor fragments. */
static int show_sockstat(struct text *t, const struct proc_node *n)
{
    struct counts c;

    (void)n;
    count_sockets(&c);
    text_print(t, "sockets: used %u\nTCP: inuse %u orphan %u tw %u alloc %u mem %u\n", c.used, c.tcp[0],
               c.orphans, tcp_wait_count(), c.allocated, 0);
    text_print(t, "UDP: inuse %u mem %u\nUDPLITE: inuse %u\nRAW: inuse %u\nFRAG: inuse %u memory %u\n",
               c.udp[0], 0, c.udplite[0], 0, 0, 0);
    return 0;
}

static int show_sockstat6(struct text *t, const struct proc_node *n)
{
    struct counts c;

    (void)n;
    count_sockets(&c);
    text_print(
        t, "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse %u\nRAW6: inuse %u\nFRAG6: inuse %u memory %u\n",
        c.tcp[1], c.udp[1], c.udplite[1], 0, 0, 0);
    return 0;
}

/* More than a line of text_print(). */
static void put(struct text *t, const char *s)
{
    text_put(t, s, strlen(s));
}

/* Packets are not counted, since there are none: but for what is set, and connections, all is 0. */
static int show_snmp(struct text *t, const struct proc_node *n)
{
    struct counts c;

    (void)n;
    count_sockets(&c);
    put(t, "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos "
           "InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs "
           "ReasmFails FragOKs FragFails FragCreates\n"
           "Ip: 2 64 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
    put(t, "Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs "
           "InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs "
           "OutErrors OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs "
           "OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks "
           "OutAddrMaskReps\n"
           "Icmp: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
    text_print(t,
               "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets "
               "CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n"
               "Tcp: 1 200 120000 -1 0 0 0 0 %u 0 0 0 0 0 0\n",
               c.connected);
    for (unsigned i = 0; i < 2; i++) {
        const char *name = i ? "UdpLite" : "Udp";

        text_print(t,
                   "%s: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors "
                   "IgnoredMulti MemErrors\n%s: 0 0 0 0 0 0 0 0 0\n",
                   name, name);
    }
    return 0;
}

#define SOCKETS(name_, kind_)                                                                                \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_sockets, .arg = &kind_                           \
    }
#define FILE(name_, show_)                                                                                   \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_                                                 \
    }
const struct proc_entry proc_net_entries[] = {
    FILE("dev", show_dev),
    FILE("if_inet6", show_if_inet6),
    FILE("igmp", show_igmp),
    FILE("igmp6", show_igmp6),
    FILE("route", show_route),
    FILE("snmp", show_snmp),
    FILE("sockstat", show_sockstat),
    FILE("sockstat6", show_sockstat6),
    SOCKETS("tcp", tcp4),
    SOCKETS("tcp6", tcp6),
    SOCKETS("udp", udp4),
    SOCKETS("udp6", udp6),
    SOCKETS("udplite", udplite4),
    SOCKETS("udplite6", udplite6),
    FILE("unix", proc_show_unix),
    {.name = NULL},
};
