/* Objects against an array of what each page must hold, through drops, eviction, errors and no memory. */
#include "mm/object.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "mm/reclaim.h"
#include "mm/vm.h"
#include "tests/kt.h"
#include "tests/testdisk.h"

#define PAGES      170u /* of each of two objects in the random test: more than fit, less than swap holds */
#define SWAP_PAGES 400u
#define IMAGE_SIZE (9 * PAGE_SIZE + 1234)

struct rig {
    struct frame_pool *pool;
    struct vm vm;
    struct testdisk disk;
    uint8_t *data;
    uint8_t *image;
};

static void rig_free(struct kt *kt, struct rig *r)
{
    if (!r)
        return;
    if (r->pool)
        kt_pool_done(kt, r->pool);
    kt_release(r->data);
    kt_release(r->image);
    kt_release(r);
}

/* A vm with a swap disk on. NULL: skipped. */
static struct rig *rig_new(struct kt *kt, uint32_t frames, uint32_t swap_pages)
{
    struct rig *r = kt_alloc(sizeof *r);

    if (!r) {
        kt_skip(kt, "no memory");
        return NULL;
    }
    memset(r, 0, sizeof *r);
    r->data = kt_alloc(swap_pages * PAGE_SIZE);
    r->image = kt_alloc(IMAGE_SIZE + 1);
    if (r->data && r->image)
        r->pool = kt_pool(kt, frames, frames / 3);
    if (!r->pool || vm_init(&r->vm, r->pool) != 0) {
        kt_skip(kt, "no memory");
        rig_free(kt, r);
        return NULL;
    }
    for (uint32_t i = 0; i <= IMAGE_SIZE; i++)
        r->image[i] = (uint8_t)(i * 31 + (i >> 12) + 1);
    testdisk_init(&r->disk, r->pool, r->data, swap_pages);
    testdisk_mkswap(&r->disk, NULL, 0);
    kt_capture_begin(); /* swap logs areas and errors */
    EXPECT(swap_on(&r->vm, &r->disk.dev) == 0, "swap on");
    return r;
}

static void rig_done(struct kt *kt, struct rig *r)
{
    kt_capture_end();
    EXPECT(vm_verify(&r->vm), "at the end");
    EXPECT(r->vm.swap.free == r->vm.swap.total, "%u of %u slots free at the end", r->vm.swap.free,
           r->vm.swap.total);
    EXPECT(cache_in_use(&r->vm.radix_cache) == 0 && cache_in_use(&r->vm.object_cache) == 0,
           "%u nodes, %u objects left", cache_in_use(&r->vm.radix_cache), cache_in_use(&r->vm.object_cache));
    vm_fini(&r->vm);
    rig_free(kt, r);
}

/* A page's value is in its first word, and inverted in its last; 0: all zeroes. False: its pager forbids to
 * write. */
static bool stamp(struct rig *r, struct frame *f, uint32_t value)
{
    uint32_t *p;

    if (f->use == FRAME_OBJECT && object_make_precious(f->owner, f))
        return false;
    p = window_open(r->pool, frame_pfn(r->pool, f));
    p[0] = value;
    p[PAGE_SIZE / 4 - 1] = ~value;
    f->flags |= FRAME_F_DIRTY;
    window_close(r->pool, p);
    return true;
}

static bool stamped(struct rig *r, struct frame *f, uint32_t value)
{
    const uint32_t *p = window_open(r->pool, frame_pfn(r->pool, f));
    bool good = p[0] == value && p[PAGE_SIZE / 4 - 1] == (value ? ~value : 0);

    window_close(r->pool, (void *)p);
    return good;
}

/* --- a pager that can fail --- */

struct flaky {
    uint32_t fail_in;       /* the Nth get from now fails; 0: none */
    uint32_t precious, max; /* precious pages, and how many may be; 0: any number */
    uint32_t gets, destroyed;
};

