/*
 * System calls for System V semaphores, message queues and shared memory, and the old common call ipc().
 */
#include "kernel/ipc/msg.h"
#include "kernel/ipc/sem.h"
#include "kernel/ipc/shm.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

/* Of ipc(). */
enum {
    IPCOP_SEMOP = 1,
    IPCOP_SEMGET = 2,
    IPCOP_SEMCTL = 3,
    IPCOP_SEMTIMEDOP = 4,
    IPCOP_MSGSND = 11,
    IPCOP_MSGRCV = 12,
    IPCOP_MSGGET = 13,
    IPCOP_MSGCTL = 14,
    IPCOP_SHMAT = 21,
    IPCOP_SHMDT = 22,
    IPCOP_SHMGET = 23,
    IPCOP_SHMCTL = 24,
};
#define IPC_64 0x100u /* in a command of ipc(): what is told has ids of 32 bits */

/* --- shared memory --- */

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
    return shm_control(id, command, buf, false);
}

static int32_t attach(uint32_t version, uint32_t id, vaddr_t addr, uint32_t flags, vaddr_t result)
{
    vaddr_t at = addr;
    int err;

    if (version == 1)
        return -EINVAL;
    err = shm_attach(id, &at, flags);
    return err ? err : user_write32(result, at);
}

/* --- semaphores --- */

int32_t sys_semget(SYSCALL_3_ARGS(key, count, flags))
{
    return sem_get(key, count, flags);
}

int32_t sys_semctl(SYSCALL_4_ARGS(id, number, command, arg))
{
    return sem_control(id, number, command, arg, false);
}

static int32_t semop(uint32_t id, vaddr_t ops, uint32_t count, vaddr_t limit, enum usertime_form form)
{
    struct usertime t;

    if (limit && usertime_fetch(limit, form, &t))
        return -EFAULT;
    return sem_operate(id, ops, count, limit ? &t : NULL, form);
}

int32_t sys_semtimedop_time64(SYSCALL_4_ARGS(id, ops, count, limit))
{
    return semop(id, ops, count, limit, USERTIME_64);
}

/* What semctl() has as its last argument is in memory here. */
static int32_t semctl(uint32_t id, uint32_t number, uint32_t command, vaddr_t arg)
{
    uint32_t word;

    if (!arg)
        return -EINVAL;
    if (user_read32(&word, arg))
        return -EFAULT;
    return sem_control(id, number, command & ~IPC_64, word, !(command & IPC_64));
}

/* --- messages --- */

int32_t sys_msgget(SYSCALL_2_ARGS(key, flags))
{
    return msg_get(key, flags);
}

int32_t sys_msgsnd(SYSCALL_4_ARGS(id, buf, size, flags))
{
    return msg_send(id, buf, size, flags);
}

int32_t sys_msgrcv(SYSCALL_5_ARGS(id, buf, size, type, flags))
{
    return msg_receive(id, buf, size, (int32_t)type, flags);
}

int32_t sys_msgctl(SYSCALL_3_ARGS(id, command, buf))
{
    return msg_control(id, command, buf, false);
}

/* The first version of the call has buffer and type in memory. */
static int32_t msgrcv(uint32_t version, uint32_t id, vaddr_t ptr, uint32_t size, uint32_t type,
                      uint32_t flags)
{
    uint32_t word[2];

    if (version)
        return msg_receive(id, ptr, size, (int32_t)type, flags);
    if (!ptr)
        return -EINVAL;
    if (user_copy_in(word, ptr, sizeof word))
        return -EFAULT;
    return msg_receive(id, word[0], size, (int32_t)word[1], flags);
}

/* --- all of them --- */

int32_t sys_ipc(SYSCALL_6_ARGS(call, first, second, third, ptr, fifth))
{
    bool old;

    switch (call & 0xFFFF) {
    case IPCOP_SEMOP:
        return semop(first, ptr, second, 0, USERTIME_32);
    case IPCOP_SEMTIMEDOP:
        return semop(first, ptr, second, fifth, USERTIME_32);
    case IPCOP_SEMGET:
        return sem_get(first, second, third);
    case IPCOP_SEMCTL:
        return semctl(first, second, third, ptr);
    case IPCOP_MSGSND:
        return msg_send(first, ptr, second, third);
    case IPCOP_MSGRCV:
        return msgrcv(call >> 16, first, ptr, second, fifth, third);
    case IPCOP_MSGGET:
        return msg_get(first, second);
    case IPCOP_MSGCTL:
        old = !(second & IPC_64);
        return msg_control(first, second & ~IPC_64, ptr, old);
    case IPCOP_SHMAT:
        return attach(call >> 16, first, ptr, second, third);
    case IPCOP_SHMDT:
        return shm_detach(ptr);
    case IPCOP_SHMGET:
        return shm_get(first, second, third);
    case IPCOP_SHMCTL:
        old = !(second & IPC_64);
        return shm_control(first, second & ~IPC_64, ptr, old);
    default:
        return -ENOSYS;
    }
}
