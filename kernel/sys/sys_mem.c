/*
 * The memory calls: brk, mmap and its kin, mlock, swapon, and access to another process's memory.
 *
 * These functions check what only the call can see (flags, files, limits) in Linux's order, so that a program
 * that makes several mistakes gets the same error, and hand the work to mm/. The resource limits of memory
 * are kept in the space, in pages, so that mm/ can check them where it knows what it adds.
 *
 * RLIMIT_MEMLOCK limits what a space locks, whoever has CAP_IPC_LOCK excepted.
 *
 * The heap is an ordinary region: programs map over parts of it.
 */
#include "kernel/dev/diskfile.h"
#include "kernel/dev/swapdev.h"
#include "kernel/fs/attributes.h"
#include "kernel/fs/file.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/pidfd.h"
#include "kernel/fs/seals.h"
#include "kernel/life/memory.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/oom.h"
#include "kernel/proc/process.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

/* Linux's. */
enum {
    PROT_ALL = 7,
    PROT_SEM = 8,
    PROT_GROWSDOWN = 0x01000000,
    PROT_GROWSUP = 0x02000000,
    MAP_SHARED = 1,
    MAP_PRIVATE = 2,
    MAP_SHARED_VALIDATE = 3,
    MAP_TYPE = 15,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x20,
    MAP_32BIT = 0x40,
    MAP_GROWSDOWN = 0x100,
    MAP_DENYWRITE = 0x800,
    MAP_EXECUTABLE = 0x1000,
    MAP_LOCKED = 0x2000,
    MAP_NORESERVE = 0x4000,
    MAP_POPULATE = 0x8000,
    MAP_NONBLOCK = 0x10000,
    MAP_STACK = 0x20000,
    MAP_HUGETLB = 0x40000,
    MAP_FIXED_NOREPLACE = 0x100000,
    MAP_UNINITIALIZED = 0x4000000,
    MAP_HUGE_MASK = (int)(63u << 26),
    MCL_CURRENT = 1,
    MCL_FUTURE = 2,
    MCL_ONFAULT = 4,
    MLOCK_ONFAULT = 1,
    SWAP_FLAG_PRIO = 0x7FFF,
    SWAP_FLAG_PREFER = 0x8000,
    SWAP_FLAGS = 0x7FFFF,
};

/* What a file may be asked for with MAP_SHARED_VALIDATE. */
#define MAP_KNOWN                                                                                            \
    (uint32_t)(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | MAP_DENYWRITE |            \
               MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |       \
               MAP_HUGETLB | MAP_UNINITIALIZED | MAP_HUGE_MASK)

static struct memory *memory(void)
{
    return process_current()->memory;
}

static struct space *space(void)
{
    return process_current()->memory->space;
}

/* --- mapping --- */

/* What a program may do with what it maps like this. */
static unsigned rights(uint32_t prot)
{
    return personality_prot(thread_current()->personality, prot & PROT_ALL);
}

/* Move the heap's end, and return where it is then. Under the memory's lock. *grown: where new pages
 * begin, if there are any. Sleeps. */
static vaddr_t move_brk(struct memory *m, vaddr_t to, vaddr_t *grown)
{
    vaddr_t old_end = PAGE_UP(m->brk), end = PAGE_UP(to), at = old_end;

    if (to < m->brk_start || to > SPACE_HI || to - m->brk_start > process_current()->rlimit[RLIMIT_DATA].soft)
        return m->brk;
    if (end > old_end) {
        if (space_map(m->space, &at, end - old_end,
                      rights(REGION_READ | REGION_WRITE) | MAP_AT | MAP_NOREPLACE, NULL, 0))
            return m->brk;
        *grown = old_end;
    } else if (end < old_end && space_unmap(m->space, end, old_end - end)) {
        return m->brk;
    }
    m->brk = to;
    return to;
}

int32_t sys_brk(SYSCALL_1_ARG(to))
{
    struct memory *m = memory();
    vaddr_t grown = 0, now;

    mutex_lock(&m->lock);
    now = move_brk(m, to, &grown);
    mutex_unlock(&m->lock);
    if (grown && m->space->lock_future & REGION_LOCKED)
        space_populate(m->space, grown, PAGE_UP(now), POPULATE_MAPPED);
    return (int32_t)now;
}