static int flaky_get(struct object *o, uint32_t index, struct frame *f)
{
    struct flaky *p = o->pager_data;
    uint32_t *page;

    mm_assert(f->flags & FRAME_F_BUSY && f->pins == 1, "flags %x, %u pins", f->flags, f->pins);
    p->gets++;
    page = window_open(o->vm->pool, frame_pfn(o->vm->pool, f));
    memset(page, 0xEE, PAGE_SIZE / 2); /* half done */
    if (p->fail_in && --p->fail_in == 0) {
        window_close(o->vm->pool, page);
        return -EIO;
    }
    page[0] = index + 1;
    page[PAGE_SIZE / 4 - 1] = ~(index + 1);
    window_close(o->vm->pool, page);
    return 0;
}

static bool flaky_has(struct object *o, uint32_t index)
{
    (void)o;
    return index % 4 != 3; /* the others exist only in memory once they were made */
}

static int flaky_take(struct object *o, uint32_t index)
{
    struct flaky *p = o->pager_data;

    (void)index;
    if (p->max && p->precious >= p->max)
        return -ENOSPC;
    p->precious++;
    return 0;
}

static void flaky_drop(struct object *o, uint32_t index)
{
    (void)index;
    ((struct flaky *)o->pager_data)->precious--;
}

static void flaky_destroy(struct object *o)
{
    ((struct flaky *)o->pager_data)->destroyed++;
}

static const struct pager pager_flaky = {.name = "flaky",
                                         .get = flaky_get,
                                         .has = flaky_has,
                                         .take = flaky_take,
                                         .drop = flaky_drop,
                                         .destroy = flaky_destroy};

/* --- the model --- */

struct model {
    struct rig *r;
    struct object *o[2];
    uint32_t value[2][PAGES];
    bool lost[2][PAGES]; /* its slot could not be read */
    struct flaky flaky;
    struct frame *held[8]; /* pinned for a while */
    uint32_t errors, evicted, failed_gets, refused, discarded;
};

static void op_get(struct kt *kt, struct model *m, uint32_t k, uint32_t index, bool write, uint32_t round)
{
    struct object *o = m->o[k];
    uintptr_t before = radix_get(&o->index, index);
    struct frame *f;
    int err = object_page(o, index, &f);

    if (err == -EIO && !before) {
        m->failed_gets++;
        EXPECT(k == 1, "the zero pager failed");
        EXPECT(radix_get(&o->index, index) == 0, "page %u: a failed page stayed", index);
        return;
    }
    if (err == -ENOSPC) {
        m->refused++;
        EXPECT(!before && k == 1 && index % 4 == 3 && radix_get(&o->index, index) == 0, "page %u", index);
        return;
    }
    if (err == -EIO) {
        m->errors++;
        m->lost[k][index] = true;
        EXPECT(OBJECT_IS_SLOT(before) && swap_bad(&m->r->vm, OBJECT_ENTRY_VALUE(before)),
               "page %u failed without reason", index);
        return;
    }
    REQUIRE(!err, "page %u: %d", index, err);
    EXPECT(!m->lost[k][index], "page %u came back from a bad slot", index);
    EXPECT(stamped(m->r, f, m->value[k][index]), "page %u of %s is not %u", index, o->name,
           m->value[k][index]);
    EXPECT(object_resident(o, index) == f && f->owner == o && f->index == index && f->pins > 0, "page %u",
           index);
    if (write && !(f->flags & FRAME_F_WRITEBACK)) {
        if (stamp(m->r, f, round))
            m->value[k][index] = round;
        else
            m->refused++;
    }
    if (kt_below(kt, 16) == 0) {
        struct frame **hold = &m->held[kt_below(kt, ARRAY_LEN(m->held))];

        if (*hold)
            frame_unpin(*hold);
        *hold = f;
    } else {
        frame_unpin(f);
    }
}

