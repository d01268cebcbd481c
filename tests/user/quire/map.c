/*
 * map: memory as a picture in the terminal.
 *
 * All that is drawn comes from /proc: quire/map and quire/swap, buddyinfo, and of a process maps and
 * pagemap. A picture has as many cells as the terminal has room for, and follows its size. Text goes to the
 * next row where it does not fit. Colours only if the terminal has them and nobody objects (NO_COLOR,
 * TERM=dumb); else the letters of /proc/quire/map.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/quire/colour.h"
#include "tests/user/quire/programs.h"

#define PAGE       4096u
#define ORDERS     11
#define UPDATE_MS  250
#define CELLS_MOST 32768u /* the kernel's */

static const char usage[] =
    "usage: map [--once] [--plain] [PID | --buddy | --swap]\n"
    "\n"
    "Draws what the machine's memory is used for, four times a second; q quits.\n"
    "  PID       where the frames of one process are\n"
    "  --buddy   free blocks by order, and how fragmented free memory is\n"
    "  --swap    the slots of each swap area\n"
    "  --once    print one picture and end\n"
    "  --plain   letters without colours, as with NO_COLOR or TERM=dumb\n"
    "\n"
    "A cell is a run of frames, by what most of them are used for: . free, k kernel,\n"
    "s slab, t page table, a anonymous, f file, m shared memory, b being read or\n"
    "written, # no memory. A capital letter, or a bright colour: one of them was used\n"
    "since the last picture. > is where the replacement policy goes on, < where pages\n"
    "come to its lists. With a PID: the cells in which it has frames, a if most of\n"
    "these are private, f if they are of files or shared, a capital if it has at least\n"
    "half of the cell; - has frames of others only. In swap: p a page, c one that is\n"
    "in memory too, k kept by one in memory, t a page table, x not to be used; a\n"
    "capital if half is used.\n";

enum mode { MODE_ALL, MODE_PROCESS, MODE_BUDDY, MODE_SWAP };

static enum depth depth;
static int width, height;
static int rows_most; /* that the terminal shows, if it says so: a picture of more rows must not scroll it */
static volatile sig_atomic_t resized, ended, stopped;

/* --- output, in one write a picture --- */

static char *out;
static size_t out_size, out_room;

static void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *fmt, ...)
{
    va_list ap;

    for (;;) {
        va_start(ap, fmt);
        int n = vsnprintf(out + out_size, out_room - out_size, fmt, ap);
        va_end(ap);
        if (n < 0)
            return;
        if (out_size + (size_t)n < out_room) {
            out_size += (size_t)n;
            return;
        }
        char *more = realloc(out, out_room * 2 + (size_t)n + 4096);

        if (!more)
            exit(1);
        out = more;
        out_room = out_room * 2 + (size_t)n + 4096;
    }
}

/* A line of the kernel's, cut to the width. */
static void line(const char *text, size_t n)
{
    put("%.*s\n", n < (size_t)width ? (int)n : width, text);
}

/*
 * Text in items, which stay whole: one that does not fit any more begins a new row. An item can keep more
 * room than it needs, so that a picture does not change its form when a number grows. With drawing off they
 * are only counted.
 */
static struct {
    int column, rows;
    bool counting;
} page;

static void items_begin(bool counting)
{
    page.column = 0;
    page.rows = 0;
    page.counting = counting;
}

static void items_end(void)
{
    if (page.column && !page.counting)
        put("\n");
    page.rows += page.column > 0;
    page.column = 0;
}

