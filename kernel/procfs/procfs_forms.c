/*
 * Forms of page tables over spaces that live: what each form would take, and how long its walks would be, for
 * the programs that run.
 *
 *     /proc/PID/quire/forms      one space in each form, asked for all its pages and for 1,024 absent ones
 *     /proc/PID/quire/forms-all  the same, with a million absent ones, which takes a second
 *     /proc/quire/forms          all spaces: one inverted table (hashed, clustered) for all of them, and
 *                                the sum of the tables that the other forms have for each
 *
 * What counts. A translation is a page that has a frame: its entry in this machine's tables is present, held
 * (nobody may touch it), or parked (set aside or watched), and a page of zeroes counts, though all share one
 * frame. A page in swap, or one that was never touched, is absent. A page table that is out names no frames.
 *
 * First the pages of a space are noted, table by table; others may run in between, so pages that come and go
 * meanwhile may be noted or not. From then on nothing but the notes is looked at: each form in turn is filled
 * from them, asked for each page that was noted and for random pages that were not, and given back before the
 * next begins. All have to say what the notes say, and so the same. What differs is told.
 *
 * Memory. The notes, and the forms that are there at one time, have at most a part of the machine's memory
 * each, and one reader has them at a time. What does not fit is said; the file ends nobody. Time. Others may
 * run after each STEP pages, and between taking and giving back larger tables.
 */
#include "kernel/life/memory.h"
#include "kernel/proc/process.h"
#include "kernel/procfs/procfs.h"
#include "kernel/vm/form_memory.h"
#include "kernel/vm/vm_sys.h"
#include "mm/pt.h"
#include "mm/space.h"

#define STEP        256u  /* pages, before others may run */
#define FEW_ABSENT  1024u /* random pages that a form is asked for */
#define MANY_ABSENT 1000000u
#define MANY_NOTES  16384u /* pages, too many for chains to be given back in one step */
#define MEMORY_PART 8u     /* of the machine's memory: what notes and forms may have, each */
#define NOTE_TRIES  4u
#define ROOM_TRIES  8u

#define SPACE_PAGES (USER_END >> PAGE_SHIFT)

/* A value's bits: what an entry says beside its frame. */
enum { BIT_PRESENT = 1, BIT_WRITABLE = 2, BIT_HELD = 4, BIT_PARKED = 8, BIT_ZERO = 16 };

struct note {
    uint32_t page, entry; /* FORM_VALID and the value */
};

/* How long walks are. */
struct walks {
    uint64_t accesses, bytes;
    uint32_t walks, most;
};

struct result {
    int err; /* 0; -ENOMEM: it was not built */
    uint32_t bytes, elements;
    uint64_t worst, full, sum; /* sum: of all spaces */
    struct walks there, absent;
    uint64_t took_ns;
};

struct lab {
    struct form_memory memory;
    struct note *note;
    uint32_t notes, room; /* that there are, and that there is memory for */
    uint8_t *noted;       /* a bit for each page */
    uint64_t began_ns;
    uint32_t differ; /* answers that are not what was noted */
    uint32_t differ_kind, differ_page;
    struct form form[FORM_KINDS]; /* those that are for one space are there one at a time */
    struct result result[FORM_KINDS];
};

/* One reader at a time has that much memory. */
static struct mutex forms_lock;

/* --- notes --- */

static uint32_t memory_limit(void)
{
    uint32_t frames = vm_sys.pool->end - vm_sys.pool->start;

    return frames / MEMORY_PART > UINT32_MAX / 2 >> PAGE_SHIFT ? UINT32_MAX / 2
                                                               : frames / MEMORY_PART << PAGE_SHIFT;
}

/* At most how many entries of a space name frames. */
static uint32_t count_entries(const struct space *s)
{
    uint32_t n = 0;

    for (vaddr_t va = pt_next_resident(&s->pt, 0, USER_END); va < USER_END;
         va = pt_next_resident(&s->pt, va + PT_SPAN, USER_END)) {
        const struct frame *table = pt_resident_table(&s->pt, va);

        n += table->used - table->pins;
    }
    return n;
}

static uint32_t bits_of(pte_t e)
{
    return (pte_present(e) ? BIT_PRESENT : 0) | (pte_writable(e) ? BIT_WRITABLE : 0) |
           (pte_held(e) ? BIT_HELD : 0) | (pte_parked(e) ? BIT_PARKED : 0) |
           (pte_pfn(e) == vm_sys.zero_pfn ? BIT_ZERO : 0);
}

