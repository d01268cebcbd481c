/* Pseudo-terminals: flags of bytes (PARMRK, IUCLC, OLCUC and their like), stopped output and its echo, and
 * what keeps their file system. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <termios.h>

#ifndef IUCLC
#define IUCLC 0001000
#endif
#ifndef OLCUC
#define OLCUC 0000002
#endif

static int master = -1, slave = -1;

static void show_read(const char *what, int fd)
{
    unsigned char buf[4096];
    ssize_t n = read(fd, buf, sizeof buf);
    char text[4096];
    size_t at = 0;

    if (n < 0) {
        ut_say("%s: %s", what, ut_errno(errno));
        return;
    }
    for (ssize_t i = 0; i < n && at < 300; i++)
        at += (size_t)snprintf(text + at, 8, buf[i] >= ' ' && buf[i] < 127 ? "%c" : "\\%03o", buf[i]);
    text[at] = 0;
    ut_say("%s: %zd \"%s\"", what, n, text);
}

/* All that comes, until nothing does any more: input goes through the kernel's own time on Linux. */
static void drain(const char *what, int fd)
{
    usleep(20000);
    do {
        show_read(what, fd);
    } while (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20) == 1);
}

static void both(void)
{
    drain("  echo", master);
    drain("  input", slave);
}

static void type_bytes(const void *bytes, size_t n)
{
    ssize_t done = write(master, bytes, n);

    if (done != (ssize_t)n)
        ut_result("write", done);
}

#define TYPE(text) type_bytes(text, sizeof(text) - 1)

static void open_pair(const char *ptmx, const char *pts)
{
    char path[64];
    int n = -1, zero = 0;

    master = open(ptmx, O_RDWR | O_NOCTTY | O_NONBLOCK);
    ioctl(master, TIOCGPTN, &n);
    ioctl(master, TIOCSPTLCK, &zero);
    snprintf(path, sizeof path, "%s/%d", pts, n);
    slave = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (master < 0 || slave < 0)
        ut_result("a pair", -1);
}

static void close_pair(void)
{
    close(slave);
    close(master);
}

static void modes(tcflag_t iflag, tcflag_t oflag, tcflag_t lflag)
{
    struct termios t;

    tcgetattr(slave, &t);
    t.c_iflag = iflag;
    t.c_oflag = oflag;
    t.c_lflag = lflag;
    tcsetattr(slave, TCSANOW, &t);
}

/* --- flags --- */

struct combination {
    const char *name;
    tcflag_t iflag, oflag, lflag;
};

#define LINES (ICANON | ISIG | IEXTEN)

static const char typed[] = "aZ\377b\377\377\200\301\341\337\327\xd7\xf7\xff\r\nQ\026\377\026A\026\301x\n";

static void flags(void)
{
    static const struct combination all[] = {
        {"none", 0, 0, 0},
        {"PARMRK", PARMRK, 0, 0},
        {"PARMRK, echo", PARMRK, 0, ECHO},
        {"PARMRK, lines", PARMRK, 0, LINES},
        {"PARMRK, lines, echo", PARMRK, OPOST | ONLCR, LINES | ECHO | ECHOE | ECHOCTL},
        {"PARMRK ISTRIP", PARMRK | ISTRIP, 0, 0},
        {"ISTRIP, lines, echo", ISTRIP | ICRNL, 0, LINES | ECHO},
        {"PARMRK INPCK", PARMRK | INPCK, 0, 0},
        {"PARMRK INPCK IGNPAR", PARMRK | INPCK | IGNPAR, 0, 0},
        {"PARMRK IGNBRK BRKINT", PARMRK | IGNBRK | BRKINT, 0, 0},
        {"INPCK BRKINT", INPCK | BRKINT, 0, 0},
        {"IGNPAR IGNBRK", IGNPAR | IGNBRK, 0, 0},
        {"IUCLC", IUCLC, 0, 0},
        {"IUCLC, extended", IUCLC, 0, IEXTEN},
        {"IUCLC, extended, echo", IUCLC, 0, IEXTEN | ECHO},
        {"IUCLC, lines, echo", IUCLC | ICRNL, OPOST, LINES | ECHO},
        {"IUCLC, lines, not extended", IUCLC | ICRNL, OPOST, ICANON | ECHO},
        {"IUCLC ISTRIP PARMRK, lines", IUCLC | ISTRIP | PARMRK, 0, LINES},
        {"IUCLC PARMRK INLCR IGNCR", IUCLC | PARMRK | INLCR | IGNCR, 0, IEXTEN | ECHO},
        {"IUCLC, the other side's", IUCLC, 0, IEXTEN | EXTPROC | ICANON | ECHO},
        {"PARMRK, the other side's", PARMRK, 0, EXTPROC | ICANON | ECHO},
        {"ISTRIP, the other side's", ISTRIP | PARMRK, 0, EXTPROC | ICANON | ECHO},
        {"OLCUC", 0, OLCUC, LINES | ECHO},
        {"OLCUC OPOST", 0, OLCUC | OPOST, LINES | ECHO | ECHOCTL},
        {"OLCUC OPOST IUCLC", IUCLC | ICRNL, OLCUC | OPOST | ONLCR, LINES | ECHO | ECHOCTL},
        {"OLCUC OPOST UTF-8", IUTF8, OLCUC | OPOST | XTABS, LINES | ECHO},
    };

    open_pair("pts/ptmx", "pts");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        PART(all[i].name);
        modes(all[i].iflag, all[i].oflag, all[i].lflag);
        TYPE(typed);
        both();
        TYPE("\n");
        both();
        write(slave, typed, sizeof typed - 1);
        write(slave, "az{`\t\303\244\t\xe0|\xfe\xff\033[m", 16);
        drain("  output", master);
        tcflush(slave, TCIOFLUSH);
    }

    PART("erasing what was doubled");
    modes(PARMRK | ICRNL, OPOST | ONLCR, LINES | ECHO | ECHOE | ECHOK | ECHOKE | ECHOCTL);
    TYPE("a\377\377b\177\177\177\177\177c\r");
    both();
    TYPE("a\377\377\025d\377 e\377\027f\r");
    both();

    PART("the end of a line is the byte that is doubled");
    {
        struct termios t;

        tcgetattr(slave, &t);
        t.c_cc[VEOL] = 0377;
        tcsetattr(slave, TCSANOW, &t);
    }
    TYPE("one\377two\377three\n");
    both();
    close_pair();
}

