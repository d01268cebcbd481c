/* The palette of map and pages. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/user/quire/colour.h"

/* Of 256 colours the dim and the bright one; of 16 the hue, and whether its dim one is bright, too. */
static const struct {
    uint8_t dim, bright, hue;
    bool always_bright;
} colours[COLOURS] = {
    [COLOUR_FREE] = {238, 238, 0, true},   [COLOUR_KERNEL] = {242, 250, 7, false},
    [COLOUR_SLAB] = {94, 214, 3, false},   [COLOUR_TABLE] = {90, 201, 5, false},
    [COLOUR_PRIVATE] = {28, 46, 2, false}, [COLOUR_FILE] = {30, 51, 6, false},
    [COLOUR_SHMEM] = {25, 39, 4, false},   [COLOUR_BUSY] = {124, 196, 1, false},
    [COLOUR_HOLE] = {236, 236, 0, true},   [COLOUR_ZERO] = {244, 253, 7, false},
    [COLOUR_SHARED] = {178, 226, 3, true}, [COLOUR_SWAPPED] = {124, 196, 1, false},
    [COLOUR_CACHED] = {166, 208, 1, true}, [COLOUR_PARKED] = {60, 105, 4, true},
};

static char sequence[32];

enum depth colour_depth_forced(void)
{
    const char *term = getenv("TERM");

    if (term && (strcmp(term, "linux") == 0 || strncmp(term, "vt", 2) == 0 || strcmp(term, "ansi") == 0))
        return COLOURS_16;
    return COLOURS_256;
}

enum depth colour_depth(void)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

    if (!isatty(1) || !term || !*term || strcmp(term, "dumb") == 0 || (no && *no))
        return PLAIN;
    return colour_depth_forced();
}

const char *colour_text(enum depth d, enum colour c, bool bright)
{
    if (d == PLAIN)
        return "";
    if (d == COLOURS_256)
        snprintf(sequence, sizeof sequence, "\033[0;38;5;%um", bright ? colours[c].bright : colours[c].dim);
    else
        snprintf(sequence, sizeof sequence, "\033[0;%s3%um", bright || colours[c].always_bright ? "1;" : "",
                 colours[c].hue);
    return sequence;
}

const char *colour_cell(enum depth d, enum colour c, bool bright)
{
    if (d != COLOURS_256)
        return colour_text(d, c, bright);
    snprintf(sequence, sizeof sequence, "\033[0;38;5;16;48;5;%um",
             bright ? colours[c].bright : colours[c].dim);
    return sequence;
}

const char *colour_end(enum depth d)
{
    return d == PLAIN ? "" : "\033[0m";
}
