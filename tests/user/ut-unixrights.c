/* What goes along with messages of local sockets: descriptors and credentials; and who is given them back. */
#include "tests/user/ut.h"
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define MANY 300

static union {
    char bytes[CMSG_SPACE(MANY * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr align;
} control;

/* Send a text with n descriptors. */
static int send_files(int fd, const char *text, const int *files, unsigned n)
{
    struct iovec v = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    if (n) {
        control.align = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(n * sizeof *files), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), files, n * sizeof *files);
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(n * sizeof *files);
    }
    return (int)sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Receive and say what came; the descriptors, `most` at most. How many. */
static unsigned receive(int fd, unsigned size, unsigned room, int flags, int *files, unsigned most)
{
    char buf[64] = "";
    struct iovec v = {buf, size};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = room};
    unsigned got = 0;
    int rc = (int)recvmsg(fd, &m, flags | MSG_DONTWAIT);

    if (rc < 0) {
        ut_say("received: %s", ut_errno(errno));
        return 0;
    }
    ut_say("received: %d, %s, flags %#x, control %u", rc, buf, m.msg_flags, (unsigned)m.msg_controllen);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        unsigned n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        struct ucred who;

        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            ut_say("  %u descriptors", n);
            for (unsigned i = 0; i < n; i++) {
                int one;

                memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
                if (got < most)
                    files[got++] = one;
                else
                    close(one);
            }
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
            memset(&who, 0, sizeof who);
            memcpy(&who, CMSG_DATA(c), n * 4 < sizeof who ? n * 4 : sizeof who);
            ut_say("  credentials in %u words: %s, %d, %d", n,
                   who.pid == getpid() ? "this process"
                   : who.pid           ? "another"
                                       : "nobody",
                   (int)who.uid, (int)who.gid);
        } else {
            ut_say("  level %d type %d", c->cmsg_level, c->cmsg_type);
        }
    }
    return got;
}

static void files(int type)
{
    int p[2], q[2], f[8], send[3], n;
    char buf[8];

    ut_say("-- descriptors, type %d", type);
    TRY(socketpair(AF_UNIX, type, 0, p));
    TRY(pipe(q));
    send[0] = q[0];
    send[1] = q[1];
    send[2] = q[0];
    TRY(send_files(p[0], "hello", send, 3));
    TRY(send_files(p[0], " you", NULL, 0));
    n = (int)receive(p[1], 20, sizeof control, 0, f, 8);
    SHOW(n);
    TRY(write(f[1], "abc", 3));
    TRY(read(f[0], buf, 2));
    TRY(read(f[2], buf, 2));
    SHOW(fcntl(f[0], F_GETFD));
    for (int i = 0; i < n; i++)
        close(f[i]);
    receive(p[1], 20, sizeof control, 0, f, 0);
    PART("of a part of a message, looked at, closed on exec");
    TRY(send_files(p[0], "hello", send, 1));
    n = (int)receive(p[1], 2, sizeof control, MSG_PEEK, f, 8);
    SHOW(n);
    close(f[0]);
    n = (int)receive(p[1], 2, sizeof control, MSG_CMSG_CLOEXEC, f, 8);
    SHOW(n);
    SHOW(fcntl(f[0], F_GETFD));
    close(f[0]);
    receive(p[1], 20, sizeof control, 0, f, 0);
    PART("too little room");
    for (unsigned room = 0; room <= 20; room += 4) {
        send_files(p[0], "x", send, 2);
        n = (int)receive(p[1], 20, room, 0, f, 8);
        while (n > 0)
            close(f[--n]);
    }
    PART("nobody asks");
    TRY(send_files(p[0], "x", send, 2));
    TRY(read(p[1], buf, 8));
    TRY(send_files(p[0], "x", send, 2));
    TRY(send_files(p[0], "y", NULL, 0));
    TRY(read(p[1], buf, 8));
    TRY(recv(p[1], buf, 8, MSG_DONTWAIT));
    PART("the last of a pipe comes from a message");
    TRY(send_files(p[0], "x", send, 2));
    close(q[0]);
    close(q[1]);
    n = (int)receive(p[1], 8, sizeof control, 0, f, 8);
    TRY(write(f[1], "ab", 2));
    TRY(read(f[0], buf, 8));
    close(f[0]);
    PART("closing takes them along");
    TRY(send_files(p[0], "x", f + 1, 1));
    close(f[1]);
    TRY(pipe(q));
    TRY(send_files(p[0], "x", q + 1, 1));
    close(q[1]);
    struct pollfd w = {.fd = q[0], .events = POLLIN};

    SHOW(poll(&w, 1, 0));
    close(p[0]);
    SHOW(poll(&w, 1, 0));
    close(p[1]);
    SHOW(poll(&w, 1, 100));
    ut_say("events %#x", w.revents);
    close(q[0]);
}

