/*
 * The guided tour: what an operating system does with a program's memory, seen by an ordinary program.
 * Everything that it shows comes from calls and files that Linux has too (mmap, fork, /proc/self/pagemap), so
 * it runs there as well. It checks what it claims: the exit status is 0 when all of it was so.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

#define PAGE 4096u
#define MIB  (1u << 20)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static unsigned part_number, wrong;
static bool has_swap;

/* --- telling --- */

static void part(const char *title)
{
    printf("\n%u. %s\n\n", ++part_number, title);
    fflush(stdout);
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list ap;

    fputs("   ", stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout); /* a child must not inherit what was not written yet */
}

static bool claim(bool holds, const char *what)
{
    if (!holds) {
        wrong++;
        say("!! this is not so: %s", what);
    }
    return holds;
}

/* --- looking --- */

struct page {
    bool present, swapped;
    uint32_t number; /* of the frame, if we may know it */
};

/* One entry of /proc/self/pagemap. */
static struct page page_of(const volatile void *p)
{
    uint64_t e = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || pread(fd, &e, sizeof e, (off_t)((uintptr_t)p / PAGE * sizeof e)) != sizeof e)
        claim(false, "/proc/self/pagemap can be read");
    if (fd >= 0)
        close(fd);
    return (struct page){.present = e >> 63, .swapped = e >> 62 & 1, .number = e >> 63 ? (uint32_t)e : 0};
}

static const char *describe(const volatile void *p)
{
    static char text[64];
    struct page g = page_of(p);

    if (g.swapped)
        snprintf(text, sizeof text, "on the disk");
    else if (!g.present)
        snprintf(text, sizeof text, "nothing");
    else if (g.number)
        snprintf(text, sizeof text, "frame %u", g.number);
    else
        snprintf(text, sizeof text, "a frame");
    return text;
}

static struct rusage usage(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u;
}

/* A counter of /proc/vmstat, or a line of /proc/meminfo. */
static long counter(const char *file, const char *name)
{
    char line[128];
    size_t n = strlen(name);
    long value = -1;
    FILE *f = fopen(file, "re");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && (line[n] == ' ' || line[n] == ':'))
            value = strtol(line + n + 1, NULL, 10);
    if (f)
        fclose(f);
    return value;
}

static double microseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint8_t *map(size_t size)
{
    uint8_t *p = mmap(NULL, size, RW, ANON, -1, 0);

    if (p == MAP_FAILED) {
        claim(false, "there is address space");
        exit(1);
    }
    /* Linux would hand out 2 MiB at a time. */
    madvise(p, size, MADV_NOHUGEPAGE);
    return p;
}

static void *remember(const void *fn)
{
    return (void *)(uintptr_t)fn;
}

