/* Code, heap and stack as three segments; each grows, the stack downward. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "tests/user/quire/segments.h"

/* Procedures of a code segment. */
extern const uint8_t segments_add[], segments_mul[], segments_end[];
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
        ".popsection");

enum { STACK_MOST = 8 };
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

int segments_grow(void)
{
    uint8_t *memory = map_pages(2 + 6 + STACK_MOST + 3, PROT_NONE, MAP_PRIVATE);
    uint8_t *code = memory + PAGE, *heap = memory + 3 * PAGE;
    unsigned before = segments_failed;
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
    return (int)(segments_failed - before);
}
