/*
 * Segments of one's own, for ut-ldt.c, ut-segment.c and ut-selector.c: descriptors, and instructions that use
 * a selector and may be refused. See seg.c.
 */
#ifndef TESTS_USER_SEG_H
#define TESTS_USER_SEG_H

#include "tests/user/ut.h"

/* Fields of user_desc.flags as bits, so that all combinations can be counted through. */
enum {
    F_32BIT = 1,
    F_DOWN = 2,
    F_CODE = 4,
    F_READ_ONLY = 8,
    F_PAGES = 16,
    F_ABSENT = 32,
    F_USEABLE = 64,
};
struct seg_desc {
    uint32_t entry, base, limit, flags;
};

/* The selector of an entry of the local table. */
#define LDT(entry) ((uint32_t)(entry)*8 + 7)

int seg_modify(int func, void *p, unsigned long n);
int seg_set(uint32_t entry, uint32_t base, uint32_t limit, uint32_t flags);
/* What lar, lsl, verr and verw say of a selector. Valid until the next call but one. */
const char *seg_about(uint32_t sel);

/* --- catching --- */

/* What the last guarded instruction got. */
struct seg_fault {
    int signo, code;
    uint32_t addr, trapno, err, cr2, cs, ss, ds, es, fs, gs, eip, esp;
    int count;
};
extern struct seg_fault seg_fault;
extern uint16_t seg_flat_cs, seg_flat_ss, seg_own_gs;

/* Catch what is refused, from now on. */
void seg_catch(void);
/* Before guarded instructions: `at` is where they go on. NULL: a fault ends the program. */
void seg_begin(volatile uint32_t *at);
/* "ok", or what came: "SIGSEGV code 128 trap 13 err 4". Valid for three more calls. */
const char *seg_outcome(void);

/* Instructions that may fault; then, or behind them, it goes on with the flat segments. EAX is used, and EBX,
 * ECX, EDX are what they like. A file that has some finds operands by EBP: see SEG_OPERANDS. */
#define GUARD(before, code)                                                                                  \
    "call 7f\n"                                                                                              \
    "7: pop %%eax\n"                                                                                         \
    "add $9f - 7b, %%eax\n"                                                                                  \
    "mov %%eax, %[eip]\n"                                                                                    \
    "mov %%esp, %[esp]\n" before "\n" code "\n"                                                              \
    "9:\n"
#define GUARDED [eip] "+m"(at[0]), [esp] "+m"(at[1])

/* At the head of such a file: operands in memory are found by EBP, whatever has been pushed. */
#define SEG_OPERANDS                                                                                         \
    _Pragma("GCC optimize(\"no-omit-frame-pointer\")")                                                       \
        _Pragma("GCC diagnostic ignored \"-Wdangling-pointer\"")

/* --- uses of a selector --- */

/* Load it into DS and back. The selector that the load left is returned. */
uint32_t seg_load_ds(uint32_t sel);
/* Into SS, which is flat again before anything else can happen. */
const char *seg_load_ss(uint32_t sel);
/* Read or write a byte at an offset; read four bytes through SS. */
const char *seg_peek(uint32_t sel, uint32_t offset);
const char *seg_poke(uint32_t sel, uint32_t offset, uint32_t value);
const char *seg_peek_stack(uint32_t sel, uint32_t offset);
/* A far call: what the code left in EAX. */
const char *seg_far_call(uint32_t sel, uint32_t offset);
/* A system call on a stack of one's own, or a fault: ESP after it. */
uint32_t seg_esp_after_call(uint32_t sel, uint32_t esp);

/* --- memory for segments --- */

/* 19 pages of a pattern, with pages before and behind that nobody may touch. The same each time. */
uint8_t *seg_area(void);
/* 16-bit code that makes the system call whose number is in ESI, and returns far. */
extern const uint8_t seg_code16_call[];
/* An executable segment of 64 bytes there. */
void seg_set_code(uint32_t entry, const uint8_t *code, uint32_t flags);

#endif
