/*
 * What every policy makes of a recorded program, at many sizes of memory, and what the program is like.
 *
 *     sweep TRACE DIR [--pid N] [--sizes N | --frames N,...] [--jobs N] [--policy NAME,...] [--range FROM-TO]
 *     sweep --policies
 *
 * The second says which policies there are; the first writes into DIR, with a line of names each:
 *
 *     misses.tsv      policy frames refs misses written salvages
 *     distances.tsv   distance refs: how many other pages were used since the last use of the same page; what
 *                     has the distance d hits in LRU's memory of more than d frames. The last line's is never
 *     working-set.tsv time, then pages used in the last so many accesses
 *     touches.tsv     time page kind: cells of a picture of time and pages; kind: 1 fetched, 2 read, 4
 *                     written, added
 *     regions.tsv     cell, the first page in it
 *     ahead.tsv       window frames misses read used: LRU that reads the window's other pages with each that
 *                     misses; window 0: what the kernel's mm/ahead.c would read
 *     summary.tsv     name value
 *
 * LRU's misses at all sizes come from one pass: Bennett and Kruskal's tree of counts over the times of last
 * uses, which is as large as the pages, not the string, since it is renumbered when it is full: O(n log
 * pages).
 * The other policies run once for each size, in as many processes as asked for. The string that a size gets
 * is reduced as the plugin reduces it (docs/lab.md), with stretches of a quarter of the size, which leaves
 * fewer references the larger the memory is.
 */
#include "tests/host/replay/replay.h"
#include "tools/lab/ahead.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGES        (1u << 20)
#define LEVELS       8u /* stretches of 16, 32, 64, ... */
#define STRETCH      16u
#define CELLS_X      800u
#define CELLS_Y      400u
#define SAMPLES      400u
#define WINDOWS      3u
#define AHEAD_MOST   32u
#define POLICIES_MAX 32u
#define SIZES_MAX    100u

static const char *dir;
static struct recording recording;
static uint32_t program;
static struct trace level[LEVELS];
static uint32_t dense[PAGES], number_of[PAGES]; /* page to 1, 2, ... in order of address; and back */
static uint32_t pages;
static uint64_t accesses;
static double began;
static uint32_t first_page, last_page = PAGES - 1; /* what else is touched does not count */

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9 - began;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "sweep: %s: %s\n", what, strerror(errno));
    exit(1);
}

static FILE *file(const char *name)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    if (!f)
        die(path);
    return f;
}

static void *zeroes(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (!p)
        die("memory");
    return p;
}

/* --- the string, shorter for larger memories --- */

static uint32_t since[PAGES];
static bool was_written[PAGES];

static void reduce(struct trace *to, const struct trace *from, uint32_t stretch)
{
    uint32_t joins = 1, first = 1, members = 0;

    *to = (struct trace){.page = malloc((from->count + 1) * sizeof *to->page),
                         .write = malloc((from->count + 1) * sizeof *to->write)};
    if (!to->page || !to->write)
        die("memory");
    memset(since, 0, sizeof since);
    for (size_t i = 0; i < from->count; i++) {
        uint32_t page = from->page[i];

        if (since[page] == joins && (!from->write[i] || was_written[page]))
            continue;
        if (since[page] < first) {
            if (++members > stretch) {
                members = 1;
                first = joins + 1;
            }
            joins++;
        }
        since[page] = joins;
        was_written[page] = from->write[i];
        to->page[to->count] = page;
        to->write[to->count++] = from->write[i];
    }
    to->page = realloc(to->page, (to->count + 1) * sizeof *to->page);
    to->write = realloc(to->write, (to->count + 1) * sizeof *to->write);
}

static void reduce_all(uint32_t frames_most)
{
    for (unsigned l = 1; l < LEVELS && STRETCH << l <= frames_most / 4; l++)
        reduce(&level[l], &level[l - 1], STRETCH << l);
}

static const struct trace *string_for(uint32_t frames)
{
    unsigned l = 0;

    while (l + 1 < LEVELS && level[l + 1].count && STRETCH << (l + 1) <= frames / 4)
        l++;
    return &level[l];
}

/* --- LRU at all sizes: a tree of counts over times of last use --- */

static uint64_t
    *distance; /* [pages + 1]: references by how many other pages were used since; [pages]: first */

