/*
 * A terminal.
 *
 * Purpose. Bytes become cells of 80 x 25, as TERM=linux describes it: the terminal that Linux's own
 * console is. So whatever the terminfo entry has is here, and sequences that are not known do nothing.
 *
 * Data. A grid, and for each row a pointer to the line of the grid that it is: scrolling turns
 * pointers, and writes only the line that is new. What leaves at the top of the screen goes to a ring
 * of the caller's, if there is one; what is shown may be scrolled back into it, and then stays while
 * more is written, as long as the ring has it.
 *
 * A cell is as the adapter has it: code page 437, 16 foregrounds, 16 backgrounds. Bold is a bright
 * foreground. What adapters cannot show is a colour: dim is dark grey, underlined is cyan. Blinking is
 * a bright background. What is erased has the background that was chosen.
 *
 * A character in the last column leaves the cursor there; the next one goes to the next row first. So
 * a full last row does not scroll the screen.
 *
 *     INV-ANSI-1  each line of the grid is one row
 *     INV-ANSI-2  the cursor is on the screen, and `wrap` only in the last column
 *     INV-ANSI-3  what scrolls is at least two rows of the screen
 *     INV-ANSI-4  what is shown is not scrolled back further than rows were kept
 *     INV-ANSI-5  the sequence on its way is as long as one can be, at most
 *
 * Locking: the caller's. Fails: never; what is too long is cut, what is not known ignored.
 *
 * Source: console_codes(4) of the Linux manual, terminfo's entry "linux"; where they are silent, what
 * Linux's drivers/tty/vt/vt.c does; ECMA-48.
 */
#include "kernel/lib/ansi.h"
#include "kernel/lib/cp437.h"
#include "kernel/lib/format.h"
#include "mm/os.h"

enum state {
    TEXT,
    ESCAPE,       /* ESC */
    SEQUENCE,     /* ESC [ */
    PARAMETERS,   /* and at least one byte more */
    FUNCTION_KEY, /* ESC [ [: one byte more, which is nothing that can be shown */
    CHARSET_0,    /* ESC ( */
    CHARSET_1,    /* ESC ) */
    NUMBER_SIGN,  /* ESC # */
    PERCENT,      /* ESC % */
    COMMAND,      /* ESC ] */
    PALETTE,      /* ESC ] P: seven digits */
    STRING,       /* until BEL or ESC */
    STATES
};

enum ansi_set { SET_UNICODE, SET_DEC, SET_DIRECT };

enum {
    ESC = 27,
    DEL = 0x7F,
    CSI = 0x9B, /* in Unicode */
    NUMBER_MAX = 9999,
    GREY = 7,
    BRIGHT = 8,
    UNDERLINED = 3, /* cyan */
};

/* ANSI counts red as 1 and blue as 4, the adapter the other way round. */
static const uint8_t colours[8] = {0, 4, 2, 6, 1, 5, 3, 7};

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* --- cells --- */

/* The attribute byte of a cell. */
static uint8_t attribute(const struct ansi *a)
{
    const struct ansi_pen *p = &a->pen;
    uint8_t f = p->foreground, b = p->background;

    if (p->underline)
        f = UNDERLINED;
    else if (p->dim)
        f = BRIGHT;
    if (p->bold)
        f |= BRIGHT;
    /* What is bright stays where it is, as on Linux. */
    if (p->reverse != a->inverse) {
        uint8_t swapped = (uint8_t)((b & 7) | (f & BRIGHT));

        b = (uint8_t)((f & 7) | (b & BRIGHT));
        f = swapped;
    }
    if (p->blink)
        b |= BRIGHT;
    return (uint8_t)(b << 4 | f);
}

static uint16_t blank_cell(const struct ansi *a)
{
    uint8_t f = a->pen.foreground, b = a->pen.background;

    return (uint16_t)((a->inverse ? f << 4 | b : b << 4 | f) << 8 | ' ');
}

static void blank(struct ansi *a, unsigned row, unsigned from, unsigned to)
{
    uint16_t cell = blank_cell(a);

    for (unsigned c = from; c < to; c++)
        a->row[row][c] = cell;
}

static uint32_t kept(const struct ansi *a)
{
    return a->history_end < a->history_size ? a->history_end : a->history_size;
}

