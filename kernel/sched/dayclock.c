/*
 * The time of day, and how it is adjusted.
 *
 * Purpose. A machine's counter is wrong by some millionths. A program that knows better tells the kernel by
 * how much the clock is off, and the kernel lets it go a little faster or slower for a while, so that it
 * never jumps; and in the end at a better rate.
 *
 * Theory. The clock is os_now_ns() and an offset, which grows at a rate: what it gains a second, in parts of
 * 2^32 of a nanosecond. Nothing happens by and by: what it shows is computed from the offset at some moment
 * (mark) when somebody asks. The rate is the sum of
 *
 *     the tick        10 ms, as programs set it: 9 to 11
 *     the frequency   set, or found by the loop: up to 500 ppm
 *     the loop        of the offset that it was told last, a part of 2^-(2 + constant) in each second: a
 *                     phase-locked loop, or for rare updates a frequency-locked one
 *     adjtime(3)      of what it was told, 500 us in each second
 *
 * While the last two have something to do the clock is busy: the rate is another one in each second, and who
 * waits for a time of day looks again when a second is over (dayclock_steady_until()).
 *
 * os_now_ns() itself is never adjusted, so CLOCK_MONOTONIC is as raw as CLOCK_MONOTONIC_RAW. Seconds are
 * neither inserted nor left out: STA_INS and STA_DEL are only kept.
 *
 * Source: Mills, RFC 5905 and Computer Network Time Synchronization (2006); the arithmetic is Linux's, so
 * that programs are told the same.
 */
#include "kernel/sched/dayclock.h"

#define SECOND       1000000000ll
#define LIMIT_US     16000000ll /* of the errors */
#define DRIFT_US     500        /* what the maximum error grows by in a second */
#define PHASE_MOST   500000000ll
#define FREQ_MOST    (500000ll << 32)
#define FREQ_UNIT    65536000ll                    /* of 2^-16 ppm, in ns a second << 32 */
#define FREQ_INVERSE ((1ll << 51) / FREQ_UNIT + 1) /* << 51 */
#define ADJTIME_MOST 500ll                         /* us a second */
#define CONSTANT_MAX 10
#define TAI_MAX      100000
#define TICK_US      10000
#define FLL_FROM     256  /* seconds between two updates: from here on it may be a frequency-locked loop, */
#define FLL_ALWAYS   2048 /* and beyond it is */

struct dayclock dayclock;

static int64_t clamp(int64_t v, int64_t least, int64_t most)
{
    return v < least ? least : v > most ? most : v;
}

/* Division by a power of two, towards zero. */
static int64_t shift_right(int64_t v, unsigned bits)
{
    return v < 0 ? -(-v >> bits) : v >> bits;
}

static void forget_adjusting(struct dayclock *d, uint64_t now)
{
    d->adjtime = d->pull = 0;
    d->maxerror = d->esterror = LIMIT_US;
    d->error_from = now;
    d->status |= STA_UNSYNC;
}

/* What it always gains. */
static int64_t steady_rate(const struct dayclock *d)
{
    return (int64_t)(d->tick - TICK_US) * (SECOND / TICK_US) * (1ll << 32) + d->freq;
}

/* What it gains in dt ns, and the part of a nanosecond that it has then. */
static int64_t gain(const struct dayclock *d, uint64_t dt, uint32_t *part)
{
    int64_t seconds = (int64_t)(dt / SECOND), rest = (int64_t)(dt % SECOND);
    int64_t high = d->rate >> 32, whole = high * rest / SECOND, left = high * rest % SECOND;
    uint64_t low = (uint32_t)d->rate, parts;

    if (left < 0) {
        left += SECOND;
        whole--;
    }
    parts = d->part + low * (uint64_t)seconds + (((uint64_t)left << 32) + low * (uint64_t)rest) / SECOND;
    *part = (uint32_t)parts;
    return high * seconds + whole + (int64_t)(parts >> 32);
}

static uint64_t since_mark(const struct dayclock *d, uint64_t now)
{
    return (int64_t)(now - d->mark) > 0 ? now - d->mark
                                        : 0; /* somebody may have looked later and been told */
}

