/*
 * Rooms of files on the host: processes and threads as fibres that make calls of kernel/fs, and user
 * memory as an array. Every user copy is a possible sleep.
 */
#ifndef TESTS_HOST_FILES_H
#define TESTS_HOST_FILES_H

#include "kernel/proc/process.h"
#include "tests/host/rooms/rooms.h"

#define ROOMS_THREADS   12u
#define ROOMS_USER      0x10000u /* user addresses begin here */
#define ROOMS_USER_PAGE 4096u    /* that each thread has */

/* rooms_set_up() and rooms_take_down(), with the threads. */
void rooms_begin(struct kt *kt);
void rooms_end(struct kt *kt);

/* A process with descriptors, a space and the root as its directory. It goes with its last thread. */
struct process *rooms_process(int pid);
/* A thread of it, a fibre that runs fn. Before fibers_run(). */
struct thread *rooms_thread(struct process *p, const char *name, void (*fn)(struct thread *t));
/* Where the running thread's user memory is, as the program and as the test see it. */
vaddr_t rooms_user(void);
void *rooms_memory(void);
/* Send a signal that only interrupts. Nothing is delivered; the thread forgets it with rooms_forget(). */
void rooms_interrupt(struct thread *t);
void rooms_forget(void);
/* Whether any thread has not ended; which one, at random. */
bool rooms_alive(void);
struct thread *rooms_any_thread(struct kt *kt);

#endif
