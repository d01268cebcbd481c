/* Numbers in text that is not ours: mount options, parameters. See number.c. */
#ifndef KERNEL_LIB_NUMBER_H
#define KERNEL_LIB_NUMBER_H

#include "mm/types.h"

/* What digits of a base (8, 10 or 16) at *s say; *s is moved behind them. False: there is none, or they say
 * more than 64 bits hold; *n is as it was then. */
bool number_digits(const char **s, unsigned base, uint64_t *n);
/* The same of a number as C writes it: 0x and hexadecimal, 0 and octal, or decimal. */
bool number_any(const char **s, uint64_t *n);
/* The same of an address, as /proc/PID/maps, programs and debuggers write them: hexadecimal, with 0x or
 * without. */
bool number_address(const char **s, uint64_t *n);
/* Multiply by the unit at *s, if there is one: k, m, g, t, p or e in either case, each 1024 times the one
 * before. *s is moved behind it. False: that is more than 64 bits hold; *n is as it was then. */
bool number_unit(const char **s, uint64_t *n);

#endif
