/*
 * Who a new program runs as: set-id bits of its file, and what becomes of capabilities.
 *
 * Files have no capabilities of their own here, so there are three sources of rights: that the program runs
 * as root, real or effective, which permits all that the bounding set leaves; the ambient set; and nothing
 * else. What the caller had is gone.
 *
 * Rights are gained only if nobody but the program can make use of them: not if its root and current
 * directory are shared with another process, not under a tracer without CAP_SYS_PTRACE, not after
 * PR_SET_NO_NEW_PRIVS, not from a mount with nosuid. Nobody begins to trace it between the question and the
 * change (ptrace_begin_exec()).
 *
 * Locking: what is computed is of the running thread's own credentials, which only it changes; the file's
 * mode and owner are read in one step.
 *
 * Source: execve(2), capabilities(7) ("Transformation of capabilities during execve()").
 */
#include "kernel/life/exec_cred.h"
#include "kernel/fs/permission.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/proc/ptrace.h"
#include "mm/errno.h"

#define STACK_SECURE (8ull << 20) /* the most that the limit is for a secure program */

/* Of personality(2), what would help to attack a program. */
enum { NO_RANDOMIZE = 0x0040000, COMPAT_LAYOUT = 0x0200000, MAP_PAGE_ZERO = 0x0100000 };
#define PERSONALITY_UNSAFE (NO_RANDOMIZE | COMPAT_LAYOUT | MAP_PAGE_ZERO | PERSONALITY_READ_EXEC)

static void take_ids(struct cred *c, const struct inode *i, struct exec_cred *x)
{
    if (i->fs->flags & MOUNT_NOSUID || thread_current()->no_new_privs)
        return;
    if (i->mode & MODE_SET_UID) {
        c->euid = i->uid;
        x->personality_clear = PERSONALITY_UNSAFE;
    }
    if ((i->mode & (MODE_SET_GID | MODE_GROUP_X)) == (MODE_SET_GID | MODE_GROUP_X)) {
        c->egid = i->gid;
        x->personality_clear = PERSONALITY_UNSAFE;
    }
}

/* Whether somebody beside the program could make use of what it may: who shares its root and current
 * directory, or a tracer who may not trace everybody anyway. */
static bool others_may_use_it(void)
{
    const struct ptrace *g = thread_current()->ptrace;

    return process_current()->fs->refs > 1 || (g && !g->capable);
}

/* c: a copy of old. */
static void change(struct cred *c, const struct cred *old, const struct inode *i, struct exec_cred *x)
{
    bool set_id, effective = false;

    take_ids(c, i, x);
    c->permitted = 0;
    if (!(c->securebits & SECURE_NOROOT) && (!c->euid || !c->uid)) {
        c->permitted = c->bounding | c->inheritable;
        effective = !c->euid;
    }
    set_id = c->euid != old->uid || c->egid != old->gid;
    if ((set_id || c->permitted & ~old->permitted) && others_may_use_it()) {
        /* It gets no more than its caller had. */
        if (!capable(CAP_SETUID)) {
            c->euid = c->uid;
            c->egid = c->gid;
        }
        c->permitted &= old->permitted;
    }
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    if (set_id)
        c->ambient = 0;
    c->permitted |= c->ambient;
    c->effective = effective ? c->permitted : c->ambient;
    c->securebits &= ~(uint32_t)SECURE_KEEP_CAPS;
    x->secure = set_id || (c->uid && (effective || c->permitted & ~c->ambient));
}

static bool differs(const struct cred *a, const struct cred *b)
{
    return a->euid != b->euid || a->suid != b->suid || a->fsuid != b->fsuid || a->egid != b->egid ||
           a->sgid != b->sgid || a->fsgid != b->fsgid || a->securebits != b->securebits ||
           a->permitted != b->permitted || a->effective != b->effective || a->ambient != b->ambient;
}

int exec_cred_make(struct exec_cred *x, struct inode *program)
{
    struct thread *self = thread_current();
    const struct cred *old = self->cred;
    struct cred c = *old;

    *x = (struct exec_cred){0};
    if (unlikely(self->beyond_limit) && cred_is_beyond_limit())
        return -EAGAIN;
    self->beyond_limit = false;
    x->hidden = inode_permission(program, MAY_READ) != 0;
    change(&c, old, program, x);
    if (likely(!differs(&c, old)))
        return 0;
    x->new = cred_prepare();
    if (!x->new)
        return -ENOMEM;
    x->new->euid = c.euid;
    x->new->suid = c.suid;
    x->new->fsuid = c.fsuid;
    x->new->egid = c.egid;
    x->new->sgid = c.sgid;
    x->new->fsgid = c.fsgid;
    x->new->securebits = c.securebits;
    x->new->permitted = c.permitted;
    x->new->effective = c.effective;
    x->new->ambient = c.ambient;
    return 0;
}

void exec_cred_undo(struct exec_cred *x)
{
    cred_put(x->new);
    x->new = NULL;
}

const struct cred *exec_cred_of(const struct exec_cred *x)
{
    return x->new ? x->new : thread_current()->cred;
}

void exec_cred_commit(struct exec_cred *x)
{
    const struct cred *old = thread_current()->cred;
    struct process *p = process_current();

    p->dumpable = !x->hidden && old->euid == old->uid && old->egid == old->gid ? DUMPABLE_USER
                                                                               : (uint8_t)dumpable_changed;
    if (x->secure) {
        p->death_signal = 0;
        if (p->rlimit[RLIMIT_STACK].soft > STACK_SECURE)
            p->rlimit[RLIMIT_STACK].soft = STACK_SECURE;
    }
    /* What children were to send at their end was meant for another program. */
    for (struct process *child = p->children; child; child = child->sibling_next)
        if (child->exit_signal)
            child->exit_signal = SIGCHLD;
    if (x->new)
        cred_commit(x->new);
    x->new = NULL;
}
