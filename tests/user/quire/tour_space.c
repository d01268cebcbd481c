/* The tour: an address space as a whole: regions, tables, sizes, shared libraries, the working set. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/user/quire/tour.h"

static void *remember(const void *fn)
{
    return (void *)(uintptr_t)fn;
}

/* A line of smaps, of the region that has an address: KiB. */
static long region_kib(const volatile void *p, const char *field)
{
    static char line[512];
    FILE *f = fopen("/proc/self/smaps", "re");
    unsigned long from, to;
    bool inside = false;
    size_t n = strlen(field);
    long value = -1;

    while (f && value < 0 && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && strchr(line, '-') < strchr(line, ' '))
            inside = (uintptr_t)p >= from && (uintptr_t)p < to;
        else if (inside && strncmp(line, field, n) == 0 && line[n] == ':')
            value = strtol(line + n + 1, NULL, 10);
    }
    if (f)
        fclose(f);
    return value;
}

static void write_text(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);

    claim(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s takes %s", file, text);
    if (fd >= 0)
        close(fd);
}

static long tables(void)
{
    return number_of_pid(getpid(), "status", "VmPTE") / 4 - 1;
}

/* --- 6 --- */

static void two_levels(void)
{
    uintptr_t va = (uintptr_t)ALONE + SPAN + 5 * PAGE + 0x123;
    volatile uint8_t *p;
    long before, after;

    step("Two levels of tables");
    say("An address is three numbers: which entry of the directory, which entry of the page table, which "
        "byte "
        "of the page. One table maps 4 MiB.");
    show("%08lx = directory %lu, table %lu, byte %lu", (unsigned long)va, (unsigned long)(va / SPAN),
         (unsigned long)(va / PAGE % 1024), (unsigned long)(va % PAGE));
    quiet();
    before = tables();
    p = map_alone(2 * SPAN);
    show("page tables before a touch:                %ld", before);
    claim(tables() == before, "mapping makes no table");
    p[5 * PAGE] = 1;
    after = tables();
    show("after a touch in the first span:           %ld", after);
    claim(after == before + 1, "the first touch makes one table");
    p[9 * PAGE] = 1;
    claim(tables() == after, "a second one in the same span makes none");
    p[SPAN] = 1;
    show("after one in the second span:              %ld", tables());
    claim(tables() == before + 2, "a touch in another span makes another table");
    quiet_end();
    munmap((void *)(uintptr_t)p, 2 * SPAN);
}

static void entry_bits(void)
{
    volatile uint8_t *p = map_alone(PAGE);

    step("The bits of an entry");
    say("The processor sets two bits in the entry when it translates: accessed, and dirty if it was a write. "
        "smaps counts them; writing 1 to /proc/self/clear_refs clears the first.");
    *p = 1;
    show("written:      referenced %2ld kB, private dirty %2ld kB", region_kib(p, "Referenced"),
         region_kib(p, "Private_Dirty"));
    claim(region_kib(p, "Referenced") == 4 && region_kib(p, "Private_Dirty") == 4, "accessed and dirty");
    write_text("/proc/self/clear_refs", "1");
    show("cleared:      referenced %2ld kB, private dirty %2ld kB", region_kib(p, "Referenced"),
         region_kib(p, "Private_Dirty"));
    claim(region_kib(p, "Referenced") == 0, "it counts as not used");
    (void)*p;
    show("read:         referenced %2ld kB, private dirty %2ld kB", region_kib(p, "Referenced"),
         region_kib(p, "Private_Dirty"));
    claim(region_kib(p, "Referenced") == 4, "the processor set the bit again");
    munmap((void *)(uintptr_t)p, PAGE);
}

void tour_space(void)
{
    char here;
    unsigned lines = 0;
    FILE *f;

    say("A program's addresses are its own. What may be where is told by regions; /proc/self/maps has them:");
    show_file("/proc/self/maps");
    f = fopen("/proc/self/maps", "re");
    for (int c; f && (c = getc(f)) != EOF;)
        lines += c == '\n';
    if (f)
        fclose(f);
    say("%u regions. The code of this function is at %p, the stack at %p, the heap ends at %p.", lines,
        remember((const void *)tour_space), (void *)&here, sbrk(0));
    claim(lines >= 4, "there are code, data, heap and stack");
    if (access("/proc/quire/counters", R_OK) == 0) {
        two_levels();
        entry_bits();
    }
}

/* --- 7 --- */

struct sizes {
    long virt, res, shr; /* pages */
};

static struct sizes sizes(void)
{
    static char line[128];
    struct sizes s = {-1, -1, -1};
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    memset(line, 0, sizeof line);
    if (fd >= 0 && read(fd, line, sizeof line - 1) > 0)
        sscanf(line, "%ld %ld %ld", &s.virt, &s.res, &s.shr);
    if (fd >= 0)
        close(fd);
    return s;
}

