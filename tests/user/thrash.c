/*
 * Programs whose sets do not fit into memory together, and what they wait for.
 *
 *     thrash loop PROGRAMS MIB ROUNDS [write]
 *                                    each loops over its MIB so often, and verifies them
 *     thrash pressure MIB            /proc/pressure/memory against waits that it measures; MIB more than is
 *                                    RAM, on a slow swap disk
 *     thrash front MIB SECONDS       programs of MIB each, one in the foreground: how long it stands still at
 *                                    most
 *     thrash kill MIB                somebody who is suspended obeys SIGKILL, and SIGTERM
 *     thrash limits MIB              who is beyond a limit of its own is killed before a larger one
 *     thrash change KIB KIB          a loop that is larger than memory by a little, then one that fits: how
 *                                    many pages come in until that is there
 *     thrash choice                  how long from the last page that could be had to the kill
 *
 * In a loop the parent asks a shell for an echo twice a second meanwhile, and says how long the slowest took.
 * For this kernel alone.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/user/check.h"

#define PAGE  4096u
#define MIB   (1u << 20)
#define WORDS (PAGE / 4)
#define MOST  16u

static void sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static uint32_t *map(size_t size, int flags)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        printf("thrash: FAILED: %zu KiB cannot be mapped (errno %d)\n", size >> 10, errno);
        exit(1);
    }
    return p;
}

static uint32_t mark(size_t page, uint32_t seed)
{
    return (uint32_t)page * 2654435761u ^ seed * 40503u;
}

static void fill(uint32_t *p, size_t pages, uint32_t seed)
{
    for (size_t i = 0; i < pages; i++)
        p[i * WORDS] = mark(i, seed);
}

/* What a program tells of itself, in memory that it shares with its parent. */
struct told {
    uint64_t beats, last_ns, gap_ns; /* pages touched; when; the longest time between two */
    uint32_t wrong, filled;
};

static struct told *told; /* MOST of them */
static unsigned together; /* so many begin to loop at the same time */

static void touch(struct told *t, uint32_t *p, size_t i, uint32_t seed, bool write)
{
    uint64_t now;

    t->wrong += p[i * WORDS] != mark(i, seed);
    if (write)
        p[i * WORDS + 1]++;
    now = now_ns();
    if (t->beats++ && now - t->last_ns > t->gap_ns)
        t->gap_ns = now - t->last_ns;
    t->last_ns = now;
}

/* A program that loops; rounds 0: for ever. */
static void loop(struct told *t, size_t mib, unsigned rounds, uint32_t seed, bool write)
{
    size_t pages = mib * (MIB / PAGE);
    uint32_t *p = map(mib * MIB, MAP_PRIVATE);

    fill(p, pages, seed);
    __atomic_store_n(&t->filled, 1, __ATOMIC_RELEASE);
    for (unsigned n = 0; n < together; n++)
        while (!__atomic_load_n(&told[n].filled, __ATOMIC_ACQUIRE))
            sleep_ms(20);
    for (unsigned r = 0; r < rounds || !rounds; r++)
        for (size_t i = 0; i < pages; i++)
            touch(t, p, i, seed, write);
    for (size_t i = 0; write && i < pages; i++)
        t->wrong += p[i * WORDS + 1] != rounds;
}

static pid_t start(unsigned n, size_t mib, unsigned rounds, bool write)
{
    pid_t child = fork();

    if (child == 0) {
        loop(&told[n], mib, rounds, n + 1, write);
        _exit(told[n].wrong != 0);
    }
    return child;
}

/* --- a shell that is asked --- */

static int to_shell = -1, from_shell = -1;
static pid_t shell;

