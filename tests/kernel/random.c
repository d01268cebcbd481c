/* Random numbers, the date, and the clock that keeps it. */
#include "drivers/rtc.h"
#include "kernel/dev/random.h"
#include "kernel/sched/clock.h"
#include "mm/x86/cpu.h"
#include "tests/kt.h"

/* RFC 8439, 2.3.2. */
TEST(random, cipher)
{
    static const uint32_t state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504,
                                       0x0b0a0908, 0x0f0e0d0c, 0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c,
                                       0x00000001, 0x09000000, 0x4a000000, 0x00000000};
    static const uint32_t want[16] = {0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
                                      0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                                      0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
    uint32_t out[16];

    random_chacha20(out, state);
    for (unsigned i = 0; i < 16; i++)
        EXPECT(out[i] == want[i], "word %u is %08x, not %08x", i, out[i], want[i]);
}

/* About half of all bits are set, in requests of any size, and no two requests give the same. */
TEST(random, requests)
{
    uint8_t buf[200];
    uint32_t ones = 0, bits = 0, last = 0;

    for (unsigned n = 4; n < sizeof buf; n++) {
        uint32_t first;

        memset(buf, 0xA5, sizeof buf);
        random_bytes(buf, n);
        for (unsigned i = 0; i < n; i++)
            ones += (unsigned)__builtin_popcount(buf[i]);
        bits += n * 8;
        EXPECT(n == sizeof buf || buf[n] == 0xA5, "%u bytes: one more was written", n);
        memcpy(&first, buf, sizeof first);
        EXPECT(first != last, "%u bytes: begin as the last ones did", n);
        last = first;
    }
    EXPECT(ones > bits / 2 - bits / 100 && ones < bits / 2 + bits / 100, "%u of %u bits are set", ones, bits);
}

TEST(rtc, dates)
{
    static const struct {
        unsigned year, month, day;
        uint64_t days;
    } cases[] = {{1970, 1, 1, 0},       {1970, 12, 31, 364}, {1972, 3, 1, 790},   {2000, 2, 29, 11016},
                 {2024, 12, 31, 20088}, {2100, 3, 1, 47541}, {2038, 1, 19, 24855}};

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t s = rtc_seconds(cases[i].year, cases[i].month, cases[i].day, 23, 59, 58);

        EXPECT(s == cases[i].days * 86400 + 86398, "case %u: %llu seconds", i, (unsigned long long)s);
    }
}

TEST(rtc, centuries)
{
    static const struct {
        unsigned year, century, want;
    } cases[] = {{99, 19, 1999}, {70, 19, 1970},  {69, 19, 2069}, {0, 19, 2000},
                 {26, 20, 2026}, {99, 20, 2099},  {5, 21, 2105},  {99, 0, 1999},
                 {26, 0, 2026},  {26, 255, 2026}, {38, 1, 2038}};

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
        EXPECT(rtc_year(cases[i].year, cases[i].century) == cases[i].want, "%u in century %u is %u",
               cases[i].year, cases[i].century, rtc_year(cases[i].year, cases[i].century));
}

static uint64_t thousand_nops(void)
{
    uint64_t begin = cpu_rdtsc();

    __asm__ volatile(".rept 1000; nop; .endr");
    return cpu_rdtsc() - begin;
}

/* Under QEMU's -icount the counter counts instructions, and who sleeps takes no time of the host. */
static bool counts_instructions(void)
{
    uint64_t some = thousand_nops();

    return some >= 1000 && some < 1050 && thousand_nops() == some;
}

/* It can be read at each moment of a second, also while it is about to step. */
TEST(rtc, at_each_moment)
{
    struct waitq nobody = {0};
    uint64_t s, begin = os_now_ns();

    if (!counts_instructions()) {
        kt_skip(kt, "would take a second");
        return;
    }
    for (unsigned i = 0; i < 10000; i++) {
        REQUIRE(rtc_read(&s), "%u us after the beginning", i * 100);

        uint32_t irq = os_irq_save();

        os_sleep_until(&nobody, begin + (uint64_t)(i + 1) * 100000);
        os_irq_restore(irq);
    }
}

/* The time of day is the RTC's, however long ago it was read. */
TEST(clock, agrees_with_rtc)
{
    uint64_t rtc, ns = clock_realtime_ns(), boot = os_now_ns();

    if (!rtc_read(&rtc)) {
        kt_skip(kt, "no clock");
        return;
    }
    int64_t off = (int64_t)(ns / 1000000000u - rtc);

    EXPECT(rtc > 1700000000, "the clock says %llu", (unsigned long long)rtc);
    EXPECT(off >= -3 && off <= 3, "%lld seconds away from it", (long long)off);
    clock_set_realtime(5000000000u);
    EXPECT(clock_realtime_ns() >= 5000000000u && clock_realtime_ns() < 6000000000u, "set");
    clock_set_realtime(ns + os_now_ns() - boot);
}