static int send_raw(int fd, const void *head, unsigned n)
{
    struct iovec v = {(void *)"x", 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = (void *)(uintptr_t)head, .msg_controllen = n};

    return (int)sendmsg(fd, &m, MSG_DONTWAIT);
}

static void wrong(void)
{
    static int many[MANY];
    uint32_t c[8];
    int p[2], bad = 99, got[1];

    PART("what cannot be sent");
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    TRY(send_files(p[0], "x", &bad, 1));
    TRY(send_files(p[0], "x", many, 253));
    TRY(send_files(p[0], "x", many, 254));
    SHOW(receive(p[1], 8, sizeof control, 0, got, 0));
#define RAW(size, length, level, type)                                                                       \
    (memcpy(c, ((uint32_t[8]){length, (uint32_t)(level), type, 0, 0, 0}), sizeof c), send_raw(p[0], c, size))
    TRY(RAW(16, 16, SOL_SOCKET, SCM_RIGHTS));
    TRY(RAW(16, 12, SOL_SOCKET, SCM_RIGHTS));
    TRY(RAW(16, 15, SOL_SOCKET, SCM_RIGHTS));
    TRY(RAW(16, 17, SOL_SOCKET, SCM_RIGHTS));
    TRY(RAW(16, 11, SOL_SOCKET, SCM_RIGHTS));
    TRY(RAW(16, 0, SOL_SOCKET, SCM_RIGHTS));
    TRY(RAW(11, 16, SOL_SOCKET, SCM_RIGHTS));
    TRY(RAW(16, 16, SOL_SOCKET, 77));
    TRY(RAW(16, 16, 77, 77));
    TRY(RAW(24, 24, SOL_SOCKET, SCM_CREDENTIALS));
    TRY(RAW(20, 20, SOL_SOCKET, SCM_CREDENTIALS));
    TRY(send_raw(p[0], (void *)8, 16));
    TRY(send_raw(p[0], c, 0x80000000u));
    TRY(send_raw(p[0], c, 0x100000));
    for (unsigned i = 0; i < 5; i++)
        receive(p[1], 8, 12, 0, got, 0);
    close(p[0]);
    close(p[1]);
}

static void credentials(int type)
{
    struct ucred who = {.pid = getpid(), .uid = 0, .gid = 0};
    struct iovec v = {(void *)"said", 4};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes};
    int p[2], on = 1, f[4], status;
    pid_t pid;

    ut_say("-- credentials, type %d", type);
    TRY(socketpair(AF_UNIX, type, 0, p));
    TRY(write(p[0], "before", 6));
    TRY(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    receive(p[1], 20, sizeof control, 0, f, 0);
    TRY(write(p[0], "after", 5));
    receive(p[1], 20, sizeof control, MSG_PEEK, f, 0);
    receive(p[1], 20, 12, 0, f, 0);
    TRY(write(p[0], "after", 5));
    receive(p[1], 20, 0, 0, f, 0);
    TRY(write(p[0], "after", 5));
    receive(p[1], 20, 18, 0, f, 0);
    control.align = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof who), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    memcpy(CMSG_DATA(&control.align), &who, sizeof who);
    m.msg_controllen = CMSG_SPACE(sizeof who);
    TRY(sendmsg(p[0], &m, 0));
    receive(p[1], 20, sizeof control, 0, f, 0);
    control.align = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof who), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    who.pid = pid;
    memcpy(CMSG_DATA(&control.align), &who, sizeof who);
    m.msg_controllen = CMSG_SPACE(sizeof who);
    TRY(sendmsg(p[0], &m, 0));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    who.pid = 0x7ffffff0;
    memcpy(CMSG_DATA(&control.align), &who, sizeof who);
    TRY(sendmsg(p[0], &m, 0));
    PART("bytes of several are not joined");
    pid = fork();
    if (pid == 0)
        _exit(write(p[0], "child", 5) == 5 ? 0 : 1);
    waitpid(pid, &status, 0);
    TRY(write(p[0], "parent", 6));
    receive(p[1], 5, sizeof control, 0, f, 0);
    receive(p[1], 20, sizeof control, 0, f, 0);
    receive(p[1], 20, sizeof control, 0, f, 0);
    receive(p[1], 20, sizeof control, 0, f, 0);
    close(p[0]);
    close(p[1]);
}