static void op_evict(struct kt *kt, struct model *m, uint32_t k, uint32_t index)
{
    struct frame *f = object_resident(m->o[k], index);
    int err;

    if (!f)
        return;
    if (object_can_drop(f) && kt_below(kt, 2)) {
        EXPECT(!f->pins && !(f->flags & FRAME_F_DIRTY), "page %u may be dropped: flags %x", index, f->flags);
        object_drop_page(m->o[k], f);
        m->evicted++;
        return;
    }
    err = reclaim_evict(&m->r->vm, f);
    EXPECT(!err || err == -EBUSY || err == -ENOSPC, "%d", err);
    m->evicted += !err;
}

/* Give up a page that nobody holds: it begins anew. */
static void op_discard(struct model *m, uint32_t k, uint32_t index)
{
    const struct frame *f = object_resident(m->o[k], index);

    if ((f && f->pins) || object_punch(m->o[k], index, index + 1))
        return;
    m->value[k][index] = k ? index + 1 : 0;
    m->lost[k][index] = false;
    m->discarded++;
}

static void op_faults(struct kt *kt, struct model *m)
{
    struct testdisk *d = &m->r->disk;
    struct swap_area *a = m->r->vm.swap.area[0];

    m->flaky.fail_in = kt_below(kt, 3) ? 0 : 1 + kt_below(kt, 8);
    for (unsigned i = 0; i < TESTDISK_FAULTS; i++) {
        bool more = a->bad < 40 && kt_below(kt, 16) == 0;

        d->bad_read[i] = more ? (1 + kt_below(kt, a->pages - 1)) * (PAGE_SIZE / BLOCK_SECTOR) : 0;
        d->bad_write[i] =
            more && kt_below(kt, 2) ? (1 + kt_below(kt, a->pages - 1)) * (PAGE_SIZE / BLOCK_SECTOR) : 0;
    }
}

static bool model_begin(struct model *m, struct rig *r)
{
    memset(m, 0, sizeof *m);
    m->r = r;
    m->o[0] = object_create(&r->vm, &pager_zero, PAGES, "zero");
    m->o[1] = object_create(&r->vm, &pager_flaky, PAGES, "flaky");
    if (!m->o[0] || !m->o[1])
        return false;
    m->o[1]->pager_data = &m->flaky;
    m->flaky.max = PAGES / 3;
    object_charge_each(m->o[1]);
    for (uint32_t i = 0; i < PAGES; i++)
        m->value[1][i] = i + 1;
    return true;
}

TEST(object, random_against_array)
{
    uint32_t rounds = kt_rounds(kt, 1000000);
    struct rig *r = rig_new(kt, 200, SWAP_PAGES);
    struct model *m = r ? kt_alloc(sizeof *m) : NULL;

    if (!m) {
        kt_skip(kt, "no memory");
        if (r)
            rig_done(kt, r);
        return;
    }
    REQUIRE(model_begin(m, r), "two objects");
    for (uint32_t i = 0; i < rounds && kt->failures == 0; i++) {
        uint32_t k = kt_below(kt, 2), index = kt_below(kt, kt_below(kt, 2) ? 40 : PAGES);

        if (i % 256 == 0)
            op_faults(kt, m);
        if (kt_below(kt, 8) == 0)
            op_evict(kt, m, k, index);
        else if (kt_below(kt, 32) == 0)
            op_discard(m, k, index);
        else
            op_get(kt, m, k, index, kt_below(kt, 8) == 0, i + 1000);
        if (i % 2048 == 0)
            EXPECT(vm_verify(&r->vm), "after operation %u", i);
    }
    EXPECT(m->flaky.precious == m->o[1]->charged && r->vm.committed == m->flaky.precious,
           "%u precious pages, %u charged, %u committed", m->flaky.precious, m->o[1]->charged,
           (unsigned)r->vm.committed);
    EXPECT(rounds < 10000 || (m->refused && m->discarded), "%u refused, %u discarded", m->refused,
           m->discarded);
    if (kt->hosted)
        kt_note(kt, "%u evicted, %u fills failed, %u pages lost, %u retired slots, %u in, %u out", m->evicted,
                m->failed_gets, m->errors, r->vm.swap.area[0]->bad, (unsigned)r->vm.swap.pages_in,
                (unsigned)r->vm.swap.pages_out);
    EXPECT(rounds < 10000 || (m->evicted && m->failed_gets && m->errors), "%u evicted, %u failed, %u lost",
           m->evicted, m->failed_gets, m->errors);
    for (unsigned i = 0; i < ARRAY_LEN(m->held); i++)
        if (m->held[i])
            frame_unpin(m->held[i]);
    object_put(m->o[0]);
    object_put(m->o[1]);
    EXPECT(m->flaky.destroyed == 1 && m->flaky.precious == 0,
           "the pager was told %u times, and has %u precious pages", m->flaky.destroyed, m->flaky.precious);
    kt_release(m);
    rig_done(kt, r);
}

