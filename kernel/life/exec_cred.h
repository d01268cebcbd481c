/* Who a new program runs as. See exec_cred.c. */
#ifndef KERNEL_LIFE_EXEC_CRED_H
#define KERNEL_LIFE_EXEC_CRED_H

#include "kernel/fs/vfs.h"
#include "kernel/proc/cred.h"

struct exec_cred {
    struct cred *new;           /* NULL: as before */
    bool secure;                /* it may do what its caller may not: AT_SECURE */
    bool hidden;                /* its caller may not read it, nor its memory */
    unsigned personality_clear; /* what it does not take over */
};

/* What the program does to the running thread's credentials. 0, -EAGAIN (the user has too many threads),
 * -ENOMEM. Sleeps. */
int exec_cred_make(struct exec_cred *x, struct inode *program);
/* They are no use. Does not sleep. */
void exec_cred_undo(struct exec_cred *x);
/* Make them the thread's, which is alone in its process. Cannot fail, does not sleep. */
void exec_cred_commit(struct exec_cred *x);
/* Who it will be. */
const struct cred *exec_cred_of(const struct exec_cred *x);

#endif
