/* The tour: the forms that page tables can have, over the tour's own space. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/user/quire/tour.h"

enum form { LINEAR, HYBRID, TWO_LEVEL, THREE_LEVEL, INVERTED, HASHED, CLUSTERED, FORMS };
static const char *const form_name[FORMS] = {"linear",   "hybrid", "two-level", "three-level",
                                             "inverted", "hashed", "clustered"};

struct forms {
    bool built[FORMS];
    uint64_t bytes[FORMS], elements[FORMS];
    double walk[FORMS];
    unsigned most[FORMS];
    unsigned long pages, spaces;
    bool equal;
};

static uint64_t after(const char *line, const char *key)
{
    const char *at = strstr(line, key);

    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void take_line(struct forms *f, const char *line)
{
    if (strncmp(line, "space ", 6) == 0 || strncmp(line, "spaces ", 7) == 0) {
        f->pages = (unsigned long)after(line, " pages ");
        f->spaces = (unsigned long)after(line, "spaces ");
    }
    f->equal |= strncmp(line, "equal ", 6) == 0;
    for (enum form k = 0; k < FORMS; k++) {
        size_t n = strlen(form_name[k]);
        const char *walk;

        if (strncmp(line, form_name[k], n) != 0 || line[n] != ' ' || strstr(line, "no memory"))
            continue;
        f->built[k] = true;
        f->bytes[k] = after(line, " bytes ");
        f->elements[k] = after(line, " elements ");
        walk = strstr(line, " walk ");
        f->walk[k] = walk ? strtod(walk + 6, NULL) : 0;
        f->most[k] = (unsigned)after(line, " most ");
    }
}

/* What a file says of the forms. */
static void take(struct forms *f, const char *path)
{
    static char line[256];
    FILE *file = fopen(path, "re");

    memset(f, 0, sizeof *f);
    while (file && fgets(line, sizeof line, file))
        take_line(f, line);
    if (file)
        fclose(file);
    claim(f->equal, "the forms that were built say the same of every page");
}

static void grew(const struct forms *before, const struct forms *now, enum form form, int by)
{
    int64_t got = (int64_t)(now->bytes[form] - before->bytes[form]);

    if (!before->built[form] || !now->built[form])
        return;
    show("%-12s %+6lld bytes, now %llu", form_name[form], (long long)got,
         (unsigned long long)now->bytes[form]);
    claim(got == by, "%s: %+d bytes", form_name[form], by);
}

/* What a page more costs each form. */
static void page_by_page(unsigned long pages)
{
    static struct forms before, one, two;
    volatile uint8_t *p;

    step("Page by page");
    say("A page is touched at %08lx, far from all others of this program, then a second one, a hundred pages "
        "above.",
        (unsigned long)(uintptr_t)ALONE);
    quiet();
    p = map_alone(SPAN);
    take(&before, "/proc/self/quire/forms");
    say("So that no other page comes meanwhile, all that this program may need was brought into memory "
        "before "
        "(mlockall()): it has %lu pages now, and had %lu.",
        before.pages, pages);
    claim(before.pages > pages, "more pages than before");
    p[0] = 1;
    take(&one, "/proc/self/quire/forms");
    p[100 * PAGE] = 1;
    take(&two, "/proc/self/quire/forms");
    quiet_end();
    show("The first page:");
    claim(one.pages == before.pages + 1 && two.pages == one.pages + 1, "a page each");
    grew(&before, &one, LINEAR, 0);
    grew(&before, &one, HYBRID, 16 * 4);
    grew(&before, &one, TWO_LEVEL, 4096);
    grew(&before, &one, THREE_LEVEL, 256 + 256);
    grew(&before, &one, INVERTED, 0);
    grew(&before, &one, HASHED, 16);
    grew(&before, &one, CLUSTERED, 76);
    show("The second:");
    grew(&one, &two, LINEAR, 0);
    grew(&one, &two, HYBRID, 96 * 4);
    grew(&one, &two, TWO_LEVEL, 0);
    grew(&one, &two, THREE_LEVEL, 256);
    grew(&one, &two, INVERTED, 0);
    grew(&one, &two, HASHED, 16);
    grew(&one, &two, CLUSTERED, 76);
    munmap((void *)(uintptr_t)p, SPAN);
    say("The linear and the inverted table have an entry for it already: of each page of the space, of each "
        "frame of the machine. The hybrid's segment reaches from its first page to its last.");
}

