/* kernel/lib/ansi.c: a terminal, against what single sequences should do, and against a naive model. */
#include "kernel/lib/ansi.h"
#include "kernel/lib/cp437.h"
#include "kernel/lib/format.h"
#include "tests/kt.h"

enum { COLS = ANSI_COLUMNS, ROWS = ANSI_ROWS, KEPT = 30, PLAIN = 0x07 };

struct terminal {
    struct ansi a;
    uint16_t kept[KEPT * COLS];
};

/* NULL: the test is skipped. To be released. */
static struct terminal *terminal(struct kt *kt)
{
    struct terminal *t = kt_alloc(sizeof *t);

    if (!t) {
        kt_skip(kt, "no memory");
        return NULL;
    }
    ansi_init(&t->a);
    ansi_keep(&t->a, t->kept, KEPT);
    return t;
}

static void done(struct kt *kt, struct terminal *t)
{
    EXPECT(ansi_verify(&t->a), "at the end");
    kt_release(t);
}

static void put(struct terminal *t, const char *text)
{
    ansi_write(&t->a, text, strlen(text));
}

/* Whether a row shows this from a column on. */
static bool shows(const struct terminal *t, unsigned row, unsigned column, const char *text)
{
    for (; *text; text++, column++)
        if ((uint8_t)ansi_row(&t->a, row)[column] != (uint8_t)*text)
            return false;
    return true;
}

static uint8_t look(const struct terminal *t, unsigned row, unsigned column)
{
    return (uint8_t)(ansi_row(&t->a, row)[column] >> 8);
}

static bool at(const struct terminal *t, unsigned row, unsigned column)
{
    return t->a.at_row == row && t->a.at_column == column;
}

#define AT(t, row, column)                                                                                   \
    EXPECT(at(t, row, column), "line %d: at %u, %u", __LINE__, (t)->a.at_row, (t)->a.at_column)
#define SHOWS(t, row, column, text)                                                                          \
    EXPECT(shows(t, row, column, text), "line %d: row %u, column %u", __LINE__, (unsigned)(row),             \
           (unsigned)(column))
#define LOOKS(t, row, column, want)                                                                          \
    EXPECT(look(t, row, column) == (want), "line %d: %x", __LINE__, look(t, row, column))

TEST(ansi, text)
{
    struct terminal *t = terminal(kt);
    char line[COLS + 1];

    if (!t)
        return;
    put(t, "hello\r\nworld\b\bX\tY\r\n");
    SHOWS(t, 0, 0, "hello   ");
    SHOWS(t, 1, 0, "worXd   Y");
    AT(t, 2, 0);
    /* A full row does not scroll before the next character. */
    memset(line, 'x', COLS);
    line[COLS] = '\0';
    put(t, "\033[25;1H");
    put(t, line);
    AT(t, 24, 79);
    SHOWS(t, 0, 0, "hello");
    put(t, "\r");
    AT(t, 24, 0);
    put(t, line);
    put(t, "y");
    AT(t, 24, 1);
    SHOWS(t, 23, 79, "x");
    SHOWS(t, 24, 0, "y ");
    SHOWS(t, 0, 0, "worXd");
    put(t, "\033[?7l");
    put(t, line);
    put(t, "z");
    SHOWS(t, 24, 78, "xz");
    put(t, "\033[?7h\033[3g\033[1;11H\033H\r\tA\tB");
    SHOWS(t, 0, 10, "A");
    SHOWS(t, 0, 79, "B");
    put(t, "\033[2;1H\177\1\2a");
    SHOWS(t, 1, 0, "a");
    put(t, "\v\fb");
    SHOWS(t, 3, 1, "b");
    done(kt, t);
}

