/*
 * Futexes. A word is known by where it lives: in an object that is mapped shared, by object and offset, so
 * that processes meet there; anything else by space and address. As on Linux, who says that only his process
 * uses the word, and who does not, do not meet.
 *
 * A waiter enters its queue at once when the word is what it expects, without a sleep in between: a
 * wake-up is never spent on one that would not have waited. Waiters are in one of a few lists, by hash
 * of the key, oldest first. One who waits for several words has a waiter for each, all of the same wait
 * queue, and enters them all together: from the first look at a word to that there is no sleep.
 *
 * Locking: lists change between sleeps. A key of an object holds a reference to it.
 *
 * Source: futex(2); Linux's Documentation/locking/robust-futex-ABI.
 */
#include "kernel/proc/futex.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/process.h"
#include "kernel/sched/time.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/layout.h"
#include "mm/slab.h"

TALLY(waiters, "waiters of futexes");

#define BUCKETS 64u

#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3FFFFFFFu
#define BITSET_ANY       0xFFFFFFFFu
#define ROBUST_LIMIT     2048u

#define KEY_SHARED 1u /* in a key's offset, which is of a word */

struct key {
    const void *where; /* struct object or struct space */
    uint32_t page, offset;
    struct object *object; /* referenced, or NULL */
};

/* On the stack of the waiting thread, or allocated by it. */
struct waiting {
    struct key key;
    uint32_t bits;
    struct waiting *next;
    struct waitq *q; /* where the thread sleeps */
    bool queued;
};

static struct bucket {
    struct waiting *head;
} buckets[BUCKETS];

static struct bucket *bucket_of(const struct key *k)
{
    uint32_t h = (uint32_t)(uintptr_t)k->where / 32 + k->page * 31 + k->offset / 4;

    return &buckets[(h ^ h >> 7) % BUCKETS];
}

static bool same(const struct key *a, const struct key *b)
{
    return a->where == b->where && a->page == b->page && a->offset == b->offset;
}

/*
 * One that others may share is looked up by what is mapped there, so the page has to be good; one of one's
 * own that cannot be written never changes, and is refused.
 */
static int key_get(vaddr_t va, bool private, struct key *k)
{
    struct space *s = process_current()->memory->space;
    uint32_t word;

    if (va & 3)
        return -EINVAL;
    if (va >= USER_END)
        return -EFAULT;
    *k = (struct key){.where = s, .page = va >> PAGE_SHIFT, .offset = va & PAGE_MASK};
    if (private)
        return 0;
    k->offset |= KEY_SHARED;
    if (user_read32(&word, va))
        return -EFAULT;
    mutex_lock(&s->lock);
    const struct region *r = region_find(&s->regions, va);

    if (r && !r->object && !(r->flags & REGION_WRITE))
        r = NULL;
    if (r && r->object && r->flags & REGION_SHARED) {
        k->where = k->object = object_get(r->object);
        k->page = r->offset + ((va - r->start) >> PAGE_SHIFT);
    }
    mutex_unlock(&s->lock);
    return r ? 0 : -EFAULT;
}

/* Read a word, and do not sleep after it was read: what it says still holds. */
static int read_now(uint32_t *value, vaddr_t uaddr)
{
    int err = 0;

    while (!err && user_copy_in_atomic(value, uaddr, sizeof *value))
        err = user_read32(value, uaddr); /* brings the page */
    return err;
}

static void key_put(struct key *k)
{
    if (k->object)
        object_put(k->object);
}

static void enqueue(struct waiting *w)
{
    struct waiting **at = &bucket_of(&w->key)->head;

    while (*at)
        at = &(*at)->next;
    w->next = NULL;
    w->queued = true;
    *at = w;
    waiters.count++;
}

static void dequeue(struct waiting *w)
{
    struct waiting **at = &bucket_of(&w->key)->head;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    w->queued = false;
    waiters.count--;
}

static int wake(const struct key *k, uint32_t n, uint32_t bits)
{
    struct waiting *w = bucket_of(k)->head, *next;
    uint32_t woken = 0;

    for (; w && woken < n; w = next) {
        next = w->next;
        if (!same(&w->key, k) || !(w->bits & bits))
            continue;
        dequeue(w);
        os_wake_all(w->q);
        woken++;
    }
    return (int)woken;
}

static int wait(vaddr_t uaddr, bool private, uint32_t value, uint64_t deadline, uint32_t bits);

enum { ARG_UADDR, ARG_PRIVATE, ARG_VALUE, ARG_BITS }; /* in the restart block */

static int32_t restart(struct restart_block *r)
{
    return wait(r->arg[ARG_UADDR], r->arg[ARG_PRIVATE], r->arg[ARG_VALUE], r->deadline_ns, r->arg[ARG_BITS]);
}

