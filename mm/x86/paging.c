/*
 * The kernel half
 *
 * Purpose: build the kernel's page directory and keep the upper quarter of all directories the same.
 * layout.h draws the addresses.
 *
 * Theory: a directory has 1024 entries of 4 MiB. Entries 768 and up are the kernel's. The direct map uses 4
 * MiB pages, but for spans that need a finer grain: the first one, which holds the firmware's and the
 * screen's memory (uncached), and those that hold the kernel image (text and constants read-only, a hole
 * below the boot stack). All of it is global, so that loading a root keeps the translations. Tables of the
 * kva area are made when the first page of their span is mapped and freed with the last. A change of a
 * directory entry is made in the kernel's root, which is the model, and in every root of pt_all.
 *
 * Data and owner: kernel_top (the kernel's root) and its tables. Start-up is single threaded; later changes
 * are made in nosleep sections.
 *
 *   INV-PAGING-1  the user half of the kernel's root is empty
 *   INV-PAGING-2  text and constants are mapped read-only
 *   INV-PAGING-3  every root has the kernel half of the kernel's root
 *   INV-PAGING-4  a kva table's frame has use TABLE and counts its non-empty entries, of which there are some
 *   INV-PAGING-5  the processor obeys read-only pages (CR0.WP), and global and large pages are on
 *
 * Fails: pt_kernel_map() with -ENOMEM when there is no frame for a table.
 *
 * Source: Intel SDM vol. 3A, 4.3 (32-bit paging), 4.10 (caching of translations).
 */
#include "mm/x86/paging.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/machine.h"
#include "mm/x86/cpu.h"
#include "mm/x86/tlb.h"

#define TOP_ENTRIES  1024u
#define KERNEL_FIRST (KERNEL_BASE >> PT_SPAN_SHIFT)
#define LARGE_FLAGS  (PT_WRITE | PT_LARGE | PT_GLOBAL)
#define TABLE_FLAGS  PT_WRITE
/* The firmware's hole: the screen's memory and ROMs. */
#define DEVICE_START 0xA0000u
#define DEVICE_END   0x100000u

static pte_t *kernel_top;
static struct frame_pool *table_pool; /* where kva tables come from */
static uint32_t kva_tables;
static struct paging_range read_only[PAGING_RO_RANGES];

pte_t *paging_window_table;

static void *direct(pfn_t pfn)
{
    return (void *)(KERNEL_BASE + ((uintptr_t)pfn << PAGE_SHIFT));
}

static pfn_t direct_pfn(const void *p)
{
    return (pfn_t)(((uintptr_t)p - KERNEL_BASE) >> PAGE_SHIFT);
}

static unsigned top_index(vaddr_t va)
{
    return va >> PT_SPAN_SHIFT;
}

static unsigned table_index(vaddr_t va)
{
    return va >> PAGE_SHIFT & (PT_TABLE_ENTRIES - 1);
}

static pte_t *table_of(pte_t e)
{
    return direct(pte_pfn(e));
}

/* The entry that maps va in the kernel's root: of a table, or of the directory for a large page. NULL when
 * there is no table. */
static const pte_t *lookup(vaddr_t va)
{
    const pte_t *e = &kernel_top[top_index(va)];

    if (!pte_present(*e))
        return NULL;
    return e->raw & PT_LARGE ? e : table_of(*e) + table_index(va);
}

static pte_t *early_table(const struct paging_boot *b)
{
    pte_t *t = direct(b->early_frame());

    memset(t, 0, PAGE_SIZE);
    return t;
}

static bool is_read_only(const struct paging_range *ro, vaddr_t va)
{
    for (unsigned i = 0; i < PAGING_RO_RANGES; i++)
        if (va >= ro[i].start && va < ro[i].end)
            return true;
    return false;
}

static pte_t boot_entry_for(const struct paging_boot *b, vaddr_t va)
{
    pfn_t pfn = (va - KERNEL_BASE) >> PAGE_SHIFT;

    if (va == b->guard || pfn >= b->low_end)
        return PTE_NONE;
    if (is_read_only(b->ro, va))
        return pte_make(pfn, PT_GLOBAL);
    if (va >= KERNEL_BASE + DEVICE_START && va < KERNEL_BASE + DEVICE_END)
        return pte_make(pfn, PT_GLOBAL | PT_WRITE | PT_UNCACHED | PT_WRITE_THROUGH);
    return pte_make(pfn, PT_GLOBAL | PT_WRITE);
}

