/*
 * Swap on the machine's own disk: pages of vm_sys go out through the driver and come back. The disk may be a
 * bad one (tests/boot/swap-errors.t attaches such): what it cannot read costs the page that was there, what
 * it cannot write costs nothing, and what the slots hold is read behind swap's back to know which is which.
 */
#include "kernel/dev/disk.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/machine.h"
#include "tests/vt.h"

#define RW           (REGION_READ | REGION_WRITE)
#define PAGE_SECTORS ((uint64_t)(PAGE_SIZE / BLOCK_SECTOR))
#define MOST_PAGES   1024u /* of a round: more than a bad disk of the boot tests has slots */

/* What became of a page that went out. */
enum fate {
    KEPT,    /* its slot could not be written: still in memory */
    ON_DISK, /* out, and the disk gives it back */
    LOST,    /* out, and the disk cannot read it */
};

struct round {
    struct kt *kt;
    struct space *s;
    vaddr_t va;
    uint32_t pages;
    uint32_t tag; /* of this round's contents */
    uint8_t *fate;
    uint32_t count[3];    /* pages by fate */
    uint64_t probe_fails; /* errors that the looking behind swap's back met */
};

static vaddr_t page_va(const struct round *r, uint32_t i)
{
    return r->va + ((vaddr_t)i << PAGE_SHIFT);
}

/* Three words of a page are not zero. */
static const uint32_t marked[] = {0, PAGE_SIZE / 8, PAGE_SIZE / 4 - 1};

static uint32_t content(const struct round *r, uint32_t page, uint32_t word)
{
    for (unsigned k = 0; k < ARRAY_LEN(marked); k++)
        if (marked[k] == word)
            return (r->tag + page) * 2654435761u ^ word;
    return 0;
}

static uint64_t device_errors(void)
{
    uint64_t errors = 0;

    for (const struct block_device *d = block_first(); d; d = d->next)
        errors += d->errors;
    return errors;
}

static void wait_for_writes(void)
{
    while (vm_sys.swap.io_active)
        swap_finish(&vm_sys, true, true);
}

static bool fill(struct round *r)
{
    struct kt *kt = r->kt;

    for (uint32_t i = 0; i < r->pages; i++)
        for (unsigned k = 0; k < ARRAY_LEN(marked); k++) {
            enum fault_verdict v = vt_write(r->s, page_va(r, i) + marked[k] * 4, content(r, i, marked[k]));

            EXPECT(v == FAULT_RESUME, "page %u: %s", i, fault_verdict_name(v));
            if (v != FAULT_RESUME)
                return false;
        }
    return true;
}

static void evict_frame(struct kt *kt, struct frame *f, uint32_t page)
{
    int err = reclaim_evict(&vm_sys, f);

    EXPECT(err == 0, "evicting page %u: %d", page, err);
}

/* Every page leaves the space and memory, the first half by the clock in clusters, the rest one by one. */
static void send_out(struct round *r)
{
    struct kt *kt = r->kt;

    vt_idle();
    r->s->tables_kept = 1; /* this is about pages */
    reclaim_run(&vm_sys, r->pages / 2);
    wait_for_writes();
    for (uint32_t i = 0; i < r->pages; i++) {
        pte_t *e = pt_resident_entry(&r->s->pt, page_va(r, i));

        if (e && pte_has_frame(*e))
            evict_frame(kt, pfn_frame(vm_sys.pool, pte_pfn(*e)), i);
        EXPECT(e && pte_is_swap(*e), "page %u is not out", i);
        if (!e || !pte_is_swap(*e))
            continue;

        /* A page that was written stays in the swap cache if its victim was still pinned then. */
        slot_t slot = pte_slot(*e);
        struct frame *f = swap_cached(&vm_sys, slot);

        if (f && !swap_bad(&vm_sys, slot))
            evict_frame(kt, f, i);
    }
}

