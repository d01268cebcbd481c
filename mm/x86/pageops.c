/*
 * Page clearing and copying
 *
 * Purpose: the fastest way to clear and to copy a page on the machine at hand.
 *
 * Theory: no one routine is the fastest everywhere. An emulator runs a string instruction element by element,
 * so SSE stores win several times over; silicon has fast string instructions, and stores that go around the
 * cache help when the page is not read soon. So every routine is here, and page_ops_select() times them at
 * start-up and picks one for each job.
 *
 * The registers of SSE belong to the program that runs, even inside the kernel: a routine saves those
 * it uses and puts them back. An interrupt may come in between; whoever uses SSE there does the same.
 *
 * Data: page_clear and page_copy, written at start-up only. Before that they are the string instructions,
 * which every processor has. Fails: never.
 *
 * Source: Intel Optimization Reference Manual, 3.7.6 (REP) and 7.4 (non-temporal stores).
 */
#include "mm/machine.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

#define ROUNDS 6 /* timings of each routine, the best counts: the first warms caches and the translator */

static void clear_stosl(void *page)
{
    uint32_t n = PAGE_SIZE / 4;

    __asm__ volatile("rep stosl" : "+D"(page), "+c"(n) : "a"(0) : "memory");
}

static void clear_stosb(void *page)
{
    uint32_t n = PAGE_SIZE;

    __asm__ volatile("rep stosb" : "+D"(page), "+c"(n) : "a"(0) : "memory");
}

static void clear_movl(void *page)
{
    uint32_t n = PAGE_SIZE / 64;

    __asm__ volatile("1:\n\t"
                     ".set offset, 0\n\t"
                     ".rept 16\n\t"
                     "movl %2, offset(%0)\n\t"
                     ".set offset, offset + 4\n\t"
                     ".endr\n\t"
                     "addl $64, %0\n\t"
                     "decl %1\n\t"
                     "jnz 1b"
                     : "+r"(page), "+r"(n)
                     : "r"(0)
                     : "memory", "cc");
}

/* 2 rounds of 128 stores of 16 bytes. */
#define CLEAR_SSE(store, fence)                                                                              \
    uint8_t saved[16];                                                                                       \
    uint32_t n = PAGE_SIZE / 2048;                                                                           \
                                                                                                             \
    __asm__ volatile("movups %%xmm0, %2\n\t"                                                                 \
                     "xorps %%xmm0, %%xmm0\n"                                                                \
                     "1:\n\t"                                                                                \
                     ".set offset, 0\n\t"                                                                    \
                     ".rept 128\n\t" store " %%xmm0, offset(%0)\n\t"                                         \
                     ".set offset, offset + 16\n\t"                                                          \
                     ".endr\n\t"                                                                             \
                     "addl $2048, %0\n\t"                                                                    \
                     "decl %1\n\t"                                                                           \
                     "jnz 1b\n\t" fence "movups %2, %%xmm0"                                                  \
                     : "+r"(page), "+r"(n), "=m"(saved)                                                      \
                     :                                                                                       \
                     : "memory", "cc")

static void clear_movaps(void *page)
{
    CLEAR_SSE("movaps", "");
}

static void clear_movntps(void *page)
{
    CLEAR_SSE("movntps", "sfence\n\t");
}

