/* /proc/net: sockets of TCP, UDP and UDP-Lite, interfaces and routes, as Linux has them. */
#include "kernel/net/inet.h"
#include "kernel/net/interface.h"
#include "kernel/net/queue.h"
#include "kernel/procfs/procfs.h"

/* Linux fills the lines of IPv4 with blanks up to here. */
#define TCP_WIDTH   149u
#define UDP_WIDTH   127u
#define ROUTE_WIDTH 127u

/* An address as a number of the order of bytes of the network, in words of the processor's. */
static void show_end(struct text *t, const struct inet_socket *i, const struct inet_end *e)
{
    uint32_t ip = __builtin_bswap32(e->ip);

    if (i->s.family == AF_INET)
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
    show_end(t, i, &i->own);
    show_end(t, i, i->linked ? &i->other : i->own.six ? &none_six : &none);
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
    FILE("route", show_route),
    SOCKETS("tcp", tcp4),
    SOCKETS("tcp6", tcp6),
    SOCKETS("udp", udp4),
    SOCKETS("udp6", udp6),
    SOCKETS("udplite", udplite4),
    SOCKETS("udplite6", udplite6),
    FILE("unix", proc_show_unix),
    {.name = NULL},
};
