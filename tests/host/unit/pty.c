/*
 * kernel/dev/ldisc.c against the line discipline of the Linux that runs this: random typing into a pseudo
 * terminal and into ours, and both must echo the same and give a reader the same.
 */
#define _GNU_SOURCE 1
#include "kernel/dev/ldisc.h"
#include "tests/kt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* <termios.h> has other names for what ldisc.h defines; the layout is the kernel's. */
enum { K_TCGETS = 0x5401, K_TCSETS = 0x5402, K_FIONREAD = 0x541B };

struct pair {
    int master, slave;
    struct ldisc l;
    char shown[4096];
    size_t n;
};

static void on_output(void *arg, const char *text, size_t n)
{
    struct pair *p = arg;

    for (; n > 0 && p->n < sizeof p->shown; n--)
        p->shown[p->n++] = *text++;
}

static void on_signal(void *arg, enum ldisc_signal s)
{
    (void)arg;
    (void)s;
}

static void on_start(void *arg)
{
    (void)arg;
}

static const struct ldisc_ops ops = {.output = on_output, .signal = on_signal, .start = on_start};

/* For so long Linux's side, which works in the background, may have nothing to show on a busy machine. */
#define PATIENCE_MS 10000

/* Wait until n bytes are there, or for long enough that none will come. */
static size_t collect(int fd, char *out, size_t n)
{
    size_t got = 0;

    for (;;) {
        struct pollfd f = {fd, POLLIN, 0};
        ssize_t r;

        if (poll(&f, 1, got < n ? PATIENCE_MS : 0) <= 0 || !(f.revents & POLLIN))
            return got;
        r = read(fd, out + got, 4096 - got);
        if (r <= 0)
            return got;
        got += (size_t)r;
    }
}

static void escape(char *out, const char *text, size_t n)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < n && i < 60; i++) {
        uint8_t c = (uint8_t)text[i];

        if (c > ' ' && c < 127) {
            *out++ = (char)c;
        } else {
            *out++ = '\\';
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        }
    }
    *out = '\0';
}

static bool open_pair(struct pair *p)
{
    memset(p, 0, sizeof *p);
    p->master = posix_openpt(O_RDWR | O_NOCTTY);
    if (p->master < 0 || grantpt(p->master) != 0 || unlockpt(p->master) != 0)
        return false;
    p->slave = open(ptsname(p->master), O_RDWR | O_NOCTTY | O_NONBLOCK);
    ldisc_init(&p->l, &ops, p);
    return p->slave >= 0;
}

static bool set_modes(struct kt *kt, struct pair *p, uint32_t iflag, uint32_t oflag, uint32_t lflag)
{
    struct termios t;

    if (ioctl(p->slave, K_TCGETS, &t) != 0)
        return false;
    EXPECT(memcmp(t.cc, p->l.termios.cc, VEOL2 + 1) == 0, "the default characters");
    t.iflag = iflag;
    t.oflag = oflag;
    t.lflag = lflag;
    if (ioctl(p->slave, K_TCSETS, &t) != 0)
        return false;
    p->l.termios.iflag = iflag;
    p->l.termios.oflag = oflag;
    p->l.termios.lflag = lflag;
    return true;
}

/* What is typed last may have no echo: give Linux time until it has as much to read as we have. */
static void settle(struct pair *p)
{
    for (unsigned tries = 0; tries < 100 + PATIENCE_MS; tries++) {
        struct pollfd f = {p->slave, POLLIN, 0};
        int waiting = -1;

        if (ioctl(p->slave, K_FIONREAD, &waiting) == 0 && waiting == (int)ldisc_waiting(&p->l) &&
            (poll(&f, 1, 0) == 1) == ldisc_readable(&p->l, 1))
            return;
        usleep(tries < 100 ? 10 : 1000);
    }
}

/* Type without echo: nothing else says how far Linux is than how much there is to read, and that could be
 * right by chance if it were behind by more than a byte. */
static void type_unseen(struct kt *kt, struct pair *p, const uint8_t *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ldisc_input(&p->l, text + i, 1);
        if (write(p->master, text + i, 1) != 1)
            EXPECT(false, "write to the terminal: errno %d", errno);
        settle(p);
    }
    EXPECT(p->n == 0 && collect(p->master, p->shown, 0) == 0, "there is an echo");
}

