/*
 * Local descriptor tables: segments that a program defines, modify_ldt(2).
 *
 * A memory has one table at most, which comes with the first entry that is written; all threads that run in
 * the memory use it, fork copies it, exec leaves it behind. Its room is whole pages and grows up to 8,192
 * entries; the processor may look at all of it, since what was never written is 0, which nothing can be
 * loaded from. The pages are the kernel's: they count against what the kernel may have, and for the OOM
 * killer.
 *
 * Nothing here can give a program more than it has: a descriptor that a program writes is always one of a
 * segment of privilege 3, code or data, and pages keep the kernel's half closed to privilege 3 wherever a
 * segment lies. The accessed bit is always set, so that the processor never writes to a table.
 *
 * A segment register keeps what it was loaded with when its descriptor changes. CS, SS, DS and ES, which are
 * loaded on each way to ring 3, and FS change at once, as on Linux for i386; GS, which Linux leaves alone
 * there too, when another program has run in between. A register that cannot be loaded any more becomes 0,
 * and CS or SS ends in SIGILL (trap.asm).
 *
 * Locking: a table's mutex, for whoever writes, reads or copies it: a copy to or from the program sleeps. A
 * memory gets its table between sleeps.
 *
 * Source: Intel SDM vol. 3A, 3.4, 3.5; modify_ldt(2).
 */
#include "kernel/proc/ldt.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

#define ENTRIES     8192u
#define PAGE_SHARE  (PAGE_SIZE / sizeof(uint64_t)) /* entries in a page */
#define DEFAULT_LDT (5 * sizeof(uint64_t))         /* what Linux says that the default table has, all 0 */

struct ldt {
    struct context_ldt table; /* its count is its room */
    uint32_t used;            /* entries up to the highest that was ever written */
    struct mutex lock;
};

uint64_t descriptor_of(const struct user_desc *u)
{
    /* Ring 3, code or data, accessed. */
    uint32_t low = u->base << 16 | (u->limit & 0xFFFF);
    uint32_t high = (u->base & 0xFF000000) | (u->base >> 16 & 0xFF) | (u->limit & 0xF0000) | 0x7100;

    if (!(u->flags & UD_NOT_PRESENT))
        high |= 1u << 15;
    if (!(u->flags & UD_READ_ONLY))
        high |= 1u << 9;
    high |= (u->flags & UD_CONTENTS) >> 1 << 10;
    if (u->flags & UD_32BIT)
        high |= 0x00400000;
    if (u->flags & UD_PAGES)
        high |= 1u << 23;
    if (u->flags & UD_USEABLE)
        high |= 1u << 20;
    return (uint64_t)high << 32 | low;
}

/* --- a memory's table --- */

void ldt_attach(struct thread *t, const struct memory *m)
{
    const struct ldt *l = m ? m->ldt : NULL;
    uint32_t irq = os_irq_save();

    context_set_ldt(&t->context, l ? &l->table : NULL);
    t->task->cpu.user_work &= ~(uint32_t)TASK_HAS_LDT;
    if (l)
        t->task->cpu.user_work |= TASK_HAS_LDT;
    os_irq_restore(irq);
}

static void attach_all(const struct memory *m)
{
    for (const struct process *p = process_all; p; p = p->all_next)
        for (struct thread *t = p->memory == m ? p->threads : NULL; t; t = t->next)
            ldt_attach(t, m);
}

static struct ldt *create(void)
{
    return vm_zalloc(sizeof(struct ldt));
}

void ldt_destroy(struct ldt *l)
{
    if (!l)
        return;
    mm_assert(!context_ldt_is_loaded(&l->table), "table %p", (void *)l);
    vm_table_free(l->table.entries, l->table.count, sizeof(uint64_t));
    kfree(l);
}

/* The table of the running program's memory, made if there is none. NULL: out of memory. Sleeps. */
static struct ldt *get_or_create(struct memory *m)
{
    struct ldt *l;

    if (m->ldt)
        return m->ldt;
    l = create();
    if (m->ldt || !l) { /* another thread came first, or there is no memory */
        kfree(l);
        return m->ldt;
    }
    m->ldt = l;
    attach_all(m);
    return l;
}

