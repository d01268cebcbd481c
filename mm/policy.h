/*
 * Replacement policies: which page goes next. See policy.c for the seam, policy/NAME.c for each of them.
 *
 * A policy decides the order in which pageable frames are looked at, and nothing else. Reclaim decides
 * whether a frame may go at all and how it goes (reclaim.c). The same files, compiled on the host, are the
 * simulator (tests/host/replay.c).
 *
 * What guards a field, by the letter in its comment:
 *   (c)  constant after creation
 *   (n)  nosleep sections, or at least a stretch between two sleeps, in task context
 *   (r)  vm.reclaim_lock
 */
#ifndef MM_POLICY_H
#define MM_POLICY_H

#include "mm/frame.h"

struct pageable;
struct policy_state;

/*
 * Frames stand on numbered lists, the number in their flags. A frame may leave list 0 without the policy
 * being told, so a policy that keeps counts or a hand uses the others. Two halves of the numbers take
 * turns, so that the lists of the last policy can be emptied step by step while the next one works.
 */
#define POLICY_LISTS 4u
/* Frames that reclaim has found locked: no policy's, until they may have been unlocked. */
#define POLICY_KEPT 3u
#define POLICY_NAME 12u /* characters of a name, at most */

/* Of a policy that keeps sets: a frame with this number stands on the list of its set. The policy's own list
 * of this number is empty, but between leave() and the end of what leave() was called for. */
#define POLICY_IN_SET 2u

enum policy_pass {
    POLICY_STAYS, /* it may not go now: locked, pinned, spared for a reason of reclaim's */
    POLICY_OUT,   /* it goes: it leaves at once or when it is written, unless somebody wants it back first */
    POLICY_CLEAN, /* it stays, but is written, or being written, so that it can go without delay */
    POLICY_DIRTY, /* it stays, and cannot be written now */
};

/*
 * The pages that one program has, for a policy that gives each program a share: each page is in at most one
 * set, that of who touched it last when it was in none. A frame names its set by the number of another frame,
 * whose owner is the set: on the machine the root of the program's tables.
 */
struct policy_set {
    struct frame_list list;         /* (n) in the order in which they came */
    struct policy_set *next, *prev; /* (n) a ring of those that have frames; NULL: it has none */
    pfn_t number;                   /* (c) */
    uint32_t limit;                 /* (n) frames that it may have; adjusted */
    uint32_t most;                  /* (n) the limit's limit */
    uint32_t faults;                /* (n) pages that came since `since` */
    uint64_t since;                 /* (n) ns */
    uint32_t seen;                  /* (n) faults, when it was looked at whether the program sleeps */
    uint64_t looked;                /* (n) ns: when that was, or when they last were others */
    bool is_eager;                  /* (n) pages come often */
};

/*
 * A policy. Functions are called in nosleep sections and do not sleep. Those that may be NULL say what
 * happens then.
 */
