/*
 * The cells of a terminal, and its cursor. See ansi.c.
 *
 * Data. For each row there is a pointer to the line of the grid that it is: scrolling turns pointers, and
 * writes only the line that is new. What leaves at the top of the screen goes to a ring of the caller's, if
 * there is one; what is shown may be scrolled back into it, and then stays while more is written, as long as
 * the ring has it.
 *
 * A character in the last column leaves the cursor there; the next one goes to the next row first. So a full
 * last row does not scroll the screen.
 */
#include "kernel/lib/ansi_parts.h"
#include "mm/os.h"

static uint16_t blank_cell(const struct ansi *a)
{
    uint8_t f = a->pen.foreground, b = a->pen.background;

    return (uint16_t)((a->inverse ? f << 4 | b : b << 4 | f) << 8 | ' ');
}

void ansi_blank(struct ansi *a, unsigned row, unsigned from, unsigned to)
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
        a->view = ansi_least(a->view + 1, kept(a));
}

void ansi_scroll_up(struct ansi *a, unsigned top, unsigned bottom, unsigned n, bool keep_them)
{
    for (n = ansi_least(n, bottom - top); n > 0; n--) {
        uint16_t *line = a->row[top];

        if (keep_them)
            keep(a, line);
        memmove(&a->row[top], &a->row[top + 1], (bottom - top - 1) * sizeof a->row[0]);
        a->row[bottom - 1] = line;
        ansi_blank(a, bottom - 1, 0, ANSI_COLUMNS);
    }
}

void ansi_scroll_down(struct ansi *a, unsigned top, unsigned bottom, unsigned n)
{
    for (n = ansi_least(n, bottom - top); n > 0; n--) {
        uint16_t *line = a->row[bottom - 1];

        memmove(&a->row[top + 1], &a->row[top], (bottom - top - 1) * sizeof a->row[0]);
        a->row[top] = line;
        ansi_blank(a, top, 0, ANSI_COLUMNS);
    }
}

void ansi_insert_cells(struct ansi *a, unsigned n)
{
    uint16_t *at = &a->row[a->at_row][a->at_column];

    n = ansi_least(n, ANSI_COLUMNS - a->at_column);
    memmove(at + n, at, (ANSI_COLUMNS - a->at_column - n) * sizeof *at);
    ansi_blank(a, a->at_row, a->at_column, a->at_column + n);
}

void ansi_delete_cells(struct ansi *a, unsigned n)
{
    uint16_t *at = &a->row[a->at_row][a->at_column];

    n = ansi_least(n, ANSI_COLUMNS - a->at_column);
    memmove(at, at + n, (ANSI_COLUMNS - a->at_column - n) * sizeof *at);
    ansi_blank(a, a->at_row, ANSI_COLUMNS - n, ANSI_COLUMNS);
}

void ansi_invert(struct ansi *a, bool on)
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

void ansi_fill_pattern(struct ansi *a)
{
    for (unsigned r = 0; r < ANSI_ROWS; r++)
        for (unsigned c = 0; c < ANSI_COLUMNS; c++)
            a->row[r][c] = (uint16_t)((blank_cell(a) & 0xFF00) | 'E');
}

/* --- the cursor --- */

void ansi_go(struct ansi *a, unsigned row, unsigned column)
{
    unsigned first = a->origin ? a->top : 0, end = a->origin ? a->bottom : ANSI_ROWS;

    a->at_row = row < first ? first : ansi_least(row, end - 1);
    a->at_column = ansi_least(column, ANSI_COLUMNS - 1);
    a->wrap = false;
}

void ansi_go_absolute(struct ansi *a, unsigned row, unsigned column)
{
    ansi_go(a, row + (a->origin ? a->top : 0), column);
}

void ansi_up(struct ansi *a, unsigned n)
{
    ansi_go(a, a->at_row - ansi_least(n, a->at_row), a->at_column);
}

void ansi_line_feed(struct ansi *a)
{
    if (a->at_row + 1 == a->bottom)
        ansi_scroll_up(a, a->top, a->bottom, 1, a->top == 0);
    else if (a->at_row + 1 < ANSI_ROWS)
        a->at_row++;
    a->wrap = false;
}

void ansi_reverse_line_feed(struct ansi *a)
{
    if (a->at_row == a->top)
        ansi_scroll_down(a, a->top, a->bottom, 1);
    else if (a->at_row > 0)
        a->at_row--;
    a->wrap = false;
}

void ansi_carriage_return(struct ansi *a)
{
    a->at_column = 0;
    a->wrap = false;
}

void ansi_tab(struct ansi *a)
{
    while (a->at_column + 1 < ANSI_COLUMNS) {
        a->at_column++;
        if (a->tabs[a->at_column / 32] >> a->at_column % 32 & 1)
            break;
    }
}

void ansi_put(struct ansi *a, uint8_t c)
{
    if (a->wrap && !a->no_wrap) {
        ansi_carriage_return(a);
        ansi_line_feed(a);
    }
    if (a->insert)
        ansi_insert_cells(a, 1);
    a->row[a->at_row][a->at_column] = (uint16_t)(ansi_attribute(a) << 8 | c);
    if (a->at_column + 1 < ANSI_COLUMNS)
        a->at_column++;
    else
        a->wrap = true;
}

/* --- what is kept, and what is shown --- */

void ansi_keep(struct ansi *a, uint16_t *rows, uint32_t n)
{
    a->history = (uint16_t(*)[ANSI_COLUMNS])rows;
    a->history_size = n;
    a->history_end = a->view = 0;
}

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
        a->view -= ansi_least(a->view, (unsigned)-rows);
    else
        a->view = ansi_least(a->view + (unsigned)rows, kept(a));
}

/* --- checks --- */

bool ansi_grid_verify(const struct ansi *a)
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
    return ok;
}
