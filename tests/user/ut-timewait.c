/* TIME_WAIT: which end of a TCP connection keeps its ports for a minute, and whom it keeps away. */
#include "tests/user/inet.h"

static int port, from; /* of the connection that is looked at: where it went to, and from */
static int c, a;       /* its two ends: who connected, and who was accepted */

/* States of the connection's two ends as /proc/net/tcp tells them, of one family. */
static void states(const char *path)
{
    unsigned own, other, state, connected = 0, accepted = 0;
    FILE *f = fopen(path, "r");
    char line[300];

    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x", &own, &other, &state) != 3)
            continue;
        if ((int)own == from && (int)other == port)
            connected = state;
        if ((int)own == port && (int)other == from)
            accepted = state;
    }
    ut_say("  who connected: %02X, who was accepted: %02X", connected, accepted);
    if (f)
        fclose(f);
}

static void told(void)
{
    usleep(20000);
    states("/proc/net/tcp");
}

static int waiting(void)
{
    char line[300];
    FILE *f = fopen("/proc/net/sockstat", "r");
    int n = -1;

    while (f && fgets(line, sizeof line, f))
        sscanf(line, "TCP: inuse %*d orphan %*d tw %d", &n);
    if (f)
        fclose(f);
    return n;
}

static void begin(const char *title)
{
    int s = inet_listener("127.0.0.1", 1);

    ut_say("-- %s", title);
    port = inet_port(s);
    c = socket(AF_INET, SOCK_STREAM, 0);
    inet_connect_to(c, "127.0.0.1", port);
    from = inet_port(c);
    a = accept(s, NULL, NULL);
    close(s);
}

/* Whether somebody may be at a port, without options and with. */
static void may_be(const char *what, int at)
{
    int plain = socket(AF_INET, SOCK_STREAM, 0), again = socket(AF_INET, SOCK_STREAM, 0),
        both = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
    int r[4] = {0};

    inet_set(again, SOL_SOCKET, SO_REUSEADDR, 1);
    inet_set(both, SOL_SOCKET, SO_REUSEPORT, 1);
    r[0] = inet_bind_to(plain, "127.0.0.1", at) ? errno : 0;
    close(plain);
    r[1] = inet_bind_to(again, "127.0.0.1", at) ? errno : 0;
    if (!r[1] && listen(again, 1))
        r[1] = -errno;
    close(again);
    r[2] = inet_bind_to(both, "127.0.0.1", at) ? errno : 0;
    close(both);
    r[3] = inet_bind_to(other, "127.0.0.2", at) ? errno : 0;
    close(other);
    ut_say("  %s: plain %d, SO_REUSEADDR %d, SO_REUSEPORT %d, another address %d", what, r[0], r[1], r[2],
           r[3]);
}

static void ends(void)
{
    told();
    may_be("where it connected from", from);
    may_be("where it was accepted", port);
}