/* Sockets that only messages in each other's queues hold. What they hold beside that is closed: a pipe's end
 * tells. */
static void cycles(void)
{
    int p[2], q[2], r[2], three[3];
    struct pollfd w = {.events = POLLIN};

    PART("a cycle");
    TRY(pipe(r));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    three[0] = p[0];
    three[1] = p[1];
    three[2] = r[1];
    TRY(send_files(p[0], "x", three, 3));
    TRY(send_files(p[1], "x", three, 2));
    close(r[1]);
    close(p[0]);
    close(p[1]);
    w.fd = r[0];
    socketpair(AF_UNIX, SOCK_STREAM, 0, q);
    close(q[0]);
    close(q[1]);
    SHOW(poll(&w, 1, 1000));
    ut_say("events %#x", w.revents);
    close(r[0]);
    PART("a longer one, that is reached");
    TRY(pipe(r));
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, q));
    three[0] = p[0];
    three[1] = p[1];
    three[2] = r[1];
    TRY(send_files(p[0], "in p", three, 3));
    TRY(send_files(q[0], "in q", three, 2));
    close(r[1]);
    close(p[0]);
    close(p[1]);
    int other = socket(AF_UNIX, SOCK_DGRAM, 0);

    close(other);
    w.fd = r[0];
    SHOW(poll(&w, 1, 20));
    int got[4];

    SHOW(receive(q[1], 8, sizeof control, 0, got, 4));
    int again[4];

    SHOW(receive(got[1], 8, sizeof control, 0, again, 4));
    SHOW(poll(&w, 1, 0));
    close(again[2]);
    SHOW(poll(&w, 1, 100));
    for (unsigned i = 0; i < 2; i++) {
        close(got[i]);
        close(again[i]);
    }
    close(q[0]);
    close(q[1]);
    close(r[0]);
    PART("at the door");
    int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "door"};

    TRY(pipe(r));
    TRY(bind(s, (struct sockaddr *)&a, sizeof a));
    TRY(listen(s, 2));
    TRY(connect(c, (struct sockaddr *)&a, sizeof a));
    three[0] = s;
    three[1] = r[1];
    TRY(send_files(c, "the door itself", three, 2));
    close(r[1]);
    close(s);
    close(c);
    socketpair(AF_UNIX, SOCK_STREAM, 0, q);
    close(q[0]);
    close(q[1]);
    w.fd = r[0];
    SHOW(poll(&w, 1, 1000));
    close(r[0]);
}

/* Each in the queue of the next: closing the first closes all, without a stack for each. */
static void chain(void)
{
    int before[2], p[2], r[2], two[2];
    struct pollfd w = {.events = POLLIN};

    PART("a long chain");
    TRY(pipe(r));
    socketpair(AF_UNIX, SOCK_STREAM, 0, before);
    send_files(before[0], "x", r + 1, 1);
    close(r[1]);
    for (unsigned i = 0; i < 2000; i++) {
        socketpair(AF_UNIX, SOCK_STREAM, 0, p);
        two[0] = before[0];
        two[1] = before[1];
        if (send_files(p[0], "x", two, 2) != 1)
            ut_say("%u: %s", i, ut_errno(errno));
        close(before[0]);
        close(before[1]);
        memcpy(before, p, sizeof p);
    }
    w.fd = r[0];
    SHOW(poll(&w, 1, 0));
    close(before[0]);
    close(before[1]);
    SHOW(poll(&w, 1, 5000));
    ut_say("events %#x", w.revents);
    close(r[0]);
}