TEST(ansi, moves)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    put(t, "\033[10;20H");
    AT(t, 9, 19);
    put(t, "\033[A\033[3B\033[C\033[5D");
    AT(t, 11, 15);
    put(t, "\033[999A\033[999D");
    AT(t, 0, 0);
    put(t, "\033[999;999f");
    AT(t, 24, 79);
    put(t, "\033[0;0H");
    AT(t, 0, 0);
    put(t, "\033[5d\033[7G\033[2E");
    AT(t, 6, 0);
    put(t, "\033[3C\033[F");
    AT(t, 5, 0);
    put(t, "\033[4a\033[2e\033[8`");
    AT(t, 7, 7);
    put(t, "\0337\033[H\0338");
    AT(t, 7, 7);
    put(t, "\033[s\033[H\033[u");
    AT(t, 7, 7);
    EXPECT(ansi_cursor(&t->a) == 7 * COLS + 7, "%u", ansi_cursor(&t->a));
    put(t, "\033[?25l");
    EXPECT(ansi_cursor(&t->a) == UINT32_MAX, "hidden");
    put(t, "\033[?25h");
    EXPECT(ansi_cursor(&t->a) == 7 * COLS + 7, "%u", ansi_cursor(&t->a));
    /* Control characters act within a sequence; 0x18 ends it. */
    put(t, "\033[1\r\n;5H");
    AT(t, 0, 4);
    put(t, "\033[5;5\030H");
    SHOWS(t, 0, 4, "H");
    put(t, "\033[?1h");
    EXPECT(t->a.cursor_keys, "application cursor keys");
    put(t, "\033=\033[?1l\033[20h");
    EXPECT(!t->a.cursor_keys && t->a.keypad && t->a.newline, "modes");
    put(t, "\033c");
    EXPECT(!t->a.keypad && !t->a.newline, "reset");
    AT(t, 0, 0);
    done(kt, t);
}

TEST(ansi, erase)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    put(t, "\033#8\033[10;10H\033[K");
    SHOWS(t, 9, 8, "E ");
    SHOWS(t, 9, 79, " ");
    put(t, "\033[11;10H\033[1K");
    SHOWS(t, 10, 0, " ");
    SHOWS(t, 10, 9, " E");
    put(t, "\033[12;10H\033[2K");
    SHOWS(t, 11, 0, " ");
    put(t, "\033[13;10H\033[3X");
    SHOWS(t, 12, 8, "E   E");
    AT(t, 12, 9);
    put(t, "\033[5;5H\033[1J");
    SHOWS(t, 3, 79, " ");
    SHOWS(t, 4, 4, " E");
    put(t, "\033[20;5H\033[J");
    SHOWS(t, 19, 3, "E ");
    SHOWS(t, 24, 79, " ");
    SHOWS(t, 18, 79, "E");
    put(t, "\033[44m\033[2J");
    SHOWS(t, 18, 79, " ");
    LOOKS(t, 18, 79, 0x17);
    done(kt, t);
}

TEST(ansi, insert_and_delete)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    put(t, "abcdef\033[1;3H\033[2@");
    SHOWS(t, 0, 0, "ab  cdef ");
    put(t, "\033[2P\033[P");
    SHOWS(t, 0, 0, "abdef ");
    put(t, "\033[4hXY\033[4lZ");
    SHOWS(t, 0, 0, "abXYZef ");
    put(t, "\033[1;79H\033[99@\033[1;1H\033[99P");
    SHOWS(t, 0, 0, "  ");
    put(t, "\033[H0\r\n1\r\n2\r\n3\r\n4\033[2;1H\033[2L");
    SHOWS(t, 0, 0, "0");
    SHOWS(t, 1, 0, " ");
    SHOWS(t, 2, 0, " ");
    SHOWS(t, 3, 0, "1");
    put(t, "\033[3M");
    SHOWS(t, 1, 0, "2");
    SHOWS(t, 3, 0, "4");
    done(kt, t);
}

