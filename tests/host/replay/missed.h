/*
 * What a software TLB of the kernel's recorded: its misses, and what was used between them
 * (/proc/quire/misses after "N uses"). See docs/translation.md.
 */
#ifndef TESTS_HOST_REPLAY_MISSED_H
#define TESTS_HOST_REPLAY_MISSED_H

#include "tests/host/replay/machine.h"

/* Whether a text begins like one. */
bool missed_is(const char *text, size_t size);
/*
 * The references of a space (0: of that with the most lines): each miss is one, and so is each use between
 * two misses, in whatever order these have. A use in two stretches, of which the second is the last, may be
 * that of an instruction that has missed in between and begun anew: before says that it comes before that
 * miss. False: there are none, or the text is damaged, and *bad is the number of the line, from 1; 0: no
 * such space.
 */
bool missed_trace(struct trace *t, const char *text, size_t size, uint32_t space, bool before, size_t *bad);
/* How many misses LRU of so many frames has, at least and at most: which it is depends on the order of the
 * uses between two misses. The rest is as above. */
bool missed_bounds(const char *text, size_t size, uint32_t space, uint32_t frames, uint64_t *least,
                   uint64_t *most, size_t *bad);

#endif
