/*
 * segments [PART]: the textbook's first half on this processor, with real descriptors and real accesses.
 *
 *     segments base       one base and one limit: a program is moved while it is stopped, and goes on
 *     segments grow       code, heap and stack as three segments; each grows, the stack downward
 *     segments share      two processes, one code segment
 *     segments forbidden  what is not allowed, and what it is told as
 *     segments compact    blocks behind segments are moved together
 *     segments --table FILE   rows that another program's simulator printed, each done
 *
 * Without a part: all of them. What is shown was just done, and is checked; the status says whether all was
 * right.
 *
 * The addresses of the last member of a table are "physical" ones: places in a window of memory, at which a
 * descriptor's base points. A processor refuses an access beyond a limit with #GP or #SS. QEMU without KVM
 * does not look at limits when memory is touched, only when a selector is loaded and at far jumps; so
 * everything here lies in such a way that behind each limit is a page that nobody may touch, and the access
 * is refused by that, at the same byte.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"
#include "tests/user/quire/segment.h"

#define PAGE 4096u

static unsigned checks, failed;

static void check(bool holds, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void check(bool holds, const char *fmt, ...)
{
    va_list ap;

    checks++;
    if (holds)
        return;
    failed++;
    fputs("  *** WRONG: ", stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

/* Words, in lines of at most WIDTH columns behind two blanks. */
static void sentence(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void sentence(const char *fmt, ...)
{
    enum { WIDTH = 79 };
    char text[1024];
    size_t column = 0;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (const char *at = text; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");

        if (column && column + 1 + n > WIDTH) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column ? " " : "  ", (int)n, at);
        at += n;
    }
    putchar('\n');
    fflush(stdout); /* a child must not inherit what was not written yet */
}

static void *map_pages(unsigned pages, int prot, int how)
{
    void *p = mmap(NULL, pages * PAGE, prot, how | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        perror("segments: mmap");
        exit(1);
    }
    return p;
}

