/*
 * System calls about users, groups and capabilities: credentials(7), setuid(2), setreuid(2), setresuid(2),
 * setfsuid(2), capset(2), prctl(2). What credentials are is in kernel/proc/cred.c.
 *
 * Each change is one of a copy, which then takes the place of what the thread had. Only the thread itself
 * changes its credentials, so what was asked stays true while memory is looked for. The calls with small
 * numbers have ids of 16 bits, of which the highest says "as it is".
 */
#include "kernel/sys/sys_cred.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"

/* --- asking --- */

static const struct cred *mine(void)
{
    return thread_current()->cred;
}

int32_t sys_getuid(SYSCALL_NO_ARGS)
{
    return (int32_t)mine()->uid;
}

int32_t sys_geteuid(SYSCALL_NO_ARGS)
{
    return (int32_t)mine()->euid;
}

int32_t sys_getgid(SYSCALL_NO_ARGS)
{
    return (int32_t)mine()->gid;
}

int32_t sys_getegid(SYSCALL_NO_ARGS)
{
    return (int32_t)mine()->egid;
}

int32_t sys_getuid16(SYSCALL_NO_ARGS)
{
    return (int32_t)cred_narrow(mine()->uid);
}

int32_t sys_geteuid16(SYSCALL_NO_ARGS)
{
    return (int32_t)cred_narrow(mine()->euid);
}

int32_t sys_getgid16(SYSCALL_NO_ARGS)
{
    return (int32_t)cred_narrow(mine()->gid);
}

int32_t sys_getegid16(SYSCALL_NO_ARGS)
{
    return (int32_t)cred_narrow(mine()->egid);
}

/* Three ids to three places, of 2 or 4 bytes each. */
static int32_t store_three(const uint32_t ids[3], vaddr_t a, vaddr_t b, vaddr_t c, size_t size)
{
    const vaddr_t to[3] = {a, b, c};
    int err = 0;

    for (unsigned i = 0; i < 3 && !err; i++) {
        uint32_t id = size == sizeof(uint16_t) ? cred_narrow(ids[i]) : ids[i];

        err = user_copy_out(to[i], &id, size);
    }
    return err;
}

#define UIDS ((uint32_t[]){mine()->uid, mine()->euid, mine()->suid})
#define GIDS ((uint32_t[]){mine()->gid, mine()->egid, mine()->sgid})

int32_t sys_getresuid(SYSCALL_3_ARGS(a, b, c))
{
    return store_three(UIDS, a, b, c, sizeof(uint32_t));
}

int32_t sys_getresgid(SYSCALL_3_ARGS(a, b, c))
{
    return store_three(GIDS, a, b, c, sizeof(uint32_t));
}

int32_t sys_getresuid16(SYSCALL_3_ARGS(a, b, c))
{
    return store_three(UIDS, a, b, c, sizeof(uint16_t));
}

int32_t sys_getresgid16(SYSCALL_3_ARGS(a, b, c))
{
    return store_three(GIDS, a, b, c, sizeof(uint16_t));
}

/* --- users --- */

/* The change of new, a copy that the caller has made, is complete, or err says why not. how: what else the
 * ids that changed do. */
static int32_t finish(struct cred *new, int err, void (*how)(struct cred *, const struct cred *))
{
    if (err) {
        cred_put(new);
        return err;
    }
    if (how)
        how(new, mine());
    cred_commit(new);
    return 0;
}

static int32_t set_uid(uint32_t uid)
{
    const struct cred *old = mine();
    struct cred *new;
    int err = 0;

    if (uid == ID_NONE)
        return -EINVAL;
    if (!capable(CAP_SETUID) && uid != old->uid && uid != old->suid)
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    if (capable(CAP_SETUID)) {
        err = cred_set_uid(new, uid);
        new->suid = uid;
    }
    new->euid = new->fsuid = uid;
    return finish(new, err, cred_fix_caps);
}

static int32_t set_reuid(uint32_t uid, uint32_t euid)
{
    const struct cred *old = mine();
    struct cred *new;
    int err = 0;

    if (!capable(CAP_SETUID) &&
        ((uid != ID_NONE && uid != old->uid && uid != old->euid) ||
         (euid != ID_NONE && euid != old->uid && euid != old->euid && euid != old->suid)))
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    if (uid != ID_NONE)
        err = cred_set_uid(new, uid);
    if (euid != ID_NONE)
        new->euid = euid;
    if (uid != ID_NONE || (euid != ID_NONE && euid != old->uid))
        new->suid = new->euid;
    new->fsuid = new->euid;
    return finish(new, err, cred_fix_caps);
}

static bool is_one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
    return id == ID_NONE || id == a || id == b || id == c;
}