void *paging_boot_page(pfn_t pfn, unsigned place)
{
    static pfn_t at[2] = {PFN_NONE, PFN_NONE};
    vaddr_t va = KVA_START + place * PT_SPAN;
    pfn_t span = pfn & ~(pfn_t)(PT_TABLE_ENTRIES - 1);

    if (at[place] != span) {
        pte_t *top = direct((pfn_t)(cpu_read_cr3() >> PAGE_SHIFT));

        at[place] = span;
        top[top_index(va)] = pte_make(span, PT_WRITE | PT_LARGE);
        cpu_invlpg(va);
    }
    return (void *)(va + ((pfn - span) << PAGE_SHIFT));
}

void paging_init(const struct paging_boot *b)
{
    pte_t *top = early_table(b);

    mm_assert(b->low_end <= DIRECT_MAX >> PAGE_SHIFT &&
                  (b->image_end - KERNEL_BASE) >> PAGE_SHIFT <= b->low_end,
              "direct map of %u frames, image up to %08x", b->low_end, b->image_end);
    for (vaddr_t va = KERNEL_BASE; (va - KERNEL_BASE) >> PAGE_SHIFT < b->low_end; va += PT_SPAN) {
        bool fine = va == KERNEL_BASE || (va < b->image_end && va + PT_SPAN > b->image_start);

        if (!fine) {
            top[top_index(va)] = pte_make((va - KERNEL_BASE) >> PAGE_SHIFT, LARGE_FLAGS);
            continue;
        }
        pte_t *t = early_table(b);

        for (unsigned i = 0; i < PT_TABLE_ENTRIES; i++)
            t[i] = boot_entry_for(b, va + (i << PAGE_SHIFT));
        top[top_index(va)] = pte_make(direct_pfn(t), TABLE_FLAGS);
    }
    paging_window_table = early_table(b);
    top[top_index(WINDOW_START)] = pte_make(direct_pfn(paging_window_table), TABLE_FLAGS);

    kernel_top = top;
    memcpy(read_only, b->ro, sizeof read_only);
    cpu_write_cr0(cpu_read_cr0() | CR0_WP);
    /* entry.asm's pages are not global, so this drops them all. */
    cpu_write_cr3((uint32_t)direct_pfn(top) << PAGE_SHIFT);
}

pfn_t paging_kernel_root(void)
{
    return direct_pfn(kernel_top);
}

void pt_root_init(void *top)
{
    page_copy(top, kernel_top); /* its user half is empty */
}

static void set_top_everywhere(unsigned i, pte_t e)
{
    kernel_top[i] = e;
    for (struct pt *pt = pt_all; pt; pt = pt->next)
        ((pte_t *)pt->top)[i] = e;
}

static bool in_kva(vaddr_t va)
{
    return va >= KVA_START && va < KVA_END;
}

int pt_kernel_map(struct frame_pool *pool, vaddr_t va, pfn_t pfn, unsigned flags)
{
    unsigned i = top_index(va);

    mm_assert(in_kva(va) && !(va & PAGE_MASK), "address %x", va);
    if (!pte_present(kernel_top[i])) {
        /* no reclaim: the arena is in the hands of the caller, who fails whole */
        struct frame *f = frame_alloc(pool, FRAME_TABLE, FRAME_LOW_ONLY);

        if (!f)
            return -ENOMEM;
        mm_assert(!table_pool || table_pool == pool, "two pools");
        table_pool = pool;
        frame_clear(pool, frame_pfn(pool, f));
        kva_tables++;
        set_top_everywhere(i, pte_make(frame_pfn(pool, f), TABLE_FLAGS));
    }
    pte_t *e = table_of(kernel_top[i]) + table_index(va);

    mm_assert(pte_empty(*e), "%x is mapped to frame %u", va, pte_pfn(*e));
    pfn_frame(pool, pte_pfn(kernel_top[i]))->used++;
    *e = pte_make(pfn, flags | PT_GLOBAL);
    return 0;
}

