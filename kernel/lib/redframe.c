/*
 * What a panic says, framed, in white on red.
 *
 * The first lines count: what is wrong, where, and who called. So what comes when the frame is full is
 * left to the serial port. It is drawn with what the terminal knows, so nothing here has to know cells.
 */
#include "kernel/lib/redframe.h"
#include "kernel/lib/ansi.h"
#include "kernel/lib/console.h"
#include "kernel/lib/format.h"
#include "kernel/lib/screen.h"
#include "mm/os.h"

enum {
    LEFT = 2, /* columns of the frame and a space, on each side */
    WIDTH = ANSI_COLUMNS - 2 * LEFT,
    FIRST = 1,
    ADVICE_ROWS = 3,
    ADVICE = ANSI_ROWS - 1 - ADVICE_ROWS,
    END = ADVICE - 1, /* the row of the line between */
};

/* White on red, characters as the display has them. */
#define LOOK "\033[0;1;37;41;11m"

static bool up, full;
static unsigned row, column;

static void draw(const char *text)
{
    ansi_write(&console_terminal, text, strlen(text));
}

static void go(unsigned r, unsigned c)
{
    char text[16];

    format(text, sizeof text, "\033[%u;%uH", r + 1, c + 1);
    draw(text);
}

/* A row of the frame: its two ends, and what lies between. */
static void line(unsigned r, char left, char between, char right)
{
    char text[ANSI_COLUMNS + 1];

    memset(text, between, ANSI_COLUMNS);
    text[0] = left;
    text[ANSI_COLUMNS - 1] = right;
    text[ANSI_COLUMNS] = '\0';
    go(r, 0);
    draw(text);
}

void redframe_begin(const char *title, const char *advice)
{
    unsigned r = ADVICE;

    up = true;
    row = FIRST;
    ansi_init(&console_terminal);
    draw("\033[?7;25l" LOOK);
    for (unsigned i = 0; i < ANSI_ROWS; i++)
        line(i, '\xBA', ' ', '\xBA');
    line(0, '\xC9', '\xCD', '\xBB');
    line(END, '\xC7', '\xC4', '\xB6');
    line(ANSI_ROWS - 1, '\xC8', '\xCD', '\xBC');
    go(0, LEFT + 1);
    draw(" ");
    draw(title);
    draw(" ");
    for (go(r, LEFT); *advice; advice++)
        if (*advice == '\n')
            go(++r, LEFT);
        else
            ansi_write(&console_terminal, advice, 1);
    screen_seize();
    console_paint();
}

bool redframe_is_up(void)
{
    return up;
}

static void next_row(void)
{
    row++;
    column = 0;
}

static void put(char c)
{
    if (column == WIDTH)
        next_row();
    if (row >= END) {
        if (!full) {
            go(END - 1, LEFT);
            draw("... and more, on the serial port");
        }
        full = true;
        return;
    }
    go(row, LEFT + column++);
    ansi_write(&console_terminal, &c, 1);
}

void redframe_write(const char *text, size_t n)
{
    for (; n > 0 && !full; n--, text++)
        if (*text == '\n')
            next_row();
        else if (*text >= ' ')
            put(*text);
    console_paint();
}
