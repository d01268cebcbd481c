/*
 * What the parts of the terminals share: tty.c (files), tty_ioctl.c, tty_job.c (sessions, hanging up), and
 * the drivers: tty_console.c, tty_screen.c, pty.c.
 *
 * The letter of a field says what it is protected by. m: lock. n: it changes between sleeps.
 */
#ifndef KERNEL_DEV_TTY_PARTS_H
#define KERNEL_DEV_TTY_PARTS_H

#include "kernel/dev/ldisc.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/vfs.h"
#include "mm/os.h"

struct winsize {
    uint16_t rows, columns, x, y;
};

struct process;
struct tty;

/* What is at the other end. A NULL member: there is nothing to do. */
struct tty_driver {
    /* Take as much of a text as can be had without waiting, maybe nothing. The caller has the mutex. Does not
     * sleep. */
    size_t (*put)(struct tty *t, const char *text, size_t n);
    /* Put out echo behind what of it has waited, as much as can be had; the rest waits for the next call. n
     * may be 0. NULL: put() takes all of it in time. The caller has the mutex. Does not sleep. */
    void (*echo)(struct tty *t, const char *text, size_t n);
    /* Throw away echo that waits; of those that have echo(). Does not sleep. */
    void (*unecho)(struct tty *t);
    /* How many bytes a write may put out now. NULL: what put() does not take is tried again. Does not
     * sleep. */
    size_t (*room)(const struct tty *t);
    /* Input was taken or its rules are others: what waits may come. The caller has not the mutex. Sleeps. */
    void (*drained)(struct tty *t);
    /* Throw away what is put out and did not arrive. The caller has the mutex. Does not sleep. */
    void (*flush)(struct tty *t);
    /* Input was thrown away; output is stopped or goes on; settings were others before. Do not sleep. */
    void (*flushed)(struct tty *t);
    void (*stopped)(struct tty *t, bool stopped);
    void (*set)(struct tty *t, const struct termios *old);
    /* A file of it is opened: 0 or -errno. Does not sleep. */
    int (*opened)(struct tty *t);
    /* One is gone. t may be freed. */
    void (*closed)(struct tty *t);
    /* Give it the settings that it begins with: it was hung up. Does not sleep. */
    void (*reset)(struct tty *t);
};

struct tty {
    struct ldisc ldisc; /* m */
    const struct tty_driver *driver;
    uint32_t rdev;
    bool present;          /* there is a device */
    bool other_side;       /* a program is there: of a pseudo-terminal */
    bool dead;             /* n: the other side is gone for good */
    bool exclusive;        /* n: TIOCEXCL: only who has CAP_SYS_ADMIN may open it */
    struct winsize size;   /* n */
    struct termios locked; /* m: what a program cannot change: bits, and characters that are not 0 */
    int session;           /* n: whose controlling terminal it is; 0: nobody's */
    int foreground;        /* n */
    uint32_t hangups;      /* n */
    struct waitq readers, writers;
    struct async *async; /* n: who wants signals */
    struct waitq input;  /* the input task: for characters, or for room */
    struct mutex lock;   /* of ldisc's contents and settings, and of the order of output */
};

/* --- tty.c --- */

/* Fill in a new one, which is all zeroes. */
void tty_start(struct tty *t, const struct tty_driver *driver, uint32_t rdev);
/* Put out all of it as it is; on a pseudo-terminal what there is room for. The caller has the mutex.
 * Sleeps. */
void tty_put(struct tty *t, const char *text, size_t n);
/* What was typed. Without room for it, it is lost. Sleeps. */
void tty_feed(struct tty *t, const char *text, size_t n);
/* Something was put into ldisc: tell readers. lines: what canon was before. */
void tty_tell(struct tty *t, uint32_t lines);
/* Forget input that was not read. The caller has the mutex. */
void tty_flush_input(struct tty *t);
/* There may be room for input. The caller has not the mutex. Sleeps. */
void tty_drained(struct tty *t);
/* Operations of files whose data is the terminal: tty_open() fills that in. */
int tty_open(struct file *f, struct tty *t);
void tty_release(struct file *f);
/* tty_read() sleeps, tty_write() sleeps, tty_async() sleeps. */
int tty_read(struct file *f, vaddr_t va, size_t n, uint64_t *pos);
int tty_write(struct file *f, vaddr_t va, size_t n, uint64_t *pos);
unsigned tty_poll(struct file *f, struct poll_table *table);
struct async **tty_async(struct file *f);

#define TTY_OPS(open_)                                                                                       \
    {                                                                                                        \
        .open = open_, .release = tty_release, .read = tty_read, .write = tty_write, .ioctl = tty_ioctl,     \
        .poll = tty_poll, .async = tty_async,                                                                \
    }

/* --- tty_ioctl.c --- */

enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
enum { TCOOFF, TCOON, TCIOFF, TCION };
enum {
    TCSBRK = 0x5409,
    TCXONC,
    TCFLSH,
    TIOCEXCL,
    TIOCNXCL,
    TIOCSTI = 0x5412,
    FIONREAD = 0x541B,
    TCSBRKP = 0x5425,
    TIOCSBRK = 0x5427,
    TIOCCBRK,
    TIOCGPTPEER = 0x5441,
    TIOCGDEV = (int)0x80045432,
    TIOCGEXCL = (int)0x80045440,
};
/* Sleeps. */
int tty_ioctl(struct file *f, unsigned cmd, vaddr_t arg);
/* What is the same whichever side asks: own: the terminal's own. 0 or -errno; -ENOTTY: nothing is known of
 * cmd. Sleeps. */
int tty_control(struct tty *t, const struct file *f, bool own, unsigned cmd, vaddr_t arg);

/* --- tty_job.c --- */

/* Once, at start-up. */
void tty_job_init(void);
/* Whether the running process may read from it, or change it: 0; -EIO; -ERESTARTSYS: its group is stopped. */
int tty_may_read(const struct tty *t);
int tty_may_change(const struct tty *t);
/* Make it the controlling terminal of a session, whose leader's group is in the foreground then. */
void tty_attach(struct tty *t, struct process *leader);
void tty_signal_foreground(const struct tty *t, int signo);
/* A file's hint if it is never hung up; else, after how many hang-ups it was opened. */
#define TTY_NEVER UINT64_MAX
bool tty_hung_up(const struct tty *t, const struct file *f);
/* Cut off what is open. Nobody has it any more; the leader of its session gets SIGHUP and SIGCONT, and when
 * that ends, its foreground does. */
void tty_hang_up(struct tty *t);
/* The same, and it gets the settings that it begins with. */
void tty_begin_again(struct tty *t);
/* TIOCSPGRP: 0 or -errno. Sleeps. */
int tty_set_foreground(struct tty *t, vaddr_t va);
/* TIOCSCTTY, steal: from another session; and TIOCNOTTY. 0 or -errno. */
int tty_set_controlling(struct tty *t, const struct file *f, bool steal);
int tty_give_up(struct tty *t);

/* --- tty_console.c, tty_screen.c --- */

/* In the interrupt: something has come. */
void tty_received(struct tty *t);

#define TTY_SCREEN_ROWS 25u
/* The screen's terminal is t from now on. 0 or -ENOMEM. Sleeps. */
int tty_screen_start(struct tty *t);
/* A driver's put(): takes all. */
size_t tty_screen_put(struct tty *t, const char *text, size_t n);

#endif
