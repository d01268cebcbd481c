/* ptrace(2): who may trace, memory and registers, signals, system calls, events, the tracer's end. */
#include "tests/user/ut-ptrace.h"
#include <sched.h>
#include <time.h>

static volatile int word = 0x11223344;
static const int fixed = 0x55667788; /* in a page that may not be written */
static volatile int handled;

static void handler(int signo)
{
    handled = signo;
}

static void nothing(void)
{
}

static void errors(void)
{
    pid_t child;
    long value;

    PART("errors");
    TRY(trace(PTRACE_ATTACH, getpid(), 0, 0));
    TRY(trace(PTRACE_SEIZE, getpid(), 0, 0));
    TRY(trace(PTRACE_SEIZE, getpid(), 1, 0));
    TRY(trace(PTRACE_SEIZE, getpid(), 0, 1 << 30));
    TRY(trace(PTRACE_ATTACH, 0, 0, 0));
    TRY(trace(PTRACE_ATTACH, -1, 0, 0));
    TRY(trace(PTRACE_CONT, getppid(), 0, 0));
    TRY(trace(PTRACE_CONT, 0x7FFFFFF0, 0, 0));
    TRY(trace(12345, 0x7FFFFFF0, 0, 0));
    child = traced_child(nothing);
    await("the child", child);
    TRY(trace(PTRACE_ATTACH, child, 0, 0));
    TRY(trace(12345, child, 0, 0));
    TRY(trace(PTRACE_CONT, child, 0, 65));
    TRY(trace(PTRACE_DETACH, child, 0, 65));
    TRY(trace(PTRACE_LISTEN, child, 0, 0));
    TRY(trace(PTRACE_INTERRUPT, child, 0, 0));
    TRY(trace(PTRACE_SETOPTIONS, child, 0, 1 << 30));
    TRY(trace(PTRACE_SETOPTIONS, child, 0, 0x100));
    TRY(trace(PTRACE_PEEKDATA, child, 0, (unsigned long)&value));
    TRY(trace(PTRACE_PEEKDATA, child, (unsigned long)&word, 4));
    TRY(trace(PTRACE_PEEKDATA, child, 0xC0000000, (unsigned long)&value));
    TRY(trace(PTRACE_POKEDATA, child, 0, 1));
    TRY(trace(PTRACE_PEEKUSER, child, 1, (unsigned long)&value));
    TRY(trace(PTRACE_PEEKUSER, child, sizeof(struct user), (unsigned long)&value));
    TRY(trace(PTRACE_POKEUSER, child, 2, 0));
    TRY(trace(PTRACE_POKEUSER, child, offsetof(struct user, u_tsize), 0));
    TRY(trace(PTRACE_GETREGS, child, 0, 4));
    TRY(trace(PTRACE_GETSIGMASK, child, 4, (unsigned long)&value));
    TRY(trace(PTRACE_GETREGSET, child, 77, (unsigned long)&value));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("the child", child);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("the child", child);
    child = fork();
    if (!child) {
        TRY(trace(PTRACE_TRACEME, 0, 0, 0));
        TRY(trace(PTRACE_TRACEME, 0, 0, 0));
        _exit(0);
    }
    await("the child", child);
}

