/*
 * A translation cache that the kernel fills: software TLB mode of a space. See softtlb.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections
 */
#ifndef MM_SOFTTLB_H
#define MM_SOFTTLB_H

#include "mm/fault.h"
#include "mm/softtlb_config.h"

struct softtlb {
    struct softtlb_config config; /* (c) */
    struct assoc assoc;           /* (n) whose pages translate, or did when they were put in */
    struct vm_tlb_counts n;       /* (n) */
    uint32_t longest;             /* (n) the most accesses of one walk */
    struct form own;              /* (n) unless the form is shared, or there is none */
    struct form *form;            /* (c) NULL: the processor's own tables */
    unsigned order;               /* (c) of the block of frames that this lies in */
    struct assoc_slot slots[];    /* (n) */
};

/* Let a space have such a cache from now on, empty, in place of what it has; entries 0: none. 0; -EINVAL;
 * -ENOMEM; -EIO (a table that is out cannot be read). Sleeps. */
int softtlb_set(struct space *s, const struct softtlb_config *c);
/* What a space has, as a config. */
struct softtlb_config softtlb_config(const struct space *s);

/* --- for fault.c; nosleep, and the caller has the space's lock --- */

/* The processor found no entry for va. True: it is put in, and that is all; false: it is a page fault. */
bool softtlb_miss(struct space *s, vaddr_t va, enum access access);
/* A fault on va was resolved, after a miss or on an entry that was there; it has an entry now, if it was. */
void softtlb_admit(struct space *s, vaddr_t va, enum access access, bool missed);
/* The same of a touch by the kernel (fault_touch()). */
void softtlb_touch(struct space *s, vaddr_t va);

/* --- for those who change entries or tables; nosleep --- */

/* The entries of pages in [start, end) translate no more. */
void softtlb_drop(struct space *s, vaddr_t start, vaddr_t end);
/* What an entry is to be that is made for a page which nobody uses at the moment. */
static inline pte_t softtlb_idle(const struct space *s, pte_t e)
{
    return unlikely(s->tlb) && pte_present(e) ? pte_park(e) : e;
}
/* The space's tables were loaded, and others had been. */
void softtlb_switched(struct space *s);

/* For space_fork(). The child, which nobody sees yet, gets an empty cache as its parent has. 0 or -ENOMEM.
 * Sleeps. */
int softtlb_inherit(struct space *child, const struct space *parent);
/* The end of a space, which has no tables any more. */
void softtlb_free(struct space *s);

/* Record misses of all spaces into buf, which has room for so many lines, instead of what was recorded into;
 * NULL: do not. uses: and what was used between them. Returns the buffer of before, or NULL. Nosleep. */
struct vm_miss *softtlb_record(struct vm *vm, struct vm_miss *buf, uint32_t room, bool uses);

/* Add what one has counted to a sum. */
void softtlb_add_counts(struct vm_tlb_counts *to, const struct vm_tlb_counts *from);

/* INV-TLB-*; reads only; logs what is broken. */
bool softtlb_verify(struct space *s);
/* The same of the forms that spaces share. */
bool softtlb_verify_shared(const struct vm *vm);

#endif
