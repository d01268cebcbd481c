/*
 * Tables of free lists that other people's programs printed: each row is done by mm/lab/freelist.c.
 *
 * Columns: heap base header align fit order coalesce ops results searched listlengths final_list. Sizes are
 * in units of one byte there and of FREELIST_UNIT here, since the list lies in the memory itself.
 */
#include "tests/fits/fits.h"
#include "tests/program/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST   (FREELIST_MOST / FREELIST_UNIT)
#define WANTED "heap base header align fit order coalesce ops results searched listlengths final_list"

/* --- text that grows --- */

struct text {
    char *at;
    size_t size, room;
};

static void add(struct text *t, const char *before, const char *what)
{
    size_t need = t->size + strlen(before) + strlen(what) + 1;

    if (need > t->room) {
        t->room = 2 * need;
        t->at = realloc(t->at, t->room);
        if (!t->at)
            abort();
    }
    t->size += (size_t)sprintf(t->at + t->size, "%s%s", before, what);
}

static void add_number(struct text *t, const char *before, unsigned long n)
{
    char number[24];

    snprintf(number, sizeof number, "%lu", n);
    add(t, before, number);
}

/* --- one row --- */

struct row {
    const struct rows *in;
    struct freelist list;
    uint8_t *memory;
    uint64_t base;
    void **block; /* by allocation; NULL: it failed, or is free */
    uint32_t *size;
    unsigned blocks;
    struct text results, searched, lengths, final;
};

/* Say why the row at hand cannot be done. */
static bool __attribute__((format(printf, 2, 3))) cannot(const struct row *r, const char *fmt, ...)
{
    va_list ap;

    printf("line %u: ", r->in->line);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    puts(": cannot be done");
    return false;
}

static bool number(const struct row *r, const char *name, uint64_t least, uint64_t most, uint64_t *out)
{
    const char *text = rows_column(r->in, name);

    return (rows_size(text, out) && *out >= least && *out <= most) ||
           cannot(r, "%s is \"%s\", possible: %llu to %llu", name, text, (unsigned long long)least,
                  (unsigned long long)most);
}

static bool named(const struct row *r, const char *name, const char *const *names, int n, int *out)
{
    const char *text = rows_column(r->in, name);

    for (*out = 0; *out < n; ++*out)
        if (strcmp(text, names[*out]) == 0)
            return true;
    return cannot(r, "%s is \"%s\", which is not known", name, text);
}

static bool begin(struct row *r)
{
    static const char *const fits[FREELIST_FITS] = {"BEST", "WORST", "FIRST", "NEXT"};
    static const char *const orders[FREELIST_ORDERS] = {"ADDRSORT", "SIZESORT+", "SIZESORT-", "INSERT-FRONT",
                                                        "INSERT-BACK"};
    uint64_t heap, header, align = 1, coalesce;
    int fit, order;

    if (!named(r, "fit", fits, FREELIST_FITS, &fit) || !named(r, "order", orders, FREELIST_ORDERS, &order) ||
        !number(r, "heap", 1, MOST, &heap) || !number(r, "base", 0, UINT32_MAX, &r->base) ||
        !number(r, "header", 0, MOST, &header) || !number(r, "coalesce", 0, 1, &coalesce) ||
        (strcmp(rows_column(r->in, "align"), "-1") != 0 && !number(r, "align", 1, MOST, &align)))
        return false;

    struct freelist_rules rules = {.fit = (enum freelist_fit)fit,
                                   .order = (enum freelist_order)order,
                                   .coalesce = coalesce,
                                   .header = (uint32_t)header * FREELIST_UNIT,
                                   .align = (uint32_t)align * FREELIST_UNIT};
    size_t ops = strlen(rows_column(r->in, "ops")) + 1;

    r->memory = malloc(heap * FREELIST_UNIT);
    r->block = calloc(ops, sizeof *r->block);
    r->size = calloc(ops, sizeof *r->size);
    if (!r->memory || !r->block || !r->size)
        abort();
    return freelist_init(&r->list, r->memory, (uint32_t)heap * FREELIST_UNIT, &rules) == 0 ||
           cannot(r, "no such list");
}

static void end(struct row *r)
{
    free(r->memory);
    free(r->block);
    free(r->size);
    free(r->results.at);
    free(r->searched.at);
    free(r->lengths.at);
    free(r->final.at);
}

