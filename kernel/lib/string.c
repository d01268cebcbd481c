/*
 * The memory and string functions that mm/os.h declares, but for memcpy() and memset(), which are in
 * memory.asm; the compiler calls some of them too. The Makefile keeps it from turning a loop into a call of
 * itself.
 */
#include "mm/os.h"

#define MEMCPY_APART 16u /* memory.asm's SMALL: so far before the source the destination may overlap it */

void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    if ((uintptr_t)d - (uintptr_t)s >= n && (uintptr_t)s - (uintptr_t)d >= MEMCPY_APART)
        return memcpy(dst, src, n); /* no overlap, or it reads what is to be read before it writes there */
    if (d < s) {
        for (; n >= 4; n -= 4, d += 4, s += 4)
            *(uint32_t *)d = *(const uint32_t *)s;
        while (n-- > 0)
            *d++ = *s++;
        return dst;
    }
    while (n >= 4) {
        n -= 4;
        *(uint32_t *)(d + n) = *(const uint32_t *)(s + n);
    }
    while (n-- > 0)
        d[n] = s[n];
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n >= 4 && *(const uint32_t *)x == *(const uint32_t *)y; n -= 4, x += 4, y += 4)
        ;
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

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++) {
        if (*a != *b)
            return (uint8_t)*a - (uint8_t)*b;
        if (!*a)
            break;
    }
    return 0;
}
