/* System calls about signals. What they mean is in signal.c, the frames are in sigframe.c. */
#include "kernel/fs/pidfd.h"
#include "kernel/fs/signalfd.h"
#include "kernel/life/sigframe.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/proc/signal.h"
#include "kernel/sched/usertime.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

static bool valid(uint32_t signo)
{
    return signo >= 1 && signo <= SIGNALS;
}

/* --- sending --- */

/* A number that is none asks like 0 whether there is somebody; whoever finds out is told by judged(). */
static int asked(uint32_t signo)
{
    return signo > SIGNALS ? 0 : (int)signo;
}

/* Who is not there comes before a signal that is none. */
static int32_t judged(uint32_t signo, int32_t result)
{
    return signo > SIGNALS && result != -ESRCH ? -EINVAL : result;
}

static struct siginfo from_me(uint32_t signo, int code)
{
    return (struct siginfo){.signo = asked(signo),
                            .code = code,
                            .pid = process_current()->pid,
                            .uid = (int)thread_current()->cred->uid};
}

/* The process of a number that may be any of its threads', as Linux takes it. */
static struct process *find(int pid)
{
    struct thread *t;
    struct process *p = process_find(pid);

    if (p)
        return p;
    t = thread_find(pid);
    return t ? t->process : NULL;
}

/* Number 0 only asks whether one could be sent. */
static int32_t send_process(struct process *p, const struct siginfo *info)
{
    int err = cred_may_kill(p, cred_of_process(p), info->signo);

    return err || !info->signo ? err : signal_send(p, info);
}

int32_t sys_kill(SYSCALL_2_ARGS(to, signo))
{
    int pid = (int)to;
    struct siginfo info = from_me(signo, SI_USER);
    struct process *p;

    if (pid == -1)
        return judged(signo, signal_everybody(&info));
    if (pid == INT32_MIN)
        return -ESRCH;
    if (pid <= 0)
        return judged(signo, signal_group(pid ? -pid : process_current()->pgid, &info));
    p = find(pid);
    return p ? judged(signo, send_process(p, &info)) : -ESRCH;
}

/* tgid 0: whatever process the thread is in. */
static int32_t send_thread(uint32_t tgid, uint32_t tid, const struct siginfo *info)
{
    struct thread *t = thread_find((int)tid);
    const struct process *p = t ? t->process : process_find((int)tid);
    int err;

    if (!p || (tgid && p->pid != (int)tgid))
        return -ESRCH;
    err = cred_may_kill(p, t ? t->cred : cred_of_process(p), info->signo);
    if (err || !t) /* a first thread that has ended before the others takes everything, and does nothing */
        return err;
    return info->signo ? signal_send_thread(t, info) : 0;
}

int32_t sys_tkill(SYSCALL_2_ARGS(tid, signo))
{
    struct siginfo info = from_me(signo, SI_TKILL);

    if ((int32_t)tid <= 0)
        return -EINVAL;
    return judged(signo, send_thread(0, tid, &info));
}

int32_t sys_tgkill(SYSCALL_3_ARGS(tgid, tid, signo))
{
    struct siginfo info = from_me(signo, SI_TKILL);

    if ((int32_t)tgid <= 0 || (int32_t)tid <= 0)
        return -EINVAL;
    return judged(signo, send_thread(tgid, tid, &info));
}

/* siginfo that a program made up; what only the kernel says a thread may say to itself only. */
static int32_t read_info(uint32_t to, uint32_t signo, vaddr_t va, struct siginfo *info)
{
    uint32_t w[8]; /* as far as any kind of it goes */

    if (user_copy_in(w, va, sizeof w) != 0)
        return -EFAULT;
    *info = (struct siginfo){
        .signo = asked(signo),
        .err = (int)w[1],
        .code = (int)w[2],
        .pid = (int)w[3],
        .uid = (int)w[4],
        .value = w[5],
    };
    if ((info->code >= 0 || info->code == SI_TKILL) && (int)to != thread_current()->tid)
        return -EPERM;
    return 0;
}

int32_t sys_rt_sigqueueinfo(SYSCALL_3_ARGS(pid, signo, va))
{
    struct siginfo info;
    int32_t err = read_info(pid, signo, va, &info);
    struct process *p;

    if (err)
        return err;
    p = find((int)pid);
    return p ? judged(signo, send_process(p, &info)) : -ESRCH;
}

int32_t sys_pidfd_send_signal(SYSCALL_4_ARGS(fd, signo, va, flags))
{
    struct siginfo info = from_me(signo, SI_USER);
    struct pidfd_name name;
    struct process *p;
    uint32_t said, pid;
    int err;

    if (flags)
        return -EINVAL;
    err = pidfd_get_target((int)fd, &name);
    if (err)
        return err;
    if (va && pidfd_find(&name)) {
        pid = (uint32_t)name.pid;
        if (user_read32(&said, va))
            return -EFAULT;
        if (said != signo)
            return -EINVAL;
        err = read_info(pid, signo, va, &info);
        if (err)
            return err;
    }
    p = pidfd_find(&name); /* reading may have slept */
    if (!p)
        return -ESRCH;
    if (signo > SIGNALS)
        return -EINVAL;
    return send_process(p, &info);
}

