/* Pseudo-terminals: pairs, their settings, job control on them, packet mode, and their end. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

#ifndef TIOCVHANGUP
#define TIOCVHANGUP 0x5437
#endif

static int master = -1, slave = -1;

/* What a read gives, with what is no letter as \ooo. */
static void show_read(const char *what, int fd, size_t size)
{
    unsigned char buf[8192];
    ssize_t n = read(fd, buf, size);
    char text[512];
    size_t at = 0;

    if (n < 0) {
        ut_say("%s: %s", what, ut_errno(errno));
        return;
    }
    for (ssize_t i = 0; i < n && at < sizeof text - 8; i++)
        at += (size_t)snprintf(text + at, 8, buf[i] >= ' ' && buf[i] < 127 ? "%c" : "\\%03o", buf[i]);
    text[at] = 0;
    ut_say("%s: %zd \"%s\"", what, n, text);
}

#define READ_FROM(fd) show_read("read " #fd, fd, 4096)

static void type(const char *text)
{
    ssize_t n = write(master, text, strlen(text));

    if (n != (ssize_t)strlen(text))
        ut_result("write", n);
}

/* What is there by now: input goes through the kernel's own time on Linux. */
static unsigned polled(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};

    poll(&p, 1, ms);
    return (unsigned)(unsigned short)p.revents;
}

static void show_poll(const char *what, int fd)
{
    usleep(20000);
    ut_say("poll %s: %#x", what, polled(fd, 0));
}

static void open_pair(void)
{
    char path[32];
    int n = -1, zero = 0;

    master = open("pts/ptmx", O_RDWR | O_NOCTTY);
    ioctl(master, TIOCGPTN, &n);
    ioctl(master, TIOCSPTLCK, &zero);
    snprintf(path, sizeof path, "pts/%d", n);
    slave = open(path, O_RDWR | O_NOCTTY);
    if (master < 0 || slave < 0)
        ut_result("a pair", -1);
}

static void close_pair(void)
{
    close(slave);
    close(master);
}

static void settings(int set, int clear)
{
    struct termios t;

    tcgetattr(slave, &t);
    t.c_lflag = (t.c_lflag | (tcflag_t)set) & ~(tcflag_t)clear;
    tcsetattr(slave, TCSANOW, &t);
}

static void raw(void)
{
    struct termios t;

    tcgetattr(slave, &t);
    cfmakeraw(&t);
    tcsetattr(slave, TCSANOW, &t);
}

/* --- the filesystem --- */

static void show_mode(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        ut_say("%s: %s", path, ut_errno(errno));
    else
        ut_say("%s: mode %o of %u:%u, device %u:%u, inode %u", path, st.st_mode, st.st_uid, st.st_gid,
               major(st.st_rdev), minor(st.st_rdev), (unsigned)st.st_ino);
}

static void bad_mount(const char *options)
{
    int rc = mount("none", "bad", "devpts", 0, options);

    ut_result(options, rc);
    if (rc == 0)
        umount("bad");
}

static void filesystem(void)
{
    struct statfs s;
    int a, b, c, n = -1, lock = -1, one = 1;

    PART("the filesystem");
    TRY(statfs("pts", &s));
    ut_number("magic", s.f_type);
    show_mode("pts");
    show_mode("pts/ptmx");
    show_mode("pts/0");
    a = open("pts/ptmx", O_RDWR);
    TRY(ioctl(a, TIOCGPTN, &n));
    SHOW(n);
    TRY(ioctl(a, TIOCGPTLCK, &lock));
    SHOW(lock);
    show_mode("pts/0");
    TRY(open("pts/0", O_RDWR));
    lock = 0;
    TRY(ioctl(a, TIOCSPTLCK, &lock));
    b = open("pts/0", O_RDWR | O_NOCTTY);
    TRY(b >= 0);
    TRY(ioctl(b, TIOCGPTN, &n));
    TRY(ioctl(b, TIOCSPTLCK, &one));
    TRY(ioctl(b, TIOCPKT, &one));
    TRY(isatty(a));
    TRY(isatty(b));
    c = open("pts/ptmx", O_RDWR);
    TRY(ioctl(c, TIOCGPTN, &n));
    SHOW(n);
    close(b);
    close(a);
    show_mode("pts/0");
    a = open("pts/ptmx", O_RDWR);
    TRY(ioctl(a, TIOCGPTN, &n));
    SHOW(n);
    close(a);
    close(c);
    TRY(open("pts/new", O_RDWR | O_CREAT, 0600));
    TRY(mkdir("pts/dir", 0700));
    TRY(mknod("pts/node", S_IFCHR | 0600, makedev(5, 2)));
    TRY(unlink("pts/ptmx"));
    TRY(rename("pts/ptmx", "pts/other"));
    TRY(link("pts/ptmx", "pts/other"));
    TRY(symlink("ptmx", "pts/other"));
    TRY(chmod("pts/ptmx", 0640));
    show_mode("pts/ptmx");
    mkdir("bad", 0700);
    bad_mount("mode=9");
    bad_mount("gid=");
    bad_mount("what");
    bad_mount("max=1048577");
    bad_mount("max=5,newinstance");
    TRY(mount("none", "pts", NULL, MS_REMOUNT, "mode=600,ptmxmode=640,max=2"));
    show_mode("pts/ptmx");
    a = open("pts/ptmx", O_RDWR);
    b = open("pts/ptmx", O_RDWR);
    TRY(open("pts/ptmx", O_RDWR));
    close(a);
    close(b);
    TRY(mount("none", "pts", NULL, MS_REMOUNT, "mode=620,gid=5,ptmxmode=666"));
}

