/*
 * Terminals: the line discipline (ldisc.c) between a device and the programs. There are two, each for
 * itself: /dev/ttyS0 is the serial port, /dev/tty1 the keyboard and the console's screen. /dev/console is
 * one of them (console= says which), and /dev/tty the one that controls the process.
 *
 * Input goes from the device's interrupt through its ring to a task, which feeds the line discipline; so
 * echo and signals happen in a task, and need no interrupt to be off. Output is processed in the writer's
 * call and goes to the device in bursts. What is special about the screen is in tty_screen.c.
 *
 * Job control. A session has at most one controlling terminal, and the terminal one session and one group
 * in the foreground. Reading in the background stops the reader's group with SIGTTIN; changing the
 * terminal there, or writing with TOSTOP, does with SIGTTOU.
 *
 * Hanging up. When the leader of its session ends, what is open of the terminal is cut off: reads find
 * the end, those that wait too, and writes fail. Who opens it afterwards has it again. As on Linux that
 * does not concern what was opened as /dev/console. A file knows in its hint after how many hang-ups it
 * was opened.
 *
 * Locking: tasks, between sleeps. The mutex is for the line discipline, whose echo waits for the devices
 * in the middle of what it does to a line: who changes that, or takes from it, has the mutex. So writers
 * take turns too, and a piece of one's text is not torn by another's.
 *
 * Source: POSIX.1-2017, chapter 11, and tty_ioctl(2) of the Linux manual.
 */
#include "kernel/dev/tty.h"
#include "drivers/serial.h"
#include "kernel/dev/tty_parts.h"
#include "kernel/fs/async.h"
#include "kernel/fs/file.h"
#include "kernel/lib/console.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

#define CHUNK      256u /* bytes on the stack */
#define POLLS      200u /* of a busy port, before the writer sleeps */
#define DEVICE_NS  1000000u
#define DECISECOND 100000000ull

static struct tty serial, screen;
static struct tty *console; /* what /dev/console is */

uint32_t tty_device(const struct tty *t)
{
    return t ? t->rdev : 0;
}

int tty_foreground(const struct tty *t)
{
    return t && t->foreground ? t->foreground : -1;
}

int tty_sessions(void)
{
    return (serial.session != 0) + (screen.session != 0);
}

/* --- output --- */

/* All of it, as it is. The caller has the mutex. */
static void put(const struct tty *t, const char *text, size_t n)
{
    unsigned polls = 0;

    while (n > 0) {
        size_t done = t->put_some(text, n);

        text += done;
        n -= done;
        if (done)
            polls = 0;
        else if (++polls > POLLS)
            task_sleep_ns(DEVICE_NS);
    }
}

static void on_output(void *arg, const char *text, size_t n)
{
    put(arg, text, n);
}

