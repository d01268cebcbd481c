/*
 * System V shared memory: objects that processes find by a key or a number.
 *
 * A segment is an object of shared memory. It holds a reference on it until it is removed (IPC_RMID); then it
 * can no longer be found by its key, and it goes with the object, when the last process has let go. The
 * regions that map the object are the attachments, so fork, exit and munmap need nothing here.
 *
 * A number is index + 32768 * sequence, as on Linux: the index of a segment that has gone is used again, with
 * another sequence, so that an old number does not lead to a new segment.
 *
 * Data: the list of segments, by index. Locking: between sleeps; who keeps a segment over a sleep holds its
 * object. A new segment enters the list when nothing is left that could sleep or fail. How it fails: as on
 * Linux.
 */
#include "kernel/fs/shm.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/format.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(segments, "shared memory segments");

enum {
    IPC_PRIVATE = 0,
    IPC_CREAT = 01000,
    IPC_EXCL = 02000,
    SHM_HUGETLB = 04000,
    SHM_NORESERVE = 010000,
    SHM_RDONLY = 010000,
    SHM_RND = 020000,
    SHM_REMAP = 040000,
    SHM_EXEC = 0100000,
    IPC_RMID = 0,
    IPC_SET = 1,
    IPC_STAT = 2,
    IPC_INFO = 3,
    SHM_LOCK = 11,
    SHM_UNLOCK = 12,
    SHM_STAT = 13,
    SHM_INFO = 14,
    SHM_STAT_ANY = 15,
    SHM_DEST = 01000,
    SHM_LOCKED = 02000,
};

#define SHM_MAX     (UINT32_MAX - (1u << 24)) /* SHMMAX and SHMALL, which say: no limit */
#define NS_A_SECOND 1000000000u

struct shm_segment *shm_segments;
uint32_t shm_max = SHM_MAX, shm_all = SHM_MAX, shm_mni = 4096;
static uint32_t next_sequence;

/* The object is gone: so is the segment, whether it was in the list or not. */
static void segment_gone(struct object *o)
{
    struct shm_segment *seg = o->pager_data;
    struct shm_segment **at = &shm_segments;

    while (*at && *at != seg)
        at = &(*at)->next;
    if (*at)
        *at = seg->next;
    kfree(seg);
    segments.count--;
}

static bool segment_removed(const struct object *o)
{
    return ((const struct shm_segment *)o->pager_data)->removed;
}

/* Pages that begin as zeroes; set up on first use as pager_zero with an end of its own. */
static struct pager pager_shm;

static uint64_t pages_of_all(void)
{
    uint64_t n = 0;

    for (const struct shm_segment *seg = shm_segments; seg; seg = seg->next)
        n += seg->object->pages;
    return n;
}

/* A segment that is not in the list, held by the caller's reference to its object. 0 or -ENOMEM. Sleeps. */
static int new_segment(uint32_t key, size_t size, uint32_t flags, struct shm_segment **out)
{
    struct shm_segment *seg = vm_zalloc(sizeof *seg);
    int err;

    if (!seg)
        return -ENOMEM;
    pager_shm = pager_zero;
    pager_shm.name = "shm";
    pager_shm.destroy = segment_gone;
    pager_shm.ends_unmapped = segment_removed;
    seg->object = object_create(&vm_sys, &pager_shm, (uint32_t)PAGES_OF(size), seg->name);
    if (!seg->object) {
        kfree(seg);
        return -ENOMEM;
    }
    seg->object->pager_data = seg;
    segments.count++;
    seg->key = key;
    seg->size = size;
    seg->mode = flags & 0777;
    seg->creator = process_current()->pid;
    seg->uid = seg->cuid = cred_current()->euid;
    seg->gid = seg->cgid = cred_current()->egid;
    format(seg->name, sizeof seg->name, "/SYSV%08x (deleted)", key);
    err = object_charge_shared(seg->object, flags & SHM_NORESERVE);
    if (err)
        object_put(seg->object); /* takes the segment with it */
    else
        *out = seg;
    return err;
}

