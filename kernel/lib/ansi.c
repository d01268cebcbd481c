/*
 * A terminal.
 *
 * Purpose. Bytes become cells of 80 x 25, as TERM=linux describes it: the terminal that Linux's own
 * console is. So whatever the terminfo entry has is here, and sequences that are not known do nothing.
 *
 * Four files, of which each calls those that follow. Here bytes are taken apart: characters in UTF-8, and
 * escape sequences, as far as they have come. ansi_control.c does what control characters and whole sequences
 * say. ansi_look.c knows what characters look like, and ansi_grid.c has the cells, the cursor, and what is
 * kept of rows that have gone. This one alone knows how far a sequence has come.
 *
 * A cell is as the adapter has it: code page 437 and an attribute. What is erased has the background that was
 * chosen.
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
#include "kernel/lib/ansi_parts.h"
#include "kernel/lib/cp437.h"
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
    CSI = 0x9B,  /* in Unicode */
    CANCEL = 24, /* it and the next end a sequence, which does nothing */
    SUBSTITUTE = 26,
    NUMBER_MAX = 9999,
};

/* --- sequences --- */

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
    ansi_escape(a, c);
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

        *p = ansi_least(*p * 10 + (c - '0'), NUMBER_MAX);
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
            ansi_finish(a, c);
    }
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
            ansi_fill_pattern(a);
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

/* --- characters --- */

static void put_unicode(struct ansi *a, uint32_t u)
{
    unsigned width = cp437_width(u);

    if (width > 0)
        ansi_put(a, cp437_from(u));
    if (width > 1)
        ansi_put(a, ' ');
}

/* A byte below 0x80 that can be shown. */
static void put_ascii(struct ansi *a, uint8_t c)
{
    uint8_t set = a->pen.direct ? SET_DIRECT : a->pen.set[a->pen.shift];

    ansi_put(a, set == SET_DEC ? cp437_from_dec(c) : c);
}

/* A byte of a character in UTF-8. False: it ends one that is not whole, and is to be looked at anew. */
static bool in_character(struct ansi *a, uint8_t c)
{
    if ((c & 0xC0) != 0x80) {
        a->more = 0;
        ansi_put(a, '?');
        return false;
    }
    a->unicode = a->unicode << 6 | (c & 0x3F);
    if (--a->more > 0)
        return true;
    if (a->unicode == CSI)
        begin_sequence(a);
    else if (a->unicode < a->least || a->unicode > 0x10FFFF || (a->unicode >= 0xD800 && a->unicode < 0xE000))
        ansi_put(a, '?');
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
        ansi_put(a, '?');
    }
}

/* --- bytes --- */

static void byte(struct ansi *a, uint8_t c)
{
    if (a->more && in_character(a, c))
        return;
    if (a->state == FUNCTION_KEY) {
        a->state = TEXT;
    } else if (a->state == STRING && c == 7) {
        a->state = TEXT;
    } else if (c == ESC) {
        a->state = ESCAPE;
    } else if (c == CANCEL || c == SUBSTITUTE) {
        a->state = TEXT;
    } else if (c < ' ') {
        if (a->state != STRING)
            ansi_control(a, c);
    } else if (c == DEL) {
        /* nothing, as ever */
    } else if (a->state != TEXT) {
        in_escape(a, c);
    } else if (a->pen.direct || (c >= 0x80 && a->pen.set[a->pen.shift] == SET_DIRECT)) {
        ansi_put(a, c);
    } else if (c < 0x80) {
        put_ascii(a, c);
    } else {
        begin_character(a, c);
    }
}

void ansi_init(struct ansi *a)
{
    *a = (struct ansi){0};
    for (unsigned r = 0; r < ANSI_ROWS; r++)
        a->row[r] = a->grid[r];
    ansi_reset(a);
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

    a->pen = (struct ansi_pen){.foreground = ANSI_GREY};
    a->state = TEXT;
    a->more = 0;
    ansi_write(a, text, n);
    a->pen = pen;
    a->state = state;
    a->more = more;
}

/* --- checks --- */

bool ansi_verify(const struct ansi *a)
{
    bool ok = ansi_grid_verify(a);

    INV("INV-ANSI-5",
        a->state < STATES && a->parameters <= ANSI_PARAMETERS && a->more <= 3 && a->left <= 7 &&
            a->answered <= ANSI_ANSWERS,
        "state %u, %u parameters, %u bytes more, %u left", a->state, a->parameters, a->more, a->left);
    return ok;
}
