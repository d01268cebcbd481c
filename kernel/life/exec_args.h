/* What a program is given, as struct exec_args holds it, and how that comes there. See exec_args.c. */
#ifndef KERNEL_LIFE_EXEC_ARGS_H
#define KERNEL_LIFE_EXEC_ARGS_H

#include "kernel/life/exec.h"

#define EXEC_SCRIPT 256u /* bytes of a file in which a script's first line ends */

/* Fill *a: from the kernel's own lists, which end with NULL, and from lists in user memory. 0, -ENOMEM; also
 * -E2BIG, -EFAULT, -ENAMETOOLONG, -ENOENT, -EINTR. To be freed in any case. Sleep. */
int exec_args_from_kernel(struct exec_args *a, const char *path, const char *const *argv,
                          const char *const *envp);
int exec_args_from_user(struct exec_args *a, int dirfd, vaddr_t path, vaddr_t argv, vaddr_t envp,
                        unsigned flags);
/* The file at a->path begins with head, EXEC_SCRIPT bytes with zeroes behind its end, of which the first two
 * are "#!": make them the arguments of the interpreter that it names, whose path a->path is then. Spoils
 * head. 0, -ENOEXEC, -E2BIG, -ENOMEM. Sleeps. */
int exec_args_script(struct exec_args *a, char *head);

#endif
