/* kernel/lib/number.c against sums that are made digit by digit in decimal. */
#include "kernel/lib/number.h"
#include "kernel/lib/format.h"
#include "tests/kt.h"

enum { PLACES = 64 };

/* A number as decimal digits, the lowest first; it cannot wrap here. */
struct decimal {
    uint8_t place[PLACES];
};

/* d = d * factor + plus. */
static void multiply(struct decimal *d, unsigned factor, unsigned plus)
{
    for (unsigned i = 0; i < PLACES; i++) {
        plus += d->place[i] * factor;
        d->place[i] = plus % 10;
        plus /= 10;
    }
}

/* What fits into 64 bits has to be the same text. */
static bool same(const struct decimal *d, uint64_t n)
{
    for (unsigned i = 0; i < PLACES; i++, n /= 10)
        if (d->place[i] != n % 10)
            return false;
    return true;
}

static bool fits(const struct decimal *d)
{
    struct decimal most = {{0}};

    for (unsigned i = 0; i < 64; i++)
        multiply(&most, 2, 1);
    for (unsigned i = PLACES; i-- > 0;)
        if (d->place[i] != most.place[i])
            return d->place[i] < most.place[i];
    return true;
}

TEST(number, random_against_decimal)
{
    static const char digits[] = "0123456789abcdefABCDEF", units[] = "kmgtpeKMGTPE";
    uint32_t rounds = kt_rounds(kt, 100000), big = 0;

    for (uint32_t i = 0; i < rounds && kt->failures == 0; i++) {
        unsigned base = kt_below(kt, 3) == 0 ? 16 : kt_below(kt, 2) ? 10 : 8;
        unsigned many = 1 + kt_below(kt, kt_below(kt, 2) ? 24 : 8), shift = 0, at = 0;
        struct decimal d = {{0}};
        uint64_t n = 77;
        char text[40];
        const char *s = text;
        bool ok, unit;

        if (base != 10)
            text[at++] = '0';
        if (base == 16)
            text[at++] = kt_below(kt, 2) ? 'x' : 'X';
        for (unsigned k = 0; k < many; k++) {
            unsigned v = kt_below(kt, base == 16 ? 22 : base);

            if (base == 10 && k == 0)
                v = 1 + kt_below(kt, 9);
            text[at++] = digits[v];
            multiply(&d, base, v > 15 ? v - 6 : v);
        }
        if (kt_below(kt, 2)) {
            unsigned v = kt_below(kt, 12);

            text[at++] = units[v];
            if (base != 16 || units[v] != 'e') /* in hexadecimal that is a digit */
                shift = 10 * (v % 6 + 1);
            if (base == 16 && (units[v] | 32) == 'e') {
                shift = 0;
                multiply(&d, 16, 14);
            }
        }
        text[at] = '\0';
        ok = number_any(&s, &n);
        EXPECT(ok == fits(&d), "`%s` is a number: %d", text, ok);
        EXPECT(ok ? same(&d, n) : n == 77 && s == text, "`%s` gave %llu", text, (unsigned long long)n);
        big += !ok;
        if (!ok)
            continue;
        for (unsigned k = 0; k < shift; k++)
            multiply(&d, 2, 0);
        unit = number_unit(&s, &n);
        EXPECT(unit == fits(&d), "the unit of `%s`: %d", text, unit);
        EXPECT(!unit || (same(&d, n) && !*s), "`%s` gave %llu", text, (unsigned long long)n);
    }
    EXPECT(big > rounds / 50, "only %u did not fit", big);
}

TEST(number, addresses)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t n;
        const char *rest;
    } is[] = {
        {"", false, 0, ""},
        {"x", false, 0, "x"},
        {"-1", false, 0, "-1"},
        {"0", true, 0, ""},
        {"8048000", true, 0x8048000, ""},
        {"0x8048000", true, 0x8048000, ""},
        {"0X8048000\n", true, 0x8048000, "\n"},
        {"08048000", true, 0x8048000, ""},
        {"bfFf0000", true, 0xbfff0000, ""},
        {"0x", true, 0, "x"},
        {"0x0x1", true, 0, "x1"},
        {"10g", true, 16, "g"},
        {"ffffffffffffffff", true, UINT64_MAX, ""},
        {"10000000000000000", false, 0, "10000000000000000"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(is); i++) {
        const char *s = is[i].text;
        uint64_t n = 0;

        EXPECT(number_address(&s, &n) == is[i].ok && n == is[i].n && strcmp(s, is[i].rest) == 0,
               "`%s` gave %llx and `%s`", is[i].text, (unsigned long long)n, s);
    }
}

TEST(number, ends)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t n;
        const char *rest;
    } is[] = {
        {"", false, 0, ""},
        {"x", false, 0, "x"},
        {"-1", false, 0, "-1"},
        {"+1", false, 0, "+1"},
        {" 1", false, 0, " 1"},
        {"0", true, 0, ""},
        {"0x", true, 0, "x"},
        {"0xg", true, 0, "xg"},
        {"08", true, 0, "8"},
        {"10,", true, 10, ","},
        {"18446744073709551615", true, UINT64_MAX, ""},
        {"18446744073709551616", false, 0, "18446744073709551616"},
        {"0xffffffffffffffff", true, UINT64_MAX, ""},
        {"0x10000000000000000", false, 0, "0x10000000000000000"},
        {"01777777777777777777777", true, UINT64_MAX, ""},
        {"02000000000000000000000", false, 0, "02000000000000000000000"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(is); i++) {
        const char *s = is[i].text;
        uint64_t n = 0;

        EXPECT(number_any(&s, &n) == is[i].ok && n == is[i].n && strcmp(s, is[i].rest) == 0,
               "`%s` gave %llu and `%s`", is[i].text, (unsigned long long)n, s);
    }
}