static void on_start(void *arg)
{
    struct tty *t = arg;

    sync_wake(&t->writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
}

/* --- input --- */

static void on_signal(void *arg, enum ldisc_signal s)
{
    static const uint8_t signals[] = {
        [LDISC_INTERRUPT] = SIGINT, [LDISC_QUIT] = SIGQUIT, [LDISC_SUSPEND] = SIGTSTP};
    const struct tty *t = arg;
    const struct siginfo info = {.signo = signals[s], .code = SI_KERNEL};

    if (t->foreground)
        signal_group(t->foreground, &info);
}

/* Who runs gives way, so that ^C is prompt. */
void tty_received(struct tty *t)
{
    os_wake_all(&t->input);
    os_give_way();
}

static void serial_received(void)
{
    tty_received(&serial);
}

void tty_feed(struct tty *t, const char *text, size_t n)
{
    uint32_t lines;

    mutex_lock(&t->lock);
    lines = t->ldisc.canon;
    if (ldisc_room(&t->ldisc) >= n)
        ldisc_input(&t->ldisc, (const uint8_t *)text, n);
    mutex_unlock(&t->lock);
    if (!ldisc_readable(&t->ldisc, 1))
        return;
    sync_wake(&t->readers, POLLIN | POLLRDNORM, SYNC_TASKS);
    if (t->ldisc.canon != lines || !(t->ldisc.termios.lflag & ICANON))
        async_tell(t->async, POLL_IN, ASYNC_ALL);
}

static void serial_task(void *arg)
{
    struct tty *t = arg;

    for (;;) {
        char text[64];
        uint32_t irq = os_irq_save();

        while (!serial_readable() || ldisc_room(&t->ldisc) == 0)
            os_sleep(&t->input);
        os_irq_restore(irq);

        size_t room = ldisc_room(&t->ldisc);

        tty_feed(t, text, serial_read((uint8_t *)text, room < sizeof text ? room : sizeof text));
    }
}

/* --- job control --- */

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

static int may_read(const struct tty *t)
{
    const struct thread *self = thread_current();

    if (!in_background(t, self->process))
        return 0;
    if (ignores_or_blocks(self, SIGTTIN) || signal_group_orphaned(self->process->pgid, 0))
        return -EIO;
    return stop_group(self->process, SIGTTIN);
}

static int may_change(const struct tty *t)
{
    const struct thread *self = thread_current();

    if (!in_background(t, self->process) || ignores_or_blocks(self, SIGTTOU))
        return 0;
    if (signal_group_orphaned(self->process->pgid, 0))
        return -EIO;
    return stop_group(self->process, SIGTTOU);
}

/* Make it the controlling terminal of a session, whose leader's group is in the foreground then. */
static void attach(struct tty *t, struct process *leader)
{
    t->session = leader->sid;
    t->foreground = leader->pgid;
    leader->tty = t;
}

/* The hint of a file that is not hung up. */
#define NEVER UINT64_MAX

static bool hung_up(const struct tty *t, const struct file *f)
{
    return f->hint != NEVER && f->hint != t->hangups;
}

static bool is_hung_up(const struct file *f)
{
    return hung_up(f->data, f);
}

/* Cut off what is open, and forget what was typed for it. */
static void hang_up(struct tty *t)
{
    t->hangups++;
    async_stop(&t->async, is_hung_up);
    ldisc_flush(&t->ldisc);
    t->ldisc.stopped = false;
    os_wake_all(&t->readers);
    os_wake_all(&t->writers);
    os_wake_all(&t->input);
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

    t->session = t->foreground = 0;
    for (struct process *o = process_all; o; o = o->all_next)
        if (o->sid == p->pid)
            o->tty = NULL;
    if (foreground) {
        signal_group(foreground, &hangup);
        if (!ends) /* else that is for groups that become orphans (signal_orphan_groups()) */
            signal_group(foreground, &go_on);
    }
    return true;
}

/* For the end of any process. */
static void process_ends(struct process *p)
{
    struct tty *t = p->tty;

    if (detach(p, true))
        hang_up(t);
}

/* --- files --- */

static int open_tty(struct file *f, struct tty *t)
{
    struct process *p = process_current();

    if (!t->present)
        return -EIO;
    if (p->sid == p->pid && !p->tty && !t->session && !(f->flags & O_NOCTTY))
        attach(t, p);
    f->data = t;
    f->hint = t->hangups;
    return 0;
}

static int serial_open(struct file *f)
{
    return open_tty(f, &serial);
}

static int screen_open(struct file *f)
{
    return open_tty(f, &screen);
}

/* The console itself never becomes anybody's terminal just by being opened. */
static int console_open(struct file *f)
{
    f->data = console;
    f->hint = NEVER;
    return 0;
}

static int own_open(struct file *f)
{
    struct tty *t = process_current()->tty;

    if (!t)
        return -ENXIO;
    f->data = t;
    f->hint = t->hangups;
    return 0;
}

/* When a read has enough: in raw mode that many bytes, and it stops waiting at a time. */
struct patience {
    unsigned least;
    uint64_t first_ns, between_ns; /* limit for the first byte, and between bytes; 0: none */
    bool no_wait;
};

static struct patience patience(const struct tty *t, const struct file *f)
{
    const struct termios *m = &t->ldisc.termios;
    struct patience p = {.least = 1, .no_wait = f->flags & O_NONBLOCK};

    if (m->lflag & ICANON)
        return p;
    if (m->cc[VMIN]) {
        p.least = m->cc[VMIN];
        p.between_ns = m->cc[VTIME] * DECISECOND;
    } else {
        p.first_ns = m->cc[VTIME] * DECISECOND;
        p.no_wait |= !m->cc[VTIME];
    }
    return p;
}

/* Wait for something to read, or a hang-up; limit_ns 0: for as long as it takes. */
static int wait_readable(struct tty *t, uint64_t limit_ns)
{
    uint32_t hangups = t->hangups;
    uint64_t deadline = limit_ns ? os_now_ns() + limit_ns : 0;
    uint32_t irq = os_irq_save();
    int err = 0;

    while (!err && !ldisc_readable(&t->ldisc, 1) && t->hangups == hangups)
        err = thread_sleep_until(&t->readers, deadline);
    os_irq_restore(irq);
    return err;
}

/* One piece of what is there; buf holds `size` bytes. -EAGAIN: somebody else has it now. */
static int read_piece(struct tty *t, vaddr_t va, char *buf, size_t size)
{
    bool is_there;
    size_t n = 0;

    mutex_lock(&t->lock);
    is_there = ldisc_readable(&t->ldisc, 1);
    if (is_there)
        n = ldisc_read(&t->ldisc, buf, size);
    mutex_unlock(&t->lock);
    if (!is_there)
        return -EAGAIN;
    os_wake_all(&t->input); /* there is room */
    return user_copy_out(va, buf, n) == 0 ? (int)n : -EFAULT;
}

static int read_into(struct tty *t, const struct file *f, vaddr_t va, size_t n, char *buf, size_t size)
{
    struct patience p = patience(t, f);
    bool lines = t->ldisc.termios.lflag & ICANON;
    uint32_t hangups = t->hangups;
    size_t got = 0;

    for (;;) {
        int r = 0;

        if (hung_up(t, f))
            return (int)got;
        if (!ldisc_readable(&t->ldisc, 1)) {
            if (p.no_wait)
                r = f->flags & O_NONBLOCK ? -EAGAIN : -ETIMEDOUT;
            else
                r = wait_readable(t, got ? p.between_ns : p.first_ns);
        }
        if (t->hangups != hangups) /* also of the console, this once */
            return (int)got;
        if (r == 0) {
            r = read_piece(t, va + got, buf, n - got < size ? n - got : size);
            if (r == -EAGAIN)
                continue;
        } else if (r == -EINTR) {
            r = -ERESTARTSYS;
        }
        if (r < 0 && got == 0)
            return r == -ETIMEDOUT ? 0 : r;
        if (r < 0)
            return (int)got;
        got += (size_t)r;
        if (lines || got == n || got >= p.least)
            return (int)got;
    }
}

static int tty_read(struct file *f, vaddr_t va, size_t n, uint64_t *pos)
{
    struct tty *t = f->data;
    char small[CHUNK], *buf = small;
    size_t size = n < LDISC_BUFFER ? n : LDISC_BUFFER;
    int r = hung_up(t, f) ? 0 : may_read(t);

    (void)pos;
    if (r || n == 0)
        return r;
    /* A line is read in one piece. */
    if (size > sizeof small) {
        buf = vm_alloc(size);
        if (!buf)
            return -ENOMEM;
    }
    r = read_into(t, f, va, n, buf, size);
    if (buf != small)
        kfree(buf);
    return r;
}

/* Until ^Q. */
static int wait_started(struct tty *t, const struct file *f)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    while (!err && t->ldisc.stopped && !hung_up(t, f))
        err = f->flags & O_NONBLOCK ? -EAGAIN : thread_sleep(&t->writers);
    os_irq_restore(irq);
    return err == -EINTR ? -ERESTARTSYS : err;
}

