/* mremap: in place, moved, over others, and the kinds that keep the old mapping. */
#include "tests/user/ut.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static void fill(uint8_t *p, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        p[i * PAGE] = (uint8_t)(0x10 + i);
}

static void refused(void)
{
    uint8_t *p = ut_map(8, RW);

    PART("what is refused");
    TRY_AT(mremap(p + 1, PAGE, PAGE, 0));
    TRY_AT(mremap(p, PAGE, 0, 0));
    TRY_AT(mremap(p, PAGE, PAGE, 0x80));
    TRY_AT(mremap(p, PAGE, PAGE, MREMAP_FIXED, p + 4 * PAGE));
    TRY_AT(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 2 * PAGE));
    TRY_AT(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 2 * PAGE + 1));
    TRY_AT(mremap(p, PAGE, 0xfffff001u, MREMAP_MAYMOVE));
    TRY_AT(mremap(p, PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE));
    TRY_AT(mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP));
    /* Growing in place, where the next page is taken. */
    TRY_AT(mremap(p, PAGE, 2 * PAGE, 0));
    munmap(p + 4 * PAGE, PAGE);
    TRY_AT(mremap(p + 4 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    TRY_AT(mremap(p + 2 * PAGE, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE));
    ut_say("%s", ut_maps(p, 8 * PAGE));
    PART("where nothing is there is no question where to");
    munmap(p, 8 * PAGE);
    TRY_AT(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p));
    TRY_AT(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 2 * PAGE + 1));
    TRY_AT(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, 0xfffff000));
    TRY_AT(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
    TRY_AT(mremap(p, PAGE, PAGE, MREMAP_FIXED, p + 2 * PAGE + 1));
    TRY_AT(mremap(p, PAGE, 0, MREMAP_MAYMOVE));
}

static void in_place(void)
{
    uint8_t *p = ut_map(16, RW);

    PART("in place");
    munmap(p + 8 * PAGE, 8 * PAGE);
    fill(p, 8);
    SHOW(mremap(p, 8 * PAGE, 8 * PAGE, 0) == p);
    SHOW(mremap(p, 8 * PAGE, 12 * PAGE, 0) == p);
    ut_say("%s", ut_bytes(p, 13));
    ut_say("%s", ut_maps(p, 16 * PAGE));
    SHOW(mremap(p, 12 * PAGE, 3 * PAGE, 0) == p);
    ut_say("%s", ut_bytes(p, 13));
    ut_say("%s", ut_maps(p, 16 * PAGE));
    SHOW(mremap(p, 3 * PAGE, 6 * PAGE, MREMAP_MAYMOVE) == p);
    ut_say("%s", ut_bytes(p, 7));
    /* Odd sizes are whole pages. */
    SHOW(mremap(p, 5 * PAGE + 1, 5 * PAGE + 2, 0) == p);
    ut_say("%s", ut_maps(p, 16 * PAGE));
    munmap(p, 16 * PAGE);
}

static void moved(void)
{
    uint8_t *p = ut_map(32, RW), *q;

    PART("moved to a given place");
    fill(p, 4);
    q = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 16 * PAGE);
    SHOW(q == p + 16 * PAGE);
    ut_say("%s", ut_bytes(p, 4));
    ut_say("%s", ut_bytes(q, 9));
    ut_say("%s", ut_maps(p, 32 * PAGE));
    PART("and shrunk on the way");
    q = mremap(p + 16 * PAGE, 8 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
    SHOW(q == p);
    ut_say("%s", ut_bytes(p, 4));
    ut_say("%s", ut_maps(p, 32 * PAGE));
    munmap(p, 32 * PAGE);

    PART("moved because it must");
    p = ut_map(5, RW);
    fill(p, 4);
    q = mremap(p, 4 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    SHOW(q != MAP_FAILED && q != p);
    ut_say("%s", ut_bytes(q, 6));
    ut_say("%s", ut_bytes(p, 4));
    SHOW(ut_all(q + 4 * PAGE, 596 * PAGE, 0));
    munmap(q, 600 * PAGE);
    munmap(p, 5 * PAGE);
}

static void middle(void)
{
    uint8_t *p = ut_map(24, RW);

    PART("a piece out of the middle");
    fill(p, 8);
    TRY(mprotect(p + 3 * PAGE, PAGE, PROT_READ));
    SHOW(mremap(p + 3 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 20 * PAGE) == p + 20 * PAGE);
    ut_say("%s", ut_bytes(p, 8));
    READ(p + 20 * PAGE);
    WRITE(p + 20 * PAGE, 1);
    ut_say("%s", ut_maps(p, 24 * PAGE));
    munmap(p, 24 * PAGE);
}

static void kept(void)
{
    uint8_t *p = ut_map(16, RW), *q;

    PART("MREMAP_DONTUNMAP leaves an empty mapping behind");
    fill(p, 4);
    q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, p + 8 * PAGE);
    SHOW(q == p + 8 * PAGE);
    ut_say("%s", ut_bytes(p, 4));
    ut_say("%s", ut_bytes(p + 8 * PAGE, 4));
    WRITE(p, 0x99);
    READ(p + 8 * PAGE);
    munmap(p, 16 * PAGE);

    PART("an old size of 0 maps shared memory twice");
    p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    p[0] = 0x42;
    q = mremap(p, 0, 4 * PAGE, MREMAP_MAYMOVE);
    SHOW(q != MAP_FAILED && q != p);
    READ(q);
    q[PAGE] = 0x43;
    READ(p + PAGE);
    munmap(q, 4 * PAGE);
    munmap(p, 4 * PAGE);
    PART("but not private memory");
    p = ut_map(4, RW);
    TRY_AT(mremap(p, 0, 4 * PAGE, MREMAP_MAYMOVE));
    munmap(p, 4 * PAGE);
}

static void files(void)
{
    int fd = ut_file("file", 8 * PAGE);
    uint8_t *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0), *q;

    PART("a private mapping of a file, moved and grown");
    p[PAGE] = 0xaa;
    q = mremap(p, 4 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    SHOW(q != MAP_FAILED);
    SHOW(q[0] == ut_pattern(0) && q[5 * PAGE + 3] == ut_pattern(5 * PAGE + 3));
    READ(q + PAGE);
    READ(q + 8 * PAGE);
    munmap(q, 600 * PAGE);
    PART("a shared one");
    p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 2 * PAGE);
    p[0] = 0x55;
    q = mremap(p, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    q[5 * PAGE] = 0x66;
    uint8_t byte[2];
    pread(fd, &byte[0], 1, 2 * PAGE);
    pread(fd, &byte[1], 1, 7 * PAGE);
    ut_say("file: %02x %02x", byte[0], byte[1]);
    munmap(q, 6 * PAGE);
    close(fd);
}

static void after_fork(void)
{
    static uint8_t *p, *q;

    PART("moved while a child shares it");
    p = ut_map(16, RW);
    fill(p, 4);
    pid_t pid = fork();
    if (pid == 0) {
        q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 8 * PAGE);
        q[0] = 0xcc;
        ut_say("child: %s", ut_bytes(p, 12));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ut_say("parent: %s", ut_bytes(p, 12));
    munmap(p, 16 * PAGE);
}

UT_PROGRAM(mremap)
{
    ut_workdir();
    refused();
    in_place();
    moved();
    middle();
    kept();
    files();
    after_fork();
}
