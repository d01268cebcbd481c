/* A handler's frame on the user's stack. See sigframe.c. */
#ifndef KERNEL_LIFE_SIGFRAME_H
#define KERNEL_LIFE_SIGFRAME_H

#include "kernel/proc/thread.h"

/* Make a handler's frame on the user's stack and set the registers to run it. False: the stack is
 * unusable. Sleeps. */
bool sigframe_setup(struct trap_frame *tf, int signo, const struct siginfo *info,
                    const struct signal_action *a, sigset_t mask);
/* Take back what sigframe_setup() put on the stack: the old frame, or with rt the one with siginfo. The value
 * for EAX; a bad frame forces SIGSEGV. Sleeps. */
int32_t sigframe_return(struct trap_frame *tf, bool rt);
/* What sigaltstack(2) tells and sets: three words. esp: the program's. 0, -EPERM, -EINVAL or -ENOMEM. */
struct alt_stack {
    vaddr_t start;
    uint32_t flags, size;
};
struct alt_stack sigframe_alt_get(const struct thread *t, vaddr_t esp);
int sigframe_alt_set(struct thread *t, const struct alt_stack *s, vaddr_t esp);

#endif
