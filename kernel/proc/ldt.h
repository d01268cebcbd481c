/* Local descriptor tables: see ldt.c. */
#ifndef KERNEL_PROC_LDT_H
#define KERNEL_PROC_LDT_H

#include "kernel/proc/process.h"

/* struct user_desc of the system calls. */
struct user_desc {
    uint32_t entry, base, limit;
    uint32_t flags;
};
/* Its flags. */
enum {
    UD_32BIT = 1,
    UD_CONTENTS = 6,  /* 0 data, 1 data that grows down, 2 code, 3 conforming code */
    UD_READ_ONLY = 8, /* of code: cannot be read */
    UD_PAGES = 16,
    UD_NOT_PRESENT = 32,
    UD_USEABLE = 64,
    UD_ALL = 127,
};
/* As the processor has it. */
uint64_t descriptor_of(const struct user_desc *u);

/* Descriptor i of the CPU_TLS that a thread has for itself, and whether it can have one: only 32-bit data
 * segments that are there, as on Linux, or none; others would let a program confuse the way back to ring 3.
 * Its context is to be loaded anew if it is loaded. tls.c. */
bool tls_is_valid(const struct user_desc *u);
void tls_write_entry(struct thread *t, unsigned i, const struct user_desc *u);
void tls_read_entry(const struct thread *t, unsigned i, struct user_desc *u);

/* modify_ldt(2) by the running thread. Bytes that were read or 0, or -errno. Sleep. */
int ldt_read(vaddr_t to, uint32_t size);
int ldt_read_default(vaddr_t to, uint32_t size);
/* old: the form that knows neither useable nor conforming code. Sleeps. */
int ldt_write(vaddr_t from, uint32_t size, bool old);

/* For a memory that is a copy of another, which stays, and has no table yet. 0 or -ENOMEM. Sleeps. */
int ldt_copy(struct memory *to, const struct memory *from);
/* Of a memory that nobody runs in any more; NULL is fine. */
void ldt_destroy(struct ldt *l);
/* t, which does not run or is the running thread, is in this memory from now on (NULL: in none). */
void ldt_attach(struct thread *t, const struct memory *m);
/* What a process's table takes. */
size_t ldt_bytes(const struct process *p);

#endif
