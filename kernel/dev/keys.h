/*
 * What keys mean: scan codes become what a program reads, or something to do for the terminal. The US
 * layout, and the sequences of TERM=linux. Pure code, tested on the host. See keys.c.
 */
#ifndef KERNEL_DEV_KEYS_H
#define KERNEL_DEV_KEYS_H

#include "mm/types.h"

enum keys_what {
    KEYS_NOTHING,
    KEYS_BYTES,  /* for the program: bytes, n */
    KEYS_SCROLL, /* show what was before (number 1) or after (-1) */
    KEYS_SCREEN, /* show another screen: number, from 0 */
};

struct keys_event {
    enum keys_what what;
    int number;
    char bytes[8];
    unsigned n;
};

struct keys {
    uint32_t held; /* modifiers: KEYS_* bits of keys.c */
    bool caps, num;
    bool caps_held, num_held; /* that they repeat means nothing */
    bool extended;            /* after 0xE0 */
    unsigned skip;            /* bytes of the pause key that are still to come */
    /* What the program has asked for; set by the caller. */
    bool cursor_keys, keypad, newline;
};

void keys_init(struct keys *k);
/* One byte of scan code set 1. */
void keys_code(struct keys *k, uint8_t code, struct keys_event *e);

#endif
