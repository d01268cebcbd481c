/*
 * /proc/PID/quire: the pages of a process.
 *
 * `page` answers about one page. An address is written to it, hexadecimal with 0x or without, and belongs to
 * that open file; what is read then is all that is known of the page, a key and its value on each line, made
 * at one moment, and what happened to it up to then. After a write the next read begins at the beginning, so
 * that one descriptor serves many questions.
 *
 * `pages` has a line for each run of pages in one state: where it begins and ends, the state, and of a table
 * that is out how many entries it has.
 *
 * Looking changes nothing: no table comes in, nothing is read from a disk, no page counts as used.
 *
 * Locking: an open file's text by its mutex; what is shown, by not sleeping.
 */
#include "kernel/dev/partition.h"
#include "kernel/fs/file.h"
#include "kernel/lib/number.h"
#include "kernel/proc/process.h"
#include "kernel/procfs/procfs.h"
#include "kernel/proc/events.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/history.h"

#define ADDRESS_MAX  32u /* characters */
#define RENDER_TRIES 8u
#define EVENTS_MAX   256u /* lines about what happened: the last ones */
#define PLACES_MAX   64u  /* lines about places that show a page; of more only the number is told */

/* --- what is shown --- */

static void show_words(struct text *t, const char *key, uint32_t set, const char *(*name)(unsigned bit))
{
    text_print(t, "%s", key);
    for (unsigned bit = 0; bit < 32; bit++)
        if (set & 1u << bit && name(bit))
            text_print(t, " %s", name(bit));
    text_put(t, "\n", 1);
}

static const char *region_flag(unsigned bit)
{
    switch (1u << bit) {
    case REGION_SHARED:
        return "shared";
    case REGION_GROWSDOWN:
        return "growsdown";
    case REGION_LOCKED:
        return "locked";
    case REGION_CHARGED:
        return "committed";
    case REGION_NORESERVE:
        return "noreserve";
    case REGION_DONTFORK:
        return "dontfork";
    case REGION_WIPEONFORK:
        return "wipeonfork";
    case REGION_DONTDUMP:
        return "dontdump";
    default:
        return NULL;
    }
}

static const char *frame_flag(unsigned bit)
{
    static const char *const name[] = {"buddy",     "hot",      "listed",     "busy",
                                       "writeback", "dirty",    "referenced", "readahead",
                                       "lazy",      "precious", "parked",     "marked"};

    return bit < ARRAY_LEN(name) ? name[bit] : 1u << bit == FRAME_F_WASHED ? "washed" : NULL;
}

static void show_region(struct text *t, const struct memory *m, const struct description *d)
{
    const struct region *r = d->region;
    const char *name;

    if (!r) {
        text_print(t, "region none\n");
        return;
    }
    text_print(t, "region %08x-%08x\n", r->start, r->end);
    text_print(t, "region_rights %c%c%c%c\n", r->flags & REGION_READ ? 'r' : '-',
               r->flags & REGION_WRITE ? 'w' : '-', r->flags & REGION_EXEC ? 'x' : '-',
               r->flags & REGION_SHARED ? 's' : 'p');
    show_words(t, "region_flags", r->flags & ~(uint32_t)REGION_PROT, region_flag);
    name = proc_region_name(m, r, r->start, r->end);
    if (name) {
        text_print(t, "region_name ");
        text_put(t, name, strlen(name));
        text_put(t, "\n", 1);
    }
    text_print(t, "region_number %08x\n", d->number);
    if (r->object)
        text_print(t, "region_pager %s\nregion_offset %llu\n", r->object->pager->name,
                   (unsigned long long)d->object_page << PAGE_SHIFT);
}

