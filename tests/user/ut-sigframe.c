/* What lies on the stack of a handler, both forms of it, and what a program can change there. */
#include "tests/user/ut.h"
#include <sched.h>
#include <sys/wait.h>
#include <ucontext.h>

/* The kernel's own structures: the C library's know nothing of the old frame. */
struct context {
    uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags,
        esp_at_signal, ss;
    uint32_t fpstate, oldmask, cr2;
};

struct old_frame {
    uint32_t restorer, signo;
    struct context c;
    uint8_t unused[112 + 512];
    uint32_t mask_high;
    uint8_t retcode[8];
};

struct kernel_action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint32_t mask[2];
};

static volatile sig_atomic_t count;
static uint8_t alt[65536] __attribute__((aligned(64)));

static void act(int signo, void *handler, unsigned long flags)
{
    struct kernel_action a = {handler, flags, NULL, {0, 0}};

    if (syscall(SYS_rt_sigaction, signo, &a, NULL, 8) != 0)
        ut_say("rt_sigaction %d: %s", signo, ut_errno(errno));
}

/* Without a restorer the handler returns to code in the frame: the stack must be executable. */
static void executable_stack(void)
{
    uintptr_t here = (uintptr_t)&here & ~(uintptr_t)4095;

    mprotect((void *)(here - 4 * PAGE), 8 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static void old_handler(int signo)
{
    volatile struct old_frame *f = (volatile struct old_frame *)((uintptr_t)__builtin_frame_address(0) + 4);

    count++;
    ut_say("signal %d, frame %s, aligned %u", signo, f->signo == (uint32_t)signo ? "fits" : "differs",
           (unsigned)(((uintptr_t)f + 4) & 15));
    ut_say("esp twice %d, fpstate above %d and aligned %u", f->c.esp == f->c.esp_at_signal,
           f->c.fpstate > (uintptr_t)f + sizeof *f - 8, f->c.fpstate & 63);
    ut_say("esp above fpstate: %d", f->c.esp > f->c.fpstate);
    ut_say("masks %x %x", f->c.oldmask, f->mask_high);
    ut_say("retcode %02x %02x %02x %02x %02x %02x %02x %02x", f->retcode[0], f->retcode[1], f->retcode[2],
           f->retcode[3], f->retcode[4], f->retcode[5], f->retcode[6], f->retcode[7]);
    f->c.esi = 0x600d;
    f->c.oldmask |= 1u << (SIGUSR2 - 1);
    f->mask_high |= 2;
}

static void old_frames(void)
{
    uint32_t esi = 1;
    uint32_t mask[2] = {0x1000, 4}, now[2];

    PART("the old frame");
    executable_stack();
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, 8);
    act(SIGUSR1, old_handler, 0);
    __asm__ volatile("int $0x80" : "+S"(esi) : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1) : "memory");
    ut_say("esi %x", esi);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, now, 8);
    ut_say("mask now %x %x", now[0], now[1]);
    mask[0] = mask[1] = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, 8);
}

/* --- floating point in the frame --- */

struct fpstate {
    uint32_t cw, sw, tag, ipoff, cssel, dataoff, datasel;
    uint8_t st[8][10];
    uint16_t status, magic;
    uint8_t fx[512];
};

static void fp_handler(int signo, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    struct fpstate *f = (struct fpstate *)u->uc_mcontext.fpregs;
    double one;
    uint16_t cw;
    uint32_t mxcsr, xmm[4];

    (void)info;
    __asm__ volatile("fnstcw %0" : "=m"(cw));
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("movups %%xmm0, %0" : "=m"(xmm));
    ut_say("signal %d begins with control word %x, mxcsr %x, xmm0 %x", signo, cw, mxcsr,
           xmm[0] | xmm[1] | xmm[2] | xmm[3]);
    ut_say("cw %x sw %x tag %x status %x magic %x", f->cw & 0xffff, f->sw & 0xffff, f->tag & 0xffff,
           f->status, f->magic);
    ut_say("st0 %02x%02x, fx cw %02x%02x, fx st0 %02x%02x", f->st[0][9], f->st[0][8], f->fx[1], f->fx[0],
           f->fx[41], f->fx[40]);
    memcpy(&mxcsr, f->fx + 24, 4);
    memcpy(xmm, f->fx + 160, 16);
    ut_say("mxcsr %x, xmm0 %x %x %x %x", mxcsr, xmm[0], xmm[1], xmm[2], xmm[3]);
    /* Change: st0 in the old form, xmm0 in the new one, the rounding in MXCSR. */
    one = 1;
    __asm__ volatile("fldl %1\n\tfstpt %0" : "=m"(f->st[0]) : "m"(one));
    xmm[2] = 77;
    memcpy(f->fx + 160, xmm, 16);
    mxcsr = 0x3f80;
    memcpy(f->fx + 24, &mxcsr, 4);
}

