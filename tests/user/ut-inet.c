/* AF_INET and AF_INET6 on the loopback address: families, names, ports, options, the interface. Connections
 * are in ut-tcp.c, datagrams in ut-udp.c. */
#include "tests/user/inet.h"

static void making(void)
{
    int s;

    PART("making");
    TRY(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    TRY(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
    TRY(socket(AF_INET, SOCK_SEQPACKET, 0));
    TRY(socket(AF_INET, SOCK_RDM, 0));
    TRY(socket(AF_INET, SOCK_RAW, 0));
    TRY(socket(AF_INET, SOCK_STREAM, 300));
    TRY(socket(AF_INET, SOCK_STREAM, -1));
    TRY(socket(AF_INET, 15, 0));
    TRY(socket(AF_INET6, SOCK_STREAM, IPPROTO_UDP));
    TRY(socket(45, SOCK_STREAM, 0));
    TRY(socket(99, SOCK_STREAM, 0));
    TRY(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0, 0}));
    TRY(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
    TRY(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6));
    TRY(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMP));
    TRY(socket(AF_INET, SOCK_STREAM, 256));
    TRY(socket(AF_INET, SOCK_STREAM, 263));
    s = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    SHOW(fcntl(s, F_GETFD));
    SHOW(fcntl(s, F_GETFL) & ~O_LARGEFILE);
    SHOW(inet_option(s, SOL_SOCKET, SO_TYPE));
    SHOW(inet_option(s, SOL_SOCKET, SO_DOMAIN));
    SHOW(inet_option(s, SOL_SOCKET, SO_PROTOCOL));
    inet_say_name("own", getsockname, s, 0);
    TRY(lseek(s, 0, SEEK_CUR));
    close(s);
}

static void bind_one(const char *ip, int port)
{
    int s = socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

    ut_result(ip, inet_bind_to(s, ip, port));
    inet_say_name("own", getsockname, s, port);
    close(s);
}

static void connect_one(const char *ip)
{
    bool six = strchr(ip, ':');
    int s = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0), l = inet_listener(six ? "::" : "0.0.0.0", 1);

    ut_result(ip, inet_connect_to(s, ip, inet_port(l)));
    inet_say_name("own", getsockname, s, 0);
    inet_say_name("peer", getpeername, s, inet_port(l));
    close(s);
    close(l);
}

static void addresses(void)
{
    struct inet_any a = inet_make("127.0.0.1", 0);
    int s;

    PART("addresses to bind to");
    bind_one("127.0.0.1", 0);
    bind_one("127.9.8.7", 0);
    bind_one("0.0.0.0", 0);
    bind_one("192.0.2.1", 0);
    bind_one("0.0.0.1", 0);
    bind_one("::1", 0);
    bind_one("::", 0);
    bind_one("::2", 0);
    bind_one("2001:db8::1", 0);
    bind_one("fe80::1", 0);
    bind_one("::ffff:127.0.0.1", 0);
    bind_one("::ffff:0.0.0.0", 0);
    bind_one("::ffff:192.0.2.1", 0);
    s = socket(AF_INET, SOCK_STREAM, 0);
    TRY(bind(s, &a.any, 15));
    a.any.sa_family = AF_INET6;
    TRY(bind(s, &a.any, a.size));
    a.any.sa_family = AF_UNSPEC;
    TRY(bind(s, &a.any, a.size));
    TRY(connect(s, &a.any, 1));
    a.any.sa_family = AF_UNIX;
    TRY(connect(s, &a.any, a.size));
    a.any.sa_family = AF_INET;
    TRY(connect(s, &a.any, 15));
    memset(&a.four.sin_addr, 0, sizeof a.four.sin_addr);
    a.any.sa_family = AF_UNSPEC;
    TRY(bind(s, &a.any, a.size));
    close(s);
    s = socket(AF_INET6, SOCK_STREAM, 0);
    a = inet_make("::1", 0);
    TRY(bind(s, &a.any, 23));
    a.any.sa_family = AF_INET;
    TRY(bind(s, &a.any, a.size));
    a.any.sa_family = AF_INET6;
    TRY(bind(s, &a.any, 24));
    close(s);
    PART("addresses to connect to");
    connect_one("127.0.0.1");
    connect_one("127.0.0.5");
    connect_one("0.0.0.0");
    connect_one("192.0.2.1");
    connect_one("127.255.255.255");
    connect_one("255.255.255.255");
    connect_one("224.0.0.1");
    connect_one("::1");
    connect_one("::");
    connect_one("2001:db8::1");
    connect_one("fe80::1");
    connect_one("::ffff:127.0.0.1");
    connect_one("::ffff:127.0.0.7");
    connect_one("::ffff:192.0.2.1");
}

