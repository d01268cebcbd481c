#include "kernel/vm/memory.h"
#include "kernel/lib/image.h"
#include "kernel/lib/ksyms.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/panic.h"
#include "kernel/x86/stack.h"
#include "kernel/x86/trap.h"
#include "kernel/x86/usercopy.h"
#include "mm/kva_map.h"
#include "mm/layout.h"
#include "mm/machine.h"
#include "mm/slab.h"
#include "mm/x86/paging.h"

struct frame_pool frame_pool_sys;
bool memory_has_selftest;

/* Until the pool exists, memory is taken from here and never given back. */
static struct ram_map unused;
static pfn_t low_end;

static pfn_t pfn_of(uintptr_t va)
{
    return (pfn_t)((va - KERNEL_BASE) >> PAGE_SHIFT);
}

static pfn_t early_frames(pfn_t n)
{
    pfn_t pfn = ram_take(&unused, n, low_end);

    if (pfn == PFN_NONE)
        panic_unfit("too little memory: no room for %u KiB of kernel tables below %u MiB", n << 2,
                    low_end >> 8);
    return pfn;
}

static pfn_t early_frame(void)
{
    return early_frames(1);
}

/* Cut the map at mem=, and drop the modules that are cut. */
static void apply_limit(struct bootinfo *b)
{
    unsigned kept = 0;

    if (params.mem)
        ram_remove(&b->ram, (pfn_t)(params.mem >> PAGE_SHIFT), ram_top(&b->ram));
    for (unsigned i = 0; i < b->modules; i++) {
        struct boot_module *m = &b->module[i];

        if (ram_contains(&b->ram, m->start >> PAGE_SHIFT, PAGES_OF((uint64_t)m->end))) {
            b->module[kept++] = *m;
            continue;
        }
        os_log("boot: module %u at %08x to %08x is not in RAM that is used, ignored", i + 1, m->start,
               m->end);
        b->lost_kib += (m->end - m->start + 1023) >> 10;
    }
    b->modules = kept;
}

/*
 * The self-tests stay when one of those who need them is asked for: the tests, the benchmark, a panic on
 * purpose. Else their part of the image is RAM like any other, from before the first page table is made.
 */
static void choose_selftest(void)
{
    memory_has_selftest = params.ktest || params.bench || params.panic_test;
    if (!memory_has_selftest)
        return;
    ksyms_keep_selftest();
    extable_keep_selftest();
}

static uintptr_t image_kept_end(void)
{
    return (uintptr_t)(memory_has_selftest ? image_end : selftest_start);
}

/* Where the direct map ends. Its last span may be larger than the RAM in it, so a limit is a whole span. */
static pfn_t choose_low_end(const struct ram_map *ram)
{
    pfn_t end = ram_top(ram);
    uint64_t limit = params.lowmem ? (params.lowmem + PT_SPAN - 1) & ~(uint64_t)(PT_SPAN - 1) : DIRECT_MAX;

    if (limit > DIRECT_MAX)
        limit = DIRECT_MAX;
    return end < limit >> PAGE_SHIFT ? end : (pfn_t)(limit >> PAGE_SHIFT);
}

static void build_tables(void)
{
    struct paging_boot boot = {
        .low_end = low_end,
        .image_start = (uintptr_t)image_start,
        .image_end = image_kept_end(),
        .ro[0] = {(uintptr_t)boot_end, (uintptr_t)rodata_end},
        .guard = (uintptr_t)boot_stack_guard,
        .early_frame = early_frame,
    };

    if (memory_has_selftest)
        boot.ro[1] = (struct paging_range){(uintptr_t)selftest_start, (uintptr_t)selftest_ro_end};
    paging_init(&boot);
    cpu_set_root((paddr_t)paging_kernel_root() << PAGE_SHIFT);
}

/* --- a large archive --- */

/* The highest place for n frames in a row: the first of them. PFN_NONE: there is none, or another module than
 * the first lies there. */
static pfn_t highest_place(const struct bootinfo *b, pfn_t n)
{
    unsigned r = b->ram.n;
    pfn_t first;

    while (r && b->ram.range[r - 1].end - b->ram.range[r - 1].start < n)
        r--;
    if (!r)
        return PFN_NONE;
    first = b->ram.range[r - 1].end - n;
    for (unsigned i = 1; i < b->modules; i++)
        if (b->module[i].start >> PAGE_SHIFT < first + n &&
            (pfn_t)PAGES_OF((uint64_t)b->module[i].end) > first)
            return PFN_NONE;
    return first;
}