static int32_t set_resuid(uint32_t uid, uint32_t euid, uint32_t suid)
{
    const struct cred *old = mine();
    struct cred *new;
    int err = 0;

    if (!capable(CAP_SETUID) &&
        !(is_one_of(uid, old->uid, old->euid, old->suid) && is_one_of(euid, old->uid, old->euid, old->suid) &&
          is_one_of(suid, old->uid, old->euid, old->suid)))
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    if (uid != ID_NONE)
        err = cred_set_uid(new, uid);
    if (euid != ID_NONE)
        new->euid = euid;
    if (suid != ID_NONE)
        new->suid = suid;
    new->fsuid = new->euid;
    return finish(new, err, cred_fix_caps);
}

/* It never fails, but tells what it was before: another call shows whether it was changed. */
static int32_t set_fsuid(uint32_t uid)
{
    const struct cred *old = mine();
    uint32_t before = old->fsuid;
    struct cred *new;

    if (uid == ID_NONE || uid == before ||
        (!capable(CAP_SETUID) && !is_one_of(uid, old->uid, old->euid, old->suid)))
        return (int32_t)before;
    new = cred_prepare();
    if (new) {
        new->fsuid = uid;
        finish(new, 0, cred_fix_fs_caps);
    }
    return (int32_t)before;
}

int32_t sys_setuid(SYSCALL_1_ARG(id))
{
    return set_uid(id);
}

int32_t sys_setuid16(SYSCALL_1_ARG(id))
{
    return set_uid(cred_widen(id));
}

int32_t sys_setreuid(SYSCALL_2_ARGS(real, effective))
{
    return set_reuid(real, effective);
}

int32_t sys_setreuid16(SYSCALL_2_ARGS(real, effective))
{
    return set_reuid(cred_widen(real), cred_widen(effective));
}

int32_t sys_setresuid(SYSCALL_3_ARGS(real, effective, saved))
{
    return set_resuid(real, effective, saved);
}

int32_t sys_setresuid16(SYSCALL_3_ARGS(real, effective, saved))
{
    return set_resuid(cred_widen(real), cred_widen(effective), cred_widen(saved));
}

int32_t sys_setfsuid(SYSCALL_1_ARG(id))
{
    return set_fsuid(id);
}

int32_t sys_setfsuid16(SYSCALL_1_ARG(id))
{
    return set_fsuid(cred_widen(id));
}

/* --- groups: as users, but capabilities do not depend on them --- */

static int32_t set_gid(uint32_t gid)
{
    const struct cred *old = mine();
    struct cred *new;

    if (gid == ID_NONE)
        return -EINVAL;
    if (!capable(CAP_SETGID) && gid != old->gid && gid != old->sgid)
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    if (capable(CAP_SETGID))
        new->gid = new->sgid = gid;
    new->egid = new->fsgid = gid;
    return finish(new, 0, NULL);
}

static int32_t set_regid(uint32_t gid, uint32_t egid)
{
    const struct cred *old = mine();
    struct cred *new;

    if (!capable(CAP_SETGID) &&
        ((gid != ID_NONE && gid != old->gid && gid != old->egid) ||
         (egid != ID_NONE && egid != old->gid && egid != old->egid && egid != old->sgid)))
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    if (gid != ID_NONE)
        new->gid = gid;
    if (egid != ID_NONE)
        new->egid = egid;
    if (gid != ID_NONE || (egid != ID_NONE && egid != old->gid))
        new->sgid = new->egid;
    new->fsgid = new->egid;
    return finish(new, 0, NULL);
}

static int32_t set_resgid(uint32_t gid, uint32_t egid, uint32_t sgid)
{
    const struct cred *old = mine();
    struct cred *new;

    if (!capable(CAP_SETGID) &&
        !(is_one_of(gid, old->gid, old->egid, old->sgid) && is_one_of(egid, old->gid, old->egid, old->sgid) &&
          is_one_of(sgid, old->gid, old->egid, old->sgid)))
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    if (gid != ID_NONE)
        new->gid = gid;
    if (egid != ID_NONE)
        new->egid = egid;
    if (sgid != ID_NONE)
        new->sgid = sgid;
    new->fsgid = new->egid;
    return finish(new, 0, NULL);
}

static int32_t set_fsgid(uint32_t gid)
{
    const struct cred *old = mine();
    uint32_t before = old->fsgid;
    struct cred *new;

    if (gid == ID_NONE || gid == before ||
        (!capable(CAP_SETGID) && !is_one_of(gid, old->gid, old->egid, old->sgid)))
        return (int32_t)before;
    new = cred_prepare();
    if (new) {
        new->fsgid = gid;
        finish(new, 0, NULL);
    }
    return (int32_t)before;
}

int32_t sys_setgid(SYSCALL_1_ARG(id))
{
    return set_gid(id);
}

