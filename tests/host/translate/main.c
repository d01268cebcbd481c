/*
 * Translations that textbooks' programs printed, done by our forms of page tables.
 *
 *     translate --table FILE.tsv
 *
 * A format is known by the names of its columns:
 *
 *   id aspace physmem pagesize va vpn pa table      the table is linear, an entry for each page, in hex: bit
 *                                                   31 valid, the rest a frame. pa: an address or "fault"
 *   id memory pdbr va pde_index pde pte_index pte result pa value
 *                                                   the table has two levels, of a page each, and lies in a
 *                                                   memory that a file beside the table has, a page a line:
 *                                                   entries of a byte, bit 7 valid. Numbers are in hex but
 *                                                   pdbr; result is ok, pde-fault or pte-fault
 *
 * Each row goes through form_insert() and form_lookup(), or through form_lookup() over that memory as it is.
 * What differs is told; the last line is "N rows, N equal". The status is 0 if all are, 1 if one is not, 2 if
 * the file cannot be read.
 */
#include "mm/forms/form.h"
#include "tests/program/rows.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct table {
    struct rows in;
    unsigned rows, equal;
    bool differs; /* the row at hand */
};

static _Noreturn void __attribute__((format(printf, 2, 3))) fail(const struct table *t, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "translate: %s", t->in.path);
    if (t->in.line)
        fprintf(stderr, ":%u", t->in.line);
    fputs(": ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(2);
}

/* --- columns --- */

static const char *column(const struct table *t, const char *name)
{
    return rows_column(&t->in, name);
}

static const char *needed(const struct table *t, const char *name)
{
    const char *v = column(t, name);

    if (!v)
        fail(t, "there is no column %s", name);
    return v;
}

/* A number, in tens with an end like k: 16k is 16384. */
static uint64_t number(const struct table *t, const char *name, int base)
{
    const char *v = needed(t, name);
    uint64_t n;
    char *end;
    bool ok = rows_size(v, &n);

    if (base == 16) {
        errno = 0;
        n = strtoull(v, &end, base);
        ok = isxdigit((unsigned char)*v) && !*end && !errno;
    }
    if (!ok)
        fail(t, "%s is \"%s\", which is no number", name, v);
    return n;
}

static unsigned log2_of(const struct table *t, const char *what, uint64_t n)
{
    if (!n || n & (n - 1) || n > UINT32_MAX)
        fail(t, "%s is %llu, which is no power of two", what, (unsigned long long)n);
    return (unsigned)__builtin_ctzll(n);
}

/* A number's digits without zeroes before them, which one program prints and another does not. */
static const char *digits(const char *text)
{
    while (*text == '0' && isxdigit((unsigned char)text[1]))
        text++;
    return text;
}

/* Compare what we say with a column. */
static void __attribute__((format(printf, 3, 4)))
compare(struct table *t, const char *name, const char *fmt, ...)
{
    char ours[64];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(ours, sizeof ours, fmt, ap);
    va_end(ap);
    if (strcasecmp(digits(ours), digits(needed(t, name))) == 0)
        return;
    printf("%s:%u: %s: %s is %s, here it is %s\n", t->in.path, t->in.line, needed(t, "id"), name,
           needed(t, name), ours);
    t->differs = true;
}

/* --- linear --- */

/* One table at a time, whose name is 1. */
struct one {
    struct form_memory m;
    void *table;
};

static void *one_take(struct form_memory *m, uint32_t bytes, uint32_t *name)
{
    *name = 1;
    return ((struct one *)m)->table = calloc(1, bytes);
}

static void one_give(struct form_memory *m, uint32_t name __attribute__((unused)),
                     uint32_t bytes __attribute__((unused)))
{
    free(((struct one *)m)->table);
}

static void *one_at(const struct form_memory *m, uint32_t name __attribute__((unused)))
{
    return ((const struct one *)m)->table;
}

