/* Archives: good ones, each kind of damage by name, cuts at every byte, and a million mutations. */
#include "kernel/fs/cpio.h"
#include "tests/kt.h"

#define ARCHIVE_MAX 4096u

struct archive {
    uint8_t *bytes;
    size_t size;
};

static void put_hex(uint8_t *to, uint32_t v)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t) "0123456789abcdef"[v >> (28 - 4 * i) & 15];
}

static void pad(struct archive *a)
{
    while (a->size & 3)
        a->bytes[a->size++] = 0;
}

/* One member. */
static void add(struct archive *a, const char *name, uint32_t mode, const char *data)
{
    size_t n = strlen(name) + 1, size = strlen(data);
    uint8_t *h = a->bytes + a->size;
    const uint32_t field[13] = {(uint32_t)a->size + 1, mode, 0, 0, 1, 1700000000, (uint32_t)size, 3, 1, 5, 1,
                                (uint32_t)n,           0};

    memcpy(h, "070701", 6);
    for (unsigned f = 0; f < 13; f++)
        put_hex(h + 6 + 8 * f, field[f]);
    a->size += 110;
    memcpy(a->bytes + a->size, name, n);
    a->size += n;
    pad(a);
    memcpy(a->bytes + a->size, data, size);
    a->size += size;
    pad(a);
}

/* Memory that ends with the archive, so that ASan sees a byte too many. */
static bool make(struct kt *kt, struct archive *a)
{
    a->bytes = kt_alloc(ARCHIVE_MAX);
    a->size = 0;
    if (!a->bytes) {
        kt_skip(kt, "no memory");
        return false;
    }
    add(a, ".", 040755, "");
    add(a, "etc", 040755, "");
    add(a, "etc/passwd", 0100644, "root:x:0:0\n");
    add(a, "bin/sh", 0120777, "busybox");
    add(a, "x", 0104755, "123");
    add(a, "TRAILER!!!", 0, "");
    return true;
}

static char name[CPIO_NAME_MAX];

/* Members up to the end or to an error. */
static uint32_t count(const void *bytes, size_t size, const char **why)
{
    struct cpio c;
    struct cpio_entry e;
    uint32_t n = 0;

    cpio_begin(&c, NULL, bytes, size, name);
    while (cpio_next(&c, &e, why)) {
        if (e.data > size || e.size > size - e.data || strlen(e.name) >= size)
            return UINT32_MAX;
        n++;
    }
    return n;
}

TEST(cpio, entries)
{
    static const char *const names[] = {".", "etc", "etc/passwd", "bin/sh", "x"};
    struct archive a;
    struct cpio c;
    struct cpio_entry e;
    const char *why;

    if (!make(kt, &a))
        return;
    cpio_begin(&c, NULL, a.bytes, a.size, name);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        REQUIRE(cpio_next(&c, &e, &why) == 1, "entry %u: %s", i, why);
        EXPECT(strcmp(e.name, names[i]) == 0, "entry %u is %s", i, e.name);
        if (i == 2)
            EXPECT(e.size == 11 && memcmp(a.bytes + e.data, "root:x:0:0\n", 11) == 0 && e.mode == 0100644 &&
                       e.mtime == 1700000000 && e.dev_major == 3 && e.rdev_major == 5 && e.nlink == 1,
                   "size %u, mode %o", e.size, e.mode);
        if (i == 4)
            EXPECT(e.mode == 0104755, "mode %o", e.mode);
    }
    EXPECT(cpio_next(&c, &e, &why) == 0 && !why, "the end: %s", why);
    EXPECT(cpio_next(&c, &e, &why) == 0 && !why, "and again: %s", why);
    kt_release(a.bytes);
}

/* Archives one after the other, with zeroes between them; upper-case numbers. */
TEST(cpio, several)
{
    struct archive a;
    const char *why;

    if (!make(kt, &a))
        return;
    memset(a.bytes + a.size, 0, 512);
    a.size += 512;
    add(&a, "second", 0100644, "2");
    for (unsigned i = 0; i < 110; i++)
        if (a.bytes[i] >= 'a' && a.bytes[i] <= 'f')
            a.bytes[i] -= 32;
    EXPECT(count(a.bytes, a.size, &why) == 6 && !why, "%s", why);
    kt_release(a.bytes);
}

