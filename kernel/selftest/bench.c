/*
 * What the basic operations cost.
 *
 * Every figure is the difference of two readings of the time-stamp counter, less what two readings in a row
 * differ by. Under QEMU's -icount shift=0 the counter counts instructions, which the first line proves with a
 * run of additions; the figures are then the same in every run. Otherwise they are cycles. Interrupts are off
 * while an operation is timed, except where it sleeps.
 *
 * A fault is timed as a program's access that faults, less the same access that does not. So the figure has
 * the way in and out of the kernel in it. Best, median and mean differ where an operation is now and then
 * more expensive, for example when the list of hot frames is filled again.
 *
 * What the translation cache costs is a difference too: the same accesses after CR3 was loaded, less when
 * their translations are there. It shows in cycles only; in instructions it is the load itself. Without
 * CR4.PGE no entry is global, so that the load takes the kernel's too.
 *
 * The disk is measured in time, and only when the counter is a clock: a working set of four thirds of the
 * memory that is left to it is filled, read in order, and read at random.
 */
#include "kernel/selftest/bench.h"
#include "kernel/lib/format.h"
#include "kernel/lib/image.h"
#include "kernel/sched/task.h"
#include "kernel/sched/time.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/trap.h"
#include "kernel/x86/usercopy.h"
#include "mm/kva.h"
#include "mm/machine.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"

#define RUNS      64u
#define ADDITIONS 1000
#define BASE      ((vaddr_t)0x10000000)
#define RW        (REGION_READ | REGION_WRITE)

static uint32_t sample[RUNS];
static uint32_t overhead, write_cost, read_cost;
static bool counts_instructions;

/* The low half of the counter is enough for what is timed here; nothing is moved across a reading. */
static inline uint32_t ticks(void)
{
    __asm__ volatile("" : : : "memory");
    uint32_t t = (uint32_t)cpu_rdtsc();

    __asm__ volatile("" : : : "memory");
    return t;
}

/* What a statement takes that a page fault may interrupt: none is resolved where interrupts are off. */
#define TIMED_FAULT(statement)                                                                               \
    ({                                                                                                       \
        uint32_t start_ = ticks();                                                                           \
        statement;                                                                                           \
        uint32_t ticks_ = ticks() - start_;                                                                  \
        ticks_ < overhead ? 0 : ticks_ - overhead;                                                           \
    })

/* What any other takes. */
#define TIMED(statement)                                                                                     \
    ({                                                                                                       \
        uint32_t irq_ = os_irq_save(), timed_ = TIMED_FAULT(statement);                                      \
        os_irq_restore(irq_);                                                                                \
        timed_;                                                                                              \
    })

