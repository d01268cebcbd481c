/* What the programs about ptrace(2) share. */
#ifndef TESTS_USER_UT_PTRACE_H
#define TESTS_USER_UT_PTRACE_H

#include "tests/user/ut.h"
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/* Requests without a type of the C library's. */
static inline long trace(unsigned request, pid_t pid, unsigned long addr, unsigned long data)
{
    return syscall(SYS_ptrace, request, pid, addr, data);
}

/* A wait status in words, without numbers of processes. */
static inline const char *ending(int status)
{
    static char text[80];

    if (WIFEXITED(status))
        snprintf(text, sizeof text, "exited %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "killed by %s", ut_signal(WTERMSIG(status)));
    else if (WIFCONTINUED(status))
        snprintf(text, sizeof text, "continued");
    else
        snprintf(text, sizeof text, "stopped by %s%s, event %d", ut_signal(WSTOPSIG(status) & 0x7F),
                 WSTOPSIG(status) & 0x80 ? "|0x80" : "", status >> 16);
    return text;
}

/* Wait for it, and say what it tells. */
static inline int await(const char *what, pid_t pid)
{
    int status = 0;
    pid_t got = waitpid(pid, &status, __WALL);

    if (got == pid)
        ut_say("%s: %s", what, ending(status));
    else
        ut_result(what, got);
    return status;
}

/* A child that asks to be traced, and stops. */
static inline pid_t traced_child(void (*fn)(void))
{
    pid_t pid = fork();

    if (pid)
        return pid;
    trace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    fn();
    _exit(7);
}

static inline struct user_regs_struct registers(pid_t pid)
{
    struct user_regs_struct r;

    memset(&r, 0, sizeof r);
    trace(PTRACE_GETREGS, pid, 0, (unsigned long)&r);
    return r;
}

static inline void end(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
        ;
}

#endif