TEST(ansi, region)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    for (unsigned r = 0; r < ROWS; r++) {
        char text[16];

        format(text, sizeof text, "%srow %u", r ? "\r\n" : "", r);
        put(t, text);
    }
    put(t, "\033[5;10r");
    AT(t, 0, 0);
    put(t, "\033[10;1H\n");
    AT(t, 9, 0);
    SHOWS(t, 3, 0, "row 3 ");
    SHOWS(t, 4, 0, "row 5 ");
    SHOWS(t, 8, 0, "row 9 ");
    SHOWS(t, 9, 0, "      ");
    SHOWS(t, 10, 0, "row 10 ");
    put(t, "\033[5;1H\033M\033M");
    SHOWS(t, 4, 0, "      ");
    SHOWS(t, 6, 0, "row 5 ");
    SHOWS(t, 9, 0, "row 8 ");
    SHOWS(t, 10, 0, "row 10 ");
    /* Lines inserted outside do nothing; below the region the cursor stops at the last row. */
    put(t, "\033[2;1H\033[L\033[25;1H\n\n");
    SHOWS(t, 1, 0, "row 1 ");
    AT(t, 24, 0);
    SHOWS(t, 24, 0, "row 24");
    put(t, "\033[?6h");
    AT(t, 4, 0);
    put(t, "\033[99;1H");
    AT(t, 9, 0);
    put(t, "\033[6n");
    EXPECT(t->a.answered == 6 && memcmp(t->a.answers, "\033[6;1R", 6) == 0, "%u", t->a.answered);
    put(t, "\033[?6l\033[9;9r\033[r\033[25;1H\nend");
    SHOWS(t, 24, 0, "end ");
    SHOWS(t, 0, 0, "row 1 ");
    done(kt, t);
}

TEST(ansi, looks)
{
    static const struct {
        const char *sequence;
        uint8_t look;
    } cases[] = {{"", 0x07},
                 {"31", 0x04},
                 {"1;31", 0x0C},
                 {"34;43", 0x61},
                 {"7", 0x70},
                 {"1;7", 0x78},
                 {"1;31;44;7", 0x49},
                 {"2", 0x08},
                 {"4", 0x03},
                 {"5", 0x87},
                 {"91", 0x0C},
                 {"104", 0x97},
                 {"97;100", 0x8F},
                 {"38;5;9", 0x0C},
                 {"48;5;4", 0x17},
                 {"38;5;196", 0x0C},
                 {"38;5;240;1", 0x0F},
                 {"38;2;255;255;0", 0x0E},
                 {"48;2;0;0;128", 0x17},
                 {"1;22", 0x07},
                 {"7;27", 0x07},
                 {"4;24", 0x07},
                 {"32;39", 0x07},
                 {"42;49", 0x07},
                 {"31;1;4;7;0", 0x07},
                 {"36;46", 0x33},
                 {"35;45", 0x55},
                 {"37;47", 0x77},
                 {"30;40", 0x00},
                 {"1;;31", 0x04},
                 {"38;5;232", 0x08},
                 {"38;5;255", 0x0F}};
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        char text[64];

        format(text, sizeof text, "\033[m\033[%sm\rx", cases[i].sequence);
        put(t, text);
        EXPECT(look(t, 0, 0) == cases[i].look, "%s: %x, not %x", cases[i].sequence, look(t, 0, 0),
               cases[i].look);
    }
    put(t, "\033[m\033[2J\033[Hx\033[1;33my\033[?5h");
    LOOKS(t, 0, 0, 0x70);
    LOOKS(t, 0, 1, 0x68);
    LOOKS(t, 9, 9, 0x70);
    put(t, "z\033[?5l");
    LOOKS(t, 0, 2, 0x0E);
    LOOKS(t, 0, 0, 0x07);
    done(kt, t);
}

