/*
 * Memory calls and touches at random, from a seed; what came of each goes into a digest, or with -v onto a
 * line. The same executable runs on Linux and on Quire, and the two must say the same. Where they do not, the
 * marks before a digest say after how many lines, and -v on Linux says what that line is.
 *
 *     memdiff [-vf] [-k KEEP] [-x SKIP] [-r RUNS] [-c PAGES] [-p POLICY] SEED OPERATIONS
 *
 *     -f            many forks, one for eight operations
 *     -r RUNS       with so many seeds, from SEED on
 *     -c PAGES      cap what Quire's policy may have, so that pages go to disk however much memory there is
 *     -p POLICY     have Quire use this policy
 *     -k 3,7-9      only these operations
 *     -x 5.2,8.1.4  without these; 5.2 is what the child that operation 5 makes does third
 *
 * Each operation depends on the seed and its own number alone, so leaving some out leaves the others as they
 * are: tests/user/memdiff-min uses that to shrink a sequence that fails.
 *
 * All mappings lie in one arena at a fixed address, with holes on both sides. Two files of /dev/shm are
 * mapped; the heap is the other place. Children of a fork do operations of their own, before or after some of
 * their parent's, never at the same time.
 *
 * Nothing is said that may differ from kernel to kernel: residence is asked only right after a touch or a
 * discard, regions are moved only when one call has made them (where neighbours merge is the kernel's
 * affair), and no page is executable only.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE        4096u
#define PAGES       48u
#define ARENA       ((uint8_t *)0x30000000)
#define HEAP_PAGES  40u
#define FILE_PAGES  16u
#define DEPTH       3u   /* of forks */
#define LOOK        128u /* at all of the arena, so often */
#define CHECKPOINT  500u
#define INSTRUCTION 15u   /* bytes, at most */
#define TRAIL       3000u /* lines between two checkpoints of which something is kept */

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Shared by all processes, which take turns. */
static struct {
    uint64_t digest;
    uint32_t done;
    uint32_t marks;
    char mark[TRAIL]; /* since the last checkpoint: a letter of the digest after each line */
} * common;

static uint64_t seed;
static bool verbose, many_forks;
static const char *keep, *skip;
static int fds[6]; /* file 0 and 1; file 0 for reading, and for writing only; a directory; /dev/zero */
enum { RDWR_0, RDWR_1, RDONLY_0, WRONLY_0, DIRECTORY, ZERO };
static uint8_t *heap;

/* --- random: from the seed and the path of an operation --- */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

struct rng {
    uint64_t s;
};

static uint32_t next(struct rng *r)
{
    return (uint32_t)mix(r->s += 0x9e3779b97f4a7c15ull);
}

static uint32_t below(struct rng *r, uint32_t n)
{
    return next(r) % n;
}

/* --- an operation's name: 12, or 12.3.1 --- */

struct path {
    unsigned depth;
    uint32_t at[DEPTH + 1];
};

static void path_text(const struct path *p, char *text, size_t size)
{
    size_t n = 0;

    for (unsigned i = 0; i <= p->depth && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, i ? ".%u" : "%u", p->at[i]);
}

/* Whether a list has the whole name, or a range that holds a top operation. */
static bool listed(const char *list, const char *name, bool top)
{
    size_t n = strlen(name);
    unsigned long number = strtoul(name, NULL, 10);

    while (*list) {
        size_t length = strcspn(list, ",");

        if (length == n && memcmp(list, name, n) == 0)
            return true;
        if (top && memchr(list, '-', length)) {
            char *end;
            unsigned long first = strtoul(list, &end, 10), last = strtoul(end + 1, NULL, 10);

            if (number >= first && number <= last)
                return true;
        }
        list += length + (list[length] == ',');
    }
    return false;
}

/* --- saying --- */

static char line[512];
static size_t used;

static void __attribute__((format(printf, 1, 2))) add(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    used += (size_t)vsnprintf(line + used, sizeof line - used, fmt, ap);
    va_end(ap);
    if (used > sizeof line - 2)
        used = sizeof line - 2;
}

static void flush(bool show)
{
    for (size_t i = 0; i < used; i++)
        common->digest = (common->digest ^ (uint8_t)line[i]) * 0x100000001b3ull;
    if (common->marks < TRAIL)
        common->mark[common->marks++] = (char)('A' + (common->digest >> 32) % 26);
    line[used] = '\n';
    if (show && write(1, line, used + 1) < 0)
        _exit(3);
    used = 0;
}

