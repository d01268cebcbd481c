/*
 * Credentials: making them, changing them, and the questions that compare two threads'.
 *
 * Purpose. The ids of users and groups, and the capabilities, that a thread acts with. Rules of calls are in
 * kernel/sys/sys_cred.c, of exec in kernel/life/exec_cred.c, of files in kernel/fs/permission.c.
 *
 * Data. A set of credentials belongs to who has references: threads, and a process whose first thread has
 * left it (process.cred), until it is forgotten. It holds a reference to its user and to its groups. A user
 * is there as long as credentials name it or something is counted for it; root always.
 *
 * Threads are counted for the real user: from cred_begin() on until the thread is freed or, of the first one,
 * its process is forgotten; a change of the real user moves the count.
 *
 * Locking. Everything changes between sleeps.
 *
 * Invariants, checked by cred_verify():
 * INV-CRED-1  A thread in a process has credentials, and acts with the same unless it runs access(2).
 * INV-CRED-2  The user of credentials is that of their real id, and is in the table.
 * INV-CRED-3  Effective capabilities are permitted, and ambient ones permitted and inheritable.
 * INV-CRED-4  A user's count of threads is at least that of those in the tables.
 *
 * Failure. Without memory a change of ids is -EAGAIN or -ENOMEM, and nothing has changed.
 *
 * Source: credentials(7), capabilities(7), setresuid(2), ptrace(2), kill(2).
 */
#include "kernel/proc/cred.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "mm/errno.h"
#include "mm/slab.h"

TALLY(creds, "credentials");
TALLY(users, "users");
TALLY(group_lists, "lists of groups");

#define HASH 64u

static struct user root_user = {.refs = 1};
static struct user *user_hash[HASH] = {&root_user};

struct cred cred_root = {
    .refs = 1, .permitted = CAPS_ALL, .effective = CAPS_ALL, .bounding = CAPS_ALL, .user = &root_user};

/* --- users --- */

static struct user *look_up(uint32_t uid)
{
    struct user *u = user_hash[uid % HASH];

    while (u && u->uid != uid)
        u = u->next;
    return u;
}

struct user *user_get(struct user *u)
{
    u->refs++;
    return u;
}

struct user *user_find(uint32_t uid)
{
    struct user *u = look_up(uid), *new;

    if (u)
        return user_get(u);
    new = vm_alloc(sizeof *new);
    u = look_up(uid);
    if (u) { /* somebody was faster */
        kfree(new);
        return user_get(u);
    }
    if (!new)
        return NULL;
    *new = (struct user){.uid = uid, .refs = 1, .next = user_hash[uid % HASH]};
    user_hash[uid % HASH] = new;
    users.count++;
    return new;
}

void user_put(struct user *u)
{
    struct user **at = &user_hash[u->uid % HASH];

    mm_assert(u->refs > 0, "user %u", u->uid);
    if (--u->refs)
        return;
    mm_assert(!u->threads && !u->signals && !u->flights, "user %u has %u threads, %u signals, %u descriptors",
              u->uid, u->threads, u->signals, u->flights);
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    kfree(u);
    users.count--;
}

/* --- groups --- */

struct groups *groups_create(uint32_t n)
{
    struct groups *g = vm_alloc(sizeof *g);

    if (!g)
        return NULL;
    *g = (struct groups){.refs = 1, .n = n, .gid = vm_table_alloc(n, sizeof *g->gid)};
    if (!g->gid) {
        kfree(g);
        return NULL;
    }
    group_lists.count++;
    return g;
}

struct groups *groups_get(struct groups *g)
{
    if (g)
        g->refs++;
    return g;
}

void groups_put(struct groups *g)
{
    if (!g || --g->refs)
        return;
    vm_table_free(g->gid, g->n, sizeof *g->gid);
    kfree(g);
    group_lists.count--;
}

/* Let what stands at i sink into the heap of n. */
static void sink(uint32_t *heap, uint32_t i, uint32_t n)
{
    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        uint32_t held = heap[i];

        child += child + 1 < n && heap[child + 1] > heap[child];
        if (heap[child] <= held)
            return;
        heap[i] = heap[child];
        heap[child] = held;
    }
}