/* --- single mechanisms --- */

TEST(object, image_pages)
{
    struct rig *r = rig_new(kt, 128, 64);
    struct frame *f;

    if (!r)
        return;
    /* Aligned and not; the last page ends in zeroes. */
    for (uint32_t shift = 0; shift < 2; shift++) {
        struct object *o = object_create_image(&r->vm, r->image + shift, IMAGE_SIZE, "image");

        REQUIRE(o && o->pages == 10, "object");
        for (uint32_t i = 0; i < 10; i++) {
            const uint8_t *p;
            uint32_t have = i < 9 ? (uint32_t)PAGE_SIZE : 1234, wrong = 0;

            REQUIRE(object_page(o, i, &f) == 0, "page %u", i);
            p = window_open(r->pool, frame_pfn(r->pool, f));
            for (uint32_t k = 0; k < PAGE_SIZE; k++)
                wrong += p[k] != (k < have ? r->image[shift + i * PAGE_SIZE + k] : 0);
            window_close(r->pool, (void *)p);
            EXPECT(wrong == 0, "page %u: %u bytes are wrong", i, wrong);
            frame_unpin(f);
        }
        EXPECT(object_page(o, 10, &f) == -ERANGE, "beyond the end");
        EXPECT(object_page(o, UINT32_MAX, &f) == -ERANGE, "far beyond the end");
        EXPECT(o->resident == 10 && o->swapped == 0, "%u resident", o->resident);
        object_put(o);
    }
    rig_done(kt, r);
}

/* A clean page keeps its slot through eviction and return, so the second eviction writes nothing. */
TEST(object, a_clean_page_is_written_once)
{
    struct rig *r = rig_new(kt, 128, 64);
    struct object *o;
    struct frame *f;
    slot_t slot;

    if (!r)
        return;
    o = object_create(&r->vm, &pager_zero, 8, "zero");
    REQUIRE(o && object_page(o, 3, &f) == 0, "page 3");
    EXPECT(f->pins == 1 && f->flags & FRAME_F_LISTED && !(f->flags & FRAME_F_BUSY), "flags %x", f->flags);
    frame_unpin(f);
    EXPECT(object_can_drop(f), "a page of zeroes can be made again");
    object_drop_page(o, f);
    EXPECT(!object_resident(o, 3) && o->resident == 0 && o->index.count == 0, "dropped");

    REQUIRE(object_page(o, 3, &f) == 0, "page 3 again");
    stamp(r, f, 77);
    EXPECT(!object_can_drop(f), "pinned");
    frame_unpin(f);
    EXPECT(!object_can_drop(f), "dirty");
    REQUIRE(reclaim_evict(&r->vm, f) == 0, "evicted");
    EXPECT(o->resident == 0 && o->swapped == 1 && r->vm.swap.pages_out == 1, "in its slot");
    slot = OBJECT_ENTRY_VALUE(radix_get(&o->index, 3));
    EXPECT(swap_count(&r->vm, slot) == 1 && !swap_cached(&r->vm, slot), "one name, no frame");

    REQUIRE(object_page(o, 3, &f) == 0 && stamped(r, f, 77), "back");
    EXPECT(f->slot == slot && swap_count(&r->vm, slot) == 0 && o->swapped == 0, "kept its slot");
    EXPECT(vm_verify(&r->vm), "resident with a slot");
    frame_unpin(f);
    EXPECT(object_can_drop(f), "clean, and the slot has it");
    object_drop_page(o, f);
    EXPECT(o->swapped == 1 && swap_count(&r->vm, slot) == 1 && r->vm.swap.pages_out == 1,
           "named again without a write");
    REQUIRE(object_page(o, 3, &f) == 0 && stamped(r, f, 77), "back again");
    frame_unpin(f);
    object_put(o);
    rig_done(kt, r);
}

