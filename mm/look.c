/*
 * Looking on: a picture of all frames, for people.
 *
 * Purpose. What a map of memory shows: for each run of frames a cell with what most of them are used for,
 * whether one of them was used since the last look, and the sums. Nothing in the paths that every page takes
 * keeps a count for it: who looks pays.
 *
 * A pass goes over the records of the pool twice. First it finds the page tables, which are low frames, and
 * takes the accessed bits of their entries; then it counts each frame and makes the cells. That is about a
 * dozen instructions a frame and as many for an entry that was used. A pass is done in steps, between which
 * others may run; on a large machine who looks often does some steps each time, so that the picture comes in
 * parts and a look costs the same everywhere. Up to 64 MiB a pass is one step, and belongs to one moment.
 *
 * "Used since the last look". The accessed bit of an entry belongs to the policy, which takes it away when
 * its hand comes by. So there are two more bits in an entry (mm/x86/pte.h): when a look takes the accessed
 * bit it leaves another that the policy takes for it, and when the policy takes it, it leaves one for the
 * next look. Each sees every use, and no policy decides otherwise because somebody looks on. What is used
 * without an entry (read() and write() of files) is noted by vm_frame_touch(). Several may look on, each
 * with a bit for each frame in vm.seen: a use sets the bits of all, and who has seen it takes its own away.
 * So "used" means that between this one's last two passes over the entries somebody used the frame through
 * an entry or a call, or that its page came. If the page left its spaces in between, or was freed, its use
 * is not known any more; a frame that is free is not used, whatever it was before, and its bits are left
 * until it is used again. The kernel's own use of its frames is not known: the processor keeps no such bit
 * for large pages that the kernel would take away. A page table counts as used if an entry of it was.
 *
 * Data: vm.seen and vm.lookers; the views belong to those who look. Locking: a step is one nosleep section.
 * Only a frame number is kept between two steps.
 *
 * INV-LOOK-1  after a pass the classes add up to the frames of the pool; if the pass was one step, each to
 *             what the pool said at that moment, with ANON and OBJECT together
 * INV-LOOK-2  a view has a bit of its own, which is taken; its cells are just enough for the frames
 *
 * Fails: never, once it has begun.
 *
 * Compare: Linux's idle page tracking, which keeps a use for reclaim in the page's flag "young"; but one bit
 * there serves all who look on.
 */
#include "mm/look.h"
#include "mm/errno.h"
#include "mm/fault.h"
#include "mm/object.h"
#include "mm/pt.h"

static const uint8_t class_of_use[FRAME_USES] = {
    [FRAME_FREE] = LOOK_FREE, [FRAME_RESERVED] = LOOK_HOLE, [FRAME_KERNEL] = LOOK_KERNEL,
    [FRAME_SLAB] = LOOK_SLAB, [FRAME_TABLE] = LOOK_TABLE,   [FRAME_STACK] = LOOK_KERNEL,
    [FRAME_ANON] = LOOK_ANON, [FRAME_OBJECT] = LOOK_FILE,
};

const char *look_class_name(enum look_class c)
{
    static const char *const name[LOOK_CLASSES] = {"free", "kernel", "slab", "table", "anon",
                                                   "file", "shared", "busy", "hole"};

    return name[c];
}

static inline enum look_class class_of(const struct frame *f)
{
    const struct object *o;

    if (f->use != FRAME_ANON && f->use != FRAME_OBJECT)
        return class_of_use[f->use];
    if (f->flags & (FRAME_F_BUSY | FRAME_F_WRITEBACK))
        return LOOK_BUSY;
    if (f->use == FRAME_ANON)
        return LOOK_ANON;
    o = f->owner; /* NULL: the page is on its way into one */
    return o && object_is_shmem(o) ? LOOK_SHARED : LOOK_FILE;
}

enum look_class look_class_of(const struct frame *f)
{
    return class_of(f);
}

/* Whether uses of frames of a class are known. */
static bool is_watched(enum look_class c)
{
    return c >= LOOK_TABLE && c <= LOOK_BUSY;
}

