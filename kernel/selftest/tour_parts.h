/* What the parts of the tour (tour_*.c) share: telling, looking, counting, checking. */
#ifndef KERNEL_SELFTEST_TOUR_PARTS_H
#define KERNEL_SELFTEST_TOUR_PARTS_H

#include "kernel/vm/bootinfo.h"
#include "mm/space.h"

/* --- the parts; any of these may sleep --- */

void tour_page_life(void);
void tour_shared_page(void);
void tour_file_image(const struct bootinfo *boot);
void tour_bad_access(void);
void tour_large_set(void);
void tour_frames_under_load(void);
void tour_fit_policies(void);

/* --- telling: lines of the log, not shown with `quiet` --- */

#define TOUR_TEXT 77u /* columns of a line of text; two blanks stand before it, and a screen has 80 */

/* A heading with the next number of the first or of the second level. */
void tour_part(const char *title);
void tour_step(const char *title);
/* A line of text, of TOUR_TEXT columns at most. */
void tour_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Say that a claim did not come true, and remember it. Returns ok. */
bool tour_check(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- doing; what goes wrong is reported; any of these may sleep --- */

#define TOUR_RW (REGION_READ | REGION_WRITE)

/* NULL: there is no memory, which was reported. */
struct space *tour_space(void);
struct space *tour_fork(struct space *s);
/* Map pages of an object (NULL: private zeroes) at va. */
void tour_map(struct space *s, vaddr_t va, uint32_t pages, unsigned flags, struct object *o);
/* Read and expect a value, or write one, as a program in the space does. */
void tour_read(struct space *s, vaddr_t va, uint32_t want);
void tour_write(struct space *s, vaddr_t va, uint32_t value);
/* Evict the page at va. */
void tour_evict(struct space *s, vaddr_t va);
/* Destroy spaces, of which some may be NULL. */
void tour_leave(struct space **s, unsigned n);
/* Whether there is a swap disk with room for the small steps; says so if there is none. */
bool tour_has_swap(void);

/* --- looking --- */

/* Show the entry for va, decoded, and the frame or the slot that it names. */
void tour_show(const char *who, struct space *s, vaddr_t va);
/* The frame behind va, NULL if none. */
struct frame *tour_frame(struct space *s, vaddr_t va);

/* --- counting --- */

enum tour_counter {
    TOUR_FAULTS,
    TOUR_MAP_ZERO,
    TOUR_FILL_ZERO,
    TOUR_OWN_TABLE,
    TOUR_COPY,
    TOUR_TAKE_OVER,
    TOUR_OBJECT_IN,
    TOUR_SWAP_IN,
    TOUR_BAD_ADDRESS,
    TOUR_BAD_ACCESS,
    TOUR_TABLES_SHARED,
    TOUR_TABLES_SPLIT,
    TOUR_TABLES_CLAIMED,
    TOUR_EVICTED,
    TOUR_EVICTED_CLEAN,
    TOUR_PAGES_OUT,
    TOUR_WRITES,
    TOUR_PAGES_IN,
    TOUR_READS,
    TOUR_READAHEAD,
    TOUR_READAHEAD_HITS,
    TOUR_FREE_SLOTS,
    TOUR_ANON_FRAMES,
    TOUR_OBJECT_FRAMES,
    TOUR_TABLE_FRAMES,
    TOUR_COUNTERS
};

struct tour_counts {
    uint64_t value[TOUR_COUNTERS];
};

/* A list of them ends with by = 0. */
struct tour_change {
    enum tour_counter counter;
    int by;
};

void tour_count(struct tour_counts *c);
/* Since then. */
int64_t tour_change(const struct tour_counts *since, enum tour_counter counter);
/* Check that the numbers of frames and slots in use are what they were then. */
void tour_back(const struct tour_counts *since);
/* Show every counter that changed, and check that these changed, by so much, and no others. */
void tour_expect(const struct tour_counts *since, const struct tour_change *want);

/* --- chance: the same in every run with the same seed= --- */

void tour_seed(void);
/* A number in [0, n), n > 0. */
uint32_t tour_below(uint32_t n);

#endif
