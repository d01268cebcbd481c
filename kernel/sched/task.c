/*
 * Making and ending tasks. A task cannot free the stack that it runs on, so a dead task keeps its memory
 * until somebody joins it. Stacks lie in the kernel address arena with an unmapped page below, so running
 * over the end is a fault and not silent corruption.
 */
#include "kernel/sched/task.h"
#include "kernel/sched/pressure.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/sync.h"
#include "kernel/sched/time.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/trap.h"
#include "mm/kva_map.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/x86/cpu.h"

_Static_assert(offsetof(struct task, cpu) == 0, "os_current is both");

#define KEEP_STACKS 8u

static struct cache task_cache;
static void *kept[KEEP_STACKS];
static unsigned kept_stacks;
static struct task *vanished; /* through all_next */
static uint32_t next_id = 1;  /* 0 is the task that booted */

/* Where a task begins: task_create() made its first task_switch() return here, interrupts off. */
static void task_main(void)
{
    struct task *self = task_current();

    cpu_irq_on();
    self->fn(self->arg);
    task_exit(0);
}

/* The stack of a task that is about to return from task_switch() to `to`; top: where its stack begins. */
static uint32_t first_esp(void *top, void (*to)(void), bool caller)
{
    uint32_t *sp = top;

    if (caller)
        *--sp = 0;        /* task_main() has no caller: backtraces end here */
    *--sp = (uint32_t)to; /* return address */
    *--sp = 0;            /* ebp */
    *--sp = 0;            /* ebx */
    *--sp = 0;            /* esi */
    *--sp = 0;            /* edi */
    return (uint32_t)sp;
}

void task_init(void)
{
    cache_init(&task_cache, kmalloc_sys.pool, "task", sizeof(struct task), 0, NULL, slab_default_flags);
}

/* --- stacks of ordinary size: a few are kept, since making one costs as much as the rest of a fork --- */

static void *stack_get(unsigned pages)
{
    if (pages == TASK_STACK_PAGES && kept_stacks) {
        void *stack = kept[--kept_stacks];

        return stack;
    }
    return vm_stack_alloc(pages);
}

static void stack_put(void *stack, unsigned pages)
{
    if (pages == TASK_STACK_PAGES && kept_stacks < KEEP_STACKS)
        kept[kept_stacks++] = stack;
    else
        kva_stack_free(&kva_map_sys, stack, pages);
}

static void task_free(struct task *t)
{
    stack_put(t->stack, t->stack_pages);
    cache_free(&task_cache, t);
}

/* Those who ended with task_vanish() and do not run any more. */
static void bury(void)
{
    uint32_t irq = os_irq_save();
    struct task *t = vanished;

    vanished = NULL;
    os_irq_restore(irq);
    while (t) {
        struct task *next = t->all_next;

        task_free(t);
        t = next;
    }
}

void task_reap(void)
{
    bury();
    while (kept_stacks)
        kva_stack_free(&kva_map_sys, kept[--kept_stacks], TASK_STACK_PAGES);
}

static struct task *task_make(const char *name, unsigned stack_pages)
{
    struct task *t;

    bury();
    /* no reclaim: the first tasks are older than what could be reclaimed */
    t = vm_sys.pool ? vm_cache_alloc(&vm_sys, &task_cache) : cache_alloc(&task_cache);
    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    t->stack = stack_get(stack_pages);
    if (!t->stack) {
        cache_free(&task_cache, t);
        return NULL;
    }
    t->stack_pages = stack_pages;
    t->stack_top = (uint8_t *)t->stack + stack_pages * PAGE_SIZE;
    t->id = next_id++;
    t->run.level = RUN_NORMAL;
    for (size_t i = 0; i + 1 < sizeof t->name && name[i]; i++)
        t->name[i] = name[i];
    return t;
}

void task_rename(struct task *t, const char *name)
{
    size_t i = 0;

    for (; i + 1 < sizeof t->name && name[i]; i++)
        t->name[i] = name[i];
    for (; i < sizeof t->name; i++) /* all of it is shown to programs */
        t->name[i] = 0;
}

void task_start(struct task *t)
{
    uint32_t irq = os_irq_save();

    sched_add(t);
    pressure_ready(t);
    sched_ready(t);
    sched_cut_turn(); /* so that a child runs soon */
    os_irq_restore(irq);
}

struct task *task_create_sized(const char *name, void (*fn)(void *), void *arg, unsigned stack_pages)
{
    struct task *t = task_make(name, stack_pages);

    if (!t)
        return NULL;
    t->fn = fn;
    t->arg = arg;
    t->cpu.esp = first_esp(t->stack_top, task_main, true);
    task_start(t);
    return t;
}

struct task *task_create_thread(struct thread *thread, struct context *context, const char *name,
                                void (*fn)(void *), void *arg)
{
    struct task *t = task_make(name, TASK_STACK_PAGES);

    if (!t)
        return NULL;
    t->thread = thread;
    t->program = t->useful = true;
    t->context = context;
    t->fn = fn;
    t->arg = arg;

    struct trap_frame *frame = (struct trap_frame *)t->stack_top - 1;

    t->cpu.esp = fn ? first_esp(frame, task_main, true) : first_esp(frame, trap_to_user, false);
    return t;
}

void task_discard(struct task *t)
{
    task_free(t);
}

struct task *task_create(const char *name, void (*fn)(void *), void *arg)
{
    return task_create_sized(name, fn, arg, TASK_STACK_PAGES);
}

void task_exit(int code)
{
    struct task *self = task_current();

    mm_assert(nosleep_depth() == 0, "task %s ends in a nosleep section that protects %s", self->name,
              os_nosleep_why);
    mm_assert(self->stack, "the task that booted never ends");
    os_irq_save();
    pressure_sleep(self);
    self->exit_code = code;
    self->state = TASK_DEAD;
    os_wake_all(&self->joiner);
    sched_switch();
    os_panic(__FILE__, __LINE__, "dead task %s was picked to run", self->name);
}

void task_vanish(void)
{
    struct task *self = task_current();

    bury();
    mm_assert(nosleep_depth() == 0, "task %s ends in a nosleep section that protects %s", self->name,
              os_nosleep_why);
    os_irq_save();
    pressure_sleep(self);
    sched_remove(self);
    self->state = TASK_DEAD;
    self->all_next = vanished;
    vanished = self;
    sched_switch();
    os_panic(__FILE__, __LINE__, "dead task %s was picked to run", self->name);
}

void task_join(struct task *t, int *code)
{
    mm_assert(t != task_current(), "task %s joins itself", t->name);
    might_sleep();

    uint32_t irq = os_irq_save();

    mm_assert(!t->joiner.head, "task %s is being joined already", t->name);
    while (t->state != TASK_DEAD)
        os_sleep(&t->joiner);
    sched_remove(t);
    os_irq_restore(irq);
    if (code)
        *code = t->exit_code;
    task_free(t);
}

void task_set_space(struct space *s)
{
    uint32_t irq = os_irq_save(); /* a switch must not come between the two */

    task_current()->space = s;
    space_activate(s);
    if (unlikely(sched_watch & SCHED_WATCH_TRACE))
        sched_watcher(task_current());
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
    return time_stamps_ns(t->used + (t == os_current ? time_stamp() - t->since : 0));
}