static int wait_for(pid_t pid)
{
    int status = -1;

    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- 1 --- */

static void life(void)
{
    volatile uint8_t *p = map(8 * PAGE);
    struct rusage before;
    struct page zero, own;

    part("The life of one page");
    say("mmap() gave this program 8 pages at %p. That is a promise, no memory:", (void *)(uintptr_t)p);
    say("    the first page is: %s", describe(p));
    claim(!page_of(p).present, "nothing is there before the first touch");

    before = usage();
    claim(*p == 0, "fresh memory reads as zero");
    zero = page_of(p);
    say("Reading it faults once. All pages that are only read share one frame of zeroes:");
    say("    the first page is: %s (%ld fault)", describe(p), usage().ru_minflt - before.ru_minflt);

    before = usage();
    *p = 42;
    own = page_of(p);
    say("Writing to it faults again, and now it has a frame of its own:");
    say("    the first page is: %s (%ld fault)", describe(p), usage().ru_minflt - before.ru_minflt);
    claim(own.present && (!own.number || own.number != zero.number), "a written page has its own frame");

    if (has_swap) {
        madvise((void *)(uintptr_t)p, PAGE, MADV_PAGEOUT);
        say("When memory is short a page goes to the swap disk. We ask for it, madvise(MADV_PAGEOUT):");
        say("    the first page is: %s", describe(p));
        claim(page_of(p).swapped, "the page went to the disk");
        before = usage();
        claim(*p == 42, "the page comes back as it was");
        struct rusage after = usage();

        say("Nobody needs to know: reading it still gives %u. A fault that has to wait for the disk is a "
            "major one:",
            *p);
        say("    the first page is: %s (%ld minor, %ld major)", describe(p),
            after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt);
        if (after.ru_majflt == before.ru_majflt)
            say("    It did not wait: the page was still on its way out, and the swap cache had it.");
    } else {
        say("(There is no swap, so it will stay there. Boot with a swap disk to see it leave and come "
            "back.)");
    }
    madvise((void *)(uintptr_t)p, PAGE, MADV_DONTNEED);
    say("madvise(MADV_DONTNEED) throws it away. The promise stays, the data does not:");
    say("    the first page is: %s; reading it gives 0 again", describe(p));
    claim(*p == 0, "a page that was thrown away is zero again");
    munmap((void *)(uintptr_t)p, 8 * PAGE);
}

/* --- 2 --- */

/* Parent and child take turns through a pipe, so that the story has an order. */
static void turn(int fd)
{
    char c = '.';

    if (write(fd, &c, 1) != 1)
        exit(2);
}

static void await(int fd)
{
    char c;

    if (read(fd, &c, 1) != 1)
        exit(2);
}

static void copying(void)
{
    volatile uint8_t *p = map(PAGE);
    int to_child[2], to_parent[2];

    part("fork() copies nothing");
    if (pipe(to_child) || pipe(to_parent))
        exit(2);
    *p = 1;
    say("This program writes 1 to a page (%s), and forks.", describe(p));
    pid_t pid = fork();
    if (pid == 0) {
        say("child:  I read %u from the same address, and it is %s: the same.", *p, describe(p));
        *p = 2;
        say("child:  I write 2. Now mine is %s.", describe(p));
        turn(to_parent[1]);
        await(to_child[0]);
        say("child:  After the parent's write I still read %u.", *p);
        exit(*p == 2 ? 0 : 1);
    }
    await(to_parent[0]);
    say("parent: I still read %u, from %s.", *p, describe(p));
    claim(*p == 1, "a child's write is the child's alone");
    usage(); /* what it touches itself has been copied by now */
    struct rusage before = usage();
    *p = 3;
    long faults = usage().ru_minflt - before.ru_minflt;
    say("parent: I write 3. The child has left this frame, so nothing is copied: %s (%ld fault).",
        describe(p), faults);
    turn(to_child[1]);
    claim(wait_for(pid) == 0, "a parent's write is the parent's alone");
    for (unsigned i = 0; i < 2; i++) {
        close(to_child[i]);
        close(to_parent[i]);
    }
    munmap((void *)(uintptr_t)p, PAGE);
}

static double fork_cost(uint8_t *p, size_t size)
{
    double best = 1e9;

    memset(p, 1, size);
    for (unsigned i = 0; i < 5; i++) {
        double from = microseconds();
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        double took = microseconds() - from;

        wait_for(pid);
        best = took < best ? took : best;
    }
    return best;
}

static void tables(size_t memory)
{
    size_t large = memory / 4 < 16 * MIB ? memory / 4 : 16 * MIB;
    uint8_t *p = map(large);

    part("fork() does not even copy page tables");
    say("fork() with  1 MiB in use takes %6.0f us,", fork_cost(p, MIB));
    say("fork() with %2u MiB in use takes %6.0f us.", (unsigned)(large / MIB), fork_cost(p, large));
    say("Quire lets parent and child share the tables too, 4 MiB of addresses in each, until one writes "
        "there.");
    munmap(p, large);
}

/* --- 3 --- */

static void sharing(void)
{
    char name[] = "/tmp/tour-XXXXXX";
    int fd = mkstemp(name);

    part("One file, three views");
    if (fd < 0 || write(fd, "original", 8) != 8) {
        say("(There is no room in /tmp for a file.)");
        return;
    }
    unlink(name);
    char *shared = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0),
         *same = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    char *own = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0), text[9] = "";

    claim(memcmp(same, own, 8) == 0, "all views begin alike");
    memcpy(shared, "changed!", 8);
    say("Mapped shared, written: \"%.8s\" (%s)", shared, describe(shared));
    say("Mapped shared again:    \"%.8s\" (%s)", same, describe(same));
    say("Mapped private:         \"%.8s\" (%s), as long as it does not write", own, describe(own));
    memcpy(own, "private.", 8);
    say("Private, written:       \"%.8s\" (%s), a copy", own, describe(own));
    if (pread(fd, text, 8, 0) == 8)
        say("read() of the file:     \"%s\". The mapping and the file are the same memory.", text);
    claim(memcmp(text, "changed!", 8) == 0 && memcmp(same, "changed!", 8) == 0,
          "a shared write is in the file");
    say("The file has no name any more; it lives for as long as somebody maps it or has it open.");
    munmap(shared, PAGE);
    munmap(same, PAGE);
    munmap(own, PAGE);
    close(fd);
}

/* --- 4 --- */

static uint32_t mixed(uint32_t n)
{
    n = (n ^ n >> 16) * 0x7feb352du;
    n = (n ^ n >> 15) * 0x846ca68bu;
    return n ^ n >> 16;
}

static void report(const char *what, double from, uint32_t pages, long in, long out)
{
    say("%-28s %6.1f us a page; %6ld pages in, %6ld out", what, (microseconds() - from) / pages,
        counter("/proc/vmstat", "pswpin") - in, counter("/proc/vmstat", "pswpout") - out);
}

