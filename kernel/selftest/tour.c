/* The order of the tour, and what its parts share. */
#include "kernel/selftest/tour.h"
#include "kernel/lib/format.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/proc/page_fault.h"
#include "kernel/selftest/tour_parts.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/reclaim.h"

#define NS_A_MS      1000000u
#define DEFAULT_SEED 20261120u
/* Slots that the steps before the large working set need. */
#define SMALL_SWAP 8u

static struct {
    unsigned part, step, failures;
    uint64_t random;
} tour;

/* --- telling --- */

static void blank_line(void)
{
    printk(LOG_INFO, "%s", "");
}

void tour_part(const char *title)
{
    tour.part++;
    tour.step = 0;
    blank_line();
    printk(LOG_INFO, "%u. %s", tour.part, title);
}

void tour_step(const char *title)
{
    tour.step++;
    printk(LOG_INFO, "%u.%u %s", tour.part, tour.step, title);
}

void tour_say(const char *fmt, ...)
{
    char line[2 * TOUR_TEXT]; /* too long is better than cut off */
    va_list ap;

    va_start(ap, fmt);
    format_args(line, sizeof line, fmt, ap);
    va_end(ap);
    printk(LOG_INFO, "  %s", line);
}

bool tour_check(bool ok, const char *fmt, ...)
{
    char line[2 * TOUR_TEXT];
    va_list ap;

    if (ok)
        return true;
    tour.failures++;
    va_start(ap, fmt);
    format_args(line, sizeof line, fmt, ap);
    va_end(ap);
    os_log("tour: FAILED: %u.%u: %s", tour.part, tour.step, line);
    return false;
}

/* --- doing --- */

struct space *tour_space(void)
{
    struct space *s = space_create(&vm_sys);

    tour_check(s, "no memory for a space");
    return s;
}

struct space *tour_fork(struct space *s)
{
    struct space *child = NULL;
    int err = space_fork(s, &child);

    tour_check(err == 0, "space_fork says %d", err);
    return child;
}

void tour_map(struct space *s, vaddr_t va, uint32_t pages, unsigned flags, struct object *o)
{
    int err = space_map(s, &va, (size_t)pages << PAGE_SHIFT, flags | MAP_AT, o, 0);

    tour_check(err == 0, "space_map at %08x says %d", va, err);
}

void tour_read(struct space *s, vaddr_t va, uint32_t want)
{
    uint32_t got = ~want;
    enum fault_verdict v = page_fault_read32(s, va, &got);

    if (tour_check(v == FAULT_RESUME, "reading %08x: %s", va, fault_verdict_name(v)))
        tour_check(got == want, "%08x holds %x, not %x", va, got, want);
}

void tour_write(struct space *s, vaddr_t va, uint32_t value)
{
    enum fault_verdict v = page_fault_write32(s, va, value);

    tour_check(v == FAULT_RESUME, "writing %08x: %s", va, fault_verdict_name(v));
}

void tour_evict(struct space *s, vaddr_t va)
{
    struct frame *f = tour_frame(s, va);

    if (!tour_check(f, "there is no frame at %08x to evict", va))
        return;
    int err = reclaim_evict(&vm_sys, f);

    tour_check(err == 0 && !tour_frame(s, va), "evicting %08x: %d", va, err);
}

void tour_leave(struct space **s, unsigned n)
{
    space_activate(NULL);
    for (unsigned i = 0; i < n; i++) {
        if (s[i])
            space_destroy(s[i]);
        s[i] = NULL;
    }
}

bool tour_has_swap(void)
{
    if (vm_sys.swap.free >= SMALL_SWAP)
        return true;
    tour_say("Left out: no disk with swap space, so pages cannot leave memory.");
    return false;
}

/* --- looking --- */

struct frame *tour_frame(struct space *s, vaddr_t va)
{
    const pte_t *e = pt_resident_entry(&s->pt, va);

    return e && pte_has_frame(*e) ? pfn_frame(vm_sys.pool, pte_pfn(*e)) : NULL;
}

static void show_frame(const struct frame *f)
{
    const char *s = f->maps == 1 ? "y" : "ies";

    if (frame_pfn(vm_sys.pool, f) == vm_sys.zero_pfn)
        tour_say("       frame: the shared zero frame, never counted");
    else if (f->slot == SLOT_NONE)
        tour_say("       frame: use %s, named by %u entr%s, no slot", frame_use_name(f->use), f->maps, s);
    else
        tour_say("       frame: use %s, named by %u entr%s, clean copy in slot %u", frame_use_name(f->use),
                 f->maps, s, f->slot);
}

