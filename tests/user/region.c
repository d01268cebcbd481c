/*
 * Touch the pages of one region by a string of its own making, for the laboratory's live table: traced, it
 * shows the string, and under a cap (vm.pageable_max) it faults as often as a simulator of that string says,
 * since all else is locked or has gone. tests/lab/live.t runs it. To be run as root.
 *
 *     region [PAGES [REFERENCES]]      80 pages, 1500 references, from the address 50000000 on
 *
 * It says how many pages had to be read for that: what it did before would count for others.
 *
 * The first touch of a page is a write, since a page that was only made has no copy on the disk either.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE  4096u
#define START 0x50000000u
#define VM    "/proc/sys/vm/"

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* What a file says, in `text`. */
static void get(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

    if (got < 0)
        die(path);
    text[got] = 0;
    close(fd);
}

static void set(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        die(path);
    close(fd);
}

static volatile char *map(uintptr_t at, size_t size)
{
    void *p = mmap((void *)at, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED_NOREPLACE : 0), -1, 0);

    if (p == MAP_FAILED)
        die("mmap");
    return p;
}

static long majors(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_majflt;
}

/* Let everything go that is not locked, and the policy begin anew. */
static void clear(const char *cap)
{
    char policies[256], *name;
    volatile char *p;

    get(VM "policy", policies, sizeof policies);
    name = strtok(strchr(policies, '[') + 1, "]");
    set(VM "pageable_max", "1");
    p = map(0, PAGE);
    *p = 1;
    munmap((void *)p, PAGE);
    set(VM "policy", strcmp(name, "fifo") == 0 ? "clock" : "fifo");
    set(VM "policy", name);
    set(VM "pageable_max", cap);
}

int main(int argc, char **argv)
{
    uint32_t pages = argc > 1 ? (uint32_t)atoi(argv[1]) : 80;
    uint32_t refs = argc > 2 ? (uint32_t)atoi(argv[2]) : 1500, x = 20261129;
    char cap[32], stack[32 * 1024];
    volatile char *p;
    char *seen;
    long before;

    memset(stack, 1, sizeof stack);
    __asm__ volatile("" ::"r"(stack) : "memory");
    seen = calloc(pages + 1, 1);
    if (!pages || !seen || mlockall(MCL_CURRENT) != 0)
        die("memory");
    p = map(START, (size_t)pages * PAGE);
    get(VM "pageable_max", cap, sizeof cap);
    if (atoi(cap))
        clear(cap);
    before = majors();
    for (uint32_t i = 0; i < refs; i++) {
        uint32_t draw, page;

        x = x * 1664525u + 1013904223u;
        draw = x >> 16;
        page = draw % 8 < 5 ? (draw >> 3) % (pages / 8 + 1) : draw % 8 < 7 ? (draw >> 3) % pages : i % pages;
        if (!seen[page] || x >> 8 & 1) {
            seen[page] = 1;
            p[(size_t)page * PAGE] = 1;
        } else {
            (void)p[(size_t)page * PAGE];
        }
    }
    printf("lab: %ld pages read\n", majors() - before);
    return 0;
}
