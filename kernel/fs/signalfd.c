/*
 * Signals that are read: signalfd(2).
 *
 * A descriptor holds a mask and no signals. What it gives are those of the mask that are pending for the
 * thread that reads, or for its process; so a child that has it reads its own, and a program that wants them
 * to stay pending blocks them. A read takes a signal as a handler would.
 *
 * Who waits, waits for signals of the process that asks: in process.signal_watch, which every signal that is
 * sent to the process, or to a thread of it, wakes. A set of epoll(7) stays in the queue of the process that
 * put the descriptor in, as on Linux; when that process ends the queue is closed.
 *
 * Data: struct watched, in file.data. Locking: between sleeps.
 */
#include "kernel/fs/signalfd.h"
#include "kernel/fs/file.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(signalfds, "signal descriptors");

struct watched {
    sigset_t mask;
};

/* struct signalfd_siginfo. */
struct told {
    uint32_t signo;
    int32_t err, code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t tid, band, overrun, trap;
    int32_t status, value;
    uint64_t pointer, utime, stime, addr;
    uint16_t addr_lsb, pad;
    int32_t syscall;
    uint64_t call_addr;
    uint32_t arch;
    uint8_t rest[28];
};
_Static_assert(sizeof(struct told) == 128, "struct signalfd_siginfo");

/* A word of 32 bits that Linux keeps as a long: its sign is spread. */
static uint64_t spread(uint32_t word)
{
    return (uint64_t)(int64_t)(int32_t)word;
}

/* The kind of siginfo, which decides what the words of it are. */
enum kind { KIND_KILL, KIND_TIMER, KIND_POLL, KIND_FAULT, KIND_CHILD, KIND_QUEUED };

static enum kind kind_of(const struct siginfo *i)
{
    enum { LIMIT_CHILD = 6, LIMIT_POLL = 6, LIMIT_FAULT = 15 };

    if (i->code < 0)
        return i->code == SI_TIMER ? KIND_TIMER : i->code == SI_SIGIO ? KIND_POLL : KIND_QUEUED;
    if (i->code == SI_USER || i->code >= SI_KERNEL)
        return KIND_KILL;
    switch (i->signo) {
    case SIGCHLD:
        return i->code <= LIMIT_CHILD ? KIND_CHILD : KIND_KILL;
    case SIGILL:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGTRAP:
        return i->code <= LIMIT_FAULT ? KIND_FAULT : KIND_KILL;
    default:
        return i->code <= LIMIT_POLL ? KIND_POLL : KIND_KILL;
    }
}

static void tell(struct told *t, const struct siginfo *i)
{
    *t = (struct told){.signo = (uint32_t)i->signo, .err = i->err, .code = i->code};
    switch (kind_of(i)) {
    case KIND_TIMER:
        t->tid = (uint32_t)i->pid;
        t->overrun = (uint32_t)i->uid;
        t->pointer = spread(i->value);
        t->value = (int32_t)i->value;
        break;
    case KIND_POLL:
        t->band = (uint32_t)i->pid;
        t->fd = i->uid;
        break;
    case KIND_FAULT:
        t->addr = spread(i->addr);
        break;
    case KIND_CHILD:
        t->pid = (uint32_t)i->pid;
        t->uid = (uint32_t)i->uid;
        t->status = i->status;
        t->utime = spread((uint32_t)i->utime);
        t->stime = spread((uint32_t)i->stime);
        break;
    case KIND_QUEUED:
        t->pointer = spread(i->value);
        t->value = (int32_t)i->value;
        __attribute__((fallthrough));
    case KIND_KILL:
        t->pid = (uint32_t)i->pid;
        t->uid = (uint32_t)i->uid;
        break;
    }
}

/* The signal that is next. 0, -EAGAIN or -ERESTARTSYS. Sleeps if it may. */
static int take(const struct watched *w, bool may_wait, struct siginfo *info)
{
    struct waitq *q = &process_current()->signal_watch;
    int err = 0;

    while (!signal_take(w->mask, info)) { /* another call may change the mask */
        uint32_t irq;

        if (!may_wait)
            return -EAGAIN;
        if (err)
            return -ERESTARTSYS;
        irq = os_irq_save();
        err = thread_sleep(q);
        os_irq_restore(irq);
    }
    signal_set_blocked(thread_current()->sig.blocked); /* there may be nothing left to deliver */
    return 0;
}

static int read_signals(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    const struct watched *w = f->data;
    size_t done = 0;
    int err = 0;

    (void)pos;
    if (n < sizeof(struct told))
        return -EINVAL;
    for (; !err && n - done >= sizeof(struct told); done += err ? 0 : sizeof(struct told)) {
        struct siginfo info;
        struct told t;

        err = take(w, !done && !(f->flags & O_NONBLOCK), &info);
        if (err)
            break;
        tell(&t, &info);
        err = user_copy_out(buf + (vaddr_t)done, &t, sizeof t);
    }
    return done ? (int)done : err;
}

static unsigned poll_signals(struct file *f, struct poll_table *table)
{
    const struct watched *w = f->data;

    poll_register(table, &process_current()->signal_watch);
    return signal_pending_set() & w->mask ? POLLIN : 0;
}

static void info_signals(const struct file *f, file_print_fn *print, void *to)
{
    const struct watched *w = f->data;

    print(to, "sigmask:\t%08x%08x\n", (uint32_t)(w->mask >> 32), (uint32_t)w->mask);
}

static void release_signals(struct file *f)
{
    kfree(f->data);
    signalfds.count--;
}

static const struct file_ops signal_ops = {.read = read_signals,
                                           .poll = poll_signals,
                                           .seek = file_seek_nowhere,
                                           .info = info_signals,
                                           .in_messages = true,
                                           .reads_apart = true,
                                           .release = release_signals};

static void process_ended(struct process *p)
{
    sync_close(&p->signal_watch);
}

void signalfd_init(void)
{
    process_on_end(process_ended);
}

/* Another mask for a descriptor that there is. */
static int change(int fd, sigset_t mask)
{
    struct file *f = fd_get_open(fd);
    int err = f ? -EINVAL : -EBADF;

    if (f && f->ops == &signal_ops) {
        ((struct watched *)f->data)->mask = mask;
        sync_wake(&process_current()->signal_watch, SYNC_ANYTHING, SYNC_TASKS);
        err = fd;
    }
    file_put(f);
    return err;
}

int signalfd_create(int fd, vaddr_t mask, uint32_t size, uint32_t flags)
{
    struct watched *w;
    struct file *f;
    sigset_t set;
    int err = signal_read_set(&set, mask, size);

    if (!err && flags & ~(uint32_t)(O_NONBLOCK | O_CLOEXEC))
        err = -EINVAL;
    if (err)
        return err;
    set &= ~SIGNALS_UNCAUGHT;
    if (fd != -1)
        return change(fd, set);
    w = vm_alloc(sizeof *w);
    if (!w)
        return -ENOMEM;
    w->mask = set;
    err = file_open_anonymous(&signal_ops, w, "anon_inode:[signalfd]", O_RDWR | (flags & O_NONBLOCK), &f);
    if (err) {
        kfree(w);
        return err;
    }
    signalfds.count++;
    err = fd_install(f, 0, flags & O_CLOEXEC);
    if (err < 0)
        file_put(f);
    return err;
}
