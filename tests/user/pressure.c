/*
 * Programs that want more memory than there is: who ends, who goes on, and whether what the others hold is as
 * it was.
 *
 *     pressure [DISK]        DISK: the swap disk that is on, to be taken off and put on again
 *
 * Says "pressure: ok: ..." or "pressure: FAILED: ..." for each thing, and exits with the number that failed.
 */
#include "tests/user/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE      4096u
#define MIB       (1u << 20)
#define BYSTANDER (64 * PAGE)

static uint32_t *map(size_t size, int flags)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static void fill(uint32_t *p, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size / 4; i += PAGE / 4)
        p[i] = (uint32_t)i * 2654435761u + seed;
}

static size_t wrong_pages(const uint32_t *p, size_t size, uint32_t seed)
{
    size_t wrong = 0;

    for (size_t i = 0; i < size / 4; i += PAGE / 4)
        wrong += p[i] != (uint32_t)i * 2654435761u + seed;
    return wrong;
}

/* All memory and swap, in bytes. */
static uint64_t everything(void)
{
    struct sysinfo s;

    sysinfo(&s);
    return ((uint64_t)s.totalram + s.totalswap) * s.mem_unit;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    close(fd);
    return ok;
}

/* Touch a share of all there is. */
static _Noreturn void hog(unsigned percent, uint32_t seed)
{
    size_t size = (size_t)(everything() * percent / 100) & ~(size_t)(PAGE - 1);
    uint32_t *p = map(size, MAP_PRIVATE | MAP_NORESERVE);

    if (!p)
        _exit(2);
    fill(p, size, seed);
    _exit(wrong_pages(p, size, seed) ? 3 : 0);
}

static pid_t start_hog(unsigned percent, uint32_t seed)
{
    pid_t child = fork();

    if (child == 0)
        hog(percent, seed);
    return child;
}

/* A figure of /proc/vmstat, or -1. */
static long vm_event(const char *name)
{
    char line[128], found[64];
    long value = -1, n;
    FILE *f = fopen("/proc/vmstat", "re");

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %ld", found, &n) == 2 && strcmp(found, name) == 0)
            value = n;
    if (f)
        fclose(f);
    return value;
}

static void one_hog(void)
{
    long kills = vm_event("oom_kill");
    int status = 0;

    waitpid(start_hog(130, 1), &status, 0);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "one hog is killed: status %x", status);
    check(kills >= 0 && vm_event("oom_kill") == kills + 1, "and counted: %ld kills, %ld before",
          vm_event("oom_kill"), kills);
}

static void many_hogs(void)
{
    unsigned killed = 0, ended = 0, odd = 0;
    int status;

    for (unsigned i = 0; i < 5; i++)
        start_hog(50, i);
    while (wait(&status) > 0) {
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        ended += status == 0;
        odd += status && !WIFSIGNALED(status);
    }
    check(killed + ended == 5 && !odd, "five hogs: each is killed or ends well");
}

/* The one that says that it may go, goes first, though it is smaller. */
static void adjusted(void)
{
    pid_t victim = fork(), other;
    int status = 0;

    if (victim == 0) {
        uint32_t *p = map(MIB, MAP_PRIVATE);

        write_file("/proc/self/oom_score_adj", "1000");
        fill(p, MIB, 7);
        for (;;)
            pause();
    }
    usleep(100000);
    other = start_hog(130, 3);
    waitpid(victim, &status, 0);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
          "the one that asked for it is killed: status %x", status);
    check(waitpid(other, &status, WNOHANG) == 0 || WIFSIGNALED(status), "before the larger one");
    waitpid(other, &status, 0);
}

static void locking(void)
{
    size_t size = (size_t)(everything() * 120 / 100) & ~(size_t)(PAGE - 1);
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        uint32_t *p = map(size, MAP_PRIVATE | MAP_NORESERVE);

        _exit(p && mlock(p, size) == 0 ? 1 : 0);
    }
    waitpid(child, &status, 0);
    check(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
          "more is locked than there is: status %x", status);
}

static void shared_hog(void)
{
    size_t size = (size_t)(everything() * 120 / 100) & ~(size_t)(PAGE - 1);
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        uint32_t *p = map(size, MAP_SHARED | MAP_NORESERVE);

        if (p)
            fill(p, size, 9);
        _exit(p ? 1 : 0);
    }
    waitpid(child, &status, 0);
    check(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
          "too much shared memory: status %x", status);
}

static void bomb(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        int err = 0;

        setsid();
        for (unsigned n = 0; n < 30000 && !err; n++) {
            pid_t p = fork();

            if (p == 0) {
                uint32_t *m = map(32 * PAGE, MAP_PRIVATE);

                if (m)
                    fill(m, 32 * PAGE, n);
                for (;;)
                    pause();
            }
            if (p < 0)
                err = errno;
        }
        signal(SIGTERM, SIG_IGN);
        kill(0, SIGTERM);
        while (wait(NULL) > 0)
            ;
        _exit(err == EAGAIN || err == ENOMEM ? 0 : 1);
    }
    waitpid(child, &status, 0);
    check(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL), "a fork bomb ends: status %x",
          status);
}