static long result(long rc)
{
    if (rc == -1)
        add(" = %s", strerrorname_np(errno));
    else
        add(" = %ld", rc);
    return rc;
}

/* An address of the arena is said as a page. */
static long result_at(long rc)
{
    uintptr_t p = (uintptr_t)rc - (uintptr_t)ARENA;

    if (rc == -1)
        return result(rc);
    if (p < PAGES * PAGE)
        add(" = @%u", (unsigned)(p / PAGE));
    else
        add(" = elsewhere");
    return rc;
}

/* --- touching --- */

static volatile sig_atomic_t fault_signal, fault_code;
static uintptr_t fault_address;

/* The touch has put into ECX where to go on, which is the next instruction. Another fault than a touch's
 * is the loss of a page of the program's own, by a disk that cannot be read: there is nothing to go on
 * with. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    static const char lost[] = "memdiff: a page of its own is lost\n";
    ucontext_t *u = context;
    uint32_t ahead = (uint32_t)(u->uc_mcontext.gregs[REG_ECX] - u->uc_mcontext.gregs[REG_EIP]);

    if (ahead == 0 || ahead > INSTRUCTION)
        _exit(write(2, lost, sizeof lost - 1) > 0 ? 4 : 5);
    fault_signal = signo;
    fault_code = info->si_code;
    fault_address = (uintptr_t)info->si_addr;
    u->uc_mcontext.gregs[REG_EIP] = u->uc_mcontext.gregs[REG_ECX];
}

static bool load(const uint8_t *p, uint32_t *value)
{
    uint32_t v = 0;

    fault_signal = 0;
    __asm__ volatile("mov $1f, %%ecx\n\tmov (%1), %0\n1:" : "+r"(v) : "r"(p) : "ecx", "memory");
    *value = v;
    return fault_signal == 0;
}

static bool store(uint8_t *p, uint32_t value)
{
    fault_signal = 0;
    __asm__ volatile("mov $1f, %%ecx\n\tmov %0, (%1)\n1:" : : "r"(value), "r"(p) : "ecx", "memory");
    return fault_signal == 0;
}

/* Signal, code, and whether the address is the one that was touched. */
static void add_fault(const uint8_t *p)
{
    add(" %s%d%s",
        fault_signal == SIGBUS    ? "B"
        : fault_signal == SIGSEGV ? "S"
                                  : "?",
        (int)fault_code, fault_address == (uintptr_t)p ? "" : "!");
}

/* One digest a page, or how it faults. */
static void look(const uint8_t *base, unsigned first, unsigned n, unsigned step)
{
    for (unsigned i = first; i < first + n; i++) {
        uint32_t sum = 0, value;
        unsigned k;

        for (k = 0; k < PAGE; k += step) {
            if (!load(base + i * PAGE + k, &value))
                break;
            sum = (sum ^ value) * 16777619u;
        }
        if (k < PAGE) {
            add_fault(base + i * PAGE + k);
        } else {
            for (k = 0; sum && k < 4; k++)
                sum ^= sum >> (8 * k + 4);
            add(" %02x", sum & 0xff);
        }
    }
}

/* --- arguments --- */

struct range {
    unsigned page, n;
};

static struct range any_range(struct rng *r, unsigned most)
{
    struct range g = {below(r, PAGES), 0};

    g.n = 1 + (below(r, 3) ? below(r, 4) : below(r, most));
    if (g.n > PAGES - g.page)
        g.n = PAGES - g.page;
    return g;
}

static uint8_t *at(unsigned page)
{
    return ARENA + page * PAGE;
}

static int any_prot(struct rng *r)
{
    static const int prots[] = {PROT_NONE,
                                PROT_READ,
                                PROT_READ | PROT_WRITE,
                                PROT_READ | PROT_WRITE,
                                PROT_READ | PROT_WRITE,
                                PROT_READ | PROT_EXEC,
                                PROT_WRITE,
                                PROT_READ | PROT_WRITE | PROT_EXEC};

    return prots[below(r, 8)];
}

static const char *prot_text(int prot)
{
    static char text[8];

    snprintf(text, sizeof text, "%c%c%c%s", prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
             prot & PROT_EXEC ? 'x' : '-', prot & ~7 ? "+?" : "");
    return text;
}

