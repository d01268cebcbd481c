/* /proc, read as a program reads it and compared with what it speaks of. */
#include "kernel/fs/file.h"
#include "kernel/lib/format.h"
#include "kernel/life/memory.h"
#include "kernel/proc/page_fault.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/procfs/procfs.h"
#include "kernel/procfs/text.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/census.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "tests/kt.h"

enum { SIZE = 32768 };

static struct file *open_file(const char *path, uint32_t flags)
{
    struct file *f;

    return file_open(NULL, path, flags, 0, &f) == 0 ? f : NULL;
}

/* Up to n bytes from pos: how many. */
static int read_at(struct file *f, void *buf, size_t n, uint64_t pos)
{
    int got = file_read(f, usercopy_lend(buf, n), n, &pos);

    usercopy_unlend();
    return got;
}

/* A whole file as a string in memory to be freed, or NULL. */
static char *slurp(const char *path)
{
    struct file *f = open_file(path, O_RDONLY);
    char *s = f ? kt_alloc(SIZE) : NULL;
    int got, n = 0;

    while (s && (got = read_at(f, s + n, SIZE - 1 - (size_t)n, (uint64_t)n)) > 0)
        n += got;
    if (s)
        s[n] = '\0';
    file_put(f);
    return s;
}

static int write_file(const char *path, const char *text)
{
    struct file *f = open_file(path, O_WRONLY);
    char copy[64];
    size_t n = strlen(text);
    int done;

    if (!f)
        return -EACCES;
    memcpy(copy, text, n);
    done = file_write(f, usercopy_lend(copy, n), n, NULL);
    usercopy_unlend();
    file_put(f);
    return done;
}

static const char *after(const char *s, const char *what)
{
    size_t n = strlen(what);

    for (; s && *s; s++)
        if (strncmp(s, what, n) == 0)
            return s + n;
    return NULL;
}

static uint64_t digits(const char **s, unsigned base)
{
    uint64_t v = 0;

    while (**s == ' ' || **s == '\t')
        ++*s;
    for (;; ++*s) {
        unsigned d = **s >= '0' && **s <= '9' ? (unsigned)(**s - '0')
                     : **s >= 'a'             ? (unsigned)(**s - 'a') + 10
                                              : 99;

        if (d >= base)
            return v;
        v = v * base + d;
    }
}

/* The number that follows a line's beginning; ~0 if there is no such line. */
static uint64_t value(const char *s, const char *name)
{
    char key[32];

    format(key, sizeof key, "\n%s", name);
    s = strncmp(s, name, strlen(name)) == 0 ? s + strlen(name) : after(s, key);
    return s ? digits(&s, 10) : ~0ull;
}

/* --- the system --- */

/* Read a second time from the beginning: the text's memory is there then, so that reading changes nothing. */
static char *slurp_settled(struct file *f)
{
    char *s = kt_alloc(SIZE);
    int n;

    if (!s)
        return NULL;
    read_at(f, s, SIZE - 1, 0);
    n = read_at(f, s, SIZE - 1, 0);
    s[n > 0 ? n : 0] = '\0';
    return s;
}

TEST(procfs, buddyinfo_counts_blocks)
{
    const struct frame_pool *p = &frame_pool_sys;
    struct file *f = open_file("/proc/buddyinfo", O_RDONLY);

    REQUIRE(f, "/proc/buddyinfo cannot be opened");

    char *s = slurp_settled(f);
    const char *at = s;

    REQUIRE(s, "no memory");
    for (unsigned z = 0; z < FRAME_ZONES; z++) {
        uint64_t frames = p->hot[z].count;

        if (!p->managed[z])
            continue;
        at = after(at, z == ZONE_LOW ? "zone   Normal " : "zone  HighMem ");
        REQUIRE(at, "zone %u is missing", z);
        for (unsigned k = 0; k < BUDDY_ORDERS; k++) {
            uint64_t n = digits(&at, 10);

            EXPECT(n == p->zone[z].blocks[k], "zone %u order %u: %llu blocks, not %u", z, k,
                   (unsigned long long)n, p->zone[z].blocks[k]);
            frames += n << k;
        }
        EXPECT(frames == census_zone_free(p, (enum frame_zone)z), "zone %u: %llu frames", z,
               (unsigned long long)frames);
    }
    kt_release(s);
    file_put(f);
}

