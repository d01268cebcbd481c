/*
 * The policies that this kernel has, by number.
 */
#include "mm/policy.h"

extern const struct policy policy_clock, policy_fifo, policy_random, policy_clock_dirty, policy_aging,
    policy_two_list, policy_s3fifo;

const struct policy *const policies[POLICIES] = {
    [POLICY_CLOCK] = &policy_clock,   [POLICY_FIFO] = &policy_fifo,
    [POLICY_RANDOM] = &policy_random, [POLICY_CLOCK_DIRTY] = &policy_clock_dirty,
    [POLICY_AGING] = &policy_aging,   [POLICY_TWO_LIST] = &policy_two_list,
    [POLICY_S3FIFO] = &policy_s3fifo,
};
