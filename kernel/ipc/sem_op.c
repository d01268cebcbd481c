/*
 * System V semaphores: operations, those who wait for them, and what is undone at the end.
 *
 * The operations of a call are made all, or none and the caller waits. Who waits is in one of two lists of
 * the set, in the order in which they came: those who change something, and those who wait for zeroes only,
 * which keep nobody else from anything. Whoever changes a value looks for those who can go on then, makes
 * their operations for them, and takes them out; a waiter that wakes finds what came of it. So nobody comes
 * between, and who waits longest goes first.
 *
 * After one has gone on, those before it in the list are looked at again only if somebody waits with several
 * operations: a single one that could go on has taken from its semaphore, which helps nobody.
 *
 * Undoing. A group of threads has a list, with an undo for each set of which one of them changed something
 * with SEM_UNDO: what to add to each semaphore when the last of them ends. As on Linux a value stays within
 * its bounds then, and nobody waits.
 *
 * INV-SEM-1  a value is 0 to 32767
 * INV-SEM-2  who is in a list waits, and could not go on
 * INV-SEM-3  all semaphores are those of the sets, between calls
 *
 * Locking: between sleeps. Nothing here but sem_operate(), sem_share_undo() and sem_undo_end() sleeps.
 *
 * Source: semop(2).
 */
#include "kernel/ipc/sem.h"
#include "kernel/ipc/sem_parts.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

#define SEM_UNDO 0x1000
#define OPS_FEW  16u /* of a call, that need no memory */

TALLY(undos, "undos of semaphores");
TALLY(lists, "lists of undos");

/* --- lists of waiters --- */

static struct sem_list *list_of(struct sem_set *s, const struct sem_waiter *w)
{
    return w->changes ? &s->changing : &s->zero;
}

static void enter(struct sem_set *s, struct sem_waiter *w)
{
    struct sem_list *l = list_of(s, w);

    w->next = NULL;
    w->prev = l->last;
    if (l->last)
        l->last->next = w;
    else
        l->first = w;
    l->last = w;
    s->several += w->count > 1;
    w->status = SEM_WAITS;
}

static void leave(struct sem_set *s, struct sem_waiter *w)
{
    struct sem_list *l = list_of(s, w);

    if (w->prev)
        w->prev->next = w->next;
    else
        l->first = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        l->last = w->prev;
    s->several -= w->count > 1;
}

/* It need not wait any more. */
static void finish(struct sem_set *s, struct sem_waiter *w, int status)
{
    leave(s, w);
    w->status = status;
    os_wake_all(&w->q);
}

uint32_t sem_waiting(const struct sem_set *s, uint32_t number, bool for_zero)
{
    const struct sem_waiter *const list[] = {s->changing.first, s->zero.first};
    uint32_t n = 0;

    for (unsigned i = 0; i < ARRAY_LEN(list); i++)
        for (const struct sem_waiter *w = list[i]; w; w = w->next) {
            const struct sem_op *op = &w->op[w->blocking];

            n += op->number == number && (op->change == 0) == for_zero;
        }
    return n;
}

/* --- operations --- */

/* Undo the first n operations. */
static void take_back(struct sem_set *s, const struct sem_waiter *w, uint32_t n)
{
    while (n--) {
        const struct sem_op *op = &w->op[n];

        s->sem[op->number].value -= op->change;
        if (op->flags & SEM_UNDO)
            w->undo->adjust[op->number] = (int16_t)(w->undo->adjust[op->number] + op->change);
    }
}

/* One operation: 0, SEM_WAITS, -ERANGE. */
static int make_one(struct sem_set *s, const struct sem_waiter *w, const struct sem_op *op)
{
    struct semaphore *sem = &s->sem[op->number];
    int32_t value = sem->value + op->change, undo;

    if ((!op->change && sem->value) || value < 0)
        return SEM_WAITS;
    if (value > SEM_VALUE_MAX)
        return -ERANGE;
    if (op->flags & SEM_UNDO) {
        undo = w->undo->adjust[op->number] - op->change;
        if (undo < -SEM_VALUE_MAX - 1 || undo > SEM_VALUE_MAX)
            return -ERANGE;
        w->undo->adjust[op->number] = (int16_t)undo;
    }
    sem->value = value;
    return 0;
}

/* All of them, or none: 0, SEM_WAITS, -EAGAIN, -ERANGE. */
static int make_all(struct sem_set *s, struct sem_waiter *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        int err = make_one(s, w, &w->op[i]);

        if (!err)
            continue;
        take_back(s, w, i);
        w->blocking = i;
        return err == SEM_WAITS && w->op[i].flags & IPC_NOWAIT ? -EAGAIN : err;
    }
    for (uint32_t i = 0; i < w->count; i++)
        s->sem[w->op[i].number].pid = w->pid;
    s->operated = ipc_now();
    return 0;
}

