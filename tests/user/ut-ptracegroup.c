/* ptrace(2): stops of whole processes, PTRACE_SEIZE, PTRACE_INTERRUPT and PTRACE_LISTEN; threads. */
#include "tests/user/ut-ptrace.h"
#include <pthread.h>
#include <sched.h>

static void until(pid_t pid, char state)
{
    char path[40], line[200], *at;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (unsigned i = 0; i < 2000; i++) {
        f = fopen(path, "r");
        at = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
        if (f)
            fclose(f);
        if (at && at[2] == state)
            return;
        usleep(5000);
    }
    ut_say("it never came to state %c", state);
}

static void on_cont(int signo)
{
    (void)signo;
}

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (!pid) {
        setpgid(0, 0); /* a group of its own, which its parent keeps from being orphaned */
        signal(SIGCONT, on_cont);
        signal(SIGUSR1, on_cont);
        for (;;)
            pause();
    }
    until(pid, 'S');
    return pid;
}

static void say_info(const char *what, pid_t pid)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    if (trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info))
        ut_say("%s: %s", what, ut_errno(errno));
    else
        ut_say("%s: %s, code %x", what, ut_signal(info.si_signo), info.si_code);
}

static void attached(void)
{
    pid_t child = sleeper();

    PART("an attached one");
    TRY(trace(PTRACE_ATTACH, child, 0, 0));
    await("attached", child);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    until(child, 'S');
    TRY(kill(child, SIGTSTP));
    await("a stop signal", child);
    say_info("it", child);
    TRY(trace(PTRACE_CONT, child, 0, SIGTSTP));
    await("the stop", child);
    say_info("it", child);
    TRY(trace(PTRACE_CONT, child, 0, 0)); /* it runs in a process that is stopped */
    until(child, 'S');
    TRY(kill(child, SIGCONT));
    await("SIGCONT", child);
    TRY(trace(PTRACE_CONT, child, 0, SIGCONT));
    until(child, 'S');
    /* SIGCONT takes a stop back that its tracer has not given yet. */
    TRY(kill(child, SIGSTOP));
    await("a stop signal", child);
    TRY(kill(child, SIGCONT));
    TRY(trace(PTRACE_CONT, child, 0, SIGSTOP));
    await("no stop, but", child);
    TRY(trace(PTRACE_DETACH, child, 0, 0));
    until(child, 'S');
    end(child);
}

static void seized(void)
{
    pid_t child = sleeper();
    int status;

    PART("a seized one");
    TRY(trace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD));
    TRY(waitpid(child, &status, WNOHANG | __WALL));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    TRY(trace(PTRACE_INTERRUPT, child, 0, 0));
    await("interrupted", child);
    say_info("it", child);
    TRY(trace(PTRACE_INTERRUPT, child, 0, 0));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("interrupted while it stood", child);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    until(child, 'S');
    TRY(kill(child, SIGSTOP));
    await("a stop signal", child);
    say_info("it", child);
    TRY(trace(PTRACE_LISTEN, child, 0, 0));
    TRY(trace(PTRACE_CONT, child, 0, SIGSTOP));
    await("the stop", child);
    say_info("it", child);
    TRY(trace(PTRACE_LISTEN, child, 0, 0));
    until(child, 't');
    TRY(trace(PTRACE_CONT, child, 0, 0));
    TRY(waitpid(child, &status, WNOHANG | __WALL));
    TRY(kill(child, SIGCONT));
    await("it goes on", child);
    say_info("it", child);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("SIGCONT", child);
    TRY(trace(PTRACE_CONT, child, 0, SIGCONT));
    until(child, 'S');
    TRY(kill(child, SIGSTOP));
    await("a stop signal", child);
    TRY(trace(PTRACE_CONT, child, 0, SIGSTOP));
    await("the stop", child);
    TRY(trace(PTRACE_LISTEN, child, 0, 0));
    TRY(trace(PTRACE_INTERRUPT, child, 0, 0));
    await("interrupted while it listens", child);
    TRY(trace(PTRACE_DETACH, child, 0, 0));
    until(child, 'T');
    TRY(trace(PTRACE_SEIZE, child, 0, 0));
    await("seized while it is stopped", child);
    say_info("it", child);
    TRY(kill(child, SIGKILL));
    await("the end", child);
}

