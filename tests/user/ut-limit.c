/* Resource limits, and what is said when memory, descriptors or mappings run out. */
#include "tests/user/ut.h"
#include <sys/resource.h>

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MIB  (1u << 20)

static void soft(int which, rlim_t value)
{
    struct rlimit r;

    getrlimit(which, &r);
    r.rlim_cur = value;
    if (setrlimit(which, &r) != 0)
        ut_say("setrlimit: %s", ut_errno(errno));
}

static void basics(void)
{
    struct rlimit r = {5, 4}, old;

    PART("limits");
    TRY(setrlimit(RLIMIT_NOFILE, &r));
    TRY(getrlimit(99, &r));
    TRY(setrlimit(99, &r));
    r = (struct rlimit){100, 200};
    TRY(setrlimit(RLIMIT_NOFILE, &r));
    TRY(getrlimit(RLIMIT_NOFILE, &old));
    SHOW(old.rlim_cur);
    SHOW(old.rlim_max);
    TRY(prlimit(0, RLIMIT_NOFILE, &(struct rlimit){50, 200}, &old));
    SHOW(old.rlim_cur);
    TRY(prlimit(0x3ffffff, RLIMIT_NOFILE, NULL, &old));
    pid_t pid = fork();
    if (pid == 0) {
        getrlimit(RLIMIT_NOFILE, &old);
        _exit((int)old.rlim_cur);
    }
    int status;
    waitpid(pid, &status, 0);
    ut_say("in a child: %s", ut_status(status));
}

static void address_space(void)
{
    uint8_t *had = ut_map(4, RW);

    soft(RLIMIT_AS, 64 * MIB);
    TRY_AT(mmap(NULL, 64 * MIB, RW, ANON, -1, 0));
    TRY_AT(mmap(NULL, 64 * MIB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
    uint8_t *p = mmap(NULL, 32 * MIB, RW, ANON, -1, 0);
    SHOW(p != MAP_FAILED);
    TRY_AT(mremap(p, 32 * MIB, 64 * MIB, MREMAP_MAYMOVE));
    TRY(brk((uint8_t *)sbrk(0) + 64 * MIB));
    TRY_AT(mmap(had, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
    TRY(munmap(p, 32 * MIB));
    SHOW(mmap(NULL, 32 * MIB, RW, ANON, -1, 0) != MAP_FAILED);
}

static void data(void)
{
    soft(RLIMIT_DATA, 16 * MIB);
    TRY_AT(mmap(NULL, 32 * MIB, RW, ANON, -1, 0));
    TRY_AT(mmap(NULL, 32 * MIB, PROT_READ, ANON, -1, 0));
    TRY_AT(mmap(NULL, 32 * MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    TRY(brk((uint8_t *)sbrk(0) + 32 * MIB));
}

static void descriptors(void)
{
    int pipes[2];
    unsigned n = 0;

    soft(RLIMIT_NOFILE, 20);
    while (dup(0) >= 0)
        n++;
    ut_say("after %u: %s", n, ut_errno(errno));
    TRY(open("/dev/null", O_RDONLY));
    TRY(pipe(pipes));
    TRY(fcntl(0, F_DUPFD, 5));
    TRY(fcntl(0, F_DUPFD, 20));
    TRY(dup2(0, 20));
    SHOW(dup2(0, 19));
    close(10);
    SHOW(dup(0));
}

static void file_size(void)
{
    soft(RLIMIT_FSIZE, 2 * PAGE);
    int fd = ut_file("f", PAGE);
    static uint8_t block[4 * PAGE];

    signal(SIGXFSZ, SIG_IGN);
    TRY(write(fd, block, sizeof block));
    TRY(write(fd, block, 1));
    TRY(ftruncate(fd, 3 * PAGE));
    TRY(ftruncate(fd, 2 * PAGE));
    TRY(fallocate(fd, 0, 0, 2 * PAGE));
    TRY(fallocate(fd, 0, PAGE, PAGE + 1));
    SHOW(lseek(fd, 0, SEEK_END));
    signal(SIGXFSZ, SIG_DFL);
    write(fd, block, 1);
}

/* In shared memory, also of what does not change the size; and not below the size that there is. */
static void allocation(void)
{
    int fd = memfd_create("f", 0), large = memfd_create("g", 0);

    ftruncate(large, 8 * PAGE);
    soft(RLIMIT_FSIZE, 2 * PAGE);
    signal(SIGXFSZ, SIG_IGN);
    TRY(fallocate(fd, 0, 0, 3 * PAGE));
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * PAGE));
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 3 * PAGE));
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 3 * PAGE));
    TRY(fallocate(large, 0, 0, 8 * PAGE));
    TRY(fallocate(large, 0, 0, 8 * PAGE + 1));
    TRY(fallocate64(large, 0, 1ll << 62, 1ll << 61));
    TRY(fallocate64(large, 0, 1ll << 62, 1ll << 62));
    TRY(fallocate(large, 0x40, 0, 1));
    signal(SIGXFSZ, SIG_DFL);
    fallocate(fd, 0, 0, 3 * PAGE);
}

