/* The time of day against what it is to gain. */
#include "kernel/sched/dayclock.h"
#include "tests/kt.h"

#define SECOND 1000000000ull
#define BEGIN  1000000000000000000ull /* in 2001 */

static struct dayclock begun(void)
{
    struct dayclock d;

    dayclock_init(&d);
    dayclock_set(&d, 5 * SECOND, BEGIN);
    return d;
}

TEST(dayclock, goes_with_the_machine)
{
    struct dayclock d = begun();
    struct dayclock_adjust a = {0};

    EXPECT(dayclock_at(&d, 5 * SECOND) == BEGIN, "as it should be");
    EXPECT(dayclock_at(&d, 7 * SECOND + 1) == BEGIN + 2 * SECOND + 1, "as it should be");
    EXPECT(dayclock_when(&d, 7 * SECOND, BEGIN + 9 * SECOND) == 14 * SECOND, "as it should be");
    EXPECT(dayclock_when(&d, 7 * SECOND, BEGIN - 9 * SECOND) == 1, "as it should be");
    EXPECT(dayclock_adjust(&d, 8 * SECOND, &a) == TIME_ERROR, "as it should be");
    EXPECT(a.maxerror == 16000000 && a.esterror == 16000000 && a.status == STA_UNSYNC && a.tick == 10000,
           "as it should be");
    EXPECT(!d.moves && dayclock_steady_until(&d) == UINT64_MAX, "as it should be");
}

/* By how much it has gained at a rate, exactly, whoever looks meanwhile. */
TEST(dayclock, gains_what_the_frequency_says)
{
    static const int32_t freq[] = {1, -1, 65536, -65536, 32768000, -32768000, 12345678, -7654321};

    for (unsigned i = 0; i < ARRAY_LEN(freq); i++) {
        struct dayclock d = begun();
        struct dayclock_adjust a = {.modes = ADJ_FREQUENCY, .freq = freq[i]};
        uint64_t now = 5 * SECOND, shown, last = 0;
        int64_t want;

        dayclock_adjust(&d, now, &a);
        EXPECT(a.freq == freq[i], "%d is told as %lld", freq[i], (long long)a.freq);
        for (unsigned k = 0; k < 1000; k++) {
            now += kt_below(kt, 3) ? kt_below(kt, 5) : kt_random(kt);
            shown = dayclock_at(&d, now);
            EXPECT(shown >= last, "it went back by %llu", (unsigned long long)(last - shown));
            last = shown;
            if (kt_below(kt, 10) == 0) { /* what changes nothing costs nothing */
                a = (struct dayclock_adjust){.modes = ADJ_FREQUENCY, .freq = freq[i]};
                dayclock_adjust(&d, now, &a);
            }
        }
        /* In parts of 2^16 of a millionth. */
        want = (int64_t)((now - 5 * SECOND) / 1000) * freq[i] / 65536 / 1000;
        shown -= now - 5 * SECOND + BEGIN;
        EXPECT((int64_t)shown - want <= 110 + want / 1000000000 && (int64_t)shown - want >= -110,
               "%d gains %lld, not %lld", freq[i], (long long)(int64_t)shown, (long long)want);
    }
}

/* A part of a nanosecond that is lost counts when it is whole. */
TEST(dayclock, loses_parts_of_nanoseconds)
{
    struct dayclock d = begun();
    struct dayclock_adjust a = {.modes = ADJ_FREQUENCY, .freq = -65536};
    uint64_t now = 5 * SECOND + SECOND / 3;

    dayclock_adjust(&d, 5 * SECOND, &a);
    EXPECT(dayclock_at(&d, now) == BEGIN + SECOND / 3 - 334, "%llu ns",
           (unsigned long long)(dayclock_at(&d, now) - BEGIN));
    a = (struct dayclock_adjust){.modes = ADJ_FREQUENCY, .freq = -65536};
    dayclock_adjust(&d, now, &a);
    /* What is cut off at a part of 2^32 of one is lost. */
    EXPECT(BEGIN + SECOND - 1000 - dayclock_at(&d, 6 * SECOND) <= 1, "%llu ns",
           (unsigned long long)(dayclock_at(&d, 6 * SECOND) - BEGIN));
}

TEST(dayclock, keeps_what_it_has_gained)
{
    struct dayclock d = begun();
    struct dayclock_adjust a = {.modes = ADJ_TICK, .tick = 11000};

    dayclock_adjust(&d, 5 * SECOND, &a);
    a.tick = 10000;
    dayclock_adjust(&d, 8 * SECOND, &a);
    EXPECT(!d.moves && dayclock_at(&d, 9 * SECOND) == BEGIN + 4 * SECOND + 3 * SECOND / 10, "%llu ns",
           (unsigned long long)(dayclock_at(&d, 9 * SECOND) - BEGIN));
}

