/*
 * Files of a process's directory that reach into its memory: auxv, clear_refs, mem.
 *
 * mem reads and writes what a debugger may, in the memory that the process had when the file was opened: a
 * file that is still open after the process has executed something else, or ended, is empty.
 *
 * Locking: a reference to the memory is held while its space may sleep.
 */
#include "kernel/fs/file.h"
#include "kernel/life/memory.h"
#include "kernel/proc/process.h"
#include "kernel/procfs/procfs.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"
#include "mm/space.h"

int proc_read_auxv(const struct proc_node *n, uint64_t pos, uint8_t *buf, size_t size)
{
    const struct memory *m = proc_memory(n);
    size_t all = 0;

    if (!m)
        return proc_process(n) ? 0 : -ESRCH;
    while (m->auxv[all][0])
        all++;
    all = all ? (all + 1) * sizeof m->auxv[0] : 0; /* with AT_NULL, if there are any */
    if (pos >= all)
        return 0;
    if (size > all - pos)
        size = all - (size_t)pos;
    memcpy(buf, (const uint8_t *)m->auxv + (size_t)pos, size);
    return (int)size;
}

int proc_store_clear_refs(const struct proc_node *n, char *s)
{
    enum { ALL = 1, ANON, MAPPED, SOFT_DIRTY, PEAK };
    struct memory *m = proc_memory(n);
    int what;

    if (!proc_number(s, &what) || what < ALL || what > PEAK)
        return -EINVAL;
    if (!m)
        return proc_process(n) ? 0 : -ESRCH;
    memory_get(m);
    if (what == PEAK) {
        space_forget_most_resident(m->space);
    } else if (what != SOFT_DIRTY) { /* i386 has no such bit */
        space_clear_accessed(m->space, what != MAPPED, what != ANON);
    }
    memory_put(m);
    return 0;
}

/* --- mem --- */

static int open_mem(struct file *f)
{
    const struct memory *m = proc_memory(proc_node_of(f->inode));

    if (!proc_process(proc_node_of(f->inode)))
        return -ESRCH;
    if (proc_may_look(proc_node_of(f->inode)))
        return -EACCES;
    f->hint = m ? m->space->id : 0;
    return 0;
}

/* The memory that the file was opened for, referenced; NULL if it is gone. */
static struct memory *memory_of(const struct file *f)
{
    const struct process *p = proc_process(proc_node_of(f->inode));

    return f->hint && p && p->memory && p->memory->space->id == f->hint ? memory_get(p->memory) : NULL;
}

/* Bytes moved, or -errno if there are none. */
static int transfer(struct space *s, vaddr_t user, size_t n, uint64_t *pos, bool write)
{
    uint8_t *page = vm_alloc(PAGE_SIZE);
    int done = 0, err = page ? 0 : -ENOMEM;

    while (n && !err) {
        size_t part = n < PAGE_SIZE ? n : PAGE_SIZE, got = 0;

        if (write && user_copy_in(page, user, part)) {
            err = -EFAULT;
            break;
        }
        if (*pos < USER_END)
            got = write ? space_write_forced(s, (vaddr_t)*pos, page, part)
                        : space_read_forced(s, (vaddr_t)*pos, page, part);
        if (!got)
            err = -EIO;
        else if (!write && user_copy_out(user, page, got))
            err = -EFAULT;
        else {
            done += (int)got;
            *pos += got;
            user += got;
            n -= got;
            if (thread_breathe())
                break;
        }
    }
    kfree(page);
    return done ? done : err;
}

static int access_mem(struct file *f, vaddr_t buf, size_t n, uint64_t *pos, bool write)
{
    struct memory *m = memory_of(f);
    int done;

    if (!m)
        return 0;
    done = transfer(m->space, buf, n, pos, write);
    memory_put(m);
    return done;
}

static int read_mem(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    return access_mem(f, buf, n, pos, false);
}

static int write_mem(struct file *f, vaddr_t buf, size_t n, uint64_t *pos)
{
    return access_mem(f, buf, n, pos, true);
}

/* Memory has no end to count from. */
static int seek_mem(struct file *f, int64_t offset, int whence, uint64_t *result)
{
    enum { FROM_START, FROM_HERE };

    if (whence == FROM_HERE)
        offset += (int64_t)f->pos;
    else if (whence != FROM_START)
        return -EINVAL;
    *result = f->pos = (uint64_t)offset;
    return 0;
}

const struct file_ops proc_mem_ops = {
    .open = open_mem, .read = read_mem, .write = write_mem, .seek = seek_mem};
