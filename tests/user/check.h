/*
 * What a test program says of each thing: "NAME: ok: ..." or "NAME: FAILED: ... (errno N)", with the name
 * that it was started by. errno is left as it is. For programs that judge by themselves; those that are
 * compared with Linux have ut.h.
 */
#ifndef TESTS_USER_CHECK_H
#define TESTS_USER_CHECK_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define US     1000ull /* in nanoseconds, as the next two */
#define MS     1000000ull
#define SECOND 1000000000ull

/* Nanoseconds of the clock that nobody sets. */
static inline uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static inline struct timespec spec(uint64_t ns)
{
    return (struct timespec){(time_t)(ns / SECOND), (long)(ns % SECOND)};
}

static unsigned failed; /* things so far */

static inline __attribute__((format(printf, 2, 3))) bool check(bool ok, const char *fmt, ...)
{
    int err = errno;
    va_list ap;

    printf("%s: %s: ", program_invocation_short_name, ok ? "ok" : "FAILED");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf(ok || !err ? "\n" : " (errno %d)\n", err);
    fflush(stdout);
    failed += !ok;
    errno = err;
    return ok;
}

#endif
