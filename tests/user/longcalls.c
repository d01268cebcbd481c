/*
 * Calls over sizes that a program chooses, as large as it can make them. What is measured is how long each
 * keeps the processor (/proc/quire/latency); here they have to do what they say, and no more.
 *
 *     longcalls [MIB]         memory to touch at most; 48
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <poll.h>
#include <unistd.h>

#define PAGE 4096u
#define MIB  (1u << 20)

static size_t touch_size;
static int wrong;

static void say(const char *what, int ok)
{
    printf("longcalls: %s%s\n", what, ok ? "" : ": WRONG");
    fflush(stdout);
    wrong += !ok;
}

static char *map(size_t size, int flags)
{
    char *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static void touch(char *p, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step)
        p[at] = 1;
}

/* Read a file to its end, or write a word to it. */
static int read_all(const char *path)
{
    char *buf = malloc(MIB);
    int fd = open(path, O_RDONLY);
    ssize_t got = -1, all = 0;

    while (fd >= 0 && buf && (got = read(fd, buf, MIB)) > 0)
        all += got;
    close(fd);
    free(buf);
    return got == 0 && all > 0;
}

static int write_word(const char *path, const char *word)
{
    int fd = open(path, O_WRONLY);
    int ok = fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word);

    close(fd);
    return ok;
}

/* Files of /proc that count pages. Not every system has all of them. */
static void read_counts(void)
{
    static const char *const path[] = {"/proc/self/maps",      "/proc/self/smaps", "/proc/self/smaps_rollup",
                                       "/proc/self/status",    "/proc/self/statm", "/proc/self/stat",
                                       "/proc/self/oom_score", "/proc/meminfo",    "/proc/vmstat",
                                       "/proc/zoneinfo"};

    for (unsigned i = 0; i < sizeof path / sizeof *path; i++)
        say(path[i], read_all(path[i]));
    say("clear_refs", write_word("/proc/self/clear_refs", "1"));
}

/* One region that is large and has pages everywhere, and what can be asked of it. */
static void one_region(void)
{
    size_t huge = 2000u * MIB;
    char *p = map(huge, 0), *q;
    unsigned char *vec = malloc(huge / PAGE);

    if (!p || !vec) {
        say("a large region", 0);
        return;
    }
    touch(p, touch_size, PAGE);
    touch(p, huge, 4 * MIB); /* a page in every table */
    say("mprotect none", mprotect(p, huge, PROT_NONE) == 0);
    say("mprotect all", mprotect(p, huge, PROT_READ | PROT_WRITE) == 0);
    say("mincore", mincore(p, huge, vec) == 0 && vec[0] & 1);
    read_counts();
    say("msync", msync(p, huge, MS_SYNC) == 0);
    say("madvise cold", madvise(p, huge, 20) == 0);
    say("madvise free", madvise(p, huge, 8) == 0);
    touch(p, touch_size, PAGE);
    say("madvise willneed", madvise(p, huge, MADV_WILLNEED) == 0);
    say("madvise pageout", madvise(p, huge, 21) == 0);
    touch(p, touch_size, PAGE);
    q = mremap(p, huge, huge + MIB, MREMAP_MAYMOVE);
    say("mremap", q != MAP_FAILED);
    p = q == MAP_FAILED ? p : q;
    say("drop_caches", write_word("/proc/sys/vm/drop_caches", "3"));
    if (fork() == 0)
        _exit(0);
    wait(NULL);
    if (fork() == 0) {
        touch(p, touch_size, PAGE);
        _exit(0);
    }
    wait(NULL);
    say("madvise dontneed", madvise(p, huge, MADV_DONTNEED) == 0);
    touch(p, touch_size, PAGE);
    say("munmap", munmap(p, huge + MIB) == 0);
    p = map(touch_size, 0);
    say("mlock", mlock(p, touch_size / 2) == 0 || errno == ENOMEM || errno == EPERM);
    say("munlock", munlock(p, touch_size / 2) == 0);
    say("populate", madvise(p, touch_size, 23) == 0 || errno == ENOMEM);
    munmap(p, touch_size);
    free(vec);
}

/* Much that moves, and much that goes because a file became short or ended. */
static void large_parts(void)
{
    size_t size = touch_size / 3 & ~(4 * MIB - 1);
    char *p = map(2 * size + 8 * MIB, 0), *q;
    int fd = (int)syscall(SYS_memfd_create, "longcalls", 0);

    if (!p || fd < 0 || !size) {
        say("large parts", 0);
        return;
    }
    touch(p, 2 * size + 8 * MIB, PAGE);
    q = mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, p + size + PAGE);
    say("mremap to another place in a table", q == p + size + PAGE && *q == 1);
    munmap(p + size, size + 8 * MIB);
    say("truncate up", ftruncate64(fd, (off64_t)size) == 0);
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    q = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    touch(p, size, PAGE);
    touch(q, size, PAGE);
    say("truncate what is mapped", ftruncate64(fd, PAGE) == 0 && *p == 1 && *q == 1);
    munmap(q, size);
    ftruncate64(fd, (off64_t)size);
    touch(p, size, PAGE);
    munmap(p, size);
    say("the end of a file", close(fd) == 0);
}

