/* The audit at the end sees each number that changes, names it, and is quiet when it is back. */
#include "kernel/fs/pipe.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/life/audit.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/space.h"
#include "tests/kt.h"

static struct audit_count before, now;

/* Whether the audit says this of a change since `before`. */
static bool says(const char *text)
{
    bool said;

    audit_count(&now);
    kt_capture_begin();
    said = !audit_compare(&before, &now, true) && kt_captured(text);
    kt_capture_end();
    return said;
}

static bool is_quiet(void)
{
    audit_count(&now);
    return audit_compare(&before, &now, true);
}

TEST(end, every_tally_counts)
{
    char text[64];

    audit_count(&before);
    EXPECT(before.tallies >= 12, "%u tallies", before.tallies);
    for (struct tally *t = tallies_start; t < tallies_end; t++) {
        format(text, sizeof text, "%s: %u, not %u", t->name, t->count + 1, t->count);
        t->count++;
        EXPECT(says(text), "one more of %s", t->name);
        t->count -= 2;
        EXPECT(says(t->name), "one less of %s", t->name);
        t->count++;
    }
    EXPECT(is_quiet(), "all is back");
}

TEST(end, real_things)
{
    struct file *reader, *writer;
    struct object *o;

    audit_count(&before);
    EXPECT(is_quiet(), "nothing has happened");
    REQUIRE(pipe_create(0, &reader, &writer) == 0, "a pipe");
    EXPECT(says("audit: pipes: "), "a pipe");
    file_put(reader);
    EXPECT(says("audit: open files: "), "its other end");
    file_put(writer);
    EXPECT(is_quiet(), "without the pipe");
    REQUIRE(vm_shared_zeroes(PAGE_SIZE, 0, &o) == 0, "an object");
    EXPECT(says("audit: memory objects: "), "an object");
    object_put(o);

    struct space *s = space_create(&vm_sys);

    REQUIRE(s, "a space");
    EXPECT(says("audit: address spaces: "), "a space");
    space_destroy(s);

    void *p = kmalloc_any(40), *large = kmalloc_any(3 * PAGE_SIZE);

    EXPECT(says("audit: slab objects of kmalloc-48: "), "a slab object");
    kfree(p);
    EXPECT(says("audit: frames of large kmalloc blocks: "), "a large block");
    kfree(large);

    struct frame *f = frame_alloc(&frame_pool_sys, FRAME_STACK, 0);

    REQUIRE(f, "a frame");
    EXPECT(says("audit: frames, use stack: "), "a frame");
    frame_free(&frame_pool_sys, f);
    EXPECT(is_quiet(), "all is back");
}
