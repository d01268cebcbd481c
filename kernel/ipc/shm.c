/*
 * System V shared memory: objects that processes find by a key or a number (ids.c).
 *
 * A segment is an object of shared memory. It holds a reference on it until it is removed (IPC_RMID); then it
 * can no longer be found by its key, and it goes with the object, when the last process has let go. The
 * regions that map the object are the attachments, so fork, exit and munmap need nothing here.
 *
 * Locking: between sleeps; who keeps a segment over a sleep holds its object. How it fails: as on Linux.
 */
#include "kernel/ipc/shm.h"
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
    SHM_HUGETLB = 04000,
    SHM_NORESERVE = 010000,
    SHM_RDONLY = 010000,
    SHM_RND = 020000,
    SHM_REMAP = 040000,
    SHM_EXEC = 0100000,
    SHM_LOCK = 11,
    SHM_UNLOCK = 12,
    SHM_STAT = 13,
    SHM_INFO = 14,
    SHM_STAT_ANY = 15,
    SHM_DEST = 01000,
    SHM_LOCKED = 02000,
};

#define SHM_MAX (UINT32_MAX - (1u << 24)) /* SHMMAX and SHMALL, which say: no limit */
#define SHM_MNI 4096u

uint32_t shm_max = SHM_MAX, shm_all = SHM_MAX;
static uint64_t all_pages; /* of all segments, whatever of them is in memory */

static struct shm_segment *segment_of(const struct ipc_perm *p)
{
    return (struct shm_segment *)(uintptr_t)p;
}

/* The object is gone: so is the segment, whether it was in the table or not. */
static void segment_gone(struct object *o)
{
    struct shm_segment *seg = o->pager_data;

    ipc_leave(&shm_ids, &seg->perm);
    all_pages -= PAGES_OF(seg->size);
    kfree(seg);
    ipc_give_back(sizeof *seg);
    segments.count--;
}

static bool segment_removed(const struct object *o)
{
    return ((const struct shm_segment *)o->pager_data)->removed;
}

/* Pages that begin as zeroes; set up on first use as pager_zero with an end of its own. */
static struct pager pager_shm;

/* A segment that is in no table, held by one reference to its object. */
static int create(uint32_t key, uint32_t size, uint32_t flags, struct ipc_perm **out)
{
    struct shm_segment *seg;
    int err;

    if (!size || size > shm_max)
        return -EINVAL;
    if (flags & SHM_HUGETLB)
        return -ENOMEM;
    if (size > PAGE_DOWN(UINT32_MAX) || all_pages + PAGES_OF(size) > shm_all)
        return -ENOSPC;
    if (ipc_keep(sizeof *seg))
        return -ENOMEM;
    all_pages += PAGES_OF(size); /* before the sleep */
    seg = vm_zalloc(sizeof *seg);
    if (!seg)
        goto no_segment;
    pager_shm = pager_zero;
    pager_shm.name = "shm";
    pager_shm.destroy = segment_gone;
    pager_shm.ends_unmapped = segment_removed;
    seg->object = object_create(&vm_sys, &pager_shm, (uint32_t)PAGES_OF(size), seg->name);
    if (!seg->object)
        goto no_segment;
    seg->object->pager_data = seg;
    segments.count++;
    ipc_perm_init(&seg->perm, key, flags);
    seg->size = size;
    seg->creator = process_current()->pid;
    seg->changed = ipc_now();
    format(seg->name, sizeof seg->name, "/SYSV%08x (deleted)", key);
    err = object_charge_shared(seg->object, flags & SHM_NORESERVE);
    if (err)
        object_put(seg->object); /* takes the segment with it */
    else
        *out = &seg->perm;
    return err;
no_segment:
    kfree(seg);
    all_pages -= PAGES_OF(size);
    ipc_give_back(sizeof *seg);
    return -ENOMEM;
}

static void discard(struct ipc_perm *p)
{
    object_put(segment_of(p)->object);
}

static int check(const struct ipc_perm *p, uint32_t size)
{
    return size > segment_of(p)->size ? -EINVAL : 0;
}

struct ipc_ids shm_ids = {IPC_IDS(SHM_MNI), .create = create, .discard = discard, .check = check};

int shm_get(uint32_t key, uint32_t size, uint32_t flags)
{
    return ipc_get(&shm_ids, key, size, flags);
}

/* A segment whose object is going is none. */
static int alive(int err, const struct ipc_perm *p, struct shm_segment **out)
{
    *out = segment_of(p);
    return err ? err : (*out)->object->refs ? 0 : -EINVAL;
}