/* The lines of a slot, whose keys begin with a word. */
static void show_slot(struct text *t, const char *key, const struct slot_description *s)
{
    const struct partition *p;
    uint64_t byte = (uint64_t)s->page << PAGE_SHIFT;

    text_print(t, "%s %08x\n", key, s->slot);
    if (!s->device)
        return;
    p = partition_of((struct block_device *)s->device);
    text_print(t, "%s_device %s\n%s_page %u\n", key, s->device->name, key, s->page);
    text_print(t, "%s_disk %s\n%s_byte %llu\n", key, p ? p->disk->name : s->device->name, key,
               (unsigned long long)(p ? byte + p->start * BLOCK_SECTOR : byte));
    text_print(t, "%s_names %u\n", key, s->names);
    if (s->entries)
        text_print(t, "%s_entries %u\n", key, s->entries);
    if (s->bad)
        text_print(t, "%s_bad yes\n", key);
    if (s->cached)
        text_print(t, "%s_cached %u\n", key, frame_pfn(vm_sys.pool, s->cached));
    else
        text_print(t, "%s_cached no\n", key);
}

static void show_directory(struct text *t, const struct description *d)
{
    static const char *const state[] = {
        [PT_NONE] = "none", [PT_OWN] = "own", [PT_SHARED] = "shared", [PT_OUT] = "out"};

    text_print(t, "directory %08x\ndirectory_state %s\n", d->directory, state[d->span]);
    if (d->span == PT_OUT)
        show_slot(t, "table_slot", &d->table_slot);
    if (!d->table)
        return;
    text_print(t, "directory_writes %s\n", d->holds_writes ? "held" : "allowed");
    show_words(t, "directory_bits", d->directory & PAGE_MASK, pt_bit_name);
    text_print(t, "table %u\ntable_roots %u\ntable_entries %u\ntable_slots %u\n",
               frame_pfn(vm_sys.pool, d->table), d->roots, d->table->used, d->table->pins);
}

static const char *entry_kind(pte_t e)
{
    if (pte_empty(e))
        return "empty";
    if (pte_is_swap(e))
        return pte_slot(e) == SLOT_LOST ? "lost" : "swap";
    return pte_present(e) ? "present" : pte_held(e) ? "held" : "parked";
}

static void show_entry(struct text *t, const struct description *d)
{
    text_print(t, "state %s\n", page_state_name(d->state));
    if (d->span == PT_OUT) {
        text_print(t, "entry unknown\n");
        return;
    }
    text_print(t, "entry %08x\nentry_kind %s\n", pte_bits(d->entry), entry_kind(d->entry));
    if (pte_parked(d->entry))
        text_print(t, "entry_parked_by%s%s\n", d->set_aside ? " policy" : "", d->no_place ? " tlb" : "");
    if (pte_has_frame(d->entry))
        show_words(t, "entry_bits", pte_bits(d->entry) & PAGE_MASK, pt_bit_name);
}

/* Which of the policy's lists a frame is on. */
static void show_list(struct text *t, const struct frame *f)
{
    struct pageable *p = &vm_sys.pageable;
    const struct policy *policy;
    unsigned list = policy_list_of(f);

    if (!(f->flags & FRAME_F_LISTED)) {
        text_print(t, "frame_list none\n");
        return;
    }
    policy = pageable_half_of(p, f)->policy;
    text_print(t, "frame_policy %s\nframe_list %u %s\n", policy ? policy->name : "-", policy_number_of(f),
               list == POLICY_KEPT             ? "locked"
               : policy && policy->lists[list] ? policy->lists[list]
                                               : "-");
}

static void show_frame(struct text *t, const char *key, const struct frame *f)
{
    bool pageable = f->use == FRAME_ANON || f->use == FRAME_OBJECT;
    pfn_t pfn = frame_pfn(vm_sys.pool, f);

    text_print(t, "%s %u\n", key, pfn);
    text_print(t, "frame_physical %08x\nframe_zone %s\n", pfn << PAGE_SHIFT,
               frame_is_low(vm_sys.pool, pfn) ? "low" : "high");
    text_print(t, "frame_use %s\n", pfn == vm_sys.zero_pfn ? "zero" : frame_use_name(f->use));
    if (!pageable)
        return;
    text_print(t, "frame_order 0\nframe_maps %u\nframe_pins %u\nframe_index %08x\n", f->maps, f->pins,
               f->index);
    show_words(t, "frame_flags", f->flags & ~(uint32_t)FRAME_F_LIST, frame_flag);
    show_list(t, f);
}