static void item(enum colour c, bool coloured, int room, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void item(enum colour c, bool coloured, int room, const char *fmt, ...)
{
    char text[128];
    va_list ap;
    int n, gap = page.column ? 2 : 0;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    n = n < (int)sizeof text ? n : (int)sizeof text - 1;
    n = n < width ? n : width;
    room = room < n ? n : room;
    if (page.column && page.column + gap + room > width) {
        items_end();
        gap = 0;
    }
    page.column += gap + room;
    if (page.counting)
        return;
    put("%*s%s%.*s%s", gap, "", coloured ? colour_text(depth, c, true) : "", n, text,
        coloured ? colour_end(depth) : "");
}

/* Words, each an item. */
static void sentence(const char *text)
{
    items_begin(false);
    for (int column = 0; *text;) {
        int n = (int)strcspn(text, " ");

        if (column && column + 1 + n > width) {
            put("\n");
            column = 0;
        }
        put("%s%.*s", column ? " " : "", n < width ? n : width, text);
        column += n + (column > 0);
        text += n + strspn(text + n, " ");
    }
    put("\n");
}

/* A number in five characters at most. */
static const char *brief(unsigned long long n)
{
    static char text[4][24];
    static unsigned turn;
    static const char units[] = " kMGTPE";
    unsigned u = 0;
    char *to = text[turn = (turn + 1) % 4];

    for (; n > 99999; n /= 1000)
        u++;
    snprintf(to, sizeof text[0], u ? "%llu%c" : "%llu", n, units[u]);
    return to;
}

/* Leave so many rows of the picture. */
static void cut_rows(int most)
{
    for (size_t i = 0; i < out_size; i++)
        if (out[i] == '\n' && --most == 0)
            out_size = i + 1;
}

static void send(const char *text, size_t n)
{
    while (n) {
        ssize_t did = write(1, text, n);

        if (did < 0 && errno != EINTR)
            exit(1);
        did = did < 0 ? 0 : did;
        text += did;
        n -= (size_t)did;
    }
}

/* live: over the last picture. Each row is erased before it is written: behind a row that is as wide as the
 * terminal the cursor stays in the last column, whose cell would go. */
static void flush(bool live)
{
    if (!live) {
        send(out, out_size);
        out_size = 0;
        return;
    }
    if (rows_most)
        cut_rows(rows_most);
    if (out_size && out[out_size - 1] == '\n')
        out_size--; /* the last row must not scroll the terminal */
    for (size_t i = 0; i < out_size;) {
        const char *end = memchr(out + i, '\n', out_size - i);
        size_t n = end ? (size_t)(end - (out + i)) : out_size - i;

        send("\033[K", 3);
        send(out + i, n);
        if (end)
            send("\r\n", 2);
        i += n + (end != NULL);
    }
    out_size = 0;
}

/* --- colours --- */

/* In the order of enum colour, which begins with them. */
static const char letters[] = ".kstafmb#";

static int class_of(char c)
{
    const char *at = strchr(letters, c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);

    return at && *at ? (int)(at - letters) : 0;
}

/* A cell: its letter, what is shown instead of it (0: nothing), and the last one's colour. */
static void put_cell(char letter, char mark, enum colour c, bool bright, int *last)
{
    bool filled = depth == COLOURS_256 && c != COLOUR_FREE && c != COLOUR_HOLE;

    if (depth != PLAIN && (int)c * 2 + bright != *last)
        put("%s", filled ? colour_cell(depth, c, bright) : colour_text(depth, c, bright));
    *last = (int)c * 2 + bright;
    put("%c", mark ? mark : filled ? ' ' : letter);
}

static void cell(char c, char mark, int *last)
{
    put_cell(c, mark, (enum colour)class_of(c), c >= 'A' && c <= 'Z', last);
}

static void row_end(int *last)
{
    put("%s\n", colour_end(depth));
    *last = -1;
}

/* --- files of /proc --- */

/* All of a file from its beginning, in memory that the next call uses again; NULL: it cannot be read. */
static char *read_all(int fd)
{
    static char *text;
    static size_t room;
    size_t n = 0;
    ssize_t got;

    do {
        if (room - n < 8192) {
            char *more = realloc(text, room + 65536);

            if (!more)
                return NULL;
            text = more;
            room += 65536;
        }
        got = pread(fd, text + n, room - n - 1, (off_t)n);
        if (got > 0)
            n += (size_t)got;
    } while (got > 0);
    if (got < 0)
        return NULL;
    text[n] = '\0';
    return text;
}

static int open_for(const char *path, unsigned *had, unsigned want)
{
    static int fd = -1;
    char s[16];
    int n = snprintf(s, sizeof s, "%u", want);

    if (fd < 0)
        fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || (*had != want && write(fd, s, (size_t)n) != n)) {
        fprintf(stderr, "map: %s: %s\n", path, strerror(errno));
        return -1;
    }
    *had = want;
    return fd;
}