/* Frames from first on that are mapped directly. */
static pfn_t low_frames(pfn_t first, pfn_t n)
{
    return first >= low_end ? 0 : low_end - first < n ? low_end - first : n;
}

/*
 * The loader puts the archive right behind the image. One that takes more than half of what is mapped
 * directly leaves too little of that to the kernel: it goes to the end of RAM, where it is read through
 * windows. It may overlap where it was, so its last page goes first.
 */
static void move_archive(struct bootinfo *b)
{
    struct boot_module *m = &b->module[0];
    pfn_t first, n, to;

    if (!b->modules)
        return;
    first = m->start >> PAGE_SHIFT;
    n = (pfn_t)PAGES_OF((uint64_t)m->end) - first;
    if (low_frames(first, n) <= low_end / 2)
        return;
    to = highest_place(b, n);
    if (to == PFN_NONE || to <= first || low_frames(to, n) >= low_frames(first, n))
        return;
    while (n--)
        memcpy(paging_boot_page(to + n, 1), paging_boot_page(first + n, 0), PAGE_SIZE);
    m->end += (to - first) << PAGE_SHIFT;
    m->start += (to - first) << PAGE_SHIFT;
}

/* Every frame of RAM gets its use: free, or whatever was taken before the pool existed. */
static void build_pool(const struct ram_map *ram)
{
    struct frame_pool *p = &frame_pool_sys;
    pfn_t top = ram_top(ram), table = early_frames(PAGES_OF(top * sizeof(struct frame)));
    struct ram_map taken = *ram;

    frame_pool_init(p, (struct frame *)(KERNEL_BASE + ((uintptr_t)table << PAGE_SHIFT)), 0, top, low_end,
                    (void *)KERNEL_BASE);
    for (unsigned i = 0; i < unused.n; i++) {
        frame_add(p, unused.range[i].start, unused.range[i].end);
        ram_remove(&taken, unused.range[i].start, unused.range[i].end);
    }
    for (unsigned i = 0; i < taken.n; i++)
        frame_claim(p, taken.range[i].start, taken.range[i].end, FRAME_KERNEL);
    frame_set_marks(p);
}

/* The routines are timed on two frames that go back afterwards. */
static void choose_routines(void)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *a = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY); /* no reclaim: nothing is used yet */
    struct frame *b = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY); /* no reclaim: likewise, at start-up */

    mm_assert(a && b, "no two frames at start-up");
    page_ops_select(frame_ptr(p, frame_pfn(p, a)), frame_ptr(p, frame_pfn(p, b)));
    usercopy_select(frame_ptr(p, frame_pfn(p, a)), frame_ptr(p, frame_pfn(p, b)));
    frame_free(p, b);
    frame_free(p, a);
}

/* MiB of RAM with which so much would be unused. Machines have whole ones; the firmware may keep the end. */
static uint32_t least_mib(const struct bootinfo *b, uint32_t unused_kib)
{
    uint64_t has = (((uint64_t)ram_top(&b->ram) << 2) + 1023) & ~(uint64_t)1023;

    return (uint32_t)((has + unused_kib - (ram_count(&unused) << 2) + 1023) >> 10);
}