/* A ptmx that lies beside "pts". */
static void beside(void)
{
    int fd, n = -1;

    PART("a ptmx beside it");
    TRY(mknod("ptmx", S_IFCHR | 0600, makedev(5, 2)));
    fd = open("ptmx", O_RDWR);
    TRY(ioctl(fd, TIOCGPTN, &n));
    SHOW(n);
    show_mode("pts/0");
    close(fd);
    mkdir("alone", 0700);
    mknod("alone/ptmx", S_IFCHR | 0600, makedev(5, 2));
    TRY(open("alone/ptmx", O_RDWR));
    mkdir("alone/pts", 0700);
    TRY(open("alone/ptmx", O_RDWR));
}

/* --- bytes --- */

static void show_termios(const char *what, int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) == 0)
        ut_say("%s: i %o o %o c %o l %o, intr %d eof %d min %d", what, t.c_iflag, t.c_oflag, t.c_cflag,
               t.c_lflag, t.c_cc[VINTR], t.c_cc[VEOF], t.c_cc[VMIN]);
    else
        ut_result(what, -1);
}

static void bytes(void)
{
    struct winsize w = {24, 80, 1, 2}, got = {9, 9, 9, 9};
    struct termios t;
    int n = -1;

    PART("bytes");
    open_pair();
    show_termios("slave", slave);
    show_termios("master", master);
    show_poll("master", master);
    show_poll("slave", slave);
    type("hello\n");
    READ_FROM(master);
    show_poll("slave", slave);
    TRY(ioctl(slave, FIONREAD, &n));
    SHOW(n);
    READ_FROM(slave);
    TRY(write(slave, "a\nb\n", 4));
    polled(master, 1000);
    TRY(ioctl(master, FIONREAD, &n));
    SHOW(n);
    TRY(ioctl(slave, TIOCOUTQ, &n));
    SHOW(n);
    show_read("two bytes", master, 2);
    READ_FROM(master);
    type("ab\177c\025de\004");
    READ_FROM(slave);
    READ_FROM(master);
    type("\004");
    READ_FROM(slave);
    type("one\ntwo\n");
    READ_FROM(slave);
    READ_FROM(slave);
    polled(master, 1000);
    READ_FROM(master);

    PART("settings from either side");
    tcgetattr(master, &t);
    t.c_lflag &= ~(tcflag_t)ECHO;
    t.c_cflag = CS7 | PARENB | B9600;
    TRY(tcsetattr(master, TCSANOW, &t));
    show_termios("slave", slave);
    type("quiet\n");
    READ_FROM(slave);
    show_poll("master", master);
    TRY(ioctl(slave, TIOCGWINSZ, &got));
    ut_say("size %d %d %d %d", got.ws_row, got.ws_col, got.ws_xpixel, got.ws_ypixel);
    TRY(ioctl(master, TIOCSWINSZ, &w));
    TRY(ioctl(slave, TIOCGWINSZ, &got));
    ut_say("size %d %d %d %d", got.ws_row, got.ws_col, got.ws_xpixel, got.ws_ypixel);
    TRY(ioctl(slave, TIOCGETD, &n));
    SHOW(n);
    n = 99;
    TRY(ioctl(slave, TIOCSETD, &n));
    TRY(ioctl(slave, TIOCEXCL));
    TRY(ioctl(slave, 0x80045440 /* TIOCGEXCL */, &n));
    SHOW(n);
    TRY(ioctl(slave, TIOCNXCL));
    TRY(lseek(master, 0, SEEK_CUR));
    TRY(lseek(slave, 0, SEEK_CUR));
    TRY(ioctl(master, 0x12345678, &n));
    TRY(ioctl(slave, 0x12345678, &n));
    close_pair();
}

