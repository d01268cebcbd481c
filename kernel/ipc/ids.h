/*
 * What System V's semaphores, messages and shared memory have in common: keys, numbers, owners, permissions,
 * and a share of memory. See ids.c.
 */
#ifndef KERNEL_IPC_IDS_H
#define KERNEL_IPC_IDS_H

#include "mm/types.h"

/* Of the calls that get and control them. */
enum {
    IPC_PRIVATE = 0,
    IPC_CREAT = 01000,
    IPC_EXCL = 02000,
    IPC_NOWAIT = 04000,
    IPC_RMID = 0,
    IPC_SET = 1,
    IPC_STAT = 2,
    IPC_INFO = 3,
};

#define IPC_SEQUENCE 32768u /* a number is an index below this, and a multiple that tells its users apart */

/* The first member of a segment, a set of semaphores, a queue of messages. */
struct ipc_perm {
    uint32_t id;
    uint32_t key; /* IPC_PRIVATE: no key leads to it */
    uint32_t uid, gid, cuid, cgid;
    uint32_t mode; /* the lower nine bits are those of a file */
};

/* All of one kind. Changes between sleeps. */
struct ipc_ids {
    struct ipc_perm **slot; /* by index; NULL: none */
    uint32_t size;          /* slots that there are */
    uint32_t used;
    uint32_t most;     /* the operator's limit */
    uint32_t cursor;   /* where a free index is looked for first */
    int32_t last;      /* the index that was given last; -1: none */
    uint32_t sequence; /* of the next one */
    int32_t next_id;   /* the number that the next one is to have; -1: any. The operator's */
    /* Make one with a key, a size and the bits of mode, in no table, charged: 0, -EINVAL, -ENOSPC, -ENOMEM.
     * Sleeps. */
    int (*create)(uint32_t key, uint32_t size, uint32_t flags, struct ipc_perm **out);
    /* Undo that, while it is in no table. Sleeps. */
    void (*discard)(struct ipc_perm *p);
    /* Whether one that was found by its key is large enough: 0 or -EINVAL. Does not sleep. */
    int (*check)(const struct ipc_perm *p, uint32_t size);
};
#define IPC_IDS(most_) .most = (most_), .last = -1, .next_id = -1

/* semget(2) and its like: a number, -ENOENT, -EEXIST, -EACCES, -ENOSPC, -ENOMEM, or what create() and check()
 * say. Sleeps. */
int ipc_get(struct ipc_ids *ids, uint32_t key, uint32_t size, uint32_t flags);
/* By number: 0; -EINVAL: there is none, or another has its index. Does not sleep. */
int ipc_find(const struct ipc_ids *ids, uint32_t id, struct ipc_perm **out);
/* By the index that is in a number, whatever its sequence: 0 or -EINVAL. Does not sleep. */
int ipc_find_index(const struct ipc_ids *ids, uint32_t id, struct ipc_perm **out);
/* The first from an index on, which is put there; NULL: none. Does not sleep. */
struct ipc_perm *ipc_from(const struct ipc_ids *ids, uint32_t *index);
/* The highest index in use; 0 also if there is none. */
int ipc_highest(const struct ipc_ids *ids);
/* Take it out of its table, which goes with the last one. Nothing if it is in none. Does not sleep. */
void ipc_leave(struct ipc_ids *ids, struct ipc_perm *p);

/* Whether the running task may use it as the bits of want say, those of any of the three classes: 0 or
 * -EACCES. Does not sleep. */
int ipc_may(const struct ipc_perm *p, uint32_t want);
/* Whether it may decide about it: 0 or -EPERM. Does not sleep. */
int ipc_may_control(const struct ipc_perm *p);

/* A new one's owner, key and mode: of the running task. */
void ipc_perm_init(struct ipc_perm *p, uint32_t key, uint32_t flags);

/* Linux's struct ipc64_perm for i386, and the one of 16-bit ids that calls without IPC_64 have. */
struct ipc_perm64 {
    uint32_t key, uid, gid, cuid, cgid;
    uint16_t mode, pad1, seq, pad2;
    uint32_t unused[2];
};
struct ipc_perm16 {
    uint32_t key;
    uint16_t uid, gid, cuid, cgid, mode, seq;
};
void ipc_tell(const struct ipc_perm *p, struct ipc_perm64 *to);
void ipc_narrow(const struct ipc_perm64 *from, struct ipc_perm16 *to);
void ipc_widen(const struct ipc_perm16 *from, struct ipc_perm64 *to);
/* What IPC_SET is given, a structure of so many bytes that begins with one of these: 0 or -EFAULT. Sleeps. */
int ipc_fetch(vaddr_t from, size_t size, bool old, struct ipc_perm64 *perm);
/* IPC_SET: 0 or -EINVAL. Does not sleep. */
int ipc_change(struct ipc_perm *p, const struct ipc_perm64 *with);

/* Seconds since 1970. */
uint64_t ipc_now(void);

/*
 * What is in all of them stays in the kernel's memory, whoever ends: together they have a share of it. Have
 * so many bytes of that: 0 or -ENOMEM. ipc_give_back() after they are freed. Do not sleep.
 */
int ipc_keep(size_t bytes);
void ipc_give_back(size_t bytes);

#endif