static void sum_slabs(struct cache *c, void *arg)
{
    *(uint32_t *)arg += c->slab_count;
}

TEST(procfs, slabinfo_counts_slabs)
{
    struct file *f = open_file("/proc/slabinfo", O_RDONLY);

    REQUIRE(f, "/proc/slabinfo cannot be opened");

    char *s = slurp_settled(f);
    const char *at = s;
    uint64_t slabs = 0;
    uint32_t want = 0;

    REQUIRE(s, "no memory");
    slab_each(&frame_pool_sys, sum_slabs, &want);
    at = after(at, "<sharedavail>");
    while ((at = after(at, " : slabdata ")) != NULL) {
        digits(&at, 10);
        slabs += digits(&at, 10);
    }
    EXPECT(slabs == want, "%llu slabs, not %u", (unsigned long long)slabs, want);
    kt_release(s);
    file_put(f);
}

/* Any way of cutting a file into reads gives the same bytes. */
TEST(procfs, short_reads)
{
    struct file *f = open_file("/proc/slabinfo", O_RDONLY);
    uint64_t pos = 0, rest;
    int got, all;
    char *s, *t;

    REQUIRE(f, "/proc/slabinfo cannot be opened");
    s = slurp_settled(f);
    t = kt_alloc(SIZE);
    REQUIRE(s && t, "no memory");
    all = (int)strlen(s);
    EXPECT(all > 2000, "%d bytes", all);
    for (;;) {
        size_t n = 1 + kt_below(kt, 700);

        if (pos == 0) /* anew; from there on it is the same text */
            got = read_at(f, s, SIZE - 1, 0), all = got;
        got = read_at(f, t, n, pos ? pos : 1);
        if (pos == 0)
            pos = 1;
        if (got <= 0)
            break;
        REQUIRE(memcmp(t, s + pos, (size_t)got) == 0, "%d bytes from %llu differ", got,
                (unsigned long long)pos);
        pos += (uint64_t)got;
    }
    EXPECT(pos == (uint64_t)all, "ended at %llu of %d", (unsigned long long)pos, all);
    rest = kt_below(kt, (uint32_t)all - 1) + 1;
    got = read_at(f, t, SIZE, rest);
    EXPECT(got == all - (int)rest && memcmp(t, s + rest, (size_t)got) == 0, "back to %llu",
           (unsigned long long)rest);
    EXPECT(read_at(f, t, 10, (uint64_t)all) == 0 && read_at(f, t, 10, 1ull << 40) == 0,
           "at the end and beyond");
    kt_release(s);
    kt_release(t);
    file_put(f);
}

/* Every file that needs no process can be read, and ends with a line. */

TEST(procfs, all_files)
{
    for (const struct proc_entry *e = proc_root_entries; e->name; e++) {
        char path[64];
        size_t n;
        char *s;

        if (!e->show || strcmp(e->name, "diskstats") == 0) /* empty without disks */
            continue;
        format(path, sizeof path, "/proc/%s", e->name);
        s = slurp(path);
        REQUIRE(s, "%s cannot be read", path);
        n = strlen(s);
        EXPECT(n > 0 && s[n - 1] == '\n', "%s: %zu bytes", path, n);
        kt_release(s);
    }
}

