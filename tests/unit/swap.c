/* Swap: the slot map against a model that also knows every page's contents; headers; errors; clusters. */
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/vm.h"
#include "tests/kt.h"
#include "tests/testdisk.h"

#define SECTORS (PAGE_SIZE / BLOCK_SECTOR)
#define HEADER  1024u /* of a swap area, in page 0 */

struct rig {
    struct frame_pool *pool;
    struct vm vm;
    struct testdisk disk[2];
    uint8_t *data[2];
};

static void rig_free(struct kt *kt, struct rig *r)
{
    if (!r)
        return;
    if (r->pool)
        kt_pool_done(kt, r->pool);
    kt_release(r->data[0]);
    kt_release(r->data[1]);
    kt_release(r);
}

/* A vm with two disks of so many pages (0: none) that have swap headers, not yet on. NULL: skipped. */
static struct rig *rig_new(struct kt *kt, uint32_t frames, uint32_t pages0, uint32_t pages1)
{
    struct rig *r = kt_alloc(sizeof *r);
    uint32_t pages[2] = {pages0, pages1};
    bool good = r != NULL;

    if (r)
        memset(r, 0, sizeof *r);
    for (int i = 0; i < 2 && good; i++) {
        if (!pages[i])
            continue;
        r->data[i] = kt_alloc(pages[i] * PAGE_SIZE);
        good = r->data[i] != NULL;
    }
    if (good) {
        r->pool = kt_pool(kt, frames, frames / 4);
        good = r->pool != NULL;
    }
    for (int i = 0; i < 2 && good; i++) {
        testdisk_init(&r->disk[i], r->pool, r->data[i], pages[i]);
        if (pages[i])
            testdisk_mkswap(&r->disk[i], NULL, 0);
    }
    if (good)
        good = vm_init(&r->vm, r->pool) == 0;
    if (!good) {
        kt_skip(kt, "no memory for the disks");
        rig_free(kt, r);
        return NULL;
    }
    kt_capture_begin(); /* swap logs each area and each error */
    return r;
}

static void rig_done(struct kt *kt, struct rig *r)
{
    kt_capture_end();
    EXPECT(swap_verify(&r->vm), "at the end");
    vm_fini(&r->vm);
    rig_free(kt, r);
}

static void stamp(struct rig *r, struct frame *f, uint32_t value)
{
    uint32_t *p = window_open(r->pool, frame_pfn(r->pool, f));

    p[0] = value;
    p[PAGE_SIZE / 4 - 1] = ~value;
    window_close(r->pool, p);
}

static bool stamped(struct rig *r, struct frame *f, uint32_t value)
{
    uint32_t *p = window_open(r->pool, frame_pfn(r->pool, f));
    bool good = p[0] == value && p[PAGE_SIZE / 4 - 1] == ~value;

    window_close(r->pool, p);
    return good;
}

static bool on_disk(const struct rig *r, slot_t slot, uint32_t value)
{
    const uint8_t *at = r->data[slot >> SWAP_AREA_SHIFT] + (slot & (SWAP_AREA_PAGES - 1)) * PAGE_SIZE;
    uint32_t first, last;

    memcpy(&first, at, 4);
    memcpy(&last, at + PAGE_SIZE - 4, 4);
    return first == value && last == ~value;
}

/* An anonymous page that one entry maps. */
static struct frame *page_new(struct rig *r, uint32_t value)
{
    struct frame *f = frame_alloc(r->pool, FRAME_ANON, 0);

    if (!f)
        return NULL;
    f->maps = 1;
    vm_frame_list(&r->vm, f);
    stamp(r, f, value);
    return f;
}

/* Let go of a page that has no slot. */
static void page_free(struct rig *r, struct frame *f)
{
    f->maps = 0;
    vm_frame_release(&r->vm, f);
}

/* Replace the page's entry by a name of its slot. */
static void page_unmap(struct rig *r, struct frame *f)
{
    swap_ref(&r->vm, f->slot);
    f->maps--;
}

static void unpin(struct rig *r, struct frame *f)
{
    f->pins--;
    vm_frame_drop(&r->vm, f);
}

static void page_out(struct rig *r, struct frame **f, unsigned n)
{
    swap_write(&r->vm, f, n);
    while (r->vm.swap.io_active)
        swap_finish(&r->vm, true, true);
}

/* --- the model --- */

#define ITEMS 160u /* at most; fewer when frames are few, since nothing here can be reclaimed */

/* A page: a frame, a slot, or both. */
struct item {
    bool live;
    struct frame *frame;
    slot_t slot;
    uint32_t names;
    uint32_t value;
    bool clean; /* the slot holds the value */
};

struct model {
    struct rig *r;
    struct item item[ITEMS];
    uint32_t items;
    uint32_t bad; /* slots retired so far */
    bool errors;
};

static bool fails(const uint64_t *list, slot_t slot)
{
    for (unsigned i = 0; i < TESTDISK_FAULTS; i++)
        if (list[i] && list[i] / SECTORS == (slot & (SWAP_AREA_PAGES - 1)))
            return true;
    return false;
}

/* Whether the item's frame is there only to spare a write. */
static bool stealable(const struct item *it)
{
    return it->live && it->frame && it->slot && !it->names && it->clean && it->frame->maps;
}

static bool slot_unused(const struct model *m, slot_t slot)
{
    for (uint32_t i = 0; i < m->items; i++)
        if (m->item[i].live && m->item[i].slot == slot)
            return false;
    return true;
}

