/* The processor's debug registers, of each program that has any. See debugreg.c. */
#ifndef KERNEL_X86_DEBUGREG_H
#define KERNEL_X86_DEBUGREG_H

#include "mm/types.h"

#define DEBUGREG_PLACES 4u

/* Bits of DR6. */
enum {
    DEBUGREG_HITS = 0xF,     /* the place of each was reached */
    DEBUGREG_STEP = 1 << 14, /* one instruction was executed */
};
/* What DR6 has in bits that mean nothing. */
#define DEBUGREG_STATUS_FIXED 0xFFFF0FF0u

/* Of one program; all zeroes to begin with. */
struct debugreg {
    vaddr_t address[DEBUGREG_PLACES];
    bool there[DEBUGREG_PLACES]; /* it was used once: what DR7 says of it has to make sense */
    uint32_t control;            /* DR7 as it was written */
    uint32_t enabled;            /* DR7 as the processor gets it; 0: none is on */
};

/* DR0 to DR3; others are 0. */
uint32_t debugreg_get(const struct debugreg *d, unsigned n);
/* 0; -EINVAL: a kind or a length that there is not, an address that is the kernel's or not aligned to its
 * length, and nothing has changed; -EIO: none of DR0 to DR3 and DR7. To be loaded again afterwards. */
int debugreg_set(struct debugreg *d, unsigned n, uint32_t value);
/* Have the processor watch for d's, or for nothing (NULL). Interrupts off. */
void debugreg_load(const struct debugreg *d);
/* What the debug exception that has just come was about, as DR6 says; of places only those that are on in d,
 * which may be NULL. *other: whether that was all. Clears DR6. Interrupts off. */
uint32_t debugreg_take(const struct debugreg *d, bool *other);
/* An exception in the kernel: whether it was a program's place that the kernel reached on its behalf, which
 * nobody is told. Clears DR6 then. Interrupts off. */
bool debugreg_is_ignored(void);
/* Whether one of the places that were reached is an instruction, which is still to be executed. */
bool debugreg_before(const struct debugreg *d, uint32_t status);

#endif
