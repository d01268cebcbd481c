/* What sem.c (sets and semctl) and sem_op.c (operations, those who wait, undoing) share. */
#ifndef KERNEL_IPC_SEM_PARTS_H
#define KERNEL_IPC_SEM_PARTS_H

#include "kernel/ipc/ids.h"
#include "mm/os.h"

#define SEM_VALUE_MAX 32767 /* SEMVMX, and SEMAEM: of what is undone */

struct semaphore {
    int32_t value; /* 0 to SEM_VALUE_MAX, between operations */
    int32_t pid;   /* of the process that changed it, or waited for it, last; 0: none yet */
};

/* Linux's struct sembuf. */
struct sem_op {
    uint16_t number;
    int16_t change;
    int16_t flags; /* IPC_NOWAIT, SEM_UNDO */
};

/* What is to be added to the semaphores of a set when a group of threads has ended. */
struct sem_undo {
    struct sem_set *set;
    struct sem_undo *set_next, **set_at;   /* all of the set */
    struct sem_undo *list_next, **list_at; /* all of the group */
    int16_t adjust[];                      /* one for each semaphore */
};

/* Of those who share it (CLONE_SYSVSEM). */
struct sem_undo_list {
    uint32_t refs;
    struct sem_undo *first;
};

/* Operations that are made all at once, or not; lives on its thread's stack. */
struct sem_waiter {
    const struct sem_op *op;
    uint32_t count;
    struct sem_undo *undo; /* if one of them is to be undone */
    int32_t pid;
    bool changes;      /* one of them is no wait for zero */
    uint32_t blocking; /* the one that could not be made */
    int status;        /* SEM_WAITS, or what came of it: then it is in no list */
    struct waitq q;
    struct sem_waiter *next, *prev;
};
#define SEM_WAITS 1

struct sem_list {
    struct sem_waiter *first, *last; /* the oldest is the first */
};

struct sem_set {
    struct ipc_perm perm;
    uint32_t count;
    uint64_t operated, changed;     /* seconds since 1970 */
    struct sem_list changing, zero; /* who waits to change something; who waits for zeroes only */
    uint32_t several;               /* of these, those of more than one operation */
    struct sem_undo *undos;
    struct semaphore sem[];
};

/* Values have changed: let those go on who can now. Does not sleep. */
void sem_settle(struct sem_set *s);
/* The set goes: all who wait are told, and nothing is to be undone. Does not sleep. */
void sem_expel(struct sem_set *s);
/* Memory of an undo for so many semaphores. */
size_t sem_undo_bytes(uint32_t count);
/* INV-SEM-n of one set. Reads only. */
bool sem_verify_set(const struct sem_set *s);
/* How many wait for a semaphore to be zero, or to be larger. */
uint32_t sem_waiting(const struct sem_set *s, uint32_t number, bool for_zero);

#endif
