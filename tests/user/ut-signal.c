/* Signals: codes and addresses, masks, order, restarts, frames that give back every register. */
#include "tests/user/ut.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#define RW (PROT_READ | PROT_WRITE)

static volatile sig_atomic_t count, last;
static siginfo_t last_info;
static sigjmp_buf back;

static void counting(int signo)
{
    count++;
    last = signo;
}

static void telling(int signo, siginfo_t *info, void *context)
{
    (void)context;
    count++;
    last = signo;
    last_info = *info;
}

static void leaving(int signo, siginfo_t *info, void *context)
{
    telling(signo, info, context);
    siglongjmp(back, 1);
}

static void handle(int signo, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction a = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};

    sigaction(signo, &a, NULL);
}

static void handle_simply(int signo, void (*fn)(int), int flags)
{
    struct sigaction a = {.sa_handler = fn, .sa_flags = flags};

    sigaction(signo, &a, NULL);
}

static sigset_t set_of(int one, int two)
{
    sigset_t s;

    sigemptyset(&s);
    if (one)
        sigaddset(&s, one);
    if (two)
        sigaddset(&s, two);
    return s;
}

static void faults(void)
{
    uint8_t *p = ut_map(4, RW);
    int fd = ut_file("f", 100);
    uint8_t *f = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);

    PART("faults");
    mprotect(p + PAGE, PAGE, PROT_READ);
    mprotect(p + 2 * PAGE, PAGE, PROT_NONE);
    munmap(p + 3 * PAGE, PAGE);
    READ(NULL);
    READ((void *)0x10);
    WRITE(NULL, 1);
    READ((void *)0xffffeff0);
    WRITE(p + PAGE + 5, 1);
    READ(p + 2 * PAGE + 7);
    READ(p + 3 * PAGE + 9);
    READ(f + 50);
    READ(f + 100);
    READ(f + PAGE);
    WRITE(f + PAGE + 3, 1);
    munmap(p, 4 * PAGE);
    munmap(f, 2 * PAGE);
    close(fd);

    PART("other exceptions");
    handle(SIGFPE, leaving, 0);
    handle(SIGILL, leaving, 0);
    handle(SIGTRAP, telling, 0);
    handle(SIGSEGV, leaving, 0);
    if (sigsetjmp(back, 1) == 0) {
        volatile int zero = 0, one = 1;

        one = one / zero;
    }
    ut_say("division: %s, code %d", ut_signal(last), last_info.si_code);
    if (sigsetjmp(back, 1) == 0)
        __asm__ volatile("ud2");
    ut_say("ud2: %s, code %d", ut_signal(last), last_info.si_code);
    __asm__ volatile("int3");
    ut_say("int3: %s, code %s", ut_signal(last), last_info.si_code == SI_KERNEL ? "KERNEL" : "other");
    if (sigsetjmp(back, 1) == 0)
        __asm__ volatile("hlt");
    ut_say("hlt: %s, code %s", ut_signal(last), last_info.si_code == SI_KERNEL ? "KERNEL" : "other");
    if (sigsetjmp(back, 1) == 0)
        __asm__ volatile("int $0x77");
    ut_say("int 0x77: %s, code %s", ut_signal(last), last_info.si_code == SI_KERNEL ? "KERNEL" : "other");
    if (sigsetjmp(back, 1) == 0)
        __asm__ volatile("mov %0, %%ds" : : "r"(0x1234));
    ut_say("bad segment: %s, code %s", ut_signal(last), last_info.si_code == SI_KERNEL ? "KERNEL" : "other");
    for (int s = SIGSEGV; s; s = s == SIGSEGV ? SIGFPE : s == SIGFPE ? SIGILL : s == SIGILL ? SIGTRAP : 0)
        signal(s, SIG_DFL);
}

static uint8_t *repaired;

static void repairing(int signo, siginfo_t *info, void *context)
{
    telling(signo, info, context);
    mprotect(repaired, PAGE, RW);
}

static void restarted_instruction(void)
{
    PART("a handler repairs the page, and the instruction runs again");
    repaired = ut_map(1, PROT_NONE);
    handle(SIGSEGV, repairing, 0);
    count = 0;
    *(volatile uint8_t *)(repaired + 100) = 0x5c;
    SHOW(count);
    SHOW(last_info.si_addr == repaired + 100);
    SHOW(repaired[100]);
    signal(SIGSEGV, SIG_DFL);
    munmap(repaired, PAGE);
}

