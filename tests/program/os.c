/* What of mm/os.h the files of mm/ need that a program has: nothing sleeps, and nobody else runs. */
#include "mm/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *os_current;
uint32_t os_nosleep;
const char *os_nosleep_why;

void os_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

void os_panic(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "panic at %s:%d: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

void might_sleep_slow(void)
{
}