/* The number after a word at the beginning of a line or after a blank. */
static unsigned long long number_of(const char *text, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = text; (at = strstr(at, name)) != NULL; at += n)
        if ((at == text || at[-1] == '\n' || at[-1] == ' ') && at[n] == ' ')
            return strtoull(at + n, NULL, 10);
    return 0;
}

/* --- the whole machine, and one process in it --- */

static const char *const class_names[] = {"free", "kernel", "slab", "table", "anon",
                                          "file", "shared", "busy", "hole"};
#define CLASSES (sizeof class_names / sizeof class_names[0])
static const char *const rate_names[] = {"faults", "zero", "copy",     "object", "major",
                                         "in",     "out",  "salvaged", "evicted"};
#define RATES (sizeof rate_names / sizeof rate_names[0])

struct picture {
    unsigned frames, first, run, cells;
    const char *cell; /* lines with their ends */
    char mark[CELLS_MOST];
};

static char cell_at(const struct picture *p, unsigned i)
{
    return p->cell[i + i / 80];
}

static void take_marks(struct picture *p, const char *text)
{
    static const char *const words[] = {"\ntail ", "\nhead "};

    memset(p->mark, 0, p->cells);
    for (unsigned k = 0; k < 2; k++)
        for (const char *at = text; (at = strstr(at, words[k])) != NULL && at < p->cell; at++) {
            unsigned i = ((unsigned)strtoul(at + 6, NULL, 10) - p->first) / p->run;

            if (i < p->cells)
                p->mark[i] = k ? '>' : '<';
        }
}

/* What a process has: frames in each cell. */
struct owned {
    unsigned regions, resident, swapped, files;
    unsigned in[CELLS_MOST], files_in[CELLS_MOST];
};

static bool take_owned(const struct picture *p, int pid, struct owned *o, char *name, size_t size)
{
    char path[64], text[512];
    FILE *maps, *comm;
    int fd;

    memset(o, 0, sizeof *o);
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    maps = fopen(path, "re");
    snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    comm = fopen(path, "re");
    snprintf(name, size, "?");
    if (comm && fgets(name, (int)size, comm))
        name[strcspn(name, "\n")] = '\0';
    if (comm)
        fclose(comm);
    while (maps && fd >= 0 && fgets(text, sizeof text, maps)) {
        unsigned long from, end;
        uint64_t e[512];

        if (sscanf(text, "%lx-%lx", &from, &end) != 2)
            continue;
        o->regions++;
        while (from < end) {
            size_t n = (end - from) / PAGE < 512 ? (end - from) / PAGE : 512;
            ssize_t got = pread(fd, e, n * sizeof e[0], (off_t)(from / PAGE) * (off_t)sizeof e[0]);

            if (got < (ssize_t)sizeof e[0])
                break;
            for (size_t i = 0; i < (size_t)got / sizeof e[0]; i++) {
                unsigned at = ((unsigned)e[i] - p->first) / p->run;

                o->swapped += e[i] >> 62 & 1;
                if (!(e[i] >> 63))
                    continue;
                o->resident++;
                o->files += e[i] >> 61 & 1;
                if (at < p->cells) {
                    o->in[at]++;
                    o->files_in[at] += e[i] >> 61 & 1;
                }
            }
            from += (size_t)got / sizeof e[0] * PAGE;
        }
    }
    if (fd >= 0)
        close(fd);
    if (maps)
        fclose(maps);
    return maps && fd >= 0;
}