static void shell_start(void)
{
    int in[2], out[2];

    if (access("/bin/sh", X_OK) != 0 || pipe(in) != 0 || pipe(out) != 0)
        return;
    shell = fork();
    if (shell == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execl("/bin/sh", "sh", NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_shell = in[1];
    from_shell = out[0];
}

static uint64_t shell_ask(void)
{
    uint64_t began = now_ns();
    char c = 0;

    if (to_shell < 0 || write(to_shell, "echo x\n", 7) != 7)
        return 0;
    while (read(from_shell, &c, 1) == 1 && c != '\n')
        ;
    return now_ns() - began;
}

static void shell_end(void)
{
    close(to_shell);
    close(from_shell);
    waitpid(shell, NULL, 0);
}

static int run_loop(unsigned programs, size_t mib, unsigned rounds, bool write)
{
    uint64_t began = now_ns(), slowest = 0, asked;
    unsigned running = programs, bad = 0;

    together = programs;
    shell_start();
    shell_ask();
    for (unsigned n = 0; n < programs; n++)
        start(n, mib, rounds, write);
    while (running) {
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
            if (pid == shell)
                continue;
            running--;
            bad += status != 0;
            printf("thrash: a program ended after %llu ms, status %x\n",
                   (unsigned long long)((now_ns() - began) / MS), status);
            fflush(stdout);
        }
        sleep_ms(running ? 500 : 0);
        asked = shell_ask();
        if (asked > slowest)
            slowest = asked;
    }
    shell_end();
    check(bad == 0, "%u programs loop %u times over %zu MiB", programs, rounds, mib);
    printf("thrash: total %llu ms, echo %llu ms\n", (unsigned long long)((now_ns() - began) / MS),
           (unsigned long long)(slowest / MS));
    return failed != 0;
}

/* --- pressure --- */

struct pressure {
    double avg10[2];
    unsigned long long total[2]; /* us; some, full */
};

static void pressure_read(struct pressure *p)
{
    FILE *f = fopen("/proc/pressure/memory", "re");
    char line[128] = "none", name[8];
    double avg60, avg300;

    memset(p, 0, sizeof *p);
    for (unsigned k = 0; k < 2; k++) {
        bool ok = f && fgets(line, sizeof line, f) &&
                  sscanf(line, "%7s avg10=%lf avg60=%lf avg300=%lf total=%llu", name, &p->avg10[k], &avg60,
                         &avg300, &p->total[k]) == 5 &&
                  strcmp(name, k ? "full" : "some") == 0;

        line[strcspn(line, "\n")] = '\0';
        check(ok, "/proc/pressure/memory, line %u: %s", k, line);
    }
    if (f)
        fclose(f);
}

/* Touch pages at random until so many ns are spent in touches that took long: what they took, in us. */
static uint64_t provoke(uint32_t *p, size_t pages, uint64_t ns)
{
    static uint32_t random = 12345;
    uint64_t all = 0;

    while (all < ns) {
        uint64_t began, took;

        random = random * 1664525u + 1013904223u;
        began = now_ns();
        p[(random >> 4) % pages * WORDS]++;
        took = now_ns() - began;
        if (took > 200000)
            all += took;
    }
    return all / 1000;
}

static int run_pressure(size_t mib)
{
    size_t pages = mib * (MIB / PAGE);
    struct pressure a, b, c, d, e;
    uint64_t began, took, waited;
    unsigned tries = 0;
    uint32_t *p = map(mib * MIB, MAP_PRIVATE);
    pid_t busy;

    fill(p, pages, 1);
    /* A machine whose host is busy waits for its processor too; so the best of some tries counts. */
    do {
        pressure_read(&a);
        waited = provoke(p, pages, 1500 * MS);
        pressure_read(&b);
    } while (b.total[0] - a.total[0] < waited * 8 / 10 && tries++ < 8);
    b.total[0] -= a.total[0];
    b.total[1] -= a.total[1];
    check(b.total[0] >= waited * 8 / 10 && b.total[0] <= waited * 11 / 10,
          "waited %llu us in faults; some says %llu", (unsigned long long)waited, b.total[0]);
    check(b.total[1] <= b.total[0] && b.total[1] >= b.total[0] * 8 / 10,
          "full says %llu, since nobody else ran", b.total[1]);
    check(b.avg10[0] > 5 && b.avg10[1] > 5 && b.avg10[1] <= b.avg10[0], "the averages say so, too");

    /* Somebody computes meanwhile: not full. */
    busy = fork();
    if (busy == 0)
        for (;;)
            __asm__ volatile("" ::: "memory");
    pressure_read(&c);
    waited = provoke(p, pages, 2000 * MS);
    pressure_read(&d);
    kill(busy, SIGKILL);
    waitpid(busy, NULL, 0);
    /* Most of what took long may have been the other's slice of the processor. */
    check(d.total[0] - c.total[0] >= waited / 50 && d.total[0] - c.total[0] <= waited * 11 / 10,
          "waited %llu us beside one who computes; some says %llu", (unsigned long long)waited,
          d.total[0] - c.total[0]);
    check(d.total[1] - c.total[1] <= (d.total[0] - c.total[0]) / 10, "full says %llu",
          d.total[1] - c.total[1]);

    /* Nobody wants memory. The period that runs still counts at its end, two seconds later at most. */
    munmap(p, mib * MIB);
    sleep_ms(2200);
    pressure_read(&d);
    began = now_ns();
    sleep_ms(4200);
    pressure_read(&e);
    took = (now_ns() - began) / 1000;
    check(e.total[0] - d.total[0] <= took / 20, "%llu us of %llu while nobody wants memory",
          e.total[0] - d.total[0], (unsigned long long)took);
    check(e.avg10[0] < d.avg10[0] * 85 / 100 && e.avg10[1] <= d.avg10[1], "the averages decay: %.2f to %.2f",
          d.avg10[0], e.avg10[0]);
    return failed != 0;
}

/* --- the foreground --- */

static int run_front(size_t mib, unsigned seconds)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    struct sysinfo s;
    pid_t front, back[2];

    signal(SIGTTOU, SIG_IGN);
    sysinfo(&s);
    front = start(0, mib, 0, true);
    setpgid(front, front);
    check(tty >= 0 && tcsetpgrp(tty, front) == 0, "one is in the foreground");
    for (unsigned n = 0; n < 2; n++) {
        back[n] = start(1 + n, mib, 0, true);
        setpgid(back[n], back[n]);
    }
    sleep_ms(3000); /* until all is in use */
    for (unsigned n = 0; n < 3; n++)
        told[n].gap_ns = 0;
    sleep_ms(seconds * 1000);
    for (unsigned n = 0; n < 3; n++)
        printf("thrash: %s: %llu touches, at most %llu ms between two\n", n ? "background" : "foreground",
               (unsigned long long)told[n].beats, (unsigned long long)(told[n].gap_ns / MS));
    check(now_ns() - told[0].last_ns < 2200 * MS && told[0].gap_ns < 2200 * MS,
          "the foreground stands still for two seconds at most: %llu ms",
          (unsigned long long)(told[0].gap_ns / MS));
    check(told[1].beats && told[2].beats, "the others come, too");
    tcsetpgrp(tty, getpgrp());
    kill(front, SIGKILL);
    for (unsigned n = 0; n < 2; n++)
        kill(back[n], SIGKILL);
    while (wait(NULL) > 0)
        ;
    check(!told[0].wrong && !told[1].wrong && !told[2].wrong, "nothing is lost");
    return failed != 0;
}