static void fill(struct table *t, struct form *f, uint32_t pages)
{
    const char *at = needed(t, "table");
    uint32_t page = 0;
    bool more = *at;

    for (; more; page++) {
        char *end;
        unsigned long entry = strtoul(at, &end, 16);

        if (!isxdigit((unsigned char)*at) || (*end && *end != ',') || entry > UINT32_MAX)
            fail(t, "entry %u of the table is no number", page);
        if (page >= pages)
            fail(t, "the table has more than %u entries", pages);
        if (entry & FORM_VALID && form_insert(f, 0, page, entry & FORM_VALUE, NULL))
            fail(t, "entry %u cannot be held", page);
        more = *end;
        at = end + more;
    }
    if (!page)
        fail(t, "the table has no entry");
}

static void do_linear(struct table *t)
{
    struct one one = {.m = {.take_table = one_take, .give_table = one_give, .table_at = one_at}};
    uint64_t space = number(t, "aspace", 10), va = number(t, "va", 10);
    struct form_shape shape = {.entry_bytes = 4, .levels = 1};
    struct form form;
    uint64_t page;
    uint32_t entry;

    shape.page_bits = (uint8_t)log2_of(t, "pagesize", number(t, "pagesize", 10));
    if (!number(t, "physmem", 10))
        fail(t, "physmem is %s", needed(t, "physmem"));
    if (!space || space > 1ull << 32 || space >> shape.page_bits > 1u << 24)
        fail(t, "aspace is %s", needed(t, "aspace"));
    while (1ull << shape.address_bits < space || shape.address_bits <= shape.page_bits)
        shape.address_bits++;
    shape.pages = (uint32_t)((space + (1ull << shape.page_bits) - 1) >> shape.page_bits);
    if (form_create(&form, FORM_LINEAR, &shape, &one.m))
        fail(t, "no such table");
    fill(t, &form, shape.pages);
    page = va >> shape.page_bits;
    entry = page < shape.pages ? form_lookup(&form, 0, (uint32_t)page, NULL) : 0;
    compare(t, "vpn", "%llu", (unsigned long long)page);
    if (entry)
        compare(t, "pa", "%llu",
                (unsigned long long)((uint64_t)(entry & FORM_VALUE) << shape.page_bits |
                                     (va & ((1ull << shape.page_bits) - 1))));
    else
        compare(t, "pa", "fault");
    if (!form_verify(&form))
        fail(t, "the form is damaged");
    form_destroy(&form);
}

/* --- two levels --- */

#define IMAGE_PAGES   128u /* what 7 bits of an entry name */
#define IMAGE_ADDRESS 15u

struct image {
    struct form_memory m;
    char *path;
    uint8_t *bytes;
    uint32_t pages, page_bytes;
};

static void *image_take(struct form_memory *m __attribute__((unused)), uint32_t bytes __attribute__((unused)),
                        uint32_t *name __attribute__((unused)))
{
    return NULL;
}

static void image_give(struct form_memory *m __attribute__((unused)), uint32_t name __attribute__((unused)),
                       uint32_t bytes __attribute__((unused)))
{
}

static void *image_at(const struct form_memory *m, uint32_t name)
{
    const struct image *i = (const struct image *)m;

    return i->bytes + (size_t)name * i->page_bytes;
}

static void read_line(struct table *t, struct image *i, const char *line)
{
    uint32_t n = (uint32_t)strspn(line, "0123456789abcdefABCDEF") / 2;

    if (!i->pages)
        i->page_bytes = n;
    if (!n || line[strcspn(line, "\r\n")] != line[2 * n])
        fail(t, "%s: page %u is not in hex", i->path, i->pages);
    if (n != i->page_bytes)
        fail(t, "%s: page %u has %u bytes, those before it %u", i->path, i->pages, n, i->page_bytes);
    if (i->pages >= IMAGE_PAGES)
        fail(t, "%s has more than %u pages", i->path, IMAGE_PAGES);
    if (!i->bytes)
        i->bytes = calloc(IMAGE_PAGES, n);
    for (uint32_t b = 0; b < n; b++) {
        const char pair[3] = {line[2 * b], line[2 * b + 1], 0};

        i->bytes[i->pages * n + b] = (uint8_t)strtoul(pair, NULL, 16);
    }
    i->pages++;
}

