/* kernel/dev/ldisc.c: the line discipline. tests/host/unit/pty.c compares it with Linux's. */
#include "kernel/dev/ldisc.h"
#include "tests/kt.h"

enum { SCREEN = 512 };

struct terminal {
    struct ldisc l;
    char screen[SCREEN]; /* what was echoed */
    size_t shown;
    unsigned signals[3];
    unsigned starts;
};

static void on_output(void *arg, const char *text, size_t n)
{
    struct terminal *t = arg;

    for (; n > 0 && t->shown < SCREEN; n--)
        t->screen[t->shown++] = *text++;
}

static void on_signal(void *arg, enum ldisc_signal s)
{
    struct terminal *t = arg;

    t->signals[s]++;
}

static void on_start(void *arg)
{
    struct terminal *t = arg;

    t->starts++;
}

static const struct ldisc_ops ops = {.output = on_output, .signal = on_signal, .start = on_start};

/* NULL: the test is skipped. To be released. */
static struct terminal *terminal(struct kt *kt)
{
    struct terminal *t = kt_alloc(sizeof *t);

    if (!t) {
        kt_skip(kt, "no memory");
        return NULL;
    }
    memset(t, 0, sizeof *t);
    ldisc_init(&t->l, &ops, t);
    return t;
}

static void done(struct kt *kt, struct terminal *t)
{
    EXPECT(ldisc_verify(&t->l), "at the end");
    kt_release(t);
}

static void type(struct terminal *t, const char *text)
{
    t->shown = 0;
    ldisc_input(&t->l, (const uint8_t *)text, strlen(text));
}

static void set(struct terminal *t, uint32_t lflag_off, uint32_t lflag_on)
{
    struct termios s = t->l.termios;

    s.lflag = (s.lflag & ~lflag_off) | lflag_on;
    ldisc_set_termios(&t->l, &s);
}

static bool shows(const struct terminal *t, const char *text)
{
    return t->shown == strlen(text) && memcmp(t->screen, text, t->shown) == 0;
}

/* Whether a read of n bytes gives exactly this. */
static bool reads(struct terminal *t, size_t n, const char *text, size_t len)
{
    char buf[64];
    size_t got;

    if (!ldisc_readable(&t->l, 1))
        return false;
    got = ldisc_read(&t->l, buf, n < sizeof buf ? n : sizeof buf);
    return got == len && memcmp(buf, text, len) == 0;
}
#define READS(t, text) reads(t, 64, text, sizeof(text) - 1)

TEST(tty, lines)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    type(t, "ab");
    EXPECT(!ldisc_readable(&t->l, 1) && ldisc_waiting(&t->l) == 0, "half a line is nobody's");
    type(t, "c\rsecond\n");
    EXPECT(shows(t, "c\r\nsecond\r\n"), "carriage return is a new line, and a new line is both");
    EXPECT(ldisc_waiting(&t->l) == 11, "%zu waiting", ldisc_waiting(&t->l));
    EXPECT(reads(t, 2, "ab", 2), "part of a line");
    EXPECT(READS(t, "c\n"), "the rest of it, and no more");
    EXPECT(READS(t, "second\n"), "the next one");
    EXPECT(!ldisc_readable(&t->l, 1), "no more");
    type(t, "x\004");
    EXPECT(READS(t, "x"), "^D ends a line without a character");
    type(t, "\004");
    EXPECT(ldisc_readable(&t->l, 1) && READS(t, ""), "alone it is the end of the file");
    type(t, "a\026\004\026\003b\n");
    EXPECT(shows(t, "a^\b^D^\b^Cb\r\n"), "literal characters are shown");
    EXPECT(READS(t, "a\004\003b\n"), "and are there");
    EXPECT(t->signals[LDISC_INTERRUPT] == 0, "and do nothing");
    done(kt, t);
}

