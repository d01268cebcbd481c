/*
 * The tour: free space. The textbook's allocator (mm/lab/freelist.c) and the kernel's, compiled into this
 * program as they are, over memory of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/fits/run.h"
#include "tests/user/quire/tour.h"

#define HEAP 512u

static uint8_t memory[HEAP] __attribute__((aligned(16)));
static struct freelist list;

static void begin(enum freelist_fit fit, bool coalesce, uint32_t size)
{
    struct freelist_rules rules = {
        .fit = fit, .order = FREELIST_ADDRESS, .coalesce = coalesce, .header = 8, .guard = 4};

    memset(memory, 0, sizeof memory);
    claim(freelist_init(&list, memory, size, &rules) == 0, "a list of %u bytes", size);
}

/* "0:32 64:448" */
static const char *free_list(void)
{
    static char text[512];
    size_t n = 0;

    text[0] = '\0';
    for (uint32_t at = list.first, next; at != FREELIST_NONE; at = next) {
        uint32_t size = freelist_node(&list, at, &next);

        n += (size_t)snprintf(text + n, sizeof text - n, "%s%u:%u", n ? " " : "", at, size);
    }
    return n ? text : "empty";
}

static void expect_list(const char *what, const char *want)
{
    const char *is = free_list();

    show("%-28s free: %s", what, is);
    claim(strcmp(is, want) == 0, "free is %s, not %s", is, want);
    claim(freelist_verify(&list), "the list is sound");
}

static uint8_t *take(uint32_t size)
{
    uint8_t *p = freelist_alloc(&list, size);

    claim(p != NULL, "%u bytes", size);
    return p;
}

static void give(void *p)
{
    claim(freelist_free(&list, p) == FREELIST_GOOD, "the free is good");
}

static unsigned offset(const uint8_t *p)
{
    return (unsigned)(p - memory);
}

static void headers(void)
{
    uint32_t word[2];
    uint8_t *a, *b;

    step("Splitting: headers, and a list inside the free memory");
    say("512 bytes, and an allocator that has nothing else: the list of free blocks lies in them, the size "
        "and the next one's offset at the beginning of each.");
    begin(FREELIST_FIRST, true, HEAP);
    expect_list("At first:", "0:512");
    a = take(20);
    expect_list("20 bytes are allocated:", "32:480");
    b = take(100);
    expect_list("and 100:", "144:368");
    memcpy(word, b - 8, sizeof word);
    show("The block of 100 is at %u; before it, at %u, its header: %u %08x", offset(b), offset(b) - 8,
         word[0], word[1]);
    claim(word[0] == 100, "the header says %u", word[0]);
    say("The size that was asked for, and a magic number, mixed with the offset. What is left of a free "
        "block "
        "that is larger than needed stays in the list: it was split.");

    step("Coalescing: neighbours become one");
    give(a);
    expect_list("The block of 20 is freed:", "0:32 144:368");
    memcpy(word, memory, sizeof word);
    show("Where its header was there is a node now: %u %u", word[0], word[1]);
    claim(word[0] == 32 && word[1] == 144, "the node says %u %u", word[0], word[1]);
    give(b);
    expect_list("and that of 100:", "0:512");
    begin(FREELIST_FIRST, false, HEAP);
    a = take(20);
    b = take(100);
    give(a);
    give(b);
    expect_list("An allocator that does not:", "0:32 32:112 144:368");
    claim(!freelist_alloc(&list, 400), "400 bytes are not in one piece");
    say("All is free, and 400 bytes cannot be had.");
}

static void bad(const char *what, void *p, enum freelist_bad want)
{
    enum freelist_bad is = freelist_free(&list, p);

    show("%-40s %s", what, freelist_bad_name(is));
    claim(is == want, "it is said to be %s, not %s", freelist_bad_name(is), freelist_bad_name(want));
}

static void bad_frees(void)
{
    uint8_t *a, *b;

    step("Bad frees have names");
    begin(FREELIST_FIRST, true, HEAP);
    a = take(20);
    b = take(20);
    bad("free(a + 8):", a + 8, FREELIST_NO_BLOCK);
    a[20] = 1;
    bad("a[20] = 1, free(a), a has 20 bytes:", a, FREELIST_OVERRUN);
    a[20] = 0xFD;
    b[-1] ^= 1;
    bad("b[-1] changed, free(b):", b, FREELIST_WRONG_MAGIC);
    b[-1] ^= 1;
    give(b);
    bad("free(b), and free(b) again:", b, FREELIST_TWICE);
    give(a);
    claim(freelist_verify(&list) && list.nodes == 1, "nothing was harmed");
}

