/*
 * What control characters and escape sequences do to a terminal. They come whole: ansi.c has taken them
 * apart. What is not known does nothing.
 */
#include "kernel/lib/ansi_parts.h"
#include "kernel/lib/format.h"
#include "mm/os.h"

/* --- all of it --- */

static void save(struct ansi *a)
{
    a->saved = (struct ansi_saved){a->pen, a->at_row, a->at_column};
}

static void restore(struct ansi *a)
{
    a->pen = a->saved.pen;
    ansi_go(a, a->saved.row, a->saved.column);
}

void ansi_reset(struct ansi *a)
{
    a->pen = (struct ansi_pen){.foreground = ANSI_GREY};
    a->wrap = a->cursor_hidden = a->no_wrap = a->origin = a->insert = a->newline = a->inverse = false;
    a->cursor_keys = a->keypad = false;
    a->top = 0;
    a->bottom = ANSI_ROWS;
    for (unsigned i = 0; i < ARRAY_LEN(a->tabs); i++)
        a->tabs[i] = 0x01010101;
    ansi_go(a, 0, 0);
    save(a);
    for (unsigned r = 0; r < ANSI_ROWS; r++)
        ansi_blank(a, r, 0, ANSI_COLUMNS);
}

/* --- control characters --- */

void ansi_control(struct ansi *a, uint8_t c)
{
    switch (c) {
    case '\b':
        if (a->at_column > 0)
            a->at_column--;
        a->wrap = false;
        break;
    case '\t':
        ansi_tab(a);
        break;
    case '\n':
    case '\v':
    case '\f':
        ansi_line_feed(a);
        if (a->newline)
            ansi_carriage_return(a);
        break;
    case '\r':
        ansi_carriage_return(a);
        break;
    case 14:
        a->pen.shift = 1;
        break;
    case 15:
        a->pen.shift = 0;
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

size_t ansi_answer(struct ansi *a, char *text, size_t n)
{
    n = ansi_least((unsigned)n, a->answered);
    memcpy(text, a->answers, n);
    a->answered -= (unsigned)n;
    memmove(a->answers, a->answers + n, a->answered);
    return n;
}

static void erase_screen(struct ansi *a)
{
    unsigned what = number(a, 0, 0);
    unsigned from = what == 0 ? a->at_row + 1 : 0, to = what == 1 ? a->at_row : ANSI_ROWS;

    if (what > 3)
        return;
    if (what == 0)
        ansi_blank(a, a->at_row, a->at_column, ANSI_COLUMNS);
    if (what == 1)
        ansi_blank(a, a->at_row, 0, a->at_column + 1);
    for (unsigned r = from; r < to; r++)
        ansi_blank(a, r, 0, ANSI_COLUMNS);
    if (what == 3)
        a->history_end = a->view = 0;
    a->wrap = false;
}

static void erase_line(struct ansi *a)
{
    unsigned what = number(a, 0, 0);

    if (what > 2)
        return;
    ansi_blank(a, a->at_row, what == 0 ? a->at_column : 0, what == 1 ? a->at_column + 1 : ANSI_COLUMNS);
    a->wrap = false;
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
        ansi_invert(a, on);
        break;
    case 6:
        a->origin = on;
        ansi_go_absolute(a, 0, 0);
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
    ansi_go_absolute(a, 0, 0);
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
        ansi_up(a, n);
        break;
    case 'B':
    case 'e':
        ansi_go(a, a->at_row + n, a->at_column);
        break;
    case 'C':
    case 'a':
        ansi_go(a, a->at_row, a->at_column + n);
        break;
    case 'D':
        ansi_go(a, a->at_row, a->at_column - ansi_least(n, a->at_column));
        break;
    case 'E':
        ansi_go(a, a->at_row + n, 0);
        break;
    case 'F':
        ansi_up(a, n);
        a->at_column = 0;
        break;
    case 'G':
    case '`':
        ansi_go(a, a->at_row, n - 1);
        break;
    case 'H':
    case 'f':
        ansi_go_absolute(a, n - 1, number(a, 1, 1) - 1);
        break;
    case 'd':
        ansi_go_absolute(a, n - 1, a->at_column);
        break;
    default:
        return false;
    }
    return true;
}

void ansi_finish(struct ansi *a, uint8_t c)
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
            ansi_scroll_down(a, a->at_row, a->bottom, n);
        a->wrap = false;
        break;
    case 'M':
        if (a->at_row >= a->top && a->at_row < a->bottom)
            ansi_scroll_up(a, a->at_row, a->bottom, n, false);
        a->wrap = false;
        break;
    case '@':
        ansi_insert_cells(a, n);
        a->wrap = false;
        break;
    case 'P':
        ansi_delete_cells(a, n);
        a->wrap = false;
        break;
    case 'X':
        ansi_blank(a, a->at_row, a->at_column, a->at_column + ansi_least(n, ANSI_COLUMNS - a->at_column));
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
        ansi_looks(a);
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

/* --- ESC and a byte --- */

void ansi_escape(struct ansi *a, uint8_t c)
{
    switch (c) {
    case 'D':
        ansi_line_feed(a);
        break;
    case 'E':
        ansi_carriage_return(a);
        ansi_line_feed(a);
        break;
    case 'M':
        ansi_reverse_line_feed(a);
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
        ansi_reset(a);
        break;
    case '=':
        a->keypad = true;
        break;
    case '>':
        a->keypad = false;
        break;
    }
}
