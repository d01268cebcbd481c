/*
 * The tour: replacement. A string of references is touched under a policy with a number of frames, exactly as
 * a simulator would: one victim at a time, nothing read ahead, and nothing else on the policy's lists
 * (/proc/sys/vm/exact and pageable_max; docs/policies.md). What the simulator build/host/replay says of the
 * same strings stands here, and tests/boot/tour.t asks it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "tests/user/quire/tour.h"

#define MOST_REFS  1024u
#define MOST_PAGES 512u

struct string {
    uint16_t page[MOST_REFS];
    bool write[MOST_REFS];
    unsigned refs, pages;
};

struct result {
    unsigned misses, early; /* all; those on pages below a number */
};

static struct string string;

static void add(unsigned page, bool write)
{
    string.page[string.refs] = (uint16_t)page;
    string.write[string.refs++] = write;
    if (page >= string.pages)
        string.pages = page + 1;
}

static void string_begin(void)
{
    memset(&string, 0, sizeof string);
}

static volatile uint8_t *at_page(unsigned n)
{
    return ALONE + n * PAGE;
}

static long majors(void)
{
    static struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_majflt;
}

static void touch(unsigned i)
{
    if (string.write[i])
        *at_page(string.page[i]) = 2;
    else
        (void)*at_page(string.page[i]);
}

/* All pages of the string are on the disk, nothing else is on the policy's lists, and it begins afresh. */
static bool begin_run(const char *policy, unsigned frames, unsigned limit)
{
    usleep(20000); /* whoever started this has gone to wait for it, and touches no page any more */
    quiet();
    set_vm("exact", "1");
    set_vm("policy", "fifo");
    set_vm("pageable_max", "1");
    map_alone(string.pages * PAGE);
    for (unsigned i = 0; i < string.pages; i++)
        *at_page(i) = 1;
    squeeze(2);
    if (!claim(page_out(ALONE, string.pages * PAGE), "all pages are on the disk"))
        return false;
    set_vm("policy", "clock");
    set_vm("policy", policy);
    set_vm_number("rss_limit", limit);
    set_vm_number("pageable_max", frames);
    return true;
}

static void end_run(void)
{
    munmap(ALONE, string.pages * PAGE);
    restore_vm();
    quiet_end();
}

/* Faults that read from the disk, under a policy; those on pages below `early` also by themselves. */
static struct result live(const char *policy, unsigned frames, unsigned early)
{
    struct result r = {0, 0};
    long before;

    if (begin_run(policy, frames, (frames * 3 + 3) / 4))
        for (unsigned i = 0; i < string.refs; i++) {
            before = majors();
            touch(i);
            r.misses += majors() > before;
            r.early += majors() > before && string.page[i] < early;
        }
    end_run();
    return r;
}

/* --- what needs more than a kernel can know --- */

/* Belady's optimum: what is wanted latest goes. */
static unsigned optimum(unsigned frames)
{
    unsigned misses = 0, in = 0;
    bool here[MOST_PAGES] = {false};

    for (unsigned i = 0; i < string.refs; i++) {
        unsigned latest = 0, victim = 0;

        if (here[string.page[i]])
            continue;
        misses++;
        for (unsigned p = 0; in == frames && p < string.pages; p++) {
            unsigned next = i + 1;

            if (!here[p])
                continue;
            while (next < string.refs && string.page[next] != p)
                next++;
            if (next > latest) {
                latest = next;
                victim = p;
            }
        }
        if (in == frames)
            here[victim] = false;
        else
            in++;
        here[string.page[i]] = true;
    }
    return misses;
}

/* Least recently used. */
static unsigned lru(unsigned frames)
{
    unsigned misses = 0, in = 0, when[MOST_PAGES] = {0}; /* of the last use, + 1 */

    for (unsigned i = 0; i < string.refs; i++) {
        unsigned victim = MOST_PAGES;

        if (!when[string.page[i]]) {
            misses++;
            for (unsigned p = 0; in == frames && p < string.pages; p++)
                if (when[p] && (victim == MOST_PAGES || when[p] < when[victim]))
                    victim = p;
            if (victim < MOST_PAGES)
                when[victim] = 0;
            else
                in++;
        }
        when[string.page[i]] = i + 1;
    }
    return misses;
}

/* --- 11: three policies --- */

#define FRAMES 24u
#define HOT    16u
#define COLD   44u
#define REFS   800u

/* Seven in ten go to a few pages, the others go round in many; some write. */
static void make_string(void)
{
    unsigned next = 0;

    string_begin();
    for (unsigned i = 0; i < REFS; i++) {
        uint32_t chance = mixed(i);

        if (chance % 10 < 7)
            add(chance / 10 % HOT, chance % 3 == 0);
        else
            add(HOT + next++ % COLD, false);
    }
}

int tour_references(void)
{
    make_string();
    for (unsigned i = 0; i < string.refs; i++)
        printf("%s%u\n", string.write[i] ? "w" : "", string.page[i]);
    return 0;
}

