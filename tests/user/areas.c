/*
 * Swap areas that come and go while programs need them.
 *
 *     areas churn SEED CHANGES DISK ...   programs use 1.3 to 2.5 times the memory there is, while so often
 *                                         an area is taken off or put back, of which the last is needed
 *     areas scarce DISK                   put back when hardly a frame is free
 *     areas speed MIB DISK ...            how fast pages go to these disks, of one priority, and come back
 *
 * The disks are on to begin with.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/check.h"

#define PAGE  4096u
#define WORDS (PAGE / 4)
#define DISKS 4

#define BREATH 64u /* touches before others may run */

/* A workload in pages: what each holds is known from its number and its version. */
struct set {
    uint32_t *p;
    uint32_t pages;
    uint8_t *version;
    uint32_t random;
};

enum kind { KIND_PRIVATE, KIND_FORKING, KIND_SHARED, KINDS };

static volatile int *stop; /* shared by all */

static double now(void)
{
    return (double)now_ns() / 1e9;
}

static uint32_t draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)*state * below >> 32);
}

static void *map(size_t size, int flags)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* A number from a line of a file of /proc, that begins with key: the nth word after it. -1: no such line. */
static long number(const char *file, const char *key, int word)
{
    char line[256];
    long n = -1;
    FILE *f = fopen(file, "r");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) {
            char *p = line + strlen(key);

            for (int i = 1; i < word; i++) {
                p += strspn(p, " \t");
                p += strcspn(p, " \t");
            }
            n = atol(p);
        }
    if (f)
        fclose(f);
    return n;
}

/* KiB of an area; -1: it is not on. */
static long area_size(const char *disk)
{
    return number("/proc/swaps", disk, 2);
}

static uint32_t word_of(uint32_t page, uint8_t version)
{
    return (page + 1) * 2654435761u ^ version * 40503u;
}

static void set_write(struct set *s, uint32_t i)
{
    uint32_t *p = s->p + (size_t)i * WORDS, w = word_of(i, ++s->version[i]);

    p[0] = p[WORDS / 2] = p[WORDS - 1] = w;
}

static bool set_right(const struct set *s, uint32_t i)
{
    const uint32_t *p = s->p + (size_t)i * WORDS;
    uint32_t w = word_of(i, s->version[i]);

    return p[0] == w && p[WORDS / 2] == w && p[WORDS - 1] == w;
}

static bool set_begin(struct set *s, uint32_t pages, int flags, uint32_t seed)
{
    *s = (struct set){.p = map((size_t)pages * PAGE, flags), .pages = pages, .random = seed};
    s->version = map(pages, MAP_PRIVATE);
    if (!s->p || !s->version)
        return false;
    for (uint32_t i = 0; i < pages; i++)
        set_write(s, i);
    return true;
}

/* All of the set, in order. */
static uint32_t set_wrong(const struct set *s)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < s->pages; i++)
        wrong += !set_right(s, i);
    return wrong;
}

