/*
 * The clock, and the timer's interrupts.
 *
 * The clock is the time-stamp counter, calibrated against the PIT. No tick is counted for it, so none has to
 * come: the timer is set to interrupt once, for what comes first, and that interrupt sets it again. Sleeps
 * and limits end when they are over, not with some tick.
 *
 * While a task has the processor, ticks come nevertheless, at whole multiples of 4 ms since boot: they end
 * time slices and are the samples that divide a program's time between ring 3 and the kernel. Samples at
 * times that a program cannot choose; so an interrupt that comes for a sleeper between two ticks is none.
 * When nobody wants the processor any more, the tick that is on its way still comes, since it mostly costs
 * less than to set the timer twice for a short wait, and is the last: from then on the timer is set for what
 * sleeps and limits need.
 *
 * The timer is the local APIC's where there is one, else the PIT. It may be unable to wait for as long as it
 * should; then it interrupts early, nothing is due, and it is set again: the PIT after 55 ms.
 *
 * A machine without a counter is interrupted 250 times a second at any time and counts ticks: its time moves
 * in steps of 4 ms.
 *
 * Data: when the timer will interrupt, and when the next tick is. Locking: interrupts off.
 *
 *     INV-TIME-1  while a task has the processor, the timer interrupts at the next tick or before, or, if
 *                 that is over, at once
 */
#include "kernel/sched/time.h"
#include "drivers/lapic.h"
#include "drivers/pic.h"
#include "drivers/pit.h"
#include "kernel/lib/printk.h"
#include "mm/kva_map.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

#define HOOKS         8u
#define TRIES         20u
#define SCALE_BITS    24u
#define SOONEST_NS    5000u /* so that whoever asks for too much leaves time for others */
#define PIT_MOST_NS   (65000ull * 1000000000u / PIT_HZ)
#define LOCAL_MOST_NS 20000000000ull /* short enough for 32 bits at any rate that is taken */
#define LOCAL_MOST_HZ 200000000u
/* Cycles a nanosecond, times 2^32. */
#define SCALE(hz) (((uint64_t)(hz) << 32) / 1000000000u)

static const struct time_hook *hooks[HOOKS];
static unsigned hook_count;
static volatile uint64_t ticks;
static uint32_t tick_ns;
static uint64_t tsc_start, tsc_hz;
static uint32_t scale; /* nanoseconds a cycle, times 2^SCALE_BITS; 0: no counter */
/* Of the timer: cycles a nanosecond, times 2^32, and how long it can wait. */
static uint64_t timer_scale = SCALE(PIT_HZ), timer_most_ns = PIT_MOST_NS;
static uint32_t local_hz;             /* 0: the timer is the PIT */
static uint64_t set_for = TIME_NEVER; /* when the timer interrupts next */
static uint64_t next_tick;
static bool resting; /* nobody wants the processor */

void time_begin(void)
{
    if (cpu_features.tsc)
        tsc_start = cpu_rdtsc();
}

static void set_timer(uint64_t at)
{
    uint64_t now = os_now_ns(), wait = at > now + SOONEST_NS ? at - now : SOONEST_NS;

    if (wait > timer_most_ns)
        wait = timer_most_ns;
    set_for = now + wait;

    uint32_t cycles = (uint32_t)(wait * timer_scale >> 32) + 1;

    if (local_hz)
        lapic_timer_set(cycles);
    else
        pit_once((uint16_t)cycles);
}

/* Set the timer for what comes first, unless it comes before that anyway. */
static void set_for_first(void)
{
    uint64_t at = resting ? TIME_NEVER : next_tick;

    for (unsigned i = 0; i < hook_count; i++) {
        uint64_t next = hooks[i]->next ? hooks[i]->next() : TIME_NEVER;

        if (next < at)
            at = next;
    }
    if (at < set_for)
        set_timer(at);
}

/* The next tick is after now. */
static void place_tick(uint64_t now)
{
    next_tick += TIME_TICK_NS;
    if (next_tick <= now)
        next_tick = (now / TIME_TICK_NS + 1) * TIME_TICK_NS;
}

static void tick(void)
{
    ticks++;
    for (unsigned i = 0; i < hook_count; i++)
        if (hooks[i]->tick)
            hooks[i]->tick();
}

static void do_due(void)
{
    uint64_t now = os_now_ns();

    for (unsigned i = 0; i < hook_count; i++)
        if (hooks[i]->due)
            hooks[i]->due(now);
}

static void interrupt(void)
{
    uint64_t now = os_now_ns();

    set_for = TIME_NEVER;
    if (!resting && now >= next_tick) {
        place_tick(now);
        tick();
    }
    do_due();
    if (!resting) /* else the idle task sets it, for it knows more */
        set_for_first();
}