static void find_distances(const struct trace *t)
{
    uint32_t size = 1, now = 0, used = 0;
    uint32_t *tree, *at, *who;

    while (size < 4 * pages)
        size *= 2;
    tree = zeroes(size + 1, sizeof *tree);
    at = zeroes(pages + 1, sizeof *at); /* of a page: the time of its last use */
    who = zeroes(size + 1, sizeof *who);
    distance = zeroes(pages + 1, sizeof *distance);
    for (size_t i = 0; i < t->count; i++) {
        uint32_t page = dense[t->page[i]], before = 0;

        if (now == size) {
            uint32_t kept = 0;

            for (uint32_t k = 1; k <= size; k++)
                if (who[k] && at[who[k]] == k) {
                    who[++kept] = who[k];
                    at[who[kept]] = kept;
                }
            memset(who + kept + 1, 0, (size - kept) * sizeof *who);
            memset(tree, 0, (size + 1) * sizeof *tree);
            for (uint32_t k = 1; k <= kept; k++)
                for (uint32_t j = k; j <= size; j += j & -j)
                    tree[j]++;
            now = kept;
        }
        if (at[page] == now && now) {
            distance[0]++;
            continue;
        }
        if (at[page]) {
            for (uint32_t j = at[page]; j; j -= j & -j)
                before += tree[j];
            distance[used - before]++;
            for (uint32_t j = at[page]; j <= size; j += j & -j)
                tree[j]--;
        } else {
            distance[pages]++;
            used++;
        }
        at[page] = ++now;
        who[now] = page;
        for (uint32_t j = now; j <= size; j += j & -j)
            tree[j]++;
    }
    free(tree);
    free(at);
    free(who);
}

static uint64_t misses_of_lru(uint32_t frames)
{
    uint64_t n = distance[pages];

    for (uint32_t d = frames; d < pages; d++)
        n += distance[d];
    return n;
}

static void write_distances(void)
{
    FILE *f = file("distances.tsv");

    fputs("distance\trefs\n", f);
    for (uint32_t d = 0; d < pages; d++)
        if (distance[d])
            fprintf(f, "%u\t%llu\n", d, (unsigned long long)distance[d]);
    fprintf(f, "never\t%llu\n", (unsigned long long)distance[pages]);
    fclose(f);
}

/* --- time: working set, and a picture --- */

static uint8_t *cell; /* [CELLS_X][CELLS_Y] */
static uint32_t cells_y;
static uint64_t *last_use; /* [pages + 1] */
static uint64_t window[WINDOWS];
static uint64_t next_sample;
static unsigned samples;
static FILE *sets;

static void sample(uint64_t time)
{
    fprintf(sets, "%llu", (unsigned long long)time);
    for (unsigned w = 0; w < WINDOWS; w++) {
        uint32_t n = 0;

        for (uint32_t p = 1; p <= pages; p++)
            n += last_use[p] && last_use[p] + window[w] > time;
        fprintf(sets, "\t%u", n);
    }
    fputc('\n', sets);
}

static void look(void *arg, uint32_t page, enum recorded_kind kind, uint64_t time)
{
    uint32_t p = dense[page];

    (void)arg;
    for (; time > next_sample && samples < SAMPLES; next_sample = accesses * ++samples / SAMPLES)
        sample(next_sample);
    last_use[p] = time;
    cell[(time - 1) * CELLS_X / accesses * CELLS_Y + (uint64_t)(p - 1) * cells_y / pages] |=
        (uint8_t)(1u << kind);
}

static void look_at_time(void)
{
    FILE *f;

    cells_y = pages < CELLS_Y ? pages : CELLS_Y;
    cell = zeroes(CELLS_X, CELLS_Y);
    last_use = zeroes(pages + 1, sizeof *last_use);
    window[0] = accesses / 1000 + 1;
    window[1] = accesses / 100 + 1;
    window[2] = accesses / 10 + 1;
    samples = 1;
    next_sample = accesses / SAMPLES;
    sets = file("working-set.tsv");
    fputs("time", sets);
    for (unsigned w = 0; w < WINDOWS; w++)
        fprintf(sets, "\t%llu", (unsigned long long)window[w]);
    fputc('\n', sets);
    recording_each(&recording, program, look, NULL);
    sample(accesses);
    fclose(sets);
    f = file("touches.tsv");
    fputs("time\tpage\tkind\n", f);
    for (uint32_t x = 0; x < CELLS_X; x++)
        for (uint32_t y = 0; y < cells_y; y++)
            if (cell[x * CELLS_Y + y])
                fprintf(f, "%u\t%u\t%u\n", x, y, cell[x * CELLS_Y + y]);
    fclose(f);
    f = file("regions.tsv");
    fputs("cell\tpage\n", f);
    for (uint32_t p = 1; p <= pages; p++)
        if (p == 1 || number_of[p] > number_of[p - 1] + 16)
            fprintf(f, "%.1f\t%u\n", (double)(p - 1) * cells_y / pages, number_of[p]);
    fclose(f);
    free(cell);
    free(last_use);
}