static void keep(struct ansi *a, const uint16_t *cells)
{
    if (!a->history_size)
        return;
    memcpy(a->history[a->history_end % a->history_size], cells, sizeof *a->history);
    /* It counts on without end, but for what is left of 2^32. */
    if (++a->history_end == 2 * (uint32_t)INT32_MAX / a->history_size * a->history_size)
        a->history_end = a->history_size;
    if (a->view)
        a->view = least(a->view + 1, kept(a));
}

/* Rows [top, bottom) move up by n, and what leaves is kept if that is wanted. */
static void scroll_up(struct ansi *a, unsigned top, unsigned bottom, unsigned n, bool keep_them)
{
    for (n = least(n, bottom - top); n > 0; n--) {
        uint16_t *line = a->row[top];

        if (keep_them)
            keep(a, line);
        memmove(&a->row[top], &a->row[top + 1], (bottom - top - 1) * sizeof a->row[0]);
        a->row[bottom - 1] = line;
        blank(a, bottom - 1, 0, ANSI_COLUMNS);
    }
}

static void scroll_down(struct ansi *a, unsigned top, unsigned bottom, unsigned n)
{
    for (n = least(n, bottom - top); n > 0; n--) {
        uint16_t *line = a->row[bottom - 1];

        memmove(&a->row[top + 1], &a->row[top], (bottom - top - 1) * sizeof a->row[0]);
        a->row[top] = line;
        blank(a, top, 0, ANSI_COLUMNS);
    }
}

static void insert_cells(struct ansi *a, unsigned n)
{
    uint16_t *at = &a->row[a->at_row][a->at_column];

    n = least(n, ANSI_COLUMNS - a->at_column);
    memmove(at + n, at, (ANSI_COLUMNS - a->at_column - n) * sizeof *at);
    blank(a, a->at_row, a->at_column, a->at_column + n);
}

static void delete_cells(struct ansi *a, unsigned n)
{
    uint16_t *at = &a->row[a->at_row][a->at_column];

    n = least(n, ANSI_COLUMNS - a->at_column);
    memmove(at, at + n, (ANSI_COLUMNS - a->at_column - n) * sizeof *at);
    blank(a, a->at_row, ANSI_COLUMNS - n, ANSI_COLUMNS);
}

/* --- the cursor --- */

/* Where it belongs on the screen, or, in origin mode, in what scrolls. */
static void go(struct ansi *a, unsigned row, unsigned column)
{
    unsigned first = a->origin ? a->top : 0, end = a->origin ? a->bottom : ANSI_ROWS;

    a->at_row = row < first ? first : least(row, end - 1);
    a->at_column = least(column, ANSI_COLUMNS - 1);
    a->wrap = false;
}

/* A row is counted from where the origin is. */
static void go_absolute(struct ansi *a, unsigned row, unsigned column)
{
    go(a, row + (a->origin ? a->top : 0), column);
}

static void up(struct ansi *a, unsigned n)
{
    go(a, a->at_row - least(n, a->at_row), a->at_column);
}

static void line_feed(struct ansi *a)
{
    if (a->at_row + 1 == a->bottom)
        scroll_up(a, a->top, a->bottom, 1, a->top == 0);
    else if (a->at_row + 1 < ANSI_ROWS)
        a->at_row++;
    a->wrap = false;
}

static void reverse_line_feed(struct ansi *a)
{
    if (a->at_row == a->top)
        scroll_down(a, a->top, a->bottom, 1);
    else if (a->at_row > 0)
        a->at_row--;
    a->wrap = false;
}

static void carriage_return(struct ansi *a)
{
    a->at_column = 0;
    a->wrap = false;
}

static void tab(struct ansi *a)
{
    while (a->at_column + 1 < ANSI_COLUMNS) {
        a->at_column++;
        if (a->tabs[a->at_column / 32] >> a->at_column % 32 & 1)
            break;
    }
}

static void save(struct ansi *a)
{
    a->saved = (struct ansi_saved){a->pen, a->at_row, a->at_column};
}

static void restore(struct ansi *a)
{
    a->pen = a->saved.pen;
    go(a, a->saved.row, a->saved.column);
}

/* --- start --- */