/* The frame holds a page as this round wrote it. */
static bool frame_holds(const struct round *r, pfn_t pfn, uint32_t page)
{
    const uint32_t *w = window_open(vm_sys.pool, pfn);
    bool same = true;

    for (uint32_t i = 0; i < PAGE_SIZE / 4; i++)
        same &= w[i] == content(r, page, i);
    window_close(vm_sys.pool, (void *)w);
    return same;
}

/* Find out what became of each page: read its slot past swap. */
static void probe(struct round *r, struct frame *scratch)
{
    struct kt *kt = r->kt;
    struct swap *sw = &vm_sys.swap;
    pfn_t pfn = frame_pfn(vm_sys.pool, scratch);
    paddr_t phys = (paddr_t)pfn << PAGE_SHIFT;

    for (uint32_t i = 0; i < r->pages; i++) {
        const pte_t *e = pt_resident_entry(&r->s->pt, page_va(r, i));
        struct frame *f;
        slot_t slot;

        if (!e || !pte_is_swap(*e))
            continue; /* reported already */
        slot = pte_slot(*e);
        f = swap_cached(&vm_sys, slot);
        EXPECT(!f == !swap_bad(&vm_sys, slot), "slot %x: %s, %s", slot, f ? "in memory" : "out",
               swap_bad(&vm_sys, slot) ? "bad" : "good");
        if (f) {
            r->fate[i] = KEPT;
            EXPECT(frame_holds(r, frame_pfn(vm_sys.pool, f), i), "page %u, which was kept, has changed", i);
        } else {
            struct block_device *d = sw->area[slot >> SWAP_AREA_SHIFT]->dev;
            uint64_t page = slot & (SWAP_AREA_PAGES - 1), errors = d->errors;
            int err = disk_read(d, page * PAGE_SECTORS, &phys, 1);

            r->fate[i] = err ? LOST : ON_DISK;
            r->probe_fails += d->errors - errors;
            EXPECT(err || frame_holds(r, pfn, i), "%s page %llu is not page %u as it was", d->name,
                   (unsigned long long)page, i);
        }
        r->count[r->fate[i]]++;
    }
}

/* Read page i as a program. A page that is lost says so, and goes on saying so. */
static void read_back(struct round *r, uint32_t i)
{
    struct kt *kt = r->kt;

    for (unsigned k = 0; k < ARRAY_LEN(marked); k++) {
        uint32_t got = 0;
        enum fault_verdict v = vt_read(r->s, page_va(r, i) + marked[k] * 4, &got);

        if (r->fate[i] == LOST) {
            EXPECT(v == FAULT_BUS, "page %u, which cannot be read: %s", i, fault_verdict_name(v));
            continue;
        }
        EXPECT(v == FAULT_RESUME && got == content(r, i, marked[k]), "page %u word %u: %s, %x", i, marked[k],
               fault_verdict_name(v), got);
    }
}

/* All of it back: in order, or from both ends to the middle and a random page between. */
static void bring_back(struct round *r, bool in_order)
{
    for (uint32_t i = 0; i < r->pages; i++) {
        read_back(r, in_order ? i : (i % 2 ? r->pages - 1 - i / 2 : i / 2));
        if (!in_order)
            read_back(r, kt_below(r->kt, r->pages));
    }
}

