/*
 * The guided tour: what an operating system does with a program's memory, seen by an ordinary program. What
 * is shown was just done, and each number is checked: the status is 0 when all of it was as it should be.
 * Parts that need no file of Quire's own run on Linux, too.
 */
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <termios.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"
#include "tests/user/quire/tour.h"

static const struct {
    const char *title;
    void (*run)(void);
} parts[] = {
    {"The life of one page", tour_life},
    {"fork() copies nothing, not even page tables", tour_fork},
    {"A page that four programs share goes to the disk and comes back", tour_sharers},
    {"One file, three views", tour_file},
    {"What is not allowed", tour_refused},
    {"An address space: regions, page tables, entries", tour_space},
    {"VIRT, RES, SHR, and a library that programs share", tour_sizes},
    {"The machine's memory: frames, uses, watermarks", tour_memory},
    {"The allocators: buddy, slab, fit policies", tour_allocators},
    {"A working set of twice the memory", tour_large_set},
    {"Replacement: one program under six policies, and the optimum", tour_policies},
    {"Belady's anomaly: more memory, more faults", tour_belady},
    {"Midpoint insertion: a scan beside a working set", tour_midpoint},
    {"The lists of VMS: a page salvaged", tour_vms},
    {"A page table goes to the disk and comes back", tour_table_out},
    {"The working set of a program", tour_working_set},
    {"Thrashing, and load control", tour_thrashing},
    {"Out of memory", tour_oom},
    {"Why? All about one page", tour_why},
    {"Forms of page tables: one space in seven forms", tour_forms},
    {"Free space: splitting, coalescing, fits, fragmentation", tour_free_space},
    {"Base and bounds, segments, compaction", tour_segments},
    {"A TLB that the kernel fills: reach, replacement, identifiers", tour_tlb},
};
#define PARTS (sizeof parts / sizeof parts[0])

static struct {
    unsigned part, step, claims, failed;
    bool waits;   /* for Enter */
    bool lacking; /* the part */
} tour;

/* --- telling --- */

/* How the terminal was before keys were taken one by one. */
static struct {
    struct termios was;
    volatile sig_atomic_t changed;
} terminal;

/* Async-signal-safe. */
static void restore_terminal(void)
{
    if (terminal.changed)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.was);
    terminal.changed = 0;
}

/* One of '\n', 'a', 'q', as soon as it is pressed; 0: the input has ended. */
static char take_key(void)
{
    struct termios single;
    char key = 0;

    if (tcgetattr(STDIN_FILENO, &terminal.was) == 0) {
        single = terminal.was;
        single.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        single.c_cc[VMIN] = 1;
        single.c_cc[VTIME] = 0;
        terminal.changed = 1;
        tcsetattr(STDIN_FILENO, TCSANOW, &single);
    }
    do {
        if (read(STDIN_FILENO, &key, 1) != 1 || key == '\4') /* which is no end of file now */
            key = 0;
    } while (key && !strchr("\r\n aq", key));
    restore_terminal();
    return key;
}

/* Somebody reads: wait until they have. */
static void wait_for_reader(const char *next)
{
    char key;

    if (!tour.waits)
        return;
    printf("\n  -- Enter: %s; a: all the rest; q: the end -- ", next);
    fflush(stdout);
    key = take_key();
    putchar('\n');
    if (!key || key == 'a')
        tour.waits = false;
    if (key == 'q') {
        restore_vm();
        printf("tour: ended by its reader, %u claim%s failed\n", tour.failed, tour.failed == 1 ? "" : "s");
        exit(tour.failed ? 1 : 0);
    }
}

void step(const char *title)
{
    if (tour.step++)
        wait_for_reader("go on");
    printf("\n%u.%u %s\n", tour.part, tour.step, title);
    fflush(stdout);
}

/* Words, in lines of at most COLUMNS after two blanks. */
static void say_words(const char *text)
{
    size_t column = 0;

    for (const char *at = text; *at;) {
        size_t n = strcspn(at, " ");

        if (column && column + 1 + n > COLUMNS) {
            putchar('\n');
            column = 0;
        }
        printf("%s%.*s", column ? " " : "  ", (int)n, at);
        column += n + (column > 0);
        at += n;
        at += strspn(at, " ");
    }
    putchar('\n');
    fflush(stdout); /* a child must not inherit what was not written yet */
}

void say(const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    say_words(text);
}