TEST(procfs, controls)
{
    struct vm *vm = &vm_sys;
    uint32_t swappiness = vm->swappiness, min = vm->pool->marks.min;
    char text[16];
    char *s;

    EXPECT(write_file("/proc/sys/vm/swappiness", "33\n") == 3 && vm->swappiness == 33, "%u", vm->swappiness);
    s = slurp("/proc/sys/vm/swappiness");
    EXPECT(s && strcmp(s, "33\n") == 0, "reads %s", s);
    kt_release(s);
    EXPECT(write_file("/proc/sys/vm/swappiness", "201") == -EINVAL, "beyond the end");
    EXPECT(write_file("/proc/sys/vm/swappiness", "-1") == -EINVAL, "below it");
    EXPECT(write_file("/proc/sys/vm/swappiness", "x") == -EINVAL, "no number");
    EXPECT(write_file("/proc/sys/vm/swappiness", "7x") == -EINVAL, "no number at the end");
    EXPECT(write_file("/proc/sys/vm/swappiness", " 0x10 ") == 6 && vm->swappiness == 16, "as strtol");
    EXPECT(write_file("/proc/sys/vm/swappiness", "99999999999999999999") == -EINVAL, "too long");
    vm->swappiness = swappiness;
    format(text, sizeof text, "%u", (min + 10) * 4);
    EXPECT(write_file("/proc/sys/vm/min_free_kbytes", text) > 0 && vm->pool->marks.min == min + 10 &&
               vm->pool->marks.high > vm->pool->marks.low,
           "%u", vm->pool->marks.min);
    EXPECT(write_file("/proc/sys/vm/min_free_kbytes", "4294967295") == -EINVAL &&
               vm->pool->marks.min == min + 10,
           "the whole machine");
    EXPECT(frame_set_min(vm->pool, min) == 0 && vm->pool->marks.min == min, "back");
    EXPECT(!open_file("/proc/sys/kernel/ostype", O_WRONLY), "what is fixed cannot be opened for writing");
}

/* --- a process --- */

/* One that has memory but no thread, so that it stays as it is. */
struct patient {
    struct process *p;
    struct space *s;
};

static bool patient_make(struct kt *kt, struct patient *x)
{
    struct memory *m = NULL;
    struct pid_claim claim;

    x->s = space_create(&vm_sys);
    x->p = pid_alloc(&claim) == 0 ? process_create(claim.pid, NULL) : NULL;
    if (x->p)
        pid_free(&claim);
    if (x->s)
        m = memory_create(x->s);
    if (!x->p || !m) {
        kt_skip(kt, "no memory");
        return false;
    }
    x->p->memory = m;
    x->p->cred = cred_get(&cred_root); /* as if its thread had ended */
    x->p->cred->user->threads++;
    process_enter(x->p, NULL);
    return true;
}

static void patient_end(struct patient *x)
{
    struct memory *m = x->p->memory;

    x->p->memory = NULL;
    x->p->state = PROCESS_ZOMBIE;
    process_reap(x->p);
    space_activate(NULL);
    memory_put(m);
}

static char *slurp_of(const struct patient *x, const char *name)
{
    char path[64];

    format(path, sizeof path, "/proc/%d/%s", x->p->pid, name);
    return slurp(path);
}

TEST(procfs, maps)
{
    struct patient x;
    vaddr_t at[5] = {0x10000000, 0x10004000, 0x10008000, 0xB0000000, 0x0FFFE000};
    struct object *o;
    char *s;

    if (!patient_make(kt, &x))
        return;
    o = object_create(&vm_sys, &pager_zero, 4, "shared");
    REQUIRE(o, "no memory");
    EXPECT(space_map(x.s, &at[0], 0x4000, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) == 0, "map");
    EXPECT(space_map(x.s, &at[1], 0x4000, REGION_READ | MAP_AT, NULL, 0) == 0, "map");
    EXPECT(space_map(x.s, &at[2], 0x2000, REGION_READ | REGION_SHARED | MAP_AT, o, 1) == 0, "map");
    EXPECT(space_map(x.s, &at[3], 0x1000,
                     REGION_READ | REGION_WRITE | REGION_EXEC | REGION_GROWSDOWN | MAP_AT, NULL, 0) == 0,
           "map");
    EXPECT(space_map(x.s, &at[4], 0x1000, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) == 0, "map");
    /* A hole that is filled again is another region with the same right, unless it moved: one line. */
    EXPECT(space_unmap(x.s, 0x10001000, 0x1000) == 0, "unmap");
    at[1] = 0x10001000;
    EXPECT(space_map(x.s, &at[1], 0x1000, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) == 0, "map");
    x.p->memory->brk_start = 0x10000000;
    x.p->memory->brk = 0x10004000;
    x.p->memory->stack_top = 0xB0001000;
    s = slurp_of(&x, "maps");
    EXPECT(s && strcmp(s, "0fffe000-0ffff000 rw-p 00000000 00:00 0 \n"
                          "10000000-10004000 rw-p 00000000 00:00 0          [heap]\n"
                          "10004000-10008000 r--p 00000000 00:00 0 \n"
                          "10008000-1000a000 r--s 00001000 00:01 0          /dev/zero (deleted)\n"
                          "b0000000-b0001000 rwxp 00000000 00:00 0          [stack]\n") == 0,
           "maps:\n%s", s);
    kt_release(s);
    object_put(o);
    patient_end(&x);
}

