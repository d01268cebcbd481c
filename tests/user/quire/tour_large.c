/* The tour: more than there is: a large working set, tables on disk, thrashing, and the end of memory. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/quire/tour.h"

#define WORDS (PAGE / 4)

/* --- a program that holds memory, so that little is left on a large machine --- */

static pid_t balloon;

/* Leave about so many bytes. False: there is no more than that anyway, or it cannot be held. */
static void leave(uint64_t bytes)
{
    uint64_t have = available();
    int ready[2];
    char c = 0;

    if (have <= bytes + MIB || pipe(ready) != 0)
        return;
    balloon = split();
    if (balloon == 0) {
        size_t size = (size_t)((have - bytes) / PAGE * PAGE);
        void *p = mmap(NULL, size, RW, ANON | MAP_NORESERVE, -1, 0);

        c = p != MAP_FAILED && mlock(p, size) == 0;
        close(ready[0]);
        if (write(ready[1], &c, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    claim(read(ready[0], &c, 1) == 1 && c, "memory can be set aside");
    close(ready[0]);
    say("%u MiB of this machine are set aside meanwhile.", (unsigned)((have - bytes) / MIB));
}

static void leave_all(void)
{
    if (balloon > 0) {
        kill(balloon, SIGKILL);
        waitpid(balloon, NULL, 0);
    }
    balloon = 0;
}

/* --- 10: twice the memory --- */

/* On Quire all counters at one moment. */
struct moved {
    double from;
    long in, out;
    struct counts counts;
};

static struct moved now(void)
{
    struct moved m = {.from = microseconds()};

    if (access("/proc/quire/counters", R_OK) == 0) {
        count(&m.counts);
        m.in = (long)between(&(struct counts){.value = {0}}, &m.counts, "swap.pages_in");
        m.out = (long)between(&(struct counts){.value = {0}}, &m.counts, "swap.pages_out");
    } else {
        m.in = number_in("/proc/vmstat", "pswpin");
        m.out = number_in("/proc/vmstat", "pswpout");
    }
    return m;
}

/* The next report begins where this one ends, so that they add up. */
static void report(const char *what, struct moved *since, uint32_t pages)
{
    struct moved m = now();

    show("%-24s %6.1f us a page; %6ld pages in, %6ld out", what, (m.from - since->from) / pages,
         m.in - since->in, m.out - since->out);
    *since = m;
    since->from = microseconds();
}

static uint32_t in_order(volatile uint32_t *p, uint32_t pages, uint32_t seed)
{
    uint32_t bad = 0;

    for (uint32_t i = 0; i < pages; i++)
        bad += p[i * WORDS] != mixed(i + seed);
    return bad;
}

static void fill(volatile uint32_t *p, uint32_t pages, uint32_t seed)
{
    for (uint32_t i = 0; i < pages; i++)
        p[i * WORDS] = mixed(i + seed);
}

/* Returns what was moved at the end. */
static struct moved patterns(volatile uint32_t *p, uint32_t pages, struct moved m)
{
    uint32_t bad = 0;

    fill(p, pages, 0);
    report("fill", &m, pages);
    bad += in_order(p, pages, 0);
    report("read in order", &m, pages);
    for (uint32_t i = 0; i < pages / 4; i++) {
        uint32_t n = mixed(i + 77) % pages;

        bad += p[n * WORDS] != mixed(n);
    }
    report("read at random", &m, pages / 4);
    for (uint32_t i = 0; i < pages; i++) {
        /* Nine in ten go to the first fifth, which would fit. */
        uint32_t n = mixed(i + 99) % (i % 10 ? pages / 5 : pages);

        bad += p[n * WORDS] != mixed(n);
    }
    report("nine in ten to a fifth", &m, pages);
    say("Programs favour a part of their memory, so the last line is what matters: most of it stays.");
    claim(bad == 0, "every page has kept what was written");
    return m;
}

/* Pages to a request, and read ahead: of all lines before. */
static void clusters(const struct counts *since, const struct counts *until, uint32_t excess)
{
    long long out = between(since, until, "swap.pages_out"), writes = between(since, until, "swap.writes");
    long long in = between(since, until, "swap.pages_in"), reads = between(since, until, "swap.reads");
    long long ahead = between(since, until, "swap.ahead"), used = between(since, until, "swap.ahead_used");

    step("Clusters, prefetch, and the daemon");
    say("All four lines together:");
    show("out: %lld pages in %lld requests to the disk, %.1f each", out, writes,
         writes ? (double)out / (double)writes : 0.0);
    show("in:  %lld pages in %lld requests, %.1f each", in, reads, reads ? (double)in / (double)reads : 0.0);
    show("read ahead: %lld pages, %lld of them were wanted before they went", ahead, used);
    claim(out >= excess, "%lld pages went out, of %u too many", out, excess);
    claim(writes < out / 2, "requests take several pages");
    claim(used > 0 && used <= ahead, "read-ahead was of use");
}

static unsigned long long pressure(const char *which)
{
    const char *at = strstr(line_in("/proc/pressure/memory", which), "total=");

    return at ? strtoull(at + 6, NULL, 10) : 0;
}

/* Two programs with half of the pages each: while one waits for the disk, the other runs. */
static void two_programs(uint32_t pages)
{
    unsigned long long some = pressure("some"), full = pressure("full");
    uint32_t *filled = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct moved m = now();
    pid_t pid[2];

    step("Two programs at once");
    for (unsigned k = 0; k < 2; k++) {
        pid[k] = split();
        if (pid[k] == 0) {
            volatile uint32_t *p = (volatile uint32_t *)map((size_t)pages / 2 * PAGE);

            fill(p, pages / 2, k * 1000003);
            __atomic_add_fetch(filled, 1, __ATOMIC_SEQ_CST);
            while (__atomic_load_n(filled, __ATOMIC_SEQ_CST) < 2)
                usleep(1000);
            _exit(in_order(p, pages / 2, k * 1000003) + in_order(p, pages / 2, k * 1000003) ? 1 : 0);
        }
    }
    for (unsigned k = 0; k < 2; k++)
        claim(wait_for(pid[k]) == 0, "program %u finds its pages as it wrote them", k);
    munmap(filled, PAGE);
    some = pressure("some") - some;
    full = pressure("full") - full;
    report("both", &m, pages);
    say("One of them at least waited for memory for %llu ms, all of them for %llu ms of that: in the rest, "
        "while one waited the other ran.",
        some / 1000, full / 1000);
    claim(some > 0 && some >= full, "somebody waited: %llu and %llu us", some, full);
}

void tour_large_set(void)
{
    uint64_t free_now, swap = free_swap(), want;
    bool quire = access("/proc/quire/counters", R_OK) == 0;
    struct moved before, after;
    long rounds;
    uint32_t pages;
    uint8_t *p;

    if (!needs_swap())
        return;
    if (quire)
        leave(16 * MIB);
    free_now = available();
    want = 2 * free_now;
    if (want > free_now + swap * 3 / 4)
        want = free_now + swap * 3 / 4;
    if (want > 1024u * MIB || want <= free_now + free_now / 8) {
        lacks("this takes a swap disk of a quarter of the memory or more:\n  tools/run -m 64M --disk FILE");
        leave_all();
        return;
    }
    pages = (uint32_t)(want / PAGE);
    say("More pages than frames: what is not used goes to the disk, in clusters, and a fault brings it back. "
        "%u KiB are available, and %u KiB will be used. Every page says who it is.",
        (unsigned)(free_now / 1024), (unsigned)(want / 1024));
    rounds = number_in("/proc/vmstat", "pageoutrun");
    p = map((size_t)pages * PAGE);
    before = now();
    after = patterns((volatile uint32_t *)p, pages, before);
    munmap(p, (size_t)pages * PAGE);
    if (quire) {
        clusters(&before.counts, &after.counts,
                 pages - (uint32_t)(free_now / PAGE) - (uint32_t)(free_now / PAGE / 4));
        rounds = number_in("/proc/vmstat", "pageoutrun") - rounds;
        say("The swap daemon ran %ld round%s: woken below the low watermark, it frees up to the high one.",
            rounds, rounds == 1 ? "" : "s");
        claim(rounds > 0, "the daemon ran");
        two_programs(pages);
    }
    leave_all();
}

/* --- 15: a page table on disk --- */

#define SPANS 64u
#define FAR   ((uint8_t *)0x48000000)

static volatile uint32_t *far_word(unsigned i)
{
    return (volatile uint32_t *)(FAR + (size_t)i * SPAN + i * 7 % 1024 * PAGE);
}

static long tables_of(pid_t pid)
{
    return number_of_pid(pid, "status", "VmPTE") / 4 - 1;
}

void tour_table_out(void)
{
    struct counts before;
    struct actor a;
    struct answer got;
    long tables, left;

    if (!needs_quire() || !needs_swap())
        return;
    quiet();
    say("A program that touched a page here and there has a table of 4 KiB for each 4 MiB. When all that a "
        "table "
        "names is on the disk, the table goes there, too; the directory's entry names its slot.");
    if (mmap(FAR, (size_t)SPANS * SPAN, RW, ANON | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) !=
            (void *)FAR ||
        !actor_start(&a)) {
        claim(false, "%u MiB of addresses are free", SPANS * 4);
        return;
    }
    for (unsigned i = 0; i < SPANS; i++)
        actor_write(&a, far_word(i), mixed(i));
    tables = tables_of(a.pid);
    show("%-42s %3ld tables in memory", "one page in each of 64 spans touched:", tables);
    claim(tables >= (long)SPANS, "there is a table for each");
    settle();
    count(&before);
    set_vm("pageable_max", "32");
    left = tables;
    for (unsigned i = 0; i < 400 && left > tables - (long)SPANS; i++) {
        squeeze(64);
        usleep(1000);
        left = tables_of(a.pid);
    }
    set_vm("pageable_max", "0");
    show("%-42s %3ld tables, %lld went to the disk", "memory was short while the program slept:", left,
         (long long)changed(&before, "table.out"));
    claim(left <= tables - (long)SPANS / 2, "at least half of the tables went");
    set_vm("exact", "1");            /* nothing is read ahead */
    for (unsigned i = 0; i < 3; i++) /* what it needs itself */
        actor_write(&a, far_word(0), mixed(0));
    left = tables_of(a.pid);
    show("%-42s %3ld tables", "its first page again, and what it needs:", left);
    count(&before);
    got = actor_read(&a, far_word(SPANS - 1));
    show("%-42s %3ld tables, %lld came back", "it touches its last page again:", tables_of(a.pid),
         (long long)changed(&before, "table.in"));
    say("That was one fault and two reads: first the table, then the page that its entry names. (Major "
        "faults: "
        "%ld, pages read: %lld.)",
        got.major, (long long)changed(&before, "swap.pages_in"));
    claim(got.value == mixed(SPANS - 1), "the page is as it was");
    claim(changed(&before, "table.in") == 1 && tables_of(a.pid) == left + 1, "one table came back");
    claim(got.major == 1 && changed(&before, "swap.pages_in") == 2, "two pages were read");
    for (unsigned i = 0; i < SPANS; i++)
        claim(actor_read(&a, far_word(i)).value == mixed(i), "page %u is as it was", i);
    actor_end(&a);
    munmap(FAR, (size_t)SPANS * SPAN);
    quiet_end();
}

/* --- 17: thrashing --- */

#define PROGRAMS 3u
#define WORK     250u
#define ROUNDS   6u  /* without load control */
#define MOST     60u /* with it, where the disk is fast: as many as take seconds */
#define TRIES    3u

/* What programs tell, in memory that they share with the tour. */
struct told {
    uint32_t wrong, ready;
};

static void loop(struct told *told, unsigned n, uint32_t pages, unsigned rounds)
{
    volatile uint32_t *p = (volatile uint32_t *)map((size_t)pages * PAGE);

    fill(p, pages, n);
    __atomic_store_n(&told[n].ready, 1, __ATOMIC_RELEASE);
    for (unsigned k = 0; k < PROGRAMS; k++)
        while (!__atomic_load_n(&told[k].ready, __ATOMIC_ACQUIRE))
            usleep(10000);
    for (unsigned r = 0; r < rounds; r++)
        for (uint32_t i = 0; i < pages; i++) {
            told[n].wrong += p[i * WORDS] != mixed(i + n);
            /* It does something with the page, too: else who once has its pages is done before it loses any.
             */
            for (unsigned k = 0; k < WORK; k++)
                p[i * WORDS + 1] = mixed(p[i * WORDS + 1] + k);
        }
    _exit(told[n].wrong ? 1 : 0);
}

struct outcome {
    long moved; /* pages to and from the disk */
    double us;
    unsigned long long some;
};

static struct outcome programs(uint32_t pages, unsigned rounds)
{
    struct told *told = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct outcome o = {.us = microseconds()};
    pid_t pid[PROGRAMS];

    mlock(told, PAGE);
    o.some = pressure("some");
    o.moved = number_in("/proc/vmstat", "pswpin") + number_in("/proc/vmstat", "pswpout");
    for (unsigned n = 0; n < PROGRAMS; n++) {
        pid[n] = split();
        if (pid[n] == 0)
            loop(told, n, pages, rounds);
    }
    for (unsigned n = 0; n < PROGRAMS; n++)
        claim(wait_for(pid[n]) == 0, "program %u finds its pages as it wrote them", n);
    o.us = microseconds() - o.us;
    o.moved = number_in("/proc/vmstat", "pswpin") + number_in("/proc/vmstat", "pswpout") - o.moved;
    o.some = pressure("some") - o.some;
    munmap(told, PAGE);
    return o;
}

static long times_out(void)
{
    return number_in("/proc/quire/load", "total out");
}

static void show_outcome(const char *what, const struct outcome *o, unsigned rounds)
{
    show("%-13s %2u rounds, %6ld pages moved, %5ld a round, %5.0f ms", what, rounds, o->moved,
         o->moved / (long)rounds, o->us / 1e3);
}

void tour_thrashing(void)
{
    uint64_t total = (uint64_t)number_in("/proc/meminfo", "MemTotal") * 1024;
    uint64_t each = total / 32 + 4 * MIB;
    struct outcome without, with;
    bool fewer = false;
    unsigned rounds;
    long outs = 0;

    if (!needs_quire() || !needs_swap())
        return;
    if (free_swap() < PROGRAMS * each || each > 64 * MIB || total < 24 * MIB) {
        lacks("this takes %u MiB of swap, and 24 MiB to 2 GiB of memory:\n  tools/run -m 64M --disk FILE",
              (unsigned)(PROGRAMS * each / MIB));
        return;
    }
    say("Three programs go round in %u MiB each, and two of them do not fit at once. Each page that comes in "
        "drives out one that is needed as soon: everybody waits for the disk.",
        (unsigned)(each / MIB));
    leave(each + each / 4);
    set_vm("loadcontrol", "0");
    without = programs((uint32_t)(each / PAGE), ROUNDS);
    show_outcome("all at once:", &without, ROUNDS);
    say("/proc/pressure/memory: somebody waited for memory for %llu of %.0f ms.", without.some / 1000,
        without.us / 1e3);
    rounds = (unsigned)(2.5e6 / (without.us + 1) * ROUNDS);
    rounds = rounds < ROUNDS ? ROUNDS : rounds > MOST ? MOST : rounds;
    say("Load control suspends whole programs in turn, so that who runs has its working set: nobody is let "
        "in "
        "for whom there is no room. (/proc/quire/load, docs/thrashing.md)");
    set_vm("loadcontrol", "1");
    /* Whether it begins in time depends on how long the programs' waits are beside their work, and so on the
     * machine: longer runs give it more of it.
     */
    for (unsigned tries = 0; tries < TRIES; tries++, rounds *= 2) {
        outs = times_out();
        with = programs((uint32_t)(each / PAGE), rounds);
        show_outcome("in turns:", &with, rounds);
        fewer = with.moved * (long)ROUNDS < without.moved * (long)rounds;
        if (times_out() > outs && fewer)
            break;
    }
    outs = times_out() - outs;
    say("Suspended %ld time%s; /proc/quire/load says:", outs, outs == 1 ? "" : "s");
    show("%s", line_in("/proc/quire/load", "look"));
    show("%s", line_in("/proc/quire/load", "total"));
    claim(without.some > 0, "/proc/pressure/memory saw that they waited");
    claim(outs > 0, "somebody was suspended");
    claim(fewer, "in turns, fewer pages move in a round");
    leave_all();
}

/* --- 18: out of memory --- */

static void show_kill(pid_t pid)
{
    static char log[65536];
    char wanted[64], *at, *last = NULL;
    int n = klogctl(3, log, sizeof log - 1);

    if (n <= 0)
        return;
    log[n] = 0;
    snprintf(wanted, sizeof wanted, "oom: killed process %d ", (int)pid);
    for (at = log; (at = strstr(at, wanted)) != NULL; at++)
        last = at;
    if (claim(last != NULL, "the log says whom it killed, and why"))
        say("%.*s", (int)strcspn(last, "\n"), last);
}

static void admission(void)
{
    long limit, promised;
    void *p;

    step("Admission control: promises that are refused");
    say("With vm.overcommit_memory = 2 no more is promised than swap and a share of memory can hold.");
    set_vm("overcommit_memory", "2");
    limit = number_in("/proc/meminfo", "CommitLimit");
    promised = number_in("/proc/meminfo", "Committed_AS");
    show("limit %ld kB, promised %ld kB", limit, promised);
    p = mmap(NULL, (size_t)(limit - promised + 1024) * 1024, RW, ANON, -1, 0);
    claim(p == MAP_FAILED && errno == ENOMEM, "a mapping of 1 MiB too much is refused");
    show("a private mapping of %ld kB: %s", limit - promised + 1024,
         p == MAP_FAILED ? strerror(errno) : "granted");
    if (p != MAP_FAILED)
        munmap(p, (size_t)(limit - promised + 1024) * 1024);
    set_vm("overcommit_memory", "0");
}

void tour_oom(void)
{
    long kills = number_in("/proc/vmstat", "oom_kill");
    int status = 0, fd;
    double from;
    pid_t pid;

    if (!needs_quire())
        return;
    admission();
    step("The end of memory");
    if (available() + free_swap() > 1024ull * MIB) {
        lacks("there is too much memory and swap to fill: tools/run -m 64M");
        return;
    }
    say("A program takes what there is, %u MiB of memory and swap. When nothing can go any more, one program "
        "has to: that which frees most, or which said that it minds least (/proc/PID/oom_score_adj).",
        (unsigned)((available() + free_swap()) / MIB));
    from = microseconds();
    pid = split();
    if (pid == 0) {
        fd = open("/proc/self/oom_score_adj", O_WRONLY);
        if (fd >= 0 && write(fd, "1000", 4) == 4)
            for (;;)
                memset(map(MIB), 1, MIB);
        _exit(1);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    say("It ended after %.0f ms, by signal %d. oom_kill in /proc/vmstat: %+ld.",
        (microseconds() - from) / 1e3, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        number_in("/proc/vmstat", "oom_kill") - kills);
    claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it was killed");
    claim(number_in("/proc/vmstat", "oom_kill") - kills == 1, "one program was");
    show_kill(pid);
}
