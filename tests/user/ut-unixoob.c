/* Urgent bytes of local streams: MSG_OOB, SIGURG, the mark, and SO_OOBINLINE. */
#include "tests/user/oob.h"
#include <sys/un.h>

static void pair(void)
{
    int p[2];

    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    here = p[0];
    there = p[1];
}

static void alone(void)
{
    pair();
    PART("nothing urgent");
    state();
    get(1, MSG_OOB);
    put("abc", 0);
    state();
    get(1, MSG_OOB);
    get(9, 0);
    PART("one byte");
    put("x", MSG_OOB);
    state();
    get(1, MSG_OOB | MSG_PEEK);
    state();
    get(0, MSG_OOB);
    state();
    get(1, MSG_OOB);
    state();
    get(1, MSG_OOB);
    get(9, 0);
    state();
    PART("one byte, passed over");
    put("x", MSG_OOB);
    get(9, 0);
    state();
    get(1, MSG_OOB);
    put("y", MSG_OOB);
    get(9, MSG_OOB);
    state();
    put("z", 0);
    state();
    get(9, 0);
    state();
    PART("none");
    TRY(send(here, "", 0, MSG_OOB));
    state();
    get(1, MSG_OOB);
    get(1, 0);
    PART("the last of several");
    put("abcX", MSG_OOB);
    put("def", 0);
    state();
    get(2, 0);
    state();
    get(9, 0);
    state();
    get(9, MSG_OOB);
    state();
    get(9, 0);
    state();
    ended();
}

static void looked_at(void)
{
    pair();
    PART("looked at");
    put("abX", MSG_OOB);
    put("cd", 0);
    get(9, MSG_PEEK);
    get(2, 0);
    get(9, MSG_PEEK);
    state();
    get(9, 0);
    get(1, MSG_OOB);
    state();
    PART("looked at, the urgent one alone");
    put("X", MSG_OOB);
    get(9, MSG_PEEK);
    state();
    put("ab", 0);
    get(9, MSG_PEEK);
    get(1, MSG_OOB);
    get(9, MSG_PEEK);
    state();
    get(9, 0);
    PART("looked at when it was received");
    put("abX", MSG_OOB);
    put("cd", 0);
    get(1, MSG_OOB);
    state();
    get(9, MSG_PEEK);
    get(9, 0);
    state();
    get(9, MSG_PEEK);
    get(9, 0);
    state();
    ended();
}

static void several(void)
{
    pair();
    PART("all of it");
    put("abX", MSG_OOB);
    put("cd", 0);
    get(4, MSG_WAITALL);
    get(4, MSG_WAITALL);
    state();
    PART("a new one before the old one is read");
    put("aX", MSG_OOB);
    put("bY", MSG_OOB);
    put("c", 0);
    state();
    get(9, 0);
    state();
    get(1, MSG_OOB);
    get(9, 0);
    PART("a new one at the mark of the old one");
    put("X", MSG_OOB);
    state();
    put("bY", MSG_OOB);
    state();
    get(9, 0);
    get(1, MSG_OOB);
    get(9, 0);
    PART("two at once");
    put("X", MSG_OOB);
    put("Y", MSG_OOB);
    state();
    get(9, 0);
    get(9, 0);
    state();
    PART("the same, the old one being read");
    put("X", MSG_OOB);
    get(1, MSG_OOB);
    put("Y", MSG_OOB);
    state();
    get(9, 0);
    get(9, 0);
    state();
    put("aX", MSG_OOB);
    get(1, MSG_OOB);
    put("bY", MSG_OOB);
    state();
    get(9, 0);
    get(9, 0);
    state();
    get(9, 0);
    state();
    PART("two, both received");
    put("X", MSG_OOB);
    get(1, MSG_OOB);
    put("Y", MSG_OOB);
    get(1, MSG_OOB);
    state();
    put("z", 0);
    get(9, MSG_PEEK);
    get(9, 0);
    state();
    get(9, 0);
    state();
    get(9, 0);
    state();
    PART("looked at behind one that was received");
    put("X", MSG_OOB);
    get(1, MSG_OOB);
    put("Y", MSG_OOB);
    get(9, MSG_PEEK);
    put("z", 0);
    get(9, MSG_PEEK);
    get(9, 0);
    get(9, 0);
    PART("three and two");
    put("X", MSG_OOB);
    get(1, MSG_OOB);
    put("Y", MSG_OOB);
    get(1, MSG_OOB);
    put("Z", MSG_OOB);
    put("a", 0);
    state();
    get(9, 0);
    state();
    get(9, 0);
    put("X", MSG_OOB);
    get(1, MSG_OOB);
    put("Y", MSG_OOB);
    get(1, MSG_OOB);
    put("Z", MSG_OOB);
    get(1, MSG_OOB);
    get(9, 0);
    state();
    PART("waiting for it");
    put("X", MSG_OOB);
    get(1, MSG_OOB);
    put("z", 0);
    char byte = 0;
    TRY(recv(there, &byte, 1, 0));
    SHOW(byte);
    put("X", MSG_OOB);
    put("z", 0);
    TRY(recv(there, &byte, 1, 0));
    SHOW(byte);
    PART("three, one of them received");
    put("aX", MSG_OOB);
    put("bY", MSG_OOB);
    get(1, MSG_OOB);
    put("cZ", MSG_OOB);
    state();
    get(2, 0);
    state();
    get(9, 0);
    get(9, 0);
    get(1, MSG_OOB);
    get(9, 0);
    state();
    ended();
}

