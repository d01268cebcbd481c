/*
 * Swap: areas on block devices, the slot map with counts, the swap cache, and
 * clustered reads and writes. See swap.c for the theory.
 *
 * A slot's count is the number of places that name it: page-table entries (one for each table, however many
 * spaces share that table, and whether it is in memory or out), object index entries, and directory entries
 * whose table lies in it (table.h). A frame that has the slot's page is in the swap cache:
 * frame.slot and slot.frame name each other. The slot is free when its count is 0 and no frame caches it.
 * An anonymous frame in the swap cache that is not FRAME_F_DIRTY has no writable entry, and it equals its
 * slot, or will when it has been written (swap_io.c).
 *
 * SLOT_LOST is the slot of no area: what names it named a slot that could not be read when its area was taken
 * off (swap_off.c). Nothing is in it, it cannot be read, and any number of names may go to it.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (i)  interrupts off: interrupts change it too
 */
#ifndef MM_SWAP_H
#define MM_SWAP_H

#include "mm/block.h"
#include "mm/frame.h"

struct vm;

#define SWAP_AREAS      8
#define SWAP_AREA_SHIFT 24
#define SWAP_AREA_PAGES (1u << SWAP_AREA_SHIFT)
#define SLOT_LOST       ((slot_t)(SWAP_AREAS << SWAP_AREA_SHIFT))
#define SWAP_CLUSTER    16             /* pages evicted together at most */
#define SWAP_REQUEST    BLOCK_MAX_SEGS /* pages of a write request at most, if the device takes so many */
#define SWAP_WRITES     8              /* write requests in flight at most */
#define SWAP_READS      8              /* and read requests */
#define SWAP_RUN        32u            /* slots of a read request at most: what every device takes */
#define SWAP_HOLE       3u             /* slots that a read request passes over to get at more */

/* 8 bytes for 4096 of swap that is used: 0.2 %. */
struct swap_slot {
    pfn_t frame;           /* (n) in the swap cache, PFN_NONE if none */
    uint32_t count : 20;   /* (n) places that name it */
    uint32_t entries : 11; /* (n) not 0: it holds a page table that is out, with so many entries */
    uint32_t bad : 1;      /* (n) never allocated again: header, listed bad by mkswap, or an I/O error */
};

/* Names of a slot at most: more than there are address spaces, of each of which one entry can name it. */
#define SWAP_NAMES_MAX ((1u << 20) - 1)

#define SWAP_CHUNK_SLOTS    (uint32_t)(PAGE_SIZE / sizeof(struct swap_slot))
#define SWAP_CHUNK_CLUSTERS (SWAP_CHUNK_SLOTS / SWAP_CLUSTER)

/* One frame of slots, and how full it is. */
struct swap_chunk {
    struct swap_slot *slots;                   /* (n) NULL until one of them is used; then it stays */
    uint32_t free;                             /* (n) slots */
    uint32_t empty;                            /* (n) clusters without a used or bad slot */
    uint8_t cluster_free[SWAP_CHUNK_CLUSTERS]; /* (n) free slots of each cluster */
};

/* Chunks of which one frame tells. */
#define SWAP_DIR_CHUNKS (uint32_t)(PAGE_SIZE / sizeof(struct swap_chunk))
#define SWAP_DIRS       ((SWAP_AREA_PAGES / SWAP_CHUNK_SLOTS + SWAP_DIR_CHUNKS - 1) / SWAP_DIR_CHUNKS)

