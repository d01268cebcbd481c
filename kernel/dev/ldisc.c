/*
 * The line discipline.
 *
 * Purpose. In canonical mode a line belongs to the user until it ends: it can be edited, with an echo that
 * shows it; then it belongs to the reader, one line a read. Without it, every byte belongs to the reader at
 * once. In both modes some characters are not input but orders: signals, stop and go. Which characters these
 * are, and whether they mean anything, the program says in struct termios.
 *
 * Data. One ring of bytes. The end of a file (^D) is stored as a zero byte that ends a line: it gives the
 * reader what came before it, and nothing of its own. The bit map tells it from a zero byte that was typed.
 *
 * The echo goes through the same output processing as what programs write, so that both know the cursor's
 * column: without it a tab could not be taken back.
 *
 *     INV-LDISC-1  tail <= canon <= head, and no more than the ring holds
 *     INV-LDISC-2  line ends are marked in [tail, canon) only, and canonical mode's last byte there is marked
 *
 * With EXTPROC whoever sends the characters has done all of this (telnet's LINEMODE), and they are kept as
 * they come.
 *
 * Locking: the caller's. Fails: a full ring drops what is typed (with a bell, if IMAXBEL), but one place is
 * kept for the end of the line, so that a long line can be ended and read.
 *
 * Source: POSIX.1-2017, chapter 11; where it leaves a choice, Linux's drivers/tty/n_tty.c behaves like this.
 */
#include "kernel/dev/ldisc.h"
#include "mm/os.h"

#define DISABLED 0u /* a control character that is off; also how the end of a file is stored */
#define BELL     7
#define DEL      0x7F

static const uint8_t default_cc[NCCS] = {
    [VINTR] = 3,      [VQUIT] = 034,   [VERASE] = DEL, [VKILL] = 025, [VEOF] = 4,
    [VMIN] = 1,       [VSTART] = 021,  [VSTOP] = 023,  [VSUSP] = 032, [VREPRINT] = 022,
    [VDISCARD] = 017, [VWERASE] = 027, [VLNEXT] = 026,
};

void ldisc_init(struct ldisc *l, const struct ldisc_ops *ops, void *arg)
{
    *l = (struct ldisc){
        .termios =
            {
                .iflag = ICRNL | IXON,
                .oflag = OPOST | ONLCR,
                .cflag = B115200 | CS8 | CREAD | HUPCL,
                .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
                .ispeed = 115200,
                .ospeed = 115200,
            },
        .ops = ops,
        .arg = arg,
    };
    memcpy(l->termios.cc, default_cc, sizeof default_cc);
}

static bool iflag(const struct ldisc *l, uint32_t f)
{
    return l->termios.iflag & f;
}

static bool lflag(const struct ldisc *l, uint32_t f)
{
    return l->termios.lflag & f;
}

/* Whether c is the control character of this kind. */
static bool is_cc(const struct ldisc *l, unsigned kind, uint8_t c)
{
    return c == l->termios.cc[kind] && c != DISABLED;
}

static bool is_control(uint8_t c)
{
    return c < ' ' || c == DEL;
}

/* A byte of a character in UTF-8, but not its first. */
static bool continues(const struct ldisc *l, uint8_t c)
{
    return iflag(l, IUTF8) && (c & 0xC0) == 0x80;
}

/* --- the ring --- */

static uint8_t *at(struct ldisc *l, uint32_t place)
{
    return &l->buffer[place % LDISC_BUFFER];
}

static bool ends_line(const struct ldisc *l, uint32_t place)
{
    place %= LDISC_BUFFER;
    return l->line_end[place / 32] >> place % 32 & 1;
}

static void mark_line_end(struct ldisc *l, uint32_t place, bool end)
{
    place %= LDISC_BUFFER;
    if (end)
        l->line_end[place / 32] |= 1u << place % 32;
    else
        l->line_end[place / 32] &= ~(1u << place % 32);
}

size_t ldisc_free(const struct ldisc *l)
{
    uint32_t free = LDISC_BUFFER - (l->head - l->tail);

    if (iflag(l, PARMRK)) /* as Linux reckons: one may become three */
        free = (free + 2) / 3;
    return free ? free - 1 : 0;
}