static bool is_noexec(const struct file *f)
{
    return f && (f->inode->fs->flags & MOUNT_NOEXEC || f->inode->fs->type->abstract);
}

/* Whether a mapping ends behind the last position of what is no file or disk. */
static bool ends_too_late(const struct file *f, uint32_t page, size_t size)
{
    uint32_t mode = f->inode->mode;

    return !S_ISREG(mode) && !S_ISBLK(mode) && !S_ISSOCK(mode) && page > (UINT32_MAX - size) >> PAGE_SHIFT;
}

/* Whether memory may be locked at all; how much is the space's business. */
static bool may_lock(void)
{
    return process_current()->rlimit[RLIMIT_MEMLOCK].soft || capable(CAP_IPC_LOCK);
}

/* The region flags that a mapping asks for, or -errno. Compiled twice, since most mappings have no file. */
static inline __attribute__((always_inline)) int
region_flags(uint32_t prot, uint32_t flags, const struct file *f, uint32_t page, size_t size)
{
    unsigned r = is_noexec(f) ? prot & PROT_ALL : rights(prot);

    if (flags & MAP_LOCKED)
        r |= REGION_LOCKED;
    if (r & REGION_LOCKED && !may_lock())
        return -EPERM;
    if (f && ends_too_late(f, page, size))
        return -EOVERFLOW;
    if (flags & MAP_NORESERVE)
        r |= REGION_NORESERVE;
    if (flags & MAP_GROWSDOWN)
        r |= REGION_GROWSDOWN;
    switch (flags & MAP_TYPE) {
    case MAP_SHARED_VALIDATE:
        if (!f)
            return -EINVAL;
        if (flags & ~MAP_KNOWN)
            return -EOPNOTSUPP;
        /* fall through */
    case MAP_SHARED:
        r |= REGION_SHARED;
        if (f && !file_writes(f)) {
            if (prot & REGION_WRITE)
                return -EACCES;
            r |= REGION_NOWRITE;
        }
        if (f && file_writes(f) && is_append_only(f->inode))
            return -EACCES;
        break;
    case MAP_PRIVATE:
        break;
    default:
        return -EINVAL;
    }
    if (f && !file_reads(f))
        return -EACCES;
    if (is_noexec(f)) {
        if (prot & REGION_EXEC)
            return -EPERM;
        r |= REGION_NOEXEC;
    }
    if (f && !f->ops->mmap)
        return -ENODEV;
    if (flags & MAP_GROWSDOWN && (f || r & REGION_SHARED))
        return -EINVAL;
    return (int)r;
}

static __attribute__((noinline)) int region_flags_of_file(uint32_t prot, uint32_t flags, const struct file *f,
                                                          uint32_t page, size_t size)
{
    return region_flags(prot, flags, f, page, size);
}

/* What is mapped, unless it is private zeroes that no file stands for: the file's object, or new shared
 * memory. NULL: zeroes. 0 or -errno. */
static int find_object(struct file *f, uint32_t page, size_t size, unsigned *region, struct object **out)
{
    int err;

    *out = NULL;
    if (!f)
        return vm_shared_zeroes(size, *region, out);
    *region |= seals_for_map(f->inode, *region);
    err = f->ops->mmap(f, page, size, *region, out);
    if (!err && !*out)
        *region |= REGION_OF_FILE;
    if (!err && f->writer)
        *region |= REGION_WRITER;
    return err;
}

static __attribute__((noinline)) int map_object(struct space *s, vaddr_t *at, size_t size, unsigned region,
                                                struct file *f, uint32_t page)
{
    struct object *o;
    int err = find_object(f, page, size, &region, &o);

    if (err)
        return err;
    err = space_map(s, at, size, region, o, f ? page : 0);
    if (o)
        object_put(o);
    return err;
}

static bool is_taken(struct space *s, vaddr_t start, vaddr_t end)
{
    mutex_lock(&s->lock);

    bool taken = !region_is_free(&s->regions, start, end);

    mutex_unlock(&s->lock);
    return taken;
}