static void fits(void)
{
    static const struct {
        enum freelist_fit fit;
        unsigned at, searched;
    } want[] = {
        {FREELIST_BEST, 144, 4}, {FREELIST_WORST, 80, 4}, {FREELIST_FIRST, 0, 1}, {FREELIST_NEXT, 80, 1}};

    step("Best, worst, first and next fit");
    say("Free are 0:32, 48:16, 80:48 and 144:24. Where do 12 bytes come to, which need 24 with their "
        "header?");
    for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
        static const uint32_t hole[] = {20, 4, 36, 12};
        uint8_t *p[4];
        uint64_t before;

        begin(want[i].fit, true, 184);
        for (unsigned k = 0; k < 4; k++) {
            p[k] = take(hole[k]);
            take(4);
        }
        for (unsigned k = 0; k < 4; k++)
            give(p[k]);
        /* Next fit goes on where it was: its last block came from the second hole. */
        if (want[i].fit == FREELIST_NEXT)
            list.rover = 80;
        before = list.searched;
        p[0] = take(12);
        show("%-6s fit: at %-4u %u looked at; then free: %s", freelist_fit_name(want[i].fit),
             offset(p[0]) - 8, (unsigned)(list.searched - before), free_list());
        claim(offset(p[0]) - 8 == want[i].at && list.searched - before == want[i].searched,
              "%s fit takes %u, looking at %u", freelist_fit_name(want[i].fit), want[i].at, want[i].searched);
    }
    say("Best fit leaves the smallest rest, here none; worst fit leaves a rest that is of use; first fit "
        "looks at "
        "the fewest, but splinters gather at the beginning of its list; next fit spreads them.");
}

static void external(void)
{
    uint8_t *p[16];
    uint32_t largest = 0;

    step("External fragmentation: enough, but not in one piece");
    begin(FREELIST_BEST, true, HEAP);
    for (unsigned i = 0; i < 16; i++)
        p[i] = take(20);
    for (unsigned i = 0; i < 16; i += 2)
        give(p[i]);
    for (uint32_t at = list.first, next; at != FREELIST_NONE; at = next) {
        uint32_t size = freelist_node(&list, at, &next);

        largest = size > largest ? size : largest;
    }
    show("Every other of 16 blocks is freed: %u bytes are free, in %u pieces of %u", list.free, list.nodes,
         largest);
    claim(!freelist_alloc(&list, 40), "40 bytes are refused");
    show("40 bytes: refused. 1 - largest / total = 1 - %u / %u = %u.%u %%", largest, list.free,
         (1000 - largest * 1000 / list.free) / 10, (1000 - largest * 1000 / list.free) % 10);
    claim(list.free == 256 && largest == 32 && list.nodes == 8, "a checkerboard");
}

/* --- all allocators over one trace --- */

static struct {
    char text[1 << 16];
    size_t size;
} made;

static void put(void *arg, const char *text, size_t size)
{
    (void)arg;
    if (size < sizeof made.text - made.size) {
        memcpy(made.text + made.size, text, size);
        made.size += size;
    }
}

static bool measure(const struct fit_trace *t, const char *name, struct fit_result *r)
{
    struct fit_setup setup = {.verify = true};
    struct heap_kind k;

    if (!claim(heap_kind_by_name(name, &k) && fit_measure(t, &k, &setup, r) && r->ran, "%s runs", name))
        return false;
    show("%-20s %5u %7zu %6u.%u %6u.%u %7u.%02u", name, r->fails, r->peak, r->external / 10, r->external % 10,
         r->internal / 10, r->internal % 10, (unsigned)(r->searched / 100), (unsigned)(r->searched % 100));
    return true;
}

static void compare(void)
{
    static const char *const name[] = {"list/best/address",
                                       "list/worst/address",
                                       "list/first/address",
                                       "list/next/address",
                                       "arena/instant",
                                       "kmalloc",
                                       "buddy"};
    enum { BEST, WORST, FIRST, NEXT, INSTANT, KMALLOC, BUDDY, ALL };
    struct fit_result r[ALL];
    struct fit_trace t;
    uint32_t line;
    bool ok = true;

    step("Internal fragmentation, and what each costs");
    say("The same 2,000 random allocations and frees, with sizes as programs ask for them, through the list "
        "and "
        "the kernel's own allocators. Refused, and external fragmentation: in a heap of 5/4 of what is live "
        "at "
        "most; the rest in one that grows. `fits` does it for any trace.");
    made.size = 0;
    if (!claim(fit_random(20, "program", 2000, 100, put, NULL) &&
                   fit_parse(&t, made.text, made.size, 0, &line),
               "a trace"))
        return;
    show("%-20s %5s %7s %8s %8s %10s", "", "fails", "peak", "extern %", "intern %", "looked at");
    for (unsigned i = 0; i < ALL; i++)
        ok &= measure(&t, name[i], &r[i]);
    fit_trace_free(&t);
    if (!ok)
        return;
    claim(r[BEST].peak <= r[WORST].peak && r[FIRST].peak <= r[WORST].peak,
          "worst fit needs most of the three");
    claim(r[NEXT].searched < r[FIRST].searched && r[FIRST].searched < r[BEST].searched,
          "next fit looks at the fewest, best fit at the most");
    claim(r[BUDDY].internal > r[BEST].internal && r[KMALLOC].internal > r[INSTANT].internal,
          "powers of two and classes of sizes lose more inside blocks");
    claim(r[KMALLOC].searched <= 100 && r[INSTANT].searched < 110, "who has lists by size does not search");
    say("Buddy rounds up to powers of two, segregated lists (kmalloc) to 16 classes: what is lost lies "
        "inside "
        "the blocks. Both find a block without a search. kmalloc keeps frames for each class.");
}

void tour_free_space(void)
{
    headers();
    bad_frees();
    fits();
    external();
    compare();
}
