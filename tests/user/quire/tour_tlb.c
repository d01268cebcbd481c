/* The tour: a translation cache that the kernel fills, for the tour's own space. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/quire/tour.h"

#define FEW    8u
#define MANY   32u
#define ROUNDS 100u
#define TALKS  10u

static bool set(const char *words)
{
    int fd = open("/proc/self/quire/tlb", O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, words, strlen(words));

    if (fd >= 0)
        close(fd);
    return n > 0;
}

/* One of the counts. */
static unsigned long long tlb_count(const char *name)
{
    FILE *f = fopen("/proc/self/quire/tlb", "re");
    unsigned long long found = 0, value;
    char key[64];

    if (f && fscanf(f, "%*[^\n]") == 0)
        while (fscanf(f, "%63s %llu", key, &value) == 2)
            if (strcmp(key, name) == 0)
                found = value;
    if (f)
        fclose(f);
    return found;
}

/* Misses of reading n pages in order, over and over, without those of counting them. */
static unsigned long long misses_of(const volatile uint8_t *p, unsigned n)
{
    unsigned long long before = tlb_count("read-misses"), after, counting;

    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < n; i++)
            (void)p[i * PAGE];
    after = tlb_count("read-misses");
    counting = tlb_count("read-misses") - after;
    return after - before > counting ? after - before - counting : 0;
}

/* Send a byte to another program and back, so many times. */
static void talk(void)
{
    int to[2], from[2];
    char c = 0;
    pid_t pid;

    if (!claim(pipe(to) == 0 && pipe(from) == 0, "two pipes"))
        return;
    pid = fork();
    if (pid == 0) {
        close(to[1]);
        while (read(to[0], &c, 1) == 1 && write(from[1], &c, 1) == 1)
            continue;
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    for (unsigned i = 0; pid > 0 && i < TALKS; i++)
        if (write(to[1], &c, 1) != 1 || read(from[0], &c, 1) != 1)
            break;
    close(to[1]);
    close(from[0]);
    claim(pid > 0 && waitpid(pid, NULL, 0) == pid, "the other program has ended");
}

static void reach(void)
{
    static const char *const kind[] = {"16 fifo", "16 random", "64 fifo"};
    volatile uint8_t *p = mmap(NULL, MANY * PAGE, RW, ANON, -1, 0);
    unsigned long long few, many[3];

    step("Hits, misses, reach");
    say("With 16 entries the TLB reaches 64 KiB. This reads 8 pages, and then 32, in order and %u times "
        "over.",
        ROUNDS);
    if (!claim((const void *)p != MAP_FAILED, "there are 32 pages") ||
        !claim(set(kind[0]), "16 entries, fifo"))
        return;
    for (unsigned i = 0; i < MANY; i++)
        p[i * PAGE] = 1;
    few = misses_of(p, FEW);
    for (unsigned k = 0; k < 3; k++) {
        claim(set(kind[k]), "%s", kind[k]);
        many[k] = misses_of(p, MANY);
        if (k == 0)
            show("%-10s  %5u reads of %2u pages: %llu misses", kind[k], ROUNDS * FEW, FEW, few);
        show("%-10s  %5u reads of %2u pages: %llu misses", kind[k], ROUNDS * MANY, MANY, many[k]);
    }
    say("Each miss trapped, and the handler looked into the page table and put an entry in. FIFO, and LRU "
        "too, throws "
        "out what a loop wants next; random replacement keeps some of it; with 64 entries all is in reach.");
    claim(few < ROUNDS, "a loop in reach seldom misses");
    claim(many[0] >= ROUNDS * MANY * 9 / 10, "a loop out of reach misses each time under fifo");
    claim(many[1] < many[0], "and less often under random");
    claim(many[2] < ROUNDS * MANY / 10, "with 64 entries it is in reach");
    munmap((void *)(uintptr_t)p, MANY * PAGE);
}

static void switches(void)
{
    unsigned long long without, with;

    step("Identifiers against flush");
    say("Without identifiers the entries are worth nothing after another program ran: they are flushed. This "
        "sends "
        "a byte to another program and back, %u times.",
        TALKS);
    claim(set("32 fifo noasid"), "noasid");
    talk();
    without = tlb_count("misses-after-switch");
    show("noasid: %llu flushes took %llu entries, %llu misses for it", tlb_count("flushes"),
         tlb_count("flushed"), without);
    claim(set("32 fifo asid"), "asid");
    talk();
    with = tlb_count("misses-after-switch");
    show("asid:   %llu flushes, %llu misses for it, %llu switches", tlb_count("flushes"), with,
         tlb_count("switches"));
    claim(without >= TALKS && with == 0, "switches cost misses only without identifiers");
}

void tour_tlb(void)
{
    if (!needs_quire())
        return;
    say("This processor looks into its page tables by itself when its TLB lacks an entry. MIPS did not: a "
        "miss was a "
        "trap, and the kernel filled the TLB. A space can be run so here: few of its pages have an entry "
        "that "
        "translates, and each use of another one traps.");
    reach();
    switches();
    claim(set("off"), "the processor's own way again");
}