/* Whether a second socket may be at the port of a first one. */
static void second(const char *a, const char *b, int option, bool listening)
{
    int s = socket(strchr(a, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0),
        t = socket(strchr(b, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

    if (option) {
        inet_set(s, SOL_SOCKET, option, 1);
        inet_set(t, SOL_SOCKET, option, 1);
    }
    if (inet_bind_to(s, a, 0) || (listening && listen(s, 1)))
        ut_say("cannot listen: %s", ut_errno(errno));
    ut_say("%s, then %s, option %d, %s:", a, b, option, listening ? "listening" : "bound");
    TRY(inet_bind_to(t, b, inet_port(s)));
    TRY(listen(t, 1));
    close(s);
    close(t);
}

static void ports(void)
{
    int s, t, c, a, port;

    PART("several at a port");
    for (int listening = 0; listening < 2; listening++) {
        second("127.0.0.1", "127.0.0.1", 0, listening);
        second("127.0.0.1", "127.0.0.2", 0, listening);
        second("0.0.0.0", "127.0.0.2", 0, listening);
        second("127.0.0.1", "0.0.0.0", SO_REUSEADDR, listening);
        second("127.0.0.1", "127.0.0.1", SO_REUSEADDR, listening);
        second("127.0.0.1", "127.0.0.1", SO_REUSEPORT, listening);
        second("::", "127.0.0.1", 0, listening);
        second("::1", "127.0.0.1", 0, listening);
        second("::1", "0.0.0.0", 0, listening);
        second("0.0.0.0", "::", 0, listening);
        second("::ffff:127.0.0.1", "127.0.0.1", 0, listening);
    }
    PART("what was accepted keeps the port");
    s = inet_listener("127.0.0.1", 1);
    port = inet_port(s);
    c = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_connect_to(c, "127.0.0.1", port));
    a = accept(s, NULL, NULL);
    close(s);
    s = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_bind_to(s, "127.0.0.1", port));
    inet_set(s, SOL_SOCKET, SO_REUSEADDR, 1);
    TRY(inet_bind_to(s, "127.0.0.1", port));
    close(s);
    close(a);
    close(c);
    PART("a port that was chosen");
    s = inet_listener("127.0.0.1", 2);
    t = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_bind_to(t, "0.0.0.0", 0));
    port = inet_port(t);
    TRY(inet_connect_to(t, "127.0.0.1", inet_port(s)));
    inet_say_name("own", getsockname, t, port);
    struct inet_any from = {.size = sizeof from.six};

    a = accept(s, &from.any, &from.size);
    inet_say("accepted", &from, port);
    close(a);
    close(t);
    close(s);
}

/* One that listens at :: takes both, unless it is told not to. */
static void both(void)
{
    int s = inet_listener("::", 5), c = socket(AF_INET, SOCK_STREAM, 0), a;
    struct inet_any from = {.size = sizeof from.six};

    PART("IPv4 within IPv6");
    TRY(inet_connect_to(c, "127.0.0.1", inet_port(s)));
    a = accept(s, &from.any, &from.size);
    inet_say("accepted", &from, inet_port(c));
    inet_say_name("own", getsockname, a, inet_port(s));
    SHOW(inet_option(a, SOL_SOCKET, SO_DOMAIN));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    close(a);
    close(c);
    close(s);
    s = socket(AF_INET6, SOCK_STREAM, 0);
    SHOW(inet_option(s, IPPROTO_IPV6, IPV6_V6ONLY));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    SHOW(inet_option(s, IPPROTO_IPV6, IPV6_V6ONLY));
    TRY(inet_bind_to(s, "::ffff:127.0.0.1", 0));
    TRY(inet_connect_to(s, "::ffff:127.0.0.1", 9));
    TRY(inet_bind_to(s, "::", 0));
    TRY(listen(s, 1));
    c = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_connect_to(c, "127.0.0.1", inet_port(s)));
    close(c);
    c = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_bind_to(c, "0.0.0.0", inet_port(s)));
    close(c);
    close(s);
}