/* An area, in one frame. */
struct swap_area {
    struct block_device *dev; /* (c) */
    uint32_t index;           /* (c) in swap.area */
    uint32_t pages;           /* (c) slots, the header included */
    uint32_t free;            /* (n) */
    uint32_t bad;             /* (n) without the header */
    uint32_t bad_used;        /* (n) of bad: something still names them, or caches them */
    uint32_t mapped;          /* (n) chunks from the first on that have their slots, and are used */
    uint32_t beyond;          /* (n) of free: in the chunks behind them */
    uint32_t empty;           /* (n) clusters, of those that are mapped */
    uint32_t hint;            /* (n) next-fit position */
    uint32_t steal;           /* (n) where the search for a slot that has served goes on */
    int priority;             /* (c) areas of the highest one fill first, equal ones by turns */
    uint64_t turn;            /* (n) swap.turn when it last had its turn */
    uint32_t readers;         /* (n) tasks in swap_in() */
    uint32_t lost;            /* (n) names of its slots that have become SLOT_LOST */
    bool leaving;             /* (n) a task is in swap_off() for it */
    bool off;                 /* (n) it is being emptied: nothing is put there, and it is not in the sums */
    bool gone;                /* (n) it is empty and off, and does not come back */
    char label[17];           /* (c) */
    uint8_t uuid[16];         /* (c) */
    struct swap_chunk *dir[SWAP_DIRS]; /* (n) NULL until one of its chunks is used; then it stays */
};
_Static_assert(sizeof(struct swap_area) <= PAGE_SIZE, "an area is one frame");

struct swap_io; /* a request in flight */

struct swap {
    struct swap_area *area[SWAP_AREAS]; /* (n) */
    uint32_t total, free;               /* (n) slots over all areas, without header and bad ones */
    uint32_t kept;                      /* (n) slots that nothing but a frame names */
    uint32_t lost;                      /* (n) names of SLOT_LOST */
    int lowest;                         /* (n) priority given last to an area without one */
    uint64_t turn;                      /* (n) times that an area had its turn */
    uint32_t turn_area, turn_left;      /* (n) whose turn it is, and slots that are left to it of a cluster */
    bool clustering;                    /* (n) off: one page a request, for the benchmark */
    struct waitq io_wait;               /* for a request to complete */
    struct waitq read_wait;             /* for a request for reading to be free */
    struct swap_io *io;                 /* (c) SWAP_WRITES + SWAP_READS preallocated requests */
    struct swap_io *io_free;            /* (n) those for writing that are in no use */
    struct swap_io *read_free;          /* (n) and for reading */
    struct swap_io *io_done;            /* (i) those that completed; interrupts fill it */
    uint32_t io_active, read_active;    /* (n) submitted and not finished */
    uint32_t io_queued;                 /* (n) frames under WRITEBACK that wait for a free request */
    uint32_t writing;                   /* (n) frames under WRITEBACK */
    uint32_t washing;                   /* (n) those of them that are WASHED */
    uint64_t writes_ended;              /* (n) write requests */
    uint64_t freed;                     /* (n) frames that the end of a write freed */
    pfn_t sink;                         /* (c) where a disk puts what nobody wants */
    uint64_t pages_in, pages_out, reads, writes;                   /* (n) */
    uint64_t readahead, readahead_hits, read_errors, write_errors; /* (n) */
    uint64_t stolen;     /* (n) slots taken from resident pages because swap was full */
    uint64_t pages_lost; /* (n) names of other slots that have become SLOT_LOST */
};

/* A program uses a cached page: if it was read ahead, that was worth it. */
void swap_note_use_slow(struct vm *vm, struct frame *f);
static inline void swap_note_use(struct vm *vm, struct frame *f)
{
    if (f->flags & FRAME_F_READAHEAD)
        swap_note_use_slow(vm, f);
}

/* Whether fewer than half of the slots are free: clean pages then give theirs back when they are mapped. */
static inline bool swap_scarce(const struct swap *sw)
{
    return sw->free < sw->total / 2;
}

/* Whether a page that has no slot could get one. */
static inline bool swap_has_room(const struct swap *sw)
{
    return sw->free || sw->kept;
}

/* Prepare the empty state and the preallocated write requests. 0 or -ENOMEM. */
int swap_init(struct vm *vm);
/* Waits for writes. No slot may be named or cached. Sleeps. */
void swap_fini(struct vm *vm);

/*
 * Read the header of a device (sleeps) and, if it is a valid SWAPSPACE2 version 1 header of our page size
 * whose last page lies on the device, add the area. 0, -EINVAL (no or bad header; the reason is logged),
 * -EIO, -ENOMEM, -EBUSY (already on), -ENOSPC (no area number left), -EROFS. A device without a valid header
 * is never written. Sleeps.
 */