static void op_assign(struct kt *kt, struct model *m, struct item *it)
{
    struct swap *sw = &m->r->vm.swap;
    uint32_t free = sw->free, stolen = 0;
    bool can_steal = false, got;

    for (uint32_t i = 0; i < m->items; i++)
        can_steal |= stealable(&m->item[i]);
    got = swap_assign(&m->r->vm, it->frame);
    EXPECT(got == (free || can_steal), "assigned %d with %u free slots, stealing %d", got, free, can_steal);
    for (uint32_t i = 0; i < m->items; i++) {
        struct item *x = &m->item[i];

        if (!x->live || !x->frame || x == it || x->frame->slot == x->slot)
            continue;
        EXPECT(stealable(x) && x->frame->slot == SLOT_NONE, "slot %x was taken away", x->slot);
        x->slot = SLOT_NONE;
        x->clean = false;
        stolen++;
    }
    EXPECT(stolen == (got && !free), "%u slots taken away, %u were free", stolen, free);
    if (!got)
        return;
    EXPECT(it->frame->slot && slot_unused(m, it->frame->slot), "slot %x given twice", it->frame->slot);
    EXPECT(!swap_bad(&m->r->vm, it->frame->slot), "a bad slot was given");
    it->slot = it->frame->slot;
    it->clean = false;
}

/* After names went or came: what swap does by itself. */
static void settle(struct model *m, struct item *it)
{
    bool bad = it->slot && swap_bad(&m->r->vm, it->slot);

    if (it->names)
        return;
    if (!it->frame || !it->frame->maps) {
        it->live = false;
    } else if (bad) {
        it->slot = SLOT_NONE;
        it->clean = false;
    }
}

static void op_unref(struct model *m, struct item *it)
{
    bool gone = it->names == 1 && (!it->frame || !it->frame->maps);

    it->names--;
    swap_unref(&m->r->vm, it->slot);
    if (gone)
        it->live = false; /* the frame must not be looked at */
    else
        settle(m, it);
}

/* Write some unmapped pages, also such as are clean, in any order. */
static void op_write(struct kt *kt, struct model *m)
{
    struct vm *vm = &m->r->vm;
    struct frame *f[40];
    struct item *who[40];
    bool free_clean = kt_below(kt, 2);
    unsigned n = 0, freed = 0, expected = 0;

    for (uint32_t k = 0, i = kt_below(kt, m->items); k < m->items && n < ARRAY_LEN(f);
         k++, i = (i + 1) % m->items) {
        struct item *it = &m->item[i];

        if (it->live && it->frame && it->slot && it->names && !it->frame->maps) {
            who[n] = it;
            f[n++] = it->frame;
        }
    }
    freed = swap_write(vm, f, n);
    while (vm->swap.io_active || vm->swap.io_done)
        freed += swap_finish(vm, true, free_clean);
    for (unsigned i = 0; i < n; i++) {
        struct item *it = who[i];
        bool failed = fails(m->r->disk[0].bad_write, it->slot) || !it->slot;

        if (swap_bad(vm, it->slot)) {
            EXPECT(swap_cached(vm, it->slot) == it->frame, "slot %x lost its only copy", it->slot);
            EXPECT(it->frame->flags & FRAME_F_DIRTY, "a failed page is clean");
            EXPECT(failed || !it->clean, "slot %x retired without an error", it->slot);
            it->clean = false;
            continue;
        }
        EXPECT(!failed, "slot %x failed and is not retired", it->slot);
        EXPECT(on_disk(m->r, it->slot, it->value), "slot %x does not hold its page", it->slot);
        it->clean = true;
        if (!swap_cached(vm, it->slot)) {
            it->frame = NULL;
            expected++;
        }
    }
    EXPECT(freed == expected && (free_clean || vm->swap.io_active == 0), "%u freed, %u gone", freed,
           expected);
}

static void op_read(struct kt *kt, struct model *m, struct item *it)
{
    struct vm *vm = &m->r->vm;
    bool lost = !it->frame && (swap_bad(vm, it->slot) || fails(m->r->disk[0].bad_read, it->slot));
    struct frame *f;
    int err = swap_in(vm, it->slot, &f);

    /* What was read ahead. */
    for (uint32_t i = 0; i < m->items; i++) {
        struct item *x = &m->item[i];

        if (!x->live || x->frame || !x->slot || x == it)
            continue;
        x->frame = swap_cached(vm, x->slot);
        if (x->frame)
            EXPECT(stamped(m->r, x->frame, x->value), "slot %x was read ahead wrong", x->slot);
    }
    if (err == -ENOMEM)
        return;
    EXPECT(err == (lost ? -EIO : 0), "slot %x: %d", it->slot, err);
    if (err) {
        /* The user of the page dies. */
        EXPECT(swap_bad(vm, it->slot) && !swap_cached(vm, it->slot), "slot %x after its error", it->slot);
        while (it->live)
            op_unref(m, it);
        return;
    }
    EXPECT(stamped(m->r, f, it->value), "slot %x came back wrong", it->slot);
    EXPECT(f->pins == 1 && f->slot == it->slot, "%u pins, slot %x", f->pins, f->slot);
    f->maps++;
    f->pins--;
    it->frame = f;
}

static void op_faults(struct kt *kt, struct model *m)
{
    struct testdisk *d = &m->r->disk[0];
    struct swap_area *a = m->r->vm.swap.area[0];

    for (unsigned i = 0; i < TESTDISK_FAULTS; i++) {
        bool more = a->bad < a->pages / 8;

        d->bad_read[i] = more && kt_below(kt, 8) == 0 ? (1 + kt_below(kt, a->pages - 1)) * SECTORS : 0;
        d->bad_write[i] = more && kt_below(kt, 8) == 0 ? (1 + kt_below(kt, a->pages - 1)) * SECTORS + 3 : 0;
    }
}