/* vm.max_map_count mappings, whatever that is, and then ENOMEM; and all go away again. */
static void mappings(void)
{
    enum { MANY = 70000 };
    uint8_t *p = mmap(NULL, MANY * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    unsigned n = 0;

    SHOW(p != MAP_FAILED);
    for (unsigned i = 0; i < MANY; i += 2, n++)
        if (mprotect(p + i * PAGE, PAGE, PROT_READ) != 0)
            break;
    ut_say("%s: %s", n > 32000 && n < 33000 ? "about half of 65,530" : "another number", ut_errno(errno));
    TRY(munmap(p, MANY * PAGE));
    ut_say("%s", ut_maps(p, MANY * PAGE));
}

/* A limit of 0 is for brk() alone, as long as the hard one is not met. */
static void no_data(void)
{
    int fd = ut_file("data", PAGE);
    uint8_t *p = mmap(NULL, PAGE, PROT_READ, ANON, -1, 0);

    soft(RLIMIT_DATA, 0);
    TRY(brk((uint8_t *)sbrk(0) + PAGE));
    TRY_AT(mmap(NULL, PAGE, RW, ANON, -1, 0));
    TRY_AT(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
    TRY(mprotect(p, PAGE, RW));
    soft(RLIMIT_DATA, 1);
    TRY_AT(mmap(NULL, PAGE, RW, ANON, -1, 0));
    setrlimit(RLIMIT_DATA, &(struct rlimit){0, 0});
    TRY_AT(mmap(NULL, PAGE, RW, ANON, -1, 0));
    close(fd);
}

/* Who may not ask is told so before anything else. */
static void of_another(void)
{
    struct rlimit r;
    int to[2];
    pid_t pid;
    char c;

    TRY(pipe(to));
    pid = fork();
    if (pid == 0) {
        close(to[1]);
        read(to[0], &c, 1);
        _exit(0);
    }
    setgid(1000);
    setuid(1000);
    TRY(prlimit(pid, 99, NULL, &r));
    TRY(prlimit(pid, RLIMIT_NOFILE, NULL, &r));
    TRY(prlimit(0, 99, NULL, &r));
    close(to[1]);
    waitpid(pid, NULL, 0);
}

UT_PROGRAM(limit)
{
    ut_workdir();
    ut_child("basics", basics);
    ut_child("RLIMIT_AS", address_space);
    ut_child("RLIMIT_DATA", data);
    ut_child("RLIMIT_DATA, none", no_data);
    ut_child("another's limits", of_another);
    ut_child("RLIMIT_NOFILE", descriptors);
    ut_child("RLIMIT_FSIZE", file_size);
    ut_child("RLIMIT_FSIZE, allocation", allocation);
    ut_child("mappings", mappings);
}
