/*
 * System V message queues: queues that processes find by a key or a number, and msgctl().
 *
 * Locking: between sleeps. Who sleeps while he uses a queue finds it again by its number. How it fails: as on
 * Linux.
 *
 * Source: msgget(2), msgctl(2).
 */
#include "kernel/ipc/msg.h"
#include "kernel/ipc/message.h"
#include "kernel/ipc/msg_parts.h"
#include "kernel/lib/tally.h"
#include "kernel/proc/capability.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/slab.h"

enum {
    MSG_STAT = 11,
    MSG_INFO = 12,
    MSG_STAT_ANY = 13,
};

#define MSGMNI  32000u
#define MSGMAX  8192u
#define MSGMNB  16384u
#define MSGPOOL (MSGMNI * MSGMNB / 1024)
#define MSGSSZ  16u

TALLY(queues, "message queues");

uint32_t msg_max = MSGMAX, msg_queue_max = MSGMNB;
uint32_t msg_all_count, msg_all_bytes;

static struct msg_queue *queue_of(const struct ipc_perm *p)
{
    return (struct msg_queue *)(uintptr_t)p;
}

/* --- making and removing --- */

static void queue_free(struct msg_queue *q)
{
    kfree(q);
    ipc_give_back(sizeof *q);
    queues.count--;
}

static void discard(struct ipc_perm *p)
{
    queue_free(queue_of(p));
}

static int create(uint32_t key, uint32_t size, uint32_t flags, struct ipc_perm **out)
{
    struct msg_queue *q;

    (void)size;
    if (ipc_keep(sizeof *q))
        return -ENOMEM;
    q = vm_zalloc(sizeof *q);
    if (!q) {
        ipc_give_back(sizeof *q);
        return -ENOMEM;
    }
    queues.count++;
    ipc_perm_init(&q->perm, key, flags);
    q->most = msg_queue_max;
    q->changed = ipc_now();
    *out = &q->perm;
    return 0;
}

struct ipc_ids msg_ids = {IPC_IDS(MSGMNI), .create = create, .discard = discard};

int msg_get(uint32_t key, uint32_t flags)
{
    return ipc_get(&msg_ids, key, 0, flags);
}

static void remove_queue(struct msg_queue *q)
{
    ipc_leave(&msg_ids, &q->perm);
    msg_expel_receivers(q, -EIDRM);
    os_wake_all(&q->senders); /* they do not find it */
    while (q->first) {
        struct message *m = q->first;

        msg_take(q, m);
        message_free(m);
    }
    queue_free(q);
}

void msg_clear(void)
{
    struct ipc_perm *p;

    for (uint32_t i = 0; (p = ipc_from(&msg_ids, &i)) != NULL; i++)
        remove_queue(queue_of(p));
}

bool msg_verify(void)
{
    uint32_t all_count = 0, all_bytes = 0;
    const struct ipc_perm *p;
    bool ok = true;

    for (uint32_t i = 0; (p = ipc_from(&msg_ids, &i)) != NULL; i++) {
        const struct msg_queue *q = queue_of(p);
        uint32_t count = 0, bytes = 0;

        for (const struct message *m = q->first; m; m = m->next, count++)
            bytes += m->size;
        INV("INV-MSG-1", count == q->count && bytes == q->bytes, "%u bytes in %u, counted %u in %u", bytes,
            count, q->bytes, q->count);
        all_count += count;
        all_bytes += bytes;
    }
    INV("INV-MSG-1", all_count == msg_all_count && all_bytes == msg_all_bytes,
        "%u bytes in %u, counted %u in %u", all_bytes, all_count, msg_all_bytes, msg_all_count);
    return ok;
}

void msg_look(const struct ipc_perm *p, struct msg_look *out)
{
    const struct msg_queue *q = queue_of(p);

    *out = (struct msg_look){.bytes = q->bytes,
                             .count = q->count,
                             .sender = q->sender,
                             .receiver = q->receiver,
                             .sent = q->sent,
                             .received = q->received,
                             .changed = q->changed};
}

/* --- msgctl --- */

/* Linux's struct msqid64_ds for i386, and the old one. */
struct msqid64_ds {
    struct ipc_perm64 perm;
    uint64_t stime, rtime, ctime;
    uint32_t cbytes, qnum, qbytes;
    int32_t lspid, lrpid;
    uint32_t unused[2];
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct msqid64_ds) == 88, "Linux's");