static void op(struct kt *kt, struct model *m, uint32_t round)
{
    struct item *it = &m->item[kt_below(kt, m->items)];
    struct vm *vm = &m->r->vm;
    bool mapped = it->live && it->frame && it->frame->maps;

    if (!it->live) {
        *it = (struct item){.value = round};
        it->frame = page_new(m->r, round);
        it->live = it->frame != NULL;
        return;
    }
    switch (kt_below(kt, 64)) {
    case 0 ... 15:
        if (mapped && !it->slot)
            op_assign(kt, m, it);
        break;
    case 16 ... 27:
        if (it->slot) {
            it->names++;
            swap_ref(vm, it->slot);
        }
        break;
    case 28 ... 39:
        if (it->names && (it->frame || it->names > 1 || kt_below(kt, 4) == 0))
            op_unref(m, it);
        break;
    case 40 ... 47:
        if (mapped && it->slot && it->names)
            it->frame->maps = 0;
        break;
    case 48 ... 50:
        if (it->frame && !mapped)
            it->frame->maps = 1;
        break;
    case 51 ... 53:
        /* A write to the page of an only owner: it gives up the slot and changes. */
        if (mapped && !it->names) {
            if (it->slot)
                swap_uncache(vm, it->frame);
            it->slot = SLOT_NONE;
            it->clean = false;
            it->value = round;
            stamp(m->r, it->frame, round);
        }
        break;
    case 54 ... 55:
        /* Dropped by the clock: clean, unmapped, and the slot has it. */
        if (it->frame && !mapped && it->clean && it->names) {
            swap_uncache(vm, it->frame);
            vm_frame_release(vm, it->frame);
            it->frame = NULL;
        }
        break;
    case 56:
        op_write(kt, m);
        break;
    case 57 ... 60:
        if (it->slot && !mapped)
            op_read(kt, m, it);
        break;
    case 61:
        if (mapped && !it->slot) {
            page_free(m->r, it->frame);
            it->live = false;
        }
        break;
    default:
        if (it->slot) {
            EXPECT(swap_count(vm, it->slot) == it->names, "slot %x has %u names, model %u", it->slot,
                   swap_count(vm, it->slot), it->names);
            EXPECT(swap_cached(vm, it->slot) == it->frame, "slot %x in another frame", it->slot);
            EXPECT(swap_valid(vm, it->slot), "slot %x is not valid", it->slot);
        }
        if (it->frame)
            EXPECT(stamped(m->r, it->frame, it->value), "a page changed");
    }
}

static void model_run(struct kt *kt, uint32_t rounds, uint32_t pages0, uint32_t pages1, bool errors)
{
    struct rig *r = rig_new(kt, 256, pages0, pages1);
    struct model *m = r ? kt_alloc(sizeof *m) : NULL;

    if (!m) {
        kt_skip(kt, "no memory for the model");
        if (r)
            rig_done(kt, r);
        return;
    }
    memset(m, 0, sizeof *m);
    m->r = r;
    m->items = frame_free_count(r->pool) * 5 / 8;
    if (m->items > ITEMS)
        m->items = ITEMS;
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == 0, "first disk");
    if (pages1)
        EXPECT(swap_on(&r->vm, &r->disk[1].dev) == 0, "second disk");
    for (uint32_t i = 0; i < rounds && kt->failures == 0; i++) {
        if (i % 4096 == 0)
            r->vm.swap.clustering = kt_below(kt, 4) > 0;
        if (errors && i % 512 == 0)
            op_faults(kt, m);
        op(kt, m, i + 1);
        if (i % 1024 == 0)
            EXPECT(swap_verify(&r->vm), "after operation %u", i);
    }
    if (errors)
        EXPECT(rounds < 100000 || (r->vm.swap.read_errors && r->vm.swap.write_errors), "no error was met");
    EXPECT(!kt->hosted || ((errors || r->vm.swap.stolen) && r->vm.swap.readahead_hits),
           "%llu stolen, %llu hits", (unsigned long long)r->vm.swap.stolen,
           (unsigned long long)r->vm.swap.readahead_hits);
    memset(r->disk[0].bad_read, 0, sizeof r->disk[0].bad_read);
    for (uint32_t i = 0; i < m->items; i++) {
        struct item *it = &m->item[i];

        if (!it->live)
            continue;
        while (it->live && it->names)
            op_unref(m, it);
        if (it->live && it->slot)
            swap_uncache(&r->vm, it->frame);
        if (it->live)
            page_free(r, it->frame);
    }
    EXPECT(r->vm.swap.free == r->vm.swap.total, "%u of %u slots free at the end", r->vm.swap.free,
           r->vm.swap.total);
    kt_release(m);
    rig_done(kt, r);
}

TEST(swap, random_against_model)
{
    model_run(kt, kt_rounds(kt, 1000000), 64, 41, false);
}

TEST(swap, random_with_errors)
{
    model_run(kt, kt_rounds(kt, 1000000), kt->hosted ? 1400 : 120, 0, true);
}

/* --- headers --- */

static void put32(struct rig *r, uint32_t at, uint32_t value)
{
    memcpy(r->data[0] + at, &value, 4);
}

TEST(swap, header_table)
{
    static const struct {
        const char *what;
        uint32_t at, value;
        const char *said; /* NULL: accepted */
    } table[] = {
        {"as mkswap made it", HEADER + 8, 0, NULL},
        {"magic", PAGE_SIZE - 4, 0x33454341, "no swap header"},
        {"old magic", PAGE_SIZE - 10, 0x50415753, NULL},
        {"version 0", HEADER, 0, "version is not 1"},
        {"version 2", HEADER, 2, "version is not 1"},
        {"big endian", HEADER, 0x01000000, "byte order"},
        {"no last page", HEADER + 4, 0, "no page"},
        {"one page too many", HEADER + 4, 64, "more pages than the device"},
        {"all bits", HEADER + 4, 0xFFFFFFFF, "more pages than the device"},
        {"shorter than the device", HEADER + 4, 9, NULL},
        {"638 bad pages", HEADER + 8, 638, "more bad pages"},
        {"all bits of bad pages", HEADER + 8, 0xFFFFFFFF, "more bad pages"},
        {"637 bad pages, all 0", HEADER + 8, 637, "outside the area"},
    };
    struct rig *r = rig_new(kt, 128, 64, 0);

    if (!r)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        uint32_t before = frame_free_count(r->pool);
        int err;

        testdisk_mkswap(&r->disk[0], NULL, 0);
        put32(r, table[i].at, table[i].value);
        kt_capture_end();
        kt_capture_begin();
        err = swap_on(&r->vm, &r->disk[0].dev);
        EXPECT(err == (table[i].said ? -EINVAL : 0), "%s: %d", table[i].what, err);
        if (table[i].said)
            EXPECT(kt_captured(table[i].said), "%s: the reason was not logged", table[i].what);
        if (err)
            EXPECT(frame_free_count(r->pool) == before, "%s: frames lost", table[i].what);
        EXPECT(swap_verify(&r->vm), "%s", table[i].what);
        swap_fini(&r->vm);
        REQUIRE(swap_init(&r->vm) == 0, "again");
    }
    EXPECT(r->disk[0].dev.writes == 0, "%u writes", (unsigned)r->disk[0].dev.writes);
    rig_done(kt, r);
}

