/* What the code close to the processor knows of a task: the first part of struct task, at os_current. */
#ifndef KERNEL_X86_CPU_TASK_H
#define KERNEL_X86_CPU_TASK_H

#include "mm/os.h"

/* Bits of user_work. Set with interrupts off or by the task itself. */
enum {
    TASK_WORK_SIGNAL = 1 << 0,  /* a signal may have to be delivered */
    TASK_WORK_YIELD = 1 << 1,   /* its time slice is over */
    TASK_WORK_TIMES = 1 << 2,   /* processor time has passed that a timer may count */
    TASK_WORK_BALANCE = 1 << 3, /* load control wants its program to wait */
    /* Not work, and never done: the program has local descriptors, so that its stack may be one of 16 bits.
     * trap.asm knows it. */
    TASK_HAS_LDT = 1 << 4,
    TASK_WORK_TRACE = 1 << 5, /* a tracer may want to know that its system call is over */
};

struct cpu_task {
    uint32_t esp;       /* of a task that does not run */
    uint32_t user_work; /* TASK_WORK_*: to be done before it goes back to ring 3. trap.asm knows its place */
    vaddr_t lent, lent_end; /* what user_copy_*() take for the program's own memory: see usercopy.h */
    struct lent_vector *lent_vector; /* it stands for these buffers of the program; else NULL */
};

/* NULL before there are tasks. */
static inline struct cpu_task *cpu_task_current(void)
{
    return os_current;
}

#endif