/* Give a segment its number and its place in the list. 0 or -ENOSPC. Does not sleep. */
static int enter(struct shm_segment *seg)
{
    struct shm_segment **at = &shm_segments;
    uint32_t index = 0;

    for (; *at && (*at)->id % SHM_SEQUENCE == index; at = &(*at)->next)
        index++;
    if (index >= shm_mni || pages_of_all() + PAGES_OF(seg->size) > shm_all)
        return -ENOSPC;
    seg->id = index + next_sequence * SHM_SEQUENCE;
    seg->changed = inode_now() / NS_A_SECOND;
    seg->next = *at;
    *at = seg;
    next_sequence = (next_sequence + 1) % (INT32_MAX / SHM_SEQUENCE);
    return 0;
}

static struct shm_segment *find_key(uint32_t key)
{
    struct shm_segment *seg = shm_segments;

    while (seg && (seg->key != key || seg->removed))
        seg = seg->next;
    return seg;
}

/* By number: 0, -EINVAL, -EIDRM. */
static int find_id(uint32_t id, struct shm_segment **out)
{
    struct shm_segment *seg = shm_segments;

    while (seg && seg->id % SHM_SEQUENCE != id % SHM_SEQUENCE)
        seg = seg->next;
    if (!seg || (int32_t)id < 0 || !seg->object->refs)
        return -EINVAL;
    if (seg->id != id)
        return -EIDRM;
    *out = seg;
    return 0;
}

/* Whether the running task may use a segment as the bits of want say, as of a file's mode. 0 or -EACCES. */
static int may_use(const struct shm_segment *seg, uint32_t want)
{
    const struct cred *c = cred_current();
    uint32_t granted = seg->mode;

    want = (want >> 6 | want >> 3 | want) & 7;
    if (c->euid == seg->uid || c->euid == seg->cuid)
        granted >>= 6;
    else if (cred_in_group(c, seg->gid) || cred_in_group(c, seg->cgid))
        granted >>= 3;
    return !(want & ~granted & 7) || capable(CAP_IPC_OWNER) ? 0 : -EACCES;
}

/* Whether it may decide about it. */
static bool owns(const struct shm_segment *seg, enum capability cap)
{
    uint32_t euid = cred_current()->euid;

    return euid == seg->uid || euid == seg->cuid || capable(cap);
}

/* What the key leads to: a number, -ENOENT, or why not. Does not sleep. */
static int get_by_key(uint32_t key, size_t size, uint32_t flags)
{
    const struct shm_segment *seg = key == IPC_PRIVATE ? NULL : find_key(key);

    if (!seg)
        return -ENOENT;
    if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
        return -EEXIST;
    if (size > seg->size)
        return -EINVAL;
    return may_use(seg, flags) ? -EACCES : (int)seg->id;
}

int shm_get(uint32_t key, uint32_t size, uint32_t flags)
{
    int id = get_by_key(key, size, flags), err;
    struct shm_segment *seg;

    if (id != -ENOENT || (key != IPC_PRIVATE && !(flags & IPC_CREAT)))
        return id;
    if (!size || size > shm_max)
        return -EINVAL;
    if (flags & SHM_HUGETLB)
        return -ENOMEM;
    if (size > PAGE_DOWN(UINT32_MAX) || pages_of_all() + PAGES_OF(size) > shm_all)
        return -ENOSPC;
    err = new_segment(key, size, flags, &seg);
    if (err)
        return err;
    id = get_by_key(key, size, flags); /* somebody may have made it meanwhile */
    if (id == -ENOENT) {
        err = enter(seg);
        if (!err)
            return (int)seg->id;
        id = err;
    }
    object_put(seg->object);
    return id;
}

