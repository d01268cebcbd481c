/* The kernel half: mappings, windows, page routines. */
#include "kernel/lib/image.h"
#include "kernel/vm/memory.h"
#include "mm/errno.h"
#include "mm/kva_map.h"
#include "mm/layout.h"
#include "mm/machine.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"
#include "tests/kt.h"

static void *page_of(struct frame *f)
{
    return frame_ptr(&frame_pool_sys, frame_pfn(&frame_pool_sys, f));
}

static pte_t *kernel_top(void)
{
    return frame_ptr(&frame_pool_sys, paging_kernel_root());
}

TEST(paging, kernel_map)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *a = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY),
                 *b = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY);
    uint32_t tables = paging_tables(), table_frames = p->used[FRAME_TABLE];
    size_t va;

    /* A whole span and a page of addresses, so that a table is made and one is used that may be there. */
    REQUIRE(a && b && kva_alloc(&kva_map_sys.arena, PT_SPAN + PAGE_SIZE, PT_SPAN, &va) == 0, "memory");
    volatile uint32_t *v = (uint32_t *)va;

    EXPECT(!paging_mapped(va) && pt_kernel_unmap(va) == PFN_NONE, "nothing is there");
    REQUIRE(pt_kernel_map(p, va, frame_pfn(p, a), PT_WRITE) == 0, "map");
    EXPECT(paging_mapped(va) && paging_writable(va) && !paging_mapped(va + PAGE_SIZE), "one page");
    EXPECT(paging_tables() == tables + 1 && p->used[FRAME_TABLE] == table_frames + 1, "one table");
    *v = 0xA;
    EXPECT(*(uint32_t *)page_of(a) == 0xA, "the frame has it");
    *(uint32_t *)page_of(b) = 0xB;

    /* The address is used again at once: a stale translation would show the old frame. */
    EXPECT(pt_kernel_unmap(va) == frame_pfn(p, a), "unmap");
    EXPECT(paging_tables() == tables && p->used[FRAME_TABLE] == table_frames,
           "the table went with its last page");
    REQUIRE(pt_kernel_map(p, va, frame_pfn(p, b), 0) == 0, "map");
    EXPECT(*v == 0xB, "the new frame, not %x", *v);
    EXPECT(!paging_writable(va), "read-only");
    EXPECT(paging_verify(), "verify");
    EXPECT(pt_kernel_unmap(va) == frame_pfn(p, b), "unmap");

    frame_fail_after(p, 1);
    EXPECT(pt_kernel_map(p, va, frame_pfn(p, a), PT_WRITE) == -ENOMEM, "no frame for the table");
    frame_fail_after(p, 0);
    EXPECT(!paging_mapped(va) && paging_tables() == tables, "nothing was done");
    kva_free(&kva_map_sys.arena, va, PT_SPAN + PAGE_SIZE);
    frame_free(p, a);
    frame_free(p, b);
}

/* Every root follows a change of the kernel half, those too that were made before it. */
TEST(paging, every_root)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *f = frame_alloc(p, FRAME_KERNEL, 0);
    struct pt first, second;
    size_t va;

    REQUIRE(f && kva_alloc(&kva_map_sys.arena, PAGE_SIZE, PT_SPAN, &va) == 0, "memory");
    REQUIRE(pt_create(&first, p) == 0 && pt_create(&second, p) == 0, "memory");
    unsigned i = va >> PT_SPAN_SHIFT;

    EXPECT(pt_kernel_map(p, va, frame_pfn(p, f), PT_WRITE) == 0, "map");
    EXPECT(first.top[i] == kernel_top()[i].raw && second.top[i] == first.top[i] && first.top[i] != 0,
           "the roots have %x and %x", first.top[i], second.top[i]);
    EXPECT(first.top[0] == 0 && paging_verify(), "verify");
    kt_capture_begin();
    first.top[i] ^= PT_WRITE;
    EXPECT(!paging_verify() && kt_captured("INV-PAGING-3"), "a root that differs");
    first.top[i] ^= PT_WRITE;
    kt_capture_end();

    /* The address is good in any of them, and stale in none. */
    pt_activate(&second);
    *(volatile uint32_t *)va = 7;
    EXPECT(pt_kernel_unmap(va) == frame_pfn(p, f), "unmap");
    EXPECT(first.top[i] == 0 && second.top[i] == 0 && !paging_mapped(va), "the roots have %x and %x",
           first.top[i], second.top[i]);
    pt_activate(NULL);
    EXPECT(paging_verify(), "verify");
    pt_destroy(&second);
    pt_destroy(&first);
    kva_free(&kva_map_sys.arena, va, PAGE_SIZE);
    frame_free(p, f);
}