/* A piece that fits into CHUNK bytes on the screen. Bytes taken, or -errno. */
static int write_piece(struct tty *t, vaddr_t va, size_t n)
{
    char text[CHUNK / 2], out[CHUNK];
    size_t size = n < sizeof text ? n : sizeof text, taken, made;

    if (user_copy_in(text, va, size) != 0)
        return -EFAULT;
    mutex_lock(&t->lock);
    made = ldisc_output(&t->ldisc, text, size, out, sizeof out, &taken);
    put(t, out, made);
    mutex_unlock(&t->lock);
    return (int)taken;
}

static int tty_write(struct file *f, vaddr_t va, size_t n, uint64_t *pos)
{
    struct tty *t = f->data;
    size_t done = 0;
    int r = t->ldisc.termios.lflag & TOSTOP ? may_change(t) : 0;

    (void)pos;
    while (r >= 0 && done < n) {
        r = wait_started(t, f);
        if (hung_up(t, f))
            r = -EIO;
        if (r == 0)
            r = write_piece(t, va + done, n - done);
        if (r > 0)
            done += (size_t)r;
        /* A signal ends a long text. */
        if (done < n && signal_pending(thread_current()))
            r = -ERESTARTSYS;
    }
    return done ? (int)done : r;
}

static unsigned tty_poll(struct file *f, struct poll_table *table)
{
    struct tty *t = f->data;
    const uint8_t *cc = t->ldisc.termios.cc;
    unsigned events = 0;

    if (table) {
        poll_register(table, &t->readers);
        poll_register(table, &t->writers);
    }
    if (hung_up(t, f))
        return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
    if (ldisc_readable(&t->ldisc, cc[VTIME] ? 1 : cc[VMIN]))
        events |= POLLIN | POLLRDNORM;
    if (!t->ldisc.stopped)
        events |= POLLOUT | POLLWRNORM;
    return events;
}

