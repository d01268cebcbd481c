#include "kernel/lib/format.h"
#include "mm/os.h"

struct out {
    char *buf;
    size_t size, len;
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void pad(struct out *o, char c, int n)
{
    while (n-- > 0)
        put(o, c);
}

struct spec {
    bool left, zero;
    int width, precision; /* precision -1: none */
    int size;             /* bytes of the argument */
};

static void put_text(struct out *o, const struct spec *s, const char *text)
{
    int n = 0;

    if (!text)
        text = "(null)";
    while ((s->precision < 0 || n < s->precision) && text[n])
        n++;
    if (!s->left)
        pad(o, ' ', s->width - n);
    for (int i = 0; i < n; i++)
        put(o, text[i]);
    if (s->left)
        pad(o, ' ', s->width - n);
}

static void put_number(struct out *o, const struct spec *s, uint64_t value, bool negative, unsigned base,
                       char letter)
{
    char digits[22]; /* of 64 bits in octal */
    int n = 0;

    /* Most numbers fit into 32 bits, where a division is one instruction. */
    while (value > UINT32_MAX) {
        unsigned d = (unsigned)(value % base);

        digits[n++] = (char)(d < 10 ? '0' + d : letter + d - 10);
        value /= base;
    }
    uint32_t low = (uint32_t)value;
    do {
        unsigned d = low % base;

        digits[n++] = (char)(d < 10 ? '0' + d : letter + d - 10);
        low /= base;
    } while (low);

    int zeros = s->precision > n ? s->precision - n : 0;
    int fill = s->width - n - zeros - negative;

    if (!s->left && s->zero && s->precision < 0) {
        zeros = fill > 0 ? fill : 0;
        fill = 0;
    }
    if (!s->left)
        pad(o, ' ', fill);
    if (negative)
        put(o, '-');
    pad(o, '0', zeros);
    while (n > 0)
        put(o, digits[--n]);
    if (s->left)
        pad(o, ' ', fill);
}

static int number(const char **fmt)
{
    int n = 0;

    while (**fmt >= '0' && **fmt <= '9')
        n = n * 10 + *(*fmt)++ - '0';
    return n;
}

size_t format_args(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = {buf, size, 0};
    va_list ap;

    va_copy(ap, args);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        const char *start = fmt++;
        struct spec s = {.precision = -1, .size = sizeof(int)};

        for (;; fmt++) {
            if (*fmt == '-')
                s.left = true;
            else if (*fmt == '0')
                s.zero = true;
            else
                break;
        }
        if (*fmt == '*') {
            fmt++;
            s.width = va_arg(ap, int);
            if (s.width < 0) {
                s.left = true;
                s.width = -s.width;
            }
        } else {
            s.width = number(&fmt);
        }
        if (*fmt == '.') {
            fmt++;
            if (*fmt == '*') {
                fmt++;
                s.precision = va_arg(ap, int);
            } else {
                s.precision = number(&fmt);
            }
        }
        if (*fmt == 'l') {
            s.size = sizeof(long);
            if (*++fmt == 'l') {
                s.size = sizeof(long long);
                fmt++;
            }
        } else if (*fmt == 'z') {
            s.size = sizeof(size_t);
            fmt++;
        } else if (*fmt == 'h') {
            s.size = sizeof(short);
            if (*++fmt == 'h') {
                s.size = 1;
                fmt++;
            }
        }

        switch (*fmt) {
        case 'd':
        case 'i': {
            int64_t v = s.size == 8 ? va_arg(ap, long long) : va_arg(ap, int);

            if (s.size == 1)
                v = (signed char)v;
            else if (s.size == 2)
                v = (short)v;
            put_number(&o, &s, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0, 10, 'a');
            break;
        }
        case 'o':
        case 'u':
        case 'x':
        case 'X': {
            uint64_t v = s.size == 8 ? va_arg(ap, unsigned long long) : va_arg(ap, unsigned);

            if (s.size == 1)
                v = (unsigned char)v;
            else if (s.size == 2)
                v = (unsigned short)v;
            put_number(&o, &s, v, false, *fmt == 'u' ? 10 : *fmt == 'o' ? 8 : 16, *fmt == 'X' ? 'A' : 'a');
            break;
        }
        case 'p':
            put(&o, '0');
            put(&o, 'x');
            s.width -= 2;
            put_number(&o, &s, (uintptr_t)va_arg(ap, void *), false, 16, 'a');
            break;
        case 's':
            put_text(&o, &s, va_arg(ap, const char *));
            break;
        case 'c': {
            char c[2] = {(char)va_arg(ap, int), '\0'};

            put_text(&o, &s, c);
            break;
        }
        case '%':
            put(&o, '%');
            break;
        default:
            for (const char *p = start; p < fmt; p++)
                put(&o, *p);
            fmt--; /* the loop goes on with the character that is no conversion (or the end) */
        }
    }
    va_end(ap);
    if (size > 0)
        buf[o.len < size ? o.len : size - 1] = '\0';
    return o.len;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    size_t n = format_args(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
