/* TCP on the loopback address: connections, their data and their ends. Names and options are in ut-inet.c. */
#include "tests/user/inet.h"

static void connecting(void)
{
    char buf[32] = "";
    int s, c, a, port;

    PART("a connection");
    s = socket(AF_INET, SOCK_STREAM, 0);
    inet_events("fresh", s);
    inet_say_name("own", getsockname, s, 0);
    inet_say_name("peer", getpeername, s, 0);
    TRY(recv(s, buf, 1, 0));
    TRY(send(s, "x", 1, MSG_NOSIGNAL));
    TRY(send(s, "", 0, MSG_NOSIGNAL));
    TRY(accept(s, NULL, NULL));
    TRY(inet_bind_to(s, "127.0.0.1", 0));
    TRY(inet_bind_to(s, "127.0.0.1", 0));
    TRY(accept(s, NULL, NULL));
    TRY(listen(s, 5));
    TRY(listen(s, 6));
    TRY(inet_bind_to(s, "127.0.0.1", 0));
    TRY(inet_connect_to(s, "127.0.0.1", 9));
    TRY(recv(s, buf, 1, 0));
    TRY(send(s, "x", 1, MSG_NOSIGNAL));
    inet_events("listening", s);
    SHOW(inet_option(s, SOL_SOCKET, SO_ACCEPTCONN));
    port = inet_port(s);
    inet_say_name("own", getsockname, s, 0);
    c = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_connect_to(c, "127.0.0.1", port));
    inet_say_name("client", getsockname, c, 0);
    inet_say_name("client's peer", getpeername, c, port);
    inet_events("one pends", s);
    TRY(send(c, "early", 5, 0));
    struct inet_any from = {.size = sizeof from.six};

    a = accept(s, &from.any, &from.size);
    SHOW(a >= 0);
    inet_say("accepted", &from, inet_port(c));
    inet_say_name("own", getsockname, a, port);
    inet_say_name("peer", getpeername, a, inet_port(c));
    inet_events("accepted", a);
    inet_events("client", c);
    SHOW(read(a, buf, sizeof buf));
    ut_say("%s", buf);
    TRY(recv(a, buf, 1, MSG_DONTWAIT));
    TRY(recv(a, buf, 0, MSG_DONTWAIT));
    TRY(recv(a, buf, 1, MSG_OOB));
    TRY(inet_connect_to(c, "127.0.0.1", port));
    TRY(listen(c, 1));
    TRY(accept(c, NULL, NULL));
    TRY(inet_bind_to(c, "127.0.0.1", 0));
    TRY(sendto(c, "more", 4, 0, &from.any, 3));
    int n = -1;
    TRY(ioctl(a, FIONREAD, &n));
    SHOW(n);
    from.size = sizeof from.six;
    memset(buf, 0, sizeof buf);
    SHOW(recvfrom(a, buf, sizeof buf, 0, &from.any, &from.size));
    SHOW(from.size);
    ut_say("%s", buf);
    PART("refused");
    TRY(close(s));
    TRY(close(a));
    s = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_connect_to(s, "127.0.0.1", port));
    inet_events("refused", s);
    SHOW(inet_option(s, SOL_SOCKET, SO_ERROR));
    TRY(inet_connect_to(s, "127.0.0.1", port));
    inet_say_name("own", getsockname, s, 0);
    inet_say_name("peer", getpeername, s, 0);
    TRY(inet_connect_to(s, "0.0.0.0", port));
    close(s);
    close(c);
}

