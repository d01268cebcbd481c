/*
 * The little of a C library that the simulator's core needs, and what mm/os.h asks, in WebAssembly.
 *
 * Purpose. Memory is only handed out: an instance is thrown away as a whole when its run ends, and its steps
 * back are copies of all its memory, so that nothing is gained by giving some of it back.
 *
 * Data: the end of what was handed out; each block has its size before it. What grows is zero.
 */
#include "kernel/lib/format.h"
#include "mm/os.h"
#include "tools/lab/player/libc/stdlib.h"

#define WASM_PAGE 65536u
#define HEADER    16u

/* Of the page: tell the reader, who is at text. */
__attribute__((import_module("player"), import_name("say"))) void player_say(const char *text, size_t size);

extern unsigned char __heap_base;

void *os_current;
uint32_t os_nosleep;
const char *os_nosleep_why;
static size_t end;

size_t heap_end(void)
{
    return end ? end : (size_t)&__heap_base;
}

void *aligned_alloc(size_t align, size_t size)
{
    size_t at = (heap_end() + HEADER + align - 1) & ~(align - 1);
    size_t have = __builtin_wasm_memory_size(0) * (size_t)WASM_PAGE;

    if (size > (size_t)INT32_MAX - at)
        return NULL;
    if (at + size > have &&
        __builtin_wasm_memory_grow(0, (at + size - have + WASM_PAGE - 1) / WASM_PAGE) == -1ul)
        return NULL;
    *(size_t *)(at - HEADER) = size;
    end = at + size;
    return (void *)at;
}

void *malloc(size_t size)
{
    return aligned_alloc(HEADER, size);
}

void *calloc(size_t n, size_t size)
{
    return n && size > INT32_MAX / n ? NULL : malloc(n * size);
}

void *realloc(void *p, size_t size)
{
    size_t had = p ? *(size_t *)((size_t)p - HEADER) : 0;
    void *q = malloc(size);

    if (q && p)
        memcpy(q, p, had < size ? had : size);
    return q;
}

void free(void *p)
{
    (void)p;
}

void abort(void)
{
    __builtin_trap();
}

/* Plain loops, which the compiler must not turn into calls of themselves; see the Makefile. */

void *memmove(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    if (d < s)
        for (size_t i = 0; i < n; i++)
            d[i] = s[i];
    else
        for (size_t i = n; i-- > 0;)
            d[i] = s[i];
    return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    return memmove(dst, src, n);
}

void *memset(void *dst, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)dst)[i] = (unsigned char)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n && *x == *y; n--)
        x++, y++;
    return n ? *x - *y : 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n && *a && *a == *b; n--)
        a++, b++;
    return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

/* --- mm/os.h: nothing sleeps here --- */

static void say(const char *fmt, va_list ap)
{
    char text[256];
    size_t n = format_args(text, sizeof text, fmt, ap);

    player_say(text, n < sizeof text ? n : sizeof text - 1);
}

void os_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

void os_panic(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    os_log("panic at %s:%d", file, line);
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    abort();
}

void might_sleep_slow(void)
{
}
