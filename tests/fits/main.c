/*
 * fits: one sequence of allocations and frees through every allocator of the kernel, side by side. See
 * docs/freespace.md. The same command on the host (build/host/fits) and in ring 3.
 */
#include "tests/fits/fits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LARGE   131072u
#define COLUMNS 64u

struct options {
    const char *trace, *random, *only, *steps, *table;
    bool print, brief, list, no_time;
    uint32_t large;
    struct fit_setup setup;
};

static int usage(FILE *to, int status)
{
    fprintf(to,
            "usage: fits [OPTION ...] TRACE     - : from standard input\n"
            "       fits [OPTION ...] --random SEED,SIZES,OPERATIONS,LIVE\n"
            "                            SIZES: uniform:A-B exp:MEAN power:A-B two:A-B program\n"
            "       fits --table FILE    every row of somebody else's table of free lists\n"
            "       fits --list          the allocators\n"
            "    --only NAME[,NAME ...]  these; list and arena: all of them\n"
            "    --brief                 not the lists that do not coalesce\n"
            "    --steps NAME            the heap after each step\n"
            "    --print                 the trace as it was read, random or not\n"
            "    --heap BYTES            of the heap that does not grow (5/4 of what is live at most)\n"
            "    --large BYTES           blocks from this size on are left out, as malloc maps them (%u; 0: "
            "none)\n"
            "    --header BYTES --guard BYTES   of a list's blocks (8, 0)\n"
            "    --unit BYTES            buddy's smallest block (16, or what the largest needs)\n"
            "    --verify                all invariants, again and again\n"
            "    --no-time               no column of instructions: the same output everywhere\n",
            LARGE);
    return status;
}

/* --- reading --- */

struct text {
    char *at;
    size_t size, room;
};

static bool make_room(struct text *t, size_t more)
{
    size_t room = t->room ? t->room : 1u << 16;
    char *at;

    if (t->size + more <= t->room)
        return true;
    while (room < t->size + more)
        room *= 2;
    at = realloc(t->at, room);
    if (!at)
        return false;
    t->at = at;
    t->room = room;
    return true;
}

static void put(void *arg, const char *text, size_t size)
{
    struct text *t = arg;

    if (!make_room(t, size)) {
        fputs("fits: no memory\n", stderr);
        exit(1);
    }
    memcpy(t->at + t->size, text, size);
    t->size += size;
}

static bool read_file(struct text *t, const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    size_t got = 0;

    if (!f) {
        fprintf(stderr, "fits: %s: %s\n", path, strerror(errno));
        return false;
    }
    /* A zero ends a trace, however much of it there is behind. */
    while (make_room(t, 1u << 16) && (got = fread(t->at + t->size, 1, t->room - t->size, f)) > 0) {
        t->size += got;
        if (memchr(t->at + t->size - got, 0, got)) {
            got = 0;
            break;
        }
    }
    if (f != stdin)
        fclose(f);
    return got == 0;
}

static bool number(const char *text, uint32_t least, uint32_t most, uint32_t *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 0);

    *out = (uint32_t)n;
    return *text >= '0' && *text <= '9' && !*end && n >= least && n <= most;
}

static bool make_random(struct text *t, const char *spec)
{
    char *copy = strdup(spec), *field[4] = {NULL}, *save = NULL;
    uint32_t seed, ops, live;
    bool ok = copy != NULL;

    for (unsigned i = 0; ok && i < 4; i++)
        ok = (field[i] = strtok_r(i ? NULL : copy, ",", &save)) != NULL;
    ok = ok && !strtok_r(NULL, ",", &save) && number(field[0], 0, UINT32_MAX, &seed) &&
         number(field[2], 1, 100000000, &ops) && number(field[3], 1, 10000000, &live) &&
         fit_random(seed, field[1], ops, live, put, t);
    free(copy);
    if (!ok)
        fprintf(stderr, "fits: --random wants SEED,SIZES,OPERATIONS,LIVE, not %s\n", spec);
    return ok;
}

/* --- names --- */

