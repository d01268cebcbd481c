#include "kernel/lib/printk.h"
#include "kernel/lib/console.h"
#include "kernel/lib/format.h"

#define LINE_MAX 320u

void (*printk_tap)(const char *line);
void (*printk_written)(void);

static bool quiet;

/* Lines, each ended by \n. Written with interrupts off; head counts all bytes ever written. */
static char ring[PRINTK_RING];
static uint32_t ring_head;
static uint32_t lines;
/* For the byte that ends a line: whether that was on the console. */
static uint32_t shown[PRINTK_RING / 32];

static void mark_shown(uint32_t end, bool is)
{
    uint32_t place = end % PRINTK_RING, bit = 1u << place % 32;

    shown[place / 32] = is ? shown[place / 32] | bit : shown[place / 32] & ~bit;
}

static bool was_shown(uint32_t end)
{
    return shown[end % PRINTK_RING / 32] >> end % 32 & 1;
}

static void emit(enum log_level level, char *line, size_t n)
{
    uint32_t s = os_irq_save();
    bool wanted = level < LOG_INFO || !quiet;

    line[n++] = '\n';
    for (size_t i = 0; i < n; i++)
        ring[ring_head++ % PRINTK_RING] = line[i];
    lines++;
    mark_shown(ring_head - 1, wanted && !printk_tap);
    if (wanted) {
        line[n - 1] = printk_tap ? '\0' : '\n';
        if (printk_tap)
            printk_tap(line);
        else
            console_write(line, n);
    }
    if (printk_written)
        printk_written();
    os_irq_restore(s);
}

void printk_args(enum log_level level, const char *fmt, va_list ap)
{
    char line[LINE_MAX + 1];
    size_t n = format_args(line, LINE_MAX, fmt, ap);

    emit(level, line, n < LINE_MAX ? n : LINE_MAX - 1);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    printk_args(level, fmt, ap);
    va_end(ap);
}

void os_log(const char *fmt, ...)
{
    char line[LINE_MAX + 1];
    va_list ap;

    va_start(ap, fmt);
    size_t n = format_args(line, LINE_MAX, fmt, ap);
    va_end(ap);
    if (printk_tap)
        printk_tap(line);
    else
        emit(LOG_WARN, line, n < LINE_MAX ? n : LINE_MAX - 1);
}

void printk_quiet(bool q)
{
    quiet = q;
}

bool printk_is_quiet(void)
{
    return quiet;
}

void printk_recent(void (*fn)(const char *line, bool shown))
{
    char line[LINE_MAX];
    uint32_t at = ring_head > PRINTK_RING ? ring_head - PRINTK_RING : 0, end = ring_head;

    if (at > 0) /* the oldest line has lost its beginning */
        while (at < end && ring[at++ % PRINTK_RING] != '\n')
            ;
    while (at < end) {
        size_t n = 0;

        for (char c; at < end && (c = ring[at++ % PRINTK_RING]) != '\n';)
            if (n + 1 < sizeof line)
                line[n++] = c;
        line[n] = '\0';
        fn(line, was_shown(at - 1));
    }
}

uint32_t printk_position(void)
{
    return ring_head;
}

uint32_t printk_unread(uint32_t at)
{
    uint32_t n = ring_head - at;

    return n < PRINTK_RING ? n : PRINTK_RING;
}

size_t printk_copy(char *buf, size_t size, uint32_t from)
{
    uint32_t s = os_irq_save();
    uint32_t kept = printk_unread(from);
    uint32_t at = ring_head - (size < kept ? (uint32_t)size : kept);
    size_t n = 0;

    /* It may begin within a line, or where one was lost. */
    if (at > 0 && (ring_head - at == PRINTK_RING || ring[(at - 1) % PRINTK_RING] != '\n'))
        while (at != ring_head && ring[at++ % PRINTK_RING] != '\n')
            ;
    while (at != ring_head)
        buf[n++] = ring[at++ % PRINTK_RING];
    os_irq_restore(s);
    return n;
}

size_t printk_take(char *buf, size_t size, uint32_t *at)
{
    uint32_t s = os_irq_save();
    size_t n = 0;

    *at = ring_head - printk_unread(*at);
    while (n < size && *at != ring_head)
        buf[n++] = ring[(*at)++ % PRINTK_RING];
    os_irq_restore(s);
    return n;
}

bool printk_is_lost(uint32_t at)
{
    return ring_head - at > PRINTK_RING;
}

uint32_t printk_oldest(void)
{
    uint32_t s = os_irq_save();
    uint32_t at = ring_head > PRINTK_RING ? ring_head - PRINTK_RING : 0;

    if (at > 0)
        while (at != ring_head && ring[at++ % PRINTK_RING] != '\n')
            ;
    os_irq_restore(s);
    return at;
}

uint32_t printk_number(uint32_t at)
{
    uint32_t s = os_irq_save();
    uint32_t n = lines;

    for (; at != ring_head; at++)
        n -= ring[at % PRINTK_RING] == '\n';
    os_irq_restore(s);
    return n;
}

size_t printk_line(char *buf, size_t size, uint32_t *at)
{
    uint32_t s = os_irq_save();
    size_t n = 0;

    for (char c = 0; *at != ring_head && c != '\n';) {
        c = ring[(*at)++ % PRINTK_RING];
        if (n < size)
            buf[n++] = c;
    }
    os_irq_restore(s);
    return n;
}
