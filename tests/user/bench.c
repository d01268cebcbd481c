/*
 * What the basic operations cost a program. The same binary runs on Quire and on Linux.
 *
 *     bench instructions    in the unit of the time-stamp counter, which under QEMU's -icount shift=0 is
 *                           instructions; the first line proves it with a run of additions
 *     bench times           the same operations in nanoseconds: the counter's unit is measured by the clock
 *     bench nothing         ends at once: what the others execute
 *     bench swap MIB        by the clock: a working set of MIB, which should be more than there is RAM
 *
 * One line a figure: "bench: NAME UNIT MEDIAN BEST WORST"; of swap also how many faults read the disk. The
 * samples differ by what else the kernel had to do: timer ticks, lists filled again. Every system call that
 * is measured is an int 0x80 of this file, so no C library's way of calling is in the figures, and each is
 * less what two readings of the counter take. What is done to each of many pages is less the same loop over
 * pages that are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE       4096u
#define SAMPLES    31u
#define BATCH      1024u /* pages: what one page table maps */
#define CALLS      64u
#define ADDITIONS  1000
#define BIG_MIB    32u
#define REGIONS    2000u
#define FILE_PAGES 64u
#define ROUNDS     3u /* of the swap figures: each is long */

static uint32_t sample[SAMPLES];
static uint32_t overhead;
static uint32_t ticks_per_us; /* 0: the unit is the tick */

static void fail(const char *what)
{
    printf("bench: failed: %s: %s\n", what, strerror(errno));
    exit(1);
}

static inline uint32_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return low;
}

static uint32_t less(uint32_t a, uint32_t b)
{
    return a < b ? 0 : a - b;
}

static inline uint32_t since(uint32_t start)
{
    return less(ticks() - start, overhead);
}

/* A system call with Linux's numbers, arguments and results. */
static inline long call(long nr, long a, long b, long c, long d)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
    return result;
}
#define CALL0(nr)          call(nr, 0, 0, 0, 0)
#define CALL1(nr, a)       call(nr, (long)(a), 0, 0, 0)
#define CALL2(nr, a, b)    call(nr, (long)(a), (long)(b), 0, 0)
#define CALL3(nr, a, b, c) call(nr, (long)(a), (long)(b), (long)(c), 0)

/* The one with six arguments. */
static inline long call_mmap(size_t size)
{
    long result;

    __asm__ volatile("pushl %%ebp\n\txorl %%ebp, %%ebp\n\tint $0x80\n\tpopl %%ebp"
                     : "=a"(result)
                     : "a"(SYS_mmap2), "b"(0), "c"(size), "d"(PROT_READ | PROT_WRITE),
                       "S"(MAP_PRIVATE | MAP_ANONYMOUS), "D"(-1)
                     : "memory");
    return result;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Report the first n samples, of `per` operations each. */
static void report(const char *name, const char *unit, unsigned n, uint32_t per)
{
    qsort(sample, n, sizeof *sample, ascending);
    printf("bench: %s %s %u %u %u\n", name, unit, sample[n / 2] / per, sample[0] / per, sample[n - 1] / per);
    fflush(stdout);
}

static void report_ticks(const char *name, uint32_t per)
{
    if (ticks_per_us)
        for (unsigned i = 0; i < SAMPLES; i++)
            sample[i] = (uint32_t)((uint64_t)sample[i] * 1000 / ticks_per_us);
    report(name, ticks_per_us ? "ns" : "instructions", SAMPLES, per);
}

#define ADD(n) __asm__ volatile(".rept %c0\n\taddl $1, %%eax\n\t.endr" : : "i"(n) : "eax", "cc")

static void calibrate(void)
{
    uint32_t start, once;

    for (unsigned i = 0; i < SAMPLES; i++) {
        start = ticks();
        sample[i] = ticks() - start;
    }
    qsort(sample, SAMPLES, sizeof *sample, ascending);
    overhead = sample[0];
    for (unsigned i = 0; i < SAMPLES; i++) {
        start = ticks();
        ADD(ADDITIONS);
        once = ticks();
        ADD(2 * ADDITIONS);
        sample[i] = ticks() - once - (once - start);
    }
    report_ticks("additions", 1);
}

static uint64_t clock_us(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        fail("clock_gettime");
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* What a tick of the counter is, when it does not count instructions. */
static void measure_tick(void)
{
    uint64_t from = clock_us(), to;
    uint32_t start = ticks(), taken;

    do {
        taken = ticks() - start;
        to = clock_us();
    } while (to - from < 100000);
    ticks_per_us = (uint32_t)(taken / (to - from));
    if (!ticks_per_us) {
        puts("bench: failed: the time-stamp counter is slower than a megahertz");
        exit(1);
    }
}

/* --- memory --- */

/* Pages of the usual size, on whatever kernel. */
static char *map(size_t size)
{
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        fail("mmap");
    madvise(p, size, MADV_NOHUGEPAGE);
    return p;
}

static void unmap(char *p, size_t size)
{
    if (munmap(p, size) != 0)
        fail("munmap");
}

static __attribute__((noinline)) uint32_t write_pages(char *p, size_t pages, size_t stride)
{
    uint32_t start = ticks();

    for (size_t i = 0; i < pages; i++)
        *(volatile char *)(p + i * stride) = 1;
    return since(start);
}

static __attribute__((noinline)) uint32_t read_pages(char *p, size_t pages)
{
    uint32_t start = ticks();

    for (size_t i = 0; i < pages; i++)
        (void)*(volatile char *)(p + i * PAGE);
    return since(start);
}

static void fault_zero_write(void)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        char *p = map(BATCH * PAGE);

        sample[i] = write_pages(p, BATCH, PAGE);
        sample[i] = less(sample[i], write_pages(p, BATCH, PAGE));
        unmap(p, BATCH * PAGE);
    }
    report_ticks("fault-zero-write", BATCH);
}

