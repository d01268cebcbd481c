/*
 * Times in user memory: struct timespec in two widths, and struct timeval.
 *
 * Inside the kernel a time is nanoseconds in 64 bits. What a program says may be more than that can hold: it
 * becomes USERTIME_FOREVER, which is so far below the limit that a sum of two of them does not wrap.
 */
#include "kernel/sched/usertime.h"
#include "kernel/sched/dayclock.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/os.h"

#define SECOND 1000000000ull

/* The forms as they lie in memory. */
struct narrow {
    int32_t sec, part;
};

struct wide {
    int64_t sec;
    int32_t part, pad;
};

static uint32_t parts_a_second(enum usertime_form form)
{
    return form == USERTIME_VAL ? 1000000 : (uint32_t)SECOND;
}

int usertime_fetch(vaddr_t va, enum usertime_form form, struct usertime *t)
{
    struct wide wide;
    struct narrow narrow;

    if (form == USERTIME_64) {
        if (user_copy_in(&wide, va, sizeof wide))
            return -EFAULT;
        *t = (struct usertime){wide.sec, wide.part};
    } else {
        if (user_copy_in(&narrow, va, sizeof narrow))
            return -EFAULT;
        *t = (struct usertime){narrow.sec, narrow.part};
    }
    return 0;
}

int usertime_ns(const struct usertime *t, enum usertime_form form, uint64_t *ns)
{
    uint32_t parts = parts_a_second(form);

    if (t->sec < 0 || t->part < 0 || (uint32_t)t->part >= parts)
        return -EINVAL;
    *ns = USERTIME_FOREVER;
    if ((uint64_t)t->sec < USERTIME_FOREVER / SECOND)
        *ns = (uint64_t)t->sec * SECOND + (uint32_t)t->part * ((uint32_t)SECOND / parts);
    return 0;
}

int usertime_read(vaddr_t va, enum usertime_form form, uint64_t *ns)
{
    struct usertime t;
    int err = usertime_fetch(va, form, &t);

    return err ? err : usertime_ns(&t, form, ns);
}

int usertime_write(vaddr_t va, enum usertime_form form, uint64_t ns)
{
    int32_t part = (int32_t)((uint32_t)(ns % SECOND) / ((uint32_t)SECOND / parts_a_second(form)));
    const struct wide wide = {.sec = (int64_t)(ns / SECOND), .part = part};
    const struct narrow narrow = {(int32_t)wide.sec, part};

    return form == USERTIME_64 ? user_copy_out(va, &wide, sizeof wide)
                               : user_copy_out(va, &narrow, sizeof narrow);
}

int usertime_read_pair(vaddr_t va, enum usertime_form form, uint64_t ns[2])
{
    struct usertime t[2];

    for (unsigned i = 0; i < 2; i++)
        if (usertime_fetch(va + i * usertime_size(form), form, &t[i]))
            return -EFAULT;
    for (unsigned i = 0; i < 2; i++)
        if (usertime_ns(&t[i], form, &ns[i]))
            return -EINVAL;
    return 0;
}

int usertime_write_pair(vaddr_t va, enum usertime_form form, const uint64_t ns[2])
{
    int err = usertime_write(va, form, ns[0]);

    return err ? err : usertime_write(va + usertime_size(form), form, ns[1]);
}

uint64_t usertime_after(uint64_t ns)
{
    uint64_t now = os_now_ns();

    return ns < USERTIME_FOREVER - now ? now + ns : USERTIME_FOREVER;
}

uint64_t usertime_until(uint64_t realtime_ns)
{
    return dayclock_when(&dayclock, os_now_ns(), realtime_ns);
}
