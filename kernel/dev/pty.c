/*
 * Pseudo-terminals: a terminal whose other side is a program.
 *
 * Purpose. A pair is made by opening ptmx, which is the master. The slave is a terminal like any other
 * (tty.c), with a name in devpts. What is written to the master is typed there; what the slave puts out, the
 * echo too, is read from the master.
 *
 *     master write  ->  in   ->  line discipline  ->  slave read
 *     master read   <-  out  <-  line discipline  <-  slave write
 *                                     '-> echo ->  out
 *
 * Data. struct pty is the terminal and three rows of bytes, which take memory as they fill. The slave's
 * writes leave a part of `out` to the echo, for which nobody can wait: the one who would have to read may be
 * the one who writes. When that part is full, too, and while output is stopped, echo is kept in a row of its
 * own; it comes out before more echo, before what is written, and when ^Q lets output go on. As on Linux the
 * oldest of it is lost when there is too much.
 *
 * The pair lives as long as one of its files. When the master goes, the name goes and the terminal is hung
 * up; its number can be had again. When the last file of the slave goes, the master reads what is there, then
 * -EIO, until the slave is opened again.
 *
 * Packet mode (TIOCPKT): each read begins with a byte, which is 0 before data, else it tells what happened at
 * the slave since, and is all that the read gives.
 *
 *     INV-PTY-1  pty_count is the number of pairs in the list; each has a file
 *     INV-PTY-2  a pair whose master is open is in its filesystem's list, which is in order of numbers
 *     INV-PTY-3  out and in have at most PTY_BUFFER bytes, echo ECHO_MOST
 *
 * Locking: between sleeps. What goes through the line discipline has tty.lock. The reading master needs no
 * turn: copying to a program comes after the taking.
 *
 * Failure. No memory at the making: -ENOMEM, and nothing is left; later, the rows are shorter.
 *
 * Source: pty(7) and ioctl_tty(2) of the Linux manual.
 */
#include "kernel/dev/pty.h"
#include "kernel/dev/devpts.h"
#include "kernel/dev/fifo.h"
#include "kernel/dev/tty_parts.h"
#include "kernel/fs/async.h"
#include "kernel/fs/file.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(pairs, "pseudo-terminals");

#define CHUNK      256u
#define PTY_BUFFER 65536u /* bytes on the way in each direction, as on Linux */
#define ECHO_PART  4096u  /* of out, which writes leave free */
#define ECHO_MOST  3807u  /* bytes of echo that wait, as on Linux */
#define ECHO_ROW   4096u  /* a power of two with room for more of it */
#define READ_MOST                                                                                            \
    4095u /* what a read of the master gives, and what cannot be flushed any more: as on Linux */

/* A pair's references to its filesystem, pty.root and name, which do not keep it mounted. */
#define PAIR_SILENT 2u

/* Packet mode: what happened. */
enum {
    PACKET_FLUSHREAD = 1,
    PACKET_FLUSHWRITE = 2,
    PACKET_STOP = 4,
    PACKET_START = 8,
    PACKET_NOSTOP = 16,
    PACKET_DOSTOP = 32,
    PACKET_IOCTL = 64,
};

struct pty {
    struct tty tty; /* the slave */
    uint32_t refs;  /* files of both sides */
    uint32_t slaves;
    bool locked;    /* the slave cannot be opened: TIOCSPTLCK */
    bool left;      /* the slave was open, and is not any more */
    bool packet;    /* packet mode */
    uint8_t status; /* PACKET_*, not told yet */
    bool held;      /* the master's output: TCOOFF */
    bool exclusive; /* the master's: said, and of no use */
    struct fifo in, out;
    struct fifo echo;              /* that is not in out yet */
    struct waitq readers, writers; /* of the master */
    struct async *async;
    uint32_t index;
    struct inode *root, *name; /* in devpts, referenced; name NULL: it has gone */
    struct pty *next;          /* of the filesystem, by index */
    struct pty *all_next, **all_at;
};

uint32_t pty_count, pty_max = 4096, pty_reserve = 1024;
static struct pty *all;