pfn_t pt_kernel_unmap(vaddr_t va)
{
    unsigned i = top_index(va);

    mm_assert(in_kva(va) && !(va & PAGE_MASK), "address %x", va);
    if (!pte_present(kernel_top[i]))
        return PFN_NONE;
    pte_t *e = table_of(kernel_top[i]) + table_index(va);
    struct frame *table = pfn_frame(table_pool, pte_pfn(kernel_top[i]));
    pfn_t pfn;

    if (pte_empty(*e))
        return PFN_NONE;
    pfn = pte_pfn(*e);
    *e = PTE_NONE;
    if (--table->used == 0)
        set_top_everywhere(i, PTE_NONE);
    cpu_invlpg(va); /* it drops the page, and all that is cached of directories (4.10.4.1) */
    if (table->used == 0) {
        kva_tables--;
        frame_free(table_pool, table);
    }
    return pfn;
}

bool pt_kernel_mapped(vaddr_t va)
{
    return paging_mapped(va);
}

bool paging_mapped(vaddr_t va)
{
    const pte_t *e = va >= KERNEL_BASE && kernel_top ? lookup(va) : NULL;

    return e && pte_present(*e);
}

bool paging_writable(vaddr_t va)
{
    return paging_mapped(va) && pte_writable(*lookup(va)) && pte_writable(kernel_top[top_index(va)]);
}

uint32_t paging_tables(void)
{
    return kva_tables;
}

void paging_forget_page(vaddr_t va)
{
    tlb_flush_page(va);
}

void paging_forget(void)
{
    cpu_write_cr3(cpu_read_cr3());
}

void paging_keep_global(bool keep)
{
    cpu_write_cr4((cpu_read_cr4() & ~(uint32_t)CR4_PGE) | (keep ? CR4_PGE : 0));
}

bool paging_verify(void)
{
    uint32_t tables = 0, cr0 = cpu_read_cr0(), cr4 = cpu_read_cr4();
    bool ok = true;

    for (unsigned i = 0; i < KERNEL_FIRST; i++)
        INV("INV-PAGING-1", pte_empty(kernel_top[i]), "entry %u is %x", i, kernel_top[i].raw);
    for (unsigned i = 0; i < PAGING_RO_RANGES; i++)
        for (vaddr_t va = read_only[i].start; va < read_only[i].end; va += PAGE_SIZE)
            INV("INV-PAGING-2", paging_mapped(va) && !paging_writable(va), "address %x", va);
    for (struct pt *pt = pt_all; pt; pt = pt->next)
        for (unsigned i = KERNEL_FIRST; i < TOP_ENTRIES; i++) {
            uint32_t other = ((pte_t *)pt->top)[i].raw ^ kernel_top[i].raw;

            INV("INV-PAGING-3", !(other & ~(uint32_t)(PT_ACCESSED | PT_DIRTY)),
                "root %x, entry %u differs by %x", pt->root, i, other);
        }
    for (unsigned i = top_index(KVA_START); i < top_index(KVA_END - 1) + 1; i++) {
        unsigned used = 0;

        if (pte_empty(kernel_top[i]))
            continue;
        const struct frame *f = pfn_frame(table_pool, pte_pfn(kernel_top[i]));

        tables++;
        for (unsigned k = 0; k < PT_TABLE_ENTRIES; k++)
            used += !pte_empty(table_of(kernel_top[i])[k]);
        INV("INV-PAGING-4", f->use == FRAME_TABLE && f->used == used && used > 0,
            "table of %x: use %u, counted %u, has %u", i << PT_SPAN_SHIFT, f->use, f->used, used);
    }
    INV("INV-PAGING-4", tables == kva_tables, "%u tables, counted %u", tables, kva_tables);
    INV("INV-PAGING-5", (cr0 & CR0_WP) && (cr4 & CR4_PSE) && (cr4 & CR4_PGE), "cr0 %x, cr4 %x", cr0, cr4);
    return ok;
}
