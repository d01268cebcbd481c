/*
 * The kernel's log for those who read it.
 *
 * There are two ways. Lines are taken, by /proc/kmsg and syslog(2): what one has got nobody gets again. Or
 * they are looked at: each open /dev/kmsg has a place of its own and gives one line a read, as a record of
 * Linux's form, and says -EPIPE once if lines were lost to it.
 *
 * Whoever waits for lines sleeps in one queue. printk() tells of each line, wherever it is called.
 *
 * Data: positions in the log, as printk.h has them; 16 KiB are kept. Locking: between two sleeps; the queue
 * is woken with interrupts off. Fails: /dev/kmsg needs a few bytes when it is opened, and who takes
 * or is shown lines a copy of them.
 */
#include "kernel/dev/kmsg.h"
#include "kernel/fs/file.h"
#include "kernel/lib/format.h"
#include "kernel/lib/printk.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/thread.h"
#include "kernel/sched/sync.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"

#define LINE 400u /* no line of the log is longer */

static struct waitq written;
static uint32_t taken, cleared; /* up to where */

static void tell(void)
{
    sync_wake(&written, POLLIN | POLLRDNORM, SYNC_TASKS);
}

void kmsg_init(void)
{
    printk_written = tell;
}

/* Sleep until there is something beyond a position. 0, -EAGAIN (not to be waited for) or -ERESTARTSYS. */
static int wait_beyond(uint32_t position, bool wait)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    while (!printk_unread(position) && !err)
        err = wait ? thread_sleep(&written) : -EAGAIN;
    os_irq_restore(irq);
    return err == -EINTR ? -ERESTARTSYS : err;
}

/* --- taking --- */

int kmsg_take(vaddr_t va, uint32_t n, bool wait)
{
    size_t size;
    char *text;
    int err;

    if (n > PRINTK_RING)
        n = PRINTK_RING;
    if (!n)
        return 0;
    text = vm_alloc(n);
    if (!text)
        return -ENOMEM;
    do {
        err = wait_beyond(taken, wait);
        size = err ? 0 : printk_take(text, n, &taken);
    } while (!err && !size);
    if (!err)
        err = user_copy_out(va, text, size) ? -EFAULT : (int)size;
    kfree(text);
    return err;
}

uint32_t kmsg_untaken(void)
{
    return printk_unread(taken);
}

static int take_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    (void)pos;
    return kmsg_take(buf, n < PRINTK_RING ? (uint32_t)n : PRINTK_RING, !(f->flags & O_NONBLOCK));
}

static unsigned take_poll(struct file *f, struct poll_table *table)
{
    (void)f;
    poll_register(table, &written);
    return kmsg_untaken() ? POLLIN | POLLRDNORM : 0;
}

const struct file_ops kmsg_proc_ops = {.read = take_read, .poll = take_poll, .in_messages = true};

/* --- looking --- */

int kmsg_show(vaddr_t va, uint32_t n, bool clear)
{
    uint32_t end;
    size_t size;
    char *text;
    int err;

    if (n > PRINTK_RING)
        n = PRINTK_RING;
    if (!n)
        return 0;
    text = vm_alloc(n);
    if (!text)
        return -ENOMEM;
    end = printk_position();
    size = printk_copy(text, n, cleared);
    if (clear)
        cleared = end;
    err = user_copy_out(va, text, size) ? -EFAULT : (int)size;
    kfree(text);
    return err;
}

void kmsg_clear(void)
{
    cleared = printk_position();
}

/* Of an open /dev/kmsg: where it goes on. */
struct place {
    uint32_t at;
};

static int look_open(struct file *f)
{
    struct place *p;

    /* What the kernel says is not for everybody to read. */
    if (file_reads(f) && !capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    p = vm_alloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    p->at = printk_oldest();
    f->data = p;
    return 0;
}

static void look_release(struct file *f)
{
    kfree(f->data);
}

static int look_read(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct place *p = f->data;
    char text[LINE + 40]; /* priority, number, microseconds, flags; priorities and times are not kept */
    uint32_t next;
    size_t head, size;
    int err = wait_beyond(p->at, !(f->flags & O_NONBLOCK));

    (void)pos;
    if (err)
        return err;
    if (printk_is_lost(p->at)) {
        p->at = printk_oldest();
        return -EPIPE;
    }
    head = format(text, sizeof text, "6,%u,0,-;", printk_number(p->at));
    next = p->at;
    size = head + printk_line(text + head, LINE, &next);
    p->at = next; /* also when there is no room for it */
    if (size > n)
        return -EINVAL;
    return user_copy_out(buf, text, size) ? -EFAULT : (int)size;
}

static int look_write(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    char line[256];
    size_t part = n < sizeof line ? n : sizeof line - 1;

    (void)f;
    (void)pos;
    if (user_copy_in(line, buf, part))
        return -EFAULT;
    line[part] = '\0';
    while (part && (line[part - 1] == '\n' || line[part - 1] == '\0'))
        line[--part] = '\0';
    os_log("%s", line);
    return (int)n;
}

static unsigned look_poll(struct file *f, struct poll_table *table)
{
    const struct place *p = f->data;

    poll_register(table, &written);
    if (printk_is_lost(p->at))
        return POLLIN | POLLRDNORM | POLLERR | POLLPRI;
    return printk_unread(p->at) ? POLLIN | POLLRDNORM : 0;
}

/* To the oldest line, behind what was cleared, or to the end. */
static int look_seek(struct file *f, int64_t offset, int whence, uint64_t *result)
{
    enum { SET, END = 2, DATA = 3 };
    struct place *p = f->data;

    if (offset)
        return -ESPIPE;
    if (whence == SET || (whence == DATA && printk_is_lost(cleared)))
        p->at = printk_oldest();
    else if (whence == DATA)
        p->at = cleared;
    else if (whence == END)
        p->at = printk_position();
    else
        return -EINVAL;
    *result = 0;
    return 0;
}

const struct file_ops kmsg_ops = {.open = look_open,
                                  .release = look_release,
                                  .read = look_read,
                                  .write = look_write,
                                  .poll = look_poll,
                                  .seek = look_seek,
                                  .in_messages = true};