static struct pty *pty_of(const struct tty *t)
{
    return container_of(t, struct pty, tty);
}

/* --- beginning and end --- */

static struct pty **list_of(const struct pty *p)
{
    return &((struct devpts *)p->root->fs->data)->ptys;
}

/* Give the lowest number that is free. 0 or -ENOSPC. */
static int claim(struct pty *p)
{
    const struct devpts *d = p->root->fs->data;
    struct pty **at = list_of(p);
    uint32_t index = 0;

    if (pty_count + 1 >= pty_max)
        return -ENOSPC;
    for (; *at && (*at)->index == index; at = &(*at)->next)
        index++;
    if (index >= d->max)
        return -ENOSPC;
    p->index = index;
    p->next = *at;
    *at = p;
    pty_count++;
    return 0;
}

static void unclaim(struct pty *p)
{
    struct pty **at = list_of(p);

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    pty_count--;
}

static void enter(struct pty *p)
{
    p->all_at = &all;
    p->all_next = all;
    if (all)
        all->all_at = &p->all_next;
    all = p;
    pairs.count++;
}

/* A file less. */
static void put(struct pty *p)
{
    mm_assert(p->refs > 0, "terminal %u", p->index);
    if (--p->refs)
        return;
    *p->all_at = p->all_next;
    if (p->all_next)
        p->all_next->all_at = p->all_at;
    fifo_free(&p->in);
    fifo_free(&p->out);
    fifo_free(&p->echo);
    kfree(p);
    pairs.count--;
}

/* --- telling the master --- */

static void tell_status(struct pty *p, unsigned no_longer, unsigned now)
{
    if (!p->packet)
        return;
    p->status = (uint8_t)((p->status & ~no_longer) | now);
    sync_wake(&p->readers, POLLIN | POLLRDNORM | POLLPRI, SYNC_TASKS);
}

/* --- the slave's driver --- */

static size_t slave_put(struct tty *t, const char *text, size_t n)
{
    struct pty *p = pty_of(t);
    size_t done;

    if (t->dead)
        return n;
    done = fifo_put(&p->out, text, n, PTY_BUFFER);
    if (done) {
        sync_wake(&p->readers, POLLIN | POLLRDNORM, SYNC_TASKS);
        async_tell(p->async, POLL_IN, ASYNC_ALL);
    }
    return done;
}

/* Put out echo that waits. Whether all of it is out. */
static bool echo_out(struct pty *p)
{
    while (fifo_used(&p->echo)) {
        size_t room = fifo_room(&p->out, PTY_BUFFER);
        char text[CHUNK];

        if (!room)
            return false;
        slave_put(&p->tty, text, fifo_take(&p->echo, text, room < sizeof text ? room : sizeof text));
    }
    return true;
}

static void slave_echo(struct tty *t, const char *text, size_t n)
{
    struct pty *p = pty_of(t);
    char over[CHUNK];

    if (!t->ldisc.stopped && echo_out(p)) {
        size_t done = slave_put(t, text, n);

        text += done;
        n -= done;
    }
    while (n) {
        size_t part = n < sizeof over ? n : sizeof over;

        fifo_put(&p->echo, text, part, ECHO_ROW);
        if (fifo_used(&p->echo) > ECHO_MOST)
            fifo_take(&p->echo, over, fifo_used(&p->echo) - ECHO_MOST);
        text += part;
        n -= part;
    }
}

static void slave_unecho(struct tty *t)
{
    fifo_cut(&pty_of(t)->echo, 0);
}

static size_t slave_room(const struct tty *t)
{
    size_t room = fifo_room(&pty_of(t)->out, PTY_BUFFER);

    return t->dead ? PTY_BUFFER : room > ECHO_PART ? room - ECHO_PART : 0;
}

/* Let the line discipline have as much as it takes. A line that is too long for it is looked at byte by
 * byte. */
