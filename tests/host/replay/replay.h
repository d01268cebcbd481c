/*
 * The simulator of replacement policies: the kernel's own policy files (mm/policy/) over a reference
 * string. See machine.c for the model, table.c for the tables of others, main.c for the command.
 */
#ifndef TESTS_HOST_REPLAY_H
#define TESTS_HOST_REPLAY_H

#include "tests/host/replay/machine.h"
#include "tests/host/replay/missed.h"
#include "tests/host/replay/recorded.h"

#include <stdio.h>

/* All that gzip makes of a file, which may be one that is not compressed. The caller frees it. NULL: it could
 * not, and why was said. */
char *trace_read(const char *path, size_t *size);
/* Read a file (gzip or not; what QEMU's plugin recorded, of that the program that recording_find() finds;
 * what a software TLB did, of that the space with the number pid; numbers as text; or little-endian 32-bit
 * ones), or numbers in text, which is called `where`. False: it cannot be read or there are none, and why was
 * said. */
bool trace_load(struct trace *t, const char *path, uint32_t pid, const char *name);
/* How many misses lru or opt of so many frames has, at least and at most, over what a software TLB recorded;
 * see missed.h. False: it did not record it, and that was said. */
bool trace_bounds(const char *path, uint32_t space, const struct setup *how, uint64_t *least, uint64_t *most);
/* What the plugin recorded, of all programs. */
bool recording_load(struct recording *r, const char *path);
/* Say that nobody there is asked for by number or name, and who is there: in one line, by a program of this
 * name. */
void recording_say_nobody(const char *me, const struct recording *r, const char *path, uint32_t pid,
                          const char *name);
/* Say that no policy has that name, and which there are. */
void say_no_policy(const char *me, const char *name);
bool trace_parse(struct trace *t, const char *where, const char *text, size_t size);

struct outcome {
    uint64_t misses;
    uint64_t written;  /* pages that went and had been written to since they came */
    uint64_t salvages; /* pages that were set aside and put back, without a miss */
    char *hits;        /* [count] 'h' or 'M', if asked for */
    uint32_t *victim;  /* [victims] */
    size_t victims;
    uint32_t *memory; /* [in_memory] at the end, in the order of loading, or of use for lru and mru */
    size_t in_memory;
};

/* Run a trace. steps: where each step is told; NULL: nowhere. detail: fill in the rest of the outcome too,
 * which outcome_free() frees. */
void simulate(const struct trace *t, const struct setup *how, FILE *steps, struct outcome *o, bool detail);
void outcome_free(struct outcome *o);

/* Compare with a table of somebody else's. Exit status. */
int table_check(const char *path);

#endif