/* Let those go on who wait for zeroes that are there. */
static void settle_zero(struct sem_set *s)
{
    for (struct sem_waiter *w = s->zero.first, *next; w; w = next) {
        int status = make_all(s, w);

        next = w->next;
        if (status != SEM_WAITS)
            finish(s, w, status);
    }
}

void sem_settle(struct sem_set *s)
{
    struct sem_waiter *w, *next;

    settle_zero(s);
    for (w = s->changing.first; w; w = next) {
        int status = make_all(s, w);

        next = w->next;
        if (status == SEM_WAITS)
            continue;
        finish(s, w, status);
        if (status)
            continue;
        settle_zero(s);
        next = s->several ? s->changing.first : w->next;
    }
}

void sem_expel(struct sem_set *s)
{
    while (s->changing.first)
        finish(s, s->changing.first, -EIDRM);
    while (s->zero.first)
        finish(s, s->zero.first, -EIDRM);
    while (s->undos) {
        struct sem_undo *u = s->undos;

        s->undos = u->set_next;
        *u->list_at = u->list_next;
        if (u->list_next)
            u->list_next->list_at = u->list_at;
        vm_table_free(u, 1, sem_undo_bytes(s->count));
        ipc_give_back(sem_undo_bytes(s->count));
        undos.count--;
    }
}

bool sem_verify_set(const struct sem_set *s)
{
    const struct sem_waiter *const list[] = {s->changing.first, s->zero.first};
    uint32_t several = 0;
    bool ok = true;

    for (uint32_t i = 0; i < s->count; i++)
        INV("INV-SEM-1", s->sem[i].value >= 0 && s->sem[i].value <= SEM_VALUE_MAX, "%d", s->sem[i].value);
    for (unsigned i = 0; i < ARRAY_LEN(list); i++)
        for (const struct sem_waiter *w = list[i]; w; w = w->next) {
            INV("INV-SEM-2", w->status == SEM_WAITS && w->changes == !i, "status %d", w->status);
            several += w->count > 1;
        }
    INV("INV-SEM-2", several == s->several, "%u with several operations, counted %u", several, s->several);
    return ok;
}

/* --- undoing --- */

size_t sem_undo_bytes(uint32_t count)
{
    return sizeof(struct sem_undo) + count * sizeof(int16_t);
}

static struct sem_undo *find_undo(const struct sem_undo_list *l, const struct sem_set *s)
{
    struct sem_undo *u = l->first;

    while (u && u->set != s)
        u = u->list_next;
    return u;
}

static void enter_undo(struct sem_undo_list *l, struct sem_set *s, struct sem_undo *u)
{
    u->set = s;
    u->set_next = s->undos;
    u->set_at = &s->undos;
    if (u->set_next)
        u->set_next->set_at = &u->set_next;
    s->undos = u;
    u->list_next = l->first;
    u->list_at = &l->first;
    if (u->list_next)
        u->list_next->list_at = &u->list_next;
    l->first = u;
}

/* The thread's list. NULL: out of memory. Sleeps. */
static struct sem_undo_list *have_list(struct thread *t)
{
    struct sem_undo_list *l;

    if (t->undo)
        return t->undo;
    l = vm_zalloc(sizeof *l);
    if (!l)
        return NULL;
    l->refs = 1;
    t->undo = l; /* only the thread itself comes here */
    lists.count++;
    return l;
}

/* Have an undo for the set: 0, or -errno. Sleeps, but not after it looked for the set last. */
static int have_undo(uint32_t id, struct sem_undo **out)
{
    struct sem_undo_list *l = have_list(thread_current());
    struct sem_undo *u = NULL;
    struct ipc_perm *p;
    struct sem_set *s;
    uint32_t count = 0;
    int err;

    if (!l)
        return -ENOMEM;
    while ((err = ipc_find(&sem_ids, id, &p)) == 0) {
        s = (struct sem_set *)p;
        *out = find_undo(l, s);
        if (*out)
            break;
        if (u) {
            enter_undo(l, s, u); /* of the same set: its number is no other's for long */
            undos.count++;
            *out = u;
            return 0;
        }
        count = s->count;
        err = ipc_keep(sem_undo_bytes(count));
        if (err)
            return err;
        u = vm_table_alloc(1, sem_undo_bytes(count));
        if (!u) {
            ipc_give_back(sem_undo_bytes(count));
            return -ENOMEM;
        }
    }
    if (u) {
        vm_table_free(u, 1, sem_undo_bytes(count));
        ipc_give_back(sem_undo_bytes(count));
    }
    return err;
}