/* --- read-ahead: LRU that reads the pages around one that misses --- */

struct line {
    uint32_t prev, next;
    bool here, unused;
};

static void unlink_line(struct line *l, uint32_t p)
{
    l[l[p].prev].next = l[p].next;
    l[l[p].next].prev = l[p].prev;
}

static void push_line(struct line *l, uint32_t p)
{
    l[p].next = l[0].next;
    l[p].prev = 0;
    l[l[0].next].prev = p;
    l[0].next = p;
}

struct lines {
    struct line *line; /* [pages + 1] */
    bool *known;       /* [pages + 1]: it is on the disk by now */
    uint32_t here;
    uint64_t read;
};

/* Read a page ahead, if there is something to read. */
static void read_ahead(void *arg, uint32_t number)
{
    struct lines *s = arg;
    uint32_t p = number < PAGES ? dense[number] : 0;

    if (!p || s->line[p].here || !s->known[p])
        return;
    s->line[p].here = s->line[p].unused = true;
    push_line(s->line, p);
    s->here++;
    s->read++;
}

static enum lab_place place_of(void *arg, uint32_t number)
{
    const struct lines *s = arg;
    uint32_t p = number < PAGES ? dense[number] : 0;

    if (!p || !s->known[p])
        return LAB_NOWHERE;
    if (!s->line[p].here)
        return LAB_ON_DISK;
    return s->line[p].unused ? LAB_READ_AHEAD : LAB_MAPPED;
}

/* size: pages of a window; 0: the kernel's windows. */
static void run_ahead(FILE *f, uint32_t frames, uint32_t size)
{
    const struct trace *t = string_for(frames);
    struct lines s = {.line = zeroes(pages + 1, sizeof *s.line), .known = zeroes(pages + 1, sizeof *s.known)};
    struct line *l = s.line;
    uint64_t misses = 0, used = 0;

    lab_ahead_begin(frames, place_of, read_ahead, &s);
    for (size_t i = 0; i < t->count; i++) {
        uint32_t page = dense[t->page[i]], number = number_of[page];

        if (l[page].here) {
            used += l[page].unused;
            if (l[page].unused && !size)
                lab_ahead_touch(number);
            l[page].unused = false;
            unlink_line(l, page);
            push_line(l, page);
        } else {
            misses++;
            /* The page itself comes last, so that it is not thrown out for others. */
            if (!size && s.known[page])
                lab_ahead_miss(number);
            for (uint32_t k = 0; k < size; k++)
                if (number / size * size + k != number)
                    read_ahead(&s, number / size * size + k);
            l[page].here = s.known[page] = true;
            l[page].unused = false;
            push_line(l, page);
            s.here++;
        }
        for (; s.here > frames; s.here--) {
            uint32_t victim = l[0].prev;

            unlink_line(l, victim);
            l[victim].here = false;
        }
    }
    fprintf(f, "%u\t%u\t%llu\t%llu\t%llu\n", size, frames, (unsigned long long)misses,
            (unsigned long long)s.read, (unsigned long long)used);
    free(s.line);
    free(s.known);
}

/* --- policies --- */

static const char *policy[POLICIES_MAX];
static unsigned policies_chosen;
static uint32_t size[SIZES_MAX];
static unsigned sizes = 20;
struct result {
    uint64_t refs, misses, written, salvages;
    bool done;
};
struct board {
    unsigned next, done;
    struct result result[POLICIES_MAX * SIZES_MAX];
};
static struct board *board;

static void work(void)
{
    for (;;) {
        unsigned job = __atomic_fetch_add(&board->next, 1, __ATOMIC_RELAXED);
        struct result *r = &board->result[job];
        struct outcome o;

        if (job >= policies_chosen * sizes)
            return;
        /* The largest strings first. */
        uint32_t frames = size[job / policies_chosen];
        const struct trace *t = string_for(frames);
        struct setup how = {.policy = policy[job % policies_chosen], .frames = frames, .tlb = 1};

        simulate(t, &how, NULL, &o, false);
        *r = (struct result){t->count, o.misses, o.written, o.salvages, true};
        outcome_free(&o);
        __atomic_fetch_add(&board->done, 1, __ATOMIC_RELAXED);
    }
}