/* --- operations --- */

static void do_mmap(struct rng *r, struct range g)
{
    int prot = any_prot(r), flags = MAP_FIXED, fd = -1;
    uint32_t offset = 0, off = 0, length = g.n * PAGE;
    static const char *const kinds[] = {"MAP_?", "MAP_SHARED", "MAP_PRIVATE", "MAP_SHARED_VALIDATE"};

    flags |= below(r, 2) ? MAP_PRIVATE : MAP_SHARED;
    if (below(r, 2)) {
        flags |= MAP_ANONYMOUS;
    } else {
        fd = fds[below(r, 8) ? below(r, 2) : below(r, 6)];
        offset = below(r, FILE_PAGES + 2);
        if (fd == fds[ZERO] && below(r, 2))
            offset = 0;
    }
    if (below(r, 8) == 0)
        flags |= MAP_POPULATE;
    if (below(r, 10) == 0)
        flags |= MAP_NORESERVE;
    if (below(r, 24) == 0)
        flags |= MAP_LOCKED;
    if (below(r, 8) == 0)
        flags = (flags & ~MAP_FIXED) | MAP_FIXED_NOREPLACE;
    switch (below(r, 60)) {
    case 0:
        length = 0;
        break;
    case 1:
        length = 0xffffffff;
        break;
    case 2:
        flags &= ~(MAP_PRIVATE | MAP_SHARED);
        break;
    case 3:
        off = 1 + below(r, PAGE - 1);
        break;
    case 4:
        flags |= MAP_SHARED_VALIDATE;
        break;
    case 5:
        flags |= MAP_SHARED_VALIDATE | 0x4000000;
        break;
    case 6:
        fd = -1;
        flags &= ~MAP_ANONYMOUS;
        break;
    case 7:
        length -= below(r, PAGE);
        break;
    }
    add("mmap2(@%u%s, 0x%x, %s, %s|0x%x, fd %d, %u)", g.page, off ? "+odd" : "", length, prot_text(prot),
        kinds[flags & 3], flags & ~3, fd, offset);
    result_at(syscall(SYS_mmap2, at(g.page) + off, length, prot, flags, fd, offset));
}

static void do_munmap(struct rng *r, struct range g)
{
    uint32_t length = g.n * PAGE, off = 0;

    switch (below(r, 40)) {
    case 0:
        length = 0;
        break;
    case 1:
        length = 0xffffffff;
        break;
    case 2:
        off = 8;
        break;
    case 3:
        length -= 100;
        break;
    }
    add("munmap(@%u%s, 0x%x)", g.page, off ? "+8" : "", length);
    result(syscall(SYS_munmap, at(g.page) + off, length));
}

static void do_mprotect(struct rng *r, struct range g)
{
    int prot = any_prot(r);
    uint32_t off = 0;

    switch (below(r, 50)) {
    case 0:
        prot |= 0x100;
        break;
    case 1:
        prot |= PROT_GROWSDOWN;
        break;
    case 2:
        prot |= PROT_GROWSDOWN | PROT_GROWSUP;
        break;
    case 3:
        off = 4;
        break;
    case 4:
        g.n = 0;
        break;
    }
    add("mprotect(@%u%s, %u pages, %s 0x%x)", g.page, off ? "+4" : "", g.n, prot_text(prot),
        (unsigned)prot & ~7u);
    result(syscall(SYS_mprotect, at(g.page) + off, g.n * PAGE, prot));
}

