/* The processor's own clock, for marks of time that may cost one instruction. */
#ifndef MM_X86_CYCLES_H
#define MM_X86_CYCLES_H

#include <stdbool.h>
#include <stdint.h>
#ifndef QUIRE_HOSTED
#include "mm/x86/cpu.h"
#endif

#ifdef QUIRE_HOSTED
/* The tests' clock: it goes on by one at each look. */
uint64_t cycles_now(void);
static inline bool cycles_work(void)
{
    return true;
}
#else
/* Cycles since some moment before boot. Only where it works. */
static inline uint64_t cycles_now(void)
{
    return cpu_rdtsc();
}
/* Whether the processor has such a clock. Valid after cpu_detect(). */
static inline bool cycles_work(void)
{
    return cpu_features.tsc;
}
#endif

#endif