static void closes(void)
{
    struct linger none = {1, 0};
    char byte;

    begin("who connected closes first");
    close(c);
    told();
    close(a);
    ends();
    begin("who was accepted closes first");
    close(a);
    told();
    close(c);
    ends();
    begin("who connected shuts down first, and closes last");
    shutdown(c, SHUT_WR);
    told();
    close(a);
    told();
    SHOW(inet_option(c, SOL_SOCKET, SO_ERROR));
    inet_say_name("peer", getpeername, c, port);
    close(c);
    ends();
    begin("who was accepted shuts down, then the other, then both close");
    shutdown(a, SHUT_WR);
    shutdown(c, SHUT_WR);
    told();
    close(a);
    close(c);
    ends();
    begin("linger of no time");
    setsockopt(c, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(c);
    told();
    close(a);
    ends();
    begin("linger of no time of the second one");
    setsockopt(a, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(c);
    close(a);
    ends();
    begin("not read by the first one");
    send(a, "x", 1, 0);
    usleep(20000);
    close(c);
    close(a);
    ends();
    begin("not read by the second one");
    send(c, "x", 1, 0);
    close(c);
    usleep(20000);
    close(a);
    ends();
    begin("sent to one that is closed");
    close(c);
    usleep(20000);
    TRY(send(a, "x", 1, MSG_NOSIGNAL));
    told();
    TRY(send(a, "x", 1, MSG_NOSIGNAL));
    close(a);
    ends();
    begin("shut down, then closed with linger of no time");
    shutdown(c, SHUT_WR);
    setsockopt(c, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(c);
    told();
    close(a);
    ends();
    begin("disconnected");
    TRY(connect(c, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
    told();
    close(a);
    close(c);
    ends();
    begin("shut down, then disconnected");
    shutdown(c, SHUT_WR);
    TRY(connect(c, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
    told();
    TRY(recv(a, &byte, 1, MSG_DONTWAIT));
    close(a);
    close(c);
    ends();
    begin("closed for both ways by one, read by the other");
    send(c, "x", 1, 0);
    shutdown(c, SHUT_RDWR);
    usleep(20000);
    TRY(recv(a, &byte, 1, MSG_DONTWAIT));
    shutdown(a, SHUT_RDWR);
    told();
    close(c);
    close(a);
    ends();
}

/* Not accepted yet when the listening one is closed. */
static void pending(void)
{
    int s = inet_listener("127.0.0.1", 1);

    PART("not accepted");
    port = inet_port(s);
    c = socket(AF_INET, SOCK_STREAM, 0);
    inet_connect_to(c, "127.0.0.1", port);
    from = inet_port(c);
    close(c);
    told();
    close(s);
    ends();
}

/* Connections of the same two ends once more. */
static void again(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), d, e;
    char byte = 0;

    PART("again");
    inet_set(s, SOL_SOCKET, SO_REUSEADDR, 1);
    inet_bind_to(s, "127.0.0.1", 0);
    port = inet_port(s);
    TRY(listen(s, 3));
    c = socket(AF_INET, SOCK_STREAM, 0);
    inet_set(c, SOL_SOCKET, SO_REUSEADDR, 1);
    TRY(inet_bind_to(c, "127.0.0.1", 0));
    from = inet_port(c);
    TRY(inet_connect_to(c, "127.0.0.1", port));
    a = accept(s, NULL, NULL);
    PART("who is accepted waits");
    close(a);
    usleep(20000);
    close(c);
    told();
    d = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_bind_to(d, "127.0.0.1", from));
    TRY(inet_connect_to(d, "127.0.0.1", port));
    e = accept(s, NULL, NULL);
    told();
    TRY(send(e, "x", 1, 0));
    TRY(recv(d, &byte, 1, 0));
    PART("who connects waits");
    close(d);
    usleep(20000);
    close(e);
    told();
    d = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_bind_to(d, "127.0.0.1", from));
    inet_set(d, SOL_SOCKET, SO_REUSEADDR, 1);
    TRY(inet_bind_to(d, "127.0.0.1", from));
    close(d);
    PART("with SO_REUSEADDR of both");
    d = socket(AF_INET, SOCK_STREAM, 0);
    inet_set(d, SOL_SOCKET, SO_REUSEADDR, 1);
    TRY(inet_bind_to(d, "127.0.0.1", 0));
    from = inet_port(d);
    TRY(inet_connect_to(d, "127.0.0.1", port));
    e = accept(s, NULL, NULL);
    close(d);
    usleep(20000);
    close(e);
    told();
    d = socket(AF_INET, SOCK_STREAM, 0);
    inet_set(d, SOL_SOCKET, SO_REUSEADDR, 1);
    TRY(inet_bind_to(d, "127.0.0.1", from));
    TRY(inet_connect_to(d, "127.0.0.1", port));
    told();
    e = accept(s, NULL, NULL);
    TRY(send(e, "x", 1, 0));
    TRY(recv(d, &byte, 1, 0));
    close(e);
    close(d);
    close(s);
    told();
    may_be("where it was accepted", port);
}

/* A port that is kept is not looked for a second time. */
static void itself(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);

    PART("itself");
    inet_bind_to(s, "127.0.0.1", 0);
    port = from = inet_port(s);
    TRY(inet_connect_to(s, "127.0.0.1", port));
    TRY(shutdown(s, SHUT_WR));
    told();
    close(s);
    told();
    may_be("where it was", port);
    s = socket(AF_INET, SOCK_STREAM, 0);
    inet_bind_to(s, "127.0.0.1", 0);
    port = from = inet_port(s);
    TRY(inet_connect_to(s, "127.0.0.1", port));
    close(s);
    told();
}

static void limited(void)
{
    struct linger none = {1, 0};
    int before, s = inet_listener("127.0.0.1", 1);

    PART("counted");
    begin("counted");
    before = waiting();
    close(c);
    usleep(20000);
    SHOW(waiting() - before);
    close(a);
    usleep(20000);
    SHOW(waiting() - before);
    begin("counted, and none");
    before = waiting();
    setsockopt(c, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(c);
    close(a);
    usleep(20000);
    SHOW(waiting() - before);
    close(s);
    before = 0;
    for (int i = 0; i < 2; i++) {
        static const char *const paths[] = {"/proc/sys/net/ipv4/tcp_tw_reuse",
                                            "/proc/sys/net/ipv4/tcp_fin_timeout"};
        char text[20] = "";
        int f = open(paths[i], O_RDONLY);

        ut_say("%s: %d", paths[i], read(f, text, sizeof text - 1) > 0 ? atoi(text) : -1);
        close(f);
    }
}

static void six(void)
{
    int s = inet_listener("::1", 1);

    PART("IPv6");
    port = inet_port(s);
    c = socket(AF_INET6, SOCK_STREAM, 0);
    TRY(inet_connect_to(c, "::1", port));
    from = inet_port(c);
    a = accept(s, NULL, NULL);
    close(s);
    close(a);
    usleep(20000);
    states("/proc/net/tcp6");
    close(c);
    usleep(20000);
    states("/proc/net/tcp6");
    s = socket(AF_INET6, SOCK_STREAM, 0);
    TRY(inet_bind_to(s, "::1", port));
    TRY(inet_bind_to(s, "::1", from));
    close(s);
    s = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_bind_to(s, "127.0.0.1", port));
    close(s);
}

UT_PROGRAM(timewait)
{
    inet_up();
    closes();
    pending();
    again();
    itself();
    limited();
    six();
}