TEST(ansi, characters)
{
    static const struct {
        const char *text, *cells;
    } cases[] = {{"\303\244\303\266\303\274\303\237", "\x84\x94\x81\xE1"},
                 {"\342\224\200\342\225\254\342\226\210", "\xC4\xCE\xDB"},
                 {"\342\200\234\342\200\231\342\200\223", "\"'-"},
                 {"\317\200\342\210\236", "\xE3\xEC"},
                 {"\342\206\222\342\230\272", "\x1A\x01"},
                 {"\320\226", "?"},                    /* Cyrillic */
                 {"\343\201\202x", "? x"},             /* two columns */
                 {"e\314\201x", "ex"},                 /* an accent */
                 {"\360\237\230\200", "? "},           /* a face */
                 {"\xFFx\x80y", "?x?y"},               /* no UTF-8 */
                 {"\xE2\x82x\xC3\xC3\xA4", "?x?\x84"}, /* cut off */
                 {"\xC0\xAF\xE0\x80\x80z", "??\?z"},   /* longer than need be */
                 {"\xED\xA0\x80", "?"},                /* half of a pair */
                 {"\xC2\x9B"
                  "2Cx",
                  "  x"}, /* CSI */
                 {"\033(0lqk\033(Bq", "\xDA\xC4\xBFq"},
                 {"\033)0\016x\017x", "\xB3x"},
                 {"\033[11m\xC9\x80\033[10mq", "\xC9\x80q"},
                 {"\033(U\xDB\033(B", "\xDB"},
                 {"\033%Gx\033%@y", "xy"}};
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        put(t, "\033c");
        put(t, cases[i].text);
        EXPECT(shows(t, 0, 0, cases[i].cells) && at(t, 0, (unsigned)strlen(cases[i].cells)),
               "case %u: column %u, %x %x %x", i, t->a.at_column, ansi_row(&t->a, 0)[0],
               ansi_row(&t->a, 0)[1], ansi_row(&t->a, 0)[2]);
    }
    for (uint32_t u = 0x20; u < 0x7F; u++)
        EXPECT(cp437_from(u) == u && cp437_width(u) == 1, "%x", u);
    for (uint32_t u = 0; u < 0x11000; u++)
        EXPECT(cp437_from(u) != 0, "%x", u);
    done(kt, t);
}

/* What does nothing, however long it is. */
TEST(ansi, ignored)
{
    static const char *const cases[] = {
        "\033[?2004h",    "\033[>c",      "\033[=1h",
        "\033[1 q",       "\033[!p",      "\033[[A",
        "\033]P0123456",  "\033]R",       "\033]0;a title\007",
        "\033Pq#1\033\\", "\033_x\033\\", "\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17H",
        "\033[?25",       "\033[9;15]",   "\033[?0c",
        "\033[3q"};
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        put(t, "\033c");
        put(t, cases[i]);
        put(t, "\030x");
        EXPECT(shows(t, 0, 0, "x ") && at(t, 0, 1), "case %u", i);
    }
    put(t, "\033[?25h\033]0;no end");
    for (unsigned i = 0; i < 1000; i++)
        put(t, "title");
    put(t, "\033[Hy");
    SHOWS(t, 0, 0, "y");
    done(kt, t);
}

TEST(ansi, questions)
{
    struct terminal *t = terminal(kt);
    char text[ANSI_ANSWERS];

    if (!t)
        return;
    put(t, "\033[3;4H\033[6n\033[5n\033[c\033Z");
    EXPECT(ansi_answer(&t->a, text, 6) == 6 && memcmp(text, "\033[3;4R", 6) == 0, "cursor");
    EXPECT(ansi_answer(&t->a, text, sizeof text) == 14 && memcmp(text, "\033[0n\033[?6c\033[?6c", 14) == 0,
           "the others");
    EXPECT(ansi_answer(&t->a, text, sizeof text) == 0, "no more");
    for (unsigned i = 0; i < 100; i++)
        put(t, "\033[6n");
    EXPECT(t->a.answered <= ANSI_ANSWERS && t->a.answered % 6 == 0, "whole ones only: %u", t->a.answered);
    done(kt, t);
}

