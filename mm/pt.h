/*
 * Page tables. The tables are the truth for private memory: an entry is empty,
 * or names a frame, or names a swap slot. mm/x86/pt.c has the theory,
 * mm/x86/pte.h the bits behind these inline functions.
 *
 * A table itself may be out: it lies in a swap slot, which the directory entry names. What its entries say is
 * not known then, and a walker has to take that as an answer of its own: it brings the table in (table.h), or
 * knows that the table has nothing for it. So nothing here says "no entry" of a table that is out: functions
 * that see only what is in memory have `resident` in their names.
 *
 *
 *   pte_empty() pte_is_swap() pte_has_frame()  what an entry is, one of the three
 *   pte_present() pte_held() pte_parked()      what it is if it has a frame: the processor translates; nobody
 *                                              may touch the page; it is set aside and the fault puts it back
 *   pte_pfn() pte_slot()                       what it names
 *   pte_writable() pte_accessed() pte_dirty() pte_unlooked()  of an entry with a frame
 *   pte_make(pfn, PT_*) pte_make_swap(slot)    build one
 *   pte_with_pfn(entry, pfn)                   build one like another
 *   pte_readonly() pte_with_write() pte_old() pte_looked() pte_clean() pte_hold() pte_unhold()
 *   pte_park() pte_unpark() pte_unpark_idle()
 *                                              the same entry, changed in one respect
 *
 * Who asks whether a page is there asks pte_has_frame(): an entry that is not present may have one.
 *
 * All functions here are called in nosleep sections; entry pointers are valid
 * until the section ends. Every change goes through pt_set(), a batch or a
 * whole-table verb, and these see to the TLB: no caller flushes.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (o)  its owner only: it is on one task's stack
 */
#ifndef MM_PT_H
#define MM_PT_H

#include "mm/frame.h"
#include "mm/x86/pte.h"

/* What one table maps. */
#define PT_SPAN          ((vaddr_t)1 << PT_SPAN_SHIFT)
#define PT_SPAN_DOWN(va) ((va) & ~(PT_SPAN - 1))

/* The tables of one space. */
struct pt {
    struct frame_pool *pool;            /* (c) */
    pde_t *top;                         /* (c) the root, in the direct map */
    pfn_t root;                         /* (c) */
    uint32_t tables;                    /* (n) user tables that it names, shared ones included */
    uint32_t out;                       /* (n) of these, out */
    uint32_t spans[PT_USER_SPANS / 32]; /* (n) a bit for each span: it has one of them */
    uint32_t words;                     /* (n) a bit for each word of these that is not 0 */
    void *owner;                        /* (c) what the frames of its user tables get as owner */
    struct frame_list *idle;            /* (c) where idle tables are put: see pt_idle(); NULL: nowhere */
    /* Told that n pages from va on, in one span, name no frame any more, or are about to. Nosleep. NULL:
     * nobody wants to know. */
    void (*lost)(struct pt *pt, vaddr_t va, uint32_t n); /* (n) */
    struct pt *next, *prev;                              /* (n) all roots, for changes to the kernel half */
};

/* An empty user half over the common kernel half. 0 or -ENOMEM. */
int pt_create(struct pt *pt, struct frame_pool *pool);
/* Free the root. Every user table must have been dropped, and the root must not be active. */
void pt_destroy(struct pt *pt);
/* Let `to`, which is nothing yet, be the root without tables that `from` is, which then is nothing. It is not
 * loaded. */
void pt_hand_over(struct pt *from, struct pt *to);
/* Load it into the processor; NULL: the kernel's. Does nothing when it is loaded. */
void pt_activate(struct pt *pt);
/* The same of one that is not loaded. */
static inline void pt_switch(struct pt *pt);
/* The one that is loaded, NULL for the kernel's. */
static inline struct pt *pt_active(void);

/* --- tables --- */

enum pt_span {
    PT_NONE,   /* no table */
    PT_OWN,    /* one that only this root names, though its entry may still be read-only */
    PT_SHARED, /* one that other roots name too */
    PT_OUT,    /* one that is not in memory; pt_out_slot() says where it is */
};