/* By number: 0 or -EINVAL. */
static int find_id(uint32_t id, struct shm_segment **out)
{
    struct ipc_perm *p;
    int err = ipc_find(&shm_ids, id, &p);

    return alive(err, p, out);
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
        err = ipc_may(&seg->perm, (flags & SHM_RDONLY ? 0444u : 0666u) | (flags & SHM_EXEC ? 0111u : 0u));
    if (err)
        return err;
    o = object_get(seg->object);
    size = seg->size;
    err = space_map(s, at, size, region, o, 0);
    if (!err && find_id(id, &seg) == 0 && seg->object == o) { /* it is still there */
        seg->attached = ipc_now();
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
        seg->detached = ipc_now();
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

/* Linux's struct shmid64_ds for i386, and the old one. */
struct shmid64_ds {
    struct ipc_perm64 perm;
    uint32_t size;
    uint64_t atime, dtime, ctime;
    int32_t cpid, lpid;
    uint32_t nattch, unused2[2];
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct shmid64_ds) == 84, "Linux's");

struct shmid_ds {
    struct ipc_perm16 perm;
    uint32_t size;
    int32_t atime, dtime, ctime;
    uint16_t cpid, lpid, nattch, unused;
    uint32_t pointers[2];
};
_Static_assert(sizeof(struct shmid_ds) == 48, "Linux's");

uint32_t shm_mode(const struct shm_segment *seg)
{
    return seg->perm.mode | (seg->removed ? SHM_DEST : 0) | (seg->object->locked ? SHM_LOCKED : 0);
}

static int tell(const struct shm_segment *seg, vaddr_t to, bool old)
{
    struct shmid64_ds ds = {
        .size = seg->size,
        .atime = seg->attached,
        .dtime = seg->detached,
        .ctime = seg->changed,
        .cpid = seg->creator,
        .lpid = seg->last,
        .nattch = shm_attachments(seg),
    };
    struct shmid_ds ds16;

    ipc_tell(&seg->perm, &ds.perm);
    ds.perm.mode = (uint16_t)shm_mode(seg);
    if (!old)
        return user_copy_out(to, &ds, sizeof ds);
    ds16 = (struct shmid_ds){
        .size = ds.size,
        .atime = (int32_t)ds.atime,
        .dtime = (int32_t)ds.dtime,
        .ctime = (int32_t)ds.ctime,
        .cpid = (uint16_t)ds.cpid,
        .lpid = (uint16_t)ds.lpid,
        .nattch = (uint16_t)ds.nattch,
    };
    ipc_narrow(&ds.perm, &ds16.perm);
    return user_copy_out(to, &ds16, sizeof ds16);
}

static int info(uint32_t command, vaddr_t to)
{
    uint32_t limits[10] = {shm_max, 1, shm_ids.most, shm_ids.most, shm_all};
    uint32_t use[6] = {shm_ids.used, (uint32_t)all_pages}; /* resident, swapped, and two that are always 0 */
    int err, highest = ipc_highest(&shm_ids);
    struct ipc_perm *p;

    for (uint32_t i = 0; (p = ipc_from(&shm_ids, &i)) != NULL; i++) {
        use[2] += segment_of(p)->object->resident;
        use[3] += segment_of(p)->object->swapped;
    }
    err = command == IPC_INFO ? user_copy_out(to, limits, sizeof limits) : user_copy_out(to, use, sizeof use);
    return err ? err : highest;
}

/* The segment that SHM_STAT names by its index. */
static int find_index(uint32_t id, struct shm_segment **out)
{
    struct ipc_perm *p;
    int err = ipc_find_index(&shm_ids, id, &p);

    return alive(err, p, out);
}

/* It goes with its last attachment, which may be at once. Sleeps. */
static void remove_segment(struct shm_segment *seg)
{
    if (seg->removed)
        return;
    seg->removed = true;
    seg->perm.key = IPC_PRIVATE;
    object_put(seg->object);
}

void shm_clear(void)
{
    struct ipc_perm *p;

    /* Removing sleeps: the table is another then. One that is removed stays as long as it is attached. */
    for (uint32_t i = 0; (p = ipc_from(&shm_ids, &i)) != NULL; i++)
        remove_segment(segment_of(p));
}

/* IPC_SET, by who may decide. */
static int change(struct shm_segment *seg, const struct ipc_perm64 *with)
{
    int err = ipc_may_control(&seg->perm);

    if (!err)
        err = ipc_change(&seg->perm, with);
    if (!err)
        seg->changed = ipc_now();
    return err;
}

int shm_control(uint32_t id, uint32_t command, vaddr_t buf, bool old)
{
    struct shm_segment *seg;
    struct ipc_perm64 with;
    int err, number = 0;

    if ((int32_t)id < 0)
        return -EINVAL;
    if (command == IPC_INFO || command == SHM_INFO)
        return info(command, buf);
    err = command == IPC_SET
              ? ipc_fetch(buf, old ? sizeof(struct shmid_ds) : sizeof(struct shmid64_ds), old, &with)
              : 0;
    if (err)
        return err;
    /* From here to what is told nothing sleeps. */
    err = command == SHM_STAT || command == SHM_STAT_ANY ? find_index(id, &seg) : find_id(id, &seg);
    if (err)
        return err;
    switch (command) {
    case IPC_RMID:
        err = ipc_may_control(&seg->perm);
        if (!err)
            remove_segment(seg);
        return err;
    case IPC_SET:
        return change(seg, &with);
    case SHM_STAT:
    case SHM_STAT_ANY:
    case IPC_STAT:
        if (command != SHM_STAT_ANY && ipc_may(&seg->perm, 0444))
            return -EACCES;
        number = command == IPC_STAT ? 0 : (int)seg->perm.id;
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
    return tell(seg, buf, old) ? -EFAULT : number;
}