/* As many regions as there may be. */
static void many_regions(void)
{
    size_t n = 32700; /* each is two; 65,530 are the most on Linux */
    char *p = map(n * 2 * PAGE, 0);
    unsigned made = 0;

    for (size_t i = 0; p && i < n; i++)
        made += mprotect(p + i * 2 * PAGE, PAGE, PROT_READ) == 0;
    printf("longcalls: %u regions\n", made);
    for (size_t i = 0; i < n; i += 3)
        p[i * 2 * PAGE + PAGE] = 1;
    if (fork() == 0)
        _exit(0);
    wait(NULL);
    say("mprotect of many regions", mprotect(p, n * 2 * PAGE, PROT_READ | PROT_WRITE) == 0);
    for (size_t i = 0; p && i < n; i++)
        mprotect(p + i * 2 * PAGE, PAGE, PROT_READ);
    say("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE) == 0 || errno == ENOMEM);
    say("munlockall", munlockall() == 0);
    say("msync of many regions", msync(p, n * 2 * PAGE, MS_ASYNC) == 0);
    say("madvise of many regions", madvise(p, n * 2 * PAGE, MADV_DONTNEED) == 0);
    read_counts();
    char *buf = malloc(MIB);
    int fd = open("/proc/self/pagemap", O_RDONLY);

    say("pagemap", fd >= 0 && pread(fd, buf, MIB, 0) == MIB);
    close(fd);
    say("munmap of many regions", munmap(p, n * 2 * PAGE) == 0);
    free(buf);
}

/* Files that are large, full of holes, cut and punched. */
static void files(void)
{
    int fd = open("/tmp/longcalls", O_RDWR | O_CREAT | O_TRUNC | O_LARGEFILE, 0600);
    int mem = (int)syscall(SYS_memfd_create, "longcalls", 0);
    char *buf = malloc(8 * MIB);
    struct iovec v[16];
    off64_t tib = (off64_t)1 << 40;

    if (fd < 0 || mem < 0 || !buf) {
        say("files", 0);
        return;
    }
    memset(buf, 1, 8 * MIB);
    for (unsigned i = 0; i < 16; i++)
        v[i] = (struct iovec){buf, 8 * MIB};
    for (int i = 0; i < 2; i++) {
        int f = i ? mem : fd;

        say("write", write(f, buf, 8 * MIB) == 8 * MIB);
        say("pread", pread64(f, buf, 8 * MIB, 0) == 8 * MIB);
        say("truncate up", ftruncate64(f, 4 * tib) == 0);
        say("seek data", lseek64(f, 16 * MIB, SEEK_DATA) == -1 && errno == ENXIO);
        say("seek hole", lseek64(f, 0, SEEK_HOLE) == 8 * MIB);
        say("read of holes", preadv64(f, v, 16, 16 * MIB) == 16 * 8 * MIB);
        say("punch", fallocate64(f, 3, 0, 4 * tib) == 0);
        say("write again", pwrite64(f, buf, 8 * MIB, 0) == 8 * MIB);
        say("truncate down", ftruncate64(f, 0) == 0);
        fallocate64(f, 0, 0, 8 * MIB);
        ftruncate64(f, 0);
    }
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY),
        random = open("/dev/urandom", O_RDONLY);

    say("readv of zeroes", readv(zero, v, 16) == 16 * 8 * MIB);
    say("writev to nowhere", writev(null, v, 16) == 16 * 8 * MIB);
    say("read of random", read(random, buf, 8 * MIB) == 8 * MIB);
    say("getrandom", syscall(SYS_getrandom, buf, 8 * MIB, 0) > 0);
    say("process_vm_readv", syscall(SYS_process_vm_readv, getpid(), v, 8, v + 8, 8, 0) == 8 * 8 * MIB);
    close(zero);
    close(null);
    close(random);
    close(fd);
    close(mem);
    unlink("/tmp/longcalls");
    free(buf);
}

/* A directory with many names. */
static void names(void)
{
    char name[64], *buf = malloc(MIB);
    unsigned n = 5000;
    int fd;

    mkdir("/tmp/longcalls.d", 0700);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "/tmp/longcalls.d/%u", i);
        fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd < 0)
            n = i;
        close(fd);
    }
    fd = open("/tmp/longcalls.d", O_RDONLY | O_DIRECTORY);
    while (syscall(SYS_getdents64, fd, buf, MIB) > 0)
        ;
    close(fd);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "/tmp/longcalls.d/%u", i);
        unlink(name);
    }
    say("names", rmdir("/tmp/longcalls.d") == 0);
    free(buf);
}