/* The offset is that of now from here on. */
static void move_mark(struct dayclock *d, uint64_t now)
{
    uint64_t dt = since_mark(d, now);

    d->offset += (uint64_t)gain(d, dt, &d->part);
    d->mark += dt;
}

/* A second begins: how much of what is left is made up for in it. */
static void begin_second(struct dayclock *d)
{
    int64_t step = shift_right(d->pull, 2 + (unsigned)d->constant),
            slew = clamp(d->adjtime, -ADJTIME_MOST, ADJTIME_MOST);

    d->pull -= step;
    d->adjtime -= slew;
    d->rate = steady_rate(d) + step * DAYCLOCK_STEPS + slew * 1000 * (1ll << 32);
    d->busy = step || slew;
    d->moves = d->rate || d->busy;
}

static void catch_up(struct dayclock *d, uint64_t now)
{
    while (d->busy && (int64_t)(now - d->next) >= 0) {
        move_mark(d, d->next);
        d->next += SECOND;
        begin_second(d);
    }
}

void dayclock_init(struct dayclock *d)
{
    *d = (struct dayclock){.constant = 2, .tick = TICK_US};
    forget_adjusting(d, 0);
}

void dayclock_set(struct dayclock *d, uint64_t now, uint64_t ns)
{
    uint32_t irq = os_irq_save();

    forget_adjusting(d, now);
    d->offset = ns - now;
    d->mark = now;
    d->part = 0;
    d->sets++;
    begin_second(d);
    os_irq_restore(irq);
}

uint64_t dayclock_moved(struct dayclock *d, uint64_t now)
{
    uint32_t irq = os_irq_save(), part;
    uint64_t ns;

    catch_up(d, now);
    ns = now + d->offset + (uint64_t)gain(d, since_mark(d, now), &part);
    os_irq_restore(irq);
    return ns;
}

uint64_t dayclock_when(struct dayclock *d, uint64_t now, uint64_t ns)
{
    uint32_t irq = os_irq_save(), part;
    uint64_t shown = dayclock_at(d, now), at = now;

    if (!d->moves) {
        at = ns > d->offset ? ns - d->offset : 1;
    } else {
        /* It goes an eighth faster at most, so no step is too long; each leaves less than a quarter. */
        while ((int64_t)(ns - shown) > 0 && at < INT64_MAX - (ns - shown)) {
            at += ns - shown - (ns - shown) / 8;
            shown = at + d->offset + (uint64_t)gain(d, since_mark(d, at), &part);
        }
    }
    os_irq_restore(irq);
    return at;
}

/* --- adjtimex --- */

/* How far off the clock is, by who knows: the loop makes up for it, and learns how wrong its rate is. */
static void loop_update(struct dayclock *d, uint64_t now, int64_t offset)
{
    int64_t second = (int64_t)(dayclock_at(d, now) / SECOND), passed = second - d->reftime, freq = 0, most;

    if (!(d->status & STA_PLL))
        return;
    if (!(d->status & STA_NANO))
        offset = clamp(offset, -1000000, 1000000) * 1000;
    offset = clamp(offset, -PHASE_MOST, PHASE_MOST);
    if (d->status & STA_FREQHOLD)
        passed = 0;
    d->reftime = second;
    d->status &= ~STA_MODE;
    if (passed >= FLL_FROM && (d->status & STA_FLL || passed > FLL_ALWAYS)) {
        d->status |= STA_MODE;
        freq = offset * (1ll << 30) / passed;
    }
    most = 1ll << (3 + d->constant);
    passed = clamp(passed, 0, most);
    freq += offset * passed * (1ll << (32 - 2 * (4 + d->constant)));
    d->freq = clamp(d->freq + freq, -FREQ_MOST, FREQ_MOST);
    d->pull = offset * (1ll << 32) / DAYCLOCK_STEPS;
}