int swap_on(struct vm *vm, struct block_device *dev);
#define SWAP_ANY_PRIORITY (-1)
/* The same with a priority, 0 or more, or SWAP_ANY_PRIORITY: one below all before. Sleeps. */
int swap_on_at(struct vm *vm, struct block_device *dev, int priority);
/*
 * Bring every page of the device's area back into memory or to other areas, and let it go. Pages that cannot
 * be read are lost: what named them names SLOT_LOST. Sleeps. 0; -EINVAL (not on, or another task is doing
 * this); -ENOMEM (also: somebody else needs the area), -EINTR (stop, which may be NULL, said so): then the
 * area is on as before, though some pages have come back.
 */
int swap_off(struct vm *vm, struct block_device *dev, bool (*stop)(void));
/* Put the areas on again that are being emptied: there is no memory, and they have room. Whether there was
 * one. Does not sleep. */
bool swap_give_way(struct vm *vm);

/*
 * Allocate a slot and put f in the swap cache under it: f->slot is set, count 0, FRAME_F_DIRTY until it is
 * written. f has no slot, is not BUSY, and is in use ANON or OBJECT. False when swap is full, or there is no
 * frame for the records of more slots. Neighbouring calls give neighbouring slots.
 */
bool swap_assign(struct vm *vm, struct frame *f);
/* Of areas with equal priority another gets the next slots: those that are assigned from here on are written
 * together. */
void swap_next_area(struct vm *vm);
/* Put an additional name on a slot, or take one away. The last unref of a slot frees it and, when only the
 * cache has it, its frame. A page that is in use keeps its slot as a clean copy, unless the slot is bad. */
void swap_ref(struct vm *vm, slot_t slot);
void swap_unref(struct vm *vm, slot_t slot);
/* A name of a slot whose page is lost becomes one of SLOT_LOST, which the caller stores in its place. */
void swap_lose(struct vm *vm, slot_t slot);
/* n more names of SLOT_LOST, of pages whose slots nobody knows. */
void swap_lose_unknown(struct vm *vm, uint32_t n);
/* Places that name the slot. */
uint32_t swap_count(struct vm *vm, slot_t slot);
/* Entries of the page table that a slot holds; 0: it holds something else. */
uint32_t swap_entries(struct vm *vm, slot_t slot);
void swap_set_entries(struct vm *vm, slot_t slot, uint32_t entries);
/* The frame that caches slot (maybe FRAME_F_BUSY), or NULL. */
struct frame *swap_cached(struct vm *vm, slot_t slot);
/*
 * Take f out of the swap cache; frees the slot if nothing names it. f must not be BUSY or under WRITEBACK,
 * and becomes FRAME_F_DIRTY, since no slot equals it any more.
 */
void swap_uncache(struct vm *vm, struct frame *f);
/* Whether a clean page that comes back should keep its slot, as a copy that need not be written again. */
bool swap_keeps(const struct vm *vm, slot_t slot);
/* Whether slot is a number that an area has and something uses. For checks. */
bool swap_valid(struct vm *vm, slot_t slot);
/* What a slot of an area is used for, for people: nothing; a page that is there alone, or in memory too; one
 * that only memory names, so that the slot can be taken from it; a page table; never any more (the header,
 * bad). */
enum swap_look { SWAP_FREE, SWAP_PAGE, SWAP_CACHED, SWAP_KEPT, SWAP_TABLE, SWAP_BAD, SWAP_LOOKS };
enum swap_look swap_look(const struct swap_area *a, uint32_t page);
/* Whether the slot is retired after an I/O error. Its frame, if any, cannot be evicted while the slot has
 * names. */
bool swap_bad(struct vm *vm, slot_t slot);
/* Whether the page of a slot that something names is nowhere: SLOT_LOST, or a slot that could not be read. */
bool swap_is_lost(struct vm *vm, slot_t slot);

