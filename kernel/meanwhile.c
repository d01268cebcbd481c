/* Stands in for the memory calls until they are there. */
#include "kernel/process.h"
#include "kernel/sys.h"
#include "kernel/syscall.h"
#include "mm/space.h"
#define WEAK __attribute__((weak))
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

WEAK int32_t sys_mmap2(SYSCALL_6_ARGS(at, n, prot, flags, fd, off))
{
    vaddr_t va = at;
    (void)fd;
    (void)off;
    int err = space_map(process_current()->memory->space, &va, n, (prot & 7) | (flags & 0x10 ? MAP_AT : 0),
                        NULL, 0);
    return err ? err : (int32_t)va;
}
WEAK int32_t sys_munmap(SYSCALL_2_ARGS(at, n))
{
    return space_unmap(process_current()->memory->space, at, n);
}