/* Pages become the object's own, and count, when they are written to or cannot be had again; they stay
 * so in a slot, until they are discarded. */
TEST(object, own_pages_are_charged_one_at_a_time)
{
    struct rig *r = rig_new(kt, 128, 64);
    struct flaky flaky = {.max = 3};
    struct object *o;
    struct frame *f;

    if (!r)
        return;
    o = object_create(&r->vm, &pager_flaky, 16, "flaky");
    REQUIRE(o, "object");
    o->pager_data = &flaky;
    object_charge_each(o);
    REQUIRE(object_page(o, 1, &f) == 0, "page 1");
    EXPECT(flaky.precious == 0 && r->vm.committed == 0, "page 1 can be had again");
    REQUIRE(stamp(r, f, 77) && stamp(r, f, 78), "it is written to");
    EXPECT(flaky.precious == 1 && r->vm.committed == 1 && o->charged == 1, "once it is counted");
    frame_unpin(f);
    REQUIRE(object_page(o, 3, &f) == 0, "page 3");
    frame_unpin(f);
    EXPECT(flaky.precious == 2 && r->vm.committed == 2, "page 3 is nowhere else");
    EXPECT(vm_verify(&r->vm), "two precious pages");

    REQUIRE(reclaim_evict(&r->vm, object_resident(o, 1)) == 0 && o->swapped == 1, "evicted");
    EXPECT(flaky.precious == 2 && r->vm.committed == 2 && vm_verify(&r->vm), "it counts in its slot");
    REQUIRE(object_page(o, 1, &f) == 0 && stamped(r, f, 78), "back");
    REQUIRE(stamp(r, f, 79), "written to again");
    EXPECT(flaky.precious == 2 && r->vm.committed == 2, "no more than before");
    frame_unpin(f);

    /* The pager's limit, and that of strict overcommit. */
    REQUIRE(object_page(o, 7, &f) == 0, "page 7");
    frame_unpin(f);
    EXPECT(object_page(o, 11, &f) == -ENOSPC && !radix_get(&o->index, 11), "a fourth one");
    REQUIRE(object_page(o, 2, &f) == 0, "page 2 can be had again");
    EXPECT(!stamp(r, f, 5) && flaky.precious == 3 && r->vm.committed == 3, "but not be written to");
    frame_unpin(f);
    flaky.max = 0;
    r->vm.overcommit = COMMIT_STRICT;
    r->vm.overcommit_ratio = 0;
    r->vm.committed += commit_limit(&r->vm) - 3;
    EXPECT(!stamp(r, f, 5) && flaky.precious == 3, "too much is promised");
    r->vm.committed -= commit_limit(&r->vm) - 3;
    EXPECT(stamp(r, f, 5) && flaky.precious == 4 && r->vm.committed == 4, "now it may be");

    object_discard(o, 2, 4);
    EXPECT(flaky.precious == 2 && r->vm.committed == 2 && o->charged == 2, "%u precious pages",
           flaky.precious);
    flaky.fail_in = 1;
    EXPECT(object_page(o, 15, &f) == -EIO && flaky.precious == 2 && r->vm.committed == 2, "a failed fill");
    o->charged++;
    r->vm.committed++;
    kt_capture_begin();
    EXPECT(!vm_verify(&r->vm) && kt_captured("broken INV-OBJECT-7"), "a wrong count is seen");
    kt_capture_end();
    o->charged--;
    r->vm.committed--;
    object_put(o);
    EXPECT(flaky.precious == 0 && r->vm.committed == 0, "all is given back");
    rig_done(kt, r);
}