TEST(swap, header_bad_pages)
{
    static const uint32_t bad[] = {5, 7, 5, 31}, beyond[] = {5, 32}, zero[] = {0};
    uint32_t every[15];
    struct rig *r = rig_new(kt, 128, 32, 16);

    if (!r)
        return;
    testdisk_mkswap(&r->disk[0], beyond, 2);
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == -EINVAL, "a bad page beyond the area");
    testdisk_mkswap(&r->disk[0], zero, 1);
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == -EINVAL, "the header as a bad page");
    testdisk_mkswap(&r->disk[0], bad, 4);
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == 0, "three bad pages, one listed twice");
    EXPECT(r->vm.swap.total == 28 && r->vm.swap.free == 28, "%u slots, %u free", r->vm.swap.total,
           r->vm.swap.free);
    for (uint32_t i = 0; i < 15; i++)
        every[i] = i + 1;
    testdisk_mkswap(&r->disk[1], every, 15);
    EXPECT(swap_on(&r->vm, &r->disk[1].dev) == -EINVAL && kt_captured("every page"), "no good page");

    for (uint32_t i = 0; i < 28; i++) {
        struct frame *f = page_new(r, i);

        REQUIRE(f && swap_assign(&r->vm, f), "slot %u", i);
        EXPECT(f->slot != 5 && f->slot != 7 && f->slot < 31, "page %u given", f->slot);
    }
    EXPECT(r->vm.swap.free == 0, "%u free", r->vm.swap.free);
    for (uint32_t i = 1; i < 31; i++) {
        struct frame *f = swap_cached(&r->vm, i);

        if (!f)
            continue;
        swap_uncache(&r->vm, f);
        page_free(r, f);
    }
    rig_done(kt, r);
}

TEST(swap, on_refuses)
{
    struct rig *r = rig_new(kt, 128, 64, 16);

    if (!r)
        return;
    r->disk[0].dev.read_only = true;
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == -EROFS, "read-only");
    r->disk[0].dev.read_only = false;
    r->disk[0].bad_read[0] = 2;
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == -EIO, "unreadable header");
    r->disk[0].bad_read[0] = 0;
    r->disk[0].dev.sectors = SECTORS;
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == -EINVAL, "a device of one page");
    r->disk[0].dev.sectors = 64 * SECTORS;
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == 0, "good");
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == -EBUSY, "twice");
    EXPECT(strcmp(r->vm.swap.area[0]->label, "test") == 0, "label %s", r->vm.swap.area[0]->label);
    EXPECT(!swap_valid(&r->vm, 0) && !swap_valid(&r->vm, 1) && !swap_valid(&r->vm, 64) &&
               !swap_valid(&r->vm, 1u << SWAP_AREA_SHIFT) && !swap_valid(&r->vm, 0xFFFFFFFFu),
           "slots that nothing uses");
    rig_done(kt, r);
}

/* --- the map grows --- */

/* A page gets a slot, which stays named when the page is gone. False: it got none. */
static bool name_slot(struct vm *vm, struct frame *f, slot_t *slot)
{
    if (!swap_assign(vm, f))
        return false;
    *slot = f->slot;
    swap_ref(vm, f->slot);
    swap_uncache(vm, f);
    return true;
}

/* Name so many slots. Returns how many were had. */
static uint32_t name_slots(struct vm *vm, struct frame *f, uint32_t n)
{
    slot_t slot;
    uint32_t had = 0;

    while (had < n && name_slot(vm, f, &slot))
        had++;
    return had;
}

/* A disk larger than the machine: it is on in its full size for a handful of frames, and each 512 slots that
 * are used cost one more, if need be of the last. */