static void options(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0),
        six = socket(AF_INET6, SOCK_DGRAM, 0);
    char name[20] = "";
    socklen_t n = sizeof name;
    uint8_t byte = 9;

    PART("options");
    SHOW(inet_option(s, IPPROTO_TCP, TCP_NODELAY));
    TRY(inet_set(s, IPPROTO_TCP, TCP_NODELAY, 7));
    SHOW(inet_option(s, IPPROTO_TCP, TCP_NODELAY));
    SHOW(inet_option(s, IPPROTO_TCP, TCP_MAXSEG));
    SHOW(inet_option(s, IPPROTO_TCP, TCP_KEEPIDLE));
    SHOW(inet_option(s, IPPROTO_TCP, TCP_KEEPINTVL));
    SHOW(inet_option(s, IPPROTO_TCP, TCP_KEEPCNT));
    TRY(inet_set(s, IPPROTO_TCP, TCP_KEEPIDLE, 0));
    TRY(inet_set(s, IPPROTO_TCP, TCP_KEEPIDLE, 40000));
    TRY(inet_set(s, IPPROTO_TCP, TCP_KEEPIDLE, 100));
    SHOW(inet_option(s, IPPROTO_TCP, TCP_KEEPIDLE));
    TRY(inet_set(s, IPPROTO_TCP, TCP_KEEPCNT, 128));
    TRY(inet_set(s, IPPROTO_TCP, TCP_USER_TIMEOUT, -1));
    SHOW(inet_option(s, IPPROTO_TCP, TCP_LINGER2));
    SHOW(inet_option(s, IPPROTO_TCP, TCP_QUICKACK));
    SHOW(inet_option(s, IPPROTO_TCP, 77));
    TRY(inet_set(s, IPPROTO_TCP, 77, 1));
    TRY(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &byte, 1));
    TRY(getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &n));
    ut_say("%s, %u", name, n);
    TRY(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8));
    TRY(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5));
    TRY(inet_set(u, IPPROTO_TCP, TCP_NODELAY, 1));
    SHOW(inet_option(u, IPPROTO_TCP, TCP_NODELAY));
    SHOW(inet_option(s, IPPROTO_IP, IP_TTL));
    TRY(setsockopt(s, IPPROTO_IP, IP_TTL, &byte, 1));
    n = 1;
    TRY(getsockopt(s, IPPROTO_IP, IP_TTL, name, &n));
    SHOW(name[0]);
    SHOW(n);
    TRY(inet_set(s, IPPROTO_IP, IP_TTL, 256));
    TRY(inet_set(s, IPPROTO_IP, IP_TTL, 0));
    TRY(inet_set(s, IPPROTO_IP, IP_TTL, -1));
    SHOW(inet_option(s, IPPROTO_IP, IP_TTL));
    SHOW(inet_option(s, IPPROTO_IP, IP_TOS));
    TRY(inet_set(s, IPPROTO_IP, IP_TOS, 16));
    SHOW(inet_option(s, IPPROTO_IP, IP_TOS));
    SHOW(inet_option(s, IPPROTO_IP, IP_MTU_DISCOVER));
    SHOW(inet_option(s, IPPROTO_IP, IP_MTU));
    TRY(inet_set(s, IPPROTO_IP, IP_MULTICAST_TTL, 3));
    TRY(inet_set(u, IPPROTO_IP, IP_MULTICAST_TTL, 3));
    SHOW(inet_option(u, IPPROTO_IP, IP_MULTICAST_TTL));
    SHOW(inet_option(u, IPPROTO_IP, IP_MULTICAST_LOOP));
    TRY(setsockopt(u, IPPROTO_IP, IP_ADD_MEMBERSHIP, "\340\0\0\1\0\0\0", 8));
    TRY(inet_set(u, IPPROTO_IP, IP_ADD_MEMBERSHIP, 3));
    TRY(inet_set(u, IPPROTO_IP, 60, 3));
    SHOW(inet_option(s, IPPROTO_IPV6, IPV6_V6ONLY));
    TRY(inet_set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    SHOW(inet_option(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS));
    TRY(inet_set(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 5));
    SHOW(inet_option(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS));
    TRY(inet_set(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256));
    SHOW(inet_option(six, IPPROTO_IPV6, IPV6_TCLASS));
    SHOW(inet_option(six, IPPROTO_IPV6, IPV6_MULTICAST_HOPS));
    SHOW(inet_option(six, IPPROTO_IP, IP_TTL));
    TRY(inet_set(s, 99, 1, 1));
    SHOW(inet_option(s, 99, 1));
    SHOW(inet_option(s, SOL_SOCKET, SO_SNDBUF));
    SHOW(inet_option(s, SOL_SOCKET, SO_RCVBUF));
    SHOW(inet_option(u, SOL_SOCKET, SO_SNDBUF));
    TRY(inet_set(s, SOL_SOCKET, SO_KEEPALIVE, 1));
    SHOW(inet_option(s, SOL_SOCKET, SO_KEEPALIVE));
    close(s);
    close(u);
    close(six);
}

