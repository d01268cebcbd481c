/*
 * formpages: what /proc/self/quire/forms makes of pages of each kind: of 64 pages those that nobody may touch
 * (held), those that do not translate now (parked), those that are on the disk and those that were given
 * back. Each step says how many translations the forms ought to have, and whether all forms agree with the
 * processor's tables.
 *
 *     formpages [tlb | policy]     parked by whom, who is to be found at it
 *     formpages big                10,240 pages, and what the files forms and pages say then
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE  4096u
#define PAGES 64u
#define AT    0x30000000u

static unsigned wrong, checks, parked_pages;
static bool quiet; /* this program's own pages are still coming */
static char text[65536];

static const char *read_file(const char *path)
{
    int fd = open(path, O_RDONLY);
    size_t n = 0;
    ssize_t got;

    while (fd >= 0 && n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    if (fd >= 0)
        close(fd);
    text[n] = 0;
    return text;
}

/* The translations of this process in all forms; -1: they differ. */
static long translations(void)
{
    const char *said = read_file("/proc/self/quire/forms"), *pages = strstr(said, "space ");

    pages = pages ? strstr(pages, "pages ") : NULL;
    if (!pages || !strstr(said, "\nequal ") || strstr(said, "differ"))
        return -1;
    return atol(pages + 6);
}

static void expect(const char *what, long base, long more)
{
    long now = translations();

    checks++;
    if (now != base + more) {
        wrong++;
        if (!quiet)
            printf("formpages: WRONG: %s: %ld pages more, not %ld\n%s", what, now - base, more, text);
    }
}

/* Who has parked page n, as a word or two; "" if nobody. */
static const char *parked_by(unsigned n)
{
    static char by[32];
    int fd = open("/proc/self/quire/page", O_RDWR);
    const char *at;
    ssize_t got = -1;
    char *end;

    snprintf(by, sizeof by, "%08x", AT + n * PAGE);
    if (fd >= 0 && write(fd, by, strlen(by)) > 0)
        got = read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = 0;
    at = strstr(text, "entry_parked_by ");
    snprintf(by, sizeof by, "%s", at ? at + 16 : "");
    end = strchr(by, '\n');
    if (end)
        *end = 0;
    return by;
}

static void check_parked(const char *want)
{
    parked_pages = 0;
    for (unsigned i = 0; i < PAGES; i++)
        parked_pages += strcmp(parked_by(i), want) == 0;
    checks++;
    wrong += !parked_pages;
}

/* Whether no entry names a frame any more. (mincore() says of a page that is out that it is there while the
 * swap cache has it.) */
static bool is_out(const volatile char *p, unsigned pages)
{
    uint64_t entry[PAGES];
    int fd = open("/proc/self/pagemap", O_RDONLY);
    ssize_t got = pread(fd, entry, pages * sizeof *entry, (uintptr_t)p / PAGE * (off_t)sizeof *entry);

    close(fd);
    if (got != (ssize_t)(pages * sizeof *entry))
        return false;
    for (unsigned i = 0; i < pages; i++)
        if (entry[i] >> 63)
            return false;
    return true;
}

static void put_out(volatile char *p, unsigned pages)
{
    for (unsigned tries = 0; tries < 1000 && !is_out(p, pages); tries++) {
        madvise((void *)(uintptr_t)p, pages * PAGE, MADV_PAGEOUT);
        usleep(1000);
    }
}

static void steps(const char *parked)
{
    volatile char *p = mmap((void *)(uintptr_t)AT, PAGES * PAGE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    long base = translations();

    for (unsigned i = 0; i < PAGES; i++)
        p[i * PAGE] = 1;
    expect("written", base, PAGES);
    if (parked)
        check_parked(parked);
    mprotect((void *)(uintptr_t)p, 16 * PAGE, PROT_NONE);
    expect("held", base, PAGES);
    put_out(p + 16 * PAGE, 16);
    expect("16 on the disk", base, PAGES - 16);
    mprotect((void *)(uintptr_t)p, 16 * PAGE, PROT_READ | PROT_WRITE);
    expect("none held", base, PAGES - 16);
    for (unsigned i = 16; i < 32; i++)
        checks++, wrong += p[i * PAGE] != 1;
    expect("read again", base, PAGES);
    madvise((void *)(uintptr_t)(p + 8 * PAGE), 8 * PAGE, MADV_DONTNEED);
    expect("8 given back", base, PAGES - 8);
    wrong += p[8 * PAGE] != 0; /* the page of zeroes */
    expect("one of zeroes", base, PAGES - 7);
    munmap((void *)(uintptr_t)p, PAGES * PAGE);
    expect("unmapped", base, 0);
}

/* A line for each run of pages begins with "run". */
static int big(void)
{
    const size_t pages = 10240;
    volatile char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < pages; i++)
        p[i * PAGE] = 1;
    fputs(read_file("/proc/self/quire/forms"), stdout);
    for (const char *line = read_file("/proc/self/quire/pages"); *line;) {
        const char *end = strchr(line, '\n');
        int n = (int)(end ? end - line : (ptrdiff_t)strlen(line));

        printf("run %.*s\n", n, line);
        line += n + (end != NULL);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *parked = argc > 1 ? argv[1] : NULL;

    if (parked && strcmp(parked, "big") == 0)
        return big();

    /* A policy sets aside none of what is locked, so that only the 64 pages come and go. */
    if (mlockall(MCL_CURRENT))
        perror("formpages: mlockall");
    quiet = true;
    steps(parked);
    quiet = false;
    wrong = checks = 0;
    steps(parked);
    if (parked)
        printf("formpages: %u pages are parked by %s\n", parked_pages, parked);
    printf("formpages: %u checks, %u wrong\n", checks, wrong);
    return wrong != 0;
}
