/*
 * Tables of free lists that other people's programs printed: each row is done by mm/lab/freelist.c.
 *
 * Columns: heap base header align fit order coalesce ops results searched listlengths final_list. Sizes are
 * in units of one byte there and of FREELIST_UNIT here, since the list lies in the memory itself.
 */
#include "tests/fits/fits.h"
#include "tests/program/rows.h"

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
    struct freelist list;
    uint8_t *memory;
    unsigned long base;
    void **block; /* by allocation; NULL: it failed, or is free */
    uint32_t *size;
    unsigned blocks;
    struct text results, searched, lengths, final;
};

static bool number(const char *text, unsigned long most, unsigned long *out)
{
    char *end;

    *out = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && *out <= most;
}

static int named(const char *text, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (names[i] && strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

static bool begin(struct row *r, const struct rows *t)
{
    static const char *const fits[FREELIST_FITS] = {"BEST", "WORST", "FIRST", "NEXT"};
    static const char *const orders[FREELIST_ORDERS] = {"ADDRSORT", "SIZESORT+", "SIZESORT-", "INSERT-FRONT",
                                                        "INSERT-BACK"};
    int fit = named(rows_column(t, "fit"), fits, FREELIST_FITS);
    int order = named(rows_column(t, "order"), orders, FREELIST_ORDERS);
    unsigned long heap, header, align = 1, coalesce;

    if (fit < 0 || order < 0 || !number(rows_column(t, "heap"), MOST, &heap) || !heap ||
        !number(rows_column(t, "base"), UINT32_MAX, &r->base) ||
        !number(rows_column(t, "header"), MOST, &header) ||
        !number(rows_column(t, "coalesce"), 1, &coalesce) ||
        (strcmp(rows_column(t, "align"), "-1") != 0 &&
         (!number(rows_column(t, "align"), MOST, &align) || !align)))
        return false;

    struct freelist_rules rules = {.fit = (enum freelist_fit)fit,
                                   .order = (enum freelist_order)order,
                                   .coalesce = coalesce,
                                   .header = (uint32_t)header * FREELIST_UNIT,
                                   .align = (uint32_t)align * FREELIST_UNIT};
    size_t ops = strlen(rows_column(t, "ops")) + 1;

    r->memory = malloc(heap * FREELIST_UNIT);
    r->block = calloc(ops, sizeof *r->block);
    r->size = calloc(ops, sizeof *r->size);
    if (!r->memory || !r->block || !r->size)
        abort();
    return freelist_init(&r->list, r->memory, (uint32_t)heap * FREELIST_UNIT, &rules) == 0;
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
    return r->base + offset / FREELIST_UNIT;
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

/* "-N": the block of allocation N. False: there is none. */
static bool release(struct row *r, unsigned long n, const char *comma)
{
    if (n >= r->blocks || !r->block[n] ||
        freelist_free_sized(&r->list, r->block[n], r->size[n]) != FREELIST_GOOD)
        return false;
    r->block[n] = NULL;
    add(&r->results, comma, "free");
    add(&r->searched, comma, "-");
    return true;
}

static bool do_operations(struct row *r, const char *ops)
{
    const char *comma = "";

    while (*ops) {
        char *next;
        unsigned long n = strtoul(ops + 1, &next, 10);

        if (next == ops + 1 || (*next && *next != ',') || n > MOST || (*ops != '+' && *ops != '-'))
            return false;
        if (*ops == '+')
            allocate(r, n, comma);
        else if (!release(r, n, comma))
            return false;
        add_number(&r->lengths, comma, r->list.nodes);
        if (!freelist_verify(&r->list))
            return false;
        comma = ",";
        ops = *next ? next + 1 : next;
    }
    return *comma;
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
    struct row r = {0};
    bool equal = false;

    if (!begin(&r, t) || !do_operations(&r, rows_column(t, "ops"))) {
        printf("line %u: cannot be done\n", t->line);
    } else {
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
        ok = t.values >= t.columns;
        if (ok)
            equal += check(&t);
        else
            fprintf(stderr, "fits: %s: line %u has too few columns\n", path, t.line);
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