static void memory(void)
{
    uint8_t *none = ut_map(3, PROT_READ | PROT_WRITE), *shared;
    pid_t child;
    long value = 0;
    char path[40];
    int fd;

    PART("memory");
    memset(none, 0x5A, 2 * PAGE);
    mprotect(none, PAGE, PROT_NONE);
    mprotect(none + PAGE, PAGE, PROT_READ);
    shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child = traced_child(nothing);
    await("the child", child);
    TRY(trace(PTRACE_PEEKDATA, child, (unsigned long)&word, (unsigned long)&value));
    SHOW(value);
    TRY(trace(PTRACE_POKEDATA, child, (unsigned long)&word, 0x01020304));
    TRY(trace(PTRACE_PEEKTEXT, child, (unsigned long)&word, (unsigned long)&value));
    SHOW(value);
    SHOW(word);
    TRY(trace(PTRACE_POKETEXT, child, (unsigned long)&fixed, 0x0A0B0C0D));
    TRY(trace(PTRACE_PEEKTEXT, child, (unsigned long)&fixed, (unsigned long)&value));
    SHOW(value);
    SHOW(*(const volatile int *)&fixed);
    TRY(trace(PTRACE_PEEKDATA, child, (unsigned long)none + 8, (unsigned long)&value));
    SHOW(value);
    TRY(trace(PTRACE_POKEDATA, child, (unsigned long)none + PAGE + 8, 0x77777777));
    TRY(trace(PTRACE_PEEKDATA, child, (unsigned long)none + PAGE + 8, (unsigned long)&value));
    SHOW(value);
    SHOW(none[PAGE + 8]);
    TRY(trace(PTRACE_PEEKDATA, child, (unsigned long)none + PAGE - 2, (unsigned long)&value));
    SHOW(value);
    TRY(trace(PTRACE_PEEKDATA, child, (unsigned long)none + 2 * PAGE - 2, (unsigned long)&value));
    SHOW(value);
    TRY(trace(PTRACE_POKEDATA, child, (unsigned long)shared, 1));
    TRY(trace(PTRACE_PEEKDATA, child, (unsigned long)shared, (unsigned long)&value));
    SHOW(value);
    snprintf(path, sizeof path, "/proc/%d/mem", child);
    fd = open(path, O_RDWR);
    TRY(pread(fd, &value, 4, (long)&word));
    SHOW(value);
    value = 0x31313131;
    TRY(pwrite(fd, &value, 4, (long)&fixed));
    value = 0;
    TRY(trace(PTRACE_PEEKDATA, child, (unsigned long)&fixed, (unsigned long)&value));
    SHOW(value);
    TRY(pwrite(fd, &value, 4, (long)shared));
    TRY(pread(fd, &value, 4, 0));
    close(fd);
    trace(PTRACE_CONT, child, 0, 0);
    await("the child", child);
}

/* Of /proc/PID/status, the lines that matter; "own": the tracer is this process. */
static void say_status(const char *what, pid_t pid)
{
    char path[40], line[200];
    FILE *f;
    int n;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "State:", 6) == 0)
            ut_say("%s: %.*s", what, (int)strcspn(line, "\n"), line);
        if (sscanf(line, "TracerPid: %d", &n) == 1)
            ut_say("%s: traced by %s", what, n == 0 ? "nobody" : n == getpid() ? "own" : "another");
    }
    if (f)
        fclose(f);
}

__attribute__((noinline)) static int known_registers(void)
{
    int ebx;

    __asm__ volatile("pusha\n"
                     "mov $0x11, %%ebx\n"
                     "mov $0x22, %%ecx\n"
                     "mov $0x33, %%edx\n"
                     "mov $0x44, %%esi\n"
                     "mov $0x55, %%edi\n"
                     "mov $0x66, %%eax\n"
                     "fldpi\n"
                     "int3\n"
                     "mov %%ebx, 28(%%esp)\n"
                     "fstp %%st(0)\n"
                     "popa"
                     : "=a"(ebx)
                     :
                     : "memory");
    return ebx;
}

static void set_and_exit(void)
{
    _exit(known_registers() & 0xFF);
}

