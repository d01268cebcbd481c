/* Names of the kernel's functions. The table is made by tools/ksyms from the first link of the image. */
#ifndef KERNEL_LIB_KSYMS_H
#define KERNEL_LIB_KSYMS_H

#include "mm/types.h"

/* The function that contains the address, and how far into it; NULL when there is none. */
const char *ksyms_find(uint32_t address, uint32_t *offset);

/* The generated table: addresses in rising order; name i begins at ksyms_names + ksyms_offset[i]. */
extern const uint32_t ksyms_count;
extern const uint32_t ksyms_address[];
extern const uint32_t ksyms_offset[];
extern const char ksyms_names[];

#endif
