#include "kernel/sched/clock.h"
#include "drivers/rtc.h"
#include "kernel/lib/printk.h"
#include "kernel/sched/time.h"

void clock_init(void)
{
    uint64_t seconds;

    if (rtc_read(&seconds))
        clock_set_realtime(seconds * 1000000000ull);
    else
        printk(LOG_WARN, "no date: the machine's clock shows none; it is 1970");
}

uint64_t clock_realtime_ns(void)
{
    return os_now_ns() + time_realtime_offset;
}

void clock_set_realtime(uint64_t ns)
{
    uint64_t now = os_now_ns();
    uint32_t irq = os_irq_save();

    time_realtime_offset = ns - now;
    os_irq_restore(irq);
    time_alarm(now); /* what waits for a time of day may be due */
}
