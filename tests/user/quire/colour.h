/* The colours of programs that draw memory: one palette, in as many colours as the terminal has. */
#ifndef USER_COLOUR_H
#define USER_COLOUR_H

#include <stdbool.h>

enum depth { PLAIN, COLOURS_16, COLOURS_256 };

/* What a cell can show. The same thing has the same colour in every picture, and on the display
 * (kernel/dev/mapscreen.c). */
enum colour {
    COLOUR_FREE,
    COLOUR_KERNEL,
    COLOUR_SLAB,
    COLOUR_TABLE,
    COLOUR_PRIVATE,
    COLOUR_FILE,
    COLOUR_SHMEM,
    COLOUR_BUSY,
    COLOUR_HOLE,
    /* Of the pages of one address space, or of slots. */
    COLOUR_ZERO,
    COLOUR_SHARED,
    COLOUR_SWAPPED,
    COLOUR_CACHED,
    COLOUR_PARKED,
    COLOURS,
};

/* What the terminal of the output has; PLAIN if it is none, or if somebody objects (NO_COLOR, TERM=dumb). */
enum depth colour_depth(void);
/* The same for who wants colours whatever the output is. */
enum depth colour_depth_forced(void);

/* The sequence that begins text in a colour. Valid until the next call of a colour_ function. */
const char *colour_text(enum depth d, enum colour c, bool bright);
/* The same for a cell that is filled: with 256 colours the colour is behind its letter. */
const char *colour_cell(enum depth d, enum colour c, bool bright);
/* The sequence that ends either; "" if there is none to end. */
const char *colour_end(enum depth d);

#endif
