/* Fresh memory, stacks, files and buffers never show old data, and nobody sees another's. */
#include "tests/user/ut.h"
#include <sched.h>
#include <sys/prctl.h>

#define RW    (PROT_READ | PROT_WRITE)
#define PAGES 512u /* 2 MiB: more than the allocators keep at hand */

/* Fills memory with a mark, in a process that then ends: its frames are free. */
static void leave_marks(void)
{
    uint8_t *p = ut_map(PAGES, RW);

    memset(p, 0xd7, PAGES * PAGE);
    madvise(p, PAGES * PAGE / 2, MADV_PAGEOUT);
}

static void used_stack(unsigned depth)
{
    volatile uint8_t room[PAGE];

    for (unsigned i = 0; i < sizeof room; i++)
        room[i] = 0xd7;
    if (depth)
        used_stack(depth - 1);
    __asm__ volatile("" : : "r"(&room) : "memory");
}

static void stack_marks(void)
{
    used_stack(200);
}

/* Words below the stack that nobody has used yet. */
static void look_below_the_stack(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE - 1);

    SHOW(ut_all((uint8_t *)here - 100 * PAGE, 90 * PAGE, 0));
}

static void memory(void)
{
    unsigned bad = 0;

    PART("fresh memory after others used it");
    for (unsigned round = 0; round < 8; round++) {
        ut_child("marks", leave_marks);
        uint8_t *p = ut_map(PAGES, RW);

        for (unsigned i = 0; i < PAGES; i++)
            bad += !ut_all(p + i * PAGE, PAGE, 0);
        memset(p, 0xd7, PAGES * PAGE);
        munmap(p, PAGES * PAGE);
    }
    SHOW(bad);
    uint8_t *s = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SHOW(ut_all(s, PAGES * PAGE, 0));
    munmap(s, PAGES * PAGE);
}

static void stacks(void)
{
    PART("fresh stacks");
    ut_child("deep", stack_marks);
    ut_child("below", look_below_the_stack);
}

static void heap(void)
{
    uint8_t *p = sbrk(0);

    PART("a heap that shrank and grew again");
    p = (uint8_t *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    brk(p + 64 * PAGE);
    memset(p, 0xd7, 64 * PAGE);
    brk(p);
    brk(p + 64 * PAGE);
    SHOW(ut_all(p, 64 * PAGE, 0));
    brk(p);
}

static bool file_all(int fd, off_t from, off_t to, uint8_t value)
{
    uint8_t buf[PAGE];

    for (off_t at = from; at < to;) {
        ssize_t n = pread(fd, buf, at + (off_t)sizeof buf < to ? sizeof buf : (size_t)(to - at), at);

        if (n <= 0 || !ut_all(buf, (size_t)n, value))
            return false;
        at += n;
    }
    return true;
}

static void files(void)
{
    PART("files: holes, tails, and what a shorter file leaves");
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
    uint8_t mark[PAGE];
    memset(mark, 0xd7, sizeof mark);
    for (unsigned i = 0; i < 16; i++)
        write(fd, mark, sizeof mark);
    TRY(ftruncate(fd, 100));
    TRY(ftruncate(fd, 16 * PAGE));
    SHOW(file_all(fd, 0, 100, 0xd7));
    SHOW(file_all(fd, 100, 16 * PAGE, 0));
    TRY(ftruncate(fd, 0));
    TRY(pwrite(fd, mark, 10, 5 * PAGE + 50));
    SHOW(file_all(fd, 0, 5 * PAGE + 50, 0));
    TRY(ftruncate(fd, 7 * PAGE));
    SHOW(file_all(fd, 5 * PAGE + 60, 7 * PAGE, 0));
    uint8_t *p = mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    SHOW(ut_all(p, 5 * PAGE + 50, 0));
    munmap(p, 8 * PAGE);
    /* The last page of a mapped file that does not fill it. */
    TRY(ftruncate(fd, 5 * PAGE + 55));
    p = mmap(NULL, 6 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    SHOW(p[5 * PAGE + 54]);
    SHOW(ut_all(p + 5 * PAGE + 55, PAGE - 55, 0));
    munmap(p, 6 * PAGE);
    close(fd);
    PART("fallocate");
    fd = open("g", O_RDWR | O_CREAT | O_TRUNC, 0644);
    TRY(fallocate(fd, 0, 0, 64 * PAGE));
    SHOW(file_all(fd, 0, 64 * PAGE, 0));
    close(fd);
}

/* A page of libc's or of the program's own bss is zero even when the file has bytes there. */
static uint8_t bss[3 * PAGE];

static void program(void)
{
    unsigned bad = 0;

    PART("bss");
    for (unsigned i = 0; i < sizeof bss; i++)
        bad += bss[i] != 0;
    SHOW(bad);
}

/* Structures that the kernel fills have no bytes of the kernel's stack between their members. */
static void structures(void)
{
    struct stat st;
    sigset_t old;
    siginfo_t info;

    PART("padding");
    memset(&info, 0xd7, sizeof info);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitid(P_PID, (id_t)pid, &info, WEXITED);
    SHOW(info.si_errno);
    memset(&st, 0xd7, sizeof st);
    stat("/", &st);
    SHOW(S_ISDIR(st.st_mode));
    memset(&old, 0, sizeof old);
    sigprocmask(SIG_SETMASK, NULL, &old);
    SHOW(ut_all((uint8_t *)&old, sizeof old, 0));
    char name[16];
    memset(name, 0xd7, sizeof name);
    prctl(PR_SET_NAME, "x");
    prctl(PR_GET_NAME, name);
    SHOW(ut_all((uint8_t *)name + 1, 15, 0));
}

UT_PROGRAM(fresh)
{
    ut_workdir();
    program();
    memory();
    stacks();
    heap();
    files();
    structures();
}
