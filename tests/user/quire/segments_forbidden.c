/* What is not allowed, and what it is told as. */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include "tests/user/quire/segments.h"

enum how { LOAD, LOAD_STACK, CALL, READ, PUSH };

int segments_forbidden(void)
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
    unsigned before = segments_failed;

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
    return (int)(segments_failed - before);
}