/* Pages of every kind against the figures. */
TEST(procfs, figures_of_a_space)
{
    enum { PAGES = 12, TOUCHED = 7, READ = 3, OBJECT = 5 };
    struct patient x;
    struct file *f;
    vaddr_t at = 0x20000000, shared = 0x30000000;
    struct object *o;
    uint32_t v;
    char path[64], *s;
    const char *line;
    uint64_t word[4];

    if (!patient_make(kt, &x))
        return;
    o = object_create(&vm_sys, &pager_zero, OBJECT, "shared");
    REQUIRE(o, "no memory");
    EXPECT(space_map(x.s, &at, PAGES << PAGE_SHIFT, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) == 0,
           "map");
    EXPECT(space_map(x.s, &shared, OBJECT << PAGE_SHIFT, REGION_READ | REGION_WRITE | REGION_SHARED | MAP_AT,
                     o, 0) == 0,
           "map");
    for (vaddr_t va = at; va < at + (TOUCHED << PAGE_SHIFT); va += PAGE_SIZE)
        EXPECT(page_fault_write32(x.s, va, va) == FAULT_RESUME, "write %x", va);
    for (vaddr_t va = at + (TOUCHED << PAGE_SHIFT); va < at + ((TOUCHED + READ) << PAGE_SHIFT);
         va += PAGE_SIZE)
        EXPECT(page_fault_read32(x.s, va, &v) == FAULT_RESUME, "read %x", va);
    for (vaddr_t va = shared; va < shared + (OBJECT << PAGE_SHIFT); va += PAGE_SIZE)
        EXPECT(page_fault_write32(x.s, va, va) == FAULT_RESUME, "write %x", va);

    s = slurp_of(&x, "statm");
    EXPECT(s && strcmp(s, "17 12 5 0 0 12 0\n") == 0, "statm: %s", s);
    kt_release(s);

    s = slurp_of(&x, "status");
    REQUIRE(s, "status");
    EXPECT(value(s, "VmSize:") == 4 * (PAGES + OBJECT) && value(s, "VmRSS:") == 4 * (TOUCHED + OBJECT) &&
               value(s, "RssAnon:") == 4 * TOUCHED && value(s, "RssShmem:") == 4 * OBJECT &&
               value(s, "RssFile:") == 0 && value(s, "VmSwap:") == 0 && value(s, "VmData:") == 4 * PAGES,
           "status:\n%s", s);
    kt_release(s);

    s = slurp_of(&x, "smaps");
    REQUIRE(s, "smaps");
    EXPECT(value(s, "Rss:") == 4 * TOUCHED && value(s, "Anonymous:") == 4 * TOUCHED &&
               value(s, "Private_Dirty:") == 4 * TOUCHED && value(s, "Pss:") == 4 * TOUCHED,
           "smaps:\n%s", s);
    line = after(s, "/dev/zero (deleted)");
    EXPECT(line && value(line, "Rss:") == 4 * OBJECT && value(line, "Anonymous:") == 0, "smaps:\n%s", s);
    kt_release(s);

    format(path, sizeof path, "/proc/%d/pagemap", x.p->pid);
    f = open_file(path, O_RDONLY);
    REQUIRE(f, "%s", path);
    EXPECT(read_at(f, word, sizeof word, ((at >> PAGE_SHIFT) + TOUCHED - 1) * 8) == sizeof word, "pagemap");
    EXPECT(word[0] >> 63 && (word[0] & ((1ull << 55) - 1)) ==
                                pte_pfn(*pt_resident_entry(&x.s->pt, at + ((TOUCHED - 1) << 12))),
           "%llx", (unsigned long long)word[0]);
    EXPECT(word[1] >> 63 && (word[1] & ((1ull << 55) - 1)) == vm_sys.zero_pfn, "%llx",
           (unsigned long long)word[1]);
    EXPECT(read_at(f, word, 8, ((at >> PAGE_SHIFT) + PAGES - 1) * 8) == 8 && word[0] == 0, "untouched");
    EXPECT(read_at(f, word, 8, (uint64_t)(USER_END >> PAGE_SHIFT) * 8) == 0, "the end");
    EXPECT(read_at(f, word, 8, 4) == -EINVAL, "a part of a word");
    file_put(f);

    if (vm_sys.swap.free > PAGES) {
        pte_t *e = pt_resident_entry(&x.s->pt, at);
        uint64_t rss;

        EXPECT(reclaim_evict(&vm_sys, pfn_frame(vm_sys.pool, pte_pfn(*e))) == 0, "evict");
        s = slurp_of(&x, "status");
        REQUIRE(s, "status");
        rss = value(s, "VmRSS:");
        EXPECT(rss == 4 * (TOUCHED + OBJECT - 1) && value(s, "VmSwap:") == 4, "status:\n%s", s);
        kt_release(s);
        f = open_file(path, O_RDONLY);
        REQUIRE(f, "%s", path);
        EXPECT(read_at(f, word, 8, (uint64_t)(at >> PAGE_SHIFT) * 8) == 8 && word[0] >> 62 == 1, "%llx",
               (unsigned long long)word[0]);
        file_put(f);
    }
    object_put(o);
    patient_end(&x);
}