/* --- ioctl --- */

enum {
    TCGETS = 0x5401,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCGETA,
    TCSETA,
    TCSETAW,
    TCSETAF,
    TCSBRK,
    TCXONC,
    TCFLSH,
    TIOCEXCL,
    TIOCNXCL,
    TIOCSCTTY,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCOUTQ,
    TIOCSTI,
    TIOCGWINSZ,
    TIOCSWINSZ,
    FIONREAD = 0x541B,
    TIOCNOTTY = 0x5422,
    TCSBRKP = 0x5425,
    TIOCGSID = 0x5429,
    TIOCGDEV = (int)0x80045432,
    TCGETS2 = (int)0x802C542A,
    TCSETS2 = 0x402C542B,
    TCSETSW2,
    TCSETSF2,
};

/* The two layouts: struct termios with and without the speeds, and the old struct termio. */
#define TERMIOS_SIZE offsetof(struct termios, ispeed)

struct termio {
    uint16_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[8];
};
_Static_assert(sizeof(struct termio) == 18, "asm/termios.h");

/* What is copied out is of one moment, though the copy sleeps. */
static int get_termios(const struct tty *t, vaddr_t va, size_t n)
{
    struct termios m = t->ldisc.termios;

    return user_copy_out(va, &m, n);
}

static int get_termio(const struct tty *t, vaddr_t va)
{
    const struct termios *m = &t->ldisc.termios;
    struct termio o = {
        .iflag = (uint16_t)m->iflag,
        .oflag = (uint16_t)m->oflag,
        .cflag = (uint16_t)m->cflag,
        .lflag = (uint16_t)m->lflag,
        .line = m->line,
    };

    memcpy(o.cc, m->cc, sizeof o.cc);
    return user_copy_out(va, &o, sizeof o);
}

/* The settings as a program gives them. */
union given_termios {
    struct termios m;
    struct termio o;
};

static int read_termios(unsigned cmd, vaddr_t va, union given_termios *given)
{
    if (cmd < TCSETA)
        return user_copy_in(&given->m, va, TERMIOS_SIZE);
    if (cmd > TCSETAF)
        return user_copy_in(&given->m, va, sizeof given->m);
    return user_copy_in(&given->o, va, sizeof given->o);
}