static void do_mremap(struct rng *r, struct range g)
{
    static const int choices[] = {0,
                                  0,
                                  MREMAP_MAYMOVE | MREMAP_FIXED,
                                  MREMAP_MAYMOVE | MREMAP_FIXED,
                                  MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                                  MREMAP_FIXED,
                                  MREMAP_DONTUNMAP,
                                  8};
    int flags = choices[below(r, 8)];
    unsigned to = below(r, PAGES), want = 1 + below(r, 6), old = g.n;
    bool made = below(r, 3), shared = false;

    /* One region, made here: or a single page, which cannot be more than one. */
    if (made) {
        int fd = below(r, 2) ? fds[below(r, 2)] : -1;
        int kind = (below(r, 2) ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : 0);
        int prot = any_prot(r);
        uint32_t offset = below(r, FILE_PAGES), wrote = 0, value = next(r);

        shared = kind & MAP_SHARED;
        if (g.n > 6)
            g.n = old = 6;
        add("mmap2(@%u, %u pages, %s, 0x%x, fd %d, %u)", g.page, g.n, prot_text(prot), kind, fd,
            fd < 0 ? 0 : offset);
        result_at(syscall(SYS_mmap2, at(g.page), g.n * PAGE, prot, kind, fd, fd < 0 ? 0 : offset));
        for (unsigned i = 0; i < g.n; i++)
            if (value >> i & 1)
                wrote += store(at(g.page + i), value + i);
        add(" wrote %u; ", wrote);
    } else {
        g.n = old = 1;
        flags &= ~MREMAP_DONTUNMAP; /* which unlocks all of a region of which one page moves, on Linux */
    }
    if (flags & MREMAP_DONTUNMAP && below(r, 8))
        want = old;
    /* What is not shared cannot be doubled, and Linux 6.1 says so after it has unmapped the target. */
    if (below(r, 16) == 0 && (shared || !(flags & MREMAP_FIXED)))
        old = 0;
    if (g.page + want > PAGES)
        want = PAGES - g.page;
    if (to + want > PAGES)
        to = PAGES - want;
    if (below(r, 30) == 0)
        want = 0;
    /* What is doubled onto itself is first unmapped, on Linux, and then not there. */
    if (old == 0 && to <= g.page && g.page < to + want)
        old = 1;
    /* If nothing is there and the target is bad too, either may be said. */
    if (!made && to <= g.page && g.page < to + want)
        flags = 0;
    add("mremap(@%u, %u pages, %u pages, 0x%x, @%u)", g.page, old, want, flags, to);
    result_at(syscall(SYS_mremap, at(g.page), old * PAGE, want * PAGE, flags, at(to)));
}

/* Whether a page that is touched is there. What comes in between may bring others in, for which some policies
 * take the page that was touched last: so there is more than one try. */
static void add_residence(uint32_t page)
{
    unsigned char there = 0;
    uint32_t value;

    for (unsigned try = 0; try < 20 && !(there & 1); try++)
        if (!load(at(page), &value) || syscall(SYS_mincore, at(page), PAGE, &there) != 0)
            return;
    add(" in %d", there & 1);
}

static void do_madvise(struct rng *r, struct range g)
{
    static const struct {
        int advice;
        const char *name;
    } advices[] = {
        {MADV_DONTNEED, "DONTNEED"},
        {MADV_DONTNEED, "DONTNEED"},
        {MADV_DONTNEED, "DONTNEED"},
        {MADV_FREE, "FREE"},
        {MADV_REMOVE, "REMOVE"},
        {MADV_REMOVE, "REMOVE"},
        {MADV_WILLNEED, "WILLNEED"},
        {MADV_DONTFORK, "DONTFORK"},
        {MADV_DOFORK, "DOFORK"},
        {MADV_DOFORK, "DOFORK"},
        {MADV_WIPEONFORK, "WIPEONFORK"},
        {MADV_KEEPONFORK, "KEEPONFORK"},
        {20, "COLD"},
        {21, "PAGEOUT"},
        {21, "PAGEOUT"},
        {22, "POPULATE_READ"},
        {23, "POPULATE_WRITE"},
        {MADV_SEQUENTIAL, "SEQUENTIAL"},
        {MADV_RANDOM, "RANDOM"},
        {MADV_NORMAL, "NORMAL"},
        {MADV_DONTDUMP, "DONTDUMP"},
        {MADV_DODUMP, "DODUMP"},
        {24, "DONTNEED_LOCKED"},
        {777, "777"},
    };
    unsigned i = below(r, sizeof advices / sizeof *advices);
    uint32_t off = below(r, 60) ? 0 : 12;
    long rc;

    if (advices[i].advice == 22 || advices[i].advice == 23)
        g.n = 1; /* Linux 6.1 goes on behind a hole, later ones do not */
    if (below(r, 60) == 0)
        g.n = 0;
    add("madvise(@%u%s, %u pages, %s)", g.page, off ? "+12" : "", g.n, advices[i].name);
    rc = result(syscall(SYS_madvise, at(g.page) + off, g.n * PAGE, advices[i].advice));
    /* What is free may be gone or not; then it is gone. */
    if (advices[i].advice == MADV_FREE) {
        add("; DONTNEED");
        rc = result(syscall(SYS_madvise, at(g.page), g.n * PAGE, MADV_DONTNEED));
    }
    (void)rc;
}

