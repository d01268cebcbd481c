/* futex(2) and its time. */
#include "kernel/proc/futex.h"
#include "kernel/sched/time.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

/* A struct timespec of 32-bit or 64-bit seconds, as nanoseconds; what does not fit is forever. */
static int read_time(vaddr_t at, bool wide, uint64_t *ns)
{
    int32_t t[4];
    int err = user_copy_in(t, at, wide ? 16 : 8);
    int64_t sec = wide ? (int64_t)(uint32_t)t[0] | (int64_t)t[1] << 32 : t[0];
    int32_t nsec = wide ? t[2] : t[1];

    if (err)
        return err;
    if (sec < 0 || nsec < 0 || nsec >= 1000000000)
        return -EINVAL;
    *ns = sec > INT64_MAX / 2000000000 ? INT64_MAX : (uint64_t)sec * 1000000000u + (uint32_t)nsec;
    return 0;
}

static int timeout(uint32_t op, vaddr_t at, bool wide, uint64_t *deadline)
{
    bool absolute = (op & FUTEX_COMMAND) == FUTEX_WAIT_BITSET;
    uint64_t ns;
    int err;

    *deadline = 0;
    if (!at)
        return 0;
    err = read_time(at, wide, &ns);
    if (err)
        return err;
    if (!absolute)
        *deadline = os_now_ns() + ns;
    else if (op & FUTEX_CLOCK_REALTIME)
        *deadline = ns > time_realtime_offset ? ns - time_realtime_offset : 1;
    else
        *deadline = ns ? ns : 1;
    return 0;
}

static int32_t futex(uint32_t uaddr, uint32_t op, uint32_t value, uint32_t arg, uint32_t uaddr2,
                     uint32_t value3, bool wide)
{
    uint32_t command = op & FUTEX_COMMAND;
    uint64_t deadline = 0;

    if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) {
        int err = timeout(op, arg, wide, &deadline);

        if (err)
            return err;
    }
    return futex_call(uaddr, op, value, deadline, arg, uaddr2, value3);
}

int32_t sys_futex(uint32_t uaddr, uint32_t op, uint32_t value, uint32_t arg, uint32_t uaddr2, uint32_t value3)
{
    return futex(uaddr, op, value, arg, uaddr2, value3, false);
}

int32_t sys_futex_time64(uint32_t uaddr, uint32_t op, uint32_t value, uint32_t arg, uint32_t uaddr2,
                         uint32_t value3)
{
    return futex(uaddr, op, value, arg, uaddr2, value3, true);
}
