/* System calls for timers: setitimer(2), alarm(2), timer_create(2), timerfd_create(2). */
#include "kernel/fs/timerfd.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/ptimer.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"

int32_t sys_getitimer(SYSCALL_2_ARGS(which, value))
{
    return itimer_get(which, value);
}

int32_t sys_setitimer(SYSCALL_3_ARGS(which, value, old))
{
    return itimer_set(which, value, old);
}

int32_t sys_alarm(SYSCALL_1_ARG(seconds))
{
    return itimer_alarm(seconds);
}

int32_t sys_timer_create(SYSCALL_3_ARGS(clock, event, id))
{
    return ptimer_create(clock, event, id);
}

int32_t sys_timer_settime(SYSCALL_4_ARGS(id, flags, new, old))
{
    return ptimer_set(id, flags, new, old, false);
}

int32_t sys_timer_settime64(SYSCALL_4_ARGS(id, flags, new, old))
{
    return ptimer_set(id, flags, new, old, true);
}

int32_t sys_timer_gettime(SYSCALL_2_ARGS(id, va))
{
    return ptimer_get(id, va, false);
}

int32_t sys_timer_gettime64(SYSCALL_2_ARGS(id, va))
{
    return ptimer_get(id, va, true);
}

int32_t sys_timer_getoverrun(SYSCALL_1_ARG(id))
{
    return ptimer_overruns(id);
}

int32_t sys_timer_delete(SYSCALL_1_ARG(id))
{
    return ptimer_delete(id);
}

int32_t sys_timerfd_create(SYSCALL_2_ARGS(clock, flags))
{
    return timerfd_create(clock, flags);
}

int32_t sys_timerfd_settime(SYSCALL_4_ARGS(fd, flags, new, old))
{
    return timerfd_set((int)fd, flags, new, old, false);
}

int32_t sys_timerfd_settime64(SYSCALL_4_ARGS(fd, flags, new, old))
{
    return timerfd_set((int)fd, flags, new, old, true);
}

int32_t sys_timerfd_gettime(SYSCALL_2_ARGS(fd, va))
{
    return timerfd_get((int)fd, va, false);
}

int32_t sys_timerfd_gettime64(SYSCALL_2_ARGS(fd, va))
{
    return timerfd_get((int)fd, va, true);
}
