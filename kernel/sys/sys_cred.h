/* What prctl(2) does about credentials. See sys_cred.c. */
#ifndef KERNEL_SYS_SYS_CRED_H
#define KERNEL_SYS_SYS_CRED_H

#include "mm/types.h"

enum {
    PR_GET_KEEPCAPS = 7,
    PR_SET_KEEPCAPS = 8,
    PR_CAPBSET_READ = 23,
    PR_CAPBSET_DROP = 24,
    PR_GET_SECUREBITS = 27,
    PR_SET_SECUREBITS = 28,
    PR_CAP_AMBIENT = 47,
};

/* One of these, with the call's further arguments. -EINVAL, -EPERM, -ENOMEM. Sleeps. */
int32_t cred_prctl(uint32_t option, uint32_t arg, uint32_t c, uint32_t d, uint32_t e);

#endif