static void do_mlock(struct rng *r, struct range g)
{
    unsigned which = below(r, 12);

    if (which < 6) {
        add("munlock(@%u, %u pages)", g.page, g.n);
        result(syscall(SYS_munlock, at(g.page), g.n * PAGE));
    } else if (which < 9) {
        add("mlock(@%u, %u pages)", g.page, g.n);
        result(syscall(SYS_mlock, at(g.page), g.n * PAGE));
    } else if (which < 11) {
        add("mlock2(@%u, %u pages, %u)", g.page, g.n, which - 8);
        result(syscall(376, at(g.page), g.n * PAGE, which - 8));
    } else {
        add("munlockall()");
        result(syscall(SYS_munlockall));
    }
}

static void do_msync(struct rng *r, struct range g)
{
    int flags = (int)below(r, 9);
    uint32_t off = below(r, 30) ? 0 : 4;

    add("msync(@%u%s, %u pages, %d)", g.page, off ? "+4" : "", g.n, flags);
    result(syscall(SYS_msync, at(g.page) + off, g.n * PAGE, flags));
}

static void do_mincore(struct rng *r, struct range g)
{
    uint32_t value;

    if (below(r, 2)) {
        add("touch @%u", g.page);
        if (load(at(g.page), &value)) {
            add(" %x", value);
            add_residence(g.page);
        } else {
            add_fault(at(g.page));
        }
    } else {
        unsigned char there[PAGES];

        add("mincore(@%u, %u pages)", g.page, g.n);
        result(syscall(SYS_mincore, at(g.page), g.n * PAGE, there));
    }
}

static void do_brk(struct rng *r)
{
    unsigned page = below(r, HEAP_PAGES), touch = below(r, HEAP_PAGES);
    uint32_t off = below(r, 3) ? 0 : below(r, PAGE), value = next(r);
    uint8_t *end = (uint8_t *)syscall(SYS_brk, heap + page * PAGE + off);

    add("brk(heap + 0x%x) = heap + 0x%x, touch %u", page * PAGE + off, (unsigned)(end - heap), touch);
    if (!load(heap + touch * PAGE, &value))
        add_fault(heap + touch * PAGE);
    else
        add(" %x", value);
    if (!store(heap + touch * PAGE, next(r)))
        add_fault(heap + touch * PAGE);
}

static void do_read(struct rng *r, struct range g)
{
    uint32_t value, offset = below(r, PAGE / 4) * 4;

    if (below(r, 2)) {
        add("look @%u, %u pages:", g.page, g.n);
        look(ARENA, g.page, g.n, 4);
        return;
    }
    add("read @%u+0x%x", g.page, offset);
    if (load(at(g.page) + offset, &value))
        add(" %x", value);
    else
        add_fault(at(g.page) + offset);
}

static void do_write(struct rng *r, struct range g)
{
    uint32_t value = next(r), offset = below(r, PAGE / 4) * 4;

    if (below(r, 2))
        g.n = 1;
    add("write @%u+0x%x, %u pages, %x:", g.page, offset, g.n, value);
    for (unsigned i = 0; i < g.n; i++) {
        if (store(at(g.page + i) + offset, value + i))
            add(" w");
        else
            add_fault(at(g.page + i) + offset);
    }
}

/* Through the file: reads and writes of whole pages, sizes, holes. */
static void do_file(struct rng *r, struct range g)
{
    unsigned file = below(r, 2), page = below(r, FILE_PAGES), n = 1 + below(r, 4);
    uint32_t value;

    switch (below(r, 6)) {
    case 0:
        add("ftruncate(fd %d, %u pages)", fds[file], page);
        result(ftruncate(fds[file], page * PAGE));
        break;
    case 1:
        add("ftruncate(fd %d, %u pages)", fds[file], FILE_PAGES);
        result(ftruncate(fds[file], FILE_PAGES * PAGE));
        break;
    case 2:
        add("fallocate(fd %d, PUNCH_HOLE, page %u, %u pages)", fds[file], page, n);
        result(fallocate(fds[file], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * PAGE, n * PAGE));
        break;
    case 3:
        add("fallocate(fd %d, 0, page %u, %u pages)", fds[file], page, n);
        result(fallocate(fds[file], 0, page * PAGE, n * PAGE));
        break;
    case 4:
        add("pread(fd %d, @%u, %u pages, page %u)", fds[file], g.page, g.n, page);
        result(pread(fds[file], at(g.page), g.n * PAGE, page * PAGE));
        break;
    case 5:
        /* A file may grow by what could not be read, on Linux. */
        if (!load(at(g.page), &value))
            page = 0;
        add("pwrite(fd %d, @%u, 1 page, page %u)", fds[file], g.page, page);
        result(pwrite(fds[file], at(g.page), PAGE, page * PAGE));
        break;
    }
}

