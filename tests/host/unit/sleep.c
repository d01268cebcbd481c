/* What one task finds changed after it slept: another runs inside its sleep, at a chosen place. Host only. */
#include "mm/object.h"
#include "tests/host/host.h"
#include "tests/vt.h"

struct stage {
    struct vt vt;
    struct object *o;
    slot_t slot[8];
    struct frame *hog; /* a chain of frames through owner */
    bool played;
    int err;
};

static void hog_all(struct stage *s)
{
    struct frame *f;

    while ((f = frame_alloc(s->vt.pool, FRAME_KERNEL, FRAME_RESERVE)) != NULL) {
        f->owner = s->hog;
        s->hog = f;
    }
}

static void hog_free(struct stage *s)
{
    struct frame *f;

    while ((f = s->hog) != NULL) {
        s->hog = f->owner;
        frame_free(s->vt.pool, f);
    }
}

/* Write to a page, as its object wants it announced. */
static bool soil(struct object *o, struct frame *f)
{
    if (object_make_precious(o, f))
        return false;
    f->flags |= FRAME_F_DIRTY;
    return true;
}

/* An object with n dirty pages, which are then in slots or, if not out, resident. */
static bool stage_begin(struct stage *s, struct kt *kt, unsigned n, bool out)
{
    struct frame *f[8];

    memset(s, 0, sizeof *s);
    if (!vt_begin(&s->vt, kt, 128, 0, 64))
        return false;
    s->o = object_create(&s->vt.vm, &pager_zero, 100, "stage");
    for (unsigned i = 0; i < n; i++) {
        if (!s->o || object_page(s->o, i, &f[i]) != 0 || !soil(s->o, f[i]))
            return false;
        frame_unpin(f[i]);
        if (!out)
            continue;
        swap_assign(&s->vt.vm, f[i]);
        s->slot[i] = f[i]->slot;
        object_page_to_slot(s->o, f[i]);
    }
    if (out)
        swap_write(&s->vt.vm, f, n);
    swap_finish(&s->vt.vm, false, true);
    s->vt.disk.delayed = true;
    host_idle_arg = s;
    return true;
}

static void stage_end(struct stage *s)
{
    s->vt.disk.delayed = false;
    object_put(s->o);
    vt_end(&s->vt);
}

/* The slots of all pages but the wanted one lose their names while they are read. */
static bool drop_names(void *arg)
{
    struct stage *s = arg;

    for (unsigned i = 0; !s->played && i < 8; i++) {
        if (i == 3)
            continue;
        radix_clear(&s->o->index, i);
        s->o->swapped--;
        swap_unref(&s->vt.vm, s->slot[i]);
    }
    s->played = true;
    return testdisk_complete(&s->vt.disk);
}

TEST(sleep, pages_read_ahead_lose_their_names)
{
    struct stage s;
    struct frame *f;

    REQUIRE(stage_begin(&s, kt, 8, true), "set-up");
    host_idle = drop_names;
    EXPECT(object_page(s.o, 3, &f) == 0, "the wanted page");
    EXPECT(s.played && s.vt.vm.swap.pages_in == 8, "%u pages", (unsigned)s.vt.vm.swap.pages_in);
    EXPECT(s.vt.pool->used[FRAME_ANON] == 0 && pageable_count(&s.vt.vm.pageable) == 1,
           "%u frames that nothing names", s.vt.pool->used[FRAME_ANON]);
    EXPECT(vm_verify(&s.vt.vm), "afterwards");
    frame_unpin(f);
    stage_end(&s);
}

/* The same, and the request fails: so does the read of the wanted page alone. */
TEST(sleep, a_failed_run_loses_its_names)
{
    struct stage s;
    struct frame *f;

    REQUIRE(stage_begin(&s, kt, 8, true), "set-up");
    host_idle = drop_names;
    s.vt.disk.bad_read[0] = s.slot[3] * (PAGE_SIZE / BLOCK_SECTOR);
    EXPECT(object_page(s.o, 3, &f) < 0, "the wanted page");
    EXPECT(s.vt.pool->used[FRAME_ANON] == 0 && s.vt.vm.swap.free == s.vt.vm.swap.total &&
               swap_bad(&s.vt.vm, s.slot[3]),
           "%u frames, %u of %u slots free", s.vt.pool->used[FRAME_ANON], s.vt.vm.swap.free,
           s.vt.vm.swap.total);
    EXPECT(vm_verify(&s.vt.vm), "afterwards");
    stage_end(&s);
}