/* --- who is out --- */

/* Whether /proc/quire/load says that a process is out. */
static bool is_out(pid_t pid)
{
    FILE *f = fopen("/proc/quire/load", "re");
    char line[256];
    bool out = false;
    int n;

    while (f && fgets(line, sizeof line, f))
        out |= sscanf(line, "out %d", &n) == 1 && n == pid;
    if (f)
        fclose(f);
    return out;
}

/* One of the children that is out, or 0 after ten seconds. */
static unsigned wait_for_out(const pid_t *child, unsigned n)
{
    for (unsigned tries = 0; tries < 500; tries++) {
        for (unsigned i = 0; i < n; i++)
            if (child[i] && is_out(child[i]))
                return i + 1;
        sleep_ms(20);
    }
    return 0;
}

static int run_kill(size_t mib)
{
    static const int signals[] = {SIGKILL, SIGTERM};
    pid_t child[4];

    for (unsigned n = 0; n < 4; n++) {
        child[n] = start(n, mib, 0, true);
        setpgid(child[n], child[n]);
    }
    for (unsigned k = 0; k < 2; k++) {
        unsigned n = wait_for_out(child, 4);
        uint64_t began = now_ns();
        int status = 0;

        if (!check(n, "somebody is suspended"))
            break;
        kill(child[n - 1], signals[k]);
        waitpid(child[n - 1], &status, 0);
        child[n - 1] = 0;
        check(WIFSIGNALED(status) && WTERMSIG(status) == signals[k] && now_ns() - began < 2000 * MS,
              "who is suspended dies of signal %d in %llu ms: status %x", signals[k],
              (unsigned long long)((now_ns() - began) / MS), status);
    }
    for (unsigned n = 0; n < 4; n++)
        if (child[n])
            kill(child[n], SIGKILL);
    while (wait(NULL) > 0)
        ;
    for (unsigned n = 0; n < 4; n++)
        check(!told[n].wrong, "program %u has lost nothing", n);
    return failed != 0;
}

/* --- the OOM killer --- */

static uint64_t everything(void)
{
    struct sysinfo s;

    sysinfo(&s);
    return (s.totalram + s.totalswap) * (uint64_t)s.mem_unit;
}

/* Take a page after the other, and say when. */
static void hog(struct told *t)
{
    size_t size = (size_t)(everything() / 10 * 13) & ~(size_t)(PAGE - 1);
    uint32_t *p = map(size, MAP_PRIVATE);

    for (size_t i = 0; i < size / PAGE; i++) {
        uint64_t now;

        p[i * WORDS] = mark(i, 1);
        now = now_ns();
        if (now - t->last_ns > t->gap_ns && t->beats)
            t->gap_ns = now - t->last_ns;
        t->last_ns = now;
        t->beats++;
    }
    _exit(1);
}

