/*
 * The terminal on the screen: keys in, cells out.
 *
 * One task does both. It takes scan codes, finds out what they mean (keys.c), and feeds the line
 * discipline, or does what the keys are for: scrolls back, shows another screen. What programs write
 * changes the cells in memory in their own call (kernel/lib/ansi.c); the task brings that to the display:
 * at once, and again after PAINT_NS at the soonest, so that a program that writes thousands of lines a
 * second does not wait for the display.
 *
 * Locking: the cells, with interrupts off, since kernel messages go there too; the rest belongs to the
 * task.
 */
#include "drivers/keyboard.h"
#include "kernel/dev/keys.h"
#include "kernel/dev/tty_parts.h"
#include "kernel/lib/ansi.h"
#include "kernel/lib/console.h"
#include "kernel/lib/printk.h"
#include "kernel/lib/screen.h"
#include "kernel/sched/task.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/slab.h"

#define PAINT_NS  20000000u
#define VIEW_ROWS ((int)SCREEN_ROWS / 2) /* that are scrolled back at a time */

/* Rows that are kept for scrolling back: these, or as many as a 512th of memory holds. */
#define KEPT_MOST  400u
#define KEPT_LEAST 50u

_Static_assert(TTY_SCREEN_ROWS == SCREEN_ROWS, "the size that programs are told");

static struct tty *terminal;

/* The display has to be brought up to date. */
static bool unpainted;

size_t tty_screen_put(struct tty *t, const char *text, size_t n)
{
    uint32_t irq = os_irq_save();

    ansi_write(&console_terminal, text, n);
    os_irq_restore(irq);
    if (!unpainted || console_terminal.answered) {
        unpainted = true;
        os_wake_all(&t->input);
    }
    return n;
}

static struct keys keys;

static void scroll(int rows)
{
    uint32_t irq = os_irq_save();

    ansi_scroll_view(&console_terminal, rows);
    os_irq_restore(irq);
    unpainted = true;
}

/* A key, or what is to be done for it. What is typed while another screen is shown is nobody's. */
static void typed(const struct keys_event *e)
{
    bool shown = screen_is_shown(SCREEN_CONSOLE);

    if (e->what == KEYS_SCREEN)
        screen_show((unsigned)e->number);
    else if (e->what == KEYS_SCROLL && shown)
        scroll(e->number * VIEW_ROWS);
    else if (e->what == KEYS_BYTES && shown) {
        if (console_terminal.view)
            scroll(INT32_MIN + 1);
        tty_feed(terminal, e->bytes, e->n);
    }
}

static void take_codes(void)
{
    uint8_t codes[16];
    size_t n = keyboard_read(codes, sizeof codes);

    for (size_t i = 0; i < n; i++) {
        struct keys_event e;

        keys.cursor_keys = console_terminal.cursor_keys;
        keys.keypad = console_terminal.keypad;
        keys.newline = console_terminal.newline;
        keys_code(&keys, codes[i], &e);
        typed(&e);
    }
    if (n)
        keyboard_lights((keys.caps ? KEYBOARD_CAPS_LOCK : 0) | (keys.num ? KEYBOARD_NUM_LOCK : 0));
}

/* What the terminal answers to a program's questions is read like what is typed. */
static void take_answers(void)
{
    char text[ANSI_ANSWERS];
    uint32_t irq = os_irq_save();
    size_t n = ansi_answer(&console_terminal, text, sizeof text);

    os_irq_restore(irq);
    if (n)
        tty_feed(terminal, text, n);
}

static void screen_task(void *arg)
{
    struct tty *t = arg;
    uint64_t next = 0; /* when it may be painted again */

    for (;;) {
        uint32_t irq = os_irq_save();

        while (!keyboard_readable() && !console_terminal.answered) {
            if (!unpainted)
                os_sleep(&t->input);
            else if (os_now_ns() >= next || !os_sleep_until(&t->input, next))
                break;
        }
        os_irq_restore(irq);
        take_codes();
        take_answers();
        if (unpainted && os_now_ns() >= next) {
            unpainted = false;
            console_paint();
            next = os_now_ns() + PAINT_NS;
        }
    }
}

static void keyboard_received(void)
{
    tty_received(terminal);
}

/* Memory for scrolling back. Without it there is none of that. */
static void keep_rows(void)
{
    uint32_t rows =
        (frame_pool_sys.managed[ZONE_LOW] << PAGE_SHIFT) / 512 / (ANSI_COLUMNS * sizeof(uint16_t));
    uint16_t *memory;

    rows = rows < KEPT_LEAST ? KEPT_LEAST : rows < KEPT_MOST ? rows : KEPT_MOST;
    memory = vm_alloc(rows * ANSI_COLUMNS * sizeof *memory);
    if (memory)
        ansi_keep(&console_terminal, memory, rows);
}

int tty_screen_start(struct tty *t)
{
    terminal = t;
    keys_init(&keys);
    keep_rows();
    if (!task_create("tty1", screen_task, t))
        return -ENOMEM;
    if (!keyboard_init(keyboard_received))
        printk(LOG_INFO, "keyboard: no controller");
    return 0;
}