int sem_share_undo(struct thread *child, struct thread *parent)
{
    struct sem_undo_list *l = have_list(parent);

    if (!l)
        return -ENOMEM;
    l->refs++;
    child->undo = l;
    return 0;
}

/* Add what is to be added, within bounds. */
static void undo(struct sem_set *s, const struct sem_undo *u)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct semaphore *sem = &s->sem[i];

        if (!u->adjust[i])
            continue;
        sem->value += u->adjust[i];
        if (sem->value < 0)
            sem->value = 0;
        if (sem->value > SEM_VALUE_MAX)
            sem->value = SEM_VALUE_MAX;
        sem->pid = process_current()->pid;
    }
    s->operated = ipc_now();
    sem_settle(s);
}

void sem_undo_end(struct thread *t)
{
    struct sem_undo_list *l = t->undo;

    t->undo = NULL;
    if (!l || --l->refs)
        return;
    while (l->first) {
        struct sem_undo *u = l->first;
        struct sem_set *s = u->set;
        size_t bytes = sem_undo_bytes(s->count);

        l->first = u->list_next;
        if (u->list_next)
            u->list_next->list_at = &l->first;
        *u->set_at = u->set_next;
        if (u->set_next)
            u->set_next->set_at = u->set_at;
        undo(s, u);
        vm_table_free(u, 1, bytes);
        ipc_give_back(bytes);
        undos.count--;
        might_sleep();
    }
    kfree(l);
    lists.count--;
}

/* --- semop --- */

/* What the operations are, all in all. */
struct request {
    uint32_t highest; /* of the semaphores */
    bool changes, undo;
};

static struct request look_at(const struct sem_op *op, uint32_t count)
{
    struct request r = {0};

    for (uint32_t i = 0; i < count; i++) {
        if (op[i].number > r.highest)
            r.highest = op[i].number;
        r.changes |= op[i].change != 0;
        r.undo |= (op[i].flags & SEM_UNDO) != 0;
    }
    return r;
}

/* Until somebody has made the operations, or there is another reason to go. The set may have gone then. */
static int wait(struct sem_set *s, struct sem_waiter *w, uint64_t deadline)
{
    uint32_t irq = os_irq_save();
    int err = 0;

    enter(s, w);
    while (w->status == SEM_WAITS && !err)
        err = thread_sleep_until(&w->q, deadline);
    os_irq_restore(irq);
    if (w->status != SEM_WAITS)
        return w->status;
    leave(s, w); /* the set is there: it would have told */
    return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

/* deadline: of os_now_ns(), 0: none. */
static int operate(uint32_t id, const struct sem_op *op, uint32_t count, uint64_t deadline)
{
    struct request r = look_at(op, count);
    struct sem_waiter w = {.op = op, .count = count, .pid = process_current()->pid, .changes = r.changes};
    struct ipc_perm *p;
    struct sem_set *s;
    int err = r.undo ? have_undo(id, &w.undo) : 0;

    if (!err)
        err = ipc_find(&sem_ids, id, &p);
    if (err)
        return err;
    s = (struct sem_set *)p;
    if (r.highest >= s->count)
        return -EFBIG;
    err = ipc_may(p, r.changes ? 0222 : 0444);
    if (err)
        return err;
    err = make_all(s, &w);
    if (err == SEM_WAITS)
        return wait(s, &w, deadline);
    if (!err && r.changes)
        sem_settle(s);
    return err;
}

int sem_operate(uint32_t id, vaddr_t ops, uint32_t count, const struct usertime *limit,
                enum usertime_form form)
{
    struct sem_op few[OPS_FEW], *op = few;
    uint64_t ns = 0;
    int err = 0;

    if (count > sem_ops_max)
        return -E2BIG;
    if (!count)
        return -EINVAL;
    if (count > OPS_FEW) {
        op = vm_table_alloc(count, sizeof *op);
        if (!op)
            return -ENOMEM;
    }
    if (user_copy_in(op, ops, count * sizeof *op))
        err = -EFAULT;
    else if ((int32_t)id < 0 || (limit && usertime_ns(limit, form, &ns)))
        err = -EINVAL;
    else
        err = operate(id, op, count, limit ? usertime_after(ns) : 0);
    if (op != few)
        vm_table_free(op, count, sizeof *op);
    return err;
}
