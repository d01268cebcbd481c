/* The tour: the machine's memory, and its allocators. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "tests/user/quire/tour.h"

#define COUNTERS_FILE "/proc/quire/counters"
#define ORDERS        11u

/* --- 8 --- */

/* Free blocks by order, of all zones. */
struct blocks {
    unsigned n[ORDERS];
};

static struct blocks free_blocks(void)
{
    struct blocks b = {{0}};
    char line[256];
    FILE *f = fopen("/proc/buddyinfo", "re");

    while (f && fgets(line, sizeof line, f)) {
        char *at = strstr(line, "zone");
        unsigned k = 0;

        if (!at)
            continue;
        at += 4;
        at += strspn(at, " ");
        at += strcspn(at, " "); /* the zone's name */
        for (char *word = strtok(at, " \n"); word && k < ORDERS; word = strtok(NULL, " \n"))
            b.n[k++] += (unsigned)atoi(word);
    }
    if (f)
        fclose(f);
    return b;
}

static unsigned frames_in(const struct blocks *b, unsigned from, unsigned to)
{
    unsigned n = 0;

    for (unsigned k = from; k < to; k++)
        n += b->n[k] << k;
    return n;
}

static void show_blocks(const char *what, const struct blocks *b)
{
    char line[160];
    int n = snprintf(line, sizeof line, "%-17s", what);

    for (unsigned k = 0; k < ORDERS; k++)
        n += snprintf(line + n, sizeof line - (size_t)n, "%5u", b->n[k]);
    show("%s", line);
}

static void show_orders(void)
{
    char line[160];
    int n = snprintf(line, sizeof line, "%-17s", "free blocks of");

    for (unsigned k = 0; k < ORDERS; k++)
        n += snprintf(line + n, sizeof line - (size_t)n, "%5u", 1u << k);
    show("%s", line);
}

void tour_memory(void)
{
    static const char *const use[] = {"free",  "reserved", "kernel", "slab",
                                      "table", "stack",    "anon",   "object"};
    long sum = 0, all, record, low, high, min;

    if (!needs_quire())
        return;
    say("Each frame of 4 KiB has a record that says its one use; the uses add up to the machine.");
    for (unsigned i = 0; i < sizeof use / sizeof use[0]; i++) {
        char name[32];
        long n;

        snprintf(name, sizeof name, "use.%s", use[i]);
        n = number_in(COUNTERS_FILE, name);
        show("%8ld frames %s", n, use[i]);
    }
    /* At one moment. */
    sum = 0;
    {
        FILE *f = fopen(COUNTERS_FILE, "re");
        char line[128];

        all = 0;
        while (f && fgets(line, sizeof line, f)) {
            if (strncmp(line, "use.", 4) == 0)
                sum += strtol(strchr(line, ' '), NULL, 10);
            else if (strncmp(line, "frames.all ", 11) == 0)
                all = strtol(line + 11, NULL, 10);
        }
        if (f)
            fclose(f);
    }
    record = number_in(COUNTERS_FILE, "frames.record_bytes");
    say("%ld frames, %ld in the sum of uses. Records of %ld bytes take %ld KiB.", all, sum, record,
        all * record / 1024);
    claim(all > 0 && sum == all, "the uses add up to the machine");
    min = number_in(COUNTERS_FILE, "mark.min");
    low = number_in(COUNTERS_FILE, "mark.low");
    high = number_in(COUNTERS_FILE, "mark.high");
    step("Watermarks");
    say("The swap daemon is woken below %ld free frames (low) and works until there are %ld (high); the last "
        "%ld "
        "(min) are for those whose allocation frees memory. Free now: %ld. Rounds of the daemon so far: %ld.",
        low, high, min, number_in(COUNTERS_FILE, "use.free"), number_in(COUNTERS_FILE, "daemon.rounds"));
    claim(min > 0 && min < low && low < high, "min is below low, low below high");
}

/* --- 9 --- */

/* The line of a trial that begins so, from its column on as numbers. */
static unsigned numbers_in(const char *file, const char *begins, long *n, unsigned max)
{
    const char *line = line_in(file, begins);
    unsigned got = 0;

    for (const char *at = *line ? line + strlen(begins) : line; *at && got < max;) {
        char *end;
        double value = strtod(at, &end);

        if (end == at)
            break;
        n[got++] = (long)(value * 100);
        at = end + strspn(end, "%");
    }
    return got;
}

