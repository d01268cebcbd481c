/* The history of one page: what was done to it, in order, and nothing that was done to others. */
#include "mm/history.h"
#include "tests/vtcheck.h"

#define BASE ((vaddr_t)0x400000)
#define MOST 32u

struct story {
    uint8_t kind[MOST], what[MOST];
    pfn_t frame[MOST];
    unsigned n;
};

static struct story story_of(struct space *s, vaddr_t va)
{
    struct story story = {.n = 0};
    struct description d;
    struct history h;
    struct event_record e;
    uint64_t number, last = 0;
    enum history_answer answer;

    nosleep_enter("what a test asks");
    describe_page(s, va, &d);
    history_begin(&h, &d);
    while (story.n < MOST && (answer = history_next(&h, &e, &number)) != HISTORY_NONE) {
        if (answer == HISTORY_MORE)
            continue;
        if (story.n && number <= last)
            story.n = MOST; /* not in order: no story is equal to that */
        if (story.n == MOST)
            break;
        last = number;
        story.kind[story.n] = e.kind;
        story.what[story.n] = e.what;
        story.frame[story.n++] = e.frame;
    }
    nosleep_exit();
    return story;
}

/* The kinds of a story are these, in this order. */
static void expect_story(struct kt *kt, int line, const struct story *s, const uint8_t *kind, unsigned n)
{
    EXPECT(s->n == n, "line %d: %u records, not %u", line, s->n, n);
    for (unsigned i = 0; i < n && i < s->n; i++)
        EXPECT(s->kind[i] == kind[i], "line %d: record %u is %s, not %s", line, i,
               event_kinds[s->kind[i]].name, event_kinds[kind[i]].name);
}
#define STORY(s, ...)                                                                                        \
    do {                                                                                                     \
        static const uint8_t kinds_[] = {__VA_ARGS__};                                                       \
        expect_story(kt, __LINE__, s, kinds_, ARRAY_LEN(kinds_));                                            \
    } while (0)

/* What a record of a story did, of a fault. */
static bool did(const struct story *s, unsigned i, enum fault_action action)
{
    return i < s->n && s->kind[i] == EVENT_FAULT && s->what[i] == action;
}

