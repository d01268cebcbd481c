/* Stands in for files until they are there: one program, which is the first boot module. */
#include "kernel/file.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/sys.h"
#include "kernel/syscall.h"
#include "kernel/usercopy.h"
#include "kernel/console.h"
#include "kernel/vmsys.h"
#include "mm/slab.h"
#include "mm/errno.h"
#include "kernel/meanwhile.h"
#define WEAK __attribute__((weak))
static struct inode program = {.refs = 1, .mode = S_IFREG | 0755};
static const uint8_t *bytes;
void meanwhile_program(const void *start, size_t size)
{
    bytes = start;
    program.size = size;
    program.object = object_create_image(&vm_sys, start, size, "init");
}
WEAK int path_lookup(struct inode *dir UNUSED, const char *path UNUSED, unsigned flags UNUSED,
                     struct inode **out)
{
    *out = &program;
    return 0;
}
WEAK int inode_permission(struct inode *i UNUSED, unsigned want UNUSED)
{
    return 0;
}
WEAK void inode_put(struct inode *i UNUSED)
{
}
WEAK struct inode *inode_get(struct inode *i)
{
    return i;
}
WEAK int inode_read(struct inode *i, uint64_t pos, void *buf, size_t n)
{
    if (pos >= i->size)
        return 0;
    if (n > i->size - pos)
        n = (size_t)(i->size - pos);
    memcpy(buf, bytes + pos, n);
    return (int)n;
}
WEAK struct fd_table *fd_table_create(void)
{
    struct fd_table *t = kzalloc(sizeof *t);
    if (t)
        t->refs = 1;
    return t;
}
WEAK struct fd_table *fd_table_copy(const struct fd_table *t UNUSED)
{
    return fd_table_create();
}
WEAK struct fd_table *fd_table_get(struct fd_table *t)
{
    t->refs++;
    return t;
}
WEAK void fd_table_put(struct fd_table *t)
{
    if (--t->refs == 0)
        kfree(t);
}
WEAK void fd_table_close_exec(struct fd_table *t UNUSED)
{
}
WEAK struct fs_context *fs_context_create(void)
{
    struct fs_context *t = kzalloc(sizeof *t);
    if (t)
        t->refs = 1;
    return t;
}
WEAK struct fs_context *fs_context_copy(const struct fs_context *t UNUSED)
{
    return fs_context_create();
}
WEAK struct fs_context *fs_context_get(struct fs_context *t)
{
    t->refs++;
    return t;
}
WEAK void fs_context_put(struct fs_context *t)
{
    if (--t->refs == 0)
        kfree(t);
}
WEAK void random_bytes(void *buf, size_t n)
{
    memset(buf, 0x5A, n);
}
WEAK int32_t sys_write(SYSCALL_3_ARGS(fd, buf, n))
{
    char line[128];
    (void)fd;
    for (uint32_t done = 0; done < n;) {
        uint32_t k = n - done < sizeof line ? n - done : sizeof line;
        if (user_copy_in(line, buf + done, k))
            return -EFAULT;
        console_write(line, k);
        done += k;
    }
    return (int32_t)n;
}
WEAK int32_t sys_writev(SYSCALL_3_ARGS(fd, iov, count))
{
    int32_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t v[2];
        if (user_copy_in(v, iov + 8 * i, 8))
            return -EFAULT;
        total += sys_write(fd, v[0], v[1], 0, 0, 0);
    }
    return total;
}
WEAK int32_t sys_brk(SYSCALL_1_ARG(to))
{
    struct memory *m = process_current()->memory;
    vaddr_t at = m->brk;
    if (to > m->brk && space_map(m->space, &at, PAGE_UP(to) - m->brk,
                                 REGION_READ | REGION_WRITE | MAP_AT | MAP_NOREPLACE, NULL, 0) == 0)
        m->brk = PAGE_UP(to);
    return (int32_t)m->brk;
}
WEAK int32_t sys_mprotect(SYSCALL_3_ARGS(at, n, prot))
{
    return space_protect(process_current()->memory->space, at, n, prot);
}

WEAK int file_open(struct inode *d UNUSED, const char *p UNUSED, uint32_t f UNUSED, uint32_t m UNUSED,
                   struct file **out UNUSED)
{
    return -ENOENT;
}
WEAK struct file *file_get(struct file *f)
{
    return f;
}
WEAK void file_put(struct file *f UNUSED)
{
}
WEAK int fd_install(struct file *f UNUSED, int min, bool c UNUSED)
{
    return min;
}
WEAK int32_t sys_mmap2(SYSCALL_6_ARGS(at, n, prot, flags, fd, off))
{
    vaddr_t va = at;
    (void)fd;
    (void)off;
    int err = space_map(process_current()->memory->space, &va, n, (prot & 7) | (flags & 0x10 ? MAP_AT : 0), NULL, 0);
    return err ? err : (int32_t)va;
}
WEAK int32_t sys_munmap(SYSCALL_2_ARGS(at, n))
{
    return space_unmap(process_current()->memory->space, at, n);
}
