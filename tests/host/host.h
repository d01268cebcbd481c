/* What host tests can reach beyond kt.h. */
#ifndef TESTS_HOST_H
#define TESTS_HOST_H

#include "mm/fault.h"

/* Called when the code under test sleeps: let something happen (complete I/O, run another task). False:
 * nothing can happen, a deadlock. */
extern bool (*host_idle)(void *arg);
extern void *host_idle_arg;

/*
 * Memory of a space as the program in it reaches it: the byte at va, and what lies behind it in the
 * page, until host_user_close(), which must come before anybody sleeps. A page that is not there is
 * brought in, which sleeps. NULL, and why, if it cannot be had.
 */
uint8_t *host_user_open(struct space *s, vaddr_t va, bool write, enum fault_verdict *verdict);
void host_user_close(const struct space *s, uint8_t *at);
/* Whether that would neither fault nor sleep. */
bool host_user_there(const struct space *s, vaddr_t va, bool write);

#endif
