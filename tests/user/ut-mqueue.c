/* POSIX message queues: names, priorities, who waits, being told, their files. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <time.h>

/* Linux's struct mq_attr. */
struct attr {
    long flags, maxmsg, msgsize, curmsgs, reserved[4];
};

static char buffer[8192];

static int mq_open_(const char *name, int flags, unsigned mode, const struct attr *a)
{
    return (int)syscall(SYS_mq_open, name, flags, mode, a);
}

static int mq_unlink_(const char *name)
{
    return (int)syscall(SYS_mq_unlink, name);
}

static int post(int fd, const char *text, unsigned priority)
{
    return (int)syscall(SYS_mq_timedsend, fd, text, strlen(text), priority, NULL);
}

static void fetch(int fd)
{
    unsigned priority = 99;
    int n = (int)syscall(SYS_mq_timedreceive, fd, buffer, sizeof buffer, &priority, NULL);

    if (n < 0)
        ut_result("receive", n);
    else
        ut_say("%d bytes, priority %u: %.*s", n, priority, n < 40 ? n : 40, buffer);
}

static void state(int fd)
{
    struct attr a;

    memset(&a, 0x55, sizeof a);
    if (syscall(SYS_mq_getsetattr, fd, NULL, &a) == 0)
        ut_say("%ld of %ld messages of %ld bytes, flags %lo, %lx", a.curmsgs, a.maxmsg, a.msgsize, a.flags,
               a.reserved[3]);
    else
        ut_result("getattr", -1);
}

