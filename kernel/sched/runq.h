/* The run queue: who wants the processor, and who is next. See runq.c for the theory. */
#ifndef KERNEL_SCHED_RUNQ_H
#define KERNEL_SCHED_RUNQ_H

#include "mm/os.h"
#include "mm/types.h"

enum {
    RUN_PRIORITIES = 99,              /* levels 0 to 98: real-time priorities 99 to 1 */
    RUN_NICE_LEAST = RUN_PRIORITIES,  /* levels 99 to 138: nice values -20 to 19 */
    RUN_NORMAL = RUN_NICE_LEAST + 20, /* nice 0 */
    RUN_IDLE = RUN_NICE_LEAST + 40,   /* the last level: who gets what others leave */
    RUN_LEVELS = RUN_IDLE + 1,
    RUN_WORDS = (RUN_LEVELS + 31) / 32,
};

struct run_node {
    struct run_node *next;
    uint8_t level;
    bool queued;
};

struct run_list {
    struct run_node *head, *tail;
    struct run_node *urgent; /* the last of those at the head that come before the others; NULL: none */
    uint32_t count;
    uint64_t pass; /* virtual time that the level has had; see runq.c */
};

struct runq {
    uint32_t there[RUN_WORDS]; /* a bit for each level that is not empty; of RUN_NORMAL, nothing */
    uint32_t others;           /* nodes that are not of the level RUN_NORMAL */
    uint64_t pass;             /* virtual time: of the level that was chosen last */
    struct run_list level[RUN_LEVELS];
};

/* What real-time tasks had of a period, while others waited: so much of each is theirs, all but a twentieth
 * of a second unless somebody says otherwise. The share is the period at most; 0xFFFFFFFF: no limit. */
extern uint32_t run_share_period_us, run_share_us;
struct run_share {
    uint64_t used;   /* ns that no period has paid for yet */
    uint64_t new_at; /* when the next period pays; nothing while none are used */
};

/* They had so many ns up to now. */
void run_share_count(struct run_share *s, uint64_t now, uint64_t ns);
/* The periods that are over pay for what was used in them. */
void run_share_renew(struct run_share *s, uint64_t now);
/* Whether what is left of the period is the others'. */
bool run_share_is_used(const struct run_share *s);

/* For tests: one that is not zeroed memory. */
void runq_init(struct runq *q);
static inline bool run_realtime(unsigned level)
{
    return level < RUN_NICE_LEAST;
}
static inline bool runq_empty(const struct runq *q)
{
    return !q->level[RUN_NORMAL].head && !q->others;
}
/* Put a node that is in no queue at the end of its level, or at the front. */
void runq_put_anywhere(struct runq *q, struct run_node *n, bool front);
static inline void runq_put(struct runq *q, struct run_node *n, bool front)
{
    struct run_list *l = &q->level[RUN_NORMAL];

    if (unlikely(n->level != RUN_NORMAL || front)) {
        runq_put_anywhere(q, n, front);
        return;
    }
    n->next = NULL;
    n->queued = true;
    if (l->tail)
        l->tail->next = n;
    else
        l->head = n;
    l->tail = n;
    l->count++;
}
/* Put a node that is in no queue before its level's others, but behind those who are urgent: as the last of
 * these, or as the first of the others. */
void runq_put_urgent(struct runq *q, struct run_node *n);
void runq_put_next(struct runq *q, struct run_node *n);
/* Take a node out, wherever it is; in steps of those before it in its level. */
void runq_remove(struct runq *q, struct run_node *n);
/* The level that is next; q is not empty. If nobody is of another level, that is RUN_NORMAL, and it need not
 * be asked. fair: who has none of the real-time levels comes first. */
unsigned runq_choose(struct runq *q, bool fair);
/* Take the first of a level out, which is not empty. */
struct run_node *runq_take_other(struct runq *q, unsigned level);
static inline struct run_node *runq_take(struct runq *q, unsigned level)
{
    struct run_list *l = &q->level[RUN_NORMAL];
    struct run_node *n;

    if (unlikely(level != RUN_NORMAL))
        return runq_take_other(q, level);
    n = l->head;
    l->head = n->next;
    if (!l->head)
        l->tail = NULL;
    if (l->urgent == n)
        l->urgent = NULL;
    l->count--;
    n->queued = false;
    return n;
}
/* The one behind n others of its level becomes its first. */
void runq_bring_forward(struct runq *q, unsigned level, unsigned n);
/* n has had the processor for so long; it may be in the queue again. */
void runq_charge(struct runq *q, const struct run_node *n, uint64_t ns);
/* Nanoseconds of the processor in virtual time: what runq_charge() adds to a level with one member. */
uint64_t runq_virtual(unsigned level, uint64_t ns);

/* INV-RUNQ-*. Reads only. */
bool runq_verify(const struct runq *q);

#endif