/* Change m, the present settings, to those. */
static void take_termios(unsigned cmd, const union given_termios *given, struct termios *m)
{
    const struct termio *o = &given->o;

    if (cmd < TCSETA || cmd > TCSETAF) {
        memcpy(m, &given->m, cmd < TCSETA ? TERMIOS_SIZE : sizeof *m);
        return;
    }
    m->iflag = (m->iflag & 0xFFFF0000) | o->iflag;
    m->oflag = (m->oflag & 0xFFFF0000) | o->oflag;
    m->cflag = (m->cflag & 0xFFFF0000) | o->cflag;
    m->lflag = (m->lflag & 0xFFFF0000) | o->lflag;
    m->line = o->line;
    memcpy(m->cc, o->cc, sizeof o->cc);
}

static int set_termios(struct tty *t, unsigned cmd, vaddr_t va)
{
    union given_termios given;
    struct termios m;
    int err = may_change(t);

    if (!err)
        err = read_termios(cmd, va, &given);
    if (err)
        return err;
    mutex_lock(&t->lock);
    m = t->ldisc.termios;
    take_termios(cmd, &given, &m);
    if (cmd == TCSETSF || cmd == TCSETAF || cmd == TCSETSF2)
        ldisc_flush(&t->ldisc);
    ldisc_set_termios(&t->ldisc, &m);
    mutex_unlock(&t->lock);
    /* What was half a line may be readable now. */
    sync_wake(&t->readers, POLLIN | POLLRDNORM, SYNC_TASKS);
    os_wake_all(&t->input);
    return 0;
}

static int get_size(const struct tty *t, vaddr_t va)
{
    struct winsize w = t->size;

    return user_copy_out(va, &w, sizeof w);
}

static int set_size(struct tty *t, vaddr_t va)
{
    static const struct siginfo changed = {.signo = SIGWINCH, .code = SI_KERNEL};
    struct winsize w;

    if (user_copy_in(&w, va, sizeof w) != 0)
        return -EFAULT;
    if (memcmp(&w, &t->size, sizeof w) != 0 && t->foreground)
        signal_group(t->foreground, &changed);
    t->size = w;
    return 0;
}

