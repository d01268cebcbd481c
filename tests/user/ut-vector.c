/* Vectors of buffers, and single ones, that are larger than what a call moves. */
#include "tests/user/ut.h"
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#define LARGE 0x7fffffff
#define HALF  0x40000000

struct part {
    void *base;
    uint32_t size;
};

static long vector_call(long nr, int fd, const struct part *v, unsigned n)
{
    return syscall(nr, fd, v, n, 0, 0);
}

static void each_call(int fd, const struct part *v, unsigned n)
{
    TRY(vector_call(SYS_readv, fd, v, n));
    TRY(vector_call(SYS_writev, fd, v, n));
    TRY(vector_call(SYS_preadv, fd, v, n));
    TRY(vector_call(SYS_pwritev, fd, v, n));
}

/* The null device takes all that it is given, so the total is seen. */
static void totals(void)
{
    /* Low, so that two gigabytes from here on end below the kernel. */
    uint8_t *p = mmap((void *)0x20000000, 4 * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    struct part v[4] = {{p, 10}, {p, LARGE}, {p, LARGE}, {p, 10}};
    struct part halves[3] = {{p, HALF}, {p, HALF}, {p, HALF}};
    struct part high = {(void *)0xc0000000, 1}, end = {(void *)0xffffffff, 1}, long_one = {p, 0xbfffffff};
    int null = open("/dev/null", O_RDWR);

    PART("totals beyond what a call moves");
    TRY(write(null, p, 0x7ffff000));
    TRY(write(null, p, 0x7ffff001));
    TRY(write(null, p, LARGE));
    each_call(null, v, 4);
    each_call(null, halves, 3);
    each_call(null, halves, 1);
    PART("parts that are refused");
    v[2].size = 0x80000000;
    each_call(null, v, 4);
    v[2].size = ~0u;
    each_call(null, v, 4);
    each_call(null, v, 1025);
    each_call(null, v, ~0u);
    each_call(null, (void *)16, 1);
    each_call(null, NULL, 0);
    each_call(null, &long_one, 1);
    PART("what lies where no program's memory can");
    v[2] = (struct part){p, 1};
    v[3] = end;
    each_call(null, v, 4);
    TRY(vector_call(SYS_readv, null, &high, 1));
    TRY(write(null, (void *)0xffffffff, 1));
    TRY(write(null, (void *)0xfffff000, 0x2000));
    TRY(read(null, (void *)0xffffffff, 1));
    close(null);
}

static void positions(void)
{
    uint8_t *p = ut_map(1, PROT_READ | PROT_WRITE);
    struct part v = {p, 10};
    int fd = (int)syscall(SYS_memfd_create, "vector", 0);
    uint32_t low = 0xfffffffb, high = 0x7fffffff;

    PART("positions whose end is none");
    TRY(syscall(SYS_pread64, fd, p, 10, low, high));
    TRY(syscall(SYS_pwrite64, fd, p, 10, low, high));
    TRY(syscall(SYS_preadv, fd, &v, 1, low, high));
    TRY(syscall(SYS_pwritev, fd, &v, 1, low, high));
    TRY(syscall(SYS_pread64, fd, p, 10, 0, 0x80000000));
    TRY(syscall(SYS_pwrite64, fd, p, 10, ~0u, ~0u));
    close(fd);
}

static void between_files(void)
{
    int null = open("/dev/null", O_RDWR), from = (int)syscall(SYS_memfd_create, "from", 0);
    long long at = 0, negative = -1;

    PART("between files");
    write(from, "0123456789", 10);
    TRY(lseek(from, 0, SEEK_SET));
    TRY(syscall(SYS_sendfile64, null, from, &at, LARGE));
    TRY(syscall(SYS_sendfile64, null, from, &negative, 1));
    TRY(syscall(SYS_sendfile64, null, from, NULL, 0x7ffff001));
    TRY(syscall(SYS_copy_file_range, from, &negative, null, NULL, 1, 0));
    close(from);
    close(null);
}

static void other_process(void)
{
    uint8_t *p = ut_map(2, PROT_READ | PROT_WRITE), *to = ut_map(2, PROT_READ | PROT_WRITE);
    struct part own = {to, 2 * PAGE}, large = {p, LARGE}, many[2] = {{to, PAGE}, {to + PAGE, PAGE}};
    struct part far = {(void *)0xffff0000, PAGE}, negative = {p, 0x80000000}, none = {to, 0};
    pid_t self = getpid();

    PART("another process's memory");
    memset(p, 7, 2 * PAGE);
    TRY(syscall(SYS_process_vm_readv, self, many, 2, &own, 1, 0));
    TRY(syscall(SYS_process_vm_readv, self, &own, 1, &far, 1, 0));
    TRY(syscall(SYS_process_vm_readv, self, &far, 1, &own, 1, 0));
    TRY(syscall(SYS_process_vm_readv, self, &own, 1, &negative, 1, 0));
    TRY(syscall(SYS_process_vm_readv, self, &negative, 1, &own, 1, 0));
    TRY(syscall(SYS_process_vm_readv, self, &own, 1025, &own, 1, 0));
    TRY(syscall(SYS_process_vm_readv, self, &own, 1, &own, 1025, 0));
    TRY(syscall(SYS_process_vm_readv, self, &none, 1, (void *)16, 1, 0));
    TRY(syscall(SYS_process_vm_readv, self, NULL, 0, NULL, 0, 0));
    TRY(syscall(SYS_process_vm_readv, self, &own, 1, &large, 1, 0));
    SHOW(ut_all(to, PAGE, 7));
    TRY(syscall(SYS_process_vm_writev, self, &own, 1, &large, 1, 0));
}

/* --- a vector is one transfer --- */

/* Fewer bytes than there is room for, bad parts, parts smaller than what there is one of. */
static void in_one(void)
{
    uint8_t *p = ut_map(2, PROT_READ | PROT_WRITE), *bad = p + PAGE;
    struct part two[2] = {{p, 4}, {p + 4, 4}}, cut[3] = {{p, 4}, {NULL, 0}, {bad, 4}};
    struct part over = {bad - 3, 6}, both[2] = {{p, 3}, over};
    int pipes[2], event = eventfd(7, 0), n, fd = (int)syscall(SYS_memfd_create, "whole", 0);

    PART("in one");
    munmap(bad, PAGE);
    pipe(pipes);
    write(pipes[1], "abcd", 4);
    TRY(readv(pipes[0], (void *)two, 2));
    write(pipes[1], "abcdef", 6);
    TRY(readv(pipes[0], (void *)cut, 3));
    ioctl(pipes[0], FIONREAD, &n);
    SHOW(n);
    TRY(readv(pipes[0], (void *)two, 2));
    TRY(writev(pipes[1], (void *)cut, 3));
    TRY(writev(pipes[1], (void *)both, 2));
    ioctl(pipes[0], FIONREAD, &n);
    SHOW(n);
    TRY(readv(event, (void *)two, 2));
    SHOW(p[0]);
    TRY(writev(fd, (void *)cut, 3));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(writev(fd, (void *)both, 2));
    TRY(lseek(fd, 0, SEEK_END));
    TRY(pwritev(fd, (void *)both, 2, 1));
    TRY(preadv(fd, (void *)cut, 3, 0));
    TRY(preadv(fd, (void *)both, 2, 1));
    close(pipes[0]);
    close(pipes[1]);
    close(event);
    close(fd);
}

/* Records of several parts, which carry who wrote them and which one it is. */
enum { RECORD_PARTS = 5, RECORDS = 40, WRITERS = 3, PART_MAX = 3 * 4096 };

/* The first part is a byte: in a pipe it finds room where another's next part does not. */
static size_t record_part(unsigned i, size_t whole)
{
    return i == 0 ? 1 : (whole - 1) / (RECORD_PARTS - 1);
}

static void write_records(int fd, uint8_t who, size_t whole)
{
    static uint8_t bytes[RECORD_PARTS][PART_MAX];
    struct part v[RECORD_PARTS];

    for (unsigned n = 0; n < RECORDS; n++) {
        for (unsigned i = 0; i < RECORD_PARTS; i++) {
            v[i] = (struct part){bytes[i], record_part(i, whole)};
            memset(bytes[i], who + (int)(n % 16), v[i].size);
        }
        if (writev(fd, (void *)v, RECORD_PARTS) != (ssize_t)whole)
            _exit(1);
    }
    _exit(0);
}

/* How many records of a stream are mixed with others. */
static unsigned mixed(const uint8_t *p, size_t size, size_t whole)
{
    unsigned bad = 0;

    for (; size >= whole; p += whole, size -= whole)
        bad += !ut_all(p, whole, p[0]);
    return bad + size;
}

static unsigned failed_children(void)
{
    unsigned bad = 0;
    int status;

    while (wait(&status) > 0)
        bad += status != 0;
    return bad;
}

/* Writers share a position, or append each with its own descriptor, or through a pipe. */
static void written(const char *how, int shared, const char *path, int from, size_t whole)
{
    size_t all = whole * RECORDS * WRITERS, got = 0;
    uint8_t *p = malloc(all);
    ssize_t n = 1;

    ut_say("%s", how);
    for (unsigned i = 0; i < WRITERS; i++)
        if (fork() == 0)
            write_records(path ? open(path, O_WRONLY | O_APPEND) : shared, (uint8_t)(16 + i * 16), whole);
    if (from < 0) {
        SHOW(failed_children());
        from = path ? open(path, O_RDONLY) : shared;
        SHOW(lseek(from, 0, SEEK_END) == (off_t)all);
        lseek(from, 0, SEEK_SET);
    } else {
        close(shared);
    }
    while (got < all && n > 0) {
        n = read(from, p + got, all - got);
        got += n > 0 ? (size_t)n : 0;
    }
    SHOW(failed_children());
    SHOW(got == all);
    SHOW(mixed(p, got, whole));
    free(p);
}

/* Readers share a position: each gets records, not parts of them. */
static void read_records(void)
{
    enum { WHOLE = 5 * 5000 };
    static uint8_t bytes[WHOLE];
    int fd = open("records", O_CREAT | O_RDWR, 0600);
    struct part v[RECORD_PARTS];

    ut_say("readers that share a position");
    for (unsigned n = 0; n < RECORDS * WRITERS; n++) {
        memset(bytes, (int)n, sizeof bytes);
        write(fd, bytes, sizeof bytes);
    }
    lseek(fd, 0, SEEK_SET);
    for (unsigned i = 0; i < WRITERS; i++)
        if (fork() == 0) {
            unsigned bad = 0;

            for (unsigned n = 0; n < RECORD_PARTS; n++)
                v[n] = (struct part){bytes + n * (WHOLE / RECORD_PARTS), WHOLE / RECORD_PARTS};
            do
                madvise((void *)(((uintptr_t)bytes + PAGE - 1) & -PAGE), sizeof bytes - PAGE, MADV_DONTNEED);
            while (readv(fd, (void *)v, RECORD_PARTS) == WHOLE && !(bad += mixed(bytes, WHOLE, WHOLE)));
            _exit(bad != 0);
        }
    SHOW(failed_children());
    close(fd);
}

static void undivided(void)
{
    int pipes[2], fd = open("shared", O_CREAT | O_RDWR, 0600); /* a memfd has no order on Linux */

    PART("parts of one vector are not mixed with another's");
    written("writers that share a position", fd, NULL, -1, 30001);
    close(fd);
    close(open("log", O_CREAT | O_WRONLY, 0600));
    written("writers that append", -1, "log", -1, 30001);
    unlink("log");
    pipe(pipes);
    written("writers into a pipe", pipes[1], NULL, pipes[0], 3001);
    close(pipes[0]);
    read_records();
}

static long long milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* Read zeroes, half a gigabyte in one call, into the same memory. */
static void read_much(bool other)
{
    enum { PARTS = 256, READ_SIZE = (2 << 20) - (int)PAGE };
    static struct part v[PARTS];
    static int fd = -1;

    if (fd < 0) {
        uint8_t *p = mmap(NULL, READ_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        fd = (int)syscall(SYS_memfd_create, "holes", 0);
        if (ftruncate(fd, LARGE) < 0)
            _exit(1);
        for (unsigned i = 0; i < PARTS; i++)
            v[i] = (struct part){p, READ_SIZE};
    }
    if (other)
        syscall(SYS_process_vm_readv, getpid(), v, PARTS, v, PARTS, 0);
    else
        syscall(SYS_preadv, fd, v, PARTS, 0, 0);
}

/* A child does that again and again; others run meanwhile, and it ends as soon as it is killed: nobody waits
 * for longer than a call takes by itself, which is doubled for others of the machine. */
static void others_run(bool other)
{
    long long last, began, whole, longest = 0;
    int status;
    pid_t pid;

    read_much(other);
    began = milliseconds();
    read_much(other);
    whole = milliseconds() - began;
    pid = fork();
    if (pid == 0)
        for (;;)
            read_much(other);
    last = began = milliseconds();
    while (last - began < 500) {
        usleep(1000);
        long long now = milliseconds();

        longest = now - last > longest ? now - last : longest;
        last = now;
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    longest = milliseconds() - last > longest ? milliseconds() - last : longest;
    SHOW(longest < 500 + 2 * whole);
}

UT_PROGRAM(vector)
{
    ut_workdir();
    totals();
    positions();
    between_files();
    other_process();
    in_one();
    undivided();
    PART("others run beside a long read");
    others_run(false);
    others_run(true);
}
