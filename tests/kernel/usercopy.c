/*
 * User copy: the range checks, the exception table, and every kind of page that a program can hand in:
 * not yet touched, swapped out, shared by a fork, read-only, unmapped, unreadable on disk, and ranges that
 * straddle them. Large pieces are copied in every way that the processor has, whichever was chosen.
 */
#include "kernel/sched/task.h"
#include "kernel/sched/torture.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/x86/cpu.h"
#include "tests/vt.h"

#define RW      (REGION_READ | REGION_WRITE)
#define BASE    0x00400000u
#define NOWHERE 0x00010000u /* a test task has no space, so no user address is mapped */

/* Ranges that are not all user addresses: refused before any access. */
TEST(usercopy, ranges)
{
    static const struct {
        vaddr_t va;
        size_t n;
    } bad[] = {
        {USER_END, 1},
        {USER_END - 1, 2},
        {USER_END - 4, 5},
        {0, USER_END + 1u},
        {0x1000, USER_END},
        {0xFFFFFFFFu, 1},
        {0xFFFFFFFCu, 8},
        {0x1000, 0xFFFFFFFFu},
        {KERNEL_BASE, 4},
        {KERNEL_BASE + 4096, 4},
        {USER_END - 16, 0x40000020u},
        {1, 0xFFFFFFFFu},
    };
    static uint8_t buffer[16];

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT(user_copy_in(buffer, bad[i].va, bad[i].n) == -EFAULT, "in from %x, %zu", bad[i].va, bad[i].n);
        EXPECT(user_copy_out(bad[i].va, buffer, bad[i].n) == -EFAULT, "out to %x, %zu", bad[i].va, bad[i].n);
        EXPECT(user_clear(bad[i].va, bad[i].n) == -EFAULT, "clear of %x, %zu", bad[i].va, bad[i].n);
    }
}

TEST(usercopy, words_and_strings_at_the_edge)
{
    static const vaddr_t bad[] = {USER_END, USER_END - 3, 0xFFFFFFFEu, KERNEL_BASE + 0x100000};
    char text[8] = "same";
    uint32_t v = 7;

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT(user_read32(&v, bad[i]) == -EFAULT, "read of %x", bad[i]);
        EXPECT(user_write32(bad[i], 1) == -EFAULT, "write of %x", bad[i]);
    }
    EXPECT(v == 7, "a refused read stored %u", v);
    EXPECT(user_copy_string(text, USER_END, 8) == -EFAULT, "a string at a kernel address");
    EXPECT(user_copy_string(text, (vaddr_t) "kernel", 7) == -EFAULT, "a string of the kernel");
    EXPECT(strcmp(text, "same") == 0, "a refused copy stored %s", text);
}

TEST(usercopy, nothing_is_always_fine)
{
    static const vaddr_t any[] = {0, NOWHERE, USER_END, 0xFFFFFFFFu};

    for (unsigned i = 0; i < ARRAY_LEN(any); i++) {
        EXPECT(user_copy_in(NULL, any[i], 0) == 0, "in from %x", any[i]);
        EXPECT(user_copy_out(any[i], NULL, 0) == 0, "out to %x", any[i]);
        EXPECT(user_clear(any[i], 0) == 0, "clear of %x", any[i]);
    }
}

