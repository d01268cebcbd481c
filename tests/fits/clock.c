/*
 * A counter of instructions, where there is one.
 *
 * On the host that is the processor's own, by perf_event_open(), if it may be used. Under QEMU with -icount
 * shift=0 the time-stamp counter counts instructions: a run of additions proves it. Elsewhere it counts
 * ticks.
 */
#include "tests/fits/fits.h"

#include <string.h>
#include <unistd.h>

#if defined(__linux__) && defined(__x86_64__)
#include <linux/perf_event.h>
#include <sys/syscall.h>

static int counter = -1;

static uint64_t perf_clock(void)
{
    uint64_t n = 0;

    return read(counter, &n, sizeof n) == sizeof n ? n : 0;
}

static bool has_perf(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_HW_INSTRUCTIONS,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};

    if (counter < 0)
        counter = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    return counter >= 0 && perf_clock() > 0;
}
#else
static uint64_t perf_clock(void)
{
    return 0;
}

static bool has_perf(void)
{
    return false;
}
#endif

#if defined(__i386__) || defined(__x86_64__)
static uint64_t tsc_clock(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#define ADDITIONS 300u
#define ADD(n)    __asm__ volatile(".rept %c0\n\taddl $1, %%eax\n\t.endr" : : "i"(n) : "eax", "cc")

/* Whether twice as many additions take so many ticks more, in some of a few tries: an interrupt or a page
 * fault may come between. */
static bool counts_instructions(void)
{
    unsigned right = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t start = tsc_clock(), once, twice;

        ADD(ADDITIONS);
        once = tsc_clock();
        ADD(2 * ADDITIONS);
        twice = tsc_clock();
        right += twice - once - (once - start) == ADDITIONS;
    }
    return right >= 3;
}

fit_clock fits_clock(bool *ticks)
{
    *ticks = false;
    if (has_perf())
        return perf_clock;
    *ticks = !counts_instructions();
    return tsc_clock;
}
#else
fit_clock fits_clock(bool *ticks)
{
    *ticks = false;
    return has_perf() ? perf_clock : NULL;
}
#endif