/* When swap is full a resident page loses the slot that it kept: then nothing but the frame has it. */
TEST(object, a_page_that_lost_its_slot_is_dirty)
{
    struct rig *r = rig_new(kt, 128, 4);
    struct frame *f, *g[3];
    struct object *o;

    if (!r)
        return;
    o = object_create(&r->vm, &pager_zero, 8, "zero");
    REQUIRE(o && object_page(o, 0, &f) == 0, "page 0");
    stamp(r, f, 11);
    frame_unpin(f);
    REQUIRE(reclaim_evict(&r->vm, f) == 0 && object_page(o, 0, &f) == 0, "out and in");
    frame_unpin(f);
    EXPECT(f->slot != SLOT_NONE && object_can_drop(f), "clean, with a slot");
    for (uint32_t i = 0; i < 3; i++) {
        REQUIRE(object_page(o, 1 + i, &g[i]) == 0, "page %u", 1 + i);
        REQUIRE(swap_assign(&r->vm, g[i]), "slot for page %u", 1 + i);
        frame_unpin(g[i]);
    }
    EXPECT(r->vm.swap.stolen == 1 && f->slot == SLOT_NONE, "the third of three slots was page 0's");
    EXPECT(!object_can_drop(f), "page 0 is only in memory");
    EXPECT(vm_verify(&r->vm), "after the theft");
    object_put(o);
    rig_done(kt, r);
}

TEST(object, a_failed_fill_leaves_nothing)
{
    struct rig *r = rig_new(kt, 128, 64);
    struct flaky flaky = {.fail_in = 2};
    struct object *o;
    struct frame *f;
    uint32_t before;

    if (!r)
        return;
    o = object_create(&r->vm, &pager_flaky, 8, "flaky");
    REQUIRE(o, "object");
    o->pager_data = &flaky;
    REQUIRE(object_page(o, 1, &f) == 0, "page 1");
    frame_unpin(f);
    before = frame_free_count(r->pool);
    EXPECT(object_page(o, 5, &f) == -EIO, "page 5 fails");
    EXPECT(frame_free_count(r->pool) == before && o->resident == 1 && o->index.count == 1, "nothing stays");
    EXPECT(object_verify(o), "after the failure");
    EXPECT(object_page(o, 5, &f) == 0 && stamped(r, f, 6), "it works the next time");
    frame_unpin(f);
    EXPECT(flaky.gets == 3, "%u gets", flaky.gets);
    object_get(o);
    object_put(o);
    EXPECT(!flaky.destroyed, "one reference is left");
    object_put(o);
    EXPECT(flaky.destroyed == 1, "none is left");
    rig_done(kt, r);
}