/* One that was handed over follows like any other, and nothing is left where it was. */
TEST(paging, handed_over)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *f = frame_alloc(p, FRAME_KERNEL, 0);
    struct pt before, other, root = {0};
    size_t va;

    REQUIRE(f && kva_alloc(&kva_map_sys.arena, PAGE_SIZE, PT_SPAN, &va) == 0, "memory");
    REQUIRE(pt_create(&before, p) == 0 && pt_create(&other, p) == 0, "memory");
    unsigned i = va >> PT_SPAN_SHIFT;
    pfn_t pfn = before.root;

    pt_hand_over(&before, &root);
    memset(&before, 0xA5, sizeof before);
    EXPECT(root.root == pfn && root.top[0] == 0 && paging_verify(), "root %x", root.root);
    EXPECT(pt_kernel_map(p, va, frame_pfn(p, f), PT_WRITE) == 0, "map");
    EXPECT(root.top[i] == kernel_top()[i].raw && root.top[i] != 0, "it has %x", root.top[i]);
    pt_destroy(&other);
    EXPECT(pt_kernel_unmap(va) == frame_pfn(p, f), "unmap");
    EXPECT(root.top[i] == 0 && paging_verify(), "it has %x", root.top[i]);
    pt_destroy(&root);
    kva_free(&kva_map_sys.arena, va, PAGE_SIZE);
    frame_free(p, f);
}

TEST(paging, verify_sees_damage)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *f = frame_alloc(p, FRAME_KERNEL, 0);
    pte_t *top = kernel_top();
    size_t va;

    REQUIRE(f && kva_alloc(&kva_map_sys.arena, PAGE_SIZE, PT_SPAN, &va) == 0, "memory");
    REQUIRE(pt_kernel_map(p, va, frame_pfn(p, f), PT_WRITE) == 0, "map");
    EXPECT(paging_verify(), "whole before");
    uint32_t s = os_irq_save();

    kt_capture_begin();
    top[5].raw = 0x42; /* not present: harmless while it stands */
    EXPECT(!paging_verify() && kt_captured("INV-PAGING-1"), "an entry in the user half");
    top[5].raw = 0;

    pte_t *text = (pte_t *)frame_ptr(p, pte_pfn(top[(uint32_t)text_start >> PT_SPAN_SHIFT])) +
                  ((uint32_t)text_start >> PAGE_SHIFT & (PT_TABLE_ENTRIES - 1));
    kt_capture_begin();
    text->raw |= PT_WRITE;
    EXPECT(!paging_verify() && kt_captured("INV-PAGING-2"), "writable text");
    text->raw &= ~(uint32_t)PT_WRITE;
    cpu_invlpg((uint32_t)text_start);

    struct frame *table = pfn_frame(p, pte_pfn(top[va >> PT_SPAN_SHIFT]));
    kt_capture_begin();
    table->used++;
    EXPECT(!paging_verify() && kt_captured("INV-PAGING-4"), "a wrong count");
    table->used--;

    kt_capture_begin();
    cpu_write_cr0(cpu_read_cr0() & ~(uint32_t)CR0_WP);
    EXPECT(!paging_verify() && kt_captured("INV-PAGING-5"), "no write protection");
    cpu_write_cr0(cpu_read_cr0() | CR0_WP);

    kt_capture_begin();
    paging_window_table[WINDOW_COUNT].raw = 0x42;
    EXPECT(!window_verify() && kt_captured("INV-WINDOW-1"), "a stray entry");
    paging_window_table[WINDOW_COUNT].raw = 0;
    kt_capture_end();

    os_irq_restore(s);
    EXPECT(paging_verify() && window_verify(), "whole afterwards");
    EXPECT(pt_kernel_unmap(va) == frame_pfn(p, f), "unmap");
    kva_free(&kva_map_sys.arena, va, PAGE_SIZE);
    frame_free(p, f);
}

/* A view of the machine's pool in which every frame is high, so that windows are used on any machine. */
static struct frame_pool all_high(void)
{
    struct frame_pool p = frame_pool_sys;

    p.low_end = 0;
    return p;
}

