/* What /proc says about the system as a whole. */
#include "drivers/lapic.h"
#include "drivers/pic.h"
#include "kernel/dev/devices.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/kmsg.h"
#include "kernel/fs/ramfs.h"
#include "kernel/lib/format.h"
#include "kernel/proc/process.h"
#include "kernel/proc/uts.h"
#include "kernel/procfs/procfs.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/pressure.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/stat.h"
#include "kernel/sched/time.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/census.h"
#include "mm/kva_map.h"
#include "mm/layout.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/x86/cpu.h"

#define CENTISECOND 10000000u /* Linux's USER_HZ */
#define SECOND      1000000000ull

static const char *const zone_name[FRAME_ZONES] = {[ZONE_LOW] = "Normal", [ZONE_HIGH] = "HighMem"};

/* --- memory --- */

/* One moment's figures. In frames unless they say otherwise. */
struct figures {
    struct census c;
    uint32_t total; /* every frame of RAM, whatever it is used for */
    uint32_t free, slab, slab_reclaimable, available;
    uint32_t active_anon, inactive_anon, active_file, inactive_file;
};

static void count_empty_slabs(struct cache *c, void *arg)
{
    *(uint32_t *)arg += c->empty_slabs << c->order;
}

/*
 * "Active" is what an entry names, "inactive" what is kept because it may be wanted again: the clock keeps
 * one list, and these are the two states that a page can have on it.
 */
static void figures_take(struct figures *f)
{
    struct vm *vm = &vm_sys;
    const struct frame_pool *p = vm->pool;

    census_take(vm, &f->c);
    f->total = p->end - p->start - p->used[FRAME_RESERVED];
    f->free = frame_free_count(p);
    f->slab = p->used[FRAME_SLAB];
    f->slab_reclaimable = 0;
    slab_each(vm->pool, count_empty_slabs, &f->slab_reclaimable);
    f->active_anon = f->c.anon_mapped + f->c.shmem_mapped - f->c.locked_anon;
    f->inactive_anon = f->c.anon + f->c.shmem - f->active_anon - f->c.locked_anon;
    f->active_file = f->c.file_mapped - f->c.locked_file;
    f->inactive_file = f->c.file - f->c.file_mapped;

    /* What programs could still get without swapping: Linux's estimate, with our watermarks. */
    uint32_t cache = f->active_file + f->inactive_file, low = p->marks.low;
    uint32_t have = f->free + cache - (cache / 2 < low ? cache / 2 : low) + f->slab_reclaimable;

    f->available = have > p->marks.min ? have - p->marks.min : 0;
}

static uint32_t kva_pages(void)
{
    return kva_map_sys.stack_pages + kva_map_sys.table_pages + kva_map_sys.device_pages;
}

