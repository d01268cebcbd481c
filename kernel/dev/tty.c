/*
 * Terminals: the line discipline (ldisc.c) between a device, or the other side of a pair, and the programs.
 *
 * A terminal has a driver, which puts characters out and brings in those that come: the serial port and the
 * screen (tty_console.c), and pseudo-terminals, whose other side is a program (pty.c). All else is the same
 * for all: this file reads and writes, tty_ioctl.c has the settings, tty_job.c sessions and signals.
 *
 * Input is fed to the line discipline in a task; so echo and signals happen in a task, and need no interrupt
 * to be off. Output is processed in the writer's call and goes to the driver in bursts.
 *
 * Locking: tasks, between sleeps. The mutex is for the line discipline, whose echo waits for devices in the
 * middle of what it does to a line: who changes that, or takes from it, has the mutex. So writers take turns
 * too, and a piece of one's text is not torn by another's.
 *
 * Failure: input for which there is no room is lost if its sender does not wait.
 *
 * Source: POSIX.1-2017, chapter 11.
 */
#include "kernel/dev/tty.h"
#include "kernel/dev/tty_parts.h"
#include "kernel/fs/async.h"
#include "kernel/fs/file.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

#define CHUNK      256u /* bytes on the stack */
#define ROOM_LEAST 8u   /* what one character may become */
#define POLLS      200u /* of a busy port, before the writer sleeps */
#define DEVICE_NS  1000000u
#define DECISECOND 100000000ull

uint32_t tty_device(const struct tty *t)
{
    return t ? t->rdev : 0;
}

/* --- output --- */