/* --- as much as fits --- */

static size_t read_all(char want)
{
    char buf[4096];
    size_t got = 0;

    for (;;) {
        ssize_t n = read(slave, buf, sizeof buf);

        if (n <= 0 && poll(&(struct pollfd){.fd = slave, .events = POLLIN}, 1, 100) != 1)
            return got;
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != want)
                return 0;
        got += n > 0 ? (size_t)n : 0;
    }
}

static void many(void)
{
    static char text[9000];

    PART("as many as come");
    open_pair("pts/ptmx", "pts");
    modes(PARMRK, 0, 0);
    memset(text, 0377, sizeof text);
    TRY(write(master, text, sizeof text));
    SHOW(read_all((char)0377));
    memset(text, 'x', sizeof text);
    TRY(write(master, text, sizeof text));
    SHOW(read_all('x'));
    close_pair();
}

/* --- stopped --- */

static void stopped(void)
{
    static char text[4000];
    struct termios t;

    PART("echo while output is stopped");
    open_pair("pts/ptmx", "pts");
    modes(ICRNL | IXON, OPOST | ONLCR, LINES | ECHO | ECHOE | ECHOCTL);
    TYPE("before\r");
    both();
    TYPE("\023");
    TYPE("held\rab\177\001");
    both();
    TRY(write(slave, "out", 3));
    TYPE("\021");
    both();
    TYPE("\r");
    both();

    PART("let go by the next byte");
    modes(ICRNL | IXON | IXANY, OPOST | ONLCR, LINES | ECHO);
    TYPE("\023\023");
    TYPE("x");
    both();
    TYPE("yz\r");
    both();

    PART("let go by the settings");
    modes(ICRNL | IXON, OPOST | ONLCR, LINES | ECHO);
    TYPE("\023one\r");
    both();
    modes(ICRNL, OPOST | ONLCR, LINES | ECHO);
    both();

    PART("stopped by a program");
    modes(ICRNL | IXON, OPOST | ONLCR, LINES | ECHO);
    TRY(tcflow(slave, TCOOFF));
    TYPE("two\r");
    both();
    TYPE("\021");
    both();
    modes(ICRNL, OPOST | ONLCR, LINES | ECHO);
    both();
    TRY(write(slave, "x", 1));
    TRY(tcflow(slave, TCOON));
    both();
    TRY(write(slave, "x", 1));
    both();
    TRY(tcflow(slave, TCOOFF));
    TYPE("three\r");
    TRY(tcflow(slave, TCOON));
    both();
    TYPE("4");
    both();
    TYPE("\r");
    both();

    PART("stopped by a byte, let go by a program");
    modes(ICRNL | IXON, OPOST | ONLCR, LINES | ECHO);
    TYPE("\023");
    TYPE("five\r");
    both();
    TRY(tcflow(slave, TCOON));
    TRY(write(slave, "x", 1));
    TRY(tcflow(slave, TCOOFF));
    TRY(tcflow(slave, TCOON));
    TRY(write(slave, "y", 1));
    both();

    PART("a signal");
    TYPE("\023");
    TYPE("six\003");
    both();
    TYPE("seven\r");
    both();
    modes(ICRNL | IXON, OPOST | ONLCR, LINES | ECHO | NOFLSH);
    TYPE("\023");
    TYPE("eight\003");
    both();
    TYPE("\r");
    both();
    modes(ICRNL | IXON, OPOST | ONLCR, LINES);
    TYPE("\023");
    TYPE("nine\003");
    both();
    modes(ICRNL, OPOST | ONLCR, LINES | ECHO);
    TRY(tcflow(slave, TCOOFF));
    TYPE("ten\003");
    both();
    TRY(tcflow(slave, TCOON));
    TYPE("\n");
    both();

    PART("thrown away");
    modes(ICRNL | IXON, OPOST | ONLCR, LINES | ECHO);
    TYPE("\023");
    TYPE("eleven\r");
    usleep(20000);
    TRY(tcflush(slave, TCOFLUSH));
    TYPE("\021");
    both();
    TYPE("\023");
    TYPE("twelve\r");
    usleep(20000);
    TRY(tcflush(slave, TCIFLUSH));
    TYPE("\021");
    both();

    PART("more than is held");
    modes(IXON, 0, ECHO);
    TYPE("\023");
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    type_bytes(text, sizeof text);
    usleep(50000);
    SHOW(read_all('?'));
    TYPE("\021");
    usleep(20000);
    {
        char got[4096];
        ssize_t n = read(master, got, sizeof got);

        ut_say("%zd, the last ones: %d", n, n > 0 && memcmp(got, text + sizeof text - n, (size_t)n) == 0);
    }
    tcgetattr(slave, &t);
    ut_say("%o %o %o", t.c_iflag, t.c_oflag, t.c_lflag);
    tcflush(slave, TCIOFLUSH);
    TYPE("\023");
    TYPE("never\r");
    close_pair();
}

