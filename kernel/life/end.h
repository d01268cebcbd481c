/* The orderly end of the machine, and the audit of what programs have left. See end.c. */
#ifndef KERNEL_LIFE_END_H
#define KERNEL_LIFE_END_H

#include "mm/frame.h"

struct cache;

#define END_CACHES  64u
#define END_TALLIES 32u

/* What there is, in numbers. */
struct end_count {
    uint32_t frames[FRAME_USES];
    uint32_t large; /* frames of kmalloc()'s large blocks */
    uint32_t caches, tallies;
    struct {
        const struct cache *cache;
        uint32_t objects;
    } cache[END_CACHES];
    uint32_t tally[END_TALLIES];
    uint32_t tasks, last_task; /* last_task: the number given last */
    uint32_t processes, threads, mounts;
    uint32_t spaces, objects, committed;
    uint32_t areas, slots; /* of swap; slots in use */
    uint32_t session;      /* of the terminal */
};

/* Count. Empties magazines and hot lists first. Does not sleep. */
void end_count(struct end_count *c);
/* Whether now is what before was; with report every difference is logged by name, and tasks and processes
 * one by one. */
bool end_compare(const struct end_count *before, const struct end_count *now, bool report);
/*
 * Remember what there is, for the audit at the end: before swap areas, mounts and programs. What comes
 * later has to be gone at the end, and the end itself takes the mounts and the swap areas away.
 */
void end_remember(void);
/*
 * Wait for what is on its way, take mounts and swap areas away, check all that can be checked and that
 * nothing is left, flush the disks and stop the machine: success if ok and all is sound. For a kernel task,
 * when no program runs. Sleeps.
 */
_Noreturn void machine_end(bool ok);

#endif
