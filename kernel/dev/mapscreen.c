/*
 * The map of memory on the display.
 *
 * Purpose: to see the machine's memory while it works. 80 x 22 cells, each a run of frames in the order of
 * their addresses, by what most of them are used for (mm/look.h), bright when one of them was used since the
 * last look; where the policy's lists begin and end; below it what happens in a second, the free blocks by
 * order, and each class with its frames, in its colour.
 *
 * Theory. A task of its own draws it four times a second while it is shown, and sleeps while it is not. One
 * update does at most UPDATE_STEPS steps of a pass over the frames, so that it costs the same on every
 * machine: up to 64 MiB it is a whole pass, each time; with 3.5 GiB a pass takes some seconds, and the
 * cells change part by part. Cells are made in memory; screen_paint() writes those that differ.
 *
 * Rates are those of about the last second. A number that is too long is given in thousands.
 *
 * Data: all of it is the task's; `cell` and `text` are read by screen_paint(), in the task and, when the
 * screen is switched, in whoever switches, who may see an update half done. Locking: none. It cannot fail
 * once it is there.
 */
#include "kernel/dev/mapscreen.h"
#include "kernel/lib/format.h"
#include "kernel/lib/screen.h"
#include "kernel/sched/task.h"
#include "kernel/vm/vm_sys.h"
#include "mm/look.h"

#define UPDATE_NS    250000000u
#define UPDATE_STEPS 2u
#define MAP_ROWS     22u
#define MAP_CELLS    (MAP_ROWS * SCREEN_COLUMNS)
#define RATE_UPDATES 4u

/* Characters of code page 437. */
enum { USED = 0xFE, FREE = 0xFA, HOLE = 0xB0, HEAD = 0x10, TAIL = 0x11 };

static const uint8_t colour[LOOK_CLASSES] = {
    [LOOK_FREE] = COLOUR_BRIGHT | COLOUR_BLACK,
    [LOOK_KERNEL] = COLOUR_GREY,
    [LOOK_SLAB] = COLOUR_BROWN,
    [LOOK_TABLE] = COLOUR_MAGENTA,
    [LOOK_ANON] = COLOUR_GREEN,
    [LOOK_FILE] = COLOUR_CYAN,
    [LOOK_SHARED] = COLOUR_BLUE,
    [LOOK_BUSY] = COLOUR_RED,
    [LOOK_HOLE] = COLOUR_BRIGHT | COLOUR_BLACK,
};

static uint8_t seen_cell[MAP_CELLS];
static uint16_t cell[SCREEN_ROWS * SCREEN_COLUMNS];
static struct look_view view;

/* What has happened up to the last updates. */
static struct {
    uint64_t at_ns, total[LOOK_TOTALS];
} past[RATE_UPDATES];
static uint64_t updates, spent_ns;

static const uint16_t *map_row(const struct screen *s, unsigned row)
{
    (void)s;
    return &cell[row * SCREEN_COLUMNS];
}

static struct screen screen = {.name = "map", .row = map_row, .cursor = SCREEN_NO_CURSOR};

/* --- the cells --- */

static uint16_t cell_of(uint8_t what)
{
    enum look_class c = what & LOOK_CLASS;

    if (c == LOOK_FREE || c == LOOK_HOLE)
        return screen_cell(c == LOOK_FREE ? FREE : HOLE, colour[c], COLOUR_BLACK);
    return screen_cell(USED, colour[c] | (what & LOOK_USED ? COLOUR_BRIGHT : 0), COLOUR_BLACK);
}

static void draw_cells(void)
{
    struct look_mark mark[LOOK_MARKS];
    unsigned marks = look_marks(view.vm, mark);

    for (unsigned i = 0; i < view.cells; i++)
        cell[i] = cell_of(seen_cell[i]);
    /* Tails first: where a list has one cell, its head is shown. */
    for (unsigned head = 0; head < 2; head++)
        for (unsigned i = 0; i < marks; i++) {
            uint16_t *to = &cell[look_cell_of(&view, mark[i].pfn)];

            if (mark[i].is_head == head)
                *to = screen_cell(head ? HEAD : TAIL, COLOUR_BLACK,
                                  cell_of(seen_cell[to - cell]) >> 8 & (COLOUR_GREY | COLOUR_BRIGHT));
        }
}

/* --- the rows below --- */

/* Put text into a row from a column on; what is too long is cut. Returns the column after it. */
static unsigned put(unsigned row, unsigned column, unsigned foreground, const char *s)
{
    for (; *s && column < SCREEN_COLUMNS; s++)
        cell[row * SCREEN_COLUMNS + column++] = screen_cell((uint8_t)*s, foreground, COLOUR_BLACK);
    return column;
}

static void blank(unsigned row, unsigned column)
{
    while (column < SCREEN_COLUMNS)
        cell[row * SCREEN_COLUMNS + column++] = screen_cell(' ', COLOUR_GREY, COLOUR_BLACK);
}

