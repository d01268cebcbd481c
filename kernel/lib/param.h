/*
 * The command line. Portable: the parser and the table depend on nothing of the machine.
 *
 * Words are separated by blanks; double quotes keep blanks inside a value. A word is a name, or name=value.
 * The word -- ends the kernel's own, and what follows are init's arguments. A word that is wrong is reported
 * by name and ignored; of a parameter that is given twice the last one counts that is not wrong. What cannot
 * be judged here and does not count is reported too.
 */
#ifndef KERNEL_LIB_PARAM_H
#define KERNEL_LIB_PARAM_H

#include "mm/types.h"

enum param_type {
    PARAM_FLAG,   /* name alone; sets a bool */
    PARAM_NUMBER, /* decimal or 0x; uint32_t */
    PARAM_SIZE,   /* a number with K, M or G; uint64_t of bytes */
    PARAM_STRING, /* const char * into the line */
    PARAM_CHOICE, /* one of the names in choices; unsigned: its value */
    PARAM_SET,    /* the same, may be repeated; unsigned: the values ORed */
};

struct param_choice {
    const char *name; /* NULL ends the list */
    unsigned value;
};

struct param {
    const char *name;
    enum param_type type;
    void *value;                        /* as the type says */
    uint64_t min, max;                  /* of a NUMBER or a SIZE, inclusive */
    const struct param_choice *choices; /* of a SIZE: what it can be too; NULL: nothing */
    uint32_t *number; /* of a CHOICE: NAME:N is possible too, with N from min to max. NULL: it is not */
    unsigned *last;   /* of a SET: the value that was given last. May be NULL */
    /* Of a STRING: whether there is such a value. If not, the text says what would be possible, after
     * "ignored", and is cut at its size. NULL: that is found out later. */
    bool (*judge)(const char *value, char *text, size_t size);
    const char *help;
};

/*
 * Parse a line in place: strings point into it, so it must stay. Returns init's arguments (the text after --,
 * maybe empty).
 */
const char *param_parse_table(const struct param *table, unsigned n, char *line);

/* Failures on purpose (panic_test=), to see each recognised for what it is. */
enum panic_test {
    PANIC_TEST_NONE,
    PANIC_TEST_PANIC,
    PANIC_TEST_ASSERT,
    PANIC_TEST_NULL,   /* read through NULL */
    PANIC_TEST_TEXT,   /* write to the kernel's own code */
    PANIC_TEST_LOW,    /* read where the identity map was */
    PANIC_TEST_STACK,  /* recurse until the stack ends */
    PANIC_TEST_TASK,   /* the same on the stack of a task */
    PANIC_TEST_DIVIDE, /* an exception */
    PANIC_TEST_MAPPED, /* free a frame that an entry names */
    PANIC_TEST_SLEEP,  /* lock a free mutex in a nosleep section */
    PANIC_TEST_NESTED, /* a panic inside a panic */
    PANIC_TEST_HANG,   /* interrupts off, for ever */
    PANIC_TEST_RESET,  /* a triple fault */
};

/* The kernel's parameters, with their defaults. */
#define EVENTS_DEFAULT UINT64_MAX
struct params {
    unsigned console;      /* console=: CONSOLE_* bits of console.h, 0: not given */
    unsigned console_last; /* the bit that was given last */
    bool quiet;            /* quiet */
    uint64_t mem;          /* mem=: RAM above this address is not used; 0: no limit */
    uint64_t lowmem;       /* lowmem=: RAM above this address is not in the direct map; 0: as much as fits */
    const char *init;      /* init=, NULL: the usual places */
    const char *ktest;     /* ktest=: self-tests to run, NULL: none */
    uint32_t ktest_limit;  /* ktest_limit=: seconds that one of them may take */
    uint32_t seed;         /* seed=: of the self-tests' random numbers, 0: their own default */
    bool bench;            /* bench */
    bool slab_debug;       /* slab_debug */
    unsigned kva;          /* kva=: enum kva_policy */
    const char *softtlb;   /* softtlb=: as /proc/PID/quire/tlb takes it */
    unsigned policy;       /* policy=: enum policy_number */
    unsigned screen;       /* screen=: SCREEN_* of screen.h */
    unsigned loadcontrol;  /* loadcontrol=: 1 on, 0 off */
    uint32_t rss_limit;    /* rss_limit=: pages; 0: a quarter of all */
    uint64_t events;       /* events=: bytes of the ring of page events; 0: off; EVENTS_DEFAULT: by the RAM */
    const char *swap;      /* swap=: on, off, or names of devices; NULL: on */
    unsigned ata_pio;      /* ata=: 1 pio, 0 dma where possible */
    uint32_t ata_timeout;  /* ata_timeout=: milliseconds, 0: the driver's own limit */
    bool latency;          /* latency */
    unsigned trace;        /* trace=: 1 on, 0 off */
    unsigned torture;      /* torture=: 1 sleep, 0 none */
    uint32_t torture_seed;
    unsigned panic_test; /* panic_test=: enum panic_test, 0: none */
    unsigned leak_test;  /* leak_test=: enum leak_test, 0: none */
    const char *init_args;
};
extern struct params params;

/* What is lost on purpose before the audit at the end. */
enum leak_test {
    LEAK_NONE,
    LEAK_PROCESS,
    LEAK_TASK,
    LEAK_SPACE,
    LEAK_OBJECT,
    LEAK_PIPE,
    LEAK_INODE,
    LEAK_SLAB,
    LEAK_BLOCK,
    LEAK_FRAME,
};

void param_parse(char *line);
/* One line for every parameter. */
void param_help(void (*line)(const char *name, const char *help));

#endif