int32_t sys_setgid16(SYSCALL_1_ARG(id))
{
    return set_gid(cred_widen(id));
}

int32_t sys_setregid(SYSCALL_2_ARGS(real, effective))
{
    return set_regid(real, effective);
}

int32_t sys_setregid16(SYSCALL_2_ARGS(real, effective))
{
    return set_regid(cred_widen(real), cred_widen(effective));
}

int32_t sys_setresgid(SYSCALL_3_ARGS(real, effective, saved))
{
    return set_resgid(real, effective, saved);
}

int32_t sys_setresgid16(SYSCALL_3_ARGS(real, effective, saved))
{
    return set_resgid(cred_widen(real), cred_widen(effective), cred_widen(saved));
}

int32_t sys_setfsgid(SYSCALL_1_ARG(id))
{
    return set_fsgid(id);
}

int32_t sys_setfsgid16(SYSCALL_1_ARG(id))
{
    return set_fsgid(cred_widen(id));
}

/* --- supplementary groups --- */

#define CHUNK 64u /* ids that are copied at once */

/* size: bytes of each id. */
static int32_t get_groups(uint32_t n, vaddr_t list, size_t size)
{
    const struct groups *g = mine()->groups;
    uint32_t have = g ? g->n : 0;
    uint8_t buf[CHUNK * sizeof(uint32_t)];

    if ((int32_t)n < 0 || (n && n < have))
        return -EINVAL;
    for (uint32_t i = 0, part; n && i < have; i += part) {
        part = have - i < CHUNK ? have - i : CHUNK;
        for (uint32_t k = 0; k < part; k++) {
            uint32_t id = size == sizeof(uint16_t) ? cred_narrow(g->gid[i + k]) : g->gid[i + k];

            memcpy(buf + k * size, &id, size);
        }
        if (user_copy_out(list + i * (vaddr_t)size, buf, part * size))
            return -EFAULT;
    }
    return (int32_t)have;
}

static int read_groups(struct groups *g, vaddr_t list, size_t size)
{
    uint8_t buf[CHUNK * sizeof(uint32_t)];

    for (uint32_t i = 0, part; i < g->n; i += part) {
        part = g->n - i < CHUNK ? g->n - i : CHUNK;
        if (user_copy_in(buf, list + i * (vaddr_t)size, part * size))
            return -EFAULT;
        for (uint32_t k = 0; k < part; k++) {
            uint32_t id = 0;

            memcpy(&id, buf + k * size, size);
            if (size == sizeof(uint16_t))
                id = cred_widen(id);
            if (id == ID_NONE)
                return -EINVAL;
            g->gid[i + k] = id;
        }
    }
    return 0;
}

static int32_t set_groups(uint32_t n, vaddr_t list, size_t size)
{
    struct groups *g = NULL;
    struct cred *new;
    int err;

    if (!capable(CAP_SETGID))
        return -EPERM;
    if (n > GROUPS_MAX)
        return -EINVAL;
    if (n) {
        g = groups_create(n);
        if (!g)
            return -ENOMEM;
        err = read_groups(g, list, size);
        if (err) {
            groups_put(g);
            return err;
        }
        groups_sort(g);
    }
    new = cred_prepare();
    if (!new) {
        groups_put(g);
        return -ENOMEM;
    }
    groups_put(new->groups);
    new->groups = g;
    return finish(new, 0, NULL);
}

int32_t sys_getgroups(SYSCALL_2_ARGS(n, list))
{
    return get_groups(n, list, sizeof(uint32_t));
}

int32_t sys_getgroups16(SYSCALL_2_ARGS(n, list))
{
    return get_groups(n, list, sizeof(uint16_t));
}

int32_t sys_setgroups(SYSCALL_2_ARGS(n, list))
{
    return set_groups(n, list, sizeof(uint32_t));
}

int32_t sys_setgroups16(SYSCALL_2_ARGS(n, list))
{
    return set_groups(n, list, sizeof(uint16_t));
}

/* --- capabilities --- */

enum {
    CAP_VERSION_1 = 0x19980330,
    CAP_VERSION_2 = 0x20071026,
    CAP_VERSION_3 = 0x20080522,
};

/* Words of each set in the header's version; 0: unknown, and the header says now what is known. -errno. */
static int cap_words(vaddr_t header, uint32_t *pid)
{
    uint32_t h[2];

    if (user_copy_in(h, header, sizeof h))
        return -EFAULT;
    *pid = h[1];
    if (h[0] == CAP_VERSION_1)
        return 1;
    if (h[0] == CAP_VERSION_2 || h[0] == CAP_VERSION_3)
        return 2;
    return user_write32(header, CAP_VERSION_3) ? -EFAULT : 0;
}

/* Effective, permitted, inheritable: the low words, then the high ones. */
#define CAP_WORDS 6u

