/*
 * Terminals: job control, and hanging up.
 *
 * A session has at most one controlling terminal, and the terminal one session and one group in the
 * foreground. Reading in the background stops the reader's group with SIGTTIN; changing the terminal there,
 * or writing with TOSTOP, does with SIGTTOU.
 *
 * Hanging up. When the leader of its session ends, what is open of a device's terminal is cut off: reads find
 * the end, those that wait too, and writes fail. Who opens it afterwards has it again. As on Linux that does
 * not concern what was opened as /dev/console, nor pseudo-terminals: those are cut off when their other side
 * goes, and both by vhangup(2). A file knows in its hint after how many hang-ups it was opened.
 *
 * Data. struct process's tty and tty.session belong together: whose tty it is, is in its session. A terminal
 * that is going is nobody's before it is freed (pty.c), so process.tty needs no count.
 *
 *     INV-TTY-1  a process with a terminal is in the session that the terminal belongs to
 *
 * Locking: tasks, between sleeps. Nothing here sleeps but for tty_set_foreground(), which copies first.
 *
 * Source: POSIX.1-2017, chapter 11; setsid(2), vhangup(2) and tty_ioctl(2) of the Linux manual.
 */
#include "kernel/dev/tty_parts.h"
#include "kernel/fs/async.h"
#include "kernel/fs/file.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/x86/usercopy.h"

int tty_foreground(const struct tty *t)
{
    return t && t->foreground ? t->foreground : -1;
}

void tty_signal_foreground(const struct tty *t, int signo)
{
    const struct siginfo info = {.signo = signo, .code = SI_KERNEL};

    if (t->foreground)
        signal_group(t->foreground, &info);
}

static bool in_background(const struct tty *t, const struct process *p)
{
    return p->tty == t && t->foreground && t->foreground != p->pgid;
}

static bool ignores_or_blocks(const struct thread *self, int signo)
{
    return (self->sig.blocked & SIGBIT(signo)) ||
           self->process->actions->action[signo - 1].handler == SIG_IGN;
}

/* Stop the running process's group, and have the call run again when it goes on. */
static int stop_group(const struct process *p, int signo)
{
    const struct siginfo info = {.signo = signo, .code = SI_KERNEL};

    signal_group(p->pgid, &info);
    return -ERESTARTSYS;
}

int tty_may_read(const struct tty *t)
{
    const struct thread *self = thread_current();

    if (!in_background(t, self->process))
        return 0;
    if (ignores_or_blocks(self, SIGTTIN) || signal_group_orphaned(self->process->pgid, 0))
        return -EIO;
    return stop_group(self->process, SIGTTIN);
}

int tty_may_change(const struct tty *t)
{
    const struct thread *self = thread_current();

    if (!in_background(t, self->process) || ignores_or_blocks(self, SIGTTOU))
        return 0;
    if (signal_group_orphaned(self->process->pgid, 0))
        return -EIO;
    return stop_group(self->process, SIGTTOU);
}

void tty_attach(struct tty *t, struct process *leader)
{
    t->session = leader->sid;
    t->foreground = leader->pgid;
    leader->tty = t;
    leader->hung_group = 0;
}

bool tty_hung_up(const struct tty *t, const struct file *f)
{
    return f->hint != TTY_NEVER && f->hint != t->hangups;
}

static bool is_hung_up(const struct file *f)
{
    return tty_hung_up(f->data, f);
}

/* Cut off what is open, and forget what was typed for it. */
static void cut_off(struct tty *t)
{
    t->hangups++;
    t->exclusive = false;
    async_stop(&t->async, is_hung_up);
    ldisc_flush(&t->ldisc);
    t->ldisc.stopped = false;
    sync_wake(&t->readers, SYNC_ANYTHING, SYNC_EVERYBODY);
    sync_wake(&t->writers, SYNC_ANYTHING, SYNC_EVERYBODY);
    os_wake_all(&t->input);
}

/* Nobody of its session has it any more. */
static void let_go(struct tty *t)
{
    for (struct process *p = process_all; p; p = p->all_next)
        if (p->tty == t)
            p->tty = NULL;
    t->session = t->foreground = 0;
}