static void fault_zero_read(void)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        char *p = map(BATCH * PAGE);

        sample[i] = read_pages(p, BATCH);
        sample[i] = less(sample[i], read_pages(p, BATCH));
        unmap(p, BATCH * PAGE);
    }
    report_ticks("fault-zero-read", BATCH);
}

static uint32_t timed_unmap(bool resident)
{
    char *p = map(BATCH * PAGE);
    uint32_t start;

    if (resident)
        write_pages(p, BATCH, PAGE);
    start = ticks();
    CALL2(SYS_munmap, p, BATCH * PAGE);
    return since(start);
}

static void unmap_page(void)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        sample[i] = timed_unmap(true);
        sample[i] = less(sample[i], timed_unmap(false));
    }
    report_ticks("munmap-page", BATCH);
}

static void map_unmap(void)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();

        for (unsigned k = 0; k < CALLS; k++)
            CALL2(SYS_munmap, call_mmap(16 * PAGE), 16 * PAGE);
        sample[i] = since(start);
    }
    report_ticks("mmap-munmap", CALLS);
}

/* In the middle of a larger region, as programs do: the region is split, and becomes one again. */
static void protect_twice(void)
{
    char *p = map(64 * PAGE), *middle = p + 24 * PAGE;

    write_pages(p, 64, PAGE);
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();

        for (unsigned k = 0; k < CALLS; k++) {
            CALL3(SYS_mprotect, middle, 16 * PAGE, PROT_READ);
            CALL3(SYS_mprotect, middle, 16 * PAGE, PROT_READ | PROT_WRITE);
        }
        sample[i] = since(start);
    }
    unmap(p, 64 * PAGE);
    report_ticks("mprotect-twice", CALLS);
}

/* One fault in each of many regions that nothing can join. */
static void fault_regions(void)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        char *p = map(2 * REGIONS * PAGE);

        for (unsigned k = 0; k < REGIONS; k++)
            if (munmap(p + (2 * k + 1) * PAGE, PAGE) != 0)
                fail("munmap of every other page");
        sample[i] = write_pages(p, REGIONS, 2 * PAGE);
        sample[i] = less(sample[i], write_pages(p, REGIONS, 2 * PAGE));
        unmap(p, 2 * REGIONS * PAGE);
    }
    report_ticks("fault-regions", REGIONS);
}

static void heap(void)
{
    uint32_t old = (uint32_t)CALL1(SYS_brk, 0);
    uint32_t base = (old + PAGE - 1) & ~(PAGE - 1);

    if ((uint32_t)CALL1(SYS_brk, base) != base)
        fail("brk");
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();

        for (unsigned k = 0; k < CALLS; k++) {
            CALL1(SYS_brk, base + 4 * PAGE);
            for (unsigned n = 0; n < 4; n++)
                *(volatile char *)(base + n * PAGE) = 1;
            CALL1(SYS_brk, base);
        }
        sample[i] = since(start);
    }
    CALL1(SYS_brk, old);
    report_ticks("brk", CALLS);
}

