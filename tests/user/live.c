/*
 * Touch pages by reference strings, and count what had to be read from the disk, so that the kernel's
 * policies can be compared with the simulator's (tests/host/replay). To be the only program:
 * init=/fuzz/live.
 *
 *     live PLAN           PLAN: a file with a line for each run: POLICY FRAMES TRACE
 *
 * TRACE is a file of little-endian 32-bit numbers: page * 2, + 1 if it is written to. All pages of a string
 * are on the disk when a run begins, or, if FRAMES begins with "fresh:", nowhere, and everything else is
 * locked; so a page that is touched is read exactly when the policy had let it go.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE     4096u
#define MAX_REFS (1u << 20)
#define HASH     (1u << 18)

static uint32_t trace[MAX_REFS], known[HASH], dense[HASH];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void set(const char *file, const char *value)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/sys/vm/%s", file);
    fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
        die(path);
    close(fd);
}

static void set_number(const char *file, unsigned value)
{
    char text[16];

    snprintf(text, sizeof text, "%u", value);
    set(file, text);
}

/* Read a string, its pages numbered in the order in which they come. How many references; *pages: different
 * ones. */
static size_t load(const char *path, uint32_t *pages)
{
    int fd = open(path, O_RDONLY);
    ssize_t got;
    size_t n = 0;

    if (fd < 0)
        die(path);
    while ((got = read(fd, (char *)trace + n, sizeof trace - n)) > 0)
        n += (size_t)got;
    close(fd);
    n /= sizeof *trace;
    memset(known, 0, sizeof known);
    *pages = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t page = trace[i] >> 1, at = page * 0x9E3779B1u % HASH;

        while (known[at] && known[at] != page + 1)
            at = (at + 1) % HASH;
        if (!known[at]) {
            known[at] = page + 1;
            dense[at] = (*pages)++;
        }
        trace[i] = dense[at] << 1 | (trace[i] & 1);
    }
    return n;
}

static long majors(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_majflt;
}

/* Pages that were set aside and put back without reading. */
static unsigned long long salvages(void)
{
    static char text[4096];
    unsigned long long clean = 0, modified = 0;
    int fd = open("/proc/vmstat", O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    const char *at;

    if (got < 0)
        die("/proc/vmstat");
    text[got] = 0;
    close(fd);
    if ((at = strstr(text, "\npgsalvage_clean ")) != NULL)
        clean = strtoull(strchr(at, ' '), NULL, 10);
    if ((at = strstr(text, "\npgsalvage_modified ")) != NULL)
        modified = strtoull(strchr(at, ' '), NULL, 10);
    return clean + modified;
}

static void run(const char *policy, unsigned frames, bool fresh, const char *path)
{
    uint32_t pages;
    size_t n = load(path, &pages), size = (size_t)pages * PAGE;
    volatile char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long long salvaged;
    unsigned char in[1];
    long before;

    if (p == MAP_FAILED)
        die("mmap");
    printf("live: %u pages from page %u on\n", pages, (unsigned)((uintptr_t)p / PAGE));
    set_number("pageable_max", 0);
    for (size_t i = 0; i < size && !fresh; i += PAGE)
        p[i] = 1;
    for (size_t i = 0; i < size && !fresh; i += PAGE)
        if (madvise((void *)(p + i), PAGE, MADV_PAGEOUT) != 0)
            die("MADV_PAGEOUT");
    for (unsigned tries = 0; tries < 100 && !fresh; tries++)
        for (size_t i = 0; i < size; i += PAGE)
            while (mincore((void *)(p + i), PAGE, in) == 0 && in[0] & 1) {
                madvise((void *)(p + i), PAGE, MADV_PAGEOUT);
                usleep(1000);
            }
    set("drop_caches", "1"); /* the trace */
    set("policy", strcmp(policy, "fifo") == 0 ? "clock" : "fifo");
    set("policy", policy);
    set_number("rss_limit", (frames * 3 + 3) / 4); /* as the simulator has it */
    set_number("pageable_max", frames);
    salvaged = salvages();
    before = majors();
    for (size_t i = 0; i < n; i++) {
        volatile char *at = p + (size_t)(trace[i] >> 1) * PAGE;

        if (trace[i] & 1)
            *at = 2;
        else
            (void)*at;
    }
    before = majors() - before;
    salvaged = salvages() - salvaged;
    printf("live: policy %s frames %s%u refs %zu misses %ld salvages %llu of %s\n", policy,
           fresh ? "fresh:" : "", frames, n, before, salvaged, path);
    fflush(stdout);
    munmap((void *)p, size);
}

int main(int argc, char **argv)
{
    char policy[32], frames[16], path[64], stack[64 * 1024];
    static char in[4096], out[4096]; /* what would be allocated later would not be locked */
    volatile char *page;
    FILE *plan;

    memset(stack, 1, sizeof stack);
    __asm__ volatile("" ::"r"(stack) : "memory");
    mkdir("/proc", 0755);
    if (mount("proc", "/proc", "proc", 0, NULL) != 0)
        die("/proc");
    plan = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!plan)
        die("the plan");
    setvbuf(plan, in, _IOFBF, sizeof in);
    setvbuf(stdout, out, _IOFBF, sizeof out);
    memset(trace, 1, sizeof trace);
    if (mlockall(MCL_CURRENT) != 0)
        die("mlockall");
    set("drop_caches", "1");
    set("exact", "1");
    /* Everything is looked at once, so that what is locked is kept apart. */
    set("pageable_max", "1");
    page = mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        die("mmap");
    *page = 1;
    madvise((void *)page, PAGE, MADV_DONTNEED); /* else the first run had it, too */
    while (fscanf(plan, "%31s %15s %63s", policy, frames, path) == 3) {
        bool fresh = strncmp(frames, "fresh:", 6) == 0;

        run(policy, (unsigned)strtoul(fresh ? frames + 6 : frames, NULL, 10), fresh, path);
    }
    set("exact", "0");
    return 0;
}