/* deadline 0: none. A wait that has one keeps it when a signal without a handler interrupts. */
static int wait(vaddr_t uaddr, bool private, uint32_t value, uint64_t deadline, uint32_t bits)
{
    struct waitq q = {0};
    struct waiting w = {.bits = bits, .q = &q};
    uint32_t now, irq;
    int err;

    if (!bits)
        return -EINVAL;
    err = key_get(uaddr, private, &w.key);
    if (err)
        return err;
    err = read_now(&now, uaddr);
    if (!err && now != value)
        err = -EAGAIN;
    if (!err)
        enqueue(&w);
    irq = os_irq_save();
    while (!err && w.queued)
        err = thread_sleep_until(&q, deadline);
    os_irq_restore(irq);
    if (w.queued)
        dequeue(&w);
    else if (err == -EINTR || err == -ETIMEDOUT)
        err = 0; /* woken, whatever else came at the same time */
    key_put(&w.key);
    if (err != -EINTR)
        return err;
    if (!deadline)
        return -ERESTARTSYS;
    thread_current()->sig.restart = (struct restart_block){
        .fn = restart,
        .deadline_ns = deadline,
        .arg = {[ARG_UADDR] = uaddr, [ARG_PRIVATE] = private, [ARG_VALUE] = value, [ARG_BITS] = bits}};
    return -ERESTART_RESTARTBLOCK;
}

/* --- several words --- */

/* Keys of the first words, as many as there are. */
static int keys_get(struct waiting *w, const struct futex_word *word, uint32_t n, uint32_t *got)
{
    for (*got = 0; *got < n; (*got)++) {
        int err = key_get(word[*got].uaddr, word[*got].private, &w[*got].key);

        if (err)
            return err;
    }
    return 0;
}

/* Whether all words are what is expected, now: 0, -EAGAIN, -EFAULT. To bring a page is to sleep, so that the
 * words are looked at anew; -EINTR: a signal came meanwhile. Sleeps, but not between the looks and a 0. */
static int all_as_expected(const struct futex_word *word, uint32_t n)
{
    uint32_t now;

    for (uint32_t i = 0; i < n;) {
        if (user_copy_in_atomic(&now, word[i].uaddr, sizeof now)) {
            if (user_read32(&now, word[i].uaddr))
                return -EFAULT;
            if (thread_breathe())
                return -EINTR;
            i = 0;
        } else if (now != word[i].value) {
            return -EAGAIN;
        } else {
            i++;
        }
    }
    return 0;
}

/* Leave all queues: the last word that the thread was woken for, or -1. */
static int leave_all(struct waiting *w, uint32_t n)
{
    int woken = -1;

    for (uint32_t i = 0; i < n; i++) {
        if (w[i].queued)
            dequeue(&w[i]);
        else
            woken = (int)i;
    }
    return woken;
}

static int wait_all(struct waiting *w, struct waitq *q, uint32_t n, uint64_t deadline)
{
    uint32_t irq;
    bool woken = false;
    int err = 0, which;

    for (uint32_t i = 0; i < n; i++)
        enqueue(&w[i]);
    irq = os_irq_save();
    while (!err && !woken) {
        err = thread_sleep_until(q, deadline);
        for (uint32_t i = 0; i < n && !woken; i++)
            woken = !w[i].queued;
    }
    os_irq_restore(irq);
    which = leave_all(w, n);
    return which >= 0 ? which : err;
}

int32_t futex_wait_any(const struct futex_word *word, uint32_t n, uint64_t deadline)
{
    struct waitq q = {0};
    struct waiting *w = vm_zalloc(n * sizeof *w);
    uint32_t got;
    int err;

    if (!w)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        w[i] = (struct waiting){.bits = BITSET_ANY, .q = &q};
    err = keys_get(w, word, n, &got);
    if (!err)
        err = all_as_expected(word, n);
    if (!err)
        err = wait_all(w, &q, n, deadline);
    while (got)
        key_put(&w[--got].key);
    kfree(w);
    return err == -EINTR ? -ERESTARTSYS : err;
}

/* --- other operations --- */

static int requeue(vaddr_t from, vaddr_t to, bool private, uint32_t n_wake, uint32_t n_move,
                   const uint32_t *expected)
{
    struct key a, b;
    int err, done = 0;
    uint32_t moved = 0;

    if ((int32_t)n_wake < 0 || (int32_t)n_move < 0)
        return -EINVAL;
    err = key_get(from, private, &a);
    if (err)
        return err;
    err = key_get(to, private, &b);
    if (err)
        goto no_second;
    if (expected) {
        uint32_t now;

        err = read_now(&now, from);
        if (!err && now != *expected)
            err = -EAGAIN;
    }
    if (!err) {
        done = wake(&a, n_wake, BITSET_ANY);

        struct waiting *w = bucket_of(&a)->head, *next;

        for (; w && moved < n_move && !same(&a, &b); w = next) {
            next = w->next;
            if (!same(&w->key, &a))
                continue;
            dequeue(w);
            if (w->key.object)
                object_put(w->key.object);
            w->key = b;
            if (w->key.object)
                object_get(w->key.object);
            enqueue(w);
            moved++;
        }
    }
    key_put(&b);
no_second:
    key_put(&a);
    return err ? err : done + (int)moved;
}

/* FUTEX_WAKE_OP: change a second word, wake waiters of the first, and of the second if its old value
 * says so. */