/* Note the pages of one table. False: there is no room for all. */
static bool note_table(struct lab *l, const struct frame *table, vaddr_t va)
{
    const pte_t *e = pt_table_entries(vm_sys.pool, table);

    for (uint32_t i = 0; (i = pt_next_entry(table, e, i)) < PT_TABLE_ENTRIES; i++) {
        uint32_t page = (va >> PAGE_SHIFT) + i;

        if (!pte_has_frame(e[i]))
            continue;
        if (l->notes == l->room)
            return false;
        l->note[l->notes++] = (struct note){page, FORM_VALID | form_value(pte_pfn(e[i]), bits_of(e[i]))};
        l->noted[page / 8] |= (uint8_t)(1u << page % 8);
    }
    return true;
}

/* Sleeps. */
static bool note_tables(struct lab *l, const struct space *s)
{
    vaddr_t va = 0;
    bool fits = true;

    l->notes = 0;
    memset(l->noted, 0, SPACE_PAGES / 8);
    while (fits && va < USER_END) {
        might_sleep();
        nosleep_enter("the entries of a table");
        va = pt_next_resident(&s->pt, va, USER_END);
        if (va < USER_END) {
            fits = note_table(l, pt_resident_table(&s->pt, va), va);
            va += PT_SPAN;
        }
        nosleep_exit();
    }
    return fits;
}

/* Forget the notes. */
static void forget(struct lab *l)
{
    vm_table_free(l->note, l->room, sizeof *l->note);
    l->note = NULL;
    l->notes = l->room = 0;
}

/* Note all pages of a space, which stays as long as this takes. 0, -ENOMEM; -EBUSY: there were more each
 * time. Sleeps. */
static int note_space(struct lab *l, const struct space *s)
{
    for (unsigned i = 0; i < NOTE_TRIES; i++) {
        uint32_t n = count_entries(s);

        forget(l);
        n += n / 8 + PT_TABLE_ENTRIES;
        if (n > memory_limit() / sizeof *l->note)
            return -ENOMEM;
        l->note = vm_table_alloc(n, sizeof *l->note);
        if (!l->note)
            return -ENOMEM;
        l->room = n;
        if (note_tables(l, s))
            return 0;
    }
    return -EBUSY;
}

/* --- forms --- */

static void add_walk(struct walks *w, const struct form_walk *walk)
{
    w->walks++;
    w->accesses += walk->accesses;
    w->bytes += walk->bytes;
    w->most = w->most > walk->accesses ? w->most : walk->accesses;
}

static void compare(struct lab *l, uint32_t kind, uint32_t page, uint32_t is, uint32_t noted)
{
    if (likely(is == noted))
        return;
    if (!l->differ++) {
        l->differ_kind = kind;
        l->differ_page = page;
    }
}

/* An empty form. 0 or -ENOMEM. Sleeps. */
static int begin_form(struct lab *l, enum form_kind kind)
{
    const struct frame_pool *p = vm_sys.pool;
    struct form_shape shape;
    int err;

    form_shape_of(kind, SPACE_PAGES, p->start, p->end - p->start, &shape);
    err = form_create(&l->form[kind], kind, &shape, &l->memory);
    for (unsigned i = 0; err == -ENOMEM && i < ROOM_TRIES && l->memory.refused; i++) {
        if (form_memory_room(l->memory.refused))
            break;
        err = form_create(&l->form[kind], kind, &shape, &l->memory);
    }
    return err;
}

/* Insert a page, for which others may have to give memory. 0 or -ENOMEM. Sleeps. */
static int insert_note(struct lab *l, struct form *f, uint32_t space, const struct note *n)
{
    int err = form_insert(f, space, n->page, n->entry & FORM_VALUE, NULL);

    for (unsigned i = 0; unlikely(err) && i < ROOM_TRIES && l->memory.refused; i++) {
        if (form_memory_room(l->memory.refused))
            break;
        err = form_insert(f, space, n->page, n->entry & FORM_VALUE, NULL);
    }
    return err;
}

/* Insert what was noted. 0 or -ENOMEM. Sleeps. */
static int fill_form(struct lab *l, struct form *f, uint32_t space)
{
    int err = 0;

    for (uint32_t i = 0; !err && i < l->notes; i++) {
        if (i % STEP == 0)
            might_sleep();
        err = insert_note(l, f, space, &l->note[i]);
    }
    return err;
}

/* Ask for each page that was noted. Sleeps. */
static void walk_form(struct lab *l, enum form_kind kind, uint32_t space)
{
    struct walks *walks = &l->result[kind].there;
    struct form_walk w;

    for (uint32_t i = 0; i < l->notes; i++) {
        if (i % STEP == 0)
            might_sleep();
        compare(l, kind, l->note[i].page, form_lookup(&l->form[kind], space, l->note[i].page, &w),
                l->note[i].entry);
        add_walk(walks, &w);
    }
}

