/* The tour: the life of one page, pages that programs share, a file, accesses that are refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/user/quire/tour.h"

#define WORDS (PAGE / 4)

static volatile uint32_t *page(unsigned n)
{
    return (volatile uint32_t *)ALONE + n * WORDS;
}

/* --- 1: one page's life --- */

#define LIFE_PAGES  4u
#define MOTHER_WORD 0x51A25E11u
#define CHILD_WORD  0xC0FFEE22u
#define NEW_WORD    0x0DDBA113u

static struct actor child;

static void life_map(void)
{
    map_alone(LIFE_PAGES * PAGE);
}

static void life_read(void)
{
    struct answer a = self_read(page(0));

    claim(a.value == 0 && a.minor == 1 && a.major == 0, "fresh memory reads as zero, after one fault");
}

static void life_write(void)
{
    struct answer a = self_write(page(0), MOTHER_WORD);

    claim(a.minor == 1 && a.page.sole, "one fault, and the page has a frame of its own");
}

static void life_child_writes(void)
{
    struct answer a = actor_write(&child, page(0), CHILD_WORD);

    claim(a.minor == 1 && a.page.number != page_of(page(0)).number, "the child has another frame");
    claim(*page(0) == MOTHER_WORD, "a child's write is the child's alone");
}

static void life_mother_writes(void)
{
    uint32_t before = page_of(page(0)).number;
    struct answer a = self_write(page(0), MOTHER_WORD);

    claim(a.minor == 1 && a.page.number == before, "the frame is the same as before");
    claim(actor_read(&child, page(0)).value == CHILD_WORD, "the child still has what it wrote");
}

static void life_out(void)
{
    claim(page_out(page(0), PAGE) && page_of(page(0)).state == PAGE_SWAPPED, "the page went to the disk");
}

static void life_in(void)
{
    struct answer a = self_read(page(0));

    claim(a.value == MOTHER_WORD, "it is as it was");
    claim(a.major == 1 && a.minor == 0, "the fault waited for the disk: %ld major, %ld minor", a.major,
          a.minor);
}

static void life_neighbours(void)
{
    for (unsigned i = 1; i < LIFE_PAGES; i++)
        self_write(page(i), MOTHER_WORD + i);
}

static void life_all_out(void)
{
    claim(page_out(page(0), LIFE_PAGES * PAGE), "they all went");
}

static void life_touch(void)
{
    for (unsigned i = 1; i < LIFE_PAGES; i++) {
        struct answer a = self_read(page(i));

        claim(a.value == MOTHER_WORD + i && a.major == 0, "page %u is as it was, and is not waited for", i);
    }
}

static void life_rewrite(void)
{
    self_write(page(0), NEW_WORD);
}

struct scene {
    const char *title, *text;
    void (*act)(void);
    unsigned shown; /* pages */
    bool swap;      /* needs a swap disk */
    struct change change[10];
};