static void raw_bytes(void)
{
    char *big = malloc(20000);
    size_t got = 0;
    int n = -1, fd;

    PART("raw");
    open_pair();
    raw();
    type("\003\004x");
    READ_FROM(slave);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    READ_FROM(slave);
    READ_FROM(master);
    for (int k = 0; k < 4; k++) {
        struct termios t;

        tcgetattr(slave, &t);
        t.c_cc[VMIN] = k & 1;
        t.c_cc[VTIME] = k & 2;
        tcsetattr(slave, TCSANOW, &t);
        ut_say("at least %d, within %d", k & 1, k & 2);
        READ_FROM(slave);
    }
    raw();
    for (unsigned i = 0; i < 20000; i++)
        big[i] = (char)('a' + i % 23);
    ut_result("8000 bytes to the slave", write(master, big, 8000));
    usleep(20000);
    for (;;) {
        char part[1000];
        ssize_t r = read(slave, part, sizeof part);

        if (r <= 0 && got < 8000 && polled(slave, 1000) & POLLIN)
            continue;
        if (r <= 0 || memcmp(part, big + got, (size_t)r) != 0)
            break;
        got += (size_t)r;
    }
    SHOW(got);
    ut_result("8000 bytes from it", write(slave, big, 8000));
    for (got = 0; got < 8000 && polled(master, 1000) & POLLIN;) {
        char part[6000];
        ssize_t r = read(master, part, sizeof part);

        if (r <= 0 || r > 4095 || memcmp(part, big + got, (size_t)r) != 0)
            break;
        got += (size_t)r;
    }
    SHOW(got);
    /* Until it is full; how much that is is the kernel's business. */
    while (write(slave, big, 20000) > 0)
        n++;
    ut_say("full: %s, poll %#x", ut_errno(errno), polled(slave, 0));
    while (polled(master, 50) & POLLIN)
        if (read(master, big, 4000) <= 0)
            break;
    show_poll("slave", slave);
    TRY(write(slave, "more", 4));
    usleep(20000);
    READ_FROM(master);
    type("gone");
    usleep(20000);
    TRY(tcflush(slave, TCIFLUSH));
    READ_FROM(slave);
    type("\023");
    READ_FROM(slave);
    TRY(ioctl(slave, TCXONC, TCOOFF));
    TRY(write(slave, "x", 1));
    show_poll("slave", slave);
    TRY(ioctl(slave, TCXONC, TCOON));
    TRY(write(slave, "x", 1));
    usleep(20000);
    READ_FROM(master);
    TRY(ioctl(slave, TCXONC, TCIOFF));
    usleep(20000);
    READ_FROM(master);
    TRY(ioctl(slave, TIOCSTI, "s"));
    usleep(20000);
    READ_FROM(slave);
    free(big);

    PART("the peer");
    fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    TRY(fd >= 0);
    TRY(fcntl(fd, F_GETFD));
    TRY(write(fd, "peer", 4));
    usleep(20000);
    READ_FROM(master);
    close(fd);
    TRY(ioctl(slave, TIOCGPTPEER, O_RDWR));
    close_pair();
}

/* --- packet mode --- */