struct policy {
    const char *name; /* (c) */
    /* What its lists are, for people. NULL: it does not use that one. */
    const char *lists[POLICY_LISTS]; /* (c) */
    /* A page became pageable: it was loaded. NULL: behind the last of list 0. */
    void (*enter)(struct policy_state *s, struct frame *f); /* (c) */
    /* It is no longer; the frame is on one of the lists but the first, and is to be taken off. NULL: that is
     * all. */
    void (*leave)(struct policy_state *s, struct frame *f); /* (c) */
    /* The frame that is to go next; it stays where it is. *steps: counted down for each frame that was
     * looked at; 0: go on later, with NULL. NULL and steps left: there is none. */
    struct frame *(*next)(struct policy_state *s, uint32_t *steps); /* (c) */
    /* What became of the frame that next() gave. */
    void (*pass)(struct policy_state *s, struct frame *f, enum policy_pass what); /* (c) */
    /* Its program will not need the page soon: let it be next. */
    void (*cold)(struct policy_state *s, struct frame *f); /* (c) */
    /* Whether its invariants hold; reads only, logs what is broken. NULL: it has none of its own. */
    bool (*verify)(const struct policy_state *s); /* (c) */
    /* A use of a page, when it happens: only a simulator knows that, so policies of the kernel have NULL. */
    void (*used)(struct policy_state *s, struct frame *f); /* (c) */
    /* Begin, with the lists empty. NULL: there is nothing to begin. */
    void (*start)(struct policy_state *s); /* (c) */
    /* How many pages that went it wants to remember, in hundredths of the frames there are. */
    uint32_t remembers; /* (c) */
    /* In so many looks at each frame it offers all, whatever their bits are, if none is used meanwhile. */
    uint32_t turns; /* (c) */
    /* For policies that keep sets; the others have NULL. A page was mapped: for the program of a set. */
    void (*mapped)(struct policy_state *s, struct frame *f, struct policy_set *set); /* (c) */
    /* A frame that is to be written though it is not to go yet; it stays where it is, until pass() says
     * POLICY_CLEAN or POLICY_DIRTY. NULL: there is none, or it would be too soon. is_short: memory is. */
    struct frame *(*wash)(struct policy_state *s, bool is_short); /* (c) */
};

/* What became of a page that a policy wants to set aside. */
enum policy_parked {
    PARKED_CLEAN, /* no entry translates any more, and the contents are outside too */
    PARKED_DIRTY, /* the same, and they are not */
    PARKED_BUSY,  /* not now: somebody works with it */
    PARKED_LOCKED /* not as long as it is locked */
};

/* Who tells a policy what the processor saw. */
struct policy_eyes {
    /* How often the page was used since the last time that it was asked for so; one that can tell only
     * whether it was says 1. */
    uint32_t (*take_uses)(void *arg, struct frame *f); /* (c) */
    /* Whether it was used since then, and whether its contents differ from the copy outside. */
    bool (*is_used)(void *arg, struct frame *f);  /* (c) */
    bool (*is_dirty)(void *arg, struct frame *f); /* (c) */
    /* For policies that keep sets. Let no entry of a page translate, so that its next use is a fault. */
    enum policy_parked (*park)(void *arg, struct frame *f); /* (c) */
    /* The set of a program that maps it; NULL: none does. May be NULL: nobody knows. */
    struct policy_set *(*set_of)(void *arg, struct frame *f); /* (c) */
    /* Whether limits are adjusted, pages trimmed and written ahead of need. May be NULL: they are not, and
     * nobody asks for the others. */
    bool (*looks_ahead)(void *arg); /* (c) */
    /* How many frames are free beyond those that are kept free; ns; and: there is something to be written. */
    uint32_t (*spare)(void *arg); /* (c) */
    uint64_t (*now)(void *arg);   /* (c) */
    void (*wash_soon)(void *arg); /* (c) */
};

/* Pages that went, by number, the oldest forgotten first. See policy.c. */
struct policy_ghosts {
    struct policy_ghost *entry; /* (c) [max]; NULL: none */
    uint32_t *chain;            /* (c) [chains]: entry + 1; 0: none */
    struct frame *block;        /* (c) where both lie */
    uint32_t max, chains;       /* (c) */
    uint32_t limit;             /* (n) how many are remembered, below max; one more until a page came */
    uint32_t count;             /* (n) */
    uint32_t oldest, newest;    /* (n) entry + 1; 0: none */
    uint32_t unused;            /* (n) the same, linked through newer */
    uint32_t clock;             /* (n) pages that were remembered since the beginning */
};

/* What happened, for people. */
struct policy_counts {
    uint64_t refaults_anon, refaults_object; /* (n) pages that came back while they were remembered */
    uint64_t promoted, demoted;              /* (n) pages that went to a better list, and to a worse one */
    uint64_t parked;                         /* (n) pages that were set aside */
    uint64_t salvaged_clean, salvaged_dirty; /* (n) and put back, with nothing to be written and with */
    uint64_t washed;                         /* (n) pages that were written without going */
};

