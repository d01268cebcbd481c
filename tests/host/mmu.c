/*
 * A model of the processor's paging for the host: a translation cache that
 * behaves as the hardware's may, over the real tables of mm/x86/pt.c.
 *
 * A cached translation is used without a look at the tables, as the processor does.
 * But before its use the model walks the tables: if they no longer grant what
 * the cache says, somebody forgot a flush, and the run ends there.
 */
#include "mm/machine.h"
#include "mm/x86/paging.h"
#include "mm/x86/tlb.h"
#include "tests/host/host.h"
#include "tests/host/pool.h"
#include "tests/vt.h"

#define TLB_ENTRIES 64u
#define PDE_ENTRIES 4u

static struct {
    vaddr_t va; /* page aligned; the entry is valid if root is not NULL */
    const pde_t *root;
    pfn_t pfn;
    bool write, dirty;
} tlb[TLB_ENTRIES];

/* Directory entries are cached apart: a walk uses one without a look at the directory (SDM vol. 3A, 4.10.3).
 */
static struct {
    vaddr_t span; /* the entry is valid if root is not NULL */
    const pde_t *root;
    pde_t pde;
} pde_cache[PDE_ENTRIES];

static void forget_directories(void)
{
    for (unsigned i = 0; i < PDE_ENTRIES; i++)
        pde_cache[i].root = NULL;
}

void tlb_flush_page(vaddr_t va)
{
    forget_directories();
    tlb[(va >> PAGE_SHIFT) % TLB_ENTRIES].root = NULL;
}

void tlb_load_root(pfn_t root)
{
    (void)root;
    forget_directories();
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        tlb[i].root = NULL;
}

void pt_root_init(void *top)
{
    page_clear(top);
}

pfn_t paging_kernel_root(void)
{
    return PFN_NONE;
}

/* A walk meets the directory entry of va: a cached one must grant no more, and name the same table. */
static void meet_directory(const struct space *s, vaddr_t va)
{
    const pde_t *root = s->pt.top;
    pde_t pde = root[va >> PT_SPAN_SHIFT];
    unsigned slot = (va >> PT_SPAN_SHIFT) % PDE_ENTRIES;

    if (pde_cache[slot].root != root || pde_cache[slot].span != PT_SPAN_DOWN(va)) {
        pde_cache[slot].root = pde & PT_PRESENT ? root : NULL;
        pde_cache[slot].span = PT_SPAN_DOWN(va);
        pde_cache[slot].pde = pde;
        return;
    }
    pde_t cached = pde_cache[slot].pde;

    mm_assert((cached ^ pde) >> PAGE_SHIFT == 0 && !(cached & ~pde & (PT_PRESENT | PT_WRITE | PT_USER)),
              "a stale directory entry for %x in space %u was used: %x, the directory says %x", va, s->id,
              cached, pde);
}

/* The entry that grants the access, or NULL; sets accessed and dirty bits as the processor does. */
static pte_t *walk(const struct pt *pt, vaddr_t va, bool write, bool set)
{
    pde_t *pde = &pt->top[va >> PT_SPAN_SHIFT];
    pte_t *e = pt_resident_entry(pt, va);

    if (!e || !pte_present(*e))
        return NULL;
    if (write && !(*pde & PT_WRITE && pte_writable(*e)))
        return NULL;
    if (set) {
        *pde |= PT_ACCESSED;
        e->raw |= PT_ACCESSED | (write ? PT_DIRTY : 0u);
    }
    return e;
}

/* Translate, with faults resolved. PFN_NONE and the verdict if that cannot be. */
static pfn_t translate(struct space *s, vaddr_t va, bool write, enum fault_verdict *verdict)
{
    unsigned slot = (va >> PAGE_SHIFT) % TLB_ENTRIES;

    space_activate(s);
    *verdict = FAULT_RESUME;
    for (unsigned tries = 0; tries < 100; tries++) {
        bool hit =
            tlb[slot].root == s->pt.top && tlb[slot].va == PAGE_DOWN(va) && (!write || tlb[slot].write);
        pte_t *e;

        if (hit) {
            e = walk(&s->pt, va, write, false);
            mm_assert(e && pte_pfn(*e) == tlb[slot].pfn,
                      "a stale translation of %x in space %u was used: frame %u, the tables say %x", va,
                      s->id, tlb[slot].pfn, e ? e->raw : 0);
            if (write && !tlb[slot].dirty) {
                walk(&s->pt, va, true, true);
                tlb[slot].dirty = true;
            }
            return tlb[slot].pfn;
        }
        meet_directory(s, va);
        e = walk(&s->pt, va, write, true);
        if (e) {
            tlb[slot].va = PAGE_DOWN(va);
            tlb[slot].root = s->pt.top;
            tlb[slot].pfn = pte_pfn(*e);
            tlb[slot].write = pte_writable(*e) && s->pt.top[va >> PT_SPAN_SHIFT] & PT_WRITE;
            tlb[slot].dirty = write;
            return tlb[slot].pfn;
        }
        tlb[slot].root = NULL; /* the processor drops what it had of an address that faults */
        pde_cache[(va >> PT_SPAN_SHIFT) % PDE_ENTRIES].root = NULL;
        struct fault f = {.va = va, .access = write ? ACCESS_WRITE : ACCESS_READ, .user = true};

        *verdict = fault_resolve(s, &f);
        if (*verdict != FAULT_RESUME)
            return PFN_NONE;
        space_activate(s);
    }
    mm_assert(false, "access to %x in space %u faults for ever", va, s->id);
    return PFN_NONE;
}

uint8_t *host_user_open(struct space *s, vaddr_t va, bool write, enum fault_verdict *verdict)
{
    pfn_t pfn = translate(s, va, write, verdict);

    return pfn == PFN_NONE ? NULL : (uint8_t *)window_open(s->vm->pool, pfn) + (va & PAGE_MASK);
}

bool host_user_there(const struct space *s, vaddr_t va, bool write)
{
    return s->pt.top[va >> PT_SPAN_SHIFT] & PT_PRESENT && walk(&s->pt, va, write, false);
}

void host_user_close(const struct space *s, uint8_t *at)
{
    window_close(s->vm->pool, at);
}

enum fault_verdict vt_read(struct space *s, vaddr_t va, uint32_t *value)
{
    enum fault_verdict v;
    uint8_t *at = host_user_open(s, va, false, &v);

    if (at) {
        memcpy(value, at, sizeof *value);
        host_user_close(s, at);
    }
    return v;
}

enum fault_verdict vt_write(struct space *s, vaddr_t va, uint32_t value)
{
    enum fault_verdict v;
    uint8_t *at = host_user_open(s, va, true, &v);

    if (at) {
        memcpy(at, &value, sizeof value);
        host_user_close(s, at);
    }
    return v;
}

void vt_idle(void)
{
    space_activate(NULL);
}