static void expect_error(struct kt *kt, const uint8_t *bytes, size_t size, const char *part)
{
    const char *why;
    size_t n = strlen(part);

    count(bytes, size, &why);
    REQUIRE(why, "expected `%s`, got no error", part);
    for (const char *at = why; *at; at++)
        if (strncmp(at, part, n) == 0)
            return;
    EXPECT(false, "expected `%s`, got `%s`", part, why);
}

TEST(cpio, errors_have_names)
{
    struct archive a;

    if (!make(kt, &a))
        return;
    expect_error(kt, a.bytes, 0, "empty");
    expect_error(kt, (const uint8_t *)"\x1f\x8b\x08\0\0\0\0\0", 8, "gzip");
    expect_error(kt, (const uint8_t *)"BZh91AY&SY", 10, "bzip2");
    expect_error(kt,
                 (const uint8_t *)"\xfd"
                                  "7zXZ\0\0\0",
                 8, "xz");
    expect_error(kt, (const uint8_t *)"\x28\xb5\x2f\xfd....", 8, "zstd");
    expect_error(kt, (const uint8_t *)"0707070000000", 13, "old cpio");
    expect_error(kt,
                 (const uint8_t *)"\x7f"
                                  "ELF............",
                 16, "not a newc");
    expect_error(kt, a.bytes, 50, "within a header");
    expect_error(kt, a.bytes, 111, "within a name");
    a.bytes[20] = 'g';
    expect_error(kt, a.bytes, a.size, "hexadecimal");
    a.bytes[20] = '0';
    put_hex(a.bytes + 6 + 8 * 11, 1);
    expect_error(kt, a.bytes, a.size, "empty");
    put_hex(a.bytes + 6 + 8 * 11, 0xFFFFFFFF);
    expect_error(kt, a.bytes, a.size, "too long");
    put_hex(a.bytes + 6 + 8 * 11, 3);
    expect_error(kt, a.bytes, a.size, "does not end");
    put_hex(a.bytes + 6 + 8 * 11, 2);
    put_hex(a.bytes + 6 + 8 * 6, 0xFFFFFFFD); /* its end would wrap */
    expect_error(kt, a.bytes, a.size, "contents");
    kt_release(a.bytes);
}

/* Cut at every byte: an error, or fewer members; never a byte beyond the end. */
TEST(cpio, cut_everywhere)
{
    struct archive a;
    const char *why;

    if (!make(kt, &a))
        return;
    for (size_t n = 0; n < a.size; n++) {
        uint8_t *copy = kt_alloc(n ? n : 1);

        REQUIRE(copy, "no memory");
        memcpy(copy, a.bytes, n);
        uint32_t members = count(copy, n, &why);

        EXPECT(members <= 5 && (why || members < 5 || n + 128 > a.size), "%zu bytes: %u members, %s", n,
               members, why);
        kt_release(copy);
    }
    kt_release(a.bytes);
}

TEST(cpio, mutations)
{
    struct archive a;
    uint8_t *copy;
    const char *why;
    uint32_t good = 0;

    if (!make(kt, &a))
        return;
    copy = kt_alloc(a.size);
    REQUIRE(copy, "no memory");
    for (uint32_t i = 0; i < kt_rounds(kt, 1000000); i++) {
        uint32_t changes = 1 + kt_below(kt, 6);

        memcpy(copy, a.bytes, a.size);
        while (changes--) {
            uint32_t at = kt_below(kt, (uint32_t)a.size);

            copy[at] =
                kt_below(kt, 2) ? (uint8_t)kt_random(kt) : (uint8_t) "0123456789abcdefF\0"[kt_below(kt, 18)];
        }
        uint32_t members = count(copy, a.size, &why);

        REQUIRE(members != UINT32_MAX, "round %u: a member lies outside", i);
        good += members;
    }
    EXPECT(good > 0, "no member survived any mutation");
    kt_release(copy);
    kt_release(a.bytes);
}