int shm_attach(uint32_t id, vaddr_t *at, uint32_t flags)
{
    struct space *s = process_current()->memory->space;
    unsigned region = REGION_SHARED | REGION_READ;
    struct shm_segment *seg;
    struct object *o;
    size_t size;
    int err;

    if (*at & PAGE_MASK) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        *at = PAGE_DOWN(*at);
    }
    if (*at)
        region |= MAP_AT | (flags & SHM_REMAP ? 0u : MAP_NOREPLACE);
    else if (flags & SHM_REMAP)
        return -EINVAL;
    region |= flags & SHM_RDONLY ? REGION_NOWRITE : REGION_WRITE;
    if (flags & SHM_EXEC)
        region |= REGION_EXEC;
    err = find_id(id, &seg);
    if (!err)
        err = may_use(seg, (flags & SHM_RDONLY ? 0444u : 0666u) | (flags & SHM_EXEC ? 0111u : 0u));
    if (err)
        return err;
    o = object_get(seg->object);
    size = seg->size;
    err = space_map(s, at, size, region, o, 0);
    if (!err && find_id(id, &seg) == 0 && seg->object == o) { /* it is still there */
        seg->attached = inode_now() / NS_A_SECOND;
        seg->last = process_current()->pid;
    }
    if (!err && s->lock_future & REGION_LOCKED)
        space_populate(s, *at, *at + (vaddr_t)PAGE_UP(size), POPULATE_MAPPED);
    object_put(o);
    return err == -EEXIST ? -EINVAL : err;
}

/* The first part from va on of the attachment that begins at addr, of o or (NULL) any segment. */
static const struct region *find_part(struct space *s, vaddr_t addr, vaddr_t va, const struct object *o)
{
    const struct region *r = region_first_above(&s->regions, va);

    while (r && !(r->object && r->object->pager == &pager_shm && (!o || r->object == o) &&
                  r->start - addr == r->offset << PAGE_SHIFT))
        r = r->next;
    return r;
}

/* Unmap all that is left of the attachment at addr, with the space locked, so that nothing else can come to
 * lie there. *out: its object, referenced; NULL: there was none. */
static int unmap_parts(struct space *s, vaddr_t addr, struct object **out)
{
    const struct region *r = find_part(s, addr, addr, NULL);
    struct object *o = r ? object_get(r->object) : NULL;
    vaddr_t end;
    int err = 0;

    *out = o;
    if (!o)
        return -EINVAL;
    /* Parts of it may have been unmapped, or protected otherwise. */
    for (; !err && r && r->start - addr < (vaddr_t)o->pages << PAGE_SHIFT; r = find_part(s, addr, end, o)) {
        end = r->end;
        err = space_unmap_locked(s, r->start, end);
    }
    return err;
}

int shm_detach(vaddr_t addr)
{
    struct space *s = process_current()->memory->space;
    struct shm_segment *seg;
    struct object *o;
    int err;

    if (addr & PAGE_MASK)
        return -EINVAL;
    mutex_lock(&s->lock);
    err = unmap_parts(s, addr, &o);
    mutex_unlock(&s->lock);
    if (!err) {
        seg = o->pager_data;
        seg->detached = inode_now() / NS_A_SECOND;
        seg->last = process_current()->pid;
    }
    if (o)
        object_put(o);
    return err;
}

uint32_t shm_attachments(const struct shm_segment *seg)
{
    uint32_t n = 0;

    for (const struct region *r = seg->object->regions; r; r = r->object_next)
        n++;
    return n;
}

/* Linux's struct shmid64_ds for i386. */
struct shmid64_ds {
    uint32_t key, uid, gid, cuid, cgid;
    uint16_t mode, pad1, seq, pad2;
    uint32_t unused[2];
    uint32_t size;
    uint64_t atime, dtime, ctime;
    int32_t cpid, lpid;
    uint32_t nattch, unused2[2];
} __attribute__((packed));
_Static_assert(sizeof(struct shmid64_ds) == 84, "Linux's");

static void stat_segment(const struct shm_segment *seg, struct shmid64_ds *ds)
{
    *ds = (struct shmid64_ds){
        .key = seg->key,
        .uid = seg->uid,
        .gid = seg->gid,
        .cuid = seg->cuid,
        .cgid = seg->cgid,
        .mode =
            (uint16_t)(seg->mode | (seg->removed ? SHM_DEST : 0) | (seg->object->locked ? SHM_LOCKED : 0)),
        .seq = (uint16_t)(seg->id / SHM_SEQUENCE),
        .size = seg->size,
        .atime = seg->attached,
        .dtime = seg->detached,
        .ctime = seg->changed,
        .cpid = seg->creator,
        .lpid = seg->last,
        .nattch = shm_attachments(seg),
    };
}

