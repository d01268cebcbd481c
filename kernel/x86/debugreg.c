/*
 * Debug registers: four places in a program at which the processor stops it, before an instruction or after
 * an access.
 *
 * They are a debugger's (ptrace(2), words u_debugreg of the user area), and belong to the context of one
 * thread: context.c loads them with it, and nothing for those who have none. What is written is checked, so
 * that no place lies in the kernel's half. The kernel reaches places of a program when it copies from and to
 * its memory; that is not the program's doing, and nobody is told.
 *
 * Locking: tasks only, between sleeps; the processor's registers with interrupts off.
 *
 * Source: Intel SDM vol. 3B, 17.2; which values are refused is as on Linux.
 */
#include "kernel/x86/debugreg.h"
#include "mm/errno.h"
#include "mm/layout.h"

enum {
    KIND_EXECUTE = 0,
    KIND_IO = 2, /* not to be had */
    LENGTH_8 = 2,
    RESERVED_BITS = 0xFC00,
    ALWAYS_SET = 1 << 10,
};

static bool is_on(uint32_t control, unsigned i)
{
    return control >> (2 * i) & 3;
}

static unsigned kind_of(uint32_t control, unsigned i)
{
    return control >> (16 + 4 * i) & 3;
}

/* As it is coded: one less than the bytes, but for 8. */
static unsigned length_of(uint32_t control, unsigned i)
{
    return control >> (18 + 4 * i) & 3;
}

static bool is_valid_place(vaddr_t va, unsigned length)
{
    return !(va & length) && va < USER_END && length < USER_END - va;
}

static int set_address(struct debugreg *d, unsigned i, vaddr_t va)
{
    unsigned length = d->there[i] ? length_of(d->control, i) : 0;

    if (!is_valid_place(va, length))
        return -EINVAL;
    d->address[i] = va;
    d->there[i] = true;
    return 0;
}

static int set_control(struct debugreg *d, uint32_t value)
{
    uint32_t use = value & ~(uint32_t)RESERVED_BITS, enabled = 0;

    for (unsigned i = 0; i < DEBUGREG_PLACES; i++) {
        unsigned kind = kind_of(use, i), length = length_of(use, i);

        if (!d->there[i] && !is_on(use, i))
            continue;
        if (kind == KIND_IO || length == LENGTH_8 || (kind == KIND_EXECUTE && length) ||
            !is_valid_place(d->address[i], length))
            return -EINVAL;
        if (is_on(use, i))
            enabled |= 2u << (2 * i) | (length << 2 | kind) << (16 + 4 * i);
    }
    for (unsigned i = 0; i < DEBUGREG_PLACES; i++)
        d->there[i] |= is_on(use, i);
    d->control = value;
    d->enabled = enabled ? enabled | ALWAYS_SET : 0;
    return 0;
}

uint32_t debugreg_get(const struct debugreg *d, unsigned n)
{
    return n < DEBUGREG_PLACES ? d->address[n] : 0;
}

int debugreg_set(struct debugreg *d, unsigned n, uint32_t value)
{
    if (n < DEBUGREG_PLACES)
        return set_address(d, n, value);
    return n == 7 ? set_control(d, value) : -EIO;
}

void debugreg_load(const struct debugreg *d)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(0));
    if (!d || !d->enabled)
        return;
    __asm__ volatile("mov %0, %%dr0" : : "r"(d->address[0]));
    __asm__ volatile("mov %0, %%dr1" : : "r"(d->address[1]));
    __asm__ volatile("mov %0, %%dr2" : : "r"(d->address[2]));
    __asm__ volatile("mov %0, %%dr3" : : "r"(d->address[3]));
    __asm__ volatile("mov %0, %%dr7" : : "r"(d->enabled));
}

static uint32_t read_status(void)
{
    uint32_t v;

    __asm__ volatile("mov %%dr6, %0" : "=r"(v));
    return v & (DEBUGREG_HITS | DEBUGREG_STEP);
}

static void clear_status(void)
{
    __asm__ volatile("mov %0, %%dr6" : : "r"(DEBUGREG_STATUS_FIXED));
}

uint32_t debugreg_take(const struct debugreg *d, bool *other)
{
    uint32_t all = read_status(), status = all & DEBUGREG_STEP;

    clear_status();
    for (unsigned i = 0; d && i < DEBUGREG_PLACES; i++)
        if (all >> i & 1 && is_on(d->enabled, i))
            status |= 1u << i;
    *other = !all;
    return status;
}

bool debugreg_is_ignored(void)
{
    uint32_t status = read_status();

    if (!(status & DEBUGREG_HITS) || status & DEBUGREG_STEP)
        return false;
    clear_status();
    return true;
}

bool debugreg_before(const struct debugreg *d, uint32_t status)
{
    for (unsigned i = 0; d && i < DEBUGREG_PLACES; i++)
        if (status >> i & 1 && kind_of(d->enabled, i) == KIND_EXECUTE)
            return true;
    return false;
}
