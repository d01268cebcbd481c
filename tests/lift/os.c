/*
 * mm/os.h for one processor and a few tasks, which are preempted only where they sleep, and on the way back
 * to their programs. Interrupts off guards the queues.
 */
#include "lift.h"
#include "mm/x86/cpu.h"

#include <stdarg.h>

/* --- a serial port, and what is written there --- */

#define SERIAL 0x3F8

void serial_init(void)
{
    static const uint8_t setup[][2] = {{1, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}}; /* 115200 8N1 */

    for (unsigned i = 0; i < ARRAY_LEN(setup); i++)
        out8(SERIAL + setup[i][0], setup[i][1]);
}

static void put(char c)
{
    while (!(in8(SERIAL + 5) & 1 << 5))
        ;
    out8(SERIAL, (uint8_t)c);
}

static void put_padded(const char *s, size_t n, int width, bool left, char fill)
{
    for (int i = (int)n; !left && i < width; i++)
        put(fill);
    for (size_t i = 0; i < n; i++)
        put(s[i]);
    for (int i = (int)n; left && i < width; i++)
        put(' ');
}

static void put_number(uint64_t v, bool negative, unsigned base, int width, bool left, char fill)
{
    char text[24], *p = text + sizeof text;

    do
        *--p = "0123456789abcdef"[v % base];
    while (v /= base);
    if (negative)
        *--p = '-';
    put_padded(p, (size_t)(text + sizeof text - p), width, left, fill);
}

static void put_formatted(const char *fmt, va_list ap)
{
    for (; *fmt; fmt++) {
        bool left = false;
        char fill = ' ';
        int width = 0, longs = 0;

        if (*fmt != '%') {
            put(*fmt);
            continue;
        }
        for (fmt++; *fmt == '-' || *fmt == '0'; fmt++)
            *fmt == '-' ? (left = true) : (fill = '0');
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            width = width * 10 + *fmt - '0';
        for (; *fmt == 'l'; fmt++)
            longs++;
        if (*fmt == 's' || *fmt == 'c') {
            char c[2] = {0};
            const char *s = *fmt == 's' ? va_arg(ap, const char *) : (c[0] = (char)va_arg(ap, int), c);

            put_padded(s, strlen(s), width, left, ' ');
        } else if (*fmt == 'd' || *fmt == 'u' || *fmt == 'x' || *fmt == 'p') {
            uint64_t v = longs > 1 ? va_arg(ap, uint64_t) : va_arg(ap, uint32_t);
            int64_t sv = longs > 1 ? (int64_t)v : (int32_t)v;
            bool negative = *fmt == 'd' && sv < 0;

            put_number(negative ? 0 - (uint64_t)sv : v, negative, *fmt == 'd' || *fmt == 'u' ? 10 : 16, width,
                       left, fill);
        } else {
            put(*fmt);
        }
    }
    put('\n');
}

void os_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_formatted(fmt, ap);
    va_end(ap);
}

void os_panic(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    cpu_irq_off();
    os_log("PANIC: %s:%d:", file, line);
    va_start(ap, fmt);
    put_formatted(fmt, ap);
    va_end(ap);
    machine_end(false);
}