TEST(tty, editing)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    type(t, "abc\177\177x\b\177\177");
    EXPECT(shows(t, "abc\b \b\b \bx\b \b\b \b"), "no further back than the line");
    type(t, "y\n");
    EXPECT(READS(t, "y\n"), "what is left");
    type(t, "one two_3  \027");
    EXPECT(shows(t, "one two_3  \b \b\b \b\b \b\b \b\b \b\b \b\b \b"), "a word, and the spaces behind it");
    type(t, "\027\027z\025q\n");
    EXPECT(READS(t, "q\n"), "word, word, line");
    type(t, "ab\t\177");
    EXPECT(shows(t, "ab\t\b\b\b\b\b\b"), "a tab is six columns there");
    type(t, "\025\001\177");
    EXPECT(shows(t, "\b \b\b \b^A\b \b\b \b"), "a control character is two");
    type(t, "done\022\n");
    EXPECT(shows(t, "done^R\r\ndone\r\n"), "shown again");
    EXPECT(READS(t, "done\n"), "unchanged");

    struct termios s = t->l.termios;

    s.iflag |= IUTF8;
    ldisc_set_termios(&t->l, &s);
    type(t, "a\303\244\177\n");
    EXPECT(shows(t, "a\303\244\b \b\r\n"), "one column for two bytes");
    EXPECT(READS(t, "a\n"), "both are gone");
    done(kt, t);
}

TEST(tty, echo)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    set(t, ECHO, 0);
    type(t, "secret\177\n");
    EXPECT(shows(t, ""), "nothing");
    EXPECT(READS(t, "secre\n"), "but it is edited");
    set(t, 0, ECHONL);
    type(t, "x\n");
    EXPECT(shows(t, "\r\n"), "the end of the line only");
    set(t, ECHONL | ECHOE | ECHOKE, ECHO);
    type(t, "ab\177\025");
    EXPECT(shows(t, "ab^?^U\r\n"), "a paper terminal cannot wipe");
    done(kt, t);
}

TEST(tty, orders)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    type(t, "gone\n");
    EXPECT(shows(t, "gone\r\n"), "a line");
    type(t, "\003");
    EXPECT(shows(t, "^C") && t->signals[LDISC_INTERRUPT] == 1, "interrupt");
    EXPECT(!ldisc_readable(&t->l, 1), "what was typed before is dropped");
    type(t, "gone\n\003");
    EXPECT(shows(t, "^C") && t->signals[LDISC_INTERRUPT] == 2,
           "and its echo, if it came at once, as on Linux");
    EXPECT(!ldisc_readable(&t->l, 1), "which is dropped, too");
    type(t, "\034\032");
    EXPECT(t->signals[LDISC_QUIT] == 1 && t->signals[LDISC_SUSPEND] == 1, "quit, suspend");
    set(t, 0, NOFLSH);
    type(t, "kept\n\003");
    EXPECT(READS(t, "kept\n"), "unless NOFLSH is set");
    type(t, "\023");
    EXPECT(t->l.stopped && t->starts == 0, "^S");
    type(t, "a\021");
    EXPECT(!t->l.stopped && t->starts == 1, "^Q, not any key");
    type(t, "\023\003");
    EXPECT(!t->l.stopped && t->starts == 2, "an interrupt starts it too");
    type(t, "\023");

    struct termios s = t->l.termios;

    s.iflag &= ~(uint32_t)IXON;
    ldisc_set_termios(&t->l, &s);
    EXPECT(!t->l.stopped && t->starts == 3, "nobody could start it any more");
    set(t, ISIG, 0);
    type(t, "\003\n");
    EXPECT(READS(t, "a\003\n"), "without ISIG it is a character");
    done(kt, t);
}

TEST(tty, raw)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    type(t, "half");
    set(t, ICANON | ECHO | ISIG | IEXTEN, 0);
    EXPECT(ldisc_readable(&t->l, 4) && !ldisc_readable(&t->l, 5), "a half line becomes readable");
    EXPECT(ldisc_waiting(&t->l) == 4, "%zu", ldisc_waiting(&t->l));
    type(t, "\003\004\177");
    EXPECT(shows(t, ""), "no echo");
    EXPECT(READS(t, "half\003\004\177"), "all are characters");
    type(t, "left");
    set(t, 0, ICANON);
    EXPECT(READS(t, "left"), "a line of its own");
    done(kt, t);
}

