/*
 * The kernel's log. A line goes into a ring in memory, and to the console if its level asks for it.
 * os_log() (mm/os.h) is always shown: it reports what is wrong or what was asked for.
 */
#ifndef KERNEL_LIB_PRINTK_H
#define KERNEL_LIB_PRINTK_H

#include <stdarg.h>

#include "mm/os.h"

#define PRINTK_RING 16384u /* bytes of the log that are kept; a power of two */

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO, /* not shown with `quiet` */
};

/* One line, without its newline, cut off at 255 characters. Any context. */
void printk(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void printk_args(enum log_level level, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Show LOG_INFO or not. */
void printk_quiet(bool quiet);
bool printk_is_quiet(void);
/* While set, lines go there instead of the console, and those of os_log() nowhere else. For the test runner.
 */
extern void (*printk_tap)(const char *line);
/* Visit the lines that the ring still holds, oldest first. Each is NUL-terminated and valid for the call.
 * shown: it was on the console. */
void printk_recent(void (*fn)(const char *line, bool shown));

/* Bytes ever written to the log, modulo 2^32: a position in it. Any context. */
uint32_t printk_position(void);
/* The newest whole lines from position from on (0: all) that fit into size bytes, without a NUL. Returns how
 * many bytes. */
size_t printk_copy(char *buf, size_t size, uint32_t from);
/* The oldest bytes from position *at on that the ring still holds, at most size. Moves *at behind them.
 * Returns how many. */
size_t printk_take(char *buf, size_t size, uint32_t *at);
/* Bytes from position at on that the ring still holds. */
uint32_t printk_unread(uint32_t at);
/* Whether what was written there is kept no more. */
bool printk_is_lost(uint32_t at);
/* Where the oldest line begins that is kept whole. */
uint32_t printk_oldest(void);
/* How many lines were written before the one that begins at a position, which is kept; modulo 2^32. */
uint32_t printk_number(uint32_t at);
/* The line that begins at *at, which is kept, with its newline, cut off at size bytes. Moves *at behind it.
 * Returns how many bytes. */
size_t printk_line(char *buf, size_t size, uint32_t *at);
/* Called with each line that has been written, with interrupts off, in any context. Not in a panic. NULL:
 * nobody is told. */
extern void (*printk_written)(void);

#endif