/* Have the memory of a file beside the table. */
static void read_image(struct table *t, struct image *i, const char *name)
{
    const char *slash = strrchr(t->in.path, '/');
    int before = slash ? (int)(slash + 1 - t->in.path) : 0;
    char *path, *line = NULL;
    size_t size = 0;
    FILE *fh;

    if (asprintf(&path, "%.*s%s", before, t->in.path, name) < 0)
        fail(t, "no memory");
    if (i->path && strcmp(i->path, path) == 0) {
        free(path);
        return;
    }
    free(i->path);
    free(i->bytes);
    *i = (struct image){.m = {image_take, image_give, image_at}, .path = path};
    fh = fopen(path, "r");
    if (!fh)
        fail(t, "%s: %s", path, strerror(errno));
    while (rows_line(fh, &line, &size))
        if (*line != '#')
            read_line(t, i, line);
    free(line);
    fclose(fh);
    if (i->pages != IMAGE_PAGES)
        fail(t, "%s has %u pages, not %u", path, i->pages, IMAGE_PAGES);
}

static void compare_step(struct table *t, const struct form_walk *w, unsigned step, const char *index,
                         const char *entry)
{
    if (step < w->steps) {
        compare(t, index, "%x", w->step[step].index);
        compare(t, entry, "%02x", w->step[step].entry);
    } else {
        compare(t, index, "-");
        compare(t, entry, "-");
    }
}

static void do_two_level(struct table *t)
{
    static struct image image;
    uint64_t va = number(t, "va", 16), root = number(t, "pdbr", 10);
    struct form_shape shape = {.address_bits = IMAGE_ADDRESS, .entry_bytes = 1, .levels = 2};
    struct form_walk w;
    struct form form;
    uint32_t entry, pa;

    read_image(t, &image, needed(t, "memory"));
    shape.page_bits = (uint8_t)log2_of(t, "the bytes of a page", image.page_bytes);
    shape.level_bits[0] = shape.level_bits[1] = shape.page_bits; /* a table of one-byte entries is a page */
    if (va >> IMAGE_ADDRESS)
        fail(t, "va %s is too large", needed(t, "va"));
    if (root >= IMAGE_PAGES)
        fail(t, "pdbr %s is too large", needed(t, "pdbr"));
    if (form_adopt(&form, FORM_TWO_LEVEL, &shape, &image.m, (uint32_t)root))
        fail(t, "pages of %u bytes: no such table", image.page_bytes);
    entry = form_lookup(&form, 0, (uint32_t)va >> shape.page_bits, &w);
    compare_step(t, &w, 0, "pde_index", "pde");
    compare_step(t, &w, 1, "pte_index", "pte");
    compare(t, "result", entry ? "ok" : w.steps < 2 ? "pde-fault" : "pte-fault");
    pa = (entry & FORM_VALUE) << shape.page_bits | ((uint32_t)va & (image.page_bytes - 1));
    if (entry) {
        compare(t, "pa", "%03x", pa);
        compare(t, "value", "%02x", image.bytes[pa]);
    } else {
        compare(t, "pa", "-");
        compare(t, "value", "-");
    }
    form_destroy(&form);
}

/* --- the file --- */

static void do_row(struct table *t)
{
    t->differs = false;
    if (column(t, "table") && column(t, "pagesize"))
        do_linear(t);
    else if (column(t, "memory") && column(t, "pdbr"))
        do_two_level(t);
    else
        fail(t, "neither a linear table nor one of two levels");
    t->rows++;
    t->equal += !t->differs;
}

static int do_table(const char *path)
{
    struct table t = {.rows = 0};

    if (!rows_open(&t.in, path))
        fail(&t, "%s", strerror(errno));
    while (rows_next(&t.in)) {
        if (t.in.values != t.in.columns)
            fail(&t, "not %u columns", t.in.columns);
        do_row(&t);
    }
    if (ferror(t.in.file) || !t.rows)
        fail(&t, "%s", ferror(t.in.file) ? strerror(errno) : "there are no rows");
    rows_close(&t.in);
    printf("%u rows, %u equal\n", t.rows, t.equal);
    return t.rows != t.equal;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--table") == 0)
        return do_table(argv[2]);
    fputs("usage: translate --table FILE.tsv\n", stderr);
    return 2;
}
