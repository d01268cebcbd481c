/* AVX: it works wherever CPUID says that the processor has it, and the upper halves of its registers are a
 * thread's own: over switches, fork, signals, and in the frame of a handler, where a program may change
 * them. */
#include "tests/user/ut.h"
#include <cpuid.h>
#include <sched.h>
#include <ucontext.h>

typedef uint32_t ymm_t[8];

struct fpstate {
    uint8_t old[112];
    uint8_t fx[464];
    struct {
        uint32_t magic, all_size, components[2], size, reserved[7];
    } more;
    uint32_t header[16];
    uint32_t upper[16][4];
    /* What else the processor has; then the second magic number. */
};

static uint32_t *second_magic(struct fpstate *f)
{
    return (uint32_t *)(f->fx + f->more.size);
}

static void set(uint32_t x)
{
    ymm_t v;

    for (unsigned i = 0; i < 8; i++)
        v[i] = x + i;
    __asm__ volatile("vmovdqu %0, %%ymm3; vmovdqu %0, %%ymm7" : : "m"(v));
}

static void show(const char *what)
{
    ymm_t a, b;

    __asm__ volatile("vmovdqu %%ymm3, %0; vmovdqu %%ymm7, %1" : "=m"(a), "=m"(b));
    ut_say("%s: %u %u %u %u %u %u %u %u, %s", what, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7],
           memcmp(a, b, sizeof a) ? "different" : "both");
}

static void enabled(void)
{
    uint32_t low, high;

    PART("what is on");
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    ut_say("x87, SSE and AVX: %x", low & 7);
}

/* Two processes that take turns. */
static void switches(void)
{
    unsigned wrong = 0;
    pid_t child;
    int to[2], from[2];
    char c = 0;

    PART("switches");
    ut_result("pipe", pipe(to) | pipe(from));
    set(100);
    child = fork();
    if (child == 0) {
        show("the child begins with");
        set(200);
        for (unsigned i = 0; i < 50; i++) {
            read(to[0], &c, 1);
            write(from[1], &c, 1);
        }
        show("the child ends with");
        fflush(stdout);
        _exit(0);
    }
    for (unsigned i = 0; i < 50; i++) {
        ymm_t v;

        write(to[1], &c, 1);
        read(from[0], &c, 1);
        __asm__ volatile("vmovdqu %%ymm7, %0" : "=m"(v));
        wrong += v[0] != 100 || v[7] != 107;
    }
    waitpid(child, NULL, 0);
    ut_say("%u wrong", wrong);
    show("the parent");
}

enum { LEAVE, CHANGE, CUT, SPOIL_HEADER, SPOIL_MXCSR, FORGET_FORM };
static int what;

static void handler(int signo, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    struct fpstate *f = (struct fpstate *)u->uc_mcontext.fpregs;

    (void)signo, (void)info;
    if (what == LEAVE) {
        show("the handler begins with");
        ut_say("flags %lx, aligned %u, magic %x %x, %u more", u->uc_flags & 1,
               (unsigned)(uintptr_t)f->fx % 64, f->more.magic, *second_magic(f),
               f->more.all_size - f->more.size);
        ut_say("components %x, header %x, %x, upper %u %u", f->more.components[0] & 7, f->header[0] & 3,
               f->header[2], f->upper[3][0], f->upper[3][3]);
    }
    set(900);
    switch (what) {
    case CHANGE:
        f->upper[3][0] = f->upper[7][0] = 555;
        break;
    case CUT:
        *second_magic(f) = 0;
        break;
    case SPOIL_HEADER:
        f->header[5] = 1;
        break;
    case SPOIL_MXCSR:
        f->fx[27] = 0xff;
        break;
    case FORGET_FORM:
        f->more.magic = 0;
        f->fx[27] = 0xff;
        break;
    default:
        break;
    }
}

static void frames(void)
{
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    static const char *const name[] = {"left as it is", "changed",      "second magic gone",
                                       "header spoilt", "MXCSR spoilt", "first magic gone, MXCSR spoilt"};

    PART("the frame of a handler");
    sigaction(SIGUSR1, &a, NULL);
    for (what = LEAVE; what <= FORGET_FORM; what++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            set(300);
            /* No library between the registers and the call. */
            __asm__ volatile("int $0x80" : : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1) : "memory");
            show(name[what]);
            fflush(stdout);
            _exit(0);
        }
        waitpid(child, &status, 0);
        ut_say("%s: %s %d", name[what], WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

UT_PROGRAM(avx)
{
    unsigned a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_AVX)) {
        ut_say("no AVX");
        return;
    }
    ut_say("OSXSAVE %d", !!(c & bit_OSXSAVE));
    enabled();
    switches();
    frames();
}
