/*
 * pages PID: an address space as a picture. Each cell is a page, or a fold of several that shows the most
 * telling of their states. It draws what /proc/PID/quire/pages says; looking brings nothing in.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "tests/user/quire/colour.h"
#include "tests/user/quire/programs.h"

#define PAGE_SHIFT 12
#define MARGIN     10 /* before the cells of a row: an address and two blanks */

/* From the least telling to the most: a fold shows the last of those that it has. */
static const struct state {
    const char *name, *meaning;
    char letter;
    enum colour colour;
    bool bright;
} states[] = {
    {"none", "nothing yet", '.', COLOUR_FREE, false},
    {"zero", "the shared zero page", '0', COLOUR_ZERO, false},
    {"file", "a page of a file", 'f', COLOUR_FILE, true},
    {"shmem", "shared memory", 'm', COLOUR_SHMEM, true},
    {"private", "private", 'p', COLOUR_PRIVATE, true},
    {"shared", "private, and shared with others until written", 's', COLOUR_SHARED, true},
    {"swapped", "on the disk", 'w', COLOUR_SWAPPED, true},
    {"cached", "on the disk, and in memory", 'c', COLOUR_CACHED, true},
    {"parked", "set aside by the policy", 'k', COLOUR_PARKED, true},
    {"out", "its table is on the disk", 't', COLOUR_TABLE, true},
    {"lost", "the disk could not read it", 'x', COLOUR_HOLE, true},
};
enum { NONE, ZERO, FILE_PAGE, SHMEM, PRIVATE, SHARED, SWAPPED, CACHED, PARKED, OUT, LOST, STATES };

struct run {
    uint32_t start, end;
    uint8_t state;
};

struct picture {
    struct run *run;
    size_t count, room;
    uint64_t pages[STATES], out_entries;
    unsigned width; /* cells of a row */
    unsigned fold;  /* pages of a cell */
    enum depth depth;
};

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "pages: %s: %s\n", what, why);
    return 1;
}

/* --- reading --- */

static int state_of(const char *name)
{
    for (int i = 0; i < STATES; i++)
        if (strcmp(states[i].name, name) == 0)
            return i;
    return -1;
}

static bool add_run(struct picture *p, uint32_t start, uint32_t end, int state)
{
    struct run *last = p->count ? &p->run[p->count - 1] : NULL;

    p->pages[state] += (end - start) >> PAGE_SHIFT;
    if (last && last->end == start && last->state == state) {
        last->end = end;
        return true;
    }
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 256;
        struct run *more = realloc(p->run, room * sizeof *more);

        if (!more)
            return false;
        p->run = more;
        p->room = room;
    }
    p->run[p->count++] = (struct run){start, end, (uint8_t)state};
    return true;
}

static int read_runs(struct picture *p, const char *pid)
{
    char path[64], line[96], name[16];
    FILE *f;
    int err = 0;

    snprintf(path, sizeof path, "/proc/%.16s/quire/pages", pid);
    f = fopen(path, "re");
    if (!f)
        return no_answer("pages", path, pid);
    while (!err && fgets(line, sizeof line, f)) {
        unsigned start, end, entries = 0;
        int state;

        if (sscanf(line, "%x-%x %15s %u", &start, &end, name, &entries) < 3 || (state = state_of(name)) < 0)
            err = fail(path, "a line that is not understood");
        else if (!add_run(p, start, end, state))
            err = fail(path, strerror(ENOMEM));
        p->out_entries += entries;
    }
    if (!err && ferror(f))
        err = no_answer("pages", path, pid);
    fclose(f);
    return err || p->count ? err : no_memory_of("pages", pid);
}

/* --- drawing --- */