static int show_meminfo(struct text *t, const struct proc_node *n)
{
    const struct vm *vm = &vm_sys;
    const struct frame_pool *p = vm->pool;
    struct figures f;

    (void)n;
    figures_take(&f);
    text_pages(t, "MemTotal", f.total);
    text_pages(t, "MemFree", f.free);
    text_pages(t, "MemAvailable", f.available);
    text_pages(t, "Buffers", 0);
    text_pages(t, "Cached", f.c.file + f.c.shmem);
    text_pages(t, "SwapCached", f.c.swap_cached);
    text_pages(t, "Active", f.active_anon + f.active_file);
    text_pages(t, "Inactive", f.inactive_anon + f.inactive_file);
    text_pages(t, "Active(anon)", f.active_anon);
    text_pages(t, "Inactive(anon)", f.inactive_anon);
    text_pages(t, "Active(file)", f.active_file);
    text_pages(t, "Inactive(file)", f.inactive_file);
    text_pages(t, "Unevictable", f.c.locked_anon + f.c.locked_file);
    text_pages(t, "Mlocked", f.c.locked_anon + f.c.locked_file);
    text_pages(t, "HighTotal", p->managed[ZONE_HIGH]);
    text_pages(t, "HighFree", census_zone_free(p, ZONE_HIGH));
    text_pages(t, "LowTotal", f.total - p->managed[ZONE_HIGH]);
    text_pages(t, "LowFree", census_zone_free(p, ZONE_LOW));
    text_pages(t, "SwapTotal", vm->swap.total);
    text_pages(t, "SwapFree", vm->swap.free);
    text_pages(t, "Dirty", f.c.dirty);
    text_pages(t, "Writeback", f.c.writeback);
    text_pages(t, "AnonPages", f.c.anon_mapped);
    text_pages(t, "Mapped", f.c.file_mapped + f.c.shmem_mapped);
    text_pages(t, "Shmem", f.c.shmem);
    text_pages(t, "KReclaimable", f.slab_reclaimable);
    text_pages(t, "Slab", f.slab);
    text_pages(t, "SReclaimable", f.slab_reclaimable);
    text_pages(t, "SUnreclaim", f.slab - f.slab_reclaimable);
    text_pages(t, "KernelStack", p->used[FRAME_STACK]);
    text_pages(t, "PageTables", p->used[FRAME_TABLE]);
    text_pages(t, "SecPageTables", 0);
    text_pages(t, "NFS_Unstable", 0);
    text_pages(t, "Bounce", 0);
    text_pages(t, "WritebackTmp", 0);
    text_pages(t, "CommitLimit", commit_limit(vm));
    text_kib(t, "Committed_AS", vm->committed << (PAGE_SHIFT - 10));
    text_kib(t, "VmallocTotal", (KVA_END - KVA_START) >> 10);
    text_pages(t, "VmallocUsed", kva_pages());
    text_pages(t, "VmallocChunk", 0);
    text_pages(t, "Percpu", 0);
    return 0;
}

static void count(struct text *t, const char *name, uint64_t value)
{
    text_print(t, "%s %llu\n", name, (unsigned long long)value);
}

/* What both vmstat and zoneinfo's "per-node stats" have. */
static void node_counts(struct text *t, const struct figures *f, const char *indent, int width)
{
    const struct vm *vm = &vm_sys;
    const struct {
        const char *name;
        uint64_t value;
    } c[] = {
        {"nr_inactive_anon", f->inactive_anon},
        {"nr_active_anon", f->active_anon},
        {"nr_inactive_file", f->inactive_file},
        {"nr_active_file", f->active_file},
        {"nr_unevictable", f->c.locked_anon + f->c.locked_file},
        {"nr_slab_reclaimable", f->slab_reclaimable},
        {"nr_slab_unreclaimable", f->slab - f->slab_reclaimable},
        {"nr_anon_pages", f->c.anon_mapped},
        {"nr_mapped", f->c.file_mapped + f->c.shmem_mapped},
        {"nr_file_pages", f->c.file + f->c.shmem + f->c.swap_cached},
        {"nr_dirty", f->c.dirty},
        {"nr_writeback", f->c.writeback},
        {"nr_shmem", f->c.shmem},
        {"nr_vmscan_write", vm->swap.pages_out},
        {"nr_written", vm->swap.pages_out},
        {"nr_kernel_stack", KIB(vm->pool->used[FRAME_STACK])}, /* the only one in KiB, as Linux has it */
        {"nr_page_table_pages", vm->pool->used[FRAME_TABLE]},
        {"nr_swapcached", f->c.swap_cached},
    };

    for (unsigned i = 0; i < ARRAY_LEN(c); i++)
        text_print(t, "%s%-*s %llu\n", indent, width, c[i].name, (unsigned long long)c[i].value);
}

