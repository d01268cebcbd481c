/*
 * The line discipline of terminals: what happens between the characters that a keyboard sends and the bytes
 * that a program reads, and between what it writes and what the screen gets. See ldisc.c. Knows nothing of
 * processes or devices, so it is tested on the host too.
 */
#ifndef KERNEL_DEV_LDISC_H
#define KERNEL_DEV_LDISC_H

#include "mm/types.h"

/* struct termios with Linux's flags and places. */
enum {
    PARMRK = 0000010,
    ISTRIP = 0000040,
    INLCR = 0000100,
    IGNCR = 0000200,
    ICRNL = 0000400,
    IUCLC = 0001000,
    IXON = 0002000,
    IXANY = 0004000,
    IMAXBEL = 0020000,
    IUTF8 = 0040000,
};
enum {
    OPOST = 0000001,
    OLCUC = 0000002,
    ONLCR = 0000004,
    OCRNL = 0000010,
    ONOCR = 0000020,
    ONLRET = 0000040,
    XTABS = 0014000, /* all of TABDLY */
};
enum {
    CS8 = 0000060,
    CREAD = 0000200,
    CLOCAL = 0004000,
    PARENB = 0000400,
    HUPCL = 0002000,
    B38400 = 0000017,
    B115200 = 0010002
};
enum {
    ISIG = 0000001,
    ICANON = 0000002,
    ECHO = 0000010,
    ECHOE = 0000020,
    ECHOK = 0000040,
    ECHONL = 0000100,
    NOFLSH = 0000200,
    TOSTOP = 0000400,
    ECHOCTL = 0001000,
    ECHOKE = 0004000,
    IEXTEN = 0100000,
    EXTPROC = 0200000, /* who is on the other side does all this */
};
enum {
    VINTR,
    VQUIT,
    VERASE,
    VKILL,
    VEOF,
    VTIME,
    VMIN,
    VSWTC,
    VSTART,
    VSTOP,
    VSUSP,
    VEOL,
    VREPRINT,
    VDISCARD,
    VWERASE,
    VLNEXT,
    VEOL2,
    NCCS = 19
};

struct termios {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[NCCS];
    uint32_t ispeed, ospeed; /* bits a second; only in the larger of the two layouts that programs use */
};
_Static_assert(offsetof(struct termios, ispeed) == 36 && sizeof(struct termios) == 44, "asm/termbits.h");

#define LDISC_BUFFER 4096u /* bytes of input that are kept */

enum ldisc_signal { LDISC_INTERRUPT, LDISC_QUIT, LDISC_SUSPEND };

struct ldisc_ops {
    /* Put this on the screen as it is: echo. Sleeps. */
    void (*output)(void *arg, const char *text, size_t n);
    /* What output() could not put out may be tried again. NULL: it puts out everything at once. */
    void (*retry)(void *arg);
    /* The user asks for a signal to the programs in the foreground. */
    void (*signal)(void *arg, enum ldisc_signal s);
    /* Output may go on, after ^S. */
    void (*start)(void *arg);
    /* It may not. NULL: nobody wants to know. */
    void (*stop)(void *arg);
    /* The user's signal throws away what was typed and what was put out, echo that waits too. NULL: there is
     * nothing to do. */
    void (*flush)(void *arg);
};

struct ldisc {
    struct termios termios;
    const struct ldisc_ops *ops;
    void *arg;
    /* Input: a ring, whose places count on without end. [tail, canon) may be read in canonical mode, the line
     * [canon, head) is still being edited; without canonical mode all of it may be read. */
    uint32_t tail, canon, head;
    uint8_t buffer[LDISC_BUFFER];
    uint32_t line_end[LDISC_BUFFER / 32]; /* a bit for each byte in [tail, canon): it ends a line */
    bool literal;                         /* ^V: the next character stands for itself */
    bool stopped;                         /* no output: ^S, until ^Q, or: */
    bool held;                            /* a program stopped it, and only a program lets it go on */
    uint32_t column;                      /* of the cursor, as far as one can know */
    uint32_t line_column;                 /* where the edited line begins */
    char echo[64];                        /* collected for one call of output() */
    unsigned echoed;
};

/* Linux's defaults: canonical, echo, signals; 115200 8N1. */
void ldisc_init(struct ldisc *l, const struct ldisc_ops *ops, void *arg);
/* Characters that arrived. Sleeps, in the middle of a line: nobody may change anything here meanwhile. */
void ldisc_input(struct ldisc *l, const uint8_t *text, size_t n);
/* How many characters ldisc_input() takes for sure without losing one. */
size_t ldisc_room(const struct ldisc *l);
/* Whether a read has something to return: a line, or in raw mode `least` bytes (at least 1). */
bool ldisc_readable(const struct ldisc *l, unsigned least);
/* Bytes that reads would return now, of all lines (FIONREAD). */
size_t ldisc_waiting(const struct ldisc *l);
/* Read what is there: at most n bytes and, in canonical mode, at most one line; 0 is then the end of the
 * file. readable() must say so. */
size_t ldisc_read(struct ldisc *l, char *out, size_t n);
/* Forget input that was not read. */
void ldisc_flush(struct ldisc *l);
/* Characters that fit into the ring, whatever becomes of them. */
size_t ldisc_free(const struct ldisc *l);
/* A program stops output, or lets it go on (TCOOFF, TCOON), which does not end a ^S of before. */
void ldisc_hold(struct ldisc *l, bool hold);
/* Whether a read takes a line at most: canonical mode, and nobody else sees to it (EXTPROC). */
static inline bool ldisc_in_lines(const struct ldisc *l)
{
    return (l->termios.lflag & (ICANON | EXTPROC)) == ICANON;
}
void ldisc_set_termios(struct ldisc *l, const struct termios *t);
/*
 * Turn bytes that a program writes into what the screen gets: at most size bytes (at least 8). Returns their
 * number; *taken tells how many of the n were used.
 */
size_t ldisc_output(struct ldisc *l, const char *text, size_t n, char *out, size_t size, size_t *taken);

bool ldisc_verify(const struct ldisc *l); /* INV-LDISC-* */

#endif