/* Type this into both, and compare the echo. */
static void type(struct kt *kt, struct pair *p, const uint8_t *text, size_t n)
{
    char theirs[4096], a[200], b[200], c[200];
    size_t got;

    p->n = 0;
    if (!(p->l.termios.lflag & ECHO)) {
        type_unseen(kt, p, text, n);
        return;
    }
    ldisc_input(&p->l, text, n);
    if (write(p->master, text, n) != (ssize_t)n)
        EXPECT(false, "write to the terminal: errno %d", errno);
    got = collect(p->master, theirs, p->n);
    escape(a, (const char *)text, n);
    escape(b, theirs, got);
    escape(c, p->shown, p->n);
    EXPECT(got == p->n && memcmp(theirs, p->shown, got) == 0, "typed %s: Linux echoes %s, we %s", a, b, c);
}

/* Read everything from both. */
static void compare_reads(struct kt *kt, struct pair *p)
{
    char ours[64], theirs[64], a[200], b[200];

    settle(p);
    while (kt->failures == 0 && ldisc_readable(&p->l, 1)) {
        size_t most = 1 + kt_below(kt, sizeof ours), mine = ldisc_read(&p->l, ours, most);
        ssize_t r = read(p->slave, theirs, most);

        escape(a, theirs, r > 0 ? (size_t)r : 0);
        escape(b, ours, mine);
        EXPECT(r == (ssize_t)mine && memcmp(theirs, ours, mine) == 0,
               "read %zu: Linux gives %zd %s, we %zu %s", most, r, a, mine, b);
    }
    if (kt->failures == 0)
        EXPECT(read(p->slave, theirs, 1) < 0 && errno == EAGAIN, "Linux has more to read");
}

/* One line or so of typing. A signal begins a piece of its own, since Linux forgets output that nobody has
 * taken when it comes. */
static void round_of_typing(struct kt *kt, struct pair *p)
{
    static const char keys[] = "ab _Z9\t\t\n\r\177\177\177\027\025\022\026\004\003\034\001\303\244\377";
    uint8_t text[40];
    size_t n = 1 + kt_below(kt, sizeof text - 1), from = 0;

    for (size_t i = 0; i < n; i++) {
        text[i] = (uint8_t)keys[kt_below(kt, sizeof keys - 1)];
        if ((text[i] == 3 || text[i] == 034) && i > from) {
            type(kt, p, text + from, i - from);
            from = i;
        }
    }
    type(kt, p, text + from, n - from);
    compare_reads(kt, p);
}

TEST(pty, random)
{
    struct pair p;

    for (unsigned session = 0; session < 40 && kt->failures == 0; session++) {
        uint32_t lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
        uint32_t iflag = ICRNL | IXON, oflag = OPOST | ONLCR;
        static const uint32_t optional[] = {ECHOE, ECHOK, ECHOCTL, ECHOKE, NOFLSH, IEXTEN, ISIG, ECHO},
                              rare[] = {PARMRK, IUCLC, ISTRIP, ICRNL, INLCR, IGNCR};

        if (!open_pair(&p)) {
            kt_skip(kt, "no pseudo terminals here");
            return;
        }
        for (unsigned i = 0; i < ARRAY_LEN(optional); i++)
            if (session >= 10 && kt_below(kt, 4) == 0)
                lflag ^= optional[i];
        if (session % 5 == 4)
            lflag &= ~(uint32_t)ICANON;
        if (session % 3 == 2)
            iflag |= IUTF8;
        if (session % 7 == 6)
            oflag |= XTABS;
        for (unsigned i = 0; i < ARRAY_LEN(rare); i++)
            if (session >= 20 && kt_below(kt, 4) == 0)
                iflag ^= rare[i];
        if (session >= 20 && kt_below(kt, 4) == 0)
            oflag |= OLCUC;
        REQUIRE(set_modes(kt, &p, iflag, oflag, lflag), "errno %d", errno);
        for (unsigned i = 0; i < 50 && kt->failures == 0; i++)
            round_of_typing(kt, &p);
        EXPECT(kt->failures == 0, "modes %o %o %o", iflag, oflag, lflag);
        close(p.master);
        close(p.slave);
    }
}