/* All but what is kept. */
static void reset(struct ansi *a)
{
    a->pen = (struct ansi_pen){.foreground = GREY};
    a->wrap = a->cursor_hidden = a->no_wrap = a->origin = a->insert = a->newline = a->inverse = false;
    a->cursor_keys = a->keypad = false;
    a->top = 0;
    a->bottom = ANSI_ROWS;
    for (unsigned i = 0; i < ARRAY_LEN(a->tabs); i++)
        a->tabs[i] = 0x01010101;
    a->state = TEXT;
    a->more = 0;
    go(a, 0, 0);
    save(a);
    for (unsigned r = 0; r < ANSI_ROWS; r++)
        blank(a, r, 0, ANSI_COLUMNS);
}

void ansi_init(struct ansi *a)
{
    *a = (struct ansi){0};
    for (unsigned r = 0; r < ANSI_ROWS; r++)
        a->row[r] = a->grid[r];
    reset(a);
}

void ansi_keep(struct ansi *a, uint16_t *rows, uint32_t n)
{
    a->history = (uint16_t(*)[ANSI_COLUMNS])rows;
    a->history_size = n;
    a->history_end = a->view = 0;
}

/* --- characters --- */

static void put(struct ansi *a, uint8_t c)
{
    if (a->wrap && !a->no_wrap) {
        carriage_return(a);
        line_feed(a);
    }
    if (a->insert)
        insert_cells(a, 1);
    a->row[a->at_row][a->at_column] = (uint16_t)(attribute(a) << 8 | c);
    if (a->at_column + 1 < ANSI_COLUMNS)
        a->at_column++;
    else
        a->wrap = true;
}

static void put_unicode(struct ansi *a, uint32_t u)
{
    unsigned width = cp437_width(u);

    if (width > 0)
        put(a, cp437_from(u));
    if (width > 1)
        put(a, ' ');
}

/* A byte below 0x80 that can be shown. */
static void put_ascii(struct ansi *a, uint8_t c)
{
    uint8_t set = a->pen.direct ? SET_DIRECT : a->pen.set[a->pen.shift];

    put(a, set == SET_DEC ? cp437_from_dec(c) : c);
}

static void control(struct ansi *a, uint8_t c)
{
    switch (c) {
    case '\b':
        if (a->at_column > 0)
            a->at_column--;
        a->wrap = false;
        break;
    case '\t':
        tab(a);
        break;
    case '\n':
    case '\v':
    case '\f':
        line_feed(a);
        if (a->newline)
            carriage_return(a);
        break;
    case '\r':
        carriage_return(a);
        break;
    case 14:
        a->pen.shift = 1;
        break;
    case 15:
        a->pen.shift = 0;
        break;
    case 24:
    case 26:
        a->state = TEXT;
        break;
    case ESC:
        a->state = ESCAPE;
        break;
    }
}

/* --- sequences --- */

/* The i-th number, or what it is when it was left out. */
static unsigned number(const struct ansi *a, unsigned i, unsigned otherwise)
{
    return i < a->parameters && a->parameter[i] ? a->parameter[i] : otherwise;
}

static void answer(struct ansi *a, const char *fmt, unsigned row, unsigned column)
{
    char text[24];
    size_t n = format(text, sizeof text, fmt, row, column);

    if (n > sizeof a->answers - a->answered)
        return; /* nobody reads them */
    memcpy(a->answers + a->answered, text, n);
    a->answered += (unsigned)n;
}

static void erase_screen(struct ansi *a)
{
    unsigned what = number(a, 0, 0);
    unsigned from = what == 0 ? a->at_row + 1 : 0, to = what == 1 ? a->at_row : ANSI_ROWS;

    if (what > 3)
        return;
    if (what == 0)
        blank(a, a->at_row, a->at_column, ANSI_COLUMNS);
    if (what == 1)
        blank(a, a->at_row, 0, a->at_column + 1);
    for (unsigned r = from; r < to; r++)
        blank(a, r, 0, ANSI_COLUMNS);
    if (what == 3)
        a->history_end = a->view = 0;
    a->wrap = false;
}

static void erase_line(struct ansi *a)
{
    unsigned what = number(a, 0, 0);

    if (what > 2)
        return;
    blank(a, a->at_row, what == 0 ? a->at_column : 0, what == 1 ? a->at_column + 1 : ANSI_COLUMNS);
    a->wrap = false;
}

