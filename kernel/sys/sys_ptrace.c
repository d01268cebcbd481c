/*
 * ptrace(2): its requests.
 *
 * Each copies in what it takes, looks the tracee up, does what it does, and copies out. Looking up is last
 * before doing: what sleeps in between may end it. kernel/proc/ptrace.h has what tracing means.
 */
#include "kernel/life/memory.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/ldt.h"
#include "kernel/proc/ptrace.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/sys_ptrace.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"
#include "mm/space.h"

enum {
    PTRACE_TRACEME = 0,
    PTRACE_PEEKTEXT = 1,
    PTRACE_PEEKDATA = 2,
    PTRACE_PEEKUSER = 3,
    PTRACE_POKETEXT = 4,
    PTRACE_POKEDATA = 5,
    PTRACE_POKEUSER = 6,
    PTRACE_CONT = 7,
    PTRACE_KILL = 8,
    PTRACE_SINGLESTEP = 9,
    PTRACE_GETREGS = 12,
    PTRACE_SETREGS = 13,
    PTRACE_GETFPREGS = 14,
    PTRACE_SETFPREGS = 15,
    PTRACE_ATTACH = 16,
    PTRACE_DETACH = 17,
    PTRACE_GETFPXREGS = 18,
    PTRACE_SETFPXREGS = 19,
    PTRACE_OLDSETOPTIONS = 21,
    PTRACE_SYSCALL = 24,
    PTRACE_GET_THREAD_AREA = 25,
    PTRACE_SET_THREAD_AREA = 26,
    PTRACE_SYSEMU = 31,
    PTRACE_SYSEMU_SINGLESTEP = 32,
    PTRACE_SETOPTIONS = 0x4200,
    PTRACE_GETEVENTMSG = 0x4201,
    PTRACE_GETSIGINFO = 0x4202,
    PTRACE_SETSIGINFO = 0x4203,
    PTRACE_GETREGSET = 0x4204,
    PTRACE_SETREGSET = 0x4205,
    PTRACE_SEIZE = 0x4206,
    PTRACE_INTERRUPT = 0x4207,
    PTRACE_LISTEN = 0x4208,
    PTRACE_PEEKSIGINFO = 0x4209,
    PTRACE_GETSIGMASK = 0x420A,
    PTRACE_SETSIGMASK = 0x420B,
    PTRACE_GET_SYSCALL_INFO = 0x420E,
};

/* What a tracee stands at, if requests may act upon it; else NULL. */
static struct thread *stopped(int tid)
{
    return ptrace_tracee(tid, true);
}

/* --- memory --- */

/* The tracee's memory, referenced, or NULL: it has none, or is not to be looked at since it became another
 * program's. */
static struct memory *memory_of(const struct thread *t)
{
    const struct process *p = t->process;

    return p->memory && (p->dumpable == DUMPABLE_USER || t->ptrace->capable) ? memory_get(p->memory) : NULL;
}

static int32_t peek(const struct thread *t, vaddr_t addr, vaddr_t data)
{
    struct memory *m = memory_of(t);
    size_t got = 0;
    uint32_t word;

    if (m) {
        got = space_read_forced(m->space, addr, &word, sizeof word);
        memory_put(m);
    }
    return got == sizeof word ? user_write32(data, word) : -EIO;
}

static int32_t poke(const struct thread *t, vaddr_t addr, uint32_t word)
{
    struct memory *m = memory_of(t);
    size_t put = 0;

    if (m) {
        put = space_write_forced(m->space, addr, &word, sizeof word);
        memory_put(m);
    }
    return put == sizeof word ? 0 : -EIO;
}

/* --- registers --- */

static int32_t peek_user(struct thread *t, uint32_t offset, vaddr_t data)
{
    uint32_t word;
    int err = ptrace_get_user(t, offset, &word);

    return err ? err : user_write32(data, word);
}

static int32_t poke_user(int tid, uint32_t offset, uint32_t word)
{
    struct debugreg *spare = vm_zalloc(sizeof *spare);
    struct thread *t = stopped(tid);
    int32_t err = !spare ? -ENOMEM : t ? ptrace_set_user(t, offset, word, &spare) : -ESRCH;

    kfree(spare);
    return err;
}

static int32_t thread_area(int tid, int32_t entry, vaddr_t at, bool set)
{
    uint32_t i = (uint32_t)entry - SEL_TLS / 8;
    struct user_desc u;
    struct thread *t;

    if (entry < 0)
        return -EIO;
    if (set && user_copy_in(&u, at, sizeof u))
        return -EFAULT;
    if (set && !tls_is_valid(&u))
        return -EINVAL;
    if (i >= CPU_TLS)
        return -EINVAL;
    t = stopped(tid);
    if (!t)
        return -ESRCH;
    if (set) {
        tls_write_entry(t, i, &u);
        return 0;
    }
    tls_read_entry(t, i, &u);
    return user_copy_out(at, &u, sizeof u);
}

/* --- signals --- */