static void show_table(struct space *s, vaddr_t va)
{
    const struct frame *t = pt_resident_table(&s->pt, va);

    if (t->maps > 1)
        tour_say("       table: frame %u, shared by %u spaces, its entry read-only",
                 frame_pfn(vm_sys.pool, t), t->maps);
    else if (pt_span_readonly(&s->pt, va))
        tour_say("       table: frame %u, its own, the entry still read-only", frame_pfn(vm_sys.pool, t));
}

void tour_show(const char *who, struct space *s, vaddr_t va)
{
    const pte_t *e = pt_resident_entry(&s->pt, va);

    if (!e && pt_span(&s->pt, va) == PT_OUT) {
        tour_say("%-6s %08x -> page table in slot %u, named by %u", who, va, pt_out_slot(&s->pt, va),
                 swap_count(&vm_sys, pt_out_slot(&s->pt, va)));
    } else if (!e) {
        tour_say("%-6s %08x -> no page table", who, va);
    } else if (pte_empty(*e)) {
        tour_say("%-6s %08x -> empty entry", who, va);
    } else if (pte_is_swap(*e)) {
        tour_say("%-6s %08x -> not present, swap slot %u, named by %u", who, va, pte_slot(*e),
                 swap_count(&vm_sys, pte_slot(*e)));
    } else {
        tour_say("%-6s %08x -> frame %u, %s %s %s %s", who, va, pte_pfn(*e),
                 pte_present(*e)  ? "present"
                 : pte_parked(*e) ? "parked"
                                  : "held",
                 pte_writable(*e) ? "writable" : "read-only", pte_accessed(*e) ? "accessed" : "unused",
                 pte_dirty(*e) ? "dirty" : "clean");
        show_frame(tour_frame(s, va));
    }
    if (e)
        show_table(s, va);
}

/* --- counting --- */

/* Events since boot are 64 bits wide, levels 32. */
static const struct {
    const char *name;
    const uint64_t *events;
    const uint32_t *level;
} counters[TOUR_COUNTERS] = {
    [TOUR_FAULTS] = {"page faults", &vm_sys.stats.faults, NULL},
    [TOUR_MAP_ZERO] = {"zero frame mapped", &vm_sys.stats.by_action[FAULT_MAP_ZERO], NULL},
    [TOUR_FILL_ZERO] = {"pages zeroed", &vm_sys.stats.by_action[FAULT_FILL_ZERO], NULL},
    [TOUR_OWN_TABLE] = {"tables made own", &vm_sys.stats.by_action[FAULT_OWN_TABLE], NULL},
    [TOUR_COPY] = {"pages copied", &vm_sys.stats.by_action[FAULT_COPY], NULL},
    [TOUR_TAKE_OVER] = {"pages taken over", &vm_sys.stats.by_action[FAULT_TAKE_OVER], NULL},
    [TOUR_OBJECT_IN] = {"file pages mapped", &vm_sys.stats.by_action[FAULT_OBJECT_IN], NULL},
    [TOUR_SWAP_IN] = {"swap entries resolved", &vm_sys.stats.by_action[FAULT_SWAP_IN], NULL},
    [TOUR_BAD_ADDRESS] = {"bad addresses", &vm_sys.stats.by_action[FAULT_BAD_ADDRESS], NULL},
    [TOUR_BAD_ACCESS] = {"bad accesses", &vm_sys.stats.by_action[FAULT_BAD_ACCESS], NULL},
    [TOUR_TABLES_SHARED] = {"tables shared", &vm_sys.stats.tables_shared, NULL},
    [TOUR_TABLES_SPLIT] = {"tables split", &vm_sys.stats.tables_split, NULL},
    [TOUR_TABLES_CLAIMED] = {"tables claimed", &vm_sys.stats.tables_claimed, NULL},
    [TOUR_EVICTED] = {"evicted", &vm_sys.stats.evicted, NULL},
    [TOUR_EVICTED_CLEAN] = {"evicted clean", &vm_sys.stats.evicted_clean, NULL},
    [TOUR_PAGES_OUT] = {"pages written", &vm_sys.swap.pages_out, NULL},
    [TOUR_WRITES] = {"disk writes", &vm_sys.swap.writes, NULL},
    [TOUR_PAGES_IN] = {"pages read", &vm_sys.swap.pages_in, NULL},
    [TOUR_READS] = {"disk reads", &vm_sys.swap.reads, NULL},
    [TOUR_READAHEAD] = {"read ahead", &vm_sys.swap.readahead, NULL},
    [TOUR_READAHEAD_HITS] = {"read-ahead hits", &vm_sys.swap.readahead_hits, NULL},
    [TOUR_FREE_SLOTS] = {"free slots", NULL, &vm_sys.swap.free},
    [TOUR_ANON_FRAMES] = {"anon frames", NULL, &frame_pool_sys.used[FRAME_ANON]},
    [TOUR_OBJECT_FRAMES] = {"object frames", NULL, &frame_pool_sys.used[FRAME_OBJECT]},
    [TOUR_TABLE_FRAMES] = {"table frames", NULL, &frame_pool_sys.used[FRAME_TABLE]},
};