static void pump(struct pty *p)
{
    struct ldisc *l = &p->tty.ldisc;
    uint32_t lines;

    if (!fifo_used(&p->in))
        return;
    mutex_lock(&p->tty.lock);
    lines = l->canon;
    while (fifo_used(&p->in) && ldisc_room(l)) {
        char text[CHUNK];
        size_t free = ldisc_free(l) ? ldisc_free(l) : 1;
        size_t n = fifo_take(&p->in, text, free < sizeof text ? free : sizeof text);

        ldisc_input(l, (const uint8_t *)text, n);
    }
    mutex_unlock(&p->tty.lock);
    tty_tell(&p->tty, lines);
    sync_wake(&p->writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
}

static void slave_drained(struct tty *t)
{
    pump(pty_of(t));
}

static void slave_flush(struct tty *t)
{
    struct pty *p = pty_of(t);

    fifo_cut(&p->out, READ_MOST);
    sync_wake(&t->writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
    tell_status(p, 0, PACKET_FLUSHWRITE);
}

static void slave_flushed(struct tty *t)
{
    tell_status(pty_of(t), 0, PACKET_FLUSHREAD);
}

static void slave_stopped(struct tty *t, bool stopped)
{
    tell_status(pty_of(t), stopped ? PACKET_START : PACKET_STOP, stopped ? PACKET_STOP : PACKET_START);
}

/* Whether ^S and ^Q, as they are usual, stop output: then the master may do it itself. */
static bool stops_as_usual(const struct termios *m)
{
    return m->iflag & IXON && m->cc[VSTOP] == 023 && m->cc[VSTART] == 021;
}

static void slave_set(struct tty *t, const struct termios *old)
{
    const struct termios *m = &t->ldisc.termios;
    struct pty *p = pty_of(t);

    if (stops_as_usual(old) != stops_as_usual(m))
        tell_status(p, PACKET_DOSTOP | PACKET_NOSTOP, stops_as_usual(m) ? PACKET_DOSTOP : PACKET_NOSTOP);
    if ((old->lflag | m->lflag) & EXTPROC)
        tell_status(p, 0, PACKET_IOCTL);
}

static int slave_opened(struct tty *t)
{
    struct pty *p = pty_of(t);

    if (p->locked || t->dead)
        return -EIO;
    p->refs++;
    p->slaves++;
    p->left = false;
    return 0;
}

static void slave_closed(struct tty *t)
{
    struct pty *p = pty_of(t);

    if (!--p->slaves) {
        p->left = true;
        t->exclusive = false;
        sync_wake(&p->readers, POLLHUP | POLLIN, SYNC_EVERYBODY);
        sync_wake(&p->writers, POLLHUP | POLLOUT, SYNC_EVERYBODY);
    }
    put(p);
}

static void slave_reset(struct tty *t)
{
    struct termios m = t->ldisc.termios;

    m.cflag = B38400 | CS8 | CREAD;
    m.ispeed = m.ospeed = 38400;
    m.iflag = ICRNL | IXON;
    m.oflag = OPOST | ONLCR;
    m.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    ldisc_set_termios(&t->ldisc, &m);
}

static const struct tty_driver slave_driver = {
    .put = slave_put,
    .echo = slave_echo,
    .unecho = slave_unecho,
    .room = slave_room,
    .drained = slave_drained,
    .flush = slave_flush,
    .flushed = slave_flushed,
    .stopped = slave_stopped,
    .set = slave_set,
    .opened = slave_opened,
    .closed = slave_closed,
    .reset = slave_reset,
};

static int slave_open(struct file *f)
{
    struct pty *p = f->inode->data;

    return p ? tty_open(f, &p->tty) : -EIO;
}

static const struct file_ops slave_ops = TTY_OPS(slave_open);

/* --- the master: reading and writing --- */

/* Until there is something to read, or the slave has left. Whether there is something, or -errno. */
static int wait_readable(struct pty *p, const struct file *f)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    while (!err && !fifo_used(&p->out) && !(p->packet && p->status) && !p->left)
        err = f->flags & O_NONBLOCK ? -EAGAIN : thread_sleep(&p->readers);
    os_irq_restore(irq);
    if (err)
        return err == -EINTR ? -ERESTARTSYS : err;
    return fifo_used(&p->out) || (p->packet && p->status) ? 1 : -EIO;
}

/* What is there, n bytes at most. */
static int read_out(struct pty *p, vaddr_t va, size_t n)
{
    size_t done = 0;

    while (done < n && fifo_used(&p->out)) {
        char text[CHUNK];
        size_t part = fifo_take(&p->out, text, n - done < sizeof text ? n - done : sizeof text);

        if (user_copy_out(va + done, text, part) != 0)
            return done ? (int)done : -EFAULT;
        done += part;
    }
    sync_wake(&p->tty.writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
    return (int)done;
}

static int master_read(struct file *f, vaddr_t va, size_t n, uint64_t *pos)
{
    struct pty *p = f->data;
    uint8_t first;
    int r;

    (void)pos;
    if (n == 0)
        return 0;
    r = wait_readable(p, f);
    if (r < 0)
        return r;
    if (!p->packet)
        return read_out(p, va, n < READ_MOST ? n : READ_MOST);
    first = p->status;
    p->status = 0;
    if (user_copy_out(va, &first, 1) != 0)
        return -EFAULT;
    if (first)
        return 1;
    r = read_out(p, va + 1, n - 1 < READ_MOST ? n - 1 : READ_MOST);
    return r < 0 ? r : r + 1;
}

static int wait_writable(struct pty *p, const struct file *f)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    while (!err && (p->held || !fifo_room(&p->in, PTY_BUFFER)))
        err = f->flags & O_NONBLOCK ? -EAGAIN : thread_sleep(&p->writers);
    os_irq_restore(irq);
    return err == -EINTR ? -ERESTARTSYS : err;
}

/* Type as much as there is room for. Sleeps. */
static size_t type(struct pty *p, const char *text, size_t n)
{
    n = fifo_put(&p->in, text, n, PTY_BUFFER);
    pump(p);
    return n;
}

static int write_piece(struct pty *p, vaddr_t va, size_t n)
{
    char text[CHUNK];

    if (n > sizeof text)
        n = sizeof text;
    if (user_copy_in(text, va, n) != 0)
        return -EFAULT;
    return (int)type(p, text, n);
}

static int master_write(struct file *f, vaddr_t va, size_t n, uint64_t *pos)
{
    struct pty *p = f->data;
    size_t done = 0;
    int r = 0;

    (void)pos;
    while (r >= 0 && done < n) {
        r = wait_writable(p, f);
        if (r == 0)
            r = write_piece(p, va + done, n - done);
        if (r > 0)
            done += (size_t)r;
        if (done < n && signal_pending(thread_current()))
            r = -ERESTARTSYS;
    }
    return done ? (int)done : r;
}

static unsigned master_poll(struct file *f, struct poll_table *table)
{
    struct pty *p = f->data;
    unsigned events = 0;

    if (table) {
        poll_register(table, &p->readers);
        poll_register(table, &p->writers);
    }
    if (fifo_used(&p->out))
        events |= POLLIN | POLLRDNORM;
    if (p->packet && p->status)
        events |= POLLIN | POLLRDNORM | POLLPRI;
    if (p->left)
        events |= POLLHUP;
    if (!p->held && fifo_room(&p->in, PTY_BUFFER))
        events |= POLLOUT | POLLWRNORM;
    return events;
}

static struct async **master_async(struct file *f)
{
    struct pty *p = f->data;

    async_suggest_owner(f, ASYNC_PROCESS, process_current()->pid);
    return &p->async;
}

/* --- the master: ioctl --- */

enum {
    TIOCPKT = 0x5420,
    TIOCGPTN = (int)0x80045430,
    TIOCSPTLCK = 0x40045431,
    TIOCSIG = 0x40045436,
    TIOCGPKT = (int)0x80045438,
    TIOCGPTLCK = (int)0x80045439,
};

static int set_packet(struct pty *p, vaddr_t va)
{
    uint32_t on;

    if (user_read32(&on, va) != 0)
        return -EFAULT;
    if (on && !p->packet)
        p->status = 0;
    p->packet = on;
    return 0;
}

static int set_lock(struct pty *p, vaddr_t va)
{
    uint32_t on;

    if (user_read32(&on, va) != 0)
        return -EFAULT;
    p->locked = on;
    return 0;
}

/* A signal to the slave's foreground. */
static int signal_slave(const struct pty *p, vaddr_t signo)
{
    if (signo != SIGINT && signo != SIGQUIT && signo != SIGTSTP)
        return -EINVAL;
    tty_signal_foreground(&p->tty, (int)signo);
    return 0;
}

/* Open the slave by the master, unless its filesystem is where the master does not see it any more. */
static int open_peer(struct pty *p, const struct file *of, uint32_t flags)
{
    int fd, err;
    struct file *f;

    if (p->root->fs->detached && of->inode->fs != p->root->fs)
        return -ENODEV;
    fd = fd_reserve(0, flags & O_CLOEXEC);
    if (fd < 0)
        return fd;
    err = file_open_inode(p->name, flags & (O_ACCMODE | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), NULL, &f);
    if (err) {
        fd_unreserve(fd);
        return err;
    }
    fd_fill(fd, f);
    return fd;
}

/* A byte that the master itself is to read. */
static int type_for_master(struct pty *p, vaddr_t va)
{
    char c;

    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (user_copy_in(&c, va, 1) != 0)
        return -EFAULT;
    mutex_lock(&p->tty.lock);
    tty_put(&p->tty, &c, 1);
    mutex_unlock(&p->tty.lock);
    return 0;
}

/* What the master has not read, and what the slave does not know of yet. */
static int flush(struct pty *p, uint32_t which)
{
    if (which > TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH)
        fifo_cut(&p->out, 0);
    if (which != TCIFLUSH)
        fifo_cut(&p->in, 0);
    sync_wake(&p->tty.writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
    sync_wake(&p->writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
    return 0;
}

static int flow(struct pty *p, uint32_t what)
{
    switch (what) {
    case TCOOFF:
    case TCOON:
        p->held = what == TCOOFF;
        sync_wake(&p->writers, POLLOUT | POLLWRNORM, SYNC_TASKS);
        return 0;
    case TCIOFF:
    case TCION:
        type(p, what == TCIOFF ? "\023" : "\021", 1);
        return 0;
    default:
        return -EINVAL;
    }
}

/* What is the master's and not the terminal's. */
static int master_own(struct pty *p, const struct file *f, unsigned cmd, vaddr_t arg)
{
    switch (cmd) {
    case FIONREAD:
        return user_write32(arg, fifo_used(&p->out) < READ_MOST ? (uint32_t)fifo_used(&p->out) : READ_MOST);
    case TIOCSTI:
        return type_for_master(p, arg);
    case TCFLSH:
        return flush(p, arg);
    case TCXONC:
        return flow(p, arg);
    case TCSBRK: /* what is written has arrived */
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK:
        return 0;
    case TIOCEXCL:
    case TIOCNXCL:
        p->exclusive = cmd == TIOCEXCL;
        return 0;
    case (unsigned)TIOCGEXCL:
        return user_write32(arg, p->exclusive);
    case (unsigned)TIOCGDEV:
        return user_write32(arg, p->tty.rdev);
    default:
        return tty_control(&p->tty, f, false, cmd, arg);
    }
}

static int master_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
    struct pty *p = f->data;

    switch (cmd) {
    case TIOCPKT:
        return set_packet(p, arg);
    case (unsigned)TIOCGPKT:
        return user_write32(arg, p->packet);
    case (unsigned)TIOCGPTN:
        return user_write32(arg, p->index);
    case TIOCSPTLCK:
        return set_lock(p, arg);
    case (unsigned)TIOCGPTLCK:
        return user_write32(arg, p->locked);
    case TIOCSIG:
        return signal_slave(p, arg);
    case TIOCGPTPEER:
        return open_peer(p, f, arg);
    default:
        return master_own(p, f, cmd, arg);
    }
}

/* --- the master: opening and closing --- */

/* A pair without a name, in the devpts of root, whose reference moves here if it works. */
static int make(struct inode *root, struct pty **out)
{
    struct pty *p = vm_zalloc(sizeof *p);
    int err = p ? fifo_init(&p->in) : -ENOMEM;

    if (!err)
        err = fifo_init(&p->out);
    if (!err)
        err = fifo_init(&p->echo);
    if (!err) {
        p->root = root;
        err = claim(p);
    }
    if (err) {
        if (p) {
            fifo_free(&p->in);
            fifo_free(&p->out);
            fifo_free(&p->echo);
        }
        kfree(p);
        return err;
    }
    p->refs = 1;
    p->locked = true;
    tty_start(&p->tty, &slave_driver, PTY_RDEV(p->index));
    p->tty.present = p->tty.other_side = true;
    slave_reset(&p->tty);
    enter(p);
    *out = p;
    return 0;
}

static int master_open(struct file *f)
{
    struct inode *root;
    struct pty *p;
    int err = devpts_of(f->inode, &root);

    if (err)
        return err;
    err = make(root, &p);
    if (!err) {
        err = devpts_add(root, p->index, &slave_ops, p, &p->name);
        if (!err) {
            root->fs->silent += PAIR_SILENT;
            f->data = p;
            return 0;
        }
        unclaim(p);
        put(p);
    }
    inode_put(root);
    return err;
}

static void master_release(struct file *f)
{
    struct pty *p = f->data;
    struct inode *root = p->root, *name = p->name;

    name->data = NULL; /* who finds it still cannot open it */
    p->name = NULL;
    p->tty.dead = true;
    p->packet = false;
    tty_hang_up(&p->tty);
    devpts_remove(root, p->index);
    unclaim(p);
    put(p);
    root->fs->silent -= PAIR_SILENT;
    inode_put(name);
    inode_put(root);
}

static void info_pty(const struct file *f, file_print_fn *print, void *to)
{
    print(to, "tty-index:\t%u\n", ((const struct pty *)f->data)->index);
}

static size_t bytes(const struct file *f)
{
    const struct pty *p = f->data;

    return sizeof *p + p->in.size + p->out.size + p->echo.size;
}

static const struct file_ops master_ops = {
    .open = master_open,
    .release = master_release,
    .read = master_read,
    .write = master_write,
    .ioctl = master_ioctl,
    .poll = master_poll,
    .async = master_async,
    .info = info_pty,
    .bytes = bytes,
};

void pty_init(void)
{
    devpts_init();
    chardev_register(PTMX_RDEV, "ptmx", &master_ops);
}

/* --- checks --- */

static bool verify_one(const struct pty *p)
{
    bool ok = true, listed = false;

    INV("INV-PTY-1", p->refs == p->slaves + (p->name != NULL), "terminal %u: %u files, %u of the slave",
        p->index, p->refs, p->slaves);
    for (const struct pty *o = p->name ? *list_of(p) : NULL; o; o = o->next) {
        listed |= o == p;
        INV("INV-PTY-2", !o->next || o->index < o->next->index, "%u before %u", o->index, o->next->index);
    }
    INV("INV-PTY-2", !p->name || listed, "terminal %u is in no list", p->index);
    INV("INV-PTY-3",
        fifo_used(&p->in) <= PTY_BUFFER && fifo_used(&p->out) <= PTY_BUFFER &&
            fifo_used(&p->echo) <= ECHO_MOST,
        "terminal %u: %u, %u and %u bytes", p->index, fifo_used(&p->in), fifo_used(&p->out),
        fifo_used(&p->echo));
    return ok & fifo_verify(&p->in) & fifo_verify(&p->out) & fifo_verify(&p->echo) &
           ldisc_verify(&p->tty.ldisc);
}

bool pty_verify(void)
{
    uint32_t named = 0;
    bool ok = true;

    for (const struct pty *p = all; p; p = p->all_next) {
        named += p->name != NULL;
        ok &= verify_one(p);
    }
    INV("INV-PTY-1", named == pty_count, "%u pairs with a master, not %u", named, pty_count);
    return ok;
}