/* The handler sees and changes the registers of what it interrupted. */
static void changing(int signo, siginfo_t *info, void *context)
{
    ucontext_t *u = context;

    telling(signo, info, context);
    if (u->uc_mcontext.gregs[REG_TRAPNO] == 14)
        last = (u->uc_mcontext.gregs[REG_ERR] & 2) != 0;
    u->uc_mcontext.gregs[REG_EAX] = 0x1234;
    u->uc_mcontext.gregs[REG_EIP] += 2; /* a two-byte load */
    __asm__ volatile("pcmpeqd %xmm0, %xmm0\n\tpcmpeqd %xmm7, %xmm7\n\tfninit");
}

static void registers(void)
{
    uint32_t eax, ebx = 0x11111111, ecx = 0x22222222, edx = 0x33333333, esi = 0x44444444, edi = 0x55555555;
    uint32_t in[4] = {1, 2, 3, 4}, out[4] = {0};
    double x = 2.5, y = 0;

    PART("registers, flags, x87 and SSE survive a handler that spoils them");
    handle(SIGSEGV, changing, 0);
    /* The load faults; the handler steps over it. */
    __asm__ volatile("fldl %[x]\n\t"
                     "movups %[in], %%xmm0\n\t"
                     "movups %[in], %%xmm7\n\t"
                     "xor %%eax, %%eax\n\t"
                     "stc\n\t"
                     ".byte 0x8b, 0x00\n\t" /* mov (%eax), %eax */
                     "jnc 1f\n\t"
                     "add $1, %%eax\n"
                     "1: movups %%xmm7, %[out]\n\t"
                     "fstpl %[y]"
                     : "=&a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx), "+S"(esi),
                       "+D"(edi), [out] "=m"(out), [y] "=m"(y)
                     : [in] "m"(in), [x] "m"(x)
                     : "cc", "memory");
    ut_say("%x %x %x %x %x %x", eax, ebx, ecx, edx, esi, edi);
    ut_say("%x %x %x %x, %d", out[0], out[1], out[2], out[3], (int)(y * 10));
    SHOW(last);
    signal(SIGSEGV, SIG_DFL);
}