TEST(ansi, scroll_back)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    for (unsigned i = 0; i < 100; i++) {
        char text[16];

        format(text, sizeof text, "line %u\r\n", i);
        put(t, text);
    }
    SHOWS(t, 0, 0, "line 76 ");
    ansi_scroll_view(&t->a, 12);
    SHOWS(t, 0, 0, "line 64 ");
    EXPECT(ansi_cursor(&t->a) == UINT32_MAX, "out of sight");
    put(t, "more\r\n");
    SHOWS(t, 0, 0, "line 64 ");
    ansi_scroll_view(&t->a, 1000);
    SHOWS(t, 0, 0, "line 47 ");
    SHOWS(t, 24, 0, "line 71 ");
    put(t, "and more\r\n");
    SHOWS(t, 0, 0, "line 48 ");
    ansi_scroll_view(&t->a, -10);
    SHOWS(t, 0, 0, "line 58 ");
    ansi_scroll_view(&t->a, -1000);
    SHOWS(t, 0, 0, "line 78 ");
    EXPECT(ansi_cursor(&t->a) == 24 * COLS, "%u", ansi_cursor(&t->a));
    /* What leaves the middle of the screen is not kept, nor deleted lines. */
    put(t, "\033[5;10r\033[10;1H\n\n\033[r\033[H\033[3M");
    ansi_scroll_view(&t->a, 1);
    SHOWS(t, 0, 0, "line 77 ");
    ansi_scroll_view(&t->a, -1);
    put(t, "\033[3J");
    ansi_scroll_view(&t->a, 1);
    EXPECT(t->a.view == 0, "forgotten");
    ansi_keep(&t->a, NULL, 0);
    put(t, "\033[25;1H\n\n\n");
    ansi_scroll_view(&t->a, 1);
    EXPECT(t->a.view == 0, "nothing is kept");
    done(kt, t);
}

/* The kernel speaks in the middle of what a program writes. */
TEST(ansi, kernel_speaks)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    put(t, "\033[1;31;44m\033(0a\033[4");
    ansi_interject(&t->a, "\r\nq\r\n", 5);
    put(t, "2mq\303");
    ansi_interject(&t->a, "z", 1);
    put(t, "\244");
    SHOWS(t, 0, 0, "\xB1");
    SHOWS(t, 1, 0, "q ");
    LOOKS(t, 1, 0, PLAIN);
    SHOWS(t, 2, 0, "\xC4z\x84");
    LOOKS(t, 2, 0, 0x2C);
    LOOKS(t, 2, 1, PLAIN);
    done(kt, t);
}

/* --- a naive model --- */

struct model {
    uint16_t cell[ROWS][COLS];
    int row, column;
    bool wrap, no_wrap, origin, insert;
    int top, bottom;
    uint8_t fore, back;
    bool bold, reverse;
    int saved_row, saved_column;
    uint8_t saved_fore, saved_back;
    bool saved_bold, saved_reverse;
    bool stop[COLS];
    uint16_t lost[KEPT][COLS]; /* the newest first */
    int kept;
};

static const uint8_t adapter[8] = {0, 4, 2, 6, 1, 5, 3, 7};

static uint16_t model_blank(const struct model *m)
{
    return (uint16_t)(m->back << 12 | m->fore << 8 | ' ');
}

static uint16_t model_cell(const struct model *m, char c)
{
    int f = m->fore, b = m->back;

    if (m->reverse) {
        f = m->back;
        b = m->fore;
    }
    return (uint16_t)(b << 12 | (m->bold ? f + 8 : f) << 8 | (uint8_t)c);
}

static void model_clear(struct model *m, int row, int from, int to)
{
    for (int c = from; c < to; c++)
        m->cell[row][c] = model_blank(m);
}

static void model_up(struct model *m, int top, bool keep)
{
    if (keep) {
        for (int i = KEPT - 1; i > 0; i--)
            memcpy(m->lost[i], m->lost[i - 1], sizeof m->lost[0]);
        memcpy(m->lost[0], m->cell[top], sizeof m->lost[0]);
        m->kept += m->kept < KEPT;
    }
    for (int r = top; r + 1 < m->bottom; r++)
        memcpy(m->cell[r], m->cell[r + 1], sizeof m->cell[0]);
    model_clear(m, m->bottom - 1, 0, COLS);
}

static void model_down(struct model *m, int top)
{
    for (int r = m->bottom - 1; r > top; r--)
        memcpy(m->cell[r], m->cell[r - 1], sizeof m->cell[0]);
    model_clear(m, top, 0, COLS);
}

static void model_go(struct model *m, int row, int column)
{
    int first = m->origin ? m->top : 0, last = m->origin ? m->bottom - 1 : ROWS - 1;

    m->row = row < first ? first : row > last ? last : row;
    m->column = column < 0 ? 0 : column >= COLS ? COLS - 1 : column;
    m->wrap = false;
}

