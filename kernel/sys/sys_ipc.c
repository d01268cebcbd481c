/*
 * System calls for System V shared memory, and the old common call ipc(), of which semaphores and messages
 * are not there: -ENOSYS.
 */
#include "kernel/fs/shm.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

/* Of ipc(). */
enum { IPCOP_SHMAT = 21, IPCOP_SHMDT = 22, IPCOP_SHMGET = 23, IPCOP_SHMCTL = 24, IPC_64 = 0x100 };

int32_t sys_shmget(SYSCALL_3_ARGS(key, size, flags))
{
    return shm_get(key, size, flags);
}

int32_t sys_shmat(SYSCALL_3_ARGS(id, addr, flags))
{
    vaddr_t at = addr;
    int err = shm_attach(id, &at, flags);

    return err ? err : (int32_t)at;
}

int32_t sys_shmdt(SYSCALL_1_ARG(addr))
{
    return shm_detach(addr);
}

int32_t sys_shmctl(SYSCALL_3_ARGS(id, command, buf))
{
    return shm_control(id, command, buf);
}

int32_t sys_ipc(SYSCALL_6_ARGS(call, first, second, third, ptr, fifth))
{
    vaddr_t at = ptr;
    int err;

    (void)fifth;
    switch (call & 0xFFFF) {
    case IPCOP_SHMAT:
        if (call >> 16 == 1)
            return -EINVAL;
        err = shm_attach(first, &at, second);
        return err ? err : user_write32(third, at);
    case IPCOP_SHMDT:
        return shm_detach(ptr);
    case IPCOP_SHMGET:
        return shm_get(first, second, third);
    case IPCOP_SHMCTL:
        return shm_control(first, second & ~(uint32_t)IPC_64, ptr);
    default:
        return -ENOSYS;
    }
}