static int32_t get_siginfo(const struct thread *t, vaddr_t data)
{
    struct siginfo info;

    if (!t->ptrace->info)
        return -EINVAL;
    info = *t->ptrace->info;
    if (user_copy_out(data, &info, sizeof info) != 0 ||
        user_clear(data + sizeof info, SIGINFO_SIZE - sizeof info) != 0)
        return -EFAULT;
    return 0;
}

static int32_t set_siginfo(int tid, vaddr_t data)
{
    struct thread *t;
    struct siginfo info;

    if (user_copy_in(&info, data, sizeof info))
        return -EFAULT;
    t = stopped(tid);
    if (!t)
        return -ESRCH;
    if (!t->ptrace->info)
        return -EINVAL;
    *t->ptrace->info = info;
    return 0;
}

struct peek_args {
    uint32_t offset[2]; /* low and high */
    uint32_t flags;
    int32_t count;
};

/* The n-th of what is pending, or false. */
static bool pending(const struct signal_set *s, uint32_t n, struct siginfo *info)
{
    const struct signal_record *r = s->first;

    while (r && n--)
        r = r->next;
    if (r)
        *info = r->info;
    return r;
}

static int32_t peek_siginfo(int tid, vaddr_t args, vaddr_t data)
{
    enum { SHARED = 1 };
    const struct thread *t;
    struct peek_args a;
    int32_t done = 0;

    if (user_copy_in(&a, args, sizeof a))
        return -EFAULT;
    if (a.flags & ~(uint32_t)SHARED || a.count < 0)
        return -EINVAL;
    for (; !a.offset[1] && done < a.count; done++) {
        struct siginfo info;

        t = stopped(tid);
        if (!t)
            return done ? done : -ESRCH;
        if (!pending(a.flags & SHARED ? &t->process->pending : &t->sig.pending, a.offset[0] + (uint32_t)done,
                     &info))
            break;
        if (user_copy_out(data, &info, sizeof info) != 0 ||
            user_clear(data + sizeof info, SIGINFO_SIZE - sizeof info) != 0)
            return done ? done : -EFAULT;
        data += SIGINFO_SIZE;
        if (signal_pending(thread_current()))
            return done + 1;
    }
    return done;
}

static int32_t get_mask(const struct thread *t, uint32_t size, vaddr_t data)
{
    sigset_t set = t->sig.restore ? t->sig.saved : t->sig.blocked;

    return size == sizeof set ? user_copy_out(data, &set, sizeof set) : -EINVAL;
}

static int32_t set_mask(int tid, uint32_t size, vaddr_t data)
{
    struct thread *t;
    sigset_t set;

    if (size != sizeof set)
        return -EINVAL;
    if (user_copy_in(&set, data, sizeof set))
        return -EFAULT;
    t = stopped(tid);
    if (!t)
        return -ESRCH;
    t->sig.blocked = set & ~SIGNALS_UNCAUGHT; /* it looks at what is pending when it goes on */
    t->sig.restore = false;
    return 0;
}

/* --- system calls --- */

/* struct ptrace_syscall_info */
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

static int32_t get_call(const struct thread *t, uint32_t size, vaddr_t data)
{
    enum { NONE, ENTRY, EXIT };
    enum { ARCH_I386 = 0x40000003 };
    const struct trap_frame *tf = thread_frame(t);
    const struct ptrace *g = t->ptrace;
    struct call_info info = {.arch = ARCH_I386, .eip = tf->eip, .esp = tf->user_esp};
    uint32_t actual = offsetof(struct call_info, entry);
    bool told = g->info && g->info->code == (SIGTRAP | 0x80);

    if (told && g->message == PTRACE_MESSAGE_ENTRY) {
        const uint32_t args[6] = {tf->ebx, tf->ecx, tf->edx, tf->esi, tf->edi, tf->ebp};

        info.op = ENTRY;
        info.entry.nr = tf->error;
        for (unsigned i = 0; i < ARRAY_LEN(args); i++)
            info.entry.args[i] = args[i];
        actual += sizeof info.entry;
    } else if (told && g->message == PTRACE_MESSAGE_EXIT) {
        info.op = EXIT;
        info.exit.result = (int32_t)tf->eax;
        info.exit.is_error = tf->eax >= (uint32_t)-4095;
        actual += offsetof(typeof(info.exit), is_error) + 1;
    }
    return user_copy_out(data, &info, size < actual ? size : actual) ? -EFAULT : (int32_t)actual;
}

/* --- going on --- */

