/* The machine's struct vm, and allocations that reclaim for it. */
#ifndef KERNEL_VM_VM_SYS_H
#define KERNEL_VM_VM_SYS_H

#include "mm/vm.h"

extern struct vm vm_sys;

/* Set up vm_sys. Sleeps, but that nobody else is there yet. */
void vm_sys_init(void);
/* kmalloc() and kzalloc() that reclaim pages while that can help, and then have somebody end. For tables that
 * may be larger than a few pages there is vm_table_alloc(). To be freed with kfree(). Sleep. */
void *vm_alloc(size_t size);
void *vm_zalloc(size_t size);
/* A kernel stack, likewise; or NULL. Sleeps. */
void *vm_stack_alloc(unsigned pages);
/* Zeroed memory for n objects, where a program chose n: pages that need not be neighbours; a page at most is
 * from vm_zalloc(). To be freed with the same numbers. NULL also if the bytes of all do not fit in a word, or
 * tables have their part of the kernel's addresses. vm_table_alloc() sleeps. */
void *vm_table_alloc(size_t n, size_t size);
void vm_table_free(void *table, size_t n, size_t size); /* NULL is fine */
/* An object of shared anonymous memory for a mapping with these flags, charged as they say. 0 or -ENOMEM.
 * Sleeps. */
int vm_shared_zeroes(size_t size, unsigned region_flags, struct object **out);

#endif
