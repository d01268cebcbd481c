/* System V semaphores. See sem.c (sets, semctl), sem_op.c (operations, undoing). */
#ifndef KERNEL_IPC_SEM_H
#define KERNEL_IPC_SEM_H

#include "kernel/ipc/ids.h"
#include "kernel/sched/usertime.h"

struct thread;

/* The operator's limits: semaphores of a set, semaphores of all, operations of a call. How many sets there
 * may be is sem_ids.most. */
extern uint32_t sem_set_max, sem_all_max, sem_ops_max;
extern struct ipc_ids sem_ids;

/* semget(2), semctl(2) for the running thread: what they return. old: what is at arg has Linux's old form,
 * with 16-bit ids. Sleep. */
int sem_get(uint32_t key, uint32_t count, uint32_t flags);
int sem_control(uint32_t id, uint32_t number, uint32_t command, uint32_t arg, bool old);
/* semtimedop(2), with a time that was read and not looked at; NULL: no limit. Sleeps. */
int sem_operate(uint32_t id, vaddr_t ops, uint32_t count, const struct usertime *limit,
                enum usertime_form form);

/* A child shares what its parent is to undo. 0 or -ENOMEM. Sleeps. */
int sem_share_undo(struct thread *child, struct thread *parent);
/* A thread ends, or was never there, or leaves its group: the last one of it undoes. Sleeps. */
void sem_undo_end(struct thread *t);

/* For /proc/sysvipc/sem: what is known of one. */
struct sem_look {
    uint32_t count;
    uint64_t operated, changed; /* seconds since 1970 */
};
void sem_look(const struct ipc_perm *p, struct sem_look *out);
/* INV-SEM-n; see sem_op.c. Reads only. */
bool sem_verify(void);
/* Remove every set, at the end. Does not sleep. */
void sem_clear(void);

#endif
