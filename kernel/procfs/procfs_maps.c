/*
 * The memory of processes: maps, smaps, pagemap.
 *
 * One walk over the entries of a range serves all figures. A table that several spaces share counts once in a
 * frame's maps though each of the spaces maps the frame: as many more mappings of it as the table has more
 * roots.
 */
#include "kernel/lib/format.h"
#include "kernel/proc/process.h"
#include "kernel/life/memory.h"
#include "kernel/procfs/procfs.h"
#include "kernel/vm/vm_sys.h"
#include "mm/space.h"
#include "mm/table.h"

#define NAME_COLUMN 48u /* and a blank */
#define PSS_SHIFT   12u /* fraction bits of a proportional share, as in Linux */

/* --- what entries hold --- */

/* In pages; pss in bytes << PSS_SHIFT. */
struct range_usage {
    uint32_t rss, anon, file, shmem, swapped;
    uint32_t shared_clean, shared_dirty, private_clean, private_dirty;
    uint32_t referenced, lazy;
    uint64_t pss, pss_dirty, pss_anon, pss_file, pss_shmem, swap_pss, locked_pss;
};

static bool entry_dirty(const struct frame *f, pte_t e)
{
    if (pte_dirty(e) || f->flags & FRAME_F_DIRTY)
        return true;
    return f->use == FRAME_ANON && f->slot == SLOT_NONE && !(f->flags & FRAME_F_LAZY);
}

static void add_frame(struct range_usage *u, const struct frame *f, pte_t e, uint32_t roots, bool locked)
{
    uint32_t mappings = f->maps - 1 + roots;
    uint64_t pss = ((uint64_t)PAGE_SIZE << PSS_SHIFT) / mappings;
    bool dirty = entry_dirty(f, e);

    u->rss++;
    u->pss += pss;
    u->pss_dirty += dirty ? pss : 0;
    u->locked_pss += locked ? pss : 0;
    if (f->use == FRAME_ANON) {
        u->anon++;
        u->pss_anon += pss;
    } else if (object_is_shmem(f->owner)) {
        u->shmem++;
        u->pss_shmem += pss;
    } else {
        u->file++;
        u->pss_file += pss;
    }
    if (mappings > 1)
        *(dirty ? &u->shared_dirty : &u->shared_clean) += 1;
    else
        *(dirty ? &u->private_dirty : &u->private_clean) += 1;
    u->referenced += pte_accessed(e) || f->flags & FRAME_F_REFERENCED;
    u->lazy += !!(f->flags & FRAME_F_LAZY);
}

/* Add what [start, end) holds. The caller has the space's lock. Sleeps. */
static void add_range(struct space *s, vaddr_t start, vaddr_t end, bool locked, struct range_usage *u)
{
    struct vm *vm = s->vm;

    for (vaddr_t va = start; va < end;) {
        struct table_view view;
        vaddr_t span, stop;
        const pte_t *e;

        span = pt_next_span(&s->pt, va, end);
        if (span >= end)
            break;
        va = span > va ? span : va;
        stop = end - PT_SPAN_DOWN(va) < PT_SPAN ? end : PT_SPAN_DOWN(va) + PT_SPAN;
        table_view_begin(&view, s, va); /* what cannot be read is not counted */
        e = table_view_entry(&view, va);
        if (!e)
            va = stop;
        for (; va < stop; va += PAGE_SIZE, e++) {
            if (pte_empty(*e))
                continue;
            if (pte_is_swap(*e)) {
                if (pte_slot(*e) == SLOT_LOST)
                    continue;
                u->swapped++;
                u->swap_pss +=
                    ((uint64_t)PAGE_SIZE << PSS_SHIFT) / (swap_count(vm, pte_slot(*e)) - 1 + view.roots);
            } else if (pte_pfn(*e) != vm->zero_pfn) {
                add_frame(u, pfn_frame(vm->pool, pte_pfn(*e)), *e, view.roots, locked);
            }
        }
        table_view_end(&view);
    }
}

/* --- lines --- */

/* Regions that look like one: adjacent, anonymous, and alike but for what only we tell apart. */
struct line {
    const struct region *first;
    vaddr_t start, end;
};

static bool next_line(const struct region **r, struct line *l)
{
    const struct region *last = *r;

    if (!last)
        return false;
    *l = (struct line){.first = last, .start = last->start};
    for (const struct region *n = last->next; n && n->start == last->end && !n->object && !last->object &&
                                              !((n->flags ^ last->flags) & ~(uint32_t)REGION_CHARGED);
         n = n->next)
        last = n;
    l->end = last->end;
    *r = last->next;
    return true;
}

static void show_name(struct text *t, const char *name)
{
    text_column(t, NAME_COLUMN);
    text_put(t, " ", 1);
    /* A line for each region, whatever files are called. */
    for (size_t n = 0;; n++) {
        if (name[n] && name[n] != '\n')
            continue;
        text_put(t, name, n);
        if (!name[n])
            break;
        text_put(t, "\\012", 4);
        name += n + 1;
        n = (size_t)-1;
    }
}