static void strict(void)
{
    size_t size = (size_t)(everything() * 90 / 100) & ~(size_t)(PAGE - 1);
    int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
    uint32_t *p;

    check(write_file("/proc/sys/vm/overcommit_memory", "2"), "strict overcommit is set");
    p = map(size, MAP_PRIVATE | MAP_NORESERVE);
    check(!p && errno == ENOMEM, "no promise that cannot be kept");
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    check(p == MAP_FAILED && errno == ENOMEM, "nor of shared pages of /dev/zero");
    close(zero);
    check(write_file("/proc/sys/vm/overcommit_memory", "0"), "and taken back");
    p = map(size, MAP_PRIVATE);
    check(p, "the heuristic allows it");
    if (p)
        munmap(p, size);
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void swapping(const char *disk)
{
    struct sysinfo s;
    size_t size;
    uint32_t *p;
    pid_t child;
    int status = 0, rc;

    sysinfo(&s);
    size = (size_t)((uint64_t)s.freeram * s.mem_unit / 4) & ~(size_t)(PAGE - 1);
    p = map(size, MAP_PRIVATE);
    if (!p) {
        check(false, "no memory for %zu KiB", size >> 10);
        return;
    }
    fill(p, size, 11);
    madvise(p, size, MADV_PAGEOUT);
    child = fork();
    if (child == 0) { /* uses it while the disk goes */
        size_t wrong = wrong_pages(p, size, 11);

        fill(p, size, 12);
        _exit(wrong || wrong_pages(p, size, 12));
    }
    check(swapoff(disk) == 0, "swapoff while the pages are used");
    check(wrong_pages(p, size, 11) == 0, "they are all back");
    waitpid(child, &status, 0);
    check(status == 0, "in the child too: status %x", status);
    check(swapoff(disk) < 0 && errno == EINVAL, "it is off");
    check(swapon(disk, SWAP_FLAG_PREFER | 3) == 0, "swapon");
    check(swapon(disk, 0) < 0 && errno == EBUSY, "it is on");
    munmap(p, size);

    /* More than fits into memory. */
    sysinfo(&s);
    size = (size_t)(((uint64_t)s.freeram + s.freeswap / 2) * s.mem_unit) & ~(size_t)(PAGE - 1);
    p = map(size, MAP_PRIVATE | MAP_NORESERVE);
    if (!p) {
        check(false, "no memory for %zu KiB", size >> 10);
        return;
    }
    fill(p, size, 13);
    check(swapoff(disk) < 0 && errno == ENOMEM, "swapoff of too much fails");
    check(wrong_pages(p, size, 13) == 0, "nothing is lost");
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
    ualarm(3000, 0);
    rc = swapoff(disk);
    check(rc < 0 && (errno == EINTR || errno == ENOMEM), "a signal ends it, or it fails: %d", errno);
    munmap(p, size);
    check(swapoff("/dev/null") < 0 && errno == EINVAL && swapoff("/no/such") < 0 && errno == ENOENT,
          "wrong paths");
}

/* A workload that is three times as large as memory comes to its end, with every byte where it was put. */
static void larger_than_memory(void)
{
    struct sysinfo s;
    size_t size;
    uint32_t *p;
    int status = 0;
    pid_t child;

    sysinfo(&s);
    size = (size_t)s.totalram * s.mem_unit / PAGE * PAGE * 3;
    if (size > (uint64_t)s.totalram * s.mem_unit + (uint64_t)s.freeswap * s.mem_unit / 10 * 9)
        return;
    p = map(size, MAP_PRIVATE | MAP_NORESERVE);
    if (!p) {
        check(false, "no addresses for %zu KiB", size >> 10);
        return;
    }
    fill(p, size, 21);
    check(wrong_pages(p, size, 21) == 0, "%zu KiB in %lu KiB of memory, in order", size >> 10,
          s.totalram / 1024 * s.mem_unit);
    child = fork();
    if (child == 0) {
        size_t part = size / 8 / PAGE * PAGE, wrong = wrong_pages(p, size, 21);

        fill(p, part, 22);
        wrong += wrong_pages(p, part, 22);
        wrong += wrong_pages(p + part / 4, size - part, 21 + (uint32_t)(part / 4) * 2654435761u);
        _exit(wrong != 0);
    }
    waitpid(child, &status, 0);
    check(status == 0, "and a child reads all and writes an eighth: status %x", status);
    for (size_t i = 0, n = 0; n < 3000; n++) {
        i = (i * 1103515245 + 12345) % (size / PAGE);
        p[i * (PAGE / 4) + 1] = (uint32_t)i;
    }
    check(wrong_pages(p, size, 21) == 0, "and at random");
    munmap(p, size);
}

int main(int argc, char **argv)
{
    uint32_t *held = map(BYSTANDER, MAP_PRIVATE);

    fill(held, BYSTANDER, 42);
    one_hog();
    many_hogs();
    adjusted();
    locking();
    shared_hog();
    bomb();
    strict();
    if (argc > 1) {
        larger_than_memory();
        swapping(argv[1]);
    }
    check(wrong_pages(held, BYSTANDER, 42) == 0, "the bystander's memory is as it was");
    printf("pressure: done, %u failed\n", failed);
    return failed != 0;
}
