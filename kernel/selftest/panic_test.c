/* Failures on purpose, to see each recognised for what it is (tests/boot/panic.t). */
#include "kernel/selftest/panic_test.h"
#include "kernel/lib/image.h"
#include "kernel/sched/task.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/panic.h"
#include "mm/os.h"
#include "mm/x86/cpu.h"

/* Ends only in theory, which is what keeps the compiler from seeing through it. */
static __attribute__((noinline)) uint32_t recurse(const volatile uint32_t *below)
{
    volatile uint32_t here[16];

    here[0] = *below + 1;
    return here[0] ? recurse(here) + here[0] : 0;
}

static void recurse_in_task(void *arg)
{
    recurse(arg);
}

static void panic_again(void)
{
    panic("panic_test=nested, the second");
}

void panic_provoke(enum panic_test test)
{
    volatile uint32_t zero = 0;

    switch (test) {
    case PANIC_TEST_NONE:
        return;
    case PANIC_TEST_PANIC:
        panic("panic_test=panic");
    case PANIC_TEST_ASSERT:
        mm_assert(zero == 1, "zero is %u", zero);
        return;
    case PANIC_TEST_NULL:
        (void)*(volatile uint32_t *)(uintptr_t)zero;
        return;
    case PANIC_TEST_TEXT:
        *(volatile char *)text_start = 0;
        return;
    case PANIC_TEST_LOW:
        (void)*(volatile uint32_t *)(uintptr_t)(zero + 0x100000);
        return;
    case PANIC_TEST_STACK:
        recurse(&zero);
        return;
    case PANIC_TEST_TASK: {
        struct task *t = task_create("overflow", recurse_in_task, (void *)&zero);

        mm_assert(t, "no memory for a task");
        task_join(t, NULL);
        return;
    }
    case PANIC_TEST_DIVIDE:
        __asm__ volatile("divl %1" : : "a"(1), "r"(zero), "d"(0) : "cc");
        return;
    case PANIC_TEST_MAPPED: {
        struct frame *f = frame_alloc(&frame_pool_sys, FRAME_ANON, 0);

        mm_assert(f, "no memory for a frame");
        f->maps = 1;
        event_of_frame(&vm_sys, EVENT_FREED, f); /* so that there is one to be shown */
        frame_free(&frame_pool_sys, f);
        return;
    }
    case PANIC_TEST_SLEEP: {
        struct mutex m = {0};

        nosleep_enter("what must not change");
        mutex_lock(&m);
        return;
    }
    case PANIC_TEST_NESTED:
        panic_register(panic_again);
        panic("panic_test=nested, the first");
    case PANIC_TEST_HANG:
        cpu_irq_off();
        for (;;)
            __asm__ volatile("pause");
    case PANIC_TEST_RESET: {
        struct {
            uint16_t limit;
            uint32_t base;
        } __attribute__((packed)) none = {0, 0};

        __asm__ volatile("lidt %0; int3" : : "m"(none));
        return;
    }
    }
}