static uint32_t highest_index(void)
{
    uint32_t index = 0;

    for (const struct shm_segment *seg = shm_segments; seg; seg = seg->next)
        index = seg->id % SHM_SEQUENCE;
    return index;
}

static int info(uint32_t command, vaddr_t to)
{
    uint32_t limits[10] = {shm_max, 1, shm_mni, shm_mni, shm_all};
    uint32_t use[6] = {0}; /* segments, pages, resident, swapped, and two that are always 0 */
    int err, highest = (int)highest_index();

    for (const struct shm_segment *seg = shm_segments; seg; seg = seg->next) {
        use[0]++;
        use[1] += seg->object->pages;
        use[2] += seg->object->resident;
        use[3] += seg->object->swapped;
    }
    err = command == IPC_INFO ? user_copy_out(to, limits, sizeof limits) : user_copy_out(to, use, sizeof use);
    return err ? err : highest;
}

/* The segment that SHM_STAT names by its index. */
static int find_index(uint32_t index, struct shm_segment **out)
{
    struct shm_segment *seg = shm_segments;

    while (seg && seg->id % SHM_SEQUENCE != index)
        seg = seg->next;
    *out = seg;
    return seg && seg->object->refs ? 0 : -EINVAL;
}

/* It goes with its last attachment, which may be at once. Sleeps. */
static void remove_segment(struct shm_segment *seg)
{
    if (seg->removed)
        return;
    seg->removed = true;
    seg->key = IPC_PRIVATE;
    object_put(seg->object);
}

void shm_clear(void)
{
    struct shm_segment *seg;

    for (;;) {
        for (seg = shm_segments; seg && seg->removed; seg = seg->next)
            ;
        if (!seg)
            break;
        remove_segment(seg); /* sleeps: the list is another then */
    }
}

int shm_control(uint32_t id, uint32_t command, vaddr_t buf)
{
    struct shm_segment *seg;
    struct shmid64_ds ds;
    int err, number = 0;

    if ((int32_t)id < 0)
        return -EINVAL;
    if (command == IPC_INFO || command == SHM_INFO)
        return info(command, buf);
    if (command == IPC_SET && user_copy_in(&ds, buf, sizeof ds))
        return -EFAULT;
    /* From here to the copy out nothing sleeps. */
    err = command == SHM_STAT || command == SHM_STAT_ANY ? find_index(id, &seg) : find_id(id, &seg);
    if (err)
        return err;
    switch (command) {
    case IPC_RMID:
        if (!owns(seg, CAP_SYS_ADMIN))
            return -EPERM;
        remove_segment(seg);
        return 0;
    case IPC_SET:
        if (!owns(seg, CAP_SYS_ADMIN))
            return -EPERM;
        if (ds.uid == ID_NONE || ds.gid == ID_NONE)
            return -EINVAL;
        seg->uid = ds.uid;
        seg->gid = ds.gid;
        seg->mode = ds.mode & 0777;
        seg->changed = inode_now() / NS_A_SECOND;
        return 0;
    case SHM_STAT:
    case SHM_STAT_ANY:
    case IPC_STAT:
        if (command != SHM_STAT_ANY && may_use(seg, 0444))
            return -EACCES;
        number = command == IPC_STAT ? 0 : (int)seg->id;
        break;
    case SHM_LOCK:
    case SHM_UNLOCK:
        /* What is locked beyond the life of who did it is nobody's memory: only for who may lock all. */
        if (!capable(CAP_IPC_LOCK))
            return -EPERM;
        seg->object->locked = command == SHM_LOCK;
        return 0;
    default:
        return -EINVAL;
    }
    stat_segment(seg, &ds);
    return user_copy_out(buf, &ds, sizeof ds) ? -EFAULT : number;
}