/* --- files: this program itself --- */

static int self(void)
{
    int fd = open("/proc/self/exe", O_RDONLY);

    if (fd < 0)
        fail("open of /proc/self/exe");
    return fd;
}

/* The first pages of a file that is in memory, through a mapping. */
static void map_file(void)
{
    int fd = self();

    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();
        char *p = mmap(NULL, FILE_PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

        if (p == MAP_FAILED)
            fail("mmap of a file");
        for (unsigned k = 0; k < FILE_PAGES; k++)
            (void)*(volatile char *)(p + k * PAGE);
        CALL2(SYS_munmap, p, FILE_PAGES * PAGE);
        sample[i] = since(start);
    }
    close(fd);
    report_ticks("map-file", 1);
}

static void read_file(void)
{
    static char buf[FILE_PAGES * PAGE];
    int fd = self();

    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();

        if (CALL3(SYS_read, fd, buf, sizeof buf) != sizeof buf)
            fail("read of a file");
        sample[i] = since(start);
        CALL3(SYS_lseek, fd, 0, SEEK_SET);
    }
    close(fd);
    report_ticks("read-file", 1);
}

/* --- processes --- */

static void get_parent(void)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();

        for (unsigned k = 0; k < CALLS; k++)
            CALL0(SYS_getppid);
        sample[i] = since(start);
    }
    report_ticks("getppid", CALLS);
}

static void wait_child(long child)
{
    if (child < 0)
        fail("fork");
    if (call(SYS_wait4, child, 0, 0, 0) != child)
        fail("wait4");
}

/* What of a fork is measured: until it returns here; until its parent has written to a variable and to its
 * stack, too; until the child, which ends at once, has been waited for. */
enum fork_part { CALL, FIRST_WRITES, WHOLE };
static volatile uint32_t variable;

static void forks(const char *name, enum fork_part part)
{
    volatile uint32_t on_stack;

    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();
        long child = CALL0(SYS_fork);

        if (child == 0)
            for (;;)
                CALL1(SYS_exit, 0);
        if (part == FIRST_WRITES)
            variable = on_stack = i;
        sample[i] = since(start);
        wait_child(child);
        if (part == WHOLE)
            sample[i] = since(start);
    }
    report_ticks(name, 1);
}

static __attribute__((noinline)) pid_t start_nothing(void)
{
    static char *const argv[] = {"bench", "nothing", NULL};
    pid_t child = vfork();

    if (child == 0) {
        execv("/proc/self/exe", argv);
        _exit(1);
    }
    return child;
}

static void execs(void)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();

        wait_child(start_nothing());
        sample[i] = since(start);
    }
    report_ticks("vfork-exec-wait", 1);
}

static void forks_big(void)
{
    size_t size = (size_t)BIG_MIB << 20;
    char *p = map(size);

    write_pages(p, size / PAGE, PAGE);
    forks("fork-big", CALL);
    forks("fork-exit-wait-big", WHOLE);
    unmap(p, size);
}

static void ask(int fd)
{
    char c = 0;

    if (write(fd, &c, 1) != 1)
        fail("write to a pipe");
}

static void wait_for(int fd)
{
    char c;

    if (read(fd, &c, 1) != 1)
        fail("read from a pipe");
}

/*
 * Writes to pages that a child shares, while it lives, or when it has gone. Then a page of each table is
 * written before that: a kernel that shares tables would give them back whole when the child ends, and there
 * would be no faults.
 */