void tty_put(struct tty *t, const char *text, size_t n)
{
    unsigned polls = 0;

    while (n > 0) {
        size_t done = t->driver->put(t, text, n);

        if (!done && t->other_side)
            return;
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
    struct tty *t = arg;

    if (t->driver->echo)
        t->driver->echo(t, text, n);
    else
        tty_put(t, text, n);
}

static void on_retry(void *arg)
{
    struct tty *t = arg;

    if (t->driver->echo)
        t->driver->echo(t, NULL, 0);
}

static void on_start(void *arg)
{
    struct tty *t = arg;

    sync_wake(&t->writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
    if (t->driver->stopped)
        t->driver->stopped(t, false);
}

static void on_stop(void *arg)
{
    struct tty *t = arg;

    if (t->driver->stopped)
        t->driver->stopped(t, true);
}

static void on_flush(void *arg)
{
    struct tty *t = arg;

    if (t->driver->unecho)
        t->driver->unecho(t);
    if (t->driver->flush) {
        t->driver->flush(t);
        t->driver->flushed(t);
    }
}

static void on_signal(void *arg, enum ldisc_signal s)
{
    static const uint8_t signals[] = {
        [LDISC_INTERRUPT] = SIGINT, [LDISC_QUIT] = SIGQUIT, [LDISC_SUSPEND] = SIGTSTP};

    tty_signal_foreground(arg, signals[s]);
}

static const struct ldisc_ops ldisc_ops = {.output = on_output,
                                           .retry = on_retry,
                                           .signal = on_signal,
                                           .start = on_start,
                                           .stop = on_stop,
                                           .flush = on_flush};

void tty_start(struct tty *t, const struct tty_driver *driver, uint32_t rdev)
{
    t->driver = driver;
    t->rdev = rdev;
    ldisc_init(&t->ldisc, &ldisc_ops, t);
}

/* --- input --- */

void tty_tell(struct tty *t, uint32_t lines)
{
    if (!ldisc_readable(&t->ldisc, 1))
        return;
    sync_wake(&t->readers, POLLIN | POLLRDNORM, SYNC_TASKS);
    if (t->ldisc.canon != lines || !ldisc_in_lines(&t->ldisc))
        async_tell(t->async, POLL_IN, ASYNC_ALL);
}

void tty_feed(struct tty *t, const char *text, size_t n)
{
    uint32_t lines;

    mutex_lock(&t->lock);
    lines = t->ldisc.canon;
    if (ldisc_room(&t->ldisc) >= n)
        ldisc_input(&t->ldisc, (const uint8_t *)text, n);
    mutex_unlock(&t->lock);
    tty_tell(t, lines);
}

void tty_flush_input(struct tty *t)
{
    ldisc_flush(&t->ldisc);
    if (t->driver->flushed)
        t->driver->flushed(t);
}

void tty_drained(struct tty *t)
{
    if (t->driver->drained)
        t->driver->drained(t);
    else
        os_wake_all(&t->input);
}

/* --- files --- */

int tty_open(struct file *f, struct tty *t)
{
    struct process *p = process_current();
    int err;

    if (t->exclusive && !capable(CAP_SYS_ADMIN))
        return -EBUSY;
    err = t->driver->opened ? t->driver->opened(t) : 0;
    if (err)
        return err;
    if (p->sid == p->pid && !p->tty && !t->session && !(f->flags & O_NOCTTY) && file_reads(f))
        tty_attach(t, p);
    f->data = t;
    f->hint = t->hangups;
    return 0;
}

void tty_release(struct file *f)
{
    struct tty *t = f->data;

    if (t->driver->closed)
        t->driver->closed(t);
}

/* When a read has enough: in raw mode that many bytes, and it stops waiting at a time. */
struct patience {
    unsigned least;
    uint64_t first_ns, between_ns; /* limit for the first byte, and between bytes; 0: none */
    int instead;                   /* of waiting: 0, or -EAGAIN or -ETIMEDOUT at once */
};

static struct patience patience(const struct tty *t, const struct file *f)
{
    const struct termios *m = &t->ldisc.termios;
    struct patience p = {.least = 1, .instead = f->flags & O_NONBLOCK ? -EAGAIN : 0};

    if (ldisc_in_lines(&t->ldisc))
        return p;
    if (m->cc[VMIN]) {
        p.least = m->cc[VMIN];
        p.between_ns = m->cc[VTIME] * DECISECOND;
    } else {
        p.first_ns = m->cc[VTIME] * DECISECOND;
        if (!m->cc[VTIME])
            p.instead = -ETIMEDOUT;
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
    tty_drained(t);
    return user_copy_out(va, buf, n) == 0 ? (int)n : -EFAULT;
}

static int read_into(struct tty *t, const struct file *f, vaddr_t va, size_t n, char *buf, size_t size)
{
    struct patience p = patience(t, f);
    bool lines = ldisc_in_lines(&t->ldisc);
    uint32_t hangups = t->hangups;
    size_t got = 0;

    for (;;) {
        int r = 0;

        if (tty_hung_up(t, f))
            return (int)got;
        if (!ldisc_readable(&t->ldisc, 1)) {
            if (p.instead)
                r = p.instead;
            else
                r = wait_readable(t, got ? p.between_ns : p.first_ns);
        }
        if (t->hangups != hangups) /* also of the console, this once */
            return got || !t->dead ? (int)got : -EIO;
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

int tty_read(struct file *f, vaddr_t va, size_t n, uint64_t *pos)
{
    struct tty *t = f->data;
    char small[CHUNK], *buf = small;
    size_t size = n < LDISC_BUFFER ? n : LDISC_BUFFER;
    int r = tty_hung_up(t, f) ? 0 : tty_may_read(t);

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

/* Whether the driver takes something. */
static bool has_room(const struct tty *t)
{
    return !t->driver->room || t->driver->room(t) >= ROOM_LEAST;
}

/* Until ^Q, and until there is room. */
static int wait_writable(struct tty *t, const struct file *f)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    while (!err && (t->ldisc.stopped || !has_room(t)) && !tty_hung_up(t, f))
        err = f->flags & O_NONBLOCK ? -EAGAIN : thread_sleep(&t->writers);
    os_irq_restore(irq);
    return err == -EINTR ? -ERESTARTSYS : err;
}

/* A piece that fits into CHUNK bytes on the screen. Bytes taken, maybe none, or -errno. */
static int write_piece(struct tty *t, vaddr_t va, size_t n)
{
    char text[CHUNK / 2], out[CHUNK];
    size_t size = n < sizeof text ? n : sizeof text, taken = 0, made, room = sizeof out;

    if (user_copy_in(text, va, size) != 0)
        return -EFAULT;
    mutex_lock(&t->lock);
    on_retry(t); /* echo comes before what is written after it */
    if (t->driver->room && t->driver->room(t) < room)
        room = t->driver->room(t);
    if (room >= ROOM_LEAST && !t->ldisc.stopped) {
        made = ldisc_output(&t->ldisc, text, size, out, room, &taken);
        tty_put(t, out, made);
    }
    mutex_unlock(&t->lock);
    return (int)taken;
}

int tty_write(struct file *f, vaddr_t va, size_t n, uint64_t *pos)
{
    struct tty *t = f->data;
    size_t done = 0;
    int r = t->ldisc.termios.lflag & TOSTOP ? tty_may_change(t) : 0;

    (void)pos;
    while (r >= 0 && done < n) {
        r = wait_writable(t, f);
        if (tty_hung_up(t, f))
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

unsigned tty_poll(struct file *f, struct poll_table *table)
{
    struct tty *t = f->data;
    const uint8_t *cc = t->ldisc.termios.cc;
    unsigned events = 0;

    if (table) {
        poll_register(table, &t->readers);
        poll_register(table, &t->writers);
    }
    if (tty_hung_up(t, f))
        return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
    if (ldisc_readable(&t->ldisc, cc[VTIME] ? 1 : cc[VMIN]))
        events |= POLLIN | POLLRDNORM;
    if (!t->ldisc.stopped && has_room(t))
        events |= POLLOUT | POLLWRNORM;
    return events;
}

/* Who names nobody means those in the foreground. */
struct async **tty_async(struct file *f)
{
    struct tty *t = f->data;

    if (tty_hung_up(t, f))
        return NULL;
    if (t->foreground)
        async_suggest_owner(f, ASYNC_GROUP, t->foreground);
    else
        async_suggest_owner(f, ASYNC_PROCESS, process_current()->pid);
    return &t->async;
}
