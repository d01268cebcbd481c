/* POSIX message queues: being told by a socket and a thread (SIGEV_THREAD), and the order of waiters. */
#include "tests/user/ut.h"
#include <linux/netlink.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define NAME   "/ut-mqnotify"
#define COOKIE 32

static char buffer[8192];

static mqd_t make(long messages)
{
    struct mq_attr a = {.mq_maxmsg = messages, .mq_msgsize = 16};
    mqd_t q;

    mq_unlink(NAME);
    q = mq_open(NAME, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &a);
    if (q < 0)
        ut_result("a queue", -1);
    return q;
}

/* --- by a socket --- */

static int route(int flags)
{
    return socket(AF_NETLINK, SOCK_RAW | flags, 0);
}

static int ask(mqd_t q, int s, const void *cookie)
{
    union {
        struct sigevent event;
        char whole[64];
    } e = {.whole = ""};

    e.event.sigev_notify = SIGEV_THREAD;
    e.event.sigev_signo = s;
    e.event.sigev_value.sival_ptr = (void *)(uintptr_t)cookie;
    return (int)syscall(SYS_mq_notify, q, &e);
}

static char cookie[COOKIE];

static int ask_as(mqd_t q, int s, char mark)
{
    memset(cookie, mark, sizeof cookie);
    return ask(q, s, cookie);
}

/* What has come to a socket, all of it. */
static void heard(int s)
{
    for (;;) {
        char text[100];
        struct sockaddr_nl from;
        struct iovec part = {text, sizeof text};
        struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n;

        memset(text, 0x55, sizeof text);
        memset(&from, 0x55, sizeof from);
        n = recvmsg(s, &m, MSG_DONTWAIT);
        if (n < 0) {
            ut_say("heard: %s", ut_errno(errno));
            return;
        }
        ut_say("heard: %zd bytes of %c%c, at last %d, from %d %u %u, flags %x", n, text[0], text[30],
               text[31], from.nl_family, from.nl_pid, from.nl_groups, m.msg_flags);
    }
}

static void file_of(mqd_t q)
{
    char text[128] = "";
    char *pid;

    pread(q, text, sizeof text - 1, 0);
    pid = strstr(text, "NOTIFY_PID:");
    if (pid)
        pid[11] = atoi(pid + 11) == getpid() ? 'I' : pid[11] == '0' ? '0' : '?', pid[12] = 0;
    ut_say("%s", text);
}

static unsigned polled(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

    poll(&p, 1, 0);
    return (unsigned)(unsigned short)p.revents;
}

static void by_socket(void)
{
    mqd_t q = make(4), again;
    int s = route(SOCK_CLOEXEC), n;
    pid_t pid;

    PART("a socket is told");
    TRY(ask_as(q, s, 'a'));
    file_of(q);
    SHOW(polled(s));
    TRY(ask_as(q, s, 'b'));
    heard(s);
    TRY(mq_send(q, "one", 3, 0));
    SHOW(polled(s));
    TRY(ioctl(s, FIONREAD, &n));
    heard(s);
    file_of(q);
    TRY(mq_send(q, "two", 3, 0));
    heard(s);
    TRY(ask_as(q, s, 'c'));
    TRY(mq_receive(q, buffer, 16, NULL));
    TRY(mq_receive(q, buffer, 16, NULL));
    heard(s);
    TRY(mq_send(q, "three", 5, 0));
    heard(s);
    TRY(mq_receive(q, buffer, 16, NULL));

    PART("a socket is told that it is not told any more");
    TRY(ask_as(q, s, 'd'));
    TRY(syscall(SYS_mq_notify, q, NULL));
    heard(s);
    TRY(syscall(SYS_mq_notify, q, NULL));
    heard(s);
    TRY(ask_as(q, s, 'e'));
    close(dup(q));
    heard(s);
    TRY(ask_as(q, s, 'f'));
    again = mq_open(NAME, O_RDONLY);
    mq_close(again);
    heard(s);
    TRY(ask_as(q, s, 'g'));
    mq_unlink(NAME);
    heard(s);
    mq_close(q);
    heard(s);

    PART("a process that ends");
    q = make(4);
    pid = fork();
    if (pid == 0)
        _exit(ask_as(q, s, 'h') ? 1 : 0);
    waitpid(pid, &n, 0);
    ut_say("%s", ut_status(n));
    heard(s);
    pid = fork();
    if (pid == 0) { /* which is not who asked */
        mq_close(q);
        _exit(0);
    }
    TRY(ask_as(q, s, 'i'));
    waitpid(pid, NULL, 0);
    heard(s);
    TRY(mq_send(q, "four", 4, 0));
    heard(s);
    TRY(mq_receive(q, buffer, 16, NULL));

    PART("a socket that is closed");
    TRY(ask_as(q, s, 'j'));
    close(s);
    file_of(q);
    TRY(mq_send(q, "five", 4, 0));
    file_of(q);
    TRY(mq_receive(q, buffer, 16, NULL));
    s = route(0);
    n = dup(s);
    TRY(ask_as(q, s, 'k'));
    close(s);
    TRY(mq_send(q, "six", 3, 0));
    heard(n);
    TRY(ask_as(q, n, 'l'));
    mq_close(q);
    heard(n);
    close(n);
    mq_unlink(NAME);
}