static uint32_t cells_of(uint32_t start, uint32_t end, unsigned fold)
{
    return ((end - start) / fold + (1u << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
}

/* Where the runs end that follow one another without a gap. */
static size_t stretch_end(const struct picture *p, size_t i)
{
    for (i++; i < p->count && p->run[i].start == p->run[i - 1].end; i++)
        ;
    return i;
}

static uint64_t rows_with(const struct picture *p, unsigned fold)
{
    uint64_t rows = 0;

    for (size_t i = 0, next; i < p->count; i = next) {
        next = stretch_end(p, i);
        rows += (cells_of(p->run[i].start, p->run[next - 1].end, fold) + p->width - 1) / p->width;
    }
    return rows;
}

/* The smallest power of two with which the picture has so many rows, or as few as there can be. */
static unsigned choose_fold(const struct picture *p, unsigned rows)
{
    unsigned fold = 1;

    while (fold < 1u << 18 && rows_with(p, fold) > rows && rows_with(p, fold * 2) < rows_with(p, fold))
        fold *= 2;
    return fold;
}

/* before: the state of the cell to the left; STATES: there is none. */
static void put_cell(const struct picture *p, int state, int before)
{
    if (state != before)
        fputs(colour_cell(p->depth, states[state].colour, states[state].bright), stdout);
    putchar(states[state].letter);
}

/* The state that a cell [at, end) shows. *i: a run that does not lie behind it. */
static int cell_state(const struct picture *p, size_t *i, uint32_t at, uint32_t end)
{
    int best = NONE;

    while (p->run[*i].end <= at)
        ++*i;
    for (size_t k = *i; k < p->count && p->run[k].start < end; k++)
        if (p->run[k].state > best)
            best = p->run[k].state;
    return best;
}

static void draw_stretch(const struct picture *p, size_t i, size_t next)
{
    uint32_t start = p->run[i].start, end = p->run[next - 1].end, step = p->fold << PAGE_SHIFT;
    uint32_t cells = cells_of(start, end, p->fold);
    int state, before = STATES;

    for (uint32_t c = 0; c < cells; c++) {
        uint32_t at = start + c * step, stop = c + 1 == cells ? end : at + step;

        if (c % p->width == 0) {
            printf("%08x  ", at);
            before = STATES;
        }
        state = cell_state(p, &i, at, stop);
        put_cell(p, state, before);
        before = state;
        if (c % p->width == p->width - 1 || c + 1 == cells)
            puts(colour_end(p->depth));
    }
}

static void put_total(const char *name, uint64_t pages)
{
    printf("%-10s %8llu %-5s %9llu kB\n", name, (unsigned long long)pages, pages == 1 ? "page" : "pages",
           (unsigned long long)pages << (PAGE_SHIFT - 10));
}

/* The legend, with how many pages are in each state; then what smaps adds up to. */
static void put_totals(const struct picture *p)
{
    const uint64_t *n = p->pages;

    putchar('\n');
    for (int i = 0; i < STATES; i++) {
        if (!n[i])
            continue;
        put_cell(p, i, STATES);
        printf("%s %-8s %8llu  %s", colour_end(p->depth), states[i].name, (unsigned long long)n[i],
               states[i].meaning);
        if (i == OUT)
            printf(": %llu of them have entries", (unsigned long long)p->out_entries);
        putchar('\n');
    }
    putchar('\n');
    put_total("Rss", n[PRIVATE] + n[SHARED] + n[SHMEM] + n[FILE_PAGE] + n[PARKED]);
    put_total("Anonymous", n[PRIVATE] + n[SHARED] + n[PARKED]);
    put_total("Swap", n[SWAPPED] + n[CACHED] + p->out_entries);
}

static void draw(const struct picture *p, const char *pid)
{
    char range[32] = "a page";

    if (p->fold > 1)
        snprintf(range, sizeof range, "%u pages", p->fold);
    printf("process %s: a cell is %s%s\n", pid, range,
           p->fold > 1 ? ", and shows the most telling of them" : "");
    for (size_t i = 0, next; i < p->count; i = next) {
        next = stretch_end(p, i);
        draw_stretch(p, i, next);
    }
    put_totals(p);
}

/* --- the command line --- */

static int usage(FILE *to)
{
    fputs("usage: pages [--fold N] [--width N] [--plain | --colour] PID\n"
          "Draw an address space, a cell a page, by what each page is; a legend with totals follows.\n"
          "  PID        a process, or self\n"
          "  --fold N   a cell stands for N pages; else as many as let the picture fit\n"
          "  --width N  cells of a row; else as many as the terminal has room for\n"
          "  --plain    letters only; --colour: colours too. Else it depends on the terminal.\n",
          to);
    return to == stdout ? 0 : 2;
}

static bool size_of(const char *s, unsigned most, unsigned *value)
{
    char *end;
    unsigned long v = s && isdigit((unsigned char)*s) ? strtoul(s, &end, 10) : 0;

    if (!v || *end || v > most)
        return false;
    *value = (unsigned)v;
    return true;
}

int pages_main(int argc, char **argv)
{
    enum { FOLD_MAX = 1 << 18, WIDTH_MAX = 4096, ROWS = 24, COLUMNS = 80 };
    struct winsize w = {.ws_row = 0};
    struct picture p = {.depth = colour_depth()};
    const char *pid = NULL;
    unsigned rows;
    int err;

    if (isatty(1))
        ioctl(1, TIOCGWINSZ, &w);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "--fold") == 0 || strcmp(argv[i], "--width") == 0) {
            bool fold = argv[i][2] == 'f';

            if (i + 1 == argc ||
                !size_of(argv[i + 1], fold ? FOLD_MAX : WIDTH_MAX, fold ? &p.fold : &p.width))
                return fail(argv[i], "a number above 0 is wanted");
            i++;
        } else if (strcmp(argv[i], "--plain") == 0) {
            p.depth = PLAIN;
        } else if (strcmp(argv[i], "--colour") == 0) {
            p.depth = colour_depth_forced();
        } else if (*argv[i] == '-' || pid) {
            return usage(stderr);
        } else {
            pid = argv[i];
        }
    }
    if (!pid)
        return usage(stderr);
    if (need_process("pages", pid))
        return 1;
    if (!p.width)
        p.width = (w.ws_col > MARGIN + 8 ? w.ws_col : COLUMNS) - MARGIN;
    err = read_runs(&p, pid);
    if (err)
        return err;
    rows = w.ws_row ? w.ws_row : ROWS;
    if (!p.fold)
        p.fold = choose_fold(&p, rows > 18 ? rows - 10 : 8);
    draw(&p, pid);
    free(p.run);
    return 0;
}
