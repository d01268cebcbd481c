/*
 * Terminals: what ioctl(2) asks of them: settings, size, flow, queues, job control (tty_job.c).
 *
 * Both sides of a pseudo-terminal are asked here (pty.c): what is about the terminal is the same whichever
 * side asks.
 *
 * Locking: as tty.c. Failure: -errno as Linux.
 *
 * Source: tty_ioctl(2) and ioctl_tty(2) of the Linux manual.
 */
#include "kernel/dev/tty_parts.h"
#include "kernel/fs/file.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/x86/usercopy.h"

enum {
    TCGETS = 0x5401,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCGETA,
    TCSETA,
    TCSETAW,
    TCSETAF,
    TIOCSCTTY = 0x540E,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCOUTQ,
    TIOCGWINSZ = 0x5413,
    TIOCSWINSZ,
    TIOCGSOFTCAR = 0x5419,
    TIOCSSOFTCAR,
    TIOCNOTTY = 0x5422,
    TIOCSETD,
    TIOCGETD,
    TIOCGSID = 0x5429,
    TIOCVHANGUP = 0x5437,
    TIOCGLCKTRMIOS = 0x5456,
    TIOCSLCKTRMIOS,
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

static uint32_t keep(uint32_t new, uint32_t old, uint32_t locked)
{
    return (new & ~locked) | (old & locked);
}

/* What is locked of the settings stays as it was. */
static void keep_locked(struct termios *m, const struct termios *old, const struct termios *locked)
{
    m->iflag = keep(m->iflag, old->iflag, locked->iflag);
    m->oflag = keep(m->oflag, old->oflag, locked->oflag);
    m->cflag = keep(m->cflag, old->cflag, locked->cflag);
    m->lflag = keep(m->lflag, old->lflag, locked->lflag);
    m->line = locked->line ? old->line : m->line;
    for (unsigned i = 0; i < ARRAY_LEN(m->cc); i++)
        m->cc[i] = locked->cc[i] ? old->cc[i] : m->cc[i];
}

/* The settings become m. The caller has the mutex. */
static void change_termios(struct tty *t, struct termios *m)
{
    struct termios old = t->ldisc.termios;

    if (t->other_side)
        m->cflag = (m->cflag & ~(uint32_t)(CS8 | PARENB)) | CS8 | CREAD;
    ldisc_set_termios(&t->ldisc, m);
    if (t->driver->set)
        t->driver->set(t, &old);
}

static int set_termios(struct tty *t, unsigned cmd, vaddr_t va)
{
    union given_termios given;
    struct termios m;
    int err = tty_may_change(t);

    if (!err)
        err = read_termios(cmd, va, &given);
    if (err)
        return err;
    mutex_lock(&t->lock);
    m = t->ldisc.termios;
    take_termios(cmd, &given, &m);
    keep_locked(&m, &t->ldisc.termios, &t->locked);
    if (cmd == TCSETSF || cmd == TCSETAF || cmd == TCSETSF2)
        tty_flush_input(t);
    change_termios(t, &m);
    mutex_unlock(&t->lock);
    /* What was half a line may be readable now. */
    sync_wake(&t->readers, POLLIN | POLLRDNORM, SYNC_TASKS);
    tty_drained(t);
    return 0;
}

static int get_locked(const struct tty *t, vaddr_t va)
{
    struct termios m = t->locked;

    return user_copy_out(va, &m, TERMIOS_SIZE);
}

static int set_locked(struct tty *t, vaddr_t va)
{
    struct termios m = {0};

    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (user_copy_in(&m, va, TERMIOS_SIZE))
        return -EFAULT;
    mutex_lock(&t->lock);
    t->locked = m;
    mutex_unlock(&t->lock);
    return 0;
}

/* Whether a line is there though no carrier says so. */
static int set_local(struct tty *t, vaddr_t va)
{
    struct termios m;
    uint32_t on;

    if (user_read32(&on, va))
        return -EFAULT;
    mutex_lock(&t->lock);
    m = t->ldisc.termios;
    m.cflag = on ? m.cflag | CLOCAL : m.cflag & ~(uint32_t)CLOCAL;
    change_termios(t, &m);
    mutex_unlock(&t->lock);
    return 0;
}

static int get_size(const struct tty *t, vaddr_t va)
{
    struct winsize w = t->size;

    return user_copy_out(va, &w, sizeof w);
}

static int set_size(struct tty *t, vaddr_t va)
{
    struct winsize w;

    if (user_copy_in(&w, va, sizeof w) != 0)
        return -EFAULT;
    if (memcmp(&w, &t->size, sizeof w) != 0)
        tty_signal_foreground(t, SIGWINCH);
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

static int flush(struct tty *t, uint32_t which)
{
    int err = tty_may_change(t);

    if (err)
        return err;
    if (which > TCIOFLUSH)
        return -EINVAL;
    mutex_lock(&t->lock);
    if (which != TCOFLUSH)
        tty_flush_input(t);
    if (which != TCIFLUSH && t->driver->flush)
        t->driver->flush(t);
    mutex_unlock(&t->lock);
    tty_drained(t);
    return 0;
}

/* Have what sends characters stop or go on, by the character for it. */
static int ask_sender(struct tty *t, unsigned kind)
{
    uint8_t c = t->ldisc.termios.cc[kind];

    if (!c) /* there is none */
        return 0;
    mutex_lock(&t->lock);
    tty_put(t, (const char *)&c, 1);
    mutex_unlock(&t->lock);
    return 0;
}

static int flow(struct tty *t, uint32_t what)
{
    int err = tty_may_change(t);

    if (err)
        return err;
    switch (what) {
    case TCOOFF:
    case TCOON:
        ldisc_hold(&t->ldisc, what == TCOOFF);
        return 0;
    case TCIOFF:
    case TCION:
        return ask_sender(t, what == TCIOFF ? VSTOP : VSTART);
    default:
        return -EINVAL;
    }
}

/* The line discipline by number: there is one. */
static int set_discipline(vaddr_t va)
{
    uint32_t n;

    if (user_read32(&n, va) != 0)
        return -EFAULT;
    return n ? -EINVAL : 0;
}

int tty_control(struct tty *t, const struct file *f, bool own, unsigned cmd, vaddr_t arg)
{
    bool mine = !own || process_current()->tty == t;

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
    case TIOCGLCKTRMIOS:
        return get_locked(t, arg);
    case TIOCSLCKTRMIOS:
        return set_locked(t, arg);
    case TIOCGSOFTCAR:
        return user_write32(arg, t->ldisc.termios.cflag & CLOCAL ? 1 : 0);
    case TIOCSSOFTCAR:
        return set_local(t, arg);
    case TIOCGWINSZ:
        return get_size(t, arg);
    case TIOCSWINSZ:
        return set_size(t, arg);
    case TIOCGPGRP:
        return mine ? user_write32(arg, (uint32_t)t->foreground) : -ENOTTY;
    case TIOCSPGRP:
        return tty_set_foreground(t, arg);
    case TIOCGSID:
        return mine && t->session ? user_write32(arg, (uint32_t)t->session) : -ENOTTY;
    case TIOCSCTTY:
        return tty_set_controlling(t, f, arg == 1);
    case TIOCNOTTY:
        return own ? tty_give_up(t) : -ENOTTY;
    case TIOCOUTQ:
        return user_write32(arg, 0);
    case TIOCGETD:
        return user_write32(arg, 0);
    case TIOCSETD:
        return set_discipline(arg);
    default:
        return -ENOTTY;
    }
}

int tty_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
    struct tty *t = f->data;

    if (tty_hung_up(t, f))
        return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (cmd) {
    case TIOCSTI:
        return type_for_user(t, arg);
    case (unsigned)TIOCGDEV: /* what /dev/console really is */
        return user_write32(arg, t->rdev);
    case FIONREAD:
        return user_write32(arg, (uint32_t)ldisc_waiting(&t->ldisc));
    case TCSBRK: /* there is no break to send, and output is out when write() returns */
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK:
        return tty_may_change(t);
    case TIOCVHANGUP:
        if (!capable(CAP_SYS_ADMIN))
            return -EPERM;
        tty_begin_again(t);
        return 0;
    case TCXONC:
        return flow(t, arg);
    case TCFLSH:
        return flush(t, arg);
    case TIOCEXCL:
    case TIOCNXCL:
        t->exclusive = cmd == TIOCEXCL;
        return 0;
    case (unsigned)TIOCGEXCL:
        return user_write32(arg, t->exclusive);
    case TIOCGPTPEER: /* it is no master */
        return -EIO;
    default:
        return tty_control(t, f, true, cmd, arg);
    }
}