static int map(vaddr_t *at, size_t size, uint32_t prot, uint32_t flags, struct file *f, uint32_t page)
{
    struct space *s = space();
    unsigned where = 0, region;
    int err;

    if (!size)
        return -EINVAL;
    size = PAGE_UP(size);
    if (page + (uint32_t)(size >> PAGE_SHIFT) < page)
        return -EOVERFLOW;
    if (size - 1 >= SPACE_HI) /* PAGE_UP() may have wrapped to 0 */
        return -ENOMEM;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        where = flags & MAP_FIXED_NOREPLACE ? MAP_AT | MAP_NOREPLACE : MAP_AT;
        if (*at > SPACE_HI - size)
            return -ENOMEM;
        if (*at & PAGE_MASK)
            return -EINVAL;
        if (where & MAP_NOREPLACE && is_taken(s, *at, *at + (vaddr_t)size))
            return -EEXIST; /* before anything that is wrong with the file */
    }
    err = f ? region_flags_of_file(prot, flags, f, page, size) : region_flags(prot, flags, NULL, 0, 0);
    if (err < 0)
        return err;
    region = (unsigned)err;
    err = f || region & REGION_SHARED ? map_object(s, at, size, region | where, f, page)
                                      : space_map(s, at, size, region | where, NULL, 0);
    if (!err && ((region | s->lock_future) & REGION_LOCKED ||
                 (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE))
        space_populate(s, *at, *at + (vaddr_t)size, POPULATE_MAPPED);
    return err;
}

int32_t sys_mmap2(SYSCALL_6_ARGS(addr, size, prot, flags, fd, page))
{
    struct file *f = NULL;
    vaddr_t at = addr;
    int err;

    if (!(flags & MAP_ANONYMOUS)) {
        f = fd_get((int)fd);
        if (!f)
            return -EBADF;
        if (f->flags & O_PATH || flags & MAP_HUGETLB) {
            err = f->flags & O_PATH ? -EBADF : -EINVAL;
            file_put(f);
            return err;
        }
    } else if (flags & MAP_HUGETLB) {
        return -ENOMEM;
    }
    err = map(&at, size, prot, flags, f, page);
    if (f)
        file_put(f);
    return err ? err : (int32_t)at;
}

int32_t sys_mmap(SYSCALL_1_ARG(args))
{
    uint32_t a[6];

    if (user_copy_in(a, args, sizeof a))
        return -EFAULT;
    if (a[5] & PAGE_MASK)
        return -EINVAL;
    return sys_mmap2(a[0], a[1], a[2], a[3], a[4], a[5] >> PAGE_SHIFT);
}

int32_t sys_munmap(SYSCALL_2_ARGS(addr, size))
{
    return space_unmap(space(), addr, size);
}

int32_t sys_mprotect(SYSCALL_3_ARGS(addr, size, prot))
{
    uint32_t grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    int err;

    prot &= ~(uint32_t)(PROT_GROWSDOWN | PROT_GROWSUP);
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || addr & PAGE_MASK)
        return -EINVAL;
    if (!size)
        return 0;
    if (addr + PAGE_UP(size) <= addr) /* PAGE_UP() may have wrapped to 0 */
        return -ENOMEM;
    if (prot & ~(uint32_t)(PROT_ALL | PROT_SEM) || grows & PROT_GROWSUP)
        return -EINVAL;
    grows = grows ? PROTECT_GROWSDOWN : 0;
    err = space_protect(space(), addr, size, rights(prot) | grows);
    if (err == -EACCES &&
        rights(prot) != (prot & PROT_ALL)) /* it may be read, but nothing there may be executed */
        err = space_protect(space(), addr, size, (prot & PROT_ALL) | grows);
    return err;
}

int32_t sys_mremap(SYSCALL_5_ARGS(addr, old_size, new_size, flags, to))
{
    vaddr_t at = addr;
    int err = space_remap(space(), &at, old_size, new_size, flags, to);

    return err ? err : (int32_t)at;
}