static void say_sizes(const char *what, const struct sizes *then)
{
    struct sizes now = sizes();

    show("%-36s VIRT %+5ld, RES %+5ld, SHR %+5ld pages", what, now.virt - then->virt, now.res - then->res,
         now.shr - then->shr);
}

static void claim_sizes(const struct sizes *then, long virt, long res, long shr)
{
    struct sizes now = sizes();

    claim(now.virt - then->virt == virt && now.res - then->res == res && now.shr - then->shr == shr,
          "VIRT %+ld, RES %+ld, SHR %+ld", virt, res, shr);
}

static void three_sizes(void)
{
    int fd = memfd_create("tour", 0);
    struct sizes then;
    uint8_t *p, *q;

    quiet();
    sizes();
    then = sizes();
    show("this program: VIRT %ld, RES %ld, SHR %ld pages of 4 KiB", then.virt, then.res, then.shr);
    p = map(MIB);
    say_sizes("1 MiB mapped:", &then);
    claim_sizes(&then, 256, 0, 0);
    for (unsigned i = 0; i < 100; i++)
        p[i * PAGE] = 1;
    say_sizes("100 of its pages written:", &then);
    claim_sizes(&then, 256, 100, 0);
    if (fd >= 0 && ftruncate(fd, 16 * PAGE) == 0) {
        q = mmap(NULL, 16 * PAGE, RW, MAP_SHARED, fd, 0);
        for (unsigned i = 0; i < 16; i++)
            q[i * PAGE] = 1;
        say_sizes("16 pages of a file, written:", &then);
        claim_sizes(&then, 272, 116, 16);
        munmap(q, 16 * PAGE);
    }
    munmap(p, MIB);
    say_sizes("all unmapped:", &then);
    claim_sizes(&then, 0, 0, 0);
    close(fd);
    quiet_end();
}

/* The first region of a program whose name has a word and that is executable. */
static bool text_of(pid_t pid, const char *word, unsigned long *from, unsigned long *to)
{
    char path[64], line[512], rights[8];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f))
        found = strstr(line, word) && sscanf(line, "%lx-%lx %7s", from, to, rights) == 3 && rights[2] == 'x';
    if (f)
        fclose(f);
    return found;
}