/* What the rows of text are drawn from. NULL: they are only counted. */
static void draw_rates(const char *text, bool once)
{
    static unsigned long long before[RATES], before_ns;
    unsigned long long at = text ? number_of(text, "at_ns") : 0, took = at - before_ns;
    const char *from = text ? strstr(text, "since_boot") : NULL;
    bool total_only = once || !before_ns;

    item(0, false, 11, total_only ? "since boot:" : "a second:");
    for (unsigned i = 0; i < RATES; i++) {
        unsigned long long total = from ? number_of(from, rate_names[i]) : 0, show = total;

        if (!total_only)
            show = took ? (total - before[i]) * 1000000000u / took : 0;
        item(0, false, (int)strlen(rate_names[i]) + 6, "%s %s", rate_names[i], brief(show));
        if (text)
            before[i] = total;
    }
    if (text)
        before_ns = at;
    items_end();
}

static void draw_blocks(const char *text)
{
    unsigned long sum[ORDERS] = {0};

    for (const char *at = text; at && (at = strstr(at, "\nblocks_")) != NULL; at++) {
        const char *from = strchr(at, ' ');

        for (unsigned k = 0; from && k < ORDERS; k++)
            sum[k] += strtoul(from, (char **)(uintptr_t)&from, 10);
    }
    item(0, false, 0, "free by order:");
    for (unsigned k = 0; k < ORDERS; k++)
        item(0, false, k < 3 ? 5 : 3, "%s", brief(sum[k]));
    items_end();
}

static void draw_legend(const char *text)
{
    const char *from = text ? strchr(text, '\n') : NULL; /* the second line */

    for (unsigned k = 0; k < CLASSES; k++)
        item((enum colour)k, true, (int)strlen(class_names[k]) + 8, "%c %s %llu", letters[k], class_names[k],
             from ? number_of(from + 1, class_names[k]) : 0);
    items_end();
}

static void draw_foot(const char *text, bool once)
{
    items_begin(!text);
    draw_rates(text, once);
    draw_blocks(text);
    draw_legend(text);
}

/* The rows above the cells, and how many they are in every case. */
static void draw_head(const char *text, const struct picture *p, int pid, const char *name,
                      const struct owned *o)
{
    const char *policy = text ? strstr(text, "\npolicy ") : NULL;

    items_begin(!text);
    if (pid) {
        unsigned cells = 0;

        for (unsigned i = 0; text && i < p->cells; i++)
            cells += o->in[i] > 0;
        item(0, false, 22, "%d %s:", pid, name);
        item(0, false, 24, "%s pages in memory", brief(text ? o->resident : 0));
        item(0, false, 22, "%s of files or shared", brief(text ? o->files : 0));
        item(0, false, 20, "in %u of %u cells", cells, text ? p->cells : 0);
        item(0, false, 13, "%s in swap", brief(text ? o->swapped : 0));
    } else {
        item(0, false, 13, "%u frames", text ? p->frames : 0);
        item(0, false, 10, "%u a cell", text ? p->run : 0);
        item(0, false, 31, "%s used since the last picture", brief(text ? number_of(text, "used") : 0));
        item(0, false, 18, "policy %.*s", policy ? (int)strcspn(policy + 8, "\n") : 0,
             policy ? policy + 8 : "");
    }
    items_end();
}

/* Rows that are left for cells. */
static int rows_for_cells(int pid)
{
    int text = 0;

    draw_head(NULL, NULL, pid, "", NULL);
    text += page.rows;
    draw_foot(NULL, false);
    text += page.rows;
    return height - text > 1 ? height - text : 1;
}

