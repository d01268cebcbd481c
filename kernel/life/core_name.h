/* What a core file is called: see core_name.c. */
#ifndef KERNEL_LIFE_CORE_NAME_H
#define KERNEL_LIFE_CORE_NAME_H

#include "mm/types.h"

#define CORE_PATTERN_MAX 127u /* characters */

/* What a name may say of the process that died. */
struct core_facts {
    int pid, tid, signo;
    uint32_t uid, gid;
    unsigned dumpable;
    uint64_t seconds; /* since 1970 */
    uint32_t limit;   /* RLIMIT_CORE */
    const char *host, *comm;
    const char *exe; /* the program's path */
};

/*
 * The name that a pattern makes: %p %P pid, %i %I tid, %u %g ids, %d how far it may be dumped, %s signal, %t
 * time, %h host, %e the thread's name, %f and %E the program's file and its path, %c limit, %%; other letters
 * are left out. Slashes in what is put in become '!', and a word that would be "", "." or ".." begins with
 * one. with_pid: ".PID" is put behind a name that has no %p. 0, or -ENAMETOOLONG.
 */
int core_name(char *to, size_t size, const char *pattern, bool with_pid, const struct core_facts *f);

#endif
