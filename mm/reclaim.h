/* Reclaim: victims by the vm's policy, eviction, and the daemon between the watermarks. See reclaim.c. */
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H

#include "mm/vm.h"

/* Free up to want frames by shrinking caches and evicting. Sleeps. Returns the number freed; 0 means that
 * nothing can be freed. */
unsigned reclaim_run(struct vm *vm, unsigned want);
/* The same, but only low frames are evicted: for an allocation that must have one. Sleeps. */
unsigned reclaim_run_low(struct vm *vm, unsigned want);
/* Put out page tables that name no frame, until so many frames are free for it or none is left; waits for the
 * writes. Returns frames freed. Sleeps. */
unsigned reclaim_tables(struct vm *vm, unsigned want);
/* Evict one given frame if it can be: for tests and tools. 0, -EBUSY (pinned, busy, locked), -ENOSPC (no
 * slot). Sleeps until it is out. */
int reclaim_evict(struct vm *vm, struct frame *f);
/* Evict what can be of n frames, at most a cluster, which the caller has pinned; the pins are gone
 * afterwards. Returns how many went or are on their way. Sleeps. */
unsigned reclaim_evict_some(struct vm *vm, struct frame **f, unsigned n);
/* Go on with another policy (policy.h). 0, or -ENOMEM: nothing has changed. Sleeps. */
int reclaim_set_policy(struct vm *vm, const struct policy *policy);
/* Put frames in the order of their owner and page number. */
void reclaim_sort(struct frame **f, unsigned n);
/* Begin to write frames, which are pinned and have slots; it gives their pins back. Sleeps. */
void reclaim_write(struct vm *vm, struct frame **f, unsigned n);
/* What policies see of a frame of a vm, which is the argument. */
extern const struct policy_eyes reclaim_eyes;
/* The daemon's body: never returns. The kernel runs it in a task that does nothing else. */
_Noreturn void reclaim_daemon(struct vm *vm);
/* What it does again and again: sleep until there is something to do, and do it. Sleeps. */
void reclaim_daemon_turn(struct vm *vm);
/* One round of the daemon: whether it had anything to do. For the host. Sleeps. */
bool reclaim_daemon_round(struct vm *vm);

#endif