static void twice_the_memory(void)
{
    struct sysinfo s;

    sysinfo(&s);
    uint64_t free_now = (uint64_t)counter("/proc/meminfo", "MemAvailable") * 1024,
             swap = (uint64_t)s.freeswap * s.mem_unit;
    uint64_t want = 2 * free_now;

    part("A working set of twice the memory");
    if (want > free_now + swap * 3 / 4)
        want = free_now + swap * 3 / 4;
    if (want > 1024u * MIB)
        want = 1024u * MIB;
    if (!has_swap || want <= free_now) {
        say("(Left out: this takes a swap disk as large as the memory, and not too much memory.)");
        return;
    }
    uint32_t pages = (uint32_t)(want / PAGE), bad = 0;
    volatile uint32_t *p = (volatile uint32_t *)map((size_t)pages * PAGE);
    const uint32_t words = PAGE / sizeof *p;
    long in = counter("/proc/vmstat", "pswpin"), out = counter("/proc/vmstat", "pswpout");
    double from = microseconds();

    say("%u MiB are available, and %u MiB will be used. Every page says who it is.",
        (unsigned)(free_now / MIB), (unsigned)(want / MIB));
    for (uint32_t i = 0; i < pages; i++)
        p[i * words] = mixed(i);
    report("fill", from, pages, in, out);
    in = counter("/proc/vmstat", "pswpin"), out = counter("/proc/vmstat", "pswpout"), from = microseconds();
    for (uint32_t i = 0; i < pages; i++)
        bad += p[i * words] != mixed(i);
    report("read in order", from, pages, in, out);
    in = counter("/proc/vmstat", "pswpin"), out = counter("/proc/vmstat", "pswpout"), from = microseconds();
    for (uint32_t i = 0; i < pages / 4; i++) {
        uint32_t n = mixed(i + 77) % pages;

        bad += p[n * words] != mixed(n);
    }
    report("read at random", from, pages / 4, in, out);
    in = counter("/proc/vmstat", "pswpin"), out = counter("/proc/vmstat", "pswpout"), from = microseconds();
    for (uint32_t i = 0; i < pages; i++) {
        /* Nine in ten go to the first fifth, which would fit. */
        uint32_t n = mixed(i + 99) % (i % 10 ? pages / 5 : pages);

        bad += p[n * words] != mixed(n);
    }
    report("nine in ten to a fifth", from, pages, in, out);
    say("Programs favour a part of their memory, so the last line is what matters: most of it stays.");
    claim(bad == 0, "every page has kept what was written");
    munmap((void *)(uintptr_t)p, (size_t)pages * PAGE);
}

/* --- 5 --- */

static sigjmp_buf back;
static siginfo_t caught;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)context;
    caught = *info;
    siglongjmp(back, 1);
}

static void forbidden(const char *what, volatile uint8_t *p, bool write)
{
    if (sigsetjmp(back, 1) == 0) {
        if (write)
            *p = 1;
        else
            (void)*p;
        claim(false, "this access is refused");
        return;
    }
    say("%-34s %s at %p: %s", what, caught.si_signo == SIGBUS ? "SIGBUS" : "SIGSEGV", caught.si_addr,
        caught.si_signo == SIGBUS       ? "the file ends before"
        : caught.si_code == SEGV_MAPERR ? "nothing is mapped"
                                        : "mapped, but not for this");
    claim(caught.si_addr == (const void *)p, "the address is told exactly");
}

static void protection(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, segv, bus;
    uint8_t *p = map(2 * PAGE);
    FILE *f = tmpfile();

    part("What is not allowed");
    sigaction(SIGSEGV, &a, &segv);
    sigaction(SIGBUS, &a, &bus);
    mprotect(p, PAGE, PROT_READ);
    munmap(p + PAGE, PAGE);
    forbidden("reading address 16:", (volatile uint8_t *)16, false);
    forbidden("writing to read-only memory:", p, true);
    forbidden("reading what was unmapped:", p + PAGE, false);
    forbidden("reading the kernel:", (volatile uint8_t *)0xffffe000u, false);
    if (f) {
        uint8_t *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fileno(f), 0);

        forbidden("reading behind a file's end:", q, false);
        munmap(q, PAGE);
        fclose(f);
    }
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    munmap(p, PAGE);
}

/* --- 6 --- */

static void own_map(void)
{
    char line[256];
    FILE *f = fopen("/proc/self/maps", "re");

    part("Where this program is: /proc/self/maps");
    while (f && fgets(line, sizeof line, f))
        printf("   %s", line);
    if (f)
        fclose(f);
    say("Its code is at %p, its stack at %p, and its heap ends at %p.", remember((const void *)own_map),
        (void *)line, sbrk(0));
}

int tour_main(int argc, char **argv)
{
    struct sysinfo s;

    (void)argv;
    if (argc > 1) {
        puts("usage: tour\nWhat happens to a program's memory, step by step.");
        return 2;
    }
    sysinfo(&s);
    has_swap = s.totalswap > 0;
    printf("The tour: %llu MiB of memory, %llu MiB of swap. Everything that you read was just done.\n",
           (unsigned long long)s.totalram * s.mem_unit / MIB,
           (unsigned long long)s.totalswap * s.mem_unit / MIB);
    life();
    copying();
    tables((size_t)counter("/proc/meminfo", "MemAvailable") * 1024);
    sharing();
    twice_the_memory();
    protection();
    own_map();
    printf("\ntour: %u parts, %u claims failed\n", part_number, wrong);
    return wrong ? 1 : 0;
}