/* A file of a process that has ended says so, also when its number is somebody else's. */
TEST(procfs, ended_process)
{
    struct patient x;
    struct file *f, *dir;
    struct inode *i;
    char path[64];
    int pid;

    if (!patient_make(kt, &x))
        return;
    pid = x.p->pid;
    format(path, sizeof path, "/proc/%d/stat", pid);
    f = open_file(path, O_RDONLY);
    format(path, sizeof path, "/proc/%d", pid);
    dir = open_file(path, O_RDONLY);
    REQUIRE(f && dir, "%s", path);
    EXPECT(read_at(f, path, sizeof path, 0) > 0, "alive");
    patient_end(&x);
    EXPECT(read_at(f, path, sizeof path, 0) == -ESRCH, "ended");
    EXPECT(path_lookup(dir->inode, "stat", 0, &i) == -ESRCH, "look-up in its directory");
    x.p = process_create(pid, NULL);
    REQUIRE(x.p, "no memory");
    process_enter(x.p, NULL);
    EXPECT(read_at(f, path, sizeof path, 0) == -ESRCH, "somebody else has the number");
    x.p->state = PROCESS_ZOMBIE;
    process_reap(x.p);
    file_put(f);
    file_put(dir);
}

struct listing {
    struct kt *kt;
    int last, found, wanted;
};

static bool list_name(void *arg, const char *name, uint32_t ino, uint32_t type)
{
    struct listing *l = arg;
    struct kt *kt = l->kt;
    int pid;

    EXPECT(ino > 1 && type, "%s", name);
    if (!proc_number(name, &pid))
        return true;
    EXPECT(pid > l->last, "%d after %d", pid, l->last);
    l->last = pid;
    l->found += pid == l->wanted;
    return true;
}

TEST(procfs, listing)
{
    struct patient x;
    struct listing l = {.kt = kt};
    struct inode *i;
    uint64_t pos = 2;

    if (!patient_make(kt, &x))
        return;
    l.wanted = x.p->pid;
    REQUIRE(path_lookup(NULL, "/proc", 0, &i) == 0, "/proc");
    EXPECT(i->ops->readdir(i, &pos, list_name, &l) == 0, "readdir");
    EXPECT(l.found == 1, "%d times", l.found);
    inode_put(i);
    patient_end(&x);
}