size_t ldisc_room(const struct ldisc *l)
{
    /* A line that fills the ring cannot be read before it ends: whatever comes is to be looked at. */
    if (ldisc_in_lines(l) && l->canon == l->tail)
        return LDISC_BUFFER;
    return ldisc_free(l);
}

bool ldisc_readable(const struct ldisc *l, unsigned least)
{
    if (ldisc_in_lines(l))
        return l->canon != l->tail;
    return l->head - l->tail >= (least ? least : 1);
}

size_t ldisc_waiting(const struct ldisc *l)
{
    size_t n = l->head - l->tail;

    if (!ldisc_in_lines(l))
        return n;
    n = l->canon - l->tail;
    for (uint32_t p = l->tail; p != l->canon; p++)
        n -= ends_line(l, p) && l->buffer[p % LDISC_BUFFER] == DISABLED;
    return n;
}

size_t ldisc_read(struct ldisc *l, char *out, size_t n)
{
    bool lines = ldisc_in_lines(l), last = false;
    uint32_t end = lines ? l->canon : l->head;
    size_t got = 0;

    while (got < n && l->tail != end && !last) {
        uint8_t c = *at(l, l->tail);

        last = lines && ends_line(l, l->tail);
        mark_line_end(l, l->tail++, false);
        if (!last || c != DISABLED)
            out[got++] = (char)c;
    }
    /* A read that takes all that a ^D ended takes the ^D along: the next one is not to see an end of the file
     * that was not meant. */
    if (lines && !last && l->tail != end && ends_line(l, l->tail) && *at(l, l->tail) == DISABLED)
        mark_line_end(l, l->tail++, false);
    if (!lines)
        l->canon = l->tail;
    return got;
}

void ldisc_flush(struct ldisc *l)
{
    l->tail = l->canon = l->head;
    l->literal = false;
    memset(l->line_end, 0, sizeof l->line_end);
}

static void start(struct ldisc *l)
{
    if (!l->stopped || l->held)
        return;
    l->stopped = false;
    l->ops->start(l->arg);
}

static void stop(struct ldisc *l)
{
    if (l->stopped)
        return;
    l->stopped = true;
    if (l->ops->stop)
        l->ops->stop(l->arg);
}

void ldisc_hold(struct ldisc *l, bool hold)
{
    if (l->held == hold)
        return;
    l->held = hold;
    if (hold)
        stop(l);
    else
        start(l);
}

/* Echo that waited may go on, too. */
static void retry(struct ldisc *l)
{
    if (l->ops->retry)
        l->ops->retry(l->arg);
}

void ldisc_set_termios(struct ldisc *l, const struct termios *t)
{
    bool lines = ldisc_in_lines(l);

    l->termios = *t;
    if (!iflag(l, IXON)) {
        start(l);
        retry(l);
    }
    if (ldisc_in_lines(l) != lines) {
        memset(l->line_end, 0, sizeof l->line_end);
        l->canon = l->tail;
        l->literal = false;
        /* What was typed before lines counted is a line of its own. */
        if (!lines && l->head != l->tail) {
            l->canon = l->head;
            mark_line_end(l, l->head - 1, true);
        }
    }
}

/* --- output --- */

/* Letters of Latin 1, as Linux knows them. */
static uint8_t upper(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 0xDF && c != 0xF7) ? (uint8_t)(c - 32) : c;
}

static uint8_t lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ? (uint8_t)(c + 32) : c;
}