struct msqid_ds {
    struct ipc_perm16 perm;
    uint32_t pointers[2];
    int32_t stime, rtime, ctime;
    uint32_t lcbytes, lqbytes;
    uint16_t cbytes, qnum, qbytes, lspid, lrpid, pad;
};
_Static_assert(sizeof(struct msqid_ds) == 56, "Linux's");

struct msginfo {
    uint32_t pool, map, max, mnb, mni, ssz, tql;
    uint16_t seg, pad;
};

static int info(uint32_t command, vaddr_t to)
{
    struct msginfo i = {.pool = MSGPOOL,
                        .map = MSGMNB,
                        .max = msg_max,
                        .mnb = msg_queue_max,
                        .mni = msg_ids.most,
                        .ssz = MSGSSZ,
                        .tql = MSGMNB,
                        .seg = UINT16_MAX};
    int highest = ipc_highest(&msg_ids);

    if (command == MSG_INFO) {
        i.pool = msg_ids.used;
        i.map = msg_all_count;
        i.tql = msg_all_bytes;
    }
    return user_copy_out(to, &i, sizeof i) ? -EFAULT : highest;
}

static uint16_t cut(uint32_t n)
{
    return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

static int tell_old(const struct msqid64_ds *ds, vaddr_t to)
{
    struct msqid_ds ds16 = {.stime = (int32_t)ds->stime,
                            .rtime = (int32_t)ds->rtime,
                            .ctime = (int32_t)ds->ctime,
                            .lcbytes = ds->cbytes,
                            .lqbytes = ds->qbytes,
                            .cbytes = cut(ds->cbytes),
                            .qnum = cut(ds->qnum),
                            .qbytes = cut(ds->qbytes),
                            .lspid = (uint16_t)ds->lspid,
                            .lrpid = (uint16_t)ds->lrpid};

    ipc_narrow(&ds->perm, &ds16.perm);
    return user_copy_out(to, &ds16, sizeof ds16);
}

static int stat_queue(uint32_t id, uint32_t command, vaddr_t to, bool old)
{
    const struct msg_queue *q;
    struct msqid64_ds ds;
    struct ipc_perm *p;
    int err = command == IPC_STAT ? ipc_find(&msg_ids, id, &p) : ipc_find_index(&msg_ids, id, &p);
    int number;

    if (!err && command != MSG_STAT_ANY)
        err = ipc_may(p, 0444);
    if (err)
        return err;
    q = queue_of(p);
    number = command == IPC_STAT ? 0 : (int)p->id;
    ds = (struct msqid64_ds){.stime = q->sent,
                             .rtime = q->received,
                             .ctime = q->changed,
                             .cbytes = q->bytes,
                             .qnum = q->count,
                             .qbytes = q->most,
                             .lspid = q->sender,
                             .lrpid = q->receiver};
    ipc_tell(p, &ds.perm);
    err = old ? tell_old(&ds, to) : user_copy_out(to, &ds, sizeof ds);
    return err ? -EFAULT : number;
}

static int fetch(vaddr_t from, bool old, struct msqid64_ds *ds)
{
    struct msqid_ds ds16;

    if (!old)
        return user_copy_in(ds, from, sizeof *ds) ? -EFAULT : 0;
    if (user_copy_in(&ds16, from, sizeof ds16))
        return -EFAULT;
    ipc_widen(&ds16.perm, &ds->perm);
    ds->qbytes = ds16.qbytes ? ds16.qbytes : ds16.lqbytes;
    return 0;
}

static int set_or_remove(uint32_t id, uint32_t command, vaddr_t buf, bool old)
{
    struct msqid64_ds with;
    struct ipc_perm *p;
    struct msg_queue *q;
    int err = command == IPC_SET ? fetch(buf, old, &with) : 0;

    if (!err)
        err = ipc_find(&msg_ids, id, &p);
    if (!err)
        err = ipc_may_control(p);
    if (err)
        return err;
    q = queue_of(p);
    if (command == IPC_RMID) {
        remove_queue(q);
        return 0;
    }
    if (with.qbytes > msg_queue_max && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    err = ipc_change(p, &with.perm);
    if (err)
        return err;
    q->most = with.qbytes;
    q->changed = ipc_now();
    msg_expel_receivers(q, -EAGAIN); /* they may not be allowed to any more */
    os_wake_all(&q->senders);        /* there may be room */
    return 0;
}

int msg_control(uint32_t id, uint32_t command, vaddr_t buf, bool old)
{
    if ((int32_t)id < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
    case MSG_INFO:
        return info(command, buf);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return stat_queue(id, command, buf, old);
    case IPC_SET:
    case IPC_RMID:
        return set_or_remove(id, command, buf, old);
    default:
        return -EINVAL;
    }
}
