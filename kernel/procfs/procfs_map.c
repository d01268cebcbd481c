/*
 * /proc/quire/map and /proc/quire/swap: what pictures of memory are drawn from.
 *
 * Text, so that `cat` shows a picture: lines of names and numbers, an empty line, and a character for each
 * cell, LINE of them in a line. Who opens a file has a look of its own: "used since the last look" is since
 * the last time that this open file was read from its beginning. A number that is written to it is how many
 * cells there may be, from then on.
 *
 * Data: struct map_file, of the open file. Locking: its mutex.
 */
#include "kernel/dev/mapscreen.h"
#include "kernel/fs/file.h"
#include "kernel/lib/number.h"
#include "kernel/procfs/procfs.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/look.h"

#define CELLS      1760u /* until another number is written */
#define CELLS_MOST 32768u
#define LINE       80u
#define TRIES      8u     /* to have room for text that gets longer meanwhile */
#define SLOTS_STEP 16384u /* of swap, before others may run */

struct map_file {
    struct mutex lock;
    struct text text;
    bool made;
    uint32_t most;
    uint8_t *cell;         /* [most] */
    struct look_view view; /* of "map" */
};

static int begin(struct map_file *m, uint32_t most, bool view)
{
    uint8_t *cell = vm_alloc(most);
    int err = 0;

    if (!cell)
        return -ENOMEM;
    if (view && m->view.vm)
        look_end(&m->view);
    if (view)
        err = look_begin(&m->view, &vm_sys, cell, most);
    kfree(m->cell);
    m->cell = cell;
    m->most = most;
    m->made = false;
    return err;
}

static int open_any(struct file *f, bool view)
{
    struct map_file *m = vm_zalloc(sizeof *m);
    int err;

    if (!m)
        return -ENOMEM;
    err = begin(m, CELLS, view);
    if (err) {
        kfree(m->cell);
        kfree(m);
        return err;
    }
    f->data = m;
    return 0;
}

static int open_map(struct file *f)
{
    return open_any(f, true);
}

static int open_swap(struct file *f)
{
    return open_any(f, false);
}

static void release_map(struct file *f)
{
    struct map_file *m = f->data;

    if (m->view.vm)
        look_end(&m->view);
    text_free(&m->text);
    kfree(m->cell);
    kfree(m);
}

/* --- text --- */