struct policy_state {
    const struct policy *policy;          /* (r) NULL: this half is not in use */
    uint8_t number;                       /* (r) of the policy in policies[]; POLICIES: it is not there */
    struct frame_pool *pool;              /* (c) */
    const struct policy_eyes *eyes;       /* (c) */
    void *eyes_arg;                       /* (c) */
    unsigned first;                       /* (c) number of its list 0 */
    struct frame_list list[POLICY_LISTS]; /* (n) */
    struct policy_ghosts ghosts;          /* (n) */
    /* Of the policy: what each is stands in its file. All 0 at the beginning. */
    struct policy_set *sets;             /* (n) one of the ring of those that have frames */
    uint32_t in_sets;                    /* (n) frames that they have */
    bool only_low;                       /* (n) who looks for a victim just now wants a low frame */
    pfn_t hand;                          /* (n) */
    uint32_t turn, level, lowest, looks; /* (n) */
    uint64_t random;                     /* (n) */
    struct policy_counts counts;         /* (n) */
};

/* The pageable frames of a vm. */
struct pageable {
    struct policy_state half[2]; /* (n) */
    unsigned now;                /* (n) the half that pages enter */
    struct policy_counts past;   /* (n) of policies before */
    /* Of that half, for the paths that every page takes. */
    bool is_told;                  /* (n) the policy is told of a frame that enters */
    bool keeps_sets;               /* (n) it, or the one that was before and still has frames, keeps sets */
    struct frame_list *plain_list; /* (n) list 0, which a frame may leave without the policy being told */
    uint16_t plain;                /* (n) flags of a frame on it */
};

/* --- for policies --- */

/* The number of a frame's list among those of both halves. */
static inline unsigned policy_number_of(const struct frame *f)
{
    return (f->flags & FRAME_F_LIST) >> FRAME_F_LIST_SHIFT;
}

static inline unsigned policy_list_of(const struct frame *f)
{
    return f->flags >> FRAME_F_LIST_SHIFT & (POLICY_LISTS - 1);
}

static inline void policy_set_list(const struct policy_state *s, struct frame *f, unsigned list)
{
    f->flags = (uint16_t)((f->flags & ~(unsigned)FRAME_F_LIST) | (s->first + list) << FRAME_F_LIST_SHIFT);
}

static inline void policy_push(struct policy_state *s, unsigned list, struct frame *f)
{
    policy_set_list(s, f, list);
    frame_list_push_tail(s->pool, &s->list[list], f);
}

/* The set of a frame that is in one. */
static inline struct policy_set *policy_set_of(const struct policy_state *s, const struct frame *f)
{
    return pfn_frame(s->pool, (pfn_t)f->order << 16 | f->used)->owner;
}

/* Off its list, for another. Of a frame that is in no set. */
static inline void policy_take(struct policy_state *s, struct frame *f)
{
    frame_list_remove(s->pool, &s->list[policy_list_of(f)], f);
}

static inline struct frame *policy_head(const struct policy_state *s, unsigned list)
{
    return s->list[list].head ? pfn_frame(s->pool, s->list[list].head) : NULL;
}

static inline struct frame *policy_next_of(const struct policy_state *s, const struct frame *f)
{
    return f->next ? pfn_frame(s->pool, f->next) : NULL;
}

static inline void policy_to_tail(struct policy_state *s, struct frame *f)
{
    struct frame_list *l = &s->list[policy_list_of(f)];

    frame_list_remove(s->pool, l, f);
    frame_list_push_tail(s->pool, l, f);
}

static inline void policy_to_head(struct policy_state *s, struct frame *f)
{
    struct frame_list *l = &s->list[policy_list_of(f)];

    frame_list_remove(s->pool, l, f);
    frame_list_push_head(s->pool, l, f);
}