static void opening(void)
{
    static char long_name[300];
    struct attr a = {.maxmsg = 3, .msgsize = 20}, bad = {.maxmsg = 0, .msgsize = 20},
                worse = {.maxmsg = 3, .msgsize = -1}, large = {.maxmsg = 65537, .msgsize = 1},
                huge = {.maxmsg = 65536, .msgsize = 16 << 20},
                wide = {.maxmsg = 1, .msgsize = (16 << 20) + 1};

    PART("opening");
    memset(long_name, 'n', sizeof long_name - 1);
    mq_unlink_("ut-queue");
    TRY(mq_open_("ut-queue", O_RDWR, 0, NULL));
    TRY(mq_open_("", O_RDWR | O_CREAT, 0600, NULL));
    TRY(mq_open_("/ut-queue", O_RDWR | O_CREAT, 0600, NULL));
    TRY(mq_open_("ut/queue", O_RDWR | O_CREAT, 0600, NULL));
    TRY(mq_open_(".", O_RDWR | O_CREAT, 0600, NULL));
    TRY(mq_open_("..", O_RDONLY, 0600, NULL));
    TRY(mq_open_(long_name, O_RDWR | O_CREAT, 0600, NULL));
    TRY(mq_open_((char *)4, O_RDWR | O_CREAT, 0600, NULL));
    TRY(mq_open_("ut-queue", O_RDWR | O_CREAT, 0600, (struct attr *)4));
    TRY(mq_open_("ut-queue", O_RDWR | O_CREAT, 0600, &bad));
    TRY(mq_open_("ut-queue", O_RDWR | O_CREAT, 0600, &worse));
    TRY(mq_open_("ut-queue", O_RDWR | O_CREAT, 0600, &large));
    TRY(mq_open_("ut-queue", O_RDWR | O_CREAT, 0600, &wide));
    TRY(mq_open_("ut-queue", O_RDWR | O_CREAT, 0600, &huge));
    int fd = mq_open_("ut-queue", O_RDWR | O_CREAT | O_EXCL, 0600, &a);
    SHOW(fd >= 0);
    SHOW(fcntl(fd, F_GETFD));
    ut_say("%o", fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    TRY(mq_open_("ut-queue", O_RDWR | O_CREAT | O_EXCL, 0600, &a));
    TRY(mq_open_("ut-queue", O_RDWR | O_CREAT | O_EXCL, 0600, &bad));
    TRY(mq_open_("ut-queue", O_ACCMODE, 0600, &bad));
    int again = mq_open_("ut-queue", O_RDONLY | O_NONBLOCK | O_CREAT, 0600, &bad);
    SHOW(again >= 0);
    state(fd);
    state(again);
    state(0);
    state(-1);
    TRY(post(again, "x", 1));
    fetch(again);
    int only = mq_open_("ut-queue", O_WRONLY, 0, NULL);
    fetch(only);
    TRY(post(0, "x", 1));
    TRY(post(-1, "x", 1));
    TRY(post(-1, "x", 32768));
    close(again);
    close(only);

    PART("with a changed flag");
    struct attr set = {.flags = O_NONBLOCK, .maxmsg = 99}, was, wrong = {.flags = O_APPEND};
    TRY(syscall(SYS_mq_getsetattr, fd, &set, &was));
    ut_say("%lo", was.flags);
    state(fd);
    TRY(syscall(SYS_mq_getsetattr, fd, &wrong, &was));
    TRY(syscall(SYS_mq_getsetattr, fd, (void *)4, &was));
    TRY(syscall(SYS_mq_getsetattr, fd, NULL, (void *)4));
    TRY(syscall(SYS_mq_getsetattr, 0, &wrong, &was));
    TRY(syscall(SYS_mq_getsetattr, 0, &set, &was));
    fetch(fd);
    TRY(mq_unlink_("ut-queue"));
    TRY(mq_unlink_("ut-queue"));
    TRY(mq_unlink_(""));
    TRY(mq_unlink_("a/b"));
    TRY(mq_unlink_(long_name));
    TRY(mq_unlink_((char *)4));
    TRY(post(fd, "still", 0));
    state(fd);
    close(fd);
}

static int make(const char *name, int flags, long maxmsg, long msgsize)
{
    struct attr a = {.maxmsg = maxmsg, .msgsize = msgsize};

    mq_unlink_(name);
    return mq_open_(name, O_RDWR | O_CREAT | flags, 0600, &a);
}

static void priorities(void)
{
    int fd = make("ut-queue", O_NONBLOCK, 6, 16);

    PART("priorities");
    TRY(post(fd, "low", 1));
    TRY(post(fd, "high", 9));
    TRY(post(fd, "lower", 1));
    TRY(post(fd, "highest", 32767));
    TRY(post(fd, "middle", 5));
    TRY(post(fd, "", 9));
    TRY(post(fd, "too many", 2));
    TRY(post(fd, "much too long for it", 2));
    state(fd);
    TRY(syscall(SYS_mq_timedreceive, fd, buffer, 15, NULL, NULL));
    for (int i = 0; i < 7; i++)
        fetch(fd);
    TRY(syscall(SYS_mq_timedsend, fd, (void *)4, 5, 0, NULL));
    post(fd, "lost", 0);
    TRY(syscall(SYS_mq_timedreceive, fd, (void *)4, 100, NULL, NULL));
    post(fd, "lost too", 0);
    TRY(syscall(SYS_mq_timedreceive, fd, buffer, 100, (void *)4, NULL));
    state(fd);
    close(fd);
}

static void limited(void)
{
    struct timespec past = {1, 0}, bad = {0, -1}, soon;
    int64_t past64[2] = {1, 0}, bad64[2] = {-1, 0};
    int fd = make("ut-queue", 0, 1, 16);

    PART("with a limit");
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec += 1;
    TRY(syscall(SYS_mq_timedreceive, fd, buffer, 16, NULL, &soon));
    TRY(syscall(SYS_mq_timedreceive, fd, buffer, 16, NULL, &past));
    TRY(syscall(SYS_mq_timedreceive, fd, buffer, 16, NULL, &bad));
    TRY(syscall(SYS_mq_timedreceive, fd, buffer, 16, NULL, (void *)4));
    TRY(syscall(SYS_mq_timedreceive_time64, fd, buffer, 16, NULL, past64));
    TRY(syscall(SYS_mq_timedreceive_time64, fd, buffer, 16, NULL, bad64));
    TRY(syscall(SYS_mq_timedsend, fd, "x", 1, 40000, &bad));
    TRY(syscall(SYS_mq_timedsend, fd, "x", 1, 40000, &past));
    TRY(syscall(SYS_mq_timedsend, fd, "x", 1, 4, &past));
    TRY(syscall(SYS_mq_timedsend, fd, "x", 1, 4, &past));
    TRY(syscall(SYS_mq_timedsend_time64, fd, "x", 1, 4, past64));
    TRY(syscall(SYS_mq_timedsend_time64, fd, "x", 1, 4, bad64));
    TRY(syscall(SYS_mq_timedreceive, fd, buffer, 16, NULL, &past));
    close(fd);
}

/* --- waiting --- */

static int report[2];

static void ended(const char *who, pid_t pid)
{
    int status;

    waitpid(pid, &status, 0);
    ut_say("%s: %s%s", who, ut_status(status),
           WIFEXITED(status) && WEXITSTATUS(status) ? ut_errno(WEXITSTATUS(status)) : "");
}

static pid_t receiver(int fd, char name)
{
    pid_t pid = fork();

    if (pid == 0) {
        char said[2] = {name, '?'};

        if (syscall(SYS_mq_timedreceive, fd, buffer, sizeof buffer, NULL, NULL) < 0)
            _exit(errno);
        said[1] = buffer[0];
        write(report[1], said, 2);
        _exit(0);
    }
    ut_wait_state(pid, 'S');
    return pid;
}

static pid_t sender(int fd, const char *text, unsigned priority)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(post(fd, text, priority) ? errno : 0);
    ut_wait_state(pid, 'S');
    return pid;
}