static void model_feed(struct model *m)
{
    if (m->row == m->bottom - 1)
        model_up(m, m->top, m->top == 0);
    else if (m->row < ROWS - 1)
        m->row++;
    m->wrap = false;
}

static void model_put(struct model *m, char c)
{
    if (m->wrap && !m->no_wrap) {
        m->column = 0;
        model_feed(m);
    }
    if (m->insert)
        for (int i = COLS - 1; i > m->column; i--)
            m->cell[m->row][i] = m->cell[m->row][i - 1];
    m->cell[m->row][m->column] = model_cell(m, c);
    if (m->column == COLS - 1)
        m->wrap = true;
    else
        m->column++;
}

/* One thing to do, done to the model; its sequence as text. n and n2 are 0 when they are left out. */
static void act(struct kt *kt, struct model *m, char *text, size_t size)
{
    int n = (int)kt_below(kt, 8) == 0 ? (int)kt_below(kt, 120) : (int)kt_below(kt, 6), one = n ? n : 1;
    int n2 = (int)kt_below(kt, COLS + 5), old;
    static const char letters[] = "ABCDEFGHdJKLMP@Xmrsu";
    char letter;

    switch (kt_below(kt, 14)) {
    case 0:
        format(text, size, "\r");
        m->column = 0;
        m->wrap = false;
        return;
    case 1:
        format(text, size, "\n");
        model_feed(m);
        return;
    case 2:
        format(text, size, "\b");
        m->column -= m->column > 0;
        m->wrap = false;
        return;
    case 3:
        format(text, size, "\t");
        while (m->column < COLS - 1 && !m->stop[++m->column])
            ;
        return;
    case 4:
        format(text, size, "\033M");
        if (m->row == m->top)
            model_down(m, m->top);
        else
            m->row -= m->row > 0;
        m->wrap = false;
        return;
    case 5:
        if (kt_below(kt, 4) == 0) {
            format(text, size, "\033H");
            m->stop[m->column] = true;
        } else {
            format(text, size, "\033[g");
            m->stop[m->column] = false;
        }
        return;
    case 6:
        switch (kt_below(kt, 3)) {
        case 0:
            m->insert = kt_below(kt, 4) == 0;
            format(text, size, "\033[4%c", m->insert ? 'h' : 'l');
            return;
        case 1:
            m->no_wrap = kt_below(kt, 4) == 0;
            format(text, size, "\033[?7%c", m->no_wrap ? 'l' : 'h');
            return;
        default:
            m->origin = kt_below(kt, 3) == 0;
            format(text, size, "\033[?6%c", m->origin ? 'h' : 'l');
            model_go(m, m->origin ? m->top : 0, 0);
            return;
        }
    case 7:
    case 8:
        letter = (char)('a' + kt_below(kt, 26));
        format(text, size, "%c%c%c", letter, letter, letter);
        for (int i = 0; i < 3; i++)
            model_put(m, letter);
        return;
    }
    letter = letters[kt_below(kt, sizeof letters - 1)];
    if (letter == 'r')
        n2 = (int)kt_below(kt, ROWS + 3);
    if ((letter == 'H' || letter == 'r') && n)
        format(text, size, "\033[%u;%u%c", n, n2, letter);
    else if (letter == 'H' || letter == 'r')
        format(text, size, "\033[;%u%c", n2, letter);
    else if (n)
        format(text, size, "\033[%u%c", n, letter);
    else
        format(text, size, "\033[%c", letter);
    switch (letter) {
    case 'A':
        model_go(m, m->row - one, m->column);
        break;
    case 'B':
        model_go(m, m->row + one, m->column);
        break;
    case 'C':
        model_go(m, m->row, m->column + one);
        break;
    case 'D':
        model_go(m, m->row, m->column - one);
        break;
    case 'E':
        model_go(m, m->row + one, 0);
        break;
    case 'F':
        model_go(m, m->row - one, 0);
        break;
    case 'G':
        model_go(m, m->row, one - 1);
        break;
    case 'H':
        model_go(m, (m->origin ? m->top : 0) + one - 1, (n2 ? n2 : 1) - 1);
        break;
    case 'd':
        model_go(m, (m->origin ? m->top : 0) + one - 1, m->column);
        break;
    case 'J':
        if (n > 2) {
            n = 0;
            format(text, size, "\033[J");
        }
        if (n == 0)
            model_clear(m, m->row, m->column, COLS);
        if (n == 1)
            model_clear(m, m->row, 0, m->column + 1);
        for (int r = 0; r < ROWS; r++)
            if (n == 2 || (n == 0 && r > m->row) || (n == 1 && r < m->row))
                model_clear(m, r, 0, COLS);
        m->wrap = false;
        break;
    case 'K':
        if (n <= 2) {
            model_clear(m, m->row, n == 0 ? m->column : 0, n == 1 ? m->column + 1 : COLS);
            m->wrap = false;
        }
        break;
    case 'L':
    case 'M':
        for (int i = 0; i < one && m->row >= m->top && m->row < m->bottom; i++)
            if (letter == 'L')
                model_down(m, m->row);
            else
                model_up(m, m->row, false);
        m->wrap = false;
        break;
    case 'P':
        for (int i = 0; i < one; i++) {
            for (int c = m->column; c < COLS - 1; c++)
                m->cell[m->row][c] = m->cell[m->row][c + 1];
            m->cell[m->row][COLS - 1] = model_blank(m);
        }
        m->wrap = false;
        break;
    case '@':
        for (int i = 0; i < one; i++) {
            for (int c = COLS - 1; c > m->column; c--)
                m->cell[m->row][c] = m->cell[m->row][c - 1];
            m->cell[m->row][m->column] = model_blank(m);
        }
        m->wrap = false;
        break;
    case 'X':
        for (int c = m->column; c < COLS && c < m->column + one; c++)
            m->cell[m->row][c] = model_blank(m);
        m->wrap = false;
        break;
    case 'm':
        old = (int)kt_below(kt, 8);
        switch (kt_below(kt, 6)) {
        case 0:
            format(text, size, "\033[m");
            m->bold = m->reverse = false;
            m->fore = 7;
            m->back = 0;
            break;
        case 1:
            format(text, size, "\033[1m");
            m->bold = true;
            break;
        case 2:
            format(text, size, "\033[%um", m->reverse ? 27 : 7);
            m->reverse = !m->reverse;
            break;
        case 3:
            format(text, size, "\033[3%u;22m", old);
            m->fore = adapter[old];
            m->bold = false;
            break;
        default:
            format(text, size, "\033[4%um", old);
            m->back = adapter[old];
        }
        break;
    case 'r':
        if (n2 == 0)
            n2 = ROWS;
        if (n2 <= ROWS && one < n2) {
            m->top = one - 1;
            m->bottom = n2;
            model_go(m, m->origin ? m->top : 0, 0);
        }
        break;
    case 's':
        m->saved_row = m->row;
        m->saved_column = m->column;
        m->saved_fore = m->fore;
        m->saved_back = m->back;
        m->saved_bold = m->bold;
        m->saved_reverse = m->reverse;
        break;
    case 'u':
        m->fore = m->saved_fore;
        m->back = m->saved_back;
        m->bold = m->saved_bold;
        m->reverse = m->saved_reverse;
        model_go(m, m->saved_row, m->saved_column);
        break;
    }
}

