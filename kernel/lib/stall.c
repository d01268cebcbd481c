/*
 * Totals and decaying averages of states.
 *
 * Time is cut into periods of 2 s. At the end of each, for each state,
 *
 *     average = average * e + share * (1 - e)
 *
 * with the percentage of the period that the state held, and e what is to be left of a percentage after 2 s:
 * the fifth, thirtieth and 150th root of 1/e for 10, 60 and 300 s. These are the figures and the rounding of
 * Linux's kernel/sched/psi.c. There a timer ends the periods, and may come late; here whoever calls ends all
 * that are over, each with its own share, so that the averages are the same whenever one looks. A state lasts
 * from one call to the next, so all whole periods between two calls are alike and are taken together:
 *
 *     average = average * e^n + share * (1 - e^n)
 *
 * Locking: the caller's.
 */
#include "kernel/lib/stall.h"

#define ONE (1u << STALL_SHIFT)

/* 2048 / exp(2 s / 10 s, 60 s, 300 s) */
static const uint32_t keep[STALL_AVERAGES] = {1677, 1981, 2034};

void stall_init(struct stall *s, uint64_t now)
{
    *s = (struct stall){.since = now, .period_end = now + STALL_PERIOD_NS};
}

/* x^n, of a fixed-point number of at most 1. Squares, as Linux's fixed_power_int(). */
static uint32_t power(uint32_t x, uint64_t n)
{
    uint32_t result = ONE;

    for (; n; n >>= 1) {
        if (n & 1)
            result = (result * x + ONE / 2) >> STALL_SHIFT;
        x = (x * x + ONE / 2) >> STALL_SHIFT;
    }
    return result;
}

/* One step of an average of which e is kept. Rounded up on the way up, so that it arrives. */
static uint32_t step(uint32_t average, uint32_t e, uint32_t share)
{
    uint32_t sum = average * e + share * (ONE - e);

    return (sum + (share >= average ? ONE - 1 : 0)) >> STALL_SHIFT;
}

/* n periods end in which the states took so many percent. */
static void end_periods(struct stall *s, uint64_t n, const uint32_t percent[STALL_STATES])
{
    for (unsigned i = 0; i < STALL_AVERAGES; i++) {
        uint32_t e = n == 1 ? keep[i] : power(keep[i], n);

        for (unsigned k = 0; k < STALL_STATES; k++)
            s->average[k][i] = step(s->average[k][i], e, percent[k] * ONE);
    }
    s->period_end += n * STALL_PERIOD_NS;
}

static void add(struct stall *s, uint64_t until, unsigned states)
{
    uint64_t ns = until - s->since;

    for (unsigned k = 0; k < STALL_STATES; k++)
        if (states >> k & 1)
            s->total_ns[k] += ns;
    s->since = until;
}

/* What is left of a period, or the beginning of one. */
static void add_part(struct stall *s, uint64_t until, unsigned states)
{
    for (unsigned k = 0; k < STALL_STATES; k++)
        if (states >> k & 1)
            s->period_ns[k] += (uint32_t)(until - s->since);
    add(s, until, states);
}

void stall_advance(struct stall *s, uint64_t now, unsigned states)
{
    if (unlikely(now >= s->period_end)) {
        uint32_t percent[STALL_STATES];
        uint64_t whole;

        add_part(s, s->period_end, states);
        for (unsigned k = 0; k < STALL_STATES; k++) {
            percent[k] = s->period_ns[k] / (STALL_PERIOD_NS / 100);
            s->period_ns[k] = 0;
        }
        end_periods(s, 1, percent);
        whole = (now - s->since) / STALL_PERIOD_NS;
        if (whole) {
            for (unsigned k = 0; k < STALL_STATES; k++)
                percent[k] = states >> k & 1 ? 100 : 0;
            add(s, s->since + whole * STALL_PERIOD_NS, states);
            end_periods(s, whole, percent);
        }
    }
    add_part(s, now, states);
}

unsigned stall_percent(uint32_t average)
{
    return average >> STALL_SHIFT;
}

unsigned stall_hundredths(uint32_t average)
{
    return ((average & (ONE - 1)) * 100) >> STALL_SHIFT;
}
