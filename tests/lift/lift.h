/*
 * A kernel around mm/ that has nothing of Quire's own: what its two files have of each other. os.c is mm/os.h
 * with tasks and a serial port, main.c the machine and what runs on it.
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (i)  interrupts off: interrupts change it too
 *   (o)  its owner only
 */
#ifndef LIFT_H
#define LIFT_H

#include "mm/space.h"

/* A task and its stack in the kernel. */
struct task {
    struct space *space;    /* (o) of its program; NULL: it is the kernel's */
    void (*body)(void *);   /* (c) */
    void *arg;              /* (c) */
    struct waiter *waiter;  /* (i) it sleeps */
    uint64_t deadline;      /* (i) and not longer than to then; 0: as long as it takes */
    struct task *next;      /* (i) of those that are ready */
    uint32_t esp;           /* (o) while another one runs */
    uint8_t stack[2 * 4096] /* (o) */
        __attribute__((aligned(16)));
};

/* The running task. */
static inline struct task *task_current(void)
{
    return os_current;
}

/* Make who calls this the first task. */
void task_first(struct task *t);
/* Have body(arg) run in a task of its own. It does not return from body. */
void task_start(struct task *t, void (*body)(void *), void *arg);
/* End the running task: it is never heard of again. */
_Noreturn void task_end(void);
/* A millisecond has passed. Interrupts are off. */
void task_tick(void);
/* Whether somebody should have the processor soon. */
bool task_should_yield(void);
/* Called with interrupts off for the task that is about to run. main.c's. */
void task_arrives(struct task *t);

void serial_init(void);
/* End QEMU. */
_Noreturn void machine_end(bool ok);

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

/* Calls of a program: number in EAX, arguments in EBX and ECX, answer in EAX. */
enum {
    CALL_SAY,  /* text, number: print both */
    CALL_FORK, /* 0 in the child */
    CALL_END,  /* pages that were not as they should be */
};

/* Where the program is, and where it may have memory; its stack is below. */
#define PROGRAM_START 0x400000u
/* Where it begins, with the number of its pages. */
__attribute__((regparm(1))) _Noreturn void program(uint32_t pages);

#define PROGRAM_HEAP  0x10000000u
#define PROGRAM_STACK 0x0F000000u /* its end */

#endif
