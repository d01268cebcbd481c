/* A thread's segment descriptors, as set_thread_area(2) has them. */
#include "kernel/proc/ldt.h"
#include "kernel/proc/thread.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

int tls_set(struct thread *t, vaddr_t at, bool choose)
{
    const uint32_t first = SEL_TLS / 8;
    struct user_desc u;
    bool empty;
    int err = user_copy_in(&u, at, sizeof u);

    if (err)
        return err;
    u.flags &= UD_ALL;
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
    t->context.tls[u.entry - first] = empty ? 0 : descriptor_of(&u);
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
