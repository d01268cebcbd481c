/*
 * why PID ADDRESS: all that is known of a page, in words. What is said is what /proc/PID/quire/page says, at
 * one moment; here it is only put into sentences, and the entry is drawn bit by bit.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

#define LINES_MAX 4096
#define TEXT_MAX  (1u << 20)

/* --- what the kernel says: lines of a key and a value --- */

struct answer {
    char *text;
    const char *key[LINES_MAX], *value[LINES_MAX];
    unsigned count;
};

static void parse(struct answer *a)
{
    char *line = a->text;

    while (*line && a->count < LINES_MAX) {
        char *end = strchr(line, '\n'), *blank;

        if (end)
            *end = '\0';
        blank = strchr(line, ' ');
        if (blank)
            *blank = '\0';
        a->key[a->count] = line;
        a->value[a->count++] = blank ? blank + 1 : "";
        if (!end)
            break;
        line = end + 1;
    }
}

/* NULL: there is no such line. */
static const char *get(const struct answer *a, const char *key)
{
    for (unsigned i = 0; i < a->count; i++)
        if (strcmp(a->key[i], key) == 0)
            return a->value[i];
    return NULL;
}

static bool is(const struct answer *a, const char *key, const char *value)
{
    const char *v = get(a, key);

    return v && strcmp(v, value) == 0;
}

static unsigned long long number(const struct answer *a, const char *key, int base)
{
    const char *v = get(a, key);

    return v ? strtoull(v, NULL, base) : 0;
}

static unsigned decimal(const struct answer *a, const char *key)
{
    return (unsigned)number(a, key, 10);
}

static uint32_t hex(const struct answer *a, const char *key)
{
    return (uint32_t)number(a, key, 16);
}

/* Whether a line of words has this one. */
static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = words; at && (at = strstr(at, word)); at += n)
        if ((at == words || at[-1] == ' ') && (!at[n] || at[n] == ' '))
            return true;
    return false;
}

/* --- sentences --- */

#define INDENT 10

/* Text in lines that begin at a column, behind a margin. */
static void paragraph(int indent, const char *margin, char *text)
{
    enum { WIDTH = 79 };
    char *rest;
    int column = indent;

    printf("%-*s", indent, margin);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        int n = (int)strlen(word);

        if (column > indent && column + 1 + n > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        printf("%s%s", column > indent ? " " : "", word);
        column += n + (column > indent);
    }
    putchar('\n');
}