static int show_vmstat(struct text *t, const struct proc_node *n)
{
    const struct vm *vm = &vm_sys;
    const struct vm_stats *s = &vm->stats;
    const struct swap *sw = &vm->swap;
    struct policy_counts p = pageable_counts(&vm->pageable);
    struct figures f;

    (void)n;
    figures_take(&f);
    count(t, "nr_free_pages", f.free);
    count(t, "nr_zone_inactive_anon", f.inactive_anon);
    count(t, "nr_zone_active_anon", f.active_anon);
    count(t, "nr_zone_inactive_file", f.inactive_file);
    count(t, "nr_zone_active_file", f.active_file);
    count(t, "nr_zone_unevictable", f.c.locked_anon + f.c.locked_file);
    count(t, "nr_zone_write_pending", f.c.dirty + f.c.writeback);
    count(t, "nr_mlock", f.c.locked_anon + f.c.locked_file);
    node_counts(t, &f, "", 0);
    count(t, "pgpgin", KIB(1) * sw->pages_in);
    count(t, "pgpgout", KIB(1) * sw->pages_out);
    count(t, "pswpin", sw->pages_in);
    count(t, "pswpout", sw->pages_out);
    count(t, "pgalloc_normal", vm->pool->allocs);
    count(t, "allocstall_normal", s->direct_reclaims);
    count(t, "pgfree", frame_frees(vm->pool));
    count(t, "pgactivate", s->reactivated);
    count(t, "pgdeactivate", p.demoted);
    count(t, "workingset_refault_anon", p.refaults_anon);
    count(t, "workingset_refault_file", p.refaults_object);
    count(t, "workingset_activate", p.promoted);
    count(t, "pgfault", s->faults);
    count(t, "pgmajfault", s->major);
    count(t, "pglazyfreed", s->lazy_freed);
    count(t, "pgreuse", s->by_action[FAULT_TAKE_OVER]);
    count(t, "pgscan_kswapd", s->scanned - s->scanned_direct);
    count(t, "pgscan_direct", s->scanned_direct);
    count(t, "pgsteal_kswapd", s->evicted - s->evicted_direct);
    count(t, "pgsteal_direct", s->evicted_direct);
    count(t, "pgtable_out", s->tables_out);
    count(t, "pgtable_in", s->tables_in);
    count(t, "pageoutrun", s->daemon_rounds);
    count(t, "pgpark", p.parked);
    count(t, "pgsalvage_clean", p.salvaged_clean);
    count(t, "pgsalvage_modified", p.salvaged_dirty);
    count(t, "pgwash", p.washed);
    count(t, "drop_pagecache", s->cache_drops);
    count(t, "drop_slab", s->slab_drops);
    count(t, "oom_kill", s->oom_kills);
    count(t, "swap_ra", sw->readahead);
    count(t, "swap_ra_hit", sw->readahead_hits);
    count(t, "swap_lost", sw->pages_lost);
    return 0;
}

static int show_pressure(struct text *t, const struct proc_node *n)
{
    static const char *const name[] = {[PRESSURE_SOME] = "some", [PRESSURE_FULL] = "full"};
    struct stall s;

    (void)n;
    pressure_read(&s);
    for (unsigned k = 0; k < ARRAY_LEN(name); k++) {
        const uint32_t *a = s.average[k];

        text_print(t, "%s avg10=%u.%02u avg60=%u.%02u avg300=%u.%02u total=%llu\n", name[k],
                   stall_percent(a[0]), stall_hundredths(a[0]), stall_percent(a[1]), stall_hundredths(a[1]),
                   stall_percent(a[2]), stall_hundredths(a[2]), (unsigned long long)(s.total_ns[k] / 1000));
    }
    return 0;
}

static int show_buddyinfo(struct text *t, const struct proc_node *n)
{
    const struct frame_pool *p = &frame_pool_sys;

    (void)n;
    for (unsigned z = 0; z < FRAME_ZONES; z++) {
        if (!p->managed[z])
            continue;
        text_print(t, "Node 0, zone %8s ", zone_name[z]);
        for (unsigned k = 0; k < BUDDY_ORDERS; k++)
            text_print(t, "%6u ", p->zone[z].blocks[k]);
        text_put(t, "\n", 1);
    }
    return 0;
}

