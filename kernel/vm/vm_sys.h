/* The machine's virtual memory system: what connects mm/ with traps, disks and tasks, and the orderly end. */
#ifndef KERNEL_VM_VM_SYS_H
#define KERNEL_VM_VM_SYS_H

#include "mm/fault.h"
#include "mm/vm.h"

extern struct vm vm_sys;

/* Set up vm_sys, take page faults, swap on every disk with a swap header, start the swap daemon. Sleeps. */
void vm_sys_init(void);
/* kmalloc() and kzalloc() that reclaim pages while that can help. To be freed with kfree(). Sleep. */
void *vm_alloc(size_t size);
void *vm_zalloc(size_t size);
/* The same for n objects, where a program chose n: NULL also if the bytes of all do not fit in a word. */
void *vm_alloc_array(size_t n, size_t size);
void *vm_zalloc_array(size_t n, size_t size);
/* A kernel stack, likewise; or NULL. */
void *vm_stack_alloc(unsigned pages);
/* An object of shared anonymous memory for a mapping with these flags, charged as they say. 0 or -ENOMEM. */
int vm_shared_zeroes(size_t size, unsigned region_flags, struct object **out);
/*
 * Read or write the word at va as a program in the space would: the processor walks the space's tables, and
 * what it faults on is resolved. FAULT_RESUME: done. The space stays loaded, but the task lets it go. Sleeps.
 */
enum fault_verdict page_fault_read32(struct space *s, vaddr_t va, uint32_t *value);
enum fault_verdict page_fault_write32(struct space *s, vaddr_t va, uint32_t value);
/* Check all that can be checked, flush the disks and stop the machine: success if ok and all is sound. */
_Noreturn void machine_end(bool ok);

#endif
