/*
 * The program, in ring 3: it fills all of its memory, forks, and then the two of it go over their copies
 * again and again, look whether each word of each page is what was written last, and write others.
 */
#include "lift.h"

#define ROUNDS 3u
#define STEP   7919u /* a prime: the pages are visited in an order that no reading ahead guesses */

static uint32_t call(uint32_t number, uint32_t a, uint32_t b)
{
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b) : "memory");
    return number;
}

static uint32_t word_of(uint32_t who, uint32_t round, uint32_t page, uint32_t i)
{
    return (who << 28 | round << 24) ^ (page << 10 | i) * 2654435761u;
}

static uint32_t *page_at(uint32_t page)
{
    return (uint32_t *)(PROGRAM_HEAP + page * 4096u);
}

static void write_page(uint32_t who, uint32_t round, uint32_t page)
{
    uint32_t *w = page_at(page);

    for (uint32_t i = 0; i < 1024; i++)
        w[i] = word_of(who, round, page, i);
}

/* Whether a word is another one. */
static uint32_t is_wrong(uint32_t who, uint32_t round, uint32_t page)
{
    const uint32_t *w = page_at(page);
    uint32_t differ = 0;

    for (uint32_t i = 0; i < 1024; i++)
        differ |= w[i] ^ word_of(who, round, page, i);
    return differ != 0;
}

__attribute__((regparm(1))) _Noreturn void program(uint32_t pages)
{
    uint32_t wrong = 0, who;

    for (uint32_t page = 0; page < pages; page++)
        write_page(0, 0, page);
    who = call(CALL_FORK, 0, 0) ? 1 : 2;
    for (uint32_t round = 1; round <= ROUNDS; round++)
        for (uint32_t i = 0; i < pages; i++) {
            uint32_t page = (i * STEP + who * 17) % pages;

            wrong += is_wrong(round == 1 ? 0 : who, round - 1, page);
            write_page(who, round, page);
        }
    for (uint32_t page = 0; page < pages; page++)
        wrong += is_wrong(who, ROUNDS, page);
    call(CALL_SAY, (uint32_t)(who == 1 ? "parent: pages that were wrong:" : "child: pages that were wrong:"),
         wrong);
    call(CALL_END, wrong, 0);
    for (;;)
        ;
}