static void show_zone(struct text *t, const struct frame_pool *p, enum frame_zone z)
{
    const struct buddy *b = &p->zone[z];
    uint32_t all = p->managed[ZONE_LOW] + p->managed[ZONE_HIGH];
    const struct {
        const char *name;
        uint32_t value;
    } row[] = {
        {"boost", 0},
        {"min", (uint32_t)((uint64_t)p->marks.min * p->managed[z] / all)},
        {"low", (uint32_t)((uint64_t)p->marks.low * p->managed[z] / all)},
        {"high", (uint32_t)((uint64_t)p->marks.high * p->managed[z] / all)},
        {"spanned", b->end - b->start},
        {"present", p->managed[z]},
        {"managed", p->managed[z]},
    };

    text_print(t, "  pages free     %u\n", census_zone_free(p, z));
    for (unsigned i = 0; i < ARRAY_LEN(row); i++)
        text_print(t, "        %-8s %u\n", row[i].name, row[i].value);
    text_print(t, "      nr_free_pages %u\n", census_zone_free(p, z));
    text_print(t,
               "  pagesets\n    cpu: 0\n              count:    %u\n              high:     %u\n"
               "              batch:    1\n",
               p->hot[z].count, FRAME_HOT_MAX);
    text_print(t, "  start_pfn:           %u\n", b->start);
}

static int show_zoneinfo(struct text *t, const struct proc_node *n)
{
    const struct frame_pool *p = &frame_pool_sys;
    struct figures f;

    (void)n;
    figures_take(&f);
    for (unsigned z = 0; z < FRAME_ZONES; z++) {
        if (!p->managed[z])
            continue;
        text_print(t, "Node 0, zone %8s\n", zone_name[z]);
        if (z == ZONE_LOW) {
            text_print(t, "  per-node stats\n");
            node_counts(t, &f, "      ", 12);
        }
        show_zone(t, p, (enum frame_zone)z);
    }
    return 0;
}

static void show_cache(struct cache *c, void *arg)
{
    uint32_t slabs = c->slab_count;

    text_print(arg, "%-17s %6u %6u %6u %4u %4u : tunables %4u %4u %4u : slabdata %6u %6u %6u\n", c->name,
               cache_in_use(c), slabs * c->per_slab, c->size, c->per_slab, 1u << c->order, c->magazine_size,
               1, 0, slabs - c->empty_slabs, slabs, 0);
}

static int show_slabinfo(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "slabinfo - version: 2.1\n");
    text_print(t, "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>");
    text_print(t, " : tunables <limit> <batchcount> <sharedfactor>");
    text_print(t, " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    slab_each(&frame_pool_sys, show_cache, t);
    return 0;
}

static int show_swaps(struct text *t, const struct proc_node *n)
{
    const struct swap *sw = &vm_sys.swap;

    (void)n;
    text_print(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    for (unsigned i = 0; i < SWAP_AREAS; i++) {
        const struct swap_area *a = sw->area[i];
        uint64_t size, used;
        char name[32];
        int len;

        if (!a)
            continue;
        len = (int)format(name, sizeof name, "/dev/%s", a->dev->name);
        size = KIB(a->pages - 1 - a->bad);
        used = size - KIB(a->free);
        text_print(t, "%s%*s%s\t%llu\t%s%llu\t%s%d\n", name, len < 40 ? 40 - len : 1, " ", "partition",
                   (unsigned long long)size, size < 10000000 ? "\t" : "", (unsigned long long)used,
                   used < 10000000 ? "\t" : "", a->priority);
    }
    return 0;
}

/* --- time --- */

/* All, then of each line. That of the local APIC's timer is no line. */
static void show_interrupts(struct text *t)
{
    uint64_t sum = lapic_timer_count();

    for (unsigned i = 0; i < IRQ_COUNT; i++)
        sum += irq_count(i);
    text_print(t, "intr %llu", (unsigned long long)sum);
    for (unsigned i = 0; i < IRQ_COUNT; i++)
        text_print(t, " %llu", (unsigned long long)irq_count(i));
    text_put(t, "\n", 1);
}

/* Lines that somebody listens to, as Linux lists them on a machine with the old controllers. */
static int show_interrupt_lines(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "           CPU0       \n");
    for (unsigned i = 0; i < IRQ_COUNT; i++) {
        const char *name = irq_name(i, 0);

        if (!name)
            continue;
        text_print(t, "%3u: %10llu    XT-PIC      %s", i, (unsigned long long)irq_count(i), name);
        for (unsigned k = 1; (name = irq_name(i, k)) != NULL; k++)
            text_print(t, ", %s", name);
        text_put(t, "\n", 1);
    }
    text_print(t, "LOC: %10llu   Local timer interrupts\nERR: %10u\n",
               (unsigned long long)lapic_timer_count(), irq_spurious());
    return 0;
}

