/*
 * Counts of what programs can make and have to give back: the audit at the end (kernel/life/audit.c) compares
 * them with what they were before the first program, by name.
 */
#ifndef KERNEL_LIB_TALLY_H
#define KERNEL_LIB_TALLY_H

#include "mm/types.h"

struct tally {
    const char *name; /* of many, in plain words */
    uint32_t count;   /* that exist; whoever makes and frees them counts, between sleeps */
};

/* A count of this file's. linker.ld collects them. */
#define TALLY(variable, name_)                                                                               \
    static struct tally variable __attribute__((section("tallies"), used)) = {name_, 0}

extern struct tally tallies_start[], tallies_end[];

#endif