static inline uint32_t policy_take_uses(struct policy_state *s, struct frame *f)
{
    return s->eyes->take_uses(s->eyes_arg, f);
}

static inline bool policy_is_used(struct policy_state *s, struct frame *f)
{
    return s->eyes->is_used(s->eyes_arg, f);
}

static inline bool policy_is_dirty(struct policy_state *s, struct frame *f)
{
    return s->eyes->is_dirty(s->eyes_arg, f);
}

/* Pass for the policies that keep a queue: the frame goes to the end of its list. */
void policy_pass_to_tail(struct policy_state *s, struct frame *f, enum policy_pass what);

/* Add the uses of a frame to those that its byte counts, `most` of all, and take one away. Whether there
 * was any. */
bool policy_spend_use(struct policy_state *s, struct frame *f, uint32_t most);

/* Frames that the policy has. */
static inline uint32_t policy_count(const struct policy_state *s)
{
    return s->list[0].count + s->list[1].count + s->list[2].count + s->in_sets;
}

/* Remember the page in a frame, as the newest. Not one that nobody has named yet. */
void policy_remember(struct policy_state *s, const struct frame *f);
/* The same for a policy that keeps the time itself, in ghosts.clock: as something that happened `age` ago. */
void policy_remember_aged(struct policy_state *s, const struct frame *f, uint32_t age);
/* Of the ghost that was remembered first. There is one. */
uint32_t policy_oldest_age(const struct policy_state *s);
void policy_forget_oldest(struct policy_state *s);
/* Whether it is remembered; it no longer is then. *age: how many were remembered since. A page that nobody
 * has named yet (pageable_name()) is not looked for. */
bool policy_recall(struct policy_state *s, const struct frame *f, uint32_t *age);

#ifdef QUIRE_HOSTED
/* For who shows it: whether the page in f is remembered, and the same age. Reads only. */
bool policy_peek(const struct policy_state *s, const struct frame *f, uint32_t *age);
#endif

/* A number below `below`, from the state's own generator. */
uint32_t policy_draw(struct policy_state *s, uint32_t below);

/* --- for reclaim and others --- */

/* Those of the kernel. The first is that of a vm that nobody has chosen one for. POLICY_CANDIDATES: some of
 * the host's too, to be measured on a live kernel (make POLICIES=all). */
enum policy_number {
    POLICY_CLOCK,
    POLICY_FIFO,
    POLICY_RANDOM,
    POLICY_CLOCK_DIRTY,
    POLICY_AGING,
    POLICY_TWO_LIST,
    POLICY_CLOCKPRO,
    POLICY_VMS,
#ifdef POLICY_CANDIDATES
    POLICY_SIEVE,
    POLICY_CLOCK2,
    POLICY_S3FIFO,
    POLICY_GENERATIONS,
#endif
    POLICIES
};
extern const struct policy *const policies[POLICIES];
extern const struct policy policy_clock, policy_fifo, policy_random, policy_clock_dirty, policy_aging,
    policy_two_list, policy_clockpro, policy_vms;
/* Those that only the host compiles, to compare with: lru, mru and 2q have to be told of every use. */
extern const struct policy policy_sieve, policy_clock2, policy_lru, policy_mru, policy_two_queue,
    policy_s3fifo, policy_generations;
/* NULL: none has that name. */
const struct policy *policy_find(const char *name);

/* Begin with a policy. 0; -ENOMEM: there is no memory for what it remembers. */
int pageable_init(struct pageable *p, struct frame_pool *pool, const struct policy *policy,
                  const struct policy_eyes *eyes, void *arg);
/* No frame may be left. */
void pageable_fini(struct pageable *p);

static inline struct policy_state *pageable_now(struct pageable *p)
{
    return &p->half[p->now];
}

