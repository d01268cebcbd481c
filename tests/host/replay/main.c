/*
 * Replay a reference string with the kernel's replacement policies.
 *
 *     replay TRACE --policy NAME --frames N [--pid N] [--name NAME] [--tlb K] [--rss N] [--steps]
 *            [--load-unused]
 *     replay TRACE --print [--pid N] [--name NAME] | --programs
 *     replay MISSES --bounds --policy lru|opt --frames N [--pid N]
 *     replay --table FILE.tsv
 */
#include "tests/host/replay/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "replay TRACE --policy NAME --frames N [--pid N] [--name NAME] [--tlb K] [--rss N] [--steps]\n"
    "       [--load-unused]\n"
    "replay TRACE --print [--pid N] [--name NAME] | --programs\n"
    "replay MISSES --bounds --policy lru|opt --frames N [--pid N]\n"
    "replay --table FILE.tsv\n"
    "\n"
    "TRACE: page numbers, as text (decimal or 0x, between blanks or commas; w before or behind: written to) "
    "or as\n"
    "little-endian 32-bit words, what `make trace` recorded, or what a software TLB did (MISSES); gzip is\n"
    "accepted.\n"
    "    --policy       one of";
/* Their names stand between. */
static const char more_usage[] =
    "    --frames       of memory, 1 to 4194304\n"
    "    --pid          of what was recorded, the process, or the space; else the one with the most "
    "accesses\n"
    "    --name         of what was recorded, a program of that name\n"
    "    --print        the references as text\n"
    "    --programs     the programs that were recorded\n"
    "    --bounds       the least and the most misses that lru or opt can have\n"
    "    --tlb          uses are hidden by a translation buffer of so many entries, 1 to 65536\n"
    "    --rss          vms: pages that the program may have before some are set aside (3/4 of the frames)\n"
    "    --steps        tell each step\n"
    "    --load-unused  the access for which a page is loaded leaves no accessed bit\n"
    "    --table        do each row of a table with misses, and name those that differ\n"
    "\n"
    "Exit status: 0, 1 if a row differs or a file cannot be read, 2 if it was not called like this.\n";

static void print_usage(void)
{
    enum { COLUMNS = 95, INDENT = 18 };
    size_t column = INDENT + strlen(" one of");

    fputs(usage, stdout);
    for (unsigned i = 0; machine_policy(i); i++) {
        if (column + strlen(machine_policy(i)) > COLUMNS) {
            printf("\n%*s", INDENT, "");
            column = INDENT;
        }
        column += (size_t)printf(" %s%s", machine_policy(i), machine_policy(i + 1) ? "," : "\n");
    }
    fputs(more_usage, stdout);
}

static _Noreturn void wrong(const char *what, const char *value)
{
    fprintf(stderr, "replay: %s%s; replay --help says how\n", what, value);
    exit(2);
}

static uint32_t number(const char *option, const char *text, uint32_t max)
{
    char *end;
    unsigned long long n;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (errno || *end || !*text || *text == '-' || n < 1 || n > max)
        wrong(option, " wants a number in its range");
    return (uint32_t)n;
}

/* What is known of the misses. Exit status. */
static int print_bounds(const char *path, uint32_t space, const struct setup *how)
{
    uint64_t least, most;

    if (!trace_bounds(path, space, how, &least, &most))
        return 1;
    printf("policy %s frames %u misses %llu to %llu\n", how->policy, how->frames, (unsigned long long)least,
           (unsigned long long)most);
    return 0;
}

/* Each program of a recording. Exit status. */
static int list_programs(const char *path)
{
    struct recording r;

    if (!recording_load(&r, path))
        return 1;
    for (uint32_t i = 0; i < r.programs; i++) {
        const struct recorded_program *p = &r.program[i];

        printf("program %u pid %u accesses %llu references %llu pages %u name %s\n", i, p->pid,
               (unsigned long long)p->accesses, (unsigned long long)p->references, recording_pages(&r, i),
               p->name);
    }
    recording_free(&r);
    return 0;
}

static int print_trace(const char *path, uint32_t pid, const char *name)
{
    struct trace t;

    if (!trace_load(&t, path, pid, name))
        return 1;
    for (size_t i = 0; i < t.count; i++)
        printf("%s%u\n", t.write[i] ? "w" : "", t.page[i]);
    trace_free(&t);
    return 0;
}

int main(int argc, char **argv)
{
    const char *path = NULL, *table = NULL, *name = NULL;
    struct setup how = {0};
    bool print = false, programs = false, bounds = false;
    uint32_t pid = 0;
    FILE *steps = NULL;
    struct trace t;
    struct outcome o;

    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(arg, "--help") == 0) {
            print_usage();
            return 0;
        } else if (strcmp(arg, "--steps") == 0) {
            steps = stdout;
        } else if (strcmp(arg, "--print") == 0) {
            print = true;
        } else if (strcmp(arg, "--programs") == 0) {
            programs = true;
        } else if (strcmp(arg, "--bounds") == 0) {
            bounds = true;
        } else if (strcmp(arg, "--load-unused") == 0) {
            how.load_is_no_use = true;
        } else if (strncmp(arg, "--", 2) == 0) {
            if (!value)
                wrong(arg, " wants a value");
            i++;
            if (strcmp(arg, "--policy") == 0)
                how.policy = value;
            else if (strcmp(arg, "--frames") == 0)
                how.frames = number(arg, value, FRAMES_MAX);
            else if (strcmp(arg, "--pid") == 0)
                pid = number(arg, value, INT32_MAX);
            else if (strcmp(arg, "--name") == 0)
                name = value;
            else if (strcmp(arg, "--tlb") == 0)
                how.tlb = number(arg, value, 1u << 16);
            else if (strcmp(arg, "--rss") == 0)
                how.rss = number(arg, value, FRAMES_MAX);
            else if (strcmp(arg, "--table") == 0)
                table = value;
            else
                wrong(arg, " is unknown");
        } else if (path) {
            wrong("one trace at a time, not also ", arg);
        } else {
            path = arg;
        }
    }
    if (how.policy && !policy_is_known(how.policy)) {
        say_no_policy("replay", how.policy);
        return 2;
    }
    if (bounds && how.policy && strcmp(how.policy, "lru") != 0 && strcmp(how.policy, "opt") != 0)
        wrong("--bounds are those of lru or opt, not of ", how.policy);
    if (bounds && path && how.frames && how.policy && !table && !print && !programs && !steps && !name)
        return print_bounds(path, pid, &how);
    if (table && !path && !how.policy && !how.frames && !how.tlb && !how.rss && !steps && !how.load_is_no_use)
        return table_check(table);
    if (path && !table && !how.policy && !how.frames && !bounds && print != programs)
        return programs ? list_programs(path) : print_trace(path, pid, name);
    if (!path || !how.policy || !how.frames || table || print || programs || bounds)
        wrong("a trace, a policy and frames are wanted; or a trace with --print or --programs, a record of "
              "misses "
              "with --bounds; or --table and nothing else",
              "");
    if (!trace_load(&t, path, pid, name))
        return 1;
    simulate(&t, &how, steps, &o, false);
    if (o.salvages)
        printf("%llu salvages\n", (unsigned long long)o.salvages);
    printf("policy %s frames %u refs %zu misses %llu\n", how.policy, how.frames, t.count,
           (unsigned long long)o.misses);
    outcome_free(&o);
    trace_free(&t);
    return 0;
}
