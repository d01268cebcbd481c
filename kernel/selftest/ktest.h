/* Self-tests in the booted kernel: the second back end of tests/kt.h. Prints KTAP version 1. */
#ifndef KERNEL_SELFTEST_KTEST_H
#define KERNEL_SELFTEST_KTEST_H

#include "mm/types.h"

#define KTEST_STACK_PAGES 4u

/*
 * Run the self-tests that pattern selects, in a task of their own, then end the machine: success when at
 * least one ran and none failed. pattern: `all`, or parts of "suite.name" separated by commas. Every test
 * must leave the number of frames of each use, of objects in each cache and of tasks as it found them, and
 * end within params.ktest_limit seconds: one that does not is named by a panic. A part of the pattern that
 * no test has in its name is reported, and is a failure.
 */
_Noreturn void ktest_main(const char *pattern);

#endif
