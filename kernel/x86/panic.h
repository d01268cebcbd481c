/* The end that nobody wants: say what is known, then stop with status 35. */
#ifndef KERNEL_X86_PANIC_H
#define KERNEL_X86_PANIC_H

#include "mm/os.h"

struct trap_frame;
struct fault;

/* Stop with a message. Also: mm_assert() and os_panic() of mm/os.h. */
_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for an exception: its registers and the backtrace of the code that caused it; f may be NULL. */
_Noreturn void panic_trap(const struct trap_frame *tf, const struct fault *f, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Have fn report too, after the backtrace (with os_log() or printk()). At most 8; more are ignored. */
void panic_register(void (*fn)(void));
/* Stop because the machine cannot run this kernel: one line, no registers, status 35. */
_Noreturn void panic_unfit(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Failures on purpose (panic_test=), to see each recognised for what it is. */
enum panic_test {
    PANIC_TEST_NONE,
    PANIC_TEST_PANIC,
    PANIC_TEST_ASSERT,
    PANIC_TEST_NULL,   /* read through NULL */
    PANIC_TEST_TEXT,   /* write to the kernel's own code */
    PANIC_TEST_LOW,    /* read where the identity map was */
    PANIC_TEST_STACK,  /* recurse until the stack ends */
    PANIC_TEST_TASK,   /* the same on the stack of a task */
    PANIC_TEST_DIVIDE, /* an exception */
    PANIC_TEST_MAPPED, /* free a frame that an entry names */
    PANIC_TEST_SLEEP,  /* lock a free mutex in a nosleep section */
    PANIC_TEST_NESTED, /* a panic inside a panic */
    PANIC_TEST_HANG,   /* interrupts off, for ever */
    PANIC_TEST_RESET,  /* a triple fault */
};
void panic_provoke(enum panic_test test);

#endif
