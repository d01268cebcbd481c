/*
 * Units of the memory subsystem. Every quantity has a type whose name says
 * what it counts, and every range in mm/ is half open: [start, end).
 */
#ifndef MM_TYPES_H
#define MM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/x86/types.h" /* paddr_t, pte_t, PAGE_SHIFT: what depends on the page-table format */

typedef uint32_t pfn_t;   /* frame number: physical address >> PAGE_SHIFT */
typedef uint32_t vaddr_t; /* virtual address in some address space, user or kernel */
typedef uint32_t slot_t;  /* swap slot: area in bits 24 and up, page of the area below */

#define PAGE_SIZE ((size_t)1 << PAGE_SHIFT)
#define PAGE_MASK (PAGE_SIZE - 1)

/* Frame 0 holds the real-mode vectors and is never managed, so its number ends lists. */
#define PFN_NONE ((pfn_t)0)
/* Page 0 of every swap area is its header, so slot 0 of area 0 can never hold a page. */
#define SLOT_NONE ((slot_t)0)

#define PAGE_DOWN(a)   ((a) & ~(__typeof__(a))PAGE_MASK)
#define PAGE_UP(a)     PAGE_DOWN((a) + (__typeof__(a))PAGE_MASK)
#define PAGES_OF(size) (((size) + PAGE_MASK) >> PAGE_SHIFT)

#define ARRAY_LEN(a)          (sizeof(a) / sizeof((a)[0]))
#define likely(x)             __builtin_expect(!!(x), 1)
#define unlikely(x)           __builtin_expect(!!(x), 0)
#define container_of(p, T, m) ((T *)((char *)(p)-offsetof(T, m)))
#define READ_ONCE(x)          (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)      (*(volatile __typeof__(x) *)&(x) = (v))

#endif
