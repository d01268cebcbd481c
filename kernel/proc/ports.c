/*
 * Input and output ports for programs, as hwclock and display servers use them: ioperm(2), iopl(2).
 *
 * A thread has a map of the ports that are closed to it, or none, and a level. Who begins as its child or its
 * thread has both too, and exec keeps them; a map is shared until one of those changes it, and is gone when
 * all ports are closed again. Level 3 opens all ports beside that; 1 and 2 are remembered and open nothing,
 * as on Linux: the processor's own I/O privilege level stays 0, so that no program turns interrupts off. One
 * that tries with level 3 goes on as if it had.
 *
 * INV-PORTS-1  a map has a reference for each thread that has it, also one that ends, and a port that is open
 *
 * Locking: everything here changes between sleeps; what the processor goes by, with interrupts off.
 *
 * Source: ioperm(2), iopl(2); Intel SDM vol. 1, 19.5.
 */
#include "kernel/proc/ports.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

static void put(struct port_map *map)
{
    uint32_t irq;

    if (!map || --map->refs)
        return;
    irq = os_irq_save();
    ports_forget(map);
    os_irq_restore(irq);
    vm_table_free(map->closed, PORTS_BYTES, 1);
    kfree(map);
}

/* Have the processor go by what t has. */
static void update(struct thread *t)
{
    uint32_t irq = os_irq_save();

    context_set_special(&t->context, CONTEXT_PORTS, t->context.ports);
    context_set_special(&t->context, CONTEXT_ALL_PORTS, t->port_level == PORTS_LEVEL);
    os_irq_restore(irq);
}

/* A map of one reference, like another one; NULL: with all ports closed. NULL: out of memory. Sleeps. */
static struct port_map *copy(const struct port_map *from)
{
    struct port_map *map = vm_alloc(sizeof *map);
    uint8_t *closed = vm_table_alloc(PORTS_BYTES, 1);

    if (!map || !closed) {
        kfree(map);
        vm_table_free(closed, PORTS_BYTES, 1);
        return NULL;
    }
    *map = (struct port_map){.refs = 1, .closed = closed};
    if (from)
        memcpy(closed, from->closed, PORTS_BYTES);
    else
        memset(closed, 0xFF, PORTS_BYTES);
    return map;
}

static void set_bits(uint8_t *closed, uint32_t from, uint32_t count, bool on)
{
    for (uint32_t end = from + count; from < end;) {
        if (from % 8 == 0 && end - from >= 8) {
            closed[from / 8] = on ? 0 : 0xFF;
            from += 8;
            continue;
        }
        if (on)
            closed[from / 8] &= (uint8_t) ~(1u << from % 8);
        else
            closed[from / 8] |= (uint8_t)(1u << from % 8);
        from++;
    }
}

static bool opens_something(const struct port_map *map)
{
    for (uint32_t i = 0; i < PORTS_BYTES; i++)
        if (map->closed[i] != 0xFF)
            return true;
    return false;
}

int ports_permit(uint32_t from, uint32_t count, bool on)
{
    struct thread *t = thread_current();
    struct port_map *own;
    uint32_t irq;

    if (from + count <= from || from + count > PORTS)
        return -EINVAL;
    if (on && !capable(CAP_SYS_RAWIO))
        return -EPERM;
    if (!t->context.ports && !on)
        return 0;
    /* Only t changes which map it has; while a copy is made others may leave it alone with the old one. */
    if (!t->context.ports || t->context.ports->refs > 1) {
        own = copy(t->context.ports);
        if (!own)
            return -ENOMEM;
        put(t->context.ports);
        t->context.ports = own;
    }
    set_bits(t->context.ports->closed, from, count, on);
    irq = os_irq_save();
    ports_forget(t->context.ports);
    os_irq_restore(irq);
    if (!opens_something(t->context.ports)) {
        put(t->context.ports);
        t->context.ports = NULL;
    }
    update(t);
    return 0;
}

int ports_set_level(uint32_t level)
{
    struct thread *t = thread_current();

    if (level > PORTS_LEVEL)
        return -EINVAL;
    if (level > t->port_level && !capable(CAP_SYS_RAWIO))
        return -EPERM;
    t->port_level = (uint8_t)level;
    update(t);
    return 0;
}

void ports_inherit_slow(struct thread *t, const struct thread *from)
{
    t->port_level = from->port_level;
    t->context.ports = from->context.ports;
    if (t->context.ports)
        t->context.ports->refs++;
    update(t);
}

void ports_end_slow(struct thread *t)
{
    put(t->context.ports);
    t->context.ports = NULL;
}

size_t ports_bytes(const struct thread *t)
{
    return t->context.ports ? (sizeof *t->context.ports + PORTS_BYTES) / t->context.ports->refs : 0;
}

static uint32_t threads_with(const struct port_map *map)
{
    uint32_t n = 0;

    for (const struct process *p = process_all; p; p = p->all_next)
        for (const struct thread *t = p->threads; t; t = t->next)
            n += t->context.ports == map;
    return n;
}

bool ports_verify(void)
{
    bool ok = true;

    for (const struct process *p = process_all; p; p = p->all_next)
        for (const struct thread *t = p->threads; t; t = t->next)
            if (t->context.ports)
                INV("INV-PORTS-1",
                    t->context.ports->refs >= threads_with(t->context.ports) &&
                        opens_something(t->context.ports),
                    "thread %d: %u references, %u threads", t->tid, t->context.ports->refs,
                    threads_with(t->context.ports));
    return ok;
}

bool ports_pass_over(struct trap_frame *tf)
{
    enum { CLI = 0xFA, STI = 0xFB };
    const struct thread *t = thread_current();
    vaddr_t at = context_segment_base(&t->context, (uint16_t)tf->cs) + tf->eip;
    uint8_t code;

    if (likely(t->port_level != PORTS_LEVEL) || user_copy_in_atomic(&code, at, 1) ||
        (code != CLI && code != STI))
        return false;
    tf->eip++;
    return true;
}
