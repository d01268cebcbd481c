/* System V shared memory: its segments, for /proc/sysvipc/shm. See shm.c. */
#ifndef KERNEL_FS_SHM_H
#define KERNEL_FS_SHM_H

#include "mm/object.h"

struct shm_segment {
    struct shm_segment *next; /* by index */
    struct object *object;    /* one reference, until it is removed */
    uint32_t id, key, mode;
    size_t size;
    uint32_t uid, gid, cuid, cgid;        /* owner; maker */
    int creator, last;                    /* processes */
    uint64_t attached, detached, changed; /* seconds since 1970 */
    bool removed;
    char name[32];
};

extern struct shm_segment *shm_segments;
/* The operator's limits: bytes of a segment, pages of all, segments. */
extern uint32_t shm_max, shm_all, shm_mni;
#define SHM_SEQUENCE 32768u /* ids are the index, and multiples of this that tell its users apart */
/* shmget(2), shmat(2) (*at: where it is asked for, and where it is), shmdt(2), shmctl(2) for the running
 * process: what they return. Sleep. */
int shm_get(uint32_t key, uint32_t size, uint32_t flags);
int shm_attach(uint32_t id, vaddr_t *at, uint32_t flags);
int shm_detach(vaddr_t addr);
int shm_control(uint32_t id, uint32_t command, vaddr_t buf);
/* Regions that map it. */
uint32_t shm_attachments(const struct shm_segment *seg);
/* Remove every segment, at the end. Sleeps. */
void shm_clear(void);

#endif
