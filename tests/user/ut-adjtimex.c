/* Adjusting the clock: adjtimex(2) and clock_adjtime(2). On a machine that is not the test's own, the clock
 * is only looked at. */
#include "tests/user/ut.h"
#include <sys/timex.h>
#include <time.h>

#define SS_READ 0xa001

/* The two forms, as i386 has them. */
struct narrow {
    uint32_t modes;
    int32_t offset, freq, maxerror, esterror, status, constant, precision, tolerance, sec, part, tick;
    int32_t pulse[8], tai, spare[11];
};

struct wide {
    uint32_t modes, pad;
    int64_t offset, freq, maxerror, esterror;
    int32_t status, pad2;
    int64_t constant, precision, tolerance, sec, part, tick, pulse[8];
    int32_t tai, spare[11];
};

static long adjust(struct narrow *t)
{
    return syscall(SYS_adjtimex, t);
}

static void show(const char *what, const struct narrow *t)
{
    ut_say("%s: offset %d, freq %d, maxerror %s, esterror %d, status %x, constant %d", what, t->offset,
           t->freq,
           t->maxerror == 16000000                         ? "the most"
           : t->maxerror >= 1000 && t->maxerror <= 1000000 ? "as set"
                                                           : "something else",
           t->esterror, t->status, t->constant);
    ut_say("%s: precision %d, tolerance %d, tick %d, tai %d", what, t->precision, t->tolerance, t->tick,
           t->tai);
}

static void look(const char *what)
{
    struct narrow t = {0};

    ut_result(what, adjust(&t));
    show(what, &t);
}

/* The clock as it is told beside is that of clock_gettime(). */
static void time_of(bool wide)
{
    struct narrow n = {0};
    struct wide w = {0};
    struct timespec before, after;
    int64_t ns;

    clock_gettime(CLOCK_REALTIME, &before);
    if (wide)
        syscall(SYS_clock_adjtime64, CLOCK_REALTIME, &w);
    else
        adjust(&n);
    clock_gettime(CLOCK_REALTIME, &after);
    ns = wide ? w.sec * 1000000000 + w.part * 1000 : (int64_t)n.sec * 1000000000 + (int64_t)n.part * 1000;
    ut_say("between: %s", ns + 999 >= (int64_t)before.tv_sec * 1000000000 + before.tv_nsec &&
                                  ns <= (int64_t)after.tv_sec * 1000000000 + after.tv_nsec
                              ? "yes"
                              : "no");
}

static void looking(void)
{
    struct wide w = {0};
    struct narrow n = {.modes = SS_READ};

    PART("as it is");
    look("at first");
    ut_result("clock_adjtime", syscall(SYS_clock_adjtime, CLOCK_REALTIME, &n));
    ut_say("left of adjtime: %d", n.offset);
    ut_result("clock_adjtime64", syscall(SYS_clock_adjtime64, CLOCK_REALTIME, &w));
    ut_say("status %x, tick %d, tolerance %d, constant %d", w.status, (int)w.tick, (int)w.tolerance,
           (int)w.constant);
    time_of(false);
    time_of(true);
}

static void wrong(void)
{
    struct narrow t = {0};
    struct wide w = {0};

    PART("clocks");
    for (int clock = -20; clock < 20; clock++)
        if (clock != CLOCK_REALTIME && clock != 11) /* Linux has clocks of drivers from 16 on */
            ut_say("clock %d: %s, %s", clock,
                   syscall(SYS_clock_adjtime, clock, &t) == -1 ? ut_errno(errno) : "ok",
                   syscall(SYS_clock_adjtime64, clock, &w) == -1 ? ut_errno(errno) : "ok");
    TRY(syscall(SYS_clock_adjtime, CLOCK_TAI, &t));
    TRY(syscall(SYS_clock_adjtime, 77, NULL));
    TRY(syscall(SYS_clock_adjtime64, 77, 8));
    TRY(syscall(SYS_adjtimex, NULL));
    TRY(syscall(SYS_adjtimex, 8));
}