static void sort(uint32_t *v, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        uint32_t x = v[i];
        unsigned k = i;

        for (; k && v[k - 1] > x; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

/* Report n samples of `per` operations each, with how many instructions are aimed at (0: nothing). Returns
 * the median of one. */
static uint32_t row(const char *name, unsigned n, uint32_t per, uint32_t aim)
{
    uint64_t sum = 0;
    uint32_t median;
    char aim_text[32] = "";

    sort(sample, n);
    for (unsigned i = 0; i < n; i++)
        sum += sample[i];
    median = sample[n / 2] / per;
    if (aim && counts_instructions)
        format(aim_text, sizeof aim_text, "%10u%s", aim, median > aim ? "  missed" : "");
    os_log("bench: %-44s %10u %10u %10u%s", name, sample[0] / per, median, (uint32_t)(sum / n / per),
           aim_text);
    return median;
}

static void heading(const char *what)
{
    os_log("bench:");
    os_log("bench: %-44s %10s %10s %10s %9s", what, "best", "median", "mean", "aim");
}

static void skipped(const char *name)
{
    os_log("bench: %-44s skipped: too little memory", name);
}

/* --- the ruler --- */

#define ADD(n) __asm__ volatile(".rept %c0\n\taddl $1, %%eax\n\t.endr" : : "i"(n) : "eax", "cc")

static void calibrate(void)
{
    uint32_t add;

    overhead = 0;
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED((void)0);
    sort(sample, RUNS);
    overhead = sample[0];
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED(ADD(2 * ADDITIONS)) - TIMED(ADD(ADDITIONS));
    sort(sample, RUNS);
    add = sample[RUNS / 2];
    counts_instructions = sample[0] == ADDITIONS && sample[RUNS - 1] == ADDITIONS;
    os_log("bench: unit: %s; %u additions count as %u, two readings of the counter as %u",
           counts_instructions ? "instructions" : "cycles", ADDITIONS, add, overhead);
}

/* --- start-up --- */

static void startup(uint64_t ns)
{
    const struct frame_pool *p = &frame_pool_sys;
    uint32_t image = (uint32_t)((uintptr_t)image_end - (uintptr_t)boot_end) >> 10;
    uint32_t table = (uint32_t)PAGES_OF(p->end * sizeof(struct frame)) << 2;
    uint32_t taken = (p->managed[ZONE_LOW] + p->managed[ZONE_HIGH] - p->used[FRAME_FREE]) << 2;

    /* The image and what was taken before the pool existed are in no zone, but claimed. */
    taken += p->claimed << 2;
    os_log("bench:");
    os_log("bench: %-44s %10s %32s", "start-up", "", "aim");
    os_log("bench: %-44s %10llu us %29s", "from the kernel's first instruction in C", ns / 1000, "100000");
    os_log("bench: %-44s %10u KiB", "kernel image, without start-up code", image);
    os_log("bench: %-44s %10u KiB", "frame table", table);
    os_log("bench: %-44s %10u bytes", "metadata of a frame", (uint32_t)sizeof(struct frame));
    os_log("bench: %-44s %10u KiB", "page tables", p->used[FRAME_TABLE] << 2);
    os_log("bench: %-44s %10u KiB", "kernel stacks", p->used[FRAME_STACK] << 2);
    os_log("bench: %-44s %10u KiB", "slabs", p->used[FRAME_SLAB] << 2);
    os_log("bench: %-44s %10u KiB %28s", "everything that is not free", taken,
           p->end << 2 <= 64 << 10 ? "2048" : "");
}

/* --- allocators --- */

static void bench_pages(void *a, void *b)
{
    for (unsigned k = 0; k < page_ops_count; k++) {
        const struct page_op *op = &page_ops[k];
        char name[48];
        bool chosen = op->clear ? op->clear == page_clear : op->copy == page_copy;

        if (!op->usable)
            continue;
        for (unsigned i = 0; i < RUNS; i++)
            sample[i] = op->clear ? TIMED(op->clear(a)) : TIMED(op->copy(a, b));
        format(name, sizeof name, "page %s%s", op->name, chosen ? " (chosen)" : "");
        row(name, RUNS, 1, 0);
    }
}

static void bench_frames(void)
{
    struct frame_pool *p = &frame_pool_sys;
    struct frame *f = NULL;

    for (unsigned i = 0; i < RUNS; i++) {
        sample[i] = TIMED({
            f = frame_alloc(p, FRAME_KERNEL, 0);
            frame_free(p, f);
        });
    }
    row("frame: alloc + free", RUNS, 1, 60);
    for (unsigned i = 0; i < RUNS; i++) {
        sample[i] = TIMED(f = frame_alloc_block(p, 5, FRAME_KERNEL, 0));
        if (!f) {
            skipped("frame: alloc + free of 32 in a row");
            return;
        }
        sample[i] += TIMED(frame_free_block(p, f));
    }
    row("frame: alloc + free of 32 in a row", RUNS, 1, 0);
}

static void bench_slab(void)
{
    struct cache c;
    void *obj;

    kfree(kmalloc(64));
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED({
            obj = kmalloc(64);
            kfree(obj);
        });
    row("kmalloc + kfree of 64 bytes", RUNS, 1, 60);
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED({
            obj = kmalloc_any(64);
            kfree(obj);
        });
    row("kmalloc + kfree, size not known in advance", RUNS, 1, 60);

    int err = cache_init(&c, &frame_pool_sys, "bench", 100, 0, NULL, 0);

    mm_assert(err == 0, "error %d", err);
    cache_free(&c, cache_alloc(&c));
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED({
            obj = cache_alloc(&c);
            cache_free(&c, obj);
        });
    row("cache: alloc + free", RUNS, 1, 60);
    cache_destroy(&c);
}

/* An arena whose every second range is free, of sizes from 1 to 16 pages. */
static void bench_kva(void)
{
    enum { RANGES = 512, SIZES = 16 };
    static size_t range[RANGES];
    struct cache segs;
    struct kva_arena a;
    int err = cache_init(&segs, &frame_pool_sys, "bench", kva_seg_size(), 0, NULL, 0);

    for (unsigned policy = 0; policy < KVA_POLICIES; policy++) {
        char name[48];
        size_t at;

        err |= kva_init(&a, "bench", PAGE_SIZE, 64 << 20, PAGE_SIZE, policy, &segs);
        for (unsigned i = 0; i < RANGES; i++)
            err |= kva_alloc(&a, (i * 7 % SIZES + 1) * PAGE_SIZE, 0, &range[i]);
        for (unsigned i = 0; i < RANGES; i += 2)
            kva_free(&a, range[i], (i * 7 % SIZES + 1) * PAGE_SIZE);
        for (unsigned i = 0; i < RUNS; i++)
            sample[i] = TIMED({
                err |= kva_alloc(&a, (i % SIZES + 1) * PAGE_SIZE, 0, &at);
                kva_free(&a, at, (i % SIZES + 1) * PAGE_SIZE);
            });
        mm_assert(err == 0, "error %d", err);
        format(name, sizeof name, "kernel addresses: alloc + free, %s fit", kva_policy_name(policy));
        row(name, RUNS, 1, 0);
        for (unsigned i = 1; i < RANGES; i += 2)
            kva_free(&a, range[i], (i * 7 % SIZES + 1) * PAGE_SIZE);
        err |= kva_fini(&a);
    }
    cache_destroy(&segs);
}

/* --- tasks --- */

static void partner(void *arg)
{
    const volatile bool *stop = arg;

    while (!*stop)
        os_yield();
}

static void bench_tasks(void)
{
    static struct mutex m;
    static volatile bool stop;
    struct task *t;

    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED({
            mutex_lock(&m);
            __asm__ volatile("" : : : "memory");
            mutex_unlock(&m);
        });
    row("mutex: lock + unlock", RUNS, 1, 0);

    t = task_create("partner", partner, (void *)&stop);
    if (!t) {
        skipped("task switch, there and back");
        return;
    }
    os_yield();
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED(os_yield());
    row("task switch, there and back", RUNS, 1, 0);
    stop = true;
    task_join(t, NULL);
}

/* --- spaces --- */

static struct space *space_make(void)
{
    struct space *s = space_create(&vm_sys);

    mm_assert(s, "no memory for a space");
    task_set_space(s);
    return s;
}

static void space_drop(struct space *s)
{
    task_set_space(NULL);
    space_destroy(s);
}

static void map(struct space *s, vaddr_t at, uint32_t pages)
{
    int err = space_map(s, &at, pages << PAGE_SHIFT, RW | MAP_AT, NULL, 0);

    mm_assert(err == 0, "error %d at %x", err, at);
}

static void touch(vaddr_t at, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++) {
        int err = user_write32(at + (i << PAGE_SHIFT), i);

        mm_assert(err == 0, "page %u at %x", i, at);
    }
}

/* What a write that faults costs more than one that does not. */
static uint32_t write_fault(vaddr_t va)
{
    int err = 0;
    uint32_t t = TIMED_FAULT(err = user_write32(va, 1));

    mm_assert(err == 0, "at %x", va);
    return t < write_cost ? 0 : t - write_cost;
}

static uint32_t read_fault(vaddr_t va)
{
    uint32_t value;
    int err = 0;
    uint32_t t = TIMED_FAULT(err = user_read32(&value, va));

    mm_assert(err == 0, "at %x", va);
    return t < read_cost ? 0 : t - read_cost;
}

static void write_row(const char *name, vaddr_t va, uint32_t aim)
{
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = write_fault(va + (i << PAGE_SHIFT));
    row(name, RUNS, 1, aim);
}

/*
 * The least that any fault can cost: into the kernel, decode, call the handler, return. This handler lets
 * the access be with one store, since an entry must change for the access to succeed.
 */
static pte_t *empty_entry, empty_ready;

static bool empty_handler(struct trap_frame *tf __attribute__((unused)),
                          const struct fault *f __attribute__((unused)))
{
    *empty_entry = empty_ready;
    return true;
}

static uint32_t bench_empty_fault(struct space *s, vaddr_t va)
{
    trap_fault_fn machine_handler;

    /* A task without a space has no pages to be brought; its tables stay loaded. */
    task_current()->space = NULL;
    empty_entry = pt_resident_entry(&s->pt, va);
    empty_ready = *empty_entry;
    machine_handler = trap_watch_faults(empty_handler);
    for (unsigned i = 0; i < RUNS; i++) {
        pt_set(&s->pt, va, empty_entry, pte_hold(empty_ready));
        sample[i] = write_fault(va);
    }
    trap_watch_faults(machine_handler);
    task_current()->space = s;
    return row("fault: empty", RUNS, 1, 0);
}

static uint32_t clear_cost(void *page)
{
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED(page_clear(page));
    sort(sample, RUNS);
    return sample[RUNS / 2];
}

static void bench_faults(void *scratch)
{
    struct space *s = space_make(), *child;
    vaddr_t va = BASE;
    uint32_t empty, value;
    int err = 0;

    map(s, va, PT_SPAN >> PAGE_SHIFT);
    touch(va, 1);
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED(user_write32(va, 1));
    write_cost = row("write to user memory, no fault", RUNS, 1, 0);
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED(user_read32(&value, va));
    read_cost = row("read of user memory, no fault", RUNS, 1, 0);

    empty = bench_empty_fault(s, va);
    va += PAGE_SIZE;
    write_row("fault: demand-zero write", va, 2 * (empty + clear_cost(scratch)));
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = read_fault(va + ((RUNS + i) << PAGE_SHIFT));
    row("fault: read of the zero page", RUNS, 1, 300);
    write_row("fault: write to the zero page", va + (RUNS << PAGE_SHIFT), 0);

    err = space_fork(s, &child);
    mm_assert(err == 0, "error %d", err);
    touch(BASE, 1); /* splits the table */
    write_row("fault: copy on write", va, 1160);
    task_set_space(child);
    touch(BASE, 1); /* claims the child's */
    write_row("fault: copy on write, last reference", va, 300);
    task_set_space(s);
    space_destroy(child);

    for (unsigned i = 0; i < RUNS; i++) {
        err = space_fork(s, &child);
        mm_assert(err == 0, "error %d", err);
        sample[i] = write_fault(va);
        space_destroy(child);
    }
    row("fault: first after fork, splits and copies", RUNS, 1, 0);
    for (unsigned i = 0; i < RUNS; i++) {
        err = space_fork(s, &child);
        mm_assert(err == 0, "error %d", err);
        space_destroy(child);
        sample[i] = write_fault(va);
    }
    row("fault: first after the child's end", RUNS, 1, 0);
    for (unsigned i = 0; i < RUNS; i++) {
        sample[i] = TIMED_FAULT(err = user_write32(SPACE_LO, 1));
        mm_assert(err, "a write outside every region succeeded");
        sample[i] -= sample[i] < write_cost ? sample[i] : write_cost;
    }
    row("fault: outside every region, fixed up", RUNS, 1, 0);
    space_drop(s);
}

/* One page each, with holes between them, touched in an order in which no two neighbours follow. */
/* --- the processor's translation cache --- */

#define REACH 256u /* pages that are touched at most */

static void read_pages(vaddr_t at, uint32_t pages)
{
    uint32_t value;

    for (uint32_t i = 0; i < pages; i++)
        user_read32(&value, at + (i << PAGE_SHIFT));
}

/* The kernel's own, through their direct mapping. */
static void read_kernel(uint32_t pages)
{
    const volatile char *p = frame_ptr(&frame_pool_sys, frame_pool_sys.start);

    for (uint32_t i = 0; i < pages; i++)
        (void)p[i << PAGE_SHIFT];
}

/* What each statement takes when its translations are there, and what it takes more after CR3 was loaded. */
#define RELOAD_ROW(what, statement)                                                                          \
    do {                                                                                                     \
        char name_[48];                                                                                      \
                                                                                                             \
        for (unsigned i = 0; i < RUNS; i++) {                                                                \
            uint32_t warm_, cold_;                                                                           \
                                                                                                             \
            statement;                                                                                       \
            warm_ = TIMED(statement);                                                                        \
            cold_ = TIMED({                                                                                  \
                paging_forget();                                                                             \
                statement;                                                                                   \
            });                                                                                              \
            sample[i] = cold_ < warm_ ? 0 : cold_ - warm_;                                                   \
        }                                                                                                    \
        format(name_, sizeof name_, "CR3 reload, %s, %s", what, global ? "global" : "none global");          \
        row(name_, RUNS, 1, 0);                                                                              \
    } while (0)

static void bench_tlb(void)
{
    static const uint32_t reach[] = {1, 16, 64, REACH};
    struct space *s = space_make();
    uint32_t value, warm;

    map(s, BASE, REACH);
    touch(BASE, REACH);
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED(paging_forget_page(BASE + (i << PAGE_SHIFT)));
    row("INVLPG", RUNS, 1, 0);
    for (unsigned i = 0; i < RUNS; i++) {
        user_read32(&value, BASE);
        warm = TIMED(user_read32(&value, BASE));
        paging_forget_page(BASE);
        sample[i] = TIMED(user_read32(&value, BASE));
        sample[i] = sample[i] < warm ? 0 : sample[i] - warm;
    }
    row("refill of a page, after INVLPG", RUNS, 1, 0);
    for (unsigned g = 0; g < 2; g++) {
        bool global = g == 0;
        char what[32];

        paging_keep_global(global);
        RELOAD_ROW("nothing touched", (void)0);
        for (unsigned k = 0; k < ARRAY_LEN(reach); k++) {
            format(what, sizeof what, "%u pages", reach[k]);
            RELOAD_ROW(what, read_pages(BASE, reach[k]));
        }
        RELOAD_ROW("64 of the kernel's", read_kernel(64));
    }
    paging_keep_global(true);
    space_drop(s);
}

static void bench_many_regions(void)
{
    enum { REGIONS = 2000, STRIDE = 2 << PAGE_SHIFT, STEP = 797 };
    struct space *s = space_make();

    for (unsigned i = 0; i < REGIONS; i++)
        map(s, BASE + i * STRIDE, 1);
    for (vaddr_t va = BASE; va < BASE + REGIONS * STRIDE; va += PT_SPAN)
        touch(va, 1);
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = write_fault(BASE + ((i + 1) * STEP % REGIONS | 1) * STRIDE);
    row("fault: demand-zero write, 2,000 regions", RUNS, 1, 800);
    space_drop(s);
}

/* s has `pages` resident; it ends here. */
static void bench_fork(const char *what, struct space *s, uint32_t pages, uint32_t aim)
{
    static uint32_t ends[RUNS];
    struct space *child;
    char name[48];
    int err = 0;

    for (unsigned i = 0; i < RUNS; i++) {
        sample[i] = TIMED(err = space_fork(s, &child));
        mm_assert(err == 0, "error %d", err);
        ends[i] = TIMED(space_destroy(child));
    }
    format(name, sizeof name, "fork, %s", what);
    row(name, RUNS, 1, aim);
    memcpy(sample, ends, sizeof ends);
    format(name, sizeof name, "end of the child, %s", what);
    row(name, RUNS, 1, 0);
    task_set_space(NULL);
    sample[0] = TIMED(space_destroy(s));
    format(name, sizeof name, "end of the parent, a page, %s", what);
    row(name, 1, pages, 0);
}

static void bench_forks(void)
{
    enum { SMALL_REGIONS = 5, SMALL_PAGES = 4, LARGE = (32 << 20) >> PAGE_SHIFT };
    struct space *s = space_make();

    for (unsigned i = 0; i < SMALL_REGIONS; i++) {
        map(s, BASE + i * (16 << 20), 2 * SMALL_PAGES);
        touch(BASE + i * (16 << 20), SMALL_PAGES);
    }
    bench_fork("5 regions, 20 pages", s, SMALL_REGIONS * SMALL_PAGES, 6200);

    if (frame_free_count(&frame_pool_sys) < LARGE + frame_pool_sys.marks.high + 64) {
        skipped("fork, 32 MiB resident");
        return;
    }
    s = space_make();
    map(s, BASE, LARGE);
    touch(BASE, LARGE);
    bench_fork("32 MiB resident", s, LARGE, 10000);
}

static void bench_mappings(void)
{
    enum { PAGES = 16, MANY = 256 };
    struct space *s = space_make();
    vaddr_t va = BASE + (PAGES << PAGE_SHIFT);
    int err = 0;

    /* A neighbour in the same span, so that its table stays. */
    map(s, BASE, 1);
    touch(BASE, 1);
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED({
            vaddr_t at = va;

            err |= space_map(s, &at, PAGES << PAGE_SHIFT, RW, NULL, 0);
            err |= space_unmap(s, at, PAGES << PAGE_SHIFT);
        });
    row("map + unmap 64 KiB", RUNS, 1, 1440);
    for (unsigned i = 0; i < RUNS; i++) {
        vaddr_t at = va;

        sample[i] = TIMED(err |= space_map(s, &at, PAGES << PAGE_SHIFT, RW, NULL, 0));
        touch(va, PAGES);
        sample[i] += TIMED(err |= space_unmap(s, at, PAGES << PAGE_SHIFT));
    }
    row("map + unmap 64 KiB, touched in between", RUNS, 1, 1440 + PAGES * 150);
    for (unsigned i = 0; i < RUNS; i++) {
        map(s, va, MANY);
        touch(va, MANY);
        sample[i] = TIMED(err |= space_unmap(s, va, MANY << PAGE_SHIFT));
    }
    row("unmap, a resident page of 256", RUNS, MANY, 150);

    map(s, va, 3 * PAGES);
    touch(va, 3 * PAGES);
    va += PAGES << PAGE_SHIFT;
    for (unsigned i = 0; i < RUNS; i++)
        sample[i] = TIMED({
            err |= space_protect(s, va, PAGES << PAGE_SHIFT, REGION_READ);
            err |= space_protect(s, va, PAGES << PAGE_SHIFT, RW);
        });
    row("protect twice 16 pages of 48", RUNS, 1, 2450);
    mm_assert(err == 0, "error %d", err);
    space_drop(s);
}

/* --- policies --- */

/* What a look at a page costs, of pages that a program has in one entry each: all used since the last look,
 * or none. The policy has them all anew for each sample; `looks` are what it counts itself. */
static void bench_policy(const struct policy *policy, uint32_t pages, bool used)
{
    enum { SAMPLES = 8 };
    char name[64];

    for (unsigned i = 0; i < SAMPLES; i++) {
        struct policy_state *state;
        uint32_t looks = 0, t;

        mm_assert(reclaim_set_policy(&vm_sys, policies[policy == policies[0]]) == 0 &&
                      reclaim_set_policy(&vm_sys, policy) == 0,
                  "no memory for %s", policy->name);
        state = pageable_now(&vm_sys.pageable);
        touch(BASE, pages);
        for (uint32_t k = 0; !used && k < 2 * pages; k++) {
            uint32_t steps = 1;
            struct frame *f = policy->next(state, &steps);

            if (f)
                policy->pass(state, f, POLICY_OUT);
        }
        t = TIMED({
            while (looks < pages) {
                uint32_t steps = pages - looks;
                struct frame *f = policy->next(state, &steps);

                looks = pages - steps;
                if (f)
                    policy->pass(state, f, POLICY_OUT);
            }
        });
        sample[i] = t;
    }
    format(name, sizeof name, "%s: a page that was%s used", policy->name, used ? "" : " not");
    row(name, SAMPLES, pages, 0);
}

static void bench_policies(void)
{
    enum { PAGES = 1024 };
    const struct policy *before = pageable_now(&vm_sys.pageable)->policy;
    struct space *s;

    if (frame_free_count(&frame_pool_sys) < 2 * PAGES) {
        skipped("policies");
        return;
    }
    s = space_make();
    map(s, BASE, PAGES);
    touch(BASE, PAGES);
    for (unsigned i = 0; i < POLICIES; i++) {
        bench_policy(policies[i], PAGES, true);
        bench_policy(policies[i], PAGES, false);
    }
    mm_assert(reclaim_set_policy(&vm_sys, before) == 0, "no memory for %s", before->name);
    space_drop(s);
}

/* --- disk --- */

enum { DISK_FILL, DISK_ORDER, DISK_RANDOM, DISK_PHASES };

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Nanoseconds of each phase over a set of `pages`, for which there is too little memory. */
static void disk_phases(uint32_t pages, uint64_t ns[DISK_PHASES])
{
    struct space *s = space_make();
    uint32_t random = 1, value, wrong = 0;
    uint64_t start = os_now_ns();
    int err = 0;

    map(s, BASE, pages);
    touch(BASE, pages);
    ns[DISK_FILL] = os_now_ns() - start;
    start = os_now_ns();
    for (uint32_t i = 0; i < pages; i++) {
        err |= user_read32(&value, BASE + (i << PAGE_SHIFT));
        wrong += value != i;
    }
    ns[DISK_ORDER] = os_now_ns() - start;
    start = os_now_ns();
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t n = next_random(&random) % pages;

        err |= user_read32(&value, BASE + (n << PAGE_SHIFT));
        wrong += value != n;
    }
    ns[DISK_RANDOM] = os_now_ns() - start;
    mm_assert(err == 0 && wrong == 0, "error %d, %u wrong pages", err, wrong);
    space_drop(s);
}