/* Draw the machine, or what a process has in it. */
static int draw_machine(int pid, bool once)
{
    static struct picture p;
    static struct owned owned;
    static unsigned had;
    int rows = rows_for_cells(pid), last = -1, columns = width, fd;
    unsigned want = (unsigned)(columns * rows) < CELLS_MOST ? (unsigned)(columns * rows) : CELLS_MOST;
    char name[32] = "", *text;

    fd = open_for("/proc/quire/map", &had, want);
    if (fd < 0)
        return 1;
    text = read_all(fd);
    p.cell = text ? strstr(text, "\n\n") : NULL;
    if (!p.cell) {
        fprintf(stderr, "map: /proc/quire/map: %s\n", strerror(errno));
        return 1;
    }
    p.cell += 2;
    p.frames = (unsigned)number_of(text, "frames");
    p.first = (unsigned)number_of(text, "first");
    p.run = (unsigned)number_of(text, "run");
    p.cells = (unsigned)number_of(text, "cells");
    if (!p.run || p.cells > want)
        return 1;
    if (pid) {
        bool is_there = take_owned(&p, pid, &owned, name, sizeof name);
        char text_pid[16];

        snprintf(text_pid, sizeof text_pid, "%d", pid);
        if (!is_there)
            return no_process("map", text_pid);
        if (!owned.regions)
            return no_memory_of("map", text_pid);
    }
    take_marks(&p, text);
    draw_head(text, &p, pid, name, &owned);
    for (unsigned i = 0; i < p.cells; i++) {
        char c = cell_at(&p, i), mark = p.mark[i];

        if (pid) {
            mark = 0;
            if (!owned.in[i])
                c = c == '.' || c == '#' ? c : '-';
            else {
                c = owned.files_in[i] * 2 > owned.in[i] ? 'f' : 'a';
                c = owned.in[i] * 2 >= p.run ? (char)(c - 'a' + 'A') : c;
            }
        }
        cell(c, mark, &last);
        if (i % (unsigned)columns == (unsigned)columns - 1 || i == p.cells - 1)
            row_end(&last);
    }
    draw_foot(text, once);
    return 0;
}

/* --- free blocks --- */

/*
 * The index is Gorman and Whitcroft's: for a block that cannot be had, how much of that is due to
 * fragmentation, rather than to there being no memory: 1 - (1 + free frames / frames of the block) / free
 * blocks. The other figure is the part of free memory that is in blocks too small. (Gorman, Whitcroft: "The
 * what, the why and the where to of anti-fragmentation", Ottawa Linux Symposium 2006.)
 */
static int draw_buddy(void)
{
    unsigned long count[4][ORDERS] = {{0}}, all_blocks = 0, all = 0, smaller = 0;
    char zone[4][16], text[512];
    int zones = 0, bar;
    FILE *f = fopen("/proc/buddyinfo", "re");

    while (f && zones < 4 && fgets(text, sizeof text, f)) {
        int at = 0;

        if (sscanf(text, "Node 0, zone %15s %n", zone[zones], &at) != 1)
            continue;
        char *from = text + at;

        for (unsigned k = 0; k < ORDERS; k++) {
            count[zones][k] = strtoul(from, &from, 10);
            all_blocks += count[zones][k];
            all += count[zones][k] << k;
        }
        zones++;
    }
    if (!f || !zones) {
        fprintf(stderr, "map: /proc/buddyinfo cannot be read\n");
        return 1;
    }
    fclose(f);
    /* The table is 52 characters wide, and 8 a zone; what is left, behind two blanks, is for bars. */
    bar = width - 54 - 8 * zones;
    bar = bar < 0 ? 0 : bar > 50 ? 50 : bar;
    items_begin(false);
    item(0, false, 0, "free: %lu frame%s, %lu KiB, in %lu block%s", all, all == 1 ? "" : "s", all * 4,
         all_blocks, all_blocks == 1 ? "" : "s");
    items_end();
    put("\n%5s %8s", "order", "size");
    for (int z = 0; z < zones; z++)
        put(" %7s", zone[z]);
    put(" %8s %12s %14s\n", "KiB", "too small", "fragmentation");
    for (unsigned k = 0; k < ORDERS; k++) {
        unsigned long blocks = 0, can = 0, frames;

        for (unsigned j = k; j < ORDERS; j++)
            for (int z = 0; z < zones; z++)
                can += count[z][j];
        put("%5u %4u KiB", k, 4u << k);
        for (int z = 0; z < zones; z++) {
            put(" %7lu", count[z][k]);
            blocks += count[z][k];
        }
        frames = blocks << k;
        put(" %8lu %10.1f %%", frames * 4, all ? 100.0 * (double)smaller / (double)all : 0.0);
        if (can)
            put(" %14s", "can be had");
        else
            put(" %14.3f", all_blocks ? 1 - (1 + (double)all / (double)(1u << k)) / (double)all_blocks : 0.0);
        if (frames && bar)
            put("  %s", colour_text(depth, COLOUR_PRIVATE, true));
        for (unsigned long i = 0; all && i < (frames * (unsigned long)bar + all - 1) / all; i++)
            put("#");
        put("%s\n", frames && bar ? colour_end(depth) : "");
        smaller += frames;
    }
    put("\n");
    sentence("too small: the part of free memory that lies in smaller blocks");
    sentence("fragmentation: why there is no such block: 0 for want of memory, 1 for want of one piece");
    return 0;
}