static int wake_op(vaddr_t uaddr, vaddr_t second, bool private, uint32_t n1, uint32_t n2, uint32_t code)
{
    enum { OP_SET, OP_ADD, OP_OR, OP_ANDN, OP_XOR, OP_SHIFT = 8 };
    enum { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };
    int32_t arg = (int32_t)(code << 8) >> 20, cmp = (int32_t)(code << 20) >> 20;
    uint32_t op = code >> 28 & 7, old, value;
    struct key a, b;
    bool also;
    int err, n;

    if (code >> 28 & OP_SHIFT)
        arg = 1 << (arg & 31);
    if (op > OP_XOR || (code >> 24 & 15) > CMP_GE)
        return -ENOSYS;
    err = key_get(uaddr, private, &a);
    if (err)
        return err;
    err = key_get(second, private, &b);
    if (err)
        goto no_second;
    /* The write may sleep, but only for want of the page; what was read is then read again. */
    err = user_read32(&old, second);
    for (bool stable = false; !err && !stable;) {
        uint32_t again;

        value = op == OP_SET    ? (uint32_t)arg
                : op == OP_ADD  ? old + (uint32_t)arg
                : op == OP_OR   ? old | (uint32_t)arg
                : op == OP_ANDN ? old & ~(uint32_t)arg
                                : old ^ (uint32_t)arg;
        err = user_exchange32(second, old, value, &again);
        stable = again == old;
        old = again;
    }
    if (err)
        goto out;
    switch (code >> 24 & 15) {
    case CMP_EQ:
        also = (int32_t)old == cmp;
        break;
    case CMP_NE:
        also = (int32_t)old != cmp;
        break;
    case CMP_LT:
        also = (int32_t)old < cmp;
        break;
    case CMP_LE:
        also = (int32_t)old <= cmp;
        break;
    case CMP_GT:
        also = (int32_t)old > cmp;
        break;
    default:
        also = (int32_t)old >= cmp;
    }
    n = wake(&a, n1, BITSET_ANY);
    if (also)
        n += wake(&b, n2, BITSET_ANY);
    err = n;
out:
    key_put(&b);
no_second:
    key_put(&a);
    return err;
}

int32_t futex_call(vaddr_t uaddr, uint32_t op, uint32_t value, uint64_t deadline, uint32_t n2, vaddr_t uaddr2,
                   uint32_t value3)
{
    bool private = op & FUTEX_PRIVATE;
    struct key k;
    int n;

    switch (op & FUTEX_COMMAND) {
    case FUTEX_WAIT:
        return wait(uaddr, private, value, deadline, BITSET_ANY);
    case FUTEX_WAIT_BITSET:
        return wait(uaddr, private, value, deadline, value3);
    case FUTEX_WAKE:
        value3 = BITSET_ANY;
        /* fall through */
    case FUTEX_WAKE_BITSET:
        if (!value3)
            return -EINVAL;
        n = key_get(uaddr, private, &k);
        if (n)
            return n;
        n = wake(&k, value, value3);
        key_put(&k);
        return n;
    case FUTEX_REQUEUE:
        return requeue(uaddr, uaddr2, private, value, n2, NULL);
    case FUTEX_CMP_REQUEUE:
        return requeue(uaddr, uaddr2, private, value, n2, &value3);
    case FUTEX_WAKE_OP:
        return wake_op(uaddr, uaddr2, private, value, n2, value3);
    default:
        return -ENOSYS;
    }
}

/* --- robust futexes --- */

/* A lock word that the thread holds, or was about to release: mark it, and let a waiter have it. */
static int robust_one(const struct thread *t, vaddr_t uaddr, bool pending)
{
    uint32_t value, was;
    int err = uaddr & 3 ? -EINVAL : user_read32(&value, uaddr);

    while (!err) {
        if (pending && value == 0) {
            futex_wake_at(uaddr);
            return 0;
        }
        if ((value & FUTEX_TID_MASK) != (uint32_t)t->tid)
            return 0;
        err = user_exchange32(uaddr, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &was);
        if (!err && was == value) {
            if (value & FUTEX_WAITERS)
                futex_wake_at(uaddr);
            return 0;
        }
        value = was;
    }
    return err;
}

void futex_thread_exit(struct thread *t)
{
    vaddr_t head = t->robust_list, entry, next, pending;
    uint32_t offset;

    t->robust_list = 0;
    if (!head || user_read32(&entry, head) || user_read32(&offset, head + 4) ||
        user_read32(&pending, head + 8))
        return;
    pending &= ~1u; /* bit 0 marks a priority-inheriting lock */
    for (unsigned n = 0; (entry & ~1u) != head && n < ROBUST_LIMIT; n++) {
        vaddr_t at = entry & ~1u;

        if (user_read32(&next, at) || (at != pending && robust_one(t, at + offset, false)))
            return;
        entry = next;
    }
    if (pending)
        robust_one(t, pending + offset, true);
}

void futex_wake_at(vaddr_t uaddr)
{
    struct key k;

    if (key_get(uaddr, false, &k) == 0) {
        wake(&k, 1, BITSET_ANY);
        key_put(&k);
    }
}