/* --- sequences --- */

static void sequence(const struct path *parent, uint32_t first, uint32_t n);

/* A child does something, and its parent does something, one after the other. */
static void do_fork(struct rng *r, const struct path *p)
{
    unsigned mine = below(r, 6), its = 2 + below(r, 10);
    bool child_first = below(r, 2);
    int turn[2], status;
    pid_t pid;
    char byte = 0;

    if (p->depth + 1 > DEPTH) {
        add("no fork");
        return;
    }
    add("fork, %s first", child_first ? "child" : "parent");
    flush(verbose);
    if (pipe(turn) != 0)
        _exit(4);
    pid = fork();
    if (pid < 0) {
        add("fork failed: %s", strerrorname_np(errno));
        flush(true);
        _exit(5);
    }
    if (pid == 0) {
        close(turn[1]);
        if (!child_first && read(turn[0], &byte, 1) != 0)
            _exit(6);
        close(turn[0]);
        sequence(p, 0, its);
        _exit(7);
    }
    close(turn[0]);
    if (!child_first) {
        sequence(p, 100, mine);
        close(turn[1]);
    }
    if (waitpid(pid, &status, 0) != pid)
        _exit(8);
    add("md| child ended: 0x%x", status);
    if (child_first)
        close(turn[1]);
}

static void operation(const struct path *p)
{
    uint64_t h = seed;
    char name[64];
    struct rng r;
    struct range g;
    uint32_t kind;

    path_text(p, name, sizeof name);
    if (p->depth == 0 && *keep && !listed(keep, name, true))
        return;
    if (listed(skip, name, false))
        return;
    for (unsigned i = 0; i <= p->depth; i++)
        h = mix(h + p->at[i] + 0x9e3779b97f4a7c15ull);
    r.s = h;
    g = any_range(&r, 16);

    add("md| %s ", name);
    kind = below(&r, 100);
    if (many_forks && below(&r, 8) == 0)
        kind = 99;
    switch (kind) {
    case 0 ... 19:
        do_mmap(&r, g);
        break;
    case 20 ... 24:
        do_munmap(&r, g);
        break;
    case 25 ... 32:
        do_mprotect(&r, g);
        break;
    case 33 ... 38:
        do_mremap(&r, g);
        break;
    case 39 ... 48:
        do_madvise(&r, g);
        break;
    case 49 ... 52:
        do_mlock(&r, g);
        break;
    case 53 ... 54:
        do_msync(&r, g);
        break;
    case 55 ... 57:
        do_mincore(&r, g);
        break;
    case 58 ... 60:
        do_brk(&r);
        break;
    case 61 ... 73:
        do_read(&r, g);
        break;
    case 74 ... 91:
        do_write(&r, g);
        break;
    case 92 ... 97:
        do_file(&r, g);
        break;
    default:
        do_fork(&r, p);
        break;
    }
    flush(verbose);
    common->done++;
    if (p->at[p->depth] % LOOK == LOOK - 1) {
        for (unsigned i = 0; i < PAGES; i += 16) {
            add("md| %s look @%u:", name, i);
            look(ARENA, i, 16, 4);
            flush(verbose);
        }
    }
}

/* Where two kernels part is the first mark that differs: that many lines of -v after the checkpoint
 * before. */
static void checkpoint(uint32_t done)
{
    static char text[TRAIL + 128];
    int length = snprintf(text, sizeof text, "md| marks %.*s\nmd| after %u: %016llx\n", (int)common->marks,
                          common->mark, done, (unsigned long long)common->digest);

    common->marks = 0;
    if (write(1, text, (size_t)length) != length)
        _exit(3);
}