/* Whether a word is the name of an allocator, or of its family. */
static bool names(const char *word, size_t n, const struct heap_kind *k)
{
    static const char *const families[HEAP_FAMILIES] = {[HEAP_LIST] = "list", [HEAP_ARENA] = "arena"};
    const char *family = families[k->family];

    return (strlen(k->name) == n && memcmp(word, k->name, n) == 0) ||
           (family && strlen(family) == n && memcmp(word, family, n) == 0);
}

static bool names_any(const char *word, size_t n)
{
    struct heap_kind k;

    for (unsigned i = 0; heap_kind(i, &k); i++)
        if (names(word, n, &k))
            return true;
    return false;
}

/* In lines. */
static void say_possible(const char *word, int n)
{
    struct heap_kind k;
    int column = fprintf(stderr, "fits: no allocator is called %.*s; possible:", n, word);

    for (unsigned i = 0; heap_kind(i, &k); i++) {
        if (column + 1 + (int)strlen(k.name) > 78)
            column = fprintf(stderr, "\n   ") - 1;
        column += fprintf(stderr, " %s", k.name);
    }
    fputs("; list, arena: all of them\n", stderr);
}

/* Each word of --only is a name. */
static bool only_is_right(const char *only)
{
    for (const char *at = only;;) {
        size_t n = strcspn(at, ",");

        if (!names_any(at, n)) {
            say_possible(at, (int)n);
            return false;
        }
        if (!at[n])
            return true;
        at += n + 1;
    }
}

static bool is_wanted(const struct options *o, const struct heap_kind *k)
{
    if (o->brief && k->family == HEAP_LIST && !k->coalesce)
        return false;
    if (!o->only)
        return true;
    for (const char *at = o->only;;) {
        size_t n = strcspn(at, ",");

        if (names(at, n, k))
            return true;
        if (!at[n])
            return false;
        at += n + 1;
    }
}

/* --- the table --- */

static void print_permille(uint32_t n)
{
    printf(" %5u.%u", n / 10, n % 10);
}

/* A person sees how far it is: after some seconds, once a second. */
struct watched {
    const char *name;
    time_t next;
    bool shown;
};
#define FIRST_AFTER 3

static time_t seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void show_progress(void *arg, unsigned percent)
{
    struct watched *w = arg;
    time_t now = seconds();

    if (now < w->next)
        return;
    w->next = now + 1;
    w->shown = true;
    printf("\r%-27s %5u%%", w->name, percent);
    fflush(stdout);
}

static bool measure(struct options *o, const struct fit_trace *t, const struct heap_kind *k)
{
    struct watched w = {.name = k->name, .next = seconds() + FIRST_AFTER};
    bool is_person = isatty(STDOUT_FILENO), ok;
    struct fit_result r;

    printf("%-27s", k->name);
    fflush(stdout);
    if (is_person) {
        o->setup.progress = show_progress;
        o->setup.arg = &w;
    }
    ok = fit_measure(t, k, &o->setup, &r);
    if (w.shown)
        printf("\r%-27s", k->name);
    if (!ok || !r.ran) {
        puts(ok ? " no memory" : " an invariant is broken");
        return false;
    }
    printf(" %6u %9zu%c %9zu", r.fails, r.peak, r.refused ? '+' : ' ', r.mean);
    print_permille(r.external);
    print_permille(r.internal);
    printf(" %7llu.%02llu", (unsigned long long)r.searched / 100, (unsigned long long)r.searched % 100);
    if (o->setup.clock)
        printf(" %7llu", (unsigned long long)(r.time / r.operations));
    putchar('\n');
    fflush(stdout);
    return true;
}

