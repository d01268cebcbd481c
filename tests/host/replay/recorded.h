/*
 * What tools/lab/plugin.c recorded: what several programs touched, when, and how. See docs/lab.md for the
 * format.
 */
#ifndef TESTS_HOST_REPLAY_RECORDED_H
#define TESTS_HOST_REPLAY_RECORDED_H

#include "tests/host/replay/machine.h"

enum recorded_kind { RECORDED_FETCH, RECORDED_READ, RECORDED_WRITE, RECORDED_KINDS };

struct recorded_program {
    uint32_t pid;
    char name[17];
    uint64_t accesses;   /* that it made */
    uint64_t references; /* that were written down */
};

struct recording {
    uint32_t *word;
    size_t words;
    struct recorded_program *program;
    uint32_t programs;
    uint64_t kinds[RECORDED_KINDS]; /* accesses of all */
};

/* Whether bytes of a file begin like one. */
bool recording_is(const char *text, size_t size);
/* Take the bytes of a file, from malloc(), which recording_free() frees. False: it is damaged or not
 * complete, and nothing was taken. */
bool recording_take(struct recording *r, char *text, size_t size);
void recording_free(struct recording *r);
/* Forget what was touched outside of the pages from first to last, and accesses of which is not known where
 * they were. */
void recording_keep(struct recording *r, uint32_t first, uint32_t last);
/* The busiest of the programs of a process (0: of any) that have this name (NULL: whatever their name).
 * r->programs: there is none. */
uint32_t recording_find(const struct recording *r, uint32_t pid, const char *name);
/* How many pages a program touched. */
uint32_t recording_pages(const struct recording *r, uint32_t program);
/* Each reference of a program; time: accesses of the program up to and including this one. */
void recording_each(const struct recording *r, uint32_t program,
                    void (*fn)(void *arg, uint32_t page, enum recorded_kind kind, uint64_t time), void *arg);
/* The references of a program. */
void recording_trace(const struct recording *r, uint32_t program, struct trace *t);

#endif