/* The parent of a process that somebody else traces. */
static void parent_of(void)
{
    pid_t child = sleeper(), tracer;
    int status, go[2];
    char byte;

    PART("the parent of another's tracee");
    TRY(pipe(go));
    tracer = fork();
    if (!tracer) {
        trace(PTRACE_SEIZE, child, 0, 0);
        write(go[1], "", 1);
        for (;;) {
            int signo;

            if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status))
                _exit(30);
            signo = status >> 16 ? 0 : WSTOPSIG(status);
            trace(status >> 16 && WSTOPSIG(status) == SIGSTOP ? PTRACE_LISTEN : PTRACE_CONT, child, 0, signo);
        }
    }
    TRY(read(go[0], &byte, 1));
    TRY(kill(child, SIGSTOP));
    waitpid(child, &status, WUNTRACED);
    ut_say("%s", ending(status));
    TRY(kill(child, SIGCONT));
    waitpid(child, &status, WCONTINUED);
    ut_say("%s", ending(status));
    TRY(kill(child, SIGTERM));
    await("the tracer", tracer);
    await("the child", child);
}

static void *short_thread(void *arg)
{
    return arg;
}

static void with_thread(void)
{
    pthread_t t;

    pthread_create(&t, NULL, short_thread, NULL);
    pthread_join(t, NULL);
    raise(SIGSTOP); /* until the tracer knows: then the status is the thread's, and not the process's */
    _exit(8);
}

static void *long_thread(void *arg)
{
    *(volatile bool *)arg = true;
    for (;;)
        pause();
    return arg;
}

static void with_long_thread(void)
{
    volatile bool goes_on = false; /* the tracer has let it */
    pthread_t t;

    pthread_create(&t, NULL, long_thread, (void *)&goes_on);
    while (!goes_on)
        usleep(1000);
    _exit(8);
}

static void *execing(void *arg)
{
    char *argv[] = {(char *)"ut", (char *)"exec-say", NULL};

    close(1);
    execv("/proc/self/exe", argv);
    return arg;
}

static void with_exec(void)
{
    pthread_t t;

    pthread_create(&t, NULL, execing, NULL);
    for (;;)
        pause();
}

static void threads(void (*fn)(void), const char *title)
{
    pid_t child = traced_child(fn), thread, got;
    unsigned long message = 0;
    bool thread_ended = false;
    int status, thread_status = -1;

    PART(title);
    await("its own stop", child);
    TRY(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("clone", child);
    trace(PTRACE_GETEVENTMSG, child, 0, (unsigned long)&message);
    thread = (pid_t)message;
    await("the thread", thread);
    TRY(trace(PTRACE_CONT, child, 0, 0)); /* first: the thread may end it by executing a program */
    TRY(trace(PTRACE_CONT, thread, 0, 0));
    while ((got = waitpid(-1, &status, __WALL)) > 0) {
        if (got == thread && !WIFSTOPPED(status)) {
            thread_ended = true; /* told behind the process's stop, whichever was first */
            thread_status = status;
        } else if (got == child && !WIFSTOPPED(status)) {
            if (thread_ended && thread_status >= 0)
                ut_say("the thread: %s", ending(thread_status));
            ut_say("the process: %s, %s", ending(status), thread_ended ? "the last" : "the first");
        } else {
            ut_say("%s: %s",
                   got == child    ? "the process"
                   : got == thread ? "the thread"
                                   : "somebody",
                   ending(status));
            if (got == child && WSTOPSIG(status) == SIGSTOP) {
                if (thread_ended)
                    ut_say("the thread: %s", ending(thread_status));
                else
                    await("the thread", thread);
                thread_ended = true;
                thread_status = -1;
            }
            if (status >> 16 == PTRACE_EVENT_EXEC) {
                trace(PTRACE_GETEVENTMSG, got, 0, (unsigned long)&message);
                SHOW((pid_t)message == thread);
                kill(got, SIGKILL);
            }
            trace(PTRACE_CONT, got, 0, 0);
        }
    }
    ut_result("nobody is left", got);
}

UT_PROGRAM(ptracegroup)
{
    attached();
    seized();
    parent_of();
    threads(with_thread, "a thread that ends");
    threads(with_long_thread, "a thread that is ended");
    threads(with_exec, "a thread that executes a program");
}
