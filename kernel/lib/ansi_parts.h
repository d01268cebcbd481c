/* What the files of the terminal share: see ansi.c. Everybody else includes ansi.h. */
#ifndef KERNEL_LIB_ANSI_PARTS_H
#define KERNEL_LIB_ANSI_PARTS_H

#include "kernel/lib/ansi.h"

enum { ANSI_GREY = 7, ANSI_BRIGHT = 8 };

static inline unsigned ansi_least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* --- cells and the cursor (ansi_grid.c) --- */

/* Cells [from, to) of a row. */
void ansi_blank(struct ansi *a, unsigned row, unsigned from, unsigned to);
/* Rows [top, bottom) move up by n, and what leaves is kept if that is wanted. */
void ansi_scroll_up(struct ansi *a, unsigned top, unsigned bottom, unsigned n, bool keep_them);
void ansi_scroll_down(struct ansi *a, unsigned top, unsigned bottom, unsigned n);
/* At the cursor: what is behind it moves, as far as the row goes. */
void ansi_insert_cells(struct ansi *a, unsigned n);
void ansi_delete_cells(struct ansi *a, unsigned n);
/* White on black for black on white, of all that is there. */
void ansi_invert(struct ansi *a, bool on);
/* The screen full of E, by which the picture of a tube was adjusted. */
void ansi_fill_pattern(struct ansi *a);
/* Where it belongs on the screen, or, in origin mode, in what scrolls. */
void ansi_go(struct ansi *a, unsigned row, unsigned column);
/* A row is counted from where the origin is. */
void ansi_go_absolute(struct ansi *a, unsigned row, unsigned column);
void ansi_up(struct ansi *a, unsigned n);
void ansi_line_feed(struct ansi *a);
void ansi_reverse_line_feed(struct ansi *a);
void ansi_carriage_return(struct ansi *a);
void ansi_tab(struct ansi *a);
/* A character of the adapter, where the cursor is. */
void ansi_put(struct ansi *a, uint8_t c);
bool ansi_grid_verify(const struct ansi *a); /* INV-ANSI-1 to -4 */

/* --- how characters look (ansi_look.c) --- */

/* The attribute byte of a cell that is written now. */
uint8_t ansi_attribute(const struct ansi *a);
/* SGR, with the parameters of the sequence that has ended. */
void ansi_looks(struct ansi *a);

/* --- what control characters and sequences do (ansi_control.c) --- */

/* All but what is kept. */
void ansi_reset(struct ansi *a);
/* A character below blank, but for those that begin or end a sequence. */
void ansi_control(struct ansi *a, uint8_t c);
/* ESC and a byte. */
void ansi_escape(struct ansi *a, uint8_t c);
/* A sequence that has ended with this letter. */
void ansi_finish(struct ansi *a, uint8_t c);

#endif
