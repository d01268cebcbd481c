/* The tour, private pages: the life of one, and one that several spaces share. */
#include "kernel/selftest/tour_parts.h"

#define BASE 0x40000000u

static vaddr_t page_at(unsigned n)
{
    return BASE + ((vaddr_t)n << PAGE_SHIFT);
}

/* --- one page's life --- */

#define LIFE_PAGES   4u
#define PARENT_WORD  0x1111u
#define CHILD_WORD   0xCCCCu
#define REWRITE_WORD 0x2222u

struct life {
    struct space *parent, *child;
};

static void life_map(struct life *l)
{
    tour_map(l->parent, BASE, LIFE_PAGES, TOUR_RW, NULL);
}

static void life_read_first(struct life *l)
{
    tour_read(l->parent, BASE, 0);
}

static void life_write_first(struct life *l)
{
    tour_write(l->parent, BASE, PARENT_WORD);
}

static void life_fork(struct life *l)
{
    l->child = tour_fork(l->parent);
}

static void life_child_writes(struct life *l)
{
    tour_write(l->child, BASE, CHILD_WORD);
    tour_read(l->parent, BASE, PARENT_WORD);
}

static void life_parent_writes(struct life *l)
{
    tour_write(l->parent, BASE, PARENT_WORD);
    tour_read(l->child, BASE, CHILD_WORD);
}

static void life_evict(struct life *l)
{
    tour_evict(l->parent, BASE);
}

static void life_read_back(struct life *l)
{
    tour_read(l->parent, BASE, PARENT_WORD);
}

static void life_neighbours(struct life *l)
{
    for (unsigned i = 1; i < LIFE_PAGES; i++)
        tour_write(l->parent, page_at(i), i);
}

static void life_evict_all(struct life *l)
{
    for (unsigned i = 0; i < LIFE_PAGES; i++)
        tour_evict(l->parent, page_at(i));
}

static void life_read_neighbours(struct life *l)
{
    for (unsigned i = 1; i < LIFE_PAGES; i++)
        tour_read(l->parent, page_at(i), i);
}

static void life_rewrite(struct life *l)
{
    tour_write(l->parent, BASE, REWRITE_WORD);
    tour_read(l->parent, BASE, REWRITE_WORD);
}

static void life_unmap(struct life *l)
{
    int err = space_unmap(l->parent, BASE, LIFE_PAGES << PAGE_SHIFT);

    tour_check(err == 0, "space_unmap says %d", err);
}

struct scene {
    const char *title, *text[2];
    void (*act)(struct life *l); /* sleeps */
    unsigned shown;              /* pages of the parent */
    bool swap;                   /* needs a swap disk */
    struct tour_change change[9];
};

