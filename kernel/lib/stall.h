/*
 * How long states have lasted, and the share of recent time that they took: the arithmetic of
 * /proc/pressure. See stall.c. Portable.
 */
#ifndef KERNEL_LIB_STALL_H
#define KERNEL_LIB_STALL_H

#include "mm/types.h"

#define STALL_STATES    3u
#define STALL_AVERAGES  3u          /* over 10, 60 and 300 s */
#define STALL_PERIOD_NS 2000000000u /* between two steps of the averages */
#define STALL_SHIFT     11u         /* averages are percent, fixed point */

struct stall {
    uint64_t since;                                 /* up to when all is added up */
    uint64_t period_end;                            /* of the period that runs */
    uint64_t total_ns[STALL_STATES];                /* since the beginning */
    uint32_t period_ns[STALL_STATES];               /* in the period that runs */
    uint32_t average[STALL_STATES][STALL_AVERAGES]; /* at the end of the last period */
};

/* Begin at now, which is in ns and never goes back; so in all others. */
void stall_init(struct stall *s, uint64_t now);
/* From the last time up to now the states of a set of bits held, and no others. Costs the same however long
 * that was. */
void stall_advance(struct stall *s, uint64_t now, unsigned states);
/* An average as two numbers: percent, and hundredths of one. */
unsigned stall_percent(uint32_t average);
unsigned stall_hundredths(uint32_t average);

#endif