void show(const char *fmt, ...)
{
    va_list ap;

    fputs("  ", stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

bool claim(bool holds, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    tour.claims++;
    if (holds)
        return true;
    tour.failed++;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    printf("  !! this is not so: %s\n", text);
    fflush(stdout);
    return false;
}

void lacks(const char *fmt, ...)
{
    char text[512];
    va_list ap;

    tour.lacking = true;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    printf("  (Left out: %s)\n", text);
    fflush(stdout);
}

bool needs_swap(void)
{
    struct sysinfo s;

    sysinfo(&s);
    if (s.freeswap * (uint64_t)s.mem_unit >= MIB)
        return true;
    lacks("no swap disk. `make run` has one; else: mkswap FILE,\n  tools/run --disk FILE");
    return false;
}

bool needs_quire(void)
{
    if (access("/proc/quire/counters", R_OK) == 0)
        return true;
    lacks("what this shows only Quire tells, in /proc/quire");
    return false;
}

void in_child(void)
{
    tour.waits = false;
    tour.claims = tour.failed = 0;
}

unsigned claims_failed(void)
{
    return tour.failed;
}

/* --- the order --- */

static void on_signal(int signo)
{
    restore_terminal();
    restore_vm();
    if (signo != SIGPIPE)
        reader_interrupted();
    signal(signo, SIG_DFL);
    raise(signo);
}

/* Whether it was left out. */
static bool run_part(unsigned n)
{
    unsigned claims = tour.claims, failed = tour.failed;

    tour.part = n + 1;
    tour.step = 0;
    tour.lacking = false;
    printf("\n%u. %s\n", n + 1, parts[n].title);
    fflush(stdout);
    parts[n].run();
    restore_vm();
    if (tour.failed > failed)
        printf("  part %u: %u of %u claims failed\n", n + 1, tour.failed - failed, tour.claims - claims);
    else if (tour.claims > claims)
        printf("  part %u: checked, %u claim%s\n", n + 1, tour.claims - claims,
               tour.claims - claims == 1 ? " holds" : "s hold");
    fflush(stdout);
    return tour.lacking;
}

static int usage(FILE *to, int status)
{
    fprintf(
        to,
        "usage: tour [PART ... | --all | --list | --help]\n"
        "What happens to a program's memory, part by part; each number is checked.\n"
        "    tour          from the first part on; waits for a key if a person reads\n"
        "    tour 5 7      these parts (1 to %u)\n"
        "    tour --all    all parts, without waiting\n"
        "    tour --list   what there is\n"
        "Who reads it over a pipe gets a part at a time, so that the reader's page faults are not counted.\n"
        "    tour --references   the reference string of part 11, for build/host/replay\n"
        "The status is 0 if everything was as it should be.\n",
        (unsigned)PARTS);
    return status;
}

static int list(void)
{
    for (unsigned i = 0; i < PARTS; i++)
        printf("%3u  %s\n", i + 1, parts[i].title);
    return 0;
}

static int run_parts(const bool *wanted)
{
    unsigned ran = 0, lacking = 0;
    struct sysinfo s;

    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, on_signal);
    reader_begin();
    sysinfo(&s);
    printf("The tour: %llu MiB of memory, %llu MiB of swap. What you read was just done.\n",
           (unsigned long long)s.totalram * s.mem_unit / MIB,
           (unsigned long long)s.totalswap * s.mem_unit / MIB);
    for (unsigned i = 0; i < PARTS; i++) {
        if (!wanted[i])
            continue;
        if (ran++)
            wait_for_reader("the next part");
        lacking += run_part(i);
        reader_take();
    }
    printf("\ntour: %u part%s, %u claims, %u failed", ran, ran == 1 ? "" : "s", tour.claims, tour.failed);
    if (lacking)
        printf(", %u part%s something", lacking, lacking == 1 ? " lacks" : "s lack");
    putchar('\n');
    return tour.failed ? 1 : 0;
}

int tour_main(int argc, char **argv)
{
    bool wanted[PARTS] = {false};
    bool all = argc == 1;

    tour.waits = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    for (int i = 1; i < argc; i++) {
        char *end;
        long n = strtol(argv[i], &end, 10);

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout, 0);
        if (strcmp(argv[i], "--list") == 0)
            return list();
        if (strcmp(argv[i], "--references") == 0)
            return tour_references();
        if (strcmp(argv[i], "--all") == 0) {
            all = true;
            tour.waits = false;
        } else if (*end || end == argv[i] || n < 1 || n > (long)PARTS) {
            fprintf(stderr, "tour: there is no part %s\n", argv[i]);
            return usage(stderr, 2);
        } else {
            wanted[n - 1] = true;
        }
    }
    for (unsigned i = 0; all && i < PARTS; i++)
        wanted[i] = true;
    return run_parts(wanted);
}