/* What is not kept as it is said. */
static void changed(void)
{
    static const int values[] = {0, 1, 3, 100, 121, 257, 70000, -1};
    int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0),
        six = socket(AF_INET6, SOCK_STREAM, 0), value = 7;
    socklen_t n = (socklen_t)-1;

    PART("options that become others");
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        int v = values[i];

        SHOW(v);
        TRY(inet_set(s, IPPROTO_TCP, TCP_LINGER2, v));
        SHOW(inet_option(s, IPPROTO_TCP, TCP_LINGER2));
        TRY(inet_set(s, IPPROTO_TCP, TCP_DEFER_ACCEPT, v));
        SHOW(inet_option(s, IPPROTO_TCP, TCP_DEFER_ACCEPT));
        TRY(inet_set(s, IPPROTO_TCP, TCP_FASTOPEN, v));
        SHOW(inet_option(s, IPPROTO_TCP, TCP_FASTOPEN));
        TRY(inet_set(s, IPPROTO_IP, IP_TOS, v));
        SHOW(inet_option(s, IPPROTO_IP, IP_TOS));
        TRY(inet_set(u, IPPROTO_IP, IP_TOS, v));
        SHOW(inet_option(u, IPPROTO_IP, IP_TOS));
        TRY(inet_set(six, IPPROTO_IPV6, IPV6_TCLASS, v));
        SHOW(inet_option(six, IPPROTO_IPV6, IPV6_TCLASS));
    }
    PART("without a value");
    TRY(inet_set(s, IPPROTO_TCP, TCP_MAXSEG, 0));
    TRY(inet_set(u, IPPROTO_IP, IP_TOS, 16));
    TRY(setsockopt(u, IPPROTO_IP, IP_TOS, &value, 0));
    SHOW(inet_option(u, IPPROTO_IP, IP_TOS));
    TRY(setsockopt(u, IPPROTO_IP, IP_TTL, &value, 0));
    TRY(setsockopt(u, IPPROTO_IP, IP_TOS, NULL, 4));
    TRY(setsockopt(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS, NULL, 4));
    SHOW(inet_option(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS));
    TRY(setsockopt(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &value, 3));
    TRY(getsockopt(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &value, &n));
    SHOW(n);
    n = (socklen_t)-1;
    TRY(getsockopt(six, IPPROTO_TCP, TCP_NODELAY, &value, &n));
    TRY(setsockopt(s, IPPROTO_TCP, 77, &value, 3));
    TRY(setsockopt(s, IPPROTO_TCP, 77, NULL, 4));
    SHOW(inet_option(six, 99, 1));
    SHOW(inet_option(u, 99, 1));
    close(s);
    close(u);
    close(six);
}