static void copy_on_write(const char *name, bool lives)
{
    char *p = map(BATCH * PAGE);
    int up[2], down[2];

    write_pages(p, BATCH, PAGE);
    if (pipe(up) != 0 || pipe(down) != 0)
        fail("pipe");
    for (unsigned i = 0; i < SAMPLES; i++) {
        long child = CALL0(SYS_fork);

        if (child == 0) {
            ask(up[1]);
            wait_for(down[0]);
            _exit(0);
        }
        if (child > 0)
            wait_for(up[0]);
        if (!lives) {
            write_pages(p, 2, (BATCH - 1) * PAGE);
            ask(down[1]);
            wait_child(child);
        }
        sample[i] = write_pages(p, BATCH, PAGE);
        sample[i] = less(sample[i], write_pages(p, BATCH, PAGE));
        if (lives) {
            ask(down[1]);
            wait_child(child);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        close(up[i]);
        close(down[i]);
    }
    unmap(p, BATCH * PAGE);
    report_ticks(name, BATCH);
}

/* A byte there and one back, by two pipes or a pair of sockets. */
static void round_trip(const char *name, bool sockets)
{
    int there[2], back[2];
    char c = 0;
    long child;

    if (sockets) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, there) != 0)
            fail("socketpair");
        back[0] = dup(there[1]);
        back[1] = dup(there[0]);
    } else if (pipe(there) != 0 || pipe(back) != 0) {
        fail("pipe");
    }
    child = CALL0(SYS_fork);
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        while (CALL3(SYS_read, there[0], &c, 1) == 1)
            CALL3(SYS_write, back[1], &c, 1);
        _exit(0);
    }
    close(there[0]);
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();

        for (unsigned k = 0; k < CALLS; k++) {
            CALL3(SYS_write, there[1], &c, 1);
            if (CALL3(SYS_read, back[0], &c, 1) != 1)
                fail("the other end");
        }
        sample[i] = since(start);
    }
    close(there[1]);
    close(back[0]);
    close(back[1]);
    wait_child(child);
    report_ticks(name, CALLS);
}

/* From a write to one of so many counters that a set of epoll watches until the program that waits for the
 * set is told. Another program writes; it goes to sleep before the first one runs. */
static void epoll_wake(const char *name, unsigned watched)
{
    struct rlimit limit = {watched + 100, watched + 100};
    int ep = epoll_create1(0), turn = eventfd(0, 0), *fd = malloc(watched * sizeof *fd);
    struct epoll_event e = {.events = EPOLLIN};
    volatile uint32_t *start = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t one = 1, value;
    long child;

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || ep < 0 || turn < 0 || !fd || start == MAP_FAILED)
        fail("setrlimit, epoll_create1, eventfd or memory");
    for (unsigned i = 0; i < watched; i++) {
        fd[i] = eventfd(0, EFD_NONBLOCK);
        e.data.fd = fd[i];
        if (fd[i] < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &e) != 0)
            fail("eventfd or epoll_ctl");
    }
    *start = 0;
    child = CALL0(SYS_fork);
    if (child == 0) {
        for (unsigned i = 0; CALL3(SYS_read, turn, &value, 8) == 8; i = (i + 7919) % watched) {
            int to = fd[i];

            *start = ticks();
            CALL3(SYS_write, to, &one, 8);
        }
        _exit(0);
    }
    for (unsigned i = 0; i < SAMPLES; i++) {
        sample[i] = 0;
        for (unsigned k = 0; k < CALLS; k++) {
            CALL3(SYS_write, turn, &one, 8);
            if (call(SYS_epoll_wait, ep, (long)&e, 8, -1) != 1)
                fail("epoll_wait");
            sample[i] += since(*start);
            CALL3(SYS_read, e.data.fd, &value, 8);
        }
    }
    CALL2(SYS_kill, child, SIGKILL);
    wait_child(child);
    for (unsigned i = 0; i < watched; i++)
        close(fd[i]);
    close(ep);
    close(turn);
    free(fd);
    munmap((void *)start, PAGE);
    report_ticks(name, CALLS);
}

/* --- signals --- */

static volatile unsigned long resume_at;

/* Both go on behind the instruction that cannot succeed. The old frame has the registers as an argument. */
static void on_segv(int nr, struct sigcontext registers)
{
    (void)nr;
    *(volatile unsigned long *)&registers.eip = resume_at;
}

static void on_segv_info(int nr, siginfo_t *info, void *context)
{
    (void)nr;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EIP] = (greg_t)resume_at;
}

static void segv(const char *name, struct sigaction act)
{
    struct sigaction old;
    char *p = map(PAGE);

    if (mprotect(p, PAGE, PROT_NONE) != 0 || sigaction(SIGSEGV, &act, &old) != 0)
        fail("mprotect or sigaction");
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint32_t start = ticks();

        for (unsigned k = 0; k < CALLS; k++)
            __asm__ volatile("movl $1f, %0\n\tmovb $1, (%1)\n1:" : "=m"(resume_at) : "r"(p) : "memory");
        sample[i] = since(start);
    }
    sigaction(SIGSEGV, &old, NULL);
    unmap(p, PAGE);
    report_ticks(name, CALLS);
}

