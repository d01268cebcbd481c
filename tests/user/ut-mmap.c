/* mmap, munmap, mprotect: what is allowed, what is refused, and what the address space looks like afterwards.
 */
#include "tests/user/ut.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static void refused_arguments(void)
{
    uint8_t *p = ut_map(4, RW);
    int fd = ut_file("file", 2 * PAGE);
    int ro = open("file", O_RDONLY), wo = open("file", O_WRONLY), dir = open(".", O_RDONLY), pipes[2];

    PART("mmap: what is refused");
    TRY_AT(mmap(NULL, 0, RW, ANON, -1, 0));
    TRY_AT(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    TRY_AT(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
    TRY_AT(mmap(NULL, PAGE, RW, MAP_PRIVATE, 1000, 0));
    TRY_AT(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    TRY_AT(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    TRY_AT(mmap(NULL, 0xfffff001u, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
    TRY_AT(mmap((void *)0xfffff000u, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    TRY_AT(mmap((void *)0xfffff000u, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
    TRY_AT(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0));
    TRY_AT(mmap(NULL, PAGE, RW, MAP_PRIVATE, ro, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0));
    TRY(pipe(pipes));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0x7000));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, 0x400000 | MAP_SHARED_VALIDATE, fd, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, 0x400000 | MAP_SHARED, fd, 0));
    close(pipes[0]);
    close(pipes[1]);
    close(ro);
    close(wo);
    close(dir);
    close(fd);

    PART("munmap: what is refused");
    TRY(munmap(p, 0));
    TRY(munmap(p + 1, PAGE));
    TRY(munmap((void *)0xfffff000u, PAGE));
    TRY(munmap(p, 0xffffffffu));
    TRY(munmap(p, 1));
    TRY(munmap(p, PAGE));
    TRY(munmap(p, 4 * PAGE));
    TRY(munmap(p, 4 * PAGE));
}

static void fresh_and_zero(void)
{
    uint8_t *p = ut_map(64, RW);

    PART("fresh memory is zero");
    SHOW(ut_all(p, 64 * PAGE, 0));
    memset(p, 0xee, 64 * PAGE);
    SHOW(ut_all(p, 64 * PAGE, 0xee));
    TRY(munmap(p, 64 * PAGE));
    READ(p);
    WRITE(p + 63 * PAGE, 1);
    uint8_t *again = mmap(p, 64 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    SHOW(again == p);
    SHOW(ut_all(p, 64 * PAGE, 0));
    TRY(munmap(p, 64 * PAGE));
}

static void holes(void)
{
    uint8_t *p = ut_map(16, RW);

    PART("holes");
    for (unsigned i = 0; i < 16; i++)
        p[i * PAGE] = (uint8_t)(i + 1);
    TRY(munmap(p + 4 * PAGE, 4 * PAGE));
    ut_say("%s", ut_bytes(p, 16));
    ut_say("%s", ut_maps(p, 16 * PAGE));
    TRY(munmap(p + 2 * PAGE, 4 * PAGE));
    TRY(munmap(p + 2 * PAGE, 7 * PAGE + 5));
    ut_say("%s", ut_bytes(p, 16));
    ut_say("%s", ut_maps(p, 16 * PAGE));
    PART("MAP_FIXED over all of it, and a neighbour");
    TRY_AT(mmap(p + PAGE, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
    ut_say("%s", ut_bytes(p, 16));
    ut_say("%s", ut_maps(p, 16 * PAGE));
    TRY_AT(mmap(p + 9 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    TRY(munmap(p + 9 * PAGE, PAGE));
    SHOW(mmap(p + 9 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 9 * PAGE);
    ut_say("%s", ut_maps(p, 16 * PAGE));
    TRY(munmap(p, 16 * PAGE));
    ut_say("%s", ut_maps(p, 16 * PAGE));
    /* A hint that is free is taken. */
    SHOW(mmap(p, PAGE, RW, ANON, -1, 0) == p);
    /* One that is not is only a hint. */
    uint8_t *other = mmap(p, PAGE, RW, ANON, -1, 0);
    SHOW(other != p && other != MAP_FAILED);
    TRY(munmap(other, PAGE));
    TRY(munmap(p, PAGE));
}

static void protections(void)
{
    uint8_t *p = ut_map(8, RW);

    PART("mprotect");
    memset(p, 0x11, 8 * PAGE);
    TRY(mprotect(p + PAGE, PAGE, PROT_READ));
    TRY(mprotect(p + 2 * PAGE, PAGE, PROT_NONE));
    TRY(mprotect(p + 3 * PAGE, PAGE, PROT_WRITE));
    TRY(mprotect(p + 4 * PAGE, 1, RW | PROT_EXEC));
    READ(p + PAGE);
    WRITE(p + PAGE, 0x22);
    READ(p + 2 * PAGE);
    WRITE(p + 2 * PAGE, 0x22);
    WRITE(p + 3 * PAGE, 0x22);
    ut_say("%s", ut_maps(p, 8 * PAGE));
    TRY(mprotect(p, 8 * PAGE, RW));
    ut_say("%s", ut_bytes(p, 8));
    ut_say("%s", ut_maps(p, 8 * PAGE));
    PART("mprotect: what is refused");
    TRY(mprotect(p + 1, PAGE, RW));
    TRY(mprotect(p, 0, RW));
    TRY(mprotect(p, PAGE, 0x40));
    TRY(mprotect(p, PAGE, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN));
    TRY(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
    TRY(munmap(p + 4 * PAGE, PAGE));
    TRY(mprotect(p + 3 * PAGE, 3 * PAGE, PROT_READ));
    ut_say("%s", ut_maps(p, 8 * PAGE));
    TRY(mprotect(p + 4 * PAGE, PAGE, PROT_READ));
    TRY(munmap(p, 8 * PAGE));

    PART("mprotect of never touched and of PROT_NONE memory");
    p = ut_map(4, PROT_NONE);
    READ(p);
    TRY(mprotect(p, 2 * PAGE, PROT_READ));
    READ(p);
    WRITE(p, 1);
    TRY(mprotect(p, 4 * PAGE, RW));
    WRITE(p, 1);
    WRITE(p + 3 * PAGE, 4);
    ut_say("%s", ut_bytes(p, 4));
    TRY(munmap(p, 4 * PAGE));
}

static void shared_read_only(void)
{
    int fd = open("file", O_RDONLY);
    uint8_t *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);

    PART("a file that is open for reading stays read-only");
    TRY(mprotect(p, PAGE, RW));
    TRY(mprotect(p, PAGE, PROT_NONE));
    TRY(mprotect(p, PAGE, PROT_READ));
    SHOW(p[100] == ut_pattern(100));
    munmap(p, 2 * PAGE);
    p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    TRY(mprotect(p, PAGE, RW));
    WRITE(p, 0x77);
    munmap(p, 2 * PAGE);
    uint8_t byte = 0;
    TRY(pread(fd, &byte, 1, 0));
    SHOW(byte);
    close(fd);
}

static void many_pieces(void)
{
    enum { PIECES = 512 };
    uint8_t *p = ut_map(PIECES, RW);
    unsigned bad = 0;

    PART("many pieces");
    for (unsigned i = 0; i < PIECES; i += 2)
        bad += mprotect(p + i * PAGE, PAGE, PROT_READ) != 0;
    for (unsigned i = 1; i < PIECES; i += 4)
        bad += munmap(p + i * PAGE, PAGE) != 0;
    SHOW(bad);
    for (unsigned i = 0; i < PIECES; i++) {
        const char *want = i % 4 == 1 ? "SIGSEGV MAPERR" : i % 2 ? "0x01" : "SIGSEGV ACCERR";

        bad += strcmp(ut_write(p + i * PAGE, 1), want) != 0;
    }
    SHOW(bad);
    TRY(mprotect(p, PIECES * PAGE, RW));
    TRY_AT(mmap(p, PIECES * PAGE, RW, ANON | MAP_FIXED, -1, 0));
    SHOW(ut_all(p, PIECES * PAGE, 0));
    ut_say("%s", ut_maps(p, PIECES * PAGE));
    TRY(munmap(p, PIECES * PAGE));
}

static void flags(void)
{
    PART("flags that change when, not what");
    uint8_t *p = mmap(NULL, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
    SHOW(ut_all(p, 4 * PAGE, 0));
    munmap(p, 4 * PAGE);
    p = mmap(NULL, 64u << 20, RW, ANON | MAP_NORESERVE, -1, 0);
    SHOW(p != MAP_FAILED);
    WRITE(p + (63u << 20), 9);
    munmap(p, 64u << 20);
    p = mmap(NULL, 4 * PAGE, RW, ANON | MAP_STACK | MAP_DENYWRITE, -1, 0);
    SHOW(p != MAP_FAILED && p[0] == 0);
    munmap(p, 4 * PAGE);
    PART("the old mmap, through a block of arguments");
    uint32_t args[6] = {0, PAGE, RW, ANON, (uint32_t)-1, 0};
    p = (uint8_t *)syscall(SYS_mmap, args);
    SHOW(p != MAP_FAILED && p[5] == 0);
    munmap(p, PAGE);
    args[5] = 1;
    TRY(syscall(SYS_mmap, args));
    args[1] = 0, args[5] = 0;
    TRY(syscall(SYS_mmap, args));
}

/* The name that /proc/self/maps gives to the mapping that begins at p. */
static const char *map_name(const void *p)
{
    static char line[512];
    unsigned long start;
    FILE *f = fopen("/proc/self/maps", "re");
    const char *name = "no such line";

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-", &start) == 1 && start == (uintptr_t)p) {
            line[strcspn(line, "\n")] = '\0';
            name = strchr(line, '/');
            break;
        }
    if (f)
        fclose(f);
    return name ? name : "none";
}

static void zero_device(void)
{
    int fd = open("/dev/zero", O_RDWR);
    uint8_t *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 3 * PAGE), *q;

    PART("/dev/zero mapped privately is anonymous memory");
    ut_say("%s, %s", ut_bytes(p, 4), map_name(p));
    memset(p, 0x5a, 4 * PAGE);
    TRY(madvise(p, PAGE, MADV_FREE));
    TRY(madvise(p, PAGE, MADV_DONTNEED));
    ut_say("%s", ut_bytes(p, 4));
    q = mremap(p + 3 * PAGE, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
    SHOW(q != MAP_FAILED);
    ut_say("grown: %s", ut_bytes(q, 3));
    WRITE(q + 2 * PAGE, 7);
    pid_t pid = fork();
    if (pid == 0) {
        q[0] = 0xc0;
        ut_say("child: %s", ut_bytes(q, 3));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ut_say("%s", ut_bytes(q, 3));
    PART("but for what memory without a file alone may be");
    TRY(madvise(p, PAGE, MADV_WIPEONFORK));
    TRY(madvise(p, PAGE, MADV_REMOVE));
    munmap(p, 3 * PAGE);
    munmap(q, 3 * PAGE);

    PART("/dev/zero mapped shared has as many pages as the mapping, from its beginning on");
    p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, PAGE);
    ut_say("%s, %s", ut_bytes(p, 4), map_name(p));
    WRITE(p + 2 * PAGE, 8);
    WRITE(p + 3 * PAGE, 8);
    TRY(madvise(p, PAGE, MADV_FREE));
    munmap(p, 4 * PAGE);
    p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
    READ(p);
    munmap(p, PAGE);
    close(fd);
}

static void executable(void)
{
    uint8_t *p = ut_map(2, RW | PROT_EXEC);

    PART("code in memory that was just written");
    p[0] = 0xc3; /* ret */
    ut_say("jump: %s", ut_jump(p));
    p[PAGE - 1] = 0x90, p[PAGE] = 0xc3;
    ut_say("jump over a page's end: %s", ut_jump(p + PAGE - 1));
    TRY(mprotect(p + PAGE, PAGE, PROT_NONE));
    ut_say("jump into forbidden: %s",
           strncmp(ut_jump(p + PAGE), "SIGSEGV ACCERR", 14) == 0 ? "refused" : "went");
    munmap(p, 2 * PAGE);
    ut_say("jump into nothing: %s", ut_jump(p));
}

UT_PROGRAM(mmap)
{
    ut_workdir();
    refused_arguments();
    fresh_and_zero();
    holes();
    protections();
    shared_read_only();
    many_pieces();
    flags();
    zero_device();
    executable();
}
