/*
 * The machine's virtual memory system. Page faults come here decoded and leave as a verdict; what a fault
 * means is mm/fault.c's business.
 */
#include "kernel/vm/vm_sys.h"
#include "drivers/power.h"
#include "kernel/dev/disk.h"
#include "kernel/fs/shm.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/proc/oom.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"
#include "kernel/vm/memory.h"
#include "kernel/x86/panic.h"
#include "kernel/x86/trap.h"
#include "kernel/x86/usercopy.h"
#include "mm/kva_map.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"

struct vm vm_sys;

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
static bool resolve(struct trap_frame *tf, const struct fault *f)
{
    struct task *t = task_current();
    struct space *space = t ? t->space : NULL;

    if (unlikely(!space))
        return false;
    if (!trap_from_user(tf) && (nosleep_depth() || !extable_find(tf->eip) || is_closed(tf, f)))
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

static void daemon_task(void *arg)
{
    reclaim_daemon(arg);
}

void vm_sys_init(void)
{
    if (vm_init(&vm_sys, &frame_pool_sys) != 0 || !task_create("swapd", daemon_task, &vm_sys))
        panic_unfit("too little memory: no room for the virtual memory system");
    vm_sys.dying = is_dying;
    trap_set_fault_handler(resolve);
    if (!params.swap)
        return;
    for (struct block_device *d = block_first(); d; d = d->next)
        swap_on(&vm_sys, d);
}

/* Reclaim that succeeds but whose frames others take first is tried this often. */
#define ALLOC_TRIES 16u

void *vm_alloc(size_t size)
{
    bool last = false;

    might_sleep();
    for (unsigned i = 0;; i++) {
        void *p = kmalloc(size);

        if (p || last || size == 0)
            return p;
        last = !reclaim_run(&vm_sys, (unsigned)PAGES_OF(size) + 2 * SWAP_CLUSTER) || i + 1 == ALLOC_TRIES;
    }
}

void *vm_stack_alloc(unsigned pages)
{
    bool last = !vm_sys.pool; /* the first tasks are older than vm_sys */

    might_sleep();
    for (unsigned i = 0;; i++) {
        void *p = kva_stack_alloc(&kva_map_sys, pages);

        if (p || last)
            return p;
        last = !reclaim_run(&vm_sys, pages + 2 * SWAP_CLUSTER) || i + 1 == ALLOC_TRIES;
    }
}

void *vm_zalloc(size_t size)
{
    void *p = vm_alloc(size);

    if (p)
        memset(p, 0, size);
    return p;
}

void *vm_alloc_array(size_t n, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : vm_alloc(bytes);
}

void *vm_zalloc_array(size_t n, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : vm_zalloc(bytes);
}

int vm_shared_zeroes(size_t size, unsigned region_flags, struct object **out)
{
    struct object *o = object_create(&vm_sys, &pager_zero, (uint32_t)PAGES_OF(size), "/dev/zero (deleted)");

    if (!o)
        return -ENOMEM;
    if (object_charge_shared(o, region_flags & REGION_NORESERVE)) {
        object_put(o);
        return -ENOMEM;
    }
    *out = o;
    return 0;
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

static bool all_sound(void)
{
    return vm_verify(&vm_sys) & slab_verify_all(&frame_pool_sys) & kmalloc_verify(&kmalloc_sys) &
           kva_map_verify(&kva_map_sys) & paging_verify() & window_verify() & sched_verify();
}

_Noreturn void machine_end(bool ok)
{
    bool sound;

    shm_clear();
    sound = all_sound();
    disk_flush_all();
    /* Also with quiet: its absence is an error. */
    os_log("the end: the audit %s", sound ? "is clean" : "FAILED");
    power_exit(ok && sound);
}