static void copy_movsl(void *dst, const void *src)
{
    uint32_t n = PAGE_SIZE / 4;

    __asm__ volatile("rep movsl" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

static void copy_movsb(void *dst, const void *src)
{
    uint32_t n = PAGE_SIZE;

    __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

static void copy_movl(void *dst, const void *src)
{
    uint32_t n = PAGE_SIZE / 64, a, b;

    __asm__ volatile("1:\n\t"
                     ".set offset, 0\n\t"
                     ".rept 8\n\t"
                     "movl offset(%1), %3\n\t"
                     "movl offset + 4(%1), %4\n\t"
                     "movl %3, offset(%0)\n\t"
                     "movl %4, offset + 4(%0)\n\t"
                     ".set offset, offset + 8\n\t"
                     ".endr\n\t"
                     "addl $64, %0\n\t"
                     "addl $64, %1\n\t"
                     "decl %2\n\t"
                     "jnz 1b"
                     : "+r"(dst), "+r"(src), "+r"(n), "=&r"(a), "=&r"(b)
                     :
                     : "memory", "cc");
}

/* 4 rounds of 16 times 64 bytes through four registers. */
#define COPY_SSE(store, fence)                                                                               \
    uint8_t saved[64];                                                                                       \
    uint32_t n = PAGE_SIZE / 1024;                                                                           \
                                                                                                             \
    __asm__ volatile("movups %%xmm0, (%3)\n\t"                                                               \
                     "movups %%xmm1, 16(%3)\n\t"                                                             \
                     "movups %%xmm2, 32(%3)\n\t"                                                             \
                     "movups %%xmm3, 48(%3)\n"                                                               \
                     "1:\n\t"                                                                                \
                     ".set offset, 0\n\t"                                                                    \
                     ".rept 16\n\t"                                                                          \
                     "movaps offset(%1), %%xmm0\n\t"                                                         \
                     "movaps offset + 16(%1), %%xmm1\n\t"                                                    \
                     "movaps offset + 32(%1), %%xmm2\n\t"                                                    \
                     "movaps offset + 48(%1), %%xmm3\n\t" store " %%xmm0, offset(%0)\n\t" store              \
                     " %%xmm1, offset + 16(%0)\n\t" store " %%xmm2, offset + 32(%0)\n\t" store               \
                     " %%xmm3, offset + 48(%0)\n\t"                                                          \
                     ".set offset, offset + 64\n\t"                                                          \
                     ".endr\n\t"                                                                             \
                     "addl $1024, %0\n\t"                                                                    \
                     "addl $1024, %1\n\t"                                                                    \
                     "decl %2\n\t"                                                                           \
                     "jnz 1b\n\t" fence "movups (%3), %%xmm0\n\t"                                            \
                     "movups 16(%3), %%xmm1\n\t"                                                             \
                     "movups 32(%3), %%xmm2\n\t"                                                             \
                     "movups 48(%3), %%xmm3"                                                                 \
                     : "+r"(dst), "+r"(src), "+r"(n)                                                         \
                     : "r"(saved)                                                                            \
                     : "memory", "cc")

static void copy_movaps(void *dst, const void *src)
{
    COPY_SSE("movaps", "");
}

static void copy_movntps(void *dst, const void *src)
{
    COPY_SSE("movntps", "sfence\n\t");
}

void (*page_clear)(void *page) = clear_stosl;
void (*page_copy)(void *dst, const void *src) = copy_movsl;

struct page_op page_ops[] = {
    {.name = "clear rep stosl", .clear = clear_stosl}, {.name = "clear rep stosb", .clear = clear_stosb},
    {.name = "clear movl", .clear = clear_movl},       {.name = "clear movaps", .clear = clear_movaps},
    {.name = "clear movntps", .clear = clear_movntps}, {.name = "copy rep movsl", .copy = copy_movsl},
    {.name = "copy rep movsb", .copy = copy_movsb},    {.name = "copy movl", .copy = copy_movl},
    {.name = "copy movaps", .copy = copy_movaps},      {.name = "copy movntps", .copy = copy_movntps},
};
const unsigned page_ops_count = ARRAY_LEN(page_ops);

static bool needs_sse(const struct page_op *op)
{
    return op->clear == clear_movaps || op->clear == clear_movntps || op->copy == copy_movaps ||
           op->copy == copy_movntps;
}

static uint32_t time_once(const struct page_op *op, void *a, void *b)
{
    uint32_t s = os_irq_save();
    uint64_t start = cpu_rdtsc();

    if (op->clear)
        op->clear(a);
    else
        op->copy(a, b);
    uint64_t end = cpu_rdtsc();

    os_irq_restore(s);
    return (uint32_t)(end - start);
}

void page_ops_select(void *scratch_a, void *scratch_b)
{
    const struct page_op *clear = NULL, *copy = NULL;

    for (unsigned i = 0; i < page_ops_count; i++) {
        struct page_op *op = &page_ops[i];

        op->usable = cpu_features.sse || !needs_sse(op);
        for (unsigned k = 0; op->usable && cpu_features.tsc && k < ROUNDS; k++) {
            uint32_t t = time_once(op, scratch_a, scratch_b);

            if (k == 0 || t < op->cycles)
                op->cycles = t;
        }
        if (op->usable && op->clear && (!clear || op->cycles < clear->cycles))
            clear = op;
        if (op->usable && op->copy && (!copy || op->cycles < copy->cycles))
            copy = op;
    }
    page_clear = clear->clear;
    page_copy = copy->copy;
}