static void bench_disk(void)
{
    enum { SET = (32 << 20) >> PAGE_SHIFT };
    static const char *const phase[DISK_PHASES] = {"fill", "read in order", "read at random"};
    /* Half of what Linux takes for a page of 128 MiB in 96, us (DESIGN.md, 7). */
    static const uint32_t aim[DISK_PHASES] = {9, 24, 53};
    struct frame_pool *p = &frame_pool_sys;
    struct swap *sw = &vm_sys.swap;
    struct frame_list taken = {0};
    uint64_t ns[2][DISK_PHASES], writes[2], reads[2];
    uint32_t pages = SET;

    while (pages > frame_free_count(p) / 4 * 3 || pages > sw->free / 2)
        pages /= 2;
    os_log("bench:");
    if (pages < 16 * SWAP_CLUSTER) {
        os_log("bench: no disk with a swap header, or a small one: not measured");
        return;
    }
    while (frame_free_count(p) > pages / 4 * 3 + p->marks.high) {
        struct frame *f = frame_alloc(p, FRAME_KERNEL, 0);

        if (!f)
            break;
        frame_list_push_tail(p, &taken, f);
    }
    for (unsigned clustering = 0; clustering < 2; clustering++) {
        uint64_t w = sw->writes, r = sw->reads;

        sw->clustering = clustering;
        disk_phases(pages, ns[clustering]);
        writes[clustering] = sw->writes - w;
        reads[clustering] = sw->reads - r;
    }
    os_log("bench: %-44s %10s %10s %10s %9s", "swap, ns a page", "single", "clusters", "ratio/100", "aim");
    for (unsigned i = 0; i < DISK_PHASES; i++) {
        char name[64];
        uint32_t single = (uint32_t)(ns[0][i] / pages), clusters = (uint32_t)(ns[1][i] / pages);

        format(name, sizeof name, "%u MiB in %u: %s", pages >> 8, pages / 4 * 3 >> 8, phase[i]);
        os_log("bench: %-44s %10u %10u %10u %9u%s", name, single, clusters, single * 100 / (clusters | 1),
               aim[i] * 1000, clusters > aim[i] * 1000 ? "  missed" : "");
        format(name, sizeof name, "%s, pages a second", phase[i]);
        os_log("bench: %-44s %10u %10u", name, 1000000000u / (single | 1), 1000000000u / (clusters | 1));
    }
    os_log("bench: %-44s %10llu %10llu", "write requests", writes[0], writes[1]);
    os_log("bench: %-44s %10llu %10llu", "read requests", reads[0], reads[1]);
    while (taken.head) {
        struct frame *f = pfn_frame(p, taken.head);

        frame_list_remove(p, &taken, f);
        frame_free(p, f);
    }
}

void bench_main(void)
{
    struct frame_pool *p = &frame_pool_sys;
    uint64_t ns = os_now_ns();

    if (!cpu_features.tsc) {
        os_log("bench: this processor has no time-stamp counter");
        return;
    }
    calibrate();
    startup(ns);

    struct frame *a = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY);
    struct frame *b = frame_alloc(p, FRAME_KERNEL, FRAME_LOW_ONLY);

    mm_assert(a && b, "no two frames");
    heading("allocators");
    bench_pages(frame_ptr(p, frame_pfn(p, a)), frame_ptr(p, frame_pfn(p, b)));
    bench_frames();
    bench_slab();
    bench_kva();
    heading("tasks");
    bench_tasks();
    heading("translations");
    bench_tlb();
    heading("spaces");
    bench_faults(frame_ptr(p, frame_pfn(p, a)));
    bench_many_regions();
    bench_forks();
    bench_mappings();
    heading("a look at a page by policy");
    bench_policies();
    frame_free(p, b);
    frame_free(p, a);
    if (!counts_instructions)
        bench_disk();
}