static pid_t start_program(char *const *argv)
{
    pid_t pid = split();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

#define LIBC       "libc.so"
#define LIBC_PAGES 10u /* a program that runs has more of it in memory */

/* The text of a program's C library. */
struct library {
    size_t pages;
    struct page *page; /* to be freed */
};

static struct library library_of(pid_t pid)
{
    struct library l = {0};
    unsigned long from, to;

    if (text_of(pid, LIBC, &from, &to)) {
        l.page = calloc((to - from) / PAGE, sizeof *l.page);
        if (l.page) {
            l.pages = (to - from) / PAGE;
            pages_of_pid(pid, (void *)from, l.pages, l.page);
        }
    }
    return l;
}

/* Whether so much of its library is in memory that it runs. */
static bool runs_with_it(pid_t pid)
{
    struct library l = library_of(pid);
    unsigned there = 0;

    for (size_t i = 0; i < l.pages; i++)
        there += l.page[i].state == PAGE_PRESENT;
    free(l.page);
    return there > LIBC_PAGES;
}

static void shared_library(void)
{
    static char *const candidates[][3] = {{"/usr/bin/vmstat", "100", NULL},
                                          {"/usr/sbin/memtester", "1M", NULL}};
    char *const *argv = NULL;
    struct library library[2];
    unsigned same = 0, there = 0;
    pid_t pid[2];
    bool ok;

    step("A library that two programs share");
    for (unsigned i = 0; i < 2 && !argv; i++)
        if (access(candidates[i][0], X_OK) == 0)
            argv = candidates[i];
    if (!argv) {
        lacks("no program with shared libraries is here; `make run` has some");
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        pid[i] = start_program(argv);
        for (unsigned tries = 0; tries < 1000 && !runs_with_it(pid[i]); tries++)
            usleep(10000);
        usleep(100000);
        kill(pid[i], SIGSTOP);
        library[i] = library_of(pid[i]);
    }
    ok = library[0].pages && library[0].pages == library[1].pages;
    claim(ok, "two programs run with a shared library");
    for (size_t i = 0; ok && i < library[0].pages; i++) {
        struct page a = library[0].page[i], b = library[1].page[i];

        there += a.state == PAGE_PRESENT && b.state == PAGE_PRESENT;
        same += a.state == PAGE_PRESENT && b.state == PAGE_PRESENT && a.number == b.number;
    }
    say("%s runs twice. Each maps the C library's text, %lu pages; %u of these both have in memory, and %u "
        "of "
        "them are the same frame.",
        argv[0], (unsigned long)library[0].pages, there, same);
    claim(ok && same > LIBC_PAGES && same == there, "they share what they have of the library");
    for (unsigned i = 0; i < 2; i++) {
        long rss = number_of_pid(pid[i], "smaps_rollup", "Rss"),
             pss = number_of_pid(pid[i], "smaps_rollup", "Pss");

        show("process %d: resident %ld kB, its share of that %ld kB (Rss and Pss)", (int)pid[i], rss, pss);
        claim(pss < rss, "a share is less than what is resident");
    }
    for (unsigned i = 0; i < 2; i++) {
        kill(pid[i], SIGKILL);
        wait_for(pid[i]);
        free(library[i].page);
    }
}

void tour_sizes(void)
{
    say("VIRT is what is mapped, RES what of it is in memory, SHR what of that belongs to files and shared "
        "memory. `/usr/bin/top` has them for each program, /proc/PID/statm in pages.");
    three_sizes();
    shared_library();
}

/* --- 16: the working set --- */

#define SET_PAGES 64u

static void work(volatile uint8_t *p, unsigned first, unsigned pages)
{
    for (unsigned round = 0; round < 100; round++)
        for (unsigned i = first; i < first + pages; i++)
            p[i * PAGE]++;
}

static long set_now(volatile uint8_t *p, unsigned first, unsigned pages)
{
    write_text("/proc/self/clear_refs", "1");
    work(p, first, pages);
    return region_kib(p, "Referenced") / 4;
}

void tour_working_set(void)
{
    volatile uint8_t *p = map_alone(SET_PAGES * PAGE);
    long set;

    say("The working set is what a program used within the last moment (Denning, 1968). Accessed bits tell: "
        "clear them, let the program run, count those that are set again.");
    work(p, 0, SET_PAGES);
    set = set_now(p, 0, 10);
    show("%u pages are in memory; using ten of them for a moment:        %2ld in the set", SET_PAGES, set);
    claim(set == 10, "ten pages are in the set");
    set = set_now(p, 30, 20);
    show("it goes on to other data, twenty pages:                       %2ld in the set", set);
    claim(set == 20, "twenty pages are in the set");
    set = set_now(p, 0, 0);
    show("it does nothing:                                              %2ld in the set", set);
    claim(set == 0, "nothing is in the set");
    say("What is resident is another number: %ld pages all the time.", region_kib(p, "Rss") / 4);
    claim(region_kib(p, "Rss") == SET_PAGES * 4, "all pages stay in memory");
    munmap((void *)(uintptr_t)p, SET_PAGES * PAGE);
}

/* --- 19: why --- */

/* `why` about a page of the tour's. */
static void ask_why(volatile uint8_t *p)
{
    char number[16], address[16];
    char *argv[] = {"why", number, address, NULL};
    pid_t tour = getpid(), pid;

    snprintf(number, sizeof number, "%d", (int)tour);
    snprintf(address, sizeof address, "0x%lx", (unsigned long)(uintptr_t)p);
    show("$ why %s %s", number, address);
    pid = split();
    if (pid == 0) {
        execv("/proc/self/exe", argv); /* another program, which shares nothing with the tour */
        _exit(127);
    }
    claim(wait_for(pid) == 0, "why ends well");
}

static void all_about(volatile uint8_t *p)
{
    *p = 1;
    say("A page is written at %p: %s. smaps says of its region: Rss %ld kB, Pss %ld kB, private dirty %ld "
        "kB.",
        (void *)(uintptr_t)p, describe(p), region_kib(p, "Rss"), region_kib(p, "Pss"),
        region_kib(p, "Private_Dirty"));
    claim(region_kib(p, "Rss") == 4 && region_kib(p, "Private_Dirty") == 4, "the page is there, and dirty");
    if (!needs_quire())
        return;
    say("`why PID ADDRESS` says all that is known of it: its region, the directory and the entry bit by bit, "
        "the "
        "frame, and who else has it.");
    ask_why(p);
    step("On the disk");
    if (!needs_swap())
        return;
    say("The same page, put out: the entry is not present, and names a slot.");
    claim(page_out(p, PAGE) && page_of(p).state == PAGE_SWAPPED, "the page went to the disk");
    say("pagemap: %s.", describe(p));
    ask_why(p);
}

void tour_why(void)
{
    volatile uint8_t *p = map_alone(PAGE);

    all_about(p);
    munmap((void *)(uintptr_t)p, PAGE);
}