static const struct scene scenes[] = {
    {"Mapped, and nothing there",
     "Mapping notes what is allowed, in a region. It makes no page and no page table; these come with the "
     "first touch: demand zero.",
     life_map,
     1,
     false,
     {{NULL, 0}}},
    {"Read for the first time",
     "A page never written reads as zeroes. One frame of zeroes serves all such reads, mapped read-only: the "
     "cost is a page table, and no page.",
     life_read,
     1,
     false,
     {{"fault.all", 1}, {"action.map_zero_frame", 1}, {"use.table", 1}}},
    {"Written for the first time",
     "The entry is read-only, so the processor faults. The page gets its own frame, zeroed before the entry "
     "appears: old contents never show.",
     life_write,
     1,
     false,
     {{"fault.all", 1}, {"action.fill_zero", 1}, {"use.anon", 1}}},
    {"A child writes",
     "The program has forked. The child's directory names the parent's page table, and both hold back "
     "writes. "
     "One fault now does two things: the table is split, and the page is copied for the child.",
     life_child_writes,
     1,
     false,
     {{"fault.all", 1},
      {"action.own_table", 1},
      {"action.copy", 1},
      {"table.split", 1},
      {"use.anon", 1},
      {"use.table", 1}}},
    {"The parent writes",
     "Nobody else names its table and its page any more. So it claims the one and takes over the other: no "
     "copy, no frame.",
     life_mother_writes,
     1,
     false,
     {{"fault.all", 1}, {"action.own_table", 1}, {"action.take_over", 1}, {"table.claimed", 1}}},
    {"Put out",
     "The page gets a slot on the disk, the entry names the slot in place of the frame and says not present, "
     "the page is written, and its frame is free. Memory that is short does this; here it is asked for, by "
     "madvise(MADV_PAGEOUT).",
     life_out,
     1,
     true,
     {{"page.evicted", 1},
      {"swap.pages_out", 1},
      {"swap.writes", 1},
      {"swap.free_slots", -1},
      {"use.anon", -1}}},
    {"Brought back by a fault",
     "Reading faults; the page comes from its slot, and the program waits for the disk: a major fault. It "
     "keeps the slot until it is written: should it go before, there is nothing to write.",
     life_in,
     1,
     true,
     {{"fault.all", 1}, {"action.swap_in", 1}, {"swap.pages_in", 1}, {"swap.reads", 1}, {"use.anon", 1}}},
    {"Three neighbours, written",
     "Three faults, one for each page: a lone touch takes exactly one frame.",
     life_neighbours,
     0,
     true,
     {{"fault.all", LIFE_PAGES - 1}, {"action.fill_zero", LIFE_PAGES - 1}, {"use.anon", LIFE_PAGES - 1}}},
    {"All four put out",
     "Four go, three are written, in one request: the first was clean, the disk still has it. Pages that go "
     "together get slots side by side: a cluster.",
     life_all_out,
     LIFE_PAGES,
     true,
     {{"page.evicted", LIFE_PAGES},
      {"page.evicted_clean", 1},
      {"swap.pages_out", LIFE_PAGES - 1},
      {"swap.writes", 1},
      {"swap.free_slots", -(int)(LIFE_PAGES - 1)},
      {"use.anon", -(int)LIFE_PAGES}}},
    {"One asked for, four read",
     "A disk takes as long for a cluster as for a page, so one request brings the neighbours, too: prefetch. "
     "Their entries still name the slots.",
     life_in,
     LIFE_PAGES,
     true,
     {{"fault.all", 1},
      {"action.swap_in", 1},
      {"swap.pages_in", LIFE_PAGES},
      {"swap.reads", 1},
      {"swap.ahead", LIFE_PAGES - 1},
      {"use.anon", LIFE_PAGES}}},
    {"The neighbours touched",
     "Each is found in the swap cache: a minor fault, and no disk.",
     life_touch,
     0,
     true,
     {{"fault.all", LIFE_PAGES - 1},
      {"action.swap_in", LIFE_PAGES - 1},
      {"swap.ahead_used", LIFE_PAGES - 1}}},
    {"Written again",
     "The copy on the disk is out of date from now on, so the slot is given back.",
     life_rewrite,
     1,
     true,
     {{"fault.all", 1}, {"action.take_over", 1}, {"swap.free_slots", 1}}},
};

/* What lies in the slot is read from the disk itself. */
static void show_slot(void)
{
    static uint32_t copy[WORDS];
    struct page g = page_of(page(0));

    if (g.state != PAGE_SWAPPED)
        return;
    claim(read_slot(g, copy), "the disk can be read at byte %llu", (unsigned long long)g.number * PAGE);
    claim(copy[0] == MOTHER_WORD, "the disk has what was written to the page");
    say("Read from the disk itself, at that byte: %08x, which is what was written to the page.",
        (unsigned)copy[0]);
}

/* Faults that the steps showed: all of them, and a line that says which step had how many. */
static struct {
    long long all;
    char line[256];
} faults_shown;

static void note_faults(unsigned number, long long faults)
{
    size_t used = strlen(faults_shown.line);

    if (!faults)
        return;
    faults_shown.all += faults;
    snprintf(faults_shown.line + used, sizeof faults_shown.line - used, "%s%lld in 1.%u", used ? ", " : "",
             faults, number);
}

static void scene(const struct scene *sc)
{
    struct counts before, after;

    step(sc->title);
    say("%s", sc->text);
    settle();
    count(&before);
    sc->act();
    count(&after);
    expect(&before, sc->change);
    note_faults((unsigned)(sc - scenes) + 1, between(&before, &after, "fault.all"));
    for (unsigned i = 0; i < sc->shown; i++)
        show("page %u at %p: %s", i, (void *)(uintptr_t)page(i), describe(page(i)));
    if (sc->act == life_out)
        show_slot();
}

/* On another kernel: what the program's own counts say. */
static void short_life(void)
{
    life_map();
    say("Mapped: %s.", describe(page(0)));
    claim(page_of(page(0)).state == PAGE_NOTHING, "nothing is there before the first touch");
    life_read();
    say("Read: %s.", describe(page(0)));
    life_write();
    say("Written: %s.", describe(page(0)));
}

