/*
 * Keys, numbers and permissions of System V's objects.
 *
 * A number is index + 32768 * sequence. As on Linux, indices are given in turn, from 64 at least, and each
 * time that they come round the sequence is another: an old number does not lead to a new object.
 *
 * To get one by a key: look, and if there is none make one, which sleeps; look again; then enter the new one,
 * when nothing is left that could sleep or fail.
 *
 * Locking: between sleeps. Who keeps an object over a sleep finds it again by its number.
 *
 * Source: svipc(7); sysvipc(7); Linux's Documentation/admin-guide/sysctl/kernel.rst.
 */
#include "kernel/ipc/ids.h"
#include "kernel/fs/vfs.h"
#include "kernel/proc/capability.h"
#include "kernel/vm/low_share.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

#define CYCLE_MIN   64u /* indices are given in turn from so many at least */
#define SLOTS_FIRST 64u
#define NO_INDEX    UINT32_MAX
#define NS_A_SECOND 1000000000u
#define SEQUENCES   (INT32_MAX / IPC_SEQUENCE)

uint64_t ipc_now(void)
{
    return inode_now() / NS_A_SECOND;
}

/* --- memory --- */

static struct low_share kept = {.part = 8};

int ipc_keep(size_t bytes)
{
    return low_share_take(&kept, bytes) ? 0 : -ENOMEM;
}

void ipc_give_back(size_t bytes)
{
    low_share_give(&kept, bytes);
}

/* --- numbers --- */

static struct ipc_perm *at(const struct ipc_ids *ids, uint32_t index)
{
    return index < ids->size ? ids->slot[index] : NULL;
}

static uint32_t free_between(const struct ipc_ids *ids, uint32_t from, uint32_t to)
{
    while (from < to && at(ids, from))
        from++;
    return from < to ? from : NO_INDEX;
}

/* The index that the next one gets; NO_INDEX: there are as many as there may be. */
static uint32_t next_index(const struct ipc_ids *ids)
{
    uint32_t most = ids->most < IPC_SEQUENCE ? ids->most : IPC_SEQUENCE, cycle, index;

    if (ids->used >= most)
        return NO_INDEX;
    if (ids->next_id >= 0)
        return free_between(ids, (uint32_t)ids->next_id % IPC_SEQUENCE, IPC_SEQUENCE);
    cycle = ids->used * 3 / 2;
    if (cycle < CYCLE_MIN)
        cycle = CYCLE_MIN;
    if (cycle > most)
        cycle = most;
    index = free_between(ids, ids->cursor, cycle);
    return index != NO_INDEX ? index : free_between(ids, 0, cycle);
}

/* Have a slot for the next one: 0, -ENOSPC, -ENOMEM. Sleeps, but not between its last look and its end. */
static int make_room(struct ipc_ids *ids)
{
    uint32_t index;

    while ((index = next_index(ids)) != NO_INDEX && index >= ids->size) {
        uint32_t old = ids->size, size = old ? old : SLOTS_FIRST;
        struct ipc_perm **slot;

        while (size <= index)
            size *= 2;
        if (ipc_keep(size * sizeof(void *)))
            return -ENOMEM;
        slot = vm_table_alloc(size, sizeof(void *));
        if (slot && ids->size == old) {
            struct ipc_perm **before = ids->slot;

            if (old)
                memcpy(slot, before, old * sizeof(void *));
            ids->slot = slot;
            ids->size = size;
            slot = before;
            size = old;
        } else if (!slot) {
            ipc_give_back(size * sizeof(void *));
            return -ENOMEM;
        }
        vm_table_free(slot, size, sizeof(void *)); /* the old one, or somebody else was first */
        ipc_give_back(size * sizeof(void *));
    }
    return index == NO_INDEX ? -ENOSPC : 0;
}

/* Give a new one its number and its place. There is a slot. Does not sleep. */
static void enter(struct ipc_ids *ids, struct ipc_perm *p)
{
    uint32_t index = next_index(ids), sequence;

    if (ids->next_id >= 0) {
        sequence = (uint32_t)ids->next_id / IPC_SEQUENCE;
        ids->next_id = -1;
    } else {
        if ((int32_t)index <= ids->last)
            ids->sequence = (ids->sequence + 1) % SEQUENCES;
        ids->last = (int32_t)index;
        ids->cursor = index + 1;
        sequence = ids->sequence;
    }
    mm_assert(index < ids->size && !ids->slot[index], "index %u of %u", index, ids->size);
    p->id = index + sequence * IPC_SEQUENCE;
    ids->slot[index] = p;
    ids->used++;
}

void ipc_leave(struct ipc_ids *ids, struct ipc_perm *p)
{
    uint32_t index = p->id % IPC_SEQUENCE;

    if (at(ids, index) != p)
        return;
    ids->slot[index] = NULL;
    if (--ids->used)
        return;
    vm_table_free(ids->slot, ids->size, sizeof(void *));
    ipc_give_back(ids->size * sizeof(void *));
    ids->slot = NULL;
    ids->size = 0;
}

int ipc_find_index(const struct ipc_ids *ids, uint32_t id, struct ipc_perm **out)
{
    *out = at(ids, id % IPC_SEQUENCE);
    return *out && (int32_t)id >= 0 ? 0 : -EINVAL;
}