/* Each mode alone, with what changes nothing. */
static void by_others(void)
{
    struct narrow t;

    if (setgid(65534) || setuid(65534))
        ut_say("still root: %s", ut_errno(errno));
    for (unsigned bit = 0; bit < 20; bit++) {
        t = (struct narrow){.modes = 1u << bit, .tick = 10000};
        ut_say("mode %x: %s", 1u << bit, adjust(&t) == -1 ? ut_errno(errno) : "ok");
    }
    t = (struct narrow){.modes = 0x8001};
    TRY(adjust(&t));
    t = (struct narrow){.modes = SS_READ};
    TRY(adjust(&t));
    t = (struct narrow){.modes = 0xa000};
    TRY(adjust(&t));
    t = (struct narrow){.modes = SS_READ | ADJ_SETOFFSET};
    TRY(adjust(&t));
    t = (struct narrow){.modes = ADJ_TICK, .tick = 1};
    TRY(adjust(&t));
    t = (struct narrow){.modes = ADJ_SETOFFSET, .part = -1};
    TRY(adjust(&t));
}

/* --- on a machine of one's own --- */

static void set(const char *what, struct narrow t)
{
    ut_result(what, adjust(&t));
    show(what, &t);
}

static void values(void)
{
    PART("what is set");
    set("tick too small", (struct narrow){.modes = ADJ_TICK, .tick = 8999});
    set("tick too large", (struct narrow){.modes = ADJ_TICK, .tick = 11001});
    set("errors", (struct narrow){.modes = ADJ_MAXERROR | ADJ_ESTERROR, .maxerror = 5000, .esterror = 700});
    set("status", (struct narrow){.modes = ADJ_STATUS, .status = 0});
    set("all of status", (struct narrow){.modes = ADJ_STATUS, .status = 0xffff & ~0x30});
    set("no loop", (struct narrow){.modes = ADJ_STATUS, .status = 0});
    set("in nanoseconds", (struct narrow){.modes = ADJ_NANO});
    set("in both", (struct narrow){.modes = ADJ_NANO | ADJ_MICRO});
    set("in microseconds", (struct narrow){.modes = ADJ_MICRO});
    for (int i = -2; i <= 12; i += 7)
        set("time constant", (struct narrow){.modes = ADJ_TIMECONST, .constant = i});
    set("in nanoseconds", (struct narrow){.modes = ADJ_NANO | ADJ_TIMECONST, .constant = 6});
    set("back", (struct narrow){.modes = ADJ_MICRO | ADJ_TIMECONST, .constant = 2});
    set("tai", (struct narrow){.modes = ADJ_TAI, .constant = 37});
    set("tai, negative", (struct narrow){.modes = ADJ_TAI, .constant = -1});
    set("tai, too much", (struct narrow){.modes = ADJ_TAI, .constant = 100001});
    struct timespec real, tai;

    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_TAI, &tai);
    ut_say("tai is ahead: %s",
           tai.tv_sec - real.tv_sec == 37 || tai.tv_sec - real.tv_sec == 38 ? "yes" : "no");
    set("no tai", (struct narrow){.modes = ADJ_TAI, .constant = 0});
    for (int i = 0; i < 7; i++) {
        static const int freq[] = {1, -1, 65536, -6553600, 32768000, 40000000, -40000000};

        set("frequency", (struct narrow){.modes = ADJ_FREQUENCY, .freq = freq[i]});
    }
    set("frequency back", (struct narrow){.modes = ADJ_FREQUENCY});
    set("offset without the loop", (struct narrow){.modes = ADJ_OFFSET, .offset = 1000});
    set("offset", (struct narrow){.modes = ADJ_OFFSET | ADJ_STATUS, .offset = 1000, .status = STA_PLL});
    set("none", (struct narrow){.modes = ADJ_OFFSET, .offset = 0});
    set("offset in ns",
        (struct narrow){.modes = ADJ_OFFSET | ADJ_NANO | ADJ_STATUS, .offset = 777777, .status = STA_PLL});
    set("offset too large", (struct narrow){.modes = ADJ_OFFSET, .offset = 2000000000});
    set("offset negative", (struct narrow){.modes = ADJ_OFFSET, .offset = -3000});
    set("none", (struct narrow){.modes = ADJ_OFFSET | ADJ_MICRO, .offset = 0});
    set("frequency back", (struct narrow){.modes = ADJ_FREQUENCY | ADJ_STATUS});
    set("unknown modes", (struct narrow){.modes = 0x0640});
}