static void interface(void)
{
    struct ifreq r[4];
    struct ifconf c = {.ifc_len = sizeof r, .ifc_req = r};
    int s = socket(AF_INET, SOCK_DGRAM, 0), u = socket(AF_UNIX, SOCK_DGRAM, 0);
    char text[32];

    PART("the interface");
    TRY(ioctl(s, SIOCGIFCONF, &c));
    ut_say("%.16s", r[0].ifr_name);
    ut_say("%s", inet_ntop(AF_INET, &((struct sockaddr_in *)&r[0].ifr_addr)->sin_addr, text, sizeof text));
    c.ifc_len = 3;
    TRY(ioctl(s, SIOCGIFCONF, &c));
    SHOW(c.ifc_len);
    TRY(ioctl(s, SIOCGIFFLAGS, r));
    SHOW(r[0].ifr_flags);
    TRY(ioctl(u, SIOCGIFFLAGS, r));
    TRY(ioctl(s, SIOCGIFINDEX, r));
    SHOW(r[0].ifr_ifindex);
    TRY(ioctl(s, SIOCGIFMTU, r));
    SHOW(r[0].ifr_mtu);
    TRY(ioctl(s, SIOCGIFHWADDR, r));
    SHOW(r[0].ifr_hwaddr.sa_family);
    TRY(ioctl(s, SIOCGIFADDR, r));
    SHOW(r[0].ifr_addr.sa_family);
    TRY(ioctl(s, SIOCGIFNETMASK, r));
    ut_say("%s", inet_ntop(AF_INET, &((struct sockaddr_in *)&r[0].ifr_addr)->sin_addr, text, sizeof text));
    r[0].ifr_ifindex = 1;
    TRY(ioctl(s, SIOCGIFNAME, r));
    ut_say("%.16s", r[0].ifr_name);
    r[0].ifr_ifindex = 99;
    TRY(ioctl(s, SIOCGIFNAME, r));
    strcpy(r[0].ifr_name, "nonesuch");
    TRY(ioctl(s, SIOCGIFFLAGS, r));
    TRY(ioctl(s, SIOCGIFINDEX, r));
    TRY(ioctl(s, SIOCGIFCONF, 8));
    TRY(ioctl(s, SIOCGIFFLAGS, 8));
    TRY(ioctl(s, 0x1234, 0));
    SHOW(if_nametoindex("lo"));
    close(s);
    close(u);
}

/* The heads of the tables, and the state and the owner that the line of a port shows. */
static void tables(void)
{
    static const char *const file[] = {"tcp", "tcp6", "udp", "udp6", "dev", "route", "if_inet6"};
    int s = inet_listener("127.0.0.1", 1), c = socket(AF_INET, SOCK_STREAM, 0);
    char path[32], line[256], want[32];
    FILE *f;

    PART("/proc/net");
    inet_connect_to(c, "127.0.0.1", inet_port(s));
    for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
        snprintf(path, sizeof path, "/proc/net/%s", file[i]);
        f = fopen(path, "r");
        if (f && fgets(line, sizeof line, f))
            ut_say("%s: %u: %.*s", file[i], (unsigned)strlen(line), (int)strlen(line) - 1, line);
        if (f)
            fclose(f);
    }
    f = fopen("/proc/net/tcp", "r");
    snprintf(want, sizeof want, ": 0100007F:%04X 00000000:0000 ", inet_port(s));
    while (f && fgets(line, sizeof line, f)) {
        char *at = strstr(line, want);

        if (at)
            ut_say("%u: %.56s", (unsigned)strlen(line), at + strlen(want));
    }
    if (f)
        fclose(f);
    close(c);
    close(s);
}

UT_PROGRAM(inet)
{
    inet_up();
    making();
    addresses();
    ports();
    both();
    options();
    changed();
    interface();
    tables();
}