static void compare(struct kt *kt, const struct terminal *t, const struct model *m, uint32_t round)
{
    unsigned different = 0;

    for (unsigned r = 0; r < ROWS; r++)
        for (unsigned c = 0; c < COLS; c++)
            if (t->a.row[r][c] != m->cell[r][c] && different++ == 0)
                EXPECT(false, "round %u: row %u, column %u is %x, not %x", round, r, c, t->a.row[r][c],
                       m->cell[r][c]);
}

TEST(ansi, random_against_the_model)
{
    struct terminal *t = terminal(kt);
    struct model *m = t ? kt_alloc(sizeof *m) : NULL;
    char text[32];

    if (!t || !m) {
        kt_release(t);
        kt_skip(kt, "no memory");
        return;
    }
    memset(m, 0, sizeof *m);
    m->fore = m->saved_fore = 7;
    m->bottom = ROWS;
    for (int c = 0; c < COLS; c++)
        m->stop[c] = c % 8 == 0;
    for (int r = 0; r < ROWS; r++)
        model_clear(m, r, 0, COLS);
    for (uint32_t i = 0, n = kt_rounds(kt, 200000); i < n && kt->failures == 0; i++) {
        act(kt, m, text, sizeof text);
        put(t, text);
        EXPECT(at(t, (unsigned)m->row, (unsigned)m->column) && t->a.wrap == m->wrap,
               "round %u, ESC%s: at %u, %u, not %d, %d", i, text + (text[0] == 27), t->a.at_row,
               t->a.at_column, m->row, m->column);
        if (i % 16 == 0 || kt->failures)
            compare(kt, t, m, i);
        if (i % 1024 == 0) {
            EXPECT(ansi_verify(&t->a), "round %u", i);
            ansi_scroll_view(&t->a, KEPT + 5);
            for (int r = 0; r < m->kept && r < (int)ROWS; r++)
                EXPECT(memcmp(ansi_row(&t->a, (unsigned)r), m->lost[m->kept - 1 - r], sizeof m->lost[0]) == 0,
                       "round %u: row %d of what is kept", i, r);
            ansi_scroll_view(&t->a, -KEPT - 5);
        }
    }
    kt_release(m);
    done(kt, t);
}