/* --- swap --- */

static int draw_swap(void)
{
    static unsigned had;
    static const struct {
        char letter;
        const char *name;
        enum colour colour;
    } kinds[] = {{'.', "free", COLOUR_FREE},
                 {'p', "page", COLOUR_SWAPPED},
                 {'c', "in memory too", COLOUR_CACHED},
                 {'k', "kept", COLOUR_PARKED},
                 {'t', "page table", COLOUR_TABLE},
                 {'x', "not to be used", COLOUR_KERNEL}};
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    unsigned areas = 0, want;
    char *text, *at;
    int fd = open_for("/proc/quire/swap", &had, had ? had : (unsigned)width), last = -1;

    text = fd >= 0 ? read_all(fd) : NULL;
    for (at = text; at && (at = strstr(at, "\narea ")) != NULL; at++)
        areas++;
    if (text && areas) {
        int rows = (height - 3 - (int)areas) / (int)areas;

        want = (unsigned)width * (unsigned)(rows > 1 ? rows : 1);
        fd = open_for("/proc/quire/swap", &had, want < CELLS_MOST ? want : CELLS_MOST);
        text = fd >= 0 ? read_all(fd) : NULL;
    }
    if (!text)
        return 1;
    line(text, strcspn(text, "\n"));
    if (!areas)
        sentence("there is no swap area");
    for (at = text; (at = strstr(at, "\narea ")) != NULL;) {
        unsigned cells = (unsigned)number_of(at, "cells"), i = 0;

        line(at + 1, strcspn(at + 1, "\n"));
        at = strchr(at + 1, '\n');
        for (char *c = at + 1; *c && i < cells; c++) {
            char small = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;

            if (*c == '\n')
                continue;
            for (unsigned k = 0; k < KINDS; k++)
                if (kinds[k].letter == small)
                    put_cell(*c, 0, kinds[k].colour, small != *c, &last);
            i++;
            if (i % (unsigned)width == 0 || i == cells)
                row_end(&last);
        }
    }
    items_begin(false);
    for (unsigned k = 0; k < KINDS; k++)
        item(kinds[k].colour, true, 0, "%c %s", kinds[k].letter, kinds[k].name);
    items_end();
    return 0;
}

/* --- the terminal --- */

static struct termios cooked;
static bool is_raw;

static void measure(void)
{
    struct winsize w = {0};
    const char *columns = getenv("COLUMNS"), *lines = getenv("LINES");

    width = 80;
    height = 25;
    rows_most = 0;
    if (ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_col && w.ws_row) {
        width = w.ws_col;
        height = w.ws_row;
        rows_most = height;
    } else {
        if (columns && atoi(columns) > 0)
            width = atoi(columns);
        if (lines && atoi(lines) > 0)
            height = atoi(lines);
    }
    width = width < 20 ? 20 : width > 500 ? 500 : width;
    height = height < 8 ? 8 : height > 300 ? 300 : height;
}

