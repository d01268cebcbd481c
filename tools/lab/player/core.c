/*
 * The simulator's core as a page in a browser calls it.
 *
 * Purpose. One instance runs one policy over one reference string, a step at a time. It says what each frame
 * holds and where it stands, and logs what a policy really did to find a victim: each question it asked
 * about a page, the answer, and what it then did with that page. The sentences of the page are made of that
 * log alone (explain.js), so they cannot say what the policy does not do.
 *
 * What a policy did after a question is seen when it asks the next one, or when the step has come to another
 * moment: the frame's list, its byte and whether it went to the end of its list.
 *
 * Data: one machine, and buffers that the page reads. All of the instance's memory is its state, so a copy of
 * it is a step to come back to. The frames' contents lie between far_start and far_end, and of them only the
 * block of ghosts is used.
 *
 * It fails by a trap, after it has said why: the browser has no memory, or an invariant is broken.
 */
#include "tests/host/replay/recorded.h"
#include "tools/lab/player/libc/stdlib.h"
#include "tools/lab/player/libc/string.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

/* Frames that the page can draw, and entries of the log of one step: all policies look at a frame a few times
 * at most. */
#define DRAWN_MAX 1024u
#define LOG_MAX   16384u
/* The note that ends a recording. */
#define RECORDING_ROOM 28u

enum { LOG_LOOK, LOG_MOMENT = 16, LOG_MOVED = 32 };

/* 8 words, for the page. */
struct entry {
    uint32_t what; /* LOG_LOOK + enum machine_look, LOG_MOMENT + enum machine_moment, LOG_MOVED */
    uint32_t page, slot, answer;
    uint32_t list, list_after; /* before, and after it was dealt with */
    uint32_t byte, byte_after; /* the policy's own: a counter, an age, marks */
};

/* 12 words, for the page. */
struct slot {
    uint32_t page, uses, dirty, in_tlb, flags, list, byte, number, loaded, next_use, is_known, pad;
};

struct state {
    uint32_t done, in_memory, frames, log_count, log_lost;
    uint32_t hand; /* slot + 1 */
    uint32_t turn, level, lowest, looks, in_sets, set_limit;
    uint32_t ghosts, ghost_limit, ghost_max;
    uint32_t promoted, demoted, parked, salvaged_clean, salvaged_dirty, refaults;
    uint32_t tlb_count;
    uint32_t list_count[POLICY_LISTS];
    uint32_t list_slot[DRAWN_MAX]; /* of all lists, one after the other, first to last */
    uint32_t tlb_slot[64];         /* least recently used first */
    struct slot slot[DRAWN_MAX];
};

static struct trace trace;
static struct recording recording;
static size_t bad;
static struct machine machine;
static struct setup how;
static struct machine_step step;
/* What is filled for the page and is no state: it need not be kept for a step back. */
static struct {
    struct state state;
    struct entry entries[LOG_MAX];
} scratch;
static uint32_t log_count, log_lost;
static bool is_logged;
static uint64_t drawn_from; /* the generator, when the search began */
/* The last question about a page that was not followed by another event yet: entry + 1. */
static uint32_t open_look;
/* Of each frame, at the last moment. */
static struct {
    uint16_t list, byte;
} before[DRAWN_MAX];

/* --- the log --- */

static uint32_t list_of(const struct frame *f)
{
    return f->flags & FRAME_F_LISTED ? policy_list_of(f) : POLICY_LISTS;
}

static struct frame *frame_at(uint32_t slot)
{
    return pfn_frame(machine.pool, POOL_FIRST + slot);
}

static struct entry *log_add(uint32_t what)
{
    static struct entry nowhere;

    if (log_count == LOG_MAX) {
        log_lost++;
        return &nowhere;
    }
    scratch.entries[log_count] = (struct entry){.what = what};
    return &scratch.entries[log_count++];
}

static void note(uint32_t slot, const struct frame *f)
{
    before[slot].list = (uint16_t)list_of(f);
    before[slot].byte = f->order;
}

