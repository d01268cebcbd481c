/*
 * Tables of others' answers, as text: columns between tabs, the first line names them. Lines that begin with
 * # and empty ones are passed over. For programs of the host and of ring 3.
 */
#ifndef TESTS_PROGRAM_ROWS_H
#define TESTS_PROGRAM_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ROWS_COLUMNS 32u

struct rows {
    const char *path;
    char *name[ROWS_COLUMNS], *value[ROWS_COLUMNS];
    unsigned columns; /* that are named; 0: no line was read */
    unsigned values;  /* of the row at hand */
    unsigned line;    /* of the file, from 1 on */
    FILE *file;
    char *text, *names; /* of the row at hand, and of the first line */
    size_t room;
};

/* The names are there then, if there are any. False: errno says why. */
bool rows_open(struct rows *r, const char *path);
/* False: there is no row any more, or the file cannot be read (ferror(r->file)). */
bool rows_next(struct rows *r);
/* The value in the row at hand, "" if it has fewer. NULL: no column is called so. */
const char *rows_column(const struct rows *r, const char *name);
/* Whether there are all of these columns, whose names stand between blanks. */
bool rows_have(const struct rows *r, const char *names);
void rows_close(struct rows *r);
/* A decimal number, with nothing around it but one letter behind it: "16k", "1M", "4g". False: it is none, or
 * one that 64 bits do not hold. */
bool rows_size(const char *text, uint64_t *out);

/* A line of text, with its end, in memory that grows and is the caller's to free. A zero ends a text, so that
 * a device of zeroes is an empty one. False: there is none any more, or no memory. */
bool rows_line(FILE *f, char **text, size_t *room);

#endif