static int compare(struct options *o, const struct fit_trace *t)
{
    struct heap_setup fixed = fit_heap(t, &o->setup, NULL, 0, false);
    struct heap_kind k;
    bool ok = true, any = false;

    for (unsigned i = 0; heap_kind(i, &k); i++)
        any |= is_wanted(o, &k);
    if (!any) {
        fprintf(stderr, "fits: --brief leaves nothing of %s\n", o->only);
        return 2;
    }
    if (!o->no_time)
        o->setup.clock = fits_clock(&o->setup.ticks);
    printf("%u allocations, %u frees, %u resized; %u blocks of %u bytes and more left to mmap; "
           "%u frees of unknown blocks\n",
           t->allocs, t->frees, t->resizes, t->large, o->large, t->unknown);
    printf("live at most %u bytes, after operation %u; largest block %u; fixed heap %zu bytes; buddy's unit "
           "%u\n",
           t->peak, t->peak_ops, t->largest, fixed.most, fixed.unit);
    printf("%-27s %6s %9s  %9s %7s %7s %10s", "", "", "memory", "needed", "frag. %", "frag. %", "searched");
    printf(o->setup.clock ? " %7s\n" : "\n", o->setup.ticks ? "ticks" : "instructions");
    printf("%-27s %6s %9s  %9s %7s %7s %10s", "allocator", "fails", "peak", "mean", "extern", "intern",
           "an alloc");
    printf(o->setup.clock ? " %7s\n" : "\n", "an op");
    for (unsigned i = 0; heap_kind(i, &k); i++)
        if (is_wanted(o, &k))
            ok &= measure(o, t, &k);
    return ok ? 0 : 1;
}

/* --- step by step --- */

struct drawing {
    size_t size; /* of all, in bytes */
    size_t free[COLUMNS];
    bool first;
};

static void draw_free(void *arg, size_t at, size_t size)
{
    struct drawing *d = arg;

    printf("%s%zu:%zu", d->first ? "" : " ", at, size);
    d->first = false;
    for (size_t c = 0; c < COLUMNS; c++) {
        size_t from = d->size * c / COLUMNS, to = d->size * (c + 1) / COLUMNS;
        size_t low = at > from ? at : from, high = at + size < to ? at + size : to;

        d->free[c] += high > low ? high - low : 0;
    }
}

static void show_step(const struct fit_run *r, const struct fit_op *op)
{
    static const char *const what[] = {"a", "f", "r"};
    struct drawing d = {.size = heap_needed(&r->heap), .first = true};
    const struct heap_block *b = &r->block[op->block];
    struct fit_look l;

    fit_look(r, &l);
    if (op->what == FIT_FREE)
        printf("%u %s %u", r->done, what[op->what], op->block);
    else if (r->refused)
        printf("%u %s %u %u: refused", r->done, what[op->what], op->block, op->size);
    else
        printf("%u %s %u %u: at %zu, %u", r->done, what[op->what], op->block, op->size, b->at, b->given);
    printf("; needs %zu, searched %llu; free ", l.needed, (unsigned long long)heap_searched(&r->heap));
    heap_each_free(&r->heap, draw_free, &d);
    printf("%s\n|", d.first ? "-" : "");
    for (size_t c = 0; c < COLUMNS; c++) {
        size_t width = d.size * (c + 1) / COLUMNS - d.size * c / COLUMNS;

        putchar(d.free[c] == 0 ? '#' : d.free[c] == width ? '.' : '+');
    }
    puts("|");
}

static int steps(const struct options *o, const struct fit_trace *t)
{
    static struct fit_run r;
    struct heap_kind k;
    struct heap_setup how;
    unsigned n;
    uint32_t *sizes = fit_sizes(t, &n);
    int status = 1;

    if (!heap_kind_by_name(o->steps, &k)) {
        say_possible(o->steps, (int)strlen(o->steps));
        free(sizes);
        return 2;
    }
    how = fit_heap(t, &o->setup, sizes, n, !o->setup.heap);
    if (sizes && fit_begin(&r, t, &k, &how) == 0) {
        status = 0;
        while (r.done < t->ops && !status) {
            fit_step(&r);
            show_step(&r, &t->op[r.done - 1]);
            status = !heap_verify(&r.heap);
        }
        fit_end(&r);
    } else {
        fputs("fits: no memory\n", stderr);
    }
    free(sizes);
    return status;
}

