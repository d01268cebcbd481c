/*
 * The processor's translation cache. On the host the tests stand in with a
 * model that remembers translations as the hardware does, and that reports any use of
 * one that the tables no longer grant (tests/host/mmu.c).
 */
#ifndef MM_X86_TLB_H
#define MM_X86_TLB_H

#include "mm/types.h"

#ifdef QUIRE_HOSTED

void tlb_flush_page(vaddr_t va);
void tlb_load_root(pfn_t root);

#else

/* Forget the translation of one page, and all cached directory entries (SDM vol. 3A, 4.10.4.1). */
static inline void tlb_flush_page(vaddr_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* Load CR3: forgets every translation that is not global. */
static inline void tlb_load_root(pfn_t root)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"((uint32_t)root << PAGE_SHIFT) : "memory");
}

#endif
#endif
