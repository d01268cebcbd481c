/* Access to test spaces by the real processor: the kernel's half of vt.h. */
#include "kernel/proc/page_fault.h"
#include "kernel/vm/vm_sys.h"
#include "tests/vt.h"

/* The space stays loaded afterwards, so that stale translations would be found. */
enum fault_verdict vt_read(struct space *s, vaddr_t va, uint32_t *value)
{
    return page_fault_read32(s, va, value);
}

enum fault_verdict vt_write(struct space *s, vaddr_t va, uint32_t value)
{
    return page_fault_write32(s, va, value);
}

void vt_idle(void)
{
    space_activate(NULL);
}
