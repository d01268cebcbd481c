/* futex(2) and its time. */
#include "kernel/proc/futex.h"
#include "kernel/sched/time.h"
#include "kernel/sched/usertime.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

static int timeout(uint32_t op, vaddr_t at, bool wide, uint64_t *deadline)
{
    bool absolute = (op & FUTEX_COMMAND) == FUTEX_WAIT_BITSET;
    uint64_t ns;
    int err;

    *deadline = 0;
    if (!at)
        return 0;
    err = usertime_read(at, USERTIME_SPEC(wide), &ns);
    if (err)
        return err;
    if (!absolute)
        *deadline = usertime_after(ns);
    else if (op & FUTEX_CLOCK_REALTIME)
        *deadline = usertime_until(ns);
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