static void restore(void)
{
    static const char back[] = "\033[0m\033[?7h\033[?25h\r\n";

    if (!is_raw)
        return;
    is_raw = false;
    tcsetattr(0, TCSANOW, &cooked);
    if (write(1, back, sizeof back - 1) < 0)
        return;
}

static void make_raw(void)
{
    static const char clear[] = "\033[?25l\033[?7l\033[2J";
    struct termios t;

    if (tcgetattr(0, &cooked) == 0) {
        t = cooked;
        t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        t.c_cc[VMIN] = 0;
        t.c_cc[VTIME] = 0;
        tcsetattr(0, TCSANOW, &t);
    }
    is_raw = true;
    if (write(1, clear, sizeof clear - 1) < 0)
        exit(1);
}

static void on_signal(int signo)
{
    if (signo == SIGWINCH)
        resized = 1;
    else if (signo == SIGTSTP)
        stopped = 1;
    else
        ended = 1;
}

static void catch (int signo)
{
    struct sigaction a = {.sa_handler = on_signal};

    sigaction(signo, &a, NULL);
}

static int draw(enum mode mode, int pid, bool once)
{
    out_size = 0;
    switch (mode) {
    case MODE_BUDDY:
        return draw_buddy();
    case MODE_SWAP:
        return draw_swap();
    default:
        return draw_machine(pid, once);
    }
}

/* Stop as the terminal asked, and go on later. */
static void stop_here(void)
{
    struct sigaction a = {.sa_handler = SIG_DFL};

    stopped = 0;
    restore();
    sigaction(SIGTSTP, &a, NULL);
    raise(SIGTSTP);
    catch (SIGTSTP);
    make_raw();
    resized = 1;
}

/* Draw until somebody presses q. */
static int watch(enum mode mode, int pid)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    int status = 0;
    char c;

    catch (SIGINT);
    catch (SIGTERM);
    catch (SIGHUP);
    catch (SIGWINCH);
    catch (SIGTSTP);
    make_raw();
    for (resized = 1; !ended;) {
        if (stopped)
            stop_here();
        if (resized) {
            resized = 0;
            measure();
            if (write(1, "\033[2J", 4) < 0)
                break;
        }
        status = draw(mode, pid, false);
        if (status)
            break;
        if (write(1, "\033[H", 3) < 0)
            break;
        flush(true);
        if (poll(&in, 1, UPDATE_MS) > 0 && (read(0, &c, 1) <= 0 || c == 'q' || c == 'Q'))
            break;
    }
    restore();
    return status;
}

int map_main(int argc, char **argv)
{
    enum mode mode = MODE_ALL;
    bool once = !isatty(0) || !isatty(1), plain = false;
    int pid = 0, status;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        } else if (strcmp(argv[i], "--once") == 0) {
            once = true;
        } else if (strcmp(argv[i], "--plain") == 0) {
            plain = true;
        } else if (mode != MODE_ALL) { /* one picture at a time */
            fputs(usage, stderr);
            return 2;
        } else if (strcmp(argv[i], "--buddy") == 0) {
            mode = MODE_BUDDY;
        } else if (strcmp(argv[i], "--swap") == 0) {
            mode = MODE_SWAP;
        } else if (*argv[i] != '-') {
            if (need_process("map", argv[i]))
                return 1;
            pid = strcmp(argv[i], "self") == 0 ? getpid() : atoi(argv[i]);
            mode = MODE_PROCESS;
        } else {
            fputs(usage, stderr);
            return 2;
        }
    }
    depth = plain ? PLAIN : colour_depth();
    measure();
    if (!once)
        return watch(mode, pid);
    height -= 1; /* the last row is the prompt's */
    status = draw(mode, pid, true);
    if (!status)
        flush(false);
    return status;
}