static void close_look(void)
{
    struct entry *e = open_look ? &scratch.entries[open_look - 1] : NULL;
    const struct frame *f;

    if (!e)
        return;
    f = frame_at(e->slot);
    e->list_after = list_of(f);
    e->byte_after = f->order;
    note(e->slot, f);
    open_look = 0;
}

static void looked(void *arg, enum machine_look look, const struct frame *f, uint32_t answer)
{
    struct entry *e;

    (void)arg;
    if (!is_logged)
        return;
    close_look();
    e = log_add(LOG_LOOK + look);
    e->page = f->index;
    e->slot = slot_of(&machine, f);
    e->answer = answer;
    e->list = e->list_after = list_of(f);
    e->byte = e->byte_after = f->order;
    if (log_count && e == &scratch.entries[log_count - 1])
        open_look = log_count;
}

/* How often the random policy drew a frame for this victim, and the last one: the same generator again, from
 * where it was. */
static void count_draws(struct entry *e)
{
    struct policy_state copy = *pageable_now(&machine.pageable);
    const struct frame_pool *p = machine.pool;

    copy.random = drawn_from;
    while (copy.random != pageable_now(&machine.pageable)->random) {
        e->slot = policy_draw(&copy, p->end - p->start);
        e->answer++;
    }
}

static void moment(void *arg, enum machine_moment what)
{
    struct entry *e;

    (void)arg;
    if (!is_logged)
        return;
    close_look();
    for (uint32_t i = 0; i < machine.in_memory; i++) {
        const struct frame *f = frame_at(i);

        if (before[i].list == list_of(f) && before[i].byte == f->order)
            continue;
        e = log_add(LOG_MOVED);
        e->page = f->index;
        e->slot = i;
        e->list = before[i].list;
        e->byte = before[i].byte;
        e->list_after = list_of(f);
        e->byte_after = f->order;
        note(i, f);
    }
    e = log_add(LOG_MOMENT + what);
    e->page = step.victim;
    if (what == MOMENT_SEARCH)
        drawn_from = pageable_now(&machine.pageable)->random;
    if (what == MOMENT_FOUND && pageable_now(&machine.pageable)->policy == &policy_random)
        count_draws(e);
}

static const struct machine_watch watch = {.looked = looked, .moment = moment};

/* --- the string --- */

void *EXPORT(player_room)(uint32_t size)
{
    return malloc(size ? size : 1);
}

/* References; 0: player_bad() says which one is none, or 0 there too. */
uint32_t EXPORT(player_text)(const char *text, uint32_t size)
{
    return parse_text(&trace, text, size, &bad) ? (uint32_t)trace.count : 0;
}

uint32_t EXPORT(player_words)(const unsigned char *words, uint32_t size)
{
    bad = 0;
    return parse_words(&trace, words, size) ? (uint32_t)trace.count : 0;
}

uint32_t EXPORT(player_bad)(void)
{
    return (uint32_t)bad;
}

const uint32_t *EXPORT(player_pages)(void)
{
    return trace.page;
}

/* [count] bytes. */
const bool *EXPORT(player_writes)(void)
{
    return trace.write;
}

/* References that were taken out of a recording: `page` and `write` from player_room(). */
void EXPORT(player_given)(uint32_t *page, bool *write, uint32_t count)
{
    trace = (struct trace){.page = page, .write = write, .count = count};
}

/* --- what the plugin recorded --- */

bool EXPORT(player_is_recording)(const char *bytes, uint32_t size)
{
    return recording_is(bytes, size);
}

/* Programs in the bytes of a recording; 0: it is damaged. is_cut: there is more of it. Then it is ended where
 * that can be: a note may have been cut, too. There is room for RECORDING_ROOM bytes more. */
uint32_t EXPORT(player_recording)(char *bytes, uint32_t size, bool is_cut)
{
    static const uint32_t end[RECORDING_ROOM / 4] = {3u << 10 | 4};

    if (!is_cut)
        return recording_take(&recording, bytes, size) ? recording.programs : 0;
    size &= ~3u;
    for (unsigned cut = 0; cut < ARRAY_LEN(end) && size > 4 * cut; cut++) {
        uint32_t most = size - 4 * cut;

        memcpy(bytes + most, end, sizeof end);
        if (recording_take(&recording, bytes, most + sizeof end))
            return recording.programs;
    }
    return 0;
}