TEST(dayclock, adjtime_makes_up_for_500_us_a_second)
{
    struct dayclock d = begun();
    struct dayclock_adjust a = {.modes = ADJ_ADJTIME | ADJ_OFFSET, .offset = 1200};

    dayclock_adjust(&d, 10 * SECOND, &a);
    EXPECT(a.offset == 0 && d.busy && dayclock_steady_until(&d) == 11 * SECOND, "as it should be");
    EXPECT(dayclock_at(&d, 11 * SECOND) == BEGIN + 6 * SECOND, "as it should be");
    EXPECT(dayclock_at(&d, 12 * SECOND) == BEGIN + 7 * SECOND + 500000, "as it should be");
    a = (struct dayclock_adjust){.modes = ADJ_ADJTIME | ADJ_OFFSET | ADJ_NANO, .offset = 9};
    dayclock_adjust(&d, 12 * SECOND, &a);
    EXPECT(a.offset == 200, "%lld", (long long)a.offset);
    EXPECT(dayclock_at(&d, 1000 * SECOND) == BEGIN + 995 * SECOND + 1200000, "as it should be");
    EXPECT(!d.moves, "as it should be");
    a = (struct dayclock_adjust){.modes = ADJ_ADJTIME | ADJ_OFFSET, .offset = -700};
    dayclock_adjust(&d, 1000 * SECOND, &a);
    EXPECT(dayclock_at(&d, 1001 * SECOND + SECOND / 2) ==
               BEGIN + 996 * SECOND + SECOND / 2 + 1200000 - 250000,
           "as it should be");
    EXPECT(dayclock_at(&d, 1010 * SECOND) == BEGIN + 1005 * SECOND + 500000, "as it should be");
}

/* The loop makes up for nearly all of an offset; what is less than its step is left. */
TEST(dayclock, the_loop_makes_up_for_an_offset)
{
    for (int32_t constant = 0; constant <= 6; constant++) {
        struct dayclock d = begun();
        struct dayclock_adjust a = {.modes = ADJ_STATUS | ADJ_NANO | ADJ_TIMECONST | ADJ_OFFSET,
                                    .status = STA_PLL,
                                    .constant = constant,
                                    .offset = 3000000};
        int64_t gained;

        EXPECT(dayclock_adjust(&d, 10 * SECOND, &a) == TIME_OK, "as it should be");
        EXPECT(a.offset == 3000000 && a.constant == constant, "as it should be");
        gained = (int64_t)(dayclock_at(&d, 12 * SECOND) - BEGIN - 7 * SECOND);
        EXPECT(gained >= (3000000 >> (2 + constant)) - 300 && gained <= (3000000 >> (2 + constant)) + 1,
               "%lld in the first second", (long long)gained);
        gained = (int64_t)(dayclock_at(&d, 100000 * SECOND) - BEGIN - 99995 * SECOND);
        EXPECT(gained > 2999000 && gained <= 3000000, "%lld in all", (long long)gained);
        EXPECT(!d.busy, "as it should be");
    }
}

TEST(dayclock, says_when_it_will_show_a_time)
{
    for (unsigned i = 0; i < kt_rounds(kt, 2000); i++) {
        struct dayclock d = begun();
        struct dayclock_adjust a = {.modes = ADJ_TICK | ADJ_FREQUENCY,
                                    .tick = 9000 + (int64_t)kt_below(kt, 2001),
                                    .freq = (int64_t)kt_below(kt, 65536000) - 32768000};
        uint64_t now = 5 * SECOND + kt_random(kt), date, when;

        dayclock_adjust(&d, now, &a);
        now += kt_random(kt);
        date = dayclock_at(&d, now) + kt_random(kt) * (uint64_t)(1 + kt_below(kt, 1000));
        when = dayclock_when(&d, now, date);
        EXPECT(dayclock_at(&d, when) >= date, "early by %llu ns",
               (unsigned long long)(date - dayclock_at(&d, when)));
        EXPECT(dayclock_at(&d, when) <= date + 2, "late by %llu ns",
               (unsigned long long)(dayclock_at(&d, when) - date));
        EXPECT(dayclock_when(&d, now, date - (date - dayclock_at(&d, now)) - 5) == now, "as it should be");
    }
}

TEST(dayclock, errors_grow)
{
    struct dayclock d = begun();
    struct dayclock_adjust a = {
        .modes = ADJ_MAXERROR | ADJ_ESTERROR | ADJ_STATUS, .maxerror = 1000, .esterror = 7};

    EXPECT(dayclock_adjust(&d, 10 * SECOND, &a) == TIME_OK, "as it should be");
    EXPECT(a.maxerror == 1000 && a.esterror == 7, "as it should be");
    a = (struct dayclock_adjust){0};
    EXPECT(dayclock_adjust(&d, 12 * SECOND, &a) == TIME_OK && a.maxerror == 2000 && a.esterror == 7,
           "as it should be");
    EXPECT(dayclock_adjust(&d, 40000 * SECOND, &a) == TIME_ERROR && a.maxerror == 16000000,
           "as it should be");
}
