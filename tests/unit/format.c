/* kernel/lib/format.c against the text that each format should give. */
#include "kernel/lib/format.h"
#include "tests/kt.h"

#define CHECK(expected, ...)                                                                                 \
    do {                                                                                                     \
        char buf_[128];                                                                                      \
        size_t n_ = format(buf_, sizeof buf_, __VA_ARGS__);                                                  \
        EXPECT(strcmp(buf_, expected) == 0, "got `%s`, not `%s`", buf_, expected);                           \
        EXPECT(n_ == strlen(expected), "length %u of `%s`", (unsigned)n_, expected);                         \
    } while (0)

TEST(format, numbers)
{
    CHECK("0", "%d", 0);
    CHECK("-1 2147483647 -2147483648", "%d %d %i", -1, INT32_MAX, INT32_MIN);
    CHECK("4294967295", "%u", UINT32_MAX);
    CHECK("deadbeef DEADBEEF", "%x %X", 0xDEADBEEFu, 0xDEADBEEFu);
    CHECK("18446744073709551615", "%llu", (unsigned long long)UINT64_MAX);
    CHECK("-9223372036854775808", "%lld", (long long)INT64_MIN);
    CHECK("ffffffffffffffff", "%llx", (unsigned long long)UINT64_MAX);
    CHECK("4294967296 100000000", "%llu %llx", 1ull << 32, 1ull << 32);
    CHECK("7 8", "%lu %zu", 7ul, (size_t)8);
    CHECK("255 -1 65535", "%hhu %hhd %hu", (unsigned char)0xFF, (signed char)0xFF, (unsigned short)0xFFFF);
}

TEST(format, widths)
{
    CHECK("[    42]", "[%6d]", 42);
    CHECK("[42    ]", "[%-6d]", 42);
    CHECK("[000042]", "[%06d]", 42);
    CHECK("[-00042]", "[%06d]", -42);
    CHECK("[   -42]", "[%6d]", -42);
    CHECK("[-42   ]", "[%-6d]", -42);
    CHECK("[  0042]", "[%6.4d]", 42);
    CHECK("[123456789]", "[%3d]", 123456789);
    CHECK("[  7]", "[%*d]", 3, 7);
    CHECK("[7  ]", "[%*d]", -3, 7);
    CHECK("[0000000100000000]", "[%016llx]", 1ull << 32);
}

TEST(format, text)
{
    CHECK("plain 100%", "plain %d%%", 100);
    CHECK("[  ab][ab  ][a]", "[%4s][%-4s][%.1s]", "ab", "ab", "ab");
    CHECK("[abc]", "[%.*s]", 3, "abcdef");
    CHECK("x  y", "%c%3c", 'x', 'y');
    CHECK("0x1000", "%p", (void *)0x1000);
}

/* A conversion that is not known is printed as it stands, and so is a % at the end. */
TEST(format, unknown)
{
    const char *fmt = "a%qb"; /* not a literal: the compiler must not check it */
    const char *end = "end%";
    char buf[32];

    format_args(buf, sizeof buf, fmt, (va_list){0});
    EXPECT(strcmp(buf, "a%qb") == 0, "got `%s`", buf);
    format_args(buf, sizeof buf, end, (va_list){0});
    EXPECT(strcmp(buf, "end%") == 0, "got `%s`", buf);
}

TEST(format, limits)
{
    char buf[8];

    memset(buf, 'z', sizeof buf);
    EXPECT(format(buf, 4, "%s", "abcdef") == 6, "the length of the whole text");
    EXPECT(strcmp(buf, "abc") == 0 && buf[4] == 'z', "got `%.8s`", buf);
    EXPECT(format(buf, 0, "%d", 1234) == 4 && buf[0] == 'a', "size 0 writes nothing");
    EXPECT(format(buf, 1, "%d", 1234) == 4 && buf[0] == '\0', "size 1 holds the end only");
}

static void put(char *to, unsigned *n, uint64_t v, unsigned base)
{
    char digits[24];
    unsigned k = 0;

    do {
        digits[k++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    while (k > 0)
        to[(*n)++] = digits[--k];
    to[*n] = '\0';
}

/* Random numbers against long division by hand. */
TEST(format, random)
{
    for (uint32_t i = 0; i < kt_rounds(kt, 1000000); i++) {
        uint64_t v = ((uint64_t)kt_random(kt) << 32 | kt_random(kt)) >> kt_below(kt, 64);
        char want[64], got[64];
        unsigned n = 0;

        put(want, &n, v, 10);
        want[n++] = ' ';
        put(want, &n, v, 16);
        format(got, sizeof got, "%llu %llx", (unsigned long long)v, (unsigned long long)v);
        REQUIRE(strcmp(got, want) == 0, "got `%s`, not `%s`", got, want);
    }
}
