/*
 * newc cpio archives.
 *
 * The format: a header of 110 characters, the name with its 0, padding to a multiple of 4 counted from the
 * archive's start, the data, padding again; the last member is named TRAILER!!!. Archives may follow one
 * another, with zeroes between them, as Linux's initramfs allows. All numbers are 8 hexadecimal digits.
 *
 * Nothing in an archive is trusted: each step is checked against the bytes that are left, in an order in
 * which no sum can wrap.
 *
 * Source: cpio(5); Linux Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#include "kernel/fs/cpio.h"
#include "mm/os.h"

#define HEADER  110u
#define FIELDS  13u
#define TRAILER "TRAILER!!!"

enum {
    INO,
    MODE,
    UID,
    GID,
    NLINK,
    MTIME,
    FILESIZE,
    DEVMAJOR,
    DEVMINOR,
    RDEVMAJOR,
    RDEVMINOR,
    NAMESIZE,
    CHECK
};

static void read_memory(const struct cpio *c, size_t at, void *to, size_t n)
{
    memcpy(to, (const uint8_t *)c->start + at, n);
}

void cpio_begin(struct cpio *c, void (*fetch)(const struct cpio *c, size_t at, void *to, size_t n),
                const void *start, size_t size, char *name)
{
    *c = (struct cpio){.fetch = fetch ? fetch : read_memory, .start = start, .size = size, .name = name};
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_fields(const uint8_t *at, uint32_t *field)
{
    for (unsigned f = 0; f < FIELDS; f++) {
        field[f] = 0;
        for (unsigned i = 0; i < 8; i++) {
            int d = hex_digit(*at++);

            if (d < 0)
                return false;
            field[f] = field[f] << 4 | (uint32_t)d;
        }
    }
    return true;
}

/* What the bytes are that should be a header. */
static const char *not_a_header(const uint8_t *p, size_t n)
{
    if (n >= 2 && p[0] == 0x1F && p[1] == 0x8B)
        return "it is compressed with gzip; unpack it, or make it without";
    if (n >= 6 && memcmp(p,
                         "\xFD"
                         "7zXZ",
                         6) == 0)
        return "it is compressed with xz; unpack it, or make it without";
    if (n >= 4 && memcmp(p, "\x28\xB5\x2F\xFD", 4) == 0)
        return "it is compressed with zstd; unpack it, or make it without";
    if (n >= 3 && memcmp(p, "BZh", 3) == 0)
        return "it is compressed with bzip2; unpack it, or make it without";
    if (n >= 6 && memcmp(p, "070707", 6) == 0)
        return "it is an old cpio archive; make it with `cpio -H newc`";
    return "where a header should be there is none (not a newc cpio archive, or a damaged one)";
}

static size_t pad(size_t at)
{
    return (at + 3) & ~(size_t)3;
}

/* Skip the zeroes that may lie between and behind archives. */
static void skip_zeroes(struct cpio *c)
{
    uint8_t some[128];

    while (c->at < c->size) {
        size_t n = c->size - c->at < sizeof some ? c->size - c->at : sizeof some, zeroes = 0;

        c->fetch(c, c->at, some, n);
        while (zeroes < n && some[zeroes] == 0)
            zeroes++;
        c->at += zeroes;
        if (zeroes < n)
            return;
    }
}

int cpio_next(struct cpio *c, struct cpio_entry *e, const char **why)
{
    for (;;) {
        size_t left = c->size - c->at, name_size, data;
        uint32_t field[FIELDS];
        uint8_t p[HEADER];

        *why = NULL;
        if (left == 0) {
            if (c->entries == 0)
                *why = "it is empty";
            return 0;
        }
        c->fetch(c, c->at, p, left < HEADER ? left : HEADER);
        if (left < HEADER || (memcmp(p, "070701", 6) != 0 && memcmp(p, "070702", 6) != 0)) {
            *why = left >= 6 && memcmp(p, "07070", 5) == 0 && (p[5] == '1' || p[5] == '2')
                       ? "it ends within a header"
                       : not_a_header(p, left);
            return 0;
        }
        if (!parse_fields(p + 6, field)) {
            *why = "a number in a header is not hexadecimal";
            return 0;
        }
        name_size = field[NAMESIZE];
        if (name_size < 2 || name_size > CPIO_NAME_MAX) {
            *why = name_size > CPIO_NAME_MAX ? "a name is too long" : "a name is empty";
            return 0;
        }
        if (name_size > left - HEADER) {
            *why = "it ends within a name";
            return 0;
        }
        e->name = c->name;
        c->fetch(c, c->at + HEADER, c->name, name_size);
        if (e->name[name_size - 1] != '\0' || strlen(e->name) != name_size - 1) {
            *why = "a name does not end where its length says";
            return 0;
        }
        data = pad(c->at + HEADER + name_size);
        if (data > c->size || field[FILESIZE] > c->size - data) {
            *why = "it ends within the contents of a file";
            return 0;
        }
        c->entries++;
        c->at = pad(data + field[FILESIZE]);
        if (c->at > c->size)
            c->at = c->size;
        if (strcmp(e->name, TRAILER) == 0) {
            skip_zeroes(c);
            continue;
        }
        e->data = data;
        e->size = field[FILESIZE];
        e->ino = field[INO];
        e->mode = field[MODE];
        e->uid = field[UID];
        e->gid = field[GID];
        e->nlink = field[NLINK];
        e->mtime = field[MTIME];
        e->dev_major = field[DEVMAJOR];
        e->dev_minor = field[DEVMINOR];
        e->rdev_major = field[RDEVMAJOR];
        e->rdev_minor = field[RDEVMINOR];
        return 1;
    }
}