void groups_sort(struct groups *g)
{
    for (uint32_t i = g->n / 2; i-- > 0;)
        sink(g->gid, i, g->n);
    for (uint32_t n = g->n; n > 1; n--) {
        uint32_t most = g->gid[0];

        g->gid[0] = g->gid[n - 1];
        g->gid[n - 1] = most;
        sink(g->gid, 0, n - 1);
    }
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
    uint32_t from = 0, to = c->groups ? c->groups->n : 0;

    if (gid == c->fsgid)
        return true;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (c->groups->gid[middle] == gid)
            return true;
        if (c->groups->gid[middle] < gid)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

/* --- making and changing --- */

void cred_put(struct cred *c)
{
    if (!c)
        return;
    mm_assert(c->refs > 0, "credentials of user %u", c->uid);
    if (--c->refs)
        return;
    user_put(c->user);
    groups_put(c->groups);
    kfree(c);
    creds.count--;
}

struct cred *cred_prepare(void)
{
    struct cred *c = vm_alloc(sizeof *c);

    if (!c)
        return NULL;
    *c = *thread_current()->cred;
    c->refs = 1;
    user_get(c->user);
    groups_get(c->groups);
    creds.count++;
    return c;
}

int cred_set_uid(struct cred *new, uint32_t uid)
{
    struct user *u;

    if (uid == new->uid)
        return 0;
    u = user_find(uid);
    if (!u)
        return -EAGAIN;
    user_put(new->user);
    new->uid = uid;
    new->user = u;
    return 0;
}

/* Whether the user has more threads than the running process's limit; root never has. */
static bool too_many(const struct user *u, uint32_t more)
{
    return u->uid && u->threads + more > process_current()->rlimit[RLIMIT_NPROC].soft;
}

void cred_act(struct cred *as)
{
    thread_current()->acting = as;
}

void cred_act_again(void)
{
    struct thread *self = thread_current();

    if (self->acting == self->cred)
        return;
    cred_put(self->acting);
    self->acting = self->cred;
}

void cred_commit(struct cred *new)
{
    struct thread *self = thread_current();
    struct process *p = self->process;
    struct cred *old = self->cred;

    if (new->euid != old->euid || new->egid != old->egid || new->fsuid != old->fsuid ||
        new->fsgid != old->fsgid || new->permitted & ~old->permitted) {
        p->dumpable = (uint8_t)dumpable_changed;
        p->death_signal = 0;
    }
    if (new->user != old->user) {
        /* It is too late to refuse: whoever forgets to look would stay root. exec() refuses. */
        self->beyond_limit = too_many(new->user, 0);
        new->user->threads++;
        old->user->threads--;
    }
    self->cred = self->acting = new;
    cred_put(old);
    cred_limit_locks(p);
}

void cred_limit_locks(struct process *p)
{
    uint64_t pages = p->rlimit[RLIMIT_MEMLOCK].soft >> PAGE_SHIFT;

    if (!p->memory)
        return;
    if (pages > UINT32_MAX || (p->threads && cred_of_process(p)->effective & CAP_BIT(CAP_IPC_LOCK)))
        pages = UINT32_MAX;
    p->memory->space->limit.locked = (uint32_t)pages;
}

void cred_fix_caps(struct cred *new, const struct cred *old)
{
    bool was_root = !old->uid || !old->euid || !old->suid, is_root = !new->uid || !new->euid || !new->suid;

    if (new->securebits & SECURE_NO_SETUID_FIXUP)
        return;
    if (was_root && !is_root) {
        if (!(new->securebits &SECURE_KEEP_CAPS))
            new->permitted = new->effective = 0;
        new->ambient = 0;
    }
    if (!old->euid && new->euid)
        new->effective = 0;
    if (old->euid && !new->euid)
        new->effective = new->permitted;
}

void cred_fix_fs_caps(struct cred *new, const struct cred *old)
{
    if (new->securebits & SECURE_NO_SETUID_FIXUP)
        return;
    if (!old->fsuid && new->fsuid)
        new->effective &= ~CAPS_FILES;
    if (old->fsuid && !new->fsuid)
        new->effective |= new->permitted &CAPS_FILES;
}

int cred_set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    const struct cred *old = thread_current()->cred;
    struct cred *new;

    if (!capable(CAP_SETPCAP) && inheritable & ~(old->inheritable | old->permitted))
        return -EPERM;
    if (inheritable & ~(old->inheritable | old->bounding) || permitted & ~old->permitted ||
        effective & ~permitted)
        return -EPERM;
    new = cred_prepare();
    if (!new)
        return -ENOMEM;
    new->effective = effective;
    new->permitted = permitted;
    new->inheritable = inheritable;
    new->ambient &= permitted &inheritable;
    cred_commit(new);
    return 0;
}

/* --- threads and processes --- */