/* Without the capabilities, as many may be on their way as files may be open. */
static void limited(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2];
    struct rlimit limit = {20, 20};
    int p[2], one, sent = 0;

    memset(none, 0, sizeof none);
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    one = p[0];
    setrlimit(RLIMIT_NOFILE, &limit);
    TRY(syscall(SYS_capset, &head, none));
    while (sent < 100 && send_files(p[0], "x", &one, 1) == 1)
        sent++;
    ut_say("%s after %d", ut_errno(errno), sent);
    /* The one that is over the limit of descriptors. */
    int f[20], n = 0;

    while (n < 20 && (f[n] = dup(one)) >= 0)
        n++;
    receive(p[1], 1, sizeof control, 0, f, 0);
    close(f[--n]);
    receive(p[1], 1, sizeof control, 0, f, 0);
    _exit(0);
}

/* Say who one is, by pid and ids that may be another's. */
static int say_who(int fd, pid_t pid, uid_t uid, gid_t gid)
{
    const struct ucred who = {pid, uid, gid};
    struct iovec v = {(void *)"x", 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = CMSG_SPACE(sizeof who)};

    control.align = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof who), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    memcpy(CMSG_DATA(&control.align), &who, sizeof who);
    return (int)sendmsg(fd, &m, 0);
}

static void as_another(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "roots"}, b = {AF_UNIX, "everybodys"};
    struct sockaddr_un c = {AF_UNIX, "mine"};
    int p[2], on = 1, s = socket(AF_UNIX, SOCK_DGRAM, 0), t = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct stat st;
    struct ucred who;
    socklen_t n = sizeof who;

    TRY(bind(s, (struct sockaddr *)&a, sizeof a));
    TRY(bind(t, (struct sockaddr *)&b, sizeof b));
    TRY(chmod("everybodys", 0722));
    TRY(syscall(SYS_setresgid32, 2000, 2001, 2002));
    TRY(syscall(SYS_setresuid32, 1000, 1001, 1002));
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    TRY(fstat(p[0], &st));
    ut_say("%d %d", (int)st.st_uid, (int)st.st_gid);
    TRY(getsockopt(p[0], SOL_SOCKET, SO_PEERCRED, &who, &n));
    ut_say("%d %d", (int)who.uid, (int)who.gid);
    TRY(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    TRY(write(p[0], "x", 1));
    receive(p[1], 1, sizeof control, 0, NULL, 0);
    TRY(say_who(p[0], getpid(), 1000, 2002));
    TRY(say_who(p[0], getpid(), 1001, 2001));
    TRY(say_who(p[0], getpid(), 1002, 2000));
    TRY(say_who(p[0], getpid(), 0, 2000));
    TRY(say_who(p[0], getpid(), 1000, 0));
    TRY(say_who(p[0], getppid(), 1000, 2000));
    for (unsigned i = 0; i < 3; i++)
        receive(p[1], 1, sizeof control, 0, NULL, 0);
    TRY(connect(p[0], (struct sockaddr *)&a, sizeof a));
    TRY(connect(p[0], (struct sockaddr *)&b, sizeof b));
    TRY(sendto(p[0], "x", 1, 0, (struct sockaddr *)&a, sizeof a));
    s = socket(AF_UNIX, SOCK_DGRAM, 0);
    TRY(bind(s, (struct sockaddr *)&c, sizeof c));
    TRY(access("mine", F_OK));
    TRY(setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &on, sizeof on));
    TRY(setsockopt(s, SOL_SOCKET, SO_PRIORITY, &on, sizeof on));
    on = 7;
    TRY(setsockopt(s, SOL_SOCKET, SO_PRIORITY, &on, sizeof on));
    TRY(setsockopt(s, SOL_SOCKET, SO_DEBUG, &on, sizeof on));
    _exit(0);
}

/* Of times of 32 bits, then of 64, as the kernel numbers them. */
enum { TIMESTAMP = 29, TIMESTAMPNS = 35, TIMESTAMP_NEW = 63, TIMESTAMPNS_NEW = 64 };
static const int time_options[] = {TIMESTAMP, TIMESTAMPNS, TIMESTAMP_NEW, TIMESTAMPNS_NEW};

static void say_time_options(int s)
{
    int value[4] = {-1, -1, -1, -1};
    socklen_t n = sizeof value[0];

    for (unsigned i = 0; i < 4; i++)
        syscall(SYS_getsockopt, s, SOL_SOCKET, time_options[i], &value[i], &n);
    ut_say("times are told: %d, %d, %d, %d", value[0], value[1], value[2], value[3]);
}