uint32_t EXPORT(player_recording_room)(void)
{
    return RECORDING_ROOM;
}

/* The program that was busiest. */
uint32_t EXPORT(player_busiest)(void)
{
    return recording_find(&recording, 0, NULL);
}

const char *EXPORT(player_program_name)(uint32_t i)
{
    return recording.program[i].name;
}

uint32_t EXPORT(player_program_pid)(uint32_t i)
{
    return recording.program[i].pid;
}

uint32_t EXPORT(player_program_references)(uint32_t i)
{
    return (uint32_t)recording.program[i].references;
}

/* Its references become the string. How many. */
uint32_t EXPORT(player_program)(uint32_t i)
{
    recording_trace(&recording, i, &trace);
    return (uint32_t)trace.count;
}

/* Only the first n references. */
void EXPORT(player_cut)(uint32_t n)
{
    if (n < trace.count)
        trace.count = n;
}

/* --- the run --- */

const char *EXPORT(player_policy)(uint32_t i)
{
    return machine_policy(i);
}

uint32_t EXPORT(player_kernel_policies)(void)
{
    return POLICIES;
}

uint32_t EXPORT(player_frames_max)(void)
{
    return DRAWN_MAX;
}

/* Once in an instance, with a string. rss 0: three quarters of the frames. False: there cannot be so many. */
bool EXPORT(player_begin)(uint32_t policy, uint32_t frames, uint32_t tlb, uint32_t rss, bool load_is_no_use)
{
    how = (struct setup){.policy = machine_policy(policy),
                         .frames = frames,
                         .tlb = tlb,
                         .rss = rss,
                         .load_is_no_use = load_is_no_use,
                         .watch = &watch};
    if (!how.policy || !frames || frames > DRAWN_MAX || tlb > ARRAY_LEN(scratch.state.tlb_slot) ||
        !trace.count)
        return false;
    machine_begin(&machine, &trace, &how);
    for (uint32_t i = 0; i < frames; i++)
        before[i].list = POLICY_LISTS;
    return true;
}

size_t EXPORT(player_heap_end)(void)
{
    return heap_end();
}

const void *EXPORT(player_far_start)(void)
{
    return machine.host.low;
}

const void *EXPORT(player_far_end)(void)
{
    return machine.host.low + ((size_t)machine.host.total << PAGE_SHIFT);
}

const void *EXPORT(player_scratch_start)(void)
{
    return &scratch;
}

const void *EXPORT(player_scratch_end)(void)
{
    return &scratch + 1;
}

/* The one part of the frames' contents that is used, of whole frames. NULL: none is. */
const void *EXPORT(player_ghosts)(void)
{
    return pageable_now(&machine.pageable)->ghosts.entry;
}

uint32_t EXPORT(player_ghosts_size)(void)
{
    const struct policy_ghosts *g = &pageable_now(&machine.pageable)->ghosts;

    return g->block ? (uint32_t)(PAGE_SIZE << g->block->order) : 0;
}

enum { WAS_HIT = 1, DID_EVICT = 2, WAS_DIRTY = 4, WAS_SALVAGED = 8, IS_WRITE = 16 };

static uint32_t take_step(bool logged)
{
    is_logged = logged;
    log_count = log_lost = open_look = 0;
    if (logged)
        for (uint32_t i = 0; i < machine.in_memory; i++)
            note(i, frame_at(i));
    machine_step(&machine, &step);
    return (step.hit ? WAS_HIT : 0u) | (step.evicts ? DID_EVICT : 0u) | (step.was_dirty ? WAS_DIRTY : 0u) |
           (step.salvaged ? WAS_SALVAGED : 0u) | (trace.write[machine.done - 1] ? IS_WRITE : 0u);
}

