/*
 * Frames of signal handlers on the user's stack, as Linux lays them out on i386, and the way back.
 *
 * From high addresses to low: the floating-point state, then one of two frames. The old one is for handlers
 * without SA_SIGINFO and ends in sigreturn(2), the other one carries siginfo and a ucontext and ends in
 * rt_sigreturn(2). A handler returns to the code that makes this call: the C library's, if it gave one
 * (SA_RESTORER), else the few bytes at the end of the frame.
 *
 * The processor still holds the program's floating-point state, so it goes to the stack and comes back in one
 * instruction each: XSAVE or FXSAVE for all of it, and FNSAVE for the older form of the x87 part that comes
 * first in struct _fpstate. A program may change either; of what is in both, the older form counts.
 *
 * Everything in a frame may have been changed by the program when it comes back. So only the flags that a
 * program may set are taken, selectors get privilege 3, and those that cannot be loaded fault where trap.asm
 * expects it.
 */
#include "kernel/life/sigframe.h"
#include "kernel/proc/signal.h"
#include "kernel/proc/thread.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/x86/cpu.h"

/* struct sigcontext: 22 words. */
struct sigcontext {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
    uint32_t trapno, err;
    uint32_t eip, cs, eflags, esp_at_signal, ss;
    uint32_t fpstate; /* address; 0: none */
    uint32_t oldmask, cr2;
};

/* struct _fpstate. */
struct fp_area {
    uint32_t old[27]; /* as FNSAVE stores it */
    uint32_t status;  /* the status word again, and above it the magic number */
    uint32_t fx[116]; /* as FXSAVE stores it, or XSAVE */
    struct {          /* in bytes that those leave alone */
        uint32_t magic;
        uint32_t all_size;      /* from the beginning of the frame's floating-point state to its end */
        uint32_t components[2]; /* which are there, as in XCR0 */
        uint32_t size;          /* of what XSAVE stored */
        uint32_t reserved[7];
    } more;
    uint32_t header[16]; /* XSAVE's; what follows is as long as the processor says, and a second magic */
};
enum {
    FP_SIZE = offsetof(struct fp_area, header), /* with FXSAVE */
    FP_OLD_SIZE = offsetof(struct fp_area, fx),
    FP_ALIGN = 64, /* of fx */
    FP_MAGIC_1 = 0x46505853,
    FP_MAGIC_2 = 0x46505845,
    UC_FP_XSTATE = 1,
};
#define FP_NO_FXSAVE 0xFFFF0000u /* magic: the old form only */

#define RETCODE_WORDS 2
#define SIGINFO_WORDS (SIGINFO_SIZE / 4)
#define SIGINFO_GIVEN (sizeof(struct siginfo) / 4)

struct old_frame {
    uint32_t restorer, signo;
    struct sigcontext context;
    uint32_t unused[FP_SIZE / 4]; /* where the floating-point state once was */
    uint32_t mask_high;
    uint32_t retcode[RETCODE_WORDS];
};

struct rt_frame {
    uint32_t restorer, signo, info_va, context_va;
    uint32_t info[SIGINFO_WORDS];
    struct {
        uint32_t flags, link;
        struct alt_stack stack;
        struct sigcontext context;
        uint32_t mask[2];
    } uc;
    uint32_t retcode[RETCODE_WORDS];
};

_Static_assert(FP_SIZE == 112 + FX_SIZE && FP_SIZE + XSAVE_HEADER_SIZE == sizeof(struct fp_area),
               "asm/sigcontext.h");
_Static_assert(sizeof(struct sigcontext) == 88, "asm/sigcontext.h");
_Static_assert(offsetof(struct rt_frame, uc) == 144 && sizeof(struct rt_frame) == 144 + 116 + 8,
               "asm/ucontext.h");
_Static_assert(sizeof(struct old_frame) == 732, "struct sigframe");