TEST(procfs, meminfo_adds_up)
{
    static const uint8_t image[4 * 4096] __attribute__((aligned(4096))) = {1};
    const struct frame_pool *p = &frame_pool_sys;
    struct file *f = open_file("/proc/meminfo", O_RDONLY);
    struct patient x;
    struct object *o;
    struct frame *frame;
    vaddr_t at[2] = {0x20000000, 0x30000000};
    uint32_t ram = 0, v;

    REQUIRE(f, "/proc/meminfo cannot be opened");
    if (!patient_make(kt, &x))
        return;
    /* A private page, one of a file that is mapped, and two of it that are not. */
    o = object_create_image(&vm_sys, image, sizeof image, "file");
    REQUIRE(o, "no memory");
    EXPECT(space_map(x.s, &at[0], PAGE_SIZE, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) == 0, "map");
    EXPECT(space_map(x.s, &at[1], sizeof image, REGION_READ | MAP_AT, o, 0) == 0, "map");
    EXPECT(page_fault_write32(x.s, at[0], 1) == FAULT_RESUME &&
               page_fault_read32(x.s, at[1], &v) == FAULT_RESUME,
           "touch");
    for (uint32_t i = 1; i < 3; i++) {
        REQUIRE(object_page(o, i, &frame) == 0, "page %u", i);
        frame_unpin(frame);
    }

    char *s = slurp_settled(f);

    REQUIRE(s, "no memory");
    for (unsigned u = 0; u < FRAME_USES; u++)
        ram += u == FRAME_RESERVED ? 0 : p->used[u];
#define IS(name, frames)                                                                                     \
    EXPECT(value(s, name ":") == (uint64_t)(frames)*4, "%s: %llu kB, not %llu", name,                        \
           (unsigned long long)value(s, name ":"), (unsigned long long)(frames)*4)
#define KB(name) value(s, name ":")
    IS("MemTotal", ram);
    IS("MemFree", p->used[FRAME_FREE]);
    IS("Slab", p->used[FRAME_SLAB]);
    IS("KernelStack", p->used[FRAME_STACK]);
    IS("PageTables", p->used[FRAME_TABLE]);
    IS("Cached", p->used[FRAME_OBJECT]);
    IS("SwapTotal", vm_sys.swap.total);
    IS("SwapFree", vm_sys.swap.free);
    EXPECT(KB("Active(anon)") + KB("Inactive(anon)") + KB("Active(file)") + KB("Inactive(file)") +
                   KB("Unevictable") ==
               4ull * (p->used[FRAME_ANON] + p->used[FRAME_OBJECT]),
           "the lists are all pageable memory");
    EXPECT(KB("Active") == KB("Active(anon)") + KB("Active(file)"), "active");
    EXPECT(KB("Inactive") == KB("Inactive(anon)") + KB("Inactive(file)"), "inactive");
    EXPECT(KB("SReclaimable") + KB("SUnreclaim") == KB("Slab"), "slab");
    EXPECT(KB("AnonPages") <= 4ull * p->used[FRAME_ANON] && KB("Shmem") + KB("Mapped") <= 2 * KB("Cached"),
           "parts");
    EXPECT(KB("HighTotal") + KB("LowTotal") == KB("MemTotal"), "zones");
    EXPECT(KB("HighFree") + KB("LowFree") == KB("MemFree"), "free by zones");
    EXPECT(KB("MemAvailable") <= KB("MemTotal"), "available");
    EXPECT(KB("CommitLimit") != ~0ull && KB("Committed_AS") != ~0ull, "committed");
    EXPECT(KB("VmallocUsed") <= KB("VmallocTotal"), "kernel addresses");
    EXPECT(strncmp(s, "MemTotal:   ", 12) == 0 && s[24] == ' ' && s[25] == 'k',
           "the value ends in column 23");
    EXPECT(KB("Inactive(file)") >= 8 && KB("Active(file)") >= 4 && KB("Active(anon)") >= 4, "kinds:\n%s", s);
    EXPECT(frame_audit(p), "audit");
    object_put(o);
    patient_end(&x);
    kt_release(s);
    file_put(f);
}

/* --- text --- */

