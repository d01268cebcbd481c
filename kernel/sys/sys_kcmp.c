/*
 * kcmp(2): whether two threads share something of the kernel's.
 *
 * The answer is an order, so that a program can sort what many threads have: 0 the same, 1 the first one is
 * less, 2 it is greater. It is an order of addresses that are mixed with random numbers, other ones for each
 * kind, so that it tells nothing of where things lie.
 */
#include "kernel/dev/random.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/file.h"
#include "kernel/proc/cred.h"
#include "kernel/proc/process.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

enum kind {
    KCMP_FILE,
    KCMP_VM,
    KCMP_FILES,
    KCMP_FS,
    KCMP_SIGHAND,
    KCMP_IO,
    KCMP_SYSVSEM,
    KCMP_EPOLL_TFD,
    KINDS
};

/* A thread, or a process whose first thread, which has its number, has ended. */
struct whom {
    const struct process *process;
    const struct thread *thread; /* NULL: it has ended */
};

/* struct kcmp_epoll_slot. */
struct slot {
    uint32_t epfd, fd, nth;
};

static bool find(uint32_t tid, struct whom *w)
{
    w->thread = thread_find((int)tid);
    w->process = w->thread ? w->thread->process : process_find((int)tid);
    return w->process;
}

static bool may_look(const struct whom *w)
{
    return !cred_may_trace(w->process, w->thread ? w->thread->cred : cred_of_process(w->process), false);
}

static const struct file *file_of(const struct whom *w, uint32_t fd)
{
    const struct fd_table *t = w->thread ? w->thread->files : NULL;

    return t ? fd_table_file(t, fd) : NULL;
}

/* What a thread has of a kind that needs no more to be said; NULL: nothing. */
static const void *what(const struct whom *w, enum kind kind)
{
    switch (kind) {
    case KCMP_VM:
        return w->process->memory;
    case KCMP_FILES:
        return w->thread ? w->thread->files : NULL;
    case KCMP_FS:
        return w->process->fs;
    case KCMP_SIGHAND:
        return w->process->actions;
    case KCMP_IO: /* its own as soon as a priority was set */
        return w->thread && w->thread->ioprio ? w->thread : NULL;
    default:
        return w->thread ? w->thread->undo : NULL;
    }
}

static int32_t compare(const void *a, const void *b, enum kind kind)
{
    static uint32_t cookie[KINDS][2];
    uint32_t *c = cookie[kind];

    if (!c[1]) {
        random_bytes(c, sizeof cookie[kind]);
        c[1] |= 1; /* so that no two addresses become one */
    }

    uint32_t x = ((uint32_t)(uintptr_t)a ^ c[0]) * c[1], y = ((uint32_t)(uintptr_t)b ^ c[0]) * c[1];

    return x == y ? 0 : x < y ? 1 : 2;
}

static int32_t compare_files(const struct file *a, const struct file *b)
{
    return a && b ? compare(a, b, KCMP_FILE) : -EBADF;
}

/* A file of the first, and one that a set of the second watches. */
static int32_t compare_watched(const struct file *a, const struct whom *second, const struct slot *slot)
{
    const struct file *set = file_of(second, slot->epfd), *b;
    int err;

    if (!a || !set)
        return -EBADF;
    err = epoll_watched(set, (int)slot->fd, slot->nth, &b);
    return err ? err : compare_files(a, b);
}

int32_t sys_kcmp(SYSCALL_5_ARGS(pid, pid2, type, first, second))
{
    struct slot slot;
    struct whom a, b;
    int err = type == KCMP_EPOLL_TFD ? user_copy_in(&slot, second, sizeof slot) : 0;

    if (!find(pid, &a) || !find(pid2, &b))
        return -ESRCH;
    if (!may_look(&a) || !may_look(&b))
        return -EPERM;
    if (err)
        return err;
    if (type == KCMP_FILE)
        return compare_files(file_of(&a, first), file_of(&b, second));
    if (type == KCMP_EPOLL_TFD)
        return compare_watched(file_of(&a, first), &b, &slot);
    return type < KINDS ? compare(what(&a, type), what(&b, type), type) : -EINVAL;
}