/* What one byte becomes; at most 8 bytes. */
static size_t output_byte(struct ldisc *l, uint8_t c, char *out)
{
    uint32_t flags = l->termios.oflag;
    size_t n = 0;

    switch (c) {
    case '\n':
        if (flags & ONLRET)
            l->column = 0;
        if (flags & ONLCR) {
            l->column = l->line_column = 0;
            out[n++] = '\r';
        }
        break;
    case '\r':
        if ((flags & ONOCR) && l->column == 0)
            return 0;
        if (flags & OCRNL) {
            c = '\n';
            if (flags & ONLRET)
                l->column = l->line_column = 0;
            break;
        }
        l->column = l->line_column = 0;
        break;
    case '\t': {
        uint32_t spaces = 8 - (l->column & 7);

        l->column += spaces;
        if ((flags & XTABS) != XTABS)
            break;
        memset(out, ' ', spaces);
        return spaces;
    }
    case '\b':
        if (l->column > 0)
            l->column--;
        break;
    default:
        if (is_control(c))
            break;
        if (flags & OLCUC)
            c = upper(c);
        if (!continues(l, c))
            l->column++;
    }
    out[n++] = (char)c;
    return n;
}

size_t ldisc_output(struct ldisc *l, const char *text, size_t n, char *out, size_t size, size_t *taken)
{
    const char plain = l->termios.oflag & OLCUC ? 'a' : DEL; /* less than this needs no look */
    size_t used = 0, made = 0;

    if (!(l->termios.oflag & OPOST)) {
        used = made = n < size ? n : size;
        memcpy(out, text, made);
    }
    for (; (l->termios.oflag & OPOST) && used < n && made + 8 <= size; used++) {
        uint8_t c = (uint8_t)text[used];

        if (likely(c >= ' ' && c < plain)) {
            l->column++;
            out[made++] = (char)c;
        } else {
            made += output_byte(l, c, out + made);
        }
    }
    *taken = used;
    return made;
}

/* --- echo --- */

static void echo_flush(struct ldisc *l)
{
    if (l->echoed)
        l->ops->output(l->arg, l->echo, l->echoed);
    l->echoed = 0;
}

/* Show a byte as if a program had written it. */
static void echo_raw(struct ldisc *l, uint8_t c)
{
    char text = (char)c;
    size_t taken;

    if (l->echoed + 8 > sizeof l->echo)
        echo_flush(l);
    if (c == 0377) { /* no letter here: Linux shows it as it is */
        l->column++;
        l->echo[l->echoed++] = text;
        return;
    }
    l->echoed += ldisc_output(l, &text, 1, l->echo + l->echoed, sizeof l->echo - l->echoed, &taken);
}

/* Show a character that was typed: control characters as ^X. */
static void echo(struct ldisc *l, uint8_t c)
{
    if (lflag(l, ECHOCTL) && is_control(c) && c != '\t') {
        echo_raw(l, '^');
        c ^= 0100;
    }
    echo_raw(l, c);
}

static void echo_back(struct ldisc *l, unsigned columns, bool wipe)
{
    for (; columns > 0; columns--) {
        echo_raw(l, '\b');
        if (wipe) {
            echo_raw(l, ' ');
            echo_raw(l, '\b');
        }
    }
}

static void bell(struct ldisc *l)
{
    if (iflag(l, IMAXBEL))
        echo_raw(l, BELL);
}

/* --- editing --- */

/* The width of a tab that stood at the end of the edited line. */
static unsigned tab_width(struct ldisc *l)
{
    uint32_t p = l->head;
    unsigned columns = 0;

    while (p != l->canon) {
        uint8_t c = *at(l, --p);

        if (c == '\t')
            return 8 - (columns & 7); /* a tab ends at a multiple of eight */
        if (is_control(c))
            columns += lflag(l, ECHOCTL) ? 2 : 0;
        else if (!continues(l, c))
            columns++;
    }
    return 8 - ((columns + l->line_column) & 7);
}

/* Take the last character off the edited line: its first byte, or -1 when there is none. */
static int take_back(struct ldisc *l)
{
    uint32_t p = l->head;
    uint8_t c;

    if (p == l->canon)
        return -1;
    do
        c = *at(l, --p);
    while (continues(l, c) && p != l->canon);
    if (continues(l, c))
        return -1; /* half a character: leave it alone */
    l->head = p;
    return c;
}

static void echo_erased(struct ldisc *l, uint8_t c)
{
    if (!lflag(l, ECHO))
        return;
    if (c == '\t')
        echo_back(l, tab_width(l), false);
    else if (is_control(c))
        echo_back(l, lflag(l, ECHOCTL) ? 2 : 0, true);
    else
        echo_back(l, 1, true);
}