/* The nearest of 16 colours. */
static uint8_t nearest(unsigned r, unsigned g, unsigned b)
{
    unsigned max = r > g ? r : g, hue;

    max = max > b ? max : b;
    hue = (r > max / 2 ? 4 : 0) | (g > max / 2 ? 2 : 0) | (b > max / 2 ? 1 : 0);
    if (hue == 7 && max <= 0x55)
        return BRIGHT; /* dark grey */
    return (uint8_t)(max > 0xAA ? hue | BRIGHT : hue);
}

static uint8_t of_256(unsigned n)
{
    if (n < 16)
        return colours[n & 7] | (n & BRIGHT);
    if (n < 232)
        return nearest((n - 16) / 36 * 85 / 2, (n - 16) / 6 % 6 * 85 / 2, (n - 16) % 6 * 85 / 2);
    n = (n - 232) * 10 + 8;
    return nearest(n, n, n);
}

/* 38 and 48: 5;N or 2;R;G;B. Sets *colour if it is one; returns how many parameters more it is. */
static unsigned extended(const struct ansi *a, unsigned i, uint8_t *colour)
{
    const unsigned *p = &a->parameter[i + 1];
    unsigned left = a->parameters - i - 1;

    if (left >= 2 && p[0] == 5) {
        *colour = of_256(p[1] & 0xFF);
        return 2;
    }
    if (left >= 4 && p[0] == 2) {
        *colour = nearest(p[1] & 0xFF, p[2] & 0xFF, p[3] & 0xFF);
        return 4;
    }
    return left;
}

/* One parameter of SGR. */
static void look(struct ansi *a, unsigned n)
{
    struct ansi_pen *p = &a->pen;

    switch (n) {
    case 0:
        p->bold = p->dim = p->underline = p->blink = p->reverse = false;
        p->foreground = GREY;
        p->background = 0;
        break;
    case 1:
        p->bold = true;
        p->dim = false;
        break;
    case 2:
        p->dim = true;
        p->bold = false;
        break;
    case 4:
    case 21:
        p->underline = true;
        break;
    case 5:
        p->blink = true;
        break;
    case 7:
        p->reverse = true;
        break;
    case 10:
        p->direct = false;
        break;
    case 11:
    case 12:
        p->direct = true;
        break;
    case 22:
        p->bold = p->dim = false;
        break;
    case 24:
        p->underline = false;
        break;
    case 25:
        p->blink = false;
        break;
    case 27:
        p->reverse = false;
        break;
    case 39:
        p->foreground = GREY;
        break;
    case 49:
        p->background = 0;
        break;
    default:
        if (n >= 30 && n <= 37)
            p->foreground = colours[n - 30];
        else if (n >= 40 && n <= 47)
            p->background = colours[n - 40];
        else if (n >= 90 && n <= 97)
            p->foreground = colours[n - 90] | BRIGHT;
        else if (n >= 100 && n <= 107)
            p->background = colours[n - 100] | BRIGHT;
    }
}

static void looks(struct ansi *a)
{
    for (unsigned i = 0; i < a->parameters; i++)
        if (a->parameter[i] == 38)
            i += extended(a, i, &a->pen.foreground);
        else if (a->parameter[i] == 48)
            i += extended(a, i, &a->pen.background);
        else
            look(a, a->parameter[i]);
}

/* White on black for black on white, of all that is there. */
static void invert(struct ansi *a, bool on)
{
    if (a->inverse == on)
        return;
    a->inverse = on;
    for (unsigned r = 0; r < ANSI_ROWS; r++)
        for (unsigned c = 0; c < ANSI_COLUMNS; c++) {
            uint16_t cell = a->grid[r][c];

            a->grid[r][c] = (uint16_t)((cell & 0x88FF) | (cell & 0x7000) >> 4 | (cell & 0x0700) << 4);
        }
}

