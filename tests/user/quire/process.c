/* What programs that are given a process say of one that is none. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "tests/user/quire/programs.h"

int no_process(const char *program, const char *pid)
{
    fprintf(stderr, "%s: there is no process %s\n", program, pid);
    return 1;
}

int no_memory_of(const char *program, const char *pid)
{
    fprintf(stderr, "%s: process %s has no memory any more: it has ended, and nobody has waited for it\n",
            program, pid);
    return 1;
}

int no_answer(const char *program, const char *path, const char *pid)
{
    char directory[64];
    int err = errno;

    snprintf(directory, sizeof directory, "/proc/%.16s", pid);
    if (err == ESRCH || access(directory, F_OK) != 0) /* it may have ended since it was looked for */
        return no_process(program, pid);
    fprintf(stderr, "%s: %s: %s\n", program, path,
            err == ENOENT ? "this kernel does not tell; it is for Quire" : strerror(err));
    return 1;
}

int need_process(const char *program, const char *pid)
{
    char path[64];

    if (strcmp(pid, "self") != 0 && (!*pid || strspn(pid, "0123456789") != strlen(pid))) {
        fprintf(stderr, "%s: %s is no process: a number is wanted, or self\n", program, pid);
        return 1;
    }
    snprintf(path, sizeof path, "/proc/%.16s", pid);
    return access(path, F_OK) == 0 ? 0 : no_process(program, pid);
}
