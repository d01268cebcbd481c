/* A thread's segment descriptors, as set_thread_area(2) has them. */
#include "kernel/proc/thread.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

struct user_desc {
    uint32_t entry, base, limit;
    uint32_t flags; /* bits: 0 seg_32bit, 1-2 contents, 3 read_exec_only, 4 limit_in_pages, 5 seg_not_present,
                       6 useable */
};
enum { UD_32BIT = 1, UD_CONTENTS = 6, UD_READ_ONLY = 8, UD_PAGES = 16, UD_NOT_PRESENT = 32, UD_USEABLE = 64 };

static uint64_t descriptor(const struct user_desc *u)
{
    /* Present, ring 3, data, accessed (so that the processor need not write it). */
    uint32_t low = u->base << 16 | (u->limit & 0xFFFF);
    uint32_t high = (u->base & 0xFF000000) | (u->base >> 16 & 0xFF) | (u->limit & 0xF0000) | 0xF100;

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

int tls_set(struct thread *t, vaddr_t at, bool choose)
{
    const uint32_t first = SEL_TLS / 8;
    struct user_desc u;
    bool empty;
    int err = user_copy_in(&u, at, sizeof u);

    if (err)
        return err;
    u.flags &= 0x7F;
    empty = !u.base && !u.limit && (u.flags == (UD_READ_ONLY | UD_NOT_PRESENT) || u.flags == 0);
    /* Only 32-bit data segments that are there, as on Linux: others would let a program confuse the way back
     * to ring 3. */
    if (!empty && (!(u.flags & UD_32BIT) || (u.flags & UD_CONTENTS) >> 1 > 1 || u.flags & UD_NOT_PRESENT))
        return -EINVAL;
    if (u.entry == UINT32_MAX && choose) {
        unsigned i = 0;

        while (i < CPU_TLS && t->context.tls[i])
            i++;
        if (i == CPU_TLS)
            return -ESRCH;
        u.entry = first + i;
        err = user_write32(at, u.entry);
        if (err)
            return err;
    }
    if (u.entry < first || u.entry >= first + CPU_TLS)
        return -EINVAL;
    t->context.tls[u.entry - first] = empty ? 0 : descriptor(&u);
    return 0;
}

int tls_get(const struct thread *t, vaddr_t at)
{
    const uint32_t first = SEL_TLS / 8;
    struct user_desc u = {0};
    int err = user_read32(&u.entry, at);

    if (err)
        return err;
    if (u.entry < first || u.entry >= first + CPU_TLS)
        return -EINVAL;

    uint64_t d = t->context.tls[u.entry - first];
    uint32_t low = (uint32_t)d, high = (uint32_t)(d >> 32);

    u.base = low >> 16 | (high & 0xFF) << 16 | (high & 0xFF000000);
    u.limit = (low & 0xFFFF) | (high & 0xF0000);
    u.flags = (high & 0x00400000 ? 1u : 0u) | (high >> 10 & 3) << 1 | (high >> 9 & 1 ? 0u : UD_READ_ONLY) |
              (high >> 23 & 1) << 4 | (high >> 15 & 1 ? 0u : UD_NOT_PRESENT) | (high >> 20 & 1) << 6;
    return user_copy_out(at, &u, sizeof u);
}
