/*
 * forms PID: an address space in each form of page tables, as a picture. It draws what /proc/PID/quire/forms
 * says, and without a process what /proc/quire/forms says of all spaces.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

#define FIRST_BIT 8  /* a bar begins at 256 bytes, */
#define A_BIT     2  /* has so many marks for each doubling */
#define BAR       37 /* and is no longer than this */

static const char *const form_names[] = {"linear",   "hybrid", "two-level", "three-level",
                                         "inverted", "hashed", "clustered"};
#define FORMS (sizeof form_names / sizeof *form_names)

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "forms: %s: %s\n", what, why);
    return 1;
}

/* --- lines --- */

/* The word behind a key, both between blanks; NULL: there is none. */
static const char *after(const char *line, const char *key)
{
    size_t n = strlen(key);

    for (const char *at = line; (at = strstr(at, key)) != NULL; at += n)
        if ((at == line || at[-1] == ' ') && at[n] == ' ')
            return at + n + 1;
    return NULL;
}

/* The number behind a key; 0: there is none. */
static uint64_t number(const char *line, const char *key)
{
    const char *at = after(line, key);

    return at ? strtoull(at, NULL, 10) : 0;
}

/* Marks of a bar for so many bytes. */
static unsigned marks(uint64_t bytes)
{
    unsigned n = 0, bit = 63;

    if (bytes >> FIRST_BIT == 0)
        return 1;
    while (!(bytes >> bit & 1))
        bit--;
    n = (bit - FIRST_BIT) * A_BIT + 1 + (bit && bytes >> (bit - 1) & 1);
    return n < BAR ? n : BAR;
}

/* # as far as now, - as far as at worst, . as far as a full space. */
static void put_bar(uint64_t now, uint64_t worst, uint64_t full, bool colours)
{
    const struct {
        unsigned end, colour;
        char letter;
    } part[] = {{marks(now), 34, '#'}, {marks(worst), 220, '-'}, {marks(full), 240, '.'}};
    unsigned n = 0;

    for (unsigned i = 0; i < sizeof part / sizeof *part; i++) {
        if (colours && n < part[i].end)
            printf("\033[38;5;%um", part[i].colour);
        for (; n < part[i].end; n++)
            putchar(part[i].letter);
    }
    if (colours)
        fputs("\033[0m", stdout);
}

static void put_word(const char *line, const char *key, int width)
{
    const char *at = after(line, key);

    printf(" %*.*s", width, at ? (int)strcspn(at, " \n") : 1, at ? at : "-");
}

static void put_form(const char *name, const char *line, bool colours)
{
    uint64_t now = number(line, "bytes"), worst = number(line, "worst"), full = number(line, "full");
    const char *absent = after(line, "absent");

    if (strstr(line, "no memory")) {
        printf("%-11s no memory for it\n", name);
        return;
    }
    printf("%-11s %8llu", name, (unsigned long long)now);
    put_word(line, "walk", 5);
    put_word(line, "most", 3);
    printf(" %5.*s  ", absent ? (int)strcspn(absent, " \n") : 1, absent ? absent : "-");
    put_bar(now, worst, full, colours);
    putchar('\n');
}

static void put_page_size(const char *line)
{
    uint64_t size = number(line, "pagesize") >> 10;
    bool big = size >= 1024;

    printf("%6llu %s %8llu %11llu kB %11llu kB %10llu\n", (unsigned long long)(big ? size >> 10 : size),
           big ? "MiB" : "KiB", (unsigned long long)number(line, "pages"),
           (unsigned long long)number(line, "bytes") >> 10, (unsigned long long)number(line, "waste") >> 10,
           (unsigned long long)number(line, "linear"));
}

/* pid: whose; NULL: of all. */
static void put_head(const char *line, const char *pid)
{
    if (pid)
        printf("process %s: %llu pages have a frame, of %llu; the machine has %llu frames\n\n", pid,
               (unsigned long long)number(line, "pages"), (unsigned long long)number(line, "of"),
               (unsigned long long)number(line, "frames"));
    else
        printf("all programs, %llu address spaces: %llu pages have a frame, %llu of one of them; the machine "
               "has %llu frames\n\n",
               (unsigned long long)number(line, "spaces"), (unsigned long long)number(line, "pages"),
               (unsigned long long)number(line, "most"), (unsigned long long)number(line, "frames"));
    puts("form           bytes  mean most absent  marks are doublings: two for each");
}

/* --- the file --- */

static bool begins(const char *line, const char *word)
{
    size_t n = strlen(word);

    return strncmp(line, word, n) == 0 && line[n] == ' ';
}

/* *good: all forms said the same. */
static bool put_line(const char *line, const char *pid, bool colours, unsigned *sizes, bool *good)
{
    for (unsigned i = 0; i < FORMS; i++)
        if (begins(line, form_names[i])) {
            put_form(form_names[i], line, colours);
            return true;
        }
    if (begins(line, "space") || begins(line, "spaces")) {
        put_head(line, pid);
    } else if (begins(line, "pagesize")) {
        if (!(*sizes)++)
            puts("\n page size    pages        in memory           waste  linear table, bytes");
        put_page_size(line);
    } else if (begins(line, "equal") || begins(line, "differ")) {
        *good = begins(line, "equal");
        printf("\n%s", line);
    } else {
        return false;
    }
    return true;
}

/* pid: whose path that is, or NULL. */
static int draw(const char *path, const char *pid, bool colours)
{
    FILE *f = fopen(path, "re");
    char line[256];
    unsigned sizes = 0, lines = 0;
    bool good = false;
    int err = 0;

    if (!f)
        return no_answer("forms", path, pid ? pid : "self");
    for (; !err && fgets(line, sizeof line, f); lines++)
        if (!put_line(line, pid, colours, &sizes, &good))
            err = fail(path, "a line that is not understood");
    if (!err && ferror(f))
        err = no_answer("forms", path, pid ? pid : "self");
    fclose(f);
    if (!err && !lines && pid)
        return no_memory_of("forms", pid);
    return err ? err : !good;
}

static int usage(FILE *to)
{
    fputs(
        "usage: forms [--plain | --colour] [[--all] PID]\n"
        "Draw an address space in each form of page tables: the bytes it has now (#), at worst with as many\n"
        "pages elsewhere (-), with all pages (.); accesses to memory of a walk, for pages that are there "
        "and\n"
        "absent ones; then what pages of other sizes would take. Without PID: all spaces, with one table\n"
        "for all (inverted, hashed, clustered) or the sum of theirs. The status is 1 if two forms differ.\n"
        "  PID      a process, or self\n"
        "  --all    ask each form for a million absent pages\n"
        "  --plain  no colours; --colour: colours. Else it depends on the terminal.\n",
        to);
    return to == stdout ? 0 : 2;
}

int forms_main(int argc, char **argv)
{
    bool colours = isatty(1), all = false;
    const char *pid = NULL;
    char path[64] = "/proc/quire/forms";

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "--plain") == 0)
            colours = false;
        else if (strcmp(argv[i], "--colour") == 0)
            colours = true;
        else if (strcmp(argv[i], "--all") == 0)
            all = true;
        else if (*argv[i] == '-' || pid)
            return usage(stderr);
        else
            pid = argv[i];
    }
    if (pid && need_process("forms", pid))
        return 1;
    if (all && !pid)
        return usage(stderr);
    if (pid)
        snprintf(path, sizeof path, "/proc/%.16s/quire/forms%s", pid, all ? "-all" : "");
    return draw(path, pid, colours);
}