/* Every length up to some rounds of the loops, so that each marked instruction takes the first fault once. */
TEST(usercopy, nothing_is_mapped)
{
    static uint8_t buffer[80];
    uint32_t v = 7;

    for (size_t n = 1; n <= sizeof buffer; n++) {
        EXPECT(user_copy_in(buffer, NOWHERE, n) == -EFAULT, "in, %zu", n);
        EXPECT(user_copy_out(NOWHERE, buffer, n) == -EFAULT, "out, %zu", n);
        EXPECT(user_clear(NOWHERE, n) == -EFAULT, "clear, %zu", n);
    }
    EXPECT(user_copy_in(buffer, USER_END - 16, 16) == -EFAULT, "the last user addresses");
    EXPECT(user_copy_in(buffer, 0, 4) == -EFAULT, "a null pointer");
    EXPECT(user_read32(&v, NOWHERE) == -EFAULT && v == 7, "a word: %u", v);
    EXPECT(user_write32(NOWHERE, 1) == -EFAULT, "a word");
    EXPECT(user_copy_string((char *)buffer, NOWHERE, sizeof buffer) == -EFAULT, "a string");
    EXPECT(user_copy_string((char *)buffer, USER_END - 1, 80) == -EFAULT, "a string in the last byte");
}

/* --- real pages --- */

struct user {
    struct vt t;
    struct space *s;
    uint8_t *model, *buffer; /* of a size in bytes that covers the pages */
    size_t size;
};

/* A space with so many pages at BASE, entered by this task, and two buffers of that size. */
static bool user_begin(struct user *u, struct kt *kt, uint32_t pages, unsigned flags)
{
    vaddr_t va = BASE;

    *u = (struct user){.size = (size_t)pages << PAGE_SHIFT};
    if (!vt_begin(&u->t, kt, 128, 0, 64))
        return false;
    u->model = kt_alloc(u->size);
    u->buffer = kt_alloc(u->size);
    u->s = space_create(&u->t.vm);
    if (u->model && u->buffer && u->s && space_map(u->s, &va, u->size, flags | MAP_AT, NULL, 0) == 0) {
        memset(u->model, 0, u->size);
        task_set_space(u->s);
        return true;
    }
    kt_skip(kt, "no memory");
    if (u->s)
        space_destroy(u->s);
    kt_release(u->buffer);
    kt_release(u->model);
    vt_end(&u->t);
    return false;
}

static void user_end(struct user *u)
{
    task_set_space(NULL);
    space_destroy(u->s);
    kt_release(u->buffer);
    kt_release(u->model);
    vt_end(&u->t);
}

static void fill(struct kt *kt, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)kt_random(kt);
}

static void evict_page(struct kt *kt, struct user *u, uint32_t page)
{
    pte_t *e = pt_resident_entry(&u->s->pt, BASE + page * PAGE_SIZE);

    if (e && pte_has_frame(*e))
        EXPECT(reclaim_evict(&u->t.vm, pfn_frame(u->t.pool, pte_pfn(*e))) == 0, "page %u stays", page);
}

/* Whether all of the user's pages are what the model says. */
static bool same(struct user *u)
{
    return user_copy_in(u->buffer, BASE, u->size) == 0 && memcmp(u->buffer, u->model, u->size) == 0;
}

TEST(usercopy, untouched_pages)
{
    struct user u;

    if (!user_begin(&u, kt, 4, RW))
        return;
    fill(kt, u.model + PAGE_SIZE - 10, 5000);
    EXPECT(user_copy_out(BASE + PAGE_SIZE - 10, u.model + PAGE_SIZE - 10, 5000) == 0,
           "three pages that are not there");
    EXPECT(same(&u), "copied wrongly");
    EXPECT(user_clear(BASE + PAGE_SIZE + 7, 4093) == 0, "clear");
    memset(u.model + PAGE_SIZE + 7, 0, 4093);
    EXPECT(same(&u), "cleared wrongly");
    EXPECT(user_clear(BASE + 3 * PAGE_SIZE, PAGE_SIZE) == 0, "clear of a page that is not there");
    EXPECT(same(&u), "cleared wrongly");
    user_end(&u);
}