static void packet(void)
{
    int on = 1, off = 0;
    struct termios t;

    PART("packet mode");
    open_pair();
    settings(0, ECHO);
    TRY(ioctl(master, TIOCPKT, &on));
    on = 0;
    TRY(ioctl(master, 0x80045438 /* TIOCGPKT */, &on));
    SHOW(on);
    TRY(write(slave, "data", 4));
    polled(master, 1000);
    show_read("one byte", master, 1);
    READ_FROM(master);
    TRY(ioctl(slave, TCXONC, TCOOFF));
    ut_say("poll %#x", polled(master, 1000));
    READ_FROM(master);
    TRY(ioctl(slave, TCXONC, TCOON));
    READ_FROM(master);
    tcgetattr(slave, &t);
    t.c_iflag &= ~(tcflag_t)IXON;
    TRY(tcsetattr(slave, TCSANOW, &t));
    READ_FROM(master);
    t.c_iflag |= IXON;
    TRY(tcsetattr(slave, TCSANOW, &t));
    READ_FROM(master);
    TRY(tcflush(slave, TCIFLUSH));
    READ_FROM(master);
    TRY(tcflush(slave, TCIOFLUSH));
    READ_FROM(master);
    type("\023");
    polled(master, 1000);
    READ_FROM(master);
    type("\021");
    polled(master, 1000);
    READ_FROM(master);
    type("\003");
    polled(master, 1000);
    READ_FROM(master);
    TRY(ioctl(master, TIOCPKT, &off));
    TRY(tcflush(slave, TCIFLUSH));
    TRY(write(slave, "data", 4));
    polled(master, 1000);
    READ_FROM(master);

    PART("EXTPROC");
    TRY(ioctl(master, TIOCPKT, (on = 1, &on)));
    settings(0200000 | ECHO, 0);
    READ_FROM(master);
    type("a\177\003\r");
    usleep(20000);
    READ_FROM(slave);
    settings(0, 0200000);
    READ_FROM(master);
    close_pair();
}

/* --- the ends --- */

static void ends(void)
{
    int fd;
    pid_t pid;

    PART("the slave ends");
    open_pair();
    settings(0, ECHO);
    TRY(write(slave, "last", 4));
    close(slave);
    show_poll("master", master);
    READ_FROM(master);
    READ_FROM(master);
    show_poll("master", master);
    TRY(write(master, "typed\n", 6));
    slave = open("pts/0", O_RDWR | O_NOCTTY);
    show_poll("master", master);
    READ_FROM(slave);
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    READ_FROM(master);

    PART("the master ends");
    TRY(write(master, "unread\n", 7));
    close(master);
    show_poll("slave", slave);
    READ_FROM(slave);
    TRY(write(slave, "x", 1));
    TRY(ioctl(slave, TCGETS, 0));
    TRY(tcsetpgrp(slave, 1));
    show_mode("pts/0");
    fd = open("/proc/self/fd/0", O_PATH);
    close(fd);
    close(slave);

    PART("while one waits");
    open_pair();
    pid = fork();
    if (pid == 0) {
        close(master);
        READ_FROM(slave);
        usleep(50000);
        READ_FROM(slave);
        _exit(0);
    }
    ut_wait_state(pid, 'S');
    close(master);
    waitpid(pid, NULL, 0);
    close(slave);
    open_pair();
    pid = fork();
    if (pid == 0) {
        close(slave);
        READ_FROM(master);
        _exit(0);
    }
    ut_wait_state(pid, 'S');
    close(slave);
    waitpid(pid, NULL, 0);
    close(master);
}

/* --- sessions --- */

static volatile sig_atomic_t seen[65];

static void on_signal(int signo)
{
    seen[signo]++;
}

static void catch_all(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGCONT, SIGWINCH, SIGTSTP};

    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

        sigaction(signals[i], &a, NULL);
    }
}

static void show_seen(const char *what)
{
    char text[128] = "";

    usleep(50000);
    for (int s = 1; s <= 64; s++)
        if (seen[s]) {
            snprintf(text + strlen(text), sizeof text - strlen(text), " %s", ut_signal(s));
            seen[s] = 0;
        }
    ut_say("%s:%s", what, *text ? text : " nothing");
}