static void begin_pass(struct look_view *v)
{
    v->at_frames = false;
    v->at = v->vm->pool->start;
    v->at_cell = 0;
}

int look_begin(struct look_view *v, struct vm *vm, uint8_t *cell, uint32_t most)
{
    uint32_t frames = vm->pool->end - vm->pool->start;
    unsigned n = (unsigned)__builtin_ctz(~(unsigned)vm->lookers);

    mm_assert(most, "no cells");
    if (!vm->seen)
        return -ENODEV;
    if (n >= LOOK_VIEWS)
        return -EBUSY;
    vm->lookers |= (uint8_t)(1u << n);
    *v = (struct look_view){.vm = vm, .bit = (uint8_t)(1u << n), .cell = cell};
    v->run = (frames + most - 1) / most;
    v->cells = (frames + v->run - 1) / v->run;
    memset(cell, LOOK_HOLE, v->cells);
    begin_pass(v);
    return 0;
}

void look_end(struct look_view *v)
{
    v->vm->lookers &= (uint8_t)~v->bit;
    v->vm = NULL;
}

/* Take the bits of tables, as far as the work goes. */
static uint32_t look_at_tables(struct look_view *v, uint32_t work)
{
    struct vm *vm = v->vm;
    const struct frame_pool *p = vm->pool;
    pfn_t end = p->low_end < p->end ? p->low_end : p->end;
    unsigned n = 0;

    while (v->at < end && work) {
        uint32_t most = end - v->at < work ? end - v->at : work;
        const struct frame *from = pfn_frame(p, v->at), *f = from, *stop = from + most;

        while (f < stop && likely(!pt_may_look(f)))
            f++;
        v->at += (pfn_t)(f - from);
        work -= (uint32_t)(f - from);
        if (f < stop) {
            unsigned used = pt_look(p, f, vm->seen);

            n += used;
            if (used)
                vm->seen[v->at - p->start] = 0xFF;
            work -= work < LOOK_TABLE_WORK ? work : LOOK_TABLE_WORK;
            v->at++;
        }
    }
    if (n)
        pt_look_end();
    if (v->at >= end) {
        v->at_frames = true;
        v->at = p->start;
    }
    return work;
}

/* Most frames decide; but what a disk works on shows wherever it is. Of equals the first class. */
static enum look_class class_of_run(const uint32_t *n)
{
    enum look_class best = LOOK_FREE;

    if (n[LOOK_BUSY])
        return LOOK_BUSY;
    for (enum look_class c = LOOK_FREE + 1; c < LOOK_CLASSES; c++)
        if (n[c] > n[best])
            best = c;
    return best;
}

/* Frames from f on that are of one class, and in *used how many of them were used. */
static inline uint32_t same_class(struct look_view *v, const struct frame *f, const struct frame *stop,
                                  uint8_t *seen, enum look_class *class, uint32_t *used)
{
    const struct frame *from = f;
    unsigned use = f->use;

    *class = class_of(f);
    if (!is_watched(*class)) {
        do
            f++;
        while (f < stop && f->use == use);
        return (uint32_t)(f - from);
    }
    do {
        if (*seen & v->bit) {
            *seen &= (uint8_t)~v->bit;
            ++*used;
        }
        f++;
        seen++;
    } while (f < stop && f->use == use && class_of(f) == *class);
    return (uint32_t)(f - from);
}

/* Make one cell. */
static void look_at_run(struct look_view *v)
{
    const struct frame_pool *p = v->vm->pool;
    uint32_t n[LOOK_CLASSES], used = 0, left = p->end - v->at < v->run ? p->end - v->at : v->run, done;
    const struct frame *f = pfn_frame(p, v->at), *stop = f + left;
    uint8_t *seen = v->vm->seen + (v->at - p->start);
    enum look_class class;

    done = same_class(v, f, stop, seen, &class, &used);
    v->counting[class] += done;
    if (done < left) {
        memset(n, 0, sizeof n);
        n[class] = done;
        while (done < left) {
            uint32_t more = same_class(v, f + done, stop, seen + done, &class, &used);

            v->counting[class] += more;
            n[class] += more;
            done += more;
        }
        class = class_of_run(n);
    }
    v->counting_used += used;
    v->cell[v->at_cell++] = (uint8_t)(class | (used ? LOOK_USED : 0));
    v->at += left;
}