/* Take it from p. If that leads the session, all of the session loses it, and the foreground gets SIGHUP
 * and, unless p ends, SIGCONT. Whether it does. */
static bool detach(struct process *p, bool ends)
{
    static const struct siginfo hangup = {.signo = SIGHUP, .code = SI_KERNEL};
    static const struct siginfo go_on = {.signo = SIGCONT, .code = SI_KERNEL};
    struct tty *t = p->tty;

    p->tty = NULL;
    if (!t || t->session != p->pid)
        return false;

    int foreground = t->foreground;

    let_go(t);
    if (foreground) {
        signal_group(foreground, &hangup);
        if (!ends) /* else that is for groups that become orphans (signal_orphan_groups()) */
            signal_group(foreground, &go_on);
    }
    return true;
}

/* Whether the number is (still) that of a group of the session. */
static bool group_is_in(int pgid, int sid)
{
    for (const struct process *p = pgid ? process_all : NULL; p; p = p->all_next)
        if (p->pgid == pgid && p->sid == sid)
            return true;
    return false;
}

/* For the end of any process. A leader whose terminal was hung up before leaves the foreground to itself now:
 * it is told. */
static void process_ends(struct process *p)
{
    static const struct siginfo hangup = {.signo = SIGHUP, .code = SI_KERNEL};
    static const struct siginfo go_on = {.signo = SIGCONT, .code = SI_KERNEL};
    struct tty *t = p->tty;

    if (detach(p, true) && !t->other_side)
        cut_off(t);
    if (group_is_in(p->hung_group, p->sid)) {
        signal_group(p->hung_group, &hangup);
        signal_group(p->hung_group, &go_on);
    }
    p->hung_group = 0;
}

void tty_job_init(void)
{
    process_on_end(process_ends);
}

void tty_hang_up(struct tty *t)
{
    struct process *leader = t->session ? process_find(t->session) : NULL;
    int foreground = t->foreground;

    let_go(t);
    cut_off(t);
    if (leader) {
        signal_raise(leader, SIGHUP);
        signal_raise(leader, SIGCONT);
        leader->hung_group = foreground;
    }
}

void tty_begin_again(struct tty *t)
{
    tty_hang_up(t);
    if (t->driver->reset)
        t->driver->reset(t);
}

int tty_vhangup(void)
{
    struct tty *t = process_current()->tty;

    if (!capable(CAP_SYS_TTY_CONFIG))
        return -EPERM;
    if (t)
        tty_begin_again(t);
    return 0;
}

/* --- what ioctl(2) asks for --- */

int tty_set_foreground(struct tty *t, vaddr_t va)
{
    struct process *self = process_current(), *p;
    uint32_t pgid;
    int err = tty_may_change(t);

    if (err)
        return err == -EIO ? -ENOTTY : err;
    if (user_read32(&pgid, va) != 0)
        return -EFAULT;
    if (self->tty != t || t->session != self->sid) /* looked at after the sleep */
        return -ENOTTY;
    if ((int)pgid < 0)
        return -EINVAL;
    p = process_all;
    while (p && p->pgid != (int)pgid)
        p = p->all_next;
    if (!p)
        return -ESRCH;
    if (p->sid != self->sid)
        return -EPERM;
    t->foreground = (int)pgid;
    return 0;
}

int tty_set_controlling(struct tty *t, const struct file *f, bool steal)
{
    struct process *self = process_current();

    if (self->sid == self->pid && t->session == self->sid)
        return 0;
    if (self->sid != self->pid || self->tty)
        return -EPERM;
    if (t->session && (!steal || !capable(CAP_SYS_ADMIN)))
        return -EPERM;
    if (!file_reads(f) && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    let_go(t);
    tty_attach(t, self);
    return 0;
}

int tty_give_up(struct tty *t)
{
    struct process *self = process_current();

    if (self->tty != t)
        return -ENOTTY;
    detach(self, false);
    return 0;
}

bool tty_verify(void)
{
    bool ok = true;

    for (const struct process *p = process_all; p; p = p->all_next)
        INV("INV-TTY-1", !p->tty || p->tty->session == p->sid, "process %d of session %d, terminal's %d",
            p->pid, p->sid, p->tty->session);
    return ok;
}