static int show_stat(struct text *t, const struct proc_node *n)
{
    struct stat_time s;
    uint32_t running, blocked;

    (void)n;
    stat_time(&s);
    stat_threads(&running, &blocked);
    for (unsigned i = 0; i < 2; i++)
        text_print(t, "cpu%s %llu 0 %llu %llu 0 0 0 0 0 0\n", i ? "0" : " ",
                   (unsigned long long)(s.user_ns / CENTISECOND),
                   (unsigned long long)(s.system_ns / CENTISECOND),
                   (unsigned long long)(s.idle_ns / CENTISECOND));
    show_interrupts(t);
    text_print(t, "ctxt %llu\n", (unsigned long long)sched_stats.switches);
    text_print(t, "btime %llu\n", (unsigned long long)((clock_realtime_ns() - os_now_ns()) / SECOND));
    text_print(t, "processes %u\n", thread_total);
    text_print(t, "procs_running %u\n", running);
    text_print(t, "procs_blocked %u\n", blocked);
    text_print(t, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
    return 0;
}

static int show_uptime(struct text *t, const struct proc_node *n)
{
    struct stat_time s;
    uint32_t up = (uint32_t)(os_now_ns() / CENTISECOND), idle;

    (void)n;
    stat_time(&s);
    idle = (uint32_t)(s.idle_ns / CENTISECOND);
    text_print(t, "%u.%02u %u.%02u\n", up / 100, up % 100, idle / 100, idle % 100);
    return 0;
}

static int show_loadavg(struct text *t, const struct proc_node *n)
{
    uint32_t running, blocked;

    (void)n;
    stat_threads(&running, &blocked);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t hundredths = (loadavg[i] * 100 + (1u << (LOADAVG_SHIFT - 1))) >> LOADAVG_SHIFT;

        text_print(t, "%u.%02u ", hundredths / 100, hundredths % 100);
    }
    text_print(t, "%u/%u %d\n", running, thread_slots(), pid_last());
    return 0;
}

/* --- the machine --- */

/* Linux's names of the bits of CPUID leaf 1, EDX and ECX, and leaf 7, EBX. NULL: it shows none. */
static const char *const cpuid_names[3][32] = {
    {"fpu",  "vme",  "de",   "pse", "tsc",  "msr", "pae",   "mce", "cx8",     "apic", NULL,
     "sep",  "mtrr", "pge",  "mca", "cmov", "pat", "pse36", "pn",  "clflush", NULL,   "dts",
     "acpi", "mmx",  "fxsr", "sse", "sse2", "ss",  "ht",    "tm",  "ia64",    "pbe"},
    {"pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
     "vmx",    "smx",       "est",    "tm2",     "ssse3",
     "cid",    "sdbg",      "fma",    "cx16",    "xtpr",
     "pdcm",   NULL,        "pcid",   "dca",     "sse4_1",
     "sse4_2", "x2apic",    "movbe",  "popcnt",  "tsc_deadline_timer",
     "aes",    "xsave",     NULL,     "avx",     "f16c",
     "rdrand", "hypervisor"},
    {"fsgsbase", "tsc_adjust", "sgx",  "bmi1", "hle", "avx2", NULL, "smep",   "bmi2", "erms", "invpcid",
     "rtm",      NULL,         NULL,   NULL,   NULL,  NULL,   NULL, "rdseed", "adx",  "smap", NULL,
     NULL,       "clflushopt", "clwb", NULL,   NULL,  NULL,   NULL, "sha_ni", NULL,   NULL},
};