const char *proc_region_name(const struct memory *m, const struct region *r, vaddr_t start, vaddr_t end)
{
    if (r->object)
        return object_path(r->object);
    if (r->flags & REGION_OF_FILE)
        return "/dev/zero";
    if (start < m->brk && end > m->brk_start)
        return "[heap]";
    if (start < m->stack_top && end >= m->stack_top)
        return "[stack]";
    return NULL;
}

static void show_line(struct text *t, const struct memory *m, const struct line *l)
{
    const struct region *r = l->first;
    const struct inode *i = r->object ? inode_of_object(r->object) : NULL;
    const char *name;

    text_print(t, "%08x-%08x %c%c%c%c %08llx 00:%02x %u ", l->start, l->end,
               r->flags & REGION_READ ? 'r' : '-', r->flags & REGION_WRITE ? 'w' : '-',
               r->flags & REGION_EXEC ? 'x' : '-', r->flags & REGION_SHARED ? 's' : 'p',
               r->object ? (unsigned long long)r->offset << PAGE_SHIFT : 0,
               i ? i->fs->dev : r->object != NULL, i ? i->ino : 0);
    name = proc_region_name(m, r, l->start, l->end);
    if (name)
        show_name(t, name);
    text_print(t, "\n");
}

/* The line at or above *from, which moves behind it. 1; 0: there is none. */
static int line_from(const struct memory *m, uint32_t *from, struct line *l)
{
    const struct region *r = region_first_above(&m->space->regions, *from);

    if (!next_line(&r, l))
        return 0;
    *from = l->end;
    return 1;
}

int proc_next_maps(struct text *t, const struct proc_node *n, uint32_t *from)
{
    struct memory *m = proc_memory(n);
    struct line l;
    int got;

    if (!proc_process(n))
        return -ESRCH;
    got = m ? line_from(m, from, &l) : 0;
    if (got)
        show_line(t, m, &l);
    return got;
}

static void share(struct text *t, const char *name, uint64_t pss)
{
    text_kib(t, name, pss >> (PSS_SHIFT + 10));
}

/* What smaps and smaps_rollup have in common. */
static void show_usage(struct text *t, const struct range_usage *u, bool rollup)
{
    text_pages(t, "Rss", u->rss);
    share(t, "Pss", u->pss);
    share(t, "Pss_Dirty", u->pss_dirty);
    if (rollup) {
        share(t, "Pss_Anon", u->pss_anon);
        share(t, "Pss_File", u->pss_file);
        share(t, "Pss_Shmem", u->pss_shmem);
    }
    text_pages(t, "Shared_Clean", u->shared_clean);
    text_pages(t, "Shared_Dirty", u->shared_dirty);
    text_pages(t, "Private_Clean", u->private_clean);
    text_pages(t, "Private_Dirty", u->private_dirty);
    text_pages(t, "Referenced", u->referenced);
    text_pages(t, "Anonymous", u->anon);
    text_pages(t, "LazyFree", u->lazy);
    text_pages(t, "AnonHugePages", 0);
    text_pages(t, "ShmemPmdMapped", 0);
    text_pages(t, "FilePmdMapped", 0);
    text_pages(t, "Shared_Hugetlb", 0);
    text_pages(t, "Private_Hugetlb", 0);
    text_pages(t, "Swap", u->swapped);
    share(t, "SwapPss", u->swap_pss);
    share(t, "Locked", u->locked_pss);
}

/* Two letters for each property, in Linux's order. */
static void show_flags(struct text *t, const struct region *r)
{
    const struct {
        const char *name;
        bool set;
    } flag[] = {
        {"rd ", r->flags & REGION_READ},
        {"wr ", r->flags & REGION_WRITE},
        {"ex ", r->flags & REGION_EXEC},
        {"sh ", r->flags & REGION_SHARED},
        {"mr ", true},
        {"mw ", !(r->flags & REGION_NOWRITE)},
        {"me ", !(r->flags & REGION_NOEXEC)},
        {"ms ", r->flags & REGION_SHARED},
        {"gd ", r->flags & REGION_GROWSDOWN},
        {"lo ", r->flags & REGION_LOCKED},
        {"dc ", r->flags & REGION_DONTFORK},
        {"lf ", r->flags & REGION_ONFAULT},
        {"ac ", r->flags & REGION_CHARGED},
        {"nr ", r->flags & REGION_NORESERVE},
        {"wf ", r->flags & REGION_WIPEONFORK},
        {"dd ", r->flags & REGION_DONTDUMP},
    };

    text_put(t, "VmFlags: ", 9);
    for (unsigned i = 0; i < ARRAY_LEN(flag); i++)
        if (flag[i].set)
            text_put(t, flag[i].name, 3);
    text_print(t, "\n");
}

