/*
 * The time of day: nanoseconds since 1970, which are those since boot (os_now_ns()) and an offset; and how it
 * is kept in step with a better clock, adjtimex(2). See dayclock.c.
 *
 * Locking: interrupts off.
 */
#ifndef KERNEL_SCHED_DAYCLOCK_H
#define KERNEL_SCHED_DAYCLOCK_H

#include "mm/os.h"

/* What is asked for, modes of struct timex (ADJ_*), and its status (STA_*). */
enum {
    ADJ_OFFSET = 0x0001,
    ADJ_FREQUENCY = 0x0002,
    ADJ_MAXERROR = 0x0004,
    ADJ_ESTERROR = 0x0008,
    ADJ_STATUS = 0x0010,
    ADJ_TIMECONST = 0x0020,
    ADJ_TAI = 0x0080,
    ADJ_SETOFFSET = 0x0100, /* the caller's business */
    ADJ_MICRO = 0x1000,
    ADJ_NANO = 0x2000,
    ADJ_TICK = 0x4000,
    ADJ_ADJTIME = 0x8000, /* with ADJ_OFFSET: adjtime(3); with ADJ_NANO too: only ask for what is left */

    STA_PLL = 0x0001,
    STA_FLL = 0x0008,
    STA_UNSYNC = 0x0040,
    STA_FREQHOLD = 0x0080,
    STA_CLOCKERR = 0x1000,
    STA_NANO = 0x2000,
    STA_MODE = 0x4000,
    STA_READ_ONLY = 0xFF00,

    TIME_OK = 0,
    TIME_ERROR = 5,
};

/* struct timex, as far as it says something here. */
struct dayclock_adjust {
    uint32_t modes;
    int32_t status, tai;
    int64_t offset, freq, maxerror, esterror, constant, precision, tolerance, tick;
};

struct dayclock {
    uint64_t offset; /* what to add to os_now_ns(), at mark */
    uint64_t mark;   /* os_now_ns() */
    uint64_t sets;   /* how often it was set */
    int64_t rate;    /* what it gains a second: ns << 32 */
    uint32_t part;   /* of a nanosecond, << 32, at mark */
    bool moves;      /* the rate is not 0, or about to be another */
    bool busy;       /* something is being made up for, so that each second looks at the rate */
    uint64_t next;   /* os_now_ns() of the end of the running second, if busy */
    int64_t freq;    /* set, or found by the loop: ns a second << 32 */
    int64_t pull;    /* what the loop has yet to make up for: ns in each of DAYCLOCK_STEPS steps << 32 */
    int64_t adjtime; /* what adjtime(3) has yet to make up for: us */
    int64_t maxerror, esterror; /* us; the first one as it was at error_from */
    uint64_t error_from;
    int64_t reftime; /* the second since 1970 of the loop's last update */
    int32_t status, constant, tick, tai;
};
#define DAYCLOCK_STEPS 250

/* The machine's. */
extern struct dayclock dayclock;

/* As it is when a machine starts; nobody has set it. */
void dayclock_init(struct dayclock *d);
/* It shows ns at now: what is being made up for is forgotten. */
void dayclock_set(struct dayclock *d, uint64_t now, uint64_t ns);
/* For the next: it is being adjusted. */
uint64_t dayclock_moved(struct dayclock *d, uint64_t now);
/* What it shows at os_now_ns() now. Any context. */
static inline uint64_t dayclock_at(struct dayclock *d, uint64_t now)
{
    return likely(!d->moves) ? now + d->offset : dayclock_moved(d, now);
}
/* os_now_ns() when it shows ns, if it goes on as it goes at now: never before; 1 if that was before boot. */
uint64_t dayclock_when(struct dayclock *d, uint64_t now, uint64_t ns);
/* Until when it goes on so, at least; UINT64_MAX: until somebody adjusts or sets it. */
static inline uint64_t dayclock_steady_until(const struct dayclock *d)
{
    return d->busy ? d->next : UINT64_MAX;
}
/* adjtimex(2), whose modes were checked, but for ADJ_SETOFFSET. Fills in what it tells, and returns TIME_OK
 * or TIME_ERROR. */
int dayclock_adjust(struct dayclock *d, uint64_t now, struct dayclock_adjust *a);

#endif