static void erase_char(struct ldisc *l)
{
    int c = take_back(l);

    if (c < 0)
        return;
    if (lflag(l, ECHO) && !lflag(l, ECHOE))
        echo(l, l->termios.cc[VERASE]);
    else
        echo_erased(l, (uint8_t)c);
}

/* Letters, digits and _. Above ASCII, Latin 1's letters, among which are the first bytes of UTF-8. */
static bool of_word(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= 0xC0 && c != 0xD7 && c != 0xF7);
}

/* The last word and what follows it. */
static void erase_word(struct ldisc *l)
{
    bool word = false;

    for (;;) {
        uint32_t before = l->head;
        int c = take_back(l);

        if (c < 0)
            return;
        if (word && !of_word(c)) {
            l->head = before;
            return;
        }
        word = of_word(c);
        echo_erased(l, (uint8_t)c);
    }
}

static void erase_line(struct ldisc *l)
{
    int c;

    if (l->head == l->canon)
        return;
    if (lflag(l, ECHO) && lflag(l, ECHOE) && lflag(l, ECHOK) && lflag(l, ECHOKE)) {
        while ((c = take_back(l)) >= 0)
            echo_erased(l, (uint8_t)c);
        return;
    }
    l->head = l->canon;
    if (!lflag(l, ECHO))
        return;
    echo(l, l->termios.cc[VKILL]);
    if (lflag(l, ECHOK))
        echo_raw(l, '\n');
}

/* --- input --- */

/* In how many bytes a character is kept. With PARMRK this one begins what says that something went wrong on
 * the line, which cannot happen here; so it is there twice when it is meant. */
static uint32_t places(const struct ldisc *l, uint8_t c)
{
    return c == 0377 && iflag(l, PARMRK) ? 2 : 1;
}

/* new_line: to be shown as one, not as ^J. */
static void store(struct ldisc *l, uint8_t c, bool new_line)
{
    uint32_t n = places(l, c);

    if (l->head - l->tail + n > LDISC_BUFFER - 1) {
        bell(l);
        return;
    }
    if (lflag(l, ECHO)) {
        if (l->head == l->canon)
            l->line_column = l->column;
        if (new_line)
            echo_raw(l, c);
        else
            echo(l, c);
    }
    while (n--)
        *at(l, l->head++) = c;
    if (!ldisc_in_lines(l))
        l->canon = l->tail;
}

static void store_line_end(struct ldisc *l, uint8_t c)
{
    uint32_t n = places(l, c);

    if (l->head - l->tail + n > LDISC_BUFFER) {
        bell(l);
        return;
    }
    while (--n)
        *at(l, l->head++) = c;
    mark_line_end(l, l->head, true);
    *at(l, l->head++) = c;
    l->canon = l->head;
}

static void ask_signal(struct ldisc *l, uint8_t c, enum ldisc_signal s)
{
    if (!lflag(l, NOFLSH)) {
        ldisc_flush(l);
        l->echoed = 0;
        if (l->ops->flush)
            l->ops->flush(l->arg);
    }
    if (iflag(l, IXON))
        start(l);
    if (lflag(l, ECHO))
        echo(l, c);
    else
        retry(l);
    echo_flush(l);
    l->ops->signal(l->arg, s);
}

/* Orders that hold in both modes. True if it was one. */
static bool is_order(struct ldisc *l, uint8_t c)
{
    if (iflag(l, IXON)) {
        if (is_cc(l, VSTART, c)) {
            start(l);
            retry(l);
            return true;
        }
        if (is_cc(l, VSTOP, c)) {
            echo_flush(l); /* what came before it */
            stop(l);
            return true;
        }
    }
    if (lflag(l, ISIG)) {
        static const uint8_t kinds[] = {
            [LDISC_INTERRUPT] = VINTR, [LDISC_QUIT] = VQUIT, [LDISC_SUSPEND] = VSUSP};

        for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
            if (is_cc(l, kinds[i], c)) {
                ask_signal(l, c, (enum ldisc_signal)i);
                return true;
            }
    }
    return false;
}

