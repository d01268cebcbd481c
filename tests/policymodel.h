/*
 * Random operations on pageable frames, against a naive model of the policy: arrays in the order of the
 * queues, moved by memmove(), and each rule written down a second time. The policy and its model see the
 * same uses; they have to look at the same frames and give the same victims.
 */
#ifndef TESTS_POLICYMODEL_H
#define TESTS_POLICYMODEL_H

#include "mm/policy.h"
#include "tests/kt.h"

#define PM_FRAMES 48u /* that may be pageable; the pool has some more */
#define PM_POOL   128u
#define PM_PAGES  64u /* of each owner */
#define PM_OWNERS 3u
#define PM_QUEUES 3u
#define PM_GHOSTS 128u

struct pm_page {
    uint16_t owner, index;
};

struct pm_model {
    uint16_t queue[PM_QUEUES][PM_FRAMES]; /* frames, by their places in struct pm_world */
    unsigned len[PM_QUEUES];
    struct pm_page page[PM_FRAMES];
    uint32_t uses[PM_FRAMES];
    uint32_t counter[PM_FRAMES];
    uint32_t stamp[PM_FRAMES]; /* what the policy's number of the frame is of; 0 */
    bool dirty[PM_FRAMES];
    bool counts; /* who looks is told how often a page was used, not only whether */
    struct {
        struct pm_page page;
        uint32_t stamp;
    } ghost[PM_GHOSTS]; /* oldest first */
    unsigned ghosts, limit, most;
    uint32_t remembered;      /* since the beginning */
    uint32_t left, mark, low; /* of a policy, and `at` is a frame's place */
    bool found;
    int at; /* -1: none */
};

/* A rule: what struct policy is in mm/policy.h. Frames are places. */
struct pm_rule {
    const struct policy *policy;
    unsigned list[PM_QUEUES]; /* numbers of the policy's lists that are the queues; one that was there before
                                 is none */
    void (*begin)(struct pm_model *m);
    void (*enter)(struct pm_model *m, int i); /* NULL: last of queue 0 */
    void (*leave)(struct pm_model *m, int i); /* before it is taken off; NULL: nothing */
    int (*next)(struct pm_model *m, uint32_t *steps);
    void (*pass)(struct pm_model *m, int i, bool out);
    void (*cold)(struct pm_model *m, int i);
    void (*used)(struct pm_model *m, int i);
};

struct pm_world {
    struct kt *kt;
    struct frame_pool *pool;
    struct pageable pageable;
    const struct pm_rule *rule;
    struct pm_model m;
    struct frame *frame[PM_FRAMES];
    uint8_t place[PM_POOL]; /* by frame number, from the pool's first: where in `frame` */
    bool there[PM_FRAMES];
    bool kept[PM_FRAMES]; /* off the policy's lists, and so in no queue of the model */
    unsigned kept_count;
    uint32_t uses[PM_FRAMES];
    unsigned in_memory;
    uint32_t victims, stays, waits, nones, backs, releases; /* what happened */
};

/* For rules: the queues. */
void pm_push(struct pm_model *m, unsigned q, int i);
void pm_push_first(struct pm_model *m, unsigned q, int i);
/* Which queue a frame is in, and where. */
unsigned pm_queue_of(const struct pm_model *m, int i, unsigned *place);
void pm_take(struct pm_model *m, int i);
void pm_to_last(struct pm_model *m, int i);
void pm_to_first(struct pm_model *m, int i);
void pm_pass_to_last(struct pm_model *m, int i, bool out);
uint32_t pm_take_uses(struct pm_model *m, int i);
void pm_remember(struct pm_model *m, int i);
void pm_remember_aged(struct pm_model *m, int i, uint32_t age);
bool pm_recall(struct pm_model *m, int i, uint32_t *age);
void pm_forget_oldest(struct pm_model *m);

/* Those of the kernel's policies, without random; the last has no policy. */
extern const struct pm_rule pm_rules[];

/* A world in which no frame is pageable. NULL, and the test is skipped: there is no memory. */
struct pm_world *pm_begin(struct kt *kt, const struct pm_rule *rule, bool counts);
/* One random operation, and its check. */
void pm_step(struct pm_world *w);
/* Whether queues and lists are the same, and the invariants hold. */
void pm_compare(struct pm_world *w);
/* Go on with another policy. */
void pm_switch(struct pm_world *w, const struct pm_rule *rule);
/* Everything goes, as the policy says. */
void pm_end(struct pm_world *w);
/* Whatever is there leaves, unasked. */
void pm_close(struct pm_world *w);
/* Go on with another policy without the model, and let it look at some frames. NULL: something is wrong. */
struct policy_state *pm_go_on(struct pm_world *w, const struct policy *policy);
/* All of it with one policy. */
void pm_run(struct kt *kt, const struct pm_rule *rule, uint32_t rounds);

/* What policies promise: a clean page that was not used since it was said to be cold is next. */
void pm_cold_is_next(struct kt *kt, const struct policy *policy);
/* Frames that may not go do not keep the policy from offering the others, within its turns. */
void pm_others_go(struct kt *kt, const struct policy *policy);
/* Without steps there is no victim, without frames no steps are taken. */
void pm_nothing(struct kt *kt, const struct policy *policy);

/* Damage one thing, and expect the verification to name the invariant. */
#define PM_BROKEN(w_, id, damage, repair)                                                                    \
    do {                                                                                                     \
        damage;                                                                                              \
        kt_capture_begin();                                                                                  \
        bool ok_ = pageable_verify(&(w_)->pageable);                                                         \
        bool named_ = kt_captured("broken " id ":");                                                         \
        kt_capture_end();                                                                                    \
        repair;                                                                                              \
        EXPECT(!ok_ && named_, "damage to " id " was not seen");                                             \
        EXPECT(pageable_verify(&(w_)->pageable), "repaired");                                                \
    } while (0)

/* Become or be no longer pageable: a frame that stands for page `index` of an owner. */
void pm_enter(struct pm_world *w, int i, unsigned owner, unsigned index);
void pm_leave(struct pm_world *w, int i);
/* The first n, the pages of owner 1 with their numbers, without the model. */
void pm_enter_some(struct pm_world *w, unsigned n);
/* Where a frame of the world is. */
int pm_place(const struct pm_world *w, const struct frame *f);
/* A number that stands for an owner; nobody looks at what is there. */
void *pm_owner(unsigned n);

#endif