static void masks(void)
{
    sigset_t usr = set_of(SIGUSR1, SIGUSR2), old, pending, none = set_of(0, 0), one = set_of(SIGUSR1, 0);

    PART("masks and pending signals");
    handle(SIGUSR1, telling, 0);
    handle(SIGUSR2, telling, 0);
    count = 0;
    TRY(sigprocmask(SIG_BLOCK, &usr, &old));
    SHOW(sigismember(&old, SIGUSR1));
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    SHOW(count);
    TRY(sigpending(&pending));
    SHOW(sigismember(&pending, SIGUSR1));
    SHOW(sigismember(&pending, SIGUSR2));
    TRY(sigprocmask(SIG_UNBLOCK, &one, NULL));
    SHOW(count);
    SHOW(last == SIGUSR1 && last_info.si_code == SI_USER && last_info.si_pid == getpid());
    kill(getpid(), SIGUSR2);
    TRY(sigsuspend(&none));
    SHOW(count);
    TRY(sigprocmask(SIG_SETMASK, NULL, &old));
    SHOW(sigismember(&old, SIGUSR2));
    TRY(sigprocmask(77, &usr, NULL));
    TRY(sigprocmask(SIG_SETMASK, &none, NULL));
    PART("what cannot be blocked, caught or ignored");
    sigfillset(&usr);
    TRY(sigprocmask(SIG_SETMASK, &usr, NULL));
    TRY(sigprocmask(SIG_SETMASK, NULL, &old));
    SHOW(sigismember(&old, SIGKILL));
    SHOW(sigismember(&old, SIGSTOP));
    SHOW(sigismember(&old, SIGTERM));
    TRY(sigprocmask(SIG_SETMASK, &none, NULL));
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    TRY(sigaction(SIGKILL, &ignore, NULL));
    TRY(sigaction(SIGSTOP, &ignore, NULL));
    TRY(sigaction(0, &ignore, NULL));
    TRY(sigaction(65, &ignore, NULL));
    TRY(kill(getpid(), 65));
    TRY(kill(getpid(), -1));
    TRY(kill(getpid(), 0));
    PART("ignored signals do nothing, blocked or not");
    signal(SIGUSR1, SIG_IGN);
    kill(getpid(), SIGUSR1);
    SHOW(count);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static volatile sig_atomic_t depth, deepest;

static void nesting(int signo)
{
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (++count < 3)
        kill(getpid(), signo);
    depth--;
}

static void flags(void)
{
    struct sigaction now;

    PART("a signal is blocked in its own handler, unless SA_NODEFER");
    deepest = 0, depth = 0, count = 0;
    handle_simply(SIGUSR1, nesting, 0);
    kill(getpid(), SIGUSR1);
    SHOW(count);
    SHOW(deepest);
    deepest = 0, count = 0;
    handle_simply(SIGUSR1, nesting, SA_NODEFER);
    kill(getpid(), SIGUSR1);
    SHOW(deepest);
    PART("SA_RESETHAND");
    handle_simply(SIGUSR2, counting, SA_RESETHAND);
    count = 0;
    kill(getpid(), SIGUSR2);
    sigaction(SIGUSR2, NULL, &now);
    SHOW(count);
    SHOW(now.sa_handler == SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
}

/* Bits of sa_flags that the kernel knows are kept; by that a program finds them. */
static void known(void)
{
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        unsigned long mask[2];
    } action = {.handler = SIG_IGN}, now;

    PART("flags that are known");
    for (unsigned bit = 0; bit < 32; bit++) {
        action.flags = 1ul << bit;
        syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
        syscall(SYS_rt_sigaction, SIGUSR1, NULL, &now, 8);
        ut_say("bit %u: %#lx", bit, now.flags);
    }
    signal(SIGUSR1, SIG_DFL);
}

static uint8_t other_stack[64 << 10];
static volatile bool on_other;
static stack_t seen;

static void where(int signo)
{
    uint8_t here;
    uintptr_t at = (uintptr_t)&here;

    last = signo;
    on_other = at >= (uintptr_t)other_stack && at < (uintptr_t)other_stack + sizeof other_stack;
    sigaltstack(NULL, &seen);
}

static void stacks(void)
{
    stack_t s = {.ss_sp = other_stack, .ss_size = sizeof other_stack}, old;

    PART("sigaltstack");
    TRY(sigaltstack(NULL, &old));
    SHOW(old.ss_flags == SS_DISABLE);
    TRY(sigaltstack(&s, NULL));
    handle_simply(SIGUSR1, where, SA_ONSTACK);
    kill(getpid(), SIGUSR1);
    SHOW(on_other);
    SHOW(seen.ss_flags == SS_ONSTACK);
    handle_simply(SIGUSR1, where, 0);
    kill(getpid(), SIGUSR1);
    SHOW(on_other);
    SHOW(seen.ss_flags);
    s.ss_size = 100;
    TRY(sigaltstack(&s, NULL));
    s.ss_flags = 0x77;
    TRY(sigaltstack(&s, NULL));
    s.ss_flags = SS_DISABLE;
    TRY(sigaltstack(&s, &old));
    SHOW(old.ss_sp == other_stack);
    SHOW(old.ss_size);
    signal(SIGUSR1, SIG_DFL);
}

static void restarts(void)
{
    struct itimerval soon = {.it_value = {.tv_usec = 100000}}, off = {0};
    int pipes[2];
    char c;

    PART("interrupted calls");
    TRY(pipe(pipes));
    handle_simply(SIGALRM, counting, 0);
    count = 0;
    TRY(setitimer(ITIMER_REAL, &soon, NULL));
    TRY(read(pipes[0], &c, 1));
    SHOW(count);
    PART("restarted with SA_RESTART");
    handle_simply(SIGALRM, counting, SA_RESTART);
    pid_t pid = fork();
    if (pid == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
        write(pipes[1], "z", 1);
        _exit(0);
    }
    TRY(setitimer(ITIMER_REAL, &soon, NULL));
    TRY(read(pipes[0], &c, 1));
    SHOW(c);
    SHOW(count);
    waitpid(pid, NULL, 0);
    PART("pause and nanosleep never are");
    setitimer(ITIMER_REAL, &soon, NULL);
    TRY(pause());
    struct timespec rest = {0};
    setitimer(ITIMER_REAL, &soon, NULL);
    TRY(nanosleep(&(struct timespec){.tv_sec = 5}, &rest));
    SHOW(rest.tv_sec);
    PART("an ignored signal interrupts nothing");
    signal(SIGALRM, SIG_IGN);
    setitimer(ITIMER_REAL, &soon, NULL);
    TRY(nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL));
    PART("a stop and a continue are not seen by the sleeper");
    pid = fork();
    if (pid == 0)
        _exit(nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL) == 0 ? 0 : 1);
    SHOW(ut_wait_state(pid, 'S'));
    kill(pid, SIGSTOP);
    SHOW(ut_wait_state(pid, 'T'));
    kill(pid, SIGCONT);
    int status;
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    setitimer(ITIMER_REAL, &off, NULL);
    signal(SIGALRM, SIG_DFL);
    close(pipes[0]);
    close(pipes[1]);
}

