/* The command `fits`, on the host and in ring 3. */
#ifndef TESTS_FITS_FITS_H
#define TESTS_FITS_FITS_H

#include "tests/fits/run.h"

int fits_main(int argc, char **argv);
/* Every row of a table of somebody else's, through the list: the command's status. */
int fits_table(const char *path);
/* A counter of instructions if there is one here, else of ticks. NULL: there is none. */
fit_clock fits_clock(bool *ticks);

#endif
