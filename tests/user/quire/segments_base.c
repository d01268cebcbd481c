/* Base and bounds: a program is moved while it is stopped, and goes on. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/user/quire/segments.h"

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

enum { FIRST = 0x800, SECOND = 0x804, BOUND = PAGE };

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

int segments_base(void)
{
    enum { PLACES = 4 };
    static const unsigned order[PLACES] = {0, 2, 3, 1};
    /* Each place is a page between two that are closed. */
    uint8_t *memory = map_pages(2 * PLACES + 1, PROT_NONE, MAP_PRIVATE);
    uint8_t *at = memory + PAGE;
    unsigned before = segments_failed, by_segment;
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
    by_segment = segment_read(SEG(DATA), FIRST).value;
    sentence("Its address 0x%x is 0x%08x + 0x%x = 0x%08x. The byte there is %u; read by the segment: %u.",
             FIRST, number(at), FIRST, number(at) + FIRST, word_at(at, FIRST) & 0xff, by_segment);
    check(by_segment == (word_at(at, FIRST) & 0xff), "base + address is the byte");
    check(word_at(at, FIRST) - word_at(at, SECOND) <= 1, "its stack came along");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it ran until it was killed");
    sentence("Another program reads address 0x%x, the first one out of bounds.", BOUND);
    pid = start_at(at, segments_stray, (size_t)(segments_stray_end - segments_stray));
    waitpid(pid, &status, 0);
    sentence("What became of it: %s.", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it went on");
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "out of bounds is refused");
    munmap(memory, (2 * PLACES + 1) * PAGE);
    return (int)(segments_failed - before);
}
