/*
 * The terminals of devices: /dev/ttyS0 is the serial port, /dev/tty1 the keyboard and the console's screen
 * (tty_screen.c), each for itself. /dev/console is one of them (console= says which), and /dev/tty the one,
 * of whatever driver, that controls the process.
 *
 * Input goes from the device's interrupt through its ring to a task, which feeds the line discipline.
 *
 * Locking: as tty.c; the rings with interrupts off.
 */
#include "drivers/serial.h"
#include "kernel/dev/tty.h"
#include "kernel/dev/tty_parts.h"
#include "kernel/fs/file.h"
#include "kernel/lib/console.h"
#include "kernel/proc/process.h"
#include "kernel/sched/task.h"
#include "mm/errno.h"

static struct tty serial, screen;
static struct tty *console; /* what /dev/console is */

int tty_sessions(void)
{
    return (serial.session != 0) + (screen.session != 0);
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

static size_t serial_put(struct tty *t, const char *text, size_t n)
{
    (void)t;
    return serial_write_some(text, n);
}

static const struct tty_driver serial_driver = {.put = serial_put}, screen_driver = {.put = tty_screen_put};

/* --- files --- */

static int open_device(struct file *f, struct tty *t)
{
    return t->present ? tty_open(f, t) : -EIO;
}

static int serial_open(struct file *f)
{
    return open_device(f, &serial);
}

static int screen_open(struct file *f)
{
    return open_device(f, &screen);
}

/* The console itself never becomes anybody's terminal just by being opened. */
static int console_open(struct file *f)
{
    f->data = console;
    f->hint = TTY_NEVER;
    return 0;
}

static int own_open(struct file *f)
{
    struct tty *t = process_current()->tty;

    return t ? tty_open(f, t) : -ENXIO;
}

static const struct file_ops serial_ops = TTY_OPS(serial_open);
static const struct file_ops screen_ops = TTY_OPS(screen_open);
static const struct file_ops console_ops = TTY_OPS(console_open);
static const struct file_ops own_ops = TTY_OPS(own_open);

static void terminal_init(struct tty *t, uint32_t rdev, uint16_t rows, const struct tty_driver *driver)
{
    tty_start(t, driver, rdev);
    t->size = (struct winsize){.rows = rows, .columns = 80};
}

int tty_init(unsigned preferred)
{
    tty_job_init();
    terminal_init(&serial, MKDEV(4, 64), 24, &serial_driver);
    terminal_init(&screen, MKDEV(4, 1), TTY_SCREEN_ROWS, &screen_driver);
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
