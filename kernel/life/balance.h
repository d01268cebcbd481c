/* Load control: which programs run when the sets of all do not fit into memory. See balance.c. */
#ifndef KERNEL_LIFE_BALANCE_H
#define KERNEL_LIFE_BALANCE_H

#include "kernel/proc/process.h"

/* Start the task that watches. Stops the machine, with one line, when memory is short. Sleeps. */
void balance_init(void);
/* Whether programs are suspended at all. */
bool balance_is_on(void);
/* Off lets everybody in at once. */
void balance_set(bool on);
/* The running thread, on its way to ring 3, was asked to wait for its program's turn: until the turn comes,
 * or the thread is to end. Sleeps. */
void balance_wait(void);
/* The last reference to m is gone. */
void balance_forget(struct memory *m);

#define BALANCE_EVENTS 16u

struct balance_event {
    uint64_t at_ns, took_ns, before_ns; /* when it began; what it took; how long it had been the other */
    int pid;
    char comm[16];
    bool out;
    uint32_t pages;
    const char *why;
};

/* For /proc/quire/load. */
struct balance_state {
    uint64_t turn_ns, turn_length_ns; /* how long the present turn lasts, and is to last; 0: none */
    unsigned full, user;              /* percent of the last look's time: "full", and in ring 3 */
    uint32_t came, went;              /* pages in it */
    bool hold;                        /* reclaim lets most of what it is offered stay */
    uint64_t outs, ins, pages_out, pages_in;
    uint32_t events; /* that ever were: the last BALANCE_EVENTS are kept */
};
void balance_read(struct balance_state *s);
/* Number n of those that ever were, kept still. */
const struct balance_event *balance_event(uint32_t n);

/* INV-BALANCE-*. Reads only. */
bool balance_verify(void);

#endif