/* popl %eax; movl $119, %eax; int $0x80 */
static const uint32_t old_retcode[RETCODE_WORDS] = {0x0077B858, 0x80CD0000};
/* movl $173, %eax; int $0x80; and a byte more */
static const uint32_t rt_retcode[RETCODE_WORDS] = {0x0000ADB8, 0x0080CD00};

/* --- access to the frame, between cpu_user_begin() and cpu_user_end(), where it has been checked to lie in
 * the user half. What cannot be accessed goes on at the label `fault`. --- */

#define ACCESS(insn)                                                                                         \
    "1: " insn "\n"                                                                                          \
    ".pushsection extable, \"a\"\n"                                                                          \
    ".long 1b, %l[fault]\n"                                                                                  \
    ".popsection"
#define PUT(field, value)                                                                                    \
    __asm__ goto(ACCESS("movl %1, %0") : : "m"(field), "ri"((uint32_t)(value)) : : fault)
#define GET(variable, field) __asm__ goto(ACCESS("movl %1, %0") : "=r"(variable) : "m"(field) : : fault)
/* An instruction whose operand is that memory. */
#define USER_OP(insn, field) __asm__ goto(ACCESS(insn " %0") : : "m"(field) : "memory" : fault)

/* --- the alternate stack --- */

static bool on_alt_stack(const struct thread *t, vaddr_t esp)
{
    return !(t->sig.alt_flags & SS_AUTODISARM) && esp > t->sig.alt_stack &&
           esp - t->sig.alt_stack <= t->sig.alt_size;
}

struct alt_stack sigframe_alt_get(const struct thread *t, vaddr_t esp)
{
    struct alt_stack s = {t->sig.alt_stack, t->sig.alt_flags & SS_AUTODISARM, t->sig.alt_size};

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
    t->sig.alt_flags = s->flags;
    return 0;
}

/* --- floating point --- */

/* Bytes of the whole: the old form, and what this processor's own instruction stores. */
static uint32_t fp_size(void)
{
    return FP_OLD_SIZE + fpu_frame_bytes;
}

/* Where the second magic number is. */
static uint32_t *fp_end(struct fp_area *f, uint32_t size)
{
    return (uint32_t *)((vaddr_t)f->fx + size);
}

static __attribute__((noinline)) bool xsave_to_user(struct fp_area *f)
{
    uint32_t size = cpu_features.xsave_size, there;

#pragma GCC unroll 16
    for (unsigned i = 0; i < ARRAY_LEN(f->header); i++)
        PUT(f->header[i], 0);
    __asm__ goto(ACCESS("xsave %0") : : "m"(*f->fx), "a"(~0), "d"(~0) : "memory" : fault);
    /* A program may have changed these though they were as after reset. */
    GET(there, f->header[0]);
    PUT(f->header[0], there | XSAVE_X87_SSE);
    PUT(f->more.magic, FP_MAGIC_1);
    PUT(f->more.all_size, fp_size());
    PUT(f->more.components[0], fpu_components());
    PUT(f->more.components[1], 0);
    PUT(f->more.size, size);
#pragma GCC unroll 8
    for (unsigned i = 0; i < ARRAY_LEN(f->more.reserved); i++)
        PUT(f->more.reserved[i], 0);
    PUT(*fp_end(f, size), FP_MAGIC_2);
    return true;
fault:
    return false;
}

/* Save the state at va (where place() has put it), and give the handler a fresh one. */
static inline bool fpu_to_user(vaddr_t va)
{
    struct fp_area *f = (struct fp_area *)va;
    uint16_t status;
    uint32_t magic = 0;

    __asm__ volatile("fnstsw %0" : "=a"(status));
    if (likely(cpu_features.fxsave))
        USER_OP("fxsave", f->fx);
    else if (!cpu_features.xsave)
        magic = FP_NO_FXSAVE;
    else if (!xsave_to_user(f))
        return false;
    USER_OP("fnsave", f->old);
    PUT(f->status, magic | status);
    fpu_begin();
    return true;
fault:
    return false;
}

/* As it stands. False: it cannot be read, or the processor does not take it: bits of MXCSR that it does
 * not know, or a place that is not aligned. */
