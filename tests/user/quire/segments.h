/* What the parts of `segments` share: telling, checking, memory. See segments.c. */
#ifndef USER_SEGMENTS_H
#define USER_SEGMENTS_H

#include <stddef.h>
#include "tests/user/quire/segment.h"

#define PAGE 4096u

/* Entries of the local table. */
enum { CODE = 1, DATA = 2, STACK = 3, HEAP = 4 };

/* What has failed so far. */
extern unsigned segments_failed;
/* Count a check, and say if it does not hold. */
void check(bool holds, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Words, in lines of at most 79 columns behind two blanks. */
void sentence(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Whether this processor looks at limits, in a sentence: once, however many parts ask. */
void about_limits(void);
/* Fresh pages; and a descriptor. The program ends if there are none. */
void *map_pages(unsigned pages, int prot, int how);
void define(unsigned n, uint32_t base, uint32_t limit, unsigned flags);
/* An address as a number. */
static inline uint32_t number(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

/* The parts, each in a file of its own: how many checks have failed. */
int segments_base(void);
int segments_grow(void);
int segments_share(void);
int segments_forbidden(void);
int segments_compact(void);
/* Do each row of a table: the status of the command. */
int segments_table(const char *path);

#endif