/* While one task waits for a frame (reclaim writes a dirty page meanwhile), another makes the same page. */
static bool make_the_page(void *arg)
{
    struct stage *s = arg;
    struct frame *f;

    if (!s->played) {
        s->played = true;
        hog_free(s);
        s->err = object_page(s->o, 50, &f);
        if (!s->err) {
            uint32_t *p = frame_ptr(s->vt.pool, frame_pfn(s->vt.pool, f));

            if (!soil(s->o, f))
                s->err = -ENOSPC;
            *p = 4711;
            frame_unpin(f);
        }
        return true;
    }
    return testdisk_complete(&s->vt.disk);
}

TEST(sleep, another_makes_the_page)
{
    struct stage s;
    struct frame *f;

    REQUIRE(stage_begin(&s, kt, 8, false), "set-up");
    hog_all(&s);
    host_idle = make_the_page;
    EXPECT(object_page(s.o, 50, &f) == 0 && s.played && !s.err, "played %d, %d", s.played, s.err);
    EXPECT(*(uint32_t *)frame_ptr(s.vt.pool, frame_pfn(s.vt.pool, f)) == 4711, "the page of the other");
    frame_unpin(f);
    EXPECT(vm_verify(&s.vt.vm), "afterwards");
    stage_end(&s);
}

/* While one task waits for a frame to read into, another reads the same slot. */
static bool read_the_slot(void *arg)
{
    struct stage *s = arg;
    struct frame *f;

    if (!s->played) {
        s->played = true;
        hog_free(s);
        s->err = object_page(s->o, 3, &f);
        if (!s->err)
            frame_unpin(f);
        return true;
    }
    return testdisk_complete(&s->vt.disk);
}

TEST(sleep, another_reads_the_slot)
{
    struct frame *victim, *f;
    struct stage s;

    REQUIRE(stage_begin(&s, kt, 8, true), "set-up");
    REQUIRE(object_page(s.o, 60, &victim) == 0 && soil(s.o, victim), "a page for reclaim to write");
    frame_unpin(victim);
    hog_all(&s);
    host_idle = read_the_slot;
    EXPECT(object_page(s.o, 3, &f) == 0 && s.played && !s.err, "played %d, %d", s.played, s.err);
    EXPECT(object_resident(s.o, 3) == f, "one frame for the page");
    frame_unpin(f);
    EXPECT(vm_verify(&s.vt.vm), "afterwards");
    stage_end(&s);
}

/* A write is in flight when the object dies, and its page is resident: object_put() waits for the disk. */
static bool complete(void *arg)
{
    struct stage *s = arg;

    s->played = true;
    return testdisk_complete(&s->vt.disk);
}

TEST(sleep, an_object_dies_during_writeback)
{
    struct stage s;
    struct frame *f;

    REQUIRE(stage_begin(&s, kt, 2, false), "set-up");
    f = object_resident(s.o, 1);
    REQUIRE(swap_assign(&s.vt.vm, f), "slot");
    swap_write(&s.vt.vm, &f, 1);
    EXPECT(f->use == FRAME_OBJECT && f->flags & FRAME_F_WRITEBACK, "use %u, flags %x", f->use, f->flags);
    host_idle = complete;
    object_put(s.o);
    EXPECT(s.played && pageable_count(&s.vt.vm.pageable) == 0, "%u frames left",
           pageable_count(&s.vt.vm.pageable));
    EXPECT(s.vt.vm.swap.free == s.vt.vm.swap.total, "its slot is free");
    s.vt.disk.delayed = false;
    vt_end(&s.vt);
}