/* A character as if it had come from the keyboard. */
static int type_for_user(struct tty *t, vaddr_t va)
{
    char c;

    if (process_current()->tty != t && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (user_copy_in(&c, va, 1) != 0)
        return -EFAULT;
    tty_feed(t, &c, 1);
    return 0;
}

static int set_foreground(struct tty *t, vaddr_t va)
{
    struct process *self = process_current(), *p;
    uint32_t pgid;
    int err = may_change(t);

    if (err)
        return err;
    if (user_read32(&pgid, va) != 0)
        return -EFAULT;
    if ((int)pgid < 0)
        return -EINVAL;
    if (self->tty != t || t->session != self->sid)
        return -ENOTTY;
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

/* steal: from another session. */
static int set_controlling(struct tty *t, bool steal)
{
    struct process *self = process_current();

    if (self->sid == self->pid && t->session == self->sid)
        return 0;
    if (self->sid != self->pid || self->tty)
        return -EPERM;
    if (t->session && !steal)
        return -EPERM;
    for (struct process *p = process_all; t->session && p; p = p->all_next)
        if (p->sid == t->session)
            p->tty = NULL;
    attach(t, self);
    return 0;
}

static int flush(struct tty *t, uint32_t which)
{
    enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
    int err = may_change(t);

    if (err || which == TCOFLUSH) /* output is never kept */
        return err;
    if (which > TCIOFLUSH)
        return -EINVAL;
    mutex_lock(&t->lock);
    ldisc_flush(&t->ldisc);
    mutex_unlock(&t->lock);
    os_wake_all(&t->input);
    return 0;
}

static int flow(struct tty *t, uint32_t what)
{
    enum { TCOOFF, TCOON, TCIOFF, TCION };
    int err = may_change(t);

    if (err)
        return err;
    if (what > TCION)
        return -EINVAL;
    if (what == TCOOFF || what == TCOON)
        t->ldisc.stopped = what == TCOOFF;
    sync_wake(&t->writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
    return 0;
}

static int tty_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
    struct tty *t = f->data;
    struct process *self = process_current();

    if (hung_up(t, f))
        return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (cmd) {
    case TCGETS:
        return get_termios(t, arg, TERMIOS_SIZE);
    case (unsigned)TCGETS2:
        return get_termios(t, arg, sizeof(struct termios));
    case TCGETA:
        return get_termio(t, arg);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_termios(t, cmd, arg);
    case TIOCGWINSZ:
        return get_size(t, arg);
    case TIOCSWINSZ:
        return set_size(t, arg);
    case TIOCSTI:
        return type_for_user(t, arg);
    case TIOCGPGRP:
        return self->tty == t ? user_write32(arg, (uint32_t)t->foreground) : -ENOTTY;
    case TIOCSPGRP:
        return set_foreground(t, arg);
    case TIOCGSID:
        return self->tty == t ? user_write32(arg, (uint32_t)t->session) : -ENOTTY;
    case (unsigned)TIOCGDEV: /* what /dev/console really is */
        return user_write32(arg, t->rdev);
    case TIOCSCTTY:
        return set_controlling(t, arg == 1);
    case TIOCNOTTY:
        if (self->tty != t)
            return -ENOTTY;
        detach(self, false);
        return 0;
    case FIONREAD:
        return user_write32(arg, (uint32_t)ldisc_waiting(&t->ldisc));
    case TIOCOUTQ:
        return user_write32(arg, 0);
    case TCSBRK: /* there is no break to send, and output is out when write() returns */
    case TCSBRKP:
        return may_change(t);
    case TCXONC:
        return flow(t, arg);
    case TCFLSH:
        return flush(t, arg);
    case TIOCEXCL:
    case TIOCNXCL: /* root may open it all the same */
        return 0;
    default:
        return -ENOTTY;
    }
}

/* Who names nobody means those in the foreground. */
static struct async **tty_async(struct file *f)
{
    struct tty *t = f->data;

    if (hung_up(t, f))
        return NULL;
    if (t->foreground)
        async_suggest_owner(f, ASYNC_GROUP, t->foreground);
    else
        async_suggest_owner(f, ASYNC_PROCESS, process_current()->pid);
    return &t->async;
}

#define TTY_OPS(open_)                                                                                       \
    {                                                                                                        \
        .open = open_, .read = tty_read, .write = tty_write, .ioctl = tty_ioctl, .poll = tty_poll,           \
        .async = tty_async,                                                                                  \
    }
static const struct file_ops serial_ops = TTY_OPS(serial_open);
static const struct file_ops screen_ops = TTY_OPS(screen_open);
static const struct file_ops console_ops = TTY_OPS(console_open);
static const struct file_ops own_ops = TTY_OPS(own_open);

static const struct ldisc_ops ldisc_ops = {on_output, on_signal, on_start};

static void terminal_init(struct tty *t, uint32_t rdev, uint16_t rows,
                          size_t (*put_some)(const char *, size_t))
{
    ldisc_init(&t->ldisc, &ldisc_ops, t);
    t->rdev = rdev;
    t->size = (struct winsize){.rows = rows, .columns = 80};
    t->put_some = put_some;
}

int tty_init(unsigned preferred)
{
    process_on_end(process_ends);
    terminal_init(&serial, MKDEV(4, 64), 24, serial_write_some);
    terminal_init(&screen, MKDEV(4, 1), TTY_SCREEN_ROWS, tty_screen_put_some);
    screen.ldisc.termios.iflag |= IUTF8;
    serial.present = serial_is_there();
    screen.present = true;
    console = preferred == CONSOLE_SCREEN || !serial.present ? &screen : &serial;
    if (tty_screen_start(&screen) != 0 || (serial.present && !task_create("ttyS0", serial_task, &serial)))
        return -ENOMEM;
    chardev_register(MKDEV(5, 0), "tty", &own_ops);
    chardev_register(MKDEV(5, 1), "console", &console_ops);
    chardev_register(MKDEV(4, 64), "ttyS0", &serial_ops);
    chardev_register(MKDEV(4, 0), "tty0", &screen_ops);
    chardev_register(MKDEV(4, 1), "tty1", &screen_ops);
    return serial_listen(serial_received);
}