/* --- who shows a page --- */

struct places {
    struct text *text;
    uint32_t count;
};

/* A line for each process that has the space; one that nobody has is on its way in or out. */
static bool show_place(struct space *s, vaddr_t va, pte_t e, void *arg)
{
    struct places *p = arg;
    bool any = false;

    if (p->count++ >= PLACES_MAX)
        return true;
    for (const struct process *o = process_all; o; o = o->all_next) {
        if (!o->memory || o->memory->space != s)
            continue;
        any = true;
        text_print(p->text, "map %d %u %08x %08x %s %s\n", o->pid, s->id, va, pte_bits(e), entry_kind(e),
                   o->threads ? o->threads->comm : o->comm);
    }
    if (!any)
        text_print(p->text, "map 0 %u %08x %08x %s -\n", s->id, va, pte_bits(e), entry_kind(e));
    return true;
}

static void show_places(struct text *t, const struct description *d)
{
    struct places p = {.text = t};

    describe_places(d, show_place, &p);
    if (d->frame && d->mappings)
        text_print(t, "mappings %u\n", d->mappings);
    text_print(t, "maps_found %u\n", p.count);
}

/* --- what happened --- */

/* The next record of the page. Sleeps. */
static bool next_event(struct history *h, struct event_record *e, uint64_t *number)
{
    enum history_answer answer;

    do {
        might_sleep();
        nosleep_enter("the ring of events");
        answer = history_next(h, e, number);
        nosleep_exit();
    } while (answer == HISTORY_MORE);
    return answer == HISTORY_RECORD;
}

/* The last records of the page, in the form of /proc/quire/events. begun: nothing was asked of it yet.
 * Sleeps. */
static void show_history(struct text *t, const struct history *begun)
{
    struct history h = *begun;
    struct event_record e;
    uint64_t number;
    uint32_t count = 0, skip;

    while (next_event(&h, &e, &number))
        count++;
    text_print(t, "events %u\nevents_since %llu\n", count, (unsigned long long)event_first(h.ring));
    skip = count > EVENTS_MAX ? count - EVENTS_MAX : 0;
    h = *begun;
    while (next_event(&h, &e, &number)) {
        char line[EVENT_LINE];

        if (skip) {
            skip--;
            continue;
        }
        event_line(line, sizeof line, &e, number, proc_pid_of_space);
        text_print(t, "event %s\n", line);
    }
}

/* --- the page --- */

/* All but what happened to it, which begins in h; without memory that has no ring. */
static int show_page(struct text *t, const struct process *p, vaddr_t va, struct history *h)
{
    const struct memory *m = p->memory;
    struct description d;

    h->ring = NULL;
    text_print(t, "pid %d\naddress %08x\n", p->pid, va);
    if (!m) {
        text_print(t, "space none\n");
        return 0;
    }
    describe_page(m->space, va, &d);
    text_print(t, "space %u\npage %08x\n", m->space->id, d.va);
    show_region(t, m, &d);
    show_directory(t, &d);
    show_entry(t, &d);
    if (d.frame)
        show_frame(t, "frame", d.frame);
    if (d.slot.slot != SLOT_NONE)
        show_slot(t, "slot", &d.slot);
    if (d.object_frame)
        show_frame(t, "object_frame", d.object_frame);
    if (d.object_slot.slot != SLOT_NONE)
        show_slot(t, "object_slot", &d.object_slot);
    show_places(t, &d);
    history_begin(h, &d);
    return 0;
}

/* --- the file --- */

struct page_file {
    struct mutex lock;
    struct text text;
    bool asked, made;
    vaddr_t va;
};