/* " NAME NUMBER", the number in thousands if it is as large as `most`. */
static void name_number(char *s, size_t size, const char *name, uint64_t n, uint64_t most)
{
    if (n < most)
        format(s, size, "%s %llu", name, (unsigned long long)n);
    else
        format(s, size, "%s %lluk", name, (unsigned long long)(n / 1000));
}

/* Events a second, and the policy. */
static void draw_rates(void)
{
    static const char *const short_name[LOOK_TOTALS] = {"faults/s", "zero", "copy", "object", "major",
                                                        "in",       "out",  "salv", NULL};
    unsigned now = updates % RATE_UPDATES, column = 0;
    uint64_t at = os_now_ns(), since = past[now].at_ns;
    char s[32];

    for (enum look_total i = 0; i < LOOK_TOTALS; i++) {
        uint64_t total = look_total(view.vm, i), rate = 0;

        if (since)
            rate = (total - past[now].total[i]) * 1000000000u / (at - since);
        past[now].total[i] = total;
        if (!short_name[i])
            continue;
        name_number(s, sizeof s, short_name[i], rate, 100000);
        column = put(MAP_ROWS, put(MAP_ROWS, column, COLOUR_GREY, s), COLOUR_GREY, " ");
    }
    past[now].at_ns = at;
    blank(MAP_ROWS, column);
}

/* Free blocks by order, both zones together; and what is about the picture. */
static void draw_blocks(void)
{
    const struct frame_pool *p = view.vm->pool;
    const struct policy_state *policy = pageable_now(&view.vm->pageable);
    unsigned row = MAP_ROWS + 1, column = put(row, 0, COLOUR_GREY, "blocks");
    char s[48];

    for (unsigned k = 0; k < BUDDY_ORDERS; k++) {
        name_number(s, sizeof s, "", p->zone[ZONE_LOW].blocks[k] + p->zone[ZONE_HIGH].blocks[k], 10000);
        column = put(row, column, COLOUR_GREY, s);
    }
    format(s, sizeof s, " | %u frames a cell, %u used | %s", view.run, view.used, policy->policy->name);
    blank(row, put(row, column, COLOUR_GREY, s));
}

/* The classes in their colours, as words of the row, with exact numbers if they fit. */
static void draw_legend(void)
{
    static const char *const short_name[LOOK_CLASSES] = {"free", "kern", "slab", "tab", "anon",
                                                         "file", "shm",  "busy", "hole"};
    static const uint32_t exact[] = {UINT32_MAX, 10000, 1000};
    char s[LOOK_CLASSES][24];
    unsigned row = MAP_ROWS + 2, column = 0, length = SCREEN_COLUMNS + 1;

    for (unsigned k = 0; k < ARRAY_LEN(exact) && length > SCREEN_COLUMNS; k++) {
        length = LOOK_CLASSES - 1;
        for (enum look_class c = 0; c < LOOK_CLASSES; c++) {
            name_number(s[c], sizeof s[c], short_name[c], view.count[c], exact[k]);
            length += (unsigned)strlen(s[c]);
        }
    }
    for (enum look_class c = 0; c < LOOK_CLASSES; c++) {
        column = put(row, column, colour[c], s[c]);
        if (column < SCREEN_COLUMNS)
            column = put(row, column, COLOUR_GREY, " ");
    }
    blank(row, column);
}

/* --- the task --- */

/* The moment of the picture, for debuggers: what is drawn is what is true until the next sleep. */
static __attribute__((noinline)) void mapscreen_drawn(void)
{
    __asm__ volatile("" : : : "memory");
}

static void update(void)
{
    uint64_t before = task_cpu_ns(task_current());

    for (unsigned i = 0; i < UPDATE_STEPS && !look_step(&view); i++)
        might_sleep();
    draw_cells();
    draw_rates();
    draw_blocks();
    draw_legend();
    screen_paint(&screen);
    mapscreen_drawn();
    updates++;
    spent_ns += task_cpu_ns(task_current()) - before;
}

static void draw_for_ever(void *arg)
{
    (void)arg;
    for (;;) {
        uint32_t irq = os_irq_save();

        while (!screen_is_shown(SCREEN_MAP))
            os_sleep(&screen_switched);
        os_irq_restore(irq);
        update();
        task_sleep_ns(UPDATE_NS);
    }
}

void mapscreen_init(bool show)
{
    int err = look_begin(&view, &vm_sys, seen_cell, MAP_CELLS);

    if (err || !task_create("map", draw_for_ever, NULL)) {
        os_log("map of memory: there is no memory for it");
        return;
    }
    for (unsigned row = 0; row < SCREEN_ROWS; row++)
        blank(row, 0);
    screen_register(SCREEN_MAP, &screen);
    if (show)
        screen_show(SCREEN_MAP);
}

void mapscreen_cost(uint64_t *n, uint64_t *ns)
{
    *n = updates;
    *ns = spent_ns;
}