static void not_waiting(void)
{
    int s = inet_listener("127.0.0.1", 3), port = inet_port(s), c, a;

    PART("not waiting");
    TRY(fcntl(s, F_SETFL, O_NONBLOCK));
    TRY(accept(s, NULL, NULL));
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    TRY(inet_connect_to(c, "127.0.0.1", port));
    inet_events("connecting", c);
    SHOW(inet_option(c, SOL_SOCKET, SO_ERROR));
    TRY(inet_connect_to(c, "127.0.0.1", port));
    TRY(inet_connect_to(c, "127.0.0.1", port));
    a = accept(s, NULL, NULL);
    SHOW(a >= 0);
    SHOW(fcntl(a, F_GETFL) & O_NONBLOCK);
    close(c);
    close(a);
    close(s);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    TRY(inet_connect_to(c, "127.0.0.1", port));
    inet_events("refused", c);
    SHOW(inet_option(c, SOL_SOCKET, SO_ERROR));
    SHOW(inet_option(c, SOL_SOCKET, SO_ERROR));
    inet_events("told", c);
    TRY(inet_connect_to(c, "127.0.0.1", port));
    TRY(inet_connect_to(c, "127.0.0.1", port));
    TRY(inet_connect_to(c, "127.0.0.1", port));
    TRY(inet_connect_to(c, "127.0.0.1", port));
    close(c);
}