static const struct scene life_scenes[] = {
    {"Mapped, and nothing there",
     {"Mapping notes what is allowed, in a region. It makes no page and no table;",
      "these come with the first touch."},
     life_map,
     1,
     false,
     {{0}}},
    {"Read for the first time",
     {"A page never written reads as zeroes. One frame of zeroes serves all such",
      "reads, mapped read-only: the cost is a page table, and no page."},
     life_read_first,
     1,
     false,
     {{TOUR_FAULTS, 1}, {TOUR_MAP_ZERO, 1}, {TOUR_TABLE_FRAMES, 1}}},
    {"Written for the first time",
     {"The entry is read-only, so the processor faults. The page gets its own frame,",
      "zeroed before the entry appears: old contents never show."},
     life_write_first,
     1,
     false,
     {{TOUR_FAULTS, 1}, {TOUR_FILL_ZERO, 1}, {TOUR_ANON_FRAMES, 1}}},
    {"Forked",
     {"The child's directory names the parent's page table. Both directories hold",
      "back writes. No page is copied, no entry changed; one frame: the directory."},
     life_fork,
     1,
     false,
     {{TOUR_TABLES_SHARED, 1}, {TOUR_TABLE_FRAMES, 1}}},
    {"The child writes",
     {"One fault does two things: the table is split, which makes its entries",
      "read-only in both copies, and the page is copied for the child."},
     life_child_writes,
     1,
     false,
     {{TOUR_FAULTS, 1},
      {TOUR_OWN_TABLE, 1},
      {TOUR_COPY, 1},
      {TOUR_TABLES_SPLIT, 1},
      {TOUR_ANON_FRAMES, 1},
      {TOUR_TABLE_FRAMES, 1}}},
    {"The parent writes",
     {"Nobody else names its table and its page any more. So it claims the one and",
      "takes over the other: no copy, no frame."},
     life_parent_writes,
     1,
     false,
     {{TOUR_FAULTS, 1}, {TOUR_OWN_TABLE, 1}, {TOUR_TAKE_OVER, 1}, {TOUR_TABLES_CLAIMED, 1}}},
    {"Evicted",
     {"The page gets a slot on the disk, the entry names the slot in place of the",
      "frame, the page is written, and its frame is free."},
     life_evict,
     1,
     true,
     {{TOUR_EVICTED, 1},
      {TOUR_PAGES_OUT, 1},
      {TOUR_WRITES, 1},
      {TOUR_FREE_SLOTS, -1},
      {TOUR_ANON_FRAMES, -1}}},
    {"Brought back by a fault",
     {"Reading faults; the page comes from its slot. It keeps the slot until it is",
      "written: should it go before, there is nothing to write."},
     life_read_back,
     1,
     true,
     {{TOUR_FAULTS, 1}, {TOUR_SWAP_IN, 1}, {TOUR_PAGES_IN, 1}, {TOUR_READS, 1}, {TOUR_ANON_FRAMES, 1}}},
    {"Three neighbours, written",
     {"Three faults, one for each page: a lone touch takes exactly one frame.", NULL},
     life_neighbours,
     0,
     true,
     {{TOUR_FAULTS, LIFE_PAGES - 1}, {TOUR_FILL_ZERO, LIFE_PAGES - 1}, {TOUR_ANON_FRAMES, LIFE_PAGES - 1}}},
    {"All four evicted",
     {"Four go, three are written: the first was clean. Pages that go one after",
      "another get slots side by side."},
     life_evict_all,
     LIFE_PAGES,
     true,
     {{TOUR_EVICTED, LIFE_PAGES},
      {TOUR_EVICTED_CLEAN, 1},
      {TOUR_PAGES_OUT, LIFE_PAGES - 1},
      {TOUR_WRITES, LIFE_PAGES - 1},
      {TOUR_FREE_SLOTS, -(int)(LIFE_PAGES - 1)},
      {TOUR_ANON_FRAMES, -(int)LIFE_PAGES}}},
    {"One asked for, four read",
     {"A disk takes as long for a cluster as for a page, so one request brings the",
      "used slots next to the wanted one. Their entries still name the slots."},
     life_read_back,
     LIFE_PAGES,
     true,
     {{TOUR_FAULTS, 1},
      {TOUR_SWAP_IN, 1},
      {TOUR_PAGES_IN, LIFE_PAGES},
      {TOUR_READS, 1},
      {TOUR_READAHEAD, LIFE_PAGES - 1},
      {TOUR_ANON_FRAMES, LIFE_PAGES}}},
    {"The neighbours touched",
     {"Each is found in the swap cache: a fault, and no disk.", NULL},
     life_read_neighbours,
     0,
     true,
     {{TOUR_FAULTS, LIFE_PAGES - 1}, {TOUR_SWAP_IN, LIFE_PAGES - 1}, {TOUR_READAHEAD_HITS, LIFE_PAGES - 1}}},
    {"Written again",
     {"The copy on the disk is out of date from now on, so the slot is given back.", NULL},
     life_rewrite,
     1,
     true,
     {{TOUR_FAULTS, 1}, {TOUR_TAKE_OVER, 1}, {TOUR_FREE_SLOTS, 1}}},
};

/* The end of the life depends on how far it went, so it is compared with the beginning. */
static void life_end(struct life *l, const struct tour_counts *beginning)
{
    tour_step("Unmapped");
    tour_say("The child's space ends, and the parent unmaps: frames, tables and slots are");
    tour_say("free again. The space itself and its directory remain.");
    tour_leave(&l->child, 1);
    life_unmap(l);
    tour_show("parent", l->parent, BASE);
    tour_back(beginning);
    tour_say("faults in this life: %u; frames and slots are back where they were",
             (unsigned)tour_change(beginning, TOUR_FAULTS));
}