/* Show the edited line again. */
static void reprint(struct ldisc *l)
{
    echo(l, l->termios.cc[VREPRINT]);
    echo_raw(l, '\n');
    l->line_column = l->column;
    for (uint32_t p = l->canon; p != l->head; p++)
        echo(l, *at(l, p));
}

/* Canonical mode: characters that edit or end the line. True if it was one. */
static bool is_editing(struct ldisc *l, uint8_t c)
{
    /* Terminals send one or the other from the same key. */
    if (is_cc(l, VERASE, c) || (c == '\b' && l->termios.cc[VERASE] == DEL)) {
        erase_char(l);
    } else if (is_cc(l, VKILL, c)) {
        erase_line(l);
    } else if (is_cc(l, VWERASE, c) && lflag(l, IEXTEN)) {
        erase_word(l);
    } else if (is_cc(l, VLNEXT, c) && lflag(l, IEXTEN)) {
        l->literal = true;
        if (lflag(l, ECHO) && lflag(l, ECHOCTL)) {
            echo_raw(l, '^');
            echo_raw(l, '\b');
        }
    } else if (is_cc(l, VREPRINT, c) && lflag(l, IEXTEN) && lflag(l, ECHO)) {
        reprint(l);
    } else if (c == '\n') {
        if (lflag(l, ECHO) || lflag(l, ECHONL))
            echo_raw(l, c);
        store_line_end(l, c);
    } else if (is_cc(l, VEOF, c)) {
        store_line_end(l, DISABLED);
    } else if (is_cc(l, VEOL, c) || (is_cc(l, VEOL2, c) && lflag(l, IEXTEN))) {
        if (lflag(l, ECHO))
            echo(l, c);
        store_line_end(l, c);
    } else {
        return false;
    }
    return true;
}

static void input_byte(struct ldisc *l, uint8_t c)
{
    bool new_line = false;

    if (iflag(l, ISTRIP))
        c &= 0x7F;
    if (iflag(l, IUCLC) && lflag(l, IEXTEN))
        c = lower(c);
    if (lflag(l, EXTPROC)) {
        if (l->head - l->tail < LDISC_BUFFER - 1)
            *at(l, l->head++) = c;
        l->canon = l->tail;
        return;
    }
    if (l->literal) {
        l->literal = false;
        store(l, c, false);
        return;
    }
    if (is_order(l, c))
        return;
    if (l->stopped && iflag(l, IXON) && iflag(l, IXANY)) {
        start(l);
        retry(l);
    }
    if (c == '\r') {
        if (iflag(l, IGNCR))
            return;
        if (iflag(l, ICRNL)) {
            c = '\n';
            new_line = true;
        }
    } else if (c == '\n' && iflag(l, INLCR)) {
        c = '\r';
    }
    if (lflag(l, ICANON) && is_editing(l, c))
        return;
    store(l, c, new_line);
}

void ldisc_input(struct ldisc *l, const uint8_t *text, size_t n)
{
    for (; n > 0; n--)
        input_byte(l, *text++);
    echo_flush(l);
}

/* --- checks --- */

bool ldisc_verify(const struct ldisc *l)
{
    uint32_t marked = 0, in_lines = 0;
    bool ok = true;

    INV("INV-LDISC-1", l->canon - l->tail <= l->head - l->tail && l->head - l->tail <= LDISC_BUFFER,
        "tail %u, canon %u, head %u", l->tail, l->canon, l->head);
    for (unsigned i = 0; i < ARRAY_LEN(l->line_end); i++)
        marked += (uint32_t)__builtin_popcount(l->line_end[i]);
    for (uint32_t p = l->tail; p != l->canon && p != l->tail + LDISC_BUFFER; p++)
        in_lines += ends_line(l, p);
    INV("INV-LDISC-2", marked == in_lines, "%u line ends, %u of them where lines are", marked, in_lines);
    INV("INV-LDISC-2", l->canon == l->tail || ends_line(l, l->canon - 1), "tail %u, canon %u", l->tail,
        l->canon);
    return ok;
}