static int run_choice(void)
{
    uint64_t ended;
    int status = 0;
    pid_t child;

    mlock(told, PAGE);
    child = fork();
    if (child == 0)
        hog(told);
    waitpid(child, &status, 0);
    ended = now_ns();
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the hog is killed: status %x", status);
    printf("thrash: the last page %llu ms before its end, %llu pages, at most %llu ms between two\n",
           (unsigned long long)((ended - told->last_ns) / MS), (unsigned long long)told->beats,
           (unsigned long long)(told->gap_ns / MS));
    check(ended - told->last_ns < 1000 * MS, "within a second of the last page");
    check(told->gap_ns < 1000 * MS, "and no page took longer");
    return failed != 0;
}

/* One that is beyond its limit and one that is larger, and then nothing is left. */
static int run_limits(size_t mib)
{
    struct rlimit limit = {MIB, MIB};
    pid_t beyond, larger, asks;
    int status = 0, other = 0;

    beyond = fork();
    if (beyond == 0) {
        uint32_t *p = map(mib * MIB, MAP_PRIVATE);

        setrlimit(RLIMIT_RSS, &limit);
        fill(p, mib * (MIB / PAGE), 1);
        for (;;)
            pause();
    }
    larger = fork();
    if (larger == 0) {
        uint32_t *p = map(3 * mib * MIB, MAP_PRIVATE);

        fill(p, 3 * mib * (MIB / PAGE), 2);
        for (;;)
            pause();
    }
    sleep_ms(1000);
    asks = fork();
    if (asks == 0)
        hog(told);
    waitpid(beyond, &status, 0);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "who is beyond its limit is killed: status %x",
          status);
    check(waitpid(larger, &other, WNOHANG) == 0, "before the larger one");
    waitpid(asks, &status, 0);
    kill(larger, SIGKILL);
    waitpid(larger, &other, 0);
    return failed != 0;
}

/* --- a program that begins to use other pages --- */

static unsigned long pages_in(void)
{
    unsigned long n = 0;
    char line[64];
    FILE *f = fopen("/proc/vmstat", "r");

    while (f && fgets(line, sizeof line, f) && sscanf(line, "pswpin %lu", &n) != 1)
        ;
    if (f)
        fclose(f);
    return n;
}

/* A loop that is larger than memory by a little, and then one over other pages, which fit. They are in once
 * each has come, and may have to come a few times more until what was held has gone. */
static int run_change(size_t large_kib, size_t small_kib)
{
    size_t large = large_kib / 4, small = small_kib / 4;
    uint32_t *p = map(large * PAGE, MAP_PRIVATE), *q = map(small * PAGE, MAP_PRIVATE);
    struct told t = {0};
    uint64_t began;
    unsigned long came;

    fill(q, small, 2);
    fill(p, large, 1);
    for (unsigned r = 0; r < 20; r++)
        for (size_t i = 0; i < large; i++)
            touch(&t, p, i, 1, true);
    began = now_ns();
    do {
        came = pages_in();
        for (size_t i = 0; i < small; i++)
            touch(&t, q, i, 2, true);
        came = pages_in() - came;
    } while (came > small / 20 && now_ns() - began < 20000 * MS);
    printf("thrash: %s: %zu pages that fit are there after %llu ms\n", t.wrong ? "FAILED" : "ok", small,
           (unsigned long long)((now_ns() - began) / MS));
    return t.wrong != 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    size_t mib = argc > 2 ? (size_t)atoi(argv[2]) : 0;

    told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (strcmp(what, "loop") == 0 && argc >= 5)
        return run_loop((unsigned)atoi(argv[2]), (size_t)atoi(argv[3]), (unsigned)atoi(argv[4]), argc > 5);
    if (strcmp(what, "pressure") == 0 && mib)
        return run_pressure(mib);
    if (strcmp(what, "front") == 0 && mib && argc > 3)
        return run_front(mib, (unsigned)atoi(argv[3]));
    if (strcmp(what, "kill") == 0 && mib)
        return run_kill(mib);
    if (strcmp(what, "limits") == 0 && mib)
        return run_limits(mib);
    if (strcmp(what, "change") == 0 && mib && argc > 3)
        return run_change(mib, (size_t)atoi(argv[3]));
    if (strcmp(what, "choice") == 0)
        return run_choice();
    fputs("usage: thrash loop PROGRAMS MIB ROUNDS [write] | pressure MIB | front MIB SECONDS | kill MIB |"
          " limits MIB | change KIB KIB | choice\n",
          stderr);
    return 2;
}
