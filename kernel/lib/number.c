/*
 * Numbers in text that is not ours. A number that does not fit is no number: it never wraps, since a limit
 * that wraps to 0 is none.
 */
#include "kernel/lib/number.h"

static unsigned digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 32;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

bool number_digits(const char **s, unsigned base, uint64_t *n)
{
    const char *at = *s;
    uint64_t v = 0;

    for (; digit(*at) < base; at++) {
        if (v > (UINT64_MAX - digit(*at)) / base)
            return false;
        v = v * base + digit(*at);
    }
    if (at == *s)
        return false;
    *s = at;
    *n = v;
    return true;
}

bool number_any(const char **s, uint64_t *n)
{
    const char *at = *s;
    unsigned base = 10;

    if (at[0] == '0') {
        base = (at[1] | 32) == 'x' && digit(at[2]) < 16 ? 16 : 8;
        at += base == 16 ? 2 : 0;
    }
    if (!number_digits(&at, base, n))
        return false;
    *s = at;
    return true;
}

bool number_address(const char **s, uint64_t *n)
{
    const char *at = *s;

    if (at[0] == '0' && (at[1] | 32) == 'x' && digit(at[2]) < 16)
        at += 2;
    if (!number_digits(&at, 16, n))
        return false;
    *s = at;
    return true;
}

bool number_unit(const char **s, uint64_t *n)
{
    static const char units[] = "kmgtpe";

    for (unsigned i = 0; units[i]; i++)
        if ((**s | 32) == units[i]) {
            unsigned shift = 10 * (i + 1);

            if (*n > UINT64_MAX >> shift)
                return false;
            *n <<= shift;
            ++*s;
            break;
        }
    return true;
}
