/*
 * tlbcost: what a switch to another program and back costs a program that uses so many pages.
 *
 * Two processes hand a byte to and fro through pipes, and each touches its pages in between. From the time of
 * a switch there are taken off that of a switch between two that touch nothing, and that of the touches when
 * nobody else runs: what is left is what the program pays because another one ran, on the processor's TLB.
 * The same is done with a software TLB that has room for all pages, with identifiers and without: there the
 * answer is a number of misses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/quire/programs.h"

#define PAGE  4096u
#define MOST  256u
#define TRIES 40u

static const char usage[] = "usage: tlbcost [ROUNDS]\n"
                            "\n"
                            "What a switch of programs costs one of 1, 16, 64 and 256 pages: time on the\n"
                            "processor's own TLB, misses of one that the kernel fills. The best of 40\n"
                            "times 20 rounds.\n";

static unsigned rounds = 20;
static volatile char *region;

static int fail(const char *what)
{
    fprintf(stderr, "tlbcost: %s: %s\n", what, strerror(errno));
    return 1;
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void touch(unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        (void)region[i * PAGE];
}

/* The misses of this process so far; 0 without a software TLB. */
static long misses(void)
{
    static char text[1024];
    int fd = open("/proc/self/quire/tlb", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    static const char *const name[] = {"fetch-misses ", "read-misses ", "write-misses "};
    long sum = 0;

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    for (unsigned i = 0; i < 3; i++) {
        const char *at = strstr(text, name[i]);

        sum += at ? atol(at + strlen(name[i])) : 0;
    }
    return sum;
}

static int set_tlb(const char *words)
{
    int fd = open("/proc/self/quire/tlb", O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, words, strlen(words));

    if (fd >= 0)
        close(fd);
    return n < 0 ? fail(words) : 0;
}

/* Each byte that comes is answered after a touch of the pages. */
static _Noreturn void partner(int in, int out, unsigned pages)
{
    char byte;

    for (unsigned i = 0; i < pages; i++)
        region[i * PAGE] = 2; /* pages of its own */
    while (read(in, &byte, 1) == 1) {
        touch(pages);
        if (write(out, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

struct cost {
    int64_t ns;  /* of a round: there and back */
    long misses; /* of this process, of all rounds */
};

static int one_round(int in, int out, unsigned pages)
{
    char byte = 0;

    if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
        return fail("a pipe");
    touch(pages);
    return 0;
}

/* The best of some tries. */
static int switches(unsigned pages, struct cost *c)
{
    int to[2], from[2];
    pid_t pid;

    if (pipe(to) || pipe(from))
        return fail("pipe");
    pid = fork();
    if (pid == 0) {
        close(to[1]);
        close(from[0]);
        partner(to[0], from[1], pages);
    }
    close(to[0]);
    close(from[1]);
    if (pid < 0)
        return fail("fork");
    for (unsigned i = 0; i < pages; i++)
        region[i * PAGE] = 1; /* the fork has taken them */
    *c = (struct cost){.ns = INT64_MAX};
    for (unsigned t = 0; t < TRIES; t++) {
        long before;
        int64_t began;

        if (one_round(from[0], to[1], pages))
            return 1;
        before = misses();
        began = now_ns();
        for (unsigned i = 0; i < rounds; i++)
            if (one_round(from[0], to[1], pages))
                return 1;
        began = now_ns() - began;
        if (began / rounds < c->ns)
            *c = (struct cost){began / rounds, misses() - before};
    }
    close(to[1]);
    close(from[0]);
    waitpid(pid, NULL, 0);
    return 0;
}

static int64_t alone(unsigned pages)
{
    int64_t best = INT64_MAX;

    for (unsigned t = 0; t < TRIES; t++) {
        int64_t began;

        touch(pages);
        began = now_ns();
        for (unsigned i = 0; i < rounds; i++)
            touch(pages);
        began = (now_ns() - began) / rounds;
        if (began < best)
            best = began;
    }
    return best;
}

int tlbcost_main(int argc, char **argv)
{
    static const unsigned reach[] = {1, 16, 64, MOST};
    static const struct {
        const char *words, *name;
    } mode[] = {{"off", "processor"}, {"512 lru asid", "512 asid"}, {"512 lru noasid", "512 noasid"}};

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc > 2 || (argc == 2 && (rounds = (unsigned)atoi(argv[1])) == 0)) {
        fputs(usage, stderr);
        return 2;
    }
    region = mmap(NULL, MOST * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        return fail("mmap");
    printf("%-12s %6s %12s %12s %12s %10s\n", "TLB", "pages", "switch, ns", "touches, ns", "lost, ns",
           "misses");
    for (unsigned m = 0; m < sizeof mode / sizeof *mode; m++) {
        struct cost none, some;

        if (set_tlb(mode[m].words) || switches(0, &none))
            return 1;
        for (unsigned k = 0; k < sizeof reach / sizeof *reach; k++) {
            int64_t still;
            long more;

            if (switches(reach[k], &some))
                return 1;
            still = alone(reach[k]);
            more = some.misses > none.misses ? some.misses - none.misses : 0;
            printf("%-12s %6u %12lld %12lld %12lld %7ld.%02ld\n", mode[m].name, reach[k],
                   (long long)some.ns / 2, (long long)still, (long long)((some.ns - none.ns) / 2 - still),
                   more / (long)rounds, more % (long)rounds * 100 / (long)rounds);
        }
    }
    return 0;
}