static void show_flags(struct text *t)
{
    uint32_t r[4], set[3] = {0};

    cpu_cpuid(1, 0, r);
    set[0] = r[3];
    set[1] = r[2];
    cpu_cpuid(0, 0, r);
    if (r[0] >= 7) {
        cpu_cpuid(7, 0, r);
        set[2] = r[1];
    }
    text_print(t, "flags\t\t:");
    for (unsigned i = 0; i < 3; i++)
        for (unsigned b = 0; b < 32; b++)
            if (set[i] >> b & 1 && cpuid_names[i][b])
                text_print(t, " %s", cpuid_names[i][b]);
    text_print(t, "\n");
}

static void model_name(char name[49])
{
    uint32_t r[4];

    cpu_cpuid(0x80000000, 0, r);
    if (r[0] < 0x80000004) {
        format(name, 49, "%u/%02x", cpu_features.family * 100u + 86, cpu_features.model);
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        cpu_cpuid(0x80000002 + i, 0, r);
        memcpy(name + 16 * i, r, 16);
    }
    name[48] = '\0';
}

static int show_cpuinfo(struct text *t, const struct proc_node *n)
{
    uint64_t khz = time_tsc_hz() / 1000;
    uint32_t r[4];
    char name[49], *model = name;

    (void)n;
    model_name(name);
    while (*model == ' ')
        model++;
    cpu_cpuid(0, 0, r);
    text_print(t, "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n",
               cpu_features.vendor, cpu_features.family, cpu_features.model, model);
    text_print(t, "stepping\t: %u\n", cpu_features.stepping);
    if (khz)
        text_print(t, "cpu MHz\t\t: %u.%03u\n", (unsigned)(khz / 1000), (unsigned)(khz % 1000));
    text_print(t, "physical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: 0\n");
    text_print(t, "initial apicid\t: 0\nfdiv_bug\t: no\nf00f_bug\t: no\ncoma_bug\t: no\n");
    text_print(t, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n", r[0]);
    show_flags(t);
    text_print(t, "bugs\t\t:\nbogomips\t: %u.%02u\n", (unsigned)(2 * khz / 1000),
               (unsigned)(2 * khz % 1000 / 10));
    text_print(t, "clflush size\t: 64\ncache_alignment\t: 64\n");
    text_print(t, "address sizes\t: 32 bits physical, 32 bits virtual\npower management:\n\n");
    return 0;
}

static int show_cmdline(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_put(t, proc_cmdline, strlen(proc_cmdline));
    text_put(t, "\n", 1);
    return 0;
}

static int show_version(struct text *t, const struct proc_node *n)
{
    (void)n;
    text_print(t, "%s version %s (quire@quire) (gcc (GCC) " __VERSION__ ") %s\n", UTS_SYSNAME, UTS_RELEASE,
               UTS_VERSION);
    return 0;
}

struct device_list {
    struct text *t;
    uint32_t mode;
    uint32_t last; /* major number, so that each is shown once */
};

static void show_device(uint32_t mode, uint32_t rdev, const char *name, void *arg)
{
    struct device_list *l = arg;
    uint32_t major = rdev >> 8;

    if ((mode & S_IFMT) != l->mode || major == l->last)
        return;
    l->last = major;
    text_print(l->t, "%3u %s\n", major, major == 1 ? l->mode == S_IFCHR ? "mem" : "ramdisk" : name);
}

static int show_devices(struct text *t, const struct proc_node *n)
{
    struct device_list l = {.t = t, .mode = S_IFCHR};

    (void)n;
    text_print(t, "Character devices:\n");
    devices_each(show_device, &l);
    l = (struct device_list){.t = t, .mode = S_IFBLK};
    text_print(t, "\nBlock devices:\n");
    devices_each(show_device, &l);
    return 0;
}

/* --- filesystems --- */

static int show_filesystems(struct text *t, const struct proc_node *n)
{
    (void)n;
    for (const struct filesystem_type *f = filesystem_types; f; f = f->next)
        text_print(t, "nodev\t%s\n", f->name);
    return 0;
}

struct mount_word {
    unsigned flag;
    const char *word;
};

static void show_words(struct text *t, unsigned flags, const struct mount_word *w)
{
    for (; w->word; w++)
        if (flags & w->flag)
            text_print(t, ",%s", w->word);
}

/* Of the filesystem itself, wherever it is mounted. */
static const struct mount_word super_words[] = {{MOUNT_SYNCHRONOUS, "sync"},
                                                {MOUNT_DIRSYNC, "dirsync"},
                                                {MOUNT_MANDLOCK, "mand"},
                                                {MOUNT_LAZYTIME, "lazytime"},
                                                {0, NULL}};
/* Of the mount. */
static const struct mount_word mount_words[] = {
    {MOUNT_NOSUID, "nosuid"},           {MOUNT_NODEV, "nodev"},
    {MOUNT_NOEXEC, "noexec"},           {MOUNT_NOATIME, "noatime"},
    {MOUNT_NODIRATIME, "nodiratime"},   {MOUNT_RELATIME, "relatime"},
    {MOUNT_NOSYMFOLLOW, "nosymfollow"}, {0, NULL}};

static const char *rights(bool read_only)
{
    return read_only ? "ro" : "rw";
}

/* What would end a word, or begin a comment, is written in octal digits. */
static void show_word(struct text *t, const char *s, bool first)
{
    for (; *s; s++)
        if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\' || (first && *s == '#'))
            text_print(t, "\\%03o", (uint8_t)*s);
        else
            text_put(t, s, 1);
}

static void show_options(struct text *t, const struct filesystem *fs)
{
    if (fs->type->show) {
        fs->type->show(fs, text_print_to, t);
        return;
    }
    if (!ramfs_is(fs))
        return;
    if (fs->max_pages != ramfs_default_limit())
        text_print(t, ",size=%lluk", (unsigned long long)KIB(fs->max_pages));
    if (fs->max_inodes != ramfs_default_inodes())
        text_print(t, ",nr_inodes=%llu", (unsigned long long)fs->max_inodes);
    if (fs->mode != MOUNT_MODE)
        text_print(t, ",mode=%03o", fs->mode);
    if (fs->uid)
        text_print(t, ",uid=%u", fs->uid);
    if (fs->gid)
        text_print(t, ",gid=%u", fs->gid);
}

/* The path of a mount as its reader has it, NULL if his root is not above it. Valid until the next call. */
static const char *where(const struct filesystem *fs)
{
    static char path[PATH_MAX];

    return path_reaches_root(fs->root) && path_of(fs->root, path, sizeof path) > 0 ? path : NULL;
}

int proc_show_mounts(struct text *t, const struct proc_node *n)
{
    (void)n;
    for (const struct filesystem *fs = vfs_mounts; fs; fs = fs->next) {
        const char *at = where(fs);

        if (!at)
            continue;
        show_word(t, fs->source, true);
        text_put(t, " ", 1);
        show_word(t, at, false);
        text_print(t, " %s %s", fs->type->name, rights(fs->flags & MOUNT_RDONLY));
        show_words(t, fs->flags, super_words);
        show_words(t, fs->flags, mount_words);
        show_options(t, fs);
        text_print(t, " 0 0\n");
    }
    return 0;
}

int proc_show_mountinfo(struct text *t, const struct proc_node *n)
{
    (void)n;
    for (const struct filesystem *fs = vfs_mounts; fs; fs = fs->next) {
        const struct inode *below = fs->root->covers;
        const char *at = where(fs);

        if (!at)
            continue;
        text_print(t, "%u %u 0:%u / ", fs->dev, below ? below->fs->dev : 0, fs->dev);
        show_word(t, at, false);
        text_print(t, " %s", rights(fs->flags & MOUNT_RDONLY));
        show_words(t, fs->flags, mount_words);
        text_print(t, " - %s ", fs->type->name);
        show_word(t, fs->source, true);
        text_print(t, " %s", rights(fs->read_only));
        show_words(t, fs->flags, super_words);
        show_options(t, fs);
        text_print(t, "\n");
    }
    return 0;
}

/* --- disks --- */

/* Times are not kept. */
static int show_diskstats(struct text *t, const struct proc_node *n)
{
    const struct disk_unit *u = NULL;
    uint32_t rdev = 0;

    (void)n;
    while ((u = disk_next(rdev)) != NULL) {
        const struct block_device *d = u->dev;

        rdev = u->rdev;
        text_print(t, "%4u %7u %s %llu 0 %llu 0 %llu 0 %llu 0 0 0 0 0 0 0 0 0 0\n", rdev >> 8, rdev & 255,
                   d->name, (unsigned long long)d->reads, (unsigned long long)d->read_sectors,
                   (unsigned long long)d->writes, (unsigned long long)d->write_sectors);
    }
    return 0;
}

static int show_partitions(struct text *t, const struct proc_node *n)
{
    const struct disk_unit *u = NULL;
    uint32_t rdev = 0;

    (void)n;
    text_print(t, "major minor  #blocks  name\n\n");
    while ((u = disk_next(rdev)) != NULL) {
        rdev = u->rdev;
        text_print(t, "%4u  %7u %10llu %s\n", rdev >> 8, rdev & 255, (unsigned long long)u->dev->sectors / 2,
                   u->dev->name);
    }
    return 0;
}

/* --- links to the running process --- */

static int link_self(const struct proc_node *n, char *buf, size_t size)
{
    char text[12];
    size_t len;

    (void)n;
    if (!thread_current())
        return -ENOENT;
    len = format(text, sizeof text, "%d", process_current()->pid);
    len = len < size ? len : size;
    memcpy(buf, text, len);
    return (int)len;
}

static int link_thread_self(const struct proc_node *n, char *buf, size_t size)
{
    char text[32];
    size_t len;

    (void)n;
    if (!thread_current())
        return -ENOENT;
    len = format(text, sizeof text, "%d/task/%d", process_current()->pid, thread_current()->tid);
    len = len < size ? len : size;
    memcpy(buf, text, len);
    return (int)len;
}

/* "self/" and the link's own name. */
static int link_to_own(const struct proc_node *n, char *buf, size_t size)
{
    char text[16];
    size_t len = format(text, sizeof text, "self/%s", n->entry->name);

    len = len < size ? len : size;
    memcpy(buf, text, len);
    return (int)len;
}

#define FILE(name_, show_)                                                                                   \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_                                                 \
    }
