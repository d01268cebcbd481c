/*
 * torture=sleep: every possible sleep may be one. See torture.c.
 */
#ifndef KERNEL_SCHED_TORTURE_H
#define KERNEL_SCHED_TORTURE_H

#include "mm/os.h"

/* From here on might_sleep() lets others run as a generator with this seed says, and the next to run is
 * drawn. The seed is logged. After sched_init(). */
void torture_start(uint32_t seed);
/* No more sleeps on purpose. */
void torture_stop(void);
static inline bool torture_on(void)
{
    return os_nosleep & OS_TORTURE;
}
/* A possible sleep: maybe let others run. Sleeps. Nothing when torture is off. */
void torture_point(void);
/* A number in [0, n), n > 0, of the generator. Any context. */
uint32_t torture_below(uint32_t n);

#endif