void cred_begin(struct thread *t, struct cred *c)
{
    t->cred = t->acting = c;
    c->user->threads++;
}

void cred_end(struct thread *t)
{
    if (!t->cred)
        return;
    t->cred->user->threads--;
    cred_put(t->cred);
    t->cred = t->acting = NULL;
}

/* The thread keeps a reference of its own, since it still acts until it is freed. */
void cred_leave_to_process(struct thread *t)
{
    struct process *p = t->process;

    mm_assert(!p->cred, "process %d", p->pid);
    p->cred = cred_get(t->cred);
    t->cred->user->threads++;
}

void cred_end_of_process(struct process *p)
{
    if (!p->cred)
        return;
    p->cred->user->threads--;
    cred_put(p->cred);
    p->cred = NULL;
}

bool cred_is_beyond_limit(void)
{
    return too_many(thread_current()->cred->user, 0);
}

int cred_may_have_thread(void)
{
    if (likely(!too_many(thread_current()->cred->user, 1)) || capable(CAP_SYS_RESOURCE) ||
        capable(CAP_SYS_ADMIN))
        return 0;
    return -EAGAIN;
}

const struct cred *cred_of_process(const struct process *p)
{
    return p->cred ? p->cred : p->threads->cred;
}

/* --- who may what to whom --- */

int cred_may_kill(const struct process *p, const struct cred *to, int signo)
{
    const struct cred *self = cred_current();

    if (likely(p == process_current()))
        return 0;
    if (self->euid == to->suid || self->euid == to->uid || self->uid == to->suid || self->uid == to->uid ||
        capable(CAP_KILL))
        return 0;
    return signo == SIGCONT && p->sid == process_current()->sid ? 0 : -EPERM;
}

int cred_may_trace(const struct process *p, const struct cred *to, bool for_files)
{
    const struct cred *self = cred_current();
    uint32_t uid = for_files ? self->fsuid : self->uid, gid = for_files ? self->fsgid : self->gid;

    if (capable(CAP_SYS_PTRACE) || p == process_current()) /* a task of the kernel is no process */
        return 0;
    if (uid != to->uid || uid != to->euid || uid != to->suid || gid != to->gid || gid != to->egid ||
        gid != to->sgid)
        return -EPERM;
    if (p->memory && p->dumpable != DUMPABLE_USER)
        return -EPERM;
    return to->permitted & ~(for_files ? self->effective : self->permitted) ? -EPERM : 0;
}

bool cred_is_owner(const struct cred *to, unsigned cap)
{
    const struct cred *self = cred_current();

    return self->euid == to->uid || self->euid == to->euid || capable((enum capability)cap);
}

/* --- checking --- */

static bool cred_sound(const struct cred *c)
{
    bool ok = true;

    INV("INV-CRED-2", c->refs > 0 && c->user->uid == c->uid && look_up(c->uid) == c->user,
        "credentials of user %u name user %u", c->uid, c->user->uid);
    INV("INV-CRED-3", !(c->effective & ~c->permitted) && !(c->ambient & ~(c->permitted & c->inheritable)),
        "%llx of %llx are effective, %llx ambient", (unsigned long long)c->effective,
        (unsigned long long)c->permitted, (unsigned long long)c->ambient);
    return ok;
}

static bool process_sound(const struct process *p)
{
    bool ok = true;

    INV("INV-CRED-1", p->cred || p->threads, "process %d is nobody", p->pid);
    if (p->cred)
        ok &= cred_sound(p->cred);
    for (const struct thread *t = p->threads; t; t = t->next) {
        INV("INV-CRED-1", t->cred && t->acting && t->cred->user == t->acting->user, "thread %d", t->tid);
        ok &= cred_sound(t->cred);
    }
    return ok;
}

static uint32_t threads_of(const struct user *u)
{
    uint32_t n = 0;

    for (const struct process *p = process_all; p; p = p->all_next) {
        n += p->cred && p->cred->user == u;
        for (const struct thread *t = p->threads; t; t = t->next)
            n += t->cred->user == u;
    }
    return n;
}

bool cred_verify(void)
{
    bool ok = true;

    for (const struct process *p = process_all; p; p = p->all_next)
        ok &= process_sound(p);
    for (unsigned i = 0; ok && i < HASH; i++)
        for (const struct user *u = user_hash[i]; u; u = u->next)
            INV("INV-CRED-4", u->threads >= threads_of(u), "user %u has %u threads, counted %u", u->uid,
                threads_of(u), u->threads);
    return ok;
}
