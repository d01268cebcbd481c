/*
 * The rooms of processes on the host: kernel/proc, kernel/life and the system calls above them. See life.c.
 *
 * A test brings programs, which are functions. One runs in ring 3: what it does there is life_call(), and
 * accesses to its memory.
 */
#ifndef TESTS_HOST_LIFE_H
#define TESTS_HOST_LIFE_H

#include "kernel/proc/process.h"
#include "tests/host/rooms/rooms.h"

#define LIFE_PROGRAMS 16u
#define LIFE_HANDLERS 16u
/* Memory that every program has, zeroed when it begins, up to LIFE_DATA_END. */
#define LIFE_DATA     0x08049000u
#define LIFE_DATA_END 0x08089000u
/* The address that sigaction(2) takes for a handler. */
#define LIFE_HANDLER(n) (0x09000000u + (n)*0x100u)

typedef int32_t (*life_fn)(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);

struct life_test {
    const life_fn *calls; /* by number; 0 is restart_syscall(2) */
    unsigned sigreturn;   /* the number of rt_sigreturn(2) */
    /* By number. One that returns exits with 0. */
    void (*program[LIFE_PROGRAMS])(void);
    /* A handler runs; mask: what was blocked before, as its frame has it. */
    void (*handler)(unsigned n, const struct siginfo *info, sigset_t mask);
    /* The running thread is in ring 3; it has not slept since that was decided. */
    void (*in_ring3)(void);
    /* It begins with a program that it executed. */
    void (*executed)(void);
    /* Any process has ended. Must not sleep. */
    void (*ended)(struct process *p);
    unsigned exit;             /* the number of exit(2) */
    unsigned threads, numbers; /* at most, and below which they have theirs; 0: as usual */
};

/* Set everything up; threads and numbers are few. */
void life_begin(struct kt *kt, const struct life_test *test);
/* Run program 0 as init, and all that it begins, to the ends; then expect that nothing is left. */
void life_run(struct kt *kt);
void life_end(struct kt *kt);

/* --- for programs --- */

int32_t life_call(unsigned nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e);
/* clone(2), whose number is nr, of a child that runs a program from the list. stack 0: the same address. */
int32_t life_clone(unsigned nr, uint32_t flags, uint32_t stack, vaddr_t parent_tid, vaddr_t child_tid,
                   unsigned program);
/* execve(2), whose number is nr, of a program; there has to be a page of memory to write the path to.
 * Returns only * if it fails. */
int32_t life_exec(unsigned nr, unsigned program, vaddr_t page);
/* Memory of the running program. An address that it may not use ends the test. Sleep. */
void life_load(void *to, vaddr_t from, size_t n);
void life_store(vaddr_t to, const void *from, size_t n);
uint32_t life_word(vaddr_t at);
void life_set_word(vaddr_t at, uint32_t value);
/* If the word is old, make it value, in one step. Whether it was. */
bool life_exchange(vaddr_t at, uint32_t old, uint32_t value);

#endif