static void walks(const struct forms *f)
{
    step("What a walk costs");
    for (enum form k = 0; k < FORMS; k++)
        if (f->built[k])
            show("%-12s %.2f accesses to memory for a translation, %u at most", form_name[k], f->walk[k],
                 f->most[k]);
    claim(!f->built[LINEAR] || f->most[LINEAR] == 1, "linear: one");
    claim(f->most[HYBRID] == 1, "hybrid: one");
    claim(f->most[TWO_LEVEL] == 2, "two-level: two");
    claim(f->most[THREE_LEVEL] == 3, "three-level: three");
    claim(!f->built[INVERTED] || f->walk[INVERTED] >= 2, "inverted: an anchor, and the chain");
    claim(!f->built[CLUSTERED] || f->walk[CLUSTERED] >= 3, "clustered: an anchor, the chain, the entry");
    say("An index costs the same each time; a search as much as its chain is long. The processor keeps what "
        "it "
        "found in its TLB, so that few accesses need a walk.");
}

static void page_sizes(void)
{
    static const unsigned sizes[] = {4, 16, 64, 256, 1024, 4096};
    static char key[32];
    uint64_t pages = after(line_in("/proc/self/quire/forms", "pagesize 4096 "), " pages ");

    step("Pages of another size");
    say("Larger pages need smaller tables, and reach further in the TLB. But a page is in memory as a "
        "whole. This program, as it is now:");
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *line;
        uint64_t n, bytes;

        snprintf(key, sizeof key, "pagesize %u ", sizes[i] << 10);
        line = line_in("/proc/self/quire/forms", key);
        n = after(line, " pages ");
        bytes = after(line, " bytes ");
        show("%4u KiB: %3llu pages, %5llu KiB, %5llu KiB wasted; linear table %llu bytes", sizes[i],
             (unsigned long long)n, (unsigned long long)bytes >> 10,
             (unsigned long long)after(line, " waste ") >> 10, (unsigned long long)after(line, " linear "));
        claim(n && n <= pages && bytes == n * sizes[i] << 10, "so many pages of %u KiB", sizes[i]);
        claim(after(line, " linear ") == 4 * (3ull << 20) / sizes[i], "an entry for each of 3 GiB");
    }
    say("The waste is what lies in these pages and was never touched.");
}

static void one_for_all(void)
{
    static struct forms f;

    step("One table for all programs");
    take(&f, "/proc/quire/forms");
    show("%lu spaces, %lu pages", f.spaces, f.pages);
    for (enum form k = 0; k < FORMS; k++)
        if (f.built[k])
            show("%-12s %9llu bytes, %s", form_name[k], (unsigned long long)f.bytes[k],
                 k < INVERTED ? "the sum of all spaces" : "one table");
    claim(!f.built[LINEAR] || f.bytes[LINEAR] == (uint64_t)f.spaces * (3 << 20), "linear: 3 MiB for each");
    claim(!f.built[HASHED] || f.elements[HASHED] == f.pages, "hashed: an element for each page");
    say("The inverted table has %llu elements beside the entries of frames: for pages whose frame has "
        "another "
        "page already, because programs share it.",
        (unsigned long long)f.elements[INVERTED]);
}

void tour_forms(void)
{
    static struct forms f;

    if (!needs_quire())
        return;
    say("This processor has tables of two levels. Others had, and have, other forms; the kernel builds each "
        "of "
        "them over a space that lives. /proc/PID/quire/forms says what came of it, `forms PID` draws it. "
        "This "
        "program, in each form:");
    take(&f, "/proc/self/quire/forms");
    for (enum form k = 0; k < FORMS; k++)
        if (f.built[k])
            show("%-12s %7llu bytes", form_name[k], (unsigned long long)f.bytes[k]);
        else
            show("%-12s there is no memory for it on this machine", form_name[k]);
    say("A linear table has an entry of 4 bytes for each page of 3 GiB, used or not: 786432 * 4 = 3145728 "
        "bytes "
        "for each program. This one has %lu pages.",
        f.pages);
    claim(!f.built[LINEAR] || f.bytes[LINEAR] == 786432 * 4, "linear: 3 MiB");
    claim(f.built[HYBRID] && f.built[TWO_LEVEL] && f.built[THREE_LEVEL], "the others fit");
    page_by_page(f.pages);
    walks(&f);
    page_sizes();
    one_for_all();
}