/* Faults that the steps are to have. */
static long long shown_by_scenes(bool swap)
{
    long long all = 0;

    for (unsigned i = 0; i < sizeof scenes / sizeof scenes[0]; i++)
        for (const struct change *c = scenes[i].change; c->name && (swap || !scenes[i].swap); c++)
            all += strcmp(c->name, "fault.all") == 0 ? c->by : 0;
    return all;
}

void tour_life(void)
{
    struct counts beginning;
    long long others;
    bool swap;

    if (access("/proc/quire/counters", R_OK) != 0) {
        short_life();
        munmap(ALONE, LIFE_PAGES * PAGE);
        return;
    }
    swap = number_in("/proc/meminfo", "SwapFree") >= 1024;
    quiet();
    memset(&faults_shown, 0, sizeof faults_shown);
    count(&beginning);
    for (unsigned i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        if (scenes[i].swap && !swap) {
            needs_swap();
            break;
        }
        if (scenes[i].act == life_child_writes && !actor_start(&child))
            break;
        scene(&scenes[i]);
    }
    step("Unmapped");
    say("The child ends, and the parent unmaps: frames, tables and slots are free again.");
    actor_end(&child);
    munmap(ALONE, LIFE_PAGES * PAGE);
    claim(changed(&beginning, "use.anon") == 0, "the frames are free again");
    claim(changed(&beginning, "use.table") == 0, "the tables are free again");
    claim(changed(&beginning, "swap.free_slots") == 0, "the slots are free again");
    say("Slots are back where they were. Faults in this life: %s; %lld together.", faults_shown.line,
        faults_shown.all);
    others = changed(&beginning, "fault.all") - faults_shown.all;
    say("The machine counted %lld more meanwhile: those of the child's beginning and end, and of both for "
        "their own work between the steps, since after the fork each gets its own copies of what it writes.",
        others);
    claim(faults_shown.all == shown_by_scenes(swap), "the steps had as many faults as they said");
    claim(others >= 0, "the machine counted these, too");
    quiet_end();
}

/* --- 2: fork --- */

static double fork_cost(uint8_t *p, size_t size)
{
    double best = 1e9;

    memset(p, 1, size);
    for (unsigned i = 0; i < 5; i++) {
        double from = microseconds(), took;
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        took = microseconds() - from;
        wait_for(pid);
        best = took < best ? took : best;
    }
    return best;
}

/* Right after a fork: who shares what. */
static void after_fork(void)
{
    struct counts before;
    struct answer a;
    long tables;

    quiet();
    map_alone(PAGE);
    *page(0) = 1;
    tables = number_of_pid(getpid(), "status", "VmPTE") / 4 - 1;
    count(&before);
    if (!actor_start(&child))
        return;
    say("This program has %ld page tables, of 4 MiB each, beside its directory. fork() shared %lld of them; "
        "it "
        "copied the directory, and no page.",
        tables, (long long)changed(&before, "table.shared"));
    claim(changed(&before, "table.shared") == tables, "all tables are shared");
    a = actor_read(&child, page(0));
    say("Both read %u from %s; the child's read took %ld fault%s.", (unsigned)*page(0), describe(page(0)),
        a.minor, a.minor == 1 ? "" : "s");
    claim(a.minor == 0 && a.page.number == page_of(page(0)).number, "parent and child have one frame");
    settle();
    count(&before);
    a = actor_write(&child, page(0), 2);
    say("The child writes 2: %ld fault%s, and now its page is frame %u. Copy on write.", a.minor,
        a.minor == 1 ? "" : "s", (unsigned)a.page.number);
    expect(&before, (const struct change[]){{"fault.all", 1},
                                            {"action.own_table", 1},
                                            {"action.copy", 1},
                                            {"table.split", 1},
                                            {"use.anon", 1},
                                            {"use.table", 1},
                                            {NULL, 0}});
    claim(*page(0) == 1 && actor_read(&child, page(0)).value == 2, "each has its own value");
    actor_end(&child);
    munmap(ALONE, PAGE);
    quiet_end();
}

void tour_fork(void)
{
    size_t large = available() / 4 < 16 * MIB ? available() / 4 / MIB * MIB : 16 * MIB;
    double small_cost, large_cost;
    uint8_t *p;

    if (access("/proc/quire/counters", R_OK) == 0)
        after_fork();
    if (large < 2 * MIB) {
        lacks("16 MiB of memory are too little for the rest");
        return;
    }
    step("What fork() costs");
    p = map(large);
    small_cost = fork_cost(p, MIB);
    large_cost = fork_cost(p, large);
    show("fork() with  1 MiB in use takes %6.0f us,", small_cost);
    show("fork() with %2u MiB in use takes %6.0f us.", (unsigned)(large / MIB), large_cost);
    say("Parent and child share the tables, 4 MiB of addresses in each, until one writes there.");
    claim(large_cost < small_cost * 8 + 1000, "fork() does not cost more for each page");
    munmap(p, large);
}