int32_t sys_rt_tgsigqueueinfo(SYSCALL_4_ARGS(tgid, tid, signo, va))
{
    struct siginfo info;
    int32_t err = read_info(tid, signo, va, &info);

    if (err != -EFAULT && ((int32_t)tgid <= 0 || (int32_t)tid <= 0))
        return -EINVAL;
    return err ? err : judged(signo, send_thread(tgid, tid, &info));
}

/* --- actions --- */

static int32_t set_action(uint32_t signo, const struct signal_action *new, struct signal_action *old)
{
    struct process *p = process_current();
    struct signal_action *a;

    if (!valid(signo) || (new && (SIGNALS_UNCAUGHT & SIGBIT(signo))))
        return -EINVAL;
    a = &p->actions->action[signo - 1];
    *old = *a;
    if (!new)
        return 0;
    p->actions->touched |= SIGBIT(signo);
    *a = *new;
    a->mask &= ~SIGNALS_UNCAUGHT;
    a->flags &= SA_KNOWN; /* so that programs can find out which there are */
    while (signal_ignored(p, (int)signo) && !signal_forget(p, SIGBIT(signo), RECORDS_A_STEP))
        might_sleep(); /* another thread may have set another action meanwhile */
    return 0;
}

int32_t sys_rt_sigaction(SYSCALL_4_ARGS(signo, new, old, size))
{
    struct {
        uint32_t handler, flags, restorer;
        uint32_t mask[2];
    } u;
    struct signal_action a, before;
    int32_t err;

    if (size != sizeof(sigset_t))
        return -EINVAL;
    if (new) {
        if (user_copy_in(&u, new, sizeof u) != 0)
            return -EFAULT;
        a = (struct signal_action){u.handler, u.flags, u.restorer, (sigset_t)u.mask[1] << 32 | u.mask[0]};
    }
    err = set_action(signo, new ? &a : NULL, &before);
    if (err || !old)
        return err;
    u.handler = before.handler;
    u.flags = before.flags;
    u.restorer = before.restorer;
    u.mask[0] = (uint32_t)before.mask;
    u.mask[1] = (uint32_t)(before.mask >> 32);
    return user_copy_out(old, &u, sizeof u);
}

int32_t sys_sigaction(SYSCALL_3_ARGS(signo, new, old))
{
    struct {
        uint32_t handler, mask, flags, restorer;
    } u;
    struct signal_action a, before;
    int32_t err;

    if (new) {
        if (user_copy_in(&u, new, sizeof u) != 0)
            return -EFAULT;
        a = (struct signal_action){u.handler, u.flags, u.restorer, u.mask};
    }
    err = set_action(signo, new ? &a : NULL, &before);
    if (err || !old)
        return err;
    u.handler = before.handler;
    u.mask = (uint32_t)before.mask;
    u.flags = before.flags;
    u.restorer = before.restorer;
    return user_copy_out(old, &u, sizeof u);
}

int32_t sys_signal(SYSCALL_2_ARGS(signo, handler))
{
    struct signal_action a = {.handler = handler, .flags = SA_RESETHAND | SA_NODEFER}, before;
    int32_t err = set_action(signo, &a, &before);

    return err ? err : (int32_t)before.handler;
}

/* --- masks --- */

static int32_t change_mask(uint32_t how, sigset_t set)
{
    sigset_t blocked = thread_current()->sig.blocked;

    switch (how) {
    case SIG_BLOCK:
        signal_set_blocked(blocked | set);
        return 0;
    case SIG_UNBLOCK:
        signal_set_blocked(blocked & ~set);
        return 0;
    case SIG_SETMASK:
        signal_set_blocked(set);
        return 0;
    default:
        return -EINVAL;
    }
}

int32_t sys_rt_sigprocmask(SYSCALL_4_ARGS(how, new, old, size))
{
    sigset_t before = thread_current()->sig.blocked, set;
    int32_t err;

    if (size != sizeof set)
        return -EINVAL;
    if (new) {
        if (user_copy_in(&set, new, sizeof set) != 0)
            return -EFAULT;
        err = change_mask(how, set);
        if (err)
            return err;
    }
    return old ? user_copy_out(old, &before, sizeof before) : 0;
}

/* Sets of the old calls are the first 32 signals; the others keep their state. */
int32_t sys_sigprocmask(SYSCALL_3_ARGS(how, new, old))
{
    sigset_t before = thread_current()->sig.blocked;
    uint32_t set;
    int32_t err;

    if (new) {
        if (user_read32(&set, new) != 0)
            return -EFAULT;
        err = change_mask(how, how == SIG_SETMASK ? (before & ~(sigset_t)UINT32_MAX) | set : set);
        if (err)
            return err;
    }
    return old ? user_write32(old, (uint32_t)before) : 0;
}

int32_t sys_sgetmask(SYSCALL_NO_ARGS)
{
    return (int32_t)thread_current()->sig.blocked;
}