static inline enum pt_span pt_span(const struct pt *pt, vaddr_t va);
/* The same of a span whose table is known to be in memory. */
static inline enum pt_span pt_resident_span(const struct pt *pt, vaddr_t va);
/*
 * The table of a span if it is in memory, else NULL: there is none, or it is out. Of its frame's fields, maps
 * counts the roots that name it, used the entries that are not empty, and pins those of them that name slots;
 * index has a bit for each group of entries (1 << PT_GROUP_SHIFT) in which there may be some, slot is the
 * number of the span, and owner that of the root.
 */
static inline struct frame *pt_resident_table(const struct pt *pt, vaddr_t va);
/* Whether it is PT_OUT. */
static inline bool pt_is_out(const struct pt *pt, vaddr_t va);
/* The slot of the table of a span that is PT_OUT. */
static inline slot_t pt_out_slot(const struct pt *pt, vaddr_t va);
/* Whether a table names no frame: it is empty, or only slots are named. When it comes to that, it is flagged
 * FRAME_F_IDLE and put at the tail of the root's list, and may be out of date there. */
static inline bool pt_idle(const struct frame *table)
{
    return table->used == table->pins;
}
/* Take a table that is about to be freed, or is idle no more, off that list if it is on it. */
void pt_unlist(struct pt *pt, struct frame *table);
/* Put an idle table on it. */
void pt_list_idle(struct pt *pt, struct frame *table);
/* Entries of a table frame. */
static inline pte_t *pt_table_entries(const struct frame_pool *pool, const struct frame *table);
/* The directory entry, for people. */
static inline pde_t pt_directory(const struct pt *pt, vaddr_t va);
/* What a bit of an entry that names a frame, or a table, is called: NULL if it belongs to the number of the
 * frame, or to nothing. */
const char *pt_bit_name(unsigned bit);
/* Whether the directory entry forbids writes to the whole span: its table was shared at some time and not
 * claimed since. */
static inline bool pt_span_readonly(const struct pt *pt, vaddr_t va);

/* Whether entries of the span can be changed as they are, or there are none: it has no table, or an own one
 * in memory whose directory entry is writable. */
static inline bool pt_span_settled(const struct pt *pt, vaddr_t va);

/* The entry of va (NULL: there is no table, or it is out) and what is to be said of its span, at one look. */
struct pt_view { /* (o) */
    pte_t *entry;
    enum pt_span span;
    bool is_readonly;
};
static inline struct pt_view pt_view(const struct pt *pt, vaddr_t va);

/* Give a span without a table an empty one: a zeroed frame (use FRAME_TABLE, low). */
void pt_add_table(struct pt *pt, vaddr_t va, struct frame *table);
/* Let dst, which has no tables yet, name all of src's user tables too, and make the directory entries of both
 * read-only. Returns how many. */
uint32_t pt_share_tables(struct pt *dst, struct pt *src);
/* The table is this root's alone again: make its directory entry writable. */
void pt_claim_table(struct pt *pt, vaddr_t va);
/* Name copy, which has the same entries, instead of the shared table. Counting what the entries name is the
 * caller's. */
void pt_split_table(struct pt *pt, vaddr_t va, struct frame *copy);
/* Stop naming the span's table, which is in memory. Returns it when this was the last root (the caller gives
 * up its entries and frees it), else NULL. */
struct frame *pt_drop_table(struct pt *pt, vaddr_t va);
/* First span start at or above va (rounded down to its span) and below end that has a table, in memory or
 * out; end when there is none. */
static inline vaddr_t pt_next_span(const struct pt *pt, vaddr_t va, vaddr_t end);
/* The same, passing over tables that are out: for walkers who look for frames. */
static inline vaddr_t pt_next_resident(const struct pt *pt, vaddr_t va, vaddr_t end);
/* The same, for tables that are out only. */
vaddr_t pt_next_out(const struct pt *pt, vaddr_t va, vaddr_t end);

/* Let the directory entry of a table in memory say that it is out, in slot. The table loses a root; counting
 * the slot's name is the caller's. */
void pt_put_out(struct pt *pt, vaddr_t va, slot_t slot);
/* Let a table that is out be this one, which has the same entries; readonly: others name it too. The table
 * gains a root. */
void pt_bring_in(struct pt *pt, vaddr_t va, struct frame *table, bool readonly);
/* Forget a table that is out. */
void pt_drop_out(struct pt *pt, vaddr_t va);
/* Let the fields of a table's frame be true, for the span of va, by its entries. maps stays. */
void pt_count_table(const struct pt *pt, vaddr_t va, struct frame *table);