/* Any offset and length, pages coming and going, against the model. */
TEST(usercopy, random)
{
    struct user u;

    if (!user_begin(&u, kt, 6, RW))
        return;
    for (uint32_t round = 0; round < 400 && !kt->failures; round++) {
        size_t at = kt_below(kt, (uint32_t)u.size);
        size_t room = u.size - at, n = kt_below(kt, 4) ? kt_below(kt, 80) : kt_below(kt, 3 * PAGE_SIZE);

        if (n > room)
            n = room;
        switch (kt_below(kt, 4)) {
        case 0:
            fill(kt, u.model + at, n);
            EXPECT(user_copy_out(BASE + at, u.model + at, n) == 0, "out at %zx, %zu", at, n);
            break;
        case 1:
            EXPECT(user_copy_in(u.buffer, BASE + at, n) == 0, "in at %zx, %zu", at, n);
            EXPECT(memcmp(u.buffer, u.model + at, n) == 0, "at %zx, %zu: differs", at, n);
            break;
        case 2:
            memset(u.model + at, 0, n);
            EXPECT(user_clear(BASE + at, n) == 0, "clear at %zx, %zu", at, n);
            break;
        default:
            evict_page(kt, &u, kt_below(kt, 6));
            break;
        }
    }
    EXPECT(same(&u), "differs at the end");
    EXPECT(u.t.vm.swap.pages_in > 0, "nothing came back from swap: this tested less than it says");
    user_end(&u);
}

TEST(usercopy, swapped_out)
{
    struct user u;

    if (!user_begin(&u, kt, 3, RW))
        return;
    fill(kt, u.model, u.size);
    EXPECT(user_copy_out(BASE, u.model, u.size) == 0, "out");
    for (uint32_t i = 0; i < 3; i++)
        evict_page(kt, &u, i);
    EXPECT(same(&u), "came back different");
    for (uint32_t i = 0; i < 3; i++)
        evict_page(kt, &u, i);
    fill(kt, u.model + PAGE_SIZE - 2, 4);
    EXPECT(user_copy_out(BASE + PAGE_SIZE - 2, u.model + PAGE_SIZE - 2, 4) == 0,
           "four bytes in two swapped pages");
    EXPECT(same(&u), "the bytes around them changed");
    EXPECT(u.t.vm.swap.pages_in >= 5, "%u pages came in", (unsigned)u.t.vm.swap.pages_in);
    user_end(&u);
}

TEST(usercopy, shared_by_a_fork)
{
    struct user u;
    struct space *child = NULL;

    if (!user_begin(&u, kt, 2, RW))
        return;
    fill(kt, u.model, u.size);
    EXPECT(user_copy_out(BASE, u.model, u.size) == 0, "out");
    EXPECT(space_fork(u.s, &child) == 0, "fork");
    if (child) {
        task_set_space(child);
        EXPECT(same(&u), "the child sees something else");
        EXPECT(user_clear(BASE + PAGE_SIZE - 8, 16) == 0, "the child writes");
        task_set_space(u.s);
        EXPECT(same(&u), "the child's writes show in the parent");
        fill(kt, u.model, 64);
        EXPECT(user_copy_out(BASE, u.model, 64) == 0, "the parent writes");
        EXPECT(same(&u), "the parent does not see its writes");
        space_destroy(child);
    }
    user_end(&u);
}

TEST(usercopy, read_only)
{
    struct user u;
    uint32_t v = 7;

    if (!user_begin(&u, kt, 3, RW))
        return;
    fill(kt, u.model, u.size);
    EXPECT(user_copy_out(BASE, u.model, u.size) == 0, "out");
    EXPECT(space_protect(u.s, BASE + PAGE_SIZE, PAGE_SIZE, REGION_READ) == 0, "protect");
    EXPECT(same(&u), "cannot be read");
    EXPECT(user_copy_out(BASE + PAGE_SIZE, u.buffer, 1) == -EFAULT, "a byte was written");
    EXPECT(user_write32(BASE + PAGE_SIZE - 2, 1) == -EFAULT, "a word that straddles was written");
    EXPECT(user_clear(BASE + 2 * PAGE_SIZE - 1, 2) == -EFAULT, "cleared");
    EXPECT(user_copy_in(u.buffer, BASE + PAGE_SIZE, PAGE_SIZE) == 0 &&
               memcmp(u.buffer, u.model + PAGE_SIZE, PAGE_SIZE) == 0,
           "changed");
    EXPECT(space_protect(u.s, BASE + PAGE_SIZE, PAGE_SIZE, 0) == 0, "protect");
    EXPECT(user_read32(&v, BASE + PAGE_SIZE) == -EFAULT && v == 7, "read what nobody may read");
    user_end(&u);
}