static void show_cells(struct text *t, const uint8_t *cell, uint32_t cells, char (*letter)(uint8_t))
{
    for (uint32_t i = 0; i < cells; i++) {
        char c[2] = {letter(cell[i]), '\n'};

        text_put(t, c, i % LINE == LINE - 1 || i == cells - 1 ? 2 : 1);
    }
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char map_letter(uint8_t what)
{
    static const char letter[LOOK_CLASSES + 1] = ".kstafmb#";
    char c = letter[what & LOOK_CLASS];

    return what & LOOK_USED ? upper(c) : c;
}

static void show_numbers(struct text *t, const struct look_view *v)
{
    const struct frame_pool *p = v->vm->pool;
    uint64_t updates, ns;

    text_print(t, "frames %u first %u run %u cells %u pass %u\n", p->end - p->start, p->start, v->run,
               v->cells, v->passes);
    for (unsigned c = 0; c < LOOK_CLASSES; c++)
        text_print(t, "%s %u%s", look_class_name(c), v->count[c], c + 1 < LOOK_CLASSES ? " " : "\n");
    text_print(t, "used %u\n", v->used);
    text_print(t, "since_boot");
    for (unsigned i = 0; i < LOOK_TOTALS; i++)
        text_print(t, " %s %llu", look_total_name(i), (unsigned long long)look_total(v->vm, i));
    text_print(t, "\nat_ns %llu\n", (unsigned long long)os_now_ns());
    for (unsigned z = 0; z < FRAME_ZONES; z++) {
        if (!p->managed[z])
            continue;
        text_print(t, "blocks_%s", z == ZONE_LOW ? "low" : "high");
        for (unsigned k = 0; k < BUDDY_ORDERS; k++)
            text_print(t, " %u", p->zone[z].blocks[k]);
        text_put(t, "\n", 1);
    }
    mapscreen_cost(&updates, &ns);
    text_print(t, "screen updates %llu ns %llu\n", (unsigned long long)updates, (unsigned long long)ns);
    text_print(t, "policy %s\n", pageable_now(&v->vm->pageable)->policy->name);
}

static void show_map(struct text *t, struct map_file *m)
{
    const struct look_view *v = &m->view;
    struct look_mark mark[LOOK_MARKS];
    unsigned marks = look_marks(v->vm, mark);

    show_numbers(t, v);
    for (unsigned i = 0; i < marks; i++)
        text_print(t, "%s %u of list %u\n", mark[i].is_head ? "head" : "tail", mark[i].pfn, mark[i].list);
    text_put(t, "\n", 1);
    show_cells(t, m->cell, v->cells, map_letter);
}

/* What most of the used slots of a run are; LOOK_USED: half of all or more are used. */
static uint8_t swap_cell(const struct swap_area *a, uint32_t from, uint32_t end)
{
    uint32_t n[SWAP_LOOKS] = {0};
    enum swap_look best = SWAP_FREE;

    for (uint32_t page = from; page < end; page++)
        n[swap_look(a, page)]++;
    for (enum swap_look c = SWAP_FREE + 1; c < SWAP_LOOKS; c++)
        if (n[c] && (best == SWAP_FREE || n[c] > n[best]))
            best = c;
    return (uint8_t)(best | (n[SWAP_FREE] * 2 <= end - from ? LOOK_USED : 0));
}

static char swap_letter(uint8_t what)
{
    static const char letter[SWAP_LOOKS + 1] = ".pcktx";
    char c = letter[what & LOOK_CLASS];

    return what & LOOK_USED ? upper(c) : c;
}

/* An area, if it stays there. Sleeps. */
static void show_area(struct text *t, struct map_file *m, unsigned number)
{
    const struct swap_area *a = vm_sys.swap.area[number];
    uint32_t run = (a->pages + m->most - 1) / m->most, cells = (a->pages + run - 1) / run, all = a->pages;

    for (uint32_t i = 0, work = 0; i < cells; i++) {
        uint32_t from = i * run, end = from + run < all ? from + run : all;

        m->cell[i] = swap_cell(a, from, end);
        work += run;
        if (work < SLOTS_STEP)
            continue;
        work = 0;
        might_sleep();
        if (vm_sys.swap.area[number] != a || a->pages != all)
            return;
    }
    text_print(t, "area %u %s slots %u free %u bad %u priority %d run %u cells %u\n", number, a->dev->name,
               a->pages, a->free, a->bad, a->priority, run, cells);
    show_cells(t, m->cell, cells, swap_letter);
}

/* Sleeps. */
static void show_swap(struct text *t, struct map_file *m)
{
    const struct swap *sw = &vm_sys.swap;

    text_print(t, "slots %u free %u kept %u in %llu out %llu\n\n", sw->total, sw->free, sw->kept,
               (unsigned long long)sw->pages_in, (unsigned long long)sw->pages_out);
    for (unsigned i = 0; i < SWAP_AREAS; i++)
        if (sw->area[i] && !sw->area[i]->gone)
            show_area(t, m, i);
}

/* Sleeps. */
static int make(struct map_file *m)
{
    if (m->view.vm)
        look_pass(&m->view);
    for (unsigned i = 0; i < TRIES; i++) {
        int err;

        text_rewind(&m->text);
        if (m->view.vm)
            show_map(&m->text, m);
        else
            show_swap(&m->text, m);
        if (text_complete(&m->text))
            return 0;
        err = text_extend(&m->text);
        if (err)
            return err;
    }
    return -ENOMEM;
}

static int read_map(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct map_file *m = f->data;
    int got = 0;

    mutex_lock(&m->lock);
    if (!m->made || *pos == 0) {
        got = make(m);
        m->made = got == 0;
    }
    if (!got)
        got = text_read(&m->text, *pos, buf, n);
    if (got > 0)
        *pos += (uint64_t)got;
    mutex_unlock(&m->lock);
    return got;
}

static int write_any(struct file *f, vaddr_t buf, size_t n, bool view)
{
    struct map_file *m = f->data;
    char s[16];
    const char *at = s;
    uint64_t most;
    int err;

    if (n >= sizeof s)
        return -EINVAL;
    if (user_copy_in(s, buf, n))
        return -EFAULT;
    s[n] = '\0';
    if (n && s[n - 1] == '\n')
        s[n - 1] = '\0';
    if (!number_digits(&at, 10, &most) || *at || most < 1 || most > CELLS_MOST)
        return -EINVAL;
    mutex_lock(&m->lock);
    err = begin(m, (uint32_t)most, view);
    mutex_unlock(&m->lock);
    return err ? err : (int)n;
}

static int write_map(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    (void)pos;
    return write_any(f, buf, n, true);
}

static int write_swap(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    (void)pos;
    return write_any(f, buf, n, false);
}

const struct file_ops proc_map_ops = {
    .open = open_map, .release = release_map, .read = read_map, .write = write_map};
const struct file_ops proc_swap_ops = {
    .open = open_swap, .release = release_map, .read = read_map, .write = write_swap};
