/* UDP-Lite on the loopback address: ports of its own, and checksums that cover a part. */
#include "tests/user/inet.h"

#define UDPLITE_SEND_CSCOV 10
#define UDPLITE_RECV_CSCOV 11

static int make(const char *ip)
{
    return socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
}

static void making(void)
{
    int s;

    PART("making");
    TRY(socket(AF_INET, SOCK_STREAM, IPPROTO_UDPLITE));
    TRY(socket(AF_INET6, SOCK_STREAM, IPPROTO_UDPLITE));
    s = make("127.0.0.1");
    SHOW(inet_option(s, SOL_SOCKET, SO_TYPE));
    SHOW(inet_option(s, SOL_SOCKET, SO_PROTOCOL));
    inet_events("fresh", s);
    close(s);
}

static void talk(const char *ip)
{
    int s = make(ip), c = make(ip), n;
    struct inet_any to, from;
    char buf[32] = "";

    ut_say("-- datagrams of %s", ip);
    TRY(inet_bind_to(s, ip, 0));
    to = inet_make(ip, inet_port(s));
    TRY(sendto(c, "one", 3, 0, &to.any, to.size));
    inet_say_name("sender", getsockname, c, 0);
    from.size = sizeof from.six;
    SHOW(recvfrom(s, buf, sizeof buf, 0, &from.any, &from.size));
    inet_say("from", &from, inet_port(c));
    TRY(connect(c, &to.any, to.size));
    TRY(send(c, "two", 3, 0));
    TRY(ioctl(s, FIONREAD, &n));
    SHOW(n);
    TRY(recv(s, buf, 1, MSG_TRUNC));
    TRY(sendto(s, "answer", 6, 0, &from.any, from.size));
    TRY(recv(c, buf, sizeof buf, 0));
    close(s);
    TRY(send(c, "lost", 4, 0));
    SHOW(inet_option(c, SOL_SOCKET, SO_ERROR));
    TRY(sendto(c, buf, 0, MSG_OOB, &to.any, to.size));
    close(c);
}

/* The ports of UDP are others. */
static void apart(void)
{
    int lite = make("127.0.0.1"), second = make("127.0.0.1"), udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct inet_any to;
    char byte;

    PART("ports");
    TRY(inet_bind_to(lite, "127.0.0.1", 0));
    TRY(inet_bind_to(second, "127.0.0.1", inet_port(lite)));
    TRY(inet_bind_to(udp, "127.0.0.1", inet_port(lite)));
    to = inet_make("127.0.0.1", inet_port(lite));
    TRY(sendto(second, "L", 1, 0, &to.any, to.size));
    TRY(recv(udp, &byte, 1, MSG_DONTWAIT));
    TRY(recv(lite, &byte, 1, MSG_DONTWAIT));
    close(lite);
    TRY(connect(second, &to.any, to.size));
    TRY(send(second, "L", 1, 0));
    TRY(recv(udp, &byte, 1, MSG_DONTWAIT));
    TRY(recv(second, &byte, 1, MSG_DONTWAIT));
    close(second);
    close(udp);
}

static void options(void)
{
    static const int values[] = {0, 1, 7, 8, 9, 100, 65535, 65536, -1, INT32_MIN};
    int lite = make("::1"), udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
    short small = 10;

    PART("options");
    for (int option = UDPLITE_SEND_CSCOV; option <= UDPLITE_RECV_CSCOV; option++) {
        SHOW(inet_option(lite, IPPROTO_UDPLITE, option));
        for (unsigned k = 0; k < sizeof values / sizeof *values; k++) {
            ut_say("%d", values[k]);
            TRY(inet_set(lite, IPPROTO_UDPLITE, option, values[k]));
            SHOW(inet_option(lite, IPPROTO_UDPLITE, option));
        }
        TRY(inet_set(lite, IPPROTO_UDP, option, 20));
        SHOW(inet_option(lite, IPPROTO_UDP, option));
        TRY(setsockopt(lite, IPPROTO_UDPLITE, option, &small, sizeof small));
        TRY(inet_set(udp, IPPROTO_UDPLITE, option, 20));
        TRY(inet_set(udp, IPPROTO_UDP, option, 20));
        SHOW(inet_option(udp, IPPROTO_UDPLITE, option));
        SHOW(inet_option(udp, IPPROTO_UDP, option));
        TRY(inet_set(tcp, IPPROTO_UDPLITE, option, 20));
        SHOW(inet_option(tcp, IPPROTO_UDPLITE, option) < 0);
    }
    SHOW(inet_option(lite, IPPROTO_UDPLITE, 99));
    TRY(inet_set(lite, IPPROTO_UDPLITE, 99, 1));
    SHOW(inet_option(udp, IPPROTO_UDP, 99));
    TRY(inet_set(udp, IPPROTO_UDP, 99, 1));
    close(lite);
    close(udp);
    close(tcp);
}

/* Whether 20 bytes arrive; -2: the option is not set. */
static void cover(const char *ip, int sends, int wants)
{
    int s = make(ip), c = make(ip), sent;
    char buf[20] = "";
    struct inet_any to;

    if (wants > -2)
        inet_set(s, IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV, wants);
    if (sends > -2)
        inet_set(c, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, sends);
    inet_bind_to(s, ip, 0);
    to = inet_make(ip, inet_port(s));
    sent = (int)sendto(c, buf, sizeof buf, 0, &to.any, to.size);
    ut_say("%s, %d for %d: %d, %d", ip, sends, wants, sent, (int)recv(s, buf, sizeof buf, MSG_DONTWAIT));
    close(s);
    close(c);
}

UT_PROGRAM(udplite)
{
    static const int sizes[] = {-2, 0, 8, 12, 27, 28, 29, 100};

    inet_up();
    making();
    talk("127.0.0.1");
    talk("::1");
    apart();
    options();
    PART("what a checksum covers");
    for (unsigned k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (unsigned n = 0; n < sizeof sizes / sizeof *sizes; n++) {
            cover("127.0.0.1", sizes[k], sizes[n]);
            cover("::1", sizes[k], sizes[n]);
        }
}
