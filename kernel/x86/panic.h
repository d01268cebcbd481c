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
/* For those functions: the frame that the message names, and the address of the fault. False: there is
 * none. */
bool panic_frame(uint32_t *pfn);
bool panic_address(uint32_t *va);
/* Stop because the machine cannot run this kernel: one line, no registers, status 35. */
_Noreturn void panic_unfit(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