/* A child has the set to itself: what it writes is its own. */
static bool fork_once(struct set *s)
{
    uint32_t from = draw(&s->random, s->pages), n = draw(&s->random, s->pages / 4 + 1);
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        uint32_t wrong = 0;

        for (uint32_t k = 0; k < n; k++) {
            uint32_t i = (from + k) % s->pages;

            wrong += !set_right(s, i);
            if (k % 3 == 0)
                set_write(s, i);
            wrong += !set_right(s, i);
        }
        _exit(wrong != 0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* Until it is told to stop: exit status 0 if every page was right all the time. */
static _Noreturn void work(enum kind kind, uint32_t pages, uint32_t seed, volatile int *ready)
{
    struct set s;

    if (!set_begin(&s, pages, kind == KIND_SHARED ? MAP_SHARED : MAP_PRIVATE, seed))
        _exit(2);
    *ready = 1;
    for (uint32_t n = 1; !*stop; n++) {
        /* Mostly a part that moves, so that there is progress on a slow disk too. */
        uint32_t part = pages / 8 + 1, at = n / 4096 * part;
        uint32_t i = (draw(&s.random, 4) ? at + draw(&s.random, part) : draw(&s.random, pages)) % pages;

        if (!set_right(&s, i)) {
            printf("areas: FAILED: page %u of kind %d is wrong\n", i, kind);
            _exit(1);
        }
        if (draw(&s.random, 2))
            set_write(&s, i);
        if (n % BREATH == 0)
            sched_yield(); /* who has all its pages in memory must not keep the others from theirs */
        if (kind == KIND_FORKING && n % 8192 == 0 && !fork_once(&s)) {
            printf("areas: FAILED: a child\n");
            _exit(1);
        }
    }
    _exit(set_wrong(&s) != 0);
}

/* --- churn --- */

struct disk {
    const char *name;
    long size;
    bool on;
    unsigned offs, refused;
};

static bool still_alive(const pid_t *worker)
{
    int status;

    for (int k = 0; k < KINDS; k++)
        if (waitpid(worker[k], &status, WNOHANG) != 0) {
            check(false, "worker %d has ended, status %x", k, status);
            return false;
        }
    return true;
}

/* Take one disk off or put it on. */
static bool change(struct disk *d, unsigned on, uint32_t *random)
{
    if (!d->on) {
        int rc = swapon(d->name, SWAP_FLAG_PREFER | (int)draw(random, 2));
        long size = area_size(d->name);

        if (!check(rc == 0 && size == d->size, "%s is on again, %ld of %ld KiB", d->name, size, d->size))
            return false;
        d->on = true;
        return true;
    }
    if (swapoff(d->name) == 0) {
        d->on = false;
        d->offs++;
        return check(on > 1, "%s could be taken off", d->name);
    }
    d->refused++;
    return check(errno == ENOMEM && area_size(d->name) == d->size, "%s is needed", d->name);
}

static void churn(uint32_t seed, uint32_t changes, struct disk *disk, unsigned disks)
{
    struct sysinfo s;
    pid_t worker[KINDS];
    uint32_t random = seed, all, offs = 0, refused = 0;
    bool good = true;

    sysinfo(&s);
    /* 1.3 to 2.5 times the memory that there is for it. */
    all = (uint32_t)((uint64_t)s.freeram * s.mem_unit / PAGE * (13 + draw(&random, 13)) / 10);
    printf("areas: %u KiB in %lu KiB of memory, seed %u\n", all * 4, s.freeram / 1024 * s.mem_unit, seed);
    fflush(stdout);
    stop[0] = 0;
    for (int k = 0; k < KINDS; k++) {
        stop[1 + k] = 0;
        worker[k] = fork();
        if (worker[k] == 0)
            work((enum kind)k, all / KINDS, random + (uint32_t)k, &stop[1 + k]);
    }
    while (good && !(stop[1] && stop[2] && stop[3])) {
        usleep(10000);
        good = still_alive(worker);
    }
    for (uint32_t n = 0; good && n < changes; n++) {
        unsigned on = 0;

        for (unsigned i = 0; i < disks; i++)
            on += disk[i].on;
        /* Each once in any case, of which the last one is refused. */
        good = change(&disk[n < disks ? n : draw(&random, disks)], on, &random) && still_alive(worker);
        usleep(draw(&random, 100000));
    }
    stop[0] = 1;
    for (int k = 0; k < KINDS && good; k++) {
        int status = -1;

        waitpid(worker[k], &status, 0);
        check(status == 0, "worker %d: all its pages are right, status %x", k, status);
    }
    for (unsigned i = 0; i < disks; i++) {
        if (!disk[i].on)
            good &= change(&disk[i], 2, &random);
        offs += disk[i].offs;
        refused += disk[i].refused;
    }
    printf("areas: churn: %u times off, %u times refused\n", offs, refused);
}

/* --- scarce --- */

static void scarce(const char *disk)
{
    enum { LEFT_KIB = 1024, STEP = 32 };
    long size = area_size(disk), left;
    struct sysinfo s;
    struct set set;
    int rc;
    uint32_t n = 0;

    sysinfo(&s);
    set.pages = (uint32_t)((uint64_t)s.freeram * s.mem_unit / PAGE * 3 / 2);
    set.p = map((size_t)set.pages * PAGE, MAP_PRIVATE);
    set.version = map(set.pages, MAP_PRIVATE);
    if (!check(set.p && set.version && swapoff(disk) == 0, "%s is off", disk))
        return;
    memset(set.version, 0, set.pages);
    while (n + STEP < set.pages && number("/proc/meminfo", "MemFree:", 1) > LEFT_KIB)
        for (unsigned i = 0; i < STEP; i++)
            set_write(&set, n++);
    left = number("/proc/meminfo", "MemFree:", 1);
    rc = swapon(disk, 0);
    check(rc == 0 && area_size(disk) == size, "on again with %ld KiB free: all of %ld KiB", left, size);
    while (n < set.pages)
        set_write(&set, n++);
    check(set_wrong(&set) == 0, "and it takes what does not fit, %u KiB", n * 4);
}

/* --- speed --- */

#define READERS 4u

/* MiB a second out: a set that does not fit; and in: several tasks read it, each a part. */
static void speed(uint32_t mib, const struct disk *disk, unsigned disks)
{
    struct set s = {.pages = mib * 256};
    double start, out, in;
    int bad = 0;

    for (unsigned i = 0; i < disks; i++)
        check(swapoff(disk[i].name) == 0 && swapon(disk[i].name, SWAP_FLAG_PREFER | 1) == 0, "%s at 1",
              disk[i].name);
    s.p = map((size_t)s.pages * PAGE, MAP_PRIVATE);
    s.version = map(s.pages, MAP_PRIVATE);
    start = now();
    for (uint32_t i = 0; i < s.pages; i++)
        set_write(&s, i);
    out = mib / (now() - start);
    start = now();
    for (unsigned r = 0; r < READERS; r++)
        if (fork() == 0) {
            uint32_t wrong = 0;

            for (uint32_t i = s.pages / READERS * r; i < s.pages / READERS * (r + 1); i++)
                wrong += !set_right(&s, i);
            _exit(wrong != 0);
        }
    for (int status; wait(&status) > 0;)
        bad += status != 0;
    in = mib / (now() - start);
    check(bad == 0, "all is right");
    printf("areas: speed: %u disks, %.2f MiB/s out, %.2f MiB/s in\n", disks, out, in);
}

int main(int argc, char **argv)
{
    struct disk disk[DISKS];
    const char *what = argc > 1 ? argv[1] : "";
    int first = strcmp(what, "churn") == 0 ? 4 : strcmp(what, "speed") == 0 ? 3 : 2;
    unsigned disks = 0;

    stop = map(PAGE, MAP_SHARED);
    for (int i = first; i < argc && disks < DISKS; i++)
        disk[disks++] = (struct disk){.name = argv[i], .size = area_size(argv[i]), .on = true};
    if (disks == 0 || !stop) {
        fprintf(stderr, "usage: areas churn SEED CHANGES DISK ... | scarce DISK | speed MIB DISK ...\n");
        return 2;
    }
    if (first == 4)
        churn((uint32_t)atol(argv[2]), (uint32_t)atol(argv[3]), disk, disks);
    else if (first == 3)
        speed((uint32_t)atol(argv[2]), disk, disks);
    else
        scarce(disk[0].name);
    printf("areas: done, %u failed\n", failed);
    return failed != 0;
}