static void timers(void)
{
    struct itimerval repeated = {.it_interval = {.tv_usec = 10000}, .it_value = {.tv_usec = 10000}},
                     off = {0}, now;

    PART("timers");
    handle_simply(SIGALRM, counting, 0);
    count = 0;
    SHOW(alarm(100));
    SHOW(alarm(0));
    SHOW(alarm(0));
    TRY(setitimer(ITIMER_REAL, &repeated, NULL));
    while (count < 5)
        pause();
    TRY(setitimer(ITIMER_REAL, &off, &now));
    SHOW(now.it_interval.tv_usec);
    TRY(getitimer(ITIMER_REAL, &now));
    SHOW(now.it_value.tv_usec);
    repeated.it_value.tv_usec = 1000000;
    TRY(setitimer(ITIMER_REAL, &repeated, NULL));
    TRY(setitimer(7, &off, NULL));
    signal(SIGALRM, SIG_DFL);
}

static void children(void)
{
    sigset_t chld = set_of(SIGCHLD, 0);
    siginfo_t info;
    int status;

    PART("SIGCHLD");
    sigprocmask(SIG_BLOCK, &chld, NULL);
    signal(SIGCHLD, counting);
    for (unsigned how = 0; how < 3; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (how == 0)
                _exit(33);
            kill(getpid(), how == 1 ? SIGTERM : SIGSTOP);
        }
        struct timespec limit = {.tv_sec = 5};
        SHOW(sigtimedwait(&chld, &info, &limit));
        ut_say("%s, code %d, status %d", info.si_pid == pid ? "it" : "another", info.si_code, info.si_status);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        sigtimedwait(&chld, &info, &(struct timespec){0});
    }
    TRY(sigtimedwait(&chld, &info, &(struct timespec){.tv_nsec = 1000000}));
    sigprocmask(SIG_UNBLOCK, &chld, NULL);
    PART("SIGCHLD ignored: children leave nothing behind");
    signal(SIGCHLD, SIG_IGN);
    if (fork() == 0)
        _exit(0);
    TRY(wait(&status));
    signal(SIGCHLD, SIG_DFL);
}

static void inheritance(void)
{
    sigset_t usr = set_of(SIGUSR2, 0);
    int status;

    PART("a child has the mask and the handlers, not what is pending");
    handle_simply(SIGUSR1, counting, 0);
    sigprocmask(SIG_BLOCK, &usr, NULL);
    kill(getpid(), SIGUSR2);
    count = 0;
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t now;

        sigpending(&now);
        SHOW(sigismember(&now, SIGUSR2));
        sigprocmask(SIG_SETMASK, NULL, &now);
        SHOW(sigismember(&now, SIGUSR2));
        kill(getpid(), SIGUSR1);
        SHOW(count);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    signal(SIGUSR2, SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &usr, NULL);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static void queued(void)
{
    sigset_t rt = set_of(SIGRTMIN, SIGUSR1);
    siginfo_t info;

    PART("real-time signals queue with their values, after ordinary ones");
    sigprocmask(SIG_BLOCK, &rt, NULL);
    for (int i = 1; i <= 3; i++)
        TRY(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}));
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 4; i++) {
        int got = sigwaitinfo(&rt, &info);

        ut_say("%s code %d value %d", got == SIGUSR1 ? "USR1" : "RTMIN", info.si_code,
               got == SIGUSR1 ? 0 : info.si_value.sival_int);
    }
    sigprocmask(SIG_UNBLOCK, &rt, NULL);
    PART("to nobody");
    info.si_code = SI_TKILL;
    TRY(syscall(SYS_rt_tgsigqueueinfo, -1, getpid(), SIGUSR1, &info));
    TRY(syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, 99, &info));
    TRY(syscall(SYS_rt_tgsigqueueinfo, -1, getpid(), SIGUSR1, NULL));
}

