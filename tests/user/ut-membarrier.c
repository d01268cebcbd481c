/* Barriers of all threads of an address space, or of all who want them: membarrier(2). */
#include "tests/user/ut.h"
#include <linux/membarrier.h>
#include <sched.h>

static int barrier(int command, unsigned flags, int cpu)
{
    return (int)syscall(SYS_membarrier, command, flags, cpu);
}

/* What is refused to who has not asked for it before. */
static void expedited(const char *what)
{
    ut_say("-- %s", what);
    TRY(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    TRY(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
    TRY(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
}

static void wrong(void)
{
    PART("what is refused");
    for (int command = -1; command <= 256; command = command > 0 ? command * 2 : command + 1)
        ut_say("%d with a flag: %s", command, barrier(command, 2, 0) < 0 ? ut_errno(errno) : "done");
    for (int command = -1; command <= 256; command = command > 0 ? command * 2 : command + 1)
        ut_say("%d for one processor: %s", command, barrier(command, 1, 0) < 0 ? ut_errno(errno) : "done");
    TRY(barrier(3, 0, 0));
    TRY(barrier(2048, 0, 0));
    TRY(barrier(1 << 30, 0, 0));
    TRY(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 5000));
    TRY(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, -1));
}

static int alone(void *arg)
{
    (void)arg;
    TRY(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    return 0;
}

static void registering(void)
{
    static uint8_t stack[4 * PAGE];
    int status;
    pid_t pid;

    PART("registering");
    TRY(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
    expedited("for the code of a core");
    TRY(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
    TRY(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0));
    expedited("for restartable sequences too");
    TRY(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0));
    TRY(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, -1));
    /* The address space is registered, whoever does it. */
    pid = clone(alone, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    expedited("by another in the same memory");
}

static void child(void)
{
    expedited("a child's");
}

static void fresh_child(void)
{
    expedited("a child's, of one that is not registered");
    TRY(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
}

static void executes(void)
{
    execl("/proc/self/exe", "ut", "exec-membarrier", NULL);
    ut_say("exec: %s", ut_errno(errno));
}

/* What is left of it in another program: executed.c. */
UT_EXECUTED(membarrier)
{
    expedited("a program that was executed");
    return 0;
}

UT_PROGRAM(membarrier)
{
    SHOW(barrier(MEMBARRIER_CMD_QUERY, 0, 0) & 0x1ff); /* newer ones know one more */
    wrong();
    PART("everybody");
    TRY(barrier(MEMBARRIER_CMD_GLOBAL, 0, 0));
    TRY(barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
    TRY(barrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
    TRY(barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
    expedited("not registered");
    ut_child("a child", fresh_child);
    expedited("still not registered");
    registering();
    ut_child("a child", child);
    ut_child("a program", executes);
}
