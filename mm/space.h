/*
 * Address spaces: regions over page tables. See space.c for the theory, fork.c for shared tables, protect.c,
 * remap.c, advise.c and populate.c for the calls that they are named after.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation, or once a program runs in it
 *   (l)  space.lock
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (o)  its owner only: it is the answer to one question
 * With several letters: all of them to change it, one of them to read it.
 */
#ifndef MM_SPACE_H
#define MM_SPACE_H

#include "mm/ahead.h"
#include "mm/layout.h"
#include "mm/object.h"
#include "mm/pt.h"
#include "mm/region.h"
#include "mm/rmap.h"
#include "mm/vm.h"

/* Pages that a space's regions allow, by kind as Linux counts them. */
struct space_pages {
    uint32_t total;  /* (l) */
    uint32_t data;   /* (l) private and writable, stacks apart */
    uint32_t stack;  /* (l) that grow down */
    uint32_t exec;   /* (l) executable and not writable */
    uint32_t locked; /* (l) */
};

/* Limits for them: what would exceed one fails. The owner's resource limits. */
struct space_limits {
    uint32_t total, data, locked; /* (n) pages */
};

struct softtlb;

struct space {
    struct vm *vm;              /* (c) */
    struct pt pt;               /* (n) */
    struct mutex lock;          /* guards regions, and which entries may be made; eviction does not take it */
    struct region_tree regions; /* (l+n) */
    struct family *family;      /* (c) */
    struct space *family_next, *family_prev; /* (n) */
    struct space *all_next, *all_prev;       /* (n) */
    struct region *moved; /* (n) the tree (moved.h) of regions whose number is not their address in pages */
    struct space_pages pages;  /* (l) */
    uint32_t pages_peak;       /* (l) the most that pages.total ever was */
    uint32_t resident;         /* (n) entries that name a page, the zero page apart; of shared tables, too */
    uint32_t resident_peak;    /* (n) the most of them whenever they became fewer: space_most_resident() */
    bool ending;               /* (n) space_destroy() has begun, and they are counted no more */
    unsigned lock_future;      /* (l) REGION_LOCKED, maybe with REGION_ONFAULT, for regions to come; or 0 */
    struct space_limits limit; /* (n) set by the owner at any time; nothing is limited at first */
    vaddr_t map_top;           /* (c) mappings without an address go below; SPACE_HI at first */
    size_t stack_max;          /* (n) bytes that a GROWSDOWN region may reach */
    uint32_t tables_kept;      /* (n) somebody works with its tables over sleeps: they stay in memory */
    uint32_t id;               /* (c) from 1, for people */
    struct ahead *ahead;       /* (n) what it will want of its pages that are in slots; NULL: nothing yet */
    uint32_t faults;           /* (n) faults taken, with what the kernel touched for its program */
    uint32_t major;            /* (n) of these, the ones that read from a disk */
    struct policy_set set;     /* (n) its pages, if the policy keeps those of each program apart */
    vaddr_t plain_below;       /* (l+n) faults below take the usual way: USER_END; 0 in software TLB mode */
    struct softtlb *tlb;       /* (l+n) software TLB mode (softtlb.h); NULL: the processor's own way */
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

/* An empty space that begins a new family. NULL when out of memory. Sleeps. */
struct space *space_create(struct vm *vm);
/* Unmap everything and free it. No task may be using it. Sleeps. */
void space_destroy(struct space *s);
/* Load its page tables into the processor; NULL: the kernel's only. */
void space_activate(struct space *s);
/* The same of a space whose tables are not loaded, for who switches tasks. */
static inline void space_switch(struct space *s)
{
    if (likely(!s->tlb))
        pt_switch(&s->pt);
    else
        space_activate(s);
}

/*
 * Map size bytes (rounded up to pages) of object from page offset on, or private zeroes when object is
 * NULL. *addr is a hint (0: none) or, with MAP_AT, an order; it returns the address. A place that was not
 * ordered leaves the stack above it room to grow to its limit or, when nothing else is free,
 * SPACE_STACK_GAP. The space takes a reference to the object for itself. 0; -EINVAL (size 0, unaligned
 * MAP_AT, REGION_SHARED without object); -EPERM (MAP_AT below SPACE_LO); -ENOMEM (no room, no memory,
 * beyond a limit or what may be committed); -EAGAIN (REGION_LOCKED beyond its limit); -EEXIST; -EOVERFLOW
 * (a page of the object beyond 32 bits). On an error nothing was changed, except that MAP_AT may have split
 * regions; but -EPERM (an object that is sealed against it) comes when MAP_AT has removed what was there.
 * Sleeps.
 */
int space_map(struct space *s, vaddr_t *addr, size_t size, unsigned flags, struct object *object,
              uint32_t offset);
/*
 * Let [start, start + size), which is shared memory of one object, mapped alike, show the object from page
 * offset on. Page aligned, size > 0, without overflow. For remap_file_pages(2). 0; -EINVAL (it is something
 * else; or an object that ends with its regions, which are all there: they are gone then); or an error of
 * space_map() with MAP_AT. Sleeps.
 */
int space_map_again(struct space *s, vaddr_t start, size_t size, uint32_t offset);
/*
 * Remove the pages of [addr, addr + size). Regions are split at the edges; holes are fine.
 * 0; -EINVAL (unaligned, size 0, not in the user half); -ENOMEM (for a split; nothing was removed); -EIO (a
 * part of a table goes that is on disk and cannot be read; nothing was removed). Sleeps.
 */
int space_unmap(struct space *s, vaddr_t addr, size_t size);

/* For space_protect(): begin at the start of the growing stack that holds addr. */
#define PROTECT_GROWSDOWN (1u << 16)
/*
 * Change what [addr, addr + size) allows to prot (of REGION_READ | WRITE | EXEC), region by region: on an
 * error what precedes is changed. 0; -EINVAL (unaligned, unknown right, PROTECT_GROWSDOWN elsewhere); -ENOMEM
 * (a hole, or no memory); -EACCES (REGION_NOWRITE, REGION_NOEXEC). Sleeps.
 */
int space_protect(struct space *s, vaddr_t addr, size_t size, unsigned prot);

/* Flags for space_remap(): Linux's. */
enum { REMAP_MAYMOVE = 1, REMAP_FIXED = 2, REMAP_DONTUNMAP = 4 };
/*
 * Change the size of the mapping of [*addr, *addr + old_size) to new_size, moving it, with its pages, if it
 * must and may: to `to` (REMAP_FIXED, replacing what is there), near `to` (REMAP_DONTUNMAP, which leaves an
 * empty mapping behind), or anywhere. *addr returns where it is. old_size 0 maps a shared mapping once more.
 * 0; -EINVAL; -EFAULT (not one mapping); -ENOMEM; -EAGAIN (locked pages beyond the limit). On an error
 * nothing was changed. Sleeps.
 */
int space_remap(struct space *s, vaddr_t *addr, size_t old_size, size_t new_size, unsigned flags, vaddr_t to);

/* For space_advise(): Linux's numbers. */
enum advice {
    ADVISE_NORMAL = 0,
    ADVISE_RANDOM = 1,
    ADVISE_SEQUENTIAL = 2,
    ADVISE_WILLNEED = 3,
    ADVISE_DONTNEED = 4,
    ADVISE_FREE = 8,
    ADVISE_REMOVE = 9,
    ADVISE_DONTFORK = 10,
    ADVISE_DOFORK = 11,
    ADVISE_MERGEABLE = 12,
    ADVISE_UNMERGEABLE = 13,
    ADVISE_HUGEPAGE = 14,
    ADVISE_NOHUGEPAGE = 15,
    ADVISE_DONTDUMP = 16,
    ADVISE_DODUMP = 17,
    ADVISE_WIPEONFORK = 18,
    ADVISE_KEEPONFORK = 19,
    ADVISE_COLD = 20,
    ADVISE_PAGEOUT = 21,
    ADVISE_POPULATE_READ = 22,
    ADVISE_POPULATE_WRITE = 23,
    ADVISE_DONTNEED_LOCKED = 24,
};
/*
 * madvise(). Holes are passed over and give -ENOMEM at the end (the POPULATE pair stops there). -EINVAL
 * (unaligned, unknown, or not for this kind of mapping), -EACCES (REMOVE), -EFAULT (POPULATE beyond an
 * object). Sleeps.
 */
int space_advise(struct space *s, vaddr_t addr, size_t size, int advice);
/* Forget that pages of private memory, or of objects, were used: until the next touch their accessed bits are
 * clear. Sleeps for the lock. */
void space_clear_accessed(struct space *s, bool anonymous, bool objects);
/* One byte for each of n pages: 1 if a touch would not wait. 0, or -ENOMEM when there is a hole. Sleeps. */
int space_mincore(struct space *s, vaddr_t addr, uint32_t n, uint8_t *vec);
/* msync(), flags Linux's. Files live in memory, so there is nothing to write; what is checked is checked.
 * Sleeps. */
enum { SYNC_ASYNC = 1, SYNC_INVALIDATE = 2, SYNC_SYNC = 4 };
int space_sync(struct space *s, vaddr_t addr, size_t size, unsigned flags);

/*
 * Lock the regions of [addr, addr + size) (flags: REGION_LOCKED, maybe with REGION_ONFAULT) or unlock them
 * (0), and bring in what is to be locked. 0; -ENOMEM (a hole, what precedes is done; the limit; a page that
 * cannot be had); -EAGAIN (no memory for the pages); -EINVAL (wraps). Sleeps.
 */
int space_lock(struct space *s, vaddr_t addr, size_t size, unsigned flags);
/* The same for all there is, if `current`; and `future`, likewise flags or 0, for all that is mapped from now
 * on. In one step: no mapping escapes that is made meanwhile. Pages that cannot be brought in are no error.
 * Sleeps. */
int space_lock_all(struct space *s, bool current, unsigned flags, unsigned future);

enum populate {
    POPULATE_MAPPED, /* what a first touch would do: writable private pages become private copies */
    POPULATE_READ,
    POPULATE_WRITE,
};
/*
 * Make pages resident. POPULATE_MAPPED passes holes over, the others stop with -ENOMEM. -ENOMEM, -EFAULT
 * (forbidden or beyond an object), -EINVAL (POPULATE_READ and _WRITE: forbidden), -EINTR (the task is to
 * die). Sleeps.
 */
int space_populate(struct space *s, vaddr_t start, vaddr_t end, enum populate how);

/* Copy between a kernel buffer and a space that need not be loaded, as its program could. Bytes, short before
 * what it may not touch. Sleep. */
size_t space_read(struct space *s, vaddr_t va, void *buf, size_t n);
size_t space_write(struct space *s, vaddr_t va, const void *buf, size_t n);

/* The same for a debugger: as far as there is memory at all. What the program may not write is written in a
 * private copy of its own, if the mapping is private; what it may not touch is read, if it has a page, but
 * not written. Sleep. */
size_t space_read_forced(struct space *s, vaddr_t va, void *buf, size_t n);
size_t space_write_forced(struct space *s, vaddr_t va, const void *buf, size_t n);

/* A copy-on-write copy in the same family, which shares the page tables. 0 or -ENOMEM. Sleeps. */
int space_fork(struct space *parent, struct space **child);
/*
 * Make the table of va's span (if there is one) own, with a writable directory entry: it is claimed, or split
 * when others name it, and brought in before if it is out. The caller has the lock. Sleeps. 0, -ENOMEM or
 * -EIO (it is out and cannot be read).
 */
int space_own_table(struct space *s, vaddr_t va);
/* The same if there is nothing to wait for. *copy: an empty table to split into, or NULL, and it becomes NULL
 * if it is used up. False: no frame is at hand, or the table is out, and nothing has changed. Nosleep. */
bool space_own_table_at_once(struct space *s, vaddr_t va, struct frame **copy);

/* Pages of a space by what they hold, the shared zero page left out; swapped: in a slot only, tables that are
 * out included. */
struct space_usage {
    uint32_t anon, file, shmem, swapped; /* (o) */
};
/* Count them, table by table; what is shared counts in full. The caller sees to it that the space stays, and
 * needs no lock. Sleeps. */
void space_count_usage(struct space *s, struct space_usage *u);
/* The most pages that it ever had resident. */
static inline uint32_t space_most_resident(const struct space *s)
{
    return s->resident > s->resident_peak ? s->resident : s->resident_peak;
}
/* Let that be what it has now. */
static inline void space_forget_most_resident(struct space *s)
{
    s->resident_peak = 0;
}
/* So many entries name a page no more. */
static inline void space_resident_less(struct space *s, uint32_t n)
{
    s->resident_peak = space_most_resident(s);
    s->resident -= n;
}
/* How many pages it may have resident at most, for policies that keep those of each program apart. Less than
 * one instruction may touch at once becomes SPACE_RESIDENT_LEAST. */
#define SPACE_RESIDENT_LEAST 16u
void space_set_resident(struct space *s, uint32_t most);
/* Set vm.rss_limit, and begin anew from there with the limits of all spaces. */
void space_set_rss_limit(struct vm *vm, uint32_t pages);
/* INV-SPACE-* and INV-PT-*; reads only; logs what is broken. */
bool space_verify(struct space *s);

/* --- for the other files of spaces; the caller has the lock --- */

/* An empty space in a family (NULL: a new one), which must stay. NULL when out of memory. Nobody finds it
 * before space_enter(), and only then may it get tables or be destroyed. Sleeps. */
struct space *space_alloc(struct vm *vm, struct family *family);
/* Put it into the lists that reclaim and others walk. */
void space_enter(struct space *s);
/* Whether [addr, addr + size) is page aligned, not empty and in the user half. */
static inline bool space_range_ok(vaddr_t addr, size_t size)
{
    return !((addr | size) & PAGE_MASK) && size && addr < SPACE_HI && size <= SPACE_HI - addr;
}
/* Whether a region of these flags may grow by `pages`: 0, -ENOMEM, -EAGAIN. */
static inline int space_may_add(const struct space *s, unsigned flags, uint32_t pages)
{
    const struct space_pages *have = &s->pages;
    const struct space_limits *limit = &s->limit;

    if (unlikely(flags & REGION_LOCKED) && (pages > limit->locked || have->locked > limit->locked - pages))
        return -EAGAIN;
    if (unlikely(pages > limit->total || have->total > limit->total - pages))
        return -ENOMEM;
    if ((flags & (REGION_WRITE | REGION_SHARED | REGION_GROWSDOWN)) == REGION_WRITE &&
        unlikely(pages > limit->data || have->data > limit->data - pages))
        return -ENOMEM;
    return 0;
}
/* Whether private memory of these flags counts as committed. */
static inline bool space_charges(unsigned flags)
{
    return (flags & (REGION_WRITE | REGION_SHARED | REGION_NORESERVE)) == REGION_WRITE;
}
/* The frame behind the entry of va, if this space is the only one to name it and it can be evicted; else
 * NULL. */
struct frame *space_exclusive_frame(struct space *s, vaddr_t va);
/* Count a region's pages in, or out. */
void space_count(struct space *s, const struct region *r);
void space_uncount(struct space *s, const struct region *r);
/* Insert a region that is filled in, its object referenced, and count it. */
void space_add_region(struct space *s, struct region *r);
/* The end of all regions of a space that nobody finds yet. Charges stay. Sleeps. */
void space_end_regions(struct space *s);
/* The reverse of adding; frees r and drops the reference. Charges stay. Sleeps. */
void space_delete_region(struct space *s, struct region *r);
/* Have a boundary at va. 0 or -ENOMEM. Sleeps. */
int space_split(struct space *s, vaddr_t va);
/* The same when r is known to hold va and not to start there. r keeps what is below. Sleeps. */
int space_split_region(struct space *s, struct region *r, vaddr_t va);
/* For the next, where regions were moved. */
void space_resize_region_slow(struct space *s, struct region *r, vaddr_t start, vaddr_t end);
/* Change its boundaries, without passing a neighbour. It is not counted. */
static inline void space_resize_region(struct space *s, struct region *r, vaddr_t start, vaddr_t end)
{
    if (unlikely(s->moved))
        space_resize_region_slow(s, r, start, end);
    else
        region_resize(&s->regions, r, start, end);
}
/* Join what is alike in and at the edges of a range. Sleeps. */
void space_merge(struct space *s, vaddr_t start, vaddr_t end);
/* The same from a region on, up to and with the one that begins at end. What is joined goes into the lower.
 * Sleeps. */
void space_merge_from(struct space *s, struct region *r, vaddr_t end);
/* Change the flags of a region in whole, with the counts. */
void space_set_flags(struct space *s, struct region *r, unsigned flags);
/* Where a new mapping of size goes: near hint if it is not 0 and there is room. 0 or -ENOMEM. */
int space_gap(struct space *s, vaddr_t hint, size_t size, bool bottom_up, struct region_gap *gap);
/* Own the tables at the edges of a range, as far as they stay when the range is emptied. 0, -ENOMEM or -EIO.
 * Sleeps. They stay own; that they stay in memory too is up to the caller (space.tables_kept). */
int space_own_edges_slow(struct space *s, vaddr_t start, vaddr_t end);
static inline int space_own_edges(struct space *s, vaddr_t start, vaddr_t end)
{
    if (likely(pt_span_settled(&s->pt, start) && pt_span_settled(&s->pt, end - 1)))
        return 0;
    return space_own_edges_slow(s, start, end);
}
/* Own every table of a range; one that is out and that no other space names stays so. 0, -ENOMEM or -EIO.
 * Sleeps. As above. */
int space_own_tables(struct space *s, vaddr_t start, vaddr_t end);
/* Empty the entries of a range whose tables are all owned, and keep the tables, but for those that are out
 * and have no entries elsewhere. Those at the edges must be in memory. Sleeps. */
void space_clear_entries(struct space *s, vaddr_t start, vaddr_t end);
/* Empty the entries of a range whose edges are owned, and free the tables that this leaves to no region.
 * Sleeps. */
void space_clear_range(struct space *s, vaddr_t start, vaddr_t end);
/* Free tables of a range that are in memory, have no entries and are nobody else's. */
void space_trim_tables(struct space *s, vaddr_t start, vaddr_t end);
/* Unmap a range, which may touch nothing. 0 or -ENOMEM. Sleeps. */
int space_unmap_locked(struct space *s, vaddr_t start, vaddr_t end);

#endif
