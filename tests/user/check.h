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
#include <stdio.h>

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