static void mode(struct ansi *a, unsigned n, bool on)
{
    if (!a->private) {
        if (n == 4)
            a->insert = on;
        else if (n == 20)
            a->newline = on;
        return;
    }
    switch (n) {
    case 1:
        a->cursor_keys = on;
        break;
    case 5:
        invert(a, on);
        break;
    case 6:
        a->origin = on;
        go_absolute(a, 0, 0);
        break;
    case 7:
        a->no_wrap = !on;
        break;
    case 25:
        a->cursor_hidden = !on;
        break;
    }
}

static void set_region(struct ansi *a)
{
    unsigned top = number(a, 0, 1) - 1, bottom = number(a, 1, ANSI_ROWS);

    if (bottom > ANSI_ROWS || top + 1 >= bottom)
        return;
    a->top = top;
    a->bottom = bottom;
    go_absolute(a, 0, 0);
}

static void clear_tabs(struct ansi *a)
{
    unsigned what = number(a, 0, 0);

    if (what == 0)
        a->tabs[a->at_column / 32] &= ~(1u << a->at_column % 32);
    else if (what == 3)
        memset(a->tabs, 0, sizeof a->tabs);
}

static void report(struct ansi *a)
{
    if (number(a, 0, 0) == 5)
        answer(a, "\033[0n", 0, 0);
    else if (number(a, 0, 0) == 6)
        answer(a, "\033[%u;%uR", a->at_row - (a->origin ? a->top : 0) + 1, a->at_column + 1);
}

/* What moves the cursor. False: the letter is something else. */
static bool moves(struct ansi *a, uint8_t c)
{
    unsigned n = number(a, 0, 1);

    switch (c) {
    case 'A':
        up(a, n);
        break;
    case 'B':
    case 'e':
        go(a, a->at_row + n, a->at_column);
        break;
    case 'C':
    case 'a':
        go(a, a->at_row, a->at_column + n);
        break;
    case 'D':
        go(a, a->at_row, a->at_column - least(n, a->at_column));
        break;
    case 'E':
        go(a, a->at_row + n, 0);
        break;
    case 'F':
        up(a, n);
        a->at_column = 0;
        break;
    case 'G':
    case '`':
        go(a, a->at_row, n - 1);
        break;
    case 'H':
    case 'f':
        go_absolute(a, n - 1, number(a, 1, 1) - 1);
        break;
    case 'd':
        go_absolute(a, n - 1, a->at_column);
        break;
    default:
        return false;
    }
    return true;
}

/* The last byte of a sequence. */
static void finish(struct ansi *a, uint8_t c)
{
    unsigned n = number(a, 0, 1);

    if (a->private) {
        for (unsigned i = 0; (c == 'h' || c == 'l') && i < a->parameters; i++)
            mode(a, a->parameter[i], c == 'h');
        return;
    }
    if (moves(a, c))
        return;
    switch (c) {
    case 'J':
        erase_screen(a);
        break;
    case 'K':
        erase_line(a);
        break;
    case 'L':
        if (a->at_row >= a->top && a->at_row < a->bottom)
            scroll_down(a, a->at_row, a->bottom, n);
        a->wrap = false;
        break;
    case 'M':
        if (a->at_row >= a->top && a->at_row < a->bottom)
            scroll_up(a, a->at_row, a->bottom, n, false);
        a->wrap = false;
        break;
    case '@':
        insert_cells(a, n);
        a->wrap = false;
        break;
    case 'P':
        delete_cells(a, n);
        a->wrap = false;
        break;
    case 'X':
        blank(a, a->at_row, a->at_column, a->at_column + least(n, ANSI_COLUMNS - a->at_column));
        a->wrap = false;
        break;
    case 'c':
        if (number(a, 0, 0) == 0)
            answer(a, "\033[?6c", 0, 0);
        break;
    case 'g':
        clear_tabs(a);
        break;
    case 'h':
    case 'l':
        for (unsigned i = 0; i < a->parameters; i++)
            mode(a, a->parameter[i], c == 'h');
        break;
    case 'm':
        looks(a);
        break;
    case 'n':
        report(a);
        break;
    case 'r':
        set_region(a);
        break;
    case 's':
        save(a);
        break;
    case 'u':
        restore(a);
        break;
    }
}