int32_t sys_ssetmask(SYSCALL_1_ARG(set))
{
    int32_t before = (int32_t)thread_current()->sig.blocked;

    signal_set_blocked(set);
    return before;
}

static sigset_t pending(void)
{
    return signal_pending_set() & thread_current()->sig.blocked;
}

int32_t sys_rt_sigpending(SYSCALL_2_ARGS(va, size))
{
    sigset_t set = pending();

    return size > sizeof set ? -EINVAL : user_copy_out(va, &set, size);
}

int32_t sys_sigpending(SYSCALL_1_ARG(va))
{
    return user_write32(va, (uint32_t)pending());
}

/* --- waiting --- */

static int32_t wait_for_handler(void)
{
    struct waitq nobody = {0};
    uint32_t irq = os_irq_save();

    while (thread_sleep(&nobody) == 0)
        ;
    os_irq_restore(irq);
    return -ERESTARTNOHAND;
}

int32_t sys_pause(SYSCALL_NO_ARGS)
{
    return wait_for_handler();
}

int32_t sys_rt_sigsuspend(SYSCALL_2_ARGS(va, size))
{
    sigset_t set;
    int err = signal_read_set(&set, va, size);

    if (err)
        return err;
    signal_mask_begin(set);
    return wait_for_handler();
}

/* The first two arguments are history. */
int32_t sys_sigsuspend(SYSCALL_3_ARGS(a UNUSED, b UNUSED, set))
{
    signal_mask_begin(set);
    return wait_for_handler();
}

/* deadline 0: no limit. The number of the signal, -EAGAIN or -EINTR. */
static int32_t wait_for(sigset_t set, uint64_t deadline, bool wait, struct siginfo *info)
{
    struct thread *self = thread_current();
    struct waitq nobody = {0};
    int err = 0, signo;

    set &= ~SIGNALS_UNCAUGHT;
    signo = signal_take(set, info);
    if (signo || !wait)
        return signo ? signo : -EAGAIN;
    self->sig.waiting = set;

    uint32_t irq = os_irq_save();

    while (err == 0 && !(signal_pending_set() & set))
        err = thread_sleep_until(&nobody, deadline);
    os_irq_restore(irq);
    self->sig.waiting = 0;
    signo = signal_take(set, info);
    signal_set_blocked(self->sig.blocked); /* the mark was for us, if nothing else is there */
    if (signo)
        return signo;
    return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

static int32_t sigtimedwait(vaddr_t set_va, vaddr_t info_va, vaddr_t timeout, bool wide, uint32_t size)
{
    struct siginfo info;
    uint64_t ns = 0, deadline = 0;
    sigset_t set;
    int32_t signo;
    int err = signal_read_set(&set, set_va, size);

    if (!err && timeout)
        err = usertime_read(timeout, USERTIME_SPEC(wide), &ns);
    if (err)
        return err;
    if (timeout)
        deadline = usertime_after(ns);
    signo = wait_for(set, deadline, !timeout || ns, &info);
    if (signo > 0 && info_va) {
        if (user_copy_out(info_va, &info, sizeof info) != 0 ||
            user_clear(info_va + sizeof info, SIGINFO_SIZE - sizeof info) != 0)
            return -EFAULT;
    }
    return signo;
}

int32_t sys_rt_sigtimedwait(SYSCALL_4_ARGS(set, info, timeout, size))
{
    return sigtimedwait(set, info, timeout, false, size);
}

int32_t sys_rt_sigtimedwait_time64(SYSCALL_4_ARGS(set, info, timeout, size))
{
    return sigtimedwait(set, info, timeout, true, size);
}

int32_t sys_signalfd(SYSCALL_3_ARGS(fd, set, size))
{
    return signalfd_create((int)fd, set, size, 0);
}

int32_t sys_signalfd4(SYSCALL_4_ARGS(fd, set, size, flags))
{
    return signalfd_create((int)fd, set, size, flags);
}

/* --- frames --- */

int32_t sys_sigaltstack(SYSCALL_2_ARGS(new, old))
{
    struct thread *self = thread_current();
    vaddr_t esp = thread_frame(self)->user_esp;
    struct alt_stack before = sigframe_alt_get(self, esp), s;
    int err;

    if (new) {
        if (user_copy_in(&s, new, sizeof s) != 0)
            return -EFAULT;
        err = sigframe_alt_set(self, &s, esp);
        if (err)
            return err;
    }
    return old ? user_copy_out(old, &before, sizeof before) : 0;
}

int32_t sys_sigreturn(SYSCALL_NO_ARGS)
{
    return sigframe_return(thread_frame(thread_current()), false);
}

int32_t sys_rt_sigreturn(SYSCALL_NO_ARGS)
{
    return sigframe_return(thread_frame(thread_current()), true);
}

int32_t sys_restart_syscall(SYSCALL_NO_ARGS)
{
    struct restart_block *r = &thread_current()->sig.restart;
    int32_t (*fn)(struct restart_block *) = r->fn;

    r->fn = NULL;
    return fn ? fn(r) : -EINTR;
}