/* At most n more. Of each what it came to, and its victim, if there is room for that. How many it were. */
uint32_t EXPORT(player_run)(uint32_t n, unsigned char *came_to, uint32_t *victim)
{
    uint32_t i = 0;

    for (; i < n && machine.done < trace.count; i++) {
        uint32_t what = take_step(false);

        if (came_to)
            came_to[i] = (unsigned char)what;
        if (victim)
            victim[i] = step.victim;
    }
    return i;
}

/* One more, with a log. */
uint32_t EXPORT(player_step)(void)
{
    return take_step(true);
}

const struct entry *EXPORT(player_log)(void)
{
    return scratch.entries;
}

bool EXPORT(player_verify)(void)
{
    return pageable_verify(&machine.pageable);
}

/* The pages in memory as `replay --steps` lists them; there is room for all frames. How many. */
uint32_t EXPORT(player_memory)(uint32_t *page)
{
    machine_memory(&machine, page);
    return machine.in_memory;
}

/* Whether a page that went is remembered: its age, in the policy's own time, + 1. */
uint32_t EXPORT(player_ghost)(uint32_t page)
{
    const struct frame f = {.use = FRAME_ANON, .index = page, .owner = &machine};
    uint32_t age;

    return policy_peek(pageable_now(&machine.pageable), &f, &age) ? age + 1 : 0;
}

static void fill_list(unsigned list, pfn_t head, uint32_t *n)
{
    for (pfn_t pfn = head; pfn; pfn = pfn_frame(machine.pool, pfn)->next) {
        scratch.state.list_slot[(*n)++] = pfn - POOL_FIRST;
        scratch.state.list_count[list]++;
    }
}

/* Sets a policy keeps lie where its list POLICY_IN_SET would. */
static void fill_lists(const struct policy_state *s)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < POLICY_LISTS; i++) {
        scratch.state.list_count[i] = 0;
        fill_list(i, s->list[i].head, &n);
        if (i == POLICY_IN_SET)
            fill_list(i, machine.set.list.head, &n);
    }
}

const struct state *EXPORT(player_state)(void)
{
    const struct policy_state *s = pageable_now(&machine.pageable);

    scratch.state = (struct state){
        .done = (uint32_t)machine.done,
        .in_memory = machine.in_memory,
        .frames = how.frames,
        .log_count = log_count,
        .log_lost = log_lost,
        .hand = s->hand >= POOL_FIRST ? s->hand - POOL_FIRST + 1 : 0,
        .turn = s->turn,
        .level = s->level,
        .lowest = s->lowest,
        .looks = s->looks,
        .in_sets = s->in_sets,
        .set_limit = machine.set.limit,
        .ghosts = s->ghosts.count,
        .ghost_limit = s->ghosts.limit,
        .ghost_max = s->ghosts.max,
        .promoted = (uint32_t)s->counts.promoted,
        .demoted = (uint32_t)s->counts.demoted,
        .parked = (uint32_t)s->counts.parked,
        .salvaged_clean = (uint32_t)s->counts.salvaged_clean,
        .salvaged_dirty = (uint32_t)s->counts.salvaged_dirty,
        .refaults = (uint32_t)(s->counts.refaults_anon + s->counts.refaults_object),
        .tlb_count = machine.tlb_count,
    };
    for (uint32_t i = 0; i < machine.tlb_count; i++)
        scratch.state.tlb_slot[i] = machine.tlb_page[i];
    for (uint32_t i = 0; i < machine.in_memory; i++) {
        const struct frame *f = frame_at(i);
        const struct page *p = machine_page(&machine, f->index);

        scratch.state.slot[i] = (struct slot){.page = f->index,
                                              .uses = machine.uses[i],
                                              .dirty = machine.dirty[i],
                                              .in_tlb = machine.tlb[i],
                                              .flags = f->flags,
                                              .list = list_of(f),
                                              .byte = f->order,
                                              .number = f->used,
                                              .loaded = p->loaded,
                                              .next_use = p->next_use,
                                              .is_known = machine.next != NULL};
    }
    fill_lists(s);
    return &scratch.state;
}