/* The byte after ESC. */
static void after_escape(struct ansi *a, uint8_t c)
{
    static const struct {
        char c;
        uint8_t state;
    } longer[] = {{'[', SEQUENCE}, {'(', CHARSET_0}, {')', CHARSET_1}, {'#', NUMBER_SIGN}, {'%', PERCENT},
                  {']', COMMAND},  {'P', STRING},    {'_', STRING},    {'^', STRING},      {'X', STRING}};

    a->state = TEXT;
    for (unsigned i = 0; i < ARRAY_LEN(longer); i++)
        if (c == longer[i].c)
            a->state = longer[i].state;
    switch (c) {
    case 'D':
        line_feed(a);
        break;
    case 'E':
        carriage_return(a);
        line_feed(a);
        break;
    case 'M':
        reverse_line_feed(a);
        break;
    case 'H':
        a->tabs[a->at_column / 32] |= 1u << a->at_column % 32;
        break;
    case 'Z':
        answer(a, "\033[?6c", 0, 0);
        break;
    case '7':
        save(a);
        break;
    case '8':
        restore(a);
        break;
    case 'c':
        reset(a);
        break;
    case '=':
        a->keypad = true;
        break;
    case '>':
        a->keypad = false;
        break;
    }
}

static void begin_sequence(struct ansi *a)
{
    a->state = SEQUENCE;
}

/* A byte between ESC [ and the letter that ends it, or that letter. */
static void in_sequence(struct ansi *a, uint8_t c)
{
    if (a->state == SEQUENCE) {
        a->state = PARAMETERS;
        a->parameters = 1;
        a->parameter[0] = 0;
        a->private = c == '?';
        a->odd = c == '>' || c == '=' || c == '<';
        if (a->private || a->odd)
            return;
        if (c == '[') {
            a->state = FUNCTION_KEY;
            return;
        }
    }
    if (c >= '0' && c <= '9') {
        unsigned *p = &a->parameter[a->parameters - 1];

        *p = least(*p * 10 + (c - '0'), NUMBER_MAX);
    } else if (c == ';') {
        if (a->parameters < ANSI_PARAMETERS)
            a->parameter[a->parameters++] = 0;
        else
            a->odd = true;
    } else if (c < '@') {
        a->odd = true;
    } else {
        a->state = TEXT;
        if (!a->odd)
            finish(a, c);
    }
}

static void test_pattern(struct ansi *a)
{
    for (unsigned r = 0; r < ANSI_ROWS; r++)
        for (unsigned c = 0; c < ANSI_COLUMNS; c++)
            a->row[r][c] = (uint16_t)((blank_cell(a) & 0xFF00) | 'E');
}

/* A byte of an escape sequence that is no control character. */
static void in_escape(struct ansi *a, uint8_t c)
{
    switch ((enum state)a->state) {
    case ESCAPE:
        after_escape(a, c);
        return;
    case SEQUENCE:
    case PARAMETERS:
        in_sequence(a, c);
        return;
    case CHARSET_0:
    case CHARSET_1:
        a->pen.set[a->state - CHARSET_0] = c == '0' ? SET_DEC : c == 'U' ? SET_DIRECT : SET_UNICODE;
        break;
    case NUMBER_SIGN:
        if (c == '8')
            test_pattern(a);
        break;
    case COMMAND:
        a->left = 7;
        a->state = c == 'P' ? PALETTE : c == 'R' ? TEXT : STRING;
        return;
    case PALETTE:
        if (--a->left > 0)
            return;
        break;
    case STRING:
        return;
    default:
        break;
    }
    a->state = TEXT;
}

/* A byte of a character in UTF-8. False: it ends one that is not whole, and is to be looked at anew. */
static bool in_character(struct ansi *a, uint8_t c)
{
    if ((c & 0xC0) != 0x80) {
        a->more = 0;
        put(a, '?');
        return false;
    }
    a->unicode = a->unicode << 6 | (c & 0x3F);
    if (--a->more > 0)
        return true;
    if (a->unicode == CSI)
        begin_sequence(a);
    else if (a->unicode < a->least || a->unicode > 0x10FFFF || (a->unicode >= 0xD800 && a->unicode < 0xE000))
        put(a, '?');
    else if (a->unicode >= 0xA0) /* below are controls that nobody needs */
        put_unicode(a, a->unicode);
    return true;
}