static void regs(void)
{
    struct user_regs_struct r, s;
    struct user_fpregs_struct fp;
    struct user_fpxregs_struct fx;
    struct iovec io = {&s, sizeof s};
    uint8_t *top;
    long value = 0;
    pid_t child = traced_child(set_and_exit);

    PART("registers");
    await("the child", child);
    r = registers(child);
    SHOW(r.orig_eax == SYS_tgkill || r.orig_eax == SYS_tkill);
    SHOW(r.eax);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("a breakpoint", child);
    say_status("stopped", child);
    r = registers(child);
    SHOW(r.ebx);
    SHOW(r.ecx);
    SHOW(r.edx);
    SHOW(r.esi);
    SHOW(r.edi);
    SHOW(r.eax);
    SHOW(r.orig_eax);
    SHOW(r.xcs & 3);
    SHOW(r.xds == r.xss);
    SHOW(r.eflags >> 9 & 1);
    TRY(trace(PTRACE_GETREGSET, child, 1, (unsigned long)&io));
    SHOW(io.iov_len);
    SHOW(memcmp(&r, &s, sizeof r));
    io.iov_len = 6;
    TRY(trace(PTRACE_GETREGSET, child, 1, (unsigned long)&io));
    io.iov_len = 8;
    TRY(trace(PTRACE_GETREGSET, child, 1, (unsigned long)&io));
    SHOW(io.iov_len);
    TRY(trace(PTRACE_PEEKUSER, child, offsetof(struct user, regs.ecx), (unsigned long)&value));
    SHOW(value);
    TRY(trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.ebx), 42));
    TRY(trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.xcs), 0));
    TRY(trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.xcs), 8));
    TRY(trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.xds), 0x10));
    TRY(trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.eflags), 0x3000));
    TRY(trace(PTRACE_PEEKUSER, child, offsetof(struct user, regs.eflags), (unsigned long)&value));
    SHOW(value & 0x3200);
    TRY(trace(PTRACE_GETFPREGS, child, 0, (unsigned long)&fp));
    SHOW(fp.cwd & 0xFFFF);
    SHOW(fp.swd >> 11 & 7);
    SHOW(fp.twd & 0xFFFF);
    top = (uint8_t *)fp.st_space;
    ut_say("pi: %02x%02x %02x%02x", top[9], top[8], top[7], top[6]);
    TRY(trace(PTRACE_SETFPREGS, child, 0, (unsigned long)&fp));
    TRY(trace(PTRACE_GETFPXREGS, child, 0, (unsigned long)&fx));
    SHOW(fx.cwd);
    SHOW(fx.swd >> 11 & 7);
    SHOW(fx.twd & 0xFF);
    SHOW(fx.mxcsr);
    fx.xmm_space[3] = 0x12345678;
    TRY(trace(PTRACE_SETFPXREGS, child, 0, (unsigned long)&fx));
    fx.xmm_space[3] = 0;
    TRY(trace(PTRACE_GETFPXREGS, child, 0, (unsigned long)&fx));
    SHOW(fx.xmm_space[3]);
    fx.mxcsr = 0xFFFF0000;
    TRY(trace(PTRACE_SETFPXREGS, child, 0, (unsigned long)&fx));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("with EBX of the tracer", child);
}

static void raise_some(void)
{
    sigset_t set;

    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    if (handled == SIGUSR1)
        raise(SIGUSR2); /* not handled: it dies unless that is held back */
    raise(SIGCHLD);     /* ignored, and told nevertheless */
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    handled = 0;
    raise(SIGUSR1);
    raise(SIGURG);
    _exit(handled);
}