int ipc_find(const struct ipc_ids *ids, uint32_t id, struct ipc_perm **out)
{
    int err = ipc_find_index(ids, id, out);

    return err ? err : (*out)->id == id ? 0 : -EINVAL;
}

struct ipc_perm *ipc_from(const struct ipc_ids *ids, uint32_t *index)
{
    while (*index < ids->size && !ids->slot[*index])
        ++*index;
    return at(ids, *index);
}

int ipc_highest(const struct ipc_ids *ids)
{
    uint32_t index = ids->size;

    while (index && !ids->slot[index - 1])
        index--;
    return index ? (int)index - 1 : 0;
}

/* --- keys --- */

/* What the key leads to: a number, -ENOENT, or why not. Does not sleep. */
static int by_key(const struct ipc_ids *ids, uint32_t key, uint32_t size, uint32_t flags)
{
    const struct ipc_perm *p = NULL;
    int err;

    if (key == IPC_PRIVATE)
        return -ENOENT;
    for (uint32_t i = 0; (p = ipc_from(ids, &i)) != NULL && p->key != key; i++)
        ;
    if (!p)
        return -ENOENT;
    if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
        return -EEXIST;
    err = ids->check ? ids->check(p, size) : 0;
    if (!err)
        err = ipc_may(p, flags);
    return err ? err : (int)p->id;
}

int ipc_get(struct ipc_ids *ids, uint32_t key, uint32_t size, uint32_t flags)
{
    int id = by_key(ids, key, size, flags), err;
    struct ipc_perm *p;

    if (id != -ENOENT || (key != IPC_PRIVATE && !(flags & IPC_CREAT)))
        return id;
    err = ids->create(key, size, flags, &p);
    if (err)
        return err;
    err = make_room(ids);
    if (!err) {
        err = by_key(ids, key, size, flags); /* somebody may have made it meanwhile */
        if (err == -ENOENT) {
            enter(ids, p);
            return (int)p->id;
        }
    }
    ids->discard(p);
    return err;
}

/* --- permissions --- */

int ipc_may(const struct ipc_perm *p, uint32_t want)
{
    const struct cred *c = cred_current();
    uint32_t granted = p->mode;

    want = (want >> 6 | want >> 3 | want) & 7;
    if (c->euid == p->uid || c->euid == p->cuid)
        granted >>= 6;
    else if (cred_in_group(c, p->gid) || cred_in_group(c, p->cgid))
        granted >>= 3;
    return !(want & ~granted & 7) || capable(CAP_IPC_OWNER) ? 0 : -EACCES;
}

int ipc_may_control(const struct ipc_perm *p)
{
    uint32_t euid = cred_current()->euid;

    return euid == p->uid || euid == p->cuid || capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

void ipc_perm_init(struct ipc_perm *p, uint32_t key, uint32_t flags)
{
    const struct cred *c = cred_current();

    *p = (struct ipc_perm){
        .key = key, .uid = c->euid, .gid = c->egid, .cuid = c->euid, .cgid = c->egid, .mode = flags & 0777};
}

int ipc_change(struct ipc_perm *p, const struct ipc_perm64 *with)
{
    if (with->uid == ID_NONE || with->gid == ID_NONE)
        return -EINVAL;
    p->uid = with->uid;
    p->gid = with->gid;
    p->mode = (p->mode & ~0777u) | (with->mode & 0777u);
    return 0;
}

/* --- forms --- */

void ipc_tell(const struct ipc_perm *p, struct ipc_perm64 *to)
{
    *to = (struct ipc_perm64){.key = p->key,
                              .uid = p->uid,
                              .gid = p->gid,
                              .cuid = p->cuid,
                              .cgid = p->cgid,
                              .mode = (uint16_t)p->mode,
                              .seq = (uint16_t)(p->id / IPC_SEQUENCE)};
}

void ipc_narrow(const struct ipc_perm64 *from, struct ipc_perm16 *to)
{
    *to = (struct ipc_perm16){.key = from->key,
                              .uid = (uint16_t)cred_narrow(from->uid),
                              .gid = (uint16_t)cred_narrow(from->gid),
                              .cuid = (uint16_t)cred_narrow(from->cuid),
                              .cgid = (uint16_t)cred_narrow(from->cgid),
                              .mode = from->mode,
                              .seq = from->seq};
}

void ipc_widen(const struct ipc_perm16 *from, struct ipc_perm64 *to)
{
    *to = (struct ipc_perm64){.key = from->key,
                              .uid = from->uid,
                              .gid = from->gid,
                              .cuid = from->cuid,
                              .cgid = from->cgid,
                              .mode = from->mode,
                              .seq = from->seq};
}

int ipc_fetch(vaddr_t from, size_t size, bool old, struct ipc_perm64 *perm)
{
    union {
        struct ipc_perm64 perm;
        struct ipc_perm16 perm16;
        uint8_t all[88]; /* of the longest, msqid64_ds */
    } ds;

    mm_assert(size <= sizeof ds, "%zu bytes", size);
    if (user_copy_in(&ds, from, size))
        return -EFAULT;
    if (old)
        ipc_widen(&ds.perm16, perm);
    else
        *perm = ds.perm;
    return 0;
}