void machine_end(bool ok)
{
    out8(0xF4, ok ? 0x10 : 0x11); /* QEMU's isa-debug-exit: status 33 or 35 */
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* --- time, interrupts, sections --- */

static volatile uint64_t now; /* (i) ns */

void *os_current;
uint32_t os_nosleep;
const char *os_nosleep_why = "nothing";

uint64_t os_now_ns(void)
{
    uint32_t irq = cpu_irq_save();
    uint64_t t = now;

    cpu_irq_restore(irq);
    return t;
}

uint32_t os_irq_save(void)
{
    return cpu_irq_save();
}

void os_irq_restore(uint32_t state)
{
    cpu_irq_restore(state);
}

static void need_sleep_allowed(void)
{
    mm_assert(nosleep_depth() == 0, "%s is protected", os_nosleep_why);
}

void might_sleep_slow(void)
{
    need_sleep_allowed();
}

/* This kernel does not tell how long tasks wait for memory. */
void os_memstall_enter(void)
{
}

void os_memstall_leave(void)
{
}

/* --- tasks --- */

struct waiter {
    struct task *task;
    struct waiter *next;
    struct waitq *q;
    bool woken;
};

#define TASKS 8u
static struct task *all[TASKS];
static unsigned tasks;
static struct task *ready, **ready_end = &ready;
static bool turn_over;

void task_switch(uint32_t *save_esp, uint32_t load_esp);

static void make_ready(struct task *t)
{
    t->next = NULL;
    *ready_end = t;
    ready_end = &t->next;
}

/* Let the next one run; the running one is in some queue. Interrupts are off. */
static void switch_task(void)
{
    struct task *self = os_current, *t;

    while (!ready)
        cpu_wait();
    t = ready;
    ready = t->next;
    if (!ready)
        ready_end = &ready;
    turn_over = false;
    if (t == self)
        return;
    os_current = t;
    task_arrives(t);
    task_switch(&self->esp, t->esp);
}

void task_first(struct task *t)
{
    os_current = all[tasks++] = t;
}

static _Noreturn void begin(void)
{
    cpu_irq_on();
    task_current()->body(task_current()->arg);
    task_end();
}

void task_start(struct task *t, void (*body)(void *), void *arg)
{
    uint32_t irq = os_irq_save(), *sp = (uint32_t *)(t->stack + sizeof t->stack) - 6;

    mm_assert(tasks < TASKS, "%u tasks", tasks);
    t->body = body;
    t->arg = arg;
    sp[4] = (uint32_t)
        begin; /* above the four registers that task_switch() takes; then begin()'s return address */
    t->esp = (uint32_t)sp;
    all[tasks++] = t;
    make_ready(t);
    os_irq_restore(irq);
}

void task_end(void)
{
    cpu_irq_off();
    switch_task();
    __builtin_unreachable();
}

static void enter(struct waiter *w)
{
    if (w->q->tail)
        w->q->tail->next = w;
    else
        w->q->head = w;
    w->q->tail = w;
}

static void unlink(struct waiter *w)
{
    struct waiter **at = &w->q->head, *before = NULL;

    for (; *at != w; at = &(*at)->next)
        before = *at;
    *at = w->next;
    if (w->q->tail == w)
        w->q->tail = before;
}

static void release(struct waiter *w, bool woken)
{
    unlink(w);
    w->woken = woken;
    w->task->waiter = NULL;
    make_ready(w->task);
}

bool os_sleep_until(struct waitq *q, uint64_t deadline_ns)
{
    struct task *self = os_current;
    struct waiter w = {.task = self, .q = q};

    need_sleep_allowed();
    enter(&w);
    self->waiter = &w;
    self->deadline = deadline_ns;
    switch_task();
    return w.woken;
}

void os_sleep(struct waitq *q)
{
    os_sleep_until(q, 0);
}

void os_wake_one(struct waitq *q)
{
    uint32_t irq = os_irq_save();

    if (q->head)
        release(q->head, true);
    os_irq_restore(irq);
}

void os_wake_all(struct waitq *q)
{
    uint32_t irq = os_irq_save();

    while (q->head)
        release(q->head, true);
    os_irq_restore(irq);
}

void os_give_way(void)
{
    turn_over = true;
}

bool task_should_yield(void)
{
    return turn_over && ready;
}

void os_yield(void)
{
    uint32_t irq = os_irq_save();

    need_sleep_allowed();
    make_ready(os_current);
    switch_task();
    os_irq_restore(irq);
}

void task_tick(void)
{
    now += 1000000;
    turn_over |= now / 1000000 % 10 == 0; /* a turn is 10 ms */
    for (unsigned i = 0; i < tasks; i++)
        if (all[i]->waiter && all[i]->deadline && all[i]->deadline <= now)
            release(all[i]->waiter, false);
}

/* Handed over to the oldest waiter. */
void mutex_lock_slow(struct mutex *m)
{
    uint32_t irq = os_irq_save();

    while (m->owner != os_current)
        os_sleep(&m->waiters);
    os_irq_restore(irq);
}

void mutex_unlock_slow(struct mutex *m)
{
    uint32_t irq = os_irq_save();

    m->owner = m->waiters.head->task;
    os_wake_one(&m->waiters);
    os_irq_restore(irq);
}

/* --- memory --- */

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    while (n-- > 0)
        *d++ = *s++;
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    for (uint8_t *d = dst; n-- > 0;)
        *d++ = (uint8_t)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}