static int open_page(struct file *f)
{
    struct page_file *p;

    if (proc_may_look(proc_node_of(f->inode)))
        return -EACCES;
    if (!proc_process(proc_node_of(f->inode)))
        return -ESRCH;
    p = vm_zalloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    f->data = p;
    return 0;
}

static void release_page(struct file *f)
{
    struct page_file *p = f->data;

    text_free(&p->text);
    kfree(p);
}

/* Sleeps, also while it goes through what happened. */
static int render(const struct proc_node *n, struct page_file *f)
{
    for (unsigned i = 0; i < RENDER_TRIES; i++) {
        const struct process *p;
        struct history h;
        int err;

        text_rewind(&f->text);
        nosleep_enter("what is said of a page");
        p = proc_process(n);
        err = p ? show_page(&f->text, p, f->va, &h) : -ESRCH;
        nosleep_exit();
        if (!err && h.ring)
            show_history(&f->text, &h);
        if (err || text_complete(&f->text))
            return err;
        err = text_extend(&f->text);
        if (err)
            return err;
    }
    return -ENOMEM;
}

static int read_page(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct page_file *p = f->data;
    int got = 0;

    mutex_lock(&p->lock);
    if (!p->asked)
        got = -EINVAL; /* about what? */
    else if (!p->made || *pos == 0)
        got = render(proc_node_of(f->inode), p);
    p->made = got == 0;
    if (got == 0)
        got = text_read(&p->text, *pos, buf, n);
    if (got > 0)
        *pos += (uint64_t)got;
    mutex_unlock(&p->lock);
    return got;
}

/* An address in the user half, hexadecimal, blanks and newlines around it. */
static bool address_of(const char *s, vaddr_t *va)
{
    uint64_t v;

    while (*s == ' ' || *s == '\t')
        s++;
    if (!number_address(&s, &v) || v >= USER_END)
        return false;
    while (*s == ' ' || *s == '\t' || *s == '\n')
        s++;
    *va = (vaddr_t)v;
    return !*s;
}

static int write_page(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    struct page_file *p = f->data;
    char s[ADDRESS_MAX + 1];
    vaddr_t va;

    if (n > ADDRESS_MAX)
        return -EINVAL;
    if (user_copy_in(s, buf, n))
        return -EFAULT;
    s[n] = '\0';
    if (!address_of(s, &va))
        return -EINVAL;
    if (!proc_process(proc_node_of(f->inode)))
        return -ESRCH;
    mutex_lock(&p->lock);
    p->va = va;
    p->asked = true;
    p->made = false;
    *pos = 0;
    mutex_unlock(&p->lock);
    return (int)n;
}

static const struct file_ops page_ops = {
    .open = open_page,
    .release = release_page,
    .read = read_page,
    .write = write_page,
};

/* --- all pages --- */

static int next_pages(struct text *t, const struct proc_node *n, uint32_t *from)
{
    const struct process *p = proc_process(n);
    struct page_run run;

    if (!p)
        return -ESRCH;
    if (!p->memory || !describe_run(p->memory->space, *from, &run))
        return 0;
    *from = run.end;
    if (run.state == PAGE_OUT)
        text_print(t, "%08x-%08x %s %u\n", run.start, run.end, page_state_name(run.state), run.entries);
    else
        text_print(t, "%08x-%08x %s\n", run.start, run.end, page_state_name(run.state));
    return 1;
}

const struct proc_entry proc_pid_quire_entries[] = {
    {.name = "page", .mode = S_IFREG | 0600, .file_ops = &page_ops, .guarded = true},
    {.name = "pages", .mode = S_IFREG | 0444, .show_next = next_pages, .guarded = true},
    {.name = "forms", .mode = S_IFREG | 0444, .count = proc_show_forms, .guarded = true},
    {.name = "forms-all", .mode = S_IFREG | 0444, .count = proc_show_forms_all, .guarded = true},
    {.name = "tlb", .mode = S_IFREG | 0644, .show = proc_show_tlb, .store = proc_store_tlb, .guarded = true},
    {.name = NULL},
};
