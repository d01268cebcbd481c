/*
 * Pages that a swap disk cannot read do not keep it on: swapoff goes through, whoever touches one gets SIGBUS
 * (or EIO, EFAULT of a call), and so it is through fork, mremap and a new swapon, until the page begins anew.
 *
 *     lost DEVICE PAGES     so many private pages, a quarter of that shared, and a quarter in a file
 *
 * DEVICE is on, and some of its sectors fail. It runs on Linux, too.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/check.h"

#define PAGE 4096u

enum fate { GOOD, LOST, WRONG };

static uint8_t *memory[3]; /* private, shared, of a file */
static unsigned pages[3];
static const char *const kind[3] = {"private", "shared", "file"};
static sigjmp_buf out;

static void on_bus(int sig)
{
    (void)sig;
    siglongjmp(out, 1);
}

static uint32_t value(unsigned k, unsigned i)
{
    return (k + 1) * 0x10001u ^ (i * 2654435761u);
}

static uint32_t *word(unsigned k, unsigned i)
{
    return (uint32_t *)(memory[k] + (size_t)i * PAGE);
}

static enum fate fate_of(volatile uint32_t *p, uint32_t want)
{
    if (sigsetjmp(out, 1))
        return LOST;
    return *p == want ? GOOD : WRONG;
}

/* Look at the pages of each kind, or the first half. Returns how many are lost; *wrong: how many hold
 * something else, or are back. */
static unsigned look(uint8_t *fate[3], bool half, unsigned *wrong)
{
    unsigned n = 0;

    for (unsigned k = 0; k < 3; k++)
        for (unsigned i = 0; i < (half ? pages[k] / 2 : pages[k]); i++) {
            enum fate was = fate[k][i];

            fate[k][i] = fate_of(word(k, i), value(k, i));
            n += fate[k][i] == LOST;
            *wrong += fate[k][i] == WRONG || (was == LOST && fate[k][i] != LOST);
        }
    return n;
}

static void page_out(void)
{
    for (unsigned k = 0; k < 3; k++)
        check(madvise(memory[k], pages[k] * PAGE, MADV_PAGEOUT) == 0, "%s pages go", kind[k]);
}

/* The number behind a name in a file of /proc; -1: it has none. */
static long number(const char *file, const char *name)
{
    static char buf[16384];
    int fd = open(file, O_RDONLY);
    ssize_t n = 0, part;
    char *at;

    while (fd >= 0 && (part = read(fd, buf + n, sizeof buf - 1 - (size_t)n)) > 0)
        n += part;
    if (fd >= 0)
        close(fd);
    buf[n] = 0;
    at = strstr(buf, name);
    return at ? strtol(at + strlen(name) + strcspn(at + strlen(name), "0123456789"), NULL, 10) : -1;
}

static uint64_t pagemap(const void *p)
{
    int fd = open("/proc/self/pagemap", O_RDONLY);
    uint64_t word = 0;

    if (fd < 0 || pread(fd, &word, sizeof word, (off_t)((uintptr_t)p / PAGE * 8)) != sizeof word)
        word = 0;
    close(fd);
    return word;
}

/* A private page that is lost, in calls. */
static void use_private(uint8_t *p)
{
    int pipefd[2], zero = open("/dev/zero", O_RDONLY);
    unsigned char core = 9;
    uint8_t *to = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int status;

    if (pipe(pipefd) != 0)
        exit(2);
    check(write(pipefd[1], p, 1) < 0 && errno == EFAULT, "write() from it");
    check(read(zero, p, 1) < 0 && errno == EFAULT, "read() to it");
    status = mincore(p, PAGE, &core);
    check(status == 0 && !(core & 1), "mincore() says %u", core);
    check(pagemap(p) >> 62 == 1, "pagemap says %llx", (unsigned long long)pagemap(p));
    check(mlock(p, PAGE) < 0, "mlock() of it");
    munlock(p, PAGE);
    check(mprotect(p, PAGE, PROT_READ) == 0 && fate_of((uint32_t *)p, 0) == LOST, "mprotect()");
    check(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0 && fate_of((uint32_t *)p, 0) == LOST, "and back");
    child = fork();
    if (child == 0)
        _exit(fate_of((uint32_t *)p, 0));
    waitpid(child, &status, 0);
    check(status == LOST << 8, "fork() copies it: %x", status);
    to = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    check(to != MAP_FAILED && fate_of((uint32_t *)to, 0) == LOST, "mremap() moves it");
    check(madvise(to, PAGE, MADV_DONTNEED) == 0 && fate_of((uint32_t *)to, 0) == GOOD,
          "MADV_DONTNEED ends it");
    check(mmap(p, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p,
          "mmap()");
    check(fate_of((uint32_t *)p, 0) == GOOD, "it begins anew");
    munmap(to, PAGE);
    close(pipefd[0]);
    close(pipefd[1]);
    close(zero);
}

static void use_file(int fd, unsigned i)
{
    char buf[4];
    off_t at = (off_t)i * PAGE;

    check(pread(fd, buf, 4, at) < 0 && errno == EIO, "pread() of a lost page");
    check(pwrite(fd, buf, 4, at) < 0 && errno == EIO, "pwrite() to it");
    check(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PAGE) == 0, "a hole ends it");
    check(pread(fd, buf, 4, at) == 4 && !buf[0] && fate_of(word(2, i), 0) == GOOD, "it begins anew");
}

