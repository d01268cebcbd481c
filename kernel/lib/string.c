/*
 * The memory and string functions that mm/os.h declares; the compiler calls some of them too.
 * They move words in plain loops: under an emulator rep is several times slower, and
 * on silicon the difference is small for the short pieces that pass here (whole pages go through
 * page_copy() and page_clear()). The Makefile keeps the compiler from turning a loop into a call of itself.
 */
#include "mm/os.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    for (; n >= 64; n -= 64, d += 64, s += 64) {
#define MOVE(i) ((uint32_t *)d)[i] = ((const uint32_t *)s)[i]
        MOVE(0), MOVE(1), MOVE(2), MOVE(3), MOVE(4), MOVE(5), MOVE(6), MOVE(7);
        MOVE(8), MOVE(9), MOVE(10), MOVE(11), MOVE(12), MOVE(13), MOVE(14), MOVE(15);
#undef MOVE
    }
    for (; n >= 16; n -= 16, d += 16, s += 16) {
        uint32_t a = ((const uint32_t *)s)[0], b = ((const uint32_t *)s)[1];
        uint32_t c = ((const uint32_t *)s)[2], e = ((const uint32_t *)s)[3];

        ((uint32_t *)d)[0] = a;
        ((uint32_t *)d)[1] = b;
        ((uint32_t *)d)[2] = c;
        ((uint32_t *)d)[3] = e;
    }
    for (; n >= 4; n -= 4, d += 4, s += 4)
        *(uint32_t *)d = *(const uint32_t *)s;
    while (n-- > 0)
        *d++ = *s++;
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    if ((uintptr_t)d - (uintptr_t)s >= n) /* dst before src, or no overlap: a forward copy is right */
        return memcpy(dst, src, n);
    while (n >= 4) {
        n -= 4;
        *(uint32_t *)(d + n) = *(const uint32_t *)(s + n);
    }
    while (n-- > 0)
        d[n] = s[n];
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    uint8_t *d = dst;
    uint32_t word = (uint8_t)c * 0x01010101u;

    for (; n >= 64; n -= 64, d += 64) {
#define SET(i) ((uint32_t *)d)[i] = word
        SET(0), SET(1), SET(2), SET(3), SET(4), SET(5), SET(6), SET(7);
        SET(8), SET(9), SET(10), SET(11), SET(12), SET(13), SET(14), SET(15);
#undef SET
    }
    for (; n >= 16; n -= 16, d += 16) {
        ((uint32_t *)d)[0] = word;
        ((uint32_t *)d)[1] = word;
        ((uint32_t *)d)[2] = word;
        ((uint32_t *)d)[3] = word;
    }
    for (; n >= 4; n -= 4, d += 4)
        *(uint32_t *)d = word;
    while (n-- > 0)
        *d++ = (uint8_t)c;
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
