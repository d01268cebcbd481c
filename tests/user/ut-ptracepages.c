/* PTRACE_PEEKDATA and POKEDATA: pages that were never touched, that may be in swap, that are shared with
 * others or cannot be read or written by their owner. */
#include "tests/user/ut-ptrace.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define MANY 64u

static uint8_t *fresh, *out, *shared, *file, *file_shared, *fixed, *none, *below;

static long peek(pid_t pid, const void *at, uint32_t *value)
{
    *value = 0x55555555;
    return trace(PTRACE_PEEKDATA, pid, (unsigned long)at, (unsigned long)value);
}

static long poke(pid_t pid, const void *at, uint32_t value)
{
    return trace(PTRACE_POKEDATA, pid, (unsigned long)at, value);
}

static void both(const char *what, pid_t pid, const void *at, uint32_t value)
{
    uint32_t before, after;
    long a = peek(pid, at, &before), b, c;
    int err[3] = {errno};

    b = poke(pid, at, value);
    err[1] = errno;
    c = peek(pid, at, &after);
    err[2] = errno;
    ut_say("%s: %s %x, %s, %s %x", what, a ? ut_errno(err[0]) : "has", before, b ? ut_errno(err[1]) : "given",
           c ? ut_errno(err[2]) : "has", after);
}

static bool all(const uint8_t *p, size_t pages, uint32_t first)
{
    for (size_t i = 0; i < pages; i++) {
        uint32_t v;

        memcpy(&v, p + i * PAGE, sizeof v);
        if (v != first + i)
            return false;
    }
    return true;
}

static uint32_t at(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static void child(void)
{
    ut_say("fresh %x %x, out %d, %x", at(fresh), at(fresh + 3 * PAGE), all(out, MANY - 1, 0x2000),
           at(out + (MANY - 1) * PAGE));
    ut_say("shared %x, file %x %x, of the file %x, fixed %x", at(shared), at(file), at(file + PAGE),
           at(file_shared), at(fixed));
    mprotect(none, PAGE, PROT_READ);
    ut_say("none %x", at(none));
}

static int make_file(void)
{
    int fd = open("pages", O_RDWR | O_CREAT, 0600);
    uint32_t v = 0xF11E;

    ftruncate(fd, 2 * PAGE + 100);
    pwrite(fd, &v, sizeof v, 0);
    v++;
    pwrite(fd, &v, sizeof v, PAGE);
    return fd;
}

static void set_up(int fd)
{
    fresh = ut_map(8, PROT_READ | PROT_WRITE);
    out = ut_map(MANY, PROT_READ | PROT_WRITE);
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    file = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    file_shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fixed = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    none = ut_map(1, PROT_NONE);
    below = ut_map(2, PROT_READ | PROT_WRITE);
    munmap(below + PAGE, PAGE);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t v = 0x1000 + i;

        memcpy(out + i * PAGE, &v, sizeof v);
    }
    madvise(out, MANY * PAGE, MADV_PAGEOUT);
}

static void pages(void)
{
    int fd = make_file();
    uint32_t v, wrong = 0;
    pid_t pid;

    set_up(fd);
    PART("pages");
    pid = traced_child(child);
    await("stop", pid);
    both("never touched", pid, fresh, 0xABCD);
    both("across two", pid, fresh + 3 * PAGE - 2, 0x12345678);
    TRY(peek(pid, fresh + 7 * PAGE, &v));
    SHOW(v);
    for (uint32_t i = 0; i < MANY - 1; i++)
        wrong += peek(pid, out + i * PAGE, &v) || v != 0x1000 + i || poke(pid, out + i * PAGE, 0x2000 + i);
    SHOW(wrong);
    both("the last one out", pid, out + (MANY - 1) * PAGE, 0x7777);
    ut_say("here it is %d", all(out, MANY, 0x1000));
    both("shared", pid, shared, 0x5A5A);
    SHOW(at(shared));
    both("a private file, read only", pid, file, 0xF00D);
    both("a part of its last page", pid, file + 2 * PAGE + 98, 0xF00D);
    both("behind its end", pid, file + 3 * PAGE, 0xF00D);
    both("a shared file", pid, file_shared + PAGE, 0xFEED);
    both("a shared file behind its end", pid, file_shared + 3 * PAGE, 0xFEED);
    both("a shared file, read only", pid, fixed, 0xBAD);
    SHOW(at(file_shared));
    SHOW(at(file_shared + PAGE));
    TRY(peek(pid, none, &v));
    SHOW(v);
    both("the last word", pid, below + PAGE - 4, 0x3333);
    both("half a word", pid, below + PAGE - 2, 0x2222);
    both("nothing", pid, below + PAGE, 0x1111);
    both("the first page", pid, NULL, 0x1111);
    both("the kernel's", pid, (void *)0xC0000000, 0x1111);
    both("the very end", pid, (void *)0xFFFFFFFE, 0x1111);
    TRY(trace(PTRACE_PEEKDATA, pid, (unsigned long)fresh, 16));
    trace(PTRACE_CONT, pid, 0, 0);
    await("end", pid);
    close(fd);
}

/* Its memory is given back or taken from it while it is stopped. */
static void changed(void)
{
    pid_t pid;
    uint32_t v;

    PART("pages that others change");
    pid = traced_child(child);
    await("stop", pid);
    TRY(truncate("pages", 0));
    both("a file that is empty by now", pid, file_shared, 1);
    both("the private one", pid, file, 1);
    kill(pid, SIGKILL);
    await("killed", pid);
    TRY(peek(pid, fresh, &v));
    TRY(poke(pid, fresh, 1));
}

UT_PROGRAM(ptracepages)
{
    ut_workdir();
    pages();
    changed();
}