/* Ask for random pages that were not; each form is asked for the same ones. Sleeps. */
static void walk_absent(struct lab *l, enum form_kind kind, uint32_t space, uint32_t absent)
{
    struct walks *walks = &l->result[kind].absent;
    uint32_t random = 0x9E3779B9, page;
    struct form_walk w;

    /* A space that is nearly full has fewer. */
    for (uint32_t i = 0, n = 0; n < absent && i / 4 < absent; i++) {
        if (i % STEP == 0)
            might_sleep();
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        page = (uint32_t)((uint64_t)random * SPACE_PAGES >> 32);
        if (l->noted[page / 8] & 1u << page % 8)
            continue;
        n++;
        compare(l, kind, page, form_lookup(&l->form[kind], space, page, &w), 0);
        add_walk(walks, &w);
    }
}

/* Take pages out of a form. Sleeps. */
static void remove_notes(struct form *f, uint32_t space, const struct note *note, uint32_t notes)
{
    for (uint32_t i = 0; i < notes; i++) {
        if (i % STEP == 0)
            might_sleep();
        form_remove(f, space, note[i].page, NULL);
    }
}

/* Give a form back; if it has chains of many pages these are taken before, so that it is not done in one long
 * step. Sleeps. */
static void end_form(struct lab *l, enum form_kind kind, uint32_t space)
{
    if (form_is_shared(kind) && l->notes > MANY_NOTES)
        remove_notes(&l->form[kind], space, l->note, l->notes);
    might_sleep();
    form_destroy(&l->form[kind]);
}

static void note_result(struct lab *l, enum form_kind kind)
{
    struct result *r = &l->result[kind];
    const struct form *f = &l->form[kind];

    r->bytes = f->bytes;
    r->sum += f->bytes;
    r->elements = f->elements;
    r->worst = form_bytes_worst(f, l->notes);
    r->full = form_bytes_worst(f, SPACE_PAGES);
}

/* The space that was noted, in one form. Sleeps. */
static void try_form(struct lab *l, enum form_kind kind, uint32_t space, uint32_t absent)
{
    struct result *r = &l->result[kind];
    uint64_t began = os_now_ns();

    r->err = begin_form(l, kind);
    if (r->err)
        return;
    r->err = fill_form(l, &l->form[kind], space);
    if (!r->err) {
        walk_form(l, kind, space);
        r->took_ns += os_now_ns() - began;
        walk_absent(l, kind, space, absent);
        note_result(l, kind);
    }
    end_form(l, kind, space);
}

/* Sleeps. */
static struct lab *lab_begin(void)
{
    struct lab *l = vm_zalloc(sizeof *l);

    if (!l)
        return NULL;
    l->noted = vm_table_alloc(SPACE_PAGES / 8, 1);
    if (!l->noted) {
        kfree(l);
        return NULL;
    }
    form_memory_init(&l->memory, memory_limit());
    mutex_lock(&forms_lock);
    l->began_ns = os_now_ns();
    return l;
}

static void lab_end(struct lab *l)
{
    mutex_unlock(&forms_lock);
    forget(l);
    vm_table_free(l->noted, SPACE_PAGES / 8, 1);
    kfree(l);
}

/* --- text --- */

/* A mean with two digits. */
static void put_mean(struct text *t, const char *key, const struct walks *w)
{
    uint64_t hundredths = w->walks ? (w->accesses * 100 + w->walks / 2) / w->walks : 0;

    text_print(t, " %s %llu.%02u most %u", key, (unsigned long long)(hundredths / 100),
               (unsigned)(hundredths % 100), w->most);
}

static void put_checked(struct text *t, const struct lab *l, uint32_t pages)
{
    unsigned built = 0;
    const struct walks *absent = NULL;

    for (enum form_kind k = 0; k < FORM_KINDS; k++)
        if (!l->result[k].err) {
            built++;
            absent = &l->result[k].absent;
        }
    if (l->differ)
        text_print(t, "differ %u answers, the first of %s for page %05x\n", l->differ,
                   form_kind_name(l->differ_kind), l->differ_page);
    else
        text_print(t, "equal %u pages and %u absent ones in %u forms, %u us\n", pages,
                   absent ? absent->walks : 0, built, (uint32_t)((os_now_ns() - l->began_ns) / 1000));
}