/* Signals that are none, to who is there and to who is not. */
static void none(void)
{
    const pid_t nobody = 0x3fffffff, pid = getpid();
    siginfo_t info = {.si_code = SI_QUEUE};

    PART("no signal");
    for (int signo = 65; signo < 201; signo += 135) {
        TRY(kill(pid, signo));
        TRY(kill(nobody, signo));
        TRY(kill(0, signo));
        TRY(kill(-nobody, signo));
        TRY(kill(INT32_MIN, signo));
        TRY(syscall(SYS_tkill, pid, signo));
        TRY(syscall(SYS_tkill, nobody, signo));
        TRY(syscall(SYS_tkill, 0, signo));
        TRY(syscall(SYS_tgkill, pid, pid, signo));
        TRY(syscall(SYS_tgkill, pid, nobody, signo));
        TRY(syscall(SYS_rt_sigqueueinfo, pid, signo, &info));
        TRY(syscall(SYS_rt_sigqueueinfo, nobody, signo, &info));
        TRY(syscall(SYS_rt_tgsigqueueinfo, pid, pid, signo, &info));
        TRY(syscall(SYS_rt_tgsigqueueinfo, pid, nobody, signo, &info));
    }
}

/* waitid() fills in siginfo, whatever comes of it. */
static void show_waitid(const char *what, unsigned options)
{
    siginfo_t info;

    memset(&info, 0x55, sizeof info);
    ut_result(what, syscall(SYS_waitid, P_ALL, 0, &info, options, NULL));
    ut_say("%d %d %d %d %u %d", info.si_signo, info.si_errno, info.si_code, info.si_pid, info.si_uid,
           info.si_status);
}

static void waited(void)
{
    PART("siginfo of waitid() that finds nothing");
    show_waitid("no child", WEXITED);
    show_waitid("no options", 0);
    TRY(syscall(SYS_waitid, P_ALL, 0, 8, 0, NULL));
    TRY(syscall(SYS_waitid, P_ALL, 0, NULL, 0, NULL));
    TRY(syscall(SYS_waitid, P_PIDFD, 999, 8, WEXITED, NULL));
}

/* What only the kernel says a thread may say to itself alone. */
static void *say_to_first(void *info)
{
    pid_t pid = getpid();

    TRY(syscall(SYS_rt_sigqueueinfo, pid, 0, info));
    TRY(syscall(SYS_rt_tgsigqueueinfo, pid, pid, 0, info));
    TRY(syscall(SYS_rt_tgsigqueueinfo, pid, gettid(), 0, info));
    return NULL;
}

static void made_up(void)
{
    siginfo_t info = {.si_code = SI_KERNEL};
    pid_t pid = getpid();
    pthread_t t;

    PART("made up");
    for (int k = 0; k < 2; k++) {
        TRY(syscall(SYS_rt_sigqueueinfo, pid, 0, &info));
        TRY(syscall(SYS_rt_tgsigqueueinfo, pid, pid, 0, &info));
        TRY(syscall(SYS_rt_tgsigqueueinfo, 0, pid, 0, &info));
        TRY(syscall(SYS_rt_tgsigqueueinfo, pid, 0, 0, &info));
        TRY(syscall(SYS_rt_tgsigqueueinfo, -1, pid, 0, &info));
        TRY(syscall(SYS_rt_tgsigqueueinfo, 0, pid, 0, NULL));
        TRY(syscall(SYS_rt_tgsigqueueinfo, pid, pid, 65, &info));
        PART("by another thread");
        pthread_create(&t, NULL, say_to_first, &info);
        pthread_join(t, NULL);
        info.si_code = SI_QUEUE;
    }
}

/* A handler that cannot be entered because there is no room for its frame ends the process. */
static void no_room(void)
{
    signal(SIGUSR1, counting);
    __asm__ volatile("mov $16, %%esp\n\tint $0x80" : : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1) : "memory");
    _exit(1);
}

static void bad_return(void)
{
    __asm__ volatile("mov $16, %%esp\n\tint $0x80" : : "a"(SYS_rt_sigreturn) : "memory");
    _exit(1);
}

static void default_actions(void)
{
    raise(SIGURG);
    raise(SIGWINCH);
    raise(SIGCONT);
    raise(SIGPIPE);
}

UT_PROGRAM(signal)
{
    ut_workdir();
    faults();
    restarted_instruction();
    registers();
    masks();
    flags();
    stacks();
    restarts();
    timers();
    children();
    inheritance();
    queued();
    known();
    made_up();
    none();
    waited();
    PART("ends");
    ut_child("a handler without a stack", no_room);
    ut_child("sigreturn from nowhere", bad_return);
    ut_child("default actions", default_actions);
}
