/*
 * Seals: promises about a file in memory that nobody can take back, so that processes that share it need
 * not trust one another.
 *
 * They are bits of the inode, SEAL_*, and only ever added. Who writes or changes the size looks at them
 * under the inode's lock, under which they are added. Mappings are not made under it: the object keeps it,
 * too, that nobody may write any more, and refuses writable shared regions from then on (object.sealed), at
 * the moment when a region comes into its list.
 *
 * Locking: i->lock for adding. Source: fcntl(2), memfd_create(2).
 */
#include "kernel/fs/seals.h"
#include "mm/errno.h"
#include "mm/region.h"

#define SEALS_ALL (SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE)

static bool takes_seals(const struct inode *i)
{
    return i->seals & SEAL_TAKER;
}

static bool written_through_mapping(const struct object *o)
{
    const struct region *r = o->regions;

    while (r && (r->flags & (REGION_SHARED | REGION_NOWRITE)) != REGION_SHARED)
        r = r->object_next;
    return r;
}

int seals_add(struct file *f, uint32_t seals)
{
    struct inode *i = f->inode;
    int err = 0;

    if (!file_writes(f))
        return -EPERM;
    if (seals & ~(uint32_t)SEALS_ALL)
        return -EINVAL;
    if (!takes_seals(i))
        return -EINVAL;
    mutex_lock(&i->lock);
    if (i->seals & SEAL_SEAL)
        err = -EPERM;
    else if (seals & ~(uint32_t)i->seals & SEAL_WRITE && written_through_mapping(i->object))
        err = -EBUSY;
    else
        i->seals |= seals;
    if (!err && seals & (SEAL_WRITE | SEAL_FUTURE_WRITE))
        i->object->sealed = true;
    mutex_unlock(&i->lock);
    return err;
}

int seals_get(const struct file *f)
{
    return takes_seals(f->inode) ? (int)(f->inode->seals & SEALS_ALL) : -EINVAL;
}

int seals_allow_size(const struct inode *i, uint64_t size)
{
    return (size < i->size && i->seals & SEAL_SHRINK) || (size > i->size && i->seals & SEAL_GROW) ? -EPERM
                                                                                                  : 0;
}

int seals_allow_write(const struct inode *i)
{
    return i->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE) ? -EPERM : 0;
}

unsigned seals_for_map(const struct inode *i, unsigned region_flags)
{
    if (!seals_allow_write(i) || (region_flags & (REGION_SHARED | REGION_WRITE)) != REGION_SHARED)
        return 0;
    return REGION_NOWRITE;
}