TEST(tty, output)
{
    struct terminal *t = terminal(kt);
    char out[16];
    size_t taken, n;

    if (!t)
        return;
    n = ldisc_output(&t->l, "a\nb\tc", 5, out, sizeof out, &taken);
    EXPECT(n == 6 && taken == 5 && memcmp(out, "a\r\nb\tc", 6) == 0, "%zu of %zu", n, taken);
    EXPECT(t->l.column == 9, "column %u", t->l.column);
    n = ldisc_output(&t->l, "0123456789abcdef", 16, out, 12, &taken);
    EXPECT(n == taken && n >= 4 && memcmp(out, "0123456789abcdef", n) == 0, "as much as there is room: %zu",
           n);
    t->l.column = 3;
    t->l.termios.oflag |= XTABS;
    n = ldisc_output(&t->l, "\t", 1, out, sizeof out, &taken);
    EXPECT(n == 5 && memcmp(out, "     ", 5) == 0, "%zu spaces", n);
    t->l.termios.oflag &= ~(uint32_t)OPOST;
    n = ldisc_output(&t->l, "a\n\tb", 4, out, sizeof out, &taken);
    EXPECT(n == 4 && memcmp(out, "a\n\tb", 4) == 0, "as it is");
    done(kt, t);
}

TEST(tty, full)
{
    struct terminal *t = terminal(kt);
    size_t n = 0;
    char c;

    if (!t)
        return;
    for (unsigned i = 0; i < LDISC_BUFFER + 100; i++)
        type(t, "x");
    EXPECT(ldisc_room(&t->l) > 0, "what comes must be looked at: it may end the line");
    type(t, "\n");
    while (ldisc_readable(&t->l, 1) && ldisc_read(&t->l, &c, 1) == 1)
        n++;
    EXPECT(n == LDISC_BUFFER && c == '\n', "%zu bytes, the last is %d", n, c);
    type(t, "next\n");
    EXPECT(READS(t, "next\n"), "and it goes on");
    set(t, ICANON, 0);
    for (unsigned i = 0; ldisc_room(&t->l) > 0 && i < 2 * LDISC_BUFFER; i++)
        type(t, "y");
    EXPECT(ldisc_waiting(&t->l) == LDISC_BUFFER - 1, "%zu", ldisc_waiting(&t->l));
    done(kt, t);
}

/* Without editing, what comes out is what went in. */
TEST(tty, random)
{
    struct terminal *t = terminal(kt);
    uint32_t rounds = kt_rounds(kt, 200000), in = 0, out = 0;
    uint8_t text[64];

    if (!t)
        return;
    set(t, ISIG | ECHO, 0);
    for (uint32_t i = 0; i < rounds && kt->failures == 0; i++) {
        size_t n = kt_below(kt, sizeof text);

        if (kt_below(kt, 50) == 0)
            set(t, ICANON, kt_below(kt, 2) ? ICANON : 0);
        if (n > ldisc_room(&t->l))
            n = ldisc_room(&t->l);
        /* Letters that say how many came before, and line ends. */
        for (size_t k = 0; k < n; k++)
            text[k] = in % 7 == 3 ? (in++, '\n') : (uint8_t)('a' + in++ % 26);
        ldisc_input(&t->l, text, n);
        while (ldisc_readable(&t->l, 1) && kt_below(kt, 3)) {
            char got[64];
            size_t g = ldisc_read(&t->l, got, 1 + kt_below(kt, sizeof got));

            for (size_t k = 0; k < g; k++, out++)
                EXPECT(got[k] == (out % 7 == 3 ? '\n' : (char)('a' + out % 26)), "byte %u", out);
        }
        if (i % 64 == 0)
            EXPECT(ldisc_verify(&t->l), "round %u", i);
    }
    EXPECT(in - out == t->l.head - t->l.tail, "%u in, %u out", in, out);
    done(kt, t);
}

TEST(tty, verify)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    type(t, "abc\n");
    t->l.canon++;
    kt_capture_begin();
    EXPECT(!ldisc_verify(&t->l) && kt_captured("INV-LDISC-1"), "canon behind head");
    kt_capture_end();
    t->l.canon--;
    t->l.line_end[100] = 1;
    kt_capture_begin();
    EXPECT(!ldisc_verify(&t->l) && kt_captured("INV-LDISC-2"), "a line end nowhere");
    kt_capture_end();
    t->l.line_end[100] = 0;
    done(kt, t);
}