static void reported(void)
{
    char said[2] = "";

    read(report[0], said, 2);
    ut_say("%c got %c", said[0], said[1]);
}

static void on_signal(int signo)
{
    (void)signo;
}

static int ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void waiting(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    int fd = make("ut-queue", 0, 2, 16);
    pid_t pid[2];

    pipe(report);
    PART("waiting");
    SHOW(ready(fd));
    pid[0] = receiver(fd, 'a');
    pid[1] = receiver(fd, 'b');
    post(fd, "1", 1);
    reported();
    post(fd, "2", 2);
    reported();
    ended("a", pid[0]);
    ended("b", pid[1]);
    SHOW(ready(fd));
    post(fd, "one", 1);
    SHOW(ready(fd));
    post(fd, "two", 2);
    SHOW(ready(fd));
    pid[0] = sender(fd, "three", 3);
    pid[1] = sender(fd, "none", 0);
    state(fd);
    fetch(fd);
    ended("three", pid[0]);
    fetch(fd);
    ended("none", pid[1]);
    state(fd);
    fetch(fd);
    fetch(fd);

    PART("interrupted");
    sigaction(SIGUSR1, &action, NULL);
    pid[0] = receiver(fd, 'a');
    kill(pid[0], SIGUSR1);
    ended("a", pid[0]);
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    pid[0] = receiver(fd, 'b');
    kill(pid[0], SIGUSR1);
    ut_wait_state(pid[0], 'S');
    pid[1] = receiver(fd, 'c');
    kill(pid[1], SIGKILL);
    ended("c", pid[1]);
    post(fd, "4", 0);
    reported();
    ended("b", pid[0]);
    state(fd);

    PART("a poller is told");
    pid[0] = fork();
    if (pid[0] == 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        _exit(poll(&p, 1, 10000) == 1 && p.revents == POLLIN ? 0 : 1);
    }
    ut_wait_state(pid[0], 'S');
    post(fd, "5", 0);
    ended("poller", pid[0]);
    close(fd);
}

/* --- being told --- */

static volatile sig_atomic_t told, told_value, told_code, told_by_self;

static void on_message(int signo, siginfo_t *info, void *context)
{
    (void)context;
    told++;
    told_value = info->si_value.sival_int;
    told_code = info->si_code == SI_MESGQ;
    told_by_self = info->si_pid == getpid() && info->si_uid == getuid();
    (void)signo;
}

static int notify(int fd, int kind, int signo, int value)
{
    union {
        struct sigevent event;
        char whole[64];
    } e = {.whole = ""};

    e.event.sigev_notify = kind;
    e.event.sigev_signo = signo;
    e.event.sigev_value.sival_int = value;
    return (int)syscall(SYS_mq_notify, fd, &e);
}

static void file_of(int fd)
{
    char text[128] = "";
    char *pid = NULL;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    ut_result("bytes", (long)n);
    pid = strstr(text, "NOTIFY_PID:");
    if (pid)
        pid[11] = atoi(pid + 11) == getpid() ? 'I' : pid[11] == '0' ? '0' : '?', pid[12] = 0;
    ut_say("%s", text);
}

static void other_asks(void)
{
    int fd = mq_open_("ut-queue", O_RDWR, 0, NULL);

    TRY(notify(fd, SIGEV_NONE, 0, 0));
    TRY(syscall(SYS_mq_notify, fd, NULL));
    TRY(post(fd, "from a child", 3));
}