/* A thread's, or those of a first thread that has ended and is still there. NULL: there is none. */
static const struct cred *cred_of(int tid)
{
    const struct thread *t = thread_find(tid);
    const struct process *p = t ? NULL : process_find(tid);

    return t ? t->cred : p ? cred_of_process(p) : NULL;
}

int32_t sys_capget(SYSCALL_2_ARGS(header, data))
{
    const struct cred *c = cred_current();
    uint32_t pid, sets[CAP_WORDS];
    int words = cap_words(header, &pid);

    if (words < 0)
        return words;
    if (words == 0)
        return data ? -EINVAL : 0;
    if ((int32_t)pid < 0)
        return -EINVAL;
    if (pid)
        c = cred_of((int)pid);
    if (!c)
        return -ESRCH;
    for (unsigned i = 0; i < 2; i++) {
        sets[3 * i] = (uint32_t)(c->effective >> 32 * i);
        sets[3 * i + 1] = (uint32_t)(c->permitted >> 32 * i);
        sets[3 * i + 2] = (uint32_t)(c->inheritable >> 32 * i);
    }
    return data ? user_copy_out(data, sets, (size_t)words * 12) : 0;
}

int32_t sys_capset(SYSCALL_2_ARGS(header, data))
{
    uint32_t pid, sets[CAP_WORDS] = {0};
    int words = cap_words(header, &pid);
    uint64_t set[3];

    if (words <= 0)
        return words ? words : -EINVAL;
    if (pid && (int)pid != thread_current()->tid)
        return -EPERM;
    if (user_copy_in(sets, data, (size_t)words * 12))
        return -EFAULT;
    for (unsigned i = 0; i < 3; i++)
        set[i] = (sets[i] | (uint64_t)sets[i + 3] << 32) & CAPS_ALL;
    return cred_set_caps(set[0], set[1], set[2]);
}

static int32_t set_securebits(uint32_t bits)
{
    uint32_t old = mine()->securebits;
    struct cred *new;

    if ((((old & SECURE_LOCKS) >> 1) & (old ^ bits)) || (old & SECURE_LOCKS & ~bits) ||
        bits & ~(uint32_t)(SECURE_LOCKS | SECURE_BITS) || !capable(CAP_SETPCAP))
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    new->securebits = bits;
    return finish(new, 0, NULL);
}

static int32_t set_keep_caps(uint32_t on)
{
    struct cred *new;

    if (on > 1)
        return -EINVAL;
    if (mine()->securebits & SECURE_KEEP_CAPS << 1)
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    new->securebits &= ~(uint32_t)SECURE_KEEP_CAPS;
    new->securebits |= on ? SECURE_KEEP_CAPS : 0;
    return finish(new, 0, NULL);
}

static int32_t drop_bound(uint32_t cap)
{
    struct cred *new;

    if (!capable(CAP_SETPCAP))
        return -EPERM;
    if (cap > CAP_LAST)
        return -EINVAL;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    new->bounding &= ~CAP_BIT(cap);
    return finish(new, 0, NULL);
}

static int32_t change_ambient(uint32_t how, uint32_t cap, bool more)
{
    enum { IS_SET = 1, RAISE, LOWER, CLEAR_ALL };
    const struct cred *old = mine();
    struct cred *new;

    if (how == CLEAR_ALL ? cap || more : cap > CAP_LAST || more)
        return -EINVAL;
    if (how == IS_SET)
        return old->ambient >> cap & 1;
    if (how != RAISE && how != LOWER && how != CLEAR_ALL)
        return -EINVAL;
    if (how == RAISE &&
        (!(old->permitted & old->inheritable & CAP_BIT(cap)) || old->securebits & SECURE_NO_AMBIENT_RAISE))
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    new->ambient = how == CLEAR_ALL ? 0
                   : how == RAISE   ? old->ambient | CAP_BIT(cap)
                                    : old->ambient & ~CAP_BIT(cap);
    return finish(new, 0, NULL);
}

int32_t cred_prctl(uint32_t option, uint32_t arg, uint32_t c, uint32_t d, uint32_t e)
{
    switch (option) {
    case PR_GET_KEEPCAPS:
        return !!(mine()->securebits & SECURE_KEEP_CAPS);
    case PR_SET_KEEPCAPS:
        return set_keep_caps(arg);
    case PR_CAPBSET_READ:
        return arg > CAP_LAST ? -EINVAL : (int32_t)(mine()->bounding >> arg & 1);
    case PR_CAPBSET_DROP:
        return drop_bound(arg);
    case PR_GET_SECUREBITS:
        return (int32_t)mine()->securebits;
    case PR_SET_SECUREBITS:
        return set_securebits(arg);
    default:
        return change_ambient(arg, c, d || e);
    }
}
