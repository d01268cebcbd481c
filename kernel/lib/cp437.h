/* Characters of the display's font. See cp437.c. */
#ifndef KERNEL_LIB_CP437_H
#define KERNEL_LIB_CP437_H

#include "mm/types.h"

/* The character that looks most like it, or '?'. */
uint8_t cp437_from(uint32_t unicode);
/* A character of DEC's special graphics: lines, corners, blocks. */
uint8_t cp437_from_dec(uint8_t c);
/* How many columns terminals give a character: 0, 1 or 2. */
unsigned cp437_width(uint32_t unicode);

#endif