static void telling(void)
{
    struct sigaction action = {.sa_sigaction = on_message, .sa_flags = SA_SIGINFO | SA_RESTART};
    int fd = make("ut-queue", O_NONBLOCK, 4, 16), pair[2];

    sigaction(SIGUSR2, &action, NULL);
    PART("being told");
    file_of(fd);
    TRY(notify(fd, SIGEV_SIGNAL, SIGUSR2, 17));
    TRY(notify(fd, SIGEV_SIGNAL, SIGUSR2, 17));
    file_of(fd);
    TRY(post(fd, "first", 0));
    ut_say("told %d, %d, %d, %d", told, told_value, told_code, told_by_self);
    file_of(fd);
    TRY(post(fd, "second", 0));
    TRY(notify(fd, SIGEV_SIGNAL, SIGUSR2, 18));
    TRY(post(fd, "third", 0));
    ut_say("told %d", told);
    for (int i = 0; i < 4; i++)
        fetch(fd);
    TRY(post(fd, "fourth", 0));
    ut_say("told %d, %d", told, told_value);
    fetch(fd);

    PART("not being told");
    TRY(notify(fd, SIGEV_NONE, 0, 0));
    file_of(fd);
    TRY(post(fd, "fifth", 0));
    fetch(fd);
    TRY(notify(fd, SIGEV_SIGNAL, SIGUSR2, 19));
    TRY(syscall(SYS_mq_notify, fd, NULL));
    TRY(post(fd, "sixth", 0));
    fetch(fd);
    TRY(notify(fd, SIGEV_SIGNAL, SIGUSR2, 20));
    close(dup(fd));
    file_of(fd);
    TRY(post(fd, "seventh", 0));
    fetch(fd);
    ut_say("told %d", told);
    TRY(notify(fd, SIGEV_SIGNAL, 0, 20));
    TRY(post(fd, "eighth", 0));
    fetch(fd);
    ut_say("told %d", told);

    PART("by another");
    TRY(notify(fd, SIGEV_SIGNAL, SIGUSR2, 21));
    ut_child("another", other_asks);
    ut_say("told %d, %d, %d", told, told_value, told_by_self);
    fetch(fd);

    PART("not to be asked for");
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    TRY(notify(fd, SIGEV_SIGNAL, 65, 0));
    TRY(notify(fd, SIGEV_SIGNAL, -1, 0));
    TRY(notify(fd, 3, 1, 0));
    TRY(notify(fd, SIGEV_THREAD, 0, 4));
    TRY(notify(fd, SIGEV_THREAD, -1, (int)(uintptr_t)buffer));
    TRY(notify(fd, SIGEV_THREAD, fd, (int)(uintptr_t)buffer));
    TRY(notify(fd, SIGEV_THREAD, pair[0], (int)(uintptr_t)buffer));
    TRY(notify(0, SIGEV_NONE, 0, 0));
    TRY(notify(-1, SIGEV_SIGNAL, 65, 0));
    TRY(syscall(SYS_mq_notify, fd, (void *)4));
    TRY(syscall(SYS_mq_notify, -1, NULL));
    close(fd);
}

/* --- files --- */

