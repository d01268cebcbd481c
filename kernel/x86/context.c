/*
 * FS, GS, a program's segment descriptors and the FPU's registers stay loaded while kernel tasks run, so they
 * change hands only between programs: context_loaded says whose they are. A table of local descriptors
 * belongs to many contexts, those of all threads of a program, so that it is loaded only when another one is.
 *
 * Locking: interrupts off.
 */
#include "kernel/x86/context.h"
#include "kernel/x86/segment.h"
#include "mm/os.h"

struct context *context_loaded;
static const struct context_ldt *ldt_loaded;
static uint8_t special_loaded; /* CONTEXT_* */

static void load_ldt(const struct context_ldt *ldt)
{
    ldt_loaded = ldt;
    cpu_set_ldt(ldt ? ldt->entries : NULL, ldt ? ldt->count : 0);
}

static __attribute__((noinline, cold)) void load_special(const struct context *c)
{
    unsigned changed = c->special ^ special_loaded;

    if (changed & CONTEXT_CALLS)
        cpu_set_watched(c->special & CONTEXT_CALLS);
    if (changed & CONTEXT_NO_TSC)
        cpu_let_tsc(!(c->special & CONTEXT_NO_TSC));
    if ((c->special | special_loaded) & CONTEXT_DEBUG)
        debugreg_load(c->special & CONTEXT_DEBUG ? c->debug : NULL);
    if (c->special & (CONTEXT_PORTS | CONTEXT_ALL_PORTS))
        ports_load(c->special & CONTEXT_ALL_PORTS ? NULL : c->ports);
    else if (special_loaded & (CONTEXT_PORTS | CONTEXT_ALL_PORTS))
        ports_unload();
    special_loaded = c->special;
}

void context_store(struct context *c)
{
    if (c != context_loaded)
        return;
    c->fs = segment_fs();
    c->gs = segment_gs();
    fpu_save(c->fpu);
}

void context_load_slow(struct context *c)
{
    if (context_loaded)
        context_store(context_loaded);
    context_loaded = c;
    cpu_set_tls(c->tls);
    if (unlikely(c->ldt != ldt_loaded))
        load_ldt(c->ldt);
    if (unlikely(c->special | special_loaded))
        load_special(c);
    segment_set_fs(c->fs);
    segment_set_gs(c->gs);
    fpu_load(c->fpu);
}

void context_reload(struct context *c)
{
    uint32_t irq = os_irq_save();

    context_loaded = NULL;
    context_load_slow(c);
    os_irq_restore(irq);
}

void context_set_ldt(struct context *c, const struct context_ldt *ldt)
{
    c->ldt = ldt;
    if (c == context_loaded && ldt != ldt_loaded)
        load_ldt(ldt);
}

void context_set_special(struct context *c, unsigned bits, bool on)
{
    c->special = (uint8_t)(on ? c->special | bits : c->special & ~bits);
    if (c == context_loaded)
        load_special(c);
}

void context_ldt_moved(const struct context_ldt *ldt)
{
    if (ldt == ldt_loaded)
        load_ldt(ldt);
}

bool context_ldt_is_loaded(const struct context_ldt *ldt)
{
    return ldt == ldt_loaded;
}

uint32_t context_segment_base(const struct context *c, uint16_t selector)
{
    enum { LOCAL = 4 };
    uint32_t entry = selector / 8;
    uint64_t d = 0;

    if (selector & LOCAL)
        d = c->ldt && entry < c->ldt->count ? c->ldt->entries[entry] : 0;
    else if (entry >= SEL_TLS / 8 && entry < SEL_TLS / 8 + CPU_TLS)
        d = c->tls[entry - SEL_TLS / 8];
    return (uint32_t)(d >> 56 << 24) | (uint32_t)(d >> 16 & 0xFFFFFF);
}

void context_unload(struct context *c)
{
    if (context_loaded == c)
        context_loaded = NULL;
}