TEST(usercopy, straddling_a_hole)
{
    struct user u;

    if (!user_begin(&u, kt, 3, RW))
        return;
    fill(kt, u.model, u.size);
    EXPECT(user_copy_out(BASE, u.model, u.size) == 0, "out");
    EXPECT(space_unmap(u.s, BASE + PAGE_SIZE, PAGE_SIZE) == 0, "unmap");
    /* Every distance of the edge from the start, so that each access of the loops meets it. */
    for (size_t before = 0; before < 70; before++) {
        vaddr_t va = BASE + PAGE_SIZE - before;

        EXPECT(user_copy_in(u.buffer, va, before + 1) == -EFAULT, "in, %zu before the edge", before);
        EXPECT(user_copy_in(u.buffer, va, before) == 0, "in, up to the edge, %zu", before);
        EXPECT(memcmp(u.buffer, u.model + PAGE_SIZE - before, before) == 0, "in, %zu: differs", before);
        EXPECT(user_copy_out(va, u.model + PAGE_SIZE - before, before + 1) == -EFAULT, "out, %zu", before);
        EXPECT(user_copy_out(va, u.model + PAGE_SIZE - before, before) == 0, "out up to the edge, %zu",
               before);
    }
    for (size_t before = 0; before < 40; before++)
        EXPECT(user_clear(BASE + PAGE_SIZE - before, before + 1) == -EFAULT, "clear, %zu before the edge",
               before);
    EXPECT(user_copy_in(u.buffer, BASE + 2 * PAGE_SIZE - 1, 2) == -EFAULT, "from the hole on");
    user_end(&u);
}

TEST(usercopy, strings)
{
    struct user u;
    char text[32];

    if (!user_begin(&u, kt, 2, RW))
        return;
    vaddr_t va = BASE + PAGE_SIZE - 5; /* five letters before the edge of a page, five behind it */
    vaddr_t end = BASE + 2 * PAGE_SIZE - 4;

    EXPECT(user_copy_out(va, "longstring", 11) == 0, "out");
    EXPECT(user_copy_string(text, va, sizeof text) == 10 && strcmp(text, "longstring") == 0,
           "a whole string");
    EXPECT(user_copy_string(text, va, 11) == 10, "room for exactly this");
    EXPECT(user_copy_string(text, va, 10) == -E2BIG, "room for all but the 0");
    EXPECT(memcmp(text, "longstring", 10) == 0, "what fits");
    EXPECT(user_copy_string(text, va + 10, sizeof text) == 0 && text[0] == 0, "an empty string");
    EXPECT(user_copy_string(text, va, 0) == -E2BIG, "no room at all");
    EXPECT(user_copy_out(end, "abcd", 4) == 0, "out");
    EXPECT(user_copy_string(text, end, sizeof text) == -EFAULT, "it runs into a hole");
    EXPECT(user_copy_string(text, end, 4) == -E2BIG, "it ends before the hole");
    user_end(&u);
}

TEST(usercopy, unreadable_on_disk)
{
    struct user u;

    if (!user_begin(&u, kt, 1, RW))
        return;
    fill(kt, u.model, u.size);
    EXPECT(user_copy_out(BASE, u.model, u.size) == 0, "out");
    evict_page(kt, &u, 0);
    slot_t page = pte_slot(*pt_resident_entry(&u.s->pt, BASE)) & ((1u << SWAP_AREA_SHIFT) - 1);

    u.t.disk.bad_read[0] = (uint64_t)page * (PAGE_SIZE / BLOCK_SECTOR);
    kt_capture_begin();
    EXPECT(user_copy_in(u.buffer, BASE, 8) == -EFAULT, "read from a broken disk");
    kt_capture_end();
    user_end(&u);
}