static void files(void)
{
    char path[64], to[64] = "";
    struct stat st;
    struct statfs fs;
    int fd = make("ut-queue", 0, 4, 16), other;

    PART("files");
    fstat(fd, &st);
    ut_say("mode %o, %lld bytes, links %d, mine %d", st.st_mode, (long long)st.st_size, (int)st.st_nlink,
           st.st_uid == geteuid());
    fstatfs(fd, &fs);
    ut_say("%lx", (unsigned long)fs.f_type);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, to, sizeof to - 1);
    ut_say("%s", to);
    TRY(write(fd, "x", 1));
    {
        int pipes[2];

        TRY(pipe(pipes));
        TRY(splice(fd, NULL, pipes[1], NULL, 10, 0));
        TRY(sendfile(pipes[1], fd, NULL, 10));
        close(pipes[0]);
        close(pipes[1]);
    }
    TRY(fchmod(fd, 0640));
    fstat(fd, &st);
    ut_say("mode %o", st.st_mode);
    mq_unlink_("ut-queue");
    fstat(fd, &st);
    SHOW(st.st_nlink);
    close(fd);

    PART("mounted");
    if (geteuid() != 0 || mkdir("/mq-ut", 0755) || mount("none", "/mq-ut", "mqueue", 0, NULL)) {
        ut_say("cannot");
        return;
    }
    stat("/mq-ut", &st);
    ut_say("%o", st.st_mode);
    fd = make("ut-queue", 0, 4, 16);
    post(fd, "twelve bytes", 0);
    other = open("/mq-ut/ut-queue", O_RDONLY);
    file_of(other);
    fetch(other);
    close(other);
    TRY(chmod("/mq-ut/ut-queue", 0604));
    fstat(fd, &st);
    ut_say("mode %o", st.st_mode);
    other = open("/mq-ut/ut-made", O_RDWR | O_CREAT, 0666);
    state(other);
    close(other);
    close(mq_open_("ut-made", O_RDWR, 0, NULL));
    TRY(mkdir("/mq-ut/d", 0755));
    TRY(symlink("a", "/mq-ut/l"));
    TRY(rename("/mq-ut/ut-made", "/mq-ut/l"));
    TRY(mknod("/mq-ut/f", S_IFIFO | 0644, 0));
    TRY(unlink("/mq-ut/ut-made"));
    TRY(unlink("/mq-ut/ut-made"));
    TRY(mq_unlink_("ut-made"));
    TRY(unlink("/mq-ut/ut-queue"));
    TRY(mq_open_("ut-queue", O_RDWR, 0, NULL));
    TRY(post(fd, "y", 0));
    close(fd);
    fd = make("ut-stays", 0, 4, 16);
    TRY(umount("/mq-ut"));
    state(fd);
    close(fd);
    TRY(mount("none", "/mq-ut", "mqueue", 0, NULL));
    TRY(unlink("/mq-ut/ut-stays"));
    TRY(umount("/mq-ut"));
    rmdir("/mq-ut");
}

/* --- limits --- */

static void as_nobody(void)
{
    struct attr a = {.maxmsg = 10, .msgsize = 8192}, many = {.maxmsg = 11, .msgsize = 8},
                large = {.maxmsg = 1, .msgsize = 8193};
    int n = 0;
    char name[32];

    if (setgid(12345) || setuid(12345)) {
        ut_say("cannot be somebody else");
        return;
    }
    TRY(mq_open_("ut-others", O_RDONLY, 0, NULL));
    TRY(mq_open_("ut-others", O_WRONLY, 0, NULL) >= 0 ? 0 : -1);
    TRY(mq_unlink_("ut-others"));
    TRY(mq_open_("ut-many", O_RDWR | O_CREAT, 0600, &many));
    TRY(mq_open_("ut-many", O_RDWR | O_CREAT, 0600, &large));
    for (; n < 20; n++) {
        snprintf(name, sizeof name, "ut-mine-%d", n);
        if (mq_open_(name, O_RDWR | O_CREAT, 0600, &a) < 0)
            break;
    }
    ut_result("one more", mq_open_(name, O_RDWR | O_CREAT, 0600, &a));
    SHOW(n);
    TRY(mq_unlink_("ut-mine-0"));
    TRY(mq_open_(name, O_RDWR | O_CREAT, 0600, &a));
    for (int fd = 3; fd < 40; fd++)
        close(fd);
    TRY(mq_open_(name, O_RDWR | O_CREAT, 0600, &a) < 0 ? -1 : 0);
    while (n >= 0) {
        snprintf(name, sizeof name, "ut-mine-%d", n--);
        mq_unlink_(name);
    }
}

static void limits(void)
{
    struct rlimit l;
    int fd;

    PART("limits");
    getrlimit(RLIMIT_MSGQUEUE, &l);
    ut_say("%lld %lld", (long long)l.rlim_cur, (long long)l.rlim_max);
    l.rlim_cur = 100 * 16 + 100 * 48;
    setrlimit(RLIMIT_MSGQUEUE, &l);
    fd = make("ut-queue", 0, 100, 17);
    ut_result("beyond", fd);
    fd = make("ut-queue", 0, 100, 16);
    SHOW(fd >= 0);
    close(fd);
    mq_unlink_("ut-queue");
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_MSGQUEUE, &l);
    if (geteuid() != 0)
        return;
    mq_unlink_("ut-others");
    close(mq_open_("ut-others", O_RDWR | O_CREAT, 0602, NULL));
    ut_child("somebody else", as_nobody);
    TRY(mq_unlink_("ut-others"));
}

UT_PROGRAM(mqueue)
{
    umask(0);
    opening();
    priorities();
    limited();
    waiting();
    telling();
    files();
    limits();
    mq_unlink_("ut-queue");
}
