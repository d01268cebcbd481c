/* What there is, in numbers, and whether it is what there was. See audit.c. */
#ifndef KERNEL_LIFE_AUDIT_H
#define KERNEL_LIFE_AUDIT_H

#include "mm/frame.h"

struct cache;

#define AUDIT_CACHES  64u
#define AUDIT_TALLIES 64u

struct audit_count {
    uint32_t frames[FRAME_USES];
    uint32_t large; /* frames of kmalloc()'s large blocks */
    uint32_t caches, tallies;
    struct {
        const struct cache *cache;
        uint32_t objects;
    } cache[AUDIT_CACHES];
    uint32_t tally[AUDIT_TALLIES];
    uint32_t tasks, last_task; /* last_task: the number given last */
    uint32_t processes, threads, mounts;
    uint32_t spaces, objects, committed;
    uint32_t areas, slots; /* of swap; slots in use */
    uint32_t session;      /* of the terminal */
};

/* Count. Empties magazines and hot lists first. Does not sleep. */
void audit_count(struct audit_count *c);
/* Whether now is what before was; with report every difference is logged by name, and tasks and processes
 * one by one. */
bool audit_compare(const struct audit_count *before, const struct audit_count *now, bool report);

#endif
