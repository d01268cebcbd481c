/* Address spaces: regions over page tables. See space.c; fork.c for sharing tables. */
#ifndef MM_SPACE_H
#define MM_SPACE_H

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
    size_t stack_max; /* bytes that a GROWSDOWN region may reach */
    uint32_t id;
    uint64_t faults, major; /* faults taken; those that waited for a pager or a disk */
};

/* Flags for space_map() beside REGION_*. */
enum {
    MAP_AT = 1 << 16,        /* exactly at *addr; replaces what is there */
    MAP_NOREPLACE = 1 << 17, /* with MAP_AT: -EEXIST instead of replacing */
    MAP_BOTTOM_UP = 1 << 18, /* lowest gap instead of the highest */
};

/* An empty space that begins a new family. NULL when out of memory. */
struct space *space_create(struct vm *vm);
/* Unmap everything and free it. Must not be active. May sleep. */
void space_destroy(struct space *s);
/* Load its page tables into the processor; NULL: kernel only. */
void space_activate(struct space *s);

/*
 * Map size bytes (rounded up to pages) of object from page offset, or private zeroes when object is NULL.
 * *addr is a hint or, with MAP_AT, an order; it returns the address. The space takes its own reference on the
 * object. 0, -EINVAL, -ENOMEM, -EEXIST. All or nothing.
 */
int space_map(struct space *s, vaddr_t *addr, size_t size, unsigned flags, struct object *object,
              uint32_t offset);
/* Remove [addr, addr + size). Splits regions at the edges. Holes are fine. 0, -EINVAL, -ENOMEM (memory for a
 * split; nothing was changed). */
int space_unmap(struct space *s, vaddr_t addr, size_t size);
/* Change protection (REGION_READ | WRITE | EXEC). -ENOMEM also when there is a hole (Linux: what precedes it
 * stays changed). */
int space_protect(struct space *s, vaddr_t addr, size_t size, unsigned prot);
/* A copy-on-write copy in the same family, sharing page tables. 0 or -ENOMEM. */
int space_fork(struct space *parent, struct space **child);
/* Give the span's table to this space alone, copying it if others name it. 0 or -ENOMEM. Called with the lock
 * held; may sleep. */
int space_own_table(struct space *s, vaddr_t va);

/* Pages with a frame, and pages in swap (entries; a shared table counts in full). */
void space_usage(struct space *s, uint32_t *resident, uint32_t *swapped);
/* INV-SPACE-*: regions, tables, and that every entry lies in a region that allows it. */
bool space_verify(struct space *s);

#endif
