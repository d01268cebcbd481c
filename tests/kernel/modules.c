/*
 * The loader's modules: their memory is used for nothing else. A module whose string has the word `pattern`
 * holds bytes that go 1, 8, 15, ... (tests/boot/modules.t passes one), and still does.
 */
#include "kernel/vm/bootinfo.h"
#include "kernel/vm/memory.h"
#include "mm/machine.h"
#include "tests/kt.h"

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (; *text; text++)
        if (strncmp(text, word, n) == 0)
            return true;
    return false;
}

static uint32_t wrong_bytes(const struct boot_module *m)
{
    struct frame_pool *p = &frame_pool_sys;
    uint32_t wrong = 0;

    for (paddr_t page = PAGE_DOWN(m->start); page < m->end; page += PAGE_SIZE) {
        const uint8_t *v = window_open(p, page >> PAGE_SHIFT);

        for (paddr_t at = page < m->start ? m->start : page; at < m->end && at < page + PAGE_SIZE; at++)
            wrong += v[at & PAGE_MASK] != (uint8_t)((at - m->start) * 7 + 1);
        window_close(p, (void *)v);
    }
    return wrong;
}

TEST(modules, reserved_and_intact)
{
    const struct bootinfo *b = bootinfo_sys;
    unsigned checked = 0;

    if (b->modules == 0) {
        kt_skip(kt, "no modules");
        return;
    }
    for (unsigned i = 0; i < b->modules; i++) {
        const struct boot_module *m = &b->module[i];

        EXPECT(m->start < m->end, "module %u from %x to %x", i, m->start, m->end);
        for (pfn_t pfn = m->start >> PAGE_SHIFT; pfn < PAGES_OF((uint64_t)m->end); pfn++)
            EXPECT(pfn_frame(&frame_pool_sys, pfn)->use == FRAME_KERNEL, "frame %x of module %u is %s", pfn,
                   i, frame_use_name(pfn_frame(&frame_pool_sys, pfn)->use));
        if (!has_word(m->string, "pattern"))
            continue;
        EXPECT(wrong_bytes(m) == 0, "%u bytes of module %u are wrong", wrong_bytes(m), i);
        checked++;
    }
    kt_note(kt, "%u modules, contents of %u checked", b->modules, checked);
}