static uint32_t number(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

static void define(unsigned n, uint32_t base, uint32_t limit, unsigned flags)
{
    if (!segment_set(n, base, limit, flags)) {
        perror("segments: modify_ldt");
        exit(1);
    }
}

static void about_limits(void)
{
    sentence(
        segment_limits_are_checked()
            ? "This processor looks at limits and rights whenever memory is touched."
            : "This processor (QEMU without KVM) does not look at limits when memory is touched, only at "
              "loads and "
              "far calls; pages that nobody may touch, right behind each limit, refuse the access there.");
}

/* --- base and bounds --- */

/* A program that knows nothing of where it lies: its addresses begin at 0. It counts, with a variable, a
 * stack and a procedure; its second counter is the first one, by way of the stack. */
extern const uint8_t segments_counter[], segments_counter_end[], segments_stray[], segments_stray_end[];
__asm__(".pushsection .rodata\n"
        "segments_counter:\n"
        "1: incl 0x800\n"
        "mov 0x800, %eax\n"
        "push %eax\n"
        "call 2f\n"
        "jmp 1b\n"
        "2: pop %edx\n"
        "pop %ecx\n"
        "mov %ecx, 0x804\n"
        "push %edx\n"
        "ret\n"
        "segments_counter_end:\n"
        /* One that looks at the first byte behind its bounds. */
        "segments_stray:\n"
        "movb 0x1000, %al\n"
        "1: jmp 1b\n"
        "segments_stray_end:\n"
        ".popsection");

enum { CODE = 1, DATA = 2, FIRST = 0x800, SECOND = 0x804, BOUND = PAGE };

/* In a process that shares memory and table: load one pair of base and bounds into all registers, and run at
 * 0. */
static int run_at_zero(void *arg)
{
    (void)arg;
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    __asm__ volatile("mov %[data], %%ds\n mov %[data], %%es\n mov %[data], %%ss\n mov %[top], %%esp\n"
                     "push %[code]\n push $0\n lret"
                     :
                     : [data] "r"(SEG(DATA)), [code] "r"(SEG(CODE)), [top] "r"(BOUND)
                     : "memory");
    return 0;
}

static uint8_t child_stack[16384] __attribute__((aligned(16)));

static pid_t start_at(uint8_t *place, const uint8_t *from, size_t n)
{
    memcpy(place, from, n);
    define(CODE, number(place), BOUND - 1, SEG_32BIT | SEG_CODE);
    define(DATA, number(place), BOUND - 1, SEG_32BIT);
    return clone(run_at_zero, child_stack + sizeof child_stack, CLONE_VM | SIGCHLD, NULL);
}

static uint32_t word_at(const uint8_t *place, uint32_t va)
{
    return *(const volatile uint32_t *)(place + va);
}

static bool counts_on(const uint8_t *place, uint32_t from)
{
    for (int i = 0; i < 5000 && word_at(place, FIRST) <= from + 100; i++)
        usleep(1000);
    return word_at(place, FIRST) > from + 100;
}

static int segments_base(void)
{
    enum { PLACES = 4 };
    static const unsigned order[PLACES] = {0, 2, 3, 1};
    /* Each place is a page between two that are closed. */
    uint8_t *memory = map_pages(2 * PLACES + 1, PROT_NONE, MAP_PRIVATE);
    uint8_t *at = memory + PAGE;
    unsigned before = failed;
    int status;
    pid_t pid;

    puts("\n-- Base and bounds: a program is moved while it is stopped");
    about_limits();
    mprotect(at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    pid = start_at(at, segments_counter, (size_t)(segments_counter_end - segments_counter));
    check(pid > 0 && counts_on(at, 0), "the program counts");
    sentence("It runs at addresses 0 to 0x%x, in memory from 0x%08x on, and counts in its word 0x%x: %u.",
             BOUND - 1, number(at), FIRST, word_at(at, FIRST));
    for (unsigned i = 1; i < PLACES; i++) {
        uint8_t *to = memory + PAGE + order[i] * 2 * PAGE;
        uint32_t stopped;

        kill(pid, SIGSTOP);
        waitpid(pid, &status, WUNTRACED);
        check(WIFSTOPPED(status), "it stops");
        stopped = word_at(at, FIRST);
        mprotect(to, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
        memcpy(to, at, PAGE);
        define(CODE, number(to), BOUND - 1, SEG_32BIT | SEG_CODE);
        define(DATA, number(to), BOUND - 1, SEG_32BIT);
        mprotect(at, PAGE, PROT_NONE);
        kill(pid, SIGCONT);
        check(counts_on(to, stopped), "it goes on at its new place");
        sentence("stopped at %u; copied to 0x%08x, base changed, the old place closed; goes on: %s", stopped,
                 number(to), word_at(to, FIRST) > stopped ? "it counts" : "it does not count");
        at = to;
    }
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    sentence("Address 0x%x: 0x%08x + 0x%x = 0x%08x holds %u, by the segment: %02x.", FIRST, number(at), FIRST,
             number(at) + FIRST, word_at(at, FIRST), segment_read(SEG(DATA), FIRST).value);
    check(segment_read(SEG(DATA), FIRST).value == (word_at(at, FIRST) & 0xff), "base + address is the byte");
    check(word_at(at, FIRST) - word_at(at, SECOND) <= 1, "its stack came along");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it ran until it was killed");
    pid = start_at(at, segments_stray, (size_t)(segments_stray_end - segments_stray));
    waitpid(pid, &status, 0);
    sentence("A program that reads address 0x%x, the first one out of bounds: %s.", BOUND,
             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it went on");
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "out of bounds is refused");
    munmap(memory, (2 * PLACES + 1) * PAGE);
    return (int)(failed - before);
}

/* --- three segments that grow --- */

/* Procedures of a code segment. */
extern const uint8_t segments_add[], segments_mul[], segments_end[], segments_peek[], segments_peek_end[];
__asm__(".pushsection .rodata\n"
        "segments_add:\n" /* EBX + ECX */
        "mov %ebx, %eax\n"
        "add %ecx, %eax\n"
        "lret\n"
        ".org segments_add + 16\n"
        "segments_mul:\n"
        "mov %ebx, %eax\n"
        "imul %ecx, %eax\n"
        "lret\n"
        "segments_end:\n"
        "segments_peek:\n" /* the word at ECX of the data segment that is in EBX */
        "mov %ebx, %fs\n"
        "mov %fs:(%ecx), %eax\n"
        "lret\n"
        "segments_peek_end:\n"
        ".popsection");

enum { STACK = 3, HEAP = 4, STACK_MOST = 8 };
static uint8_t *stack_top;
static unsigned stack_pages, stack_grown;

/* The stack's descriptor: it grows down from stack_top, whose offset is 0, and has so many pages. */
static void set_stack(unsigned pages)
{
    stack_pages = pages;
    mprotect(stack_top - pages * PAGE, pages * PAGE, PROT_READ | PROT_WRITE);
    define(STACK, number(stack_top), 0xFFFFF - pages, SEG_32BIT | SEG_PAGES | SEG_DOWN);
}

/* As a system does it: an access just below the stack makes it grow. */
static bool grow_stack(const struct touched *t, uint32_t esp)
{
    bool below =
        t->trap == 12 || (t->trap == 14 && t->addr - number(stack_top - (stack_pages + 1) * PAGE) < PAGE);

    if (!below || esp < 0x80000000u || stack_pages == STACK_MOST)
        return false;
    stack_grown++;
    set_stack(stack_pages + 1);
    return true;
}

static void tell(const char *what, uint32_t base, uint32_t va, const struct touched *t)
{
    if (t->signo)
        printf("  %-20s offset 0x%08x: refused, %s\n", what, va, segment_outcome(t));
    else
        printf("  %-20s offset 0x%08x: 0x%08x + offset = 0x%08x\n", what, va, base, base + va);
}

static int segments_grow(void)
{
    uint8_t *memory = map_pages(2 + 6 + STACK_MOST + 3, PROT_NONE, MAP_PRIVATE);
    uint8_t *code = memory + PAGE, *heap = memory + 3 * PAGE;
    unsigned before = failed;
    struct touched t;
    uint32_t rights = 0, limit = 0;

    puts("\n-- Code, heap and stack: three segments, and each grows");
    about_limits();
    stack_top = memory + (2 + 6 + STACK_MOST + 1) * PAGE;

    mprotect(code, PAGE, PROT_READ | PROT_WRITE);
    memcpy(code, segments_add, (size_t)(segments_end - segments_add));
    mprotect(code, PAGE, PROT_READ | PROT_EXEC);
    define(CODE, number(code), 15, SEG_32BIT | SEG_CODE);
    t = segment_call(SEG(CODE), 0, 20, 3);
    sentence("code: base 0x%08x, limit 15. A call of 0: 20 + 3 = %u.", number(code), t.value);
    check(!t.signo && t.value == 23, "the first procedure");
    t = segment_call(SEG(CODE), 16, 20, 3);
    sentence("A call of 16, behind it: refused, %s.", segment_outcome(&t));
    check(t.signo == SIGSEGV && t.trap == 13, "a call beyond the limit");
    define(CODE, number(code), 31, SEG_32BIT | SEG_CODE);
    t = segment_call(SEG(CODE), 16, 20, 3);
    sentence("The limit is 31 now: 20 * 3 = %u.", t.value);
    check(!t.signo && t.value == 60, "the second procedure");

    mprotect(heap, PAGE, PROT_READ | PROT_WRITE);
    define(HEAP, number(heap), 0, SEG_32BIT | SEG_PAGES);
    sentence("heap: base 0x%08x, one page.", number(heap));
    for (unsigned pages = 1; pages <= 3; pages++) {
        uint32_t last = pages * PAGE - 1;

        if (pages > 1) {
            mprotect(heap, pages * PAGE, PROT_READ | PROT_WRITE);
            define(HEAP, number(heap), pages - 1, SEG_32BIT | SEG_PAGES);
            sentence("The heap grows to %u pages.", pages);
        }
        t = segment_write(SEG(HEAP), last, (uint8_t)(0x40 + pages));
        tell("write its last byte", number(heap), last, &t);
        check(!t.signo && heap[last] == 0x40 + pages, "the byte at base + offset was written");
        t = segment_write(SEG(HEAP), last + 1, 1);
        tell("write the next one", number(heap), last + 1, &t);
        check(t.signo == SIGSEGV, "beyond the limit");
    }
    check(segment_limit(SEG(HEAP), &limit) && limit == 3 * PAGE - 1, "lsl says what the limit is");

    set_stack(1);
    segment_rights(SEG(STACK), &rights);
    segment_limit(SEG(STACK), &limit);
    sentence("stack: grows down (bit 10 of its rights: %u) from 0x%08x, whose offset is 0; offsets above "
             "0x%08x are "
             "good.",
             rights >> 10 & 1, number(stack_top), limit);
    check(rights >> 10 & 1 && limit == 0xFFFFEFFF, "the stack is expand-down");
    t = segment_push(SEG(STACK), 0, PAGE / 4);
    check(!t.signo && t.value == PAGE / 4 * (PAGE / 4 + 1) / 2, "a page of pushes");
    sentence("%u pushes: %s; the last went to offset 0x%08x, the byte 0x%08x.", PAGE / 4, segment_outcome(&t),
             -PAGE, number(stack_top) - PAGE);
    check(*(uint32_t *)(stack_top - PAGE) == 1 && *(uint32_t *)(stack_top - 4) == PAGE / 4, "base + offset");
    t = segment_push(SEG(STACK), 0, PAGE / 4 + 1);
    sentence("One more: refused, %s.", segment_outcome(&t));
    check(t.signo == SIGSEGV || t.signo == SIGBUS, "below the stack");
    segment_on_fault(grow_stack);
    t = segment_push(SEG(STACK), 0, 5 * PAGE / 4);
    sentence("With a handler that lets it grow: %u pushes %s, it grew %u times, to %u pages.", 5 * PAGE / 4,
             segment_outcome(&t), stack_grown, stack_pages);
    check(!t.signo && t.value == 5 * PAGE / 4 * (5 * PAGE / 4 + 1) / 2 && stack_grown == 4,
          "it grew by four pages");
    stack_grown = 0;
    t = segment_push(SEG(STACK), 0, (STACK_MOST + 1) * PAGE / 4);
    sentence("Up to its most, %u pages; then: refused, %s.", stack_pages, segment_outcome(&t));
    check(t.signo && stack_pages == STACK_MOST, "it ends at its most");
    segment_on_fault(NULL);
    munmap(memory, (2 + 6 + STACK_MOST + 3) * PAGE);
    return (int)(failed - before);
}

/* --- sharing --- */

/* The frame of a page, from pagemap; 0: not known. */
static uint64_t frame_of(const void *p)
{
    uint64_t e = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (pread(fd, &e, sizeof e, (off_t)((uintptr_t)p / PAGE * 8)) != sizeof e)
        e = 0;
    close(fd);
    return e & ((1ull << 55) - 1);
}

struct report {
    uint32_t result, after;
    uint64_t code_frame, data_frame;
    struct touched written;
};

static int segments_share(void)
{
    uint8_t *code = map_pages(1, PROT_READ | PROT_WRITE, MAP_SHARED), *data;
    struct report *r = map_pages(1, PROT_READ | PROT_WRITE, MAP_SHARED);
    unsigned before = failed;
    int status = 0;
    pid_t pid;

    puts("\n-- Sharing: two processes, one code segment");
    about_limits();
    memcpy(code, segments_peek, (size_t)(segments_peek_end - segments_peek));
    mprotect(code, PAGE, PROT_READ | PROT_EXEC);
    data = map_pages(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    *(uint32_t *)data = 1000;
    define(CODE, number(code), (uint32_t)(segments_peek_end - segments_peek) - 1,
           SEG_32BIT | SEG_CODE | SEG_READ_ONLY);
    define(DATA, number(data), PAGE - 1, SEG_32BIT);
    for (unsigned i = 0; i < 2; i++) {
        pid = fork();
        if (pid == 0) {
            /* The table is a copy, and so is the data; the code is the same. */
            *(uint32_t *)data += i + 1;
            r[i].result = segment_call(SEG(CODE), 0, SEG(DATA), 0).value;
            r[i].code_frame = frame_of(code);
            r[i].data_frame = frame_of(data);
            r[i].written = segment_write(SEG(CODE), 0, 0x90);
            r[i].after = segment_call(SEG(CODE), 0, SEG(DATA), 0).value;
            define(DATA, number(data), 0, SEG_32BIT); /* of this process's table alone */
            _exit(failed ? 1 : 0);
        }
        waitpid(pid, &status, 0);
        check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %u ends well", i);
        sentence(
            "process %u: the code, frame %llu, finds %u in its data, frame %llu; writing to the code: %s",
            i + 1, (unsigned long long)r[i].code_frame, r[i].result, (unsigned long long)r[i].data_frame,
            segment_outcome(&r[i].written));
        check(r[i].result == 1001 + i && r[i].after == r[i].result, "its own data");
        check(r[i].written.signo == SIGSEGV, "code cannot be written");
    }
    check(r[0].code_frame == r[1].code_frame, "one frame of code");
    sentence("The code is one frame: %s. As data it cannot be read (verr: %d) nor written (verw: %d).",
             r[0].code_frame == r[1].code_frame ? "yes" : "no", segment_readable(SEG(CODE)),
             segment_writable(SEG(CODE)));
    check(!segment_readable(SEG(CODE)) && !segment_writable(SEG(CODE)), "execute-only");
    {
        uint32_t limit = 0;

        check(segment_limit(SEG(DATA), &limit) && limit == PAGE - 1, "a child's table is its own");
    }
    munmap(code, PAGE);
    munmap(data, PAGE);
    munmap(r, PAGE);
    return (int)(failed - before);
}

/* --- what is forbidden --- */

enum how { LOAD, LOAD_STACK, CALL, READ, PUSH };

static int segments_forbidden(void)
{
    enum { GONE = 5, ABSENT = 6, SECRET = 7, KERNEL = 8, SMALL = 9, ONLY_READ = 10 };
    static const struct {
        const char *what;
        enum how how;
        uint32_t selector, offset;
        int signo;
        unsigned trap;
        const char *why;
    } rows[] = {
        {"load an entry that is empty", LOAD, SEG(GONE), 0, SIGSEGV, 13, "there is no segment"},
        {"load one beyond the table", LOAD, SEG(5000), 0, SIGSEGV, 13, "the table's own limit"},
        {"load one that is not present", LOAD, SEG(ABSENT), 0, SIGBUS, 11,
         "a system could bring it and go on"},
        {"the same as a stack", LOAD_STACK, SEG(ABSENT), 0, SIGBUS, 12,
         "stacks have an exception of their own"},
        {"load execute-only code as data", LOAD, SEG(SECRET), 0, SIGSEGV, 13,
         "its rights say execute, no more"},
        {"use read-only data as a stack", LOAD_STACK, SEG(ONLY_READ), 0, SIGSEGV, 13, "a stack is written"},
        {"use code as a stack", LOAD_STACK, SEG(SECRET), 0, SIGSEGV, 13, "a stack is data"},
        {"no segment as a stack", LOAD_STACK, 0, 0, SIGSEGV, 13, "there is always a stack"},
        {"call data", CALL, SEG(DATA), 0, SIGSEGV, 13, "its rights say no execute"},
        {"call what is not present", CALL, SEG(ABSENT + 6), 0, SIGBUS, 11, "code can be absent too"},
        {"call beyond the limit", CALL, SEG(SECRET), 64, SIGSEGV, 13, "limits are of code too"},
        {"load the kernel's data segment", LOAD, 0x10, 0, SIGSEGV, 13, "privilege 0, and the program has 3"},
        {"load the kernel's task", LOAD, 0x28, 0, SIGSEGV, 13, "not a segment of memory"},
        {"read the kernel's memory", READ, SEG(KERNEL), 0x100000, SIGSEGV, 14,
         "a base may point anywhere: pages still protect"},
        {"read beyond the limit", READ, SEG(SMALL), 100, SIGSEGV, 0, "the limit is 99"},
        {"push below the stack", PUSH, SEG(STACK), 0, 0, 0, "a stack that grows down has its limit below"},
    };
    uint8_t *memory = map_pages(5, PROT_NONE, MAP_PRIVATE), *data = memory + PAGE, *stack = memory + 3 * PAGE;
    unsigned before = failed;

    puts("\n-- What is forbidden");
    about_limits();
    mprotect(data, PAGE, PROT_READ | PROT_WRITE);
    mprotect(stack, PAGE, PROT_READ | PROT_WRITE);
    define(DATA, number(data), PAGE - 1, SEG_32BIT);
    segment_clear(GONE);
    define(ABSENT, number(data), PAGE - 1, SEG_32BIT | SEG_ABSENT);
    define(ABSENT + 6, number(data), PAGE - 1, SEG_32BIT | SEG_ABSENT | SEG_CODE);
    define(SECRET, number(data), 63, SEG_32BIT | SEG_CODE | SEG_READ_ONLY);
    define(KERNEL, 0xC0000000u, 0xFFFFF, SEG_32BIT | SEG_PAGES);
    define(SMALL, number(data) + PAGE - 100, 99, SEG_32BIT);
    define(ONLY_READ, number(data), PAGE - 1, SEG_32BIT | SEG_READ_ONLY);
    define(STACK, number(stack) + PAGE, 0xFFFFE, SEG_32BIT | SEG_PAGES | SEG_DOWN);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t selector = rows[i].selector;
        struct touched t = rows[i].how == LOAD         ? segment_load(selector)
                           : rows[i].how == LOAD_STACK ? segment_load_stack(selector)
                           : rows[i].how == CALL       ? segment_call(selector, rows[i].offset, 0, 0)
                           : rows[i].how == READ       ? segment_read(selector, rows[i].offset)
                                                       : segment_push(selector, 0, PAGE / 4 + 1);

        printf("  %-31s %s\n      %s\n", rows[i].what, segment_outcome(&t), rows[i].why);
        check(rows[i].signo ? t.signo == rows[i].signo : t.signo != 0, "%s", rows[i].what);
        check(!rows[i].trap || t.trap == rows[i].trap, "%s: exception %u", rows[i].what, t.trap);
        check(t.trap != 13 || rows[i].how == READ || t.error == (selector & 0xFFFC) || rows[i].offset,
              "%s: the error code is the selector", rows[i].what);
    }
    munmap(memory, 5 * PAGE);
    return (int)(failed - before);
}

/* --- compaction --- */

#define HEAP_SIZE 65536u
#define BLOCKS    40u
#define FIRST_SEG 32u /* in the table */

struct block {
    uint32_t start, size; /* size 0: free */
};
static struct block blocks[BLOCKS];
static uint8_t *ground;

static uint8_t mark(unsigned n, uint32_t i)
{
    return (uint8_t)(n * 37 + i * 11 + i / 251);
}

/* In order of address. */
static unsigned in_order(unsigned order[BLOCKS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < BLOCKS; i++) {
        unsigned k = n;

        if (!blocks[i].size)
            continue;
        for (; k > 0 && blocks[order[k - 1]].start > blocks[i].start; k--)
            order[k] = order[k - 1];
        order[k] = i;
        n++;
    }
    return n;
}

struct holes {
    uint32_t n, total, largest, first; /* first: where one of the wanted size is; UINT32_MAX: nowhere */
};

static struct holes find_holes(uint32_t wanted)
{
    unsigned order[BLOCKS], n = in_order(order);
    struct holes h = {0, 0, 0, UINT32_MAX};
    uint32_t at = 0;

    for (unsigned k = 0; k <= n; k++) {
        uint32_t end = k < n ? blocks[order[k]].start : HEAP_SIZE, size = end - at;

        if (size) {
            h.n++;
            h.total += size;
            h.largest = size > h.largest ? size : h.largest;
            if (size >= wanted && h.first == UINT32_MAX)
                h.first = at;
        }
        if (k < n)
            at = end + blocks[order[k]].size;
    }
    return h;
}

static void place(unsigned n, uint32_t start, uint32_t size)
{
    blocks[n] = (struct block){start, size};
    define(FIRST_SEG + n, number(ground) + start, size - 1, SEG_32BIT);
}

/* Take a block by first fit, and write to it through its segment. */
static bool take(unsigned n, uint32_t size)
{
    struct holes h = find_holes(size);

    if (h.first == UINT32_MAX)
        return false;
    place(n, h.first, size);
    for (uint32_t i = 0; i < size; i += 61)
        check(!segment_write(SEG(FIRST_SEG + n), i, mark(n, i)).signo, "block %u, byte %u", n, i);
    return true;
}

/* Whether all blocks hold what they held, read through their segments, at the byte that base and offset say.
 */
static bool all_as_they_were(void)
{
    bool same = true;

    for (unsigned n = 0; n < BLOCKS; n++)
        for (uint32_t i = 0; i < blocks[n].size; i += 61) {
            struct touched t = segment_read(SEG(FIRST_SEG + n), i);

            same &= !t.signo && t.value == mark(n, i) && ground[blocks[n].start + i] == t.value;
        }
    return same;
}

static void picture(const char *what, uint32_t wanted)
{
    char bar[65];
    struct holes h = find_holes(wanted);

    for (unsigned i = 0; i < 64; i++) {
        uint32_t at = i * (HEAP_SIZE / 64), used = 0;

        for (unsigned n = 0; n < BLOCKS; n++) {
            uint32_t lo = blocks[n].start > at ? blocks[n].start : at;
            uint32_t hi =
                blocks[n].start + blocks[n].size < at + 1024 ? blocks[n].start + blocks[n].size : at + 1024;

            used += blocks[n].size && hi > lo ? hi - lo : 0;
        }
        bar[i] = used == 0 ? '.' : used < 1024 ? '+' : '#';
    }
    bar[64] = '\0';
    printf("  %-10s %5u %8u %8u %5u.%u%%\n  |%s|\n", what, h.n, h.total, h.largest,
           h.total ? (h.total - h.largest) * 100 / h.total : 0,
           h.total ? (uint32_t)((uint64_t)(h.total - h.largest) * 1000 / h.total % 10) : 0, bar);
}

static int segments_compact(void)
{
    const uint32_t wanted = 12000;
    unsigned before = failed, order[BLOCKS], n, moved = 0, largest_index = 0;
    uint32_t seed = 7, at = 0, bytes = 0;
    struct holes h;

    puts("\n-- Compaction: blocks behind segments are moved together");
    ground = map_pages(HEAP_SIZE / PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(blocks, 0, sizeof blocks);
    for (n = 0; n < BLOCKS - 1; n++) {
        seed = seed * 1103515245u + 12345;
        if (!take(n, 500 + (seed >> 16) % 4500))
            break;
    }
    puts("  Each block is a segment. '#': used, '+': in part, '.': free.");
    puts("  state      holes     free  largest  fragmentation (1 - largest/free)");
    picture("full", wanted);
    for (unsigned i = 0; i < n; i += 2) {
        blocks[i].size = 0;
        segment_clear(FIRST_SEG + i);
    }
    h = find_holes(wanted);
    picture("each 2nd", wanted);
    check(h.total >= wanted && h.largest < wanted, "enough is free, and not in one piece");
    check(!take(BLOCKS - 1, wanted), "a block of %u is refused", wanted);
    sentence("A block of %u bytes: refused, though %u are free. External fragmentation.", wanted, h.total);
    largest_index = in_order(order);
    for (unsigned k = 0; k < largest_index; k++) {
        struct block *b = &blocks[order[k]];

        if (b->start != at) {
            memmove(ground + at, ground + b->start, b->size);
            bytes += b->size;
            moved++;
            place(order[k], at, b->size); /* the selector stays: who holds it notices nothing */
            check(all_as_they_were(), "all blocks hold what they held after move %u", moved);
            if (moved % 3 == 0) {
                char what[16];

                snprintf(what, sizeof what, "move %u", moved);
                picture(what, wanted);
            }
        }
        at += b->size;
    }
    picture("compacted", wanted);
    h = find_holes(wanted);
    check(h.n == 1 && h.total == h.largest, "one hole is left");
    sentence("%u blocks moved, %u bytes; %u bases changed, no selector, and no pointer of any program.",
             moved, bytes, moved);
    check(take(BLOCKS - 1, wanted), "now there is room");
    sentence("A block of %u bytes: at %u, base 0x%08x.", wanted, blocks[BLOCKS - 1].start,
             number(ground) + blocks[BLOCKS - 1].start);
    check(all_as_they_were(), "all blocks hold what they held");
    picture("and then", wanted);
    for (unsigned i = 0; i < BLOCKS; i++)
        segment_clear(FIRST_SEG + i);
    munmap(ground, HEAP_SIZE);
    return (int)(failed - before);
}

/* --- tables --- */

/* "16k" and the like. */
static bool size_of(const char *s, uint32_t *out)
{
    char *end;
    unsigned long long v = strtoull(s, &end, 10);

    if (end == s)
        return false;
    if (*end == 'k')
        v <<= 10, end++;
    else if (*end == 'm')
        v <<= 20, end++;
    else if (*end == 'g')
        v <<= 30, end++;
    *out = (uint32_t)v;
    return *end == '\0' && v <= UINT32_MAX;
}

/* The window: physical byte 0 lies at `zero`; only [from, to) of it can be touched. */
struct window {
    uint8_t *reserved;
    size_t size;
    uint32_t zero, open_from, open_to;
};

/* Lay it so that the byte `edge` begins a page, and open [from, to). */
static bool open_window(struct window *w, uint32_t physmem, uint32_t margin, uint32_t edge, uint32_t from,
                        uint32_t to)
{
    w->size = (size_t)physmem + 2 * margin + 3 * PAGE;
    w->size = w->size / PAGE * PAGE;
    w->reserved = mmap(NULL, w->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (w->reserved == MAP_FAILED)
        return false;
    w->zero = number(w->reserved) + (margin + PAGE - 1) / PAGE * PAGE;
    w->zero += PAGE - (w->zero + edge) % PAGE;
    w->open_from = (w->zero + from) / PAGE * PAGE;
    w->open_to = (w->zero + to + PAGE - 1) / PAGE * PAGE;
    return from == to ||
           mprotect((void *)(uintptr_t)w->open_from, w->open_to - w->open_from, PROT_READ | PROT_WRITE) == 0;
}

/* A segment of `limit` bytes that begins at linear address `base`. What has none is not present. */
static void set_up(unsigned n, uint32_t base, uint32_t limit)
{
    if (limit == 0)
        define(n, base, 0, SEG_32BIT | SEG_ABSENT);
    else if (limit <= 1u << 20)
        define(n, base, limit - 1, SEG_32BIT);
    else
        define(n, base, (limit - 1) / PAGE, SEG_32BIT | SEG_PAGES);
}

/* One that ends below linear address `end` and grows down to `limit` bytes; returns the offset of its end. */
static uint32_t set_down(unsigned n, uint32_t end, uint32_t limit)
{
    if (limit == 0) {
        define(n, end, 0, SEG_32BIT | SEG_DOWN | SEG_ABSENT);
        return 0;
    }
    if (limit < 0xFFFF) { /* 16 bits: its offsets end at 0xFFFF */
        define(n, end - 0x10000, 0xFFFF - limit, SEG_DOWN);
        return 0x10000;
    }
    /* 32 bits: they end at 0xFFFFFFFF; the limit is in pages. */
    define(n, end, 0xFFFFF - (limit + PAGE - 1) / PAGE, SEG_32BIT | SEG_DOWN | SEG_PAGES);
    return 0;
}

/*
 * One access: what it touches must be the byte at `pa` of the window, by reading what lies there and by
 * writing what is then found there; or it must be refused. want: the table's answer, UINT32_MAX for a fault.
 */
static bool access_is(const struct window *w, unsigned n, uint32_t offset, uint32_t want)
{
    volatile uint8_t *byte = (volatile uint8_t *)(uintptr_t)(w->zero + want);
    struct touched t;

    if (want == UINT32_MAX)
        return segment_read(SEG(n), offset).signo && segment_write(SEG(n), offset, 1).signo;
    if (number((const void *)byte) < w->open_from || number((const void *)byte) >= w->open_to)
        return false; /* not in the segment */
    for (unsigned v = 0; v < 2; v++) {
        *byte = (uint8_t)(0xA5 ^ (v * 0xFF));
        t = segment_read(SEG(n), offset);
        if (t.signo || t.value != *byte)
            return false;
        t = segment_write(SEG(n), offset, (uint8_t)(0x3C + v));
        if (t.signo || *byte != 0x3C + v)
            return false;
    }
    return true;
}

#define COLUMNS 10

static bool answer_of(const char *s, uint32_t *out)
{
    if (strcmp(s, "fault") == 0) {
        *out = UINT32_MAX;
        return true;
    }
    return size_of(s, out);
}

/* id aspace physmem base limit va pa */
static int relocation_row(char **c)
{
    uint32_t aspace, physmem, base, limit, va, want;
    struct window w;
    bool equal;

    if (!size_of(c[1], &aspace) || !size_of(c[2], &physmem) || !size_of(c[3], &base) ||
        !size_of(c[4], &limit) || !size_of(c[5], &va) || !answer_of(c[6], &want))
        return -1;
    if (!open_window(&w, physmem > base + limit ? physmem : base + limit, aspace, base + limit, base,
                     base + limit))
        return -1;
    set_up(DATA, w.zero + base, limit);
    equal = access_is(&w, DATA, va, want);
    munmap(w.reserved, w.size);
    return equal;
}

/* id aspace physmem base0 limit0 base1 limit1 va segment pa */
static int segmentation_row(char **c)
{
    uint32_t aspace, physmem, base[2], limit[2], va, segment, want, offset, from, to;
    struct window w;
    bool equal;

    if (!size_of(c[1], &aspace) || !size_of(c[2], &physmem) || !size_of(c[3], &base[0]) ||
        !size_of(c[4], &limit[0]) || !size_of(c[5], &base[1]) || !size_of(c[6], &limit[1]) ||
        !size_of(c[7], &va) || !size_of(c[8], &segment) || !answer_of(c[9], &want))
        return -1;
    if (segment != (va >= aspace / 2)) /* the top bit */
        return 0;
    from = segment ? base[1] - limit[1] : base[0];
    to = segment ? base[1] : base[0] + limit[0];
    if (!open_window(&w, physmem > to ? physmem : to, aspace, segment ? from : to, from, to))
        return -1;
    if (segment) {
        offset = set_down(STACK, w.zero + base[1], limit[1]) - (aspace - va);
        equal = access_is(&w, STACK, offset, want);
    } else {
        set_up(DATA, w.zero + base[0], limit[0]);
        equal = access_is(&w, DATA, va, want);
    }
    munmap(w.reserved, w.size);
    return equal;
}

static int run_table(const char *path)
{
    FILE *f = fopen(path, "re");
    char line[512];
    unsigned rows = 0, equal = 0;

    if (!f) {
        perror(path);
        return 2;
    }
    about_limits();
    while (fgets(line, sizeof line, f)) {
        char *c[COLUMNS + 1], *rest;
        unsigned n = 0;
        int rc;

        line[strcspn(line, "\r\n")] = '\0';
        if (*line == '#' || !*line || strncmp(line, "id\t", 3) == 0)
            continue;
        for (char *word = strtok_r(line, "\t ", &rest); word && n <= COLUMNS;
             word = strtok_r(NULL, "\t ", &rest))
            c[n++] = word;
        rc = n == 7 ? relocation_row(c) : n == 10 ? segmentation_row(c) : -1;
        rows++;
        equal += rc == 1;
        if (rc != 1)
            printf("  %s: %s\n", n ? c[0] : "?", rc < 0 ? "not a row that can be done" : "differs");
    }
    fclose(f);
    printf("%u rows, %u equal\n", rows, equal);
    return rows && rows == equal ? 0 : 1;
}

/* --- */

static const struct {
    const char *name;
    int (*run)(void);
} parts[] = {
    {"base", segments_base},           {"grow", segments_grow},       {"share", segments_share},
    {"forbidden", segments_forbidden}, {"compact", segments_compact},
};
#define PARTS (sizeof parts / sizeof parts[0])

int segments_part(const char *name)
{
    int status = -1;

    segment_catch();
    for (unsigned i = 0; i < PARTS; i++)
        if (strcmp(parts[i].name, name) == 0)
            status = parts[i].run();
    segment_catch_end();
    return status;
}

static int usage(void)
{
    fputs("usage: segments [base | grow | share | forbidden | compact]\n"
          "       segments --table FILE.tsv\n",
          stderr);
    return 2;
}

int segments_main(int argc, char **argv)
{
    bool done = false;

    setvbuf(stdout, NULL, _IOLBF, 0);
    segment_catch();
    if (argc == 3 && strcmp(argv[1], "--table") == 0)
        return run_table(argv[2]);
    if (argc > 2)
        return usage();
    for (unsigned i = 0; i < PARTS; i++)
        if (argc == 1 || strcmp(argv[1], parts[i].name) == 0) {
            parts[i].run();
            done = true;
        }
    if (!done)
        return usage();
    printf("\nsegments: %u checks, %u failed\n", checks, failed);
    return failed ? 1 : 0;
}