static void floating_point(void)
{
    double pi = 3.14159, y = 0;
    uint32_t in[4] = {1, 2, 3, 4}, out[4] = {0}, mxcsr = 0x5f80;
    uint16_t cw = 0x27f;

    PART("floating point in the frame");
    act(SIGUSR1, fp_handler, SA_SIGINFO);
    __asm__ volatile("fldcw %[cw]\n\t"
                     "ldmxcsr %[mxcsr]\n\t"
                     "fldl %[pi]\n\t"
                     "movups %[in], %%xmm0\n\t"
                     "int $0x80\n\t"
                     "movups %%xmm0, %[out]\n\t"
                     "stmxcsr %[mxcsr]\n\t"
                     "fstpl %[y]\n\t"
                     "fnstcw %[cw]"
                     : [out] "=m"(out), [y] "=m"(y), [mxcsr] "+m"(mxcsr), [cw] "+m"(cw)
                     : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1), [in] "m"(in), [pi] "m"(pi)
                     : "memory");
    ut_say("%u %u %u %u, y %d, mxcsr %x, cw %x", out[0], out[1], out[2], out[3], (int)(y * 100), mxcsr, cw);
    mxcsr = 0x1f80;
    cw = 0x37f;
    __asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(cw));
}

/* The state is taken from wherever the frame says it is, by words. */
static union {
    struct fpstate state;
    uint8_t bytes[sizeof(struct fpstate) + 16];
} elsewhere __attribute__((aligned(16)));
static unsigned shift;

static void elsewhere_handler(int signo, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    uint32_t xmm[4] = {5, 6, 7, shift};

    (void)signo, (void)info;
    memcpy(elsewhere.bytes + shift, u->uc_mcontext.fpregs, sizeof(struct fpstate));
    memcpy(elsewhere.bytes + shift + offsetof(struct fpstate, fx) + 160, xmm, sizeof xmm);
    u->uc_mcontext.fpregs = (void *)(elsewhere.bytes + shift);
}

static void anywhere(void)
{
    PART("floating-point state at any place");
    act(SIGUSR1, elsewhere_handler, SA_SIGINFO);
    for (shift = 0; shift < 16; shift += 4) {
        uint32_t out[4];

        __asm__ volatile("int $0x80\n\t"
                         "movups %%xmm0, %[out]"
                         : [out] "=m"(out)
                         : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1)
                         : "memory");
        ut_say("%u: %u %u %u %u", shift, out[0], out[1], out[2], out[3]);
    }
}

static void no_fpstate(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    ((ucontext_t *)context)->uc_mcontext.fpregs = NULL;
}

static void without_fpstate(void)
{
    uint16_t cw = 0x27f;

    PART("a frame without floating-point state");
    act(SIGUSR1, no_fpstate, SA_SIGINFO);
    __asm__ volatile("fldcw %0" : : "m"(cw));
    raise(SIGUSR1);
    __asm__ volatile("fnstcw %0" : "=m"(cw));
    SHOW(cw);
}

/* --- what comes back is checked --- */

static uint32_t flags_back;

static void set_all_flags(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] =
        0x003d7edf & ~0x100; /* IOPL, NT, RF, VM, AC, ID ... not TF */
}

static void flags(void)
{
    PART("flags that come back");
    act(SIGUSR1, set_all_flags, SA_SIGINFO);
    __asm__ volatile("int $0x80\n\tpushf\n\tpop %%edx\n\tpush $0x202\n\tpopf\n\tcld\n\tmov %%edx, %0"
                     : "=m"(flags_back)
                     : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1)
                     : "edx", "memory", "cc");
    ut_say("%x", flags_back & ~(uint32_t)0x10000);
}

static int change;