/* --- entries --- */

/* The entry for va if its table is in memory, else NULL: pt_span() tells whether there is none or it is out.
 * Enough for who looks for what names a frame, since a table that is out names none. */
static inline pte_t *pt_resident_entry(const struct pt *pt, vaddr_t va);
/* Store an entry. Keeps the table's used count and flushes what the processor may have cached of the old one.
 */
static inline void pt_set(struct pt *pt, vaddr_t va, pte_t *e, pte_t value);
/* Of n entries from va on, which lie in one table and in no more than two groups, so many were empty and have
 * got values that name frames. Counts them; there is nothing to be flushed. */
static inline void pt_filled(struct pt *pt, vaddr_t va, uint32_t n, uint32_t filled);
/* Index of the first of a table's entries at or after i that is not empty; PT_TABLE_ENTRIES when there is
 * none. Steps over groups of entries that were never used. */
static inline uint32_t pt_next_entry(const struct frame *table, const pte_t *entries, uint32_t i);
/* Have fn, which is inlined, look at each entry that is not empty; it may change it, or empty it if the table
 * is about to be freed. Returns how many. */
static inline uint32_t pt_each_entry(const struct frame *table, pte_t *entries,
                                     void (*fn)(pte_t *e, void *arg), void *arg);
/* Have fn, which is inlined, look at each entry that is not empty, and at some that are, together with its
 * place in another table. Each group of entries is one straight line, so fn should be short. */
static inline void pt_each_pair(const struct frame *table, pte_t *entries, pte_t *others,
                                void (*fn)(pte_t *e, pte_t *other, void *arg), void *arg);
/* Clear the accessed bit and report whether it was set. */
bool pt_test_clear_accessed(struct pt *pt, vaddr_t va, pte_t *e);
/*
 * For who looks on: set seen[frame - start of the pool] to 0xFF for each frame that was used through an entry
 * of a table since this was last asked of it. What pte_accessed() says stays as it is. Returns how many
 * entries; if there were any, pt_look_end() has to come before the section ends. pt_may_look(): whether the
 * frame is a table with entries of a space.
 */
static inline bool pt_may_look(const struct frame *f);
unsigned pt_look(const struct frame_pool *pool, const struct frame *table, uint8_t *seen);
void pt_look_end(void);

/*
 * Many changes to one space, in own tables: pt_batch_set() notes stale translations, and the
 * end flushes them at once: by page when they are few, else by reloading the
 * root. Frames that lost their entries are freed after the end.
 */
#define PT_BATCH_PAGES 8
struct pt_batch { /* (o) */
    struct pt *pt;
    uint32_t count;
    vaddr_t va[PT_BATCH_PAGES];
};
void pt_batch_begin(struct pt_batch *b, struct pt *pt);
/* Who empties entries that were present looks himself whether their table is idle now. */
void pt_batch_set(struct pt_batch *b, vaddr_t va, pte_t *e, pte_t value);
void pt_batch_end(struct pt_batch *b);

/*
 * Take up to max non-empty entries of [*va, end), which lies in one span with an own table: they
 * become empty, old[] gets what they were, nothing of it is cached any more, and *va is where to go on.
 * Returns how many; 0: there are none.
 */
unsigned pt_take_entries(struct pt *pt, vaddr_t *va, vaddr_t end, pte_t *old, unsigned max);
/* Let the span of `to`, which has no table, have the table of `from`, which is own, or out and named by this
 * root alone. */
void pt_move_table(struct pt *pt, vaddr_t from, vaddr_t to);

/* Check INV-PT-*; reads only; logs what is broken. */
bool pt_verify(const struct pt *pt);

/* --- kernel half --- */

/* Map one frame at a kernel address outside the direct map, in every root. flags PT_*. 0 or -ENOMEM (for a
 * table). */
int pt_kernel_map(struct frame_pool *pool, vaddr_t va, pfn_t pfn, unsigned flags);
/* Unmap it; returns the frame that was there, PFN_NONE if none. */
pfn_t pt_kernel_unmap(vaddr_t va);
/* Whether a page is mapped there. For checks. */
bool pt_kernel_mapped(vaddr_t va);

#include "mm/x86/pt_inline.h"

#endif
