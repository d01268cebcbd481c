/* Failures on purpose. */
#ifndef KERNEL_SELFTEST_PANIC_TEST_H
#define KERNEL_SELFTEST_PANIC_TEST_H

#include "kernel/lib/param.h"

/* Fail as the parameter says; PANIC_TEST_NONE returns. Sleeps. */
void panic_provoke(enum panic_test test);

#endif
