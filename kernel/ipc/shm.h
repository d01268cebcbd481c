/* System V shared memory: its segments, for /proc/sysvipc/shm. See shm.c. */
#ifndef KERNEL_IPC_SHM_H
#define KERNEL_IPC_SHM_H

#include "kernel/ipc/ids.h"
#include "mm/object.h"

struct shm_segment {
    struct ipc_perm perm;
    struct object *object; /* one reference, until it is removed */
    size_t size;
    int creator, last;                    /* processes */
    uint64_t attached, detached, changed; /* seconds since 1970 */
    bool removed;
    char name[32];
};

extern struct ipc_ids shm_ids;
/* The operator's limits: bytes of a segment, pages of all. How many segments there may be is shm_ids.most. */
extern uint32_t shm_max, shm_all;
/* shmget(2), shmat(2) (*at: where it is asked for, and where it is), shmdt(2), shmctl(2) for the running
 * process: what they return. old: what is at buf has Linux's old form, with 16-bit ids. Sleep. */
int shm_get(uint32_t key, uint32_t size, uint32_t flags);
int shm_attach(uint32_t id, vaddr_t *at, uint32_t flags);
int shm_detach(vaddr_t addr);
int shm_control(uint32_t id, uint32_t command, vaddr_t buf, bool old);
/* Regions that map it. */
uint32_t shm_attachments(const struct shm_segment *seg);
/* Its mode, and whether it is removed and locked. */
uint32_t shm_mode(const struct shm_segment *seg);
/* Remove every segment, at the end. Sleeps. */
void shm_clear(void);

#endif