/* Of all, those that are kept off the policy's lists. */
static inline uint32_t pageable_kept(const struct pageable *p)
{
    return p->half[0].list[POLICY_KEPT].count + p->half[1].list[POLICY_KEPT].count;
}

static inline uint32_t pageable_count(const struct pageable *p)
{
    return policy_count(&p->half[0]) + policy_count(&p->half[1]) + pageable_kept(p);
}

/* The half that a frame is in. */
static inline struct policy_state *pageable_half_of(struct pageable *p, const struct frame *f)
{
    return &p->half[f->flags >> FRAME_F_LIST_SHIFT & POLICY_LISTS ? 1 : 0];
}

/* A frame of p's pool becomes pageable. */
static inline void pageable_enter(struct pageable *p, const struct frame_pool *pool, struct frame *f)
{
    f->flags |= p->plain;
    if (unlikely(p->is_told))
        pageable_now(p)->policy->enter(pageable_now(p), f);
    else
        frame_list_push_tail(pool, p->plain_list, f);
}

static inline void pageable_leave(struct pageable *p, struct frame *f)
{
    struct policy_state *s = pageable_half_of(p, f);
    unsigned list = policy_list_of(f);

    if (unlikely(list && list != POLICY_KEPT && s->policy->leave))
        s->policy->leave(s, f);
    frame_list_remove(s->pool, &s->list[list], f);
    f->order = 0;
    f->flags &= (uint16_t) ~(FRAME_F_LISTED | FRAME_F_LIST | FRAME_F_PARKED);
}

/* The part of pageable_mapped() that is not inline. */
void pageable_mapped_slow(struct pageable *p, struct frame *f, struct policy_set *set);

/* An entry of the program of a set names the page in f now, and translates. The entry is there already: the
 * policy may set others aside, but not this page. */
static inline void pageable_mapped(struct pageable *p, struct frame *f, struct policy_set *set)
{
    if (unlikely(p->keeps_sets))
        pageable_mapped_slow(p, f, set);
}

/* A set without frames, in memory of zeroes. number: of a frame that stays as long as the set, and whose
 * owner it becomes. */
void policy_set_init(struct policy_set *set, const struct frame_pool *pool, pfn_t number, uint32_t limit);
/* The program of a set ends, and has no entries any more: what is left of the set goes where it belongs.
 * Sleeps. */
void pageable_end_set(struct pageable *p, struct policy_set *set);

/* The program of a listed frame will not need it soon. */
static inline void pageable_cold(struct pageable *p, struct frame *f)
{
    struct policy_state *s = pageable_half_of(p, f);

    if (likely(policy_list_of(f) != POLICY_KEPT))
        s->policy->cold(s, f);
}

/* It is known now which page is in a listed frame: it enters once more, if the policy is told of that. */
static inline void pageable_name(struct pageable *p, const struct frame_pool *pool, struct frame *f)
{
    if (likely(!p->is_told) || policy_list_of(f) == POLICY_KEPT)
        return;
    pageable_leave(p, f);
    pageable_enter(p, pool, f);
}

/* Keep a frame off the policy's lists, since it is locked. */
void pageable_keep(struct pageable *p, struct frame *f);
/* Let those that are kept be the policy's again that is_locked(arg, f) does not hold for. Sleeps. is_locked
 * does not sleep. */
void pageable_release(struct pageable *p, bool (*is_locked)(void *arg, struct frame *f), void *arg);

/*
 * Go on with another policy. Its memory is got first: -ENOMEM, and nothing has changed. Then all frames move,
 * those first that would have gone first, while others use them. The caller has reclaim's lock. Sleeps. 0;
 * -ENOMEM.
 */
int pageable_switch(struct pageable *p, const struct policy *policy);
/* Of all policies since the beginning. */
struct policy_counts pageable_counts(const struct pageable *p);
/* INV-POLICY-*, and the policy's own. Reads only; logs what is broken. */
bool pageable_verify(const struct pageable *p);

#endif
