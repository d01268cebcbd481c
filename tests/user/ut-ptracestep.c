/* ptrace(2): steps through instructions, system calls, handlers and exec; debug registers. */
#include "tests/user/ut-ptrace.h"
#include <sched.h>

static volatile int watched[4] __attribute__((aligned(16)));

static unsigned long debug_offset(unsigned n)
{
    return offsetof(struct user, u_debugreg) + n * 4;
}

static void handler(int signo)
{
    (void)signo;
}

static void say_info(const char *what, pid_t pid)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    if (trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info))
        ut_say("%s: %s", what, ut_errno(errno));
    else
        ut_say("%s: %s, code %d", what, ut_signal(info.si_signo), info.si_code);
}

static void stepped(void)
{
    __asm__ volatile("mov $1, %%eax\n"
                     "inc %%eax\n"
                     "mov $64, %%eax\n" /* getppid */
                     "int $0x80\n"
                     "inc %%ecx\n"
                     "pushf\n"
                     "pop %%edx\n" /* the flags, without the tracer's */
                     "mov %%edx, %%esi\n"
                     "pushf\n"
                     "popf\n"
                     "nop\n"
                     "int3\n"
                     "nop"
                     :
                     :
                     : "eax", "ecx", "edx", "esi", "memory");
    _exit(9);
}

/* How far it is, in words that are the same in every build: what the next two bytes are. */
static unsigned next_code(pid_t pid)
{
    long word = 0;

    trace(PTRACE_PEEKTEXT, pid, (unsigned long)registers(pid).eip, (unsigned long)&word);
    return word & 0xFFFF;
}

static void steps(void)
{
    pid_t child = traced_child(stepped);
    struct user_regs_struct r;
    int status;

    PART("steps");
    await("its own stop", child);
    /* To the first of these instructions. */
    for (unsigned i = 0; i < 4000; i++) {
        if (registers(child).eip == (long)stepped || next_code(child) == 0x01B8)
            break;
        trace(PTRACE_SINGLESTEP, child, 0, 0);
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
            break;
    }
    while (next_code(child) != 0x01B8) {
        trace(PTRACE_SINGLESTEP, child, 0, 0);
        waitpid(child, &status, 0);
    }
    for (unsigned i = 0; i < 14; i++) {
        trace(PTRACE_SINGLESTEP, child, 0, 0);
        status = await("a step", child);
        if (!WIFSTOPPED(status))
            break;
        r = registers(child);
        say_info("it", child);
        ut_say("before %02x: flag %d, orig %ld", next_code(child) & 0xFF, (int)(r.eflags >> 8 & 1),
               (long)r.orig_eax);
        if (i == 6)
            SHOW(r.edx >> 8 & 1);
    }
    trace(PTRACE_CONT, child, 0, 0);
    await("the end", child);
}

static void handled(void)
{
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    _exit(4);
}

static void into_handler(void)
{
    pid_t child = traced_child(handled);

    PART("into a handler");
    await("its own stop", child);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("its signal", child);
    TRY(trace(PTRACE_SINGLESTEP, child, 0, SIGUSR1));
    await("a step", child);
    say_info("it", child);
    SHOW(registers(child).eip == (long)handler);
    SHOW(registers(child).eflags >> 8 & 1);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("the end", child);

    child = traced_child(handled);
    await("another", child);
    TRY(trace(PTRACE_SINGLESTEP, child, 0, SIGTERM));
    await("a step to its end", child);
}

static void execute(void)
{
    char *argv[] = {(char *)"ut", (char *)"exec-say", NULL};

    close(1);
    execv("/proc/self/exe", argv);
    _exit(99);
}

static void through_exec(void)
{
    pid_t child = traced_child(execute);
    int status;

    PART("through exec");
    await("its own stop", child);
    TRY(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXEC));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(0), (unsigned long)watched));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(7), 1));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("exec", child);
    TRY(trace(PTRACE_SINGLESTEP, child, 0, 0));
    await("a step", child);
    say_info("it", child);
    SHOW(registers(child).eax);
    TRY(trace(PTRACE_SINGLESTEP, child, 0, 0));
    await("one more", child);
    say_info("it", child);
    status = 77;
    TRY(trace(PTRACE_PEEKUSER, child, debug_offset(0), (unsigned long)&status));
    SHOW(status);
    end(child);
}

static void touching(void)
{
    watched[0] = 1;
    watched[1] = watched[0] + 1;
    watched[2] = 5;
    if (write(-1, (const void *)&watched[1], 4) < 0) /* the kernel's access is nobody's */
        watched[3] = 7;
    handler(0);
    _exit(watched[1]);
}

static void show_debug(pid_t child, unsigned n)
{
    unsigned long value = 1;

    trace(PTRACE_PEEKUSER, child, debug_offset(n), (unsigned long)&value);
    if (n < 4)
        ut_say("DR%u: %s", n,
               value == 0                        ? "0"
               : value == (unsigned long)watched ? "the words"
                                                 : "another address");
    else
        ut_say("DR%u: %lx", n, value);
}

static void debug_registers(void)
{
    pid_t child = traced_child(touching), other;
    unsigned long message;

    PART("debug registers");
    await("its own stop", child);
    for (unsigned n = 0; n < 8; n++)
        show_debug(child, n);
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(4), 0));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(5), 0));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(0), 0xC0000000));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(0), 0xFFFFFFFF));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(7), 0x000E0001)); /* input and output */
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(7), 0x000C0001)); /* long code */
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(7), 0x00090001)); /* 8 bytes */
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(0), (unsigned long)watched + 1));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(7), 0x000D0001)); /* not aligned */
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(0), (unsigned long)watched));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(1), (unsigned long)(watched + 1)));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(2), (unsigned long)handler));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(3), (unsigned long)(watched + 2)));
    /* Writes of the first, any access to the second, execution of the third; the fourth is off. */
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(7), 0xD0FD0015));
    for (unsigned n = 0; n < 8; n++)
        show_debug(child, n == 3 ? 0 : n);
    for (unsigned i = 0; i < 8; i++) {
        int status;

        trace(PTRACE_CONT, child, 0, 0);
        status = await("a stop", child);
        if (!WIFSTOPPED(status))
            break;
        say_info("it", child);
        show_debug(child, 6);
        if (registers(child).eip == (long)handler)
            ut_say("before the handler, resume flag %d", (int)(registers(child).eflags >> 16 & 1));
        trace(PTRACE_POKEUSER, child, debug_offset(6), 0);
    }

    /* A child has none. */
    child = fork();
    if (!child) {
        trace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        other = fork();
        if (!other)
            touching();
        watched[0] = 1;
        _exit(0);
    }
    await("one that forks", child);
    TRY(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEFORK));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(0), (unsigned long)watched));
    TRY(trace(PTRACE_POKEUSER, child, debug_offset(7), 0x000D0001));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("fork", child);
    trace(PTRACE_GETEVENTMSG, child, 0, (unsigned long)&message);
    await("its child", (pid_t)message);
    show_debug((pid_t)message, 0);
    show_debug((pid_t)message, 7);
    TRY(trace(PTRACE_CONT, (pid_t)message, 0, 0));
    await("its end", (pid_t)message);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("a stop", child);
    end(child);
}

UT_PROGRAM(ptracestep)
{
    steps();
    into_handler();
    through_exec();
    debug_registers();
}
