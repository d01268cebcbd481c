/* The processor's state of a program that the kernel leaves alone while it runs itself. See context.c. */
#ifndef KERNEL_X86_CONTEXT_H
#define KERNEL_X86_CONTEXT_H

#include "kernel/x86/cpu.h"
#include "kernel/x86/debugreg.h"
#include "kernel/x86/fpu.h"
#include "kernel/x86/ports.h"

/* A program's local descriptors. */
struct context_ldt {
    uint64_t *entries;
    uint32_t count; /* that the processor may look at */
};

struct context {
    uint64_t tls[CPU_TLS];         /* descriptors as in the GDT */
    const struct context_ldt *ldt; /* NULL: none */
    uint8_t special;               /* CONTEXT_*; 0, of nearly all */
    struct debugreg *debug;        /* its debug registers, with CONTEXT_DEBUG; NULL: none yet */
    uint32_t debug_control;        /* DR7, as it was written */
    uint32_t debug_status;         /* DR6, as its last debug exception left it */
    struct port_map *ports;        /* that it may reach, with CONTEXT_PORTS; NULL: none */
    uint16_t fs, gs;               /* these two and the FPU's are valid while another context is loaded */
    struct fpu_state *fpu;
};

enum {
    CONTEXT_CALLS = 1 << 0,     /* its system calls come in by the stub that tells a tracer */
    CONTEXT_DEBUG = 1 << 1,     /* the processor has to watch for its debug registers */
    CONTEXT_NO_TSC = 1 << 2,    /* it must not read the time-stamp counter */
    CONTEXT_PORTS = 1 << 3,     /* it may reach ports, */
    CONTEXT_ALL_PORTS = 1 << 4, /* and here all of them */
};

extern struct context *context_loaded; /* whose registers these are, or NULL */

/* Give the processor to c, putting away whose it was. Interrupts off. */
void context_load_slow(struct context *c);
static inline void context_load(struct context *c)
{
    if (c != context_loaded)
        context_load_slow(c);
}
/* Give c another table, or none. Interrupts off. */
void context_set_ldt(struct context *c, const struct context_ldt *ldt);
/* Set or clear CONTEXT_* bits of c; with CONTEXT_DEBUG also what its debug registers
 * are, with CONTEXT_PORTS what ports. Interrupts off. */
void context_set_special(struct context *c, unsigned bits, bool on);
/* A table has moved: load it again if it is loaded. Interrupts off. */
void context_ldt_moved(const struct context_ldt *ldt);
bool context_ldt_is_loaded(const struct context_ldt *ldt);
/* Where the segment of a selector in a program's registers begins, as its descriptor says now; 0 for the flat
 * ones, and for a descriptor that is none. Interrupts off, or between sleeps. */
uint32_t context_segment_base(const struct context *c, uint16_t selector);
/* Bring c up to date, if it is loaded. */
void context_store(struct context *c);
/* Forget c, which ends. */
void context_unload(struct context *c);
/* c, which is the running task's, was changed: load it again. */
void context_reload(struct context *c);

#endif