static void signals(void)
{
    pid_t child = traced_child(raise_some);
    siginfo_t info;
    uint64_t mask = 0;
    struct {
        uint64_t offset;
        uint32_t flags;
        int32_t count;
    } peek = {0, 0, 4};
    siginfo_t several[4];

    PART("signals");
    await("its own stop", child);
    memset(&info, 0, sizeof info);
    TRY(trace(PTRACE_GETSIGINFO, child, 0, (unsigned long)&info));
    ut_say("%s, code %d, by %s", ut_signal(info.si_signo), info.si_code,
           info.si_pid == child ? "itself" : "another");
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("one with a handler", child);
    TRY(trace(PTRACE_CONT, child, 0, SIGUSR1));
    await("one without", child);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("one that is ignored", child);
    TRY(trace(PTRACE_CONT, child, 0, SIGCHLD));
    await("one beside a blocked one", child);
    TRY(trace(PTRACE_GETSIGMASK, child, 8, (unsigned long)&mask));
    SHOW(mask >> (SIGUSR1 - 1) & 1);
    TRY(trace(PTRACE_PEEKSIGINFO, child, (unsigned long)&peek, (unsigned long)several));
    ut_say("waiting: %s", ut_signal(several[0].si_signo));
    peek.flags = 2;
    TRY(trace(PTRACE_PEEKSIGINFO, child, (unsigned long)&peek, (unsigned long)several));
    peek.flags = 0;
    peek.count = -1;
    TRY(trace(PTRACE_PEEKSIGINFO, child, (unsigned long)&peek, (unsigned long)several));
    mask = 0;
    TRY(trace(PTRACE_SETSIGMASK, child, 8, (unsigned long)&mask));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("the one that was blocked", child);
    TRY(trace(PTRACE_GETSIGINFO, child, 0, (unsigned long)&info));
    info.si_code = -77;
    TRY(trace(PTRACE_SETSIGINFO, child, 0, (unsigned long)&info));
    info.si_code = 0;
    TRY(trace(PTRACE_GETSIGINFO, child, 0, (unsigned long)&info));
    SHOW(info.si_code);
    TRY(trace(PTRACE_CONT, child, 0, SIGUSR1));
    await("the end", child);

    child = traced_child(nothing);
    await("another", child);
    TRY(trace(PTRACE_CONT, child, 0, SIGTERM));
    await("a signal of the tracer", child);

    child = traced_child(nothing);
    await("another", child);
    TRY(trace(PTRACE_KILL, child, 0, 0));
    await("PTRACE_KILL", child);
    child = traced_child(nothing);
    await("another", child);
    kill(child, SIGKILL);
    await("SIGKILL", child);
}

static void some_calls(void)
{
    syscall(SYS_getppid);
    syscall(SYS_access, "/", 0x777);
    syscall(20000, 1, 2, 3);
    _exit(3);
}

struct call_info {
    uint8_t op, pad[3];
    uint32_t arch;
    uint64_t eip, esp;
    union {
        struct {
            uint64_t nr, args[6];
        } entry;
        struct {
            int64_t result;
            uint8_t is_error;
        } exit;
    };
};

