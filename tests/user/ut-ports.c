/* Input and output ports in the hands of a program: ioperm(2), iopl(2). */
#include "tests/user/ut.h"
#include <sched.h>
#include <sys/io.h>

#define POST  0x80 /* where firmware says how far it is: nothing hears it now */
#define LAST  0xFFFF
#define OTHER 0x84 /* nor this one */

static int permit(unsigned long from, unsigned long count, int on)
{
    return (int)syscall(SYS_ioperm, from, count, on);
}

static int level(unsigned l)
{
    return (int)syscall(SYS_iopl, l);
}

/* What a child gets that reads so many bytes there. */
static void look(int port, int bytes)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        if (bytes == 1)
            (void)inb((unsigned short)port);
        else if (bytes == 2)
            (void)inw((unsigned short)port);
        else
            (void)inl((unsigned short)port);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ut_say("    0x%x, %d bytes: %s", port, bytes, ut_status(status));
}

static void post(void)
{
    outb(7, POST);
    ut_say("written");
}

static void refuse(void)
{
    PART("refused");
    TRY(permit(0, 0, 1));
    TRY(permit(5, 0, 0));
    TRY(permit(0, 65537, 1));
    TRY(permit(65535, 2, 1));
    TRY(permit(65536, 1, 1));
    TRY(permit(65536, 1, 0));
    TRY(permit(0xFFFFFFFF, 2, 1));
    TRY(permit(1, 0xFFFFFFFF, 0));
    TRY(level(4));
    TRY(level(0xFFFFFFFF));
    TRY(permit(0, 65536, 0));
    TRY(level(0));
    ut_child("a port that was not asked for", post);
}

static void some(void)
{
    PART("some");
    TRY(permit(POST, 1, 1));
    ut_child("a child has it too", post);
    look(POST, 1);
    look(POST, 2);
    look(POST - 1, 1);
    look(POST - 1, 2);
    TRY(permit(POST + 1, 3, 7));
    look(POST, 4);
    look(POST + 1, 4);
    TRY(permit(POST, 1, 0));
    look(POST, 1);
    look(POST + 1, 1);
    TRY(permit(0, 65536, 0));
    look(POST + 1, 1);
    TRY(permit(LAST, 1, 1));
    look(LAST, 1);
    look(LAST, 2);
    TRY(permit(LAST, 1, 0));
    look(LAST, 1);
}

/* What one opens after the other began, the other has not. */
static int sharer(void *arg)
{
    TRY(permit(POST, 1, 0));
    TRY(permit(OTHER, 1, 1));
    look(POST, 1);
    look(OTHER, 1);
    return (int)(intptr_t)arg;
}

static void shared(void)
{
    static char stack[8 * PAGE];
    int status;
    pid_t pid;

    PART("each for itself");
    TRY(permit(POST, 1, 1));
    pid = clone(sharer, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    look(POST, 1);
    look(OTHER, 1);
}

/* By a child, which gives it back with its end. */
static void executes(void)
{
    execl("/proc/self/exe", "ut", "exec-ports", NULL);
    ut_say("exec: %s", ut_errno(errno));
}

UT_EXECUTED(ports)
{
    ut_say("after exec");
    look(POST, 1);
    look(OTHER, 1);
    TRY(level(2));
    TRY(permit(POST, 1, 0));
    look(POST, 1);
    return 0;
}

static void interrupts(void)
{
    uint32_t flags;

    __asm__ volatile("cli\n\tsti\n\tcli\n\tnop\n\tpushf\n\tpop %0" : "=r"(flags));
    ut_say("level %u, interrupts %s", flags >> 12 & 3, flags & 0x200 ? "on" : "off");
}

static void halts(void)
{
    __asm__ volatile("hlt");
}

static void all(void)
{
    PART("by level");
    ut_child("turning interrupts off", interrupts);
    for (unsigned l = 1; l < 4; l++) {
        ut_say("level %u: %s", l, level(l) ? ut_errno(errno) : "0");
        ut_child("a write", post);
        ut_child("turning interrupts off", interrupts);
    }
    look(POST, 1);
    look(OTHER, 1);
    look(LAST, 1);
    look(LAST, 4);
    ut_child("a halt", halts);
    TRY(permit(POST, 1, 1));
    TRY(permit(POST, 1, 0));
    look(POST, 1);
    ut_child("a program", executes);
    TRY(level(0));
    look(POST, 1);
}

static void as_user(void)
{
    TRY(permit(POST, 1, 1));
    TRY(level(1));
    TRY(setresuid(1000, 1000, 1000));
    look(POST, 1);
    TRY(permit(POST + 1, 1, 1));
    TRY(permit(POST, 2, 0));
    look(POST, 1);
    TRY(permit(0, 0, 1));
    TRY(level(3));
    TRY(level(1));
    TRY(level(0));
    TRY(level(1));
    TRY(level(4));
}

UT_PROGRAM(ports)
{
    refuse();
    some();
    shared();
    ut_child("a program", executes);
    TRY(permit(POST, 1, 0));
    all();
    PART("a user");
    ut_child("a user", as_user);
}
