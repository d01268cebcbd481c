/*
 * Page faults come here decoded and leave as a verdict; what a fault means is mm/fault.c's business. A
 * verdict against a program becomes a signal, and a lack of memory the business of oom.c.
 */
#include "kernel/proc/page_fault.h"
#include "kernel/proc/oom.h"
#include "kernel/proc/thread.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/panic.h"
#include "kernel/x86/trap.h"
#include "kernel/x86/usercopy.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/x86/cpu.h"

/* Whether the processor refused an access of the kernel because user memory is closed to it (SMAP). To bring
 * the page, which is there, would not help. */
static bool is_closed(const struct trap_frame *tf, const struct fault *f)
{
    return f->present && cpu_features.smap && !(tf->eflags & EFLAGS_AC);
}

/*
 * User addresses may be touched by programs and by the user-copy routines, which stand in the exception
 * table. Anything else in the kernel that does it is a bug, and so is doing it where one may not sleep.
 */
bool page_fault(struct trap_frame *tf, const struct fault *f)
{
    struct task *t = task_current();
    struct space *space = t ? t->space : NULL;

    if (unlikely(!space))
        return false;
    if (!trap_from_user(tf) &&
        (nosleep_depth() || !(tf->eflags & EFLAGS_IF) || !extable_find(tf->eip) || is_closed(tf, f)))
        return false;
    do
        t->last_fault = fault_resolve(space, f);
    while (unlikely(t->last_fault == FAULT_NO_MEMORY) && t->thread && oom_kill());
    if (likely(t->last_fault == FAULT_RESUME))
        return true;
    if (!trap_from_user(tf))
        return false;
    if (t->last_fault == FAULT_NO_MEMORY)
        return true; /* it ends on the way back */
    signal_fault(tf, f, (enum fault_verdict)t->last_fault);
    return true;
}

static bool is_dying(void)
{
    const struct task *t = task_current();

    return t && t->thread && t->thread->exiting;
}

static vaddr_t program_at(void)
{
    const struct task *t = task_current();
    const struct trap_frame *tf = t && t->thread ? thread_frame(t->thread) : NULL;

    return tf ? context_segment_base(&t->thread->context, (uint16_t)tf->cs) + tf->eip : 0;
}

static void daemon_task(void *arg)
{
    reclaim_daemon(arg);
}

void page_fault_init(void)
{
    if (!task_create("swapd", daemon_task, &vm_sys))
        panic_unfit("too little memory: no room for the swap daemon");
    vm_sys.dying = is_dying;
    vm_sys.softtlb.program_at = program_at;
}

static struct task *enter(struct space *s)
{
    struct task *t = task_current();

    t->last_fault = FAULT_MAPERR; /* what an address outside the user half gets, without a fault */
    task_set_space(s);
    return t;
}

static enum fault_verdict leave(struct task *t, int err)
{
    t->space = NULL;
    return err ? (enum fault_verdict)t->last_fault : FAULT_RESUME;
}

enum fault_verdict page_fault_read32(struct space *s, vaddr_t va, uint32_t *value)
{
    struct task *t = enter(s);

    return leave(t, user_read32(value, va));
}

enum fault_verdict page_fault_write32(struct space *s, vaddr_t va, uint32_t value)
{
    struct task *t = enter(s);

    return leave(t, user_write32(va, value));
}