/* Every allocation on the way to a page may fail: a fresh page far out, and a page in a slot. */
TEST(object, fails_whole)
{
    struct rig *r = rig_new(kt, 128, 64);
    uint32_t before, n;
    struct object *o;
    struct frame *f;
    int err;

    if (!r)
        return;
    for (n = 1; n < 50; n++) {
        cache_reap(&r->vm.object_cache);
        frame_fail_after(r->pool, n);
        o = object_create(&r->vm, &pager_zero, UINT32_MAX, "zero");
        frame_fail_after(r->pool, 0);
        if (o)
            break;
    }
    REQUIRE(o && n > 1, "object after %u tries", n);
    for (n = 1; n < 50; n++) {
        cache_reap(&r->vm.radix_cache);
        frame_fail_after(r->pool, n);
        err = object_page(o, 3000000000u, &f);
        frame_fail_after(r->pool, 0);
        if (!err)
            break;
        EXPECT(err == -ENOMEM && o->resident == 0 && o->index.count == 0, "%d, %u resident", err,
               o->resident);
        EXPECT(r->pool->used[FRAME_OBJECT] == 0 && cache_in_use(&r->vm.radix_cache) == 0,
               "try %u: %u frames, %u nodes", n, r->pool->used[FRAME_OBJECT],
               cache_in_use(&r->vm.radix_cache));
        EXPECT(vm_verify(&r->vm), "try %u", n);
    }
    REQUIRE(!err && n > 2, "a fresh page: %d after %u tries", err, n);
    stamp(r, f, 99);
    frame_unpin(f);
    REQUIRE(reclaim_evict(&r->vm, f) == 0, "evicted");
    for (n = 1; n < 50; n++) {
        before = frame_free_count(r->pool);
        frame_fail_after(r->pool, n);
        err = object_page(o, 3000000000u, &f);
        frame_fail_after(r->pool, 0);
        if (!err)
            break;
        EXPECT(err == -ENOMEM && o->swapped == 1 && frame_free_count(r->pool) == before, "%d, %u swapped",
               err, o->swapped);
    }
    REQUIRE(!err && n > 1 && stamped(r, f, 99), "a page in a slot: %d after %u tries", err, n);
    frame_unpin(f);
    object_put(o);
    rig_done(kt, r);
}

/* A page that the kernel asked for again is used, though no entry says so. */
TEST(object, a_page_asked_for_again_is_spared)
{
    enum { COUNT = SWAP_CLUSTER + 4 };
    struct rig *r = rig_new(kt, 128, 64);
    struct object *o;
    struct frame *f;

    if (!r)
        return;
    o = object_create(&r->vm, &pager_zero, COUNT, "zero");
    REQUIRE(o, "object");
    for (uint32_t i = 0; i < COUNT; i++) {
        REQUIRE(object_page(o, i, &f) == 0, "page %u", i);
        frame_unpin(f);
    }
    REQUIRE(object_page(o, 0, &f) == 0, "again");
    frame_unpin(f);
    EXPECT(reclaim_run(&r->vm, 1) >= 1, "nothing was freed");
    EXPECT(object_resident(o, 0) && !object_resident(o, 1), "the oldest is spared, the next goes");
    object_put(o);
    rig_done(kt, r);
}

/* Both kinds of page at death, and a write that is still on its way. */
TEST(object, dies_with_pages_everywhere)
{
    struct rig *r = rig_new(kt, 128, 64);
    struct object *o;
    struct frame *f[12];

    if (!r)
        return;
    o = object_create(&r->vm, &pager_zero, 12, "zero");
    REQUIRE(o, "object");
    for (uint32_t i = 0; i < 12; i++) {
        REQUIRE(object_page(o, i, &f[i]) == 0, "page %u", i);
        stamp(r, f[i], i + 1);
        frame_unpin(f[i]);
    }
    for (uint32_t i = 0; i < 4; i++)
        REQUIRE(reclaim_evict(&r->vm, f[i]) == 0, "page %u", i);
    r->disk.delayed = true;
    for (uint32_t i = 4; i < 8; i++) {
        REQUIRE(swap_assign(&r->vm, f[i]), "page %u", i);
        object_page_to_slot(o, f[i]);
    }
    swap_write(&r->vm, &f[4], 4);
    EXPECT(vm_verify(&r->vm), "4 in slots, 4 on their way, 4 resident");
    object_put(o);
    EXPECT(r->pool->used[FRAME_ANON] == 4 && r->pool->used[FRAME_OBJECT] == 0,
           "%u frames for the disk, %u of the object", r->pool->used[FRAME_ANON],
           r->pool->used[FRAME_OBJECT]);
    while (testdisk_complete(&r->disk))
        ;
    swap_finish(&r->vm, false, false);
    EXPECT(r->pool->used[FRAME_ANON] == 0, "%u frames stayed", r->pool->used[FRAME_ANON]);
    rig_done(kt, r);
}