static void wrong(void)
{
    mqd_t q = make(4);
    int s = route(0), pair[2], null = open("/dev/null", O_RDWR), path = open("/", O_PATH);
    uint8_t *edge = ut_map(2, PROT_READ | PROT_WRITE);

    PART("not to be asked for");
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    munmap(edge + PAGE, PAGE);
    TRY(ask(q, s, edge + PAGE - COOKIE + 1));
    TRY(ask(q, s, edge + PAGE - COOKIE));
    TRY(ask(q, -1, edge + PAGE - COOKIE + 1));
    TRY(ask(q, s, NULL));
    TRY(ask(q, -1, cookie));
    TRY(ask(q, 1000, cookie));
    TRY(ask(q, null, cookie));
    TRY(ask(q, path, cookie));
    TRY(ask(q, q, cookie));
    TRY(ask(q, pair[0], cookie));
    TRY(ask(-1, s, cookie));
    TRY(ask(null, s, cookie));
    TRY(ask(null, pair[0], cookie));
    heard(s);
    TRY(syscall(SYS_mq_notify, q, NULL));
    heard(s);
    close(s);
    s = socket(AF_NETLINK, SOCK_DGRAM, 0);
    TRY(ask_as(q, s, 'm'));
    TRY(mq_send(q, "seven", 5, 0));
    heard(s);
    close(s);
    close(null);
    close(path);
    close(pair[0]);
    close(pair[1]);
    munmap(edge, PAGE);
    mq_close(q);
    mq_unlink(NAME);
}

static void nothing(int signo)
{
    (void)signo;
}

/* A socket that has more than it may keeps those waiting who ask for it. */
static void full(void)
{
    struct sigaction action = {.sa_handler = nothing};
    mqd_t q = make(4);
    int s = route(0), n = 0, size = 2048, status;
    pid_t pid;

    PART("a full socket");
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    sigaction(SIGUSR1, &action, NULL);
    pid = fork();
    if (pid == 0) {
        for (;;) {
            if (ask_as(q, s, 'n'))
                _exit(errno);
            syscall(SYS_mq_notify, q, NULL);
        }
    }
    ut_wait_state(pid, 'S');
    kill(pid, SIGUSR1);
    waitpid(pid, &status, 0);
    ut_say("%s %s", ut_status(status), WIFEXITED(status) ? ut_errno(WEXITSTATUS(status)) : "");
    while (recv(s, buffer, sizeof buffer, MSG_DONTWAIT) == COOKIE)
        n++;
    SHOW(n > 1);
    SHOW(buffer[31]);
    TRY(ask_as(q, s, 'o'));
    TRY(mq_send(q, "eight", 5, 0));
    heard(s);
    close(s);
    mq_close(q);
    mq_unlink(NAME);
}

/* --- by a thread --- */

static sem_t called;
static mqd_t of_thread;
static volatile int calls, value;

static void on_message(union sigval v)
{
    ssize_t n = mq_receive(of_thread, buffer, sizeof buffer, NULL);

    calls++;
    value = v.sival_int;
    ut_say("a thread got %zd bytes: %.*s", n, n > 0 ? (int)n : 0, buffer);
    sem_post(&called);
}

static void by_thread(void)
{
    struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_message};

    PART("a thread is told");
    sem_init(&called, 0, 0);
    of_thread = make(4);
    for (int i = 0; i < 3; i++) {
        e.sigev_value.sival_int = 70 + i;
        TRY(mq_notify(of_thread, &e));
        TRY(mq_notify(of_thread, &e));
        TRY(mq_send(of_thread, "to a thread", 11, 0));
        while (sem_wait(&called) && errno == EINTR)
            ;
        ut_say("%d calls, value %d", calls, value);
    }
    TRY(mq_notify(of_thread, &e));
    TRY(mq_notify(of_thread, NULL));
    TRY(mq_send(of_thread, "to nobody", 9, 0));
    SHOW(calls);
    mq_close(of_thread);
    mq_unlink(NAME);
}