/* As it was read: block numbers in the place of names. */
static int print(const struct fit_trace *t)
{
    for (uint32_t i = 0; i < t->ops; i++) {
        const struct fit_op *op = &t->op[i];

        if (op->what == FIT_FREE)
            printf("f %u\n", op->block);
        else if (op->what == FIT_RESIZE)
            printf("r %u %u\n", op->block, op->size);
        else if (op->align)
            printf("a %u %u %u\n", op->block, op->size, op->align);
        else
            printf("a %u %u\n", op->block, op->size);
    }
    return 0;
}

static int list_kinds(void)
{
    struct heap_kind k;

    for (unsigned i = 0; heap_kind(i, &k); i++)
        puts(k.name);
    return 0;
}

/* --- the command line --- */

/* One option with its value; false: it is unknown, or wants another value. */
static bool set_option(struct options *o, const char *name, const char *value)
{
    uint32_t n;

    if (strcmp(name, "--random") == 0)
        o->random = value;
    else if (strcmp(name, "--only") == 0)
        o->only = value;
    else if (strcmp(name, "--steps") == 0)
        o->steps = value;
    else if (strcmp(name, "--table") == 0)
        o->table = value;
    else if (strcmp(name, "--large") == 0)
        return number(value, 0, FREELIST_MOST, &o->large);
    else if (strcmp(name, "--heap") == 0 && number(value, 64, FREELIST_MOST / 2, &n))
        o->setup.heap = n;
    else if (strcmp(name, "--header") == 0 && number(value, 8, 4096, &n) && n % 8 == 0)
        o->setup.header = n;
    else if (strcmp(name, "--guard") == 0)
        return number(value, 0, 4096, &o->setup.guard);
    else if (strcmp(name, "--unit") == 0 && number(value, 8, 1u << 20, &n) && !(n & (n - 1)))
        o->setup.unit = n;
    else
        return false;
    return true;
}

static bool set_flag(struct options *o, const char *name)
{
    bool *flag = strcmp(name, "--print") == 0     ? &o->print
                 : strcmp(name, "--brief") == 0   ? &o->brief
                 : strcmp(name, "--list") == 0    ? &o->list
                 : strcmp(name, "--no-time") == 0 ? &o->no_time
                 : strcmp(name, "--verify") == 0  ? &o->setup.verify
                                                  : NULL;

    if (flag)
        *flag = true;
    return flag != NULL;
}

static bool parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (set_flag(o, argv[i]))
            continue;
        if (strncmp(argv[i], "--", 2) == 0) {
            if (i + 1 == argc || !set_option(o, argv[i], argv[i + 1])) {
                fprintf(stderr, "fits: %s is unknown, or wants another value\n", argv[i]);
                return false;
            }
            i++;
        } else if (o->trace) {
            fprintf(stderr, "fits: one trace at a time, not also %s\n", argv[i]);
            return false;
        } else {
            o->trace = argv[i];
        }
    }
    return o->list || (!!o->trace + !!o->random + !!o->table == 1);
}

int fits_main(int argc, char **argv)
{
    struct options o = {.large = LARGE};
    struct fit_trace t;
    struct text text = {0};
    uint32_t bad;
    int status;

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage(stdout, 0);
    if (!parse(&o, argc, argv))
        return usage(stderr, 2);
    if (o.list)
        return list_kinds();
    if (o.only && !only_is_right(o.only))
        return 2;
    if (o.table)
        return fits_table(o.table);
    if (o.random ? !make_random(&text, o.random) : !read_file(&text, o.trace))
        return 2;
    if (!fit_parse(&t, text.at, text.size, o.large, &bad)) {
        if (bad)
            fprintf(stderr, "fits: %s: line %u is no operation that can be\n", o.random ? "random" : o.trace,
                    bad);
        else
            fprintf(stderr, "fits: %s: there is no operation\n", o.random ? "random" : o.trace);
        free(text.at);
        return 2;
    }
    free(text.at);
    status = o.print ? print(&t) : o.steps ? steps(&o, &t) : compare(&o, &t);
    fit_trace_free(&t);
    return status;
}
