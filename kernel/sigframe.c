/*
 * Frames of signal handlers on the user's stack, as Linux lays them out on i386, and the way back.
 *
 * From high addresses to low: the floating-point state, then one of two frames. The old one is for handlers
 * without SA_SIGINFO and ends in sigreturn(2), the other one carries siginfo and a ucontext and ends in
 * rt_sigreturn(2). A handler returns to the code that makes this call: the C library's, if it gave one
 * (SA_RESTORER), else the few bytes at the end of the frame.
 *
 * The processor still holds the program's floating-point state, so it goes to the stack and comes back in one
 * instruction each: FXSAVE for all of it, and FNSAVE for the older form of the x87 part that comes first in
 * struct _fpstate. A program may change either; of what is in both, the older form counts.
 *
 * Everything in a frame may have been changed by the program when it comes back. So only the flags that a
 * program may set are taken, selectors get privilege 3, and those that cannot be loaded fault where trap.asm
 * expects it.
 */
#include "kernel/cpu.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/usercopy.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/x86/cpu.h"

/* struct sigcontext: 22 words. */
struct context {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
    uint32_t trapno, err;
    uint32_t eip, cs, eflags, esp_at_signal, ss;
    uint32_t fpstate; /* address; 0: none */
    uint32_t oldmask, cr2;
};

/* struct _fpstate: FNSAVE's 108 bytes, the status word again, the magic number, FXSAVE's 512 bytes. */
enum {
    FP_STATUS = 108,
    FP_FXSAVE = 112,
    FP_MXCSR = FP_FXSAVE + 24,
    FP_SIZE = FP_FXSAVE + 512,
    FP_ALIGN = 64
};
#define FP_NO_FXSAVE 0xFFFF0000u /* magic: the old form only */

#define RETCODE_BYTES 8

/* The frame's two pieces around room for a struct _fpstate that is never used. */
struct old_frame {
    uint32_t restorer, signo;
    struct context context;
};
struct old_frame_tail {
    uint32_t mask_high;
    uint8_t retcode[RETCODE_BYTES];
};
enum { OLD_TAIL = sizeof(struct old_frame) + FP_SIZE, OLD_SIZE = OLD_TAIL + sizeof(struct old_frame_tail) };

struct rt_frame {
    uint32_t restorer, signo, info_va, context_va;
    uint32_t info[SIGINFO_WORDS];
    struct {
        uint32_t flags, link;
        struct alt_stack stack;
        struct context context;
        sigset_t mask __attribute__((packed, aligned(4)));
    } uc;
    uint8_t retcode[RETCODE_BYTES];
};

_Static_assert(sizeof(struct context) == 88, "asm/sigcontext.h");
_Static_assert(offsetof(struct rt_frame, uc) == 144 && sizeof(struct rt_frame) == 144 + 116 + 8,
               "asm/ucontext.h");
_Static_assert(OLD_SIZE == 732, "struct sigframe");

/* popl %eax; movl $119, %eax; int $0x80 */
static const uint8_t old_retcode[RETCODE_BYTES] = {0x58, 0xB8, 119, 0, 0, 0, 0xCD, 0x80};
/* movl $173, %eax; int $0x80 */
static const uint8_t rt_retcode[RETCODE_BYTES] = {0xB8, 173, 0, 0, 0, 0xCD, 0x80, 0};

enum {
    EFLAGS_TF = 1 << 8,
    EFLAGS_DF = 1 << 10,
    EFLAGS_RF = 1 << 16,
    /* What a program may set: the status flags, TF, DF, OF and AC. */
    EFLAGS_PROGRAM = 0xD5 | EFLAGS_TF | EFLAGS_DF | 1 << 11 | EFLAGS_AC,
};

/* --- siginfo --- */

void siginfo_to_user(uint32_t out[SIGINFO_WORDS], const struct siginfo *info)
{
    memset(out, 0, SIGINFO_WORDS * sizeof *out);
    out[0] = (uint32_t)info->signo;
    out[1] = (uint32_t)info->err;
    out[2] = (uint32_t)info->code;
    if (info->code > 0 && info->code < SI_KERNEL && info->signo != SIGCHLD) {
        out[3] = info->addr;
        return;
    }
    out[3] = (uint32_t)info->pid;
    out[4] = (uint32_t)info->uid;
    if (info->signo == SIGCHLD && info->code > 0) {
        out[5] = (uint32_t)info->status;
        out[6] = (uint32_t)info->utime;
        out[7] = (uint32_t)info->stime;
    } else {
        out[5] = info->value;
    }
}