/* The first lost one of a kind; -1: none. */
static int first_lost(unsigned k, const uint8_t *fate)
{
    for (unsigned i = 0; i < pages[k]; i++)
        if (fate[i] == LOST)
            return (int)i;
    return -1;
}

int main(int argc, char **argv)
{
    struct sigaction bus = {.sa_handler = on_bus};
    unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 0, wrong = 0, early, late;
    uint8_t *fate[3], *theirs[3];
    int fd, ask[2], i;
    pid_t child;
    char c;

    if (n < 8) {
        fprintf(stderr, "usage: lost DEVICE PAGES\n");
        return 2;
    }
    sigaction(SIGBUS, &bus, NULL);
    fd = open("/tmp/lost", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) /* a root without folders */
        fd = open("/lost", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (unsigned k = 0; k < 3; k++) {
        pages[k] = k ? n / 4 : n;
        if (k == 2 && ftruncate(fd, (off_t)pages[k] * PAGE) != 0)
            return 2;
        memory[k] = mmap(NULL, pages[k] * PAGE, PROT_READ | PROT_WRITE,
                         k == 0   ? MAP_PRIVATE | MAP_ANONYMOUS
                         : k == 1 ? MAP_SHARED | MAP_ANONYMOUS
                                  : MAP_SHARED,
                         k == 2 ? fd : -1, 0);
        fate[k] = calloc(pages[k], 1);
        theirs[k] = calloc(pages[k], 1);
        if (memory[k] == MAP_FAILED || !fate[k] || !theirs[k])
            return 2;
        for (unsigned p = 0; p < pages[k]; p++)
            *word(k, p) = value(k, p);
    }
    page_out();
    /* One that has the same private pages, and looks at them when the disk is gone. */
    if (pipe(ask) != 0)
        return 2;
    child = fork();
    if (child == 0) {
        close(ask[1]);
        if (read(ask[0], &c, 1) != 1)
            _exit(2);
        early = look(theirs, false, &wrong);
        _exit(wrong ? 255 : early < 250 ? (int)early : 250);
    }
    early = look(fate, true, &wrong);
    page_out();
    check(swapoff(argv[1]) == 0, "swapoff, with %u lost pages that are known", early);
    check(swapoff(argv[1]) < 0 && errno == EINVAL, "it is off");
    late = look(fate, false, &wrong);
    check(!wrong && late >= early, "%u are lost, and %u are wrong", late, wrong);
    check(number("/proc/self/status", "VmSwap") == 0, "nothing is in swap");
    if (write(ask[1], "x", 1) != 1 || waitpid(child, &i, 0) != child)
        return 2;
    check(i == (int)late << 8, "another program has lost the same: %x", i);
    i = first_lost(0, fate[0]);
    if (check(i >= 0, "a private page is lost"))
        use_private((uint8_t *)word(0, (unsigned)i));
    i = first_lost(2, fate[2]);
    if (check(i >= 0, "a page of the file is lost"))
        use_file(fd, (unsigned)i);
    check(swapon(argv[1], 0) == 0, "swapon");
    i = first_lost(1, fate[1]);
    check(i >= 0 && fate_of(word(1, (unsigned)i), 0) == LOST, "shared memory is lost for good");
    check(madvise(word(1, (unsigned)i), PAGE, MADV_REMOVE) == 0 && fate_of(word(1, (unsigned)i), 0) == GOOD,
          "MADV_REMOVE ends it");
    printf("%s: done, %u failed; %u lost\n", program_invocation_short_name, failed, late);
    return failed != 0;
}
