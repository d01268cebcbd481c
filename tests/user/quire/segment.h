/* Segments of one's own, for segments.c: descriptors, and accesses through them that may be refused. */
#ifndef USER_SEGMENT_H
#define USER_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

/* The bits of user_desc after base and limit. */
enum {
    SEG_32BIT = 1,
    SEG_DOWN = 2,
    SEG_CODE = 4,
    SEG_READ_ONLY = 8, /* of code: not to be read */
    SEG_PAGES = 16,
    SEG_ABSENT = 32,
};

/* The selector of entry n of the local table, and one of them in the table. limit: as in the descriptor.
 * False: the system refuses it. */
#define SEG(n) ((uint32_t)(n)*8 + 7)
bool segment_set(unsigned n, uint32_t base, uint32_t limit, unsigned flags);
bool segment_clear(unsigned n);

/* What an access came to. */
struct touched {
    int signo; /* 0: it was done */
    int code;
    unsigned trap, error;
    uint32_t addr; /* of a page fault */
    uint32_t value;
};
/* Catch what is refused, and no more. */
void segment_catch(void);
void segment_catch_end(void);
/* A byte at an offset of a segment, through FS. */
struct touched segment_read(uint32_t selector, uint32_t offset);
struct touched segment_write(uint32_t selector, uint32_t offset, uint8_t value);
/* Load SS; push `words` words on an empty stack that begins at ESP = top, and sum them up again. */
struct touched segment_load_stack(uint32_t selector);
struct touched segment_push(uint32_t selector, uint32_t top, unsigned words);
struct touched segment_load(uint32_t selector); /* FS */
/* Far call: what the code left in EAX. In EBX and ECX it finds a and b. */
struct touched segment_call(uint32_t selector, uint32_t offset, uint32_t a, uint32_t b);
/* While a page fault or a stack fault is dealt with by grow (true: try again), it is not told. */
void segment_on_fault(bool (*grow)(const struct touched *t, uint32_t esp));
/* "SIGSEGV by #GP, error code 0x0c". Valid until the third next call. */
const char *segment_outcome(const struct touched *t);
/* Whether this processor looks at limits when memory is touched: QEMU without KVM does not. */
bool segment_limits_are_checked(void);
/* What the processor says of a selector. False: nothing. */
bool segment_rights(uint32_t selector, uint32_t *rights);
bool segment_limit(uint32_t selector, uint32_t *limit);
bool segment_readable(uint32_t selector);
bool segment_writable(uint32_t selector);

#endif