/* Operations first .. first + n - 1 below parent (NULL: the top). */
static void sequence(const struct path *parent, uint32_t first, uint32_t n)
{
    struct path p = {0};

    if (parent) {
        p = *parent;
        p.depth++;
    }
    for (uint32_t i = first; i < first + n; i++) {
        p.at[p.depth] = i;
        operation(&p);
        if (!parent && !verbose && i % CHECKPOINT == CHECKPOINT - 1) {
            checkpoint(i + 1);
        }
    }
}

static void open_files(void)
{
    static const char *const names[] = {"/dev/shm/memdiff.0", "/dev/shm/memdiff.1"};
    static uint32_t words[PAGE / 4];

    for (unsigned i = 0; i < 2; i++) {
        fds[i] = open(names[i], O_RDWR | O_CREAT | O_TRUNC, 0600);
        for (unsigned page = 0; page < FILE_PAGES / (i + 1); page++) {
            for (unsigned k = 0; k < PAGE / 4; k++)
                words[k] = (page * 1024 + k) * 2654435761u + i;
            if (write(fds[i], words, PAGE) != (ssize_t)PAGE)
                _exit(2);
        }
    }
    fds[RDONLY_0] = open(names[0], O_RDONLY);
    fds[WRONLY_0] = open(names[0], O_WRONLY);
    fds[DIRECTORY] = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    fds[ZERO] = open("/dev/zero", O_RDWR);
    unlink(names[0]);
    unlink(names[1]);
}

/* A setting that only Quire has. As the first program there is no /proc yet. */
static void set(const char *file, const char *value)
{
    char path[64];
    int fd;

    if (getpid() == 1)
        mount("proc", "/proc", "proc", 0, NULL);
    snprintf(path, sizeof path, "/proc/sys/vm/%s", file);
    fd = open(path, O_WRONLY);
    if (fd < 0)
        return;
    if (write(fd, value, strlen(value)) != (ssize_t)strlen(value)) {
        printf("memdiff: %s does not take %s\n", path, value);
        exit(1);
    }
    close(fd);
}

/* How much of it went through the disk. */
static void say_swapped(void)
{
    char text[80];
    FILE *f = fopen("/proc/vmstat", "r");

    while (f && fgets(text, sizeof text, f))
        if (strncmp(text, "pswpin ", 7) == 0 || strncmp(text, "pswpout ", 8) == 0)
            printf("memdiff: %s", text);
    if (f)
        fclose(f);
}

/* One run, whose children have ended with it. */
static int run(const char *name, uint32_t operations)
{
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    uintptr_t end;

    seed = mix(strtoull(name, NULL, 0) + 1);
    common = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED)
        return 1;
    common->digest = 0xcbf29ce484222325ull;
    open_files();
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
    end = ((uintptr_t)syscall(SYS_brk, 0) + PAGE - 1) & ~(PAGE - 1);
    heap = (uint8_t *)syscall(SYS_brk, end);

    sequence(NULL, 0, operations);
    add("md| seed %s: %u operations, %016llx", name, common->done, (unsigned long long)common->digest);
    flush(true);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long runs = 1, first;
    uint32_t operations;
    bool capped = false;
    int opt, failed = 0;

    keep = skip = "";
    while ((opt = getopt(argc, argv, "vfk:x:r:c:p:")) != -1) {
        if (opt == 'v')
            verbose = true;
        else if (opt == 'f')
            many_forks = true;
        else if (opt == 'k')
            keep = optarg;
        else if (opt == 'x')
            skip = optarg;
        else if (opt == 'r')
            runs = strtoul(optarg, NULL, 0);
        else if (opt == 'c')
            set("pageable_max", optarg), capped = true;
        else if (opt == 'p')
            set("policy", optarg);
        else
            return 2;
    }
    if (argc - optind < 2) {
        fprintf(stderr,
                "memdiff [-vf] [-k KEEP] [-x SKIP] [-r RUNS] [-c PAGES] [-p POLICY] SEED OPERATIONS\n");
        return 2;
    }
    operations = (uint32_t)strtoul(argv[optind + 1], NULL, 0);
    if (runs == 1)
        return run(argv[optind], operations);
    first = strtoul(argv[optind], NULL, 0);
    for (unsigned long i = 0; i < runs; i++) {
        pid_t child = fork();
        char name[16];
        int status;

        if (child == 0) {
            snprintf(name, sizeof name, "%lu", first + i);
            exit(run(name, operations));
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            failed = 1;
    }
    if (capped)
        say_swapped();
    return failed;
}