TEST(swap, the_map_grows_as_it_is_used)
{
    enum { FRAMES = 1024, HIGH = 900, PAGES = 16u << 18, SLOTS = 512 }; /* 16 GiB */
    struct rig *r = rig_new(kt, 64, 2, 0);
    struct frame_pool *pool = kt_pool(kt, FRAMES, HIGH);
    uint32_t last_page = PAGES - 1, used, named = 0, had;
    struct frame *f = NULL, *hog = NULL, *h;
    struct vm vm;

    if (!r || !pool || vm_init(&vm, pool))
        goto out;
    struct swap *sw = &vm.swap;
    slot_t slot;

    memcpy(r->data[0] + HEADER + 4, &last_page, 4);
    r->disk[0].pool = pool;
    r->disk[0].dev.sectors = (uint64_t)PAGES * SECTORS;
    used = pool->used[FRAME_KERNEL];
    EXPECT(swap_on(&vm, &r->disk[0].dev) == 0, "on");
    used = pool->used[FRAME_KERNEL] - used;
    EXPECT(used == 3, "%u frames for the records", used);
    EXPECT(sw->free == PAGES - 1 && sw->total == PAGES - 1, "%u slots", sw->total);
    used = pool->used[FRAME_KERNEL];
    f = frame_alloc(pool, FRAME_ANON, 0);
    REQUIRE(f, "memory");
    f->maps = 1;

    /* The first chunk but its first cluster, which has the header, then a second one. */
    named += name_slots(&vm, f, SLOTS - SWAP_CLUSTER);
    EXPECT(pool->used[FRAME_KERNEL] == used, "%u frames for the first chunk",
           pool->used[FRAME_KERNEL] - used);
    named += name_slots(&vm, f, 1);
    EXPECT(named == SLOTS - SWAP_CLUSTER + 1 && pool->used[FRAME_KERNEL] == used + 1, "%u named, %u frames",
           named, pool->used[FRAME_KERNEL] - used);
    EXPECT(swap_verify(&vm), "two chunks");

    /* The map has its share of 124 low frames: while a quarter is free, it grows no more. */
    named += name_slots(&vm, f, SLOTS - 1);
    for (uint32_t i = 0; i < SLOTS; i += 2)
        if (swap_valid(&vm, 100 + i)) {
            swap_unref(&vm, 100 + i);
            named--;
        }
    uint32_t kernel = pool->used[FRAME_KERNEL], left = 2 * SLOTS - 1 - named;

    named += had = name_slots(&vm, f, left - 2 * SLOTS / 4);
    EXPECT(had == left - 2 * SLOTS / 4 && (pool->used[FRAME_KERNEL] == kernel || !kt->hosted),
           "%u of %u, %u frames", had, left, pool->used[FRAME_KERNEL] - kernel);
    named += name_slots(&vm, f, 2 * SWAP_CLUSTER);
    EXPECT(pool->used[FRAME_KERNEL] == kernel + 1, "%u frames more", pool->used[FRAME_KERNEL] - kernel);
    EXPECT(swap_verify(&vm), "three chunks");

    /* Only the last frames are left: they serve. */
    while ((h = frame_alloc(pool, FRAME_KERNEL, FRAME_LOW_ONLY)) ||
           (h = frame_alloc(pool, FRAME_KERNEL, 0))) {
        h->owner = hog;
        hog = h;
    }
    kernel = pool->used[FRAME_KERNEL];
    named += had = name_slots(&vm, f, 2 * SLOTS);
    EXPECT((had == 2 * SLOTS || pool->marks.min < 4) && pool->used[FRAME_KERNEL] > kernel,
           "%u slots with the last frames", had);
    /* There is not a single one: what has records is used up, then there is no slot, and nothing has
     * changed. */
    while ((h = frame_alloc(pool, FRAME_KERNEL, FRAME_RESERVE)) != NULL) {
        h->owner = hog;
        hog = h;
    }
    named += name_slots(&vm, f, 4 * SLOTS);
    struct swap_area *a = sw->area[0];
    uint32_t free = sw->free;

    EXPECT(a->free == a->beyond && free == PAGES - 1 - named, "%u free, %u beyond", a->free, a->beyond);
    EXPECT(!swap_assign(&vm, f) && f->slot == SLOT_NONE && sw->free == free, "a slot without a record");
    EXPECT(swap_verify(&vm), "without memory");
    while ((h = hog) != NULL) {
        hog = h->owner;
        frame_free(pool, h);
    }
    EXPECT(name_slot(&vm, f, &slot), "again");
    named++;
    EXPECT(sw->free == PAGES - 1 - named, "%u free", sw->free);
    for (slot = 1; slot < PAGES && named; slot++)
        if (swap_valid(&vm, slot)) {
            swap_unref(&vm, slot);
            named--;
        }
    EXPECT(!named && sw->free == PAGES - 1 && swap_verify(&vm), "%u named, %u free", named, sw->free);
    f->maps = 0;
    frame_free(pool, f);
    vm_fini(&vm);
out:
    if (pool)
        kt_pool_done(kt, pool);
    if (r)
        rig_done(kt, r);
}

/* Bad pages anywhere are known from the beginning. */
TEST(swap, bad_pages_of_chunks_not_used_yet)
{
    enum { PAGES = 3 * 512 + 40 };
    static const uint32_t bad[] = {511, 512, 1023, 1030, PAGES - 1};
    struct rig *r = rig_new(kt, 256, PAGES, 0);
    struct frame *f;
    slot_t slot;

    if (!r)
        return;
    testdisk_mkswap(&r->disk[0], bad, ARRAY_LEN(bad));
    EXPECT(swap_on(&r->vm, &r->disk[0].dev) == 0, "on");
    EXPECT(r->vm.swap.total == PAGES - 1 - ARRAY_LEN(bad) && r->vm.swap.area[0]->bad == ARRAY_LEN(bad) &&
               swap_verify(&r->vm),
           "%u good", r->vm.swap.total);
    REQUIRE((f = frame_alloc(r->pool, FRAME_ANON, 0)) != NULL, "memory");
    f->maps = 1;
    for (uint32_t i = 0; i < PAGES - 1 - ARRAY_LEN(bad); i++) {
        REQUIRE(name_slot(&r->vm, f, &slot), "slot %u", i);
        for (unsigned k = 0; k < ARRAY_LEN(bad); k++)
            EXPECT(slot != bad[k] && slot && slot < PAGES, "page %u given", slot);
    }
    EXPECT(!name_slot(&r->vm, f, &slot) && !r->vm.swap.free && swap_verify(&r->vm), "full");
    for (slot = 1; slot < PAGES; slot++)
        if (swap_valid(&r->vm, slot))
            swap_unref(&r->vm, slot);
    page_free(r, f);
    rig_done(kt, r);
}