/* --- the alternate stack --- */

static bool on_alt_stack(const struct thread *t, vaddr_t esp)
{
    return !(t->sig.alt_flags & SS_AUTODISARM) && esp > t->sig.alt_stack &&
           esp - t->sig.alt_stack <= t->sig.alt_size;
}

struct alt_stack sigframe_alt_get(const struct thread *t, vaddr_t esp)
{
    struct alt_stack s = {t->sig.alt_stack, t->sig.alt_flags, t->sig.alt_size};

    if (!s.size)
        s.flags |= SS_DISABLE;
    else if (on_alt_stack(t, esp))
        s.flags |= SS_ONSTACK;
    return s;
}

int sigframe_alt_set(struct thread *t, const struct alt_stack *s, vaddr_t esp)
{
    uint32_t mode = s->flags & ~SS_AUTODISARM;

    if (on_alt_stack(t, esp))
        return -EPERM;
    if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
        return -EINVAL;
    if (mode != SS_DISABLE && s->size < ALT_STACK_MIN)
        return -ENOMEM;
    t->sig.alt_stack = mode == SS_DISABLE ? 0 : s->start;
    t->sig.alt_size = mode == SS_DISABLE ? 0 : s->size;
    t->sig.alt_flags = s->flags & SS_AUTODISARM;
    return 0;
}

/* --- floating point --- */

/* How the state is when a program, or a handler, begins. */
static const struct fpu_state fpu_fresh = {.bytes = {
                                               [0] = 0x7F,
                                               [1] = 0x03, /* control word: all masked */
                                               [24] = 0x80,
                                               [25] = 0x1F /* MXCSR */
                                           }};

/* One instruction on user memory at `va`; 0 or -EFAULT. */
#define USER_OP(insn, va)                                                                                    \
    ({                                                                                                       \
        int err_ = 0;                                                                                        \
                                                                                                             \
        cpu_user_begin();                                                                                    \
        __asm__ volatile("1: " insn " (%1)\n"                                                                \
                         "2:\n"                                                                              \
                         ".pushsection .text.fixup, \"ax\"\n"                                                \
                         "3: mov %2, %0\n"                                                                   \
                         "jmp 2b\n"                                                                          \
                         ".popsection\n"                                                                     \
                         ".pushsection extable, \"a\"\n"                                                     \
                         ".long 1b, 3b\n"                                                                    \
                         ".popsection"                                                                       \
                         : "+r"(err_)                                                                        \
                         : "r"(va), "i"(-EFAULT)                                                             \
                         : "memory");                                                                        \
        cpu_user_end();                                                                                      \
        err_;                                                                                                \
    })

static void fpu_begin(void)
{
    if (cpu_features.sse)
        __asm__ volatile("fxrstor %0" : : "m"(fpu_fresh));
    else
        __asm__ volatile("fninit");
}

/* Save the state at va (a multiple of FP_ALIGN, below USER_END - FP_SIZE), and give the handler a fresh one. */
static bool fpu_to_user(vaddr_t va)
{
    uint16_t status;
    uint32_t magic = cpu_features.sse ? 0 : FP_NO_FXSAVE;

    __asm__ volatile("fnstsw %0" : "=a"(status));
    if (cpu_features.sse && USER_OP("fxsave", va + FP_FXSAVE) != 0)
        return false;
    if (USER_OP("fnsave", va) != 0 || user_write32(va + FP_STATUS, magic | status) != 0)
        return false;
    fpu_begin();
    return true;
}

static bool fpu_from_user(vaddr_t va)
{
    if (!va) {
        fpu_begin();
        return true;
    }
    if (va > USER_END - FP_SIZE)
        return false;
    if (cpu_features.sse) {
        uint32_t valid = cpu_features.sse2 ? 0xFFFF : 0xFFBF, mxcsr;

        if (user_read32(&mxcsr, va + FP_MXCSR) != 0)
            return false;
        if ((mxcsr & ~valid) && user_write32(va + FP_MXCSR, mxcsr & valid) != 0)
            return false;
        if (USER_OP("fxrstor", va + FP_FXSAVE) != 0)
            return false;
    }
    return USER_OP("frstor", va) == 0;
}

/* --- making a frame --- */

