/*
 * Making and ending tasks. A task cannot free the stack that it runs on, so a dead task keeps its memory
 * until somebody joins it. Stacks lie in the kernel address arena with an unmapped page below, so running
 * over the end is a fault and not silent corruption.
 */
#include "kernel/task.h"
#include "kernel/sched.h"
#include "kernel/sync.h"
#include "mm/kva_map.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/x86/cpu.h"

static struct cache task_cache;
static uint32_t next_id = 1; /* 0 is the task that booted */

/* Where a task begins: task_create() made its first task_switch() return here, interrupts off. */
static _Noreturn void task_main(void)
{
    struct task *self = task_current();

    cpu_irq_on();
    self->fn(self->arg);
    task_exit(0);
}

/* The stack of a task that is about to return from task_switch() to task_main(). */
static uint32_t first_esp(const struct task *t)
{
    uint32_t *sp = (uint32_t *)((uint8_t *)t->stack + t->stack_pages * PAGE_SIZE);

    *--sp = 0;                   /* task_main() has no caller: backtraces end here */
    *--sp = (uint32_t)task_main; /* return address */
    *--sp = 0;                   /* ebp */
    *--sp = 0;                   /* ebx */
    *--sp = 0;                   /* esi */
    *--sp = 0;                   /* edi */
    return (uint32_t)sp;
}

void task_init(void)
{
    cache_init(&task_cache, kmalloc_sys.pool, "task", sizeof(struct task), 0, NULL, slab_default_flags);
}

struct task *task_create_sized(const char *name, void (*fn)(void *), void *arg, unsigned stack_pages)
{
    struct task *t = cache_alloc(&task_cache);

    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    t->stack = kva_stack_alloc(&kva_map_sys, stack_pages);
    if (!t->stack) {
        cache_free(&task_cache, t);
        return NULL;
    }
    t->stack_pages = stack_pages;
    t->fn = fn;
    t->arg = arg;
    t->id = next_id++;
    for (size_t i = 0; i + 1 < sizeof t->name && name[i]; i++)
        t->name[i] = name[i];
    t->esp = first_esp(t);

    uint32_t irq = os_irq_save();

    sched_add(t);
    sched_ready(t);
    os_irq_restore(irq);
    return t;
}

struct task *task_create(const char *name, void (*fn)(void *), void *arg)
{
    return task_create_sized(name, fn, arg, TASK_STACK_PAGES);
}

void task_exit(int code)
{
    struct task *self = task_current();

    mm_assert(os_nosleep_depth == 0, "task %s ends in a nosleep section, depth %d", self->name,
              os_nosleep_depth);
    mm_assert(self->stack, "the task that booted never ends");
    os_irq_save();
    self->exit_code = code;
    self->state = TASK_DEAD;
    os_wake_all(&self->joiner);
    sched_switch();
    os_panic(__FILE__, __LINE__, "dead task %s was picked to run", self->name);
}

void task_join(struct task *t, int *code)
{
    mm_assert(t != task_current(), "task %s joins itself", t->name);

    uint32_t irq = os_irq_save();

    mm_assert(!t->joiner.head, "task %s is being joined already", t->name);
    while (t->state != TASK_DEAD)
        os_sleep(&t->joiner);
    sched_remove(t);
    os_irq_restore(irq);
    if (code)
        *code = t->exit_code;
    kva_stack_free(&kva_map_sys, t->stack, t->stack_pages);
    cache_free(&task_cache, t);
}

void task_set_space(struct space *s)
{
    uint32_t irq = os_irq_save(); /* a switch must not come between the two */

    task_current()->space = s;
    space_activate(s);
    os_irq_restore(irq);
}

void task_sleep_ns(uint64_t ns)
{
    struct waitq nobody = {0};
    uint64_t deadline = os_now_ns() + ns;
    uint32_t irq = os_irq_save();

    os_sleep_until(&nobody, deadline);
    os_irq_restore(irq);
}

uint64_t task_cpu_ns(const struct task *t)
{
    return t->cpu_ns + (t == os_current ? os_now_ns() - t->since : 0);
}