static void times(void)
{
    char in[8];
    struct iovec v = {in, sizeof in};
    int p[2], on = 1, off = 0;

    PART("times");
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    for (unsigned i = 0; i < 4; i++) {
        struct msghdr m = {
            .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = 64};
        bool wide = i >= 2;
        time_t now = time(NULL);
        uint32_t t[4];

        TRY(syscall(SYS_setsockopt, p[1], SOL_SOCKET, time_options[i], &on, sizeof on));
        say_time_options(p[1]);
        send(p[0], "x", 1, 0);
        TRY(syscall(SYS_recvmsg, p[1], &m, 0));
        memcpy(t, CMSG_DATA(&control.align), sizeof t);
        ut_say("type %d, %u bytes, %s", control.align.cmsg_type, (unsigned)control.align.cmsg_len,
               t[0] - (uint32_t)now < 5 && t[wide ? 2 : 1] < 1000000000 && (!wide || (!t[1] && !t[3]))
                   ? "now"
                   : "another time");
        m = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1};
        send(p[0], "x", 1, 0);
        TRY(syscall(SYS_recvmsg, p[1], &m, 0));
        SHOW(m.msg_flags);
    }
    TRY(syscall(SYS_setsockopt, p[1], SOL_SOCKET, TIMESTAMP, &off, sizeof off));
    say_time_options(p[1]);
    TRY(syscall(SYS_setsockopt, p[1], SOL_SOCKET, TIMESTAMPNS, &on, sizeof on));
    TRY(syscall(SYS_setsockopt, p[1], SOL_SOCKET, TIMESTAMP_NEW, &off, sizeof off));
    say_time_options(p[1]);
    close(p[0]);
    close(p[1]);
}

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static void say_groups(const char *what, int s, socklen_t room)
{
    gid_t groups[4] = {0};
    int err = getsockopt(s, SOL_SOCKET, SO_PEERGROUPS, groups, &room);

    ut_result(what, err);
    ut_say("  %u bytes: %u %u %u", room, groups[0], groups[1], groups[2]);
}

/* SO_PEERGROUPS: as the other end had them when it connected. */
static void groups_of_peer(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "groups"};
    int p[2], s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

    TRY(setgroups(3, (gid_t[]){70, 5, 6}));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    TRY(bind(s, (struct sockaddr *)&a, sizeof a));
    say_groups("nobody yet", s, 16);
    TRY(listen(s, 1));
    TRY(setgroups(1, (gid_t[]){9}));
    say_groups("of a pair", p[0], 16);
    say_groups("room for all", p[0], 12);
    say_groups("too little room", p[0], 11);
    say_groups("no room", p[0], 0);
    TRY(connect(c, (struct sockaddr *)&a, sizeof a));
    TRY(setgroups(0, NULL));
    say_groups("who listens", c, 16);
    say_groups("who connected", accept(s, NULL, NULL), 16);
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    say_groups("none", p[0], 16);
    say_groups("none, no room", p[0], 0);
    say_groups("another family", socket(AF_INET, SOCK_STREAM, 0), 16);
    TRY(setsockopt(p[0], SOL_SOCKET, SO_PEERGROUPS, &(int){1}, 4));
}

static void cookies(void)
{
    uint64_t c = 0, again = 0;
    int p[2];
    socklen_t n = 4;

    PART("cookies");
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    TRY(getsockopt(p[0], SOL_SOCKET, 57, &c, &n));
    n = 100;
    TRY(getsockopt(p[0], SOL_SOCKET, 57, &c, &n));
    SHOW(n);
    TRY(getsockopt(p[0], SOL_SOCKET, 57, &again, &n));
    SHOW(c != 0 && c == again);
    TRY(getsockopt(p[1], SOL_SOCKET, 57, &again, &n));
    SHOW(c != again);
    TRY(setsockopt(p[0], SOL_SOCKET, 57, &c, 8));
    close(p[0]);
    close(p[1]);
}

UT_PROGRAM(unixrights)
{
    ut_workdir();
    files(SOCK_STREAM);
    files(SOCK_DGRAM);
    wrong();
    credentials(SOCK_STREAM);
    credentials(SOCK_DGRAM);
    cycles();
    chain();
    times();
    ut_child("more than may be", limited);
    PART("another user");
    ut_child("it", as_another);
    PART("groups of who is at the other end");
    ut_child("groups", groups_of_peer);
    cookies();
}