#define COUNTING(name_, show_)                                                                               \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .count = show_                                                \
    }
#define LINK(name_, link_)                                                                                   \
    {                                                                                                        \
        .name = name_, .mode = S_IFLNK | 0777, .readlink = link_                                             \
    }

static const struct proc_entry pressure_entries[] = {FILE("memory", show_pressure), {.name = NULL}};

const struct proc_entry proc_root_entries[] = {
    /* What is looked up most stands first. */
    {.name = "self", .mode = S_IFLNK | 0777, .readlink = link_self, .leads = proc_lead_to_self},
    FILE("buddyinfo", show_buddyinfo),
    FILE("cmdline", show_cmdline),
    FILE("cpuinfo", show_cpuinfo),
    FILE("devices", show_devices),
    FILE("diskstats", show_diskstats),
    FILE("filesystems", show_filesystems),
    FILE("interrupts", show_interrupt_lines),
    {.name = "kmsg", .mode = S_IFREG | 0400, .file_ops = &kmsg_proc_ops},
    FILE("loadavg", show_loadavg),
    COUNTING("meminfo", show_meminfo),
    LINK("mounts", link_to_own),
    LINK("net", link_to_own),
    FILE("partitions", show_partitions),
    {.name = "pressure", .mode = S_IFDIR | 0555, .children = pressure_entries},
    {.name = "quire", .mode = S_IFDIR | 0555, .children = proc_quire_entries},
    {.name = "slabinfo", .mode = S_IFREG | 0400, .show = show_slabinfo},
    FILE("stat", show_stat),
    FILE("swaps", show_swaps),
    {.name = "sys", .mode = S_IFDIR | 0555, .children = proc_sys_entries},
    {.name = "sysvipc", .mode = S_IFDIR | 0555, .children = proc_sysvipc_entries},
    LINK("thread-self", link_thread_self),
    FILE("uptime", show_uptime),
    FILE("version", show_version),
    COUNTING("vmstat", show_vmstat),
    COUNTING("zoneinfo", show_zoneinfo),
    {.name = NULL},
};