static void pit_interrupt(void *arg __attribute__((unused)))
{
    interrupt();
}

static void periodic(void *arg __attribute__((unused)))
{
    tick();
    do_due();
}

void time_alarm(uint64_t at)
{
    uint32_t irq = os_irq_save();

    if (at < set_for && scale)
        set_timer(at);
    os_irq_restore(irq);
}

void time_rest(void)
{
    resting = true;
    if (scale)
        set_for_first();
}

void time_resume(void)
{
    uint64_t now;

    if (!resting)
        return;
    resting = false;
    now = os_now_ns();
    if (next_tick <= now)
        place_tick(now);
    if (scale)
        set_for_first();
}

/* A counter's cycles a second, as well as a host can tell that may take the processor from us at any time. */
static uint64_t measure_hz(uint64_t (*now)(void))
{
    struct pit_measured best = {.doubt = 1}, m;
    bool sure = false;

    for (unsigned i = 0; i < TRIES && !sure; i++) {
        sure = pit_measure(now, &m);
        if (sure || m.doubt * best.cycles < best.doubt * m.cycles)
            best = m;
    }
    return best.pit_cycles ? (best.cycles - best.doubt / 2) * PIT_HZ / best.pit_cycles : 0;
}

static void calibrate(void)
{
    tsc_hz = measure_hz(cpu_rdtsc);
    if (tsc_hz)
        scale = (uint32_t)((1000000000ull << SCALE_BITS) / tsc_hz);
}

static uint64_t local_timer_gone(void)
{
    return UINT32_MAX - lapic_timer_left();
}

static void find_local_timer(void)
{
    void *registers;

    if (!cpu_features.local_apic)
        return;
    registers = kva_device_map(&kva_map_sys, cpu_features.local_apic, LAPIC_SIZE);
    if (!registers || !lapic_init(registers)) {
        if (registers)
            kva_device_unmap(&kva_map_sys, registers, LAPIC_SIZE);
        return;
    }
    lapic_timer_set(UINT32_MAX);
    local_hz = (uint32_t)measure_hz(local_timer_gone);
    if (local_hz > LOCAL_MOST_HZ)
        local_hz = 0;
}

void time_init(void)
{
    if (cpu_features.tsc)
        calibrate();
    if (!scale) {
        tick_ns = pit_start(TIME_HZ);
        irq_register(PIT_IRQ, "timer", periodic, NULL);
        return;
    }
    find_local_timer();
    if (local_hz) {
        timer_scale = SCALE(local_hz);
        timer_most_ns = LOCAL_MOST_NS;
        lapic_timer_register(interrupt);
    } else {
        pit_once_init();
        irq_register(PIT_IRQ, "timer", pit_interrupt, NULL);
    }
    printk(LOG_INFO, "time: the counter has %u kHz, and the timer, %s, %u", (uint32_t)(tsc_hz / 1000),
           local_hz ? "the local APIC's" : "the PIT", (local_hz ? local_hz : PIT_HZ) / 1000);
    place_tick(os_now_ns());
    set_timer(next_tick);
}

void time_register(const struct time_hook *h)
{
    uint32_t irq = os_irq_save();

    mm_assert(hook_count < HOOKS, "%u hooks", hook_count);
    hooks[hook_count] = h;
    hook_count++;
    os_irq_restore(irq);
}

bool time_verify(void)
{
    uint32_t irq = os_irq_save();
    bool ok = true;

    INV("INV-TIME-1", resting || !scale || set_for <= next_tick || set_for <= os_now_ns() + SOONEST_NS,
        "the tick is to come at %llu, the timer is set for %llu", (unsigned long long)next_tick,
        (unsigned long long)set_for);
    os_irq_restore(irq);
    return ok;
}

uint64_t time_ticks(void)
{
    uint32_t s = os_irq_save();
    uint64_t t = ticks;

    os_irq_restore(s);
    return t;
}

uint64_t time_tsc_hz(void)
{
    return tsc_hz;
}

uint64_t time_since_boot_ns(uint64_t tsc)
{
    return time_of_cycles_ns(tsc - tsc_start);
}

uint64_t os_now_ns(void)
{
    return scale ? time_since_boot_ns(cpu_rdtsc()) : time_ticks() * tick_ns;
}

uint64_t time_of_cycles_ns(uint64_t cycles)
{
    /* cycles * scale needs up to 96 bits, so in two halves. */
    return ((cycles >> 32) * scale << (32 - SCALE_BITS)) + ((cycles & UINT32_MAX) * scale >> SCALE_BITS);
}

uint64_t time_stamps_ns(uint64_t stamps)
{
    return scale ? time_of_cycles_ns(stamps) : stamps;
}
