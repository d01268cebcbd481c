/*
 * The kernel half of every root, and the kernel's root. See paging.c. The
 * verbs to change it, pt_kernel_map() and pt_kernel_unmap(), are in mm/pt.h.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_X86_PAGING_H
#define MM_X86_PAGING_H

#include "mm/pt.h"

#define PAGING_RO_RANGES 2u

struct paging_range { /* (c) */
    vaddr_t start, end;
};

/* What paging_init() has to know. Addresses are virtual, page aligned, and those of the direct map. */
struct paging_boot {                          /* (c) */
    pfn_t low_end;                            /* frames below are to be mapped directly, at most DIRECT_MAX */
    vaddr_t image_start, image_end;           /* the kernel image */
    struct paging_range ro[PAGING_RO_RANGES]; /* the parts of it that are read-only; may be empty */
    vaddr_t guard;                            /* a page to leave unmapped, below the boot stack */
    pfn_t (*early_frame)(void);               /* a low frame; does not fail */
};

/* A frame, mapped through the boot code's directory until the next call for the same one of two places.
 * Before paging_init(). */
void *paging_boot_page(pfn_t pfn, unsigned place);
/* Build the kernel's root and switch to it. The identity map is gone afterwards. */
void paging_init(const struct paging_boot *boot);
/* The root with an empty user half. */
pfn_t paging_kernel_root(void);
/* Make a page, given where it is mapped, a root with an empty user half over the kernel half. */
void pt_root_init(void *top);
/* Whether the kernel could read this address of its half without a fault. For panic and checks. */
bool paging_mapped(vaddr_t va);
/* Whether it could write there. */
bool paging_writable(vaddr_t va);
/* Frames of use FRAME_TABLE that pt_kernel_map() has made. */
uint32_t paging_tables(void);
/* What the processor's translation cache is asked for by who measures it. Forget a page; forget all that is
 * not global; let what is global be forgotten with the rest, or no longer. */
void paging_forget_page(vaddr_t va);
void paging_forget(void);
void paging_keep_global(bool keep);
/* INV-PAGING-*: reads only. */
bool paging_verify(void);
/* INV-WINDOW-*: reads only. */
bool window_verify(void);

/* Every root but the kernel's. pt.c puts them in and takes them out. */
extern struct pt *pt_all; /* (n) */

/* The table of the windows, for window.c. */
extern pte_t *paging_window_table; /* (c) */

#endif
