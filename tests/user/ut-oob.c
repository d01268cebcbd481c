/* Urgent bytes of TCP connections: MSG_OOB, SIGURG, the mark, and SO_OOBINLINE. */
#include "tests/user/oob.h"
#include "tests/user/inet.h"

static void connected(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int door = socket(AF_INET, SOCK_STREAM, 0);

    here = socket(AF_INET, SOCK_STREAM, 0);
    bind(door, (struct sockaddr *)&a, sizeof a);
    listen(door, 1);
    getsockname(door, (struct sockaddr *)&a, &size);
    connect(here, (struct sockaddr *)&a, sizeof a);
    there = accept(door, NULL, NULL);
    close(door);
}

static void alone(void)
{
    PART("nothing urgent");
    connected();
    state();
    get(1, MSG_OOB);
    put("abc", 0);
    state();
    get(1, MSG_OOB);
    get(9, 0);
    PART("one byte");
    put("x", MSG_OOB);
    state();
    get(9, 0);
    state();
    get(1, MSG_OOB | MSG_PEEK);
    state();
    get(0, MSG_OOB);
    get(1, MSG_OOB);
    put("y", MSG_OOB);
    get(9, MSG_OOB);
    state();
    get(1, MSG_OOB);
    get(9, 0);
    state();
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

static void marked(void)
{
    connected();
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
    state();
    PART("a new one at the mark of the old one");
    put("X", MSG_OOB);
    state();
    put("bY", MSG_OOB);
    state();
    get(9, 0);
    get(1, MSG_OOB);
    get(9, 0);
    PART("the same, the old one being read");
    put("X", MSG_OOB);
    get(1, MSG_OOB);
    put("bY", MSG_OOB);
    state();
    get(9, 0);
    get(9, 0);
    state();
    ended();
}

static void in_line(void)
{
    int on = 1, off = 0;

    connected();
    PART("in line");
    TRY(setsockopt(there, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
    put("abX", MSG_OOB);
    put("cd", 0);
    state();
    get(1, MSG_OOB);
    get(9, 0);
    state();
    get(9, 0);
    state();
    put("Y", MSG_OOB);
    state();
    get(9, MSG_PEEK);
    get(9, 0);
    state();
    PART("turned off meanwhile");
    put("aX", MSG_OOB);
    TRY(setsockopt(there, SOL_SOCKET, SO_OOBINLINE, &off, sizeof off));
    state();
    get(9, 0);
    get(1, MSG_OOB);
    put("b", 0);
    get(9, 0);
    ended();
}

static void told(void)
{
    struct sigaction action = {.sa_handler = on_urgent};
    fd_set except;
    struct timeval soon = {0, 0};

    connected();
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
    FD_ZERO(&except);
    FD_SET(there, &except);
    TRY(select(there + 1, NULL, NULL, &except, &soon));
    SHOW(!!FD_ISSET(there, &except));
    signal(SIGURG, SIG_DFL);
    PART("at the end");
    put("abX", MSG_OOB);
    shutdown(here, SHUT_WR);
    usleep(20000);
    state();
    get(9, 0);
    get(9, 0);
    get(1, MSG_OOB);
    get(9, 0);
    state();
    get(1, MSG_OOB);
    ended();
    PART("not connected");
    there = socket(AF_INET, SOCK_STREAM, 0);
    get(1, MSG_OOB);
    state();
    here = there;
    signal(SIGPIPE, SIG_IGN);
    put("x", MSG_OOB);
    close(there);
}

UT_PROGRAM(oob)
{
    arrives_us = 20000;
    inet_up();
    alone();
    marked();
    in_line();
    told();
}
