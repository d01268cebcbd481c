/* Names of the kernel's functions. The tables are made by tools/ksyms from a link of the image. */
#ifndef KERNEL_LIB_KSYMS_H
#define KERNEL_LIB_KSYMS_H

#include "mm/types.h"

/* Functions in [start, end): addresses in rising order; name i begins at names + offset[i]. */
struct ksyms_table {
    uint32_t start, end;
    uint32_t count;
    const uint32_t *address;
    const uint32_t *offset;
    const char *names;
};

/* The generated tables: of the kernel, and of what linker.ld calls selftest, which lies there too. */
extern const struct ksyms_table ksyms_kernel, ksyms_selftest;

/* Look in the self-tests' table too: they stay in memory. */
void ksyms_keep_selftest(void);
/* The function that contains the address, and how far into it; NULL when there is none. */
const char *ksyms_find(uint32_t address, uint32_t *offset);

#endif
