/*
 * Types and sizes that the page-table format decides. A three-level (PAE)
 * format replaces this file and its neighbours, nothing outside this directory.
 *
 * What guards a field, by the letter in its comment:
 *   (n)  in a table: nosleep sections; a copy is its owner's
 */
#ifndef MM_X86_TYPES_H
#define MM_X86_TYPES_H

#include <stdint.h>

#define PAGE_SHIFT 12

/* One table maps one span of addresses. */
#define PT_SPAN_SHIFT    22
#define PT_TABLE_ENTRIES 1024u
#define PT_GROUP_SHIFT   5    /* entries that one bit of a table's frame stands for */
#define PT_USER_SPANS    768u /* of the user half */

typedef uint32_t paddr_t; /* physical address, bytes */

/* One entry of a page table. A struct, so that it cannot be mixed with a number by accident. */
typedef struct {
    uint32_t raw; /* (n) */
} pte_t;

typedef uint32_t pde_t; /* one entry of a root */

#endif