static inline bool load_fx(const uint32_t *fx)
{
    __asm__ goto(ACCESS("fxrstor %0") : : "m"(*(const struct fpu_state *)fx) : "memory" : fault);
    return true;
fault:
    return false;
}

/* By way of a copy of size bytes, which the processor takes. */
static __attribute__((noinline)) bool load_copy(const uint32_t *fx, uint32_t size)
{
    struct fpu_state copy;
    bool done;

    cpu_user_end();
    done = !user_copy_in(&copy, (vaddr_t)fx, size) && fpu_admit(&copy, size);
    if (done)
        fpu_load(&copy);
    cpu_user_begin();
    return done;
}

/* Whether the program still has all that xsave_to_user() stored, and not only what FXSAVE would. False is no
 * error: Linux takes such a frame, too. */
static __attribute__((noinline)) bool has_xsave(struct fp_area *f)
{
    uint32_t size = cpu_features.xsave_size, magic, all, said;

    GET(magic, f->more.magic);
    GET(all, f->more.all_size);
    GET(said, f->more.size);
    if (magic != FP_MAGIC_1 || said != size || all < size || (vaddr_t)f > USER_END - fp_size())
        return false;
    GET(magic, *fp_end(f, size));
    return magic == FP_MAGIC_2;
fault:
    return false;
}

/* With XSAVE always by way of a copy: not every processor refuses all that Linux does. */
static inline bool load_extended(struct fp_area *f)
{
    if (likely(cpu_features.fxsave))
        return load_fx(f->fx) || load_copy(f->fx, FX_SIZE);
    if (!cpu_features.xsave)
        return true; /* the older form is all that there is */
    return load_copy(f->fx, has_xsave(f) ? cpu_features.xsave_size : FX_SIZE);
}

/* An exception that a state has pending is raised by the next instruction that looks, which is to be the
 * program's: none of the kernel's looks but FRSTOR, at the state before its own. */
static inline bool fpu_from_user(vaddr_t va)
{
    struct fp_area *f = (struct fp_area *)va;

    if (!va) {
        fpu_begin();
        return true;
    }
    if (va > USER_END - FP_SIZE)
        return false;
    if (!load_extended(f))
        return false;
    __asm__ volatile("fnclex");
    USER_OP("frstor", f->old);
    return true;
fault:
    return false;
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

static inline bool put_context(struct sigcontext *c, const struct trap_frame *tf,
                               const struct thread_signals *sig, vaddr_t fpstate, sigset_t mask)
{
    PUT(c->gs, read_gs());
    PUT(c->fs, read_fs());
    PUT(c->es, tf->es);
    PUT(c->ds, tf->ds);
    PUT(c->edi, tf->edi);
    PUT(c->esi, tf->esi);
    PUT(c->ebp, tf->ebp);
    PUT(c->esp, tf->user_esp);
    PUT(c->ebx, tf->ebx);
    PUT(c->edx, tf->edx);
    PUT(c->ecx, tf->ecx);
    PUT(c->eax, tf->eax);
    PUT(c->trapno, sig->fault_vector);
    PUT(c->err, sig->fault_error);
    PUT(c->eip, tf->eip);
    PUT(c->cs, tf->cs & 0xFFFF);
    PUT(c->eflags, tf->eflags);
    PUT(c->esp_at_signal, tf->user_esp);
    PUT(c->ss, tf->user_ss & 0xFFFF);
    PUT(c->fpstate, fpstate);
    PUT(c->oldmask, mask);
    PUT(c->cr2, sig->fault_va);
    return true;
fault:
    return false;
}

static inline bool put_retcode(uint32_t *to, const uint32_t code[RETCODE_WORDS])
{
    PUT(to[0], code[0]);
    PUT(to[1], code[1]);
    return true;
fault:
    return false;
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
    } else if (!(a->flags & (SA_ONSTACK | SA_RESTORER)) && a->restorer && !nested &&
               (tf->user_ss & 0xFFFF) != SEL_USER_DATA) {
        /* The stack of very old programs for a handler that interrupts a foreign stack segment. Linux takes
         * it too, and then finds that it is not in the alternate stack: so it serves only as a part of that.
         */
        sp = a->restorer;
        entering = true;
    }
    *fpstate = ((sp - fp_size() + offsetof(struct fp_area, fx)) & ~(vaddr_t)(FP_ALIGN - 1)) -
               offsetof(struct fp_area, fx);
    *frame = ((*fpstate - size + 4) & ~(vaddr_t)15) - 4;
    /* Wrapped around, or in the kernel's half: not memory of the program's. */
    if (*frame > sp || sp > USER_END)
        return false;
    return !(nested || entering) ||
           (*frame > t->sig.alt_stack && *frame - t->sig.alt_stack <= t->sig.alt_size);
}