/* Descriptors, locks, polls. */
static void descriptors(void)
{
    struct rlimit r = {20000, 20000};
    struct pollfd *set = calloc(20000, sizeof *set);
    int n = 0, fd = open("/dev/null", O_RDWR), p[2];

    setrlimit(RLIMIT_NOFILE, &r);
    while (n < 19000 && dup(fd) >= 0)
        n++;
    printf("longcalls: %d descriptors\n", n);
    for (int i = 0; i < n; i++)
        set[i] = (struct pollfd){.fd = i + 3, .events = POLLIN};
    say("poll", poll(set, (nfds_t)n, 0) >= 0);
    if (fork() == 0)
        _exit(0);
    wait(NULL);
    say("close_range", syscall(SYS_close_range, 3, ~0u, 0) == 0);
    if (pipe(p) == 0) {
        fcntl(p[1], 1031, MIB);
        char *buf = calloc(1, MIB);

        say("a large pipe", write(p[1], buf, 64 * 1024) > 0 && read(p[0], buf, MIB) > 0);
        free(buf);
    }
    fd = open("/tmp/longcalls.l", O_CREAT | O_RDWR, 0600);
    for (int i = 0; i < 5000; i++) {
        struct flock l = {.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1};

        if (fcntl(fd, F_SETLK, &l) != 0)
            break;
    }
    struct flock all = {.l_type = F_UNLCK};

    say("unlock", fcntl(fd, F_SETLK, &all) == 0);
    close(fd);
    unlink("/tmp/longcalls.l");
    free(set);
}

/* Arguments, children, signals. */
static void processes(void)
{
    static char *argv[2002];
    char *word = malloc(1000);
    int children = 0;

    memset(word, 'x', 999);
    word[999] = 0;
    argv[0] = (char *)"longcalls";
    for (unsigned i = 1; i <= 2000; i++)
        argv[i] = word;
    argv[1] = (char *)"--end";
    pid_t pid = fork();

    if (pid == 0) {
        execv("/proc/self/exe", argv);
        _exit(1);
    }
    int status = 1;

    waitpid(pid, &status, 0);
    say("exec with long arguments", status == 0);
    setpgid(0, 0);
    for (; children < 200; children++) {
        pid = fork();
        if (pid < 0)
            break;
        if (pid == 0) {
            pause();
            _exit(0);
        }
    }
    signal(SIGUSR1, SIG_IGN);
    kill(-1, 0);
    kill(0, SIGUSR1);
    pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_IGN);
        kill(0, SIGTERM);
        _exit(0);
    }
    signal(SIGTERM, SIG_IGN);
    while (wait(NULL) > 0)
        ;
    say("children", children > 0);
    free(word);
}

/* What is asked of pages, of a space that has many, and of a ring of events that is full. Read until there is
 * nothing, or, if a word follows, until a poll() says so. */
static int look_for(const char *path, const char *word, int follows)
{
    int fd = open(path, O_RDWR), ok = fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char buf[4096];

    if (ok && follows)
        ok = poll(&p, 1, 300) == 0;
    else
        while (ok && read(fd, buf, sizeof buf) > 0)
            ;
    close(fd);
    return ok;
}

static void looking(void)
{
    char *p = map(2000u * MIB, 0), word[32];

    if (!p || access("/proc/quire/events", R_OK) < 0) {
        say("looking", !!p);
        return;
    }
    for (int i = 0; i < 24; i++) {
        touch(p, 16 * MIB, PAGE);
        madvise(p, 16 * MIB, MADV_DONTNEED);
    }
    touch(p, 2000u * MIB, 4 * MIB);
    snprintf(word, sizeof word, "%p", (void *)(p + MIB));
    say("a page", look_for("/proc/self/quire/page", word, 0));
    say("a page of nothing", look_for("/proc/self/quire/page", "0x1000", 0));
    say("events of none", look_for("/proc/quire/events", "pid=1 va=0x1000 kind=killed,suspended", 0));
    say("events to come", look_for("/proc/quire/events", "kind=killed follow", 1));
    say("pages", read_all("/proc/self/quire/pages"));
    say("map", read_all("/proc/quire/map"));
    say("counters", read_all("/proc/quire/counters"));
    munmap(p, 2000u * MIB);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } parts[] = {{"one_region", one_region},
                 {"large_parts", large_parts},
                 {"many_regions", many_regions},
                 {"files", files},
                 {"names", names},
                 {"descriptors", descriptors},
                 {"processes", processes},
                 {"looking", looking}};

    if (argc > 1 && strcmp(argv[1], "--end") == 0)
        return 0;
    touch_size = (argc > 1 ? (size_t)atoi(argv[1]) : 48) * MIB;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (argc < 3 || strcmp(argv[2], parts[i].name) == 0)
            parts[i].fn();
    /* What is killed and what ends with a lot of memory. */
    pid_t pid = fork();

    if (pid == 0) {
        char *p = map(2000u * MIB, 0);

        touch(p, touch_size, PAGE);
        pause();
    }
    sleep(1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    printf("longcalls: done, %d wrong\n", wrong);
    return wrong != 0;
}