TEST(history, a_page_and_its_copy)
{
    struct vt t;
    struct story s, c;

    if (!vt_begin(&t, kt, 200, 40, 64))
        return;
    struct space *parent = space_create(&t.vm);
    static struct event_record ring[256];

    REQUIRE(parent, "no memory");
    event_ring_use(&t.vm.events, ring, sizeof ring);
    map_at(kt, parent, BASE, 4, RW);
    s = story_of(parent, BASE);
    EXPECT(s.n == 0, "%u records of a promise", s.n);
    READ(parent, BASE, 0);
    WRITE(parent, BASE + PAGE_SIZE, 2); /* another page's, here and below */
    WRITE(parent, BASE, 1);
    s = story_of(parent, BASE);
    STORY(&s, EVENT_FAULT, EVENT_FAULT);
    EXPECT(did(&s, 0, FAULT_MAP_ZERO) && did(&s, 1, FAULT_FILL_ZERO), "read, then written");
    EXPECT(s.frame[1] == frame_pfn(t.pool, frame_at(parent, BASE)), "frame %u", s.frame[1]);

    struct space *child = fork_of(kt, parent);

    s = story_of(parent, BASE);
    STORY(&s, EVENT_FAULT, EVENT_FAULT, EVENT_SHARED);
    c = story_of(child, BASE);
    STORY(&c, EVENT_FAULT, EVENT_FAULT, EVENT_SHARED);
    WRITE(child, BASE + PAGE_SIZE, 3);
    WRITE(child, BASE, 4);
    c = story_of(child, BASE);
    STORY(&c, EVENT_FAULT, EVENT_FAULT, EVENT_SHARED, EVENT_SPLIT, EVENT_FAULT);
    EXPECT(did(&c, 4, FAULT_COPY), "the child's copy");
    s = story_of(parent, BASE);
    STORY(&s, EVENT_FAULT, EVENT_FAULT, EVENT_SHARED);

    /* One goes to disk and comes back; the other has the same number in the family, and stays. */
    vt_idle();
    evict_at(kt, child, BASE);
    swap_quiet(&t.vm);
    nosleep_enter("what was written");
    swap_poll(&t.vm, true);
    nosleep_exit();
    s = story_of(parent, BASE);
    STORY(&s, EVENT_FAULT, EVENT_FAULT, EVENT_SHARED);
    READ(child, BASE, 4);
    c = story_of(child, BASE);
    unsigned evicted = 0, written = 0, read = 0, freed = 0;

    for (unsigned i = 0; i < c.n; i++) {
        evicted += c.kind[i] == EVENT_EVICTED;
        written += c.kind[i] == EVENT_WRITTEN || c.kind[i] == EVENT_WRITE_ENDED;
        freed += c.kind[i] == EVENT_FREED;
        read += c.kind[i] == EVENT_READ;
    }
    EXPECT(evicted == 1 && written == 2 && freed == 1 && read == 1 && c.kind[c.n - 1] == EVENT_FAULT,
           "%u evicted, %u of the write, %u freed, %u read, the last is %s", evicted, written, freed, read,
           event_kinds[c.kind[c.n - 1]].name);
    EXPECT(space_unmap(child, BASE, PAGE_SIZE) == 0, "unmapped");
    c = story_of(child, BASE);
    EXPECT(c.n && c.kind[c.n - 1] != EVENT_FAULT, "its end is told");
    s = story_of(parent, BASE + PAGE_SIZE);
    STORY(&s, EVENT_FAULT, EVENT_SHARED);
    space_destroy(child);
    space_destroy(parent);
    event_ring_init(&t.vm.events, true);
    vt_end(&t);
}

/* A long ring is looked at in steps; what a page had before a fork long ago is found all the same, and what
 * happens meanwhile is left out. */
TEST(history, in_steps)
{
    static struct event_record ring[HISTORY_STEP * 4];
    struct vt t;
    struct description d;
    struct history h;
    struct event_record e;
    uint64_t number, first, before;
    unsigned found = 0, more = 0;
    enum history_answer answer;

    if (!vt_begin(&t, kt, 200, 40, 64))
        return;
    struct space *parent = space_create(&t.vm), *child;

    REQUIRE(parent, "no memory");
    event_ring_use(&t.vm.events, ring, sizeof ring);
    map_at(kt, parent, BASE, 4, RW);
    WRITE(parent, BASE, 1);
    first = event_last(&t.vm.events) - 1;
    child = fork_of(kt, parent);
    for (unsigned i = 0; i < HISTORY_STEP * 3; i++)
        event_of_space(parent, EVENT_WAIT, BASE + PAGE_SIZE);
    nosleep_enter("what a test asks");
    describe_page(child, BASE, &d);
    history_begin(&h, &d);
    do {
        before = h.next + (uint64_t)(event_last(&t.vm.events) - h.back);
        answer = history_next(&h, &e, &number);
        more += answer == HISTORY_MORE;
        EXPECT(h.next + (uint64_t)(event_last(&t.vm.events) - h.back) - before <= HISTORY_STEP + 1,
               "it looked at too much at once");
        EXPECT(answer != HISTORY_RECORD || found || number == first, "the first of it is %llu, not %llu",
               (unsigned long long)number, (unsigned long long)first);
        found += answer == HISTORY_RECORD;
        if (answer == HISTORY_MORE && more == 2)
            event_of_space(parent, EVENT_WAIT, BASE);
    } while (answer != HISTORY_NONE && !kt->failures);
    nosleep_exit();
    EXPECT(found == 2 && more >= 5, "%u records, %u times more", found, more);
    space_destroy(child);
    space_destroy(parent);
    event_ring_init(&t.vm.events, true);
    vt_end(&t);
}