static bool put_old_frame(const struct thread *t, const struct trap_frame *tf, int signo,
                          const struct signal_action *a, sigset_t mask, vaddr_t frame, vaddr_t fpstate)
{
    struct old_frame *f = (struct old_frame *)frame;

    PUT(f->restorer, a->flags & SA_RESTORER ? a->restorer : (vaddr_t)f->retcode);
    PUT(f->signo, signo);
    PUT(f->mask_high, mask >> 32);
    return put_context(&f->context, tf, &t->sig, fpstate, mask) && put_retcode(f->retcode, old_retcode);
fault:
    return false;
}

static bool put_rt_frame(const struct thread *t, const struct trap_frame *tf, const struct siginfo *info,
                         const struct signal_action *a, sigset_t mask, vaddr_t frame, vaddr_t fpstate)
{
    struct rt_frame *f = (struct rt_frame *)frame;
    const uint32_t *words = (const uint32_t *)info;

    PUT(f->restorer, a->flags & SA_RESTORER ? a->restorer : (vaddr_t)f->retcode);
    PUT(f->signo, info->signo);
    PUT(f->info_va, (vaddr_t)f->info);
    PUT(f->context_va, (vaddr_t)&f->uc);
#pragma GCC unroll 32
    for (unsigned i = 0; i < SIGINFO_GIVEN; i++)
        PUT(f->info[i], words[i]);
#pragma GCC unroll 32
    for (unsigned i = SIGINFO_GIVEN; i < SIGINFO_WORDS; i++)
        PUT(f->info[i], 0);
    PUT(f->uc.flags, cpu_features.xsave ? UC_FP_XSTATE : 0);
    PUT(f->uc.link, 0);
    PUT(f->uc.stack.start, t->sig.alt_stack);
    PUT(f->uc.stack.flags, t->sig.alt_flags);
    PUT(f->uc.stack.size, t->sig.alt_size);
    PUT(f->uc.mask[0], mask);
    PUT(f->uc.mask[1], mask >> 32);
    return put_context(&f->uc.context, tf, &t->sig, fpstate, mask) && put_retcode(f->retcode, rt_retcode);
fault:
    return false;
}