/* --- large pieces --- */

#define SSE_BYTES 64u /* of the four registers that the copies use */

static void load_sse(const uint8_t *v)
{
    if (cpu_features.sse)
        __asm__ volatile("movups (%0), %%xmm0; movups 16(%0), %%xmm1; movups 32(%0), %%xmm2; "
                         "movups 48(%0), %%xmm3"
                         :
                         : "r"(v)
                         : "memory");
}

static bool sse_holds(const uint8_t *v)
{
    uint8_t now[SSE_BYTES];

    if (!cpu_features.sse)
        return true;
    __asm__ volatile("movups %%xmm0, (%0); movups %%xmm1, 16(%0); movups %%xmm2, 32(%0); "
                     "movups %%xmm3, 48(%0)"
                     :
                     : "r"(now)
                     : "memory");
    return memcmp(now, v, SSE_BYTES) == 0;
}

/* Run a test in every way. */
static void each_way(struct kt *kt, void (*test)(struct kt *, struct user *), uint32_t pages)
{
    const struct usercopy_way *before = NULL;
    struct user u;

    for (unsigned i = 0; i < usercopy_ways_count; i++)
        if (usercopy_ways[i].chosen)
            before = &usercopy_ways[i];
    EXPECT(before, "no way was chosen");
    if (!before)
        return;
    for (unsigned i = 0; i < usercopy_ways_count; i++) {
        if (!usercopy_ways[i].usable || !user_begin(&u, kt, pages, RW))
            continue;
        usercopy_use(&usercopy_ways[i]);
        test(kt, &u);
        user_end(&u);
    }
    usercopy_use(before);
}

/* Any offset and length, pages coming and going, against the model; and the registers of the program that ran
 * last are as they were. */
static void random_large(struct kt *kt, struct user *u)
{
    uint8_t registers[SSE_BYTES];

    fill(kt, u->model, u->size);
    fill(kt, registers, sizeof registers);
    EXPECT(user_copy_out(BASE, u->model, u->size) == 0, "out");
    for (uint32_t round = 0; round < 200 && !kt->failures; round++) {
        size_t at = kt_below(kt, (uint32_t)u->size), n = kt_below(kt, (uint32_t)(u->size - at) + 1);

        load_sse(registers);
        switch (kt_below(kt, 5)) {
        case 0:
            fill(kt, u->model + at, n);
            EXPECT(user_copy_out(BASE + at, u->model + at, n) == 0, "out at %zx, %zu", at, n);
            break;
        case 1:
            EXPECT(user_copy_in(u->buffer, BASE + at, n) == 0, "in at %zx, %zu", at, n);
            EXPECT(memcmp(u->buffer, u->model + at, n) == 0, "at %zx, %zu: differs", at, n);
            break;
        case 2:
            memset(u->model + at, 0, n);
            EXPECT(user_clear(BASE + at, n) == 0, "clear at %zx, %zu", at, n);
            break;
        default:
            evict_page(kt, u, kt_below(kt, (uint32_t)(u->size >> PAGE_SHIFT)));
            break;
        }
        EXPECT(sse_holds(registers), "registers changed at %zx, %zu", at, n);
    }
    EXPECT(same(u), "differs at the end");
    EXPECT(u->t.vm.swap.pages_in > 0, "nothing came back from swap: this tested less than it says");
}

TEST(usercopy, large_random)
{
    each_way(kt, random_large, 5);
}

