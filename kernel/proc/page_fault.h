/* Page faults of this machine: who resolves them. page_fault() itself is in kernel/x86/trap.h. */
#ifndef KERNEL_PROC_PAGE_FAULT_H
#define KERNEL_PROC_PAGE_FAULT_H

#include "mm/fault.h"

/* Start the swap daemon, and tell vm_sys of threads that end. After vm_sys_init(). Stops the machine, with
 * one line, when memory is short. Sleeps. */
void page_fault_init(void);

/*
 * Read or write the word at va as a program in the space would: the processor walks the space's tables, and
 * what it faults on is resolved. FAULT_RESUME: done. The space stays loaded, but the task lets it go. Sleeps.
 */
enum fault_verdict page_fault_read32(struct space *s, vaddr_t va, uint32_t *value);
enum fault_verdict page_fault_write32(struct space *s, vaddr_t va, uint32_t value);

#endif
