/* Access to test spaces by the real processor: the kernel's half of vt.h. */
#include "tests/vt.h"
#include "kernel/task.h"
#include "kernel/usercopy.h"

/* The space stays loaded afterwards, so that stale translations would be found; but the task lets it go. */
static struct task *enter(struct space *s)
{
    struct task *t = task_current();

    t->last_fault = FAULT_MAPERR; /* what an address outside the user half gets, without a fault */
    task_set_space(s);
    return t;
}

enum fault_verdict vt_read(struct space *s, vaddr_t va, uint32_t *value)
{
    struct task *t = enter(s);
    int err = user_read32(value, va);

    t->space = NULL;
    return err ? (enum fault_verdict)t->last_fault : FAULT_RESUME;
}

enum fault_verdict vt_write(struct space *s, vaddr_t va, uint32_t value)
{
    struct task *t = enter(s);
    int err = user_write32(va, value);

    t->space = NULL;
    return err ? (enum fault_verdict)t->last_fault : FAULT_RESUME;
}

void vt_idle(void)
{
    space_activate(NULL);
}
