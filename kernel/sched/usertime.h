/* Times in user memory: the one place that reads and writes them. See usertime.c. */
#ifndef KERNEL_SCHED_USERTIME_H
#define KERNEL_SCHED_USERTIME_H

#include "mm/types.h"

enum usertime_form {
    USERTIME_32,  /* struct timespec with 32-bit seconds */
    USERTIME_64,  /* with 64-bit seconds, whose upper half of tv_nsec is padding */
    USERTIME_VAL, /* struct timeval: 32-bit seconds and microseconds */
};
#define USERTIME_SPEC(wide) ((wide) ? USERTIME_64 : USERTIME_32)

/* Nanoseconds of a time that is later than can be said. Twice as much still fits into 64 bits. */
#define USERTIME_FOREVER ((uint64_t)INT64_MAX)

/* As it lies there: nothing is checked. */
struct usertime {
    int64_t sec;
    int32_t part; /* nanoseconds, or microseconds */
};

/* Bytes of a form. */
static inline vaddr_t usertime_size(enum usertime_form form)
{
    return form == USERTIME_64 ? 16 : 8;
}

/* 0 or -EFAULT. Sleeps. */
int usertime_fetch(vaddr_t va, enum usertime_form form, struct usertime *t);
/* A time that is not negative and has less than a second in its second part: nanoseconds, USERTIME_FOREVER at
 * most. 0 or -EINVAL. */
int usertime_ns(const struct usertime *t, enum usertime_form form, uint64_t *ns);
/* Both. 0, -EFAULT or -EINVAL. Sleeps. */
int usertime_read(vaddr_t va, enum usertime_form form, uint64_t *ns);
/* 0 or -EFAULT. Sleeps. */
int usertime_write(vaddr_t va, enum usertime_form form, uint64_t ns);
/* struct itimerspec: an interval, then a value. The same errors. Sleep. */
int usertime_read_pair(vaddr_t va, enum usertime_form form, uint64_t ns[2]);
int usertime_write_pair(vaddr_t va, enum usertime_form form, const uint64_t ns[2]);
/* os_now_ns() so much later, USERTIME_FOREVER at most. */
uint64_t usertime_after(uint64_t ns);
/* What os_now_ns() is when it is so many ns since 1970; 1, not 0, if that is past the beginning. */
uint64_t usertime_until(uint64_t realtime_ns);

#endif
