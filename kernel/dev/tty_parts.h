/* What the parts of the terminals share: tty.c, tty_screen.c. */
#ifndef KERNEL_DEV_TTY_PARTS_H
#define KERNEL_DEV_TTY_PARTS_H

#include "kernel/dev/ldisc.h"
#include "mm/os.h"

struct winsize {
    uint16_t rows, columns, x, y;
};

struct tty {
    struct ldisc ldisc;
    uint32_t rdev;
    bool present; /* there is a device */
    /* Put out as much of a text as the device takes without waiting, maybe nothing. */
    size_t (*put_some)(const char *text, size_t n);
    struct winsize size;
    int session; /* whose controlling terminal it is; 0: nobody's */
    int foreground;
    uint32_t hangups;
    struct waitq readers, writers;
    struct async *async; /* who wants signals */
    struct waitq input;  /* the input task: for characters, or for room */
    struct mutex lock;   /* of ldisc's contents and settings, and of the order of output */
};

/* In the interrupt: something has come. */
void tty_received(struct tty *t);
/* What was typed. Without room for it, it is lost. Sleeps. */
void tty_feed(struct tty *t, const char *text, size_t n);

#define TTY_SCREEN_ROWS 25u
/* The screen's terminal is t from now on. 0 or -ENOMEM. Sleeps. */
int tty_screen_start(struct tty *t);
/* Its put_some(): takes all. */
size_t tty_screen_put_some(const char *text, size_t n);

#endif