static void calls(void)
{
    pid_t child = traced_child(some_calls);
    struct call_info info;
    struct user_regs_struct r;
    unsigned long message = 99;
    int status;

    PART("system calls");
    await("its own stop", child);
    TRY(trace(0x420E, child, sizeof info, (unsigned long)&info));
    SHOW(info.op);
    SHOW(info.arch);
    TRY(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
    TRY(trace(PTRACE_SYSCALL, child, 0, 0));
    for (unsigned i = 0; i < 12; i++) {
        status = await("a call", child);
        if (!WIFSTOPPED(status))
            break;
        r = registers(child);
        trace(PTRACE_GETEVENTMSG, child, 0, (unsigned long)&message);
        SHOW(message);
        if (r.orig_eax == SYS_getppid || r.orig_eax == SYS_access || r.orig_eax == 20000)
            SHOW(r.orig_eax);
        if (message == 1)
            SHOW(r.eax);
        else
            SHOW(r.orig_eax == SYS_getppid ? r.eax == getpid() : r.eax);
        memset(&info, 0, sizeof info);
        TRY(trace(0x420E, child, sizeof info, (unsigned long)&info));
        SHOW(info.op);
        if (info.op == 1 && info.entry.nr == 20000)
            ut_say("of %llu: %llu %llu %llu", (unsigned long long)info.entry.nr,
                   (unsigned long long)info.entry.args[0], (unsigned long long)info.entry.args[1],
                   (unsigned long long)info.entry.args[2]);
        if (info.op == 2 && info.exit.is_error)
            SHOW(info.exit.result);
        trace(PTRACE_SYSCALL, child, 0, 0);
    }

    /* One number becomes another, one call none, one result another. */
    child = traced_child(some_calls);
    await("another", child);
    trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
    do {
        trace(PTRACE_SYSCALL, child, 0, 0);
        waitpid(child, &status, 0);
        r = registers(child);
    } while (r.orig_eax != SYS_getppid);
    trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.orig_eax), -1ul);
    trace(PTRACE_SYSCALL, child, 0, 0);
    await("no call", child);
    r = registers(child);
    SHOW(r.eax);
    SHOW(r.orig_eax);
    trace(PTRACE_SYSCALL, child, 0, 0);
    await("the next", child);
    trace(PTRACE_POKEUSER, child, offsetof(struct user, regs.orig_eax), SYS_getpid);
    trace(PTRACE_SYSCALL, child, 0, 0);
    await("another call", child);
    r = registers(child);
    SHOW(r.eax == child);
    trace(PTRACE_SYSEMU, child, 0, 0);
    await("emulated", child);
    r = registers(child);
    SHOW(r.orig_eax);
    trace(PTRACE_SYSEMU, child, 0, 0);
    await("emulated, the last", child);
    r = registers(child);
    SHOW(r.orig_eax == SYS_exit_group);
    trace(PTRACE_CONT, child, 0, 0);
    await("the end", child);
}

static void family(void)
{
    int status;
    pid_t pid = fork();

    if (!pid)
        _exit(5);
    waitpid(pid, &status, 0);
    pid = vfork();
    if (!pid)
        _exit(6);
    waitpid(pid, &status, 0);
    execl("/nothing/there", "x", NULL);
    _exit(WEXITSTATUS(status));
}