static void trial_buddy(void)
{
    static const char file[] = "/proc/quire/trial/buddy";
    long n[12];
    bool split = true;

    step("Buddy: splitting and coalescing");
    say("A zone of 256 frames of its own, free in one block. One frame taken splits it into one block of "
        "each "
        "size; given back, each joins its buddy. Then blocks of 1 to 8 frames at random fill it, each second "
        "one is freed, and at last all.");
    show_file(file);
    numbers_in(file, "one frame taken", n, 12);
    for (unsigned k = 0; k < 8; k++)
        split &= n[k] == 100;
    claim(split && n[8] == 0, "taking one frame leaves one block of each size");
    claim(numbers_in(file, "and given back", n, 12) == 12 && n[8] == 100 && n[9] == 25600,
          "given back, it is one block again");
    claim(numbers_in(file, "all freed", n, 12) == 12 && n[8] == 100, "all freed, it is one block again");
    claim(numbers_in(file, "each second freed", n, 12) == 12 && n[9] >= 100 * 100 && n[10] < 64 * 100,
          "more than 100 frames are free, and no block of 64");
    say("That is external fragmentation: %ld frames are free, the largest block has %ld.", n[9] / 100,
        n[10] / 100);
    claim(strstr(line_in(file, "a block of 64"), "refused") != NULL, "a block of 64 is refused");
    claim(*line_in(file, "sound yes"), "the zone is sound");
}

/* The same with the machine's memory: a program's pages, of which each second one is given back. */
static void live_buddy(void)
{
    size_t size = available() / 3 / MIB * MIB;
    struct blocks before, loaded, half, after;
    uint8_t *p;

    if (size < MIB)
        return;
    size = size > 64 * MIB ? 64 * MIB : size;
    step("The machine's blocks, while a program comes and goes");
    before = free_blocks();
    p = map(size);
    for (size_t i = 0; i < size; i += PAGE)
        p[i] = 1;
    loaded = free_blocks();
    for (size_t i = 0; i < size; i += 2 * PAGE)
        madvise(p + i, PAGE, MADV_DONTNEED);
    half = free_blocks();
    munmap(p, size);
    after = free_blocks();
    show_orders();
    show_blocks("before", &before);
    show_blocks("loaded", &loaded);
    show_blocks("each second freed", &half);
    show_blocks("all freed", &after);
    say("Free frames in blocks of less than 16: %u, %u, %u, %u.", frames_in(&before, 0, 4),
        frames_in(&loaded, 0, 4), frames_in(&half, 0, 4), frames_in(&after, 0, 4));
    claim(frames_in(&half, 0, 4) > frames_in(&before, 0, 4) + size / PAGE / 4, "holes are everywhere");
    claim(frames_in(&after, 4, ORDERS) > frames_in(&half, 4, ORDERS) + size / PAGE / 2, "the holes joined");
}

static void trial_slab(void)
{
    static const char file[] = "/proc/quire/trial/slab";
    const unsigned wanted = 200;
    unsigned before, after;
    const char *line;
    uint8_t *p;

    step("Slab: objects of one size");
    say("A cache makes objects of one kind in slabs of frames. What is lost is internal fragmentation: what "
        "does "
        "not fit any more, and what was rounded up.");
    show_file(file);
    line = line_in(file, "kmalloc:");
    claim(strstr(line, "% lost inside") != NULL && atoi(strstr(line, "given, ") + 7) > 0,
          "size classes lose something");
    line = line_in("/proc/slabinfo", "region ");
    before = *line ? (unsigned)atoi(line + 7) : 0;
    p = map(2 * wanted * PAGE);
    for (unsigned i = 0; i < wanted; i++)
        mprotect(p + 2 * i * PAGE, PAGE, PROT_READ);
    line = line_in("/proc/slabinfo", "region ");
    after = *line ? (unsigned)atoi(line + 7) : 0;
    show("%.*s", (int)strcspn(line, ":") - (strchr(line, ':') != NULL), line);
    say("Making %u holes in a mapping made %u region objects: two for each hole.", wanted, after - before);
    claim(after - before == 2 * wanted, "%u objects for %u holes", after - before, wanted);
    munmap(p, 2 * wanted * PAGE);
}

static void trial_fit(void)
{
    static const char file[] = "/proc/quire/trial/fit";
    long best[5], first[5], next[5], worst[5];

    step("Fit policies: which of the free pieces");
    say("An arena of 4096 pages, the same 4000 requests of 1 to 30 pages for each policy. A good one looks "
        "at "
        "few pieces, and leaves a large one. (kva= chooses the kernel's own.)");
    show_file(file);
    claim(numbers_in(file, "best", best, 5) == 5 && numbers_in(file, "first", first, 5) == 5 &&
              numbers_in(file, "next", next, 5) == 5 && numbers_in(file, "worst", worst, 5) == 5,
          "all four have run");
    claim(best[2] > worst[2] && first[2] > worst[2], "best and first fit leave larger pieces than worst fit");
    claim(next[0] < first[0], "next fit looks at fewer pieces than first fit");
}

void tour_allocators(void)
{
    if (!needs_quire())
        return;
    trial_buddy();
    live_buddy();
    trial_slab();
    trial_fit();
}
