/*
 * A memory of some frames, one program's references, and a policy: the simulator's core, step by step. See
 * machine.c for the model. It needs of a C library what allocates and moves memory, no files.
 */
#ifndef TESTS_HOST_REPLAY_MACHINE_H
#define TESTS_HOST_REPLAY_MACHINE_H

#include "mm/policy.h"
#include "tests/host/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace {
    uint32_t *page; /* [count] */
    bool *write;    /* [count] */
    size_t count;
};

/* Numbers between blanks or commas, decimal or 0x; one that has a w before or behind it is written to. From
 * # on a line is a comment. False: reference *bad, from 1 on, is not a page number, or (*bad 0) there are
 * none. */
bool parse_text(struct trace *t, const char *text, size_t size, size_t *bad);
/* Little-endian 32-bit words. False: there are none. */
bool parse_words(struct trace *t, const unsigned char *b, size_t size);
void trace_free(struct trace *t);

#define FRAMES_MAX (1u << 22)
#define NEVER      UINT32_MAX

/* What a policy asked of a page. */
enum machine_look { LOOK_TAKE_USES, LOOK_IS_USED, LOOK_IS_DIRTY, LOOK_PARK };

/* Where a step has come to. */
enum machine_moment {
    MOMENT_SEARCH,  /* a victim is looked for */
    MOMENT_FOUND,   /* the policy gave one, which is still on its list */
    MOMENT_GONE,    /* it has left */
    MOMENT_ENTERED, /* the page that is loaded stands on a list */
    MOMENT_MAPPED,  /* and its program can use it; or a page that was set aside was put back */
    MOMENT_USED,    /* the reference was made; the end of each step */
};

/* Who is told of both. */
struct machine_watch {
    void (*looked)(void *arg, enum machine_look look, const struct frame *f, uint32_t answer);
    void (*moment)(void *arg, enum machine_moment what);
    void *arg;
};

struct setup {
    const char *policy; /* one of mm/policy/, or opt, unopt */
    uint32_t frames;
    uint32_t tlb;        /* translations that hide uses; 0: each use is seen */
    uint32_t rss;        /* pages that the program may have at first, for policies that limit that; 0: 3/4 */
    bool load_is_no_use; /* the access for which a page was loaded leaves no bit */
    const struct machine_watch *watch; /* NULL: nobody */
};

struct page {
    uint32_t number;
    pfn_t pfn;         /* 0: not in memory */
    uint32_t loaded;   /* when: how many were loaded before */
    uint32_t next_use; /* of the optimum; NEVER */
    bool known;
};

#define POOL_FIRST 1024u
/* Of an address space of 32 bits. */
#define DIRECT_PAGES (1u << 20)

struct wish;

struct machine {
    const struct trace *trace;
    const struct setup *how;
    size_t done; /* references */
    struct host_pool host;
    struct frame_pool *pool;
    struct pageable pageable;
    struct page
        *page; /* of [pages], a power of two: a hash table, or by number where there are many references */
    uint32_t pages;
    bool is_direct;
    uint32_t *uses;    /* of frames, from POOL_FIRST on */
    bool *dirty, *tlb; /* the same */
    uint32_t *tlb_page;
    uint32_t tlb_count;
    uint32_t *next;    /* of the optimum: the next reference of the same page */
    struct wish *wish; /* the same: a heap of [wishes], who is to go first; some are untrue by now */
    uint32_t wishes, wishes_most;
    bool is_worst;
    uint32_t in_memory, loads;
    struct policy_set set; /* the program's pages */
};

/* What one reference came to. */
struct machine_step {
    uint32_t page;
    bool hit;
    bool evicts;    /* `victim` had to go */
    bool was_dirty; /* and had been written to */
    bool salvaged;  /* a page that was set aside was put back, without a miss */
    uint32_t victim;
    uint32_t slot; /* the page's frame, from 0 on */
};

/* By number, from 0 on: first those of the kernel. NULL: there are no more. */
const char *machine_policy(unsigned i);
bool policy_is_known(const char *name);
/* All that is needed is allocated; it aborts if there is not so much. `t` and `how` stay until the end. */
void machine_begin(struct machine *m, const struct trace *t, const struct setup *how);
/* The next reference. There is one. */
void machine_step(struct machine *m, struct machine_step *did);
void machine_end(struct machine *m);

/* The pages in memory, [m->in_memory]: in the order of their list for lru and mru, of loading for others. */
void machine_memory(struct machine *m, uint32_t *page);

/* The record of a page, which is made if there was none. */
struct page *machine_page(struct machine *m, uint32_t number);

static inline uint32_t slot_of(const struct machine *m, const struct frame *f)
{
    return frame_pfn(m->pool, f) - POOL_FIRST;
}

#endif