static void one_round(struct round *r, bool in_order)
{
    struct kt *kt = r->kt;
    struct swap *sw = &vm_sys.swap;
    struct frame *scratch = frame_alloc(vm_sys.pool, FRAME_KERNEL, 0);
    uint64_t errors = device_errors(), reads = sw->read_errors, writes = sw->write_errors;
    uint64_t in = sw->pages_in, out = sw->pages_out;
    uint32_t total = sw->total;

    REQUIRE(scratch, "no frame");
    r->s = space_create(&vm_sys);

    int err = r->s ? space_map(r->s, &r->va, (size_t)r->pages << PAGE_SHIFT, RW, NULL, 0) : -ENOMEM;

    EXPECT(err == 0, "a space of %u pages: %d", r->pages, err);
    if (err == 0 && fill(r)) {
        send_out(r);
        probe(r, scratch);
        EXPECT(r->count[KEPT] + r->count[ON_DISK] + r->count[LOST] == r->pages, "%u kept, %u out, %u lost",
               r->count[KEPT], r->count[ON_DISK], r->count[LOST]);
        EXPECT(sw->pages_out - out == r->count[ON_DISK] + r->count[LOST], "%llu pages written",
               (unsigned long long)(sw->pages_out - out));
        EXPECT(sw->total == total - r->count[KEPT], "%u slots of %u after %u could not be written", sw->total,
               total, r->count[KEPT]);
        bring_back(r, in_order);
        EXPECT(sw->pages_in - in >= r->count[ON_DISK], "%llu pages read",
               (unsigned long long)(sw->pages_in - in));
        EXPECT(sw->total == total - r->count[KEPT] - r->count[LOST], "%u slots of %u after %u errors",
               sw->total, total, r->count[KEPT] + r->count[LOST]);
        EXPECT(vm_verify(&vm_sys), "verification");
    }
    if (r->s)
        space_destroy(r->s);
    frame_free(vm_sys.pool, scratch);
    vt_idle();

    /* A bad page fails by itself, and before in every request for a cluster around it. */
    EXPECT(sw->read_errors - reads >= r->count[LOST], "%llu read errors, %u pages lost",
           (unsigned long long)(sw->read_errors - reads), r->count[LOST]);
    EXPECT(sw->write_errors - writes >= r->count[KEPT], "%llu write errors, %u pages kept",
           (unsigned long long)(sw->write_errors - writes), r->count[KEPT]);
    EXPECT(device_errors() - errors == sw->read_errors - reads + sw->write_errors - writes + r->probe_fails,
           "the disk failed %llu times, swap met %llu read and %llu write errors",
           (unsigned long long)(device_errors() - errors - r->probe_fails),
           (unsigned long long)(sw->read_errors - reads), (unsigned long long)(sw->write_errors - writes));
    EXPECT(sw->free == sw->total, "%u of %u slots are free", sw->free, sw->total);
}

/* As many pages as slots if that is possible, so that no slot is left out. */
static void swap_rounds(struct kt *kt, bool clustering)
{
    struct swap *sw = &vm_sys.swap;
    bool before = sw->clustering, all_met = false;

    if (!sw->total) {
        kt_skip(kt, "no swap disk");
        return;
    }
    sw->clustering = clustering;
    for (unsigned n = 0; n < 2 && sw->free; n++) {
        struct round r = {.kt = kt, .pages = sw->free, .tag = kt_random(kt)};
        uint32_t frames = frame_free_count(vm_sys.pool);

        if (r.pages > MOST_PAGES)
            r.pages = MOST_PAGES;
        if (r.pages > frames / 2) /* so that nothing is evicted but by this test */
            r.pages = frames / 2;
        bool every_slot = r.pages == sw->free;

        r.fate = kt_alloc(r.pages);
        if (!r.fate) {
            kt_skip(kt, "no memory");
            break;
        }
        one_round(&r, n == 0);
        kt_release(r.fate);
        kt_note(kt, "%u pages%s: %u out, %u lost, %u kept", r.pages, every_slot ? ", every slot" : "",
                r.count[ON_DISK], r.count[LOST], r.count[KEPT]);
        if (all_met)
            EXPECT(r.count[LOST] + r.count[KEPT] == 0, "a bad slot was used again");
        all_met = every_slot;
    }
    sw->clustering = before;
}

TEST(swapdisk, in_clusters)
{
    swap_rounds(kt, true);
}

TEST(swapdisk, page_by_page)
{
    swap_rounds(kt, false);
}
