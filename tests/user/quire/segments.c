/*
 * segments [PART]: the textbook's first half on this processor, with real descriptors and real accesses.
 *
 *     segments base       one base and one limit: a program is moved while it is stopped, and goes on
 *     segments grow       code, heap and stack as three segments; each grows, the stack downward
 *     segments share      two processes, one code segment
 *     segments forbidden  what is not allowed, and what it is told as
 *     segments compact    blocks behind segments are moved together
 *     segments --table FILE   rows that another program's simulator printed, each done
 *
 * Without a part: all of them. What is shown was just done, and is checked; the status says whether all was
 * right.
 *
 * The addresses of the last member of a table are "physical" ones: places in a window of memory, at which a
 * descriptor's base points. A processor refuses an access beyond a limit with #GP or #SS. QEMU without KVM
 * does not look at limits when memory is touched, only when a selector is loaded and at far jumps; so
 * everything here lies in such a way that behind each limit is a page that nobody may touch, and the access
 * is refused by that, at the same byte.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"
#include "tests/user/quire/segments.h"

static unsigned checks;
unsigned segments_failed;

void check(bool holds, const char *fmt, ...)
{
    va_list ap;

    checks++;
    if (holds)
        return;
    segments_failed++;
    fputs("  *** WRONG: ", stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void sentence(const char *fmt, ...)
{
    enum { WIDTH = 79 };
    char text[1024];
    size_t column = 0;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (const char *at = text; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");

        if (column && column + 1 + n > WIDTH) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column ? " " : "  ", (int)n, at);
        at += n;
    }
    putchar('\n');
    fflush(stdout); /* a child must not inherit what was not written yet */
}

void *map_pages(unsigned pages, int prot, int how)
{
    void *p = mmap(NULL, pages * PAGE, prot, how | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        perror("segments: mmap");
        exit(1);
    }
    return p;
}

void define(unsigned n, uint32_t base, uint32_t limit, unsigned flags)
{
    if (!segment_set(n, base, limit, flags)) {
        perror("segments: modify_ldt");
        exit(1);
    }
}

void about_limits(void)
{
    static bool told;

    if (told)
        return;
    told = true;
    sentence(
        segment_limits_are_checked()
            ? "This processor looks at limits and rights whenever memory is touched."
            : "This processor (QEMU without KVM) does not look at limits when memory is touched, only at "
              "loads and far calls; pages that nobody may touch, right behind each limit, refuse the "
              "access there.");
}

/* --- the parts --- */

static const struct {
    const char *name;
    int (*run)(void);
} parts[] = {
    {"base", segments_base},           {"grow", segments_grow},       {"share", segments_share},
    {"forbidden", segments_forbidden}, {"compact", segments_compact},
};
#define PARTS (sizeof parts / sizeof parts[0])

int segments_part(const char *name)
{
    int status = -1;

    segment_catch();
    for (unsigned i = 0; i < PARTS; i++)
        if (strcmp(parts[i].name, name) == 0)
            status = parts[i].run();
    segment_catch_end();
    return status;
}

static int usage(FILE *to, int status)
{
    fputs("usage: segments [base | grow | share | forbidden | compact]\n"
          "       segments --table FILE.tsv\n",
          to);
    return status;
}

int segments_main(int argc, char **argv)
{
    bool done = false;

    setvbuf(stdout, NULL, _IOLBF, 0);
    segment_catch();
    if (argc == 3 && strcmp(argv[1], "--table") == 0)
        return segments_table(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc > 2)
        return usage(stderr, 2);
    for (unsigned i = 0; i < PARTS; i++)
        if (argc == 1 || strcmp(argv[1], parts[i].name) == 0) {
            parts[i].run();
            done = true;
        }
    if (!done)
        return usage(stderr, 2);
    printf("\nsegments: %u checks, %u failed\n", checks, segments_failed);
    return segments_failed ? 1 : 0;
}