bool look_step(struct look_view *v)
{
    const struct frame_pool *p = v->vm->pool;
    uint32_t work = LOOK_STEP;
    bool ended;

    nosleep_enter("frame records and the entries of tables");
    if (!v->at_frames)
        work = look_at_tables(v, work);
    while (v->at_frames && v->at < p->end && work) {
        look_at_run(v);
        work -= work < v->run ? work : v->run;
    }
    ended = v->at_frames && v->at >= p->end;
    if (ended) {
        memcpy(v->count, v->counting, sizeof v->count);
        v->used = v->counting_used;
        memset(v->counting, 0, sizeof v->counting);
        v->counting_used = 0;
        v->passes++;
        begin_pass(v);
    }
    nosleep_exit();
    return ended;
}

void look_pass(struct look_view *v)
{
    memset(v->counting, 0, sizeof v->counting);
    v->counting_used = 0;
    begin_pass(v);
    while (!look_step(v))
        might_sleep();
}

unsigned look_marks(const struct vm *vm, struct look_mark *m)
{
    const struct policy_state *s = &vm->pageable.half[vm->pageable.now];
    unsigned n = 0;

    for (unsigned i = 0; i < POLICY_KEPT; i++) {
        const struct frame_list *l = &s->list[i];

        if (!l->head)
            continue;
        m[n++] = (struct look_mark){.pfn = l->head, .list = (uint8_t)i, .is_head = true};
        m[n++] = (struct look_mark){.pfn = l->tail, .list = (uint8_t)i};
    }
    return n;
}

uint64_t look_total(const struct vm *vm, enum look_total what)
{
    const struct vm_stats *s = &vm->stats;
    struct policy_counts c;

    switch (what) {
    case LOOK_FAULTS:
        return s->faults;
    case LOOK_ZERO:
        return s->by_action[FAULT_FILL_ZERO];
    case LOOK_COPY:
        return s->by_action[FAULT_COPY];
    case LOOK_OBJECT:
        return s->by_action[FAULT_OBJECT_IN];
    case LOOK_MAJOR:
        return s->major;
    case LOOK_IN:
        return vm->swap.pages_in;
    case LOOK_OUT:
        return vm->swap.pages_out;
    case LOOK_SALVAGED:
        c = pageable_counts(&vm->pageable);
        return c.salvaged_clean + c.salvaged_dirty;
    case LOOK_EVICTED:
        return s->evicted;
    case LOOK_TOTALS:
        break;
    }
    return 0;
}

const char *look_total_name(enum look_total what)
{
    static const char *const name[LOOK_TOTALS] = {"faults", "zero", "copy",     "object", "major",
                                                  "in",     "out",  "salvaged", "evicted"};

    return name[what];
}

bool look_verify(const struct look_view *v)
{
    const struct frame_pool *p = v->vm->pool;
    uint32_t frames = p->end - p->start, sum = 0;
    bool ok = true;

    for (unsigned c = 0; c < LOOK_CLASSES; c++)
        sum += v->count[c];
    INV("INV-LOOK-1", !v->passes || sum == frames, "classes add up to %u of %u frames", sum, frames);
    INV("INV-LOOK-2", v->bit && !(v->bit & (v->bit - 1)) && v->vm->lookers & v->bit, "bit %x of %x", v->bit,
        v->vm->lookers);
    INV("INV-LOOK-2", v->run && (frames + v->run - 1) / v->run == v->cells, "%u cells of %u frames for %u",
        v->cells, v->run, frames);
    return ok;
}
