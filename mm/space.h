/* Address spaces: regions over page tables. See space.c for the theory, fork.c for shared tables. */
#ifndef MM_SPACE_H
#define MM_SPACE_H

#include "mm/layout.h"
#include "mm/object.h"
#include "mm/pt.h"
#include "mm/region.h"
#include "mm/rmap.h"
#include "mm/vm.h"

struct space {
    struct vm *vm;
    struct pt pt;               /* nosleep sections */
    struct mutex lock;          /* regions, and which entries may be made; eviction does not take it */
    struct region_tree regions; /* lock */
    struct family *family;
    struct space *family_next, *family_prev;
    struct space *all_next, *all_prev;
    vaddr_t map_top;        /* mappings without an address go below; SPACE_HI at first */
    size_t stack_max;       /* bytes that a GROWSDOWN region may reach */
    uint32_t id;            /* from 1, for people */
    uint64_t faults, major; /* faults taken; of these, the ones that waited for a pager or a disk */
};

/* Addresses that regions may use. The first 64 KiB stay empty, so that a null pointer with an offset faults.
 */
#define SPACE_LO ((vaddr_t)0x10000)
#define SPACE_HI ((vaddr_t)USER_END)

/* Default of stack_max, and what a growing stack keeps free below itself (Linux's stack_guard_gap). */
#define SPACE_STACK_MAX ((size_t)8 << 20)
#define SPACE_STACK_GAP ((vaddr_t)1 << 20)

/* Flags for space_map() beside REGION_*. */
enum {
    MAP_AT = 1 << 16,        /* exactly at *addr; replaces what is there */
    MAP_NOREPLACE = 1 << 17, /* with MAP_AT: -EEXIST instead of replacing */
    MAP_BOTTOM_UP = 1 << 18, /* the lowest gap instead of the highest */
};

/* An empty space that begins a new family. NULL when out of memory. May sleep. */
struct space *space_create(struct vm *vm);
/* Unmap everything and free it. No task may be using it. May sleep. */
void space_destroy(struct space *s);
/* Load its page tables into the processor; NULL: the kernel's only. */
void space_activate(struct space *s);

/*
 * Map size bytes (rounded up to pages) of object from page offset on, or private
 * zeroes when object is NULL. *addr is a hint (0: none) or, with MAP_AT, an
 * order; it returns the address. The space takes a reference of its own on the object.
 * 0; -EINVAL (size 0, unaligned or impossible MAP_AT, REGION_SHARED without object); -ENOMEM (no room, no
 * memory); -EEXIST. On an error nothing was changed, except that MAP_AT may have split regions.
 */
int space_map(struct space *s, vaddr_t *addr, size_t size, unsigned flags, struct object *object,
              uint32_t offset);
/*
 * Remove the pages of [addr, addr + size). Regions are split at the edges; holes are fine.
 * 0; -EINVAL (unaligned, size 0, not in the user half); -ENOMEM (for a split; nothing was removed).
 */
int space_unmap(struct space *s, vaddr_t addr, size_t size);
/*
 * Change what [addr, addr + size) allows to prot (of REGION_READ | WRITE | EXEC).
 * 0; -EINVAL; -ENOMEM (for a split, or because there is a hole; nothing was changed).
 */
int space_protect(struct space *s, vaddr_t addr, size_t size, unsigned prot);

/* A copy-on-write copy in the same family, which shares the page tables. 0 or -ENOMEM. May sleep. */
int space_fork(struct space *parent, struct space **child);
/*
 * Make the table of va's span (if there is one) this space's alone and stop holding back writes: claims it,
 * or splits it when others name it. Lock held; may sleep. 0 or -ENOMEM.
 */
int space_own_table(struct space *s, vaddr_t va);

/* Entries that name a frame, and ones that name a swap slot; shared tables count in full. */
void space_usage(struct space *s, uint32_t *resident, uint32_t *swapped);
/* INV-SPACE-* and INV-PT-*; reads only; logs what is broken. */
bool space_verify(struct space *s);

/* For fork.c: an empty space in a family (NULL: a new one), and what space_destroy() does at the end. */
struct space *space_alloc(struct vm *vm, struct family *family);
/* For fork.c: give up regions and tables. */
void space_clear(struct space *s);
/* For fault.c and fork.c: undo one name that an entry of a dropped table gives. */
void space_forget_entry(struct vm *vm, pte_t e);

#endif