/* Have room for so many entries. The table is locked. 0 or -ENOMEM. Sleeps. */
static int make_room(struct ldt *l, uint32_t count)
{
    struct context_ldt old = l->table, new;
    uint32_t irq;

    if (count <= old.count)
        return 0;
    new.count = (count + PAGE_SHARE - 1) / PAGE_SHARE *PAGE_SHARE;
    new.entries = vm_table_alloc(new.count, sizeof(uint64_t));
    if (!new.entries)
        return -ENOMEM;
    memcpy(new.entries, old.entries, l->used * sizeof(uint64_t));
    irq = os_irq_save();
    l->table = new;
    context_ldt_moved(&l->table);
    os_irq_restore(irq);
    vm_table_free(old.entries, old.count, sizeof(uint64_t));
    return 0;
}

int ldt_copy(struct memory *to, const struct memory *from)
{
    struct ldt *old = from->ldt, *l;
    int err;

    if (!old || !old->used)
        return 0;
    l = create();
    if (!l)
        return -ENOMEM;
    mutex_lock(&old->lock);
    err = make_room(l, old->used);
    if (!err) {
        memcpy(l->table.entries, old->table.entries, old->used * sizeof(uint64_t));
        l->used = old->used;
    }
    mutex_unlock(&old->lock);
    if (err)
        kfree(l);
    else
        to->ldt = l;
    return err;
}

size_t ldt_bytes(const struct process *p)
{
    const struct ldt *l = p->memory ? p->memory->ldt : NULL;

    return l ? sizeof *l + l->table.count * sizeof(uint64_t) : 0;
}

/* --- modify_ldt(2) --- */

int ldt_read(vaddr_t to, uint32_t size)
{
    struct ldt *l = process_current()->memory->ldt;
    uint32_t have;
    int err;

    if (!l || !l->used)
        return 0;
    if (size > ENTRIES * sizeof(uint64_t))
        size = ENTRIES * sizeof(uint64_t);
    mutex_lock(&l->lock);
    have = l->used * sizeof(uint64_t);
    if (have > size)
        have = size;
    err = user_copy_out(to, l->table.entries, have);
    if (!err)
        err = user_clear(to + have, size - have);
    mutex_unlock(&l->lock);
    return err ? err : (int)size;
}

int ldt_read_default(vaddr_t to, uint32_t size)
{
    int err;

    if (size > DEFAULT_LDT)
        size = DEFAULT_LDT;
    err = user_clear(to, size);
    return err ? err : (int)size;
}

/* The registers that the program finds loaded when it goes on, but for those that are loaded on the way. */
static void refresh(void)
{
    enum { LOCAL = 4 };
    uint16_t fs = cpu_fs();

    if (fs & LOCAL)
        cpu_set_fs(fs);
}

int ldt_write(vaddr_t from, uint32_t size, bool old)
{
    const uint32_t nothing = UD_READ_ONLY | UD_NOT_PRESENT;
    struct user_desc u;
    struct ldt *l;
    uint64_t d = 0;
    int err;

    if (size != sizeof u)
        return -EINVAL;
    err = user_copy_in(&u, from, sizeof u);
    if (err)
        return err;
    u.flags &= UD_ALL;
    if (u.entry >= ENTRIES)
        return -EINVAL;
    /* Conforming code runs with its caller's privilege, so that it is never there. */
    if ((u.flags & UD_CONTENTS) == UD_CONTENTS && (old || !(u.flags & UD_NOT_PRESENT)))
        return -EINVAL;
    if (u.base || u.limit || (!old && u.flags != nothing))
        d = descriptor_of(
            &(struct user_desc){u.entry, u.base, u.limit, old ? u.flags & ~(uint32_t)UD_USEABLE : u.flags});
    l = get_or_create(process_current()->memory);
    if (!l)
        return -ENOMEM;
    mutex_lock(&l->lock);
    err = make_room(l, u.entry + 1);
    if (!err) {
        l->table.entries[u.entry] = d;
        if (l->used <= u.entry)
            l->used = u.entry + 1;
    }
    mutex_unlock(&l->lock);
    if (!err)
        refresh();
    return err;
}