static uint32_t read_fs(void)
{
    uint32_t v;

    __asm__ volatile("mov %%fs, %0" : "=r"(v));
    return v & 0xFFFF;
}

static uint32_t read_gs(void)
{
    uint32_t v;

    __asm__ volatile("mov %%gs, %0" : "=r"(v));
    return v & 0xFFFF;
}

static void context_fill(struct context *c, const struct trap_frame *tf, const struct thread_signals *sig,
                         vaddr_t fpstate, sigset_t mask)
{
    *c = (struct context){
        .gs = read_gs(),
        .fs = read_fs(),
        .es = tf->es,
        .ds = tf->ds,
        .edi = tf->edi,
        .esi = tf->esi,
        .ebp = tf->ebp,
        .esp = tf->user_esp,
        .ebx = tf->ebx,
        .edx = tf->edx,
        .ecx = tf->ecx,
        .eax = tf->eax,
        .trapno = sig->fault_vector,
        .err = sig->fault_error,
        .eip = tf->eip,
        .cs = tf->cs & 0xFFFF,
        .eflags = tf->eflags,
        .esp_at_signal = tf->user_esp,
        .ss = tf->user_ss & 0xFFFF,
        .fpstate = fpstate,
        .oldmask = (uint32_t)mask,
        .cr2 = sig->fault_va,
    };
}

/* Below the program's stack pointer or on its alternate stack: 16-byte aligned where the arguments of an
 * ordinary call would be. */
static bool place(const struct thread *t, const struct trap_frame *tf, const struct signal_action *a,
                  uint32_t size, vaddr_t *frame, vaddr_t *fpstate)
{
    vaddr_t sp = tf->user_esp;
    bool nested = on_alt_stack(t, sp), entering = false;

    if ((a->flags & SA_ONSTACK) && t->sig.alt_size && !nested) {
        sp = t->sig.alt_stack + t->sig.alt_size;
        entering = true;
    }
    *fpstate = (sp - FP_SIZE) & ~(vaddr_t)(FP_ALIGN - 1);
    *frame = ((*fpstate - size + 4) & ~(vaddr_t)15) - 4;
    /* Wrapped around, or in the kernel's half: not memory of the program's. */
    if (*frame > sp || sp > USER_END)
        return false;
    return !(nested || entering) || *frame > t->sig.alt_stack;
}

static bool put_old_frame(const struct thread *t, const struct trap_frame *tf, int signo,
                          const struct signal_action *a, sigset_t mask, vaddr_t frame, vaddr_t fpstate)
{
    struct old_frame f;
    struct old_frame_tail tail = {.mask_high = (uint32_t)(mask >> 32)};

    f.restorer =
        a->flags & SA_RESTORER ? a->restorer : frame + OLD_TAIL + offsetof(struct old_frame_tail, retcode);
    f.signo = (uint32_t)signo;
    context_fill(&f.context, tf, &t->sig, fpstate, mask);
    memcpy(tail.retcode, old_retcode, RETCODE_BYTES);
    return user_copy_out(frame + OLD_TAIL, &tail, sizeof tail) == 0 &&
           user_copy_out(frame, &f, sizeof f) == 0;
}

static bool put_rt_frame(const struct thread *t, const struct trap_frame *tf, const struct siginfo *info,
                         const struct signal_action *a, sigset_t mask, vaddr_t frame, vaddr_t fpstate)
{
    struct rt_frame f;

    f.restorer = a->flags & SA_RESTORER ? a->restorer : frame + offsetof(struct rt_frame, retcode);
    f.signo = (uint32_t)info->signo;
    f.info_va = frame + offsetof(struct rt_frame, info);
    f.context_va = frame + offsetof(struct rt_frame, uc);
    siginfo_to_user(f.info, info);
    f.uc.flags = f.uc.link = 0;
    f.uc.stack = (struct alt_stack){t->sig.alt_stack, t->sig.alt_size ? t->sig.alt_flags : SS_DISABLE,
                                    t->sig.alt_size};
    context_fill(&f.uc.context, tf, &t->sig, fpstate, mask);
    f.uc.mask = mask;
    memcpy(f.retcode, rt_retcode, RETCODE_BYTES);
    return user_copy_out(frame, &f, sizeof f) == 0;
}