/* --- the file system --- */

static void unmounting(void)
{
    int n = -1, other;

    PART("a file system that goes");
    mkdir("two", 0700);
    mkdir("two/pts", 0700);
    TRY(mknod("two/ptmx", S_IFCHR | 0600, makedev(5, 2)));
    TRY(mount("none", "two/pts", "devpts", 0, "mode=620,ptmxmode=666,newinstance"));
    open_pair("two/ptmx", "two/pts");
    TRY(umount("two/pts"));
    close(slave);
    TRY(umount("two/pts"));
    TRY(ioctl(master, TIOCGPTN, &n));
    SHOW(n);
    TRY(open("two/pts/0", O_RDWR | O_NOCTTY));
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);
    TRY(slave >= 0 ? 0 : -1);
    TRY(open("two/ptmx", O_RDWR | O_NOCTTY));
    if (slave >= 0) {
        TYPE("still\n");
        both();
        close(slave);
    }
    TRY(mount("none", "two/pts", "devpts", 0, "mode=620,ptmxmode=666,newinstance"));
    TRY(open("two/pts/0", O_RDWR | O_NOCTTY));
    other = open("two/ptmx", O_RDWR | O_NOCTTY);
    TRY(ioctl(other, TIOCGPTN, &n));
    SHOW(n);
    close(master);
    TRY(umount("two/pts"));
    close(other);
    TRY(umount("two/pts"));
    TRY(mount("none", "two/pts", "devpts", 0, "mode=620,ptmxmode=666,newinstance"));
    master = open("two/pts/ptmx", O_RDWR | O_NOCTTY);
    TRY(umount("two/pts"));
    close(master);
    TRY(umount("two/pts"));

    PART("one that is taken away");
    TRY(mount("none", "two/pts", "devpts", 0, "mode=620,ptmxmode=666,newinstance"));
    open_pair("two/ptmx", "two/pts");
    TRY(umount2("two/pts", MNT_DETACH));
    TYPE("yet\n");
    both();
    close(master);
    show_read("slave", slave);
    close(slave);
}

UT_PROGRAM(ptyflags)
{
    ut_workdir();
    mkdir("pts", 0700);
    if (mount("none", "pts", "devpts", 0, "mode=620,ptmxmode=666,newinstance") != 0) {
        ut_result("mount", -1);
        return;
    }
    flags();
    many();
    stopped();
    unmounting();
    TRY(umount("pts"));
}
