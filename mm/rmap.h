/*
 * Reverse mapping: from a frame to the entries that name it. An anonymous frame
 * names its family and its page number there; an object's frame names its object and index. See rmap.c.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 */
#ifndef MM_RMAP_H
#define MM_RMAP_H

#include "mm/frame.h"
#include "mm/pt.h"

struct vm;
struct space;
struct object;

/* All spaces that descend by fork from one space_create(). */
struct family {
    struct space *spaces; /* (n) linked through family_next */
    uint32_t count;       /* (n) */
    uint32_t id;          /* (c) that of the space it began with */
    uint32_t numbers;     /* (n) of pages that were given out though they are no addresses (space.c) */
};

/*
 * Visit each entry that names f, in every space that shows it: an entry of a
 * shared table is visited again unless fn changed it. Stops when fn returns
 * false. Nosleep. f->owner must be set.
 */
void rmap_each(struct vm *vm, struct frame *f, bool (*fn)(struct space *s, vaddr_t va, pte_t *e, void *arg),
               void *arg);
/* The same for each entry of the page with this number in a family that names a slot, as far as tables are in
 * memory. fn changes nothing. Nosleep. */
void rmap_each_swapped(struct family *family, uint32_t number, slot_t slot,
                       bool (*fn)(struct space *s, vaddr_t va, pte_t *e, void *arg), void *arg);
/* The entry of va has come to name a page (1), or names it no more (-1): count it in every space that shows
 * the table. Nosleep. */
void rmap_count_resident(struct space *s, vaddr_t va, int by);
/* Whether an entry says that the page was used. Nosleep. */
bool rmap_accessed(struct vm *vm, struct frame *f);
/* Clear the accessed bit in all entries; whether any was set. */
bool rmap_test_clear_accessed(struct vm *vm, struct frame *f);
/* Whether a locked region maps it. */
bool rmap_locked(struct vm *vm, struct frame *f);
/*
 * Let every entry in s's family that names f's slot at the page of va in s name f again, read-only. The slot
 * loses these names. Nosleep.
 */
void rmap_restore(struct vm *vm, struct space *s, vaddr_t va, struct frame *f);
/* The entry of va in s names a slot whose page is lost: let it name SLOT_LOST. Nosleep. */
void rmap_lose(struct space *s, vaddr_t va);
/* Whether any of its entries was written through since the dirty bit was last cleared. */
bool rmap_dirty(struct vm *vm, struct frame *f);
/* Both at once, of those bits that any of its entries has. */
enum { RMAP_ACCESSED = 1 << 0, RMAP_DIRTY = 1 << 1 };
unsigned rmap_bits(struct vm *vm, struct frame *f);
/* Let no entry that names an anonymous frame translate: those that do are parked until the next fault.
 * Nosleep. */
void rmap_park(struct vm *vm, struct frame *f);
/* The same, and none of its entries is to be writable or dirty when it is put back. Nosleep. */
void rmap_wash(struct vm *vm, struct frame *f);
/* Empty the only entry that names an anonymous frame: its page will begin anew as zeroes. f->maps is 0
 * afterwards. */
void rmap_forget(struct vm *vm, struct frame *f);
/*
 * Replace every entry that names f: by f->slot's swap entry (one swap_ref each) for ANON, by nothing for
 * OBJECT. A dirty bit found sets FRAME_F_DIRTY. f->maps is 0 afterwards.
 */
void rmap_unmap(struct vm *vm, struct frame *f);
/*
 * Empty the entries of all private copies that mappings made of o's pages [first, end), as far as their
 * tables are in memory. Frames and slots that nothing else names are free then. Nosleep.
 */
void rmap_forget_copies(struct object *o, uint32_t first, uint32_t end);
/* Whether the table of such an entry may be out: *s and *va say where. Tables that cannot be read do not
 * count. Nosleep. */
bool rmap_copies_out(struct object *o, uint32_t first, uint32_t end, struct space **s, vaddr_t *va);

#endif