/* What pages of other sizes would take for the pages that were noted, which are in ascending order. */
static void put_page_sizes(struct text *t, const struct lab *l)
{
    for (uint32_t shift = PAGE_SHIFT; shift <= PAGE_SHIFT + 10; shift += 2) {
        uint32_t pages = 0, last = UINT32_MAX;

        for (uint32_t i = 0; i < l->notes; i++) {
            uint32_t page = l->note[i].page >> (shift - PAGE_SHIFT);

            pages += page != last;
            last = page;
        }
        text_print(t, "pagesize %u pages %u bytes %llu waste %llu linear %u\n", 1u << shift, pages,
                   (unsigned long long)pages << shift,
                   ((unsigned long long)pages << shift) - ((unsigned long long)l->notes << PAGE_SHIFT),
                   (USER_END >> shift) * 4);
    }
}

static void put_space(struct text *t, const struct lab *l, uint32_t space)
{
    text_print(t, "space %u pages %u of %u frames %u limit %u\n", space, l->notes, SPACE_PAGES,
               vm_sys.pool->end - vm_sys.pool->start, l->memory.limit);
    for (enum form_kind k = 0; k < FORM_KINDS; k++) {
        const struct result *r = &l->result[k];

        if (r->err) {
            text_print(t, "%s no memory\n", form_kind_name(k));
            continue;
        }
        text_print(t, "%s bytes %u worst %llu full %llu", form_kind_name(k), r->bytes,
                   (unsigned long long)r->worst, (unsigned long long)r->full);
        put_mean(t, "walk", &r->there);
        put_mean(t, "absent", &r->absent);
        if (form_is_shared(k))
            text_print(t, " elements %u", r->elements);
        text_print(t, " us %u\n", (uint32_t)(r->took_ns / 1000));
    }
    put_page_sizes(t, l);
    put_checked(t, l, l->notes);
}

/* --- one space --- */

static int show_forms(struct text *t, const struct proc_node *n, uint32_t absent)
{
    const struct process *p = proc_process(n);
    struct memory *m;
    struct lab *l;
    int err;

    if (!p || !p->memory)
        return p ? 0 : -ESRCH;
    m = memory_get(p->memory);
    l = lab_begin();
    err = l ? note_space(l, m->space) : -ENOMEM;
    for (enum form_kind k = 0; !err && k < FORM_KINDS; k++)
        try_form(l, k, m->space->id, absent);
    while (!err) {
        text_rewind(t);
        put_space(t, l, m->space->id);
        if (text_complete(t))
            break;
        err = text_extend(t); /* the forms are not built again for it */
    }
    if (l)
        lab_end(l);
    memory_put(m);
    return err;
}

int proc_show_forms(struct text *t, const struct proc_node *n)
{
    return show_forms(t, n, FEW_ABSENT);
}

int proc_show_forms_all(struct text *t, const struct proc_node *n)
{
    return show_forms(t, n, MANY_ABSENT);
}

/* --- all spaces --- */

/* The notes of a space that is in the forms, with which it is asked for when all are. */
struct batch {
    struct batch *next;
    uint32_t space;
    struct note *note;
    uint32_t notes, room;
};

struct machine {
    struct lab *lab;
    struct batch *batches;
    uint32_t kept;          /* notes that there is memory for in all of them */
    uint32_t spaces, pages; /* that are in the forms */
    uint32_t most;          /* pages of the largest */
};

/* The memory whose space has the next number after *id, which becomes that number; referenced. NULL: there is
 * none. */
static struct memory *next_memory(uint32_t *id)
{
    struct memory *next = NULL;

    for (const struct process *p = process_all; p; p = p->all_next)
        if (p->memory && p->memory->space->id > *id && (!next || p->memory->space->id < next->space->id))
            next = p->memory;
    if (next) {
        *id = next->space->id;
        memory_get(next);
    }
    return next;
}

/* Put the noted pages into the one form of a kind. If it has no memory for all, it is given up. Sleeps. */
static void add_to_form(struct lab *l, enum form_kind kind, uint32_t space)
{
    struct result *r = &l->result[kind];

    if (r->err)
        return;
    r->err = fill_form(l, &l->form[kind], space);
    if (r->err) {
        form_destroy(&l->form[kind]);
        return;
    }
    walk_absent(l, kind, space, FEW_ABSENT);
    note_result(l, kind);
}

/* Keep the notes of a space for later. 0 or -ENOMEM. Sleeps. */
static int keep_notes(struct machine *m, uint32_t space)
{
    struct lab *l = m->lab;
    struct batch *b;

    if (l->room > memory_limit() / sizeof *l->note - m->kept)
        return -ENOMEM;
    b = vm_zalloc(sizeof *b);
    if (!b)
        return -ENOMEM;
    *b = (struct batch){m->batches, space, l->note, l->notes, l->room};
    m->batches = b;
    m->kept += b->room;
    l->note = NULL;
    l->notes = l->room = 0;
    return 0;
}