void memory_init(struct bootinfo *b)
{
    uint32_t modules;

    apply_limit(b);
    low_end = choose_low_end(&b->ram);
    move_archive(b);
    choose_selftest();
    unused = b->ram;
    ram_remove(&unused, 0, 1); /* the BIOS's data */
    ram_remove(&unused, pfn_of((uintptr_t)boot_end), pfn_of(image_kept_end()));
    modules = ram_count(&unused);
    for (unsigned i = 0; i < b->modules; i++)
        ram_remove(&unused, b->module[i].start >> PAGE_SHIFT, (pfn_t)PAGES_OF((uint64_t)b->module[i].end));

    modules -= ram_count(&unused);
    if (ram_count(&unused) << 2 < MEMORY_MIN_KIB)
        panic_unfit(
            "too little memory: %u KiB of usable RAM are needed, this machine has %u KiB%s; %u MiB will do",
            MEMORY_MIN_KIB, ram_count(&unused) << 2, modules ? " beside its modules" : "",
            least_mib(b, MEMORY_MIN_KIB));
    if (b->lost_kib)
        os_log("boot: modules of %u KiB do not fit; %u MiB will do", b->lost_kib,
               least_mib(b, MEMORY_MIN_KIB + b->lost_kib));
    build_tables();
    build_pool(&b->ram);
    choose_routines();
    slab_default_flags = params.slab_debug ? CACHE_DEBUG : 0;
    kmalloc_init(&kmalloc_sys, &frame_pool_sys);
    if (kva_map_init(&kva_map_sys, &frame_pool_sys, "kernel", KVA_START, KVA_END - KVA_START, params.kva) !=
        0)
        panic_unfit("too little memory: none for the kernel address arena");
}

static void report_line(const char *what, uintptr_t start, uintptr_t end)
{
    printk(LOG_INFO, "  %08x-%08x %s", start, end - 1, what);
}

/* Where the memory is that no program will ever see. */
static void report_held(const struct bootinfo *b)
{
    const struct frame_pool *p = &frame_pool_sys;
    uint32_t modules = 0, image = pfn_of(image_kept_end()) - pfn_of((uintptr_t)boot_end);
    uint32_t table = (uint32_t)PAGES_OF(p->end * sizeof(struct frame)), all = frame_kernel_count(p);

    for (unsigned i = 0; i < b->modules; i++)
        modules += (uint32_t)PAGES_OF((uint64_t)b->module[i].end) - (b->module[i].start >> PAGE_SHIFT);
    printk(LOG_INFO, "held before the first program: %u KiB", all << 2);
    printk(LOG_INFO, "  %8u KiB modules%s", modules << 2,
           b->modules ? ": the root's files stay in the archive" : "");
    printk(LOG_INFO, "  %8u KiB the kernel's image", image << 2);
    printk(LOG_INFO, "  %8u KiB the frame table", table << 2);
    printk(LOG_INFO, "  %8u KiB page tables, stacks, objects, buffers", (all - modules - image - table) << 2);
}

void memory_report(const struct bootinfo *b)
{
    const struct frame_pool *p = &frame_pool_sys;

    printk(LOG_INFO, "memory: %u KiB of RAM, %u KiB mapped directly", ram_count(&b->ram) << 2, low_end << 2);
    for (unsigned i = 0; i < b->ram.n; i++)
        printk(LOG_INFO, "  %08llx-%08llx usable", (uint64_t)b->ram.range[i].start << PAGE_SHIFT,
               ((uint64_t)b->ram.range[i].end << PAGE_SHIFT) - 1);
    for (unsigned i = 0; i < b->modules; i++)
        printk(LOG_INFO, "  %08x-%08x module%s%s%s", b->module[i].start, b->module[i].end - 1,
               *b->module[i].string ? " `" : "", b->module[i].string, *b->module[i].string ? "`" : "");
    printk(LOG_INFO, "layout:");
    report_line("direct map", KERNEL_BASE, KERNEL_BASE + ((uintptr_t)low_end << PAGE_SHIFT));
    report_line("kernel text, read-only", (uintptr_t)text_start, (uintptr_t)text_end);
    report_line("kernel constants, read-only", (uintptr_t)text_end, (uintptr_t)rodata_end);
    report_line("kernel data", (uintptr_t)rodata_end, (uintptr_t)selftest_start);
    report_line(memory_has_selftest ? "self-tests" : "self-tests, given back", (uintptr_t)selftest_start,
                (uintptr_t)image_end);
    report_line("frame table", (uintptr_t)p->frames, (uintptr_t)(p->frames + p->end));
    report_line("kernel address arena", KVA_START, KVA_END);
    report_line("windows", WINDOW_START, WINDOW_START + (WINDOW_COUNT << PAGE_SHIFT));
    report_held(b);
    printk(LOG_INFO, "frames:");
    for (unsigned u = 0; u < FRAME_USES; u++)
        if (p->used[u])
            printk(LOG_INFO, "  %8u %s", p->used[u], frame_use_name(u));
}