TEST(object, region_list)
{
    struct rig *r = rig_new(kt, 64, 16);
    struct region a = {0}, b = {0}, c = {0};
    struct object *o;

    if (!r)
        return;
    o = object_create(&r->vm, &pager_zero, 4, "zero");
    REQUIRE(o, "object");
    object_get(o);
    object_get(o);
    a.object = b.object = c.object = o;
    object_attach(o, &a);
    object_attach(o, &b);
    object_attach(o, &c);
    EXPECT(object_verify(o), "three regions");
    object_detach(o, &b);
    EXPECT(o->regions == &c && c.object_next == &a && a.object_prev == &c && !b.object_next, "without b");
    object_detach(o, &c);
    EXPECT(o->regions == &a && !a.object_prev && object_verify(o), "a only");
    object_detach(o, &a);
    EXPECT(!o->regions, "none");
    object_put(o);
    object_put(o);
    object_put(o);
    rig_done(kt, r);
}

#define EXPECT_BROKEN(id, word, value)                                                                       \
    do {                                                                                                     \
        __typeof__(word) saved_ = (word);                                                                    \
        (word) = (value);                                                                                    \
        kt_capture_end();                                                                                    \
        kt_capture_begin();                                                                                  \
        bool sound_ = object_verify(o);                                                                      \
        (word) = saved_;                                                                                     \
        EXPECT(!sound_ && kt_captured("broken " id ":"), id " not reported for " #word);                     \
    } while (0)

TEST(object, verify_sees_corruption)
{
    struct rig *r = rig_new(kt, 128, 64);
    struct region region = {0};
    struct object *o;
    struct frame *f, *g;

    if (!r)
        return;
    o = object_create(&r->vm, &pager_zero, 100, "zero");
    REQUIRE(o && object_page(o, 1, &f) == 0 && object_page(o, 70, &g) == 0, "two pages");
    stamp(r, g, 5);
    frame_unpin(f);
    frame_unpin(g);
    REQUIRE(reclaim_evict(&r->vm, g) == 0, "page 70 to its slot");
    region.object = o;
    region.flags |= REGION_WRITER;
    object_attach(o, &region);

    struct swap_slot *s = &r->vm.swap.area[0]->dir[0]->slots[OBJECT_ENTRY_VALUE(radix_get(&o->index, 70))];

    EXPECT(object_verify(o), "before any change");
    EXPECT_BROKEN("INV-OBJECT-1", o->resident, 2);
    EXPECT_BROKEN("INV-OBJECT-1", o->swapped, 0);
    EXPECT_BROKEN("INV-OBJECT-2", f->use, FRAME_ANON);
    EXPECT_BROKEN("INV-OBJECT-2", f->owner, NULL);
    EXPECT_BROKEN("INV-OBJECT-2", f->index, 2);
    EXPECT_BROKEN("INV-OBJECT-3", f->flags, f->flags & ~FRAME_F_LISTED);
    EXPECT_BROKEN("INV-OBJECT-3", f->flags, f->flags | FRAME_F_BUSY);
    EXPECT_BROKEN("INV-OBJECT-4", *s, (struct swap_slot){0});
    EXPECT_BROKEN("INV-OBJECT-5", o->pages, 70);
    EXPECT_BROKEN("INV-OBJECT-6", region.object, NULL);
    EXPECT_BROKEN("INV-OBJECT-6", region.object_prev, &region);
    EXPECT_BROKEN("INV-OBJECT-6", o->refs, 0);
    EXPECT_BROKEN("INV-OBJECT-8", o->writers, 0);
    EXPECT_BROKEN("INV-RADIX-3", o->index.count, 3);
    EXPECT(object_verify(o), "after all is back");
    object_detach(o, &region);
    object_put(o);
    rig_done(kt, r);
}