/* Put a space into all forms. 0, -ENOMEM, -EBUSY. Sleeps. */
static int add_space(struct machine *m, const struct space *s)
{
    struct lab *l = m->lab;
    int err = note_space(l, s);

    if (err)
        return err;
    for (enum form_kind k = 0; k < FORM_KINDS; k++)
        if (form_is_shared(k))
            add_to_form(l, k, s->id);
        else if (!l->result[k].err)
            try_form(l, k, s->id, FEW_ABSENT);
    m->spaces++;
    m->pages += l->notes;
    m->most = m->most > l->notes ? m->most : l->notes;
    return keep_notes(m, s->id);
}

/* Ask the forms that have all spaces now: for each page, and for pages of a space that there is not.
 * Chains are longer than they were when the first spaces came. Sleeps. */
static void walk_all(struct machine *m)
{
    struct lab *l = m->lab;

    memset(l->noted, 0, SPACE_PAGES / 8);
    for (enum form_kind k = 0; k < FORM_KINDS; k++) {
        if (!form_is_shared(k) || l->result[k].err)
            continue;
        l->result[k].absent = (struct walks){0};
        for (const struct batch *b = m->batches; b; b = b->next) {
            l->note = b->note;
            l->notes = b->notes;
            walk_form(l, k, b->space);
        }
        walk_absent(l, k, 0, FEW_ABSENT * m->spaces);
    }
    l->note = NULL;
    l->notes = 0;
}

/* Give the notes back, and before them what the forms have of them, so that the end of a form is a short
 * step. Sleeps. */
static void drop_batches(struct machine *m)
{
    struct batch *b;

    for (enum form_kind k = 0; k < FORM_KINDS; k++)
        if (form_is_shared(k) && !m->lab->result[k].err)
            for (b = m->batches; b; b = b->next)
                remove_notes(&m->lab->form[k], b->space, b->note, b->notes);

    while ((b = m->batches) != NULL) {
        m->batches = b->next;
        vm_table_free(b->note, b->room, sizeof *b->note);
        kfree(b);
    }
}

static void put_machine(struct text *t, const struct machine *m)
{
    const struct lab *l = m->lab;

    text_print(t, "spaces %u pages %u most %u frames %u limit %u\n", m->spaces, m->pages, m->most,
               vm_sys.pool->end - vm_sys.pool->start, l->memory.limit);
    for (enum form_kind k = 0; k < FORM_KINDS; k++) {
        const struct result *r = &l->result[k];

        if (r->err) {
            text_print(t, "%s no memory\n", form_kind_name(k));
            continue;
        }
        if (form_is_shared(k))
            text_print(t, "%s one bytes %u", form_kind_name(k), r->bytes);
        else
            text_print(t, "%s sum bytes %llu", form_kind_name(k), (unsigned long long)r->sum);
        put_mean(t, "walk", &r->there);
        put_mean(t, "absent", &r->absent);
        if (form_is_shared(k))
            text_print(t, " elements %u", r->elements);
        text_print(t, "\n");
    }
    put_checked(t, l, m->pages);
}

/* All spaces that there are, one after the other. 0, -ENOMEM, -EBUSY. Sleeps. */
static int add_spaces(struct machine *m)
{
    struct memory *memory;
    uint32_t id = 0;
    int err = 0;

    while (!err && (memory = next_memory(&id)) != NULL) {
        err = add_space(m, memory->space);
        memory_put(memory);
    }
    return err;
}

int proc_show_forms_machine(struct text *t, const struct proc_node *n __attribute__((unused)))
{
    struct lab *l = lab_begin();
    struct machine m = {.lab = l};
    int err;

    if (!l)
        return -ENOMEM;
    for (enum form_kind k = 0; k < FORM_KINDS; k++)
        if (form_is_shared(k))
            l->result[k].err = begin_form(l, k);
    err = add_spaces(&m);
    if (!err)
        walk_all(&m);
    while (!err) {
        text_rewind(t);
        put_machine(t, &m);
        if (text_complete(t))
            break;
        err = text_extend(t);
    }
    drop_batches(&m);
    for (enum form_kind k = 0; k < FORM_KINDS; k++)
        if (form_is_shared(k) && !l->result[k].err) {
            might_sleep();
            form_destroy(&l->form[k]);
        }
    lab_end(l);
    return err;
}