static void begin_character(struct ansi *a, uint8_t c)
{
    if (c >= 0xC2 && c < 0xE0) {
        a->more = 1;
        a->unicode = c & 0x1F;
        a->least = 0x80;
    } else if (c >= 0xE0 && c < 0xF0) {
        a->more = 2;
        a->unicode = c & 0x0F;
        a->least = 0x800;
    } else if (c >= 0xF0 && c < 0xF5) {
        a->more = 3;
        a->unicode = c & 0x07;
        a->least = 0x10000;
    } else {
        put(a, '?');
    }
}

static void byte(struct ansi *a, uint8_t c)
{
    if (a->more && in_character(a, c))
        return;
    if (a->state == FUNCTION_KEY) {
        a->state = TEXT;
    } else if (a->state == STRING && c == 7) {
        a->state = TEXT;
    } else if (c < ' ') {
        if (a->state != STRING || c == ESC || c == 24 || c == 26)
            control(a, c);
    } else if (c == DEL) {
        /* nothing, as ever */
    } else if (a->state != TEXT) {
        in_escape(a, c);
    } else if (a->pen.direct || (c >= 0x80 && a->pen.set[a->pen.shift] == SET_DIRECT)) {
        put(a, c);
    } else if (c < 0x80) {
        put_ascii(a, c);
    } else {
        begin_character(a, c);
    }
}

void ansi_write(struct ansi *a, const char *text, size_t n)
{
    for (; n > 0; n--)
        byte(a, (uint8_t)*text++);
}

void ansi_interject(struct ansi *a, const char *text, size_t n)
{
    struct ansi_pen pen = a->pen;
    uint8_t state = a->state;
    unsigned more = a->more;

    a->pen = (struct ansi_pen){.foreground = GREY};
    a->state = TEXT;
    a->more = 0;
    ansi_write(a, text, n);
    a->pen = pen;
    a->state = state;
    a->more = more;
}

size_t ansi_answer(struct ansi *a, char *text, size_t n)
{
    n = least((unsigned)n, a->answered);
    memcpy(text, a->answers, n);
    a->answered -= (unsigned)n;
    memmove(a->answers, a->answers + n, a->answered);
    return n;
}

/* --- what is shown --- */

const uint16_t *ansi_row(const struct ansi *a, unsigned row)
{
    if (row >= a->view)
        return a->row[row - a->view];
    return a->history[(a->history_end - a->view + row) % a->history_size];
}

uint32_t ansi_cursor(const struct ansi *a)
{
    if (a->cursor_hidden || a->at_row + a->view >= ANSI_ROWS)
        return UINT32_MAX;
    return (a->at_row + a->view) * ANSI_COLUMNS + a->at_column;
}

void ansi_scroll_view(struct ansi *a, int rows)
{
    if (rows < 0)
        a->view -= least(a->view, (unsigned)-rows);
    else
        a->view = least(a->view + (unsigned)rows, kept(a));
}

/* --- checks --- */

bool ansi_verify(const struct ansi *a)
{
    uint32_t lines = 0;
    bool ok = true;

    for (unsigned r = 0; r < ANSI_ROWS; r++)
        for (unsigned l = 0; l < ANSI_ROWS; l++)
            if (a->row[r] == a->grid[l])
                lines |= 1u << l;
    INV("INV-ANSI-1", lines == (1u << ANSI_ROWS) - 1, "the rows are the lines %x", lines);
    INV("INV-ANSI-2", a->at_row < ANSI_ROWS && a->at_column < ANSI_COLUMNS, "row %u, column %u", a->at_row,
        a->at_column);
    INV("INV-ANSI-2", !a->wrap || a->at_column == ANSI_COLUMNS - 1, "column %u", a->at_column);
    INV("INV-ANSI-3", a->top + 1 < a->bottom && a->bottom <= ANSI_ROWS, "rows %u to %u", a->top, a->bottom);
    INV("INV-ANSI-4", a->view <= kept(a), "view %u of %u", a->view, kept(a));
    INV("INV-ANSI-5",
        a->state < STATES && a->parameters <= ANSI_PARAMETERS && a->more <= 3 && a->left <= 7 &&
            a->answered <= ANSI_ANSWERS,
        "state %u, %u parameters, %u bytes more, %u left", a->state, a->parameters, a->more, a->left);
    return ok;
}