static void in_line(void)
{
    int on = 1, off = 0;

    pair();
    PART("in line");
    TRY(setsockopt(there, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
    put("abX", MSG_OOB);
    put("cd", 0);
    state();
    get(1, MSG_OOB);
    get(9, 0);
    state();
    get(9, MSG_PEEK);
    state();
    get(9, 0);
    state();
    get(9, 0);
    put("Y", MSG_OOB);
    state();
    get(9, MSG_PEEK);
    get(9, 0);
    state();
    put("aX", MSG_OOB);
    put("bY", MSG_OOB);
    put("c", 0);
    get(9, MSG_PEEK);
    get(9, 0);
    get(9, 0);
    get(9, 0);
    PART("turned off meanwhile");
    put("aX", MSG_OOB);
    TRY(setsockopt(there, SOL_SOCKET, SO_OOBINLINE, &off, sizeof off));
    state();
    get(9, 0);
    get(1, MSG_OOB);
    put("b", 0);
    get(9, 0);
    PART("turned on when it was received");
    put("aX", MSG_OOB);
    put("b", 0);
    get(1, MSG_OOB);
    TRY(setsockopt(there, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
    state();
    get(9, 0);
    get(9, 0);
    state();
    ended();
}

static void told(void)
{
    struct sigaction action = {.sa_handler = on_urgent};
    fd_set except;
    struct timeval soon = {0, 0};

    pair();
    PART("SIGURG");
    sigaction(SIGURG, &action, NULL);
    put("x", MSG_OOB);
    SHOW(urgent);
    TRY(fcntl(there, F_SETOWN, getpid()));
    put("y", MSG_OOB);
    SHOW(urgent);
    put("z", 0);
    SHOW(urgent);
    put("w", MSG_OOB);
    SHOW(urgent);
    TRY(send(here, "", 0, MSG_OOB));
    SHOW(urgent);
    FD_ZERO(&except);
    FD_SET(there, &except);
    TRY(select(there + 1, NULL, NULL, &except, &soon));
    SHOW(!!FD_ISSET(there, &except));
    signal(SIGURG, SIG_DFL);
    ended();
    pair();
    PART("at the end");
    put("abX", MSG_OOB);
    shutdown(here, SHUT_WR);
    state();
    get(9, 0);
    get(9, MSG_PEEK);
    get(9, 0);
    get(1, MSG_OOB);
    get(9, 0);
    state();
    get(1, MSG_OOB);
    ended();
    pair();
    PART("closed with an urgent byte");
    put("X", MSG_OOB);
    close(there);
    there = here;
    get(1, 0);
    get(1, 0);
    close(here);
    pair();
    PART("closed with one that was received");
    put("X", MSG_OOB);
    get(1, MSG_OOB);
    close(there);
    there = here;
    get(1, 0);
    close(here);
    PART("the other end is gone");
    pair();
    close(there);
    signal(SIGPIPE, SIG_IGN);
    put("X", MSG_OOB);
    put("abX", MSG_OOB);
    close(here);
    PART("not connected");
    there = here = socket(AF_UNIX, SOCK_STREAM, 0);
    get(1, MSG_OOB);
    put("x", MSG_OOB);
    state();
    close(there);
}

static void full(void)
{
    int size = 2048, n = 0;
    char bytes[1000] = "";

    pair();
    PART("without room");
    setsockopt(here, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    while (send(here, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        n++;
    SHOW(n > 0);
    TRY(send(here, "X", 1, MSG_OOB | MSG_DONTWAIT));
    TRY(send(here, "aX", 2, MSG_OOB | MSG_DONTWAIT));
    get(1, MSG_OOB);
    ended();
    pair();
    PART("a large one");
    static char large[50000];
    memset(large, 'l', sizeof large);
    large[sizeof large - 1] = 'X';
    TRY(send(here, large, sizeof large, MSG_OOB));
    state();
    get(1, MSG_OOB);
    TRY(recv(there, large, sizeof large, MSG_DONTWAIT));
    state();
    ended();
}

static void connected(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "door"};
    int door = socket(AF_UNIX, SOCK_STREAM, 0);
    char bytes[100] = "";

    PART("connected");
    TRY(bind(door, (struct sockaddr *)&a, sizeof a));
    TRY(listen(door, 1));
    here = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(connect(here, (struct sockaddr *)&a, sizeof a));
    put("abX", MSG_OOB); /* before it is accepted */
    there = accept(door, NULL, NULL);
    state();
    get(9, 0);
    get(1, MSG_OOB);
    PART("with SO_PEEK_OFF");
    int zero = 0;
    TRY(setsockopt(there, SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof zero));
    put("abX", MSG_OOB);
    put("cd", 0);
    get(1, MSG_PEEK);
    get(9, MSG_PEEK);
    get(9, MSG_PEEK);
    get(9, 0);
    get(9, 0);
    PART("parts and descriptors");
    struct iovec v[2] = {{"ab", 2}, {"cX", 2}};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = {
        .msg_iov = v, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &door, sizeof door);
    TRY(sendmsg(here, &m, MSG_OOB));
    struct iovec one = {bytes, 1};
    m = (struct msghdr){
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    TRY(recvmsg(there, &m, MSG_OOB));
    ut_say("%s, flags %x, control %zu", bytes, m.msg_flags, (size_t)m.msg_controllen);
    one.iov_len = sizeof bytes;
    m = (struct msghdr){
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    TRY(recvmsg(there, &m, 0));
    ut_say("%s, flags %x, control %zu", bytes, m.msg_flags, (size_t)m.msg_controllen);
    one.iov_len = 1;
    bytes[0] = 'Y';
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &door, sizeof door);
    m = (struct msghdr){
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    TRY(sendmsg(here, &m, MSG_OOB));
    TRY(recvmsg(there, &m, MSG_OOB));
    ut_say("flags %x, control %zu", m.msg_flags, (size_t)m.msg_controllen);
    PART("for a name, and a bad address");
    put("X", MSG_OOB);
    struct sockaddr_un name;
    socklen_t size = sizeof name;
    TRY(recvfrom(there, bytes, 1, MSG_OOB, (struct sockaddr *)&name, &size));
    SHOW(size);
    put("X", MSG_OOB);
    TRY(recv(there, (void *)1, 1, MSG_OOB));
    state();
    get(1, MSG_OOB);
    TRY(send(here, (void *)1, 1, MSG_OOB));
    TRY(send(here, (void *)1, 2, MSG_OOB));
    TRY(sendto(here, "x", 1, MSG_OOB, (struct sockaddr *)&a, sizeof a));
    ended();
    close(door);
    PART("other types");
    int p[2];
    TRY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p));
    TRY(send(p[0], "x", 1, MSG_OOB));
    TRY(recv(p[1], bytes, 1, MSG_OOB | MSG_DONTWAIT));
    TRY(ioctl(p[1], SIOCATMARK, &size));
    close(p[0]);
    close(p[1]);
}

/* What is left of bytes that were had takes no room. */
static void again_and_again(void)
{
    char bytes[16];
    int p[2];
    unsigned n = 0;

    PART("thousands, each had at once");
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    TRY(send(p[0], "before", 6, 0));
    while (n < 5000 && send(p[0], "x", 1, MSG_OOB | MSG_DONTWAIT) == 1 && recv(p[1], bytes, 1, MSG_OOB) == 1)
        n++;
    SHOW(n);
    TRY(recv(p[1], bytes, 9, MSG_DONTWAIT));
    TRY(recv(p[1], bytes, 9, MSG_DONTWAIT));
    TRY(send(p[0], "after", 5, 0));
    TRY(recv(p[1], bytes, 9, MSG_DONTWAIT));
    TRY(recv(p[1], bytes, 9, MSG_DONTWAIT));
    close(p[0]);
    close(p[1]);
}

UT_PROGRAM(unixoob)
{
    ut_workdir();
    alone();
    looked_at();
    several();
    in_line();
    told();
    full();
    again_and_again();
    connected();
}