static void set_status(struct dayclock *d, uint64_t now, int32_t status)
{
    if (d->status & STA_PLL && !(status & STA_PLL))
        d->status = STA_UNSYNC;
    if (!(d->status & STA_PLL) && status & STA_PLL)
        d->reftime = (int64_t)(dayclock_at(d, now) / SECOND);
    d->status = (d->status & STA_READ_ONLY) | (status & ~STA_READ_ONLY);
}

static void apply(struct dayclock *d, uint64_t now, const struct dayclock_adjust *a)
{
    if (a->modes & ADJ_STATUS)
        set_status(d, now, a->status);
    if (a->modes & ADJ_NANO)
        d->status |= STA_NANO;
    if (a->modes & ADJ_MICRO)
        d->status &= ~STA_NANO;
    if (a->modes & ADJ_FREQUENCY)
        d->freq = clamp(a->freq, -FREQ_MOST / FREQ_UNIT, FREQ_MOST / FREQ_UNIT) * FREQ_UNIT;
    if (a->modes & ADJ_MAXERROR)
        d->maxerror = clamp(a->maxerror, 0, LIMIT_US);
    if (a->modes & ADJ_ESTERROR)
        d->esterror = clamp(a->esterror, 0, LIMIT_US);
    if (a->modes & ADJ_TIMECONST)
        d->constant = (int32_t)clamp(clamp(a->constant, 0, CONSTANT_MAX) + (d->status & STA_NANO ? 0 : 4), 0,
                                     CONSTANT_MAX);
    if (a->modes & ADJ_TAI && a->constant >= 0 && a->constant <= TAI_MAX)
        d->tai = (int32_t)a->constant;
    if (a->modes & ADJ_OFFSET)
        loop_update(d, now, a->offset);
    if (a->modes & ADJ_TICK)
        d->tick = (int32_t)a->tick;
}

/* The maximum error as it is now; a clock that nobody has vouched for long enough counts as wrong. */
static void age_error(struct dayclock *d, uint64_t now)
{
    int64_t seconds = (int64_t)((now - d->error_from) / SECOND);

    d->error_from += (uint64_t)(seconds * SECOND);
    if (d->maxerror + seconds * DRIFT_US > LIMIT_US)
        d->status |= STA_UNSYNC;
    d->maxerror = clamp(d->maxerror + seconds * DRIFT_US, 0, LIMIT_US);
}

static void tell(const struct dayclock *d, struct dayclock_adjust *a)
{
    a->freq = shift_right((d->freq >> 19) * FREQ_INVERSE, 32);
    a->maxerror = d->maxerror;
    a->esterror = d->esterror;
    a->status = d->status;
    a->constant = d->constant;
    a->precision = 1;
    a->tolerance = FREQ_MOST / FREQ_UNIT;
    a->tick = d->tick;
    a->tai = d->tai;
}

int dayclock_adjust(struct dayclock *d, uint64_t now, struct dayclock_adjust *a)
{
    uint32_t irq = os_irq_save();
    bool was_busy;

    catch_up(d, now);
    age_error(d, now);
    was_busy = d->busy;
    if (a->modes & ADJ_ADJTIME) {
        int64_t left = d->adjtime;

        if (!(a->modes & ADJ_NANO))
            d->adjtime = a->offset;
        a->offset = left;
    } else {
        int64_t before = steady_rate(d);

        apply(d, now, a);
        move_mark(d, now);
        d->rate += steady_rate(d) - before; /* in the running second, too */
        a->offset = shift_right(d->pull * DAYCLOCK_STEPS, 32);
        if (!(d->status & STA_NANO))
            a->offset /= 1000;
    }
    /* The next second looks at what there is to do. */
    d->busy = was_busy || d->adjtime || shift_right(d->pull, 2 + (unsigned)d->constant);
    if (d->busy && !was_busy) {
        move_mark(d, now);
        d->next = now + SECOND;
    }
    d->moves = d->rate || d->busy;
    tell(d, a);
    os_irq_restore(irq);
    return d->status & (STA_UNSYNC | STA_CLOCKERR) ? TIME_ERROR : TIME_OK;
}