void tour_policies(void)
{
    static const struct {
        const char *name, *text;
        unsigned simulated; /* 0: it depends on chance */
    } policy[] = {
        {"fifo", "what was loaded first goes", 460},
        {"random", "any", 0},
        {"clock", "what was not used since the last turn", 427},
        {"clock-dirty", "the same, clean pages first", 376},
        {"aging", "shifted counters: LRU, nearly", 407},
        {"clock-pro", "what is used again soon becomes hot", 277},
    };
    unsigned best;

    if (!needs_quire() || !needs_swap())
        return;
    make_string();
    best = optimum(FRAMES);
    say("%u references to %u pages, seven in ten to %u of them, in %u frames. The program is the same each "
        "time, and so is the memory; /proc/sys/vm/policy says which page goes.",
        string.refs, string.pages, HOT, FRAMES);
    for (unsigned i = 0; i < sizeof policy / sizeof policy[0]; i++) {
        struct result r = live(policy[i].name, FRAMES, 0);

        show("%-11s %3u faults, %3u%% of OPT's   %s", policy[i].name, r.misses, r.misses * 100 / best,
             policy[i].text);
        claim(r.misses >= best, "nothing is better than the optimum");
        claim(!policy[i].simulated || r.misses == policy[i].simulated, "%s has %u faults, the simulator %u",
              policy[i].name, r.misses, policy[i].simulated);
    }
    show("%-11s %3u faults, %3u%% of OPT's   needs every access; computed", "LRU", lru(FRAMES),
         lru(FRAMES) * 100 / best);
    show("%-11s %3u faults, 100%%            needs the future; computed", "OPT", best);
}

/* --- 12: Belady's anomaly --- */

void tour_belady(void)
{
    static const uint8_t belady[] = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5};
    static const unsigned want[] = {9, 10};

    if (!needs_quire() || !needs_swap())
        return;
    string_begin();
    for (unsigned i = 0; i < sizeof belady; i++)
        add(belady[i] - 1, false);
    say("The string 1 2 3 4 1 2 5 1 2 3 4 5, under fifo (Belady, Nelson and Shedler, 1969). A page more of "
        "memory:");
    for (unsigned i = 0; i < 2; i++) {
        struct result r = live("fifo", 3 + i, 0);

        show("%u frames: %2u faults; LRU would have %2u, the optimum %u", 3 + i, r.misses, lru(3 + i),
             optimum(3 + i));
        claim(r.misses == want[i], "%u frames have %u faults, not %u", 3 + i, r.misses, want[i]);
    }
    say("A policy whose choice with more frames holds all that it holds with fewer cannot do that: LRU is "
        "such a one, fifo is not.");
}

/* --- 13: midpoint insertion --- */

#define SET        10u
#define SCAN_PAGES 300u

void tour_midpoint(void)
{
    static const struct {
        const char *name;
        unsigned simulated;
    } policy[] = {{"fifo", 450}, {"clock", 412}, {"two-list", 329}};
    unsigned again[3];

    if (!needs_quire() || !needs_swap())
        return;
    string_begin();
    for (unsigned i = 0; i < 3 * SET; i++)
        add(i % SET, false);
    for (unsigned i = 0; i < SCAN_PAGES; i++) {
        add(SET + i, false);
        add(i % SET, false);
    }
    say("A program uses %u pages all the time and reads %u others once, in %u frames. two-list puts new "
        "pages "
        "on an inactive list, which goes first: in the middle of all. Only what is used there becomes "
        "active.",
        SET, SCAN_PAGES, FRAMES);
    for (unsigned i = 0; i < 3; i++) {
        struct result r = live(policy[i].name, FRAMES, SET);

        again[i] = r.early - SET;
        show("%-9s %4u faults, %3u of them on the %u pages again", policy[i].name, r.misses, again[i], SET);
        claim(r.misses == policy[i].simulated, "%s has %u faults, the simulator %u", policy[i].name, r.misses,
              policy[i].simulated);
    }
    claim(again[2] < again[1], "the scan does not push out the working set");
}

/* --- 14: VMS --- */

static long salvaged(const char *kind)
{
    char name[32];

    snprintf(name, sizeof name, "pgsalvage_%s", kind);
    return number_in("/proc/vmstat", name);
}

void tour_vms(void)
{
    const unsigned limit = 16, pages = 24;
    struct answer a;
    long parked, clean, modified;

    if (!needs_quire() || !needs_swap())
        return;
    say("Under vms each program has a set of limited size, in order of arrival. What its set replaces is "
        "parked: "
        "its entry does not translate any more, but the frame keeps the page, at the end of a list of the "
        "machine, "
        "clean or modified. A touch puts it back and reads nothing: second chance, without an accessed bit.");
    string_begin();
    string.pages = pages;
    if (!begin_run("vms", 64, limit)) {
        end_run();
        return;
    }
    parked = number_in("/proc/vmstat", "pgpark");
    clean = salvaged("clean");
    modified = salvaged("modified");
    for (unsigned i = 0; i < pages; i++)
        *at_page(i) = (uint8_t)(i < pages / 2 ? *at_page(i) : 2);
    say("%u pages touched, with a set of %u: %ld are parked.", pages, limit,
        number_in("/proc/vmstat", "pgpark") - parked);
    claim(number_in("/proc/vmstat", "pgpark") - parked == pages - limit, "%u are parked", pages - limit);
    a = self_read((const volatile uint32_t *)at_page(0));
    say("Page 0 touched again: minor faults %ld, major %ld, salvaged %ld.", a.minor, a.major,
        salvaged("clean") + salvaged("modified") - clean - modified);
    claim(a.minor == 1 && a.major == 0, "a fault, and no disk");
    claim(salvaged("clean") + salvaged("modified") - clean - modified == 1, "one page was salvaged");
    end_run();
}