TEST(text, grows_and_survives_want_of_memory)
{
    struct text t = {0};
    char line[32];
    uint64_t pos = 0;

    for (unsigned round = 0; round < 3; round++) {
        text_rewind(&t);
        if (round == 0)
            frame_fail_after(&frame_pool_sys, 1);
        for (unsigned i = 0; i < 2000; i++)
            text_print(&t, "line %4u\n", i);
        frame_fail_after(&frame_pool_sys, 0);
        EXPECT(t.size == 20000, "%zu bytes", t.size);
        if (!text_complete(&t))
            REQUIRE(text_extend(&t) == 0, "no memory");
    }
    REQUIRE(text_complete(&t), "%zu bytes of %zu", t.capacity, t.size);
    for (unsigned i = 0; i < 2000; i++, pos += 10) {
        char want[16];

        REQUIRE(text_read(&t, pos, usercopy_lend(line, sizeof line), 10) == 10, "line %u", i);
        usercopy_unlend();
        format(want, sizeof want, "line %4u\n", i);
        REQUIRE(memcmp(line, want, 10) == 0, "line %u", i);
    }
    text_free(&t);
}

TEST(text, columns)
{
    struct text t = {0};
    char got[64] = {0};

    text_print(&t, "first\nab");
    text_print(&t, "\n");
    text_print(&t, "ab");
    text_column(&t, 5);
    text_print(&t, "|\n");
    text_column(&t, 3);
    text_print(&t, "|");
    text_column(&t, 2);
    text_print(&t, "|\n");
    text_read(&t, 0, usercopy_lend(got, sizeof got), sizeof got);
    usercopy_unlend();
    EXPECT(strcmp(got, "first\nab\nab   |\n   ||\n") == 0, "%s", got);
    text_free(&t);
}

TEST(text, names_and_kilobytes)
{
    static const struct {
        const char *name, *want;
        uint64_t kib;
    } line[] = {
        {"Rss", "Rss:                   0 kB\n", 0},
        {"KernelPageSize", "KernelPageSize:        4 kB\n", 4},
        {"Private_Hugetlb", "Private_Hugetlb:      40 kB\n", 40},
        {"HardwareCorrupted", "HardwareCorrupted:       7 kB\n", 7},
        {"VmallocTotal", "VmallocTotal:   99999999 kB\n", 99999999},
        {"VmallocTotal", "VmallocTotal:   100000000 kB\n", 100000000},
        {"VmallocTotal", "VmallocTotal:   17179869184 kB\n", 1ull << 34},
    };

    for (unsigned i = 0; i < ARRAY_LEN(line); i++) {
        struct text t = {0};
        char got[64] = {0};

        text_kib(&t, line[i].name, line[i].kib);
        text_column(&t, 2);
        text_read(&t, 0, usercopy_lend(got, sizeof got), sizeof got);
        usercopy_unlend();
        EXPECT(strncmp(got, line[i].want, strlen(line[i].want)) == 0, "%s", got);
        EXPECT(strcmp(got + strlen(line[i].want), "  ") == 0, "a new line begins: %s", got);
        text_free(&t);
    }
}

static bool contains(const char *s, const char *word)
{
    size_t n = strlen(word);

    while (*s && strncmp(s, word, n) != 0)
        s++;
    return *s;
}

TEST(procfs, trials_give_all_back)
{
    static const char *const file[] = {"/proc/quire/trial/buddy", "/proc/quire/trial/slab",
                                       "/proc/quire/trial/fit"};
    static const char *const says[] = {"a block of 64: refused, of 135 free\n", "lost inside\n", "\nworst "};

    for (unsigned i = 0; i < ARRAY_LEN(file); i++) {
        uint32_t before, after;
        char *first, *again;

        kt_release(slurp(file[i]));
        slab_reap_all(vm_sys.pool);
        before = frame_free_count(vm_sys.pool);
        first = slurp(file[i]);
        again = slurp(file[i]);
        EXPECT(first && contains(first, says[i]), "%s: %s", file[i], first ? first : "nothing");
        EXPECT(first && again && strcmp(first, again) == 0, "%s says something else now", file[i]);
        kt_release(first);
        kt_release(again);
        slab_reap_all(vm_sys.pool);
        after = frame_free_count(vm_sys.pool);
        EXPECT(before == after, "%s: %u frames are free, not %u", file[i], after, before);
    }
}