static uint64_t counter_now(enum tour_counter c)
{
    return counters[c].events ? *counters[c].events : *counters[c].level;
}

void tour_count(struct tour_counts *c)
{
    for (unsigned i = 0; i < TOUR_COUNTERS; i++)
        c->value[i] = counter_now(i);
}

int64_t tour_change(const struct tour_counts *since, enum tour_counter counter)
{
    return (int64_t)(counter_now(counter) - since->value[counter]);
}

static int wanted(const struct tour_change *want, enum tour_counter counter)
{
    for (; want->by; want++)
        if (want->counter == counter)
            return want->by;
    return 0;
}

/* "changed: a +1, b -2", on as many lines as it takes. */
static void show_changes(const struct tour_counts *since)
{
    static const char first[] = "changed: ", more[] = "         ";
    char line[TOUR_TEXT] = "", item[TOUR_TEXT];
    const char *lead = first;
    size_t used = 0;

    for (unsigned i = 0; i < TOUR_COUNTERS; i++) {
        int by = (int)tour_change(since, i);

        if (!by)
            continue;
        size_t n =
            format(item, sizeof item, "%s%s %s%d", used ? ", " : "", counters[i].name, by > 0 ? "+" : "", by);

        if (used && used + n > TOUR_TEXT - sizeof first) {
            tour_say("%s%s,", lead, line);
            lead = more;
            used = 0;
            n = format(item, sizeof item, "%s %s%d", counters[i].name, by > 0 ? "+" : "", by);
        }
        used += format(line + used, sizeof line - used, "%s", item);
    }
    tour_say("%s%s", lead, used ? line : "nothing");
}

void tour_back(const struct tour_counts *since)
{
    for (unsigned i = 0; i < TOUR_COUNTERS; i++)
        if (counters[i].level)
            tour_check(tour_change(since, i) == 0, "%s: %d since the beginning", counters[i].name,
                       (int)tour_change(since, i));
}

void tour_expect(const struct tour_counts *since, const struct tour_change *want)
{
    show_changes(since);
    for (unsigned i = 0; i < TOUR_COUNTERS; i++) {
        int by = (int)tour_change(since, i);

        tour_check(by == wanted(want, i), "%s changed by %d, not by %d", counters[i].name, by,
                   wanted(want, i));
    }
}

/* --- chance --- */

void tour_seed(void)
{
    tour.random = params.seed ? params.seed : DEFAULT_SEED;
}

/* xorshift64* */
uint32_t tour_below(uint32_t n)
{
    tour.random ^= tour.random >> 12;
    tour.random ^= tour.random << 25;
    tour.random ^= tour.random >> 27;
    uint32_t word = (uint32_t)((tour.random * 0x2545F4914F6CDD1DULL) >> 32);

    return (uint32_t)(((uint64_t)word * n) >> 32);
}

/* --- the order --- */

static void memory_part(void)
{
    const struct frame_pool *p = &frame_pool_sys;
    uint32_t frames = p->end - p->start, sum = 0;

    tour_part("The machine's memory");
    tour_say("Above: what the loader reported, and where the kernel put what. Each frame");
    tour_say("of 4 KiB has a record that says its one use; the uses add up to the machine.");
    for (unsigned u = 0; u < FRAME_USES; u++)
        sum += p->used[u];
    tour_say("%u frames, %u in the sum of uses; records of %u bytes take %u KiB", frames, sum,
             (unsigned)sizeof(struct frame), (unsigned)(frames * sizeof(struct frame) >> 10));
    tour_say("reclaim starts below %u free frames and stops at %u; %u are kept for itself", p->marks.low,
             p->marks.high, p->marks.min);
    tour_check(sum == frames, "%u frames, but the uses add up to %u", frames, sum);
}

bool tour_run(const struct bootinfo *boot)
{
    uint64_t began = os_now_ns();

    tour_seed();
    blank_line();
    printk(LOG_INFO, "The tour: every mechanism runs for real, and what is claimed is checked.");
    memory_part();
    tour_page_life();
    tour_shared_page();
    tour_file_image(boot);
    tour_large_set();
    tour_frames_under_load();
    tour_fit_policies();
    tour_bad_access();
    blank_line();
    os_log("tour: %u parts, %u claims failed, %llu ms", tour.part, tour.failures,
           (unsigned long long)((os_now_ns() - began) / NS_A_MS));
    return tour.failures == 0;
}
