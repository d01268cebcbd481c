/*
 * Cooperative tasks on the host. Inside fibers_run() every call of mm/os.h that may sleep may let another
 * fibre run, chosen by a seeded generator, and events (a disk request completes) happen between. The same
 * seed gives the same order. Time is virtual: it creeps, and jumps to the next deadline when nobody can
 * run.
 */
#ifndef TESTS_HOST_FIBERS_H
#define TESTS_HOST_FIBERS_H

#include "mm/os.h"

struct kt;

/* A fibre that runs fn(arg) on a stack of its own, in fibers_run(), during which others can be started.
 * At most * 96 at once. name is not copied. */
void fiber_start(const char *name, void (*fn)(void *arg), void *arg);
/* The same for a fibre that has a task of the kernel's: os_current while it runs. */
void fiber_start_as(const char *name, void (*fn)(void *arg), void *arg, void *task);
/* The same for one that serves the others for ever: it is given up when all of them have ended. task may
 * be NULL. */
void fiber_serve(const char *name, void (*fn)(void *arg), void *arg, void *task);
/* End the running fibre. */
_Noreturn void fiber_exit(void);
/* Log each fibre but the running one, with what it waits for. */
void fibers_report(void);
/* Make an event possible: called now and then between fibres, and when none can run. It says whether
 * anything * happened. One at most. */
void fibers_event(bool (*event)(void *arg), void *arg);
/*
 * Run all fibres to their ends. False after a deadlock: then every fibre is reported, with what it waits
 * for, and given up.
 */
bool fibers_run(struct kt *kt);
/* Switches between fibres in the last run. */
uint64_t fibers_switches(void);
/* Sleeps that somebody ended since the beginning. */
uint64_t fibers_wakes(void);

/* For os.c. */
bool fibers_running(void);
uint64_t fibers_now(void);
/* Sleep in a queue until woken, or until the deadline (0: none). Whether it was woken. mutex: what the
 * sleep * is for, or NULL; from: the code that sleeps. */
bool fibers_sleep(struct waitq *q, uint64_t deadline, const struct mutex *mutex, const void *from);
/* The same for a sleep that fibers_interrupt() ends too. */
bool fibers_sleep_interruptibly(struct waitq *q, uint64_t deadline);
void fibers_interrupt(const void *task);
void fibers_yield(void);
/* A possible sleep: yield or go on, as the generator says. */
void fibers_maybe_yield(void);
/* The fibre that sleeps longest in a queue. */
void *fibers_oldest(const struct waitq *q);

#endif
