/*
 * Page tables that go to disk: out under memory pressure, and in when somebody needs them. See table.c for
 * the theory. The verbs on directory entries are in pt.h.
 *
 * What guards a field, by the letter in its comment:
 *   (o)  its owner only: it is on one task's stack
 */
#ifndef MM_TABLE_H
#define MM_TABLE_H

#include "mm/machine.h"
#include "mm/pt.h"
#include "mm/vm.h"

struct space;

/*
 * See to it that the table of va's span is in memory, if there is one. Whoever sleeps afterwards looks again:
 * it may have gone out, unless the space keeps its tables. The caller sees to it that the space stays. *read
 * becomes true if this call read from a disk. 0; -ENOMEM; -EIO (it cannot be read, or is not what was
 * written). Sleeps.
 */
int table_in(struct space *s, vaddr_t va, bool *read);

/* What is needed to bring in the table of a slot. */
struct table_fetched { /* (o) */
    slot_t slot;
    struct frame *page;  /* pinned, with the contents; or the same as table */
    struct frame *table; /* a frame for a table, or NULL */
    uint64_t ins;        /* tables that had come in before the slot was read */
};

/*
 * The same in two steps, for who may not keep a space over a sleep. First have the contents of a slot that a
 * directory entry names. urgent: this frees memory, so that the last frames may be used. 0; -ENOMEM, -EIO;
 * -EAGAIN (look again whether something names the slot). Sleeps.
 */
int table_fetch(struct vm *vm, slot_t slot, bool urgent, struct table_fetched *t, bool *read);
/*
 * Then, in the same nosleep section in which it was found that the span of va in s is out in t->slot, let all
 * directory entries that say so name the table again. s NULL: it has changed, only let go of what was
 * fetched. 0; -EIO; -EAGAIN (another frame is needed now: fetch once more). Nothing of t is left.
 */
int table_install(struct vm *vm, struct space *s, vaddr_t va, struct table_fetched *t);
/* Whether a table that is out in a slot has an entry that names a slot of the area with this index: 1 or 0;
 * -ENOMEM, -EIO; -EAGAIN (nothing names it any more). Sleeps. */
int table_names_area(struct vm *vm, slot_t slot, uint32_t area);

/*
 * Stop naming the table of a span that is out. With its last root the names go that its entries are; to know
 * them it is read, for which a frame is set aside. If it cannot be read, the slots that it named stay taken
 * until their area is put off, which the log says. When this returns, the span is not out. Sleeps.
 */
void table_drop_out(struct space *s, vaddr_t va);

/*
 * Likewise of a table that cannot be read: let s have this one instead, an empty one, which is used up. What
 * the entries were is not known, so all private pages of the span are lost. Nosleep.
 */
void table_lose(struct vm *vm, struct space *s, vaddr_t va, slot_t slot, struct frame *table);

/* The entries of a span for a reader, in memory or out. */
struct table_view {       /* (o) */
    const pte_t *entries; /* all of the span's; NULL: no table, or it could not be had */
    uint32_t roots;       /* that name the table */
    struct vm *vm;
    struct frame *page;
    void *window;
    bool out;
};
/*
 * Look at the table of va's span without bringing it in. Begins a nosleep section, also when it fails, in
 * which the entries may be read. The caller sees to it that the space stays. 0; -ENOMEM, -EIO. Sleeps
 * before.
 */
int table_view_begin(struct table_view *v, struct space *s, vaddr_t va);
/* The end of it, and of the nosleep section. */
void table_view_end(struct table_view *v);
/* The entry of va in it, NULL: none. */
static inline const pte_t *table_view_entry(const struct table_view *v, vaddr_t va)
{
    return v->entries ? v->entries + (va >> PAGE_SHIFT & (PT_TABLE_ENTRIES - 1)) : NULL;
}

/*
 * The first page in [va, end), which are pages, that is the space's own, in memory or out: not a page of an
 * object, and not the zeroes that all share. end: there is none. Tables that cannot be read have none.
 * Sleeps.
 */
vaddr_t table_next_private(struct space *s, vaddr_t va, vaddr_t end);

/* One more root names each of the tables of pt that are out: it was just copied. Nosleep. */
void table_count_shared(struct vm *vm, const struct pt *pt);

/*
 * Put at most max idle tables into slots: out[] gets their frames, which are ANON and in the swap cache now,
 * pinned and to be written. Idle tables without entries are freed at once and counted in *freed. Returns how
 * many are in out[]. Nosleep. The caller has the reclaim lock.
 */
unsigned table_put_out(struct vm *vm, struct frame **out, unsigned max, unsigned *freed);

/* An empty table: a cleared frame of use FRAME_TABLE. NULL: there is none at hand. Nosleep. */
static inline struct frame *table_try(struct vm *vm)
{
    struct frame *f = frame_alloc_clean(vm->pool, FRAME_TABLE); /* no reclaim: table_alloc() does it */

    if (likely(f))
        return f;
    f = frame_alloc_kernel(vm->pool, FRAME_TABLE, FRAME_LOW_ONLY); /* no reclaim: table_alloc() does it */
    if (f)
        page_clear(pt_table_entries(vm->pool, f));
    return f;
}

/* The same, reclaiming if need be. NULL: memory is exhausted, or what the kernel may keep. Sleeps. */
struct frame *table_alloc(struct vm *vm);

/* Give a table's frame back, which nothing names, and whose entries are all empty. */
static inline void table_free(struct vm *vm, struct pt *pt, struct frame *table)
{
    if (unlikely(table->flags & FRAME_F_IDLE))
        pt_unlist(pt, table);
    table->pins = 0;
    frame_free_clean(vm->pool, table);
}

/* Have the frame that table_drop_out() needs, and let it go. 0 or -ENOMEM. */
int table_begin(struct vm *vm);
void table_end(struct vm *vm);

/* splitmix64's finaliser: numbers that differ in one bit give unrelated words. Sums of it tell sets of names
 * apart. */
static inline uint64_t table_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* INV-TABLE-*; reads only; logs what is broken. */
bool table_verify(struct vm *vm);

#endif