static void spoil(int signo, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)signo, (void)info;
    switch (change) {
    case 0:
        g[REG_CS] = 0x10;
        break;
    case 1:
        g[REG_SS] = 0x18;
        break;
    case 2:
        g[REG_CS] = 0;
        break;
    case 3:
        g[REG_EIP] = (greg_t)0xffff0000;
        break;
    case 4:
        ((ucontext_t *)context)->uc_mcontext.fpregs = (void *)0xfffff000;
        break;
    case 5:
        ((ucontext_t *)context)->uc_mcontext.fpregs = (void *)64;
        break;
    case 6:
        g[REG_ES] = 0x10;
        break;
    case 7:
        g[REG_SS] = 0;
        break;
    }
}

static void spoiled(void)
{
    act(SIGUSR1, spoil, SA_SIGINFO);
    raise(SIGUSR1);
    _exit(7);
}

/* A kernel for 64 bits, which gives programs this code segment, says SIGSEGV where one for i386 says SIGILL.
 */
static bool is_on_64_bits(void)
{
    uint16_t cs;

    __asm__("mov %%cs, %0" : "=r"(cs));
    return cs == 0x23;
}

static void spoiled_frames(void)
{
    PART("frames that were spoiled");
    for (change = 0; change < 8; change++) {
        bool segments = change < 3 || change == 7;
        int status;
        pid_t pid = fork();

        if (pid == 0)
            spoiled();
        waitpid(pid, &status, 0);
        if (segments && is_on_64_bits() && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
            status = SIGILL;
        ut_say("kind %d ends with: %s", change, ut_status(status));
    }
}

static void told(int signo, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    bool normal = is_on_64_bits() ? signo == SIGSEGV && info->si_code == SI_KERNEL && g[REG_TRAPNO] == 13
                                  : signo == SIGILL && info->si_code == ILL_BADSTK && g[REG_TRAPNO] == 32;

    ut_say("told as the kernel tells it: %d, code segment %x", normal, (unsigned)g[REG_CS] & 0xffff);
    _exit(3);
}

static void spoiled_and_told(void)
{
    act(SIGSEGV, told, SA_SIGINFO);
    act(SIGILL, told, SA_SIGINFO);
    spoiled();
}

/* --- where frames go --- */

static void where(int signo, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    uintptr_t sp = (uintptr_t)&u;

    (void)info;
    ut_say("signal %d on the other stack: %d; uc_stack flags %x size %u", signo,
           sp >= (uintptr_t)alt && sp < (uintptr_t)alt + sizeof alt, (unsigned)u->uc_stack.ss_flags,
           (unsigned)u->uc_stack.ss_size);
    if (signo == SIGUSR1) {
        stack_t s;

        sigaltstack(NULL, &s);
        ut_say("now flags %x size %u", (unsigned)s.ss_flags, (unsigned)s.ss_size);
        TRY(sigaltstack(&s, NULL));
        raise(SIGUSR2);
    }
}

static void alternate(void)
{
    stack_t s = {.ss_sp = alt, .ss_size = sizeof alt}, old;

    PART("alternate stacks");
    act(SIGUSR2, where, SA_SIGINFO);
    raise(SIGUSR2);
    TRY(sigaltstack(&s, NULL));
    act(SIGUSR1, where, SA_SIGINFO | SA_ONSTACK);
    act(SIGUSR2, where, SA_SIGINFO | SA_ONSTACK);
    raise(SIGUSR1);
    PART("with SS_AUTODISARM");
    s.ss_flags = (int)0x80000000;
    TRY(sigaltstack(&s, NULL));
    raise(SIGUSR1);
    TRY(sigaltstack(NULL, &old));
    ut_say("flags %x size %u", (unsigned)old.ss_flags, (unsigned)old.ss_size);
    s.ss_flags = SS_DISABLE;
    TRY(sigaltstack(&s, NULL));
}

static void tiny_stack(void)
{
    stack_t s = {.ss_sp = ut_map(1, PROT_NONE), .ss_size = PAGE};

    sigaltstack(&s, NULL);
    act(SIGUSR1, where, SA_SIGINFO | SA_ONSTACK);
    raise(SIGUSR1);
    _exit(1);
}

static void on_segv(int signo)
{
    ut_say("caught %s", ut_signal(signo));
    _exit(9);
}

static void rescued(void)
{
    stack_t s = {.ss_sp = alt, .ss_size = sizeof alt};

    sigaltstack(&s, NULL);
    act(SIGSEGV, on_segv, SA_ONSTACK);
    act(SIGUSR1, where, SA_SIGINFO);
    __asm__ volatile("mov $16, %%esp\n\tint $0x80" : : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1) : "memory");
    _exit(1);
}

