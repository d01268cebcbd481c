/* What the two programs about urgent bytes share: one end sends, the other tells what it finds. */
#ifndef TESTS_USER_OOB_H
#define TESTS_USER_OOB_H

#include "tests/user/ut.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int here, there;
static unsigned arrives_us; /* so long after it is sent it is there, at most */

static void ended(void)
{
    close(here);
    close(there);
}

static void put(const char *text, int flags)
{
    ut_say("sent \"%s\"%s: %zd", text, flags & MSG_OOB ? ", urgent" : "",
           send(here, text, strlen(text), flags));
    usleep(arrives_us);
}

static void get(size_t n, int flags)
{
    char buf[100] = "", what[100];
    struct iovec v = {buf, n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    ssize_t got = recvmsg(there, &m, flags | MSG_DONTWAIT);

    snprintf(what, sizeof what, "received %zu%s%s%s", n, flags & MSG_OOB ? ", urgent" : "",
             flags & MSG_PEEK ? ", only looked at" : "", flags & MSG_WAITALL ? ", all" : "");
    if (got < 0)
        ut_say("%s: %s", what, ut_errno(errno));
    else
        ut_say("%s: %zd \"%.*s\", flags %x", what, got, (int)got, buf, m.msg_flags & ~MSG_CMSG_CLOEXEC);
}

static void state(void)
{
    struct pollfd p = {.fd = there, .events = POLLIN | POLLPRI | POLLRDBAND | POLLRDNORM};
    int mark = 9, bytes = 9;

    poll(&p, 1, 0);
    ioctl(there, SIOCATMARK, &mark);
    ioctl(there, FIONREAD, &bytes);
    ut_say("  events %x, at the mark %d, bytes %d", p.revents, mark, bytes);
}

static volatile int urgent;

static void on_urgent(int signo)
{
    (void)signo;
    urgent++;
}

#endif