/*
 * Make the page of a slot resident in the swap cache. Sleeps. The frame comes pinned (pins + 1); who lets the
 * pin go calls vm_frame_drop(), in case nothing names the page any more. It reads neighbouring used slots
 * ahead in one request while free frames are above the low mark. 0; -EIO (the slot could not be read and is
 * retired: the caller's user gets SIGBUS); -ENOMEM; -EAGAIN (nothing uses the slot any more: look again).
 * *read becomes true if this call read from the disk, also in vain; it stays as it is if the page was in
 * memory, or another task was reading it.
 */
int swap_fetch(struct vm *vm, slot_t slot, struct frame **out, bool *read);
/* The same without neighbours. Sleeps. */
int swap_fetch_alone(struct vm *vm, slot_t slot, struct frame **out, bool *read);
/*
 * Read a slot that the caller names, and nobody caches, into f, which is the caller's own: for who must get
 * on without memory. Sleeps. 0 or -EIO; the slot is retired then.
 */
int swap_read(struct vm *vm, slot_t slot, struct frame *f);
/* Put slots in the order of the disk: few, or in that order mostly. */
void swap_sort(slot_t *slot, uint32_t n);
/* Whether a slot in use has a page that can be read, and is nowhere in memory. */
bool swap_may_read(const struct vm *vm, slot_t slot);
/*
 * Begin to read the pages of n slots, which may be read and are in ascending order, into the swap cache, as
 * far as there are requests, and frames above the low mark. wanted: one of them that a program waits for, or
 * 0; whether it is on its way, which may take the last free frame. The others are FRAME_F_READAHEAD, and
 * that of slot `mark` is FRAME_F_MARKED. Nosleep.
 */
bool swap_read_ahead(struct vm *vm, const slot_t *slot, unsigned n, slot_t wanted, slot_t mark);
/* The same for those who do not count reads. Sleeps. */
static inline int swap_in(struct vm *vm, slot_t slot, struct frame **out)
{
    bool read = false;

    return swap_fetch(vm, slot, out, &read);
}
/*
 * Start writing n frames (each has a slot, no entries or marked PARKED, not BUSY, no WRITEBACK), at most
 * SWAP_REQUEST; they are sorted by slot in place, and neighbouring slots go out in one request.
 * Sets FRAME_F_WRITEBACK, clears FRAME_F_DIRTY; a frame
 * whose slot is bad is left as it is. Sleeps only when all requests are in flight, and then finishes some as
 * swap_finish(vm, true, true) does. Returns the number of frames that this freed. A frame may be free on
 * return, unless the caller has a pin.
 */
unsigned swap_write(struct vm *vm, struct frame **f, unsigned n);
/*
 * Finish what disks have completed: pages that were read become valid, or go if they could not be read; of
 * writes see swap_finish(). Returns how many frames the end of writes freed. Nosleep.
 */
unsigned swap_poll(struct vm *vm, bool free_clean);
/* swap_poll(); and if f is still in I/O then, sleep until that may have ended. The caller looks again; a
 * frame that he has no pin of may have gone. Sleeps. */
void swap_pause(struct vm *vm, const struct frame *f);
/* Sleep until nothing is read or written any more. */
void swap_quiet(struct vm *vm);
/*
 * swap_poll(), in full: clear WRITEBACK, wake waiters; on an error mark the slot bad and the frame dirty,
 * so the page stays in memory. Frees anonymous frames that nothing names any more and, if free_clean, those
 * that are clean, unmapped and unpinned. wait: sleep until at least one completes (if any is in flight);
 * otherwise it does not sleep. Returns frames freed.
 */
unsigned swap_finish(struct vm *vm, bool wait, bool free_clean);
/* Sleep until f is neither BUSY nor under WRITEBACK. The caller has a pin. */
void swap_wait_frame(struct vm *vm, struct frame *f);

/* Frames that the areas' records are in: they grow as slots are used, and go with the area. For checks. */
uint32_t swap_record_frames(const struct vm *vm);
/* Visit every slot that something names, with its count; SLOT_LOST too. */
void swap_each_named(struct vm *vm, void (*fn)(slot_t slot, uint32_t count, void *arg), void *arg);

/* INV-SWAP-*: counts of free slots, cache links both ways. Names are recounted by vm_verify(). */
bool swap_verify(struct vm *vm);

#endif