TEST(window, nest)
{
    struct frame_pool *p = &frame_pool_sys, high = all_high();
    struct frame *f[WINDOW_COUNT];
    void *w[WINDOW_COUNT];

    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        f[i] = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY);
        REQUIRE(f[i], "memory");
        *(uint32_t *)page_of(f[i]) = i;
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < WINDOW_COUNT; i++) {
            unsigned k = round ? WINDOW_COUNT - 1 - i : i; /* other frames at the same addresses */

            w[i] = window_open(&high, frame_pfn(p, f[k]));
            EXPECT(*(uint32_t *)w[i] == k, "window %u shows frame %u", i, *(uint32_t *)w[i]);
        }
        EXPECT((uintptr_t)w[0] >= WINDOW_START && nosleep_depth() > 0, "a window of its own at %p", w[0]);
        EXPECT(window_verify(), "verify with all open");
        for (unsigned i = WINDOW_COUNT; i-- > 0;)
            window_close(&high, w[i]);
        EXPECT(window_verify() && !paging_mapped(WINDOW_START), "verify with all closed");
    }
    for (unsigned i = 0; i < WINDOW_COUNT; i++)
        frame_free(p, f[i]);
}

/* Real high frames, where there are some (lowmem= makes some). */
TEST(window, high_frames)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *a = frame_alloc(p, FRAME_KERNEL, 0), *b = frame_alloc(p, FRAME_KERNEL, 0);

    REQUIRE(a && b, "memory");
    if (frame_is_low(p, frame_pfn(p, a)))
        kt_skip(kt, "no high frames");
    uint32_t *w = window_open(p, frame_pfn(p, a));
    for (unsigned i = 0; i < PAGE_SIZE / 4; i++)
        w[i] = i * 2654435761u;
    window_close(p, w);
    frame_copy(p, frame_pfn(p, b), frame_pfn(p, a));
    frame_clear(p, frame_pfn(p, a));
    uint32_t *x = window_open(p, frame_pfn(p, a)), *y = window_open(p, frame_pfn(p, b));
    unsigned wrong = 0;
    for (unsigned i = 0; i < PAGE_SIZE / 4; i++)
        wrong += x[i] != 0 || y[i] != i * 2654435761u;
    window_close(p, y);
    window_close(p, x);
    EXPECT(wrong == 0, "%u words are wrong", wrong);
    frame_free(p, b);
    frame_free(p, a);
}

static void xmm_set(const uint32_t (*v)[4])
{
    __asm__ volatile(
        "movups (%0), %%xmm0; movups 16(%0), %%xmm1; movups 32(%0), %%xmm2; movups 48(%0), %%xmm3"
        :
        : "r"(v)
        : "memory");
}

static void xmm_get(uint32_t (*v)[4])
{
    __asm__ volatile(
        "movups %%xmm0, (%0); movups %%xmm1, 16(%0); movups %%xmm2, 32(%0); movups %%xmm3, 48(%0)"
        :
        : "r"(v)
        : "memory");
}

/* Every routine, not only the chosen ones: the whole page, nothing beside it, and the program's registers. */
TEST(pageops, each)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *block = frame_alloc_block(p, 2, FRAME_KERNEL, FRAME_LOW_ONLY);
    uint32_t before[4][4], after[4][4];
    unsigned tried = 0;

    REQUIRE(block, "memory");
    uint32_t *a = page_of(block), *page = a + PAGE_SIZE / 4, *source = a + 3 * (PAGE_SIZE / 4);
    for (unsigned n = 0; n < page_ops_count; n++) {
        const struct page_op *op = &page_ops[n];
        unsigned wrong = 0, outside = 0;

        if (!op->usable)
            continue;
        tried++;
        for (unsigned i = 0; i < PAGE_SIZE; i++) /* all four pages */
            a[i] = kt_random(kt) | 1;
        uint32_t low = page[-1], high = page[PAGE_SIZE / 4];
        for (unsigned i = 0; i < 16; i++)
            before[i / 4][i % 4] = kt_random(kt);
        if (cpu_features.sse)
            xmm_set(before);
        if (op->clear)
            op->clear(page);
        else
            op->copy(page, source);
        memcpy(after, before, sizeof after);
        if (cpu_features.sse)
            xmm_get(after);
        for (unsigned i = 0; i < PAGE_SIZE / 4; i++)
            wrong += page[i] != (op->clear ? 0 : source[i]);
        outside = (page[-1] != low) + (page[PAGE_SIZE / 4] != high);
        EXPECT(wrong == 0 && outside == 0, "%s: %u words wrong, %u outside", op->name, wrong, outside);
        EXPECT(memcmp(before, after, sizeof before) == 0, "%s changed the registers of the program",
               op->name);
    }
    EXPECT(tried >= 6, "%u routines", tried);
    frame_free_block(p, block);
}