bool sigframe_setup(struct trap_frame *tf, int signo, const struct siginfo *info,
                    const struct signal_action *a, sigset_t mask)
{
    struct thread *self = thread_current();
    bool rt = a->flags & SA_SIGINFO;
    vaddr_t frame, fpstate;

    if (!place(self, tf, a, rt ? sizeof(struct rt_frame) : OLD_SIZE, &frame, &fpstate))
        return false;
    if (rt ? !put_rt_frame(self, tf, info, a, mask, frame, fpstate)
           : !put_old_frame(self, tf, signo, a, mask, frame, fpstate))
        return false;
    /* Last, since it cannot be undone. */
    if (!fpu_to_user(fpstate))
        return false;
    tf->eax = (uint32_t)signo; /* for handlers that take their arguments in registers */
    tf->edx = rt ? frame + offsetof(struct rt_frame, info) : 0;
    tf->ecx = rt ? frame + offsetof(struct rt_frame, uc) : 0;
    tf->user_esp = frame;
    tf->eip = a->handler;
    tf->cs = SEL_USER_CODE;
    tf->ds = tf->es = SEL_USER_DATA;
    tf->user_ss = SEL_USER_DATA;
    tf->eflags &= ~(uint32_t)(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
    return true;
}

/* --- the way back --- */

/* Load a selector that a program gave; one that is not valid becomes 0. */
#define LOAD_SELECTOR(reg, value)                                                                            \
    __asm__ volatile("1: mov %0, %%" reg "\n"                                                                \
                     "2:\n"                                                                                  \
                     ".pushsection .text.fixup, \"ax\"\n"                                                    \
                     "3: xor %0, %0\n"                                                                       \
                     "jmp 1b\n"                                                                              \
                     ".popsection\n"                                                                         \
                     ".pushsection extable, \"a\"\n"                                                         \
                     ".long 1b, 3b\n"                                                                        \
                     ".popsection"                                                                           \
                     : "+r"(value))

/* With the program's privilege; 0 to 3 all mean "none". */
static uint16_t program_selector(uint32_t s)
{
    return (uint16_t)((s & 0xFFFC) ? s | 3 : 0);
}

static bool context_restore(const struct context *c, struct trap_frame *tf)
{
    uint32_t fs = program_selector(c->fs), gs = program_selector(c->gs);

    if (!fpu_from_user(c->fpstate))
        return false;
    if (fs != read_fs())
        LOAD_SELECTOR("fs", fs);
    if (gs != read_gs())
        LOAD_SELECTOR("gs", gs);
    tf->es = program_selector(c->es);
    tf->ds = program_selector(c->ds);
    tf->edi = c->edi;
    tf->esi = c->esi;
    tf->ebp = c->ebp;
    tf->user_esp = c->esp;
    tf->ebx = c->ebx;
    tf->edx = c->edx;
    tf->ecx = c->ecx;
    tf->eip = c->eip;
    tf->cs = (c->cs & 0xFFFF) | 3;
    tf->user_ss = (c->ss & 0xFFFF) | 3;
    tf->eflags = (tf->eflags & ~(uint32_t)EFLAGS_PROGRAM) | (c->eflags & EFLAGS_PROGRAM);
    return true;
}

static int32_t bad_frame(struct trap_frame *tf)
{
    static const struct siginfo segv = {.signo = SIGSEGV, .code = SI_KERNEL};

    signal_force(tf, &segv);
    return 0;
}

int32_t sigframe_return(struct trap_frame *tf, bool rt)
{
    struct thread *self = thread_current();
    struct context c;
    sigset_t mask;

    tf->error = TRAP_NO_CALL; /* the value of EAX is the program's, not a call's result */
    if (rt) {
        vaddr_t uc = tf->user_esp - 4 + offsetof(struct rt_frame, uc);
        struct alt_stack stack;

        if (user_copy_in(&stack, uc + 8, sizeof stack) != 0 || user_copy_in(&c, uc + 20, sizeof c) != 0 ||
            user_copy_in(&mask, uc + 108, sizeof mask) != 0 || !context_restore(&c, tf))
            return bad_frame(tf);
        sigframe_alt_set(self, &stack, tf->user_esp);
    } else {
        vaddr_t frame = tf->user_esp - 8;
        uint32_t high;

        if (user_copy_in(&c, frame + offsetof(struct old_frame, context), sizeof c) != 0 ||
            user_read32(&high, frame + OLD_TAIL) != 0 || !context_restore(&c, tf))
            return bad_frame(tf);
        mask = (sigset_t)high << 32 | c.oldmask;
    }
    signal_set_blocked(mask);
    return (int32_t)c.eax;
}
