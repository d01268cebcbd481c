/* A PS/2 keyboard behind an 8042 controller. See keyboard.c. */
#ifndef DRIVERS_KEYBOARD_H
#define DRIVERS_KEYBOARD_H

#include "mm/types.h"

enum { KEYBOARD_SCROLL_LOCK = 1 << 0, KEYBOARD_NUM_LOCK = 1 << 1, KEYBOARD_CAPS_LOCK = 1 << 2 };

/*
 * Find the controller, set it up, and receive from now on. fn runs in the interrupt after codes have
 * come. False: there is no controller, or it is broken, and nothing ever comes. Waits up to 0.3 s for one
 * that does not answer.
 */
bool keyboard_init(void (*fn)(void));
/* Take at most n bytes of scan codes, of set 1. Any context. */
size_t keyboard_read(uint8_t *out, size_t n);
/* Whether keyboard_read() has something to give. */
bool keyboard_readable(void);
/* Light these (KEYBOARD_*_LOCK) and no others. Any context. */
void keyboard_lights(unsigned set);
/* For a machine that has stopped, with interrupts off: whether there is a controller, and whether a key
 * was pressed since the last call. */
bool keyboard_is_there(void);
bool keyboard_poll(void);

#endif
