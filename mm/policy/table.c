/*
 * The policies that this kernel has. The first is the default.
 */
#include "mm/policy.h"

extern const struct policy policy_clock, policy_fifo, policy_random, policy_clock_dirty, policy_aging,
    policy_two_list, policy_s3fifo;

const struct policy *const policies[] = {
    &policy_clock, &policy_fifo,     &policy_random, &policy_clock_dirty,
    &policy_aging, &policy_two_list, &policy_s3fifo, NULL,
};