/* Nonlinear mappings are made of linear ones. */
int32_t sys_remap_file_pages(SYSCALL_5_ARGS(addr, size, prot, page, flags))
{
    vaddr_t start = PAGE_DOWN(addr);
    int err;

    (void)flags;
    size = PAGE_DOWN(size);
    if (prot || start + size <= start || page + (size >> PAGE_SHIFT) < page)
        return -EINVAL;
    err = space_map_again(space(), start, size, page);
    if (!err)
        space_populate(space(), start, start + size, POPULATE_MAPPED);
    return err;
}

int32_t sys_madvise(SYSCALL_3_ARGS(addr, size, advice))
{
    return space_advise(space(), addr, size, (int)advice);
}

int32_t sys_mincore(SYSCALL_3_ARGS(addr, size, vec))
{
    uint32_t pages = (uint32_t)PAGES_OF((uint64_t)size);
    uint8_t bytes[256];

    if (addr & PAGE_MASK)
        return -EINVAL;
    if (addr > SPACE_HI || size > SPACE_HI - addr)
        return -ENOMEM;
    if (vec > SPACE_HI || pages > SPACE_HI - vec)
        return -EFAULT;
    while (pages) {
        uint32_t n = pages < sizeof bytes ? pages : sizeof bytes;
        int err = space_mincore(space(), addr, n, bytes);

        if (err)
            return err;
        if (user_copy_out(vec, bytes, n))
            return -EFAULT;
        addr += n << PAGE_SHIFT;
        vec += n;
        pages -= n;
    }
    return 0;
}

int32_t sys_msync(SYSCALL_3_ARGS(addr, size, flags))
{
    return space_sync(space(), addr, size, flags);
}

/* --- locking --- */

static int lock(vaddr_t addr, size_t size, unsigned flags)
{
    int err;

    if (!may_lock())
        return -EPERM;
    do
        err = space_lock(space(), addr, size, flags);
    while (err == -EAGAIN && oom_kill());
    return err;
}

int32_t sys_mlock(SYSCALL_2_ARGS(addr, size))
{
    return lock(addr, size, REGION_LOCKED);
}

int32_t sys_mlock2(SYSCALL_3_ARGS(addr, size, flags))
{
    if (flags & ~(uint32_t)MLOCK_ONFAULT)
        return -EINVAL;
    return lock(addr, size, REGION_LOCKED | (flags & MLOCK_ONFAULT ? REGION_ONFAULT : 0));
}

int32_t sys_munlock(SYSCALL_2_ARGS(addr, size))
{
    return space_lock(space(), addr, size, 0);
}

