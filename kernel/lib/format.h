/* Formatted text: the subset of printf that mm/os.h promises and a little more. Portable. */
#ifndef KERNEL_LIB_FORMAT_H
#define KERNEL_LIB_FORMAT_H

#include <stdarg.h>

#include "mm/types.h"

/*
 * Write at most size bytes, the final NUL included; returns the length that the whole text has (like C's
 * vsnprintf).
 *
 *     %[-0][width][.precision][l|ll|z|h|hh]d i o u x X, %s (precision: at most so many bytes), %c, %p, %%
 *
 * width and precision may be *. Any other conversion is copied as it stands.
 */
size_t format_args(char *buf, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
size_t format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
