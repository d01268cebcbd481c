/* Setting pages aside, and writing them before they have to go: for policies that do so. See aside.c. */
#ifndef MM_ASIDE_H
#define MM_ASIDE_H

#include "mm/vm.h"

/* What policies ask for (policy.h); arg: the vm. Nosleep. */
enum policy_parked aside_park(void *arg, struct frame *f);
struct policy_set *aside_set_of(void *arg, struct frame *f);
uint32_t aside_spare(void *arg);
bool aside_looks_ahead(void *arg);
uint64_t aside_now(void *arg);
void aside_wash_soon(void *arg);

/* Begin to write what the policy wants to be written, at most a request; the pages stay. is_short: memory is.
 * The caller has reclaim's lock. Returns of how many pages. Sleeps. */
unsigned aside_wash(struct vm *vm, bool is_short);

#endif
