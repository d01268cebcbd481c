/* Vectors of buffers, and single ones, that are larger than what a call moves. */
#include "tests/user/ut.h"
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

static long long milliseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* A child reads zeroes, two gigabytes a call, into the same memory; others run meanwhile, and it ends as soon
 * as it is killed. */
static void child_reads(bool other)
{
    enum { PARTS = 1024, READ_SIZE = (2 << 20) - (int)PAGE };
    static struct part v[PARTS], own[PARTS];
    uint8_t *p = mmap(NULL, READ_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = (int)syscall(SYS_memfd_create, "holes", 0);

    if (ftruncate(fd, LARGE) < 0)
        _exit(1);
    for (unsigned i = 0; i < PARTS; i++)
        v[i] = own[i] = (struct part){p, READ_SIZE};
    for (;;)
        if (other)
            syscall(SYS_process_vm_readv, getpid(), v, PARTS, own, PARTS, 0);
        else
            syscall(SYS_preadv, fd, v, PARTS, 0, 0);
}

static void others_run(bool other)
{
    long long last = milliseconds(), began = last, longest = 0;
    int status;
    pid_t pid = fork();

    if (pid == 0)
        child_reads(other);
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
    SHOW(longest < 8000);
}

UT_PROGRAM(vector)
{
    ut_workdir();
    totals();
    positions();
    between_files();
    other_process();
    PART("others run beside a long read");
    others_run(false);
    others_run(true);
}
