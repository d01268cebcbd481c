/*
 * unshare(2): copies of what the running thread shares with others.
 *
 * Everything that can fail comes first, so that a call that fails changes nothing. There are no namespaces:
 * who may not make one is told so, and who may that there are none.
 *
 * The root and the current directory belong to a process here, so its threads go on sharing them.
 *
 * Locking: what is copied changes between sleeps; it is looked at once more before it is exchanged.
 */
#include "kernel/life/unshare.h"
#include "kernel/fs/file.h"
#include "kernel/ipc/sem.h"
#include "kernel/life/clone.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "mm/errno.h"

enum {
    CLONE_NEWTIME = 0x80,
    CLONE_NEWNS = 0x20000,
    CLONE_NEWCGROUP = 0x2000000,
    CLONE_NEWUTS = 0x4000000,
    CLONE_NEWIPC = 0x8000000,
    CLONE_NEWUSER = 0x10000000,
    CLONE_NEWPID = 0x20000000,
    CLONE_NEWNET = 0x40000000,
    CLONE_SPACES = CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                   CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
    CLONE_WHOLE = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM,
    CLONE_UNSHARED = CLONE_WHOLE | CLONE_SPACES | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM,
};

static int check(uint32_t flags)
{
    const struct process *p = process_current();

    if (flags & ~(uint32_t)CLONE_UNSHARED)
        return -EINVAL;
    /* These can only be had by who has them already. */
    if ((flags & CLONE_WHOLE && p->nthreads > 1) ||
        (flags & (CLONE_SIGHAND | CLONE_VM) && p->actions->refs > 1) ||
        (flags & CLONE_VM && p->memory->refs > 1))
        return -EINVAL;
    if (flags & CLONE_SPACES)
        return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    return 0;
}

int unshare(uint32_t flags)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    struct fs_context *fs = NULL, *old_fs = p->fs;
    struct fd_table *files = NULL, *old_files = self->files;
    int err = check(flags);

    if (err)
        return err;
    if (flags & CLONE_FS && old_fs->refs > 1) {
        fs = fs_context_copy(old_fs);
        if (!fs)
            return -ENOMEM;
    }
    if (flags & CLONE_FILES && old_files->refs > 1) {
        files = fd_table_copy(old_files);
        if (!files) {
            if (fs)
                fs_context_put(fs);
            return -ENOMEM;
        }
    }
    if (files)
        self->files = files;
    if (fs && p->fs == old_fs)
        p->fs = fs;
    else
        old_fs = fs; /* another thread was first, or nothing was copied */
    if (files)
        fd_table_put(old_files);
    if (old_fs)
        fs_context_put(old_fs);
    if (flags & CLONE_SYSVSEM)
        sem_undo_end(self);
    return 0;
}
