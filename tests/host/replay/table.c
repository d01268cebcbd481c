/*
 * Tables of misses that other people's programs or books printed.
 *
 * A format is known by the names of its columns:
 *
 *   trace refs pages frames POLICY...            the trace is a file beside the table; a page is not used
 *   by being
 *                                                loaded; each policy's column is a row
 *   id policy frames references faults ...       a page is used by being loaded
 *   id name policy frames ... references hits misses trace victims memory ...     every step
 *   workload policy frames hits misses           the trace is workload-NAME.txt beside the table
 *
 * What has another rule than ours is not compared: policies that we do not have, and a clock or a random
 * choice that is not told by the numbers that were drawn.
 */
#include "tests/host/replay/replay.h"
#include "tests/program/rows.h"

#include <stdlib.h>
#include <string.h>

struct table {
    struct rows in;
    unsigned rows, equal, foreign;
    uint32_t frames;  /* of the line at hand */
    char *trace_name; /* what `trace` was read from */
    struct trace trace;
};

static const char *column(const struct table *t, const char *name)
{
    return rows_column(&t->in, name);
}

/* Our name for a policy of a table. NULL: we have none with that rule. */
static const char *our_name(const char *theirs)
{
    static const struct {
        const char *theirs, *ours;
    } name[] = {{"FIFO", "fifo"},   {"LRU", "lru"},        {"MRU", "mru"},       {"OPT", "opt"},
                {"UNOPT", "unopt"}, {"CLOCK", "clock"},    {"CLOCK2", "clock2"}, {"SIEVE", "sieve"},
                {"2Q", "2q"},       {"S3-FIFO", "s3-fifo"}};

    for (unsigned i = 0; i < sizeof name / sizeof *name; i++)
        if (strcmp(name[i].theirs, theirs) == 0)
            return name[i].ours;
    return NULL;
}

static bool load_beside(struct table *t, const char *prefix, const char *name, const char *suffix)
{
    const char *slash = strrchr(t->in.path, '/');
    char path[4096];

    if (t->trace_name && strcmp(t->trace_name, name) == 0)
        return true;
    trace_free(&t->trace);
    free(t->trace_name);
    t->trace_name = NULL;
    snprintf(path, sizeof path, "%.*s%s%s%s", slash ? (int)(slash - t->in.path + 1) : 0, t->in.path, prefix,
             name, suffix);
    if (!trace_load(&t->trace, path, 0, NULL))
        return false;
    t->trace_name = strdup(name);
    return true;
}

static void differs(struct table *t, const char *policy, const char *what, const char *theirs,
                    const char *ours)
{
    printf("line %u: %s with %s frames: %s %s, the table has %s\n", t->in.line, policy, column(t, "frames"),
           what, ours, theirs);
}

static bool same_number(struct table *t, const char *policy, const char *what, const char *theirs,
                        uint64_t ours)
{
    char text[24];
    bool same;

    snprintf(text, sizeof text, "%llu", (unsigned long long)ours);
    same = strcmp(text, theirs) == 0;
    if (!same)
        differs(t, policy, what, theirs, text);
    return same;
}

static bool same_list(struct table *t, const char *policy, const char *what, const char *theirs,
                      const uint32_t *ours, size_t n)
{
    char *text = malloc(12 * n + 2), *at = text;
    bool same;

    strcpy(text, "-");
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s%u", i ? "," : "", ours[i]);
    same = strcmp(text, theirs) == 0;
    if (!same)
        differs(t, policy, what, theirs, text);
    free(text);
    return same;
}

/* One row: what it says of a policy's misses, and of each step if it does. */
static void check(struct table *t, const char *theirs, const char *misses, const struct trace *trace,
                  bool unused_load)
{
    const char *ours = our_name(theirs);
    struct setup how = {.policy = ours, .load_is_no_use = unused_load, .frames = t->frames};
    bool steps = rows_have(&t->in, "hits trace victims memory"), same;
    struct outcome o;

    t->rows++;
    if (!ours || strcmp(misses, "-") == 0 || (steps && strcmp(theirs, "CLOCK") == 0)) {
        t->foreign++;
        return;
    }
    simulate(trace, &how, NULL, &o, steps);
    same = same_number(t, theirs, "misses", misses, o.misses);
    if (steps) {
        if (strcmp(o.hits, column(t, "trace")) != 0) {
            differs(t, theirs, "steps", column(t, "trace"), o.hits);
            same = false;
        }
        same &= same_list(t, theirs, "victims", column(t, "victims"), o.victim, o.victims);
        same &= same_list(t, theirs, "memory", column(t, "memory"), o.memory, o.in_memory);
    }
    t->equal += same;
    outcome_free(&o);
}

static bool check_line(struct table *t)
{
    if (rows_have(&t->in, "trace refs pages frames FIFO")) {
        if (!load_beside(t, "", column(t, "trace"), ".u32.gz"))
            return false;
        for (unsigned i = 4; i < t->in.columns; i++)
            check(t, t->in.name[i], t->in.value[i], &t->trace, true);
    } else if (rows_have(&t->in, "workload policy frames misses")) {
        if (!load_beside(t, "workload-", column(t, "workload"), ".txt"))
            return false;
        check(t, column(t, "policy"), column(t, "misses"), &t->trace, false);
    } else {
        const char *text = column(t, "references");
        const char *misses = column(t, rows_have(&t->in, "faults") ? "faults" : "misses");
        struct trace trace;

        char where[4096];

        snprintf(where, sizeof where, "%s: line %u", t->in.path, t->in.line);
        if (!trace_parse(&trace, where, text, strlen(text)))
            return false;
        check(t, column(t, "policy"), misses, &trace, false);
        trace_free(&trace);
    }
    return true;
}

static bool is_known_format(const struct table *t)
{
    return rows_have(&t->in, "trace refs pages frames FIFO") ||
           rows_have(&t->in, "workload policy frames misses") ||
           (rows_have(&t->in, "policy frames references") &&
            (rows_have(&t->in, "faults") || rows_have(&t->in, "misses")));
}

/* 0: it is no number, or none that there can be. */
static uint32_t frames_of(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long n = digits && digits < 8 && !text[digits] ? strtoul(text, NULL, 10) : 0;

    return n <= FRAMES_MAX ? (uint32_t)n : 0;
}

/* The row at hand. False: it is told why it cannot be done. */
static bool take_line(struct table *t)
{
    const char *frames = column(t, "frames");

    if (t->in.values < t->in.columns) {
        fprintf(stderr, "replay: %s: line %u has too few columns\n", t->in.path, t->in.line);
        return false;
    }
    t->frames = frames_of(frames);
    if (!t->frames) {
        fprintf(stderr, "replay: %s: line %u: %s is no number of frames\n", t->in.path, t->in.line, frames);
        return false;
    }
    return check_line(t);
}

int table_check(const char *path)
{
    struct table t = {.rows = 0};
    bool ok = rows_open(&t.in, path);

    if (!ok) {
        perror(path);
        return 1;
    }
    if (t.in.columns && !is_known_format(&t)) {
        fprintf(stderr, "replay: %s: no format that is known\n", path);
        ok = false;
    }
    while (ok && rows_next(&t.in))
        ok = take_line(&t);
    if (ok && !t.rows) {
        fprintf(stderr, "replay: %s: there are no rows\n", path);
        ok = false;
    }
    if (ok)
        printf("%u rows, %u equal, %u not ours\n", t.rows, t.equal, t.foreign);
    rows_close(&t.in);
    free(t.trace_name);
    trace_free(&t.trace);
    return !ok || t.rows != t.equal + t.foreign;
}