/* --- 3: sharers --- */

#define SHARERS 3u
#define SHARED  0x5A5A5A5Au

/* A is the tour; C and D have split off, by writing another page; B shares A's table. */
void tour_sharers(void)
{
    static const char *const name[] = {"B", "C", "D"};
    struct actor other[SHARERS];
    struct counts before;
    struct answer a;
    struct page g;

    if (!needs_quire() || !needs_swap())
        return;
    quiet();
    map_alone(2 * PAGE);
    *page(0) = SHARED;
    *page(1) = 0;
    for (unsigned i = 0; i < SHARERS; i++)
        if (!actor_start(&other[i]))
            return;
    for (unsigned i = 1; i < SHARERS; i++)
        actor_write(&other[i], page(1), i);

    step("Put out once, for all");
    say("A has forked three times. A and B still share a page table; C and D have tables of their own: three "
        "entries name the frame. All are found from the frame, by its family and page number.");
    set_vm("exact", "1");
    set_vm("pageable_max", "8");
    for (unsigned i = 0; i < 100 && (page_of(page(0)).state != PAGE_SWAPPED || in_core(page(0))); i++) {
        squeeze(16);
        usleep(1000);
    }
    set_vm("pageable_max", "0");
    g = page_of(page(0));
    claim(g.state == PAGE_SWAPPED, "the page went to the disk");
    show("A: %s", place_of(g));
    for (unsigned i = 0; i < SHARERS; i++) {
        struct page h = page_of_pid(other[i].pid, page(0));

        show("%s: %s", name[i], place_of(h));
        claim(h.state == PAGE_SWAPPED && h.number == g.number, "%s names the same slot", name[i]);
    }

    step("Read by all, and read from the disk once");
    say("The first brings it in. B sees A's entry and does not even fault; C and D fault, and find the frame "
        "in the swap cache.");
    for (unsigned i = 0; i < SHARERS; i++) /* what they need themselves is in memory again */
        for (unsigned n = 0; n < 3; n++)
            actor_read(&other[i], page(1));
    settle();
    claim(page_of(page(0)).state == PAGE_SWAPPED, "nobody touched it yet");
    count(&before);
    a = self_read(page(0));
    claim(a.value == SHARED && a.major == 1, "A waits for the disk");
    show("A: %ld major, %ld minor: %s", a.major, a.minor, describe(page(0)));
    for (unsigned i = 0; i < SHARERS; i++) {
        a = actor_read(&other[i], page(0));
        show("%s: %ld major, %ld minor: frame %u", name[i], a.major, a.minor, (unsigned)a.page.number);
        claim(a.value == SHARED && a.major == 0 && a.minor == (i > 0), "%s finds it in memory", name[i]);
        claim(a.page.number == page_of(page(0)).number, "%s has the same frame", name[i]);
    }
    say("Pages read from the disk: %lld.", (long long)changed(&before, "swap.pages_in"));
    claim(changed(&before, "swap.pages_in") == 1, "it was read once");

    step("Written by all");
    say("Each writes its own number, and finds it again: the sharing ends unseen.");
    *page(0) = 100;
    for (unsigned i = 0; i < SHARERS; i++)
        actor_write(&other[i], page(0), i);
    for (unsigned i = 0; i < SHARERS; i++)
        claim(actor_read(&other[i], page(0)).value == i, "%s finds what it wrote", name[i]);
    claim(*page(0) == 100, "A finds what it wrote");
    for (unsigned i = 0; i < SHARERS; i++)
        actor_end(&other[i]);
    munmap(ALONE, 2 * PAGE);
    quiet_end();
}

/* --- 4: a file --- */