/* --- more memory than there is --- */

static uint32_t random_state = 20261120;

static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return (uint32_t)((uint64_t)random_state * n >> 32);
}

static void check_page(const char *p, uint32_t page)
{
    uint32_t found = *(const volatile uint32_t *)(p + (size_t)page * PAGE);

    if (found == page)
        return;
    printf("bench: failed: page %u holds %u\n", page, found);
    exit(1);
}

static uint32_t major_faults(void)
{
    struct rusage r;

    if (getrusage(RUSAGE_SELF, &r) != 0)
        fail("getrusage");
    return (uint32_t)r.ru_majflt;
}

enum access { FILL, IN_ORDER, BACKWARD, EVERY_THIRD, AT_RANDOM, MOSTLY_SOME, PATTERNS };

/* Nanoseconds an access. */
static uint32_t access_pages(char *p, uint32_t pages, enum access how)
{
    uint64_t start = clock_us();
    uint32_t third = 0;

    for (uint32_t i = 0; i < pages; i++) {
        switch (how) {
        case FILL:
            *(volatile uint32_t *)(p + (size_t)i * PAGE) = i;
            break;
        case IN_ORDER:
            check_page(p, i);
            break;
        case BACKWARD:
            check_page(p, pages - 1 - i);
            break;
        case EVERY_THIRD: /* three rounds, in which each page has its turn */
            check_page(p, third);
            third = third + 3 < pages ? third + 3 : third % 3 + 1;
            break;
        case AT_RANDOM:
            check_page(p, random_below(pages));
            break;
        default:
            check_page(p, random_below(random_below(10) ? pages / 5 : pages));
        }
    }
    return (uint32_t)((clock_us() - start) * 1000 / pages);
}

static void swap(unsigned mib)
{
    static const char *const name[PATTERNS] = {"swap-fill",        "swap-in-order",  "swap-backward",
                                               "swap-every-third", "swap-at-random", "swap-90-10"};
    static uint32_t taken[PATTERNS][ROUNDS], faults[PATTERNS][ROUNDS];
    uint32_t pages = mib << 8;

    for (unsigned round = 0; round < ROUNDS; round++) {
        char *p = map((size_t)pages * PAGE);

        for (unsigned how = 0; how < PATTERNS; how++) {
            uint32_t before = major_faults();

            taken[how][round] = access_pages(p, pages, how);
            faults[how][round] = major_faults() - before;
        }
        unmap(p, (size_t)pages * PAGE);
    }
    for (unsigned how = 0; how < PATTERNS; how++) {
        memcpy(sample, taken[how], sizeof taken[how]);
        report(name[how], "ns", ROUNDS, 1);
        memcpy(sample, faults[how], sizeof faults[how]);
        report(name[how], "faults", ROUNDS, 1);
    }
}

static void operations(void)
{
    get_parent();
    forks("fork-small", CALL);
    forks("fork-first-writes", FIRST_WRITES);
    forks("fork-exit-wait-small", WHOLE);
    round_trip("pipe-round-trip", false);
    round_trip("socket-round-trip", true);
    epoll_wake("epoll-wake-of-1", 1);
    epoll_wake("epoll-wake-of-10000", 10000);
    segv("segv-handler", (struct sigaction){.sa_handler = (void (*)(int))(void (*)(void))on_segv});
    segv("segv-siginfo", (struct sigaction){.sa_sigaction = on_segv_info, .sa_flags = SA_SIGINFO});
    heap();
    fault_zero_write();
    fault_zero_read();
    unmap_page();
    map_unmap();
    protect_twice();
    fault_regions();
    copy_on_write("fault-cow-copy", true);
    copy_on_write("fault-cow-last", false);
    map_file();
    read_file();
    execs();
    forks_big();
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "instructions") == 0) {
        calibrate();
        operations();
    } else if (argc == 2 && strcmp(argv[1], "times") == 0) {
        measure_tick();
        operations();
    } else if (argc == 2 && strcmp(argv[1], "nothing") == 0) {
        return 0;
    } else if (argc == 3 && strcmp(argv[1], "swap") == 0) {
        swap((unsigned)atoi(argv[2]));
    } else {
        fputs("usage: bench instructions | bench times | bench swap MIB\n", stderr);
        return 2;
    }
    puts("bench: done");
    return 0;
}