/* A paragraph behind a word in the margin. */
static void put(const char *margin, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(const char *margin, const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    paragraph(INDENT, margin, text);
}

static const char *plural(unsigned n)
{
    return n == 1 ? "" : "s";
}

/* --- the region --- */

static void tell_region(const struct answer *a)
{
    const char *name = get(a, "region_name"), *flags = get(a, "region_flags"),
               *rights = get(a, "region_rights");
    const char *pager = get(a, "region_pager");
    bool shared = rights && rights[3] == 's';

    if (is(a, "region", "none")) {
        put("region", "nothing is mapped at this address: a touch is a fault that nobody resolves, SIGSEGV");
        return;
    }
    put("region", "%s %s%s%s%s%s", get(a, "region"), rights, name ? " of " : "", name ? name : "",
        flags && *flags ? ", " : "", flags ? flags : "");
    if (!pager)
        put("", "private memory that begins as zeroes");
    else if (strcmp(pager, "zero") == 0)
        put("", "memory that begins as zeroes and that all who map it share; this page is at byte %llu of it",
            number(a, "region_offset", 10));
    else
        put("", "%s: this page is at byte %llu of the file%s",
            shared ? "shared with the file" : "private over a file, so that a write makes a copy",
            number(a, "region_offset", 10), is(a, "state", "private") ? ", of which it is such a copy" : "");
}

/* --- entries, bit by bit --- */

static const struct {
    const char *shown, *name, *set, *clear;
} bits[] = {
    {"P", "present", "the processor translates", "a touch faults"},
    {"W", "write", "writes are allowed", "read-only: the first write faults"},
    {"U", "user", "ring 3 may use it", "only the kernel may use it"},
    {"WT", "write-through", "writes go through the cache", NULL},
    {"CD", "uncached", "not cached", NULL},
    {"A", "accessed", "used since the bit was last cleared", "not used since the bit was last cleared"},
    {"D", "dirty", "written to since the bit was last cleared",
     "not written to since the bit was last cleared"},
    {"PS", "large", "a page of 4 MiB", NULL},
    {"G", "global", "stays translated when the root changes", NULL},
};
#define BITS (sizeof bits / sizeof bits[0])

/* A field in its box: in groups of four bits, few of them one by one. */
static void draw_field(uint32_t e, int high, int low)
{
    putchar('|');
    for (int i = high; i >= low; i--)
        printf(high - low < 3 || (i - low) % 4 == 3 || i == high ? " %u" : "%u", e >> i & 1);
    putchar(' ');
}

/* An entry that names a frame: the number, three free bits, nine that have names. */
static void draw_frame_entry(uint32_t e, const char *what)
{
    char number[32];

    printf("%*s 31                      12  11   9  8   7   6   5   4   3   2   1   0\n", INDENT, "");
    printf("%*s+--------------------------+-------+---+---+---+---+---+---+---+---+---+\n", INDENT, "");
    printf("%*s", INDENT, "");
    draw_field(e, 31, 12);
    draw_field(e, 11, 9);
    for (int i = 8; i >= 0; i--)
        printf("| %u ", e >> i & 1);
    printf("|\n%*s+--------------------------+-------+---+---+---+---+---+---+---+---+---+\n", INDENT, "");
    snprintf(number, sizeof number, " %s 0x%05x = %u", what, e >> 12, e >> 12);
    printf("%*s%-27s%-8s", INDENT, "", number, e & 1 ? " free" : e >> 9 & 1 ? " parked" : " held");
    for (int i = (int)BITS - 1; i >= 0; i--)
        printf("  %-*s", i ? 2 : 0, bits[i].shown);
    putchar('\n');
}

/* An entry that names a slot: area, page of the area, and three bits that are 0. */
static void draw_slot_entry(uint32_t e)
{
    char area[16], page[16];

    printf("%*s 31   27 26                            3   2   1   0\n", INDENT, "");
    printf("%*s+--------+-------------------------------+---+---+---+\n", INDENT, "");
    printf("%*s", INDENT, "");
    draw_field(e, 31, 27);
    draw_field(e, 26, 3);
    for (int i = 2; i >= 0; i--)
        printf("| %u ", e >> i & 1);
    snprintf(area, sizeof area, " area %u", e >> 27);
    snprintf(page, sizeof page, " page %u", e >> 3 & 0xFFFFFF);
    printf("|\n%*s+--------+-------------------------------+---+---+---+\n", INDENT, "");
    printf("%*s%-9s%-31s  -   -   P\n", INDENT, "", area, page);
}

static void explain_bits(uint32_t e)
{
    for (size_t i = 0; i < BITS; i++) {
        bool set = e >> i & 1;

        if (set || bits[i].clear)
            printf("%*s%2s = %u  %-8s  %s\n", INDENT, "", bits[i].shown, set, bits[i].name,
                   set ? bits[i].set : bits[i].clear);
    }
}

/* --- slots --- */

/* Keys begin with a word: slot, table_slot, object_slot. */
static void tell_slot(const struct answer *a, const char *word, const char *holds)
{
    char key[6][32];
    static const char *const part[] = {"", "_device", "_page", "_disk", "_byte", "_names"};
    const char *cached, *bad;

    for (unsigned i = 0; i < 6; i++)
        snprintf(key[i], sizeof key[i], "%s%s", word, part[i]);
    if (!get(a, key[1])) {
        put("slot", "0x%s, which no area has: the page was lost, and its area is off", get(a, key[0]));
        return;
    }
    put("slot", "0x%x %s: page %u of %s, which is byte %llu of the disk %s", hex(a, key[0]), holds,
        decimal(a, key[2]), get(a, key[1]), number(a, key[4], 10), get(a, key[3]));
    snprintf(key[0], sizeof key[0], "%s_cached", word);
    cached = get(a, key[0]);
    snprintf(key[0], sizeof key[0], "%s_bad", word);
    bad = get(a, key[0]);
    put("", "named by %u entr%s; %s%s%s", decimal(a, key[5]), decimal(a, key[5]) == 1 ? "y" : "ies",
        cached && strcmp(cached, "no") != 0 ? "it is cached: its page is also in memory, in frame "
                                            : "not cached: its page is nowhere in memory",
        cached && strcmp(cached, "no") != 0 ? cached : "", bad ? "; an I/O error has retired it" : "");
}

/* --- directory, entry, frame --- */

static void tell_directory(const struct answer *a)
{
    uint32_t e = hex(a, "directory"), index = hex(a, "page") >> 22;

    if (is(a, "directory_state", "none")) {
        put("table",
            "none: directory entry %u is empty, nothing of these 4 MiB was ever touched, or all of it was "
            "unmapped",
            index);
        return;
    }
    if (is(a, "directory_state", "out")) {
        put("table", "out: directory entry %u = 0x%08x says that the table itself lies on the disk", index,
            e);
        draw_slot_entry(e);
        tell_slot(a, "table_slot", "holds the table");
        put("",
            "it has %u entr%s; which page %s names is only known when it comes back, with the next fault "
            "in these 4 MiB",
            decimal(a, "table_slot_entries"), decimal(a, "table_slot_entries") == 1 ? "y" : "ies",
            decimal(a, "table_slot_entries") == 1 ? "it" : "each");
        return;
    }
    put("table", "directory entry %u = 0x%08x: the table is in frame %u, has %u entr%s, and is %s", index, e,
        decimal(a, "table"), decimal(a, "table_entries"), decimal(a, "table_entries") == 1 ? "y" : "ies",
        is(a, "directory_state", "own") ? "this program's own" : "shared with other programs since a fork");
    if (is(a, "directory_writes", "held"))
        put("", "writes to these 4 MiB are held back here, whatever the entry says: %s",
            is(a, "directory_state", "own") ? "the table was shared, and the first write claims it"
                                            : "the first write makes a table of the program's own");
}

static void tell_entry(const struct answer *a)
{
    uint32_t e = hex(a, "entry");

    if (is(a, "directory_state", "none") || is(a, "directory_state", "out"))
        return;
    if (is(a, "entry_kind", "empty")) {
        put("entry", "0x00000000, empty: %s",
            is(a, "region", "none") ? "nothing"
            : !get(a, "region_pager")
                ? "nothing yet; a first read will get the shared zero page, a first write a zeroed frame"
                : "a touch will map the page of the object");
        return;
    }
    if (is(a, "entry_kind", "swap")) {
        put("entry", "0x%08x: bits 0 and 2 are clear, so it names a slot of the disk", e);
        draw_slot_entry(e);
        return;
    }
    if (is(a, "entry_kind", "lost")) {
        put("entry", "0x%08x: bits 0 and 2 are clear, and the slot that it names is that of all lost pages",
            e);
        return;
    }
    put("entry", "0x%08x, %s:", e,
        is(a, "entry_kind", "present")    ? "present"
        : is(a, "entry_kind", "held")     ? "held: the page is in memory, and its region lets nobody touch it"
        : is(a, "entry_parked_by", "tlb") ? "parked: the page is in memory and in use, and the software TLB "
                                            "of this program has no entry for "
                                            "it; the next touch is a miss, which puts one in"
        : is(a, "entry_parked_by", "policy tlb")
            ? "parked: the page is in memory, its policy has set it aside, and the software TLB of this "
              "program "
              "has no entry for it; the next touch puts it back"
            : "parked: the page is in memory and its policy has set it aside; the next touch puts it back");
    draw_frame_entry(e, "frame");
    explain_bits(e);
}

/* What the state means, in one sentence. */
static void tell_state(const struct answer *a)
{
    static const struct {
        const char *state, *text;
    } all[] = {
        {"none", "it has nothing: neither a frame nor a slot is spent for it"},
        {"zero", "it was only read so far: it is the zero page, which all untouched pages share"},
        {"private", "it has a frame of its own that nobody else shows"},
        {"shared", "its frame is shown by others too, as after fork; who writes first gets a copy"},
        {"shmem", "it is a page of shared memory: a write is seen by all who map it"},
        {"file", "it is the file's own page, which all who map or read the file use"},
        {"parked", "it is in memory, and on its way out: its policy has set it aside"},
        {"swapped", "it is on the disk and nowhere in memory"},
        {"cached",
         "its entry names the disk, and its page is in memory too, in the swap cache: a touch needs no read"},
        {"out", "its table is on the disk, and what it says of this page with it"},
        {"lost", "it was on the disk and could not be read: a touch is a bus error until it is unmapped"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (is(a, "state", all[i].state))
            put("state", "%s: %s", all[i].state, all[i].text);
}

static void tell_frame(const struct answer *a)
{
    const char *flags = get(a, "frame_flags"), *list = get(a, "frame_list");
    const char *which = get(a, "frame") ? "frame" : "object_frame";

    if (!get(a, which))
        return;
    put("frame", "%u, physical 0x%08x, %s memory, use %s%s", decimal(a, which), hex(a, "frame_physical"),
        get(a, "frame_zone"), get(a, "frame_use"),
        strcmp(which, "frame") == 0 ? "" : ": the object's page is in memory, though no entry here names it");
    if (!flags)
        return;
    put("", "%u entr%s name%s it, %u pin%s; flags: %s", decimal(a, "frame_maps"),
        decimal(a, "frame_maps") == 1 ? "y" : "ies", decimal(a, "frame_maps") == 1 ? "s" : "",
        decimal(a, "frame_pins"), plural(decimal(a, "frame_pins")), *flags ? flags : "none");
    if (list && strcmp(list, "none") != 0) {
        const char *name = strchr(list, ' ');

        put("", "policy %s has it on its list \"%s\"", get(a, "frame_policy"), name ? name + 1 : list);
    }
    if (has_word(flags, "busy"))
        put("", "it is being filled: its contents are not valid yet");
    if (has_word(flags, "writeback"))
        put("", "it is being written to its slot");
    if (has_word(flags, "readahead"))
        put("", "it was read ahead, and nobody has asked for it yet");
}

static void tell_places(const struct answer *a)
{
    bool first = true;
    int self = (int)number(a, "pid", 10);
    unsigned told = 0, last_space = 0, last_va = 0; /* places; several processes may have one space */

    for (unsigned i = 0; i < a->count; i++) {
        char kind[16] = "", comm[32] = "";
        unsigned space, va, entry;
        int pid;

        if (strcmp(a->key[i], "map") != 0 ||
            sscanf(a->value[i], "%d %u %x %x %15s %31[^\n]", &pid, &space, &va, &entry, kind, comm) < 5)
            continue;
        told += !told || space != last_space || va != last_va;
        last_space = space;
        last_va = va;
        if (pid == self && va == hex(a, "page"))
            continue;
        put(first ? "others" : "", "pid %d (%s) at 0x%08x: entry 0x%08x, %s", pid, comm, va, entry,
            strcmp(kind, "swap") == 0 ? "names the slot" : kind);
        first = false;
    }
    if (first && decimal(a, "maps_found"))
        put("others", "nobody else maps it");
    if (decimal(a, "maps_found") > told)
        put("", "and %u more", decimal(a, "maps_found") - told);
}

/* --- what happened --- */

/* One record: its time, what happened, and NAME=VALUE of the rest of the line. */
struct event {
    double us;
    char kind[24];
    const char *line;
};

/* The value of a name in the line of an event; "": it has none. Valid until the eighth next call. */
static const char *part(const struct event *e, const char *name)
{
    static char value[8][32];
    static unsigned turn;
    size_t n = strlen(name);
    char *out = value[turn = (turn + 1) % 8];

    *out = '\0';
    for (const char *at = e->line; (at = strchr(at, ' ')); at++)
        if (strncmp(at + 1, name, n) == 0 && at[1 + n] == '=') {
            snprintf(out, sizeof value[0], "%.*s", (int)strcspn(at + 2 + n, " "), at + 2 + n);
            break;
        }
    return out;
}

static bool says(const struct event *e, const char *word)
{
    return has_word(e->line, word);
}

/* "pid 7", or what is known of somebody that has ended; by the names of its parts in the line. */
static const char *process_of(const struct event *e, const char *pid_name, const char *space_name)
{
    static char text[2][48];
    static unsigned turn;
    char *out = text[turn = !turn];
    const char *pid = part(e, pid_name);

    if (*pid && strcmp(pid, "-") != 0)
        snprintf(out, sizeof text[0], "pid %s", pid);
    else
        snprintf(out, sizeof text[0], "a program that has ended (space %s)", part(e, space_name));
    return out;
}

static const char *whose(const struct event *e)
{
    return process_of(e, "pid", "space");
}

static const char *access_of(const struct event *e)
{
    if (says(e, "kernel"))
        return says(e, "write") ? "the kernel's write for" : "the kernel's read for";
    return says(e, "write") ? "a write of" : says(e, "exec") ? "an instruction fetch of" : "a read of";
}

/* What a record tells beside its kind, by the names that kind= of /proc/quire/events takes, and what it cost
 * so far, as the processor counts. */
static void parts_text(const struct event *e, char *s, size_t size)
{
    bool ends = strcmp(e->kind, "fault") == 0;
    const char *cycles = part(e, "cycles");
    char words[96];

    snprintf(words, sizeof words, "%s%s%s%s%s%s%s", ends ? ", fault-begun" : "",
             says(e, "zeroed") ? ", zeroed" : "", says(e, "mapped") ? ", mapped" : "",
             ends ? ", fault-ended" : "", *cycles ? ", " : "", cycles,
             !*cycles ? ""
             : ends   ? " cycles"
                      : " cycles so far");
    if (*words)
        snprintf(s, size, " (%s)", words + 2);
    else
        *s = '\0';
}

/* How a fault ended. */
static void fault_text(const struct event *e, char *s, size_t size)
{
    static const struct {
        const char *word, *text;
    } end[] = {
        {"map-zero-frame", "was the first touch, and got the shared zero page"},
        {"fill-zero", "had no page of its own, and got a frame that was zeroed for it"},
        {"copy", "found a page that others have too, and got a copy of its own"},
        {"take-over",
         "found a page that was held back although nobody else has it any more, and took it over"},
        {"upgrade", "was the first to a page of an object, and was allowed"},
        {"object-in", "got the page of the object"},
        {"swap-in", "wanted the page that was on the disk, and got it back"},
        {"unpark", "found the page set aside, and put it back without reading"},
        {"own-table", "found a shared table, and got one of its own"},
        {"table-in", "brought the page's table in from the disk"},
        {"spurious", "found that all was well already"},
        {"done", "was resolved by the steps before"},
        {"bad-address", "found no region"},
        {"bad-access", "was not allowed"},
        {"grow-stack", "let the stack grow"},
    };
    const char *text = "ended";
    char frame[24] = "", parts[96];

    for (size_t i = 0; i < sizeof end / sizeof end[0]; i++)
        if (says(e, end[i].word))
            text = end[i].text;
    if (says(e, "fill-zero") || says(e, "copy"))
        snprintf(frame, sizeof frame, ": frame %s", part(e, "frame"));
    parts_text(e, parts, sizeof parts);
    snprintf(s, size, "%s %s %s%s%s%s", access_of(e), whose(e), text, frame,
             says(e, "major") ? ", with a read from a disk" : "", parts);
}

static void step_text(const struct event *e, char *s, size_t size)
{
    char parts[112];
    const char *done = says(e, "swap-in")     ? "the page came from its slot"
                       : says(e, "own-table") ? "the table became its own"
                       : says(e, "object-in") ? "the object's page was brought"
                       : says(e, "unpark")    ? "the page was put back"
                       : says(e, "table-in")  ? "the table came in"
                                              : "one step was done";

    parts_text(e, parts, sizeof parts);
    snprintf(s, size, "on the way of %s %s: %s%s", access_of(e), whose(e), done, parts);
}

/* "2 pages, with this one", or "it" of 1. */
static const char *with_pages(const char *n)
{
    static char text[48];

    if (strcmp(n, "1") == 0)
        return "it";
    snprintf(text, sizeof text, "%s pages, with this one", n);
    return text;
}

static void victim_text(const struct event *e, char *s, size_t size)
{
    const char *by = strstr(e->line, " by ");

    snprintf(s, size, "%.*s chose it to go%s%s%s%s", by ? (int)strcspn(by + 4, " ") : 10,
             by ? by + 4 : "the policy",
             says(e, "used") ? ": it was used since the last look" : ": it was not used since the last look",
             says(e, "dirty") ? ", and has to be written" : ", and is clean",
             says(e, "has-slot") ? ", with a slot already" : "",
             says(e, "lazy") ? "; its program had given it up" : "");
}

/* A sentence for a record; false: it has none. */
static bool sentence_of(const struct event *e, char *s, size_t size)
{
    static const struct {
        const char *kind, *text;
    } plain[] = {
        {"split", "its table was shared since a fork, and was copied so that the program has one of its own"},
        {"claimed", "its table was shared, and is the program's alone again: nobody else names it any more"},
        {"table-emptied", "its table had no entries any more, and was freed"},
        {"table-lost", "its table could not be read from the disk"},
        {"mapped-ahead", "it was in memory, and was mapped before anybody touched it (mapped)"},
        {"read-ahead", "it was read ahead: nobody had asked for it yet"},
        {"ahead-used", "it had been read ahead, and was asked for now"},
        {"stolen", "its slot was given to another page, since swap was full"},
        {"page-lost", "it could not be read, and its swap area was taken off"},
    };

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(e->kind, plain[i].kind) == 0)
            return snprintf(s, size, "%s", plain[i].text) > 0;
    if (strcmp(e->kind, "fault") == 0)
        fault_text(e, s, size);
    else if (strcmp(e->kind, "step") == 0)
        step_text(e, s, size);
    else if (strcmp(e->kind, "wait") == 0)
        snprintf(s, size, "%s %s had to wait for %s", access_of(e), whose(e),
                 says(e, "memory")  ? "memory"
                 : *part(e, "slot") ? "the disk"
                                    : "the page to be brought");
    else if (strcmp(e->kind, "shared") == 0)
        snprintf(s, size, "%s forked: its tables are shared with %s, nothing was copied", whose(e),
                 process_of(e, "child-pid", "child"));
    else if (strcmp(e->kind, "table-out") == 0)
        snprintf(s, size, "its table named no frame any more, and went to slot %s", part(e, "slot"));
    else if (strcmp(e->kind, "table-in") == 0)
        snprintf(s, size, "its table came back from slot %s", part(e, "slot"));
    else if (strcmp(e->kind, "victim") == 0)
        victim_text(e, s, size);
    else if (strcmp(e->kind, "evicted") == 0)
        snprintf(s, size, "it was taken from all who had it%s%s%s",
                 *part(e, "slot") ? ": their entries name slot " : "", part(e, "slot"),
                 says(e, "dropped-with-its-names") || says(e, "dropped") ? ", and the frame was free at once"
                                                                         : "");
    else if (strcmp(e->kind, "parked") == 0)
        snprintf(s, size, "its policy set it aside: the next touch will fault");
    else if (strcmp(e->kind, "salvaged") == 0)
        snprintf(s, size, "it was touched in time, and put back without reading");
    else if (strcmp(e->kind, "written") == 0)
        snprintf(s, size, "the write to slot %s began%s", part(e, "slot"),
                 says(e, "and-it-stays") ? "; it stays in memory" : "");
    else if (strcmp(e->kind, "write-ended") == 0)
        snprintf(s, size, says(e, "failed") ? "the write failed: the slot is bad" : "it was on the disk");
    else if (strcmp(e->kind, "read") == 0)
        snprintf(s, size,
                 says(e, "failed") ? "it could not be read from slot %s"
                                   : "it was read from slot %s into frame %s",
                 part(e, "slot"), part(e, "frame"));
    else if (strcmp(e->kind, "freed") == 0)
        snprintf(s, size, "frame %s was freed", part(e, "frame"));
    else if (strcmp(e->kind, "unmapped") == 0)
        snprintf(s, size,
                 strcmp(part(e, "count"), "1") == 0 ? "%s gave it back"
                                                    : "%s gave back %s pages, and this one with them",
                 whose(e), part(e, "count"));
    else if (strcmp(e->kind, "given-up") == 0)
        snprintf(s, size, "%s said of %s: %s", whose(e), with_pages(part(e, "range")),
                 says(e, "pageout")    ? "put them out"
                 : says(e, "cold")     ? "not needed soon"
                 : says(e, "dontneed") ? "not needed any more"
                 : says(e, "free")     ? "may be dropped"
                                       : "remove them");
    else if (strcmp(e->kind, "moved") == 0)
        snprintf(s, size, "%s moved it, with its mapping of %s page%s, to 0x%s", whose(e), part(e, "range"),
                 strcmp(part(e, "range"), "1") == 0 ? "" : "s", part(e, "to"));
    else
        return false;
    return true;
}

static void tell_history(const struct answer *a)
{
    unsigned told = 0, all = decimal(a, "events");

    if (!get(a, "events"))
        return;
    putchar('\n');
    if (!all) {
        put("history", "nothing is recorded of it%s",
            number(a, "events_since", 10) ? " any more: the ring of events has forgotten what is older" : "");
        return;
    }
    for (unsigned i = 0; i < a->count; i++) {
        struct event e = {.line = a->value[i]};
        char text[512], time[32];
        unsigned long long n;

        if (strcmp(a->key[i], "event") != 0 || sscanf(a->value[i], "%llu %lf %23s", &n, &e.us, e.kind) != 3)
            continue;
        if (!sentence_of(&e, text, sizeof text))
            snprintf(text, sizeof text, "%s", a->value[i]);
        if (!told++)
            puts("history");
        snprintf(time, sizeof time, "%12.6f s", e.us / 1e6);
        paragraph(16, time, text);
    }
    if (told < all)
        put("", "(these are the last; %u came before)", all - told);
}

/* --- asking --- */

static int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int fail(const char *fmt, ...)
{
    va_list ap;

    fputs("why: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return 1;
}

static int usage(FILE *to)
{
    fputs("usage: why [--raw] PID ADDRESS\n"
          "Tell all that is known of a page: its region, its entry bit by bit, its frame, who else maps it, "
          "or\n"
          "where on the disk it is, and what happened to it.\n"
          "  PID       a process, or self\n"
          "  ADDRESS   hexadecimal, with 0x or without, as /proc/PID/maps shows them\n"
          "  --raw     as /proc/PID/quire/page says it: a key and its value on each line\n",
          to);
    return to == stdout ? 0 : 2;
}

static bool address_of(const char *s, unsigned long long *va)
{
    char *end;

    if (!isxdigit((unsigned char)*s))
        return false;
    errno = 0;
    *va = strtoull(s, &end, 16);
    return !*end && !errno;
}

static int ask(const char *pid, unsigned long long va, struct answer *a)
{
    char path[64], line[32];
    size_t used = 0;
    ssize_t n = 0;
    int fd, len;

    if (need_process("why", pid))
        return 1;
    snprintf(path, sizeof path, "/proc/%.16s/quire/page", pid);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return no_answer("why", path, pid);
    len = snprintf(line, sizeof line, "0x%llx", va);
    if (write(fd, line, (size_t)len) != len) {
        int status = errno == EINVAL
                         ? fail("0x%llx is no address of a program: they are below 0xc0000000", va)
                         : no_answer("why", path, pid);

        close(fd);
        return status;
    }
    a->text = malloc(TEXT_MAX);
    while (a->text && used < TEXT_MAX - 1 && (n = read(fd, a->text + used, TEXT_MAX - 1 - used)) > 0)
        used += (size_t)n;
    if (!a->text)
        errno = ENOMEM;
    if (!a->text || n < 0)
        return no_answer("why", path, pid);
    close(fd);
    if (!used)
        return fail("%s: nothing could be read", path);
    a->text[used] = '\0';
    return 0;
}

static void tell(const struct answer *a)
{
    printf("page 0x%08x of process %s\n\n", hex(a, "page"), get(a, "pid"));
    tell_state(a);
    tell_region(a);
    tell_directory(a);
    tell_entry(a);
    tell_frame(a);
    if (get(a, "slot"))
        tell_slot(a, "slot", "holds the page");
    if (get(a, "object_slot"))
        tell_slot(a, "object_slot", "holds the object's page");
    tell_places(a);
    tell_history(a);
}

int why_main(int argc, char **argv)
{
    static struct answer a;
    unsigned long long va;
    bool raw = false;
    int err;

    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage(stdout);
    if (argc > 1 && strcmp(argv[1], "--raw") == 0) {
        raw = true;
        argc--;
        argv++;
    }
    if (argc != 3)
        return usage(stderr);
    if (!address_of(argv[2], &va))
        return fail("%s is no address", argv[2]);
    err = ask(argv[1], va, &a);
    if (err)
        return err;
    if (raw) {
        fputs(a.text, stdout);
        return 0;
    }
    parse(&a);
    if (is(&a, "space", "none"))
        return no_memory_of("why", argv[1]);
    tell(&a);
    return 0;
}