static int32_t set_options(struct thread *t, uint32_t options)
{
    if (options & ~(uint32_t)PTRACE_O_ALL)
        return -EINVAL;
    if (options & PTRACE_O_SUSPEND_SECCOMP && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    t->ptrace->options = options;
    return 0;
}

static int32_t go_on(int tid, uint32_t request, uint32_t signo)
{
    struct ptrace_mode mode = {
        .calls = request == PTRACE_SYSCALL,
        .emulates = request == PTRACE_SYSEMU || request == PTRACE_SYSEMU_SINGLESTEP,
        .steps = request == PTRACE_SINGLESTEP || request == PTRACE_SYSEMU_SINGLESTEP,
    };
    struct thread *t = stopped(tid);

    if (signo > SIGNALS)
        return -EIO;
    if (mode.steps && (thread_frame(t)->cs & 0xFFFF) == SEL_USER_CODE) {
        struct memory *m = t->process->memory ? memory_get(t->process->memory) : NULL;
        uint8_t code[15]; /* the longest instruction */

        if (m) {
            size_t n = space_read_forced(m->space, thread_frame(t)->eip, code, sizeof code);

            mode.takes_flags = ptrace_takes_flags(code, n);
            memory_put(m);
        }
        t = stopped(tid);
        if (!t)
            return -ESRCH;
    }
    ptrace_resume(t, &mode, (int)signo);
    return 0;
}

static int32_t detach(struct thread *t, uint32_t signo)
{
    if (signo > SIGNALS)
        return -EIO;
    ptrace_let_go(t, (int)signo);
    return 0;
}

/* What is asked of one that need not be stopped. */
static int32_t any_request(struct thread *t, uint32_t request)
{
    static const struct siginfo kill = {.signo = SIGKILL, .code = SI_USER};

    if (request == PTRACE_INTERRUPT)
        return ptrace_interrupt(t);
    signal_send(t->process, &kill);
    return 0;
}

static int32_t stopped_request(struct thread *t, uint32_t request, uint32_t addr, uint32_t data)
{
    int tid = t->tid;

    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek(t, addr, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return poke(t, addr, data);
    case PTRACE_PEEKUSER:
        return peek_user(t, addr, data);
    case PTRACE_POKEUSER:
        return poke_user(tid, addr, data);
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SINGLESTEP:
    case PTRACE_SYSEMU:
    case PTRACE_SYSEMU_SINGLESTEP:
        return go_on(tid, request, data);
    case PTRACE_DETACH:
        return detach(t, data);
    case PTRACE_LISTEN:
        return ptrace_listen(t);
    case PTRACE_OLDSETOPTIONS:
    case PTRACE_SETOPTIONS:
        return set_options(t, data);
    case PTRACE_GETEVENTMSG:
        return user_write32(data, t->ptrace->message);
    case PTRACE_GETSIGINFO:
        return get_siginfo(t, data);
    case PTRACE_SETSIGINFO:
        return set_siginfo(tid, data);
    case PTRACE_PEEKSIGINFO:
        return peek_siginfo(tid, addr, data);
    case PTRACE_GETSIGMASK:
        return get_mask(t, addr, data);
    case PTRACE_SETSIGMASK:
        return set_mask(tid, addr, data);
    case PTRACE_GET_SYSCALL_INFO:
        return get_call(t, addr, data);
    case PTRACE_GET_THREAD_AREA:
    case PTRACE_SET_THREAD_AREA:
        return thread_area(tid, (int32_t)addr, data, request == PTRACE_SET_THREAD_AREA);
    case PTRACE_GETREGS:
        return regset_get(tid, REGSET_GENERAL, REGSET_WHOLE, data, NULL);
    case PTRACE_SETREGS:
        return regset_set(tid, REGSET_GENERAL, REGSET_WHOLE, data, NULL);
    case PTRACE_GETFPREGS:
        return regset_get(tid, REGSET_FP, REGSET_WHOLE, data, NULL);
    case PTRACE_SETFPREGS:
        return regset_set(tid, REGSET_FP, REGSET_WHOLE, data, NULL);
    case PTRACE_GETFPXREGS:
        return regset_get(tid, REGSET_XFP, REGSET_WHOLE, data, NULL) ? -EIO : 0;
    case PTRACE_SETFPXREGS:
        return regset_set(tid, REGSET_XFP, REGSET_WHOLE, data, NULL) ? -EIO : 0;
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return regset_by_type(tid, addr, data, request == PTRACE_SETREGSET);
    default:
        return -EIO;
    }
}

static int32_t attach(int tid, bool seize, uint32_t addr, uint32_t options)
{
    if (!seize)
        return ptrace_attach(tid, false, 0);
    if (addr || options & ~(uint32_t)PTRACE_O_ALL)
        return -EIO;
    if (options & PTRACE_O_SUSPEND_SECCOMP && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    return ptrace_attach(tid, true, options);
}

int32_t sys_ptrace(SYSCALL_4_ARGS(request, pid, addr, data))
{
    int tid = (int)pid;
    bool any = request == PTRACE_KILL || request == PTRACE_INTERRUPT;
    struct thread *t;

    if (request == PTRACE_TRACEME)
        return ptrace_traceme();
    if (tid <= 0 || (!thread_find(tid) && !process_find(tid)))
        return -ESRCH;
    if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
        return attach(tid, request == PTRACE_SEIZE, addr, data);
    t = ptrace_tracee(tid, !any);
    if (!t)
        return -ESRCH;
    return any ? any_request(t, request) : stopped_request(t, request, addr, data);
}