static bool sweep(unsigned jobs)
{
    unsigned all = policies_chosen * sizes, left = jobs;
    bool ok = true, shows = isatty(STDERR_FILENO);

    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        die("mmap");
    fflush(NULL);
    for (unsigned i = 0; i < jobs; i++) {
        pid_t pid = fork();

        if (pid < 0)
            die("fork");
        if (pid == 0) {
            work();
            _exit(0);
        }
    }
    for (unsigned tick = 0; left; tick++) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid > 0) {
            left--;
            ok &= status == 0;
        } else {
            usleep(100000);
        }
        /* Over the same line again, where that is a terminal; else a line now and then. */
        if (tick % (shows ? 20 : 200) == 0)
            fprintf(stderr, shows ? "\rlab: %u of %u runs, %.0f s " : "lab: %u of %u runs, %.0f s\n",
                    board->done, all, seconds());
    }
    fprintf(stderr, "%slab: %u of %u runs, %.1f s\n", shows ? "\r" : "", board->done, all, seconds());
    return ok && board->done == all;
}

static void write_misses(void)
{
    FILE *f = file("misses.tsv");

    fputs("policy\tframes\trefs\tmisses\twritten\tsalvages\n", f);
    for (unsigned s = 0; s < sizes; s++)
        fprintf(f, "lru\t%u\t%zu\t%llu\t\t\n", size[s], level[0].count,
                (unsigned long long)misses_of_lru(size[s]));
    for (unsigned p = 0; p < policies_chosen; p++)
        for (unsigned s = 0; s < sizes; s++) {
            const struct result *r = &board->result[s * policies_chosen + p];

            fprintf(f, "%s\t%u\t%llu\t%llu\t%llu\t%llu\n", policy[p], size[s], (unsigned long long)r->refs,
                    (unsigned long long)r->misses, (unsigned long long)r->written,
                    (unsigned long long)r->salvages);
        }
    fclose(f);
}

/* Sizes from a 32nd of the pages, but not below twice a stretch, to all of them, each the same part larger;
 * unless they were given. */
static void choose_sizes(void)
{
    double least = pages / 32 > 2 * STRETCH ? pages / 32.0 : 2 * STRETCH, most = pages;
    unsigned n = 0;

    if (size[0])
        return;
    if (most < least)
        most = least;
    for (unsigned i = 0; i < sizes; i++) {
        uint32_t frames =
            (uint32_t)lround(least * pow(most / least, sizes > 1 ? (double)i / (sizes - 1) : 1));

        if (!n || frames > size[n - 1])
            size[n++] = frames;
    }
    sizes = n;
}

static void number_pages(void)
{
    const struct trace *t = &level[0];

    for (size_t i = 0; i < t->count; i++)
        dense[t->page[i]] = 1;
    for (uint32_t p = 0; p < PAGES; p++)
        if (dense[p]) {
            dense[p] = ++pages;
            number_of[pages] = p;
        }
}

static void write_summary(void)
{
    const struct recorded_program *p = &recording.program[program];
    FILE *f = file("summary.tsv");

    fprintf(f, "name\tvalue\nprogram\t%s\npid\t%u\naccesses\t%llu\nreferences\t%zu\npages\t%u\n", p->name,
            p->pid, (unsigned long long)p->accesses, level[0].count, pages);
    fclose(f);
}

/* Not called as it has to be. */
static _Noreturn void wrong(const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "sweep: %s %s: %s\n", option, value, wanted);
    exit(2);
}