/* --- the order of those who wait --- */

struct rank {
    char name;
    int policy, priority, nice;
};

static int report[2];

static void become(const struct rank *r)
{
    struct sched_param p = {r->priority};

    if (setpriority(PRIO_PROCESS, 0, r->nice) || sched_setscheduler(0, r->policy, &p))
        _exit(9);
}

static pid_t waiter(mqd_t q, const struct rank *r, bool sends)
{
    pid_t pid = fork();

    if (pid == 0) {
        char said[2] = {r->name, '?'};

        become(r);
        if (sends)
            _exit(mq_send(q, &r->name, 1, 0) ? 8 : 0);
        if (mq_receive(q, buffer, sizeof buffer, NULL) < 0)
            _exit(8);
        said[1] = buffer[0];
        write(report[1], said, 2);
        _exit(0);
    }
    ut_wait_state(pid, 'S');
    return pid;
}

static void ended(const struct rank *r, pid_t pid)
{
    int status;

    waitpid(pid, &status, 0);
    if (status)
        ut_say("%c: %s", r->name, ut_status(status));
}

#define RANKS 10
static void order(bool sends)
{
    static const struct rank ranks[RANKS] = {{'a', SCHED_OTHER, 0, 0},  {'b', SCHED_FIFO, 3, 0},
                                             {'c', SCHED_OTHER, 0, 5},  {'d', SCHED_RR, 50, 0},
                                             {'e', SCHED_OTHER, 0, -5}, {'f', SCHED_BATCH, 0, 0},
                                             {'g', SCHED_IDLE, 0, 0},   {'h', SCHED_FIFO, 3, 7},
                                             {'i', SCHED_RR, 4, 0},     {'j', SCHED_OTHER, 0, 5}};
    struct mq_attr blocking = {.mq_flags = 0};
    char got[RANKS + 1] = "";
    pid_t pid[RANKS];
    mqd_t q = make(1);

    mq_setattr(q, &blocking, NULL);
    if (sends)
        mq_send(q, "*", 1, 0);
    for (int i = 0; i < RANKS; i++)
        pid[i] = waiter(q, &ranks[i], sends);
    if (sends) { /* in a chain: each receive lets the next send */
        mq_receive(q, buffer, sizeof buffer, NULL);
        for (int i = 0; i < RANKS; i++)
            got[i] = mq_receive(q, buffer, sizeof buffer, NULL) < 0 ? '!' : buffer[0];
    } else {
        for (int i = 0; i < RANKS; i++) {
            char text[2] = {(char)('0' + i), 0}, said[2] = "";

            mq_send(q, text, 1, 0);
            read(report[0], said, 2);
            got[i] = said[1] == text[0] ? said[0] : '!';
        }
    }
    got[RANKS] = 0;
    ut_say("%s: %s", sends ? "senders" : "receivers", got);
    for (int i = 0; i < RANKS; i++)
        ended(&ranks[i], pid[i]);
    mq_close(q);
    mq_unlink(NAME);
}

/* What one is when it begins to wait counts, not what it becomes. */
static void changed(void)
{
    static const struct rank first = {'a', SCHED_OTHER, 0, 0}, second = {'b', SCHED_OTHER, 0, 0};
    struct mq_attr blocking = {.mq_flags = 0};
    struct sched_param p = {9};
    char said[2] = "";
    pid_t pid[2];
    mqd_t q = make(1);

    mq_setattr(q, &blocking, NULL);
    pid[0] = waiter(q, &first, false);
    pid[1] = waiter(q, &second, false);
    TRY(sched_setscheduler(pid[1], SCHED_FIFO, &p));
    for (int i = 0; i < 2; i++) {
        mq_send(q, "x", 1, 0);
        read(report[0], said, 2);
        ut_say("changed: %c", said[0]);
    }
    ended(&first, pid[0]);
    ended(&second, pid[1]);
    mq_close(q);
    mq_unlink(NAME);
}

UT_PROGRAM(mqnotify)
{
    umask(0);
    by_socket();
    wrong();
    full();
    by_thread();
    PART("who comes first");
    if (geteuid() != 0) {
        ut_say("cannot");
        return;
    }
    pipe(report);
    order(false);
    order(true);
    changed();
}