/* Areas of one priority get a cluster each in turn, also if one of them came later. */
TEST(swap, equal_areas_take_turns)
{
    struct rig *r = rig_new(kt, 128, 600, 600);
    struct frame *f;
    slot_t slot, last = 0;

    if (!r)
        return;
    EXPECT(swap_on_at(&r->vm, &r->disk[0].dev, 1) == 0, "on");
    REQUIRE((f = frame_alloc(r->pool, FRAME_ANON, 0)) != NULL, "memory");
    f->maps = 1;
    EXPECT(name_slots(&r->vm, f, 5 * SWAP_CLUSTER) == 5 * SWAP_CLUSTER, "slots");
    EXPECT(swap_on_at(&r->vm, &r->disk[1].dev, 1) == 0, "the second one");
    for (unsigned i = 0; i < 20 * SWAP_CLUSTER; i++) {
        REQUIRE(name_slot(&r->vm, f, &slot), "slot");
        if (i && i % SWAP_CLUSTER == 0)
            EXPECT((slot ^ last) >> SWAP_AREA_SHIFT == 1, "cluster %u: %x after %x", i / SWAP_CLUSTER, slot,
                   last);
        else if (i)
            EXPECT(slot == last + 1, "slot %x after %x", slot, last);
        last = slot;
    }
    EXPECT(r->vm.swap.area[1]->free == 599 - 10 * SWAP_CLUSTER, "%u free", r->vm.swap.area[1]->free);
    for (unsigned k = 0; k < 2; k++)
        for (slot = 1; slot < 600; slot++)
            if (swap_valid(&r->vm, k << SWAP_AREA_SHIFT | slot))
                swap_unref(&r->vm, k << SWAP_AREA_SHIFT | slot);
    page_free(r, f);
    rig_done(kt, r);
}

/* swap_init() and swap_on() with every allocation failing in turn. */
TEST(swap, on_fails_whole)
{
    struct rig *r = rig_new(kt, 128, 64, 0);
    uint32_t n = 1, before;
    int err;

    if (!r)
        return;
    before = frame_free_count(r->pool);
    do {
        frame_fail_after(r->pool, n);
        err = swap_on(&r->vm, &r->disk[0].dev);
        frame_fail_after(r->pool, 0);
        if (err) {
            EXPECT(err == -ENOMEM, "%d", err);
            EXPECT(frame_free_count(r->pool) == before, "allocation %u: frames lost", n);
            EXPECT(swap_verify(&r->vm), "allocation %u", n);
        }
        n++;
    } while (err && n < 50);
    EXPECT(!err && n > 3, "%d after %u tries", err, n);
    rig_done(kt, r);
}

/* --- clusters --- */

/* n pages with values 0.., assigned one after the other and unmapped. */
static bool evict(struct rig *r, struct frame **f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        f[i] = page_new(r, i);
        if (!f[i] || !swap_assign(&r->vm, f[i]))
            return false;
        page_unmap(r, f[i]);
    }
    return true;
}

TEST(swap, requests_are_as_large_as_the_disk_takes)
{
    static const uint32_t takes[][2] = {{0, 1}, {100, 1}, {99, 2}, {32, 4}, {1, 100}}; /* pages, requests */

    for (unsigned k = 0; k < ARRAY_LEN(takes); k++) {
        struct rig *r = rig_new(kt, 256, 128, 0);
        struct frame *f[100];
        slot_t slot[100];

        if (!r)
            return;
        r->disk[0].dev.max_segs = takes[k][0];
        REQUIRE(swap_on(&r->vm, &r->disk[0].dev) == 0 && evict(r, f, 100), "100 pages");
        for (unsigned i = 0; i < 100; i++)
            slot[i] = f[i]->slot;
        page_out(r, f, 100);
        EXPECT(r->vm.swap.writes == takes[k][1] && r->vm.swap.pages_out == 100,
               "%u requests to a disk that takes %u pages", (unsigned)r->vm.swap.writes, takes[k][0]);
        EXPECT(swap_verify(&r->vm), "sound");
        for (unsigned i = 0; i < 100; i++)
            swap_unref(&r->vm, slot[i]);
        rig_done(kt, r);
    }
}

TEST(swap, neighbours_share_requests)
{
    struct rig *r = rig_new(kt, 256, 128, 0);
    struct swap *sw = &r->vm.swap;
    struct frame *f[40], *g;
    slot_t slot[40];

    if (!r)
        return;
    REQUIRE(swap_on(&r->vm, &r->disk[0].dev) == 0, "on");
    REQUIRE(evict(r, f, 40), "40 pages");
    r->disk[0].dev.max_segs = SWAP_CLUSTER; /* what a small disk takes */
    for (unsigned i = 0; i < 40; i++) {
        slot[i] = f[i]->slot;
        EXPECT(i == 0 || slot[i] == slot[i - 1] + 1, "slot %x after %x", slot[i], slot[i - 1]);
    }
    EXPECT(slot[0] % SWAP_CLUSTER == 0, "slot %x is no start of a cluster", slot[0]);
    /* Any order will do. */
    for (unsigned i = 0; i < 20; i++) {
        g = f[i];
        f[i] = f[39 - i];
        f[39 - i] = g;
    }
    page_out(r, f, 40);
    EXPECT(sw->writes == 3 && sw->pages_out == 40, "%u requests for %u pages", (unsigned)sw->writes,
           (unsigned)sw->pages_out);
    EXPECT(r->pool->used[FRAME_ANON] == 0, "%u frames stayed", r->pool->used[FRAME_ANON]);

    EXPECT(swap_in(&r->vm, slot[20], &g) == 0 && stamped(r, g, 20), "page 20");
    EXPECT(sw->reads == 1 && sw->pages_in == 16 && sw->readahead == 15, "%u requests, %u pages, %u ahead",
           (unsigned)sw->reads, (unsigned)sw->pages_in, (unsigned)sw->readahead);
    EXPECT(!swap_cached(&r->vm, slot[15]) && !swap_cached(&r->vm, slot[32]), "read beyond its cluster");
    unpin(r, g);
    EXPECT(swap_in(&r->vm, slot[31], &g) == 0 && stamped(r, g, 31), "page 31");
    EXPECT(sw->reads == 1 && sw->readahead_hits == 1, "%u requests, %u hits", (unsigned)sw->reads,
           (unsigned)sw->readahead_hits);
    unpin(r, g);
    /* A hole ends the run. */
    swap_unref(&r->vm, slot[3]);
    EXPECT(swap_in(&r->vm, slot[7], &g) == 0 && stamped(r, g, 7), "page 7");
    EXPECT(!swap_cached(&r->vm, slot[2]) && swap_cached(&r->vm, slot[4]), "the run is 4 to 15");
    unpin(r, g);
    /* One page a request. */
    sw->clustering = false;
    EXPECT(swap_in(&r->vm, slot[35], &g) == 0 && !swap_cached(&r->vm, slot[36]), "without clusters");
    unpin(r, g);
    EXPECT(swap_verify(&r->vm), "after reading");
    for (unsigned i = 0; i < 40; i++)
        if (i != 3)
            swap_unref(&r->vm, slot[i]);
    EXPECT(r->pool->used[FRAME_ANON] == 0, "%u frames stayed", r->pool->used[FRAME_ANON]);
    rig_done(kt, r);
}

