/* What host tests can reach beyond kt.h. */
#ifndef TESTS_HOST_H
#define TESTS_HOST_H

#include <stdbool.h>

/* Called when the code under test sleeps: let something happen (complete I/O, run another task). False:
 * nothing can happen, a deadlock. */
extern bool (*host_idle)(void *arg);
extern void *host_idle_arg;

#endif