/* The first byte that cannot be accessed at every place of a round, and of a piece that is less than one. */
static void before_a_hole(struct kt *kt, struct user *u)
{
    uint8_t registers[SSE_BYTES];

    fill(kt, u->model, u->size);
    fill(kt, registers, sizeof registers);
    EXPECT(user_copy_out(BASE, u->model, u->size) == 0, "out");
    EXPECT(space_unmap(u->s, BASE + PAGE_SIZE, PAGE_SIZE) == 0, "unmap");
    load_sse(registers);
    for (size_t before = 0; before < 2 * USERCOPY_ROUND + 40 && !kt->failures; before++) {
        vaddr_t va = BASE + PAGE_SIZE - before;
        const uint8_t *model = u->model + PAGE_SIZE - before;

        EXPECT(user_copy_in(u->buffer, va, before + USERCOPY_ROUND) == -EFAULT, "in, %zu before", before);
        EXPECT(user_copy_in(u->buffer, va, before) == 0, "in, up to the edge, %zu", before);
        EXPECT(memcmp(u->buffer, model, before) == 0, "in, %zu: differs", before);
        EXPECT(user_copy_in_atomic(u->buffer, va, before + 1) == -EFAULT, "atomic, %zu", before);
        EXPECT(user_copy_in_atomic(u->buffer, va, before) == 0, "atomic, up to the edge, %zu", before);
        EXPECT(user_copy_out(va, model, before + USERCOPY_ROUND) == -EFAULT, "out, %zu", before);
        EXPECT(user_copy_out(va, model, before) == 0, "out up to the edge, %zu", before);
        EXPECT(user_copy_out_atomic(va, model, before + 1) == -EFAULT, "atomic, %zu", before);
        EXPECT(user_copy_in(u->buffer, BASE, PAGE_SIZE) == 0 && memcmp(u->buffer, u->model, PAGE_SIZE) == 0,
               "%zu: what is in front of it has changed", before);
        EXPECT(user_clear(va, before + USERCOPY_ROUND) == -EFAULT, "clear, %zu before", before);
        EXPECT(user_copy_out(va, model, before) == 0, "out again, %zu", before);
    }
    EXPECT(sse_holds(registers), "registers changed");
}

TEST(usercopy, large_before_a_hole)
{
    each_way(kt, before_a_hole, 3);
}

/* Another task, which runs wherever a copy may sleep, and sees whether the registers are then those of the
 * program that ran last: a switch to a program would find them like this. */
struct peek {
    const uint8_t *registers;
    bool stop, changed;
    uint32_t looks;
};

static void peek(void *arg)
{
    struct peek *p = arg;

    for (; !p->stop; p->looks++) {
        p->changed |= !sse_holds(p->registers);
        os_yield();
    }
}

static void in_the_middle(struct kt *kt, struct user *u)
{
    uint8_t registers[SSE_BYTES];
    struct peek p = {.registers = registers};
    bool torture = torture_on();
    struct task *task;

    fill(kt, u->model, u->size);
    fill(kt, registers, sizeof registers);
    EXPECT(user_copy_out(BASE, u->model, u->size) == 0, "out");
    load_sse(registers);
    task = task_create("peek", peek, &p);
    if (!task) {
        kt_skip(kt, "no memory");
        return;
    }
    os_yield();
    kt_capture_begin();
    torture_start(kt_random(kt));
    for (uint32_t round = 0; round < 50; round++) {
        evict_page(kt, u, 1 + round % 2);
        EXPECT(same(u), "round %u: a page came back different", round);
        EXPECT(user_copy_out(BASE, u->model, u->size) == 0, "round %u", round);
    }
    if (!torture)
        torture_stop();
    kt_capture_end();
    EXPECT(sse_holds(registers), "registers changed");
    EXPECT(!p.changed, "the other task found other registers");
    EXPECT(p.looks > 50, "it has run %u times only", p.looks);
    p.stop = true;
    task_join(task, NULL);
}

TEST(usercopy, large_fault_in_the_middle)
{
    each_way(kt, in_the_middle, 3);
}
