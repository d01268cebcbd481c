/*
 * What /sys says: what programs ask it for on a machine with one processor, one node of memory and no large
 * pages. The tree and the files' operations are those of /proc (procfs.c); nothing can be written.
 *
 * Source: Linux's Documentation/ABI, "sysfs-devices-system-cpu", "sysfs-devices-node",
 * "sysfs-kernel-mm-hugepages", admin-guide/mm/transhuge.rst, "sysfs-class-net".
 */
#include "kernel/procfs/procfs.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/census.h"

/* A line that is always the same. */
static int show_line(struct text *t, const struct proc_node *n)
{
    text_print(t, "%s\n", (const char *)n->entry->arg);
    return 0;
}

#define LINE(name_, text_)                                                                                   \
    {                                                                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_line, .arg = text_                               \
    }
#define DIRECTORY(name_, children_)                                                                          \
    {                                                                                                        \
        .name = name_, .mode = S_IFDIR | 0555, .children = children_                                         \
    }
#define END                                                                                                  \
    {                                                                                                        \
        .name = NULL                                                                                         \
    }

static const struct proc_entry nothing[] = {END};

/* --- devices/system/cpu --- */

static const struct proc_entry topology_entries[] = {
    LINE("core_cpus", "1"),
    LINE("core_cpus_list", "0"),
    LINE("core_id", "0"),
    LINE("core_siblings", "1"),
    LINE("core_siblings_list", "0"),
    LINE("die_cpus", "1"),
    LINE("die_cpus_list", "0"),
    LINE("die_id", "0"),
    LINE("package_cpus", "1"),
    LINE("package_cpus_list", "0"),
    LINE("physical_package_id", "0"),
    LINE("thread_siblings", "1"),
    LINE("thread_siblings_list", "0"),
    END,
};

static const struct proc_entry cpu0_entries[] = {DIRECTORY("topology", topology_entries), END};

static const struct proc_entry cpu_entries[] = {
    DIRECTORY("cpu0", cpu0_entries),
    LINE("isolated", ""),
    LINE("kernel_max", "0"),
    LINE("offline", ""),
    LINE("online", "0"),
    LINE("possible", "0"),
    LINE("present", "0"),
    END,
};

/* --- devices/system/node --- */

static void show_pages(struct text *t, const char *name, uint32_t pages)
{
    text_print(t, "Node 0 %s:%*s%8llu kB\n", name, (int)(15 - strlen(name)), "",
               (unsigned long long)KIB(pages));
}

static int show_meminfo(struct text *t, const struct proc_node *n)
{
    const struct frame_pool *p = vm_sys.pool;
    uint32_t total = p->end - p->start - p->used[FRAME_RESERVED], free = frame_free_count(p);
    struct census c;

    (void)n;
    census_take(&vm_sys, &c);
    show_pages(t, "MemTotal", total);
    show_pages(t, "MemFree", free);
    show_pages(t, "MemUsed", total - free);
    show_pages(t, "HighTotal", p->managed[ZONE_HIGH]);
    show_pages(t, "HighFree", census_zone_free(p, ZONE_HIGH));
    show_pages(t, "LowTotal", total - p->managed[ZONE_HIGH]);
    show_pages(t, "LowFree", census_zone_free(p, ZONE_LOW));
    show_pages(t, "FilePages", c.file + c.shmem);
    show_pages(t, "Mapped", c.file_mapped + c.shmem_mapped);
    show_pages(t, "AnonPages", c.anon_mapped);
    show_pages(t, "Shmem", c.shmem);
    show_pages(t, "KernelStack", p->used[FRAME_STACK]);
    show_pages(t, "PageTables", p->used[FRAME_TABLE]);
    show_pages(t, "Slab", p->used[FRAME_SLAB]);
    return 0;
}

static const struct proc_entry node0_entries[] = {
    LINE("cpulist", "0"),
    LINE("cpumap", "1"),
    LINE("distance", "10"),
    {.name = "meminfo", .mode = S_IFREG | 0444, .count = show_meminfo},
    END,
};

static const struct proc_entry node_entries[] = {
    LINE("has_cpu", "0"),
    LINE("has_memory", "0"),
    LINE("has_normal_memory", "0"),
    DIRECTORY("node0", node0_entries),
    LINE("online", "0"),
    LINE("possible", "0"),
    END,
};

static const struct proc_entry system_entries[] = {
    DIRECTORY("cpu", cpu_entries),
    DIRECTORY("node", node_entries),
    END,
};

static const struct proc_entry devices_entries[] = {DIRECTORY("system", system_entries), END};

/* --- kernel/mm --- */

static const struct proc_entry huge_entries[] = {
    LINE("defrag", "always defer defer+madvise madvise [never]"),
    LINE("enabled", "always madvise [never]"),
    LINE("shmem_enabled", "always within_size advise [never] deny force"),
    LINE("use_zero_page", "0"),
    END,
};

static const struct proc_entry mm_entries[] = {
    DIRECTORY("hugepages", nothing),
    DIRECTORY("transparent_hugepage", huge_entries),
    END,
};

static const struct proc_entry kernel_entries[] = {DIRECTORY("mm", mm_entries), END};

/* --- class --- */

/* The one interface, as kernel/net/interface.c has it. */
static const struct proc_entry lo_entries[] = {
    LINE("addr_len", "6"),
    LINE("address", "00:00:00:00:00:00"),
    LINE("broadcast", "00:00:00:00:00:00"),
    LINE("carrier", "1"),
    LINE("flags", "0x9"),
    LINE("ifindex", "1"),
    LINE("mtu", "65536"),
    LINE("operstate", "unknown"),
    LINE("type", "772"),
    END,
};

static const struct proc_entry net_entries[] = {DIRECTORY("lo", lo_entries), END};
static const struct proc_entry class_entries[] = {DIRECTORY("net", net_entries), END};

const struct proc_entry sysfs_entries[] = {
    DIRECTORY("block", nothing),           DIRECTORY("bus", nothing),
    DIRECTORY("class", class_entries),     DIRECTORY("dev", nothing),
    DIRECTORY("devices", devices_entries), DIRECTORY("fs", nothing),
    DIRECTORY("kernel", kernel_entries),   END,
};