static unsigned long address(const struct row *r, uint32_t offset)
{
    return (unsigned long)(r->base + offset / FREELIST_UNIT);
}

static void allocate(struct row *r, unsigned long size, const char *comma)
{
    uint64_t before = r->list.searched;
    uint8_t *p = freelist_alloc(&r->list, (uint32_t)size * FREELIST_UNIT);

    if (p)
        add_number(&r->results, comma, address(r, (uint32_t)(p - r->memory) - r->list.rules.header));
    else
        add(&r->results, comma, "fail");
    add_number(&r->searched, comma, (unsigned long)(r->list.searched - before));
    r->size[r->blocks] = (uint32_t)size * FREELIST_UNIT;
    r->block[r->blocks++] = p;
}

/* "-N": the block of allocation N. */
static bool release(struct row *r, unsigned long n, const char *comma)
{
    if (n >= r->blocks || !r->block[n])
        return cannot(r, "-%lu frees what is not there: allocation %lu %s", n, n,
                      n >= r->blocks ? "does not come before it" : "failed, or is free");

    enum freelist_bad bad = freelist_free_sized(&r->list, r->block[n], r->size[n]);

    if (bad != FREELIST_GOOD)
        return cannot(r, "-%lu: %s", n, freelist_bad_name(bad));
    r->block[n] = NULL;
    add(&r->results, comma, "free");
    add(&r->searched, comma, "-");
    return true;
}

static bool do_operations(struct row *r)
{
    const char *comma = "", *at = rows_column(r->in, "ops");
    bool more = true;

    while (more) {
        int length = (int)strcspn(at, ",");
        char *next;
        unsigned long n = strtoul(at + !!*at, &next, 10);

        if ((*at != '+' && *at != '-') || at[1] < '0' || at[1] > '9' || next != at + length || n > MOST)
            return cannot(r, "\"%.*s\" is no operation", length, at);
        if (*at == '+' && !n)
            return cannot(r, "+0: there are no blocks of no bytes");
        if (*at == '+')
            allocate(r, n, comma);
        else if (!release(r, n, comma))
            return false;
        add_number(&r->lengths, comma, r->list.nodes);
        if (!freelist_verify(&r->list))
            return cannot(r, "the list is broken after \"%.*s\"", length, at);
        comma = ",";
        more = *next;
        at = next + more;
    }
    return true;
}

static void add_list(struct row *r)
{
    const char *blank = "";

    if (r->list.first == FREELIST_NONE)
        add(&r->final, "", "-");
    for (uint32_t at = r->list.first, next; at != FREELIST_NONE; at = next, blank = " ") {
        uint32_t size = freelist_node(&r->list, at, &next);

        add_number(&r->final, blank, address(r, at));
        add_number(&r->final, ":", size / FREELIST_UNIT);
    }
}

static bool same(const struct rows *t, const char *name, const struct text *ours)
{
    if (strcmp(ours->at, rows_column(t, name)) == 0)
        return true;
    printf("line %u: %s %s, the table has %s\n", t->line, name, ours->at, rows_column(t, name));
    return false;
}

/* The row at hand: whether all is equal. */
static bool check(const struct rows *t)
{
    struct row r = {.in = t};
    bool equal = begin(&r) && do_operations(&r);

    if (equal) {
        add_list(&r);
        equal = same(t, "results", &r.results);
        equal &= same(t, "searched", &r.searched);
        equal &= same(t, "listlengths", &r.lengths);
        equal &= same(t, "final_list", &r.final);
    }
    end(&r);
    return equal;
}

int fits_table(const char *path)
{
    unsigned rows = 0, equal = 0;
    struct rows t;
    bool ok = rows_open(&t, path);

    if (!ok) {
        perror(path);
        return 1;
    }
    if (t.columns && !rows_have(&t, WANTED)) {
        fprintf(stderr, "fits: %s: no format that is known\n", path);
        ok = false;
    }
    for (; ok && rows_next(&t); rows++) {
        ok = t.values == t.columns;
        if (ok)
            equal += check(&t);
        else
            fprintf(stderr, "fits: %s: line %u has too %s columns\n", path, t.line,
                    t.values < t.columns ? "few" : "many");
    }
    if (ok && !rows) {
        fprintf(stderr, "fits: %s: there are no rows\n", path);
        ok = false;
    }
    if (ok)
        printf("%u rows, %u equal\n", rows, equal);
    rows_close(&t);
    return !ok || rows != equal;
}
