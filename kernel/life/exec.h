/* Replacing a program. See exec.c. */
#ifndef KERNEL_LIFE_EXEC_H
#define KERNEL_LIFE_EXEC_H

#include "mm/types.h"

/* What a program is given. */
struct exec_args {
    char *path;          /* as the program is told it: from a descriptor on it begins with /dev/fd/N */
    size_t path_bytes;   /* with its 0 */
    const char *from;    /* the part of it that is looked up */
    int dirfd;           /* from there, or AT_FDCWD */
    unsigned flags;      /* of execveat(); AT_EMPTY_PATH: what dirfd names is the program */
    char *strings;       /* of vm_table_alloc(): the arguments', then the environment's, each with its 0 */
    size_t strings_size; /* as it was allocated */
    unsigned argc, envc;
    size_t arg_bytes, bytes; /* of the arguments; of all */
    size_t limit;            /* that all may have */
};
/* Replace the program of the running process. 0: the user registers are the new program's. -errno: the old
 * one goes on, nothing has changed. Sleeps. */
int exec_program(struct exec_args *a);
/* The same with what lies in user memory, as for execveat(2). Sleeps. */
int exec_user(int dirfd, vaddr_t path, vaddr_t argv, vaddr_t envp, unsigned flags);
/* The same with the kernel's own lists, which end with NULL; argv[0] is the program's name for itself.
 * Sleeps. */
int exec_from_kernel(const char *path, const char *const *argv, const char *const *envp);
/* Free what lies in them. */
void exec_args_free(struct exec_args *a);

#endif
