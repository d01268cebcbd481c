/*
 * Programs that touched a page here and there and sleep: their page tables go to disk when another program
 * presses, and all their pages are right when they wake.
 *
 *     sparse sleep SPANS MIB     a page in each of so many spans of 4 MiB; the other program has MIB
 *     sparse fork SPANS MIB      the same in two programs that share tables
 *     sparse calls SPANS MIB     what wakes makes system calls on spans whose tables are out
 *     sparse kill SPANS MIB      what sleeps is killed, and its slots are free again
 *
 * For this kernel alone.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/check.h"

#define PAGE  4096u
#define SPAN  (4u << 20)
#define MIB   (1u << 20)
#define WHERE ((uint8_t *)0x10000000)
/* Rounds of the program that presses, at most. */
#define ROUNDS 60u

static unsigned spans;

static uint32_t *word(unsigned i)
{
    return (uint32_t *)(WHERE + (size_t)i * SPAN + (i * 7 % 1024) * PAGE);
}

static uint32_t value(unsigned i)
{
    return 0x51A25E00u ^ (i * 2654435761u);
}

/* The number behind a name in a file of /proc. */
static long number(const char *file, const char *name)
{
    char buf[16384], *at;
    int fd = open(file, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : 0, part;

    while (n >= 0 && (part = read(fd, buf + n, sizeof buf - 1 - (size_t)n)) > 0)
        n += part;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return -1;
    buf[n] = 0;
    for (at = buf; (at = strstr(at, name)) != NULL; at++)
        if (at == buf || at[-1] == '\n')
            return strtol(at + strlen(name) + 1, NULL, 10);
    return -1;
}

/* What /proc/PID/status says, in pages. */
static long pages_of(pid_t pid, const char *name)
{
    char file[64];

    snprintf(file, sizeof file, "/proc/%d/status", (int)pid);
    return number(file, name) / 4;
}

static long tables_of(pid_t pid)
{
    return pages_of(pid, "VmPTE:");
}

static unsigned wrong_pages(unsigned first, unsigned end)
{
    unsigned wrong = 0;

    for (unsigned i = first; i < end; i++)
        wrong += *word(i) != value(i);
    return wrong;
}

/* Calls on spans whose tables are out, and then what is left is looked at. */
static bool calls(void)
{
    unsigned char core[1024];
    uint64_t entry = 0;
    bool ok = true;
    void *at;
    int fd;

    ok &= check(mincore(WHERE, SPAN, core) == 0 && !core[1], "mincore");
    fd = open("/proc/self/pagemap", O_RDONLY);
    ok &=
        check(fd >= 0 && pread(fd, &entry, 8, (off_t)((uintptr_t)word(1) / PAGE * 8)) == 8 && entry >> 62 & 3,
              "pagemap: %llx", (unsigned long long)entry);
    close(fd);
    ok &= check(number("/proc/self/smaps_rollup", "Swap:") >= (long)(spans - 30) * 4,
                "smaps: %ld KiB in swap", number("/proc/self/smaps_rollup", "Swap:"));
    ok &= check(mprotect(WHERE + 2 * SPAN, SPAN, PROT_READ) == 0 && *word(2) == value(2), "mprotect");
    ok &= check(munmap(WHERE + 3 * SPAN, SPAN) == 0 && munmap((void *)word(4), PAGE) == 0, "munmap");
    at = mremap(WHERE + 5 * SPAN, SPAN, SPAN, MREMAP_MAYMOVE | MREMAP_FIXED, WHERE + 3 * SPAN);
    ok &= check(at == WHERE + 3 * SPAN && *(uint32_t *)((uint8_t *)word(5) - 2 * SPAN) == value(5), "mremap");
    at = mremap((void *)word(6), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)word(4));
    ok &= check(at == (void *)word(4) && *word(4) == value(6), "mremap of a page");
    ok &= check(madvise(WHERE + 7 * SPAN, SPAN, MADV_DONTNEED) == 0 && *word(7) == 0, "DONTNEED");
    ok &= check(madvise((void *)word(8), PAGE, MADV_DONTNEED) == 0 && *word(8) == 0, "DONTNEED of a page");
    ok &= check(madvise((void *)word(9), PAGE, MADV_WILLNEED) == 0 && *word(9) == value(9), "WILLNEED");
    return ok && wrong_pages(10, spans) == 0;
}

