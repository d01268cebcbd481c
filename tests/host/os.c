/*
 * mm/os.h on the host. Outside fibers_run() there is one task, whose sleep runs the test's idle hook; inside,
 * fibres take turns (fibers.c).
 */
#include "mm/os.h"
#include "tests/host/fibers.h"
#include "tests/host/host.h"
#include "tests/kt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int the_task;
void *os_current = &the_task;
uint32_t os_nosleep;
const char *os_nosleep_why = "nothing";
bool (*host_idle)(void *arg);
void *host_idle_arg;

static bool capturing;
static char captured[1 << 16];
static size_t captured_len;

void os_log(const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (!capturing) {
        printf("# %s\n", line);
        return;
    }
    size_t n = strlen(line);
    if (captured_len + n + 2 > sizeof captured)
        return;
    memcpy(captured + captured_len, line, n);
    captured_len += n;
    captured[captured_len++] = '\n';
    captured[captured_len] = '\0';
}

void kt_capture_begin(void)
{
    capturing = true;
    captured_len = 0;
    captured[0] = '\0';
}

bool kt_captured(const char *text)
{
    return strstr(captured, text) != NULL;
}

void kt_capture_end(void)
{
    capturing = false;
}

void os_panic(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "Bail out! panic at %s:%d: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

uint64_t os_now_ns(void)
{
    struct timespec ts;

    if (fibers_running())
        return fibers_now();
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint32_t os_irq_save(void)
{
    return 0;
}

void os_irq_restore(uint32_t state)
{
    (void)state;
}

/* All of the run, as there is one count for all fibres. */
static uint32_t stalls;

void os_memstall_enter(void)
{
    stalls++;
}

void os_memstall_leave(void)
{
    mm_assert(stalls, "a wait for memory ended that had not begun");
    stalls--;
}

/* OS_TORTURE is set while fibres run. */
void might_sleep_slow(void)
{
    mm_assert(nosleep_depth() == 0, "may sleep in a nosleep section, depth %u, that protects %s",
              nosleep_depth(), os_nosleep_why);
    if (fibers_running())
        fibers_maybe_yield();
}

static bool sleep_in(struct waitq *q, uint64_t deadline, const struct mutex *m, const void *from)
{
    mm_assert(nosleep_depth() == 0, "slept in a nosleep section, depth %u, that protects %s", nosleep_depth(),
              os_nosleep_why);
    if (fibers_running())
        return fibers_sleep(q, deadline, m, from);
    return host_idle && host_idle(host_idle_arg);
}

void os_sleep(struct waitq *q)
{
    bool woken = sleep_in(q, 0, NULL, __builtin_return_address(0));

    mm_assert(woken, "a deadlock: nothing can wake this task");
}

bool os_sleep_until(struct waitq *q, uint64_t deadline_ns)
{
    if (fibers_running() && deadline_ns <= os_now_ns())
        return false;
    return sleep_in(q, deadline_ns, NULL, __builtin_return_address(0));
}

/* Fibres take turns at every possible sleep anyway. */
void os_give_way(void)
{
}

void os_yield(void)
{
    mm_assert(nosleep_depth() == 0, "yielded in a nosleep section, depth %u, that protects %s",
              nosleep_depth(), os_nosleep_why);
    if (fibers_running())
        fibers_yield();
    else if (host_idle)
        host_idle(host_idle_arg);
}

/* Handed over to the oldest waiter, as the kernel does. */
void mutex_lock_slow(struct mutex *m)
{
    mm_assert(m->owner != os_current, "a mutex locked twice by one task");
    while (m->owner != os_current)
        sleep_in(&m->waiters, 0, m, __builtin_return_address(0));
}

void mutex_unlock_slow(struct mutex *m)
{
    mm_assert(m->owner == os_current, "a mutex unlocked by a task that does not hold it");
    m->owner = fibers_oldest(&m->waiters);
    os_wake_one(&m->waiters);
}