bool sigframe_setup(struct trap_frame *tf, int signo, const struct siginfo *info,
                    const struct signal_action *a, sigset_t mask)
{
    struct thread *self = thread_current();
    bool rt = a->flags & SA_SIGINFO, done;
    vaddr_t handler = a->handler, frame, fpstate;

    if (!place(self, tf, a, rt ? sizeof(struct rt_frame) : sizeof(struct old_frame), &frame, &fpstate))
        return false;
    cpu_user_begin();
    done = rt ? put_rt_frame(self, tf, info, a, mask, frame, fpstate)
              : put_old_frame(self, tf, signo, a, mask, frame, fpstate);
    /* Last, since it cannot be undone. */
    done = done && fpu_to_user(fpstate);
    cpu_user_end();
    if (!done)
        return false;
    tf->eax = (uint32_t)signo; /* for handlers that take their arguments in registers */
    tf->edx = rt ? frame + offsetof(struct rt_frame, info) : 0;
    tf->ecx = rt ? frame + offsetof(struct rt_frame, uc) : 0;
    tf->user_esp = frame;
    tf->eip = handler;
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

/*
 * The registers, but not EAX, which is the call's result. CS and SS get the program's privilege. The others
 * are taken as they are given, as Linux takes them: one of a privileged segment can be loaded here, but IRET
 * makes it 0. GS is loaded even if it is the same, since its descriptor may have changed.
 */
static inline bool get_context(struct sigcontext *c, struct trap_frame *tf, uint32_t *eax)
{
    uint32_t v, fs, gs;

    GET(v, c->fpstate);
    if (!fpu_from_user(v))
        return false;
    GET(gs, c->gs);
    GET(fs, c->fs);
    GET(v, c->es);
    tf->es = (uint16_t)v;
    GET(v, c->ds);
    tf->ds = (uint16_t)v;
    GET(tf->edi, c->edi);
    GET(tf->esi, c->esi);
    GET(tf->ebp, c->ebp);
    GET(tf->user_esp, c->esp);
    GET(tf->ebx, c->ebx);
    GET(tf->edx, c->edx);
    GET(tf->ecx, c->ecx);
    GET(*eax, c->eax);
    GET(tf->eip, c->eip);
    GET(v, c->cs);
    tf->cs = (v & 0xFFFF) | 3;
    GET(v, c->eflags);
    tf->eflags = (tf->eflags & ~(uint32_t)EFLAGS_PROGRAM) | (v & EFLAGS_PROGRAM);
    GET(v, c->ss);
    tf->user_ss = (v & 0xFFFF) | 3;
    fs &= 0xFFFF;
    gs &= 0xFFFF;
    if (fs != read_fs())
        LOAD_SELECTOR("fs", fs);
    LOAD_SELECTOR("gs", gs);
    return true;
fault:
    return false;
}

/* The frames' own parts; the registers last, since they are changed. */
static bool get_old_frame(struct trap_frame *tf, vaddr_t frame, uint32_t *eax, sigset_t *mask)
{
    struct old_frame *f = (struct old_frame *)frame;
    uint32_t low, high;

    GET(low, f->context.oldmask);
    GET(high, f->mask_high);
    *mask = (sigset_t)high << 32 | low;
    return get_context(&f->context, tf, eax);
fault:
    return false;
}

static bool get_rt_frame(struct trap_frame *tf, vaddr_t frame, uint32_t *eax, sigset_t *mask,
                         struct alt_stack *alt)
{
    struct rt_frame *f = (struct rt_frame *)frame;
    uint32_t low, high;

    GET(low, f->uc.mask[0]);
    GET(high, f->uc.mask[1]);
    GET(alt->start, f->uc.stack.start);
    GET(alt->flags, f->uc.stack.flags);
    GET(alt->size, f->uc.stack.size);
    *mask = (sigset_t)high << 32 | low;
    return get_context(&f->uc.context, tf, eax);
fault:
    return false;
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
    /* The handler's return took the address off, and the old frame's code the number. */
    vaddr_t frame = tf->user_esp - (rt ? 4 : 8);
    size_t size = rt ? sizeof(struct rt_frame) : sizeof(struct old_frame);
    struct alt_stack alt;
    sigset_t mask;
    uint32_t eax;
    bool done;

    tf->error = TRAP_NO_CALL; /* the value of EAX is the program's, not a call's result */
    if (frame > USER_END - size)
        return bad_frame(tf);
    cpu_user_begin();
    done = rt ? get_rt_frame(tf, frame, &eax, &mask, &alt) : get_old_frame(tf, frame, &eax, &mask);
    cpu_user_end();
    if (!done)
        return bad_frame(tf);
    if (rt && (alt.size != self->sig.alt_size || alt.start != self->sig.alt_stack ||
               alt.flags != self->sig.alt_flags))
        sigframe_alt_set(self, &alt, tf->user_esp);
    signal_set_blocked(mask);
    return (int32_t)eax;
}