TEST(swap, no_reading_ahead_when_memory_is_low)
{
    struct rig *r = rig_new(kt, 256, 64, 0);
    struct frame *f[16], *g, *hog = NULL;
    slot_t slot[16];

    if (!r)
        return;
    REQUIRE(swap_on(&r->vm, &r->disk[0].dev) == 0, "on");
    REQUIRE(evict(r, f, 16), "16 pages");
    for (unsigned i = 0; i < 16; i++)
        slot[i] = f[i]->slot;
    page_out(r, f, 16);
    while (frame_free_count(r->pool) > r->pool->marks.low && (g = page_new(r, 0)) != NULL) {
        g->owner = hog;
        hog = g;
    }
    EXPECT(swap_in(&r->vm, slot[8], &g) == 0, "page 8");
    EXPECT(r->vm.swap.pages_in == 1, "%u pages", (unsigned)r->vm.swap.pages_in);
    unpin(r, g);
    while ((g = hog) != NULL) {
        hog = g->owner;
        page_free(r, g);
    }
    for (unsigned i = 0; i < 16; i++)
        swap_unref(&r->vm, slot[i]);
    rig_done(kt, r);
}

/* --- errors --- */

TEST(swap, a_read_error_hits_one_page)
{
    struct rig *r = rig_new(kt, 256, 64, 0);
    struct frame *f[16], *g;
    slot_t slot[16];

    if (!r)
        return;
    REQUIRE(swap_on(&r->vm, &r->disk[0].dev) == 0, "on");
    REQUIRE(evict(r, f, 16), "16 pages");
    for (unsigned i = 0; i < 16; i++)
        slot[i] = f[i]->slot;
    page_out(r, f, 16);
    r->disk[0].bad_read[0] = slot[9] * SECTORS + 1;
    for (unsigned i = 0; i < 16; i++) {
        int err = swap_in(&r->vm, slot[i], &g);

        EXPECT(err == (i == 9 ? -EIO : 0), "page %u: %d", i, err);
        if (err)
            continue;
        EXPECT(stamped(r, g, i), "page %u", i);
        unpin(r, g);
    }
    EXPECT(swap_bad(&r->vm, slot[9]) && r->vm.swap.total == 62, "%u good slots", r->vm.swap.total);
    r->disk[0].bad_read[0] = 0;
    EXPECT(swap_in(&r->vm, slot[9], &g) == -EIO, "a retired slot stays so");
    for (unsigned i = 0; i < 16; i++)
        swap_unref(&r->vm, slot[i]);
    EXPECT(r->vm.swap.free == 62, "%u free", r->vm.swap.free);
    rig_done(kt, r);
}

TEST(swap, a_write_error_keeps_the_page)
{
    struct rig *r = rig_new(kt, 256, 64, 0);
    struct frame *f[16], *g;
    slot_t slot[16];

    if (!r)
        return;
    REQUIRE(swap_on(&r->vm, &r->disk[0].dev) == 0, "on");
    REQUIRE(evict(r, f, 16), "16 pages");
    for (unsigned i = 0; i < 16; i++)
        slot[i] = f[i]->slot;
    r->disk[0].bad_write[0] = slot[9] * SECTORS + 1;
    page_out(r, f, 16);
    EXPECT(r->pool->used[FRAME_ANON] == 1, "%u frames stayed", r->pool->used[FRAME_ANON]);
    EXPECT(r->vm.swap.writes == 17 && r->vm.swap.write_errors == 2 && r->vm.swap.pages_out == 15,
           "%u requests, %u failed, %u pages", (unsigned)r->vm.swap.writes, (unsigned)r->vm.swap.write_errors,
           (unsigned)r->vm.swap.pages_out);
    EXPECT(swap_in(&r->vm, slot[9], &g) == 0 && stamped(r, g, 9), "the page is still there");
    EXPECT(swap_bad(&r->vm, slot[9]) && (g->flags & FRAME_F_DIRTY), "flags %x", g->flags);
    unpin(r, g);
    /* It cannot be written again under that slot. */
    page_out(r, &g, 1);
    EXPECT(r->vm.swap.writes == 17 && swap_cached(&r->vm, slot[9]) == g, "a retired slot was written");
    /* Faulted back, it is free to get another. */
    g->maps++;
    swap_unref(&r->vm, slot[9]);
    EXPECT(g->slot == SLOT_NONE && (g->flags & FRAME_F_DIRTY), "slot %x, flags %x", g->slot, g->flags);
    REQUIRE(swap_assign(&r->vm, g) && g->slot != slot[9], "another slot");
    slot[9] = g->slot;
    page_unmap(r, g);
    page_out(r, &g, 1);
    EXPECT(swap_in(&r->vm, slot[9], &g) == 0 && stamped(r, g, 9), "written at last");
    unpin(r, g);
    for (unsigned i = 0; i < 16; i++)
        swap_unref(&r->vm, slot[i]);
    EXPECT(r->vm.swap.free == 62 && r->vm.swap.total == 62, "%u of %u free", r->vm.swap.free,
           r->vm.swap.total);
    rig_done(kt, r);
}

