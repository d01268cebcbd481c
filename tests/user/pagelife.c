/*
 * The life of one page, for tests of `why` and `pages`: it is promised, read, written, shared by fork,
 * copied, put out and fetched again, and after each step `why` is asked about it. It is started with
 * posix_spawn(), which shares no tables.
 *
 *     pagelife            the steps; each begins with a line "== STEP"
 *     pagelife hold MIB   has memory of most kinds, says "ready", and waits for a line
 *     pagelife press MIB  uses so much again and again, until page tables have gone to the disk
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE   4096u
#define RW     (PROT_READ | PROT_WRITE)
#define ANON   (MAP_PRIVATE | MAP_ANONYMOUS)
#define AT     ((uint8_t *)0x30000000)
#define SPARSE ((uint8_t *)0x50000000)
#define SPAN   (4u << 20)
#define SPANS  40u

extern char **environ;

static void die(const char *what)
{
    printf("pagelife: FAILED: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Ask about a page of a process. */
static void why(const char *step, pid_t pid, const volatile void *page, bool raw)
{
    char who[16], where[16];
    char *argv[] = {"why", who, where, NULL, NULL};
    pid_t child;
    int status;

    snprintf(who, sizeof who, "%d", (int)pid);
    snprintf(where, sizeof where, "%p", (const void *)(uintptr_t)page);
    if (raw) {
        argv[3] = argv[2];
        argv[2] = argv[1];
        argv[1] = "--raw";
    }
    printf("== %s%s\n", step, raw ? " raw" : "");
    fflush(stdout);
    if (posix_spawn(&child, "/bin/why", NULL, NULL, argv, environ) != 0 ||
        waitpid(child, &status, 0) != child || status)
        die("why");
}

static void ask(const char *step, pid_t pid, const volatile void *page)
{
    why(step, pid, page, false);
    why(step, pid, page, true);
}

static void fill(uint8_t *page, const char *what)
{
    for (unsigned i = 0; i < PAGE; i += 32)
        snprintf((char *)page + i, 32, "%.20s %05u", what, i);
}

static void out(uint8_t *at, size_t size)
{
    unsigned char core = 1;

    for (int i = 0; i < 200 && core & 1; i++) {
        if (madvise(at, size, MADV_PAGEOUT) != 0)
            die("MADV_PAGEOUT");
        if (mincore(at, PAGE, &core) != 0)
            die("mincore");
        usleep(5000);
    }
    if (core & 1)
        die("the page does not go");
}

/* A child that has its own table for the page's span, but shares the page; it waits on a pipe. */
static pid_t sharer(int *go, int *done)
{
    int to[2], from[2];
    pid_t pid;
    char c = 0;

    if (pipe(to) != 0 || pipe(from) != 0)
        die("pipe");
    fflush(stdout);
    pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        close(to[1]);
        while (read(to[0], &c, 1) == 1) {
            if (c == 'b')
                AT[PAGE] = 1; /* beside it: splits the table */
            if (c == 'c')
                fill(AT, "a copy of the child's");
            if (write(from[1], &c, 1) != 1)
                break;
        }
        _exit(0);
    }
    close(to[0]);
    *go = to[1];
    *done = from[0];
    return pid;
}

static void tell(int go, int done, char what)
{
    char c;

    if (write(go, &what, 1) != 1 || read(done, &c, 1) != 1)
        die("the child");
}

static int live(void)
{
    uint8_t *p = mmap(AT, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    int go = -1, done = -1;
    volatile uint8_t sink;
    pid_t child;

    if (p != AT)
        die("mmap");
    ask("promised", getpid(), p);
    sink = p[0];
    ask("zero", getpid(), p);
    fill(p, "QUIRE PAGE OF LIFE");
    ask("written", getpid(), p);
    child = sharer(&go, &done);
    ask("shared", getpid(), p);
    tell(go, done, 'b');
    ask("split", getpid(), p);
    tell(go, done, 'c');
    ask("copied", getpid(), p);
    ask("copy", child, p);
    close(go);
    waitpid(child, NULL, 0);
    fill(p + PAGE, "QUIRE PAGE BESIDE IT");
    out(p, 2 * PAGE);
    ask("out", getpid(), p);
    sink = p[PAGE]; /* reads the page beside it ahead, too */
    ask("ahead", getpid(), p);
    sink = p[0];
    ask("in", getpid(), p);
    (void)sink;
    printf("== end\npagelife: done\n");
    return 0;
}

static int hold(size_t mib)
{
    size_t size = mib << 20;
    uint8_t *p = mmap(AT, size, RW, ANON | MAP_FIXED, -1, 0), *zero = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);
    uint8_t *shared = mmap(NULL, 16 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    volatile uint8_t sink;
    char c;
    pid_t child;

    if (p != AT || zero == MAP_FAILED || shared == MAP_FAILED)
        die("mmap");
    for (size_t i = 0; i < size; i += PAGE)
        p[i] = (uint8_t)i | 1;
    /* A page here and there, each with a table of its own. */
    if (mmap(SPARSE, SPANS * SPAN, RW, ANON | MAP_FIXED | MAP_NORESERVE, -1, 0) != SPARSE)
        die("mmap");
    for (unsigned i = 0; i < SPANS; i++)
        SPARSE[i * SPAN + i * PAGE] = 1;
    for (unsigned i = 0; i < 40; i++)
        sink = zero[i * PAGE];
    (void)sink;
    memset(shared, 7, 10 * PAGE);
    out(p, size / 2);
    sink = p[3 * PAGE]; /* some come back, or are read ahead */
    fflush(stdout);
    child = fork();
    if (child == 0) {
        p[size - PAGE] = 5;
        pause();
        _exit(0);
    }
    usleep(50000);
    printf("ready %d\n", (int)child);
    fflush(stdout);
    if (read(0, &c, 1) < 0)
        die("read");
    kill(child, 9);
    waitpid(child, NULL, 0);
    return 0;
}

static long tables_out(void)
{
    char line[128];
    long n = -1;
    FILE *f = fopen("/proc/vmstat", "r");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "pgtable_out ", 12) == 0)
            n = atol(line + 12);
    if (f)
        fclose(f);
    return n;
}

static int press(size_t mib)
{
    enum { ROUNDS = 60, ENOUGH = 8 };
    size_t size = mib << 20;
    uint8_t *p = mmap(NULL, size, RW, ANON, -1, 0);

    if (p == MAP_FAILED)
        die("mmap");
    for (unsigned round = 0; round < ROUNDS && tables_out() < ENOUGH; round++)
        for (size_t i = 0; i < size; i += PAGE)
            p[i] = (uint8_t)round;
    printf("pressed: %ld tables are out\n", tables_out());
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "hold") == 0)
        return hold((size_t)atoi(argv[2]));
    if (argc == 3 && strcmp(argv[1], "press") == 0)
        return press((size_t)atoi(argv[2]));
    return live();
}
