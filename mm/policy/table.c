/*
 * The policies that this kernel has, by number.
 *
 * Purpose: one list from which boot, /proc and tests take them; the host adds those that are there for
 * comparison only (policy/host/). A policy that is added gets a number and a declaration in policy.h, a
 * line here, and one in the parameter's choices (kernel/lib/param.c), which a test compares.
 *
 * Data: constant. It cannot fail.
 */
#include "mm/policy.h"

const struct policy *const policies[POLICIES] = {
    [POLICY_CLOCK] = &policy_clock,       [POLICY_FIFO] = &policy_fifo,
    [POLICY_RANDOM] = &policy_random,     [POLICY_CLOCK_DIRTY] = &policy_clock_dirty,
    [POLICY_AGING] = &policy_aging,       [POLICY_TWO_LIST] = &policy_two_list,
    [POLICY_CLOCKPRO] = &policy_clockpro, [POLICY_VMS] = &policy_vms,
#ifdef POLICY_CANDIDATES
    [POLICY_SIEVE] = &policy_sieve,       [POLICY_CLOCK2] = &policy_clock2,
    [POLICY_S3FIFO] = &policy_s3fifo,     [POLICY_GENERATIONS] = &policy_generations,
#endif
};
