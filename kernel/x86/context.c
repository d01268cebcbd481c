/*
 * FS, GS, a program's segment descriptors and the FPU's registers stay loaded while kernel tasks run, so they
 * change hands only between programs: context_loaded says whose they are.
 *
 * Locking: interrupts off.
 */
#include "kernel/x86/context.h"
#include "mm/os.h"

struct context *context_loaded;

void context_store(struct context *c)
{
    if (c != context_loaded)
        return;
    c->fs = cpu_fs();
    c->gs = cpu_gs();
    fpu_save(c->fpu);
}

void context_load_slow(struct context *c)
{
    if (context_loaded)
        context_store(context_loaded);
    context_loaded = c;
    cpu_set_tls(c->tls);
    cpu_set_fs(c->fs);
    cpu_set_gs(c->gs);
    fpu_load(c->fpu);
}

void context_reload(struct context *c)
{
    uint32_t irq = os_irq_save();

    context_loaded = NULL;
    context_load_slow(c);
    os_irq_restore(irq);
}

void context_unload(struct context *c)
{
    if (context_loaded == c)
        context_loaded = NULL;
}