static int64_t ns_of(int clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* By how many microseconds the time of day goes ahead of the raw clock in so many milliseconds. */
static int64_t gained_in(unsigned ms)
{
    int64_t raw = ns_of(CLOCK_MONOTONIC_RAW), real = ns_of(CLOCK_REALTIME), raw2, real2;

    usleep(ms * 1000);
    real2 = ns_of(CLOCK_REALTIME);
    raw2 = ns_of(CLOCK_MONOTONIC_RAW);
    return ((real2 - real) - (raw2 - raw)) / 1000;
}

/* Compared with how it goes at first: Linux's two clocks differ by a little more than what is set. */
static void rate(const char *what, struct narrow t, int64_t least, int64_t most)
{
    int64_t us;

    ut_result(what, adjust(&t));
    us = gained_in(1000);
    ut_say("%s: %s", what, us >= least && us <= most ? "as it should be" : "not as it should be");
    if (us < least || us > most)
        ut_say("%lld us", (long long)us);
}

static void effects(void)
{
    struct narrow t = {.modes = ADJ_SETOFFSET, .sec = 100, .part = 500000};
    int64_t real, mono;

    PART("what it does");
    rate("10 % faster", (struct narrow){.modes = ADJ_TICK, .tick = 11000}, 90000, 112000);
    rate("10 % slower", (struct narrow){.modes = ADJ_TICK, .tick = 9000}, -112000, -90000);
    rate("5 %", (struct narrow){.modes = ADJ_TICK, .tick = 10500}, 45000, 60000);
    rate("as before", (struct narrow){.modes = ADJ_TICK, .tick = 10000}, -4000, 4000);
    PART("a jump");
    real = ns_of(CLOCK_REALTIME);
    mono = ns_of(CLOCK_MONOTONIC);
    ut_result("ahead", adjust(&t));
    int64_t jumped = ((ns_of(CLOCK_REALTIME) - real) - (ns_of(CLOCK_MONOTONIC) - mono)) / 10000000;

    ut_say("by 100.5 s: %s", jumped == 10050 || jumped == 10049 ? "yes" : "no");
    show("after it", &t);
    t = (struct narrow){.modes = ADJ_SETOFFSET | ADJ_NANO, .sec = -101, .part = 500000000};
    ut_result("back", adjust(&t));
    t = (struct narrow){.modes = ADJ_SETOFFSET | ADJ_NANO, .part = 1000000000};
    ut_result("too many nanoseconds", adjust(&t));
    t = (struct narrow){.modes = ADJ_SETOFFSET, .part = 1000000};
    ut_result("too many microseconds", adjust(&t));
    t = (struct narrow){.modes = ADJ_SETOFFSET, .part = -1};
    ut_result("negative ones", adjust(&t));
    t = (struct narrow){.modes = ADJ_SETOFFSET, .sec = INT32_MIN};
    ut_result("before 1970", adjust(&t));
    t = (struct narrow){.modes = ADJ_MICRO};
    ut_result("in microseconds", adjust(&t));
    PART("adjtime");
    t = (struct narrow){.modes = 0x8001, .offset = 2000};
    ut_result("2 ms", adjust(&t));
    ut_say("before that: %d", t.offset);
    t = (struct narrow){.modes = SS_READ, .offset = 5};
    ut_result("left", adjust(&t));
    ut_say("%s", t.offset == 2000 || t.offset == 1500 ? "all, or but for a second" : "another number");
    usleep(2500000);
    t = (struct narrow){.modes = SS_READ};
    adjust(&t);
    ut_say("after 2.5 s: %s",
           t.offset == 1000 || t.offset == 500 ? "500 us less each second" : "another number");
    t = (struct narrow){.modes = 0x8001, .offset = 0};
    ut_result("no more", adjust(&t));
    t = (struct narrow){.modes = SS_READ};
    adjust(&t);
    ut_say("left: %d", t.offset);
    PART("who sleeps until a time of day wakes by the clock that is adjusted");
    t = (struct narrow){.modes = ADJ_TICK, .tick = 11000};
    ut_result("faster", adjust(&t));
    for (unsigned i = 0; i < 2; i++) {
        int64_t end = ns_of(CLOCK_REALTIME) + 300000000, now;
        struct timespec at = {.tv_sec = (time_t)(end / 1000000000), .tv_nsec = (long)(end % 1000000000)};

        clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
        now = ns_of(CLOCK_REALTIME);
        ut_say("not early: %s", now >= end ? "yes" : "no");
        t = (struct narrow){.modes = ADJ_TICK, .tick = 9000};
        adjust(&t);
    }
    t = (struct narrow){.modes = ADJ_TICK | ADJ_STATUS, .tick = 10000, .status = STA_UNSYNC};
    ut_result("back", adjust(&t));
}

UT_PROGRAM(adjtimex)
{
    looking();
    wrong();
    PART("who may");
    ut_child("others", by_others);
    if (access("/bin/quire", F_OK) == 0) {
        values();
        effects();
    }
}