static uint32_t number(const char *option, const char *text, uint32_t most)
{
    char *end;
    unsigned long long n;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (errno || *end || *text < '0' || *text > '9' || n < 1 || n > most)
        wrong(option, text, "a number in its range is wanted");
    return (uint32_t)n;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Sizes that were given, smallest first, each once. */
static void take_sizes(char *text)
{
    unsigned n = 0, kept = 0;

    for (char *at = strtok(text, ","); at; at = strtok(NULL, ",")) {
        if (n == SIZES_MAX)
            wrong("--frames", at, "these are too many");
        size[n++] = number("--frames", at, FRAMES_MAX);
    }
    if (!n)
        wrong("--frames", "", "numbers are wanted, with commas between");
    qsort(size, n, sizeof *size, compare);
    for (unsigned i = 0; i < n; i++)
        if (!kept || size[i] != size[kept - 1])
            size[kept++] = size[i];
    sizes = kept;
}

/* Pages from one address to another, the last one with it. */
static void take_range(const char *text)
{
    char *end;
    unsigned long long from = strtoull(text, &end, 16), to = 0;

    if (*end == '-')
        to = strtoull(end + 1, &end, 16);
    if (*end || from >= to || to > UINT32_MAX)
        wrong("--range", text, "two addresses are wanted, hexadecimal, with a - between");
    first_page = (uint32_t)(from >> PAGE_SHIFT);
    last_page = (uint32_t)((to - 1) >> PAGE_SHIFT);
}

static _Noreturn void no_policy(const char *name)
{
    say_no_policy("sweep", name);
    exit(2);
}

static bool is_chosen(const char *name)
{
    for (unsigned i = 0; i < policies_chosen; i++)
        if (strcmp(policy[i], name) == 0)
            return true;
    return false;
}

/* LRU comes from its distances, so it is there in any case. */
static void choose_policies(char *names)
{
    for (unsigned i = 0; !names && machine_policy(i); i++)
        if (strcmp(machine_policy(i), "lru") != 0 && strcmp(machine_policy(i), "mru") != 0 &&
            strcmp(machine_policy(i), "2q") != 0 && strcmp(machine_policy(i), "unopt") != 0)
            policy[policies_chosen++] = machine_policy(i);
    for (char *n = names ? strtok(names, ",") : NULL; n; n = strtok(NULL, ",")) {
        if (!policy_is_known(n))
            no_policy(n);
        if (strcmp(n, "lru") != 0 && !is_chosen(n) && policies_chosen < POLICIES_MAX)
            policy[policies_chosen++] = n;
    }
}

int main(int argc, char **argv)
{
    static const char usage[] =
        "TRACE DIR [--pid N] [--name NAME] [--sizes N | --frames N,...] [--jobs N] [--policy NAME,...] "
        "[--range FROM-TO]";
    char *names = NULL;
    const char *name = NULL;
    unsigned jobs = 2;
    uint32_t pid = 0;
    bool ok;
    FILE *f;

    began = seconds();
    if (argc == 2 && strcmp(argv[1], "--policies") == 0) {
        for (unsigned i = 0; machine_policy(i); i++)
            puts(machine_policy(i));
        return 0;
    }
    if (argc < 3 || argc % 2 == 0)
        wrong("called as", "sweep", usage);
    for (int i = 3; i < argc; i += 2) {
        if (strcmp(argv[i], "--pid") == 0)
            pid = number(argv[i], argv[i + 1], INT32_MAX);
        else if (strcmp(argv[i], "--name") == 0)
            name = argv[i + 1];
        else if (strcmp(argv[i], "--sizes") == 0)
            sizes = number(argv[i], argv[i + 1], SIZES_MAX);
        else if (strcmp(argv[i], "--frames") == 0)
            take_sizes(argv[i + 1]);
        else if (strcmp(argv[i], "--jobs") == 0)
            jobs = number(argv[i], argv[i + 1], 64);
        else if (strcmp(argv[i], "--policy") == 0)
            names = argv[i + 1];
        else if (strcmp(argv[i], "--range") == 0)
            take_range(argv[i + 1]);
        else
            wrong("unknown:", argv[i], usage);
    }
    dir = argv[2];
    choose_policies(names);
    if (!recording_load(&recording, argv[1]))
        return 1;
    recording_keep(&recording, first_page, last_page);
    program = recording_find(&recording, pid, name);
    if (program == recording.programs) {
        recording_say_nobody("sweep", &recording, argv[1], pid, name);
        return 1;
    }
    accesses = recording.program[program].accesses;
    recording_trace(&recording, program, &level[0]);
    number_pages();
    choose_sizes();
    write_summary();
    fprintf(stderr, "lab: %s: %llu accesses, %zu references, %u pages; %u policies at %u sizes\n",
            recording.program[program].name, (unsigned long long)accesses, level[0].count, pages,
            policies_chosen, sizes);
    look_at_time();
    recording_free(&recording);
    reduce_all(pages);
    fprintf(stderr, "lab: working sets and shorter strings, %.1f s\n", seconds());
    find_distances(&level[0]);
    write_distances();
    fprintf(stderr, "lab: distances, %.1f s\n", seconds());
    f = file("ahead.tsv");
    fputs("window\tframes\tmisses\tread\tused\n", f);
    for (unsigned s = sizes / 4; s<sizes; s += sizes> 4 ? sizes / 4 : 1) {
        run_ahead(f, size[s], 0);
        for (uint32_t w = 1; w <= AHEAD_MOST; w *= 2)
            run_ahead(f, size[s], w);
    }
    fclose(f);
    ok = sweep(jobs);
    write_misses();
    return !ok;
}