/* What sleeps: says when it does, and waits until it may go on. */
static int sleeper(int said, int wait, const char *what)
{
    char c = 0;
    int status = 0;
    pid_t pid = 0;

    if (mmap(WHERE, (size_t)spans * SPAN, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        return 2;
    for (unsigned i = 0; i < spans; i++)
        *word(i) = value(i);
    if (!strcmp(what, "fork"))
        pid = fork();
    if (pid == 0 && write(said, "s", 1) != 1)
        return 3;
    if (read(wait, &c, 1) != 1)
        return 4;
    if (!strcmp(what, "calls"))
        return calls() ? 0 : 1;
    if (!strcmp(what, "fork") && pid == 0)
        for (unsigned i = 0; i < spans; i += 2)
            *word(i) = value(i) + 1;
    for (unsigned i = 0; i < spans; i++)
        if (*word(i) != value(i) + (!strcmp(what, "fork") && pid == 0 && i % 2 == 0))
            return 1;
    if (pid > 0 && (waitpid(pid, &status, 0) != pid || status))
        return 5;
    return 0;
}

/* Press until hardly a table of the other program is in memory. */
static long press(uint8_t *memory, size_t size, pid_t pid)
{
    long left = tables_of(pid);

    for (unsigned round = 0; round < ROUNDS && left > (long)spans / 20; round++) {
        for (size_t at = 0; at < size; at += PAGE)
            memory[at] = (uint8_t)(at / PAGE + round);
        left = tables_of(pid);
    }
    return left;
}

int main(int argc, char **argv)
{
    int said[2], wait[2], status = 0;
    const char *what = argc > 1 ? argv[1] : "";
    size_t size = (size_t)(argc > 3 ? atoi(argv[3]) : 0) * MIB;
    long before, left, swap = number("/proc/meminfo", "SwapFree:");
    uint8_t *memory;
    pid_t pid;
    char c;

    spans = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    if (!size || spans < 12 || spans > 640 || pipe(said) || pipe(wait)) {
        fprintf(stderr, "usage: sparse sleep|fork|calls|kill SPANS MIB\n");
        return 2;
    }
    pid = fork();
    if (pid == 0) {
        close(said[0]);
        close(wait[1]);
        _exit(sleeper(said[1], wait[0], what));
    }
    check(pid > 0 && read(said[0], &c, 1) == 1, "%u spans are touched", spans);
    before = tables_of(pid);
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "%zu MiB to press with", size / MIB);
    if (failed)
        return 1;
    left = press(memory, size, pid);
    check(left <= (long)spans / 20, "%ld tables before, %ld of %u stay; %ld pages in memory, %ld in slots",
          before, left, spans, pages_of(pid, "VmRSS:"), pages_of(pid, "VmSwap:"));
    munmap(memory, size);
    if (!strcmp(what, "kill")) {
        kill(pid, SIGKILL);
        check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "it is killed");
        check(number("/proc/meminfo", "SwapFree:") >= swap - 512, "%ld of %ld KiB of swap are free",
              number("/proc/meminfo", "SwapFree:"), swap);
    } else {
        check(write(wait[1], "gg", 2) == 2 && waitpid(pid, &status, 0) == pid && status == 0,
              "what slept ends with %x", (unsigned)status);
        check(number("/proc/vmstat", "pgtable_in") > 0, "%ld tables out, %ld in",
              number("/proc/vmstat", "pgtable_out"), number("/proc/vmstat", "pgtable_in"));
    }
    printf("sparse: done, %u failed\n", failed);
    return failed != 0;
}