int32_t sys_mlockall(SYSCALL_1_ARG(flags))
{
    unsigned region = REGION_LOCKED | (flags & MCL_ONFAULT ? REGION_ONFAULT : 0);

    if (!flags || flags & ~(uint32_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
        return -EINVAL;
    if (!may_lock())
        return -EPERM;
    return space_lock_all(space(), flags & MCL_CURRENT, region, flags & MCL_FUTURE ? region : 0);
}

int32_t sys_munlockall(SYSCALL_NO_ARGS)
{
    return space_lock_all(space(), true, 0, 0);
}

/* --- swap areas --- */

/* Whether it could be opened to be read and written: what swapon(2) asks first, on Linux. */
static int may_open(struct inode *i)
{
    const struct file_ops *ops;
    void *data;
    int err = S_ISDIR(i->mode) ? -EISDIR : inode_permission(i, MAY_READ | MAY_WRITE);

    if (err)
        return err;
    if ((i->mode & S_IFMT) == S_IFSOCK)
        return -ENXIO;
    if (S_ISCHR(i->mode) || S_ISBLK(i->mode)) {
        if (i->fs->flags & MOUNT_NODEV)
            return -EACCES;
        return file_devices && !i->file_ops ? file_devices->find(i->mode, i->rdev, &ops, &data) : 0;
    }
    return i->executed ? -ETXTBSY : 0;
}

/* The node that a path names, referenced. */
static int find_node(vaddr_t path, struct inode **out)
{
    char *name = vm_alloc(PATH_MAX);
    int err;

    if (!name)
        return -ENOMEM;
    err = user_copy_string(name, path, PATH_MAX);
    if (err == -E2BIG)
        err = -ENAMETOOLONG;
    if (err >= 0)
        err = path_lookup(NULL, name, 0, out);
    kfree(name);
    if (!err) {
        err = may_open(*out);
        if (err)
            inode_put(*out);
    }
    return err;
}

int32_t sys_swapon(SYSCALL_2_ARGS(path, flags))
{
    int priority = flags & SWAP_FLAG_PREFER ? (int)(flags & SWAP_FLAG_PRIO) : SWAP_ANY_PRIORITY;
    struct disk_unit *u;
    struct inode *i;
    int err;

    if (flags & ~(uint32_t)SWAP_FLAGS)
        return -EINVAL;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    err = find_node(path, &i);
    if (err)
        return err;
    u = disk_of_inode(i);
    err = u ? swapdev_on(u, priority) : -EINVAL;
    inode_put(i);
    return err;
}

static bool is_interrupted(void)
{
    return signal_pending(thread_current());
}

int32_t sys_swapoff(SYSCALL_1_ARG(path))
{
    struct disk_unit *u;
    struct inode *i;
    int err = capable(CAP_SYS_ADMIN) ? find_node(path, &i) : -EPERM;

    if (err)
        return err;
    u = disk_of_inode(i);
    err = u ? swapdev_off(u, is_interrupted) : -EINVAL;
    inode_put(i);
    return err;
}

/* --- another process's memory --- */

/* A vector, and how far it is used up. */
struct cursor {
    struct iovec *part;
    uint32_t left;
};

/* Have a part that is not empty. False: there is none. */
static bool advance(struct cursor *c)
{
    while (c->left && !c->part->size) {
        c->part++;
        c->left--;
    }
    return c->left;
}

/* Move bytes until one of the vectors ends. Bytes, or -EFAULT if there are none. Sleeps. */
static int32_t transfer(struct space *s, struct cursor own, struct cursor other, bool write, void *page)
{
    int32_t done = 0;

    while (advance(&own) && advance(&other)) {
        size_t n = own.part->size < other.part->size ? own.part->size : other.part->size;
        size_t got;

        n = user_part(own.part->base, n);
        if (write) {
            if (user_copy_in(page, own.part->base, n))
                return done ? done : -EFAULT;
            got = space_write(s, other.part->base, page, n);
        } else {
            got = space_read(s, other.part->base, page, n);
            if (user_copy_out(own.part->base, page, got))
                return done ? done : -EFAULT;
        }
        done += (int32_t)got;
        own.part->base += got;
        own.part->size -= got;
        other.part->base += got;
        other.part->size -= got;
        if (got < n)
            return done ? done : -EFAULT;
        thread_breathe();
        if (thread_current()->exiting)
            return done ? done : -EINTR;
    }
    return done;
}

static int32_t transfer_with(uint32_t pid, struct io_vector *own, struct io_vector *other, bool write)
{
    struct process *p = process_find((int)pid);
    struct memory *m;
    int32_t result;
    void *page;

    if (!p || !p->memory)
        return -ESRCH;
    if (cred_may_trace(p, cred_of_process(p), false))
        return -EPERM;
    m = memory_get(p->memory);
    page = vm_alloc(PAGE_SIZE);
    result = !page ? -ENOMEM
                   : transfer(m->space, (struct cursor){own->part, own->count},
                              (struct cursor){other->part, other->count}, write, page);
    kfree(page);
    memory_put(m);
    return result;
}

static int32_t process_vm(uint32_t pid, const vaddr_t vector[2], const uint32_t count[2], uint32_t flags,
                          bool write)
{
    struct io_vector own, other;
    int32_t result;

    if (flags)
        return -EINVAL;
    result = io_vector_get(&own, vector[0], count[0], true);
    if (result)
        return result;
    if (own.total) {
        result = io_vector_get(&other, vector[1], count[1], false);
        if (!result) {
            result = transfer_with(pid, &own, &other, write);
            io_vector_put(&other);
        }
    }
    io_vector_put(&own);
    return result;
}

int32_t sys_process_vm_readv(SYSCALL_6_ARGS(pid, own, own_n, other, other_n, flags))
{
    return process_vm(pid, (vaddr_t[]){own, other}, (uint32_t[]){own_n, other_n}, flags, false);
}

int32_t sys_process_vm_writev(SYSCALL_6_ARGS(pid, own, own_n, other, other_n, flags))
{
    return process_vm(pid, (vaddr_t[]){own, other}, (uint32_t[]){own_n, other_n}, flags, true);
}

/* Advice for part after part. Bytes, or the first part's error. Sleeps. */
static int32_t advise_vector(struct space *s, const struct io_vector *v, uint32_t advice)
{
    int32_t done = 0;

    for (uint32_t i = 0; i < v->count; i++) {
        int err = space_advise(s, v->part[i].base, v->part[i].size, (int)advice);

        if (err)
            return done ? done : err;
        done += (int32_t)v->part[i].size;
        if (thread_breathe() && thread_current()->exiting)
            break;
    }
    return done;
}

int32_t sys_process_madvise(SYSCALL_5_ARGS(fd, vector, n, advice, flags))
{
    struct io_vector v;
    struct pidfd_name name;
    struct process *p;
    struct memory *m;
    int32_t result;

    if (flags)
        return -EINVAL;
    result = io_vector_get(&v, vector, n, true);
    if (result)
        return result;
    result = pidfd_get_name((int)fd, &name, NULL);
    p = result ? NULL : pidfd_find(&name);
    if (!result && !p)
        result = -ESRCH;
    /* What changes nothing that the process sees. */
    if (!result && advice != ADVISE_WILLNEED && advice != ADVISE_COLD && advice != ADVISE_PAGEOUT)
        result = -EINVAL;
    if (!result && !p->memory)
        result = -ESRCH;
    if (!result && cred_may_trace(p, cred_of_process(p), true))
        result = -EACCES;
    if (!result && !capable(CAP_SYS_NICE))
        result = -EPERM;
    if (!result) {
        m = memory_get(p->memory);
        result = advise_vector(m->space, &v, advice);
        memory_put(m);
    }
    io_vector_put(&v);
    return result;
}

/* --- barriers --- */

enum {
    MEMBARRIER_QUERY,
    MEMBARRIER_GLOBAL = 1 << 0,
    MEMBARRIER_GLOBAL_EXPEDITED = 1 << 1,
    MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 1 << 2,
    MEMBARRIER_PRIVATE = 1 << 3,
    MEMBARRIER_REGISTER_PRIVATE = 1 << 4,
    MEMBARRIER_PRIVATE_SYNC_CORE = 1 << 5,
    MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE = 1 << 6,
    MEMBARRIER_PRIVATE_RSEQ = 1 << 7,
    MEMBARRIER_REGISTER_PRIVATE_RSEQ = 1 << 8,
    MEMBARRIER_ALL = (1 << 9) - 1,
    MEMBARRIER_FLAG_CPU = 1
};

/*
 * membarrier(2): have all threads, or those of this memory, pass a barrier. There is one processor, so each
 * other thread passed one when it left it, and this one does when it comes here and when it goes back. All
 * that is to be done is to refuse what the memory was not registered for.
 */
int32_t sys_membarrier(SYSCALL_2_ARGS(command, flags))
{
    struct memory *m = process_current()->memory;

    if (flags & ~(command == MEMBARRIER_PRIVATE_RSEQ ? MEMBARRIER_FLAG_CPU : 0u))
        return -EINVAL;
    switch (command) {
    case MEMBARRIER_QUERY:
        return MEMBARRIER_ALL;
    case MEMBARRIER_GLOBAL:
    case MEMBARRIER_GLOBAL_EXPEDITED:
    case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
        return 0;
    case MEMBARRIER_REGISTER_PRIVATE:
    case MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE:
    case MEMBARRIER_REGISTER_PRIVATE_RSEQ:
        m->barriers |= command >> 1;
        return 0;
    case MEMBARRIER_PRIVATE:
    case MEMBARRIER_PRIVATE_SYNC_CORE:
    case MEMBARRIER_PRIVATE_RSEQ:
        return m->barriers & command ? 0 : -EPERM;
    default:
        return -EINVAL;
    }
}