/* Any bytes: the invariants hold, and it makes no difference in which pieces they come. */
TEST(ansi, random_bytes)
{
    struct terminal *t = terminal(kt), *whole = t ? terminal(kt) : NULL;
    static const char likely_[] =
        "\033\033\033[[[[;;?0123456789ABCDHJKLMPXfhlmnrsu\r\n\t\b()0B#8%]P\033c\303\244\342\224\200";

    if (!whole) {
        kt_release(t);
        return;
    }
    for (uint32_t i = 0, n = kt_rounds(kt, 20000); i < n && kt->failures == 0; i++) {
        char text[64];

        for (unsigned k = 0; k < sizeof text; k++)
            text[k] = kt_below(kt, 4) ? likely_[kt_below(kt, sizeof likely_ - 1)] : (char)kt_random(kt);
        ansi_write(&whole->a, text, sizeof text);
        for (size_t k = 0, part; k < sizeof text; k += part) {
            part = 1 + kt_below(kt, (uint32_t)(sizeof text - k));
            ansi_write(&t->a, text + k, part);
        }
        if (kt_below(kt, 8) == 0) {
            int rows = (int)kt_below(kt, 60) - 30;

            ansi_scroll_view(&t->a, rows);
            ansi_scroll_view(&whole->a, rows);
        }
        for (unsigned r = 0; r < ROWS; r++)
            EXPECT(memcmp(ansi_row(&t->a, r), ansi_row(&whole->a, r), COLS * 2) == 0, "round %u, row %u", i,
                   r);
        EXPECT(ansi_cursor(&t->a) == ansi_cursor(&whole->a), "round %u", i);
        EXPECT(ansi_verify(&t->a), "round %u", i);
    }
    done(kt, whole);
    done(kt, t);
}

TEST(ansi, damage_is_named)
{
    struct terminal *t = terminal(kt);

    if (!t)
        return;
    KT_BREAK(ansi_verify(&t->a), "INV-ANSI-1", t->a.row[3], t->a.row[4]);
    KT_BREAK(ansi_verify(&t->a), "INV-ANSI-2", t->a.at_row, ROWS);
    KT_BREAK(ansi_verify(&t->a), "INV-ANSI-2", t->a.wrap, true);
    KT_BREAK(ansi_verify(&t->a), "INV-ANSI-3", t->a.bottom, 1u);
    KT_BREAK(ansi_verify(&t->a), "INV-ANSI-4", t->a.view, 1u);
    KT_BREAK(ansi_verify(&t->a), "INV-ANSI-5", t->a.parameters, ANSI_PARAMETERS + 1);
    done(kt, t);
}