/* The process's memory, referenced, with its space locked; *err: 0 or -ESRCH. NULL: it has none. Sleeps. */
static struct memory *lock_memory(const struct proc_node *n, int *err)
{
    struct memory *m = proc_memory(n);

    *err = proc_process(n) ? 0 : -ESRCH;
    if (m) {
        memory_get(m);
        mutex_lock(&m->space->lock);
    }
    return m;
}

static void unlock_memory(struct memory *m)
{
    mutex_unlock(&m->space->lock);
    memory_put(m);
}

static void show_smaps_line(struct text *t, const struct memory *m, const struct line *l)
{
    struct range_usage u = {0};

    add_range(m->space, l->start, l->end, l->first->flags & REGION_LOCKED, &u);
    show_line(t, m, l);
    text_kib(t, "Size", (l->end - l->start) >> 10);
    text_pages(t, "KernelPageSize", 1);
    text_pages(t, "MMUPageSize", 1);
    show_usage(t, &u, false);
    text_print(t, "THPeligible:    0\n");
    show_flags(t, l->first);
}

int proc_next_smaps(struct text *t, const struct proc_node *n, uint32_t *from)
{
    int got;
    struct memory *m = lock_memory(n, &got);
    struct line l;

    if (!m)
        return got;
    got = line_from(m, from, &l);
    if (got)
        show_smaps_line(t, m, &l);
    unlock_memory(m);
    return got;
}

static void show_rollup(struct text *t, struct space *s)
{
    const struct region_tree *regions = &s->regions;
    struct range_usage u = {0};

    for (const struct region *r = regions->first; r; r = r->next)
        add_range(s, r->start, r->end, r->flags & REGION_LOCKED, &u);
    text_print(t, "%08x-%08x ---p 00000000 00:00 0 ", regions->first->start, regions->last->end);
    show_name(t, "[rollup]");
    text_print(t, "\n");
    show_usage(t, &u, true);
}

int proc_show_smaps_rollup(struct text *t, const struct proc_node *n)
{
    int err;
    struct memory *m = lock_memory(n, &err);

    if (!m)
        return -ESRCH;
    if (m->space->regions.first)
        show_rollup(t, m->space);
    unlock_memory(m);
    return 0;
}

/* --- pagemap --- */

enum {
    PAGEMAP_SLOT_BITS = 5, /* the number of the area comes first */
    PAGEMAP_EXCLUSIVE = 56,
    PAGEMAP_FILE = 61,
    PAGEMAP_SWAP = 62,
    PAGEMAP_PRESENT = 63,
};

static uint64_t pagemap_word(const struct table_view *view, vaddr_t va)
{
    const struct vm *vm = view->vm;
    const pte_t *e = table_view_entry(view, va);
    const struct frame *f;
    uint64_t word;

    if (!e || pte_empty(*e))
        return 0;
    if (pte_is_swap(*e)) {
        slot_t slot = pte_slot(*e);

        return 1ull << PAGEMAP_SWAP | slot >> SWAP_AREA_SHIFT |
               (uint64_t)(slot & (SWAP_AREA_PAGES - 1)) << PAGEMAP_SLOT_BITS;
    }
    word = 1ull << PAGEMAP_PRESENT | pte_pfn(*e);
    f = pfn_frame(vm->pool, pte_pfn(*e));
    if (f->use == FRAME_OBJECT)
        word |= 1ull << PAGEMAP_FILE;
    if (pte_pfn(*e) != vm->zero_pfn && f->maps == 1 && view->roots == 1)
        word |= 1ull << PAGEMAP_EXCLUSIVE;
    return word;
}

int proc_read_pagemap(const struct proc_node *n, uint64_t pos, uint8_t *buf, size_t size)
{
    struct memory *m = proc_memory(n);
    uint64_t page = pos / sizeof(uint64_t), end = page + size / sizeof(uint64_t);
    uint8_t *to = buf;
    int err = 0;

    if (!m)
        return proc_process(n) ? 0 : -ESRCH;
    if (pos % sizeof(uint64_t) || size % sizeof(uint64_t))
        return -EINVAL;
    if (end > USER_END >> PAGE_SHIFT)
        end = USER_END >> PAGE_SHIFT;
    memory_get(m);
    while (!err && page < end) {
        struct table_view view;

        err = table_view_begin(&view, m->space, (vaddr_t)(page << PAGE_SHIFT));
        while (!err && page < end) {
            uint64_t word = pagemap_word(&view, (vaddr_t)(page << PAGE_SHIFT));

            memcpy(to, &word, sizeof word);
            to += sizeof word;
            if (++page % PT_TABLE_ENTRIES == 0)
                break;
        }
        table_view_end(&view);
    }
    memory_put(m);
    return to > buf ? (int)(to - buf) : err;
}
