/* A thread's segment descriptors, as set_thread_area(2) has them. */
#include "kernel/proc/ldt.h"
#include "kernel/proc/thread.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

#define FIRST (SEL_TLS / 8u)

/* Both mean that there is no such segment. */
static bool is_empty(const struct user_desc *u)
{
    uint32_t flags = u->flags & UD_ALL;

    return !u->base && !u->limit && (flags == (UD_READ_ONLY | UD_NOT_PRESENT) || flags == 0);
}

bool tls_is_valid(const struct user_desc *u)
{
    uint32_t flags = u->flags & UD_ALL;

    return is_empty(u) ||
           ((flags & UD_32BIT) && (flags & UD_CONTENTS) >> 1 <= 1 && !(flags & UD_NOT_PRESENT));
}

void tls_write_entry(struct thread *t, unsigned i, const struct user_desc *u)
{
    struct user_desc d = *u;

    d.flags &= UD_ALL;
    t->context.tls[i] = is_empty(u) ? 0 : descriptor_of(&d);
}

void tls_read_entry(const struct thread *t, unsigned i, struct user_desc *u)
{
    uint64_t d = t->context.tls[i];
    uint32_t low = (uint32_t)d, high = (uint32_t)(d >> 32);

    u->entry = FIRST + i;
    u->base = low >> 16 | (high & 0xFF) << 16 | (high & 0xFF000000);
    u->limit = (low & 0xFFFF) | (high & 0xF0000);
    u->flags = (high & 0x00400000 ? 1u : 0u) | (high >> 10 & 3) << 1 | (high >> 9 & 1 ? 0u : UD_READ_ONLY) |
               (high >> 23 & 1) << 4 | (high >> 15 & 1 ? 0u : UD_NOT_PRESENT) | (high >> 20 & 1) << 6;
}

int tls_set(struct thread *t, vaddr_t at, bool choose)
{
    struct user_desc u;
    int err = user_copy_in(&u, at, sizeof u);

    if (err)
        return err;
    if (!tls_is_valid(&u))
        return -EINVAL;
    if (u.entry == UINT32_MAX && choose) {
        unsigned i = 0;

        while (i < CPU_TLS && t->context.tls[i])
            i++;
        if (i == CPU_TLS)
            return -ESRCH;
        u.entry = FIRST + i;
        err = user_write32(at, u.entry);
        if (err)
            return err;
    }
    if (u.entry < FIRST || u.entry >= FIRST + CPU_TLS)
        return -EINVAL;
    tls_write_entry(t, u.entry - FIRST, &u);
    return 0;
}

int tls_get(const struct thread *t, vaddr_t at)
{
    struct user_desc u = {0};
    int err = user_read32(&u.entry, at);

    if (err)
        return err;
    if (u.entry < FIRST || u.entry >= FIRST + CPU_TLS)
        return -EINVAL;
    tls_read_entry(t, u.entry - FIRST, &u);
    return user_copy_out(at, &u, sizeof u);
}