/* In a new session, with the slave as its terminal. */
static void leader(void)
{
    struct winsize w = {10, 20, 0, 0};
    int n = -1, status, tty;
    pid_t pid;

    catch_all();
    TRY(setsid() > 0);
    TRY(open("/dev/tty", O_RDWR));
    TRY(ioctl(slave, TIOCGPGRP, &n));
    TRY(ioctl(slave, TIOCGSID, &n));
    TRY(ioctl(master, TIOCGPGRP, &n));
    SHOW(n);
    TRY(ioctl(master, TIOCGSID, &n));
    TRY(ioctl(slave, TIOCSCTTY, 0));
    TRY(ioctl(slave, TIOCSCTTY, 0));
    TRY(tcgetpgrp(slave) == getpid());
    TRY(tcgetsid(slave) == getpid());
    TRY(tcgetpgrp(master) == getpid());
    tty = open("/dev/tty", O_RDWR);
    TRY(tty >= 0);
    TRY(ioctl(master, TIOCSWINSZ, &w));
    show_seen("size");
    TRY(ioctl(master, TIOCSWINSZ, &w));
    show_seen("the same size");
    type("\003");
    show_seen("^C");
    type("\034");
    show_seen("^\\");
    TRY(ioctl(master, 0x40045436 /* TIOCSIG */, SIGINT));
    show_seen("TIOCSIG");
    TRY(ioctl(master, 0x40045436, SIGHUP));
    polled(master, 1000);
    READ_FROM(master);

    /* A group in the background. */
    pid = fork();
    if (pid == 0) {
        char c;

        setpgid(0, 0);
        signal(SIGTTIN, SIG_DFL);
        read(slave, &c, 1);
        settings(TOSTOP, 0);
        write(slave, "b", 1);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    ut_say("reads in the background: stopped by %s", ut_signal(WSTOPSIG(status)));
    TRY(tcsetpgrp(slave, pid));
    TRY(tcgetpgrp(master) == pid);
    kill(pid, SIGCONT);
    type("x\n");
    waitpid(pid, &status, WUNTRACED);
    ut_say("in the foreground: %s", ut_status(status));
    signal(SIGTTOU, SIG_IGN);
    TRY(tcsetpgrp(slave, getpid()));
    signal(SIGTTOU, SIG_DFL);
    usleep(20000);
    READ_FROM(master);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        write(slave, "b", 1);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    ut_say("writes in the background: stopped by %s", WIFSTOPPED(status) ? ut_signal(WSTOPSIG(status)) : "-");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    TRY(tcsetpgrp(slave, 1));
    TRY(tcsetpgrp(slave, 30000));
    TRY(tcsetpgrp(slave, -1));
    TRY(ioctl(slave, TIOCNOTTY));
    show_seen("given up");
    TRY(open("/dev/tty", O_RDWR));
    TRY(ioctl(slave, TIOCNOTTY));
    close(slave);
    slave = open("pts/0", O_WRONLY);
    TRY(open("/dev/tty", O_RDWR));
    close(slave);
    slave = open("pts/0", O_RDWR);
    tty = open("/dev/tty", O_RDWR);
    TRY(tty >= 0);
    seen[SIGHUP] = seen[SIGCONT] = 0;
    close(master);
    show_seen("the master ends");
    TRY(open("/dev/tty", O_RDWR));
    show_poll("tty", tty);
}

static void wait_for_end(void)
{
    catch_all();
    for (unsigned i = 0; i < 200 && !seen[SIGHUP]; i++)
        usleep(10000);
    show_seen("in the foreground");
}

/* The leader ends; a group is in the foreground. */
static void leader_ends(bool master_first)
{
    pid_t pid;

    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    pid = fork();
    if (pid == 0) {
        close(master);
        setpgid(0, 0);
        wait_for_end();
        if (!master_first)
            TRY(write(slave, "x", 1));
        _exit(0);
    }
    setpgid(pid, pid);
    tcsetpgrp(slave, pid);
    usleep(50000);
    if (master_first) {
        close(master);
        usleep(50000);
    }
    ut_say("the leader ends");
}

static void ends_first(void)
{
    leader_ends(false);
}

static void ends_after(void)
{
    leader_ends(true);
}

static void hang_up(void)
{
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    catch_all();
    settings(0, ECHO);
    TRY(vhangup());
    show_seen("vhangup");
    READ_FROM(slave);
    TRY(write(slave, "x", 1));
    show_poll("slave", slave);
    show_poll("master", master);
    close(slave);
    READ_FROM(master);
    slave = open("pts/0", O_RDWR | O_NOCTTY);
    show_termios("anew", slave);
    TRY(write(slave, "again", 5));
    polled(master, 1000);
    READ_FROM(master);
}

static void hang_up_one(void)
{
    catch_all();
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    TRY(ioctl(slave, TIOCVHANGUP));
    show_seen("a hang-up");
    READ_FROM(slave);
    TRY(write(slave, "x", 1));
    TRY(ioctl(slave, TIOCVHANGUP));
    show_poll("slave", slave);
    show_poll("master", master);
    close(slave);
    slave = open("pts/0", O_RDWR | O_NOCTTY);
    if (setgid(65534) || setuid(65534))
        ut_say("still root: %s", ut_errno(errno));
    TRY(ioctl(slave, TIOCVHANGUP));
}

/* What a line to somewhere else has. */
static void lines(int fd)
{
    struct termios t, all;
    int n = -1, on = 1, off = 0;

    TRY(ioctl(fd, TIOCGSOFTCAR, &n));
    SHOW(n);
    TRY(ioctl(fd, TIOCSSOFTCAR, &on));
    TRY(ioctl(fd, TIOCGSOFTCAR, &n));
    SHOW(n);
    tcgetattr(slave, &t);
    SHOW(t.c_cflag & CLOCAL);
    TRY(ioctl(fd, TIOCSSOFTCAR, &off));
    tcgetattr(slave, &t);
    SHOW(t.c_cflag & CLOCAL);
    TRY(ioctl(fd, TIOCGSOFTCAR, 8));
    TRY(ioctl(fd, TIOCSSOFTCAR, 8));
    TRY(ioctl(fd, TIOCSBRK));
    TRY(ioctl(fd, TIOCCBRK));
    TRY(ioctl(fd, TIOCSBRK, 8));
    memset(&all, 0xa5, sizeof all);
    TRY(ioctl(fd, TIOCGLCKTRMIOS, &all));
    ut_say("%x %x %x %x %x %x %x", all.c_iflag, all.c_oflag, all.c_cflag, all.c_lflag, all.c_line,
           all.c_cc[0], all.c_cc[18]);
    memset(&all, 0, sizeof all);
    all.c_lflag = ECHO;
    all.c_cc[VINTR] = 1;
    TRY(ioctl(fd, TIOCSLCKTRMIOS, &all));
    memset(&all, 0xa5, sizeof all);
    TRY(ioctl(fd, TIOCGLCKTRMIOS, &all));
    ut_say("%x %x %x %x %x %x %x", all.c_iflag, all.c_oflag, all.c_cflag, all.c_lflag, all.c_line,
           all.c_cc[0], all.c_cc[18]);
    tcgetattr(slave, &t);
    t.c_lflag ^= ECHO | ISIG;
    t.c_cc[VINTR] = 7;
    t.c_cc[VEOF] ^= 8;
    TRY(tcsetattr(slave, TCSANOW, &t));
    show_termios("locked in part", slave);
    TRY(ioctl(fd, TIOCGLCKTRMIOS, 8));
    TRY(ioctl(fd, TIOCSLCKTRMIOS, 8));
    memset(&all, 0, sizeof all);
    TRY(ioctl(fd, TIOCSLCKTRMIOS, &all));
    t.c_lflag ^= ISIG;
    t.c_cc[VINTR] = 3;
    t.c_cc[VEOF] = 4;
    TRY(tcsetattr(slave, TCSANOW, &t));
    show_termios("no more", slave);
}

static void line_of_nobody(void)
{
    struct termios all = {.c_lflag = ECHO};

    if (setgid(65534) || setuid(65534))
        ut_say("still root: %s", ut_errno(errno));
    TRY(ioctl(slave, TIOCGLCKTRMIOS, &all));
    TRY(ioctl(slave, TIOCSLCKTRMIOS, &all));
    TRY(ioctl(slave, TIOCSLCKTRMIOS, 8));
}

static void as_lines(void)
{
    PART("the slave as a line");
    lines(slave);
    PART("the master as one");
    lines(master);
    line_of_nobody();
}

/* Run fn in a child that alone has a pair. */
static void alone(void (*fn)(void))
{
    pid_t pid;
    int status;

    open_pair();
    pid = fork();
    if (pid == 0) {
        fn();
        _exit(0);
    }
    close_pair();
    waitpid(pid, &status, 0);
    ut_say("the child: %s", ut_status(status));
}

UT_PROGRAM(pty)
{
    ut_workdir();
    mkdir("pts", 0700);
    if (mount("none", "pts", "devpts", 0, "mode=620,gid=5,ptmxmode=666,newinstance") != 0) {
        ut_result("mount", -1);
        return;
    }
    filesystem();
    beside();
    bytes();
    raw_bytes();
    packet();
    ends();
    PART("a session");
    alone(leader);
    PART("the leader ends");
    open_pair();
    ut_child("leader", ends_first);
    usleep(200000);
    close_pair();
    PART("the leader ends after the master");
    alone(ends_after);
    usleep(200000);
    PART("vhangup");
    alone(hang_up);
    PART("one that is hung up by a file of it");
    alone(hang_up_one);
    alone(as_lines);
    TRY(umount("pts"));
}