static void life_scene(struct life *l, const struct scene *sc)
{
    struct tour_counts before;

    tour_step(sc->title);
    for (unsigned i = 0; i < ARRAY_LEN(sc->text) && sc->text[i]; i++)
        tour_say("%s", sc->text[i]);
    if (sc->swap && !tour_has_swap())
        return;
    tour_count(&before);
    sc->act(l);
    for (unsigned i = 0; i < sc->shown; i++)
        tour_show("parent", l->parent, page_at(i));
    if (l->child && !sc->swap)
        tour_show("child", l->child, BASE);
    tour_expect(&before, sc->change);
}

void tour_page_life(void)
{
    struct life l = {.parent = tour_space()};
    struct tour_counts beginning;

    tour_part("The life of one page");
    tour_count(&beginning);
    for (unsigned i = 0; l.parent && i < ARRAY_LEN(life_scenes); i++)
        life_scene(&l, &life_scenes[i]);
    if (l.parent)
        life_end(&l, &beginning);
    tour_leave(&l.parent, 1);
}

/* --- a page that several spaces share --- */

#define SHARERS 4u
#define SHARED  0x5A5Au

static const char *const sharer_name[SHARERS] = {"A", "B", "C", "D"};

static void show_sharers(struct space *const *s)
{
    for (unsigned i = 0; i < SHARERS; i++)
        tour_show(sharer_name[i], s[i], BASE);
}

/* A and D share a table; B and C have split off, by writing another page. */
static bool make_sharers(struct space **s)
{
    s[0] = tour_space();
    if (!s[0])
        return false;
    tour_map(s[0], BASE, 2, TOUR_RW, NULL);
    tour_write(s[0], BASE, SHARED);
    for (unsigned i = 1; i < SHARERS; i++)
        if (!(s[i] = tour_fork(s[0])))
            return false;
    tour_write(s[1], page_at(1), 1);
    tour_write(s[2], page_at(1), 2);
    return true;
}

static void evict_shared(struct space *const *s)
{
    struct tour_counts before;

    tour_step("Evicted once, for all");
    tour_say("A, forked three times. A and D still share a page table; B and C have tables");
    tour_say("of their own: three entries name the frame. All are found from the frame.");
    tour_count(&before);
    tour_evict(s[0], BASE);
    show_sharers(s);
    tour_expect(&before, (const struct tour_change[]){{TOUR_EVICTED, 1},
                                                      {TOUR_PAGES_OUT, 1},
                                                      {TOUR_WRITES, 1},
                                                      {TOUR_FREE_SLOTS, -1},
                                                      {TOUR_ANON_FRAMES, -1},
                                                      {0}});
}

static void return_shared(struct space *const *s)
{
    struct tour_counts before;

    tour_step("Read by all, and read from the disk once");
    tour_say("The first brings it in. D sees A's entry and does not even fault; B and C");
    tour_say("fault, and find the frame in the swap cache.");
    tour_count(&before);
    for (unsigned i = 0; i < SHARERS; i++)
        tour_read(s[i], BASE, SHARED);
    show_sharers(s);
    tour_expect(&before, (const struct tour_change[]){{TOUR_FAULTS, SHARERS - 1},
                                                      {TOUR_SWAP_IN, SHARERS - 1},
                                                      {TOUR_PAGES_IN, 1},
                                                      {TOUR_READS, 1},
                                                      {TOUR_ANON_FRAMES, 1},
                                                      {0}});
}

static void part_sharers(struct space *const *s)
{
    tour_step("Written by all");
    tour_say("Each writes its own number, and finds it again: the sharing ends unseen.");
    for (unsigned i = 0; i < SHARERS; i++)
        tour_write(s[i], BASE, i);
    for (unsigned i = 0; i < SHARERS; i++)
        tour_read(s[i], BASE, i);
    show_sharers(s);
}

void tour_shared_page(void)
{
    struct space *s[SHARERS] = {NULL};
    struct tour_counts beginning;

    tour_part("A page that four spaces share goes to the disk and comes back");
    if (!tour_has_swap())
        return;
    tour_count(&beginning);
    if (make_sharers(s)) {
        evict_shared(s);
        return_shared(s);
        part_sharers(s);
    }
    tour_leave(s, SHARERS);
    tour_back(&beginning);
}
