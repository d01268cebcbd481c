#include "kernel/sched/clock.h"
#include "drivers/rtc.h"
#include "kernel/lib/printk.h"
#include "kernel/sched/dayclock.h"
#include "kernel/sched/time.h"

void clock_init(void)
{
    uint64_t seconds;

    dayclock_init(&dayclock);
    if (rtc_read(&seconds))
        clock_set_realtime(seconds * 1000000000ull);
    else
        printk(LOG_WARN, "no date: the machine's clock shows none; it is 1970");
}

uint64_t clock_realtime_ns(void)
{
    return dayclock_at(&dayclock, os_now_ns());
}

int clock_adjust(struct dayclock_adjust *a)
{
    uint64_t now = os_now_ns();
    int state = dayclock_adjust(&dayclock, now, a);

    if (a->modes)
        time_alarm(now); /* what waits for a time of day may be due earlier */
    return state;
}

void clock_set_realtime(uint64_t ns)
{
    uint64_t now = os_now_ns();

    dayclock_set(&dayclock, now, ns);
    time_alarm(now); /* what waits for a time of day may be due */
}