/* More connect than may pend. */
static void full(void)
{
    int s = inet_listener("127.0.0.1", 0), port = inet_port(s), c[3], a;
    char byte;

    PART("a full one");
    for (int i = 0; i < 3; i++) {
        c[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        inet_connect_to(c[i], "127.0.0.1", port);
        inet_events("connecting", c[i]);
    }
    TRY(inet_connect_to(c[1], "127.0.0.1", port));
    TRY(inet_connect_to(c[2], "127.0.0.1", port));
    inet_say_name("peer", getpeername, c[2], port);
    TRY(recv(c[2], &byte, 1, 0));
    TRY(send(c[2], "x", 1, 0));
    TRY(shutdown(c[2], SHUT_WR));
    a = accept(s, NULL, NULL);
    struct pollfd p = {.fd = c[1], .events = POLLOUT};
    TRY(poll(&p, 1, 5000));
    TRY(inet_connect_to(c[1], "127.0.0.1", port));
    TRY(send(c[1], "x", 1, 0));
    close(a);
    a = accept(s, NULL, NULL);
    TRY(read(a, &byte, 1));
    close(a);
    close(s);
    inet_events("the first", c[0]);
    inet_events("the second", c[1]);
    for (int i = 0; i < 3; i++)
        close(c[i]);
    s = inet_listener("127.0.0.1", 5);
    c[0] = socket(AF_INET, SOCK_STREAM, 0);
    TRY(inet_connect_to(c[0], "127.0.0.1", inet_port(s)));
    close(s);
    inet_events("the listening one is closed", c[0]);
    TRY(read(c[0], &byte, 1));
    TRY(read(c[0], &byte, 1));
    TRY(send(c[0], "x", 1, MSG_NOSIGNAL));
    close(c[0]);
}

/* --- ends --- */

static void half_close(void)
{
    char buf[16] = "";
    int p[2];

    PART("half a close");
    inet_pair(p);
    TRY(shutdown(p[0], 3));
    TRY(write(p[0], "last", 4));
    TRY(shutdown(p[0], SHUT_WR));
    inet_events("shut", p[0]);
    inet_events("its peer", p[1]);
    TRY(send(p[0], "x", 1, MSG_NOSIGNAL));
    TRY(read(p[1], buf, sizeof buf));
    TRY(read(p[1], buf, sizeof buf));
    TRY(write(p[1], "answer", 6));
    TRY(read(p[0], buf, sizeof buf));
    ut_say("%.6s", buf);
    inet_say_name("peer", getpeername, p[0], inet_port(p[1]));
    TRY(shutdown(p[1], SHUT_WR));
    inet_events("both shut", p[0]);
    inet_events("its peer", p[1]);
    inet_say_name("peer", getpeername, p[0], inet_port(p[1]));
    inet_say_name("peer", getpeername, p[1], inet_port(p[0]));
    TRY(shutdown(p[0], SHUT_WR));
    TRY(read(p[0], buf, 1));
    TRY(send(p[1], "x", 1, MSG_NOSIGNAL));
    TRY(inet_connect_to(p[0], "127.0.0.1", 9));
    close(p[0]);
    close(p[1]);
    PART("shut for reading");
    inet_pair(p);
    TRY(shutdown(p[0], SHUT_RD));
    inet_events("shut", p[0]);
    inet_events("its peer", p[1]);
    TRY(read(p[0], buf, 1));
    TRY(send(p[1], "come", 4, MSG_NOSIGNAL));
    TRY(read(p[0], buf, sizeof buf));
    TRY(read(p[0], buf, sizeof buf));
    TRY(shutdown(p[0], SHUT_RDWR));
    inet_events("shut", p[0]);
    TRY(send(p[1], "x", 1, MSG_NOSIGNAL));
    inet_events("after data", p[0]);
    inet_events("its peer", p[1]);
    TRY(send(p[1], "x", 1, MSG_NOSIGNAL));
    SHOW(inet_option(p[0], SOL_SOCKET, SO_ERROR));
    close(p[0]);
    close(p[1]);
}

static void closing(void)
{
    struct linger l = {1, 0};
    char buf[16] = "";
    int p[2];

    PART("closed");
    inet_pair(p);
    TRY(write(p[0], "rest", 4));
    TRY(close(p[0]));
    inet_events("bytes wait", p[1]);
    TRY(read(p[1], buf, 2));
    TRY(send(p[1], "x", 1, MSG_NOSIGNAL));
    inet_events("it sent", p[1]);
    TRY(read(p[1], buf, sizeof buf));
    TRY(read(p[1], buf, sizeof buf));
    TRY(send(p[1], "x", 1, MSG_NOSIGNAL));
    TRY(send(p[1], "x", 1, MSG_NOSIGNAL));
    TRY(read(p[1], buf, sizeof buf));
    inet_say_name("peer", getpeername, p[1], 0);
    TRY(shutdown(p[1], SHUT_RDWR));
    close(p[1]);
    PART("closed, and bytes were not read");
    inet_pair(p);
    TRY(write(p[0], "lost", 4));
    TRY(write(p[1], "kept", 4));
    TRY(close(p[1]));
    inet_events("its peer", p[0]);
    TRY(read(p[0], buf, 2));
    TRY(read(p[0], buf, sizeof buf));
    TRY(read(p[0], buf, sizeof buf));
    TRY(read(p[0], buf, sizeof buf));
    TRY(send(p[0], "x", 1, MSG_NOSIGNAL));
    inet_events("told", p[0]);
    close(p[0]);
    inet_pair(p);
    TRY(write(p[0], "lost", 4));
    TRY(close(p[1]));
    TRY(send(p[0], "x", 1, MSG_NOSIGNAL));
    TRY(send(p[0], "x", 1, MSG_NOSIGNAL));
    TRY(read(p[0], buf, sizeof buf));
    close(p[0]);
    PART("closed at once");
    inet_pair(p);
    TRY(setsockopt(p[0], SOL_SOCKET, SO_LINGER, &l, sizeof l));
    TRY(close(p[0]));
    inet_events("its peer", p[1]);
    SHOW(inet_option(p[1], SOL_SOCKET, SO_ERROR));
    TRY(read(p[1], buf, 1));
    close(p[1]);
    PART("connected no more");
    inet_pair(p);
    TRY(write(p[1], "gone", 4));
    TRY(connect(p[0], &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
    inet_events("disconnected", p[0]);
    inet_events("its peer", p[1]);
    TRY(read(p[1], buf, 1));
    SHOW(inet_option(p[0], SOL_SOCKET, SO_ERROR));
    TRY(read(p[0], buf, 1));
    TRY(listen(p[0], 1));
    TRY(shutdown(p[0], SHUT_RD));
    TRY(accept(p[0], NULL, NULL));
    close(p[0]);
    close(p[1]);
    PART("a signal");
    inet_pair(p);
    close(p[1]);
    signal(SIGPIPE, SIG_IGN);
    TRY(write(p[0], "x", 1));
    TRY(write(p[0], "x", 1));
    signal(SIGPIPE, SIG_DFL);
    close(p[0]);
}

static void kill_by_pipe(void)
{
    int p[2];

    inet_pair(p);
    shutdown(p[0], SHUT_WR);
    write(p[0], "x", 1);
}

/* --- data --- */

static void much(void)
{
    static uint8_t out[3000000], in[3000000];
    size_t got = 0;
    int p[2], n, status;

    PART("more than fits");
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = ut_pattern(i);
    inet_pair(p);
    pid_t pid = fork();

    if (pid == 0) {
        close(p[1]);
        _exit(write(p[0], out, sizeof out) == sizeof out ? 0 : 1);
    }
    close(p[0]);
    usleep(20000);
    while ((n = (int)read(p[1], in + got, 77777)) > 0)
        got += (size_t)n;
    SHOW(got);
    SHOW(memcmp(in, out, sizeof out));
    waitpid(pid, &status, 0);
    ut_say("the writer: %s", ut_status(status));
    close(p[1]);
    inet_pair(p);
    TRY(fcntl(p[0], F_SETFL, O_NONBLOCK));
    SHOW(inet_set(p[0], SOL_SOCKET, SO_SNDBUF, 20000));
    got = 0;
    /* On a busy Linux the other side says some time later that it has taken a part. */
    for (unsigned full = 0; full < 3; full++, usleep(20000))
        while ((n = (int)write(p[0], out + got % 1000, 1000)) > 0) {
            got += (size_t)n;
            full = 0;
        }
    SHOW(got > 30000 && got < 1000000);
    inet_events("full", p[0]);
    TRY(write(p[0], out, 1));
    memset(in, 0, sizeof in);
    TRY(recv(p[1], in, 7, MSG_PEEK));
    TRY(recv(p[1], in, 9, MSG_WAITALL));
    SHOW(memcmp(in, out, 9));
    got -= 9;
    while (got > 0 && (n = (int)read(p[1], in, 5000)) > 0)
        got -= (size_t)n;
    SHOW(got);
    inet_events("empty", p[0]);
    TRY(inet_set(p[1], SOL_SOCKET, SO_RCVLOWAT, 3));
    TRY(inet_set(p[0], IPPROTO_TCP, TCP_NODELAY, 1));
    TRY(write(p[0], "ab", 2));
    inet_events("below the mark", p[1]);
    TRY(write(p[0], "c", 1));
    inet_events("at the mark", p[1]);
    close(p[0]);
    close(p[1]);
}

/* MSG_TRUNC: bytes are received and not given. */
static void dropped(void)
{
    char buf[8] = "-------";
    int p[2];

    PART("dropped");
    inet_pair(p);
    TRY(write(p[0], "abcdefgh", 8));
    TRY(recv(p[1], buf, 2, MSG_TRUNC | MSG_PEEK));
    TRY(recv(p[1], buf, 2, MSG_TRUNC));
    TRY(recv(p[1], NULL, 1, MSG_TRUNC));
    TRY(recv(p[1], NULL, 1, 0));
    ut_say("%s", buf);
    TRY(recv(p[1], buf, 3, 0));
    ut_say("%s", buf);
    TRY(recv(p[1], (void *)8, 100, MSG_TRUNC));
    TRY(recv(p[1], buf, 1, MSG_DONTWAIT | MSG_TRUNC));
    close(p[0]);
    close(p[1]);
}

UT_PROGRAM(tcp)
{
    inet_up();
    connecting();
    not_waiting();
    full();
    half_close();
    closing();
    ut_child("a broken pipe", kill_by_pipe);
    much();
    dropped();
}