/* What happens to a page between the start of a write and its end. */
TEST(swap, names_come_and_go_during_a_write)
{
    struct rig *r = rig_new(kt, 128, 64, 0);
    struct frame *f[3], *g;
    slot_t slot[3];

    if (!r)
        return;
    REQUIRE(swap_on(&r->vm, &r->disk[0].dev) == 0, "on");
    REQUIRE(evict(r, f, 3), "3 pages");
    for (unsigned i = 0; i < 3; i++)
        slot[i] = f[i]->slot;
    r->disk[0].delayed = true;
    swap_write(&r->vm, f, 3);
    EXPECT(swap_verify(&r->vm), "in flight");
    EXPECT(swap_finish(&r->vm, false, true) == 0 && (f[0]->flags & FRAME_F_WRITEBACK), "not done yet");
    /* The first is faulted back, the second loses its last name. */
    EXPECT(swap_in(&r->vm, slot[0], &g) == 0 && g == f[0], "found in flight, without waiting");
    g->maps++;
    unpin(r, g);
    swap_unref(&r->vm, slot[0]);
    swap_unref(&r->vm, slot[1]);
    EXPECT(swap_verify(&r->vm), "in flight, names changed");
    EXPECT(r->pool->used[FRAME_ANON] == 3, "a frame went while the disk used it");
    while (testdisk_complete(&r->disk[0]))
        ;
    EXPECT(swap_finish(&r->vm, false, true) == 2, "the second and the third are free");
    EXPECT(f[0]->slot == slot[0] && !(f[0]->flags & (FRAME_F_DIRTY | FRAME_F_WRITEBACK)),
           "the first keeps its clean copy: slot %x, flags %x", f[0]->slot, f[0]->flags);
    EXPECT(swap_count(&r->vm, slot[0]) == 0 && !swap_valid(&r->vm, slot[1]) &&
               swap_count(&r->vm, slot[2]) == 1,
           "names");
    swap_uncache(&r->vm, f[0]);
    page_free(r, f[0]);
    swap_unref(&r->vm, slot[2]);
    rig_done(kt, r);
}

/* --- corruption --- */

#define EXPECT_BROKEN(id, word, value)                                                                       \
    do {                                                                                                     \
        __typeof__(word) saved_ = (word);                                                                    \
        (word) = (value);                                                                                    \
        kt_capture_end();                                                                                    \
        kt_capture_begin();                                                                                  \
        bool sound_ = swap_verify(&r->vm);                                                                   \
        (word) = saved_;                                                                                     \
        EXPECT(!sound_ && kt_captured("broken " id ":"), id " not reported for " #word);                     \
    } while (0)

TEST(swap, verify_sees_corruption)
{
    struct rig *r = rig_new(kt, 128, 64, 0);
    struct swap *sw = &r->vm.swap;
    struct swap_area *a;
    struct swap_slot *s;
    struct frame *f[2];

    if (!r)
        return;
    REQUIRE(swap_on(&r->vm, &r->disk[0].dev) == 0, "on");
    REQUIRE(evict(r, f, 2), "2 pages");
    a = sw->area[0];
    s = a->dir[0]->slots;
    EXPECT(swap_verify(&r->vm), "before any change");
    EXPECT_BROKEN("INV-SWAP-1", f[0]->slot, f[1]->slot);
    EXPECT_BROKEN("INV-SWAP-1", f[0]->slot, 99);
    EXPECT_BROKEN("INV-SWAP-1", f[0]->use, FRAME_KERNEL);
    EXPECT_BROKEN("INV-SWAP-1", s[f[0]->slot].frame, r->pool->end);
    EXPECT_BROKEN("INV-SWAP-1", s[f[0]->slot].frame, PFN_NONE);
    EXPECT_BROKEN("INV-SWAP-2", s[40].frame, frame_pfn(r->pool, f[0]));
    EXPECT_BROKEN("INV-SWAP-2", a->free, a->free + 1);
    EXPECT_BROKEN("INV-SWAP-2", a->empty, a->empty + 1);
    EXPECT_BROKEN("INV-SWAP-2", a->dir[0]->free, a->dir[0]->free - 1);
    EXPECT_BROKEN("INV-SWAP-2", a->dir[0]->cluster_free[2], 3);
    EXPECT_BROKEN("INV-SWAP-3", sw->total, sw->total + 1);
    EXPECT_BROKEN("INV-SWAP-3", sw->kept, sw->kept + 1);
    EXPECT_BROKEN("INV-SWAP-4", a->bad, 1);
    EXPECT_BROKEN("INV-SWAP-4", s[0].frame, frame_pfn(r->pool, f[0]));
    EXPECT_BROKEN("INV-SWAP-10", a->beyond, 1);
    EXPECT_BROKEN("INV-SWAP-10", a->mapped, 0);
    EXPECT_BROKEN("INV-SWAP-10", a->dir[0]->slots, NULL);
    EXPECT_BROKEN("INV-SWAP-5", sw->io_active, 1);
    EXPECT_BROKEN("INV-SWAP-5", sw->read_active, 1);
    EXPECT_BROKEN("INV-SWAP-6", f[0]->flags, f[0]->flags | FRAME_F_WRITEBACK);
    EXPECT_BROKEN("INV-SWAP-8", f[0]->flags, f[0]->flags | FRAME_F_WRITEBACK);
    EXPECT_BROKEN("INV-SWAP-9", f[0]->flags, f[0]->flags | FRAME_F_MARKED);
    EXPECT_BROKEN("INV-SWAP-6", f[0]->flags, f[0]->flags | FRAME_F_BUSY);
    EXPECT(swap_verify(&r->vm), "after all is back");
    swap_unref(&r->vm, f[0]->slot);
    swap_unref(&r->vm, f[1]->slot);
    rig_done(kt, r);
}