static void events(void)
{
    pid_t child = traced_child(family), other = 0;
    unsigned long message;
    int status;

    PART("events");
    await("its own stop", child);
    TRY(trace(PTRACE_SETOPTIONS, child, 0,
              PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("fork", child);
    message = 0;
    TRY(trace(PTRACE_GETEVENTMSG, child, 0, (unsigned long)&message));
    other = (pid_t)message;
    await("the new one", other);
    say_status("the new one", other);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    TRY(trace(PTRACE_CONT, other, 0, 0));
    await("it ends", other);
    message = 0;
    TRY(trace(PTRACE_GETEVENTMSG, other, 0, (unsigned long)&message));
    SHOW(message);
    TRY(trace(PTRACE_CONT, other, 0, 0));
    await("it has ended", other);
    await("its parent hears of it", child);
    TRY(trace(PTRACE_CONT, child, 0, SIGCHLD));
    await("vfork", child);
    trace(PTRACE_GETEVENTMSG, child, 0, (unsigned long)&message);
    other = (pid_t)message;
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("the new one", other);
    TRY(trace(PTRACE_CONT, other, 0, 0));
    await("it ends", other);
    TRY(trace(PTRACE_CONT, other, 0, 0));
    await("it has ended", other);
    for (unsigned i = 0; i < 4; i++) {
        status = await("its parent", child);
        if (!WIFSTOPPED(status))
            break;
        trace(PTRACE_GETEVENTMSG, child, 0, (unsigned long)&message);
        if (status >> 16 == PTRACE_EVENT_VFORK_DONE)
            SHOW(message == (unsigned long)other);
        if (status >> 16 == PTRACE_EVENT_EXIT)
            SHOW(message);
        trace(PTRACE_CONT, child, 0, status >> 16 ? 0 : WSTOPSIG(status));
    }
}

static void execute(void)
{
    char *argv[] = {(char *)"ut", (char *)"exec-exec", (char *)"exit", NULL};

    execv("/proc/self/exe", argv);
    _exit(99);
}

static void execs(void)
{
    pid_t child = traced_child(execute);
    unsigned long message;

    PART("exec");
    await("its own stop", child);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("without the option", child);
    end(child);
    child = traced_child(execute);
    await("another", child);
    TRY(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXEC));
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("with it", child);
    trace(PTRACE_GETEVENTMSG, child, 0, (unsigned long)&message);
    SHOW(message == (unsigned long)child);
    SHOW(registers(child).eax);
    SHOW(registers(child).ebx);
    trace(PTRACE_SYSCALL, child, 0, 0);
    await("the call's end", child);
    SHOW(registers(child).eax);
    end(child);
}

static void sleeping(void)
{
    signal(SIGUSR1, handler);
    nanosleep(&(struct timespec){2, 0}, NULL);
    _exit(handled);
}

static void sleep_long(void)
{
    for (;;)
        pause();
}

/* Wait until /proc says that it is in a state. */
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

/* Another process that does nothing, and is not this one's tracee. */
static pid_t sleeper(void (*fn)(void))
{
    pid_t pid = fork();

    if (!pid) {
        fn();
        _exit(0);
    }
    until(pid, 'S');
    return pid;
}

static void attaching(void)
{
    pid_t child = sleeper(sleeping), tracer;
    int status, go[2], seen[2], look[2];
    char byte;

    PART("attaching");
    TRY(trace(PTRACE_ATTACH, child, 0, 0));
    await("attached", child);
    say_status("attached", child);
    TRY(trace(PTRACE_DETACH, child, 0, 0));
    await("it sleeps on", child);

    child = sleeper(sleep_long);
    TRY(trace(PTRACE_ATTACH, child, 0, 0));
    await("attached", child);
    TRY(trace(PTRACE_DETACH, child, 0, SIGTERM));
    await("let go with a signal", child);

    child = sleeper(sleep_long);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    TRY(trace(PTRACE_ATTACH, child, 0, 0));
    await("a stopped one", child);
    say_status("a stopped one", child);
    TRY(trace(PTRACE_CONT, child, 0, 0));
    await("its signal", child);
    TRY(trace(PTRACE_DETACH, child, 0, SIGSTOP));
    until(child, 'T');
    say_status("let go", child);
    end(child);

    child = sleeper(sleep_long);
    tracer = fork();
    if (!tracer) {
        trace(PTRACE_ATTACH, child, 0, 0);
        _exit(waitpid(child, &status, __WALL) == child && WIFSTOPPED(status) ? 11 : 12);
    }
    await("a tracer that ends", tracer);
    until(child, 'S');
    say_status("its tracee", child);
    TRY(kill(child, 0));
    end(child);

    child = sleeper(sleep_long);
    tracer = fork();
    if (!tracer) {
        trace(PTRACE_SEIZE, child, 0, PTRACE_O_EXITKILL);
        _exit(0);
    }
    await("a tracer that takes it along", tracer);
    await("its tracee", child);

    /* Somebody else's tracee ends: the tracer hears of it first. */
    TRY(pipe(go) | pipe(seen) | pipe(look));
    child = fork();
    if (!child) {
        close(go[1]);
        read(go[0], &byte, 1);
        _exit(21);
    }
    tracer = fork();
    if (!tracer) {
        close(go[1]);
        close(look[1]);
        trace(PTRACE_SEIZE, child, 0, 0);
        write(seen[1], "", 1);
        read(look[0], &byte, 1);
        _exit(waitpid(child, &status, __WALL) == child ? WEXITSTATUS(status) : 1);
    }
    read(seen[0], &byte, 1);
    close(go[1]);
    until(child, 'Z');
    TRY(waitpid(child, &status, WNOHANG));
    close(look[1]);
    await("the tracer", tracer);
    await("then the parent", child);
}

UT_PROGRAM(ptrace)
{
    errors();
    memory();
    regs();
    signals();
    calls();
    events();
    execs();
    attaching();
}
