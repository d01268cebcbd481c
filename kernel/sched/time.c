/*
 * The clock is the time-stamp counter, calibrated against the PIT; a machine without one counts ticks, and
 * its time moves in steps of 4 ms.
 */
#include "kernel/sched/time.h"
#include "drivers/pic.h"
#include "drivers/pit.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

#define HOOKS      8u
#define CALIBRATE  (PIT_HZ / 500) /* 2 ms */
#define TRIES      3u
#define SCALE_BITS 24u

static void (*hooks[HOOKS])(void);
static unsigned hook_count;
static volatile uint64_t ticks;
static uint32_t tick_ns;
static uint64_t tsc_start, tsc_hz;
uint64_t time_realtime_offset;
static uint32_t scale; /* nanoseconds a cycle, times 2^SCALE_BITS; 0: no counter */

void time_begin(void)
{
    if (cpu_features.tsc)
        tsc_start = cpu_rdtsc();
}

static void tick(void *arg __attribute__((unused)))
{
    ticks++;
    for (unsigned i = 0; i < hook_count; i++)
        hooks[i]();
}

/* The shortest of a few tries: whatever disturbs one can only make it longer. */
static void calibrate(void)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t start = cpu_rdtsc();

        pit_wait(CALIBRATE);
        uint64_t cycles = cpu_rdtsc() - start;
        if (cycles < best)
            best = cycles;
    }
    tsc_hz = best * PIT_HZ / CALIBRATE;
    scale = (uint32_t)((1000000000ull << SCALE_BITS) / tsc_hz);
}

void time_init(void)
{
    if (cpu_features.tsc)
        calibrate();
    tick_ns = pit_start(TIME_HZ);
    irq_register(PIT_IRQ, tick, NULL);
}

void time_register_tick(void (*fn)(void))
{
    mm_assert(hook_count < HOOKS, "%u tick hooks", hook_count);
    hooks[hook_count] = fn;
    hook_count++;
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