static void blocked_fault(void)
{
    sigset_t s;

    sigfillset(&s);
    act(SIGSEGV, on_segv, 0);
    sigprocmask(SIG_BLOCK, &s, NULL);
    *(volatile int *)0 = 1;
    _exit(1);
}

static void ignored_fault(void)
{
    signal(SIGSEGV, SIG_IGN);
    *(volatile int *)0 = 1;
    _exit(1);
}

static void faulting_handler(int signo)
{
    (void)signo;
    *(volatile int *)0 = 1;
}

static void fault_in_fault(void)
{
    act(SIGSEGV, faulting_handler, 0);
    *(volatile int *)0 = 1;
    _exit(1);
}

/* --- the order of several --- */

static char order[32];
static unsigned ordered;

static void note(int signo)
{
    order[ordered++] = signo == SIGUSR1 ? '1' : signo == SIGUSR2 ? '2' : signo == SIGTERM ? 'T' : 'R';
}

static void several(void)
{
    sigset_t all;

    PART("several at once: the frames pile up");
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    act(SIGUSR1, note, 0);
    act(SIGUSR2, note, 0);
    act(SIGTERM, note, 0);
    act(40, note, 0);
    kill(getpid(), 40);
    kill(getpid(), 40);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    ut_say("%s", order);
}

/* --- stopping --- */

static void wait_for(const char *what, pid_t pid, int options)
{
    int status = 0;
    pid_t rc = waitpid(pid, &status, options);

    if (rc != pid)
        ut_say("%s: %s", what, rc == 0 ? "nothing" : rc < 0 ? ut_errno(errno) : "another");
    else if (WIFSTOPPED(status))
        ut_say("%s: stopped by %s", what, ut_signal(WSTOPSIG(status)));
    else if (WIFCONTINUED(status))
        ut_say("%s: continued", what);
    else
        ut_say("%s: %s", what, ut_status(status));
}

static void stops(void)
{
    siginfo_t info;
    int status = 0, told[2];
    pid_t pid;

    PART("stops and continues, as wait4 tells");
    if (pipe(told))
        return;
    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        (void)!read(told[0], &(char){0}, 1); /* a new stop makes that it went on be forgotten */
        raise(SIGSTOP);
        _exit(5);
    }
    wait_for("first", pid, WUNTRACED);
    wait_for("once", pid, WUNTRACED | WNOHANG);
    wait_for("not continued", pid, WCONTINUED | WNOHANG);
    kill(pid, SIGUSR2);
    kill(pid, SIGCONT);
    wait_for("continued or ended", pid, WCONTINUED);
    (void)!write(told[1], "", 1);
    close(told[0]);
    close(told[1]);
    wait_for("stopped again", pid, WUNTRACED);
    kill(pid, SIGKILL);
    wait_for("end", pid, WUNTRACED);

    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGSTOP);
    memset(&info, 0, sizeof info);
    TRY(waitid(P_PID, (id_t)pid, &info, WSTOPPED));
    ut_say("code %d status %d", info.si_code, info.si_status);
    kill(pid, SIGCONT);
    memset(&info, 0, sizeof info);
    TRY(waitid(P_PID, (id_t)pid, &info, WCONTINUED));
    ut_say("code %d status %d", info.si_code, info.si_status);
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGKILL);
    wait_for("killed while stopped", pid, 0);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        raise(SIGTSTP); /* in a group of its own, with a parent in the session: it stops */
        _exit(3);
    }
    wait_for("terminal stop", pid, WUNTRACED);
    kill(-pid, SIGCONT);
    wait_for("then", pid, 0);
    pid = fork();
    if (pid == 0) {
        setsid();
        raise(SIGTSTP); /* an orphaned group: it does not */
        _exit(4);
    }
    wait_for("orphaned", pid, WUNTRACED);
}

UT_PROGRAM(sigframe)
{
    old_frames();
    floating_point();
    anywhere();
    without_fpstate();
    flags();
    spoiled_frames();
    change = 0;
    ut_child("caught", spoiled_and_told);
    alternate();
    PART("no stack");
    ut_child("an alternate stack that is not there", tiny_stack);
    ut_child("no stack, and SIGSEGV on another one", rescued);
    PART("faults that cannot be handled");
    ut_child("blocked", blocked_fault);
    ut_child("ignored", ignored_fault);
    ut_child("in the handler", fault_in_fault);
    several();
    stops();
}