/* A page of a file that nobody has changed. */
static void dropped_page(void)
{
    int fd = open("/etc/group", O_RDONLY);
    struct counts before;
    struct answer a;
    const char *p;

    if (fd < 0) {
        lacks("there is no /etc/group to map");
        return;
    }
    step("A file's page evicted, and read again");
    say("A clean page of a file is dropped: the file has it. No slot, no write.");
    quiet();
    p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    a = self_read((const volatile uint32_t *)p);
    show("%s", describe(p));
    claim(a.page.file, "the frame is the file's");
    count(&before);
    claim(page_out(p, PAGE), "it was evicted");
    show("%s", describe(p));
    a = self_read((const volatile uint32_t *)p);
    show("%s", describe(p));
    claim(a.minor == 1 && a.major == 0, "it comes back by a fault, and from no swap");
    expect(&before, (const struct change[]){{"fault.all", 1},
                                            {"action.object_in", 1},
                                            {"page.evicted", 1},
                                            {"page.evicted_clean", 1},
                                            {NULL, 0}});
    munmap((void *)(uintptr_t)p, PAGE);
    close(fd);
    quiet_end();
}

void tour_file(void)
{
    char name[] = "/tmp/tour-XXXXXX", text[9] = "";
    int fd = mkstemp(name);
    char *shared, *same, *own;

    if (fd < 0 || write(fd, "original", 8) != 8) {
        lacks("there is no room in /tmp for a file");
        return;
    }
    unlink(name);
    shared = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    same = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    own = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    claim(memcmp(same, own, 8) == 0, "all views begin alike");
    memcpy(shared, "changed!", 8);
    show("Mapped shared, written: \"%.8s\" (%s)", shared, describe(shared));
    show("Mapped shared again:    \"%.8s\" (%s)", same, describe(same));
    show("Mapped private:         \"%.8s\" (%s)", own, describe(own));
    claim(page_of(shared).number == page_of(same).number && page_of(own).number == page_of(same).number,
          "the three views have one frame");
    memcpy(own, "private.", 8);
    show("Private, written:       \"%.8s\" (%s), a copy", own, describe(own));
    claim(!page_of(own).number || page_of(own).number != page_of(same).number, "the copy has its own frame");
    claim(pread(fd, text, 8, 0) == 8 && memcmp(text, "changed!", 8) == 0 && memcmp(same, "changed!", 8) == 0,
          "a shared write is in the file");
    show("read() of the file:     \"%s\"", text);
    say("The mapping and the file are the same memory. The file has no name any more; it lives for as long "
        "as "
        "somebody maps it or has it open.");
    munmap(shared, PAGE);
    munmap(same, PAGE);
    munmap(own, PAGE);
    close(fd);
    if (access("/proc/quire/counters", R_OK) == 0)
        dropped_page();
}

/* --- 5: what is not allowed --- */

static sigjmp_buf back;
static siginfo_t caught;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)context;
    caught = *info;
    siglongjmp(back, 1);
}

static void forbidden(const char *what, volatile uint8_t *p, bool write, int code)
{
    if (sigsetjmp(back, 1) == 0) {
        if (write)
            *p = 1;
        else
            (void)*p;
        claim(false, "this access is refused: %s", what);
        return;
    }
    show("%-32s %s at %p: %s", what, caught.si_signo == SIGBUS ? "SIGBUS" : "SIGSEGV", caught.si_addr,
         caught.si_signo == SIGBUS       ? "the file ends before"
         : caught.si_code == SEGV_MAPERR ? "nothing is mapped"
                                         : "not allowed");
    claim(caught.si_addr == (const void *)p, "the address is told exactly");
    claim(caught.si_code == code, "the code is %d, not %d", caught.si_code, code);
}

void tour_refused(void)
{
    static volatile unsigned long refused[] = {16, 0xffffe000u};
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, segv, bus;
    uint8_t *p = map(2 * PAGE);
    FILE *f = tmpfile();

    say("A region says what is allowed. The verdict on what is not goes to the program that did it, with the "
        "address.");
    sigaction(SIGSEGV, &a, &segv);
    sigaction(SIGBUS, &a, &bus);
    mprotect(p, PAGE, PROT_READ);
    munmap(p + PAGE, PAGE);
    forbidden("reading address 16:", (volatile uint8_t *)16, false, SEGV_MAPERR);
    forbidden("writing to read-only memory:", p, true, SEGV_ACCERR);
    forbidden("reading what was unmapped:", p + PAGE, false, SEGV_MAPERR);
    forbidden("reading the kernel:", (volatile uint8_t *)0xffffe000u, false, SEGV_MAPERR);
    if (f) {
        uint8_t *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fileno(f), 0);

        forbidden("reading behind a file's end:", q, false, BUS_ADRERR);
        munmap(q, PAGE);
        fclose(f);
    }
    say("A system call that is given such an address refuses it before the processor tries: EFAULT.");
    for (unsigned i = 0; i < 2; i++)
        claim(write(STDOUT_FILENO, (const void *)refused[i], 1) == -1, "write() refuses address %lx",
              refused[i]);
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    munmap(p, PAGE);
}
